"""Files as whole commands: 24 megapixels halved, a small file of many pixels, PNG written.

Every command writes its own defaults, but JPEG of quality 95 with colour in full. Means are compared, since decoders
and encoders of JPEG round as they like.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import poolcli
from benchmarks import machine, pictures, reference, shell
from benchmarks.agreement import MEAN, Result, picture_in
from benchmarks.groups import RGB
from benchmarks.rows import BEST, Prepare, Row

TARGETS = {"jpg": 1.5, "png": 1.0, "tif": 1.8}
NAMES = {"jpg": "JPEG", "png": "PNG", "tif": "TIFF"}
FLAT = (22000, 22000, 1)
QUALITY = str(pictures.QUALITY)

OPENCV = f"""
import sys, cv2
cv2.setNumThreads(int(sys.argv[3]))
image = cv2.imread(sys.argv[1], cv2.IMREAD_UNCHANGED)
small = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
jpeg = [cv2.IMWRITE_JPEG_QUALITY, {QUALITY}, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
cv2.imwrite(sys.argv[2], small, jpeg if sys.argv[2].endswith("jpg") else [])
"""
PILLOW = f"""
import sys
from PIL import Image
Image.MAX_IMAGE_PIXELS = None
with Image.open(sys.argv[1]) as image:
    image = image.convert("L") if image.mode == "1" else image
    options = dict(quality={QUALITY}, subsampling=0) if sys.argv[2].endswith("jpg") else dict()
    image.reduce(2).save(sys.argv[2], **options)
"""


def rows() -> Iterator[Row]:
    """Yield the works."""
    for ending, target in TARGETS.items():
        yield Row(
            work=f"average 2x2 of a {NAMES[ending]} into another",
            shape=RGB,
            given=pictures.photograph_in(ending),
            ours=halved(ending),
            truth=halved_truth,
            peers=halving(ending),
            targets={BEST: target},
            agreement=MEAN,
            tolerance=3.0 if ending == "jpg" else 0.3,
            peer_tolerance=4.0 if ending == "jpg" else 1.0,
        )
    yield small_file()
    yield from writing()


def output(name: str, ending: str) -> Path:
    """Return where a peer writes."""
    return pictures.scratch() / f"{name}.{ending}"


def halved(ending: str, *options: str) -> Prepare:
    """Return poolcli's command."""
    out = output("poolcli", ending)
    words = ("downsample", "--mode", "average", "--overwrite", "--quiet", "--quality", QUALITY)[
        : 5 if ending != "jpg" else 7
    ]
    return lambda path: shell.command(*shell.POOLCLI, *words, *options, path, "-o", out, out=out)


def halved_truth(path: Path) -> Any:
    """Return the halved pixels of a file."""
    return reference.pooled(reference.average)(picture_in(path))


def halving(ending: str) -> dict[str, Prepare]:
    """Return the commands and scripts of peers: each is given input and output."""
    jpeg = ending == "jpg"
    quality = f"[Q={QUALITY}]" if jpeg else ""
    magick = ("-quality", QUALITY, "-sampling-factor", "4:4:4") if jpeg else ()
    gdal = ("-of", NAMES[ending] if ending != "tif" else "GTiff", *(("-co", f"QUALITY={QUALITY}") if jpeg else ()))
    oiio = ("--compression", f"jpeg:{QUALITY}") if jpeg else ()
    ways: dict[str, Callable[[Path, Path], tuple[object, ...]]] = {
        "vips": lambda a, b: ("vips", "shrink", a, f"{b}{quality}", 2, 2),
        "vipsthumbnail": lambda a, b: ("vipsthumbnail", a, "--size", half(a), "-o", f"{b}{quality}"),
        "ImageMagick": lambda a, b: ("convert", a, "-filter", "Box", "-resize", "50%", *magick, b),
        "GraphicsMagick": lambda a, b: ("gm", "convert", a, "-filter", "Box", "-resize", "50%", *magick, b),
        "GDAL": lambda a, b: ("gdal_translate", "-q", "-r", "average", "-outsize", "50%", "50%", *gdal, a, b),
        "OpenImageIO": lambda a, b: ("oiiotool", a, "--resize:filter=box", "50%", *oiio, "-o", b),
    }
    commands = {name: _written(output(name, ending), words) for name, words in ways.items()}
    scripts = {"OpenCV script": OPENCV, "Pillow script": PILLOW}
    return commands | {name: _scripted(text, output(name.split()[0], ending)) for name, text in scripts.items()}


def half(path: Path) -> str:
    """Return the size of what a file becomes, as vipsthumbnail wants it."""
    from PIL import Image

    with Image.open(path) as image:
        return f"{image.width // 2}x{image.height // 2}!"


def _written(out: Path, words: Callable[[Path, Path], tuple[object, ...]]) -> Prepare:
    return lambda path: shell.command(*words(path, out), out=out)


def _scripted(text: str, out: Path) -> Prepare:
    return lambda path: shell.script(text, path, out, machine.threads, out=out)


def small_file() -> Row:
    """Return the halving of 58 kB that hold 484 megapixels of one bit, which poolcli believes if it is told to."""
    others = halving("png")
    return Row(
        work="average 2x2 of a flat PNG of one bit a pixel",
        shape=FLAT,
        given=pictures.flat,
        ours=halved("png", "--max-pixels", "500000000"),
        truth=lambda path: np.full([n // 2 for n in picture_in(path).shape[:2]], 255),
        peers={name: others[name] for name in ("vips", "GraphicsMagick", "OpenCV script", "Pillow script")},
        agreement=MEAN,
        tolerance=0.0,
    )


def writing() -> Iterator[Row]:
    """Yield PNG written into memory, against Pillow's defaults: how long it takes, and how large it is."""
    for name, shape, given, size, seconds in (
        ("photograph", RGB, pictures.photograph, 1.1, 0.125),
        ("page of text", (3508, 2480, 1), pictures.page, 1.3, None),
    ):
        yield Row(
            work=f"PNG of a {name} written",
            shape=shape,
            given=given,
            ours=lambda image: lambda: _decoded(_ours(image)),
            truth=lambda image: image,
            peers={"Pillow": lambda image: lambda: _decoded(_theirs(image))},
            targets={} if seconds is None else {"Pillow": seconds},
            tolerance=0.0,
            checked=(200, 300, shape[2]),
        )
        yield Row(
            work=f"size of PNG of a {name}",
            shape=shape,
            given=given,
            ours=lambda image: lambda: len(_ours(image).getvalue()) / 1e3,
            peers={"Pillow": lambda image: lambda: len(_theirs(image).getvalue()) / 1e3},
            targets={"Pillow": size},
            unit="kB",
        )


def _ours(image: Any) -> io.BytesIO:
    file = io.BytesIO()
    poolcli.write_image(image, file, format="png")
    return file


def _theirs(image: Any) -> io.BytesIO:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file


def _decoded(file: io.BytesIO) -> Result:
    def read(written: io.BytesIO) -> Any:
        from PIL import Image

        written.seek(0)
        return np.asarray(Image.open(written))

    return Result(file, read)
