"""Pictures of more than 8 bits a channel: which of their values is white.

A camera of 12 bits stores 0 to 4095 in 16-bit numbers, a microscope a float in whatever unit it
likes, and few files say so. `PIL.Image.convert` clips all above 255, and Pillow keeps of a colour
picture the high byte alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile

Box = tuple[int, int, int, int]  # left, upper, right, lower

BITS_PER_SAMPLE, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339  # TIFF 6.0, section 8
LOWEST, HIGHEST = (340, 280), (341, 281)  # S(Min|Max)SampleValue, (Min|Max)SampleValue
WHITE_IS_ZERO, SIGNED = 0, 2
DEPTHS = (8, 10, 12, 14, 15, 16)  # bits that cameras and scanners have


def is_deep(image: Image.Image) -> bool:
    """Whether the grey values of an opened image are other than bytes from 0 for black."""
    signed = _tag(image, SAMPLE_FORMAT) == SIGNED
    return image.mode == "F" or image.mode.startswith("I") or (signed and image.mode == "L")


@dataclass(frozen=True)
class Scale:
    """Which values of an image are black and white, and how its numbers are to be read."""

    black: float
    white: float
    dtype: np.dtype | None = None

    def __call__(self, strip: Image.Image) -> Image.Image:
        """A strip of the image with 8 bits; what is not finite is black."""
        values = (_values(strip, self.dtype, self.black) - self.black) / (self.white - self.black)
        return Image.fromarray(np.rint(values.clip(0.0, 1.0) * 255.0).astype(np.uint8))


def find_scale(image: Image.Image, strips: Iterable[Image.Image]) -> Scale:
    """The scale of a deep image, whose `strips` are all of it.

    White is the highest value that the file's own tags allow (BitsPerSample below 16,
    MaxSampleValue), unless a pixel is above it. Else it is the highest value of the smallest usual
    depth that holds all pixels, so that a dim picture stays dim; of a float it is 1 or such a
    value, if the brightest pixel reaches a quarter of it; else that pixel's value. Black is 0, or
    the lowest value where there are negative ones.
    """
    bits, signed = _tag(image, BITS_PER_SAMPLE) or 0.0, _tag(image, SAMPLE_FORMAT) == SIGNED
    dtype = np.dtype(np.int8) if image.mode == "L" else None
    if image.mode == "I" and bits == 32 and not signed:
        dtype = np.dtype(np.uint32)  # Pillow has no such mode and calls them signed
    extremes = [(values.min(), values.max()) for values in (_values(s, dtype) for s in strips)]
    low, high = float(min(e[0] for e in extremes)), float(max(e[1] for e in extremes))
    lowest, highest = _tag(image, *LOWEST), _tag(image, *HIGHEST)
    if 8 < bits < 16:
        highest = highest or 2.0**bits - 1
    black = lowest if lowest is not None and lowest <= low else min(low, 0.0)
    if highest is not None and high <= highest:
        white = highest
    else:
        white = high if low < 0 else usual_white(high, image.mode == "F", signed)
    if white <= black:  # one value everywhere
        white = black + 1.0
    if _tag(image, PHOTOMETRIC) == WHITE_IS_ZERO:
        black, white = white, black
    return Scale(black, white, dtype)


def usual_white(high: float, is_float: bool = False, signed: bool = False) -> float:
    """The value that is white where nothing but the brightest one, `high`, is known."""
    whites = [2.0**bits - 1 for bits in DEPTHS if signed or bits != 15]
    if is_float:  # in any unit
        whites = [white for white in (1.0, *whites) if high > white / 4]
    return next((white for white in whites if high <= white), high)


def drops_low_bytes(image: ImageFile) -> bool:
    """Whether Pillow will decode no more of an opened image than the high byte of each value."""
    return image.mode == "RGB" and any(";16" in str(tile.args) for tile in image.tile)


def widen(image: Image.Image, again: ImageFile, strips: Iterable[tuple[Box, Image.Image]]) -> None:
    """Mend a decoded RGB image, in place, of whose values the high bytes alone are there, if so few
    bits were used that it is dark. `again` is the same image, opened and not decoded; `strips` are
    the first's, with their places. The low bytes come of taking the file for one of the other byte
    order."""
    high = max(top for _, top in image.getextrema())
    if high >= 64:  # more than 14 bits
        return
    again.tile = [tile._replace(args=_other_order(tile.args)) for tile in again.tile]
    again.load()
    white = usual_white(high * 256.0 + 255.0)
    for box, strip in strips:
        values = np.asarray(strip, dtype=np.float64) * 256 + np.asarray(again.crop(box))
        values = np.rint((values * (255.0 / white)).clip(0, 255))
        image.paste(Image.fromarray(values.astype(np.uint8)), box)


def _other_order(args: object) -> object:
    """The arguments of Pillow's decoder with the byte order of its raw mode turned: RGB;16L."""
    if isinstance(args, tuple):
        return tuple(map(_other_order, args))
    if isinstance(args, str) and ";16" in args:
        little = args[-1] == "L" or (args[-1] == "N" and sys.byteorder == "little")
        return args[:-1] + ("B" if little else "L")
    return args


def _values(strip: Image.Image, dtype: np.dtype | None, instead: float = 0.0) -> np.ndarray:
    """The numbers of a strip; `instead` of what is not finite."""
    values = np.asarray(strip)
    if dtype is not None:
        values = values.view(dtype)
    return np.nan_to_num(values.astype(np.float64), nan=instead, posinf=instead, neginf=instead)


def _tag(image: Image.Image, *numbers: int) -> float | None:
    """The first value of the first of these TIFF tags that is there and a finite number."""
    for number in numbers:
        value = getattr(image, "tag_v2", {}).get(number)
        try:
            found = float(value[0] if isinstance(value, tuple) else value)
        except (TypeError, ValueError, ArithmeticError, IndexError):
            continue
        if np.isfinite(found):
            return found
    return None
