"""The adapter between Gradio's positions and plain functions, and every listener behind it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio as gr
import pytest
from gradio.block_function import BlockFunction
from gradio.state_holder import SessionState

from model.autograd.parsing import parse
from model.errors import UserError
from tabs.autograd import details
from tabs.autograd import tab as autograd
from tabs.autograd.controls import Controls
from tabs.language import VISITOR, read_visitor
from tabs.listeners import Updates, listen, named, some
from tabs.server.page import Page, Unexpected
from tabs.server.uploads import NotUploaded

CHINESE = re.compile("[\u4e00-\u9fff]")


class Visitor:
    """What a browser holds of a page: the values of its components, and a session."""

    def __init__(self, page: gr.Blocks, language: str, place: str = "") -> None:
        self.page, self.state = page, SessionState(page)
        self.request = gr.Request(headers={"accept-language": "fr"})
        self.values = {k: getattr(block, "value", None) for k, block in page.blocks.items()}
        (told,) = (k for k, block in page.blocks.items() if block.elem_id == VISITOR)
        self.values[told] = json.dumps({"language": language, "place": place})

    def call(self, function: BlockFunction) -> list[Any]:
        """What `function` answers; its updates are put into the components."""
        inputs = [self.values[block._id] for block in function.inputs]
        call = self.page.process_api(function, inputs, request=self.request, state=self.state)
        with ThreadPoolExecutor(1) as pool:  # in this thread a browser may have a loop running
            answers = pool.submit(asyncio.run, call).result()["data"]
        for block, answer in zip(function.outputs, answers, strict=True):
            if isinstance(answer, dict) and answer.get("__type__") == "update":
                answer = answer.get("value", self.values[block._id])
            self.values[block._id] = answer
        return answers


def listeners(page: gr.Blocks) -> list[BlockFunction]:
    return [f for f in page.fns.values() if f.fn is not None and f.api_visibility == "private"]


def tell(a: str, language: str) -> Updates:
    return {"told": f"{a} in {language}"}


def tell_place(a: str, place: str) -> Updates:
    return {"told": f"{a} at {place}"}


def tell_all(language: str, **fields: str) -> Updates:
    return {"told": f"{sorted(fields.items())} in {language}"}


def tell_constant(a: str, language: str, b: str = "") -> Updates:
    return {"told": f"{a}{b} in {language}"}


def tell_stepwise(a: str, language: str) -> Iterator[Updates]:
    yield {"told": f"{a} in {language}"}


def tell_nothing(a: str) -> Updates:
    return {}


def tell_a_stranger() -> Updates:
    return {"stranger": 1}


def fail(a: str) -> Updates:
    raise ZeroDivisionError(a)


def refuse(a: str) -> Updates:
    raise NotUploaded()


def say_what_failed(error: UserError, language: str) -> Updates:
    return {"told": error.message(language)}


def page_with(
    function: Any, constants: dict | None = None, **options: Any
) -> tuple[gr.Blocks, gr.Textbox]:
    with gr.Blocks() as page:
        gr.Textbox("A", elem_id="own-a")
        gr.Textbox("B", elem_id="own-b")
        gr.Textbox("C", elem_id="other-c")
        told = gr.Textbox("untouched")
        parts = named("own-")
        listen([parts["a"].change], function, parts, {"told": told}, constants, **options)
    return page, told


@pytest.mark.parametrize(
    ("function", "constants", "expected"),
    [
        (tell, None, "A in zh"),
        (tell_place, None, "A at tab=regression"),
        (tell_all, None, "[('a', 'A'), ('b', 'B')] in zh"),
        (tell_constant, {"b": "!"}, "A! in zh"),
        (tell_stepwise, None, "A in zh"),
        (tell_nothing, None, "untouched"),
    ],
)
def test_values_visitor_and_constants_arrive_by_name(function, constants, expected: str) -> None:
    page, told = page_with(function, constants)
    visitor = Visitor(page, "zh", "tab=regression")
    (listener,) = listeners(page)
    visitor.call(listener)
    assert visitor.values[told._id] == expected


def test_a_name_that_no_component_has_is_an_error() -> None:
    page, _ = page_with(tell_a_stranger)
    with pytest.raises(KeyError, match="stranger"):
        Visitor(page, "en").call(listeners(page)[0])
    with pytest.raises(KeyError, match="stranger"):
        some({"a": gr.Textbox()}, ["stranger"])


@pytest.fixture(scope="module")
def page() -> gr.Blocks:
    with Page() as blocks, gr.Tabs(), gr.Tab("Autograd", id="autograd"):
        autograd.build()
    return blocks


@pytest.mark.parametrize(("function", "error"), [(fail, Unexpected()), (refuse, NotUploaded())])
def test_what_is_wrong_is_told_in_the_answers_place(function, error: UserError, caplog) -> None:
    page, told = page_with(function, failed=say_what_failed)
    visitor = Visitor(page, "zh")
    (listener,) = listeners(page)
    visitor.call(listener)
    assert visitor.values[told._id] == error.message("zh")
    assert ("ZeroDivisionError" in caplog.text) is (function is fail)


@pytest.mark.parametrize(
    "told",
    [None, "", "{", "[]", "null", '{"language": "fr", "place": ""}', '{"language": "zh"}',
     '{"language": ["zh"], "place": ""}', '{"language": "zh", "place": 3}', "9" * 5000],
)  # fmt: skip
def test_whoever_tells_nonsense_of_the_page_is_read_by_the_headers(told: str | None) -> None:
    request = gr.Request(headers={"accept-language": "zh-TW"})
    assert read_visitor(told, request) == {"language": "zh", "place": ""}
    assert read_visitor(told, None) == {"language": "en", "place": ""}


def test_every_listener_is_told_of_the_page(page: gr.Blocks) -> None:
    for listener in listeners(page):
        at = [part.elem_id for part in listener.inputs].index(VISITOR)
        assert f"page.ask(values, {at}, [" in listener.js
    assert len(listeners(page)) > 20


def test_no_listener_waits_for_anothers_sympy_or_misses_the_last_change(page: gr.Blocks) -> None:
    for listener in listeners(page):
        assert listener.concurrency_limit == autograd.CALLERS
        assert listener.trigger_mode == "always_last"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_listener_answers_in_the_readers_language(page: gr.Blocks, language: str) -> None:
    visitor = Visitor(page, language, "tab=autograd")
    spoken = 0
    for k, listener in enumerate(listeners(page)):  # the first opens the tab
        for block in listener.inputs:
            if block.elem_id == "autograd-expression" and k:
                visitor.values[block._id] = f"w*x + {k}" if k % 2 else "2x"
        answer = visitor.call(listener)
        words = re.sub("<svg.*?</svg>", "", json.dumps(answer, ensure_ascii=False))
        if "<p" in words:
            spoken += 1
            assert bool(CHINESE.search(words)) is (language == "zh"), words
    assert spoken > 15


@pytest.mark.parametrize(("language", "word"), [("en", "simplified"), ("zh", "化简")])
def test_the_formulas_speak_it_too(language: str, word: str) -> None:
    parsed = parse("sin(x)**2 + cos(x)**2 + x")
    shown = details.formula(parsed, Controls(kept={"x": 2.0}), language)
    assert f"({word})" in shown["formula"]
