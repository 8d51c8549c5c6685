"""What is seen of the page as a whole: Chinese words, calm, focus, and nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from model.autograd.operations import OPERATIONS
from tests.tabs.states import (
    BEE,
    CHINESE_STATES,
    DESKTOP,
    PATIENCE,
    PHONE,
    State,
    drop,
    settle,
    show,
)

# Every text and every name of what is shown, but for code and formulas.
WORDS = """() => {
  const found = [];
  const seen = (element) => element.checkVisibility({ visibilityProperty: true });
  const code = "pre, code, .cm-editor, .katex, script, style, [lang=en]";
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { parentElement: around, data } = texts.currentNode;
    if (data.trim() && seen(around) && !around.closest(code)) found.push(data.trim());
  }
  for (const name of ["aria-label", "title", "placeholder", "alt"])
    for (const element of document.querySelectorAll(`[${name}]`))
      if (seen(element) && !element.closest(code)) found.push(element.getAttribute(name));
  return [document.title, ...found];
}"""
ENGLISH = re.compile(r"\b[A-Za-z]{2,}(?: [a-z]{2,})+")
# What Gradio 6.31 says in English whatever the language: names for screen readers, given in its
# components' code, which its i18n does not reach.
GRADIOS = {
    "Gradio footer navigation",  # the page's foot (Blocks)
    "range slider for",  # before a slider's own name (Slider), and
    "number input for",
    "Reset to default value",
    "Upload file",  # below a picture (SelectSource), and
    "Capture from camera",
    "Paste from clipboard",
}
NAMES = {"PyTorch", "autograd", "leaky", *OPERATIONS}
SHIFT = """window.shift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });"""
FOCUSED = """() => {
  const element = document.activeElement;
  const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(element);
  const { width, height } = element.getBoundingClientRect();
  const isSeen = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 && width * height > 30;
  return [isSeen, element.outerHTML.slice(0, 200), element === document.body];
}"""


def english(page: Page) -> set[str]:
    """The runs of English words that a visitor sees or hears."""
    found = {each for text in page.evaluate(WORDS) for each in ENGLISH.findall(text)}
    ours = {each for each in found if not any(own in each for own in GRADIOS)}
    return {each for each in ours if not NAMES.issuperset(each.split())}


@pytest.mark.parametrize("step", ["neither", "moved", "mistake"])
def test_chinese_is_chinese_wherever_one_looks(
    step: str, new_page: Callable[..., Page], app_url: str
) -> None:
    assert english(show(new_page, app_url, State(step, "zh"))) == set()


@pytest.mark.slow
@pytest.mark.parametrize("state", CHINESE_STATES, ids=lambda state: state.name)
def test_chinese_is_chinese_in_every_state(
    state: State, new_page: Callable[..., Page], app_url: str
) -> None:
    assert english(show(new_page, app_url, state)) == set()


@pytest.mark.parametrize("viewport", [DESKTOP, pytest.param(PHONE, marks=pytest.mark.slow)])
def test_nothing_jumps_and_nothing_comes_from_elsewhere(
    viewport: tuple[int, int], new_page: Callable[..., Page], app_url: str
) -> None:
    page = new_page(viewport=viewport)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.add_init_script(SHIFT)
    for tab in ("regression", "autograd", "classification"):
        page.goto(f"{app_url}?tab={tab}")
        expect(page.locator("#status summary")).to_contain_text("built-in", timeout=PATIENCE)
        settle(page)
        assert page.evaluate("shift") <= 0.05, f"{tab}, on load"
    drop(page, BEE)
    settle(page)
    assert page.evaluate("shift") <= 0.05, "with an answer"
    assert len(asked) > 50
    assert [url for url in asked if not url.startswith((app_url, "data:", "blob:"))] == []


@pytest.mark.parametrize(
    "step", ["known", pytest.param("regression", marks=pytest.mark.slow), "autograd"]
)
def test_whoever_uses_the_keyboard_sees_where_they_are(
    step: str, new_page: Callable[..., Page], app_url: str
) -> None:
    page = show(new_page, app_url, State(step))
    stops = []
    for _ in range(120):
        page.keyboard.press("Tab")
        is_seen, element, is_over = page.evaluate(FOCUSED)
        if is_over:
            break
        stops.append((is_seen, element))
    assert len(stops) > 8
    assert [element for is_seen, element in stops if not is_seen] == []


def test_an_open_badge_stays_open_while_it_is_kept_up_to_date(page: Page, app_url: str) -> None:
    page.goto(app_url)
    expect(page.locator("#status summary")).to_contain_text("built-in", timeout=PATIENCE)
    page.locator("#status summary").click()
    with page.expect_response("**/queue/join*"):  # the next look
        expect(page.locator("#status dl")).to_contain_text("PyTorch")
    page.wait_for_timeout(1000)
    expect(page.locator("#status dl")).to_be_visible()
