"""Containers of libraries: those that a `defaultdict` makes for a key that is asked for first."""

import pytest

from per_audit.graph import UNIFORM

_NAMES = ("state", "action", "reward", "next_state", "done")
_LOOP = """
    import random
    from collections import defaultdict, deque

    past = {made}
    while True:
        state, action = env.state, net(env.state)
        next_state, reward, done, _ = env.step(action)
        {stored}
        at = random.sample(range(len(past["reward"])), 32)
        batch = {{name: [past[name][i] for i in at] for name in past}}
        learn(batch["state"], batch["action"], batch["reward"], batch["next_state"], batch["done"])
"""
_BY_NAME = "\n        ".join(f"past['{name}'].append({name})" for name in _NAMES)
_IN_TURN = f"for name, value in zip({_NAMES}, ({', '.join(_NAMES)})):\n            past[name].append(value)"


@pytest.mark.parametrize("stored", [_BY_NAME, _IN_TURN])
@pytest.mark.parametrize(
    ("made", "grows"),
    [
        ("defaultdict(list)", True),
        ("defaultdict(deque)", True),
        ("defaultdict(lambda: [])", True),
        ("defaultdict(lambda: deque(maxlen=10000))", False),
    ],
)
def test_columns_that_are_made_when_they_are_first_asked_for_are_a_memory(project, made, grows, stored):
    graph = project(_LOOP.format(made=made, stored=stored))
    (buffer,) = graph.buffers
    assert buffer.kind == UNIFORM
    assert bool(graph.growing_stores(buffer)) is grows


def test_a_column_that_is_taken_out_does_not_grow_for_ever(project):
    graph = project(_LOOP.format(made="defaultdict(list)", stored=f"{_BY_NAME}\n        past.pop(name)"))
    assert not any(map(graph.growing_stores, graph.buffers))


@pytest.mark.parametrize(
    "stored",
    ["past[state].append(reward)", "past['reward'].append(reward)", "past[state, action].append((reward, done))"],
)
def test_what_is_kept_for_each_state_or_as_scores_is_no_memory(project, stored):
    code = """
    import random
    from collections import defaultdict

    past = defaultdict(list)
    while True:
        state, action = env.state, net(env.state)
        next_state, reward, done, _ = env.step(action)
        {stored}
        learn(state, random.choice(past[state]), random.sample(past["reward"], 8))
    """
    assert not project(code.format(stored=stored)).buffers


_COLUMNS = """
    import numpy as np
    {imported}

    {made}
    count = 0
    while True:
        state, action = env.state, net(env.state)
        next_state, reward, done, _ = env.step(action)
        {stored}
        count += 1
        at = np.random.randint(0, count, 32)
        learn({read})
"""
_LETTERS = dict(zip("sarnd", _NAMES, strict=True))


@pytest.mark.parametrize(
    ("imported", "made"),
    [
        ("import h5py", "file = h5py.File('past.h5', 'w'); {key} = file.create_dataset('{key}', (10000, 4))"),
        ("import h5py", "file = h5py.File('past.h5', 'w'); {key} = file.create_group('past').create_dataset('{key}')"),
        ("import zarr", "{key} = zarr.zeros((10000, 4))"),
        ("import zarr", "{key} = zarr.open('{key}.zarr', mode='w', shape=(10000, 4))"),
        ("import zarr", "{key} = zarr.open_group('past.zarr', mode='w').zeros('{key}', shape=(10000, 4))"),
        (
            "from numpy.lib.format import open_memmap",
            "{key} = open_memmap('{key}.npy', mode='w+', shape=(10000, 4))",
        ),
    ],
)
@pytest.mark.parametrize("kept", [True, False])
def test_columns_in_files_are_a_memory_where_the_program_makes_them(project, imported, made, kept):
    stored = "; ".join(f"{key}[count % 10000] = {name}" for key, name in _LETTERS.items()) if kept else "pass"
    code = _COLUMNS.format(
        imported=imported,
        made="; ".join(made.format(key=key) for key in _LETTERS),
        stored=stored,
        read=", ".join(f"{key}[at]" for key in _LETTERS),
    )
    assert [buffer.kind for buffer in project(code).buffers] == ([UNIFORM] if kept else [])


@pytest.mark.parametrize("made", ["h5py.File('past.h5')", "zarr.open('past.zarr')", "np.load('past.npz')"])
def test_columns_of_a_file_that_is_opened_are_data_that_the_program_is_given(project, made):
    code = _COLUMNS.format(
        imported="import h5py, zarr",
        made=f"file = {made}",
        stored="pass",
        read=", ".join(f"file['{name}'][at]" for name in _NAMES),
    )
    assert not project(code).buffers


@pytest.mark.parametrize("stored", [True, False])
def test_a_file_holds_what_was_made_in_it(project, stored):
    put = "; ".join(f"file['{name}'][count] = {name}" for name in _NAMES) if stored else "pass"
    code = _COLUMNS.format(
        imported="import h5py",
        made=f"file = h5py.File('past.h5', 'w'); [file.create_dataset(name, (10000, 4)) for name in {_NAMES}]",
        stored=put,
        read=", ".join(f"file['{name}'][at]" for name in _NAMES),
    )
    assert [buffer.kind for buffer in project(code).buffers] == ([UNIFORM] if stored else [])


@pytest.mark.parametrize("read", ["past[at]['{}']", "past['{}'][at]"])
def test_the_fields_of_a_structured_array_are_its_columns(project, read):
    code = _COLUMNS.format(
        imported="",
        made=f"past = np.zeros(10000, dtype=[(name, 'f4') for name in {_NAMES}])",
        stored="; ".join(f"past['{name}'][count % 10000] = {name}" for name in _NAMES),
        read=", ".join(read.format(name) for name in _NAMES),
    )
    assert [buffer.kind for buffer in project(code).buffers] == [UNIFORM]
