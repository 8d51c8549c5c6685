"""Which commits huggingface_hub's cache holds whole. Nothing of it is believed unhashed."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from model.hub.digest import CONTENT, is_content
from model.hub.errors import HubError, UnverifiedCopy
from model.hub.source import COMMIT, HubSettings
from model.run.files import CONFIG, KNOWN, WEIGHTS
from model.run.origin import Origin

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Snapshot:
    """The files of one commit of a repo, on this disk and verified."""

    repo: str
    commit: str
    folder: Path

    @property
    def origin(self) -> Origin:
        return Origin(self.repo, self.commit)


def find_cached(repo: str, commit: str, settings: HubSettings) -> Snapshot | None:
    """The commit from the cache if all of its files are there and intact; makes no request.

    The cache names each file's content by the sha256 (LFS) or the git object id that the Hub
    announced for it, which the content is compared with here.
    """
    folder = settings.storage(repo) / "snapshots" / commit
    whole = _is_intact(folder / CONFIG) and _is_intact(folder / WEIGHTS)
    if whole and (not _knows_threshold(folder / CONFIG) or _is_intact(folder / KNOWN)):
        return Snapshot(repo, commit, folder)
    return None


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


def with_copies_blamed(outage: HubError, repo: str, settings: HubSettings) -> HubError:
    """The outage, or UnverifiedCopy if it could have been weathered: there is a copy in the cache,
    but none that can be believed."""
    folders = (settings.storage(repo) / "snapshots").glob("*")
    copied = any((each / CONFIG).is_file() and (each / WEIGHTS).is_file() for each in folders)
    if not copied or any(cached_snapshots(repo, settings)):
        return outage
    return UnverifiedCopy(outage, repo=repo)


def mark_good(snapshot: Snapshot) -> None:
    """Remember that this commit could be served: `cached_snapshots` will name it first."""
    try:
        os.utime(snapshot.folder)
    except OSError as error:  # a cache that came with a container image, say
        log.debug("cannot touch the snapshot of %s: %s", snapshot.repo, error)


def _is_intact(path: Path) -> bool:
    """Whether the file is there and its content is what its name in the cache says.

    In a cache that was copied with its links followed, or where links cannot be made, that name is
    still among the blobs, which lie beside the snapshots.
    """
    try:
        # One step only: since huggingface_hub 2.4 the blob itself may be a link to a shared store.
        return is_content(path, Path(os.readlink(path)).name)
    except OSError:
        blobs = path.parents[2] / "blobs"
    try:
        return is_content(path, *filter(CONTENT.fullmatch, os.listdir(blobs)))
    except OSError:
        return False


def _knows_threshold(config: Path) -> bool:
    """Whether the model cannot do without what the "neither" answer needs."""
    try:
        return "known_threshold" in json.loads(config.read_bytes())
    except (OSError, ValueError, TypeError, RecursionError):
        return False  # whoever loads the model will say what is wrong with its config.json
