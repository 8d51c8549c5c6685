"""What the insects stand on: leaves, flowers, sand and bark; and the blur far behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .materials import mottled, pitted
from .noise import fractal_noise
from .renderer import Colour, Sample, Scene
from .shapes import curve, ellipsoid, plane, rotation, tube


def backdrop(
    scene: Scene,
    colours: Sequence[Colour],
    *,
    blobs: int = 120,
) -> np.ndarray:
    """Leaves and light far out of focus: soft discs over a gradient, linear RGB (h, w, 3)."""
    rng = np.random.default_rng(scene.seed + 77)
    h, w = scene.height, scene.width
    y, x = np.mgrid[0 : h / w : h * 1j, 0 : 1 : w * 1j]
    palette = np.asarray(colours, float)
    n = fractal_noise(np.stack([2.2 * x, 2.2 * y, 0 * x], -1), 2, scene.seed)[..., None]
    picture = palette[0] + (palette[-1] - palette[0]) * np.clip(1.8 * n - 0.4, 0, 1)
    for _ in range(blobs):
        cx, cy = rng.random() * 1.2 - 0.1, rng.random() * 1.2 * h / w - 0.1
        r = rng.uniform(0.05, 0.22)
        edge = np.clip((r - np.hypot(x - cx, y - cy)) / (0.35 * r), 0, 1)[..., None]
        edge = edge * edge * (3 - 2 * edge)
        tint = palette[rng.integers(len(palette))] * rng.uniform(0.5, 1.5)
        picture += (tint - picture) * edge * rng.uniform(0.15, 0.6)
    return picture.astype(np.float32)


def veined_leaf(
    scene: Scene,
    half: float = 14.0,
    colour: Colour = (0.085, 0.22, 0.022),
    yaw: float = 0.4,
    spacing: float = 3.2,
) -> None:
    """A broad leaf about z = 0, its midrib through the origin along `yaw`."""
    c, s_ = np.cos(yaw), np.sin(yaw)

    def vein(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance to the midrib and to the nearest side vein."""
        a, b = c * p[..., 0] + s_ * p[..., 1], -s_ * p[..., 0] + c * p[..., 1]
        b = b + 3.1
        run = a - 0.75 * np.abs(b) + 0.02 * b * b + 0.35 * np.sign(b)
        run = run + 0.5 * (fractal_noise(p * 0.25, 2) - 0.5)
        near = np.abs(run / spacing - np.round(run / spacing)) * spacing
        return np.abs(b), near

    grid = plane(half, 520)
    mid, near = vein(grid)
    n = fractal_noise(grid * 0.5, 4, 3)
    height = 0.35 * (n - 0.5) + 0.25 * np.clip(near, 0, 0.9) ** 0.7 - 0.22
    height += 0.35 * np.clip(mid / 1.2, 0, 1) - 0.30
    grid[..., 2] = height

    def paint(s: Sample) -> np.ndarray:
        mid, near = vein(s.position * [1, 1, 0])
        fine = fractal_noise(s.position * 3.0, 3, 8)
        net = np.clip(1 - 9 * np.abs(fractal_noise(s.position * 1.6, 2, 21) - 0.5), 0, 1)
        pale = 0.75 * np.exp(-((mid / 0.28) ** 2)) + 0.45 * np.exp(-((near / 0.10) ** 2))
        pale = np.clip(pale + 0.16 * net, 0, 1)[:, None]
        blotch = (0.75 + 0.5 * fractal_noise(s.position * 0.4, 3, 5) + 0.3 * (fine - 0.5))[:, None]
        green = np.asarray(colour) * blotch
        return green + (np.array([0.30, 0.42, 0.12]) - green) * pale

    scene.surface(
        grid, paint, gloss=0.045, roughness=0.5, transmission=0.3, bump=pitted(0.12, 0.5, 4)
    )


