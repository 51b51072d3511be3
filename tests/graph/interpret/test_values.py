"""The lattice of values."""

from hypothesis import given, settings
from hypothesis import strategies as st

from per_audit.facts import ir
from per_audit.graph.interpret.values import (
    ELEMENTWISE,
    MIXED,
    SCALAR,
    UNKNOWN,
    Alloc,
    Crowd,
    Func,
    Item,
    Literal,
    Record,
    RecordType,
    TupleOf,
    Value,
    join_all,
    of,
    roles_in,
    shallow,
    taint,
)

NODES = [ir.Name(i, i + 1, f"n{i}") for i in range(4)]
ATOMS = st.one_of(
    st.sampled_from([Literal(1), Literal("x"), Literal(None)]),
    st.sampled_from(NODES).map(Item),
    st.builds(Alloc, st.sampled_from(NODES), st.sampled_from(["list", "deque"])),
)
PLAIN = st.builds(
    Value,
    st.frozensets(ATOMS, max_size=3),
    st.frozensets(st.tuples(st.sampled_from(["draw", "index"]), st.sampled_from(NODES)), max_size=2),
    st.frozensets(st.sampled_from(["reward", "state"]), max_size=2),
    st.sampled_from([None, ELEMENTWISE, SCALAR]),
)
VALUES = st.one_of(
    PLAIN,
    st.builds(
        lambda node, items: of(TupleOf(node, tuple(items))), st.just(NODES[0]), st.lists(PLAIN, min_size=2, max_size=2)
    ),
)


@settings(max_examples=200, deadline=None)
@given(VALUES, VALUES, VALUES)
def test_join_is_a_least_upper_bound(a, b, c):
    assert a.join(a) == a
    assert a.join(b) == b.join(a)
    assert a.join(b).join(c) == a.join(b.join(c))
    assert a.join(UNKNOWN) == UNKNOWN.join(a) == a
    assert a.join(b).join(b) == a.join(b)


@settings(max_examples=100, deadline=None)
@given(VALUES, VALUES)
def test_join_keeps_what_either_knows(a, b):
    joined = a.join(b)
    assert joined.tags == a.tags | b.tags
    assert joined.roles == a.roles | b.roles
    assert {type(atom) for atom in joined.atoms} == {type(atom) for atom in a.atoms | b.atoms}


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_equal_values_have_equal_hashes(a):
    assert hash(a) == hash(Value(a.atoms, a.tags, a.roles, a.reduction))


def test_two_reductions_are_a_third_that_stays():
    scalar, elementwise = (Value(tags=frozenset({("draw", NODES[0])}), reduction=r) for r in (SCALAR, ELEMENTWISE))
    mixed = scalar.join(elementwise)
    assert mixed.reduction == MIXED
    assert mixed.join(scalar) == mixed


def test_displays_of_one_node_are_joined_item_by_item():
    left = of(TupleOf(NODES[0], (of(Literal(1)), UNKNOWN.with_role("reward"))))
    right = of(TupleOf(NODES[0], (of(Literal(2)), UNKNOWN.with_role("done"))))
    (atom,) = left.join(right).atoms
    assert atom.items == (Value(frozenset({Literal(1), Literal(2)})), Value(roles=frozenset({"reward", "done"})))


def test_dicts_of_one_display_with_other_keys_have_all_keys():
    one = of(Record(RecordType("dict", ("a",)), NODES[0], (of(Literal(1)),)))
    two = of(Record(RecordType("dict", ("a", "b")), NODES[0], (of(Literal(1)), of(Literal(2)))))
    (atom,) = one.join(two).atoms
    assert dict(zip(atom.type.fields, atom.items, strict=True)) == {"a": of(Literal(1)), "b": of(Literal(2))}


def test_dicts_of_one_display_with_their_keys_in_another_order_are_joined_by_key():
    one = Record(RecordType("dict", ("seed", "name")), NODES[0], (of(Literal(1)), of(Literal("x"))))
    other = Record(RecordType("dict", ("name", "seed")), NODES[0], (of(Literal("y")), of(Literal(2))))
    (joined,) = of(one).join(of(other)).atoms
    held = dict(zip(joined.type.fields, joined.items, strict=True))
    assert held["seed"] == of(Literal(1)).join(of(Literal(2)))
    assert held["name"] == of(Literal("x")).join(of(Literal("y")))


