"""SymPy's side: exact derivatives, their values and LaTeX, simplification, and their limits."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import sympy as sp

from model.autograd.gradients import differentiate as by_autograd
from model.autograd.high_precision import evaluate, second_derivatives
from model.autograd.parsing import parse
from model.autograd.symbolic import (
    MOST_LATEX,
    Derivatives,
    differentiate,
    latex,
    simplify,
    sizes,
    written,
)

EXAMPLES = json.loads((Path(__file__).parents[3] / "examples" / "expressions.json").read_text())


def symbolic(source: str) -> Derivatives:
    return differentiate(parse(source))


def slope(source: str, x: float) -> float:
    found = symbolic(source)
    return evaluate([found.slopes["x"]], {found.symbols["x"]: x})[0]


def test_derivatives_are_exact_expressions() -> None:
    found = symbolic("0.1*x**3 + y*x")
    x, y = found.symbols.values()
    assert found.slopes == {"x": sp.Rational(3, 10) * x**2 + y, "y": x}


def test_the_rules_read_as_in_a_textbook() -> None:
    found = symbolic("sigmoid(x) + relu(x) + abs(x) + max(x, y)")
    (text,) = latex(found, [found.slopes["x"]])
    for part in (r"\sigma\left(x\right)", r"\left[x > 0\right]", r"\operatorname{sgn}"):
        assert part in text
    assert r"\left[x > y\right]" in text


def test_names_are_written_as_in_the_given_formula() -> None:
    found = symbolic("α*w1*target")
    assert latex(found, [found.function]) == [r"\mathit{target} w_{1} \alpha"]


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
        functions = [found.function, *found.slopes.values()]
        assert evaluate(simplify(functions), at) == pytest.approx(evaluate(functions, at))


def test_simplification_simplifies_and_leaves_alone_what_would_take_minutes() -> None:
    found = symbolic("sin(x)**2 + cos(x)**2")
    assert simplify([found.function]) == [1]
    hard = symbolic("*".join(f"(tanh({c}*x + {c}) + exp(sin({c})))" for c in "abcdefgh"))
    assert simplify([hard.function]) == [sp.factor_terms(hard.function)]


@pytest.mark.parametrize("source", ["2*x + y", "x*exp(y*x)/(1 + x)", "max(x, y, gelu(x*y))"])
def test_what_is_written_is_sympys_own_latex_and_counted_right(source: str) -> None:
    found = symbolic(source)
    names = {symbol: name for name, symbol in found.symbols.items()}
    slopes = list(found.slopes.values())
    assert list(written(found).values()) == [sp.latex(s, symbol_names=names) for s in slopes]
    assert sizes(slopes) == [sum(1 for _ in sp.preorder_traversal(s)) for s in slopes]


LONGEST = [
    f"max({','.join('abcdfghxyzuv'[i % 12] for i in range(100))})",
    "*".join(f"max({v},{v}*{v})" for v in "abcdfghxyzuv"),
    "x**(y+" * 13 + "y" + ")" * 13,
    "gelu(x+" * 19 + "y" + ")" * 19,
    "gelu(" * 39 + "x" + ")" * 39,
    "(" * 39 + "x" + "**y)" * 39,
    "leaky_relu(" * 24 + "x" + ")" * 24,
]


@pytest.mark.parametrize("source", LONGEST)
def test_no_expression_is_answered_by_megabytes(source: str) -> None:
    found = symbolic(source)
    texts = written(found)
    if texts is None:
        # SymPy itself would write what we refuse to: a tree of this size, a character each
        assert sum(sizes(list(found.slopes.values()))) > 9_000
    else:
        assert sum(map(len, texts.values())) <= MOST_LATEX


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("(target - (w*x + b))**2", {"target": 10, "w": 2, "x": 3, "b": 1}),
        ("x**y*sin(z*x) + gelu(y)/softplus(x)", {"x": 1.3, "y": -0.7, "z": 2}),
        ("erf(" * 12 + "x" + ")" * 12, {"x": 0.5}),
        ("1e30*x**2 + 1e-30*y**2", {"x": 1e20, "y": -1e-20}),
        ("sigmoid(x)", {"x": 1e-300}),
    ],
)
def test_second_derivatives_are_right_to_the_last_digits(source: str, values: dict) -> None:
    found = symbolic(source)
    second = second_derivatives(found.slopes, found.symbols, values)
    hessian = by_autograd(parse(source), values, order=2).hessian
    for a, row in hessian.items():
        assert second[a] == pytest.approx(row, rel=1e-9, abs=1e-30)
    # where SymPy's own second derivative is short enough to be worked out
    own = evaluate(
        [sp.diff(found.slopes[a], found.symbols[b]) for a in hessian for b in hessian],
        {found.symbols[name]: value for name, value in values.items()},
    )
    assert [second[a][b] for a in hessian for b in hessian] == pytest.approx(own, rel=1e-15)


def test_where_there_is_no_second_derivative_there_is_nan() -> None:
    found = symbolic("sqrt(x)")
    second = second_derivatives(found.slopes, found.symbols, {"x": -1.0})
    assert math.isnan(second["x"]["x"])
