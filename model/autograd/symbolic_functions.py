"""The operations of expressions as SymPy has them.

Functions with a kink or a name of their own are SymPy functions here, so that their derivatives
read as in a textbook: σ'(x) = σ(x)(1 − σ(x)), relu'(x) = [x > 0].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sympy as sp

from model.autograd.expression import LEAKY_SLOPE


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
