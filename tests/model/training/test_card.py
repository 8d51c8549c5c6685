from __future__ import annotations

import copy
import io
import json
import re
import shutil
import textwrap
import time
from dataclasses import asdict, replace

import pytest
import torch
from huggingface_hub import ModelCard
from PIL import Image

from model.classifier.classifier import Classifier
from model.images.folder import Picture, PictureFolder
from model.run.folder import read_json
from model.run.origin import Origin
from model.training.body import BOLDNESS
from model.training.card import draw_curves, draw_reliability, write_card
from model.training.evaluation import judge
from model.training.features import LOOKS
from model.training.tuning import Comparison
from tests.pictures import make_picture


@pytest.fixture(scope="module")
def metrics(trained) -> dict:
    return read_json(trained / "metrics.json")


@pytest.fixture
def spoiled(metrics) -> dict:
    """A copy to change."""
    return copy.deepcopy(metrics)


def section(card: str, heading: str) -> str:
    return card.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]


def code_blocks(card: str) -> list[str]:
    """The indented code of "How to load it", a string a block."""
    text = section(card, "How to load it")
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", text, re.MULTILINE)
    return [textwrap.dedent(block) for block in blocks]


def test_the_hub_reads_its_front_matter(trained, metrics):
    card = ModelCard.load(trained / "README.md")
    assert card.data.license == "other"
    assert card.data.pipeline_tag == "image-classification"
    assert card.data.library_name == "timm"
    assert card.data.model_name == "blue or red"
    results = {each.metric_type: each for each in card.data.eval_results}
    assert results["accuracy"].metric_value == pytest.approx(metrics["val_accuracy"], abs=1e-4)
    assert results["nll"].metric_value == pytest.approx(metrics["val"]["nll"], abs=1e-4)
    assert results["accuracy"].dataset_name == "colours, val"
    assert card.text.lstrip().startswith("# blue or red\n")
    assert ModelCard(str(card)).data.to_dict() == card.data.to_dict()


def test_figures_in_the_card_are_those_of_the_metrics(trained, metrics):
    card = (trained / "README.md").read_text(encoding="utf-8")
    low, high = metrics["val"]["interval"]
    row, answers = [line for line in card.splitlines() if line.startswith("| val |")]
    assert f"{metrics['val_correct']} ({metrics['val_accuracy']:.1%})" in row
    assert f"{low:.1%} to {high:.1%}" in row
    assert row.endswith(
        f"| {metrics['val']['nll']:.3f} | {metrics['val']['brier']:.3f} | "
        f"{metrics['val']['ece']:.3f} |"
    )
    (blue, _), (_, red) = metrics["confusion_matrix"]
    assert re.search(rf"\*\*blue\*\* \| {blue} \| \d", card)
    assert re.search(rf"\*\*red\*\* \| \d \| {red} \|", card)
    assert f"**known** from {metrics['known']['known_threshold']:.4f} on" in card
    assert f"**unusual** from {metrics['known']['neither_threshold']:.4f} on" in card
    counts = [metrics["known"]["val"].get(name, 0) for name in ("known", "unusual", "neither")]
    assert answers == f"| val | {counts[0]} | {counts[1]} | {counts[2]} |"
    for picture in metrics["hardest_val"]:
        assert f"| {picture['file']} | {picture['label']} | {picture['probability']:.4f} |" in card
    recipe = " ".join(section(card, "How it was made").split())
    head = metrics["head"]
    assert "The body is ImageNet's and stays frozen." in recipe
    assert f"{metrics['cross_validation']['folds']}-fold cross-validation chose" in recipe
    assert "({} and {})".format(*head["strengths"]) in recipe
    assert f"“{head['look']}”" in recipe
    assert f"one temperature, {head['temperature']:.3f}, by which" in recipe
    for name, quality in metrics["cross_validation"]["candidates"].items():
        assert f"| {name} | {quality['accuracy']:.1%} | {quality['nll']:.4f} |" in recipe
    assert "fine-tuned" not in recipe


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"from_imagenet": 0.0}, "by L-BFGS, held near zero (ridge). 5-fold"),
        ({"from_imagenet": 1.0}, "by L-BFGS, held near the rows of the ImageNet head named below"),
        ({"from_imagenet": 0.25}, "near zero (ridge) and, with a weight of 0.25, one held near"),
        ({"seen": [0, 1]}, ", to learn from mirror images, and"),
        ({"seen": [4]}, ", not to learn from mirror images, and"),
        ({"look": "squashed"}, "the part of the picture that is looked at (“squashed”)"),
    ],
    ids=str,
)
def test_what_it_says_of_a_head(spoiled, changes, said):
    spoiled["head"].update(changes)
    spoiled["cross_validation"]["folds"] = 5
    assert said in " ".join(section(write_card(spoiled), "How it was made").split())


