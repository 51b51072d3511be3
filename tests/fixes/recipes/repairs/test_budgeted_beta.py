import pytest

from .repairing import changed, check_left, check_repaired, example

CODE = "PER107"
LITERAL, CLASS = "a number in the draw", "an attribute of the class"
MADE, DRAWS = "memory = Memory(100)", "beta rises over 200,000 draws"
HEAD, BETA = "def __init__(self, size, beta=0.4):", "        self.beta = beta\n"
NEW_HEAD = "def __init__(self, size, beta=0.4, beta_steps=200_000):"


def test_a_number_in_the_draw_is_computed_from_the_draws():
    check_repaired(
        CODE,
        example(CODE, LITERAL),
        (HEAD, NEW_HEAD),
        (BETA, BETA + "        self.beta_step = (1.0 - self.beta) / beta_steps\n"),
        ("self.beta + 0.001", "self.beta + self.beta_step"),
        (MADE, "memory = Memory(100, beta_steps=200_000)"),
        unsafe=DRAWS,
    )


def test_an_attribute_of_the_class_becomes_one_of_the_object():
    check_repaired(
        CODE,
        example(CODE, CLASS),
        ("    step = 0.0005\n\n", ""),
        (HEAD, NEW_HEAD),
        (BETA, BETA + "        self.step = (1.0 - self.beta) / beta_steps\n"),
        (MADE, "memory = Memory(100, beta_steps=200_000)"),
        unsafe=DRAWS,
    )


def test_an_attribute_that_the_constructor_sets():
    files = changed(
        example(CODE, LITERAL),
        (BETA, BETA + "        self.rise = 0.001\n"),
        ("self.beta + 0.001", "self.beta + self.rise"),
    )
    check_repaired(
        CODE,
        files,
        (HEAD, NEW_HEAD),
        ("self.rise = 0.001", "self.rise = (1.0 - self.beta) / beta_steps"),
        (MADE, "memory = Memory(100, beta_steps=200_000)"),
        unsafe=DRAWS,
    )


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("a schedule over a default that nobody passes", "anneal_over"),
        ("an attribute that follows a count of draws", "over"),
    ],
)
def test_a_length_that_is_a_parameter_is_passed(title, name):
    check_repaired(CODE, example(CODE, title), (MADE, f"memory = Memory(100, {name}=200_000)"), unsafe=DRAWS)


def test_a_step_that_is_a_parameter_is_passed():
    files = changed(
        example(CODE, LITERAL),
        (HEAD, "def __init__(self, size, beta=0.4, rise=0.001):"),
        (BETA, BETA + "        self.rise = rise\n"),
        ("self.beta + 0.001", "self.beta + self.rise"),
    )
    check_repaired(CODE, files, (MADE, "memory = Memory(100, rise=(1.0 - 0.4) / 200_000)"), unsafe=DRAWS)


def test_a_training_of_unknown_length_is_left():
    files = changed(example(CODE, LITERAL), ("for step in range(steps):", "while env.goes_on():"))
    check_left(CODE, files, "how often a training goes through")


def test_a_training_that_may_end_sooner_is_left():
    files = changed(
        example(CODE, LITERAL),
        ("        state = next_state\n", "        state = next_state\n        if done:\n            break\n"),
    )
    check_left(CODE, files, "may end sooner")


def test_a_beta_that_the_script_raises_is_left():
    check_left(CODE, example(CODE, "a loop of the script that is ten times as long"), "outside of the buffer")


@pytest.mark.parametrize("head", ["def __init__(self, size, beta=0.4, /):", "def __init__(self, /, size, beta=(0.4)):"])
def test_parameters_by_their_place_alone_are_left(head):
    check_left(CODE, changed(example(CODE, LITERAL), (HEAD, head)), "by their place alone")


@pytest.mark.parametrize(
    ("comment", "kept"),
    [
        ("  # 0.4 + 0.001 * 600 = 1.0", ""),
        ("  # beta of the paper", "  # beta of the paper"),
        ("  # not 0.0015", "  # not 0.0015"),
        ("  # noqa: 0.001", "  # noqa: 0.001"),
    ],
)
def test_a_comment_on_the_number_goes_with_it(comment, kept):
    line = "self.beta = min(1.0, self.beta + 0.001)"
    check_repaired(
        CODE,
        changed(example(CODE, LITERAL), (line, line + comment)),
        (HEAD, NEW_HEAD),
        (BETA, BETA + "        self.beta_step = (1.0 - self.beta) / beta_steps\n"),
        (line + comment, line.replace("0.001", "self.beta_step") + kept),
        (MADE, "memory = Memory(100, beta_steps=200_000)"),
        unsafe=DRAWS,
    )


def test_a_length_that_is_passed_by_its_place_alone_is_left():
    files = example(CODE, "a schedule over a default that nobody passes")
    check_left(CODE, changed(files, ("anneal_over=100_000", "anneal_over=100_000, /")), "by their place alone")


def test_heirs_are_left():
    files = example(CODE, LITERAL)
    files |= {"memory.py": files["memory.py"] + "\n\nclass Other(Memory):\n    pass\n"}
    check_left(CODE, files, "has heirs")


def test_only_the_steps_that_draw_are_counted():
    files = changed(example(CODE, LITERAL), *_once_in(4))
    check_repaired(
        CODE,
        files,
        (HEAD, NEW_HEAD.replace("200_000", "50_000")),
        (BETA, BETA + "        self.beta_step = (1.0 - self.beta) / beta_steps\n"),
        ("self.beta + 0.001", "self.beta + self.beta_step"),
        (MADE, "memory = Memory(100, beta_steps=50_000)"),
        unsafe="beta rises over 50,000 draws",
    )


@pytest.mark.parametrize("every", ["net.train_freq", "4 if net.is_slow else 1"])
def test_steps_that_draw_in_a_way_that_cannot_be_read_are_left(every):
    check_left(CODE, changed(example(CODE, LITERAL), *_once_in(every)), "how often a training goes through")


def _once_in(every: object) -> tuple[tuple[str, str], ...]:
    return (
        ("for step in range(steps):", f"every = {every}\n    for step in range(steps):"),
        ("        rows, at, w", "        if (step + 1) % every:\n            continue\n        rows, at, w"),
    )
