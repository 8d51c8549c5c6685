"""What each kind of picture at the limit of pixels takes: memory above idle, and seconds.

Each is loaded and shrunk in a process of its own; run with `-n 0 -s` to see the table.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pictures import png16

ROOT = Path(__file__).parents[3]
MOST_MB, MOST_SECONDS = 700, 20  # two to three seconds on an idle core
WIDTH, HEIGHT, LOWER_HEIGHT = 8000, 8000, 5000

CHILD = """
import json, sys, time
from io import BytesIO
from PIL import Image
import numpy, pillow_heif
from model.classifier.preprocessing import Preprocessing
from model.images.loader import load_picture

def megabytes(key):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) * 1024 / 1e6

small = BytesIO()
Image.new("RGBA", (300, 200)).save(small, "PNG")
Preprocessing().shrink(load_picture(small.getvalue()))
idle = megabytes("VmRSS")
open("/proc/self/clear_refs", "w").write("5")  # the peak is counted from here
start = time.perf_counter()
seen = Preprocessing().shrink(load_picture(sys.argv[1]))
seconds = time.perf_counter() - start
print(json.dumps([megabytes("VmHWM") - idle, seconds, seen.size]))
"""


def grey() -> Image.Image:
    steps = np.add.outer(np.arange(HEIGHT) // 40, np.arange(WIDTH) // 40)
    return Image.fromarray((steps % 256).astype(np.uint8))


def deep(kind: type, factor: float) -> Image.Image:
    return Image.fromarray(np.asarray(grey()).astype(kind) * kind(factor))


def colour(mode: str = "RGB") -> Image.Image:
    image = Image.merge("RGB", (grey(), grey().transpose(0), grey().transpose(1)))
    if mode == "RGBA":
        image.putalpha(grey())
    return image.convert(mode)


def lower(image: Image.Image) -> Image.Image:
    """Forty megapixels, the most of WebP and AVIF."""
    return image.crop((0, 0, WIDTH, LOWER_HEIGHT))


def of_twelve_bits(path: Path) -> None:
    """A PNG of colours with 12 bits in 16, which Pillow cannot write."""
    path.write_bytes(png16(np.asarray(colour()).astype("<u2") * 16))


def noise() -> Image.Image:
    """What no lossless format can make small: 30 MB as WebP."""
    bits = np.random.default_rng(0).integers(0, 16, (LOWER_HEIGHT, WIDTH), dtype=np.uint8)
    return Image.fromarray(bits * 16).convert("RGB")


def turned(orientation: int) -> dict[str, object]:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return {"exif": exif}


def heic(path: Path, mode: str, **options: object) -> None:
    import pillow_heif

    plain = Image.new("RGB", (WIDTH, HEIGHT), (200, 100, 50))
    if mode == "RGBA":
        plain.putalpha(128)
    fast = {"preset": "ultrafast"}
    pillow_heif.from_pillow(plain).save(path, quality=10, enc_params=fast, **options)


def saved(image: Callable[[], Image.Image], **options: object) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        image().save(path, path.suffix[1:], **options)

    return write


PNG, ZIP = {"compress_level": 1}, {"compression": "tiff_deflate"}
FAST = {"quality": 10, "method": 0}
KINDS: dict[str, Callable[[Path], None]] = {
    "rgb.png": saved(colour, **PNG),
    "rgba turned.png": saved(lambda: colour("RGBA"), **PNG, **turned(6)),
    "palette with alpha.png": saved(
        lambda: grey().convert("P"), **PNG, transparency=bytes(range(256))
    ),
    "animated.png": saved(
        lambda: colour("RGBA"), **PNG, save_all=True, append_images=[Image.new("RGBA", (8, 8))]
    ),
    "twenty to one.png": saved(lambda: colour().resize((1414, 28_280)), **PNG),
    "16 bits.tiff": saved(lambda: deep(np.uint16, 257), **ZIP),
    "float.tiff": saved(lambda: deep(np.float32, 1 / 255), **ZIP),
    "lab.tiff": saved(lambda: colour("LAB"), **ZIP),
    "rgba turned.tiff": saved(lambda: colour("RGBA"), **ZIP, **turned(6)),
    "frames of many sizes.tiff": saved(
        colour,
        **ZIP,
        save_all=True,
        append_images=[Image.new("RGB", (100, 5000)), Image.new("L", (20_000, 2000))],
    ),
    "grey.bmp": saved(grey),
    "turned.jpeg": saved(colour, **turned(6)),
    "cmyk progressive turned.jpeg": saved(
        lambda: colour("CMYK"), progressive=True, subsampling=0, **turned(5)
    ),
    "animated.gif": saved(
        lambda: grey().convert("P"), save_all=True, append_images=[grey()], transparency=3
    ),
    "rgba turned.webp": saved(lambda: lower(colour("RGBA")), **FAST, **turned(6)),
    "animated.webp": saved(
        lambda: lower(colour("RGBA")),
        **FAST,
        save_all=True,
        append_images=[lower(colour("RGBA").transpose(0))],
    ),
    "noise.webp": saved(noise, lossless=True, quality=0, method=0),
    "12 of 16 bits.png": of_twelve_bits,
    "turned.avif": saved(lambda: lower(colour()), speed=10, quality=10, **turned(6)),
    "rgba.avif": saved(lambda: lower(colour("RGBA")), speed=10, quality=10),
    "rgba.heic": lambda path: heic(path, "RGBA"),
    "turned.heic": lambda path: heic(path, "RGB", exif=turned(6)["exif"].tobytes()),
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize("kind", KINDS)
def test_the_peak_is_bounded(kind: str, tmp_path: Path):
    path = tmp_path / kind
    KINDS[kind](path)
    command = [sys.executable, "-c", CHILD, path]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, text=True)
    assert done.returncode == 0, done.stderr
    megabytes, seconds, size = json.loads(done.stdout)
    print(f"\n{kind:30} {path.stat().st_size / 1e6:6.1f} MB: {megabytes:4.0f} MB, {seconds:.2f} s")
    assert size == [256, 256]
    assert megabytes <= MOST_MB
    assert seconds <= MOST_SECONDS
