"""Colours and bumps that vary from place to place, for `Scene.surface`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .noise import fractal_noise
from .renderer import Colour, Sample


def mottled(
    base: Colour, amount: float = 0.3, size: float = 0.4, dark: Colour | None = None
) -> Callable[[Sample], np.ndarray]:
    """A colour from `dark` (by default a share `amount` under `base`) to as much above it."""
    low = np.asarray(base) * (1 - amount) if dark is None else np.asarray(dark)

    def colour(s: Sample) -> np.ndarray:
        n = fractal_noise(s.position / size, 3)[:, None]
        return low + (np.asarray(base) * (1 + amount) - low) * np.clip(2 * n - 0.5, 0, 1)

    return colour


def pitted(size: float, depth: float, seed: int = 0) -> Callable[[Sample], np.ndarray]:
    """A bump that makes a skin look wrinkled, `size` wide and `depth` steep."""

    def bump(s: Sample) -> np.ndarray:
        p = s.position / size
        return depth * np.stack(
            [fractal_noise(p + 37.0 * k, 2, seed + 5 * k) - 0.5 for k in range(3)], 1
        )

    return bump
