"""Pyramids: every level is what the pool makes of windows of the image; files have all levels, whatever ended a run."""

import os
import re
import signal
import subprocess
import sys
import time

import naive
import numpy as np
import pytest
import pyvips
import rasterio
import tifffile
import yaozarrs
import zarr
from click.testing import CliRunner
from comparison import assert_rounded, seen, selects
from effort import EXAMPLES, JIT
from hypothesis import given
from hypothesis import strategies as st
from pictures import picture

import poolcli
from poolcli.batch import levels
from poolcli.batch.levels import Kept
from poolcli.cli import commands
from poolcli.commands import Step
from poolcli.downsample import PYRAMIDS
from poolcli.files import WriteError
from poolcli.images import read_image
from poolcli.pyramid import levels_of

MODES = [(name, {"combine": "mean", "k": 1} if name == "kmax" else {}) for name in PYRAMIDS]


def run(*arguments, code=0):
    result = CliRunner().invoke(commands, ["pyramid", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


def written(path, image):
    if path.suffix == ".npy":
        np.save(path, image)
    else:
        tifffile.imwrite(path, image, tile=(16, 32), compression="zlib", photometric="minisblack")
    return path


def levels_in(path):
    with tifffile.TiffFile(path) as tiff:
        (series,) = tiff.series
        return [level.asarray() for level in series.levels]


def assert_alike(found, expected):
    assert [level.shape for level in found] == [level.shape for level in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_levels_of_a_small_image():
    image = np.array([[1, 5, 2, 0, 9], [3, 4, 8, 6, 9], [0, 0, 7, 7, 8]], np.uint8)
    assert [level.tolist() for level in poolcli.pyramid(image, "max", until=1)[1:]] == [
        [[5, 8, 9], [0, 7, 8]],
        [[8, 9]],
        [[9]],
    ]
    # 13/4, 16/4, 18/2 and 0/2, 14/2, 8 are 3, 4, 9 and 0, 7, 8; then 43/12 is 3.6, and 26/3 is 8.7
    assert [level.tolist() for level in poolcli.pyramid(image, "average", depth=2)[1:]] == [
        [[3, 4, 9], [0, 7, 8]],
        [[4, 9]],
    ]
    # of the level before, (3 + 4 + 0 + 7)/4 is 3.5, and (9 + 8)/2 is 8.5: to even
    assert poolcli.pyramid(image, "average", depth=2, start="previous")[2].tolist() == [[4, 8]]
    assert len(poolcli.pyramid(image, "max")) == 1, "it is as small as asked"


@pytest.mark.parametrize(
    ("kernel_size", "stride"),
    [((2, 2), (2, 2)), ((3, 3), (2, 2)), ((1, 2), (1, 2)), ((1, 1), (2, 2)), ((2, 2), (3, 2))],
)
@pytest.mark.parametrize(("mode", "parameters"), MODES, ids=[name for name, _ in MODES])
@pytest.mark.quick_when(
    lambda mode, kernel_size, **others: mode in ("max", "average", "majority", "soft") or kernel_size[1] == 3
)
def test_levels_have_the_values_of_their_twin(mode, parameters, kernel_size, stride):
    image = picture("uint8", (13, 17, 2), 1)
    made = poolcli.pyramid(image, mode, kernel_size=kernel_size, stride=stride, depth=3, **parameters)[1:]
    twins = naive.pyramid(image, mode, kernel_size, stride, 3, **seen(image, mode, parameters))
    for level, exact in zip(made, twins, strict=True):
        if selects(mode, parameters):
            np.testing.assert_array_equal(level, exact)
        else:
            assert_rounded(level, exact, 1)


@given(
    height=st.integers(1, 40), width=st.integers(1, 40), factor=st.tuples(st.integers(1, 4), st.integers(2, 4)),
    depth=st.integers(1, 4), dtype=st.sampled_from(["uint8", "int8", "uint16", "int16", "int32", "float32"]),
    seed=st.integers(0, 99),
)  # fmt: skip
@EXAMPLES
def test_sums_that_are_carried_give_the_averages_of_the_image(height, width, factor, depth, dtype, seed):
    image = picture(dtype, (height, width), seed)
    carried = poolcli.pyramid(image, "average", kernel_size=factor, depth=depth)
    of_base = poolcli.pyramid(image, "average", kernel_size=factor, depth=depth, start="base")
    for one, other in zip(carried, of_base, strict=True):
        if dtype == "float32":
            np.testing.assert_allclose(one, other, 1e-6, 1e-6)
        else:
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32"])
@pytest.mark.parametrize("end", ["min", "max"])
def test_sums_of_extreme_values_do_not_overflow(dtype, end):
    image = np.full((300, 300), getattr(np.iinfo(dtype), end), dtype)
    for level in poolcli.pyramid(image, "average", depth=8):
        np.testing.assert_array_equal(level, image[: len(level), : level.shape[1]])


def test_what_each_level_is_made_of():
    def sources(mode, dtype="uint8", **arguments):
        return [
            level.source
            for level in levels_of(Step("pyramid", mode, {"depth": 3, **arguments}), (64, 64), np.dtype(dtype))
        ]

    assert sources("max") == sources("min", kernel_size=3, stride=2) == [0, 1, 2]
    assert sources("median") == sources("majority") == sources("soft") == [0, 0, 0]
    assert sources("max", kernel_size=1, stride=2) == [0, 0, 0], "windows of windows have gaps"
    assert sources("max", start="base") == [0, 0, 0]
    assert sources("median", start="previous") == [0, 1, 2]

    def sums(**arguments):
        return [
            level.sums
            for level in levels_of(Step("pyramid", "average", {"depth": 3} | arguments), (64, 64), np.dtype("uint8"))
        ]

    assert sums() == [False, True, True]
    assert sums(kernel_size=3, stride=2) == sums(start="base") == sums(start="previous") == [False] * 3


def test_a_level_ends_where_nothing_gets_smaller():
    assert [level.shape for level in poolcli.pyramid(np.zeros((3, 1), np.uint8), "max", depth=32)] == [
        (3, 1),
        (2, 1),
        (1, 1),
    ]


def test_channels_and_alpha():
    image = picture("uint8", (9, 10, 4), 2)
    image[..., 3] = np.random.default_rng(0).choice([0, 128, 255], (9, 10))
    levels = poolcli.pyramid(image, "average", depth=2, alpha=True)
    for k in (1, 2):
        expected = poolcli.downsample(image, "average", kernel_size=2**k, ceil=True, alpha=True)
        np.testing.assert_array_equal(levels[k], expected)
    first = poolcli.pyramid(np.moveaxis(image, -1, 0), "max", depth=2, layout="chw")
    assert_alike([np.moveaxis(level, 0, -1) for level in first], poolcli.pyramid(image, "max", depth=2))


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"stride": 1}, "stride=1 makes no smaller levels: stride must be 2 or more along an axis at least"),
        ({"depth": 0}, "depth=0 is not allowed: depth must be a whole number from 1 to 32"),
        ({"until": 1.5}, "until=1.5 is not allowed: until must be a whole number from 1 to 2147483648"),
        ({"depth": 2, "until": 9}, "depth=2 says how many levels there are, and until=9 cannot be given with it"),
        ({"start": "top"}, "start='top' is not allowed: start must be base or previous"),
        ({"mode": "kmax"}, "mode 'kmax' makes 2 images of one: combine=mean makes one"),
        ({"mode": "space-to-depth"}, "there is no mode 'space-to-depth': the modes are max, min"),
        ({"image": np.zeros((2, 3, 4, 1))}, r"an array \(2, 3, 4, 1\) is not an image"),
    ],
    ids=str,
)  # fmt: skip
def test_bad_input_is_named(arguments, line):
    image, mode = arguments.pop("image", np.zeros((4, 4))), arguments.pop("mode", "max")
    with pytest.raises(ValueError, match=line):
        poolcli.pyramid(image, mode, **arguments)


