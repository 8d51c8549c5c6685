"""Autograd: an expression, the values of its variables, and what backpropagation makes of them.

What imports torch is imported inside the functions that use it: the page must be up before it is.
"""

from __future__ import annotations

import math
from typing import TypedDict

import gradio as gr
from gradio.components import Component

from model.autograd.latex import latex
from model.autograd.parsing import parse
from tabs.api import endpoint
from tabs.autograd import events
from tabs.autograd.events import DEFAULT, EXAMPLES, FIELDS, NEW_VALUE
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
NAME = "autograd"  # of the tab in the address
STEP = ("step", "graph", "step_text")
ANSWER = ("problem", "answer", "query", *STEP)
MOVING = ("verdict", "plots", "losses")
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
    _build_answer()
    with gr.Tabs():
        with gr.Tab(label("move")):
            _build_moving()
        with gr.Tab(label("formula")):
            gr.Markdown(elem_id="autograd-formula")
        with gr.Tab(label("code")):
            gr.Markdown(label("code_info"))
            gr.Code(language="python", interactive=False, elem_id="autograd-code")
    gr.Textbox(visible=False, elem_id="autograd-query")  # of the page's address
    parts = {
        "kept": gr.State(dict(DEFAULT["values"])),  # every value that was ever typed, by name
        "text": gr.State(DEFAULT["expression"]),  # the last expression without a mistake
        "chosen": gr.State({}),  # what `events.choose` gives
        **named("autograd-"),
    }
    _listen_to_input(parts)
    _listen_to_changes(parts)
    endpoint(gradients, "gradients", CALLERS)


def _build_answer() -> None:
    """The expression, examples and value fields; the answer to them, and the graph by steps."""
    gr.Markdown(label("intro"))
    gr.Textbox(
        DEFAULT["expression"],
        label=label("expression"),
        info=label("expression_info"),
        elem_id="autograd-expression",
        max_lines=1,
    )
    gr.HTML(elem_id="autograd-problem")
    with gr.Row(elem_classes="ag-chips"):
        for name in EXAMPLES:
            gr.Button(label(f"example.{name}"), size="sm", elem_id=f"autograd-example-{name}")
    with gr.Row(elem_classes="ag-values", elem_id="autograd-values"):
        for name in FIELDS:
            gr.Number(NEW_VALUE, visible=False, min_width=96, elem_id=f"autograd-{name}")
    gr.HTML("⏳", elem_id="autograd-answer")
    gr.Checkbox(label=label("second"), elem_id="autograd-second", container=False)
    with gr.Row(elem_classes="ag-chips"):
        for name in MOVES:
            gr.Button(label(name), size="sm", elem_id=f"autograd-{name}")
    gr.Slider(0, 9, value=0, step=1, label=label("step"), elem_id="autograd-step")
    gr.HTML(elem_id="autograd-step-text")
    gr.HTML(elem_id="autograd-graph")
    gr.Markdown(label("legend"), elem_classes="ag-legend")


def _build_moving() -> None:
    """What to draw and how to descend, and the drawings."""
    with gr.Row():
        for name in ("along", "across", "up"):
            gr.Dropdown([], label=label(name), min_width=120, elem_id=f"autograd-{name}")
    gr.CheckboxGroup([], label=label("trained"), elem_id="autograd-trained")
    with gr.Row():
        rate = {"minimum": 0, "step": 0.001, "min_width": 120}
        gr.Number(DEFAULT["rate"], label=label("rate"), **rate, elem_id="autograd-rate")
        steps = {"label": label("steps"), "elem_id": "autograd-steps", "min_width": 160}
        gr.Slider(1, 100, value=30, step=1, **steps)
        for name in RATES:
            gr.Button(label(name), size="sm", min_width=120, elem_id=f"autograd-{name}")
    for name in MOVING:
        gr.HTML(elem_id=f"autograd-{name}")


def _listen_to_input(parts: dict[str, Component]) -> None:
    shown = some(parts, ["text", "chosen", *ANSWER, *FIELDS, *CHOICES])
    replaced = shown | some(parts, ["expression", "kept", "rate"])
    listen(opened(), events.open_page, parts, replaced)
    # .input of a gr.Textbox misses Backspace, paste and input methods: it listens to keypresses.
    listen([parts["expression"].change], events.open_expression, parts, shown, changes=NAME)
    for name, example in EXAMPLES.items():
        click = parts[f"example_{name}"].click
        listen([click], events.open_example, parts, replaced, {"example": example}, changes=NAME)
    typed = some(parts, ["second", *FIELDS])
    listen(
        [*(part.input for part in typed.values()), again()],
        events.change_values,
        typed | some(parts, ["text", "kept", "step"]),
        some(parts, ["kept", *ANSWER]),
        changes=NAME,
    )
    shown = some(parts, STEP)
    listen([parts["step"].input], events.show_step, parts, shown)
    for name, move in MOVES.items():
        listen([parts[name].click], events.show_step, parts, shown, {"move": move})


def _listen_to_changes(parts: dict[str, Component]) -> None:
    """What follows from a new expression or value, and the controls of "See it move"."""
    details = some(parts, ["formula", "code"])
    listen([parts["query"].change, again()], events.show_details, parts, details)
    choices = some(parts, CHOICES)
    choose = [part.input for part in choices.values()]
    listen(choose, events.choose, choices, some(parts, ["chosen"]))
    for name, factor in RATES.items():
        rate = some(parts, ["rate"])
        listen([parts[name].click], events.set_rate, parts, rate, {"factor": factor})
    triggers = [parts[name].change for name in ("query", "chosen", "rate", "steps")]
    triggers.append(again())
    listen(triggers, events.show_moving, parts, some(parts, MOVING))
