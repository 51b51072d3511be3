"""Windows whose rewards are summed before they are stored."""

import pytest

from per_audit.graph.episodes import windows

BUFFER = """
    import random
    from collections import deque

    class Replay:
        def __init__(self, n, gamma):
            self.rows, self.window = deque(maxlen=1000), deque(maxlen=n)
            self.n, self.gamma = n, gamma

        def add(self, state, action, reward, next_state, done):
            self.window.append((state, action, reward, next_state, done))
            if len(self.window) < self.n:
                return
            {code}
            self.rows.append((self.window[0][0], self.window[0][1], reward, next_state, done))

        def sample(self, n):
            return random.sample(self.rows, n)

    def train(env, model):
        replay = Replay(3, 0.99)
        while True:
            next_state, reward, done, _ = env.step(0)
            replay.add(0, 0, reward, next_state, done)
            model.loss(replay.sample(32)).backward()
"""


def sums_of(project, code):
    graph = project(BUFFER.replace("{code}", "\n            ".join(code.splitlines())))
    (buffer,) = graph.buffers
    return graph, buffer, windows.return_sums(graph, buffer)


@pytest.mark.parametrize(
    "code",
    [
        "reward = sum(self.gamma**i * step[2] for i, step in enumerate(self.window))",
        "reward = 0\nfor i in range(self.n):\n    reward += self.gamma**i * self.window[i][2]",
        "reward = 0\nfor step in reversed(self.window):\n    reward = step[2] + self.gamma * reward",
    ],
)
def test_sums_that_do_not_look_at_the_end(project, code):
    graph, buffer, found = sums_of(project, code)
    assert [windows.looks_at_ends(graph, one) for one in found] == [False]
    assert [windows.ends_known(graph, one) for one in found] == [True]
    assert [windows.emptied(graph, one) for one in found] == [[]]
    assert [windows.dropping(graph, buffer, one) for one in found] == [[]]


@pytest.mark.parametrize(
    "code",
    [
        "reward = 0\nfor step in reversed(self.window):\n    reward = step[2] + self.gamma * reward * (1 - step[4])",
        "reward = 0\nfor _, _, r, _, end in reversed(self.window):\n    reward = r if end else r + self.gamma * reward",
    ],
)
def test_sums_that_look_at_the_end(project, code):
    graph, _, found = sums_of(project, code)
    assert all(windows.looks_at_ends(graph, one) for one in found)


@pytest.mark.parametrize(
    "code",
    [
        "reward = reward * self.gamma**2",
        "for step in self.rows:\n    reward += self.gamma**2 * step[2]",
    ],
)
def test_what_is_no_sum_over_a_window(project, code):
    assert sums_of(project, code)[2] == []


def test_a_window_that_is_cleared_with_its_starts(project):
    code = (
        "reward = sum(self.gamma**i * step[2] for i, step in enumerate(self.window))\nif done:\n    self.window.clear()"
    )
    graph, buffer, (found,) = sums_of(project, code)
    assert [evict.how for evict in windows.dropping(graph, buffer, found)] == ["clear"]


LOCAL = """
    import random
    from collections import deque

    class Rows:
        def __init__(self):
            self.rows = deque(maxlen=1000)

        def add(self, *row):
            self.rows.append(row)

    class Replay(Rows):
        def add(self, state, action, reward, next_state, done):
            super().add(state, action, reward, next_state, done)

        def sample(self, n):
            return random.sample(self.rows, n)

    def episode(env, replay):
        window, done = deque(maxlen=3), False
        while not done:
            next_state, reward, done, _ = env.step(0)
            window.append((0, 0, reward))
            reward_sum = sum(0.99**i * step[2] for i, step in enumerate(window))
            replay.add(0, 0, reward_sum, next_state, done)

    def train(env, model):
        replay = Replay()
        while True:
            episode(env, replay)
            model.loss(replay.sample(32)).backward()
"""


def test_a_window_of_a_function_is_looked_at_where_it_is_asked_for(project):
    graph = project(LOCAL)
    (buffer,) = graph.buffers
    assert windows.return_sums(graph, buffer) == []
    (found,) = windows.return_sums(graph, buffer, local=True)
    assert found.function.name == "episode"


def test_functions_on_the_way_into_the_buffer(project):
    graph = project(LOCAL)
    names = {function.name for function in windows.functions_near(graph, graph.buffers[0])}
    assert {"add", "episode", "sample"} <= names
    assert "train" not in names


HELPED = """
    import random
    from collections import deque

    class Replay:
        def __init__(self, n, gamma):
            self.rows, self.window = deque(maxlen=1000), deque()
            self.n, self.gamma = n, gamma

        def add(self, state, action, reward, next_state, done):
            self.window.append((state, action, reward, next_state, done))
            {code}

        def is_empty(self):
            return not self.window

        def shift(self):
            reward_sum = 0
            for i, step in enumerate(self.window):
                reward_sum += self.gamma**i * step[2]
            self.rows.append((self.window[0][0], self.window[0][1], reward_sum, *self.window[-1][3:]))
            self.forget()

        def forget(self):
            self.window.popleft()

        def sample(self, n):
            return random.sample(self.rows, n)

    def train(env, model):
        replay = Replay(3, 0.99)
        while True:
            next_state, reward, done, _ = env.step(0)
            replay.add(0, 0, reward, next_state, done)
            model.loss(replay.sample(32)).backward()
"""
FULL = "if len(self.window) == self.n:\n    self.shift()\n"


