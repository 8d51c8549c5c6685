"""Three drawings of a function as SVG: along one variable with its tangent, over two as contours
with the way descent took, and the loss at each of its steps.

Colours come from style sheets (classes `curve`, `tangent`, `contour`, `plain`, `momentum`, …), so
that one drawing serves light and dark pages.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import contourpy
import numpy as np

from model.autograd.descent import Path
from model.autograd.expression import Expression
from model.autograd.graph import number
from model.autograd.numeric import evaluate

SAMPLES = 241  # along a curve
GRID = 81  # along each side of a contour plot
LEVELS = 14
MOST_POINTS = 20_000  # of all level lines, some 250 kB; a wilder function gets fewer of them
ARROW = 0.16  # of the plot's width: the gradient arrow


@dataclass(frozen=True)
class Frame:
    """A plot's area in pixels, and the numbers along its sides."""

    x: tuple[float, float]
    y: tuple[float, float]
    width: float = 440
    height: float = 320
    left: float = 58
    right: float = 12
    top: float = 12
    bottom: float = 44

    def across(self, x: float) -> float:
        span = self.width - self.left - self.right
        return self.left + span * (float(x) - self.x[0]) / (self.x[1] - self.x[0])

    def up(self, y: float) -> float:
        span = self.height - self.top - self.bottom
        return self.height - self.bottom - span * (float(y) - self.y[0]) / (self.y[1] - self.y[0])

    def line(self, xs: Iterable[float], ys: Iterable[float], kind: str) -> str:
        """A line through the points, broken where one is not finite."""
        path, pen = [], "M"
        for x, y in zip(xs, ys, strict=True):
            if not (math.isfinite(x) and math.isfinite(y)):
                pen = "M"
                continue
            # What is far outside is clipped anyway, and browsers dislike huge coordinates.
            px, py = (max(-9999.0, min(9999.0, v)) for v in (self.across(x), self.up(y)))
            path.append(f"{pen}{px:.1f} {py:.1f}")
            pen = "L"
        return f'<path class="{kind}" d="{"".join(path)}"/>' if path else ""

    def dot(self, x: float, y: float, kind: str, radius: float = 4, title: str = "") -> str:
        hover = f"<title>{escape(title)}</title>" if title else ""
        where = f'cx="{self.across(x):.1f}" cy="{self.up(y):.1f}"'
        return f'<circle class="{kind}" {where} r="{radius}">{hover}</circle>'

    def svg(self, inside: str, x_name: str, y_name: str, label: str, power: bool = False) -> str:
        """The plot with its axes; `power`: y holds logarithms to base 10."""
        right, low = self.width - self.right, self.height - self.bottom
        axes = []
        for tick in ticks(*self.x):
            x = self.across(tick)
            axes.append(f'<path class="grid" d="M{x:.1f} {self.top}V{low}"/>')
            axes.append(f'<text x="{x:.1f}" y="{low + 16}">{number(tick, 4)}</text>')
        for tick in ticks(*self.y):
            y, text = self.up(tick), number(10**tick if power else tick, 3 if power else 4)
            axes.append(f'<path class="grid" d="M{self.left} {y:.1f}H{right}"/>')
            axes.append(f'<text class="end" x="{self.left - 6}" y="{y + 4:.1f}">{text}</text>')
        clip = f"{label}-{abs(hash((self, inside))):x}"
        middle = (self.left + right) / 2
        return (
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{label}">'
            f'<clipPath id="{clip}"><rect x="{self.left}" y="{self.top}" '
            f'width="{right - self.left}" height="{low - self.top}"/></clipPath>'
            f'{"".join(axes)}<g clip-path="url(#{clip})">{inside}</g>'
            f'<text x="{middle}" y="{self.height - 8}" class="name">{escape(x_name)}</text>'
            f'<text class="name" transform="translate(13 {(self.top + low) / 2}) rotate(-90)">'
            f"{escape(y_name)}</text></svg>"
        )


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers between `low` and `high`: 1, 2 or 5 times a power of ten apart."""
    rough = (high - low) / most
    if not (math.isfinite(rough) and rough > 0):
        return []
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough)
    return [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _span(value: float) -> float:
    """How far to look on either side of a value."""
    return max(2.0, 1.5 * abs(value))


def _range(values: np.ndarray, always: Sequence[float]) -> tuple[float, float]:
    """From the lowest to the highest, without outliers (poles), with a margin."""
    finite = values[np.isfinite(values)]
    kept = [v for v in always if math.isfinite(v)]
    if finite.size:
        low, high = np.percentile(finite, [3, 97])
        inner = finite[(finite >= low - 2 * (high - low)) & (finite <= high + 2 * (high - low))]
        kept += [float(inner.min()), float(inner.max())]
    low, high = (min(kept), max(kept)) if kept else (-1.0, 1.0)
    margin = 0.06 * (high - low) or 0.5 * max(1.0, abs(high))
    return low - margin, high + margin


def curve(expression: Expression, values: Mapping[str, float], name: str, slope: float) -> str:
    """The function along `name`, all else fixed, with the tangent of `slope` at the point."""
    here = values[name]
    x = np.linspace(here - _span(here), here + _span(here), SAMPLES)
    y = np.broadcast_to(evaluate(expression, {**values, name: x}), x.shape)
    at = float(evaluate(expression, values))
    frame = Frame((float(x[0]), float(x[-1])), _range(y, [at]))
    inside = frame.line(x, y, "curve")
    if math.isfinite(at):
        if math.isfinite(slope):
            inside += frame.line(x[[0, -1]], at + slope * (x[[0, -1]] - here), "tangent")
        inside += frame.dot(here, at, "point", 5, f"{name} = {number(here)}: {number(at)}")
    return frame.svg(inside, name, "f", "curve")


def contours(
    expression: Expression,
    values: Mapping[str, float],
    names: tuple[str, str],
    gradients: Mapping[str, float],
    paths: Sequence[Path] = (),
) -> str:
    """The function over two variables: lines of equal value, the gradient's direction at the
    point (uphill, at a right angle to the line: both axes have the same scale), and `paths`."""
    a, b = names
    center, half = _window(values, names, paths)
    sides = [np.linspace(c - half, c + half, GRID) for c in center]
    grid_x, grid_y = np.meshgrid(*sides)
    z = np.broadcast_to(evaluate(expression, {**values, a: grid_x, b: grid_y}), grid_x.shape)
    size = {"width": 420, "height": 406, "left": 58, "right": 12, "top": 12, "bottom": 44}
    ends = [(float(side[0]), float(side[-1])) for side in sides]
    frame = Frame(*ends, **size)
    inside = _level_lines(frame, sides, z)
    for path in reversed(paths):  # the plain one on top
        # Drawn while it is near: a diverging path leaves the window and the line ends there.
        points = [p for p in path.points if all(math.isfinite(p[n]) for n in names)]
        title = path.method
        inside += frame.line([p[a] for p in points], [p[b] for p in points], f"path {title}")
        inside += "".join(frame.dot(p[a], p[b], f"step {title}", 2) for p in points[:60])
    inside += _gradient_arrow(frame, values, names, gradients, half)
    inside += frame.dot(values[a], values[b], "point", 5)
    return frame.svg(inside, a, b, "contours")


def _window(
    values: Mapping[str, float], names: tuple[str, str], paths: Sequence[Path]
) -> tuple[tuple[float, float], float]:
    """A square around the point and those parts of the paths that stay near it."""
    here = [values[n] for n in names]
    reach = max(map(_span, here))
    points = [here] + [[p[n] for n in names] for path in paths for p in path.points]
    near = [
        p for p in points if all(abs(q - h) <= 2.5 * reach for q, h in zip(p, here, strict=True))
    ]
    low, high = np.min(near, axis=0), np.max(near, axis=0)
    half = max(0.6 * float(np.max(high - low)), 0.5 * reach, 1.0)
    middle = (low + high) / 2
    return (float(middle[0]), float(middle[1])), half


def _level_lines(frame: Frame, sides: Sequence[np.ndarray], z: np.ndarray) -> str:
    finite = z[np.isfinite(z)]
    if not finite.size or finite.min() == finite.max():
        return ""
    masked = np.ma.masked_invalid(z)
    lines = contourpy.contour_generator(*sides, masked)
    for levels in (LEVELS, LEVELS // 3, 1):
        at = np.unique(np.percentile(finite, np.linspace(1, 97, levels) if levels > 1 else 50))
        found = [(level, points) for level in at for points in lines.lines(level)]
        if sum(len(points) for _, points in found) <= MOST_POINTS:
            break
    drawn = []
    for level, points in found:
        shape = frame.line(points[:, 0], points[:, 1], "contour")
        hover = f"<title>{number(float(level), 4)}</title></path>"
        shade = 0.3 + 0.7 * np.searchsorted(at, level) / levels
        opacity = f'<path style="opacity:{shade:.2f}" '
        drawn.append(shape.replace("<path ", opacity).replace("/>", f">{hover}"))
    return "".join(drawn)


def _gradient_arrow(
    frame: Frame,
    values: Mapping[str, float],
    names: tuple[str, str],
    gradients: Mapping[str, float],
    half: float,
) -> str:
    slope = [gradients[n] for n in names]
    length = math.hypot(*slope)
    if not (math.isfinite(length) and length > 0):
        return ""
    x, y = (values[n] for n in names)
    dx, dy = (s / length * 2 * half * ARROW for s in slope)
    tip = [(x + dx, y + dy)]
    for turn in (2.7, -2.7):
        c, s = math.cos(turn) * 0.25, math.sin(turn) * 0.25
        tip.append((x + dx + c * dx - s * dy, y + dy + s * dx + c * dy))
    corners = " ".join(f"{frame.across(px):.1f},{frame.up(py):.1f}" for px, py in tip)
    shaft = frame.line([x, x + dx], [y, y + dy], "uphill")
    return f'{shaft}<polygon class="uphill" points="{corners}"/>'


def losses(paths: Sequence[Path], step_name: str, loss_name: str) -> str:
    """The loss after each step, one line a method; logarithmic where all are positive."""
    found = [v for path in paths for v in path.losses if math.isfinite(v)]
    power = bool(found) and min(found) > 0 and max(found) > 50 * min(found)
    lowest = max(min(found, default=0), 1e-16)
    shown = {
        path.method: np.log10(np.clip(path.losses, lowest, 1e16)) if power else path.losses
        for path in paths
    }
    every = np.array([v for values in shown.values() for v in values], dtype=float)
    last = max((len(path.losses) - 1 for path in paths), default=1)
    finite = every[np.isfinite(every)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    margin = 0.06 * (high - low) or 0.5 * max(1.0, abs(high))
    frame = Frame((0, max(last, 1)), (low - margin, high + margin))
    inside = "".join(
        frame.line(range(len(values)), values, f"path {method}")
        for method, values in reversed(shown.items())
    )
    return frame.svg(inside, step_name, loss_name, "losses", power)
