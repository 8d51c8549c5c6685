"""Ants, bees and a ladybird. Lengths are in millimetres; x is forwards, y to the left, z up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .materials import mottled, pitted
from .noise import fractal_noise
from .renderer import Colour, Sample, Scene
from .shapes import curve, ellipsoid, rotation, tube


@dataclass(frozen=True)
class Body:
    """Where an insect stands: every grid of its model goes through `place`."""

    scene: Scene
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    scale: float = 1.0
    ground: Callable[[float, float], float] | None = None  # height under a foot, in its own frame

    def foot(self, x: float, y: float) -> np.ndarray:
        """Where a foot comes down."""
        return np.array([x, y, 0.05 + (self.ground(x, y) if self.ground else 0.0)])

    @property
    def matrix(self) -> np.ndarray:
        return self.scale * rotation(self.yaw, self.pitch, self.roll)

    def place(self, grid: np.ndarray) -> np.ndarray:
        return grid @ self.matrix.T + np.asarray(self.origin)

    def local(self, s: Sample) -> np.ndarray:
        """The points of a sample in the insect's own frame."""
        return (s.position - np.asarray(self.origin)) @ np.linalg.inv(self.matrix).T

    def add(self, grid: np.ndarray, colour, **material) -> Sample:
        return self.scene.surface(self.place(grid), colour, **material)

    def fur(
        self,
        grid: np.ndarray,
        per_area: float,
        length: float,
        colour,
        *,
        comb: tuple = (-0.5, 0.0, 0.0),
        rough: float = 0.35,
        keep=None,
        thickness: float = 0.016,
    ) -> None:
        """Hairs over a grid of the model: `per_area` to the square millimetre, combed one way."""
        rng = self.scene.rng
        s = self.scene.scatter(grid, density=per_area)
        centre = grid.reshape(-1, 3).mean(0)
        out = np.sign(np.sum(s.normal * (s.position - centre), 1, keepdims=True))
        d = s.normal * out + rough * rng.normal(size=s.normal.shape)
        d /= np.linalg.norm(d, axis=1, keepdims=True)
        m = np.ones(len(s), bool) if keep is None else keep(s)
        turn = self.matrix.T
        lengths = self.scale * length * rng.uniform(0.6, 1.15, m.sum())
        self.scene.hairs(
            self.place(s.position[m]),
            d[m] @ turn / self.scale,
            lengths,
            colour,
            bend=np.asarray(comb) @ turn / self.scale,
            thickness=self.scale * thickness,
        )


def _knee(hip: np.ndarray, foot: np.ndarray, upper: float, lower: float, pole: np.ndarray):
    """The joint of a two-part limb, bent towards `pole`."""
    line = foot - hip
    d = np.linalg.norm(line)
    line = line / d
    d = min(d, 0.999 * (upper + lower))
    along = (upper**2 - lower**2 + d**2) / (2 * d)
    across = pole - line * (pole @ line)
    across /= np.linalg.norm(across)
    return hip + along * line + np.sqrt(max(upper**2 - along**2, 0)) * across


def leg(
    body: Body,
    hip: tuple,
    foot: tuple,
    lengths: tuple[float, float],
    thick: float,
    colour,
    *,
    pole: tuple = (0.0, 0.0, 1.0),
    hairy: float = 20.0,
    hair: Colour = (0.5, 0.4, 0.3),
    fat_tibia: float = 1.0,
) -> None:
    """Coxa, femur, tibia and a tarsus of five joints that lies on the ground."""
    hip, foot = np.asarray(hip, float), np.asarray(foot, float)
    outward = np.sign(foot[1] - hip[1]) * np.array([0.0, 1.0, 0.0])
    trochanter = hip + 0.22 * lengths[0] * (outward + np.array([0, 0, -0.5]))
    heading = (foot - hip) * [1, 1, 0]
    heading /= np.linalg.norm(heading)
    ankle = foot - 0.42 * lengths[1] * heading + [0, 0, 0.16 * lengths[1]]
    knee = _knee(trochanter, ankle, *lengths, np.asarray(pole, float) + 0.35 * outward)
    t = np.linspace(0, 1, 24)
    material = {"gloss": 0.05, "roughness": 0.3}

    def segment(a, b, r, profile, up=(0.3, 0.1, 1.0), around=20):
        centre = a + (b - a) * t[:, None] if len(a) == 3 else a
        grid = tube(centre, thick * r * profile, up=up, around=around)
        body.add(grid, colour, **material)
        body.fur(grid, hairy, 1.6 * thick, hair, comb=0.6 * (b - a) / np.linalg.norm(b - a))

    bulge = np.sin(np.pi * np.clip(t, 0.03, 0.97)) ** 0.45
    segment(hip, trochanter, 1.25, bulge)
    segment(trochanter, knee, 1.0, bulge * (1.25 - 0.65 * t))
    segment(knee, ankle, 0.72 * fat_tibia, bulge * (0.62 + 0.5 * t))
    path = curve([ankle, foot - 0.2 * lengths[1] * heading + [0, 0, 0.02], foot], 90)
    s = np.linspace(0, 1, 90)
    joints = 0.42 - 0.16 * s + 0.08 * np.abs(np.sin(5 * np.pi * s))
    grid = tube(path, thick * joints * np.clip(12 * (1 - s), 0, 1), up=(0.2, 0.1, 1), around=16)
    body.add(grid, colour, **material)
    body.fur(grid, hairy, 1.2 * thick, hair, comb=tuple(0.6 * heading))


