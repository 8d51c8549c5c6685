"""What people really bring, through the command line: folders, names and terminals as they are."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import ModelCard, constants
from markdown_it import MarkdownIt
from PIL import Image

import train
from model.hub.publish import Destination, push_run
from model.hub.source import HubSettings
from model.training.recipe import train_classifier
from model.training.settings import ClassifierSettings
from tests.conftest import ROOT, clean_environment
from tests.hub_server import HubServer
from tests.pictures import make_picture

QUICK = ClassifierSettings(epochs=1, folds=2, device="cpu", workers=0)
CLASSES = ("蚂蚁", "a|b", "<b>bold", "*star*", "null", "{{ 7 }}", "back`tick")


def folder_of(root: Path, classes: tuple[str, ...], count: int = 3) -> Path:
    for kind, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for number in range(count):
            make_picture(kind, len(classes), number).save(root / name / f"{number}.png")
    return root


def command(data: Path, weights: Path, output: Path) -> list[str]:
    paths = ["--data", str(data), "--init-weights", str(weights), "--output", str(output)]
    return ["classifier", *paths, "--device", "cpu", "--workers", "0", "--epochs", "1"]


def run(*arguments: str | bytes, **environment: str) -> tuple[int, bytes, bytes]:
    """Status and what was printed of `python …`, in bytes: it may be in any encoding."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=clean_environment(**environment),
        capture_output=True,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "encoding",
    ["gbk", "ascii", *(pytest.param(each, marks=pytest.mark.slow) for each in ("cp932", "cp1252"))],
)
def test_no_terminals_encoding_ends_a_run(encoding: str, tmp_path: Path):
    arguments = ("train.py", "regressor", "--epochs", "1", "--output", str(tmp_path / "蚂蚁"))
    status, told, errors = run(*arguments, PYTHONIOENCODING=encoding)
    assert status == 0, errors
    assert b"held out: RMSE" in told
    assert "蚂蚁" in told.decode(encoding) or rb"\u8682\u8681" in told
    assert (tmp_path / "蚂蚁" / "config.json").is_file()


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "cp1252"}, pytest.param({"LC_ALL": "C"}, marks=pytest.mark.slow)],
    ids=str,
)
def test_nor_does_it_with_classes_that_cannot_be_printed(
    environment: dict[str, str], initial_weights: Path, tmp_path: Path
):
    data = folder_of(tmp_path / "data", ("蚂蚁", "蜜蜂"))
    status, told, errors = run(
        "train.py", *command(data, initial_weights, tmp_path / "run"), **environment
    )
    assert status == 0, errors
    assert b"2 classes: " in told
    config = json.loads((tmp_path / "run" / "config.json").read_text(encoding="utf-8"))
    assert config["label_names"] == ["蚂蚁", "蜜蜂"]


@pytest.mark.parametrize("encoding", ["ascii", pytest.param("gbk", marks=pytest.mark.slow)])
def test_the_apps_help_in_any_encoding(encoding: str):
    assert run("app.py", "--help", PYTHONIOENCODING=encoding)[0] == 0
    assert run("train.py", "classifier", "--help", PYTHONIOENCODING=encoding)[0] == 0


def test_an_error_in_chinese_names_is_told_in_any_encoding(tmp_path: Path):
    status, told, errors = run(
        "train.py", "classifier", "--data", str(tmp_path / "没有"), PYTHONIOENCODING="ascii"
    )
    assert (status, told, len(errors.splitlines())) == (2, b"", 1)
    assert rb"\u6ca1\u6709" in errors
    assert b"Traceback" not in errors


