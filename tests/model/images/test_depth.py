"""Deep pictures look like the 8-bit picture that they were made of, whatever their numbers are."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from model.images.errors import UnsupportedPicture
from model.images.loader import load_picture
from tests.pictures import png16, tiff

GREY = np.random.default_rng(5).integers(0, 230, (30, 50), dtype=np.uint8)  # no white in it
COLOUR = np.random.default_rng(6).integers(0, 230, (30, 50, 3), dtype=np.uint8)
SHARE = GREY / 255  # of white


def seen(data: bytes) -> np.ndarray:
    """What the loader makes of it: [h, w], or [h, w, 3] if it is no grey."""
    pixels = np.asarray(load_picture(data)).astype(int)
    grey = (pixels == pixels[..., :1]).all()
    return pixels[..., 0] if grey else pixels


def shares(kind: str, white: float, shares: np.ndarray = SHARE) -> np.ndarray:
    return np.rint(shares * white).astype(kind) if kind[1] != "f" else (shares * white).astype(kind)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("kind", "white"),
    [
        *(("u2", 2.0**bits - 1) for bits in (8, 10, 12, 14, 16)),
        *(("i2", 2.0**bits - 1) for bits in (8, 12, 15)),
        *(("i4", 2.0**bits - 1) for bits in (8, 10, 12, 14, 15, 16)),
        *(("f4", white) for white in (1.0, 255.0, 4095.0, 65535.0)),
    ],
)
def test_grey_of_any_depth_in_any_type(kind: str, white: float, order: str):
    got = seen(tiff(shares(order + kind, white)))
    assert np.abs(got - GREY.astype(int)).max() <= 1


def test_unsigned_32_bits_are_unsigned():
    values = (SHARE * (2**32 - 1)).astype("<u4")
    values[0, 0] = 2**32 - 1
    got = seen(tiff(values))
    assert np.abs(got - GREY.astype(int))[1:].max() <= 1


def test_signed_bytes_are_signed():
    got = seen(tiff((SHARE * 254 - 127).astype("i1")))
    stretched = (GREY - GREY.min()) * (255 / np.ptp(GREY))
    assert np.abs(got - stretched).max() <= 3


@pytest.mark.parametrize(("kind", "low", "high"), [("<i2", -1000, 3000), ("<f4", -1.0, 1.0)])
@pytest.mark.parametrize("order", "<>")
def test_negative_values_reach_from_black_to_white(kind: str, low: float, high: float, order: str):
    values = np.linspace(low, high, 1500).reshape(30, 50).astype(order + kind[1:])
    got = seen(tiff(values))
    assert (got[0, 0], got[-1, -1]) == (0, 255)
    assert np.abs(got - np.linspace(0, 255, 1500).reshape(30, 50)).max() <= 1


@pytest.mark.parametrize(
    ("tags", "white"),
    [
        ({"MaxSampleValue": 1000}, 1000),
        ({"MaxSampleValue": 4095}, 4095),
        ({"MaxSampleValue": 50_000}, 50_000),
        ({"SMax": 20_000, "SMin": 0}, 20_000),
        ({"MaxSampleValue": 3000, "MinSampleValue": 0}, 3000),
    ],
    ids=str,
)
def test_the_files_own_maximum_counts(tags: dict[str, int], white: int):
    for values in (SHARE, SHARE / 8):  # a dim one stays dim
        got = seen(tiff(shares("<u2", white, values), **tags))
        assert np.abs(got - values * 255).max() <= 1


def test_a_maximum_that_a_pixel_is_above_does_not_count():
    got = seen(tiff(shares("<u2", 4095), MaxSampleValue=255))
    assert np.abs(got - GREY.astype(int)).max() <= 1


def test_dim_pictures_of_whole_numbers_stay_dim_and_floats_have_any_unit():
    assert seen(tiff(np.full((9, 9), 40, "<u2"))).max() == 40
    assert seen(tiff(np.full((9, 9), 20_000, "<u2"))).max() == round(20_000 / 65_535 * 255)
    for white in (1e-4, 0.1, 7.0, 1e6):
        values = shares("<f4", white)
        values[0, 0] = white
        got = seen(tiff(values))
        assert np.abs(got - GREY.astype(int))[1:].max() <= 1


def test_nothing_but_one_value_or_what_is_no_number():
    for value in (0.0, -3.0, np.nan, np.inf, -np.inf):
        assert seen(tiff(np.full((9, 9), value, "<f4"))).max() == 0
    mixed = np.array([[0.0, 1.0, np.nan, np.inf]] * 4, "<f4")
    assert seen(tiff(mixed))[0].tolist() == [0, 255, 0, 0]


def test_white_is_zero_is_a_negative():
    for kind, white in (("<u2", 65_535), ("<u2", 4095), ("<f4", 1.0)):
        got = seen(tiff(shares(kind, white, 1 - SHARE), Photometric=0))
        assert np.abs(got - GREY.astype(int)).max() <= 1


def deflated(data: bytes) -> bytes:
    """The same TIFF through libtiff's own compression, for which Pillow has another decoder."""
    from PIL import TiffImagePlugin

    with Image.open(BytesIO(data)) as image:
        assert isinstance(image, TiffImagePlugin.TiffImageFile)
        file = BytesIO()
        image.save(file, "TIFF", compression="tiff_adobe_deflate")
    return file.getvalue()


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_colours_of_any_depth(bits: int):
    values = np.rint(COLOUR / 255 * (2**bits - 1)).astype("<u2")
    for data in (tiff(values), tiff(values.astype(">u2")), png16(values)):
        assert np.abs(seen(data) - COLOUR.astype(int)).max() <= 1


def test_grey_of_twelve_bits_as_png_and_compressed():
    values = shares("<u2", 4095)
    for data in (png16(values[..., None]), deflated(tiff(values))):
        assert np.abs(seen(data) - GREY.astype(int)).max() <= 1


def test_channels_that_pillow_lacks_are_named():
    five = np.zeros((9, 9, 5), "<u2")
    for pixels in (five, np.zeros((9, 9, 3), "<f4"), np.zeros((9, 9), "<f8")):
        with pytest.raises(UnsupportedPicture, match="TIFF"):
            load_picture(tiff(pixels))
