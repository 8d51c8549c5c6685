"""What do ten times as many pictures cost? About three minutes.

    python tests/benchmarks/scale.py

`train.py classifier` on generated folders of 100, 300 and 1,000 training pictures, from random
weights: seconds must grow in proportion, peak memory hardly at all.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torchvision.models import resnet18

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.pictures import make_data

ROOT = Path(__file__).parents[2]
SIZES = (100, 300, 1000)


def measure(data: Path, weights: Path, output: Path) -> tuple[float, float]:
    """Seconds and peak memory (MB) of one training."""
    command = [sys.executable, "train.py", "classifier", "--data", data, "--init-weights", weights]
    started = time.monotonic()
    process = subprocess.Popen(
        [*map(str, command), "--output", str(output)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    unit = 1 if sys.platform == "darwin" else 1024
    return time.monotonic() - started, usage.ru_maxrss * unit / 1e6


def main() -> None:
    print("| pictures | seconds | peak memory, MB |\n|---|---|---|")
    found = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        torch.save(resnet18().state_dict(), root / "random.pth")
        for size in SIZES:
            data = make_data(root / str(size), train=size // 2, val=10, size=(500, 375))
            found.append(measure(data, root / "random.pth", root / f"run{size}"))
            print(f"| {size} | {found[-1][0]:.1f} | {found[-1][1]:.0f} |", flush=True)
    more = SIZES[-1] - SIZES[0]
    seconds, megabytes = (last - first for first, last in zip(found[0], found[-1], strict=True))
    cost = f"{1000 * seconds / more:.1f} ms and {1000 * megabytes / more:.0f} kB"
    print(f"\na further picture costs {cost}")


if __name__ == "__main__":
    main()
