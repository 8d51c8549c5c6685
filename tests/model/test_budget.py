"""The time limit: stops what runs on, leaves what is quick alone, and leaves nothing behind."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import pytest

from model.budget import OutOfTime, within


def spin(seconds: float) -> int:
    """Work through every `except Exception` until the time is over."""
    steps, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        try:
            steps += len(str(steps))
        except Exception:
            steps = 0
    return steps


def test_endless_work_is_stopped_in_any_thread() -> None:
    outcome = []

    def work() -> None:
        try:
            within(20, lambda: spin(60))
        except OutOfTime:
            outcome.append("stopped")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(timeout=30)
    assert outcome == ["stopped"]


def test_work_that_swallows_everything_once_is_stopped_all_the_same() -> None:
    def stubborn() -> None:
        try:
            spin(60)
        except BaseException:
            spin(60)

    with pytest.raises(OutOfTime):
        within(5, stubborn)


def test_quick_work_gives_its_result_and_nothing_arrives_later() -> None:
    assert within(20, lambda: spin(0.001)) > 0
    assert spin(0.05) > 0


def test_work_that_ends_as_the_time_does_leaves_no_exception_and_no_thread_behind() -> None:
    before = threading.active_count()
    for k in range(1000):
        with suppress(OutOfTime):
            within(1, lambda: spin(0.001 + (k % 7 - 3) * 1e-5))  # noqa: B023
        spin(0.0001)
    assert threading.active_count() <= before + 1


def test_other_exceptions_pass() -> None:
    with pytest.raises(ZeroDivisionError):
        within(1000, lambda: 1 / 0)
