"""SymPy's side: exact derivatives, their LaTeX, simplification within its time."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import pytest
import sympy as sp

from model.parsing import parse
from model.symbolic import Symbolic, differentiate, evaluate, hessian, simplify

EXAMPLES = json.loads((Path(__file__).parents[2] / "examples" / "expressions.json").read_text())


def symbolic(source: str) -> Symbolic:
    found = differentiate(parse(source))
    assert found is not None
    return found


def slope(source: str, x: float) -> float:
    found = symbolic(source)
    return evaluate([found.derivatives["x"]], {found.symbols["x"]: x})[0]


def test_derivatives_are_exact_expressions() -> None:
    found = symbolic("0.1*x**3 + y*x")
    x, y = found.symbols.values()
    assert found.derivatives == {"x": sp.Rational(3, 10) * x**2 + y, "y": x}


def test_the_rules_read_as_in_a_textbook() -> None:
    found = symbolic("sigmoid(x) + relu(x) + abs(x) + max(x, y)")
    text = found.latex(found.derivatives["x"])
    for part in (r"\sigma\left(x\right)", r"\left[x > 0\right]", r"\operatorname{sgn}"):
        assert part in text
    assert r"\left[x > y\right]" in text


def test_names_are_written_as_in_the_given_formula() -> None:
    found = symbolic("α*w1*target")
    assert found.latex(found.function) == r"\mathit{target} w_{1} \alpha"


@pytest.mark.parametrize(
    ("source", "x", "expected"),
    [
        ("x**x", 2.0, 4 * (math.log(2) + 1)),
        ("gelu(x)", 0.0, 0.5),
        ("softplus(x)", 50.0, 1.0),
        ("sqrt(x**2)", -3.0, -1.0),
        ("(x + 1e15)**2 - x**2 - 2e15*x", 0.123, 0.0),  # 40 digits see through the cancellation
        ("log(exp(x))", 1000.0, 1.0),
        ("leaky_relu(x)", -3.0, 0.01),
        ("min(x, 2)", 3.0, 0.0),
    ],
)
def test_values_are_rounded_from_forty_digits(source: str, x: float, expected: float) -> None:
    assert slope(source, x) == pytest.approx(expected, rel=1e-15, abs=1e-22)


@pytest.mark.parametrize(
    ("source", "x"),
    [("abs(x)", 0.0), ("relu(x)", 0.0), ("log(x)", 0.0), ("sqrt(x)", 0.0), ("sqrt(x)", -1.0)],
)
def test_where_there_is_no_slope_there_is_nan(source: str, x: float) -> None:
    assert math.isnan(slope(source, x))


def test_simplification_keeps_the_value() -> None:
    for example in EXAMPLES:
        found = symbolic(example["expression"])
        at = {found.symbols[name]: value + 0.17 for name, value in example["values"].items()}
        functions = [found.function, *found.derivatives.values()]
        assert evaluate(simplify(functions), at) == pytest.approx(evaluate(functions, at))


def test_simplification_simplifies_and_stops_in_time() -> None:
    found = symbolic("sin(x)**2 + cos(x)**2")
    assert simplify([found.function], milliseconds=2000) == [1]
    hard = symbolic("*".join(f"(tanh({c}*x + {c}) + exp(sin({c})))" for c in "abcdefgh"))
    simplify([found.function])  # SymPy's own imports are not counted
    start = time.perf_counter()
    simplify([hard.function, *hard.derivatives.values()], milliseconds=20)
    assert time.perf_counter() - start < 5  # minutes without the limit


def test_the_hessian_of_the_squared_error() -> None:
    found = symbolic("(target - (w*x + b))**2")
    second = hessian(found)
    assert second is not None
    assert second["w"]["w"] == 2 * found.symbols["x"] ** 2
    assert second["b"]["b"] == second["target"]["target"] == 2
