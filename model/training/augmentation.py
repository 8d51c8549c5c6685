"""Random views for training the body: each picture decoded once, cropped where the network is.

Decoding and shrinking take longer than an accelerator's whole training step. So a picture is
shrunk once to what the network sees of it, kept as bytes, and every epoch's crop is taken from
those by the device itself, a batch at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms import v2

from model.classifier.preprocessing import Preprocessing
from model.images.folder import Picture, load_training_picture
from model.training.distributed import world_size
from model.training.features import VIEW_SIZE, picture_generator

ROOM = 2 << 30  # bytes of memory, for all processes together: some 11,000 pictures
RATIO = 4 / 3  # the most by which a crop's sides differ


class ShrunkPictures:
    """What the network sees of each picture, uint8 [3, crop, crop]. As many are kept as `room`
    bytes hold; the others are decoded anew each time."""

    def __init__(
        self,
        pictures: Sequence[Picture],
        root: Path,
        preprocessing: Preprocessing,
        room: int = ROOM,
    ) -> None:
        self.pictures, self.root, self.preprocessing = pictures, root, preprocessing
        self.capacity = room // (3 * preprocessing.crop**2) // world_size()
        self.kept: dict[int, Tensor] = {}

    def __getitem__(self, number: int) -> Tensor:
        """Raises BrokenPicture."""
        pixels = self.kept.get(number)
        if pixels is None:
            picture = load_training_picture(self.pictures[number].path, self.root)
            pixels = v2.functional.pil_to_tensor(self.preprocessing.shrink(picture))
            if len(self.kept) < self.capacity:
                self.kept[number] = pixels
        return pixels

    def batch(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Pictures uint8 [n, 3, crop, crop] and their labels [n]."""
        side = self.preprocessing.crop
        pixels = torch.empty(len(numbers), 3, side, side, dtype=torch.uint8)
        for i, number in enumerate(numbers):
            pixels[i] = self[number]
        return pixels, torch.tensor([self.pictures[n].label for n in numbers], dtype=torch.long)


def draw_chances(numbers: Sequence[int], seed: int, epoch: int) -> Tensor:
    """For each picture its five random numbers [n, 5] in 0..1 of this epoch. They are its own:
    neither the batch nor the number of processes changes them."""
    drawn = [torch.rand(5, generator=picture_generator(seed, n, epoch)) for n in numbers]
    return torch.stack(drawn) if drawn else torch.empty(0, 5)


def random_views(
    images: Tensor, chances: Tensor, smallest: float, mirrored: bool, size: int = VIEW_SIZE
) -> Tensor:
    """Random crops of float images [n, 3, h, w], resized and perhaps mirrored: [n, 3, size, size]
    on the images' device.

    RandomResizedCrop (Szegedy et al., CVPR 2015, arXiv 1409.4842, § 6) as one bilinear sampling:
    of the area a share between `smallest` and 1, of the sides' ratio 3:4 to 4:3, neither side
    longer than the picture's.
    """
    if not len(images):
        return images.new_empty(0, 3, size, size)
    area_share, log_ratio, y, x, side = chances.unbind(dim=1)
    area = smallest + (1 - smallest) * area_share
    ratio = RATIO ** (2 * log_ratio - 1)
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    flip = torch.where(side < 0.5, -1.0, 1.0) if mirrored else torch.ones_like(side)
    zero = torch.zeros_like(width)
    # affine_grid's coordinates: the picture reaches from -1 to 1
    place = torch.stack(
        [
            torch.stack([width * flip, zero, (1 - width) * (2 * x - 1)], dim=1),
            torch.stack([zero, height, (1 - height) * (2 * y - 1)], dim=1),
        ],
        dim=1,
    )
    grid = F.affine_grid(place, [len(images), 3, size, size], align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
