"""What may be the name of a class: it is shown to everybody, logged, and stored as JSON."""

from __future__ import annotations

import unicodedata

MAX_LABELS, MAX_LENGTH = 10_000, 200
# control characters, halves of surrogate pairs, separators of lines and of paragraphs
REFUSED = frozenset(("Cc", "Cs", "Zl", "Zp"))


def is_label(name: object) -> bool:
    """Whether `name` is text of 1 to MAX_LENGTH characters that all can be shown on one line."""
    return (
        isinstance(name, str)
        and 1 <= len(name) <= MAX_LENGTH
        and not any(unicodedata.category(character) in REFUSED for character in name)
    )
