"""Whole folders: 300 photographs of a megapixel, 2,000 tiny files, and the memory of a file more."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import machine, pictures, reference, shell
from benchmarks.agreement import MEAN, picture_in
from benchmarks.groups import files
from benchmarks.rows import BEST, LIMIT, Call, Prepare, Row

PHOTOGRAPHS = (300, 1000, 1000, 3)
TINY = (2000, 64, 64, 3)
QUALITY = str(pictures.QUALITY)

OPENCV = f"""
import sys, cv2
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
cv2.setNumThreads(1)
source, target = map(Path, sys.argv[1:3])
jpeg = [cv2.IMWRITE_JPEG_QUALITY, {QUALITY}, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
def halve(path):
    small = cv2.resize(cv2.imread(str(path)), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(target / path.name), small, jpeg)
with ThreadPoolExecutor(int(sys.argv[3])) as threads:
    list(threads.map(halve, sorted(source.iterdir())))
"""
PILLOW = f"""
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from PIL import Image
source, target = map(Path, sys.argv[1:3])
def halve(path):
    with Image.open(path) as image:
        image.reduce(2).save(target / path.name, quality={QUALITY}, subsampling=0)
with ThreadPoolExecutor(int(sys.argv[3])) as threads:
    list(threads.map(halve, sorted(source.iterdir())))
"""


def rows() -> Iterator[Row]:
    """Yield the works."""
    yield Row(
        work="average 2x2 of a folder of JPEGs",
        shape=PHOTOGRAPHS,
        given=partial(pictures.folder, "jpg"),
        ours=halved,
        truth=lambda folder: reference.pooled(reference.average)(picture_in(folder)),
        peers=halving(),
        targets={BEST: 0.85},
        agreement=MEAN,
        tolerance=3.0,
        peer_tolerance=4.0,
    )
    yield Row(
        work="max 2x2 of a folder of tiny PNGs, a file",
        shape=TINY,
        given=partial(pictures.folder, "png"),
        ours=time_of_each,
        targets={LIMIT: 3.0},
        unit="ms a file",
        warm=False,
    )
    yield Row(
        work="memory of a file more in a folder of tiny PNGs",
        shape=TINY,
        given=partial(pictures.folder, "png"),
        ours=memory_of_each,
        targets={LIMIT: 10.0},
        unit="kB a file",
        warm=False,
    )


def halved(folder: Path) -> Call:
    """Return poolcli's command."""
    out = pictures.scratch() / "poolcli"
    words = ("downsample", "--mode", "average", "--quiet", "--quality", QUALITY, "-j", machine.threads)
    return shell.command(*shell.POOLCLI, *words, folder, "-o", out, out=out)


def halving() -> dict[str, Prepare]:
    """Return the commands and scripts of peers; commands are given the names in the folder, and run there."""
    box = ("-filter", "Box", "-resize", "50%", "-quality", QUALITY, "-sampling-factor", "4:4:4")
    commands: dict[str, Callable[[list[Path], Path], tuple[object, ...]]] = {
        "GraphicsMagick": lambda paths, out: ("gm", "mogrify", "-output-directory", out, *box, *_names(paths)),
        "mogrify": lambda paths, out: ("mogrify", "-path", out, *box, *_names(paths)),
        "vipsthumbnail": lambda paths, out: (
            "vipsthumbnail", *_names(paths), "--size", files.half(paths[0]), "-o", f"{out}/%s.jpg[Q={QUALITY}]"
        ),
    }  # fmt: skip
    scripts = {"OpenCV script in threads": OPENCV, "Pillow script in threads": PILLOW}
    return {name: _scripted(text, name) for name, text in scripts.items()} | {
        name: _in_folder(words, name) for name, words in commands.items()
    }


def _names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def _in_folder(words: Callable[[list[Path], Path], tuple[object, ...]], name: str) -> Prepare:
    out = pictures.scratch() / name
    return lambda folder: shell.command(*words(sorted(folder.iterdir()), out), out=out, folder=folder)


def _scripted(text: str, name: str) -> Prepare:
    out = pictures.scratch() / name.replace(" ", "_")
    return lambda folder: shell.script(text, folder, out, machine.threads, out=out)


def command(folder: Path) -> tuple[object, ...]:
    """Return the words that pool a folder."""
    out = pictures.scratch() / f"out_{folder.name}_{time.monotonic_ns()}"
    return (*shell.POOLCLI, "downsample", "--mode", "max", "--quiet", "-j", machine.threads, folder, "-o", out)


def time_of_each(folder: Path) -> Call:
    """Return what gives milliseconds of each file, those of the start shared by all."""

    def call() -> float:
        begin = time.perf_counter()
        shell.run(command(folder))
        return 1e3 * (time.perf_counter() - begin) / len(list(folder.iterdir()))

    return call


def memory_of_each(folder: Path) -> Call:
    """Return what gives by how much the peak memory of all files exceeds that of a tenth of them, for each more."""
    few = folder.with_name(f"{folder.name}_few")
    names: list[Any] = sorted(folder.iterdir())
    if not few.exists():
        few.mkdir()
        for path in names[::10]:
            os.link(path, few / path.name)

    def call() -> float:
        most, least = (shell.peak(*command(part)) for part in (folder, few))
        return 1e3 * max(most - least, 0) / (len(names) - len(names[::10]))

    return call
