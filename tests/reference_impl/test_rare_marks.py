import pytest

from experience_replay_optimizer.rare_marks import RareMarks


def test_flags_come_before_the_test_and_silence_is_no_verdict():
    marks = RareMarks(None, ("win",))
    assert marks.verdict((), {"win": 1}) is True
    assert marks.verdict((), {"win": 0}) is None
    assert marks.verdict((), None) is None
    marks = RareMarks(lambda item: item[0] > 1, ("win",))
    assert marks.verdict((2,), {}) is True
    assert marks.verdict((1,), None) is False
    assert marks.verdict((1,), {"win": True}) is True


def test_what_is_refused():
    with pytest.raises(TypeError, match=r'write \("win",\)'):
        RareMarks(None, "win")
    with pytest.raises(TypeError, match="callable"):
        RareMarks(3, ())
    with pytest.raises(TypeError, match="info must be a dict"):
        RareMarks(None, ()).verdict((), 3)
