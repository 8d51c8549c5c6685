"""Figures for model cards, as the bytes of PNG files."""

from __future__ import annotations

import io

from matplotlib.figure import Figure


def to_png(figure: Figure) -> bytes:
    """The figure as a PNG, the same bytes for the same figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None})  # no version in it
    return buffer.getvalue()
