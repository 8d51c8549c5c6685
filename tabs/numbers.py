"""Numbers for people: as many digits as they read, and a minus as a minus."""

from __future__ import annotations

import math


def number(value: float, digits: int = 6, missing: str = "nan") -> str:
    """At most so many significant digits: 3 rather than 3.0, 0 rather than −0; `missing` for nan,
    and "inf"."""
    return missing if math.isnan(value) else f"{value + 0.0:.{digits}g}".replace("-", "−")


def signed(value: float, decimals: int = 2) -> str:
    """With its sign, none at zero, and always so many digits behind the point."""
    rounded = round(value, decimals) + 0.0
    return f"{rounded:{'+' if rounded else ''}.{decimals}f}".replace("-", "−")
