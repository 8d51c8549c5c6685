"""Autograd: an expression, the values of its variables, and what backpropagation makes of them.

Modules that import torch or sympy are imported inside the functions that use them: the page must
be up before torch is.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import gradio as gr
from gradio.context import Context

from model.errors import UserError
from model.expression import Expression
from model.parsing import LIMITS, parse
from tabs import autograd_views as views
from tabs.api import endpoint
from tabs.autograd_text import CSS, TEXT
from tabs.language import i18n_key, language_of, to_gradio_error

__all__ = ["CSS", "TEXT", "build", "gradients"]

EXAMPLES = json.loads(
    (Path(__file__).parents[1] / "examples" / "expressions.json").read_text(encoding="utf-8")
)
DEFAULT = next(example for example in EXAMPLES if example["id"] == "squared_error")
TEXT = {**TEXT, **{f"autograd.example.{e['id']}": tuple(e["name"]) for e in EXAMPLES}}
NEW_VALUE = 1.0  # of a variable that has not been given one
POOL = LIMITS.variables  # value fields, shown as needed

# The page's address holds the expression and its values, so that it can be shared.
WRITE_ADDRESS = """(query) => {
    const url = new URL(window.location);
    url.searchParams.delete("f");
    url.searchParams.delete("at");
    for (const [key, value] of new URLSearchParams(query)) url.searchParams.set(key, value);
    window.history.replaceState(window.history.state, "", url);
}"""


def gradients(expression: str, values: dict, order: int = 1, request: gr.Request = None) -> dict:
    """Value and partial derivatives of an expression, three independent ways.

    Args:
        expression: such as "(target - (w*x + b))**2"; + - * / ** ( ), pi, e, and the functions
            sin cos tan asin acos atan sinh cosh tanh exp log log2 log10 sqrt abs sigmoid relu
            leaky_relu softplus gelu erf min max. At most 300 characters and 12 variables.
        values: the number each variable stands for, such as {"w": 2, "b": 1}. Names that the
            expression does not use are ignored.
        order: 1, or 2 for the Hessian as well.

    Returns:
        "value" and "gradients" {name: number}, by PyTorch's autograd in float64;
        "agreement" {name: {"symbolic", "difference", "difference_error", "agrees"}}, the same by
        SymPy and by extrapolated central differences; "latex" {"expression", "gradients": {name:
        formula}}; "remarks", sentences on kinks, domains and overflow; with order 2 "hessian"
        {name: {name: number}}. What JSON has no number for is the string "NaN", "Infinity" or
        "-Infinity", which Python's float() and JavaScript's Number() read; null stands for a
        method that has no answer.
    """
    from model.agreement import compare
    from model.formula import latex
    from model.gradients import differentiate

    try:
        parsed = parse(expression)
        second = differentiate(parsed, values, order).hessian
        compared = compare(parsed, values)
    except UserError as error:
        raise to_gradio_error(error, request) from None
    language = language_of(request)
    symbolic = compared.symbolic
    found: dict[str, Any] = {
        "value": as_json(compared.value),
        "gradients": {row.name: as_json(row.autograd) for row in compared.rows},
        "agreement": {
            row.name: {
                "symbolic": as_json(row.symbolic, missing=None),
                "difference": as_json(row.difference, missing=None),
                "difference_error": as_json(row.error, missing=None),
                "agrees": row.agrees,
            }
            for row in compared.rows
        },
        "latex": {
            "expression": latex(parsed),
            "gradients": {
                name: symbolic.latex(slope) for name, slope in symbolic.derivatives.items()
            }
            if symbolic
            else None,
        },
        "remarks": [remark.message(language) for remark in compared.remarks],
    }
    if second is not None:
        found["hessian"] = {a: {b: as_json(v) for b, v in row.items()} for a, row in second.items()}
    return found


def as_json(value: float, missing: str | None = "NaN") -> float | str | None:
    """A number as JSON can hold it."""
    if math.isnan(value):
        return missing
    return value if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"


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


def address(parsed: Expression, values: dict[str, float]) -> str:
    at = ",".join(f"{name}:{value:.12g}" for name, value in values.items())
    return urlencode({"f": parsed.source, **({"at": at} if at else {})})


def show_fields(parsed: Expression, kept: dict[str, float], trained: list[str]) -> list:
    """Updates of the value fields, and of all that offers variables to choose from."""
    names = list(parsed.variables)
    fields = [
        gr.update(visible=True, label=name, value=value)
        for name, value in values_of(parsed, kept).items()
    ]
    hidden = [gr.update(visible=False)] * (POOL - len(fields))
    chosen = [name for name in names if name in trained] or names
    first = chosen[0] if chosen else None
    other = next((n for n in (*chosen, *names) if n != first), None)
    return [
        *fields,
        *hidden,
        names,
        gr.update(choices=names, value=first),
        gr.update(choices=names, value=first),
        gr.update(choices=names, value=other),
        gr.update(choices=names, value=chosen),
    ]


def show_answer(
    parsed: Expression, kept: dict[str, float], step: int | None, second: bool, language: str
) -> list:
    """Updates of the answer, the graph, its step (None: the last), and the address."""
    from model.agreement import compare, hessian_agrees
    from model.gradients import differentiate
    from model.graph import draw

    values = values_of(parsed, kept)
    compared = compare(parsed, values)
    more = ""
    if second and parsed.variables:
        hessian = differentiate(parsed, values, order=2).hessian or {}
        more = views.hessian(hessian, hessian_agrees(hessian, compared) is True, language)
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


FIELDS, ANSWERS = POOL + 5, 5  # how many updates `show_fields` and `show_answer` give


def open_expression(
    text: str, kept: dict[str, float], trained: list[str], second: bool, request: gr.Request
) -> list:
    """Answer a newly typed expression; on a mistake, say so and leave the rest as it is."""
    language = language_of(request)
    try:
        parsed = parse(text)
        answers = show_answer(parsed, kept, None, second, language)
    except UserError as error:
        return [views.problem(error, language), gr.skip(), *skip(FIELDS), *skip(ANSWERS)]
    return ["", text, *show_fields(parsed, kept, trained), *answers]


def open_example(index: int, kept: dict[str, float], second: bool, request: gr.Request) -> list:
    example = EXAMPLES[index]
    kept = {**kept, **example["values"]}
    text = example["expression"]
    opened = open_expression(text, kept, example["trains"], second, request)
    return [text, kept, example["rate"], *opened]


def open_page(request: gr.Request) -> list:
    """What the address asks for, or the default example."""
    text, kept = read_address(request)
    trained = DEFAULT["trains"] if text == DEFAULT["expression"] else []
    return [text, kept, *open_expression(text, kept, trained, False, request)]


def change_values(
    text: str,
    names: list[str],
    kept: dict[str, float],
    step: int,
    second: bool,
    *fields: float | None,
    request: gr.Request = None,
) -> list:
    """Remember the values that were typed, and answer for them."""
    typed = zip(names, fields, strict=False)
    kept = {**kept, **{name: float(value) for name, value in typed if value is not None}}
    language = language_of(request)
    try:
        return ["", kept, *show_answer(parse(text), kept, int(step), second, language)]
    except UserError as error:
        return [views.problem(error, language), kept, *skip(ANSWERS)]


def show_step(text: str, kept: dict[str, float], step: int, move: int, request: gr.Request) -> list:
    """The graph `move` steps on from `step`."""
    from model.gradients import trace
    from model.graph import draw

    parsed = parse(text)
    drawn = draw(parsed, trace(parsed, values_of(parsed, kept)))
    step = max(0, min(int(step) + move, len(drawn.steps)))
    language = language_of(request)
    return [step, views.graph(drawn, step), views.step_text(drawn, step, language)]


def show_details(text: str, kept: dict[str, float], request: gr.Request) -> list:
    """Formulas and code."""
    from model.agreement import compare
    from model.snippet import snippet

    parsed = parse(text)
    compared = compare(parsed, values_of(parsed, kept))
    return [views.formulas(compared, language_of(request)), snippet(parsed, compared.values)]


def show_moving(
    text: str,
    kept: dict[str, float],
    along: str | None,
    across: str | None,
    up: str | None,
    trained: list[str],
    rate: float | None,
    steps: int,
    request: gr.Request = None,
) -> list:
    """Curve, contours and descent, with the reason why it converges or not."""
    from model import charts
    from model.descent import descend, stability
    from model.gradients import differentiate
    from model.graph import number

    language = language_of(request)
    try:
        parsed = parse(text)
        values = values_of(parsed, kept)
        paths = descend(parsed, values, trained, rate or 0.0, int(steps))
        found = stability(parsed, values, trained)
    except UserError as error:
        return [views.problem(error, language), gr.skip(), gr.skip()]
    slopes = differentiate(parsed, values).gradients
    pictures = []
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
    from model.descent import stability

    if set(trained) != {"w", "b"} or "x" not in values:
        return False
    return all(
        math.isclose(stability(parsed, {**values, "x": x}, trained).limit or 0.0, 1 / (x * x + 1))
        for x in (values["x"], 0.5, 2.0)
    )


def set_rate(text: str, kept: dict[str, float], trained: list[str], factor: float):
    """The learning rate at `factor` times the limit, where there is one."""
    from model.descent import stability

    parsed = parse(text)
    if not trained:
        return gr.skip()
    limit = stability(parsed, values_of(parsed, kept), trained).limit
    return float(f"{factor * limit:.3g}") if limit else gr.skip()


def build() -> None:
    """The tab's components, listeners and endpoint. Call it inside a `gr.Tab`."""
    kept, names = gr.State(dict(DEFAULT["values"])), gr.State([])
    text = gr.State(DEFAULT["expression"])  # the last expression without a mistake
    gr.Markdown(i18n_key("autograd.intro"))
    expression = gr.Textbox(
        DEFAULT["expression"],
        label=i18n_key("autograd.expression"),
        info=i18n_key("autograd.expression_info"),
        elem_id="autograd-expression",
        max_lines=1,
    )
    problem = gr.HTML()
    with gr.Row(elem_classes="ag-chips"):
        chips = [gr.Button(i18n_key(f"autograd.example.{e['id']}"), size="sm") for e in EXAMPLES]
    with gr.Row(elem_classes="ag-values", elem_id="autograd-values"):
        fields = [gr.Number(NEW_VALUE, visible=False, min_width=96) for _ in range(POOL)]
    answer = gr.HTML("⏳", elem_id="autograd-answer")
    second = gr.Checkbox(
        label=i18n_key("autograd.second"), elem_id="autograd-second", container=False
    )
    step, graph, step_text, buttons = _build_graph()
    with gr.Tabs():
        with gr.Tab(i18n_key("autograd.move")):
            controls, moving, rates = _build_moving()
        with gr.Tab(i18n_key("autograd.formula")):
            formula = gr.Markdown(elem_id="autograd-formula")
        with gr.Tab(i18n_key("autograd.code")):
            gr.Markdown(i18n_key("autograd.code_info"))
            code = gr.Code(language="python", interactive=False, elem_id="autograd-code")
    query = gr.Textbox(visible=False)

    private = {"show_progress": "hidden", "api_visibility": "private"}
    live = {"trigger_mode": "always_last", **private}
    chooses = [*controls[:4]]
    opened = [problem, text, *fields, names, *chooses, answer, step, graph, step_text, query]
    rate = controls[4]

    def then_the_rest(event) -> None:
        event.then(None, query, None, js=WRITE_ADDRESS, **private)
        event.then(show_details, [text, kept], [formula, code], **private)
        event.then(show_moving, [text, kept, *controls], moving, **private)

    page = Context.root_block.load(open_page, None, [expression, kept, *opened], **private)
    then_the_rest(page)
    then_the_rest(
        expression.input(open_expression, [expression, kept, controls[3], second], opened, **live)
    )
    for index, chip in enumerate(chips):
        then_the_rest(
            chip.click(
                open_example,
                [gr.State(index), kept, second],
                [expression, kept, rate, *opened],
                **live,
            )
        )
    changed = gr.on(
        [*(field.input for field in fields), second.input],
        change_values,
        [text, names, kept, step, second, *fields],
        [problem, kept, answer, step, graph, step_text, query],
        **live,
    )
    then_the_rest(changed)
    seen = [step, graph, step_text]
    step.input(show_step, [text, kept, step, gr.State(0)], seen, **live)
    for button, move in zip(buttons, (-1000, -1, 1, 1000), strict=True):
        button.click(show_step, [text, kept, step, gr.State(move)], seen, **live)
    for button, factor in zip(rates, (0.5, 1.05), strict=True):
        button.click(set_rate, [text, kept, controls[3], gr.State(factor)], rate, **live).then(
            show_moving, [text, kept, *controls], moving, **private
        )
    gr.on(
        [control.input for control in controls],
        show_moving,
        [text, kept, *controls],
        moving,
        **live,
    )
    endpoint(gradients, "gradients")


