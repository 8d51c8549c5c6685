"""Expressions in NumPy: whole arrays, and no exceptions."""

from __future__ import annotations

import math

import numpy as np

from model.autograd import numeric
from model.autograd.parsing import parse


def test_arrays_broadcast() -> None:
    x, y = np.linspace(0, 1, 3)[:, None], np.linspace(0, 1, 4)
    assert numeric.evaluate(parse("x + 2*y"), {"x": x, "y": y}).shape == (3, 4)
    assert numeric.evaluate(parse("sin(2) + pi"), {}).shape == ()


def test_domain_errors_and_overflow_are_nan_and_inf() -> None:
    assert math.isnan(numeric.evaluate(parse("log(x)"), {"x": -1.0}))
    assert numeric.evaluate(parse("exp(x)"), {"x": 1000.0}) == math.inf
