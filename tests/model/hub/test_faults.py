"""Every fault that the shared Hub stand-in can inject, on loading and on publishing.

The stand-in is a larger Hub than tests/hub_server.py (redirects, a CDN of another origin, Xet) and
lies beside the project where the project is developed; elsewhere these tests are skipped.
"""

from __future__ import annotations

import importlib.util
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants

from model.errors import UserError
from model.hub import publish
from model.hub.errors import NothingPublished, SourceNotFetched, TokenRefused, WrongRepo
from model.hub.locate import locate
from model.hub.publish import Destination, push_run
from model.hub.source import HubSettings
from model.run.origin import Origin
from model.serving.fallback import Patience, follow
from model.serving.served import Served
from tests.pictures import make_data

ROOT = Path(__file__).parents[3]
STAND_IN = ROOT.parent / "shared" / "hub_stand_in" / "hubserver.py"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not STAND_IN.is_file(), reason="the shared Hub stand-in is not beside the project"
    ),
]
WEIGHTS = random.Random(0).randbytes(3 << 20)
PATIENCE = Patience(before_spare=0.1, before_serving=1.5, first_pause=0.2, longest_pause=0.5)

# An outage: the bundled model answers, with a notice.
OUTAGES = [
    "503",
    "500",
    "502",
    "504",
    "408",
    "429",
    "429-ratelimit",
    "503@info",
    "503@resolve",
    "503@cdn",
    "429@resolve",
    "stall",
    "stall@info",
    "stall@resolve",
    "stall@cdn",
    "stall-body",
    "slow:rate=500000",
    "truncate",
    "reset",
    "short",
    "html",
    "no-commit-header",
    "disconnect",
    "disconnect@info",
    "disconnect@cdn",
    "reset@info",
    "reset@resolve",
    "404@cdn",
]
# The model is wrong, or is not given to us: its error, and no other model.
WRONG = {
    "corrupt": "CorruptFile",
    "gated": "RepoGated",
    "private": "RepoNotFound",
    "norepo": "RepoNotFound",
    "norev": "RevisionUnknown",
    "noentry": "MissingFile",
    "unauthorized": "AccessDenied",
    "403@resolve": "AccessDenied",
}
# Harmless: the model itself is served.
HARMLESS = [
    "delay:secs=0.05",
    "503@whoami",
    "corrupt:times=1",
    "truncate:times=1",
    "slow:rate=9e8",
    "no-etag",
]


@pytest.fixture(scope="module")
def server_class():
    spec = importlib.util.spec_from_file_location("hubserver", STAND_IN)
    module = importlib.util.module_from_spec(spec)
    sys.modules["hubserver"] = module
    spec.loader.exec_module(module)
    return module.HubServer


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    (folder / "config.json").write_text('{"name": "wanted"}')
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# USER/REPO\n")
    return folder


