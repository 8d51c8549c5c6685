"""How a training tells what it is doing: a line a phase, a bar for what takes time."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from tqdm import tqdm


class Bar(Protocol):
    """A progress bar: `advance` it by some steps, `note` figures at its end."""

    def advance(self, steps: int) -> object: ...
    def note(self, **figures: float) -> None: ...


class Reporter(Protocol):
    """Where progress is told."""

    def line(self, text: str) -> None: ...
    def bar(self, title: str, total: int) -> AbstractContextManager[Bar]: ...


class Silence:
    """A reporter and a bar that tell nothing."""

    def line(self, text: str) -> None: ...
    def advance(self, steps: int) -> None: ...
    def note(self, **figures: float) -> None: ...

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

    advance = tqdm.update

    def note(self, **figures: float) -> None:
        self.set_postfix(
            {k: f"{v:.1%}" if k == "accuracy" else f"{v:.4f}" for k, v in figures.items()}
        )
