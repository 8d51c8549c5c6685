"""The two models of the app, each of a SOURCE or bundled. torch is imported when one is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from model.run.origin import Origin
from model.serving.served import Model, Served, State

if TYPE_CHECKING:
    from model.classifier.classifier import Classifier
    from model.regression.regressor import Regressor

WEIGHTS_FOLDER = Path(__file__).parents[1] / "weights"


def serve_classifier(source: str | None) -> Served[Classifier]:
    """The classifier of SOURCE (a run folder, USER/REPO or USER/REPO@REVISION); None is the
    bundled one. Not yet loading."""

    def load(folder: Path, origin: Origin) -> Classifier:
        from model.classifier.classifier import Classifier

        return Classifier.load(folder, origin)

    return _serve(source, WEIGHTS_FOLDER / "ants_bees", load)


def serve_regressor(source: str | None) -> Served[Regressor]:
    """The regressor of SOURCE, as for `serve_classifier`."""

    def load(folder: Path, origin: Origin) -> Regressor:
        from model.regression.regressor import Regressor

        return Regressor.load(folder, origin)

    return _serve(source, WEIGHTS_FOLDER / "regression", load)


def _serve(
    source: str | None, bundled: Path, load: Callable[[Path, Origin], Model]
) -> Served[Model]:
    if not source or not source.strip():
        return Served.loading(lambda: load(bundled, Origin("bundled")))

    def states() -> Iterator[State[Model]]:
        from model.serving.fallback import follow  # imports huggingface_hub

        return follow(source, bundled, load)

    return Served(states)
