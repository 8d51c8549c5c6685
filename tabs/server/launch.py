"""How the page is served: a launch that says what is wrong in a sentence, and an end, by Ctrl-C or
SIGTERM, that answers what has begun and leaves no upload behind.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.middleware import Middleware

from model.errors import UserError
from tabs.server.gate import Gate
from tabs.server.page import Page
from tabs.server.uploads import MEGABYTES

MOST_WAITING = 64  # calls in Gradio's queue; what does not fit is refused at once
SECONDS_TO_END = 6.0


class CannotListen(UserError):
    en = "Cannot listen on {address}: {reason}. Choose another --port or --host."
    zh = "无法监听 {address}：{reason}。请换一个 --port 或 --host。"


@contextlib.contextmanager
def serving(
    page: Page, folder: Path, host: str | None, port: int | None, **options: Any
) -> Iterator[None]:
    """The page is served while the block runs; what has begun by its end is answered.

    `options` are those of `gr.Blocks.launch`. Raises CannotListen.
    """
    gate = Gate(page, folder)
    middleware = options.pop("app_kwargs", {}).get("middleware", [])
    _check_address(host, port)
    _go_around_proxies(host)
    page.queue(api_open=False, max_size=MOST_WAITING)
    page.launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=True,
        max_file_size=f"{MEGABYTES}mb",
        ssr_mode=False,
        run_history=False,  # which would use this host's Hub token for whoever asks
        enable_monitoring=False,
        app_kwargs={"middleware": [Middleware(gate.around), *middleware]},
        **options,
    )
    try:
        yield
    finally:
        gate.closing = True
        deadline = time.monotonic() + SECONDS_TO_END
        while time.monotonic() < deadline and (gate.requests or page.is_busy):
            time.sleep(0.05)
        gate.break_off_uploads()
        page.end()


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Ctrl-C or SIGTERM ends the block, as KeyboardInterrupt; a second one the program, at once."""

    def interrupt(number: int, frame: object) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_DFL)
        raise KeyboardInterrupt

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, interrupt)
    with contextlib.suppress(KeyboardInterrupt):
        yield


def _check_address(host: str | None, port: int | None) -> None:
    """Raises CannotListen, where Gradio would try a hundred ports and then tell of those."""
    host = host or os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1"
    try:
        found = socket.getaddrinfo(host.strip("[]"), port or 0, type=socket.SOCK_STREAM)
        with socket.socket(found[0][0]) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(found[0][4])
    except (OSError, OverflowError) as error:
        address = f"{host}:{port}" if port else host
        reason = getattr(error, "strerror", None) or error
        raise CannotListen(address=address, reason=reason) from None


def _go_around_proxies(host: str | None) -> None:
    """What this process asks itself does not go through a proxy that the environment names."""
    for name in ("NO_PROXY", "no_proxy"):
        known = os.environ.get(name, "").split(",")
        here = ["127.0.0.1", "localhost", *([host] if host else [])]
        os.environ[name] = ",".join(filter(None, dict.fromkeys([*known, *here])))