def helped(project, code):
    graph = project(HELPED.replace("{code}", "\n            ".join(code.splitlines())))
    (buffer,) = graph.buffers
    (found,) = windows.return_sums(graph, buffer)
    return graph, buffer, found


@pytest.mark.parametrize(
    "code",
    [
        "while self.window:\n        self.shift()",
        "while len(self.window) > 0:\n        self.shift()",
        "for _ in range(len(self.window)):\n        self.shift()",
        "while not self.is_empty():\n        self.shift()",
        "while True:\n        self.shift()\n        if not self.window:\n            break",
    ],
)
def test_a_window_that_a_loop_drains_by_what_it_calls(project, code):
    graph, buffer, found = helped(project, f"{FULL}if done:\n    {code}")
    places = windows.emptied(graph, found)
    assert places
    assert all("shift" in graph.source(place.path, place.node) for place in places)

    graph, buffer, found = helped(project, f"{FULL}if done:\n    {code}\n    self.window.clear()")
    assert windows.dropping(graph, buffer, found) == []


@pytest.mark.parametrize(
    "code",
    [FULL, "while len(self.window) >= self.n:\n    self.shift()"],
)
def test_a_window_that_gives_up_a_step_for_each_that_comes_in(project, code):
    graph, _, found = helped(project, code)
    assert windows.emptied(graph, found) == []


PLAYS = """
    import random
    from collections import deque

    class Agent:
        def __init__(self, model, n=4):
            self.model, self.n, self.rows, self.window = model, n, deque(maxlen=5000), deque(maxlen=n)

        def keep(self, row, done):
            self.window.append(row)
            if len(self.window) == self.n:
                self.rows.append((row, self.summed(), done))

        def summed(self):
            return sum(0.97**i * step[2] for i, step in enumerate(self.window))

        def play(self, env, episodes):
            for _ in range(episodes):
                state, done = env.reset(), False
                while not done:
                    next_state, reward, done, _ = env.step(0)
                    self.keep((state, 0, reward, next_state), done)
                    if done:
                        REST
                        self.window.clear()
                    state = next_state
                    self.model.loss(random.sample(self.rows, 8)).backward()
"""


@pytest.mark.parametrize(
    ("rest", "dropped"),
    [
        ("pass", ["clear"]),
        ("for row in list(self.window):\n                            self.rows.append((row, self.summed(), done))", []),
    ],
)
def test_a_loop_over_steps_stores_nothing_of_the_rest(project, rest, dropped):
    graph = project(PLAYS.replace("REST", rest))
    (buffer,) = graph.buffers
    (found,) = windows.return_sums(graph, buffer)
    assert [evict.how for evict in windows.dropping(graph, buffer, found)] == dropped


COLUMNS = """
    import random
    from collections import deque

    class Walker:
        def __init__(self, model, n=4):
            self.model, self.n, self.count, self.rows = model, n, 0, deque(maxlen=5000)
            self.gains, self.states = deque(maxlen=n), deque(maxlen=n)

        def keep(self, state, reward, later, over, t=0):
            self.gains.append(reward)
            self.states.append(state)
            self.count += 1
            if len(self.gains) == self.n:
                self.rows.append((self.states[0], sum(0.9**i * gain for i, gain in enumerate(self.gains)), later, over))
            self.model.loss(random.sample(self.rows, 8)).backward()

    def walk(env, model):
        walker = Walker(model)
        state = env.reset()
        for t in range(9000):
            later, reward, over, _ = env.step(0)
            walker.keep(state, reward, later, over, t)
            state = env.reset() if over else later
"""


@pytest.mark.parametrize(
    ("old", "new", "is_known"),
    [
        ("", "", True),
        ("if len(self.gains) == self.n:", "if t >= self.n:", False),
        ("if len(self.gains) == self.n:", "if self.count >= self.n:", False),
        ("self.count += 1", "self.count = 0 if over else self.count + 1", False),
    ],
)
def test_ends_that_are_told_where_rewards_alone_are_kept(project, old, new, is_known):
    graph = project(COLUMNS.replace(old, new, 1) if old else COLUMNS)
    (buffer,) = graph.buffers
    (found,) = windows.return_sums(graph, buffer)
    assert windows.ends_known(graph, found) == is_known


@pytest.mark.parametrize("told", [True, False])
def test_an_end_that_no_caller_tells_is_not_known(project, told):
    code = COLUMNS.replace("later, over, t=0", "later, over=False")
    graph = project(code.replace("later, over, t)", "later, over)" if told else "later)"))
    (buffer,) = graph.buffers
    (found,) = windows.return_sums(graph, buffer)
    assert windows.ends_known(graph, found) == told
