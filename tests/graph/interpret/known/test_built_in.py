"""Functions that Python has built in."""

import pytest

from per_audit.graph.interpret.values import Alloc, Columns, Drawn, Ints, Literal

ROWS = "import random\n\nrows = []\nrows.append((1, 2))\nbatch = random.sample(rows, 4)\n"


def atoms(graph, value_of, text):
    return value_of(graph, text).atoms


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("zip(*batch)", Columns),
        ("zip(rows, batch)", Alloc),
        ("enumerate(batch)", Alloc),
        ("range(9)", Ints),
        ("len(rows)", Ints),
        ("list(batch)", Drawn),
        ("sorted(batch)", Drawn),
        ("map(str, batch)", Drawn),
        ("filter(None, rows)", Alloc),
    ],
)
def test_what_a_call_makes(project, value_of, text, kind):
    found = atoms(project(f"{ROWS}{text}\n"), value_of, text)
    assert {type(atom) for atom in found} == {kind}


@pytest.mark.parametrize(
    ("text", "value"),
    [("int(3.7)", 3), ("int(1e20)", None), ("int(name)", None), ("float(3)", None), ("max(4, 4)", 4)],
)
def test_numbers(project, value_of, text, value):
    assert value_of(project(f"{text}\n"), text).literal() == value


def test_a_length_says_nothing_of_which_rows_were_drawn(project, value_of):
    graph = project(f"{ROWS}len(batch)\nabs(batch)\n")
    assert not value_of(graph, "len(batch)").tags
    assert value_of(graph, "abs(batch)").tags


def test_the_items_of_several_lists_side_by_side(project, value_of):
    graph = project(f"{ROWS}for (state, reward), other in zip(rows, batch):\n    print(state, reward, other)\n")
    assert value_of(graph, "state").atoms == {Literal(1)}
    assert value_of(graph, "reward").atoms == {Literal(2)}
    assert value_of(graph, "other").tagged("draw")


def test_a_function_is_called_with_each_item(project, value_of):
    graph = project(f"{ROWS}def last(row):\n    return row[1]\n\nfor made in map(last, rows):\n    print(made)\n")
    assert value_of(graph, "made").atoms == {Literal(2)}


def test_what_is_filtered_is_a_list_of_its_own_of_the_items(project, value_of):
    graph = project(f"{ROWS}for made in filter(lambda row: row[1], rows):\n    print(made[0])\n")
    assert value_of(graph, "made[0]").atoms == {Literal(1)}
    assert value_of(graph, "row[1]").atoms == {Literal(2)}
    (memory,), (kept,) = (value_of(graph, text).atoms for text in ("rows", "filter(lambda row: row[1], rows)"))
    assert memory != kept


def test_attributes_by_their_names(project, value_of):
    graph = project(
        """
        class Config:
            pass

        config = Config()
        setattr(config, "size", 64)
        print(getattr(config, "size"), getattr(config, "other", 3), getattr(config, read()))
        """
    )
    assert value_of(graph, 'getattr(config, "size")').literal() == 64
    assert value_of(graph, 'getattr(config, "other", 3)').literal() == 3
    assert not value_of(graph, "getattr(config, read())").atoms


@pytest.mark.parametrize("call", ["super()", "super(Ring, self)"])
def test_the_method_of_a_base(project, value_of, call):
    graph = project(
        f"""
        class Memory:
            def limit(self):
                return 16

        class Ring(Memory):
            def limit(self):
                return {call}.limit()

        print(Ring().limit())
        """
    )
    assert value_of(graph, f"{call}.limit()").literal() == 16
