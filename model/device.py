"""Where tensors live: the best device of this machine, what it is, and its half precision.

Step 0 of learning PyTorch: look at what there is before computing on it.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass

import torch

from model.errors import UserError


class DeviceError(UserError):
    en = "There is no device {name!r} here. Available: {available}. Choose one of them, or auto."
    zh = "此处没有设备 {name!r}。可用的有：{available}。请从中选择，或使用 auto。"


@dataclass(frozen=True)
class DeviceInfo:
    """What `describe` tells: PyTorch's version, and the device's type, name and count."""

    torch_version: str
    type: str
    name: str
    count: int

    def __str__(self) -> str:
        several = f" × {self.count}" if self.count > 1 else ""
        return f"{self.type} ({self.name}{several}), PyTorch {self.torch_version}"


def available_devices() -> list[str]:
    """Device types that can be used here, the best first; "cpu" is always the last."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    return ([accelerator.type] if accelerator else []) + ["cpu"]


def choose_device(name: str = "auto") -> torch.device:
    """The device called `name` ("cpu", "cuda", "cuda:1", "mps", "xpu", …), or the best one.

    Raises DeviceError if this machine has no such device.
    """
    available = available_devices()
    if name == "auto":
        return torch.device(available[0])
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(name=name, available=", ".join(available)) from None
    if device.type not in available or (device.index or 0) >= device_count(device):
        raise DeviceError(name=name, available=", ".join(available))
    return device


def device_count(device: torch.device) -> int:
    """How many devices of this type there are (1 for the CPU)."""
    return 1 if device.type == "cpu" else torch.accelerator.device_count()


def describe(device: torch.device) -> DeviceInfo:
    """PyTorch's version and what `device` is."""
    if device.type == "cpu":
        threads = torch.get_num_threads()
        name = f"{platform.machine()}, {threads} thread{'s' if threads > 1 else ''}"
    else:
        module = torch.get_device_module(device)
        ask = getattr(module, "get_device_name", None)
        name = ask(device) if ask else platform.machine()
    return DeviceInfo(torch.__version__, device.type, name, device_count(device))


def autocast(device: torch.device, dtype: torch.dtype | None = None) -> torch.autocast:
    """Automatic mixed precision in `dtype`, by default this device's `half_precision`; float32
    changes nothing."""
    dtype = dtype or half_precision(device)
    enabled = dtype != torch.float32
    return torch.autocast(device.type, dtype=dtype if enabled else torch.bfloat16, enabled=enabled)


def half_precision(device: torch.device) -> torch.dtype:
    """What mixed precision computes in on `device`: bfloat16 on accelerators and on processors
    built for it, float16 on CUDA's older ones, and on other processors float32, which is quicker
    there than any half.

    Unlike float16, bfloat16 has float32's range: only float16 needs its losses scaled.
    """
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        fast = any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
        return torch.bfloat16 if fast else torch.float32
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.float16
    return torch.bfloat16
