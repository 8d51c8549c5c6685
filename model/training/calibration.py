"""How much a probability is worth: calibration, and honest error bars.

A classifier is calibrated when of the answers given with 80 % confidence, 80 % are right
(Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, arXiv 1706.04599).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

BINS = 15


@dataclass(frozen=True)
class Quality:
    """How good the probabilities of `total` pictures are; `interval` is the accuracy's 95 % one."""

    correct: int
    total: int
    accuracy: float
    interval: tuple[float, float]
    nll: float
    brier: float
    ece: float

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "interval": list(self.interval)}


def measure(logits: Tensor, labels: Tensor) -> Quality:
    """Quality of the softmax of logits [N, K] against labels [N]."""
    probabilities = logits.softmax(dim=1)
    correct = int((logits.argmax(dim=1) == labels).sum())
    one_hot = F.one_hot(labels, logits.shape[1])
    return Quality(
        correct=correct,
        total=len(labels),
        accuracy=correct / len(labels),
        interval=wilson_interval(correct, len(labels)),
        nll=F.cross_entropy(logits, labels).item(),
        brier=(probabilities - one_hot).square().sum(dim=1).mean().item(),
        ece=expected_calibration_error(reliability(probabilities, labels)),
    )


@dataclass(frozen=True)
class Bin:
    """The answers given with a confidence in (low, high]: their number, mean confidence and how
    many of them were right, both 0..1 (0 in an empty bin)."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def reliability(probabilities: Tensor, labels: Tensor, bins: int = BINS) -> list[Bin]:
    """The reliability diagram of probabilities [N, K]: `bins` bins of equal width."""
    confidence, answer = probabilities.max(dim=1)
    right = (answer == labels).double()
    number = (confidence * bins).ceil().clamp(1, bins) - 1
    diagram = []
    for i in range(bins):
        inside = number == i
        count = int(inside.sum())
        diagram.append(
            Bin(
                low=i / bins,
                high=(i + 1) / bins,
                count=count,
                confidence=confidence[inside].double().mean().item() if count else 0.0,
                accuracy=right[inside].mean().item() if count else 0.0,
            )
        )
    return diagram


def expected_calibration_error(diagram: list[Bin]) -> float:
    """ECE in 0..1: mean gap between confidence and accuracy (Guo et al. 2017, eq. 3)."""
    total = sum(each.count for each in diagram)
    return sum(each.count * abs(each.confidence - each.accuracy) for each in diagram) / total


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The T > 0 for which softmax(logits / T) has the least NLL on held-out logits [N, K].

    One more pseudo-observation says that log T is standard normal: without it a handful of
    pictures that are all right would give T = 0 and a certainty that nothing supports.
    """
    log_t = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_t], max_iter=100, line_search_fn="strong_wolfe")
    logits = logits.detach().double()

    def loss() -> Tensor:
        optimizer.zero_grad()
        nll = F.cross_entropy(logits / log_t.exp(), labels, reduction="sum")
        total = (nll + log_t.square() / 2) / len(labels)
        total.backward()
        return total

    optimizer.step(loss)
    return log_t.exp().item()


def wilson_interval(successes: int, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """95 % interval of a proportion (E. B. Wilson, JASA 22, 1927, p. 209–212)."""
    p = successes / trials
    centre = (p + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(p * (1 - p) / trials + (z / (2 * trials)) ** 2)
    return max(0.0, centre - half), min(1.0, centre + half)


def confusion_matrix(answers: Tensor, labels: Tensor, num_classes: int) -> list[list[int]]:
    """Counts by true class (row) and answer (column), from answers [N] and labels [N]."""
    pairs = torch.bincount(labels * num_classes + answers, minlength=num_classes**2)
    return pairs.reshape(num_classes, num_classes).tolist()