def _feeler(body: Body, knots: list, thick: float, colour, scape: float, joints: int) -> None:
    """An elbowed antenna: a smooth first part, then a chain of short joints."""
    path = curve(knots, 220)
    s = np.linspace(0, 1, 220)
    chain = np.clip((s - scape) / (1 - scape), 0, 1)
    beads = 0.82 + 0.22 * np.abs(np.sin(np.pi * joints * chain)) + 0.25 * chain
    r = thick * np.where(s < scape, 0.75 + 0.35 * s / scape, beads)
    r *= np.clip(14 * (1 - s), 0, 1) ** 0.5
    grid = tube(path, r, up=(0.1, 0.2, 1.0), around=20)
    body.add(grid, colour, gloss=0.04, roughness=0.45)
    body.fur(grid, 40, 0.8 * thick, (0.5, 0.4, 0.3))


@dataclass(frozen=True)
class AntLook:
    """Colours (linear RGB) of an ant and how it holds itself."""

    front: Colour = (0.16, 0.035, 0.012)
    gaster: Colour = (0.018, 0.012, 0.010)
    limbs: Colour = (0.10, 0.025, 0.010)
    hair: Colour = (0.75, 0.62, 0.40)
    gloss: float = 0.06
    roughness: float = 0.33
    head_turn: float = 0.0
    head_nod: float = 0.15
    gaster_lift: float = 0.0
    jaws: float = 0.25
    stride: float = 0.0
    hairy: float = 1.0


def ant(body: Body, look: AntLook = AntLook()) -> None:
    """A worker ant about 9 mm long, standing on z = 0, its waist near the origin."""
    _ant_trunk(body, look)
    _ant_gaster(body, look)
    _ant_head(body, look)
    feet = [(3.3, 2.7), (0.1, 3.6), (-3.9, 3.3)]
    hips = [(1.0, 0.30, 0.95), (0.25, 0.32, 0.9), (-0.6, 0.30, 0.9)]
    sizes = [(2.0, 2.1), (2.2, 2.4), (2.7, 3.0)]
    for side in (1, -1):
        for k, (foot, hip, size) in enumerate(zip(feet, hips, sizes, strict=True)):
            step = look.stride * (1 if (k + (side > 0)) % 2 else -1)
            f = body.foot(foot[0] + step, side * foot[1])
            h = (hip[0], side * hip[1], hip[2])
            leg(body, h, f, size, 0.15, mottled(look.limbs), hair=look.hair, hairy=9.0)


def _ant_trunk(body: Body, look: AntLook) -> None:
    knots = [  # x, height, half width, half height
        (1.75, 1.32, 0.14, 0.14), (1.50, 1.34, 0.30, 0.30), (1.1, 1.38, 0.50, 0.48),
        (0.65, 1.42, 0.56, 0.54), (0.2, 1.40, 0.48, 0.50), (-0.15, 1.31, 0.38, 0.40),
        (-0.45, 1.22, 0.33, 0.34), (-0.8, 1.25, 0.38, 0.44), (-1.15, 1.20, 0.36, 0.42),
        (-1.45, 1.05, 0.22, 0.24), (-1.6, 0.98, 0.12, 0.12),
    ]  # fmt: skip
    node = [
        (-1.5, 0.98, 0.12, 0.12), (-1.7, 1.02, 0.20, 0.18), (-1.85, 1.15, 0.34, 0.40),
        (-1.98, 1.15, 0.30, 0.38), (-2.1, 1.0, 0.16, 0.16), (-2.3, 1.0, 0.12, 0.12),
    ]  # fmt: skip
    for part, n in ((knots, 160), (node, 80)):
        k = curve(part, n)
        centre = np.stack([k[:, 0], 0 * k[:, 0], k[:, 1]], 1)
        grid = tube(centre, k[:, 2:], around=90)
        body.add(
            grid, mottled(look.front), gloss=look.gloss, roughness=look.roughness + 0.1,
            bump=pitted(0.05 * body.scale, 0.55),
        )  # fmt: skip
        body.fur(grid, 9 * look.hairy, 0.15, look.hair, rough=0.25)


