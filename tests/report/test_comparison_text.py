from __future__ import annotations

from per_audit.report.comparison_text import number, points, render


def test_everything_that_was_found(comparison):
    text = render(comparison)
    for expected in (
        "python train.py '{seed}'",
        "before: main (revision abc)",
        "<return> (runs/), higher is better; from step 10 to 20",
        "did not finish          0   ",
        "3 [2.5, 3.5]",
        "19, reached by 1 of 2",
        "-, reached by 1 of 2",
        "seconds a run           1.5",
        "note: after: 1 of 2 runs crashed",
        "INCONCLUSIVE: no difference shown: <return> -0.25",
    ):
        assert expected in text
    assert "\x1b" not in text
    assert "\x1b[" in render(comparison, colour=True)


def test_what_came_to_nothing(no_comparison):
    text = render(no_comparison)
    assert "ERROR: the command hangs" in text
    assert "mean over" not in text


def test_points_run_from_end_to_end(comparison):
    assert points(comparison)[0][0] == "10"
    assert points(comparison)[-1] == ("20", "3", "3")
    assert number(None) == "-"
