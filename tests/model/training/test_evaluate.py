"""`train.py evaluate` on real runs and real pictures, its figures against scikit-learn's."""

from __future__ import annotations

import io
import json
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from PIL import Image
from sklearn.metrics import log_loss, roc_auc_score

import train
from model.classifier.classifier import Classifier
from model.hub.errors import HubUnavailable
from model.hub.source import HubSettings
from model.images.errors import SplitTwice
from model.images.folder import Picture
from model.images.loader import load_picture
from model.run.folder import ForeignFiles, OutputInTheWay, OutputOfOtherKind, read_json
from model.run.origin import Origin
from model.run.progress import Silence
from model.training.contact_sheet import COLUMNS, LINE, MARGIN, SIDE, draw_contact_sheet
from model.training.evaluate import evaluate
from model.training.evaluation import auroc
from model.training.evaluation_folder import (
    NoneReadable,
    NoPictures,
    NoSuchFolder,
    OtherClasses,
    WrongClasses,
    read_evaluation_folder,
)
from model.training.evaluation_report import Judged, describe_report, make_report
from tests.conftest import ROOT
from tests.hub_server import HubServer
from tests.pictures import make_data, make_picture

SHARED = ROOT.parent / "shared"
BUNDLED = ROOT / "model" / "weights" / "ants_bees"
CLASSES = ("blue", "red")


@pytest.fixture
def folder(data: Path, tmp_path: Path) -> Path:
    """The pictures of `data`, with others than blue and red ones beside them; to be changed."""
    copied = Path(shutil.copytree(data, tmp_path / "pictures"))
    (copied / "other").mkdir()
    for number in range(5):
        make_picture(1, 4, number, (90, 70)).save(copied / "other" / f"{number}.png")
    return copied


class Lines(Silence):
    """Keeps what is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def line(self, text: str) -> None:
        self.told.append(text)


class Impatient(Lines):
    """Presses Ctrl-C after so many batches."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.batches = batches

    def advance(self, steps: int) -> None:
        self.batches -= 1
        if self.batches == 0:
            raise KeyboardInterrupt


def answers(run: Path, files: list[Path]) -> list:
    classifier = Classifier.load(run, Origin("run"), "cpu")
    return [classifier(load_picture(file)) for file in files]


@pytest.mark.slow
def test_the_bundled_model_on_the_val_split_of_ants_and_bees(tmp_path, capsys):
    if not (SHARED / "hymenoptera_data").is_dir():
        pytest.skip("the photos are not on this computer")
    data, output = tmp_path / "photos", tmp_path / "report"
    data.mkdir()
    (data / "val").symlink_to(SHARED / "hymenoptera_data" / "val")
    (data / "other").mkdir()
    for file in sorted((SHARED / "caltech101_other" / "far").rglob("*.jpg"))[::8]:
        (data / "other" / f"{file.parent.name}-{file.name}").symlink_to(file)
    options = ["--data", str(data), "--output", str(output), "--device", "cpu"]
    assert train.main(["evaluate", str(BUNDLED), *options]) == 0
    report, told = read_json(output / "evaluation.json"), capsys.readouterr().out
    assert (report["correct"], report["total"], report["partial"]) == (149, 153, False)
    assert report["interval"] == pytest.approx([0.9347, 0.9898], abs=1e-4)
    assert report["nll"] == pytest.approx(0.0666, abs=0.002)
    assert report["other"]["auroc"] > 0.95
    assert sum(report["verdicts"].values()) == 153
    assert report["confusion_matrix"] == [[69, 1], [3, 80]]
    assert report["worst"][0]["file"] == "val/ants/119785936_dd428e40c3.jpg"
    assert "149 of 153 (97.4%)" in told
    assert "3 × bees taken for ants" in told
    with Image.open(output / "worst.png") as sheet:
        assert sheet.size[1] == MARGIN + 4 * (SIDE + LINE + MARGIN)


