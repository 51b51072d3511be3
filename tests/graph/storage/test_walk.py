"""Differences of a place in an array with itself, and those that are none."""

import pytest

from per_audit.facts import ir
from per_audit.graph.storage import Differences


def zeros(graph, name="learn", path="main.py"):
    """The differences of a function that are always 0."""
    (function,) = [node for node in graph.project.modules[path].nodes_of(ir.Function) if node.name == name]
    found = Differences(graph).of_one_place(function, path)
    return [graph.source(graph.path_of(node), node) for node in sorted(found, key=lambda node: node.start)]


def learning(*lines, imports="import numpy as np", head="def learn(model, states, actions, best, done, mask):"):
    body = "".join(f"    {line}\n" for line in lines)
    return f"{imports}\n{head}\n{body}"


ALWAYS_ZERO = {
    "a second name": ("q = model.predict(states)", "g = q", "g[mask] = best", "return g - q"),
    "two names at once": ("g = q = model.predict(states)", "g[mask] = best", "return g - q"),
    "names side by side": ("q = model.predict(states)", "g, n = q, 3", "g[mask] = best", "return q - g"),
    "at positions": ("q = model.predict(states)", "g = q", "g[mask, actions] = best", "return g[mask] - q[mask]"),
    "what was assigned": ("q = model.predict(states)", "q[mask] = best", "return best - q[mask]"),
    "of a name for a sum": ("q = model.predict(states)", "y = best + 1", "q[mask] = y", "return q[mask] - y"),
    "assigned in both branches": (
        "q = model.predict(states)",
        "g = q",
        "if done:",
        "    g[0][1] = 1.0",
        "else:",
        "    g[0][1] = best",
        "return q[0][1] - g[0][1]",
    ),
    "assigned in one branch": (
        "q = model.predict(states)",
        "g = q",
        "if done:",
        "    g[0][1] = 1.0",
        "return q[0][1] - g[0][1]",
    ),
    "one name in both branches": (
        "q = model.predict(states)",
        "if done:",
        "    y = 1.0",
        "else:",
        "    y = best",
        "q[mask] = y",
        "return y - q[mask]",
    ),
    "in a loop": (
        "q = model.predict(states)",
        "g = q",
        "e = []",
        "for i in range(3):",
        "    g[i][actions[i]] = best[i]",
        "    e.append(g[i][actions[i]] - q[i][actions[i]])",
    ),
    "after a loop": (
        "q = model.predict(states)",
        "g = q",
        "for i in range(3):",
        "    g[i][actions[i]] = best[i]",
        "return g - q",
    ),
    "in a comprehension": (
        "q = model.predict(states)",
        "g = q",
        "g[mask] = best",
        "return [q[i][0] - g[i][0] for i in range(3)]",
    ),
    "a row": ("q = model.predict(states)", "old = q[0]", "q[0][1] = best", "return old[1] - q[0][1]"),
    "each row": (
        "q = model.predict(states)",
        "for row, a in zip(q, actions):",
        "    old = row",
        "    row[a] = best",
        "    print(row[a] - old[a])",
    ),
    "while something else is fitted": (
        "q = model.predict(states)",
        "q[mask] = best",
        "model.fit(states, q)",
        "return best - q[mask]",
    ),
    "in a with": (
        "q = model.predict(states)",
        "with open('a') as f:",
        "    g = q",
        "    g[mask] = best",
        "return g - q",
    ),
    "attributes": (
        "model.q = model.predict(states)",
        "model.g = model.q",
        "model.g[mask] = best",
        "return model.g - model.q",
    ),
    "a function for it": ("q = model.predict(states)", "g = q", "g[mask] = best", "return np.subtract(g, q)"),
    "added to": ("q = model.predict(states)", "g = q", "g[mask] += best", "return g - q"),
    "tried": (
        "q = model.predict(states)",
        "g = q",
        "try:",
        "    g[mask] = best",
        "except ValueError:",
        "    g[mask] = 0.0",
        "return g - q",
    ),
    "while": ("q = model.predict(states)", "g = q", "while mask:", "    g[mask] = best", "    print(g - q)"),
    "matched": (
        "q = model.predict(states)",
        "g = q",
        "match done:",
        "    case 1:",
        "        g[mask] = best",
        "return g - q",
    ),
    "an array of the same numbers, later": (
        "q = model.predict(states)",
        "q[mask] = best",
        "return np.array(q)[mask] - q[mask]",
    ),
    "a list of all rows": (
        "q, g = model.predict(states), []",
        "for i, a in enumerate(actions):",
        "    row = q[i]",
        "    row[a] = best[i]",
        "    g.append(row)",
        "return np.asarray(g)[mask, actions] - q[mask, actions]",
    ),
    "a list of all rows, in turn": (
        "q, g = model.predict(states), []",
        "for row in q:",
        "    row[0] = best",
        "    g.append(row)",
        "return np.array(g)[0][0] - q[0][0]",
    ),
    "one way, and the other": (
        "q = model.predict(states)",
        "for i in range(3):",
        "    if done[i]:",
        "        q[i][actions[i]] = best[i]",
        "    else:",
        "        q[i][actions[i]] = best[i] + 0.9 * mask[i]",
        "    print(q[i][actions[i]] - (best[i] + 0.9 * mask[i]))",
    ),
}


