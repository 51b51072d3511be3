"""The buffers against a model in plain Python that computes everything anew from a list of transitions."""

import importlib.util
import os
import pickle
import tempfile

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from experience_replay_optimizer import CombinedReplayBuffer, PrioritizedReplayBuffer

CAPACITY, QUOTA, RECENT = 12, 3, 2
ALPHA, EPSILON, BETA = 0.7, 1e-3, 0.5
ENGINES = ["numpy"] if importlib.util.find_spec("numba") is None else ["numpy", "numba"]
KERNELS = "EXPERIENCE_REPLAY_KERNELS"


def is_rare_transition(transition):
    return transition[2] > 5


def is_rare_object(item):
    return item[1] > 5


class BufferMachine(RuleBasedStateMachine):
    @initialize(
        combined=st.booleans(),
        normalise=st.sampled_from(["batch", "buffer", None]),
        objects=st.booleans(),
        engine=st.sampled_from(ENGINES),
    )
    def start(self, combined, normalise, objects, engine):
        self.before = os.environ.get(KERNELS)
        os.environ[KERNELS] = engine
        self.combined, self.normalise, self.objects, self.engine = combined, normalise, objects, engine
        self.buffer = self.make(seed=0)
        self.handles = [0]
        self.time = 0
        self.empty()

    def teardown(self):
        if not hasattr(self, "buffer"):
            return
        if self.before is None:
            del os.environ[KERNELS]
        else:
            os.environ[KERNELS] = self.before

    def make(self, seed):
        make = CombinedReplayBuffer if self.combined else PrioritizedReplayBuffer
        return make(
            CAPACITY,
            ALPHA,
            BETA,
            beta_increment=0.0,
            epsilon=EPSILON,
            rare_quota=0.25,
            normalise=self.normalise,
            reward=1,
            is_rare=is_rare_object if self.objects else is_rare_transition,
            seed=seed,
        )

    def empty(self):
        self.slots = [None] * CAPACITY  # slot -> [time of writing, priority]
        self.protected = []
        self.written = []
        self.last = -1
        self.highest = 1.0

    def free(self):
        """The slots in the order in which they would be written, those that are protected now left out."""
        return [
            slot for slot in ((self.last + 1 + at) % CAPACITY for at in range(CAPACITY)) if slot not in self.protected
        ]

    def written_to(self, slot, reward):
        self.slots[slot] = [self.time, self.highest]
        self.written = [one for one in self.written if one != slot] + [slot]
        if reward > 5:
            self.protected = [*self.protected, slot][-QUOTA:]
        self.last = slot
        self.time += 1

    @rule(reward=st.sampled_from([0.0, 1.0, 9.0]))
    def add(self, reward):
        if self.objects:
            self.buffer.append((self.time, reward))
        else:
            self.buffer.add(self.time, 0, reward, self.time, False)
        self.written_to(self.free()[0], reward)

    @rule(rewards=st.lists(st.sampled_from([0.0, 1.0, 9.0]), max_size=CAPACITY + 1))
    def add_batch(self, rewards):
        times = np.arange(self.time, self.time + len(rewards))
        if self.objects:
            self.buffer.extend(zip(times.tolist(), rewards, strict=True))
            for reward in rewards:
                self.written_to(self.free()[0], reward)
            return
        columns = (times, np.zeros(len(rewards)), np.array(rewards), times, np.zeros(len(rewards), bool))
        slots = self.free()  # those of the whole batch, whatever becomes protected with it
        if len(rewards) > len(slots):
            with pytest.raises(ValueError, match="add them in parts"):
                self.buffer.add_batch(*columns)
            return
        self.buffer.add_batch(*columns)
        for slot, reward in zip(slots, rewards, strict=False):
            self.written_to(slot, reward)

    @rule()
    def save_and_load(self):
        other = self.make(seed=1)
        if self.time % 2:  # what was there before is gone
            self.fill(other)
        with tempfile.TemporaryDirectory() as directory:
            self.buffer.save(f"{directory}/buffer")
            other.load(f"{directory}/buffer")
        self.go_on_with(other)

    @rule()
    def copy(self):
        self.go_on_with(pickle.loads(pickle.dumps(self.buffer)))

    def fill(self, buffer):
        for reward in (0.0, 9.0, 1.0):
            if self.objects:
                buffer.append((-1, reward))
            else:
                buffer.add(-1, 0, reward, -1, False)
        buffer.update_priorities(buffer.sample(3).indices, [50.0] * 3)

    def go_on_with(self, twin):
        """The twin draws what the buffer draws, and takes its place."""
        assert twin.stale_updates == self.buffer.stale_updates
        assert twin.handles.tolist() == self.buffer.handles.tolist()
        if len(self.buffer):
            left, right = self.buffer.sample(len(self.buffer)), twin.sample(len(twin))
            assert left.indices.tolist() == right.indices.tolist()
            assert left.weights.tolist() == right.weights.tolist()
        self.buffer = twin
        assert (twin.sampler._index.tree.kernels is None) == (self.engine == "numpy")

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
        assert self.buffer.newest_slot == self.last
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
