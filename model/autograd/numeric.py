"""Expressions in plain NumPy: one number or whole arrays of them, without derivatives.

Independent of PyTorch on purpose: the difference quotients that check autograd, and the curves
drawn beside it, are computed here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from model.autograd.expression import LEAKY_SLOPE, Expression, Node

erf = np.frompyfunc(math.erf, 1, 1)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    small = np.exp(-np.abs(x))  # never overflows
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


def _erf(x: np.ndarray) -> np.ndarray:
    return np.asarray(erf(x), dtype=np.float64)


OPERATIONS: Mapping[str, Callable[..., np.ndarray]] = {
    "neg": np.negative,
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "pow": np.power,
    "min": np.minimum,
    "max": np.maximum,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "exp": np.exp,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "erf": _erf,
    "sigmoid": _sigmoid,
    "relu": lambda x: np.maximum(x, 0.0),
    "leaky_relu": lambda x: np.where(x > 0, x, LEAKY_SLOPE * x),
    "softplus": lambda x: np.logaddexp(0.0, x),
    "gelu": lambda x: x * (1 + _erf(x / math.sqrt(2))) / 2,
}


def evaluate(expression: Expression, values: Mapping[str, float | np.ndarray]) -> np.ndarray:
    """The expression's value, in float64. Arrays in `values` must broadcast with one another;
    the result has their common shape. Overflow and domain errors are inf and nan."""

    def leaf(node: Node) -> np.ndarray:
        number = values[node.name] if node.constant is None else node.constant
        return np.asarray(number, dtype=np.float64)

    with np.errstate(all="ignore"):
        return expression.fold(leaf, lambda node, inputs: OPERATIONS[node.operation](*inputs))[-1]
