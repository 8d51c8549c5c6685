"""A run folder: everything that the app needs of a model, and nothing else.

    model.safetensors   plain torchvision / Sequential keys
    config.json         architecture, class names, all that preprocessing needs
    metrics.json        settings, seed, device, seconds, history, final figures
    README.md           the model card
    curves.png …        the card's figures
    known.safetensors   what the classifier's "unusual" and "neither" answers need

A run folder appears whole or not at all: it is written beside its place and renamed. It replaces
an earlier run of the same kind only, told by the mark that config.json and metrics.json carry, and
of that only the files above: nothing that this program did not write is ever deleted.
"""

from __future__ import annotations

import json
import logging
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from model.errors import UserError, is_full_disk
from model.run.files import (
    CARD,
    CONFIG,
    EVALUATION,
    EVALUATION_NAMES,
    METRICS,
    NAMES,
    SYSTEM_FILES,
    WEIGHTS,
    is_lfs_pointer,
)

log = logging.getLogger(__name__)

PROGRAM = "ants-or-bees"


class RunError(UserError):
    """A run folder that cannot be read or written."""


class MissingRunFile(RunError):
    en = "{folder} is not a model folder: it has no {name}. Give a folder that train.py wrote."
    zh = "{folder} 不是模型文件夹：缺少 {name}。请给出由 train.py 写出的文件夹。"


class DamagedRunFile(RunError):
    en = "{name} in {folder} cannot be read: it is damaged or not what its name says. Train again."
    zh = "{folder} 中的 {name} 无法读取：文件已损坏或名不副实。请重新训练。"


class PointerFile(RunError):
    en = (
        "{name} in {folder} is a Git LFS pointer: it only says where the file is. Run git lfs pull "
        "there, or download the model with hf download."
    )
    zh = (
        "{folder} 中的 {name} 只是 Git LFS 指针，并不是文件本身。"
        "请在那里运行 git lfs pull，或用 hf download 下载模型。"
    )


class OutputNotWritable(RunError):
    en = "Cannot write to {folder}: {reason}. Choose another --output, or make room."
    zh = "无法写入 {folder}：{reason}。请换一个 --output，或腾出空间。"


class OutputInTheWay(RunError):
    en = (
        "{folder} exists and is no earlier result of this command (or one of an early version); "
        "it is left alone. Choose another --output."
    )
    zh = "{folder} 已存在，且不是该命令先前的结果（或属早期版本），未作改动。请换一个 --output。"


class OutputOfOtherKind(RunError):
    en = "{folder} holds a {found}, which a {kind} does not replace. Choose another --output."
    zh = "{folder} 中是 {found}，不会被 {kind} 替换。请换一个 --output。"


class OutputIsLink(RunError):
    en = "{folder} is a symbolic link. Give the folder that it leads to as --output."
    zh = "{folder} 是符号链接。请把它指向的文件夹作为 --output。"


class ForeignFiles(RunError):
    en = "{folder} holds what train.py did not write: {names}. Move it, or choose another --output."
    zh = "{folder} 中有不是 train.py 写入的内容：{names}。请移走，或换一个 --output。"


class UselessRun(RunError):
    en = (
        "The training came to a model whose answers are of no use: the app would refuse it. Train "
        "again with a lower --learning-rate."
    )
    zh = "训练得到的模型无法使用，应用会拒绝它。请用更小的 --learning-rate 重新训练。"


@dataclass(frozen=True)
class Run:
    """What a training run leaves. `tensors` maps further file names to their tensors, `figures`
    file names to PNG bytes."""

    weights: Mapping[str, Tensor]
    config: Mapping[str, Any]
    metrics: Mapping[str, Any] = field(default_factory=dict)
    card: str = ""
    figures: Mapping[str, bytes] = field(default_factory=dict)
    tensors: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)


def mark(kind: str) -> dict[str, str]:
    """What config.json and metrics.json say, so that a later training may replace them; `kind` is
    "classifier" or "regressor", or "report" in evaluation.json."""
    return {"program": PROGRAM, "kind": kind}


def check_output(output: Path, kind: str) -> None:
    """Raise RunError now, before hours of training, if `output` cannot become a run folder of this
    kind without the loss of anything but an earlier run of this kind."""
    with _written_beside(output):  # a folder can be made there; it goes again at once
        _check_replaceable(output, kind)
        content = _content(output)
        if foreign := sorted(path.name for path in content if not _is_ours(path, kind)):
            more = f" … ({len(foreign)})" if len(foreign) > 5 else ""
            raise ForeignFiles(folder=output, names=", ".join(foreign[:5]) + more)


def write_run(output: Path, run: Run) -> None:
    """Write `run`, whose config and metrics are marked, to the folder `output`, replacing an
    earlier run of its kind there in one step. What else came there since `check_output` stays.

    Raises RunError, leaving nothing half-written and the earlier run as it was.
    """
    files: dict[str, bytes] = {
        WEIGHTS: _safetensors(run.weights),
        CONFIG: to_json(run.config),
        METRICS: to_json(run.metrics),
        CARD: _utf8(run.card),
        **run.figures,
        **{name: _safetensors(tensors) for name, tensors in run.tensors.items()},
    }
    write_folder(output, run.config["kind"], files)


