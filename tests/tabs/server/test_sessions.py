"""What Gradio keeps of a session goes when its visitor has left, and no sooner."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor

import pytest

from tabs.server import sessions as module
from tabs.server.page import Page
from tabs.server.sessions import MOST_SILENT, Sessions


@pytest.fixture
def sessions() -> Sessions:
    page = Page()
    page.queue()
    return Sessions(page)


def run_apart(work: Coroutine) -> None:
    """In a loop of its own: playwright's runs in this thread once a browser was started."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


def visit(sessions: Sessions, name: str) -> None:
    """As a call does: Gradio keeps a state and a queue of answers."""
    assert sessions.page.state_holder[name] is not None
    sessions.page._queue.pending_messages_per_session[name] = asyncio.Queue()
    sessions.page._queue.pending_event_ids_session[name] = set()


def kept(sessions: Sessions) -> set[str]:
    queue = sessions.page._queue
    found = set(sessions.page.known_sessions)
    assert found == set(queue.pending_messages_per_session) == set(queue.pending_event_ids_session)
    return found


def test_a_call_goes_with_its_answer_and_a_page_later(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE", 0.2)

    async def run() -> None:
        for name in ("call", "page", "back"):
            visit(sessions, name)
        with sessions.listening("page", heartbeat=True):
            with sessions.listening("call", heartbeat=False):
                assert kept(sessions) == {"call", "page", "back"}
            with (
                sessions.listening("page", heartbeat=False),
                sessions.listening("back", heartbeat=True),
            ):
                pass
            assert kept(sessions) == {"page", "back"}
        await asyncio.sleep(0.1)
        with sessions.listening("back", heartbeat=False):
            await asyncio.sleep(0.2)
            assert kept(sessions) == {"back"}, "whose line was lost and came back"
        await asyncio.sleep(0.3)
        assert kept(sessions) == set()
        assert not sessions.open
        assert not sessions.pages

    run_apart(run())


def test_of_the_silent_the_newest_stay_and_all_that_are_listened_to(sessions: Sessions) -> None:
    names = [f"s{number}" for number in range(MOST_SILENT + 10)]

    async def run() -> None:
        for name in names:
            visit(sessions, name)
        with sessions.listening("s0", heartbeat=True), sessions.listening(None, heartbeat=False):
            sessions.free_oldest()
            assert kept(sessions) == {"s0", *names[-MOST_SILENT:]}

    run_apart(run())
