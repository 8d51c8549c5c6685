"""What the regression tab shows of a prediction and of a training, as HTML and SVG whose colours
are the page's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from typing import TYPE_CHECKING, TypedDict

from model.errors import UserError
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
MOST_PROBLEMS = 3  # of a link's that are told
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


def draw_inputs(highest: float) -> str:
    """A slider and a number for each input, from -`highest` to `highest`; see row.js."""
    ends = {"min": f"{-highest:g}", "max": f"{highest:g}", "step": "0.01", "autocomplete": "off"}
    rows = ""
    for name in NAMES:
        slider, label = f"regression-{name}", f"regression-{name}-label"
        fields = [tag("label", text=name, for_=slider, id=label)]
        fields.append(tag("input", type="range", id=slider, **ends))
        fields.append(tag("input", type="number", aria_labelledby=label, **ends))
        rows += tag("div", *fields, class_="row")
    return tag("div", rows, class_="regression-inputs")


def show_answer(answer: Prediction, language: str, problems: Sequence[UserError] = ()) -> str:
    """The prediction, the truth and their difference, below what is wrong with the link."""
    tell = partial(say, TEXT, language=language)
    shown = {"network": "y", "true": "y_true", "difference": "difference"}
    numbers = "".join(
        f'<div class="{key}"><span>{tell(f"regression.{key}")}</span> '
        f"<b>{signed(answer[name], 3)}</b></div>"
        for key, name in shown.items()
    )
    remarks = []
    if problems:
        space = "" if language == "zh" else " "
        told = space.join(each.message(language) for each in problems[:MOST_PROBLEMS])
        told += " …" if len(problems) > MOST_PROBLEMS else ""
        remarks.append("⚠ " + tell("regression.link", problems=told))
    if answer["far_from_training"]:
        remarks.append("⚠ " + tell("regression.far"))
    origin = Origin(**answer["model"])
    by = answered_by(origin, answer["device"], answer["milliseconds"], language)
    return _card(f'<div class="numbers">{numbers}</div>', remarks, by)


def notice(text: str) -> str:
    """`text` where the answer would be."""
    return _card("", [text])


def _card(numbers: str, remarks: Sequence[str], by: str = "") -> str:
    """The answer's place, which is read aloud as it changes, but for which model gave it."""
    # Quotes stay, for the page to find its own words' key in the text.
    told = "".join(f'<p class="remark">{escape(each, quote=False)}</p>' for each in remarks)
    live = f'<div role="status">{numbers}{told}</div>'
    return f'<div class="regression-answer">{live}{tag("p", text=by)}</div>'


def show_parts(regressor: Regressor, x: Sequence[float], language: str) -> str:
    """What each input adds to the prediction and to the truth, as a bar chart."""
    tell = partial(say, TEXT, language=language)
    contributions, y = regressor.contributions(x), regressor.predict(x)
    together = sum(contributions)
    true = [weight * each for weight, each in zip(TRUE_WEIGHTS, x, strict=True)]
    words = (tell("regression.adds_network"), tell("regression.adds_true"))
    title = tell("regression.adds")
    numbers = {"zero": signed(y - together), "sum": signed(together), "y": signed(y)}
    return (
        f"<h2>{title}</h2>{draw_bars(contributions, true, title, words, language)}"
        f'<p class="regression-sum">{tell("regression.adds_sum", **numbers)}</p>'
    )


def show_learning(status: str, snapshot: Snapshot | None, language: str) -> str:
    """How a training is doing, in a sentence that is read aloud as it changes; how far it is, and
    its errors, and its weights beside the true ones."""
    counted, charts = "", ""
    if snapshot is not None:
        tell = partial(say, TEXT, language=language)
        facts = {"epoch": snapshot.epoch, "epochs": snapshot.epochs}
        facts["rmse"] = decimal(snapshot.held_out_rmse[-1], language)
        facts["r2"] = decimal(snapshot.r_squared, language, 4)
        counted = tell("regression.progress", **facts)
        title = tell("regression.weights")
        words = (tell("regression.learned"), tell("regression.weight"))
        weights = draw_bars(snapshot.weights, TRUE_WEIGHTS, title, words, language)
        charts = (
            f"<div><h3>{tell('regression.errors')}</h3>{draw_errors(snapshot, language)}</div>"
            f"<div><h3>{title}</h3>{weights}</div>"
        )
    return (
        f'<p class="regression-status"><span role="status">{escape(status, quote=False)}</span> '
        f'<span>{counted}</span></p><div class="regression-charts">{charts}</div>'
    )


