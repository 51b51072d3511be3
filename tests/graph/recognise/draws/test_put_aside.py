"""Positions of transitions that are put into containers of their own, and drawn from these."""

import pytest

from per_audit.graph import PRIORITISED, UNIFORM

MEMORY = """
    import random
    import numpy as np

    class Memory:
        def __init__(self, size):
            self.size, self.at, self.usable, self.count = size, 0, {made}, 0
            self.rows, self.seen = [None] * size, np.zeros(size)

        def add(self, state, action, reward, next_state, done):
            self.rows[self.at] = (state, action, reward, next_state, done)
            {put}
            self.at, self.count = (self.at + 1) % self.size, self.count + 1

        def sample(self, n):
            {draw}

    def train(env, net, optimizer):
        memory, state = Memory(10000), env.reset()
        while True:
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            memory.add(state, action, reward, next_state, done)
            state = env.reset() if done else next_state
            net.loss(memory.sample(32)).backward()
            optimizer.step()
"""
SET = {"made": "set()", "put": "self.usable.add(self.at)"}
LIST = {"made": "[]", "put": "self.usable.append(self.at)"}
ITEMS = "return [self.rows[at] for at in random.sample(list(self.usable), n)]"
PLACES = """drawn = np.random.randint(0, self.count, n)
            places = [self.usable[at] for at in drawn]
            return [self.rows[at] for at in places]"""
WEIGHTED = "return [self.rows[at] for at in random.choices(self.usable, weights=self.seen, k=n)]"


@pytest.mark.parametrize(
    ("parts", "draw", "found"),
    [
        (SET, ITEMS, [UNIFORM]),
        (LIST, ITEMS, [UNIFORM]),
        (LIST, PLACES, [UNIFORM]),
        (LIST, WEIGHTED, [PRIORITISED]),
        (LIST | {"put": "self.usable.append(self.count)"}, ITEMS, []),  # how many there were
        (LIST | {"put": "self.usable.append(reward)"}, ITEMS, []),
        (SET, "return random.sample(list(self.usable), n)", []),  # nobody reads the rows there
        (SET, "for at in random.sample(list(self.usable), n): self.rows[at] = None", []),  # forgotten
        (SET, "return [self.seen[at] for at in random.sample(list(self.usable), n)]", []),
    ],
)
def test_what_is_read_at_positions_that_were_put_aside_is_drawn(project, kinds, parts, draw, found):
    assert kinds(project(MEMORY.format(draw=draw, **parts))) == found


def test_positions_of_two_parts(project, kinds):
    """Those of a step of an episode, where the rows of all steps of it are an array of their own."""
    text = """
        import numpy as np

        class Episodes:
            def __init__(self, count, steps, width):
                self.count, self.episode, self.held = count, 0, 0
                self.rows, self.places = np.zeros((count, steps, width)), []

            def put(self, episode):
                for step, (state, action, reward, next_state, done) in enumerate(episode):
                    self.rows[self.episode, step, :] = np.hstack([state, action, reward, next_state, done])
                    self.places.append((self.episode, step))
                self.held += len(episode)
                self.episode = (self.episode + 1) % self.count

            def some(self, n):
                places = [self.places[at] for at in np.random.randint(0, self.held, n)]
                return np.array([self.rows[episode, step] for episode, step in places])

        def learn(memory, net, optimizer):
            net.loss(memory.some(32)).backward()
            optimizer.step()

        def train(env, net, optimizer):
            memory = Episodes(100, 200, 20)
            while True:
                memory.put(env.play(net))
                learn(memory, net, optimizer)
    """
    assert kinds(project(text)) == [UNIFORM]
