"""Publish a run folder on the Hugging Face Hub: one commit, once, or a clear word that it failed.

The dangerous moment is a commit whose answer gets lost: it may have been made or not. So after
every failure the repo is looked at before anything is tried again, and each commit names the one
that it must follow, which the Hub refuses when another came between.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha1, sha256
from pathlib import Path
from typing import ClassVar, TypeVar

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
from huggingface_hub.hf_api import ModelInfo, RepoSibling
from huggingface_hub.utils import get_session

from model.errors import UserError
from model.hub.source import REPO_ID, REVISION, WEIGHTS, HubSettings
from model.run.folder import CARD, CONFIG, METRICS, MissingRunFile, read_json

Result = TypeVar("Result")

PLACEHOLDER = "USER/REPO"  # what a card says before it is known where it will be published
PATTERNS = (WEIGHTS, CONFIG, METRICS, CARD, "*.safetensors", "*.png")
ATTEMPTS, FIRST_PAUSE = 4, 1.0  # seconds, doubled each time
SILENCE = 30.0  # seconds without a byte after which an answer is given up
REFUSALS = (400, 401, 403, 404, 409, 413, 422)  # answers that asking again does not change


class PublishError(UserError):
    """The run is not on the Hub."""

    exit_status: ClassVar[int] = 2


class BadDestination(PublishError):
    en = "{destination} is no place to publish to: write USER/REPO, and --revision BRANCH."
    zh = "无法发布到 {destination}：请写成 USER/REPO，分支用 --revision BRANCH。"


class BranchOrPullRequest(PublishError):
    en = "A pull request is made against main: give --create-pr or --revision, not both."
    zh = "拉取请求只针对 main：--create-pr 与 --revision 请二选一。"


class NoToken(PublishError):
    en = "Publishing needs a Hub token with the write role: run `hf auth login` or set HF_TOKEN."
    zh = "发布需要具有写权限的 Hub 令牌：请运行 `hf auth login` 或设置 HF_TOKEN。"


class TokenRefused(PublishError):
    en = "The Hub does not accept the token. Run `hf auth login` again or correct HF_TOKEN."
    zh = "Hub 不接受该令牌。请重新运行 `hf auth login` 或更正 HF_TOKEN。"


class TokenCannotWrite(PublishError):
    en = "The token of {user} may not write to {repo}. Use one with the write role for it."
    zh = "{user} 的令牌没有 {repo} 的写权限。请使用有写权限的令牌。"


class NotYours(PublishError):
    en = "{user} can publish as {names}, not to {repo}. Or propose it with --create-pr."
    zh = "{user} 只能以 {names} 的名义发布，不能发布到 {repo}。也可以用 --create-pr 提议。"


class NothingPublished(PublishError):
    en = "Nothing was published: {reason}. The run folder is untouched; try train.py push later."
    zh = "没有发布任何内容：{reason}。运行文件夹未改动；可用 train.py push 重试。"
    exit_status = 1


class PublishUnclear(PublishError):
    en = (
        "The Hub fell silent during the commit ({reason}), so whether it was published is not "
        "known. Run train.py push again: it finds out, and never publishes twice."
    )
    zh = (
        "提交过程中 Hub 失去响应（{reason}），无法确定是否已发布。"
        "请再次运行 train.py push：它会查明情况，且不会重复发布。"
    )
    exit_status = 1


@dataclass(frozen=True)
class Destination:
    """Where a run is published: `repo` is USER/REPO; `private` counts for a new repo only;
    `revision` is a branch, made if need be; `create_pr` proposes the commit instead."""

    repo: str
    private: bool = False
    revision: str | None = None
    create_pr: bool = False

    def check(self) -> None:
        """Raises BadDestination, BranchOrPullRequest."""
        if not REPO_ID.fullmatch(self.repo):
            raise BadDestination(destination=self.repo)
        if self.revision is not None and not REVISION.fullmatch(self.revision):
            raise BadDestination(destination=f"{self.repo}@{self.revision}")
        if self.revision is not None and self.create_pr:
            raise BranchOrPullRequest()


@dataclass(frozen=True)
class Published:
    """Where a run is now. `is_new` is False when it had been there already; `variable` is the
    app's environment variable that takes a model of this kind."""

    url: str
    repo: str
    commit: str
    is_new: bool
    variable: str

    def __str__(self) -> str:
        verb = "Published" if self.is_new else "Already published"
        return (
            f"{verb} at {self.url}\n"
            f"commit {self.commit}\n"
            f"To serve it: {self.variable}={self.repo}@{self.commit} python app.py"
        )


