"""Screenshots of every tab: `python -m tests.screenshots [FOLDER]`.

On a desktop and a phone, light and dark, English and Chinese, as WebP, with pictures of examples/
only. Those that the README shows are kept in examples/screenshots.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from itertools import product
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import CHROMIUM_FLAGS, ROOT, running_app
from tests.tabs.states import DESKTOP, PHONE, STEPS, State, show

IN_README = [
    State("known"),
    State("moved", "zh", viewport=PHONE),
    State("autograd", scheme="dark"),
]
ALL = [State(*each) for each in product(STEPS, ("en", "zh"), ("light", "dark"), (DESKTOP, PHONE))]


def shoot(browser: Browser, url: str, state: State, folder: Path) -> Path:
    def new_page(locale: str, viewport: tuple[int, int], color_scheme: str) -> Page:
        size = {"width": viewport[0], "height": viewport[1]}
        return browser.new_page(locale=locale, viewport=size, color_scheme=color_scheme)

    page = show(new_page, url, state)
    path = folder / f"{state.name}.webp"
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.convert("RGB").save(path, quality=85, method=6)
    page.close()
    return path


def main() -> None:
    given = [Path(each) for each in sys.argv[1:2]]
    folder = given[0] if given else ROOT / "examples" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with (
        tempfile.TemporaryDirectory() as scratch,
        running_app(Path(scratch)) as app,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        for state in ALL if given else IN_README:
            path = shoot(browser, app.url, state, folder)
            print(path.relative_to(folder), path.stat().st_size // 1000, "kB")


if __name__ == "__main__":
    main()
