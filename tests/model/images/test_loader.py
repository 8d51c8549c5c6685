"""The safe loader: every good format, over fifteen kinds of bad file, and bounded memory."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tracemalloc
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from model.images import loader as pictures
from model.images.loader import (
    DamagedPicture,
    EmptyPicture,
    NotAPicture,
    PictureError,
    PictureNotFound,
    PictureTooHeavy,
    PictureTooLarge,
    UnsupportedPicture,
    load_picture,
)

RED, WHITE = (255, 0, 0), (255, 255, 255)
# How a picture is stored of which an EXIF orientation is said (Exif 2.32, section 4.6.4).
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def encode(image: Image.Image, format: str, **options) -> bytes:
    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def corners() -> Image.Image:
    """40 x 20, black, with a red block at the top left: every orientation looks different."""
    image = Image.new("RGB", (40, 20))
    image.paste(RED, (0, 0, 10, 10))
    return image


def heif(image: Image.Image) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    file = BytesIO()
    pillow_heif.from_pillow(image).save(file, quality=95)
    return file.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises so many pixels and holds next to none of them."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIC", "AVIF"])
def test_reads_every_format_alike_from_a_path_and_from_bytes(format: str, tmp_path: Path):
    data = heif(corners()) if format == "HEIC" else encode(corners(), format)
    path = tmp_path / "photo.of unknown kind"
    path.write_bytes(data)
    for source in (data, path, str(path)):
        image = load_picture(source)
        assert (image.mode, image.size) == ("RGB", (40, 20))
        # 12: what JPEG, HEIC and AVIF may be off by at default quality
        assert np.abs(np.subtract(image.getpixel((4, 4)), RED)).max() <= 12
        assert max(image.getpixel((30, 15))) <= 12


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_applies_the_exif_orientation(orientation: int, format: str):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = corners()
    if orientation in STORED:
        stored = stored.transpose(STORED[orientation])
    image = load_picture(encode(stored, format, exif=exif))
    assert image.size == (40, 20)
    red, black = image.getpixel((2, 2)), image.getpixel((38, 18))
    assert red[0] > 200
    assert max(black) < 60


def test_orientation_six_is_a_quarter_turn_clockwise():
    exif = Image.Exif()
    exif[0x0112] = 6
    image = load_picture(encode(corners(), "PNG", exif=exif))
    assert image.size == (20, 40)
    assert image.getpixel((18, 2)) == RED


def test_takes_the_first_frame():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    for format in ("GIF", "WEBP", "TIFF"):
        options = {"lossless": True} if format == "WEBP" else {}
        data = encode(frames[0], format, save_all=True, append_images=frames[1:], **options)
        assert load_picture(data).getpixel((4, 4)) == RED


def test_lays_transparency_over_white():
    clear = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    clear.putpixel((1, 0), (255, 0, 0, 128))
    image = load_picture(encode(clear, "PNG"))
    assert image.getpixel((0, 0)) == WHITE
    assert image.getpixel((1, 0)) == (255, 127, 127)
    grey = Image.new("LA", (1, 1), (0, 0))
    assert load_picture(encode(grey, "PNG")).getpixel((0, 0)) == WHITE


@pytest.mark.parametrize("format", ["PNG", "GIF"])
def test_palette_colours_with_and_without_transparency(format: str):
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.putpixel((1, 0), 1)
    assert load_picture(encode(image, format)).getpixel((1, 0)) == RED
    assert load_picture(encode(image, format, transparency=0)).getpixel((0, 0)) == WHITE


def test_scales_sixteen_bits_and_floats_to_eight():
    steps = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    grey = Image.fromarray(steps)
    assert grey.mode == "I;16"
    for format in ("PNG", "TIFF"):
        got = np.asarray(load_picture(encode(grey, format)))[0, :, 0]
        assert got.tolist() == [0, 1, 128, 255]
    wide = Image.fromarray(np.array([[0, 65536, 131072]], dtype=np.int32))
    assert np.asarray(load_picture(encode(wide, "TIFF")))[0, :, 0].tolist() == [0, 128, 255]
    unit = Image.fromarray(np.array([[0.0, 0.5, 1.0, np.nan]], dtype=np.float32))
    assert np.asarray(load_picture(encode(unit, "TIFF")))[0, :, 0].tolist() == [0, 128, 255, 0]


@pytest.mark.parametrize("mode", ["1", "L", "CMYK", "LAB"])
def test_other_colour_models(mode: str):
    image = load_picture(encode(Image.new("RGB", (8, 8), "white").convert(mode), "TIFF"))
    assert image.mode == "RGB"
    assert min(image.getpixel((4, 4))) >= 254


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_metadata_does_not_make_a_damaged_picture():
    exif = b"Exif\0\0" + b"MM\0\x2a\xff\xff\xff\xff" + bytes(40)
    image = load_picture(encode(corners(), "JPEG", exif=exif))
    assert image.size == (40, 20)


def noise() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))


BAD = {
    "empty": (b"", EmptyPicture),
    "text": (b"These are the words of a shopping list.\n" * 20, NotAPicture),
    "html": (b"<!DOCTYPE html><html><body>404</body></html>", NotAPicture),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', UnsupportedPicture),
    "svg with a prologue": (b'\xef\xbb\xbf<?xml version="1.0"?>\n<svg/>', UnsupportedPicture),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", UnsupportedPicture),
    "avif header only": (b"\0\0\0\x1cftypavif" + bytes(40), NotAPicture),
    "avif cut": (encode(noise(), "AVIF")[:-500], (DamagedPicture, NotAPicture)),
    "video": (b"\0\0\0\x1cftypisom" + bytes(40), UnsupportedPicture),
    "zip": (b"PK\x03\x04" + bytes(100), NotAPicture),
    "zeros": (bytes(4096), NotAPicture),
    "random": (np.random.default_rng(1).bytes(4096), NotAPicture),
    "magic only": (b"\x89PNG\r\n\x1a\n", NotAPicture),
    "png cut": (encode(noise(), "PNG")[:4000], DamagedPicture),
    "png without pixels": (png_header(100, 100), DamagedPicture),
    "jpeg cut": (encode(noise(), "JPEG")[:1500], DamagedPicture),
    "jpeg header only": (encode(noise(), "JPEG")[:20], NotAPicture),
    "webp cut": (encode(noise(), "WEBP")[:1000], (DamagedPicture, NotAPicture)),
    "gif cut": (encode(noise(), "GIF")[:1500], DamagedPicture),
    "bmp cut": (encode(noise(), "BMP")[:1000], DamagedPicture),
    "tiff cut": (encode(noise(), "TIFF")[:1000], (DamagedPicture, NotAPicture)),
    "heic header only": (b"\0\0\0\x18ftypheic" + bytes(12), DamagedPicture),
    "png checksum": (encode(noise(), "PNG").replace(b"IHDR\0\0\0\x40", b"IHDR\0\0\0\x41"), None),
    "70 megapixels": (png_header(10_000, 7_000), PictureTooLarge),
    "100 megapixels": (png_header(10_000, 10_000), PictureTooLarge),
    "4 gigapixels": (png_header(65_500, 65_500), PictureTooLarge),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_named_in_both_languages(kind: str, tmp_path: Path):
    data, expected = BAD[kind]
    path = tmp_path / "secret-folder-name.jpg"
    path.write_bytes(data)
    for source in (data, path):
        with pytest.raises(expected or PictureError) as caught:
            load_picture(source)
        english, chinese = caught.value.message("en"), caught.value.message("zh")
        assert english.isascii()
        assert not chinese.isascii()
        assert "secret" not in english + chinese


def test_missing_files_folders_and_pipes(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "none.jpg", tmp_path, tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(PictureNotFound):
            load_picture(path)


def test_a_heavy_file_is_refused_unread(tmp_path: Path):
    path = tmp_path / "sparse.bmp"
    with path.open("wb") as file:
        file.truncate(pictures.MAX_BYTES + 1)
    with pytest.raises(PictureTooHeavy):
        load_picture(path)


@pytest.mark.parametrize(("format", "rows"), [("PNG", 8000), ("TIFF", 8000), ("WEBP", 5000)])
def test_the_limit_of_pixels_is_accepted_and_one_row_more_is_not(format: str, rows: int):
    options = {"method": 0, "quality": 0} if format == "WEBP" else {}
    accepted = encode(Image.new("1", (8000, rows)), format, **options)
    assert load_picture(accepted).size == (8000, rows)
    with pytest.raises(PictureTooLarge, match=f"more than {rows * 8 // 1000} megapixels"):
        load_picture(encode(Image.new("1", (8000, rows + 1)), format, **options))


@pytest.mark.parametrize(
    ("size", "orientation"),
    [
        ((8000, 5001), 1),
        ((8064, 6048), 6),
        pytest.param((8064, 6048), 1, marks=pytest.mark.slow),
        pytest.param((9248, 6936), 1, marks=pytest.mark.slow),
        pytest.param((9248, 6936), 6, marks=pytest.mark.slow),
        pytest.param((8000, 5001), 6, marks=pytest.mark.slow),
    ],
)
def test_a_large_phones_photo_is_decoded_at_half_its_size(size: tuple[int, int], orientation: int):
    """48 and 64 megapixels as makers count them, in landscape and turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = corners().resize(size)
    image = load_picture(encode(photo, "JPEG", exif=exif))
    half = tuple(-(-side // 2) for side in size)
    assert image.size == (half if orientation == 1 else half[::-1])
    reference = photo if orientation == 1 else photo.transpose(Image.Transpose.ROTATE_270)
    small = (40, 20) if orientation == 1 else (20, 40)
    difference = np.subtract(image.resize(small), reference.resize(small), dtype=float)
    assert np.abs(difference).max() <= 12


def test_forty_megapixels_of_jpeg_are_not_reduced():
    assert load_picture(encode(Image.new("L", (8000, 5000)), "JPEG")).size == (8000, 5000)


def test_a_quick_look_sees_what_is_damaged_and_is_small(tmp_path: Path):
    photo = encode(noise().resize((1600, 1200)), "JPEG", quality=90)
    assert load_picture(photo, enough=300).size == (400, 300)
    assert load_picture(photo, enough=1).size == (200, 150)
    assert load_picture(encode(noise(), "PNG"), enough=1).size == (64, 64)
    for cut in (2, 200, len(photo) // 2):
        with pytest.raises(DamagedPicture):
            load_picture(photo[:-cut], enough=1)


def test_a_bomb_is_refused_before_its_pixels_are_decoded():
    """Seventy megapixels of real, valid PNG: 280 MB once decoded, a few kilobytes of file."""
    bomb = encode(Image.new("RGB", (10_000, 7_000)), "PNG", compress_level=1)
    code = (
        "import resource, sys; from model.images.loader import load_picture, PictureTooLarge\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: load_picture(sys.stdin.buffer.read())\n"
        "except PictureTooLarge: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], input=bomb, capture_output=True, cwd=root)
    grown_kib = int(done.stdout)
    assert grown_kib < 20_000
    tracemalloc.start()
    with pytest.raises(PictureTooLarge):
        load_picture(bomb)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_pillow_is_left_as_it_was():
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, "HEIF" in Image.OPEN)
    load_picture(heif(corners()))
    after = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, "HEIF" in Image.OPEN)
    assert before == after
