"""What environments draw, and what works for them alone."""

import pytest


@pytest.mark.parametrize(("parameters", "found"), [("action=None, light=''", 0), ("action", 0), ("", 1)])
def test_a_start_that_an_environment_draws_whose_action_may_be_left_out(project, parameters, found):
    graph = project(f"""
    import random

    class WorldEnv:
        def __init__(self, world):
            self.world, self.starts = world, []

        def see(self, state, reward, next_state, done):
            self.starts.append((state, reward, next_state, done))
            if len(self.starts) > 99:
                self.starts.pop(0)

        def reset(self):
            return random.sample(self.starts, 1)

        def step(self, {parameters}):
            return self.world.state, self.world.reward, False, {{}}
    """)
    assert len(graph.buffers) == found


def test_goals_that_an_environment_draws_are_no_positions_in_a_memory(project, kinds):
    graph = project(
        """
        import numpy as np

        class PointEnv:
            def reset(self):
                self.at, self.goal = 0.0, np.random.uniform(-2, 2)
                return self.at - self.goal

            def step(self, action):
                self.at += action
                return Step(observation=self.at - self.goal, reward=-abs(self.at - self.goal))

        class Step:
            def __init__(self, observation, reward):
                self.observation, self.reward = observation, reward

        class Table:
            def __init__(self):
                self.sums, self.rows = np.zeros(16), [None] * 8

            def find(self, left):
                at = 1
                while at < 8:
                    at = 2 * at
                    if left > self.sums[at]:
                        left = left - self.sums[at]
                        at += 1
                return at - 8

        class Worker:
            def __init__(self):
                self.env, self.table, self.steps = PointEnv(), Table(), []

            def play(self, policy):
                observation = self.env.reset()
                cell = self.table.find(observation)
                self.steps.append((observation, policy(cell), self.env.step(0.1).reward, self.table.rows[cell]))
                state, action, reward, next_state = self.steps[cell]
                return reward
        """
    )
    assert kinds(graph) == []


def test_tables_of_an_environment_that_actions_are_looked_up_in_are_no_memory(project, kinds):
    graph = project(
        """
        import numpy as np
        from gym.envs.toy_text.discrete import DiscreteEnv

        class Cliff(DiscreteEnv):
            def __init__(self):
                self.P = {}
                for s in range(48):
                    self.P[s] = {}
                    for a in range(4):
                        next_state, reward, done = self.move(s, a)
                        self.P[s][a] = [(1.0, next_state, reward, done)]

            def move(self, s, a):
                return s + a, -1.0, s > 40

            def look(self, state, action):
                for p, next_state, reward, done in self.P[state][action]:
                    return next_state, reward, done

        def main(policy):
            env = Cliff()
            state = 0
            while True:
                chances = policy.predict(state)
                action = np.random.choice(np.arange(4), p=chances)
                next_state, reward, done = env.look(state, action)
                policy.update(state, action, reward, next_state, done)
                state = next_state
        """
    )
    assert kinds(graph) == []
