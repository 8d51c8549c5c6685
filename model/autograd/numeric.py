"""Expressions in plain NumPy: one number or whole arrays of them, without derivatives.

Independent of PyTorch on purpose: the difference quotients that check autograd, and the curves
drawn beside it, are computed here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from model.autograd.expression import Expression, Node
from model.autograd.operations import LEAKY_SLOPE, OPERATIONS


def _erf(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.frompyfunc(math.erf, 1, 1)(x), dtype=np.float64)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    small = np.exp(-np.abs(x))  # never overflows
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


# What NumPy does not have.
OWN: Mapping[str, Callable[..., np.ndarray]] = {
    "erf": _erf,
    "sigmoid": _sigmoid,
    "relu": lambda x: np.maximum(x, 0.0),
    "leaky_relu": lambda x: np.where(x > 0, x, LEAKY_SLOPE * x),
    "softplus": lambda x: np.logaddexp(0.0, x),
    "gelu": lambda x: x * (1 + _erf(x / math.sqrt(2))) / 2,
}
APPLY: Mapping[str, Callable[..., np.ndarray]] = {
    name: OWN.get(row.numpy) or getattr(np, row.numpy) for name, row in OPERATIONS.items()
}


def evaluate(expression: Expression, values: Mapping[str, float | np.ndarray]) -> np.ndarray:
    """The expression's value, in float64. Arrays in `values` must broadcast with one another;
    the result has their common shape. Overflow and domain errors are inf and nan."""

    def leaf(node: Node) -> np.ndarray:
        number = values[node.name] if node.constant is None else node.constant
        return np.asarray(number, dtype=np.float64)

    with np.errstate(all="ignore"):
        return expression.fold(leaf, lambda node, inputs: APPLY[node.operation](*inputs))[-1]