@pytest.fixture
def hub(server_class, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(publish, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(publish, "SILENCE", 1.0)
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
    with server_class(tmp_path / "server", "hf_test", user="me") as server:
        yield server


@pytest.fixture
def settings(hub, tmp_path: Path) -> HubSettings:
    cache = tmp_path / "hub"
    return HubSettings(endpoint=hub.endpoint, token="hf_test", cache=cache, timeout=1.0)


@pytest.fixture
def serve(hub, settings: HubSettings, run: Path, tmp_path: Path) -> Callable[[], Served[str]]:
    """Starts serving me/model: a model is the name in its config.json."""
    bundled = tmp_path / "bundled"
    bundled.mkdir()
    (bundled / "config.json").write_text('{"name": "bundled"}')
    push_run(run, Destination("me/model"), settings)
    hub.clear_log()

    def load(folder: Path, origin: Origin) -> str:
        return json.loads((folder / "config.json").read_text())["name"]

    def start() -> Served[str]:
        served = Served(lambda: follow("me/model", bundled, load, settings, PATIENCE))
        served.start()
        return served

    return start


def answer(served: Served[str]) -> str:
    """The model's name or its error's; StillLoading after the 15 seconds that are promised."""
    try:
        return served.get(15)
    except UserError as error:
        return type(error).__name__


def becomes(served: Served[str], name: str) -> bool:
    deadline = time.monotonic() + 30
    while answer(served) != name and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer(served) == name


@pytest.mark.parametrize("fault", OUTAGES)
def test_an_outage_is_bridged_and_then_over(fault: str, hub, serve):
    hub.fail(fault)
    served = serve()
    assert answer(served) == "bundled"
    assert served.notice is not None
    hub.clear_faults()
    assert becomes(served, "wanted")
    assert served.notice is None
    assert not [request for request in hub.requests() if request.get("token_sent_to_cdn")]


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_model_is_said_to_be_so(fault: str, hub, serve):
    hub.fail(fault)
    served = serve()
    assert answer(served) == WRONG[fault]
    hub.clear_faults()
    assert becomes(served, "wanted")


@pytest.mark.parametrize("fault", HARMLESS)
def test_a_hiccup_is_not_noticed(fault: str, hub, serve):
    hub.fail(fault)
    served = serve()
    assert becomes(served, "wanted")
    assert served.notice is None


def history(hub) -> list[str]:
    repo = hub.repo("model", "me/new")
    return [commit["title"] for commit in repo.log()] if repo else []


PASSING = [
    "503@create",
    "503@commit",
    "503@preupload",
    "429@commit",
    "disconnect@commit",
    "reset@commit",
    "lost-commit",
    "503@lfs-put",
    "disconnect@lfs-batch",
    "html",
    "truncate@commit",
]


@pytest.mark.parametrize("fault", PASSING)
def test_a_passing_fault_ends_in_one_commit(fault: str, hub, settings: HubSettings, run: Path):
    hub.fail(f"{fault}:times=1")
    published = push_run(run, Destination("me/new"), settings)
    assert (
        history(hub).count("Publish a classifier") + history(hub).count("Publish a regressor") == 1
    )
    repo = hub.repo("model", "me/new")
    assert published.commit == repo.head
    assert repo.read("model.safetensors") == WEIGHTS
    assert repo.read("README.md").endswith(b"# me/new\n")


@pytest.mark.parametrize("fault", ["503@commit", "401@whoami", "403@create", "corrupt-upload"])
def test_a_lasting_fault_ends_in_nothing(fault: str, hub, settings: HubSettings, run: Path):
    hub.fail(fault)
    with pytest.raises((NothingPublished, TokenRefused)):
        push_run(run, Destination("me/new"), settings)
    assert not [title for title in history(hub) if title.startswith("Publish")]


@pytest.mark.parametrize("kind", ["whoami", "create", "commit", "preupload"])
def test_a_silent_hub(kind: str, hub, settings: HubSettings, run: Path):
    hub.fail(f"stall@{kind}:times=1")
    push_run(run, Destination("me/new"), settings)
    assert len([title for title in history(hub) if title.startswith("Publish")]) == 1


def test_by_xet_and_from_the_environment(server_class, run: Path, tmp_path: Path):
    """As the command line does it: HF_ENDPOINT, HF_TOKEN and HF_HOME, uploads through Xet."""
    code = (
        "import sys; from pathlib import Path\n"
        "from model.hub.source import *; from model.hub.publish import *\n"
        "from model.hub.digest import content_id; from model.hub.download import fetch\n"
        "published = push_run(Path(sys.argv[1]), Destination('me/new'))\n"
        "print(published)\n"
        "snapshot = fetch(HubSource('me/new', published.commit), HubSettings())\n"
        "print(content_id((snapshot.folder / 'model.safetensors').open('rb'), 'x' * 64))\n"
    )
    with server_class(tmp_path / "server", "hf_test", user="me", xet="full") as hub:
        environment = hub.env(tmp_path / "home", xet=True)
        done = subprocess.run(
            [sys.executable, "-c", code, str(run)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert hub.requests(kind="xet-cas")
        tree = hub.repo("model", "me/new").tree()
        assert done.stdout.splitlines()[-1] == tree["model.safetensors"]["lfs"]["sha256"]
        assert "hf_test" not in done.stdout + done.stderr


@pytest.fixture
def photos(hub, settings: HubSettings, tmp_path: Path) -> dict[str, bytes]:
    """Publishes the dataset me/photos, and tells what is in it."""
    folder = make_data(tmp_path / "photos", train=2, val=1)
    api = HfApi(endpoint=settings.endpoint, token=settings.token)
    api.create_repo("me/photos", repo_type="dataset")
    api.upload_folder(repo_id="me/photos", repo_type="dataset", folder_path=folder)
    hub.clear_log()
    return contents(folder)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


# Pictures are smaller than weights, and no header of theirs is believed.
AFTER = {each: f"{each}:after=9000" for each in ("stall-body", "truncate", "reset", "short")}
HARMLESS_TO_PICTURES = ["no-commit-header", "slow:rate=500000"]
PICTURE_OUTAGES = [AFTER.get(each, each) for each in OUTAGES if each not in HARMLESS_TO_PICTURES]
WRONG_DATASET = {**WRONG, "noentry": "MissingPicture", "corrupt:after=9000": "CorruptFile"}
del WRONG_DATASET["corrupt"]


@pytest.mark.parametrize("fault", PICTURE_OUTAGES)
def test_pictures_in_an_outage_and_after_it(fault: str, hub, settings, photos):
    hub.fail(fault)
    with pytest.raises(SourceNotFetched) as caught:
        locate("me/photos", settings, repo_type="dataset")
    for language in ("en", "zh"):
        assert "me/photos" in caught.value.message(language)
    hub.clear_faults()
    assert contents(locate("me/photos", settings, repo_type="dataset").folder) == photos
    assert not [request for request in hub.requests() if request.get("token_sent_to_cdn")]


@pytest.mark.parametrize("fault", WRONG_DATASET)
def test_a_wrong_dataset_is_said_to_be_so(fault: str, hub, settings, photos):
    hub.fail(fault)
    with pytest.raises(WrongRepo) as caught:
        locate("me/photos", settings, repo_type="dataset")
    assert type(caught.value).__name__ == WRONG_DATASET[fault]
    assert "model" not in str(caught.value)
    assert "模型" not in caught.value.message("zh")


@pytest.mark.parametrize("fault", [*HARMLESS, *HARMLESS_TO_PICTURES])
def test_a_hiccup_among_pictures_is_not_noticed(fault: str, hub, settings, photos):
    hub.fail(fault)
    assert contents(locate("me/photos", settings, repo_type="dataset").folder) == photos
