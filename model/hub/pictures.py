"""Folders of pictures from dataset repos of the Hub, at a commit and verified as models are.

Only what is named as a picture is downloaded. Which files those are is kept beside the snapshot,
in `pictures/COMMIT.json`, once all of them are there: without it nobody could tell a download that
was broken off from a smaller dataset.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path, PurePosixPath

from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils import WeakFileLock

from model.hub import errors
from model.hub.cache import Snapshot
from model.hub.digest import is_content, listed_id
from model.hub.download import (
    check_listed,
    describe_names,
    download,
    list_files,
    named_errors,
    snapshot_folder,
)
from model.hub.source import HubSettings, HubSource
from model.images.formats import PICTURE_SUFFIXES
from model.images.listing import is_systems
from model.run.progress import Reporter

DOWNLOADS = 8  # at a time: pictures are small, and each takes a round trip


def find_pictures(source: HubSource, settings: HubSettings) -> Snapshot | None:
    """The pictures of a commit from the cache if all are there and intact; makes no request."""
    folder = snapshot_folder(source, settings)
    try:
        files = json.loads(_record(source, settings).read_bytes())
        if files and all(is_content(folder / name, content) for name, content in files.items()):
            return _snapshot(source, files, settings)
    except (OSError, ValueError, TypeError, AttributeError):
        pass  # none that was finished
    return None


def fetch_pictures(source: HubSource, settings: HubSettings, reporter: Reporter) -> Snapshot:
    """Resolve a dataset's revision to its commit, say so, and download what is missing of its
    pictures. The snapshot's folder is the one that the pictures have in common.

    Of several processes one downloads while the others wait for it.

    Raises:
        HubUnavailable, CacheNotWritable: outages, worth another try.
        WrongRepo: RepoNotFound, RevisionUnknown, RepoGated, AccessDenied, NoPictureFiles,
            TooManyPictures, MissingPicture, CorruptFile.
    """
    pinned, listed = list_files(source, settings)
    wanted = choose_pictures(pinned, listed, settings)
    size = sum(file.size for file in wanted)
    reporter.line(
        f"{pinned.repo}@{pinned.revision}: {len(wanted)} pictures, {-(-size // 1_000_000)} MB"
    )
    files = {file.rfilename: str(listed_id(file)) for file in wanted}
    record = _record(pinned, settings)
    with named_errors(pinned):
        record.parent.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(record.with_suffix(".lock")):
            _download_all(pinned, wanted, settings, reporter)
            fresh = record.with_suffix(f".{secrets.token_hex(4)}")
            fresh.write_text(json.dumps(files))
            os.replace(fresh, record)
    return _snapshot(pinned, files, settings)


def choose_pictures(
    source: HubSource, listed: Mapping[str, RepoSibling], settings: HubSettings
) -> list[RepoSibling]:
    """The files that are named as pictures, sorted. Raises NoPictureFiles, TooManyPictures,
    HubUnavailable."""
    named_so = [each for each in sorted(listed) if is_picture_name(each)]
    if not named_so:
        held = describe_names(name for name in listed if not name.startswith("."))
        raise errors.NoPictureFiles(source.repo_type, repo=source.repo, held=held)
    wanted = [listed[name] for name in named_so]
    check_listed(wanted)
    size = sum(file.size for file in wanted)
    if size > settings.max_picture_bytes or len(listed) > settings.max_files:
        raise errors.TooManyPictures(
            source.repo_type,
            repo=source.repo,
            count=len(listed),
            megabytes=-(-size // 1_000_000),
            files=settings.max_files,
            limit=settings.max_picture_bytes // 1_000_000,
        )
    return wanted


def is_picture_name(name: str) -> bool:
    """Whether a file of a repo is meant to be a picture of somebody's. Raises HubUnavailable for a
    picture that would lie outside of the repo's folder."""
    if PurePosixPath(name).suffix.lower() not in PICTURE_SUFFIXES:
        return False
    parts, path = name.split("/"), Path(name)
    # where a backslash or a drive is more than a letter, it shows
    if list(path.parts) != parts or path.drive or ".." in parts or "\0" in name:
        raise errors.HubUnavailable(reason="it lists names that no file can have")
    return not any(map(is_systems, parts))


def _download_all(
    source: HubSource, wanted: Sequence[RepoSibling], settings: HubSettings, reporter: Reporter
) -> None:
    pool = ThreadPoolExecutor(DOWNLOADS)
    try:
        with reporter.bar("downloading", total=len(wanted)) as bar:
            downloads = [pool.submit(download, source, file, settings) for file in wanted]
            for done in as_completed(downloads):
                done.result()
                bar.advance(1)
    finally:  # one has failed, or somebody has had enough
        pool.shutdown(cancel_futures=True)


def _record(source: HubSource, settings: HubSettings) -> Path:
    storage = settings.storage(source.repo, source.repo_type)
    return storage / "pictures" / f"{source.revision}.json"


def _snapshot(source: HubSource, names: Sequence[str] | Mapping, settings: HubSettings) -> Snapshot:
    """The folder in which the classes or the splits are: all may lie in one more, as in `data`."""
    holders = {str(PurePosixPath(name).parent.parent) for name in names}
    folder = snapshot_folder(source, settings) / os.path.commonpath(holders)
    return Snapshot(source.repo, source.revision, folder)
