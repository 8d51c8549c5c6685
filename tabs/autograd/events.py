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
from urllib.parse import parse_qsl, urlencode

import gradio as gr

from model.autograd import symbolic_worker
from model.autograd.expression import Expression
from model.autograd.parsing import LIMITS, parse
from model.autograd.snippet import snippet
from model.errors import UserError
from tabs.autograd import charts, views
from tabs.autograd.text import word
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


def open_page(place: str, language: str) -> Updates:
    """What the address asks for, or the default example; beside a mistake in the address too."""
    query = dict(parse_qsl(place))
    text = query.get("f") or DEFAULT["expression"]
    kept = read_values(query.get("at", "")) if query.get("f") else dict(DEFAULT["values"])
    trained = DEFAULT["trains"] if text == DEFAULT["expression"] else []
    try:
        opened = {**show_expression(text, kept, trained, False, language), "kept": kept}
    except UserError as error:
        opened = open_example(DEFAULT, {}, False, language)
        opened["problem"] = views.problem(error, language)
    return {**opened, "expression": text}


def read_values(at: str) -> Values:
    """The values in the page's address, "w:2,b:1"."""
    values = {}
    for pair in at.split(","):
        name, _, text = pair.rpartition(":")
        with suppress(ValueError):  # someone edited the address; the variable starts anew
            values[name] = float(text)
    return {name: value for name, value in values.items() if math.isfinite(value)}


def open_example(example: dict, kept: Values, second: bool, language: str) -> Updates:
    """Put in one of the examples with its values."""
    kept = {**kept, **example["values"]}
    opened = show_expression(example["expression"], kept, example["trains"], second, language)
    return {**opened, "expression": example["expression"], "kept": kept, "rate": example["rate"]}


def open_expression(
    expression: str, text: str, kept: Values, chosen: dict, second: bool, language: str
) -> Updates:
    """Answer a newly typed expression; on a mistake, say so and leave the rest as it is."""
    if expression == text:  # it came from an example or the address, or a mistake was taken back
        return {"problem": ""}
    try:
        return show_expression(expression, kept, chosen["trained"], second, language)
    except UserError as error:
        return {"problem": views.problem(error, language)}


def show_expression(
    text: str, kept: Values, trained: list[str], second: bool, language: str
) -> Updates:
    """The answer, the value fields, and all that offers variables to choose from."""
    parsed = parse(text)
    answer = show_answer(parsed, kept, None, second, language)
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
    parsed: Expression, kept: Values, step: int | None, second: bool, language: str
) -> Updates:
    """The answer, the graph at a step (None: the last), and the address that leads back here."""
    from model.autograd.comparison import compare, hessian_agrees
    from model.autograd.gradients import differentiate

    values = values_of(parsed, kept)
    compared = compare(parsed, values)
    more = ""
    if second and parsed.variables:
        hessian = differentiate(parsed, values, order=2).hessian or {}
        more = views.hessian(hessian, hessian_agrees(hessian, compared), language)
    at = ",".join(f"{name}:{value:.12g}" for name, value in values.items())
    return {
        "answer": views.answer(compared, more, language),
        "query": urlencode({"f": parsed.source, **({"at": at} if at else {})}),
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
    text: str, kept: Values, step: int, second: bool, language: str, **fields: float | None
) -> Updates:
    """Remember the values that were typed, `field_0` for the first variable, and answer."""
    parsed = parse(text)
    typed = {name: fields[field] for name, field in zip(parsed.variables, FIELDS, strict=False)}
    kept = {**kept, **{name: float(value) for name, value in typed.items() if value is not None}}
    try:
        answer = show_answer(parsed, kept, step, second, language)
    except UserError as error:
        return {"problem": views.problem(error, language)}
    return {"problem": "", "kept": kept, **answer}


def show_step(text: str, kept: Values, step: int, language: str, move: int = 0) -> Updates:
    """The graph at the slider's step, or `move` steps on from it."""
    from model.autograd.gradients import trace

    parsed = parse(text)
    traced = trace(parsed, values_of(parsed, kept))
    return show_graph(parsed, traced, step + move, language)


def show_details(text: str, kept: Values, language: str) -> Updates:
    """Formulas and code."""
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
    }


def choose(**chosen: str | list[str] | None) -> Updates:
    """Which variables "See it move" shows and changes, as one state.

    Kept apart from the components: they are redrawn one after another, and a listener that read
    them in between would be refused for a choice of the last expression.
    """
    return {"chosen": chosen}


def show_moving(
    text: str, kept: Values, chosen: dict, rate: float | None, steps: int, language: str
) -> Updates:
    """Curve, contours and descent, with the reason why it converges or not."""
    from model.autograd.descent import descend, stability
    from model.autograd.gradients import differentiate

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


def set_rate(factor: float, text: str, kept: Values, chosen: dict) -> Updates:
    """The learning rate at `factor` times the limit, where there is one."""
    from model.autograd.descent import stability

    parsed = parse(text)
    if not chosen["trained"]:
        return {}
    limit = stability(parsed, values_of(parsed, kept), chosen["trained"]).limit
    return {"rate": float(f"{factor * limit:.3g}")} if limit else {}
