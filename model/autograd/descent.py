"""Gradient descent on an expression: plain, with momentum, and Adam, by torch.optim.

And why it diverges. Along a direction of curvature λ a plain step multiplies the distance to the
minimum by 1 − rate·λ, so it grows once rate > 2/λ (Goodfellow, Bengio and Courville, Deep
Learning, 2016, §4.3). For (target − (w·x + b))² over w and b, λ = 2(x² + 1): the limit is
1/(x² + 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial

import torch
from torch.optim import SGD, Adam, Optimizer

from model.autograd.expression import Expression, Node
from model.autograd.gradients import checked_values, differentiate, forward, leaves, tensor
from model.errors import UserError

MOMENTUM = 0.9
FARTHEST = 1e12  # a loss or a parameter beyond it ends the descent
MOST_STEPS = 100
MOST_RATE = 1000.0
ZERO, TINY = 1e-12, 1e-15  # eigenvalues: of the largest, and in themselves
ALONG = 1e-9  # of the largest slope, that along a direction counts as none

METHODS: Mapping[str, Callable[..., Optimizer]] = {
    "plain": SGD,
    "momentum": partial(SGD, momentum=MOMENTUM),
    "adam": Adam,
}


class NothingToTrain(UserError):
    en = "Choose at least one variable for the descent to change."
    zh = "请至少选择一个要优化的变量。"


class BadDescent(UserError):
    en = "The learning rate must be above 0 and at most {rate:g}, the steps from 1 to {limit}."
    zh = "学习率须大于 0 且不超过 {rate:g}，步数须在 1 到 {limit} 之间。"


@dataclass(frozen=True)
class Path:
    """One method's way: `points[k]` and `losses[k]` after k steps, the start included."""

    method: str
    points: list[dict[str, float]]
    losses: list[float]
    diverged: bool  # it ended early, at infinity or on the way there


class Fate(Enum):
    """What plain descent meets along the directions of curvature, by the slope along each."""

    UNDEFINED = auto()  # value, slope or curvature is not finite
    LEVEL = auto()  # no slope at all: it stays
    FALLS = auto()  # a slope where the function curves downwards: it runs away at any rate
    RIDGE = auto()  # it curves downwards where there is no slope: it balances
    SLIDES = auto()  # a slope that does not curve: it goes on for ever
    BALANCED = auto()  # a bowl, with no slope along the direction that curves most
    BOWL = auto()  # the rate decides, by `Stability.limit`


@dataclass(frozen=True)
class Stability:
    """How the function curves where descent starts. `limit` is the largest rate at which plain
    descent does not diverge along the direction that curves most, None where none curves upwards.
    """

    curvature: float  # the largest eigenvalue of the Hessian
    lowest: float  # the smallest
    limit: float | None
    fate: Fate
    quadratic: bool  # the curvature is the same everywhere, and what follows from it holds

    def factor(self, rate: float) -> float:
        """What one plain step multiplies the distance to the minimum by, where it curves most."""
        return 1 - rate * self.curvature


def descend(
    expression: Expression,
    values: Mapping[str, object],
    trained: Sequence[str],
    rate: float,
    steps: int,
) -> list[Path]:
    """Walk from `values` with each of `METHODS`, changing only the variables in `trained`.

    Raises `NothingToTrain` and `BadDescent`, and what `checked_values` raises.
    """
    start = checked_values(expression, values)
    if not set(trained) & set(start):
        raise NothingToTrain()
    if not (0 < rate <= MOST_RATE and 1 <= steps <= MOST_STEPS):
        raise BadDescent(rate=MOST_RATE, limit=MOST_STEPS)

    def walk(method: str) -> Path:
        variables = leaves(start)
        optimizer = METHODS[method]([variables[n] for n in variables if n in trained], lr=rate)
        points, losses = [], []
        for _ in range(steps + 1):
            loss = tensor(forward(expression, variables)[-1])
            points.append({name: variable.item() for name, variable in variables.items()})
            losses.append(loss.item())
            if not max(abs(losses[-1]), *map(abs, points[-1].values())) <= FARTHEST:  # nan too
                return Path(method, points, losses, diverged=True)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return Path(method, points, losses, diverged=False)

    return [walk(method) for method in METHODS]


def stability(
    expression: Expression, values: Mapping[str, object], trained: Sequence[str]
) -> Stability:
    """The curvature over `trained` at `values`, and what it does to plain descent."""
    start = checked_values(expression, values)
    names = [name for name in expression.variables if name in trained]
    if not names:
        raise NothingToTrain()
    found = differentiate(expression, start, order=2)
    rows = found.hessian or {}
    hessian = torch.tensor([[rows[a][b] for b in names] for a in names], dtype=torch.float64)
    slopes = torch.tensor([found.gradients[name] for name in names], dtype=torch.float64)
    quadratic = degree(expression, names) <= 2
    if not (math.isfinite(found.value) and hessian.isfinite().all() and slopes.isfinite().all()):
        return Stability(math.nan, math.nan, None, Fate.UNDEFINED, quadratic)
    eigenvalues, directions = torch.linalg.eigh(hessian)
    nothing = ZERO * eigenvalues.abs().max().item() + TINY
    limit = 2 / eigenvalues[-1].item() if eigenvalues[-1] > nothing else None
    fate = _fate(eigenvalues, directions.T @ slopes, nothing)
    return Stability(eigenvalues[-1].item(), eigenvalues[0].item(), limit, fate, quadratic)


def _fate(eigenvalues: torch.Tensor, along: torch.Tensor, nothing: float) -> Fate:
    """By the slope `along` each direction; eigenvalues up to `nothing` are rounding."""
    if not along.any():
        return Fate.LEVEL
    slopes = along.abs() > ALONG * along.abs().max()
    down, flat = eigenvalues < -nothing, eigenvalues.abs() <= nothing
    if (down & slopes).any():
        return Fate.FALLS
    if down.any():
        return Fate.RIDGE
    if (flat & slopes).any():
        return Fate.SLIDES
    return Fate.BOWL if slopes[-1] else Fate.BALANCED


def degree(expression: Expression, names: Sequence[str]) -> float:
    """The degree of a polynomial in `names` as it is written, infinite where it is none.

    Comparing curvatures at two points instead would take abs(x) for a straight line.
    """

    def leaf(node: Node) -> float:
        return float(node.name in names)

    def apply(node: Node, inputs: list[float]) -> float:
        if node.constant is not None or not any(inputs):
            return 0.0
        match node.operation:
            case "neg" | "add" | "sub":
                return max(inputs)
            case "mul":
                return sum(inputs)
            case "div" if inputs[1] == 0:
                return inputs[0]
            case "pow":
                power = expression.nodes[node.inputs[1]].constant
                if power is not None and power >= 0 and power == int(power):
                    return inputs[0] * power
        return math.inf

    return expression.fold(leaf, apply)[-1]
