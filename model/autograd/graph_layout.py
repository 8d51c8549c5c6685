"""Where to put the nodes of a graph: in layers, with few crossings and straight edges.

The method of Sugiyama, Tagawa and Toda ("Methods for visual understanding of hierarchical system
structures", IEEE Trans. SMC 11(2), 1981, p. 109): layers by longest path, an unseen node wherever
an edge crosses a layer, order within layers by the mean place of the neighbours.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, pairwise

SWEEPS = 12
UNSEEN_WIDTH = 0.45  # of a node's: room for an edge that passes between nodes


@dataclass(frozen=True)
class Layout:
    """Places along the two directions, in units of one node: `layer` counts from the inputs,
    `place` is at least 1 from its neighbours in the layer. `bends` are the points, from input to
    output, that an edge passes between its ends."""

    layer: dict[int, int]
    place: dict[int, float]
    bends: dict[tuple[int, int], list[tuple[float, float]]]
    layers: int
    width: float  # of the widest layer, so places run from 0 to width − 1


@dataclass
class _Net:
    """Layers of nodes, seen (≥ 0) and unseen (< 0), and the neighbours one layer away."""

    layers: list[list[int]]
    before: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    after: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))


def arrange(inputs: Mapping[int, Sequence[int]]) -> Layout:
    """Lay out a graph given each node's inputs; nodes must come after their inputs."""
    layer = _layers(inputs)
    net = _Net([[] for _ in range(max(layer.values()) + 1)])
    for node in inputs:
        net.layers[layer[node]].append(node)
    chains: dict[tuple[int, int], dict[int, int]] = {}  # of each edge: the unseen nodes by layer
    unseen = count(-1, -1)
    for node, sources in inputs.items():
        for source in dict.fromkeys(sources):
            chain = {k: next(unseen) for k in range(layer[source] + 1, layer[node])}
            for k, n in chain.items():
                net.layers[k].append(n)
            for a, b in pairwise([source, *chain.values(), node]):
                net.after[a].append(b)
                net.before[b].append(a)
            chains[source, node] = chain
    _order(net)
    place = _places(net)
    bends = {
        edge: [(float(k), place[n]) for k, n in chain.items()]
        for edge, chain in chains.items()
        if chain
    }
    seen = {node: place[node] for node in inputs}
    return Layout(layer, seen, bends, len(net.layers), max(place.values()) + 1)


def _layers(inputs: Mapping[int, Sequence[int]]) -> dict[int, int]:
    """Operations as early as their inputs allow, leaves just before their first use."""
    layer: dict[int, int] = {}
    for node, sources in inputs.items():
        layer[node] = 1 + max((layer[s] for s in sources), default=-1)
    for leaf in (node for node, sources in inputs.items() if not sources):
        uses = [layer[node] for node, sources in inputs.items() if leaf in sources]
        layer[leaf] = min(uses, default=1) - 1
    return layer


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _order(net: _Net) -> None:
    """Sort each layer by the mean place of its neighbours, sweeping there and back; keep the
    order with the fewest crossings."""
    best, fewest = [list(nodes) for nodes in net.layers], _crossings(net)
    rank = {node: k for nodes in net.layers for k, node in enumerate(nodes)}
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 1
        beside = net.before if forward else net.after
        for nodes in net.layers if forward else reversed(net.layers):
            wanted = {node: _mean([rank[n] for n in beside[node]], rank[node]) for node in nodes}
            nodes.sort(key=wanted.__getitem__)
            rank.update((node, k) for k, node in enumerate(nodes))
        if (crossings := _crossings(net)) < fewest:
            best, fewest = [list(nodes) for nodes in net.layers], crossings
    net.layers[:] = best


def _crossings(net: _Net) -> int:
    total = 0
    for nodes, following in pairwise(net.layers):
        rank = {node: k for k, node in enumerate(following)}
        seen: list[int] = []  # in order
        for end in (e for node in nodes for e in sorted(rank[n] for n in net.after[node])):
            place = bisect_right(seen, end)
            total += len(seen) - place
            seen.insert(place, end)
    return total


def _places(net: _Net) -> dict[int, float]:
    """Coordinates within layers: near the neighbours' mean, in order, and apart."""
    place = {n: float(k) for nodes in net.layers for k, n in enumerate(nodes)}
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 1
        for nodes in net.layers if forward else reversed(net.layers):
            beside = [net.before[node] + net.after[node] for node in nodes]
            wanted = [_mean([place[n] for n in neighbours], 0.0) for neighbours in beside]
            place.update(zip(nodes, _apart(nodes, wanted), strict=True))
    first = min(place.values())
    return {node: p - first for node, p in place.items()}


def _apart(nodes: Sequence[int], wanted: Sequence[float]) -> list[float]:
    """The places nearest to `wanted` (least squares) that keep the order and the distances:
    isotonic regression by pooling adjacent violators."""
    offsets = [0.0]
    for a, b in pairwise(nodes):
        half = [1.0 if n >= 0 else UNSEEN_WIDTH for n in (a, b)]
        offsets.append(offsets[-1] + sum(half) / 2)
    pools: list[tuple[float, int]] = []  # mean of wanted − offset, and how many share it
    for want, offset in zip(wanted, offsets, strict=True):
        mean, size = want - offset, 1
        while pools and pools[-1][0] > mean:
            previous, members = pools.pop()
            mean = (previous * members + mean * size) / (members + size)
            size += members
        pools.append((mean, size))
    means = [mean for mean, size in pools for _ in range(size)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]
