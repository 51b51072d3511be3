"""The gate lets through all that a finding could follow from."""

import pytest

from per_audit.facts import extract, may_matter, speaks_of_replay
from per_audit.facts.gate import LIBRARIES
from per_audit.graph import frameworks, link
from per_audit.rule import all_rules
from per_audit.source.imports import imports_of

EXAMPLES = [
    pytest.param(rule, example, id=f"{rule.code}-{example.title}")
    for rule in all_rules()
    for example in (*rule.bad, *rule.good)
]


def linked(files):
    return link([extract(path, text.encode()) for path, text in files.items()])


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_a_file_that_stores_draws_or_learns_passes_and_so_do_all_that_it_is_connected_with(rule, example):
    graph = linked(example.files)
    events = graph.events
    needed = {buffer.path for buffer in (*graph.buffers, *graph.library)}
    needed |= {event.path for kind in (events.draws, events.weightings, events.updates) for event in kind.values()}
    needed |= {store.path for buffer in graph.buffers for store in buffer.stores}
    needed |= {place.place.path for buffer in graph.buffers for place in graph.chain(buffer)}
    assert not needed or any(may_matter(example.files[path].encode()) for path in needed)


@pytest.mark.parametrize(
    "text",
    [
        "batch = random.sample(rows, 4)",
        "at = np.random.randint(0, n, 32)",
        "at = rng.integers(0, n, 32)",
        "at = rng.choice(n, 32)",
        "at = torch.randperm(n)[:32]",
        "rows = deque(maxlen=9)",
        "model.fit(x, y)",
        "model.learn(50_000)",
        "optimizer.step()",
        "value.backward()",
        "class SumTree: pass",
        "Row = namedtuple('Row', 'a b')",
    ],
)
def test_shapes_of_replay_pass(text):
    assert may_matter(text.encode())


@pytest.mark.parametrize("text", ["", "import os\n\nprint(os.getcwd())\n", "def add(a, b):\n    return a + b\n"])
def test_what_has_no_such_shape_is_refused(text):
    assert not may_matter(text.encode())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s, a, rewards, next_s, done = zip(*random.sample(self.rows, n))\n", True),
        ("q = rewards + GAMMA * (1 - batch.terminal) * best(next_states)\n", True),
        ("experience = sample(); nxt, done = experience[3:]\nnew_q = q(nxt) * discount\n", True),
        ("rewards = batch[2]\n", False),
        ("buffer = PrioritizedReplay(1000)\n", True),
        ("memory = ReplayMemory(1000)\n", True),
        ("row = {'reward': 1, 'next_state': s, 'done': d}; sampled(row)\n", True),
        ("row = {'reward': 1, 'text': 'the next_state is done, or sampled'}\n", False),
        ("graph.replay(sample, done)\n", False),
        ("class CSPRepLayer:\n    pass\n", False),
        ("from ray import tune\n", False),
        ("import ray.rllib.algorithms\n", True),
        ("folge, lohn, fertig, _ = welt.step(zug)\n", True),
        ("(folge, lohn), fertig = welt.step(zug)\n", True),
        ("from stable_baselines3 import DQN\n", True),
        ("import rl.memory\n", True),
        ("from .rl import rules\n", False),
        ("loss, value = solver.step(x)\n", False),
        ("# the reward of it\n", False),
        ('def f():\n    """In my experience, \\""" it says."""\n', False),
        ("text = '# not a comment'; memory = ReplayBuffer()\n", True),
        ("weights = (n * p[drawn]) ** -beta\n", False),
    ],
)
def test_words_of_replay_are_those_of_code(text, expected):
    assert speaks_of_replay(text.encode(), imports_of(text.encode())) is expected


def test_libraries_that_replay_are_those_whose_memories_are_known():
    assert frameworks.packages() == {name.partition(".")[0] for name in LIBRARIES}
    modules = {package: frameworks.content(package).get("modules", [package]) for package in frameworks.packages()}
    assert all(set(modules[name.partition(".")[0]]) == {name} for name in LIBRARIES if "." in name)
