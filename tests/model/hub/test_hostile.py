"""A Hub endpoint that means harm: it touches nothing outside the cache, and fills no disk."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import constants
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from model.hub.download import fetch
from model.hub.errors import CorruptFile, HubError, HubUnavailable
from model.hub.source import HubSettings, HubSource
from tests.hub_server import HubServer

MODEL = HubSource("me/model")
FILES = {
    "config.json": b"{}",
    "known.safetensors": b"known" * 1000,
    "model.safetensors": bytes(range(256)) * 200,
}
CLIMBS = [
    "../../../../precious",
    "../../../precious",
    "{root}/precious",
    "..",
    ".",
    "a/b",
    "x\x7fy",
]


class HostileHub(HubServer):
    """`headers` are added to its answers for files once `polite` of them were as they should be;
    `listing` replaces fields of each file in its listing; `endless` files never stop, and `cut`
    ones end in the middle, whatever range is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.headers: dict[str, str] = {}
        self.listing: dict[str, object] = {}
        self.polite, self.sent = 0, 0
        self.endless = self.cut = False

    async def info(self, request: Request) -> Response:
        answer = json.loads((await super().info(request)).body)
        for sibling in answer["siblings"]:
            sibling.update(self.listing)
        return JSONResponse(answer)

    async def resolve(self, request: Request) -> Response:
        response = await super().resolve(request)
        self.polite -= 1
        if self.polite < 0:
            response.headers.update(self.headers)
        if request.method == "HEAD" or not (self.endless or self.cut):
            return response
        headers = {k: v for k, v in response.headers.items() if k != "content-length"}
        pieces = self.pieces(b"x" * 65536) if self.endless else self.pieces(response.body[:-1])
        return StreamingResponse(pieces, 200, headers)

    async def pieces(self, piece: bytes) -> AsyncIterator[bytes]:
        self.sent += len(piece)
        yield piece
        while self.endless and self.sent < 1 << 30:
            await asyncio.sleep(0)  # to notice that nobody is there any more
            self.sent += len(piece)
            yield piece
        raise ConnectionAbortedError("cut")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HostileHub]:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with HostileHub() as server:
        server.add("me/model", FILES)
        yield server


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the cache lies, among files that are not the Hub's business."""
    for folder in (tmp_path, tmp_path / "caches", tmp_path / "caches" / "hub"):
        folder.mkdir(exist_ok=True)
        (folder / "precious").write_text("mine")
    return tmp_path


@pytest.fixture
def settings(hub: HostileHub, root: Path) -> HubSettings:
    cache = root / "caches" / "hub"
    return HubSettings(endpoint=hub.endpoint, token=hub.token, cache=cache, timeout=1.0)


def outside(settings: HubSettings) -> dict[str, str | None]:
    """All that does not belong to the repo, with its content."""
    root = settings.cache_folder.parents[1]
    return {
        str(path.relative_to(root)): path.read_text() if path.is_file() else None
        for path in root.rglob("*")
        if "models--me--model" not in path.parts and ".locks" not in path.parts
    }


@pytest.mark.parametrize("polite", [0, 1, 2])
@pytest.mark.parametrize("name", CLIMBS)
@pytest.mark.parametrize("header", ["ETag", "X-Linked-Etag", "X-Repo-Commit"])
def test_no_header_is_a_path(
    header: str, name: str, polite: int, hub: HostileHub, settings: HubSettings, root: Path
):
    """The metadata may be as it should be when first asked for, and hostile when asked again."""
    hub.headers = {header: name.format(root=root)}
    hub.polite = polite
    before = outside(settings)
    try:
        folder = fetch(MODEL, settings).folder
    except HubError:
        assert header == "X-Repo-Commit"
    else:
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES
    assert outside(settings) == before


