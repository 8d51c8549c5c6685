from __future__ import annotations

import json
import math
import re
import shutil

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torchvision.models import resnet18

from model.classifier.classifier import Classifier, read_config
from model.classifier.errors import BadConfig, NotFinite, WrongArchitecture, WrongWeights
from model.classifier.network import class_activation_map, feature_maps
from model.classifier.ood import bhattacharyya, sharpened
from model.run.folder import DamagedRunFile, Run, read_run
from model.run.origin import Origin
from model.training.features import LOOKS
from tests.pictures import make_picture

ORIGIN = Origin("trained")


@pytest.fixture(scope="module")
def classifier(trained) -> Classifier:
    return Classifier.load(trained, ORIGIN, "cpu")


@pytest.fixture
def folder(trained, tmp_path):
    """A run folder to spoil."""
    return shutil.copytree(trained, tmp_path / "run")


def spoil(folder, **changes) -> None:
    """Change fields of config.json, dots for what lies deeper; DELETE takes one away."""
    config = json.loads((folder / "config.json").read_text())
    for name, value in changes.items():
        *path, last = name.split("__")
        place = config
        for key in path:
            place = place[key]
        if value is DELETE:
            del place[last]
        else:
            place[last] = value
    (folder / "config.json").write_text(json.dumps(config))


DELETE = "a field to take away"


@pytest.mark.parametrize("look", LOOKS)
def test_an_answer_is_the_network_by_hand(trained, look):
    run = read_run(trained)
    config = {**run.config, "pretrained_cfg": LOOKS[look].to_timm(2)}
    run = Run(weights=run.weights, config=config, tensors=run.tensors)
    network = resnet18(num_classes=2)
    network.load_state_dict(run.weights)
    network.eval()
    picture = make_picture(1, 2, 77, size=(450, 300))
    answer = Classifier(run, ORIGIN, torch.device("cpu"))(picture)

    size, box = {
        "middle": ((384, 256), (64, 0, 320, 256)),
        "closer": ((432, 288), (88, 16, 344, 272)),
        "squashed": ((256, 256), (0, 0, 256, 256)),
    }[look]
    seen = picture.resize(size, Image.Resampling.BILINEAR).crop(box)
    shown = seen.resize((256, 171)) if look == "squashed" else seen
    assert list(answer.seen.getdata()) == list(shown.getdata())
    pixels = torch.tensor(list(seen.getdata()), dtype=torch.float64).reshape(256, 256, 3) / 255
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]], dtype=torch.float64)
    image = ((pixels - mean) / std).permute(2, 0, 1)[None].float()
    logits = network(image)[0]
    expected = logits.softmax(dim=0)  # the temperature is in the head
    assert list(answer.probabilities) == ["blue", "red"]
    assert list(answer.probabilities.values()) == pytest.approx(expected.tolist(), abs=1e-4)
    assert answer.confidence == max(answer.probabilities.values())
    assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-5)

    known = run.tensors["known.safetensors"]
    activations = feature_maps(network, image)[0]
    halves = [activations[:, y : y + 4, x : x + 4] for y in range(5) for x in range(5)]
    features = torch.stack([half.mean(dim=(1, 2)) for half in halves])
    imagenet = sharpened(features @ known["weight"].T + known["bias"])
    likeness = bhattacharyya(imagenet, known["prototypes"]).amax(dim=1).mean()
    whole = activations.mean(dim=(1, 2))
    cosine = max(torch.cosine_similarity(whole, each, dim=0) for each in known["directions"])
    distance = (cosine - run.config["cosine_floor"]) / run.config["cosine_width"]
    score = (likeness * distance.sigmoid()).item()
    assert answer.known_score == pytest.approx(score, abs=1e-3)
    assert answer.known == (score >= run.config["known_threshold"])
    assert 0 <= answer.percentile <= 100
    assert answer.milliseconds > 0


def test_it_tells_new_pictures_apart(classifier):
    for kind, name in enumerate(("blue", "red")):
        answers = [classifier(make_picture(kind, 2, seed)) for seed in range(50, 56)]
        assert [answer.label for answer in answers].count(name) >= 5


