"""Pyramids as whole commands: a tiled TIFF of 105 megapixels, and its five smaller levels, to another.

libvips and GDAL make each level of the one before, of rounded values: their labels are others, and their averages up to
a level away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

from benchmarks import pictures, reference, shell
from benchmarks.agreement import LEVELS, SHARE, Agreement, Result
from benchmarks.groups.files import output
from benchmarks.rows import BEST, Prepare, Row, Shape

SHAPE = (10240, 10240, 1)
CHECKED = (1280, 1280, 1)
UNTIL = 512
VIPS, GDAL = {"average": "mean", "majority": "mode", "max": "max"}, {"average": "average", "majority": "mode"}
TENSORSTORE = {"average": "mean", "majority": "mode", "max": "max"}

SCRIPT = """
import sys, tensorstore, tifffile
image = tifffile.imread(sys.argv[1])
levels = [image]
while max(levels[-1].shape) > int(sys.argv[4]):
    factor = 2 ** len(levels)
    base = tensorstore.array(image)
    levels.append(tensorstore.downsample(base, [factor, factor], sys.argv[3]).read().result())
with tifffile.TiffWriter(sys.argv[2]) as tiff:
    for k, level in enumerate(levels):
        more = {"subfiletype": 1} if k else {"subifds": len(levels) - 1}
        tiff.write(level, tile=(512, 512), compression="zlib", predictor=True, metadata=None, maxworkers=2, **more)
"""


def rows() -> Iterator[Row]:
    """Yield the works."""
    yield row("average", pictures.noise("uint8"), reference.average, LEVELS, 0.501)
    yield row("max", pictures.noise("uint8"), reference.maximum, LEVELS, 0.0)
    yield row("majority", pictures.labels("uint8"), reference.majority, SHARE, 0.0)


def row(
    mode: str, given: Callable[[Shape], Any], truth: Callable[[Any], Any], agreement: Agreement, tolerance: float
) -> Row:
    """Return the row of a mode: the last level is compared."""
    return Row(
        work=f"pyramid of {mode}",
        shape=SHAPE,
        given=partial(tiled, given, mode),
        ours=_written("poolcli", lambda a, b: (*shell.POOLCLI, "pyramid", "-m", mode, "-q", "--overwrite", a, "-o", b)),
        truth=lambda path: reference.pooled(truth, 4)(_image(given, mode, CHECKED))[..., 0],
        peers=peers_of(mode),
        targets={BEST: 1.0},
        agreement=agreement,
        tolerance=tolerance,
        checked=CHECKED,
        quick=mode == "majority",
    )


def peers_of(mode: str) -> dict[str, Prepare]:
    """Return the commands and scripts of peers."""
    save = ("--pyramid", "--subifd", "--tile", "--tile-width", 512, "--tile-height", 512, "--compression", "deflate")
    shrink = ("--predictor", "horizontal", "--region-shrink", VIPS[mode])
    peers = {
        "vips": _written("vips", lambda a, b: ("vips", "tiffsave", a, b, *save, *shrink)),
        "TensorStore script": _scripted(output("TensorStore", "tif"), TENSORSTORE[mode]),
    }
    if mode in GDAL:
        peers["GDAL"] = _added(output("GDAL", "tif"), GDAL[mode])
    return peers


def _image(given: Callable[[Shape], Any], mode: str, shape: Shape) -> Any:
    return given(shape[:2] if mode == "majority" else shape)


@cache
def _file(shape: Shape, mode: str) -> Path:
    return pictures.scratch() / f"pyramid_{mode}_{shape[0]}x{shape[1]}.tif"


def tiled(given: Callable[[Shape], Any], mode: str, shape: Shape) -> Path:
    """Return a tiled and compressed TIFF."""
    import tifffile

    path = _file(shape, mode)
    if not path.exists():
        image = _image(given, mode, shape)
        tifffile.imwrite(path, image, tile=(512, 512), compression="zlib", predictor=True, metadata=None)
    return path


def last_level(path: Path) -> Any:
    """Return the smallest level of a file."""
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        return tiff.series[0].levels[-1].asarray()


def _made(call: Callable[[], Any], out: Path) -> Callable[[], Result]:
    def made() -> Result:
        call()
        return Result(out, last_level)

    return made


def _written(name: str, words: Callable[[Path, Path], tuple[object, ...]]) -> Prepare:
    out = output(name, "tif")
    return lambda path: _made(shell.command(*words(path, out)), out)


def _scripted(out: Path, method: str) -> Prepare:
    return lambda path: _made(shell.script(SCRIPT, path, out, method, UNTIL), out)


def _added(out: Path, method: str) -> Prepare:
    """Return the call of GDAL's command, which adds levels to a file: to a copy of that."""

    def call(path: Path) -> Callable[[], Result]:
        size = int(path.stem.split("x")[-1])
        factors = [2**k for k in range(1, 31) if size > 2 ** (k - 1) * UNTIL]
        options = ("--config", "COMPRESS_OVERVIEW", "DEFLATE", "--config", "PREDICTOR_OVERVIEW", 2)
        words = " ".join(map(str, ("gdaladdo", "-q", "-r", method, *options, out, *factors)))
        return _made(shell.command("sh", "-c", f"cp {path} {out} && {words}"), out)

    return call