def _ant_gaster(body: Body, look: AntLook) -> None:
    k = curve(
        [
            (0.0, 0.0, 0.10), (-0.15, 0.05, 0.42), (-0.55, 0.16, 0.84), (-1.1, 0.22, 1.06),
            (-1.7, 0.2, 1.05), (-2.2, 0.12, 0.82), (-2.6, 0.02, 0.48), (-2.85, -0.06, 0.2),
            (-2.95, -0.1, 0.02),
        ],
        300,
    )  # fmt: skip
    along = -k[:, 0] / 2.95
    edges = np.array([0.0, 0.36, 0.63, 0.84, 1.01])
    plate = np.searchsorted(edges, along, side="right") - 1
    within = (along - edges[plate]) / (edges[plate + 1] - edges[plate])
    r = k[:, 2] * (0.975 + 0.035 * within)
    centre = np.stack([k[:, 0], 0 * r, k[:, 1]], 1) @ rotation(pitch=-look.gaster_lift).T
    centre += np.array([-2.2, 0.0, 1.0])
    grid = tube(centre, np.stack([r, 0.94 * r], 1), around=140)

    def colour(s: Sample) -> np.ndarray:
        place = np.interp(s.u, np.linspace(0, 1, 300), within)
        rim = np.clip((place - 0.9) / 0.1, 0, 1)[:, None]
        return mottled(look.gaster)(s) + rim * np.array([0.10, 0.065, 0.03])

    body.add(
        grid, colour, gloss=look.gloss * 1.2, roughness=look.roughness,
        bump=pitted(0.06 * body.scale, 0.25),
    )  # fmt: skip
    body.fur(grid, 12 * look.hairy, 0.22, look.hair, comb=(-0.9, 0, -0.1), rough=0.15)


def _ant_head(body: Body, look: AntLook) -> None:
    turn = rotation(yaw=look.head_turn, pitch=look.head_nod)
    neck = np.array([1.68, 0.0, 1.36])

    def put(grid: np.ndarray) -> np.ndarray:
        return grid @ turn.T + neck

    k = curve(
        [
            (-0.05, 0.0, 0.16, 0.14), (0.1, 0.03, 0.52, 0.40), (0.4, 0.06, 0.74, 0.54),
            (0.8, 0.05, 0.78, 0.55), (1.2, -0.02, 0.68, 0.47), (1.5, -0.1, 0.52, 0.36),
            (1.68, -0.15, 0.36, 0.25), (1.76, -0.17, 0.05, 0.05),
        ],
        150,
    )  # fmt: skip
    skull = put(tube(np.stack([k[:, 0], 0 * k[:, 0], k[:, 1]], 1), k[:, 2:], around=100))
    body.add(
        skull, mottled(look.front), gloss=look.gloss, roughness=look.roughness + 0.08,
        bump=pitted(0.05 * body.scale, 0.5),
    )  # fmt: skip
    body.fur(skull, 9 * look.hairy, 0.15, look.hair, comb=(0.4, 0, 0), rough=0.25)
    for side in (1, -1):
        eye = put(ellipsoid((0.78, side * 0.66, 0.26), (0.2, 0.12, 0.17)))
        body.add(eye, (0.006, 0.006, 0.007), gloss=0.08, roughness=0.12)
        j = curve(
            [
                (1.5, side * 0.36, -0.2), (1.85, side * 0.42, -0.24),
                (2.15, side * (0.2 + look.jaws * 0.6), -0.28), (2.35, side * look.jaws * 0.3, -0.3),
            ],
            60,
        )  # fmt: skip
        s = np.linspace(0, 1, 60)
        thick = np.stack([0.17 * (1 - s) ** 0.6 + 0.015, 0.11 * (1 - s) ** 0.6 + 0.012], 1)
        body.add(put(tube(j, thick, around=24)), mottled(look.front), gloss=0.06, roughness=0.3)
        sway = 0.25 * np.sin(3.0 * side + 10 * look.head_turn)
        knots = [
            (1.25, side * 0.28, 0.32), (1.45, side * 0.75, 0.75), (1.75, side * 1.35, 1.05),
            (1.98, side * 1.55, 1.05), (2.5, side * (1.5 + sway), 0.75),
            (3.1, side * (1.25 + sway), 0.25), (3.5, side * (0.95 + sway), -0.25),
        ]  # fmt: skip
        feeler = [tuple(put(np.array(p))) for p in knots]
        _feeler(body, feeler, 0.075, mottled(look.limbs), scape=0.42, joints=11)


