"""What a SOURCE of the command line means, and how the Hub is reached."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants
from huggingface_hub.file_download import repo_folder_name

from model.hub.errors import NoSuchSource

COMMIT = re.compile(r"[0-9a-f]{40}")
REPO_ID = re.compile(r"(?!.*(?:--|\.\.))[\w][\w.-]*/[\w][\w.-]*", re.ASCII)
REVISION = re.compile(r"(?!.*\.\.)[\w][\w./-]*", re.ASCII)


@dataclass(frozen=True)
class HubSource:
    """`USER/REPO@REVISION`; the revision is a branch, a tag or a 40-hex commit. `repo_type` is
    "model" or "dataset"."""

    repo: str
    revision: str = constants.DEFAULT_REVISION
    repo_type: str = "model"

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit, whose content can never change."""
        return COMMIT.fullmatch(self.revision) is not None


@dataclass(frozen=True)
class HubSettings:
    """How the Hub is reached. None leaves it to huggingface_hub (HF_ENDPOINT, HF_TOKEN, HF_HOME).
    `timeout` is in seconds and for each answer, not for the whole download. `max_bytes` are a
    model's, `max_picture_bytes` and `max_files` a dataset's: the Hub's listing is whole so far."""

    endpoint: str | None = None
    token: str | None = None
    cache: Path | None = None
    timeout: float = 5.0
    max_bytes: int = 500_000_000
    max_picture_bytes: int = 20_000_000_000
    max_files: int = 50_000

    @property
    def cache_folder(self) -> Path:
        return Path(self.cache or constants.HF_HUB_CACHE)

    def storage(self, repo: str, repo_type: str = "model") -> Path:
        """Where the cache keeps a repo."""
        return self.cache_folder / repo_folder_name(repo_id=repo, repo_type=repo_type)


def parse_source(source: str, repo_type: str = "model") -> Path | HubSource:
    """A folder where there is one of that name, else a repo; blanks around it do not count.

    Raises NoSuchSource for what can be neither.
    """
    for name in (source, source.strip()):
        if name and (folder := Path(name).expanduser()).is_dir():
            return folder
    repo, at, revision = source.strip().partition("@")
    if not REPO_ID.fullmatch(repo) or (at and not REVISION.fullmatch(revision)):
        raise NoSuchSource(repo_type, source=source)
    return HubSource(repo, revision or constants.DEFAULT_REVISION, repo_type)
