"""An expression in LaTeX, as it was typed: nothing reordered, nothing simplified."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from model.autograd.expression import Expression, Node
from model.autograd.operations import OPERATIONS, Level

GREEK_NAMES = """
    alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi rho varsigma sigma
    tau upsilon varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega
"""
GREEK_LATEX = dict(zip("αβγδεζηθικλμνξρςστυφχψωΓΔΘΛΞΠΣΦΨΩ", GREEK_NAMES.split(), strict=True))


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
    return expression.fold(_leaf, _apply)[-1].text


class Part(NamedTuple):
    text: str
    level: Level

    def __format__(self, least: str) -> str:
        """The text, in parentheses where it is looser than the level called `least`."""
        loose = least and self.level < Level[least.upper()]
        return rf"\left({self.text}\right)" if loose else self.text


def _leaf(node: Node) -> Part:
    if node.operation == "variable":
        return Part(latex_name(node.name), Level.ATOM)
    if node.name in ("pi", "π"):
        return Part(r"\pi", Level.ATOM)
    mantissa, _, exponent = node.name.lower().partition("e")
    if not mantissa or not exponent:
        return Part(node.name, Level.ATOM)
    return Part(rf"{mantissa} \cdot 10^{{{int(exponent)}}}", Level.PRODUCT)


def _apply(node: Node, inputs: Sequence[Part]) -> Part:
    row = OPERATIONS[node.operation]
    if not row.has_form:
        return Part(
            rf"{row.latex}\left({', '.join(part.text for part in inputs)}\right)", Level.ATOM
        )
    text = row.latex.format(a=inputs[0], b=inputs[-1])
    return Part(text, min(row.level, Level.MINUS) if text.startswith("-") else row.level)
