"""Priorities that were put wrong and then repaired: what arrives in the memory is what sound code puts there."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from .rewriting import Files, run
from .verified import RANKS, TRAIN, TREE, is_sound, mutated, remembered, repaired, same, scanned, trained, verdicts

np = pytest.importorskip("numpy")

SIZE = "abs(error) + 1e-6"
HANDED = "errors.detach().numpy()"
LOSS = "        (torch.tensor(weights) * errors**2).mean().backward()\n"
KEPT = TRAIN + "    return memory\n"
DEQUES = """import math
from collections import deque

import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6, beta=0.4):
        self.alpha, self.beta = alpha, beta
        self.rows, self.priorities = deque(maxlen=capacity), deque(maxlen=capacity)

    def __len__(self):
        return len(self.rows)

    def add(self, state, action, reward, next_state, done):
        top = max(self.priorities, default=1.0)
        self.rows.appendleft((state, action, reward, next_state, done))
        self.priorities.appendleft(top)

    def sample(self, n):
        scaled = np.array(self.priorities) ** self.alpha
        p = scaled / scaled.sum()
        slots = np.random.choice(len(p), n, p=p)
        weights = (len(p) * p[slots]) ** -self.beta
        return [self.rows[slot] for slot in slots], slots, weights / weights.max()

    def update_priorities(self, slots, errors):
        for slot, error in zip(slots, errors):
            if not math.isfinite(error):
                raise ValueError(f"the error of slot {slot} is {error}")
            self.priorities[slot] = abs(error) + 1e-6
"""
LISTS = """import math
import random


class Memory:
    def __init__(self, capacity, alpha=0.6, beta=0.4):
        self.capacity, self.alpha, self.beta, self.at = capacity, alpha, beta, 0
        self.rows, self.priorities = [], []

    def __len__(self):
        return len(self.rows)

    def add(self, state, action, reward, next_state, done):
        top = max(self.priorities, default=1.0)
        if len(self.rows) < self.capacity:
            self.rows.append(None)
            self.priorities.append(None)
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.priorities[self.at] = top
        self.at = (self.at + 1) % self.capacity

    def sample(self, n):
        scaled = [p**self.alpha for p in self.priorities]
        slots = random.choices(range(len(self.rows)), weights=scaled, k=n)
        weights = [(len(self.rows) * scaled[slot] / sum(scaled)) ** -self.beta for slot in slots]
        return [self.rows[slot] for slot in slots], slots, [float(weight / max(weights)) for weight in weights]

    def update_priorities(self, slots, errors):
        for slot, error in zip(slots, errors):
            if not math.isfinite(error):
                raise ValueError(f"the error of slot {slot} is {error}")
            self.priorities[slot] = abs(error) + 1e-6
"""
TENSORS = """import torch


