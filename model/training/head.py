"""The last layer: started from the ImageNet classes that each class resembles, kept near them.

A random head has to learn from a few hundred pictures what an ant is. The ImageNet head knows a
thousand things already; for each class of the folder the row is taken of the ImageNet class that
its training pictures most resemble. L2-SP (Li et al., "Explicit Inductive Bias for Transfer
Learning", ICML 2018, arXiv 1802.01483, eq. 4) then holds the head near that start, as strongly
as k-fold cross-validation on the training pictures says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models import ResNet

STRENGTHS = (10.0, 1.0, 0.1, 0.01, 0.001)


@dataclass(frozen=True)
class Head:
    """A linear layer: `weight` [K, D] and `bias` [K]."""

    weight: Tensor
    bias: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """Logits [..., K] of features [..., D]."""
        return features @ self.weight.T + self.bias

    @classmethod
    def of(cls, network: ResNet) -> Head:
        """The last layer of `network`, on the CPU."""
        return cls(network.fc.weight.detach().cpu(), network.fc.bias.detach().cpu())

    def rows(self, indices: Sequence[int]) -> Head:
        """A head of these rows alone."""
        return Head(self.weight[list(indices)], self.bias[list(indices)])


@dataclass(frozen=True)
class HeadSettings:
    """`strength` is that of L2-SP; the learning rate falls to 0 along a cosine."""

    strength: float = 1.0
    epochs: int = 30
    batch_size: int = 32
    learning_rate: float = 0.01
    seed: int = 0


@dataclass(frozen=True)
class Epoch:
    """One line of the history: mean loss and accuracy (0..1) over the training pictures."""

    epoch: int
    loss: float
    accuracy: float


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


class HeadTraining:
    """Adam on cross-entropy plus L2-SP, an epoch at a time, over features [N, V, D].

    Each epoch sees every picture once, through one of its V views.
    """

    def __init__(self, features: Tensor, labels: Tensor, start: Head, settings: HeadSettings):
        self.features, self.labels, self.start, self.settings = features, labels, start, settings
        self.weight = start.weight.clone().requires_grad_()
        self.bias = start.bias.clone().requires_grad_()
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.optimizer = torch.optim.Adam([self.weight, self.bias], settings.learning_rate)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, settings.epochs)
        self.history: list[Epoch] = []

    @property
    def head(self) -> Head:
        """The head as it is now."""
        return Head(self.weight.detach().clone(), self.bias.detach().clone())

    @property
    def pictures_an_epoch(self) -> int:
        """How many pictures `run_epoch` reports."""
        return len(self.labels)

    def run_epoch(self, on_pictures: Callable[[int], object] = lambda count: None) -> Epoch:
        """Train one epoch and say how it went; `on_pictures` is told how many more are done."""
        count, views = self.features.shape[:2]
        order = torch.randperm(count, generator=self.generator)
        view = torch.randint(views, (count,), generator=self.generator)
        loss_sum, correct = 0.0, 0
        for batch in order.split(self.settings.batch_size):
            labels = self.labels[batch]
            logits = Head(self.weight, self.bias)(self.features[batch, view[batch]])
            loss = F.cross_entropy(logits, labels)
            self.optimizer.zero_grad()
            (loss + self.settings.strength / 2 * self.distance()).backward()
            self.optimizer.step()
            loss_sum += loss.item() * len(batch)
            correct += int((logits.argmax(dim=1) == labels).sum())
            on_pictures(len(batch))
        self.schedule.step()
        epoch = Epoch(len(self.history) + 1, loss_sum / count, correct / count)
        self.history.append(epoch)
        return epoch

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on from here bit for bit."""
        return {
            "weight": self.weight.detach(),
            "bias": self.bias.detach(),
            "generator": self.generator.get_state(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "history": [vars(epoch) for epoch in self.history],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to where `state` was taken."""
        with torch.no_grad():
            self.weight.copy_(state["weight"])
            self.bias.copy_(state["bias"])
        self.generator.set_state(state["generator"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]

    def distance(self) -> Tensor:
        """Squared distance from the start, the L2-SP penalty."""
        moved = (self.weight - self.start.weight, self.bias - self.start.bias)
        return sum(each.square().sum() for each in moved)


def fit_head(features: Tensor, labels: Tensor, start: Head, settings: HeadSettings) -> Head:
    """The head after all epochs, from features [N, V, D] and labels [N]."""
    training = HeadTraining(features, labels, start, settings)
    for _ in range(settings.epochs):
        training.run_epoch()
    return training.head
