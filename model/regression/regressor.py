"""A small network that learns a linear function of ten numbers from noisy examples.

A linear function has a weight for each input; a network has a gradient, which autograd gives, so
that what was learned can be compared with what is true (model/regression/ground_truth.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from model.errors import UserError
from model.regression.ground_truth import (
    INPUTS,
    LIMIT,
    NOISE,
    TRUE_BIAS,
    TRUE_WEIGHTS,
    check_inputs,
)
from model.run.folder import read_run
from model.run.origin import Origin

ROWS, TRAIN_ROWS = 1000, 800
LAYERS = (INPUTS, 64, 32, 1)
ARCHITECTURE = "mlp"


class NotARegressor(UserError):
    en = "{folder} is no regressor of this app: {reason}. Use what train.py regressor wrote."
    zh = "{folder} 不是本应用的回归模型（{reason}）。请使用 train.py regressor 的输出。"


@dataclass(frozen=True)
class Data:
    """Rows `x` of shape (rows, 10) and targets `y` of shape (rows,)."""

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, rows: Tensor) -> Data:
        return Data(self.x[rows], self.y[rows])


def make_data(seed: int) -> Data:
    """1,000 standard normal rows, and the true function of each plus normal noise of 0.1."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(ROWS, INPUTS, generator=generator)
    noise = NOISE * torch.randn(ROWS, generator=generator)
    return Data(x, true_values(x) + noise)


def split_data(seed: int) -> tuple[Data, Data]:
    """`make_data(seed)`, shuffled: 800 rows to train on and 200 held out."""
    order = torch.randperm(ROWS, generator=torch.Generator().manual_seed(seed))
    data = make_data(seed)
    return data[order[:TRAIN_ROWS]], data[order[TRAIN_ROWS:]]


def true_values(x: Tensor) -> Tensor:
    """The function to be learned, of rows `x` (rows, 10): shape (rows,), without noise."""
    return x @ torch.tensor(TRUE_WEIGHTS, dtype=x.dtype, device=x.device) + TRUE_BIAS


def build_network(generator: torch.Generator) -> nn.Sequential:
    """Linear 10-64, ReLU, Linear 64-32, ReLU, Linear 32-1, initialised as PyTorch does by default.

    Its own `generator` draws the weights, so that networks made at the same time in several
    threads do not take each other's random numbers.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(LAYERS):
        linear = nn.Linear(inputs, outputs)
        for parameter in linear.parameters():
            nn.init.uniform_(parameter, -(inputs**-0.5), inputs**-0.5, generator=generator)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def rmse(predicted: Tensor, y: Tensor) -> float:
    """Root of the mean squared error, in the unit of `y`."""
    return (predicted - y).square().mean().sqrt().item()


def r_squared(predicted: Tensor, y: Tensor) -> float:
    """The share of the variance of `y` that is explained: 1 is perfect, 0 as good as the mean."""
    return 1 - ((predicted - y).square().sum() / (y - y.mean()).square().sum()).item()


def gradients(network: nn.Module, x: Tensor) -> Tensor:
    """∂output/∂input at each row of `x` (rows, inputs), by autograd: shape (rows, inputs).

    Rows do not influence each other, so the gradient of the sum holds each row's own gradient.
    """
    x = x.detach().clone().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(network(x).sum(), x)
    return gradient


def is_finite(network: nn.Module) -> bool:
    """Whether the network and its gradient are finite at zero and at each of the 1,024 corners of
    what it may be asked about; weights that are finite may well overflow."""
    corners = torch.cartesian_prod(*[torch.tensor([-LIMIT, LIMIT])] * INPUTS)
    rows = torch.cat([torch.zeros(1, INPUTS), corners])
    with torch.no_grad():
        answers = network(rows)
    return bool(answers.isfinite().all() and gradients(network, rows).isfinite().all())


class Regressor:
    """A trained network that is asked about one row of ten numbers at a time.

    It computes on the CPU unless told otherwise: for 2,817 parameters, bringing the numbers to an
    accelerator takes longer than the answer.
    """

    def __init__(
        self, network: nn.Module, origin: Origin, device: torch.device | str = "cpu"
    ) -> None:
        self.device = torch.device(device)
        self.network = network.eval().requires_grad_(False).to(self.device)
        self.origin = origin

    @classmethod
    def load(
        cls, folder: Path, origin: Origin | None = None, device: torch.device | str = "cpu"
    ) -> Regressor:
        """The model of a run folder written by `train.py regressor`.

        Raises RunError where files are missing or damaged, NotARegressor where they are whole
        but another model's.
        """
        run = read_run(folder)
        architecture = run.config.get("architecture")
        if architecture != ARCHITECTURE:
            raise NotARegressor(
                folder=folder.name, reason=f"architecture {str(architecture)[:40]!r}"
            )
        network = build_network(torch.Generator())
        try:
            network.load_state_dict(dict(run.weights))
        except RuntimeError:
            reason = "its tensors are not those of layers " + "-".join(map(str, LAYERS))
            raise NotARegressor(folder=folder.name, reason=reason) from None
        for name, tensor in run.weights.items():
            if not tensor.isfinite().all():
                raise NotARegressor(folder=folder.name, reason=f"{name} holds NaN or infinity")
        if not is_finite(network):
            raise NotARegressor(folder=folder.name, reason="its answers are not finite numbers")
        return cls(network, origin or Origin(folder.name), device)

    def predict(self, x: Sequence[float]) -> float:
        """The network's value at `x`, ten numbers from -100 to 100. Raises InputError."""
        row = torch.tensor([check_inputs(x)], device=self.device)
        return self.network(row).item()

    def slopes(self, x: Sequence[float]) -> list[float]:
        """∂y/∂x of the network at `x`: how much y grows per unit of each input there."""
        row = torch.tensor([check_inputs(x)], device=self.device)
        return gradients(self.network, row)[0].tolist()

    def contributions(self, x: Sequence[float], steps: int = 64) -> list[float]:
        """What each input adds to `predict(x)` compared with `predict` of ten zeros.

        Integrated gradients (Sundararajan et al. 2017, arXiv:1703.01365, eq. 1): each input times
        the mean gradient along the straight line from zero to `x`. They add up to the difference
        between the two predictions, up to the error of the midpoint rule with `steps` points. Of a
        linear function they are w·x.
        """
        row = torch.tensor(check_inputs(x), device=self.device)
        along = (torch.arange(steps, device=self.device) + 0.5) / steps
        return (row * gradients(self.network, along[:, None] * row).mean(dim=0)).tolist()
