"""Folders of pictures for training: what is in them, and what is wrong with them."""

from __future__ import annotations

import logging
import random
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from model.images.errors import (
    BadClassName,
    BrokenPicture,
    ClassesDiffer,
    DataError,
    EmptyClass,
    FolderNotFound,
    NoTrainFolder,
    PictureError,
    SplitsUnnamed,
    SplitTwice,
    TooFewClasses,
    TooFewPictures,
    TooManyClasses,
    check,
)
from model.images.labels import MAX_LABELS, MAX_LENGTH, is_label
from model.images.listing import UNUSED, Listing, why_left_out
from model.images.loader import load_picture
from model.process.log import escape

logger = logging.getLogger(__name__)

# What people call the splits, in any capitals.
SPLITS = {
    split: re.compile(rf"({names})([ _-]?(set|data|split|images|集))?")
    for split, names in (
        ("train", "train(ing)?|训练"),
        ("val", "val(id(ation)?)?|dev|eval(uation)?|验证"),
        ("test", "tests?|testing|测试"),
    )
}
# What they call them where it is plain by what is inside: train2017, images_val, Trainingsdaten.
SPLIT_WORDS = {
    "train": re.compile("train|trn|learn|训练"),
    "val": re.compile("val|dev|验证"),
    "test": re.compile("te?st|测试"),
}
# They join letters of some scripts and signs, so that they may belong to a name.
JOINERS = "\u200c\u200d"
WHITESPACE = "".join(filter(str.isspace, map(chr, range(0x3001))))


@dataclass(frozen=True)
class Picture:
    """One picture to learn from: its file, and its class as an index into the folder's classes."""

    path: Path
    label: int


@dataclass(frozen=True)
class PictureFolder:
    """A data folder as it was found; nothing in it has been decoded yet. `skipped` are the files
    and folders that were left out. `source` is what the folder is called, "" where that is its own
    name; a dataset of the Hub is of a `commit`."""

    root: Path
    classes: tuple[str, ...]
    train: tuple[Picture, ...]
    val: tuple[Picture, ...]
    skipped: tuple[Path, ...] = ()
    source: str = ""
    commit: str | None = None


def read_folder(root: Path, *, seed: int, val_fraction: float = 0.2) -> PictureFolder:
    """The data folder `root` as `scan_folder` finds it; raises whatever is wrong with it, all at
    once: ManyProblems where it is more than one."""
    folder, problems = scan_folder(root, seed=seed, val_fraction=val_fraction)
    check(folder.root, problems)
    return folder


def scan_folder(
    root: Path, *, seed: int, val_fraction: float = 0.2, learned: int = 1
) -> tuple[PictureFolder, list[DataError]]:
    """List `root/train/CLASS` and `root/val/CLASS`; without `val`, split each class by the seed.

    Splits may have other usual names (SPLITS), and `test` stands in for `val` where there is none.
    `root/CLASS` without splits is split as well, whatever the classes are called. Classes are
    sorted by name, which ends at its last letter and is in Unicode's form NFC. A picture is what
    begins as one or is named as one. What is left out is in `skipped`, and logged, a line a reason.

    Also gives what is wrong: EmptyClass, TooFewPictures (a class needs `learned` to learn from and
    one to be judged by), ClassesDiffer, SplitTwice, TooFewClasses, TooManyClasses, BadClassName,
    LoopedFolder, FolderNotRead. Raises FolderNotFound, NoTrainFolder, SplitsUnnamed.
    """
    root = Path(root)
    if not root.is_dir():
        raise FolderNotFound(folder=root)
    listing = Listing(root)
    train_folder, val_folder = _find_splits(root, listing)
    train, val = _read_classes(train_folder, learned + (val_folder is None), listing), {}
    if val_folder is not None:
        val = _read_classes(val_folder, 1, listing)
        _compare(train, val, listing)
    else:
        for name, files in train.items():
            train[name], val[name] = _split(files, f"{seed}/{escape(name)}", val_fraction)
    for line in listing.lines():
        logger.warning("%s", line)
    skipped = tuple(path for paths in listing.left_out.values() for path in paths)
    classes = tuple(sorted(train | val))
    folder = PictureFolder(
        root, classes, _labelled(train, classes), _labelled(val, classes), skipped
    )
    return folder, listing.problems