@pytest.mark.parametrize("lines", ALWAYS_ZERO.values(), ids=ALWAYS_ZERO)
def test_differences_of_a_place_with_itself(project, lines):
    assert len(zeros(project(learning(*lines)))) == 1


NOT_ZERO = {
    "nothing assigned": ("q = model.predict(states)", "g = q", "return g - q"),
    "a copy": ("q = model.predict(states)", "g = q.copy()", "g[mask] = best", "return g - q"),
    "an array of the same": ("q = model.predict(states)", "g = np.array(q)", "g[mask] = best", "return g - q"),
    "a list of the same": ("q = model.predict(states)", "g = list(q)", "g[0] = best", "return g[0] - q[0]"),
    "predicted twice": (
        "q = model.predict(states)",
        "g = model.predict(states)",
        "g[mask] = best",
        "return g - q",
    ),
    "an array of the same, before": (
        "q = model.predict(states)",
        "g = np.array(q)",
        "q[mask] = best",
        "return g[mask] - q[mask]",
    ),
    "a list of copies": (
        "q, g = model.predict(states), []",
        "for i, a in enumerate(actions):",
        "    row = q[i].copy()",
        "    row[a] = best[i]",
        "    g.append(row)",
        "return np.asarray(g)[mask, actions] - q[mask, actions]",
    ),
    "a list of numbers": (
        "q, g = model.predict(states), []",
        "for i in range(3):",
        "    g.append(q[i])",
        "    q[i] = best[i]",
        "return np.asarray(g) - q",
    ),
    "a list of some rows": (
        "q, g = model.predict(states), []",
        "for i, a in enumerate(actions):",
        "    if done[i]:",
        "        continue",
        "    row = q[i]",
        "    row[a] = best[i]",
        "    g.append(row)",
        "return np.asarray(g)[0][1] - q[0][1]",
    ),
    "a list with something before": (
        "q, g = model.predict(states), []",
        "g.append(best)",
        "for i, a in enumerate(actions):",
        "    row = q[i]",
        "    row[a] = best[i]",
        "    g.append(row)",
        "return np.asarray(g)[0][1] - q[0][1]",
    ),
    "neither way": (
        "q = model.predict(states)",
        "if done:",
        "    q[0][1] = best",
        "else:",
        "    q[0][1] = best + mask",
        "return q[0][1] - mask",
    ),
    "another place": ("q = model.predict(states)", "q[0] = best", "return q[1] - best"),
    "before the assignment": ("q = model.predict(states)", "g = q", "e = g[mask] - best", "g[mask] = best", "return e"),
    "a number": ("q = model.predict(states)", "old = q[0][1]", "q[0][1] = best", "return old - q[0][1]"),
    "a number or a row": ("q = model.predict(states)", "old = q[0]", "q[0] = best", "return old - q[0]"),
    "positions make a copy": ("q = model.predict(states)", "old = q[mask]", "q[mask] = best", "return old - q[mask]"),
    "a part that may be a list": ("q = model.predict(states)", "g = q[:]", "g[0] = best", "return g[0] - q[0]"),
    "assigned again": ("q = model.predict(states)", "q[mask] = best", "best = best + 1", "return q[mask] - best"),
    "what was assigned was changed": (
        "q = model.predict(states)",
        "y = best + 1",
        "q[mask] = y",
        "y[done] = 0.0",
        "return q[mask] - y",
    ),
    "assigned elsewhere since": (
        "q = model.predict(states)",
        "q[mask] = best",
        "q[done] = 0.0",
        "return q[mask] - best",
    ),
    "perhaps changed since": (
        "q = model.predict(states)",
        "q[mask] = best",
        "np.clip(q, 0, 1, out=q)",
        "return q[mask] - best",
    ),
    "another in one branch": (
        "q = model.predict(states)",
        "g = q",
        "if done:",
        "    g = q.copy()",
        "g[mask] = best",
        "return g - q",
    ),
    "one that may be another": (
        "q = model.predict(states)",
        "g = q if done else q.copy()",
        "g[mask] = best",
        "return g - q",
    ),
    "of the turn before": (
        "old = model.predict(states)",
        "for i in range(3):",
        "    q = model.predict(states)",
        "    print(q - old)",
        "    old = q",
        "    q[mask] = best",
    ),
    "of the turn before, none at first": (
        "for i in range(3):",
        "    q = model.predict(states)",
        "    if i:",
        "        print(q - old)",
        "    old = q",
        "    q[mask] = best",
    ),
    "what the turn before assigned": (
        "q = model.predict(states)",
        "for _ in range(3):",
        "    y = model.predict(actions)",
        "    for i in range(3):",
        "        print(y[i] - q[i])",
        "        q[i] = y[i]",
    ),
    "a copy where it ends early": (
        "q = model.predict(states)",
        "if done:",
        "    g = q.copy()",
        "else:",
        "    return 0",
        "g[mask] = best",
        "return g - q",
    ),
    "an attribute that a method may assign": (
        "model.g = q = model.predict(states)",
        "model.g[mask] = best",
        "refresh(model)",
        "return model.g - q",
    ),
    "more than two names": ("q, g, h = model.predict(states)", "g[mask] = best", "return g - q"),
    "subtracted at once": ("q = model.predict(states)", "g = q", "g -= best", "return g - q"),
}


