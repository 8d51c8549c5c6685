"""Where a served model came from, and what is served while it cannot be had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from model.errors import UserError

Model = TypeVar("Model")


@dataclass(frozen=True)
class Origin:
    """Where a model came from: `source` is "bundled", a folder's name or a Hub repo; `revision`
    is the Hub's 40-hex commit, None for what did not come from the Hub."""

    source: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{self.source}@{self.revision[:12]}" if self.revision else self.source


@dataclass(frozen=True)
class State(Generic[Model]):
    """What is served from now on: a model, or else the error that says why there is none.
    `notice` tells the reader that the model is not the one that was asked for, and why."""

    model: Model | None = None
    error: UserError | None = None
    notice: UserError | None = None