@pytest.mark.parametrize("mode", ["max", "average", "majority"])
@pytest.mark.parametrize("valid", [None, 0.6])
def test_nodata_is_left_out_of_all_levels(tmp_path, mode, valid):
    image = picture("int16", (40, 30), 3)
    image[np.random.default_rng(0).random(image.shape) < 0.4] = -99
    levels = poolcli.pyramid(image, mode, depth=3, ignore=-99, valid=valid)
    for k in (1, 2, 3):
        expected = poolcli.downsample(image, mode, kernel_size=2**k, ceil=True, ignore=-99, valid=valid)
        np.testing.assert_array_equal(levels[k], expected)
    tifffile.imwrite(tmp_path / "a.tif", image, extratags=[(42113, 2, 4, b"-99\0", True)])
    share = [] if valid is None else ["--valid", valid]
    run("-m", mode, "--levels", 3, "--ignore", "auto", *share, tmp_path / "a.tif", "-o", tmp_path / "out.tif", "-q")
    assert_alike(levels_in(tmp_path / "out.tif"), levels)
    with tifffile.TiffFile(tmp_path / "out.tif") as tiff:
        assert tiff.pages[0].tags.valueof(42113) == "-99"


@pytest.mark.skipif(not JIT, reason="files are the same, compiled or not")
@pytest.mark.parametrize("mode", ["max", "average", "majority"])
@pytest.mark.parametrize("name", ["a.tif", "a.npy"])
def test_a_file_has_the_levels_of_the_array(tmp_path, mode, name):
    image = picture("uint16", (133, 170), 1)
    source = written(tmp_path / name, image)
    expected = poolcli.pyramid(image, mode, until=20)
    for how in ((), ("--memory", "8K"), ("--tile", "7x13")):
        run("-m", mode, "--until", 20, source, "-o", tmp_path / "out.tif", "--overwrite", "-q", *how)
        assert_alike(levels_in(tmp_path / "out.tif"), expected)
        assert not [*tmp_path.glob(".*")], "nothing is left beside it"
    with tifffile.TiffFile(tmp_path / "out.tif") as tiff:
        assert [page.subfiletype for page in tiff.pages] == [0]
        tiles = {level.pages[0].tile for level in tiff.series[0].levels}
        assert tiles == {(16, 32) if name == "a.tif" else (256, 256)}
        assert re.fullmatch(rf"poolcli \S+ pyramid --mode {mode} --until 20", tiff.pages[0].software)


