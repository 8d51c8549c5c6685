"""How a training tells what it is doing: a line a phase, a bar for what takes time."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from tqdm import tqdm


class Bar(Protocol):
    """A progress bar: `advance` it by some steps, `note` figures at its end."""

    def advance(self, steps: int) -> None: ...
    def note(self, *, loss: float, accuracy: float) -> None: ...


class Reporter(Protocol):
    """Where progress is told."""

    def line(self, text: str) -> None: ...
    def bar(self, title: str, total: int) -> AbstractContextManager[Bar]: ...


class Silence:
    """A reporter and a bar that tell nothing."""

    def line(self, text: str) -> None: ...
    def advance(self, steps: int) -> None: ...
    def note(self, *, loss: float, accuracy: float) -> None: ...

    def bar(self, title: str, total: int) -> Silence:
        return self

    def __enter__(self) -> Silence:
        return self

    def __exit__(self, *error: object) -> None: ...


class Terminal:
    """A reporter that prints lines to standard output and bars to standard error."""

    def line(self, text: str) -> None:
        print(text, flush=True)

    def bar(self, title: str, total: int) -> TerminalBar:
        return TerminalBar(desc=f"{title:>12}", total=total, unit="", leave=True)


class TerminalBar(tqdm):
    """tqdm under the names of `Bar`."""

    def advance(self, steps: int) -> None:
        self.update(steps)

    def note(self, *, loss: float, accuracy: float) -> None:
        self.set_postfix(loss=f"{loss:.4f}", accuracy=f"{accuracy:.1%}")


class PhaseBars:
    """One bar a phase, each step named by its figures; closes them all at the end."""

    def __init__(self) -> None:
        self.bars: dict[str, TerminalBar] = {}

    def __call__(self, phase: str, done: int, total: int, figures: Mapping[str, float]) -> None:
        if phase not in self.bars:
            self.bars[phase] = Terminal().bar(phase, total)
        bar = self.bars[phase]
        bar.update(done - bar.n)
        bar.set_postfix({name: f"{value:.4f}" for name, value in figures.items()})

    def __enter__(self) -> PhaseBars:
        return self

    def __exit__(self, *error: object) -> None:
        for bar in self.bars.values():
            bar.close()
