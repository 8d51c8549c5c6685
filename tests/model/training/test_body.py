from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import resnet18

from model.classifier.preprocessing import Preprocessing
from model.device import autocast
from model.images.folder import load_training_picture, read_folder
from model.training.body import BodySettings, BodyTraining, RandomViews
from model.training.features import picture_generator, random_view

SETTINGS = BodySettings(epochs=2, batch_size=3, learning_rate=1e-4, workers=0)


@pytest.fixture(scope="module")
def network(initial_weights):
    network = resnet18()
    network.load_state_dict(torch.load(initial_weights, weights_only=True))
    network.fc = nn.Linear(512, 2)
    nn.init.zeros_(network.fc.weight)
    nn.init.zeros_(network.fc.bias)
    return network.eval()


def training_of(network, data, settings=SETTINGS, numbers=(0, 1, 6, 7, 8)) -> BodyTraining:
    views = RandomViews(read_folder(data, seed=0).train, data, settings.seed)
    numbers = torch.tensor(numbers)
    return BodyTraining(copy.deepcopy(network), views, numbers, settings)


def test_an_epoch_is_adamw_written_out(network, data):
    training = training_of(network, data)
    told = []
    epoch = training.run_epoch(told.append)
    assert told == [3, 2]

    twin = copy.deepcopy(network).to(memory_format=torch.channels_last)
    twin.eval().requires_grad_(True)
    pictures, normalise = read_folder(data, seed=0).train, Preprocessing().normalise
    rates = {"conv1": 0.3**4, "bn1": 0.3**4, "layer1": 0.3**3, "layer2": 0.3**2, "layer3": 0.3}
    optimizer = torch.optim.AdamW(
        {"params": [value], "lr": 1e-4 * rates.get(name.split(".")[0], 1)}
        for name, value in twin.named_parameters()
    )
    order = torch.randperm(5, generator=torch.Generator().manual_seed(1))
    losses, right = [], 0
    for batch in torch.tensor([0, 1, 6, 7, 8])[order].split(3):
        views = [
            random_view(load_training_picture(pictures[n].path, data), picture_generator(0, n, 1))
            for n in batch.tolist()
        ]
        images = normalise(torch.stack(views)).contiguous(memory_format=torch.channels_last)
        labels = torch.tensor([pictures[n].label for n in batch])
        with autocast(torch.device("cpu")):
            logits = twin(images)
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


def test_batch_norm_statistics_stay_and_all_weights_move(network, data):
    training = training_of(network, data)
    for _ in range(2):
        training.run_epoch()
    before, after = network.state_dict(), training.network.state_dict()
    for name, value in after.items():
        if "running" in name or "num_batches" in name:
            assert torch.equal(value, before[name]), name
    parameters = dict(training.network.named_parameters())
    assert all(not torch.equal(value, before[name]) for name, value in parameters.items())


def test_averaged_is_half_way(network, data):
    training = training_of(network, data)
    training.run_epoch()
    before, now = network.state_dict(), training.network.state_dict()
    for name, value in training.averaged().state_dict().items():
        if value.is_floating_point():
            assert torch.allclose(value, torch.lerp(before[name], now[name], 0.5), atol=1e-7)
        else:
            assert torch.equal(value, before[name])


def test_state_goes_on_bit_for_bit(network, data):
    whole = training_of(network, data)
    for _ in range(2):
        whole.run_epoch()
    first = training_of(network, data)
    first.run_epoch()
    second = training_of(network, data)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    second.run_epoch()
    assert second.history == whole.history
    for found, expected in (
        (second.network.state_dict(), whole.network.state_dict()),
        (second.averaged().state_dict(), whole.averaged().state_dict()),
    ):
        assert all(torch.equal(value, expected[name]) for name, value in found.items())


def test_only_the_numbered_pictures_are_met(network, data):
    """Those of one class alone: the head learns to say it always."""
    settings = replace(SETTINGS, learning_rate=1e-2, epochs=1)
    training = training_of(network, data, settings, numbers=(6, 7, 8))
    assert training.pictures_an_epoch == 3
    training.run_epoch()
    assert training.network.fc.bias[1] > 0 > training.network.fc.bias[0]


def test_threads_change_nothing(network, data):
    weights = []
    for workers in (0, 2):
        training = training_of(network, data, replace(SETTINGS, workers=workers))
        training.run_epoch()
        weights.append(training.network.state_dict())
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
