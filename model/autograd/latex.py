"""An expression in LaTeX, as it was typed: nothing reordered, nothing simplified."""

from __future__ import annotations

import re
from collections.abc import Sequence

from model.autograd.expression import Expression, Node

GREEK_NAMES = """
    alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi rho varsigma sigma
    tau upsilon varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega
"""
GREEK_LATEX = dict(zip("αβγδεζηθικλμνξρςστυφχψωΓΔΘΛΞΠΣΦΨΩ", GREEK_NAMES.split(), strict=True))
FUNCTION_LATEX = {
    **{name: rf"\{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "log")},
    **{"asin": r"\arcsin", "acos": r"\arccos", "atan": r"\arctan", "sigmoid": r"\sigma"},
    **{"log2": r"\log_{2}", "log10": r"\log_{10}", "min": r"\min", "max": r"\max"},
    **{name: rf"\operatorname{{{name}}}" for name in ("relu", "softplus", "gelu", "erf")},
    "leaky_relu": r"\operatorname{leaky\_relu}",
}
# How tightly each form holds together; what is looser than its place needs gets parentheses.
SUM, SIGN, PRODUCT, POWER, ATOM = range(5)


def latex_name(name: str) -> str:
    r"""A variable's name: x_{1} for x1 or x_1, \alpha for α, \mathit{target} for target."""
    match = re.fullmatch(r"([^\d_]+)_?(\w*)", name)
    stem, index = match.groups() if match else (name, "")
    letters = "".join(rf"\{GREEK_LATEX[c]} " if c in GREEK_LATEX else c for c in stem).strip()
    if len(stem) > 1:
        letters = rf"\mathit{{{letters}}}"
    index = index.replace("_", r"\_")
    return f"{letters}_{{{index}}}" if index else letters


def latex(expression: Expression) -> str:
    """The expression, with fractions, roots and powers in two dimensions."""
    return expression.fold(_leaf, _apply)[-1][0]


Part = tuple[str, int]  # LaTeX, and how tightly it holds together


def _leaf(node: Node) -> Part:
    if node.operation == "variable":
        return latex_name(node.name), ATOM
    if node.name in ("pi", "π"):
        return r"\pi", ATOM
    mantissa, _, exponent = node.name.lower().partition("e")
    if not mantissa or not exponent:
        return node.name, ATOM
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}", PRODUCT


def _wrap(part: Part, least: int) -> str:
    text, tightness = part
    return text if tightness >= least else rf"\left({text}\right)"


def _apply(node: Node, inputs: Sequence[Part]) -> Part:
    first = inputs[0]
    match node.operation:
        case "neg":
            return f"-{_wrap(first, PRODUCT)}", SIGN
        case "add":
            return f"{first[0]} + {_wrap(inputs[1], PRODUCT)}", SUM
        case "sub":
            return f"{first[0]} - {_wrap(inputs[1], PRODUCT)}", SUM
        case "mul":
            whole = rf"{_wrap(first, SIGN)} \cdot {_wrap(inputs[1], POWER)}"
            return whole, SIGN if first[1] == SIGN else PRODUCT
        case "div":
            return rf"\frac{{{first[0]}}}{{{inputs[1][0]}}}", PRODUCT
        case "pow":
            return f"{{{_wrap(first, ATOM)}}}^{{{inputs[1][0]}}}", POWER
        case "exp":
            return f"e^{{{first[0]}}}", POWER
        case "sqrt":
            return rf"\sqrt{{{first[0]}}}", ATOM
        case "abs":
            return rf"\left|{first[0]}\right|", ATOM
    arguments = ", ".join(text for text, _ in inputs)
    return rf"{FUNCTION_LATEX[node.operation]}\left({arguments}\right)", ATOM
