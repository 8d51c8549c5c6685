"""SymPy expressions at a point, worked out with 40 digits and rounded to float64."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import mpmath
import sympy as sp

from model.autograd.expression import LEAKY_SLOPE
from model.autograd.symbolic_functions import (
    absolute,
    gelu,
    greater,
    larger,
    leaky_relu,
    relu,
    sigmoid,
    sign,
    smaller,
    softplus,
)

DIGITS = 40
FINE_DIGITS = 120  # for quotients with steps of 10**-STEP_DIGITS: what is lost leaves 40
STEP_DIGITS = 40
LARGEST_BITS = 4096  # intermediate values reach 2**4096, or 1e1233, where float64 ends at 1e308


class Undefined(ArithmeticError):
    """No real value: a domain error, a division by zero, a kink."""


def evaluate(expressions: Sequence[sp.Expr], values: Mapping[sp.Symbol, float]) -> list[float]:
    """Each expression at `values`, rounded to float64; nan where it has no real value."""
    return [
        math.nan if value is None else float(value)
        for value in _values(expressions, values, _context(DIGITS))
    ]


def second_derivatives(
    slopes: Mapping[str, sp.Expr], symbols: Mapping[str, sp.Symbol], values: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    """∂²/∂row ∂column: quotients of differences of the exact first derivatives, with 120 digits,
    which is as good as differentiating those once more and far shorter. nan where there is none."""
    rows: dict[str, dict[str, float]] = {name: {} for name in slopes}
    context = _context(FINE_DIGITS)
    point = {symbols[name]: context.mpf(values[name]) for name in symbols}
    for column, symbol in symbols.items():
        step = max(context.mpf(1), abs(point[symbol])) * context.mpf(10) ** -STEP_DIGITS
        above, below = (
            _values(list(slopes.values()), {**point, symbol: point[symbol] + h}, context)
            for h in (step, -step)
        )
        for name, up, down in zip(slopes, above, below, strict=True):
            known = up is not None and down is not None
            rows[name][column] = float((up - down) / (2 * step)) if known else math.nan
    return rows


def _context(digits: int) -> mpmath.MPContext:
    context = mpmath.mp.clone()
    context.dps = digits
    return context


def _values(
    expressions: Sequence[sp.Expr], values: Mapping[sp.Symbol, object], context: mpmath.MPContext
) -> list[mpmath.mpf | None]:
    """None where there is no real value. Sub-expressions in common are worked out once."""
    known: dict[sp.Expr, mpmath.mpf] = {s: context.mpf(value) for s, value in values.items()}
    results: list[mpmath.mpf | None] = []
    for expression in expressions:
        try:
            results.append(_evaluate(expression, known, context))
        except (Undefined, ZeroDivisionError, ValueError, OverflowError):
            results.append(None)
    return results


def _evaluate(expression: sp.Expr, known: dict, context: mpmath.MPContext) -> mpmath.mpf:
    if expression in known:
        return known[expression]
    if expression.is_Rational:
        result = context.mpf(expression.p) / expression.q
    elif expression in (sp.pi, sp.E):
        result = +context.pi if expression == sp.pi else +context.e
    elif expression.is_Number or expression is sp.zoo:
        raise Undefined  # oo, zoo, nan
    else:
        if expression.func not in NUMERIC:
            raise Undefined  # such as I, where SymPy left the real numbers
        inputs = [_evaluate(arg, known, context) for arg in expression.args]
        result = NUMERIC[expression.func](context, *inputs)
    if not isinstance(result, context.mpf) or not context.isfinite(result):
        raise Undefined  # complex, or infinite
    if context.mag(result) > LARGEST_BITS:
        raise Undefined  # exp(exp(x)) and the like would soon take all memory
    known[expression] = result
    return result


def _compare(context: mpmath.MPContext, a: mpmath.mpf, b: mpmath.mpf) -> mpmath.mpf:
    if a == b:
        raise Undefined
    return context.mpf(a > b)


def _nothing(context: mpmath.MPContext, x: mpmath.mpf, *order: mpmath.mpf) -> mpmath.mpf:
    if x == 0:
        raise Undefined
    return context.mpf(0)


def _sign(context: mpmath.MPContext, x: mpmath.mpf) -> mpmath.mpf:
    if x == 0:
        raise Undefined
    return context.sign(x)


NUMERIC: Mapping[type[sp.Expr], Callable[..., mpmath.mpf]] = {
    sp.Add: lambda context, *terms: context.fsum(terms),
    sp.Mul: lambda context, *factors: context.fprod(factors),
    sp.Pow: lambda context, base, exponent: base**exponent,
    **{
        getattr(sp, name): lambda context, x, name=name: getattr(context, name)(x)
        for name in (
            *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh"),
            *("exp", "log", "erf"),
        )
    },
    **{sp.Abs: lambda context, x: abs(x), absolute: lambda context, x: abs(x)},
    **{sp.sign: _sign, sign: _sign, sp.DiracDelta: _nothing},  # SymPy makes |x| of sqrt(x**2)
    greater: _compare,
    relu: lambda context, x: max(x, context.mpf(0)),
    leaky_relu: lambda context, x: x if x > 0 else x / round(1 / LEAKY_SLOPE),
    sigmoid: lambda context, x: 1 / (1 + context.exp(-x)),
    softplus: lambda context, x: context.log(1 + context.exp(x)),
    gelu: lambda context, x: x * context.ncdf(x),
    larger: lambda context, a, b: max(a, b),
    smaller: lambda context, a, b: min(a, b),
}
