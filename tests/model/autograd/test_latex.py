"""LaTeX as typed: the structure stays, with the parentheses it needs."""

from __future__ import annotations

import pytest

from model.autograd.latex import latex, latex_name
from model.autograd.parsing import parse
from model.autograd.snippet import snippet


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("-x**2", "-{x}^{2}"),
        ("(-x)**2", r"{\left(-x\right)}^{2}"),
        ("(x + y)*z", r"\left(x + y\right) \cdot z"),
        ("x - (y - z)", r"x - \left(y - z\right)"),
        ("x - y - z", "x - y - z"),
        ("x + -y", r"x + \left(-y\right)"),
        ("-(x + y)", r"-\left(x + y\right)"),
        ("(x + 1)/(y*z)", r"\frac{x + 1}{y \cdot z}"),
        ("x**y**z", "{x}^{{y}^{z}}"),
        ("(x**y)**z", r"{\left({x}^{y}\right)}^{z}"),
        ("exp(-x)*sqrt(y)", r"e^{-x} \cdot \sqrt{y}"),
        ("abs(sin(x))", r"\left|\sin\left(x\right)\right|"),
        ("sigmoid(pi) + π", r"\sigma\left(\pi\right) + \pi"),
        ("max(x, 2.50)", r"\max\left(x, 2.50\right)"),
        ("1e-3*x", r"1 \cdot 10^{-3} \cdot x"),
        ("leaky_relu(x)", r"\operatorname{leaky\_relu}\left(x\right)"),
    ],
)
def test_expressions(source: str, expected: str) -> None:
    assert latex(parse(source)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x", "x"),
        ("w1", "w_{1}"),
        ("x_max", r"x_{max}"),
        ("σ2", r"\sigma_{2}"),
        ("target", r"\mathit{target}"),
        ("a_b_c", r"a_{b\_c}"),
    ],
)
def test_names(name: str, expected: str) -> None:
    assert latex_name(name) == expected


@pytest.mark.parametrize(
    "source",
    [
        "max(" + ",".join("abcdfghxyzuv"[i % 12] for i in range(100)) + ")",
        "max(" + ",".join("ε1ε2ε3"[i % 3 * 2 :][:2] for i in range(90)) + ")",
        "max(x," + ",".join(["1"] * 95) + ")",
        "(((x + x)*(x - x) + (x + x)*(x - x))*((x + x)*(x - x) + (x + x)*(x - x)))**2",
        "leaky_relu(" * 22 + "x" + ")" * 22,
        "(-" * 19 + "x" + "**2)" * 19,
        "εεεεεεεεεεεεεεεεεεε1*" * 12 + "2",
    ],
)
def test_what_is_written_of_an_expression_is_bounded_as_its_source_is(source: str) -> None:
    """Operations are shared, but never written more often than the source has them."""
    parsed = parse(source)
    assert len(latex(parsed)) <= 10_000
    assert len(snippet(parsed, dict.fromkeys(parsed.variables, 0.1))) <= 10_000
