"""What stands before Gradio: a middleware that lets only so much in, and knows who is here."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from urllib.parse import parse_qs

import gradio as gr
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model.errors import UserError
from tabs.language import preferred
from tabs.server.sessions import Sessions
from tabs.server.uploads import MEGABYTES, DiskFull, heal

log = logging.getLogger(__name__)

API = "/gradio_api"
# Of a request's body, in bytes; what a file is wrapped in comes on top of it.
MOST_JSON, MOST_UPLOAD = 1_000_000, MEGABYTES * 1_000_000 + 10_000


class BodyTooLarge(UserError):
    en = "The request has more than {limit:.0f} MB."
    zh = "请求超过 {limit:.0f} MB。"


class Closing(UserError):
    en = "The app is being stopped. Try again in a minute."
    zh = "应用正在停止。请一分钟后再试。"


class Gate:
    """ASGI middleware: bounds bodies, keeps the folder for uploads there, tells `Sessions` who is
    listening, and lets nothing new in once `close` was called."""

    def __init__(self, page: gr.Blocks, folder: Path) -> None:
        self.folder, self.sessions = folder, Sessions(page)
        self.closing = False
        self.requests = 0  # under way, without heartbeats, which last as long as a page is open
        self.uploads: set[asyncio.Task] = set()

    def close(self) -> None:
        """Refuse what comes from now on. May be called from any thread."""
        self.closing = True

    def break_off_uploads(self) -> None:
        """End those whose sender is slow or silent. May be called from any thread."""
        for task in list(self.uploads):
            task.get_loop().call_soon_threadsafe(task.cancel)

    def around(self, app: ASGIApp) -> ASGIApp:
        async def gated(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                await self._pass(app, scope, receive, send)
            else:
                await app(scope, receive, send)

        return gated

    async def _pass(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", "")).rstrip("/")
        if path.startswith(f"{API}/heartbeat/"):
            with self.sessions.listening(path.rsplit("/", 1)[1], heartbeat=True):
                await app(scope, receive, send)
            return
        if (refusal := self._refuse(scope, path)) is not None:
            await refusal(scope, receive, send)
            return
        self.requests += 1
        try:
            if session := _session(scope, path):
                with self.sessions.listening(session, heartbeat=False):
                    await app(scope, receive, send)
            elif path == f"{API}/upload":
                await self._upload(app, scope, receive, send)
            else:
                await app(scope, _bounded(receive, MOST_JSON), send)
        finally:
            self.requests -= 1
            if scope["method"] == "POST":
                self.sessions.free_oldest()

    async def _upload(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.uploads.add(task)
        try:
            await app(scope, _bounded(receive, MOST_UPLOAD), send)
        except ClientDisconnect:
            log.info("an upload was broken off by its sender")
        except OSError as error:  # before anything was answered
            log.warning("an upload could not be stored: %s", error.strerror)
            await _refusal(scope, DiskFull())(scope, receive, send)
        except asyncio.CancelledError:
            if not self.closing:
                raise
            await _refusal(scope, Closing())(scope, receive, send)
        finally:
            self.uploads.discard(task)

    def _refuse(self, scope: Scope, path: str) -> JSONResponse | None:
        """The answer to what must not go on to Gradio; None lets it pass."""
        if scope["method"] != "POST":
            return None
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        limit = MOST_UPLOAD if path == f"{API}/upload" else MOST_JSON
        try:
            if self.closing:
                raise Closing()
            if not declared.isdigit() or int(declared) > limit:
                raise BodyTooLarge(limit=limit / 1e6)
            heal(self.folder)
        except UserError as error:
            return _refusal(scope, error)
        return None


def _refusal(scope: Scope, error: UserError) -> JSONResponse:
    header = dict(scope["headers"]).get(b"accept-language", b"").decode("latin-1")
    status = 413 if isinstance(error, BodyTooLarge) else 503
    return JSONResponse({"detail": error.message(preferred(header))}, status)


def _session(scope: Scope, path: str) -> str | None:
    """The session whose answers this request waits for, if it does."""
    if scope["method"] != "GET":
        return None
    if path == f"{API}/queue/data":
        return parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [None])[0]
    if path.startswith(f"{API}/call/"):
        return path.rsplit("/", 1)[1]
    return None


def _bounded(receive: Receive, limit: int) -> Receive:
    """`receive`, for a body that declares no length, or a wrong one."""
    arrived = 0

    async def counted() -> Message:
        nonlocal arrived
        message = await receive()
        arrived += len(message.get("body", b""))
        if arrived > limit:
            raise HTTPException(413, f"more than {limit} bytes")
        return message

    return counted
