"""Public endpoints, documented by their own types and docstrings."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_type_hints

import gradio as gr


def endpoint(function: Callable, name: str, concurrency_limit: int | None = 1) -> None:
    """Publish `function` as the endpoint `/name` of the page that is being built, for as many
    callers at a time.

    Gradio reads the return type as it is written, which under postponed annotations is a mere
    string: resolved first, it documents every field of the answer.
    """
    function.__annotations__ = get_type_hints(function)
    gr.api(function, api_name=name, concurrency_limit=concurrency_limit)