def write_folder(output: Path, kind: str, files: Mapping[str, bytes]) -> None:
    """Write `files`, by name, as `write_run` does those of a run."""
    assert files.keys() <= _names(kind), "the next training would take it for somebody else's"
    with _written_beside(output) as fresh:
        _check_replaceable(output, kind)
        for name, content in files.items():
            (fresh / name).write_bytes(content)
        _replace_folder(fresh, output, kind)


def read_run(folder: Path) -> Run:
    """Read weights, configuration and further tensors of a run folder (the app needs no more).

    Raises MissingRunFile, PointerFile or DamagedRunFile.
    """
    check_files(folder)
    tensors = {path.name: _read_tensors(path) for path in sorted(folder.glob("*.safetensors"))}
    return Run(
        weights=tensors.pop(WEIGHTS),
        config=read_json(folder / CONFIG),
        metrics=read_json(folder / METRICS) if (folder / METRICS).is_file() else {},
        tensors=tensors,
    )


def check_files(folder: Path) -> None:
    """Raise MissingRunFile or PointerFile where this is no run folder, or only looks like one."""
    for name in (WEIGHTS, CONFIG):
        if not (folder / name).is_file():
            raise MissingRunFile(folder=folder.name, name=name)
    for path in (folder / name for name in sorted(NAMES)):
        if path.is_file() and is_lfs_pointer(path):
            raise PointerFile(folder=folder.name, name=path.name)


def _read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file on the CPU, half precision widened to float32."""
    try:
        tensors = safetensors.torch.load_file(path)
    except (OSError, ValueError, safetensors.SafetensorError):
        raise DamagedRunFile(folder=path.parent.name, name=path.name) from None
    return {
        name: tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
        for name, tensor in tensors.items()
    }


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; raises DamagedRunFile where there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise DamagedRunFile(folder=path.parent.name, name=path.name)
    return value


def _safetensors(tensors: Mapping[str, Tensor]) -> bytes:
    # transformers refuses files whose metadata does not say that they were made for PyTorch.
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return safetensors.torch.save(contiguous, metadata={"format": "pt"})


def to_json(value: Mapping[str, Any]) -> bytes:
    """`value` as the text of a JSON file."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return _utf8(text, backslash="\\\\")


def _utf8(text: str, backslash: str = "\\") -> bytes:
    """`text` as UTF-8. What stands for the bytes of a file's name that is none is escaped."""
    escaped = re.sub("[\ud800-\udfff]", lambda half: f"{backslash}u{ord(half[0]):04x}", text)
    return escaped.encode()


def _content(folder: Path) -> list[Path]:
    """What is in `folder`, without what file managers leave everywhere; [] where it is none."""
    there = folder.iterdir() if folder.is_dir() else ()
    return [path for path in there if path.name not in SYSTEM_FILES]


def _names(kind: str) -> frozenset[str]:
    return EVALUATION_NAMES if kind == "report" else NAMES


def _is_ours(path: Path, kind: str) -> bool:
    return path.name in _names(kind) and path.is_file() and not path.is_symlink()


def _check_replaceable(output: Path, kind: str) -> None:
    """Raise RunError unless `output` is nothing, an empty folder or a marked run of this kind."""
    if output.is_symlink():
        raise OutputIsLink(folder=output)
    if not output.exists() or (output.is_dir() and not _content(output)):
        return
    is_report = (output / EVALUATION).is_file() and not (output / CONFIG).exists()
    try:
        marked = [EVALUATION] if is_report else [CONFIG, METRICS]
        marks = [read_json(output / name) for name in marked]
    except DamagedRunFile:
        raise OutputInTheWay(folder=output) from None
    if any(each.get("program") != PROGRAM for each in marks):
        raise OutputInTheWay(folder=output)
    for found in (each.get("kind") for each in marks):
        if found != kind:
            raise OutputOfOtherKind(folder=output, found=found, kind=kind)


@contextmanager
def writing(output: Path) -> Iterator[None]:
    """Whatever keeps the block from writing for `output` is raised as OutputNotWritable."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error) or type(error).__name__).lower()
        if is_full_disk(error):
            reason = "there is no space left on the disk"
        raise OutputNotWritable(folder=output, reason=reason) from error


@contextmanager
def _written_beside(output: Path) -> Iterator[Path]:
    """A new folder beside `output` that is gone at the end, unless it was renamed to `output`."""
    if not output.name:  # "." or "/": there is no place beside it
        raise OutputInTheWay(folder=output)
    with writing(output):
        parent = output.absolute().parent
        parent.mkdir(parents=True, exist_ok=True)
        named = {"prefix": f".{output.name}.", "dir": parent}
        with tempfile.TemporaryDirectory(**named, ignore_cleanup_errors=True) as fresh:
            os.chmod(fresh, 0o755)  # 0700, which it has, would keep a web server's user out
            yield Path(fresh)


def _replace_folder(fresh: Path, output: Path, kind: str) -> None:
    """Rename `fresh` to `output`; an earlier run there goes only once the new one is in its place,
    and is put back if that fails."""
    if not output.exists():
        os.rename(fresh, output)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{output.name}.old.", dir=fresh.parent), output.name)
    try:
        os.rename(output, old)
        try:
            os.rename(fresh, output)
        except BaseException:
            os.rename(old, output)
            raise
        for path in old.iterdir():
            if _is_ours(path, kind):
                path.unlink()
            elif not os.path.lexists(output / path.name):
                os.rename(path, output / path.name)
        old.rmdir()
    finally:
        try:
            old.parent.rmdir()
        except OSError:
            log.warning("what was in %s before is kept in %s", output, old)
