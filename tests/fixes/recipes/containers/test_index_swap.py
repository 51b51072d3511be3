"""Only the draw of positions becomes prioritised; the arrays and the pointer stay."""

from __future__ import annotations

import pytest

from ...rewriting import Files, check_fixed, check_refused, run
from .test_container_swap import changed

RING = """
import numpy as np
import torch


class Ring:
    def __init__(self, state_dim, action_dim, max_size=100_000):
        self.max_size = max_size
        self.ptr = 0
        self.size = 0

        self.state = np.zeros((max_size, state_dim))
        self.action = np.zeros((max_size, action_dim))
        self.next_state = np.zeros((max_size, state_dim))
        self.reward = np.zeros((max_size, 1))
        self.not_done = np.zeros((max_size, 1))

        self.device = torch.device("cpu")

    def add(self, state, action, next_state, reward, done):
        self.state[self.ptr] = state
        self.action[self.ptr] = action
        self.next_state[self.ptr] = next_state
        self.reward[self.ptr] = reward
        self.not_done[self.ptr] = 1.0 - done

        self.ptr = (self.ptr + 1) % self.max_size
        self.size = min(self.size + 1, self.max_size)

    def sample(self, batch_size):
        ind = np.random.randint(0, self.size, size=batch_size)
        return (
            torch.FloatTensor(self.state[ind]),
            torch.FloatTensor(self.action[ind]),
            torch.FloatTensor(self.next_state[ind]),
            torch.FloatTensor(self.reward[ind]),
            torch.FloatTensor(self.not_done[ind]),
        )
"""
LEARNER = """
import torch
import torch.nn.functional as F


class Learner:
    def __init__(self, actor, critic, critic_target):
        self.actor, self.critic, self.critic_target = actor, critic, critic_target
        self.critic_optimizer = torch.optim.Adam(critic.parameters())
        self.actor_optimizer = torch.optim.Adam(actor.parameters())

    def train(self, replay_buffer, batch_size=64):
        state, action, next_state, reward, not_done = replay_buffer.sample(batch_size)
        with torch.no_grad():
            next_q1, next_q2 = self.critic_target(next_state, self.actor(next_state))
            target_q = reward + not_done * 0.99 * torch.min(next_q1, next_q2)
        q1, q2 = self.critic(state, action)
        critic_loss = F.mse_loss(q1, target_q) + F.mse_loss(q2, target_q)
        self.critic_optimizer.zero_grad()
        critic_loss.backward()
        self.critic_optimizer.step()

        actor_loss = -self.critic(state, self.actor(state))[0].mean()
        self.actor_optimizer.zero_grad()
        actor_loss.backward()
        self.actor_optimizer.step()
"""
MAIN = """
from learner import Learner
from ring import Ring


def main(env, actor, critic, critic_target):
    learner = Learner(actor, critic, critic_target)
    ring = Ring(3, 1)
    state = env.reset()
    for step in range(30_000):
        next_state, reward, done = env.step(0)
        ring.add(state, 0, next_state, reward, done)
        state = next_state
        learner.train(ring)
"""
FILES = {"ring.py": RING, "learner.py": LEARNER, "main.py": MAIN}
SAMPLER = """\
        self.priorities = PrioritizedSampler(
            max_size,
            beta=LinearSchedule(0.4, 1.0, steps=30_000),
            rare_fraction=0,
        )
"""
FIXED: Files = changed(
    FILES,
    (
        "import numpy as np\nimport torch\n",
        "import numpy as np\nimport torch\n"
        "from experience_replay_optimizer import LinearSchedule, PrioritizedSampler\n",
    ),
    (
        "        self.not_done = np.zeros((max_size, 1))\n",
        "        self.not_done = np.zeros((max_size, 1))\n" + SAMPLER,
    ),
    ("1.0 - done\n", "1.0 - done\n        self.priorities.add(self.ptr)\n"),
    ("ind = np.random.randint(0, self.size, size=batch_size)", "ind, weights = self.priorities.sample(batch_size)"),
    (
        "            torch.FloatTensor(self.not_done[ind]),\n        )\n",
        "            torch.FloatTensor(self.not_done[ind]),\n            weights,\n            ind,\n        )\n\n"
        "    def update_priorities(self, indices, td_errors):\n        self.priorities.update(indices, td_errors)\n",
    ),
    ("as F\n", "as F\nfrom experience_replay_optimizer import absolute_td_error, importance_weighted_loss\n"),
    ("reward, not_done = replay", "reward, not_done, weights, indices = replay"),
    (
        "F.mse_loss(q1, target_q) + F.mse_loss(q2, target_q)\n",
        "importance_weighted_loss(\n"
        '            F.mse_loss(q1, target_q, reduction="none") + F.mse_loss(q2, target_q, reduction="none"),\n'
        "            weights,\n        )\n",
    ),
    (
        "        self.critic_optimizer.step()\n",
        "        self.critic_optimizer.step()\n"
        "        replay_buffer.update_priorities(indices, absolute_td_error((q1, q2), target_q))\n",
    ),
)
ONE_CRITIC = ("F.mse_loss(q1, target_q) + F.mse_loss(q2, target_q)", "F.mse_loss(q1, target_q)")
NO_ACTOR = (LEARNER[LEARNER.index("\n        actor_loss") :], "")


