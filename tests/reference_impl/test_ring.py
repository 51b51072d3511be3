import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experience_replay_optimizer.ring import Ring
from experience_replay_optimizer.samplers.prioritized import PrioritizedSampler
from experience_replay_optimizer.samplers.uniform import UniformSampler


class Rows:
    """A storage that remembers when each row was written."""

    def __init__(self, linked):
        self.linked = linked
        self.opened = None
        self.times = {}

    def open(self, capacity, kept):
        self.opened = capacity, kept

    def keep(self, slot, side):
        assert self.opened[0] - self.opened[1] <= side < self.opened[0]
        self.times[side] = self.times[slot]


class Writer:
    """What a buffer does with its ring, one transition or several at a time."""

    def __init__(self, capacity, quota, linked, rare_fraction=0.25):
        self.sampler = PrioritizedSampler(capacity, rare_fraction=rare_fraction, rare_quota=quota, seed=0)
        self.rows = Rows(linked)
        self.ring = Ring(self.sampler, self.rows)
        self.time = 0
        self.given = {}  # handle -> time, of all handles ever given out

    def one(self, rare=False):
        slot = self.ring.next_slot()
        self.ring.make_room()
        self.write([slot])
        self.ring.written(slot)
        self.sampler.add_one(slot, None, rare)
        self.note()

    def many(self, count):
        slots, run = self.ring.next_slots(count)
        assert slots.dtype == np.int64
        assert run == (np.diff(slots) == 1).all() or not run
        self.ring.make_room()
        self.write(slots.tolist())
        self.ring.written_many(slots, run)
        self.sampler.add_many(slots, None, [False] * count, run)
        self.note()

    def write(self, slots):
        assert len(set(slots)) == len(slots)
        assert max(slots) < self.ring.length
        assert not np.isin(slots, self.sampler.protected).any()
        for slot in slots:
            self.rows.times[slot] = self.time
            self.time += 1

    def stored(self):
        return np.flatnonzero(self.ring.handles >= 0)

    def note(self):
        """No handle ever stands for two transitions, and the last one is the largest."""
        for slot in self.stored().tolist():
            handle = int(self.ring.handles[slot])
            assert handle % self.ring.capacity == slot
            assert self.given.setdefault(handle, self.rows.times[slot]) == self.rows.times[slot]
        assert self.ring.newest_handle == max(self.given)
        assert self.rows.times[self.ring.newest] == self.time - 1

    def check(self):
        assert (self.sampler.contains(np.arange(self.ring.capacity)) == (self.ring.handles >= 0)).all()
        assert len(self.sampler) == len(self.stored())
        order = [self.rows.times[slot] for slot in self.ring.oldest_first().tolist()]
        in_ring = [time for time in order if time >= self.time - self.ring.length]
        assert in_ring == sorted(in_ring)
        assert sorted(order) == sorted(self.rows.times[slot] for slot in self.stored().tolist())
        handles = np.array(sorted(self.given), np.int64)
        assert (
            self.ring.current(handles).tolist() == (self.ring.handles[handles % self.ring.capacity] == handles).tolist()
        )


steps = st.one_of(
    st.tuples(st.just("one"), st.booleans()),
    st.tuples(st.just("many"), st.integers(1, 9)),
    st.tuples(st.just("protect"), st.integers(0, 11)),
    st.tuples(st.just("unprotect"), st.integers(0, 11)),
    st.tuples(st.just("clear"), st.none()),
    st.tuples(st.just("copy"), st.booleans()),
)


@given(st.lists(steps, max_size=60), st.booleans(), st.sampled_from([0.0, 0.2, 0.34]))
@settings(deadline=None, max_examples=200)
def test_any_sequence_of_writes(script, linked, quota):
    writer = Writer(12, quota, linked)
    protected = {}  # time -> None, in order of protection: the model
    limit = writer.sampler.rare_limit
    for what, value in script:
        if what == "one":
            writer.one(value)
            if value and limit:
                protected[writer.time - 1] = None
        elif what == "many":
            free = writer.ring.length if linked else 12 - len(protected)
            if value > free:
                with pytest.raises(ValueError, match="add them in parts"):
                    writer.ring.next_slots(value)
            else:
                writer.many(value)
        elif what == "clear":
            writer.sampler.clear()
            writer.ring.clear()
            writer.rows.times.clear()
            protected.clear()
            assert writer.ring.newest == -1
        elif what == "copy":
            if value:
                writer.ring, writer.sampler, writer.rows = pickle.loads(
                    pickle.dumps((writer.ring, writer.sampler, writer.rows))
                )
            else:
                ring = Ring(writer.sampler, Rows(linked))
                ring.restore(writer.ring.state(), writer.ring.handles)
                ring._storage = writer.rows
                writer.ring = ring
        elif value in writer.stored():
            time = writer.rows.times[value]
            protected.pop(time, None)
            if what == "protect" and limit:
                protected[time] = None
            getattr(writer.sampler, what)([value])
        protected = dict.fromkeys(list(protected)[-limit:] if limit else [])
        assert [writer.rows.times[slot] for slot in writer.sampler.protected.tolist()] == list(protected)
        writer.check()


