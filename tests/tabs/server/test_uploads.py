"""The folder for uploads: what of it is swept away, and what stays."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from gradio.utils import get_upload_folder

from tabs.server.uploads import (
    DEAD,
    EVERY,
    MINUTES_KEPT,
    PREFIX,
    STALLED,
    NotUploaded,
    path_of,
    sweep,
    upload_folder,
)


def aged(path: Path, seconds: float) -> Path:
    if not path.exists():
        path.write_text("x")
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def test_what_is_stalled_or_dead_is_swept_and_nothing_else(tmp_path: Path) -> None:
    folder, dead, living = (tmp_path / f"{PREFIX}{name}" for name in ("own", "dead", "living"))
    kept = tmp_path / "kept"
    for each in (folder, dead, living, kept):
        each.mkdir()
    (dead / "file").write_text("x")
    link = tmp_path / f"{PREFIX}link"
    link.symlink_to(kept)
    (folder / "hash").mkdir()
    minutes = 60 * MINUTES_KEPT
    needed = aged(folder / "hash" / "example", 2 * DEAD)
    stay = [
        needed,
        aged(folder / "hash" / "picture_new", minutes - 2 * EVERY - 30),
        aged(folder / "tmp_new", STALLED - 30),
        aged(living, DEAD - 30),
        aged(kept, 2 * DEAD),
        link,
    ]
    go = [
        aged(folder / "tmp_old", STALLED + 30),
        # one that stayed would be older than promised when the next sweep ends
        aged(folder / "hash" / "picture_old", minutes - 2 * EVERY + 30),
        aged(folder / "picture_older", 2 * DEAD),
        aged(dead, DEAD + 30),
    ]
    aged(folder, DEAD + 30)
    sweep(folder, {str(needed)})
    assert all(path.exists() for path in stay)
    assert not any(path.exists() for path in go)
    assert time.time() - folder.stat().st_mtime < 30, "no sign of life"


def test_the_folder_is_gradios_own_while_it_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with upload_folder() as folder:
        assert folder.parent == tmp_path.resolve()
        assert get_upload_folder() == str(folder)
        picture = folder / "picture"
        picture.write_text("x")
        assert path_of({"path": str(picture)}) == picture
        for other in (folder, tmp_path, tmp_path / "none", f"{folder}/../{folder.name}x", None, 3):
            with pytest.raises(NotUploaded):
                path_of({"path": other and str(other)})
    assert list(tmp_path.iterdir()) == []
