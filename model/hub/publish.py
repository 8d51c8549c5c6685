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
from io import BytesIO
from pathlib import Path
from typing import TypeVar

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
from huggingface_hub.hf_api import ModelInfo, RepoSibling
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

from model.errors import UserError
from model.hub import errors
from model.hub.digest import content_id, listed_id
from model.hub.source import REPO_ID, REVISION, HubSettings
from model.process.log import escape
from model.run.files import CARD, CONFIG, METRICS
from model.run.folder import check_files, read_json

Result = TypeVar("Result")

PLACEHOLDER = "USER/REPO"  # what a card says before it is known where it will be published
PATTERNS = (CONFIG, METRICS, CARD, "*.safetensors", "*.png")
ATTEMPTS, FIRST_PAUSE = 4, 1.0  # seconds, doubled each time
SILENCE = 30.0  # seconds without a byte after which an answer is given up
REFUSALS = (400, 401, 403, 404, 409, 413, 422)  # answers that asking again does not change


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
            raise errors.BadDestination(destination=self.repo)
        if self.revision is not None and not REVISION.fullmatch(self.revision):
            raise errors.BadDestination(destination=f"{self.repo}@{self.revision}")
        if self.revision is not None and self.create_pr:
            raise errors.BranchOrPullRequest()


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


@_no_endless_silence()
def check_token(destination: Destination, settings: HubSettings | None = None) -> str:
    """The user's name, once it is sure that their token may publish there.

    To be called before hours of training. Raises NoToken, TokenRefused, TokenCannotWrite,
    NotYours, NothingPublished (the Hub does not answer), and what `Destination.check` raises.
    """
    destination.check()
    settings = settings or HubSettings()
    token = settings.token or get_token()
    if not token:
        raise errors.NoToken()
    who = _patiently(HfApi(endpoint=settings.endpoint, token=token).whoami)
    user, namespace = str(who.get("name")), destination.repo.split("/")[0]
    if not _may_write(who, destination):
        raise errors.TokenCannotWrite(user=user, repo=destination.repo)
    names = [user, *(str(org.get("name")) for org in who.get("orgs") or ())]
    if namespace not in names and not destination.create_pr:
        raise errors.NotYours(user=user, names=", ".join(names), repo=destination.repo)
    return user


