"""Is a picture like anything that the model was trained on?

A classifier of ants and bees must call a teapot an ant or a bee. What tells that it is neither is
how the frozen ImageNet head sees it: every picture gets a distribution over the 1,000 ImageNet
classes, and pictures of one kind get alike distributions. The score is the Bhattacharyya
coefficient (A. Bhattacharyya, "On a measure of divergence between two statistical populations",
Bull. Calcutta Math. Soc. 35, 1943, p. 99) between the picture's distribution p and that of the
class that it resembles most, q, the normalised geometric mean of its training pictures':

    score = max over classes of  sum_i sqrt(p_i q_i)      from 0 (nothing in common) to 1 (equal)

Both are sharpened first (a softmax at temperature 0.4), so that the few ImageNet classes that a
picture really looks like count and the long tail does not. It needs no pictures of "neither", and
one forward pass gives the features for both heads.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SHARPENING = 0.4


class KnownScore(nn.Module):
    """`weight` [1000, D] and `bias` [1000] are the ImageNet head, `prototypes` [K, 1000] each
    class's distribution; a picture scoring below `threshold` is "neither"."""

    def __init__(self, weight: Tensor, bias: Tensor, prototypes: Tensor, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold
        # as buffers they go along with to(), half() and state_dict()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.register_buffer("prototypes", prototypes)

    def forward(self, features: Tensor) -> Tensor:
        """Scores [N] in 0..1 of the features [N, D] of N pictures."""
        logits = features @ self.weight.T + self.bias
        return bhattacharyya(sharpened(logits), self.prototypes).amax(dim=1)


def bhattacharyya(p: Tensor, q: Tensor) -> Tensor:
    """Coefficients [N, K] between the distributions p [N, C] and q [K, C]."""
    return p.sqrt() @ q.sqrt().T


def sharpened(logits: Tensor) -> Tensor:
    """The distributions [N, C] that logits [N, C] stand for, their likely classes stressed."""
    return (logits / SHARPENING).softmax(dim=1)


def prototypes(logits: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Each class's distribution [K, C], from ImageNet logits [N, C] and labels [N].

    The mean of logits is the geometric mean of distributions: one strange picture among the
    training pictures hardly moves it.
    """
    means = [logits[labels == k].mean(dim=0) for k in range(num_classes)]
    return sharpened(torch.stack(means))
