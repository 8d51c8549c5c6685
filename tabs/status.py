"""The line on top of the page: which models answer, and why if they are not those asked for."""

from __future__ import annotations

import html

import gradio as gr

from model.errors import UserError
from model.run.origin import Origin
from model.serving.served import Served
from tabs.language import Words, language_of, say

TEXT: Words = {
    "status.classify": ("Classifier", "分类模型"),
    "status.regression": ("Regressor", "回归模型"),
    "status.device": ("Device", "设备"),
    "status.bundled": ("bundled with this app", "随应用内置"),
}
CSS = """
.status { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; font-size: .85rem;
  color: var(--body-text-color-subdued); }
.status .notice { flex-basis: 100%; padding: .4rem .75rem; border-radius: var(--radius-md);
  color: var(--body-text-color); border-left: 4px solid #d97706;
  background: var(--block-background-fill); }
"""
SECONDS = 5  # between looks: a model may be swapped in when the Hub is back


def build(classifier: Served, regressor: Served) -> None:
    """Make the line; it is filled when the page is opened and kept up to date."""
    models = {"status.classify": classifier, "status.regression": regressor}

    def show(request: gr.Request) -> str:
        language = language_of(request)
        parts = [part for key, served in models.items() for part in describe(key, served, language)]
        parts += describe_device(classifier, language)
        return f'<div class="status">{"".join(parts)}</div>'

    line = gr.HTML(elem_id="status")
    options = {"outputs": [line], "show_progress": "hidden", "api_visibility": "private"}
    gr.on(fn=show, **options)
    gr.Timer(SECONDS).tick(show, **options)


def describe(key: str, served: Served, language: str) -> list[str]:
    """HTML of one model: where it came from, then what the reader should know about it."""
    name = say(TEXT, key, language)
    try:
        origin = origin_text(served.get(timeout=0).origin, language)
    except UserError as error:
        return [notice(name, error, language)]
    line = f"<span>{html.escape(name)}: <b>{html.escape(origin)}</b></span>"
    return [line] + ([notice(name, served.notice, language)] if served.notice else [])


def describe_device(classifier: Served, language: str) -> list[str]:
    """HTML of what computes here, once torch has been imported to serve the classifier."""
    try:
        classifier.get(timeout=0)
    except UserError:
        return []
    from model import device

    name = say(TEXT, "status.device", language)
    text = str(device.describe(device.choose_device()))
    return [f"<span>{html.escape(name)}: <b>{html.escape(text)}</b></span>"]


def notice(name: str, error: UserError, language: str) -> str:
    """HTML of something that the reader should know about the model called `name`."""
    text = f"{name}: {error.message(language)}"
    return f'<span class="notice">{html.escape(text)}</span>'


def origin_text(origin: Origin, language: str) -> str:
    """Where a model came from, in the reader's language."""
    if origin == Origin("bundled"):
        return say(TEXT, "status.bundled", language)
    return str(origin)