def test_no_field_is_left_unfilled(trained):
    text = (trained / "README.md").read_text(encoding="utf-8")
    assert not re.findall(r"\{[a-z_.:]*\}", text)
    assert "None" not in text.split("---\n", 2)[2]
    for name in re.findall(r"!\[.*\]\((.*)\)", text):
        assert (trained / name).is_file()


def test_what_it_says_of_a_whole_network(spoiled):
    spoiled["history"] = [{"epoch": 1, "loss": 0.5, "accuracy": 0.7}] * 3
    spoiled["body"] = asdict(replace(BOLDNESS["gentle"], learning_rate=2e-5, mirrored=True))
    spoiled["comparison"] = asdict(Comparison("bold", {"bold": 0.25}, 3, 0.75, 0.5, 0.125, True))
    recipe = " ".join(section(write_card(spoiled), "How it was made").split())
    assert "in 3 ways to halve them" in recipe
    for row in ("frozen | 0.7500", "tuned: bold (first halving) | 0.2500", "tuned: bold | 0.5000"):
        assert f"| {row} |" in recipe
    assert "standard error of the difference is 0.1250." in recipe
    assert "frozen." not in recipe
    assert "fine-tuned for 3 epochs (LP-FT, arXiv 2202.10054; AdamW, learning rate 2e-05" in recipe
    assert "8% to 100% of the picture, half of them mirrored. Of these weights 50%" in recipe
    spoiled["body"] = asdict(replace(BOLDNESS["bold"], mirrored=False))
    recipe = " ".join(section(write_card(spoiled), "How it was made").split())
    assert "60% to 100% of the picture. The temperature" in recipe
    assert draw_curves(spoiled) != draw_curves({**spoiled, "history": []})


def test_what_it_says_of_a_body_left_frozen(spoiled):
    comparison = Comparison("gentle", {"gentle": 0.5}, 1, 0.25, 0.5, 0.125, False)
    spoiled["comparison"] = asdict(comparison)
    recipe = " ".join(section(write_card(spoiled), "How it was made").split())
    assert "in 1 way to halve them" in recipe
    assert "not better by two of them: it was left frozen." in recipe
    assert "fine-tuned" not in recipe


def test_what_it_says_of_an_interruption(spoiled):
    assert "**Interrupted**" not in write_card(spoiled)
    assert "**Interrupted**" in write_card({**spoiled, "interrupted": True})


def test_doubtful_labels_are_named_for_the_photos_they_belong_to(spoiled):
    assert "doubtful" not in write_card(spoiled)
    card = write_card({**spoiled, "data": "hymenoptera_data"})
    assert len(re.findall(r"^- `(train|val)/(ants|bees)/\w+\.jpg`: ", card, re.MULTILINE)) == 11
    assert "151 of the 153" in card


@pytest.mark.parametrize(("train", "said"), [(49, True), (50, False)])
def test_with_few_pictures_the_second_threshold_is_their_minimum(spoiled, train, said):
    for each in spoiled["classes"].values():
        each["train"] = train
    text = " ".join(write_card(spoiled).split())
    assert ("fewer than 100, the second is simply the lowest score of them" in text) is said


@pytest.mark.parametrize("count", [0, 5])
def test_far_out_pictures_are_counted(spoiled, count):
    spoiled["known"]["far_out"] = count
    text = " ".join(write_card(spoiled).split())
    assert ("5 of them lie so far under the others" in text) is (count == 5)


def test_skipped_pictures_are_named(spoiled):
    card = write_card({**spoiled, "skipped": ["train/blue/imageNotFound.gif"]})
    assert "Left out (1): train/blue/imageNotFound.gif." in card
    card = write_card({**spoiled, "skipped": [f"{n}.txt" for n in range(1000)]})
    assert "Left out (1000): 0.txt, 1.txt" in card
    assert card.count(".txt") == 20