@pytest.mark.skipif(os.name == "nt", reason="file systems of Windows know text only")
@pytest.mark.parametrize(
    "name",
    [
        b"caf\xe9.png",
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in (b"\xd0\xce\xc4.png", b"\xff\xfe")
        ),
    ],
)
def test_file_names_that_are_no_utf8_are_trained_on_and_shown_escaped(
    name: bytes, initial_weights: Path, tmp_path: Path
):
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/fo\xf6"))
    folder_of(root, ("blue", "red"))
    bad = Path(os.fsdecode(os.fsencode(root / "red") + b"/" + name))
    make_picture(1, 2, 9).save(bad, "PNG")
    left_out = Path(os.fsdecode(os.fsencode(root / "red") + b"/n\xf6"))
    left_out.write_bytes(b"words")
    metrics = train_classifier(QUICK, root, tmp_path / "run", init_weights=initial_weights)
    assert metrics is not None
    text = (tmp_path / "run" / "metrics.json").read_bytes().decode("utf-8")
    shown = ascii(os.fsdecode(name))[1:-1]
    saved = json.loads(text)
    text.encode("utf-8")
    files = [each["file"] for each in saved["hardest_train"] + saved["hardest_val"]]
    assert f"red/{shown}" in files
    assert saved["skipped"] == [r"red/n\udcf6"]
    card = ModelCard.load(tmp_path / "run" / "README.md")
    assert f"red/{shown}" in str(card).replace("\\\\", "\\")
    assert card.data.eval_results[0].dataset_name == r"fo\udcf6, val"


@pytest.mark.skipif(os.name == "nt", reason="file systems of Windows know text only")
def test_class_names_that_are_no_utf8_are_refused_at_once(initial_weights, tmp_path, capsys):
    folder_of(tmp_path / "data", ("blue", "red"))
    (tmp_path / "data" / "red").rename(os.fsdecode(os.fsencode(tmp_path / "data") + b"/r\xf6d"))
    arguments = command(tmp_path / "data", initial_weights, tmp_path / "run")
    assert train.main(arguments) == 2
    assert r"r\udcf6d cannot name a class" in capsys.readouterr().err


def test_all_that_is_wrong_with_a_folder_is_told_in_one_run(initial_weights, tmp_path, capsys):
    data = folder_of(tmp_path / "data", ("a", "b", "c", "d"), 4)
    for name in ("a/1.png", "b/0.png", "b/3.png"):
        (data / name).write_bytes((data / name).read_bytes()[:-300])
    (data / "c" / "page.jpg").write_text("<html>404</html>")
    Image.new("RGB", (4000, 1)).save(data / "c" / "thin.png")
    for number in range(1, 4):
        (data / "d" / f"{number}.png").unlink()
    (data / "empty").mkdir()
    assert train.main(command(data, initial_weights, tmp_path / "run")) == 2
    lines = capsys.readouterr().err.split("train.py: ")[1].splitlines()
    assert lines[0] == f"7 things are wrong with {data}:"
    assert [re.match(r"- (?:The class folder )?([\w./]+)", line)[1] for line in lines[1:3]] == [
        "d",
        "empty",
    ]
    told = {line.split(":")[0].removeprefix("- ") for line in lines[3:]}
    assert told == {"a/1.png", "b/0.png", "b/3.png", "c/page.jpg", "c/thin.png"}
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "folder",
    [
        "- 蚂蚁 (2): {} a|b <i>`x`",  # all of the others at once
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in ("My photos (2)", "蚂蚁和蜜蜂", "a|b <i>`x`", "- no: {}")
        ),
    ],
)
def test_users_words_reach_the_card_and_the_hub_as_words(
    folder: str, initial_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    data = folder_of(tmp_path / folder, CLASSES)
    output = tmp_path / "run"
    assert train_classifier(QUICK, data, output, init_weights=initial_weights) is not None
    card = ModelCard.load(output / "README.md")
    assert card.data.model_name == folder
    assert card.data.eval_results[0].dataset_name == f"{folder}, val"
    page = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(card.text)
    assert "<b>" not in page
    assert "<i>" not in page
    rows = [row for row in page.split("<tr>") if "<strong>" in row]
    assert [row.count("<td>") for row in rows] == [1 + len(CLASSES)] * len(CLASSES)
    for name in CLASSES:
        shown = name.replace("<", "&lt;").replace(">", "&gt;")
        assert f"<strong>{shown}</strong>" in page
    with HubServer() as hub:
        settings = HubSettings(endpoint=hub.endpoint, token=hub.token, cache=tmp_path / "cache")
        published = push_run(output, Destination("me/model"), settings)
        assert published.is_new
