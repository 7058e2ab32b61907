"""Every mode against its twin, its defining properties, and small grids whose results can be read."""

import os
import re
import subprocess
import sys

import naive
import numpy as np
import pytest
from comparison import SELECTING, assert_rounded, seen, selects
from effort import EXAMPLES, JIT
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pictures import GEOMETRIES, VARIANTS, describe, picture

import poolcli
from poolcli.dtypes import DTYPES

# Every mode in the dtypes of most images, and in one more: all are slow.
# A dtype more for a mode of each family: its other modes run in the same kernels or in their like.
ONE_MORE = {
    "max": "int16",
    "median": "uint16",
    "majority": "uint64",
    "average": "int32",
    "mixed": "float64",
    "l2": "bool",
}


POOLS = {name: mode for name, mode in poolcli.MODES.items() if not mode.stacks}  # which make one value of a window


def twin(image, mode, geometry, parameters):
    """Return the naive result, planes of k values first, in the numbers that the mode sees."""
    result = naive.downsample(image, mode, **geometry, **seen(image, mode, parameters))
    planes = isinstance(result.flat[0], list)
    return np.moveaxis(np.array(result.tolist(), object), -1, 0) if planes else result


@pytest.mark.quick_when(lambda mode, dtype, **_: not JIT or dtype in ("uint8", "float32", ONE_MORE.get(mode)))
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=describe)
@pytest.mark.parametrize("dtype", DTYPES if JIT else ("uint8", "int16", "float32"))
@pytest.mark.parametrize(("mode", "parameters"), VARIANTS, ids=[f"{m}-{describe(p)}" for m, p in VARIANTS])
def test_twin(mode, parameters, dtype, geometry):
    image = picture(dtype)
    if parameters.get("k", 1) > np.prod(geometry.get("kernel_size", 2)) and "size" not in geometry:
        parameters = {**parameters, "k": 2}
    result = poolcli.downsample(image, mode, **geometry, **parameters)
    exact = twin(image, mode, geometry, parameters)
    assert result.dtype == image.dtype
    assert result.shape == exact.shape
    if selects(mode, parameters):
        np.testing.assert_array_equal(result.astype(object), exact)
    else:
        assert_rounded(result, exact, float(np.abs(image.astype(np.float64)).max()))


@pytest.mark.quick_when(lambda dtype, **_: not JIT or dtype in ("uint8", "uint16", "int32"))
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32"])
@pytest.mark.parametrize("kernel_size", [(1, 2), 2, 3, 4, (2, 3)], ids=str)
def test_average_of_integers_is_exact_with_ties_to_even(dtype, kernel_size):
    image = picture(dtype, (12, 24, 1))
    exact = naive.downsample(image, "average", kernel_size=kernel_size)
    result = poolcli.downsample(image, "average", kernel_size=kernel_size)
    np.testing.assert_array_equal(result, np.vectorize(round)(exact))


GRID = np.array(
    [
        [1, 2, 9, 9],
        [3, 4, 9, 7],
        [0, 0, 5, 6],
        [0, 1, 7, 8],
    ],
    np.uint8,
)


@pytest.mark.parametrize(
    ("mode", "parameters", "expected"),
    [
        ("max", {}, [[4, 9], [1, 8]]),
        ("min", {}, [[1, 7], [0, 5]]),
        ("median", {}, [[2, 9], [0, 6]]),
        ("percentile", {"q": 100}, [[4, 9], [1, 8]]),
        ("kmax", {"k": 2}, [[[4, 9], [1, 8]], [[3, 9], [0, 7]]]),
        ("kmax", {"k": 2, "combine": "mean"}, [[4, 9], [0, 8]]),  # 3.5, 9, 0.5, 7.5: ties go to even
        ("majority", {}, [[1, 9], [0, 5]]),
        ("average", {}, [[2, 8], [0, 6]]),  # 2.5, 8.5, 0.25, 6.5
        ("l2", {}, [[1, 4], [0, 3]]),  # sqrt(30)/4, sqrt(292)/4, 1/4, sqrt(174)/4
        ("lp", {"p": 1, "norm": "sum"}, [[10, 34], [1, 26]]),
        ("gem", {"p": 1}, [[2, 8], [0, 6]]),
        ("mixed", {"lam": 1}, [[4, 9], [1, 8]]),
        ("mixed", {"lam": 0}, [[2, 8], [0, 6]]),
        ("soft", {"beta": 0}, [[2, 8], [0, 6]]),
        ("soft", {"beta": 1e9}, [[4, 9], [1, 8]]),
        ("blur", {}, [[3, 7], [2, 6]]),
    ],
    ids=str,
)
def test_expected_pixels(mode, parameters, expected):
    assert poolcli.downsample(GRID, mode, **parameters).tolist() == expected


