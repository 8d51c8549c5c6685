"""The files of a Hub repo into huggingface_hub's cache, each hashed before it can be found there.

Everything goes through `huggingface_hub` and its cache, so that a Space's `preload_from_hub`, the
`hf` command line and this app share their downloads. What is added is distrust: every request has
a time limit, and an outage (try again, serve something else meanwhile) is told from a model that
is wrong (say so). `hf_hub_download` names what it writes by the ETag of an answer, so that a
hostile endpoint decides where that is. Here every name comes from the listing, whose hashes are
checked to be hexadecimal, bytes are counted as they arrive, and nothing in the cache is deleted:
it is replaced.
"""

from __future__ import annotations

import io
import logging
import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import http_get
from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils import build_hf_headers, tqdm

from model.errors import UserError
from model.hub import errors
from model.hub.cache import Snapshot
from model.hub.digest import CONTENT, is_content, listed_id
from model.hub.source import COMMIT, HubSettings, HubSource
from model.run.files import CONFIG, KNOWN, METRICS, WEIGHTS

log = logging.getLogger(__name__)

# What the Hub's answers mean, the more special ones first.
MEANINGS: dict[type[Exception], type[errors.WrongRepo]] = {
    GatedRepoError: errors.RepoGated,
    RepositoryNotFoundError: errors.RepoNotFound,
    RevisionNotFoundError: errors.RevisionUnknown,
}
MISSING = {"model": errors.MissingFile, "dataset": errors.MissingPicture}


def fetch(source: HubSource, settings: HubSettings) -> Snapshot:
    """Resolve a model's revision to its commit, download what is missing of it and verify
    everything.

    A cache folder that cannot be written is replaced by a temporary one for this process.

    Raises:
        HubUnavailable, CacheNotWritable: outages, worth another try.
        WrongRepo: RepoNotFound, RevisionUnknown, RepoGated, AccessDenied, MissingFile, TooLarge,
            CorruptFile.
    """
    try:
        return _fetch(source, settings)
    except errors.CacheNotWritable as error:
        log.warning("using a temporary folder: %s", error)
    with named_errors(source):
        return _fetch(source, replace(settings, cache=Path(_temporary_cache().name)))


def _fetch(source: HubSource, settings: HubSettings) -> Snapshot:
    pinned, listed = list_files(source, settings)
    wanted = _choose_files(source.repo, listed)
    if (size := sum(file.size for file in wanted)) > settings.max_bytes:
        limit = settings.max_bytes // 1_000_000
        raise errors.TooLarge(repo=source.repo, megabytes=size // 1_000_000, limit=limit)
    for file in wanted:
        download(pinned, file, settings)
    return Snapshot(pinned.repo, pinned.revision, snapshot_folder(pinned, settings))


def list_files(
    source: HubSource, settings: HubSettings
) -> tuple[HubSource, dict[str, RepoSibling]]:
    """The source at the commit that its revision is now, and the files there by name, as they are
    listed. Raises what `named_errors` does."""
    api = HfApi(endpoint=settings.endpoint, token=settings.token)
    with named_errors(source):
        info = api.repo_info(
            source.repo,
            repo_type=source.repo_type,
            revision=source.revision,
            files_metadata=True,
            timeout=settings.timeout,
        )
        commit = str(info.sha)
        if not COMMIT.fullmatch(commit) or (source.is_pinned and commit != source.revision):
            raise errors.HubUnavailable(reason=f"it answered for commit {commit[:40]!r}")
        listed = {sibling.rfilename: sibling for sibling in info.siblings or ()}
        if not all(isinstance(name, str) for name in listed):
            raise errors.HubUnavailable(reason="it lists no names")
    return replace(source, revision=commit), listed


def check_listed(files: Iterable[RepoSibling]) -> None:
    """The Hub's listing is believed in nothing that becomes a path. Raises HubUnavailable."""
    for file in files:
        if not CONTENT.fullmatch(str(listed_id(file))):
            raise errors.HubUnavailable(reason="it lists no hashes")
        if not isinstance(file.size, int) or file.size < 0:
            raise errors.HubUnavailable(reason="it lists no sizes")


def snapshot_folder(pinned: HubSource, settings: HubSettings) -> Path:
    """Where the cache keeps the files of a commit."""
    return settings.storage(pinned.repo, pinned.repo_type) / "snapshots" / pinned.revision


def _choose_files(repo: str, listed: Mapping[str, RepoSibling]) -> list[RepoSibling]:
    """The files of a model to have. Raises MissingFile, HubUnavailable."""
    for name in (CONFIG, WEIGHTS):
        if name not in listed:
            raise errors.OtherRepo(repo=repo, name=name, held=describe_names(listed))
    # The weights last: whoever is killed before leaves a snapshot that is plainly incomplete.
    wanted = [listed[name] for name in (CONFIG, KNOWN, METRICS, WEIGHTS) if name in listed]
    check_listed(wanted)
    return wanted


def describe_names(names: Iterable[str]) -> str:
    """The first few of the names in a line."""
    first = sorted(names)
    return (", ".join(first[:5]) + (" …" if len(first) > 5 else "")) or "–"


def download(source: HubSource, file: RepoSibling, settings: HubSettings) -> None:
    """Have the listed content in the cache, verified. Raises CorruptFile and what `named_errors`
    does."""
    with named_errors(source, file.rfilename):
        _download(source, file, settings)


def _download(source: HubSource, file: RepoSibling, settings: HubSettings) -> None:
    """Have the listed content among the cache's blobs and the commit's file lead to it, as
    huggingface_hub keeps it. Raises CorruptFile, HubUnavailable, and what it and the disk raise."""
    content = listed_id(file)
    pointer = snapshot_folder(source, settings) / file.rfilename
    blob = settings.storage(source.repo, source.repo_type) / "blobs" / content
    if is_content(pointer, content):
        return
    for folder in (blob.parent, pointer.parent):
        folder.mkdir(parents=True, exist_ok=True)
    if is_content(blob, content):  # of another commit
        return _point(pointer, blob)
    # The second download tells a bit that flipped on the way from a file that is wrong at its
    # origin.
    for _ in range(2):
        fresh = blob.with_name(f"{content}.{secrets.token_hex(4)}.incomplete")
        try:
            _receive(fresh, source, file, settings)
            if is_content(fresh, content):
                os.replace(fresh, blob)
                return _point(pointer, blob)
        except TooManyBytes:
            pass
        finally:
            fresh.unlink(missing_ok=True)
        log.warning("%s of %s@%s is corrupt", file.rfilename, source.repo, source.revision[:12])
    raise errors.CorruptFile(source.repo_type, repo=source.repo, name=file.rfilename)


def _receive(fresh: Path, source: HubSource, file: RepoSibling, settings: HubSettings) -> None:
    url = hf_hub_url(
        source.repo,
        file.rfilename,
        repo_type=source.repo_type,
        revision=source.revision,
        endpoint=settings.endpoint,
    )
    # http_get would repeat this request for a minute; here an outage is known after one, and
    # whoever called tries again. Of a dataset's thousands of files one may well be late, and the
    # Hub counts requests.
    if source.repo_type == "model":
        metadata = get_hf_file_metadata(url, token=settings.token, timeout=settings.timeout)
        if metadata.commit_hash != source.revision:
            raise errors.HubUnavailable(reason="it answered for another commit, or it is no Hub")
    with _Arriving(fresh, file.size) as arriving:
        http_get(
            url,
            arriving,
            headers=build_hf_headers(token=settings.token),
            expected_size=file.size,
            tqdm_class=None if source.repo_type == "model" else _NoBar,
        )


class _NoBar(tqdm):
    """The progress of one file of many."""

    def __init__(self, *arguments: object, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "disable": True})


