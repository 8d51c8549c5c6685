"""Files whose header alone would take minutes or gigabytes, recognised before Pillow reads them.

Pillow copies every value that a TIFF or EXIF directory points to, and thousands of entries may
point to the same megabytes; it makes an object of each tile, segment and chunk; it joins the parts
of a GIF's comment one by one, in quadratic time; and a JPEG can repaint all its pixels in each of
any number of scans. Real pictures stay far below each of these limits.
"""

from __future__ import annotations

import re
import struct

# The most that `is_overloaded` lets pass.
SHARED_BYTES = 32_000_000  # of a directory's values, beyond the length of the file
VALUES = 200_000  # of one tag, or tiles or strips; a 16-bit palette has 196,608
PARTS = 100_000  # segments of a JPEG, chunks of a PNG
COMMENT_BLOCKS = 4_000  # of 255 bytes at most, before a GIF's first frame
SCANS = 100  # of a JPEG; each paints 40 megapixels in 0.05 s

# A JPEG marker that is followed by a length, or the one that ends the picture.
JPEG_MARKER = re.compile(rb"\xff([\xc0-\xcf\xd9-\xfe])")
END, SCAN, APP1 = 0xD9, 0xDA, 0xE1
EXIF_START = b"Exif\0\0"
COMMENT = b"\xfe"

STRIP_OFFSETS, TILE_OFFSETS = 273, 324
BYTES_A_VALUE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
BYTES_A_VALUE |= {13: 4, 16: 8}
AS_BYTES = (1, 2, 7)  # types that Pillow leaves as they are; of the others it makes objects


def is_overloaded(data: bytes) -> bool:
    """Whether reading the header of this file costs far more than its pixels could."""
    if data[:2] == b"\xff\xd8":
        return _jpeg(data)
    if data[:4] == b"\x89PNG":
        return _png(data)
    if data[:4] == b"GIF8":
        return _gif(data)
    return data[:2] in (b"II", b"MM") and is_overloaded_directory(data)


def is_overloaded_directory(block: bytes) -> bool:
    """Whether the first directory of a TIFF file or EXIF block points to more than it can hold."""
    block = block.removeprefix(EXIF_START)
    order = ">" if block[:2] == b"MM" else "<"
    big = block[2:3] == b"\x2b"  # BigTIFF, told as Pillow does
    counter, pointer, entry = ("Q", "Q", "HHQ8s") if big else ("H", "L", "HHL4s")
    inline = 8 if big else 4
    total = 0
    try:
        (at,) = struct.unpack_from(order + pointer, block, inline)
        (entries,) = struct.unpack_from(order + counter, block, at)
        at += struct.calcsize(order + counter)
        for _ in range(entries):
            tag, kind, count, value = struct.unpack_from(order + entry, block, at)
            at += struct.calcsize(order + entry)
            size = count * BYTES_A_VALUE.get(kind, 0)
            if size <= inline:
                continue
            held = min(size, max(0, len(block) - struct.unpack(order + pointer, value)[0]))
            total += held
            listed = tag in (STRIP_OFFSETS, TILE_OFFSETS) or kind not in AS_BYTES
            many = listed and held > VALUES * BYTES_A_VALUE[kind]
            if many or total > len(block) + SHARED_BYTES:
                return True
    except struct.error:  # cut short: Pillow reads no further either
        pass
    return False


def _jpeg(data: bytes) -> bool:
    at, parts, scans, exif = 2, 0, 0, []
    while match := JPEG_MARKER.search(data, at):
        marker = match[1][0]
        if marker == END:
            break
        at = match.end() + int.from_bytes(data[match.end() : match.end() + 2], "big")
        parts += 1
        scans += marker == SCAN
        if parts > PARTS or scans > SCANS:
            return True
        # Pillow joins the segments of a long EXIF block
        if marker == APP1 and data.startswith(EXIF_START, match.end() + 2):
            exif.append(data[match.end() + 2 + len(EXIF_START) : at])
    return is_overloaded_directory(b"".join(exif))


def _png(data: bytes) -> bool:
    at = len(b"\x89PNG\r\n\x1a\n")
    for _ in range(PARTS):
        if at >= len(data):
            return False
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return True


def _gif(data: bytes) -> bool:
    at = 13 + (3 << (data[10] & 7) + 1 if data[10:11] and data[10] & 0x80 else 0)
    comment_blocks = 0
    for _ in range(PARTS):
        kind, label = data[at : at + 1], data[at + 1 : at + 2]
        at += 1
        if kind in (b"", b",", b";"):  # the end of the file, the first frame, the end of frames
            return False
        if kind != b"!":  # Pillow skips it too
            continue
        at += 1
        comment_blocks += label == COMMENT
        while length := int.from_bytes(data[at : at + 1], "big"):
            at += 1 + length
            comment_blocks += label == COMMENT
        at += 1
        if comment_blocks > COMMENT_BLOCKS:
            return True
    return True
