"""What is served of a SOURCE, and what instead while the Hub has a bad day.

The order is: the commit that was asked for; the commit of the same repo that was served last; the
bundled model. A step down is taken for an outage only, always said, and undone as soon as the Hub
is back. A model that is *wrong* (not there, gated, corrupt) is never replaced: its error is what
the page shows.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from model.errors import UserError
from model.hub.cache import Snapshot, cached_snapshots, find_cached, mark_good, with_copies_blamed
from model.hub.download import fetch
from model.hub.errors import HubError, HubSlow, WrongRepo
from model.hub.source import HubSettings, HubSource, parse_source
from model.run.origin import Origin
from model.serving.served import Model, State

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How long the Hub is waited for, in seconds.

    After `before_spare` a replacement is loaded beside the download, and after `before_serving`
    it is served; the download goes on. After a failure the Hub is asked again in `first_pause`,
    then in twice that, and so on up to `longest_pause`.
    """

    before_spare: float = 0.5
    before_serving: float = 6.0
    first_pause: float = 5.0
    longest_pause: float = 60.0

    def pauses(self) -> Iterator[float]:
        pause = self.first_pause
        while True:
            yield pause
            pause = min(2 * pause, self.longest_pause)


class Degraded(UserError):
    """Another model than the one that was asked for is served, because of `cause`."""

    en = "Serving {serving}: {cause} The Hub is asked again in the background."
    zh = "当前使用{serving}：{cause}后台会继续重试。"

    def __init__(self, origin: Origin, cause: HubError) -> None:
        self.origin, self.cause = origin, cause
        super().__init__(origin=origin, cause=cause)

    def message(self, language: str) -> str:
        is_copy, cause = self.origin.revision is not None, self.cause.message(language)
        if language == "zh":
            serving = f"此前下载的 {self.origin}" if is_copy else "内置模型"
            return self.zh.format(serving=serving, cause=cause)
        serving = f"an earlier copy, {self.origin}" if is_copy else "the bundled model"
        return self.en.format(serving=serving, cause=cause[0].lower() + cause[1:])


def follow(
    source: str,
    bundled: Path,
    load: Callable[[Path, Origin], Model],
    settings: HubSettings | None = None,
    patience: Patience | None = None,
) -> Iterator[State[Model]]:
    """The states of serving SOURCE, each as soon as it is reached.

    Ends when the model that was asked for is served; raises the UserError of a model whose files
    are not what the app can load, since trying again would not change that.
    """
    where = parse_source(source)
    if isinstance(where, Path):
        yield State(load(where, Origin(where.resolve().name)))
        return
    wanted = _Wanted(where, bundled, load, settings or HubSettings())
    if where.is_pinned and (snapshot := find_cached(where.repo, where.revision, wanted.settings)):
        yield wanted.loaded(snapshot)
    else:
        yield from _ask_until_served(wanted, patience or Patience())


def _ask_until_served(wanted: _Wanted[Model], patience: Patience) -> Iterator[State[Model]]:
    said: HubError | None = None  # what the page shows already
    fetching = wanted.fetching()
    if not wait([fetching], patience.before_spare).done:
        end = time.monotonic() + patience.before_serving
        # Loading begins with the import of torch: better now than when patience is at its end.
        slow = HubSlow()
        spare = wanted.spare(slow)
        if not wait([fetching], end - time.monotonic()).done:
            said = slow
            yield spare
    for pause in patience.pauses():
        try:
            snapshot = fetching.result()
        except HubError as raised:
            error = raised.fresh()  # what is kept of it must not keep this frame, and the model
            log.info("%s: %s", wanted.source.repo, error)
            if isinstance(error, WrongRepo) and str(error) != str(said):
                said = error
                yield State(error=error)
            elif said is None:
                said = error
                yield wanted.spare(error)
        else:
            yield wanted.loaded(snapshot)
            return
        time.sleep(pause)
        fetching = wanted.fetching()


@dataclass(frozen=True)
class _Wanted(Generic[Model]):
    """A Hub model that was asked for, and all that getting it or its replacement takes."""

    source: HubSource
    bundled: Path
    load: Callable[[Path, Origin], Model]
    settings: HubSettings

    def fetching(self) -> Future[Snapshot]:
        """It is fetched in a thread that an exit of the program does not wait for."""
        future: Future[Snapshot] = Future()

        def run() -> None:
            try:
                future.set_result(fetch(self.source, self.settings))
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=run, name="ask-the-hub", daemon=True).start()
        return future

    def loaded(self, snapshot: Snapshot) -> State[Model]:
        model = self.load(snapshot.folder, snapshot.origin)
        mark_good(snapshot)
        return State(model)

    def spare(self, cause: HubError) -> State[Model]:
        """The commit that was served last, else the bundled model, else the error."""
        where = self.source.repo, self.settings
        for each in cached_snapshots(*where):
            if state := self.instead(each.folder, each.origin, cause):
                return state
        cause = with_copies_blamed(cause, *where)
        return self.instead(self.bundled, Origin("bundled"), cause) or State(error=cause)

    def instead(self, folder: Path, origin: Origin, cause: HubError) -> State[Model] | None:
        """The model in `folder` if it can be served, and why it is this one."""
        try:
            return State(self.load(folder, origin), notice=Degraded(origin, cause))
        except UserError as error:
            log.warning("%s cannot be served instead: %s", origin, error)
            return None
