"""What the autograd tab does when something is typed, clicked or moved.

Each listener is given the components and states of the tab by their names, and returns updates by
name. What it answers follows from what they hold at that moment, never from an earlier answer.
Modules that import torch are imported inside: the page must be up before torch is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import gradio as gr

from model.autograd.expression import Expression
from model.autograd.parsing import parse
from model.errors import UserError
from tabs.autograd import address, views
from tabs.autograd.controls import FIELDS, VIEWS, Controls, bounded, choice_of, example_of
from tabs.autograd.text import word
from tabs.listeners import Updates

if TYPE_CHECKING:  # torch comes with it
    from model.autograd.gradients import Trace

NAME = "autograd"  # of the tab in the address
ANSWERS = ("value", "answer", "graph", "step_text")
UNANSWERED = None  # at the end of a point that has no answer


def failed(error: UserError, language: str) -> Updates:
    """What is wrong, in the place below the expression; what is there of an older input is dimmed
    by it (see style.css)."""
    return {"problem": views.problem(error, language), "point": None}


def open_page(place: str, language: str, turned: bool = False, **given: Any) -> Updates:
    """What the address asks for, with what is wrong in it; or, where the tab was `turned` to for
    the first time, its default."""
    query = dict(parse_qsl(place, keep_blank_values=True))
    is_ours = query.get("tab", NAME if "f" in query else "") == NAME
    if given["names"] is not None if turned else not is_ours:
        return {}
    asked, fault = address.read(query if is_ours else {})
    own = urlencode({key: text for key, text in query.items() if key not in ("tab", "lang")})
    return {"query": own, **show_anew(asked, language, fault)}  # even with a mistake it is kept


def open_example(example: dict, language: str, **given: Any) -> Updates:
    """Put in one of the examples with its values."""
    before = Controls.of(given)
    kept = {**before.kept, **example["values"]}
    names = parse(example["expression"]).variables
    chosen = choice_of(names, example["trains"])
    more = {"kept": kept, "chosen": chosen, "rate": example["rate"], "step": 0}
    asked = replace(before, expression=example["expression"], **more)
    return {**show_anew(asked, language), **still(language)}


def show_anew(asked: Controls, language: str, fault: UserError | None = None) -> Updates:
    """Every control as it is `asked`, with its answer; `fault` is told beside it."""
    shown = {
        "expression": asked.expression,
        "names": [],
        "kept": asked.kept,
        "second": asked.second,
        "functions": asked.functions,
        "rate": asked.rate,
        "steps": asked.steps,
        "view": asked.view,
        "views": gr.update(selected=asked.view),
        **dict.fromkeys(FIELDS, gr.update(visible=False)),
    }
    point = None
    try:
        parsed = parse(asked.expression)
        shown |= fields_for(parsed, asked)  # even where one has no value yet
        point = [*point_of(parsed, asked), UNANSWERED]
        shown |= answer(parsed, asked, language)
    except UserError as error:
        nothing = dict.fromkeys(ANSWERS, "")
        # Gradio tells of the expression in its box as of a change: it has been dealt with
        return {**shown, **nothing, **failed(fault or error, language), "point": point}
    if fault:
        shown["problem"] = views.problem(fault, language, hinders=False)
    return shown


def fields_for(parsed: Expression, asked: Controls) -> Updates:
    """The value fields of the variables, and all that offers them to choose from."""
    names = list(parsed.variables)
    shown = dict.fromkeys(FIELDS, gr.update(visible=False))
    for field, (name, value) in zip(FIELDS, asked.values(parsed).items(), strict=False):
        shown[field] = gr.update(visible=True, label=name, value=value)
    choices = {key: gr.update(choices=names, value=now) for key, now in asked.chosen.items()}
    return {"names": names, "kept": asked.kept, "chosen": asked.chosen, **shown, **choices}


def show_answer(language: str, again: bool = False, **given: Any) -> Updates:
    """The answer to what was typed; `again`, even if it is the same as before. The values that
    were typed are kept beside a mistake too."""
    if given["names"] is None:  # the tab has not been opened yet
        return {}
    asked = Controls.of(given)
    shown: Updates = {"kept": asked.kept}
    for field, name in zip(FIELDS, given["names"], strict=False):
        if field in given and bounded(given[field]) != given[field]:
            shown[field] = asked.kept[name]
    if again:
        shown["play"] = word("pause" if given["playing"] else "play", language)
        shown |= {f"view_{view}": gr.update(label=word(view, language)) for view in VIEWS}
    try:
        parsed = parse(asked.expression)
        if not again and point_of(parsed, asked) == (given["point"] or [])[:3]:
            return {}
        if list(parsed.variables) != given["names"]:
            trained = [*asked.chosen.get("trained", ()), *example_of(asked.expression)["trains"]]
            asked = replace(asked, chosen=choice_of(parsed.variables, trained, asked.chosen))
            shown |= fields_for(parsed, asked)
        return {**shown, **answer(parsed, asked, language)}
    except UserError as error:
        query = address.write_unanswered(asked, given["names"])
        return {**shown, "query": query, **failed(error, language)}


def point_of(parsed: Expression, asked: Controls) -> list:
    """What an answer is the answer to."""
    return [asked.expression, list(asked.values(parsed).values()), asked.second]


def is_answered(point: list | None) -> bool:
    return point is not None and point[-1] is not None


def answer(parsed: Expression, asked: Controls, language: str) -> Updates:
    """Value, derivatives and graph. Raises ValueMissing and BadValue."""
    from model.autograd.comparison import compare, hessian_agrees
    from model.autograd.gradients import differentiate

    values = asked.values(parsed)
    compared = compare(parsed, values)
    more = ""
    if asked.second and parsed.variables:
        rows = differentiate(parsed, values, order=2).hessian or {}
        more = views.hessian(parsed, rows, hessian_agrees(rows, compared), language)
    return {
        "problem": views.hint(language),
        "point": point_of(parsed, asked),
        "value": views.value(compared),
        "answer": views.answer(compared, more, language),
        **graph(parsed, compared.trace, asked, language),
    }


def graph(parsed: Expression, trace: Trace, asked: Controls, language: str) -> Updates:
    """The graph after the asked step, or the last if there are not as many."""
    from model.autograd.graph import draw

    drawn = draw(parsed, trace)
    last = len(drawn.steps)
    step = max(0, min(int(asked.step), last))
    return {
        "step": gr.update(maximum=max(last, 1), value=step),
        "graph": views.graph(drawn, step, asked.functions, language),
        "step_text": views.step_text(drawn, step, language),
        "query": address.write(replace(asked, step=step), parsed),
    }


def show_step(language: str, move: int = 0, **given: Any) -> Updates:
    """The graph at the slider's step, or `move` steps on from it; at the end play stops."""
    from model.autograd.gradients import trace

    if given["names"] is None:
        return {}
    asked = Controls.of(given)
    parsed = parse(asked.expression)
    traced = trace(parsed, asked.values(parsed))
    shown = graph(parsed, traced, replace(asked, step=asked.step + move), language)
    step = shown["step"]
    ended = given["playing"] and step["value"] == step["maximum"]
    return {**shown, **(still(language) if ended else {})}


