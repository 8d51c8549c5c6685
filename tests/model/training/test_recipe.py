from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from dataclasses import replace

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from torchvision.models import resnet18

from model.classifier.classifier import Classifier
from model.classifier.preprocessing import Preprocessing
from model.images.errors import TooFewPictures
from model.images.folder import read_folder
from model.images.loader import load_picture
from model.run.folder import OutputInTheWay, OutputNotWritable, UselessRun, read_json, read_run
from model.run.origin import Origin
from model.run.progress import Silence
from model.training.body import BOLDNESS
from model.training.calibration import wilson_interval
from model.training.cross_validation import STRENGTHS
from model.training.features import LOOKS
from model.training.initial_weights import IMAGENET_CLASSES
from model.training.loop import Diverged
from model.training.recipe import train_classifier
from model.training.settings import ClassifierSettings
from tests.pictures import make_data, make_picture

SHORT = ClassifierSettings(folds=2, device="cpu", workers=0)
BODY = replace(SHORT, train_body="always", epochs=2, batch_size=4)
FILES = [
    "README.md",
    "config.json",
    "curves.png",
    "known.safetensors",
    "metrics.json",
    "model.safetensors",
    "reliability.png",
]


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Two classes of four pictures, and two each for val."""
    return make_data(tmp_path_factory.mktemp("few") / "data", train=4, val=2)


@pytest.fixture(scope="module")
def metrics(trained) -> dict:
    return read_json(trained / "metrics.json")


def answers_of(folder, data):
    """What the served classifier says of the val pictures, and their labels."""
    classifier = Classifier.load(folder, Origin("x"), "cpu")
    val = read_folder(data, seed=0).val
    return [classifier(load_picture(each.path)) for each in val], [each.label for each in val]


def assert_figures_are_the_served_ones(folder, data):
    """metrics.json says of val what anyone finds who loads the run folder."""
    metrics = read_json(folder / "metrics.json")
    answers, labels = answers_of(folder, data)
    names = list(metrics["classes"])
    right = [answer.label == names[k] for answer, k in zip(answers, labels, strict=True)]
    own = [answer.probabilities[names[k]] for answer, k in zip(answers, labels, strict=True)]
    assert metrics["val_correct"] == sum(right)
    assert metrics["val_total"] == len(right)
    nll = -torch.tensor(own, dtype=torch.float64).log().mean().item()
    assert metrics["val"]["nll"] == pytest.approx(nll, abs=1e-3)
    assert metrics["val"]["interval"] == pytest.approx(
        list(wilson_interval(sum(right), len(right)))
    )
    for k, row in enumerate(metrics["confusion_matrix"]):
        mine = [a.label for a, label in zip(answers, labels, strict=True) if label == k]
        assert row == [mine.count(name) for name in names]
    assert metrics["known"]["val"] == Counter(answer.verdict for answer in answers)
    assert metrics["hardest_val"][0]["probability"] == pytest.approx(min(own), abs=2e-3)


def test_the_default_recipe_learns_and_tells_the_truth(trained, data, metrics):
    assert sorted(each.name for each in trained.iterdir()) == FILES
    assert_figures_are_the_served_ones(trained, data)
    assert metrics["val_correct"] >= 5
    assert metrics["out_of_fold"]["correct"] >= 10
    assert metrics["out_of_fold"]["total"] == 12


def test_metrics_hold_settings_choices_and_data(metrics, initial_weights):
    assert metrics["settings"]["seed"] == metrics["seed"] == 0
    head, tried = metrics["head"], metrics["cross_validation"]
    assert set(head) == {"look", "seen", "from_imagenet", "strengths", "temperature"}
    assert list(LOOKS)[head["seen"][0] // 2] == head["look"]
    assert tried["folds"] == 5
    for start, chosen in zip(("zero", "rows"), head["strengths"], strict=True):
        found = tried["strengths"][start]
        assert list(found) == [str(strength) for strength in STRENGTHS]
        assert found[str(chosen)] == min(found.values())
    assert set(LOOKS) < set(tried["candidates"])
    for each in tried["candidates"].values():
        assert each["total"] % 12 == 0  # of several splits
        assert each["nll"] > 0
    assert metrics["body"] is metrics["comparison"] is None
    assert metrics["history"] == []
    assert metrics["data"] == "colours"
    assert metrics["processes"] == 1
    assert metrics["interrupted"] is False
    assert metrics["device"].startswith("cpu")
    assert 0 < metrics["seconds"] < 600
    for each in metrics["classes"].values():
        assert (each["train"], each["val"]) == (6, 3)
        assert IMAGENET_CLASSES[each["imagenet_row"]] == each["imagenet_name"]
    for name in ("out_of_fold", "val"):
        diagram = metrics[f"{name}_reliability"]
        assert sum(each["count"] for each in diagram) == metrics[name]["total"]
    assert str(initial_weights.parent) not in json.dumps(metrics)


def test_the_configuration_is_all_that_preprocessing_needs(trained, metrics):
    config = read_json(trained / "config.json")
    assert config["architecture"] == "resnet18"
    assert config["label_names"] == ["blue", "red"]
    assert config["num_classes"] == 2
    assert config["temperature"] == 1  # it is in the head
    assert config["format_version"] == 2
    limits = ("known_threshold", "neither_threshold", "cosine_floor", "cosine_width")
    assert [config[name] for name in limits] == [metrics["known"][name] for name in limits]
    assert Preprocessing.from_timm(config["pretrained_cfg"]) == LOOKS[metrics["head"]["look"]]


def test_a_frozen_body_is_the_initial_one(trained, initial_weights):
    initial = torch.load(initial_weights, weights_only=True)
    run = read_run(trained)
    resnet18(num_classes=2).load_state_dict(run.weights)
    for name, value in run.weights.items():
        if not name.startswith("fc."):
            assert torch.equal(value, initial[name]), name
    # and the head for "known" is ImageNet's own
    known = run.tensors["known.safetensors"]
    assert torch.equal(known["weight"], initial["fc.weight"].half().float())


def test_where_the_classes_differ_at_the_edge_the_whole_picture_is_seen(initial_weights, tmp_path):
    """Wide pictures whose middles are all alike: squashed, they are told apart, by the app too."""
    data = make_data(tmp_path / "data", train=12, val=4, size=(240, 60))
    for number, path in enumerate(sorted(data.rglob("*.png"))):
        with Image.open(path) as picture:
            picture.paste(make_picture(0, 3, number, size=(120, 60)), (60, 0))
            picture.save(path)
    output = tmp_path / "run"
    metrics = train_classifier(SHORT, data, output, init_weights=initial_weights)
    assert metrics["head"]["look"] == "squashed"
    assert read_json(output / "config.json")["pretrained_cfg"]["crop_mode"] == "squash"
    found = metrics["cross_validation"]["candidates"]
    assert found["squashed"]["nll"] < found["middle"]["nll"] / 2
    assert metrics["val_correct"] == 8
    assert_figures_are_the_served_ones(output, data)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_files_whatever_the_threads(few, initial_weights, tmp_path):
    for name, changes in {"one": {}, "two": {"workers": 2}, "other": {"seed": 1}}.items():
        settings = replace(SHORT, **changes)
        train_classifier(settings, few, tmp_path / name, init_weights=initial_weights)
    for file in FILES:
        one, two, other = (
            (tmp_path / name / file).read_bytes() for name in ("one", "two", "other")
        )
        if file == "metrics.json":
            one, two = map(json.loads, (one, two))
            for each in (one, two):
                del each["seconds"], each["settings"]["workers"]
        if file == "README.md":
            one, two = (
                [line for line in text.splitlines() if b" s on " not in line] for text in (one, two)
            )
        assert one == two, file
        if file == "metrics.json":
            assert one != other, file  # so few pictures leave little else to chance
    assert sorted(each.name for each in tmp_path.iterdir()) == ["one", "other", "two"]


def test_half_precision_files_are_what_was_measured(few, initial_weights, tmp_path):
    settings = replace(SHORT, half=True)
    train_classifier(settings, few, tmp_path / "run", init_weights=initial_weights)
    with safe_open(tmp_path / "run" / "model.safetensors", "pt") as file:
        kinds = {name: file.get_tensor(name).dtype for name in file.keys()}  # noqa: SIM118
    assert kinds["fc.weight"] == kinds["bn1.running_var"] == torch.float16
    assert kinds["bn1.num_batches_tracked"] == torch.int64
    assert (tmp_path / "run" / "model.safetensors").stat().st_size < 23_000_000
    assert_figures_are_the_served_ones(tmp_path / "run", few)


def test_any_classes_with_any_names_and_no_val_folder(initial_weights, tmp_path):
    names = ("蚂蚁", "naïve bee", "осa 🐝")
    make_data(tmp_path / "data", names, train=5, val=0)
    (tmp_path / "data" / "train").rename(tmp_path / "flat")
    output = tmp_path / "run"
    metrics = train_classifier(SHORT, tmp_path / "flat", output, init_weights=initial_weights)
    assert metrics["val_total"] == 3
    assert metrics["out_of_fold"]["total"] == 12
    classifier = Classifier.load(output, Origin("x"), "cpu")
    assert set(classifier.classes) == set(names)
    answers = [classifier(make_picture(kind, 3, 90 + n)) for kind in range(3) for n in range(3)]
    right = [answer.label == names[number // 3] for number, answer in enumerate(answers)]
    assert sum(right) >= 6
    assert "осa 🐝" in (output / "README.md").read_text(encoding="utf-8")


def test_placeholders_are_left_out_and_named(few, initial_weights, tmp_path, caplog):
    make_data(tmp_path / "data", train=3, val=1)
    make_picture(0, 2, 0).save(tmp_path / "data" / "train" / "red" / "imageNotFound.gif")
    metrics = train_classifier(
        SHORT, tmp_path / "data", tmp_path / "run", init_weights=initial_weights
    )
    assert metrics["skipped"] == ["train/red/imageNotFound.gif"]
    assert metrics["classes"]["red"]["train"] == 3
    assert "imageNotFound.gif" in caplog.text


@pytest.mark.slow
def test_the_whole_network_learns(few, initial_weights, tmp_path):
    metrics = train_classifier(BODY, few, tmp_path / "run", init_weights=initial_weights)
    initial = torch.load(initial_weights, weights_only=True)
    weights = read_run(tmp_path / "run").weights
    for name, value in weights.items():
        if "running" in name or "num_batches" in name:
            kept = "num_batches" in name or not metrics["body"]["new_statistics"]
            assert torch.equal(value, initial[name]) == kept, name
        elif not name.startswith("fc."):
            assert not torch.equal(value, initial[name]), name
    assert [epoch["epoch"] for epoch in metrics["history"]] == [1, 2]
    assert metrics["body"]["epochs"] == 2
    assert metrics["comparison"]["tuned"] is True
    assert metrics["comparison"]["splits"] == 1
    assert_figures_are_the_served_ones(tmp_path / "run", few)
    assert [each.name for each in tmp_path.iterdir()] == ["run"]


class InterruptAt(Silence):
    """Ctrl-C in the bar of this title, once."""

    def __init__(self, title: str) -> None:
        self.title, self.lines = title, []

    def line(self, text: str) -> None:
        self.lines.append(text)

    def bar(self, title: str, total: int) -> Silence:
        if title == self.title:
            self.title = ""
            raise KeyboardInterrupt
        return self


def test_ctrl_c_in_a_fold_of_the_body_leaves_the_frozen_one(few, initial_weights, tmp_path):
    output, reporter = tmp_path / "run", InterruptAt("epoch 2/2")
    metrics = train_classifier(BODY, few, output, init_weights=initial_weights, reporter=reporter)
    assert metrics["interrupted"] is True
    assert "**Interrupted**" in (output / "README.md").read_text()
    assert any(line.startswith("Interrupted after 1 of") for line in reporter.lines)
    assert_figures_are_the_served_ones(output, few)
    assert metrics["history"] == []
    assert output.with_name("run.body.pt").exists()


@pytest.mark.slow
def test_resume_finishes_what_ctrl_c_ended(few, initial_weights, tmp_path):
    settings, output = replace(BODY, epochs=1), tmp_path / "run"
    reporter = InterruptAt("epoch 1/1")
    train_classifier(settings, few, output, init_weights=initial_weights, reporter=reporter)
    resumed = train_classifier(settings, few, output, init_weights=initial_weights, resume=True)
    whole = tmp_path / "whole"
    train_classifier(settings, few, whole, init_weights=initial_weights)
    weights, expected = (read_run(folder).weights for folder in (output, whole))
    assert resumed["interrupted"] is False
    assert all(torch.equal(value, expected[name]) for name, value in weights.items())
    assert sorted(each.name for each in tmp_path.iterdir()) == ["run", "whole"]


def test_ctrl_c_before_there_is_a_head_leaves_nothing(few, initial_weights, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train_classifier(
            SHORT,
            few,
            tmp_path / "run",
            init_weights=initial_weights,
            reporter=InterruptAt("features"),
        )
    assert list(tmp_path.iterdir()) == []


def test_one_picture_of_a_class_is_too_few(initial_weights, tmp_path):
    make_data(tmp_path / "data", train=3, val=1)
    for number in (1, 2):
        (tmp_path / "data" / "train" / "red" / f"{number}.png").unlink()
    with pytest.raises(TooFewPictures, match="red"):
        train_classifier(SHORT, tmp_path / "data", tmp_path / "run", init_weights=initial_weights)
    assert [each.name for each in tmp_path.iterdir()] == ["data"]


def test_two_pictures_a_class_are_enough(initial_weights, tmp_path):
    make_data(tmp_path / "data", train=2, val=1)
    settings = replace(SHORT, folds=5)
    metrics = train_classifier(
        settings, tmp_path / "data", tmp_path / "run", init_weights=initial_weights
    )
    assert metrics["out_of_fold"]["total"] == 4
    assert metrics["cross_validation"]["folds"] == 2


def test_a_loss_that_is_no_number_is_said(few, initial_weights, tmp_path):
    settings = replace(BODY, learning_rate=100.0)
    with pytest.raises(Diverged, match="--learning-rate"):
        train_classifier(settings, few, tmp_path / "run", init_weights=initial_weights)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_the_app_would_refuse_is_not_written(few, initial_weights, tmp_path):
    weights = torch.load(initial_weights, weights_only=True)
    weights["bn1.running_var"] -= 2  # the square root of which is no number
    torch.save(weights, tmp_path / "odd.pth")
    with pytest.raises(UselessRun):
        train_classifier(SHORT, few, tmp_path / "run", init_weights=tmp_path / "odd.pth")
    assert [each.name for each in tmp_path.iterdir()] == ["odd.pth"]


def test_photos_in_the_way_are_left_alone(few, initial_weights):
    with pytest.raises(OutputInTheWay):
        train_classifier(SHORT, few, few, init_weights=initial_weights)
    assert (few / "train" / "red" / "0.png").exists()


@pytest.fixture(params=[40_000, 4_000_000], ids=["no room for a checkpoint", "none for the model"])
def small_disk(request, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={request.param}", "tmpfs", str(disk)]
    if os.name != "posix" or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_said_and_nothing_stays_on_it(small_disk, few, initial_weights):
    with pytest.raises(OutputNotWritable, match="no space left"):
        train_classifier(SHORT, few, small_disk / "run", init_weights=initial_weights)
    assert list(small_disk.iterdir()) == []


@pytest.mark.slow
def test_a_long_training_keeps_its_checkpoint_when_the_disk_is_full(
    few, initial_weights, tmp_path, monkeypatch
):
    settings = replace(BODY, epochs=1)

    def full(output, run):
        raise OutputNotWritable(folder=output, reason="there is no space left on the disk")

    with monkeypatch.context() as patch:
        patch.setattr("model.training.recipe.write_run", full)
        with pytest.raises(OutputNotWritable):
            train_classifier(settings, few, tmp_path / "run", init_weights=initial_weights)
    assert (tmp_path / "run.body.pt").exists()


@pytest.mark.parametrize("mirrored", [False, True])
def test_given_settings_are_the_bodys(mirrored):
    given = {"epochs": 7, "learning_rate": 0.5, "batch_size": 3, "seed": 4, "device": "cpu"}
    for each in ClassifierSettings(**given).bodies(mirrored).values():
        assert (each.epochs, each.learning_rate, each.batch_size, each.seed) == (7, 0.5, 3, 4)
        assert each.batches == 0, "so many epochs and no more"
        assert each.mirrored is mirrored
    for name, each in ClassifierSettings(workers=5).bodies(mirrored).items():
        assert each == replace(BOLDNESS[name], mirrored=mirrored, workers=5)
