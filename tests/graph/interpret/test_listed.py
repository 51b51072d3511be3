"""Rows that are filled item by item where they are made: lists and dictionaries."""

import pytest

PROGRAM = """
    import random

    import gymnasium

    env = gymnasium.make("CartPole-v1")
    memory = []

    def learn(net, gamma=0.99):
        for one in random.sample(memory, 32):
            net.fit(one[0], one[1], one[2] + gamma * net(one[3]).max() * (1 - one[4]))

    def play(net):
        state, done = env.reset(), False
        while not done:
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            ROW
            memory.append(row)
            state = next_state
            learn(net)

    play(make())
"""
ITEMS = ("state", "action", "reward", "next_state", "done")
INDENT = "\n            "


def lines(*items):
    return INDENT.join(f"row.append({item})" for item in items)


@pytest.mark.parametrize(
    "row",
    [
        f"row = []{INDENT}{lines(*ITEMS)}",
        f"row = []{INDENT}{lines(*ITEMS)}{INDENT}print(row)",
        f"row = [0]{INDENT}row = []{INDENT}{lines(*ITEMS)}",
    ],
)
def test_a_row_that_is_filled_item_by_item_is_a_row(project, row):
    (buffer,) = project(PROGRAM.replace("ROW", row)).buffers
    assert buffer.kind == "uniform"
    assert buffer.samples


@pytest.mark.parametrize(
    "row",
    [
        f"row = []{INDENT}{lines('state', 'action')}",
        f"row = []{INDENT}for each in net.seen(state):{INDENT}    row.append(each)",
        f"row = []{INDENT}row.extend(net.seen(state))",
        f"other = []{INDENT}{lines(*ITEMS)}",
    ],
)
def test_what_is_filled_in_another_way_is_not_known_item_by_item(project, row):
    assert not project(PROGRAM.replace("ROW", row)).buffers


PUT = INDENT.join(f"row['{key}'] = {item}" for key, item in zip("sarnd", ITEMS, strict=True))
KEYED = f"row = {{}}{INDENT}{PUT}"


def keyed(row):
    """A program whose rows are read by these keys in place of positions."""
    text = PROGRAM.replace("ROW", row)
    for number, key in enumerate("sarnd"):
        text = text.replace(f"one[{number}]", f"one['{key}']")
    return text


def test_a_dictionary_that_is_filled_key_by_key_is_a_row(project):
    (buffer,) = project(keyed(KEYED)).buffers
    assert buffer.kind == "uniform"


@pytest.mark.parametrize(
    "row",
    [
        KEYED.replace("'s'", "key").replace("'r'", "key"),
        f"row = {{}}{INDENT}row.update(net.seen(state))",
        f"row = {{}}{INDENT}row['s'] = state{INDENT}row['s'] = reward{INDENT}row['s'] = next_state",
    ],
)
def test_keys_that_are_not_written_out_or_come_again_make_no_row(project, row):
    assert not project(keyed(row)).buffers


@pytest.mark.parametrize("made", ["[None] * 5", "5 * [0]", "[None, None, None, None, None]", "[0.0] * len(FIELDS)"])
def test_a_row_with_a_place_for_each_item_is_filled_by_place(project, made):
    put = INDENT.join(f"row[{place}] = {item}" for place, item in reversed(list(enumerate(ITEMS))))
    (buffer,) = project(PROGRAM.replace("ROW", f"row = {made}{INDENT}{put}")).buffers
    assert buffer.kind == "uniform"


SLICED = INDENT.join(
    ("row = np.zeros(11)", "row[:4] = state", "row[4] = action", "row[5] = reward", "row[6:10] = next_state")
)


def test_an_array_that_a_transition_is_laid_out_in_is_a_row(project):
    (buffer,) = project(PROGRAM.replace("ROW", f"{SLICED}{INDENT}row[10] = done")).buffers
    assert {"action", "reward", "next"} <= buffer.roles


@pytest.mark.parametrize(
    "row",
    [
        f"row = np.zeros(3){INDENT}row[0] = state[0]{INDENT}row[1] = reward{INDENT}row[2] = done",
        f"row = [None] * 5{INDENT}row[0] = state{INDENT}row[0] = reward{INDENT}row[0] = done",
        f"row = [None] * 5{INDENT}row[at] = state{INDENT}row[at + 1] = reward{INDENT}row[at + 2] = done",
        f"row = [net]{INDENT}row[0] = state{INDENT}row[1] = reward{INDENT}row[2] = done",
    ],
)
def test_what_is_laid_out_otherwise_makes_no_row(project, row):
    assert not project(PROGRAM.replace("ROW", row)).buffers


FIELDS = INDENT.join(f"row.{key} = {item}" for key, item in zip("sarnd", ITEMS, strict=True))


@pytest.mark.parametrize("made", ["SimpleNamespace()", "types.SimpleNamespace()", "messages.Step()", "Step()"])
@pytest.mark.parametrize("step", ["", "\n\n    class Step:\n        pass\n\n"])
def test_an_object_that_gets_its_fields_is_a_row(project, made, step):
    text = PROGRAM.replace("ROW", f"row = {made}{INDENT}{FIELDS}").replace(
        "import gymnasium\n", f"import gymnasium{step}\n"
    )
    for number, key in enumerate("sarnd"):
        text = text.replace(f"one[{number}]", f"one.{key}")
    (buffer,) = project(text).buffers
    assert buffer.kind == "uniform"
