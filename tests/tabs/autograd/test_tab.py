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

from app import LANGUAGE_SWITCH, TEXT, follow_address
from model.autograd.symbolic_worker import QUICK, SLOW
from tabs.appearance import appearance
from tabs.autograd import tab as autograd
from tabs.language import i18n_key
from tabs.server.page import Page as AppPage

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

EXAMPLES = json.loads((Path(__file__).parents[3] / "examples" / "expressions.json").read_text())
PATIENCE = 30_000  # milliseconds; the first answer waits for torch and sympy


@pytest.fixture(scope="module")
def url(serve: Callable[..., str]) -> str:
    with AppPage() as blocks:
        gr.HTML(LANGUAGE_SWITCH)
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab(i18n_key("app.classification"), id="classification"):
                gr.Markdown("something else")
            with gr.Tab(i18n_key("app.autograd"), id="autograd"):
                autograd.build()
        follow_address(tabs)
    return serve(blocks, **appearance(TEXT, autograd.TEXT))


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
    page.goto(url if "?" in url else f"{url}?tab=autograd")
    page.locator("#autograd-value .ag-big").wait_for(timeout=PATIENCE)
    return page


def shows(place: Locator, text: str | re.Pattern[str]) -> None:
    from playwright.sync_api import expect

    expect(place).to_contain_text(text, timeout=PATIENCE)


def field(page: Page, name: str) -> Locator:
    return page.locator("#autograd-values").get_by_label(name, exact=True)


def box(page: Page) -> Locator:
    return page.locator("#autograd-expression").locator("input, textarea")


def is_crossed(page: Page, place: str) -> bool:
    page.wait_for_timeout(700)  # it changes slowly
    return page.locator(place).evaluate("each => getComputedStyle(each).filter") == "grayscale(1)"


def test_values_are_kept_while_the_expression_changes(page: Page, url: str) -> None:
    opened(page, url)
    shows(page.locator("#autograd-answer"), "−18")
    field(page, "w").fill("5")
    shows(page.locator("#autograd-value"), "L = 36")
    top = page.locator("#autograd-answer").bounding_box()["y"]
    box(page).press("End")
    box(page).press("Backspace")  # (target - (w*x + b))**, which is unfinished
    unfinished = page.locator("#autograd-problem .ag-unfinished")
    unfinished.wait_for(state="attached", timeout=PATIENCE)
    assert is_crossed(page, "#autograd-answer")
    assert is_crossed(page, "#autograd-graph")
    shows(unfinished, "is missing at character 23")
    assert page.locator("#autograd-answer").bounding_box()["y"] == top
    box(page).press("3")
    shows(page.locator("#autograd-value"), "L = −216")
    unfinished.wait_for(state="detached", timeout=PATIENCE)
    assert not is_crossed(page, "#autograd-answer")
    field(page, "w").fill("")  # waits
    shows(page.locator("#autograd-problem .ag-unfinished"), "No value for w.")
    box(page).fill("w*new")
    field(page, "new").wait_for(timeout=PATIENCE)
    field(page, "w").fill("7")
    shows(page.locator("#autograd-value"), "L = 7")
    assert field(page, "new").input_value() == "1"
    assert field(page, "target").count() == 0