def test_three_files_and_twin_critics():
    result = check_fixed(FILES, FIXED)
    assert result.applied[0].paths == {"ring.py", "learner.py"}
    assert any("--buffer lap" in step for step in result.applied[0].steps)


def test_two_learners_of_one_buffer():
    def two(files: Files) -> Files:
        other = files["learner.py"].replace("class Learner", "class Other").replace("replay_buffer", "ring")
        main = files["main.py"].replace("from learner", "from another import Other\nfrom learner")
        main = main.replace("Learner(actor", "(Learner if env.state else Other)(actor")
        return files | {"another.py": other, "main.py": main}

    check_fixed(two(FILES), two(FIXED))


def test_two_learners_with_one_loss_object():
    shared = {"shared.py": "import torch.nn as nn\n\ncriterion = nn.MSELoss()\n"}
    single = changed(FILES, ("F.mse_loss(q1, target_q) + F.mse_loss(q2, target_q)", "criterion(q1, target_q)"))
    learner = single["learner.py"].replace("import torch.nn.functional as F\n", "from shared import criterion\n")
    other = learner.replace("class Learner", "class Other")
    main = MAIN.replace("from learner", "from another import Other\nfrom learner")
    main = main.replace("Learner(actor", "(Learner if env.state else Other)(actor")
    files = {"ring.py": RING, "learner.py": learner, "another.py": other, "main.py": main}
    result, found = run({path: text.lstrip() for path, text in (files | shared).items()})
    assert [refusal.reason for refusal in result.refused] == []
    assert 'criterion = nn.MSELoss(reduction="none")' in found["shared.py"]
    for path in ("learner.py", "another.py"):
        assert "importance_weighted_loss(criterion(q1, target_q), weights)" in found[path]


def test_what_is_written_may_depend_on_a_condition():
    """Each array is written in one branch or the other; the slot is told of once, behind them."""
    plain = "        self.action[self.ptr] = action\n"
    chosen = """        if self.max_size > 1:
            self.action[self.ptr] = action + 1
        else:
            self.action[self.ptr] = action
"""
    check_fixed(changed(FILES, (plain, chosen)), changed(FIXED, (plain, chosen)))


