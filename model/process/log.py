"""What is printed and logged, on lines of the program's own making.

A log is read by people and by programs that take a line for a message. What a visitor, a file or a
server named goes into it as well, by many ways: this app's log, uvicorn's, Gradio's tracebacks,
which it prints. So the streams themselves are guarded.
"""

from __future__ import annotations

import io
import logging
import re
import sys
from typing import Any, TextIO

LINES, LENGTH = 200, 2000
# All that moves the cursor, changes colours, breaks lines or turns the direction of writing.
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
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


class CleanStream:
    """A text stream on which each write is `clean`ed; all else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(clean(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard_streams(*names: str) -> None:
    """Have the streams of sys that are named ("stdout", "stderr") cleaned from now on, for handlers
    that hold them already too, and both write whatever their encoding lacks as an escape instead of
    raising UnicodeEncodeError. To be called once, by a program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    guarded = {stream: CleanStream(stream) for stream in (getattr(sys, name) for name in names)}
    for name in names:
        setattr(sys, name, guarded[getattr(sys, name)])
    loggers = [logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)]
    for handler in (each for logger in loggers for each in logger.handlers):
        if isinstance(handler, logging.StreamHandler) and handler.stream in guarded:
            handler.setStream(guarded[handler.stream])
