"""k-fold cross-validation: every training picture judged by a model that has not seen it.

From these out-of-fold answers come the choice of settings, the temperature and the limits of the
known score, so that the val split is read once, at the very end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from model.training.calibration import Quality, fit_temperature, measure
from model.training.head import STRENGTHS, Head, HeadSettings, fit_head, nearest_rows

SLACK = 0.5  # standard errors


@dataclass(frozen=True)
class Choice:
    """The strength of L2-SP that was chosen, the logits [N, K] that it gives out of fold, and how
    every candidate did there, each with a temperature of its own."""

    strength: float
    logits: Tensor
    candidates: dict[float, Quality]


def split_folds(labels: Tensor, folds: int, seed: int) -> list[Tensor]:
    """Indices of `folds` disjoint parts, each with its share of every class.

    There are at most as many parts as the smallest class has pictures.
    """
    generator = torch.Generator().manual_seed(seed)
    fold_of = torch.empty(len(labels), dtype=torch.long)
    counts = torch.bincount(labels)
    folds = max(2, min(folds, int(counts.min())))
    for k in range(len(counts)):
        members = (labels == k).nonzero().flatten()
        shuffled = members[torch.randperm(len(members), generator=generator)]
        fold_of[shuffled] = torch.arange(len(members)) % folds
    return [(fold_of == fold).nonzero().flatten() for fold in range(folds)]


def rest_of(fold: Tensor, count: int) -> Tensor:
    """The indices below `count` that are not in `fold`."""
    outside = torch.ones(count, dtype=torch.bool)
    outside[fold] = False
    return outside.nonzero().flatten()


def choose_strength(
    features: Tensor, labels: Tensor, imagenet: Head, settings: HeadSettings, folds: list[Tensor]
) -> Choice:
    """Cross-validate every strength on features [N, V, D], whose first view is evaluation's.

    They are judged as they will be used, each with its own temperature: without it a weak pull
    would pay for its certainty, which the temperature takes away. The strongest is chosen that is
    not worse than the one of least NLL by more than half a standard error, picture by picture
    (after the one-standard-error rule of Breiman et al., "Classification and Regression Trees",
    1984, § 3.4.3; a whole one was too generous with 20 pictures a class): what the folds cannot
    tell apart, the start decides.
    """
    answers = {
        strength: _cross_validate(
            features, labels, imagenet, replace(settings, strength=strength), folds
        )
        for strength in STRENGTHS
    }
    calibrated = {s: a / fit_temperature(a, labels) for s, a in answers.items()}
    candidates = {s: measure(logits, labels) for s, logits in calibrated.items()}
    best = min(STRENGTHS, key=lambda strength: candidates[strength].nll)
    losses = {s: F.cross_entropy(calibrated[s], labels, reduction="none") for s in STRENGTHS}
    chosen = next(
        strength
        for strength in STRENGTHS  # the strongest first
        if not_worse(losses[strength], losses[best])
    )
    return Choice(chosen, answers[chosen], candidates)


def not_worse(losses: Tensor, best: Tensor) -> bool:
    """Whether losses [N] are in the mean above best's by at most SLACK standard errors."""
    difference = (losses - best).double()
    return bool(difference.mean() <= SLACK * difference.std() / len(difference) ** 0.5)


def _cross_validate(
    features: Tensor, labels: Tensor, imagenet: Head, settings: HeadSettings, folds: list[Tensor]
) -> Tensor:
    num_classes = int(labels.max()) + 1
    logits = features.new_empty(len(labels), num_classes)
    for fold in folds:
        others = rest_of(fold, len(labels))
        head = fit_head(
            features[others],
            labels[others],
            start_head(features[others, 0], labels[others], imagenet, num_classes),
            settings,
        )
        logits[fold] = head(features[fold, 0])
    return logits


def start_head(features: Tensor, labels: Tensor, imagenet: Head, num_classes: int) -> Head:
    """The rows of the ImageNet head that the classes' features [N, D] most resemble."""
    return imagenet.rows(nearest_rows(imagenet(features), labels, num_classes))
