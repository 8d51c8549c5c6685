"""Derivatives by the rules of calculus, with SymPy: exact expressions, their LaTeX, and their
values with 40 digits. The SymPy expression is built from our own tree, never parsed from text.

It runs in processes of its own, which `symbolic_worker` asks: SymPy has no time limit.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import sympy as sp
from sympy.printing.latex import LatexPrinter

from model.autograd.expression import Expression, Node
from model.autograd.high_precision import evaluate, second_derivatives
from model.autograd.latex import latex_name
from model.autograd.operations import LEAKY_SLOPE, OPERATIONS, Operation
from model.autograd.parsing import parse

# Sizes count every number, symbol and operation of an expression as it would be written out. They
# are counted before anything is done, so that the same expression always gets the same answer.
LONGEST_WRITTEN = 20_000  # all derivatives together; they take at most 0.1 s to write
MOST_LATEX = 100_000  # characters of them
LARGEST_FACTORED = 250
# `simplify` takes some 20 ms for the largest that it is given, minutes for ten times larger ones.
LARGEST_SIMPLIFIED = 16
LARGEST_HYPERBOLIC = 6
HYPERBOLIC = (sp.tan, sp.sinh, sp.cosh, sp.tanh)
MOST_SIMPLIFIED = 150  # the function and its derivatives together


def _function(name: str, latex: str, *slopes: Callable[..., sp.Expr]) -> type[sp.Function]:
    """A function that SymPy does not have, by its derivatives; `latex` is its name or a form."""

    class Function(sp.Function):
        def fdiff(self, argindex: int = 1) -> sp.Expr:
            return slopes[argindex - 1](*self.args)

        def _latex(self, printer: LatexPrinter, exp: str | None = None) -> str:
            power = "" if exp is None else f"^{{{exp}}}"
            inside = [printer._print(arg) for arg in self.args]
            if "{a}" in latex:
                return latex.format(a=inside[0], b=inside[-1]) + power
            return rf"{latex}{power}\left({', '.join(inside)}\right)"

    Function.__name__ = name  # SymPy orders terms by it, and `high_precision` knows it
    return Function


def _own(operation: str, *slopes: Callable[..., sp.Expr]) -> type[sp.Function]:
    row = OPERATIONS[operation]
    return _function(row.sympy, row.latex, *slopes)


# Iverson's bracket [a > b] is 1 or 0, the sign −1 or 1; undefined where a = b, and at 0.
greater = _function("greater", r"\left[{a} > {b}\right]", *[lambda a, b: sp.Integer(0)] * 2)
sign = _function("sign", r"\operatorname{sgn}", lambda x: sp.Integer(0))
sigmoid = _own("sigmoid", lambda x: sigmoid(x) * (1 - sigmoid(x)))
# Functions with a kink or a name of their own stay whole, so that their derivatives read as in a
# textbook: σ'(x) = σ(x)(1 − σ(x)), relu'(x) = [x > 0].
SLOPES: Mapping[str, tuple[Callable[..., sp.Expr], ...]] = {
    "abs": (sign,),
    "relu": (lambda x: greater(x, 0),),
    "leaky_relu": (lambda x: greater(x, 0) + sp.Rational(str(LEAKY_SLOPE)) * greater(0, x),),
    "softplus": (sigmoid,),
    "gelu": (  # x Φ(x), with Φ the standard normal distribution function
        lambda x: (1 + sp.erf(x / sp.sqrt(2))) / 2 + x * sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi),
    ),
    "max": (greater, lambda a, b: greater(b, a)),
    "min": (lambda a, b: greater(b, a), greater),
}
OWN: Mapping[str, Callable[..., sp.Expr]] = {
    "log2": lambda a: sp.log(a) / sp.log(2),
    "log10": lambda a: sp.log(a) / sp.log(10),
    "sigmoid": sigmoid,
    **{operation: _own(operation, *slopes) for operation, slopes in SLOPES.items()},
}
APPLY: Mapping[str, Callable[..., sp.Expr]] = {
    name: OWN.get(name) or getattr(operator if row.sign else sp, row.sympy)
    for name, row in OPERATIONS.items()
}


@dataclass(frozen=True)
class Derivatives:
    """`function` and `slopes`, exact; `symbols` by name, in order of appearance."""

    function: sp.Expr
    slopes: dict[str, sp.Expr]
    symbols: dict[str, sp.Symbol]


class Differentiator:
    """What the worker does: answers requests by JSON values."""

    def __init__(self) -> None:
        for row in OPERATIONS.values():
            _rules(row)
        # SymPy imports the rest of itself at its first use.
        simplified(differentiate(parse("x*sin(x)")))

    def __call__(self, request: Mapping[str, object]) -> object:
        found = differentiate(parse(request["source"]))
        if request["wanted"] == "derivatives":
            at = {symbol: request["values"][name] for name, symbol in found.symbols.items()}
            values = evaluate(list(found.slopes.values()), at)
            return {"slopes": dict(zip(found.slopes, values, strict=True)), "latex": written(found)}
        if request["wanted"] == "hessian":
            return second_derivatives(found.slopes, found.symbols, request["values"])
        return simplified(found)


def differentiate(expression: Expression) -> Derivatives:
    """The function and its partial derivatives."""
    symbols = {name: sp.Symbol(name, real=True) for name in expression.variables}

    def leaf(node: Node) -> sp.Expr:
        if node.operation == "variable":
            return symbols[node.name]
        exact = {"pi": sp.pi, "π": sp.pi, "e": sp.E}
        return exact[node.name] if node.name in exact else sp.Rational(node.name)

    forms = expression.fold(leaf, lambda node, inputs: APPLY[node.operation](*inputs))
    slopes = _chain_rule(expression, forms)
    found = {name: slopes.get(expression.index_of(name), sp.Integer(0)) for name in symbols}
    return Derivatives(forms[-1], found, symbols)


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
        places, rules = _rules(OPERATIONS[node.operation])
        actual = dict(zip(places, [forms[k] for k in node.inputs], strict=True))
        for k, rule in zip(node.inputs, rules, strict=True):
            if expression.nodes[k].constant is None:
                terms.setdefault(k, []).append(slopes[i] * rule.xreplace(actual))
    return slopes


@cache
def _rules(row: Operation) -> tuple[tuple[sp.Dummy, ...], tuple[sp.Expr, ...]]:
    """An operation's derivatives by each of its inputs, and the symbols standing for those."""
    places = tuple(sp.symbols("a b", cls=sp.Dummy, real=True)[: row.arity])
    if row.name == "pow":  # SymPy's own a**b·b/a is 0/0 where a is 0
        a, b = places
        return places, (b * a ** (b - 1), a**b * sp.log(a))
    form = APPLY[row.name](*places)
    return places, tuple(sp.diff(form, place) for place in places)