def load_training_picture(path: Path, root: Path, enough: int | None = None) -> Image.Image:
    """The picture as RGB, as `load_picture` gives it; a bad one raises `BrokenPicture`, which names
    it relative to `root`."""
    try:
        return load_picture(path, enough=enough)
    except PictureError as error:
        raise BrokenPicture(escape(path.relative_to(root).as_posix()), error) from error


def _find_splits(root: Path, listing: Listing) -> tuple[Path, Path | None]:
    """The folders of the classes to learn from and, if there is one, to be judged by; what else is
    beside them is left out. Raises NoTrainFolder, SplitsUnnamed."""
    folders = Listing(root).folders(root)  # told of by whoever reads them
    kinds = find_kinds(root, folders)
    inside = {folder: _own_folders(folder) for folder in folders if kinds[folder]}
    trains, vals, tests = (
        [folder for folder in inside if kinds[folder] == split] for split in SPLITS
    )
    others = {folder.name for folder in folders if folder not in inside}
    if any(inside[folder] for folder in tests):  # an empty val is none
        vals = [folder for folder in vals if inside[folder]]
    judging = [folder for folder in vals + tests if inside[folder]]
    # Beside other folders, one that is called train is a split if there are classes in it.
    nested = any(len(names) > 1 for names in inside.values())
    if not trains or (others and not nested):
        names = [folder.name for folder in judging if not others or others & inside[folder]]
        if names:
            raise NoTrainFolder(folder=root, found=escape(", ".join(names)))
        return root, None
    for used in (trains, vals or tests):
        if len(used) > 1:
            names = ", ".join(map(listing.name, used))
            listing.problems.append(SplitTwice(folder=root, names=names))
    if tests and not vals:
        logger.warning("%s is used as val, since there is none", listing.name(tests[0]))
    used = [*trains, *(vals or tests)]
    unused = [folder for folder in listing.folders(root) if folder not in used]
    if unused:
        listing.left_out[UNUSED] += unused
    return trains[0], next(iter(vals or tests), None)


def split_named(name: str) -> str | None:
    """Which split a folder of this name usually is: "train", "val", "test" or none."""
    name = name.strip().casefold()
    return next((split for split, names in SPLITS.items() if names.fullmatch(name)), None)


def find_kinds(root: Path, folders: Sequence[Path]) -> dict[Path, str | None]:
    """Which split each of the `folders` of `root` is, if any: by the usual names, or, where two or
    three folders hold nothing but the same sub-folders, by a word in their names; of two, the other
    one is to judge by. Raises SplitsUnnamed where that leaves open which of them to learn from."""
    kinds = {folder: split_named(folder.name) for folder in folders}
    inside = [set(map(class_name, _own_folders(folder))) for folder in folders]
    common = set.intersection(*inside) if 2 <= len(folders) <= 3 else set()
    if not common or None not in kinds.values() or any(map(_holds_pictures, folders)):
        return kinds
    likely = {folder: kinds[folder] or _split_word(folder.name) for folder in folders}
    found = set(likely.values())
    if "train" in found and None not in found and len(found) == len(folders):
        return likely
    if len(common) < 2:  # as cats/2024 and dogs/2024 are
        return kinds
    if len(folders) == 2 and found == {"train", None}:
        return {folder: kind or "val" for folder, kind in likely.items()}
    if "train" in found and len(found - {None}) > 1:
        return likely
    raise SplitsUnnamed(folder=root, names=escape(", ".join(folder.name for folder in folders)))


def _split_word(name: str) -> str | None:
    name = name.casefold()
    return next((split for split, words in SPLIT_WORDS.items() if words.search(name)), None)


