"""What do ten times as many pictures cost, in seconds, memory and disk? Some ten minutes.

    python tests/benchmarks/scale.py --data ../shared/caltech101_tasks \\
        --init-weights ../shared/resnet18_imagenet/resnet18_imagenet.pth

`train.py classifier` on 500 and on 5,000 training pictures of ten classes: random crops of photos
under `--data`, 500 × 375 pixels, saved as JPEG. What a further picture costs is taken to 50,000.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]
SIZES = (500, 5_000)
ON_PAPER = 50_000
CLASSES, VAL = 10, 20  # val pictures of each
SIZE = (500, 375)


def make_folder(root: Path, photos: list[Path], train: int) -> Path:
    """`root` with `train` pictures in all in train/, by turns of each class; a class's are of
    photos of its own."""
    draw = random.Random(train)
    for split, count in (("train", train), ("val", CLASSES * VAL)):
        for number in range(count):
            kind = number % CLASSES
            with Image.open(draw.choice(photos[kind::CLASSES])) as photo:
                width, height = photo.size
                share = draw.uniform(0.7, 1)
                left, top = (draw.uniform(0, (1 - share) * side) for side in photo.size)
                box = (left, top, left + share * width, top + share * height)
                picture = photo.convert("RGB").resize(SIZE, box=box)
            path = root / split / f"class {kind}" / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path, quality=90)
    return root


def measure(data: Path, weights: Path, output: Path) -> tuple[float, float, float]:
    """Seconds of one training, its peak memory and the most that it had on the disk, in MB."""
    command = [sys.executable, "train.py", "classifier", "--data", data, "--init-weights", weights]
    output.parent.mkdir()
    started, disk = time.monotonic(), 0
    process = subprocess.Popen(
        [*map(str, command), "--output", str(output)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        with suppress(FileNotFoundError):  # what was listed may have been renamed since
            files = [each for each in output.parent.rglob("*") if each.is_file()]
            disk = max(disk, sum(each.stat().st_size for each in files))
        time.sleep(0.2)
    assert status == 0
    unit = 1 if sys.platform == "darwin" else 1024
    return time.monotonic() - started, usage.ru_maxrss * unit / 1e6, disk / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="any folder with photos in it")
    parser.add_argument("--init-weights", type=Path, required=True, help="an ImageNet resnet18")
    options = parser.parse_args()
    photos = sorted(options.data.rglob("*.jpg"))
    print("| pictures | seconds | peak memory, MB | disk, MB |\n|---|---|---|---|")
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            data = make_folder(Path(folder) / str(size), photos, size)
            output = Path(folder) / f"runs{size}" / "run"
            found.append(measure(data, options.init_weights.resolve(), output))
            print("| {:,} | {:.0f} | {:.0f} | {:.0f} |".format(size, *found[-1]), flush=True)
    more = SIZES[-1] - SIZES[0]
    each = [(last - first) / more for first, last in zip(*found, strict=True)]
    paper = [last + (ON_PAPER - SIZES[-1]) * one for last, one in zip(found[-1], each, strict=True)]
    print("| {:,}, on paper | {:.0f} | {:.0f} | {:.0f} |".format(ON_PAPER, *paper))
    print("\na further picture: {:.0f} ms, {:.0f} kB, {:.0f} kB".format(*(1000 * x for x in each)))


if __name__ == "__main__":
    main()
