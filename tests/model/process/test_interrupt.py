"""Ctrl-C as torchrun's processes get it: twice, and wherever they are."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import ROOT, clean_environment

START = """
import ctypes, time
from model.process.interrupt import interrupt_once
interrupt_once(lambda: print("the end", flush=True), grace=float({grace}))
print("ready", flush=True)
"""
ORDERLY = """
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    time.sleep(1)
    print("saved", flush=True)
"""
# A mutex that is locked twice, as a C++ library may wait for ever: no signal ends that.
STUCK = """
mutex, libc = ctypes.create_string_buffer(128), ctypes.CDLL(None)
libc.pthread_mutex_lock(mutex)
libc.pthread_mutex_lock(mutex)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a mutex of zeros is the GNU libc's")
@pytest.mark.parametrize(
    ("then", "grace", "told", "status"),
    [
        (ORDERLY, 30, "interrupted\nsaved\n", 0),
        (ORDERLY, 0.1, "interrupted\nthe end\n", 130),
        (STUCK, 0.1, "the end\n", 130),
    ],
    ids=["orderly", "too slow", "stuck"],
)
def test_ctrl_c_twice_is_one_and_ends_even_what_is_stuck(then, grace, told, status):
    process = subprocess.Popen(
        [sys.executable, "-c", START.format(grace=grace) + then],
        cwd=ROOT,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    assert process.communicate(timeout=20) == (told, "")
    assert process.returncode == status
