"""Derivatives by the rules of calculus, with SymPy: exact expressions, which are then evaluated
with 40 digits. The SymPy expression is built from our own tree, never parsed from text.

Functions with a kink or a name of their own are SymPy functions here, so that their derivatives
read as in a textbook: σ'(x) = σ(x)(1 − σ(x)), relu'(x) = [x > 0].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import mpmath
import sympy as sp

from model.budget import OutOfTime, within
from model.expression import BINARY, LEAKY_SLOPE, Expression, Node
from model.formula import latex_name

DIGITS = 40
LARGEST_BITS = 4096  # intermediate values reach 2**4096, or 1e1233, where float64 ends at 1e308


class greater(sp.Function):
    """Iverson's bracket [a > b]: 1, or 0; undefined where a = b."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.Integer(0)

    def _latex(self, printer, exp=None) -> str:
        bracket = rf"\left[{printer._print(self.args[0])} > {printer._print(self.args[1])}\right]"
        return bracket if exp is None else f"{bracket}^{{{exp}}}"


class sign(sp.Function):
    """−1 or 1; undefined at 0."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.Integer(0)

    def _latex(self, printer, exp=None) -> str:
        return _named(printer, r"\operatorname{sgn}", self.args, exp)


class absolute(sp.Function):
    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sign(self.args[0])

    def _latex(self, printer, exp=None) -> str:
        bars = rf"\left|{printer._print(self.args[0])}\right|"
        return bars if exp is None else f"{bars}^{{{exp}}}"


class relu(sp.Function):
    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return greater(self.args[0], 0)

    def _latex(self, printer, exp=None) -> str:
        return _named(printer, r"\operatorname{relu}", self.args, exp)


class leaky_relu(sp.Function):
    def fdiff(self, argindex: int = 1) -> sp.Expr:
        x = self.args[0]
        return greater(x, 0) + sp.Rational(str(LEAKY_SLOPE)) * greater(0, x)

    def _latex(self, printer, exp=None) -> str:
        return _named(printer, r"\operatorname{leaky\_relu}", self.args, exp)


class sigmoid(sp.Function):
    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return self * (1 - self)

    def _latex(self, printer, exp=None) -> str:
        return _named(printer, r"\sigma", self.args, exp)


class softplus(sp.Function):
    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sigmoid(self.args[0])

    def _latex(self, printer, exp=None) -> str:
        return _named(printer, r"\operatorname{softplus}", self.args, exp)


class gelu(sp.Function):
    """x Φ(x), with Φ the standard normal distribution function."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        x = self.args[0]
        return (1 + sp.erf(x / sp.sqrt(2))) / 2 + x * sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi)

    def _latex(self, printer, exp=None) -> str:
        return _named(printer, r"\operatorname{gelu}", self.args, exp)


class larger(sp.Function):
    """max(a, b)."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        a, b = self.args
        return greater(a, b) if argindex == 1 else greater(b, a)

    def _latex(self, printer, exp=None) -> str:
        return _named(printer, r"\max", self.args, exp)


class smaller(sp.Function):
    """min(a, b)."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        a, b = self.args
        return greater(b, a) if argindex == 1 else greater(a, b)

    def _latex(self, printer, exp=None) -> str:
        return _named(printer, r"\min", self.args, exp)


def _named(printer, name: str, args: tuple, exp: str | None) -> str:
    power = "" if exp is None else f"^{{{exp}}}"
    inside = ", ".join(printer._print(arg) for arg in args)
    return rf"{name}{power}\left({inside}\right)"


OPERATIONS: Mapping[str, Callable[..., sp.Expr]] = {
    "neg": lambda a: -a,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda a, b: a**b,
    **{
        name: getattr(sp, name)
        for name in (
            *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh"),
            *("exp", "log", "sqrt", "erf"),
        )
    },
    "log2": lambda a: sp.log(a) / sp.log(2),
    "log10": lambda a: sp.log(a) / sp.log(10),
    **{"abs": absolute, "relu": relu, "leaky_relu": leaky_relu, "sigmoid": sigmoid},
    **{"softplus": softplus, "gelu": gelu, "min": smaller, "max": larger},
}


@dataclass(frozen=True)
class Symbolic:
    """`function` and `derivatives`, exact; `symbols` by name, in order of appearance."""

    function: sp.Expr
    derivatives: dict[str, sp.Expr]
    symbols: dict[str, sp.Symbol]

    def latex(self, expression: sp.Expr) -> str:
        """`expression` in LaTeX, its variables written as in the formula that was given."""
        names = {symbol: latex_name(name) for name, symbol in self.symbols.items()}
        return sp.latex(expression, symbol_names=names)


