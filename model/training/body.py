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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import Dataset
from torchvision.models import ResNet

from model.classifier.network import replace_head
from model.classifier.preprocessing import Preprocessing
from model.device import autocast
from model.images.folder import Picture, load_training_picture
from model.run.progress import Reporter
from model.training.cross_validation import rest_of, split_folds, start_head
from model.training.distributed import all_reduce, rank, world_size
from model.training.features import VIEW_SIZE, picture_generator, prefetch, random_view, to_device
from model.training.head import Epoch, Head, HeadSettings, fit_head
from model.training.known import prototype_score
from model.training.loop import Trained, run_epochs

FOLDS = 2  # each costs half a training of the whole network
STAGES = (("fc", "layer4"), ("layer3",), ("layer2",), ("layer1",), ("conv1", "bn1"))
STAGE_DECAY = 0.3  # a stage's learning rate by that of the one above


@dataclass(frozen=True)
class BodySettings:
    """`learning_rate` is AdamW's for the top stage and falls to 0 along a cosine over `epochs`;
    each batch is shared by all processes. On ants and bees five or eight epochs are no better than
    three."""

    epochs: int = 3
    batch_size: int = 32
    learning_rate: float = 1e-5
    seed: int = 0
    workers: int = 2


class RandomViews(Dataset):
    """A random view, uint8 [3, 224, 224], of each picture and its label; new ones each `epoch`."""

    def __init__(self, pictures: Sequence[Picture], root: Path, seed: int) -> None:
        self.pictures, self.root, self.seed, self.epoch = pictures, root, seed, 0

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        picture = load_training_picture(self.pictures[number].path, self.root)
        generator = picture_generator(self.seed, number, self.epoch)
        return random_view(picture, generator), self.pictures[number].label


