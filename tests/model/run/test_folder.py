from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from model.hub.publish import read_files
from model.run.folder import (
    DamagedRunFile,
    ForeignFiles,
    MissingRunFile,
    OutputInTheWay,
    OutputIsLink,
    OutputNotWritable,
    OutputOfOtherKind,
    PointerFile,
    Run,
    check_output,
    mark,
    read_run,
    write_run,
)

OTHER = Run(
    weights={}, config={**mark("classifier"), "architecture": "y"}, metrics=mark("classifier")
)
RUN = Run(
    weights={"a": torch.arange(6.0).reshape(2, 3).T, "n": torch.tensor(3)},
    config={**mark("classifier"), "architecture": "x", "label_names": ["蚂蚁", "ab\u00e9ja"]},
    metrics={**mark("classifier"), "val_correct": 3},
    card="# Karte ☃\n",
    figures={"curves.png": b"\x89PNG"},
    tensors={"known.safetensors": {"w": torch.ones(2).half()}},
)


def test_what_is_written_is_read(tmp_path):
    write_run(tmp_path / "deep" / "er" / "run", RUN)
    run = read_run(tmp_path / "deep" / "er" / "run")
    assert torch.equal(run.weights["a"], RUN.weights["a"])
    assert run.weights["n"].dtype == torch.int64
    assert run.config == RUN.config
    assert run.metrics == RUN.metrics
    assert run.tensors["known.safetensors"]["w"].dtype == torch.float32
    folder = tmp_path / "deep" / "er" / "run"
    assert (folder / "README.md").read_text(encoding="utf-8") == RUN.card
    assert (folder / "curves.png").read_bytes() == b"\x89PNG"
    assert [each.name for each in folder.parent.iterdir()] == ["run"]
    assert folder.stat().st_mode & 0o777 == 0o755
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}


def check(output: Path) -> None:
    check_output(output, "classifier")


def tree(folder: Path) -> dict[str, bytes | str | None]:
    """Everything under a folder: files' bytes and where links lead."""
    return {
        str(path.relative_to(folder)): os.readlink(path)
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else None
        for path in folder.rglob("*")
    }


def test_a_new_run_replaces_the_old_one_whole(tmp_path):
    write_run(tmp_path / "run", RUN)
    check(tmp_path / "run")
    write_run(tmp_path / "run", OTHER)
    assert read_run(tmp_path / "run").config == OTHER.config
    assert sorted(tree(tmp_path / "run")) == [
        "README.md",
        "config.json",
        "metrics.json",
        "model.safetensors",
    ]
    assert [each.name for each in tmp_path.iterdir()] == ["run"]


def unmarked_config(run: Path) -> None:
    (run / "config.json").write_text('{"name": "a web project", "kind": "classifier"}')


def unmarked_metrics(run: Path) -> None:
    (run / "metrics.json").write_text('{"visits": 3}')


def no_metrics(run: Path) -> None:
    (run / "metrics.json").unlink()


def damaged_config(run: Path) -> None:
    (run / "config.json").write_text("{")


def of_a_regressor(run: Path) -> None:
    for name in ("config.json", "metrics.json"):
        (run / name).write_text(json.dumps(mark("regressor")))


def with_a_note(run: Path) -> None:
    (run / "thesis.txt").write_text("years")


def with_a_folder(run: Path) -> None:
    (run / "src").mkdir()
    (run / "src" / "app.js").write_text("1")


def with_a_link(run: Path) -> None:
    (run / "curves.png").unlink()
    (run / "curves.png").symlink_to(run.parent / "precious")


def with_a_folder_of_our_name(run: Path) -> None:
    (run / "reliability.png").mkdir()


def behind_a_link(run: Path) -> None:
    run.rename(run.with_name("elsewhere"))
    run.symlink_to("elsewhere")


def a_link_to_nothing(run: Path) -> None:
    run.rename(run.with_name("elsewhere"))
    run.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (unmarked_config, OutputInTheWay, "no earlier result"),
        (unmarked_metrics, OutputInTheWay, "no earlier result"),
        (no_metrics, OutputInTheWay, "no earlier result"),
        (damaged_config, OutputInTheWay, "no earlier result"),
        (of_a_regressor, OutputOfOtherKind, "a regressor, which a classifier"),
        (with_a_note, ForeignFiles, "thesis.txt"),
        (with_a_folder, ForeignFiles, "src"),
        (with_a_link, ForeignFiles, "curves.png"),
        (with_a_folder_of_our_name, ForeignFiles, "reliability.png"),
        (behind_a_link, OutputIsLink, "link"),
        (a_link_to_nothing, OutputIsLink, "link"),
    ],
)
def test_what_this_program_did_not_write_stops_it_before_it_begins(tmp_path, change, error, words):
    (tmp_path / "precious").write_text("mine")
    write_run(tmp_path / "run", RUN)
    change(tmp_path / "run")
    before = tree(tmp_path)
    with pytest.raises(error, match=words) as caught:
        check(tmp_path / "run")
    assert not caught.value.message("zh").isascii()
    assert tree(tmp_path) == before
    if error is not ForeignFiles:
        with pytest.raises(error):
            write_run(tmp_path / "run", OTHER)
        assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "change", [with_a_note, with_a_folder, with_a_link, with_a_folder_of_our_name]
)
def test_what_came_during_the_training_stays_in_the_new_run(tmp_path, change):
    """Neither it nor hours of training may be lost."""
    (tmp_path / "precious").write_text("mine")
    write_run(tmp_path / "run", RUN)
    check(tmp_path / "run")
    before = tree(tmp_path)
    change(tmp_path / "run")
    came = tree(tmp_path).items() - before.items()
    write_run(tmp_path / "run", OTHER)
    assert read_run(tmp_path / "run").config == OTHER.config
    assert came <= tree(tmp_path).items()
    assert {each.name for each in tmp_path.iterdir()} == {"run", "precious"}
    assert (tmp_path / "precious").read_text() == "mine"


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "desktop.ini"])
@pytest.mark.parametrize("earlier", [True, False], ids=["beside a run", "alone"])
def test_what_a_file_manager_left_stops_nothing_and_stays(tmp_path, name, earlier):
    if earlier:
        write_run(tmp_path / "run", RUN)
    (tmp_path / "run").mkdir(exist_ok=True)
    (tmp_path / "run" / name).write_bytes(b"icons")
    check(tmp_path / "run")
    write_run(tmp_path / "run", OTHER)
    assert read_run(tmp_path / "run").config == OTHER.config
    assert (tmp_path / "run" / name).read_bytes() == b"icons"
    assert [each.name for each in tmp_path.iterdir()] == ["run"]
    (tmp_path / "run" / "thesis.txt").write_text("years")
    with pytest.raises(ForeignFiles, match=r"holds what train\.py did not write: thesis\.txt\."):
        check(tmp_path / "run")


