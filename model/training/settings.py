"""What `train.py classifier` can be told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from model.training.body import BOLDNESS, BodySettings


@dataclass(frozen=True)
class ClassifierSettings:
    """`train_body` "auto" tunes the whole network where that is surely better; None is "auto" with
    an accelerator and "never" without. `epochs`, `learning_rate` and `batch_size` are the body's
    (None is each one's default). `half` saves the weights as float16."""

    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    train_body: Literal["auto", "always", "never"] | None = None
    folds: int = 5
    seed: int = 0
    device: str = "auto"
    workers: int = 2
    half: bool = False

    def bodies(self, mirrored: bool) -> dict[str, BodySettings]:
        """The ways to tune the body between which the folds choose, from `mirrored` pictures too if
        these help."""
        return {
            name: replace(
                each,
                epochs=self.epochs or each.epochs,
                batch_size=self.batch_size or each.batch_size,
                learning_rate=self.learning_rate or each.learning_rate,
                batches=0 if self.epochs else each.batches,
                mirrored=mirrored,
                seed=self.seed,
                workers=self.workers,
            )
            for name, each in BOLDNESS.items()
        }
