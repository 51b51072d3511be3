"""PER004 unbounded-buffer."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from per_audit.findings import Finding, FixOffer, Severity
from per_audit.graph.prioritised.priorities.whose import name_of_made
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph import ReplayGraph


_EPISODES = """import random


class Past:
    def __init__(self, least):
        self.least, self.whole, self.now, self.count = least, [], [], 0  # <- PER004

    def keep(self, state, action, reward, next_state, done):
        self.now.append((state, action, reward, next_state, done))
        if done:
            self.close()

    def close(self):
        if len(self.now) >= self.least:
            self.whole.append(self.now)
        self.now = []

    def some(self, n):
        chosen = random.sample(self.whole, n)  # <- PER001
        begun = [random.randint(0, len(rows) - self.least) for rows in chosen]
        return [rows[first : first + self.least] for rows, first in zip(chosen, begun)]


def train(env, net, optimizer):
    past, state = Past(8), env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        past.keep(state, 0, reward, next_state, done)
        state = env.reset() if done else next_state
        net.loss(past.some(32)).backward()
        optimizer.step()
"""


_SHOP = """class Shop:
    def __init__(self, demand):
        self.demand = demand

    def reset(self):
        self.stock, self.open = 10.0, True
        return self.stock

    def step(self, order):
        self.stock = self.stock + order - self.demand()
        return self.stock, -abs(self.stock), self.stock < 0
"""
_TRIMMED = """import random
from shop import Shop


