"""PER501 terminal-mask-missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.findings import FixOffer, Severity
from per_audit.graph.episodes import absent, bootstrap, endings, polarity, stray, unended
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.facts import ir
    from per_audit.findings import Finding
    from per_audit.graph import ReplayBuffer, ReplayGraph
    from per_audit.graph.symbolic import Term

_DQN = """import random
from collections import deque
import torch
import torch.nn.functional as F


class Agent:
    def __init__(self, net, target_net, optimizer):
        self.net, self.target_net, self.optimizer = net, target_net, optimizer
        self.memory, self.gamma = deque(maxlen=10_000), 0.99

    def remember(self, state, action, reward, next_state, done):
        self.memory.append((state, action, reward, next_state, done))

    def learn(self):
        batch = random.sample(self.memory, 64)  # <- PER001
        states, actions, rewards, next_states, dones = map(torch.as_tensor, zip(*batch))
        with torch.no_grad():
            best = self.target_net(next_states).max(1).values
            target = rewards + self.gamma * best * dones.float()  # <- PER501
        q = self.net(states).gather(1, actions[:, None]).squeeze(1)
        loss = F.mse_loss(q, target)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def train(env, net, target_net, optimizer):
    agent = Agent(net, target_net, optimizer)
    for _ in range(500):
        state, done = env.reset(), False
        while not done:
            action = env.action_space.sample()
            next_state, reward, done, _ = env.step(action)
            agent.remember(state, action, reward, next_state, done)
            state = next_state
            agent.learn()
"""
_RING = """import numpy as np


class Ring:
    def __init__(self, size, width):
        self.s, self.s2, self.r = np.zeros((size, width)), np.zeros((size, width)), np.zeros(size)
        self.a, self.terminal = np.zeros(size, int), np.zeros(size)
        self.size, self.at = size, 0

    def add(self, s, a, r, s2, end):
        i = self.at % self.size
        self.s[i], self.a[i], self.r[i], self.s2[i] = s, a, r, s2
        self.terminal[i] = end
        self.at += 1

    def sample(self, n):
        i = np.random.randint(0, min(self.at, self.size), n)  # <- PER001
        return self.s[i], self.a[i], self.r[i], self.s2[i], self.terminal[i]
"""
_FIT = """import numpy as np
from ring import Ring


def improve(model, ring, gamma=0.95):
    s, a, r, s2, terminal = ring.sample(32)
    goals = model.predict(s)
    later = np.max(model.predict(s2), axis=1)
    goals[np.arange(32), a] = np.where(terminal, r + gamma * later, r)  # <- PER501
    model.fit(s, goals, verbose=0)


def run(env, model):
    ring, s = Ring(20_000, 4), env.reset()
    for step in range(50_000):
        a = int(np.argmax(model.predict(s[None])))
        s2, r, terminated, truncated, _ = env.step(a)
        ring.add(s, a, r, s2, terminated)
        s = env.reset() if terminated or truncated else s2
        improve(model, ring)
"""
_ROWS = """import random
import numpy as np


def replay(theta, rows, gamma=0.9, rate=0.1):
    for s, a, r, s2, over in random.sample(rows, 16):  # <- PER001
        goal = r
        if over:
            goal = r + gamma * np.max(theta @ s2)  # <- PER501
        theta[a] += rate * (goal - theta[a] @ s) * s


def run(env, theta):
    rows, s = [], env.reset()
    for _ in range(9_000):
        a = int(np.argmax(theta @ s))
        s2, r, done, _ = env.step(a)
        rows.append((s, a, r, s2, done))
        if len(rows) > 1_000:
            rows.pop(0)
        s = env.reset() if done else s2
        replay(theta, rows)
"""

_GOAL = """import torch
import torch.nn.functional as F
from ring import Ring


class Reach:
    def __init__(self, env, model, critic, target, optimizer, steps):
        self.env, self.model, self.critic, self.target = env, model, critic, target
        self.optimizer, self.steps = optimizer, steps
        self.real, self.imagined = Ring(50_000, 8), Ring(50_000, 8)

    def learn(self):
        for episode in range(900):
            s = self.env.reset()
            for t in range(self.steps):
                s2, r, done, info = self.env.step(self.model.act(s))
                self.real.add(s, 0, r, s2, done)
                guess, value = self.model(s)
                self.imagined.add(s, 0, value, guess, False)
                s = s2
            self.improve_on_real()
            self.improve_on_imagined()

    def improve_on_real(self):
        s, a, r, s2, done = map(torch.as_tensor, self.real.sample(256))
        y = r + 0.98 * (1 - done) * self.target(s2).detach()
        self.fit(F.mse_loss(self.critic(s), y))

    def improve_on_imagined(self):
        s, a, r, s2, _ = map(torch.as_tensor, self.imagined.sample(256))
        y = r + 0.98 * self.target(s2).detach()
        self.fit(F.mse_loss(self.critic(s), y))

    def fit(self, loss):
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""
_OWN = """import random
from agent import Agent


class Ship:
    def __init__(self, harbour):
        self.harbour = harbour

    def reset(self):
        self.at, self.waited = 0, 0
        return self.at

    def step(self, move):
        self.at += move + random.choice((-1, 0, 1))
        self.waited += 1
        return self.at, float(self.at == self.harbour), self.at >= self.harbour, self.waited >= 400


def sail(net, target_net, optimizer):
    ship, agent = Ship(30), Agent(net, target_net, optimizer)
    for _ in range(500):
        state, ended = ship.reset(), False
        late = False
        while not (ended or late):
            action = net.act(state)
            next_state, reward, ended, late = ship.step(action)
            agent.remember(state, action, reward, next_state, ended)
            state = next_state
            agent.learn()
"""
_SHELF = """import random
from collections import deque

import torch
import torch.nn.functional as F


class Shelf:
    def __init__(self, places, days):
        self.places, self.days = places, days
        self.today, self.closed = 0, False

    def reset(self):
        self.today, self.closed, self.held = 0, False, [0.0] * self.places
        return list(self.held)

    def step(self, place, loud=False):
        self.today += 1
        if self.today >= self.days:
            self.closed = True
        asked = random.randrange(self.places)
        self.held[place] += 1.0
        return list(self.held), float(asked == place), self.closed, {}


class Keeper:
    def __init__(self, net, optimizer):
        self.net, self.optimizer, self.rows = net, optimizer, deque(maxlen=10_000)

    def learn(self):
        states, places, rewards, next_states = map(torch.tensor, zip(*random.sample(self.rows, 32)))  # <- PER001
        values = self.net(states).gather(1, places[:, None])[:, 0]
        goals = rewards + 0.9 * self.net(next_states).max(1).values.detach()
        loss = F.mse_loss(values, goals)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def main(net, optimizer):
    shelf, keeper = Shelf(8, 150), Keeper(net, optimizer)
    for _ in range(500):
        state, over = shelf.reset(), False
        while not over:
            place = int(net(torch.tensor(state)).argmax())
            next_state, reward, over, _ = shelf.step(place)
            keeper.rows.append((state, place, reward, next_state))
            state = next_state
            keeper.learn()
"""
_SHOP = """import gym
from gym.envs.registration import register

register(id="shelf-v0", entry_point="shelf:Shelf")
"""
_LISTED = (
    _SHELF.replace("today, self.closed, self.held = 0, False,", "calls, self.closed, self.held = [], False,")
    .replace("self.today, self.closed = 0, False", "self.calls, self.closed = [], False")
    .replace("        self.today += 1\n        if self.today >= self.days:", "        if len(self.calls) >= 150:")
    .replace("        self.held[place] += 1.0\n", "        self.calls.append(asked)\n        self.held[place] += 1.0\n")
    .replace("Shelf(8, 150)", 'gym.make("shelf-v0")')
    .replace("import torch\n", "import gym\nimport shop\nimport torch\n", 1)
)
_COIN = """import random
from collections import deque
import torch
import torch.nn.functional as F


class Agent:
    def __init__(self, env, first, second, optimizer):
        self.env, self.first, self.second, self.optimizer = env, first, second, optimizer
        self.memory = deque(maxlen=10_000)

    def play(self):
        for _ in range(500):
            state, done = self.env.reset(), False
            while not done:
                next_state, reward, done, _ = self.env.step(0)
                self.memory.append((state, reward, next_state, done))
                state = next_state
                self.learn()

    def learn(self):
        s, r, n, d = map(torch.tensor, zip(*random.sample(self.memory, 32)))  # <- PER001
        if random.random() < 0.5:
            q = self.first(s).max(1)[0]
            ahead = self.second(n).detach().max(1)[0]
        else:
            q = self.second(s).max(1)[0]
            ahead = self.first(n).detach().max(1)[0]
        y = r + 0.99 * ahead  # <- PER501
        loss = F.mse_loss(q, y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""
_MOMENT = """import random
from collections import deque


