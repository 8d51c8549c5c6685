"""PyTorch's ants and bees, for those who have no folder of pictures of their own yet."""

from __future__ import annotations

import hashlib
import logging
import stat
import tempfile
import urllib.request
import zipfile
from dataclasses import dataclass
from http.client import HTTPException
from io import BytesIO
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


# The downloads of torch.hub and torchvision limit neither time nor size, nor name an unsafe entry.
def download_hymenoptera(
    cache: Path | None = None, *, archive: Archive = HYMENOPTERA, timeout: float = 30.0
) -> Path:
    """The folder of PyTorch's ants and bees, downloaded once into `cache`.

    `cache` defaults to `datasets` in torch's cache folder (`$TORCH_HOME`, else
    `$XDG_CACHE_HOME/torch`, else `~/.cache/torch`). It is unpacked beside its final place and
    renamed when complete, so neither a kill nor a second process leaves half a folder.

    Raises:
        DownloadFailed (no answer for `timeout` seconds, an HTTP error), DownloadDamaged (wrong
        size or sha256, or an unsafe archive), DownloadNotStored (no space, no permission).
    """
    if cache is None:
        from torch import hub  # the training that follows needs torch as well

        cache = Path(hub.get_dir()).parent / "datasets"
    final = cache / archive.folder
    if final.is_dir():
        return final
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{archive.folder}-", dir=cache) as beside:
            _unpack(archive, _download(archive, timeout), Path(beside))
            try:
                Path(beside, archive.folder).replace(final)
            except OSError:
                # Another process was first, and its copy has the same digest.
                if not final.is_dir():
                    raise
    except OSError as error:
        raise DownloadNotStored(folder=cache, reason=error.strerror or error) from error
    return final


def _download(archive: Archive, timeout: float) -> bytes:
    request = urllib.request.Request(archive.url, headers={"User-Agent": "ants-or-bees"})
    logger.info("downloading %s (%d MB)", archive.url, archive.bytes // 1_000_000)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            data = response.read(archive.bytes + 1)
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise DownloadFailed(url=archive.url, reason=reason) from error
    if len(data) != archive.bytes:
        raise DownloadDamaged(url=archive.url, reason=f"{len(data)} bytes, not {archive.bytes}")
    if (sha256 := hashlib.sha256(data).hexdigest()) != archive.sha256:
        raise DownloadDamaged(url=archive.url, reason=f"sha256 {sha256}")
    return data


def _unpack(archive: Archive, data: bytes, target: Path) -> None:
    """Unpack plain files and folders only, never outside `target`.

    The digest has been checked, but the next person to change the address changes it as well.
    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as packed:
            for entry in packed.infolist():
                parts = entry.filename.replace("\\", "/").split("/")
                unsafe = parts[0] == "" or ".." in parts or ":" in parts[0]
                if unsafe or stat.S_ISLNK(entry.external_attr >> 16):
                    reason = f"unsafe entry {entry.filename!r}"
                    raise DownloadDamaged(url=archive.url, reason=reason)
            if sum(entry.file_size for entry in packed.infolist()) > 4 * archive.bytes + 1_000_000:
                raise DownloadDamaged(url=archive.url, reason="unpacks to too much")
            packed.extractall(target)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise DownloadDamaged(url=archive.url, reason="not a readable zip file") from error
    if not (target / archive.folder).is_dir():
        raise DownloadDamaged(url=archive.url, reason=f"no folder {archive.folder}")