@pytest.mark.quick_when(lambda dtype, **_: not JIT or dtype in ("uint8", "uint16", "float32"))
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int32", "float32", "float64"])
@pytest.mark.parametrize("geometry", [{"kernel_size": 5, "stride": 2, "padding": 2}, {"size": 2}], ids=describe)
def test_wide_windows_one_axis_at_a_time(dtype, geometry):
    image = picture(dtype, (21, 23, 2) if JIT else (11, 12, 1))
    parameters = {"count_include_pad": True} if "padding" in geometry else {}
    for mode, values in (("max", {}), ("min", {}), ("average", {}), ("average", parameters)):
        result = poolcli.downsample(image, mode, **geometry, **values)
        exact = naive.downsample(image, mode, **geometry, **values)
        if mode == "average":
            assert_rounded(result, exact, float(np.abs(image.astype(np.float64)).max()))
        else:
            np.testing.assert_array_equal(result, exact)


def test_blur_weighs_by_the_binomial():
    image = np.zeros((4, 4))
    image[1, 1] = 64
    # Weights (1 3 3 1) along each axis; at a corner of the image 7 of 8 remain on either.
    assert poolcli.downsample(image, "blur", kernel_size=2, stride=1)[1, 1] == 64 * 9 / 64
    assert poolcli.downsample(image, "blur")[0, 0] == 64 * 9 / 49


@pytest.mark.parametrize("dtype", ["float32", pytest.param("int8", marks=pytest.mark.slow)])
def test_padding_adds_no_value(dtype):
    image = np.full((2, 2), -5, dtype)
    for mode in ("max", "min", "median", "average", "soft", "majority"):
        assert (poolcli.downsample(image, mode, kernel_size=3, stride=1, padding=1) == -5).all(), mode
    counted = poolcli.downsample(image, "average", kernel_size=3, stride=1, padding=1, count_include_pad=True)
    assert np.rint(counted).tolist() == [[-2, -2], [-2, -2]]  # -20 / 9


def test_padding_of_each_side():
    """The windows of three are cut off at the top and on the right: rows 0 and 1-2, columns 0-2 and 2-3."""
    padding = {"kernel_size": (2, 3), "stride": 2, "padding": (1, 0, 0, 1)}
    assert poolcli.downsample(GRID, "max", **padding).tolist() == [[9, 9], [9, 9]]
    assert poolcli.downsample(GRID, "min", **padding).tolist() == [[1, 9], [0, 5]]
    counted = poolcli.downsample(GRID, "average", **padding, count_include_pad=True, dtype="float64")
    np.testing.assert_allclose(counted, [[12 / 6, 18 / 6], [21 / 6, 27 / 6]])


@pytest.mark.quick_when(lambda dtype, **_: JIT and dtype in ("uint8", "float32", "uint64"))
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ["crd", "dcr"])
@pytest.mark.parametrize(
    "geometry",
    [
        {},
        {"kernel_size": (2, 3)},
        {"kernel_size": 3, "stride": 1},
        {"kernel_size": (2, 1), "stride": (1, 2), "dilation": (3, 1)},
        {"size": (7, 1)},
        {"kernel_size": 1},
    ],
    ids=describe,
)
def test_twin_of_space_to_depth(geometry, order, dtype):
    image = picture(dtype)
    exact = naive.planes_to_channels(naive.downsample(image, "space-to-depth", **geometry), order)
    for layout in ("hwc", "chw"):
        given = np.moveaxis(image, -1, 0) if layout == "chw" else image
        result = poolcli.downsample(given, "space-to-depth", order=order, layout=layout, **geometry)
        assert result.dtype == image.dtype
        np.testing.assert_array_equal(np.moveaxis(result, 0, -1) if layout == "chw" else result, exact)
    shape = poolcli.MODES["space-to-depth"].output_shape(image.shape, {**geometry, "order": order})
    assert shape == exact.shape


def test_space_to_depth_that_can_be_read():
    red = np.array([[1, 2, 3, 4], [5, 6, 7, 8]])
    image = np.stack([red, 10 * red], -1)
    assert poolcli.downsample(red, "space-to-depth").tolist() == [[[1, 2, 5, 6], [3, 4, 7, 8]]]
    assert poolcli.downsample(red, "space-to-depth", layout="chw").tolist() == [[[1, 3]], [[2, 4]], [[5, 7]], [[6, 8]]]
    crd = [[[1, 2, 5, 6, 10, 20, 50, 60], [3, 4, 7, 8, 30, 40, 70, 80]]]
    dcr = [[[1, 10, 2, 20, 5, 50, 6, 60], [3, 30, 4, 40, 7, 70, 8, 80]]]
    assert poolcli.downsample(image, "space-to-depth").tolist() == crd
    assert poolcli.downsample(image, "space-to-depth", order="dcr").tolist() == dcr
    assert poolcli.downsample(np.stack([image, image]), "space-to-depth").tolist() == [crd, crd]