@pytest.mark.parametrize("size", [(1, 1), (3000, 20), (20, 3000), (256, 256)])
def test_any_size(classifier, size):
    answer = classifier(Image.new("RGB", size, "red"))
    assert answer.seen.size == (256, 256)
    assert tuple(answer.heat_map.shape) == (8, 8)


def test_the_heat_map_explains_the_logit():
    """At each place it is by how much the class's logit exceeds the others' mean there."""
    generator = torch.Generator().manual_seed(0)
    activations = torch.randn(1, 16, 7, 5, generator=generator)
    head = torch.randn(3, 16, generator=generator)
    found = class_activation_map(activations, head, 1)
    plain = torch.zeros(7, 5)
    for y in range(7):
        for x in range(5):
            logits = head @ activations[0, :, y, x]
            plain[y, x] = (logits[1] - (logits[0] + logits[2]) / 2).clamp(min=0)
    assert torch.allclose(found, plain / plain.max(), atol=1e-5)
    assert found.max() == 1


def test_no_evidence_is_a_cold_map():
    head = torch.tensor([[1.0], [-1.0]])
    assert torch.equal(class_activation_map(torch.ones(1, 1, 2, 2), head, 1), torch.zeros(2, 2))


def test_the_heat_map_lies_where_the_thing_is(classifier):
    """Red in the left half, blue in the right: what speaks for the answer lies in one of them."""
    both = make_picture(0, 2, 3, size=(256, 256))
    both.paste(make_picture(1, 2, 3, size=(128, 256)), (0, 0))
    answer = classifier(both)
    left, right = answer.heat_map[:, :3].mean(), answer.heat_map[:, 5:].mean()
    assert (left > right) == (answer.label == "red")


def test_feature_maps_are_layer4(classifier):
    image = torch.randn(2, 3, 64, 96)
    seen = []
    hook = classifier.network.layer4.register_forward_hook(lambda m, i, out: seen.append(out))
    classifier.network(image)
    hook.remove()
    assert torch.equal(feature_maps(classifier.network, image), seen[0])


def test_half_precision_files_answer_alike(classifier, folder):
    weights = load_file(folder / "model.safetensors")
    half = {k: v.half() if v.is_floating_point() else v for k, v in weights.items()}
    save_file(half, folder / "model.safetensors")
    small = Classifier.load(folder, ORIGIN, "cpu")
    picture = make_picture(0, 2, 9)
    assert small(picture).probabilities == pytest.approx(
        classifier(picture).probabilities, abs=0.01
    )


def test_a_run_without_a_known_score_knows_everything(folder):
    (folder / "known.safetensors").unlink()
    spoil(folder, known_threshold=DELETE)
    answer = Classifier.load(folder, ORIGIN, "cpu")(make_picture(0, 2, 0))
    assert (answer.verdict, answer.known_score, answer.percentile) == ("known", None, None)


@pytest.mark.parametrize(
    ("known", "neither", "verdict"),
    [(1.0, 1.0, "neither"), (1.0, 0.0, "unusual"), (0.0, 0.0, "known")],
)
def test_the_thresholds_part_three_answers(folder, known, neither, verdict):
    surely_a_photo = {"cosine_floor": -1, "cosine_width": 0.01}
    spoil(folder, known_threshold=known, neither_threshold=neither, **surely_a_photo)
    answer = Classifier.load(folder, ORIGIN, "cpu")(Image.new("RGB", (64, 64)))
    assert answer.verdict == verdict
    assert answer.known is (verdict == "known")
    assert 0 <= answer.known_score < 1


NEW_FIELDS = ("format_version", "neither_threshold", "cosine_floor", "cosine_width")


