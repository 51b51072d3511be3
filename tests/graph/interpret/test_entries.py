"""What functions are called with, and what of it is remembered."""

import pytest

from per_audit.graph.interpret.entries import Entries
from per_audit.graph.interpret.values import Instance


def test_a_call_that_repeats_an_earlier_one_is_bound_once(project, monkeypatch):
    bound = []
    bind = Entries.bind

    def counted(self, node, owner, arguments):
        bound.append(getattr(node, "name", ""))
        return bind(self, node, owner, arguments)

    monkeypatch.setattr(Entries, "bind", counted)
    calls = "\n".join("held = keep(rows, 3)" for _ in range(30))
    graph = project(
        f"rows = []\ndef keep(rows, size, step=2):\n    rows.append(size)\n    return rows, step\n{calls}\n"
    )
    assert 0 < bound.count("keep") < 5
    assert len([site for site in graph.events.calls.values() if site.targets]) == 30


def test_a_repeated_call_sees_what_a_default_has_become(project, value_of):
    graph = project(
        """
        def outer(start):
            def inner(first=start):
                return first
            return inner()

        low = outer(1)
        high = outer("x")
        """
    )
    assert {atom.value for atom in value_of(graph, 'outer("x")').atoms} == {1, "x"}


def test_a_lambda_is_known_by_what_stands_around_it(project, value_of):
    graph = project("""
        def scaled(n):
            times = lambda x: x * n
            return times(2)

        scaled(3)
        scaled(5)
    """)
    assert value_of(graph, "scaled(3)").literal() == 6
    assert value_of(graph, "scaled(5)").literal() == 10


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("maker=args.maker", {"Few"}),  # whichever the command line says: it may be the default
        ("maker=chosen", {"Few"}),
        ("", {"Few"}),
        ("maker=Many", {"Many"}),
        ("maker=deque", set()),
    ],
)
def test_a_class_that_is_chosen_elsewhere_may_be_the_default(project, value_of, given, made):
    graph = project(f"""
        import argparse
        from collections import deque

        class Few:
            pass

        class Many:
            pass

        def play(steps, maker=Few):
            memory = maker()
            return memory

        parser = argparse.ArgumentParser()
        parser.add_argument("--maker", default=Few)
        args = parser.parse_args()
        held = play(10, {given})
    """)
    assert {atom.node.name for atom in value_of(graph, "maker()").atoms if isinstance(atom, Instance)} == made


@pytest.mark.parametrize(
    ("returned", "made"),
    [
        ("kind(size)", {"Last"}),
        ("Few(size)", {"Few"}),  # whatever it is given
        ("kind(size) if size else Many(kind)", {"Last", "Many"}),
    ],
)
def test_what_a_call_makes_of_its_class_where_there_are_too_many_to_run_each(project, value_of, returned, made):
    calls = "\n".join(f"        make({kind}, {size})" for kind in ("Few", "Many") for size in range(1, 40))
    graph = project(f"""
        class Few:
            pass

        class Many:
            pass

        class Last:
            pass

        def make(kind, size):
            return {returned}

{calls.replace("make(Many", "make(Few") if "Many" in returned else calls}
        held = make(Last, 99)
    """)
    found = value_of(graph, "make(Last, 99)").atoms
    assert {atom.node.name for atom in found if isinstance(atom, Instance)} == made


_HEIR = """
    import random
    from collections import UserList, deque

    class Memory({base}):
        def put(self, *row):
            {put}

        def sample(self, n):
            return {drawn}

    memory = Memory()
    while True:
        action = net(state)
        next_state, reward, done, _ = env.step(action)
        memory.put({row})
        states, actions, rewards, next_states, dones = zip(*memory.sample(32))
        learn(states, actions, rewards, next_states, dones)
"""


@pytest.mark.parametrize(
    ("base", "put", "drawn"),
    [
        ("list", "self.append(row)", "random.sample(self, n)"),
        ("list", "self.append(row)", "[self[i] for i in random.sample(range(len(self)), n)]"),
        ("deque", "self.append(row)", "[self[random.randrange(len(self))] for _ in range(n)]"),
        ("dict", "self[len(self)] = row", "random.sample(list(self.values()), n)"),
        ("UserList", "self.data.append(row)", "random.sample(self.data, n)"),
    ],
)
@pytest.mark.parametrize(("row", "found"), [("state, action, reward, next_state, done", 1), ("net, state", 0)])
def test_an_object_whose_class_is_a_container_holds_what_its_methods_put_into_it(project, base, put, drawn, row, found):
    code = _HEIR.format(base=base, put=put, drawn=drawn, row=row)
    if not found:
        code = code.replace("states, actions, rewards, next_states, dones", "nets, states").replace("dones)", "nets)")
    assert len(project(code).buffers) == found