@_no_endless_silence()
def push_run(
    folder: Path, destination: Destination, settings: HubSettings | None = None
) -> Published:
    """Publish the run folder in one commit, or find that it has been published before.

    The folder is read only; in the card, USER/REPO becomes the repo's name. Files that the run has
    not are left alone in the repo, but for further .safetensors, which would go with the old
    weights.

    Raises what `check_token` raises, MissingRunFile, PointerFile, CardRefused (before anything is
    sent), NothingPublished, PublishUnclear.
    """
    check_token(destination, settings)
    push = _Push(folder, destination, settings or HubSettings())
    head = _patiently(push.prepare)
    there = _patiently(push.find)
    if not there:
        _patiently(push.check_card)
        push.upload()
    return Published(
        url=f"{push.api.endpoint}/{destination.repo}",
        repo=destination.repo,
        commit=there or push.commit(head),
        is_new=not there,
        variable=f"{push.kind.upper()}_MODEL",
    )


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
        self.kind = "classifier" if "label_names" in read_json(folder / CONFIG) else "regressor"
        self.where = {
            "revision": destination.revision or "main",
            "create_pr": destination.create_pr,
        }
        self.additions = [CommitOperationAdd(name, data) for name, data in self.files.items()]

    def info(self, revision: str | None = None) -> ModelInfo:
        """The repo as it is now, on its branch unless another revision is named."""
        return self.api.model_info(
            self.destination.repo,
            revision=revision or self.where["revision"],
            files_metadata=True,
            timeout=self.timeout,
        )

    def check_card(self) -> None:
        """Raises CardRefused. The client itself asks only after the upload, before the commit."""
        card = self.files.get(CARD, b"").decode(errors="replace")
        response = get_session().post(
            f"{self.api.endpoint}/api/validate-yaml",
            json={"content": card, "repoType": "model"},
            headers=build_hf_headers(token=self.api.token),
        )
        if response.status_code == 400:
            found = "; ".join(str(each.get("message")) for each in response.json()["errors"])
            raise errors.CardRefused(reason=escape(found)[:300])
        hf_raise_for_status(response)

    def prepare(self) -> str:
        """The repo and the branch, made where there are none; gives the branch's commit."""
        repo, branch = self.destination.repo, self.where["revision"]
        try:
            self.info("main")
        except RepositoryNotFoundError:
            self.check_card()  # no empty repo is left behind for a card
            self.api.create_repo(repo, private=self.destination.private, exist_ok=True)
        if branch != "main":
            self.api.create_branch(repo, branch=branch, exist_ok=True)
        return str(self.info().sha)

    def find(self) -> str | None:
        """The commit that holds this run already: the branch's, or an open pull request's."""
        revisions = [None]
        if self.destination.create_pr:
            refs = self.api.list_repo_refs(self.destination.repo, include_pull_requests=True)
            revisions += [pull_request.ref for pull_request in refs.pull_requests or ()]
        for info in map(self.info, revisions):
            if is_same(self.files, info.siblings or ()):
                return str(info.sha)
        return None

    def upload(self) -> None:
        """The big files, which no commit refers to yet. The client itself tries each five times."""
        files = self.destination.repo, self.additions
        _patiently(lambda: self.api.preupload_lfs_files(*files, **self.where), attempts=2)

    def commit(self, head: str) -> str:
        """Commit on top of `head`; after each failure look whether it was made all the same."""
        for pause in _pauses():
            try:
                return self.commit_once(head)
            except Exception as raised:
                error, reason = raised, explain(raised)
            try:
                if commit := _patiently(self.find):
                    return commit
            except errors.NothingPublished as unknown:
                raise errors.PublishUnclear(reason=reason) from unknown
            if _is_refusal(error):
                break
            if self.destination.create_pr and not isinstance(error, HfHubHTTPError):
                # It may be made still, and unlike a commit to a branch, the Hub would not refuse
                # a second one.
                raise errors.PublishUnclear(reason=reason)
            time.sleep(pause)
            head = str(_patiently(self.info).sha)
        raise errors.NothingPublished(reason=reason)

    def commit_once(self, head: str) -> str:
        there = [sibling.rfilename for sibling in self.info().siblings or ()]
        stale = [CommitOperationDelete(name) for name in there if is_stale(name, self.files)]
        return self.api.create_commit(
            self.destination.repo,
            [*self.additions, *stale],
            commit_message=f"Publish a {self.kind}",
            parent_commit=head,
            **self.where,
        ).oid


def read_files(folder: Path, repo: str) -> dict[str, bytes]:
    """The files of a run folder to be published in `repo`, by name. Raises MissingRunFile or
    PointerFile."""
    check_files(folder)
    paths = sorted({path for pattern in PATTERNS for path in folder.glob(pattern)})
    files = {path.name: path.read_bytes() for path in paths}
    if CARD in files:
        files[CARD] = files[CARD].replace(PLACEHOLDER.encode(), repo.encode())
    return files


def is_same(files: Mapping[str, bytes], listed: Iterable[RepoSibling]) -> bool:
    """Whether a commit's listing holds just these files, but for ones that do not matter."""
    there = {sibling.rfilename: str(listed_id(sibling)) for sibling in listed}
    return not any(is_stale(name, files) for name in there) and all(
        name in there and content_id(BytesIO(data), there[name]) == there[name]
        for name, data in files.items()
    )


def is_stale(name: str, files: Mapping[str, bytes]) -> bool:
    """Whether a file of the repo would be read as a part of this run, and is none."""
    return name.endswith(".safetensors") and "/" not in name and name not in files


def _patiently(ask: Callable[[], Result], attempts: int = ATTEMPTS) -> Result:
    """What `ask` gives, asked again after an outage; for what does no harm when done twice.

    Raises TokenRefused, NothingPublished.
    """
    for pause in _pauses(attempts):
        try:
            return ask()
        except UserError:
            raise
        except Exception as error:
            reason = explain(error)
            if isinstance(error, HfHubHTTPError) and error.response.status_code == 401:
                raise errors.TokenRefused() from error
            if _is_refusal(error):
                break
        time.sleep(pause)
    raise errors.NothingPublished(reason=reason)


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
    if _is_refusal(error):
        return str(error).strip().splitlines()[0][:200]
    return f"the Hub did not answer ({type(error).__name__})"
