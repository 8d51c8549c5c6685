"""Training a fresh regressor while somebody watches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from model.regressor import gradients, split_data
from model.regressor_loop import RegressorSettings, Training


@dataclass(frozen=True)
class Snapshot:
    """A run after `epoch` of `epochs`: errors by epoch so far, R² on held-out rows, and the
    learned weight of each input, the mean of the network's gradient over the held-out rows."""

    epoch: int
    epochs: int
    train_rmse: list[float]
    held_out_rmse: list[float]
    r_squared: float
    weights: list[float]

    @property
    def finished(self) -> bool:
        return self.epoch == self.epochs


def watch_training(settings: RegressorSettings, every: float = 0.1) -> Iterator[Snapshot]:
    """Train, and yield where it is: at the first epoch, at most each `every` seconds, at the last.

    Nothing is saved. Whoever stops asking stops the training.
    """
    training = Training(settings, *split_data(settings.seed))
    due = 0.0
    while training.epoch < settings.epochs:
        training.run_epoch()
        if time.monotonic() >= due or training.epoch == settings.epochs:
            yield take_snapshot(training)
            due = time.monotonic() + every


def take_snapshot(training: Training) -> Snapshot:
    slopes = gradients(training.network, training.held_out.x).mean(dim=0) * training.scale
    return Snapshot(
        epoch=training.epoch,
        epochs=training.settings.epochs,
        train_rmse=[each["train_rmse"] for each in training.history],
        held_out_rmse=[each["held_out_rmse"] for each in training.history],
        r_squared=training.history[-1]["held_out_r2"],
        weights=slopes.tolist(),
    )
