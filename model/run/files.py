"""The names of a run's files and of an evaluation's. Nothing here needs torch."""

from __future__ import annotations

WEIGHTS, CONFIG, METRICS, CARD = "model.safetensors", "config.json", "metrics.json", "README.md"
KNOWN = "known.safetensors"  # what the classifier's "neither" answer needs
CURVES, RELIABILITY = "curves.png", "reliability.png"
NAMES = frozenset({WEIGHTS, CONFIG, METRICS, CARD, KNOWN, CURVES, RELIABILITY})
EVALUATION, WORST = "evaluation.json", "worst.png"
EVALUATION_NAMES = frozenset({EVALUATION, WORST})

# What file managers leave in a folder that was looked at: nobody's work, so no reason to stop.
SYSTEM_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
