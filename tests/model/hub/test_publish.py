"""Publishing to a real Hub on loopback: one commit, whatever breaks on the way, and it loads."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard, constants
from PIL import Image

from model.classifier.classifier import Classifier
from model.hub import publish
from model.hub.download import fetch
from model.hub.errors import (
    BadDestination,
    BranchOrPullRequest,
    CardRefused,
    NothingPublished,
    NoToken,
    NotYours,
    PublishUnclear,
    TokenCannotWrite,
    TokenRefused,
)
from model.hub.publish import Destination, check_token, push_run
from model.hub.source import HubSettings, HubSource
from model.run.folder import MissingRunFile
from model.run.origin import Origin
from model.serving.models import WEIGHTS_FOLDER
from tests.conftest import clean_environment
from tests.hub_server import HubServer

HERE = Destination("me/bees")
CARD = b"---\nlicense: apache-2.0\n---\nLoad it with hf_hub:USER/REPO.\n"
MODEL_INDEX = """model-index:
- name: x
  results:
  - task: {{type: image-classification}}
    dataset: {{name: x, type: {}}}
    metrics: [{{type: accuracy, value: 1}}]"""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(publish, "FIRST_PAUSE", 0.01)
    with HubServer() as server:
        yield server


@pytest.fixture
def settings(hub: HubServer, tmp_path: Path) -> HubSettings:
    return HubSettings(endpoint=hub.endpoint, token=hub.token, cache=tmp_path / "hub", timeout=1.0)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(bytes(300_000))
    (folder / "known.safetensors").write_bytes(b"known")
    (folder / "config.json").write_text('{"label_names": ["a", "b"]}')
    (folder / "metrics.json").write_text("{}")
    (folder / "README.md").write_bytes(CARD)
    (folder / "curves.png").write_bytes(b"png")
    (folder / "checkpoint.pt").write_bytes(b"not for the public")
    (folder / ".token").write_text("hf_secret")
    return folder


def commits(hub: HubServer, revision: str = "main") -> list[str]:
    """The titles on a branch, the newest first, without the empty one that a repo begins with."""
    history = hub.repos["me/bees"].history(revision)
    return [commit.title for commit in history if commit.files]


def test_one_commit_of_the_run_and_nothing_else(hub: HubServer, settings: HubSettings, run: Path):
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    published = push_run(run, HERE, settings)
    assert commits(hub) == ["Publish a classifier"]
    head = hub.repos["me/bees"].history()[0]
    assert published.is_new
    assert published.commit == head.oid
    assert head.files == {
        **{k: v for k, v in before.items() if k not in ("checkpoint.pt", ".token")},
        "README.md": CARD.replace(b"USER/REPO", b"me/bees"),
    }
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    said = str(published)
    assert f"{hub.endpoint}/me/bees" in said
    assert f"CLASSIFIER_MODEL=me/bees@{head.oid} python app.py" in said
    assert hub.token not in said


def test_the_same_run_again_makes_no_commit(hub: HubServer, settings: HubSettings, run: Path):
    first = push_run(run, HERE, settings)
    hub.requests.clear()
    again = push_run(run, HERE, settings)
    assert again == replace(first, is_new=False)
    assert str(again).startswith("Already published")
    assert len(commits(hub)) == 1
    assert not [request for request in hub.requests if request.startswith(("POST", "PUT"))]


def test_a_changed_run_makes_one_more_and_leaves_no_old_tensors(
    hub: HubServer, settings: HubSettings, run: Path
):
    push_run(run, HERE, settings)
    hub.add("me/bees", {**hub.repos["me/bees"].history()[0].files, "NOTES.md": b"the user's"})
    (run / "known.safetensors").unlink()
    (run / "config.json").write_text("{}")
    published = push_run(run, HERE, settings)
    files = hub.repos["me/bees"].history()[0].files
    assert "known.safetensors" not in files
    assert files["NOTES.md"] == b"the user's"
    assert files["config.json"] == b"{}"
    assert published.variable == "REGRESSOR_MODEL"
    assert commits(hub)[0] == "Publish a regressor"


def test_private_branch_and_pull_request(hub: HubServer, settings: HubSettings, run: Path):
    push_run(run, Destination("me/bees", private=True, revision="v2"), settings)
    assert hub.repos["me/bees"].private
    assert commits(hub, "v2") == ["Publish a classifier"]
    assert commits(hub, "main") == []
    for _ in range(2):
        proposed = push_run(run, Destination("me/bees", create_pr=True), settings)
    assert [ref for ref in hub.repos["me/bees"].refs if "pr" in ref] == ["refs/pr/1"]
    assert proposed.commit == hub.repos["me/bees"].refs["refs/pr/1"]
    assert commits(hub, "main") == []


def test_tokens_and_destinations_are_checked_first(
    hub: HubServer, settings: HubSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    assert check_token(HERE, settings) == "me"
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    cases = [
        (HERE, replace(settings, token=None), NoToken),
        (HERE, replace(settings, token="hf_wrong"), TokenRefused),
        (HERE, replace(settings, token=hub.read_token), TokenCannotWrite),
        (Destination("you/bees"), settings, NotYours),
        (Destination("bees"), settings, BadDestination),
        (Destination("me/bees", revision="../x"), settings, BadDestination),
        (Destination("me/bees", revision="v2", create_pr=True), settings, BranchOrPullRequest),
    ]
    for destination, how, error in cases:
        with pytest.raises(error) as caught:
            check_token(destination, how)
        assert caught.value.exit_status == 2
        for language in ("en", "zh"):
            assert "hf_" not in caught.value.message(language)
    assert hub.repos == {}


@pytest.mark.parametrize(
    ("scope", "may"),
    [
        ({"entity": {"name": "me"}, "permissions": ["repo.content.read", "repo.write"]}, True),
        ({"entity": {"name": "me/bees"}, "permissions": ["repo.write"]}, True),
        ({"entity": {"name": "me/other"}, "permissions": ["repo.write"]}, False),
        ({"entity": {"name": "me"}, "permissions": ["repo.content.read"]}, False),
    ],
)
def test_fine_grained_tokens(scope: dict, may: bool):
    token = {"role": "fineGrained", "fineGrained": {"scoped": [scope]}}
    assert publish._may_write({"auth": {"accessToken": token}}, HERE) is may


def test_what_is_no_run_folder(hub: HubServer, settings: HubSettings, tmp_path: Path):
    with pytest.raises(MissingRunFile):
        push_run(tmp_path, HERE, settings)
    assert hub.repos == {}


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        *((kind, 503) for kind in ("whoami", "info", "create", "yaml", "preupload", "commit")),
        *((kind, "lost") for kind in ("create", "batch", "commit")),
        *((kind, "html") for kind in ("whoami", "info", "commit")),
    ],
)
def test_a_passing_trouble_ends_in_one_commit(
    kind: str, what: int | str, hub: HubServer, settings: HubSettings, run: Path
):
    hub.fail(kind, what, times=1)
    published = push_run(run, HERE, settings)
    assert commits(hub) == ["Publish a classifier"]
    assert published.commit == hub.repos["me/bees"].history()[0].oid


def test_a_lost_answer_to_a_pull_request_makes_no_second_one(
    hub: HubServer, settings: HubSettings, run: Path
):
    hub.fail("commit", "lost", times=1)
    push_run(run, Destination("me/bees", create_pr=True), settings)
    assert [ref for ref in hub.repos["me/bees"].refs if "pr" in ref] == ["refs/pr/1"]


def test_someone_else_commits_in_between(hub: HubServer, settings: HubSettings, run: Path):
    push_run(run, HERE, settings)
    (run / "metrics.json").write_text('{"new": 1}')
    push = publish._Push(run, HERE, settings)
    head = push.prepare()
    other = {**hub.repos["me/bees"].history()[0].files, "NOTES.md": b""}
    hub.add("me/bees", other, title="someone else")
    push.upload()
    push.commit(head)
    assert commits(hub) == ["Publish a classifier", "someone else", "Publish a classifier"]
    assert "NOTES.md" in hub.repos["me/bees"].history()[0].files


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        *((kind, 403) for kind in ("whoami", "info", "create", "preupload", "commit")),
        # (a lasting 503 of an upload is tried for most of a minute)
        *((kind, 503) for kind in ("whoami", "info", "create", "commit")),
    ],
)
def test_a_lasting_trouble_ends_in_nothing(
    kind: str, status: int, hub: HubServer, settings: HubSettings, run: Path
):
    hub.fail(kind, status)
    with pytest.raises(NothingPublished) as caught:
        push_run(run, HERE, settings)
    assert str(caught.value).startswith("Nothing was published: the Hub answered HTTP")
    assert caught.value.exit_status == 1
    assert caught.value.message("zh").startswith("没有发布任何内容")
    assert "me/bees" not in hub.repos or commits(hub) == []
    hub.recover()
    assert push_run(run, HERE, settings).is_new


def test_a_commit_that_nobody_can_tell_of_is_found_the_next_time(
    hub: HubServer, settings: HubSettings, run: Path
):
    hub.add("me/bees", {"README.md": b"an older one"})
    push = publish._Push(run, HERE, settings)
    head = push.prepare()
    push.upload()
    hub.fail("commit", "lost")
    original = push.commit_once

    def commit_then_lose_the_line(head: str) -> str:
        try:
            return original(head)
        finally:
            hub.fail("info", 503)

    push.commit_once = commit_then_lose_the_line
    with pytest.raises(PublishUnclear) as caught:
        push.commit(head)
    assert caught.value.exit_status == 1
    hub.recover()
    assert not push_run(run, HERE, settings).is_new
    assert len(commits(hub)) == 2


@pytest.mark.parametrize(
    ("matter", "named"),
    [
        ("license: [unclosed", "YAML"),
        ("- a list", "mapping"),
        (MODEL_INDEX.format("My photos (2)"), "My photos"),
        (MODEL_INDEX.format("蚂蚁"), "蚂蚁"),
    ],
)
def test_a_card_that_the_hub_would_refuse_is_told_before_anything_is_sent(
    hub: HubServer, settings: HubSettings, run: Path, matter: str, named: str
):
    (run / "README.md").write_text(f"---\n{matter}\n---\n")
    with pytest.raises(CardRefused, match=named) as caught:
        push_run(run, HERE, settings)
    assert caught.value.exit_status == 2
    assert hub.repos == {}
    hub.add(HERE.repo, {})
    hub.requests.clear()
    with pytest.raises(CardRefused, match=named):
        push_run(run, HERE, settings)
    sent = [request for request in hub.requests if request.startswith(("POST", "PUT"))]
    assert sent == ["POST /api/validate-yaml"]


def test_an_outage_of_the_check_of_cards_is_no_refusal(
    hub: HubServer, settings: HubSettings, run: Path
):
    hub.fail("yaml", 503)
    with pytest.raises(NothingPublished, match="503") as caught:
        push_run(run, HERE, settings)
    assert not isinstance(caught.value, CardRefused)
    hub.recover()
    hub.fail("yaml", 503, times=1)
    assert push_run(run, HERE, settings).is_new


LOAD_THREE_WAYS = """
import json, sys
import timm, torch
from huggingface_hub import hf_hub_download
from PIL import Image
from safetensors.torch import load_file
from torchvision.models import resnet18

