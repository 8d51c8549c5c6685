"""SymPy expressions at a point, worked out with 40 digits and rounded to float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import mpmath
import sympy as sp

from model.autograd.operations import LEAKY_SLOPE, OPERATIONS

DIGITS = 40
FINE_DIGITS = 120  # for quotients with steps of 10**-STEP_DIGITS: what is lost leaves 40
STEP_DIGITS = 40
LARGEST_BITS = 4096  # intermediate values reach 2**4096, or 1e1233, where float64 ends at 1e308


class Undefined(ArithmeticError):
    """No real value: a domain error, a division by zero, a kink."""


def evaluate(expressions: Sequence[sp.Expr], values: Mapping[sp.Symbol, float]) -> list[float]:
    """Each expression at `values`, rounded to float64; nan where it has no real value."""
    return [float(value) for value in _values(expressions, values, _context(DIGITS))]


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
            rows[name][column] = float((up - down) / (2 * step))
    return rows


def _context(digits: int) -> mpmath.MPContext:
    context = mpmath.mp.clone()
    context.dps = digits
    return context


def _values(
    expressions: Sequence[sp.Expr], values: Mapping[sp.Symbol, object], context: mpmath.MPContext
) -> list[mpmath.mpf]:
    """nan where there is no real value. Sub-expressions in common are worked out once."""
    known: dict[sp.Expr, mpmath.mpf] = {s: context.mpf(value) for s, value in values.items()}
    results = []
    for expression in expressions:
        try:
            results.append(_evaluate(expression, known, context))
        except (Undefined, ZeroDivisionError, ValueError, OverflowError):
            results.append(context.nan)
    return results


def _evaluate(expression: sp.Expr, known: dict, context: mpmath.MPContext) -> mpmath.mpf:
    if expression in known:
        return known[expression]
    name = expression.func.__name__
    if expression.is_Rational:
        result = context.mpf(expression.p) / expression.q
    elif expression in (sp.pi, sp.E):
        result = +context.pi if expression == sp.pi else +context.e
    elif name in OWN or name in MPMATH:
        inputs = [_evaluate(arg, known, context) for arg in expression.args]
        result = OWN[name](context, *inputs) if name in OWN else getattr(context, name)(*inputs)
    else:
        raise Undefined  # oo, zoo and nan, and I, where SymPy left the real numbers
    if not isinstance(result, context.mpf) or not context.isfinite(result):
        raise Undefined  # complex, or infinite
    if context.mag(result) > LARGEST_BITS:
        raise Undefined  # exp(exp(x)) and the like would soon take all memory
    known[expression] = result
    return result


def _unless_zero(x: mpmath.mpf, result: mpmath.mpf) -> mpmath.mpf:
    if x == 0:
        raise Undefined
    return result


# SymPy's functions and `symbolic`'s own, by name. SymPy makes |x| of sqrt(x**2).
OWN: Mapping[str, Callable[..., mpmath.mpf]] = {
    "Add": lambda context, *terms: context.fsum(terms),
    "Mul": lambda context, *factors: context.fprod(factors),
    "Pow": lambda context, base, exponent: base**exponent,
    **dict.fromkeys(("Abs", "absolute"), lambda context, x: abs(x)),
    "sign": lambda context, x: _unless_zero(x, context.sign(x)),
    "DiracDelta": lambda context, x, *order: _unless_zero(x, context.mpf(0)),
    "greater": lambda context, a, b: _unless_zero(a - b, context.mpf(a > b)),
    "relu": lambda context, x: max(x, context.mpf(0)),
    "leaky_relu": lambda context, x: x if x > 0 else x / round(1 / LEAKY_SLOPE),
    "sigmoid": lambda context, x: 1 / (1 + context.exp(-x)),
    "softplus": lambda context, x: context.log(1 + context.exp(x)),
    "gelu": lambda context, x: x * context.ncdf(x),
    "larger": lambda context, a, b: max(a, b),
    "smaller": lambda context, a, b: min(a, b),
}
MPMATH = {row.sympy for row in OPERATIONS.values() if not row.sign} - OWN.keys()  # the same names
