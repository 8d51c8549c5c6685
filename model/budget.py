"""A limit on the time that Python code may take in this thread.

SymPy's simplification has no limit of its own and can take minutes. Signals reach only the main
thread, and a profile hook makes SymPy three times slower, so a timer asks the interpreter to raise
an exception here: https://docs.python.org/3/c-api/init.html#c.PyThreadState_SetAsyncExc
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

T = TypeVar("T")

_set_exception = ctypes.pythonapi.PyThreadState_SetAsyncExc
AGAIN_AFTER = 0.005  # seconds; a bare `except:` may have swallowed the last one


class OutOfTime(BaseException):
    """Not an Exception, so that no `except Exception` on the way swallows it."""


def within(milliseconds: float, work: Callable[[], T]) -> T:
    """What `work()` returns; raises `OutOfTime` out of it once it has run this long.

    Only between Python's own steps: a single call into C (a product of huge integers, say) ends
    first. `work` must not mind being left anywhere; SymPy computes without side effects.

    A function, not a context manager: the exception could arrive between the end of a `with` block
    and the code that calls the watcher off, and here there is nothing between.
    """
    thread = ctypes.c_ulong(threading.get_ident())
    # The exception can arrive at any step of this thread, so what this thread does at the end must
    # be whole steps: a SimpleQueue's put is one, while a Lock or an Event could be left locked.
    begun: SimpleQueue[None] = SimpleQueue()
    ended: SimpleQueue[None] = SimpleQueue()
    watcher_is_gone: SimpleQueue[None] = SimpleQueue()

    def watch() -> None:
        begun.get()  # never in the midst of Thread.start, which holds locks
        pause = milliseconds / 1000
        while True:
            try:
                ended.get(timeout=pause)
                break
            except Empty:
                _set_exception(thread, ctypes.py_object(OutOfTime))
                pause = AGAIN_AFTER
        watcher_is_gone.put(None)

    threading.Thread(target=watch, name="time-limit", daemon=True).start()
    try:
        begun.put(None)
        return work()
    finally:
        while True:
            try:
                ended.put(None)
                while watcher_is_gone.empty():
                    time.sleep(0)
                # One that was asked for and has not arrived does so at the next step. (Asking for
                # None instead would leave CPython 3.11 looking for it for ever after.)
                time.sleep(0)
                break
            except OutOfTime:  # it arrived just here: the work is done or already being left
                continue
