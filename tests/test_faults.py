"""Bad input, odd names, full disks: one line on stderr, the right exit code, and nothing half written."""

import itertools
import os
import resource
import socket
import struct
import subprocess
import sys
import zlib
from dataclasses import dataclass, field

import numpy as np
import pytest
import tifffile
from commands import process
from effort import JIT
from pictures import cmyk_profile, png_chunk
from PIL import Image

import poolcli
from poolcli.cli import run as commands
from poolcli.images import Reading
from poolcli.images.formats import WRITABLE
from poolcli.images.read import open_picture

pytestmark = pytest.mark.skipif(not JIT, reason="files are read and written alike, compiled or not")


@dataclass
class Fault:
    """A file that is made, the arguments after it, and what must come of it."""

    make: object  # of the file's path
    message: str = ""  # part of the one line on stderr; empty: none
    name: str = "bad.png"
    arguments: tuple[str, ...] = ()
    code: int = 1
    keeps: dict[str, bytes] = field(default_factory=dict)  # files that are there before, and stay as they are
    makes: tuple[str, ...] = ()  # files that are there after
    check: object = None  # of the image that the last of them holds, and its info


def run(*arguments, folder=None, **options):
    return process(*arguments, folder=folder, errors="surrogateescape", stdin=subprocess.DEVNULL, **options)


def noise(*shape, dtype="uint8"):
    return np.random.default_rng(0).integers(0, 200, shape).astype(dtype)


def half(kind, **options):
    """Return a maker of the first half of a valid file."""

    def make(path):
        Image.fromarray(noise(64, 64, 3)).save(path, kind, **options)
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])

    return make


def png(width, height, bits=1, extra=b"", rows=b""):
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + extra
        + png_chunk(b"IDAT", zlib.compress(rows))
        + png_chunk(b"IEND", b"")
    )


def flipped(path):
    Image.fromarray(noise(64, 64, 3)).save(path, "PNG")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(bytes(data))


def vast_tiff(path):
    tifffile.imwrite(path, noise(8, 8))
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        for tag in (256, 257):
            tiff.pages[0].tags[tag].overwrite(4_000_000)


def vast_second_page(path):
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(noise(8, 8))
        tiff.write(noise(8, 8))
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        for tag in (256, 257):
            tiff.pages[1].tags[tag].overwrite(100_000)


def circle(*chain):
    """Return a maker of a TIFF whose pages follow each other as the chain says; the first is 0."""

    def make(path):
        with tifffile.TiffWriter(path) as tiff:
            for i in range(max(chain) + 1):
                tiff.write(np.full((8, 8), i % 256, np.uint8), contiguous=False)
        with tifffile.TiffFile(path) as tiff:
            begins = [page.offset for page in tiff.pages]
        data = bytearray(path.read_bytes())
        for page, following in itertools.pairwise(chain):
            end = begins[page] + 2 + 12 * struct.unpack_from("<H", data, begins[page])[0]
            struct.pack_into("<I", data, end, begins[following])
        path.write_bytes(bytes(data))

    return make


def again(page, following):
    circle = f"page {page} of the file is followed by page {following} again"
    return f"warning: bad.tif: the page directories form a cycle: {circle}; each page is read once"


def text_bomb(path):
    bomb = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(64 << 20), 9))
    path.write_bytes(png(8, 8, extra=bomb, rows=b"\0\0" * 8))


def pages(path):
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(noise(8, 8))
        tiff.write(noise(6, 10, 3))


def clip(path):
    frames = [Image.fromarray(np.full((4, 4, 3), 60 * i, np.uint8)) for i in range(3)]
    frames[0].save(path, "GIF", save_all=True, append_images=frames[1:], duration=50)


def floats(path):
    tifffile.imwrite(path, np.array([[np.nan, 1], [np.inf, 0.25]], np.float32))


def pickled(path):
    with open(path, "wb") as file:
        np.save(file, np.array([[{}]], object), allow_pickle=True)


def fifo(path):
    os.mkfifo(path)


