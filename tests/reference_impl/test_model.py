"""The buffers against a model in plain Python that computes everything anew from a list of transitions."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from experience_replay_optimizer import CombinedReplayBuffer, PrioritizedReplayBuffer

CAPACITY, QUOTA, RECENT = 12, 3, 2
ALPHA, EPSILON, BETA = 0.7, 1e-3, 0.5


class BufferMachine(RuleBasedStateMachine):
    @initialize(combined=st.booleans(), normalise=st.sampled_from(["batch", "buffer", None]), objects=st.booleans())
    def start(self, combined, normalise, objects):
        make = CombinedReplayBuffer if combined else PrioritizedReplayBuffer
        self.buffer = make(
            CAPACITY,
            ALPHA,
            BETA,
            beta_increment=0.0,
            epsilon=EPSILON,
            rare_quota=0.25,
            normalise=normalise,
            reward=1,
            is_rare=lambda item: item[2] > 5 if not objects else item[1] > 5,
            seed=0,
        )
        self.combined, self.normalise, self.objects = combined, normalise, objects
        self.handles = [0]
        self.time = 0
        self.empty()

    def empty(self):
        self.slots = [None] * CAPACITY  # slot -> [time of writing, priority]
        self.protected = []
        self.written = []
        self.last = -1
        self.highest = 1.0

    @rule(reward=st.sampled_from([0.0, 1.0, 9.0]))
    def add(self, reward):
        slot = (self.last + 1) % CAPACITY
        while slot in self.protected:
            slot = (slot + 1) % CAPACITY
        if self.objects:
            self.buffer.append((self.time, reward))
        else:
            self.buffer.add(self.time, 0, reward, self.time, False)
        self.slots[slot] = [self.time, self.highest]
        self.written = [one for one in self.written if one != slot] + [slot]
        if reward > 5:
            self.protected = [*self.protected, slot][-QUOTA:]
        self.last = slot
        self.time += 1

    @rule(at=st.integers(0, CAPACITY - 1), protect=st.booleans())
    def protect(self, at, protect):
        if self.slots[at] is None:
            return
        handle = self.handle(at)
        rest = [slot for slot in self.protected if slot != at]
        if protect:
            self.buffer.protect([handle])
            self.protected = [*rest, at][-QUOTA:]
        else:
            self.buffer.unprotect([handle])
            self.protected = rest

    def handle(self, slot):
        return int(self.buffer.handles[slot])

    @precondition(lambda self: len(self.buffer))
    @rule(batch=st.integers(1, CAPACITY), td=st.lists(st.floats(-100, 100), min_size=CAPACITY, max_size=CAPACITY))
    def sample_and_update(self, batch, td):
        batch = min(batch, len(self.buffer))
        drawn, weights, indices = self.buffer.sample(batch)
        self.handles += indices.tolist()
        slots = self.buffer.slots(indices)
        assert [row[0] for row in drawn] == [self.slots[slot][0] for slot in slots]
        density = self.density(batch)
        expected = np.array([(len(self.buffer) * density[slot]) ** -BETA for slot in slots])
        if self.normalise == "batch":
            expected /= expected.max()
        if self.normalise == "buffer":
            expected /= (len(self.buffer) * min(density.values())) ** -BETA
        np.testing.assert_allclose(weights, expected, rtol=1e-5)
        self.buffer.update_priorities(indices, td[:batch])
        for slot, error in zip(slots, td, strict=False):
            self.slots[slot][1] = abs(error) + EPSILON
            self.highest = max(self.highest, abs(error) + EPSILON)

    def density(self, batch):
        stored = {slot: entry[1] ** ALPHA for slot, entry in enumerate(self.slots) if entry}
        rare = min(int(0.1 * batch + 0.5) if self.combined else batch // 4, 2 * len(self.protected), batch - 1)
        recent = min(int(0.2 * batch + 0.5), batch - 1 - rare) if self.combined else 0
        newest = self.written[-RECENT:]
        return {
            slot: (batch - rare - recent) / batch * leaf / sum(stored.values())
            + (rare / batch / len(self.protected) if slot in self.protected else 0)
            + (recent / batch / len(newest) if slot in newest else 0)
            for slot, leaf in stored.items()
        }

    @rule(data=st.data())
    def update_with_any_handle_ever_seen(self, data):
        handle = data.draw(st.sampled_from(self.handles))
        slot = handle % CAPACITY
        fresh = self.slots[slot] is not None and self.handle(slot) == handle
        if not fresh and self.time == 0:
            return  # a handle that was never returned
        before = self.buffer.stale_updates
        self.buffer.update_priorities([handle], [3.0])
        assert self.buffer.stale_updates == before + (not fresh)
        if fresh:
            self.slots[slot][1] = 3.0 + EPSILON
            self.highest = max(self.highest, 3.0 + EPSILON)

    @rule()
    def clear(self):
        self.buffer.clear()
        self.empty()

    @invariant()
    def same_contents(self):
        if not hasattr(self, "buffer"):
            return
        order = sorted(entry[0] for entry in self.slots if entry)
        assert [row[0] for row in self.buffer] == order
        assert len(self.buffer) == len(order)
        assert self.buffer.slots(self.buffer.protected).tolist() == self.protected
        assert self.buffer.max_priority == self.highest
        leaves = [entry[1] ** ALPHA if entry else 0.0 for entry in self.slots]
        tree = self.buffer.sampler._index.tree
        np.testing.assert_allclose(tree[np.arange(CAPACITY)], leaves, rtol=1e-6)
        np.testing.assert_allclose(tree.total, tree.leaves.sum(dtype=np.float64), rtol=1e-15)


TestBuffers = BufferMachine.TestCase
TestBuffers.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
