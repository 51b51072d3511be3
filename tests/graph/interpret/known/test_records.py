"""Records of libraries."""

import pytest

from per_audit.graph import UNIFORM
from per_audit.graph.interpret.values import Record, RecordType

_FIELDS = "state=state, action=action, reward=reward, next_state=next_state, done=done"
_LOOP = """
    import random
    {imported}

    memory = []
    while True:
        state, action = env.state, net(env.state)
        next_state, reward, done, _ = env.step(action)
        memory.append({row})
        batch = random.sample(memory, 32)
        learn([{read}.reward for one in batch], [{read}.next_state for one in batch])
"""


@pytest.mark.parametrize(
    ("imported", "row"),
    [
        ("from types import SimpleNamespace", f"SimpleNamespace({_FIELDS})"),
        ("import types", f"types.SimpleNamespace({_FIELDS})"),
        ("from easydict import EasyDict", f"EasyDict({_FIELDS})"),
        ("from munch import Munch", f"Munch(dict({_FIELDS}))"),
    ],
)
def test_what_an_object_is_given_by_names_are_the_fields_of_a_row(project, imported, row):
    graph = project(_LOOP.format(imported=imported, row=row, read="one"))
    assert [buffer.kind for buffer in graph.buffers] == [UNIFORM]


@pytest.mark.parametrize("row", ["SimpleNamespace()", "SimpleNamespace(state=state, reward=reward)", "other(reward)"])
def test_an_object_that_is_given_no_transition_is_no_row_of_one(project, row):
    code = _LOOP.format(imported="from types import SimpleNamespace", row=row, read="net(one)")
    code = code.replace(".reward", "").replace(".next_state", "")
    assert not project(code).buffers


def test_columns_in_an_object_are_followed(project):
    names = ("states", "actions", "rewards", "next_states", "dones")
    stored = "\n        ".join(f"past.{name}.append({name[:-1]})" for name in names)
    graph = project(
        f"""
    import random
    from types import SimpleNamespace

    past = SimpleNamespace({", ".join(f"{name}=[]" for name in names)})
    while True:
        state, action = env.state, net(env.state)
        next_state, reward, done, _ = env.step(action)
        {stored}
        at = random.sample(range(len(past.rewards)), 32)
        learn(*([column[i] for i in at] for column in (past.states, past.actions)))
        learn([past.rewards[i] for i in at], [past.next_states[i] for i in at], [past.dones[i] for i in at])
    """
    )
    assert [buffer.kind for buffer in graph.buffers] == [UNIFORM]


@pytest.mark.parametrize("fields", ["'a b'", "'a, b'", "['a', 'b']", "('a', 'b')", "[('a', int), ('b', int)]"])
def test_the_fields_of_a_named_tuple_are_known_however_they_are_written(project, value_of, fields):
    graph = project(f"from collections import namedtuple\nPair = namedtuple('Pair', {fields})\nshown = Pair(1, 2)\n")
    (pair,) = [atom for atom in value_of(graph, "Pair(1, 2)").atoms if isinstance(atom, Record)]
    assert pair.type == RecordType("Pair", ("a", "b"))
