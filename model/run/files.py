"""The names of a run's files. Nothing here needs torch."""

from __future__ import annotations

WEIGHTS, CONFIG, METRICS, CARD = "model.safetensors", "config.json", "metrics.json", "README.md"
KNOWN = "known.safetensors"  # what "unusual" and "neither" answers need
CURVES, RELIABILITY = "curves.png", "reliability.png"
NAMES = frozenset({WEIGHTS, CONFIG, METRICS, CARD, KNOWN, CURVES, RELIABILITY})

# What file managers leave in a folder that was looked at: nobody's work, so no reason to stop.
SYSTEM_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
