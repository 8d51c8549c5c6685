"""The pictures that are trained on: what they are, and whether they will do."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

from model.images.folder import DataError, PictureFolder, load_training_picture
from model.training.distributed import share
from model.training.features import prefetch


class OnePicture(DataError):
    en = "The class {name} has one picture to learn from; it needs two at least. Add pictures."
    zh = "类别 {name} 只有一张训练图片，至少需要两张。请添加图片。"


def check_pictures(folder: PictureFolder, workers: int) -> None:
    """Find out now, not after the training, what would stop it at its end.

    Raises OnePicture, or BrokenPicture for a val picture.
    """
    counts = Counter(picture.label for picture in folder.train)
    for k, name in enumerate(folder.classes):
        if counts[k] < 2:
            raise OnePicture(name=name)
    paths = [folder.val[i].path for i in share(len(folder.val))]
    for _ in prefetch(lambda path: load_training_picture(path, folder.root), paths, workers):
        pass


def describe_folder(folder: PictureFolder) -> str:
    """One line: how many pictures of what."""
    skipped = f"; {len(folder.skipped)} placeholder skipped" if folder.skipped else ""
    return (
        f"{len(folder.train)} pictures to learn from, {len(folder.val)} to be judged by, "
        f"{len(folder.classes)} classes: {', '.join(folder.classes)}{skipped}"
    )


def digest_of(folder: PictureFolder) -> str:
    """SHA-256 of every picture's bytes, name and class: equal where the pictures are."""
    sha = hashlib.sha256()
    for picture in (*folder.train, *folder.val):
        name = picture.path.relative_to(folder.root).as_posix()
        try:
            content = hashlib.sha256(picture.path.read_bytes()).hexdigest()
        except OSError:
            content = ""  # whatever reads it next says so
        sha.update(json.dumps([name, folder.classes[picture.label], content]).encode())
    return sha.hexdigest()