@pytest.mark.parametrize("name", CLIMBS)
def test_a_corrupt_file_with_a_hostile_name_deletes_nothing(
    name: str, hub: HostileHub, settings: HubSettings, root: Path
):
    hub.headers = {"ETag": name.format(root=root)}
    hub.fail("file", "corrupt")
    before = outside(settings)
    with pytest.raises(CorruptFile):
        fetch(MODEL, settings)
    assert outside(settings) == before


@pytest.mark.parametrize(
    "listing",
    [
        {"blobId": "../../../../precious", "lfs": None},
        {"blobId": "g" * 40, "lfs": None},
        {"blobId": ["0" * 40], "lfs": None},
        {"blobId": None, "lfs": None},
        {"lfs": {"sha256": "../" * 20 + "precious", "size": 5, "pointerSize": 134}},
        {"lfs": {"sha256": "0" * 63 + "\n", "size": 5, "pointerSize": 134}},
        {"lfs": "sha256"},
        {"size": None},
        {"size": "10"},
        {"size": -1},
        {"size": [1]},
        {"rfilename": None},
    ],
    ids=str,
)
def test_nonsense_in_the_listing_is_an_outage(
    listing: dict, hub: HostileHub, settings: HubSettings
):
    """Whatever the answer is, it must not end the attempts, nor become a path."""
    hub.listing = listing
    before = outside(settings)
    with pytest.raises(HubError):
        fetch(MODEL, settings)
    assert outside(settings) == before
    hub.listing = {}
    assert fetch(MODEL, settings)


def test_what_arrives_is_counted_and_not_what_was_listed(hub: HostileHub, settings: HubSettings):
    hub.endless = True
    with pytest.raises(CorruptFile):
        fetch(MODEL, settings)
    assert hub.sent < 100e6  # of a gigabyte: what was on its way when the line was closed
    assert not [path for path in settings.cache_folder.rglob("*.incomplete")]


def test_a_line_that_is_always_cut_at_the_last_byte(hub: HostileHub, settings: HubSettings):
    hub.add("me/model", {**FILES, "config.json": b" " * 100_000})
    hub.cut = True
    with pytest.raises((CorruptFile, HubUnavailable)):
        fetch(MODEL, settings)
    assert hub.sent <= 8 * 100_000


def break_with_folder(pointer: Path) -> None:
    pointer.unlink()
    (pointer / "in the way").mkdir(parents=True)


def break_with_loop(pointer: Path) -> None:
    blob = pointer.resolve()
    blob.unlink()
    blob.symlink_to(blob)


def break_with_link_to_precious(pointer: Path) -> None:
    pointer.unlink()
    pointer.symlink_to(pointer.parents[3] / "precious")


def break_with_blob_to_precious(pointer: Path) -> None:
    blob = pointer.resolve()
    blob.unlink()
    blob.symlink_to(pointer.parents[3] / "precious")


@pytest.mark.parametrize(
    "spoil",
    [
        break_with_folder,
        break_with_loop,
        break_with_link_to_precious,
        break_with_blob_to_precious,
    ],
)
@pytest.mark.parametrize("corrupt", [False, True])
def test_a_strange_cache_neither_ends_the_attempts_nor_loses_a_file(
    spoil, corrupt: bool, hub: HostileHub, settings: HubSettings
):
    pointer = fetch(MODEL, settings).folder / "config.json"
    assert os.readlink(pointer)
    before = outside(settings)
    spoil(pointer)
    if corrupt:
        hub.fail("file", "corrupt")
        with contextlib.suppress(CorruptFile):  # where the good content is there no more
            fetch(MODEL, settings)
        hub.recover()
    folder = fetch(MODEL, settings).folder
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES
    assert outside(settings) == before


def test_the_limit_is_of_all_files_together(hub: HostileHub, settings: HubSettings):
    total = sum(map(len, FILES.values()))
    assert fetch(MODEL, replace(settings, max_bytes=total))
    with pytest.raises(HubError, match="MB"):
        fetch(MODEL, replace(settings, max_bytes=total - 1))
