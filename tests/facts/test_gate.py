"""The gate lets through all that a finding could follow from."""

import pytest

from per_audit.facts import extract, may_matter, speaks_of_learning
from per_audit.graph import link
from per_audit.graph.frameworks import packages
from per_audit.parts import _libraries
from per_audit.rule import all_rules
from per_audit.source.resolve import REFERENCE

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


LIBRARIES = frozenset({"tianshou", "ray"})


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_files_in_which_something_is_found_have_a_word_for_it(rule, example):
    said = any(speaks_of_learning(text.encode(), _libraries()) for text in example.plain.values())
    assert said or example in rule.good


@pytest.mark.parametrize(
    "text",
    [
        "rewards, dones = [], []",
        "rew, obs = 0, 0",
        "batch_rwds = done",
        "after = env.step(a)",
        "s_, r, d = game.step(a)",
        "rows.append((s, a, r, s_))",
        "x = np.hstack((s, [a, r], s_))",
        "for (o, a, r) in rows: pass\nlast = a, r, next_o",
        "class PrioritizedReplay:\n  def sample(self): pass",
        "w = (n * p[rng.choice(n, p=p)]) ** -self.beta",
        "from tianshou.data import Collector",
        "import ray.rllib",
    ],
)
def test_words_of_learning(text):
    assert speaks_of_learning(text.encode(), LIBRARIES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "'''The reward of an episode that is done.'''",
        "x = 1  # reward, done",
        "rewritten = done",
        "t, y = system.step()",
        "from .tianshou import x",
        "import ray.tune, urllib.request",
        "f(a, rest, s)",
        "priority = random.choice(queue)",
    ],
)
def test_other_words(text):
    assert not speaks_of_learning(text.encode(), LIBRARIES)


def test_libraries_are_those_of_the_graph():
    assert _libraries() == {REFERENCE, *packages()}


def test_only_the_end_of_a_long_line_is_looked_at():
    names = ", ".join(f"m{number}" for number in range(20_000))
    assert not speaks_of_learning(f"import {names}\nopt.step()\n".encode(), LIBRARIES)
