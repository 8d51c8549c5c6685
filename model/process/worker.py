"""A Python process of the server's own, for work that must not hold up anybody else.

Some work has no time limit of its own (SymPy's), and some wants another number of threads than the
server (the training of a small network). It is asked for here and done in a process that is started
at its first use, answers one request after another, and is killed and replaced when the time is
over. Requests and answers are JSON, a line each: nothing is unpickled.

    symbolic = Worker("model.autograd.symbolic:Differentiator")
    answer = symbolic.ask({"source": "x**2"}, seconds=1.0)
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0  # for the imports of a new process; not part of a request's time
# What the process has no business with.
SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_HUB_TOKEN")


class WorkerError(Exception):
    """There is no answer. The caller says what that means to its user."""


class OutOfTime(WorkerError):
    """The work took longer than it may; its process has been killed."""


class Busy(WorkerError):
    """As many are waiting already as may wait, or one's turn did not come in time."""


class WorkerDied(WorkerError):
    """The process ended by itself, or answered with an exception, which is in the log."""


class Worker:
    """One process that does one thing at a time; `ask` may be called from any thread."""

    def __init__(
        self,
        handler: str,
        *,
        most_waiting: int = 8,
        nice: int = 0,
        cpu_seconds: float = 0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`handler` is "module:Class": an instance, made in the process, is called with each
        request. `nice` (0 to 19) lets the server's other work go first, and `cpu_seconds` ends a
        process that computes longer than that for one request, where the system can: on a busy
        machine a limit on the time that passes would end those who only wait for a processor."""
        self._options = [handler, f"{nice}", f"{cpu_seconds}"]
        self._environment = dict(environment or {})
        self._turn = threading.Lock()
        self._line = threading.BoundedSemaphore(most_waiting + 1)  # and the one whose turn it is
        self._process: subprocess.Popen | None = None
        self._ready = False

    def ask(self, request: Any, seconds: float, line_seconds: float | None = None) -> Any:
        """The answer to `request` (both JSON values), waited for at most `seconds`, the time until
        it is one's turn included. With `line_seconds` that time is apart: whose turn has not come
        by then is told that we are busy, and `seconds` are for the work alone, so that no process
        is killed for having begun late. Raises Busy, OutOfTime or WorkerDied."""
        began, patience = time.monotonic(), seconds
        if line_seconds is not None:  # the imports of a new process are nobody's turn
            patience = line_seconds + (0 if self._ready else START_SECONDS)
        if not self._line.acquire(blocking=False):
            raise Busy
        try:
            if not self._turn.acquire(timeout=patience):
                raise OutOfTime if line_seconds is None else Busy
            if line_seconds is not None:
                began = time.monotonic()
            try:
                return self._exchange(request, began + seconds)
            finally:
                self._turn.release()
        finally:
            self._line.release()

    def close(self) -> None:
        """End the process, whatever it does; another `ask` would start a new one."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            # At the end of the block the pipes are closed, and the process is waited for.
            with contextlib.suppress(OSError), process:  # unsent bytes that nobody will read
                pass

    def _exchange(self, request: Any, deadline: float) -> Any:
        if self._process is None or self._process.poll() is not None:  # ended while idle
            self.close()
            self._start()
        if not self._ready:
            began = time.monotonic()
            self._read_line(START_SECONDS)
            self._ready = True
            deadline += time.monotonic() - began
        left = deadline - time.monotonic()
        if left <= 0:
            raise OutOfTime
        with contextlib.suppress(OSError):  # a process that has died: reading will tell
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        status, answer = json.loads(self._read_line(left))
        if status != "done":
            raise WorkerDied
        return answer

    def _read_line(self, seconds: float) -> str:
        """The next line; without one in time the process is killed and a new one is started, so
        that the next caller need not wait for its imports."""
        process, began = self._process, time.monotonic()
        timer = threading.Timer(seconds, process.kill)
        timer.daemon = True
        timer.start()
        line = process.stdout.readline()
        timer.cancel()
        expired = time.monotonic() - began >= seconds
        if line.endswith("\n"):
            return line
        was_ready = self._ready
        self.close()
        if was_ready:  # and not where it cannot even be started
            self._start()
        raise OutOfTime if expired else WorkerDied

    def _start(self) -> None:
        kept = {name: value for name, value in os.environ.items() if name not in SECRETS}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "model.process.worker", *self._options],
            cwd=ROOT,
            env={**kept, **self._environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        self._ready = False
        atexit.unregister(self.close)
        atexit.register(self.close)


def serve(handler: str, nice: int, cpu_seconds: float) -> None:
    """What the process does: answer each line of standard input by one of standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends us
    if nice and hasattr(os, "nice"):
        os.nice(nice)
    limited = cpu_seconds and hasattr(signal, "setitimer")
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints is no answer
    module, name = handler.split(":")
    handle = getattr(import_module(module), name)()
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        # An orphan, whose server was killed in the midst of its work, ends too.
        faulthandler.dump_traceback_later(START_SECONDS, exit=True)
        if limited:  # the signal ends us, even in the midst of one call into C
            signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        try:
            answer = ["done", handle(json.loads(line))]
        except Exception:
            sys.excepthook(*sys.exc_info())  # to standard error, which is the server's log
            answer = ["failed", None]
        if limited:
            signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
