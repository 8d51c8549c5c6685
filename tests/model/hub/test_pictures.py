"""Pictures from a Hub on loopback: pinned, verified, and whatever is wrong by its name."""

from __future__ import annotations

import json
import multiprocessing
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import constants, scan_cache_dir
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from model.hub import errors
from model.hub.locate import Located, locate, pin
from model.hub.source import HubSettings
from model.images.folder import scan_folder
from model.run.origin import Origin
from model.run.progress import Silence
from tests.hub_server import HubServer, flip
from tests.pictures import make_data

NAME = "me/photos"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A dataset of two classes as it lies on the Hub."""
    return contents(make_data(tmp_path_factory.mktemp("made") / "data", train=3, val=1))


@pytest.fixture
def hub(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
    with HubServer() as server:
        beside = {"README.md": b"# Photos", ".gitattributes": b"", "train/labels.csv": b"a,b"}
        server.add(f"datasets/{NAME}", {**files, **beside, "__MACOSX/train/x.png": b"x"})
        yield server


@pytest.fixture
def settings(hub: HubServer, tmp_path: Path) -> HubSettings:
    return HubSettings(endpoint=hub.endpoint, token=hub.token, cache=tmp_path / "hub", timeout=0.5)


class Lines(Silence):
    """Keeps what is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def line(self, text: str) -> None:
        self.told.append(text)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def get(source: str, settings: HubSettings, reporter: Silence | None = None) -> Located:
    return locate(source, settings, repo_type="dataset", reporter=reporter)


def head(hub: HubServer, name: str = NAME) -> str:
    return hub.repos[f"datasets/{name}"].refs["refs/heads/main"]


def test_a_branch_becomes_a_commit_that_is_said_and_only_pictures_are_downloaded(
    hub: HubServer, settings: HubSettings, files: dict[str, bytes]
):
    lines = Lines()
    found = get(NAME, settings, lines)
    assert found.origin == Origin(NAME, head(hub))
    assert lines.told == [f"{NAME}@{head(hub)}: 8 pictures, 1 MB"]
    assert contents(found.folder) == files
    assert pin(NAME, settings, repo_type="dataset") == f"{NAME}@{head(hub)}"
    assert not scan_cache_dir(settings.cache).warnings


def test_what_is_downloaded_is_scanned_as_a_folder_is(hub: HubServer, settings: HubSettings):
    folder, problems = scan_folder(get(NAME, settings).folder, seed=0)
    assert (problems, folder.classes, folder.skipped) == ([], ("blue", "red"), ())
    assert (len(folder.train), len(folder.val)) == (6, 2)


def test_a_warm_cache_at_a_commit_makes_no_request(hub: HubServer, settings: HubSettings):
    first, lines = get(NAME, settings), Lines()
    hub.requests.clear()
    assert get(f"{NAME}@{head(hub)}", settings, lines) == first
    assert hub.requests == []
    assert lines.told == [f"{NAME}@{head(hub)}: in the cache"]


def test_a_later_commit_downloads_the_new_pictures_only(
    hub: HubServer, settings: HubSettings, files: dict[str, bytes]
):
    old, before = get(NAME, settings), head(hub)
    hub.add(f"datasets/{NAME}", {**files, "train/red/new.png": b"new"})
    hub.requests.clear()
    assert contents(get(NAME, settings).folder) == {**files, "train/red/new.png": b"new"}
    assert sum("/resolve/" in each for each in hub.requests) == 1
    assert get(f"{NAME}@{before}", settings) == old
    assert contents(old.folder) == files


def test_a_folder_of_that_name_comes_first(
    hub: HubServer, settings: HubSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / NAME).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert get(NAME, settings) == Located(Path(NAME), Origin("photos"))
    assert hub.requests == []


@pytest.mark.parametrize(
    ("moved", "root"),
    [
        (lambda name: name, ""),
        (lambda name: f"data/{name}", "data"),
        (lambda name: f"a/b/{name}", "a/b"),
        (lambda name: name.split("/", 1)[1].replace("/", f"/{name[0]}"), ""),  # classes at the top
        (lambda name: re.sub(r"val/(\w+)/", r"train/\1/val", name), "train"),
        (lambda name: name.replace("/0", "/deep/0"), ""),
    ],
    ids=["splits", "in a folder", "in two", "classes", "train alone", "deeper"],
)
def test_wherever_the_classes_lie(moved, root: str, hub, settings, files: dict[str, bytes]):
    commit = hub.add("datasets/me/moved", {moved(name): files[name] for name in files})
    for _ in range(2):  # downloaded, and from the cache
        folder = get(f"me/moved@{commit}", settings).folder
        assert folder == settings.storage("me/moved", "dataset") / "snapshots" / commit / root
        found, problems = scan_folder(folder, seed=0)
        assert problems == []
        assert len(found.train) + len(found.val) == len(files)


def test_one_class_is_told_as_in_a_folder(hub: HubServer, settings: HubSettings):
    hub.add("datasets/me/one", {"train/red/0.png": b"x", "train/red/1.png": b"y"})
    _, problems = scan_folder(get("me/one", settings).folder, seed=0)
    assert "at least; it has 1: red" in str(problems[0])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda record, picture: picture.unlink(),
        lambda record, picture: flip(picture.resolve()),
        lambda record, picture: record.unlink(),
        lambda record, picture: record.write_bytes(record.read_bytes()[:50]),
        lambda record, picture: record.write_text("[1]"),
    ],
    ids=["a picture gone", "a bit flipped", "never finished", "record cut", "no record"],
)
def test_a_cache_that_lacks_or_spoilt_something_is_not_believed(
    spoil, hub: HubServer, settings: HubSettings, files: dict[str, bytes]
):
    source = f"{NAME}@{head(hub)}"
    folder = get(source, settings).folder
    record = settings.storage(NAME, "dataset") / "pictures" / f"{head(hub)}.json"
    spoil(record, folder / "train" / "red" / "0.png")
    hub.fail("info", 503)
    with pytest.raises(errors.HubUnavailable) as caught:
        get(source, settings)
    assert source in str(caught.value)
    hub.recover()
    assert contents(get(source, settings).folder) == files