class Agent:
    def __init__(self, model, target_model):
        self.model, self.target_model, self.rows = model, target_model, deque(maxlen=5_000)

    def learn(self, done):
        batch = random.sample(self.rows, 32)  # <- PER001
        values = self.model.predict([row[0] for row in batch])
        later = self.target_model.predict([row[3] for row in batch])
        for i, (_, action, reward, _) in enumerate(batch):
            if done:
                values[i][action] = reward
            else:
                values[i][action] = reward + 0.95 * max(later[i])  # <- PER501
        self.model.fit([row[0] for row in batch], values)


def main(env, model, target_model):
    agent = Agent(model, target_model)
    for _ in range(900):
        state, done = env.reset(), False
        while not done:
            action = env.action_space.sample()
            next_state, reward, done, _ = env.step(action)
            agent.rows.append((state, action, reward, next_state))
            state = next_state
            agent.learn(done)
"""
_LATEST = """import random
from collections import deque

import torch
import torch.nn.functional as F


def train(env, net, target_net, optimizer):
    rows = deque(maxlen=5_000)
    for _ in range(900):
        state, done = env.reset(), False
        while not done:
            action = net(state).argmax()
            next_state, reward, done, _ = env.step(action)
            rows.append((state, action, reward, next_state, done))
            state = next_state
            s, a, r, s2, d = map(torch.tensor, zip(*random.sample(rows, 32)))  # <- PER001
            best = target_net(s2).max(1).values.detach()
            goal = r + 0.95 * (1 - done) * best  # <- PER501
            loss = F.mse_loss(net(s).gather(1, a[:, None]).squeeze(1), goal)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
_PLANE = """import math

import numpy as np


class Plane:
    def reset(self):
        self.x, self.y = 90.0, 60.0
        return self.seen()

    def seen(self):
        d = math.hypot(self.x, self.y)
        angle = math.atan2(self.y, self.x)
        return [d, angle]

    def step(self, turn):
        self.x, self.y = self.x - math.cos(turn), self.y - math.sin(turn)
        return self.seen(), -1.0, self.x < 1.0


class Pilot:
    def __init__(self, net):
        self.net, self.rows, self.count = net, np.zeros((10_000, 6)), 0

    def store(self, s, a, r, s_):
        self.rows[self.count % 10_000] = np.hstack((s, [a, r], s_))
        self.count += 1

    def learn(self):
        rows = self.rows[np.random.choice(min(self.count, 10_000), 32)]  # <- PER001
        guess = self.net.predict(rows[:, :2])
        reward, q_next = rows[:, 3], self.net.predict(rows[:, -2:])
        guess[np.arange(32), rows[:, 2].astype(int)] = reward + 0.9 * np.max(q_next, axis=1)  # <- PER501
        self.net.fit(rows[:, :2], guess)


def main(net):
    plane, pilot = Plane(), Pilot(net)
    for _ in range(900):
        seen, done = plane.reset(), False
        while not done:
            turn = int(np.argmax(net.predict(np.array([seen]))))
            seen_next, reward, done = plane.step(turn)
            pilot.store(seen, turn, reward, seen_next)
            seen = seen_next
            pilot.learn()
"""
_UNTIL_DONE = "                s = s2\n                if done:\n                    break\n"

_TWO = """import random
import torch.nn.functional as F


class Rows:
    def __init__(self, limit):
        self.rows, self.limit = [], limit

    def put(self, row):
        self.rows.append(row)
        if len(self.rows) > self.limit:
            self.rows.pop(0)

    def some(self, n):
        return random.sample(self.rows, n)  # <- PER001


class Learner:
    def __init__(self, net, optimizer):
        self.net, self.optimizer, self.memory = net, optimizer, Rows(5_000)

    def episode(self, env):
        state, done = env.reset(), False
        while not done:
            action = self.net.act(state)
            next_state, reward, done, _ = env.step(action)
            self.memory.put((state, action, reward, next_state, done))
            state = next_state
            self.learn(*zip(*self.memory.some(32)))

    def learn(self, states, actions, rewards, next_states, dones):
        goals = rewards + 0.99 * (1 - dones) * self.net(next_states).max(1).values
        F.mse_loss(self.net(states)[actions], goals).backward()
        self.optimizer.step()


class Planner:
    def __init__(self, net, optimizer, model):
        self.net, self.optimizer, self.model, self.memory = net, optimizer, model, Rows(500)

    def episode(self, env):
        state = env.reset()
        while True:
            action = self.net.act(state)
            next_state, reward, done, _ = env.step(action)
            self.memory.put((state, action, reward, next_state))
            self.imagine()
            state = next_state
            if done:
                break

    def imagine(self):
        states, actions, rewards, _ = zip(*self.memory.some(32))
        next_states = self.model(states, actions)
        goals = rewards + 0.99 * self.net(next_states).max(1).values  # <- PER501
        F.mse_loss(self.net(states)[actions], goals).backward()
        self.optimizer.step()
"""

_NONE = """import random
from collections import deque, namedtuple
import torch
import torch.nn.functional as F

Move = namedtuple("Move", ("obs", "choice", "next_obs", "reward", "over"))


class Player:
    def __init__(self, net, target_net, optimizer):
        self.net, self.target_net, self.optimizer = net, target_net, optimizer
        self.moves, self.gamma = deque(maxlen=20_000), 0.97

    def keep(self, *parts):
        self.moves.append(Move(*parts))

    def learn(self, size=32):
        batch = Move(*zip(*random.sample(self.moves, size)))  # <- PER001
        not_last = torch.tensor(tuple(map(lambda obs: obs is not None, batch.next_obs)), dtype=torch.bool)
        not_last_obs = torch.cat([obs for obs in batch.next_obs if obs is not None])
        q = self.net(torch.cat(batch.obs)).gather(1, torch.cat(batch.choice))
        best = torch.zeros(size)
        best[not_last] = self.target_net(not_last_obs).max(1).values.detach()
        goal = torch.cat(batch.reward) + self.gamma * best  # <- PER501
        loss = F.smooth_l1_loss(q, goal[:, None])
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def play(env, net, target_net, optimizer, games):
    player = Player(net, target_net, optimizer)
    for _ in range(games):
        obs, over = torch.tensor(env.reset()[0])[None], False
        while not over:
            choice = net(obs).argmax(1, keepdim=True)
            next_obs, reward, over, _, _ = env.step(choice.item())
            next_obs = torch.tensor(next_obs)[None]
            player.keep(obs, choice, next_obs, torch.tensor([reward]), over)
            obs = next_obs
            player.learn()
"""
_GIVEN = """import random
from collections import deque
from copy import deepcopy
import torch
from torch import nn


class Learner:
    def __init__(self, net, size):
        self.net, self.old = net, deepcopy(net)
        self.rows, self.gamma = deque(maxlen=size), 0.99
        self.loss, self.optimizer = nn.MSELoss(), torch.optim.Adam(net.parameters())

    def values(self, state, action=None, old=False):
        net = self.old if old else self.net
        if action is not None:
            return net(state)[range(len(state)), action]
        return net(state)

    def learn(self, state, action, reward, next_state):
        self.rows.append((state, action, reward, next_state))
        batch = random.sample(self.rows, 32)  # <- PER001
        states, actions, rewards, next_states = map(torch.stack, zip(*batch))
        target = rewards + self.gamma * self.values(next_states, old=True).max(dim=1)[0]  # <- PER501
        loss = self.loss(self.values(states, actions), target)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def train(env, net, episodes):
    learner = Learner(net, 10_000)
    for _ in range(episodes):
        state, done = env.reset(), False
        while not done:
            action = random.randrange(4)
            next_state, reward, done, info = env.step(action)
            learner.learn(state, action, reward, next_state)
            state = next_state
"""

