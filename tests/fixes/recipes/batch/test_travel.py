"""Weights and indices travel with the batch to where it is learnt from."""

from __future__ import annotations

import pytest

from ...rewriting import Files, check_fixed, check_refused
from ..containers.test_container_swap import FIXED_SPLIT, SPLIT, changed

BUFFER = """
import random
from collections import deque, namedtuple

import numpy as np
import torch

Experience = namedtuple("Experience", ["state", "action", "reward", "next_state", "done"])


class Buffer:
    def __init__(self, size, batch_size):
        self.memory = deque(maxlen=size)
        self.batch_size = batch_size

    def add(self, state, action, reward, next_state, done):
        e = Experience(state, action, reward, next_state, done)
        self.memory.append(e)

    def sample(self):
        \"\"\"A batch.\"\"\"
        experiences = random.sample(self.memory, k=self.batch_size)

        states = torch.from_numpy(np.vstack([e.state for e in experiences]))
        actions = torch.from_numpy(np.vstack([e.action for e in experiences]))
        rewards = torch.from_numpy(np.vstack([e.reward for e in experiences]))
        next_states = torch.from_numpy(np.vstack([e.next_state for e in experiences]))
        dones = torch.from_numpy(np.vstack([e.done for e in experiences]))

        return (states, actions, rewards, next_states, dones)
"""
AGENT = """
import torch
import torch.nn.functional as F
from buffer import Buffer


class Agent:
    def __init__(self, local, target):
        self.local = local
        self.target = target
        self.optimizer = torch.optim.Adam(local.parameters())
        self.memory = Buffer(10_000, 64)

    def step(self, state, action, reward, next_state, done):
        self.memory.add(state, action, reward, next_state, done)
        experiences = self.memory.sample()
        self.learn(experiences, 0.99)

    def learn(self, experiences, gamma):
        states, actions, rewards, next_states, dones = experiences
        goals = rewards + gamma * (1 - dones) * self.target(next_states).max(1)[0]
        values = self.local(states).gather(1, actions)
        loss = F.mse_loss(values, goals)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.soft_update()
"""
MAIN = """
from agent import Agent


def main(env, local, target):
    agent = Agent(local, target)
    state = env.reset()
    for step in range(20_000):
        next_state, reward, done = env.step(0)
        agent.step(state, 0, reward, next_state, done)
        state = next_state
"""
FILES = {"buffer.py": BUFFER, "agent.py": AGENT, "main.py": MAIN}
UNPACK = "states, actions, rewards, next_states, dones = experiences\n"
UPDATE = "update_priorities(indices, absolute_td_error(values, goals))\n"
IN_BUFFER = (
    ("import random\nfrom collections import deque, namedtuple", "from collections import namedtuple"),
    (
        "import torch\n\nExp",
        "import torch\nfrom experience_replay_optimizer import LinearSchedule, PrioritizedReplayBuffer\n\nExp",
    ),
    (
        "deque(maxlen=size)",
        "PrioritizedReplayBuffer(\n            size,\n            beta=LinearSchedule(0.4, 1.0, steps=20_000),\n"
        '            reward="reward",\n        )',
    ),
    (
        "experiences = random.sample(self.memory, k=self.batch_size)",
        "experiences, weights, indices = self.memory.sample(self.batch_size)",
    ),
    (
        "        return (states, actions, rewards, next_states, dones)\n",
        "        return (states, actions, rewards, next_states, dones, weights, indices)\n\n"
        "    def update_priorities(self, indices, td_errors):\n"
        "        self.memory.update_priorities(indices, td_errors)\n",
    ),
)
IN_AGENT = (
    (
        "functional as F\n",
        "functional as F\nfrom experience_replay_optimizer import absolute_td_error, importance_weighted_loss\n",
    ),
    ("F.mse_loss(values, goals)", 'importance_weighted_loss(F.mse_loss(values, goals, reduction="none"), weights)'),
)
ARRIVAL = ("next_states, dones = ", "next_states, dones, weights, indices = ")
STEP = ("        self.optimizer.step()\n", f"        self.optimizer.step()\n        self.memory.{UPDATE}")
FIXED: Files = changed(FILES, *IN_BUFFER, *IN_AGENT, ARRIVAL, STEP)


