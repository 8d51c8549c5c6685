from __future__ import annotations

import argparse
import hashlib
import pickle

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import resnet18, resnet34

from model.training.initial_weights import (
    IMAGENET_CLASSES,
    InitialWeightsNotFound,
    WeightsNotDownloaded,
    WrongInitialWeights,
    load_initial,
)


@pytest.fixture(scope="module")
def weights(initial_weights) -> dict[str, torch.Tensor]:
    return torch.load(initial_weights, weights_only=True)


def test_pth_and_safetensors_give_the_same_network(initial_weights, weights, tmp_path):
    save_file(weights, tmp_path / "w.safetensors")
    torch.save(weights, tmp_path / "legacy.pth", _use_new_zipfile_serialization=False)
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    twin = resnet18()
    twin.load_state_dict(weights)
    expected = twin.eval()(image)
    for file in (initial_weights, tmp_path / "w.safetensors", tmp_path / "legacy.pth"):
        initial = load_initial(file)
        assert torch.equal(initial.network(image), expected)
        assert not initial.network.training
        assert not any(p.requires_grad for p in initial.network.parameters())


def test_an_unknown_file_is_named_by_its_digest(initial_weights):
    initial = load_initial(initial_weights)
    digest = hashlib.sha256(initial_weights.read_bytes()).hexdigest()
    assert initial.sha256 == digest
    assert initial.provenance.license == "other"
    assert digest in initial.provenance.origin
    assert "random.pth" in initial.provenance.origin
    assert str(initial_weights.parent) not in initial.provenance.origin


def test_half_precision_is_widened(weights, tmp_path):
    half = {k: v.half() if v.is_floating_point() else v for k, v in weights.items()}
    save_file(half, tmp_path / "half.safetensors")
    network = load_initial(tmp_path / "half.safetensors").network
    assert network.fc.weight.dtype == torch.float32


class Payload:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (exec, (f"open({str(self.target)!r}, 'w').close()",))


@pytest.mark.parametrize("how", ["pickle", "torch.save", "beside tensors", "safetensors"])
def test_a_payload_is_never_run(tmp_path, weights, how):
    target = tmp_path / "it-ran"
    file = tmp_path / ("w.safetensors" if how == "safetensors" else "w.pth")
    if how in ("pickle", "safetensors"):
        file.write_bytes(pickle.dumps(Payload(target)))
    else:
        torch.save(
            Payload(target) if how == "torch.save" else {**weights, "x": Payload(target)}, file
        )
    with pytest.raises(WrongInitialWeights):
        load_initial(file)
    assert not target.exists()


