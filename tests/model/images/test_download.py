"""The download of the ants and bees, from a real server on loopback that can misbehave."""

from __future__ import annotations

import hashlib
import multiprocessing
import stat
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from model.images.download import (
    Archive,
    DownloadDamaged,
    DownloadFailed,
    DownloadNotStored,
    download_hymenoptera,
)
from model.images.folder import read_folder


def picture() -> bytes:
    file = BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG")
    return file.getvalue()


def make_zip(extra: dict[str, bytes] | None = None, link: str | None = None) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for part in ("train", "val"):
            for name in ("ants", "bees"):
                packed.writestr(f"hymenoptera_data/{part}/{name}/1.png", picture())
        packed.writestr("__MACOSX/hymenoptera_data/._x", b"x")
        for name, content in (extra or {}).items():
            packed.writestr(name, content)
        if link:
            entry = zipfile.ZipInfo(link)
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            packed.writestr(entry, "/etc")
    return file.getvalue()


class Server(ThreadingHTTPServer):
    """Serves `content`, of which only `sent` bytes arrive; `stall` then keeps the line open."""

    daemon_threads = True
    content = b""
    sent: int | None = None
    stall = 0.0
    status = 200
    asked = 0

    def archive(self, **changes) -> Archive:
        values = {
            "url": f"http://127.0.0.1:{self.server_port}/hymenoptera_data.zip",
            "sha256": hashlib.sha256(self.content).hexdigest(),
            "bytes": len(self.content),
            "folder": "hymenoptera_data",
        }
        return Archive(**{**values, **changes})


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked += 1
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        self.wfile.write(self.server.content[: self.server.sent])
        self.wfile.flush()
        time.sleep(self.server.stall)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.content = make_zip()
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


def test_downloads_once_and_what_it_leaves_can_be_trained_on(server: Server, tmp_path: Path):
    for _ in range(2):
        folder = download_hymenoptera(tmp_path / "new" / "cache", archive=server.archive())
    assert server.asked == 1
    assert read_folder(folder, seed=0).classes == ("ants", "bees")
    assert [path.name for path in folder.parent.iterdir()] == ["hymenoptera_data"]


def test_the_cache_is_torch_s(server: Server, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = download_hymenoptera(archive=server.archive())
    assert folder == tmp_path / "torch" / "datasets" / "hymenoptera_data"


Fault = Callable[[Server], Archive]


def refuse(server: Server) -> Archive:
    server.status = 503
    return server.archive()


def cut(server: Server) -> Archive:
    server.sent = 100
    return server.archive()


def stall(server: Server) -> Archive:
    server.sent, server.stall = 100, 5.0
    return server.archive()


def replace(content: bytes) -> Fault:
    def fault(server: Server) -> Archive:
        server.content = content
        return server.archive()

    return fault


def other_digest(server: Server) -> Archive:
    return server.archive(sha256="0" * 64)


def endless(server: Server) -> Archive:
    return server.archive(bytes=100)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        pytest.param(refuse, DownloadFailed, id="refused"),
        pytest.param(cut, (DownloadFailed, DownloadDamaged), id="cut"),
        pytest.param(stall, DownloadFailed, id="stalled"),
        pytest.param(other_digest, DownloadDamaged, id="wrong digest"),
        pytest.param(endless, DownloadDamaged, id="more bytes than announced"),
        pytest.param(replace(b"<html>log in to the wifi"), DownloadDamaged, id="no zip"),
        pytest.param(replace(make_zip({"../evil": b"x"})), DownloadDamaged, id="dot dot"),
        pytest.param(replace(make_zip({"/tmp/evil": b"x"})), DownloadDamaged, id="absolute"),
        pytest.param(replace(make_zip({"a\\..\\evil": b"x"})), DownloadDamaged, id="backslash"),
        pytest.param(replace(make_zip(link="hymenoptera_data/l")), DownloadDamaged, id="link"),
    ],
)
def test_a_bad_download_leaves_nothing(
    fault: Fault, error: type[Exception], server: Server, tmp_path: Path
):
    with pytest.raises(error) as caught:
        download_hymenoptera(tmp_path / "cache", archive=fault(server), timeout=0.5)
    assert "127.0.0.1" in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_a_zip_that_unfolds_to_gigabytes_is_refused(server: Server, tmp_path: Path):
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("hymenoptera_data/zeros", bytes(30_000_000))
    with pytest.raises(DownloadDamaged, match="too much"):
        download_hymenoptera(tmp_path, archive=replace(file.getvalue())(server))


def test_nobody_listens(tmp_path: Path, server: Server):
    archive = server.archive(url="http://127.0.0.1:9/hymenoptera_data.zip")
    with pytest.raises(DownloadFailed) as caught:
        download_hymenoptera(tmp_path, archive=archive)
    assert "--data" in str(caught.value)


def test_a_cache_that_cannot_be_written(server: Server, tmp_path: Path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(DownloadNotStored):
        download_hymenoptera(tmp_path / "cache", archive=server.archive())


def test_two_processes_at_once(server: Server, tmp_path: Path):
    fork = multiprocessing.get_context("spawn")
    with fork.Pool(2) as pool:
        tasks = [
            pool.apply_async(download_hymenoptera, (tmp_path,), {"archive": server.archive()})
            for _ in range(2)
        ]
        folders = [task.get(60) for task in tasks]
    assert folders == [tmp_path / "hymenoptera_data"] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["hymenoptera_data"]