_COLUMNS = """import gymnasium as gym
import numpy as np
import torch
from torch import nn


class Columns:
    def __init__(self, size, width):
        self.seen, self.later = np.zeros((size, width), np.float32), np.zeros((size, width), np.float32)
        self.moves = np.zeros(size, np.int64)
        self.pay, self.ends = np.zeros(size, np.float32), np.zeros(size, np.float32)
        self.sums, self.leaves = np.zeros(2 * size), size
        self.at, self.count = 0, 0

    def write(self, place, value):
        node = place + self.leaves
        self.sums[node] = value
        while node > 1:
            node //= 2
            self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1]

    def find(self, mass):
        node = 1
        while node < self.leaves:
            node *= 2
            if mass >= self.sums[node] and self.sums[node + 1] > 0:
                mass -= self.sums[node]
                node += 1
        return node - self.leaves

    def add(self, o, a, r, o2, t):
        k = self.at
        self.seen[k], self.moves[k], self.pay[k], self.later[k], self.ends[k] = o, a, r, o2, t
        self.write(k, 1.0)
        self.at = (k + 1) % self.leaves
        self.count = min(self.count + 1, self.leaves)

    def sample(self, n, beta):
        rows = [self.find(np.random.uniform(0, self.sums[1])) for _ in range(n)]
        p = self.sums[np.array(rows) + self.leaves] / self.sums[1]
        w = (self.count * p) ** -beta
        parts = [c[rows] for c in (self.seen, self.moves, self.pay, self.later, self.ends)]
        return [torch.as_tensor(c) for c in parts], torch.as_tensor(w / w.max()), rows

    def update(self, rows, errors):
        for k, d in zip(rows, errors):
            self.write(k, (abs(d) + 1e-5) ** 0.6)


def main(steps=100_000):
    env = gym.make("CartPole-v1")
    net, ahead = nn.Linear(4, 2), nn.Linear(4, 2)
    optimizer = torch.optim.Adam(net.parameters())
    rows = Columns(65_536, 4)
    seen, _ = env.reset()
    for step in range(steps):
        action = env.action_space.sample()
        later, reward, terminations, truncations, _ = env.step(action)
        rows.add(seen, action, reward, later, terminations)
        seen = env.reset()[0] if np.any(terminations | truncations) else later
        if step < 1_000:
            continue
        (s, a, r, s2, d), w, where = rows.sample(64, 0.4 + 0.6 * step / steps)
        q = net(s).gather(1, a[:, None])[:, 0]
        with torch.no_grad():
            best = ahead(s2).amax(1)
            goal = r + 0.99 * best  # <- PER501
        optimizer.zero_grad()
        (w * (q - goal) ** 2).mean().backward()
        optimizer.step()
        rows.update(where, (q - goal).detach().abs().tolist())


main()
"""
_HANDED = """import random

import gymnasium as gym
import numpy as np
import torch
from torch import nn


class Leaves:
    def __init__(self, size):
        self.sums, self.rows, self.size, self.at, self.count = np.zeros(2 * size), [None] * size, size, 0, 0

    def put(self, row, value):
        self.rows[self.at] = row
        self.change(self.at, value)
        self.at = (self.at + 1) % self.size
        self.count = min(self.count + 1, self.size)

    def change(self, place, value):
        node = place + self.size
        self.sums[node] = value
        while node > 1:
            node //= 2
            self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1]

    def find(self, mass):
        node = 1
        while node < self.size:
            node *= 2
            if mass >= self.sums[node] and self.sums[node + 1] > 0:
                mass -= self.sums[node]
                node += 1
        return node - self.size


class Memory:
    def __init__(self, size, steps):
        self.leaves, self.beta, self.rise = Leaves(size), 0.4, 0.6 / steps

    def push(self, *transition):
        self.leaves.put(transition, 1.0)

    def sample(self, n):
        self.beta = min(1.0, self.beta + self.rise)
        at = [self.leaves.find(random.uniform(0, self.leaves.sums[1])) for _ in range(n)]
        p = self.leaves.sums[np.array(at) + self.leaves.size] / self.leaves.sums[1]
        w = (self.leaves.count * p) ** -self.beta
        return [self.leaves.rows[i] for i in at], at, torch.as_tensor(w / w.max())

    def update(self, at, errors):
        for i, error in zip(at, errors):
            self.leaves.change(i, (abs(error) + 1e-5) ** 0.6)


class Agent:
    def __init__(self, steps):
        self.net, self.frozen = nn.Linear(4, 2), nn.Linear(4, 2)
        self.optimizer = torch.optim.Adam(self.net.parameters())
        self.memory = Memory(65_536, steps)

    def learn(self):
        batch, at, w = self.memory.sample(64)
        states, actions, rewards, next_states, dones = (torch.as_tensor(np.array(c)) for c in zip(*batch))
        q = self.net(states).gather(1, actions[:, None])[:, 0]
        with torch.no_grad():
            best = self.frozen(next_states).amax(1)
            goal = rewards + 0.99 * torch.where(dones, best, torch.zeros_like(best))  # <- PER501
        self.optimizer.zero_grad()
        (w * (q - goal) ** 2).mean().backward()
        self.optimizer.step()
        self.memory.update(at, (q - goal).detach().tolist())


def main(steps=100_000):
    env, agent = gym.make("CartPole-v1"), Agent(steps)
    state, _ = env.reset()
    for step in range(steps):
        action = env.action_space.sample()
        next_state, reward, terminated, truncated, _ = env.step(action)
        agent.memory.push(state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        if step > 1_000:
            agent.learn()


main()
"""


