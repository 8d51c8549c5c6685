"""The regressor's training loop, resumable after any epoch.

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
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.device import choose_device
from model.regression.data import Data, split_data
from model.regression.evaluation import r_squared, rmse
from model.regression.regressor import build_network
from model.regression.settings import RegressorSettings


class Training:
    """One training run, an epoch at a time. `state_dict` between two epochs is all that it needs
    to go on, bit for bit on a CPU."""

    def __init__(self, settings: RegressorSettings, train: Data, held_out: Data) -> None:
        self.settings = settings
        self.device = choose_device(settings.device)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.train, self.held_out = (
            Data(each.x.to(self.device), each.y.to(self.device)) for each in (train, held_out)
        )
        self.mean, self.scale = self.train.y.mean(), self.train.y.std()
        self.network = build_network(self.generator).to(self.device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=settings.learning_rate)
        self.history: list[dict[str, float]] = []
        self.seconds = 0.0

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
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
        held_out = self.predict(self.held_out.x)
        figures = {
            "epoch": self.epoch + 1,
            "loss": (torch.stack(losses).sum() / len(target)).item(),
            "train_rmse": rmse(self.predict(self.train.x), self.train.y),
            "held_out_rmse": rmse(held_out, self.held_out.y),
            "held_out_r2": r_squared(held_out, self.held_out.y),
        }
        self.history.append(figures)
        self.seconds += time.monotonic() - started
        return figures

    def _set_rates(self, progress: float) -> None:
        """Learning rate and weight decay at `progress`, from 0 at the first step to 1."""
        settings = self.settings
        for group in self.optimizer.param_groups:
            group["lr"] = settings.learning_rate * (1 + math.cos(math.pi * progress)) / 2
            left = max(0.0, 1 - progress / settings.decay_until)
            group["weight_decay"] = settings.weight_decay * left

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

    def state_dict(self) -> dict[str, Any]:
        """All that changes from epoch to epoch."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "history": self.history,
            "seconds": self.seconds,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
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
    parts = torch.arange(len(train.y)).chunk(settings.folds) if settings.folds else []
    for fold, rows in enumerate(parts):
        others = torch.cat([*parts[:fold], *parts[fold + 1 :]])
        learned_from, judged_by = (Data(train.x[i], train.y[i]) for i in (others, rows))
        training = Training(replace(settings, device="cpu"), learned_from, judged_by)
        for _ in range(settings.epochs):
            training.run_epoch()
        yield training.history[-1]["held_out_rmse"]
