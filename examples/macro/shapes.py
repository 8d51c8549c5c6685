"""Grids of positions (rows, columns, 3): tubes, sheets and grounds, and curves to build them on."""

from __future__ import annotations

import numpy as np


def curve(knots: list, n: int) -> np.ndarray:
    """A Catmull-Rom spline through `knots` (k, d), sampled at `n` places: (n, d)."""
    p = np.asarray(knots, float)
    p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    s = np.linspace(0, len(p) - 3, n)
    i = np.minimum(s.astype(int), len(p) - 4)
    t = (s - i)[:, None]
    a, b, c, d = p[i], p[i + 1], p[i + 2], p[i + 3]
    return 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )


def tube(
    centre: np.ndarray,
    radius: np.ndarray,
    up: tuple[float, float, float] = (0.0, 0.0, 1.0),
    around: int = 48,
) -> np.ndarray:
    """A skin around a curve.

    Args:
        centre: the curve (n, 3).
        radius: (n,), or (n, 2) for the half widths across `up` and along it.
        up: any direction that is never along the curve.
        around: columns of the grid.

    Returns: (n, around + 1, 3); the seam is on the side away from `up`.
    """
    radius = np.asarray(radius, float)
    radius = radius[:, None].repeat(2, 1) if radius.ndim == 1 else radius
    tangent = np.gradient(centre, axis=0)
    side = np.cross(np.asarray(up, float), tangent)
    side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-9
    top = np.cross(tangent, side)
    top /= np.linalg.norm(top, axis=1, keepdims=True) + 1e-9
    angle = np.linspace(-np.pi / 2, 1.5 * np.pi, around + 1)[None, :, None]
    return (
        centre[:, None]
        + radius[:, None, :1] * np.cos(angle) * side[:, None]
        + radius[:, None, 1:] * np.sin(angle) * top[:, None]
    )


def ellipsoid(centre: tuple, radii: tuple, n: int = 40) -> np.ndarray:
    """An ellipsoid along the axes: (n, n + 1, 3)."""
    a = np.linspace(0, np.pi, n)
    x = np.stack([-np.cos(a), 0 * a, 0 * a], 1)
    unit = tube(x, np.sin(a), around=n)
    return unit * np.asarray(radii) + np.asarray(centre)


def rotation(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """The matrix (3, 3) that turns by roll about x, then pitch about y, then yaw about z."""
    (cy, sy), (cp, sp), (cr, sr) = ((np.cos(a), np.sin(a)) for a in (yaw, pitch, roll))
    rz = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    ry = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    rx = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    return rz @ ry @ rx


def plane(half: float, n: int) -> np.ndarray:
    """A level square of half width `half`: (n, n, 3)."""
    x = np.linspace(-half, half, n)
    gx, gy = np.meshgrid(x, x, indexing="ij")
    return np.stack([gx, gy, np.zeros_like(gx)], -1)
