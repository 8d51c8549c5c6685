"""The epochs of a training, and what they come to."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor
from torchvision.models import ResNet

from model.errors import UserError
from model.run.progress import Reporter
from model.training.distributed import world_size


class Diverged(UserError):
    en = "The loss is no longer a finite number. Train again with a lower --learning-rate."
    zh = "损失已不是有限的数。请用更小的 --learning-rate 重新训练。"


@dataclass(frozen=True)
class Epoch:
    """One line of the history: mean loss and accuracy (0..1) over the training pictures."""

    epoch: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Trained:
    """A network with K classes, the features [N, 512] and windows [N, 1 + P, 512] of its training
    pictures, what models that had not seen them said of them (logits [N, K], and the known score's
    evidence [N, 2]). `history` is how the body's training went, if it was trained."""

    network: ResNet
    features: Tensor
    windows: Tensor
    logits: Tensor
    evidence: Tensor
    interrupted: bool = False
    history: list[Epoch] = field(default_factory=list)
    body: Any = None  # the BodySettings that it was tuned by
    comparison: Any = None  # of the frozen body with the tuned one, where there was any


class Training(Protocol):
    """What is trained an epoch at a time."""

    settings: Any
    history: list[Epoch]

    @property
    def pictures_an_epoch(self) -> int: ...
    def run_epoch(self, on_pictures: Callable[[int], object]) -> Epoch: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...


def run_epochs(
    training: Training,
    state: dict[str, Any],
    save: Callable[[dict[str, Any]], None],
    reporter: Reporter,
) -> bool:
    """Go on from `state` to the last epoch, a bar and a checkpoint each; True if Ctrl-C ended it
    early. Several processes, none of which can go on alone, raise KeyboardInterrupt instead."""
    if state:
        training.load_state_dict(state)
    epochs = training.settings.epochs
    try:
        while len(training.history) < epochs:
            title = f"epoch {len(training.history) + 1}/{epochs}"
            with reporter.bar(title, total=training.pictures_an_epoch) as bar:
                done = training.run_epoch(bar.advance)
                bar.note(loss=done.loss, accuracy=done.accuracy)
            if not math.isfinite(done.loss):
                raise Diverged()
            save(training.state_dict())
    except KeyboardInterrupt:
        if world_size() > 1:
            raise
        reporter.line(
            f"Interrupted after {len(training.history)} of {epochs} epochs; saving the model as "
            "it is. With --resume the training goes on."
        )
        return True
    return False
