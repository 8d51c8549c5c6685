"""How a picture becomes the network's input, in our words and in timm's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from model.classifier.errors import BadConfig

CropMode = Literal["center", "squash"]  # in timm's words


@dataclass(frozen=True)
class Preprocessing:
    """A picture's short side is resized to `resize` pixels, or with the mode "squash" both sides
    are, so that all of the picture is seen; the middle `crop` × `crop` is cut out, each channel
    standardised. The means and deviations are ImageNet's unless told otherwise."""

    resize: int = 288
    crop: int = 256
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    mode: CropMode = "center"

    def shrink(self, picture: Image.Image) -> Image.Image:
        """The part of the picture that the network sees, `crop` × `crop` pixels."""
        sides = 2 if self.mode == "squash" else 1
        resized = v2.functional.resize(picture, [self.resize] * sides)
        return v2.functional.center_crop(resized, [self.crop])

    def normalise(self, pixels: Tensor) -> Tensor:
        """Float images [..., 3, h, w], standardised by channel, of uint8 ones."""
        images = v2.functional.to_dtype(pixels, torch.float32, scale=True)
        return v2.functional.normalize(images, list(self.mean), list(self.std))

    def __call__(self, picture: Image.Image) -> Tensor:
        """The network's input [3, crop, crop] for an RGB picture of any size."""
        return self.normalise(v2.functional.pil_to_tensor(self.shrink(picture)))

    def to_timm(self, num_classes: int) -> dict[str, Any]:
        """`pretrained_cfg` of config.json, from which timm makes the same preprocessing."""
        crop_pct = self.crop / self.resize
        while math.floor(self.crop / crop_pct) < self.resize:
            crop_pct = math.nextafter(crop_pct, 0)  # timm rounds down what it computes from it
        return {
            "input_size": [3, self.crop, self.crop],
            "fixed_input_size": False,
            "pool_size": [self.crop // 32, self.crop // 32],
            "interpolation": "bilinear",
            "crop_pct": crop_pct,
            "crop_mode": self.mode,
            "mean": list(self.mean),
            "std": list(self.std),
            "num_classes": num_classes,
            "first_conv": "conv1",
            "classifier": "fc",
        }

    @classmethod
    def from_timm(cls, pretrained_cfg: Any) -> Preprocessing:
        """The inverse of `to_timm`. Raises BadConfig naming the field."""
        if not isinstance(pretrained_cfg, Mapping):
            raise BadConfig(field="pretrained_cfg")
        try:
            crop = int(pretrained_cfg["input_size"][-1])
            resize = math.floor(crop / pretrained_cfg["crop_pct"])
            mode = pretrained_cfg.get("crop_mode", "center")
            mean, std = (tuple(map(float, pretrained_cfg[name])) for name in ("mean", "std"))
        except (
            AttributeError,
            KeyError,
            TypeError,
            ValueError,
            IndexError,
            ZeroDivisionError,
            OverflowError,
        ):
            raise BadConfig(field="pretrained_cfg") from None
        if len(mean) != 3 or len(std) != 3 or not all(map(math.isfinite, mean + std)):
            raise BadConfig(field="pretrained_cfg.mean / std")
        if min(std) < 1e-6:  # of pixels in 0..1; less may be 0 in single precision
            raise BadConfig(field="pretrained_cfg.std")
        if not 32 <= crop <= resize <= 1024:
            raise BadConfig(field="pretrained_cfg.input_size / crop_pct")
        if mode not in get_args(CropMode):
            raise BadConfig(field="pretrained_cfg.crop_mode")
        return cls(resize, crop, mean, std, mode)