def sizes(expressions: Sequence[sp.Expr]) -> list[int]:
    """How long each is when written out. What they have in common is one object in memory and
    counted once, so that this takes no time even where the size is in the millions."""
    known: dict[sp.Expr, int] = {}

    def size(expression: sp.Expr) -> int:
        if expression not in known:
            known[expression] = 1 + sum(map(size, expression.args))
        return known[expression]

    return [size(expression) for expression in expressions]


class _Printer(LatexPrinter):
    """Writes what occurs again and again once: ten times faster for a derivative."""

    def __init__(self, settings: Mapping[str, object]) -> None:
        super().__init__(settings)
        self._known: dict[tuple, str] = {}

    def _print(self, expression: object, **options: object) -> str:
        key = (expression, *options.items())
        if key not in self._known:
            self._known[key] = super()._print(expression, **options)
        return self._known[key]


def latex(found: Derivatives, expressions: Sequence[sp.Expr]) -> list[str]:
    """Each in LaTeX, variables written as in the formula that was given."""
    names = {symbol: latex_name(name) for name, symbol in found.symbols.items()}
    printer = _Printer({"symbol_names": names})
    return [printer.doprint(expression) for expression in expressions]


def written(found: Derivatives) -> dict[str, str] | None:
    """The derivatives in LaTeX, None where they are too long."""
    if sum(sizes(list(found.slopes.values()))) > LONGEST_WRITTEN:
        return None
    texts = latex(found, list(found.slopes.values()))
    short = sum(map(len, texts)) <= MOST_LATEX
    return dict(zip(found.slopes, texts, strict=True)) if short else None


def simplify(expressions: Sequence[sp.Expr]) -> list[sp.Expr]:
    """Each in the shortest form that was found; as it is where it is too long to try."""
    found, spent = [], 0
    for expression, size in zip(expressions, sizes(expressions), strict=True):
        spent += size
        if size > LARGEST_FACTORED:
            found.append(expression)
            continue
        forms = [expression, sp.factor_terms(expression)]
        limit = LARGEST_HYPERBOLIC if expression.has(*HYPERBOLIC) else LARGEST_SIMPLIFIED
        if size <= limit and spent <= MOST_SIMPLIFIED:
            forms.append(sp.simplify(expression))
        found.append(min(forms, key=sp.count_ops))
    return found


def simplified(found: Derivatives) -> list[str | None]:
    """The function and each derivative, simplified, in LaTeX; None where that changes nothing."""
    given = [found.function, *found.slopes.values()]
    forms = simplify(given)
    changed = [form for form, before in zip(forms, given, strict=True) if form != before]
    texts = iter(latex(found, changed))
    return [
        None if form == before else next(texts) for form, before in zip(forms, given, strict=True)
    ]
