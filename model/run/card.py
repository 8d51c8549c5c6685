"""Model cards from a template, and figures for them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData
from matplotlib.figure import Figure


def write_card(template: Path, data: ModelCardData, **facts: Any) -> str:
    """The README.md of a run folder: `template`, a Markdown file for Jinja, filled with `facts`,
    and with `data` as its front matter where it says `card_data`.

    What facts hold is only ever text: no Jinja in a user's class name is followed. In a table it
    goes through `cell`.
    """
    # Jinja drops the newline at the template's end.
    return f"{ModelCard.from_template(data, str(template), **facts)}\n"


def cell(text: str) -> str:
    """A user's `text` for a cell of a Markdown table: one line, and no end of the cell in it."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")


def to_png(figure: Figure) -> bytes:
    """The figure as a PNG, the same bytes for the same figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None})  # no version in it
    return buffer.getvalue()
