"""What visitors upload: a folder for it, which goes with the app, and the one way into it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from gradio import routes
from gradio.utils import get_upload_folder

from model.errors import UserError
from model.images.loader import PictureTooHeavy

MEGABYTES = 20  # a file
MINUTES_KEPT = 10  # at most, after the upload
PREFIX = "ants-or-bees-uploads-"
# Seconds without a byte after which half an upload is left for good, and a folder without a sign
# of life is that of an app that was killed.
STALLED, DEAD = 120, 3 * 3600
EVERY = 60  # seconds between two sweeps


class NotUploaded(UserError):
    en = (
        f"There is no picture to classify, or no more: it is deleted after {MINUTES_KEPT} minutes. "
        "Choose it again, or upload one as image with the call."
    )
    zh = (
        f"没有可分类的图片，或者图片已被删除（最多保留 {MINUTES_KEPT} 分钟）：请重新选择图片，"
        "或在调用时用 image 参数上传一张。"
    )


class NoTemporaryFolder(UserError):
    en = (
        "There is no folder for uploads: {reason}. Make room, or set GRADIO_TEMP_DIR to a folder "
        "that can be written to."
    )
    zh = "没有可存放上传文件的文件夹：{reason}。请腾出空间，或把 GRADIO_TEMP_DIR 设为可写的文件夹。"


class DiskFull(UserError):
    en = "There is no room for uploads on this server at the moment. Try again later."
    zh = "服务器暂时没有空间存放上传的文件。请稍后再试。"


def path_of(upload: object) -> Path:
    """The file that a visitor has uploaded, from what Gradio hands on: {"path": …, …}.

    Raises NotUploaded for whatever does not lie in the folder for uploads once all links are
    followed, in the same words whether it exists or not; PictureTooHeavy.
    """
    try:
        path = Path(upload["path"]).resolve(strict=True)  # type: ignore[index]
        inside = path.is_relative_to(Path(get_upload_folder()).resolve()) and path.is_file()
        size = path.stat().st_size
    except (TypeError, KeyError, IndexError, ValueError, OSError, RuntimeError):
        raise NotUploaded() from None
    if not inside:
        raise NotUploaded()
    if size > MEGABYTES * 1_000_000:
        raise PictureTooHeavy(limit=MEGABYTES)
    return path


@contextlib.contextmanager
def upload_folder() -> Iterator[Path]:
    """A folder that Gradio keeps uploads and its answers' files in, deleted at the end.

    It is this process's own: the usual one, /tmp/gradio, may be another user's, and nobody knows
    which of the files in it somebody still needs. Raises NoTemporaryFolder.
    """
    try:
        parent = Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir())
        parent.mkdir(parents=True, exist_ok=True)
        made = tempfile.TemporaryDirectory(prefix=PREFIX, dir=parent, ignore_cleanup_errors=True)
    except OSError as error:
        raise NoTemporaryFolder(reason=error.strerror or "none is writable") from error
    with made as name:
        folder = Path(name).resolve()
        os.environ["GRADIO_TEMP_DIR"] = str(folder)
        routes.DEFAULT_TEMP_DIR = str(folder)  # which Gradio has read when it was imported
        yield folder


def heal(folder: Path) -> None:
    """Make the folder anew if it has vanished. Raises DiskFull."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskFull() from error


def keep_tidy(folder: Path, needed: Collection[str]) -> None:
    """Sweep every minute, for as long as the app runs."""
    while True:
        with contextlib.suppress(OSError):  # what vanished meanwhile needs no sweeping
            sweep(folder, needed)
        time.sleep(EVERY)


def sweep(folder: Path, needed: Collection[str] = ()) -> None:
    """Delete the pictures that would otherwise be MINUTES_KEPT old at the next sweep, but for the
    `needed` ones (paths), what uploads that broke off have left, and the folders of apps that were
    killed."""
    now = time.time()
    os.utime(folder)  # a sign of life
    for path in folder.rglob("*"):
        unfinished = path.parent == folder and path.name.startswith("tmp")  # as Gradio calls it
        longest = STALLED if unfinished else 60 * MINUTES_KEPT - 2 * EVERY
        with contextlib.suppress(OSError):  # one that cannot be deleted keeps no other
            if path.is_file() and str(path) not in needed and now - path.stat().st_mtime > longest:
                path.unlink()
    for other in folder.parent.glob(f"{PREFIX}*"):
        if now - other.lstat().st_mtime > DEAD and not other.is_symlink():
            shutil.rmtree(other, ignore_errors=True)