def check_token(destination: Destination, settings: HubSettings | None = None) -> str:
    """The user's name, once it is sure that their token may publish there.

    To be called before hours of training. Raises NoToken, TokenRefused, TokenCannotWrite,
    NotYours, NothingPublished (the Hub does not answer), and what `Destination.check` raises.
    """
    destination.check()
    settings = settings or HubSettings()
    token = settings.token or get_token()
    if not token:
        raise NoToken()
    with _no_endless_silence():
        who = _patiently(HfApi(endpoint=settings.endpoint, token=token).whoami)
    user, namespace = str(who.get("name")), destination.repo.split("/")[0]
    if not _may_write(who, destination):
        raise TokenCannotWrite(user=user, repo=destination.repo)
    names = [user, *(str(org.get("name")) for org in who.get("orgs") or ())]
    if namespace not in names and not destination.create_pr:
        raise NotYours(user=user, names=", ".join(names), repo=destination.repo)
    return user


def push_run(
    folder: Path, destination: Destination, settings: HubSettings | None = None
) -> Published:
    """Publish the run folder in one commit, or find that it has been published before.

    The folder is read only; in the card, USER/REPO becomes the repo's name. Files that the run has
    not are left alone in the repo, but for further .safetensors, which would go with the old
    weights.

    Raises what `check_token` raises, MissingRunFile, NothingPublished, PublishUnclear.
    """
    check_token(destination, settings)
    push = _Push(folder, destination, settings or HubSettings())
    with _no_endless_silence():
        head = _patiently(push.prepare)
        if commit := _patiently(push.find):
            return push.published(commit, is_new=False)
        push.upload()
        return push.published(push.commit(head), is_new=True)


@contextmanager
def _no_endless_silence() -> Iterator[None]:
    """Most calls of huggingface_hub would wait for an answer for ever."""
    client = get_session()
    usual = client.timeout
    client.timeout = SILENCE
    try:
        yield
    finally:
        client.timeout = usual


def _may_write(who: Mapping, destination: Destination) -> bool:
    token = (who.get("auth") or {}).get("accessToken") or {}
    if token.get("role") != "fineGrained":
        return token.get("role") != "read"
    places = {destination.repo, destination.repo.split("/")[0]}
    return any(
        (scope.get("entity") or {}).get("name") in places
        and "repo.write" in (scope.get("permissions") or ())
        for scope in (token.get("fineGrained") or {}).get("scoped") or ()
    )


class _Push:
    """One run on its way to one destination."""

    def __init__(self, folder: Path, destination: Destination, settings: HubSettings) -> None:
        self.destination, self.timeout = destination, settings.timeout
        self.api = HfApi(endpoint=settings.endpoint, token=settings.token)
        self.files = read_files(folder, destination.repo)
        config = read_json(folder / CONFIG)
        self.kind = "classifier" if "label_names" in config else "regressor"
        self.revision = destination.revision or "main"
        self.additions = [CommitOperationAdd(name, data) for name, data in self.files.items()]

    def info(self, revision: str) -> ModelInfo:
        return self.api.model_info(
            self.destination.repo, revision=revision, files_metadata=True, timeout=self.timeout
        )

    def prepare(self) -> str:
        """The repo and the branch, made where there are none; gives the branch's commit."""
        repo = self.destination.repo
        try:
            self.info("main")
        except RepositoryNotFoundError:
            self.api.create_repo(repo, private=self.destination.private, exist_ok=True)
        if self.revision != "main":
            self.api.create_branch(repo, branch=self.revision, exist_ok=True)
        return str(self.info(self.revision).sha)

    def find(self) -> str | None:
        """The commit that holds this run already: the branch's, or an open pull request's."""
        revisions = [self.revision]
        if self.destination.create_pr:
            refs = self.api.list_repo_refs(self.destination.repo, include_pull_requests=True)
            revisions += [pull_request.ref for pull_request in refs.pull_requests or ()]
        for revision in revisions:
            info = self.info(revision)
            if is_same(self.files, info.siblings or ()):
                return str(info.sha)
        return None

    def upload(self) -> None:
        """The big files, which no commit refers to yet. The client itself tries each five times."""
        _patiently(
            lambda: self.api.preupload_lfs_files(
                self.destination.repo,
                self.additions,
                revision=self.revision,
                create_pr=self.destination.create_pr,
            ),
            attempts=2,
        )

    def commit(self, head: str) -> str:
        """Commit on top of `head`; after each failure look whether it was made all the same."""
        reason = ""
        for pause in _pauses():
            try:
                return self._commit_once(head)
            except Exception as error:
                reason = explain(error)
                refused = _is_refusal(error)
                is_answer = isinstance(error, HfHubHTTPError) or refused
            if commit := self._look_again(reason):
                return commit
            if refused:
                break
            if self.destination.create_pr and not is_answer:
                # It may be made still, and unlike a commit to a branch, the Hub would not refuse
                # a second one.
                raise PublishUnclear(reason=reason)
            time.sleep(pause)
            head = _patiently(lambda: str(self.info(self.revision).sha))
        raise NothingPublished(reason=reason)

    def _commit_once(self, head: str) -> str:
        stale = [
            sibling.rfilename
            for sibling in self.info(self.revision).siblings or ()
            if is_stale(sibling.rfilename, self.files)
        ]
        made = self.api.create_commit(
            self.destination.repo,
            [*self.additions, *(CommitOperationDelete(name) for name in stale)],
            commit_message=f"Publish a {self.kind}",
            revision=self.revision,
            create_pr=self.destination.create_pr,
            parent_commit=head,
        )
        return made.oid

    def _look_again(self, reason: str) -> str | None:
        try:
            return _patiently(self.find)
        except NothingPublished as error:
            raise PublishUnclear(reason=reason) from error

    def published(self, commit: str, *, is_new: bool) -> Published:
        return Published(
            url=f"{self.api.endpoint}/{self.destination.repo}",
            repo=self.destination.repo,
            commit=commit,
            is_new=is_new,
            variable=f"{self.kind.upper()}_MODEL",
        )


