"""What is printed and logged, on lines of the program's own making.

A log is read by people and by programs that take a line for a message. What a visitor, a file or a
server named goes into it as well, by many ways: this app's log, uvicorn's, Gradio's tracebacks,
which it prints. So the streams themselves are guarded.
"""

from __future__ import annotations

import io
import logging
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

LINES, LENGTH = 200, 2000
# All that moves the cursor, changes colours, breaks lines, turns the direction of writing or is not
# to be seen.
CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
BAR = re.compile(r"\n{0,99}(?:\x1b\[A)*(?=\r|$)\r?")  # how tqdm moves to the place of a bar


def escape(text: str) -> str:
    """`text` on one line that can be printed and encoded: a file may be called anything."""
    return CONTROL.sub(lambda found: ascii(found[0])[1:-1], text.replace("\n", "\\n"))


def clean(text: str) -> str:
    """`text` as it may be written: control characters escaped, further lines indented so that
    none can pass for a message of its own, at most LENGTH characters a line and LINES lines."""
    bar = BAR.match(text)
    start = bar.end() if bar else 0
    lines = [escape(line) for line in text[start:].split("\n")]
    if len(lines) > LINES:
        lines[LINES // 2 : -LINES // 2] = [f"… {len(lines) - LINES} lines …"]
    shown = [line if len(line) <= LENGTH else line[:LENGTH] + " …" for line in lines]
    return text[:start] + re.sub(r"\n(?=\S)", "\n  ", "\n".join(shown))


class LastingStream:
    """A text stream that never ends the program: once nobody reads it any more (a closed pipe, a
    full disk), it leads nowhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with self._lasting():
            self._stream.write(self.shown(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        with self._lasting():
            self._stream.flush()

    def shown(self, text: str) -> str:
        """What is written for `text`."""
        return text

    @contextmanager
    def _lasting(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            # The very descriptor is turned: what is held back is written at exit, by the stream.
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class CleanStream(LastingStream):
    """One on which each write is `clean`ed as well."""

    def shown(self, text: str) -> str:
        return clean(text)


def guard_streams(*names: str) -> None:
    """Have the streams of sys that are named ("stdout", "stderr") cleaned from now on, for handlers
    that hold them already too. Neither of the two ends the program: what their encoding lacks is
    written as an escape, and what nobody reads nowhere. To be called once, by a program."""
    guarded: dict[TextIO, LastingStream] = {}
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # it was closed before the program began
            continue
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        guarded[stream] = (CleanStream if name in names else LastingStream)(stream)
        setattr(sys, name, guarded[stream])
    loggers = [logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)]
    for handler in (each for logger in loggers for each in logger.handlers):
        if isinstance(handler, logging.StreamHandler) and handler.stream in guarded:
            handler.setStream(guarded[handler.stream])
