"""What the regression tab shows of a prediction and of a training, as HTML and SVG whose colours
are the page's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from typing import TYPE_CHECKING, TypedDict

from model.regression.ground_truth import INPUTS, NOISE, TRUE_WEIGHTS
from model.regression.live import Snapshot
from model.run.origin import Origin
from tabs.language import say
from tabs.numbers import signed
from tabs.regression.text import TEXT
from tabs.status import answered_by
from tabs.svg import Frame, tag

if TYPE_CHECKING:  # torch comes with it, and the page must be up before torch is
    from model.regression.regressor import Regressor

NAMES = [f"x{number}" for number in range(1, INPUTS + 1)]
LOWEST, HIGHEST = 0.05, 10.0  # of the errors that are on the chart, which is logarithmic


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


def draw_bars(
    names: Sequence[str], network: Sequence[float], true: Sequence[float], legend: tuple[str, str]
) -> str:
    """A row for each name: what the network says, a bar to the left or right of zero; what is
    true, a mark; and both numbers. `legend` names the two."""
    full = max([1.0, *(abs(value) for value in (*network, *true) if math.isfinite(value))])
    rows = [_draw_bar(*row, full) for row in zip(names, network, true, strict=True)]
    keys = _legend({"net": legend[0], "true": legend[1]})
    return tag("div", keys, *rows, class_="regression-bars")


def _draw_bar(name: str, network: float, true: float, full: float) -> str:
    share = network / full if math.isfinite(network) else 0.0
    bar = f"left:{50 + 50 * min(share, 0):.2f}%;width:{50 * abs(share):.2f}%"
    track = tag(
        "div",
        tag("i", class_="net", style=bar),
        tag("i", class_="true", style=f"left:{50 + 50 * true / full:.2f}%"),
        class_="track",
    )
    numbers = tag("b", text=signed(network)) + tag("span", text=signed(true))
    return tag("div", tag("span", text=name), track, numbers, class_="row")


def draw_errors(
    curves: Mapping[str, Sequence[float]], epochs: int, floor: float, words: Mapping[str, str]
) -> str:
    """RMSE by epoch on a logarithmic scale, a line for each name, and the noise as a dashed line
    at `floor`. `words` names the chart ("title"), the x axis ("epoch") and the "noise"."""
    frame = Frame((1, max(2, epochs)), (_height(LOWEST), _height(HIGHEST)), height=260)
    drawn = frame.line(frame.x, [_height(floor)] * 2, "floor")
    for number, errors in enumerate(curves.values()):
        drawn += frame.line(range(1, len(errors) + 1), map(_height, errors), f"line{number}")
    chart = frame.svg(
        drawn,
        (words["epoch"], "RMSE"),
        words["title"],
        x_ticks={1: "1", epochs: str(epochs)},
        y_ticks={_height(error): f"{error:g}" for error in (0.1, 1, 10)},
    )
    keys = {f"line{number}": name for number, name in enumerate(curves)}
    return tag("div", _legend({**keys, "floor": words["noise"]}), chart, class_="regression-errors")


def _height(error: float) -> float:
    """Where `error` is on the y axis; what is off it, or not a number, is at the edge."""
    return math.log10(min(HIGHEST, max(LOWEST, error)) if math.isfinite(error) else HIGHEST)


def _legend(keys: Mapping[str, str]) -> str:
    """What each class of marks stands for."""
    marks = (tag("i", class_=kind) + tag("span", text=text) for kind, text in keys.items())
    return tag("p", *marks, class_="regression-legend")
