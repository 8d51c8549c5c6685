"""Small artificial data folders: each class has a colour and a texture of its own."""

from __future__ import annotations

import colorsys
from pathlib import Path

import numpy as np
from PIL import Image


def make_picture(kind: int, kinds: int, seed: int, size: tuple[int, int] = (80, 64)) -> Image.Image:
    """A picture of the `kind`-th of `kinds` classes, RGB, `size` is (width, height)."""
    random = np.random.default_rng((kind, seed))
    width, height = size
    colour = 255 * np.array(colorsys.hsv_to_rgb(kind / kinds, 0.8, 0.9))
    y, x = np.mgrid[:height, :width]
    angle, phase = np.pi * kind / kinds, random.uniform(0, 2 * np.pi)
    stripes = np.sin((x * np.cos(angle) + y * np.sin(angle)) / 3 + phase)
    noise = random.normal(0, 25, (height, width, 3))
    pixels = colour * (0.7 + 0.3 * stripes[..., None]) + noise
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def make_data(
    root: Path,
    classes: tuple[str, ...] = ("blue", "red"),
    train: int = 6,
    val: int = 3,
    size: tuple[int, int] = (80, 64),
) -> Path:
    """`root` with `train` and `val` pictures a class (no val folder where `val` is 0)."""
    for split, count, first in (("train", train, 0), ("val", val, 1000)):
        for kind, name in enumerate(classes):
            for number in range(count):
                path = root / split / name / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                make_picture(kind, len(classes), first + number, size).save(path)
    return root
