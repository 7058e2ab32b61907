"""Peak memory of images larger than memory may be: 4 and 8 gigapixels of bytes, in parts as large as usual.

It runs only if it is named: it takes an hour, and 15 GB of disk. Kernels that are compiled on their first use count:
windows of 512 x 512, which the last level of the higher image alone has, take 220 MB more for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import pictures, shell
from benchmarks.groups import files
from benchmarks.groups.parts import WORKS, words
from benchmarks.rows import LIMIT, Prepare, Row, Shape

LARGE = (100_000, 40_000, 1)
TALL = (200_000, 40_000, 1)
ALLOWED = 600.0
MAX, PYRAMID = "max 2x2/2", "pyramid of majority"
ALL = {**WORKS, PYRAMID: ("pyramid", "--mode", "majority")}


def rows() -> Iterator[Row]:
    """Yield each work of each format, then some of an image that is twice as high."""
    for ending in ("tif", "npy", "zarr"):
        for name in ALL:
            yield row(name, ending, LARGE)
    for name, ending in ((MAX, "tif"), (MAX, "zarr"), (PYRAMID, "tif")):
        yield row(name, ending, TALL)


def row(name: str, ending: str, shape: Shape) -> Row:
    """Return the row of a work."""
    return Row(
        work=f"memory of {name} of .{ending}",
        shape=shape,
        given=pictures.map_in(ending),
        ours=_memory(name, ending),
        targets={LIMIT: ALLOWED},
        unit="MB",
        warm=False,
        quick=False,
    )


def _memory(name: str, ending: str) -> Prepare:
    made = {"npy": "tif", "zarr": "ome.zarr"}.get(ending, ending) if name == PYRAMID else ending
    out = files.output("large", made)
    return lambda path: lambda: shell.peak(*words(ALL[name], path, "-o", out))
