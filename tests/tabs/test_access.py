"""Whoever reads by ear, by keyboard, in strong sun or at night: axe-core on the page's states.

Of what Gradio draws itself, nothing serious is left once the theme and the style sheets are ours.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Page

from tests.tabs.states import PHONES, STATES, State, show

QUICK = [State("known", scheme="dark"), PHONES[2]]
# Of what is found, what is serious, as lines: rule, element, why.
FAULTS = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
  .filter((found) => ["serious", "critical"].includes(found.impact))
  .flatMap((found) => found.nodes.map((node) =>
    `${found.id}: ${node.target.join(" ")}: ${node.failureSummary}`))"""


def faults(page: Page) -> list[str]:
    page.evaluate(AXE_FILE_PATH.read_text(encoding="utf-8"))
    return page.evaluate(FAULTS)


@pytest.mark.parametrize("state", QUICK, ids=lambda state: state.name)
def test_nothing_serious_bars_the_way(
    state: State, new_page: Callable[..., Page], app_url: str
) -> None:
    assert faults(show(new_page, app_url, state)) == []


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_nothing_serious_bars_the_way_in_any_state(
    state: State, new_page: Callable[..., Page], app_url: str
) -> None:
    assert faults(show(new_page, app_url, state)) == []
