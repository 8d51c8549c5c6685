"""Training a fresh regressor while somebody watches, in a process of its own.

That process computes on one thread, set at its start. Matrices as small as these gain nothing by a
second processor, and lose much where it is busy: there, 100 epochs take 31 s on two threads and 1 s
on one. PyTorch's number of threads is a whole process's, so the server must not change its own.

Two runs at a time take turns there (model/regression/trainer.py), and the others wait in line: so
the first to come are done soon. Nothing here needs torch.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from model.errors import UserError
from model.process.worker import Worker, WorkerError

PATIENCE = 30.0  # seconds to wait for one's turn


class TrainingLost(UserError):
    en = "The training was broken off on the server. Press Train again."
    zh = "训练在服务器上中断了。请再按一次“开始训练”。"


class LineFull(UserError):
    en = "Many visitors are training at the moment. Press Train again in a minute."
    zh = "目前训练的访问者太多，请一分钟后再按“开始训练”。"


class Line:
    """Who trains, and who waits to: first come, first served."""

    def __init__(self, together: int = 2, most_waiting: int = 16) -> None:
        self._together, self._most = together, together + most_waiting
        self._heard: dict[str, float] = {}  # when each was, in the order in which they came
        self._lock = threading.Lock()

    def ahead(self, run: str) -> int:
        """How many must end before `run` may go on: 0 when it may. It joins the line by asking,
        and is out of it when it leaves, or does not ask for PATIENCE seconds. Raises LineFull."""
        with self._lock:
            now = time.monotonic()
            self._heard = {each: at for each, at in self._heard.items() if now - at < PATIENCE}
            if run not in self._heard and len(self._heard) >= self._most:
                raise LineFull()
            self._heard[run] = now
            return max(0, list(self._heard).index(run) + 1 - self._together)

    def leave(self, run: str) -> None:
        with self._lock:
            self._heard.pop(run, None)


@dataclass(frozen=True)
class Snapshot:
    """A run after `epoch` of `epochs`: errors by epoch so far, R² on the held-out rows, and the
    learned weight of each input, the mean of the network's gradient over those rows."""

    epoch: int
    epochs: int
    train_rmse: list[float]
    held_out_rmse: list[float]
    r_squared: float
    weights: list[float]

    @property
    def finished(self) -> bool:
        return self.epoch == self.epochs


def make_trainer() -> Worker:
    """The process for all visitors; it starts at the first training."""
    one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return Worker("model.regression.trainer:Trainer", most_waiting=16, environment=one_thread)


def watch_training(trainer: Worker, settings: dict[str, Any]) -> Iterator[Snapshot]:
    """Train, and yield where it is after each slice. `settings` are RegressorSettings' by name.

    Nothing is saved. Whoever stops asking stops the training. Raises TrainingLost.
    """
    run, epoch = secrets.token_hex(8), 0
    while True:
        try:
            answer = trainer.ask({"run": run, "epoch": epoch, "settings": settings}, PATIENCE)
        except WorkerError as error:
            raise TrainingLost() from error
        snapshot = Snapshot(**answer)
        yield snapshot
        if snapshot.finished:
            return
        epoch = snapshot.epoch