def test_the_batch_as_one_value_to_another_method():
    check_fixed(FILES, FIXED)


def test_a_loss_that_is_given_back_to_where_the_step_is_taken():
    step = "        self.optimizer.zero_grad()\n        loss.backward()\n        self.optimizer.step()\n"
    pairs = [
        ("self.learn(experiences, 0.99)\n", "loss = self.loss(experiences, 0.99)\n" + step),
        ("def learn(", "def loss("),
    ]
    rest = step + "        self.soft_update()\n"
    before = changed(FILES, (rest, "        return loss\n"), *pairs)
    update = STEP[1].partition("\n")[2]
    after = changed(FIXED, (step + update + "        self.soft_update()\n", update + "        return loss\n"), *pairs)
    check_fixed(before, after)


def test_a_method_that_makes_tensors_of_the_batch():
    convert = """
    def draw(self):
        states, actions, rewards, next_states, dones = self.memory.sample()
        states = states.float()
        return states, actions, rewards, next_states, dones

    def learn("""
    step = (
        "        experiences = self.memory.sample()\n        self.learn(experiences, 0.99)\n",
        "        self.learn(0.99)\n",
    )
    pairs = (step, ("\n    def learn(", convert), ("(self, experiences, gamma)", "(self, gamma)"))
    draw = ("next_states, dones = experiences\n", "next_states, dones = self.draw()\n")
    fixed_draw = (
        "next_states, dones, weights, indices = experiences\n",
        "next_states, dones, weights, indices = self.draw()\n",
    )
    names = (
        ("next_states, dones = self.memory", "next_states, dones, weights, indices = self.memory"),
        ("rewards, next_states, dones\n\n", "rewards, next_states, dones, weights, indices\n\n"),
    )
    check_fixed(changed(FILES, draw, *pairs), changed(FIXED, fixed_draw, *pairs, *names))


def test_two_files():
    def two(files: Files) -> Files:
        return {"buffer.py": files["buffer.py"], "agent.py": files["agent.py"] + "\n" + files["main.py"][26:]}

    check_fixed(two(FILES), two(FIXED))


SAME = [
    (
        "in_between",
        [
            ("    def learn(", "    def pass_on(self, batch):\n        self.learn(batch, 0.9)\n\n    def learn("),
            ("self.learn(experiences, 0.99)", "self.pass_on(experiences)"),
        ],
    ),
    (
        "at_once",
        [
            ("        experiences = self.memory.sample()\n", ""),
            ("self.learn(experiences, 0.99)", "self.learn(self.memory.sample(), 0.99)"),
        ],
    ),
    ("by_keyword", [("self.learn(experiences, 0.99)", "self.learn(gamma=0.99, experiences=experiences)")]),
    (
        "under_a_condition",
        [
            (
                "        experiences = self.memory.sample()\n        self.learn(experiences, 0.99)\n",
                "        if len(self.memory.memory) > 64:\n            experiences = self.memory.sample()\n"
                "            self.learn(experiences, 0.99)\n",
            )
        ],
    ),
    (
        "through_a_return",
        [
            ("self.memory.sample()\n", "self.draw()\n"),
            ("    def learn", "    def draw(self):\n        return self.memory.sample()\n\n    def learn"),
        ],
    ),
    (
        "nested_function",
        [("        values =", "        def decay(x):\n            return x * 0.9\n\n        values =")],
    ),
    ("decorated", [("    def learn(", "    @torch.enable_grad()\n    def learn(")]),
]


