"""A heat map laid over the picture that it explains."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from PIL import Image
from torch import Tensor


def overlay(seen: Image.Image, heat_map: Tensor, strength: float = 0.6) -> Image.Image:
    """`seen` (RGB) under `heat_map` [h, w] in 0..1: cold parts fade to grey, hot parts glow.

    `strength` in 0..1 is how opaque the hottest part is.
    """
    heat = Image.fromarray((heat_map.numpy() * 255).astype(np.uint8))
    heat = np.asarray(heat.resize(seen.size, Image.Resampling.BICUBIC), dtype=np.float32) / 255
    grey = np.asarray(seen.convert("L").convert("RGB"), dtype=np.float32) / 255
    colour = colormaps["inferno"](heat)[..., :3]
    opacity = strength * heat[..., None]
    return Image.fromarray(((grey * (1 - opacity) + colour * opacity) * 255).astype(np.uint8))
