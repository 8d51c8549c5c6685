"""What the autograd tab does when something is typed, clicked or moved.

Each listener takes the values of components and states by their names, and returns updates by
name. Modules that import torch are imported inside: the page must be up before torch is.
"""

from __future__ import annotations

import json
import math
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import gradio as gr

from model.autograd import symbolic_worker
from model.autograd.expression import Expression
from model.autograd.parsing import LIMITS, parse
from model.autograd.snippet import snippet
from model.errors import UserError
from tabs.autograd import charts, views
from tabs.autograd.text import word
from tabs.language import language_of
from tabs.listeners import Updates
from tabs.numbers import number

if TYPE_CHECKING:  # torch comes with it
    from model.autograd.gradients import Trace

FOLDER = Path(__file__).parents[2] / "examples"
EXAMPLES = {
    each["id"]: each for each in json.loads((FOLDER / "expressions.json").read_text("utf-8"))
}
DEFAULT = EXAMPLES["squared_error"]
NEW_VALUE = 1.0  # of a variable that has not been given one
FIELDS = [f"field_{k}" for k in range(LIMITS.variables)]  # for values, shown as needed

Values = dict[str, float]


def values_of(parsed: Expression, kept: Values) -> Values:
    return {name: kept.get(name, NEW_VALUE) for name in parsed.variables}


def open_page(request: gr.Request) -> Updates:
    """What the address asks for, or the default example; beside a mistake in the address too."""
    text = request.query_params.get("f") or DEFAULT["expression"]
    kept = read_values(request) if request.query_params.get("f") else dict(DEFAULT["values"])
    trained = DEFAULT["trains"] if text == DEFAULT["expression"] else []
    try:
        opened = {**show_expression(text, kept, trained, False, request), "kept": kept}
    except UserError as error:
        opened = open_example(DEFAULT, {}, False, request)
        opened["problem"] = views.problem(error, language_of(request))
    return {**opened, "expression": text, "query": {**opened["query"], "by_hand": False}}


def read_values(request: gr.Request) -> Values:
    """The values in the page's address, "w:2,b:1"."""
    values = {}
    for pair in request.query_params.get("at", "").split(","):
        name, _, text = pair.rpartition(":")
        with suppress(ValueError):  # someone edited the address; the variable starts anew
            values[name] = float(text)
    return {name: value for name, value in values.items() if math.isfinite(value)}


def open_linked_tab(tab: str, request: gr.Request) -> Updates:
    """Show this tab first when the address holds an expression."""
    return {"tabs": gr.Tabs(selected=tab)} if "f" in request.query_params else {}


def open_example(example: dict, kept: Values, second: bool, request: gr.Request) -> Updates:
    """Put in one of the examples with its values."""
    kept = {**kept, **example["values"]}
    opened = show_expression(example["expression"], kept, example["trains"], second, request)
    return {**opened, "expression": example["expression"], "kept": kept, "rate": example["rate"]}


def open_expression(
    expression: str, text: str, kept: Values, chosen: dict, second: bool, request: gr.Request
) -> Updates:
    """Answer a newly typed expression; on a mistake, say so and leave the rest as it is."""
    if expression == text:  # it came from an example or the address, or a mistake was taken back
        return {"problem": ""}
    try:
        return show_expression(expression, kept, chosen["trained"], second, request)
    except UserError as error:
        return {"problem": views.problem(error, language_of(request))}


def show_expression(
    text: str, kept: Values, trained: list[str], second: bool, request: gr.Request
) -> Updates:
    """The answer, the value fields, and all that offers variables to choose from."""
    parsed = parse(text)
    answer = show_answer(parsed, kept, None, second, request)
    fields = dict.fromkeys(FIELDS, gr.update(visible=False))
    for field, (name, value) in zip(FIELDS, values_of(parsed, kept).items(), strict=False):
        fields[field] = gr.update(visible=True, label=name, value=value)
    names = list(parsed.variables)
    changed = [name for name in names if name in trained] or names
    first = changed[0] if changed else None
    other = next((n for n in (*changed, *names) if n != first), None)
    chosen = {"along": first, "across": first, "up": other, "trained": changed}
    choices = {key: gr.update(choices=names, value=value) for key, value in chosen.items()}
    return {"problem": "", "text": text, "chosen": chosen, **fields, **choices, **answer}


def show_answer(
    parsed: Expression, kept: Values, step: int | None, second: bool, request: gr.Request
) -> Updates:
    """The answer, the graph at a step (None: the last), and the address that leads back here, to
    be written if it is of a change made by hand: merely opening the page changes no address."""
    from model.autograd.comparison import compare, hessian_agrees
    from model.autograd.gradients import differentiate

    language = language_of(request)
    values = values_of(parsed, kept)
    compared = compare(parsed, values)
    more = ""
    if second and parsed.variables:
        hessian = differentiate(parsed, values, order=2).hessian or {}
        more = views.hessian(hessian, hessian_agrees(hessian, compared), language)
    at = ",".join(f"{name}:{value:.12g}" for name, value in values.items())
    query = urlencode({"f": parsed.source, **({"at": at} if at else {})})
    return {
        "answer": views.answer(compared, more, language),
        "query": {"query": query, "by_hand": True},
        **show_graph(parsed, compared.trace, step, language),
    }


