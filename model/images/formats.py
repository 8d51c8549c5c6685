"""What a file is, told by its first bytes: its name may say anything."""

from __future__ import annotations

import re
import struct

from PIL import features

START = 4096  # bytes of a file that `format_of` wants to see

# What is read here; its other sixty formats are attack surface that no photo needs.
HEIC, AVIF = "HEIC", "AVIF"
POINTER = "Git LFS pointer"  # what Git leaves in a file's place where Git LFS did not fetch it
PILLOW_FORMATS = {"JPEG": "JPEG", "PNG": "PNG", "WebP": "WEBP", "GIF": "GIF", "BMP": "BMP"}
PILLOW_FORMATS |= {"TIFF": "TIFF"} | ({AVIF: "AVIF"} if features.check("avif") else {})
READABLE = (*PILLOW_FORMATS, HEIC)

# A file under one of these names is meant to be a picture that is read here.
PICTURE_SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jif", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp"),
        *(".tif", ".tiff", ".heic", ".heif", ".hif", *((".avif",) if AVIF in READABLE else ())),
    )
)

# What cameras call the values of their sensors, which are no picture yet.
RAW_SUFFIXES = frozenset(
    (
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc"),
        *(".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl"),
        *(".sr2", ".srf", ".srw", ".x3f"),
    )
)

BRANDS = {
    AVIF: frozenset((b"avif", b"avis")),
    HEIC: frozenset(
        (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
    ),
    "Canon raw": frozenset((b"crx ",)),
}
BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)  # their lengths are their versions

# The first that matches; offsets and values as in the formats' own specifications.
SIGNATURES = tuple(
    (name, re.compile(pattern, re.DOTALL))
    for name, pattern in (
        ("JPEG", rb"\xff\xd8\xff"),
        ("PNG", rb"\x89PNG\r\n\x1a\n"),
        ("WebP", rb"RIFF....WEBP"),
        ("GIF", rb"GIF8[79]a"),
        (POINTER, rb"version https://git-lfs\."),
        ("Canon raw", rb"II\*\0....CR|HEAPCCDR"),
        ("TIFF", rb"II[*+]\0|MM\0[*+]|II\0\*|MM\*\0"),
        ("JPEG 2000", rb"\0\0\0\x0cjP[ \x1a]{2}\r\n\x87\n|\xff\x4f\xff\x51"),
        ("JPEG XL", rb"\0\0\0\x0cJXL \r\n\x87\n|\xff\x0a"),
        ("JPEG XR", rb"II\xbc[\0\1]"),
        ("Photoshop (PSD)", rb"8BPS\0[\1\2]"),
        ("GIMP (XCF)", rb"gimp xcf"),
        ("PDF", rb"\s*%PDF"),
        ("PostScript (EPS)", rb"%!PS|\xc5\xd0\xd3\xc6"),
        ("SVG", rb"(\xef\xbb\xbf)?\s*(<\?xml|<!--|<!DOCTYPE svg|<svg)(?=.*<svg)|\s*<svg"),
        ("ICO", rb"\0\0[\1\2]\0[\1-\x40]\0.{4}.?[\0\1\2]?\0"),
        ("ICNS", rb"icns"),
        ("PNM", rb"P[1-7]\s+[\d#W]"),
        ("OpenEXR", rb"v/1\x01"),
        ("Radiance HDR", rb"#\?R(ADIANC|GB)E"),
        ("DDS", rb"DDS \x7c\0\0\0"),
        ("DjVu", rb"AT&TFORM"),
        ("DICOM", rb".{128}DICM"),
        ("FITS", rb"SIMPLE  ="),
        ("QOI", rb"qoif"),
        ("FLIF", rb"FLIF[1-z]"),
        ("BPG", rb"BPG\xfb"),
        ("Olympus raw", rb"IIR[OS]"),
        ("Panasonic raw", rb"IIU\0"),
        ("Fuji raw", rb"FUJIFILMCCD-RAW"),
        ("Matroska / WebM", rb"\x1a\x45\xdf\xa3"),
        ("AVI", rb"RIFF....AVI "),
    )
)


def format_of(start: bytes) -> str | None:
    """The name of the format of a file that begins with `start`, START bytes if there are so many:
    one of READABLE, or a well-known one that is a picture (or a film) to people; None is neither.
    """
    if start[4:8] == b"ftyp":
        # The major brand of a container is often a general one, and the others tell what it is.
        brands = start[8 : max(12, min(int.from_bytes(start[:4], "big"), len(start)))]
        listed = {brands[at : at + 4] for at in range(0, len(brands), 4)}
        return next((name for name in BRANDS if BRANDS[name] & listed), "MP4 / MOV")
    if start[:2] == b"BM" and len(start) >= 18:
        return "BMP" if struct.unpack_from("<I", start, 14)[0] in BMP_HEADERS else None
    return next((name for name, pattern in SIGNATURES if pattern.match(start)), None)