def test_an_agent_that_holds_the_arrays_itself():
    ring = RING[: RING.index("        return (")].replace("def sample(self, batch_size)", "def learn(self, batch_size)")
    ring += """\
        state, action, reward = self.state[ind], self.action[ind], torch.tensor(self.reward[ind])
        with torch.no_grad():
            target = reward + self.not_done[ind] * self.network(self.next_state[ind]).max(1, keepdim=True).values
        loss = F.mse_loss(self.network(state).gather(1, action), target)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""
    ring = ring.replace("import torch\n", "import torch\nimport torch.nn.functional as F\n")
    main = MAIN.replace("from learner import Learner\n", "").replace("learner.train(ring)", "ring.learn(64)")
    main = main.replace("    learner = Learner(actor, critic, critic_target)\n", "")
    names = "LinearSchedule, PrioritizedSampler, absolute_td_error, importance_weighted_loss"
    many = "(\n    " + ",\n    ".join(names.split(", ")) + ",\n)"
    sampler = "        self.priorities = PrioritizedSampler(max_size, beta=LinearSchedule(0.4, 1.0, steps=30_000))\n"
    call = "F.mse_loss(self.network(state).gather(1, action), target)"
    new = 'F.mse_loss(prediction, target, reduction="none")'
    after = changed(
        {"ring.py": ring, "main.py": main},
        ("as F\n", f"as F\nfrom experience_replay_optimizer import {many}\n"),
        ("np.zeros((max_size, 1))\n\n", "np.zeros((max_size, 1))\n" + sampler + "\n"),
        ("1.0 - done\n", "1.0 - done\n        self.priorities.add(self.ptr, reward=reward)\n"),
        (DRAW, "self.priorities.sample(batch_size)"),
        ("        ind = ", "        ind, weights = "),
        (
            f"        loss = {call}",
            "        prediction = self.network(state).gather(1, action)\n        loss = "
            f"importance_weighted_loss({new}, weights)",
        ),
        (
            "optimizer.step()\n",
            "optimizer.step()\n        self.priorities.update(ind, absolute_td_error(prediction, target))\n",
        ),
    )
    check_fixed({"ring.py": ring, "main.py": main}, after)


def test_combined_skips_protected_slots():
    after = changed(
        FIXED,
        ("(self.ptr + 1) % self.max_size", "self.priorities.next_slot(self.ptr)"),
        ("import LinearSchedule, PrioritizedSampler", "import CombinedSampler, LinearSchedule"),
        ("PrioritizedSampler(", "CombinedSampler("),
    )
    check_fixed(FILES, after, buffer="combined")


def test_the_mean_over_critics():
    update = '            indices,\n            absolute_td_error((q1, q2), target_q, reduce="mean"),\n        )\n'
    after = changed(FIXED, ("indices, absolute_td_error((q1, q2), target_q))\n", f"\n{update}"))
    check_fixed(FILES, after, priority="mean")


def test_the_reward_tells_rare_events_where_there_is_no_actor():
    after = changed(
        FIXED,
        NO_ACTOR,
        ("            rare_fraction=0,\n", ""),
        (
            SAMPLER.replace("            rare_fraction=0,\n", ""),
            "        self.priorities = PrioritizedSampler(max_size, beta=LinearSchedule(0.4, 1.0, steps=30_000))\n",
        ),
        ("priorities.add(self.ptr)", "priorities.add(self.ptr, reward=reward)"),
    )
    check_fixed(changed(FILES, NO_ACTOR), after)


DRAW = "np.random.randint(0, self.size, size=batch_size)"


@pytest.mark.parametrize(
    "draw",
    [
        "np.random.randint(self.size, size=batch_size)",
        "np.random.randint(0, self.size, batch_size)",
        "np.random.randint(low=0, high=self.size, size=(batch_size,))",
        "np.random.randint(0, self.max_size if self.size == self.max_size else self.ptr, size=batch_size)",
        "np.random.choice(self.size, batch_size)",
        "np.random.choice(self.size, size=batch_size, replace=False)",
        "np.random.choice(np.arange(self.size), batch_size)",
        "torch.randint(0, self.size, (batch_size,))",
        "torch.randint(self.size, (batch_size,))",
        "random.sample(range(self.size), batch_size)",
    ],
)
def test_draws(draw):
    old = "import numpy as np\n"
    pairs = [(old, "import random\n\n" + old)] if draw.startswith("random") else []
    check_fixed(changed(FILES, (DRAW, draw), *pairs), FIXED)


@pytest.mark.parametrize(
    ("made", "seed"), [("np.random.default_rng(0)", "0"), ("np.random.default_rng(max_size)", "max_size")]
)
def test_what_seeds_a_generator_of_ones_own_seeds_the_sampler(made, seed):
    pair = ("        self.size = 0\n", f"        self.size = 0\n        self.rng = {made}\n")
    seeded = ("def main(env", "import numpy as np\n\nnp.random.seed(1)\n\n\ndef main(env")
    before = changed(FILES, pair, seeded, (DRAW, "self.rng.integers(self.size, size=batch_size)"))
    given = ("rare_fraction=0,\n", f"rare_fraction=0,\n            seed={seed},\n")
    check_fixed(before, changed(FIXED, pair, seeded, given))


@pytest.mark.parametrize("made", ["np.random.default_rng()", "np.random.default_rng(self.size + 1)"])
def test_a_generator_without_a_known_seed_is_left_alone(made):
    pair = ("        self.size = 0\n", f"        self.size = 0\n        self.rng = {made}\n")
    before = changed(FILES, pair, (DRAW, "self.rng.integers(self.size, size=batch_size)"))
    result = check_fixed(before, changed(FIXED, pair))
    assert any("self.rng" in step for step in result.applied[0].steps) == ("()" not in made)


@pytest.mark.parametrize(
    "made",
    [
        "np.random.default_rng() if max_size is None else np.random.default_rng(max_size)",
        "np.random.default_rng(*max_size)",
        "np.random.default_rng((max_size := 7))",
        "np.random.default_rng(max_size)\n        max_size = 7",
    ],
)
def test_a_generator_whose_seed_is_not_sure_is_a_step_for_a_person(made):
    pair = ("        self.size = 0\n", f"        self.size = 0\n        self.rng = {made}\n")
    before = changed(FILES, pair, (DRAW, "self.rng.integers(self.size, size=batch_size)"))
    result = check_fixed(before, changed(FIXED, pair))
    assert any("self.rng" in step for step in result.applied[0].steps)


def test_a_seed_that_is_assigned_again_is_a_step_for_a_person():
    again = "        seed = 7 if seed is None else seed + 1\n        self.rng = np.random.default_rng(seed)\n"
    device = '        self.device = torch.device("cpu")\n'
    pairs = [(device, f"{device}{again}"), ("max_size=", "seed=None, max_size=")]
    before = changed(FILES, *pairs, (DRAW, "self.rng.integers(self.size, size=batch_size)"))
    result = check_fixed(before, changed(FIXED, *pairs))
    assert any("self.rng" in step for step in result.applied[0].steps)


def test_a_seeded_torch_seeds_the_sampler():
    pair = ("    learner = ", "    torch.manual_seed(1)\n    learner = ")
    use = ("from learner", "import torch\nfrom learner")
    seed = ("rare_fraction=0,\n", "rare_fraction=0,\n            seed=torch.randint(2**31 - 1, ()).item(),\n")
    before = changed(FILES, pair, use, (DRAW, "torch.randint(0, self.size, (batch_size,))"))
    check_fixed(before, changed(FIXED, pair, use, seed))


def test_a_seeded_generator_seeds_the_sampler():
    pair = ("    learner = ", "    np.random.seed(1)\n    learner = ")
    use = ("from learner", "import numpy as np\nfrom learner")
    seed = ("rare_fraction=0,\n", "rare_fraction=0,\n            seed=np.random.randint(2**31 - 1),\n")
    check_fixed(changed(FILES, pair, use), changed(FIXED, pair, use, seed))


STACKED = RING[RING.index("        return (") :]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "return self.state[ind], self.action[ind], self.next_state[ind], self.reward[ind], self.not_done[ind]",
            "return self.state[ind], self.action[ind], self.next_state[ind], self.reward[ind], self.not_done[ind], "
            "weights, ind",
        ),
        (
            "return (self.state[ind], self.action[ind], self.next_state[ind],\n"
            "                self.reward[ind], self.not_done[ind])",
            "return (self.state[ind], self.action[ind], self.next_state[ind],\n"
            "                self.reward[ind], self.not_done[ind], weights, ind)",
        ),
        (
            "return self.state[ind], self.action[ind], self.next_state[ind], \\\n"
            "            self.reward[ind], self.not_done[ind]",
            "return self.state[ind], self.action[ind], self.next_state[ind], \\\n"
            "            self.reward[ind], self.not_done[ind], weights, ind",
        ),
        (
            "return (\n            self.state[ind],\n            self.action[ind],\n            self.next_state[ind],\n"
            "            self.reward[ind],\n            self.not_done[ind]  # the mask\n        )",
            "return (\n            self.state[ind],\n            self.action[ind],\n            self.next_state[ind],\n"
            "            self.reward[ind],\n            self.not_done[ind],  # the mask\n            weights,\n"
            "            ind\n        )",
        ),
        (
            "return (\n            self.state[ind],\n            self.action[ind],\n            self.next_state[ind],\n"
            "            self.reward[ind],\n            self.not_done[ind],  # the mask\n        )",
            "return (\n            self.state[ind],\n            self.action[ind],\n            self.next_state[ind],\n"
            "            self.reward[ind],\n            self.not_done[ind],  # the mask\n            weights,\n"
            "            ind,\n        )",
        ),
        (
            "s, a, n = self.state[ind], self.action[ind], self.next_state[ind]\n"
            "        return s, a, n, self.reward[ind], self.not_done[ind]",
            "s, a, n = self.state[ind], self.action[ind], self.next_state[ind]\n"
            "        return s, a, n, self.reward[ind], self.not_done[ind], weights, ind",
        ),
    ],
)
def test_returns(before, after):
    method = STACKED.partition("\n\n")[0]
    fixed = FIXED["ring.py"]
    tail = fixed[fixed.index("        return (") :]
    new = f"        {after}\n\n" + tail.partition("\n\n")[2]
    check_fixed(changed(FILES, (method, f"        {before}\n")), changed(FIXED, (tail, new)))


def test_rows_that_are_put_behind_those_of_another_memory():
    own = "        ind = np.random.randint(0, self.size, size=batch_size)\n"
    joined = (
        "        others = np.zeros((8, self.state_dim))\n        state = np.concatenate([others, self.state[ind]])\n"
    )
    pairs = ((own, own + joined), ("torch.FloatTensor(self.state[ind])", "torch.FloatTensor(state)"))
    check_refused(changed(FILES, *pairs), "the drawn batch is joined by others at ring.py")


def test_a_draw_that_is_not_made_each_time():
    drawn = "        if ind is None:\n            ind = np.random.randint(0, self.size, size=batch_size)\n"
    pairs = (("def sample(self, batch_size)", "def sample(self, batch_size, ind=None)"),)
    before = changed(FILES, *pairs, ("        ind = np.random.randint(0, self.size, size=batch_size)\n", drawn))
    check_refused(before, "is returned where nothing was drawn as well")


def test_a_draw_that_another_branch_makes_otherwise():
    drawn = (
        "        if self.size < 9:\n            ind = np.arange(self.size)\n        else:\n"
        "            ind = np.random.randint(0, self.size, size=batch_size)\n"
    )
    before = changed(FILES, ("        ind = np.random.randint(0, self.size, size=batch_size)\n", drawn))
    check_refused(before, "is returned where nothing was drawn as well")


def test_the_length_under_two_names():
    pair = ("self.action = np.zeros((max_size", "self.action = np.zeros((self.max_size")
    check_fixed(changed(FILES, pair), changed(FIXED, pair))


def test_two_lengths_of_which_one_is_set_later():
    later = (
        "self.not_done = np.zeros((max_size",
        "self.bound = max_size\n        self.not_done = np.zeros((self.bound",
    )
    set_again = ("        self.ptr = 0\n", "        self.bound = 0\n        self.ptr = 0\n")
    check_refused(changed(FILES, later, set_again), "have different lengths")


@pytest.mark.parametrize("typed", ["ind: np.ndarray = ", "ind: 'np.ndarray' = "])
def test_positions_with_a_type_of_their_own(typed):
    declared = "        " + typed.removesuffix(" = ") + "\n        ind, weights = "
    check_fixed(changed(FILES, ("ind = ", typed)), changed(FIXED, ("        ind, weights = ", declared)))


LINES = RING.split("\n")
WINDOWS = "at = np.random.randint(0, self.size - 8, size=9)\n        ind = (at[:, None] + np.arange(8)).reshape(-1)"
AFTER = f"{DRAW}\n        after = (ind + 1) % self.max_size"
CHANCES = """chances = np.ones(self.size)
        chances[self.ptr - 1] = 0
        ind = np.random.choice(self.size, batch_size, p=chances / chances.sum())"""


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ([("ind = " + DRAW, "self.ind = " + DRAW), ("[ind]", "[self.ind]")], "have no name"),
        ([(DRAW, "np.random.randint(1, self.size, size=batch_size)")], "does not begin at the first slot"),
        ([("ind = " + DRAW, WINDOWS)], "where windows of several steps begin"),
        ([(DRAW, "np.random.randint(0, self.size, size=(batch_size, 2))")], "is not a number"),
        ([("np.zeros((max_size, 1))\n\n", "np.zeros((max_size + 1, 1))\n\n")], "is not a plain name"),
        ([("np.zeros((max_size, 1))\n\n", "np.zeros((action_dim, 1))\n\n")], "have different lengths"),
        (
            [
                (
                    "self.reward[self.ptr] = reward",
                    "self.ptr = (self.ptr + 1) % 3\n        self.reward[self.ptr] = reward",
                )
            ],
            "the pointer moves between the writes",
        ),
        ([("self.reward[self.ptr] =", "self.reward[self.size - 1] =")], "at different positions"),
        ([("(self.next_state[ind])", "(self.state[ind + 1])")], "other slots than the drawn ones"),
        ([("(self.next_state[ind])", "(self.state[after])"), (DRAW, AFTER)], "other slots than the drawn ones"),
        ([("ind = " + DRAW, CHANCES)], "leaves slots out that are filled"),
        (
            [("    def add(", "    def fix(self, reward):\n        self.reward[self.ptr] = reward\n\n    def add(")],
            "filled in several functions",
        ),
        ([("self.ptr]", "self.ptr : self.ptr + 1]")], "filled with several transitions at once"),
        (
            [("    def sample(", "    def update_priorities(self):\n        pass\n\n    def sample(")],
            "has a method update_priorities already",
        ),
    ],
)
def test_refused(pairs, reason):
    check_refused(changed(FILES, *pairs), reason)


def test_what_is_read_at_positions_that_were_read_at_the_drawn_ones_is_refused():
    aside = [
        ("self.size = 0\n", "self.size = 0\n        self.places = []\n"),
        ("self.state[self.ptr] =", "self.places.append(self.ptr)\n        self.state[self.ptr] ="),
        (DRAW, DRAW + "\n        at = [self.places[i] for i in ind]"),
        ("[ind]", "[at]"),
    ]
    check_refused(changed(FILES, *aside), "are positions themselves")


def test_a_pointer_that_is_no_ring_cannot_skip_slots():
    counter = [
        (
            "        self.state[self.ptr] = state",
            "        index = self.ptr % self.max_size\n        self.state[index] = state",
        ),
        ("[self.ptr]", "[index]"),
        ("self.ptr = (self.ptr + 1) % self.max_size", "self.ptr += 1"),
    ]
    before = changed(FILES, *counter)
    check_refused(before, "is a count modulo the capacity (self.ptr % self.max_size)", buffer="combined")
    check_fixed(before, changed(FIXED, ("priorities.add(self.ptr)", "priorities.add(index)"), *counter))


MADE = RING[RING.index("        self.state = np") : RING.index("        self.device")]
WRITES = RING[RING.index("        self.state[self.ptr]") : RING.index("        self.ptr = (")]
FIELDS = ("state", "action", "next_state", "reward", "not_done")


def looped(files: Files, behind: str = "", added: str = "") -> Files:
    """The ring with its arrays in a dict, made and filled in loops."""
    lines = [f'            self.data["{name}_%d" % i] = np.zeros([max_size, 1])\n' for name in FIELDS]
    made = "        self.data = dict()\n        for i in range(2):\n" + "".join(lines)
    writes = [f'                self.data["{name}_%d" % i][self.ptr] = {name}[i]\n' for name in FIELDS]
    filled = "        for i in range(2):\n            with self.lock:\n" + "".join(writes)
    filled = filled.replace("= not_done[i]", "= 1.0 - done")
    pairs = [(MADE.rstrip("\n") + "\n" + behind, made + behind), (WRITES.rstrip("\n") + "\n" + added, filled + added)]
    return changed(files, *pairs, *((f"self.{name}[ind]", f'self.data["{name}_0"][ind]') for name in FIELDS))


def test_arrays_that_are_made_and_filled_in_loops():
    check_fixed(looped(FILES), looped(FIXED, SAMPLER, "        self.priorities.add(self.ptr)\n"))


def test_a_pointer_that_moves_in_the_loop():
    moved = "                self.ptr = (self.ptr + 1) % self.max_size\n"
    files = changed(looped(FILES), ("= 1.0 - done\n", "= 1.0 - done\n" + moved))
    _, found = run(files, unsafe=True)
    inside = "= 1.0 - done\n                self.priorities.add(self.ptr)\n"
    assert inside in found["ring.py"]


DRAWN_LINE = "        ind = np.random.randint(0, self.size, size=batch_size)\n"


def test_draws_in_two_branches_by_whether_it_is_full():
    draws = """\
        if self.size == self.max_size:
            ind = np.random.randint(0, self.max_size, size=batch_size)
        else:
            ind = np.random.randint(0, self.ptr, size=batch_size)