def _build_graph() -> tuple[gr.Slider, gr.HTML, gr.HTML, list[gr.Button]]:
    with gr.Row(elem_classes="ag-chips"):
        buttons = [
            gr.Button(i18n_key(f"autograd.{key}"), size="sm", elem_id=f"autograd-{key}")
            for key in ("start", "back", "next", "end")
        ]
    step = gr.Slider(
        0, 9, value=0, step=1, label=i18n_key("autograd.step"), elem_id="autograd-step"
    )
    step_text = gr.HTML(elem_id="autograd-step-text")
    graph = gr.HTML(elem_id="autograd-graph")
    gr.Markdown(i18n_key("autograd.legend"), elem_classes="ag-legend")
    return step, graph, step_text, buttons


def _build_moving() -> tuple[list, list[gr.HTML], list[gr.Button]]:
    """Controls (along, across, up, trained, rate, steps), what they move, and the rate buttons."""
    with gr.Row():
        along, across, up = (
            gr.Dropdown([], label=i18n_key(f"autograd.{key}"), min_width=120)
            for key in ("along", "across", "up")
        )
    trained = gr.CheckboxGroup([], label=i18n_key("autograd.trained"), elem_id="autograd-trained")
    with gr.Row():
        rate = gr.Number(
            DEFAULT["rate"],
            label=i18n_key("autograd.rate"),
            minimum=0,
            step=0.001,
            min_width=120,
            elem_id="autograd-rate",
        )
        steps = gr.Slider(1, 100, value=30, step=1, label=i18n_key("autograd.steps"), min_width=160)
        safe = gr.Button(i18n_key("autograd.safe"), size="sm", min_width=120)
        unsafe = gr.Button(
            i18n_key("autograd.unsafe"), size="sm", min_width=120, elem_id="autograd-unsafe"
        )
    verdict = gr.HTML(elem_id="autograd-verdict")
    plots = gr.HTML(elem_id="autograd-plots")
    table = gr.HTML(elem_id="autograd-losses")
    return [along, across, up, trained, rate, steps], [verdict, plots, table], [safe, unsafe]
