"""The safe picture loader: any picture that a person drops in, as upright RGB, or a named error.

A picture from outside is not to be trusted: it may be another file under a picture's name, it may
be cut short, and a file of a few kilobytes may unfold to gigabytes. So the format and the number
of pixels are read from the header and judged before a single pixel is decoded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from PIL import ExifTags, Image, ImageFile, ImageOps, TiffImagePlugin

from model.images.depth import drops_low_bytes, find_scale, is_deep, widen
from model.images.errors import (
    DamagedPicture,
    EmptyPicture,
    NoMemoryForPicture,
    NotAPicture,
    OverloadedPicture,
    PictureError,
    PictureNotFound,
    PictureTooHeavy,
    PictureTooLarge,
    PictureTooThin,
    PointerPicture,
    UnsupportedPicture,
)
from model.images.formats import HEIC, PILLOW_FORMATS, POINTER, READABLE, START, format_of
from model.images.headers import is_overloaded, is_overloaded_directory

# The most that `load_picture` accepts.
MAX_BYTES = 100_000_000
MAX_WEBP_BYTES = 30_000_000  # its decoder holds them beside four copies of the pixels
MAX_PIXELS = 64_000_000
# A phone's "64 megapixels" are 9248 x 6936, and no more than a quarter of a JPEG's are decoded;
# the decoders of the others keep several copies.
LIMITS = {"JPEG": 64_999_999, "MPO": 64_999_999, "WEBP": 40_000_000, "AVIF": 40_000_000}
MAX_JPEG_PIXELS = 40_000_000  # that are decoded
MAX_RATIO = 20  # of the long side to the short one

STRIP = 1_000_000  # pixels that are converted at a time


def load_picture(
    source: str | os.PathLike[str] | bytes, *, enough: int | None = None
) -> Image.Image:
    """Decode a picture to an upright RGB image with 8 bits a channel.

    The first frame of an animation is taken, transparency is laid over white, the EXIF orientation
    is applied (an unreadable EXIF block is ignored: the picture itself is fine), and more than 8
    bits are scaled to 8 as in `model.images.depth`. The long side is at most `MAX_RATIO` times the
    short one, so that resizing the short side to what a network wants costs little. A JPEG of more
    than `MAX_JPEG_PIXELS` is decoded at half its size. At no time are there more than 700 MB at
    work, WebP at its limit of pixels being the worst.

    Args:
        source: the path of a file, or the file's bytes.
        enough: what the short side is wanted to have; a JPEG may be decoded at down to this size,
            which is quicker and reads every byte all the same.

    Raises:
        PictureNotFound, EmptyPicture, PictureTooHeavy, PictureTooLarge, PictureTooThin,
        OverloadedPicture, NotAPicture, PointerPicture, UnsupportedPicture, DamagedPicture,
        NoMemoryForPicture: all of them `PictureError`, none names a path.
    """
    try:
        picture = _decode(_read(source), enough)
        ImageOps.exif_transpose(picture, in_place=True)
        return picture
    except PictureError:
        raise
    except MemoryError as error:
        raise NoMemoryForPicture() from error
    # Thirty years of decoders raise nearly every exception there is on a damaged file; whichever
    # it is, the file is the cause.
    except Exception as error:
        raise DamagedPicture() from error


def _decode(data: bytes, enough: int | None) -> Image.Image:
    """The picture as RGB, as it is stored, with its orientation as its only metadata. On return all
    that the decoder held is free again."""
    with _open(data) as image:
        _check_size(image)
        high_bytes = drops_low_bytes(image)
        if enough or image.width * image.height > MAX_JPEG_PIXELS:
            # what is no JPEG does nothing
            image.draft(None, (enough,) * 2 if enough else (image.width // 2, image.height // 2))
        image.load()
        # HEIC may change its size while it is decoded.
        _check_size(image)
        image.fp = None  # WebP keeps another copy of the pixels there
        if high_bytes:
            widen(image, _open(data), _strips(image))
        picture = _to_rgb(image)
        picture.info.clear()
        picture.getexif()[ExifTags.Base.Orientation] = _orientation(image)
        return picture


def _read(source: str | os.PathLike[str] | bytes) -> bytes:
    data = source
    if not isinstance(source, bytes):
        # A pipe or a device would never end.
        if not Path(source).is_file():
            raise PictureNotFound()
        try:
            with open(source, "rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise PictureNotFound() from error
    if not data:
        raise EmptyPicture()
    limit = MAX_WEBP_BYTES if data[8:12] == b"WEBP" else MAX_BYTES
    if len(data) > limit:
        raise PictureTooHeavy(limit=limit // 1_000_000)
    return data


def _open(data: bytes) -> ImageFile.ImageFile:
    """The image with its header read and nothing decoded."""
    found = format_of(data[:START])
    if found is None:
        raise NotAPicture()
    if found == POINTER:
        raise PointerPicture()
    if found not in READABLE:
        raise UnsupportedPicture(format=found)
    if found == HEIC:
        # Only an iPhone's pictures need it. Its image class is used directly, since its documented
        # `register_heif_opener` would change what `PIL.Image.open` does everywhere in the process.
        from pillow_heif import HeifImageFile

        return HeifImageFile(BytesIO(data))
    if is_overloaded(data):
        raise OverloadedPicture()
    try:
        return Image.open(BytesIO(data), formats=(PILLOW_FORMATS[found],))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # Pillow's own, far higher limit; below it the pixels are counted by `_check_size`.
        raise PictureTooLarge(limit=MAX_PIXELS // 1_000_000) from error
    except Image.UnidentifiedImageError as error:
        if found == "TIFF" and _has_strange_channels(data):
            raise UnsupportedPicture(format="TIFF (with such channels)") from error
        raise NotAPicture() from error


def _has_strange_channels(data: bytes) -> bool:
    """Whether a TIFF that Pillow does not open is one whose number or kind of channels it lacks."""
    try:
        TiffImagePlugin.TiffImageFile(BytesIO(data))
    except SyntaxError as error:
        return "mode" in str(error)  # "unknown pixel mode"
    except Exception:  # it is damaged otherwise
        pass
    return False


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    limit = LIMITS.get(image.format or "", MAX_PIXELS)
    if width * height > limit:
        raise PictureTooLarge(limit=limit // 1_000_000)
    # A TIFF may be stored in tiles that are larger than the picture, and each is unfolded whole.
    tags = getattr(image, "tag_v2", {})
    tile = tags.get(ExifTags.Base.TileWidth, 0), tags.get(ExifTags.Base.TileLength, 0)
    if int(tile[0]) * int(tile[1]) > MAX_PIXELS:
        raise OverloadedPicture()
    if max(width, height) > MAX_RATIO * min(width, height):
        raise PictureTooThin(limit=MAX_RATIO)


def _orientation(image: Image.Image) -> int | None:
    try:
        if is_overloaded_directory(image.info.get("exif", b"")):
            return None
        # an old way of PNG, which Pillow reads as well: EXIF in hexadecimal, in a text
        if len(image.info.get("Raw profile type exif", "")) > 2 * 65536:
            return None
        return image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged metadata does not make a damaged picture
        return None


def _to_rgb(image: Image.Image) -> Image.Image:
    """A new RGB image, made strip by strip: each step between would take another full copy."""
    deep = is_deep(image)
    if not (deep or image.has_transparency_data):
        return image.convert("RGB")
    scale = find_scale(image, (strip for _, strip in _strips(image))) if deep else None
    picture = Image.new("RGB", image.size)
    for box, strip in _strips(image):
        if scale:
            strip = scale(strip)
        if strip.has_transparency_data:
            strip = strip.convert("RGBA")
            strip = Image.alpha_composite(Image.new("RGBA", strip.size, "white"), strip)
        picture.paste(strip.convert("RGB"), box)
    return picture


def _strips(image: Image.Image) -> Iterator[tuple[tuple[int, int, int, int], Image.Image]]:
    """The image in strips of a million pixels or so, each with its place."""
    width, height = image.size
    rows = max(1, STRIP // width)
    for upper in range(0, height, rows):
        box = (0, upper, width, min(upper + rows, height))
        yield box, image.crop(box)
