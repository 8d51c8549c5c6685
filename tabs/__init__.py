"""The interface: everything that imports Gradio."""

from pathlib import Path

STYLES = sorted(Path(__file__).parent.rglob("style.css"))  # for `launch(css_paths=…)`