def show_graph(parsed: Expression, trace: Trace, step: int | None, language: str) -> Updates:
    """The graph after `step` steps; after all, if there are not as many, or for None."""
    from model.autograd.graph import draw

    drawn = draw(parsed, trace)
    last = len(drawn.steps)
    step = last if step is None else max(0, min(int(step), last))
    return {
        "step": gr.update(maximum=max(last, 1), value=step),
        "graph": views.graph(drawn, step),
        "step_text": views.step_text(drawn, step, language),
    }


def change_values(
    text: str, kept: Values, step: int, second: bool, request: gr.Request, **fields: float | None
) -> Updates:
    """Remember the values that were typed, `field_0` for the first variable, and answer."""
    parsed = parse(text)
    typed = {name: fields[field] for name, field in zip(parsed.variables, FIELDS, strict=False)}
    kept = {**kept, **{name: float(value) for name, value in typed.items() if value is not None}}
    try:
        answer = show_answer(parsed, kept, step, second, request)
    except UserError as error:
        return {"problem": views.problem(error, language_of(request))}
    return {"problem": "", "kept": kept, **answer}


def show_step(text: str, kept: Values, step: int, request: gr.Request, move: int = 0) -> Updates:
    """The graph at the slider's step, or `move` steps on from it."""
    from model.autograd.gradients import trace

    parsed = parse(text)
    traced = trace(parsed, values_of(parsed, kept))
    return show_graph(parsed, traced, step + move, language_of(request))


def show_details(text: str, kept: Values, query: dict, request: gr.Request) -> Updates:
    """Formulas, code, and what goes into the page's address; "" leaves it as it is."""
    language = language_of(request)
    parsed = parse(text)
    values = values_of(parsed, kept)
    try:
        derivatives, end = symbolic_worker.derivatives(parsed, values).latex, ""
    except symbolic_worker.NoAnswer as error:
        derivatives, end = {}, f"\n\n{error.remark.message(language)}"
    try:
        simplified = () if end else symbolic_worker.simplified(parsed)
    except symbolic_worker.NoAnswer:
        simplified = ()  # what is as it was given is right too
    return {
        "formula": views.formulas(parsed, derivatives, simplified, language) + end,
        "code": snippet(parsed, values),
        "link": query["query"] if query["by_hand"] else "",
    }


def choose(request: gr.Request, **chosen: str | list[str] | None) -> Updates:
    """Which variables "See it move" shows and changes, as one state.

    Kept apart from the components: they are redrawn one after another, and a listener that read
    them in between would be refused for a choice of the last expression.
    """
    return {"chosen": chosen}


def show_moving(
    text: str, kept: Values, chosen: dict, rate: float | None, steps: int, request: gr.Request
) -> Updates:
    """Curve, contours and descent, with the reason why it converges or not."""
    from model.autograd.descent import descend, stability
    from model.autograd.gradients import differentiate

    language = language_of(request)
    rate = rate or 0.0
    along, across, up, trained = (chosen[key] for key in ("along", "across", "up", "trained"))
    parsed = parse(text)
    values = values_of(parsed, kept)
    try:
        paths = descend(parsed, values, trained, rate, int(steps))
        found = stability(parsed, values, trained)
    except UserError as error:
        return {"verdict": views.problem(error, language)}
    slopes = differentiate(parsed, values).gradients
    pictures = {}
    if along in values:
        title = word("curve_title", language, name=along, slope=number(slopes[along], 4))
        pictures[title] = charts.curve(parsed, values, along, slopes[along])
    if across in values and up in values and across != up:
        drawn = charts.contours(parsed, values, (across, up), slopes, paths)
        pictures[word("contour_title", language)] = drawn
    names = word("step_name", language), word("loss_name", language)
    pictures[word("loss_title", language)] = charts.losses(paths, *names)
    closed = is_line_fit(parsed, values, trained) and found.limit is not None
    return {
        "verdict": views.verdict(found, paths, rate, closed, language),
        "plots": views.plots(pictures, paths, language),
        "losses": views.loss_table(paths, language),
    }


def is_line_fit(parsed: Expression, values: Values, trained: list[str]) -> bool:
    """Whether this is the squared error of w·x + b over w and b, whose limit is 1/(x² + 1)."""
    from model.autograd.descent import stability

    if set(trained) != {"w", "b"} or "x" not in values:
        return False
    return all(
        math.isclose(stability(parsed, {**values, "x": x}, trained).limit or 0.0, 1 / (x * x + 1))
        for x in (values["x"], 0.5, 2.0)
    )


def set_rate(factor: float, text: str, kept: Values, chosen: dict, request: gr.Request) -> Updates:
    """The learning rate at `factor` times the limit, where there is one."""
    from model.autograd.descent import stability

    parsed = parse(text)
    if not chosen["trained"]:
        return {}
    limit = stability(parsed, values_of(parsed, kept), chosen["trained"]).limit
    return {"rate": float(f"{factor * limit:.3g}")} if limit else {}
