"""How good a regressor is, and how near the weights that it learned are to the true ones."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from model.regression.data import Data, true_values
from model.regression.ground_truth import INPUTS, TRUE_WEIGHTS
from model.regression.regressor import gradients


def rmse(predicted: Tensor, y: Tensor) -> float:
    """Root of the mean squared error, in the unit of `y`."""
    return (predicted - y).square().mean().sqrt().item()


def r_squared(predicted: Tensor, y: Tensor) -> float:
    """The share of the variance of `y` that is explained: 1 is perfect, 0 as good as the mean."""
    return 1 - ((predicted - y).square().sum() / (y - y.mean()).square().sum()).item()


@torch.no_grad()
def evaluate(network: nn.Module, train: Data, held_out: Data) -> dict[str, float]:
    """How good `network` is: RMSE in the targets' unit and, standardised, in the standard
    deviations of the training targets; R²; the error against the true function, on these rows and
    on rows uniform in -3…3; and the RMSE that the true function itself has, which is the noise in
    these very rows."""
    predicted, truth = network(held_out.x).squeeze(1), true_values(held_out.x)
    error = rmse(predicted, held_out.y)
    cube = 6 * torch.rand(10_000, INPUTS, generator=torch.Generator().manual_seed(0)) - 3
    figures = {
        "held_out_rmse": error,
        "held_out_rmse_standardised": error / train.y.std().item(),
        "held_out_r2": r_squared(predicted, held_out.y),
        "held_out_rmse_of_truth": rmse(truth, held_out.y),
        "held_out_rmse_to_truth": rmse(predicted, truth),
        "cube_rmse_to_truth": rmse(network(cube).squeeze(1), true_values(cube)),
        "train_rmse": rmse(network(train.x).squeeze(1), train.y),
    }
    rounded = {name: round(value, 5) for name, value in figures.items()}
    return {"held_out_rows": len(held_out.y), "train_rows": len(train.y), **rounded}


def compare_weights(network: nn.Module, x: Tensor) -> dict[str, Any]:
    """The true weights beside the learned ones: the mean, over rows `x`, of the network's gradient.

    `learned_std` is its standard deviation: 0 where the network is as linear as the function.
    """
    gradient = gradients(network, x)
    learned, spread = gradient.mean(dim=0).tolist(), gradient.std(dim=0).tolist()
    worst = max(abs(a - b) for a, b in zip(learned, TRUE_WEIGHTS, strict=True))
    return {
        "true": TRUE_WEIGHTS,
        "learned": [round(each, 4) for each in learned],
        "learned_std": [round(each, 4) for each in spread],
        "largest_difference": round(worst, 4),
    }
