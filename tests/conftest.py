"""What tests share: a headless Chromium, the app as a real process, a tab served alone."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import gradio as gr
    from playwright.sync_api import Browser, Page

# A core for each of the processes that run the tests: tensors as small as theirs gain nothing by a
# second thread, and lose much where another process wants its core.
os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).parents[1]
START_SECONDS = 60
PATIENCE = 30_000  # milliseconds: of a busy machine, where a page is at rest after one
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Only this computer: what the page fetches from elsewhere fails, as it would offline.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
# What a child process needs of this one. All else is left out, so that no setting of whoever runs
# the tests (a proxy, a token, GRADIO_*, CLASSIFIER_MODEL) decides how they end.
KEPT_ENVIRONMENT = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
APP_LOG = pytest.StashKey[Path]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whatever uses the browser, before `-m` is applied."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show the app's log beside the failure of a test that talked to it."""
    outcome = yield
    report = outcome.get_result()
    log = item.config.stash.get(APP_LOG, None)
    if report.failed and log is not None and "app_url" in item.fixturenames:
        report.sections.append(("log of app.py", log.read_text(errors="replace")[-8000:]))


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def clean_environment(**extra: str) -> dict[str, str]:
    """The environment for a child process: what it needs to start, and `extra`."""
    kept = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    return {**kept, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1", **extra}


def run_python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python` with these arguments, at this project's root and in a clean environment."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        timeout=120,
    )


def wait_for_page(url: str, process: subprocess.Popen) -> bool:
    """Whether `url` answered before `process` ended or START_SECONDS were over."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with direct.open(url, timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    return False


@dataclass(frozen=True)
class App:
    """`python app.py` as a process of its own: its address, its folder for uploads, its log."""

    url: str
    process: subprocess.Popen
    uploads: Path
    log: Path


@contextmanager
def running_app(
    folder: Path, *arguments: str, root: Path = ROOT, **environment: str
) -> Iterator[App]:
    """The app of `root` with these arguments, whose log and uploads lie in `folder`."""
    log, uploads, port = folder / "app.log", folder / "uploads", free_port()
    uploads.mkdir()
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(port), *arguments],
            cwd=root,
            env=clean_environment(**{"GRADIO_TEMP_DIR": str(uploads), **environment}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://127.0.0.1:{port}/"
        if not wait_for_page(url, process):
            state = "is silent" if process.poll() is None else f"exited with {process.poll()}"
            pytest.fail(f"app.py {state}; its log:\n{log.read_text(errors='replace')}")
        yield App(url, process, uploads, log)
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def app_url(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[str]:
    """The address of `python app.py`, running with the bundled models."""
    with running_app(tmp_path_factory.mktemp("app")) as app:
        request.config.stash[APP_LOG] = app.log
        yield app.url


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[..., str]]:
    """`serve(blocks, **launch_options) -> url`: the blocks on a free port until the module ends.

    A tab alone, with its words, and the looks and scripts of the whole page:

        with Page() as blocks, gr.Tab("Regression"):
            regression.build(served)
        url = serve(blocks, **appearance(regression.TEXT))
    """
    running: list[gr.Blocks] = []

    def start(blocks: gr.Blocks, **launch_options: object) -> str:
        options = {"prevent_thread_lock": True, "quiet": True, "server_name": "127.0.0.1"}
        port = free_port()
        blocks.queue(api_open=False)
        blocks.launch(**{**options, "server_port": port, **launch_options})
        running.append(blocks)
        return f"http://127.0.0.1:{port}/"

    yield start
    for blocks in running:
        blocks.close(verbose=False)


def no_browser(reason: str) -> None:
    """Skip, or fail where REQUIRE_BROWSER=1 says that a browser must be there."""
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(f"{reason}, and REQUIRE_BROWSER=1", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium of this system, driven by playwright."""
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = next(filter(None, map(shutil.which, names)), None)
    if chromium is None:
        no_browser("no Chromium on this computer (apt install chromium)")
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError:
        no_browser("playwright is not installed (pip install playwright)")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield started
        started.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """`new_page(locale=..., viewport=(width, height), color_scheme=...)`: a page with no history.

    A script error that the page does not catch fails the test at its end.
    """
    contexts, errors = [], []

    def make(
        locale: str = "en-US",
        viewport: tuple[int, int] = (1280, 900),
        color_scheme: str = "light",
    ) -> Page:
        size = {"width": viewport[0], "height": viewport[1]}
        context = browser.new_context(locale=locale, viewport=size, color_scheme=color_scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert not errors, f"the page raised: {errors}"


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """A desktop page in English, in light colours."""
    return new_page()


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """`mount(option)`: a disk of its own in memory, `tmp_path / "out"`, until the test ends."""
    disk = tmp_path / "out"

    def make(option: str) -> Path:
        disk.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", option, "tmpfs", str(disk)]
        if not sys.platform.startswith("linux") or os.geteuid() != 0:
            pytest.skip("mounting a disk needs Linux and root")
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("mounting is not allowed here")
        return disk

    yield make
    if os.path.ismount(disk):
        subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Torch has two threads until the test ends, so that it is noticed who takes one away."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def initial_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A resnet18 for 1,000 classes with random weights, where ImageNet's would be too much."""
    import torch
    from torchvision.models import resnet18

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = resnet18()
    path = tmp_path_factory.mktemp("initial") / "random.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of two classes, `blue` and `red`: 6 pictures each to learn from, 3 for val."""
    from tests.pictures import make_data

    return make_data(tmp_path_factory.mktemp("data") / "colours")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, data: Path, initial_weights: Path) -> Path:
    """The run folder that the default recipe makes of `data`; to be read only."""
    from model.training.recipe import train_classifier
    from model.training.settings import ClassifierSettings

    output = tmp_path_factory.mktemp("runs") / "trained"
    train_classifier(ClassifierSettings(device="cpu"), data, output, init_weights=initial_weights)
    return output
