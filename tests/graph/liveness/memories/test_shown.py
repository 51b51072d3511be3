"""A memory of which batches are only looked at teaches nothing; one whose rows reach what is learnt does."""

from __future__ import annotations

import pytest

PROGRAM = """import random
from collections import Counter, deque
import cv2
import matplotlib.pyplot as plt
import numpy as np
import pickle
import torch
{before}

class Memory:
    def __init__(self, size):
        self.rows = deque(maxlen=size)

    def add(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def sample(self, n):
        return random.sample(self.rows, n)

def play(env, policy, table, viewer, memory):
    state, counts, seen, total, w = env.reset(), Counter(), [], 0.0, np.zeros(4)
    while True:
        action = policy(state)
        next_state, reward, done, _ = env.step(action)
        memory.add(state, action, reward, next_state, done)
        state = next_state
        {use}

play(make(), make(), make(), make(), Memory(1000))
"""
ROWS = "for s, a, r, s2, d in memory.sample(8): "


@pytest.mark.parametrize(
    "use",
    [
        "print(memory.sample(3))",
        ROWS + "print(s, a, r, s2, d)",
        ROWS + "print(f'{a} gave {r:.2f}')",
        ROWS + "counts[a] += 1",
        ROWS + "counts.update([a]); print(counts)",
        ROWS + "cv2.imshow('replay', cv2.resize(np.hstack([s, s2]), (84, 84)))",
        ROWS + "total += r; print(total)",
        "batch = memory.sample(64); print(sum(row[2] for row in batch) / len(batch))",
        "s, a, r, s2, d = zip(*memory.sample(64)); plt.scatter(np.stack(s)[:, 0], r); plt.show()",
        "s, a, r, s2, d = zip(*memory.sample(64)); seen.append(np.mean(r))",
        "s, a, r, s2, d = zip(*memory.sample(64)); table.mean = float(np.mean(r)); table.std = np.std(r)",
        "batch = memory.sample(64); best = max(batch, key=lambda row: row[2]); print('best', best)",
        "kept = [row for row in memory.sample(64) if row[4]]; seen.extend(kept); print(seen[-1])",
        "batch = torch.tensor(np.stack([row[0] for row in memory.sample(64)])); print(batch.mean(dim=0))",
    ],
)
def test_a_memory_whose_batches_are_only_looked_at(project, use):
    assert project(PROGRAM.format(before="", use=use)).buffers == []


@pytest.mark.parametrize(
    ("before", "use"),
    [
        ("def show(rows):\n    for s, a, r, s2, d in rows:\n        print(s, r)\n", "show(memory.sample(4))"),
        ("def mean(rows):\n    return np.mean([row[2] for row in rows])\n", "print(mean(rows=memory.sample(4)))"),
        ("def drawn(memory):\n    return memory.sample(4)\n", "print(drawn(memory))"),
    ],
)
def test_functions_that_show_what_they_are_given(project, before, use):
    assert project(PROGRAM.format(before=before, use=use)).buffers == []


@pytest.mark.parametrize(
    ("before", "use"),
    [
        # what is drawn reaches a network, a table, another library or a file
        ("", "batch = memory.sample(8); print(batch); policy.fit(batch)"),
        ("", ROWS + "print(r); policy(s).backward()"),
        ("", ROWS + "table[s, a] += 0.1 * (r + 0.9 * table[s2].max() - table[s, a]); print(table)"),
        ("", ROWS + "table[s][a] = table[s][a] + 0.1 * (r + max(table[s2])); print(r)"),
        ("", "counts = np.zeros((9, 2))\n        " + ROWS + "counts[s, a] += 0.1 * (r - counts[s, a]); print(r)"),
        ("", ROWS + "w = w + 0.1 * (r - np.dot(w, s)) * s; print(w)"),
        ("", ROWS + "w += 0.1 * (r - s @ w) * s; print(w)"),
        ("", ROWS + "policy.update(s, a, r); print(r)"),
        ("", "pickle.dump(memory.sample(8), open('rows', 'wb')); print('written')"),
        ("", "seen.append(memory.sample(8)); print(seen); policy.later(seen)"),
        ("", "table.batch = memory.sample(8); print(table)"),
        ("", "print(memory.sample(1)); policy.learn(memory.sample(8))"),
        ("", "print(memory.sample(1)); later(memory.sample)"),
        ("", "print(len(memory.rows)); loss = memory.sample(8)"),
        ("def fit(rows):\n    for row in rows:\n        NET.fit(row)\n    print(rows)\n", "fit(memory.sample(4))"),
        ("def drawn(memory):\n    return memory.sample(4)\n", "print(drawn(memory)); policy.fit(drawn(memory))"),
    ],
)
def test_a_memory_that_is_learnt_from_as_well(project, before, use):
    assert len(project(PROGRAM.format(before=before, use=use)).buffers) == 1


