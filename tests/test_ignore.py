"""Values that mean none: outside every window, as padding is."""

import re

import naive
import numpy as np
import pytest
import tifffile
from commands import said
from comparison import assert_rounded, seen, selects
from effort import EXAMPLES, JIT
from hypothesis import given
from hypothesis import strategies as st
from pictures import GEOMETRIES, VARIANTS, describe, picture

import poolcli

POOLS = {name: mode for name, mode in poolcli.MODES.items() if not mode.stacks}


def with_holes(dtype, ignore, share, shape=(7, 11, 3), seed=0):
    """Return values of the whole range, with so many that mean none."""
    image = picture(dtype, shape, seed)
    image[np.random.default_rng(seed).random(shape) < share] = ignore
    return image


def expected(image, mode, ignore, geometry, parameters):
    """Return the naive result, planes of k values first, nodata in each of them."""
    result = naive.downsample(image, mode, ignore=ignore, **geometry, **seen(image, mode, parameters))
    if not poolcli.MODES[mode].planes(parameters):
        return result
    k = parameters.get("k", 2)
    each = [value if isinstance(value, list) else [value] * k for value in result.ravel()]
    return np.moveaxis(np.array(each, object).reshape(*result.shape, k), -1, 0)


def assert_is(result, exact, image, mode, parameters, ignore):
    """Check a result against its twin: nodata is where it must be, and the others are as near as without."""
    none = np.vectorize(lambda value: naive.means_none(value, ignore))(exact)
    if ignore == ignore:
        assert (result[none] == ignore).all()
    else:
        assert np.isnan(result[none].astype(np.float64)).all()
    if selects(mode, parameters):
        np.testing.assert_array_equal(result[~none].astype(object), exact[~none])
    else:
        scale = float(np.nanmax(np.abs(image.astype(np.float64))))
        assert_rounded(result[~none], exact[~none], scale)


IGNORED = {
    "bool": 0,
    "uint8": 255,
    "int16": -999,
    "uint64": 2**64 - 1,
    "float16": np.nan,
    "float32": -9999.0,
    "float64": np.nan,
}


@pytest.mark.quick_when(lambda dtype, **_: not JIT or dtype == "float32")
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=describe)
@pytest.mark.parametrize("dtype", IGNORED if JIT else ("uint8", "int16", "float32"))
@pytest.mark.parametrize(("mode", "parameters"), VARIANTS, ids=[f"{m}-{describe(p)}" for m, p in VARIANTS])
def test_twin(mode, parameters, dtype, geometry):
    ignore = IGNORED[dtype]
    image = with_holes(dtype, ignore, 0.4)
    if parameters.get("k", 1) > np.prod(geometry.get("kernel_size", 2)) and "size" not in geometry:
        parameters = {**parameters, "k": 2}
    result = poolcli.downsample(image, mode, ignore=ignore, **geometry, **parameters)
    assert result.dtype == image.dtype
    assert_is(result, expected(image, mode, ignore, geometry, parameters), image, mode, parameters, ignore)


