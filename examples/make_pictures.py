"""Paints the example pictures: `python examples/make_pictures.py [NAME ...] [--output DIR]`.

Everything in them is made by the code beside this file, from numbers alone: no photograph and no
model is used. The pictures are CC0. See README.md here.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from macro.insects import AntLook, BeeLook, Body, ant, bee, ladybird
from macro.plants import Flower, backdrop, bark, dandelion, ray_flower, sand, stem, veined_leaf
from macro.renderer import Camera, Light, Scene, develop, render
from macro.things import boat, cloudy_sky, sea, table, teapot
from PIL import Image

GREENS = [(0.03, 0.08, 0.012), (0.07, 0.16, 0.03), (0.16, 0.24, 0.06), (0.24, 0.30, 0.12)]
DUSK = [(0.02, 0.035, 0.015), (0.05, 0.07, 0.02), (0.13, 0.12, 0.05), (0.22, 0.18, 0.08)]
BROWNS = [(0.07, 0.05, 0.03), (0.14, 0.10, 0.06), (0.22, 0.18, 0.10), (0.12, 0.15, 0.06)]


@dataclass(frozen=True)
class Picture:
    """One picture: a camera, a light, and what `paint` puts before them.

    `paint` fills a scene and returns what is far behind it, linear RGB (height, width, 3).
    """

    paint: Callable[[Scene], np.ndarray]
    camera: Camera
    light: Light
    exposure: float = 1.0
    grain: float = 0.007
    seed: int = 1
    views: int = 48

    def draw(self, width: int = 640, height: int = 480) -> np.ndarray:
        """The finished picture: uint8 (height, width, 3), the same for the same size."""
        scene = Scene(self.camera, width, height, seed=self.seed)
        behind = self.paint(scene)
        linear = render(scene, self.light, behind, self.views)
        return develop(linear, self.exposure, self.seed, self.grain)


def ant_on_leaf(scene: Scene) -> np.ndarray:
    veined_leaf(scene, colour=(0.06, 0.15, 0.02))
    ant(Body(scene, yaw=0.2), AntLook())
    return backdrop(scene, GREENS)


def ant_on_sand(scene: Scene) -> np.ndarray:
    sand(scene)
    look = AntLook(
        front=(0.022, 0.014, 0.011), gaster=(0.014, 0.011, 0.010), limbs=(0.08, 0.025, 0.010),
        hair=(0.35, 0.28, 0.20), roughness=0.5, gaster_lift=0.14, stride=-0.66, hairy=0.53,
    )  # fmt: skip
    ant(Body(scene, yaw=3.0), look)
    return backdrop(scene, BROWNS)


def ant_on_bark(scene: Scene) -> np.ndarray:
    bark(scene)
    brown = AntLook(
        front=(0.075, 0.022, 0.010), gaster=(0.030, 0.016, 0.012), limbs=(0.11, 0.035, 0.014),
        roughness=0.30, head_turn=-0.2, gaster_lift=0.12, stride=-0.4,
    )  # fmt: skip
    ant(Body(scene, yaw=0.15), brown)
    return backdrop(scene, DUSK)


def ant_on_twig(scene: Scene) -> np.ndarray:
    stem(
        scene,
        [(-16, 0, -3.2), (-6, 0.0, -2.2), (4, 0, -2.0), (18, 0.3, -1.5)],
        2.1,
        (0.20, 0.13, 0.08),
    )

    def ground(x: float, y: float) -> float:
        return float(np.sqrt(max(2.1**2 - y * y, 0.0)) - 2.1)

    look = AntLook(
        front=(0.05, 0.02, 0.012), limbs=(0.07, 0.026, 0.012), head_nod=0.05, stride=0.4, hairy=0.7
    )
    ant(Body(scene, yaw=0.0, ground=ground, pitch=-0.06), look)
    return backdrop(scene, GREENS)


def bee_on_daisy(scene: Scene) -> np.ndarray:
    ray_flower(scene)
    bee(Body(scene, yaw=0.3), BeeLook())
    return backdrop(scene, GREENS)


def bee_on_dandelion(scene: Scene) -> np.ndarray:
    dandelion(scene)
    look = BeeLook(spread=0.45, pollen=0.9, amber=(0.36, 0.13, 0.02))
    bee(Body(scene, origin=(0.6, 0, 0.1), yaw=2.4), look)
    return backdrop(scene, GREENS)


def bee_on_aster(scene: Scene) -> np.ndarray:
    flower = Flower(
        disc=3.6, dome=1.0, petals=30, length=9.5, width=1.5,
        petal_colour=(0.36, 0.20, 0.62), petal_base=(0.45, 0.32, 0.66), florets=260,
        disc_colour=(0.80, 0.46, 0.02), curl=0.03,
    )  # fmt: skip
    ray_flower(scene, flower)
    look = BeeLook(fur=(0.50, 0.30, 0.11), amber=(0.40, 0.15, 0.03), spread=0.6, head_nod=0.5)
    bee(Body(scene, origin=(0, 0, 0.15), yaw=-0.5, roll=0.05), look)
    return backdrop(scene, DUSK)


def bee_in_flight(scene: Scene) -> np.ndarray:
    flower = Flower(
        centre=(7.2, 2.0, -4.2), disc=3.0, dome=1.0, petals=22, length=6.5, width=1.7,
        petal_colour=(0.75, 0.16, 0.30), petal_base=(0.80, 0.40, 0.42), florets=180,
        tilt=(-0.5, 0.2),
    )  # fmt: skip
    ray_flower(scene, flower)
    stem(scene, [(7.5, 2.0, -5.2), (8.7, 2.2, -12), (8.0, 2.0, -30)], 0.7)
    look = BeeLook(flying=True, spread=1.15, wing_lift=0.65, droop=0.3, pollen=0.8)
    bee(Body(scene, yaw=-0.25, pitch=-0.15), look)
    return backdrop(scene, GREENS)


def ladybird_on_leaf(scene: Scene) -> np.ndarray:
    veined_leaf(scene, colour=(0.05, 0.16, 0.02), yaw=-0.5)
    ladybird(Body(scene, yaw=0.5))
    return backdrop(scene, GREENS)


def teapot_on_table(scene: Scene) -> np.ndarray:
    table(scene)
    teapot(scene)
    return backdrop(scene, [(0.30, 0.26, 0.20), (0.45, 0.40, 0.33), (0.60, 0.52, 0.40)], blobs=30)


def sailing_boat(scene: Scene) -> np.ndarray:
    sea(scene)
    boat(scene)
    return cloudy_sky(scene)


WARM = Light(azimuth=-140, elevation=50)
NOON = Light(azimuth=60, elevation=58, sun=(3.6, 3.3, 2.8), width=2.5, sky=(0.55, 0.65, 0.85))
SOFT = Light(azimuth=-30, elevation=60, sun=(1.8, 1.7, 1.6), width=20, sky=(1.0, 1.05, 1.1))
EVENING = Light(azimuth=-150, elevation=32, sun=(3.6, 2.7, 1.7), width=6, sky=(0.55, 0.62, 0.8))

PICTURES: dict[str, Picture] = {
    "ant_on_leaf": Picture(
        ant_on_leaf,
        Camera((-0.3, 0, 0.9), -62, 36, distance=40, field_of_view=20, aperture=0.9),
        WARM,
    ),
    "ant_on_sand": Picture(
        ant_on_sand,
        Camera((0.2, 0, 0.7), -60, 50, distance=40, field_of_view=21, aperture=0.9),
        WARM,
    ),
    "ant_on_bark": Picture(
        ant_on_bark,
        Camera((-0.3, 0, 1.0), -100, 24, distance=38, field_of_view=20, aperture=0.9),
        EVENING,
    ),
    "ant_on_twig": Picture(
        ant_on_twig,
        Camera((-0.3, 0, 0.6), -85, 8, distance=40, field_of_view=20, aperture=0.8),
        SOFT,
    ),
    "bee_on_daisy": Picture(
        bee_on_daisy,
        Camera((-1, 0, 1.8), -70, 38, distance=52, field_of_view=22, aperture=1.0),
        WARM,
        exposure=0.62,
    ),
    "bee_on_dandelion": Picture(
        bee_on_dandelion,
        Camera((0.6, -0.4, 1.2), -60, 48, distance=50, field_of_view=21, aperture=1.0),
        NOON,
        exposure=0.8,
    ),
    "bee_on_aster": Picture(
        bee_on_aster,
        Camera((-0.6, 0, 1.8), -55, 25, distance=50, field_of_view=20, aperture=1.0),
        EVENING,
    ),
    "bee_in_flight": Picture(
        bee_in_flight,
        Camera((0.0, 0, 1.3), -78, 20, distance=47, field_of_view=22, aperture=0.9),
        WARM,
    ),
    "neither_ladybird": Picture(
        ladybird_on_leaf,
        Camera((0.2, 0, 1.2), -60, 38, distance=38, field_of_view=20, aperture=0.8),
        WARM,
    ),
    "neither_teapot": Picture(
        teapot_on_table,
        Camera((0, 0, 3.6), -75, 18, distance=60, field_of_view=22, aperture=0.7),
        SOFT,
    ),
    "neither_sailing_boat": Picture(
        sailing_boat,
        Camera((0.5, 0, 8.0), -80, 5, distance=90, field_of_view=24, aperture=0.1),
        WARM,
    ),
}


def encoded(picture: np.ndarray, limit: int = 78_000) -> bytes:
    """The picture as a JPEG of at most `limit` bytes."""
    for quality in range(92, 40, -3):
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= limit:
            break
    return buffer.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description="Paint the example pictures again.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PICTURES)}")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    parser.add_argument("--width", type=int, default=640, help="in pixels; the height is 3/4 of it")
    arguments = parser.parse_args()
    for name in arguments.names or PICTURES:
        if name not in PICTURES:
            parser.error(f"no picture is called {name!r}")
        start = time.monotonic()
        picture = PICTURES[name].draw(arguments.width, arguments.width * 3 // 4)
        path = arguments.output / f"{name}.jpg"
        path.write_bytes(encoded(picture))
        print(f"{path}  {path.stat().st_size / 1000:.0f} kB  {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
