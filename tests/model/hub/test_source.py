"""Models from a Hub on loopback: pinned, verified, and whatever is wrong by its name."""

from __future__ import annotations

import ctypes
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import constants

from model.hub.cache import cached_snapshots, find_cached, mark_good, with_copies_blamed
from model.hub.download import fetch
from model.hub.errors import (
    AccessDenied,
    CorruptFile,
    HubSlow,
    HubUnavailable,
    MissingFile,
    NoSuchSource,
    RepoGated,
    RepoNotFound,
    RevisionUnknown,
    TooLarge,
)
from model.hub.source import HubSettings, HubSource, parse_source
from tests.hub_server import HubServer, flip, sha256

ROOT = Path(__file__).parents[3]
MODEL = HubSource("me/model")
FILES = {
    "config.json": json.dumps({"known_threshold": 0.5}).encode(),
    "known.safetensors": b"known" * 1000,
    "metrics.json": b"{}",
    "model.safetensors": bytes(range(256)) * 2000,
    "README.md": b"# A model",
    "curves.png": b"png",
}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with HubServer() as server:
        server.add("me/model", FILES)
        yield server


@pytest.fixture
def settings(hub: HubServer, tmp_path: Path) -> HubSettings:
    return HubSettings(endpoint=hub.endpoint, token=hub.token, cache=tmp_path / "hub", timeout=1.0)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_a_source_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    assert parse_source("runs/mine") == Path("runs/mine")
    assert parse_source(str(tmp_path)) == tmp_path
    assert parse_source("runs/other") == HubSource("runs/other", "main")
    assert parse_source("me/m@v1.0") == HubSource("me/m", "v1.0")
    assert parse_source("me/m@refs/pr/1") == HubSource("me/m", "refs/pr/1")
    assert parse_source("me/m@" + "a" * 40).is_pinned
    assert parse_source(" me/m@v1.0\n") == HubSource("me/m", "v1.0")  # as pasted into a form
    assert parse_source("runs/mine ") == Path("runs/mine")
    (tmp_path / "photos ").mkdir()
    assert parse_source("photos ") == Path("photos ")
    for bad in (
        "",
        " ",
        "nothing",
        "a/b/c",
        "/none",
        "./a/b",
        "me/m@",
        "me/m@../x",
        "../m",
        "me/--",
        "a b/c",
        "me/m\u200b",
    ):
        with pytest.raises(NoSuchSource) as caught:
            parse_source(bad)
        for language in ("en", "zh"):
            assert repr(bad) in caught.value.message(language)


def test_a_branch_becomes_a_commit_and_only_what_is_needed_is_downloaded(
    hub: HubServer, settings: HubSettings
):
    snapshot = fetch(MODEL, settings)
    assert snapshot.commit == hub.repos["me/model"].refs["refs/heads/main"]
    unneeded = {"README.md", "curves.png"}
    assert contents(snapshot.folder) == {k: v for k, v in FILES.items() if k not in unneeded}


def test_a_warm_cache_at_a_commit_makes_no_request(hub: HubServer, settings: HubSettings):
    snapshot = fetch(MODEL, settings)
    hub.requests.clear()
    assert find_cached("me/model", snapshot.commit, settings) == snapshot
    assert hub.requests == []


def test_a_warm_cache_at_a_branch_makes_one_request(hub: HubServer, settings: HubSettings):
    fetch(MODEL, settings)
    hub.requests.clear()
    fetch(MODEL, settings)
    assert hub.requests == ["GET /api/models/me/model/revision/main"]


def raise_os_error(*_: object, **__: object) -> None:
    raise OSError("no links here")


def test_without_symbolic_links_the_cache_is_believed_all_the_same(
    hub: HubServer, settings: HubSettings, monkeypatch: pytest.MonkeyPatch
):
    """As on Windows, where links need a privilege."""
    monkeypatch.setattr("os.symlink", raise_os_error)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_SYMLINKS", True, raising=False)
    snapshot = fetch(MODEL, settings)
    assert not (snapshot.folder / "config.json").is_symlink()
    hub.requests.clear()
    assert find_cached("me/model", snapshot.commit, settings) == snapshot
    assert hub.requests == []


