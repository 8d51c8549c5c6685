"""Data folders: what is found, how it is split, and one line for everything that can be wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from model.images import errors
from model.images.folder import (
    Picture,
    load_training_picture,
    read_folder,
    scan_folder,
    split_named,
)
from model.images.listing import is_placeholder, is_systems

PHOTOS = Path(__file__).parents[4] / "shared" / "hymenoptera_data"


def write_pictures(folder: Path, count: int, suffix: str = ".png") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        Image.new("RGB", (4, 4), (i, i, i)).save(folder / f"{i:02}{suffix}")


def names(pictures: tuple[Picture, ...], root: Path) -> set[str]:
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
    write_pictures(tmp_path / inner / "c", 3)
    first, again = read_folder(tmp_path, seed=1), read_folder(tmp_path, seed=1)
    assert first == again
    assert [sum(p.label == label for p in first.val) for label in range(3)] == [2, 1, 1]
    train, val = names(first.train, tmp_path), names(first.val, tmp_path)
    assert not train & val
    assert len(train | val) == 18
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
        write_pictures(tmp_path / name, 3, ".JPG" if name == "a" else ".webp")
        (tmp_path / name / ".DS_Store").write_bytes(b"x")
        (tmp_path / name / "._00.jpg").write_bytes(b"x")
        (tmp_path / name / "labels.txt").write_text("x")
    write_pictures(tmp_path / ".cache", 2)
    write_pictures(tmp_path / "__MACOSX", 2)
    folder = read_folder(tmp_path, seed=0)
    assert folder.classes == ("a", "b")
    assert len(folder.train + folder.val) == 6


def test_one_name_in_two_unicode_forms_is_one_class(tmp_path: Path):
    for part, cafe in (("train", "cafe\u0301"), ("val", "caf\u00e9")):
        write_pictures(tmp_path / part / cafe, 2)
        write_pictures(tmp_path / part / "tea", 2)
    assert read_folder(tmp_path, seed=0).classes == ("caf\u00e9", "tea")


def folder_with(root: Path, **counts: int) -> Path:
    """`root` with so many pictures in folders: ants=3, train__ants=2."""
    for name, count in counts.items():
        write_pictures(root / name.replace("__", "/"), count)
    return root


def test_each_mistake_has_its_own_line(tmp_path: Path):
    cases = [
        (tmp_path / "none", errors.FolderNotFound, "none"),
        (folder_with(tmp_path / "1", ants=3), errors.TooFewClasses, "has 1: ants"),
        (folder_with(tmp_path / "2", ants=3, bees=0), errors.EmptyClass, "bees"),
        (
            folder_with(tmp_path / "3", ants=2, bees=1),
            errors.TooFewPictures,
            "bees holds 1 of the 2",
        ),
        (
            folder_with(tmp_path / "4", train__a=2, train__b=2, val__a=1, val__c=1),
            errors.ClassesDiffer,
            "b, c",
        ),
        (folder_with(tmp_path / "5", val__a=1, val__b=1), errors.NoTrainFolder, "no train"),
        (
            folder_with(tmp_path / "7", **{"bees\x1b[1m": 3, "ants": 3}),
            errors.BadClassName,
            r"\x1b",
        ),
        (folder_with(tmp_path / "8", **{"bees\nants": 3, "ants": 3}), errors.BadClassName, r"\n"),
        (folder_with(tmp_path / "9", **{"x" * 201: 3, "ants": 3}), errors.BadClassName, "200"),
        (folder_with(tmp_path / "10", **{"b\udcff": 3, "ants": 3}), errors.BadClassName, "udcff"),
        (folder_with(tmp_path / "6", train__a=0, train__b=3), errors.EmptyClass, "train/a"),
        (
            folder_with(tmp_path / "12", train__a=2, train__b=2, val__a=1, val__b=0),
            errors.EmptyClass,
            "val/b holds no picture that can be read; it needs 1",
        ),
        (
            folder_with(tmp_path / "13", a=3, b=3, test__a=1, test__b=1),
            errors.NoTrainFolder,
            "has test but no train",
        ),
        (
            folder_with(tmp_path / "14", train__a=3, train__b=3, training_set__a=3),
            errors.SplitTwice,
            "train, training_set",
        ),
    ]
    for root, error, words in cases:
        with pytest.raises(error) as caught:
            read_folder(root, seed=0)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not caught.value.message("zh").isascii()


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path):
    root = folder_with(tmp_path, train__a=2, train__b=1, train__c=0, val__a=0, val__d=1)
    _, problems = scan_folder(root, seed=0, learned=2)
    with pytest.raises(errors.ManyProblems) as caught:
        errors.check(root, problems)
    first, *told = str(caught.value).splitlines()
    assert first == f"4 things are wrong with {root}:"
    for line, words in zip(told, ("train/b", "train/c", "val/a", ": b, d"), strict=True):
        assert line.startswith("- ")
        assert words in line
    assert len(caught.value.message("zh").splitlines()) == 5
    with pytest.raises(errors.ManyProblems, match="3 things"):
        read_folder(root, seed=0)


@pytest.mark.parametrize(("learned", "needed"), [(1, 2), (2, 3), (4, 5)])
def test_the_number_of_pictures_that_is_needed_is_told(learned: int, needed: int, tmp_path: Path):
    folder_with(tmp_path / "ok", a=needed, b=needed)
    assert scan_folder(tmp_path / "ok", seed=0, learned=learned)[1] == []
    folder_with(tmp_path / "few", a=needed - 1, b=needed)
    (problem,) = scan_folder(tmp_path / "few", seed=0, learned=learned)[1]
    assert f"a holds {needed - 1} of the {needed} pictures" in str(problem)


@pytest.mark.parametrize("train", ["train", "Train", "TRAINING", "training_set", "train set"])
@pytest.mark.parametrize(
    "val",
    ["val", "Val", "valid", "VALIDATION", "validation_set", "dev", "test", "Tests", "test-set"],
)
def test_the_splits_go_by_their_usual_names(train: str, val: str, tmp_path: Path, caplog):
    for part, count in ((train, 3), (val, 2)):
        write_pictures(tmp_path / part / "cats", count)
        write_pictures(tmp_path / part / "dogs", count)
    folder = read_folder(tmp_path, seed=0)
    assert folder.classes == ("cats", "dogs")
    assert (len(folder.train), len(folder.val)) == (6, 4)
    assert {p.path.relative_to(tmp_path).parts[0] for p in folder.val} == {val}
    said = f"{val} is used as val, since there is none" in caplog.messages
    assert said == (split_named(val) == "test")


@pytest.mark.parametrize(
    ("train", "val"),
    [
        ("train2017", "val2017"),
        ("images_train", "images_val"),
        ("trn", "tst"),
        ("Trainingsdaten", "Validierung"),
        ("2024-learn", "2024-dev"),
        ("my train pictures", "rest"),
        ("train", "val2017"),
        ("训练集", "测试集"),
        ("猫狗训练数据", "猫狗验证数据"),
    ],
)
def test_splits_by_a_word_in_the_name_where_the_classes_are_inside(train, val, tmp_path):
    for part, count in ((train, 3), (val, 2)):
        for name in ("cats", "dogs"):
            write_pictures(tmp_path / part / name, count)
    folder = read_folder(tmp_path, seed=0)
    assert folder.classes == ("cats", "dogs")
    assert {p.path.relative_to(tmp_path).parts[0] for p in folder.train} == {train}
    assert {p.path.relative_to(tmp_path).parts[0] for p in folder.val} == {val}


def test_three_splits_and_one_that_lacks_a_class(tmp_path: Path):
    for part in ("train2017", "test2017", "val2017"):
        folder_with(tmp_path / "three" / part, cats=2, dogs=2)
    folder = read_folder(tmp_path / "three", seed=0)
    assert {p.path.parts[-3] for p in folder.val} == {"val2017"}
    assert [path.name for path in folder.skipped] == ["test2017"]
    folder_with(tmp_path / "less", train2017__cats=3, train2017__dogs=3, val2017__cats=1)
    with pytest.raises(errors.DataError, match="val2017"):
        read_folder(tmp_path / "less", seed=0)


@pytest.mark.parametrize("parts", [("new", "old"), ("A", "B", "C"), ("train1", "train2")])
def test_splits_of_unknown_names_are_refused_with_what_to_call_them(parts, tmp_path: Path):
    for part in parts:
        folder_with(tmp_path / part, cats=2, dogs=2)
    with pytest.raises(errors.SplitsUnnamed, match=f"{', '.join(parts)} of .* Call them train"):
        read_folder(tmp_path, seed=0)
    write_pictures(tmp_path / parts[0], 1)  # a class, with folders in it
    assert read_folder(tmp_path, seed=0).classes == parts


def test_an_empty_val_leaves_its_place_to_test(tmp_path: Path, caplog):
    folder_with(tmp_path, train__a=2, train__b=2, test__a=1, test__b=1, val=0)
    assert {p.path.parts[-3] for p in read_folder(tmp_path, seed=0).val} == {"test"}
    assert "test is used as val, since there is none" in caplog.messages
    assert "val/ with 0 files" in caplog.text


def test_names_that_only_look_like_splits():
    for name in ("trains", "training day", "value", "valley", "tester", "contest", "latest", "set"):
        assert split_named(name) is None


@pytest.mark.parametrize(
    "classes",
    [
        ("bus", "car", "train"),
        ("train", "val", "bus"),
        ("control", "test"),
        ("dev", "ops"),
        ("testing", "mining", "training"),
    ],
)
@pytest.mark.parametrize("inside", ["", "2024"])
def test_classes_named_like_splits_are_classes(classes: tuple, inside: str, tmp_path: Path):
    for name in classes:
        write_pictures(tmp_path / name / inside, 3)
    assert read_folder(tmp_path, seed=0).classes == tuple(sorted(classes))


@pytest.mark.parametrize("parts", [("Train", "Test"), ("train",), ("training_set", "val", "test")])
def test_splits_without_class_folders_are_no_classes(parts: tuple[str, ...], tmp_path: Path):
    for part in parts:
        write_pictures(tmp_path / part, 6)
    with pytest.raises(errors.DataError, match="has 0"):
        read_folder(tmp_path, seed=0)


def test_what_is_left_out_is_counted_and_named_a_line_a_reason(tmp_path: Path, caplog):
    folder_with(tmp_path, train__a=2, train__b=2, valid__a=1, valid__b=1, test__a=4, extra=5)
    files = {
        "labels.csv": b"a,b",
        "train/a/photo.psd": b"8BPS\0\1" + bytes(40),
        "train/a/one.jp2": bytes.fromhex("0000000c6a5020200d0a870a"),
        "train/a/two": bytes.fromhex("ff4fff51"),
        "train/b/notes.txt": b"cats",
        "train/b/._00.png": b"x",
        "valid/b/Thumbs.db": b"x",
        "train/b/@eaDir/00.png/thumb.jpg": b"\xff\xd8\xff",
        "valid/stray.png": b"x",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "train" / "a" / "gone.png").symlink_to("nowhere.png")
    folder = read_folder(tmp_path, seed=0)
    assert (len(folder.train), len(folder.val)) == (4, 2)
    assert set(caplog.messages) == {
        "left out as beside the class folders: 2 (labels.csv, valid/stray.png)",
        "left out as a folder beside those that are used: 2 "
        "(extra/ with 5 files, test/ with 4 files)",
        "left out as Photoshop (PSD), which cannot be read here: 1 (train/a/photo.psd)",
        "left out as JPEG 2000, which cannot be read here: 2 (train/a/one.jp2, train/a/two)",
        "left out as no file, or a link that leads nowhere: 1 (train/a/gone.png)",
        "left out as no picture: 1 (train/b/notes.txt)",
        "left out as hidden or of the system: 3 "
        "(train/b/._00.png, train/b/@eaDir/ with 1 file, valid/b/Thumbs.db)",
    }
    assert len(folder.skipped) == 12


def test_a_link_to_a_class_that_is_gone_is_called_that(tmp_path: Path, caplog):
    folder_with(tmp_path, cats=2, dogs=2)
    (tmp_path / "birds").symlink_to("nowhere")
    (tmp_path / "notes.txt").write_text("x")
    read_folder(tmp_path, seed=0)
    assert set(caplog.messages) == {
        "left out as no file, or a link that leads nowhere: 1 (birds)",
        "left out as beside the class folders: 1 (notes.txt)",
    }


@pytest.mark.parametrize("suffix", [".NEF", ".nef", ".dng", ".ARW", ".pef", ".Rw2", ".cr2"])
@pytest.mark.parametrize("content", [b"II*\0" + bytes(40), b"MM\0*" + bytes(40), b"", b"\xff\xfe"])
def test_raw_files_are_left_out_as_such(suffix: str, content: bytes, tmp_path: Path, caplog):
    folder_with(tmp_path, cats=2, dogs=2)
    (tmp_path / "cats" / f"a{suffix}").write_bytes(content)
    (tmp_path / "dogs" / f"b{suffix}").write_bytes((tmp_path / "dogs" / "00.png").read_bytes())
    folder = read_folder(tmp_path, seed=0)
    assert len(folder.train + folder.val) == 5
    (line,) = caplog.messages
    assert line == (
        f"left out as camera raw ({suffix[1:].upper()}), which cannot be read here: 1 "
        f"(cats/a{suffix})"
    )


def test_a_git_lfs_pointer_is_named(tmp_path: Path):
    folder_with(tmp_path, cats=2, dogs=2)
    for name, line in (("a.jpg", "spec/v1"), ("b.png", "spec/v2"), ("c.NEF", "spec/v1")):
        text = f"version https://git-lfs.github.com/{line}\noid sha256:00\nsize 4\n"
        (tmp_path / "cats" / name).write_text(text)
    folder = read_folder(tmp_path, seed=0)
    assert [path.name for path in folder.skipped] == ["c.NEF"]
    for name in ("a.jpg", "b.png"):
        with pytest.raises(errors.BrokenPicture, match=f"{name}: .*git lfs pull") as caught:
            load_training_picture(tmp_path / "cats" / name, tmp_path)
        assert isinstance(caught.value.cause, errors.PointerPicture)
        assert "git lfs pull" in caught.value.message("zh")


def test_a_class_of_pictures_that_cannot_be_read_is_told_what_they_are(tmp_path: Path):
    folder_with(tmp_path, a=3, b=0)
    for n in range(4):
        (tmp_path / "b" / f"{n}.jxl").write_bytes(b"\xff\x0a" + bytes(20))
    with pytest.raises(errors.EmptyClass, match="4 as JPEG XL, which cannot be read here"):
        read_folder(tmp_path, seed=0)


def test_what_systems_leave_is_no_class(tmp_path: Path):
    folder_with(tmp_path, cats=3, dogs=3)
    names = ("@eaDir", "$RECYCLE.BIN", "lost+found", "System Volume Information", "__MACOSX")
    for name in (*names, ".git", ".ipynb_checkpoints", "#recycle", "RECYCLER"):
        write_pictures(tmp_path / name, 1)
        write_pictures(tmp_path / "cats" / name, 1)
        assert is_systems(name)
    folder = read_folder(tmp_path, seed=0)
    assert folder.classes == ("cats", "dogs")
    assert len(folder.train + folder.val) == 6
    assert len(folder.skipped) == 18


@pytest.mark.parametrize("name", ["a.jfif", "a", "a.dat", "a.JPE", "a.png", "photo.jpg.download"])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_picture_is_read_whatever_it_is_called(name: str, format: str, tmp_path: Path):
    folder_with(tmp_path, cats=2, dogs=3)
    Image.new("RGB", (9, 9), "red").save(tmp_path / "cats" / name, format)
    folder = read_folder(tmp_path, seed=0)
    assert len(folder.train + folder.val) == 6
    picture = load_training_picture(tmp_path / "cats" / name, tmp_path)
    assert picture.size == (9, 9)


def test_links_to_folders_are_followed(tmp_path: Path):
    root, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    write_pictures(elsewhere / "more" / "deep", 4)
    folder_with(root, dogs=3)
    (root / "cats").symlink_to(elsewhere, target_is_directory=True)
    (root / "dogs" / "2024").symlink_to(elsewhere / "more", target_is_directory=True)
    folder = read_folder(root, seed=0)
    assert len([p for p in folder.train + folder.val if p.label == 0]) == 4
    assert len([p for p in folder.train + folder.val if p.label == 1]) == 7


@pytest.mark.parametrize("target", [".", "..", "../..", "../cats/inner"])
def test_links_that_go_round_are_refused(target: str, tmp_path: Path):
    folder_with(tmp_path, cats__inner=3, dogs=3)
    (tmp_path / "cats" / "inner" / "loop").symlink_to(Path("..") / target)
    with pytest.raises(errors.DataError, match=r"cats/inner/loop.* leads back"):
        read_folder(tmp_path, seed=0)


@pytest.mark.parametrize(
    "spellings",
    [
        ("be\u0301be\u0301", "b\u00e9b\u00e9"),
        ("cats ", "cats"),
        (" cats", "cats"),
        ("a\u3000", "a"),
        ("ca\u200bts", "cats"),
        ("\ufeffcats", "cats"),
        ("cats \u200f", "cats"),
        ("\u202ecats\u202c", "cats"),
        ("ca\xadts", "cats"),
        ("cats\u200d", "cats"),
    ],
    ids=ascii,
)
def test_names_that_look_alike_are_one_class(spellings: tuple[str, str], tmp_path: Path, caplog):
    folder_with(tmp_path / "one", **{spellings[0]: 2, spellings[1]: 2, "dogs": 3})
    (one,) = (name for name in read_folder(tmp_path / "one", seed=0).classes if name != "dogs")
    assert one == spellings[1]
    assert len(read_folder(tmp_path / "one", seed=0).train) == 3 + 2
    assert all(ascii(name) in caplog.text for name in spellings)
    splits = {f"{part}__{name}": 2 for part, name in zip(("train", "val"), spellings, strict=True)}
    folder_with(tmp_path / "two", **splits, train__dogs=2, val__dogs=1)
    assert read_folder(tmp_path / "two", seed=0).classes == tuple(sorted((one, "dogs")))


def test_joiners_belong_to_a_name_and_do_not_tell_two_apart(tmp_path: Path):
    farmer, house = "\U0001f469\u200d\U0001f33e", "\u062e\u0627\u0646\u0647\u200c\u0647\u0627"
    folder_with(tmp_path / "one", **{farmer: 2, house: 2, house.replace("\u200c", ""): 2})
    assert len(read_folder(tmp_path / "one", seed=0).classes) == 2
    folder_with(tmp_path / "two", **{farmer: 2, house: 2})
    assert set(read_folder(tmp_path / "two", seed=0).classes) == {farmer, house}
    folder_with(tmp_path / "two", val__蚂蚁=2, train__a=2, val__a=2, **{"train__蚂\u200d蚁": 2})
    for name in (farmer, house):
        (tmp_path / "two" / name).rename(tmp_path / name)
    with pytest.raises(errors.ClassesDiffer, match=r"蚂\\u200d蚁, 蚂蚁"):
        read_folder(tmp_path / "two", seed=0)


@pytest.mark.skipif(os.name == "nt", reason="file systems of Windows know text only")
def test_names_that_are_no_utf8(tmp_path: Path, caplog):
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xe9p\xf4t"))
    folder_with(root, cats=3, dogs=3)
    (root / "cats" / "00.png").rename(os.fsdecode(os.fsencode(root / "cats") + b"/caf\xe9.png"))
    torn, notes = (os.fsencode(root / "cats") + name for name in (b"/t\xf6rn.jpg", b"/n\xf6.txt"))
    for path in (torn, notes):
        Path(os.fsdecode(path)).write_bytes(b"x")
    folder = read_folder(root, seed=0)
    assert len(folder.train + folder.val) == 7
    assert r"n\udcf6.txt" in caplog.text
    with pytest.raises(errors.BrokenPicture, match=r"cats/t\\udcf6rn\.jpg") as caught:
        load_training_picture(Path(os.fsdecode(torn)), root)
    assert str(caught.value).encode()


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
    assert not is_placeholder(tmp_path / "snow.gif")


def test_a_broken_picture_is_named_relative_to_the_folder(tmp_path: Path):
    write_pictures(tmp_path / "ants", 2)
    (tmp_path / "ants" / "torn.jpg").write_bytes(b"not a picture")
    with pytest.raises(errors.BrokenPicture) as caught:
        load_training_picture(tmp_path / "ants" / "torn.jpg", tmp_path)
    assert str(caught.value).startswith("ants/torn.jpg: This file is not a picture")
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
    assert is_placeholder(renamed)
    assert not any(is_placeholder(p.path) for p in folder.train + folder.val)