@dataclass(frozen=True)
class BeeLook:
    """Colours (linear RGB) of a honey bee and how it holds its wings."""

    amber: Colour = (0.42, 0.16, 0.025)
    dark: Colour = (0.020, 0.012, 0.008)
    fur: Colour = (0.62, 0.40, 0.15)
    pale: Colour = (0.80, 0.66, 0.42)
    spread: float = 0.32  # radians between the long axis and a fore wing
    wing_lift: float = 0.10
    droop: float = 0.12  # radians the abdomen hangs
    head_nod: float = 0.35
    pollen: float = 0.0  # radius of the load on the hind legs
    fuzz: float = 1.0
    stripes: int = 6
    flying: bool = False


def bee(body: Body, look: BeeLook = BeeLook()) -> None:
    """A honey bee about 13 mm long, standing on z = 0, its thorax over the origin."""
    _bee_thorax(body, look)
    _bee_abdomen(body, look)
    _bee_head(body, look)
    for side in (1, -1):
        _wing(body, look, side, (0.35, 0.85, 3.05), 5.6, 1.85, look.spread, 0.0)
        _wing(body, look, side, (-0.25, 0.85, 2.95), 3.9, 1.25, look.spread + 0.28, -0.06)
    hips = [(0.75, 0.55, 1.0), (0.05, 0.6, 0.9), (-0.7, 0.6, 0.95)]
    feet = [(2.3, 1.6), (0.2, 2.7), (-2.6, 2.2)]
    sizes = [(1.5, 1.5), (1.7, 1.8), (2.0, 2.3)]
    for side in (1, -1):
        for hip, foot, size, fat in zip(hips, feet, sizes, (1.1, 1.2, 2.0), strict=True):
            f = body.foot(foot[0], side * foot[1])
            if look.flying:
                f = np.array([0.7 * foot[0] - 0.6, 0.6 * side * foot[1], -0.5])
            h = (hip[0], side * hip[1], hip[2])
            leg(
                body, h, f, size, 0.24, mottled(look.dark, 0.5, dark=(0.05, 0.02, 0.008)),
                hairy=70, hair=look.fur, fat_tibia=fat,
            )  # fmt: skip
    if look.pollen:
        for side in (1, -1):
            c = (-1.75, side * 1.95, 1.15)
            lump = ellipsoid(c, (0.62 * look.pollen, 0.45 * look.pollen, 0.72 * look.pollen))
            body.add(
                lump, mottled((0.75, 0.36, 0.03), 0.25, 0.15), gloss=0.03, roughness=0.8,
                bump=pitted(0.1, 1.2),
            )  # fmt: skip


def _bee_thorax(body: Body, look: BeeLook) -> None:
    skin = ellipsoid((0.0, 0.0, 2.05), (1.42, 1.40, 1.32), 90)
    body.add(skin, mottled(look.dark), gloss=0.04, roughness=0.4, bump=pitted(0.06, 0.5))

    def colour(s: Sample) -> np.ndarray:
        tips = 0.35 + 0.75 * s.u[:, None]
        return np.asarray(look.fur) * tips * (0.7 + 0.6 * fractal_noise(s.position, 3)[:, None])

    comb = (-0.45, 0.0, 0.1)
    body.fur(skin, 330 * look.fuzz, 0.62, colour, comb=comb, rough=0.4)
    body.fur(skin, 150 * look.fuzz, 0.85, colour, comb=comb, rough=0.5)


