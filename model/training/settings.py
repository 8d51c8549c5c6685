"""What `train.py classifier` can be told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from model.training.body import BOLDNESS, BodySettings
from model.training.head import HeadSettings

Settings = TypeVar("Settings", HeadSettings, BodySettings)


@dataclass(frozen=True)
class ClassifierSettings:
    """`train_body` "auto" tunes the whole network where that is surely better; None is "auto" with
    an accelerator and "never" without. `epochs`, `learning_rate` and `batch_size` are the body's
    (None is each one's default). `augmented` random views of a picture are learned from beside
    the plain one and its mirror image. `half` saves the weights as float16."""

    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    train_body: Literal["auto", "always", "never"] | None = None
    augmented: int = 2
    folds: int = 5
    seed: int = 0
    device: str = "auto"
    workers: int = 2
    half: bool = False

    @property
    def head(self) -> HeadSettings:
        settings = HeadSettings(seed=self.seed)
        return settings if self.train_body != "never" else self._with_given(settings)

    @property
    def bodies(self) -> dict[str, BodySettings]:
        """The ways to tune the body between which the folds choose."""
        return {
            name: replace(
                self._with_given(each),
                batches=0 if self.epochs else each.batches,
                seed=self.seed,
                workers=self.workers,
            )
            for name, each in BOLDNESS.items()
        }

    def _with_given(self, defaults: Settings) -> Settings:
        return replace(
            defaults,
            batch_size=self.batch_size or defaults.batch_size,
            epochs=self.epochs or defaults.epochs,
            learning_rate=self.learning_rate or defaults.learning_rate,
        )
