"""The pictures that a finished classifier is judged on, and whether they are of its classes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.errors import Sentence
from model.images.errors import DataError, SplitTwice, check
from model.images.folder import Picture, find_kinds, folders_by_class
from model.images.listing import BESIDE, UNUSED, Listing, why_left_out
from model.process.log import escape

logger = logging.getLogger(__name__)

OTHER = "other"


class NoSuchFolder(DataError):
    en = "--data: there is no folder {folder!r}. Check the spelling."
    zh = "--data：找不到文件夹 {folder!r}。请检查拼写。"


class ClassesElsewhere(Sentence):
    en = "There are classes of the model's in {folder}: give that as --data."
    zh = "{folder} 中有模型的类别：请把它作为 --data。"


class PicturesBeside(Sentence):
    en = "The pictures beside the folders ({count}) are of no class."
    zh = "文件夹之外的图片（{count} 张）不属于任何类别。"


class OtherCapitals(Sentence):
    en = "Capitals alone differ: {names}."
    zh = "仅大小写不同：{names}。"


class WrongClasses(DataError):
    """No picture to judge by, or of other classes; with hints at what may be meant."""

    def __init__(self, *hints: Sentence, **facts: object) -> None:
        self.hints = hints
        super().__init__(**facts)

    def message(self, language: str) -> str:
        parts = (super().message(language), *(hint.message(language) for hint in self.hints))
        return ("" if language == "zh" else " ").join(parts)


class OtherClasses(WrongClasses):
    en = (
        "The classes of {folder} are not the model's. Unknown to the model: {unknown}. Missing "
        "here: {missing}. Name each folder as the model names its class; pictures of none of the "
        "classes go into a folder called other."
    )
    zh = (
        "{folder} 的类别与模型的类别不同。模型不认识：{unknown}。此处缺少：{missing}。"
        "请按模型的类别命名各文件夹；不属于任何类别的图片放进名为 other 的文件夹。"
    )


class NoPictures(WrongClasses):
    en = "{folder} holds no picture of the model's classes: {classes}. Add a folder for each."
    zh = "{folder} 中没有属于模型类别（{classes}）的图片。请为每个类别添加一个文件夹。"


class NoneReadable(NoPictures):
    en = (
        "No picture of the model's classes in {folder} can be read; the lines above say why. "
        "Mend or replace them."
    )
    zh = "{folder} 中属于模型类别的图片都无法读取，原因见上文。请修复或更换图片。"


@dataclass(frozen=True)
class EvaluationFolder:
    """What was found: `pictures` of the model's classes, by its numbers, and `other` ones, which
    have a negative number. `source` is what `root` is called, and `part` the folder inside it that
    holds the classes, "" for `root` itself. `missing` classes have no picture; what was left out
    is told in lines."""

    root: Path
    source: str
    part: str
    pictures: tuple[Picture, ...]
    other: tuple[Picture, ...]
    missing: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def name(self) -> str:
        """What is evaluated: the folder's name and the part's."""
        return escape(f"{self.source}/{self.part}".rstrip("/"))

    def describe(self, num_classes: int) -> list[str]:
        """In lines: what is evaluated, and what is not."""
        count = num_classes - len(self.missing)
        pictures = f"{len(self.pictures)} picture{'s' * (len(self.pictures) != 1)}"
        lines = [f"{self.name}: {pictures} of {count} class{'es' * (count != 1)}"]
        if self.other:
            lines[0] += f", and {len(self.other)} of none of them ({OTHER})"
        if self.missing:
            lines.append(f"missing here, so not judged: {listed(self.missing)}")
        return [*lines, *self.left_out]


def read_evaluation_folder(
    root: Path, classes: Sequence[str], source: str | None = None
) -> EvaluationFolder:
    """The pictures under `root`, which holds a folder a class of the model's `classes`, or holds
    val (else test, under any of their usual names) with them. A folder `other`, in either place, is
    of none of the classes, unless the model has a class of that name. Classes must be called as the
    model calls them, to the letter.

    Raises NoSuchFolder, OtherClasses, NoPictures, SplitTwice, SplitsUnnamed, LoopedFolder,
    FolderNotRead, or ManyProblems for several.
    """
    if not root.is_dir():
        raise NoSuchFolder(folder=str(root))
    listing = Listing(root)
    folders, part = folders_by_class(root, listing), ""
    others = [] if OTHER in classes else folders.pop(OTHER, [])
    if split := None if folders.keys() & set(classes) else find_split(folders, listing):
        if unused := [each for same in folders.values() for each in same if each != split]:
            listing.left_out[UNUSED] += unused
        folders, part = folders_by_class(split, listing), split.name
        others = others + ([] if OTHER in classes else folders.pop(OTHER, []))
    found = {
        name: [p for each in same for p in listing.pictures(each)] for name, same in folders.items()
    }
    missing = [name for name in classes if not found.get(name)]
    hints = find_hints(root, classes, [*found, *missing], listing)
    if unknown := [name for name, files in found.items() if files and name not in classes]:
        facts = {"unknown": listed(unknown), "missing": listed(missing) or "–"}
        listing.problems.append(OtherClasses(*hints, folder=escape(str(root / part)), **facts))
    elif len(missing) == len(classes):
        listing.problems.append(
            NoPictures(*hints, folder=escape(str(root / part)), classes=listed(classes))
        )
    pictures = [Picture(path, k) for k, name in enumerate(classes) for path in found.get(name, ())]
    other = [Picture(path, -1) for folder in others for path in listing.pictures(folder)]
    lines = listing.lines() + [f"{OTHER} holds no picture"] * bool(others and not other)
    if listing.problems:
        for line in lines:
            logger.warning("%s", line)
    check(root, listing.problems)
    source = source or root.resolve().name
    parts = (pictures, other, missing, lines)
    return EvaluationFolder(root, source, part, *map(tuple, parts))


def find_hints(
    root: Path, classes: Sequence[str], names: Sequence[str], listing: Listing
) -> list[Sentence]:
    """What may be meant where nothing can be judged: `names` are those of the folders and of the
    classes that are missing."""
    hints: list[Sentence] = []
    for folder in Listing(root).folders(root):
        if set(classes) & folders_by_class(folder, Listing(folder)).keys():
            hints.append(ClassesElsewhere(folder=escape(str(folder))))
    if count := sum(not why_left_out(path) for path in listing.left_out.get(BESIDE, ())):
        hints.append(PicturesBeside(count=count))
    alike = [
        f"{name} / {own}"
        for own in classes
        for name in names
        if name not in classes and name.casefold() == own.casefold()
    ]
    return hints + [OtherCapitals(names=listed(alike))] * bool(alike)


def find_split(folders: Mapping[str, Sequence[Path]], listing: Listing) -> Path | None:
    """The folder that is called as a val split is, or else as a test split."""
    kinds = find_kinds(listing.root, [path for same in folders.values() for path in same])
    for wanted in ("val", "test"):
        found = [path for path, kind in kinds.items() if kind == wanted]
        if len(found) > 1:
            names = ", ".join(map(listing.name, found))
            listing.problems.append(SplitTwice(folder=listing.root, names=names))
        if found:
            return found[0]
    return None


def listed(names: Sequence[str], limit: int = 20) -> str:
    """The names in a line, all of them while they are few."""
    more = f" … ({len(names)})" if len(names) > limit else ""
    return escape(", ".join(names[:limit]) + more)
