"""How every page of ours looks and behaves in a browser: theme, style sheets, scripts, words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from tabs.language import Words, translations
from tabs.server.document import with_scripts

HERE = Path(__file__).parent
STYLES = sorted(HERE.rglob("style.css"))
# That of the language makes what the others speak through.
SCRIPTS = sorted(HERE.glob("scripts/*.js"), key=lambda path: (path.stem != "language", path))
FAVICON = HERE / "favicon.png"
# What the visitor has on their machine: nothing is fetched from elsewhere.
FONT = ("system-ui", "sans-serif")
MONOSPACE = ("ui-monospace", "monospace")
# What of Gradio's Soft is too pale: text needs a contrast of 4.5, the edge of a control one of 3
# (WCAG 2.2, 1.4.3 and 1.4.11). name: (in the light, in the dark)
COLOURS = {
    "body_text_color_subdued": ("*neutral_600", "*neutral_300"),
    "input_placeholder_color": ("*neutral_500", "*neutral_300"),
    "color_accent": ("*primary_700", "*primary_400"),
    "block_label_text_color": ("*primary_700", "white"),
    "block_title_text_color": ("*primary_700", "white"),
    "link_text_color": ("*primary_700", "*primary_300"),
    "link_text_color_visited": ("*primary_700", "*primary_300"),
    "link_text_color_active": ("*primary_700", "*primary_300"),
    "link_text_color_hover": ("*primary_800", "*primary_200"),
    "button_primary_background_fill": ("*primary_600", "*primary_600"),
    "button_primary_background_fill_hover": ("*primary_700", "*primary_700"),
    "button_secondary_background_fill_hover": ("*neutral_100", "*primary_700"),
    "button_secondary_border_color": ("*neutral_500", "*neutral_400"),
    "checkbox_label_background_fill_selected": ("*primary_600", "*primary_600"),
    "checkbox_border_color": ("*neutral_500", "*neutral_400"),
    "checkbox_border_color_hover": ("*neutral_700", "*neutral_200"),
    "input_border_color": ("*neutral_500", "*neutral_400"),
    "input_border_width": ("1px", "1px"),
    "slider_color": ("*primary_600", "*primary_400"),
}


def appearance(*words: Words) -> dict[str, Any]:
    """Options of `gr.Blocks.launch` for a page with these words."""
    return {
        "theme": theme(),
        "favicon_path": FAVICON,
        "css_paths": STYLES,
        "i18n": translations(*words),
        "app_kwargs": {"middleware": [with_scripts(SCRIPTS)]},
    }


def theme() -> gr.Theme:
    """Gradio's Soft in colours that everybody can read, light and dark."""
    made = gr.themes.Soft(font=FONT, font_mono=MONOSPACE)
    for name, (light, dark) in COLOURS.items():
        setattr(made, name, light)
        setattr(made, f"{name}_dark", dark)
    return made