@EXAMPLES
@given(
    variant=st.sampled_from(VARIANTS),
    dtype=st.sampled_from(["uint8", "int16", "float32", "float64"]),
    share=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
    valid=st.sampled_from([None, 0.0, 0.28, 0.5, 1.0]),
    kernel_size=st.integers(1, 5),
    stride=st.integers(1, 4),
    padding=st.integers(0, 1),
    seed=st.integers(0, 1000),
)
def test_any_windows(variant, dtype, share, valid, kernel_size, stride, padding, seed):
    mode, parameters = variant
    parameters = {**parameters, "k": min(parameters["k"], kernel_size**2)} if "k" in parameters else parameters
    geometry = {"kernel_size": kernel_size, "stride": stride, "padding": min(padding, kernel_size // 2)}
    ignore = {"uint8": 0, "int16": -999, "float32": np.nan, "float64": -1e300}[dtype]
    image = with_holes(dtype, ignore, share, (6, 8, 2), seed)
    result = poolcli.downsample(image, mode, ignore=ignore, valid=valid, **geometry, **parameters)
    exact = expected(image, mode, ignore, {**geometry, "valid": valid or 0}, parameters)
    values = image[~np.isnan(image) & (image != ignore)] if share < 1 else np.zeros(1)
    assert_is(result, exact, values if values.size else np.zeros(1), mode, parameters, ignore)


@pytest.mark.parametrize(("mode", "parameters"), VARIANTS, ids=[f"{m}-{describe(p)}" for m, p in VARIANTS])
def test_windows_without_holes_give_the_same_bytes(mode, parameters):
    image = picture("uint8", (40, 40, 2))
    image[image == 9] = 8
    plain = poolcli.downsample(image, mode, kernel_size=4, **parameters)
    np.testing.assert_array_equal(poolcli.downsample(image, mode, kernel_size=4, ignore=9, **parameters), plain)
    image[17, 23, 1] = 9
    near = poolcli.downsample(image, mode, kernel_size=4, ignore=9, **parameters)
    same = np.ones((10, 10, 2), bool)
    same[3:6, 4:7, 1] = False  # a low-pass and a network see one pixel more than a window
    if mode == "lip":
        same[3:6, 4:7] = False
    np.testing.assert_array_equal(near[..., same], plain[..., same])


@pytest.mark.parametrize(("mode", "parameters"), VARIANTS, ids=[f"{m}-{describe(p)}" for m, p in VARIANTS])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_nodata_around_an_image_is_padding(mode, parameters, dtype):
    if mode in ("random", "stochastic") or parameters.get("count_include_pad"):
        parameters = {name: value for name, value in parameters.items() if name != "count_include_pad"}
    image = picture(dtype, (9, 12, 3))
    image[image == 7] = 6
    around = np.pad(image, ((1, 1), (1, 1), (0, 0)), constant_values=7)
    result = poolcli.downsample(around, mode, kernel_size=3, stride=2, ignore=7, **parameters)
    padded = poolcli.downsample(image, mode, kernel_size=3, stride=2, padding=1, **parameters)
    if selects(mode, parameters):
        np.testing.assert_array_equal(result, padded)
    else:
        assert_rounded(result, padded, float(np.abs(image.astype(np.float64)).max()))


def test_results_that_can_be_read():
    image = np.array([[1, 0, 2, 0], [3, 8, 0, 0], [0, 0, 9, 5], [0, 0, 0, 7]], np.uint8)
    for mode, rows in {
        "max": [[8, 2], [0, 9]],
        "min": [[1, 2], [0, 5]],
        "median": [[3, 2], [0, 7]],
        "average": [[4, 2], [0, 7]],
        "majority": [[1, 2], [0, 5]],
    }.items():
        assert poolcli.downsample(image, mode, ignore=0).tolist() == rows
    assert poolcli.downsample(image, "max", ignore=0, valid=0.75).tolist() == [[8, 0], [0, 9]]
    assert poolcli.downsample(image, "max", ignore=0, valid=1).tolist() == [[0, 0], [0, 0]]
    assert poolcli.downsample(image, "average", ignore=0, count_include_pad=True).tolist() == [[3, 0], [0, 5]]
    values, indices = poolcli.downsample(image, "max", ignore=0, return_indices=True)
    assert values.tolist() == [[8, 2], [0, 9]]
    assert indices.tolist() == [[5, 2], [-1, 10]]
    assert poolcli.reduce(image, "gap", ignore=0).tolist() == [5.0]
    assert poolcli.reduce(image, "gmp", ignore=9).tolist() == [8]
    assert poolcli.reduce(image, "spp", ignore=0, levels=(1, 2), pool="min").tolist() == [1, 1, 2, 0, 5]
    assert poolcli.reduce(image, "average", ignore=0, valid=0.5).tolist() == [0.0]  # 7 of 16 are left


def test_each_channel_has_its_own_nodata_and_nan_spreads_where_it_is_a_value():
    image = np.array([[[1, -1], [2, 5]], [[-1, -1], [4, 6]]], np.float32)
    assert poolcli.downsample(image, "min", ignore=-1).tolist() == [[[1, 5]]]
    image[1, 1, 0] = np.nan
    for mode in POOLS:
        result = poolcli.downsample(image, mode, ignore=-1)
        assert np.isnan(result[..., 0]).all()
        assert (result[..., 1] == result[..., 1]).all()
        both = poolcli.downsample(np.where(np.isnan(image), -1, image), mode, ignore=-1)
        nan = poolcli.downsample(np.where(image == -1, np.nan, image).astype(np.float32), mode, ignore=np.nan)
        np.testing.assert_array_equal(both, nan)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "int64"])
@pytest.mark.parametrize(("mode", "parameters"), VARIANTS[:9], ids=[f"{m}-{describe(p)}" for m, p in VARIANTS[:9]])
def test_wide_windows(mode, parameters, dtype):
    geometry = {"kernel_size": 31, "stride": 5, "padding": 15}
    image = with_holes(dtype, 3, 0.3, (40, 36, 1))
    result = poolcli.downsample(image, mode, ignore=3, **geometry, **parameters)
    assert_is(result, expected(image, mode, 3, geometry, parameters), image, mode, parameters, 3)


