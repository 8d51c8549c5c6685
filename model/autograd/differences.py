"""Derivatives from values alone: central differences, extrapolated, their error estimated.

Ridders' method (C. J. F. Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", Advances in
Engineering Software 4(2), 1982, p. 75; Numerical Recipes, 3rd ed., §5.7): quotients at ever
smaller steps, Richardson's extrapolation over neighbours, and of all those the one that agrees
best with the ones it was made from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from model.autograd import numeric
from model.autograd.expression import Expression

FIRST_STEP = 0.1  # of max(1, |x|)
STEPS = 30  # each half the one before, so the last is 2e-10
ORDERS = 6  # extrapolations at most: errors of h², h⁴, … h¹² are removed


@dataclass(frozen=True)
class Difference:
    """∂/∂ one variable. nan where the function has no values on both sides."""

    slope: float
    error: float  # estimated, absolute


def differences(expression: Expression, values: Mapping[str, float]) -> dict[str, Difference]:
    """The derivative for each variable of `expression`, at `values`."""
    names = expression.variables
    if not names:
        return {}
    point = np.array([values[name] for name in names])
    scale = np.maximum(1.0, np.abs(point))
    steps = scale[:, None] * FIRST_STEP * 0.5 ** np.arange(STEPS)  # (variables, steps)
    offsets = np.concatenate([steps, -steps], axis=1)
    grid = {
        name: np.where(np.arange(len(names))[:, None] == i, point[i] + offsets, point[i])
        for i, name in enumerate(names)
    }
    f = np.broadcast_to(numeric.evaluate(expression, grid), offsets.shape)
    # What was added after rounding, not what was meant to be.
    moved = point[:, None] + offsets - point[:, None]
    with np.errstate(all="ignore"):
        up, down = f[:, :STEPS], f[:, STEPS:]
        quotients = (up - down) / (moved[:, :STEPS] - moved[:, STEPS:])
        noise = np.finfo(float).eps * np.maximum(np.abs(up), np.abs(down)) / steps
        slope, error = _extrapolate(quotients, noise)
    return {
        name: Difference(float(s), float(e)) for name, s, e in zip(names, slope, error, strict=True)
    }


def _extrapolate(quotients: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each row of central quotients (steps halving) the best extrapolation and its error."""
    rows = np.arange(len(quotients))
    best = np.full(len(quotients), np.nan)
    smallest = np.full(len(quotients), np.inf)
    table = quotients
    for order in range(1, ORDERS + 1):
        factor = 4.0**order
        finer, coarser = table[:, 1:], table[:, :-1]
        better = (factor * finer - coarser) / (factor - 1)
        error = np.maximum(np.abs(better - finer), np.abs(better - coarser))
        error = np.maximum(error, noise[:, order:])
        error = np.where(np.isfinite(error), error, np.inf)
        place = np.argmin(error, axis=1)
        improved = error[rows, place] < smallest
        best = np.where(improved, better[rows, place], best)
        smallest = np.where(improved, error[rows, place], smallest)
        table = better
    return best, np.where(np.isfinite(best), smallest, np.nan)
