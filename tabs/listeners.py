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

Updates = dict[str, Any]
CALLERS = 8  # of each listener at a time: who waits for an answer holds up nobody


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
    constants = constants or {}
    parameters = inspect.signature(function).parameters
    if not any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        inputs = some(inputs, (inputs.keys() - constants.keys()) & parameters.keys())

    def named(values: dict, request: gr.Request) -> Any:
        given = {name: values[component] for name, component in inputs.items()}
        return function(request=request, **given, **constants)

    def components(updates: Updates) -> dict[Component, Any]:
        # Gradio takes an empty dict for a value.
        every = {**dict.fromkeys(outputs, gr.skip()), **updates}
        return {outputs[name]: value for name, value in every.items()}

    def call(values: dict, request: gr.Request) -> dict[Component, Any]:
        return components(named(values, request))

    def call_stepwise(values: dict, request: gr.Request) -> Iterator[dict[Component, Any]]:
        yield from map(components, named(values, request))

    return gr.on(
        triggers,
        call_stepwise if inspect.isgeneratorfunction(function) else call,
        set(inputs.values()),
        list(outputs.values()),
        show_progress="hidden",
        api_visibility="private",
        **{"trigger_mode": "always_last", "concurrency_limit": CALLERS, **options},
    )
