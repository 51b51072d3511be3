"""A deque of transitions becomes a prioritised buffer that keeps the same objects."""

from __future__ import annotations

import pytest

from ...rewriting import Files, agent, check_fixed, check_refused, dedented, fixed_agent

MEMORY = """
import random
from collections import deque, namedtuple

Transition = namedtuple("Transition", ("state", "action", "next_state", "reward"))


class Memory:
    def __init__(self, capacity):
        self.items = deque([], maxlen=capacity)

    def push(self, *args):
        self.items.append(Transition(*args))  # any object

    def sample(self, batch_size):
        return random.sample(self.items, batch_size)

    def __len__(self):
        return len(self.items)
"""
FIXED_MEMORY = """
from collections import namedtuple

from experience_replay_optimizer import LinearSchedule, PrioritizedReplayBuffer

Transition = namedtuple("Transition", ("state", "action", "next_state", "reward"))


class Memory:
    def __init__(self, capacity):
        self.items = PrioritizedReplayBuffer(
            capacity,
            beta=LinearSchedule(0.4, 1.0, steps=20_000),
            reward="reward",
        )

    def push(self, *args):
        self.items.append(Transition(*args))  # any object

    def sample(self, batch_size):
        return self.items.sample(batch_size)

    def update_priorities(self, indices, td_errors):
        self.items.update_priorities(indices, td_errors)

    def __len__(self):
        return len(self.items)
"""
LEARNER = """
import torch
import torch.nn as nn
from memory import Transition

BATCH = 32


def optimize(memory, network, target_network, optimizer):
    if len(memory) < BATCH:
        return
    transitions = memory.sample(BATCH)
    batch = Transition(*zip(*transitions))
    states, actions, rewards = torch.cat(batch.state), torch.cat(batch.action), torch.cat(batch.reward)
    taken = network(states).gather(1, actions)
    with torch.no_grad():
        best = target_network(torch.cat(batch.next_state)).max(1).values
    expected = rewards + 0.9 * best
    criterion = nn.SmoothL1Loss()
    loss = criterion(taken, expected.unsqueeze(1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
FIXED_LEARNER = """
import torch
import torch.nn as nn
from experience_replay_optimizer import absolute_td_error, importance_weighted_loss
from memory import Transition

BATCH = 32


def optimize(memory, network, target_network, optimizer):
    if len(memory) < BATCH:
        return
    transitions, weights, indices = memory.sample(BATCH)
    batch = Transition(*zip(*transitions))
    states, actions, rewards = torch.cat(batch.state), torch.cat(batch.action), torch.cat(batch.reward)
    taken = network(states).gather(1, actions)
    with torch.no_grad():
        best = target_network(torch.cat(batch.next_state)).max(1).values
    expected = rewards + 0.9 * best
    criterion = nn.SmoothL1Loss(reduction="none")
    loss = importance_weighted_loss(criterion(taken, expected.unsqueeze(1)), weights)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    memory.update_priorities(indices, absolute_td_error(taken, expected.unsqueeze(1)))
"""
MAIN = """
from learner import optimize
from memory import Memory


def main(env, network, target_network, optimizer):
    memory = Memory(10_000)
    state = env.reset()
    for step in range(20_000):
        next_state, reward, done = env.step(0)
        memory.push(state, 0, next_state, reward)
        state = next_state
        optimize(memory, network, target_network, optimizer)