def listener(path):
    before = os.getcwd()
    os.chdir(path.parent)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)
    os.chdir(before)


def rgba(path):
    Image.fromarray(noise(6, 6, 4)).save(path, "PNG")


def deep(path):
    poolcli.write_image(noise(6, 6, 3, dtype="uint16"), path)


def plain(path):
    Image.fromarray(noise(6, 6, 3)).save(path, "PNG")


def turned(orientation, kind="JPEG"):
    """Return a maker of an image that is bright at the upper left once it is turned as its tag says."""

    def make(path):
        image = np.zeros((32, 48), np.uint8)
        image[:16, :24] = 200
        undo = {1: image, 2: image[:, ::-1], 3: image[::-1, ::-1], 4: image[::-1], 5: image.T, 6: image.T[::-1],
                7: image.T[::-1, ::-1], 8: image.T[:, ::-1]}  # fmt: skip
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(np.ascontiguousarray(undo[orientation])).save(path, kind, exif=exif)

    return make


def upright(image, info):
    assert image.shape == (32, 48)
    assert image[:16, :24].min() > 150
    assert max(image[16:].max(), image[:, 24:].max()) < 50


def planes(dtype):
    return lambda path: tifffile.imwrite(
        path, noise(5, 6, 7, dtype=dtype), photometric="minisblack", planarconfig="separate"
    )


def same(expected):
    def check(image, info):
        assert image.dtype == expected.dtype
        np.testing.assert_array_equal(image, expected)

    return check


def labels(path):
    picture = Image.fromarray(np.uint8([[0, 1]]))
    picture.putpalette([200, 0, 0, 0, 0, 100])
    picture.save(path)


def profiled(path):
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(path, icc_profile=cmyk_profile(), quality=100)


def grey(image, info):
    assert image.shape == (4, 4, 3)
    assert np.abs(image.astype(int) - 119).max() <= 3  # L 50
    assert info.icc is None


def data(content):
    return lambda path: path.write_bytes(content)


