"""Uniform draws that are no draws of a batch from a memory."""

import pytest

from per_audit.graph import PRIORITISED, UNIFORM


def test_one_memory_for_each_action_is_no_uniform_draw(project):
    graph = project("""
    import random


    class Balanced:
        def __init__(self, actions):
            self.rows = {action: [] for action in range(actions)}

        def add(self, state, action, reward, next_state, done):
            self.rows[action].append((state, action, reward, next_state, done))

        def sample(self, n):
            batch = []
            for action in self.rows:
                memory = self.rows[action]
                batch += random.sample(memory, n)
            return batch
    """)
    assert graph.buffers == []


def test_a_goal_from_later_in_the_episode_is_no_draw_from_a_memory(project):
    graph = project("""
    import random

    def relabel(env, memory):
        episode = []
        state = env.reset()
        for step in range(50):
            next_state, reward, done, _ = env.step(0)
            episode.append((state, 0, reward, next_state, done))
            state = next_state
        for t in range(len(episode)):
            later = random.randint(t, len(episode) - 1)
            state, action, reward, next_state, done = episode[later]
            memory.put(state, action, reward, next_state)
    """)
    assert graph.buffers == []


@pytest.mark.parametrize(
    ("called", "found"),
    [
        ("for t, step in enumerate(episode): self.relabel(episode, t)", 0),
        ("for t, step in enumerate(episode): self.relabel(at=t, episode=episode)", 0),
        ("self.relabel(episode, self.start)", 1),
    ],
)
def test_a_goal_that_a_method_draws_from_after_a_step_that_its_callers_count(project, called, found):
    graph = project(f"""
    import numpy as np

    class Learner:
        def __init__(self, env, memory, start):
            self.env, self.memory, self.start = env, memory, start

        def play(self):
            episode = []
            state = self.env.reset()
            for step in range(50):
                next_state, reward, done, _ = self.env.step(0)
                episode.append((state, 0, reward, next_state, done))
                state = next_state
            {called}

        def relabel(self, episode, at):
            for goal in [self.later(episode, at) for _ in range(4)]:
                state, action, reward, next_state, done = episode[goal]
                self.memory.put(state, action, reward, next_state)

        def later(self, episode, at):
            return np.random.choice(np.arange(at + 1, len(episode)))
    """)
    assert len(graph.buffers) == found


def test_a_base_whose_heir_draws_by_priority_in_its_place_is_not_uniform(project):
    graph = project("""
    import numpy as np

    class Base:
        def __init__(self, size):
            self.rows, self.size, self.at = [None] * size, size, 0

        def add(self, state, action, reward, next_state, done):
            self.rows[self.at % self.size] = (state, action, reward, next_state, done)
            self.at += 1

        def sample(self, n):
            return [self.rows[i] for i in np.random.randint(0, self.size, n)]

    class Prioritised(Base):
        def __init__(self, size):
            super().__init__(size)
            self.priorities = np.ones(size)

        def sample(self, n):
            return [self.rows[i] for i in np.random.choice(self.size, n, p=self.priorities / self.priorities.sum())]

    memory = Prioritised(10)
    memory.add(1, 2, 3.0, 4, False)
    memory.sample(4)
    """)
    assert [buffer.kind for buffer in graph.buffers] == [PRIORITISED]


def test_a_bootstrap_of_all_data_for_each_model_of_an_ensemble_is_no_batch(project, kinds):
    text = """
        import numpy as np

        class Rows:
            def __init__(self, size):
                self.rows, self.count = np.zeros((size, 9)), 0

            def add(self, state, action, reward, next_state, done):
                self.rows[self.count] = np.hstack((state, action, reward, next_state, done))
                self.count += 1

            def draw(self, models):
                return self.rows[np.random.choice(self.count, size={size})]

        def main(rows, net):
            net.loss(rows.draw(5)).backward()
        """
    assert kinds(project(text.format(size="(models, 32)"))) == [UNIFORM]
    assert kinds(project(text.format(size="(models, self.count)"))) == []