def sand(
    scene: Scene,
    half: float = 13.0,
    grains: int = 2600,
    size: tuple[float, float] = (0.12, 0.45),
    tints: Sequence[Colour] = ((0.50, 0.38, 0.24), (0.36, 0.25, 0.15), (0.62, 0.55, 0.42)),
    pebbles: int = 14,
) -> None:
    """Dry soil with grains lying on it; the standing level is z = 0."""
    rng = scene.rng
    grid = plane(half, 500)

    def height(xy: np.ndarray) -> np.ndarray:
        p = np.concatenate([xy, np.zeros((*xy.shape[:-1], 1))], -1)
        return 0.9 * (fractal_noise(p * 0.22, 3, 2) - 0.5) + 0.35 * (
            fractal_noise(p * 2.2, 3, 9) - 0.5
        )

    grid[..., 2] = height(grid[..., :2]) - 0.22
    base = np.asarray(tints).mean(0)

    def soil(s: Sample) -> np.ndarray:
        n = fractal_noise(s.position * 2.5, 4, 1)[:, None]
        return base * (0.45 + 0.9 * n)

    scene.surface(grid, soil, gloss=0.02, roughness=0.9, bump=pitted(0.1, 1.6, 4))
    for k in range(grains + pebbles):
        r = rng.uniform(*size) if k < grains else rng.uniform(0.7, 1.7)
        xy = rng.uniform(-half, half, 2)
        if k >= grains and np.hypot(*xy) < 5.5:
            continue
        stone = ellipsoid((0, 0, 0), tuple(r * rng.uniform(0.6, 1.0, 3)), 12 if k < grains else 40)
        stone += 0.35 * r * (fractal_noise(stone / r * 1.3 + 9.0 * k, 2) - 0.5)[..., None]
        stone = stone @ rotation(*rng.uniform(0, 6, 3)).T
        stone += np.array([*xy, float(height(xy)) - 0.22 + 0.2 * r])
        tint = np.asarray(tints[rng.integers(len(tints))]) * rng.uniform(0.6, 1.3)
        scene.surface(
            stone, mottled(tuple(tint), 0.25, 0.5), gloss=0.04, roughness=rng.uniform(0.4, 0.9)
        )


def bark(
    scene: Scene,
    half: float = 14.0,
    tints: Sequence[Colour] = ((0.16, 0.10, 0.06), (0.30, 0.23, 0.16)),
    moss: float = 0.3,
    yaw: float = 0.3,
) -> None:
    """Furrowed bark with some moss; the standing level is z = 0."""
    grid = plane(half, 640)
    turn = rotation(yaw=yaw)

    def ridges(p: np.ndarray) -> np.ndarray:
        q = (p * [1, 1, 0]) @ turn
        q = q + 1.5 * (fractal_noise(q * 0.3, 2, 4)[..., None] - 0.5)
        long = fractal_noise(q * [0.10, 0.62, 1], 3, 6, gain=0.35)
        return np.clip(7 * np.abs(long - 0.5), 0, 1) ** 0.6

    fine = fractal_noise(grid * 2.0, 4, 12)
    grid[..., 2] = 1.1 * (ridges(grid) - 1.0) + 0.45 * (fine - 0.5)

    def paint(s: Sample) -> np.ndarray:
        high = ridges(s.position)[:, None]
        n = fractal_noise(s.position * 3.0, 4, 30)[:, None]
        brown = np.asarray(tints[0]) + (np.asarray(tints[1]) - np.asarray(tints[0])) * high**2
        brown = brown * (0.5 + 1.0 * n)
        green = fractal_noise(s.position * 0.35, 4, 40)[:, None]
        green = np.clip(6 * (green - 1 + 0.5 * moss + 0.15), 0, 1)
        return brown + (np.array([0.12, 0.17, 0.03]) * (0.6 + 0.8 * n) - brown) * green

    scene.surface(grid, paint, gloss=0.02, roughness=0.85, bump=pitted(0.09, 1.3, 4))


