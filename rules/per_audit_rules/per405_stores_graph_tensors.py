"""PER405 stores-graph-tensors."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph.gradients.autograd import Autograd
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.findings import Finding
    from per_audit.graph import ReplayBuffer, ReplayGraph
    from per_audit.graph.gradients.autograd import Kept
    from per_audit.graph.interpret.events import Owner, Store

_BUILDERS = {"__init__", "__post_init__", "build", "setup"}

_AGENT = """import random
import torch
from torch import nn


class Agent:
    def __init__(self, env, size=10_000):
        self.env, self.size, self.rows = env, size, []
        self.actor = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 2), nn.Tanh())
        self.critic = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 1))
        self.optimizer = torch.optim.Adam(self.critic.parameters())

    def step(self, state):
        action = self.actor(state)
        next_state, reward, terminated, truncated, _ = self.env.step(action.detach().numpy())
        next_state = torch.as_tensor(next_state)
        if len(self.rows) == self.size:
            self.rows.pop(0)
        self.rows.append((state, action, reward, next_state, terminated))  # <- PER405
        return next_state

    def learn(self):
        states, actions, rewards, following, ends = zip(*random.sample(self.rows, 32))  # <- PER001
        states, actions, following = torch.stack(states), torch.stack(actions), torch.stack(following)
        with torch.no_grad():
            ahead = self.critic(torch.cat([following, self.actor(following)], 1))[:, 0]
            target = torch.tensor(rewards) + 0.99 * (1 - torch.tensor(ends).float()) * ahead
        loss = (self.critic(torch.cat([states, actions], 1))[:, 0] - target).pow(2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""

_AGENTS = """import random
from collections import deque
import torch
from torch import nn


class OnPolicy:
    def __init__(self):
        self.policy = nn.Linear(4, 2)
        self.optimizer = torch.optim.Adam(self.policy.parameters())

    def act(self, state):
        return self.policy(state)


class OffPolicy:
    def __init__(self, size=10_000):
        self.rows, self.net = deque(maxlen=size), nn.Linear(4, 2)
        self.optimizer = torch.optim.Adam(self.net.parameters())

    def act(self, state):
        return torch.tensor(random.randrange(2))

    def remember(self, *row):
        self.rows.append(row)

    def learn(self):
        states, actions, rewards, following, ends = zip(*random.sample(self.rows, 32))
        ahead = self.net(torch.stack(following)).amax(1)
        goals = torch.tensor(rewards) + 0.99 * (1 - torch.tensor(ends).float()) * ahead
        q = self.net(torch.stack(states)).gather(1, torch.stack(actions)[:, None])[:, 0]
        self.optimizer.zero_grad()
        (q - goals.detach()).pow(2).mean().backward()
        self.optimizer.step()


def train(env, kind):
    agent = OnPolicy() if kind == "on" else OffPolicy()
    state = torch.as_tensor(env.reset()[0])
    while True:
        action = agent.act(state)
        following, reward, ended, _, _ = env.step(action.tolist())
        following = torch.as_tensor(following)
        agent.remember(state, action, reward, following, ended)
        state = following
        agent.learn()
"""

_SPLIT = {
    "networks.py": """import torch
from torch import nn
import torch.nn.functional as F


class Policy(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.hidden = nn.Linear(inputs, 128)
        self.out = nn.Linear(128, outputs)

    def forward(self, x):
        x = F.relu(self.hidden(x))
        return torch.tanh(self.out(x))
""",
    "agent.py": """import random
from collections import deque
import torch
from networks import Policy


class Agent:
    def __init__(self, inputs, outputs):
        self.policy = Policy(inputs, outputs)
        self.memory = deque(maxlen=50_000)
        self.optimizer = torch.optim.Adam(self.policy.parameters())

    def act(self, observation):
        tensor = torch.as_tensor(observation).float().unsqueeze(0)
        choice = self.policy(tensor)
        return choice.squeeze(0)

    def remember(self, *transition):
        self.memory.append(transition)

    def learn(self, critic):
        batch = random.sample(self.memory, 64)  # <- PER001
        errors = [critic(s, a) - r - 0.99 * (1 - d) * critic(n, self.act(n)) for s, a, r, n, d in batch]
        loss = torch.stack(errors) ** 2
        self.optimizer.zero_grad()
        loss.mean().backward()
        self.optimizer.step()
""",
    "main.py": """import torch
from agent import Agent


def run(env, critic, episodes):
    agent = Agent(8, 2)
    for _ in range(episodes):
        obs, done = env.reset(), False
        while not done:
            act = agent.act(obs)
            new_obs, reward, done, _ = env.step(act.tolist())
            agent.remember(obs, act, reward, new_obs, done)  # <- PER405
            obs = new_obs
            agent.learn(critic)
""",
}

_CHOSEN = """import argparse

import gymnasium as gym
from agent import Agent, Calm, Noisy, Replaying
from main import run


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kind", default="replaying")
    kind = parser.parse_args().kind
    chosen = Noisy if kind == "noisy" else Calm if kind == "calm" else Agent if kind == "plain" else Replaying
    agent = chosen(8, 2)
    if kind == "replaying":
        run(gym.make("LunarLanderContinuous-v2"), agent, episodes=500)


main()
"""
_KINDS = """

class Noisy(Agent):
    def act(self, observation):
        return super().act(observation) + 0.1 * torch.randn(2)


class Calm(Agent):
    def act(self, observation):
        return 0.5 * self.policy(torch.as_tensor(observation).float())


class Replaying(Agent):
    def act(self, observation):
        with torch.no_grad():
            return self.policy(torch.as_tensor(observation).float())
"""

_PASSED = """import random
from collections import deque
import torch


def train(env, actor, critic, steps):
    replay = deque(maxlen=100_000)
    optimizer = torch.optim.Adam([*actor.parameters(), *critic.parameters()], lr=1e-3)
    state = torch.as_tensor(env.reset()[0])
    for step in range(steps):
        action = actor(state) + 0.1 * torch.randn(2)
        next_state, reward, terminated, truncated, _ = env.step(action.detach().numpy())
        next_state = torch.as_tensor(next_state)
        replay.append({"s": state, "a": action, "r": reward, "n": next_state, "d": terminated})  # <- PER405
        state = next_state
        if len(replay) > 64:
            loss = 0.0
            for row in random.choices(replay, k=64):  # <- PER001
                ahead = critic(row["n"], actor(row["n"])).detach()
                target = row["r"] + 0.99 * (1 - row["d"]) * ahead
                loss = loss + (critic(row["s"], row["a"]) - target) ** 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""

_RING = """import torch
from torch import nn


class Ring:
    def __init__(self, size):
        self.states, self.following = torch.zeros(size, 4), torch.zeros(size, 4)
        self.actions, self.rewards, self.ends = torch.zeros(size, 2), torch.zeros(size), torch.zeros(size)
        self.size, self.count = size, 0

    def put(self, state, action, reward, following, end):
        at = self.count % self.size
        self.states[at], self.following[at] = state, following
        self.actions[at] = action
        self.rewards[at], self.ends[at] = reward, end
        self.count += 1

    def draw(self, n):
        at = torch.randint(0, min(self.count, self.size), (n,))  # <- PER001
        return self.states[at], self.actions[at], self.rewards[at], self.following[at], self.ends[at]


def play(env, critic, optimizer, steps):
    actor, ring = nn.Linear(4, 2), Ring(5_000)
    state = env.reset()
    for _ in range(steps):
        mean = torch.tanh(actor(state))
        following, reward, end, _ = env.step(mean.detach())
        ring.put(state, mean, reward, following, end)  # <- PER405
        state = following
        s, a, r, n, d = ring.draw(32)
        target = r + 0.99 * (1 - d) * critic(n, actor(n)).detach()
        loss = (critic(s, a) - target).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""

_RECURRENT = """import random
import torch
from torch import nn


class Recurrent:
    def __init__(self, env):
        self.env, self.rows, self.limit = env, [], 20_000
        self.cell, self.head = nn.GRUCell(8, 32), nn.Linear(32, 4)
        self.optimizer = torch.optim.Adam([*self.cell.parameters(), *self.head.parameters()])

    def collect(self, obs, hidden):
        later = self.cell(obs, hidden)
        action = int(self.head(later).argmax())
        new_obs, reward, done, _ = self.env.step(action)
        row = (obs, hidden.detach(), action, reward, new_obs, later, done)
        self.rows.append(row)  # <- PER405
        if len(self.rows) > self.limit:
            del self.rows[0]
        return new_obs, later

    def learn(self):
        for obs, hidden, action, reward, new_obs, later, done in random.sample(self.rows, 16):  # <- PER001
            with torch.no_grad():
                ahead = self.head(self.cell(new_obs, later)).max()
            loss = (self.head(self.cell(obs, hidden))[action] - reward - 0.99 * (1 - done) * ahead) ** 2
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
"""

_WINDOWED = """import random
from collections import deque
import torch
from torch import nn


class Memory:
    def __init__(self, n=3):
        self.rows, self.window, self.n = deque(maxlen=10_000), deque(maxlen=n), n

    def add(self, state, action, reward, following, end):
        self.window.append((state, action, reward))
        if len(self.window) == self.n:
            reward_sum = 0.0
            for _, _, r in reversed(self.window):
                reward_sum = r + 0.99 * reward_sum
            first, chosen, _ = self.window[0]
            self.rows.append((first, chosen, reward_sum, following, end))
        if end:
            while self.window:
                self.window.popleft()


class Agent:
    def __init__(self, env, critic):
        self.env, self.critic, self.memory, self.actor = env, critic, Memory(), nn.Linear(4, 1)
        self.optimizer = torch.optim.Adam(critic.parameters())

    def step(self, state):
        move = self.actor(state).clamp(-1, 1)
        following, reward, end, _ = self.env.step(move.item())
        self.memory.add(state, move, reward, following, end)  # <- PER405
        batch = random.sample(self.memory.rows, 32)  # <- PER001
        s, a, r, n, d = (torch.stack(list(map(torch.as_tensor, column))) for column in zip(*batch))
        target = r + 0.99**3 * (1 - d.float()) * self.critic(n, self.actor(n)).detach()
        self.optimizer.zero_grad()
        (self.critic(s, a) - target).pow(2).mean().backward()
        self.optimizer.step()
        return following
"""


_TEAM = """import random
from collections import deque

import torch
import torch.nn as nn


class Actor(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(4, 2)

    def forward(self, x):
        return torch.tanh(self.out(x))


class Team:
    def __init__(self, n):
        self.actors = [Actor() for _ in range(n)]
        self.rows = deque(maxlen=20_000)

    def act(self, states):
        moves = torch.empty(len(self.actors), 2)
        for i, actor in enumerate(self.actors):
            moves[i] = actor(states[i])
        return moves

    def learn(self, critic, optimizer):
        rows = random.sample(self.rows, 32)  # <- PER001
        states, moves, rewards, following = (torch.stack(column) for column in zip(*rows))
        loss = (critic(states, moves) - rewards - 0.9 * critic(following, moves)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def main(env, critic, optimizer):
    team, states = Team(3), env.reset()
    for _ in range(50_000):
        moves = team.act(states)
        following, rewards, done, _ = env.step(moves.detach())
        team.rows.append((states, moves, rewards, following))  # <- PER405
        states = following
        team.learn(critic, optimizer)
"""


class StoresGraphTensors(Rule):
    """Transitions are stored with the autograd graph of a network that computed a part of them.

    ## What it does

    Follows each value that is put into a replay buffer backwards, through names, attributes, returns and callers, and
    reports one that a layer of PyTorch computed with gradients recorded and that nothing cut off on its way.

    ## Why is this bad

    A tensor with a graph holds every activation of the forward pass that made it. One action of two numbers from a
    network with two hidden layers of 256 keeps more than 500 numbers alive, on the network's device, for as long as
    the transition is in the buffer. A loss that uses the stored value sends its gradient into a graph that was
    recorded with older weights: PyTorch stops with "Trying to backward through the graph a second time" or "modified
    by an inplace operation", or, where it does not, the network is trained on the actions of its past.

    ## Known problems

    Known are PyTorch's layers and modules made of them, and objects whose `parameters()` or `state_dict()` the project
    asks for. What runs under `torch.no_grad()` or `torch.inference_mode()`, as a context or a decorator of anything
    around the call, what passes `.detach()`, `.item()`, `.numpy()` or an operation without gradient (`argmax`,
    `sample`), and rollouts that are emptied after each update are not reported. A tensor without a graph that lies on
    an accelerator is not reported: a buffer on the device may be meant.

    ## Example

    ```python
    action = actor(state)
    next_state, reward, terminated, truncated, _ = env.step(action.detach().numpy())
    memory.append((state, action, reward, next_state, terminated))
    ```

    ## Use instead

    ```python
    with torch.no_grad():
        action = actor(state)
    next_state, reward, terminated, truncated, _ = env.step(action.numpy())
    memory.append((state, action, reward, next_state, terminated))
    ```

    ## Fix safety

    `.detach()` where the value is stored changes no number. The repair is an unsafe one: a loss that meant to use the
    graph would lose it.

    ## References

    - PyTorch, Autograd mechanics, "Saved tensors" and "Locally disabling gradient computation"
    """

    code = "PER405"
    name = "stores-graph-tensors"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each value with a graph that is handed to a replay buffer."""
        autograd = Autograd(graph)
        seen: set[ir.Node] = set()
        for buffer in (*graph.buffers, *graph.twins):
            if _is_emptied(graph, buffer):
                continue
            for store in buffer.stores:
                if store.expression is None or not _holds_tensors(graph, store):
                    continue
                for kept in autograd.kept(store.path, store.function, store.expression):
                    if _is_of_another(graph, kept):
                        continue
                    place = store.node if kept.passed is None else kept.passed
                    if place not in seen:
                        seen.add(place)
                        yield self._finding(graph, buffer, store, kept)

    def _finding(self, graph: ReplayGraph, buffer: ReplayBuffer, store: Store, kept: Kept) -> Finding:
        path, place = (store.path, store.node) if kept.passed is None else (kept.path, kept.passed)
        return self.finding(
            graph,
            path,
            place,
            f"what `{graph.source(kept.path, kept.made)}` returned is stored with its autograd graph: each transition "
            "keeps the activations of a forward pass alive for as long as it is in the buffer",
            evidence=[
                graph.evidence(path, place, "stored", "stored with the graph that computed it"),
                graph.evidence(kept.path, kept.made, "network", "computed here, with gradients recorded"),
                graph.evidence(store.path, store.node, "store", "put into the buffer here"),
            ],
            fix=FixOffer(title="store the detached value, or compute it under torch.no_grad()"),
            pipeline=graph.name_of(buffer),
        )

    def witness(self) -> str:
        """A forward pass of two layers, of which the output is kept with and without what computed it."""
        import numpy as np

        rng = np.random.default_rng(0)
        sizes = (4, 256, 256, 2)
        value, graph = rng.normal(size=4), []
        for inner, outer in pairwise(sizes):
            graph.append(value)
            value = np.tanh(rng.normal(size=(outer, inner)) @ value)
        alone, attached = value.size, value.size + sum(saved.size for saved in graph)
        assert alone == 2
        assert attached > 250 * alone
        return f"an action of {alone} numbers keeps {attached} numbers alive with its graph"

    bad = (
        Example("an action, PyTorch, a list of tuples", {"agent.py": _AGENT}),
        Example("returned by a method and passed on by a loop, three files", _SPLIT),
        Example("a network that is passed in, a deque", {"train.py": _PASSED}),
        Example("a ring of tensors", {"ring.py": _RING}),
        Example("the hidden state of a recurrent network", {"recurrent.py": _RECURRENT}),
        Example("through a window of several steps", {"windowed.py": _WINDOWED}),
        Example("a tensor that the answers of several networks are put into", {"team.py": _TEAM}),
    )
    good = (
        Example(
            "under no_grad",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace(
                    "        action = self.actor(state)",
                    "        with torch.no_grad():\n            action = self.actor(state)",
                )
            },
        ),
        Example(
            "a difference of what has a graph, made under no_grad",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace(
                    "        action = self.actor(state)",
                    "        raw = self.actor(state)\n"
                    "        with torch.no_grad():\n            action = (raw - state.mean()).abs()",
                )
            },
        ),
        Example(
            "one of two agents acts with gradients, the other stores what it did",
            {"agents.py": _AGENTS},
        ),
        Example(
            "detached where it is stored",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace("(state, action, reward,", "(state, action.detach(), reward,")
            },
        ),
        Example(
            "a decorated method, three files",
            {
                name: text.replace("    def act(", "    @torch.no_grad()\n    def act(")
                for name, text in bad[1].plain.items()
            },
        ),
        Example(
            "the index of the greatest value",
            {"train.py": bad[2].plain["train.py"].replace("actor(state)", "actor(state).argmax(-1)")},
        ),
        Example(
            "a sampled action",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace(
                    "action = self.actor(state)",
                    "action = torch.distributions.Normal(self.actor(state), 1.0).sample()",
                )
            },
        ),
        Example(
            "the loop runs under inference_mode, the next hidden state is kept for the next step",
            {
                "recurrent.py": bad[4]
                .plain["recurrent.py"]
                .replace("    def collect", "    @torch.inference_mode()\n    def collect")
            },
        ),
        Example(
            "a rollout that each update uses and empties",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace(
                    "        self.optimizer.step()\n", "        self.optimizer.step()\n        self.rows.clear()\n"
                )
            },
        ),
        Example(
            "one of several agents, of which the last acts without gradients",
            {
                "networks.py": bad[1].plain["networks.py"],
                "agent.py": bad[1].plain["agent.py"] + _KINDS,
                "main.py": bad[1]
                .plain["main.py"]
                .replace("critic, episodes", "agent, episodes")
                .replace("    agent = Agent(8, 2)\n", "")
                .replace("(critic)", "(None)"),
                "start.py": _CHOSEN,
            },
        ),
        Example(
            "a tensor that the answers of several networks are put into without a graph",
            {
                "team.py": _TEAM.replace("  # <- PER405", "").replace(
                    "moves[i] = actor(states[i])", "moves[i] = actor(states[i]).detach()"
                )
            },
        ),
        Example(
            "an array that the answers of several networks are put into",
            {
                "team.py": _TEAM.replace("  # <- PER405", "")
                .replace("torch.empty(len(self.actors), 2)", "np.empty((len(self.actors), 2))")
                .replace("import torch\n", "import numpy as np\nimport torch\n", 1)
            },
        ),
    )


def _is_of_another(graph: ReplayGraph, kept: Kept) -> bool:
    """Whether the object that is told to store cannot be the one of several whose network made the value.

    `agent.store(agent.act(state))` asks both of one agent: one that cannot store makes nothing that is stored.
    """
    around = graph.parents(kept.path).get(kept.passed) if kept.passed is not None else None
    call = graph.parents(kept.path).get(around) if isinstance(around, ir.Arg) else around
    if not isinstance(call, ir.Call):
        return False
    holders = [node.func.value for node in (call, kept.made) if isinstance(node.func, ir.Attr)]
    if len(holders) < 2 or len({graph.source(kept.path, holder) for holder in holders}) > 1:
        return False
    made, told = graph.events.calls.get(kept.made), graph.events.calls.get(call)
    if made is None or told is None:
        return False
    interpreter, class_of = graph.interpreter, graph.project.class_of
    began = graph.symbols.function_of(kept.layer_path, kept.layer)
    makers = {class_of.get(each.node) for each in made.targets if began in {each.node, *graph.reachable(each.node)}}
    stores = {class_of.get(target.node) for target in told.targets}
    if not makers or not stores or None in makers | stores:
        return False
    heirs = {heir for cls in makers if cls is not None for heir in (cls, *interpreter.classes.heirs(cls))}
    return stores.isdisjoint(base for heir in heirs for base in interpreter.classes.mro(heir))


def _is_emptied(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether something that runs empties the buffer, as what learns on-policy does after each update."""
    return any(
        evict.container in buffer.containers
        and evict.how in ("clear", "reset")
        and getattr(evict.function, "name", "") not in _BUILDERS
        and (not _is_own(graph, buffer, evict.function) or graph.callers.get(evict.function))
        for evict in graph.events.evictions.values()
    )


def _is_own(graph: ReplayGraph, buffer: ReplayBuffer, function: Owner) -> bool:
    return function is not None and graph.project.class_of.get(function) is buffer.owner


def _holds_tensors(graph: ReplayGraph, store: Store) -> bool:
    """Whether the container keeps what it is given, as lists and arrays of PyTorch do; arrays of NumPy refuse it."""
    if store.container.kind != "array":
        return True
    site = graph.events.calls.get(store.container.node)  # type: ignore[call-overload]
    return site is not None and any(name.startswith("torch.") for name in site.names)