FAULTS = {
    "1 empty": Fault(data(b""), "empty file"),
    "2 no image": Fault(data(b"just text"), "not a supported image"),
    "4 half a JPEG": Fault(half("JPEG"), "damaged or unsupported: truncated", "bad.jpg"),
    "4 half a PNG": Fault(half("PNG"), "damaged or unsupported: truncated"),
    "4 half a TIFF": Fault(half("TIFF"), "damaged or unsupported", "bad.tif"),
    "4 half a packed TIFF": Fault(half("TIFF", compression="tiff_lzw"), "damaged or unsupported", "bad.tif"),
    "4 half a WebP": Fault(half("WEBP", lossless=True), "", "bad.webp"),
    "4 half a BMP": Fault(half("BMP"), "damaged or unsupported", "bad.bmp"),
    "4 half a GIF": Fault(half("GIF"), "damaged or unsupported", "bad.gif"),
    "4 half an array": Fault(lambda path: half_array(path), "truncated", "bad.npy"),
    "5 flipped bits": Fault(flipped, "damaged or unsupported"),
    "6 bomb": Fault(data(png(30000, 30000)), "30000 x 30000 pixels are more than the 500000000 allowed: --max-pixels"),
    "6 own limit": Fault(plain, "6 x 6 pixels are more than the 20 allowed", arguments=("--max-pixels", "20")),
    "7 terabytes": Fault(vast_tiff, "4000000 x 4000000 pixels are more than", "bad.tif"),
    "8 text bomb": Fault(text_bomb, "damaged or unsupported: "),
    "10 bomb in page 2": Fault(vast_second_page, "100000 x 100000 pixels are more than", "bad.tif"),
    "11 pages to JPEG": Fault(pages,
                              "JPEG holds one image, not 2: --frame N takes one; .png, .tif, .webp, .gif",
                              "bad.tif", ("-o", "out.jpg")),
    "11 pages of two sizes to PNG": Fault(pages, "PNG holds frames of one size only", "bad.tif", ("-o", "out.png")),
    "11 pages of two sizes to an array": Fault(pages, "do not fit in one array", "bad.tif", ("-o", "out.npy")),
    "11 pages": Fault(pages, "", "bad.tif", ("-o", "out.tif"), 0, makes=("out.tif",)),
    "11 one page": Fault(pages, "", "bad.tif", ("-o", "out.jpg", "--frame", "1"), 0, makes=("out.jpg",)),
    "11 a page that is not": Fault(pages, "there is no frame 2: the file holds 2, 0 to 1", "bad.tif", ("--frame", "2")),
    "11 clip to JPEG": Fault(clip, "JPEG holds one image, not 3", "bad.gif", ("-o", "out.jpg")),
    **{f"12 orientation {i}": Fault(turned(i), "", "bad.jpg", ("-F", "1", "-o", "out.tif"), 0, makes=("out.tif",),
                                    check=upright) for i in range(1, 9)},
    "12 a TIFF is turned once": Fault(turned(6, "TIFF"), "", "bad.tif", ("-F", "1"), 0, makes=("bad_max.tif",),
                                      check=upright),
    "13 16-bit colour": Fault(deep, "", arguments=("-F", "1"), code=0, makes=("bad_max.png",),
                              check=same(noise(6, 6, 3, dtype="uint16"))),
    "13 16-bit grey and alpha": Fault(lambda path: poolcli.write_image(noise(6, 6, 2, dtype="uint16"), path), "",
                                      arguments=("-F", "1"), code=0, makes=("bad_max.png",),
                                      check=same(noise(6, 6, 2, dtype="uint16"))),
    **{f"14 planes of {dtype}": Fault(planes(dtype), "", "bad.tif", ("-F", "1"), 0, makes=("bad_max.tif",),
                                      check=same(np.moveaxis(noise(5, 6, 7, dtype=dtype), 0, -1)))
       for dtype in ("uint8", "int8", "uint16", "uint32", "float16", "float32", "float64")},
    "14 white is 0": Fault(lambda path: tifffile.imwrite(path, noise(6, 6, dtype="uint16"), photometric="miniswhite"),
                           "", "bad.tif", ("-F", "1"), 0, makes=("bad_max.tif",),
                           check=same(65535 - noise(6, 6, dtype="uint16"))),
    "15 one transparent grey of 2 bits": Fault(
        data(png(4, 1, 2, extra=png_chunk(b"tRNS", b"\0\1"), rows=b"\0\x1b")), "", arguments=("-F", "1"), code=0,
        makes=("bad_max.png",), check=same(np.uint8([[[0, 255], [85, 0], [170, 255], [255, 255]]]))),
    "16 a palette": Fault(labels, "", arguments=("-m", "average", "-F", "1x2"), code=0, makes=("bad_average.png",),
                          check=same(np.uint8([[[100, 0, 50]]]))),
    "16 a kept palette": Fault(labels, "", arguments=("--keep-palette", "-F", "1x2"), code=0, makes=("bad_max.png",),
                               check=same(np.uint8([[[0, 0, 100]]]))),
    "16 1 bit": Fault(data(png(4, 1, rows=b"\0\x50")), "", arguments=("-F", "1"), code=0, makes=("bad_max.png",),
                      check=same(np.uint8([[0, 255, 0, 255]]))),
    "17 CMYK with a profile": Fault(profiled, "", "bad.jpg", ("-F", "1"), 0, makes=("bad_max.jpg",), check=grey),
    "17 CMYK": Fault(lambda path: Image.new("CMYK", (4, 4)).save(path), "CMYK has no colour profile", "bad.jpg"),
    "18 too small": Fault(data(png(1, 1, 8, rows=b"\0\0")), "smaller than the window: its height is 1, the window's 2"),
    "18 too small with padding": Fault(data(png(9, 1, 8, rows=bytes(10))),
                                       "its height is 1 with padding 1, the window's 5",
                                       arguments=("-F", "5", "-P", "1")),
    "19 NaN to integers": Fault(floats, "warning: bad.tif: NaN becomes 0", "bad.tif",
                                ("--dtype", "uint8", "-o", "out.png"), 0, makes=("out.png",)),
    "19 NaN by conversion": Fault(floats, "warning: bad.tif: NaN becomes 0", "bad.tif",
                                  ("--convert", "-o", "out.png"), 0, makes=("out.png",)),
    "19 NaN stays among floats": Fault(floats, "", "bad.tif", code=0, makes=("bad_max.tif",),
                                       check=lambda image, info: np.testing.assert_array_equal(image, [[np.nan]])),
    "20 EPS": Fault(data(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), "not a supported image", "bad.eps",
                    ("-o", "out.png")),
    "20 PDF": Fault(data(b"%PDF-1.4\n"), "not a supported image", "bad.pdf", ("-o", "out.png")),
    "21 pickles": Fault(pickled, "holds Python objects, which are never loaded", "bad.npy"),
    "22 JPEG XL": Fault(data(b"\xff\x0a" + bytes(40)), "JPEG XL needs the package pillow-jxl-plugin", "bad.jxl",
                        ("-o", "out.png")),
    "22 HEIC": Fault(data(b"\0\0\0\x18ftypheic" + bytes(40)), "HEIC needs the package pillow-heif", "bad.heic",
                     ("-o", "out.png")),
    "23 FIFO": Fault(fifo, "not a file"),
    "23 socket": Fault(listener, "not a file"),
    "23 folder": Fault(lambda path: path.mkdir(), "bad.png: the folder holds no images", code=2),
    "27 onto an existing file": Fault(rgba, "JPEG cannot hold RGBA of uint8",
                                      arguments=("-o", "old.jpg", "--overwrite"), keeps={"old.jpg": b"old"}),
    **{f"28 16 bits to {ending}": Fault(deep, "cannot hold RGB of uint16", arguments=("-o", f"out.{ending}"))
       for ending in ("webp", "avif", "gif", "jpg", "bmp", "ppm")},
    **{f"28 alpha to {ending}": Fault(rgba, "cannot hold RGBA of uint8", arguments=("-o", f"out.{ending}"))
       for ending in ("bmp", "ppm", "jpg")},
    "28 to an icon": Fault(lambda path: Image.new("RGBA", (600, 600)).save(path),
                           "ICO holds at most 256 pixels a side, not 300 x 300", arguments=("-o", "out.ico")),
    "28 converted": Fault(rgba, "", arguments=("-o", "out.jpg", "--convert", "--background", "red"), code=0,
                          makes=("out.jpg",)),
    "29 a long WebP": Fault(lambda path: Image.new("L", (2 * 16384, 2)).save(path),
                            "WEBP holds at most 16383 pixels a side, not 1 x 16384: .png",
                            arguments=("-o", "out.webp")),
    **{f"49 pages {chain}": Fault(circle(*chain), again(*chain[-2:]), "bad.tif", code=0, makes=("bad_max.tif",),
                                  check=same(np.full((4, 4), max(chain), np.uint8)))
       for chain in ((0, 0), (0, 1, 0), (0, 1, 2, 1), (0, 2, 1, 3, 3))},
    "30 unknown ending": Fault(plain, "out.foo: no format is written for the ending '.foo': use .png",
                               arguments=("-o", "out.foo"), code=2),
    "30 no ending": Fault(plain, "out: no format is written for the ending ''", arguments=("-o", "out"), code=2),
    "30 quality where there is none": Fault(plain, "PNG takes no --quality: .jpg, .webp, .avif do",
                                            arguments=("-o", "out.png", "--quality", "9"), code=2),
    "9 frames that are written from memory": Fault(clip, "3 frames of 4 x 4 pixels are more than the 40 allowed",
                                                   "bad.gif", ("-F", "1", "--max-pixels", "40")),
    "16 a palette is not averaged": Fault(plain, "mode 'average' would blend the indices of a palette",
                                          arguments=("-m", "average", "--keep-palette"), code=2),
}  # fmt: skip


