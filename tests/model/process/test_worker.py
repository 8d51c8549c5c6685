"""The worker process: answers in turn, is killed when the time is over, and is replaced."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from model.process.worker import ROOT, Busy, OutOfTime, Worker, WorkerDied
from tests.conftest import clean_environment


class Echo:
    """Runs in the worker: does as it is told."""

    def __call__(self, request: dict) -> object:
        if "sleep" in request:
            time.sleep(request["sleep"])
        if "spin" in request:  # one call into C that holds the interpreter's lock for minutes
            return len(str(7 ** request["spin"]))
        if "exit" in request:
            os._exit(3)
        if "print" in request:
            print(request["print"])
        if "raise" in request:
            raise ValueError(request["raise"])
        return {"got": request, "pid": os.getpid(), "token": os.environ.get("HF_TOKEN")}


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    made = Worker("tests.model.process.test_worker:Echo", most_waiting=2)
    yield made
    made.close()


def test_the_same_process_answers_and_keeps_no_secret(worker: Worker) -> None:
    first = worker.ask({"text": "½ 蜜蜂\n"}, 20)
    assert first["got"] == {"text": "½ 蜜蜂\n"}
    assert first["token"] is None
    assert first["pid"] != os.getpid()
    # what a library prints is not taken for an answer
    assert worker.ask({"print": '["done", 1]'}, 20)["pid"] == first["pid"]


@pytest.mark.parametrize("endless", [{"sleep": 600}, {"spin": 60_000_000}])
def test_what_takes_too_long_is_killed_and_the_next_is_answered(
    worker: Worker, endless: dict
) -> None:
    before = worker.ask({}, 20)["pid"]
    started = time.monotonic()
    with pytest.raises(OutOfTime):
        worker.ask(endless, 0.3)
    assert time.monotonic() - started < 5
    after = worker.ask({}, 20)["pid"]
    assert after != before
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


def test_the_limit_is_on_computing_and_not_on_waiting() -> None:
    worker = Worker("tests.model.process.test_worker:Echo", cpu_seconds=0.5)
    try:
        before = worker.ask({"sleep": 1}, 20)["pid"]
        started = time.monotonic()
        with pytest.raises(WorkerDied):
            worker.ask({"spin": 60_000_000}, 60)
        assert time.monotonic() - started < 20
        assert worker.ask({"sleep": 1}, 20)["pid"] != before
    finally:
        worker.close()


def test_one_that_ended_while_idle_is_replaced(worker: Worker) -> None:
    before = worker.ask({}, 20)["pid"]
    os.kill(before, signal.SIGKILL)
    worker._process.wait()
    assert worker.ask({}, 20)["pid"] != before


def test_a_turn_that_does_not_come_is_told_apart_from_work_without_end(worker: Worker) -> None:
    before = worker.ask({}, 20)["pid"]
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(worker.ask, {"sleep": 1.0}, 20)
        time.sleep(0.1)
        second = pool.submit(worker.ask, {"sleep": 0.5}, 1.0, 5)  # begins late, and has its time
        with pytest.raises(Busy):
            worker.ask({}, 20, 0.2)
        assert first.result()["pid"] == second.result()["pid"] == before


def test_who_comes_while_the_process_is_started_waits_for_it(worker: Worker) -> None:
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(worker.ask, {"n": n}, 20, 0.05) for n in range(3)]
        assert len({future.result()["pid"] for future in asked}) == 1


def test_an_exception_and_a_death_are_told_and_mended(worker: Worker) -> None:
    with pytest.raises(WorkerDied):
        worker.ask({"raise": "a mistake of ours"}, 20)
    with pytest.raises(WorkerDied):
        worker.ask({"exit": 1}, 20)
    assert worker.ask({"a": 1}, 20)["got"] == {"a": 1}


def test_who_finds_too_many_in_line_is_told_at_once(worker: Worker) -> None:
    worker.ask({}, 20)
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(worker.ask, {"sleep": 0.4, "n": n}, 20) for n in range(3)]
        while worker._line._value:  # places that are free
            time.sleep(0.01)
        started = time.monotonic()
        with pytest.raises(Busy):
            worker.ask({}, 20)
        assert time.monotonic() - started < 0.2
        assert [future.result()["got"]["n"] for future in asked] == [0, 1, 2]


def test_waiting_for_a_turn_counts_as_time(worker: Worker) -> None:
    worker.ask({}, 20)
    before = threading.Thread(target=worker.ask, args=({"sleep": 1.5}, 20))
    before.start()
    time.sleep(0.1)
    started = time.monotonic()
    with pytest.raises(OutOfTime):
        worker.ask({}, 0.3)
    assert time.monotonic() - started < 1
    before.join()


def test_it_ends_with_the_program_that_asked() -> None:
    program = (
        "from model.process.worker import Worker\n"
        "print(Worker('tests.model.process.test_worker:Echo').ask({}, 20)['pid'])"
    )
    for kill in ("", "\nimport os; os.kill(os.getpid(), 9)"):
        done = subprocess.run(
            [sys.executable, "-u", "-c", program + kill],
            cwd=ROOT,
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        pid = json.loads(done.stdout)
        deadline = time.monotonic() + 10
        while is_running(pid):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0] != "Z"
