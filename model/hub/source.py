"""Models on the Hugging Face Hub: what a SOURCE means, and how its files get here, verified.

Everything goes through `huggingface_hub` and its cache, so that a Space's `preload_from_hub`, the
`hf` command line and this app share their downloads. What is added is distrust: every request has
a time limit, every file is hashed before it is used, and an outage (try again, serve something
else meanwhile) is told from a model that is wrong (say so).
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import re
import shutil
import socket
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from huggingface_hub import HfApi, constants, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.hf_api import ModelInfo

from model.errors import UserError
from model.hub.download import Listed, OtherContent, download, is_content
from model.hub.errors import (
    AccessDenied,
    CacheNotWritable,
    CorruptFile,
    HubUnavailable,
    MissingFile,
    NoSuchSource,
    RepoGated,
    RepoNotFound,
    RevisionUnknown,
    TooLarge,
)

log = logging.getLogger(__name__)

WEIGHTS, CONFIG = "model.safetensors", "config.json"
# Further files of a run folder that the app reads, each with the key of config.json that says
# that the model cannot do without it.
OPTIONAL = {"known.safetensors": "known_threshold", "metrics.json": None}
COMMIT = re.compile(r"[0-9a-f]{40}")
CONTENT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
REPO_ID = re.compile(r"(?!.*(?:--|\.\.))[\w][\w.-]*/[\w][\w.-]*", re.ASCII)
REVISION = re.compile(r"(?!.*\.\.)[\w][\w./-]*", re.ASCII)


@dataclass(frozen=True)
class HubSource:
    """`USER/REPO@REVISION`; the revision is a branch, a tag or a 40-hex commit."""

    repo: str
    revision: str = constants.DEFAULT_REVISION

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit, whose content can never change."""
        return COMMIT.fullmatch(self.revision) is not None


@dataclass(frozen=True)
class HubSettings:
    """How the Hub is reached. None leaves it to huggingface_hub (HF_ENDPOINT, HF_TOKEN, HF_HOME).
    `timeout` is in seconds and for each answer, not for the whole download."""

    endpoint: str | None = None
    token: str | None = None
    cache: Path | None = None
    timeout: float = 5.0
    max_bytes: int = 500_000_000

    @property
    def cache_folder(self) -> Path:
        return Path(self.cache or constants.HF_HUB_CACHE)

    def storage(self, repo: str) -> Path:
        """Where the cache keeps a repo."""
        return self.cache_folder / repo_folder_name(repo_id=repo, repo_type="model")


@dataclass(frozen=True)
class Snapshot:
    """The files of one commit of a repo, on this disk and verified."""

    repo: str
    commit: str
    folder: Path


def parse_source(source: str) -> Path | HubSource:
    """A folder where there is one of that name, else a Hub model.

    Raises NoSuchSource for what can be neither.
    """
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    repo, at, revision = source.partition("@")
    if not REPO_ID.fullmatch(repo) or (at and not REVISION.fullmatch(revision)):
        raise NoSuchSource(source=source)
    return HubSource(repo, revision) if at else HubSource(repo)


def find_cached(repo: str, commit: str, settings: HubSettings) -> Snapshot | None:
    """The commit from the cache if all of its files are there and intact; makes no request.

    The cache names each file's content by the sha256 (LFS) or the git object id that the Hub
    announced for it, which the content is compared with here. (On a disk without symbolic links
    the cache keeps no such names: nothing is found, and the Hub has to be asked.)
    """
    config = _cached_file(repo, commit, CONFIG, settings)
    if config is None or _cached_file(repo, commit, WEIGHTS, settings) is None:
        return None
    for name, key in OPTIONAL.items():
        if _needs(config, key) and _cached_file(repo, commit, name, settings) is None:
            return None
    return Snapshot(repo, commit, config.parent)


def cached_snapshots(repo: str, settings: HubSettings) -> Iterator[Snapshot]:
    """The repo's intact commits in the cache, the one that was served last first."""
    folder = settings.storage(repo) / "snapshots"
    try:
        commits = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    except OSError:
        return
    for path in commits:
        if COMMIT.fullmatch(path.name) and (snapshot := find_cached(repo, path.name, settings)):
            yield snapshot


def mark_good(snapshot: Snapshot) -> None:
    """Remember that this commit could be served: `cached_snapshots` will name it first."""
    try:
        os.utime(snapshot.folder)
    except OSError as error:  # a cache that came with a container image, say
        log.debug("cannot touch the snapshot of %s: %s", snapshot.repo, error)


def fetch(source: HubSource, settings: HubSettings) -> Snapshot:
    """Resolve the revision to its commit, download what is missing of it and verify everything.

    A cache folder that cannot be written is replaced by a temporary one for this process.

    Raises:
        HubUnavailable, CacheNotWritable: outages, worth another try.
        WrongModel: RepoNotFound, RevisionUnknown, RepoGated, AccessDenied, MissingFile, TooLarge,
            CorruptFile.
    """
    try:
        return _fetch(source, settings)
    except CacheNotWritable as error:
        log.warning("using a temporary folder: %s", error)
        return _fetch(source, replace(settings, cache=_temporary_cache()))


