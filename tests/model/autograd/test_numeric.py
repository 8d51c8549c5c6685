"""The NumPy operations compute what the PyTorch ones do."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from model.autograd import gradients, numeric
from model.autograd.expression import BINARY
from model.autograd.parsing import parse

POINTS = np.array([-40.0, -1.5, -1.0, -0.3, 0.0, 1e-9, 0.4, 1.0, 2.5, 19.0])


@pytest.mark.parametrize("name", sorted(numeric.OPERATIONS))
def test_each_operation_is_torchs(name: str) -> None:
    assert numeric.OPERATIONS.keys() == gradients.OPERATIONS.keys()
    a, b = POINTS, POINTS[::-1].copy()
    inputs = (a, b) if name in BINARY else (a,)
    with np.errstate(all="ignore"):
        ours = numeric.OPERATIONS[name](*inputs)
    torchs = gradients.OPERATIONS[name](*map(torch.from_numpy, inputs)).numpy()
    assert ours == pytest.approx(torchs, rel=1e-12, abs=1e-15, nan_ok=True)


def test_arrays_broadcast() -> None:
    x, y = np.linspace(0, 1, 3)[:, None], np.linspace(0, 1, 4)
    assert numeric.evaluate(parse("x + 2*y"), {"x": x, "y": y}).shape == (3, 4)
    assert numeric.evaluate(parse("sin(2) + pi"), {}).shape == ()


def test_domain_errors_and_overflow_are_nan_and_inf() -> None:
    assert math.isnan(numeric.evaluate(parse("log(x)"), {"x": -1.0}))
    assert numeric.evaluate(parse("exp(x)"), {"x": 1000.0}) == math.inf
