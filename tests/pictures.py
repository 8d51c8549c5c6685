"""Small artificial data folders: each class has a colour and a texture of its own."""

from __future__ import annotations

import colorsys
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

TIFF_TAGS = {"MinSampleValue": 280, "MaxSampleValue": 281, "SMin": 340, "SMax": 341}


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


def tiff(pixels: np.ndarray, **tags: int) -> bytes:
    """An uncompressed TIFF of `pixels`, [h, w] or [h, w, channels] of any type; `tags` are further
    ones ("MaxSampleValue"), or take the place of what the pixels say ("BitsPerSample")."""
    height, width, channels = (*pixels.shape, 1)[:3]
    order = "<" if pixels.dtype.str[0] in "<|" else ">"
    bits, kind = pixels.dtype.itemsize * 8, {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]
    entries = {
        **{256: width, 257: height, 258: tags.pop("BitsPerSample", bits), 259: 1},
        **{262: tags.pop("Photometric", 2 if channels >= 3 else 1), 277: channels, 278: height},
        **{279: pixels.nbytes, 339: tags.pop("SampleFormat", kind)},
        **{TIFF_TAGS[name]: value for name, value in tags.items()},
    }
    start = 8 + 4 * channels
    entries[273] = start
    head = struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, start + pixels.nbytes)
    per_channel = {258: 8, 339: 8 + 2 * channels}  # where their values lie, if they are many
    listed = b"".join(
        struct.pack(f"{order}{channels}H", *[entries[number]] * channels) for number in per_channel
    )
    directory = struct.pack(order + "H", len(entries))
    for number, value in sorted(entries.items()):
        if number in per_channel and channels > 2:
            directory += struct.pack(order + "HHII", number, 3, channels, per_channel[number])
        elif number in per_channel:
            values = [value] * channels + [0] * (2 - channels)
            directory += struct.pack(order + "HHIHH", number, 3, channels, *values)
        else:
            code = "i" if value < 0 else "I"
            directory += struct.pack(f"{order}HHI{code}", number, 9 if value < 0 else 4, 1, value)
    return head + listed + pixels.tobytes() + directory + bytes(4)


def png16(pixels: np.ndarray) -> bytes:
    """A PNG of [h, w, channels] with 16 bits, which Pillow writes in grey only."""
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 3: 2}[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
