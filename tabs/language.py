"""English and Chinese: how a tab says things in the reader's language.

Static text (labels, headings, buttons) goes through `gr.I18n`, which the browser translates. Text
made on the server (results, errors) cannot: a listener is told the `language` that the page is in
(see `tabs.listeners`), and whoever calls an endpoint is answered in what their headers ask for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import gradio as gr
from starlette.requests import Request

# A tab's words: key -> (English, 中文).
Words = Mapping[str, tuple[str, str]]

LANGUAGES = ("en", "zh")
VISITOR = "visitor"  # the component in which the page tells of itself
i18n_key = gr.I18n()


def translations(*words: Words) -> gr.I18n:
    """One `gr.I18n` for `launch(i18n=...)` out of every tab's words; keys must not clash. The page
    knows no other locales: `scripts/language.js` makes zh-CN of every zh-*."""
    english: dict[str, str] = {}
    chinese: dict[str, str] = {}
    for table in words:
        if clash := english.keys() & table.keys():
            raise ValueError(f"two tabs use the same text keys: {sorted(clash)}")
        for key, (en, zh) in table.items():
            english[key], chinese[key] = en, zh
    return gr.I18n(en=english, **{"zh-CN": chinese})


def language_of(request: gr.Request | Request | None) -> str:
    """ "zh" when a caller's headers ask for Chinese first, else "en"."""
    accepted = "" if request is None else request.headers.get("accept-language", "")
    return "zh" if accepted.split(",")[0].strip().lower().startswith("zh") else "en"


def read_visitor(told: Any, request: gr.Request | None) -> dict[str, str]:
    """What the page tells of itself: its `language` and, as a query, its `place`."""
    try:
        visitor = json.loads(told)
        language, place = visitor["language"], visitor["place"]
        if language in LANGUAGES and isinstance(place, str):
            return {"language": language, "place": place}
    except (TypeError, ValueError, KeyError):
        pass  # no page of ours: a script that calls the listener, or one with its own idea of it
    return {"language": language_of(request), "place": ""}


def say(words: Words, key: str, language: str, **facts: object) -> str:
    """The text under `key` in `language`, its `{holes}` filled with `facts`."""
    english, chinese = words[key]
    return (chinese if language == "zh" else english).format(**facts)
