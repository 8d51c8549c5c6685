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

import numpy as np
from PIL import ExifTags, Image, ImageOps

from model.errors import UserError
from model.images.headers import is_overloaded, is_overloaded_directory

# The most that `load_picture` accepts.
MAX_BYTES = 100_000_000
MAX_WEBP_BYTES = 30_000_000  # its decoder holds them beside four copies of the pixels
MAX_PIXELS = 40_000_000
MAX_RATIO = 20  # of the long side to the short one

STRIP = 1_000_000  # pixels that are converted at a time

# What Pillow is asked to recognise. Its other sixty formats are attack surface that no photo needs.
PILLOW_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
READABLE = "JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC"
HEIF_BRANDS = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
)


class PictureError(UserError):
    """The picture cannot be used."""


class PictureNotFound(PictureError):
    en = "There is no such picture file. Choose the picture again."
    zh = "找不到这个图片文件。请重新选择图片。"


class EmptyPicture(PictureError):
    en = "The picture file is empty (0 bytes). Download or export the picture again."
    zh = "图片文件是空的（0 字节）。请重新下载或导出图片。"


class PictureTooHeavy(PictureError):
    en = "The picture file has more than {limit} megabytes. Save it smaller, for example as JPEG."
    zh = "图片文件超过 {limit} MB。请缩小后再试，例如另存为 JPEG。"


class PictureTooLarge(PictureError):
    en = "The picture has more than {limit} megapixels. Make it smaller and try again."
    zh = "图片超过 {limit} 百万像素。请缩小后再试。"


class PictureTooThin(PictureError):
    en = (
        "The picture is more than {limit} times as long as it is wide, and only its middle would "
        "be looked at. Cut out the part that matters."
    )
    zh = "图片的长边超过短边的 {limit} 倍，而模型只看中间部分。请裁剪出需要的部分。"


class OverloadedPicture(PictureError):
    en = (
        "The picture file holds far more tags, comments or scans than a picture needs, so it is "
        "not read. Export the picture again."
    )
    zh = "图片文件中的标签、注释或扫描段远多于正常图片，因此不予读取。请重新导出图片。"


class NoMemoryForPicture(PictureError):
    en = "There is not enough free memory for this picture. Make it smaller, or try again later."
    zh = "内存不足，无法读取该图片。请缩小图片，或稍后再试。"


class NotAPicture(PictureError):
    en = (
        "The file is not a picture, whatever its name says, or its beginning is damaged. "
        "Use one of " + READABLE + "."
    )
    zh = (
        "无论文件名是什么，该文件不是图片，或者文件开头已损坏。请使用以下格式之一："
        + READABLE
        + "。"
    )


class UnsupportedPicture(PictureError):
    en = "{format} files cannot be read here. Save the picture as one of " + READABLE + "."
    zh = "这里无法读取 {format} 文件。请把图片另存为以下格式之一：" + READABLE + "。"


class DamagedPicture(PictureError):
    en = "The picture is damaged or cut short. Download or export it again."
    zh = "图片已损坏或不完整。请重新下载或导出图片。"


def load_picture(source: str | os.PathLike[str] | bytes) -> Image.Image:
    """Decode a picture to an upright RGB image with 8 bits a channel.

    The first frame of an animation is taken, transparency is laid over white, the EXIF orientation
    is applied (an unreadable EXIF block is ignored: the picture itself is fine), and 16-bit and
    floating-point greyscale are scaled to 8 bits. The long side is at most `MAX_RATIO` times the
    short one, so that resizing the short side to what a network wants costs little. At no time are
    there more than 700 MB at work, WebP at the limit of pixels being the worst.

    Args:
        source: the path of a file, or the file's bytes.

    Raises:
        PictureNotFound, EmptyPicture, PictureTooHeavy, PictureTooLarge, PictureTooThin,
        OverloadedPicture, NotAPicture, UnsupportedPicture, DamagedPicture, NoMemoryForPicture: all
        of them `PictureError`, none names a path.
    """
    try:
        picture = _decode(_read(source))
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


def _decode(data: bytes) -> Image.Image:
    """The picture as RGB, as it is stored, with its orientation as its only metadata. On return all
    that the decoder held is free again."""
    with _open(data) as image:
        _check_size(image)
        image.load()
        # HEIC may change its size while it is decoded.
        _check_size(image)
        image.fp = None  # WebP keeps another copy of the pixels there
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


def _open(data: bytes) -> Image.Image:
    """The image with its header read and nothing decoded."""
    if data[4:8] == b"ftyp" and data[8:12] in HEIF_BRANDS:
        # Only an iPhone's pictures need it. Its image class is used directly, since its documented
        # `register_heif_opener` would change what `PIL.Image.open` does everywhere in the process.
        from pillow_heif import HeifImageFile

        return HeifImageFile(BytesIO(data))
    if unreadable := _unreadable_format(data):
        raise UnsupportedPicture(format=unreadable)
    if is_overloaded(data):
        raise OverloadedPicture()
    try:
        return Image.open(BytesIO(data), formats=PILLOW_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # Pillow's own, far higher limit; below it the pixels are counted by `_check_size`.
        raise PictureTooLarge(limit=MAX_PIXELS // 1_000_000) from error
    except Image.UnidentifiedImageError as error:
        raise NotAPicture() from error


def _unreadable_format(data: bytes) -> str | None:
    """The name of a well-known format that is a picture to people but not to this loader."""
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"%pdf"):
        return "PDF"
    if start.startswith((b"<svg", b"<?xml", b"<!doctype svg")) and b"<svg" in data[:4096].lower():
        return "SVG"
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        return "AVIF"
    if data[4:8] == b"ftyp":
        return "MP4 / MOV"
    return None


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PictureTooLarge(limit=MAX_PIXELS // 1_000_000)
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
    deep = image.mode == "F" or image.mode.startswith("I")
    if not (deep or image.has_transparency_data):
        return image.convert("RGB")
    if deep:
        top = 1.0 if image.mode == "F" else 65535.0
        top = max(top, *(float(_values(strip).max()) for _, strip in _strips(image)))
    picture = Image.new("RGB", image.size)
    for box, strip in _strips(image):
        if deep:
            strip = Image.fromarray(np.rint(_values(strip) * (255.0 / top)).astype(np.uint8))
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


def _values(strip: Image.Image) -> np.ndarray:
    """What a greyscale image of 16 bits, 32 bits or floating point holds; 0 for what is below it
    or not finite. `Image.convert` would clip all above 255 to white instead."""
    values = np.asarray(strip, dtype=np.float64)
    return np.nan_to_num(values, posinf=0.0, neginf=0.0).clip(0.0)
