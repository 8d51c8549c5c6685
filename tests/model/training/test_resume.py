from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace

import pytest
import torch
from PIL import Image

from model.run.checkpoint import BrokenCheckpoint, Checkpoint, CheckpointInTheWay, OtherRun
from model.run.folder import read_json, read_run
from model.run.progress import Silence
from model.training.features import LOOKS
from model.training.recipe import train_classifier
from model.training.settings import ClassifierSettings
from tests.model.training.test_distributed import run_together
from tests.pictures import make_data, make_picture

HEAD = ClassifierSettings(folds=2, device="cpu", workers=0)
BODY = replace(HEAD, epochs=2, train_body="always", batch_size=4)


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Two classes of four pictures and one for val."""
    return make_data(tmp_path_factory.mktemp("few") / "data", train=4, val=1)


class Killed(BaseException):
    """What no handler expects, as SIGKILL is not expected."""


class KillAt(Silence):
    """Ends the run when the bar with this number is begun, counting from 0."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.titles: list[str] = []

    def bar(self, title: str, total: int) -> Silence:
        self.titles.append(title)
        self.left -= 1
        if self.left < 0:
            raise Killed
        return self


def weights_of(folder) -> dict[str, torch.Tensor]:
    run = read_run(folder)
    return {**run.weights, **run.tensors["known.safetensors"]}


def same(one, two) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(
    ("settings", "kills"),
    [
        (HEAD, [("features", 0), ("features", 1), ("features", 0)]),  # the last two are val's
        pytest.param(
            BODY,
            [
                ("epoch 2/2", 2),  # after the features: in fold 1
                ("features", 1),  # the fold is being judged
                ("epoch 2/2", 3),  # in fold 2
                ("epoch 2/2", 12),  # of all pictures, after the two bold folds
                ("features", 2),  # val's
            ],
            marks=pytest.mark.slow,
        ),
    ],
    ids=["head", "body"],
)
def test_killed_again_and_again_it_goes_on_bit_for_bit(
    settings, kills, few, initial_weights, tmp_path
):
    """Each run is killed when so many bars are done, in the one of this title."""
    whole = train_classifier(settings, few, tmp_path / "whole", init_weights=initial_weights)
    options = {"init_weights": initial_weights, "resume": True}
    for title, number in kills:
        reporter = KillAt(number)
        with pytest.raises(Killed):
            train_classifier(settings, few, tmp_path / "broken", **options, reporter=reporter)
        assert reporter.titles[-1] == title
        assert not (tmp_path / "broken").exists()
    done = train_classifier(settings, few, tmp_path / "broken", **options)
    assert same(weights_of(tmp_path / "whole"), weights_of(tmp_path / "broken"))
    for figures in ("head", "cross_validation", "history", "out_of_fold", "val", "known"):
        assert done[figures] == whole[figures], figures
    assert sorted(each.name for each in tmp_path.iterdir()) == ["broken", "whole"]


@pytest.fixture(scope="module")
def broken_off(few, initial_weights, tmp_path_factory):
    """What a run of BODY left that was killed in the second epoch of its first fold."""
    folder = tmp_path_factory.mktemp("broken-off")
    with pytest.raises(Killed):
        train_classifier(
            BODY, few, folder / "run", init_weights=initial_weights, reporter=KillAt(2)
        )
    return folder


@pytest.fixture
def left(broken_off, tmp_path):
    return shutil.copytree(broken_off, tmp_path / "left") / "run"


def test_it_leaves_whole_checkpoints_of_what_was_done(left):
    names = sorted(each.name for each in left.parent.iterdir())
    assert names == ["run.body.pt", "run.features.pt"]
    saved = torch.load(io.BytesIO(left.with_name("run.body.pt").read_bytes()[58:]))
    assert [epoch["epoch"] for epoch in saved["state"]["training"]["history"]] == [1]
    saved = torch.load(io.BytesIO(left.with_name("run.features.pt").read_bytes()[58:]))
    features, windows = saved["state"]["seen"]
    assert (features.shape, windows.shape) == ((8, 2 * len(LOOKS), 512), (8, 26, 512))


