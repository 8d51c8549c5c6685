"""Files of some megabytes whose header alone took minutes or gigabytes: refused, and at once."""

from __future__ import annotations

import struct
import time
import tracemalloc
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from model.images.loader import OverloadedPicture, load_picture


def encode(format: str, size: tuple[int, int] = (100, 60), **options) -> bytes:
    file = BytesIO()
    Image.new("RGB", size, (255, 0, 0)).save(file, format, **options)
    return file.getvalue()


def directory(entries: list[tuple[int, int, int, int]], length: int, order: str = "<") -> bytes:
    """A TIFF or EXIF block of `length` bytes: each entry is tag, type, count, value or place."""
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(entries))
    listed = b"".join(struct.pack(order + "HHII", *entry) for entry in entries)
    return (start + listed).ljust(length, b"\0")


def shared(count: int, length: int, order: str = "<") -> bytes:
    """`count` tags, each of which is all of the block."""
    return directory([(33000 + n, 7, length - 8, 8) for n in range(count)], length, order)


def plain_tiff(width: int, height: int, *more: tuple[int, int, int, int], length: int = 20_000):
    usual = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 1, 8), (259, 3, 1, 1)]
    return directory([*usual, (262, 3, 1, 1), *more], length)


def jpeg_with(*segments: bytes) -> bytes:
    start, rest = encode("JPEG")[:2], encode("JPEG")[2:]
    return start + b"".join(segments) + rest


def exif_segments(block: bytes) -> list[bytes]:
    parts = [b"Exif\0\0" + block[at : at + 65_000] for at in range(0, len(block), 65_000)]
    return [b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part for part in parts]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_with(*chunks: bytes) -> bytes:
    return encode("PNG")[:33] + b"".join(chunks) + encode("PNG")[33:]


def gif_with(extra: bytes) -> bytes:
    data = encode("GIF")
    frame = data.index(b",", 13 + (3 << (data[10] & 7) + 1))
    return data[:frame] + extra + data[frame:]


def many_scans(count: int) -> bytes:
    data = encode("JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + count * last + data[-2:]


OVERLOADED = {
    "tiff tags": shared(3000, 1_000_000),
    "tiff tags, big endian": shared(3000, 1_000_000, ">"),
    "tiff tiles of one pixel": plain_tiff(
        1000, 1000, (322, 3, 1, 1), (323, 3, 1, 1), (324, 1, 10**6, 200), length=1_100_000
    ),
    "tiff strips": plain_tiff(9, 9, (273, 4, 300_000, 200), length=1_300_000),
    "tiff numbers": plain_tiff(9, 9, (258, 3, 300_000, 200), length=700_000),
    "tiff tile of 900 megapixels": plain_tiff(
        100, 100, (322, 4, 1, 30_000), (323, 4, 1, 30_000), (324, 4, 1, 300), (325, 4, 1, 900)
    ),
    "jpeg exif": jpeg_with(*exif_segments(shared(3000, 1_000_000))),
    "jpeg exif in one segment": jpeg_with(*exif_segments(shared(4000, 64_000))),
    "jpeg segments": jpeg_with(b"\xff\xfe\0\2" * 300_000),
    "jpeg scans": many_scans(200),
    "png chunks": png_with(chunk(b"teSt", b"") * 300_000),
    "gif comment": gif_with(b"!\xfe" + (b"\xff" + b"a" * 255) * 80_000 + b"\0"),
    "gif comments": gif_with(b"!\xfe\1a\0" * 300_000),
    "gif comment after junk": gif_with(b"x!\xfe" + (b"\xff" + b"a" * 255) * 80_000 + b"\0"),
}


@pytest.mark.parametrize("kind", OVERLOADED)
def test_an_overloaded_file_is_refused_at_once(kind: str):
    tracemalloc.start()
    start = time.perf_counter()
    with pytest.raises(OverloadedPicture):
        load_picture(OVERLOADED[kind])
    seconds, (_, peak) = time.perf_counter() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 5  # tracemalloc makes it slow
    assert peak < 60_000_000


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_overloaded_metadata_is_not_read(format: str):
    """Such a file is a fine picture; only Pillow's `getexif` would take the gigabytes."""
    data = encode(format, exif=b"Exif\0\0" + shared(3000, 1_000_000))
    tracemalloc.start()
    assert load_picture(data).size == (100, 60)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_a_hexadecimal_profile_is_bounded_too():
    def profile(block: bytes) -> bytes:
        text = f"\nexif\n{len(block):8d}\n{block.hex()}\n"
        return png_with(chunk(b"tEXt", b"Raw profile type exif\0" + text.encode()))

    turned = directory([(0x0112, 3, 1, 6)], 100)
    assert load_picture(profile(turned)).size == (60, 100)
    tracemalloc.start()
    assert load_picture(profile(shared(3000, 1_000_000))).size == (100, 60)
    assert tracemalloc.get_traced_memory()[1] < 40_000_000
    tracemalloc.stop()


def test_what_real_files_hold_is_read():
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x927C] = 6, "a" * 20_000, b"maker's note" * 3000
    for format in ("JPEG", "PNG", "WEBP"):
        assert load_picture(encode(format, exif=exif)).size == (60, 100)
    assert load_picture(many_scans(50)).size == (100, 60)
    icc = np.random.default_rng(0).bytes(3_000_000)  # 46 segments
    assert load_picture(encode("JPEG", icc_profile=icc)).size == (100, 60)
    assert load_picture(encode("TIFF", icc_profile=icc)).size == (100, 60)
    xmp = b"!\xff\x0bXMP DataXMP" + b"<x>" * 300_000 + bytes(range(255, -1, -1)) + b"\0"
    assert load_picture(gif_with(xmp)).size == (100, 60)
    assert load_picture(gif_with(b"!\xfe\x05hello\0" * 100)).size == (100, 60)