@pytest.mark.parametrize("lines", NOT_ZERO.values(), ids=NOT_ZERO)
def test_differences_that_may_be_something(project, lines):
    text = (
        learning(*lines)
        + "\ndef refresh(model):\n    model.g = model.predict(0)\n    if model.g:\n        return 1\n    return 2\n"
    )
    assert zeros(project(text)) == []


@pytest.mark.parametrize(
    ("edit", "is_zero"),
    [
        ("old = q[0][action]", True),
        ("old = q[0, action]", True),
        ("old = q[0][action].detach()", True),
        ("old = q[0][action].item()", False),
        ("old = q[0][action].clone()", False),
        ("old = float(q[0][action])", False),
        ("old = q[0][action].cpu()", False),  # a copy where the tensor is on a device
    ],
)
@pytest.mark.parametrize("made", ["net(torch.FloatTensor(state)).data", "torch.zeros(1, 4)", "net(state).data"])
def test_a_number_of_a_tensor_is_a_place(project, made, edit, is_zero):
    text = learning(
        f"q = {made}", edit, "q[0][action] = 1.0", "return old - q[0][action]",
        imports="import torch\nimport random",
        head="def learn(net, state, action):",
    ) + "\ndef act():\n    return random.randrange(4)\n\nlearn(None, 0, act())\n"  # fmt: skip
    assert bool(zeros(project(text))) == is_zero


@pytest.mark.parametrize(
    ("action", "is_zero"),
    [
        ("0", True),
        ("int(action)", True),
        ("net(state).argmax().item()", True),
        ("torch.tensor([1])", False),
        ("net(state).max(1)[1]", False),
        ("action", False),
    ],
)
def test_positions_of_a_tensor_make_a_copy(project, action, is_zero):
    text = learning(
        f"a = {action}", "q = net(torch.FloatTensor(state)).data", "old = q[0][a]", "q[0][a] = 1.0",
        "return old - q[0][a]",
        imports="import torch",
        head="def learn(net, state, action):",
    )  # fmt: skip
    assert bool(zeros(project(text))) == is_zero


def test_the_array_of_a_detached_tensor_is_in_its_place(project):
    text = learning(
        "q = net(torch.FloatTensor(state))", "g = q.detach().numpy()", "g[0] = 1.0", "return q - g",
        imports="import torch",
        head="def learn(net, state):",
    )  # fmt: skip
    assert zeros(project(text)) == ["q - g"]


def test_tensorflow_copies_where_an_array_is_made(project):
    text = learning(
        "q = net(tf.constant(state)).numpy()", "old = q[0][1]", "q[0][1] = 1.0", "return old - q[0][1]",
        imports="import tensorflow as tf",
        head="def learn(net, state):",
    )  # fmt: skip
    assert zeros(project(text)) == []


FILLED = """
def fill(values, best):
    for k in range(3):
        values[k] = best[k]
    return values

def apart(values, others):
    return values - others
"""


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("q = model.predict(states)", "g = fill(q, best)", "return g - q"), ["g - q"]),
        (("q = model.predict(states)", "g = fill(q.copy(), best)", "return g - q"), []),
        (("q = model.predict(states)", "g = fill(q, best)", "return apart(g, q)"), ["values - others"]),
        (("q = model.predict(states)", "g = fill(q, best)", "return apart(others=g, values=q)"), ["values - others"]),
        (("q = model.predict(states)", "g = fill(q, best)", "return apart(g, q) + apart(g, best)"), []),
    ],
)
def test_functions_that_are_given_an_array(project, lines, expected):
    assert sorted(set(zeros(project(learning(*lines) + FILLED)))) == expected[:1]


EDITED = ("q = model.predict(states)", "g = q", "g[mask] = best")


@pytest.mark.parametrize("again", ["z = z * 3 + z", "z = (z, z)"])
def test_what_is_made_again_and_again_of_itself_is_compared_at_once(project, again):
    lines = (*EDITED, "z = best", *[again] * 200, "z = z + 1", "q[0] = z", "return q[0] - z")
    assert zeros(project(learning(*lines))) == ["q[0] - z"]


@pytest.mark.parametrize(("calls", "expected"), [(2, ["g - q"]), (30, [])])
def test_what_goes_too_far_to_be_followed_is_not_judged(project, calls, expected):
    helpers = "".join(f"def step{k}(x):\n" + f"    x = step{k + 1}(x)\n" * calls + "    return x\n\n" for k in range(3))
    text = learning(*EDITED, *["step0(states)"] * calls, "return g - q")
    assert zeros(project(f"{text}\n{helpers}def step3(x):\n    return x + 1\n")) == expected
