"""The Hub's bad days, from a real server on loopback: what is served meanwhile, said and undone."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from huggingface_hub import constants

import model.hub.download
from model.errors import UserError
from model.hub.errors import CorruptFile, RepoGated, RepoNotFound
from model.hub.source import HubSettings
from model.run.origin import Origin
from model.serving.fallback import Patience, follow
from model.serving.served import Served, StillLoading
from tests.hub_server import HubServer

QUICK = Patience(before_spare=0.1, before_serving=0.3, first_pause=0.1, longest_pause=0.1)
WEIGHTS = bytes(200_000)


@dataclass(frozen=True)
class Named:
    """The least that can be a model: the name in its config.json."""

    name: str
    origin: Origin


class NoName(UserError):
    en = "config.json has no name."
    zh = "config.json 没有 name。"


def load(folder: Path, origin: Origin) -> Named:
    config = json.loads((folder / "config.json").read_text())
    if "name" not in config:
        raise NoName()
    return Named(config["name"], origin)


def files(name: str) -> dict[str, bytes]:
    config = json.dumps({"name": name} if name else {}).encode()
    return {"config.json": config, "model.safetensors": name.encode() + WEIGHTS}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with HubServer() as server:
        server.add("me/model", files("first"))
        yield server


@pytest.fixture
def bundled(tmp_path: Path) -> Path:
    folder = tmp_path / "bundled"
    folder.mkdir()
    (folder / "config.json").write_text('{"name": "bundled"}')
    return folder


Serve = Callable[..., Served[Named]]


@pytest.fixture
def serve(hub: HubServer, bundled: Path, tmp_path: Path) -> Serve:
    settings = HubSettings(
        endpoint=hub.endpoint, token=hub.read_token, cache=tmp_path / "hub", timeout=0.5
    )

    def start(source: str = "me/model", patience: Patience = QUICK, **changes) -> Served[Named]:
        how = replace(settings, **changes)
        served = Served(lambda: follow(source, bundled, load, how, patience))
        served.start()
        return served

    return start


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def name_served(served: Served[Named]) -> str:
    """The name of the model, or of the error that there is instead."""
    try:
        return served.get(10).name
    except UserError as error:
        return type(error).__name__


def head(hub: HubServer) -> str:
    return hub.repos["me/model"].refs["refs/heads/main"]


def test_a_branch_is_served_at_its_commit(hub: HubServer, serve: Serve):
    served = serve()
    assert served.get(10) == Named("first", Origin("me/model", head(hub)))
    assert served.notice is None


def test_a_pinned_commit_in_a_warm_cache_needs_no_hub(hub: HubServer, serve: Serve):
    pinned = f"me/model@{head(hub)}"
    serve(pinned).get(10)
    hub.requests.clear()
    served = serve(pinned)
    assert served.get(10).origin.revision == head(hub)
    assert served.notice is None
    assert hub.requests == []


def test_a_copied_cache_is_served_offline_or_said_to_be_of_no_use(
    hub: HubServer, serve: Serve, tmp_path: Path
):
    source = f"me/model@{head(hub)}"
    serve(source).get(10)
    shutil.copytree(tmp_path / "hub", tmp_path / "copied")  # follows the links
    away = {"cache": tmp_path / "copied", "endpoint": "http://127.0.0.1:9"}
    for each in (source, "me/model"):
        assert serve(each, **away).get(10).name == "first"
    assert serve(source, **away).notice is None
    shutil.rmtree(tmp_path / "copied" / "models--me--model" / "blobs")
    served = serve(source, **away)
    assert served.get(10).name == "bundled"
    assert served.notice is not None
    assert "A copy of me/model is in the cache, but nothing" in served.notice.message("en")
    assert "me/model 的副本" in served.notice.message("zh")


@pytest.mark.parametrize("fault", [503, "html", "stall", "lost"])
def test_an_outage_at_a_cold_start(fault: int | str, hub: HubServer, serve: Serve, caplog):
    caplog.set_level(logging.WARNING, "model.serving.served")
    hub.fail("info", fault)
    served = serve()
    assert served.get(10) == Named("bundled", Origin("bundled"))
    assert served.notice is not None
    said = served.notice.message("en")
    assert said.startswith("Serving the bundled model: the Hub did not answer")
    assert served.notice.message("zh").startswith("当前使用内置模型：Hub ")
    asked = len(hub.requests)
    wait_until(lambda: len(hub.requests) >= asked + 2)
    assert caplog.messages == [said]
    hub.recover()
    wait_until(lambda: name_served(served) == "first")
    assert served.notice is None
    assert served.get().origin.revision == head(hub)


def test_an_outage_with_an_earlier_commit_in_the_cache(hub: HubServer, serve: Serve):
    old = head(hub)
    serve().get(10)
    new = hub.add("me/model", files("second"))
    hub.fail("info", 503)
    for source in ("me/model", f"me/model@{new}"):
        served = serve(source)
        assert served.get(10) == Named("first", Origin("me/model", old))
        assert old[:12] in str(served.notice)
        assert old[:12] in served.notice.message("zh")
    hub.recover()
    wait_until(lambda: name_served(served) == "second")
    assert served.notice is None


def test_a_cached_commit_that_is_no_good_is_passed_over(hub: HubServer, serve: Serve):
    hub.add("me/model", files(""))
    assert name_served(serve()) == "NoName"
    hub.fail("info", 503)
    assert name_served(serve()) == "bundled"


def test_a_slow_hub_is_waited_for_behind_the_bundled_model(hub: HubServer, serve: Serve):
    hub.fail("file", "slow", times=2)
    served = serve()
    assert name_served(served) == "bundled"
    assert "in time" in str(served.notice)
    wait_until(lambda: name_served(served) == "first")
    assert served.notice is None


def test_with_the_default_patience_a_silent_hub_is_answered_for(hub: HubServer, serve: Serve):
    """The promise is 15 seconds from the start of the program, of which these are the Hub's."""
    hub.fail("info", "stall")
    served = serve(patience=Patience(), timeout=HubSettings().timeout)
    with pytest.raises(StillLoading):
        served.get(0.1)
    assert served.get(Patience().before_serving + 1).name == "bundled"


