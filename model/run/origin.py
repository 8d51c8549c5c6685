"""Where a served model came from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """Where a model came from: `source` is "bundled", a folder's name or a Hub repo; `revision`
    is the Hub's 40-hex commit, None for what did not come from the Hub."""

    source: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{self.source}@{self.revision[:12]}" if self.revision else self.source