@pytest.mark.parametrize("order", ["crd", "dcr"])
@pytest.mark.parametrize("block", [1, 2, (3, 2)], ids=str)
def test_space_to_depth_is_the_inverse_of_subpixel(block, order):
    image = picture("int16", (6, 8, 2))
    deep = poolcli.downsample(image, "space-to-depth", kernel_size=block, order=order)
    pointwise = np.eye(deep.shape[2])[:, :, None, None]
    flat = poolcli.upsample(deep, "subpixel", scale=block, order=order, weights=pointwise)
    np.testing.assert_array_equal(flat, image)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_space_to_depth_of_large_windows(dtype):
    image = picture(dtype, (90, 130, 2))
    exact = image[:80, :130].reshape(2, 40, 2, 65, 2).transpose(0, 2, 4, 1, 3).reshape(2, 2, -1)
    np.testing.assert_array_equal(poolcli.downsample(image, "space-to-depth", kernel_size=(40, 65)), exact)
    whole = poolcli.downsample(image, "space-to-depth", size=1)
    np.testing.assert_array_equal(whole[0, 0], poolcli.reduce(image, "flatten"))


WIDE = [(mode, parameters) for mode, parameters in VARIANTS if poolcli.MODES[mode].nothing is not None]


@pytest.mark.quick_when(lambda dtype, **_: JIT and dtype in ("uint8", "float32"))
@pytest.mark.parametrize("dtype", ["uint8", "float32", "bool", "int64", "float16"])
@pytest.mark.parametrize(("mode", "parameters"), WIDE, ids=[f"{m}-{describe(p)}" for m, p in WIDE])
def test_twin_with_wide_padding(mode, parameters, dtype):
    image = picture(dtype)
    geometry = {"kernel_size": (2, 3), "stride": (1, 2), "padding": (3, 0, 1, 7)}
    exact = twin(image, mode, geometry, parameters).astype(np.longdouble)
    result = poolcli.downsample(image, mode, wide_padding=True, **geometry, **parameters)
    assert result.dtype == image.dtype
    assert result.shape == exact.shape == (9, 9, 3)
    if result.dtype.kind != "f":
        low, high = (0, 1) if result.dtype == bool else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        exact = np.nan_to_num(exact, nan=0, neginf=low, posinf=high)
    if selects(mode, parameters):
        np.testing.assert_array_equal(result, exact.astype(dtype))
    else:
        assert_rounded(result, exact, float(np.abs(image.astype(np.float64)).max()))


def test_ceil_takes_windows_larger_than_the_picture():
    """By less than the stride: 7 rows of a window, 4 of the picture, 4 from one to the next."""
    large = {"kernel_size": (7, 3), "stride": (4, 1)}
    with pytest.raises(ValueError, match="its height is 4, the window's 7: ceil=True allows it"):
        poolcli.downsample(GRID, "max", **large)
    assert poolcli.downsample(GRID, "max", ceil=True, **large).tolist() == [[9, 9]]
    assert poolcli.downsample(GRID, "average", ceil=True, dtype="float64", **large).tolist() == [[41 / 12, 67 / 12]]
    counted = poolcli.downsample(GRID, "average", ceil=True, count_include_pad=True, dtype="float64", **large)
    assert counted.tolist() == [[41 / 12, 67 / 12]]  # beyond the picture there is no padding, and none is counted
    values, indices = poolcli.downsample(GRID, "min", ceil=True, return_indices=True, **large)
    assert (values.tolist(), indices.tolist()) == ([[0, 0]], [[8, 9]])
    sent = poolcli.downsample_backward([[2, 4]], GRID, "min", ceil=True, **large)
    assert sent.tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [2, 4, 0, 0], [0, 0, 0, 0]]
    with pytest.raises(ValueError, match=r"its height is 4, the window's 8$"):
        poolcli.downsample(GRID, "max", ceil=True, **{**large, "kernel_size": (8, 3)})


def test_windows_in_the_padding_alone():
    """Of four columns of windows the first and the last hold no pixel."""
    image = np.array([[5, 3]], np.uint8)
    wide = {"kernel_size": (1, 2), "stride": 2, "padding": (0, 0, 2, 4), "wide_padding": True}
    assert poolcli.downsample(image, "max", **wide).tolist() == [[0, 5, 0, 0]]
    assert poolcli.downsample(image, "min", **wide).tolist() == [[255, 3, 255, 255]]
    assert poolcli.downsample(image, "average", **wide).tolist() == [[0, 4, 0, 0]]
    assert poolcli.downsample(image, "max", dtype="float32", **wide).tolist() == [[0, 5, 0, 0]]
    np.testing.assert_array_equal(
        poolcli.downsample(image, "average", dtype="float32", **wide), [[np.nan, 4, np.nan, np.nan]]
    )
    counted = poolcli.downsample(image, "average", dtype="float32", count_include_pad=True, **wide)
    assert counted.tolist() == [[0, 4, 0, 0]]
    assert poolcli.downsample(image, "lp", p=1, norm="sum", **wide).tolist() == [[0, 8, 0, 0]]
    floats, inf = image.astype(np.float32), np.inf
    for joint in (None, 0):
        values, indices = poolcli.downsample(floats[..., None], "max", return_indices=True, joint=joint, **wide)
        assert values[..., 0].tolist() == [[-inf, 5, -inf, -inf]]
        assert indices[..., 0].tolist() == [[-1, 0, -1, -1]]
    # No window holds a pixel: the taps lie on either side of it.
    apart = {"dilation": 4, "padding": 2, "wide_padding": True}
    assert poolcli.downsample(floats[:, :1], "max", **apart).tolist() == [[-inf]]
    assert poolcli.downsample(image[:, :1], "min", **apart).tolist() == [[255]]


