"""A small network as it is told, and who watches one learn, for the tests of regression."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from model.run.progress import Silence

ROOT = Path(__file__).parents[1]
BUNDLED = ROOT / "model" / "weights" / "regression"
ROW = [0.31, -1.2, 0.55, 2.04, -0.77, 1.5, -2.1, 0.08, 0.9, -0.4]


def plain_network() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1)
    )


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


class Watch(Silence):
    """Writes down the bars, how far each came and its figures; `act` is told how far each time."""

    def __init__(self, act: Callable[[int], object] = lambda done: None) -> None:
        self.act, self.bars, self.figures = act, [], []

    def bar(self, title: str, total: int) -> Silence:
        self.bars.append([title, 0, total])
        return self

    def advance(self, steps: int) -> None:
        self.bars[-1][1] += steps

    def note(self, **figures: float) -> None:
        self.figures.append(figures)
        self.act(self.bars[-1][1])


def interrupt_at(epoch: int) -> Watch:
    def act(done: int) -> None:
        if done == epoch:
            raise KeyboardInterrupt

    return Watch(act)