def play(language: str, **given: Any) -> Updates:
    """Go on by a step a second, from the beginning where the end has been reached; or pause."""
    if given["playing"]:
        return still(language)
    shown = show_step(language, **given)
    if shown and shown["step"]["value"] == shown["step"]["maximum"]:
        shown = show_step(language, **{**given, "step": 0})
    going = {"playing": True, "timer": gr.Timer(active=True), "play": word("pause", language)}
    return {**shown, **going} if shown else {}


def still(language: str) -> Updates:
    return {"playing": False, "timer": gr.Timer(active=False), "play": word("play", language)}


def show_view(language: str, **given: Any) -> Updates:
    """What is seen below: descent, formulas or code, made when it is looked at."""
    from tabs.autograd import details

    if not is_answered(given["point"]):  # not opened yet, or what is in the box has no answer
        return {}
    asked = Controls.of(given)
    show = {"descent": details.descent, "formula": details.formula, "code": details.code}
    return show[asked.view](parse(asked.expression), asked, language)


def open_view(view: str, language: str, **given: Any) -> Updates:
    return {"view": view, **show_changed(language, **{**given, "view": view})}


def choose(language: str, **given: Any) -> Updates:
    """Which variables are drawn and changed, as one state.

    Kept apart from the components: they are redrawn one after another, and a listener that read
    them in between would be refused for a choice of the last expression.
    """
    chosen = {key: given[key] for key in ("along", "across", "up", "trained")}
    return {"chosen": chosen, **show_changed(language, **{**given, "chosen": chosen})}


def set_rate(factor: float, language: str, **given: Any) -> Updates:
    """The learning rate at `factor` times the limit, where there is one."""
    from model.autograd.descent import stability

    asked = Controls.of(given)
    trained = asked.chosen.get("trained")
    if not is_answered(given["point"]) or not trained:
        return {}
    parsed = parse(asked.expression)
    limit = stability(parsed, asked.values(parsed), trained).limit
    if not limit:
        return {}
    rate = float(f"{factor * limit:.3g}")
    return {"rate": rate, **show_changed(language, **{**given, "rate": rate})}


def show_changed(language: str, **given: Any) -> Updates:
    """The view, and the address with what was changed in it."""
    shown = show_view(language, **given)
    if not shown:
        return {}
    asked = Controls.of(given)
    return {**shown, "query": address.write(asked, parse(asked.expression))}
