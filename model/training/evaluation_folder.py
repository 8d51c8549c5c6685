"""The pictures that a finished classifier is judged on, and whether they are of its classes."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from model.images.folder import DataError, Picture, _read_class

SPLITS = ("val", "test")  # the first that is there is evaluated
OTHER = "other"


class NoSuchFolder(DataError):
    en = "--data: there is no folder {folder!r}. Check the spelling."
    zh = "--data：找不到文件夹 {folder!r}。请检查拼写。"


class OtherClasses(DataError):
    en = (
        "The classes of {folder} are not the model's. Unknown to the model: {unknown}. Missing "
        "here: {missing}. Name each folder as the model names its class; pictures of none of the "
        "classes go into a folder called other."
    )
    zh = (
        "{folder} 的类别与模型的类别不同。模型不认识：{unknown}。此处缺少：{missing}。"
        "请按模型的类别命名各文件夹；不属于任何类别的图片放进名为 other 的文件夹。"
    )


class NoPictures(DataError):
    en = "{folder} holds no picture of the model's classes: {classes}. Add a folder for each."
    zh = "{folder} 中没有属于模型类别（{classes}）的图片。请为每个类别添加一个文件夹。"


@dataclass(frozen=True)
class EvaluationFolder:
    """What was found: `pictures` of the model's classes, by its numbers, and `other` ones. `part`
    is the folder inside `root` that holds the classes, "" for `root` itself; those beside it are
    `unused`. `missing` classes have no picture."""

    root: Path
    part: str
    pictures: tuple[Picture, ...]
    other: tuple[Picture, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    skipped: tuple[Path, ...]

    def describe(self, num_classes: int) -> list[str]:
        """In lines: what is evaluated, and what is not there."""
        place = f"{self.root.resolve().name}/{self.part}".rstrip("/")
        count = num_classes - len(self.missing)
        lines = [f"{place}: {len(self.pictures)} pictures of {count} classes"]
        if self.other:
            lines[0] += f", and {len(self.other)} of none of them ({OTHER})"
        if self.missing:
            lines.append(f"Missing here, so not judged: {listed(self.missing)}")
        if self.unused:
            lines.append(f"Not evaluated: {listed(self.unused)}")
        if self.skipped:
            lines.append(f"Placeholders left out: {listed([path.name for path in self.skipped])}")
        return lines


def read_evaluation_folder(root: Path, classes: Sequence[str]) -> EvaluationFolder:
    """The pictures under `root`, which holds a folder a class of the model's `classes`, or holds
    val (else test) with them. A folder `other`, in either place, is of none of the classes, unless
    the model has a class of that name. Names must be the model's to the letter.

    Raises NoSuchFolder, OtherClasses, NoPictures.
    """
    if not root.is_dir():
        raise NoSuchFolder(folder=str(root))
    splits = [name for name in SPLITS if name not in classes and (root / name).is_dir()]
    part = splits[0] if splits else ""
    folders = class_folders(root / part)
    beside = class_folders(root) if part else {}
    beside.pop(part, None)
    others = [each.pop(OTHER) for each in (folders, beside) if OTHER in each.keys() - set(classes)]
    skipped: list[Path] = []
    found = {name: _read_class(folder, root, skipped) for name, folder in folders.items()}
    found = {name: files for name, files in found.items() if files}
    missing = tuple(name for name in classes if name not in found)
    if unknown := sorted(found.keys() - set(classes)):
        facts = {"unknown": listed(unknown), "missing": listed(missing) or "–"}
        raise OtherClasses(folder=root / part, **facts)
    if len(missing) == len(classes):
        raise NoPictures(folder=root / part, classes=listed(classes))
    pictures = (Picture(path, k) for k, name in enumerate(classes) for path in found.get(name, ()))
    other = (Picture(path, -1) for folder in others for path in _read_class(folder, root, skipped))
    return EvaluationFolder(
        root, part, tuple(pictures), tuple(other), missing, tuple(beside), tuple(skipped)
    )


def class_folders(folder: Path) -> dict[str, Path]:
    """The folders in `folder` by name, in the Unicode form that a training gives its classes."""
    return {
        unicodedata.normalize("NFC", entry.name): entry
        for entry in sorted(folder.iterdir())
        if entry.is_dir() and not entry.name.startswith((".", "__MACOSX"))
    }


def listed(names: Sequence[str], limit: int = 20) -> str:
    """The names in a line, all of them while they are few."""
    more = f" … ({len(names)})" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
