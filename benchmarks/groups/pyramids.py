"""Pyramids as whole commands: a tiled TIFF of 105 megapixels or more, and its smaller levels, to another or a Zarr.

libvips and GDAL make each level of the one before, of rounded values: their labels are others, and their averages up to
a level away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from math import prod
from pathlib import Path
from typing import Any

from benchmarks import pictures, reference, shell
from benchmarks.agreement import LEVELS, SHARE, Agreement, Result
from benchmarks.groups.files import output
from benchmarks.rows import BEST, Prepare, Row, Shape

SHAPE, LARGE = (10240, 10240, 1), (20480, 20480, 1)
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

NGFF_ZARR = {"average": "dask_bin_shrink", "majority": "dask_image_mode"}

ZARR_SCRIPT = """
import os, shutil, sys, tensorstore, tifffile
base = tensorstore.array(tifffile.imread(sys.argv[1]))
shutil.rmtree(sys.argv[2], ignore_errors=True)  # a larger image has more levels
os.makedirs(sys.argv[2])
with open(f"{sys.argv[2]}/zarr.json", "w") as file:
    file.write('{"zarr_format": 3, "node_type": "group", "attributes": {}}')
side, k = max(base.shape), 0
codecs = [{"name": "bytes"}, {"name": "zstd", "configuration": {"level": 0}}]
while not k or side > int(sys.argv[4]) << (k - 1):
    level = tensorstore.downsample(base, [2 ** k] * 2, sys.argv[3]) if k else base
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{sys.argv[2]}/{k}"},
            "metadata": {"codecs": codecs}}
    chunks = tensorstore.ChunkLayout(chunk_shape=[512, 512])
    stored = tensorstore.open(spec, create=True, delete_existing=True, dtype=base.dtype, shape=level.shape,
                              chunk_layout=chunks).result()
    stored.write(level).result()
    k += 1
"""

NGFF_SCRIPT = """
import sys, ngff_zarr, tifffile
image = ngff_zarr.to_ngff_image(tifffile.imread(sys.argv[1]), dims=["y", "x"])
factors = [2 ** k for k in range(1, 31) if max(image.data.shape) > int(sys.argv[4]) << (k - 1)]
levels = ngff_zarr.to_multiscales(image, factors, method=ngff_zarr.Methods(sys.argv[3]), chunks=512)
ngff_zarr.to_ngff_zarr(sys.argv[2], levels, version="0.5")
"""

WORKS: Mapping[str, tuple[Callable[[Shape], Any], Callable[[Any], Any], Agreement, float]] = {
    "average": (pictures.noise("uint8"), reference.average, LEVELS, 0.501),
    "max": (pictures.noise("uint8"), reference.maximum, LEVELS, 0.0),
    "majority": (pictures.labels("uint8"), reference.majority, SHARE, 0.0),
}


def rows() -> Iterator[Row]:
    """Yield the works."""
    for mode in WORKS:
        yield row(mode, "tif")
    for mode in NGFF_ZARR:
        yield row(mode, "ome.zarr")
    for ending in ("tif", "ome.zarr"):
        yield row("average", ending, LARGE)


def row(mode: str, ending: str, shape: Shape = SHAPE) -> Row:
    """Return the row of a mode: the last level is compared."""
    given, truth, agreement, tolerance = WORKS[mode]
    words = (*shell.POOLCLI, "pyramid", "-m", mode, "-q", "--overwrite")
    return Row(
        work=f"pyramid of {mode}" + (", OME-Zarr" if ending != "tif" else ""),
        shape=shape,
        given=partial(tiled, given, mode),
        ours=_written(output("poolcli", ending), lambda a, b: (*words, a, "-o", b)),
        truth=lambda path: reference.pooled(truth, 4)(_image(given, mode, CHECKED))[..., 0],
        peers=peers_of(mode) if ending == "tif" else peers_in_zarr(mode),
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
        "vips": _written(output("vips", "tif"), lambda a, b: ("vips", "tiffsave", a, b, *save, *shrink)),
        "TensorStore script": _scripted(SCRIPT, output("TensorStore", "tif"), TENSORSTORE[mode]),
    }
    if mode in GDAL:
        peers["GDAL"] = _added(output("GDAL", "tif"), GDAL[mode])
    return peers


def peers_in_zarr(mode: str) -> dict[str, Prepare]:
    """Return the scripts of peers that write OME-Zarr, or the arrays of one."""
    return {
        "TensorStore script": _scripted(ZARR_SCRIPT, output("TensorStore", "zarr"), TENSORSTORE[mode]),
        "ngff-zarr script": _scripted(NGFF_SCRIPT, output("ngff-zarr", "ome.zarr"), NGFF_ZARR[mode]),
    }


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
    """Return the smallest level of a file, or of a folder."""
    if path.is_dir():
        import zarr

        of_level = {prod(array.shape): array for _, array in zarr.open_group(path, mode="r").members(None)
                    if isinstance(array, zarr.Array)}  # fmt: skip
        return of_level[min(of_level)][:]
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        return tiff.series[0].levels[-1].asarray()


def _made(call: Callable[[], Any], out: Path) -> Callable[[], Result]:
    def made() -> Result:
        call()
        return Result(out, last_level)

    return made


def _written(out: Path, words: Callable[[Path, Path], tuple[object, ...]]) -> Prepare:
    return lambda path: _made(shell.command(*words(path, out)), out)


def _scripted(text: str, out: Path, method: str) -> Prepare:
    return lambda path: _made(shell.script(text, path, out, method, UNTIL), out)


def _added(out: Path, method: str) -> Prepare:
    """Return the call of GDAL's command, which adds levels to a file: to a copy of that."""

    def call(path: Path) -> Callable[[], Result]:
        size = int(path.stem.split("x")[-1])
        factors = [2**k for k in range(1, 31) if size > 2 ** (k - 1) * UNTIL]
        options = ("--config", "COMPRESS_OVERVIEW", "DEFLATE", "--config", "PREDICTOR_OVERVIEW", 2)
        words = " ".join(map(str, ("gdaladdo", "-q", "-r", method, *options, out, *factors)))
        return _made(shell.command("sh", "-c", f"cp {path} {out} && {words}"), out)

    return call
