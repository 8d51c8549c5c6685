"""Does all of it work on a GPU, and is the GPU kept busy? A minute or two on one.

    python tests/gpu.py

Every path of `train.py` and `app.py` that an accelerator takes: train the whole network, be killed
and go on, load on the CPU, serve, mixed precision beside float32. Then the pictures a second of
training the body beside the same steps on a batch that lies on the device already; 0.8 of that is
wanted. Without an accelerator it says "no GPU" and ends well; `--device cpu` runs the same code
there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torchvision.models import ResNet, resnet18

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from model.classifier.classifier import Classifier  # noqa: E402
from model.classifier.preprocessing import Preprocessing  # noqa: E402
from model.device import available_devices, describe, half_precision  # noqa: E402
from model.images.folder import read_folder  # noqa: E402
from model.images.loader import load_picture  # noqa: E402
from model.run.folder import read_json, read_run  # noqa: E402
from model.run.origin import Origin  # noqa: E402
from model.training.augmentation import ShrunkPictures, draw_chances  # noqa: E402
from model.training.body import BOLDNESS, BodyTraining  # noqa: E402
from tests.conftest import clean_environment, running_app  # noqa: E402
from tests.pictures import make_data  # noqa: E402

PHOTO = (500, 375)
WANTED = 0.8


def command(kind: str, device: str, *arguments: object) -> list[str]:
    return [sys.executable, "train.py", kind, "--device", device, *map(str, arguments)]


def run(*arguments: str) -> None:
    """A command that must end well."""
    done = subprocess.run(
        arguments, cwd=ROOT, env=clean_environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def check_training(data: Path, weights: Path, output: Path, device: str) -> str:
    """train.py classifier on the device, whole network and all; what its metrics say of it."""
    run(*command("classifier", device, *options(data, weights, output)))
    metrics = read_json(output / "metrics.json")
    assert metrics["device"].startswith(device.partition(":")[0]), metrics["device"]
    assert metrics["history"], "the body was not trained"
    assert metrics["comparison"]["tuned"]
    return f"{metrics['device']}, {metrics['seconds']} s"


def options(data: Path, weights: Path, output: Path) -> tuple[object, ...]:
    told = ("--data", data, "--init-weights", weights, "--output", output)
    return (*told, "--train-body", "--epochs", 2, "--batch-size", 8)


def check_resuming(data: Path, weights: Path, whole: Path, device: str) -> str:
    """Killed as soon as the body's first epoch is saved, it goes on to nearly the same weights:
    kernels of a GPU need not add in the same order twice."""
    output = whole.with_name("resumed")
    arguments = command("classifier", device, *options(data, weights, output))
    checkpoint = output.with_name(f"{output.name}.body.pt")
    process = subprocess.Popen(
        arguments,
        cwd=ROOT,
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not checkpoint.exists():
        assert process.poll() is None, "ended before it could be killed"
        time.sleep(0.05)
    process.kill()
    process.wait()
    run(*arguments, "--resume")
    one, two = (read_run(folder).weights for folder in (whole, output))
    start = torch.load(weights, weights_only=True)["layer4.1.conv2.weight"]
    moved = (one["layer4.1.conv2.weight"] - start).norm()
    apart = (one["layer4.1.conv2.weight"] - two["layer4.1.conv2.weight"]).norm()
    assert apart <= 0.2 * moved, (apart, moved)
    return f"{apart / moved:.1e} of the way apart"


def check_loading(data: Path, output: Path, device: str) -> str:
    """The run folder answers on the CPU as it does on the device."""
    pictures = [load_picture(each.path) for each in read_folder(data, seed=0).val]
    here, there = (Classifier.load(output, Origin("x"), name) for name in ("cpu", device))
    worst = max(
        abs(one - two)
        for picture in pictures
        for one, two in zip(
            here(picture).probabilities.values(),
            there(picture).probabilities.values(),
            strict=True,
        )
    )
    assert worst < 1e-2, worst
    return f"probabilities {worst:.1e} apart at most"


def check_serving(data: Path, runs: Path, device: str) -> str:
    """app.py, which takes the best device there is, answers as the run folders on it do."""
    from gradio_client import Client, handle_file

    regressor = runs / "regressor"
    run(*command("regressor", device, "--output", regressor, "--epochs", 2))
    picture = read_folder(data, seed=0).val[0].path
    expected = Classifier.load(runs / "whole", Origin("x"), device)(load_picture(picture))
    folder = runs / "app"
    folder.mkdir()
    arguments = ("--classifier", str(runs / "whole"), "--regressor", str(regressor))
    with running_app(folder, *arguments) as app:
        client = Client(app.url, verbose=False)
        answer = client.predict(handle_file(str(picture)), api_name="/classify")
        value = client.predict([0.5] * 10, api_name="/predict")
    assert expected.label == answer["label"], answer
    return f"{answer['label']}, {json.dumps(value)[:60]}"


def check_evaluation(data: Path, output: Path, device: str) -> str:
    report = output.with_name("evaluation")
    run(*command("evaluate", device, output, "--data", data, "--output", report))
    found = read_json(report / "evaluation.json")
    return ", ".join(sorted(found)[:4])


def body_training(
    network: ResNet, data: Path, device: str, precision: torch.dtype | None = None
) -> BodyTraining:
    """A training of all pictures under `data` on the device, from a copy of `network`."""
    folder = read_folder(data, seed=0)
    copied = resnet18(num_classes=len(folder.classes))
    copied.load_state_dict(network.state_dict())
    pictures = ShrunkPictures(folder.train, data, Preprocessing())
    settings = replace(BOLDNESS["bold"], epochs=4, batch_size=32)
    numbers = torch.arange(len(folder.train))
    return BodyTraining(copied.to(device), pictures, numbers, settings, precision)


def check_precision(network: ResNet, data: Path, device: str) -> str:
    """An epoch in the device's half precision, and in float16 with its scaler, comes to nearly the
    loss of one in float32."""
    kinds = (torch.float32, half_precision(torch.device(device)), torch.float16)
    losses = [body_training(network, data, device, each).run_epoch().loss for each in kinds]
    assert max(losses) - min(losses) <= 0.1 * losses[0], losses
    return ", ".join(f"{str(k)[6:]} {loss:.4f}" for k, loss in zip(kinds, losses, strict=True))


def on_the_device(training: BodyTraining) -> Iterator[object]:
    """One batch, sent to the device once, as often as an epoch has batches."""
    numbers = list(range(min(32, len(training.numbers))))
    pixels, labels = training.pictures.batch(numbers)
    chances = draw_chances(numbers, 0, 1)
    batch = [each.to(training.device) for each in (pixels, chances, labels)]
    for _ in range(len(training.numbers) // len(numbers)):
        yield training.step(len(numbers), *batch)


def seconds_of(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure_speed(network: ResNet, data: Path, device: str, compiled: bool) -> None:
    """Pictures a second: with the pictures decoded meanwhile, from memory, and of the device
    alone; and, where asked, what torch.compile makes of the last."""
    training = body_training(network, data, device)
    count = len(training.numbers)
    decoding = count / seconds_of(training.run_epoch)
    from_memory = count / seconds_of(training.run_epoch)
    alone = count / seconds_of(lambda: sum(on_the_device(training)).tolist())
    share = from_memory / alone
    print(f"pictures a second: {decoding:.0f} decoded, {from_memory:.0f} from memory")
    print(f"the same steps on the device alone: {alone:.0f}, {share:.2f} of it reached")
    print("as wanted" if share >= WANTED else f"less than the {WANTED} wanted")
    if compiled:
        training.model.compile()
        first = seconds_of(lambda: sum(on_the_device(training)).tolist())
        faster = count / seconds_of(lambda: sum(on_the_device(training)).tolist())
        print(f"torch.compile: {faster:.0f} after {first:.0f} s", end="")
        gain = 1 / alone - 1 / faster
        print(f", which pays from {first / gain:,.0f} pictures on" if gain > 0 else ", no gain")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default=available_devices()[0], help=argparse.SUPPRESS)
    parser.add_argument("--pictures", type=int, default=2000, help="for the speed; default: 2000")
    parser.add_argument("--compile", action="store_true", help="measure torch.compile as well")
    given = parser.parse_args()
    device = given.device
    if device == "cpu" and "--device" not in sys.argv:
        print("no GPU")
        return
    print(describe(torch.device(device)), half_precision(torch.device(device)))
    with tempfile.TemporaryDirectory() as folder:
        root, weights = Path(folder), Path(folder) / "random.pth"
        torch.manual_seed(0)
        torch.save(resnet18().state_dict(), weights)
        network = resnet18(num_classes=2)
        few = make_data(root / "few", train=8, val=2)
        whole = root / "whole"
        checks = {
            "train": lambda: check_training(few, weights, whole, device),
            "resume": lambda: check_resuming(few, weights, whole, device),
            "load on the CPU": lambda: check_loading(few, whole, device),
            "serve": lambda: check_serving(few, root, device),
            "evaluate": lambda: check_evaluation(few, whole, device),
            "precision": lambda: check_precision(network, few, device),
        }
        for name, check in checks.items():
            print(f"{name}: {check()}", flush=True)
        many = make_data(root / "many", train=given.pictures // 2, val=1, size=PHOTO)
        measure_speed(network, many, device, given.compile)


if __name__ == "__main__":
    main()
