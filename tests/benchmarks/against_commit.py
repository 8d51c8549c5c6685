"""The app as it is beside the app as it was: `python tests/benchmarks/against_commit.py COMMIT`.

Both are started and asked in turn, several rounds in one run, on whatever else the machine does;
what counts is the ratio.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from gradio_client import Client, handle_file  # noqa: E402

from tests.conftest import clean_environment, free_port, wait_for_page  # noqa: E402

BEE = str(ROOT / "examples" / "bee_on_daisy.jpg")
ASK = {
    "classify": lambda client: client.predict(handle_file(BEE), api_name="/classify"),
    "predict": lambda client: client.predict([0.5] * 10, api_name="/predict"),
    "gradients": lambda client: client.predict("x**2", {"x": 3}, api_name="/gradients"),
}


@contextmanager
def checkout(commit: str):
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "before")
        subprocess.run(["git", "worktree", "add", "-q", place, commit], cwd=ROOT, check=True)
        try:
            yield place
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", place], cwd=ROOT, check=True)


def measure(folder: Path, times: int) -> dict[str, float]:
    """Seconds to the page and to the first answer, milliseconds (median) of each endpoint."""
    port, started = free_port(), time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port)],
        cwd=folder,
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}/"
        assert wait_for_page(url, process)
        figures = {"page, s": time.monotonic() - started}
        client = Client(url, verbose=False)
        ASK["classify"](client)
        figures["first answer, s"] = time.monotonic() - started
        for name, ask in ASK.items():
            ask(client)
            took = []
            for _ in range(times):
                before = time.monotonic()
                ask(client)
                took.append(1000 * (time.monotonic() - before))
            figures[f"{name}, ms"] = statistics.median(took)
        memory = Path(f"/proc/{process.pid}/status").read_text()
        figures["memory, MB"] = int(re.search(r"VmRSS:\s+(\d+)", memory)[1]) / 1024
        return figures
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=int, default=30)
    options = parser.parse_args()
    with checkout(options.commit) as before:
        rounds = [
            (measure(before, options.times), measure(ROOT, options.times))
            for _ in range(options.rounds)
        ]
    print(f"{'':>18} {'before':>9} {'now':>9} {'ratio':>6}")
    for name in rounds[0][0]:
        then, now = (statistics.median(each[i][name] for each in rounds) for i in (0, 1))
        print(f"{name:>18} {then:9.2f} {now:9.2f} {now / then:6.2f}")


if __name__ == "__main__":
    main()
