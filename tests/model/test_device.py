from __future__ import annotations

import platform

import pytest
import torch

from model.device import DeviceError, available_devices, choose_device, describe, device_count


def test_the_best_device_computes():
    devices = available_devices()
    assert devices[-1] == "cpu"
    device = choose_device("auto")
    assert device.type == devices[0]
    assert (torch.ones(2, device=device) * 2).sum().item() == 4


@pytest.mark.parametrize("name", ["cpu", "cpu:0"])
def test_the_cpu_is_always_there(name):
    assert choose_device(name).type == "cpu"
    assert device_count(torch.device("cpu")) == 1


@pytest.mark.parametrize("name", ["tpu9", "", "cpu:1", "cuda:99", "meta", "cuda:x"])
def test_a_device_that_is_not_there_is_named_beside_those_that_are(name):
    with pytest.raises(DeviceError) as caught:
        choose_device(name)
    for language in ("en", "zh"):
        assert repr(name) in caught.value.message(language)
        assert "cpu" in caught.value.message(language)


def test_description_of_the_cpu():
    found = describe(torch.device("cpu"))
    assert found.torch_version == torch.__version__
    assert (found.type, found.count) == ("cpu", 1)
    assert str(found).startswith(f"cpu ({platform.machine()}, {torch.get_num_threads()} thread")
    assert str(found).endswith(f"PyTorch {torch.__version__}")