class Past:
    def __init__(self, limit):
        self.rows, self.limit = [], limit  # <- PER004

    def keep(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def trim(self):
        more = len(self.rows) - self.limit
        if more > 0:
            del self.rows[:more]

    def some(self, n):
        return random.sample(self.rows, n)  # <- PER001


class Owner:
    def __init__(self, net, optimizer):
        self.net, self.optimizer, self.past = net, optimizer, Past(5_000)

    def remember(self, *what):
        self.past.keep(*what)

    def learn(self):
        states, actions, rewards, later, dones = zip(*self.past.some(32))
        goals = rewards + 0.9 * (1 - dones) * self.net(later).max(1).values
        self.net = self.optimizer.fitted(self.net, states, actions, goals)


def main(net, optimizer, demand):
    shop, owner = Shop(demand), Owner(net, optimizer)
    for episode in range(9_000):
        state, done = shop.reset(), False
        while not done:
            action = owner.net(state).argmax()
            next_state, reward, done = shop.step(action)
            owner.remember(state, action, reward, next_state, done)
            owner.learn()
            state = next_state
"""


def _in_german(text: str) -> str:
    words = {
        "states": "lagen", "state": "lage", "actions": "griffe", "action": "griff", "rewards": "zahlungen",
        "reward": "zahlung", "next_lage": "folge", "later": "folgen", "dones": "enden",
        "done": "ende", "reset": "beginn", "step": "zug",
    }  # fmt: skip
    for english, german in words.items():
        text = text.replace(english, german)
    return text


_TRIM = """        more = len(self.rows) - self.limit
        if more > 0:
            del self.rows[:more]
"""


class UnboundedBuffer(Rule):
    """Transitions are stored for ever: the replay memory grows until the process is killed.

    ## What it does

    Reports a replay buffer whose transitions go into a list or deque that nothing bounds: no length limit, nothing
    taken out, no part of it kept in its place, no test of its length before the store.

    ## Why is this bad

    A transition of two stacked Atari frames takes 56 kB: a million steps are 56 GB. Long before, a growing share of the
    memory holds what an early policy did, and uniform draws keep learning from it.

    ## Known problems

    What bounds a container is searched in the whole project, by what happens to it rather than by its spelling. A run
    that is known to be short needs no bound; say so in a suppression.

    ## Example

    ```python
    self.memory = []
    ```

    ## Use instead

    ```python
    self.memory = deque(maxlen=100_000)
    ```

    ## Fix safety

    Only a person knows the right capacity. A conversion to a prioritised buffer, which needs one, repairs it as well.

    ## References

    - Mnih et al. 2015, Human-level control through deep reinforcement learning, Nature 518: replay of the last
      million frames
    """

    code = "PER004"
    name = "unbounded-buffer"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each buffer with a container that grows without bound."""
        seen = set()
        for buffer in (*graph.buffers, *graph.twins):
            stores = graph.growing_stores(buffer)
            if not stores or stores[0].container in seen:
                continue
            seen.add(stores[0].container)
            name = name_of_made(graph, buffer, stores[0])
            path, made = stores[0].path, stores[0].container.node
            where = graph.path_of(made)
            yield Finding(
                self.code,
                self.name,
                self.severity,
                "medium",
                f"{name} keeps every transition: nothing bounds what `{graph.source(path, stores[0].node)}` fills",
                graph.place(where or path, made) if where else graph.place(path, stores[0].node),
                graph.symbol(stores[0].function, path),
                tuple(graph.evidence(s.path, s.node, "stored", "grows here") for s in stores[:4]) + graph.chain(buffer),
                FixOffer(title="give the memory a capacity"),
                pipeline=graph.name_of(buffer),
            )

    def witness(self) -> str:
        """Ten thousand stores leave ten thousand transitions in a list, and the newest thousand in a bounded deque."""
        everything: list[int] = []
        newest: deque[int] = deque(maxlen=1_000)
        for step in range(10_000):
            everything.append(step)
            newest.append(step)
        assert len(everything) == 10_000
        assert list(newest) == list(range(9_000, 10_000))
        return f"after 10,000 stores the list holds {len(everything):,}, the bounded deque {len(newest):,}"

    bad = (
        Example(
            "a list inside the agent, Keras",
            {
                "agent.py": """import random


class Agent:
    def __init__(self, model):
        self.model = model
        self.past = []  # <- PER004

    def remember(self, state, action, reward, next_state, done):
        self.past.append((state, action, reward, next_state, done))

    def learn(self):
        for state, action, reward, next_state, done in random.sample(self.past, 32):  # <- PER001
            self.model.fit(state, reward + self.model.predict(next_state))
"""
            },
        ),
        Example(
            "a deque without a limit, filled from another file",
            {
                "memory.py": """import random
from collections import deque


class Memory:
    def __init__(self):
        self.rows = deque()  # <- PER004

    def put(self, row):
        self.rows.append(row)

    def sample(self, n):
        return random.sample(self.rows, n)  # <- PER001
""",
                "train.py": """from memory import Memory


def train(env, net, optimizer):
    memory = Memory()
    state = env.reset()
    while True:
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        memory.put((state, action, reward, next_state, done))
        state = next_state
        loss = net.loss(memory.sample(32))
        loss.backward()
        optimizer.step()
""",
            },
        ),
        Example(
            "a local list, numpy draw",
            {
                "loop.py": """import numpy as np


def run(env, q, steps):
    seen = []  # <- PER004
    state = env.reset()
    for step in range(steps):
        action = int(np.argmax(q[state]))
        next_state, reward, done, _ = env.step(action)
        seen.append((state, action, reward, next_state, done))
        state = env.reset() if done else next_state
        for i in np.random.randint(0, len(seen), 8):  # <- PER001
            s, a, r, s2, d = seen[i]
            q[s, a] += 0.1 * (r + 0.9 * (1 - d) * q[s2].max() - q[s, a])
"""
            },
        ),
        Example(
            "a list held by closures, JAX",
            {
                "memory.py": """import random


def make_memory():
    kept = []  # <- PER004

    def remember(obs, action, reward, next_obs, done):
        kept.append((obs, action, reward, next_obs, done))

    def draw(n):
        return random.sample(kept, n)  # <- PER001

    return remember, draw
""",
                "train.py": """import jax
import jax.numpy as jnp
import numpy as np
from memory import make_memory


def train(env, apply, params, steps):
    remember, draw = make_memory()

    def loss(params, obs, actions, targets):
        chosen = jnp.take_along_axis(apply(params, obs), actions[:, None], axis=1)[:, 0]
        return jnp.mean((chosen - targets) ** 2)

    obs, _ = env.reset()
    for step in range(steps):
        action = int(jnp.argmax(apply(params, obs[None])))
        next_obs, reward, terminated, truncated, _ = env.step(action)
        remember(obs, action, reward, next_obs, terminated)
        obs = env.reset()[0] if terminated or truncated else next_obs
        if step > 64:
            s, a, r, s2, d = map(np.stack, zip(*draw(64)))
            y = r + 0.99 * (1 - d) * jnp.max(apply(params, s2), axis=1)
            gradients = jax.grad(loss)(params, s, a, y)
            params = jax.tree_util.tree_map(lambda p, g: p - 1e-3 * g, params, gradients)
    return params
""",
            },
        ),
        Example(
            "a module's list of dictionaries, PyTorch",
            {
                "dqn.py": """import random

import torch
import torch.nn.functional as F

MEMORY = []  # <- PER004


def remember(state, action, reward, next_state, terminated):
    MEMORY.append({"s": state, "a": action, "r": reward, "s2": next_state, "d": terminated})


def learn(net, target_net, optimizer):
    batch = random.sample(MEMORY, 32)  # <- PER001
    states = torch.stack([row["s"] for row in batch])
    actions = torch.tensor([row["a"] for row in batch])
    rewards = torch.tensor([row["r"] for row in batch])
    following = torch.stack([row["s2"] for row in batch])
    ends = torch.tensor([float(row["d"]) for row in batch])
    with torch.no_grad():
        y = rewards + 0.99 * (1 - ends) * target_net(following).max(1).values
    loss = F.mse_loss(net(states).gather(1, actions[:, None])[:, 0], y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
            },
        ),
        Example(
            "a list for each field, the capacity asked for and forgotten",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, capacity=100_000):
        self.capacity = capacity
        self.states = []  # <- PER004
        self.actions, self.rewards, self.following, self.ends = [], [], [], []

    def add(self, state, action, reward, next_state, terminated):
        self.states.append(state)
        self.actions.append(action)
        self.rewards.append(reward)
        self.following.append(next_state)
        self.ends.append(terminated)

    def sample(self, n):
        chosen = np.random.randint(0, len(self.states), n)  # <- PER001
        return (np.array([self.states[i] for i in chosen]), np.array([self.actions[i] for i in chosen]),
                np.array([self.rewards[i] for i in chosen]), np.array([self.following[i] for i in chosen]),
                np.array([self.ends[i] for i in chosen]))
""",
                "train.py": """import numpy as np
from memory import Memory


def train(env, model, steps):
    memory = Memory()
    state, _ = env.reset()
    for step in range(steps):
        action = int(np.argmax(model.predict(state[None])[0]))
        next_state, reward, terminated, truncated, _ = env.step(action)
        memory.add(state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        s, a, r, s2, d = memory.sample(32)
        goals = model.predict(s)
        goals[np.arange(32), a] = r + 0.99 * (1 - d) * model.predict(s2).max(axis=1)
        model.fit(s, goals, verbose=0)
""",
            },
        ),
        Example("a list of whole episodes, each in a list that begins anew", {"agent.py": _EPISODES}),
        Example(
            "all steps of an episode that is emptied then",
            {
                "agent.py": _EPISODES.replace("whole.append(self.now)", "whole.extend(self.now)")
                .replace("self.now = []", "self.now.clear()")
                .replace(
                    "        begun = [random.randint(0, len(rows) - self.least) for rows in chosen]\n"
                    "        return [rows[first : first + self.least] for rows, first in zip(chosen, begun)]\n",
                    "        return chosen\n",
                )
            },
        ),
        Example(
            "emptied by a method that nothing calls",
            {
                "agent.py": """import random
from collections import deque


class Past:
    def __init__(self):
        self.rows = deque()  # <- PER004

    def keep(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def restart(self):
        self.rows = deque()

    def some(self, n):
        return random.sample(self.rows, n)  # <- PER001


def train(env, net, optimizer):
    past, state = Past(), env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        past.keep(state, 0, reward, next_state, done)
        state = env.reset() if done else next_state
        net.loss(past.some(32)).backward()
        optimizer.step()
"""
            },
        ),
        Example(
            "trimmed by a method that nothing calls, in an environment of its own that what is learnt acts in",
            {"shop.py": _SHOP, "train.py": _TRIMMED},
        ),
        Example(
            "in a program whose names tell nothing: the loop acts in the shop",
            {"shop.py": _in_german(_SHOP), "train.py": _in_german(_TRIMMED)},
        ),
        Example(
            "cut to its end by a method that nothing calls",
            {"shop.py": _SHOP, "train.py": _TRIMMED.replace(_TRIM, "        self.rows = self.rows[-self.limit :]\n")},
        ),
        Example(
            "cut to more than any memory holds",
            {
                "shop.py": _SHOP,
                "train.py": _TRIMMED.replace(_TRIM, "        self.rows = self.rows[-self.limit :]\n")
                .replace("            owner.learn()\n", "            owner.past.trim()\n            owner.learn()\n")
                .replace("5_000", "5_000_000_000"),
            },
        ),
    )
    good = (
        Example(
            "a bounded deque, positional limit",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace("self.past = []", "self.past = deque([], 1000)")
                .replace("import random\n", "import random\nfrom collections import deque\n")
            },
        ),
        Example(
            "the oldest taken out under a length test, in two files",
            {
                "memory.py": bad[1]
                .plain["memory.py"]
                .replace(
                    "        self.rows.append(row)\n",
                    "        self.rows.append(row)\n"
                    "        if len(self.rows) > 1000:\n            self.rows.popleft()\n",
                ),
                "train.py": bad[1].plain["train.py"],
            },
        ),
        Example(
            "the newest part kept",
            {
                "loop.py": bad[2]
                .plain["loop.py"]
                .replace(
                    "        state = env.reset() if", "        seen = seen[-1000:]\n        state = env.reset() if"
                )
            },
        ),
        Example(
            "a ring that is filled first",
            {
                "memory.py": bad[1]
                .plain["memory.py"]
                .replace(
                    "        self.rows.append(row)\n",
                    "        if len(self.rows) < 1000:\n            self.rows.append(None)\n"
                    "        self.rows[self.at % 1000] = row\n        self.at += 1\n",
                )
                .replace("deque()", "[]\n        self.at = 0"),
                "train.py": bad[1].plain["train.py"],
            },
        ),
        Example(
            "a list for each episode",
            {
                "loop.py": """import random


def run(env, net, optimizer):
    for episode in range(1000):
        seen = []
        state, done = env.reset(), False
        while not done:
            next_state, reward, done, _ = env.step(0)
            seen.append((state, 0, reward, next_state, done))
            state = next_state
        net.loss(random.sample(seen, 8)).backward()
        optimizer.step()
"""
            },
        ),
        Example(
            "emptied by a method of a name that is called on something unknown",
            {"agent.py": bad[-5].plain["agent.py"].replace("def restart", "def reset")},
        ),
        Example(
            "emptied by a method that the library of its base may call",
            {
                "agent.py": bad[-5]
                .plain["agent.py"]
                .replace("import random\n", "import random\nfrom training import Callback\n")
                .replace("class Past:", "class Past(Callback):")
            },
        ),
        Example(
            "filled once, by a loop of a few hundred steps",
            {
                "watch.py": """import random
from collections import deque
from game import env, model

STEPS, BATCH = 500, 50
seen = deque()
state = env.reset()
for step in range(STEPS):
    next_state, reward, done, _ = env.step(model.act(state))
    seen.append((state, reward, next_state, done))
    state = env.reset() if done else next_state

for state, reward, next_state, done in random.sample(seen, BATCH):  # <- PER001
    goal = reward if done else reward + 0.9 * model.predict(next_state).max()
    model.train_on_batch(state, goal)
"""
            },
        ),
        Example(
            "written to disk and emptied",
            {
                "agent.py": bad[0].plain["agent.py"]
                + """
    def flush(self, file):
        file.write(repr(self.past))
        del self.past[:]
"""
            },
        ),
        Example(
            "a length test in an expression of its own",
            {
                "loop.py": bad[2]
                .plain["loop.py"]
                .replace("next_state, done))\n", "next_state, done)) if len(seen) < 5000 else None\n")
            },
        ),
        Example(
            "whole episodes, the oldest of which is taken out",
            {
                "agent.py": _EPISODES.replace("  # <- PER004", "").replace(
                    "whole.append(self.now)\n",
                    "whole.append(self.now)\n            del self.whole[: len(self.whole) - 99]\n",
                )
            },
        ),
        Example(
            "whole episodes, as long as there is room for their steps",
            {
                "agent.py": _EPISODES.replace("  # <- PER004", "")
                .replace("if len(self.now) >= self.least:", "if self.count + len(self.now) < 9_000:")
                .replace(
                    "whole.append(self.now)\n", "whole.append(self.now)\n            self.count += len(self.now)\n"
                )
            },
        ),
        Example(
            "trimmed by a method that is called, in an environment of its own that what is learnt acts in",
            {
                "shop.py": _SHOP,
                "train.py": _TRIMMED.replace("  # <- PER004", "").replace(
                    "            owner.learn()\n", "            owner.past.trim()\n            owner.learn()\n"
                ),
            },
        ),
        Example(
            "trimmed by a method that is for others to call, as all of a file of memories is",
            {"memory.py": _TRIMMED.replace("  # <- PER004", "").partition("\n\nclass Owner")[0]},
        ),
        Example(
            "cut to its end by a method that is called",
            {
                "shop.py": _SHOP,
                "train.py": _TRIMMED.replace("  # <- PER004", "")
                .replace(_TRIM, "        self.rows = self.rows[-self.limit :]\n")
                .replace("            owner.learn()\n", "            owner.past.trim()\n            owner.learn()\n"),
            },
        ),
    )
