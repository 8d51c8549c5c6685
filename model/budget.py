"""A limit on the time that Python code may take in this thread.

SymPy's simplification has no limit of its own and can take minutes. Signals reach only the main
thread, and a profile hook makes SymPy three times slower, so a timer asks the interpreter to raise
an exception here: https://docs.python.org/3/c-api/init.html#c.PyThreadState_SetAsyncExc
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_set_exception = ctypes.pythonapi.PyThreadState_SetAsyncExc
AGAIN_AFTER = 0.005  # seconds; a bare `except:` may have swallowed the last one


class OutOfTime(BaseException):
    """Not an Exception, so that no `except Exception` on the way swallows it."""


@contextmanager
def time_limit(milliseconds: float) -> Iterator[None]:
    """Raise `OutOfTime` inside the block once it has run this long, to be caught outside it.

    Only between Python's own steps: a single call into C (a product of huge integers, say) ends
    first. Code in the block must not mind being left anywhere; SymPy computes without side effects.
    """
    thread = ctypes.c_ulong(threading.get_ident())
    lock, ended = threading.Lock(), threading.Event()

    def watch() -> None:
        pause = milliseconds / 1000
        while not ended.wait(pause):
            with lock:
                if not ended.is_set():
                    _set_exception(thread, ctypes.py_object(OutOfTime))
            pause = AGAIN_AFTER

    threading.Thread(target=watch, name="time-limit", daemon=True).start()
    try:
        yield
    finally:
        while True:
            try:
                with lock:
                    ended.set()
                    _set_exception(thread, None)  # one that was asked for but has not arrived
                break
            except OutOfTime:  # it arrived just here: the work is done or already being left
                continue
