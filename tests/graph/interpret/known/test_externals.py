"""What calls of other libraries mean."""

import pytest

from per_audit.graph.interpret.known.externals import RANDOM_OBJECTS, DrawCall, draw_call, is_continuous, last, packs


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("random.sample", DrawCall("sample", True)),
        ("random.Random.choices", DrawCall("choices", True)),
        ("random.randrange", DrawCall("randrange", False)),
        ("numpy.random.choice", DrawCall("choice", True)),
        ("numpy.random.default_rng.integers", DrawCall("integers", False)),
        ("torch.randint", DrawCall("randint", False)),
        ("torch.multinomial", DrawCall("multinomial", False)),
        ("tensorflow.compat.v1.random.uniform", DrawCall("uniform", False)),
        ("tensorflow.random.shuffle", DrawCall("permutation", True)),
        ("jax.random.permutation", DrawCall("permutation", False)),
        ("numpy.random.multinomial", None),
        ("numpy.random.uniform", None),
        ("torch.distributions.Categorical.sample", None),
        ("gymnasium.spaces.Box.sample", None),
        ("project.random.sample", None),
        ("sample", None),
        ("", None),
    ],
)
def test_draws(name, expected):
    assert draw_call(name) == expected


@pytest.mark.parametrize(
    ("name", "known"),
    [("random.random", True), ("torch.rand", True), ("numpy.random.randint", False), ("torch.randn", False)],
)
def test_continuous_random_numbers(name, known):
    assert is_continuous(name) is known


@pytest.mark.parametrize("owner", RANDOM_OBJECTS)
def test_generators_draw_as_their_modules_do(owner):
    assert draw_call(f"{owner}.choice") == DrawCall("choice", True)
    assert is_continuous(f"{owner}.uniform")
    assert not is_continuous(f"{owner}.normal")


def test_the_last_part_of_a_name():
    assert (last("a.b.c"), last("c"), last("")) == ("c", "c", "")


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("pickle.dumps", True),
        ("lz4.frame.decompress", True),
        ("msgpack.unpackb", True),
        ("numpy.compress", False),
        ("struct.pack", False),
        ("pickle.Pickler", False),
    ],
)
def test_what_packs_objects(name, known):
    assert packs(name) is known
