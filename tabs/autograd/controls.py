"""What the controls of the autograd tab hold, and what they hold where nothing was changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from model.autograd.expression import Expression
from model.autograd.parsing import LIMITS

FOLDER = Path(__file__).parents[2] / "examples"
EXAMPLES: Mapping[str, dict] = {
    each["id"]: each for each in json.loads((FOLDER / "expressions.json").read_text("utf-8"))
}
DEFAULT = EXAMPLES["squared_error"]
NEW_VALUE = 1.0  # of a variable that has not been given one
FIELDS = [f"field_{k}" for k in range(LIMITS.variables)]  # for values, shown as needed
VIEWS = ("descent", "formula", "code")
STEPS = 30  # of descent

Values = dict[str, float | None]  # None: the field is empty
Choice = dict[str, Any]  # variables: "along", "across", "up", and a list, "trained"


def example_of(expression: str) -> dict:
    """The example with this expression, or what holds for one that is none of them."""
    none = {"expression": expression, "values": {}, "trains": [], "rate": DEFAULT["rate"]}
    return next((e for e in EXAMPLES.values() if e["expression"] == expression), none)


def choice_of(names: Sequence[str], trained: Sequence[str], before: Choice | None = None) -> Choice:
    """Variables to draw and to change: those of `before` that are still there, else the first
    ones that are `trained` (all, if none is)."""
    changed = [name for name in names if name in trained] or list(names)
    first = changed[0] if changed else None
    other = next((n for n in (*changed, *names) if n != first), None)
    kept = {key: name for key, name in (before or {}).items() if key != "trained" and name in names}
    return {"along": first, "across": first, "up": other, **kept, "trained": changed}


def bounded(value: float | None) -> float | None:
    """A value that was typed, or the nearest that may be."""
    return None if value is None else max(-LIMITS.number, min(LIMITS.number, value))


@dataclass(frozen=True)
class Controls:
    """All that an answer follows from, and that the address says."""

    expression: str = DEFAULT["expression"]  # as it stands in the box
    kept: Values = field(default_factory=dict)  # of every variable that there ever was
    second: bool = False  # derivatives too
    functions: bool = False  # grad_fn in the graph
    step: int = 0
    chosen: Choice = field(default_factory=dict)
    rate: float | None = DEFAULT["rate"]
    steps: int = STEPS
    view: str = VIEWS[0]

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Controls:
        """From components by their names; the fields, where they are `given`, are for the variables
        `names`. They are redrawn one after another: only who hears of a change by hand may read
        them, and all others what was `kept` of them."""
        typed = (
            {}
            if FIELDS[0] not in given
            else dict(zip(given["names"] or (), (bounded(given[f]) for f in FIELDS), strict=False))
        )
        held = {each.name: given[each.name] for each in fields(cls)}
        return cls(**{**held, "kept": {**given["kept"], **typed}})

    def values(self, parsed: Expression) -> Values:
        return {name: self.kept.get(name, NEW_VALUE) for name in parsed.variables}