@pytest.mark.parametrize("mode", ["median", "percentile", "kmax", "majority", "random", "stochastic"])
def test_what_takes_a_value_of_each_window_takes_no_padding_alone(mode):
    wide = {"kernel_size": 3, "stride": 1, "wide_padding": True}
    assert poolcli.downsample(GRID, mode, padding=2, **wide).shape[-2:] == (6, 6)
    with pytest.raises(ValueError, match="one would lie in the padding alone: the modes that have a result of nothing"):
        poolcli.downsample(GRID, mode, padding=(0, 3, 0, 0), **wide)


def test_indices_are_those_of_the_first_of_equal_values():
    values, indices = poolcli.downsample(GRID, "max", return_indices=True)
    assert values.tolist() == [[4, 9], [1, 8]]
    assert indices.tolist() == [[5, 2], [13, 15]]
    # The lower median of 4 3 1 4 is 3, the two largest of 9 2 9 0 are both nines, the commonest of 5 1 5 1 is 1.
    some = np.array([[4, 3, 9, 2, 5, 1], [1, 4, 9, 0, 5, 1]], np.uint8)
    assert poolcli.downsample(some, "median", return_indices=True)[1].tolist() == [[1, 3, 5]]
    assert poolcli.downsample(some, "kmax", return_indices=True)[1].tolist() == [[[0, 2, 4]], [[7, 8, 10]]]
    assert poolcli.downsample(some, "majority", return_indices=True)[1].tolist() == [[0, 2, 5]]


SELECTIONS = [(mode, parameters) for mode, parameters in VARIANTS if selects(mode, parameters)]


@pytest.mark.quick_when(lambda dtype, mode, **_: dtype == "uint8" and (JIT or mode in ("max", "kmax")))
@pytest.mark.parametrize("dtype", ["uint8", "float32", "int64"])
@pytest.mark.parametrize(("mode", "parameters"), SELECTIONS, ids=[f"{m}-{describe(p)}" for m, p in SELECTIONS])
def test_every_selecting_mode_tells_where_its_values_are(mode, parameters, dtype):
    image = (picture(dtype) // 40).astype(dtype)  # many values are equal
    if dtype == "float32":
        image[3, 4, 1] = np.nan
    for geometry in (
        {},
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": 3, "stride": 1, "dilation": 2},
        {"kernel_size": 2, "stride": 3, "ceil": True},
        {"size": (2, 3)},
        {"size": 1},
    ):
        values, indices = poolcli.downsample(image, mode, return_indices=True, **parameters, **geometry)
        np.testing.assert_array_equal(values, poolcli.downsample(image, mode, **parameters, **geometry))
        planes = values.reshape(-1, *values.shape[-3:])
        np.testing.assert_array_equal(indices.reshape(planes.shape), naive.indices(image, planes, **geometry))


@pytest.mark.parametrize(("mode", "parameters"), SELECTIONS, ids=[f"{m}-{describe(p)}" for m, p in SELECTIONS])
def test_indices_in_large_windows_are_those_of_the_same_values(mode, parameters):
    image = np.random.default_rng(0).integers(0, 50, (70, 80, 2), np.uint8)
    values, indices = poolcli.downsample(image, mode, size=1, return_indices=True, **parameters)
    planes = values.reshape(-1, 1, 1, 2)
    np.testing.assert_array_equal(indices.reshape(planes.shape), naive.indices(image, planes, size=1))


@pytest.mark.quick_when(lambda mode: not JIT or mode in ("max", "stochastic"))
@pytest.mark.parametrize("mode", [name for name, mode in poolcli.MODES.items() if mode.selects])
def test_uint64_labels_beyond_float64_are_kept(mode):
    image = np.full((4, 4), 2**53 + 1, np.uint64)
    assert (poolcli.downsample(image, mode) == 2**53 + 1).all()


@pytest.mark.quick_when(lambda mode, dtype, **_: not JIT or dtype in ("float16", "float32", ONE_MORE.get(mode)))
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("mode", "parameters"), VARIANTS, ids=[f"{m}-{describe(p)}" for m, p in VARIANTS])
def test_nan_propagates(mode, parameters, dtype):
    # Where windows are too wide for a network, modes that sort have a second way.
    for kernel_size in (2, 3, 40) if mode in ("median", "kmax", "majority") and JIT else (2, 3):
        _check_nan(mode, parameters, dtype, kernel_size)