def half_array(path):
    np.save(path, noise(64, 64))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


# Of the faults of one number, which are the same in other formats, the first is quick.
FIRST = {name.split()[0]: fault for name, fault in reversed(FAULTS.items())}


@pytest.mark.quick_when(lambda fault: fault in FIRST.values())
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_faults(fault, tmp_path):
    for name, content in fault.keeps.items():
        (tmp_path / name).write_bytes(content)
    fault.make(tmp_path / fault.name)
    mode = () if "-m" in fault.arguments else ("-m", "max")
    result = run("downsample", *mode, fault.name, *fault.arguments, folder=tmp_path)
    assert result.returncode == fault.code, result.stderr
    assert result.stdout == ""
    assert fault.message in result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == (1 if fault.message or fault.code else 0), result.stderr
    assert all(line.startswith(("error: ", "warning: ")) for line in lines)
    assert {path.name for path in tmp_path.iterdir()} == {fault.name, *fault.keeps, *fault.makes}
    for name, content in fault.keeps.items():
        assert (tmp_path / name).read_bytes() == content
    for name in fault.makes:
        with open_picture(tmp_path / name, Reading()) as picture:
            images = [picture.read(frame) for frame in range(picture.frames)]
    if fault.check:
        fault.check(*images[-1])


def test_3_the_content_tells_the_format(tmp_path):
    Image.fromarray(noise(8, 8, 3)).save(tmp_path / "fake.png", "JPEG")
    assert run("downsample", "-m", "max", "fake.png", "-o", "out.webp", folder=tmp_path).returncode == 0
    assert poolcli.read_image(tmp_path / "out.webp")[1].format == "WEBP"


