"""The autograd tab, served for real: through its endpoint and through a browser."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from model.autograd.symbolic_worker import QUICK
from tabs.appearance import appearance
from tabs.autograd import tab as autograd
from tabs.server.page import Page as AppPage

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

EXAMPLES = json.loads((Path(__file__).parents[3] / "examples" / "expressions.json").read_text())
PATIENCE = 30_000  # milliseconds; the first answer waits for torch and sympy


@pytest.fixture(scope="module")
def url(serve: Callable[..., str]) -> str:
    with AppPage() as blocks, gr.Tabs():
        with gr.Tab("First"):
            gr.Markdown("something else")
        with gr.Tab("Autograd", id="autograd"):
            autograd.build()
    return serve(blocks, **appearance(autograd.TEXT))


@pytest.fixture(scope="module")
def client(url: str) -> Client:
    return Client(url, verbose=False)


def test_the_endpoint_differentiates_three_ways(client: Client) -> None:
    answer = client.predict(
        "(target - (w*x + b))**2",
        {"w": 2, "b": 1, "x": 3, "target": 10},
        api_name="/gradients",
    )
    assert answer["value"] == 9
    assert answer["gradients"] == {"w": -18, "b": -6, "x": -12, "target": 6}
    assert answer["agreement"]["w"]["symbolic"] == -18
    assert answer["agreement"]["w"]["difference"] == pytest.approx(-18, abs=1e-9)
    assert all(method["agrees"] for method in answer["agreement"].values())
    assert r"\mathit{target}" in answer["latex"]["expression"]
    assert set(answer["latex"]["gradients"]) == {"w", "b", "x", "target"}
    assert answer["remarks"] == []
    assert answer["hessian"] is None


def test_infinite_answers_come_as_strings_with_the_reason(client: Client) -> None:
    answer = client.predict("log(x)", {"x": 0}, 2, api_name="/gradients")
    assert float(answer["value"]) == -math.inf
    assert answer["gradients"] == {"x": "Infinity"}
    assert answer["hessian"] == {"x": {"x": "-Infinity"}}
    assert answer["agreement"]["x"]["symbolic"] is None
    assert "logarithm" in answer["remarks"][0]


def test_what_is_too_long_is_answered_without_its_formulas(client: Client) -> None:
    source = "max(" + ",".join(f"{'abcdfghxyzuv'[i % 12]}+{i}" for i in range(1, 50)) + ")"
    values = {name: 0.5 for name in "abcdfghxyzuv"}
    answer = client.predict(source, values, 2, api_name="/gradients")
    assert answer["gradients"] == {**dict.fromkeys(values, 0), "b": 1}
    assert answer["latex"]["gradients"] is None
    assert [remark for remark in answer["remarks"] if "too long to be written out" in remark]
    assert all(
        row["symbolic"] is not None and row["agrees"] for row in answer["agreement"].values()
    )
    assert len(json.dumps(answer)) < 20_000


def test_without_sympys_answer_the_other_two_decide(client: Client) -> None:
    QUICK.ask({"wanted": "simplified", "source": "x", "values": None}, 60)
    os.kill(QUICK._process.pid, signal.SIGSTOP)
    asked = client.submit("w*x**2", {"w": 2, "x": 3.25}, api_name="/gradients")
    while not QUICK._turn.locked():
        time.sleep(0.01)
    time.sleep(0.2)
    os.kill(QUICK._process.pid, signal.SIGKILL)
    answer = asked.result(timeout=30)
    assert answer["latex"]["gradients"] is None
    assert [remark for remark in answer["remarks"] if "in the time allowed" in remark]
    for row in answer["agreement"].values():
        assert row["symbolic"] is None
        assert row["agrees"]


def test_the_endpoint_points_at_mistakes(client: Client) -> None:
    with pytest.raises(AppError, match=r"at character 2.*write 2\*x"):
        client.predict("2x", {"x": 1}, api_name="/gradients")
    with pytest.raises(AppError, match="No value for y"):
        client.predict("x*y", {"x": 1}, api_name="/gradients")
    with pytest.raises(AppError, match="order is 1"):
        client.predict("x", {"x": 1}, 3, api_name="/gradients")


def test_only_the_endpoint_is_public(client: Client) -> None:
    assert list(client.view_api(return_format="dict")["named_endpoints"]) == ["/gradients"]


def opened(page: Page, url: str) -> Page:
    """The tab, with its first answer."""
    page.goto(url)
    page.get_by_role("tab", name="Autograd").click()
    page.locator("#autograd-answer .ag-big").wait_for(timeout=PATIENCE)
    return page


def shows(place: Locator, text: str | re.Pattern[str]) -> None:
    from playwright.sync_api import expect

    expect(place).to_contain_text(text, timeout=PATIENCE)


def field(page: Page, name: str) -> Locator:
    return page.locator("#autograd-values").get_by_label(name, exact=True)


def test_values_are_kept_while_the_expression_changes(page: Page, url: str) -> None:
    opened(page, url)
    box = page.get_by_label("Expression")
    shows(page.locator("#autograd-answer"), "−18")
    field(page, "w").fill("5")
    shows(page.locator("#autograd-answer .ag-big"), "36")
    box.press("End")
    box.press("Backspace")  # (target - (w*x + b))**, which is unfinished
    shows(page.locator("#autograd-problem"), "is missing at character 23")
    box.press("3")
    shows(page.locator("#autograd-answer .ag-big"), "−216")
    page.locator("#autograd-problem .ag-error").wait_for(state="detached", timeout=PATIENCE)
    box.fill("w*new")
    shows(page.locator("#autograd-answer"), "∂/∂new")
    assert field(page, "w").input_value() == "5"
    assert field(page, "new").input_value() == "1"
    assert field(page, "target").count() == 0


def test_backpropagation_step_by_step(page: Page, url: str) -> None:
    opened(page, url)
    said, graph = page.locator("#autograd-step-text"), page.locator("#autograd-graph .ag-wide")
    shows(said, "∂L/∂w = ∂L/∂v1 · ∂v1/∂w = −6 · 3 = −18")
    page.locator("#autograd-start").click()
    shows(said, "Only the leaves have values")
    shows(graph, "= ?")
    page.locator("#autograd-next").click()
    shows(said, "v1 = w · x = 2 · 3 = 6")
    page.locator("#autograd-step input[type=range]").press("ArrowRight")
    shows(said, "v2 = v1 + b = 6 + 1 = 7")
    page.locator("#autograd-end").click()
    shows(graph, "∂L/∂w = −18")
    shows(graph, "MulBackward0")


def test_descent_past_the_limit_diverges_and_says_why(page: Page, url: str) -> None:
    opened(page, url)
    verdict = page.locator("#autograd-verdict")
    shows(verdict, "it converges. Past the limit 2/λ = 0.1 = 1/(x² + 1)")
    page.locator("#autograd-unsafe").click()
    shows(verdict, "past the limit 2/λ = 0.1 = 1/(x² + 1): every step overshoots")
    assert page.locator("#autograd-plots .path.plain").count() == 2  # contours and losses
    field(page, "x").fill("0")
    shows(verdict, "2/λ = 1 = 1/(x² + 1)")


def test_formulas_are_typeset_and_code_is_shown(page: Page, url: str) -> None:
    opened(page, url)
    page.get_by_role("tab", name="Formula").click()
    page.locator("#autograd-formula .katex").first.wait_for(timeout=PATIENCE)
    assert page.locator("#autograd-formula .katex-error").count() == 0
    page.get_by_role("tab", name="Code").click()
    shows(page.locator("#autograd-code"), "loss = (target - (w * x + b)) ** 2")


def test_second_derivatives_on_request(page: Page, url: str) -> None:
    opened(page, url)
    page.get_by_label("Second derivatives").check()
    shows(page.locator("#autograd-answer"), "SymPy's second derivatives agree")


def test_the_address_brings_everything_back(page: Page, url: str) -> None:
    from playwright.sync_api import expect

    opened(page, url)
    page.get_by_label("Expression").fill("α**2 + y")
    shows(page.locator("#autograd-answer"), "∂/∂α")
    field(page, "α").fill("-3")
    shows(page.locator("#autograd-answer .ag-big"), "10")
    expect(page).to_have_url(re.compile("%3A-3"), timeout=PATIENCE)
    page.goto("about:blank")
    page.go_back()  # the tab opens by itself
    shows(page.locator("#autograd-answer .ag-big"), "10")
    assert page.get_by_label("Expression").input_value() == "α**2 + y"
    assert field(page, "α").input_value() == "-3"


def test_the_address_is_written_by_a_change_and_not_by_a_visit(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("tab", name="Autograd").click()
    page.locator("#autograd-answer table").wait_for(timeout=PATIENCE)
    page.locator("#autograd-plots svg").first.wait_for(timeout=PATIENCE)
    page.wait_for_timeout(500)
    assert page.url == url
    page.reload()
    page.get_by_text("something else").wait_for(timeout=PATIENCE)  # the first tab, as it was left
    page.get_by_role("tab", name="Autograd").click()
    page.locator("#autograd-values input").first.fill("2.5")
    page.wait_for_url(lambda address: "f=" in address and "2.5" in address, timeout=PATIENCE)


def test_chinese_stays_chinese_after_every_change(new_page: Callable[..., Page], url: str) -> None:
    page = new_page(locale="zh-CN")
    page.goto(url)
    page.get_by_role("tab", name="Autograd").click()
    answer = page.locator("#autograd-answer")
    answer.locator("table").wait_for(timeout=PATIENCE)
    changes = [
        lambda: page.locator("#autograd-values input").first.fill("2.5"),
        lambda: page.locator("#autograd-second input").check(),
        lambda: page.locator("#autograd-step input[type=number]").fill("3"),
        lambda: page.locator(
            "#autograd-expression textarea, #autograd-expression input"
        ).first.fill("x**2*y"),
    ]
    for change in changes:
        before = page.locator("#autograd-step-text").inner_html() + answer.inner_html()
        change()
        page.wait_for_function(
            """before => document.querySelector("#autograd-step-text").innerHTML
               + document.querySelector("#autograd-answer").innerHTML != before""",
            arg=before,
            timeout=PATIENCE,
        )
        page.wait_for_timeout(300)
        shown = answer.inner_text() + page.locator("#autograd-step-text").inner_text()
        assert not re.findall(
            r"\b(agree|value|symbolic|difference|forward|backward|Second)\b", shown
        )


def test_a_mistake_in_the_address_or_a_value_is_told_and_the_rest_goes_on(
    page: Page, url: str
) -> None:
    opened(page, f"{url}?f=x*(y&at=x:3")
    shows(page.locator("#autograd-problem"), "The ( at character 3 is never closed")
    shows(page.locator("#autograd-answer .ag-big"), "9")
    field(page, "w").fill("1e200")
    shows(page.locator("#autograd-problem"), "The value of w must be a number")
    page.locator("#autograd-start").click()
    shows(page.locator("#autograd-step-text"), "Only the leaves have values")
    field(page, "w").fill("3")
    shows(page.locator("#autograd-answer .ag-big"), "0")
    assert page.locator(".toast-body").count() == 0


def test_a_phone_in_chinese_shows_all_examples_without_sideways_scrolling(
    new_page: Callable[..., Page], url: str
) -> None:
    page = opened(new_page(locale="zh-CN", viewport=(390, 844)), url)
    for example in EXAMPLES:
        page.get_by_role("button", name=example["name"][1], exact=True).click()
        last = list(example["values"])[-1]
        shows(page.locator("#autograd-answer"), f"∂/∂{last}")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, example["id"]
    shows(page.locator("#autograd-answer"), "尖点")
    page.get_by_label("表达式").fill("2x")
    shows(page.locator("#autograd-problem"), "第 2 个字符处缺少运算符")
    assert page.locator(".toast-body").count() == 0
