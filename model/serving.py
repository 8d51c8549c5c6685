"""A model that is loaded in the background, so that the page is up before torch is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from model.errors import UserError

if TYPE_CHECKING:
    from model.classifier import Classifier
    from model.regressor import Regressor

log = logging.getLogger(__name__)

Model = TypeVar("Model")
WEIGHTS_FOLDER = Path(__file__).parent / "weights"


class StillLoading(UserError):
    en = "The model is still being loaded. Try again in a few seconds."
    zh = "模型仍在加载，请几秒后再试。"


class LoadingFailed(UserError):
    en = "The model could not be loaded. The log of the app says why."
    zh = "模型无法加载，原因见应用日志。"


@dataclass(frozen=True)
class Origin:
    """Where a model came from: `source` is "bundled", a folder's name or a Hub repo; `revision`
    is the Hub's 40-hex commit, None for what did not come from the Hub."""

    source: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{self.source}@{self.revision[:12]}" if self.revision else self.source


class Served(Generic[Model]):
    """A model that a thread loads once `start` is called; `get` waits for it."""

    def __init__(self, load: Callable[[], Model]) -> None:
        self._load = load
        self._done = threading.Event()
        self._model: Model | None = None
        self._error: UserError | None = None

    def start(self) -> None:
        """Begin loading in the background; returns at once."""
        threading.Thread(target=self._run, name="load-model", daemon=True).start()

    def get(self, timeout: float = 60.0) -> Model:
        """The model, waited for at most `timeout` seconds.

        Raises StillLoading after that, or the UserError that loading ended with.
        """
        if not self._done.wait(timeout):
            raise StillLoading()
        if self._error is not None:
            raise self._error
        assert self._model is not None
        return self._model

    def _run(self) -> None:
        try:
            self._model = self._load()
        except UserError as error:
            log.error("%s", error)
            self._error = error
        except Exception:
            log.exception("the model could not be loaded")
            self._error = LoadingFailed()
        finally:
            self._done.set()


def serve_classifier(source: str | None) -> Served[Classifier]:
    """The classifier in the run folder `source`; None is the bundled one. Not yet loading."""

    def load() -> Classifier:
        from model.classifier import Classifier  # imports torch

        return Classifier.load(*locate(source, WEIGHTS_FOLDER / "ants_bees"))

    return Served(load)


def serve_regressor(source: str | None) -> Served[Regressor]:
    """The regressor in the run folder `source`; None is the bundled one. Not yet loading."""

    def load() -> Regressor:
        from model.regressor import Regressor  # imports torch

        return Regressor.load(*locate(source, WEIGHTS_FOLDER / "regression"))

    return Served(load)


def locate(source: str | None, bundled: Path) -> tuple[Path, Origin]:
    """The run folder that `source` names and the origin to show; None is the bundled one."""
    if not source:
        return bundled, Origin("bundled")
    folder = Path(source).expanduser()
    return folder, Origin(folder.resolve().name)