@pytest.mark.parametrize("marked", [True, False], ids=["marked", "before there was a mark"])
def test_runs_published_before_there_were_three_answers_give_two(folder, marked):
    """Format 1: one threshold, of the whole picture's likeness, and nothing said of formats."""
    gone = NEW_FIELDS if marked else (*NEW_FIELDS, "program", "kind")
    spoil(folder, known_threshold=0.3, **dict.fromkeys(gone, DELETE))
    known = load_file(folder / "known.safetensors")
    del known["directions"], known["percentiles"]
    save_file(known, folder / "known.safetensors")
    classifier = Classifier.load(folder, ORIGIN, "cpu")
    known = {name: tensor.float() for name, tensor in known.items()}
    for picture in (make_picture(0, 2, 70), make_picture(1, 2, 71), Image.new("RGB", (64, 64))):
        image = classifier.preprocessing(picture)[None]
        features = feature_maps(classifier.network, image).mean(dim=(2, 3))
        imagenet = sharpened(features @ known["weight"].T + known["bias"])
        score = bhattacharyya(imagenet, known["prototypes"]).max().item()
        answer = classifier(picture)
        assert answer.known_score == pytest.approx(score, abs=1e-3)
        assert answer.verdict == ("known" if answer.known_score >= 0.3 else "neither")
        assert answer.percentile is None


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"label_names": DELETE}, "label_names"),
        ({"label_names": ["blue"], "num_classes": 1}, "label_names"),
        ({"label_names": ["blue", "blue"]}, "label_names"),
        ({"label_names": ["blue", ""]}, "label_names"),
        ({"label_names": ["blue", 3]}, "label_names"),
        ({"label_names": "rb"}, "label_names"),
        ({"label_names": ["blue", "r" * 201]}, "label_names"),
        ({"label_names": ["blue", "red\n"]}, "label_names"),
        ({"label_names": ["blue", "\x1b[31mred"]}, "label_names"),
        ({"label_names": ["blue", "red\x85"]}, "label_names"),
        ({"label_names": ["blue", "red\u2028"]}, "label_names"),
        ({"label_names": ["blue", "\ud83d"]}, "label_names"),
        ({"label_names": [f"c{k}" for k in range(10_001)], "num_classes": 10_001}, "label_names"),
        ({"num_classes": 3}, "num_classes"),
        ({"num_classes": DELETE}, "num_classes"),
        ({"pretrained_cfg": DELETE}, "pretrained_cfg"),
        ({"pretrained_cfg": []}, "pretrained_cfg"),
        ({"pretrained_cfg__mean": [0.5, 0.5]}, "pretrained_cfg"),
        ({"pretrained_cfg__mean": ["a", "b", "c"]}, "pretrained_cfg"),
        ({"pretrained_cfg__mean": [float("nan")] * 3}, "pretrained_cfg"),
        ({"pretrained_cfg__std": [0.2, 0.0, 0.2]}, "pretrained_cfg.std"),
        ({"pretrained_cfg__std": [float("inf")] * 3}, "pretrained_cfg"),
        ({"pretrained_cfg__std": [1e-300] * 3}, "pretrained_cfg.std"),
        ({"pretrained_cfg__std": [0.2, 1e-46, 0.2]}, "pretrained_cfg.std"),
        ({"pretrained_cfg__input_size": []}, "pretrained_cfg"),
        ({"pretrained_cfg__input_size": [3, 1, 1]}, "input_size"),
        ({"pretrained_cfg__input_size": [3, 99999, 99999]}, "input_size"),
        ({"pretrained_cfg__crop_pct": 0}, "pretrained_cfg"),
        ({"pretrained_cfg__crop_pct": -1}, "crop_pct"),
        ({"pretrained_cfg__crop_pct": 1e-9}, "crop_pct"),
        ({"pretrained_cfg__crop_pct": 1.5}, "crop_pct"),
        ({"pretrained_cfg__crop_pct": float("nan")}, "pretrained_cfg"),
        ({"pretrained_cfg__crop_mode": "border"}, "pretrained_cfg.crop_mode"),
        ({"pretrained_cfg__crop_mode": "Squash"}, "pretrained_cfg.crop_mode"),
        ({"pretrained_cfg__crop_mode": ["squash"]}, "pretrained_cfg.crop_mode"),
        ({"pretrained_cfg__crop_mode": None}, "pretrained_cfg.crop_mode"),
        ({"temperature": 0}, "temperature"),
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": float("inf")}, "temperature"),
        ({"known_threshold": 2}, "known_threshold"),
        ({"known_threshold": "high"}, "known_threshold"),
        ({"known_threshold": float("nan")}, "known_threshold"),
        ({"known_threshold": DELETE}, "known_threshold"),
        ({"format_version": 3}, "format_version"),
        ({"format_version": "2"}, "format_version"),
        ({"format_version": DELETE}, "known.safetensors"),
        ({"neither_threshold": DELETE}, "neither_threshold"),
        ({"known_threshold": 0.2, "neither_threshold": 0.3}, "neither_threshold"),
        ({"neither_threshold": -0.1}, "neither_threshold"),
        ({"cosine_floor": DELETE}, "cosine_floor"),
        ({"cosine_floor": float("nan")}, "cosine_floor"),
        ({"cosine_width": 0}, "cosine_width"),
        ({"cosine_width": "wide"}, "cosine_width"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_wrong_field_is_named(folder, changes, named):
    spoil(folder, **changes)
    with pytest.raises(BadConfig, match=named) as caught:
        Classifier.load(folder, ORIGIN, "cpu")
    assert "config.json" in caught.value.message("zh")


def test_ten_thousand_long_names_in_any_script_are_read(trained):
    names = [f"{k:05} 蚂蚁 ant 🐜 نملة".ljust(200, "x") for k in range(10_000)]
    config = {**read_run(trained).config, "label_names": names, "num_classes": 10_000}
    assert read_config(config)[0] == tuple(names)


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"architecture": "resnet50"}, "is a resnet50;"),
        ({"architecture": 3}, "is a 3;"),
        ({"architecture": "x" * 1000}, "is a " + "x" * 40 + ";"),
        ({"architecture": "two\nlines"}, "is a two lines;"),
        ({"architecture": None}, "config.json names no architecture"),
        ({"architecture": ""}, "config.json names no architecture"),
        # of transformers, in whose config.json it has another name
        ({"architecture": DELETE, "architectures": ["BertModel"]}, "is a BertModel;"),
        ({"architecture": DELETE, "architectures": [], "model_type": "vit"}, "is a vit;"),
        ({"architecture": DELETE, "architectures": "odd"}, "config.json names no architecture"),
    ],
)
def test_another_architecture_is_named(folder, config, named):
    spoil(folder, **config)
    with pytest.raises(WrongArchitecture, match=re.escape(named)) as caught:
        Classifier.load(folder, ORIGIN, "cpu")
    assert len(str(caught.value)) < 160
    for language in ("en", "zh"):
        assert "resnet18" in caught.value.message(language)
        assert "None" not in caught.value.message(language)


