"""Images that are read, computed and written in parts give the pixels of the whole, and take little memory."""

import subprocess
import sys

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from effort import JIT
from pictures import picture

from poolcli.cli import commands
from poolcli.images import Reading
from poolcli.images.read import open_picture

TIFFS = {
    "strips": {"rowsperstrip": 7},
    "deflate": {"tile": (16, 32), "compression": "zlib", "predictor": True},
    "lzw": {"tile": (32, 16), "compression": "lzw"},
    "plain": {"tile": (16, 16)},
    "one strip": {"rowsperstrip": 70},
    "planes": {"planarconfig": "separate", "tile": (16, 16), "compression": "zlib"},
    "planes in strips": {"planarconfig": "separate", "rowsperstrip": 5, "compression": "zlib"},
}


def run(*arguments):
    result = CliRunner().invoke(commands, [*map(str, arguments), "-q"])
    assert result.exit_code == 0, result.output


def written(folder, name, image, **options):
    path = folder / name
    if path.suffix == ".npy":
        np.save(path, image)
    else:
        photometric = "rgb" if image.ndim > 2 and image.shape[2] > 2 else "minisblack"
        tifffile.imwrite(path, image, photometric=photometric, **options)
    return path


def read(path):
    return np.load(path) if path.suffix == ".npy" else tifffile.imread(path)


@pytest.mark.parametrize("layout", [*TIFFS, "npy"])
@pytest.mark.parametrize("ending", [".tif", ".npy"])
def test_parts_of_a_file_have_the_pixels_of_the_whole(tmp_path, monkeypatch, layout, ending):
    image = picture("uint8", (70, 53, 3), 1)
    source = written(tmp_path, "a.npy" if layout == "npy" else "a.tif", image, **TIFFS.get(layout, {}))
    step = ("downsample", "-m", "average", "-F", 3, "-S", 2, source, "-o")
    run(*step, tmp_path / f"whole{ending}")
    monkeypatch.setattr("poolcli.batch.source.Shared.read", None)  # of the whole
    run(*step, tmp_path / f"parts{ending}", "--tile", "5x11")
    run(*step, tmp_path / f"narrow{ending}", "--memory", "4K")
    for name in ("parts", "narrow"):
        np.testing.assert_array_equal(read(tmp_path / f"{name}{ending}"), read(tmp_path / f"whole{ending}"))
    if ending == ".tif":
        with (
            tifffile.TiffFile(tmp_path / "parts.tif") as tiff,
            tifffile.TiffFile(source) if layout != "npy" else tiff as own,
        ):
            assert tiff.pages[0].is_tiled == (layout != "npy" and own.pages[0].is_tiled)


@pytest.mark.quick_when(lambda step: JIT or "random" not in step)  # uncompiled, hashes overflow with a warning
@pytest.mark.parametrize(
    "step",
    [
        ("upsample", "-m", "bicubic", "-S", 2),
        ("upsample", "-m", "nearest", "-S", "1.5"),
        ("upsample", "-m", "transposed", "-S", 2),
        ("resize", "-m", "lanczos", "--scale", "40%"),
        ("downsample", "-m", "random", "-F", 3, "-S", 1, "--seed", 5),
        ("downsample", "-m", "soft", "-F", 2, "--linear"),
    ],
    ids=str,
)
def test_parts_of_a_step_have_the_pixels_of_the_whole(tmp_path, step):
    source = written(tmp_path, "a.tif", picture("uint8", (70, 53, 4), 1), tile=(16, 16), extrasamples=["unassalpha"])
    run(*step, source, "-o", tmp_path / "whole.tif")
    run(*step, source, "-o", tmp_path / "parts.tif", "--tile", 9)
    np.testing.assert_array_equal(read(tmp_path / "parts.tif"), read(tmp_path / "whole.tif"))


