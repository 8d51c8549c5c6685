"""Drawings: the right curve in the right place, and well-formed at every edge case."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from model.autograd.descent import descend
from model.autograd.gradients import differentiate
from model.autograd.parsing import parse
from tabs.autograd.charts import contours, curve, losses

POINT = {"w": 2.0, "b": 1.0, "x": 3.0, "target": 10.0}
LINE = parse("(target - (w*x + b))**2")


def shapes(picture: str, kind: str) -> list[ET.Element]:
    return [e for e in ET.fromstring(picture).iter() if e.get("class") == kind]


def corners(path: ET.Element) -> list[tuple[float, float]]:
    numbers = list(map(float, re.findall(r"-?\d+\.\d+|-?\d+", path.get("d"))))
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def test_the_tangent_touches_the_curve_at_the_point() -> None:
    slope = differentiate(LINE, POINT).gradients["w"]
    picture = curve(LINE, POINT, "w", slope, "words")
    (dot,) = shapes(picture, "point")
    x, y = float(dot.get("cx")), float(dot.get("cy"))
    near = min(corners(shapes(picture, "curve")[0]), key=lambda p: abs(p[0] - x))
    assert near == pytest.approx((x, y), abs=1.5)
    (ax, ay), (bx, by) = corners(shapes(picture, "tangent")[0])
    assert ay + (by - ay) * (x - ax) / (bx - ax) == pytest.approx(y, abs=0.5)
    assert by > ay  # −18: downhill, and pixels count downwards


def test_the_gradient_arrow_points_uphill_at_a_right_angle_to_the_level_lines() -> None:
    slopes = differentiate(LINE, POINT).gradients
    picture = contours(LINE, POINT, ("w", "b"), slopes, "words")
    (ax, ay), (bx, by) = corners(shapes(picture, "uphill")[0])
    assert (by - ay) / (bx - ax) == pytest.approx(-slopes["b"] / slopes["w"], abs=0.02)
    line = corners(max(shapes(picture, "contour"), key=lambda e: len(e.get("d"))))
    (cx, cy), (dx, dy) = line[0], line[-1]
    along = math.hypot(dx - cx, dy - cy) * math.hypot(bx - ax, by - ay)
    assert abs((dx - cx) * (bx - ax) + (dy - cy) * (by - ay)) / along < 0.02


def test_each_method_has_its_path_and_its_losses() -> None:
    paths = descend(LINE, POINT, ["w", "b"], 0.02, 20)
    slopes = differentiate(LINE, POINT).gradients
    over, after = (
        contours(LINE, POINT, ("w", "b"), slopes, "words", paths),
        losses(paths, ("step", "L"), "words"),
    )
    for method in ("plain", "momentum", "adam"):
        assert len(shapes(over, f"path {method}")) == 1
        assert len(corners(shapes(after, f"path {method}")[0])) == 21


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("1/x", {"x": 0.0}),
        ("log(x)", {"x": -3.0}),
        ("0*x + 2", {"x": 1.0}),
        ("exp(x)**9", {"x": 90.0}),
        ("x**2", {"x": 1e99}),
        ("tan(x)", {"x": 1.5}),
    ],
)
def test_poles_holes_and_huge_values_are_drawn_too(source: str, values: dict) -> None:
    parsed = parse(source)
    slope = differentiate(parsed, values).gradients["x"]
    assert "nan" not in ET.tostring(ET.fromstring(curve(parsed, values, "x", slope, "")), "unicode")
    flat = parse(f"{source} + 0*y")
    picture = contours(flat, {**values, "y": 1.0}, ("x", "y"), {"x": slope, "y": 0.0}, "")
    assert "nan" not in ET.tostring(ET.fromstring(picture), "unicode")


@pytest.mark.parametrize("source", ["1e30*x + 0*y", "x**2 + 1e40*y**2", "x + y"])
def test_losses_of_any_size_are_drawn(source: str) -> None:
    for start in (1e20, 1.0, 0.0):
        paths = descend(parse(source), {"x": start, "y": start}, ["x", "y"], 0.1, 5)
        assert "nan" not in ET.tostring(
            ET.fromstring(losses(paths, ("step", "L"), "words")), "unicode"
        )


@pytest.mark.parametrize("source", ["sin(1000*x*y)", "tan(100*x*y)*sin(50*x)", "sin(1e6*x - y)"])
def test_a_wild_function_is_drawn_with_fewer_level_lines(source: str) -> None:
    values = {"x": 0.3, "y": 0.35}
    slopes = differentiate(parse(source), values).gradients
    picture = contours(parse(source), values, ("x", "y"), slopes, "")
    assert len(picture) < 500_000
    assert shapes(picture, "contour")


def test_a_diverging_loss_is_drawn_on_a_logarithmic_scale() -> None:
    paths = descend(LINE, POINT, ["w", "b"], 0.2, 30)
    picture = losses(paths, ("step", "L"), "words")
    heights = [y for _, y in corners(shapes(picture, "path plain")[0])]
    steps = [a - b for a, b in pairwise(heights)]
    assert max(steps) - min(steps) < 0.3  # a straight line: the loss grows by the same factor
