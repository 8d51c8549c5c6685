"""The weights that training starts from: an ImageNet ResNet-18, and where it came from."""

from __future__ import annotations

import argparse
import hashlib
import pickle
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torchvision.models import ResNet, ResNet18_Weights

from model.classifier.errors import WrongWeights
from model.classifier.network import build_network
from model.errors import UserError
from model.run.card import plain
from model.run.files import is_lfs_pointer
from model.training.unwrapping import Unwrapped, is_state_dict, unwrap

IMAGENET_CLASSES: list[str] = ResNet18_Weights.DEFAULT.meta["categories"]


class InitialWeightsError(UserError):
    """Weights that training cannot start from."""


class InitialWeightsNotFound(InitialWeightsError):
    en = "--init-weights: there is no file {file}. Give a .pth or .safetensors file."
    zh = "--init-weights：没有文件 {file}。请给出 .pth 或 .safetensors 文件。"


class WrongInitialWeights(InitialWeightsError):
    en = (
        "--init-weights: {file} does not hold a torchvision resnet18 with 1,000 ImageNet classes: "
        "{reason}. Give another file, or leave the option out to download torchvision's."
    )
    zh = (
        "--init-weights：{file} 不是含 1000 个 ImageNet 类别的 torchvision resnet18：{reason}。"
        "请换一个文件，或省略该选项以下载 torchvision 的权重。"
    )


class WeightsNotDownloaded(InitialWeightsError):
    en = (
        "torchvision's ResNet-18 weights could not be downloaded: {reason}. Try again, or give a "
        "file with --init-weights."
    )
    zh = "无法下载 torchvision 的 ResNet-18 权重：{reason}。请重试，或用 --init-weights 给出文件。"


@dataclass(frozen=True)
class Provenance:
    """Who made the weights (`origin`, Markdown), the licence that follows (a Hub identifier) and
    the model's name there, if it has one."""

    origin: str
    license: str
    base_model: str | None = None


TORCHVISION = Provenance(
    origin="torchvision's `ResNet18_Weights.IMAGENET1K_V1`, trained on ImageNet-1k",
    license="bsd-3-clause",
    base_model="timm/resnet18.tv_in1k",
)

# Files whose origin is known by their content, so that a card need not be told.
KNOWN_FILES = {
    "12cb5023e33d053d3c009061688d5cc1c3ccdc4c26a81c2b2dc39e7798aeb040": Provenance(
        origin=(
            "ResNet-18 decoded from `resnet18_small_blocks.pth` of "
            "[facebookresearch/kill-the-bits](https://github.com/facebookresearch/kill-the-bits) "
            "(Stock et al., “And the Bit Goes Down”, ICLR 2020, arXiv 1907.05686), a "
            "product-quantised copy of torchvision's IMAGENET1K_V1, with batch-norm statistics "
            "re-estimated"
        ),
        license="cc-by-nc-4.0",
        base_model="timm/resnet18.tv_in1k",
    )
}


@dataclass(frozen=True)
class Initial:
    """A resnet18 with 1,000 classes, where it came from and, of a file, its sha256. `unwrapped`
    tells in a line what was taken off to find it, "" for nothing."""

    network: ResNet
    provenance: Provenance
    sha256: str | None = None
    unwrapped: str = ""


def load_initial(file: Path | None) -> Initial:
    """The network in `file` (.safetensors, or .pth read without pickle's powers), found under the
    usual wrappings; None is torchvision's own, downloaded once.

    Raises InitialWeightsNotFound, WrongInitialWeights or WeightsNotDownloaded.
    """
    if file is None:
        return Initial(_network(Unwrapped(_download()), "ResNet18_Weights.DEFAULT"), TORCHVISION)
    if not file.is_file():
        raise InitialWeightsNotFound(file=file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    unknown = Provenance(origin=f"{plain(file.name)} (sha256 `{digest}`)", license="other")
    found = unwrap(_read(file))
    return Initial(_network(found, file.name), KNOWN_FILES.get(digest, unknown), digest, str(found))


def _read(file: Path) -> Any:
    if is_lfs_pointer(file):
        reason = "it is a Git LFS pointer, which only says where the file is (see git lfs pull)"
        raise WrongInitialWeights(file=file.name, reason=reason)
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        with warnings.catch_warnings():  # about what is refused in the next moment anyway
            warnings.simplefilter("ignore")
            # The options of a training stand beside many a state dict: an object that does nothing.
            with torch.serialization.safe_globals([argparse.Namespace]):
                return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = "it is no file of tensors, or holds more than tensors"
        if refused := re.search(r"GLOBAL ([\w.]{1,60})", str(error)):
            reason = (
                f"it holds more than tensors ({refused[1]}), which might run a program and is not "
                "read; save model.state_dict() alone"
            )
    except (OSError, SafetensorError, RuntimeError, ValueError, EOFError, KeyError):
        reason = "it cannot be read"
    raise WrongInitialWeights(file=file.name, reason=reason) from None


def _download() -> dict[str, Tensor]:
    try:
        return ResNet18_Weights.DEFAULT.get_state_dict(progress=True, check_hash=True)
    except (OSError, RuntimeError) as error:  # urllib's errors are OSErrors
        reason = getattr(error, "reason", None) or error
        raise WeightsNotDownloaded(reason=str(reason).splitlines()[0]) from error


def _network(found: Unwrapped, name: str) -> ResNet:
    if not is_state_dict(found.weights):
        raise WrongInitialWeights(file=name, reason="it is not a state dict")
    try:
        return build_network(len(IMAGENET_CLASSES), found.weights)
    except WrongWeights as error:
        raise WrongInitialWeights(file=name, reason=error.facts["reason"]) from None