@pytest.mark.parametrize("dtype", ["bool", "uint16", "float32"])
def test_parts_of_grey_have_the_pixels_of_the_whole(tmp_path, dtype):
    image = picture("uint8", (40, 53), 1)
    image = image > 99 if dtype == "bool" else image.astype(dtype)
    for options in ({"tile": (16, 16)}, {"photometric": "miniswhite"} if dtype != "float32" else {}):
        source = tmp_path / "a.tif"
        tifffile.imwrite(source, image, **options)
        for ending in ("npy", "tif"):
            run("downsample", "-m", "max", "-F", 3, source, "-o", tmp_path / f"whole.{ending}", "--overwrite")
            run("downsample", "-m", "max", "-F", 3, source, "-o", tmp_path / f"p.{ending}", "--overwrite", "--tile", 4)
            np.testing.assert_array_equal(read(tmp_path / f"p.{ending}"), read(tmp_path / f"whole.{ending}"))


def palette_file(path, dtype, wide, **options):
    """Write indices of a palette of 8 or 16 bits, and return the file."""
    count = {"bool": 2, "uint8": 256, "uint16": 1 << 16}[dtype]
    colours = np.random.default_rng(2).integers(0, 1 << 16 if wide else 1 << 8, (3, count)).astype(np.uint16)
    indices = picture("uint16", (70, 53), 1) % min(count, 1000)
    tifffile.imwrite(
        path, indices.astype(dtype), photometric="palette", colormap=colours * (1 if wide else 257), **options
    )
    return path


@pytest.mark.quick_when(lambda layout, ending, **others: layout == "deflate" or ending == "tif")
@pytest.mark.parametrize("layout", ["strips", "deflate", "lzw", "plain", "one strip"])
@pytest.mark.parametrize(("dtype", "wide"), [("uint8", False), ("uint8", True), ("uint16", True)])
@pytest.mark.parametrize("ending", ["tif", "npy", "png", "zarr"])
def test_parts_of_indices_have_the_pixels_and_the_palette_of_the_whole(
    tmp_path, monkeypatch, layout, dtype, wide, ending
):
    source = palette_file(tmp_path / "a.tif", dtype, wide, **TIFFS[layout])
    steps = {
        "majority": ("downsample", "-m", "majority", "-F", 3, "-S", 2),
        "max": ("downsample", "-m", "max"),
        "nails": ("upsample", "-m", "nails", "-S", 2),
        "colours": ("upsample", "-m", "nearest", "-S", 2, "--expand-palette"),
        "average": ("downsample", "-m", "average"),
    }
    outputs = [tmp_path / f"{name} {how}.{ending}" for name in steps for how in ("whole", "parts")]
    for name, step in steps.items():
        run(*step, source, "-o", tmp_path / f"{name} whole.{ending}")
        with monkeypatch.context() as patch:
            if ending != "png":
                patch.setattr("poolcli.batch.source.Shared.read", None)  # of the whole
            run(*step, source, "-o", tmp_path / f"{name} parts.{ending}", "--tile", "5x11")
    for whole, parts in zip(outputs[::2], outputs[1::2], strict=True):
        with (
            open_picture(whole, Reading(keep_palette=True)) as one,
            open_picture(parts, Reading(keep_palette=True)) as other,
        ):
            (image, info), (same, said) = one.read(), other.read()
        np.testing.assert_array_equal(same, image)
        np.testing.assert_array_equal(said.palette, info.palette)


def test_a_map_of_labels_is_reduced_in_parts(tmp_path, monkeypatch):
    source = palette_file(tmp_path / "a.tif", "uint8", False, **TIFFS["deflate"])
    for step in (("-m", "gap"), ("-m", "max", "--keep-palette")):
        run("reduce", *step, source, "-o", tmp_path / "whole.csv", "--overwrite")
        with monkeypatch.context() as patch:
            patch.setattr("poolcli.batch.source.Shared.read", None)
            run("reduce", *step, source, "-o", tmp_path / "parts.csv", "--overwrite", "--memory", "1K")
        assert (tmp_path / "parts.csv").read_text() == (tmp_path / "whole.csv").read_text()


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("layout", TIFFS)
def test_parts_of_a_page_that_is_turned_have_the_pixels_of_the_whole(tmp_path, monkeypatch, orientation, layout):
    source = written(
        tmp_path, "a.tif", picture("uint8", (70, 53, 3), 1), extratags=[(274, 3, 1, orientation, True)], **TIFFS[layout]
    )
    step = ("downsample", "-m", "average", "-F", 3, "-S", 2, source, "-o")
    run(*step, tmp_path / "whole.tif")
    if "tile" in TIFFS[layout] or orientation < 5:
        monkeypatch.setattr("poolcli.batch.source.Shared.read", None)  # of the whole
    run(*step, tmp_path / "parts.tif", "--tile", "5x11")
    np.testing.assert_array_equal(read(tmp_path / "parts.tif"), read(tmp_path / "whole.tif"))