def _petal(
    length: float, width: float, curl: float, cup: float, tip: float = 0.5, rows: int = 40
) -> np.ndarray:
    """A petal along +x from the origin: (rows, 17, 3)."""
    t, w = np.linspace(0, 1, rows)[:, None], np.linspace(-1, 1, 17)[None]
    outline = (0.35 + 0.65 * np.sin(np.pi * np.clip(0.08 + 0.72 * t, 0, 1)) ** 0.8) * np.clip(
        (1 - t) / 0.18, 0.02, 1
    ) ** tip
    y = 0.5 * width * outline * w
    groove = -0.05 * width * np.cos(2 * np.pi * w) * np.clip(2 * t, 0, 1)
    z = curl * length * t**2 + cup * width * w**2 * t + groove
    return np.stack([length * t + 0 * w, y, z], -1)


@dataclass(frozen=True)
class Flower:
    """A flower like a daisy's: rays around a disc of florets. Lengths are in millimetres.

    It faces up, or is tilted by (pitch, roll) radians; the top of its disc is at `centre`.
    """

    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    tilt: tuple[float, float] = (0.0, 0.0)
    disc: float = 4.5  # radius
    dome: float = 1.3  # height of the disc's middle above its rim
    florets: int = 420
    disc_colour: Colour = (0.78, 0.42, 0.02)
    disc_middle: Colour = (0.55, 0.42, 0.04)
    petals: int = 26  # in each of two layers
    length: float = 11.0
    width: float = 2.6
    curl: float = -0.06
    petal_colour: Colour = (0.86, 0.86, 0.84)
    petal_base: Colour = (0.70, 0.72, 0.55)

    def place(self, grid: np.ndarray) -> np.ndarray:
        turn = rotation(pitch=self.tilt[0], roll=self.tilt[1])
        return grid @ turn.T + np.asarray(self.centre)


def ray_flower(scene: Scene, flower: Flower = Flower()) -> None:
    """Adds the flower's rays, its disc and the florets on it."""
    for layer in range(2):
        for k in range(flower.petals):
            _ray(scene, flower, layer, k)
    r = np.linspace(1, 0, 60)
    cap = np.stack([0 * r, 0 * r, -flower.dome * r**2 - 0.35], 1)
    grid = flower.place(tube(cap, flower.disc * r, up=(1, 0, 0)))
    dim = tuple(0.35 * np.asarray(flower.disc_colour))
    scene.surface(grid, dim, roughness=0.9, gloss=0.02)
    _florets(scene, flower)


def _ray(scene: Scene, flower: Flower, layer: int, k: int) -> None:
    """The k-th petal of a layer, a little unlike the others."""
    rng = scene.rng
    yaw = 2 * np.pi * (k + 0.5 * layer + rng.uniform(-0.22, 0.22)) / flower.petals
    grid = _petal(
        flower.length * rng.uniform(0.88, 1.06),
        flower.width * rng.uniform(0.85, 1.1),
        flower.curl + rng.uniform(-0.05, 0.05),
        rng.uniform(-0.02, 0.10),
    )
    grid = grid @ rotation(roll=rng.uniform(-0.25, 0.25), pitch=rng.uniform(-0.06, 0.08)).T
    grid = grid + np.array([0.75 * flower.disc, 0, -flower.dome - 0.35 * layer - 0.2])
    streak = rng.random() * 50

    def paint(s: Sample) -> np.ndarray:
        n = fractal_noise(np.stack([1.5 * s.u + streak, 9 * s.v, 0 * s.u], 1), 3)[:, None]
        base = np.exp(-((s.u / 0.25) ** 2))[:, None]
        colour = np.asarray(flower.petal_colour) * (0.80 + 0.35 * n)
        return colour + (np.asarray(flower.petal_base) - colour) * base

    grid = flower.place(grid @ rotation(yaw=yaw).T)
    scene.surface(grid, paint, gloss=0.03, roughness=0.7, transmission=0.45)


