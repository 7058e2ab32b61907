"""What a command costs before it works: its start, a small picture, the first use of a mode.

Where SciPy is installed, as scikit-image brings it, Numba imports it, which takes each command 0.13 s more.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import pictures, reference, shell
from benchmarks.agreement import picture_in
from benchmarks.groups import files
from benchmarks.rows import BEST, LIMIT, Call, Prepare, Row, Shape

PHOTOGRAPH = (512, 512, 3)
IMPORTS = "Python imports"
FIRST = (("downsample", "max"), ("downsample", "average"), ("downsample", "median"), ("downsample", "soft"),
         ("upsample", "bicubic"), ("reduce", "covariance"))  # fmt: skip
LARGE = (4000, 6000, 3)
TWELVE = "max,min,median,average,soft,lip,l2,gem,mixed,blur,percentile,majority"


def rows() -> Iterator[Row]:
    """Yield the works."""
    for words in (("--help",), ("modes",)):
        yield Row(
            work=f"poolcli {words[0]}",
            shape=PHOTOGRAPH,
            given=pictures.photograph_in("png"),
            ours=started(*words),
            targets={LIMIT: 150.0},
        )
    yield one_shot("average", files.halving("png"), {IMPORTS: 1.15, BEST: None})
    yield one_shot("gem", {}, {IMPORTS: 1.15})
    yield compared("12 modes", PHOTOGRAPH, 2000.0, "--mode", TWELVE, "--q", 75)
    yield compared("6 modes", LARGE, 20000.0)
    for command, mode in FIRST:
        yield Row(
            work=f"first use of {command} --mode {mode}, nothing compiled",
            shape=PHOTOGRAPH,
            given=pictures.photograph_in("png"),
            ours=first_use(command, mode),
            targets={LIMIT: 3000.0},
            warm=False,
            quick=mode == "max",
        )


def started(*words: str) -> Prepare:
    """Return a command that reads no file."""
    return lambda _: shell.command(*shell.POOLCLI, *words)


def one_shot(mode: str, others: dict[str, Prepare], targets: dict[str, Any]) -> Row:
    """Return a mode on a small picture; beside it, what Python takes for the imports that it needs."""
    out = files.output(f"small_{mode}", "png")
    words = ("downsample", "--mode", mode, "--quiet", "--overwrite")
    return Row(
        work=f"{mode} 2x2 of a small PNG",
        shape=PHOTOGRAPH,
        given=pictures.photograph_in("png"),
        ours=lambda path: shell.command(*shell.POOLCLI, *words, path, "-o", out, out=out),
        truth=lambda path: reference.pooled(getattr(reference, mode))(picture_in(path)),
        peers=others,
        beside={IMPORTS: lambda _: shell.command(sys.executable, "-c", "import numpy, PIL.Image, click, numba")},
        targets=targets,
    )


def compared(what: str, shape: Shape, most: float, *words: object) -> Row:
    """Return a contact sheet of some modes."""
    out = files.output("sheet", "png")
    return Row(
        work=f"compare of {what}",
        shape=shape,
        given=pictures.photograph_in("png"),
        ours=lambda path: shell.command(*shell.POOLCLI, "compare", "-q", "--overwrite", *words, path, "-o", out),
        targets={LIMIT: most},
        quick=shape == PHOTOGRAPH,
    )


def first_use(command: str, mode: str) -> Prepare:
    """Return the use of a mode with an empty cache."""

    def prepare(path: Path) -> Call:
        def call() -> None:
            with tempfile.TemporaryDirectory() as folder:
                target = ("-o", Path(folder) / "out.csv" if command == "reduce" else Path(folder) / "out.png")
                shell.run((*shell.POOLCLI, command, "--mode", mode, path, *target), POOLCLI_CACHE_DIR=folder)

        return call

    return prepare