def test_the_graph_its_steps_and_play(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    opened(page, url)
    said, window = page.locator("#autograd-step-text"), page.locator("#autograd-graph .ag-window")
    shows(said, "Only the variables")
    for place in ("#autograd-value", "#autograd-answer table", "#autograd-graph", "#autograd-step"):
        seen = page.locator(place).bounding_box()
        assert seen["y"] >= 0
        assert seen["y"] + seen["height"] <= 800, place
    drawing = window.locator("svg:visible")
    assert drawing.count() == 1
    letters = drawing.locator("text.title").evaluate_all(
        "all => all.map(each => 12 * each.getScreenCTM().a)"
    )
    assert min(letters) >= 12
    page.locator("#autograd-next").click()
    shows(said, "v1 = w · x = 2 · 3 = 6")
    page.locator("#autograd-step input[type=range]").press("ArrowRight")
    shows(said, "v2 = v1 + b = 6 + 1 = 7")
    assert "step 2 of 9: v2 = v1 + b" in drawing.get_attribute("aria-label")
    page.locator("#autograd-play").click()
    shows(page.locator("#autograd-play"), "Pause")
    shows(said, "Backward, 1 of 5")
    page.locator("#autograd-end").click()
    shows(said, "∂L/∂w = ∂L/∂v1 · ∂v1/∂w = −6 · 3 = −18")
    shows(page.locator("#autograd-play"), "Play")
    assert drawing.locator("text.function").count() == 0
    page.get_by_label("PyTorch's grad_fn").check()
    shows(drawing.locator("text.function").nth(3), "Backward0")


def test_the_graphs_window_fits_zooms_pans_and_follows(page: Page, url: str) -> None:
    wide = "+".join(f"sin(x*{k})" for k in range(1, 15)).replace("+", "%2B")
    opened(page, f"{url}?tab=autograd&f={wide}")
    window = page.locator("#autograd-graph .ag-window")
    drawing = window.locator("svg:visible")

    def view() -> list[float]:
        return [float(part) for part in drawing.get_attribute("viewBox").split()]

    width, height = (float(drawing.get_attribute(side)) for side in ("width", "height"))
    whole = view()
    assert whole[2] >= width
    assert whole[3] >= height
    names = drawing.locator("text.name").evaluate_all(
        "all => all.map(e => parseFloat(getComputedStyle(e).fontSize) * e.getScreenCTM().a)"
    )
    assert min(names) >= 11.99  # px, though the whole is small
    page.locator("#autograd-end").click()  # it comes nearer, to the node of the step
    shows(page.locator("#autograd-step-text"), "Backward")
    page.wait_for_function(
        """() => { const svg = document.querySelector("#autograd-graph svg.far");
                   return !svg || getComputedStyle(svg).display === "none"; }"""
    )
    node, frame = drawing.locator(".now rect").bounding_box(), window.bounding_box()
    assert frame["x"] <= node["x"]
    assert node["x"] + node["width"] <= frame["x"] + frame["width"]
    before = view()
    window.press("+")
    assert view()[2] == pytest.approx(before[2] / 1.25)
    page.get_by_role("button", name="Zoom out").click()
    assert view()[2] == pytest.approx(before[2])
    page.mouse.move(frame["x"] + 100, frame["y"] + 100)
    page.mouse.wheel(0, -100)
    page.wait_for_timeout(200)
    zoomed = view()
    assert zoomed[2] < before[2]
    page.mouse.down()
    page.mouse.move(frame["x"] + 200, frame["y"] + 100)
    page.mouse.up()
    assert view()[0] != zoomed[0]
    page.get_by_role("button", name="Whole graph").click()
    assert view() == pytest.approx(whole)


def test_descent_past_the_limit_diverges_and_says_why(page: Page, url: str) -> None:
    opened(page, url)
    verdict = page.locator("#autograd-verdict")
    shows(verdict, "it converges. Past the limit 2/λ = 0.1 = 1/(x² + 1)")
    page.locator("#autograd-unsafe").click()
    shows(verdict, "past the limit 2/λ = 0.1 = 1/(x² + 1): every step overshoots")
    assert page.locator("#autograd-plots .path.plain").count() == 2  # contours and losses
    names = page.locator("#autograd-plots svg").evaluate_all("all => all.map(e => e.ariaLabel)")
    assert "gradient descent from 9 to" in names[2]
    field(page, "x").fill("0")
    shows(verdict, "2/λ = 1 = 1/(x² + 1)")
    page.get_by_label("Learning rate").fill("0")
    shows(verdict, "must be above 0")
    assert is_crossed(page, "#autograd-plots")


def test_formulas_are_made_when_they_are_looked_at(page: Page, url: str) -> None:
    SLOW.close()
    opened(page, url)
    page.locator("#autograd-plots svg").first.wait_for(timeout=PATIENCE)
    assert SLOW._process is None
    page.get_by_role("tab", name="Formula").click()
    page.locator("#autograd-formula .katex").first.wait_for(timeout=PATIENCE)
    assert page.locator("#autograd-formula .katex-error").count() == 0
    page.get_by_role("tab", name="Code").click()
    shows(page.locator("#autograd-code"), "L = (target - (w * x + b)) ** 2")


def test_the_address_brings_everything_back(page: Page, url: str) -> None:
    from playwright.sync_api import expect

    opened(page, url)
    page.wait_for_timeout(1000)
    assert page.url == f"{url}?tab=autograd"  # a visit writes nothing
    box(page).fill("α**2 + y*α")
    field(page, "α").wait_for(timeout=PATIENCE)
    field(page, "α").fill("-3")
    shows(page.locator("#autograd-value"), "L = 6")
    page.get_by_label("Second derivatives").check()
    shows(page.locator("#autograd-answer"), "SymPy's second derivatives agree")
    page.locator("#autograd-next").click()
    page.locator("#autograd-trained").get_by_label("y").uncheck()
    page.get_by_label("Learning rate").fill("0.25")
    page.get_by_role("tab", name="Code").click()
    asked = ("α:-3", "second=1", "step=1", "trained=α", "rate=0.25", "view=code")
    for each in asked:
        written = each.replace("α", "%CE%B1").replace(":", "%3A")
        expect(page).to_have_url(re.compile(re.escape(written)), timeout=PATIENCE)
    assert "y%3A" not in page.url
    page.goto("about:blank")
    page.go_back()
    shows(page.locator("#autograd-value"), "L = 6")
    shows(page.locator("#autograd-step-text"), "Forward, 1 of")
    shows(page.locator("#autograd-code"), "α = torch.tensor(-3.0")
    assert page.get_by_label("Second derivatives").is_checked()
    page.get_by_role("tab", name="Curves and descent").click()
    assert page.get_by_label("Learning rate").input_value() == "0.25"
    assert not page.locator("#autograd-trained").get_by_label("y").is_checked()
    page.wait_for_timeout(1500)
    page.go_back()
    shows(page.locator("#autograd-code"), "α = torch.tensor(-3.0")  # the step before


@pytest.mark.parametrize(
    ("query", "said", "value"),
    [
        ("f=x**2&at=x:3", "", "L = 9"),  # a link of before
        ("f=2x&at=x:3", "to multiply, write 2*x", None),
        ("tab=autograd&f=x**2&at=x:abc", "“x=abc” in the address gives no number", None),
        pytest.param(
            "tab=autograd&at=w:3&rate=-1",
            *("learning rate must be above 0", "L = 0"),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "tab=autograd&f=x&along=q&step=z",
            *("“along=q” in the address names no variable", "L = 1"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_bad_link_says_what_is_wrong_and_keeps_the_rest(page: Page, url, query, said, value):
    page.goto(f"{url}?{query}")
    shows(page.locator("#autograd-problem"), said or "leaky_relu")
    if value:
        shows(page.locator("#autograd-value"), value)
    else:
        assert page.locator("#autograd-value .ag-big").count() == 0
        assert page.locator("#autograd-graph svg").count() == 0
    assert box(page).input_value() == (
        "x**2"
        if "x**2" in query
        else "2x"
        if "2x" in query
        else "x"
        if "f=x" in query
        else "(target - (w*x + b))**2"
    )
    page.wait_for_timeout(700)
    assert page.url == f"{url}?{query}"
    if "abc" in query:
        field(page, "x").fill("4")
        shows(page.locator("#autograd-value"), "L = 16")
    elif value is None:
        box(page).fill("2*x")
        shows(page.locator("#autograd-value"), "L = 6")


def test_a_language_switch_says_everything_again_at_the_same_step(page: Page, url: str) -> None:
    opened(page, url)
    field(page, "w").fill("2.5")
    shows(page.locator("#autograd-value"), "L = 2.25")
    page.get_by_label("Second derivatives").check()
    page.locator("#autograd-next").click()
    shows(page.locator("#autograd-step-text"), "Forward, 1 of 4")
    page.get_by_text("中文").click()
    shows(page.locator("#autograd-step-text"), "前向，第 1 / 4 步")
    shows(page.locator("#autograd-answer"), "海森矩阵（Hessian）")
    shows(page.locator("#autograd-verdict"), "最大曲率")
    page.get_by_role("tab", name="公式").wait_for(timeout=PATIENCE)
    shows(page.locator("#autograd-play"), "播放")
    parts = ("problem", "value", "answer", "graph", "step-text", "verdict", "plots")
    for part in parts:
        text = page.locator(f"#autograd-{part}").evaluate(
            "e => e.textContent + [...e.querySelectorAll('[aria-label]')].map(a => a.ariaLabel)"
        )
        words = re.findall(r"\b(agree|with|step|of|the|and|after|Graph|Unfinished)\b", text)
        assert part == "problem" or not words, (part, words)


def test_what_was_typed_last_is_answered_when_a_lost_line_is_back(page: Page, url: str) -> None:
    opened(page, url)
    page.context.set_offline(True)
    box(page).fill("2x")
    page.wait_for_timeout(300)
    box(page).fill("x**7")
    page.wait_for_timeout(1500)
    assert page.locator("#autograd-answer.stale").count() == 1
    page.context.set_offline(False)
    shows(page.locator("#autograd-answer"), "∂L/∂x")
    shows(page.locator("#autograd-value"), "L = 2187")
    assert field(page, "x").input_value() == "3"


def test_a_phone_in_chinese_shows_all_examples_without_sideways_scrolling(
    new_page: Callable[..., Page], url: str
) -> None:
    page = opened(new_page(locale="zh-CN", viewport=(390, 844)), url)
    assert page.locator("#autograd-step input[type=range]").bounding_box()["height"] >= 44
    for example in EXAMPLES:
        page.get_by_role("button", name=example["name"][1], exact=True).click()
        last = list(example["values"])[-1]
        shows(page.locator("#autograd-answer"), f"∂L/∂{last}")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, example["id"]
    shows(page.locator("#autograd-answer"), "尖点")
    box(page).fill("2x")
    shows(page.locator("#autograd-problem"), "第 2 个字符处缺少运算符")
    assert page.locator(".toast-body").count() == 0
