"""English and Chinese: how a tab says things in the reader's language.

Static text (labels, headings, buttons) goes through `gr.I18n`, which the browser translates.
Text made on the server (results, errors) cannot: for it, `language_of` reads the browser's
preference from the request, which is the same preference that `gr.I18n` goes by.
"""

from __future__ import annotations

from collections.abc import Mapping

import gradio as gr
from starlette.requests import Request

# A tab's words: key -> (English, 中文).
Words = Mapping[str, tuple[str, str]]

i18n_key = gr.I18n()


def translations(*words: Words) -> gr.I18n:
    """One `gr.I18n` for `launch(i18n=...)` out of every tab's words; keys must not clash."""
    english: dict[str, str] = {}
    chinese: dict[str, str] = {}
    for table in words:
        if clash := english.keys() & table.keys():
            raise ValueError(f"two tabs use the same text keys: {sorted(clash)}")
        for key, (en, zh) in table.items():
            english[key], chinese[key] = en, zh
    return gr.I18n(en=english, zh=chinese, **{"zh-CN": chinese, "zh-TW": chinese})


def language_of(request: gr.Request | Request | None) -> str:
    """ "zh" when the reader's browser asks for Chinese first, else "en"."""
    accepted = "" if request is None else request.headers.get("accept-language", "")
    return "zh" if accepted.split(",")[0].strip().lower().startswith("zh") else "en"


def say(words: Words, key: str, language: str, **facts: object) -> str:
    """The text under `key` in `language`, its `{holes}` filled with `facts`."""
    english, chinese = words[key]
    return (chinese if language == "zh" else english).format(**facts)