def test_a_wrong_model_is_an_error_and_nothing_else(hub: HubServer, serve: Serve):
    hub.add("me/gated", files("gated"))
    hub.repos["me/gated"].gated = True
    for source, error in (("me/none", RepoNotFound), ("me/gated", RepoGated)):
        served = serve(source)
        with pytest.raises(error):
            served.get(10)
    hub.repos["me/gated"].gated = False
    wait_until(lambda: name_served(served) == "gated")


def test_a_corrupt_model_is_not_replaced_until_it_is_whole(hub: HubServer, serve: Serve):
    hub.fail("file", "corrupt")
    served = serve()
    with pytest.raises(CorruptFile):
        served.get(10)
    hub.recover()
    wait_until(lambda: name_served(served) == "first")


def test_a_model_that_turns_out_to_be_wrong_ends_its_replacement(hub: HubServer, serve: Serve):
    hub.fail("info", 503, times=2)
    served = serve("me/none")
    assert name_served(served) == "bundled"
    wait_until(lambda: name_served(served) == "RepoNotFound")


def test_files_that_are_no_model_are_told_once_and_for_all(hub: HubServer, serve: Serve):
    hub.add("me/model", files(""))
    served = serve()
    assert name_served(served) == "NoName"
    asked = len(hub.requests)
    time.sleep(0.5)
    assert len(hub.requests) == asked


def test_without_even_a_bundled_model_the_outage_is_the_error(
    hub: HubServer, serve: Serve, bundled: Path
):
    (bundled / "config.json").write_text("{}")
    hub.fail("info", 503)
    assert name_served(serve()) == "HubUnavailable"


def test_a_disk_that_takes_nothing(hub: HubServer, serve: Serve, tmp_path: Path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    model.hub.download._temporary_cache.cache_clear()  # an earlier test may have made one
    served = serve(cache=tmp_path / "file" / "hub")
    assert name_served(served) == "bundled"
    assert "could not be stored" in str(served.notice)
    assert str(tmp_path) not in str(served.notice)


def test_folders_and_nonsense(serve: Serve, tmp_path: Path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text('{"name": "mine"}')
    assert serve(str(tmp_path / "mine")).get(10) == Named("mine", Origin("mine"))
    assert name_served(serve("no such thing")) == "NoSuchSource"
    assert name_served(serve(" me/model ")) == "first"
    assert name_served(serve("/none/here/at/all")) == "NoSuchSource"
