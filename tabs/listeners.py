"""One way to listen: a plain function, from values by name to updates by name.

Gradio passes values by position, and hands its request only to parameters that have a name and a
type of their own: not to `*fields`, and not to a `functools.partial`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

Updates = dict[str, Any]


def listen(
    triggers: Sequence[Callable],
    function: Callable[..., Updates | Iterator[Updates]],
    inputs: Mapping[str, Component],
    outputs: Mapping[str, Component],
    **options: Any,
) -> gr.events.Dependency:
    """Have Gradio call `function(request=…, **values of inputs)` at each of `triggers`.

    What it returns, or yields, holds new values for some of `outputs`, by the same names.
    `options` are those of `gr.on`.
    """

    def named(values: dict, request: gr.Request) -> Any:
        given = {name: values[component] for name, component in inputs.items()}
        return function(request=request, **given)

    def components(updates: Updates) -> dict[Component, Any]:
        return {outputs[name]: value for name, value in updates.items()}

    def call(values: dict, request: gr.Request) -> dict[Component, Any]:
        return components(named(values, request))

    def call_stepwise(values: dict, request: gr.Request) -> Iterator[dict[Component, Any]]:
        yield from map(components, named(values, request))

    return gr.on(
        triggers,
        call_stepwise if inspect.isgeneratorfunction(function) else call,
        set(inputs.values()),
        list(outputs.values()),
        **{"show_progress": "hidden", "api_visibility": "private", **options},
    )