class TerminalMaskMissing(Rule):
    """The bootstrap target takes the value of the next state at terminal states as well.

    ## What it does

    Reports a target `reward + discount * value of the next state` of transitions drawn from a replay buffer that
    nothing switches off at the end of an episode. The end must be known: either it is stored with the transitions and
    not used in the target, or the environment's word for it is tested where transitions are stored and is not stored.

    So is a mask that is the wrong way round: the flag that the environment sets at the end, stored as it is, is a
    factor of the next value, or the next value is added where the flag is set and nowhere else; or its opposite is
    stored, and the next value is multiplied by the opposite of that. And so is a mask that asks which next states are
    None, where each that is stored is an observation, and one that is the flag of the latest step: it switches the next
    value of the whole batch off or on, whatever was drawn.

    ## Why is this bad

    After a terminal state no reward follows, so its value is 0. A target that adds the network's guess instead teaches
    the reward of states that never come. Nothing trains the value of a terminal state itself, so the guess stays
    arbitrary; an agent that gets 1 for each step and fails at once can believe in 1 / (1 - discount).

    ## Known problems

    A task without terminal states needs no mask. Such a task is recognised where the environment's `done` is never
    tested (and episodes have a counted length, where it is stored), by the names of Gymnasium's endless tasks, or where
    the project's own environments say False at every step, or end after a number of steps and at nothing else. Rows
    that are stored with the constant False have no end.
    A target that is not seen completely is not reported.

    ## Example

    ```python
    target = rewards + gamma * target_net(next_states).max(1).values
    ```

    ## Use instead

    ```python
    target = rewards + gamma * (1 - terminated) * target_net(next_states).max(1).values
    ```

    ## Fix safety

    Multiplying the next value by `1 - terminated` changes the targets of terminal transitions only. Where the end is
    not stored, every place that stores, draws and unpacks transitions is changed together.

    ## References

    - Mnih et al. 2015, Human-level control through deep reinforcement learning, Algorithm 1: the target is r_j if the
      episode terminates at step j + 1
    - Sutton and Barto 2018, Reinforcement Learning, section 3.4: the value of a terminal state is zero
    """

    code = "PER501"
    name = "terminal-mask-missing"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each target that bootstraps through terminal states."""
        seen: set[ir.Node] = set()
        for buffer in graph.buffers:
            for target in bootstrap.unmasked(graph, buffer):
                if target.node not in seen:
                    seen.add(target.node)
                    yield from self._judged(graph, buffer, target)

            for target, question in absent.unmasked(graph, buffer):
                if target.node not in seen:
                    seen.add(target.node)
                    yield from self._judged(graph, buffer, target, question)

            for target, mask in stray.unmasked(graph, buffer):
                if target.node not in seen:
                    seen.add(target.node)
                    yield from self._judged(graph, buffer, target, mask=mask)

            for target, flag in polarity.inverted(graph, buffer):
                if target.node not in seen:
                    seen.add(target.node)
                    yield self._inverted(graph, buffer, target, flag)

    def _inverted(
        self, graph: ReplayGraph, buffer: ReplayBuffer, target: bootstrap.BootstrapTarget, flag: Term
    ) -> Finding:
        opposite = polarity.is_opposite(flag)
        kept = "the opposite of what" if opposite else "what"
        links = [graph.evidence(target.path, target.bootstrap, "bootstrap", "the value of the next state")]
        if flag.node is not None and flag.path:
            links.append(graph.evidence(flag.path, flag.node, "mask", "kept where this is set: at the end of episodes"))
        links += [
            graph.evidence(store.path, store.node, "stored", f"transitions are stored here with {kept} the step said")
            for store in buffer.stores[:3]
        ]
        return self.finding(
            graph,
            target.path,
            target.node,
            f"`{graph.source(target.path, target.node)}` bootstraps through terminal states and nowhere else: the mask "
            "is the wrong way round",
            evidence=links,
            fix=FixOffer(
                title="keep the next value where the episode goes on: "
                + ("the flag is stored as that already" if opposite else "1 - terminated")
            ),
            pipeline=graph.name_of(buffer),
        )

    def _judged(
        self,
        graph: ReplayGraph,
        buffer: ReplayBuffer,
        target: bootstrap.BootstrapTarget,
        question: ir.Node | None = None,
        mask: ir.Node | None = None,
    ) -> Iterable[Finding]:
        path = target.path
        links = [
            graph.evidence(path, target.bootstrap, "bootstrap", "the value of the next state, at every transition")
        ]
        if question is not None:
            links.append(graph.evidence(path, question, "mask", "no next state that is stored is ever None"))
        if mask is not None:
            links.append(graph.evidence(path, mask, "mask", "what the latest step said, whatever was drawn"))
        without = unended.stored_without(graph, buffer, target)  # as others of the class may hold ends
        if endings.stored(buffer) and not without:
            told = not unended.is_never_told(graph, buffer, target)
            endless = endings.is_endless(graph, path, target.function)
            if not told or endless or unended.has_fixed_length(graph, buffer, target):
                return
            how = "the end of an episode is stored with each transition and not used here"
            links += [
                graph.evidence(store.path, store.node, "stored", "transitions are stored here with their end")
                for store in buffer.stores[:3]
            ]
        else:
            seen = endings.observed(graph, buffer, without)
            if seen is None:
                return
            how = "the end of an episode is known where transitions are stored, and is not stored"
            links.append(graph.evidence(*seen, "end", "the environment tells the end of an episode here"))
            links += [
                graph.evidence(store.path, store.node, "stored", "transitions are stored here without it")
                for store in without[:3] or buffer.stores[:3]
            ]
        masked = " (it asks for a next state that is None, and none ever is)" if question is not None else ""
        if mask is not None:
            masked = f" (`{graph.source(path, mask)}` is of the latest step, the same for the whole batch)"
        yield self.finding(
            graph,
            path,
            target.node,
            f"`{graph.source(path, target.node)}` bootstraps through terminal states: {how}{masked}",
            evidence=links,
            fix=FixOffer(title="multiply the next value by 1 - terminated"),
            pipeline=graph.name_of(buffer),
        )

    def witness(self) -> str:
        """One state that fails at once: with the mask its value is the reward, without it the value runs away."""
        import numpy as np

        gamma, rate = 0.9, 0.1
        masked = unmasked = 0.0
        for _ in range(2_000):
            masked += rate * (1.0 + gamma * (1 - 1) * masked - masked)
            unmasked += rate * (1.0 + gamma * unmasked - unmasked)
        assert np.isclose(masked, 1.0)
        assert np.isclose(unmasked, 1 / (1 - gamma))
        return f"a step worth 1 that ends the episode: {masked:.1f} with the mask, {unmasked:.1f} without it"

    bad = (
        Example(
            "done is drawn and left unused, PyTorch",
            {
                "dqn.py": """import random
from collections import deque
import torch
import torch.nn.functional as F


class Agent:
    def __init__(self, net, target_net, optimizer):
        self.net, self.target_net, self.optimizer = net, target_net, optimizer
        self.memory, self.gamma = deque(maxlen=10_000), 0.99

    def remember(self, state, action, reward, next_state, done):
        self.memory.append((state, action, reward, next_state, done))

    def learn(self):
        batch = random.sample(self.memory, 64)  # <- PER001
        states, actions, rewards, next_states, dones = map(torch.as_tensor, zip(*batch))
        with torch.no_grad():
            best = self.target_net(next_states).max(1).values
            target = rewards + self.gamma * best  # <- PER501
        q = self.net(states).gather(1, actions[:, None]).squeeze(1)
        loss = F.mse_loss(q, target)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""
            },
        ),
        Example(
            "done ends the loop and is not stored, Keras",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, capacity, width):
        self.states, self.later = np.zeros((capacity, width)), np.zeros((capacity, width))
        self.actions, self.rewards = np.zeros(capacity, int), np.zeros(capacity)
        self.capacity, self.count = capacity, 0

    def add(self, state, action, reward, next_state):
        i = self.count % self.capacity
        self.states[i], self.later[i] = state, next_state
        self.actions[i], self.rewards[i] = action, reward
        self.count += 1

    def sample(self, n):
        at = np.random.randint(0, min(self.count, self.capacity), n)  # <- PER001
        return self.states[at], self.actions[at], self.rewards[at], self.later[at]
""",
                "train.py": """import numpy as np
from memory import Memory


def improve(model, memory, gamma):
    states, actions, rewards, next_states = memory.sample(32)
    goals = model.predict(states)
    following = np.amax(model.predict(next_states), axis=1)
    goals[np.arange(32), actions] = rewards + gamma * following  # <- PER501
    model.fit(states, goals, verbose=0)


def train(env, model, episodes):
    memory = Memory(50_000, 4)
    for episode in range(episodes):
        state, done = env.reset(), False
        while not done:
            action = int(np.argmax(model.predict(state[None])[0]))
            next_state, reward, done, _ = env.step(action)
            memory.add(state, action, reward, next_state)
            state = next_state
            if memory.count > 32:
                improve(model, memory, 0.99)
""",
            },
        ),
        Example(
            "one transition after the other",
            {
                "agent.py": """import random


class Agent:
    def __init__(self, model, size=2000):
        self.model, self.size, self.items = model, size, []

    def observe(self, s, a, r, s2, done):
        self.items.append((s, a, r, s2, done))
        if len(self.items) > self.size:
            self.items.pop(0)

    def replay(self, n, discount):
        for s, a, r, s2, done in random.sample(self.items, n):  # <- PER001
            goal = self.model.predict(s)
            goal[0][a] = r + 0.95 * max(self.model.predict(s2)[0])  # <- PER501
            self.model.fit(s, goal, epochs=1, verbose=0)
"""
            },
        ),
        Example(
            "two critics, a batch in a dict, PyTorch",
            {
                "replay.py": """import numpy as np
import torch