@pytest.mark.parametrize(("name", "pairs"), SAME, ids=[name for name, _ in SAME])
def test_what_lies_on_the_way_stays(name, pairs):
    check_fixed(changed(FILES, *pairs), changed(FIXED, *pairs))


def test_taken_apart_at_the_call():
    pairs = [
        (
            "        experiences = self.memory.sample()\n        self.learn(experiences, 0.99)\n",
            "        self.learn(0.99)\n",
        ),
        ("experiences, gamma)", "gamma)"),
        ("dones = experiences", "dones = self.memory.sample()"),
        ("dones, weights, indices = experiences", "dones, weights, indices = self.memory.sample()"),
    ]
    check_fixed(changed(FILES, *pairs[:3]), changed(FIXED, *pairs[:2], pairs[3]))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "(states, actions, rewards, next_states, dones) =",
            "(states, actions, rewards, next_states, dones, weights, indices) =",
        ),
        (
            "[states, actions, rewards, next_states, dones] =",
            "[states, actions, rewards, next_states, dones, weights, indices] =",
        ),
        ("states,actions,rewards,next_states,dones =", "states,actions,rewards,next_states,dones,weights,indices ="),
        (
            "states, actions, rewards, \\\n            next_states, dones =",
            "states, actions, rewards, \\\n            next_states, dones, weights, indices =",
        ),
        (
            "(\n            states,\n            actions,\n            rewards,\n            next_states,\n"
            "            dones,\n        ) =",
            "(\n            states,\n            actions,\n            rewards,\n            next_states,\n"
            "            dones,\n            weights,\n            indices,\n        ) =",
        ),
    ],
)
def test_unpackings(before, after):
    old = UNPACK.removesuffix(" experiences\n")
    check_fixed(changed(FILES, (old, before)), changed(FIXED, (old.replace("dones", "dones, weights, indices"), after)))


def test_the_buffer_reached_through_another_object():
    holder = "\n\nclass Holder:\n    def __init__(self):\n        self.replay = Buffer(10_000, 64)\n"
    pairs = [
        ("self.memory = Buffer(10_000, 64)", "self.holder = Holder()"),
        ("self.memory.add", "self.holder.replay.add"),
        ("        experiences = self.memory.sample()", "        experiences = self.holder.replay.sample()"),
        ("import Buffer\n", "import Buffer\n" + holder),
    ]
    check_fixed(
        changed(FILES, *pairs), changed(FIXED, *pairs, (f"self.memory.{UPDATE}", f"self.holder.replay.{UPDATE}"))
    )


def test_a_function_that_only_looks_gets_no_names():
    look = "from buffer import Buffer\n\n\ndef look(buffer: Buffer):\n    {} = buffer.sample()\n    print(rewards)\n"
    names = "states, actions, rewards, next_states, dones"
    check_fixed(
        FILES | {"look.py": look.format(names)},
        FIXED | {"look.py": look.format(names + ", _, _")},
        unsafe="look (look.py) only looks at its batch, which is drawn by priority now",
    )


def test_a_test_of_the_buffer_is_edited_too():
    before = "from memory import Memory\n\n\ndef test():\n    memory = Memory(3)\n    memory.push(1, 2, 3, 4)\n"
    check_fixed(
        SPLIT | {"test_memory.py": before + "    assert len(memory.sample(1)) == 1\n"},
        FIXED_SPLIT | {"test_memory.py": before + "    batch, _, _ = memory.sample(1)\n    assert len(batch) == 1\n"},
        unsafe="test (test_memory.py) only looks at its batch",
    )


