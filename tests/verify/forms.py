"""One sound buffer in the many shapes in which people write its interface."""

from __future__ import annotations

import random
from collections import deque, namedtuple

import numpy as np

Step = namedtuple("Step", "state action reward next_state done")


class Core:
    """What all forms share: slots, priorities, draws with weights."""

    def __init__(self, capacity, alpha=0.6, beta=0.4):
        self.capacity, self.alpha, self.beta = capacity, alpha, beta
        self.items, self.position = [], 0
        self.p = np.zeros(capacity)

    def put(self, item, priority=1.0):
        if len(self.items) < self.capacity:
            self.items.append(item)
        else:
            self.items[self.position] = item
        self.p[self.position] = max(self.p.max(), priority)
        self.position = (self.position + 1) % self.capacity

    def pick(self, n):
        mass = self.p[: len(self.items)] ** self.alpha
        mass /= mass.sum()
        slots = np.random.choice(len(self.items), n, p=mass)
        weights = (len(self.items) * mass[slots]) ** -self.beta
        return slots, (weights / weights.max()).astype(np.float32), [self.items[slot] for slot in slots]

    def mark(self, slots, td):
        self.p[np.asarray(slots, dtype=int)] = np.abs(td) + 1e-6


class ColumnsLast(Core):
    def push(self, state, action, reward, next_state, done):
        self.put((state, action, reward, next_state, done))

    def sample(self, batch_size):
        slots, weights, rows = self.pick(batch_size)
        return (*(np.array(column) for column in zip(*rows, strict=True)), weights, slots)

    def update_priorities(self, indices, priorities):
        self.mark(indices, priorities)


class OtherOrder(Core):
    def remember(self, obs, act, next_obs, rew, terminal):
        self.put((obs, act, rew, next_obs, terminal))

    def sample(self, n):
        slots, weights, rows = self.pick(n)
        return slots, [Step(*row) for row in rows], weights

    def batch_update(self, tree_idx, abs_errors):
        self.mark(tree_idx, abs_errors)


class DictBatch(Core):
    def add(self, transition):
        self.put(transition)

    def sample(self, batch_size, beta):
        slots, weights, rows = self.pick(batch_size)
        s, a, r, n, d = (np.array(column) for column in zip(*rows, strict=True))
        return {"obs": s, "acts": a, "rews": r, "next_obs": n, "done": d, "weights": weights, "indices": slots}

    def update_priorities(self, td_errors, idxes):
        self.mark(idxes, td_errors)


class NamedBatch(Core):
    Batch = namedtuple("Batch", "states actions rewards next_states dones weights indexes")

    def append(self, *args):
        self.put(Step(*args))

    def sample(self, batch_size):
        slots, weights, rows = self.pick(batch_size)
        return self.Batch(*(np.array(column) for column in zip(*rows, strict=True)), weights, slots)

    def set_priorities(self, indexes, td_error):
        self.mark(indexes, td_error)


class Pairs(Core):
    def add(self, error, sample):
        self.put(sample, abs(error) + 1e-6)

    def sample(self, n):
        slots, weights, rows = self.pick(n)
        return list(zip(slots.tolist(), rows, strict=True)), weights

    def update(self, idx, error):
        self.p[idx] = abs(error) + 1e-6


class Zipped(Core):
    def store_transition(self, state, action, reward, state_, done):
        self.put((state, action, reward, state_, done))

    def sample_buffer(self, batch_size=32):
        slots, weights, rows = self.pick(batch_size)
        return list(zip(*rows, strict=True)), slots.tolist(), weights.tolist()

    def update_priority(self, index, priority):
        if isinstance(index, (list, np.ndarray)):
            raise TypeError("one index at a time")
        self.mark([index], [priority])


class FixedBatch(Core):
    def __init__(self, obs_shape, max_len, batch_size, alpha, beta, beta_increment):
        super().__init__(max_len, alpha, beta)
        self.batch_size, self.p = batch_size, np.zeros((max_len, 1))

    def add_experience(self, obs, action, reward, next_obs, done):
        self.put((obs, action, reward, next_obs, done))

    def draw_samples(self):
        mass = (self.p[: len(self.items)] ** self.alpha).squeeze(1)
        mass /= mass.sum()
        slots = np.random.choice(len(self.items), self.batch_size, p=mass)
        columns = [
            np.array(column).reshape(self.batch_size, -1)
            for column in zip(*[self.items[s] for s in slots], strict=True)
        ]
        return (*columns, slots, ((len(self.items) * mass[slots]) ** -self.beta).reshape(-1, 1))

    def update_priority(self, idxs, td_errors):
        self.p[idxs] = np.abs(td_errors)


