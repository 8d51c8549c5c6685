"""One way to listen: a plain function, from values by name to updates by name.

Gradio passes values by position, and hands its request only to parameters that have a name and a
type of their own: not to `*fields`, and not to a `functools.partial`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.context import Context

Updates = dict[str, Any]
CALLERS = 8  # of one function at a time: who waits, for SymPy say, holds up nobody


def named(prefix: str) -> dict[str, Component]:
    """The components of the page that is being built whose `elem_id` begins with `prefix`, by the
    rest of it, as a name: "autograd-step-text" is "step_text"."""
    return {
        part.elem_id.removeprefix(prefix).replace("-", "_"): part
        for part in Context.root_block.blocks.values()
        if (part.elem_id or "").startswith(prefix)
    }


def some(parts: Mapping[str, Component], names: Iterable[str]) -> dict[str, Component]:
    """Those of the `parts` that have these names."""
    return {name: parts[name] for name in names}


def listen(
    triggers: Sequence[Callable],
    function: Callable[..., Updates | Iterator[Updates]],
    inputs: Mapping[str, Component],
    outputs: Mapping[str, Component],
    constants: Mapping[str, Any] | None = None,
    **options: Any,
) -> gr.events.Dependency:
    """Have Gradio call `function(request=…, **values)` at each of `triggers`, with the values of
    those `inputs` that it has a parameter for (all, if it takes `**fields`), and the `constants`.

    What it returns, or yields, holds new values for some of `outputs`, by the same names.
    `options` are those of `gr.on`.
    """
    parameters = inspect.signature(function).parameters
    if not any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        inputs = some(inputs, inputs.keys() & parameters.keys())

    def answer(values: dict, request: gr.Request) -> Any:
        given = {name: values[component] for name, component in inputs.items()}
        return function(request=request, **{**given, **(constants or {})})

    def components(updates: Updates) -> dict[Component, Any]:
        # Gradio takes an empty dict for a value.
        every = {**dict.fromkeys(outputs, gr.skip()), **updates}
        return {outputs[name]: value for name, value in every.items()}

    def call(values: dict, request: gr.Request) -> dict[Component, Any]:
        return components(answer(values, request))

    def call_stepwise(values: dict, request: gr.Request) -> Iterator[dict[Component, Any]]:
        yield from map(components, answer(values, request))

    return gr.on(
        triggers,
        call_stepwise if inspect.isgeneratorfunction(function) else call,
        set(inputs.values()),
        list(outputs.values()),
        api_visibility="private",
        **{
            "show_progress": "hidden",
            "trigger_mode": "always_last",
            "concurrency_limit": CALLERS,
            **options,
        },
    )
