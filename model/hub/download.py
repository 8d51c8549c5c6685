"""One file of a Hub model into huggingface_hub's cache, hashed before anything can find it there.

`hf_hub_download` names what it writes by the ETag of an answer, so that a hostile endpoint decides
where that is. Here every name comes from the listing, whose hashes are checked to be hexadecimal,
bytes are counted as they arrive, and nothing in the cache is deleted: it is replaced.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from huggingface_hub import get_hf_file_metadata
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers

from model.hub.errors import HubUnavailable

log = logging.getLogger(__name__)


class OtherContent(Exception):
    """What arrived is not what was listed."""


@dataclass(frozen=True)
class Listed:
    """A file as the Hub lists it: `size` in bytes, and `content`, the sha256 or the git object id
    of its content: 64 or 40 hexadecimal digits."""

    name: str
    size: int
    content: str


def download(
    url: str, file: Listed, storage: Path, pointer: Path, *, token: str | None, timeout: float
) -> None:
    """Have `pointer` lead to the listed content in `storage`/blobs, as huggingface_hub keeps it;
    the pointer's folder is named by the commit.

    Raises OtherContent, HubUnavailable, OSError (the disk), and what huggingface_hub raises.
    """
    blob = storage / "blobs" / file.content
    for folder in (blob.parent, pointer.parent):
        folder.mkdir(parents=True, exist_ok=True)
    if is_content(blob, file.content):  # of another commit
        return _point(pointer, blob, blob)
    # http_get would repeat this request for a minute; here an outage is known after one, and
    # whoever called tries again.
    if get_hf_file_metadata(url, token=token, timeout=timeout).commit_hash != pointer.parent.name:
        raise HubUnavailable(reason="it answered for another commit, or it is no Hub")
    fresh = blob.with_name(f"{file.content}.{secrets.token_hex(4)}.incomplete")
    try:
        with fresh.open("xb") as opened:
            headers = build_hf_headers(token=token)
            arriving = _Arriving(opened, file.size)
            http_get(url, arriving, headers=headers, expected_size=file.size)
        if not is_content(fresh, file.content):
            raise OtherContent
        _point(pointer, blob, fresh)
    finally:
        fresh.unlink(missing_ok=True)


def content_id(path: Path, like: str) -> str:
    """The sha256 of a file's content, or its git object id where `like` has the length of one."""
    if len(like) == 64:
        digest = hashlib.sha256()
    else:
        digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def is_content(path: Path, expected: str) -> bool:
    """Whether there is a file, it can be read, and its content has this id."""
    try:
        return content_id(path, expected) == expected
    except FileNotFoundError:
        return False
    except OSError as error:  # a worn disk, another user's file: as good as none
        log.warning("%s in the Hub's cache cannot be read: %s", path.name, error.strerror)
        return False


def _point(pointer: Path, blob: Path, content: Path) -> None:
    """Have `content` be `blob` and `pointer` a link to it, or the content itself where links
    cannot be made (Windows). Both names change in one step each."""
    if content != blob:
        os.replace(content, blob)
    link = pointer.with_name(f".{pointer.name}.{secrets.token_hex(4)}")
    try:
        os.symlink(os.path.relpath(blob, pointer.parent), link)
    except OSError:
        os.replace(blob, pointer)
    else:
        os.replace(link, pointer)


class _Arriving:
    """A file to write to, which refuses more bytes than were listed, and ends what begins anew
    for ever: a server may cut the line whenever it likes and ignore from where to go on."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size, self.arrived = file, size, 0
        self.tell, self.seek, self.truncate = file.tell, file.seek, file.truncate

    def write(self, chunk: bytes) -> int:
        self.arrived += len(chunk)
        if self.tell() + len(chunk) > self.size or self.arrived > 3 * self.size:
            raise OtherContent
        return self.file.write(chunk)
