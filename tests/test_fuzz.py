"""Damaged files: every one ends with an image or one line, none with a traceback, a hang or a signal."""

import io
import os
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from effort import JIT
from pictures import cmyk_profile
from PIL import Image, ImageCms
from structures import restructured

import poolcli
from poolcli.images import Reading
from poolcli.images.read import open_picture

pytestmark = pytest.mark.skipif(not JIT, reason="files are read and written alike, compiled or not")

MUTATIONS = 2000  # of bytes
STRUCTURES = 20_000
PART = 500  # in one process
SECONDS = 10  # for one file
MEMORY = 2 << 30  # bytes that a process has of its own at most, while it reads one
ADDRESSES = 6 << 30  # and that it may ask for: libraries take more than they use


def valid_files():
    """Return small valid files of every format that is read, by name."""
    colour = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    smooth = np.indices((20, 24)).sum(axis=0).astype(np.uint8) * 5
    planes = colour.transpose(2, 0, 1).astype(np.float32)
    picture, grey = Image.fromarray(colour), Image.fromarray(smooth)
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    frames = {"save_all": True, "append_images": [grey.convert("RGB"), picture.rotate(180)], "duration": 40}
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera"

    def pillow(image, kind, **options):
        file = io.BytesIO()
        image.save(file, kind, **options)
        return file.getvalue()

    def tiff(array, byteorder="<", **options):
        file = io.BytesIO()
        with tifffile.TiffWriter(file, byteorder=byteorder) as writer:
            writer.write(array, **options)
        return file.getvalue()

    def ours(array, ending):
        file = io.BytesIO()
        poolcli.write_image(array, file, format=ending)
        return file.getvalue()

    return {
        "rgb.png": pillow(picture, "PNG", icc_profile=icc, exif=exif),
        "deep.png": ours(colour.astype(np.uint16) * 257, "png"),
        "palette.png": pillow(picture.quantize(16), "PNG", transparency=3),
        "bits.png": pillow(grey.convert("1"), "PNG"),
        "frames.png": pillow(picture, "PNG", **frames),
        "rgb.jpg": pillow(picture, "JPEG", icc_profile=icc, exif=exif),
        "progressive.jpg": pillow(grey, "JPEG", progressive=True),
        "cmyk.jpg": pillow(picture.convert("CMYK"), "JPEG", icc_profile=cmyk_profile()),
        "lossy.webp": pillow(picture, "WEBP", exif=exif),
        "frames.webp": pillow(picture, "WEBP", lossless=True, **frames),
        "frames.gif": pillow(picture, "GIF", **frames),
        "lzw.tif": tiff(colour, compression="lzw", photometric="rgb"),
        "tiles.tif": tiff(colour.astype(np.uint16), compression="zlib", tile=(16, 16), photometric="rgb"),
        "planes.tif": tiff(planes, ">", planarconfig="separate", photometric="rgb"),
        "jpeg.tif": pillow(picture, "TIFF", compression="jpeg"),
        "fax.tif": pillow(grey.convert("1"), "TIFF", compression="group4"),
        "pages.tif": pillow(picture, "TIFF", **frames),
        "a.bmp": pillow(picture, "BMP"),
        "a.ppm": pillow(picture, "PPM"),
        "a.pfm": ours(smooth.astype(np.float32), "pfm"),
        "a.tga": pillow(picture, "TGA", compression="tga_rle"),
        "a.qoi": imagecodecs.qoi_encode(colour),
        "a.jp2": pillow(picture, "JPEG2000"),
        "a.avif": pillow(picture, "AVIF"),
        "a.ico": pillow(picture.convert("RGBA"), "ICO", sizes=[(24, 20)]),
        "a.npy": ours(colour.astype(np.int32), "npy"),
    }  # fmt: skip


def damaged(data, number):
    """Return a file with some bytes changed, cut out, doubled or cut off; the same for the same number."""
    rng = random.Random(number)
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        at = rng.randrange(len(out))
        end = min(at + rng.choice((1, 2, 4, 30)), len(out))
        kind = rng.randrange(10)
        if kind < 6:
            out[at] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
        elif kind < 7:
            del out[at:end]
        elif kind < 8:
            out[at:at] = out[at:end]
        elif kind < 9:
            out[at:end] = bytes(rng.choice((0, 255)) for _ in range(end - at))
        elif len(out) > 40:
            del out[rng.randrange(20, len(out)) :]
        if not out:
            out.append(0)
    return bytes(out)


def process(folder, first, last, damage):
    """Pool some damaged files in this process, with what a run says in a log; a run that hangs ends it."""
    from poolcli.cli import run

    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    files = list(valid_files().items())
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for number in range(first, last):
        name, data = files[number % len(files)]
        Path(folder, name).write_bytes({"bytes": damaged, "structure": restructured}[damage](data, number))
        # What libraries in C print goes there too.
        log = os.open(Path(folder, "log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        Path(folder, "number").write_text(f"{number} {name}")
        signal.alarm(SECONDS)
        code = run(["downsample", "-m", "max", "-o", f"{folder}/out.tif", "--overwrite", f"{folder}/{name}"])
        signal.alarm(0)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 < MEMORY, (number, name)
        sys.stdout.flush()
        sys.stderr.flush()
        said = Path(folder, "log").read_text(errors="replace").splitlines()
        said = [line for line in said if not line.startswith("compiling ")]
        if code == 0:
            assert all(line.startswith("warning: ") for line in said), (number, name, said)
        else:
            errors = [line for line in said if not line.startswith("warning: ")]  # of frames before the damage
            assert (code, len(errors)) == (1, 1), (number, name, said)
            assert errors[0].startswith("error: "), (number, name, said)


def test_every_file_is_valid_before_it_is_damaged():
    for name, data in valid_files().items():
        with open_picture(data, Reading()) as picture:
            assert [picture.read(frame)[0].size > 0 for frame in range(picture.frames)] in ([True], [True] * 3), name


RUNS = [("bytes", range(300)), ("structure", range(300))]
RUNS += [pytest.param("bytes", range(300, MUTATIONS), marks=pytest.mark.slow)]
RUNS += [
    pytest.param("structure", range(first, first + 1000), marks=pytest.mark.slow)
    for first in range(300, STRUCTURES, 1000)
]


@pytest.mark.parametrize(("damage", "files"), RUNS, ids=str)
def test_every_damaged_file_ends_well(damage, files, tmp_path):
    code = "import sys; from test_fuzz import process; process(sys.argv[1], *map(int, sys.argv[2:4]), sys.argv[4])"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    for first in files[::PART]:
        last = min(first + PART, files.stop)
        words = [sys.executable, "-c", code, str(tmp_path), str(first), str(last), damage]
        result = subprocess.run(words, env=environment, timeout=600)
        at = (tmp_path / "number").read_text()
        assert result.returncode == 0, f"damaged file {at}: {(tmp_path / 'log').read_text(errors='replace')[-2000:]}"
    assert {path.name for path in tmp_path.iterdir()} <= {*valid_files(), "out.tif", "log", "number"}
