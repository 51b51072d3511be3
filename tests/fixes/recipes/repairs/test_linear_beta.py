import pytest

from .repairing import changed, check_left, check_repaired, example

CODE = "PER108"
LOOP, METHOD = "compounding, in the training loop", "compounding, in a method of the memory"
MADE = "        self.alpha, self.beta = alpha, beta\n"
KEPT = MADE + "        self.first_beta = self.beta\n"
RATE = "the learning rate"


def test_what_compounds_starts_from_the_first_beta():
    old = "self.beta += (1.0 - self.beta) * fraction"
    new = "self.beta = self.first_beta + (1.0 - self.first_beta) * fraction"
    check_repaired(CODE, example(CODE, METHOD), (MADE, KEPT), (old, new), unsafe=RATE)


def test_in_a_loop_beside_the_memory():
    old = "memory.beta = memory.beta + done_part * (1.0 - memory.beta)"
    new = "memory.beta = memory.first_beta + done_part * (1.0 - memory.first_beta)"
    check_repaired(CODE, example(CODE, LOOP), (MADE, KEPT), (old, new), unsafe=RATE)


def test_a_name_that_is_taken_is_left_alone():
    files = changed(
        example(CODE, METHOD), ("def anneal", "def first(self):\n        return self.first_beta\n\n    def anneal")
    )
    old = "self.beta += (1.0 - self.beta) * fraction"
    new = "self.beta = self.initial_beta + (1.0 - self.initial_beta) * fraction"
    check_repaired(CODE, files, (MADE, KEPT.replace("first_", "initial_")), (old, new), unsafe=RATE)


def test_the_bound_is_turned_round():
    check_repaired(CODE, example(CODE, "max for min"), ("np.maximum(1.0", "np.minimum(1.0"), unsafe=RATE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.beta += self.rise", "self.beta = min(1.0, self.beta + self.rise)"),
        ("self.beta = self.beta + self.rise", "self.beta = min(1.0, self.beta + self.rise)"),
        ("self.beta = (self.beta + self.rise)", "self.beta = min(1.0, (self.beta + self.rise))"),
    ],
)
def test_a_bound_is_put_in(old, new):
    files = changed(example(CODE, "no bound"), ("self.beta += self.rise", old))
    check_repaired(CODE, files, (old, new), unsafe=RATE)


@pytest.mark.parametrize("title", ["falling, passed to the draw", "made from alpha", "falling, TensorFlow"])
def test_what_was_meant_to_be_otherwise_is_left(title):
    check_left(CODE, example(CODE, title), "for a person to say")


def test_a_beta_that_is_set_in_several_places_is_left():
    files = changed(example(CODE, METHOD), (MADE, MADE + "        self.beta = beta / 2\n"))
    check_left(CODE, files, "not set in one place")
