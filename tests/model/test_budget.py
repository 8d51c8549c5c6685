"""The time limit: stops what runs on, leaves what is quick alone, and leaves nothing behind."""

from __future__ import annotations

import threading
import time

import pytest

from model.budget import OutOfTime, time_limit


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
            with time_limit(20):
                spin(60)
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

    with pytest.raises(OutOfTime), time_limit(5):
        stubborn()


def test_quick_work_is_left_alone_and_nothing_arrives_later() -> None:
    with time_limit(20):
        assert spin(0.001) > 0
    assert spin(0.05) > 0


def test_limits_around_the_moment_of_ending_leave_no_exception_behind() -> None:
    for _ in range(200):
        try:
            with time_limit(1):
                spin(0.001)
        except OutOfTime:
            pass
        spin(0.0002)


def test_other_exceptions_pass() -> None:
    with pytest.raises(ValueError, match="as it was"), time_limit(1000):
        raise ValueError("as it was")