@pytest.mark.parametrize(
    "nested",
    [
        "    batch = Transition(*zip(*memory.sample(BATCH)))\n",
        "    batch = Transition(*zip(*memory.sample(batch_size=BATCH)))\n",
    ],
)
def test_a_nested_call_is_hoisted(nested):
    old = "    transitions = memory.sample(BATCH)\n    batch = Transition(*zip(*transitions))\n"
    new = "    transitions, weights, indices = memory.sample(BATCH)\n    batch = Transition(*zip(*transitions))\n"
    call = nested[nested.index("memory") : nested.index(")") + 1]
    hoisted = f"    transitions, weights, indices = {call}\n    batch = Transition(*zip(*transitions))\n"
    check_fixed(changed(SPLIT, (old, nested)), changed(FIXED_SPLIT, (new, hoisted)))


def test_columns_taken_apart_at_once():
    def apart(text: str, arrival: str, names: str) -> Files:
        start, end = text.index(arrival), text.index("    taken =")
        text = text[:start] + names + text[end:]
        text = text.replace("batch.next_state", "next_states")
        return {"learner.py": text.replace("from memory import Transition\n", "")}

    names = "    states, actions, next_states, rewards = zip(*{})\n"
    hoisted = "    batch, weights, indices = memory.sample(BATCH)\n" + names.format("batch")
    check_fixed(
        SPLIT | apart(SPLIT["learner.py"], "    transitions =", names.format("memory.sample(BATCH)")),
        FIXED_SPLIT | apart(FIXED_SPLIT["learner.py"], "    transitions,", hoisted),
    )


def _sometimes_nothing(files: Files, nothing: str, *pairs: tuple[str, str]) -> Files:
    empty = f"        if not self.memory:\n            return{nothing}\n"
    docs = '        """A batch."""\n'
    return changed(files, (docs, docs + empty), *pairs)


@pytest.mark.parametrize("nothing", [" None", ""])
@pytest.mark.parametrize(
    "asked",
    [
        "",
        "        if experiences is None:\n            return\n",
        "        if not experiences:\n            return\n",
        "        if experiences == None:\n            raise ValueError\n",
    ],
)
def test_nothing_instead_of_a_batch_stays_nothing(nothing, asked):
    draw = "        experiences = self.memory.sample()\n"
    check_fixed(
        _sometimes_nothing(FILES, nothing, (draw, draw + asked)),
        _sometimes_nothing(FIXED, nothing, (draw, draw + asked)),
    )


def test_nothing_instead_of_a_list_is_nothing_three_times():
    draw = "        return random.sample(self.items, batch_size)\n"
    before = (
        "        if not self.items:\n            return None\n        drawn = random.sample(self.items, batch_size)\n"
    )
    after = "        if not self.items:\n            return None, None, None\n"
    after += "        drawn, weights, indices = self.items.sample(batch_size)\n"
    check_fixed(
        changed(SPLIT, (draw, before + "        return drawn\n")),
        changed(
            FIXED_SPLIT,
            ("        return self.items.sample(batch_size)\n", after + "        return drawn, weights, indices\n"),
        ),
    )


