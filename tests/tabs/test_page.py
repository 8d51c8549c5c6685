"""The page as a whole, in a real browser: its language, its address, a line that is lost."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.conftest import ROOT

BEE = ROOT / "examples" / "bee_on_daisy.jpg"
PATIENCE = 30_000  # milliseconds
CHINESE = re.compile("[\u4e00-\u9fff]")
BOX = "#autograd-expression :is(textarea, input)"
ANSWER = "#autograd-answer"
NAMES = {"en": ("Classify", "Regression", "Autograd"), "zh": ("图像分类", "回归", "自动求导")}
# What a browser does in a frame from elsewhere when third-party cookies are refused.
REFUSED = """Object.defineProperty(window, "localStorage",
  { get() { throw new DOMException("refused", "SecurityError"); } });"""
# A page of another origin that treats the app as Spaces do: it hands its own query in when the
# frame is made, and writes into its address what the frame asks for.
OUTER = """<!doctype html><title>outer</title><iframe style="width: 100%; height: 90vh"></iframe>
<script>
  document.querySelector("iframe").src = "{app}" + location.search;
  addEventListener("message", ({{ data }}) => {{
    if (data.queryString === undefined) return; // some other message
    history.replaceState(null, "", data.queryString ? "?" + data.queryString : location.pathname);
  }});
