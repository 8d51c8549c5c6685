"""The address of the regression tab: its ten numbers, and how a network learns there."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from model.errors import UserError
from model.regression.ground_truth import INPUTS, NotANumber, OutOfRange, WrongCount
from tabs.regression.text import ROWS

NAME = "regression"
HIGHEST = 3.0  # of a slider, whose lowest is the same below zero
LEARNING_RATES = (0.0001, 0.001, 0.01, 0.1)
BATCH_SIZES = (16, 32, 128, 800)


class NoChoice(UserError):
    en = "{key} is “{value}”; it can be {choices}."
    zh = "{key} 为“{value}”，可选的值是 {choices}。"


@dataclass(frozen=True)
class Place:
    """What the tab holds: `x`, ten numbers from -3 to 3, and the settings of its training; and
    what is wrong with the address that asked for it."""

    x: tuple[float, ...] = tuple(map(float, ROWS[0]["x"]))
    rate: float = 0.001
    batch: int = 32
    problems: tuple[UserError, ...] = ()


def query_of(x: Sequence[float], rate: float, batch: int) -> str:
    """The address's query, without the tab's name."""
    row = ",".join(f"{each:.12g}" for each in x)
    return urlencode({"x": row, "rate": f"{rate:g}", "batch": batch}, safe=",")


def read_place(query: str) -> Place | None:
    """What an address asks for, None where it is another tab's. What it leaves out is as on a new
    page; of what is wrong in it everything is kept that can be."""
    asked = dict(parse_qsl(query, keep_blank_values=True))
    if asked.get("tab") != NAME:
        return None
    new, problems = Place(), []
    x = _read_row(asked["x"], problems) if "x" in asked else new.x
    rate = _read_choice(asked, "rate", LEARNING_RATES, new.rate, problems)
    batch = _read_choice(asked, "batch", BATCH_SIZES, new.batch, problems)
    return Place(x, rate, batch, tuple(problems))


def _read_row(text: str, problems: list[UserError]) -> tuple[float, ...]:
    """The numbers in `text`; zero for what is none, and the nearer end for what is beyond one."""
    pieces = re.split(r"\s*,\s*|\s+", text.strip()) if text.strip() else []
    if len(pieces) != INPUTS:
        problems.append(WrongCount(count=len(pieces), inputs=INPUTS))
    x = [0.0] * INPUTS
    for at, piece in enumerate(pieces[:INPUTS]):
        value = _as_number(piece)
        if not math.isfinite(value):
            problems.append(NotANumber(position=at + 1, limit=HIGHEST))
            continue
        if abs(value) > HIGHEST:
            problems.append(OutOfRange(position=at + 1, value=value, limit=HIGHEST))
        x[at] = max(-HIGHEST, min(HIGHEST, value)) + 0.0  # never −0
    return tuple(x)


def _read_choice(
    asked: dict[str, str],
    key: str,
    choices: Sequence[float],
    default: float,
    problems: list[UserError],
) -> float:
    """The one of `choices` that is asked for, or the `default`."""
    if key not in asked:
        return default
    value = _as_number(asked[key])
    if value in choices:
        return choices[choices.index(value)]
    known = " / ".join(f"{each:g}" for each in choices)
    problems.append(NoChoice(key=key, value=asked[key][:20], choices=known))
    return default


def _as_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
