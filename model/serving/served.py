"""A model that is loaded in the background, so that the page is up before torch is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from model.errors import UserError

log = logging.getLogger(__name__)

Model = TypeVar("Model")


class StillLoading(UserError):
    en = "The model is still being loaded. Try again in a few seconds."
    zh = "模型仍在加载，请几秒后再试。"


class LoadingFailed(UserError):
    en = "The model could not be loaded. The log of the app says why."
    zh = "模型无法加载，原因见应用日志。"


@dataclass(frozen=True)
class State(Generic[Model]):
    """What is served from now on: a model, or else the error that says why there is none.
    `notice` tells the reader that the model is not the one that was asked for, and why."""

    model: Model | None = None
    error: UserError | None = None
    notice: UserError | None = None


class Served(Generic[Model]):
    """A model that a thread loads once `start` is called; `get` waits for it.

    A model of the Hub may be another one later: while the Hub is down something else is served,
    and `notice` says so, until the model itself can be had.
    """

    def __init__(self, states: Callable[[], Iterator[State[Model]]]) -> None:
        """`states` runs in the thread; each state that it gives is taken on as it is given."""
        self._states = states
        self._state: State[Model] = State(error=StillLoading())
        self._ready = threading.Event()

    @classmethod
    def loading(cls, load: Callable[[], Model]) -> Served[Model]:
        """One whose only model is what `load` gives."""
        return cls(lambda: iter([State(load())]))

    def start(self) -> None:
        """Begin loading in the background; returns at once."""
        threading.Thread(target=self._run, name="load-model", daemon=True).start()

    def get(self, timeout: float = 60.0) -> Model:
        """The model, waited for at most `timeout` seconds.

        Raises StillLoading after that, or the UserError that loading ended with.
        """
        self._ready.wait(timeout)
        state = self._state
        if state.error is not None:
            raise state.error.fresh()
        assert state.model is not None
        return state.model

    @property
    def notice(self) -> UserError | None:
        """Why another model than the one that was asked for is served; None when it is not."""
        return self._state.notice

    def _run(self) -> None:
        try:
            for state in self._states():
                self._take_on(state)
        except UserError as error:
            self._take_on(State(error=error))
        except Exception:
            log.exception("the model could not be loaded")
            self._take_on(State(error=LoadingFailed()))

    def _take_on(self, state: State[Model]) -> None:
        if state.error is not None:
            # without the frames of loading, which hold the weights that were refused
            state = replace(state, error=state.error.fresh())
            log.error("%s", state.error)
        elif state.notice is not None:
            log.warning("%s", state.notice)
        else:
            log.info("serving %s", getattr(state.model, "origin", "a model"))
        self._state = state
        self._ready.set()