"""
    check_fixed(changed(FILES, (DRAWN_LINE, draws)), FIXED)


def test_draws_of_two_sizes():
    draws = """\
        if self.size < batch_size:
            ind = np.random.randint(0, self.size, size=self.size)
        else:
            ind = np.random.randint(0, self.size, size=batch_size)
"""
    drawn = """\
        if self.size < batch_size:
            ind, weights = self.priorities.sample(self.size)
        else:
            ind, weights = self.priorities.sample(batch_size)
"""
    one = "        ind, weights = self.priorities.sample(batch_size)\n"
    check_fixed(changed(FILES, (DRAWN_LINE, draws)), changed(FIXED, (one, drawn)))


@pytest.mark.parametrize("name", ["shape", "self.shape"])
def test_shapes_that_have_a_name(name: str) -> None:
    named = ("np.zeros((max_size, state_dim))", f"np.zeros({name})")
    given = ("        self.state = ", f"        {name} = (max_size, state_dim)\n        self.state = ")
    check_fixed(changed(FILES, named, given), changed(FIXED, named, given))


def test_rewards_that_are_not_rare_are_not_told() -> None:
    files = changed(FILES, NO_ACTOR)
    head = "import gym\n\nenv = gym.make('Hopper-v4')\n"
    _, plain = run(files)
    _, dense = run(files | {"main.py": head + files["main.py"]})
    assert ("reward=" in plain["ring.py"], "rare_fraction=0" in plain["ring.py"]) == (True, False)
    assert ("reward=" in dense["ring.py"], "rare_fraction=0" in dense["ring.py"]) == (False, True)


ROWS = """
import gym
import numpy as np
import torch
import torch.nn as nn

