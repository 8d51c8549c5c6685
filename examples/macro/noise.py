"""Smooth random fields: what makes a surface look grown rather than computed."""

from __future__ import annotations

import numpy as np


def _lattice(ix: np.ndarray, iy: np.ndarray, iz: np.ndarray, seed: int) -> np.ndarray:
    """A random number in [0, 1) for each integer point, the same on every machine."""
    h = (ix * 374761393 + iy * 668265263 + iz * 2147483647 + seed * 974634777) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((h ^ (h >> 16)) & 0xFFFFFF).astype(np.float32) / np.float32(1 << 24)


def value_noise(points: np.ndarray, seed: int = 0) -> np.ndarray:
    """Value noise at `points` (..., 3): (...) in [0, 1], features about one unit wide."""
    cell = np.floor(points)
    f = (points - cell).astype(np.float32)
    f = f * f * (3 - 2 * f)
    i, j, k = (cell[..., a].astype(np.int64) for a in range(3))
    total = np.zeros(points.shape[:-1], np.float32)
    for dx in (0, 1):
        for dy in (0, 1):
            for dz in (0, 1):
                weight = (
                    (f[..., 0] if dx else 1 - f[..., 0])
                    * (f[..., 1] if dy else 1 - f[..., 1])
                    * (f[..., 2] if dz else 1 - f[..., 2])
                )
                total += weight * _lattice(i + dx, j + dy, k + dz, seed)
    return total


def fractal_noise(
    points: np.ndarray, octaves: int = 4, seed: int = 0, gain: float = 0.5
) -> np.ndarray:
    """A sum of octaves of `value_noise`, each twice as fine and `gain` as strong: in [0, 1]."""
    points = np.asarray(points, np.float32)
    total, weight, norm = np.zeros(points.shape[:-1], np.float32), 1.0, 0.0
    for octave in range(octaves):
        total += weight * value_noise(points * 2.0**octave, seed + octave)
        norm += weight
        weight *= gain
    return total / norm