def test_without_any_links_the_hub_is_asked_for_hashes_only(
    hub: HubServer, settings: HubSettings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("os.symlink", raise_os_error)
    monkeypatch.setattr("os.link", raise_os_error)
    snapshot = fetch(MODEL, settings)
    assert find_cached("me/model", snapshot.commit, settings) is None
    hub.requests.clear()
    assert fetch(MODEL, settings) == snapshot
    assert hub.requests == ["GET /api/models/me/model/revision/main"]


@pytest.fixture
def copied(hub: HubServer, settings: HubSettings, tmp_path: Path) -> HubSettings:
    """A cache of one commit that was copied as `cp -rL` does, links followed."""
    fetch(MODEL, settings)
    shutil.copytree(settings.cache_folder, tmp_path / "copied")
    assert not [path for path in (tmp_path / "copied").rglob("*") if path.is_symlink()]
    return replace(settings, cache=tmp_path / "copied")


def test_a_copied_cache_is_verified_and_believed(hub: HubServer, copied: HubSettings):
    commit = hub.repos["me/model"].refs["refs/heads/main"]
    (copied.storage("me/model") / "blobs" / "notes.txt").write_text("no content's name")
    hub.requests.clear()
    snapshot = find_cached("me/model", commit, copied)
    assert snapshot is not None
    assert contents(snapshot.folder).items() <= FILES.items()
    assert list(cached_snapshots("me/model", copied)) == [snapshot]
    assert hub.requests == []
    outage = HubSlow()
    assert with_copies_blamed(outage, "me/model", copied) is outage


@pytest.mark.parametrize(
    "spoil",
    [
        lambda repo, files: flip(files / "model.safetensors"),
        lambda repo, files: flip(files / "config.json"),
        lambda repo, files: (files / "model.safetensors").write_text("../../blobs/0123"),
        lambda repo, files: shutil.rmtree(repo / "blobs"),
        lambda repo, files: (repo / "blobs" / sha256(FILES["model.safetensors"])).unlink(),
    ],
    ids=["weights", "config", "a link as text", "no blobs", "no blob"],
)
def test_a_copied_cache_that_cannot_be_verified_is_not_believed_and_that_is_said(
    spoil, hub: HubServer, copied: HubSettings
):
    (files,) = (copied.storage("me/model") / "snapshots").iterdir()
    spoil(copied.storage("me/model"), files)
    assert find_cached("me/model", files.name, copied) is None
    said = with_copies_blamed(HubUnavailable(reason="HTTP 503"), "me/model", copied)
    for language, words in (("en", "A copy of me/model is in the cache"), ("zh", "的副本")):
        assert "503" in said.message(language)
        assert words in said.message(language)
    assert isinstance(said, HubUnavailable)
    shutil.rmtree(files)
    assert type(with_copies_blamed(HubSlow(), "me/model", copied)) is HubSlow
    assert contents(fetch(MODEL, copied).folder).items() <= FILES.items()


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "known.safetensors"])
def test_a_cache_that_lacks_or_spoilt_a_file_is_not_believed(
    name: str, hub: HubServer, settings: HubSettings
):
    snapshot = fetch(MODEL, settings)
    path = snapshot.folder / name
    spoilt = bytearray(path.read_bytes())
    spoilt[len(spoilt) // 2] ^= 1
    path.resolve().write_bytes(spoilt)
    assert find_cached("me/model", snapshot.commit, settings) is None
    assert contents(fetch(MODEL, settings).folder)[name] == FILES[name]
    path.unlink()
    assert find_cached("me/model", snapshot.commit, settings) is None
    assert fetch(MODEL, settings) == snapshot


def test_a_file_that_another_program_did_not_need_is_fetched(hub: HubServer, settings: HubSettings):
    """timm and transformers share the cache, and know nothing of known.safetensors."""
    snapshot = fetch(MODEL, settings)
    (snapshot.folder / "known.safetensors").unlink()
    assert find_cached("me/model", snapshot.commit, settings) is None
    plain = hub.add("me/plain", {"config.json": b"{}", "model.safetensors": b"x"})
    fetch(HubSource("me/plain"), settings)
    assert find_cached("me/plain", plain, settings)


def test_the_commit_that_was_served_last_comes_first(hub: HubServer, settings: HubSettings):
    first = fetch(MODEL, settings)
    hub.add("me/model", {**FILES, "model.safetensors": b"second"})
    second = fetch(MODEL, settings)
    mark_good(second)
    assert [s.commit for s in cached_snapshots("me/model", settings)] == [
        second.commit,
        first.commit,
    ]
    time.sleep(0.01)
    mark_good(first)
    assert next(cached_snapshots("me/model", settings)) == first


def test_one_flipped_bit_on_the_way_is_mended(hub: HubServer, settings: HubSettings):
    hub.fail("file", "corrupt", times=1)
    assert contents(fetch(MODEL, settings).folder)["config.json"] == FILES["config.json"]


def test_a_corrupt_file_is_refused_and_leaves_nothing_behind(hub: HubServer, settings: HubSettings):
    hub.fail("file", "corrupt")
    with pytest.raises(CorruptFile, match=r"config\.json of me/model"):
        fetch(MODEL, settings)
    repo = settings.cache_folder / "models--me--model"
    assert not [path for path in (repo / "blobs").iterdir() if path.is_file()]
    assert not [path for path in (repo / "snapshots").rglob("*") if path.is_symlink()]


def test_what_is_wrong_is_named(hub: HubServer, settings: HubSettings):
    hub.add("me/gated", FILES)
    hub.repos["me/gated"].gated = True
    hub.add("me/private", FILES)
    hub.repos["me/private"].private = True
    hub.add("me/empty", {"README.md": b""})
    reader = replace(settings, token=hub.read_token)
    small = replace(settings, max_bytes=1000)
    cases = [
        (HubSource("me/none"), settings, RepoNotFound, "me/none"),
        (HubSource("me/private"), reader, RepoNotFound, "HF_TOKEN"),
        (HubSource("me/gated"), reader, RepoGated, "Ask for access"),
        (HubSource("me/model", "v9"), settings, RevisionUnknown, "v9"),
        (HubSource("me/model", "0" * 40), settings, RevisionUnknown, "0000"),
        (HubSource("me/empty"), settings, MissingFile, "config.json"),
        (MODEL, small, TooLarge, "MB"),
    ]
    for source, how, error, words in cases:
        with pytest.raises(error) as caught:
            fetch(source, how)
        assert words in str(caught.value)
        assert not caught.value.message("zh").isascii()
        assert hub.token not in str(caught.value) + caught.value.message("zh")


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("kind", ["info", "resolve"])
def test_a_refused_token(status: int, kind: str, hub: HubServer, settings: HubSettings):
    hub.fail(kind, status)
    with pytest.raises(AccessDenied, match=str(status)):
        fetch(MODEL, settings)


@pytest.mark.parametrize("what", [503, 429, 408, "html", "stall"])
@pytest.mark.parametrize("kind", ["info", "resolve"])
def test_an_outage_is_not_called_a_wrong_model(
    kind: str, what: int | str, hub: HubServer, settings: HubSettings
):
    hub.fail(kind, what)
    with pytest.raises(HubUnavailable):
        fetch(MODEL, replace(settings, timeout=0.2))


def test_what_somebody_elses_repo_holds_is_said(hub: HubServer, settings: HubSettings):
    hub.add("you/bert", {"config.json": b"{}", "pytorch_model.bin": b"x", "vocab.txt": b"a"})
    hub.add("you/flux", {f"{name}.json": b"{}" for name in "abcdefgh"})
    hub.add("you/none", {})
    for repo, missing, held in (
        ("bert", "model.safetensors", "config.json, pytorch_model.bin, vocab.txt"),
        ("flux", "config.json", "a.json, b.json, c.json, d.json, e.json …"),
        ("none", "config.json", "–"),
    ):
        with pytest.raises(MissingFile) as caught:
            fetch(HubSource(f"you/{repo}"), settings)
        for language in ("en", "zh"):
            said = caught.value.message(language)
            assert missing in said
            assert held in said
            assert "train.py push" in said


def test_nobody_listens(settings: HubSettings):
    with pytest.raises(HubUnavailable) as caught:
        fetch(MODEL, replace(settings, endpoint="http://127.0.0.1:9"))
    assert "ConnectError" in str(caught.value)


def test_an_answer_for_another_commit_is_an_outage(hub: HubServer, settings: HubSettings):
    """Such as from a mirror that does not know commits."""
    repo = hub.repos["me/model"]
    repo.refs["0" * 40] = repo.refs["refs/heads/main"]
    with pytest.raises(HubUnavailable, match="it answered for commit"):
        fetch(HubSource("me/model", "0" * 40), settings)


def test_a_cache_folder_that_cannot_be_used(
    hub: HubServer, settings: HubSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "file").write_text("in the way")
    snapshot = fetch(MODEL, replace(settings, cache=tmp_path / "file" / "hub"))
    assert contents(snapshot.folder)["model.safetensors"] == FILES["model.safetensors"]
    assert tmp_path not in snapshot.folder.parents
    assert "temporary folder" in caplog.text


def python(code: str, settings: HubSettings, **options) -> subprocess.Popen:
    """A process of its own, in which `settings` and `fetch` are at hand."""
    start = (
        "from pathlib import Path; from model.hub.source import *\n"
        "from model.hub.download import fetch; from model.hub.errors import CacheNotWritable\n"
        f"settings = HubSettings(endpoint={settings.endpoint!r}, token={settings.token!r},"
        f" cache=Path({str(settings.cache)!r}))\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", start + code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def shed_root() -> None:
    """Root may write to read-only folders until it gives up these two capabilities (and execs)."""
    if os.getuid() == 0:
        drop, dac_override, dac_read_search = 24, 1, 2  # prctl(2), capabilities(7)
        for capability in (dac_override, dac_read_search):
            assert ctypes.CDLL(None).prctl(drop, capability, 0, 0, 0) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="sheds root's rights the Linux way")
def test_a_read_only_cache(hub: HubServer, settings: HubSettings):
    settings.cache_folder.mkdir()
    settings.cache_folder.chmod(0o555)
    code = "print(fetch(HubSource('me/model'), settings).folder.name)"
    output, log = python(code, settings, preexec_fn=shed_root).communicate(timeout=60)
    assert output.strip() == hub.repos["me/model"].refs["refs/heads/main"], log
    assert "using a temporary folder" in log
    assert list(settings.cache_folder.iterdir()) == []


def test_a_full_disk(hub: HubServer, settings: HubSettings):
    """No file may grow beyond 10 kB: neither the cache nor the temporary folder can take it."""
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "try: fetch(HubSource('me/model'), settings)\n"
        "except CacheNotWritable as error: print(error)"
    )
    output, log = python(code, settings).communicate(timeout=60)
    assert output.startswith("What the Hub sent could not be stored"), log
    files = settings.cache_folder.rglob("*")
    assert not [path for path in files if path.suffix == ".incomplete"]


def fetch_model(settings: HubSettings) -> dict[str, bytes]:
    return contents(fetch(MODEL, settings).folder)


def test_several_processes_on_a_cold_cache(hub: HubServer, settings: HubSettings):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        results = pool.map(fetch_model, [settings] * 6, chunksize=1)
    assert all(result["model.safetensors"] == FILES["model.safetensors"] for result in results)


def test_a_kill_in_mid_download(hub: HubServer, settings: HubSettings):
    hub.fail("file", "slow")
    process = python("fetch(HubSource('me/model'), settings)", settings)
    blobs = settings.cache_folder / "models--me--model" / "blobs"
    deadline = time.monotonic() + 30
    while not list(blobs.glob(f"{sha256(FILES['model.safetensors'])}*.incomplete")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    hub.recover()
    commit = hub.repos["me/model"].refs["refs/heads/main"]
    assert find_cached("me/model", commit, settings) is None
    assert list(cached_snapshots("me/model", settings)) == []
    assert fetch_model(settings)["model.safetensors"] == FILES["model.safetensors"]
