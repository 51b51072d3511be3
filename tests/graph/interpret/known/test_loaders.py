"""Memories that torch's loaders draw from: a batch at a time, or all of them in a pass."""

import pytest

from per_audit.graph import PRIORITISED, UNIFORM

PROGRAM = """
    from collections import deque
    import torch
    from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, WeightedRandomSampler

    class Past(Dataset):
        def __init__(self, size):
            self.rows, self.errors = deque(maxlen=size), deque(maxlen=size)

        def __len__(self):
            return len(self.rows)

        def __getitem__(self, at):
            return self.rows[at]

        def keep(self, *row):
            self.rows.append(row)
            self.errors.append(1.0)

    def learn(past, net):
        {draw}
        net.loss(state, action, reward, next_state, done).backward()

    def main(env, net):
        past, state = Past(10_000), env.reset()
        while True:
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            {store}
            state = env.reset() if done else next_state
            learn(past, net)
"""
STORED = "past.keep(state, action, reward, next_state, done)"
TAKEN = "state, action, reward, next_state, done"


@pytest.mark.parametrize(
    ("draw", "found"),
    [
        (f"{TAKEN} = next(iter(DataLoader(past, batch_size=32, shuffle=True)))", [UNIFORM]),
        (f"loader = DataLoader(past, 32, True)\n        {TAKEN} = next(iter(loader))", [UNIFORM]),
        (f"for {TAKEN} in DataLoader(past, 32, shuffle=True):\n            break", [UNIFORM]),
        (f"{TAKEN} = next(iter(DataLoader(list(past.rows), 32, shuffle=True)))", [UNIFORM]),
        (f"{TAKEN} = next(iter(DataLoader(past, 32, shuffle=False)))", []),
        (f"for {TAKEN} in DataLoader(past, 32, sampler=RandomSampler(past)):\n            break", [UNIFORM]),
        (f"{TAKEN} = next(iter(DataLoader(past, 32, sampler=RandomSampler(past, replacement=True))))", [UNIFORM]),
        (
            f"some = BatchSampler(RandomSampler(past), 32, True)\n"
            f"        {TAKEN} = next(iter(DataLoader(past, sampler=some)))",
            [UNIFORM],
        ),
        (f"for {TAKEN} in DataLoader(past, 32, sampler=RandomSampler(past)):\n            print(state)", []),
        (
            f"for {TAKEN} in DataLoader(past, 32, sampler=RandomSampler(past, num_samples=32)):\n            pass",
            [UNIFORM],
        ),
        (
            f"for {TAKEN} in DataLoader(past, 32, sampler=RandomSampler(past, True, len(past))):\n            pass",
            [],
        ),
        (
            f"rows = [past.rows[i] for i in RandomSampler(past, num_samples=32)]\n        {TAKEN} = zip(*rows)",
            [UNIFORM],
        ),
        (f"rows = [past.rows[i] for i in RandomSampler(past)]\n        {TAKEN} = zip(*rows)", []),
        (
            f"some = BatchSampler(RandomSampler(past), 32, True)\n"
            f"        {TAKEN} = zip(*[past.rows[i] for i in next(iter(some))])",
            [UNIFORM],
        ),
        (
            f"for some in BatchSampler(RandomSampler(past), 32, True):\n"
            f"            {TAKEN} = zip(*[past.rows[i] for i in some])",
            [],
        ),
        (f"{TAKEN} = next(iter(DataLoader(past, 32, sampler=range(32))))", []),
        (f"for {TAKEN} in DataLoader(past, 32, shuffle=True):\n            print(state)", []),
        (f"for {TAKEN} in DataLoader(past, 32, shuffle=True):\n            print(state)\n            break", []),
        ("loader = DataLoader(past, 32, shuffle=True)\n        print(next(iter(loader))[0].shape)", []),
        (
            f"{TAKEN} = next(iter(DataLoader(past, 32, sampler=WeightedRandomSampler(past.errors, 32))))",
            [PRIORITISED],
        ),
    ],
)
def test_loaders(project, kinds, draw, found):
    assert kinds(project(PROGRAM.replace("{draw}", draw).replace("{store}", STORED))) == found