@pytest.mark.parametrize("dtype", ["uint8", "float64"])
@pytest.mark.parametrize(("mode", "parameters"), VARIANTS, ids=[f"{m}-{describe(p)}" for m, p in VARIANTS])
def test_whole_maps(mode, parameters, dtype):
    image = with_holes(dtype, 0, 0.4, (80, 70, 2))
    own = {name: value for name, value in parameters.items() if name != "count_include_pad"}
    result = poolcli.reduce(image, mode, ignore=0, dtype="float64", **own)
    exact = expected(image, mode, 0, {"size": 1}, own)
    assert_is(result, np.array([*exact.ravel()], object), image, mode, own, 0)
    image[..., 1] = 0
    nothing = poolcli.reduce(image, mode, ignore=0, **own).reshape(-1, 2)
    assert (nothing[:, 1] == 0).all()
    assert (nothing[:, 0] == nothing[:, 0]).all()


@pytest.mark.parametrize("shape", [(7, 11, 3), (140, 150, 1)])
@pytest.mark.parametrize("mode", [name for name, mode in POOLS.items() if mode.finds])
def test_indices(mode, shape):
    image = with_holes("int16", -5, 0.6, shape)
    geometry = {"kernel_size": 2} if shape[0] < 50 else {"kernel_size": 70}
    values, indices = poolcli.downsample(image, mode, ignore=-5, return_indices=True, **geometry)
    np.testing.assert_array_equal(values, poolcli.downsample(image, mode, ignore=-5, **geometry))
    planes = values if values.ndim > 3 else values[None]
    exact = naive.indices(image, planes, ignore=-5, **geometry)
    np.testing.assert_array_equal(indices, exact if values.ndim > 3 else exact[0])
    assert (indices == -1).any() == (shape[0] < 50)


@pytest.mark.parametrize("pool", ["max", "average", "median"])
def test_the_bins_of_a_pyramid(pool):
    image = with_holes("uint8", 4, 0.5, (13, 17, 2))
    result = poolcli.reduce(image, "spp", pool=pool, ignore=4, valid=0.5)
    each = [poolcli.downsample(image, pool, size=level, ignore=4, valid=0.5, dtype=result.dtype) for level in (1, 2, 4)]
    np.testing.assert_array_equal(result, np.concatenate([one.ravel() for one in each]))


def test_batches_layouts_and_padding_alone():
    image = with_holes("uint8", 4, 0.5, (2, 9, 12, 3))
    whole = poolcli.downsample(image, "average", ignore=4, kernel_size=3)
    for one, single in zip(whole, image, strict=True):
        np.testing.assert_array_equal(one, poolcli.downsample(single, "average", ignore=4, kernel_size=3))
    moved = poolcli.downsample(np.moveaxis(image, -1, 1), "average", ignore=4, kernel_size=3, layout="chw")
    np.testing.assert_array_equal(np.moveaxis(moved, 1, -1), whole)
    out = np.empty_like(whole)
    assert poolcli.downsample(image, "average", ignore=4, kernel_size=3, out=out) is out
    np.testing.assert_array_equal(out, whole)
    beyond = poolcli.downsample(image[0], "max", ignore=4, kernel_size=2, padding=2, wide_padding=True)
    assert (beyond[0] == 4).all()
    np.testing.assert_array_equal(beyond[1:-1, 1:-1], poolcli.downsample(image[0], "max", ignore=4, ceil=True)[:4, :6])


@pytest.mark.parametrize("mode", ["blur", "lip"])
def test_tall_images_are_those_of_their_parts(mode):
    image = with_holes("uint8", 0, 0.3, (400, 6, 1))
    whole = poolcli.downsample(image, mode, ignore=0, kernel_size=3, stride=1)
    part = poolcli.downsample(image[100:300], mode, ignore=0, kernel_size=3, stride=1)
    np.testing.assert_array_equal(whole[101:297], part[1:-1])  # but for the ends, which see less


def test_linear_light():
    image = np.array([[0, 255, 255, 9], [0, 9, 9, 9]], np.uint8)
    assert poolcli.downsample(image, "average", linear=True, ignore=9).tolist() == [[156, 255]]
    half, whole = poolcli.downsample(image, "average", linear=True, ignore=9, dtype="float32")[0].tolist()
    assert half == pytest.approx(255 * (1.055 * (1 / 3) ** (1 / 2.4) - 0.055))
    assert whole == pytest.approx(255)
    assert poolcli.downsample(image, "average", linear=True, ignore=255).tolist() == [[3, 9]]  # where sRGB is straight
    assert poolcli.reduce(image, "gap", linear=True, ignore=9).round(3).tolist() == [187.516]
    nothing = poolcli.downsample(np.full((2, 2), 9, np.uint8), "average", linear=True, ignore=9)
    assert nothing.tolist() == [[9]]


