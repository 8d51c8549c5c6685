"""What the regression tab shows of a prediction and of a training, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from html import escape
from typing import TYPE_CHECKING, TypedDict

from model.regression.ground_truth import INPUTS, NOISE, TRUE_WEIGHTS
from model.regression.live import Snapshot
from model.run.origin import Origin
from tabs.language import say
from tabs.numbers import signed
from tabs.regression.charts import draw_bars, draw_errors
from tabs.regression.text import TEXT
from tabs.status import answered_by

if TYPE_CHECKING:  # torch comes with it, and the page must be up before torch is
    from model.regression.regressor import Regressor

NAMES = [f"x{number}" for number in range(1, INPUTS + 1)]


class Model(TypedDict):
    source: str
    revision: str | None


class Prediction(TypedDict):
    y: float
    y_true: float
    difference: float
    far_from_training: bool
    model: Model
    device: str
    milliseconds: float


def show_answer(answer: Prediction, language: str) -> str:
    """The prediction, the truth and their difference."""
    tell = partial(say, TEXT, language=language)
    shown = {"network": "y", "true": "y_true", "difference": "difference"}
    numbers = "".join(
        f'<div class="{key}"><span>{tell(f"regression.{key}")}</span>'
        f"<b>{signed(answer[name], 3)}</b></div>"
        for key, name in shown.items()
    )
    origin = Origin(**answer["model"])
    by = answered_by(origin, answer["device"], answer["milliseconds"], language)
    far = f'<p class="far">⚠ {tell("regression.far")}</p>' if answer["far_from_training"] else ""
    return (
        f'<div class="regression-answer"><div class="numbers">{numbers}</div>'
        f"{far}<p>{escape(by)}</p></div>"
    )


def show_parts(regressor: Regressor, x: Sequence[float], language: str) -> str:
    """What each input adds to the prediction and to the truth, as a bar chart."""
    tell = partial(say, TEXT, language=language)
    contributions, y = regressor.contributions(x), regressor.predict(x)
    together = sum(contributions)
    true = [weight * each for weight, each in zip(TRUE_WEIGHTS, x, strict=True)]
    legend = tell("regression.adds_network"), tell("regression.adds_true")
    numbers = {"zero": signed(y - together), "sum": signed(together), "y": signed(y)}
    return (
        f"<h3>{tell('regression.adds')}</h3>{draw_bars(NAMES, contributions, true, legend)}"
        f'<p class="regression-sum">{tell("regression.adds_sum", **numbers)}</p>'
    )


def show_learning(snapshot: Snapshot, language: str) -> str:
    """Where a training run is: its errors, and its weights beside the true ones."""
    tell = partial(say, TEXT, language=language)
    status = tell(
        "regression.progress",
        epoch=snapshot.epoch,
        epochs=snapshot.epochs,
        rmse=snapshot.held_out_rmse[-1],
        r2=snapshot.r_squared,
    )
    title = tell("regression.errors")
    curves = {
        tell("regression.train_rows"): snapshot.train_rmse,
        tell("regression.held_out"): snapshot.held_out_rmse,
    }
    words = {"title": title, "epoch": tell("regression.epoch"), "noise": tell("regression.noise")}
    errors = draw_errors(curves, snapshot.epochs, NOISE, words)
    legend = tell("regression.learned"), tell("regression.weight")
    weights = draw_bars(NAMES, snapshot.weights, TRUE_WEIGHTS, legend)
    return (
        f'<p class="regression-status" role="status">{status}</p>'
        f'<div class="regression-charts"><div><h3>{title}</h3>{errors}</div>'
        f"<div><h3>{tell('regression.weights')}</h3>{weights}</div></div>"
    )


def notice(text: str) -> str:
    return f'<div class="regression-answer"><p>{escape(text)}</p></div>'
