from __future__ import annotations

import copy
import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import resnet18

from model.classifier.preprocessing import Preprocessing
from model.device import autocast
from model.images.folder import read_folder
from model.training.augmentation import ShrunkPictures, draw_chances, random_views
from model.training.body import BodySettings, BodyTraining, rise_and_fall

PREPROCESSING = Preprocessing()
SETTINGS = BodySettings(
    epochs=2,
    learning_rate=1e-4,
    stage_decay=0.3,
    smallest_crop=0.08,
    tuned_share=0.5,
    batch_size=3,
    workers=0,
)
NUMBERS = (0, 1, 6, 7, 8)


@pytest.fixture(scope="module")
def network(initial_weights):
    network = resnet18()
    network.load_state_dict(torch.load(initial_weights, weights_only=True))
    network.fc = nn.Linear(512, 2)
    nn.init.zeros_(network.fc.weight)
    nn.init.zeros_(network.fc.bias)
    return network.eval()


@pytest.fixture(scope="module")
def pictures(data):
    return ShrunkPictures(read_folder(data, seed=0).train, data, PREPROCESSING)


def training_of(network, pictures, settings=SETTINGS, numbers=NUMBERS, precision=None):
    numbers = torch.tensor(numbers)
    return BodyTraining(copy.deepcopy(network), pictures, numbers, settings, precision)


def test_an_epoch_is_adamw_written_out(network, pictures):
    training = training_of(network, pictures)
    told = []
    epoch = training.run_epoch(told.append)
    assert told == [3, 2]

    twin = copy.deepcopy(network).to(memory_format=torch.channels_last)
    twin.eval().requires_grad_(True)
    rates = {"conv1": 0.3**4, "bn1": 0.3**4, "layer1": 0.3**3, "layer2": 0.3**2, "layer3": 0.3}
    groups = [
        {"params": [value], "lr": 1e-4, "rate": 1e-4 * rates.get(name.split(".")[0], 1)}
        for name, value in twin.named_parameters()
    ]
    optimizer = torch.optim.AdamW(groups)
    order = torch.randperm(5, generator=torch.Generator().manual_seed(1))
    losses, right = [], 0
    for done, batch in enumerate(torch.tensor(NUMBERS)[order].split(3)):
        for group in optimizer.param_groups:  # four batches in all: half a cosine
            group["lr"] = group["rate"] * (1 + math.cos(math.pi * done / 4)) / 2
        pixels, labels = pictures.batch(batch.tolist())
        images = PREPROCESSING.normalise(pixels)
        views = random_views(images, draw_chances(batch.tolist(), 0, 1), 0.08, True)
        with autocast(torch.device("cpu")):
            logits = twin(views.contiguous(memory_format=torch.channels_last))
            loss = F.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses += [loss.item()] * len(batch)
        right += int((logits.argmax(dim=1) == labels).sum())
    assert epoch.loss == pytest.approx(sum(losses) / 5, rel=1e-4)
    assert epoch.accuracy == right / 5
    for name, value in training.network.state_dict().items():
        start, end = network.state_dict()[name], twin.state_dict()[name]
        moved = (end - start).double().norm()  # Adam's sign may differ where a gradient is nearly 0
        assert (value - end).double().norm() <= 0.05 * moved, name


@pytest.mark.parametrize(
    ("count", "epochs"), [(1, 50), (8, 50), (9, 25), (80, 5), (132, 3), (136, 3), (5000, 3)]
)
def test_few_pictures_are_met_more_often(network, pictures, count, epochs):
    settings = replace(SETTINGS, epochs=3, batches=50, batch_size=8)
    training = training_of(network, pictures, settings, range(count))
    assert training.settings.epochs == settings.for_pictures(count).epochs == epochs
    assert epochs == 3 or (epochs - 1) * math.ceil(count / 8) < 50 <= epochs * math.ceil(count / 8)