@pytest.mark.parametrize(
    ("function", "mode", "dtype", "arguments", "line"),
    [
        ("downsample", "max", "uint8", {"ignore": -1},
         "ignore=-1 is no number that uint8, the dtype of the image, holds: it holds whole numbers from 0 to 255"),
        ("downsample", "max", "uint8", {"ignore": np.nan}, "ignore=nan is no number that uint8, the dtype of the"),
        ("downsample", "max", "uint8", {"ignore": 0.5}, "ignore=0.5 is no number that uint8, the dtype of the image"),
        ("downsample", "max", "uint64", {"ignore": 2**64}, "ignore=18446744073709551616 is no number that uint64"),
        ("downsample", "max", "float32", {"ignore": 0.1}, "the nearest that it holds is 0.10000000149011612"),
        ("downsample", "max", "float32", {"ignore": np.nan, "dtype": "uint8"},
         "ignore=nan is no number that uint8, the dtype of the output, holds: it holds whole numbers from 0 to 255;"),
        ("downsample", "max", "float64", {"ignore": 10**400}, "the nearest that it holds is inf"),
        ("reduce", "gap", "uint64", {"ignore": 2**64 - 1}, "the nearest that it holds is 1.8446744073709552e+19"),
        ("reduce", "gap", "int16", {"ignore": -9999, "dtype": "uint8"}, "ignore=-9999 is no number that uint8, the dt"),
        ("downsample", "max", "uint8", {"ignore": "auto"}, "ignore='auto' is not allowed: ignore must be a number"),
        ("downsample", "max", "uint8", {"ignore": True}, "ignore=True is not allowed: ignore must be a number, or nan"),
        ("downsample", "max", "uint8", {"ignore": 0, "valid": 1.5}, "valid=1.5 is not allowed: valid must be a finite"),
        ("downsample", "max", "uint8", {"valid": 0.5}, "valid=0.5 is the share of values that are not ignored: give i"),
        ("downsample", "space-to-depth", "uint8", {"ignore": 0}, "'space-to-depth' takes no ignore: it needs every"),
        ("reduce", "flatten", "uint8", {"ignore": 0}, "mode 'flatten' takes no ignore: it needs every value"),
        ("reduce", "covariance", "uint8", {"ignore": 0}, "mode 'covariance' takes no ignore: it needs every value"),
        ("downsample", "max", "uint8", {"ignore": 0, "joint": 0}, "joint=0 takes all channels of a pixel, and ignore="),
        ("downsample", "average", "uint8", {"ignore": 0, "alpha": True}, "ignore=0 leaves out single values, and alph"),
    ],
)  # fmt: skip
def test_bad_input_is_named(function, mode, dtype, arguments, line):
    with pytest.raises(ValueError, match=re.escape(line)) as error:
        getattr(poolcli, function)(np.zeros((4, 4, 4), dtype), mode, **arguments)
    assert "\n" not in str(error.value)


def tag_of(path):
    with tifffile.TiffFile(path) as file:
        return [page.tags.valueof(42113) for page in file.pages]


def geotiff(path, values, nodata):
    tifffile.imwrite(
        path, values, photometric="minisblack", extratags=[(42113, 2, len(nodata) + 1, nodata.encode() + b"\0", True)]
    )


@pytest.mark.parametrize("how", [(), ("--tile", 3)], ids=str)
@pytest.mark.parametrize(
    "step", [("upsample", "-m", "nearest", "-S", 2), ("resize", "-m", "nearest", "--width", 3)], ids=str
)
def test_what_copies_pixels_keeps_the_nodata_of_a_file(tmp_path, monkeypatch, step, how):
    monkeypatch.chdir(tmp_path)
    geotiff("a.tif", np.array([[-9999, 2, 3, -9999], [4, 6, -9999, -9999]], np.int16), "-9999")
    assert said(*step, *map(str, how), "a.tif", "-o", "b.tif") == ""
    assert tag_of("b.tif") == ["-9999"]
    lost = "warning: a.tif: the output does not keep its GDAL nodata\n"
    assert said(*step, *map(str, how), "a.tif", "-o", "b.npy") == lost
    filled = ("upsample", "-m", "nails", "-S", "2")
    assert "counts as any other value" in said(*filled, "a.tif", "-o", "c.tif")
    assert tag_of("c.tif") == [None]