def _fetch(source: HubSource, settings: HubSettings) -> Snapshot:
    api = HfApi(endpoint=settings.endpoint, token=settings.token)
    with _named_errors(source):
        info = api.model_info(
            source.repo, revision=source.revision, files_metadata=True, timeout=settings.timeout
        )
        commit, wanted = str(info.sha), _read_listing(source.repo, info)
        if not COMMIT.fullmatch(commit) or (source.is_pinned and commit != source.revision):
            raise HubUnavailable(reason=f"it answered for commit {commit[:40]!r}")
    if (size := sum(file.size for file in wanted)) > settings.max_bytes:
        limit = settings.max_bytes // 1_000_000
        raise TooLarge(repo=source.repo, megabytes=size // 1_000_000, limit=limit)
    pinned = HubSource(source.repo, commit)
    for file in wanted:
        with _named_errors(pinned, file.name):
            _have(pinned, file, settings)
    return Snapshot(source.repo, commit, settings.storage(source.repo) / "snapshots" / commit)


def _read_listing(repo: str, info: ModelInfo) -> list[Listed]:
    """The files to have, by the Hub's listing, which is believed in nothing that becomes a path.

    Raises MissingFile, HubUnavailable.
    """
    listed = {sibling.rfilename: sibling for sibling in info.siblings or ()}
    for name in (CONFIG, WEIGHTS):
        if name not in listed:
            raise MissingFile(repo=repo, name=name)
    wanted = []
    # The weights last: whoever is killed before leaves a snapshot that is plainly incomplete.
    for name in (CONFIG, *OPTIONAL, WEIGHTS):
        if (file := listed.get(name)) is None:
            continue
        content = file.lfs.sha256 if file.lfs else file.blob_id
        if not isinstance(content, str) or not CONTENT.fullmatch(content):
            raise HubUnavailable(reason="it lists no hashes")
        if not isinstance(file.size, int) or file.size < 0:
            raise HubUnavailable(reason="it lists no sizes")
        wanted.append(Listed(name, file.size, content))
    return wanted


def _have(source: HubSource, file: Listed, settings: HubSettings) -> None:
    """Have the file in the cache, of the content in the Hub's listing. Raises CorruptFile."""
    storage = settings.storage(source.repo)
    pointer = storage / "snapshots" / source.revision / file.name
    if is_content(pointer, file.content):
        return
    url = hf_hub_url(source.repo, file.name, revision=source.revision, endpoint=settings.endpoint)
    # The second download tells a bit that flipped on the way from a file that is wrong at its
    # origin.
    for _ in range(2):
        try:
            download(url, file, storage, pointer, token=settings.token, timeout=settings.timeout)
            return
        except OtherContent:
            log.warning("%s of %s@%s is corrupt", file.name, source.repo, source.revision[:12])
    raise CorruptFile(repo=source.repo, name=file.name)


def _cached_file(repo: str, commit: str, name: str, settings: HubSettings) -> Path | None:
    """The file, if the cache has it and its content is what its name in the cache says."""
    try:
        path = try_to_load_from_cache(repo, name, cache_dir=settings.cache_folder, revision=commit)
        if not isinstance(path, str):
            return None
        # One step only: since huggingface_hub 2.4 the blob itself may be a link to a shared store.
        expected = Path(os.readlink(path)).name
    except OSError:
        return None
    return Path(path) if is_content(Path(path), expected) else None


def _needs(config: Path, key: str | None) -> bool:
    if key is None:
        return False
    try:
        return key in json.loads(config.read_bytes())
    except (OSError, ValueError, TypeError, RecursionError):
        return False  # whoever loads the model will say what is wrong with its config.json


@contextmanager
def _named_errors(source: HubSource, name: str = CONFIG) -> Iterator[None]:
    """Turn what huggingface_hub raises into the errors of this module."""
    try:
        yield
    except UserError:
        raise
    except GatedRepoError as error:
        raise RepoGated(repo=source.repo) from error
    except RepositoryNotFoundError as error:
        raise RepoNotFound(repo=source.repo) from error
    except RevisionNotFoundError as error:
        raise RevisionUnknown(repo=source.repo, revision=source.revision) from error
    except RemoteEntryNotFoundError as error:
        raise MissingFile(repo=source.repo, name=name) from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise AccessDenied(repo=source.repo, status=status) from error
        raise HubUnavailable(reason=f"HTTP {status}") from error
    except Exception as error:
        if _is_of_the_disk(error):
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise CacheNotWritable(reason=reason) from error
        # Whatever else: time-outs, resets, a hotel's log-in page instead of JSON. The client's
        # own exceptions change with its versions, and each of them means: no usable answer.
        raise HubUnavailable(reason=type(error.__cause__ or error).__name__) from error


def _is_of_the_disk(error: Exception) -> bool:
    network = (
        ConnectionError,
        TimeoutError,
        socket.gaierror,
        ssl.SSLError,
        LocalEntryNotFoundError,
    )
    return isinstance(error, OSError) and error.errno is not None and not isinstance(error, network)


@cache
def _temporary_cache() -> Path:
    """One for the life of this process."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="ants-or-bees-"))
    except OSError as error:
        raise CacheNotWritable(reason=error.strerror) from error
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