</script>"""


def speaks(page: Page | FrameLocator, language: str) -> None:
    """Assert that names given by Gradio, and text made by the server, are in that language."""
    for name in NAMES[language]:
        expect(page.get_by_role("tab", name=name, exact=True)).to_be_visible(timeout=PATIENCE)
    model = {"en": "Model: built-in", "zh": "模型：内置模型"}[language]
    expect(page.locator("#status summary")).to_have_text(model, timeout=PATIENCE)


def is_computed(page: Page | FrameLocator, value: str) -> None:
    """Assert that the Autograd tab is shown, and its answer is `value` and not out of date."""
    expect(page.locator(ANSWER)).to_contain_text(value, timeout=PATIENCE)
    expect(page.locator(f"{ANSWER}.stale")).to_have_count(0, timeout=PATIENCE)


def query_of(page: Page) -> str:
    return page.evaluate("location.search")


@pytest.mark.parametrize(
    "locale",
    [
        "zh-HK",
        *(
            pytest.param(locale, marks=pytest.mark.slow)
            for locale in ("zh", "zh-SG", "zh-MO", "zh-TW", "zh-Hans-CN")
        ),
    ],
)
def test_every_kind_of_chinese_is_chinese(
    locale: str, new_page: Callable[..., Page], app_url: str
) -> None:
    page = new_page(locale=locale)
    page.goto(f"{app_url}?tab=autograd")
    speaks(page, "zh")
    expect(page.locator(ANSWER)).to_contain_text(CHINESE, timeout=PATIENCE)
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    assert page.title() == "蚂蚁还是蜜蜂"


@pytest.mark.parametrize(
    "locale", ["fr", *(pytest.param(locale, marks=pytest.mark.slow) for locale in ("de-CH", "zu"))]
)
def test_every_other_language_is_english_all_of_it(
    locale: str, new_page: Callable[..., Page], app_url: str
) -> None:
    page = new_page(locale=locale)
    page.goto(app_url)
    speaks(page, "en")
    expect(page.get_by_text("Drop Image Here")).to_be_visible()  # Gradio's own words
    assert page.evaluate("document.documentElement.lang") == "en"


@pytest.mark.parametrize("is_refused", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_switch_changes_everything_at_once_and_is_remembered(
    is_refused: bool, page: Page, app_url: str
) -> None:
    if is_refused:
        page.add_init_script(REFUSED)
    page.goto(app_url)
    speaks(page, "en")
    page.locator("#classify-picture input[type=file]").set_input_files(BEE)
    verdict = page.locator("#classify-words")
    expect(verdict).to_contain_text("99", timeout=PATIENCE)
    expect(verdict).not_to_contain_text(CHINESE)
    page.get_by_role("button", name="中文").click()
    speaks(page, "zh")
    expect(verdict).to_contain_text("蜜蜂", timeout=PATIENCE)
    expect(page.get_by_role("button", name="中文")).to_have_attribute("aria-pressed", "true")
    assert page.title() == "蚂蚁还是蜜蜂"
    assert query_of(page) == ("?lang=zh" if is_refused else "")
    page.reload()
    speaks(page, "zh")
    page.get_by_role("button", name="EN").click()
    speaks(page, "en")
    assert page.evaluate("document.documentElement.lang") == "en"


def test_the_language_of_a_link_is_not_that_of_the_next_visit(page: Page, app_url: str) -> None:
    page.goto(f"{app_url}?lang=zh")
    speaks(page, "zh")
    page.goto(app_url)
    speaks(page, "en")


@pytest.mark.parametrize("tab", [*(pytest.param(k, marks=pytest.mark.slow) for k in (0, 2)), 1])
def test_a_link_opens_each_tab_and_a_visit_writes_nothing(
    tab: int, page: Page, app_url: str
) -> None:
    name = ("classification", "regression", "autograd")[tab]
    page.goto(f"{app_url}?tab={name}")
    shown = page.get_by_role("tab", name=NAMES["en"][tab])
    expect(shown).to_have_attribute("aria-selected", "true", timeout=PATIENCE)
    speaks(page, "en")
    page.wait_for_timeout(1500)
    assert query_of(page) == f"?tab={name}"
    assert page.evaluate("history.length") == 2  # about:blank and this


def test_typing_is_one_entry_of_the_history_and_back_and_forward_bring_each_back(
    page: Page, app_url: str
) -> None:
    page.goto(app_url)
    page.get_by_role("tab", name="Autograd").click()
    is_computed(page, "∂")
    start = page.evaluate("history.length")
    page.locator(BOX).fill("")
    page.locator(BOX).press_sequentially("x*12345", delay=20)
    is_computed(page, "12345")
    page.wait_for_function("location.search.includes('12345')")
    page.wait_for_timeout(1500)
    assert page.evaluate("history.length") == start + 1
    page.locator(BOX).fill("x*54321")
    is_computed(page, "54321")
    page.wait_for_function("location.search.includes('54321')")
    page.get_by_role("tab", name="Regression").click()  # at once, not after a second
    page.wait_for_function("location.search.includes('tab=regression')")
    assert page.evaluate("history.length") == start + 3

    page.go_back()
    expect(page.locator(BOX)).to_have_value("x*54321", timeout=PATIENCE)
    page.go_back()
    expect(page.locator(BOX)).to_have_value("x*12345", timeout=PATIENCE)
    is_computed(page, "12345")
    page.go_forward()
    expect(page.locator(BOX)).to_have_value("x*54321", timeout=PATIENCE)
    page.go_forward()
    shown = page.get_by_role("tab", name="Regression")
    expect(shown).to_have_attribute("aria-selected", "true", timeout=PATIENCE)
    assert page.evaluate("history.length") == start + 3
    page.reload()
    expect(shown).to_have_attribute("aria-selected", "true", timeout=PATIENCE)


@pytest.fixture
def outer_url(app_url: str, tmp_path: Path) -> Iterator[str]:
    """A page of another origin (localhost instead of 127.0.0.1) that holds the app in a frame."""
    (tmp_path / "index.html").write_text(OUTER.format(app=app_url))
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


def test_in_a_frame_the_outer_address_says_and_does_it_all(page: Page, outer_url: str) -> None:
    page.add_init_script(REFUSED)
    page.goto(outer_url)
    frame = page.frame_locator("iframe")
    speaks(frame, "en")
    page.wait_for_timeout(1500)
    assert query_of(page) == ""
    frame.get_by_role("tab", name="Autograd").click()
    page.wait_for_function("location.search == '?tab=autograd'")
    frame.locator(BOX).fill("x*12345")
    page.wait_for_function("location.search.includes('12345')")
    frame.get_by_role("button", name="中文").click()
    speaks(frame, "zh")
    page.wait_for_function("location.search.includes('lang=zh')")
    page.reload()
    speaks(frame, "zh")
    expect(frame.locator(BOX)).to_have_value("x*12345", timeout=PATIENCE)
    is_computed(frame, "12345")


def test_a_lost_line_dims_the_answer_and_computes_the_last_input_when_it_is_back(
    page: Page, app_url: str
) -> None:
    page.goto(f"{app_url}?tab=autograd")
    is_computed(page, "∂")
    page.evaluate("window.isTheSamePage = true")
    page.context.set_offline(True)
    page.locator(BOX).fill("x*12345")
    expect(page.locator(f"{ANSWER}.stale")).to_have_css("opacity", "0.4")
    page.locator(BOX).fill("x*54321")
    page.wait_for_timeout(1000)
    page.context.set_offline(False)
    is_computed(page, "54321")
    for wait in (0, 20, 60):  # the line breaks before the call, in it, or after its answer
        page.locator(BOX).fill(f"cos(x)*{777 + wait}")
        page.wait_for_timeout(wait)
        page.context.set_offline(True)
        page.wait_for_timeout(300)
        page.context.set_offline(False)
        is_computed(page, f"−{0.1411200080598672 * (777 + wait):.9g}"[:7])
    assert page.evaluate("window.isTheSamePage"), "what was typed is lost with a reload"
