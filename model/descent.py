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

import torch
from torch.optim import SGD, Adam, Optimizer

from model.errors import UserError
from model.expression import Expression
from model.gradients import checked_values, differentiate, forward, leaves, tensor

MOMENTUM = 0.9
FARTHEST = 1e12  # a loss or a parameter beyond it ends the descent
MOST_STEPS = 100

METHODS: Mapping[str, Callable[[list[torch.Tensor], float], Optimizer]] = {
    "plain": lambda parameters, rate: SGD(parameters, lr=rate),
    "momentum": lambda parameters, rate: SGD(parameters, lr=rate, momentum=MOMENTUM),
    "adam": lambda parameters, rate: Adam(parameters, lr=rate),
}


class NothingToTrain(UserError):
    en = "Choose at least one variable for the descent to change."
    zh = "请至少选择一个要优化的变量。"


class BadDescent(UserError):
    en = "The learning rate must be above 0 and at most 1000, the steps from 1 to {limit}."
    zh = "学习率须大于 0 且不超过 1000，步数须在 1 到 {limit} 之间。"


@dataclass(frozen=True)
class Path:
    """One method's way: `points[k]` and `losses[k]` after k steps, the start included."""

    method: str
    points: list[dict[str, float]]
    losses: list[float]
    diverged: bool  # it ended early, at infinity or on the way there


@dataclass(frozen=True)
class Stability:
    """How curved the function is where descent starts. `limit` is the largest rate at which plain
    descent does not diverge, None where nothing curves upwards."""

    curvature: float  # the largest eigenvalue of the Hessian
    limit: float | None
    quadratic: bool  # the curvature is the same elsewhere, so the limit holds everywhere

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
    if not (0 < rate <= 1000 and 1 <= steps <= MOST_STEPS):
        raise BadDescent(limit=MOST_STEPS)
    return [_walk(expression, start, trained, method, rate, steps) for method in METHODS]


def _walk(
    expression: Expression,
    start: Mapping[str, float],
    trained: Sequence[str],
    method: str,
    rate: float,
    steps: int,
) -> Path:
    variables = leaves(start)
    optimizer = METHODS[method]([variables[n] for n in variables if n in trained], rate)
    points, losses = [], []
    for step in range(steps + 1):
        loss = tensor(forward(expression, variables)[-1])
        points.append({name: variable.item() for name, variable in variables.items()})
        losses.append(loss.item())
        far = max(abs(losses[-1]), *map(abs, points[-1].values()))
        if not far <= FARTHEST:  # nan too
            return Path(method, points, losses, diverged=True)
        if step < steps:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return Path(method, points, losses, diverged=False)


def stability(
    expression: Expression, values: Mapping[str, object], trained: Sequence[str]
) -> Stability:
    """The curvature over `trained` at `values`, and the rate that it allows."""
    start = checked_values(expression, values)
    names = [name for name in expression.variables if name in trained]
    if not names:
        raise NothingToTrain()
    here = _hessian(expression, start, names)
    elsewhere = {name: v + 0.37 * (name in trained) for name, v in start.items()}
    same = torch.allclose(here, _hessian(expression, elsewhere, names), rtol=1e-9, atol=1e-9)
    if not torch.isfinite(here).all():
        return Stability(math.nan, None, quadratic=False)
    curvature = torch.linalg.eigvalsh(here)[-1].item()
    return Stability(curvature, 2 / curvature if curvature > 1e-12 else None, same)


def _hessian(expression: Expression, point: Mapping[str, float], names: list[str]) -> torch.Tensor:
    """Second derivatives, (names, names)."""
    rows = differentiate(expression, point, order=2).hessian or {}
    return torch.tensor([[rows[a][b] for b in names] for a in names], dtype=torch.float64)