"""
SPLIT = {"memory.py": MEMORY, "learner.py": LEARNER, "main.py": MAIN}
FIXED_SPLIT = {"memory.py": FIXED_MEMORY, "learner.py": FIXED_LEARNER}
STEP = "self.optimizer.zero_grad()\nloss.backward()\nself.optimizer.step()\n"
LEARN = "loss = F.mse_loss(q, target)\n" + STEP
FIXED = (
    'loss = importance_weighted_loss(F.mse_loss(q, target, reduction="none"), weights)\n'
    + STEP
    + "self.memory.update_priorities(indices, absolute_td_error(q, target))\n"
)


def changed(files: Files, *pairs: tuple[str, str]) -> Files:
    """The files with texts replaced, each of which must be there."""
    for old, new in pairs:
        assert any(old in text for text in files.values()), old
        files = {path: text.replace(old, new) for path, text in files.items()}
    return files


def test_three_files():
    check_fixed(SPLIT, FIXED_SPLIT)


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
@pytest.mark.parametrize("step", ["\t", "  ", "        "])
def test_the_files_own_layout(newline, step):
    def laid_out(files: Files) -> Files:
        return {path: dedented(text).replace("    ", step).replace("\n", newline) for path, text in files.items()}

    check_fixed(laid_out(SPLIT), laid_out(FIXED_SPLIT))


def test_a_list_in_the_docstring_is_no_layout():
    docstring = '"""The memory.\n\nPlan:\n  1. fill it\n  2. draw\n"""\n'
    before, after = ({"memory.py": docstring + files["memory.py"].lstrip()} for files in (SPLIT, FIXED_SPLIT))
    check_fixed(SPLIT | before, FIXED_SPLIT | after)


def test_in_a_package():
    package = {f"pkg/{path}": text for path, text in SPLIT.items()} | {"pkg/__init__.py": ""}
    before = changed(package, ("from memory", "from .memory"), ("from learner", "from .learner"))
    after = changed(
        {f"pkg/{path}": text for path, text in FIXED_SPLIT.items()},
        (
            "optimizer import absolute_td_error, importance_weighted_loss\nfrom memory import Transition\n",
            "optimizer import absolute_td_error, importance_weighted_loss\n\nfrom .memory import Transition\n",
        ),
    )
    before = changed(before, ("nn as nn\nfrom .memory", "nn as nn\n\nfrom .memory"))
    check_fixed(before, after)


def test_the_container_behind_a_property():
    pairs = [
        ("self.items = ", "self._items = "),
        ("    def push", "    @property\n    def items(self):\n        return self._items\n\n    def push"),
    ]
    check_fixed(changed(SPLIT, *pairs), changed(FIXED_SPLIT, *pairs))


@pytest.mark.parametrize(
    "draw",
    [
        "random.sample(self.memory, 32)",
        "random.sample(self.memory, k=32)",
        "random.sample(list(self.memory), 32)",
        "random.choices(self.memory, k=32)",
        "random.sample(population=self.memory, k=32)",
    ],
)
def test_draws(draw):
    check_fixed(changed(agent(LEARN), ("random.sample(self.memory, 32)", draw)), fixed_agent(FIXED))


def test_a_batch_no_larger_than_the_container():
    size = "min(len(self.memory), 32)"
    check_fixed(
        changed(agent(LEARN), ("self.memory, 32)", f"self.memory, {size})")),
        changed(fixed_agent(FIXED), ("sample(32)", f"sample({size})")),
    )


def test_two_sizes_in_two_branches():
    before = """\
        if len(self.memory) < 32:
            batch = random.sample(self.memory, len(self.memory))
        else:
            batch = random.sample(self.memory, 32)
"""
    after = """\
        if len(self.memory) < 32:
            batch, weights, indices = self.memory.sample(len(self.memory))
        else:
            batch, weights, indices = self.memory.sample(32)