def test_an_early_run_without_the_mark_is_read_and_left_alone(tmp_path):
    write_run(tmp_path / "run", RUN)
    for name in ("config.json", "metrics.json"):
        content = json.loads((tmp_path / "run" / name).read_text())
        del content["program"], content["kind"]
        (tmp_path / "run" / name).write_text(json.dumps(content))
    assert read_run(tmp_path / "run").config["architecture"] == "x"
    before = tree(tmp_path)
    with pytest.raises(OutputInTheWay, match="early version"):
        check(tmp_path / "run")
    assert tree(tmp_path) == before


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), KeyboardInterrupt()])
def test_a_run_that_cannot_take_its_place_leaves_the_earlier_one(tmp_path, monkeypatch, error):
    write_run(tmp_path / "run", RUN)
    before = tree(tmp_path)
    rename = os.rename

    def failing(source: Path, target: Path) -> None:
        if Path(target) == tmp_path / "run" and ".old." not in str(source):
            raise error
        rename(source, target)

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises((OutputNotWritable, KeyboardInterrupt)):
        write_run(tmp_path / "run", OTHER)
    assert tree(tmp_path) == before


def test_the_bundled_runs_carry_the_mark(tmp_path):
    for name, kind in (("ants_bees", "classifier"), ("regression", "regressor")):
        folder = Path(__file__).parents[3] / "model" / "weights" / name
        check_output(shutil.copytree(folder, tmp_path / name), kind)


def test_an_empty_folder_becomes_the_run(tmp_path):
    (tmp_path / "run").mkdir()
    write_run(tmp_path / "run", RUN)
    assert read_run(tmp_path / "run").config == RUN.config


def test_what_is_no_run_is_left_alone(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").write_bytes(b"me")
    (tmp_path / "file").write_bytes(b"text")
    monkeypatch.chdir(tmp_path)
    for output in ("photos", "file", ".", "photos/.."):
        for act in (check, lambda path: write_run(path, RUN)):
            with pytest.raises(OutputInTheWay):
                act(Path(output))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "photos"]
    assert (tmp_path / "photos" / "me.jpg").read_bytes() == b"me"


@pytest.mark.parametrize("output", ["/proc/no/run", "file/run", "x" * 300])
def test_places_where_nothing_can_be_written(tmp_path, output):
    (tmp_path / "file").write_text("")
    for act in (check, lambda path: write_run(path, RUN)):
        with pytest.raises(OutputNotWritable) as caught:
            act(tmp_path / output)
        assert "\n" not in str(caught.value)
        assert caught.value.message("zh") != str(caught.value)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_leaves_the_run_that_was_there(mount):
    small_disk = mount("size=1m")
    write_run(small_disk / "run", RUN)
    big = Run(weights={"w": torch.zeros(10**6)}, config={**RUN.config, "architecture": "big"})
    for output in ("run", "other"):
        with pytest.raises(OutputNotWritable, match="no space left"):
            write_run(small_disk / output, big)
    assert [each.name for each in small_disk.iterdir()] == ["run"]
    assert read_run(small_disk / "run").config == RUN.config


def test_numbers_that_json_does_not_have_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_run(tmp_path / "run", Run(weights={}, config={**RUN.config, "t": float("nan")}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_missing_file_is_named_and_the_path_is_not(tmp_path, name):
    write_run(tmp_path / "run", RUN)
    (tmp_path / "run" / name).unlink()
    with pytest.raises(MissingRunFile, match=name) as caught:
        read_run(tmp_path / "run")
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("name", ["model.safetensors", "known.safetensors", "config.json"])
def test_what_git_lfs_did_not_fetch_is_named_for_what_it_is(tmp_path, name):
    write_run(tmp_path / "run", RUN)
    (tmp_path / "run" / name).write_bytes(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 44700000\n" % 7
    )
    for read in (read_run, lambda folder: read_files(folder, "me/bees")):
        with pytest.raises(PointerFile, match="git lfs pull") as caught:
            read(tmp_path / "run")
        assert name in caught.value.message("zh")
        assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b""),
        ("model.safetensors", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "[:12]),
        ("known.safetensors", b"\xff" * 64),
        ("config.json", b"{"),
        ("config.json", b"[]"),
        ("config.json", b"\xff\xfe"),
        ("config.json", b"[" * 100_000),
        ("metrics.json", json.dumps(["no object"]).encode()),
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, content):
    write_run(tmp_path / "run", RUN)
    (tmp_path / "run" / name).write_bytes(content)
    with pytest.raises(DamagedRunFile, match=name) as caught:
        read_run(tmp_path / "run")
    assert str(tmp_path) not in str(caught.value)
