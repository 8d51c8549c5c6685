"""A small network that learns a linear function of ten numbers from noisy examples.

A linear function has a weight for each input; a network has a gradient, which autograd gives, so
that what was learned can be compared with what is true (model/regression/ground_truth.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from model.errors import UserError
from model.regression.ground_truth import INPUTS, LIMIT, check_inputs
from model.run.architecture import architecture_of
from model.run.folder import read_run
from model.run.origin import Origin

LAYERS = (INPUTS, 64, 32, 1)
ARCHITECTURE = "mlp"


class NotARegressor(UserError):
    en = "{folder} is no regressor of this app: {reason}. Use what train.py regressor wrote."
    zh = "{folder} 不是本应用的回归模型（{reason}）。请使用 train.py regressor 的输出。"


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

    It computes on the CPU: for 2,817 parameters, bringing the numbers to an accelerator takes
    longer than the answer.
    """

    device = torch.device("cpu")

    def __init__(self, network: nn.Module, origin: Origin) -> None:
        self.network, self.origin = network.eval().requires_grad_(False), origin

    @classmethod
    def load(cls, folder: Path, origin: Origin | None = None) -> Regressor:
        """The model of a run folder written by `train.py regressor`.

        Raises RunError where files are missing or damaged, NotARegressor where they are whole
        but another model's.
        """
        run = read_run(folder)

        def refuse(reason: str) -> NotARegressor:
            return NotARegressor(folder=folder.name, reason=reason)

        architecture = run.config.get("architecture")
        if architecture != ARCHITECTURE:
            raise refuse(f"architecture {architecture_of(run.config) or 'unknown'}")
        network = build_network(torch.Generator())
        try:
            network.load_state_dict(dict(run.weights))
        except RuntimeError:
            layers = "-".join(map(str, LAYERS))
            raise refuse(f"its tensors are not those of layers {layers}") from None
        for name, tensor in run.weights.items():
            if not tensor.isfinite().all():
                raise refuse(f"{name} holds NaN or infinity")
        if not is_finite(network):
            raise refuse("its answers are not finite numbers")
        return cls(network, origin or Origin(folder.name))

    def predict(self, x: Sequence[float]) -> float:
        """The network's value at `x`, ten numbers from -100 to 100. Raises InputError."""
        return self.network(torch.tensor([check_inputs(x)])).item()

    def slopes(self, x: Sequence[float]) -> list[float]:
        """∂y/∂x of the network at `x`: how much y grows per unit of each input there."""
        return gradients(self.network, torch.tensor([check_inputs(x)]))[0].tolist()

    def contributions(self, x: Sequence[float], steps: int = 64) -> list[float]:
        """What each input adds to `predict(x)` compared with `predict` of ten zeros.

        Integrated gradients (Sundararajan et al. 2017, arXiv:1703.01365, eq. 1): each input times
        the mean gradient along the straight line from zero to `x`. They add up to the difference
        between the two predictions, up to the error of the midpoint rule with `steps` points. Of a
        linear function they are w·x.
        """
        row, along = torch.tensor(check_inputs(x)), (torch.arange(steps) + 0.5) / steps
        return (row * gradients(self.network, along[:, None] * row).mean(dim=0)).tolist()
