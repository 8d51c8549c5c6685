"""Autograd: an expression, the values of its variables, and what backpropagation makes of them.

What imports torch is imported inside the functions that use it: the page must be up before it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypedDict

import gradio as gr
from gradio.components import Component
from gradio.context import Context

from model.autograd.latex import latex
from model.autograd.parsing import parse
from tabs.api import endpoint
from tabs.autograd import events
from tabs.autograd.controls import DEFAULT, EXAMPLES, FIELDS, NEW_VALUE, STEPS, VIEWS
from tabs.autograd.events import NAME
from tabs.autograd.text import WORDS, label
from tabs.language import Words, language_of
from tabs.listeners import CALLERS, again, listen, named, opened, some

__all__ = ["TEXT", "build", "gradients"]

TEXT: Words = {
    **{f"autograd.{key}": words for key, words in WORDS.items()},
    **{f"autograd.example.{name}": tuple(each["name"]) for name, each in EXAMPLES.items()},
}
# Names of components: buttons with what they mean, and those that change together.
MOVES = {"start": -1000, "back": -1, "next": 1, "end": 1000}  # steps
RATES = {"safe": 0.5, "unsafe": 1.05}  # of the limit
CHOICES = ("along", "across", "up", "trained")
STEP = ("step", "graph", "step_text")
ANSWER = ("value", "answer", *STEP)
SHOWN = ("verdict", "plots", "losses", "formula", "code")
HELD = (  # what every listener knows
    *("expression", "names", "kept", "second", "functions", "step", "chosen", "rate", "steps"),
    *("view", "point", "playing"),
)
SECONDS = 1.2  # of a step, as it is played
# The place in which an answer appears is there before it, or nobody would hear it.
ANNOUNCED = "element.setAttribute('aria-live', 'polite')"
Number = float | str  # "NaN", "Infinity" and "-Infinity" where JSON has no number


class Agreement(TypedDict):
    symbolic: Number | None
    difference: Number | None
    difference_error: Number | None
    agrees: bool


class Latex(TypedDict):
    expression: str
    gradients: dict[str, str] | None


class Gradients(TypedDict):
    value: Number
    gradients: dict[str, Number]
    agreement: dict[str, Agreement]
    latex: Latex
    remarks: list[str]
    hessian: dict[str, dict[str, Number]] | None


def gradients(
    expression: str, values: dict, order: int = 1, request: gr.Request = None
) -> Gradients:
    """Value and partial derivatives of an expression, three independent ways.
    以三种独立的方法求表达式的值和偏导数。

    Args:
        expression: such as "(target - (w*x + b))**2"; + - * / ** ( ), pi, e, and the functions
            sin cos tan asin acos atan sinh cosh tanh exp log log2 log10 sqrt abs sigmoid relu
            leaky_relu softplus gelu erf min max. At most 300 characters and 12 variables.
        values: the number each variable stands for, such as {"w": 2, "b": 1}. Names that the
            expression does not use are ignored.
        order: 1, or 2 for the Hessian as well.

    Returns:
        value and gradients by PyTorch's autograd in float64; agreement: the same by SymPy and by
        extrapolated central differences with their estimated error; latex, the derivatives as
        SymPy gives them, null beyond 100,000 characters; remarks, sentences on kinks, domains and
        overflow; hessian, null for order 1. What JSON has no number for is the string "NaN",
        "Infinity" or "-Infinity", which Python's float() and JavaScript's Number() read; null
        stands for a method without answer.
    """
    from model.autograd.comparison import compare
    from model.autograd.gradients import differentiate

    parsed = parse(expression)
    second = differentiate(parsed, values, order).hessian if order != 1 else None
    compared = compare(parsed, values)
    exact = compared.symbolic
    return {
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
        "latex": {"expression": latex(parsed), "gradients": exact and exact.latex},
        "remarks": [remark.message(language_of(request)) for remark in compared.remarks],
        "hessian": second
        and {a: {b: as_json(v) for b, v in row.items()} for a, row in second.items()},
    }


def as_json(value: float, missing: str | None = "NaN") -> Number | None:
    """A number as JSON can hold it."""
    if math.isnan(value):
        return missing
    return value if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"


def build() -> None:
    """The tab's components, listeners and endpoint. Call it inside a `gr.Tab`."""
    tab = Context.block
    with gr.Column(elem_id=NAME):
        with gr.Row():
            with gr.Column(scale=9, min_width=340):
                _build_answer()
            with gr.Column(scale=11, min_width=340):
                _build_graph()
        with gr.Tabs(elem_id="autograd-views"):
            build_view = {"descent": _build_descent, "formula": _build_formula, "code": _build_code}
            for view in VIEWS:
                with gr.Tab(label(view), id=view, elem_id=f"autograd-view-{view}"):
                    build_view[view]()
    gr.Textbox(visible=False, elem_id="autograd-query")  # of the page's address
    parts = {
        "names": gr.State(),  # of the variables that the fields are for; None: not opened yet
        "kept": gr.State({}),  # every value that was ever typed, by name
        "chosen": gr.State({}),  # what `events.choose` gives
        "point": gr.State(),  # what the answer on the page is the answer to
        "view": gr.State(VIEWS[0]),
        "playing": gr.State(False),
        "timer": gr.Timer(SECONDS, active=False),
        **named("autograd-"),
    }
    _listen_to_input(parts, tab)
    _listen_to_steps(parts)
    _listen_to_views(parts)
    endpoint(gradients, "gradients", CALLERS)


