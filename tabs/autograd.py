"""Autograd: an expression, the values of its variables, and what backpropagation makes of them."""

from __future__ import annotations

import html

import gradio as gr
from gradio.context import Context

from model.errors import UserError
from model.expression_errors import ExpressionError
from model.parsing import LIMITS, parse
from tabs.language import i18n_key, language_of, say, to_gradio_error

TEXT: dict[str, tuple[str, str]] = {
    "autograd.expression": ("Expression", "表达式"),
    "autograd.value": ("value", "值"),
    "autograd.variable": ("variable", "变量"),
}

CSS = """
.autograd-error { color: var(--error-text-color, #b91c1c); }
.autograd-error pre { margin: 0; overflow-x: auto; }
.autograd-answer table { border-collapse: collapse; }
.autograd-answer td, .autograd-answer th { padding: 0.2em 1em 0.2em 0; text-align: left; }
"""

DEFAULT = "(target - (w*x + b))**2"
DEFAULT_VALUES = {"w": 2.0, "b": 1.0, "x": 3.0, "target": 10.0}


def gradients(expression: str, values: dict, order: int = 1, request: gr.Request = None) -> dict:
    """Value and partial derivatives of an expression, by PyTorch's autograd in float64.

    Args:
        expression: such as "(target - (w*x + b))**2"; + - * / ** ( ), pi, e, and the functions
            sin cos tan asin acos atan sinh cosh tanh exp log log2 log10 sqrt abs sigmoid relu
            leaky_relu softplus gelu erf min max. At most 300 characters and 12 variables.
        values: the number each variable stands for, such as {"w": 2, "b": 1}.
        order: 1, or 2 for the Hessian as well.

    Returns:
        {"value": number, "gradients": {name: number}}, with order 2 also
        {"hessian": {name: {name: number}}}. What JSON has no number for is given as the string
        "NaN", "Infinity" or "-Infinity", which Python's float() and JavaScript's Number() read.
    """
    from model.gradients import differentiate  # torch, which the page must not wait for

    try:
        found = differentiate(parse(expression), values, order)
    except UserError as error:
        raise to_gradio_error(error, request) from None
    answer = {"value": number(found.value), "gradients": numbers(found.gradients)}
    if found.hessian is not None:
        answer["hessian"] = {name: numbers(row) for name, row in found.hessian.items()}
    return answer


def number(value: float) -> float | str:
    """As JSON can hold it."""
    if value != value:
        return "NaN"
    return value if abs(value) != float("inf") else "Infinity" if value > 0 else "-Infinity"


def numbers(values: dict[str, float]) -> dict[str, float | str]:
    return {name: number(value) for name, value in values.items()}


def edit(expression: str, kept: dict[str, float], request: gr.Request):
    """Show a field for each variable, with the value it last had, and the answer."""
    try:
        parsed = parse(expression)
    except ExpressionError as error:
        skip = [gr.skip()] * LIMITS.variables
        return *skip, gr.skip(), pointed(error, language_of(request))
    fields = [
        gr.update(visible=True, label=name, value=kept.get(name, 1.0)) for name in parsed.variables
    ]
    hidden = [gr.update(visible=False)] * (LIMITS.variables - len(fields))
    return *fields, *hidden, list(parsed.variables), answer(parsed, kept, request)


def change_values(
    expression: str, names: list[str], kept: dict[str, float], request: gr.Request, *fields: float
):
    """Remember the values that were typed, and answer for them."""
    typed = {name: float(v) for name, v in zip(names, fields, strict=False) if v is not None}
    kept = {**kept, **typed}
    try:
        return kept, answer(parse(expression), kept, request)
    except ExpressionError as error:
        return kept, pointed(error, language_of(request))


def answer(parsed, kept: dict[str, float], request: gr.Request) -> str:
    from model.gradients import differentiate  # torch, which the page must not wait for

    language = language_of(request)
    values = {name: kept.get(name, 1.0) for name in parsed.variables}
    try:
        found = differentiate(parsed, values)
    except UserError as error:
        return f"<p class='autograd-error'>{html.escape(error.message(language))}</p>"
    rows = "".join(
        f"<tr><td>∂/∂{name}</td><td>{value:.12g}</td></tr>"
        for name, value in found.gradients.items()
    )
    head = say(TEXT, "autograd.value", language)
    return f"<table><tr><td>{head}</td><td>{found.value:.12g}</td></tr>{rows}</table>"


def pointed(error: ExpressionError, language: str) -> str:
    """The message under the expression, with a caret at the character."""
    source = " ".join(error.source.split("\n"))
    message = html.escape(error.message(language))
    caret = " " * error.position + "^"
    return f"<div class='autograd-error'><p>{message}</p><pre>{html.escape(source)}\n{caret}</pre></div>"


def build() -> None:
    """The tab's components, listeners and endpoint."""
    kept = gr.State(dict(DEFAULT_VALUES))
    names = gr.State([])
    expression = gr.Textbox(
        DEFAULT, label=i18n_key("autograd.expression"), elem_id="autograd-expression"
    )
    with gr.Row():
        fields = [gr.Number(1.0, visible=False, min_width=90) for _ in range(LIMITS.variables)]
    result = gr.HTML(elem_id="autograd-answer", elem_classes="autograd-answer")
    live = {"trigger_mode": "always_last", "show_progress": "hidden", "api_visibility": "private"}
    gr.on(
        [expression.input, Context.root_block.load],
        edit,
        [expression, kept],
        [*fields, names, result],
        **live,
    )
    gr.on(
        [field.input for field in fields],
        change_values,
        [expression, names, kept, *fields],
        [kept, result],
        **live,
    )
    gr.api(gradients, api_name="gradients")
