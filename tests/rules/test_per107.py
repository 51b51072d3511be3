"""Whose beta it is that reaches 1."""

import pytest

from per_audit.facts import extract
from per_audit.findings import Severity
from per_audit.graph import link
from per_audit.rule import all_rules

MEMORY = """import numpy as np


class {name}:
    def __init__(self, size):
        self.rows, self.priorities, self.beta = [], np.zeros(size), 0.4

    def add(self, state, action, reward, next_state, done):
        self.priorities[len(self.rows)] = max(self.priorities.max(), 1.0)
        self.rows.append((state, action, reward, next_state, done))

    def sample(self, n):
        p = self.priorities[: len(self.rows)] / self.priorities.sum()
        at = np.random.choice(len(self.rows), n, p=p)
        weights = (len(self.rows) * p[at]) ** -self.beta
        {step}
        return at, [self.rows[i] for i in at], weights / weights.max()

    def update(self, at, errors):
        self.priorities[at] = np.abs(errors) + 1e-6
"""
AGENT = """from memory import Plain, Rich


class Agent:
    def __init__(self, net, optimizer, rich):
        self.net, self.optimizer = net, optimizer
        self.memory = {made}

    def learn(self, transition):
        self.memory.add(*transition)
        at, rows, weights = self.memory.sample(32)
        errors = self.net.errors(rows)
        (weights * errors**2).mean().backward()
        self.optimizer.step()
        self.memory.update(at, errors.detach())
"""


@pytest.mark.parametrize("made", ["Rich(1000) if rich else Plain(1000)", "Plain(1000) if rich else Rich(1000)"])
def test_the_finding_is_about_the_class_that_raises_it(made):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER107")
    rich = MEMORY.format(name="Rich", step="self.beta = min(1.0, self.beta + 0.001)")
    plain = MEMORY.format(name="Plain", step="pass")
    graph = link([extract("memory.py", (plain + rich).encode()), extract("agent.py", AGENT.format(made=made).encode())])
    (finding,) = rule.check(graph)
    assert finding.message.startswith("beta of Rich reaches 1 after 600 draws")


@pytest.mark.parametrize("made", ["Rich(1000) if rich else Plain(1000)", "Plain(1000) if rich else Rich(1000)"])
def test_the_finding_is_about_the_class_whose_schedule_is_wrong(made):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER108")
    rich = MEMORY.format(name="Rich", step="self.beta = max(1.0, self.beta + 0.001)")
    plain = MEMORY.format(name="Plain", step="pass")
    graph = link([extract("memory.py", (plain + rich).encode()), extract("agent.py", AGENT.format(made=made).encode())])
    (finding,) = rule.check(graph)
    assert finding.message.startswith("beta of Rich is 1 or more")


@pytest.mark.parametrize(("code", "step"), [("PER106", "pass"), ("PER107", "self.beta = min(1.0, self.beta + 0.001)")])
@pytest.mark.parametrize("is_handed_on", [False, True])
def test_what_no_loss_is_seen_to_take_is_a_hint(code, step, is_handed_on):
    (rule,) = (rule for rule in all_rules() if rule.code == code)
    agent = AGENT.format(made="Plain(1000)").replace("import Plain, Rich", "import Plain")
    if is_handed_on:
        agent = (
            agent[: agent.index("        at, rows")]
            + """        return self.memory.sample(32)

    def renew(self, at, errors):
        self.memory.update(at, errors)
"""
        )
    memory = MEMORY.format(name="Plain", step=step)
    (finding,) = rule.check(link([extract("memory.py", memory.encode()), extract("agent.py", agent.encode())]))
    assert (finding.severity is Severity.INFO) is is_handed_on
    assert finding.message.endswith("that a loss takes its weights cannot be seen here") is is_handed_on


