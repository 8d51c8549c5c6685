"""The id by which the Hub knows a content: its sha256, or the git object id of a small one."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from pathlib import Path
from typing import BinaryIO

from huggingface_hub.hf_api import RepoSibling

log = logging.getLogger(__name__)

CONTENT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")  # an id


def listed_id(file: RepoSibling) -> str | None:
    """The id of a file's content in the Hub's listing: 64 hexadecimal digits or 40."""
    return file.lfs.sha256 if file.lfs else file.blob_id


def content_id(file: BinaryIO, like: str) -> str:
    """The sha256 of what is in `file`, or its git object id where `like` has the length of one."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if len(like) == 64:
        digest = hashlib.sha256()
    else:
        digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def is_content(path: Path, *expected: str) -> bool:
    """Whether there is a file, it can be read, and its content has one of these ids."""
    kinds = {len(each): each for each in expected}.values()
    try:
        with path.open("rb") as file:
            return any(content_id(file, kind) in expected for kind in kinds)
    except FileNotFoundError:
        return False
    except OSError as error:  # a worn disk, another user's file: as good as none
        log.warning("%s in the Hub's cache cannot be read: %s", path.name, error.strerror)
        return False
