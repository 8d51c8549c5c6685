"""Training the whole network, for those who have pictures and time enough.

The head is trained first and the body only afterwards, gently (LP-FT: Kumar et al., "Fine-Tuning
can Distort Pretrained Features", ICLR 2022, arXiv 2202.10054), the deeper a stage lies the more
gently (discriminative fine-tuning: Howard and Ruder, ACL 2018, arXiv 1801.06146, section 3.2):
edges and textures are the same in every picture. The result is the mean of the weights before and
after (WiSE-FT: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022, arXiv
2109.01903, with alpha = 0.5). Batch-norm statistics stay frozen: re-estimated on small batches they
would wreck the body.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torchvision.models import ResNet

from model.device import autocast
from model.images.folder import Picture, load_training_picture
from model.training.distributed import Team
from model.training.features import picture_generator, prefetch, random_view, to_device
from model.training.head import Epoch

STAGES = (("fc", "layer4"), ("layer3",), ("layer2",), ("layer1",), ("conv1", "bn1"))
STAGE_DECAY = 0.3  # a stage's learning rate by that of the one above


@dataclass(frozen=True)
class BodySettings:
    """`learning_rate` is AdamW's for the top stage and falls to 0 along a cosine over `epochs`;
    each batch is the team's. On ants and bees five or eight epochs are no better than three."""

    epochs: int = 3
    batch_size: int = 32
    learning_rate: float = 1e-5
    seed: int = 0
    workers: int = 2


class BodyTraining:
    """Fine-tunes every weight of `network`, an epoch at a time, on the pictures numbered `mine`.

    `state` and `load_state` are what a checkpoint keeps.
    """

    def __init__(
        self,
        network: ResNet,
        pictures: Sequence[Picture],
        root: Path,
        numbers: Tensor,
        normalise: Callable[[Tensor], Tensor],
        settings: BodySettings,
        team: Team,
    ) -> None:
        self.pictures, self.root, self.numbers = pictures, root, numbers
        self.normalise, self.settings, self.team = normalise, settings, team
        self.start = copy.deepcopy(network.state_dict())
        # eval() for good: it is what keeps the batch-norm statistics as they are
        self.network = network.eval().requires_grad_(True)
        self.device = next(network.parameters()).device
        self.parallel: nn.Module = network
        if team.size > 1:
            self.parallel = DistributedDataParallel(network)
        self.optimizer = torch.optim.AdamW(parameter_groups(network, settings.learning_rate))
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, settings.epochs)
        self.history: list[Epoch] = []

    @property
    def pictures_an_epoch(self) -> int:
        """How many pictures `run_epoch` reports: this process's share."""
        return len(self.team.share(len(self.numbers)))

    def run_epoch(self, on_pictures: Callable[[int], object] = lambda count: None) -> Epoch:
        """Train one epoch and say how it went; `on_pictures` is told how many more are done."""
        number = len(self.history) + 1
        totals = torch.zeros(3)
        for images, labels in self._batches(number):
            with autocast(self.device):
                logits = self.parallel(images)
                loss = F.cross_entropy(logits, labels)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            correct = int((logits.argmax(dim=1) == labels).sum())
            totals += torch.tensor([loss.item() * len(labels), correct, len(labels)])
            on_pictures(len(labels))
        self.schedule.step()
        loss_sum, correct_sum, count = self.team.total(totals.to(self.device)).tolist()
        epoch = Epoch(number, loss_sum / count, correct_sum / count)
        self.history.append(epoch)
        return epoch

    def averaged(self) -> dict[str, Tensor]:
        """The mean of the weights at the start and now."""
        now = self.network.state_dict()
        return {
            name: (start + now[name]) / 2 if start.is_floating_point() else start
            for name, start in self.start.items()
        }

    def state(self) -> dict[str, Any]:
        """What `load_state` needs to go on from here bit for bit."""
        return {
            "start": self.start,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "history": [vars(epoch) for epoch in self.history],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go back to where `state` was taken."""
        self.start = {name: value.to(self.device) for name, value in state["start"].items()}
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]

    def _batches(self, epoch: int):
        """This process's part of each batch: images [n, 3, 224, 224] and labels [n]."""
        shuffle = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + epoch)
        order = self.numbers[torch.randperm(len(self.numbers), generator=shuffle)]
        # a last batch too small to give everybody a picture is left out of this epoch
        batches = [b for b in order.split(self.settings.batch_size) if len(b) >= self.team.size]

        def load(batch: Tensor) -> tuple[Tensor, Tensor]:
            mine = batch[self.team.rank :: self.team.size].tolist()
            views = [self._view(number, epoch) for number in mine]
            return torch.stack(views), torch.tensor([self.pictures[n].label for n in mine])

        for pixels, labels in prefetch(load, batches, self.settings.workers):
            images = self.normalise(to_device(pixels, self.device))
            yield (
                images.contiguous(memory_format=torch.channels_last),
                to_device(labels, self.device),
            )

    def _view(self, number: int, epoch: int) -> Tensor:
        picture = load_training_picture(self.pictures[number].path, self.root)
        return random_view(picture, picture_generator(self.settings.seed, number, epoch))


def parameter_groups(network: ResNet, learning_rate: float) -> list[dict[str, Any]]:
    """What an optimizer takes: each stage's parameters with a learning rate of their own."""
    return [
        {
            "params": [p for name in names for p in getattr(network, name).parameters()],
            "lr": learning_rate * STAGE_DECAY**depth,
        }
        for depth, names in enumerate(STAGES)
    ]
