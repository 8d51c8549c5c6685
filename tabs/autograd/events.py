"""What the autograd tab does when something is typed, clicked or moved.

Each function takes the values of components and states and returns updates for others, in the
order that `tabs.autograd` lists them. Modules that import torch are imported inside: the page must
be up before torch is.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from urllib.parse import urlencode

import gradio as gr

from model.autograd.expression import Expression
from model.autograd.parsing import LIMITS, parse
from model.errors import UserError
from tabs.autograd import views
from tabs.language import language_of

EXAMPLES = json.loads(
    (Path(__file__).parents[2] / "examples" / "expressions.json").read_text(encoding="utf-8")
)
DEFAULT = next(example for example in EXAMPLES if example["id"] == "squared_error")
NEW_VALUE = 1.0  # of a variable that has not been given one
POOL = LIMITS.variables  # value fields, shown as needed


def values_of(parsed: Expression, kept: dict[str, float]) -> dict[str, float]:
    return {name: kept.get(name, NEW_VALUE) for name in parsed.variables}


def read_address(request: gr.Request) -> tuple[str, dict[str, float]]:
    """The expression and values in the page's address; the default where there are none."""
    query = dict(request.query_params)
    if not query.get("f"):
        return DEFAULT["expression"], dict(DEFAULT["values"])
    kept = {}
    for pair in query.get("at", "").split(","):
        name, _, text = pair.rpartition(":")
        try:
            kept[name] = float(text)
        except ValueError:  # someone edited the address; the variable starts anew
            continue
    return query["f"], {n: v for n, v in kept.items() if math.isfinite(v)}


def address(parsed: Expression, values: dict[str, float]) -> dict[str, object]:
    """The query of the page's address that leads back here, to be written if it is of a change
    that was made by hand: merely opening the page changes no address."""
    at = ",".join(f"{name}:{value:.12g}" for name, value in values.items())
    return {"query": urlencode({"f": parsed.source, **({"at": at} if at else {})}), "by_hand": True}


def show_fields(parsed: Expression, kept: dict[str, float], trained: list[str]) -> list:
    """Updates of the value fields, and of all that offers variables to choose from."""
    names = list(parsed.variables)
    fields = [
        gr.update(visible=True, label=name, value=value)
        for name, value in values_of(parsed, kept).items()
    ]
    hidden = [gr.update(visible=False)] * (POOL - len(fields))
    changed = [name for name in names if name in trained] or names
    first = changed[0] if changed else None
    other = next((n for n in (*changed, *names) if n != first), None)
    chosen = choose(first, first, other, changed)
    return [
        *fields,
        *hidden,
        names,
        gr.update(choices=names, value=first),
        gr.update(choices=names, value=first),
        gr.update(choices=names, value=other),
        gr.update(choices=names, value=changed),
        chosen,
    ]


def choose(along: str | None, across: str | None, up: str | None, trained: list[str]) -> dict:
    """Which variables "See it move" shows and changes, as one state.

    Kept apart from the components: they are redrawn one after another, and a listener that read
    them in between would be refused for a choice of the last expression.
    """
    return {"along": along, "across": across, "up": up, "trained": trained}


def show_answer(
    parsed: Expression, kept: dict[str, float], step: int | None, second: bool, language: str
) -> list:
    """Updates of the answer, the graph, its step (None: the last), and the address."""
    from model.autograd.comparison import compare, hessian_agrees
    from model.autograd.gradients import differentiate
    from model.autograd.graph import draw

    values = values_of(parsed, kept)
    compared = compare(parsed, values)
    more = ""
    if second and parsed.variables:
        hessian = differentiate(parsed, values, order=2).hessian or {}
        more = views.hessian(hessian, hessian_agrees(hessian, compared), language)
    drawn = draw(parsed, compared.trace)
    last = len(drawn.steps)
    step = last if step is None else min(step, last)
    return [
        views.answer(compared, more, language),
        gr.update(maximum=max(last, 1), value=step),
        views.graph(drawn, step),
        views.step_text(drawn, step, language),
        address(parsed, values),
    ]


def skip(count: int) -> list:
    return [gr.skip()] * count


FIELDS, ANSWERS = POOL + 6, 5  # how many updates `show_fields` and `show_answer` give


def open_expression(
    text: str,
    shown: str,
    kept: dict[str, float],
    chosen: dict,
    second: bool,
    request: gr.Request,
) -> list:
    """Answer a newly typed expression; on a mistake, say so and leave the rest as it is."""
    if text == shown:  # it came from an example or the address, or a mistake was taken back
        return ["", *skip(1 + FIELDS + ANSWERS)]
    language = language_of(request)
    try:
        parsed = parse(text)
        answers = show_answer(parsed, kept, None, second, language)
    except UserError as error:
        return [views.problem(error, language), *skip(1 + FIELDS + ANSWERS)]
    return ["", text, *show_fields(parsed, kept, chosen["trained"]), *answers]


def open_example(index: int, kept: dict[str, float], second: bool, request: gr.Request) -> list:
    """Put in one of the examples with its values."""
    example = EXAMPLES[index]
    kept = {**kept, **example["values"]}
    opened = open_expression(
        example["expression"], "", kept, {"trained": example["trains"]}, second, request
    )
    return [example["expression"], kept, example["rate"], *opened]


