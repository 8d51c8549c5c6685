"""Every operation of an expression, one row each: how it is written, differentiated and named.

PyTorch, SymPy and NumPy have each an evaluator of its own (`gradients`, `symbolic`, `numeric`),
which looks up its function by the name that stands here as text: this module imports none of the
three, and they stay independent of one another. A new operation is a new row, and a function of
that name in the evaluator of a library that has none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

LEAKY_SLOPE = 0.01  # torch.nn.functional.leaky_relu's default


class Level(IntEnum):
    """How tightly a form holds together. What is looser than its place needs gets parentheses."""

    SUM = 0
    MINUS = 1  # in LaTeX only: a product that begins with a minus sign
    PRODUCT = 2
    SIGN = 3
    POWER = 4
    ATOM = 5


SUM, MINUS, PRODUCT, SIGN, POWER, ATOM = Level


@dataclass(frozen=True)
class Operation:
    """y = operation(a), or of a and b."""

    name: str
    latex: str  # a function's name, or a form: "{b:product}" is b, no looser than a product
    rules: tuple[str, ...]  # ∂y/∂a and ∂y/∂b, as a step of backpropagation states them
    torch: str  # such as "torch.sin", or "F.gelu" for torch.nn.functional.gelu
    sympy: str  # SymPy's name, or of one that `symbolic` defines
    numpy: str  # NumPy's name, or of one that `numeric` defines
    sign: str = ""  # as Python writes it, none for functions
    shown: str = ""  # the same as people write it
    level: Level = ATOM  # of what is written with the sign, and in LaTeX
    hints: str = ""  # what else it is called
    domain: tuple[float, float] = (-math.inf, math.inf)  # of a. An end belongs to it where y is
    outside: str = "OutsideDomain"  # finite there; outside this is what `remarks` has to say
    kink: tuple[float, float, float] | None = None  # slopes below and above 0, and torch's at 0

    @property
    def arity(self) -> int:
        return len(self.rules)

    @property
    def has_form(self) -> bool:
        """Whether `latex` is a form, and not a function's name (\\operatorname{arsinh} is one)."""
        return "{a}" in self.latex or "{a:" in self.latex


def _sign(
    name: str, sign: str, shown: str, level: Level, latex: str, *rules: str, **more: str
) -> Operation:
    """What Python has a sign for, which tensors and SymPy's expressions overload."""
    python = "truediv" if name == "div" else name
    names = {"torch": f"operator.{python}", "sympy": python, "numpy": name, **more}
    return Operation(name, latex, rules, sign=sign, shown=shown, level=level, **names)


def _function(name: str, latex: str, *rules: str, **more: object) -> Operation:
    names = {"torch": f"torch.{name}", "sympy": name, "numpy": name, **more}
    return Operation(name, latex, rules, **names)


LOGARITHM = {"domain": (0, math.inf), "outside": "Logarithm"}
_TABLE = (
    # name, sign in Python and for people, level, LaTeX, then ∂y/∂a and ∂y/∂b
    _sign("neg", "-", "−", SIGN, "-{a:product}", "−1", numpy="negative"),
    _sign("add", "+", "+", SUM, "{a} + {b:product}", "1", "1"),
    _sign("sub", "-", "−", SUM, "{a} - {b:product}", "1", "−1", numpy="subtract"),
    _sign("mul", "*", "·", PRODUCT, r"{a:minus} \cdot {b:power}", "{b}", "{a}", numpy="multiply"),
    _sign(
        *("div", "/", "/", PRODUCT, r"\frac{{{a}}}{{{b}}}", "1 / {b}", "−{a} / {b}**2"),
        numpy="divide",
    ),
    _sign(
        *("pow", "**", "**", POWER, "{{{a:atom}}}^{{{b}}}", "{b}·{a}**({b} − 1)", "{y}·log({a})"),
        **{"numpy": "power", "hints": "pow"},
    ),
    # name, LaTeX, then the same
    _function("sin", r"\sin", "cos({a})"),
    _function("cos", r"\cos", "−sin({a})"),
    _function("tan", r"\tan", "1 + {y}**2", hints="tg"),
    _function("asin", r"\arcsin", "1 / sqrt(1 − {a}**2)", domain=(-1, 1), numpy="arcsin"),
    _function("acos", r"\arccos", "−1 / sqrt(1 − {a}**2)", domain=(-1, 1), numpy="arccos"),
    _function("atan", r"\arctan", "1 / (1 + {a}**2)", numpy="arctan"),
    _function("sinh", r"\sinh", "cosh({a})"),
    _function("cosh", r"\cosh", "sinh({a})"),
    _function("tanh", r"\tanh", "1 − {y}**2"),
    _function("exp", "e^{{{a}}}", "{y}", level=POWER),
    _function("log", r"\log", "1 / {a}", **LOGARITHM, hints="ln"),
    _function("log2", r"\log_{2}", "1 / ({a}·log(2))", **LOGARITHM),
    _function("log10", r"\log_{10}", "1 / ({a}·log(10))", **LOGARITHM, hints="lg"),
    _function("sqrt", r"\sqrt{{{a}}}", "1 / (2·{y})", domain=(0, math.inf), outside="NegativeRoot"),
    _function("abs", r"\left|{a}\right|", "{a} / |{a}|", kink=(-1, 1, 0), sympy="absolute"),
    _function("erf", r"\operatorname{erf}", "2/sqrt(pi)·exp(−{a}**2)"),
    _function("sigmoid", r"\sigma", "{y}·(1 − {y})"),
    _function("relu", r"\operatorname{relu}", "[{a} > 0]", kink=(0, 1, 0)),
    _function(
        *("leaky_relu", r"\operatorname{leaky\_relu}", "1 if {a} > 0 else 0.01"),
        **{"torch": "F.leaky_relu", "kink": (LEAKY_SLOPE, 1, LEAKY_SLOPE)},
    ),
    _function("softplus", r"\operatorname{softplus}", "sigmoid({a})", torch="F.softplus"),
    _function("gelu", r"\operatorname{gelu}", "Φ({a}) + {a}·φ({a})", torch="F.gelu"),
    _function(
        *("min", r"\min", "[{a} < {b}]", "[{b} < {a}]"),
        **{"torch": "torch.minimum", "sympy": "smaller", "numpy": "minimum"},
    ),
    _function(
        *("max", r"\max", "[{a} > {b}]", "[{b} > {a}]"),
        **{"torch": "torch.maximum", "sympy": "larger", "numpy": "maximum"},
    ),
)
OPERATIONS: Mapping[str, Operation] = {row.name: row for row in _TABLE}
FUNCTIONS = tuple(row.name for row in _TABLE if not row.sign)