@pytest.mark.parametrize("temperature", [0.8, 3.0])
def test_runs_of_before_divide_the_logits_by_their_temperature(folder, temperature):
    """And say nothing of how they crop: the middle of what the short side decides."""
    spoil(folder, pretrained_cfg=LOOKS["closer"].to_timm(2))
    now = Classifier.load(folder, ORIGIN, "cpu")
    spoil(folder, temperature=temperature, pretrained_cfg__crop_mode=DELETE)
    before = Classifier.load(folder, ORIGIN, "cpu")
    assert before.preprocessing == LOOKS["closer"]
    picture = make_picture(0, 2, 61, size=(450, 300))
    one, two = (
        math.log(blue / red)
        for blue, red in (each(picture).probabilities.values() for each in (now, before))
    )
    assert two == pytest.approx(one / temperature, rel=1e-3)
    assert abs(one) > 0.05


def test_a_missing_temperature_is_1(folder):
    spoil(folder, temperature=DELETE)
    assert Classifier.load(folder, ORIGIN, "cpu").temperature == 1.0


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("fc.weight", lambda w: w[:1], "size mismatch for fc.weight"),
        ("fc.weight", lambda w: w * float("nan"), "fc.weight holds NaN"),
        ("conv1.weight", lambda w: w / 0, "conv1.weight holds NaN or infinity"),
        ("layer1.0.bn1.bias", None, "Missing key"),
    ],
)
def test_wrong_weights_are_named(trained, name, change, reason):
    run = read_run(trained)
    weights = dict(run.weights)
    if change:
        weights[name] = change(weights[name])
    else:
        del weights[name]
    spoiled = Run(weights=weights, config=run.config, tensors=run.tensors)
    with pytest.raises(WrongWeights, match=reason):
        Classifier(spoiled, ORIGIN, torch.device("cpu"))


