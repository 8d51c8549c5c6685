"""A teapot on a table and a boat on the sea: pictures of neither ant nor bee."""

from __future__ import annotations

import numpy as np

from .materials import mottled, pitted
from .noise import fractal_noise
from .renderer import Colour, Sample, Scene
from .shapes import curve, ellipsoid, plane, rotation, tube


def table(scene: Scene, half: float = 30.0, colour: Colour = (0.26, 0.13, 0.055)) -> None:
    """A wooden table top at z = 0."""

    def wood(s: Sample) -> np.ndarray:
        p = s.position * [0.05, 0.6, 1.0]
        ring = np.sin(14 * fractal_noise(p * 0.5, 3, 3) + 1.5 * fractal_noise(p * 4, 3, 8))
        fine = fractal_noise(s.position * [0.4, 9.0, 1.0], 2, 5)
        plank = np.abs(s.position[:, 1] / 7.0 - np.round(s.position[:, 1] / 7.0)) < 0.008
        return np.asarray(colour) * ((0.75 + 0.22 * ring + 0.5 * (fine - 0.5)) * ~plank)[:, None]

    scene.surface(plane(half, 60), wood, gloss=0.04, roughness=0.35)


def teapot(scene: Scene, colour: Colour = (0.10, 0.22, 0.42)) -> None:
    """A glazed teapot, about 12 wide, standing on z = 0, the spout towards +x."""
    profile = curve(
        [
            (2.4, 0.0), (2.9, 0.1), (3.9, 1.0), (4.6, 2.4), (4.7, 3.6), (4.2, 5.0), (3.2, 6.0),
            (2.7, 6.25),
        ],
        200,
    )  # fmt: skip
    lid = curve(
        [(2.75, 6.3), (2.3, 6.75), (1.4, 7.1), (0.5, 7.25), (0.35, 7.5), (0.7, 7.9), (0.55, 8.35),
         (0.02, 8.5)], 160
    )  # fmt: skip
    glaze = {"gloss": 0.06, "roughness": 0.12}

    def paint(s: Sample) -> np.ndarray:
        z = s.position[:, 2:]
        band = ((np.abs(z - 5.2) < 0.10) | (np.abs(z - 1.1) < 0.10)).astype(float)
        body = mottled(colour, 0.12, 2.0)(s)
        return body * (1 - band) + np.array([0.75, 0.68, 0.5]) * band

    for line in (profile, lid):
        centre = np.stack([0 * line[:, 0], 0 * line[:, 0], line[:, 1]], 1)
        scene.surface(tube(centre, line[:, 0], up=(1, 0, 0), around=160), paint, **glaze)
    s = np.linspace(0, 1, 120)
    spout = curve([(3.8, 0, 2.0), (5.4, 0, 2.6), (6.2, 0, 4.2), (6.8, 0, 5.6), (7.5, 0, 6.2)], 120)
    scene.surface(tube(spout, 1.15 - 0.72 * s**0.7, up=(0, 1, 0)), paint, **glaze)
    handle = curve(
        [
            (-3.5, 0, 5.3),
            (-5.2, 0, 6.2),
            (-7.0, 0, 5.4),
            (-7.2, 0, 3.6),
            (-6.0, 0, 2.2),
            (-4.3, 0, 1.6),
        ],
        140,
    )
    grip = np.stack([np.full(140, 0.55), np.full(140, 0.38)], 1)
    scene.surface(tube(handle, grip, up=(0, 1, 0)), paint, **glaze)


def sea(scene: Scene, half: float = 160.0) -> None:
    """Choppy water around z = 0."""
    grid = plane(half, 900)
    n = fractal_noise(grid * [0.10, 0.22, 1], 5, 4)
    grid[..., 2] = 1.9 * (np.abs(n - 0.5) ** 0.8 * -1 + 0.2)

    def water(s: Sample) -> np.ndarray:
        n = fractal_noise(s.position * [0.3, 0.5, 0], 4, 9)
        foam = np.clip(5 * (n - 0.70), 0, 0.5)[:, None]
        return np.array([0.012, 0.06, 0.09]) * (1 - foam) + 0.8 * foam

    scene.surface(grid, water, gloss=0.05, roughness=0.25, bump=pitted(0.5, 0.5))