def _florets(scene: Scene, flower: Flower) -> None:
    """The disc's florets, set on a sunflower spiral (Vogel, 1979)."""
    rng, count = scene.rng, flower.florets
    t = np.linspace(0, 1, 14)
    size = 0.95 * flower.disc / np.sqrt(count)
    shade = np.array([0.45, 0.35, 0.3])  # of the foot of a floret, that of its top is 1
    for k in range(count):
        q = (k + 0.5) / count
        a = k * np.pi * (3 - np.sqrt(5))
        r = flower.disc * np.sqrt(q)
        tall = 0.55 * rng.uniform(0.75, 1.2) * (0.55 + 0.6 * q)
        stem = np.stack([0.12 * tall * t * q, 0 * t, tall * t], 1)
        swell = size * (0.75 + 0.5 * t**2) * np.clip(6 * (1 - t), 0, 1) ** 0.5
        grid = tube(stem, swell, up=(1, 0, 0), around=12) @ rotation(yaw=a).T
        grid = grid + np.array([r * np.cos(a), r * np.sin(a), -flower.dome * q - 0.45])
        mix = np.clip(1.6 * q - 0.25 + rng.uniform(-0.15, 0.15), 0, 1)
        tint = np.asarray(flower.disc_middle) * (1 - mix) + np.asarray(flower.disc_colour) * mix
        tint = tint * rng.uniform(0.75, 1.2)

        def paint(s: Sample, tint: np.ndarray = tint) -> np.ndarray:
            return tint * (shade + (1 - shade) * np.clip(1.3 * s.u, 0, 1)[:, None])

        scene.surface(flower.place(grid), paint, gloss=0.03, roughness=0.7, transmission=0.15)


def dandelion(
    scene: Scene, *, radius: float = 11.0, colour: Colour = (0.85, 0.52, 0.012), count: int = 420
) -> None:
    """A dandelion's head, its top at z = 0: straps upright in the middle, level at the rim."""
    rng = scene.rng
    cushion = ellipsoid((0, 0, -0.33 * radius), (0.45 * radius, 0.45 * radius, 0.22 * radius))
    scene.surface(cushion, mottled(tuple(0.5 * np.asarray(colour)), 0.4, 0.5), roughness=0.9)
    for k in range(count):
        q = (k + 0.5) / count
        a = k * np.pi * (3 - np.sqrt(5)) + rng.uniform(-0.1, 0.1)
        length = radius * (0.30 + 0.42 * q) * rng.uniform(0.85, 1.1)
        grid = _petal(
            length, 0.95 * rng.uniform(0.8, 1.15), rng.uniform(-0.16, 0.02), 0.12, 0.2, 24
        )
        up = np.radians(80 - 78 * q**0.9 + rng.uniform(-8, 8))
        grid = grid @ rotation(pitch=-up).T
        grid = grid + np.array([radius * 0.40 * np.sqrt(q), 0, -0.31 * radius - 0.5 * q])
        grid = grid @ rotation(yaw=a).T
        tint = np.asarray(colour) * rng.uniform(0.8, 1.15) * [1, rng.uniform(0.85, 1.1), 1]

        def paint(s: Sample, tint: np.ndarray = tint) -> np.ndarray:
            return tint * (0.6 + 0.5 * s.u[:, None])

        scene.surface(grid, paint, gloss=0.03, roughness=0.7, transmission=0.4)


def stem(scene: Scene, knots: list, radius: float, colour: Colour = (0.10, 0.20, 0.03)) -> None:
    """A stalk or a twig along `knots`."""
    path = curve(knots, 200)
    n = fractal_noise(path * 0.8, 3, 5)
    grid = tube(path, radius * (0.8 + 0.4 * n), up=(0.1, 0.2, 1.0))
    scene.surface(
        grid, mottled(colour, 0.35, 0.8), gloss=0.03, roughness=0.7, bump=pitted(0.15, 1.0)
    )
