"""Images that are read, computed and written in parts: time against the same in memory, and peak memory of large ones.

Parts may take a quarter of the image where they are timed, and what is usual where their memory is measured.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod
from pathlib import Path

from benchmarks import pictures, shell
from benchmarks.groups import files
from benchmarks.rows import LIMIT, Call, Prepare, Row, Shape

MAP = (20000, 20000, 1)
LARGE = (100_000, 40_000, 1)
TALL = (200_000, 40_000, 1)
WHOLE = "in memory"
TARGET = 1 / 0.7
ALLOWED = 600.0
WORKS = {
    "max 2x2/2": ("downsample", "--mode", "max"),
    "median 3x3/2": ("downsample", "--mode", "median", "-F", "3", "-S", "2"),
    "bilinear to 30%": ("resize", "--mode", "bilinear", "--scale", "30%"),
}
PYRAMID = ("pyramid", "--mode", "majority")


def rows() -> Iterator[Row]:
    """Yield the time of each work, then its memory."""
    for ending in ("tif", "npy"):
        for work, words in WORKS.items():
            yield Row(
                work=f"{work} of .{ending} in parts",
                shape=MAP,
                given=pictures.map_in(ending),
                ours=_command(words, ending, True),
                beside={WHOLE: _command(words, ending, False)},
                targets={WHOLE: TARGET},
                quick=work == "max 2x2/2",
            )
    for ending in ("tif", "npy", "zarr"):
        for work, words in WORKS.items():
            yield _of_memory(work, words, ending, LARGE)
        yield _of_memory("pyramid of majority", PYRAMID, ending, LARGE)
    for ending in ("tif", "zarr"):
        yield _of_memory("max 2x2/2", WORKS["max 2x2/2"], ending, TALL)
    yield _of_memory("pyramid of majority", PYRAMID, "tif", TALL)


def _of_memory(work: str, words: tuple[str, ...], ending: str, shape: Shape) -> Row:
    """Return the row of the memory of a work."""
    return Row(
        work=f"memory of {work} of .{ending}",
        shape=shape,
        given=pictures.map_in(ending),
        ours=_memory(words, ending),
        targets={LIMIT: ALLOWED},
        unit="MB",
        warm=False,
        quick=False,
    )


def _words(words: tuple[str, ...], *more: object) -> tuple[object, ...]:
    return (*shell.POOLCLI, *words, "--quiet", "--overwrite", "--max-pixels", 10**11, *more)


def _command(words: tuple[str, ...], ending: str, in_parts: bool) -> Prepare:
    """Return poolcli's command, with memory for a quarter of the image, or for all."""
    out = files.output("parts" if in_parts else "whole", ending)

    def prepare(path: Path) -> Call:
        pixels = prod(map(int, re.findall(r"\d+", path.stem)))
        memory = pixels // 4 if in_parts else "100G"
        return shell.command(*_words(words, "--memory", memory, path, "-o", out), out=out)

    return prepare


def _memory(words: tuple[str, ...], ending: str) -> Prepare:
    made = {"npy": "tif", "zarr": "ome.zarr"}.get(ending, ending) if words is PYRAMID else ending
    out = files.output("parts", made)
    return lambda path: lambda: shell.peak(*_words(words, path, "-o", out))
