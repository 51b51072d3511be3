import importlib.util
import sys
import warnings

import numpy as np
import pytest

from experience_replay_optimizer import PrioritizedSampler, samplers
from experience_replay_optimizer.samplers.engine import VARIABLE, load_kernels

KERNELS = "experience_replay_optimizer.samplers.kernels"
needs_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is missing")


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def unusable(monkeypatch):
    """numba is installed and cannot be imported."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.delattr(samplers, "kernels", raising=False)
    monkeypatch.setitem(sys.modules, KERNELS, None)


@needs_numba
@pytest.mark.parametrize("choice", [None, "", "auto", "numba"])
def test_numba_where_it_is_installed(choice, monkeypatch):
    if choice is not None:
        monkeypatch.setenv(VARIABLE, choice)
    assert load_kernels().__name__ == KERNELS


def test_numpy_where_it_is_asked_for(monkeypatch):
    monkeypatch.setenv(VARIABLE, "numpy")
    assert load_kernels() is None


@pytest.mark.parametrize("choice", ["", "auto"])
def test_numpy_where_numba_is_missing(choice, monkeypatch):
    monkeypatch.setenv(VARIABLE, choice)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_kernels() is None


def test_a_numba_that_cannot_be_used_is_passed_over_with_a_warning(unusable):
    with pytest.warns(RuntimeWarning, match="numba is installed but cannot be used, numpy is instead"):
        assert load_kernels() is None


def test_a_numba_that_is_asked_for_and_cannot_be_used_is_an_error(unusable, monkeypatch):
    monkeypatch.setenv(VARIABLE, "numba")
    with pytest.raises(ImportError):
        load_kernels()


@pytest.mark.parametrize("choice", ["Numba", "cuda", " "])
def test_other_values_are_refused(choice, monkeypatch):
    monkeypatch.setenv(VARIABLE, choice)
    with pytest.raises(ValueError, match=f'{VARIABLE} must be "auto", "numba" or "numpy", not {choice!r}'):
        load_kernels()


@needs_numba
def test_it_is_asked_whenever_a_sampler_is_made(monkeypatch):
    made = []
    for choice in ("numpy", "numba", "numpy"):
        monkeypatch.setenv(VARIABLE, choice)
        made.append(PrioritizedSampler(20, seed=0, rare_fraction=0.0))
        made[-1].add(np.arange(20))
        made[-1].update(np.arange(20), np.arange(20.0))
    assert [sampler._index.tree.kernels is None for sampler in made] == [True, False, True]
    drawn = [sampler.sample(16) for sampler in made]
    for slots, weights in drawn[1:]:
        assert slots.tolist() == drawn[0][0].tolist()
        np.testing.assert_allclose(weights, drawn[0][1], rtol=1e-6)
