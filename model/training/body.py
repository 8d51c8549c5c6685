"""Training the whole network, for those who have pictures and time enough.

The head is trained first and the body only afterwards (LP-FT: Kumar et al., "Fine-Tuning can
Distort Pretrained Features", ICLR 2022, arXiv 2202.10054), gently or boldly, as the folds say.
Gently: the deeper a stage lies the more so (discriminative fine-tuning: Howard and Ruder, ACL 2018,
arXiv 1801.06146, section 3.2), since edges and textures are the same in every picture, and the
result is the mean of the weights before and after (WiSE-FT: Wortsman et al., "Robust fine-tuning of
zero-shot models", CVPR 2022, arXiv 2109.01903), with the batch-norm statistics of before: of few
pictures new ones would only be rougher. Boldly: for pictures whose statistics are nothing like
ImageNet's, new ones and no way back. With the old ones a learning rate that is of any use on
handwritten digits takes the body apart.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torchvision.models import ResNet

from model.device import autocast, half_precision
from model.training.augmentation import ShrunkPictures, draw_chances, random_views
from model.training.distributed import all_reduce, rank, share_batch_norm, world_size
from model.training.features import prefetch, to_device
from model.training.loop import Epoch

STAGES = (("fc", "layer4"), ("layer3",), ("layer2",), ("layer1",), ("conv1", "bn1"))


@dataclass(frozen=True)
class BodySettings:
    """How boldly the body is tuned.

    It takes `epochs`, and more where the pictures are so few that they make no `batches` in all.
    With `new_statistics` each batch is normalised by its own mean and variance, and later pictures
    by their running means; otherwise by those that the network had. `learning_rate` is AdamW's for
    the top stage, each stage below has `stage_decay` times that of the one above; it rises over a
    tenth of all batches and falls to 0 along a cosine. Each batch is shared by all processes. Crops
    cover `smallest_crop` to 1 of the picture's area, half of them `mirrored` if at all. The result
    has `tuned_share` of the tuned weights and the rest of those before (WiSE-FT's alpha).
    """

    epochs: int
    learning_rate: float
    stage_decay: float
    smallest_crop: float
    tuned_share: float
    new_statistics: bool = False
    batches: int = 0
    mirrored: bool = True
    batch_size: int = 32
    seed: int = 0
    workers: int = 2

    def for_pictures(self, count: int) -> BodySettings:
        """The same with the epochs that so many pictures need."""
        an_epoch = -(-count // self.batch_size)
        return replace(self, epochs=max(self.epochs, -(-self.batches // an_epoch)))


# Gentle is for pictures like ImageNet's, from which the body has little to learn (on ants and bees
# five or eight epochs are no better than three); bold is for those that it has never seen the like
# of: most of the picture is shown each time, and nothing of the old body is kept for safety.
BOLDNESS = {
    "gentle": BodySettings(3, 1e-5, stage_decay=0.3, smallest_crop=0.08, tuned_share=0.5),
    "bold": BodySettings(
        8,
        3e-4,
        stage_decay=1.0,
        smallest_crop=0.6,
        tuned_share=1.0,
        new_statistics=True,
        batches=320,
        batch_size=16,
    ),
}


class BodyTraining:
    """Fine-tunes every weight of `network`, an epoch at a time, on the `numbers` of `pictures`.

    It computes in `precision`, the device's `half_precision` by default.
    """

    def __init__(
        self,
        network: ResNet,
        pictures: ShrunkPictures,
        numbers: Tensor,
        settings: BodySettings,
        precision: torch.dtype | None = None,
    ) -> None:
        settings = settings.for_pictures(len(numbers))
        self.pictures, self.numbers, self.settings = pictures, numbers, settings
        self.start = copy.deepcopy(network.state_dict())
        # It has no dropout: the mode says only which batch-norm statistics are used.
        self.network = network.train(settings.new_statistics).requires_grad_(True)
        self.network.to(memory_format=torch.channels_last)
        if world_size() > 1 and settings.new_statistics:
            share_batch_norm(self.network)
        self.device = next(network.parameters()).device
        self.precision = precision or half_precision(self.device)
        # float16's gradients would vanish below 6e-8: they are computed of a loss made larger
        fp16 = self.precision == torch.float16
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=fp16)
        distributed = world_size() > 1
        self.model: nn.Module = DistributedDataParallel(network) if distributed else network
        self.optimizer = torch.optim.AdamW(parameter_groups(network, settings))
        batches = settings.epochs * -(-len(numbers) // settings.batch_size)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, partial(rise_and_fall, batches)
        )
        self.history: list[Epoch] = []

    @property
    def pictures_an_epoch(self) -> int:
        """How many pictures `run_epoch` reports: those of all processes."""
        return len(self.numbers)

    def run_epoch(self, on_pictures: Callable[[int], object] = lambda count: None) -> Epoch:
        """Train one epoch and say how it went; `on_pictures` is told how many more are done."""
        number = len(self.history) + 1
        totals = torch.zeros(2, device=self.device)
        for batch_size, *batch in self._batches(number):
            totals += self.step(batch_size, *batch)  # read at the end: reading waits for the device
            on_pictures(batch_size)
        loss_sum, correct = all_reduce(totals).tolist()
        epoch = Epoch(number, loss_sum / len(self.numbers), correct / len(self.numbers))
        self.history.append(epoch)
        return epoch

    def step(self, batch_size: int, pixels: Tensor, chances: Tensor, labels: Tensor) -> Tensor:
        """Learn from this process's part of a batch: pictures uint8 [n, 3, h, w], the
        `draw_chances` of their views [n, 5], labels [n], all on the device. The sum of the losses
        and the number of right answers [2]."""
        images = self.pictures.preprocessing.normalise(pixels)
        views = random_views(images, chances, self.settings.smallest_crop, self.settings.mirrored)
        with autocast(self.device, self.precision):
            logits = self.model(views.contiguous(memory_format=torch.channels_last))
            loss = F.cross_entropy(logits, labels, reduction="sum")
        self.optimizer.zero_grad()
        # The processes' gradients are averaged: scaled so, that is the gradient of the whole
        # batch's mean loss, however unevenly the batch is split and by how many.
        self.scaler.scale(loss * world_size() / batch_size).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.schedule.step()
        return torch.stack([loss.detach().float(), (logits.argmax(dim=1) == labels).sum()])

    def averaged(self) -> ResNet:
        """The network with the settings' `tuned_share` of the weights now, the rest of those at the
        start."""
        now = self.network.state_dict()
        network = copy.deepcopy(self.network).eval().requires_grad_(False)
        network.load_state_dict(
            {
                name: torch.lerp(start, now[name], self.settings.tuned_share)
                if start.is_floating_point()
                else start
                for name, start in self.start.items()
            }
        )
        return network

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on from here bit for bit."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "scaler": self.scaler.state_dict(),
            "history": [vars(epoch) for epoch in self.history],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to where `state` was taken."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.scaler.load_state_dict(state["scaler"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]

    def _batches(self, epoch: int) -> Iterator[tuple[int, Tensor, Tensor, Tensor]]:
        """Of each batch its size, and this process's part, which may be empty, as `step` takes it.
        The batches are the same for any number of processes."""
        shuffle = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + epoch)
        order = self.numbers[torch.randperm(len(self.numbers), generator=shuffle)]
        batches = order.split(self.settings.batch_size)

        def load(batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            numbers = batch[rank() :: world_size()].tolist()
            chances = draw_chances(numbers, self.settings.seed, epoch)
            pixels, labels = self.pictures.batch(numbers)
            return pixels, chances, labels

        # DataLoader(…, num_workers=2) would stand here. On two cores its processes made an epoch a
        # sixth longer than two threads do (they read 39 pictures a second for the threads' 71), and
        # where they are spawned (macOS, Windows) they read 2 a second.
        loaded = prefetch(load, batches, self.settings.workers)
        for batch, parts in zip(batches, loaded, strict=True):
            pixels, chances, labels = (to_device(part, self.device) for part in parts)
            yield len(batch), pixels, chances, labels


def rise_and_fall(batches: int, done: int) -> float:
    """What the learning rate is multiplied by when `done` of so many batches are: from 0 to 1 over
    the first tenth, down again along a cosine."""
    rising = (done + 1) / max(1, batches / 10)
    return min(rising, 1.0) * (1 + math.cos(math.pi * done / batches)) / 2


def parameter_groups(network: ResNet, settings: BodySettings) -> list[dict[str, Any]]:
    """What an optimizer takes: each stage's parameters with a learning rate of their own."""
    return [
        {
            "params": [p for name in names for p in getattr(network, name).parameters()],
            "lr": settings.learning_rate * settings.stage_decay**depth,
        }
        for depth, names in enumerate(STAGES)
    ]
