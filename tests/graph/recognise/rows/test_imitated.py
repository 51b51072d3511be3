"""Rows of which a learner takes the states and the actions alone."""

import pytest

from per_audit.graph import UNIFORM

DEMONSTRATIONS = """
    import random

    class Demonstrations:
        def __init__(self):
            self.rows = []

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))
            del self.rows[:-1000]

        def draw(self, n):
            {draw}

    def main(env, expert, policy):
        rows = Demonstrations()
        state = env.reset()
        while True:
            action = expert(state)
            next_state, reward, done, _ = env.step(action)
            rows.add(state, action, reward, next_state, done)
            state = next_state
            {take}
            policy.loss(states, actions{more}).backward()
"""
ALL = "states, actions, rewards, next_states, dones = zip(*batch)"


@pytest.mark.parametrize(
    ("draw", "take", "more", "found"),
    [
        (f"batch = random.sample(self.rows, n)\n            {ALL}\n            return states, actions",
         "states, actions = rows.draw(8)", "", []),
        ("return random.sample(self.rows, n)", f"batch = rows.draw(8)\n            {ALL}", "", []),
        ("return random.sample(self.rows, n)", "states, actions, *_ = zip(*rows.draw(8))", "", []),
        ("return random.sample(self.rows, n)", f"batch = rows.draw(8)\n            {ALL}", ", rewards", [UNIFORM]),
        ("return random.sample(self.rows, n)", f"batch = rows.draw(8)\n            {ALL}", ", batch", [UNIFORM]),
    ],
)  # fmt: skip
def test_what_only_gives_states_and_actions_is_imitated(project, kinds, draw, take, more, found):
    text = DEMONSTRATIONS.replace("{draw}", draw).replace("{take}", take).replace("{more}", more)
    assert kinds(project(text)) == found


RING = """
    import numpy as np

    class Ring:
        def __init__(self, size, width):
            self.states, self.next_states = np.zeros((size, width)), np.zeros((size, width))
            self.actions, self.rewards, self.dones = np.zeros(size), np.zeros(size), np.zeros(size)
            self.size, self.at = size, 0

        def add(self, state, action, reward, next_state, done):
            i = self.at % self.size
            self.states[i], self.actions[i], self.rewards[i] = state, action, reward
            self.next_states[i], self.dones[i] = next_state, done
            self.at += 1

        def sample(self, n):
            i = np.random.randint(0, min(self.at, self.size), size=n)
            return self.states[i], self.actions[i], self.rewards[i], self.next_states[i], self.dones[i]
"""


@pytest.mark.parametrize(
    ("take", "loss", "found"),
    [
        ("states, actions, _, next_states, _", "((net(states, actions) - next_states) ** 2).mean()", 0),
        (
            "states, actions, _, next_states, dones",
            "((1 - dones) * (net(states, actions) - next_states) ** 2).mean()",
            1,
        ),
        (
            "states, actions, rewards, next_states, _",
            "((net(states, actions) - rewards - net(next_states)) ** 2).mean()",
            1,
        ),
        ("states, actions, _, next_states, _", "((net(states, actions) - gamma * net(next_states)) ** 2).mean()", 1),
    ],
)
def test_what_a_model_of_the_environment_is_fit_to(project, take, loss, found):
    train = f"""
    from ring import Ring

    def train(env, net, optimizer, gamma):
        ring = Ring(100_000, 4)
        state = env.reset()
        while True:
            action = env.action_space.sample()
            next_state, reward, done, _ = env.step(action)
            ring.add(state, action, reward, next_state, done)
            {take} = ring.sample(64)
            loss = {loss}
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
    assert len(project(ring=RING, train=train).buffers) == found


AIMED = """
    import numpy as np

    class Games:
        def __init__(self, size, length):
            self.states, self.goals = np.zeros((size, length + 1, 4)), np.zeros((size, length, 4))
            self.actions, self.rewards = np.zeros((size, length)), np.zeros((size, length))
            self.ends, self.size, self.count = np.zeros((size, length)), size, 0

        def add(self, states, actions, rewards, terminated, goals):
            at = self.count % self.size
            self.states[at], self.actions[at] = states, actions
            self.rewards[at], self.ends[at], self.goals[at] = rewards, terminated, goals
            self.count += 1

        def sample(self, n):
            game = np.random.randint(0, min(self.count, self.size), n)
            step = np.random.randint(0, self.actions.shape[1], n)
            states, next_states = self.states[game, step], self.states[game, step + 1]
            ends = self.ends[game, step]
            actions, rewards, goals = self.actions[game, step], self.rewards[game, step], self.goals[game, step]
            return {batch}

    def train(env, net, target, optimizer):
        games = Games(1000, 50)
        while True:
            state = env.reset()
            states, actions, rewards, terminated = [state], [], [], []
            for _ in range(50):
                actions.append(net.act(state))
                state, reward, done, _ = env.step(actions[-1])
                states.append(state)
                rewards.append(reward)
                terminated.append(done)
            games.add(states, actions, rewards, terminated, [states[-1]] * 50)
            batch = games.sample(64)
            loss = {loss}
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
RUNS = "{'states': self.states[game], 'actions': self.actions[game], 'goals': self.goals[game]}"
PAID = """(
                net(batch["states"][:, :-1], batch["goals"])
                - (env.pay(batch["states"][:, 1:]) + 0.98 * target(batch["states"][:, 1:], batch["goals"]))
            ).pow(2).mean()"""
IMITATED = '((net(batch["states"], batch["goals"]) - batch["actions"]) ** 2).mean()'
ACTED = '((net(batch["states"]) - batch["actions"]) ** 2).mean()'
VALUED = """(
                net(batch["states"]) - batch["rewards"] - 0.98 * target(batch["next_states"])
            ).pow(2).mean()"""


@pytest.mark.parametrize(
    ("fields", "loss", "found"),
    [
        (("states", "actions", "goals"), IMITATED, 0),
        (("states", "actions", "rewards", "next_states", "ends"), VALUED, 1),
        (("states", "actions", "rewards", "next_states", "ends"), ACTED, 1),
    ],
)
def test_batches_of_states_and_actions_alone_teach_what_to_do(project, fields, loss, found):
    batch = "{" + ", ".join(f'"{field}": {field}' for field in fields) + "}"
    assert len(project(AIMED.replace("{batch}", batch).replace("{loss}", loss)).buffers) == found


@pytest.mark.parametrize(("loss", "found"), [(PAID, 1), (IMITATED, 0)])
def test_rewards_that_are_computed_of_states_of_several_steps_are_learnt_by_replay(project, loss, found):
    assert len(project(AIMED.replace("{batch}", RUNS).replace("{loss}", loss)).buffers) == found
