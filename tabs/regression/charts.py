"""The regression tab's two charts, as HTML and SVG that follow the page's colours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tabs.numbers import signed
from tabs.svg import Frame, tag

LOWEST, HIGHEST = 0.05, 10.0  # of the errors that are on the chart, which is logarithmic


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
