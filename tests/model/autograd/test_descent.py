"""Descent against closed forms, and the limit of its learning rate."""

from __future__ import annotations

import math

import pytest

from model.autograd.descent import (
    METHODS,
    BadDescent,
    Fate,
    NothingToTrain,
    degree,
    descend,
    stability,
)
from model.autograd.parsing import parse

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


QUADRATICS = ("x - x", "x*y", "x**2 + y", "x**2 + 10*y**2", "(x + y)**2")
MORE_QUADRATICS = (
    *("x**2", "-x**2", "x", "x**2 - y**2", "(x + y)**2 - (x - y)**2", "(x + y)**2 + 3*x - 3*y"),
    *("(2*x + y - 4)**2", "x**2 - 5*y", "x**2 + y**2 - 3*x*y", "x**2/4 + y**2 + x*y + z"),
    *("2 - (x - 1)**2 + y**2", "(1 - x)**2 + (1 - y)**2"),
)
STARTS = ((1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (2.0, 0.0, 0.0), (0.0, 2.0, 0.0), (-3.0, 0.5, 1.0))


def distance(points: list[dict[str, float]], k: int, j: int) -> float:
    return math.dist(points[k].values(), points[j].values())


@pytest.mark.parametrize(
    "source",
    [*QUADRATICS, *(pytest.param(each, marks=pytest.mark.slow) for each in MORE_QUADRATICS)],
)
def test_descent_meets_its_fate(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a quadratic function plain descent does what `stability` says, from wherever it starts."""
    monkeypatch.setattr("model.autograd.descent.METHODS", {"plain": METHODS["plain"]})
    parsed = parse(source)
    names = list(parsed.variables)
    for start in STARTS:
        values = dict(zip(names, start, strict=False))
        found = stability(parsed, values, names)
        assert found.quadratic
        for rate in (0.001, 0.01, 0.05, 0.099, 0.101, 0.3, 0.49, 0.7, 0.99, 1.01, 3.0):
            points = descend(parsed, values, names, rate, 100)[0].points
            last, half = len(points) - 1, (len(points) - 1) // 2
            early, late = distance(points, 0, half), distance(points, half, last)
            limit = found.limit or math.inf
            if found.fate is Fate.LEVEL:
                assert distance(points, 0, last) == 0
            elif found.fate in (Fate.FALLS, Fate.SLIDES):
                # another direction may settle first, so only the last steps tell
                step = distance(points, last - 1, last)
                assert step > 0
                assert last < 100 or step >= 0.99 * distance(points, last - 2, last - 1)
            elif found.fate is Fate.BOWL and rate > 1.01 * limit:
                assert last < 100 or late > early
            elif found.fate is not Fate.RIDGE and rate < 0.99 * limit:
                assert last == 100
                assert late < early


@pytest.mark.parametrize(
    ("source", "start", "fate"),
    [
        ("x**2 - y**2", (1, 1), Fate.FALLS),
        ("x**2 - y**2", (1, 0), Fate.RIDGE),
        ("x**2 - y**2", (0, 0), Fate.LEVEL),
        ("x**2 + y", (1, 1), Fate.SLIDES),
        ("x*y", (1, 1), Fate.RIDGE),
        ("x*y", (1, 2), Fate.FALLS),
        ("x**2 - 1e-6*y**2", (1, 1), Fate.FALLS),
        ("x**2 + 1e-6*y", (1, 1), Fate.SLIDES),
        ("x**2 + 1e-6*y**2", (1, 1), Fate.BOWL),
        ("x**2 + 10*y**2", (1, 1), Fate.BOWL),
        ("x**2 + 10*y**2", (1, 0), Fate.BALANCED),
        ("(x + y)**2", (1, 1), Fate.BOWL),
        ("log(x) + y", (-1, 1), Fate.UNDEFINED),
        ("sqrt(x) + y", (0, 1), Fate.UNDEFINED),
    ],
)
def test_fates(source: str, start: tuple[float, float], fate: Fate) -> None:
    values = dict(zip("xy", map(float, start), strict=True))
    names = [n for n in "xy" if n in source]
    assert stability(parse(source), values, names).fate is fate


def test_quadratic_is_what_is_written_as_one() -> None:
    degrees = {"x": 1, "x**2": 2, "x*y*2": 2, "(x - y)**2/3": 2, "x**2*y": 3, "(x**2)**2": 4}
    degrees |= {"a*x + sin(a)": 1, "a**3*x**2/a": 2, "x**0": 0, "a": 0}
    for source, expected in degrees.items():
        assert degree(parse(source), ["x", "y"]) == expected
    for source in ("abs(x)", "relu(x)**2", "max(x, 1)", "1/x", "x**0.5", "2**x", "x**a", "x**-1"):
        assert degree(parse(source), ["x", "y"]) == math.inf


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
