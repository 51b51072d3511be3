"""Models of environments that planning draws from."""

import pytest

from per_audit.graph import PRIORITISED, UNIFORM

DYNA = """
    import random
    from collections import defaultdict
    import numpy as np

    class Dyna:
        def __init__(self, net, n):
            self.net, self.q = net, defaultdict(lambda: np.zeros(n))
            self.model, self.e, self.t = {made}, 0, 0

        def update(self, s, a, r, s2, done):
            {update}

        def step(self, s, a, r, s2, done):
            self.update(s, a, r, s2, done)
            {store}
            for _ in range(20):
                {draw}
                self.update(ps, pa, pr, ps2, pd)

    def main(env, net):
        agent, s = Dyna(net, 4), env.reset()
        while True:
            a = int(agent.q[s].argmax())
            s2, r, done, _ = env.step(a)
            agent.step(s, a, r, s2, done)
            s = env.reset() if done else s2
"""
TABLE = "self.q[s][a] += 0.1 * (r + (0 if done else 0.95 * self.q[s2].max()) - self.q[s][a])"
NETWORK = "loss = (r + (0 if done else 0.95 * self.net(s2).max()) - self.net(s)[a]) ** 2; loss.backward()"
KEPT, FLAT = "self.model[(s, a)] = (r, s2, done)", "pr, ps2, pd = self.model[ps, pa]"
NESTED = (
    "ps = random.choice(list(self.model)); pa = random.choice(list(self.model[ps])); pr, ps2, pd = self.model[ps][pa]"
)
WHOLE = "ps, pa, pr, ps2, pd = random.choice(list(self.model.values()))"
AT = "ps, pa, pr, ps2, pd = self.model[random.choice(list(self.model))]"


@pytest.mark.parametrize(
    ("made", "update", "store", "draw", "found"),
    [
        ("{}", TABLE, KEPT, f"ps, pa = random.choice(list(self.model)); {FLAT}", []),
        ("{}", NETWORK, KEPT, f"ps, pa = random.choice(list(self.model)); {FLAT}", []),
        ("{}", TABLE, KEPT, f"ps, pa = random.choice(sorted(self.model.keys())); {FLAT}", []),
        ("{}", TABLE, KEPT, f"(ps, pa), = random.sample(list(self.model), 1); {FLAT}", []),
        ("{}", TABLE, KEPT, f"k = list(self.model); ps, pa = k[np.random.randint(len(k))]; {FLAT}", []),
        ("defaultdict(dict)", TABLE, "self.model[s][a] = (r, s2, done)", NESTED, []),
        ("{}", TABLE, "self.model.setdefault(s, {})[a] = (r, s2, done)", NESTED, []),
        ("{}", TABLE, "self.model[(s, a)] = (s, a, r, s2, done)", WHOLE, []),
        ("{}", NETWORK, "self.model[(s, a)] = (s, a, r, s2, done)", WHOLE, [UNIFORM]),
        ("{}", TABLE, "self.model[self.t] = (s, a, r, s2, done); self.t += 1", AT, [UNIFORM]),
        ("{}", TABLE, "self.model[(self.e, self.t)] = (s, a, r, s2, done); self.t += 1", AT, [UNIFORM]),
        ("[]", TABLE, "self.model.append((s, a, r, s2, done))", WHOLE.replace(".values()", ""), [UNIFORM]),
    ],
)
def test_what_is_kept_by_state_and_action_is_a_model(project, kinds, made, update, store, draw, found):
    text = DYNA
    for key, value in (("made", made), ("update", update), ("store", store), ("draw", draw)):
        text = text.replace(f"{{{key}}}", value)
    assert kinds(project(text)) == found


SWEEPING = """
    import numpy as np

    class World:
        def __init__(self):
            self.after, self.pairs, self.urgent, self.place = {{}}, [], [], {{}}

        def tell(self, s, a, r, s2, done, priority):
            pair = (tuple(s), int(a))
            {tell}
            {rate}

        def dream(self):
            sums = np.cumsum(self.urgent)
            at = {draw}
            {dream}

    class Agent:
        def __init__(self, n, net):
            self.n, self.q, self.net, self.world = n, {{}}, net, World()

        def of(self, s):
            return self.q.setdefault(tuple(s), np.zeros((self.n, 2)))

        def learn(self, s, a, r, s2, done, w):
            {learn}
            return abs(error).sum()

        def step(self, s, a, r, s2, done, w):
            self.world.tell(s, a, r, s2, done, self.learn(s, a, r, s2, done, w))
            for _ in range(10):
                ps, pa, pr, ps2, pd, at = self.world.dream()
                self.world.urgent[at] = self.learn(ps, pa, pr, ps2, pd, w)

    def main(env, net, w):
        agent, s = Agent(4, net), env.reset()
        while True:
            a = env.action_space.sample()
            s2, r, done, _ = env.step(a)
            agent.step(s, a, r, s2, done, w)
            s = env.reset() if done else s2
"""
PAIRS = """if pair not in self.after:
                self.place[pair] = len(self.pairs)
                self.pairs.append(pair)
                self.urgent.append(priority)
            self.after[pair] = (tuple(s2), r, done)"""
SEARCHED = "int(np.searchsorted(sums, np.random.uniform(0, sums[-1])))"
RATED = "self.urgent[self.place[pair]] = priority"
OF_PAIR = """s, a = self.pairs[at]
            s2, r, done = self.after[self.pairs[at]]
            return s, a, r, s2, done, at"""
OF_ROW = "s, a, r, s2, done = self.pairs[at]; return s, a, r, s2, done, at"
CELL = """best = np.dot(self.of(s2), w).argmax()
            error = r + (1 - done) * 0.9 * self.of(s2)[best] - self.of(s)[a]
            self.q[s][a] += 0.1 * error"""
NET = """error = r + (1 - done) * 0.9 * self.net(s2).max() - self.net(s)[a]
            (error ** 2).backward()"""


@pytest.mark.parametrize(
    ("tell", "rate", "dream", "learn", "found"),
    [
        (PAIRS, RATED, OF_PAIR, CELL, []),
        (PAIRS, RATED, OF_PAIR, NET, [PRIORITISED]),
        ("self.pairs.append((s, a, r, s2, done)); self.urgent.append(priority)", "pass", OF_ROW, CELL, [PRIORITISED]),
        ("self.pairs.append((s, a, r, s2, done)); self.urgent.append(priority)", "pass", OF_ROW, NET, [PRIORITISED]),
    ],
)
def test_a_table_that_sweeps_a_model_by_priority_weights_nothing(project, tell, rate, dream, learn, found):
    graph = project(SWEEPING.format(draw=SEARCHED, tell=tell, rate=rate, dream=dream, learn=learn))
    assert [buffer.kind for buffer in graph.buffers] == found


def test_the_pairs_that_a_model_knows_are_drawn_uniformly(project):
    drawn = "np.random.randint(len(self.pairs))"
    graph = project(SWEEPING.format(draw=drawn, tell=PAIRS, rate="pass", dream=OF_PAIR, learn=CELL))
    assert not graph.buffers
    rows = "self.pairs.append((s, a, r, s2, done))"
    graph = project(SWEEPING.format(draw=drawn, tell=rows, rate="pass", dream=OF_ROW, learn=CELL))
    assert [buffer.kind for buffer in graph.buffers] == [UNIFORM]
