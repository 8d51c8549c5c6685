"""What lies in a data folder: pictures, and what is left out of it, by the reason why."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from pathlib import Path

from model.images.errors import DataError, FolderNotRead, LoopedFolder
from model.images.formats import PICTURE_SUFFIXES, RAW_SUFFIXES, READABLE, START, format_of
from model.process.log import escape

# What systems, not people, put beside pictures; all that begins with a dot as well.
SYSTEM_NAMES = frozenset(
    (
        *("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__pycache__"),
        *("$recycle.bin", "recycler", "system volume information", "lost+found", "found.000"),
        *("@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot"),  # of a NAS
    )
)

# Pictures that say "there is no picture": what a photo site sends for one that was taken down, and
# a crawler then files under the class. They are known by name or by the sha256 of the very file;
# guessing from the content (few colours, little detail) would drop real pictures.
PLACEHOLDER_NAMES = frozenset(("imagenotfound", "photo_unavailable", "image_not_found"))
PLACEHOLDER_SHA256 = frozenset(
    # hymenoptera_data/train/ants/imageNotFound.gif, 300 x 300
    ("6b4966252973c581b521f804453c6a0649ea6a2ce7e3e5c7deeb7d80623de231",)
)
PLACEHOLDER_MAX_BYTES = 20_000

SYSTEM = "hidden or of the system"
BESIDE, UNUSED = "beside the class folders", "a folder beside those that are used"
NOWHERE = "no file, or a link that leads nowhere"
NAMED = 10  # of what is left out for one reason


class Listing:
    """Reads folders of a data folder `root`, whose links to folders are followed, and keeps account
    of what is `left_out` (paths by reason) and of the `problems` found."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.left_out: defaultdict[str, list[Path]] = defaultdict(list)
        self.problems: list[DataError] = []

    def folders(self, folder: Path) -> list[Path]:
        """The sub-folders that are people's own; files beside them are left out."""
        found = []
        for path in self._entries(folder):
            if path.is_dir():
                found.append(path)
            else:
                self.left_out[BESIDE if path.is_file() else NOWHERE].append(path)
        return found

    def pictures(self, folder: Path) -> list[Path]:
        """The pictures at any depth of `folder`, sorted."""
        holders = [self.root, *(path for path in folder.parents if self.root in path.parents)]
        found, waiting = [], [(folder, frozenset(map(_identity, holders)))]
        while waiting:
            at, above = waiting.pop()
            identity = _identity(at)
            if identity in above:
                self.problems.append(LoopedFolder(folder=self.name(at)))
                continue
            for path in self._entries(at):
                if path.is_dir():
                    waiting.append((path, above | {identity}))
                elif reason := why_left_out(path):
                    self.left_out[reason].append(path)
                else:
                    found.append(path)
        return sorted(found)

    def name(self, path: Path) -> str:
        """What `path` is called in messages: relative to the root, unprintable parts escaped."""
        return escape(path.relative_to(self.root).as_posix())

    def lines(self) -> list[str]:
        """A line for each reason: what is left out for it."""
        return [
            f"left out as {reason}: {len(paths)} ({self._names(sorted(paths))})"
            for reason, paths in self.left_out.items()
        ]

    def found_in(self, folder: Path) -> dict[str, int]:
        """How much of `folder` is left out, by reason."""
        counts = {
            reason: sum(folder in path.parents for path in paths)
            for reason, paths in self.left_out.items()
        }
        return {reason: count for reason, count in counts.items() if count}

    def _entries(self, folder: Path) -> list[Path]:
        """What is in `folder`, sorted, without what is the system's."""
        try:
            entries = sorted(folder.iterdir())
        except OSError as error:
            reason = error.strerror or type(error).__name__
            self.problems.append(FolderNotRead(folder=self.name(folder), reason=reason))
            return []
        systems = [path for path in entries if is_systems(path.name)]
        if systems:
            self.left_out[SYSTEM] += systems
        return [path for path in entries if not is_systems(path.name)]

    def _names(self, paths: list[Path]) -> str:
        names = [self.name(path) + _size(path) for path in paths[:NAMED]]
        return ", ".join(names + ["…"] * (len(paths) > NAMED))


def _identity(path: Path) -> tuple[int, int]:
    """Which folder it is, by whatever links it was come to."""
    status = path.stat()
    return status.st_dev, status.st_ino


def _size(path: Path) -> str:
    if not path.is_dir():
        return ""
    files = sum(len(names) for _, _, names in os.walk(path))
    return f"/ with {files} file{'s' * (files != 1)}"


def is_systems(name: str) -> bool:
    """Whether a file or folder of this name is nobody's work."""
    return name.startswith(".") or name.casefold() in SYSTEM_NAMES


def is_placeholder(path: Path) -> bool:
    """Whether the file is a known "picture not found" picture, by its name or its sha256."""
    if path.stem.lower() in PLACEHOLDER_NAMES:
        return True
    if path.stat().st_size > PLACEHOLDER_MAX_BYTES:
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() in PLACEHOLDER_SHA256


def why_left_out(path: Path) -> str | None:
    """Why the file is not learned from; None is a picture, or what claims to be one by its name and
    is to be complained of."""
    if not path.is_file():
        return NOWHERE
    suffix = path.suffix.lower()
    named_so = suffix in PICTURE_SUFFIXES
    try:
        if is_placeholder(path):
            return "a placeholder, not a photo"
        with path.open("rb") as file:
            found = format_of(file.read(START))
    except OSError:
        return None if named_so else "unreadable"
    if suffix in RAW_SUFFIXES and found in (None, "TIFF"):  # most are TIFF, with a tiny preview
        found = f"camera raw ({suffix[1:].upper()})"
    if named_so or found in READABLE:
        return None
    return f"{found}, which cannot be read here" if found else "no picture"