def _check_nan(mode, parameters, dtype, kernel_size):
    image = np.ones((2 * kernel_size, 2 * kernel_size), dtype)
    image[0, 0] = np.nan
    result = poolcli.downsample(image, mode, kernel_size=kernel_size, **parameters)
    result = result if result.ndim == 2 else result[0]
    assert np.isnan(result[0, 0])
    assert np.isfinite([result[0, 1], result[1, 0], result[1, 1]]).all()


@pytest.mark.parametrize("mode", ["max", "average", "l2", "lp", "gem"])
def test_infinity_is_a_value(mode):
    image = np.array([[1, np.inf], [2, 3]], np.float32)
    assert poolcli.downsample(image, mode)[0, 0] == np.inf


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ordinary_numbers_do_not_overflow(dtype):
    huge = np.full((2, 2), np.finfo(dtype).max / 1000, dtype)
    for mode in ("average", "soft", "gem", "mixed", "blur"):
        np.testing.assert_allclose(poolcli.downsample(huge, mode), huge[:1, :1], rtol=1e-6, err_msg=mode)
    np.testing.assert_allclose(poolcli.downsample(huge, "lp", p=16, norm="mean"), huge[:1, :1], rtol=1e-6)
    tiny = np.full((2, 2), np.finfo(dtype).tiny, dtype)
    np.testing.assert_allclose(poolcli.downsample(tiny, "lp", p=16, norm="mean"), tiny[:1, :1], rtol=1e-6)


def test_integers_saturate():
    image = np.full((2, 2), 200, np.uint8)
    assert poolcli.downsample(image, "lp", p=1, norm="sum").tolist() == [[255]]
    assert poolcli.downsample(image, "lp", p=1, norm="sum", dtype="uint16").tolist() == [[800]]
    assert poolcli.downsample(np.full((2, 2), 300.0), "max", dtype="uint8").tolist() == [[255]]
    assert poolcli.downsample(np.full((2, 2), -(2**63)), "min", dtype="uint64").tolist() == [[0]]


def test_dtype_keeps_what_rounding_would_lose():
    assert poolcli.downsample(GRID, "average", dtype="float32").tolist() == [[2.5, 8.5], [0.25, 6.5]]
    assert poolcli.downsample(GRID, "average", dtype="float16").dtype == np.float16
    assert poolcli.downsample(GRID > 4, "average", dtype="float64").tolist() == [[0, 1], [0, 1]]
    assert poolcli.downsample(GRID > 4, "average").dtype == bool


PICTURES = arrays.arrays(
    st.sampled_from([np.uint8, np.float32]).map(np.dtype),
    st.tuples(st.integers(4, 9), st.integers(4, 9), st.integers(1, 4)),
    elements=st.integers(0, 100),
)


@EXAMPLES
@given(PICTURES)
def test_order_of_modes(image):
    pooled = {mode: poolcli.downsample(image, mode) for mode in ("max", "median", "min", "average", "soft")}
    assert (pooled["max"] >= pooled["median"]).all()
    assert (pooled["median"] >= pooled["min"]).all()
    assert (pooled["soft"] >= pooled["average"] - 1e-5 * pooled["average"]).all()
    assert (pooled["soft"] <= pooled["max"]).all()


@EXAMPLES
@given(PICTURES)
def test_special_cases_equal_other_modes(image):
    def pool(mode, **parameters):
        return poolcli.downsample(image, mode, kernel_size=3, stride=2, padding=1, **parameters)

    close = {"rtol": 2e-6, "atol": 1e-5} if image.dtype.kind == "f" else {"rtol": 0, "atol": 0}
    np.testing.assert_allclose(pool("soft", beta=0), pool("average"), **close)
    np.testing.assert_allclose(pool("gem", p=1), pool("average"), **close)
    np.testing.assert_allclose(pool("mixed", lam=0), pool("average"), **close)
    np.testing.assert_array_equal(pool("mixed", lam=1), pool("max"))
    np.testing.assert_array_equal(pool("percentile", q=0), pool("min"))
    np.testing.assert_array_equal(pool("percentile", q=100), pool("max"))
    np.testing.assert_array_equal(pool("percentile", q=50), pool("median"))
    np.testing.assert_array_equal(pool("kmax", k=1)[0], pool("max"))
    np.testing.assert_array_equal(pool("l2", norm="mean"), pool("lp", p=2, norm="mean"))
    np.testing.assert_allclose(
        pool("lp", p=900, norm="mean", dtype="float64"), pool("max").astype(float), rtol=3e-3, atol=1e-3
    )


