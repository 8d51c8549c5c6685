"""What a picture may cost: bounded whatever its shape, and no pixel changed by it."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.transforms import v2

from model.classifier.preprocessing import Preprocessing
from model.images import loader as pictures
from model.images.folder import BrokenPicture, load_training_picture
from model.images.loader import PictureTooThin, load_picture
from model.training.features import LOOKS, Views

SEEN = Preprocessing()
RED = (255, 0, 0)


def encode(image: Image.Image, format: str, **options) -> bytes:
    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


THIN = [(1, 21), (21, 1), (1, 6000), (3000, 1), (100_000, 1), (2, 41), (99, 2000), (1, 30_000_000)]


@pytest.mark.parametrize("size", THIN)
def test_a_thin_picture_is_refused_by_the_app_and_by_training(size: tuple[int, int], tmp_path):
    data = encode(Image.new("1", size), "TIFF" if max(size) < 10**6 else "PNG")
    with pytest.raises(PictureTooThin) as caught:
        load_picture(data)
    assert "20 times" in caught.value.message("en")
    assert "20 倍" in caught.value.message("zh")
    (tmp_path / "thin.png").write_bytes(data)
    with pytest.raises(BrokenPicture, match=r"thin\.png: .*20 times"):
        load_training_picture(tmp_path / "thin.png", tmp_path)


def test_twenty_to_one_is_read_and_resized_cheaply():
    for size in [(1, 1), (1, 20), (20, 1), (2, 40), (2000, 100), (3, 7)]:
        picture = load_picture(encode(Image.new("RGB", size, RED), "PNG"))
        assert picture.size == size
        assert np.array_equal(np.asarray(SEEN.shrink(picture)), np.full((256, 256, 3), RED))
        for view in Views(tuple(LOOKS.values()), mirrored=True)(picture):
            assert np.array_equal(view.permute(1, 2, 0), np.full((256, 256, 3), RED))


def test_the_network_sees_what_torchvision_resizes_and_crops():
    usual = v2.Compose([v2.Resize(288), v2.CenterCrop(256)])
    draw = np.random.default_rng(2)
    for _ in range(40):
        short = int(draw.integers(1, 400))
        size = (short, int(draw.integers(short, min(20 * short, 1500) + 1)))
        pixels = draw.integers(0, 256, (*size[:: draw.choice([1, -1])], 3), dtype=np.uint8)
        picture = load_picture(encode(Image.fromarray(pixels), "PNG"))
        assert np.array_equal(np.asarray(SEEN.shrink(picture)), np.asarray(usual(picture)))


def in_one_piece(image: Image.Image) -> Image.Image:
    """RGB over white without strips."""
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA", "RGB", "L", "1", "I;16", "I", "F"])
def test_working_in_strips_changes_no_pixel(mode: str, monkeypatch: pytest.MonkeyPatch):
    values = np.random.default_rng(3).integers(0, 256, (37, 53, 4), dtype=np.uint8)
    image, options = Image.fromarray(values), {}
    if mode in ("I;16", "I", "F"):
        types = {"I;16": np.uint16, "I": np.int32, "F": np.float32}
        image = Image.fromarray(values[..., 0].astype(types[mode]) * types[mode](257))
    elif mode in ("P", "PA"):
        image = image.convert("RGB").quantize(64).convert(mode)
        options = {"transparency": bytes(range(64))} if mode == "P" else {}
    else:
        image = image.convert(mode)
        options = {"transparency": 7} if mode == "L" else {}
    data = encode(image, "TIFF" if mode in ("PA", "F", "I") else "PNG", **options)
    whole = np.asarray(load_picture(data))
    monkeypatch.setattr(pictures, "STRIP", 200)  # three rows
    assert np.array_equal(np.asarray(load_picture(data)), whole)
    if mode not in ("I;16", "I", "F"):
        with Image.open(BytesIO(data)) as stored:
            assert np.array_equal(np.asarray(in_one_piece(stored)), whole)


def test_running_out_of_memory_is_named(tmp_path: Path):
    """A real shortage: the process may take 100 MB more, the picture needs 160."""
    path = tmp_path / "large.png"
    path.write_bytes(encode(Image.new("RGB", (8000, 5000)), "PNG", compress_level=1))
    code = (
        "import resource, sys; from model.images.loader import load_picture, PictureError\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        "limit = pages * resource.getpagesize() + 100_000_000\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        "try: load_picture(sys.argv[1])\n"
        "except PictureError as error: print(error.message('en'))"
    )
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", code, path]
    done = subprocess.run(command, capture_output=True, cwd=root, text=True)
    assert "not enough free memory" in done.stdout, done.stderr
