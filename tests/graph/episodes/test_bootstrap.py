"""Bootstrap targets: which sums are some, and what is known of the value in them."""

import pytest

from per_audit.graph.episodes import bootstrap, endings

AGENT = """
    import random
    import torch
    import torch.nn.functional as F

    class Agent:
        def __init__(self, net, target_net, optimizer):
            self.net, self.target_net, self.optimizer = net, target_net, optimizer
            self.items, self.gamma, self.alpha = [], 0.99, 0.2

        def store(self, state, action, reward, next_state, done):
            self.items.append((state, action, reward, next_state, done))

        def helper(self, reward, value, keep):
            return reward + self.gamma * value * keep

        def learn(self):
            rows = random.sample(self.items, 32)
            s, a, r, s2, done = map(torch.as_tensor, zip(*rows))
            q2 = self.target_net(s2).max(1).values
            {code}
            loss = F.mse_loss(self.net(s)[a], target)
            loss.backward()
            self.optimizer.step()
"""


def targets_of(project, code):
    graph = project(AGENT.replace("{code}", "\n            ".join(code.splitlines())))
    (buffer,) = graph.buffers
    return graph, buffer, bootstrap.targets(graph, buffer)


@pytest.mark.parametrize(
    "code",
    [
        "target = r + self.gamma * q2",
        "target = self.gamma * q2 + r",
        "target = r.float() + 0.99 * (q2 - self.alpha * self.net(s2).log())",
        "target = r + (self.gamma ** 3) * torch.min(self.net(s2), q2)",
        "best = self.net(s2).argmax(1)\ntarget = r + self.gamma * self.target_net(s2).gather(1, best).detach()",
        "target = torch.add(r, self.gamma * q2)",
        "next_obs = column(rows, 3)\nbest = self.target_net(next_obs).amax(1)\ntarget = r + self.gamma * best",
        "support = torch.linspace(-9, 9, 51)\ntarget = r[:, None] + self.gamma * support",
        "target = r + self.gamma * self.net.atoms",
    ],
)
def test_what_bootstraps_through_every_state(project, code):
    graph, buffer, found = targets_of(project, code)
    assert [bootstrap.is_open(graph, target) for target in found] == [True]
    assert bootstrap.unmasked(graph, buffer) == found or len(bootstrap.unmasked(graph, buffer)) == 1


@pytest.mark.parametrize(
    "code",
    [
        "target = r + self.gamma * (1 - done) * q2",
        "target = r + (0 if done[0] else self.gamma * q2)",
        "target = r + torch.where(done, 0.0, self.gamma * q2)",
        "target = r + self.gamma * torch.where(done, 0.0, q2)",
        "target = r + self.gamma * q2.masked_fill(done, 0)",
        "q2[done] = 0\ntarget = r + self.gamma * q2",
        "keep = ~done\ntarget = r + self.gamma * q2 * keep",
        "target = r.clone()\ntarget[~done] = (r + self.gamma * q2)[~done]",
        "target = self.helper(r, q2, 1 - done)",
        "target = r + self.gamma * q2\nif done.any():\n    target = r",
        "e = done\ntarget = r + self.gamma * q2 * (1 - e)",
    ],
)
def test_what_an_end_reaches(project, code):
    graph, buffer, _ = targets_of(project, code)
    assert bootstrap.unmasked(graph, buffer) == []


@pytest.mark.parametrize(
    "code",
    [
        "target = r + self.alpha",
        "target = r + q2.mean()",
        "target = r + self.alpha * q2",
        "target = r + self.gamma * self.net(s)",
    ],
)
def test_sums_that_are_no_targets(project, code):
    assert targets_of(project, code)[2] == []


def test_a_target_in_a_helper_is_seen_with_what_its_callers_pass(project):
    code = "target = self.helper(r, q2, 1.0)"
    graph, _, found = targets_of(project, code)
    assert [target.function.name for target in found] == ["helper"]
    assert bootstrap.is_open(graph, found[0])


LOOP = """
    import random

    def improve(model, rows):
        for s, a, r, s2 in random.sample(rows, 32):
            model.fit(s, r + 0.9 * model.predict(s2).max())

    def run(env, model):
        rows, s = [], env.reset()
        for t in range(1000):
            s2, r, done, info = env.step(model.act(s))
            rows.append((s, 0, r, s2))
            s = s2
            {code}
            improve(model, rows)
"""


@pytest.mark.parametrize(
    ("code", "known"),
    [("if done:\n                s = env.reset()", True), ("pass", False), ("model.note(done)", False)],
)
def test_an_end_is_known_where_it_is_tested(project, code, known):
    graph = project(LOOP.replace("{code}", code))
    (buffer,) = graph.buffers
    assert not endings.stored(buffer)
    assert (endings.observed(graph, buffer) is not None) == known


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("target = r + self.gamma * q2 * (1 - done)", ["field"]),
        ("target = r + 0.95 * q2", ["const"]),
        ("target = r + self.gamma**3 * q2 * (1 - done)", ["pow"]),
        ("target = r + (0 if done[0] else self.gamma * q2)", ["field"]),
    ],
)
def test_what_discounts_the_next_value(project, code, expected):
    graph, _, (target,) = targets_of(project, code)
    assert [factor.op for factor in bootstrap.discounts(graph, target)] == expected


def test_an_empty_dict_is_no_discount(project):
    graph = project("x = {}")
    (assignment,) = graph.module("main.py").body
    assert not bootstrap.is_discount(graph, graph.symbols.term("main.py", assignment.value))


HELPER = """
        def later(self, s2, done):
            q = self.target_net(s2)
            {code}
            return q.max(1).values, q.max()

        def learn("""


@pytest.mark.parametrize(
    ("code", "masked"),
    [
        ("pass", False),
        ("self.zero(q, done)", True),
        ("for i in range(32):\n                if done[i]: q[i] *= 0", True),
    ],
)
def test_a_helper_that_is_handed_the_ends_may_look_at_them(project, code, masked):
    text = AGENT.replace("\n        def learn(", HELPER.replace("{code}", code))
    text = text.replace("q2 = self.target_net(s2).max(1).values", "kept = read()")
    text = text.replace("{code}", "q2, most = self.later(s2, kept.done)\n            target = r + self.gamma * q2")
    graph = project(text)
    (buffer,) = graph.buffers
    assert (bootstrap.unmasked(graph, buffer) == []) is masked
