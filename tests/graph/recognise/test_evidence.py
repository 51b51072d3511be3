"""What is stored and what is made of a batch: which containers hold transitions."""

import pytest

from per_audit.graph import UNIFORM

COLUMNS = """
    import numpy as np

    class Store:
        def __init__(self, columns, size):
            self.columns = {name: np.zeros((size, *shape)) for name, shape in columns}
            self.size, self.at = size, 0

        def append(self, row):
            for name, item in zip(row._fields, row):
                self.columns[name][self.at] = item
            self.at = (self.at + 1) % self.size

        def sample(self, n):
            drawn = np.random.randint(0, self.size, n)
            batch = {}
            for name, column in self.columns.items():
                batch[name] = column[drawn]
            return batch
"""


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        (("obs", "action", "reward", "next_obs", "done"), [UNIFORM]),
        (("obs", "action", "reward", "done"), []),  # a data set has rewards as well
        (("obs", "action", "advantage", "next_obs", "reward"), []),  # a rollout
        (("image", "label", "next_obs"), []),
    ],
)
def test_a_batch_is_known_by_the_fields_that_learners_read(project, fields, found, kinds):
    reads = "\n".join(f"    loss = loss + net(batch['{name}'])" for name in fields)
    learn = "from store import Store\n\ndef learn(store: Store, net, optimizer):\n    batch = store.sample(32)\n"
    learn += f"    loss = 0\n{reads}\n    loss.backward()\n    optimizer.step()\n"
    graph = project(store=COLUMNS, learn=learn)
    assert kinds(graph) == found


@pytest.mark.parametrize(
    ("positions", "found"),
    [("np.random.choice(len(self.rows), n, replace=False)", [UNIFORM]), ("[random.randrange(len(self.rows))]", [])],
)
def test_what_is_popped_at_drawn_positions_is_a_batch_unless_it_is_one_to_forget(project, positions, found, kinds):
    graph = project(
        f"""
        import random
        import numpy as np

        class Memory:
            def __init__(self):
                self.rows = []

            def add(self, state, action, reward, next_state, done):
                self.rows.append((state, action, reward, next_state, done))

            def take(self, n):
                positions = {positions}
                return [self.rows.pop(i) for i in sorted(positions, reverse=True)]

        def train(memory: Memory, net, optimizer):
            states, actions, rewards, next_states, dones = zip(*memory.take(32))
            loss = net(states, actions, rewards, next_states, dones)
            loss.backward()
            optimizer.step()
        """
    )
    assert kinds(graph) == found


NUMBERED = """
    import random
    from collections import deque

    import numpy as np

    class Team:
        def __init__(self, nets):
            self.nets, self.past = nets, deque(maxlen=10_000)

        def keep(self, step, count):
            self.past.append([step.of(number) for number in range(count)])

        def learn(self):
            batch = np.array(random.sample(self.past, 32))
            for number, net in enumerate(self.nets):
                own = batch[:, number]
                {names}
                loss = net.loss(first, second, third, fourth)
                loss.backward()
                net.optimizer.step()
"""


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("states", "actions", "rewards", "next_states"), [UNIFORM]),
        (("images", "labels", "weights", "next_states"), []),
        (("states", "actions", "returns", "next_states"), []),
        (("first", "second", "third", "fourth"), []),
    ],
)
def test_a_batch_is_known_by_the_names_of_its_numbered_parts(project, kinds, names, found):
    lines = [f"{name} = np.stack(own[:, {number}])" for number, name in enumerate(names)]
    lines.append(f"first, second, third, fourth = ({', '.join(names)})")
    graph = project(NUMBERED.replace("{names}", "\n                ".join(lines)))
    assert kinds(graph) == found
