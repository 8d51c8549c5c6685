"""The network: torchvision's ResNet-18, what its body sees and where its evidence lies."""

from __future__ import annotations

import copy
import textwrap
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torchvision.models import ResNet, resnet18

from model.classifier.errors import WrongWeights


def build_network(num_classes: int, weights: Mapping[str, Tensor]) -> ResNet:
    """A torchvision resnet18 in evaluation mode with `weights`.

    Raises WrongWeights if the keys or shapes differ, or a number is not finite.
    """
    network = resnet18(num_classes=num_classes)
    try:
        network.load_state_dict(dict(weights), strict=True)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip().rstrip(".")
        reason = textwrap.shorten(reason, 120, placeholder=" …")  # it may name every key
        raise WrongWeights(num_classes=num_classes, reason=reason) from None
    for name, tensor in weights.items():
        if not tensor.isfinite().all():
            raise WrongWeights(num_classes=num_classes, reason=f"{name} holds NaN or infinity")
    return network.eval().requires_grad_(False)


def replace_head(network: ResNet, weight: Tensor, bias: Tensor) -> ResNet:
    """A copy of `network` whose last layer has this weight [K, 512] and bias [K]."""
    copied = copy.deepcopy(network)
    copied.fc = nn.Linear(weight.shape[1], len(weight)).to(network.fc.weight.device)
    copied.fc.load_state_dict({"weight": weight, "bias": bias})
    return copied.requires_grad_(False)


def feature_maps(network: ResNet, images: Tensor) -> Tensor:
    """What layer4 of a ResNet sees: [N, 3, H, W] -> [N, 512, H/32, W/32]."""
    x = network.maxpool(network.relu(network.bn1(network.conv1(images))))
    return network.layer4(network.layer3(network.layer2(network.layer1(x))))


def class_activation_map(activations: Tensor, head: Tensor, index: int) -> Tensor:
    """Where the evidence for class `index` lies: [h, w] in 0..1.

    Class activation mapping (Zhou et al., "Learning Deep Features for Discriminative
    Localization", CVPR 2016, eq. 2): the head's weights applied at each place of the last feature
    map [1, D, h, w] instead of to their mean. The other classes' mean is subtracted, since softmax
    looks at differences only.
    """
    direction = head[index] - (head.sum(dim=0) - head[index]) / (len(head) - 1)
    evidence = torch.einsum("d,dhw->hw", direction, activations[0]).relu()
    return evidence / evidence.amax().clamp_min(1e-12)