"""
    check_fixed(
        changed(agent(LEARN), ("        batch = random.sample(self.memory, 32)\n", before)),
        changed(fixed_agent(FIXED), ("        batch, weights, indices = self.memory.sample(32)\n", after)),
    )


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ("batch = random.sample(self.memory, 3)\n            self.last = batch", "in several places of one function"),
        ("batch = random.sample(list(self.memory)[3:], 3)", "in several places of one function"),
    ],
)
def test_other_branches_with_draws_are_refused(other, reason):
    draw = "batch = random.sample(self.memory, 32)"
    lines = f"if self.optimizer:\n            {draw}\n        else:\n            {other}"
    check_refused(changed(agent(LEARN), (draw, lines)), reason)


@pytest.mark.parametrize("made", ["deque(maxlen=1000)", "deque([], maxlen=1000)", "deque([], 1000)", "deque((), 1000)"])
def test_deques(made):
    check_fixed(changed(agent(LEARN), ("deque(maxlen=1000)", made)), fixed_agent(FIXED))


ORDERS = ["s, a, r, n, d", "s, a, n, r, d", "s, n, a, r, d", "r, s, a, n, d", "d, s, a, n, r"]
NAMES = {"s": "states", "a": "actions", "r": "rewards", "n": "next_states", "d": "dones"}
STORED = {"s": "state", "a": "action", "r": "reward", "n": "next_state", "d": "done"}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("brackets", ["()", "[]"])
def test_orders_of_what_is_stored(order, brackets):
    fields = order.split(", ")
    stored, names = (", ".join(words[field] for field in fields) for words in (STORED, NAMES))
    pairs = [
        ("((state, action, reward, next_state, done))", f"({brackets[0]}{stored}{brackets[1]})"),
        ("states, actions, rewards, next_states, dones =", f"{names} ="),
    ]
    check_fixed(
        changed(agent(LEARN), *pairs),
        changed(fixed_agent(FIXED, option=f"reward={fields.index('r')}"), *pairs),
    )


def test_a_seeded_generator_seeds_the_buffer():
    pair = ("    agent = Agent(", "    random.seed(3)\n    agent = Agent(")
    after = changed(fixed_agent(FIXED), pair, ("reward=2,\n", "reward=2,\n            seed=random.getrandbits(32),\n"))
    check_fixed(changed(agent(LEARN), pair), {"agent.py": "import random\n\n" + after["agent.py"]})


def test_combined():
    after = changed(fixed_agent(FIXED), ("PrioritizedReplayBuffer", "CombinedReplayBuffer"))
    lines = "    CombinedReplayBuffer,\n    LinearSchedule,\n"
    after = changed(after, ("    LinearSchedule,\n    CombinedReplayBuffer,\n", lines))
    check_fixed(agent(LEARN), after, buffer="combined")


USES = [
    "len(self.memory)",
    "for item in self.memory:\n    print(item)",
    "self.memory[-1]",
    "list(self.memory)",
    "rewards = map(max, self.memory)",
    "columns = list(zip(*self.memory))",
    "self.memory.maxlen",
    "assert self.memory",
    "self.memory.extend([])",
]


@pytest.mark.parametrize("use", USES)
def test_uses_that_the_buffer_answers_to(use):
    check_fixed(agent(LEARN + use + "\n"), fixed_agent(FIXED + use + "\n"))


@pytest.mark.parametrize(
    ("use", "reason"),
    [
        ("self.memory.popleft()", "is used by .popleft"),
        ("self.memory.pop()", "is used by .pop"),
        ("self.memory.rotate(1)", "is used by .rotate"),
        ("self.memory[0] = None", "is written to by index"),
        ("self.network.keep(self.memory)", "is given to other code"),
        ("other = self.memory + self.memory", "is used in an expression"),
        ("same = self.memory == []", "is compared"),
        ("one = random.sample(self.memory, 1)", "in several places of one function"),
    ],
)
def test_uses_that_are_refused(use, reason):
    check_refused(agent(LEARN + use + "\n"), reason)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("deque(maxlen=1000)", "[]", "nothing bounds the list made at agent.py:15"),
        ("deque(maxlen=1000)", "deque()", "nothing bounds the deque made at agent.py:15: how many it keeps"),
        ("deque(maxlen=1000)", "deque(maxlen=None)", "nothing bounds the deque"),
        (
            "random.sample(self.memory, 32)",
            "[random.choice(self.memory) for _ in range(32)]",
            "one transition at a time",
        ),
        (
            "random.sample(self.memory, 32)",
            "random.sample(self.memory, 32) if self.memory else []",
            "is used in the same expression",
        ),
        ("random.sample(self.memory, 32)", "random.sample(self.memory)", "batch size"),
    ],
)
def test_other_shapes_are_refused(old, new, reason):
    check_refused(changed(agent(LEARN), (old, new)), reason)


def test_a_draw_inside_an_expression_comes_before_it():
    before = changed(agent(LEARN), ("random.sample(self.memory, 32)", "list(random.sample(self.memory, 32))"))
    drawn = "batch, weights, indices = self.memory.sample(32)"
    first = "transitions, weights, indices = self.memory.sample(32)"
    check_fixed(before, changed(fixed_agent(FIXED), (drawn, f"{first}\n        batch = list(transitions)")))


OTHER = """

    def draw(self, memory):
        drawn = random.sample(memory, 32)
        return drawn


