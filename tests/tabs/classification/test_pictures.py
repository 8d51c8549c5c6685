"""The ways in for a picture, what is seen of it, and what is said where there is no answer."""

from __future__ import annotations

import base64
import io
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import ExifTags, Image
from playwright.sync_api import Locator, Page, Route, expect

from model.serving.models import serve_classifier
from tabs.server.page import Page as AppPage
from tests.tabs.classification.conftest import BEE, EXAMPLES, PATIENCE, TEAPOT, tab_of

ANT = EXAMPLES / "ant_on_leaf.jpg"
HEADER = 70  # pixels that the whole page has above its tabs
SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const { value, hadRecentInput, sources } of list.getEntries())
    if (!hadRecentInput)
      window.shifts.push([value, ...sources.map(({ node }) => node?.id || node?.className)]);
}).observe({ type: "layout-shift", buffered: true });
"""
TRANSFER = """([content, name]) => {
    const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name));
    return transfer;
}"""


@pytest.fixture
def visit(new_page: Callable[..., Page], url: str) -> Callable[..., Page]:
    """`visit(**options) -> page`: the tab in a browser, ready."""

    def open_it(**options: object) -> Page:
        page = new_page(**options)
        page.add_init_script(SHIFTS)
        page.goto(url)
        expect(words(page)).to_contain_text(re.compile("appears here|显示在这里"), timeout=PATIENCE)
        return page

    return open_it


def words(page: Page) -> Locator:
    return page.locator("#classify-words")


def choose(page: Page, picture: Path) -> None:
    page.locator("#classify-picture input[type=file]").set_input_files(picture)


def give(page: Page, picture: Path, how: str, place: str = "#classify-picture") -> None:
    """Drop a file, or paste it, as far as a script can."""
    content = base64.b64encode(picture.read_bytes()).decode()
    transfer = page.evaluate_handle(TRANSFER, [content, picture.name])
    page.evaluate(
        """([place, how, data]) => {
            const named = how === "paste" ? { clipboardData: data } : { dataTransfer: data };
            const event = how === "paste" ? ClipboardEvent : DragEvent;
            const options = { bubbles: true, cancelable: true, ...named };
            document.querySelector(place).dispatchEvent(new event(how, options));
        }""",
        [place, how, transfer],
    )


def expect_answer(page: Page, text: str) -> None:
    expect(words(page)).to_contain_text(text, timeout=PATIENCE)
    expect(words(page)).not_to_have_class(re.compile("stale"), timeout=PATIENCE)


def shifts(page: Page) -> list[list]:
    """How far what moved, of itself."""
    return page.evaluate("shifts")


def bottom(part: Locator) -> float:
    box = part.bounding_box()
    return box["y"] + box["height"]


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_on_a_desktop_the_whole_answer_is_in_sight(visit, scheme: str) -> None:
    page = visit(viewport=(1280, 800), color_scheme=scheme)
    give(page, BEE, "drop")
    expect_answer(page, "Bee, over 99.9 % sure")
    expect(words(page).locator("details")).to_contain_text("built-in")
    heat_map = page.get_by_alt_text("Where the network looked, for: bee")
    expect(heat_map).to_be_visible()
    expect(page.get_by_alt_text("Your picture: bee_on_daisy.jpg")).to_be_visible()
    for part in (words(page), page.locator("#classify-probabilities"), heat_map):
        assert bottom(part) + HEADER <= 800
    assert page.evaluate("scrollY") == 0
    assert sum(value for value, *_ in shifts(page)) < 0.05, shifts(page)


def test_on_a_phone_the_verdict_and_its_bars_are(visit) -> None:
    page = visit(locale="zh-CN", viewport=(390, 844))
    page.get_by_role("button", name="茶壶").click()
    expect_answer(page, "蚂蚁和蜜蜂都不是")
    assert page.locator("#classify-picture").bounding_box()["height"] <= 220
    page.evaluate("scrollTo(0, 0)")
    assert bottom(page.locator("#classify-probabilities li").last) + HEADER <= 844
    expect(page.locator("#classify-heat-map img")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert sum(value for value, *_ in shifts(page)) < 0.05, shifts(page)


def heic(picture: Image.Image, path: Path) -> None:
    pillow_heif.from_pillow(picture).save(path, quality=90)


def deep(picture: Image.Image, path: Path) -> None:
    Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257).save(path, "TIFF")


def turned(picture: Image.Image, path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # to be shown turned by 90°, clockwise
    picture.transpose(Image.Transpose.ROTATE_90).save(path, "TIFF", exif=exif)


FORMATS = {
    "bee.heic": heic,
    "bee.tif": lambda picture, path: picture.save(path, "TIFF"),
    "deep.tif": deep,
    "print.jpg": lambda picture, path: picture.convert("CMYK").save(path, "JPEG"),
    "turned.tif": turned,
}


def test_any_readable_picture_is_seen_and_answered(visit, tmp_path: Path) -> None:
    page = visit()
    with Image.open(BEE) as bee:
        shape = bee.width / bee.height
        for name, write in FORMATS.items():
            write(bee, tmp_path / name)
            give(page, tmp_path / name, "drop")
            preview = page.get_by_alt_text(f"Your picture: {name}")
            expect(preview).to_be_visible(timeout=PATIENCE)
            width, height = preview.evaluate("(img) => [img.naturalWidth, img.naturalHeight]")
            assert width / height == pytest.approx(shape, rel=0.01), name
            expect_answer(page, "Bee")
    assert not page.evaluate(
        "[...document.images].filter((img) => img.complete && !img.naturalWidth).length"
    )
    # in another language, it is still the picture itself that is answered, not its preview
    likeness = r"(?:needed|training photos: |图片的相似度：)([\d.]+)"
    before = re.search(likeness, words(page).text_content())[1]
    page.locator("[data-language=zh]").click()
    expect_answer(page, "蜜蜂（置信度")
    assert re.search(likeness, words(page).text_content())[1] == before
    expect(page.get_by_alt_text("你的图片：turned.tif")).to_be_visible()


def test_what_is_wrong_stands_where_the_answer_would(visit, no_picture: Path) -> None:
    page = visit()
    give(page, BEE, "drop")
    expect_answer(page, "Bee")
    choose(page, no_picture)
    expect(words(page).locator(".problem")).to_contain_text("picture", timeout=PATIENCE)
    assert str(no_picture.parent) not in page.content()
    for part in ("probabilities", "heat-map", "preview"):
        expect(page.locator(f"#classify-{part}")).to_have_text("")
        expect(page.locator(f"#classify-{part} img")).to_have_count(0)
    expect(page.locator(".toast-body")).to_have_count(0)
    expect(page.get_by_text("Error", exact=True)).to_have_count(0)
    page.locator("[data-language=zh]").click()
    expect(words(page).locator(".problem")).to_contain_text("图片", timeout=PATIENCE)
    give(page, BEE, "drop")
    expect_answer(page, "蜜蜂")


@pytest.mark.parametrize(
    ("status", "reason"),
    [(413, "20 megabytes"), pytest.param(503, "no room", marks=pytest.mark.slow)],
)
def test_a_refused_upload_is_explained_there_too(visit, status: int, reason: str) -> None:
    page = visit()
    choose(page, BEE)
    expect_answer(page, "Bee")
    page.route("**/upload", lambda route: route.fulfill(status=status, json={"detail": "x"}))
    choose(page, TEAPOT)
    expect(words(page).locator(".problem")).to_contain_text(reason, timeout=PATIENCE)
    expect(page.locator("#classify img[alt^='Your picture']")).to_have_count(0)
    page.unroute("**/upload")
    choose(page, ANT)
    expect_answer(page, "Ant")


def test_a_file_that_is_too_heavy_is_said_to_be(visit, tmp_path: Path) -> None:
    page = visit()
    uploads: list[str] = []
    page.on("request", lambda request: "/upload" in request.url and uploads.append(request.url))
    for size, sent in ((21_000_000, 0), (22_000_000, 0), (20_000_001, 1)):
        with (tmp_path / "heavy.tif").open("wb") as file:
            file.truncate(size)
        choose(page, tmp_path / "heavy.tif")
        page.wait_for_timeout(500)
        expect_answer(page, "20 megabytes")
        assert len(uploads) == sent


def test_a_queue_that_is_full_is_said_and_asked_again(visit, blocks: AppPage) -> None:
    page = visit(locale="zh-CN")
    choose(page, BEE)
    expect_answer(page, "蜜蜂")
    queue = blocks._queue
    queue.max_size = 0
    try:
        choose(page, TEAPOT)
        expect(words(page).locator(".problem")).to_contain_text("服务器繁忙", timeout=PATIENCE)
        assert words(page).evaluate("(part) => getComputedStyle(part).opacity") == "1"
        expect(page.locator("#classify-heat-map img")).to_have_count(0)
    finally:
        queue.max_size = None
    expect_answer(page, "蚂蚁和蜜蜂都不是")


def test_a_model_that_failed_is_said_there(new_page, serve_tab, tmp_path: Path) -> None:
    page = new_page(locale="zh-CN")
    page.goto(serve_tab(tab_of(serve_classifier(str(tmp_path)))))
    choose(page, BEE)
    expect(words(page).locator(".problem")).to_contain_text("模型", timeout=PATIENCE)
    expect(page.get_by_alt_text("你的图片")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".toast-body")).to_have_count(0)


def test_of_two_drops_the_last_one_wins_however_slow_the_first(visit) -> None:
    page = visit()
    held: list[Route] = []
    page.route("**/upload", lambda route: held.append(route), times=1)
    give(page, BEE, "drop")
    page.wait_for_timeout(60)
    give(page, TEAPOT, "drop")
    expect_answer(page, "Neither")
    assert len(held) == 1
    held[0].continue_()  # what arrives now was given up
    page.wait_for_timeout(500)
    expect_answer(page, "Neither")
    expect(page.get_by_alt_text("Your picture: neither_teapot.jpg")).to_be_visible()


def test_a_picture_given_while_the_line_is_lost_is_answered_when_it_is_back(visit) -> None:
    page = visit()
    choose(page, BEE)
    expect_answer(page, "Bee")
    page.context.set_offline(True)
    choose(page, ANT)
    expect(words(page)).to_have_class(re.compile("stale"))
    expect(page.locator("#classify-preview")).to_have_class(re.compile("stale"))
    page.wait_for_timeout(500)
    page.context.set_offline(False)
    expect_answer(page, "Ant")


def test_a_picture_is_pasted_anywhere_on_the_tab_and_only_there(visit) -> None:
    page = visit()
    uploads: list[str] = []
    page.on("request", lambda request: "/upload" in request.url and uploads.append(request.url))
    page.get_by_role("tab", name="Another").click()
    give(page, BEE, "paste", "body")
    page.get_by_role("tab", name="Classify").click()
    page.evaluate("document.body.append(document.createElement('textarea'))")
    give(page, BEE, "paste", "textarea")
    page.wait_for_timeout(300)
    assert not uploads
    give(page, ANT, "paste", "body")
    expect_answer(page, "Ant")
    # what is pasted beside a picture that is there takes its place
    give(page, BEE, "paste", "#classify-heat-map")
    expect_answer(page, "Bee")
    assert len(uploads) == 2


def test_clearing_the_picture_clears_all_that_was_said_of_it(visit) -> None:
    page = visit()
    choose(page, BEE)
    expect_answer(page, "Bee")
    page.get_by_role("button", name="Remove Image").click()
    expect_answer(page, "The answer appears here")
    expect(page.locator("#classify img[src^='data:image/webp']")).to_have_count(0)
    choose(page, BEE)  # the same once more
    expect_answer(page, "Bee")


def test_the_examples_stay_when_uploads_are_swept(url: str, blocks: AppPage) -> None:
    (examples,) = (b for b in blocks.blocks.values() if b.elem_id == "classify-examples")
    kept = [Path(path) for path in examples.keep_in_cache]
    assert {path.name for path in kept} == {path.name for path in EXAMPLES.glob("*.jpg")}
    for path in kept:
        with urllib.request.urlopen(f"{url}gradio_api/file={path}") as answer:
            assert Image.open(io.BytesIO(answer.read())).format == "JPEG"