@pytest.mark.parametrize(("after", "code"), [("", "PER106"), ("self.memory.rise()", "PER107")])
def test_a_step_that_nothing_asks_for_raises_nothing(after, code):
    memory = MEMORY.format(name="Rich", step="pass")
    memory += "\n    def rise(self):\n        self.beta = min(1.0, self.beta + 0.001)\n"
    agent = AGENT.format(made="Rich(1000)") + f"        {after}\n\nAgent(None, None, False).learn(None)\n"
    graph = link([extract("memory.py", memory.encode()), extract("agent.py", agent.encode())])
    rules = [rule for rule in all_rules() if rule.code in ("PER106", "PER107")]
    assert [finding.rule for rule in rules for finding in rule.check(graph)] == [code]


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ("Told(1000)", ("beta of Told reaches 1 after 20,000 draws, however long the training is", Severity.WARNING)),
        (
            "getattr(net, rich)(1000)",
            (
                "beta of Told reaches 1 after 20,000 draws, unless told otherwise, however long the training is",
                Severity.INFO,
            ),
        ),
        ("{'told': Told}[rich](1000, **net.settings)", None),
        ("Told(1000, **net.settings)", None),
        ("Told(1000, over=net.steps)", None),
    ],
    ids=["left at its default", "made out of sight", "by name with settings", "with settings", "given"],
)
def test_a_default_that_settings_may_replace(made, told):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER107")
    memory = MEMORY.format(name="Told", step="self.beta = 0.4 + 0.6 * min(1.0, self.draws / self.over)")
    memory = memory.replace("size):\n", "size, over=20_000):\n        self.over, self.draws = over, 0\n")
    memory = memory.replace("p = self", "self.draws += 1\n        p = self", 1)
    agent = AGENT.format(made=made).replace("Plain, Rich", "Told")
    graph = link([extract("memory.py", memory.encode()), extract("agent.py", agent.encode())])
    assert [(finding.message, finding.severity) for finding in rule.check(graph)] == ([told] if told else [])


COUNTED = (
    MEMORY.replace("def __init__(self, size)", "def __init__(self, size, agents=4)")
    .replace("self.rows, ", "self.agents, self.count, self.rows, ", 1)
    .replace("= [], np", "= agents, 0.0, [], np", 1)
    .replace("-self.beta", "-min(1.0, 0.4 + 0.6 * self.count / 100_000)")
    .replace("{step}", "self.count += {step}")
)


@pytest.mark.parametrize(
    ("step", "made", "said"),
    [
        ("1", "1000", "after 100,000 draws"),
        ("0.25", "1000", "after 400,000 draws"),
        ("1.0 / max(1, self.agents)", "1000, rich.size", "after a number of draws written into the code"),
        ("len(at)", "1000", "after a number of draws written into the code"),
    ],
)
def test_a_draw_counts_for_what_it_adds_to_the_count(step, made, said):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER107")
    memory = COUNTED.format(name="Rich", step=step)
    agent = AGENT.replace("Plain, ", "").format(made=f"Rich({made})")
    graph = link([extract("memory.py", memory.encode()), extract("agent.py", agent.encode())])
    (finding,) = rule.check(graph)
    assert f"reaches 1 {said}" in finding.message


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("step % 5_000 == 0", "after 60 of its steps, made once in 5,000 steps, however"),
        ("done", "after 60 of its steps, made once an episode, however"),
        ("step", "after 60 of its steps, however"),
    ],
)
def test_it_is_told_how_often_the_steps_are_made(test, said):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER107")
    memory = MEMORY.format(name="Plain", step="self.size = n")
    memory += "\n    def anneal(self):\n        self.beta = min(1.0, self.beta + 0.01)\n"
    agent = f"""
from memory import Plain


def train(env, net, optimizer):
    memory, step = Plain(1000), 0
    while True:
        state, done = env.reset(), False
        while not done:
            next_state, reward, done, _ = env.step(net.act(state))
            memory.add(state, 0, reward, next_state, done)
            state = next_state
            step += 1
            at, rows, weights = memory.sample(32)
            errors = net.errors(rows)
            (weights * errors**2).mean().backward()
            optimizer.step()
            memory.update(at, errors.detach().numpy())
            if {test}:
                memory.anneal()
"""
    graph = link([extract("memory.py", memory.encode()), extract("agent.py", agent.encode())])
    (finding,) = rule.check(graph)
    assert said in finding.message


@pytest.mark.parametrize(("step", "count"), [("0.0", 0), ("0.001", 1)])
def test_a_step_of_nothing_until_a_setting_is_given_raises_nothing(step, count):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER107")
    memory = MEMORY.format(name="Rich", step="self.beta = min(1.0, self.beta + self.rise)")
    memory = memory.replace("(self, size):", f"(self, size, rise={step}):").replace(
        "        self.rows,", "        self.rise = rise\n        self.rows,", 1
    )
    graph = link(
        [
            extract("memory.py", memory.encode()),
            extract("agent.py", AGENT.format(made="Rich(1000)").replace("Plain, ", "").encode()),
        ]
    )
    assert len(list(rule.check(graph))) == count