def test_many_classes(spoiled):
    names = ["蚂蚁", "蜜蜂", "naïve", "d", "e"]
    spoiled["classes"] = {name: spoiled["classes"]["red"] for name in names}
    spoiled["confusion_matrix"] = [[k * 5 + j for j in range(5)] for k in range(5)]
    text = write_card(spoiled)
    card = ModelCard(text)
    assert "# colours\n" in text
    assert "蚂蚁, 蜜蜂, naïve, d and e" in text
    assert "| **蜜蜂** | 5 | 6 | 7 | 8 | 9 |" in text
    assert card.data.model_name == "colours"


def test_a_thousand_classes_stay_readable(spoiled, tmp_path):
    """Of synthetic answers, a fifth of which go to the next class but one."""
    count, each = 1000, 5
    classes = tuple(f"class {k:03d} " + "of a rather long name" * 3 for k in range(count))
    labels = torch.arange(count).repeat_interleave(each)
    answers = torch.where(torch.arange(len(labels)) % each == 0, (labels + 2) % count, labels)
    answers[labels == 7] = 8  # the most frequent mistake
    pictures = tuple(
        Picture(tmp_path / "val" / classes[k][:9] / f"{n}.jpg", k)
        for n, k in enumerate(labels.tolist())
    )
    folder = PictureFolder(tmp_path, classes, pictures, pictures)
    said = 5.0 * torch.nn.functional.one_hot(answers, count)
    start = time.monotonic()
    figures = judge(folder, said, said)
    card = write_card(
        {**spoiled, **figures, "classes": dict.fromkeys(classes, spoiled["classes"]["red"])}
    )
    assert time.monotonic() - start < 60  # seconds; it takes a few
    assert "confusion_matrix" not in figures
    assert sum(each["count"] for each in figures["confusions"]) == int((answers != labels).sum())
    assert figures["confusions"][0] == {"label": classes[7], "answer": classes[8], "count": 5}
    assert f"| {classes[7]} | {classes[8]} | 5 |" in card
    assert len(card.encode()) < 30_000
    assert max(map(len, card.splitlines())) < 3000
    assert "tells apart 1,000 classes (class 000" in card
    assert "The other 980 classes are in metrics.json." in card
    assert len(json.dumps(figures)) < 1_000_000
    ModelCard(card)


def test_figures_are_pictures_and_the_same_each_time(metrics):
    for draw in (draw_curves, draw_reliability):
        assert draw(metrics) == draw(json.loads(json.dumps(metrics)))
        with Image.open(io.BytesIO(draw(metrics))) as image:
            assert image.format == "PNG"
            assert image.width == 900


@pytest.fixture(params=LOOKS)
def of_a_look(trained, tmp_path, request):
    """A run folder whose pictures are looked at in this way."""
    folder = shutil.copytree(trained, tmp_path / "run")
    config = read_json(folder / "config.json")
    config["pretrained_cfg"] = LOOKS[request.param].to_timm(2)
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_its_snippets_give_our_probabilities(of_a_look, monkeypatch):
    """In torchvision, timm and transformers, as printed, with this folder for the Hub's; timm and
    transformers look at the picture as they read in config.json, and none divides the logits."""
    import timm

    torchvision, in_timm, transformers = code_blocks((of_a_look / "README.md").read_text())
    monkeypatch.chdir(of_a_look)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    picture = make_picture(1, 2, 31, size=(450, 260))
    classifier = Classifier.load(of_a_look, Origin("trained"), "cpu")
    expected = pytest.approx(classifier(picture).probabilities, abs=1e-4)

    names: dict = {}
    exec(torchvision, names)
    images = [classifier.preprocessing(picture)]
    networks = [names["network"].eval()]
    exec(in_timm.replace("hf_hub:USER/REPO", f"local-dir:{of_a_look}"), names)
    networks.append(names["network"].eval())
    assert networks[1].pretrained_cfg["label_names"] == list(classifier.classes)
    config = timm.data.resolve_data_config(model=networks[1])
    images.append(timm.data.create_transform(**config)(picture))
    for network, image in zip(networks, images, strict=True):
        with torch.inference_mode():
            probabilities = network(image[None])[0].softmax(dim=0).tolist()
        assert dict(zip(classifier.classes, probabilities, strict=True)) == expected
    exec(transformers.replace("USER/REPO", str(of_a_look)), names)
    assert {each["label"]: each["score"] for each in names["classify"](picture)} == expected