ROOM = 2000


class Agent:
    def __init__(self, states, actions):
        self.net = nn.Linear(states, actions)
        self.states = states
        self.rows = np.zeros((ROOM, states * 2 + 3))
        self.counter = 0
        self.optimizer = torch.optim.Adam(self.net.parameters())
        self.loss = nn.MSELoss()

    def store(self, state, action, reward, done, next_state):
        row = np.hstack((state, [action, reward, done], next_state))
        index = self.counter % ROOM
        self.rows[index, :] = row
        self.counter += 1

    def learn(self):
        drawn = np.random.choice(ROOM, 32)
        batch = self.rows[drawn, :]
        state = torch.FloatTensor(batch[:, : self.states])
        action = torch.LongTensor(batch[:, self.states : self.states + 1].astype(int))
        reward = torch.FloatTensor(batch[:, self.states + 1 : self.states + 2])
        done = torch.FloatTensor(batch[:, self.states + 2 : self.states + 3])
        after = torch.FloatTensor(batch[:, -self.states :])
        q = self.net(state).gather(1, action)
        target = reward + 0.9 * (1 - done) * self.net(after).detach().max(1)[0].view(-1, 1)
        loss = self.loss(q, target)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


env = gym.make("MountainCar-v0")
agent = Agent(2, 3)
state = env.reset()
for _ in range(100_000):
    action = env.action_space.sample()
    after, reward, done, _ = env.step(action)
    agent.store(state, action, reward, done, after)
    if agent.counter > ROOM:
        agent.learn()
    state = env.reset() if done else after
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("", "", "reward=reward)"),
        ("np.hstack((", "np.concatenate((", "reward=reward)"),
        # what the reward was is not told by a name any more, or by more than one
        ("        index =", "        reward = 0.0\n        index =", ")"),
        ("done], next_state", "done + reward], next_state", "reward=reward)"),
        ("row = np.hstack", "scaled = reward / 10\n        row = np.hstack", ")"),
    ],
)
def test_a_row_of_all_parts_is_no_reward(old: str, new: str, told: str) -> None:
    files = {"main.py": ROWS.replace(old, new, 1) if old else ROWS}
    _, fixed = run(files)
    assert f"        self.priorities.add(index{', ' if told != ')' else ''}{told}\n" in fixed["main.py"]


