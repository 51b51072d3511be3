import io
import json
import os
import pickle
import signal
import stat
import subprocess
import sys
import zipfile
from collections import namedtuple

import numpy as np
import pytest

from experience_replay_optimizer import (
    ColumnStorage,
    CombinedReplayBuffer,
    CombinedSampler,
    FrameStackStorage,
    LapSampler,
    LinearSchedule,
    NextByIndexStorage,
    PrioritizedReplayBuffer,
    PrioritizedSampler,
    RankBasedSampler,
    ReplayBuffer,
    UniformSampler,
)

CAPACITY = 40
Step = namedtuple("Step", "time reward")

SAMPLERS = {
    "prioritised": PrioritizedSampler,
    "textbook": lambda *args, **options: PrioritizedSampler(*args, rare_fraction=0, **options),
    "stratified": lambda *args, **options: PrioritizedSampler(*args, draws="stratified", normalise="buffer", **options),
    "combined": lambda *args, **options: CombinedSampler(*args, normalise="buffer", **options),
    "rank": RankBasedSampler,
    "lap": LapSampler,
    "uniform": UniformSampler,
    "without replacement": lambda *args, **options: UniformSampler(*args, replace=False, **options),
}
STORAGES = {
    "columns": ColumnStorage,
    "declared": lambda: ColumnStorage({"state": ((3, 2), np.float64), "bonus": ((), "i2")}),
    "next by index": NextByIndexStorage,
    "frames": lambda: FrameStackStorage(3),
}


def tensors():
    pytest.importorskip("torch")
    from experience_replay_optimizer import TensorStorage

    return TensorStorage("cpu")


STORAGES["tensors"] = tensors


def fill(buffer, steps, start=0):
    """Transitions of overlapping stacks, rare rewards, updates and draws in between."""
    rng = np.random.default_rng(start)
    for time in range(start, start + steps):
        stack = np.arange(time, time + 4.0)[:, None] + np.array([0.0, 0.5])
        reward = 50.0 if time % 17 == 3 else float(rng.normal())
        buffer.add(stack[:3], time % 5, reward, stack[1:], time % 11 == 10, bonus=np.int16(time))
        if len(buffer) >= 6 and time % 3 == 0:
            indices = buffer.sample(6).indices
            buffer.update_priorities(indices, rng.normal(size=6) * 3)


def fill_objects(buffer, steps, start=0):
    for time in range(start, start + steps):
        buffer.append(Step(np.array([time, 0.5]), 50.0 if time % 17 == 3 else 0.1 * (time % 3)))
        if len(buffer) >= 6 and time % 3 == 0:
            buffer.update_priorities(buffer.sample(6).indices, np.arange(6.0))


def plain(value):
    """Comparable with ==, however arrays and tensors are nested in it."""
    if hasattr(value, "tolist"):
        return str(value.dtype), value.tolist()
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, (list, tuple)) else value


def contents(buffer):
    """Everything that can be seen of a buffer."""
    everything = np.arange(buffer.capacity)
    return plain(
        [
            len(buffer),
            list(buffer),
            buffer.protected,
            buffer.handles,
            buffer.beta,
            buffer.max_priority,
            buffer.stale_updates,
            buffer.sampler.contains(everything),
            buffer.sampler.probabilities(everything, 8),
            buffer.sampler.state()[0],
        ]
    )


def assert_goes_on_equally(one, other, fill=fill):
    """The next 20 draws, and those after more of everything, are the same."""
    assert contents(one) == contents(other)
    for _ in range(2):
        for _ in range(20):
            left, right = one.sample(8), other.sample(8)
            assert plain(list(left.batch)) == plain(list(right.batch))
            assert left.weights.tolist() == right.weights.tolist()
            assert left.indices.tolist() == right.indices.tolist()
        assert contents(one) == contents(other)
        for buffer in (one, other):
            fill(buffer, 15, 1000)


