"""The table of operations: every row complete, every evaluator of the same opinion."""

from __future__ import annotations

import math
import string
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
import torch

from model.autograd import gradients, high_precision, numeric, remarks, symbolic
from model.autograd.graph import draw
from model.autograd.latex import latex
from model.autograd.operations import OPERATIONS, Operation
from model.autograd.parsing import parse
from model.autograd.snippet import snippet

POINTS = np.array([-40.0, -1.5, -1.0, -0.3, 0.0, 1e-9, 0.4, 1.0, 2.5, 19.0])
INSIDE = (0.3, 0.7)  # defined and smooth for every operation

every_operation = pytest.mark.parametrize("row", OPERATIONS.values(), ids=OPERATIONS)


def written(row: Operation) -> str:
    if not row.sign:
        return f"{row.name}({', '.join('xy'[: row.arity])})"
    return f"x {row.sign} y" if row.arity == 2 else f"{row.sign}x"


@every_operation
def test_each_row_is_complete_and_read_by_all_who_write(row: Operation) -> None:
    values = dict(zip("xy"[: row.arity], INSIDE, strict=False))
    parsed = parse(written(row))
    assert parsed.nodes[-1].operation == row.name
    for rule in row.rules:
        assert {name for _, name, _, _ in string.Formatter().parse(rule) if name} <= set("aby")
    assert all(name in latex(parsed) for name in parsed.variables)
    assert (f" {row.sign}" if row.sign else f"{row.torch}(") in snippet(parsed, values)
    steps = draw(parsed, gradients.trace(parsed, values)).steps
    assert len(steps[-1].lines) == 2 * row.arity
    assert row.outside in remarks.OUTSIDE


@every_operation
def test_numpy_and_torch_compute_the_same(row: Operation) -> None:
    inputs = (POINTS, POINTS[::-1].copy())[: row.arity]
    with np.errstate(all="ignore"):
        ours = numeric.APPLY[row.name](*inputs)
    torchs = gradients.APPLY[row.name](*map(torch.from_numpy, inputs)).numpy()
    assert ours == pytest.approx(torchs, rel=1e-12, abs=1e-15, nan_ok=True)


@every_operation
def test_symbolic_values_and_slopes_are_torchs(row: Operation) -> None:
    parsed = parse(written(row))
    for point in (INSIDE, INSIDE[::-1], (0.5, -2.0)):
        values = dict(zip(parsed.variables, point, strict=False))
        found = symbolic.differentiate(parsed)
        torchs = gradients.differentiate(parsed, values)
        at = {found.symbols[name]: value for name, value in values.items()}
        exact = high_precision.evaluate([found.function, *found.slopes.values()], at)
        assert [torchs.value, *torchs.gradients.values()] == pytest.approx(exact, rel=1e-14)


@every_operation
def test_the_rule_in_words_is_the_derivative(row: Operation) -> None:
    """Read as Python, the rule gives what torch gives."""
    words = {"−": "-", "·": "*", "Φ": "Phi", "φ": "phi", "|x|": "abs(x)"}
    names = {
        **{name: getattr(math, name) for name in ("sin", "cos", "sinh", "cosh", "exp", "log")},
        **{"sqrt": math.sqrt, "pi": math.pi, "sigmoid": lambda t: 1 / (1 + math.exp(-t))},
        "Phi": lambda t: (1 + math.erf(t / math.sqrt(2))) / 2,
        "phi": lambda t: math.exp(-(t**2) / 2) / math.sqrt(2 * math.pi),
    }
    parsed = parse(written(row))
    for point in (INSIDE, INSIDE[::-1]):
        values = dict(zip("xy", point, strict=True))
        seen = gradients.trace(parsed, values)
        for rule, slope in zip(row.rules, seen.local[-1], strict=True):
            text = rule.format(a="x", b="y", y="value")
            for word, python in words.items():
                text = text.replace(word, python)
            text = f"float({text[1:-1]})" if text.startswith("[") else text
            given = eval(text, {**names, **values, "value": seen.values[-1]})
            assert given == pytest.approx(slope, rel=1e-12)


@every_operation
def test_the_domain_is_where_numpy_has_values(row: Operation) -> None:
    low, high = row.domain
    inside = np.linspace(max(low, -3), min(high, 3), 31)[1:-1]
    outside = [x for x in (low - 0.1, high + 0.1) if math.isfinite(x)]
    with np.errstate(all="ignore"):
        if row.arity == 1:
            assert np.isfinite(numeric.APPLY[row.name](inside)).all()
            assert np.isnan(numeric.APPLY[row.name](np.array(outside))).all()


@every_operation
def test_a_kink_has_the_slopes_that_it_says(row: Operation) -> None:
    if row.kink:
        parsed = parse(written(row))
        at = [gradients.differentiate(parsed, {"x": x}).gradients["x"] for x in (-1e-9, 1e-9, 0)]
        assert at == list(row.kink)


def test_sympy_writes_its_own_functions_as_the_formula_does() -> None:
    x = sp.Symbol("x", real=True)
    for name in symbolic.SLOPES:
        if OPERATIONS[name].arity == 1:
            assert sp.latex(symbolic.OWN[name](x)) == latex(parse(f"{name}(x)"))


@pytest.mark.parametrize("name", [r"\arcsin", r"\operatorname{arsinh}", r"\operatorname{b}"])
def test_the_name_of_a_function_is_no_form(name: str) -> None:
    assert not replace(OPERATIONS["sin"], latex=name).has_form
    assert OPERATIONS["neg"].has_form
    assert OPERATIONS["exp"].has_form
