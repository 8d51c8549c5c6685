"""The interface: a folder a tab. Computing is `model`'s work; a tab only asks and shows."""

from pathlib import Path

STYLES = sorted(Path(__file__).parent.rglob("style.css"))  # for `launch(css_paths=…)`