class Memory:
    def __init__(self, capacity, alpha=0.6, beta=0.4):
        self.capacity, self.alpha, self.beta = capacity, alpha, beta
        self.rows, self.at, self.size, self.highest = [None] * capacity, 0, 0, 1.0
        self.priorities = torch.zeros(capacity)

    def __len__(self):
        return self.size

    def add(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.priorities[self.at] = self.highest
        self.at = (self.at + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def sample(self, n):
        scaled = self.priorities[: self.size] ** self.alpha
        p = scaled / scaled.sum()
        slots = torch.multinomial(p, n, replacement=True)
        weights = (self.size * p[slots]) ** -self.beta
        return [self.rows[slot] for slot in slots], slots, weights / weights.max()

    def update_priorities(self, slots, errors):
        if not torch.isfinite(errors).all():
            raise ValueError("an error is not finite")
        self.priorities[slots] = errors.abs() + 1e-6
        self.highest = max(self.highest, self.priorities[slots].max().item())
"""
OF_TENSORS = TRAIN.replace("torch.tensor(weights) *", "weights *").replace(HANDED, "errors.detach()")
ENCODED = """import torch
from memory import Memory


def train(env, net, optimizer, steps):
    memory, body = Memory(1000), torch.nn.Linear(3, 4)
    state = env.reset()
    for step in range(steps):
        code = body(torch.tensor(state))
        next_state, reward, done, _ = env.step(net.act(state))
        memory.add(state, code.detach(), reward, next_state, done)
        state = env.reset() if done else next_state
        memory.beta = min(1.0, 0.4 + 0.6 * step / steps)
        batch, slots, weights = memory.sample(32)
        states, codes, rewards, next_states, dones = zip(*batch)
        states, rewards, next_states, dones = map(torch.tensor, (states, rewards, next_states, dones))
        q = net(states).gather(1, torch.stack(codes).argmax(1, keepdim=True) // 2).squeeze(1)
        with torch.no_grad():
            goals = rewards + 0.99 * (1 - dones) * net(next_states).max(1).values
        errors = goals - q
        optimizer.zero_grad()
        (torch.tensor(weights) * errors**2).mean().backward()
        optimizer.step()
        memory.update_priorities(slots, errors.detach().numpy())
    return memory
"""


def project(memory: str, train: str = TRAIN) -> Files:
    return {"memory.py": memory, "train.py": train}


@pytest.mark.parametrize("memory", [TREE, RANKS, DEQUES, LISTS, TENSORS])
def test_the_programs_are_sound(memory, capsys):
    files = project(memory, OF_TENSORS if memory == TENSORS else TRAIN)
    assert not scanned(files)
    assert is_sound(verdicts(capsys, files))


@pytest.mark.parametrize(
    ("code", "memory", "sound", "broken", "check", "verdict"),
    [
        ("PER203", TREE, SIZE, "abs(error)", "poison", "FAIL"),
        ("PER203", TREE, SIZE, "np.abs(error)", "poison", "FAIL"),
        ("PER203", DEQUES, SIZE, "abs(error)", "poison", "FAIL"),
        ("PER203", LISTS, SIZE, "abs(error)", "poison", "FAIL"),
        ("PER406", DEQUES, "self.rows.appendleft((", "self.rows.insert(0, (", "as-configured", "ERROR"),
        ("PER406", DEQUES, "priorities.appendleft(top)", "priorities.insert(0, top)", "as-configured", "ERROR"),
    ],
)
def test_the_sound_text_comes_back(code, memory, sound, broken, check, verdict, capsys):
    files = project(mutated(memory, sound, broken))
    found = repaired(files, code)
    assert found == project(memory.replace(sound, f"{broken} + 1e-6" if code == "PER203" else sound))
    assert verdicts(capsys, files, check) == {check: verdict}
    assert is_sound(verdicts(capsys, found))


def test_a_maximum_that_was_raised_is_not_raised_again(capsys):
    """The power at the insertion goes, not the one that was put in: what is kept is what was stored."""
    sound, raised = "max(self.highest, priority)", "max(self.highest, priority**self.alpha)"
    files = project(mutated(TREE, sound, raised))
    found = repaired(files, "PER201")
    assert found["memory.py"] == files["memory.py"].replace("self.highest**self.alpha", "self.highest")
    assert verdicts(capsys, files, "new-items") == {"new-items": "FAIL"}
    assert is_sound(verdicts(capsys, found))


def test_a_power_that_two_writers_take_again_is_taken_from_both(capsys):
    """One plan for each writer; the power that was put in stays, and the two that met it go."""
    files = project(mutated(TREE, SIZE, f"({SIZE}) ** self.alpha"))
    result, found = run(files, codes=("PER201",), unsafe=True)
    assert ([plan.mends for plan in result.applied], result.refused) == (["PER201"] * 2, [])
    once = files["memory.py"].replace("self.highest**self.alpha", "self.highest")
    assert found == project(once.replace("priority**self.alpha", "priority"))
    assert not scanned(found)
    assert verdicts(capsys, files, "frequencies") == {"frequencies": "FAIL"}
    assert is_sound(verdicts(capsys, found))


@pytest.mark.parametrize("memory", [TREE, DEQUES, LISTS])
def test_the_errors_of_a_memory_that_takes_signed_ones_are_handed_over_as_sizes(memory, capsys):
    """The training is mended, not the memory: what a memory is given is then right for any other as well."""
    pytest.importorskip("torch")
    files = project(mutated(memory, SIZE, "error + 1e-6"))
    found = repaired(files, "PER204")
    assert found == project(files["memory.py"], TRAIN.replace(HANDED, f"abs({HANDED})"))
    assert verdicts(capsys, files, "frequencies") == {"frequencies": "FAIL"}
    assert is_sound(verdicts(capsys, found))
    assert same(trained(found), trained(project(memory)))


def test_signed_errors_of_a_tensor_of_priorities():
    pytest.importorskip("torch")
    sound = project(TENSORS, OF_TENSORS)
    files = sound | {"memory.py": mutated(TENSORS, "errors.abs() + 1e-6", "errors + 1e-6")}
    found = repaired(files, "PER204")
    assert found["train.py"] == mutated(OF_TENSORS, "errors.detach()", "abs(errors.detach())")
    with pytest.raises(RuntimeError, match="multinomial"):
        trained(files)
    assert same(trained(found), trained(sound))


LOSSES = mutated(KEPT, LOSS, "        losses = errors**2\n        (torch.tensor(weights) * losses).mean().backward()\n")
OF_LOSSES = mutated(LOSSES, HANDED, "losses.detach().numpy()")
NAMED = (
    "        losses = errors**2\n        (torch.tensor(weights) * losses)",
    "        losses = torch.tensor(weights) * errors**2\n        losses",
)


@pytest.mark.parametrize(
    ("train", "sound", "broken", "gives_back"),
    [
        (KEPT, HANDED, f"weights * {HANDED}", True),
        (KEPT, HANDED, "(errors * torch.tensor(weights)).detach().numpy()", True),
        (KEPT, HANDED, "((goals - q) * torch.tensor(weights)).detach().numpy()", False),
        (KEPT, HANDED, f"[weight * error for weight, error in zip(weights, {HANDED})]", False),
        (OF_LOSSES, "losses.detach()", "(torch.tensor(weights) * losses).detach()", True),
        (OF_LOSSES, *NAMED, False),
        (
            KEPT,
            f"        memory.update_priorities(slots, {HANDED})",
            f"        sizes = weights * {HANDED}\n        memory.update_priorities(slots, sizes)",
            False,
        ),
    ],
)
def test_priorities_without_the_weights(train, sound, broken, gives_back):
    """Where the weighted errors have a name the unweighted ones keep or get one, so the text is not the sound one."""
    pytest.importorskip("torch")
    files = project(TREE, mutated(train, sound, broken))
    found = repaired(files, "PER205")
    assert (found["train.py"] == train) is gives_back
    wanted = remembered(project(TREE, train)).sums
    assert not np.allclose(remembered(files).sums, wanted)
    assert np.allclose(remembered(found).sums, wanted)


@pytest.mark.parametrize(
    ("memory", "train", "sound", "broken", "back"),
    [
        (TREE, TRAIN, HANDED, "errors.numpy()", HANDED),
        (TREE, TRAIN, HANDED, "errors.abs().numpy()", "errors.abs().detach().numpy()"),
        (DEQUES, TRAIN, HANDED, "errors", "errors.detach()"),
        (TENSORS, OF_TENSORS, "errors.detach()", "errors", "errors.detach()"),
    ],
)
def test_a_training_that_broke_off_goes_on(memory, train, sound, broken, back):
    pytest.importorskip("torch")
    files = project(memory, mutated(train, sound, broken))
    found = repaired(files, "PER211")
    assert found["train.py"] == train.replace(sound, back)
    with pytest.raises((RuntimeError, UserWarning), match=r"requires.grad|second time"):
        trained(files)
    assert same(trained(found), trained(project(memory, train)))


@pytest.mark.parametrize(
    ("broken", "back"),
    [
        ("errors", "errors.detach()"),
        ("list(errors)", "list(errors.detach())"),
        ("[abs(error) for error in errors]", "[abs(error).detach() for error in errors]"),
    ],
)
def test_no_graph_stays_alive_with_a_list_of_priorities(broken, back):
    pytest.importorskip("torch")
    files = project(LISTS, mutated(KEPT, HANDED, broken))
    found = repaired(files, "PER211")
    assert found["train.py"] == KEPT.replace(HANDED, back)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch warns of tensors with a graph that become numbers
        assert any(carries_graph(priority) for priority in remembered(files, steps=5).priorities)
    priorities = remembered(found, steps=5).priorities
    assert not any(carries_graph(priority) for priority in priorities)
    wanted = remembered(project(LISTS, KEPT), steps=5).priorities
    assert [float(priority) for priority in priorities] == pytest.approx([float(priority) for priority in wanted])


def test_a_list_of_tensors_that_has_a_name_is_left():
    broken = "        sizes = [abs(error) for error in errors]\n        memory.update_priorities(slots, sizes)"
    files = project(LISTS, mutated(TRAIN, f"        memory.update_priorities(slots, {HANDED})", broken))
    result, found = run(files, codes=("PER211",), unsafe=True)
    assert (result.applied, found) == ([], files)
    assert "no tensor but a list of them" in result.refused[0].reason


@pytest.mark.parametrize("memory", [TREE, DEQUES, LISTS])
@pytest.mark.parametrize(
    ("broken", "back"),
    [
        ("code", "code.detach()"),
        ("code + 0.1", "(code + 0.1).detach()"),
        ("torch.tanh(code)", "torch.tanh(code.detach())"),
    ],
)
def test_no_graph_is_stored_with_a_transition(memory, broken, back):
    pytest.importorskip("torch")
    files = project(memory, mutated(ENCODED, "code.detach()", broken))
    found = repaired(files, "PER405")
    assert found["train.py"] == ENCODED.replace("code.detach()", back)
    assert all(carries_graph(row[1]) for row in rows_of(remembered(files, steps=5)))
    assert not any(carries_graph(row[1]) for row in rows_of(remembered(found, steps=5)))


def rows_of(memory: Any) -> list[Any]:
    return [row for row in memory.rows if row is not None]


def carries_graph(value: Any) -> bool:
    return bool(getattr(value, "requires_grad", False))


DOWN = "if mass >= self.sums[node] and self.sums[node + 1] > 0:"
ROUNDED = """        self.leaves = 1
        while self.leaves < capacity:
            self.leaves *= 2
"""
OF_32_BITS = TREE.replace("np.zeros(2 * self.leaves)", "np.zeros(2 * self.leaves, dtype=np.float32)")


@pytest.mark.parametrize("broken", ["if mass > self.sums[node]:", "if mass >= self.sums[node]:"])
@pytest.mark.parametrize("sound", [OF_32_BITS, OF_32_BITS.replace(ROUNDED, "        self.leaves = capacity\n")])
def test_a_mass_beyond_what_sums_of_32_bits_hold_finds_a_filled_leaf(sound, broken, capsys):
    """In 64 bits, with all leaves on one level, no mass that a draw gives leads beyond them: there nothing is found."""
    files = project(mutated(sound, DOWN, broken))
    found = repaired(files, "PER304")
    assert found == project(sound)
    assert empty_leaves(files["memory.py"])
    assert not empty_leaves(found["memory.py"])
    assert is_sound(verdicts(capsys, found))
    assert not scanned(project(mutated(TREE, DOWN, broken)))


def empty_leaves(memory: str) -> list[int]:
    """The empty slots that the search ends in, of masses up to the whole, in memories of eight that are part filled."""
    names: dict[str, Any] = {}
    exec(memory, names)  # noqa: S102
    found = []
    for filled in range(1, 8):
        for seed in range(20):
            kept = names["Memory"](8)
            for _ in range(filled):
                kept.add(0, 0, 0.0, 0, False)
            kept.update_priorities(range(filled), np.random.default_rng(seed).random(filled))
            total = kept.sums[1]
            slots = [kept.find(mass) for mass in (0.0, total, np.nextafter(total, 0))]
            found += [slot for slot in slots if kept.rows[slot] is None]
    return found


@pytest.mark.parametrize(
    "asked",
    [
        "self.sums[self.leaves :].max() if self.size else 1.0",
        "np.max(self.sums[self.leaves :], initial=1.0)",
        "max(self.sums[self.leaves : self.leaves + self.size], default=1.0)",
        "self.sums[-self.leaves :].max() or 1.0",
    ],
)
def test_the_largest_leaf_of_a_tree_is_kept(asked, capsys):
    """It is kept where the leaf is written, as it is stored; the sound text keeps it before the power."""
    kept = "            self.highest = max(self.highest, priority)\n"
    broken = mutated(mutated(TREE, "self.highest**self.alpha", asked), kept, "")
    drawn = broken.replace("mass = self.total(0, self.size)", "mass = self.sums[1]")
    files = project(drawn, TRAIN.replace("Memory(1000)", "Memory(100_000)"))
    found = repaired(files, "PER402")
    assert not scanned(found)
    assert "        self.max_priority = max(self.max_priority, priority)\n" in found["memory.py"]
    assert is_sound(verdicts(capsys, found))
