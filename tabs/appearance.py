"""How every page of ours looks and behaves in a browser: theme, style sheets, scripts, words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from tabs.language import Words, translations
from tabs.server.document import with_scripts

HERE = Path(__file__).parent
STYLES = sorted(HERE.rglob("style.css"))
SCRIPTS = [
    HERE / "scripts" / f"{name}.js" for name in ("language", "address", "freshness", "graph")
]
# What the visitor has on their machine: nothing is fetched from elsewhere.
FONT = ("system-ui", "sans-serif")
MONOSPACE = ("ui-monospace", "monospace")


def appearance(*words: Words) -> dict[str, Any]:
    """Options of `gr.Blocks.launch` for a page with these words."""
    return {
        "theme": gr.themes.Soft(font=FONT, font_mono=MONOSPACE),
        "css_paths": STYLES,
        "i18n": translations(*words),
        "app_kwargs": {"middleware": [with_scripts(SCRIPTS)]},
    }