def test_the_command_takes_and_keeps_the_nodata_of_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = np.array([[-9999, 2, 3, -9999], [4, 6, -9999, -9999]], np.int16)
    geotiff("a.tif", values, "-9999")
    assert said("downsample", "-m", "average", "--ignore", "auto", "a.tif", "-o", "b.tif") == ""
    assert poolcli.read_image("b.tif")[0].tolist() == [[4, 3]]
    assert poolcli.read_image("b.tif")[1].nodata == "-9999"
    assert tag_of("b.tif") == ["-9999"]
    assert said("downsample", "-m", "max", "--ignore", "-9999", "--valid", "0.5", "a.tif", "-o", "c.tif") == ""
    assert poolcli.read_image("c.tif")[0].tolist() == [[6, -9999]]
    assert said("downsample", "-m", "max", "--ignore", "auto", "a.tif", "-o", "d.npy") == (
        "warning: a.tif: the output does not keep its GDAL nodata\n"
    )
    line = "warning: a.tif: its nodata, -9999, counts as any other value\n"
    assert said("downsample", "-m", "max", "--ignore", "2", "a.tif", "-o", "e.tif") == line
    assert tag_of("e.tif") == ["2"]
    said("downsample", "-m", "max", "a.tif", "-o", "f.tif")
    assert tag_of("f.tif") == [None]
    said("downsample", "-m", "max", "--ignore", "auto", "--strip", "a.tif", "-o", "g.tif")
    assert tag_of("g.tif") == [None]
    assert said("reduce", "-m", "gap,gmp", "--ignore", "auto", "a.tif", "-o", "h.csv") == ""
    assert (tmp_path / "h.csv").read_text().splitlines()[1] == "a.tif,0,3.75,6"


def test_nodata_of_floats_of_pages_and_of_files_without(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    least = np.float32(np.finfo(np.float32).min)
    for text, value in (("nan", np.nan), ("-3.40282346638529e+38", least), ("1e+20", np.float32(1e20))):
        values = np.array([[value, 1, value, value], [2, 3, value, value]], np.float32)
        geotiff("a.tif", np.stack([values, values]), text)
        assert said("downsample", "-m", "average", "--ignore", "auto", "a.tif", "-o", "b.tif", "--overwrite") == ""
        with tifffile.TiffFile("b.tif") as file:
            for page in file.pages:
                np.testing.assert_array_equal(page.asarray(), np.array([[2, value]], np.float32))
                np.testing.assert_equal(np.float32(page.tags.valueof(42113)), value)
    plain = np.arange(16, dtype=np.uint8).reshape(4, 4)
    for text in ("", "-9999"):  # none, and one that bytes do not have
        geotiff("c.tif", plain, text) if text else tifffile.imwrite("c.tif", plain)
        said("downsample", "-m", "max", "--ignore", "auto", "--valid", "1", "c.tif", "-o", "d.tif", "--overwrite")
        np.testing.assert_array_equal(poolcli.read_image("d.tif")[0], poolcli.downsample(plain, "max"))
        assert tag_of("d.tif") == [None]


def test_wrong_usage_of_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    poolcli.write_image(np.zeros((4, 4, 4), np.uint8), "a.png")
    for words, code, line in [
        (["downsample", "-m", "max", "--ignore", "none"], 2, "'none' is no value: it must be a number, nan or auto"),
        (["downsample", "-m", "max", "--valid", "0.5"], 2, "--valid 0.5 is the share of values that are not ignored"),
        (["downsample", "-m", "max", "--ignore", "0", "--valid", "2"], 2, "2 is not allowed: it must be a finite numb"),
        (["downsample", "-m", "space-to-depth", "--ignore", "0"], 2, "takes no --ignore: it needs every value"),
        (
            ["reduce", "-m", "covariance", "--ignore", "0"],
            2,
            "mode 'covariance' takes no --ignore: it needs every value",
        ),
        (
            ["downsample", "-m", "max", "--ignore", "0", "--joint", "red"],
            2,
            "--joint red takes all channels of a pixel",
        ),
        (["downsample", "-m", "max", "--ignore", "-1"], 1, "--ignore -1 is no number that uint8, the dtype of the ima"),
        (["downsample", "-m", "average", "--ignore", "0"], 1, "--ignore 0 leaves out single values, and alpha weighs"),
    ]:
        assert line in said(*words, "a.png", code=code)