def test_many_atoms_are_forgotten_but_not_containers():
    alloc = Alloc(NODES[0], "list")
    joined = join_all([of(alloc), *(of(Literal(i)) for i in range(40))])
    assert alloc in joined.atoms
    assert len(joined.atoms) < 20


def test_containers_too_many_to_tell_apart_are_a_crowd_that_takes_others_in():
    allocs = [of(Alloc(ir.Name(i, i + 1, f"n{i}"), "list")) for i in range(40)]
    called = of(Func(ir.Function(0, 9, "store", [], [], []), None))
    few, many = join_all(allocs[:24]), join_all([*allocs[:25], called])
    assert len(few.atoms) == 24
    assert many.atoms == {Crowd(), *called.atoms}
    assert many.join(allocs[20]) == join_all([allocs[20], many]) == many


def test_nested_displays_are_cut_at_a_depth():
    value = UNKNOWN.with_tags(("draw", NODES[1]))
    for node in [NODES[0]] * 10:
        value = Value(frozenset({TupleOf(node, (value,))}), value.tags)
    depth = 0
    cut = shallow(value)
    while cut.atoms:
        (atom,) = cut.atoms
        (cut,) = atom.items
        depth += 1
    assert depth <= 4
    assert cut.tags == value.tags


def test_computing_keeps_tags_and_forgets_what_it_was():
    row = Value(frozenset({Item(NODES[0])}), frozenset({("draw", NODES[0]), ("index", NODES[1])}))
    assert taint(row) == Value(tags=row.tags)
    assert taint(row).no_position().tags == {("draw", NODES[0])}


def test_roles_are_found_inside_displays():
    inner = of(TupleOf(NODES[0], (UNKNOWN.with_role("action"), UNKNOWN.with_role("reward"))))
    assert roles_in(of(TupleOf(NODES[1], (UNKNOWN.with_role("state"), inner)))) == {"state", "action", "reward"}


def test_what_an_observation_is_made_of_is_no_field_of_the_row():
    parts = (UNKNOWN.with_role("done"), UNKNOWN.with_role("reward"))  # `d` a distance, `r` a radius
    seen = of(TupleOf(NODES[0], parts)).with_role("state")
    assert roles_in(of(TupleOf(NODES[1], (seen, UNKNOWN.with_role("action"))))) == {"state", "action"}
    letters = ir.Seq(9, 9, "list", [ir.Name(9, 9, name) for name in "ar"])
    seen = of(TupleOf(letters, (UNKNOWN.with_role("action"), UNKNOWN.with_role("reward")))).with_role("state")
    assert roles_in(of(TupleOf(NODES[1], (seen, UNKNOWN)))) == {"state"}
    told = of(TupleOf(NODES[0], (UNKNOWN.with_role("next"), *parts))).with_role("state")
    assert roles_in(of(TupleOf(NODES[1], (told, UNKNOWN.with_role("action"))))) == {
        "state", "action", "next", "reward", "done"
    }  # fmt: skip


def test_an_action_and_its_reward_that_are_spelt_out_are_fields_whatever_they_are_called_together():
    spelt = ir.Seq(9, 9, "list", [ir.Name(9, 9, name) for name in ("seen", "action", "reward")])
    items = (UNKNOWN, UNKNOWN.with_role("action"), UNKNOWN.with_role("reward"))
    row = of(TupleOf(spelt, items)).with_role("state")
    assert roles_in(of(TupleOf(NODES[1], (row, UNKNOWN.with_role("done"))))) == {"state", "action", "reward", "done"}


def test_constants_of_different_types_are_different():
    assert len({Literal(1), Literal(1.0), Literal(True), Literal(1)}) == 3
    assert of(Literal(0)).join(of(Literal(False))).literal() is None


def test_of_tuples_of_different_lengths_the_weights_stay_known():
    weights = Value(tags=frozenset((("isw", NODES[0]), ("draw", NODES[1]))))
    long, short = of(TupleOf(NODES[2], (UNKNOWN, weights))), of(TupleOf(NODES[2], (UNKNOWN,)))
    for joined in (long.join(short), short.join(long), join_all([long, short, of(Literal(1))])):
        assert joined.tags == {("isw", NODES[0])}
        assert not any(isinstance(atom, TupleOf) for atom in joined.atoms)
