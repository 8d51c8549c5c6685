"""What a frozen body sees, computed once.

Where the body is not trained a picture's features never change. So each picture is decoded once
and its views go through the body once; every epoch, fold and setting after that works on
[N, views, 512] numbers: 2 kB a view instead of a picture.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import torch
from PIL import Image
from torch import Tensor
from torchvision.models import ResNet
from torchvision.transforms import v2

from model.classifier.network import feature_maps
from model.classifier.ood import windows_of
from model.classifier.preprocessing import Preprocessing
from model.device import autocast
from model.images.folder import Picture, load_training_picture
from model.run.progress import Reporter
from model.training.distributed import gather, share

Item = TypeVar("Item")
Result = TypeVar("Result")
PICTURES_AT_ONCE = 8
VIEW_SIZE = 224  # of a random view; the whole picture is looked at larger

# A part of a picture's middle, the middle of its whole short side, or all of it, squashed: no one
# of them is best for every folder. The first is where the choice begins. With the second there the
# NLL on other folders is lower by a tenth, but charts and screenshots are told from photos less
# well.
LOOKS = {
    "closer": Preprocessing(288, 256),
    "middle": Preprocessing(256, 256),
    "squashed": Preprocessing(256, 256, mode="squash"),
}


@dataclass(frozen=True)
class Views:
    """How each picture is looked at: in these ways, and perhaps each time mirrored as well."""

    looks: tuple[Preprocessing, ...]
    mirrored: bool = False

    def __len__(self) -> int:
        return len(self.looks) * (1 + self.mirrored)

    def __call__(self, picture: Image.Image) -> list[Tensor]:
        """Views, uint8 [3, h, w], of an RGB picture; after each its mirror image."""
        views = []
        for look in self.looks:
            plain = v2.functional.pil_to_tensor(look.shrink(picture))
            views += [plain, plain.flip(-1)] if self.mirrored else [plain]
        return views

    def normalise(self, pixels: Tensor) -> Tensor:
        """The network's input of a batch of views [n, 3, h, w]."""
        return self.looks[0].normalise(pixels).contiguous(memory_format=torch.channels_last)


def picture_generator(seed: int, number: int, epoch: int = 0) -> torch.Generator:
    """The random numbers for one picture in one epoch, whoever draws them and in what order."""
    mixed = (seed * 1_000_003 + epoch) * 1_000_003 + number
    return torch.Generator().manual_seed(mixed % 2**63)  # what a generator can take


def prefetch(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """`work` done on every item by threads, results in order, only a few ahead of their use.

    Decoding and resizing release Python's lock, so threads are enough, and unlike processes they
    start at once and import nothing again. With 0 workers the caller's own thread does it.
    """
    if workers == 0:
        yield from map(work, items)
        return
    waiting = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        ahead = deque(pool.submit(work, item) for item in islice(waiting, workers + 1))
        try:
            while ahead:
                yield ahead.popleft().result()
                ahead.extend(pool.submit(work, item) for item in islice(waiting, 1))
        finally:  # the reader may have stopped early
            for future in ahead:
                future.cancel()


@torch.inference_mode()
def extract_features(
    network: ResNet,
    pictures: Sequence[Picture],
    views: Views,
    *,
    root: Path,
    workers: int,
    reporter: Reporter,
    exact: bool = False,
) -> tuple[Tensor, Tensor]:
    """Features [N, views, 512] of N pictures, and what the known score looks at of the first view,
    its `windows_of` [N, 1 + P, 512] in half precision; on the CPU. All processes share the work.

    `exact` keeps to float32, as the app computes; otherwise bfloat16 is used where it is fast.
    Raises BrokenPicture, which names the file relative to `root`.
    """
    device = next(network.parameters()).device
    numbers = share(len(pictures))

    def load(batch: Sequence[int]) -> list[list[Tensor]]:
        return [views(load_training_picture(pictures[n].path, root)) for n in batch]

    starts = range(0, len(numbers), PICTURES_AT_ONCE)
    batches = [numbers[start : start + PICTURES_AT_ONCE] for start in starts]
    # something to join even where a process has no picture
    rows = [torch.empty(0, len(views), 512, device=device)]
    places = -(-views.looks[0].crop // 32)
    windows = [windows_of(torch.empty(0, 512, places, places, device=device)).half()]
    with reporter.bar("features", total=len(numbers)) as bar:
        for loaded in prefetch(load, batches, workers):
            columns = []
            for view in zip(*loaded, strict=True):  # one batch a view, since views differ in size
                images = views.normalise(to_device(torch.stack(view), device))
                with nullcontext() if exact else autocast(device):
                    activations = feature_maps(network, images).float()
                columns.append(activations.mean(dim=(2, 3)))
                if len(columns) == 1:
                    windows.append(windows_of(activations).half())
            rows.append(torch.stack(columns, dim=1))
            bar.advance(len(loaded))
    return tuple(gather(torch.cat(each), len(pictures)).cpu() for each in (rows, windows))


def to_device(batch: Tensor, device: torch.device) -> Tensor:
    """`batch` on `device`; pinned memory lets the copy overlap with what is being computed."""
    if device.type == "cuda":
        return batch.pin_memory().to(device, non_blocking=True)
    return batch.to(device)
