"""How time grows: with the image, with the window, with threads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import poolcli
from benchmarks import machine, peers, pictures, reference
from benchmarks.groups import RGB
from benchmarks.rows import Call, Prepare, Row, Shape

SIZES = ((800, 1250, 3), (2000, 2000, 3), RGB, (8000, 12500, 3))
WINDOWS = (2, 4, 8, 16, 32, 64)
CHECKED = (128, 192, 3)


def rows() -> Iterator[Row]:
    """Yield the works."""
    for mode, theirs in (("max", peers.dilate(2, 2)), ("average", area(2))):
        for shape in SIZES:
            yield row(f"{mode} 2x2/2 uint8", mode, shape, theirs=theirs)
    for size in WINDOWS:
        yield row(f"max {size}x{size}/1 uint8", "max", RGB, size, 1, peers.dilate(size))
        yield row(f"average {size}x{size}/{size} uint8", "average", (3968, 5952, 3), size, size, area(size))
    for mode in ("max", "soft"):
        for count in sorted({1, 2, os.cpu_count() or 1}):
            yield row(f"{mode} 2x2/2 uint8, threads: {count}", mode, RGB, count=count)


def row(work: str, mode: str, shape: Shape, kernel_size: int = 2, stride: int = 2, theirs: Prepare | None = None,
        count: int = 0) -> Row:  # fmt: skip
    """Return a row, with so many threads, or as many as all others."""
    truth = {"max": reference.maximum, "average": reference.average}.get(mode)

    def prepare(image: Any) -> Call:
        return lambda: pooled(image, count, mode, kernel_size=kernel_size, stride=stride)

    return Row(
        work=work,
        shape=shape,
        given=pictures.noise("uint8"),
        ours=prepare,
        truth=reference.pooled(truth, kernel_size, stride) if truth else None,
        peers={"OpenCV": theirs} if theirs else {},
        checked=CHECKED,
    )


def area(size: int) -> Prepare:
    """Return OpenCV's average of windows side by side."""
    return peers.opencv_resize(lambda x: (x.shape[0] // size, x.shape[1] // size), "AREA")


def pooled(image: Any, count: int, mode: str, **given: Any) -> Any:
    """Pool with so many threads, or as many as all others."""
    import numba

    numba.set_num_threads(count or machine.threads)
    try:
        return poolcli.downsample(image, mode, **given)
    finally:
        numba.set_num_threads(machine.threads)
