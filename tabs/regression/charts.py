"""The regression tab's two charts, as HTML and SVG that follow the page's colours."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

# The error chart's paper, in SVG units, and the errors at its lower and upper edge (logarithmic).
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 460, 260, 36, 12, 24
LOWEST, HIGHEST = 0.05, 10.0


@dataclass(frozen=True)
class Bar:
    """A row of the bar chart: what the network says, beside what is true."""

    label: str
    network: float
    true: float


def draw_bars(bars: Sequence[Bar], network: str, true: str) -> str:
    """Each bar to the left or right of zero, the true value as a mark; `network` and `true` are
    the words of the legend."""
    values = [abs(v) for bar in bars for v in (bar.network, bar.true) if math.isfinite(v)]
    full = max(1.0, *values)
    rows = "".join(_draw_bar(bar, full) for bar in bars)
    legend = f'<p class="legend"><i class="net"></i>{network} <i class="true"></i>{true}</p>'
    return f'<div class="regression-bars">{legend}{rows}</div>'


def _draw_bar(bar: Bar, full: float) -> str:
    share = max(-1.0, min(1.0, bar.network / full)) if math.isfinite(bar.network) else 0.0
    start, width = 50 + 50 * min(share, 0), 50 * abs(share)
    mark = 50 + 50 * bar.true / full
    return (
        f'<div class="row"><span>{html.escape(bar.label)}</span><div class="track">'
        f'<i class="net" style="left:{start:.2f}%;width:{width:.2f}%"></i>'
        f'<i class="true" style="left:{mark:.2f}%"></i></div>'
        f"<b>{signed(bar.network)}</b><span>{signed(bar.true)}</span></div>"
    )


def draw_errors(
    curves: Sequence[tuple[str, Sequence[float]]], epochs: int, floor: float, words: dict[str, str]
) -> str:
    """RMSE by epoch on a logarithmic scale, a line a (name, errors), and the noise as a dashed
    line at `floor`. `words` names the chart ("title"), the x axis ("epoch") and the "noise"."""
    grid = "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH}" y1="{_y(value):.1f}" y2="{_y(value):.1f}"/>'
        f'<text x="{LEFT - 6}" y="{_y(value) + 4:.1f}" text-anchor="end">{value:g}</text>'
        for value in (0.1, 1, 10)
    )
    lines = "".join(
        f'<polyline class="line{number}" points="{_points(errors, epochs)}"/>'
        for number, (_, errors) in enumerate(curves)
    )
    legend = "".join(
        f'<i class="line{number}"></i>{html.escape(name)} '
        for number, (name, _) in enumerate(curves)
    )
    return (
        f'<div class="regression-errors"><p class="legend">{legend}'
        f'<i class="floor"></i>{words["noise"]}</p>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{words["title"]}">{grid}'
        f'<line class="floor" x1="{LEFT}" x2="{WIDTH}" y1="{_y(floor):.1f}" y2="{_y(floor):.1f}"/>'
        f'<text x="{LEFT}" y="{HEIGHT - 6}">1</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 6}" text-anchor="end">{words["epoch"]} {epochs}</text>'
        f"{lines}</svg></div>"
    )


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign, the minus as a minus."""
    return f"{value:+.{digits}f}".replace("-", "−")


def _points(errors: Sequence[float], epochs: int) -> str:
    step = (WIDTH - LEFT) / max(1, epochs - 1)
    return " ".join(f"{LEFT + step * i:.1f},{_y(error):.1f}" for i, error in enumerate(errors))


def _y(error: float) -> float:
    """Where `error` is on the paper; what is off it, or not a number, is at the edge."""
    inside = min(HIGHEST, max(LOWEST, error)) if math.isfinite(error) else HIGHEST
    share = math.log(inside / LOWEST) / math.log(HIGHEST / LOWEST)
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)
