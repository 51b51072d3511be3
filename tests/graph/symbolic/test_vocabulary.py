"""Each word of the numeric libraries has one meaning, and the terms have it."""

import itertools

import pytest

from per_audit.graph.symbolic import vocabulary as words

KINDS = {
    "pointwise": set(words.POINTWISE),
    "powers": set(words.POWERS),
    "reductions": set(words.REDUCTIONS),
    "clips": words.CLIPS,
    "allocations": words.ALLOCATIONS,
    "transparent": words.TRANSPARENT,
    "detaches": words.DETACHES,
    "flattens": words.FLATTENS,
    "reshapes": words.RESHAPES,
    "stacks": words.STACKS,
}


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(KINDS, 2)))
def test_no_word_has_two_meanings(one, other):
    assert KINDS[one].isdisjoint(KINDS[other])


@pytest.mark.parametrize("name", ["add", "multiply", "true_divide", "power", "minimum", "fmax"])
def test_functions_of_two_arguments_are_their_operators(term_of, name):
    text = f"np.{name}(a, b)"
    term = term_of(text, f"import numpy as np\n\ndef f(a, b):\n    x = {text}\n")
    assert (term.op, [arg.data[-1] for arg in term.args]) == (words.POINTWISE[name], ["a", "b"])


@pytest.mark.parametrize("name", sorted(words.POWERS))
def test_powers_have_their_exponent(term_of, name):
    text = f"torch.{name}(a)"
    term = term_of(text, f"import torch\n\ndef f(a):\n    x = {text}\n")
    assert (term.op, term.args[1].number) == ("pow", words.POWERS[name])


@pytest.mark.parametrize("name", ["sum", "mean", "amax", "min"])
@pytest.mark.parametrize("text", ["np.{}(a, axis=1)", "a.{}(1)", "a.{}(dim=1)"])
def test_reductions_know_their_axis(term_of, name, text):
    text = text.format(name)
    term = term_of(text, f"import numpy as np\n\ndef f(a):\n    x = {text}\n")
    assert (term.op, term.data) == (words.REDUCTIONS[name], 1)


def test_a_function_of_the_project_has_its_own_meaning(term_of):
    term = term_of("square(a)", "def square(x):\n    return x + 1\n\ndef f(a):\n    x = square(a)\n")
    assert not term.has("pow")
