"""The rows that the regressor learns from: the true function's values, with noise."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from model.regression.ground_truth import INPUTS, NOISE, ROWS, TRAIN_ROWS, TRUE_BIAS, TRUE_WEIGHTS


class Data(NamedTuple):
    """Inputs `x` of shape (rows, 10) and targets `y` of shape (rows,)."""

    x: Tensor
    y: Tensor


def make_data(seed: int) -> Data:
    """1,000 standard normal rows, and the true function of each plus normal noise of 0.1."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(ROWS, INPUTS, generator=generator)
    return Data(x, true_values(x) + NOISE * torch.randn(ROWS, generator=generator))


def split_data(seed: int) -> tuple[Data, Data]:
    """`make_data(seed)`, shuffled: 800 rows to train on and 200 held out."""
    order = torch.randperm(ROWS, generator=torch.Generator().manual_seed(seed))
    x, y = (column[order] for column in make_data(seed))
    return Data(x[:TRAIN_ROWS], y[:TRAIN_ROWS]), Data(x[TRAIN_ROWS:], y[TRAIN_ROWS:])


def true_values(x: Tensor) -> Tensor:
    """The function to be learned, of rows `x` (rows, 10): shape (rows,), without noise."""
    return x @ torch.tensor(TRUE_WEIGHTS, dtype=x.dtype, device=x.device) + TRUE_BIAS