def damaged(content: bytes, how: str) -> bytes:
    return {
        "empty": b"",
        "text": b"<html>404</html>",
        "cut": content[: len(content) // 2],
        "cut at its end": content[:-500],
    }[how]


@pytest.mark.parametrize("how", ["empty", "text", "cut", "cut at its end"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_damaged_files(initial_weights, weights, tmp_path, how, suffix):
    file = tmp_path / f"w{suffix}"
    if suffix == ".pth":
        file.write_bytes(damaged(initial_weights.read_bytes(), how))
    else:
        save_file({"a": torch.ones(1000)}, file)
        file.write_bytes(damaged(file.read_bytes(), how))
    with pytest.raises(WrongInitialWeights) as caught:
        load_initial(file)
    assert f"w{suffix}" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def wrong_weights(weights, what: str):
    return {
        "a list": [1, 2],
        "a tensor": torch.ones(3),
        "numbered": {0: torch.ones(2)},
        "nested without end": {"state_dict": {"model": {"net": {"model": weights}}}},
        "optimizer alone": {"optimizer": {"state": {}}, "epoch": 3},
        "two networks": {f"{who}.{name}": v for name, v in weights.items() for who in "ab"},
        "nothing": {},
        "resnet34": resnet34().state_dict(),
        "10 classes": resnet18(num_classes=10).state_dict(),
        "resnet34 in a module": {f"module.{k}": v for k, v in resnet34().state_dict().items()},
        "not a number": {**weights, "fc.bias": weights["fc.bias"] / 0},
    }[what]


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("a list", "not a state dict"),
        ("a tensor", "not a state dict"),
        ("numbered", "not a state dict"),
        ("nested without end", "not a state dict"),
        ("optimizer alone", "not a state dict"),
        ("two networks", "Unexpected key"),
        ("nothing", "Missing key"),
        ("resnet34", "Unexpected key"),
        ("10 classes", "size mismatch for fc"),
        ("resnet34 in a module", "Unexpected key"),
        ("not a number", "NaN or infinity"),
    ],
)
def test_tensors_that_are_no_imagenet_resnet18(tmp_path, weights, what, reason):
    torch.save(wrong_weights(weights, what), tmp_path / "w.pth")
    with pytest.raises(WrongInitialWeights, match=reason) as caught:
        load_initial(tmp_path / "w.pth")
    assert len(str(caught.value)) < 350
    assert "\n" not in str(caught.value)
    assert "w.pth" in caught.value.message("zh")


def prefixed(weights: dict, prefix: str) -> dict:
    return {prefix + name: value for name, value in weights.items()}


@pytest.mark.parametrize(
    ("wrap", "said"),
    [
        (lambda w: w, ""),
        (lambda w: {"state_dict": w}, "out of state_dict"),
        (lambda w: {"model": w, "optimizer": {"lr": 0.1}, "epoch": 3}, "out of model"),
        (lambda w: {"model_state_dict": w, "loss": torch.ones(1)}, "out of model_state_dict"),
        (lambda w: {"model": {"state_dict": w}}, "out of model / state_dict"),
        (lambda w: {"model_ema": w, "epoch": 3}, "out of model_ema"),
        (lambda w: {"params": w}, "out of params"),
        (lambda w: {"state_dict_ema": w, "optimizer": {}}, "out of state_dict_ema"),
        (lambda w: {"model_ema": {k: v + 1 for k, v in w.items()}, "model": w}, "out of model"),
        (  # of torch.optim.swa_utils.AveragedModel
            lambda w: {"model_ema": {**prefixed(w, "module."), "n_averaged": torch.tensor(9)}},
            "out of model_ema, without the prefix module., leaving 1 other entries",
        ),
        (lambda w: prefixed(w, "ema_model."), "without the prefix ema_model."),
        (
            lambda w: {**prefixed(w, "model."), **{f"ema.{k}": v + 1 for k, v in w.items()}},
            "without the prefix model., leaving 122 other entries",
        ),
        (lambda w: prefixed(w, "module."), "without the prefix module."),
        (lambda w: prefixed(w, "module._orig_mod."), "without the prefix module._orig_mod."),
        (lambda w: {"net": prefixed(w, "backbone.")}, "out of net, without the prefix backbone."),
        (  # of Lightning
            lambda w: {
                "state_dict": {**prefixed(w, "model."), "loss.weight": torch.ones(2)},
                "pytorch-lightning_version": "2.5",
                "hyper_parameters": {"lr": 0.1},
            },
            "out of state_dict, without the prefix model., leaving 1 other entries",
        ),
        (  # of torchvision's references
            lambda w: {"model": w, "args": argparse.Namespace(lr=0.1, device="cuda")},
            "out of model",
        ),
    ],
)
def test_the_usual_wrappings_are_taken_off_and_named(tmp_path, weights, wrap, said):
    torch.save(wrap(weights), tmp_path / "w.pth")
    initial = load_initial(tmp_path / "w.pth")
    assert initial.unwrapped == said
    for name, value in initial.network.state_dict().items():
        assert torch.equal(value, weights[name])


def test_prefixes_in_safetensors(tmp_path, weights):
    save_file(prefixed(weights, "module."), tmp_path / "w.safetensors")
    assert load_initial(tmp_path / "w.safetensors").unwrapped == "without the prefix module."


def test_a_whole_network_or_more_is_refused_with_what_to_save(tmp_path, weights):
    torch.save(resnet18(), tmp_path / "network.pth")
    torch.save({"model": weights, "where": tmp_path}, tmp_path / "path.pth")
    for file, named in (
        ("network.pth", "torchvision.models.resnet.ResNet"),
        ("path.pth", "pathlib"),
    ):
        with pytest.raises(WrongInitialWeights, match=named) as caught:
            load_initial(tmp_path / file)
        assert "save model.state_dict() alone" in str(caught.value)
        assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_what_git_lfs_did_not_fetch(tmp_path, suffix):
    file = tmp_path / f"w{suffix}"
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n")
    with pytest.raises(WrongInitialWeights, match="Git LFS pointer"):
        load_initial(file)


def test_missing_files_and_folders(tmp_path):
    for path in (tmp_path / "none.pth", tmp_path):
        with pytest.raises(InitialWeightsNotFound):
            load_initial(path)


def test_no_network_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody listens there
    with pytest.raises(WeightsNotDownloaded, match=r"--init-weights") as caught:
        load_initial(None)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("*.pth"))


def test_names_of_imagenets_classes():
    assert (IMAGENET_CLASSES[310], IMAGENET_CLASSES[309]) == ("ant", "bee")
    assert len(IMAGENET_CLASSES) == 1000