def test_gdal_finds_the_levels_where_the_image_is(tmp_path):
    image = picture("uint8", (101, 67))
    scale, point = (33550, 12, 3, (10.0, 10.0, 0.0)), (33922, 12, 6, (0.0, 0.0, 0.0, 500000.0, 4000.0, 0.0))
    keys = (34735, 3, 16, (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32633))
    tifffile.imwrite(tmp_path / "a.tif", image, extratags=[(*tag, True) for tag in (scale, point, keys)])
    run("-m", "max", "--levels", 2, tmp_path / "a.tif", "-o", tmp_path / "out.tif", "-q")
    with rasterio.open(tmp_path / "out.tif") as found:
        assert found.overviews(1) == [2, 4]
        assert found.transform.to_gdal() == (500000, 10, 0, 4000, 0, -10)
        assert found.crs.to_epsg() == 32633
    for number, level in enumerate(poolcli.pyramid(image, "max", depth=2)[1:]):
        with rasterio.open(tmp_path / "out.tif", overview_level=number) as found:
            np.testing.assert_array_equal(found.read(1), level)


def tiles_of(path):
    """Return the bytes of the tiles, or strips, of the first page of a file."""
    data = path.read_bytes()
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        return [data[begin : begin + n] for begin, n in zip(page.dataoffsets, page.databytecounts, strict=True)]


PALETTE = {"photometric": "palette", "colormap": np.full((3, 256), 257 * 9, np.uint16), "predictor": False}
STORED = {"tile": (32, 32), "compression": "zlib", "compressionargs": {"level": 6}, "predictor": True}