@pytest.mark.parametrize("steps", [0, 9, 25, 130])
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.usefixtures("engine")
def test_each_sampler_goes_on_as_the_saved_one_would(sampler, steps, tmp_path):
    one, other = (ReplayBuffer(SAMPLERS[sampler](CAPACITY, seed=seed)) for seed in (0, 1))
    fill(one, max(steps, 8))
    if not steps:
        one.clear()
    if "uniform" not in sampler and "without" not in sampler:
        one.protect(one.handles[one.handles >= 0][:2])
    one.update_priorities([0], [1.0])  # stale where the buffer has come round
    fill(other, 50, 300)
    one.save(tmp_path / "buffer")
    other.load(tmp_path / "buffer")
    if steps:
        assert_goes_on_equally(one, other)
    else:
        assert contents(one) == contents(other)
        fill(one, 20)
        fill(other, 20)
        assert_goes_on_equally(one, other)


@pytest.mark.parametrize("steps", [9, 130])
@pytest.mark.parametrize("make", [PrioritizedReplayBuffer, CombinedReplayBuffer])
@pytest.mark.parametrize("storage", STORAGES)
def test_each_storage_goes_on_as_the_saved_one_would(storage, make, steps, tmp_path):
    one, other = (make(CAPACITY, storage=STORAGES[storage](), seed=seed) for seed in (0, 1))
    fill(one, steps)
    assert (len(one.protected) > 0) == (steps > 20)
    fill(other, 50, 300)
    one.save(tmp_path / "buffer")
    other.load(tmp_path / "buffer")
    assert_goes_on_equally(one, other)


@pytest.mark.parametrize("steps", [9, 130])
def test_columns_in_files_go_on_as_the_saved_ones_would(steps, tmp_path):
    one, other = (
        PrioritizedReplayBuffer(CAPACITY, storage=ColumnStorage(directory=tmp_path / str(seed)), seed=seed)
        for seed in (0, 1)
    )
    fill(one, steps)
    fill(other, 50, 300)
    one.save(tmp_path / "buffer")
    other.load(tmp_path / "buffer")
    assert_goes_on_equally(one, other)


@pytest.mark.parametrize("storage", ["columns", "next by index"])
def test_objects_go_on_as_the_saved_ones_would(storage, tmp_path):
    one, other = (
        PrioritizedReplayBuffer(CAPACITY, reward="reward", storage=STORAGES[storage](), seed=seed) for seed in (0, 1)
    )
    fill_objects(one, 130)
    assert one.protected.size
    fill(other, 50, 300)
    one.save(tmp_path / "buffer", types=[Step])
    other.load(tmp_path / "buffer", types=[Step])
    assert type(other[0]) is Step
    assert other.storage.state()[1] == {}  # the columns that were there are let go
    assert_goes_on_equally(one, other, fill_objects)
    other.clear()
    fill(other, 50)
    one.load(tmp_path / "buffer", types=[Step])
    other.save(tmp_path / "columns")
    one.load(tmp_path / "columns")
    assert_goes_on_equally(one, other)


def test_objects_may_be_loaded_beside_another_storage_of_columns(tmp_path):
    one = PrioritizedReplayBuffer(CAPACITY, reward="reward", seed=0)
    fill_objects(one, 130)
    one.save(tmp_path / "buffer", types=[Step])
    for storage in ("next by index", "frames"):
        other = PrioritizedReplayBuffer(CAPACITY, reward="reward", storage=STORAGES[storage](), seed=1)
        fill(other, 50, 300)
        other.load(tmp_path / "buffer", types=[Step])
        twin = PrioritizedReplayBuffer(CAPACITY, reward="reward", seed=1)
        twin.load(tmp_path / "buffer", types=[Step])
        assert_goes_on_equally(other, twin, fill_objects)


def test_dict_observations_with_extra_columns(tmp_path):
    one, other = (PrioritizedReplayBuffer(CAPACITY, seed=seed) for seed in (0, 1))
    for time in range(60):
        state = {"image": np.full((2, 2), time, np.uint8), "arm": {"angle": 0.5 * time}}
        one.add(state, [time, 1], float(time), state, False, discount=0.9**time)
    one.save(tmp_path / "buffer")
    other.load(tmp_path / "buffer")
    left, right = one.sample(8).batch, other.sample(8).batch
    assert plain(left.states) == plain(right.states)
    assert plain(left["discount"]) == plain(right["discount"])


