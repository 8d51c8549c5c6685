"""What `train.py classifier` can be told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from model.training.body import BodySettings
from model.training.head import HeadSettings

Settings = TypeVar("Settings", HeadSettings, BodySettings)


@dataclass(frozen=True)
class ClassifierSettings:
    """`epochs`, `learning_rate` and `batch_size` are the head's, or with `train_body` the body's
    (None is each one's default). `augmented` random views of a picture are learned from beside
    the plain one and its mirror image. `half` saves the weights as float16."""

    epochs: int | None = None
    batch_size: int = 32
    learning_rate: float | None = None
    train_body: bool = False
    augmented: int = 2
    folds: int = 5
    seed: int = 0
    device: str = "auto"
    workers: int = 2
    half: bool = False

    @property
    def head(self) -> HeadSettings:
        settings = HeadSettings(seed=self.seed)
        return settings if self.train_body else self._with_given(settings)

    @property
    def body(self) -> BodySettings:
        return self._with_given(BodySettings(seed=self.seed, workers=self.workers))

    def _with_given(self, defaults: Settings) -> Settings:
        return replace(
            defaults,
            batch_size=self.batch_size,
            epochs=self.epochs or defaults.epochs,
            learning_rate=self.learning_rate or defaults.learning_rate,
        )