@EXAMPLES
@given(PICTURES, st.sampled_from(sorted(poolcli.MODES)))
def test_draws_and_batches_and_strides(image, mode):
    geometry = {"kernel_size": 3, "stride": 1}
    result = poolcli.downsample(image, mode, **geometry)
    batch = poolcli.downsample(np.stack([image, image[::-1]]), mode, **geometry)
    pictures = np.moveaxis(batch, 1, 0) if mode == "kmax" else batch
    np.testing.assert_array_equal(pictures[0], result)
    np.testing.assert_array_equal(pictures[1], poolcli.downsample(image[::-1], mode, **geometry))
    swapped = np.ascontiguousarray(image.swapaxes(0, 1)).swapaxes(0, 1)
    np.testing.assert_array_equal(poolcli.downsample(swapped, mode, **geometry), result)
    big_endian = image.astype(image.dtype.newbyteorder(">"))
    np.testing.assert_array_equal(poolcli.downsample(big_endian, mode, **geometry), result)
    image.flags.writeable = False
    np.testing.assert_array_equal(poolcli.downsample(image, mode, **geometry), result)
    if mode in ("random", "stochastic"):
        windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3), (0, 1))
        assert (windows == result[..., None, None]).any(axis=(-1, -2)).all()


@EXAMPLES
@given(st.sampled_from(sorted(POOLS)), st.integers(1, 200), st.sampled_from(["uint8", "float32"]))
def test_constant_picture(mode, value, dtype):
    image = np.full((6, 5, 2), value, dtype)
    parameters = {"norm": "mean"} if mode in ("l2", "lp") else {}
    result = poolcli.downsample(image, mode, kernel_size=3, stride=2, padding=1, **parameters)
    np.testing.assert_array_equal(result, np.full_like(result, value))


def test_same_bytes_on_one_thread_and_many():
    import numba

    image = picture("uint8", (40, 301, 3) if JIT else (6, 9, 3))
    before = numba.get_num_threads()
    for mode in poolcli.MODES:
        many = poolcli.downsample(image, mode, kernel_size=3, stride=2)
        try:
            numba.set_num_threads(1)
            one = poolcli.downsample(image, mode, kernel_size=3, stride=2)
        finally:
            numba.set_num_threads(before)
        assert many.tobytes() == one.tobytes(), mode


@pytest.fixture
def small_tiles(monkeypatch):
    """Return a function from which on tiles are as small as they can be: windows are laid out anew."""
    from poolcli.engine import windows

    def begin():
        for name in ("_RING_BYTES", "_SLIDE_BYTES"):
            monkeypatch.setattr(windows, name, 1)
        windows.planned.cache_clear()

    yield begin
    windows.planned.cache_clear()


ALL = tuple(POOLS)
WIDE = {"kernel_size": 5, "stride": 2, "padding": 2}  # one axis at a time, where the mode can


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize(
    ("geometry", "modes"),
    [({"stride": 1}, ALL), *((geometry, ALL) for geometry in GEOMETRIES), (WIDE, ("max", "min", "average"))],
    ids=lambda value: describe(value) if isinstance(value, dict) else f"{len(value)} modes",
)
def test_tiles_do_not_show(geometry, modes, dtype, small_tiles):
    geometry = {"size": (3, 131)} if "size" in geometry else geometry
    image = picture(dtype, (9, 200, 3) if JIT else (9, 60, 2))
    whole = {mode: poolcli.downsample(image, mode, **geometry) for mode in modes}
    small_tiles()
    for mode, expected in whole.items():
        assert poolcli.downsample(image, mode, **geometry).tobytes() == expected.tobytes(), mode


def test_draws_follow_their_probabilities():
    image = np.tile(np.array([[1, 3], [0, 0]], np.float32), (100, 100) if JIT else (10, 10))
    drawn = poolcli.downsample(image, "stochastic", seed=1)
    assert set(np.unique(drawn)) == {1, 3}
    assert abs((drawn == 3).mean() - 0.75) < (0.02 if JIT else 0.2)
    assert (poolcli.downsample(image, "stochastic", seed=2) != drawn).any()
    assert (poolcli.downsample(image, "stochastic", seed=1) == drawn).all()


def test_the_input_is_not_changed():
    for mode in poolcli.MODES:
        image = picture("uint8")
        before = image.copy()
        poolcli.downsample(image, mode)
        np.testing.assert_array_equal(image, before, err_msg=mode)


@pytest.mark.parametrize("shape", [(6, 8), (6, 8, 1), (6, 8, 5), (2, 6, 8, 3), (0, 6, 8, 3), (6, 8, 0)], ids=str)
def test_ranks(shape):
    result = poolcli.downsample(np.zeros(shape, np.uint8), "max")
    rows, columns = (1, 2) if len(shape) == 4 else (0, 1)
    expected = list(shape)
    expected[rows], expected[columns] = 3, 4
    assert result.shape == tuple(expected)
    assert poolcli.downsample(np.zeros(shape, np.uint8), "kmax", k=3).shape == (3, *expected)