def test_a_list_that_is_shuffled_is_in_the_hands_of_all_who_have_it(project):
    shuffled = PROGRAM.replace("deque(maxlen=size)", "[]").replace(
        "return random.sample(self.rows, n)", "random.shuffle(self.rows)\n        return self.rows[:n]"
    )
    use = "print(memory.sample(4)); policy.fit(memory.rows[0])"
    assert len(project(shuffled.format(before="", use=use)).buffers) == 1


def test_who_reads_a_batch_of_the_top_level(project):
    main = PROGRAM.format(before="", use="pass").replace("Memory(1000))", "memory := Memory(1000))")
    shown = main + "batch = memory.sample(8)\nprint(batch)\n"
    assert project(shown).buffers == []
    assert len(project(shown + "\ndef learn(net):\n    net.fit(batch)\n").buffers) == 1


def test_what_a_module_tries_out_is_meant_for_others(project, kinds):
    tried = PROGRAM.partition("def play")[0].format(before="")
    tried += "\nif __name__ == '__main__':\n    memory = Memory(9)\n    memory.add(1, 2, 3.0, 4, False)\n"
    assert kinds(project(tried + "    print(memory.sample(1))\n")) == ["uniform"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [("rows", 0), ("other=rows", 0), ("*rows", 1), ("[], rows[0]", 1), ("rows, rows", 1)],
)
def test_what_a_function_is_given_and_does_not_read_ends_there(project, given, kept):
    before = "\ndef learn(other, rows=()):\n    return torch.tensor(rows).mean().backward()\n"
    use = f"rows = memory.sample(64); print(len(rows)); loss = learn({given}); table.fit(loss)"
    assert len(project(PROGRAM.format(before=before, use=use)).buffers) == kept


OFF = "with torch.no_grad():\n            "
PAIRS = "s, a, r, s2, d = map(torch.tensor, zip(*memory.sample(64)))\n        "


@pytest.mark.parametrize(
    "use",
    [
        f"{PAIRS}{OFF}guess = policy(s)\n        seen.append((guess - a).pow(2).mean().item())",
        f"{PAIRS}{OFF}seen.append(float((policy(s) - a).pow(2).mean()))",
        f"{PAIRS}{OFF}print(table(policy.inside(s)))",
        f"{PAIRS}{OFF}plt.scatter(*policy.inside(s).T)",
    ],
)
def test_what_networks_make_of_a_batch_without_gradients_is_shown(project, use):
    assert project(PROGRAM.format(before="", use=use)).buffers == []


@pytest.mark.parametrize(
    "use",
    [
        "guess = policy(memory.sample(64)); seen.append(guess.mean().item())",
        f"{PAIRS}{OFF}goal = r + policy(s2)\n        loss = (policy(s) - goal).pow(2).mean(); loss.backward()",
        f"{PAIRS}{OFF}goal = r + policy(s2)\n        policy.learn(s, goal); print(goal.mean().item())",
        f"{PAIRS}{OFF}policy.learn(s, r); print(s)",
        f"{PAIRS}{OFF}loss = policy.fit(s, r)\n        print(loss.item())",
        f"{PAIRS}{OFF}with torch.enable_grad():\n                guess = policy(s)\n        print(guess.mean().item())",
    ],
)
def test_what_networks_make_of_a_batch_otherwise_may_be_learnt_from(project, use):
    assert len(project(PROGRAM.format(before="", use=use)).buffers) == 1


@pytest.mark.parametrize(
    ("decorator", "inner", "kept"),
    [
        ("@torch.no_grad()", "", 0),
        ("@torch.inference_mode()", "", 0),
        ("", "", 1),
        ("@unknown", "", 1),
        ("@torch.no_grad()", "\n    net.fit(rows)", 1),
    ],
)
def test_functions_without_gradients_may_ask_a_network(project, decorator, inner, kept):
    before = f"{decorator}\ndef look(net, rows):\n    plt.scatter(*net.inside(torch.tensor(rows)).T){inner}\n"
    graph = project(PROGRAM.format(before=before, use="look(policy, [row[0] for row in memory.sample(64)])"))
    assert len(graph.buffers) == kept


@pytest.mark.parametrize(("use", "kept"), [("plt.scatter(*zip(*batch))", 0), ("model.fit(batch)", 1)])
def test_what_the_top_level_of_a_file_draws_and_shows(project, use, kept):
    graph = project(f"""
        import random
        import matplotlib.pyplot as plt

        rows, state = [], env.reset()
        for _ in range(1000):
            action = policy(state)
            following, reward, over = env.step(action)
            rows.append((state, action, reward, following, over))
            state = env.reset() if over else following

        def count(batch):
            return len(batch)

        batch = [row[:2] for row in random.sample(rows, 64)]
        {use}
    """)
    assert len(graph.buffers) == kept