def _build_answer() -> None:
    """The expression, examples and value fields; the answer to them."""
    gr.Textbox(
        DEFAULT["expression"],
        label=label("expression"),
        elem_id="autograd-expression",
        max_lines=1,
    )
    gr.HTML(elem_id="autograd-problem", padding=False, js_on_load=ANNOUNCED)
    with gr.Row(elem_classes="ag-chips"):
        for name in EXAMPLES:
            gr.Button(label(f"example.{name}"), size="sm", elem_id=f"autograd-example-{name}")
    with gr.Row(elem_classes="ag-values", elem_id="autograd-values"):
        for name in FIELDS:
            gr.Number(NEW_VALUE, visible=False, min_width=96, elem_id=f"autograd-{name}")
    gr.HTML(elem_id="autograd-value", padding=False, js_on_load=ANNOUNCED)
    gr.HTML(elem_id="autograd-answer", padding=False)
    gr.Checkbox(label=label("second"), elem_id="autograd-second", container=False)


def _build_graph() -> None:
    """The graph in its window, and its steps."""
    with gr.Group(elem_classes="ag-graph-frame"):
        gr.HTML(elem_id="autograd-graph", padding=False, js_on_load="page.graph(element)")
        gr.HTML(label("zoom"), padding=False, elem_classes="ag-zoom")
    with gr.Row(elem_classes="ag-chips"):
        for name in ("start", "back", "play", "next", "end"):
            kind = "primary" if name == "play" else "secondary"
            gr.Button(label(name), size="sm", variant=kind, elem_id=f"autograd-{name}")
        gr.Checkbox(label=label("functions"), elem_id="autograd-functions", container=False)
    gr.Slider(0, 9, value=0, step=1, label=label("step"), elem_id="autograd-step")
    gr.HTML(elem_id="autograd-step-text", padding=False, js_on_load=ANNOUNCED)


