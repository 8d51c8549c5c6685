"""PyTorch's ants and bees, for those who have no folder of pictures of their own yet."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import stat
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from model.images.folder import DataError

logger = logging.getLogger(__name__)


class DownloadFailed(DataError):
    en = (
        "{url} could not be downloaded ({reason}). "
        "Try again later, or give a folder of your own with --data."
    )
    zh = "无法下载 {url}（{reason}）。请稍后再试，或用 --data 指定自己的文件夹。"


class DownloadDamaged(DataError):
    en = "What {url} sent is not the expected file ({reason}); it was deleted. Try again later."
    zh = "{url} 返回的文件与预期不符（{reason}），已删除。请稍后再试。"


class DownloadNotStored(DataError):
    en = "The download could not be stored in {folder} ({reason}). Free some space or permit it."
    zh = "无法把下载的数据保存到 {folder}（{reason}）。请释放空间或检查权限。"


@dataclass(frozen=True)
class Archive:
    """A zip file to download: its address, its exact size and sha256, and the folder in it."""

    url: str
    sha256: str
    bytes: int
    folder: str


# The digest is the one that PyTorch's own build of the tutorial checks:
# https://github.com/pytorch/tutorials/blob/main/.jenkins/download_data.py
HYMENOPTERA = Archive(
    url="https://download.pytorch.org/tutorial/hymenoptera_data.zip",
    sha256="fbc41b31d544714d18dd1230b1e2b455e1557766e13e67f9f5a7a23af7c02209",
    bytes=47_286_322,
    folder="hymenoptera_data",
)


def download_hymenoptera(
    cache: Path | None = None, *, archive: Archive = HYMENOPTERA, timeout: float = 30.0
) -> Path:
    """The folder of PyTorch's ants and bees, downloaded once into `cache`.

    `cache` defaults to `datasets` in torch's cache folder (`$TORCH_HOME`, else
    `$XDG_CACHE_HOME/torch`, else `~/.cache/torch`). Everything is written beside its final place
    and renamed when complete, so neither a kill nor a second process leaves half a folder.

    Raises:
        DownloadFailed (no answer for `timeout` seconds, an HTTP error), DownloadDamaged (wrong
        size or sha256, or an unsafe archive), DownloadNotStored (no space, no permission).
    """
    cache = _torch_cache() / "datasets" if cache is None else Path(cache)
    final = cache / archive.folder
    if final.is_dir():
        return final
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{archive.folder}-", dir=cache) as beside:
            zipped = Path(beside, "archive.zip")
            _download(archive, zipped, timeout)
            _unpack(archive, zipped, Path(beside, "unpacked"))
            try:
                os.replace(Path(beside, "unpacked", archive.folder), final)
            except OSError:
                # Another process was first, and its copy has the same digest.
                if not final.is_dir():
                    raise
    except OSError as error:
        raise DownloadNotStored(folder=cache, reason=error.strerror or error) from error
    return final


def _torch_cache() -> Path:
    """`torch.hub`'s rule, without importing torch."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "torch")
    return Path(os.environ.get("TORCH_HOME") or default).expanduser()


def _download(archive: Archive, target: Path, timeout: float) -> None:
    digest, size = hashlib.sha256(), 0
    request = urllib.request.Request(archive.url, headers={"User-Agent": "ants-or-bees"})
    logger.info("downloading %s (%d MB)", archive.url, archive.bytes // 1_000_000)
    with target.open("wb") as file:
        for chunk in _chunks(request, timeout):
            size += len(chunk)
            if size > archive.bytes:
                raise DownloadDamaged(url=archive.url, reason=f"more than {archive.bytes} bytes")
            digest.update(chunk)
            file.write(chunk)
    if size < archive.bytes:
        raise DownloadDamaged(url=archive.url, reason=f"{size} of {archive.bytes} bytes")
    if digest.hexdigest() != archive.sha256:
        raise DownloadDamaged(url=archive.url, reason=f"sha256 {digest.hexdigest()}")


def _chunks(request: urllib.request.Request, timeout: float) -> Iterator[bytes]:
    """The response's body, in pieces. Only the network's errors become `DownloadFailed`; those of
    the disk are raised by the caller, outside this generator."""
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            while chunk := response.read(1 << 18):
                yield chunk
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise DownloadFailed(url=request.full_url, reason=reason) from error


def _unpack(archive: Archive, zipped: Path, target: Path) -> None:
    """Unpack plain files and folders only, never outside `target`.

    The digest has been checked, but the next person to change the address changes it as well.
    """
    try:
        with zipfile.ZipFile(zipped) as packed:
            for entry in packed.infolist():
                _check_entry(archive, entry)
            if sum(entry.file_size for entry in packed.infolist()) > 4 * archive.bytes + 1_000_000:
                raise DownloadDamaged(url=archive.url, reason="unpacks to too much")
            packed.extractall(target)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise DownloadDamaged(url=archive.url, reason="not a readable zip file") from error
    if not (target / archive.folder).is_dir():
        raise DownloadDamaged(url=archive.url, reason=f"no folder {archive.folder}")
    shutil.rmtree(target / "__MACOSX", ignore_errors=True)


def _check_entry(archive: Archive, entry: zipfile.ZipInfo) -> None:
    parts = entry.filename.replace("\\", "/").split("/")
    unsafe = parts[0] == "" or ".." in parts or ":" in parts[0]
    if unsafe or stat.S_ISLNK(entry.external_attr >> 16):
        raise DownloadDamaged(url=archive.url, reason=f"unsafe entry {entry.filename!r}")
