"""The regressor's training loop, resumable after any epoch, and the settings it goes by.

The network has 2,817 parameters for 800 noisy rows, enough to learn the noise too: left to itself
its error in cross-validation is 0.195, with noise of 0.1. A weight decay brings it to 0.107: strong
at first, so that only what is worth its weight is learned, and gone for the last 30 % of the steps,
so that it does not bias the answer. The learning rate falls along a half cosine (Loshchilov and
Hutter 2016, arXiv:1608.03983, eq. 5). tests/benchmarks/regressor_recipe.py compares the settings.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.device import choose_device
from model.errors import UserError
from model.regression.regressor import TRAIN_ROWS, Data, build_network, r_squared, rmse, split_data


class BadSetting(UserError):
    en = "{name} cannot be {value}: it must be {rule}."
    zh = "{name} 不能为 {value}：必须满足 {rule}。"


@dataclass(frozen=True)
class RegressorSettings:
    """`weight_decay` is Adam's, on standardised targets; it falls in a straight line to nothing
    at `decay_until` of all steps. `folds` of cross-validation follow the training; 0 is none.
    Raises BadSetting."""

    epochs: int = 200
    batch_size: int = 32
    learning_rate: float = 0.001
    weight_decay: float = 0.03
    decay_until: float = 0.7
    folds: int = 5
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        rules = {
            "epochs": (self.epochs >= 1, "≥ 1"),
            "batch_size": (self.batch_size >= 1, "≥ 1"),
            "learning_rate": (0 < self.learning_rate < math.inf, "> 0"),
            "weight_decay": (0 <= self.weight_decay < math.inf, "≥ 0"),
            "decay_until": (self.decay_until > 0, "> 0"),
            "folds": (self.folds == 0 or 2 <= self.folds <= TRAIN_ROWS, f"0, or 2…{TRAIN_ROWS}"),
        }
        for name, (holds, rule) in rules.items():
            if not holds:
                raise BadSetting(name=name.replace("_", "-"), value=getattr(self, name), rule=rule)


class Training:
    """One training run, an epoch at a time. `state` between two epochs is all that it needs to
    go on, bit for bit on a CPU."""

    def __init__(self, settings: RegressorSettings, train: Data, held_out: Data) -> None:
        self.settings = settings
        self.device = choose_device(settings.device)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.train = Data(train.x.to(self.device), train.y.to(self.device))
        self.held_out = Data(held_out.x.to(self.device), held_out.y.to(self.device))
        self.mean, self.scale = self.train.y.mean(), self.train.y.std()
        self.network = build_network(self.generator).to(self.device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=settings.learning_rate)
        self.history: list[dict[str, float]] = []
        self.seconds = 0.0

    @property
    def epoch(self) -> int:
        """How many epochs are behind us."""
        return len(self.history)

    def run_epoch(self) -> dict[str, float]:
        """Show every training row to the network once; the epoch's figures."""
        started = time.monotonic()
        target = (self.train.y - self.mean) / self.scale
        order = torch.randperm(len(target), generator=self.generator).to(self.device)
        batches = order.split(self.settings.batch_size)
        losses = []
        for step, rows in enumerate(batches):
            self._set_rates((self.epoch + step / len(batches)) / self.settings.epochs)
            loss = F.mse_loss(self.network(self.train.x[rows]).squeeze(1), target[rows])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.detach() * len(rows))
        self.history.append(self._figures(torch.stack(losses).sum() / len(target)))
        self.seconds += time.monotonic() - started
        return self.history[-1]

    def _set_rates(self, progress: float) -> None:
        """Learning rate and weight decay at `progress`, from 0 at the first step to 1."""
        settings = self.settings
        for group in self.optimizer.param_groups:
            group["lr"] = settings.learning_rate * (1 + math.cos(math.pi * progress)) / 2
            group["weight_decay"] = settings.weight_decay * max(
                0.0, 1 - progress / settings.decay_until
            )

    def _figures(self, loss: Tensor) -> dict[str, float]:
        return {
            "epoch": self.epoch + 1,
            "loss": loss.item(),
            "train_rmse": rmse(self.predict(self.train.x), self.train.y),
            "held_out_rmse": rmse(self.predict(self.held_out.x), self.held_out.y),
            "held_out_r2": r_squared(self.predict(self.held_out.x), self.held_out.y),
        }

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """The network's values in the targets' own unit: shape (rows,)."""
        return self.network(x).squeeze(1) * self.scale + self.mean

    def finished_network(self) -> nn.Sequential:
        """A copy on the CPU that answers in the targets' own unit by itself: the last layer takes
        over the scaling. Its weights are rounded to half precision, as they are saved."""
        network = copy.deepcopy(self.network).cpu()
        with torch.no_grad():
            network[-1].weight.mul_(self.scale.cpu())
            network[-1].bias.mul_(self.scale.cpu()).add_(self.mean.cpu())
        return network.half().float()

    def state(self) -> dict[str, Any]:
        """All that changes from epoch to epoch."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "history": self.history,
            "seconds": self.seconds,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state`, of a run with the same settings."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.history, self.seconds = list(state["history"]), state["seconds"]


def cross_validate(settings: RegressorSettings) -> Iterator[float]:
    """RMSE on each fold of the training rows, of a network trained on the other folds.

    This is what settings are to be chosen by: the held-out rows take no part.
    """
    train, _ = split_data(settings.seed)
    parts = torch.arange(len(train)).chunk(settings.folds) if settings.folds else []
    for fold, rows in enumerate(parts):
        others = torch.cat([*parts[:fold], *parts[fold + 1 :]])
        training = Training(replace(settings, device="cpu"), train[others], train[rows])
        for _ in range(settings.epochs):
            training.run_epoch()
        yield training.history[-1]["held_out_rmse"]
