"""Three drawings of a function: along one variable with its tangent, over two as contours with the
way descent took, and the loss at each of its steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import contourpy
import numpy as np

from model.autograd.expression import Expression
from model.autograd.numeric import evaluate
from tabs.numbers import number
from tabs.svg import Frame, arrow_head, ticks

if TYPE_CHECKING:  # torch comes with it
    from model.autograd.descent import Path

SAMPLES = 241  # along a curve
GRID = 81  # along each side of a contour plot
LEVELS = 14
MOST_POINTS = 20_000  # of all level lines, some 250 kB; a wilder function gets fewer of them
ARROW = 0.16  # of the plot's width: the gradient arrow


def _reach(value: float) -> float:
    """How far to look on either side of a value."""
    return max(2.0, 1.5 * abs(value))


def _padded(values: np.ndarray) -> tuple[float, float]:
    """From the lowest to the highest, with a margin."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    margin = 0.06 * (high - low) or 0.5 * max(1.0, abs(high))
    return low - margin, high + margin


def curve(
    expression: Expression, values: Mapping[str, float], name: str, slope: float, label: str
) -> str:
    """The function along `name`, all else fixed, with the tangent of `slope` at the point. `label`
    says so in words."""
    here, at = values[name], float(evaluate(expression, values))
    ends = here - _reach(here), here + _reach(here)
    x = np.linspace(*ends, SAMPLES)
    y = np.broadcast_to(evaluate(expression, {**values, name: x}), x.shape)
    shown = y[np.isfinite(y)]
    if shown.size:  # poles are left out
        low, high = np.percentile(shown, [3, 97])
        shown = shown[(shown >= low - 2 * (high - low)) & (shown <= high + 2 * (high - low))]
    frame = Frame(ends, _padded(np.append(shown, at)))
    inside = frame.line(x, y, "curve")
    if math.isfinite(at):
        inside += frame.line(ends, [at + slope * (end - here) for end in ends], "tangent")
        inside += frame.dot(here, at, "point", 5, title=f"{name} = {number(here)}: {number(at)}")
    return frame.svg(inside, (name, expression.result_name), label)


def contours(
    expression: Expression,
    values: Mapping[str, float],
    names: tuple[str, str],
    gradients: Mapping[str, float],
    label: str,
    paths: Sequence[Path] = (),
) -> str:
    """The function over two variables: lines of equal value, the gradient's direction at the
    point (uphill, at a right angle to the line: both axes have the same scale), and `paths`."""
    a, b = names
    center, half = _window(values, names, paths)
    ends = [(c - half, c + half) for c in center]
    xs, ys = (np.linspace(*end, GRID) for end in ends)
    grid_x, grid_y = np.meshgrid(xs, ys)
    z = np.broadcast_to(evaluate(expression, {**values, a: grid_x, b: grid_y}), grid_x.shape)
    frame = Frame(*ends, width=420, height=406)
    inside = _level_lines(frame, xs, ys, z)
    for path in reversed(paths):  # the plain one on top
        points = np.array([(p[a], p[b]) for p in path.points])
        points = points[np.isfinite(points).all(axis=1)]  # a diverging one may end at infinity
        inside += frame.line(*points.T, f"path {path.method}")
        inside += "".join(frame.dot(*point, f"step {path.method}", 2) for point in points[:60])
    slope = gradients[a], gradients[b]
    steepness = math.hypot(*slope)
    if math.isfinite(steepness) and steepness > 0:
        dx, dy = (s / steepness * 2 * half * ARROW for s in slope)
        tip = values[a] + dx, values[b] + dy
        inside += frame.line((values[a], tip[0]), (values[b], tip[1]), "uphill")
        inside += arrow_head(frame.point(*tip), (dx, -dy), 13, 12, "uphill")
    inside += frame.dot(values[a], values[b], "point", 5)
    return frame.svg(inside, names, label)


def _window(
    values: Mapping[str, float], names: tuple[str, str], paths: Sequence[Path]
) -> tuple[list[float], float]:
    """A square around the point and those parts of the paths that stay near it: its middle, and
    half its width."""
    here = np.array([values[n] for n in names])
    reach = max(map(_reach, here))
    points = np.array([here, *([p[n] for n in names] for path in paths for p in path.points)])
    near = points[(abs(points - here) <= 2.5 * reach).all(axis=1)]
    low, high = near.min(axis=0), near.max(axis=0)
    return ((low + high) / 2).tolist(), max(0.6 * float((high - low).max()), 0.5 * reach, 1.0)


def _level_lines(frame: Frame, xs: np.ndarray, ys: np.ndarray, z: np.ndarray) -> str:
    finite = z[np.isfinite(z)]
    if not finite.size or finite.min() == finite.max():
        return ""
    lines = contourpy.contour_generator(xs, ys, np.ma.masked_invalid(z))
    for levels in (LEVELS, LEVELS // 3, 1):
        at = np.unique(np.percentile(finite, np.linspace(1, 97, levels) if levels > 1 else 50))
        found = [(level, points) for level in at for points in lines.lines(level)]
        if sum(len(points) for _, points in found) <= MOST_POINTS:
            break
    drawn = ""
    for level, points in found:
        style = f"opacity:{0.3 + 0.7 * np.searchsorted(at, level) / levels:.2f}"
        drawn += frame.line(*points.T, "contour", title=number(level, 4), style=style)
    return drawn


def losses(paths: Sequence[Path], names: tuple[str, str], label: str) -> str:
    """The loss after each step, one line a method; logarithmic where all are positive. `names` are
    those of the axes."""
    every = np.concatenate([path.losses for path in paths])
    found = every[np.isfinite(every)]
    logarithmic = found.size > 0 and found.min() > 0 and found.max() > 50 * found.min()
    shown = {path.method: np.array(path.losses) for path in paths}
    if logarithmic:
        lowest = max(found.min(), 1e-16)
        shown = {m: np.log10(np.clip(values, lowest, 1e16)) for m, values in shown.items()}
    last = max(len(path.losses) - 1 for path in paths)
    frame = Frame((0, max(last, 1)), _padded(np.concatenate(list(shown.values()))))
    inside = "".join(
        frame.line(range(len(values)), values, f"path {method}")
        for method, values in reversed(shown.items())
    )
    powers = {tick: number(10**tick, 3) for tick in ticks(*frame.y)} if logarithmic else None
    return frame.svg(inside, names, label, y_ticks=powers)
