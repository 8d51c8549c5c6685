"""Is a picture like anything that the model was trained on?

A classifier of ants and bees must call a teapot an ant or a bee. Two things tell that it is
neither, both from the one forward pass that gives the answer.

How the frozen ImageNet head sees it: every picture gets a distribution over the 1,000 ImageNet
classes, and pictures of one kind get alike distributions. Likeness is the Bhattacharyya
coefficient (A. Bhattacharyya, "On a measure of divergence between two statistical populations",
Bull. Calcutta Math. Soc. 35, 1943, p. 99) between the picture's distribution p and that of the
class that it resembles most, q, the normalised geometric mean of its training pictures':

    likeness = max over classes of  sum_i sqrt(p_i q_i)      from 0 (nothing in common) to 1 (equal)

Both are sharpened first (a softmax at temperature 0.4), so that the few ImageNet classes that a
picture really looks like count and the long tail does not. It is the mean over windows of half the
picture's side, for a small ant in a large picture is lost in the mean of the whole.

Whether it is a photo at all: an empty page or noise comes to some ImageNet distribution too, as
like an ant's as any. But the features that it comes from, which are never negative, point
elsewhere than those of any photo: their cosine with a class's mean direction is small. So

    score = likeness * sigmoid((cosine - cosine_floor) / cosine_width)

where training pictures lie above the floor. Besides, whatever its score, a picture is "known" only
where the sigmoid comes to 0.9, and "neither" where it does not come to 0.3. No pictures of
"neither" are needed for any of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

SHARPENING = 0.4
SURELY, HARDLY = 0.9, 0.3  # a photo, by the sigmoid
PART = 256  # pictures at a time: each has a thousand numbers a window

Verdict = Literal["known", "unusual", "neither"]


@dataclass(frozen=True)
class Limits:
    """From which score on, 0..1, a picture is known, and below which it is neither; between them
    it is unusual. `cosine_floor` and `cosine_width` are the score's own. What runs published
    before there were three answers do not say is None: their score is the whole picture's
    likeness, and what is not known is neither."""

    known_threshold: float
    neither_threshold: float | None = None
    cosine_floor: float | None = None
    cosine_width: float | None = None


class KnownScore(nn.Module):
    """`weight` [1000, D] and `bias` [1000] are the ImageNet head, `prototypes` [K, 1000] each
    class's distribution, `directions` [K, D] its features' mean direction, `percentiles` [101] the
    training pictures' scores out of fold, from the lowest to the highest. The last two are None
    where `limits` says only what is known."""

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        prototypes: Tensor,
        directions: Tensor | None,
        percentiles: Tensor | None,
        limits: Limits,
    ) -> None:
        super().__init__()
        self.limits = limits
        # as buffers they go along with to(), half() and state_dict()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.register_buffer("prototypes", prototypes)
        self.register_buffer("directions", directions)
        self.register_buffer("percentiles", percentiles)

    def forward(self, windows: Tensor) -> Tensor:
        """Scores [N] in 0..1 of N pictures, by their `windows_of` [N, 1 + P, D]."""
        return self.judge(windows)[0]

    def judge(self, windows: Tensor) -> tuple[Tensor, list[Verdict]]:
        """Scores [N] of N pictures, by their `windows_of` [N, 1 + P, D], and what each means."""
        if self.directions is not None:
            return self.weigh(self.evidence(windows))
        scores = self._likeness(windows[:, :1])
        return scores, [self.verdict(score) for score in scores.tolist()]

    def weigh(self, evidence: Tensor) -> tuple[Tensor, list[Verdict]]:
        """Scores [N] of N pictures, by their evidence [N, 2], and what each means."""
        scores = combine(evidence, self.limits)
        photos = photo_gate(evidence[:, 1], self.limits)
        return scores, list(map(self.verdict, scores.tolist(), photos.tolist()))

    def evidence(self, windows: Tensor) -> Tensor:
        """What the score is made of, [N, 2]: likeness and cosine, both 0..1."""
        parts = windows.split(PART)
        likeness = torch.cat([self._likeness(part[:, 1:].float()) for part in parts])
        whole = F.normalize(windows[:, 0].float(), dim=1)
        return torch.stack([likeness, (whole @ self.directions.T).amax(dim=1)], dim=1)

    def verdict(self, score: float, photo: float = 1.0) -> Verdict:
        """What a score means, of a picture whose `photo_gate` is `photo`."""
        if score >= self.limits.known_threshold and photo >= SURELY:
            return "known"
        neither = self.limits.neither_threshold
        return "neither" if neither is None or score < neither or photo < HARDLY else "unusual"

    def percentile(self, score: float) -> float | None:
        """How many of 100 training pictures score lower, 0..100."""
        if self.percentiles is None:
            return None
        scores = self.percentiles.float().cpu().numpy()
        return float(np.interp(score, scores, np.arange(len(scores))))

    def _likeness(self, windows: Tensor) -> Tensor:
        logits = windows @ self.weight.T + self.bias
        return bhattacharyya(sharpened(logits), self.prototypes).amax(dim=-1).mean(dim=1)


def windows_of(activations: Tensor) -> Tensor:
    """Mean features [N, 1 + P, D] of feature maps [N, D, h, w]: of the whole, then of each window
    of half its side, a step of one place apart (of 8 x 8 places 25)."""
    whole = activations.mean(dim=(2, 3))[:, :, None]
    side = max(1, activations.shape[-1] // 2)
    parts = F.avg_pool2d(activations, side, stride=1).flatten(2)
    return torch.cat([whole, parts], dim=2).transpose(1, 2)


def combine(evidence: Tensor, limits: Limits) -> Tensor:
    """Scores [N] in 0..1 of likeness and cosine, [N, 2]."""
    likeness, cosine = evidence.unbind(dim=1)
    return likeness * photo_gate(cosine, limits)


def photo_gate(cosine: Tensor, limits: Limits) -> Tensor:
    """How surely pictures are photos, 0..1, by their features' cosine [N]."""
    return ((cosine - limits.cosine_floor) / limits.cosine_width).sigmoid()


def bhattacharyya(p: Tensor, q: Tensor) -> Tensor:
    """Coefficients [..., K] between the distributions p [..., C] and q [K, C]."""
    return p.sqrt() @ q.sqrt().T


def sharpened(logits: Tensor) -> Tensor:
    """The distributions [..., C] that logits [..., C] stand for, their likely classes stressed."""
    return (logits / SHARPENING).softmax(dim=-1)


def prototypes(logits: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Each class's distribution [K, C], from ImageNet logits [N, C] and labels [N].

    The mean of logits is the geometric mean of distributions: one strange picture among the
    training pictures hardly moves it.
    """
    return sharpened(class_means(logits, labels, num_classes))


def directions(features: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Each class's mean direction [K, D], of length 1, from features [N, D] and labels [N]."""
    return F.normalize(class_means(F.normalize(features, dim=1), labels, num_classes), dim=1)


def class_means(values: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """The mean [K, ...] of the values [N, ...] of each class."""
    return torch.stack([values[labels == k].mean(dim=0) for k in range(num_classes)])
