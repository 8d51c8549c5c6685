"""Ctrl-C in one of several processes that torchrun started, and that wait for each other."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

GRACE = 5.0  # seconds, of the 30 after which torchrun kills
INTERRUPTED = 130  # the exit status that shells give for SIGINT


def interrupt_once(at_the_end: Callable[[], object], grace: float = GRACE) -> None:
    """Have the first SIGINT raise KeyboardInterrupt and ignore the others: torchrun passes one on
    to processes that the terminal has told already.

    Whoever waits in C++ for a process that is gone hears of no signal. So `grace` seconds after it
    a process that is there still calls `at_the_end` and ends. To be called in the main thread.
    """
    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told)  # written to at once, whatever the main thread waits for
    signal.signal(signal.SIGINT, _raise_once)
    threading.Thread(target=_end, args=(heard, at_the_end, grace), daemon=True).start()


def _raise_once(*_: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _end(heard: int, at_the_end: Callable[[], object], grace: float) -> None:
    os.read(heard, 1)
    time.sleep(grace)
    at_the_end()
    os._exit(INTERRUPTED)