def test_a_data_set_that_nothing_fills_is_no_memory(project, kinds):
    draw = f"{TAKEN} = next(iter(DataLoader(past, batch_size=32, shuffle=True)))"
    assert kinds(project(PROGRAM.replace("{draw}", draw).replace("{store}", "pass"))) == []


LEARNER = """
    def update(batches, net):
        for state, action, reward, next_state, done in batches:
            net.loss(state, action, reward, next_state, done).backward()
            {end}

    def learn(past, net):
        loader = DataLoader(past, 32, shuffle=True)
        update(loader, net)
"""


@pytest.mark.parametrize(("end", "found"), [("break", [UNIFORM]), ("net.optimizer.step()", [])])
def test_what_is_given_a_loader_takes_its_first_batch_or_goes_through_it(project, kinds, end, found):
    before, after = PROGRAM.replace("{store}", STORED).split("    def learn(past, net):")
    main = after[after.index("    def main") :]
    assert kinds(project(before + LEARNER.replace("{end}", end) + main)) == found


@pytest.mark.parametrize(
    ("made", "taken", "found"),
    [
        ("net.loader = DataLoader(past, 32, shuffle=True)", "next(iter(net.loader))", [UNIFORM]),
        ("net.loader = next(iter(DataLoader(past, 32, shuffle=True)))", "net.loader", []),
    ],
)
def test_a_loader_that_is_made_once_draws_again_and_again(project, kinds, made, taken, found):
    draw = f"if net.loader is None:\n            {made}\n        {TAKEN} = {taken}"
    assert kinds(project(PROGRAM.replace("{draw}", draw).replace("{store}", STORED))) == found


STREAM = """
    import random
    from pathlib import Path

    import numpy as np
    import torch
    from torch.utils.data import DataLoader, IterableDataset

    class Steps:
        def __init__(self, folder):
            self.folder, self.steps, self.count = folder, {"seen": [], "done_there": [], "earned": []}, 0

        def keep(self, step):
            for key in self.steps:
                self.steps[key].append(step[key])
            if step.last():
                self.count += 1
                {save}

    class Episodes(IterableDataset):
        def __init__(self, folder):
            self.folder, self.paths, self.episodes = folder, [], {}

        def fetch(self):
            for path in self.folder.glob("*.npz"):
                if path in self.episodes:
                    break
                self.load(path)

        def load(self, path):
            with path.open("rb") as file:
                episode = np.load(file)
                episode = {key: episode[key] for key in episode.keys()}
            while len(self.paths) > 1000:
                self.episodes.pop(self.paths.pop(0))
            self.paths.append(path)
            self.episodes[path] = episode

        def pick(self):
            self.fetch()
            path = {path}
            episode = self.episodes[path]
            at = np.random.randint(1, 200)
            reward = np.zeros_like(episode["earned"][at])
            reward += episode["earned"][at]
            return episode["seen"][at - 1], episode["done_there"][at], reward, episode["seen"][at]

        def __iter__(self):
            while True:
                yield self.pick()

    def to_torch(parts):
        return tuple(torch.as_tensor(part) for part in parts)

    def update(batches, net):
        state, action, reward, next_state = to_torch(next(batches))
        net.loss(state, action, reward, next_state).backward()

    def main(env, net):
        steps = Steps(Path("steps"))
        batches = iter(DataLoader(Episodes(Path("steps")), batch_size=256, num_workers=4))
        step = env.reset()
        while True:
            step = env.step(net.act(step.seen))
            steps.keep(step)
            update(batches, net)
"""
SAVED = 'np.savez_compressed(self.folder / f"{self.count}.npz", **self.steps)'
DRAWN = "random.choice(self.paths)"


@pytest.mark.parametrize(
    ("save", "path", "found"),
    [
        (SAVED, DRAWN, [UNIFORM]),
        ("self.steps = None", DRAWN, []),
        ("torch.save(self.count, self.folder)", DRAWN, []),
        (SAVED, "self.paths[-1]", []),
    ],
    ids=["files of what was lived through", "files of others", "only a network is saved", "the newest"],
)
def test_a_stream_that_draws_by_itself(project, kinds, save, path, found):
    assert kinds(project(STREAM.replace("{save}", save).replace("{path}", path))) == found
