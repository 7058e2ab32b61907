"""Whole folders: 300 photographs of a megapixel, 2,000 tiny files, and the memory of a file more."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import machine, pictures, reference, shell
from benchmarks.agreement import MEAN, picture_in
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
    """Return the commands and scripts of peers."""
    box = ("-filter", "Box", "-resize", "50%", "-quality", QUALITY, "-sampling-factor", "4:4:4")

    def named(name: str, *words: object, after: tuple[object, ...] = ()) -> Prepare:
        out = pictures.scratch() / name.replace(" ", "_")
        places = {"OUT": out, "OUT/": f"{out}/%s.jpg[Q={QUALITY}]"}
        return lambda folder: shell.command(
            *(places.get(str(word), word) for word in words), *sorted(folder.iterdir()),
            *(places.get(str(word), word) for word in after), out=out,
        )  # fmt: skip

    def scripted(text: str) -> Prepare:
        out = pictures.scratch() / f"script_{abs(hash(text))}"
        return lambda folder: shell.script(text, folder, out, machine.threads, out=out)

    return {
        "OpenCV script in threads": scripted(OPENCV),
        "Pillow script in threads": scripted(PILLOW),
        "GraphicsMagick": named("gm", "gm", "mogrify", "-output-directory", "OUT", *box),
        "mogrify": named("mogrify", "mogrify", "-path", "OUT", *box),
        "vipsthumbnail": named("vips", "vipsthumbnail", after=("--size", "500x500", "-o", "OUT/")),
    }


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