def _holds_pictures(folder: Path) -> bool:
    return any(path.is_file() and not why_left_out(path) for path in folder.iterdir())


def class_name(folder: str) -> str:
    """The class that a folder of this name holds: systems write one and the same name differently
    (NFD and NFC), and hide blanks at its end; what cannot be seen is no part of it."""
    seen = (c for c in folder if c in JOINERS or unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFC", "".join(seen)).strip(WHITESPACE + JOINERS)


def folders_by_class(folder: Path, listing: Listing) -> dict[str, list[Path]]:
    """The folders in `folder` by the class that each holds; names that differ in nothing that is
    to be seen are one class."""
    found: dict[str, list[Path]] = {}
    seen: dict[str, str] = {}
    for path in listing.folders(folder):
        name = class_name(path.name)
        name = seen.setdefault(re.sub(f"[{JOINERS}]", "", name), name)
        found.setdefault(name, []).append(path)
    return found


def _own_folders(folder: Path) -> set[str]:
    return {path.name for path in Listing(folder).folders(folder)}


def _read_classes(folder: Path, needed: int, listing: Listing) -> dict[str, list[Path]]:
    """The pictures of every class folder in `folder`, in the order of the class names. `needed` is
    how many a class must have."""
    found = folders_by_class(folder, listing)
    count, problems = len(found), listing.problems
    shown = folder if folder == listing.root else listing.name(folder)
    if count < 2:
        names = escape("".join(f": {name}" for name in found))
        problems.append(TooFewClasses(folder=shown, count=count, names=names))
    if count > MAX_LABELS:
        problems.append(TooManyClasses(folder=shown, count=count, limit=MAX_LABELS))
        return {}
    return {name: _read_class(name, found[name], needed, listing) for name in sorted(found)}


def _read_class(name: str, folders: list[Path], needed: int, listing: Listing) -> list[Path]:
    """The pictures of one class, whose name several folders may have."""
    if not is_label(name):
        raw = ascii(folders[0].name)[1:-1][:60]
        listing.problems.append(BadClassName(folder=raw, limit=MAX_LENGTH))
    if len(folders) > 1:
        spelled = " and ".join(ascii(folder.name) for folder in folders)
        logger.warning("the folders %s are one class", spelled)
    files = sorted(file for folder in folders for file in listing.pictures(folder))
    facts = {"folder": listing.name(folders[0]), "count": len(files), "needed": needed}
    if not files:
        counts = listing.found_in(folders[0]).items()
        reasons = ", ".join(f"{count} as {reason}" for reason, count in counts)
        found = f" (left out: {reasons})" if reasons else ""
        listing.problems.append(EmptyClass(**facts, found=found))
    elif len(files) < needed:
        listing.problems.append(TooFewPictures(**facts))
    return files


def _compare(
    train: Mapping[str, list[Path]], val: Mapping[str, list[Path]], listing: Listing
) -> None:
    """Note the classes that are in one split only, unless that is what has been noted already: they
    are empty, or all that keeps the other from having two."""
    names = [name for name in sorted(train.keys() ^ val.keys()) if train.get(name) or val.get(name)]
    fewer, more = sorted((train.keys(), val.keys()), key=len)
    if names and not (len(fewer) < 2 and fewer <= more):
        listing.problems.append(ClassesDiffer(names=escape(", ".join(names))))


def _split(files: list[Path], seed: str, val_fraction: float) -> tuple[list[Path], list[Path]]:
    """(train, val), each with one file at least. Seeded by class, so that a class that is added
    later leaves the split of the others as it was."""
    shuffled = random.Random(seed).sample(files, len(files))
    count = min(max(round(len(files) * val_fraction), 1), max(len(files) - 1, 0))
    return sorted(shuffled[count:]), sorted(shuffled[:count])


def _labelled(by_class: Mapping[str, list[Path]], classes: Sequence[str]) -> tuple[Picture, ...]:
    return tuple(
        Picture(path, label)
        for label, name in enumerate(classes)
        for path in by_class.get(name, ())
    )
