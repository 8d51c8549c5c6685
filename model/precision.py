"""Half precision where it is faster and training allows it (automatic mixed precision)."""

from __future__ import annotations

import torch


def autocast(device: torch.device) -> torch.autocast:
    """A context that computes in bfloat16 on accelerators, and on processors built for it.

    Elsewhere it changes nothing: without hardware for it, bfloat16 on a CPU is slower than
    float32. Unlike float16, bfloat16 has float32's range, so that no loss needs scaling.
    """
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=has_fast_bfloat16(device))


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether `device` has instructions for bfloat16 matrices."""
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return True