@pytest.mark.parametrize("batches", [1, 2, 7, 10, 400])
def test_the_learning_rate_rises_for_a_tenth_and_falls_to_nothing(batches):
    rates = [rise_and_fall(batches, done) for done in range(batches)]
    top = max(range(batches), key=rates.__getitem__)
    assert rates[top] > 0.9
    assert top <= batches / 10
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rise_and_fall(batches, batches) == pytest.approx(0)


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_half_precision_comes_to_nearly_the_same(network, pictures, precision):
    """And is no weight's own: those stay float32."""
    exact, half = (
        training_of(network, pictures, precision=each) for each in (torch.float32, precision)
    )
    assert half.scaler.is_enabled() == (precision == torch.float16)
    if half.scaler.is_enabled():
        half.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    losses = [each.run_epoch().loss for each in (exact, half)]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)
    assert losses[0] != losses[1]
    start = network.state_dict()
    for name, value in exact.network.named_parameters():
        other = half.network.state_dict()[name]
        assert other.dtype == torch.float32
        moved = (value - start[name]).norm()
        assert 0.5 * moved < (other - start[name]).norm() < 2 * moved, name


def test_a_gradient_too_large_for_float16_is_left_out_and_scaled_less(network, pictures):
    training = training_of(network, pictures, precision=torch.float16)
    training.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**60)
    training.run_epoch()
    assert training.scaler.get_scale() == 2.0**58
    before, after = network.state_dict(), training.network.state_dict()
    assert all(torch.equal(value, before[name]) for name, value in after.items())
    again = training_of(network, pictures, precision=torch.float16)
    again.load_state_dict(copy.deepcopy(training.state_dict()))
    assert again.scaler.get_scale() == 2.0**58


def test_batch_norm_statistics_stay_and_all_weights_move(network, pictures):
    training = training_of(network, pictures)
    for _ in range(2):
        training.run_epoch()
    before, after = network.state_dict(), training.network.state_dict()
    for name, value in after.items():
        if "running" in name or "num_batches" in name:
            assert torch.equal(value, before[name]), name
    parameters = dict(training.network.named_parameters())
    assert all(not torch.equal(value, before[name]) for name, value in parameters.items())


@pytest.mark.parametrize("share", [0.5, 1.0, 0.2])
def test_averaged_is_so_far_on_the_way(network, pictures, share):
    training = training_of(network, pictures, replace(SETTINGS, tuned_share=share))
    training.run_epoch()
    before, now = network.state_dict(), training.network.state_dict()
    for name, value in training.averaged().state_dict().items():
        if value.is_floating_point():
            assert torch.allclose(value, torch.lerp(before[name], now[name], share), atol=1e-7)
        else:
            assert torch.equal(value, before[name])


def test_state_goes_on_bit_for_bit(network, pictures):
    whole = training_of(network, pictures)
    for _ in range(2):
        whole.run_epoch()
    first = training_of(network, pictures)
    first.run_epoch()
    second = training_of(network, pictures)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    second.run_epoch()
    assert second.history == whole.history
    for found, expected in (
        (second.network.state_dict(), whole.network.state_dict()),
        (second.averaged().state_dict(), whole.averaged().state_dict()),
    ):
        assert all(torch.equal(value, expected[name]) for name, value in found.items())


def test_only_the_numbered_pictures_are_met(network, pictures):
    """Those of one class alone: the head learns to say it always."""
    settings = replace(SETTINGS, learning_rate=1e-2, epochs=1)
    training = training_of(network, pictures, settings, numbers=(6, 7, 8))
    assert training.pictures_an_epoch == 3
    training.run_epoch()
    assert training.network.fc.bias[1] > 0 > training.network.fc.bias[0]


def test_threads_change_nothing(network, pictures):
    weights = []
    for workers in (0, 2):
        training = training_of(network, pictures, replace(SETTINGS, workers=workers))
        training.run_epoch()
        weights.append(training.network.state_dict())
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