def differentiate(expression: Expression, milliseconds: float = 1000.0) -> Symbolic | None:
    """The function and its partial derivatives, or None when that takes too long."""
    symbols = {name: sp.Symbol(name, real=True) for name in expression.variables}

    def leaf(node: Node) -> sp.Expr:
        if node.operation == "variable":
            return symbols[node.name]
        exact = {"pi": sp.pi, "π": sp.pi, "e": sp.E}
        return exact[node.name] if node.name in exact else sp.Rational(node.name)

    def work() -> tuple[sp.Expr, dict[int, sp.Expr]]:
        forms = expression.fold(leaf, lambda n, args: OPERATIONS[n.operation](*args))
        return forms[-1], _chain_rule(expression, forms)

    try:
        function, slopes = within(milliseconds, work)
    except OutOfTime:
        return None
    derivatives = {name: slopes.get(expression.index_of(name), sp.Integer(0)) for name in symbols}
    return Symbolic(function, derivatives, symbols)


def _chain_rule(expression: Expression, forms: Sequence[sp.Expr]) -> dict[int, sp.Expr]:
    """∂result/∂ each node that a variable is in: one pass from the result back, which for twelve
    variables is several times faster than as many calls of `sp.diff`."""
    terms: dict[int, list[sp.Expr]] = {len(forms) - 1: [sp.Integer(1)]}
    slopes = {}
    for i in reversed(range(len(forms))):
        node = expression.nodes[i]
        if node.constant is not None:
            continue
        slopes[i] = sp.Add(*terms[i])
        if node.is_leaf:
            continue
        places, rules = _rules(node.operation)
        actual = dict(zip(places, [forms[k] for k in node.inputs], strict=True))
        for k, rule in zip(node.inputs, rules, strict=True):
            if expression.nodes[k].constant is None:
                terms.setdefault(k, []).append(slopes[i] * rule.xreplace(actual))
    return slopes


@cache
def _rules(operation: str) -> tuple[tuple[sp.Dummy, ...], tuple[sp.Expr, ...]]:
    """An operation's derivatives by each of its inputs, and the symbols standing for those."""
    places = tuple(sp.symbols("a b", cls=sp.Dummy, real=True)[: 2 if operation in BINARY else 1])
    if operation == "pow":  # SymPy's own a**b·b/a is 0/0 where a is 0
        a, b = places
        return places, (b * a ** (b - 1), a**b * sp.log(a))
    form = OPERATIONS[operation](*places)
    return places, tuple(sp.diff(form, place) for place in places)


@cache
def warm_up() -> None:
    """Let SymPy import the rest of itself, once and without a time limit: an import that is
    stopped half-way would be begun again at every call."""
    x, y = sp.symbols("x y", real=True)
    for function in (sigmoid(x) * sp.sin(x * y) ** 2 / sp.exp(y), sp.tanh(x) * sp.log(y) * x**y):
        sp.latex(sp.simplify(sp.diff(function, x)))


def simplify(expressions: Sequence[sp.Expr], milliseconds: float = 20.0) -> list[sp.Expr]:
    """Each expression in its shortest form that was found in the time, which they share.

    `factor_terms` is quick and always tried; `simplify`, in turn, while time remains.
    """
    warm_up()
    found = list(expressions)

    def work() -> None:
        for i, expression in enumerate(found):
            found[i] = min(expression, sp.factor_terms(expression), key=sp.count_ops)
        for i, expression in enumerate(found):
            found[i] = min(found[i], sp.simplify(expression), key=sp.count_ops)

    with suppress(OutOfTime):
        within(milliseconds, work)
    return found


def hessian(found: Symbolic) -> dict[str, dict[str, sp.Expr]] | None:
    """Second derivatives by row and column, or None when that takes too long."""

    def work() -> dict[str, dict[str, sp.Expr]]:
        return {
            a: {b: sp.diff(slope, symbol) for b, symbol in found.symbols.items()}
            for a, slope in found.derivatives.items()
        }

    try:
        return within(1000, work)
    except OutOfTime:
        return None


class Undefined(ArithmeticError):
    """No real value: a domain error, a division by zero, a kink."""


def evaluate(expressions: Sequence[sp.Expr], values: Mapping[sp.Symbol, float]) -> list[float]:
    """Each expression at `values`, worked out with 40 digits and rounded to float64; nan where
    it has no real value. Sub-expressions in common are worked out once."""
    context = mpmath.mp.clone()
    context.dps = DIGITS
    known: dict[sp.Expr, mpmath.mpf] = {
        symbol: context.mpf(value) for symbol, value in values.items()
    }
    results = []
    for expression in expressions:
        try:
            results.append(float(_evaluate(expression, known, context)))
        except (Undefined, ZeroDivisionError, ValueError, OverflowError):
            results.append(math.nan)
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