ANOTHER = "    def sample(self):\n        return 1, 2, 3, 4, 5\n"


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        (
            [
                (
                    "        states = torch",
                    "        if not experiences:\n            return experiences\n        states = torch",
                )
            ],
            "a tuple in one place and something else in another",
        ),
        (
            [
                (
                    "        states = torch",
                    "        if not experiences:\n            return 1, 2\n        states = torch",
                )
            ],
            "tuples of different lengths",
        ),
        (
            [(UNPACK, "states, *others = experiences\n        actions, rewards, next_states, dones = others\n")],
            "taken apart in an unknown way",
        ),
        ([("self.learn(experiences, 0.99)", "self.learn([*experiences], 0.99)")], "the batch is used as a whole"),
        (
            [("self.learn(experiences, 0.99)", "self.target(experiences)\n        self.learn(experiences, 0.99)")],
            "given to code outside the project",
        ),
        (
            [("self.learn(experiences, 0.99)", "self.batch = experiences\n        self.learn(experiences, 0.99)")],
            "is kept or taken apart in an unknown way",
        ),
        (
            [
                (
                    UNPACK,
                    "if gamma is None:\n            states, actions, rewards, next_states, dones = self.demo()\n"
                    "        else:\n            " + UNPACK,
                )
            ],
            "the batch comes from somewhere else as well",
        ),
        (
            [
                (
                    "        experiences = self.memory.sample()\n",
                    "        experiences = self.memory.sample()\n"
                    "        if reward > 0:\n            experiences = self.demo()\n",
                )
            ],
            "the batch comes from somewhere else as well",
        ),
        (
            [
                (
                    "    def learn(",
                    "    def imitate(self):\n        self.learn(self.target.demo(), 0.9)\n\n    def learn(",
                )
            ],
            "the batch comes from somewhere else as well",
        ),
        (
            [
                ("class Agent", "class Other:\n" + ANOTHER + "\n\nclass Agent"),
                ("Buffer(10_000, 64)\n", "Buffer(10_000, 64) if local else Other()\n"),
            ],
            "another function's result arrives",
        ),
        (
            [
                ("        return (states, actions", "        return [states, actions"),
                ("dones)\n", "dones]\n"),
                (
                    "self.learn(experiences, 0.99)",
                    "for part in self.memory.sample():\n            self.target.study(part)",
                ),
            ],
            "used as a whole",
        ),
        (
            [
                ("import torch\n\nExp", "import ray\nimport torch\n\nExp"),
                ("class Buffer:", "@ray.remote\nclass Buffer:"),
                ("Buffer(10_000, 64)", "Buffer.remote(10_000, 64)"),
                ("self.memory.add(", "self.memory.add.remote("),
                ("experiences = self.memory.sample()", "experiences = self.memory.sample.remote()"),
            ],
            "the batch comes from another process at agent.py:",
        ),
    ],
)
def test_refused(pairs, reason):
    check_refused(changed(FILES, *pairs), reason)


def test_a_batch_from_elsewhere_under_the_same_name_is_refused():
    draw = "    transitions = memory.sample(BATCH)\n"
    other = f"    if network is None:\n        transitions = demonstrations(BATCH)\n    else:\n    {draw}"
    check_refused(changed(SPLIT, (draw, other)), "the batch comes from somewhere else as well at learner.py:12")


def test_two_batches_in_one_function_are_refused():
    draw = "    transitions = memory.sample(BATCH)\n"
    check_refused(
        changed(SPLIT, (draw, draw + "    others = memory.sample(BATCH)\n")), "a second batch is drawn at learner.py:12"
    )


def test_one_of_two_draws_of_the_same_batch():
    draw = "    transitions = memory.sample(BATCH)\n"
    new = "    transitions, weights, indices = memory.sample(BATCH)\n"
    either = "    if network is None:\n    {0}    else:\n    {0}"
    check_fixed(changed(SPLIT, (draw, either.format(draw))), changed(FIXED_SPLIT, (new, either.format(new))))


def test_an_heir_that_passes_the_batch_on_is_refused():
    heir = (
        "\n\nclass Doubled(Buffer):\n    def sample(self):\n"
        "        states, actions, rewards, next_states, dones = super().sample()\n"
        "        return states, actions, 2 * rewards, next_states, dones\n"
    )
    check_refused(FILES | {"buffer.py": BUFFER + heir}, "the batch is passed on in an unknown way")


def test_code_that_nobody_calls_is_refused():
    check_refused(
        {"memory.py": SPLIT["memory.py"], "main.py": "from memory import Memory\n"},
        "no call of Memory.sample was found",
    )


def test_a_tuple_that_only_unread_files_take_apart():
    check_refused(
        {"buffer.py": BUFFER, "main.py": "print 'python 2'\n"},
        "no call of Buffer.sample was found in the files that were read",
    )


def test_all_files_or_none():
    check_refused(
        FILES | {"other.py": "from buffer import Buffer\n\n\ndef f(b: Buffer):\n    return [x for x in b.sample()]\n"},
        "used as a whole",
    )
