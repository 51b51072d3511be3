"""Models of environments that planning draws from."""

import pytest

from per_audit.graph import UNIFORM

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
