"""The autograd tab in the page's address: only what is not as it is by default."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

from model.autograd.errors import ExpressionError
from model.autograd.expression import Expression
from model.autograd.parsing import parse
from model.errors import UserError
from tabs.autograd.controls import (
    DEFAULT,
    NEW_VALUE,
    STEPS,
    VIEWS,
    Controls,
    Values,
    choice_of,
    example_of,
)


class NotANumber(UserError):
    en = "“{given}” in the address gives no number."
    zh = "地址中的“{given}”没有给出数值。"


class NotAVariable(UserError):
    en = "“{given}” in the address names no variable of the expression."
    zh = "地址中的“{given}”不是表达式中的变量。"


class NotAPart(UserError):
    en = "“{given}” in the address names no part of this tab."
    zh = "地址中的“{given}”不是本页的任何部分。"


def write(controls: Controls, parsed: Expression) -> str:
    """The query that `read` brings back to these controls."""
    example = example_of(controls.expression)
    usual = choice_of(parsed.variables, example["trains"])
    said = {
        "f": (controls.expression, DEFAULT["expression"]),
        "second": ("1" if controls.second else "", ""),
        "grad_fn": ("1" if controls.functions else "", ""),
        "step": (controls.step, 0),
        **{key: (controls.chosen.get(key), usual[key]) for key in ("along", "across", "up")},
        "trained": tuple(",".join(each.get("trained", ())) for each in (controls.chosen, usual)),
        "rate": tuple(map(written, (controls.rate, example["rate"]))),
        "steps": (controls.steps, STEPS),
        "view": (controls.view, VIEWS[0]),
    }
    pairs = {key: now for key, (now, default) in said.items() if now not in (default, None)}
    at = {
        name: value
        for name, value in controls.values(parsed).items()
        if value != example["values"].get(name, NEW_VALUE)
    }
    return urlencode({**pairs, **at_pair(at)})


def write_unanswered(controls: Controls, names: Iterable[str]) -> str:
    """The query for an expression with a mistake in it, or not written to its end: the expression,
    and the values of the last one's variables, for which it may come to stand."""
    return urlencode(
        {"f": controls.expression, **at_pair({n: controls.kept.get(n) for n in names})}
    )


def at_pair(values: Values) -> dict[str, str]:
    """The part of the query that tells `values`, if there are any."""
    told = [f"{name}:{written(value)}" for name, value in values.items() if value is not None]
    return {"at": ",".join(told)} if told else {}


def written(value: float | None) -> str | None:
    """Every digit of the number, and 2 rather than 2.0."""
    return None if value is None else repr(float(value)).removesuffix(".0")


def read(query: Mapping[str, str]) -> tuple[Controls, UserError | None]:
    """What the address asks for, with defaults in place of what it has wrong, and the first of
    such mistakes, if any. A value that is no number is left open."""
    from model.autograd.descent import MOST_RATE, MOST_STEPS, BadDescent

    faults: list[UserError] = []

    def number(key: str, text: str) -> float | None:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if math.isfinite(value):
            return value
        faults.append(NotANumber(given=f"{key}={text}".rstrip("=")[:60]))
        return None

    def whole(key: str, default: int, low: int, high: int) -> int:
        value = number(key, query.get(key, str(default)))
        return default if value is None else int(min(max(value, low), high))

    expression = query.get("f", DEFAULT["expression"])
    example = example_of(expression)
    kept: Values = dict(example["values"])
    for pair in filter(None, query.get("at", "").split(",")):
        name, _, text = pair.partition(":")
        kept[name] = number(name, text)
    try:
        names = parse(expression).variables
    except ExpressionError as error:
        names = ()
        faults.insert(0, error)
    for name in kept.keys() - example["values"].keys() - {*names} if names else ():
        faults.append(NotAVariable(given=f"at={name}"[:60]))
    chosen = choice_of(names, example["trains"])
    for key in filter(query.get, ("along", "across", "up")):
        if query[key] in names:
            chosen[key] = query[key]
        elif names:
            faults.append(NotAVariable(given=f"{key}={query[key]}"[:60]))
    if "trained" in query and names:
        wanted = list(filter(None, query["trained"].split(",")))
        chosen["trained"] = [name for name in names if name in wanted]
        if len(chosen["trained"]) < len(wanted):
            faults.append(NotAVariable(given=f"trained={query['trained']}"[:60]))
    rate = number("rate", query["rate"]) if "rate" in query else example["rate"]
    if rate is not None and not 0 < rate <= MOST_RATE:
        faults.append(BadDescent(rate=MOST_RATE, limit=MOST_STEPS))
    view = query.get("view", VIEWS[0])
    if view not in VIEWS:
        faults.append(NotAPart(given=f"view={view}"[:60]))
        view = VIEWS[0]
    controls = Controls(
        expression,
        kept,
        second=query.get("second") == "1",
        functions=query.get("grad_fn") == "1",
        step=whole("step", 0, 0, 1000),
        chosen=chosen,
        rate=rate,
        steps=whole("steps", STEPS, 1, MOST_STEPS),
        view=view,
    )
    return controls, next(iter(faults), None)