def test_figures_are_those_of_the_answers_one_by_one(trained, folder, tmp_path):
    report = evaluate(str(trained), folder, tmp_path / "report", device="cpu")
    assert report == read_json(tmp_path / "report" / "evaluation.json")
    files = [(kind, file) for kind in CLASSES for file in sorted((folder / "val" / kind).iterdir())]
    said = answers(trained, [file for _, file in files])
    strange = answers(trained, sorted((folder / "other").iterdir()))
    labels = [kind for kind, _ in files]
    matrix = np.array([[each.probabilities[kind] for kind in CLASSES] for each in said])
    matrix /= matrix.sum(axis=1, keepdims=True)  # of single precision
    own = [each.probabilities[label] for each, label in zip(said, labels, strict=True)]
    assert report["nll"] == pytest.approx(log_loss(labels, matrix, labels=CLASSES), abs=1e-4)
    right = [each.label == label for each, label in zip(said, labels, strict=True)]
    assert (report["correct"], report["total"]) == (sum(right), 6)
    truth = [1] * len(said) + [0] * len(strange)
    scores = [each.known_score for each in (*said, *strange)]
    assert report["other"]["auroc"] == pytest.approx(roc_auc_score(truth, scores), abs=1e-9)
    for counts, part in ((report["verdicts"], said), (report["other"]["verdicts"], strange)):
        assert counts["known"] == sum(each.verdict == "known" for each in part)
        assert counts["neither"] == sum(each.verdict == "neither" for each in part)
    worst = report["worst"]
    assert [each["probability"] for each in worst] == pytest.approx(sorted(own), abs=1e-4)
    assert {each["file"] for each in worst} == {f"val/{kind}/{file.name}" for kind, file in files}


@pytest.mark.parametrize("seed", range(4))
def test_auroc_against_scikit_learn(seed):
    random = np.random.default_rng(seed)
    # Rounded, so that there are ties.
    positive, negative = random.normal(1, 1, 60).round(seed), random.normal(0, 1, 45).round(seed)
    expected = roc_auc_score([1] * 60 + [0] * 45, [*positive, *negative])
    assert auroc(torch.tensor(positive), torch.tensor(negative)) == pytest.approx(expected)


def test_auroc_at_its_ends():
    low, high = torch.tensor([0.1, 0.2]), torch.tensor([0.3, 0.9, 0.4])
    assert (auroc(high, low), auroc(low, high), auroc(low, low)) == (1.0, 0.0, 0.5)


def relative(found, pictures) -> set[str]:
    return {each.path.relative_to(found.root).as_posix() for each in pictures}


