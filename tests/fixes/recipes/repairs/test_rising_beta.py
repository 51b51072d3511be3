import pytest

from .repairing import changed, check_left, check_repaired, example

CODE = "PER106"
MEMORY = "set in the constructor of the memory"
HEAD, BETA = "def __init__(self, size, beta=0.4):", "        self.beta = beta\n"
NEW_HEAD = "def __init__(self, size, beta=0.4, beta_steps=50_000):"
STEP = "        self.beta_step = (1.0 - self.beta) / beta_steps\n"
RISE = "self.beta = min(1.0, self.beta + self.beta_step)\n"
WEIGHTS = "        w = (self.size * p[at]) ** -self.beta\n"
DRAWS = "beta rises over 50,000 draws"


def test_beta_rises_before_each_use():
    check_repaired(
        CODE,
        example(CODE, MEMORY),
        (HEAD, NEW_HEAD),
        (BETA, BETA + STEP),
        (WEIGHTS, f"        {RISE}{WEIGHTS}"),
        ("Memory(100)", "Memory(100, beta_steps=50_000)"),
        unsafe=DRAWS,
    )


def test_it_rises_once_a_draw_where_weights_are_computed_one_by_one():
    loop = "        w = np.array([(self.size * p[i]) ** -self.beta for i in at])\n"
    files = changed(example(CODE, MEMORY), (WEIGHTS, loop))
    check_repaired(
        CODE,
        files,
        (HEAD, NEW_HEAD),
        (BETA, BETA + STEP),
        (loop, f"        {RISE}{loop}"),
        ("Memory(100)", "Memory(100, beta_steps=50_000)"),
        unsafe=DRAWS,
    )


def test_beta_of_the_agent_that_passes_it():
    files = example(CODE, "kept by the agent, passed to each draw")
    loop = """        while True:
            next_state, reward, done, _ = env.step(self.net.act(state))
"""
    files = changed(files, (loop, loop.replace("while True", "for _ in range(20_000)")))
    files |= {
        "main.py": "from train import Agent\n\n\ndef main(env, net, optimizer):\n    Agent(net, optimizer).run(env)\n"
    }
    check_repaired(
        CODE,
        files,
        ("optimizer, exponent=0.5):", "optimizer, exponent=0.5, beta_steps=20_000):"),
        (
            "        self.exponent = exponent\n",
            "        self.exponent = exponent\n        self.beta_step = (1.0 - self.exponent) / beta_steps\n",
        ),
        (
            "        rows, at, w = self.memory.sample(32, self.exponent)\n",
            "        self.exponent = min(1.0, self.exponent + self.beta_step)\n"
            "        rows, at, w = self.memory.sample(32, self.exponent)\n",
        ),
        ("Agent(net, optimizer)", "Agent(net, optimizer, beta_steps=20_000)"),
        unsafe="beta rises over 20,000 draws",
    )


@pytest.mark.parametrize(
    ("title", "reason"),
    [
        ("kept by the agent, passed to each draw", "how often a training goes through"),
        ("a default of the draw that nobody passes", "no attribute that a constructor sets"),
        ("a setting of the configuration", "no attribute that a constructor sets"),
    ],
)
def test_what_is_kept_elsewhere_or_goes_on_for_ever_is_left(title, reason):
    check_left(CODE, example(CODE, title), reason)


def test_a_beta_that_several_methods_read_is_left():
    files = example(CODE, MEMORY)
    files |= {"memory.py": files["memory.py"] + "\n    def show(self):\n        print(self.beta)\n"}
    check_left(CODE, files, "not read by one method")


@pytest.mark.parametrize(
    ("title", "reason"),
    [
        ("a schedule that goes by a count which nothing raises", "there is a schedule of beta"),
        ("a schedule that is asked for its beginning", "beta is computed"),
    ],
)
def test_a_schedule_that_is_there_is_left(title, reason):
    check_left(CODE, example(CODE, title), reason)