def boat(scene: Scene, yaw: float = 0.3, heel: float = 0.14) -> None:
    """A sailing boat with a main sail and a jib, its hull about 16 long."""
    turn = rotation(yaw=yaw, roll=heel)

    def put(grid: np.ndarray) -> np.ndarray:
        return grid @ turn.T

    t, w = np.linspace(0, 1, 120)[:, None], np.linspace(-1, 1, 60)[None]
    beam = 2.3 * (np.sin(np.pi * (0.16 + 0.84 * t)) ** 0.7) * (t < 1) + 0.02
    x = -8 + 16.5 * t + 0 * w
    y = beam * np.sign(w) * np.abs(w) ** 0.6
    z = -1.2 + 2.5 * np.abs(w) ** 2.2 + 0.9 * (t - 0.35) ** 2 * np.abs(w)
    hull = np.stack([x, y, z], -1)

    def paint(s: Sample) -> np.ndarray:
        rim = (np.abs(np.abs(2 * s.v - 1) - 0.93) < 0.035)[:, None]
        return np.where(rim, np.array([0.03, 0.08, 0.25]), np.array([0.80, 0.79, 0.75]))

    scene.surface(put(hull), paint, gloss=0.05, roughness=0.2)
    deck = np.stack([x, beam * w * 0.98, 1.25 + 0.9 * (t - 0.35) ** 2 + 0 * w], -1)
    scene.surface(put(deck), mottled((0.42, 0.25, 0.12), 0.2, 1.0), gloss=0.04)
    cabin = ellipsoid((1.5, 0, 1.4), (2.8, 1.3, 1.0), 50)
    scene.surface(put(cabin), (0.75, 0.75, 0.73), gloss=0.05, roughness=0.2)
    mast = np.array([[1.8, 0, 1.0 + 20.5 * k / 80] for k in range(81)])
    scene.surface(put(tube(mast, np.full(81, 0.13), up=(1, 0, 0))), (0.45, 0.40, 0.33))
    boom = np.array([[1.8 - 8.5 * k / 40, -1.6 * k / 40, 2.7] for k in range(41)])
    scene.surface(put(tube(boom, np.full(41, 0.13))), (0.45, 0.40, 0.33))
    for foot, clew, head, belly in (
        ((1.7, 0, 2.9), (-6.6, -1.6, 2.9), (1.75, -0.1, 21.0), -1.3),
        ((8.4, 0, 2.2), (1.2, -2.2, 2.9), (2.2, 0, 18.5), -1.5),
    ):
        a, b, c = (np.asarray(p, float) for p in (foot, clew, head))
        u, v = np.linspace(0, 1, 120)[:, None, None], np.linspace(0, 1, 60)[None, :, None]
        grid = a + (c - a) * u + (b - a) * v * (1 - u) + np.array([0, 0, 0.0])
        grid = grid + [0, 1, 0] * (belly * np.sin(np.pi * v**0.7) * (1 - u) ** 0.7)
        grid = grid - [1, 0, 0] * (0.9 * np.sin(np.pi * u) * v)

        def cloth(s: Sample) -> np.ndarray:
            seam = (np.abs(s.u * 9 - np.round(s.u * 9)) < 0.035)[:, None]
            return np.where(seam, 0.62, 0.84) * np.array([1.0, 0.98, 0.93])

        scene.surface(put(grid), cloth, gloss=0.02, roughness=0.8, transmission=0.35)


def cloudy_sky(scene: Scene, horizon: float = 0.6) -> np.ndarray:
    """A blue sky with clouds above a hazy shore; `horizon` as a share of the height."""
    h, w = scene.height, scene.width
    y, x = np.mgrid[0 : 1 : h * 1j, 0 : w / h : w * 1j]
    up = np.clip((horizon - y) / horizon, 0, 1)[..., None]
    sky = np.array([0.62, 0.74, 0.88]) * (1 - up) + np.array([0.16, 0.34, 0.72]) * up
    n = fractal_noise(np.stack([2.2 * x, 5.0 * y, 0 * x], -1), 5, scene.seed)[..., None]
    cloud = np.clip(4.5 * (n - 0.50), 0, 1)
    sky = sky + (np.array([0.95, 0.95, 0.95]) * (0.75 + 0.5 * (n - 0.5)) - sky) * cloud
    hill = 0.03 + 0.06 * fractal_noise(np.stack([3 * x, 0 * x, 0 * x + 7], -1), 4, 3)
    shore = np.clip((y - (horizon - hill)) * 200, 0, 1)[..., None]
    return (sky + (np.array([0.16, 0.24, 0.26]) - sky) * shore).astype(np.float32)
