"""From what somebody types, a folder or a repo of the Hub, to a folder on this disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from model.hub.cache import find_cached, with_copies_blamed
from model.hub.download import fetch, list_files
from model.hub.errors import HubUnavailable, SourceNotFetched
from model.hub.pictures import fetch_pictures, find_pictures
from model.hub.source import HubSettings, parse_source
from model.run.origin import Origin
from model.run.progress import Reporter, Silence


@dataclass(frozen=True)
class Located:
    """A folder, and what it is called in what is written of it."""

    folder: Path
    origin: Origin


def locate(
    source: str | Path,
    settings: HubSettings | None = None,
    *,
    repo_type: str = "model",
    reporter: Reporter | None = None,
) -> Located:
    """The folder of `source`: a Path, the name of a folder, or else USER/REPO or
    USER/REPO@REVISION of a model or a dataset (`repo_type`), from the cache where its commit is
    there. Unlike the app, this never takes another one instead.

    Raises NoSuchSource, SourceNotFetched (an outage), and else what `fetch` and `fetch_pictures`
    raise.
    """
    settings, reporter = settings or HubSettings(), reporter or Silence()
    where = source if isinstance(source, Path) else parse_source(source, repo_type)
    if isinstance(where, Path):
        return Located(where, Origin(where.resolve().name))
    try:
        if repo_type == "dataset":
            found = find_pictures(where, settings) if where.is_pinned else None
            snapshot = found or fetch_pictures(where, settings, reporter)
        else:
            found = find_cached(where.repo, where.revision, settings) if where.is_pinned else None
            snapshot = found or fetch(where, settings)
        if found:
            reporter.line(f"{where.repo}@{where.revision}: in the cache")
    except HubUnavailable as outage:
        if repo_type == "model":
            outage = with_copies_blamed(outage, where.repo, settings)
        raise SourceNotFetched(outage, source=source) from outage
    return Located(snapshot.folder, snapshot.origin)


def pin(source: str, settings: HubSettings | None = None, *, repo_type: str = "model") -> str:
    """`source` with the commit that it is now, where it is a repo's branch or tag. Raises what
    `locate` does."""
    where = parse_source(source, repo_type)
    if isinstance(where, Path) or where.is_pinned:
        return source
    try:
        pinned, _ = list_files(where, settings or HubSettings())
    except HubUnavailable as outage:
        raise SourceNotFetched(outage, source=source) from outage
    return f"{pinned.repo}@{pinned.revision}"