def _bee_abdomen(body: Body, look: BeeLook) -> None:
    n = 420
    k = curve(
        [
            (0.0, 0.0, 0.30), (-0.25, 0.02, 0.95), (-0.7, 0.05, 1.32), (-1.5, 0.08, 1.48),
            (-2.4, 0.02, 1.45), (-3.3, -0.1, 1.22), (-4.2, -0.28, 0.82), (-4.8, -0.42, 0.42),
            (-5.1, -0.5, 0.03),
        ],
        n,
    )  # fmt: skip
    along = -k[:, 0] / 5.1
    stripe = np.clip(along, 0, 0.9999) ** 0.92 * look.stripes
    within = stripe - np.floor(stripe)
    r = k[:, 2] * (0.965 + 0.05 * within)
    centre = np.stack([k[:, 0], 0 * r, k[:, 1]], 1) @ rotation(pitch=-look.droop).T
    centre += np.array([-1.15, 0.0, 2.0])
    grid = tube(centre, np.stack([r, 0.92 * r], 1), around=150)
    at = np.linspace(0, 1, n)

    def band(s: Sample) -> tuple[np.ndarray, np.ndarray]:
        st = np.interp(s.u, at, stripe) + 0.05 * (fractal_noise(5 * s.position, 2) - 0.5)
        return np.floor(st), st - np.floor(st)

    def colour(s: Sample) -> np.ndarray:
        which, w = band(s)
        fade = np.clip((which - 2.4) / 3.0, 0, 1)[:, None]
        split = 0.60 - 0.30 * fade[:, 0]
        black = np.clip((w - split) / 0.10, 0, 1)[:, None]
        amber = mottled(look.amber, 0.25)(s) * (1 - 0.55 * fade)
        return amber * (1 - black) + np.asarray(look.dark) * black

    body.add(grid, colour, gloss=0.05, roughness=0.33, bump=pitted(0.07, 0.3))
    body.fur(
        grid, 110 * look.fuzz, 0.26, look.pale, comb=(-1.1, 0, 0), rough=0.2,
        keep=lambda s: band(s)[1] < 0.30,
    )  # fmt: skip
    body.fur(grid, 22 * look.fuzz, 0.2, look.fur, comb=(-1.1, 0, 0), rough=0.25)
    body.fur(
        grid, 170 * look.fuzz, 0.6, look.fur, comb=(-0.6, 0, 0), rough=0.45,
        keep=lambda s: s.u < 0.2,
    )  # fmt: skip


def _bee_head(body: Body, look: BeeLook) -> None:
    turn = rotation(pitch=look.head_nod)
    neck = np.array([1.75, 0.0, 1.85])

    def put(grid: np.ndarray) -> np.ndarray:
        return grid @ turn.T + neck

    skull = put(ellipsoid((0.1, 0, -0.1), (0.62, 1.12, 1.08), 70))
    body.add(skull, mottled(look.dark), gloss=0.04, roughness=0.4, bump=pitted(0.05, 0.5))
    body.fur(skull, 170 * look.fuzz, 0.27, look.fur, comb=(0.3, 0, 0), rough=0.4)
    for side in (1, -1):
        eye = put(ellipsoid((0.18, side * 0.88, 0.02), (0.60, 0.46, 0.92), 60))
        body.add(
            eye, mottled((0.022, 0.012, 0.010), 0.3, 0.3), gloss=0.06, roughness=0.22,
            bump=pitted(0.03, 0.35),
        )  # fmt: skip
        knots = [
            (0.65, side * 0.16, 0.1), (0.95, side * 0.45, 0.5), (1.2, side * 0.72, 0.78),
            (1.45, side * 0.85, 0.72), (1.95, side * 0.98, 0.4), (2.4, side * 1.05, 0.0),
        ]  # fmt: skip
        feeler = [tuple(put(np.array(p))) for p in knots]
        _feeler(body, feeler, 0.085, look.dark, scape=0.42, joints=10)
    jaw = put(tube(curve([(0.3, 0, -0.7), (0.55, 0, -1.25), (0.6, 0, -1.7)], 40),
                   np.stack([np.linspace(0.5, 0.1, 40), np.linspace(0.3, 0.08, 40)], 1),
                   up=(1, 0, 0)))  # fmt: skip
    body.add(jaw, mottled((0.10, 0.04, 0.012)), gloss=0.05, roughness=0.35)


