"""What assignments bind, and what is put into containers."""

import pytest

from per_audit.graph.interpret.roles import ACTION, NEXT, REWARD
from per_audit.graph.interpret.values import Instance, Record, TupleOf


def literals(value):
    """The constants that a value may be."""
    return {atom.value for atom in value.atoms if hasattr(atom, "value")}


def fields(value):
    """The names and constants of the one record that a value is."""
    (record,) = [atom for atom in value.atoms if isinstance(atom, Record)]
    return {name: literals(item) for name, item in zip(record.type.fields, record.items, strict=True)}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x = y = 1", {1}),
        ("a, x = 2, 1", {1}),
        ("(a, (x, b)) = 2, (1, 3)", {1}),
        ("[a, *b, x] = 2, 3, 4, 1", {1}),
        ("a, *b, x = 2, 1", {1}),
        ("x, *b = 1, 2, 3", {1}),
        ("a, x = 2, 1, 3", set()),
        ("a, *b, x, c = 2, 1", set()),
        ("for x in (1, 2): pass", {1, 2}),
        ("with open('f') as x: pass", set()),
    ],
)
def test_a_target_list_gets_the_items_in_their_places(project, value_of, code, expected):
    graph = project(f"{code}\nshown = (x)\n")
    assert literals(value_of(graph, "x")) == expected


def test_a_starred_target_gets_the_rest(project, value_of):
    graph = project("a, *rest, b = 1, 2, 3, 4\nshown = rest\n")
    (rest,) = [atom for atom in value_of(graph, "rest").atoms if isinstance(atom, TupleOf)]
    assert [literals(item) for item in rest.items] == [{2}, {3}]


def test_what_cannot_be_taken_apart_still_taints_each_name(project, value_of):
    graph = project(
        """
        import random
        rows = [1]
        rows.append((1, 2))
        a, b = unknown(random.sample(rows, 2))
        shown = b
        """
    )
    assert {kind for kind, _ in value_of(graph, "b").tags} == {"draw"}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("d = {'a': 1}\nd['b'] = 2", {"a": {1}, "b": {2}}),
        ("d = {'a': 1}\nd['a'] = 2", {"a": {2}}),
        ("d = {'a': 1}\nd[key] = 2", {"a": {1}}),
        ("d = {'a': 1}\nd['b'] = 2\nd['c'] = 3", {"a": {1}, "b": {2}, "c": {3}}),
    ],
)
def test_a_name_that_holds_a_dict_display_learns_its_new_keys(project, value_of, code, expected):
    graph = project(f"{code}\nshown = d\n")
    assert fields(value_of(graph, "d")) == expected


def test_a_dict_with_very_many_keys_is_not_followed_further(project, value_of):
    code = "d = {'a': 1}\n" + "".join(f"d['k{number}'] = {number}\n" for number in range(60)) + "shown = d\n"
    assert len(fields(value_of(project(code), "d"))) < 60


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("self.rows[0] = value", "index"),
        ("self.rows += [value]", "extend"),
        ("self.rows[0] += value", "index"),
    ],
)
def test_what_is_put_into_a_container_is_recorded(project, code, how):
    graph = project(
        f"""
        class Memory:
            def __init__(self):
                self.rows = [None] * 9

            def add(self, value):
                {code}

        Memory().add(7)
        """
    )
    (store,) = graph.events.stores.values()
    assert store.how == how
    assert store.function.name == "add"
    assert store.path == "main.py"


def test_a_column_that_is_named_for_a_field_holds_nothing_that_a_policy_says(project):
    graph = project("""
    import numpy as np

    class Memory:
        def __init__(self): self.actions = np.zeros(9)
        def put(self, given): self.actions[0] = given

    def fill(memory: Memory, log_prob, action):
        memory.put(log_prob)
        memory.put(action)
    """)
    (store,) = graph.events.stores.values()
    assert store.roles == {"action"}


def test_the_role_of_what_is_stored_is_told_by_the_target_where_the_value_has_none(project):
    graph = project(
        """
        import numpy as np

        class Memory:
            def __init__(self):
                self.rewards, self.data = np.zeros(9), {"next_state": np.zeros(9)}

            def add(self, x, y, action):
                self.rewards[0] = x
                self.data["next_state"][0] = y
                self.rewards[1] = action

        Memory().add(1, 2, 3)
        """
    )
    roles = {graph.source("main.py", store.node): store.roles for store in graph.events.stores.values()}
    assert roles["self.rewards[0] = x"] == {REWARD}
    assert roles['self.data["next_state"][0] = y'] == {NEXT}
    assert roles["self.rewards[1] = action"] == {ACTION}


def test_an_item_of_an_object_goes_through_its_method(project, value_of):
    graph = project(
        """
        class Memory:
            def __setitem__(self, at, row):
                shown = row

        memory = Memory()
        memory[3] = 5
        """
    )
    assert literals(value_of(graph, "row")) == {5}


RESET = """
    class Memory:
        def __init__(self):
            self.rows = []
            self.rows = []

        def add(self, row):
            self.rows.append(row)

        def {name}(self):
            {code}

    memory = Memory()
    memory.add(1)
    memory.{name}()
"""


@pytest.mark.parametrize(
    ("name", "code", "resets"),
    [
        ("clear", "self.rows = []", 1),
        ("clear", "self.rows = [1, 2]", 1),
        ("setup", "self.rows = []", 0),
        ("clear", "self.rows = self.rows", 0),
        ("clear", "self.rows = None", 0),
        ("clear", "self.other = []", 1),
    ],
)
def test_a_container_assigned_anew_outside_the_constructor_is_emptied(project, name, code, resets):
    graph = project(RESET.replace("{name}", name).replace("{code}", code))
    nodes = {evict.node for evict in graph.events.evictions.values() if evict.how == "reset"}
    assert len(nodes) == resets
    assert {evict.function.name for evict in graph.events.evictions.values()} <= {"clear"}


def test_an_attribute_of_a_class_is_one_of_its_objects(project, value_of):
    graph = project(
        """
        class Settings:
            pass

        Settings.rate = 3
        shown = Settings().rate
        """
    )
    assert literals(value_of(graph, "Settings().rate")) == {3}
    ((_, owner, name),) = graph.events.writes
    assert (isinstance(owner, Instance), owner.node.name, name) == (True, "Settings", "rate")


def test_an_attribute_of_a_module_is_a_name_in_it(project, value_of):
    graph = project("import other\nother.limit = 4\nshown = other.limit\n", other="limit = 3\n")
    assert literals(value_of(graph, "other.limit")) == {3, 4}


@pytest.mark.parametrize(
    ("code", "expected"),
    [("x = 2\nx += 3", 5), ("x = 2\nx *= 3", 6), ("x = 2\nx -= 3", -1), ("x = 6\nx //= 4", 1)],
)
def test_an_augmented_name_is_computed_with(project, value_of, code, expected):
    graph = project(f"{code}\nshown = (x)\n")
    assert literals(value_of(graph, "x")) == {expected}


def test_an_augmented_attribute_is_a_write_that_says_so(project):
    graph = project(
        """
        class Memory:
            def __init__(self):
                self.at = 0

            def add(self):
                self.at += 1

        Memory().add()
        """
    )
    writes = {write.function.name: write.augmented for write in graph.events.writes.values()}
    assert writes == {"__init__": False, "add": True}