@pytest.mark.quick_when(lambda dtype, **_: dtype in ("uint8", "float32"))
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 7, 64] if JIT else [3])
@pytest.mark.parametrize("stride", [1, 2, 3, 4, 5, 6, 8, 9] if JIT else [2])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"] if JIT else ["uint8"])
def test_every_way_through_the_layout(channels, stride, dtype):
    image = picture(dtype, (19, 37, channels))
    for mode, kernel_size in (("max", 2), ("max", 3), ("median", 3), ("median", stride)):
        result = poolcli.downsample(image, mode, kernel_size=kernel_size, stride=stride)
        windows = np.lib.stride_tricks.sliding_window_view(image, (kernel_size, kernel_size), (0, 1))
        taps = np.sort(windows[::stride, ::stride].reshape(*result.shape, -1), axis=-1)
        expected = taps[..., -1] if mode == "max" else taps[..., (kernel_size**2 - 1) // 2]
        np.testing.assert_array_equal(result, expected)


@pytest.mark.quick_when(lambda mode, dtype: not JIT or dtype == "uint8" or mode == "average")
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
@pytest.mark.parametrize("mode", ["average", "l2", "lp", "gem", "mixed", "blur"])
def test_a_wider_output_is_computed_wider(mode, dtype):
    image = picture(dtype, (9, 12, 3))
    result = poolcli.downsample(image, mode, kernel_size=3, dtype="float64")
    exact = poolcli.downsample(image.astype(np.float64), mode, kernel_size=3)
    np.testing.assert_allclose(result, exact, rtol=1e-14)


ERRORS = [
    (GRID, "maxx", {}, ValueError, "there is no mode 'maxx', did you mean max? The modes are max, min, median"),
    (GRID, ["max"], {}, ValueError, "there is no mode ['max']"),
    (GRID, "max", {"ceil": "no"}, ValueError, "ceil='no' is not allowed: ceil must be True or False"),
    (GRID, "max", {"return_indices": "no"}, ValueError, "return_indices='no' is not allowed"),
    (GRID, "max", {"kernel_size": 0}, ValueError, "kernel_size=0 is not allowed: it must be a whole number from"),
    (GRID, "max", {"kernel_size": 2.5}, ValueError, "kernel_size=2.5 is not allowed"),
    (GRID, "max", {"kernel_size": (1, 2, 3)}, ValueError, "kernel_size=(1, 2, 3) is not allowed"),
    (GRID, "max", {"stride": 0}, ValueError, "stride=0 is not allowed"),
    (GRID, "max", {"stride": 10**400}, ValueError, "is not allowed: it must be a whole number from 1 to 2^31"),
    (GRID, "kmax", {"k": 10**400}, ValueError, "is more than the 4 values of a window"),
    (GRID, "max", {"dtype": "grey"}, TypeError, "dtype 'grey' is not supported: use one of bool, uint8"),
    (GRID, "max", {"stride": (2, -1)}, ValueError, "stride=(2, -1) is not allowed"),
    (GRID, "max", {"dilation": 0}, ValueError, "dilation=0 is not allowed"),
    (GRID, "max", {"padding": -1}, ValueError, "padding=-1 is not allowed"),
    (GRID, "max", {"padding": "full"}, ValueError, "padding='full' is not allowed"),
    (GRID, "max", {"padding": (0, 1, 0)}, ValueError, "padding=(0, 1, 0) is not allowed: it must be a whole number "
     "from 0 to 2^31, two of them (height, width) or four (top, bottom, left, right), same or same-lower"),
    (GRID, "max", {"padding": (0, 0, 2, 0)}, ValueError,
     "padding 2 is more than half of the window, whose width is 2: wide_padding=True allows it"),
    (GRID, "max", {"padding": (0, 2**31, 0, 0), "wide_padding": True}, ValueError,
     "padding 0 and 2147483648 makes 1073741826 windows along the height: at most 134217728 are allowed"),
    (GRID, "max", {"wide_padding": "no"}, ValueError, "wide_padding='no' is not allowed: wide_padding must be True or"),
    (GRID, "max", {"size": 2, "wide_padding": True}, ValueError, "and wide_padding=True cannot be given"),
    (GRID, "max", {"padding": (0, 2**40, 0, 0)}, ValueError, "is not allowed: it must be a whole number from 0 to"),
    (GRID, "max", {"kernel_size": 3, "padding": 2}, ValueError, "padding 2 is more than half of the window"),
    (GRID, "max", {"kernel_size": 5}, ValueError,
     "smaller than the window: its height is 4, the window's 5: ceil=True allows it"),
    (GRID, "max", {"kernel_size": (1, 3), "dilation": 3}, ValueError, "its width is 4, the window's 7"),
    (GRID, "max", {"size": 2, "stride": 2}, ValueError, "size=2 sets the windows, and stride=2 cannot be given"),
    (GRID, "max", {"size": 0}, ValueError, "size=0 is not allowed"),
    (GRID[:1, :1], "max", {"dilation": 4, "padding": 2}, ValueError, "a window would lie in the padding alone"),
    (GRID, "max", {"p": 2}, ValueError, "mode 'max' takes no p: the modes that do are lp, gem"),
    (GRID, "max", {"pp": 2}, TypeError, "there is no parameter 'pp', did you mean p? The parameters are q, k"),
    (GRID, "max", {"kernel": 2}, TypeError, "no parameter 'kernel', did you mean kernel_size? The parameters are q"),
    *((GRID, "space-to-depth", given, ValueError, "takes windows of one size, all of them whole: padding, ceil or size")
      for given in ({"padding": 1}, {"size": 5}, {"size": (1, 5)}, {"kernel_size": 3, "ceil": True})),
    (GRID, "space-to-depth", {"order": "rows"}, ValueError, "order='rows' is not allowed: order must be crd or dcr"),
    (GRID, "space-to-depth", {"joint": 0}, ValueError, "mode 'space-to-depth' takes no joint: the modes that do are"),
    (GRID, "average", {"return_indices": True}, ValueError,
     "mode 'average' takes no return_indices: the modes that do are max, min, median"),
    (GRID, "kmax", {"return_indices": True, "combine": "mean"}, ValueError,
     "combine='mean' takes no return_indices: combine=planes does"),
    (GRID, "percentile", {"q": 101}, ValueError, "q=101 is not allowed: q must be a finite number from 0 to 100"),
    (GRID, "percentile", {"q": float("nan")}, ValueError, "q=nan is not allowed"),
    (GRID, "percentile", {"q": "half"}, ValueError, "q='half' is not allowed"),
    (GRID, "kmax", {"k": 5}, ValueError, "k=5 is more than the 4 values of a window"),
    (GRID, "kmax", {"k": 1.5}, ValueError, "k=1.5 is not allowed: k must be a whole number of at least 1"),
    (GRID, "kmax", {"combine": "sum"}, ValueError, "combine='sum' is not allowed: combine must be planes or mean"),
    (GRID, "gem", {"p": 0}, ValueError, "p=0 is not allowed: p must be a finite number above 0"),
    (GRID, "gem", {"p": float("inf")}, ValueError, "p=inf is not allowed"),
    (GRID, "mixed", {"lam": 1.5}, ValueError, "lam=1.5 is not allowed: lam must be a finite number from 0 to 1"),
    (GRID, "random", {"seed": -1}, ValueError, "seed=-1 is not allowed"),
    (GRID.astype(complex), "max", {}, TypeError, "dtype complex128 is not supported: use one of bool, uint8"),
    (GRID, "max", {"dtype": "U3"}, TypeError, "is not supported: use one of bool"),
    (GRID[0], "max", {}, ValueError, "an array of rank 1 is not an image"),
    (GRID[None, None, None], "max", {}, ValueError, "an array of rank 5 is not an image"),
    (GRID[:0], "max", {}, ValueError, "the image is empty: its height is 0"),
    (GRID[:, :0], "max", {"size": 2}, ValueError, "the image is empty: its width is 0"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("image", "mode", "arguments", "error", "message"), ERRORS, ids=[row[4][:50] for row in ERRORS]
)
def test_bad_arguments_name_the_value_and_what_is_allowed(image, mode, arguments, error, message):
    with pytest.raises(error, match=re.escape(message)) as caught:
        poolcli.downsample(image, mode, **arguments)
    assert "\n" not in str(caught.value)


def test_every_mode_is_tried():
    assert {mode for mode, _ in VARIANTS} == set(POOLS)
    assert {*poolcli.MODES} - {*POOLS} == {"space-to-depth"}
    assert {name for name, mode in POOLS.items() if mode.selects} == SELECTING


CACHED = """
import numba.core.event as event, numpy, poolcli
with event.install_recorder("numba:compile") as compiled:
    poolcli.downsample(numpy.zeros((4, 4), numpy.uint8), "max")
print(len(compiled.buffer))
"""


@pytest.mark.skipif(not JIT, reason="nothing is compiled")
def test_the_second_process_compiles_nothing(tmp_path):
    environment = {**os.environ, "POOLCLI_CACHE_DIR": str(tmp_path)}
    runs = [
        subprocess.run([sys.executable, "-c", CACHED], env=environment, check=True, capture_output=True, text=True)
        for _ in range(2)
    ]
    first, second = (int(run.stdout) for run in runs)
    assert first > 0
    assert second == 0


@pytest.mark.skipif(not JIT, reason="nothing is compiled")
def test_kernels_work_where_no_cache_can_be_written(tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()
    environment = {**os.environ, "POOLCLI_CACHE_DIR": str(blocked)}
    run = subprocess.run([sys.executable, "-W", "error", "-c", CACHED], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