@pytest.mark.parametrize(
    ("dtype", "shape", "stored", "words", "kept"),
    [
        ("uint8", (90, 70), {}, (), True),
        ("uint8", (90, 70, 3), {"photometric": "rgb"}, (), True),
        ("uint16", (90, 70, 4), {"photometric": "rgb", "extrasamples": ["unassalpha"]}, (), True),
        ("int32", (90, 70), {}, ("--strip",), True),
        ("float32", (90, 70), {}, (), True),
        ("float64", (90, 70), {"predictor": False}, (), True),
        ("uint8", (90, 70), PALETTE, ("--keep-palette",), True),
        ("uint8", (90, 70), PALETTE, (), False),
        ("uint8", (90, 70), {"predictor": False}, (), False),
        ("uint8", (90, 70), {"compression": "lzw", "compressionargs": None}, (), False),
        ("uint8", (90, 70), {"compression": None, "compressionargs": None, "predictor": False}, (), False),
        ("uint8", (90, 70), {"tile": None, "rowsperstrip": 16}, (), False),
        ("uint8", (90, 70), {"photometric": "miniswhite"}, (), False),
        ("uint8", (3, 90, 70), {"photometric": "rgb", "planarconfig": "separate"}, (), False),
        ("uint16", (90, 70), {"byteorder": ">" if sys.byteorder == "little" else "<"}, (), False),
        ("bool", (90, 70), {"predictor": False}, (), False),
        ("uint8", (90, 70), {}, ("--compression", "max"), False),
        ("uint8", (90, 70), {}, ("--compression", "fast"), False),
    ],
    ids=str,
)
def test_tiles_of_the_image_are_written_as_they_are_stored_where_they_can_be(
    tmp_path, dtype, shape, stored, words, kept
):
    """Level 6 of deflate makes other bytes than the level that is written; the pixels are the same anyway."""
    source, out = tmp_path / "a.tif", tmp_path / "b.tif"
    options = {name: value for name, value in (STORED | stored).items() if value is not None}
    tifffile.imwrite(source, picture(dtype, shape, 1), **options)
    run(source, "-m", "max", "--until", 50, "-o", out, *words)
    assert (tiles_of(out) == tiles_of(source)) is kept
    np.testing.assert_array_equal(read_image(out)[0], read_image(source)[0])


def test_libvips_finds_the_levels(tmp_path):
    image = picture("uint8", (101, 67))
    run("-m", "max", "--levels", 2, written(tmp_path / "a.tif", image), "-o", tmp_path / "out.tif")
    found = pyvips.Image.new_from_file(str(tmp_path / "out.tif"), subifd=1)
    np.testing.assert_array_equal(found.numpy(), poolcli.pyramid(image, "max", depth=2)[2])


def test_palettes_stay(tmp_path):
    indices = picture("uint8", (40, 50)) % 5
    colours = np.zeros((3, 256), np.uint16)
    colours[:, :5] = np.arange(15).reshape(3, 5) * 257
    tifffile.imwrite(tmp_path / "a.tif", indices, photometric="palette", colormap=colours)
    run("-m", "majority", "--levels", 1, tmp_path / "a.tif", "-o", tmp_path / "out.tif")
    assert_alike(levels_in(tmp_path / "out.tif"), poolcli.pyramid(indices, "majority", depth=1))
    with tifffile.TiffFile(tmp_path / "out.tif") as tiff:
        for level in tiff.series[0].levels:
            np.testing.assert_array_equal(level.pages[0].colormap, colours)


def test_many_images_and_names(tmp_path):
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", picture("uint8", (20, 20)))
    run("-m", "max,min", "--levels", 1, tmp_path / "a.npy", tmp_path / "b.npy", "-o", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "a_max.tif",
        "a_min.tif",
        "b_max.tif",
        "b_min.tif",
    ]
    run("-m", "max", "--levels", 1, tmp_path / "a.npy")
    assert (tmp_path / "a_max_pyramid.tif").exists()


def test_a_damaged_image_leaves_nothing(tmp_path):
    source = written(tmp_path / "a.npy", picture("uint8", (90, 70), 1))
    source.write_bytes(source.read_bytes()[:-100])
    said = run("-m", "max", "--until", 20, "--memory", "2K", source, "-o", tmp_path / "out.tif", "-q", code=1)
    assert "a.npy: truncated" in said
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_an_image_that_is_small_is_written_alone(tmp_path):
    image = picture("uint8", (20, 30))
    said = run("-m", "max", written(tmp_path / "a.tif", image), "-o", tmp_path / "out.tif")
    assert said == f"warning: {tmp_path / 'a.tif'}: is as small as --until N asks: there are no smaller levels\n"
    assert_alike(levels_in(tmp_path / "out.tif"), [image])


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["-o", "out.png"], "out.png: PNG holds one size of an image: .tif, .ome.zarr hold all"),
        (["-o", "-"], "a pyramid is written to a file: -o FILE"),
        (["-o", "out.tif", "-S", "1"], "--stride 1 makes no smaller levels: it must be 2"),
        (["-o", "out.tif", "--levels", "2", "--until", "9"], "--levels 2 says how many levels there are, and"),
        (["-o", "out.tif", "-m", "space-to-depth"], "the modes are max, min, median, percentile"),
    ],
)  # fmt: skip
def test_wrong_usage(tmp_path, monkeypatch, options, line):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", picture("uint8", (20, 20)))
    assert line in run(*(["-m", "max"] if "-m" not in options else []), "a.npy", *options, code=2)
    assert os.listdir() == ["a.npy"]


