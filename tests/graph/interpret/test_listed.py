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