def _build_descent() -> None:
    """What to draw and how to descend, and the drawings."""
    with gr.Row():
        for name in ("along", "across", "up"):
            gr.Dropdown([], label=label(name), min_width=120, elem_id=f"autograd-{name}")
        gr.CheckboxGroup([], label=label("trained"), elem_id="autograd-trained")
    with gr.Row():
        rate = {"step": 0.001, "min_width": 120}
        gr.Number(DEFAULT["rate"], label=label("rate"), **rate, elem_id="autograd-rate")
        steps = {"label": label("steps"), "elem_id": "autograd-steps", "min_width": 160}
        gr.Slider(1, 100, value=STEPS, step=1, **steps)
        for name in RATES:
            gr.Button(label(name), size="sm", min_width=120, elem_id=f"autograd-{name}")
    gr.HTML(elem_id="autograd-verdict", padding=False, js_on_load=ANNOUNCED)
    gr.HTML(elem_id="autograd-plots", padding=False)
    with gr.Accordion(label("loss_table"), open=False):
        gr.HTML(elem_id="autograd-losses", padding=False)


def _build_formula() -> None:
    gr.Markdown(elem_id="autograd-formula")


def _build_code() -> None:
    gr.Markdown(label("code_info"))
    gr.Code(language="python", interactive=False, elem_id="autograd-code")


def _listen(
    parts: dict[str, Component],
    triggers: Sequence[Callable],
    function: Callable,
    outputs: Iterable[str],
    constants: dict | None = None,
    more: Iterable[str] = (),
    **options: str,
) -> None:
    """Every listener knows all that the controls hold, and `more`, and tells in one place what is
    wrong."""
    outputs = some(parts, {"problem", "point", "query", *outputs})
    inputs = some(parts, [*HELD, *more])
    listen(triggers, function, inputs, outputs, constants, events.failed, **options)


def _listen_to_input(parts: dict[str, Component], tab: gr.Tab) -> None:
    shown = ["names", "kept", "chosen", "play", *FIELDS, *CHOICES, *ANSWER]
    anew = ["expression", "second", "functions", "rate", "steps", "view", "views"]
    anew += [*shown, "playing", "timer"]
    _listen(parts, opened(), events.open_page, anew, opens=NAME)
    turned = {"turned": True}
    _listen(parts, [tab.select], events.open_page, anew, turned, opens=NAME)
    for name, example in EXAMPLES.items():
        click = [parts[f"example_{name}"].click]
        _listen(parts, click, events.open_example, anew, {"example": example}, changes=NAME)
    # .input of a gr.Textbox misses Backspace, paste and input methods: it listens to keypresses.
    _listen(parts, [parts["expression"].change], events.show_answer, shown, changes=NAME)
    typed = [parts[name].input for name in ("second", *FIELDS)]
    _listen(parts, typed, events.show_answer, shown, more=FIELDS, changes=NAME)
    shown += [f"view_{view}" for view in VIEWS]  # Gradio leaves their names as they were
    _listen(parts, [again()], events.show_answer, shown, {"again": True}, more=FIELDS)


def _listen_to_steps(parts: dict[str, Component]) -> None:
    shown = [*STEP, "playing", "timer", "play"]
    moved = [parts[name].input for name in ("step", "functions")]
    _listen(parts, moved, events.show_step, shown, changes=NAME)
    for name, move in MOVES.items():
        click = [parts[name].click]
        _listen(parts, click, events.show_step, shown, {"move": move}, changes=NAME)
    _listen(parts, [parts["play"].click], events.play, shown)
    _listen(parts, [parts["timer"].tick], events.show_step, shown, {"move": 1})


def _listen_to_views(parts: dict[str, Component]) -> None:
    """What is shown below the answer, made when it is looked at."""
    _listen(parts, [parts["point"].change, again()], events.show_view, SHOWN)
    for view in VIEWS:
        select = [parts[f"view_{view}"].select]
        _listen(parts, select, events.open_view, ["view", *SHOWN], {"view": view}, changes=NAME)
    typed = [parts[name].input for name in ("rate", "steps")]
    _listen(parts, typed, events.show_changed, SHOWN, changes=NAME)
    choices = [parts[name].input for name in CHOICES]
    _listen(parts, choices, events.choose, ["chosen", *SHOWN], more=CHOICES, changes=NAME)
    for name, factor in RATES.items():
        click = [parts[name].click]
        _listen(parts, click, events.set_rate, ["rate", *SHOWN], {"factor": factor}, changes=NAME)