def main(env"""


def test_a_container_that_is_given_to_the_method_that_draws():
    call = "self.draw(self.memory)"
    before = changed(agent(LEARN), ("random.sample(self.memory, 32)", call), ("\n\ndef main(env", OTHER))
    update = "\n\n    def update_priorities(self, indices, td_errors):\n"
    new = OTHER.replace("drawn = random.sample(memory, 32)", "drawn, weights, indices = memory.sample(32)").replace(
        "return drawn\n",
        f"return drawn, weights, indices{update}        self.memory.update_priorities(indices, td_errors)\n",
    )
    after = changed(
        fixed_agent(FIXED),
        ("self.memory.sample(32)", call),
        ("\n\ndef main(env", new),
        ("        self.memory.update_priorities(indices, absolute", "        self.update_priorities(indices, absolute"),
    )
    check_fixed(before, after)


def test_a_container_that_no_other_method_knows_is_refused():
    made = ("        self.memory = deque(maxlen=1000)\n", "")
    call = ("random.sample(self.memory, 32)", "self.draw(memory)")
    given = ("def learn(self):", "def learn(self, memory):"), ("agent.learn()", "agent.learn(memory)")
    main = ("    state = env.reset()\n", "    memory = deque(maxlen=1000)\n    state = env.reset()\n")
    add = ("agent.memory.append", "memory.append")
    before = changed(agent(LEARN), made, call, *given, main, add, ("\n\ndef main(env", OTHER))
    check_refused(before, "is known in the drawing function alone")


def test_columns_of_a_draw_in_a_class_of_its_own():
    columns = """
    def sample(self, count):
        states, actions, rewards, next_states, dones = zip(*random.sample(self.items, count))
        return np.array(states), actions, rewards, np.array(next_states), dones
"""
    memory = f"""
import random
from collections import deque

import numpy as np


class Memory:
    def __init__(self):
        self.items = deque(maxlen=1000)

    def push(self, *transition):
        self.items.append(transition)
{columns}"""
    before = {"memory.py": memory, "agent.py": COLUMNS}
    after = changed(
        before,
        ("import random\nfrom collections import deque\n\n", ""),
        ("import numpy as np\n", "import numpy as np\n"
         "from experience_replay_optimizer import LinearSchedule, PrioritizedReplayBuffer\n"),
        ("deque(maxlen=1000)", "PrioritizedReplayBuffer(\n            1000,\n"
         "            beta=LinearSchedule(0.4, 1.0, steps=9000),\n            reward=2,\n        )"),
        ("        states, actions, rewards, next_states, dones = zip(*random.sample(self.items, count))\n",
         "        batch, weights, indices = self.items.sample(count)\n"
         "        states, actions, rewards, next_states, dones = zip(*batch)\n"),
        ("np.array(next_states), dones\n", "np.array(next_states), dones, weights, indices\n\n"
         "    def update_priorities(self, indices, td_errors):\n"
         "        self.items.update_priorities(indices, td_errors)\n"),
        ("import torch.nn.functional as F\n", "import torch.nn.functional as F\n"
         "from experience_replay_optimizer import absolute_td_error, importance_weighted_loss\n"),
        ("next_states, dones = memory", "next_states, dones, weights, indices = memory"),
        ("F.mse_loss(q, target)", 'importance_weighted_loss(F.mse_loss(q, target, reduction="none"), weights)'),
        ("        optimizer.step()\n", "        optimizer.step()\n"
         "        memory.update_priorities(indices, absolute_td_error(q, target))\n"),
    )  # fmt: skip
    check_fixed(before, after)


COLUMNS = """
import torch
import torch.nn.functional as F
from memory import Memory


def main(env, network, target_network, optimizer):
    memory, state = Memory(), env.reset()
    for step in range(9000):
        next_state, reward, done = env.step(0)
        memory.push(state, 0, reward, next_state, done)
        state = next_state
        states, actions, rewards, next_states, dones = memory.sample(32)
        with torch.no_grad():
            best = target_network(torch.tensor(next_states)).max(1).values
            target = torch.tensor(rewards) + 0.9 * (1 - torch.tensor(dones)) * best
        q = network(torch.tensor(states)).gather(1, torch.tensor(actions).unsqueeze(1)).squeeze(1)
        loss = F.mse_loss(q, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


def test_a_class_that_is_a_deque_itself_is_refused():
    memory = """
class Memory(deque):
    def __init__(self, size):
        super().__init__(maxlen=size)

    def draw(self):
        return random.sample(self, 32)


class Agent:
"""
    pairs = [("\nclass Agent:\n", memory), ("deque(maxlen=1000)", "Memory(1000)")]
    check_refused(
        changed(agent(LEARN), *pairs, ("random.sample(self.memory, 32)", "self.memory.draw()")),
        "is a deque itself, by inheritance",
    )


SCRIPT = """
import random
from collections import deque

import torch
import torch.nn.functional as F
from work import env, network, optimizer, policy

memory = deque(maxlen=5000)
state = env.reset()
for episode in range(200):
    for t in range(100):
        action = policy(state)
        next_state, reward, done, _ = env.step(action)
        memory.append((state, action, reward, next_state, done))
        state = next_state
        if len(memory) > 32:
            batch = random.sample(memory, 32)
            s, a, r, s2, d = (torch.tensor(column) for column in zip(*batch))
            q = network(s).gather(1, a)
            target = r + 0.9 * network(s2).max(1).values * (1 - d)
            loss = F.mse_loss(q, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""


def test_a_script_without_functions():
    after = changed(
        {"run.py": SCRIPT},
        ("import random\nfrom collections import deque\n\n", ""),
        (
            "as F\n",
            "as F\nfrom experience_replay_optimizer import (\n    LinearSchedule,\n    PrioritizedReplayBuffer,\n"
            "    absolute_td_error,\n    importance_weighted_loss,\n)\n",
        ),
        ("deque(maxlen=5000)", "PrioritizedReplayBuffer(5000, beta=LinearSchedule(0.4, 1.0, steps=20_000), reward=2)"),
        ("batch = random.sample(memory, 32)", "batch, weights, indices = memory.sample(32)"),
        ("F.mse_loss(q, target)", 'importance_weighted_loss(F.mse_loss(q, target, reduction="none"), weights)'),
        (
            "            optimizer.step()\n",
            "            optimizer.step()\n"
            "            memory.update_priorities(indices, absolute_td_error(q, target))\n",
        ),
    )
    check_fixed({"run.py": SCRIPT}, after)


BASE = """
from collections import deque


class Base:
    def __init__(self, network, target_network):
        self.network = network
        self.target_network = target_network
        self.memory = deque(maxlen=1000)
"""
FIXED_BASE = """
from experience_replay_optimizer import LinearSchedule, PrioritizedReplayBuffer


class Base:
    def __init__(self, network, target_network):
        self.network = network
        self.target_network = target_network
        self.memory = PrioritizedReplayBuffer(
            1000,
            beta=LinearSchedule(0.4, 1.0, steps=5000),
            reward=2,
        )
"""


def heir(files: Files, name: str, imports: tuple[str, str]) -> str:
    """The agent, its container made by a class that it inherits from."""
    text = files["agent.py"]
    start, end = text.index("        self.network = network"), text.index("    def learn")
    made = "        super().__init__(network, target_network)\n"
    made += "        self.optimizer = torch.optim.Adam(network.parameters())"
    text = text[:start] + made + "\n        self.criterion = nn.MSELoss()\n\n" + text[end:]
    return text.replace("class Agent:", f"class {name}(Base):").replace("Agent(", f"{name}(").replace(*imports)


def test_classes_that_draw_from_one_inherited_container():
    user, fixed = agent(LEARN), fixed_agent(FIXED)
    head = fixed["agent.py"].partition("\nclass")[0]
    names = ("as F\n", "as F\nfrom base import Base\n")
    new = head[head.index("from experience") :]
    helpers = "from experience_replay_optimizer import absolute_td_error, importance_weighted_loss\n"
    fixed_names = (new, helpers + "from base import Base\n\n")
    user_names = ("import random\nfrom collections import deque\n", "import random\n")
    before, after = {"base.py": BASE}, {"base.py": FIXED_BASE}
    for name in ("One", "Two"):
        before[f"{name.lower()}.py"] = heir(user, name, names).replace(*user_names)
        after[f"{name.lower()}.py"] = heir(fixed, name, fixed_names)
    result = check_fixed(before, after)
    assert result.applied[0].paths == {"base.py", "one.py", "two.py"}


KEYS = ("s", "a", "gain", "s2", "d")


def test_the_reward_of_a_dict_has_its_key_whatever_it_is_called():
    def named(files: Files) -> Files:
        row = '{"s": state, "a": action, "gain": reward, "s2": next_state, "d": done}'
        columns = ", \\\n            ".join(f'torch.tensor([row["{key}"] for row in batch])' for key in KEYS)
        return changed(
            files,
            ("append((state, action, reward, next_state, done))", f"append({row})"),
            ("map(torch.tensor, zip(*batch))", columns),
        )

    check_fixed(named(agent(LEARN)), named(fixed_agent(FIXED, option='reward="gain"')))


def test_annotations_and_data_classes():
    kept = (
        'Transition = namedtuple("Transition", ("state", "action", "next_state", "reward"))\n',
        "\n@dataclass\nclass Transition:\n    state: list\n    action: int\n    next_state: list\n    reward: float\n",
    )
    read = ("batch = Transition(*zip(*transitions))\n", "rows = [(t.state, t.action, t.next_state, t.reward) for t in transitions]\n    batch = Batch(*zip(*rows))\n")  # fmt: skip # noqa: E501
    named = ("from memory import Transition\n", "from memory import Batch\n")
    batch = (
        "\n\nclass Memory:",
        '\n\nBatch = namedtuple("Batch", ("state", "action", "next_state", "reward"))\n\n\nclass Memory:',
    )
    before = changed(
        SPLIT,
        kept,
        read,
        named,
        batch,
        ("import random\n", "import random\nfrom dataclasses import dataclass\n"),
        ("self.items = deque(", "self.items: deque[Transition] = deque("),
    )
    after = changed(
        FIXED_SPLIT,
        kept,
        read,
        named,
        batch,
        (
            "from collections import namedtuple\n",
            "from dataclasses import dataclass\nfrom collections import namedtuple\n",
        ),
        ("self.items = P", "self.items: PrioritizedReplayBuffer = P"),
    )
    check_fixed(before, after)


@pytest.mark.parametrize(
    "copy",
    ["list(self.memory)", "sorted(self.memory)", "list(self.memory)[-500:]"],
)
def test_draws_from_a_copy_that_has_a_name_are_refused(copy):
    lines = f"copy = {copy}\n        batch = random.sample(copy, 32)"
    check_refused(changed(agent(LEARN), ("batch = random.sample(self.memory, 32)", lines)), "is a copy or a part of")


def test_draws_from_a_view_that_has_a_name_are_refused():
    lines = "copy = [row for row in self.memory]\n        batch = random.sample(copy, 32)"
    check_refused(
        changed(agent(LEARN), ("batch = random.sample(self.memory, 32)", lines)), "not from the container itself"
    )
