"""Descent against closed forms, and the limit of its learning rate."""

from __future__ import annotations

import math

import pytest

from model.descent import BadDescent, NothingToTrain, descend, stability
from model.parsing import parse

LINE = parse("(target - (w*x + b))**2")
START = {"w": 2.0, "b": 1.0, "x": 3.0, "target": 10.0}


@pytest.mark.parametrize("x", [0.0, 1.0, 3.0, -5.0])
def test_the_limit_for_a_line_is_one_over_x_squared_plus_one(x: float) -> None:
    found = stability(LINE, {**START, "x": x}, ["w", "b"])
    assert found.limit == pytest.approx(1 / (x * x + 1), rel=1e-12)
    assert found.quadratic
    assert found.factor(found.limit) == pytest.approx(-1)


def test_plain_descent_multiplies_the_error_at_every_step() -> None:
    # With r = target − (w·x + b), a step changes w·x + b by 2·rate·r·(x² + 1).
    rate = 0.03
    plain = descend(LINE, START, ["w", "b"], rate, 10)[0]
    factor = 1 - 2 * rate * (3.0**2 + 1)
    expected = [(3 * factor**k) ** 2 for k in range(11)]
    assert plain.losses == pytest.approx(expected, rel=1e-9)
    assert [p["x"] for p in plain.points] == [3.0] * 11  # not trained


def test_it_converges_below_the_limit_and_diverges_past_it() -> None:
    below, past = (descend(LINE, START, ["w", "b"], rate, 100)[0] for rate in (0.095, 0.105))
    assert below.losses[-1] < 1e-8
    assert all(b > a for a, b in zip(past.losses, past.losses[1:], strict=False))
    far = descend(LINE, START, ["w", "b"], 5.0, 100)[0]
    assert far.diverged
    assert len(far.losses) < 20


def test_momentum_and_adam_take_their_own_first_steps() -> None:
    _, momentum, adam = descend(parse("x**2"), {"x": 1.0}, ["x"], 0.1, 2)
    # Heavy ball: v = 2, then 0.9·2 + 2·0.8.
    assert [p["x"] for p in momentum.points] == pytest.approx([1, 0.8, 0.8 - 0.1 * 3.4])
    # Adam's first step has the size of the learning rate whatever the gradient's.
    assert adam.points[1]["x"] == pytest.approx(0.9, abs=1e-6)


def test_the_limit_of_a_function_that_is_not_quadratic_is_local() -> None:
    found = stability(parse("x**4"), {"x": 1.0}, ["x"])
    assert (found.curvature, found.quadratic) == (pytest.approx(12), False)
    assert stability(parse("-x**2"), {"x": 1.0}, ["x"]).limit is None
    assert stability(parse("sqrt(x)"), {"x": 0.0}, ["x"]).limit is None


def test_a_descent_into_nan_ends() -> None:
    plain = descend(parse("log(x)"), {"x": 0.1}, ["x"], 1.0, 50)[0]
    assert plain.diverged
    assert math.isnan(plain.losses[-1])


def test_impossible_descents_are_refused() -> None:
    with pytest.raises(NothingToTrain):
        descend(LINE, START, [], 0.1, 10)
    with pytest.raises(NothingToTrain):
        stability(LINE, START, ["q"])
    for rate, steps in ((0.0, 10), (-1.0, 10), (math.nan, 10), (0.1, 0), (0.1, 101)):
        with pytest.raises(BadDescent):
            descend(LINE, START, ["w"], rate, steps)
