from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from model.runs import (
    DamagedRunFile,
    MissingRunFile,
    OutputInTheWay,
    OutputNotWritable,
    Run,
    check_output,
    read_run,
    write_run,
)

RUN = Run(
    weights={"a": torch.arange(6.0).reshape(2, 3).T, "n": torch.tensor(3)},
    config={"architecture": "x", "label_names": ["蚂蚁", "ab\u00e9ja"]},
    metrics={"val_correct": 3},
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


def test_a_new_run_replaces_the_old_one_whole(tmp_path):
    write_run(tmp_path / "run", RUN)
    (tmp_path / "run" / "notes.txt").write_text("old")
    write_run(tmp_path / "run", Run(weights={}, config={"architecture": "y"}))
    assert read_run(tmp_path / "run").config == {"architecture": "y"}
    assert not (tmp_path / "run" / "notes.txt").exists()
    assert [each.name for each in tmp_path.iterdir()] == ["run"]


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
        for act in (check_output, lambda path: write_run(path, RUN)):
            with pytest.raises(OutputInTheWay):
                act(Path(output))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "photos"]
    assert (tmp_path / "photos" / "me.jpg").read_bytes() == b"me"


@pytest.mark.parametrize("output", ["/proc/no/run", "file/run", "x" * 300])
def test_places_where_nothing_can_be_written(tmp_path, output):
    (tmp_path / "file").write_text("")
    for act in (check_output, lambda path: write_run(path, RUN)):
        with pytest.raises(OutputNotWritable) as caught:
            act(tmp_path / output)
        assert "\n" not in str(caught.value)
        assert caught.value.message("zh") != str(caught.value)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 1 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.name != "posix" or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_leaves_the_run_that_was_there(small_disk):
    write_run(small_disk / "run", RUN)
    big = Run(weights={"w": torch.zeros(10**6)}, config={"architecture": "big"})
    for output in ("run", "other"):
        with pytest.raises(OutputNotWritable, match="no space left"):
            write_run(small_disk / output, big)
    assert [each.name for each in small_disk.iterdir()] == ["run"]
    assert read_run(small_disk / "run").config == RUN.config


def test_numbers_that_json_does_not_have_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_run(tmp_path / "run", Run(weights={}, config={"t": float("nan")}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_missing_file_is_named_and_the_path_is_not(tmp_path, name):
    write_run(tmp_path / "run", RUN)
    (tmp_path / "run" / name).unlink()
    with pytest.raises(MissingRunFile, match=name) as caught:
        read_run(tmp_path / "run")
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
