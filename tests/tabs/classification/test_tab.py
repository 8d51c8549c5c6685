"""The classification tab, served for real: through its endpoint."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from playwright.sync_api import Page, expect
from safetensors.torch import save_file

from model.classifier.classifier import Classifier
from model.images.loader import load_picture
from model.run.folder import read_run
from model.run.origin import Origin
from model.serving.models import WEIGHTS_FOLDER, serve_classifier
from model.serving.served import Served
from tabs import status
from tabs.classification import tab as classification
from tabs.classification import views
from tests.tabs.classification.conftest import BEE, PATIENCE, TEAPOT, tab_of


@pytest.fixture(scope="module")
def client(url: str) -> Client:
    return Client(url, verbose=False)


def post(url: str, data: object) -> str:
    """What the raw HTTP endpoint answers to `data`, without the client's help."""
    body = json.dumps({"data": [data]}).encode()
    request = urllib.request.Request(
        f"{url}gradio_api/call/classify", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        event = json.load(response)["event_id"]
    with urllib.request.urlopen(f"{url}gradio_api/call/classify/{event}", timeout=60) as stream:
        return stream.read().decode()


@pytest.mark.parametrize("picture", classification.EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_answered_rightly(client: Client, picture: Path) -> None:
    answer = client.predict(handle_file(str(picture)), api_name="/classify")
    kind = picture.stem.split("_")[0]
    assert answer["known"] is (kind != "neither")
    if kind != "neither":
        assert answer["label"] == f"{kind}s"
        assert answer["confidence"] > 0.9


def test_the_endpoint_says_what_the_model_says(client: Client, classifier: Classifier) -> None:
    answer = client.predict(handle_file(str(BEE)), api_name="/classify")
    expected = classifier(load_picture(BEE))
    assert answer["probabilities"] == pytest.approx(expected.probabilities, abs=1e-5)
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    assert answer["confidence"] == answer["probabilities"][answer["label"]]
    assert answer["known_score"] == pytest.approx(expected.known_score, abs=1e-5)
    assert answer["model"] == {"source": "bundled", "revision": None, "labels": ["ants", "bees"]}
    assert answer["device"] == str(classifier.device)
    assert answer["milliseconds"] > 0


def test_the_endpoint_is_the_only_one_and_is_documented(client: Client) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert list(endpoints) == ["/classify"]
    description = endpoints["/classify"]["description"]
    assert "64 megapixels" in description
    assert "图片" in description
    assert [each["parameter_name"] for each in endpoints["/classify"]["parameters"]] == ["image"]
    returns = endpoints["/classify"]["returns"][0]["type"]["properties"]
    assert set(returns) == {
        "label",
        "confidence",
        "probabilities",
        "verdict",
        "known",
        "known_score",
        "model",
        "device",
        "milliseconds",
    }


def test_a_file_that_is_no_picture_is_refused(client: Client, tmp_path: Path) -> None:
    fake = tmp_path / "bee.jpg"
    fake.write_text("buzz")
    with pytest.raises(AppError, match="not a picture") as error:
        client.predict(handle_file(str(fake)), api_name="/classify")
    assert "/" not in str(error.value).replace("and/or", "")


@pytest.mark.parametrize("data", [None, "bee.jpg", 7, [], {}, {"path": "/etc/hostname"}])
def test_what_is_not_an_upload_is_refused(url: str, data: object) -> None:
    answer = post(url, data)
    assert "event: error" in answer
    assert "There is no picture to classify" in answer
    assert "Traceback" not in answer


def test_a_file_of_the_server_cannot_be_named(url: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    Image.new("RGB", (64, 64)).save(secret)
    answer = post(url, {"path": str(secret), "meta": {"_type": "gradio.FileData"}})
    assert "event: error" in answer
    assert "probabilities" not in answer


def test_a_model_that_cannot_be_loaded_says_so(
    serve_tab: Callable[..., str], tmp_path: Path
) -> None:
    url = serve_tab(tab_of(serve_classifier(str(tmp_path))))
    with pytest.raises(AppError, match="not a model folder"):
        Client(url, verbose=False).predict(handle_file(str(BEE)), api_name="/classify")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of 1,500 classes, to which no picture is known."""
    folder = tmp_path_factory.mktemp("many")
    bundled = read_run(WEIGHTS_FOLDER / "ants_bees")
    weights = dict(bundled.weights)
    weights["fc.weight"] = weights["fc.weight"].repeat(750, 1)
    weights["fc.bias"] = torch.arange(1500.0) / 300
    known = dict(bundled.tensors["known.safetensors"])
    for name in ("prototypes", "directions"):
        known[name] = known[name].repeat(750, 1)
    names = [f"class {k:04} ".ljust(200, "x") for k in range(1500)]
    limits = {"known_threshold": 1.0, "neither_threshold": 1.0}
    config = {**bundled.config, **limits, "label_names": names, "num_classes": 1500}
    save_file(weights, folder / "model.safetensors")
    save_file(known, folder / "known.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_of_many_classes_the_likeliest_are_shown_and_the_rest_folded(many: Path) -> None:
    answer = Classifier.load(many, Origin("many"), "cpu")(Image.open(TEAPOT))
    for language, words in (("en", "the other 500 classes"), ("zh", "其余 500 个类别")):
        shown = views.table(answer.probabilities, language)
        *named, folded = shown
        assert words in folded
        assert named == sorted(answer.probabilities, key=lambda n: -answer.probabilities[n])[:1000]
        assert sum(shown.values()) == pytest.approx(1)
        assert shown[folded] == pytest.approx(
            sum(p for name, p in answer.probabilities.items() if name not in shown)
        )
        heading = views.heading(answer, language)
        assert "1,500" in heading
        assert len(heading) < 1000
    few = {"ants": 0.2, "bees": 0.8}
    assert views.table(few, "en") == {"bee": 0.8, "ant": 0.2}


def test_the_page_of_many_classes(page: Page, serve_tab: Callable, many: Path) -> None:
    page.goto(serve_tab(tab_of(serve_classifier(str(many)))))
    page.locator("#classify-picture input[type=file]").set_input_files(TEAPOT)
    expect(page.locator("#classify-words")).to_contain_text("None of the 1,500", timeout=PATIENCE)
    expect(page.locator("#classify-probabilities li")).to_have_count(1001)


def test_the_status_line_names_every_model(classifier: Classifier) -> None:
    ready, missing = Served.loading(lambda: classifier), serve_classifier("no such folder")
    assert status.describe(ready, "en") == ("", "")  # the badge says that it is being loaded
    for served in (ready, missing):
        served.start()
    ready.get()
    assert "内置模型" in "".join(status.describe(ready, "zh"))
    with pytest.raises(Exception, match="no such folder"):
        missing.get()
    assert "no such folder" in "".join(status.describe(missing, "en"))
