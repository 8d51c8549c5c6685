"""One way to listen: a plain function, from values by name to updates by name.

Gradio passes values by position, and knows nothing of the language that the page was switched to:
the page tells both, and its address, through a component of its own (see `scripts/language.js`).
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.context import Context

from model.errors import UserError
from tabs.language import VISITOR, read_visitor
from tabs.server.page import understood

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


def again() -> Callable:
    """The trigger for every answer to be made again, in another language or after the line was
    lost."""
    return _of_the_page("again", partial(gr.Button, visible="hidden")).click


def opened() -> list[Callable]:
    """The triggers for a tab to do what the address says: a new page, Back and Forward."""
    moved = _of_the_page("open-address", partial(gr.Button, visible="hidden"))
    return [Context.root_block.load, moved.click]


def _of_the_page(elem_id: str, make: Callable[..., Component]) -> Component:
    """The one component with this id of the page that is being built."""
    found = (part for part in Context.root_block.blocks.values() if part.elem_id == elem_id)
    return next(found, None) or make(elem_id=elem_id)


def listen(
    triggers: Sequence[Callable],
    function: Callable[..., Updates | Iterator[Updates]],
    inputs: Mapping[str, Component],
    outputs: Mapping[str, Component],
    constants: Mapping[str, Any] | None = None,
    failed: Callable[[UserError, str], Updates] | None = None,
    changes: str = "",
    opens: str = "",
    **options: Any,
) -> gr.events.Dependency:
    """Have Gradio call `function(language, **values)` at each of `triggers`, with the values of
    those `inputs` that it has a parameter for (all, if it takes `**fields`), the `constants`, and
    the page's `language` and `place` if it has a parameter for them.

    What it returns, or yields, holds new values for some of `outputs`, by the same names; in its
    place, where it raises, `failed(error, language)`. Where what the visitor does here belongs into
    the address, `changes` names the tab, and the output "query" says what it holds; where the tab
    is brought to what the address says, `opens` does. `options` are those of `gr.on`.
    """
    parameters = inspect.signature(function).parameters
    if not any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        inputs = some(inputs, inputs.keys() & parameters.keys())
    visitor = _of_the_page(VISITOR, partial(gr.Textbox, visible=False))

    def steps(values: dict, request: gr.Request) -> Iterator[dict[Component, Any]]:
        given = {name: values[component] for name, component in inputs.items()}
        about = read_visitor(values[visitor], request)
        told = {name: about[name] for name in about.keys() & parameters.keys()}
        try:
            answer = function(**{**given, **told, **(constants or {})})
            yield from map(components, [answer] if isinstance(answer, dict) else answer)
        except Exception as error:
            if failed is None:
                raise
            sentence = understood(error, function.__name__)
            yield components(failed(sentence, about["language"]))

    def components(updates: Updates) -> dict[Component, Any]:
        # Gradio takes an empty dict for a value.
        every = {**dict.fromkeys(outputs, gr.skip()), **updates}
        return {outputs[name]: value for name, value in every.items()}

    def call(values: dict, request: gr.Request) -> dict[Component, Any]:
        return next(steps(values, request))

    def call_stepwise(values: dict, request: gr.Request) -> Iterator[dict[Component, Any]]:
        yield from steps(values, request)

    is_stepwise = inspect.isgeneratorfunction(function)
    given = {visitor, *inputs.values()}
    at = sorted(given, key=lambda part: part._id).index(visitor)  # as Gradio sorts them
    shown = [] if is_stepwise else [p.elem_id for p in outputs.values() if is_shown(p)]
    event = gr.on(
        triggers,
        call_stepwise if is_stepwise else call,
        given,
        list(outputs.values()),
        js=f"(...values) => page.ask(values, {at}, {json.dumps(shown)})",
        api_visibility="private",
        **{
            "show_progress": "hidden",
            "trigger_mode": "always_last",
            "concurrency_limit": CALLERS,
            **options,
        },
    )
    done = f"page.answered({json.dumps(shown)})"
    if changes or opens:
        done += f"; page.{'changed' if changes else 'holds'}({json.dumps(changes or opens)}, query)"
    query = [outputs["query"]] if changes or opens else None
    event.success(None, query, None, js=f"(query) => {{ {done} }}", api_visibility="private")
    return event


def is_shown(part: Component) -> bool:
    """Whether `part` shows an answer, rather than asking for something."""
    shows = isinstance(part, gr.HTML | gr.Markdown | gr.Label | gr.Code)
    return bool(part.elem_id) and (shows or getattr(part, "interactive", True) is False)
