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

import gradio as gr

MOST_SILENT = 64
GRACE = 600.0  # seconds


class Sessions:
    def __init__(self, page: gr.Blocks) -> None:
        self.page = page
        self.open: Counter[str] = Counter()  # connections by session
        self.pages: set[str] = set()  # sessions that have, or had, a heartbeat
        self.leaving: dict[str, asyncio.TimerHandle] = {}  # pages that nobody listens to now

    @contextmanager
    def listening(self, session: str, *, heartbeat: bool) -> Iterator[None]:
        """While a connection brings the session's answers, or is its page's heartbeat."""
        self.open[session] += 1
        if timer := self.leaving.pop(session, None):
            timer.cancel()
        if heartbeat:
            self.pages.add(session)
        try:
            yield
        finally:
            self.open[session] -= 1
            if not self.open[session]:
                del self.open[session]
                if session in self.pages:
                    later = asyncio.get_running_loop().call_later(GRACE, self.free, session)
                    self.leaving[session] = later
                else:
                    self.free(session)

    def free_oldest(self) -> None:
        """Forget all but the newest of the sessions that nobody listens to."""
        silent = [each for each in self.page.state_holder.session_data if each not in self.open]
        for session in silent[: max(0, len(silent) - MOST_SILENT)]:  # Gradio's order is by use
            self.free(session)

    def free(self, session: str) -> None:
        """Forget the session; one that comes back starts anew."""
        if timer := self.leaving.pop(session, None):
            timer.cancel()
        self.pages.discard(session)
        holder, queue = self.page.state_holder, self.page._queue
        holder.session_data.pop(session, None)
        holder.time_last_used.pop(session, None)
        queue.pending_event_ids_session.pop(session, None)
        if session in queue.pending_messages_per_session:
            del queue.pending_messages_per_session[session]
