import pytest

from .repairing import check_left, check_repaired, example

CODE = "PER405"


@pytest.mark.parametrize(
    ("title", "old", "new"),
    [
        (
            "an action, PyTorch, a list of tuples",
            "self.rows.append((state, action, reward, next_state, terminated))",
            "self.rows.append((state, action.detach(), reward, next_state, terminated))",
        ),
        (
            "returned by a method and passed on by a loop, three files",
            "agent.remember(obs, act, reward, new_obs, done)",
            "agent.remember(obs, act.detach(), reward, new_obs, done)",
        ),
        ("a network that is passed in, a deque", '"a": action', '"a": action.detach()'),
        ("a ring of tensors", "ring.put(state, mean, reward", "ring.put(state, mean.detach(), reward"),
        ("through a window of several steps", "add(state, move, reward", "add(state, move.detach(), reward"),
    ],
)
def test_what_the_network_said_is_detached(title, old, new):
    check_repaired(CODE, example(CODE, title), (old, new), unsafe="no loss is meant to learn through what is stored")


def test_a_row_that_was_made_elsewhere_is_left():
    check_left(CODE, example(CODE, "the hidden state of a recurrent network"), "which part of what is stored")


@pytest.mark.parametrize(
    ("cell", "call"),
    [("LSTMCell(8, 32)", "later = self.cell(obs, hidden)"), ("LSTM(8, 32)", "out, later = self.cell(obs, hidden)")],
)
def test_the_two_tensors_of_an_lstm_are_left(cell, call):
    text = example(CODE, "the hidden state of a recurrent network")["recurrent.py"]
    old = [
        "GRUCell(8, 32)",
        "later = self.cell(obs, hidden)\n",
        "row = (",
        "        self.rows.append(row)",
        "later).argmax",
    ]
    new = [cell, f"{call}\n", "self.rows.append((", "", "later[0]).argmax"]
    assert all(each in text for each in old)
    for before, after in zip(old, new, strict=True):
        text = text.replace(before, after, 1)
    text = text.replace("later, done)\n", "later, done))\n", 1)
    check_left(CODE, {"recurrent.py": text}, "is several tensors")
