"""Public endpoints, documented by their own types and docstrings."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import gradio as gr


def endpoint(
    function: Callable, name: str, concurrency_limit: int | None = 1, **constants: Any
) -> None:
    """Publish `function` as the endpoint `/name` of the page that is being built, for as many
    callers at a time. Its parameters are the callers' to give, but for the `constants`.

    Under postponed annotations types are mere strings: resolved, they document every field.
    """

    @functools.wraps(function)
    def call(*values: Any) -> Any:
        return function(*values, **constants)

    signature = inspect.signature(function, eval_str=True)
    asked = [each for each in signature.parameters.values() if each.name not in constants]
    call.__signature__ = signature.replace(parameters=asked)
    gr.api(call, api_name=name, concurrency_limit=concurrency_limit)
