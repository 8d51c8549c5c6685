"""The page in every state that a visitor sees: what tests of the whole page walk through."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Page, expect

from tests.conftest import ROOT

EXAMPLES = ROOT / "examples"
BEE, TEAPOT = EXAMPLES / "bee_on_daisy.jpg", EXAMPLES / "neither_teapot.jpg"
PATIENCE = 30_000  # milliseconds
BOX = "#autograd-expression :is(textarea, input)"
DESKTOP, PHONE = (1280, 800), (390, 844)


class State(NamedTuple):
    """A step on a tab (a name in STEPS), and how the page is looked at."""

    step: str
    language: str = "en"
    scheme: str = "light"
    viewport: tuple[int, int] = DESKTOP

    @property
    def name(self) -> str:
        device = "phone" if self.viewport == PHONE else "desktop"
        return f"{self.step}-{self.language}-{self.scheme}-{device}"


def settle(page: Page) -> None:
    """Wait until nothing is computed any more, nor about to fade in."""
    page.wait_for_timeout(400)
    expect(page.locator(".stale")).to_have_count(0, timeout=PATIENCE)
    page.wait_for_timeout(400)


def drop(page: Page, file: Path) -> None:
    page.locator("#classify-picture input[type=file]").first.set_input_files(file)
    expect(page.locator("#classify-words")).not_to_contain_text("…", timeout=PATIENCE)


def drop_nonsense(page: Page) -> None:
    page.locator("#classify-picture input[type=file]").first.set_input_files(
        {"name": "bee.png", "mimeType": "image/png", "buffer": b"no picture at all"}
    )


def move_slider(page: Page) -> None:
    slider = page.locator("#tab-regression input[type=range]").first
    slider.focus()
    for _ in range(25):
        slider.press("ArrowRight")


def train(page: Page) -> None:
    page.locator("#tab-regression button.primary").first.click()
    expect(page.locator("#regression-learning svg").first).to_be_visible(timeout=PATIENCE)
    page.wait_for_timeout(3000)


def type_in(page: Page, expression: str) -> None:
    page.locator(BOX).fill(expression)
    page.wait_for_timeout(1500)


def tick_second(page: Page) -> None:
    page.locator("#autograd-second input").check()


STEPS: dict[str, tuple[str, Callable[[Page], object]]] = {
    "classify": ("classification", lambda page: None),
    "known": ("classification", lambda page: drop(page, BEE)),
    "neither": ("classification", lambda page: drop(page, TEAPOT)),
    "no-picture": ("classification", drop_nonsense),
    "badge": ("classification", lambda page: page.locator("#status summary").click()),
    "regression": ("regression", lambda page: None),
    "moved": ("regression", move_slider),
    "trained": ("regression", train),
    "autograd": ("autograd", lambda page: None),
    "mistake": ("autograd", lambda page: type_in(page, "sin(x) + frob(y)")),
    "second": ("autograd", tick_second),
    "large": ("autograd", lambda page: type_in(page, "log(x)*exp(a*b) + sqrt(a**2 + b**2)*x")),
    "no-variable": ("autograd", lambda page: type_in(page, "2+3")),
}
PHONES = [State(step, "zh", viewport=PHONE) for step in ("known", "moved", "autograd")]
STATES = [State(*each) for each in product(STEPS, ("en",), ("light", "dark"))] + PHONES
CHINESE_STATES = [State(step, "zh") for step in STEPS]


def show(new_page: Callable[..., Page], url: str, state: State) -> Page:
    """The page in this state, at rest."""
    locale = {"en": "en-US", "zh": "zh-CN"}[state.language]
    page = new_page(locale=locale, viewport=state.viewport, color_scheme=state.scheme)
    tab, step = STEPS[state.step]
    page.goto(f"{url}?tab={tab}")
    model = {"en": "built-in", "zh": "内置"}[state.language]
    expect(page.locator("#status summary")).to_contain_text(model, timeout=PATIENCE)
    settle(page)
    step(page)
    settle(page)
    return page
