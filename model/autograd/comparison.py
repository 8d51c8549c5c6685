"""One derivative, three independent ways: autograd, rules of calculus, quotients of differences.

They share the parsed expression and nothing else: PyTorch in float64, SymPy with 40 digits,
NumPy and Ridders' extrapolation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from model.autograd import gradients, remarks, symbolic_worker
from model.autograd.differences import differences
from model.autograd.errors import Names
from model.autograd.expression import Expression
from model.autograd.symbolic_worker import NoAnswer, Symbolic
from model.errors import Sentence

RELATIVE = 1e-9  # autograd against symbolic
# Where the terms that a gradient is made of cancel, rounding is left over; of terms of size 1:
ABSOLUTE = 1e-14
DIFFERENCE_RELATIVE = 1e-6  # autograd against differences, or ten times their estimated error


@dataclass(frozen=True)
class Row:
    """∂/∂ one variable, three ways. nan where a method finds no derivative."""

    name: str
    autograd: float
    symbolic: float
    heard: bool  # SymPy was; without it the other two decide
    difference: float
    error: float  # estimated, of `difference`
    rounding: float  # what may be left over of the terms that autograd adds up

    @property
    def agrees_symbolic(self) -> bool | None:
        if not self.heard:
            return None
        tolerance = max(RELATIVE * abs(self.symbolic), self.rounding)
        near = abs(self.autograd - self.symbolic) <= tolerance
        return self.autograd == self.symbolic or (math.isfinite(self.autograd) and near)

    @property
    def agrees_difference(self) -> bool:
        relative = DIFFERENCE_RELATIVE * abs(self.difference)
        tolerance = max(10 * self.error, relative, self.rounding)
        near = abs(self.autograd - self.difference) <= tolerance
        return math.isfinite(self.autograd) and near

    @property
    def agrees(self) -> bool:
        return self.agrees_symbolic is not False and self.agrees_difference


@dataclass(frozen=True)
class Comparison:
    """All that is known of an expression at a point."""

    expression: Expression
    values: dict[str, float]
    trace: gradients.Trace
    symbolic: Symbolic | None  # None: a remark says why
    value: float
    rows: list[Row]
    remarks: list[Sentence]


def compare(expression: Expression, values: Mapping[str, object]) -> Comparison:
    """Differentiate three ways. Raises `ValueMissing` and `BadValue`."""
    point = gradients.checked_values(expression, values)
    trace = gradients.trace(expression, point)
    try:
        exact = symbolic_worker.derivatives(expression, point)
        unheard = [remarks.TooLongToWrite()] if exact.latex is None else []
    except NoAnswer as error:
        exact, unheard = None, [error.remark]
    quotients = differences(expression, point)
    terms = uncancelled(expression, trace)
    rows = [
        Row(
            name,
            trace.gradients[i],
            math.nan if exact is None else exact.slopes[name],
            exact is not None,
            quotients[name].slope,
            quotients[name].error,
            ABSOLUTE * terms[i],
        )
        for name, i in ((name, expression.index_of(name)) for name in expression.variables)
    ]
    found = remarks.about_values(expression, trace.values)
    found += unheard + ([] if found else _about_rows(rows))
    return Comparison(expression, point, trace, exact, trace.values[-1], rows, found)


def uncancelled(expression: Expression, trace: gradients.Trace) -> list[float]:
    """For every node the sum of the sizes of the terms that its gradient is the sum of."""
    total = [0.0] * len(expression.nodes)
    total[-1] = 1.0
    for i in reversed(range(len(total))):
        for k, local in zip(expression.nodes[i].inputs, trace.local[i], strict=True):
            total[k] += total[i] * abs(local or 0.0)
    return total


def _about_rows(rows: list[Row]) -> list[Sentence]:
    """Disagreements that no operation's remark has explained."""
    if any(math.isnan(row.autograd) for row in rows):
        return [remarks.GradientIndeterminate()]
    found: list[Sentence] = []
    finite = [row for row in rows if math.isfinite(row.symbolic)]
    if off := [row.name for row in finite if not row.agrees_symbolic]:
        found.append(remarks.Rounding(names=Names(off)))
    coarse = [r.name for r in rows if not r.agrees_difference and r.name not in off]
    if coarse:
        found.append(remarks.CoarseDifference(names=Names(coarse)))
    return found


def hessian_agrees(hessian: Mapping[str, Mapping[str, float]], compared: Comparison) -> bool | None:
    """Whether autograd's second derivatives are SymPy's; None when SymPy has no answer in time."""
    try:
        exact = symbolic_worker.hessian(compared.expression, compared.values)
    except NoAnswer:
        return None
    pairs = [(given, exact[a][b]) for a, row in hessian.items() for b, given in row.items()]
    scale = max([1.0, *(abs(given) for given, _ in pairs if math.isfinite(given))])
    return all(
        abs(given - right) <= max(RELATIVE * abs(right), ABSOLUTE * scale) for given, right in pairs
    )
