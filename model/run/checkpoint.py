"""The state of a training run in one file, so that a killed run can go on where it was.

The state is any nesting of dicts, lists, tensors and JSON values, for instance

    save(path, {
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "generator": generator.get_state(),
        "epoch": 7,
    })

The file is safetensors: the tensors as they are, everything else as JSON in its header. Nothing in
it can run code when it is read, as a pickle could.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from model.errors import UserError

# How the JSON part says "the tensor of this name", "a dict whose keys are not text" (an
# optimizer's state is keyed by number) and "a tuple", which JSON cannot say by itself.
TENSOR, ITEMS, TUPLE = "__tensor__", "__items__", "__tuple__"


class BrokenCheckpoint(UserError):
    """A checkpoint that cannot be read or is not what was written."""

    en = (
        "The checkpoint {name} is damaged, or another program's file. Move it away and train "
        "again without --resume."
    )
    zh = "检查点 {name} 已损坏，或不是本程序的文件。请移走它，并去掉 --resume 重新训练。"


class CheckpointInTheWay(UserError):
    """A file that is no checkpoint of this program has a checkpoint's name."""

    en = (
        "{name} is not a checkpoint of this program, or is damaged; it is left alone. Move it "
        "away, or choose another --output."
    )
    zh = "{name} 不是本程序的检查点，或已损坏，未作改动。请移走它，或换一个 --output。"


def beside(output: Path) -> Path:
    """Where the checkpoint of the run that is to become the folder `output` is kept."""
    return output.with_name(output.name + ".checkpoint.safetensors")


def check(path: Path) -> None:
    """Raises CheckpointInTheWay where there is anything but a checkpoint that `save` wrote."""
    if os.path.lexists(path) and not _is_ours(path):
        raise CheckpointInTheWay(name=path.name)


def remove(path: Path) -> None:
    """Delete the checkpoint, and what kills during `save` left of it; no other program's file."""
    if _is_ours(path):
        path.unlink()
    partial = re.compile(re.escape(f".{path.name}.") + r"[0-9a-f]{8}\.partial")
    for each in path.parent.glob("*.partial") if path.parent.is_dir() else ():
        if partial.fullmatch(each.name):
            each.unlink()


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Write `state` to `path`, replacing what was there only once the new file is complete.

    Whoever is killed while saving leaves the previous checkpoint whole. Raises OSError where the
    disk is full or not writable, CheckpointInTheWay where there is a file that is none, TypeError
    where `state` holds something that JSON does not.
    """
    check(path)
    tensors: dict[str, torch.Tensor] = {}
    text = json.dumps(_pack(state, tensors))
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        save_file(tensors, partial, {"state": text, "sha256": _digest(text, tensors)})
        # Without this a power cut could leave the new name on a file whose bytes never arrived.
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    except SafetensorError as error:  # how safetensors reports a disk that is full
        raise OSError(f"cannot write {path.name}: {error}") from error
    finally:
        partial.unlink(missing_ok=True)


def load(path: Path) -> dict[str, Any]:
    """What `save` wrote to `path`, on the CPU, bit for bit.

    Raises FileNotFoundError where there is none and BrokenCheckpoint where a byte differs.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if _digest(header["state"], tensors) != header["sha256"]:
            raise BrokenCheckpoint(name=path.name)
        return _unpack(json.loads(header["state"]), tensors)
    except (SafetensorError, KeyError, ValueError) as error:
        raise BrokenCheckpoint(name=path.name) from error


def _is_ours(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    try:
        with safe_open(path, framework="pt") as file:
            return {"state", "sha256"} <= (file.metadata() or {}).keys()
    except (SafetensorError, OSError):
        return False


def _digest(text: str, tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of the JSON part and of each tensor's name, type, shape and bytes."""
    sha = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        sha.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return sha.hexdigest()


def _pack(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """`value` with its tensors moved into `tensors` and names left in their places."""
    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        # A copy, since safetensors refuses tensors that share memory (tied weights do).
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {TENSOR: name}
    if isinstance(value, Mapping):
        if all(isinstance(key, str) for key in value):
            return {key: _pack(each, tensors) for key, each in value.items()}
        return {ITEMS: [[key, _pack(each, tensors)] for key, each in value.items()]}
    if isinstance(value, tuple):
        return {TUPLE: [_pack(each, tensors) for each in value]}
    if isinstance(value, list):
        return [_pack(each, tensors) for each in value]
    return value


def _unpack(value: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    """The opposite of `_pack`."""
    if isinstance(value, list):
        return [_unpack(each, tensors) for each in value]
    if not isinstance(value, dict):
        return value
    if TENSOR in value:
        return tensors[value[TENSOR]]
    if ITEMS in value:
        return {key: _unpack(each, tensors) for key, each in value[ITEMS]}
    if TUPLE in value:
        return tuple(_unpack(each, tensors) for each in value[TUPLE])
    return {key: _unpack(each, tensors) for key, each in value.items()}