def _wing(
    body: Body, look: BeeLook, side: int, root: tuple, length: float, width: float,
    spread: float, drop: float,
) -> None:  # fmt: skip
    """A wing: a clear film that mirrors the sky, on a net of brown veins."""
    t = np.linspace(0, 1, 120)
    front = 0.10 * np.sin(np.pi * t**0.8)
    back = -(np.sin(np.pi * t**1.25) ** 0.75) * (0.35 + 0.65 * t) * 0.95
    w = np.linspace(0, 1, 60)[None]
    x = -length * t[:, None] + 0 * w
    chord = width * (front[:, None] * (1 - w) + back[:, None] * w)
    z = 0.10 * np.sin(9 * w + 5 * t[:, None]) * t[:, None] * 0.35 - 0.05 * length * t[:, None] ** 2
    flat = np.stack([x, -side * chord, z], -1)
    turn = rotation(yaw=-side * spread, pitch=look.wing_lift + drop, roll=-side * 0.25)
    grid = flat @ turn.T + np.array([root[0], side * root[1], root[2]])

    def veins(s: Sample) -> np.ndarray:
        """1 on a vein: five run along the wing and fork, some cross."""
        u, v = s.u, s.v
        line = np.abs(v - 0.02) < 0.02
        for a, b, c in ((0.12, 0.10, 0.9), (0.25, 0.35, 0.95), (0.45, 0.55, 0.8), (0.7, 0.72, 0.6)):
            line |= (np.abs(v - (a + (b - a) * u + 0.06 * np.sin(5 * u + 9 * a))) < 0.011) & (u < c)
        for a, lo, hi in (
            (0.32, 0.12, 0.5),
            (0.5, 0.02, 0.35),
            (0.58, 0.3, 0.7),
            (0.74, 0.05, 0.5),
        ):
            line |= (np.abs(u - a - 0.12 * v) < 0.006) & (v > lo) & (v < hi)
        return line.astype(np.float32)

    def colour(s: Sample) -> np.ndarray:
        v = veins(s)[:, None]
        return (1 - v) * np.array([0.34, 0.28, 0.20]) + v * np.array([0.05, 0.025, 0.010])

    body.add(
        grid, colour, gloss=0.07, roughness=0.25, transmission=0.5,
        opacity=lambda s: np.clip(0.38 + 0.55 * veins(s), 0, 0.93), bump=pitted(0.3, 0.25),
    )  # fmt: skip


LADYBIRD_SPOTS = np.array(
    [(1.9, 0), (0.75, 1.25), (0.75, -1.25), (-0.5, 1.9), (-0.5, -1.9), (-1.5, 0.85), (-1.5, -0.85)]
)


def ladybird(body: Body) -> None:
    """A seven-spot ladybird about 7 mm long, standing on z = 0."""
    shell = ellipsoid((0, 0, 0), (3.1, 2.6, 2.0), 120)
    shell[..., 2] = np.maximum(shell[..., 2], -0.2) + 0.85

    def colour(s: Sample) -> np.ndarray:
        p = body.local(s)
        d = np.linalg.norm(p[:, None, :2] - LADYBIRD_SPOTS, axis=2).min(1)
        spot = np.clip((0.52 - d) / 0.06, 0, 1)
        seam = np.clip((0.05 - np.abs(p[:, 1])) / 0.02, 0, 1)
        black = np.maximum(spot, seam * (p[:, 2] > 1.2))[:, None]
        red = mottled((0.62, 0.035, 0.012), 0.15, 1.0)(s)
        return red * (1 - black) + 0.012 * black

    body.add(shell, colour, gloss=0.06, roughness=0.16)
    collar = ellipsoid((2.75, 0, 1.15), (0.80, 1.45, 0.80), 70)

    def patches(s: Sample) -> np.ndarray:
        p = body.local(s)
        white = np.clip((np.abs(p[:, 1]) - 0.95) / 0.1, 0, 1)[:, None] * (p[:, 2:] > 0.9)
        return 0.012 + white * 0.75

    body.add(collar, patches, gloss=0.06, roughness=0.2)
    body.add(ellipsoid((3.45, 0, 0.95), (0.5, 0.75, 0.5), 50), (0.012,) * 3, gloss=0.06)
    for side in (1, -1):
        body.add(
            ellipsoid((3.62, side * 0.48, 1.22), (0.17, 0.17, 0.17)), (0.6,) * 3, roughness=0.3
        )
        knots = [(3.8, side * 0.35, 0.9), (4.2, side * 0.7, 0.95), (4.55, side * 0.8, 0.8)]
        _feeler(body, knots, 0.07, (0.03, 0.02, 0.01), scape=0.3, joints=6)
        for hip, foot in ((1.9, 2.9), (0.6, 0.7), (-1.0, -1.9)):
            leg(
                body, (hip, side * 1.5, 0.55), (foot, side * 2.95, 0.05), (1.0, 1.0), 0.17,
                (0.012,) * 3, hairy=0,
            )  # fmt: skip
