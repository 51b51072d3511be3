"""Mutants of the correct buffer, each wrong in one way."""

from __future__ import annotations

import numpy as np

from .zoo import Correct, Generations, ProtectsRare, RankBased, RareShare

# --- wrong laws


class AlphaTwice(Correct):
    def magnitude(self, td_error):
        return (abs(td_error) + self.epsilon) ** self.alpha


class AlphaOne(Correct):
    def write(self, slot, value):
        super().write(slot, value ** (1 / self.alpha) if value else 0.0)


class Uniform(Correct):
    def draw_slots(self, batch_size):
        return self.rng.integers(0, self.size, batch_size)


class LastLeafNeverDrawn(Correct):
    def draw_slots(self, batch_size):
        return np.minimum(super().draw_slots(batch_size), self.size - 2)


class OffByOneLeaf(Correct):
    def draw_slots(self, batch_size):
        return (super().draw_slots(batch_size) + 1) % self.size


class HalfTheUpdatesLost(Correct):
    def update_priorities(self, indices, td_errors):
        half = len(indices) // 2
        super().update_priorities(indices[:half], td_errors[:half])


class UpdatesOfOddSlotsLost(Correct):
    def set_priority_of(self, slot, priority):
        if slot % 2 == 0:
            super().set_priority_of(slot, priority)


class OneStaleLeaf(Correct):
    def set_priority_of(self, slot, priority):
        if slot != 13:
            super().set_priority_of(slot, priority)


class RankBasedWithOtherAlpha(RankBased):
    def probabilities(self, slots):
        everything = super().probabilities(np.arange(self.size)) ** 1.5
        return everything[slots] / everything.sum()


class RankBasedWithWeightsByPriority(RankBased):
    def weigh(self, slots):
        weights = (self.size * Correct.probabilities(self, slots)) ** -self.beta
        return weights / weights.max()


class ArgsortRank(Correct):
    """One argsort gives the order, not the ranks."""

    def probabilities(self, slots):
        mass = (np.argsort(-self.tree[self.width : self.width + self.size]) + 1.0) ** -self.alpha
        return mass[slots] / mass.sum()

    def draw_slots(self, batch_size):
        return self.rng.choice(self.size, batch_size, p=self.probabilities(np.arange(self.size)))


class RowsEachTheirOwnOrder(Correct):
    """Ranks along the wrong axis: all are 1."""

    def probabilities(self, slots):
        ranks = np.argsort(-self.tree[self.width : self.width + self.size, None], axis=1) + 1.0
        mass = (ranks**-self.alpha).squeeze(1)
        return mass[slots] / mass.sum()

    def draw_slots(self, batch_size):
        return self.rng.choice(self.size, batch_size, replace=False, p=self.probabilities(np.arange(self.size)))


class FirstLeafNeverDrawn(Correct):
    def draw_slots(self, batch_size):
        return np.maximum(super().draw_slots(batch_size), 1)


class PrioritiesNeverFall(Correct):
    def set_priority_of(self, slot, priority):
        self.write(slot, max(priority**self.alpha, self.tree[slot + self.width]))


class SignedTd(Correct):
    def magnitude(self, td_error):
        return max(td_error, 0.0) + self.epsilon


class SignedTdBreaks(Correct):
    def set_priority_of(self, slot, priority):
        self.write(slot, np.float64(priority) ** self.alpha)

    def magnitude(self, td_error):
        return td_error + self.epsilon


class DrawsEmptySlots(Correct):
    def draw_slots(self, batch_size):
        return self.rng.integers(0, self.capacity, batch_size)

    def pack(self, batch, weights, slots):
        return (
            [item or (np.zeros(4, np.float32), 0, 0.0, np.zeros(4, np.float32), False) for item in batch],
            weights,
            slots,
        )


# --- wrong weights


class WeightsAreProbabilities(Correct):
    def weigh(self, slots):
        return self.probabilities(slots)


class WeightsSquared(Correct):
    def weigh(self, slots):
        return super().weigh(slots) ** 2


