"""The pictures that are trained on: what they are, and whether they will do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from model.hub.locate import locate, pin
from model.images.errors import BrokenPicture, DataError, check
from model.images.folder import Picture, PictureFolder, load_training_picture, scan_folder
from model.process.log import escape
from model.run.progress import Reporter, Silence
from model.training.distributed import all_reduce, from_main_process, share, world_size
from model.training.features import prefetch

MANY = 1000  # pictures, which take long enough for a bar


def scan_data(
    data: str | Path, seed: int, reporter: Reporter
) -> tuple[PictureFolder, list[DataError]]:
    """What `scan_folder` finds in the folder of `data`, or in that dataset of the Hub; in all
    processes the same. Raises what `locate` and `scan_folder` do."""
    if world_size() > 1 and isinstance(data, str):
        # a branch may move between one process's question and the next one's
        data = from_main_process(partial(pin, data, repo_type="dataset"))
    found = locate(data, repo_type="dataset", reporter=reporter)
    folder, problems = scan_folder(found.folder, seed=seed, learned=2)
    named = replace(folder, source=found.origin.source, commit=found.origin.revision)
    return named, problems


def check_pictures(
    folder: PictureFolder,
    problems: Sequence[DataError],
    *,
    workers: int,
    device: torch.device,
    reporter: Reporter,
) -> None:
    """Read every picture once, before anything is trained, and raise all that is wrong: what was
    found in the folder (`problems`), and a BrokenPicture for each that cannot be read."""
    pictures = (*folder.train, *folder.val)
    # The processes share the work, and each is to tell all that was found.
    broken = torch.zeros(len(pictures), dtype=torch.int32, device=device)
    mine = share(len(pictures))
    shown = reporter if len(mine) > MANY else Silence()
    with shown.bar("pictures", total=len(mine)) as bar:
        found = prefetch(lambda n: why_broken(pictures[n], folder), mine, workers)
        for number, error in zip(mine, found, strict=True):
            broken[number] = error is not None
            bar.advance(1)
    numbers = all_reduce(broken).nonzero().flatten().tolist()
    errors = (why_broken(pictures[number], folder) for number in numbers)
    check(folder.root, [*problems, *filter(None, errors)])


def why_broken(picture: Picture, folder: PictureFolder) -> BrokenPicture | None:
    """What keeps the picture from being read; every byte of it is."""
    try:
        load_training_picture(picture.path, folder.root, enough=1)
    except BrokenPicture as error:
        return error
    return None


def describe_folder(folder: PictureFolder) -> str:
    """One line: how many pictures of what."""
    skipped = f"; {len(folder.skipped)} left out" if folder.skipped else ""
    count = len(folder.classes)
    names = f": {escape(', '.join(folder.classes))}" if count else ""
    return (
        f"{len(folder.train)} pictures to learn from, {len(folder.val)} to be judged by, "
        f"{count} class{'es' * (count != 1)}{names}{skipped}"
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