def test_several_pages_need_one_to_be_named(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", picture("uint8", (2, 20, 20)), photometric="minisblack")
    said = run("-m", "max", "--levels", 1, tmp_path / "a.tif", "-o", tmp_path / "out.tif", code=1)
    assert "TIFF holds the levels of one image, and there are 2: --frame N takes one, and .ome.zarr holds all" in said
    run("-m", "max", "--levels", 1, tmp_path / "a.tif", "-o", tmp_path / "out.tif", "--frame", 1)
    assert_alike(levels_in(tmp_path / "out.tif"), poolcli.pyramid(picture("uint8", (2, 20, 20))[1], "max", depth=1))


def arrays_of(folder):
    group = zarr.open_group(folder, mode="r")
    (entry,) = group.attrs["ome"]["multiscales"]
    return [group[dataset["path"]][:] for dataset in entry["datasets"]], entry


@pytest.mark.parametrize("mode", ["max", "average", "median"])
def test_an_ome_zarr_has_the_levels_of_the_array(tmp_path, mode):
    image = picture("uint16", (61, 50), 1)
    out = tmp_path / "out.ome.zarr"
    for how in ((), ("--memory", "2K"), ("--tile", "7x13")):
        source = written(tmp_path / "a.tif", image)
        run("-m", mode, "-F", 3, "-S", 2, "--until", 20, source, "-o", out, "--overwrite", "-q", *how)
        found, entry = arrays_of(out)
        assert_alike(found, poolcli.pyramid(image, mode, kernel_size=3, stride=2, until=20))
        assert not [*tmp_path.glob(".*")], "nothing is left beside it"
    assert [tuple(dataset["coordinateTransformations"]) for dataset in entry["datasets"]] == [
        ({"type": "scale", "scale": [1.0, 1.0]},),
        ({"type": "scale", "scale": [2.0, 2.0]}, {"type": "translation", "translation": [1.0, 1.0]}),
        ({"type": "scale", "scale": [4.0, 4.0]}, {"type": "translation", "translation": [3.0, 3.0]}),
    ]
    assert entry["type"] == mode
    assert entry["metadata"]["levels are made of"] == ("the level before" if mode == "max" else "the base")
    yaozarrs.validate_zarr_store(str(out))


@pytest.mark.parametrize("shards", [None, (2, 2, 32, 16)])
@pytest.mark.parametrize("parts", [(), ("--tile", 9)])
def test_all_planes_of_a_zarr_have_levels(tmp_path, shards, parts):
    image = picture("uint8", (2, 3, 40, 30), 1)
    axes = [{"name": "c", "type": "channel"}, *({"name": name, "type": "space"} for name in "zyx")]
    scale = {"type": "scale", "scale": [1.0, 2.0, 0.5, 0.25]}
    group = zarr.create_group(tmp_path / "a.ome.zarr")
    group.create_array("0", shape=image.shape, chunks=(1, 2, 16, 16), shards=shards, dtype="uint8")[:] = image
    entry = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": [scale]}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [entry]}
    run("-m", "majority", "--levels", 2, tmp_path / "a.ome.zarr", "-q", *parts)
    out = tmp_path / "a_majority_pyramid.ome.zarr"
    found, entry = arrays_of(out)
    for k, level in enumerate(found):
        for c in range(2):
            for z in range(3):
                np.testing.assert_array_equal(level[c, z], poolcli.pyramid(image[c, z], "majority", depth=2)[k])
    assert entry["axes"] == axes
    assert entry["datasets"][2]["coordinateTransformations"] == [
        {"type": "scale", "scale": [1.0, 2.0, 2.0, 1.0]},
        {"type": "translation", "translation": [0.0, 0.0, 0.75, 0.375]},
    ]
    array = zarr.open_array(out / "1", mode="r")
    assert (array.chunks, array.shards) == ((1, 2, 16, 15), shards and (2, 2, 32, 15))
    yaozarrs.validate_zarr_store(str(out))


def test_labels_of_an_image(tmp_path):
    image, labels = picture("uint8", (40, 30), 1), picture("uint8", (40, 30), 2)
    out = tmp_path / "image.ome.zarr"
    run("-m", "average", "--levels", 1, written(tmp_path / "a.tif", image), "-o", out, "-q")
    for name in ("cells", "nuclei"):
        source = written(tmp_path / "labels.tif", labels)
        run("-m", "majority", "--levels", 1, source, "-o", out / "labels" / name, "--format", "ome.zarr", "-q")
    assert zarr.open_group(out / "labels", mode="r").attrs["ome"]["labels"] == ["cells", "nuclei"]
    assert zarr.open_group(out / "labels/cells", mode="r").attrs["ome"]["image-label"] == {
        "source": {"image": "../../"}
    }
    assert_alike(arrays_of(out / "labels/nuclei")[0], poolcli.pyramid(labels, "majority", depth=1))
    yaozarrs.validate_zarr_store(str(out))
    yaozarrs.validate_zarr_store(str(out / "labels/nuclei"))


class TestResume:
    """Levels that are whole when a run ends are those of the next."""

    STEP = ("-m", "max", "--until", 20, "--memory", "8K", "-q")

    @pytest.fixture
    def ended(self, tmp_path, monkeypatch):
        """A run that ended in its second level."""
        source = written(tmp_path / "a.tif", picture("uint8", (200, 150), 1))
        run(*self.STEP, source, "-o", tmp_path / "whole.tif")
        put = Kept.put

        def put_one(self, name, *given):
            if name != "0-1":
                raise WriteError("No space left on device", tmp_path)
            put(self, name, *given)

        with monkeypatch.context() as patch:
            patch.setattr(Kept, "put", put_one)
            self.said = run(*self.STEP, source, "-o", tmp_path / "out.tif", code=1)
        assert not (tmp_path / "out.tif").exists()
        return source, tmp_path / "out.tif", tmp_path / ".out.tif.levels"

    def test_goes_on(self, ended, tmp_path, monkeypatch):
        source, out, kept = ended
        made = levels.makings
        assert f"error: {out}: No space left on device: --resume goes on with what is done\n" in self.said
        assert sorted(path.name for path in kept.iterdir()) == ["0-1.npy", "plan.json"]
        monkeypatch.setattr(levels, "makings", lambda *given: [making for making in made(*given) if making.name != "1"])
        run(*self.STEP, source, "-o", out, "--resume")
        assert out.read_bytes() == (tmp_path / "whole.tif").read_bytes()
        assert not kept.exists()

    def test_begins_anew_without_it(self, ended, tmp_path):
        source, out, kept = ended
        (kept / "0-1.npy").write_bytes(b"no array")
        said = run(*self.STEP[:-1], source, "-o", out)
        assert f"levels of a run that was ended are made again: --resume goes on with those in {kept}" in said
        assert out.read_bytes() == (tmp_path / "whole.tif").read_bytes()

    def test_refuses_levels_of_another_command(self, ended):
        source, out, kept = ended
        said = run("-m", "min", "--until", 20, source, "-o", out, "--resume", code=1)
        assert f"{kept} was begun by another command, or of another image: without --resume it begins anew" in said


@pytest.mark.slow
@pytest.mark.skipif(not JIT, reason="processes are killed alike, compiled or not")
def test_a_run_that_is_killed_goes_on(tmp_path):
    source = written(tmp_path / "a.tif", picture("uint8", (4000, 3000), 1))
    step = [
        sys.executable,
        "-m",
        "poolcli",
        "pyramid",
        "-m",
        "median",
        "--until",
        "100",
        "--memory",
        "1M",
        source,
        "-o",
    ]
    subprocess.run([*step, tmp_path / "whole.tif", "-q"], check=True)
    process = subprocess.Popen([*step, tmp_path / "out.tif", "-q"])
    while not (tmp_path / ".out.tif.levels/0-2.npy").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "out.tif").exists()
    subprocess.run([*step, tmp_path / "out.tif", "-q", "--resume"], check=True)
    assert (tmp_path / "out.tif").read_bytes() == (tmp_path / "whole.tif").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "out.tif", "whole.tif"]