def names(directory):
    return sorted(path.name for path in directory.iterdir())


class Own:
    """A schedule of the user's own."""

    def __init__(self, value):
        self.value = value

    def __call__(self):
        return self.value


@pytest.mark.parametrize(
    ("options", "other_options", "betas"),
    [
        ({"beta": LinearSchedule(0.2, 1.0, 10)}, {"beta": 0.5}, [0.36, 0.44]),
        ({"beta": LinearSchedule(0.2, 1.0, 10)}, {"beta": lambda: 0.7}, [0.36, 0.44]),
        ({"beta": 0.5, "beta_increment": 0.2}, {"beta": LinearSchedule(0.2, 1.0, 10)}, [0.9, 1.0]),
        ({"beta": 0.3, "beta_increment": 0.0}, {}, [0.3, 0.3]),
        ({"beta": lambda: 0.25}, {"beta": lambda: 0.75}, [0.75, 0.75]),
        ({"beta": Own(0.25)}, {"beta": Own(0.75)}, [0.75, 0.75]),
    ],
)
def test_schedules_go_on_and_functions_stay_those_of_the_program(options, other_options, betas, tmp_path):
    one = PrioritizedReplayBuffer(CAPACITY, seed=0, **options)
    fill(one, 5)
    one.sample(1)
    one.sample(1)
    one.save(tmp_path / "buffer")
    other = PrioritizedReplayBuffer(CAPACITY, seed=0, **other_options)
    other.load(tmp_path / "buffer")
    seen = [other.beta]
    other.sample(1)
    assert [*seen, other.beta] == pytest.approx(betas)


