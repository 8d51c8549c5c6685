"""How long `/gradients` of x**2 takes beside others who ask for the slowest accepted expressions.

    python -m tests.benchmarks.expressions_under_load

Starts `python app.py` and prints milliseconds, the median: idle, beside four clients that loop
over the slowest expressions (new values at every call, so that no answer is a remembered one),
and after 100 such calls that were posted and never read.
"""

from __future__ import annotations

import itertools
import json
import statistics
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from model.autograd.parsing import parse
from tests.conftest import running_app

CALLS = 60
CLIENTS = 4
UNREAD = 100
# Found by a search over deep nests, wide sums and products, and random expressions.
SLOWEST = (
    f"max({','.join('abcdfghxyzuv'[i % 12] for i in range(100))})",
    "x**(y+" * 13 + "y" + ")" * 13,
    "(" * 39 + "x" + "**y)" * 39,
    "gelu(" * 39 + "x" + ")" * 39,
)


class Api:
    """The server's endpoint `/gradients`, asked as any program on the network would."""

    def __init__(self, url: str) -> None:
        self.url = f"{url}gradio_api/call/gradients"

    def post(self, source: str, seed: float) -> str:
        names = parse(source).variables
        values = {name: 0.3 + 0.05 * k + seed for k, name in enumerate(names)}
        body = json.dumps({"data": [source, values, 2]}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url, body, headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["event_id"]

    def read(self, event: str) -> dict:
        with urllib.request.urlopen(f"{self.url}/{event}", timeout=120) as stream:
            kind, data = stream.read().decode().strip().split("\n")[-2:]
        if kind != "event: complete":
            raise SystemExit(f"refused: {data}")
        return json.loads(data.removeprefix("data: "))[0]

    def milliseconds(self, source: str, seed: float) -> float:
        start = time.perf_counter()
        self.read(self.post(source, seed))
        return 1000 * (time.perf_counter() - start)

    def median(self, seeds: itertools.count) -> float:
        """Of calls of x**2 one after another."""
        return statistics.median(
            self.milliseconds("x**2", next(seeds) * 1e-6) for _ in range(CALLS)
        )


def beside_clients(api: Api, seeds: itertools.count) -> tuple[float, dict[str, list[float]]]:
    """The median beside four clients, and what each of their calls took."""
    ended = threading.Event()
    taken: dict[str, list[float]] = {source: [] for source in SLOWEST}

    def client(first: int) -> None:
        for k in itertools.count(first):
            source = SLOWEST[k % len(SLOWEST)]
            taken[source].append(api.milliseconds(source, next(seeds) * 1e-6))
            if ended.is_set():
                return

    clients = [threading.Thread(target=client, args=(k,)) for k in range(CLIENTS)]
    for thread in clients:
        thread.start()
    time.sleep(1)
    median = api.median(seeds)
    ended.set()
    for thread in clients:
        thread.join()
    return median, taken


def measure(url: str) -> None:
    api, seeds = Api(url), itertools.count(1)
    for source in ("x**2", *SLOWEST):  # torch, and the processes, are started by the first calls
        api.milliseconds(source, 0.0)
    print("one alone", *(f"{api.milliseconds(s, 1e-7):.0f}" for s in SLOWEST), "ms")
    idle = api.median(seeds)
    print(f"x**2 idle {idle:.1f} ms")
    beside, taken = beside_clients(api, seeds)
    print(f"beside {CLIENTS} clients {beside:.1f} ms: {beside / idle:.1f} times")
    for source, times in taken.items():
        print(f"  {source[:24]}… median {statistics.median(times):.0f}, worst {max(times):.0f} ms")
    for k in range(UNREAD):
        api.post(SLOWEST[k % len(SLOWEST)], next(seeds) * 1e-6)
    first = api.milliseconds("x**2", next(seeds) * 1e-6)
    after = api.median(seeds)
    print(f"after {UNREAD} unread calls the first {first:.1f} ms: {first / idle:.1f} times,")
    print(f"  the median of {CALLS} {after:.1f} ms: {after / idle:.1f} times")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, running_app(Path(folder)) as app:
        measure(app.url)


if __name__ == "__main__":
    main()
