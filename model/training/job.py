"""What one training of a classifier works with, and what it comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchvision.models import ResNet

from model.classifier.classifier import Preprocessing
from model.images.folder import Picture, PictureFolder
from model.run.progress import Reporter
from model.training.body import BodySettings
from model.training.cross_validation import Choice, OutOfFold
from model.training.distributed import Team
from model.training.features import Views, extract_features
from model.training.head import Epoch, Head, HeadSettings
from model.training.initial_weights import Initial


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

    def _with_given(self, defaults: Any) -> Any:
        return replace(
            defaults,
            batch_size=self.batch_size,
            epochs=self.epochs or defaults.epochs,
            learning_rate=self.learning_rate or defaults.learning_rate,
        )


@dataclass(frozen=True)
class Job:
    """What one training works with. `body` is the ImageNet network on `device`, `labels` [N] are
    the training pictures'."""

    settings: ClassifierSettings
    folder: PictureFolder
    initial: Initial
    output: Path
    team: Team
    device: torch.device
    reporter: Reporter
    preprocessing: Preprocessing = field(default_factory=Preprocessing)

    @property
    def labels(self) -> Tensor:
        return torch.tensor([picture.label for picture in self.folder.train])

    @property
    def num_classes(self) -> int:
        return len(self.folder.classes)

    @property
    def imagenet(self) -> Head:
        """The ImageNet head on the CPU, where heads are trained: they are small."""
        return Head.of(self.initial.network)


@dataclass(frozen=True)
class Trained:
    """A classifier and what its card tells. `network` has K classes; `features` [N, 512] are its
    training pictures', `out_of_fold` what models that had not seen them said of them."""

    network: ResNet
    features: Tensor
    out_of_fold: OutOfFold
    choice: Choice
    rows: list[int]
    history: list[Epoch]
    body_history: list[Epoch] = field(default_factory=list)
    interrupted: bool = False


def all_features(
    job: Job,
    network: ResNet,
    pictures: Sequence[Picture],
    views: Views,
    exact: bool = False,
) -> Tensor:
    """Features [N, views, 512] of all the pictures on the CPU, the team sharing the work."""
    share = job.team.share(len(pictures))
    with job.reporter.bar("features", total=len(share)) as bar:
        mine = extract_features(
            network,
            pictures,
            job.folder.root,
            views,
            job.preprocessing.normalise,
            share=share,
            workers=job.settings.workers,
            exact=exact,
            on_pictures=bar.advance,
        )
    return job.team.gather(mine, len(pictures)).cpu()