def test_what_is_no_part_goes_as_a_whole(tmp_path):
    """A page in strips that is turned, a mode that sees the whole: results are the same, --tile or not."""
    image = picture("uint8", (20, 32, 3), 1)
    source = tmp_path / "a.tif"
    tifffile.imwrite(source, image, extratags=[(274, 3, 1, 6, True)])
    for step in (("downsample", "-m", "max"), ("upsample", "-m", "transposed")):
        run(*step, source, "-o", tmp_path / "whole.npy", "--overwrite")
        run(*step, source, "-o", tmp_path / "parts.npy", "--overwrite", "--tile", 8)
        np.testing.assert_array_equal(read(tmp_path / "parts.npy"), read(tmp_path / "whole.npy"))


def test_what_a_file_says_stays(tmp_path):
    source = tmp_path / "a.tif"
    tifffile.imwrite(source, picture("uint8", (40, 40), 1), resolution=(300, 300), resolutionunit="inch", tile=(16, 16))
    run("downsample", "-m", "max", source, "-o", tmp_path / "out.tif", "--tile", 8)
    with open_picture(tmp_path / "out.tif", Reading()) as made:
        assert made.read()[1].dpi == (300, 300)


def test_a_damaged_part_leaves_no_file(tmp_path):
    source = written(tmp_path, "a.npy", picture("uint8", (40, 40), 1))
    source.write_bytes(source.read_bytes()[:-100])
    result = CliRunner().invoke(
        commands, ["downsample", "-m", "max", str(source), "-o", str(tmp_path / "b.npy"), "--tile", "4"]
    )
    assert result.exit_code == 1
    assert "truncated" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def indices_of(path):
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


@pytest.mark.parametrize("ending", ["tif", "npy"])
def test_indices_in_parts_are_those_of_the_whole(tmp_path, monkeypatch, ending):
    source = written(tmp_path, "a.tif", picture("uint8", (70, 53, 3), 1), tile=(16, 16), compression="zlib")
    for step in (("-m", "max", "-F", 3, "-S", 2), ("-m", "kmax", "--k", 3), ("-m", "median", "--ignore", 9)):
        for name, how in (("whole", ()), ("parts", ("--tile", "5x11"))):
            saved = ("--save-indices", tmp_path / f"{name}.npz", "-o", tmp_path / f"{name}.{ending}")
            run("downsample", *step, source, *saved, "--overwrite", *how)
        np.testing.assert_array_equal(read(tmp_path / f"parts.{ending}"), read(tmp_path / f"whole.{ending}"))
        parts, whole = (indices_of(tmp_path / f"{name}.npz") for name in ("parts", "whole"))
        assert parts.keys() == whole.keys()
        for name, values in whole.items():
            np.testing.assert_array_equal(parts[name], values)


def test_a_full_disk_leaves_neither_indices_nor_image(tmp_path, monkeypatch):
    source = written(tmp_path, "a.npy", picture("uint8", (40, 40), 1))

    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zipfile._ZipWriteFile.write", full)
    words = ["downsample", "-m", "max", source, "--save-indices", tmp_path / "b.npz", "-o", tmp_path / "b.npy"]
    result = CliRunner().invoke(commands, [*map(str, words), "--tile", "4"])
    assert result.exit_code == 1
    assert f"{tmp_path / 'b.npz'}: No space left on device" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


