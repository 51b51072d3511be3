import importlib.util

import pytest


@pytest.fixture(
    params=[
        "numpy",
        pytest.param(
            "numba", marks=pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is missing")
        ),
    ]
)
def engine(request, monkeypatch):
    """Samplers that are made under it do their arithmetic in numpy and, in a second run, in numba."""
    monkeypatch.setenv("EXPERIENCE_REPLAY_KERNELS", request.param)
    return request.param