class WithPriority(Core):
    def store(self, state, action, reward, next_state, done, priority):
        self.put((state, action, reward, next_state, done), priority)

    def sample(self, batch_size, beta=0.4):
        slots, weights, rows = self.pick(batch_size)
        return rows, slots.tolist(), weights.tolist()

    def update_priority(self, index, priority):
        self.p[index] = priority


class ObjectBatch(Core):
    class Batch:
        def __init__(self, **fields):
            self.__dict__.update(fields)

    def add(self, obs, next_obs, action, reward, done, infos):
        self.put((obs, action, reward, next_obs, done))

    def sample(self, batch_size):
        slots, weights, rows = self.pick(batch_size)
        s, a, r, n, d = (np.array(column) for column in zip(*rows, strict=True))
        return self.Batch(
            observations=s, actions=a, rewards=r, next_observations=n, dones=d, weights=weights, ids=slots
        )

    def update_priorities(self, ids, td_errors):
        self.mark(ids, td_errors)


class RemembersTheDraw(Core):
    def add(self, state, action, reward, next_state, done):
        self.put((state, action, reward, next_state, done))

    def sample(self, batch_size):
        self.last, weights, rows = self.pick(batch_size)
        return rows, weights

    def update_priorities(self, td_errors):
        self.mark(self.last, td_errors)


class ReusesItsArrays(Core):
    def add(self, state, action, reward, next_state, done):
        self.put((state, action, reward, next_state, done))

    def sample(self, batch_size):
        slots, weights, rows = self.pick(batch_size)
        if not hasattr(self, "out") or len(self.out[1]) != batch_size:
            self.out = (np.zeros((batch_size, 4)), np.zeros(batch_size), np.zeros(batch_size, int))
        self.out[0][:] = [row[0] for row in rows]
        self.out[1][:], self.out[2][:] = weights, slots
        return self.out

    def update_priorities(self, indices, td_errors):
        self.mark(indices, td_errors)


class FlatRows(Core):
    def store(self, transition):
        if not isinstance(transition, np.ndarray):
            raise TypeError("a vector is wanted")
        self.put(transition)

    def sample(self, n):
        slots, weights, rows = self.pick(n)
        return slots, np.array(rows), weights.reshape(n, 1)

    def batch_update(self, tree_idx, abs_errors):
        self.mark(tree_idx, abs_errors)


class Mask(Core):
    """Returns a not-done mask, constant discounts and raw probabilities beside the weights."""

    def add(self, state, action, reward, next_state, mask):
        self.put((state, action, reward, next_state, mask))

    def sample(self, batch_size):
        slots, weights, rows = self.pick(batch_size)
        columns = [np.array(column) for column in zip(*rows, strict=True)]
        return (*columns, self.p[slots], np.full(batch_size, 0.99), weights, slots)

    def update_priorities(self, indices, td_errors):
        self.mark(indices, td_errors)


class UniformDeque:
    def __init__(self, maxlen):
        self.memory = deque(maxlen=maxlen)

    def append(self, transition):
        self.memory.append(transition)

    def sample(self, sample_size):
        return random.sample(self.memory, sample_size)


class Torch(Core):
    def push(self, state, action, reward, next_state, done):
        self.put((state, action, reward, next_state, done))

    def sample(self, batch_size):
        import torch

        slots, weights, rows = self.pick(batch_size)
        states = torch.cat([row[0] for row in rows])
        return states, torch.cat([row[2] for row in rows]), torch.as_tensor(weights), torch.as_tensor(slots)

    def update_priorities(self, indices, td_errors):
        self.mark(indices.numpy(), td_errors.numpy())


class OfSettings(ColumnsLast):
    def __init__(self, cfg, env):
        super().__init__(cfg["buffer_size"], cfg.alpha)
        self.state = np.zeros(env.observation_space.shape)
        self.note = cfg.get("note_to_self", "none")


buffer_limit = 1000


class LimitOfTheModule(ColumnsLast):
    def __init__(self):
        super().__init__(buffer_limit)


class LimitOfTheClass(ColumnsLast):
    max_size = 1000

    def __init__(self):
        super().__init__(self.max_size)


class ShapeAsNumber(ColumnsLast):
    def __init__(self, capacity, input_shape):
        super().__init__(capacity)
        self.states = np.zeros((capacity, input_shape + 0))


