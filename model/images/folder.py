"""Folders of pictures for training: what is in them, and what is wrong with them."""

from __future__ import annotations

import hashlib
import logging
import random
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from model.errors import UserError
from model.images.labels import MAX_LABELS, MAX_LENGTH, is_label
from model.images.loader import PictureError, load_picture

logger = logging.getLogger(__name__)

PICTURE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif")
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


class DataError(UserError):
    """The data folder cannot be trained on."""


class FolderNotFound(DataError):
    en = "There is no data folder {folder}. Check the spelling, or leave it out to download one."
    zh = "找不到数据文件夹 {folder}。请检查拼写，或者不指定文件夹以下载示例数据。"


class NoTrainFolder(DataError):
    en = "{folder} has a val folder but no train folder. Put the pictures to learn from in train."
    zh = "{folder} 中有 val 文件夹，但没有 train 文件夹。请把用于训练的图片放进 train。"


class TooFewClasses(DataError):
    en = "{folder} needs one sub-folder of pictures a class, two at least; it has {count}."
    zh = "{folder} 中每个类别需要一个图片子文件夹，至少两个；现在有 {count} 个。"


class EmptyClass(DataError):
    en = "The class folder {folder} holds no picture. Add pictures to it or remove it."
    zh = "类别文件夹 {folder} 中没有图片。请添加图片或删除该文件夹。"


class BadClassName(DataError):
    en = (
        "The class folder {folder} cannot name a class: at most {limit} characters, and none that "
        "controls a terminal or is no text. Rename it."
    )
    zh = "类别文件夹 {folder} 不能作类别名：最多 {limit} 个字符，不能有控制字符。请重命名。"


class TooManyClasses(DataError):
    en = "{folder} has {count} classes; {limit} is the most."
    zh = "{folder} 有 {count} 个类别，上限为 {limit}。"


class TooFewPictures(DataError):
    en = "The class folder {folder} holds one picture only; without a val folder it needs two."
    zh = "类别文件夹 {folder} 中只有一张图片；没有 val 文件夹时至少需要两张。"


class ClassesDiffer(DataError):
    en = "train and val must have the same class folders; these are in one only: {names}."
    zh = "train 和 val 的类别文件夹必须相同；以下只出现在其中一个里：{names}。"


class BrokenPicture(DataError):
    """A picture of the data folder cannot be read; says which and why."""

    def __init__(self, file: str, cause: PictureError) -> None:
        self.file, self.cause = file, cause
        super().__init__(file=file)

    def message(self, language: str) -> str:
        separator = "：" if language == "zh" else ": "
        return f"{self.file}{separator}{self.cause.message(language)}"


@dataclass(frozen=True)
class Picture:
    """One picture to learn from: its file, and its class as an index into the folder's classes."""

    path: Path
    label: int


@dataclass(frozen=True)
class PictureFolder:
    """A data folder as it was found; nothing in it has been decoded yet."""

    root: Path
    classes: tuple[str, ...]
    train: tuple[Picture, ...]
    val: tuple[Picture, ...]
    skipped: tuple[Path, ...] = ()


def read_folder(root: Path, *, seed: int, val_fraction: float = 0.2) -> PictureFolder:
    """List `root/train/CLASS` and `root/val/CLASS`; without `val`, split each class by the seed.

    `root/CLASS` without `train` and `val` is split as well. Classes are sorted by name; files
    without a picture's suffix and hidden files are ignored; known placeholder pictures are left
    out, with a warning, and listed in `skipped`.

    Raises:
        FolderNotFound, NoTrainFolder, TooFewClasses, TooManyClasses, BadClassName, EmptyClass,
        TooFewPictures, ClassesDiffer.
    """
    root = Path(root)
    if not root.is_dir():
        raise FolderNotFound(folder=root)
    has_train, has_val = (root / "train").is_dir(), (root / "val").is_dir()
    if has_val and not has_train:
        raise NoTrainFolder(folder=root)
    skipped: list[Path] = []
    train = _read_classes(root / "train" if has_train else root, root, skipped)
    if has_val:
        val = _read_classes(root / "val", root, skipped)
        if different := sorted(train.keys() ^ val.keys()):
            raise ClassesDiffer(names=", ".join(different))
    else:
        val = {}
        for name, files in train.items():
            if len(files) < 2:
                raise TooFewPictures(folder=files[0].parent.relative_to(root))
            train[name], val[name] = _split(files, f"{seed}/{name}", val_fraction)
    return PictureFolder(root, tuple(train), _labelled(train), _labelled(val), tuple(skipped))


def load_training_picture(path: Path, root: Path) -> Image.Image:
    """The picture as RGB; a bad one raises `BrokenPicture`, which names it relative to `root`."""
    try:
        return load_picture(path)
    except PictureError as error:
        raise BrokenPicture(path.relative_to(root).as_posix(), error) from error


def is_placeholder(path: Path) -> bool:
    """Whether the file is a known "picture not found" picture, by its name or its sha256."""
    if path.stem.lower() in PLACEHOLDER_NAMES:
        return True
    if path.stat().st_size > PLACEHOLDER_MAX_BYTES:
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() in PLACEHOLDER_SHA256


def _read_classes(folder: Path, root: Path, skipped: list[Path]) -> dict[str, list[Path]]:
    """The pictures of every class folder in `folder`, in the order of the class names."""
    found = {
        # macOS and Linux may write one and the same name differently (NFD and NFC).
        unicodedata.normalize("NFC", entry.name): entry
        for entry in folder.iterdir()
        if entry.is_dir() and not entry.name.startswith((".", "__MACOSX"))
    }
    if len(found) < 2:
        raise TooFewClasses(folder=folder, count=len(found))
    if len(found) > MAX_LABELS:
        raise TooManyClasses(folder=folder, count=len(found), limit=MAX_LABELS)
    classes: dict[str, list[Path]] = {}
    for name in sorted(found):
        if not is_label(name):
            raise BadClassName(folder=ascii(name)[1:60], limit=MAX_LENGTH)
        classes[name] = _read_class(found[name], root, skipped)
        if not classes[name]:
            raise EmptyClass(folder=found[name].relative_to(root))
    return classes


def _read_class(folder: Path, root: Path, skipped: list[Path]) -> list[Path]:
    files: list[Path] = []
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or path.suffix.lower() not in PICTURE_SUFFIXES or not path.is_file():
            continue
        if is_placeholder(path):
            logger.warning("left out %s: a placeholder, not a photo", path.relative_to(root))
            skipped.append(path)
        else:
            files.append(path)
    return files


def _split(files: list[Path], seed: str, val_fraction: float) -> tuple[list[Path], list[Path]]:
    """(train, val), each with one file at least. Seeded by class, so that a class that is added
    later leaves the split of the others as it was."""
    shuffled = random.Random(seed).sample(files, len(files))
    count = min(max(round(len(files) * val_fraction), 1), len(files) - 1)
    return sorted(shuffled[count:]), sorted(shuffled[:count])


def _labelled(by_class: dict[str, list[Path]]) -> tuple[Picture, ...]:
    classes = enumerate(by_class.values())
    return tuple(Picture(path, label) for label, files in classes for path in files)