def test_what_was_broken_off_is_not_downloaded_again(hub: HubServer, settings: HubSettings):
    hub.add("datasets/me/big", {f"{name}/{n}.png": b"%d" % n for name in "ab" for n in range(99)})
    hub.fail("file", 503, times=1)
    with pytest.raises(errors.SourceNotFetched, match="503"):
        get("me/big", settings)
    hub.requests.clear()
    assert len(contents(get("me/big", settings).folder)) == 198
    assert 0 < sum("/resolve/" in each for each in hub.requests) < 198


def test_what_is_wrong_is_named(hub: HubServer, settings: HubSettings, files: dict[str, bytes]):
    hub.add("datasets/me/gated", files)
    hub.repos["datasets/me/gated"].gated = True
    hub.add("datasets/me/private", files)
    hub.repos["datasets/me/private"].private = True
    hub.add("datasets/me/parquet", {"README.md": b"", "data/train-0.parquet": b"", ".git": b""})
    hub.add("datasets/me/zip", {"photos.zip": b""})
    hub.add("datasets/me/empty", {})
    hub.add("me/model", {"config.json": b"{}"})
    reader = replace(settings, token=hub.read_token)
    cases = [
        ("me/none", settings, errors.RepoNotFound, "no dataset me/none", "数据集"),
        ("me/model", settings, errors.RepoNotFound, "no dataset me/model", "数据集"),
        ("me/private", reader, errors.RepoNotFound, "private dataset set HF_TOKEN", "私有"),
        ("me/gated", reader, errors.RepoGated, "dataset me/gated is gated", "数据集"),
        (f"{NAME}@v9", settings, errors.RevisionUnknown, "dataset me/photos has no", "v9"),
        (f"{NAME}@{'0' * 40}", settings, errors.RevisionUnknown, "0000", "0000"),
        ("me/parquet", settings, errors.NoPictureFiles, "README.md, data/train-0.par", "Parquet"),
        ("me/zip", settings, errors.NoPictureFiles, "but photos.zip", "photos.zip"),
        ("me/empty", settings, errors.NoPictureFiles, "–", "图片"),
        (NAME, replace(settings, max_picture_bytes=100), errors.TooManyPictures, "0 MB", "MB"),
        (NAME, replace(settings, max_files=11), errors.TooManyPictures, "11 files", "11 个文件"),
        ("photos", settings, errors.NoSuchSource, "nor a Hub dataset", "数据集"),
        ("", settings, errors.NoSuchSource, "''", "数据集"),
    ]
    for source, how, error, words, zh in cases:
        with pytest.raises(error) as caught:
            get(source, how)
        assert words in str(caught.value)
        assert zh in caught.value.message("zh")
        assert hub.token not in str(caught.value) + caught.value.message("zh")
    assert get(NAME, replace(settings, max_files=12)).origin.source == NAME


class HostileHub(HubServer):
    """Lists one more file."""

    def __init__(self, extra: dict) -> None:
        super().__init__()
        self.extra = extra

    async def info(self, request: Request) -> Response:
        answer = json.loads((await super().info(request)).body)
        answer["siblings"].append(self.extra)
        return JSONResponse(answer)


@pytest.mark.parametrize(
    "name", ["../../x.png", "/x.png", "a/../../x.png", "a//x.png", "./x.png", "a/\0.png", None, 3]
)
@pytest.mark.parametrize("blob", ["0" * 40, "../../../../x", None])
def test_no_name_of_the_listing_leads_out_of_the_cache(
    name, blob, files: dict[str, bytes], tmp_path: Path
):
    with HostileHub({"rfilename": name, "size": 1, "blobId": blob}) as hub:
        hub.add(f"datasets/{NAME}", files)
        cache = tmp_path / "a" / "b" / "hub"
        with pytest.raises(errors.HubUnavailable):
            get(NAME, HubSettings(endpoint=hub.endpoint, cache=cache, timeout=1.0))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("what", [503, "html", "stall"])
def test_an_outage_is_told_with_what_was_asked_for(
    what: int | str, hub: HubServer, settings: HubSettings
):
    hub.fail("info", what)
    with pytest.raises(errors.SourceNotFetched, match="'me/photos' is no folder here"):
        get(NAME, settings)


def test_one_flipped_bit_on_the_way_is_mended(
    hub: HubServer, settings: HubSettings, files: dict[str, bytes]
):
    hub.fail("file", "corrupt", times=1)
    assert contents(get(NAME, settings).folder) == files


def test_a_cache_that_cannot_be_written(hub: HubServer, settings: HubSettings, tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(errors.CacheNotWritable, match="HF_HOME"):
        get(NAME, replace(settings, cache=tmp_path / "file" / "hub"))


def fetch_contents(settings: HubSettings) -> dict[str, bytes]:
    return contents(get(NAME, settings).folder)


@pytest.mark.slow
def test_of_several_processes_one_downloads(
    hub: HubServer, settings: HubSettings, files: dict[str, bytes]
):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert pool.map(fetch_contents, [settings] * 3, chunksize=1) == [files] * 3
    assert sum("/resolve/" in each for each in hub.requests) == len(files)
