"""train.py as it is typed: what it prints, its exit status, and what it leaves behind."""

from __future__ import annotations

import json
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
import torch
from huggingface_hub import ModelCard

import train
from model.classifier.classifier import Classifier
from model.run.folder import read_run
from model.run.origin import Origin
from tests.conftest import clean_environment
from tests.hub_server import HubServer
from tests.pictures import make_data, make_picture

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Two classes of four pictures, and one each for val."""
    return make_data(tmp_path_factory.mktemp("few") / "data", train=4, val=1)


def arguments(data, weights, output, *more: str) -> list[str]:
    """The command line that trains on `data`."""
    paths = ["--data", str(data), "--init-weights", str(weights), "--output", str(output)]
    return ["classifier", *paths, "--device", "cpu", "--workers", "0", *more]


def start(
    *command: str, environment: Mapping[str, str] = MappingProxyType({}), **options
) -> subprocess.Popen:
    """`python …` as a process of its own, with stdout and stderr as text to read."""
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        env=clean_environment(**environment),
        text=True,
    )


def wait_for(stream, text: str) -> None:
    """Read `stream`, whose progress bars end in a carriage return, until `text` was in it."""
    seen = ""
    while text not in seen:
        character = stream.read(1)
        assert character, f"it ended before it said {text!r}:\n{seen}"
        seen += character


def same_weights(one: Path, two: Path) -> bool:
    first, second = read_run(one).weights, read_run(two).weights
    return all(torch.equal(value, second[name]) for name, value in first.items())


def test_a_training_as_it_is_typed(few, initial_weights, tmp_path):
    output = tmp_path / "run"
    process = start("train.py", *arguments(few, initial_weights, output))
    told, progress = process.communicate(timeout=120)
    assert process.returncode == 0, progress
    lines = told.splitlines()
    assert lines[0] == "8 pictures to learn from, 2 to be judged by, 2 classes: blue, red"
    metrics = json.loads((output / "metrics.json").read_text())
    head, found = metrics["head"], metrics["out_of_fold"]
    assert lines[2] == (
        f"chosen by 4 folds: {head['look']}, {head['from_imagenet']:.0%} from ImageNet's rows, "
        f"{found['correct']} of 8 right out of fold, NLL {found['nll']:.3f}"
    )
    assert lines[3].startswith(f"val: {metrics['val_correct']} of 2 right, NLL ")
    assert lines[4].endswith(f"python app.py --classifier {output}")
    assert len(lines) == 5
    assert "features" in progress
    assert "Traceback" not in progress
    assert [each.name for each in tmp_path.iterdir()] == ["run"]


def test_a_training_on_a_dataset_of_the_hub(few, initial_weights, tmp_path):
    files = {file.relative_to(few).as_posix(): file.read_bytes() for file in few.rglob("*.png")}
    output = tmp_path / "run"
    with HubServer() as hub:
        commit = hub.add("datasets/me/photos", {**files, "README.md": b"# Photos"})
        place = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "home")}
        command = arguments("me/photos", initial_weights, output)
        process = start("train.py", *command, environment={**place, "HF_HUB_DISABLE_XET": "1"})
        told, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert told.splitlines()[:2] == [
        f"me/photos@{commit}: 10 pictures, 1 MB",
        "8 pictures to learn from, 2 to be judged by, 2 classes: blue, red",
    ]
    metrics = json.loads((output / "metrics.json").read_text())
    assert (metrics["data"], metrics["data_commit"]) == ("me/photos", commit)
    assert metrics["skipped"] == []
    card = (output / "README.md").read_text()
    matter = ModelCard(card).data
    assert matter.datasets == ["imagenet-1k", "me/photos"]
    for result in matter.eval_results:
        assert (result.dataset_type, result.dataset_revision) == ("me/photos", commit)
    assert f"“me/photos” on the Hub, commit {commit}: 8 pictures to learn from" in card


def test_help_is_complete_and_quick(capsys):
    for command in ([], ["classifier"], ["regressor"]):
        with pytest.raises(SystemExit) as caught:
            train.main([*command, "--help"])
        assert caught.value.code == 0
    told = capsys.readouterr().out
    for option in (
        *("--data", "--init-weights", "--output", "--epochs", "--batch-size", "--learning-rate"),
        *("--train-body", "--seed", "--device", "--workers", "--half", "--resume"),
    ):
        assert option in told
    code = (
        "import sys, train; train.parse_arguments(['regressor']); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ([], "COMMAND"),
        (["cat"], "cat"),
        (["classifier", "--epochs", "0"], "--epochs: 0 is not 1 or more"),
        (["classifier", "--batch-size", "-1"], "--batch-size"),
        (["classifier", "--learning-rate", "0"], "--learning-rate: 0 is not above 0"),
        (["classifier", "--learning-rate", "nan"], "--learning-rate"),
        (["regressor", "--learning-rate", "-0.1"], "--learning-rate"),
        (["classifier", "--workers", "-1"], "--workers: -1 is not 0 or more"),
        (["classifier", "--seed", "-1"], "--seed: -1 is not 0 or more"),
        (["classifier", "--seed", "x"], "--seed"),
    ],
    ids=str,
)
def test_wrong_options_are_named(wrong, named, capsys):
    with pytest.raises(SystemExit) as caught:
        train.main(wrong)
    assert caught.value.code == 2
    assert named in capsys.readouterr().err


def test_the_largest_seed_works(few, initial_weights, tmp_path):
    options = ("--seed", str(2**32 - 1))
    assert train.main(arguments(few, initial_weights, tmp_path / "run", *options)) == 0


def fails(capsys, tmp_path, command: list[str], *named: str) -> str:
    """Assert that `command` ends with status 2 and one line that names `named`, leaving nothing
    in `tmp_path / "out"`; the line."""
    assert train.main(command) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("train.py: ")
    for text in named:
        assert text in line
    out = tmp_path / "out"
    assert not out.exists() or list(out.iterdir()) == []
    return line


def cut_picture(bad: Path) -> None:
    bad.write_bytes(bad.read_bytes()[:3000])


def class_of_one_picture(data: Path) -> None:
    for number in (1, 2, 3):
        (data / "train" / "red" / f"{number}.png").unlink()


def class_in_val_alone(data: Path) -> None:
    (data / "val" / "green").mkdir()
    make_picture(0, 2, 0).save(data / "val" / "green" / "0.png")


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (
            lambda data: cut_picture(data / "train" / "red" / "0.png"),
            ["train/red/0.png: The picture is damaged"],
        ),
        (
            lambda data: cut_picture(data / "val" / "red" / "0.png"),
            ["val/red/0.png: The picture is damaged"],
        ),
        (
            lambda data: (data / "train" / "blue" / "fake.jpg").write_text("<html>404</html>"),
            ["train/blue/fake.jpg"],
        ),
        (lambda data: (data / "train" / "green").mkdir(), ["train/green", "holds no picture"]),
        (lambda data: shutil.rmtree(data / "train" / "red"), ["two at least; it has 1"]),
        (class_of_one_picture, ["train/red holds 1 of the 2 pictures"]),
        (class_in_val_alone, ["green"]),
        (shutil.rmtree, ["data"]),
    ],
    ids=[
        *("train picture cut", "val picture cut", "fake picture", "empty class", "one class"),
        *("class of one picture", "class in val alone", "no folder"),
    ],
)
def test_data_that_cannot_be(few, initial_weights, tmp_path, capsys, spoil, named):
    data = shutil.copytree(few, tmp_path / "in" / "data")
    spoil(data)
    fails(capsys, tmp_path, arguments(data, initial_weights, tmp_path / "out" / "run"), *named)


def test_missing_weights(few, tmp_path, capsys):
    command = arguments(few, tmp_path / "none.pth", tmp_path / "out" / "run")
    fails(capsys, tmp_path, command, "--init-weights", "none.pth")


class Payload:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return (exec, (f"open({str(self.target)!r}, 'w').close()",))


def test_weights_with_a_payload_do_not_run_it(few, tmp_path, capsys):
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Payload(tmp_path / "it-ran")))
    command = arguments(few, tmp_path / "evil.pth", tmp_path / "out" / "run")
    fails(capsys, tmp_path, command, "evil.pth")
    assert not (tmp_path / "it-ran").exists()


def test_weights_of_another_network(few, tmp_path, capsys):
    torch.save({"fc.weight": torch.ones(2, 2)}, tmp_path / "other.pth")
    command = arguments(few, tmp_path / "other.pth", tmp_path / "out" / "run")
    fails(capsys, tmp_path, command, "other.pth", "resnet18")


def test_a_device_that_is_not_there(few, initial_weights, tmp_path, capsys):
    command = arguments(few, initial_weights, tmp_path / "out" / "run", "--device", "xyz")
    fails(capsys, tmp_path, command, "'xyz'", "cpu")


def test_output_in_the_way(few, initial_weights, tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").write_bytes(b"me")
    for output in (tmp_path / "photos", tmp_path / "photos" / "me.jpg"):
        fails(capsys, tmp_path, arguments(few, initial_weights, output), "is left alone")
    assert [each.name for each in (tmp_path / "photos").iterdir()] == ["me.jpg"]
    assert (tmp_path / "photos" / "me.jpg").read_bytes() == b"me"


def test_output_that_cannot_be_written(few, initial_weights, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for output in ("/proc/run", tmp_path / "file" / "run"):
        fails(capsys, tmp_path, arguments(few, initial_weights, output), "Cannot write to")


@pytest.mark.parametrize(
    ("option", "reason"),
    [("ro", "read-only file system"), ("size=8m", "no space left on the disk")],
)
def test_disks_that_take_nothing(few, initial_weights, tmp_path, capsys, mount, option, reason):
    command = arguments(few, initial_weights, mount(option) / "run")
    fails(capsys, tmp_path, command, "Cannot write to", reason)


@pytest.mark.slow  # (test_field.py has one of no data)
def test_an_error_is_one_line_of_the_real_process(few, tmp_path):
    process = start("train.py", *arguments(few, tmp_path / "none.pth", tmp_path / "run"))
    told, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert len(errors.splitlines()) == 1
    assert "Traceback" not in told + errors
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_leaves_a_run_folder_and_says_so(few, initial_weights, tmp_path):
    output = tmp_path / "run"
    options = ("--train-body", "--epochs", "9", "--batch-size", "4")
    process = start("train.py", *arguments(few, initial_weights, output, *options))
    wait_for(process.stderr, "epoch 2/9")
    process.send_signal(signal.SIGINT)
    told, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert "Interrupted after" in told
    assert f"Saved in {output}." in told
    metrics = json.loads((output / "metrics.json").read_text())
    assert metrics["interrupted"] is True
    assert metrics["history"] == []  # in a fold: there is the frozen body's head
    answer = Classifier.load(output, Origin("run"), "cpu")(make_picture(0, 2, 5))
    assert answer.label in ("blue", "red")


def test_ctrl_c_before_there_is_a_model(few, initial_weights, tmp_path):
    process = start("train.py", *arguments(few, initial_weights, tmp_path / "run"))
    wait_for(process.stdout, "pictures to learn from")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "train.py: interrupted before there was a model to save"
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "pause", [0.0, 0.1, *(pytest.param(each, marks=pytest.mark.slow) for each in (0.02, 0.4))]
)
def test_ctrl_c_twice_says_no_more_than_once(few, initial_weights, tmp_path, pause):
    process = start("train.py", *arguments(few, initial_weights, tmp_path / "run"))
    wait_for(process.stdout, "pictures to learn from")
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(pause)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in errors
    assert "ignored" not in errors


@pytest.mark.parametrize(
    ("moment", "status"),
    [pytest.param("2 pictures of", 130, marks=pytest.mark.slow), ("evaluating:   1%", 0)],
    ids=["early", "late"],
)
def test_ctrl_c_in_an_evaluation(trained, tmp_path, moment, status):
    data, output = make_data(tmp_path / "data", train=0, val=1), tmp_path / "report"
    for number in range(1500):
        (data / "val" / "red" / f"again{number}.png").symlink_to(data / "val" / "red" / "0.png")
    command = ["evaluate", str(trained), "--data", str(data), "--output", str(output)]
    process = start("train.py", *command, "--device", "cpu")
    wait_for(process.stderr if "%" in moment else process.stdout, moment)
    process.send_signal(signal.SIGINT)
    told, errors = process.communicate(timeout=60)
    assert process.returncode == status, errors
    assert "Traceback" not in errors
    if status:
        assert errors.endswith("train.py: interrupted before there was a report to save\n")
        assert not output.exists()
    else:
        assert told.splitlines()[1].startswith("Stopped early: a random ")
        assert 8 <= json.loads((output / "evaluation.json").read_text())["total"] < 1502


@pytest.mark.parametrize(
    ("options", "moments"),
    [
        ((), ("features", "the head, by cross-validation")),
        pytest.param(
            ("--epochs", "1", "--train-body", "--batch-size", "4"),
            ("fold 2 of 2",),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["head", "body"],
)
def test_killed_and_resumed_ends_with_the_same_weights(
    few, initial_weights, tmp_path, options, moments
):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert train.main(arguments(few, initial_weights, whole, *options)) == 0
    command = arguments(few, initial_weights, broken, *options, "--resume")
    for moment in moments:
        process = start("train.py", *command, stderr=subprocess.STDOUT)
        wait_for(process.stdout, moment)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not broken.exists()
    assert train.main(command) == 0
    assert same_weights(whole, broken)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["broken", "whole"]
