from __future__ import annotations

import math
from xml.etree import ElementTree as ET

import pytest

from per_audit.report.pictures import legend, standalone, svg
from per_audit.verify.results import Picture, Series

POINTS = ((0.1, 0.01), (0.5, 0.02), (0.9, 0.03))


def picture(*series, log=False):
    return Picture("A <title>", "x & y", "share", series, log)


def elements(text, name):
    return list(ET.fromstring(text).iter(f"{{http://www.w3.org/2000/svg}}{name}"))


@pytest.mark.parametrize("log", [False, True])
def test_points_lie_inside_and_in_order(log):
    text = svg(picture(Series("drawn", POINTS, "dots", True), Series("expected", POINTS, "line", False), log=log))
    dots = [(float(dot.get("cx")), float(dot.get("cy"))) for dot in elements(text, "circle")]
    assert len(dots) == 3
    assert all(0 < x < 480 and 0 < y < 300 for x, y in dots)
    # To the right with x, and up with y.
    assert [x for x, _ in dots] == sorted(x for x, _ in dots)
    assert [y for _, y in dots] == sorted((y for _, y in dots), reverse=True)
    assert len(elements(text, "polyline")[0].get("points").split()) == 3


def test_bars_stand_on_the_axis():
    text = svg(picture(Series("drawn", ((1.0, 10.0), (2.0, 0.0)), "bars", True)))
    first, second = elements(text, "rect")
    assert float(first.get("y")) + float(first.get("height")) == pytest.approx(float(second.get("y")), abs=0.11)
    assert float(second.get("height")) == 0.0


def test_ticks_are_round_numbers_inside():
    text = svg(picture(Series("drawn", POINTS, "dots", True)))
    labels = [float(tick.text) for tick in elements(text, "text") if tick.get("class") == "tick"]
    assert {0.2, 0.4, 0.6, 0.8} < set(labels)


def test_what_cannot_be_drawn_is_left_out():
    odd = Series("odd", ((math.nan, 1.0), (math.inf, 1.0), (0.5, -1.0)), "dots", True)
    assert svg(picture(odd, log=True)) == ""
    assert len(elements(svg(picture(odd, Series("drawn", POINTS, "dots", True), log=True)), "circle")) == 3


def test_one_point_and_equal_values_are_drawn():
    assert "circle" in svg(picture(Series("drawn", ((1.0, 1.0),), "dots", True)))
    assert "circle" in svg(picture(Series("drawn", ((1.0, 1.0), (2.0, 1.0)), "dots", True), log=True))


def test_names_are_escaped():
    series = Series("<b>\x1b", POINTS, "dots", True)
    assert "<title>A &lt;title&gt;</title>" in svg(picture(series))
    assert "&lt;b&gt;" in legend(picture(series))
    assert "\x1b" not in legend(picture(series))


def test_a_band_is_an_area_without_a_name_of_its_own():
    shown = picture(
        Series("", ((0.0, 1.0), (1.0, 2.0), (0.0, 0.5)), "band", True), Series("drawn", POINTS, "line", True)
    )
    assert len(elements(svg(shown), "polygon")[0].get("points").split()) == 3
    assert legend(shown).count("class=") == 1


def test_a_file_of_its_own_has_its_style_and_its_legend():
    shown = picture(Series("a < b", POINTS, "line", True), Series("c", POINTS, "line", False))
    text = standalone(shown)
    assert elements(text, "style")
    assert [name.text for name in elements(text, "text") if "fill" in name.get("class")] == ["a < b", "c"]