def open_page(request: gr.Request) -> list:
    """What the address asks for, or the default example; beside a mistake in the address too."""
    text, kept = read_address(request)
    chosen = {"trained": DEFAULT["trains"] if text == DEFAULT["expression"] else []}
    problem, *opened = open_expression(text, "", kept, chosen, False, request)
    if problem:
        kept, chosen = dict(DEFAULT["values"]), {"trained": DEFAULT["trains"]}
        _, *opened = open_expression(DEFAULT["expression"], "", kept, chosen, False, request)
    *opened, address = opened
    return [text, kept, problem, *opened, {**address, "by_hand": False}]


def open_linked_tab(tab_id: str, request: gr.Request) -> object:
    """Show this tab first when the address holds an expression."""
    return gr.Tabs(selected=tab_id) if "f" in request.query_params else gr.skip()


def change_values(
    text: str,
    names: list[str],
    kept: dict[str, float],
    step: int,
    second: bool,
    request: gr.Request,
    **fields: float | None,
) -> dict[str, object]:
    """Remember the values that were typed (`field_0` is that of the first name), and answer."""
    typed = {name: fields[f"field_{number}"] for number, name in enumerate(names)}
    kept = {**kept, **{name: float(value) for name, value in typed.items() if value is not None}}
    language = language_of(request)
    try:
        answers = show_answer(parse(text), kept, int(step), second, language)
    except UserError as error:
        return {"problem": views.problem(error, language)}
    named = zip(("answer", "step", "graph", "step_text", "query"), answers, strict=True)
    return {"problem": "", "kept": kept, **dict(named)}


def show_step(text: str, kept: dict[str, float], step: int, request: gr.Request) -> list:
    """The graph after `step` steps; fewer when there are not as many."""
    from model.autograd.gradients import trace
    from model.autograd.graph import draw

    parsed = parse(text)
    drawn = draw(parsed, trace(parsed, values_of(parsed, kept)))
    step = max(0, min(int(step), len(drawn.steps)))
    language = language_of(request)
    return [step, views.graph(drawn, step), views.step_text(drawn, step, language)]


def move_step(move: int, text: str, kept: dict[str, float], step: int, request: gr.Request) -> list:
    """The graph `move` steps on, or back."""
    return show_step(text, kept, step + move, request)


def show_details(text: str, kept: dict[str, float], address: dict, request: gr.Request) -> list:
    """Formulas, code, and what goes into the page's address; "" leaves it as it is."""
    from model.autograd import symbolic_worker
    from model.autograd.gradients import checked_values
    from model.autograd.snippet import snippet

    parsed = parse(text)
    values = checked_values(parsed, values_of(parsed, kept))
    language = language_of(request)
    query = address["query"] if address["by_hand"] else ""
    try:
        derivatives = symbolic_worker.derivatives(parsed, values).latex
    except symbolic_worker.NoAnswer as error:
        function = views.formulas(parsed, {}, (), language)
        return [f"{function}\n\n{error.remark.message(language)}", snippet(parsed, values), query]
    try:
        simplified = symbolic_worker.simplified(parsed)
    except symbolic_worker.NoAnswer:
        simplified = ()  # what is as it was given is right too
    formulas = views.formulas(parsed, derivatives, simplified, language)
    return [formulas, snippet(parsed, values), query]


def show_moving(
    text: str,
    kept: dict[str, float],
    chosen: dict,
    rate: float | None,
    steps: int,
    request: gr.Request = None,
) -> list:
    """Curve, contours and descent, with the reason why it converges or not."""
    from model.autograd.descent import descend, stability
    from model.autograd.gradients import differentiate
    from model.autograd.graph import number
    from tabs.autograd import charts

    language = language_of(request)
    try:
        parsed = parse(text)
        values = values_of(parsed, kept)
        trained = chosen["trained"]
        paths = descend(parsed, values, trained, rate or 0.0, int(steps))
        found = stability(parsed, values, trained)
    except UserError as error:
        return [views.problem(error, language), gr.skip(), gr.skip()]
    slopes = differentiate(parsed, values).gradients
    pictures = []
    along, across, up = (chosen[key] for key in ("along", "across", "up"))
    if along in values:
        title = views.word("curve_title", language, name=along, slope=number(slopes[along], 4))
        pictures.append((title, charts.curve(parsed, values, along, slopes[along])))
    if across in values and up in values and across != up:
        title = views.word("contour_title", language)
        drawn = charts.contours(parsed, values, (across, up), slopes, paths)
        pictures.append((title, drawn))
    names = (views.word("step_name", language), views.word("loss_name", language))
    pictures.append((views.word("loss_title", language), charts.losses(paths, *names)))
    closed = is_line_fit(parsed, values, trained) and found.limit is not None
    return [
        views.verdict(found, paths, rate or 0.0, closed, language),
        views.plots(pictures, paths, language),
        views.loss_table(paths, language),
    ]


def is_line_fit(parsed: Expression, values: dict[str, float], trained: list[str]) -> bool:
    """Whether this is the squared error of w·x + b over w and b, whose limit is 1/(x² + 1)."""
    from model.autograd.descent import stability

    if set(trained) != {"w", "b"} or "x" not in values:
        return False
    return all(
        math.isclose(stability(parsed, {**values, "x": x}, trained).limit or 0.0, 1 / (x * x + 1))
        for x in (values["x"], 0.5, 2.0)
    )


def set_rate(factor: float, text: str, kept: dict[str, float], chosen: dict) -> object:
    """The learning rate at `factor` times the limit, where there is one."""
    from model.autograd.descent import stability

    parsed = parse(text)
    if not chosen["trained"]:
        return gr.skip()
    limit = stability(parsed, values_of(parsed, kept), chosen["trained"]).limit
    return float(f"{factor * limit:.3g}") if limit else gr.skip()
