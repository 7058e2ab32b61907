"""Feature maps of a network, float32, against PyTorch in both of its memory formats."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import poolcli
from benchmarks import peers, pictures, reference
from benchmarks.agreement import RELATIVE
from benchmarks.groups import MAPS
from benchmarks.rows import Row

LAST = "PyTorch channels_last"


def rows() -> Iterator[Row]:
    """Yield the works."""
    for size in (2, 3):
        yield pool("max", size, reference.maximum, lambda nn, x, size: nn.max_pool2d(x, size, 2))
        yield pool("average", size, reference.average, lambda nn, x, size: nn.avg_pool2d(x, size, 2))
    yield row(
        "gap", lambda x: poolcli.reduce(x, "gap"), reference.whole(reference.average), lambda _, x: x.mean((2, 3))
    )


def pool(mode: str, size: int, truth: Callable[[Any], Any], theirs: Callable[[Any, Any, int], Any]) -> Row:
    """Return the row of a pool, whose windows lie 2 apart."""
    return row(
        f"{mode} {size}x{size}/2",
        lambda maps: poolcli.downsample(maps, mode, kernel_size=size, stride=2),
        reference.pooled(truth, size, 2),
        lambda nn, tensor: theirs(nn, tensor, size),
    )


def row(work: str, function: Callable[[Any], Any], truth: reference.Truth, theirs: Callable[[Any, Any], Any]) -> Row:
    """Return a row."""
    return Row(
        work=f"{work} float32",
        shape=MAPS,
        given=pictures.noise("float32"),
        ours=lambda maps: lambda: function(maps),
        truth=truth,
        peers={LAST: peers.torch(theirs, channels_last=True), "PyTorch NCHW": peers.torch(theirs)},
        targets={LAST: 1.0},
        agreement=RELATIVE,
        tolerance=2e-6,
        peer_tolerance=1e-4,
        checked=(2, 30, 34, 8),
    )