def long_gif(path, frames):
    pictures = (Image.fromarray(np.roll(noise(8, 8), i)) for i in range(frames))
    next(pictures).save(path, save_all=True, duration=20, append_images=pictures)


def peak_memory(folder, *arguments):
    """Return the most memory that a command takes, in KB."""
    script = (
        "import resource, sys; from poolcli.cli import run; code = run(sys.argv[1:]);"
        "print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    command = [sys.executable, "-c", script, "downsample", "-m", "max", *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)
    assert result.stdout.startswith("0 "), result.stderr
    return int(result.stdout.split()[1])


def test_9_very_many_frames_are_read_and_written_one_by_one(tmp_path):
    long_gif(tmp_path / "long.gif", 20_000)
    first = peak_memory(tmp_path, "long.gif", "--frame", "0", "-o", "first.png")
    assert peak_memory(tmp_path, "long.gif", "--frame", "19999", "-o", "last.png") < first + 60_000
    long_gif(tmp_path / "long.gif", 2_000)
    assert peak_memory(tmp_path, "long.gif", "-o", "out.npy") < first + 60_000
    assert np.load(tmp_path / "out.npy", mmap_mode="r").shape == (2_000, 4, 4, 3)


def test_23_devices_are_no_files():
    result = run("downsample", "-m", "max", "/dev/zero", "-o", "/dev/null")
    assert result.returncode != 0
    assert result.stderr.count("\n") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_24_no_permission(tmp_path):
    plain(tmp_path / "a.png")
    (tmp_path / "a.png").chmod(0)
    result = run("downsample", "-m", "max", "a.png", folder=tmp_path)
    assert (result.returncode, result.stderr) == (1, "error: a.png: Permission denied\n")


NAMES = [
    "two\nlines.png",
    "-dash.png",
    "\N{GRINNING FACE}.png",
    "100%d.png",
    "a b'c\"d.png",
    b"\xff\xfe.png",
    "x" * 247 + ".png",
]


@pytest.mark.quick_when(lambda name, locale: locale == "C")
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_25_26_odd_names_in_any_locale(name, locale, tmp_path):
    path = os.path.join(os.fsencode(tmp_path), os.fsencode(name))
    try:
        with open(path, "wb") as file:
            Image.fromarray(noise(8, 8)).save(file, "PNG")
    except OSError:
        pytest.skip("the file system takes no such name")
    environment = {**os.environ, "LC_ALL": locale}
    result = run("downsample", "-m", "max", "--", name, folder=tmp_path, env=environment)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    stem = os.fsencode(name).removesuffix(b".png")
    assert set(os.listdir(os.fsencode(tmp_path))) == {os.fsencode(name), stem + b"_max.png"}
    again = run("downsample", "-m", "max", "--", name, folder=tmp_path, env=environment)
    assert again.returncode == 1
    assert again.stderr.count("\n") == 1
    assert "exists; --overwrite replaces it" in again.stderr


@pytest.mark.quick_when(lambda ending: ending in ("png", "tif", "npy", "jp2"))
@pytest.mark.parametrize("ending", [ending.lstrip(".") for ending in WRITABLE])
def test_37_disk_full(ending, tmp_path):
    """A limit on the size of files makes every write fail as a full disk does."""
    shape = {"pgm": (300, 300), "pfm": (300, 300), "ico": (300, 300, 4)}.get(ending, (300, 300, 3))
    array = np.random.default_rng(0).integers(0, 256, shape).astype(np.float32 if ending == "pfm" else np.uint8)
    few = array // 64 * 64 if ending == "gif" else array
    poolcli.write_image(few, tmp_path / ("in.tif"))
    (tmp_path / f"out.{ending}").write_bytes(b"old")
    result = run(
        "downsample", "-m", "max", "in.tif", "-o", f"out.{ending}", "--overwrite", folder=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (1, f"error: out.{ending}: File too large\n")
    assert {path.name for path in tmp_path.iterdir()} == {"in.tif", f"out.{ending}"}
    assert (tmp_path / f"out.{ending}").read_bytes() == b"old"


def test_37_full_standard_output(tmp_path):
    plain(tmp_path / "in.png")
    for ending in ("png", "tif"):
        with open("/dev/full", "wb") as full:
            result = subprocess.run(
                [sys.executable, "-m", "poolcli", "downsample", "-m", "max", "in.png", "-o", "-", "--format", ending],
                cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120,
            )  # fmt: skip
        assert (result.returncode, result.stderr) == (1, "error: standard output: No space left on device\n")


def test_38_file_modes(tmp_path):
    plain(tmp_path / "a.png")
    before = os.umask(0o027)
    try:
        assert run("downsample", "-m", "max", "a.png", "-o", "b.tif", folder=tmp_path).returncode == 0
        assert (tmp_path / "b.tif").stat().st_mode & 0o777 == 0o640
        (tmp_path / "b.tif").chmod(0o604)
        assert run("downsample", "-m", "max", "a.png", "-o", "b.tif", "--overwrite", folder=tmp_path).returncode == 0
        assert (tmp_path / "b.tif").stat().st_mode & 0o777 == 0o604
    finally:
        os.umask(before)


@pytest.mark.quick_when(lambda ending: ending in ("png", "jpg", "tif"))
@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp", "avif", "gif", "jp2"])
def test_39_the_command_is_recorded_unless_stripped(ending, tmp_path):
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    arguments = ("downsample", "-m", "gem", "--p", "4", "-F", "2x3", "a.png")
    assert run(*arguments, "-o", f"b.{ending}", folder=tmp_path).returncode == 0
    record = f"poolcli {poolcli.__version__} downsample --mode gem --kernel-size 2x3".encode()
    assert record in (tmp_path / f"b.{ending}").read_bytes()
    assert run(*arguments, "-o", f"c.{ending}", "--strip", folder=tmp_path).returncode == 0
    assert b"poolcli" not in (tmp_path / f"c.{ending}").read_bytes()


GEOGRAPHIC = [
    (33550, 12, 3, (1.0, 1.0, 0.0), True),
    (33922, 12, 6, (0.0, 0.0, 0.0, 5.0, 6.0, 0.0), True),
    (34735, 3, 4, (1, 1, 0, 0), True),
]
GDAL = [(42113, 2, 6, b"-9999\0", True), (42112, 2, 16, b"<GDALMetadata/>\0", True)]
CHANNELS = {"axes": "CYX", "PhysicalSizeX": 0.1, "PhysicalSizeXUnit": "um", "Channel": {"Name": ["a", "b", "c"]}}


@pytest.mark.parametrize(
    ("shape", "options", "lost", "counts"),
    [
        ((3, 8, 8), {"ome": True, "metadata": CHANNELS}, "OME axes, pixel size and channel names", ""),
        ((2, 8, 8), {"ome": True, "metadata": {"axes": "ZYX"}}, "OME axes", ""),
        ((8, 8, 3), {"ome": True, "metadata": {"PhysicalSizeX": 2.0}, "photometric": "rgb"}, "OME pixel size", ""),
        ((8, 8), {"ome": True}, "OME description", ""),
        ((3, 8, 8), {"imagej": True, "metadata": {"axes": "ZYX", "unit": "um", "Labels": ["x", "y", "z"]}},
         "ImageJ axes, pixel size and labels", ""),
        ((8, 8), {"imagej": True}, "", ""),
        ((8, 8), {"extratags": GEOGRAPHIC}, "GeoTIFF CRS, pixel size and origin", ""),
        ((8, 8), {"extratags": GEOGRAPHIC[2:] + GDAL}, "GeoTIFF CRS and GDAL nodata and metadata", "-9999"),
        ((8, 8), {"extratags": GDAL[:1]}, "GDAL nodata", "-9999"),
        ((2, 8, 8), {"photometric": "minisblack", "resolution": (300, 300), "software": "s"}, "", ""),
        ((8, 8), {"description": "a map", "metadata": None}, "", ""),
    ],
)  # fmt: skip
def test_what_outputs_do_not_keep_is_told(shape, options, lost, counts, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite(tmp_path / "a.tif", noise(*shape), **options)
    keeps = [f"the output does not keep its {lost}"] if lost else []
    nodata = ["the output does not keep its GDAL nodata"] if counts else []
    values = [f"its nodata, {counts}, counts as any other value"] if counts else []
    for line, parts in {
        "downsample -m max a.tif": nodata + values,
        "upsample -m nearest a.tif -o b.npy": keeps,
        "upsample -m nails a.tif -o c.npy": keeps + values,
        "reduce -m gmp a.tif": values,
        "downsample -m max a.tif --overwrite --strip": [],
        "downsample -m max a.tif --overwrite --quiet": [],
    }.items():
        assert commands(line.split()) == 0
        assert capsys.readouterr().err == (f"warning: a.tif: {'; '.join(parts)}\n" if parts else "")


def test_a_description_of_pages_stays_with_them(tmp_path):
    for name, options, expected in [
        ("ome", {"ome": True}, {"tif": "<?xml"}), ("imagej", {"imagej": True}, {"tif": "Image"}), ("shaped", {}, {}),
        ("plain", {"description": "a map", "metadata": None}, {"png": "a map", "tif": "a map"}),
    ]:  # fmt: skip
        tifffile.imwrite(tmp_path / f"{name}.tif", noise(8, 8), **options)
        array, info = poolcli.read_image(tmp_path / f"{name}.tif")
        for ending in ("png", "tif"):
            poolcli.write_image(array, tmp_path / f"{name}_out.{ending}", info)
            with Image.open(tmp_path / f"{name}_out.{ending}") as made:
                assert made.getexif().get(270, "")[:5] == expected.get(ending, "")


def test_49_cycles_and_long_chains_are_read_once(tmp_path):
    circle(0, 1, 2, 1)(tmp_path / "a.tif")
    result = run("reduce", "-m", "gmp", "a.tif", folder=tmp_path)
    assert result.returncode == 0
    assert result.stdout.splitlines() == ["input,frame,gmp_grey", "a.tif,0,0", "a.tif,1,1", "a.tif,2,2"]
    assert result.stderr.startswith("warning: a.tif: the page directories form a cycle")
    assert result.stderr.count("\n") == 1
    assert run("reduce", "-m", "gmp", "a.tif", "--quiet", folder=tmp_path).stderr == ""
    circle(*range(1000), 0)(tmp_path / "b.tif")
    with open_picture(tmp_path / "b.tif", Reading()) as picture:
        assert picture.frames == 1000
        assert picture.read(999)[0][0, 0] == 999 % 256