DISCRETE = """\
        if action_dim:
            self.action = np.zeros((max_size, action_dim))
        elif max_size > 1:
            self.action = np.zeros(max_size, dtype=np.int64)
        else:
            self.action = np.zeros((max_size, 1))
"""
PLAIN, LAST = (
    "        self.action = np.zeros((max_size, action_dim))\n",
    "        self.not_done = np.zeros((max_size, 1))\n",
)


def test_arrays_that_the_branches_of_a_test_make():
    pair = (PLAIN, DISCRETE)
    check_fixed(changed(FILES, pair), changed(FIXED, pair))


def test_an_array_that_is_made_in_some_programs_only():
    extra = "        if action_dim > 1:\n            self.hidden = np.zeros((max_size, 8))\n"
    store = "        if self.action.shape[1] > 1:\n            self.hidden[self.ptr] = 0.5\n"
    read = "        if batch_size > 512:\n            print(self.hidden[ind].mean())\n"
    made = (LAST, LAST + extra)
    stored = ("1.0 - done\n", "1.0 - done\n" + store)
    drawn = ("size=batch_size)\n", "size=batch_size)\n" + read)
    after = (LAST + SAMPLER, LAST + extra + SAMPLER)
    told = ("1.0 - done\n        self.priorities", "1.0 - done\n" + store + "        self.priorities")
    taken = ("sample(batch_size)\n        return", "sample(batch_size)\n" + read + "        return")
    check_fixed(changed(FILES, made, stored, drawn), changed(FIXED, after, told, taken))


@pytest.mark.parametrize(
    "made",
    [
        "        self.make(max_size, action_dim)\n\n    def make(self, max_size, action_dim):\n" + PLAIN + LAST,
        "        try:\n            self.action = np.zeros((max_size, action_dim))\n        except MemoryError:\n"
        "            self.action = np.zeros((max_size, action_dim), dtype=np.float16)\n" + LAST,
    ],
    ids=["another method", "a handler"],
)
def test_arrays_that_are_made_in_different_places(made):
    check_refused(changed(FILES, (PLAIN, ""), (LAST, made)), "the arrays of Ring are made in different places")
