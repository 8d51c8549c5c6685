"""What stands before Gradio: a middleware that lets only so much in, and knows who is here."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model.errors import UserError
from tabs.language import language_of
from tabs.server.page import Page
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
    listening, and once it is `closing` lets nothing new in."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.folder, self.sessions = folder, Sessions(page)
        self.closing = False
        self.requests = 0  # under way, without heartbeats, which last as long as a page is open
        self.uploads: set[asyncio.Task] = set()

    def break_off_uploads(self) -> None:
        """End those whose sender is slow or silent. May be called from any thread."""
        for task in list(self.uploads):
            task.get_loop().call_soon_threadsafe(task.cancel)

    def around(self, app: ASGIApp) -> ASGIApp:
        return partial(self._pass, app)

    async def _pass(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        request = Request(scope)
        path = scope["path"].removeprefix(scope.get("root_path", "")).rstrip("/")
        is_upload, is_heartbeat = path == f"{API}/upload", path.startswith(f"{API}/heartbeat/")
        limit = MOST_UPLOAD if is_upload else MOST_JSON
        try:
            self._check(request, limit)
        except UserError as error:
            await _refusal(request, error)(scope, receive, send)
            return
        self.requests += not is_heartbeat
        try:
            with self.sessions.listening(_session(request, path), heartbeat=is_heartbeat):
                answer = partial(self._upload, app) if is_upload else app
                await answer(scope, _bounded(receive, limit), send)
        finally:
            self.requests -= not is_heartbeat
            if request.method == "POST":
                self.sessions.free_oldest()

    def _check(self, request: Request, limit: int) -> None:
        """Raises Closing, BodyTooLarge or DiskFull for a call that must not go on to Gradio."""
        if request.method != "POST":
            return
        if self.closing:
            raise Closing()
        declared = request.headers.get("content-length", "0")
        if not declared.isdecimal() or int(declared) > limit:
            raise BodyTooLarge(limit=limit / 1e6)
        heal(self.folder)

    async def _upload(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.uploads.add(task)
        try:
            await app(scope, receive, send)
        except ClientDisconnect:
            log.info("an upload was broken off by its sender")
        except OSError as error:  # before anything was answered
            log.warning("an upload could not be stored: %s", error.strerror)
            await _refusal(Request(scope), DiskFull())(scope, receive, send)
        except asyncio.CancelledError:
            if not self.closing:
                raise
            await _refusal(Request(scope), Closing())(scope, receive, send)
        finally:
            self.uploads.discard(task)


def _refusal(request: Request, error: UserError) -> JSONResponse:
    status = 413 if isinstance(error, BodyTooLarge) else 503
    return JSONResponse({"detail": error.message(language_of(request))}, status)


def _session(request: Request, path: str) -> str | None:
    """The session whose answers this request waits for, if it does."""
    if request.method != "GET":
        return None
    if path == f"{API}/queue/data":
        return request.query_params.get("session_hash")
    is_named = path.startswith((f"{API}/call/", f"{API}/heartbeat/"))
    return path.rsplit("/", 1)[1] if is_named else None


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
