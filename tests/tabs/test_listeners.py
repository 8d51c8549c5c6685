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
from gradio.helpers import special_args
from gradio.state_holder import SessionState

from tabs.autograd import events
from tabs.autograd import tab as autograd
from tabs.language import language_of
from tabs.listeners import Updates, listen, named, some
from tabs.server.page import Page

CHINESE = re.compile("[\u4e00-\u9fff]")


class Visitor:
    """What a browser holds of a page: the values of its components, and a session."""

    def __init__(self, page: gr.Blocks, language: str, **query: str) -> None:
        self.page, self.state = page, SessionState(page)
        self.request = gr.Request(headers={"accept-language": language}, query_params=query)
        self.values = {k: getattr(block, "value", None) for k, block in page.blocks.items()}

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


def tell(a: str, request: gr.Request) -> Updates:
    return {"told": f"{a} in {language_of(request)}"}


def tell_all(request: gr.Request, **fields: str) -> Updates:
    return {"told": f"{sorted(fields.items())} in {language_of(request)}"}


def tell_constant(a: str, request: gr.Request, b: str = "") -> Updates:
    return {"told": f"{a}{b} in {language_of(request)}"}


def tell_stepwise(a: str, request: gr.Request) -> Iterator[Updates]:
    yield {"told": f"{a} in {language_of(request)}"}


def tell_nothing(a: str, request: gr.Request) -> Updates:
    return {}


def tell_a_stranger(request: gr.Request) -> Updates:
    return {"stranger": 1}


def page_with(function: Any, constants: dict | None = None) -> tuple[gr.Blocks, gr.Textbox]:
    with gr.Blocks() as page:
        gr.Textbox("A", elem_id="own-a")
        gr.Textbox("B", elem_id="own-b")
        gr.Textbox("C", elem_id="other-c")
        told = gr.Textbox("untouched")
        parts = named("own-")
        listen([parts["a"].change], function, parts, {"told": told}, constants)
    return page, told


@pytest.mark.parametrize(
    ("function", "constants", "expected"),
    [
        (tell, None, "A in zh"),
        (tell_all, None, "[('a', 'A'), ('b', 'B')] in zh"),
        (tell_constant, {"b": "!"}, "A! in zh"),
        (tell_stepwise, None, "A in zh"),
        (tell_nothing, None, "untouched"),
    ],
)
def test_values_request_and_constants_arrive_by_name(function, constants, expected: str) -> None:
    page, told = page_with(function, constants)
    visitor = Visitor(page, "zh-CN")
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


def test_gradio_gives_its_request_to_every_listener(page: gr.Blocks) -> None:
    request = gr.Request(headers={"accept-language": "zh"})
    for listener in listeners(page):
        assert request in special_args(listener.fn, [{}], request)[0]
    assert len(listeners(page)) > 20


def test_no_listener_waits_for_anothers_sympy_or_misses_the_last_change(page: gr.Blocks) -> None:
    for listener in listeners(page):
        assert listener.concurrency_limit == autograd.CALLERS
        assert listener.trigger_mode == "always_last"


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_every_listener_answers_in_the_readers_language(page: gr.Blocks, language: str) -> None:
    visitor = Visitor(page, language)
    spoken = 0
    for listener in listeners(page):
        for block in listener.inputs:
            if block.elem_id == "autograd-expression":
                visitor.values[block._id] = "2x"
        answer = visitor.call(listener)
        names = {(block.elem_id or "").removeprefix("autograd-") for block in listener.outputs}
        if names & {"answer", "step-text", "verdict"}:
            spoken += 1
            words = re.sub("<svg.*?</svg>", "", json.dumps(answer, ensure_ascii=False))
            assert bool(CHINESE.search(words)) is (language == "zh-CN"), words
    assert spoken > 15


@pytest.mark.parametrize(("language", "word"), [("en-US", "simplified"), ("zh-CN", "化简")])
def test_the_formulas_speak_it_too(language: str, word: str) -> None:
    request = gr.Request(headers={"accept-language": language})
    query = {"query": "f=x", "by_hand": False}
    shown = events.show_details("sin(x)**2 + cos(x)**2 + x", {"x": 2.0}, query, request)
    assert f"({word})" in shown["formula"]
    assert shown["link"] == ""


def test_a_link_to_an_expression_opens_its_tab(page: gr.Blocks) -> None:
    (listener,) = [f for f in listeners(page) if isinstance(f.outputs[0], gr.Tabs)]
    assert "selected" not in Visitor(page, "en").call(listener)[0]
    assert Visitor(page, "en", f="x**2").call(listener)[0]["selected"] == "autograd"