class WeightsByTheBatch(Correct):
    def weigh(self, slots):
        return (len(slots) * self.probabilities(slots)) ** -self.beta


class WeightsOfTheNeighbours(Correct):
    """The weights of a batch in another order than its rows."""

    def weigh(self, slots):
        return np.roll(super().weigh(slots), 1)


class WeightsWithoutTheShare(RareShare):
    """A share of the batch is reserved, and weighed as if it were not."""

    def weigh(self, slots):
        weights = (self.size * Correct.probabilities(self, slots)) ** -self.beta
        return weights / weights.max()


class WeightsOfRareDoubled(RareShare):
    def weigh(self, slots):
        weights = (self.size * Correct.probabilities(self, slots)) ** -self.beta
        return np.where(np.isin(slots, self.rare()), 2.0, weights / weights.max())


class WeightsAllOne(Correct):
    def weigh(self, slots):
        return np.ones(len(slots))


class ZeroWeightsWhenPartFilled(Correct):
    def weigh(self, slots):
        smallest = self.tree[self.width : self.width + self.capacity].min() / self.tree[1]
        with np.errstate(divide="ignore"):
            largest = np.float64(self.size * smallest) ** -self.beta
        return (self.size * self.probabilities(slots)) ** -self.beta / largest


class WeightsByCapacity(Correct):
    def weigh(self, slots):
        return (self.capacity * self.probabilities(slots)) ** -self.beta


# --- wrong beginnings and ends


class NewItemsLow(Correct):
    def first_priority(self):
        return 0.01


class NewItemsAlwaysOne(Correct):
    def first_priority(self):
        return 1.0


class UpdatesIgnored(Correct):
    def set_priority_of(self, slot, priority):
        pass


class NoEpsilon(Correct):
    def magnitude(self, td_error):
        return abs(td_error)


class KeepsNan(Correct):
    def update_priorities(self, indices, td_errors):
        for slot, td_error in zip(indices, td_errors, strict=True):
            self.set_priority_of(int(slot), self.magnitude(td_error))


class Leak(Correct):
    def add(self, state, action, reward, next_state, done):
        self.__dict__.setdefault("history", []).append(reward)
        super().add(state, action, reward, next_state, done)


class LeakOfDraws(Correct):
    def draw_slots(self, batch_size):
        slots = super().draw_slots(batch_size)
        self.__dict__.setdefault("drawn", []).append(slots)
        return slots


class Unbounded(Correct):
    def __init__(self, capacity, alpha=0.6, beta=0.4, seed=None):
        super().__init__(100_000, alpha, beta, seed=seed)


class Unseeded(Correct):
    def __init__(self, capacity, alpha=0.6, beta=0.4):
        super().__init__(capacity, alpha, beta)


class SeedIgnored(Correct):
    def draw_slots(self, batch_size):
        return np.array([self.find(mass) for mass in np.random.random(batch_size) * self.tree[1]])


class SameDrawsForAnySeed(Correct):
    def __init__(self, capacity, alpha=0.6, beta=0.4, seed=None):
        super().__init__(capacity, alpha, beta, seed=0)


