"""Elements that cannot be broken open, and a frame in which everything is where it says."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import pytest

from tabs.numbers import number, signed
from tabs.svg import Frame, arrow_head, tag, ticks

NASTY = """<b>"x" & 'y'</b>"""


def test_numbers_are_short_and_have_a_real_minus() -> None:
    assert [number(v) for v in (3.0, -0.5, 1e-7, 123456789.0)] == [
        "3",
        "−0.5",
        "1e−07",
        "1.23457e+08",
    ]
    assert number(-2 / 3, 3) == "−0.667"
    assert [number(v) for v in (math.inf, -math.inf, math.nan)] == ["inf", "−inf", "nan"]
    assert number(math.nan, missing="—") == "—"
    assert [signed(v) for v in (1, -1, 0, math.inf)] == ["+1.00", "−1.00", "0.00", "+inf"]
    assert signed(-2 / 3, 3) == "−0.667"


def test_attributes_and_text_are_escaped() -> None:
    element = ET.fromstring(tag("text", title=NASTY, text=NASTY, class_=NASTY, aria_label=NASTY))
    assert (element.get("class"), element.get("aria-label")) == (NASTY, NASTY)
    assert element.find("title").text == NASTY
    assert "".join(element.itertext()) == 2 * NASTY


def test_ticks_are_round_and_inside() -> None:
    assert ticks(0, 1) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert ticks(-7, 23) == [-5, 0, 5, 10, 15, 20]
    assert ticks(1, 1) == ticks(0, math.inf) == ticks(math.nan, 1) == []


def test_a_line_is_broken_where_there_is_no_value_and_huge_values_stay_numbers() -> None:
    frame = Frame((0, 4), (0, 1), width=104, height=120, left=2, right=2, top=10, bottom=10)
    line = ET.fromstring(frame.line(range(5), [0, 1, math.nan, math.inf, -1e300], "curve"))
    assert line.get("d") == "M2.0 110.0L27.0 10.0M102.0 9999.0"
    assert frame.line([1], [math.nan], "curve") == ""


def test_the_ticks_that_are_given_are_those_drawn() -> None:
    frame = Frame((1, 200), (-1, 1))
    picture = ET.fromstring(
        frame.svg("", (NASTY, "error"), NASTY, {1: "1", 200: "last"}, {0: "1", 1: "10"})
    )
    assert [e.text for e in picture.iter("text")] == ["1", "last", "1", "10", NASTY, "error"]
    grid = [e.get("d") for e in picture.iter("path")]
    assert grid == ["M58.0 12V276", "M428.0 12V276", "M58 144.0H428", "M58 12.0H428"]
    assert picture.get("aria-label") == NASTY


def test_an_arrow_points_where_it_goes() -> None:
    points = ET.fromstring(arrow_head((10, 5), (3, 0), 6, 8, "edge")).get("points")
    assert points == "10.0,5.0 4.0,9.0 4.0,1.0"
