"""Peak memory of whole commands on 67 megapixels, beyond what the image and its result take.

libwebp (lossless), OpenJPEG and libaom hold an image several times over: their rows exceed what is allowed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import machine, pictures, shell
from benchmarks.groups import files
from benchmarks.rows import LIMIT, Call, Prepare, Row

PHOTOGRAPH = (6700, 10000, 3)
ALLOWED = 250.0
ENDINGS = ("png", "jpg", "tif", "npy", "bmp", "ppm", "tga", "webp", "jp2", "avif")


def rows() -> Iterator[Row]:
    """Yield a row for each format."""
    for ending in ENDINGS:
        yield Row(
            work=f"memory of max 2x2 of .{ending}",
            shape=PHOTOGRAPH,
            given=pictures.photograph_in(ending),
            ours=beyond(ending),
            peers=scripts(ending),
            targets={LIMIT: ALLOWED},
            unit="MB",
            warm=False,
            quick=ending in ("png", "jpg", "tif", "npy"),
        )


def beyond(ending: str) -> Prepare:
    """Return what gives the memory of poolcli's command in MB."""
    out = files.output("memory", ending)
    words = (*shell.POOLCLI, "downsample", "--mode", "max", "--quiet", "--overwrite")
    return lambda path: _beyond(path, (*words, path, "-o", out))


def scripts(ending: str) -> dict[str, Prepare]:
    """Return the same for what halves by scripts."""
    if ending not in ("png", "jpg", "tif"):
        return {}
    out = files.output("memory", ending)

    def scripted(text: str) -> Prepare:
        return lambda path: _beyond(path, (sys.executable, "-c", text, path, out, machine.threads))

    return {"OpenCV script": scripted(files.OPENCV), "Pillow script": scripted(files.PILLOW)}


def _beyond(path: Path, words: tuple[object, ...]) -> Call:
    height, width = map(int, path.stem.split("_")[1].split("x"))
    megabytes = height * width * 3 / 1e6
    return lambda: max(shell.peak(*words) - 1.25 * megabytes, 0.0)