@pytest.mark.parametrize(
    "change",
    [
        {"prototypes": torch.ones(3, 1000)},
        {"prototypes": torch.full((2, 1000), float("nan"))},
        {"weight": torch.ones(10, 512)},
        {"directions": torch.ones(3, 512)},
        {"directions": torch.full((2, 512), float("inf"))},
        {"percentiles": torch.ones(7)},
        {"more": torch.ones(1)},
    ],
)
def test_a_known_score_that_does_not_fit_is_named(trained, change):
    run = read_run(trained)
    tensors = {"known.safetensors": {**run.tensors["known.safetensors"], **change}}
    spoiled = Run(weights=run.weights, config=run.config, tensors=tensors)
    with pytest.raises(BadConfig, match=r"known\.safetensors"):
        Classifier(spoiled, ORIGIN, torch.device("cpu"))


def huge(tensor):
    return torch.full_like(tensor, 3e38)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("bn1.running_var", lambda t: t - 1 - t.max()),
        ("layer4.1.bn2.running_var", lambda t: torch.full_like(t, -1.0)),
        ("bn1.weight", huge),
        ("conv1.weight", huge),
        ("layer2.0.conv1.weight", huge),
        ("fc.weight", huge),
        ("fc.bias", lambda t: torch.tensor([3e38, -3e38])),
        ("fc.weight", lambda t: torch.full_like(t, 1e300, dtype=torch.float64)),
        ("prototypes", lambda t: -torch.ones_like(t)),
        ("weight", huge),
        ("bias", huge),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_finite_weights_that_answer_nan_are_not_served(trained, name, change, known):
    run = read_run(trained)
    weights, tensors = dict(run.weights), dict(run.tensors["known.safetensors"])
    place = tensors if name in tensors else weights
    place[name] = change(place[name])
    config = {
        **run.config,
        "temperature": 0.5,
    }  # its double is not finite
    if not known:
        del config["known_threshold"]
        if place is tensors:
            return
    spoiled = Run(weights, config, tensors={"known.safetensors": tensors} if known else {})
    with pytest.raises(NotFinite, match="finite") as caught:
        Classifier(spoiled, ORIGIN, torch.device("cpu"))
    assert not caught.value.message("zh").isascii()


@pytest.mark.parametrize("mean", [[1e300, 0.5, 0.5], [-3e38] * 3, [0.5, 0.5, 1e38]], ids=str)
def test_preprocessing_that_comes_to_nan_is_not_served(folder, mean):
    spoil(folder, pretrained_cfg__mean=mean)
    with pytest.raises(NotFinite):
        Classifier.load(folder, ORIGIN, "cpu")


def test_a_picture_whose_answer_is_nan_is_refused(trained):
    """As where only one picture in a thousand, none of the trial's, comes to it."""
    classifier = Classifier(read_run(trained), ORIGIN, torch.device("cpu"))
    classifier.network.bn1.running_var.fill_(-1)
    with pytest.raises(NotFinite):
        classifier(make_picture(0, 2, 0))


def test_a_pickle_in_safetensors_clothing_is_not_run(folder, tmp_path):
    class Payload:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",))

    torch.save(Payload(), folder / "model.safetensors")
    with pytest.raises(DamagedRunFile):
        Classifier.load(folder, ORIGIN, "cpu")
    assert not (tmp_path / "ran").exists()
