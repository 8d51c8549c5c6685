"""Difference quotients: near the derivative, and honest about how near."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from model.autograd.differences import differences
from model.autograd.gradients import differentiate
from model.autograd.parsing import parse

EXAMPLES = json.loads((Path(__file__).parents[3] / "examples" / "expressions.json").read_text())


@pytest.mark.parametrize(
    ("source", "x", "slope"),
    [
        ("sin(x)", 1.0, math.cos(1.0)),
        ("exp(x)", 300.0, math.exp(300.0)),
        ("log(x)", 1e-8, 1e8),
        ("1/x", 1e-3, -1e6),
        ("sin(x)", 1e6, math.cos(1e6)),
        ("(x + 1)**2", 1e-8, 2 * (1 + 1e-8)),
        ("sin(1/x)", 0.01, -math.cos(100) * 1e4),
        ("x**2", -1e50, -2e50),
        ("3", 0.0, None),
    ],
)
def test_the_estimated_error_covers_the_true_one(
    source: str, x: float, slope: float | None
) -> None:
    found = differences(parse(source), {"x": x})
    if slope is None:
        assert found == {}
        return
    assert found["x"].slope == pytest.approx(slope, rel=1e-6)
    assert abs(found["x"].slope - slope) <= 10 * found["x"].error


def test_examples_to_nine_digits() -> None:
    for example in EXAMPLES:
        if example["id"] == "kink":
            continue
        parsed = parse(example["expression"])
        exact = differentiate(parsed, example["values"]).gradients
        for name, found in differences(parsed, example["values"]).items():
            assert found.slope == pytest.approx(exact[name], rel=1e-9, abs=1e-12)


def test_no_values_on_one_side_give_no_slope() -> None:
    at_edge = differences(parse("sqrt(x)"), {"x": 0.0})["x"]
    assert math.isnan(at_edge.slope)
    assert math.isnan(at_edge.error)
