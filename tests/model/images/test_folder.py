"""Data folders: what is found, how it is split, and one line for everything that can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from model.images import folder as data
from model.images.folder import BrokenPicture, load_training_picture, read_folder

PHOTOS = Path(__file__).parents[4] / "shared" / "hymenoptera_data"


def write_pictures(folder: Path, count: int, suffix: str = ".png") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        Image.new("RGB", (4, 4), (i, i, i)).save(folder / f"{i:02}{suffix}")


def names(pictures: tuple[data.Picture, ...], root: Path) -> set[str]:
    return {picture.path.relative_to(root).as_posix() for picture in pictures}


def test_train_and_val_folders(tmp_path: Path):
    for part, count in (("train", 3), ("val", 2)):
        for name in ("zebra", "bee", "蚂蚁"):
            write_pictures(tmp_path / part / name, count)
    folder = read_folder(tmp_path, seed=0)
    assert folder.classes == ("bee", "zebra", "蚂蚁")
    assert [picture.label for picture in folder.train] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert {folder.classes[p.label] == p.path.parent.name for p in folder.train + folder.val} == {
        True
    }
    assert len(folder.val) == 6


@pytest.mark.parametrize("inner", ["train", "."])
def test_without_val_each_class_is_split_by_the_seed(inner: str, tmp_path: Path):
    write_pictures(tmp_path / inner / "a", 10)
    write_pictures(tmp_path / inner / "b", 5)
    write_pictures(tmp_path / inner / "c", 2)
    first, again = read_folder(tmp_path, seed=1), read_folder(tmp_path, seed=1)
    assert first == again
    assert [sum(p.label == label for p in first.val) for label in range(3)] == [2, 1, 1]
    train, val = names(first.train, tmp_path), names(first.val, tmp_path)
    assert not train & val
    assert len(train | val) == 17
    others = {frozenset(names(read_folder(tmp_path, seed=s).val, tmp_path)) for s in range(8)}
    assert len(others) > 1


def test_a_new_class_leaves_the_split_of_the_others_alone(tmp_path: Path):
    write_pictures(tmp_path / "b", 10)
    write_pictures(tmp_path / "c", 10)
    before = names(read_folder(tmp_path, seed=3).val, tmp_path)
    write_pictures(tmp_path / "a", 10)
    assert before < names(read_folder(tmp_path, seed=3).val, tmp_path)


def test_what_is_no_picture_is_ignored(tmp_path: Path):
    for name in ("a", "b"):
        write_pictures(tmp_path / name, 2, ".JPG" if name == "a" else ".webp")
        (tmp_path / name / ".DS_Store").write_bytes(b"x")
        (tmp_path / name / "._00.jpg").write_bytes(b"x")
        (tmp_path / name / "labels.txt").write_text("x")
    write_pictures(tmp_path / ".cache", 2)
    write_pictures(tmp_path / "__MACOSX", 2)
    folder = read_folder(tmp_path, seed=0)
    assert folder.classes == ("a", "b")
    assert len(folder.train + folder.val) == 4


def test_one_name_in_two_unicode_forms_is_one_class(tmp_path: Path):
    for part, cafe in (("train", "cafe\u0301"), ("val", "caf\u00e9")):
        write_pictures(tmp_path / part / cafe, 1)
        write_pictures(tmp_path / part / "tea", 1)
    assert read_folder(tmp_path, seed=0).classes == ("caf\u00e9", "tea")


def folder_with(root: Path, **counts: int) -> Path:
    for name, count in counts.items():
        write_pictures(root / name.replace("__", "/"), count)
    return root


def test_each_mistake_has_its_own_line(tmp_path: Path):
    cases = [
        (tmp_path / "none", data.FolderNotFound, "none"),
        (folder_with(tmp_path / "1", ants=2), data.TooFewClasses, "has 1"),
        (folder_with(tmp_path / "2", ants=2, bees=0), data.EmptyClass, "bees"),
        (folder_with(tmp_path / "3", ants=2, bees=1), data.TooFewPictures, "bees"),
        (
            folder_with(tmp_path / "4", train__a=1, train__b=1, val__a=1, val__c=1),
            data.ClassesDiffer,
            "b, c",
        ),
        (folder_with(tmp_path / "5", val__a=1, val__b=1), data.NoTrainFolder, "no train"),
        (folder_with(tmp_path / "7", **{"bees\x1b[1m": 2, "ants": 2}), data.BadClassName, r"\x1b"),
        (folder_with(tmp_path / "8", **{"bees\nants": 2, "ants": 2}), data.BadClassName, r"\n"),
        (folder_with(tmp_path / "9", **{"x" * 201: 2, "ants": 2}), data.BadClassName, "200"),
        (folder_with(tmp_path / "10", **{"b\udcff": 2, "ants": 2}), data.BadClassName, "udcff"),
        (folder_with(tmp_path / "6", train__a=0, train__b=2), data.EmptyClass, "train/a"),
    ]
    for root, error, words in cases:
        with pytest.raises(error) as caught:
            read_folder(root, seed=0)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not caught.value.message("zh").isascii()


def test_placeholders_are_left_out_with_a_warning(tmp_path: Path, caplog):
    write_pictures(tmp_path / "ants", 3)
    write_pictures(tmp_path / "bees", 3)
    Image.new("P", (300, 300)).save(tmp_path / "ants" / "imageNotFound.gif")
    Image.new("P", (500, 375)).save(tmp_path / "bees" / "photo_unavailable.png")
    folder = read_folder(tmp_path, seed=0)
    assert [path.name for path in folder.skipped] == ["imageNotFound.gif", "photo_unavailable.png"]
    assert len(folder.train + folder.val) == 6
    assert "ants/imageNotFound.gif" in caplog.text
    assert str(tmp_path) not in caplog.text


def test_a_plain_picture_is_no_placeholder(tmp_path: Path):
    Image.new("RGB", (300, 300), (247, 247, 247)).save(tmp_path / "snow.gif")
    assert not data.is_placeholder(tmp_path / "snow.gif")


def test_a_broken_picture_is_named_relative_to_the_folder(tmp_path: Path):
    write_pictures(tmp_path / "ants", 2)
    (tmp_path / "ants" / "torn.jpg").write_bytes(b"not a picture")
    with pytest.raises(BrokenPicture) as caught:
        load_training_picture(tmp_path / "ants" / "torn.jpg", tmp_path)
    assert str(caught.value).startswith("ants/torn.jpg: The file is not a picture")
    assert caught.value.message("zh").startswith("ants/torn.jpg：")
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="needs the ants and bees photos beside the project")
def test_the_ants_and_bees(tmp_path: Path):
    folder = read_folder(PHOTOS, seed=0)
    assert folder.classes == ("ants", "bees")
    assert (len(folder.train), len(folder.val)) == (244, 153)
    assert [path.name for path in folder.skipped] == ["imageNotFound.gif"]
    renamed = tmp_path / "photo.gif"
    renamed.write_bytes(folder.skipped[0].read_bytes())
    assert data.is_placeholder(renamed)
    assert not any(data.is_placeholder(p.path) for p in folder.train + folder.val)
