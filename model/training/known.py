"""The known score of a training: what it is made of, and where its three answers part.

Every training picture is judged by a score whose prototypes have not seen it, as a picture that
somebody drops will be. Of these out-of-fold scores the limits are conformal quantiles (Vovk et
al., "Algorithmic Learning in a Random World", 2005): of new pictures like the training pictures 95
of 100 are known and 99 not "neither".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from model.classifier.ood import KnownScore, Limits, combine, directions, prototypes
from model.training.cross_validation import rest_of
from model.training.head import Head

KNOWN, NOT_NEITHER = 0.95, 0.99  # of the training pictures
FENCE = 1.5  # interquartile ranges


def prototype_score(windows: Tensor, labels: Tensor, imagenet: Head) -> KnownScore:
    """A score with the prototypes and directions of windows [N, 1 + P, D]; without limits yet, it
    gives evidence only."""
    num_classes = int(labels.max()) + 1
    whole = windows[:, 0].float()
    centres = prototypes(imagenet(whole), labels, num_classes)
    axes = directions(whole, labels, num_classes)
    return KnownScore(imagenet.weight, imagenet.bias, centres, axes, None, Limits(0.0))


def evidence_out_of_fold(
    windows: Tensor, labels: Tensor, imagenet: Head, folds: Sequence[Tensor]
) -> Tensor:
    """Likeness and cosine [N, 2] of every picture, by prototypes that have not seen it."""
    evidence = torch.empty(len(labels), 2)
    for fold in folds:
        others = rest_of(fold, len(labels))
        score = prototype_score(windows[others], labels[others], imagenet)
        evidence[fold] = score.evidence(windows[fold])
    return evidence


def fit_known_score(
    windows: Tensor, labels: Tensor, imagenet: Head, evidence: Tensor
) -> KnownScore:
    """The score of windows [N, 1 + P, D], with the limits that out-of-fold evidence [N, 2] gives;
    as precise as the run folder keeps it."""
    known = prototype_score(windows, labels, imagenet)
    known.limits = fit_limits(evidence)
    shares = torch.linspace(0, 1, 101, dtype=torch.float64)
    known.percentiles = combine(evidence, known.limits).double().quantile(shares).float()
    return known.half().float()


def fit_limits(evidence: Tensor) -> Limits:
    """The limits that out-of-fold evidence [N, 2] gives.

    The floor lies under the cosine that 99 % of the pictures reach, by 0.7 of the cosines'
    standard deviation, and is as soft as 0.4 of it: so it takes from hardly a photo.
    """
    cosines = evidence[:, 1]
    spread = max(cosines.std().item(), 1e-3)  # pictures that are all alike would make it a cliff
    floor = reached_by(cosines, NOT_NEITHER) - 0.7 * spread
    scores = combine(evidence, Limits(0.0, 0.0, floor, 0.4 * spread))
    typical = scores[~far_out(scores)]
    thresholds = [reached_by(typical, share) for share in (KNOWN, NOT_NEITHER)]
    return Limits(*thresholds, floor, 0.4 * spread)


def reached_by(scores: Tensor, share: float) -> float:
    """The score that a further picture reaches with a probability of `share` at least; the lowest
    of fewer than 1 / (1 - share) scores."""
    rank = math.floor((len(scores) + 1) * (1 - share) + 1e-9)  # 0.05 * 100 is a little under 5
    return scores.sort().values[max(rank, 1) - 1].item()


def far_out(scores: Tensor) -> Tensor:
    """Which scores [N], 0..1, lie so far under the others that their pictures are hardly of the
    class they are filed under: an empty comb, a flower without a bee. Whatever accepts them would
    accept anything.

    Tukey's fence ("Exploratory Data Analysis", 1977, § 2D) on the log-odds: one and a half
    interquartile ranges, of 1 at least, under the lower quartile.
    """
    odds = scores.double().logit(eps=1e-9)
    low, high = odds.quantile(0.25), odds.quantile(0.75)
    return odds < low - FENCE * (high - low).clamp_min(1.0)
