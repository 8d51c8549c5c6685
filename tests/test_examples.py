"""The example pictures, and the renderer that makes them, against what optics says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parent.parent / "examples"
sys.path.insert(0, str(EXAMPLES))

from macro.noise import fractal_noise  # noqa: E402
from macro.renderer import Camera, Light, Scene, render, shade  # noqa: E402
from macro.shapes import ellipsoid, plane  # noqa: E402
from make_pictures import PICTURES  # noqa: E402

FILES = sorted(EXAMPLES.glob("*.jpg"))
NIGHT = Light(sun=(0, 0, 0), sky=(0, 0, 0), bounce=(0, 0, 0))
ABOVE = Camera(
    target=(0, 0, 0), azimuth=0, elevation=89.9, distance=20, field_of_view=30, aperture=0
)


def white(size: int) -> np.ndarray:
    return np.ones((size, size, 3), np.float32)


def test_every_picture_of_the_script_is_there_and_no_other():
    assert [f.stem for f in FILES] == sorted(PICTURES)


def test_there_is_enough_to_click_on():
    first_words = [f.stem.split("_")[0] for f in FILES]
    assert set(first_words) == {"ant", "bee", "neither"}
    assert min(first_words.count("ant"), first_words.count("bee")) >= 3
    assert first_words.count("neither") >= 2


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_a_picture_is_readable_small_and_listed(file):
    assert file.stat().st_size < 80_000
    with Image.open(file) as picture:
        picture.load()
        assert picture.mode == "RGB"
        assert 480 <= max(picture.size) <= 640
        assert np.asarray(picture).std() > 20  # there is something to see
        assert not picture.getexif()
    assert f"`{file.name}`" in (EXAMPLES / "README.md").read_text(encoding="utf-8")


def test_the_readme_gives_the_pictures_away():
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert "https://creativecommons.org/publicdomain/zero/1.0/" in readme


def test_the_same_size_gives_the_same_picture():
    first, again = (PICTURES["ant_on_twig"].draw(64, 48) for _ in range(2))
    assert first.shape == (48, 64, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_a_small_drawing_is_the_committed_picture(name):
    """The files were made by this very script, and not by an older one."""
    small = PICTURES[name].draw(96, 72).astype(float)
    with Image.open(EXAMPLES / f"{name}.jpg") as picture:
        committed = np.asarray(picture.resize((96, 72), Image.Resampling.BOX), float)
    assert np.abs(small - committed).mean() < 22
    assert np.corrcoef(small.ravel(), committed.ravel())[0, 1] > 0.87


def test_the_command_makes_a_picture(tmp_path):
    command = [sys.executable, EXAMPLES / "make_pictures.py", "neither_teapot"]
    subprocess.run([*command, "--width", "48", "--output", tmp_path], check=True, timeout=60)
    with Image.open(tmp_path / "neither_teapot.jpg") as picture:
        assert picture.size == (48, 36)


def test_the_command_refuses_a_name_it_does_not_know(tmp_path):
    command = [sys.executable, EXAMPLES / "make_pictures.py", "unicorn", "--output", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "unicorn" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_ball_is_as_large_as_perspective_says():
    scene = Scene(ABOVE, 120, 120)
    scene.surface(ellipsoid((0, 0, 0), (2, 2, 2)), (1.0, 1.0, 1.0))
    hidden = 1 - render(scene, NIGHT, white(120), views=16)[..., 0]
    # A ball of radius r at distance d is seen under the half angle asin(r / d); a pixel is full as
    # soon as a point falls on it, which widens every outline by half a pixel.
    radius = scene.focal * np.tan(np.arcsin(2 / 20)) + 0.5
    assert hidden.sum() == pytest.approx(np.pi * radius**2, rel=0.02)


def test_what_is_out_of_focus_is_spread_over_the_circle_of_confusion():
    near = Camera(
        (0, 0, 0), 0, 89.9, distance=20, field_of_view=30, aperture=0.5, focus=(0, 0, -20)
    )
    scene = Scene(near, 120, 120)
    scene.surface(ellipsoid((0, 0, 0), (0.05, 0.05, 0.05)), (1.0, 1.0, 1.0))
    y, x = np.nonzero(1 - render(scene, NIGHT, white(120), views=256)[..., 0])
    spread = np.hypot(x - 59.5, y - 59.5).max()
    assert spread == pytest.approx(scene.focal * 0.5 * (1 / 20 - 1 / 40), abs=1.5)


@pytest.mark.parametrize("elevation", [90.0, 60.0, 30.0])
def test_a_matt_plane_is_as_bright_as_lambert_says(elevation):
    scene = Scene(ABOVE, 60, 60)
    scene.surface(plane(3, 30), (0.5, 0.5, 0.5), gloss=0.0)
    sun = Light(elevation=elevation, sun=(2.0,) * 3, width=0.01, sky=(0,) * 3, bounce=(0,) * 3)
    # Fresnel's mirror image of the sun is weak seen from above: within two hundredths.
    expected = 0.5 * 2.0 * np.sin(np.radians(elevation))
    assert shade(scene, sun, scene.points()).mean() == pytest.approx(expected, abs=0.02)


def test_what_lies_under_a_roof_is_dark():
    scene = Scene(ABOVE, 60, 60)
    floor = scene.surface(plane(3, 30), (0.5, 0.5, 0.5), gloss=0.0)
    scene.surface(plane(1, 30) + np.array([0, 0, 1.0]), (0.5, 0.5, 0.5), gloss=0.0)
    sun = Light(elevation=90, sun=(2.0,) * 3, width=0.01, sky=(0,) * 3, bounce=(0,) * 3)
    light = shade(scene, sun, scene.points())[: len(floor), 0]
    out = np.abs(floor.position[:, :2]).max(1)
    assert light[out < 0.8].mean() < 0.02
    assert light[out > 1.3].mean() > 0.9


@pytest.mark.parametrize("opacity", [0.25, 0.5, 0.75])
def test_opacity_is_the_share_of_what_is_behind_that_is_hidden(opacity):
    scene = Scene(ABOVE, 60, 60)
    scene.surface(plane(9, 30), (0.0, 0.0, 0.0), opacity=opacity)
    seen = render(scene, NIGHT, white(60), views=64)[10:-10, 10:-10].mean()
    assert seen == pytest.approx(1 - opacity, abs=0.06)


def test_noise_is_smooth_and_within_its_range():
    at = np.random.default_rng(0).uniform(-50, 50, (5000, 3))
    noise = fractal_noise(at)
    assert noise.min() >= 0
    assert noise.max() <= 1
    assert noise.std() > 0.08
    assert np.abs(fractal_noise(at + 1e-3) - noise).max() < 0.02
