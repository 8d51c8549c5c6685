"""Models on the Hugging Face Hub: what a SOURCE means, and how its files get here, verified.

Everything goes through `huggingface_hub` and its cache, so that a Space's `preload_from_hub`, the
`hf` command line and this app share their downloads. What is added is distrust: every request has
a time limit, every file is hashed before it is used, and an outage (try again, serve something
else meanwhile) is told from a model that is wrong (say so).
"""

from __future__ import annotations

import atexit
import hashlib
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

from huggingface_hub import (
    HfApi,
    constants,
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.hf_api import RepoSibling

from model.errors import UserError

log = logging.getLogger(__name__)

WEIGHTS, CONFIG = "model.safetensors", "config.json"
# Further files of a run folder that the app reads, each with the key of config.json that says
# that the model cannot do without it.
OPTIONAL = {"known.safetensors": "known_threshold", "metrics.json": None}
COMMIT = re.compile(r"[0-9a-f]{40}")
REPO_ID = re.compile(r"(?!.*(?:--|\.\.))[\w][\w.-]*/[\w][\w.-]*", re.ASCII)
REVISION = re.compile(r"(?!.*\.\.)[\w][\w./-]*", re.ASCII)


class HubError(UserError):
    """The Hub, or the model that is meant to be on it, cannot be used."""


class HubUnavailable(HubError):
    """An outage: nothing is wrong with the model as far as is known."""

    en = "The Hub did not answer ({reason})."
    zh = "Hub 没有响应（{reason}）。"


class HubSlow(HubUnavailable):
    """An answer is awaited still."""

    en = "The Hub did not answer in time."
    zh = "Hub 未能及时响应。"


class CacheNotWritable(HubError):
    """An outage of the disk."""

    en = "What the Hub sent could not be stored ({reason})."
    zh = "无法保存从 Hub 下载的内容（{reason}）。"


class WrongModel(HubError):
    """The Hub answered, and what it said is that this model cannot be served."""


class NoSuchSource(WrongModel):
    en = "{source} is neither a folder nor a Hub model. Write USER/REPO or USER/REPO@REVISION."
    zh = "{source} 既不是文件夹，也不是 Hub 上的模型。请写成 USER/REPO 或 USER/REPO@REVISION。"


class RepoNotFound(WrongModel):
    en = (
        "There is no folder and no model {repo} on the Hub, or it is private. "
        "Check the spelling; for a private model set HF_TOKEN."
    )
    zh = (
        "本地没有文件夹 {repo}，Hub 上也没有这个模型，或者模型是私有的。"
        "请检查拼写；私有模型请设置 HF_TOKEN。"
    )


class RevisionUnknown(WrongModel):
    en = "The model {repo} has no revision {revision}. Name one of its branches, tags or commits."
    zh = "模型 {repo} 没有版本 {revision}。请给出它的某个分支、标签或提交。"


class RepoGated(WrongModel):
    en = "The model {repo} is gated. Ask for access on its page and set HF_TOKEN."
    zh = "模型 {repo} 需要申请访问。请在其页面上申请，并设置 HF_TOKEN。"


class AccessDenied(WrongModel):
    en = "The Hub refuses access to {repo} (HTTP {status}). Check HF_TOKEN and its permissions."
    zh = "Hub 拒绝访问 {repo}（HTTP {status}）。请检查 HF_TOKEN 及其权限。"


class MissingFile(WrongModel):
    en = "The model {repo} has no {name}. Publish it with train.py push."
    zh = "模型 {repo} 缺少 {name}。请用 train.py push 发布模型。"


class TooLarge(WrongModel):
    en = "The model {repo} holds {megabytes} MB; models of this app have {limit} MB at most."
    zh = "模型 {repo} 有 {megabytes} MB；本应用的模型最多 {limit} MB。"


class CorruptFile(WrongModel):
    en = (
        "{name} of {repo} is corrupt: it is not the file that the Hub announces. "
        "It was deleted and is not used."
    )
    zh = "{repo} 的 {name} 已损坏：内容与 Hub 公布的哈希值不符。文件已删除，不会使用。"


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
    folder = settings.cache_folder / repo_folder_name(repo_id=repo, repo_type="model") / "snapshots"
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
        commit = str(info.sha)
        listed = {sibling.rfilename: sibling for sibling in info.siblings or ()}
    if not COMMIT.fullmatch(commit) or (source.is_pinned and commit != source.revision):
        raise HubUnavailable(reason=f"it answered for commit {commit[:40]!r}")
    for name in (CONFIG, WEIGHTS):
        if name not in listed:
            raise MissingFile(repo=source.repo, name=name)
    # The weights last: whoever is killed before leaves a snapshot that is plainly incomplete.
    wanted = [name for name in (CONFIG, *OPTIONAL, WEIGHTS) if name in listed]
    _check_size(source.repo, sum(listed[name].size or 0 for name in wanted), settings)
    pinned = HubSource(source.repo, commit)
    folder = None
    for name in wanted:
        folder = _download_verified(pinned, listed[name], settings).parent
    assert folder is not None
    return Snapshot(source.repo, commit, folder)


def _check_size(repo: str, size: int, settings: HubSettings) -> None:
    if size > settings.max_bytes:
        limit = settings.max_bytes // 1_000_000
        raise TooLarge(repo=repo, megabytes=size // 1_000_000, limit=limit)


def _download_verified(source: HubSource, file: RepoSibling, settings: HubSettings) -> Path:
    """The file in the cache, compared with the hash in the Hub's listing."""
    name = file.rfilename
    expected = file.lfs.sha256 if file.lfs else file.blob_id
    if not expected:
        raise HubUnavailable(reason="it lists no hashes")
    path = _path_in_cache(source.repo, source.revision, name, settings)
    if path is not None and content_id(path, expected) == expected:
        return path
    # The second download tells a bit that flipped on the way from a file that is wrong at its
    # origin.
    for force in (path is not None, True):
        path = _download(source, name, settings, force=force)
        if content_id(path, expected) == expected:
            return path
        # Not to be found by any other program that shares the cache.
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        log.warning("%s of %s@%s is corrupt", name, source.repo, source.revision[:12])
    raise CorruptFile(repo=source.repo, name=name)


def _download(source: HubSource, name: str, settings: HubSettings, *, force: bool) -> Path:
    with _named_errors(source, name):
        # hf_hub_download would retry this request for six minutes; here an outage is known after
        # one, and whoever called tries again.
        get_hf_file_metadata(
            hf_hub_url(source.repo, name, revision=source.revision, endpoint=settings.endpoint),
            timeout=settings.timeout,
            token=settings.token,
        )
        path = hf_hub_download(
            source.repo,
            name,
            revision=source.revision,
            cache_dir=settings.cache_folder,
            endpoint=settings.endpoint,
            token=settings.token,
            etag_timeout=settings.timeout,
            force_download=force,
        )
    return Path(path)


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


def _path_in_cache(repo: str, commit: str, name: str, settings: HubSettings) -> Path | None:
    path = try_to_load_from_cache(repo, name, cache_dir=settings.cache_folder, revision=commit)
    return Path(path) if isinstance(path, str) else None


def _cached_file(repo: str, commit: str, name: str, settings: HubSettings) -> Path | None:
    """The file, if the cache has it and its content is what its name in the cache says."""
    path = _path_in_cache(repo, commit, name, settings)
    if path is None:
        return None
    try:
        # One step only: since huggingface_hub 2.4 the blob itself may be a link to a shared store.
        expected = Path(os.readlink(path)).name
        return path if content_id(path, expected) == expected else None
    except OSError:
        return None


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