class TooManyBytes(Exception):
    """What arrives is not what was listed."""


class _Arriving(io.BufferedWriter):
    """A new file to write to, which refuses more bytes than were listed, and ends what begins anew
    for ever: a server may cut the line whenever it likes and ignore from where to go on."""

    def __init__(self, path: Path, size: int) -> None:
        super().__init__(io.FileIO(path, "xb"))
        self.size, self.arrived = size, 0

    def write(self, chunk: bytes) -> int:
        self.arrived += len(chunk)
        if self.tell() + len(chunk) > self.size or self.arrived > 3 * self.size:
            raise TooManyBytes
        return super().write(chunk)


def _point(pointer: Path, blob: Path) -> None:
    """Have `pointer` be a link to `blob`: a hard one where others cannot be made (Windows), or the
    content itself where that cannot be made either. The name changes in one step."""
    link = pointer.with_name(f".{pointer.name}.{secrets.token_hex(4)}")
    try:
        try:
            os.symlink(os.path.relpath(blob, pointer.parent), link)
        except OSError:
            os.link(blob, link)
    except OSError:
        link = blob
    os.replace(link, pointer)


@contextmanager
def named_errors(source: HubSource, name: str = CONFIG) -> Iterator[None]:
    """Turn what huggingface_hub and the disk raise into errors of ours."""
    try:
        yield
    except UserError:
        raise
    except (*MEANINGS, RemoteEntryNotFoundError) as error:
        missing = MISSING[source.repo_type]
        meaning = next((MEANINGS[kind] for kind in MEANINGS if isinstance(error, kind)), missing)
        facts = {"repo": source.repo, "revision": source.revision, "name": name}
        raise meaning(source.repo_type, **facts) from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise errors.AccessDenied(source.repo_type, repo=source.repo, status=status) from error
        raise errors.HubUnavailable(reason=f"HTTP {status}") from error
    except Exception as error:
        # The client's exceptions change with its versions, and none of those for the network
        # carries the number of an error, as those of the disk do.
        if isinstance(error, OSError) and error.errno is not None:
            raise errors.CacheNotWritable(reason=os.strerror(error.errno)) from error
        # Whatever else: time-outs, resets, a hotel's log-in page instead of JSON. Each of them
        # means: no usable answer.
        raise errors.HubUnavailable(reason=type(error.__cause__ or error).__name__) from error


@cache
def _temporary_cache() -> tempfile.TemporaryDirectory:
    """One for the life of this process."""
    return tempfile.TemporaryDirectory(prefix="ants-or-bees-", ignore_cleanup_errors=True)