repo, commit, picture, device = sys.argv[1:]
image = Image.open(picture).convert("RGB")
ways = {}

by_timm = timm.create_model(f"hf_hub:{repo}@{commit}", pretrained=True).eval()
config = timm.data.resolve_model_data_config(by_timm)
batch = timm.data.create_transform(**config, is_training=False)(image)[None]

weights = load_file(hf_hub_download(repo, "model.safetensors", revision=commit))
by_torchvision = resnet18(num_classes=len(by_timm.pretrained_cfg["label_names"]))
by_torchvision.load_state_dict(weights, strict=True)
with torch.inference_mode():
    ways["timm"] = by_timm(batch)[0].tolist()
    ways["torchvision"] = by_torchvision.eval()(batch)[0].tolist()

if device == "transformers":
    from transformers import pipeline

    classify = pipeline("image-classification", model=repo, revision=commit, dtype="float32")
    answers = classify(image, function_to_apply="none", top_k=None)
    scores = {answer["label"]: answer["score"] for answer in answers}
    ways["transformers"] = [scores[name] for name in by_timm.pretrained_cfg["label_names"]]
    ways["labels"] = list(classify.model.config.id2label.values())
print(json.dumps(ways))
"""


@pytest.fixture(scope="module")
def bundled_run() -> Path:
    folder = WEIGHTS_FOLDER / "ants_bees"
    if not (folder / "model.safetensors").is_file():
        pytest.skip("there is no bundled classifier")
    return folder


def test_a_published_classifier_loads_in_three_ways_alike(
    hub: HubServer, settings: HubSettings, bundled_run: Path, tmp_path: Path
):
    published = push_run(bundled_run, HERE, settings)
    picture = tmp_path / "picture.png"
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (256, 256, 3), dtype=torch.uint8, generator=generator)
    Image.fromarray(pixels.numpy()).resize((288, 288)).save(picture)
    has_transformers = importlib.util.find_spec("transformers") is not None
    way = "transformers" if has_transformers else "none"
    environment = clean_environment(
        HF_ENDPOINT=hub.endpoint,
        HF_HOME=str(tmp_path / "home"),
        HF_TOKEN=hub.read_token,
        HF_HUB_DISABLE_XET="1",
        HF_HUB_DISABLE_TELEMETRY="1",
    )
    done = subprocess.run(
        [sys.executable, "-c", LOAD_THREE_WAYS, "me/bees", published.commit, str(picture), way],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    logits = json.loads(done.stdout.splitlines()[-1])
    expected = torch.tensor(logits["torchvision"])
    assert (torch.tensor(logits["timm"]) - expected).abs().max() <= 1e-5
    if has_transformers:
        assert logits["labels"] == ["ants", "bees"]
        assert (torch.tensor(logits["transformers"]) - expected).abs().max() <= 1e-5

    snapshot = fetch(HubSource("me/bees", published.commit), settings)
    ours = Classifier.load(snapshot.folder, Origin("me/bees", published.commit), "cpu")
    with torch.inference_mode():
        image = ours.preprocessing(Image.open(picture).convert("RGB"))
        assert (ours.network(image[None])[0] - expected).abs().max() <= 1e-5


def test_the_published_card_is_valid_and_complete(
    hub: HubServer, settings: HubSettings, bundled_run: Path
):
    push_run(bundled_run, HERE, settings)
    files = hub.repos["me/bees"].history()[0].files
    card = ModelCard(files["README.md"].decode())
    assert card.data.library_name == "timm"
    assert card.data.pipeline_tag == "image-classification"
    assert card.data.license == "cc-by-nc-4.0"
    assert card.data.base_model
    assert card.data.datasets
    assert card.data.tags
    metrics = json.loads(files["metrics.json"])
    accuracy = next(each for each in card.data.eval_results if each.metric_type == "accuracy")
    assert accuracy.metric_value == pytest.approx(
        metrics["val_correct"] / metrics["val_total"], abs=1e-4
    )
    for way in ("load_state_dict", "hf_hub:me/bees", 'model="me/bees"'):
        assert way in card.text
    for name in files:
        if name.endswith(".png"):
            assert f"({name})" in card.text