@pytest.mark.parametrize("resume", [True, False])
def test_resumed_it_does_the_rest_only(few, initial_weights, tmp_path, resume):
    """With more threads, too: they are no other settings. And without --resume all of it."""
    output, options = tmp_path / "run", {"init_weights": initial_weights}
    with pytest.raises(Killed):
        train_classifier(HEAD, few, output, **options, reporter=KillAt(1))
    assert [each.name for each in tmp_path.iterdir()] == ["run.features.pt"]
    reporter, settings = KillAt(100), replace(HEAD, workers=3)
    train_classifier(settings, few, output, **options, resume=resume, reporter=reporter)
    assert reporter.titles == ["features"] * (1 if resume else 2)  # the last is val's
    assert [each.name for each in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("name", ["run.body.pt", "run.features.pt"])
@pytest.mark.parametrize("keep", [0.0, 0.5, 0.999])
def test_a_cut_checkpoint_is_not_loaded(left, few, initial_weights, name, keep):
    path = left.with_name(name)
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with pytest.raises((CheckpointInTheWay, BrokenCheckpoint), match=name):
        train_classifier(BODY, few, left, init_weights=initial_weights, resume=True)
    assert path.exists()
    assert not left.exists()


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("name", ["run.body.pt", "run.features.pt"])
def test_another_programs_file_is_left_alone(few, initial_weights, tmp_path, name, resume):
    (tmp_path / name).write_text("a thesis")
    reporter = KillAt(100)
    with pytest.raises((CheckpointInTheWay, BrokenCheckpoint), match=name):
        train_classifier(
            HEAD,
            few,
            tmp_path / "run",
            init_weights=initial_weights,
            resume=resume,
            reporter=reporter,
        )
    assert reporter.titles == []
    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "a thesis"


def test_a_regressors_checkpoint_is_another_runs(few, initial_weights, tmp_path):
    saved = Checkpoint(tmp_path / "run", {"kind": "regressor"}, name="features")
    saved.save({"history": []})
    with pytest.raises(OtherRun, match="kind regressor, not classifier"):
        train_classifier(HEAD, few, tmp_path / "run", init_weights=initial_weights, resume=True)
    assert saved.load() == {"history": []}


@pytest.mark.slow
def test_lost_features_are_computed_again(left, few, initial_weights, tmp_path):
    left.with_name("run.features.pt").unlink()
    train_classifier(BODY, few, left, init_weights=initial_weights, resume=True)
    train_classifier(BODY, few, tmp_path / "whole", init_weights=initial_weights)
    assert same(weights_of(left), weights_of(tmp_path / "whole"))


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"epochs": 5},
        {"batch_size": 8},
        {"learning_rate": 0.1},
        {"half": True},
        {"train_body": "never"},
    ],
    ids=str,
)
def test_other_settings_do_not_go_on(left, few, initial_weights, change):
    with pytest.raises(OtherRun, match="--resume"):
        train_classifier(
            replace(BODY, **change), few, left, init_weights=initial_weights, resume=True
        )
    assert left.with_name("run.body.pt").exists()


def test_other_pictures_or_weights_do_not_go_on(left, few, initial_weights, tmp_path):
    more = shutil.copytree(few, tmp_path / "more")
    make_picture(0, 2, 99).save(more / "train" / "red" / "new.png")
    with pytest.raises(OtherRun):
        train_classifier(BODY, more, left, init_weights=initial_weights, resume=True)
    weights = torch.load(initial_weights, weights_only=True)
    weights["fc.bias"] = weights["fc.bias"] + 1
    torch.save(weights, tmp_path / "other.pth")
    with pytest.raises(OtherRun):
        train_classifier(BODY, few, left, init_weights=tmp_path / "other.pth", resume=True)


@pytest.mark.parametrize("part", ["train", "val"])
def test_a_changed_picture_of_the_same_name_and_size_does_not_go_on(
    left, few, initial_weights, tmp_path, part
):
    data = shutil.copytree(few, tmp_path / "data")
    path = data / part / "red" / "0.png"
    size = path.stat().st_size
    Image.new("RGB", (8, 8)).save(path)
    path.write_bytes(path.read_bytes().ljust(size, b"\0"))  # readers stop at a PNG's end
    with pytest.raises(OtherRun, match="pictures"):
        train_classifier(BODY, data, left, init_weights=initial_weights, resume=True)
    assert left.with_name("run.body.pt").exists()


ONE = replace(BODY, epochs=1)
GO_ON = """
import sys
from pathlib import Path
from model.training.recipe import train_classifier
from tests.model.training.test_resume import ONE
data, output, weights = map(Path, sys.argv[1:])
train_classifier(ONE, data, output, init_weights=weights, resume=True)
"""


@pytest.mark.slow
def test_another_number_of_processes_goes_on(few, initial_weights, tmp_path):
    """Begun by one and killed after the first fold, ended by two: the same but for rounding."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    one = train_classifier(ONE, few, whole, init_weights=initial_weights)
    options = {"init_weights": initial_weights, "reporter": KillAt(4)}
    with pytest.raises(Killed):
        train_classifier(ONE, few, broken, **options)
    run_together(2, GO_ON, str(few), str(broken), str(initial_weights))
    two = read_json(broken / "metrics.json")
    assert (one["processes"], two["processes"]) == (1, 2)
    assert two["head"] == json.loads(json.dumps(one["head"]))
    for before, after in zip(one["history"], two["history"], strict=True):
        assert after["loss"] == pytest.approx(before["loss"], abs=0.02)
    assert two["out_of_fold"]["nll"] == pytest.approx(one["out_of_fold"]["nll"], abs=0.02)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["broken", "whole"]


def test_resume_with_nothing_to_go_on_from_begins(few, initial_weights, tmp_path):
    output = tmp_path / "run"
    metrics = train_classifier(HEAD, few, output, init_weights=initial_weights, resume=True)
    assert metrics["val_total"] == 2