@pytest.mark.parametrize("ending", ["tif", "npy"])
@pytest.mark.parametrize("step", [("max",), ("kmax", "--k", 3)], ids=str)
def test_pages_and_planes_go_in_parts(tmp_path, monkeypatch, step, ending):
    source = tmp_path / "a.tif"
    with tifffile.TiffWriter(source) as tiff:
        for i in range(3):
            tiff.write(picture("uint8", (40, 53), i), tile=(16, 16), photometric="minisblack")
    run("downsample", "-m", *step, source, "-o", tmp_path / f"whole.{ending}")
    monkeypatch.setattr("poolcli.batch.source.Shared.read", None)  # of the whole
    run("downsample", "-m", *step, source, "-o", tmp_path / f"parts.{ending}", "--tile", 6)
    np.testing.assert_array_equal(read(tmp_path / f"parts.{ending}"), read(tmp_path / f"whole.{ending}"))
    assert len(read(tmp_path / f"parts.{ending}")) == 3 * (3 if step[0] == "kmax" else 1)


def test_pages_of_several_sizes_go_in_parts_or_whole(tmp_path):
    """A large page goes in parts, one that is small or has a palette goes as a whole, each in its turn."""
    source = tmp_path / "a.tif"
    with tifffile.TiffWriter(source) as tiff:
        tiff.write(picture("uint8", (40, 53), 0), tile=(16, 16), photometric="minisblack")
        tiff.write(picture("uint8", (9, 7), 1), photometric="minisblack")
        tiff.write(
            picture("uint8", (20, 30), 2),
            photometric="palette",
            colormap=np.arange(768, dtype=np.uint16).reshape(3, 256),
        )
    run("downsample", "-m", "max", source, "-o", tmp_path / "whole.tif")
    run("downsample", "-m", "max", source, "-o", tmp_path / "parts.tif", "--memory", "1K")
    with tifffile.TiffFile(tmp_path / "whole.tif") as whole, tifffile.TiffFile(tmp_path / "parts.tif") as parts:
        assert len(parts.pages) == 3
        for one, other in zip(whole.pages, parts.pages, strict=True):
            np.testing.assert_array_equal(other.asarray(), one.asarray())
    result = CliRunner().invoke(
        commands, ["downsample", "-m", "max", str(source), "-o", str(tmp_path / "b.npy"), "--memory", "1K"]
    )
    assert "do not fit in one array" in result.output


@pytest.mark.parametrize(
    "given", [("--ignore", "auto"), ("--ignore", 7), ("--ignore", "auto", "--valid", 0.9)], ids=str
)
def test_nodata_stays_outside_in_parts(tmp_path, monkeypatch, given):
    image = picture("int16", (40, 53), 1)
    image[np.random.default_rng(1).random(image.shape) < 0.3] = 7
    source = tmp_path / "a.tif"
    tifffile.imwrite(source, image, tile=(16, 16), extratags=[(42113, 2, 2, "7", True)])
    run("downsample", "-m", "average", *given, source, "-o", tmp_path / "whole.tif")
    monkeypatch.setattr("poolcli.batch.source.Shared.read", None)  # of the whole
    run("downsample", "-m", "average", *given, source, "-o", tmp_path / "parts.tif", "--tile", 6)
    np.testing.assert_array_equal(read(tmp_path / "parts.tif"), read(tmp_path / "whole.tif"))
    with tifffile.TiffFile(tmp_path / "parts.tif") as tiff:
        assert tiff.pages[0].nodata == 7


COUNTED = [("median",), ("percentile", "--q", 80), ("kmax", "--k", 3), ("kmax", "--k", 9, "--combine", "mean"),
           ("majority",)]  # fmt: skip
SUMMED = [("l2",), ("lp", "--p", 2.5, "--norm", "mean"), ("gem",), ("soft", "--beta", 3)]
REDUCED = {
    "bool": [("gap",), ("max",), *COUNTED],
    "uint8": [("gap",), ("gmp",), ("min",), ("average",), *COUNTED, *SUMMED, ("mixed",)],
    "int16": [("gap",), *COUNTED],
    "int64": [("gap",), ("gmp",), ("min",), ("l2",)],
    "float32": [("gap",), ("gmp",), ("max",), ("min",), *SUMMED, ("mixed", "--lam", 0.25)],
    "float64": [("gap",), ("gmp",), ("min",), ("gem",), ("soft",)],
}