class Replay:
    def __init__(self, capacity, obs_size, act_size):
        self.obs = np.zeros((capacity, obs_size), np.float32)
        self.next_obs = np.zeros((capacity, obs_size), np.float32)
        self.act = np.zeros((capacity, act_size), np.float32)
        self.rew = np.zeros(capacity, np.float32)
        self.done = np.zeros(capacity, np.float32)
        self.at, self.size, self.capacity = 0, 0, capacity

    def store(self, obs, act, rew, next_obs, done):
        self.obs[self.at], self.act[self.at], self.rew[self.at] = obs, act, rew
        self.next_obs[self.at], self.done[self.at] = next_obs, done
        self.at = (self.at + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def sample(self, n):
        rows = np.random.randint(0, self.size, size=n)  # <- PER001
        batch = dict(obs=self.obs[rows], act=self.act[rows], rew=self.rew[rows], next_obs=self.next_obs[rows],
                     done=self.done[rows])
        return {k: torch.as_tensor(v) for k, v in batch.items()}
""",
                "sac.py": """import torch


class SAC:
    def __init__(self, actor, critic1, critic2, optimizer, replay, gamma=0.99, alpha=0.2):
        self.actor, self.critic1, self.critic2, self.optimizer = actor, critic1, critic2, optimizer
        self.replay, self.gamma, self.alpha = replay, gamma, alpha

    def update(self, n):
        data = self.replay.sample(n)
        obs, act, rew, next_obs = data["obs"], data["act"], data["rew"], data["next_obs"]
        with torch.no_grad():
            next_act, logp = self.actor(next_obs)
            q_next = torch.min(self.critic1(next_obs, next_act), self.critic2(next_obs, next_act))
            backup = rew + self.gamma * (q_next - self.alpha * logp)  # <- PER501
        loss = ((self.critic1(obs, act) - backup) ** 2).mean() + ((self.critic2(obs, act) - backup) ** 2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
""",
                "main.py": """from replay import Replay
from sac import SAC


def main(env, actor, critic1, critic2, optimizer):
    replay = Replay(100_000, 3, 1)
    agent = SAC(actor, critic1, critic2, optimizer, replay)
    obs = env.reset()
    for step in range(10_000):
        act = actor.act(obs)
        next_obs, rew, done, _ = env.step(act)
        replay.store(obs, act, rew, next_obs, done)
        obs = env.reset() if done else next_obs
        agent.update(64)
""",
            },
        ),
        Example(
            "a prioritised buffer of tuples, linear values in numpy",
            {
                "linear.py": """import numpy as np


class Learner:
    def __init__(self, width, actions, capacity=500):
        self.theta, self.capacity = np.zeros((width, actions)), capacity
        self.rows, self.priorities = [], np.zeros(capacity)

    def add(self, phi, action, reward, next_phi, terminal):
        if len(self.rows) == self.capacity:
            self.rows.pop(0)
            self.priorities = np.roll(self.priorities, -1)
        self.rows.append((phi, action, reward, next_phi, terminal))
        self.priorities[len(self.rows) - 1] = max(self.priorities.max(), 1.0)

    def learn(self, beta, rate=0.05, gamma=0.9):
        n = len(self.rows)
        p = self.priorities[:n] / self.priorities[:n].sum()
        at = np.random.choice(n, 16, p=p)
        weights = (n * p[at]) ** -beta
        phi, action, reward, next_phi, terminal = (np.array(c) for c in zip(*[self.rows[i] for i in at]))
        target = reward + gamma * np.max(next_phi @ self.theta, axis=1)  # <- PER501
        error = target - (phi @ self.theta)[np.arange(16), action]
        np.add.at(self.theta.T, action, rate * (weights * error)[:, None] * phi)
        self.priorities[at] = np.abs(error) + 1e-3
"""
            },
        ),
        Example(
            "double Q-learning through a helper, JAX",
            {
                "targets.py": """import jax.numpy as jnp


def double_q(apply, params, target_params, rewards, next_obs, gamma):
    chosen = jnp.argmax(apply(params, next_obs), axis=-1)
    following = jnp.take_along_axis(apply(target_params, next_obs), chosen[:, None], axis=-1)[:, 0]
    return rewards + gamma * following  # <- PER501
""",
                "train.py": """import random
import jax
import jax.numpy as jnp
from targets import double_q


def run(env, apply, params, target_params, step):
    rows, obs = [], env.reset()
    for t in range(10_000):
        action = int(jnp.argmax(apply(params, obs)))
        next_obs, reward, done, info = env.step(action)
        rows.append((obs, action, reward, next_obs, done))
        obs = env.reset() if done else next_obs
        if len(rows) > 5_000:
            rows.pop(0)
        batch = random.sample(rows, min(32, len(rows)))  # <- PER001
        obs_b, actions, rewards, next_obs_b, dones = (jnp.array(column) for column in zip(*batch))
        goals = double_q(apply, params, target_params, rewards, next_obs_b, 0.99)

        def loss(p):
            return jnp.mean((apply(p, obs_b)[jnp.arange(len(batch)), actions] - goals) ** 2)

        params = step(params, jax.grad(loss)(params))
""",
            },
        ),
        Example("done itself is the factor, PyTorch", {"dqn.py": _DQN}),
        Example("the branches of where are swapped, Keras", {"ring.py": _RING, "fit.py": _FIT}),
        Example("the branch of the last transition has the next value", {"rows.py": _ROWS}),
        Example(
            "the imagined transitions alone have no end",
            {
                "ring.py": _RING,
                "reach.py": _GOAL.replace("(1 - done) * ", "")
                .replace("                s = s2\n", _UNTIL_DONE)
                .replace("target(s2).detach()", "target(s2).detach()  # <- PER501", 1),
            },
        ),
        Example(
            "the loop asks for the end under another name",
            {
                "ring.py": _RING,
                "reach.py": _GOAL.replace("(1 - done) * ", "")
                .replace(
                    "                s = s2\n",
                    _UNTIL_DONE.replace("if done", "over = bool(done)\n                if over"),
                )
                .replace("target(s2).detach()", "target(s2).detach()  # <- PER501", 1),
            },
        ),
        Example(
            "many environments that begin anew by themselves",
            {
                "ring.py": _RING,
                "reach.py": _GOAL.replace("(1 - done) * ", "")
                .replace("for episode in range(900):", "if self.steps:")
                .replace("target(s2).detach()", "target(s2).detach()  # <- PER501", 1),
            },
        ),
        Example(
            "a stack of frames, made of the last state and what the step said",
            {
                "agent.py": """import random
from collections import deque
import torch
import torch.nn.functional as F


class Agent:
    def __init__(self, env, net, later_net, optimizer):
        self.env, self.net, self.later_net, self.optimizer = env, net, later_net, optimizer
        self.memory, self.gamma = deque(maxlen=10_000), 0.99
        self.state = torch.as_tensor(env.reset()[0]).repeat(4, 1, 1)

    def step(self, action):
        seen, reward, terminated, truncated, _ = self.env.step(action)
        stack = torch.cat((self.state[1:], torch.as_tensor(seen)[None]))
        self.memory.append((self.state, action, reward, terminated, stack))
        self.state = torch.as_tensor(self.env.reset()[0]).repeat(4, 1, 1) if terminated or truncated else stack

    def learn(self):
        a, b, c, d, e = map(torch.as_tensor, zip(*random.sample(self.memory, 64)))  # <- PER001
        with torch.no_grad():
            goal = c + self.gamma * self.later_net(e).max(1).values  # <- PER501
        loss = F.mse_loss(self.net(a).gather(1, b[:, None]).squeeze(1), goal)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""
            },
        ),
        Example("the memory of another agent holds the ends, this one none", {"agents.py": _TWO}),
        Example(
            "that an episode goes on is stored, and the target takes the opposite of it",
            {
                "agent.py": _DQN.replace("state, done))", "state, not done))").replace(
                    "dones.float()", "(1 - dones.float())"
                )
            },
        ),
        Example(
            "1 is stored as long as an episode goes on, in a column of its own, and the target asks where it is 0",
            {
                "ring.py": _RING.replace("= end\n", "= 0.0 if end else 1.0\n"),
                "fit.py": _FIT.replace("np.where(terminal,", "np.where(terminal == 0,"),
            },
        ),
        Example(
            "an environment of the program's own, and the opposite of what is stored as the opposite of its end",
            {
                "agent.py": _DQN.partition("\n\ndef train")[0]
                .replace("state, done))", "state, 0.0 if done else 1.0))")
                .replace("dones.float()", "(1 - dones.float())"),
                "sail.py": _OWN,
            },
        ),
        Example("a mask of the next states that are None, and none ever is", {"player.py": _NONE}),
        Example(
            "rows that are spread into a record, whose ends nobody asks for",
            {
                "player.py": _NONE.partition("        not_last =")[0]
                + _NONE[_NONE.index("        q =") :]
                .replace("        best = torch.zeros(size)\n", "")
                .replace("best[not_last] = self.target_net(not_last_obs)", "best = self.net(torch.cat(batch.next_obs))")
            },
        ),
        Example(
            "one row after the other, where the next state is something",
            {
                "player.py": _NONE.partition("        batch =")[0]
                + """        for obs, choice, next_obs, reward, over in random.sample(self.moves, size):  # <- PER001
            goal = reward
            if next_obs is not None:
                goal = reward + self.gamma * self.target_net(next_obs).max().detach()  # <- PER501
            loss = F.smooth_l1_loss(self.net(obs)[0, choice], goal)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
"""
                + _NONE[_NONE.index("\n\ndef play") :]
            },
        ),
        Example(
            "a mask of the next states that are None, and a filter that leaves them out",
            {
                "player.py": _NONE.replace(
                    "[obs for obs in batch.next_obs if obs is not None]",
                    "list(filter(lambda obs: obs is not None, batch.next_obs))",
                )
            },
        ),
        Example(
            "how far the run has come, and where a schedule ends, are no ends of episodes",
            {
                "dqn.py": _DQN.replace(
                    "rewards + self.gamma * best * dones.float()",
                    "rewards + self.gamma * best",
                )
                .replace(
                    "        q = self.net",
                    "        self.net.noise = EPS_END + 0.9 ** self.steps_done\n        q = self.net",
                )
                .replace("        batch = random", "        self.steps_done += 1\n        batch = random")
                .replace("\n\nclass Agent", "\nEPS_END = 0.05\n\n\nclass Agent")
                .replace("maxlen=10_000), 0.99", "maxlen=10_000), 0.99\n        self.steps_done = 0")
            },
        ),
        Example(
            "the values that a distribution is over are moved through ends",
            {
                "dqn.py": _DQN.replace(
                    "        self.memory,", "        self.support = torch.linspace(-10, 10, 51)\n        self.memory,"
                )
                .replace("best = self.target_net(next_states).max(1).values", "chances = self.target_net(next_states)")
                .replace(
                    "rewards + self.gamma * best * dones.float()", "rewards[:, None] + self.gamma * self.support[None]"
                )
                .replace("F.mse_loss(q, target)", "F.cross_entropy(q, projected(chances, target))")
                .replace("import random\n", "import random\nfrom projection import projected\n")
            },
        ),
        Example(
            "the final goal of an episode is put into its rows, in a script",
            {
                "reach.py": """import random
from collections import deque

import torch
from models import critic, optimizer, policy
from tasks import Reach

env, rows = Reach(), deque(maxlen=50_000)
for episode in range(3_000):
    state, path, done = env.reset(), [], False
    while not done:
        action = policy(state)
        next_state, reward, done, _ = env.step(action)
        path.append((state, action, reward, next_state))
        state = next_state
    final_goal = path[-1][3][:2]
    for state, action, reward, next_state in path:
        rows.append((state, action, reward, next_state))
        state, next_state = state.copy(), next_state.copy()
        state[-2:] = final_goal
        next_state[-2:] = final_goal
        rows.append((state, action, env.pay(next_state), next_state))
    states, actions, rewards, next_states = map(torch.as_tensor, zip(*random.sample(rows, 64)))  # <- PER001
    goals = rewards + 0.98 * critic(next_states, policy(next_states)).detach()  # <- PER501
    optimizer.zero_grad()
    (critic(states, actions) - goals).pow(2).mean().backward()
    optimizer.step()
"""
            },
        ),
        Example("values of a helper that may be given actions or not", {"learner.py": _GIVEN}),
        Example(
            "an own environment that ends after a number of steps, or with a full place",
            {
                "shelf.py": _SHELF.replace("detach()\n", "detach()  # <- PER501\n").replace(
                    "        asked =",
                    "        if self.held[place] >= 9:\n            self.closed = True\n        asked =",
                )
            },
        ),
        Example(
            "an own environment that ends after a number of steps, which the agent sees",
            {
                "shelf.py": _SHELF.replace("detach()\n", "detach()  # <- PER501\n").replace(
                    "return list(self.held), float", "return [*self.held, self.today], float"
                )
            },
        ),
        Example("the end of an episode beside an observation that a distance is a part of", {"plane.py": _PLANE}),
        Example("columns that a list takes one by one, in a script that steps as well", {"script.py": _COLUMNS}),
        Example(
            "the mask the wrong way round, columns by positions of a tree",
            {"script.py": _COLUMNS.replace("0.99 * best", "0.99 * d * best")},
        ),
        Example("the values of a choice exchanged, rows handed on as one argument", {"agent.py": _HANDED}),
        Example(
            "an environment that the project registers by a name, which also ends when there is no room any more",
            {
                "shelf.py": _LISTED.replace(
                    "len(self.calls) >= 150:", "len(self.calls) >= 150 or max(self.held) > 9:"
                ).replace("(1).values.detach()", "(1).values.detach()  # <- PER501"),
                "shop.py": _SHOP,
            },
        ),
        Example(
            "an environment that ends when a list has grown long enough, which its observations are made of",
            {
                "shelf.py": _LISTED.replace("return list(self.held), float", "return self.calls[-8:], float").replace(
                    "(1).values.detach()", "(1).values.detach()  # <- PER501"
                ),
                "shop.py": _SHOP,
            },
        ),
        Example(
            "a coin decides which of two networks learns from the other",
            {
                "agent.py": _COIN,
            },
        ),
        Example("one flag, of the episode that goes on, for the whole batch", {"agent.py": _MOMENT}),
        Example("a mask that is the flag of the latest step, of none that is drawn", {"train.py": _LATEST}),
    )
    good = (
        Example(
            "a table that is learnt from the steps themselves, whose actions are random",
            {
                "trainer.py": """import random
from collections import deque

import pandas as pd


class Table:
    def __init__(self):
        self.values = pd.DataFrame(0, index=range(100), columns=range(4))

    def act(self, state):
        return random.randint(0, 3)

    def learn(self, state, action, reward, next_state):
        error = reward + 0.9 * self.values.loc[next_state, :].max() - self.values.loc[state, action]
        self.values.loc[state, action] += 0.1 * error


class Deep:
    def __init__(self, net, optimizer):
        self.net, self.optimizer = net, optimizer

    def act(self, state):
        return self.net(state).argmax()

    def learn(self, batch):
        goals = [r + 0.9 * (1 - done) * self.net(s2).max() for s, a, r, s2, done in batch]
        self.net.loss(batch, goals).backward()
        self.optimizer.step()


class Maze:
    def reset(self):
        self.at, self.paid = 0, [-1, 0, 1, 0]
        return self.at

    def step(self, action):
        self.at += action
        return self.at, self.paid[action], self.at > 9


class Trainer:
    def __init__(self, kind, net, optimizer):
        self.kind, self.env = kind, Maze()
        if kind == "table":
            self.agent = Table()
        else:
            self.agent = Deep(net, optimizer)

    def train(self):
        return walk(self.agent, self.env) if self.kind == "table" else replay(self.agent, self.env)


def walk(agent, env):
    state, done = env.reset(), False
    while not done:
        action = agent.act(state)
        next_state, reward, done = env.step(action)
        agent.learn(state, action, reward, next_state)
        state = next_state


def replay(agent, env):
    memory = deque(maxlen=10_000)
    for _ in range(100):
        state, done = env.reset(), False
        while not done:
            action = agent.act(state)
            next_state, reward, done = env.step(action)
            memory.append((state, action, reward, next_state, done))
            state = next_state
            agent.learn(random.sample(memory, 32))  # <- PER001
"""
            },
        ),
        Example(
            "a task of the Control Suite, which time alone cuts",
            {
                "dqn.py": _DQN.replace(" * dones.float()  # <- PER501", "")
                .replace("import random", "import random\nfrom dm_control import suite")
                .replace("def train(env, ", "def train(")
                .replace("agent = Agent", "env = suite.load(domain_name='walker', task_name='walk')\n    agent = Agent")
            },
        ),
        Example(
            "imagined transitions are stored with no end",
            {
                "ring.py": _RING.replace("  # <- PER001", ""),
                "reach.py": _GOAL.replace("                s = s2\n", _UNTIL_DONE),
            },
        ),
        Example(
            "episodes of a counted length, whatever the environment says",
            {"ring.py": _RING.replace("  # <- PER001", ""), "reach.py": _GOAL.replace("(1 - done) * ", "")},
        ),
        Example(
            "an environment for each episode, of steps that are counted",
            {
                "ring.py": _RING.replace("  # <- PER001", ""),
                "field.py": """class Field:
    def __init__(self, size):
        self.size, self.left = size, [9] * size

    def first(self):
        return [0.0] * 8

    def step(self, action, i):
        self.left[i] -= action
        return [float(self.left[i])] * 8, -action, self.left[i] < 0, {}
""",
                "reach.py": "from field import Field\n"
                + _GOAL.replace("(1 - done) * ", "")
                .replace(
                    "            s = self.env.reset()\n", "            env = Field(4)\n            s = env.first()\n"
                )
                .replace(
                    "            for t in range(self.steps):\n",
                    "            t = 0\n            while t < self.steps:\n",
                )
                .replace("self.env.step(self.model.act(s))", "env.step(self.model.act(s), t % 4)")
                .replace("                s = s2\n", "                s = s2\n                t += 1\n"),
            },
        ),
        Example(
            "not done is stored",
            {"dqn.py": _DQN.replace("next_state, done)\n            s", "next_state, not done)\n            s")},
        ).mended,
        Example(
            "one minus the end is stored under the name of the end",
            {
                "ring.py": _RING.replace("= end", "= 1 - end"),
                "fit.py": _FIT.replace("np.where(terminal, r + gamma * later, r)", "r + gamma * later * terminal"),
            },
        ).mended,
        Example(
            "the end is turned round where it is drawn",
            {
                "ring.py": _RING.replace("self.terminal[i]\n", "1 - self.terminal[i]\n"),
                "fit.py": _FIT.replace("np.where(terminal, r + gamma * later, r)", "r + gamma * later * terminal"),
            },
        ).mended,
        Example(
            "the reward alone where the episode is over",
            {"rows.py": _ROWS.replace("if over:", "if not over:")},
        ).mended,
        Example(
            "both branches have a next value",
            {
                "rows.py": _ROWS.replace(
                    "        goal = r\n        if over:",
                    "        goal = r + gamma * np.max(theta @ s2)\n        if over:",
                ).replace("np.max(theta @ s2)  # <- PER501", "0.0 * np.max(theta @ s2)")
            },
        ),
        Example(
            "the environment says that it goes on",
            {"rows.py": _ROWS.replace("done", "alive")},
        ).mended,
        Example(
            "one minus done",
            {"dqn.py": bad[0].plain["dqn.py"].replace("self.gamma * best", "self.gamma * (1 - dones.float()) * best")},
        ),
        Example(
            "the next values set to zero by index",
            {
                "dqn.py": bad[0]
                .plain["dqn.py"]
                .replace("            target = ", "            best[dones] = 0.0\n            target = ")
            },
        ),
        Example(
            "a branch for the last transition",
            {
                "agent.py": bad[2]
                .plain["agent.py"]
                .replace(
                    "goal[0][a] = r + 0.95 * max(self.model.predict(s2)[0])",
                    "goal[0][a] = r\n            if not done:\n"
                    "                goal[0][a] = r + 0.95 * max(self.model.predict(s2)[0])",
                )
            },
        ),
        Example(
            "a task whose end is never asked for",
            {
                "memory.py": bad[1].plain["memory.py"],
                "train.py": bad[1]
                .plain["train.py"]
                .replace("state, done = env.reset(), False", "state = env.reset()")
                .replace("while not done:", "for step in range(200):")
                .replace("reward, done, _ =", "reward, _, _ ="),
            },
        ),
        Example(
            "an environment of the project that goes on for ever",
            {
                "dqn.py": bad[0].plain["dqn.py"],
                "lake.py": """import random
from dqn import Agent


class Lake:
    def __init__(self):
        self.level = 0.0

    def reset(self):
        self.level = 0.5
        return self.level

    def step(self, outflow):
        self.level += random.random() - outflow
        return self.level, -abs(self.level - 0.5), False, {}


def main(net, target_net, optimizer):
    lake, agent = Lake(), Agent(net, target_net, optimizer)
    state = lake.reset()
    while True:
        action = net.act(state)
        next_state, reward, done, _ = lake.step(action)
        agent.remember(state, action, reward, next_state, done)
        state = next_state
        agent.learn()
""",
            },
        ),
        Example(
            "Pendulum, which has no terminal state",
            {
                "memory.py": bad[1].plain["memory.py"],
                "train.py": bad[1]
                .plain["train.py"]
                .replace("def train(env, model, episodes):", "def train(model, episodes):")
                .replace("    memory = Memory", "    env = gymnasium.make('Pendulum-v1')\n    memory = Memory")
                .replace("import numpy as np", "import gymnasium\nimport numpy as np"),
            },
        ),
        Example(
            "the mask in a helper of another file",
            {
                "targets.py": bad[5]
                .plain["targets.py"]
                .replace("next_obs, gamma)", "next_obs, ends, gamma)")
                .replace("    return rewards", "    following = jnp.where(ends, 0.0, following)\n    return rewards"),
                "train.py": bad[5].plain["train.py"].replace("next_obs_b, 0.99)", "next_obs_b, dones, 0.99)"),
            },
        ),
        Example(
            "a discount of the environment, 0 at the end",
            {
                "learn.py": """import random


def learn(model, rows, gamma=0.99):
    for state, action, reward, later, discount in random.sample(rows, 32):
        goal = model.predict(state)
        goal[0][action] = reward + gamma * discount * max(model.predict(later)[0])
        model.fit(state, goal, verbose=0)


def act(env, model, rows):
    step = env.reset()
    while not step.last():
        following = env.step(model.choose(step.observation))
        rows.append((step.observation, 0, following.reward, following.observation, following.discount))
        if len(rows) > 1000:
            rows.pop(0)
        step = following
        learn(model, rows)
"""
            },
        ),
        Example(
            "no next state at the end",
            {
                "learn.py": """import random
import torch
import torch.nn.functional as F


class Agent:
    def __init__(self, net, optimizer):
        self.net, self.optimizer, self.rows = net, optimizer, []

    def store(self, state, action, reward, next_state, terminated):
        self.rows.append((state, action, reward, None if terminated else next_state))
        if len(self.rows) > 1000:
            self.rows.pop(0)

    def learn(self):
        states, actions, rewards, next_states = zip(*random.sample(self.rows, 32))
        present = torch.tensor([s is not None for s in next_states])
        values = torch.zeros(32)
        values[present] = self.net(torch.stack([s for s in next_states if s is not None])).max(1).values.detach()
        goals = torch.tensor(rewards) + 0.99 * values
        loss = F.mse_loss(self.net(torch.stack(states)).gather(1, torch.tensor(actions)[:, None])[:, 0], goals)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""
            },
        ),
        Example(
            "an environment of others that asks the project for its ends, of which there is none",
            {
                "dqn.py": bad[0].plain["dqn.py"],
                "swarm.py": """from multiagent.environment import MultiAgentEnv
from dqn import Agent


class Formation:
    def reward(self, agent, world):
        return -abs(agent.at - world.goal)

    def done(self, agent, world):
        return False


def main(world, net, target_net, optimizer, steps):
    task, agent = Formation(), Agent(net, target_net, optimizer)
    env = MultiAgentEnv(world, reward_callback=task.reward, done_callback=task.done)
    state = env.reset()
    for _ in range(steps):
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        agent.remember(state, action, reward, next_state, done)
        state = env.reset() if done else next_state
        agent.learn()
""",
            },
        ),
        Example(
            "rows of a task without end, all stored with the constant False",
            {
                "rows.py": """import random


class Rows:
    def __init__(self, size):
        self.rows, self.size, self.at = [], size, 0

    def add(self, s, a, r, s2, done):
        row = (s, a, r, s2, done)
        if self.at >= len(self.rows):
            self.rows.append(row)
        else:
            self.rows[self.at] = row
        self.at = (self.at + 1) % self.size

    def sample(self, n):
        return zip(*random.sample(self.rows, n))
""",
                "train.py": """import torch
import torch.nn.functional as F
from rows import Rows


def improve(net, optimizer, rows):
    s, a, r, s2, done = map(torch.as_tensor, rows.sample(32))
    loss = F.mse_loss(net(s), r + 0.9 * net(s2).detach())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def main(env, net, optimizer):
    rows = Rows(50_000)
    for _ in range(90_000):
        s = env.state
        r = env.step(0.0)
        rows.add(s, 0.0, r, env.state, False)
        improve(net, optimizer, rows)
""",
            },
        ),
        Example(
            "a step that always says False, of episodes that end by a count",
            {
                "puzzle.py": """import random
from collections import deque

import torch
import torch.nn.functional as F


class Agent:
    def __init__(self, net, optimizer):
        self.net, self.optimizer, self.rows = net, optimizer, deque(maxlen=10_000)

    def step(self, state, action):
        if not state.allows(action):
            return state, -10, False
        following = state.after(action)
        return following, following.score(), False

    def learn(self):
        states, actions, rewards, next_states = zip(*random.sample(self.rows, 32))
        values = self.net(torch.stack(states)).gather(1, torch.tensor(actions)[:, None])[:, 0]
        goals = torch.tensor(rewards) + 0.99 * self.net(torch.stack(next_states)).max(1).values.detach()
        loss = F.mse_loss(values, goals)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def play(agent, state):
    for _ in range(500):
        action = int(agent.net(state).argmax())
        next_state, reward, done = agent.step(state, action)
        agent.rows.append((state, action, reward, next_state))
        if done:
            break
        state = next_state
        agent.learn()


def main(net, optimizer, start):
    agent = Agent(net, optimizer)
    for _ in range(1000):
        play(agent, start)
""",
            },
        ),
        Example(
            "that an episode goes on is stored, and the next value is multiplied by it",
            {
                "agent.py": _DQN.replace("  # <- PER501", "").replace("state, done))", "state, not done))"),
                "other.py": _DQN.replace("  # <- PER501", "").replace("state, done))", "state, 1 - done))"),
                "third.py": _DQN.replace("  # <- PER501", "").replace("state, done))", "state, 0 if done else 1))"),
            },
        ),
        Example(
            "an environment of the program's own, the opposite of whose end is stored and multiplied by",
            {
                "agent.py": _DQN.partition("\n\ndef train")[0]
                .replace("  # <- PER501", "")
                .replace("state, done))", "state, 0.0 if done else 1.0))"),
                "sail.py": _OWN,
            },
        ),
        Example(
            "a name for the end of an environment of the program's own that is turned round on the way",
            {
                "agent.py": _DQN.partition("\n\ndef train")[0]
                .replace("  # <- PER501", "")
                .replace("state, done))", "state, 0.0 if done else 1.0))")
                .replace("dones.float()", "(1 - dones.float())"),
                "sail.py": _OWN.replace(
                    "            agent.remember(", "            ended = not ended\n            agent.remember("
                ).replace("(ended or late)", "(not ended or late)"),
            },
        ),
        Example(
            "the opposite of the opposite is stored, and the opposite taken of it",
            {
                "agent.py": _DQN.replace("  # <- PER501", "")
                .replace("state, done))", "state, 1 - int(not done)))")
                .replace("dones.float()", "(1 - dones.float())")
            },
        ),
        Example(
            "what is stored is not the same flag everywhere",
            {
                "agent.py": _DQN.replace("  # <- PER501", "")
                .replace("state, done))", "state, not done if self.gamma else done))")
                .replace("dones.float()", "(1 - dones.float())")
            },
        ),
        Example(
            "a next state that is None at the end, as the loop makes it",
            {
                "player.py": _NONE.replace("  # <- PER501", "").replace(
                    "torch.tensor(next_obs)[None]", "None if over else torch.tensor(next_obs)[None]"
                )
            },
        ),
        Example(
            "a next state that a function of another package may leave out",
            {
                "player.py": _NONE.replace("  # <- PER501", "")
                .replace("torch.tensor(next_obs)[None]", "prepared(next_obs, over)")
                .replace("import random\n", "import random\nfrom vision import prepared\n"),
            },
        ),
        Example(
            "a next state that is None at the end, which a filter leaves out",
            {
                "player.py": _NONE.replace("  # <- PER501", "")
                .replace("torch.tensor(next_obs)[None]", "None if over else torch.tensor(next_obs)[None]")
                .replace(
                    "[obs for obs in batch.next_obs if obs is not None]",
                    "list(filter(lambda obs: obs is not None, batch.next_obs))",
                )
            },
        ),
        Example(
            "the values that a distribution is over stay where they are at an end",
            {
                "dqn.py": _DQN.replace(
                    "        self.memory,", "        self.support = torch.linspace(-10, 10, 51)\n        self.memory,"
                )
                .replace("best = self.target_net(next_states).max(1).values", "chances = self.target_net(next_states)")
                .replace(
                    "rewards + self.gamma * best * dones.float()  # <- PER501",
                    "rewards[:, None] + self.gamma * (1 - dones[:, None]) * self.support[None]",
                )
                .replace("F.mse_loss(q, target)", "F.cross_entropy(q, projected(chances, target))")
                .replace("import random\n", "import random\nfrom projection import projected\n")
            },
        ),
        Example(
            "at an end all chances are for the value 0, that the reward moves",
            {
                "dqn.py": _DQN.replace(
                    "        self.memory,", "        self.support = torch.linspace(-10, 10, 51)\n        self.memory,"
                )
                .replace(
                    "best = self.target_net(next_states).max(1).values",
                    "chances = self.target_net(next_states)\n            chances[dones] = (self.support == 0).float()",
                )
                .replace(
                    "rewards + self.gamma * best * dones.float()  # <- PER501",
                    "rewards[:, None] + self.gamma * self.support[None]",
                )
                .replace("F.mse_loss(q, target)", "F.cross_entropy(q, projected(chances, target))")
                .replace("import random\n", "import random\nfrom projection import projected\n")
            },
        ),
        Example(
            "values of a helper that is asked about next states, none of which there may be",
            {
                "learner.py": _GIVEN.replace("  # <- PER501", "")
                .replace("def values(self, state, action=None,", "def values(self, state=None, action=None,")
                .replace(
                    "if action is not None:", "if state is None:\n            return 0\n        if action is not None:"
                )
            },
        ),
        Example(
            "an own environment that ends after a number of steps, and at nothing else",
            {"shelf.py": _SHELF},
        ),
        Example(
            "an own environment whose flag for the end is only ever lowered",
            {"shelf.py": _SHELF.replace("self.closed = True", "print('late')")},
        ),
        Example(
            "columns that a list takes one by one, masked",
            {"script.py": _COLUMNS.replace("0.99 * best  # <- PER501", "0.99 * (1 - d) * best")},
        ),
        Example(
            "columns that hold the opposite of an end",
            {
                "script.py": _COLUMNS.replace("0.99 * best  # <- PER501", "0.99 * d * best").replace(
                    "later, terminations)", "later, 1.0 - terminations)"
                )
            },
        ),
        Example(
            "a choice between zeros at the end and the value, rows handed on as one argument",
            {
                "agent.py": _HANDED.replace(
                    "torch.where(dones, best, torch.zeros_like(best))  # <- PER501",
                    "torch.where(dones, torch.zeros_like(best), best)",
                )
            },
        ),
        Example(
            "a choice by the opposite of an end, which is stored",
            {
                "agent.py": _HANDED.replace("next_state, terminated)", "next_state, not terminated)").replace(
                    "  # <- PER501", ""
                )
            },
        ),
        Example(
            "an environment that the project registers by a name, and that ends when a list has grown long enough",
            {"shelf.py": _LISTED, "shop.py": _SHOP},
        ),
        Example(
            "a coin decides which of two networks learns from the other, masked in one of the ways",
            {
                "agent.py": _COIN.replace("  # <- PER501", "").replace(
                    "ahead = self.first(n).detach().max(1)[0]", "ahead = self.first(n).detach().max(1)[0] * (1 - d)"
                )
            },
        ),
        Example(
            "a coin decides which of two networks learns from the other, masked in the end",
            {"agent.py": _COIN.replace("0.99 * ahead  # <- PER501", "0.99 * ahead * (1 - d)")},
        ),
        Example(
            "the flag of the step that is learnt from, which is the newest row alone",
            {
                "agent.py": _MOMENT.replace("  # <- PER501", "")
                .replace("random.sample(self.rows, 32)", "[self.rows[-1]]")
                .replace("  # <- PER001", "")
            },
        ),
        Example(
            "a sum that nothing reads",
            {
                "agent.py": _MOMENT.replace("  # <- PER501", "").replace(
                    "            if done:\n                values[i][action] = reward\n            else:\n"
                    "                values[i][action] =",
                    "            unread =",
                )
            },
        ),
    )