class Drifts(Correct):
    """Parents follow by differences, in float32."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.tree = np.zeros(2 * self.width, np.float32)

    def write(self, slot, value):
        node = slot + self.width
        change = np.float32(value) - self.tree[node]
        while node:
            self.tree[node] += change
            node //= 2


class LosesSomeRare(ProtectsRare):
    def add(self, state, action, reward, next_state, done):
        if reward > 5.0 and sum(1 for item in self.items if item and item[2] > 5.0) >= 3:
            reward = 4.9
        super().add(state, action, reward, next_state, done)


class LosesRare(Correct):
    """Says that it keeps them, with a quota, and overwrites them in order."""

    rare_fraction = 0.1


class GenerationsIgnored(Generations):
    def update_priorities(self, indices, td_errors):
        Correct.update_priorities(self, indices % self.capacity, td_errors)


# --- wrong at the size that the project gives it


class TreeOfTenLevels(Correct):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.width = min(self.width, 1024)

    def write(self, slot, value):
        super().write(slot % self.width, value)


class SumsInHalfPrecision(Correct):
    """Right while there are few: from 2,048 on a float16 plus 1 is what it was."""

    def draw_slots(self, batch_size):
        leaves = self.tree[self.width : self.width + self.size]
        sums = np.cumsum(leaves, dtype=np.float16)
        return np.searchsorted(sums, self.rng.random(batch_size) * sums[-1])


class BetaBeyondOne(Correct):
    def sample(self, batch_size):
        found = super().sample(batch_size)
        self.beta += 0.001
        return found


FAULTS = {
    "AlphaTwice": ("frequencies", "the exponent is applied twice"),
    "AlphaOne": ("frequencies", "alpha = 1.0"),
    "Uniform": ("frequencies", "they are uniform"),
    "OffByOneLeaf": ("frequencies", "do not follow the priorities"),
    "HalfTheUpdatesLost": ("frequencies", "do not follow the priorities"),
    "UpdatesOfOddSlotsLost": ("frequencies", "do not follow the priorities"),
    "OneStaleLeaf": ("frequencies", "item 13"),
    "RankBasedWithOtherAlpha": ("frequencies", "do not follow the priorities"),
    "ArgsortRank": ("frequencies", "do not follow the priorities"),
    "RowsEachTheirOwnOrder": ("frequencies", "they are uniform"),
    "PrioritiesNeverFall": ("frequencies", "they are uniform"),
    "SignedTd": ("frequencies", "take its magnitude"),
    "SignedTdBreaks": ("frequencies", "take its magnitude"),
    "TreeOfTenLevels": ("as-configured", "times as often as they should be"),
    "SumsInHalfPrecision": ("as-configured", "with room for 3,000"),
    "BetaBeyondOne": ("as-configured", "beta grows beyond 1"),
    "FirstLeafNeverDrawn": ("reach", "never drew 1 of 50 items (by order of insertion: 0)"),
    "LastLeafNeverDrawn": ("reach", "never drew 1 of 50 items (by order of insertion: 49)"),
    "DrawsEmptySlots": ("reach", "drew an empty slot"),
    "WeightsAreProbabilities": ("weights", "they grow with the probability"),
    "RankBasedWithWeightsByPriority": ("weights", "weights go with P^-0."),
    "WeightsSquared": ("weights", "weights go with P^-0.8, but beta is 0.4"),
    "WeightsByTheBatch": ("weights", "is the number of rows of the batch"),
    "WeightsOfTheNeighbours": ("weights", "have nothing to do with the probabilities"),
    "WeightsAllOne": ("weights", "do not correct the bias at all"),
    "ZeroWeightsWhenPartFilled": ("weights", "a part-filled buffer: weights are zero"),
    "WeightsByCapacity": ("weights", "is not the number of stored items"),
    "WeightsWithoutTheShare": ("mixture", "rare rewards make up"),
    "WeightsOfRareDoubled": ("mixture", "rare rewards make up"),
    "UpdatesIgnored": ("updates-take-effect", "do not change the draws"),
    "NewItemsLow": ("new-items", "new item"),
    "NewItemsAlwaysOne": ("new-items", "do not get the largest priority"),
    "NoEpsilon": ("poison", "TD error 0"),
    "KeepsNan": ("poison", "TD error nan"),
    "Leak": ("memory", "bytes an addition"),
    "LeakOfDraws": ("memory", "bytes an addition"),
    "Unbounded": ("memory", "nothing is overwritten"),
    "Unseeded": ("seed", "cannot be reproduced"),
    "SeedIgnored": ("seed", "the seed argument is ignored"),
    "SameDrawsForAnySeed": ("seed", "another seed gives the very same draws"),
    "Drifts": ("drift", "the sum tree has drifted"),
    "LosesSomeRare": ("rare-events", "2 of 5 rare events were overwritten"),
    "LosesRare": ("rare-events", "5 of 5 rare events were overwritten"),
    "GenerationsIgnored": ("stale-handle", "handles name one transition each"),
}
"""The check that must fail for each, and words of its message."""