@pytest.mark.parametrize("kind", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
@pytest.mark.parametrize("same", [True, False])
def test_generators_of_every_kind_go_on(kind, same, tmp_path):
    rng = np.random.Generator(getattr(np.random, kind)(3))
    rng.random(5, np.float32)  # half of a 64-bit number is kept back
    one = PrioritizedReplayBuffer(CAPACITY, rng=rng)
    fill(one, 50)
    one.save(tmp_path / "buffer")
    mine = np.random.Generator(getattr(np.random, kind)(4)) if same else np.random.default_rng(4)
    other = PrioritizedReplayBuffer(CAPACITY, rng=mine)
    other.load(tmp_path / "buffer")
    if same:  # whoever shares the generator goes on sharing it
        assert other.sampler._rng is mine
        rng.random(3)
        mine.random(3)
    assert_goes_on_equally(one, other)


def test_a_buffer_can_be_saved_over_its_own_file_and_under_any_name(tmp_path):
    buffer = PrioritizedReplayBuffer(CAPACITY, seed=0)
    fill(buffer, 30)
    for name in ("buffer", "buffer.pkl", "buffer.pt", "x" * 255, "ä b.zip"):
        path = str(tmp_path / name)
        buffer.save(path)
        buffer.save(path)
        other = PrioritizedReplayBuffer(CAPACITY, seed=1)
        other.load(path)
        assert contents(other) == contents(buffer)
    assert len(names(tmp_path)) == 5
    assert b"pickle" not in (tmp_path / "buffer").read_bytes()


def test_an_update_ignored_as_stale_is_counted_on(tmp_path):
    buffer = PrioritizedReplayBuffer(4, seed=0)
    for time in range(9):
        buffer.add(time, 0, 0.0, time, False)
    buffer.update_priorities([0, 1], [1.0, 1.0])
    buffer.save(tmp_path / "buffer")
    other = PrioritizedReplayBuffer(4, seed=0)
    other.load(tmp_path / "buffer")
    assert other.stale_updates == 2
    other.update_priorities([0, int(other.handles[0])], [1.0, 9.0])
    assert (other.stale_updates, other.max_priority) == (3, 9.0 + 1e-6)
    with pytest.raises(ValueError, match="never returned"):
        other.update_priorities([int(other.handles.max()) + 1], [1.0])


# --- Files that are refused ---


def saved(path, buffer=None):
    if buffer is None:
        buffer = PrioritizedReplayBuffer(CAPACITY, seed=0)
    fill(buffer, 50)
    buffer.save(path)
    return path


def rewrite(path, change):
    """The file with its entries, name -> bytes, changed."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def edit_meta(change):
    def edit(entries):
        meta = json.loads(entries["meta.json"])
        change(meta)
        entries["meta.json"] = json.dumps(meta)

    return edit


def assert_refused(buffer, path, message, **options):
    before = contents(buffer)
    with pytest.raises(ValueError, match=message) as caught:
        buffer.load(path, **options)
    assert str(path) in str(caught.value)
    assert contents(buffer) == before


def npy(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), allow_pickle=True)
    return file.getvalue()


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_bytes(b""), "no buffer that save"),
        (lambda path: path.write_bytes(b"anything at all" * 100), "no buffer that save"),
        (lambda path: path.write_bytes(pickle.dumps({"state": 1})), "no buffer that save"),
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), "no buffer that save"),
        (lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]), "no buffer that save"),
        (lambda path: rewrite(path, lambda entries: entries.pop("meta.json")), "no buffer that save.*meta.json"),
        (lambda path: rewrite(path, lambda entries: entries.pop("objects.bin")), "no buffer that save"),
        (lambda path: rewrite(path, lambda entries: entries.update({"meta.json": "[1]"})), "another format"),
        (lambda path: rewrite(path, lambda entries: entries.update({"meta.json": "{"})), "no buffer that save"),
        (lambda path: rewrite(path, edit_meta(lambda meta: meta.update(format="x"))), "another format"),
        (lambda path: rewrite(path, edit_meta(lambda meta: meta.pop("version"))), "no buffer that save"),
        (lambda path: rewrite(path, lambda entries: entries.update({"handles.npy": b"NUMPY"})), "no buffer that save"),
        (
            lambda path: rewrite(path, lambda entries: entries.update({"handles.npy": npy(np.array([{}], object))})),
            "no buffer that save.*allow_pickle",
        ),
        (lambda path: path.write_bytes(npz(states=np.zeros(3))), "no buffer that save.*meta.json"),
    ],
)
def test_files_that_are_no_buffer_are_refused(spoil, message, tmp_path):
    path = saved(tmp_path / "file")
    spoil(path)
    buffer = PrioritizedReplayBuffer(CAPACITY, seed=7)
    fill(buffer, 60, 500)
    assert_refused(buffer, path, message)


def test_one_changed_byte_is_noticed(tmp_path):
    path = saved(tmp_path / "file")
    whole = path.read_bytes()
    buffer = PrioritizedReplayBuffer(CAPACITY, seed=7)
    fill(buffer, 20, 500)
    with zipfile.ZipFile(path) as archive:
        starts = [entry.header_offset + 200 for entry in archive.infolist() if entry.file_size > 300]
    assert len(starts) > 4
    for at in starts:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert_refused(buffer, path, "damaged")


def test_a_newer_version_is_refused_whatever_is_in_it(tmp_path):
    path = tmp_path / "file"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("meta.json", json.dumps({"format": "experience-replay", "version": 2}))
    buffer = PrioritizedReplayBuffer(CAPACITY, seed=7)
    assert_refused(buffer, path, "has format version 2, and this package reads up to 1")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PrioritizedReplayBuffer(41), "capacity=40, and this buffer has 41"),
        (lambda: PrioritizedReplayBuffer(40, alpha=0.7), "alpha=0.6, and this buffer has 0.7"),
        (lambda: PrioritizedReplayBuffer(40, epsilon=0.1), "epsilon=1e-06, and this buffer has 0.1"),
        (lambda: CombinedReplayBuffer(40), "sampler='PrioritizedSampler', and this buffer has 'CombinedSampler'"),
        (lambda: ReplayBuffer(RankBasedSampler(40)), "sampler='PrioritizedSampler'.*'RankBasedSampler'"),
        (lambda: ReplayBuffer(UniformSampler(40)), "sampler="),
        (
            lambda: PrioritizedReplayBuffer(40, storage=NextByIndexStorage()),
            "storage='ColumnStorage', and this buffer has 'NextByIndexStorage'",
        ),
        (
            lambda: PrioritizedReplayBuffer(40, storage=ColumnStorage({"state": ((3, 2), np.float32)})),
            r"state was saved as \(3, 2\) float64, and is declared as \(3, 2\) float32",
        ),
        (
            lambda: PrioritizedReplayBuffer(40, storage=ColumnStorage({"bonus": ((2,), np.int16)})),
            r"bonus.* was saved as \(\) int16, and is declared as \(2,\) int16",
        ),
    ],
)
@pytest.mark.parametrize("steps", [0, 60])
def test_a_buffer_that_differs_is_refused_and_stays_as_it_was(make, message, steps, tmp_path):
    path = saved(tmp_path / "file")
    buffer = make()
    if steps and "declared" not in message:
        fill(buffer, steps, 500)
    assert_refused(buffer, path, message)


@pytest.mark.parametrize("objects", [True, False])
def test_another_quota_is_refused_where_the_ring_depends_on_it(objects, tmp_path):
    def make(quota):
        return PrioritizedReplayBuffer(40, storage=NextByIndexStorage(), rare_quota=quota, reward="reward", seed=0)

    one, other, empty = make(0.1), make(0.2), make(0.2)
    (fill_objects if objects else fill)(one, 60)
    one.save(tmp_path / "file", types=[Step])
    fill(other, 50, 500)
    if objects:  # they are skipped, whatever the storage of columns
        other.load(tmp_path / "file", types=[Step])
        assert plain(list(other)) == plain(list(one))
    else:
        assert_refused(other, tmp_path / "file", "36 slots were written cyclically, and here 32: set rare_quota")
        assert_refused(empty, tmp_path / "file", "set rare_quota")


SPOILED = {
    "handles of another length": {"handles.npy": npy(np.arange(1))},
    "handles of other slots": {"handles.npy": npy(np.full(CAPACITY, -1))},
    "leaves of another length": {"sampler/leaves.npy": npy(np.ones(1, np.float32))},
    "leaves that are no numbers": {"sampler/leaves.npy": npy(np.full(CAPACITY, np.nan, np.float32))},
    "negative leaves": {"sampler/leaves.npy": npy(np.full(CAPACITY, -1.0, np.float32))},
    "leaves of other slots": {"sampler/leaves.npy": npy(np.zeros(CAPACITY, np.float32))},
    "no leaves": {"sampler/leaves.npy": None},
    "protected slots out of range": {"sampler/set0.npy": npy(np.array([3, CAPACITY + 100]))},
    "protected slots that are negative": {"sampler/set0.npy": npy(np.array([-1]))},
    "protected slots that are no integers": {"sampler/set0.npy": npy(np.array(["a"]))},
    "a column of another length": {"storage/2.npy": npy(np.zeros(1, np.float32))},
    "a longer column": {"storage/1.npy": npy(np.zeros(CAPACITY + 1))},
    "a column is missing": {"storage/4.npy": None},
}


@pytest.mark.parametrize("spoiled", SPOILED)
@pytest.mark.parametrize("directory", [False, True])
def test_arrays_that_do_not_fit_change_nothing(spoiled, directory, tmp_path):
    path = saved(tmp_path / "file")

    def spoil(entries):
        for name, content in SPOILED[spoiled].items():
            assert name in entries
            entries.pop(name) if content is None else entries.update({name: content})

    rewrite(path, spoil)
    storage = ColumnStorage(directory=tmp_path / "columns") if directory else None
    buffer = PrioritizedReplayBuffer(CAPACITY, beta=lambda: 0.7, storage=storage, seed=7)
    twin = PrioritizedReplayBuffer(CAPACITY, beta=lambda: 0.7, seed=7)
    fill(buffer, 60, 500)
    fill(twin, 60, 500)
    rng = buffer.sampler._rng
    assert_refused(buffer, path, "does not fit")
    assert buffer.sampler._rng is rng
    assert_goes_on_equally(buffer, twin)


@pytest.mark.parametrize(
    "change",
    [
        lambda meta: meta.pop("sampler_state"),
        lambda meta: meta.pop("storage_state"),
        lambda meta: meta["sampler_state"].update(generator={"bit_generator": "seed"}),
        lambda meta: meta["sampler_state"]["generator"].update(state={"state": -1, "inc": 1}),
        lambda meta: meta["sampler_state"].update(beta={"kind": "os.system"}),
        lambda meta: meta["sampler_state"].update(detector={}),
        lambda meta: meta["sampler_state"].update(size=7),
        lambda meta: meta["state"].pop("ring"),
        lambda meta: meta["state"]["ring"].pop("lap"),
        lambda meta: meta["state"]["ring"].update(length=7),
    ],
)
def test_metadata_that_makes_no_sense_changes_nothing(change, tmp_path):
    path = saved(tmp_path / "file", PrioritizedReplayBuffer(CAPACITY, beta=LinearSchedule(0.1, 1.0, 1000), seed=0))
    rewrite(path, edit_meta(change))
    for options in ({"beta": lambda: 0.7, "seed": 7}, {"rng": np.random.Generator(np.random.MT19937(7))}):
        buffer = PrioritizedReplayBuffer(CAPACITY, **options)
        fill(buffer, 60, 500)
        global_state = np.random.get_state()[1].tolist()
        rng = buffer.sampler._rng
        assert_refused(buffer, path, "does not fit")
        assert buffer.sampler._rng is rng
        assert np.random.get_state()[1].tolist() == global_state


@pytest.mark.parametrize("storage", ["next by index", "frames", "tensors"])
@pytest.mark.parametrize("entry", ["observations", "sampler/set0"])
def test_other_storages_are_brought_back_too(storage, entry, tmp_path):
    one, other, twin = (PrioritizedReplayBuffer(CAPACITY, storage=STORAGES[storage](), seed=seed) for seed in (0, 1, 1))
    path = saved(tmp_path / "file", one)

    def spoil(entries):
        name = f"{entry}.npy"
        if entry == "observations":
            name = {"tensors": "storage/5.npy"}.get(storage, "storage/pool.0.npy")
        assert name in entries
        entries[name] = npy(np.array(["text"]))

    rewrite(path, spoil)
    fill(other, 60, 500)
    fill(twin, 60, 500)
    assert_refused(other, path, "does not fit")
    assert_goes_on_equally(other, twin)


@pytest.mark.parametrize("entry", ["storage/5", "sampler/leaves", "sampler/generator", "handles"])
def test_a_buffer_of_tensors_is_brought_back_too(entry, tmp_path):
    pytest.importorskip("torch")
    from experience_replay_optimizer import TensorReplayBuffer

    one, other, twin = (TensorReplayBuffer(CAPACITY, beta=lambda: 0.7, seed=seed) for seed in (0, 1, 1))
    path = saved(tmp_path / "file", one)
    rewrite(path, lambda entries: entries.update({f"{entry}.npy": npy(np.array(["text"]))}))
    fill(other, 60, 500)
    fill(twin, 60, 500)
    with pytest.raises(ValueError, match="does not fit"):
        other.load(path)
    for _ in range(20):
        left, right = other.sample(8), twin.sample(8)
        assert left.indices.tolist() == right.indices.tolist()
        assert left.weights.tolist() == right.weights.tolist()
        assert left.batch.states.tolist() == right.batch.states.tolist()
    fill(other, 15, 1000)
    fill(twin, 15, 1000)
    assert (len(other), other.max_priority, other.stale_updates) == (len(twin), twin.max_priority, twin.stale_updates)
    assert other.sample(8).indices.tolist() == twin.sample(8).indices.tolist()


def test_objects_in_a_file_that_do_not_fit_change_nothing(tmp_path):
    path = tmp_path / "file"
    one = PrioritizedReplayBuffer(CAPACITY, reward="reward", seed=0)
    fill_objects(one, 50)
    one.save(path, types=[Step])
    assert_refused(one, path, r"namedtuples Step: pass types=\(Step,\) to load", types=())
    for change in (
        lambda entries: entries.update({"objects.bin": b""}),
        edit_meta(lambda meta: meta["objects"].pop()),
        edit_meta(lambda meta: meta.update(objects=[{"other": 1}])),
    ):
        one.save(path, types=[Step])
        rewrite(path, change)
        for fill_other in (fill, fill_objects):
            other = PrioritizedReplayBuffer(CAPACITY, reward="reward", seed=1)
            fill_other(other, 30, 500)
            assert_refused(other, path, "does not fit", types=[Step])


def test_a_missing_file_is_an_oserror(tmp_path):
    buffer = PrioritizedReplayBuffer(CAPACITY)
    with pytest.raises(FileNotFoundError):
        buffer.load(tmp_path / "file")
    with pytest.raises(IsADirectoryError):
        buffer.load(tmp_path)


# --- Writing ---


def test_what_cannot_be_saved_leaves_the_old_file(tmp_path):
    path = saved(tmp_path / "file")
    before = path.read_bytes()
    buffer = PrioritizedReplayBuffer(CAPACITY)
    buffer.append(object())
    with pytest.raises(TypeError, match="an object of type object cannot be saved"):
        buffer.save(path)
    assert path.read_bytes() == before
    assert names(tmp_path) == ["file"]


def test_an_error_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = saved(tmp_path / "file")
    before = path.read_bytes()

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    buffer = PrioritizedReplayBuffer(CAPACITY, seed=0)
    fill(buffer, 10)
    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, full)
            with pytest.raises(OSError, match="No space left"):
                buffer.save(path)
        assert path.read_bytes() == before
        assert names(tmp_path) == ["file"]
    buffer.save(path)
    assert path.read_bytes() != before


# A process that ends when about half of the arrays are written.
KILLED_WHILE_SAVING = """
import os, signal, sys
import numpy as np
from experience_replay_optimizer import PrioritizedReplayBuffer
write, arrays = np.lib.format.write_array, []
def write_or_die(file, array, **options):
    arrays.append(array)
    if len(arrays) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    write(file, array, **options)
np.lib.format.write_array = write_or_die
buffer = PrioritizedReplayBuffer(int(sys.argv[1]), seed=1)
for time in range(30):
    buffer.add(float(time), 0, 0.0, time + 1.0, False)
buffer.save(sys.argv[2])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL")
def test_a_kill_in_the_middle_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    one = PrioritizedReplayBuffer(CAPACITY, seed=0)
    saved(path, one)
    command = [sys.executable, "-c", KILLED_WHILE_SAVING, str(CAPACITY), str(path)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 2  # what was written so far is there under another name
    other = PrioritizedReplayBuffer(CAPACITY, seed=1)
    other.load(path)
    assert_goes_on_equally(one, other)


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_the_file_has_the_mode_of_any_other_new_file(umask, mode, tmp_path):
    before = os.umask(umask)
    try:
        path = saved(tmp_path / "file")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    path.chmod(0o600)
    saved(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(os.name != "posix", reason="links of POSIX")
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "latest").symlink_to(tmp_path / "elsewhere" / "file")
    saved(tmp_path / "latest")
    assert (tmp_path / "latest").is_symlink()
    assert names(tmp_path / "elsewhere") == ["file"]
    PrioritizedReplayBuffer(CAPACITY).load(tmp_path / "latest")


def test_where_no_file_can_be_made(tmp_path):
    buffer = PrioritizedReplayBuffer(CAPACITY)
    with pytest.raises(FileNotFoundError):
        buffer.save(tmp_path / "missing" / "file")
    (tmp_path / "directory").mkdir()
    with pytest.raises(IsADirectoryError):
        buffer.save(tmp_path / "directory")
    assert names(tmp_path) == ["directory"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_directory_that_cannot_be_written_to(tmp_path):
    path = saved(tmp_path / "file")
    before = path.read_bytes()
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError):
            PrioritizedReplayBuffer(CAPACITY).save(path)
    finally:
        tmp_path.chmod(0o700)
    assert path.read_bytes() == before
