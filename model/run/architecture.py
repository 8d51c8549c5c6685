"""What network a config.json speaks of, be it of this program, of timm or of transformers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def architecture_of(config: Mapping[str, Any]) -> str | None:
    """Its name, at most 40 characters on one line; None where there is none."""
    listed = config.get("architectures")  # of transformers
    first = listed[0] if isinstance(listed, list) and listed else None
    for name in (config.get("architecture"), first, config.get("model_type")):
        if name is not None and (text := " ".join(str(name).split())):
            return text[:40]
    return None
