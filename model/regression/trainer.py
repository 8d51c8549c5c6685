"""Many trainings in one process, a slice at a time: what `model.regression.live` asks for."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import asdict
from typing import Any

from model.regression.data import split_data
from model.regression.live import Snapshot
from model.regression.loop import Training
from model.regression.regressor import gradients
from model.regression.settings import RegressorSettings

SLICE = 0.1  # seconds
MOST_RUNS = 64  # that are kept; the one that was left for longest goes first


class Trainer:
    """The next slice of a run. `runs` are those under way, by the name that their watcher chose."""

    def __init__(self) -> None:
        self.runs: OrderedDict[str, Training] = OrderedDict()

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["run"]
        if request["epoch"] == 0:
            settings = RegressorSettings(**request["settings"], device="cpu")
            while len(self.runs) >= MOST_RUNS:
                self.runs.popitem(last=False)
            self.runs[name] = Training(settings, *split_data(settings.seed))
        training = self.runs[name]  # KeyError: it was dropped, or begun in a process before this
        self.runs.move_to_end(name)
        epochs, due = training.settings.epochs, time.monotonic() + SLICE
        while training.epoch < epochs and time.monotonic() < due:
            training.run_epoch()
        if training.epoch == epochs:
            del self.runs[name]
        slopes = gradients(training.network, training.held_out.x).mean(dim=0) * training.scale
        snapshot = Snapshot(
            epoch=training.epoch,
            epochs=epochs,
            train_rmse=[each["train_rmse"] for each in training.history],
            held_out_rmse=[each["held_out_rmse"] for each in training.history],
            r_squared=training.history[-1]["held_out_r2"],
            weights=slopes.tolist(),
        )
        return asdict(snapshot)
