"""Autograd: an expression, the values of its variables, and what backpropagation makes of them.

What imports torch is imported inside the functions that use it: the page must be up before it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypedDict

import gradio as gr
from gradio.context import Context

from model.autograd.parsing import parse
from tabs.api import endpoint
from tabs.autograd import events
from tabs.autograd.events import DEFAULT, EXAMPLES, NEW_VALUE, POOL
from tabs.autograd.text import CSS, TEXT
from tabs.language import i18n_key, language_of
from tabs.listeners import listen

__all__ = ["CSS", "TEXT", "build", "gradients"]

TEXT = {**TEXT, **{f"autograd.example.{e['id']}": tuple(e["name"]) for e in EXAMPLES}}
# Callers at a time, of each listener and of the endpoint: who waits for SymPy holds up nobody.
CALLERS = 8
QUIET = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": CALLERS}
LIVE = {"trigger_mode": "always_last", **QUIET}
# The page's address holds the expression and its values, so that it can be shared.
WRITE_ADDRESS = """(query) => {
    if (!query) return;
    const url = new URL(window.location);
    url.searchParams.delete("f");
    url.searchParams.delete("at");
    for (const [key, value] of new URLSearchParams(query)) url.searchParams.set(key, value);
    window.history.replaceState(window.history.state, "", url);
}"""

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
    from model.autograd.latex import latex

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


@dataclass
class _Parts:
    """The components and states that listeners read and write."""

    kept: gr.State  # every value that was ever typed, by name
    names: gr.State  # which variable each value field stands for
    text: gr.State  # the last expression without a mistake
    chosen: gr.State  # what `events.choose` gives
    query: gr.State  # what `events.address` gives
    expression: gr.Textbox
    problem: gr.HTML
    chips: list[gr.Button]
    fields: list[gr.Number]
    answer: gr.HTML
    second: gr.Checkbox
    step: gr.Slider
    graph: gr.HTML
    step_text: gr.HTML
    step_buttons: list[gr.Button]
    choices: list[gr.Dropdown | gr.CheckboxGroup]  # along, across, up, trained
    rate: gr.Number
    steps: gr.Slider
    rate_buttons: list[gr.Button]
    moving: list[gr.HTML]
    formula: gr.Markdown
    code: gr.Code
    link: gr.Textbox

    @property
    def answers(self) -> list:
        """What `events.show_answer` updates."""
        return [self.answer, self.step, self.graph, self.step_text, self.query]

    @property
    def opened(self) -> list:
        """What `events.open_expression` updates."""
        shown = [*self.fields, self.names, *self.choices, self.chosen]
        return [self.problem, self.text, *shown, *self.answers]


def build() -> None:
    """The tab's components, listeners and endpoint. Call it inside a `gr.Tab`."""
    tab = Context.block
    gr.Markdown(i18n_key("autograd.intro"))
    typed = _build_input()
    graph = _build_graph()
    with gr.Tabs():
        with gr.Tab(i18n_key("autograd.move")):
            moving = _build_moving()
        with gr.Tab(i18n_key("autograd.formula")):
            formula = gr.Markdown(elem_id="autograd-formula")
        with gr.Tab(i18n_key("autograd.code")):
            gr.Markdown(i18n_key("autograd.code_info"))
            code = gr.Code(language="python", interactive=False, elem_id="autograd-code")
    parts = _Parts(
        kept=gr.State(dict(DEFAULT["values"])),
        names=gr.State([]),
        text=gr.State(DEFAULT["expression"]),
        chosen=gr.State(events.choose(None, None, None, [])),
        query=gr.State({}),
        formula=formula,
        code=code,
        link=gr.Textbox(visible=False),
        **typed,
        **graph,
        **moving,
    )
    _listen_to_page(parts, tab)
    _listen_to_input(parts)
    _listen_to_steps(parts)
    _listen_to_changes(parts)
    endpoint(gradients, "gradients", CALLERS)


def _listen_to_page(p: _Parts, tab: object) -> None:
    page = Context.root_block  # the gr.Blocks that this tab is built in
    page.load(events.open_page, None, [p.expression, p.kept, *p.opened], **QUIET)
    if isinstance(tab, gr.Tab) and isinstance(tab.parent, gr.Tabs) and tab.id is not None:
        page.load(events.open_linked_tab, [gr.State(tab.id)], tab.parent, **QUIET)


