"""The last layer: multinomial logistic regression on what the frozen body sees.

The loss of K classes' weights W [K, D] and biases on N pictures is convex,

    mean cross-entropy + strength / 2 * |W - start|^2

so L-BFGS (Liu and Nocedal, Mathematical Programming 45, 1989, p. 503) finds its one minimum in some
dozens of steps, without a learning rate, epochs or chance. The start is zero (ridge regression's
penalty), or for each class the row of the ImageNet head that its pictures resemble most (L2-SP: Li
et al., "Explicit Inductive Bias for Transfer Learning", ICML 2018, arXiv 1802.01483, eq. 4): a
thousand things are known already, and an ant may be one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models import ResNet

MOST_STEPS = 200


@dataclass(frozen=True)
class Head:
    """A linear layer: `weight` [K, D] and `bias` [K]; or H of them, [H, K, D] and [H, K]."""

    weight: Tensor
    bias: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """Logits [..., K] of features [..., D], by a single one."""
        return features @ self.weight.T + self.bias

    def __getitem__(self, index: int) -> Head:
        """One of H."""
        return Head(self.weight[index], self.bias[index])

    @classmethod
    def of(cls, network: ResNet) -> Head:
        """The last layer of `network`, on the CPU."""
        return cls(network.fc.weight.detach().cpu(), network.fc.bias.detach().cpu())

    def rows(self, indices: Sequence[int]) -> Head:
        """A head of these rows alone."""
        return Head(self.weight[list(indices)], self.bias[list(indices)])

    def cooled(self, temperature: float) -> Head:
        """The head whose logits are these divided by `temperature`."""
        return Head(self.weight / temperature, self.bias / temperature)


def nearest_rows(logits: Tensor, labels: Tensor, num_classes: int) -> list[int]:
    """For each class the ImageNet class that its pictures resemble most, no two the same while
    there are enough.

    `logits` [N, 1000] are the ImageNet head's; resemblance is the mean probability. The class
    that is surest of its row chooses first.
    """
    probabilities = logits.softmax(dim=1)
    resemblance = torch.stack([probabilities[labels == k].mean(dim=0) for k in range(num_classes)])
    rows = [-1] * num_classes
    for _ in range(num_classes):
        k, row = divmod(int(resemblance.argmax()), resemblance.shape[1])
        rows[k] = row
        resemblance[k] = -1
        if num_classes <= resemblance.shape[1]:
            resemblance[:, row] = -1
    return rows


def fit_heads(
    features: Tensor,
    labels: Tensor,
    shares: Tensor,
    strength: float,
    start: Head,
    begin: Head | None = None,
    *,
    tolerance: float = 1e-4,
) -> Head:
    """The H heads of least loss, all at once: one matrix product serves them all.

    `features` [N, V, D] are V views of N pictures, each learned from as a picture of its own;
    `shares` [H, N] tells how much each picture counts for each head (0 leaves it out); `start` has
    H heads, and so has `begin`, where the search begins (default: at the start). The search ends
    where no derivative is above `tolerance`.
    """
    count, views = features.shape[:2]
    # The bias is not held, so that the mean can go into it: without it the search is far shorter.
    mean = features.mean(dim=(0, 1))
    x = (features - mean).flatten(0, 1)
    y = labels.repeat_interleave(views).repeat(len(shares))
    shares = (shares / shares.sum(dim=1, keepdim=True)).repeat_interleave(views, dim=1) / views
    begin = begin or start
    weight = begin.weight.clone().requires_grad_()
    bias = (begin.bias + begin.weight @ mean).requires_grad_()
    optimizer = torch.optim.LBFGS(
        [weight, bias],
        max_iter=MOST_STEPS,
        tolerance_grad=tolerance,
        tolerance_change=1e-9,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        logits = x @ weight.flatten(0, 1).T + bias.flatten()
        logits = logits.view(count * views, len(shares), -1).transpose(0, 1).flatten(0, 1)
        losses = F.cross_entropy(logits, y, reduction="none") * shares.flatten()
        total = losses.sum() + strength / 2 * (weight - start.weight).square().sum()
        total.backward()
        return total

    optimizer.step(loss)
    weight = weight.detach()
    return Head(weight, bias.detach() - weight @ mean)