def read_files(folder: Path, repo: str) -> dict[str, bytes]:
    """The files of a run folder to be published in `repo`, by name. Raises MissingRunFile."""
    for name in (WEIGHTS, CONFIG):
        if not (folder / name).is_file():
            raise MissingRunFile(folder=folder.name, name=name)
    names = sorted({path.name for pattern in PATTERNS for path in folder.glob(pattern)})
    files = {name: (folder / name).read_bytes() for name in names}
    if CARD in files:
        files[CARD] = files[CARD].replace(PLACEHOLDER.encode(), repo.encode())
    return files


def is_same(files: Mapping[str, bytes], listed: Iterable[RepoSibling]) -> bool:
    """Whether a commit's listing holds just these files, but for ones that do not matter."""
    there = {sibling.rfilename: sibling for sibling in listed}
    if any(is_stale(name, files) for name in there):
        return False
    return all(name in there and _is_content(data, there[name]) for name, data in files.items())


def is_stale(name: str, files: Mapping[str, bytes]) -> bool:
    """Whether a file of the repo would be read as a part of this run, and is none."""
    return name.endswith(".safetensors") and "/" not in name and name not in files


def _is_content(data: bytes, there: RepoSibling) -> bool:
    if there.lfs is not None:
        return there.lfs.sha256 == sha256(data).hexdigest()
    blob = b"blob %d\0" % len(data) + data
    return there.blob_id == sha1(blob, usedforsecurity=False).hexdigest()


def _patiently(ask: Callable[[], Result], attempts: int = ATTEMPTS) -> Result:
    """What `ask` gives, asked again after an outage; for what does no harm when done twice.

    Raises TokenRefused, NothingPublished.
    """
    reason = ""
    for pause in _pauses(attempts):
        try:
            return ask()
        except UserError:
            raise
        except Exception as error:
            reason = explain(error)
            if isinstance(error, HfHubHTTPError) and error.response.status_code == 401:
                raise TokenRefused() from error
            if _is_refusal(error):
                raise NothingPublished(reason=reason) from error
        time.sleep(pause)
    raise NothingPublished(reason=reason)


def _pauses(attempts: int = ATTEMPTS) -> list[float]:
    """The seconds to wait after each attempt; none after the last."""
    return [*(FIRST_PAUSE * 2**i for i in range(attempts - 1)), 0.0]


def _is_refusal(error: Exception) -> bool:
    """Whether asking again is of no use: the Hub said no, or the client did (a bad card)."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in REFUSALS
    return isinstance(error, ValueError) and not isinstance(error, json.JSONDecodeError)


def explain(error: Exception) -> str:
    """A few words on what went wrong, which never hold the token."""
    if isinstance(error, HfHubHTTPError):
        said = (error.server_message or "").strip().splitlines()
        status = f"the Hub answered HTTP {error.response.status_code}"
        return f"{status} ({said[0][:200]})" if said else status
    if isinstance(error, ValueError) and not isinstance(error, json.JSONDecodeError):
        return str(error).strip().splitlines()[0][:200]
    return f"the Hub did not answer ({type(error).__name__})"