@pytest.mark.parametrize(("dtype", "width"), [*((dtype, 4096) for dtype in REDUCED), ("float32", 16), ("float64", 16)])
def test_a_map_is_reduced_in_bands_where_that_gives_the_same(tmp_path, monkeypatch, dtype, width):
    """Floats are added up in the order of the whole, 16 columns at once, or all."""
    monkeypatch.setattr("poolcli.engine.regions._WIDTH", width)
    image = picture(dtype, (170, 53, 3), 1)
    if image.dtype.kind == "f":
        image[image > 0.9], image[3, 4, 1] = -0.0, np.nan
        image[:, :, 2] = np.where(image[:, :, 2] > 0, 0.0, -0.0)  # of which the larger is the first that is joined
    source = written(tmp_path, "a.npy" if dtype == "bool" else "a.tif", image, tile=(16, 16), compression="zlib")
    rows = {}
    for name, how in (("whole", ()), ("parts", ("--memory", "8K")), ("narrow", ("--memory", "1K"))):
        for mode in REDUCED[dtype]:
            run("reduce", "-m", *mode, source, "-o", tmp_path / "a.csv", "--overwrite", *how)
            rows[mode, name] = (tmp_path / "a.csv").read_text()
        monkeypatch.setattr("poolcli.batch.source.Shared.read", None)  # of the whole, after the first
    for mode, name in rows:
        assert rows[mode, name] == rows[mode, "whole"], (mode, name)


def test_a_reduction_that_sees_the_whole_is_the_same(tmp_path):
    source = written(tmp_path, "a.tif", picture("uint8", (70, 53, 3), 1), tile=(16, 16))
    for mode in ("gap,median,max", "spp", "covariance"):
        for name, how in (("whole", ()), ("parts", ("--memory", "1K"))):
            run("reduce", "-m", mode, source, "-o", tmp_path / f"{name}.csv", "--overwrite", *how)
        assert (tmp_path / "parts.csv").read_text() == (tmp_path / "whole.csv").read_text()


def test_parts_go_to_standard_output(tmp_path):
    source = written(tmp_path, "a.tif", picture("uint8", (40, 53, 3), 1), tile=(16, 16))
    for ending in ("npy", "tif"):
        run("downsample", "-m", "max", source, "-o", tmp_path / f"whole.{ending}")
        words = ["downsample", "-m", "max", str(source), "-o", "-", "--format", ending, "--tile", "6"]
        (tmp_path / f"parts.{ending}").write_bytes(CliRunner().invoke(commands, words).stdout_bytes)
        np.testing.assert_array_equal(read(tmp_path / f"parts.{ending}"), read(tmp_path / f"whole.{ending}"))


def test_parts_of_jpeg_have_the_pixels_of_the_whole(tmp_path, monkeypatch):
    source = tmp_path / "a.tif"
    for photometric, channels in (("minisblack", 1), ("rgb", 3)):
        image = picture("uint8", (70, 53, channels), 1)
        options = {"compression": "jpeg", "compressionargs": {"level": 90}, "photometric": photometric}
        tifffile.imwrite(source, image, tile=(16, 32), planarconfig="contig" if channels > 1 else None, **options)
        for name, how in (("whole", ()), ("parts", ("--tile", 9))):
            run("downsample", "-m", "max", "-F", 3, source, "-o", tmp_path / f"{name}.npy", "--overwrite", *how)
        np.testing.assert_array_equal(read(tmp_path / "parts.npy"), read(tmp_path / "whole.npy"))


