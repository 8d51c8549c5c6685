"""Who is here: what Gradio keeps for each visitor is freed when they have left.

Gradio keeps a session's components, states and unread answers (a quarter of a megabyte and more)
for up to 10,000 sessions, and each plain call of the API is a session of its own. Here a call's
session goes with its answer, and a page's some minutes after its last sign of life, so that a line
that was lost may come back. Of sessions that nobody listens to (a page just left, a call whose
answer is never fetched) the newest `MOST_SILENT` stay. All of it runs in the server's event loop.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tabs.server.page import Page

MOST_SILENT = 64
GRACE = 600.0  # seconds


class Sessions:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.open: Counter[str] = Counter()  # connections by session
        # Sessions that have, or had, a heartbeat, and when those go that nobody listens to now.
        self.pages: dict[str, asyncio.TimerHandle | None] = {}

    @contextmanager
    def listening(self, session: str | None, *, heartbeat: bool) -> Iterator[None]:
        """While a connection brings a session's answers, or is its page's heartbeat."""
        if not session:
            yield
            return
        self.open[session] += 1
        if timer := self.pages.get(session):
            timer.cancel()
        if heartbeat or session in self.pages:
            self.pages[session] = None
        try:
            yield
        finally:
            self.open[session] -= 1
            if not self.open[session]:
                del self.open[session]
                if session in self.pages:
                    later = asyncio.get_running_loop().call_later(GRACE, self.free, session)
                    self.pages[session] = later
                else:
                    self.free(session)

    def free_oldest(self) -> None:
        """Forget all but the newest of the sessions that nobody listens to."""
        silent = [session for session in self.page.known_sessions if session not in self.open]
        for session in silent[: max(0, len(silent) - MOST_SILENT)]:
            self.free(session)

    def free(self, session: str) -> None:
        """Forget the session."""
        if timer := self.pages.pop(session, None):
            timer.cancel()
        self.page.forget(session)
