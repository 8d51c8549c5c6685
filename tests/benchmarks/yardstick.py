"""Is the default recipe better and four times as fast as the usual loop? About six minutes.

    python tests/benchmarks/yardstick.py --data ../shared/hymenoptera_data \\
        --init-weights ../shared/resnet18_imagenet/resnet18_imagenet.pth

The yardstick is the loop of PyTorch's transfer-learning tutorial with a frozen body, written out.
It and `train.py classifier` run in turn, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

EPOCHS = 15


def usual_loop(
    data: Path, weights: Path, seed: int = 0, epochs: int = EPOCHS
) -> tuple[list[int], Tensor, Tensor]:
    """Train a random new last layer; how many val pictures were right after each epoch, and the
    last one's logits [N, K] with the labels [N]."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader
    from torchvision.datasets import ImageFolder
    from torchvision.models import resnet18
    from torchvision.transforms import v2

    from model.images.listing import is_placeholder
    from model.images.loader import load_picture

    torch.manual_seed(seed)
    to_tensor = [
        v2.ToImage(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
    transforms = {
        "train": v2.Compose([v2.RandomResizedCrop(224), v2.RandomHorizontalFlip(), *to_tensor]),
        "val": v2.Compose([v2.Resize(256), v2.CenterCrop(224), *to_tensor]),
    }
    loaders = {}
    for split, transform in transforms.items():
        pictures = ImageFolder(
            str(data / split),
            transform,
            loader=load_picture,
            is_valid_file=lambda path: not is_placeholder(Path(path)),
        )
        loaders[split] = DataLoader(pictures, batch_size=4, shuffle=True, num_workers=2)

    network = resnet18()
    network.load_state_dict(torch.load(weights, weights_only=True))
    for parameter in network.parameters():
        parameter.requires_grad = False
    network.fc = nn.Linear(512, len(pictures.classes))

    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(network.fc.parameters(), lr=0.001, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
    history = []
    for _ in range(epochs):
        network.train()
        for images, labels in loaders["train"]:
            optimizer.zero_grad()
            loss = criterion(network(images), labels)
            loss.backward()
            optimizer.step()
        scheduler.step()
        network.eval()
        with torch.no_grad():
            answers = [(network(images), labels) for images, labels in loaders["val"]]
        logits, labels = map(torch.cat, zip(*answers, strict=True))
        history.append(int((logits.argmax(dim=1) == labels).sum()))
    return history, logits, labels


def train(data: Path, weights: Path, output: Path, *options: str) -> dict:
    """The metrics of `python train.py classifier`, run as one types it."""
    command = [sys.executable, "train.py", "classifier", "--data", data, "--init-weights", weights]
    subprocess.run(
        [*map(str, command), "--output", str(output), *options],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return json.loads((output / "metrics.json").read_text(encoding="utf-8"))


def parse_arguments(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the ants and bees")
    parser.add_argument("--init-weights", type=Path, required=True, help="an ImageNet resnet18")
    return parser


def main() -> None:
    parser = parse_arguments(__doc__)
    parser.add_argument("--only-the-loop", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    data, weights = options.data.resolve(), options.init_weights.resolve()
    if options.only_the_loop:
        print(json.dumps(usual_loop(data, weights)[0]))
        return

    started = time.monotonic()
    loop = subprocess.run(
        [sys.executable, __file__, *sys.argv[1:], "--only-the-loop"],
        check=True,
        stdout=subprocess.PIPE,
    )
    loop_seconds = time.monotonic() - started
    history = json.loads(loop.stdout)
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        metrics = train(data, weights, Path(folder) / "run")
        our_seconds = time.monotonic() - started
    total = metrics["val_total"]
    print("| | seconds | val right at the end | best epoch |\n|---|---|---|---|")
    print(f"| usual loop | {loop_seconds:.0f} | {history[-1]} of {total} | {max(history)} |")
    print(f"| train.py | {our_seconds:.0f} | {metrics['val_correct']} of {total} | |")
    print(f"\nours takes {our_seconds / loop_seconds:.3f} of the loop's time (at most 0.25 wanted)")


if __name__ == "__main__":
    main()