def test_parts_beyond_the_limit_of_tiff_are_bigtiff(tmp_path, monkeypatch):
    source = written(tmp_path, "a.tif", picture("uint8", (70, 53, 3), 1), tile=(16, 16))
    run("downsample", "-m", "max", source, "-o", tmp_path / "small.tif", "--tile", 9)
    monkeypatch.setattr("poolcli.images.tiff._BIG", 2000)
    run("downsample", "-m", "max", source, "-o", tmp_path / "large.tif", "--tile", 9)
    with tifffile.TiffFile(tmp_path / "small.tif") as small, tifffile.TiffFile(tmp_path / "large.tif") as large:
        assert (small.is_bigtiff, large.is_bigtiff) == (False, True)
        np.testing.assert_array_equal(large.asarray(), small.asarray())


def test_parts_of_premultiplied_colour_have_the_pixels_of_the_whole(tmp_path):
    image = picture("uint8", (70, 53, 4), 1)
    image[..., :3] = np.minimum(image[..., :3], image[..., 3:])
    source = written(tmp_path, "a.tif", image, tile=(16, 16), extrasamples=["assocalpha"])
    for ending in ("tif", "npy"):
        for name, how in (("whole", ()), ("parts", ("--tile", 9))):
            run("downsample", "-m", "l2", "--linear", source, "-o", tmp_path / f"{name}.{ending}", *how)
        np.testing.assert_array_equal(read(tmp_path / f"parts.{ending}"), read(tmp_path / f"whole.{ending}"))
    with open_picture(tmp_path / "parts.tif", Reading()) as made:
        assert made.read()[1].premultiplied


def test_a_damaged_tile_is_one_line_and_leaves_no_file(tmp_path):
    source = written(tmp_path, "a.tif", picture("uint8", (70, 53), 1), tile=(16, 16), compression="zlib")
    with tifffile.TiffFile(source) as tiff:
        begin, count = tiff.pages[0].dataoffsets[-3], tiff.pages[0].databytecounts[-3]
    data = bytearray(source.read_bytes())
    data[begin : begin + count] = b"\xff" * count
    source.write_bytes(data)
    words = ["downsample", "-m", "max", source, "-o", tmp_path / "b.tif", "--tile", 6]
    result = CliRunner().invoke(commands, [*map(str, words), "-q"])
    assert result.exit_code == 1
    assert result.output == f"error: {source}: damaged or unsupported: its compressed pixels cannot be unpacked\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


MEASURED = """
import sys
from poolcli.cli import commands
try:
    commands(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(line.split()[1]) // 1024)
"""


def peak(*arguments):
    """Return the most memory that the command takes, in MiB."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, arguments)], capture_output=True, text=True, check=True
    )
    return int(done.stdout.splitlines()[-1])


def large(path, height):
    """Write an image of 20,000 columns, a band at a time."""
    band = np.random.default_rng(1).integers(0, 256, (256, 20_000), np.uint8)
    if path.suffix == ".npy":
        with path.open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": (height, 20_000)}
            np.lib.format.write_array_header_1_0(file, header)
            for top in range(0, height, 256):
                file.write(band[: height - top].data)
        return
    tiles = (band[: height - top, left : left + 256] for top in range(0, height, 256) for left in range(0, 20_000, 256))
    tifffile.imwrite(path, tiles, shape=(height, 20_000), dtype=np.uint8, tile=(256, 256))


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the most memory is read from /proc")
@pytest.mark.parametrize("ending", [".tif", ".npy"])
def test_memory_is_bounded(tmp_path, ending):
    steps = {
        "max": ("downsample", "-m", "max"),
        "median": ("downsample", "-m", "median", "-F", 3, "-S", 2),
        "resize": ("resize", "-m", "bilinear", "--scale", "30%"),
    }
    peaks = {}
    for height in (10_000, 20_000):
        source = tmp_path / f"{height}{ending}"
        large(source, height)
        for name, step in steps.items():
            more = ("--max-pixels", 10**9, "--memory", "100M", "--compression", "fast", "--overwrite", "-q")
            peaks[name, height] = peak(*step, source, "-o", tmp_path / f"out{ending}", *more)
    for name in steps:
        assert peaks[name, 20_000] < 400
        assert peaks[name, 20_000] < 1.1 * peaks[name, 10_000]