class BetaOfZeroRefused(ColumnsLast):
    def sample(self, batch_size, beta=0):
        assert beta > 0
        self.beta = beta
        return super().sample(batch_size)


class SharedList:
    """Its list is made by the class body: one for all objects."""

    items = []

    def __init__(self, capacity):
        self.capacity = capacity

    def add(self, sample):
        self.items.append(sample)
        if len(self.items) > self.capacity:
            self.items.pop(0)

    def sample(self, n):
        return random.sample(self.items, min(n, len(self.items)))


class WantsMagnitudes(ColumnsLast):
    """Its parameter says what it wants, and errors are clipped at 1."""

    def update_priorities(self, indices, abs_errors):
        self.p[np.asarray(indices, dtype=int)] = np.minimum(abs_errors + 1e-6, 1.0)


class BehindAStar(Core):
    def store(self, *args, **kwargs):
        self.put(args)

    def sample(self, *args):
        n, beta = args
        slots, weights, rows = self.pick(n)
        weights = (weights.astype(float) ** (beta / self.beta)).astype(np.float32)
        return (*(np.array(column) for column in zip(*rows, strict=True)), weights, slots)

    def update_priorities(self, new_priorities, indices):
        self.mark(indices, new_priorities)


class PowersOfTwo(ColumnsLast):
    def __init__(self, capacity):
        assert capacity & (capacity - 1) == 0, "the capacity must be a power of two"
        super().__init__(capacity)


class TwoDraws(Core):
    """`sample`, uniform, comes from what it was made of; another method draws by the priorities."""

    def add(self, state, action, reward, next_state, done):
        self.put((state, action, reward, next_state, done))

    def sample(self, batch_size):
        return [self.items[slot] for slot in np.random.randint(len(self.items), size=batch_size)]

    def sample_prioritized(self, batch_size, e, alpha, beta):
        slots, weights, rows = self.pick(batch_size)
        return (*(np.array(column) for column in zip(*rows, strict=True)), slots, weights)

    def update_prios(self, idx, errs):
        self.mark(idx, errs)


class FlatRowsWithoutDone(Core):
    def __init__(self, cap, feature_size):
        super().__init__(cap)
        self.width = 2 * feature_size + 2

    def store(self, transition):
        row = np.zeros(self.width)
        row[:] = transition
        self.put(row)

    def sample(self, n):
        slots, weights, rows = self.pick(n)
        return slots, weights, np.array(rows)

    def update(self, idx, tderr):
        self.mark(idx, tderr)


class Images(ColumnsLast):
    def sample(self, batch_size):
        states, *rest = super().sample(batch_size)
        return (states.transpose(0, 3, 1, 2), *rest)


class SeveralSteps(ColumnsLast):
    """Returns of several steps: what was added last waits for its successors, unless told otherwise."""

    def __init__(self, capacity, n_step=3, reward_size=None):
        super().__init__(capacity)
        self.n_step, self.waiting = n_step, deque()

    def push(self, s, a, r, ns, d):
        self.waiting.append((s, a, r, ns, d))
        if len(self.waiting) == self.n_step:
            self.put(self.waiting.popleft())


class ReturnsProbabilities(Core):
    """What its third item is for, its name says."""

    def add(self, transition):
        self.put(transition)

    def sample(self, batch_size):
        slots, _, rows = self.pick(batch_size)
        mass = self.p[: len(self.items)] ** self.alpha
        probs = mass / mass.sum()
        return rows, slots, probs[slots]

    def update_priorities(self, indices, td_errors):
        self.mark(indices, td_errors)


class SizesAreShapes(Core):
    def __init__(self, max_size, obs_size, act_size, reward_size, alpha):
        super().__init__(max_size, alpha)
        self.obs, self.next_obs = (np.zeros((max_size, *obs_size), np.float32) for _ in range(2))
        self.act, self.reward = np.zeros((max_size, *act_size)), np.zeros((max_size, *reward_size))

    def append(self, obs, act, reward, next_obs, done):
        for column, value in ((self.obs, obs), (self.act, act), (self.reward, reward), (self.next_obs, next_obs)):
            column[self.position] = value
        self.put(self.position)

    def sample_batch(self, batch_size):
        slots, weights, _ = self.pick(batch_size)
        return (self.obs[slots], self.act[slots], self.reward[slots], self.next_obs[slots]), weights, slots

    def update_priorities(self, idxes, priorities):
        self.mark(idxes, priorities)