def lay_out(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(b"not looked at yet")
    return root


@pytest.mark.parametrize(
    ("files", "part", "judged", "other", "left_out"),
    [
        (["a/1.jpg", "b/2.jpg"], "", {"a/1.jpg", "b/2.jpg"}, set(), []),
        (["a/1.jpg", "other/x/2.jpg"], "", {"a/1.jpg"}, {"other/x/2.jpg"}, []),
        (["train/a/1.jpg", "val/a/1.jpg"], "val", {"val/a/1.jpg"}, set(), ["train/"]),
        (
            ["Training/a/1.jpg", "Validation/a/1.jpg"],
            "Validation",
            {"Validation/a/1.jpg"},
            set(),
            ["Training/"],
        ),
        (
            ["a/1.jpg", "a/notes.txt", "b/2.png", "README"],
            "",
            {"a/1.jpg", "b/2.png"},
            set(),
            ["README", "a/notes.txt"],
        ),
        (
            ["a/.DS_Store", "a/x/1.jpg", "@eaDir/a/2.jpg"],
            "",
            {"a/x/1.jpg"},
            set(),
            ["@eaDir/", "a/.DS_Store"],
        ),
        (["test/a/1.jpg", "other/2.jpg"], "test", {"test/a/1.jpg"}, {"other/2.jpg"}, []),
        (
            ["val/b/1.jpg", "val/other/2.jpg", "test/b/3.jpg", "other/4.jpg"],
            "val",
            {"val/b/1.jpg"},
            {"val/other/2.jpg", "other/4.jpg"},
            ["test/"],
        ),
    ],
)
def test_folders_as_people_have_them(tmp_path, files, part, judged, other, left_out):
    found = read_evaluation_folder(lay_out(tmp_path, *files), ["a", "b"])
    assert found.part == part
    assert bool(found.left_out) == bool(left_out)
    assert all(name in "".join(found.left_out) for name in left_out)
    assert (relative(found, found.pictures), relative(found, found.other)) == (judged, other)
    assert all("ab"[each.label] in each.path.parts for each in found.pictures)
    assert all(each.label < 0 for each in found.other)


def test_classes_that_are_called_as_splits_are(tmp_path):
    found = read_evaluation_folder(lay_out(tmp_path, "val/1.jpg", "other/2.jpg"), ["other", "val"])
    assert relative(found, found.pictures) == {"val/1.jpg", "other/2.jpg"}
    assert (found.part, found.other, found.missing) == ("", (), ())


@pytest.mark.parametrize(
    ("files", "hint", "lines"),
    [
        (["train/a/1.jpg", "train/b/2.jpg"], "classes of the model's in .*/train: give", []),
        (["mine/a/1.jpg", "mine/b/2.jpg"], "classes of the model's in .*/mine: give", []),
        (["val/.keep", "test/a/1.jpg"], "classes of the model's in .*/test: give", ["hidden"]),
        (["1.jpg", "2.png", "x.txt"], r"folders \(2\) are of no class", ["beside the class"]),
        (["A/1.jpg", "B/2.jpg"], "Capitals alone differ: A / a, B / b", []),
        (["c/1.jpg", "a/x.psd", "other/y.txt"], "model: c", ["no picture: 2", "other holds no"]),
    ],
)
def test_a_refusal_hints_at_what_is_meant(tmp_path, caplog, files, hint, lines):
    with pytest.raises(WrongClasses, match=hint) as caught:
        read_evaluation_folder(lay_out(tmp_path, *files), ["a", "b"])
    chinese = caught.value.message("zh")
    assert all(each.message("zh") in chinese for each in caught.value.hints)
    for line in lines:
        assert any(line in message for message in caplog.messages)


def test_an_empty_folder_of_others_is_said(tmp_path):
    lay_out(tmp_path, "a/1.jpg", "other/.keep")
    told = read_evaluation_folder(tmp_path, ["a", "b"]).describe(2)
    assert told[0].endswith(": 1 picture of 1 class")
    assert told[-1] == "other holds no picture"


def test_splits_by_a_word_in_their_names(tmp_path):
    lay_out(tmp_path, *(f"{part}/{kind}/1.jpg" for part in ("trn17", "tst17") for kind in "ab"))
    found = read_evaluation_folder(tmp_path, ["a", "b"])
    assert (found.part, len(found.pictures)) == ("tst17", 2)


def test_a_class_name_in_the_other_unicode_form(tmp_path):
    name = unicodedata.normalize("NFC", "bébé")
    lay_out(tmp_path, f"{unicodedata.normalize('NFD', name)}/1.jpg")
    assert len(read_evaluation_folder(tmp_path, [name, "b"]).pictures) == 1


def test_two_folders_of_one_class_and_two_of_one_purpose(tmp_path):
    lay_out(tmp_path, "val/a/1.jpg", "val/a /2.jpg", "dev/a/1.jpg", "test/a/1.jpg")
    with pytest.raises(SplitTwice, match="dev, val"):
        read_evaluation_folder(tmp_path, ["a", "b"])
    shutil.rmtree(tmp_path / "dev")
    assert len(read_evaluation_folder(tmp_path, ["a", "b"]).pictures) == 2


def test_a_split_beside_the_classes_is_none_of_them(tmp_path):
    with pytest.raises(OtherClasses, match="Unknown to the model: test"):
        read_evaluation_folder(lay_out(tmp_path, "a/1.jpg", "test/b/2.jpg"), ["a", "b"])


def test_classes_that_are_not_the_models_are_told_one_by_one(trained, folder, tmp_path, capsys):
    (folder / "val" / "red").rename(folder / "val" / "Red")
    (folder / "val" / "green").mkdir()
    shutil.copy(folder / "other" / "0.png", folder / "val" / "green")
    with pytest.raises(OtherClasses) as caught:
        evaluate(str(trained), folder, tmp_path / "report", device="cpu")
    for language, unknown, missing in (
        ("en", "Unknown to the model: Red, green.", "Missing here: red."),
        ("zh", "模型不认识：Red, green。", "此处缺少：red。"),
    ):
        assert unknown in caught.value.message(language)
        assert missing in caught.value.message(language)
    assert not (tmp_path / "report").exists()


def test_classes_that_are_missing_are_said_and_the_rest_is_judged(trained, folder, tmp_path):
    shutil.rmtree(folder / "val" / "red")
    (folder / "val" / "notes").mkdir()  # without a picture it is no class
    reporter = Lines()
    report = evaluate(str(trained), folder, tmp_path / "r", device="cpu", reporter=reporter)
    assert reporter.told[1] == "missing here, so not judged: red"
    assert "left out as a folder beside those that are used: 1 (train/" in reporter.told[2]
    assert report["missing"] == ["red"]
    assert report["classes"]["red"] == {"right": 0, "total": 0}
    assert report["classes"]["blue"]["total"] == report["total"] == 3
    assert "red: 0 of 0" not in describe_report(report)
    shutil.rmtree(folder / "val" / "blue")
    with pytest.raises(NoPictures, match="blue, red"):
        evaluate(str(trained), folder, tmp_path / "r", device="cpu")
    with pytest.raises(NoSuchFolder):
        evaluate(str(trained), folder / "none", tmp_path / "r", device="cpu")


def test_pictures_that_cannot_be_read_are_named_and_left_out(trained, folder, tmp_path):
    whole = (folder / "val" / "red" / "0.png").read_bytes()
    (folder / "val" / "red" / "0.png").write_bytes(whole[:900])
    (folder / "other" / "page.jpg").write_text("<html>404</html>")
    reporter = Lines()
    report = evaluate(str(trained), folder, tmp_path / "r", device="cpu", reporter=reporter)
    assert (report["total"], report["other"]["total"]) == (5, 5)
    assert {each["file"] for each in report["unreadable"]} == {"val/red/0.png", "other/page.jpg"}
    assert (
        sum(
            line.startswith(("left out val/red/0.png: ", "left out other/page.jpg: "))
            for line in reporter.told
        )
        == 2
    )
    for file in (*(folder / "val").rglob("*.png"),):
        file.write_bytes(b"")
    with pytest.raises(NoneReadable, match=r"No picture of .* can be read"):
        evaluate(str(trained), folder, tmp_path / "r", device="cpu", reporter=(last := Lines()))
    files = [line.split(": ")[0] for line in last.told if line.startswith("left out val")]
    assert len(files) == 6
    assert files == sorted(files)


def test_ctrl_c_leaves_a_fair_part_and_says_so(trained, tmp_path):
    data = make_data(tmp_path / "data", train=0, val=30)
    report = evaluate(
        str(trained), data, tmp_path / "r", device="cpu", workers=0, reporter=Impatient(3)
    )
    assert report["partial"] is True
    assert (report["total"], report["pictures"]) == (24, 60)
    assert all(each["total"] >= 6 for each in report["classes"].values())
    assert "a random 24 of 60 pictures" in describe_report(report)


def test_what_it_may_write_over(trained, folder, tmp_path):
    output = tmp_path / "report"
    first = evaluate(str(trained), folder, output, device="cpu")
    shutil.rmtree(folder / "other")
    second = evaluate(str(trained), folder, output, device="cpu")
    assert (first["other"]["total"], second["other"]) == (5, None)
    assert sorted(file.name for file in output.iterdir()) == ["evaluation.json", "worst.png"]
    (output / "notes.txt").write_text("mine")
    run = shutil.copytree(trained, tmp_path / "run")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "evaluation.json").write_text('{"marks": [1, 2]}')
    for place, error in (
        (output, ForeignFiles),
        (run, OutputOfOtherKind),
        (tmp_path / "mine", OutputInTheWay),
        (folder, OutputInTheWay),
    ):
        before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
        with pytest.raises(error):
            evaluate(str(trained), folder, place, device="cpu")
        assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before


