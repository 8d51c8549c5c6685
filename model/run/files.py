"""The names of a run's files and of an evaluation's. Nothing here needs torch."""

from __future__ import annotations

from pathlib import Path

WEIGHTS, CONFIG, METRICS, CARD = "model.safetensors", "config.json", "metrics.json", "README.md"
KNOWN = "known.safetensors"  # what "unusual" and "neither" answers need
CURVES, RELIABILITY = "curves.png", "reliability.png"
NAMES = frozenset({WEIGHTS, CONFIG, METRICS, CARD, KNOWN, CURVES, RELIABILITY})
EVALUATION, WORST = "evaluation.json", "worst.png"
EVALUATION_NAMES = frozenset({EVALUATION, WORST})

# What file managers leave in a folder that was looked at: nobody's work, so no reason to stop.
SYSTEM_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})


def is_lfs_pointer(path: Path) -> bool:
    """Whether the file is what Git leaves in its place where Git LFS did not fetch it."""
    try:
        with path.open("rb") as file:
            return file.read(30).startswith(b"version https://git-lfs.")
    except OSError:  # whoever reads it next says so
        return False