class PixelsToLogits(nn.Module):
    """A network and its preprocessing: uint8 pictures [N, 3, h, w] in, logits [N, K] out."""

    def __init__(self, network: ResNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        images = Preprocessing().normalise(pixels)
        return self.network(images.contiguous(memory_format=torch.channels_last))


class BodyTraining:
    """Fine-tunes every weight of `network`, an epoch at a time, on the `numbers` of `views`."""

    def __init__(
        self,
        network: ResNet,
        views: RandomViews,
        numbers: Tensor,
        settings: BodySettings,
    ) -> None:
        self.views, self.numbers, self.settings = views, numbers, settings
        self.start = copy.deepcopy(network.state_dict())
        # eval() for good: it is what keeps the batch-norm statistics as they are
        self.network = network.eval().requires_grad_(True)
        self.device = next(network.parameters()).device
        self.model: nn.Module = PixelsToLogits(network)
        if world_size() > 1:
            self.model = DistributedDataParallel(self.model)
        self.optimizer = torch.optim.AdamW(parameter_groups(network, settings.learning_rate))
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, settings.epochs)
        self.history: list[Epoch] = []

    @property
    def pictures_an_epoch(self) -> int:
        """How many pictures `run_epoch` reports: those of all processes."""
        return len(self.numbers)

    def run_epoch(self, on_pictures: Callable[[int], object] = lambda count: None) -> Epoch:
        """Train one epoch and say how it went; `on_pictures` is told how many more are done."""
        number = len(self.history) + 1
        totals = torch.zeros(2, device=self.device)
        for batch_size, pixels, labels in self._batches(number):
            with autocast(self.device):
                logits = self.model(pixels)
                loss = F.cross_entropy(logits, labels, reduction="sum")
            self.optimizer.zero_grad()
            # The processes' gradients are averaged: scaled so, that is the gradient of the whole
            # batch's mean loss, however unevenly the batch is split and by how many.
            (loss * world_size() / batch_size).backward()
            self.optimizer.step()
            totals += torch.stack([loss.detach(), (logits.argmax(dim=1) == labels).sum()])
            on_pictures(batch_size)
        self.schedule.step()
        loss_sum, correct = all_reduce(totals).tolist()
        epoch = Epoch(number, loss_sum / len(self.numbers), correct / len(self.numbers))
        self.history.append(epoch)
        return epoch

    def averaged(self) -> ResNet:
        """The network with the mean of the weights at the start and now."""
        now = self.network.state_dict()
        network = copy.deepcopy(self.network).requires_grad_(False)
        network.load_state_dict(
            {
                name: (start + now[name]) / 2 if start.is_floating_point() else start
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
            "history": [vars(epoch) for epoch in self.history],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to where `state` was taken."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]

    def _batches(self, epoch: int) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Of each batch its size, and this process's part, which may be empty: pixels
        [n, 3, 224, 224] and labels [n]. The batches are the same for any number of processes."""
        shuffle = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + epoch)
        order = self.numbers[torch.randperm(len(self.numbers), generator=shuffle)]
        batches = order.split(self.settings.batch_size)
        self.views.epoch = epoch

        def load(batch: Tensor) -> tuple[Tensor, Tensor]:
            numbers = batch[rank() :: world_size()].tolist()
            pixels = torch.empty(len(numbers), 3, VIEW_SIZE, VIEW_SIZE, dtype=torch.uint8)
            labels = torch.empty(len(numbers), dtype=torch.long)
            for i, number in enumerate(numbers):
                pixels[i], labels[i] = self.views[number]
            return pixels, labels

        # DataLoader(self.views, batch_sampler=…, num_workers=2) would stand here. On two cores its
        # processes made an epoch a sixth longer than two threads do (they read 39 pictures a second
        # for the threads' 71), and where they are spawned (macOS, Windows) they read 2 a second.
        loaded = prefetch(load, batches, self.settings.workers)
        for batch, (pixels, labels) in zip(batches, loaded, strict=True):
            yield len(batch), to_device(pixels, self.device), to_device(labels, self.device)


def parameter_groups(network: ResNet, learning_rate: float) -> list[dict[str, Any]]:
    """What an optimizer takes: each stage's parameters with a learning rate of their own."""
    return [
        {
            "params": [p for name in names for p in getattr(network, name).parameters()],
            "lr": learning_rate * STAGE_DECAY**depth,
        }
        for depth, names in enumerate(STAGES)
    ]


def train_body(
    frozen: Trained,
    labels: Tensor,
    imagenet: Head,
    head_settings: HeadSettings,
    state: dict[str, Any],
    tune: Callable[[str, ResNet, Tensor, dict[str, Any]], tuple[BodyTraining, bool]],
    look: Callable[[ResNet], tuple[Tensor, Tensor]],
    save: Callable[[dict[str, Any]], None],
) -> Trained:
    """Fine-tune the whole network from the frozen recipe's: on the folds first, for the
    calibration's sake, then on everything. Interrupted, what was learned so far is left.

    `tune` is `tune_body` with its first arguments given; `look` tells the pictures' features and
    windows.
    """
    count, num_classes = frozen.logits.shape
    folds = split_folds(labels, FOLDS, head_settings.seed)
    state = state or {
        "stage": 0,
        "training": {},
        "logits": torch.zeros(count, num_classes),
        "evidence": torch.zeros(count, 2),
    }
    for stage in range(state["stage"], FOLDS):
        fold, others = folds[stage], rest_of(folds[stage], count)
        features, seen = frozen.features[others], labels[others]
        start = start_head(features, seen, imagenet, num_classes)
        head = fit_head(features[:, None], seen, start, head_settings)
        network = replace_head(frozen.network, head.weight, head.bias)
        training, interrupted = tune(f"fold {stage + 1} of {FOLDS}", network, others, state)
        if interrupted:
            return replace(frozen, interrupted=True)
        tuned = training.averaged()
        features, windows = look(tuned)
        known = prototype_score(windows[others], seen, imagenet)
        state["logits"][fold] = Head.of(tuned)(features[fold, 0])
        state["evidence"][fold] = known.evidence(windows[fold])
        state = {**state, "stage": stage + 1, "training": {}}
        save(state)
    training, interrupted = tune("all pictures", frozen.network, torch.arange(count), state)
    if interrupted and not training.history:
        return replace(frozen, interrupted=True)
    tuned = training.averaged()
    features, windows = look(tuned)
    judged = (features[:, 0], windows, state["logits"], state["evidence"])
    return Trained(tuned, *judged, frozen.history, interrupted, training.history)


def tune_body(
    views: RandomViews,
    settings: BodySettings,
    save: Callable[[dict[str, Any]], None],
    reporter: Reporter,
    title: str,
    network: ResNet,
    numbers: Tensor,
    state: dict[str, Any],
) -> tuple[BodyTraining, bool]:
    """Fine-tune a copy of `network` on the pictures `numbers`, going on from `state`; whether
    Ctrl-C ended it early."""
    reporter.line(f"the whole network, {title}")
    training = BodyTraining(copy.deepcopy(network), views, numbers, settings)
    interrupted = run_epochs(
        training, state["training"], lambda now: save({**state, "training": now}), reporter
    )
    return training, interrupted