def _listen_to_input(p: _Parts) -> None:
    # .input of a gr.Textbox misses Backspace, paste and input methods: it listens to keypresses.
    typed = [p.expression, p.text, p.kept, p.chosen, p.second]
    p.expression.change(events.open_expression, typed, p.opened, **LIVE)
    for index, chip in enumerate(p.chips):
        outputs = [p.expression, p.kept, p.rate, *p.opened]
        chip.click(events.open_example, [gr.State(index), p.kept, p.second], outputs, **LIVE)
    fields = {f"field_{number}": field for number, field in enumerate(p.fields)}
    seen = {"text": p.text, "names": p.names, "kept": p.kept, "step": p.step, "second": p.second}
    answers = ("answer", "step", "graph", "step_text", "query")
    listen(
        [*(field.input for field in p.fields), p.second.input],
        events.change_values,
        {**seen, **fields},
        {"problem": p.problem, "kept": p.kept, **dict(zip(answers, p.answers, strict=True))},
        trigger_mode="always_last",
    )


def _listen_to_steps(p: _Parts) -> None:
    seen = [p.step, p.graph, p.step_text]
    p.step.input(events.show_step, [p.text, p.kept, p.step], seen, **LIVE)
    for button, by in zip(p.step_buttons, (-1000, -1, 1, 1000), strict=True):
        button.click(events.move_step, [gr.State(by), p.text, p.kept, p.step], seen, **LIVE)


def _listen_to_changes(p: _Parts) -> None:
    """What follows from a new expression or value, and the controls of "See it move"."""
    shown = [p.formula, p.code, p.link]
    p.query.change(events.show_details, [p.text, p.kept, p.query], shown, **LIVE).then(
        None, p.link, None, js=WRITE_ADDRESS, **QUIET
    )
    choose = [choice.input for choice in p.choices]
    gr.on(choose, events.choose, p.choices, p.chosen, **LIVE)
    for button, factor in zip(p.rate_buttons, (0.5, 1.05), strict=True):
        inputs = [gr.State(factor), p.text, p.kept, p.chosen]
        button.click(events.set_rate, inputs, p.rate, **LIVE)
    gr.on(
        [p.query.change, p.chosen.change, p.rate.change, p.steps.change],
        events.show_moving,
        [p.text, p.kept, p.chosen, p.rate, p.steps],
        p.moving,
        **LIVE,
    )


def _build_input() -> dict[str, object]:
    """The expression, examples, value fields, and the answer to them."""
    expression = gr.Textbox(
        DEFAULT["expression"],
        label=i18n_key("autograd.expression"),
        info=i18n_key("autograd.expression_info"),
        elem_id="autograd-expression",
        max_lines=1,
    )
    problem = gr.HTML(elem_id="autograd-problem")
    with gr.Row(elem_classes="ag-chips"):
        chips = [gr.Button(i18n_key(f"autograd.example.{e['id']}"), size="sm") for e in EXAMPLES]
    with gr.Row(elem_classes="ag-values", elem_id="autograd-values"):
        fields = [gr.Number(NEW_VALUE, visible=False, min_width=96) for _ in range(POOL)]
    answer = gr.HTML("⏳", elem_id="autograd-answer")
    second = gr.Checkbox(
        label=i18n_key("autograd.second"), elem_id="autograd-second", container=False
    )
    return {
        "expression": expression,
        "problem": problem,
        "chips": chips,
        "fields": fields,
        "answer": answer,
        "second": second,
    }


def _build_graph() -> dict[str, object]:
    """Buttons and slider to step with, and what the step did."""
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
    return {"step": step, "graph": graph, "step_text": step_text, "step_buttons": buttons}


def _build_moving() -> dict[str, object]:
    """What to draw and how to descend, and the drawings."""
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
    return {
        "choices": [along, across, up, trained],
        "rate": rate,
        "steps": steps,
        "rate_buttons": [safe, unsafe],
        "moving": [verdict, plots, table],
    }
