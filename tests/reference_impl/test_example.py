"""The example in docs/examples shows what it says."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "examples" / "experience_replay.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("experience_replay_example", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_replayed_states_spread_almost_like_all_states(example):
    found = example.consecutive_and_replayed(seed=0)
    assert (np.diff(found.latest) == 1).all()
    assert len(set(found.replayed.tolist())) == 8
    # The mean standard deviation of 8 of a population is a little below the population's.
    assert found.spread_latest < 0.3 * found.spread_walk
    assert 0.85 * found.spread_walk < found.spread_replayed < found.spread_walk


def test_counted_draws_follow_the_expected_law(example):
    pytest.importorskip("torch")
    law = example.law_of_the_draws(seed=0, batches=1000)
    assert law.draws == 32_000
    assert law.expected.sum() == pytest.approx(1.0)
    deviation = np.sqrt(law.expected * (1 - law.expected) / law.draws)
    assert (np.abs(law.measured - law.expected) < 5 * deviation).all()


def test_surprising_transitions_come_up_as_often_as_expected(example):
    pytest.importorskip("torch")
    found = example.surprising_draws(seed=0)
    assert found.draws == 2000
    assert found.uniform == 200
    assert found.expected == pytest.approx(2000 * 10 * 5**0.6 / (10 * 5**0.6 + 90))
    assert abs(found.drawn - found.expected) < 5 * found.deviation


def test_a_learning_curve_is_the_mean_of_the_last_episodes(example):
    ends, returns = np.array([3, 5, 9]), np.array([4.0, 2.0, 6.0])
    curve = example.learning_curve(ends, returns, np.array([2, 3, 5, 8, 9, 50]))
    assert np.isnan(curve[0])
    assert curve[1:].tolist() == [4.0, 3.0, 3.0, 4.0, 4.0]


def test_episodes_of_a_training_add_up_to_its_steps(example):
    pytest.importorskip("torch")
    pytest.importorskip("gymnasium")
    for learner in example.LEARNERS:
        ends, returns = example.train(learner, steps=120, seed=0)
        # CartPole pays 1 a step, so the returns tell the lengths.
        assert returns.tolist() == np.diff(ends, prepend=-1).tolist()


def test_help_and_bad_arguments(example, capsys, tmp_path, monkeypatch):
    with pytest.raises(SystemExit) as stopped:
        example.main(["--help"])
    assert stopped.value.code == 0
    assert "--quick" in capsys.readouterr().out
    monkeypatch.setattr(example, "NEEDS", ("numpy", "no_such_library"))
    with pytest.raises(SystemExit) as stopped:
        example.main(["--quick"])
    assert stopped.value.code == 2
    assert "not installed: no_such_library; pip install no_such_library" in capsys.readouterr().err
    monkeypatch.setattr(example, "NEEDS", ())
    (tmp_path / "file").touch()
    for arguments, message in [
        (["--steps", "5"], "--steps must be at least 100"),
        (["--output", str(tmp_path / "file")], "File exists"),
    ]:
        with pytest.raises(SystemExit) as stopped:
            example.main(arguments)
        assert stopped.value.code == 2
        assert message in capsys.readouterr().err


def test_the_figures_are_written(tmp_path):
    for name in ("torch", "gymnasium", "matplotlib"):
        pytest.importorskip(name)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--quick", "--output", str(tmp_path)], check=True, capture_output=True, text=True
    )
    assert "prioritised replay over the whole training" in done.stdout
    pictures = sorted(tmp_path.iterdir())
    assert [path.name for path in pictures] == ["1_batches.png", "2_priorities.png", "3_surprise.png", "4_learning.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