def test_handles_equal_slots_on_the_first_lap_and_rise_from_then_on():
    writer = Writer(4, 0.0, False)
    seen = []
    for _ in range(10):
        writer.one()
        seen.append(writer.ring.newest_handle)
    assert seen == list(range(10))
    writer.many(3)
    assert writer.ring.handles.tolist() == [12, 9, 10, 11]
    assert writer.ring.oldest_first().tolist() == [1, 2, 3, 0]


def test_a_slot_that_is_written_again_and_again_has_a_new_handle_each_time():
    for batched in (False, True):
        single, crowded = Writer(1, 0.0, False), Writer(4, 0.75, False)
        crowded.many(3)
        crowded.sampler.protect([0, 1, 2])
        for turn in range(3):
            for writer in (single, crowded):
                writer.many(1) if batched else writer.one()
            assert single.ring.newest_handle == turn
            assert crowded.ring.newest_handle == 3 + 4 * turn


def test_a_batch_is_as_if_one_came_after_the_other():
    for linked in (False, True):
        for count in range(1, 9):
            batched, single = Writer(10, 0.2, linked), Writer(10, 0.2, linked)
            for turn in range(12):
                batched.many(count)
                for _ in range(count):
                    single.one()
                for writer in (batched, single):
                    # Protection is by time: where things are may differ by what was moved first.
                    slot = writer.ring.newest
                    if turn % 3 == 0:
                        writer.sampler.protect([slot])
                assert batched.rows.times == single.rows.times
                assert batched.ring.handles.tolist() == single.ring.handles.tolist() or linked
                assert batched.ring.oldest_first().tolist() == single.ring.oldest_first().tolist()


def test_a_protected_slot_is_skipped_or_moved_behind_the_ring():
    skips, moves = Writer(10, 0.2, False), Writer(10, 0.2, True)
    assert (skips.rows.opened, moves.rows.opened) == ((10, 0), (10, 2))
    assert (skips.ring.length, moves.ring.length) == (10, 8)
    for writer in (skips, moves):
        for at in range(25):
            writer.one(rare=at == 3)
    assert skips.sampler.protected.tolist() == [3]
    assert skips.ring.handles[3] == 3
    assert moves.sampler.protected.tolist() == [8]
    assert moves.rows.times[8] == 3
    assert moves.ring.handles[8] > 8
    assert moves.ring.current(np.array([3, moves.ring.handles[8]])).tolist() == [False, True]


def test_without_a_share_for_rare_events_no_rows_are_kept_apart():
    assert Writer(10, 0.2, True, rare_fraction=0.0).rows.opened == (10, 0)
    rows = Rows(True)
    assert Ring(UniformSampler(10), rows).length == 10
    assert rows.opened == (10, 0)


def test_objects_are_not_linked_whatever_the_storage_of_columns():
    writer = Writer(10, 0.2, True)
    writer.ring.hold(objects=True)
    assert (writer.ring.moves, writer.ring.length) == (False, 10)
    for at in range(30):
        writer.one(rare=at == 3)
    assert writer.rows.times[3] == 3
    writer.ring.clear()
    assert (writer.ring.moves, writer.ring.length) == (True, 8)


def test_handles_that_were_never_given_out_are_refused():
    writer = Writer(4, 0.0, False)
    with pytest.raises(ValueError, match="index 0 was never returned"):
        writer.ring.current(np.array([0]))
    assert writer.ring.current(np.empty(0, np.int64)).size == 0
    writer.many(3)
    with pytest.raises(ValueError, match="index 3 was never returned"):
        writer.ring.current(np.array([0, 3]))


def test_what_does_not_fit_is_not_restored():
    writer, other = Writer(10, 0.2, True), Writer(10, 0.1, True)
    writer.many(5)
    before = other.ring.state(), other.ring.handles.tolist()
    with pytest.raises(ValueError, match="8 slots were written cyclically, and here 9: set rare_quota"):
        other.ring.restore(writer.ring.state(), writer.ring.handles)
    with pytest.raises(ValueError, match="there are 1 handles, expected 10"):
        other.ring.restore(other.ring.state(), np.array([3]))
    assert before == (other.ring.state(), other.ring.handles.tolist())