def test_a_run_of_the_hub_at_a_commit(trained, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with HubServer() as hub:
        commit = hub.add("me/model", {each.name: each.read_bytes() for each in trained.iterdir()})
        settings = HubSettings(hub.endpoint, hub.token, tmp_path / "cache", timeout=1.0)
        report = evaluate(
            f"me/model@{commit}", folder, tmp_path / "r", device="cpu", settings=settings
        )
    assert report["model"] == f"me/model@{commit[:12]}"
    assert report["total"] == 6
    source = f"me/model@{commit}"  # it is in the cache, and the Hub is gone
    again = evaluate(source, folder, tmp_path / "r", device="cpu", settings=settings)
    assert again["nll"] == report["nll"]
    with pytest.raises(HubUnavailable, match=r"'me/model' is no folder here.* try again, or"):
        evaluate("me/model", folder, tmp_path / "r", device="cpu", settings=settings)


def test_pictures_of_the_hub_at_a_commit(trained, data, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    local, lines = evaluate(str(trained), data, tmp_path / "local", device="cpu"), Lines()
    files = {file.relative_to(data).as_posix(): file for file in data.rglob("*.png")}
    with HubServer() as hub:
        commit = hub.add("datasets/me/photos", {k: v.read_bytes() for k, v in files.items()})
        settings = HubSettings(hub.endpoint, hub.token, tmp_path / "cache", timeout=1.0)
        options = {"device": "cpu", "settings": settings, "reporter": lines}
        report = evaluate(str(trained), "me/photos", tmp_path / "report", **options)
    assert (report["data"], report["data_commit"]) == ("me/photos/val", commit)
    assert (report["nll"], report["total"]) == (local["nll"], 6)
    assert lines.told[:2] == [
        f"me/photos@{commit}: 18 pictures, 1 MB",
        "me/photos/val: 6 pictures of 2 classes",
    ]
    # from the cache, and the Hub is gone
    again = evaluate(str(trained), f"me/photos@{commit}", tmp_path / "report", **options)
    assert again["nll"] == local["nll"]
    with pytest.raises(HubUnavailable, match="'me/photos' is no folder here"):
        evaluate(str(trained), "me/photos", tmp_path / "report", **options)


def test_a_run_that_cannot_tell_what_it_knows(trained, folder, tmp_path):
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    (run / "known.safetensors").unlink()
    config = {k: v for k, v in read_json(run / "config.json").items() if k != "known_threshold"}
    (run / "config.json").write_text(json.dumps(config))
    report = evaluate(str(run), folder, tmp_path / "r", device="cpu")
    assert report["verdicts"] == {"known": 6, "unusual": 0, "neither": 0}
    assert report["other"]["auroc"] == 0.5


def test_a_report_on_a_thousand_classes_stays_readable(tmp_path):
    classes = [f"class {k:03d}" for k in range(1000)]
    labels = torch.arange(1000).repeat(3)
    answers = torch.where(labels % 10 == 3, (labels + 1) % 1000, labels)
    pictures = tuple(Picture(tmp_path / f"{n}.jpg", k) for n, k in enumerate(labels.tolist()))
    logits = 8.0 * torch.nn.functional.one_hot(answers, 1000)
    judged = Judged(pictures, logits, torch.ones(3000), ("known",) * 3000)
    report = make_report([judged], classes, tmp_path)
    assert (report["correct"], report["total"], len(report["confusions"])) == (2700, 3000, 100)
    assert "confusion_matrix" not in report
    assert len(json.dumps(report)) < 100_000
    told = describe_report({**report, "partial": False}).splitlines()
    assert "The worst 10 of 1000 classes:" in told
    assert "  3 × class 003 taken for class 004" in told
    assert len(told) < 60


def test_a_contact_sheet_shows_every_picture_in_order():
    colours = [(20 * n, 255 - 20 * n, 7) for n in range(7)]
    tiles = [
        (Image.new("RGB", (40, 40), colour), f"{n} 蚂蚁 " * 9) for n, colour in enumerate(colours)
    ]
    with Image.open(io.BytesIO(draw_contact_sheet(tiles))) as sheet:
        assert sheet.size == (
            COLUMNS * (SIDE + MARGIN) + MARGIN,
            2 * (SIDE + LINE + MARGIN) + MARGIN,
        )
        for n, colour in enumerate(colours):
            x = MARGIN + n % COLUMNS * (SIDE + MARGIN) + SIDE // 2
            y = MARGIN + n // COLUMNS * (SIDE + LINE + MARGIN) + SIDE // 2
            assert sheet.getpixel((x, y)) == colour
