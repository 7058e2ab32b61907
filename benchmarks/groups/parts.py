"""Images that are read, computed and written in parts, which may take a quarter of the image: time against the same in
memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod
from pathlib import Path

from benchmarks import pictures, shell
from benchmarks.groups import files
from benchmarks.rows import Call, Prepare, Row

MAP = (20000, 20000, 1)
WHOLE = "in memory"
TARGET = 1 / 0.7
WORKS = {
    "max 2x2/2": ("downsample", "--mode", "max"),
    "median 3x3/2": ("downsample", "--mode", "median", "-F", "3", "-S", "2"),
    "bilinear to 30%": ("resize", "--mode", "bilinear", "--scale", "30%"),
}


def rows() -> Iterator[Row]:
    """Yield the works."""
    for ending in ("tif", "npy"):
        for name, work in WORKS.items():
            yield Row(
                work=f"{name} of .{ending} in parts",
                shape=MAP,
                given=pictures.map_in(ending),
                ours=_command(work, ending, True),
                beside={WHOLE: _command(work, ending, False)},
                targets={WHOLE: TARGET},
                quick=name == "max 2x2/2",
            )


def words(work: tuple[str, ...], *more: object) -> tuple[object, ...]:
    """Return the words of a command for images of any size."""
    return (*shell.POOLCLI, *work, "--quiet", "--overwrite", "--max-pixels", 10**11, *more)


def _command(work: tuple[str, ...], ending: str, in_parts: bool) -> Prepare:
    """Return poolcli's command, with memory for a quarter of the image, or for all."""
    out = files.output("parts" if in_parts else "whole", ending)

    def prepare(path: Path) -> Call:
        pixels = prod(map(int, re.findall(r"\d+", path.stem)))
        memory = pixels // 4 if in_parts else "100G"
        return shell.command(*words(work, "--memory", memory, path, "-o", out), out=out)

    return prepare
