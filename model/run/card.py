"""Model cards from a template, and figures for them."""

from __future__ import annotations

import io
import re
import unicodedata
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData
from matplotlib.figure import Figure

from model.process.log import escape

DATASET = re.compile(r"[\w-]+/[\w.-]+", re.ASCII)
# What Markdown, its extensions and HTML give a meaning. An underscore within a word has none.
MARKUP = re.compile(r"[\\`*\[\]<>|~&#$!^]|(?<![^\W_])_|_(?![^\W_])")


def write_card(template: Path, data: ModelCardData, **facts: Any) -> str:
    """The README.md of a run folder: `template`, a Markdown file for Jinja, filled with `facts`,
    and with `data` as its front matter where it says `card_data`.

    Every text among the facts, however deep, is shown as it is: neither Jinja nor Markdown nor HTML
    in a user's words is followed. What is meant as Markdown is given as `Markdown`.
    """
    # Jinja drops the newline at the template's end.
    return f"{ModelCard.from_template(data, str(template), **_plain(facts))}\n"


class Markdown(str):
    """Text of this program's own, that is Markdown and to be read as such."""


def plain(text: str) -> str:
    """A user's `text` so that Markdown shows it as it is, in a cell of a table as well."""
    return MARKUP.sub(r"\\\g<0>", escape(" ".join(text.split())))


def identifier(text: str) -> str:
    """A name that the Hub takes for an id: the `text`, where it is USER/DATASET, or what is as near
    to the user's as can be."""
    if DATASET.fullmatch(text):
        return text
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.findall(r"[A-Za-z0-9_]+", ascii_only)
    return "-".join(words)[:96] or "pictures"


def _plain(fact: Any) -> Any:
    """`fact` with all texts in it made `plain`."""
    if isinstance(fact, dict):
        return {_plain(key): _plain(value) for key, value in fact.items()}
    if isinstance(fact, list | tuple):
        return [_plain(each) for each in fact]
    return plain(fact) if isinstance(fact, str) and not isinstance(fact, Markdown) else fact


def to_png(figure: Figure) -> bytes:
    """The figure as a PNG, the same bytes for the same figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None})  # no version in it
    return buffer.getvalue()