def decimal(value: float, language: str, decimals: int = 3) -> str:
    """An error or R², always with so many digits behind the point."""
    if math.isnan(value):
        return say(TEXT, "regression.no_number", language)
    return f"{value:.{decimals}f}".replace("-", "−").replace("inf", "∞")


def draw_bars(
    network: Sequence[float],
    true: Sequence[float],
    title: str,
    legend: tuple[str, str],
    language: str,
) -> str:
    """A row for each input: what the network says, a bar to the left or right of zero; what is
    true, a mark; and both numbers. `legend` names the two."""
    full = max([1.0, *(abs(value) for value in (*network, *true) if math.isfinite(value))])
    rows = [_draw_bar(*row, full) for row in zip(NAMES, network, true, strict=True)]
    spoken = say(TEXT, "regression.bars", language, title=title, network=legend[0], true=legend[1])
    keys = _legend({"net": legend[0], "true": legend[1]})
    bars = tag("div", *rows, class_="regression-bars", role="list", aria_label=spoken)
    return keys + bars


def _draw_bar(name: str, network: float, true: float, full: float) -> str:
    share = network / full if math.isfinite(network) else 0.0
    bar = f"left:{50 + 50 * min(share, 0):.2f}%;width:{50 * abs(share):.2f}%"
    track = tag(
        "div",
        tag("i", class_="net", style=bar),
        tag("i", class_="true", style=f"left:{50 + 50 * true / full:.2f}%"),
        class_="track",
        aria_hidden="true",
    )
    numbers = [
        tag("b", text=signed(network) if math.isfinite(network) else "–"),
        tag("span", text=signed(true)),
    ]
    return tag("div", tag("span", text=name), track, *numbers, class_="row", role="listitem")


def draw_errors(snapshot: Snapshot, language: str) -> str:
    """RMSE by epoch on a logarithmic scale, a line for each kind of rows, and the noise as a dashed
    line."""
    tell = partial(say, TEXT, language=language)
    epochs, curves = snapshot.epochs, (snapshot.train_rmse, snapshot.held_out_rmse)
    frame = Frame((1, max(2, epochs)), (_height(LOWEST), _height(HIGHEST)), height=260, right=24)
    drawn = frame.line(frame.x, [_height(NOISE)] * 2, "floor")
    for number, errors in enumerate(curves):
        drawn += frame.line(range(1, len(errors) + 1), map(_height, errors), f"line{number}")
    train, held_out = (decimal(errors[-1], language) for errors in curves)
    spoken = tell(
        "regression.curves_one" if snapshot.epoch == 1 else "regression.curves",
        **{"train": train, "held_out": held_out, "epoch": snapshot.epoch, "noise": NOISE},
    )
    chart = frame.svg(
        drawn,
        (tell("regression.epoch"), "RMSE"),
        spoken,
        x_ticks={1: "1", epochs: str(epochs)},
        y_ticks={_height(error): f"{error:g}" for error in (0.1, 1, 10)},
    )
    keys = {"line0": "train_rows", "line1": "held_out", "floor": "noise"}
    legend = _legend({kind: tell(f"regression.{key}") for kind, key in keys.items()})
    return tag("div", legend, chart, class_="regression-errors")


def _height(error: float) -> float:
    """Where `error` is on the y axis; what is off it, or not a number, is at the edge."""
    return math.log10(min(HIGHEST, max(LOWEST, error)) if math.isfinite(error) else HIGHEST)


def _legend(keys: Mapping[str, str]) -> str:
    """What each class of marks stands for."""
    marks = (tag("i", class_=kind) + tag("span", text=text) for kind, text in keys.items())
    return tag("p", *marks, class_="regression-legend")
