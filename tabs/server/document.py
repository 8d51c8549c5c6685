"""The page's own scripts, put into its HTML before those of Gradio, which runs `head=` too late for
them to choose the language."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BEFORE = b"<script"  # the first of Gradio's


def with_scripts(paths: Sequence[Path]) -> Middleware:
    """Middleware that puts the scripts of these files into every HTML page."""
    source = "".join(f"<script>{path.read_text(encoding='utf-8')}</script>" for path in paths)
    return Middleware(partial(partial, _pass, source.encode()))


async def _pass(scripts: bytes, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    start: Message | None = None
    body = b""

    async def insert(message: Message) -> None:
        nonlocal start, body
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            if headers.get("content-type", "").startswith("text/html"):
                start = message
                return
        elif start is not None:
            body += message.get("body", b"")
            if message.get("more_body", False):
                return
            page = body.replace(BEFORE, scripts + BEFORE, 1)
            headers = MutableHeaders(raw=start["headers"])
            if scope["method"] != "HEAD":
                headers["content-length"] = str(len(page))
            await send({**start, "headers": headers.raw})
            message = {"type": "http.response.body", "body": page}
        await send(message)

    await app(scope, receive, insert if scope["type"] == "http" else send)
