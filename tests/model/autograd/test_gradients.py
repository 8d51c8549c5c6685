"""Autograd against closed forms."""

from __future__ import annotations

import math

import pytest

from model.autograd import errors
from model.autograd.gradients import differentiate, trace
from model.autograd.parsing import parse

SQUARED_ERROR = "(target - (w*x + b))**2"
POINT = {"w": 2, "b": 1, "x": 3, "target": 10}


def test_the_squared_error() -> None:
    result = differentiate(parse(SQUARED_ERROR), POINT)
    assert result.value == 9
    assert result.gradients == {"w": -18, "b": -6, "x": -12, "target": 6}
    assert result.hessian is None


def test_the_hessian_of_the_squared_error() -> None:
    hessian = differentiate(parse(SQUARED_ERROR), POINT, order=2).hessian
    # ∂²/∂w² = 2x², ∂²/∂w∂b = 2x, ∂²/∂b² = 2
    assert (hessian["w"]["w"], hessian["w"]["b"], hessian["b"]["b"]) == (18, 6, 2)
    assert all(hessian[a][b] == hessian[b][a] for a in POINT for b in POINT)


@pytest.mark.parametrize(
    ("source", "x", "slope"),
    [
        ("sin(x)", 0.7, math.cos(0.7)),
        ("cos(x)", 0.7, -math.sin(0.7)),
        ("tan(x)", 0.7, 1 / math.cos(0.7) ** 2),
        ("asin(x)", 0.7, 1 / math.sqrt(1 - 0.49)),
        ("acos(x)", 0.7, -1 / math.sqrt(1 - 0.49)),
        ("atan(x)", 0.7, 1 / 1.49),
        ("sinh(x)", 0.7, math.cosh(0.7)),
        ("cosh(x)", 0.7, math.sinh(0.7)),
        ("tanh(x)", 0.7, 1 - math.tanh(0.7) ** 2),
        ("exp(x)", 0.7, math.exp(0.7)),
        ("log(x)", 0.7, 1 / 0.7),
        ("log2(x)", 0.7, 1 / 0.7 / math.log(2)),
        ("log10(x)", 0.7, 1 / 0.7 / math.log(10)),
        ("sqrt(x)", 0.7, 0.5 / math.sqrt(0.7)),
        ("abs(x)", -0.7, -1),
        ("sigmoid(x)", 0.0, 0.25),
        ("relu(x)", -0.7, 0),
        ("leaky_relu(x)", -0.7, 0.01),
        ("softplus(x)", 0.0, 0.5),
        ("gelu(x)", 0.0, 0.5),
        ("erf(x)", 0.0, 2 / math.sqrt(math.pi)),
        ("min(x, 1)", 0.7, 1),
        ("max(x, 1)", 0.7, 0),
        ("x^3", 2.0, 12),
        ("2**x", 3.0, 8 * math.log(2)),
        ("x**x", 2.0, 4 * (math.log(2) + 1)),
        ("1/x", 2.0, -0.25),
        ("-x", 2.0, -1),
        ("5 - x", 2.0, -1),
        ("x - x", 2.0, 0),
        ("x", 2.0, 1),
    ],
)
def test_every_rule(source: str, x: float, slope: float) -> None:
    assert differentiate(parse(source), {"x": x}).gradients["x"] == pytest.approx(slope, rel=1e-14)


def test_a_constant_has_no_gradients() -> None:
    result = differentiate(parse("2*pi"), {"unused": 1}, order=2)
    assert (result.value, result.gradients, result.hessian) == (2 * math.pi, {}, {})


def test_kinks_and_infinities_are_torchs_own() -> None:
    assert differentiate(parse("relu(x)"), {"x": 0}).gradients == {"x": 0}
    assert differentiate(parse("max(x, y)"), {"x": 1, "y": 1}).gradients == {"x": 0.5, "y": 0.5}
    assert differentiate(parse("sqrt(x)"), {"x": 0}).gradients == {"x": math.inf}
    assert differentiate(parse("log(x)"), {"x": 0}).value == -math.inf
    assert math.isnan(differentiate(parse("log(x)"), {"x": -1}).value)


def test_values_that_are_no_numbers_are_refused() -> None:
    product = parse("x*y")
    with pytest.raises(errors.ValueMissing, match="y"):
        differentiate(product, {"x": 1})
    for bad in ("many", math.nan, math.inf, True, [1], 1e101, 10**400):
        with pytest.raises(errors.BadValue, match="y"):
            differentiate(product, {"x": 1, "y": bad})
    with pytest.raises(errors.BadOrder):
        differentiate(product, {"x": 1, "y": 1}, order=3)


def test_the_trace_shows_the_chain_rule() -> None:
    expression = parse("x*x + x")
    seen = trace(expression, {"x": 3})
    assert seen.values == [3, 9, 12]
    assert seen.gradients == [7, 1, 1]  # x collects 3 + 3 from the product and 1 from the sum
    assert seen.local == [(), (3, 3), (1, 1)]
    assert seen.grad_fn == ["AccumulateGrad", "MulBackward0", "AddBackward0"]


def test_every_gradient_is_the_sum_over_its_uses() -> None:
    expression = parse("-log(exp(a)/(exp(a) + exp(b))) + sigmoid(a*b)**2")
    seen = trace(expression, {"a": 0.3, "b": -1.2})
    collected = [0.0] * len(expression.nodes)
    collected[-1] = 1.0
    for i in reversed(range(len(expression.nodes))):
        for k, local in zip(expression.nodes[i].inputs, seen.local[i], strict=True):
            if local is not None:
                collected[k] += collected[i] * local
    for gradient, expected in zip(seen.gradients, collected, strict=True):
        assert gradient is None or gradient == pytest.approx(expected, rel=1e-12)
