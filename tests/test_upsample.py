"""Every upsampling against its twin, its defining properties, and small images whose pixels can be read."""

import re
import subprocess
import sys
from fractions import Fraction
from itertools import combinations, product

import naive
import numpy as np
import pytest
from comparison import assert_rounded
from effort import EXAMPLES, JIT
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pictures import picture

import poolcli
from poolcli.convolutions import depth_to_space
from poolcli.dtypes import DTYPES
from poolcli.filters import FILTERS
from poolcli.parameters import PARAMETERS
from poolcli.sampling import BORDERS, COORDINATES, ROUNDINGS
from poolcli.weights import CURVES, NAMES
from poolcli.weights import load as weights_of

KINDS = DTYPES if JIT else ("uint8", "float32")
INTERPOLATORS = ("bilinear", "bicubic", "lanczos")


def largest(image):
    return float(np.abs(image.astype(np.float64)).max())


@pytest.mark.quick_when(lambda dtype, **_: dtype in ("uint8", "float32", "float64"))
@pytest.mark.parametrize("size", [(14, 22), (21, 11), (9, 17), (4, 3), (1, 1)], ids=str)
@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("mode", ["nearest", *INTERPOLATORS])
def test_twin_of_resize(mode, dtype, size):
    image = picture(dtype)
    for antialias in (False, True):
        result = poolcli.resize(image, size, mode, antialias=antialias)
        exact = naive.UPSAMPLINGS[mode](image, size, antialias=antialias)
        assert (result.dtype, result.shape) == (image.dtype, (*size, 3))
        if mode == "nearest" and not antialias:
            places = [[(2 * i + 1) * n // (2 * m) for i in range(m)] for n, m in zip(image.shape, size, strict=False)]
            np.testing.assert_array_equal(result, image[np.ix_(*places)])
        else:
            assert_rounded(result, exact, 2 * largest(image))


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("mode", INTERPOLATORS)
def test_twin_of_every_position_and_border(mode, coordinates, border):
    image = picture("float64", (5, 7, 2))
    for scale in ((2, 3), (1.7, 0.6), (1, 0.2)):
        values = {"coordinates": coordinates, "border": border} | ({"fill": 0.5} if border == "constant" else {})
        result = poolcli.resize(image, mode=mode, scale=scale, **values)
        exact = naive.resize(image, result.shape[:2], mode, scale=scale, **values)
        np.testing.assert_allclose(result, exact, rtol=1e-12, atol=1e-12 * largest(image))


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("coordinates", COORDINATES)
def test_twin_of_nearest(coordinates, rounding):
    image = picture("int16", (5, 7, 2))
    for scale in ((2, 3), (1.7, 0.6), (0.5, 0.2)):
        result = poolcli.resize(image, mode="nearest", scale=scale, coordinates=coordinates, rounding=rounding)
        exact = naive.resize(image, result.shape[:2], "nearest", scale, coordinates=coordinates, rounding=rounding)
        np.testing.assert_array_equal(result, exact)


@pytest.mark.parametrize(("values", "mode"), [({"cubic_a": -0.75}, "bicubic"), ({"lobes": 2}, "lanczos")], ids=str)
def test_twin_of_other_filters(values, mode):
    image = picture("float64")
    expected = naive.resize(image, (21, 22), mode, **values)
    np.testing.assert_allclose(poolcli.resize(image, (21, 22), mode, **values), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 1), (6, 5, 4), (6, 5, 7), (2, 6, 5, 3)], ids=str)
@pytest.mark.parametrize("scale", [1, 2, 3, 4, (2, 1), (1, 5), 17])
def test_upsample_is_resize_of_every_rank(scale, shape):
    image = picture("uint8", shape)
    size = tuple(
        n * s
        for n, s in zip(
            shape[-3:-1] if len(shape) > 2 else shape, (scale, scale) if isinstance(scale, int) else scale, strict=True
        )
    )
    for mode in ("nearest", *INTERPOLATORS):
        result = poolcli.upsample(image, mode, scale=scale)
        np.testing.assert_array_equal(result, poolcli.resize(image, size, mode))
        if len(shape) < 4 and max(size) < 40:
            exact = naive.resize(image.reshape(*shape[:2], -1), size, mode).reshape(result.shape)
            assert_rounded(result, exact, 255)


ROW = np.array([[10, 20, 40]], np.uint8)


@pytest.mark.parametrize(
    ("mode", "parameters", "expected"),
    [
        ("nearest", {"scale": (1, 2)}, [[10, 10, 20, 20, 40, 40]]),
        ("nails", {"scale": (1, 2)}, [[10, 0, 20, 0, 40, 0]]),
        ("bilinear", {"scale": (1, 2)}, [[10, 12, 18, 25, 35, 40]]),  # 12.5 and 17.5: ties to even
        ("bilinear", {"size": (1, 5), "coordinates": "align-corners"}, [[10, 15, 20, 30, 40]]),
        ("bicubic", {"scale": (1, 2)}, [[9, 12, 17, 25, 36, 41]]),
        ("transposed", {"scale": (1, 2), "weights": "box", "kernel_size": (1, 2)}, [[10, 10, 20, 20, 40, 40]]),
        ("transposed", {"scale": (1, 2), "weights": np.array([[1, 2, 1]])}, [[20, 30, 40, 60, 80, 40]]),
        ("transposed", {"scale": (1, 2), "weights": np.array([[1, 2, 1]]), "padding": 0},
         [[10, 20, 30, 40, 60, 80, 40]]),
        ("average-unpool", {"scale": (1, 2)}, [[5, 5, 10, 10, 20, 20]]),
        ("resize-conv", {"scale": (1, 2), "weights": "box", "kernel_size": (1, 3)}, [[10, 13, 17, 27, 33, 40]]),
        ("subpixel", {"scale": (1, 2), "weights": "box", "kernel_size": (1, 3)}, [[13, 13, 23, 23, 33, 33]]),
    ],
)  # fmt: skip
def test_pixels_that_can_be_read(mode, parameters, expected):
    result = poolcli.upsample(ROW, mode, **parameters)
    assert result.dtype == np.uint8
    assert result.tolist() == expected


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (3, 1), (2, 5)], ids=str)
def test_nails(strides, dtype):
    image = picture(dtype)
    np.testing.assert_array_equal(poolcli.upsample(image, "nails", scale=strides), naive.nails(image, strides))


CASES = [
    # F, S, padding, output padding, dilation
    ((4, 4), (2, 2), (1, 1), (0, 0), (1, 1)),
    ((3, 2), (2, 3), (1, 0), (1, 2), (1, 1)),
    ((1, 5), (3, 2), (0, 0, 2, 1), (0, 0), (1, 2)),
    ((3, 4), (2, 2), (1, 0, 2, 3), (0, 1), (1, 1)),
    ((3, 3), (2, 2), (0, 1), (0, 1), (2, 3)),
    ((2, 2), (1, 1), (0, 0), (0, 0), (1, 1)),
]


@pytest.mark.quick_when(lambda dtype, **_: dtype in ("uint8", "float32"))
@pytest.mark.parametrize("weights", ["box", "bilinear", "gaussian"])
@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("case", [*CASES, ((9, 8), (2, 3), (2, 0), (0, 1), (2, 1))], ids=str)
def test_twin_of_transposed_by_name(case, dtype, weights):
    size, strides, padding, extra, dilation = case
    image = picture(dtype, (4, 6, 3))
    values = {"kernel_size": size, "padding": padding, "output_padding": extra, "dilation": dilation}
    result = poolcli.upsample(image, "transposed", scale=strides, weights=weights, **values)
    exact = naive.transposed_by_name(image, weights, size, strides, padding, extra, dilation)
    assert result.shape == exact.shape
    assert_rounded(result, exact, largest(image))


@pytest.mark.quick_when(lambda dtype, **_: dtype in ("uint8", "float32"))
@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("case", [case[:4] for case in CASES if case[4] == (1, 1)], ids=str)
def test_twin_of_average_unpool(case, dtype):
    size, strides, padding, extra = case
    image = picture(dtype, (4, 6, 3))
    values = {"kernel_size": size, "padding": padding, "output_padding": extra}
    result = poolcli.upsample(image, "average-unpool", scale=strides, **values)
    exact = naive.average_unpool(image, size, strides, padding, extra)
    assert result.shape == exact.shape
    assert_rounded(result, exact, largest(image))


@pytest.mark.quick_when(lambda dtype, **_: dtype in ("uint8", "float32"))
@pytest.mark.parametrize("weights", ["box", "bilinear", "gaussian"])
@pytest.mark.parametrize("dtype", KINDS)
def test_a_flat_picture_stays_flat_at_its_frame_in_every_dtype(dtype, weights):
    kind = np.dtype(dtype)
    value = kind.type(0.1) if kind.kind == "f" else kind.type(1) if kind.kind == "b" else np.iinfo(kind).max
    exact = kind.kind != "f" and kind.itemsize < 8
    eps = np.finfo(kind if kind.kind == "f" else np.float64).eps
    image = np.full((5, 30, 2), value, kind)
    for values in (
        {},
        {"kernel_size": 5},
        {"scale": 3, "padding": 0},
        {"kernel_size": 3, "padding": 1, "output_padding": 1},
    ):
        large = poolcli.upsample(image, "transposed", weights=weights, **values)
        np.testing.assert_allclose(large.astype(np.float64), float(value), rtol=0 if exact else 4 * eps)


@pytest.mark.quick_when(lambda dtype, **_: dtype in ("uint8", "float32", "float64"))
@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_twin_of_transposed(case, dtype):
    size, strides, padding, extra, dilation = case
    rng = np.random.default_rng(0)
    image = picture(dtype, (4, 6, 3))
    for weights in (rng.normal(size=size), rng.normal(size=(3, *size)), rng.normal(size=(3, 2, *size))):
        values = {"padding": padding, "output_padding": extra, "dilation": dilation}
        result = poolcli.upsample(image, "transposed", scale=strides, weights=weights, **values)
        exact = naive.transposed(image, weights, strides, padding, extra, dilation)
        assert result.shape == exact.shape
        assert_rounded(result, exact, 20 * largest(image))


@pytest.mark.parametrize("border", ["edge", "reflect", "wrap", "constant"])
@pytest.mark.parametrize("size", [(3, 3), (2, 4), (1, 1), (5, 1)], ids=str)
def test_twins_of_convolutions(size, border):
    image = picture("float64", (4, 5, 3))
    rng = np.random.default_rng(1)
    for enlarge, weights in product(("nearest", "bilinear"), (rng.normal(size=size), rng.normal(size=(3, 2, *size)))):
        result = poolcli.upsample(image, "resize-conv", scale=(2, 3), weights=weights, enlarge=enlarge, border=border)
        exact = naive.resize_conv(image, (2, 3), weights, enlarge, border)
        np.testing.assert_allclose(result, exact, rtol=1e-11, atol=1e-11 * largest(image))
    for order in ("crd", "dcr"):
        weights = rng.normal(size=(3, 12, *size))
        result = poolcli.upsample(image, "subpixel", scale=(2, 3), weights=weights, order=order, border=border)
        exact = naive.subpixel(image, (2, 3), weights, order, border)
        np.testing.assert_allclose(result, exact, rtol=1e-11, atol=1e-11 * largest(image))


@pytest.mark.parametrize("dtype", ["uint8", "uint64", "int16", "float32"])
@pytest.mark.parametrize("geometry", [{}, {"kernel_size": 3, "stride": 2}, {"kernel_size": 3, "stride": 1}], ids=str)
@pytest.mark.parametrize("shape", [(8, 9), (8, 9, 3), (2, 8, 9, 3)], ids=str)
def test_unpool(shape, geometry, dtype):
    image = picture(dtype, shape)
    values, indices = poolcli.downsample(image, "max", return_indices=True, **geometry)
    size = shape[-3:-1] if len(shape) > 2 else shape
    result = poolcli.upsample(values, "unpool", indices=indices, size=size)
    assert result.shape == shape
    for n in range(shape[0] if len(shape) == 4 else 1):
        one = [part[n] if len(shape) == 4 else part.reshape(*part.shape[:2], -1) for part in (values, indices, result)]
        np.testing.assert_array_equal(one[2], naive.unpool(one[0], one[1], size))
    again = poolcli.downsample(result, "max", **geometry)
    if geometry == {} and dtype[0] == "u":
        np.testing.assert_array_equal(again, values)


@given(st.integers(0, 7), st.integers(0, 7), st.integers(1, 3))
@EXAMPLES
def test_indices_of_another_width_are_refused_not_misread(down, across, s):
    height, width = 3 * s + down, 3 * s + across
    image = np.random.default_rng(0).permutation(height * width).reshape(height, width)
    values, indices = poolcli.downsample(image, "max", kernel_size=s, return_indices=True)
    given = {"scale": s, "indices": indices.astype(np.uint64)}
    if width % s:
        with pytest.raises(ValueError, match=r"size says how large|beyond an image"):
            poolcli.upsample(values, "unpool", **given)
        given["size"] = height, width
    result = poolcli.upsample(values, "unpool", **given)
    rows, columns = result.shape
    assert ((result == image[:rows, :columns]) | (result == 0)).all()
    assert sorted(result[result > 0]) == sorted(values[values > 0])


@pytest.mark.parametrize(
    ("padding", "expected"),
    [
        (0, [1, 2, 13, 24, 30, 40]),
        ((0, 0, 1, 2), [2, 13, 24]),
        ((0, 0, 0, 1), [1, 2, 13, 24, 30]),
        ("same", [2, 13, 24, 30]),
    ],
    ids=str,
)
def test_padding_cuts_off(padding, expected):
    """1 and 10 times (1 2 3 4), two pixels apart."""
    row, weights = np.array([[1.0, 10.0]]), np.array([[1.0, 2.0, 3.0, 4.0]])
    result = poolcli.upsample(row, "transposed", scale=(1, 2), weights=weights, padding=padding)
    assert result.tolist() == [expected]


@pytest.mark.parametrize(
    ("padding", "expected"), [("same", [1, 2, 13, 20]), ("same-lower", [2, 13, 20, 30]), (None, [2, 13, 20, 30])]
)
def test_the_odd_pixel_is_cut_off_after_or_before(padding, expected):
    """1 and 10 times (1 2 3), two pixels apart, are 1 2 13 20 30."""
    row, weights = np.array([[1.0, 10.0]]), np.array([[1.0, 2.0, 3.0]])
    given = {} if padding is None else {"padding": padding}
    assert poolcli.upsample(row, "transposed", scale=(1, 2), weights=weights, **given).tolist() == [expected]


@pytest.mark.parametrize(
    ("size", "given", "expected"),
    [
        (5, {"padding": 0}, [1, 2, 13, 20, 30]),
        (6, {"padding": 0}, [1, 2, 13, 20, 30, 0]),
        (4, {"padding": (0, 0, 1, 0)}, [2, 13, 20, 30]),
        (4, {"padding": (0, 0, 1, 1)}, [2, 13, 20, 30]),
        (6, {"padding": 0, "output_padding": (0, 1)}, [1, 2, 13, 20, 30, 0]),
        (5, {"padding": (0, 0, 0, 1), "output_padding": (0, 1)}, [1, 2, 13, 20, 30]),
        (5, {}, [1, 2, 13, 20, 30]),
        (6, {}, [1, 2, 13, 20, 30, 0]),
        (2, {}, [13, 20]),
        (2, {"padding": "same"}, [2, 13]),
        (1, {}, [13]),
        (5, {"output_padding": (0, 1)}, [2, 13, 20, 30, 0]),
    ],
    ids=str,
)
def test_transposed_of_a_size(size, given, expected):
    """1 and 10 times (1 2 3), two pixels apart, are 1 2 13 20 30: 0 comes after, or pixels are cut off."""
    row, weights = np.array([[1.0, 10.0]]), np.array([[1.0, 2.0, 3.0]])
    given = {"scale": (1, 2), "weights": weights, "size": (1, size), **given}
    assert poolcli.upsample(row, "transposed", **given).tolist() == [expected]
    assert poolcli.UPSAMPLINGS["transposed"].output_shape(row.shape, given) == (1, size)
    grads = np.arange(1.0, size + 1)[None]
    zeros = np.zeros(3)
    padded = np.concatenate([zeros, grads[0], zeros])
    begin = 3 - next(k for k in range(4) if [1, 2, 13, 20, 30, 0][k] == expected[0])
    correlated = [(padded[k : k + 3] * weights[0]).sum() for k in (begin, begin + 2)]
    if not given.get("output_padding"):
        assert poolcli.upsample_backward(grads, row, "transposed", **given).tolist() == [correlated]


def test_average_unpool_of_the_size_of_the_image_that_was_pooled():
    image = np.arange(1.0, 16).reshape(3, 5)
    pooled = poolcli.downsample(image, "average")
    result = poolcli.upsample(pooled, "average-unpool", kernel_size=2, padding=0, size=(3, 5))
    assert result.tolist() == [[1, 1, 1.5, 1.5, 0], [1, 1, 1.5, 1.5, 0], [0, 0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("window", "size", "geometry"),
    [
        ({"kernel_size": 3}, (7, 9), {"kernel_size": 3, "stride": 2}),
        ({"kernel_size": (3, 2), "padding": 1}, (5, 8), {"kernel_size": (3, 2), "stride": 2, "padding": 1}),
        ({"kernel_size": 3, "padding": (1, 0, 0, 1)}, (6, 8), {"kernel_size": 3, "stride": 2, "padding": (1, 0, 0, 1)}),
        ({"padding": 1}, (6, 8), {"padding": 1}),
        ({"padding": "same"}, (6, 8), {"kernel_size": 3, "stride": 2, "padding": "same"}),
    ],
    ids=str,
)
def test_unpool_to_what_the_windows_covered(window, size, geometry):
    image = picture("uint8", (*size, 3))
    values, indices = poolcli.downsample(image, "max", return_indices=True, **geometry)
    result = poolcli.upsample(values, "unpool", indices=indices, **window)
    assert result.shape == image.shape
    np.testing.assert_array_equal(result, naive.unpool(values, indices, size))
    assert poolcli.UPSAMPLINGS["unpool"].output_shape(values.shape, {"indices": indices, **window}) == image.shape


def test_unpool_to_a_size_beyond_that_of_the_indices():
    indices = {"indices": np.array([[1, 3]]), "shape": (1, 4)}
    values = np.array([[5, 6]])
    for size, expected in ((4, [0, 5, 0, 6]), (5, [0, 5, 0, 6, 0])):
        given = {"indices": indices, "scale": (1, 2), "size": (1, size)}
        assert poolcli.upsample(values, "unpool", **given).tolist() == [expected]
        back = poolcli.upsample_backward(np.arange(10.0, 10 + size)[None], values, "unpool", **given)
        assert back.tolist() == [[11, 13]]


@pytest.mark.parametrize("layout", ["hwc", "chw"])
@pytest.mark.parametrize("dtype", ["uint8", "float64"])
@pytest.mark.parametrize(("groups", "outputs"), [(1, 2), (2, 1), (2, 3), (3, 2), (6, 1), (6, 2)])
def test_twin_of_groups(groups, outputs, dtype, layout):
    image = picture(dtype, (4, 5, 6))
    weights = np.random.default_rng(1).normal(size=(6, outputs, 3, 2))
    given = {"weights": weights, "groups": groups, "scale": (2, 3), "padding": (1, 0, 0, 1)}
    moved = np.moveaxis(image, -1, 0) if layout == "chw" else image
    result = poolcli.upsample(moved, "transposed", layout=layout, **given)
    exact = naive.transposed(image, weights, (2, 3), (1, 0, 0, 1), (0, 0), (1, 1), groups)
    assert_rounded(np.moveaxis(result, 0, -1) if layout == "chw" else result, exact, largest(image))
    assert poolcli.UPSAMPLINGS["transposed"].output_shape(image.shape, given) == exact.shape


def test_weights_of_each_channel_and_of_groups():
    image = np.array([[[1.0, 10.0, 100.0, 1000.0]]])
    own = np.array([[[1.0, 2.0]], [[3.0, 4.0]], [[5.0, 6.0]], [[7.0, 8.0]]])
    given = {"scale": (1, 2), "padding": 0}
    expected = [[[1, 30, 500, 7000], [2, 40, 600, 8000]]]
    assert poolcli.upsample(image, "transposed", weights=own, **given).tolist() == expected
    depthwise = {"weights": own[:, None], "groups": 4}
    assert poolcli.upsample(image, "transposed", **depthwise, **given).tolist() == expected
    # The first two channels make one, and the last two.
    pairs = {"weights": own[:, None], "groups": 2}
    assert poolcli.upsample(image, "transposed", **pairs, **given).tolist() == [[[31, 7500], [42, 8600]]]
    one = {"weights": own[:, None], "groups": 1}
    assert poolcli.upsample(image, "transposed", **one, **given).tolist() == [[[7531], [8642]]]


@pytest.mark.parametrize("dilation", [5, 50, 10**6])
def test_a_wide_dilation_takes_no_room_for_what_is_outside(dilation):
    image = picture("float64", (4, 6, 2))
    weights = np.random.default_rng(0).normal(size=(3, 3))
    # Of three taps the middle one is always inside.
    values = {"padding": dilation, "output_padding": 1, "dilation": dilation}
    result = poolcli.upsample(image, "transposed", weights=weights, **values)
    if dilation < 100:
        exact = naive.transposed(image, weights, (2, 2), (dilation,) * 2, (1, 1), (dilation,) * 2)
        np.testing.assert_allclose(result, exact, rtol=1e-12, atol=1e-12)
    else:
        np.testing.assert_allclose(result, poolcli.upsample(image * weights[1, 1], "nails"), rtol=1e-12)


@pytest.mark.skipif(not JIT, reason="kernels allocate by themselves where they are compiled")
def test_kernels_that_find_no_memory_say_so():
    script = """
import resource, numpy as np, poolcli
image = np.zeros((2000, 4000, 3), np.uint8)
values = {"dilation": 1500, "padding": 2000, "kernel_size": 4}
poolcli.upsample(image[:8, :8], "transposed")
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 230 * 2**20,) * 2)
try:
    poolcli.upsample(image, "transposed", **values)
except MemoryError as error:
    print("MemoryError:", error)
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert result.stdout == "MemoryError: a kernel found no room for its rows\n"


def test_the_largest_wins_on_collisions():
    values = np.array([[-5, -3], [-4, -9]], np.int8)
    indices = np.array([[4, 4], [4, 0]])
    expected = [[-9, 0, 0], [0, -3, 0], [0, 0, 0]]
    assert poolcli.upsample(values, "unpool", indices=indices, size=3).tolist() == expected


@pytest.mark.quick_when(lambda dtype, **_: dtype in ("uint8", "float32"))
@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("shape", [(40, 2, 3, 1), (1, 90, 4, 3), (3, 5, 6, 2)], ids=str)
def test_the_largest_wins_in_every_picture_of_a_batch(shape, dtype):
    rng = np.random.default_rng(0)
    image = picture(dtype, shape)
    if dtype.startswith("f"):
        image.flat[::7] = np.nan
    places = rng.integers(0, 8 * 9, shape)
    expected = np.zeros((shape[0], 8 * 9, shape[3]), dtype)
    filled = np.zeros(expected.shape, bool)
    for (n, y, x, c), place in np.ndenumerate(places):
        here, value = (n, place, c), image[n, y, x, c]
        if not filled[here] or value > expected[here] or np.isnan(value):
            expected[here], filled[here] = value, True
    result = poolcli.upsample(image, "unpool", indices=places, size=(8, 9))
    np.testing.assert_array_equal(result.reshape(expected.shape), expected)


@given(arrays.arrays(np.uint16, arrays.array_shapes(min_dims=3, max_dims=3, max_side=8)), st.integers(1, 4))
@EXAMPLES
def test_pooling_undoes_nearest(image, s):
    large = poolcli.upsample(image, "nearest", scale=s)
    for mode in ("max", "min", "median", "average", "majority"):
        np.testing.assert_array_equal(poolcli.downsample(large, mode, kernel_size=s), image)


@given(arrays.arrays(np.float64, (5, 6, 2), elements=st.floats(-10, 10)), st.integers(1, 4))
@EXAMPLES
def test_nails_then_a_convolution_is_transposed(image, s):
    weights = np.random.default_rng(0).normal(size=(2 * s - s % 2,) * 2)
    nails = poolcli.upsample(image, "nails", scale=s)
    flipped = weights[::-1, ::-1]
    padding = (len(weights) - s) // 2
    # Each nail stands where its kernel begins, so it has to lie that far before.
    padded = np.pad(nails, ((len(weights) - 1, 0), (len(weights) - 1, 0), (0, 0)))
    convolved = sum(
        padded[y : y + nails.shape[0], x : x + nails.shape[1]] * flipped[y, x] for y, x in np.ndindex(weights.shape)
    )
    result = poolcli.upsample(image, "transposed", scale=s, weights=weights, padding=0)
    np.testing.assert_allclose(result[: nails.shape[0], : nails.shape[1]], convolved, rtol=1e-9, atol=1e-9)
    trimmed = poolcli.upsample(image, "transposed", scale=s, weights=weights)
    np.testing.assert_allclose(trimmed, result[padding:, padding:][: trimmed.shape[0], : trimmed.shape[1]], rtol=1e-12)


@pytest.mark.parametrize("s", [2, 3, 4])
def test_nails_then_the_low_pass_is_lanczos(s):
    """The windowed sinc at 1/S of the band, sampled between pixels where S is even, as half-pixel centres ask."""
    image = np.random.default_rng(0).normal(size=(12, 12))
    nails = poolcli.upsample(image, "nails", scale=s)
    reach = 3 * s
    taps = np.arange(-reach, reach + s + 1)
    shift = (s - 1) / 2  # of the nail, which stands in the first pixel of its region, from the region's centre
    weights = np.array([naive.curve("lanczos", abs(k - shift) / s, 0, 3) for k in taps])
    for phase in range(s):  # a constant image stays constant
        weights[(taps - phase) % s == 0] /= weights[(taps - phase) % s == 0].sum()
    low_passed = np.zeros_like(nails)
    padded = np.pad(nails, reach + s)
    for y, x in np.ndindex(len(taps), len(taps)):
        shifted = padded[2 * reach + s - y :, 2 * reach + s - x :][: nails.shape[0], : nails.shape[1]]
        low_passed[: shifted.shape[0], : shifted.shape[1]] += weights[y] * weights[x] * shifted
    inside = slice(4 * s, -4 * s)
    result = poolcli.upsample(image, "lanczos", scale=s)
    np.testing.assert_allclose(result[inside, inside], low_passed[inside, inside], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("weights", ["box", "bilinear", "gaussian"])
@pytest.mark.parametrize("s", [1, 2, 3, 4])
def test_a_constant_stays_constant(s, weights):
    image = np.full((22, 21, 3) if JIT else (22, 21, 1), 77, np.uint8)
    for mode in ("resize-conv", "subpixel"):
        assert (poolcli.upsample(image, mode, scale=s, weights=weights) == 77).all()
    for f, dilation in product(range(s, 3 * s + 1), (1, 2, 3)):
        values = {"scale": s, "weights": weights, "kernel_size": f, "dilation": dilation}
        large = poolcli.upsample(image, "transposed", **values)
        met = np.zeros(large.shape[:2])
        for y, x in product(range(22), range(21)):  # where the taps of each pixel fall
            to = [np.arange(f) * dilation + i * s - max(-(-(dilation * (f - 1) + 1 - s) // 2), 0) for i in (y, x)]
            rows, columns = (k[(k >= 0) & (k < n)] for k, n in zip(to, met.shape, strict=True))
            met[np.ix_(rows, columns)] = 1
        np.testing.assert_array_equal(large, np.where(met, 77, 0)[..., None].repeat(image.shape[2], 2))


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=3, max_dims=3, max_side=8)), st.integers(1, 3))
@EXAMPLES
def test_subpixel_with_phases_alike_is_nearest_after_the_convolution(image, s):
    weights = np.random.default_rng(0).normal(size=(3, 3))
    channels = image.shape[2]
    convolved = poolcli.upsample(image, "resize-conv", scale=1, weights=weights)
    expected = poolcli.upsample(convolved, "nearest", scale=s)
    np.testing.assert_array_equal(poolcli.upsample(image, "subpixel", scale=s, weights=weights), expected)
    single = image.astype(np.float64)
    full = np.repeat(np.eye(channels)[:, :, None, None] * weights, s * s, axis=1)
    expected = poolcli.upsample(poolcli.upsample(single, "resize-conv", scale=1, weights=weights), "nearest", scale=s)
    result = poolcli.upsample(single, "subpixel", scale=s, weights=full)
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("geometry", [{}, {"kernel_size": 3}, {"kernel_size": 3, "padding": 1}], ids=str)
def test_average_unpool_is_the_adjoint_of_average(geometry):
    """<average(x), y> = <x, average-unpool(y)>."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(9, 9, 2))
    pooled = poolcli.downsample(x, "average", stride=2, **geometry)
    y = rng.normal(size=pooled.shape)
    given = {"kernel_size": 2, "padding": 0, **geometry}
    extra = (9 - 1 + 2 * given["padding"] - given["kernel_size"] + 1) - 2 * (pooled.shape[0] - 1)
    spread = poolcli.upsample(y, "average-unpool", scale=2, output_padding=extra, **given)
    np.testing.assert_allclose((pooled * y).sum(), (x * spread).sum(), rtol=1e-12)


@pytest.mark.quick_when(lambda mode, dtype: not JIT or dtype == "uint8" or mode == "bicubic")
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
@pytest.mark.parametrize("mode", [*INTERPOLATORS, "transposed", "average-unpool", "resize-conv", "subpixel"])
def test_a_wider_output_is_computed_wider(mode, dtype):
    image = picture(dtype, (9, 8, 3))
    values = {"scale": 3} if mode not in ("resize-conv", "subpixel") else {"scale": 3, "weights": "gaussian"}
    result = poolcli.upsample(image, mode, dtype="float64", **values)
    np.testing.assert_array_equal(result, poolcli.upsample(image.astype(np.float64), mode, **values))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("mode", "antialias"), [(mode, False) for mode in INTERPOLATORS] + [("nearest", True)])
def test_what_is_not_finite_stays_where_it_is_in_a_copy(mode, antialias, dtype, value):
    image = np.array([[1, 2, value, 4, 5]], dtype)
    np.testing.assert_array_equal(poolcli.resize(image, (1, 5), mode, antialias=antialias), image)
    higher = poolcli.resize(np.repeat(image, 3, axis=0), (6, 5), mode, antialias=antialias)
    np.testing.assert_allclose(np.delete(higher, 2, axis=1), np.tile([1.0, 2, 4, 5], (6, 1)), rtol=1e-6)


def test_a_box_ends_where_fractions_say():
    for size, n in combinations(range(1, 30 if JIT else 8), 2):
        expected = []
        for i in range(size):
            x = Fraction((2 * i + 1) * n, 2 * size) - Fraction(1, 2)
            inside = [k for k in range(n) if -Fraction(n, 2 * size) < k - x <= Fraction(n, 2 * size)]
            expected.append(sum(inside) / len(inside))
        result = poolcli.resize(np.arange(float(n))[None], (1, size), "nearest", antialias=True)
        np.testing.assert_allclose(result[0], expected, rtol=1e-14)
    # [1, 2, 3] / 2 of 7 to 6: the third box ends on pixel 3, and has it; the fourth begins there, and has not.
    result = poolcli.resize(np.arange(7.0)[None], (1, 6), "nearest", antialias=True)
    np.testing.assert_array_equal(result, [[0, 1, 2.5, 4, 5, 6]])


def test_halves_are_rounded_from_what_was_computed():
    image = np.array([[1.00048828125 + 2.0**-40]])  # above the middle of two halves, by less than a float32 sees
    expected = image.astype(np.float16)
    assert expected > 1
    np.testing.assert_array_equal(poolcli.resize(image, 1, dtype="float16"), expected)
    np.testing.assert_array_equal(poolcli.upsample(image, "transposed", scale=1, dtype="float16"), expected)
    np.testing.assert_array_equal(poolcli.downsample(image, "average", kernel_size=1, dtype="float16"), expected)


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("coordinates", ["half-pixel", "align-corners"])
@pytest.mark.parametrize("mode", INTERPOLATORS)
def test_a_picture_turned_over_becomes_the_result_turned_over(mode, coordinates, antialias):
    image = picture("float64", (12, 9, 2))
    for size in ((5, 4), (30, 20), (12, 1)):
        given = {"mode": mode, "coordinates": coordinates, "antialias": antialias}
        result = poolcli.resize(image, size, **given)
        turned = poolcli.resize(image[::-1, ::-1], size, **given)[::-1, ::-1]
        if coordinates == "align-corners" and size[1] == 1:  # whose one column is the first
            turned = poolcli.resize(image[::-1], size, **given)[::-1]
        np.testing.assert_allclose(result, turned, rtol=1e-12, atol=1e-12 * largest(image))


def test_overshoot_is_clipped_in_integers_and_kept_in_floats():
    edge = np.repeat(np.array([[0, 0, 0, 255, 255, 255]], np.uint8), 6, axis=0)
    for mode in ("bicubic", "lanczos"):
        floats = poolcli.upsample(edge.astype(np.float32), mode)
        assert floats.min() < -5
        assert floats.max() > 260
        result = poolcli.upsample(edge, mode)
        np.testing.assert_array_equal(result, np.clip(np.rint(floats), 0, 255))


@pytest.mark.parametrize("mode", ["nearest", *INTERPOLATORS, "transposed", "resize-conv", "subpixel", "nails"])
def test_threads_and_batches_change_nothing(mode):
    import numba

    image = picture("uint8", (3, 70, 40, 3) if JIT else (3, 9, 8, 3))
    together = poolcli.upsample(image, mode)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        np.testing.assert_array_equal(poolcli.upsample(image, mode), together)
    finally:
        numba.set_num_threads(before)
    for n in range(3):
        np.testing.assert_array_equal(poolcli.upsample(image[n], mode), together[n])
    np.testing.assert_array_equal(poolcli.upsample(image[:, ::-1].copy()[:, ::-1], mode), together)


def test_every_choice_is_a_row_of_its_table():
    tables = {"coordinates": COORDINATES, "border": BORDERS, "rounding": ROUNDINGS, "weights": CURVES}
    choices = {name: PARAMETERS[name].choices for name in tables} | {"weights": NAMES}
    assert choices == {name: tuple(table) for name, table in tables.items()}


@pytest.mark.parametrize("row", FILTERS.values(), ids=FILTERS)
def test_filters_weigh_most_at_0_and_nothing_beyond_their_reach(row):
    own = [PARAMETERS[name].default for name in row.own]
    reach = row.reach(*own)
    inside, outside = np.linspace(-reach, reach, 201), np.array([-1.5 * reach, -reach - 1e-6, reach + 1e-6, 9 * reach])
    assert row.weights(np.zeros(1), *own).item() == row.weights(inside, *own).max() > 0
    assert row.weights(outside, *own).tolist() == [0, 0, 0, 0]
    assert poolcli.UPSAMPLINGS[row.name].fractional


def test_named_weights():
    np.testing.assert_allclose(weights_of("bilinear", 4, (4, 4), (2, 2))[0] * 4, np.array([0.25, 0.75, 0.75, 0.25]))
    np.testing.assert_allclose(weights_of(None, None, (3, 3), (2, 2))[1], [0.5, 1, 0.5])
    np.testing.assert_allclose(weights_of("box", 3, (3, 3), (2, 2))[1], [0.5, 1, 0.5])
    assert weights_of("gaussian", 5, (3, 3)).sum() == pytest.approx(1)


@pytest.mark.parametrize("order", ["crd", "dcr"])
def test_depth_to_space(order):
    image = picture("uint8", (3, 4, 12))
    np.testing.assert_array_equal(
        depth_to_space(image[None], (2, 3), order)[0], naive.depth_to_space(image, (2, 3), order)
    )


def test_no_picture_is_changed():
    image = picture("float32", (7, 11, 4))
    before = image.copy()
    for mode in set(poolcli.UPSAMPLINGS) - {"unpool"}:
        poolcli.upsample(image, mode)
    np.testing.assert_array_equal(image, before)


WRONG = [
    ("nearest", {"scale": 0}, "scale=0 is not allowed: it must be a number above 0, at most 2^31, or two of them"),
    ("bilinear", {"scale": "2"}, "scale='2' is not allowed"),
    ("bilinear", {"scale": ("2", "2")}, "scale=('2', '2') is not allowed"),
    ("bilinear", {"scale": (True, 2)}, "scale=(True, 2) is not allowed"),
    ("transposed", {"dilation": 10**30}, "dilation must be a whole number from 1 to 2^31, or 2 of them"),
    ("transposed", {"weights": ""}, "weights='': there is no such file"),
    ("unpool", {"indices": {"indices": np.zeros((7, 11, 3), int), "shape": (14, 22), "stride": np.array(2)}},
     "the indices: damaged: its windows are not as --save-indices writes them"),
    ("unpool", {"indices": {"indices": np.zeros((7, 11, 3), int), "shape": (14, 22), "kernel_size": 2, "padding": 0}},
     "the indices: damaged: its windows are not as --save-indices writes them"),
    ("unpool", {"indices": "\0"}, "'\\x00' is no name of a file"),
    ("bilinear", {"scale": -2}, "scale=-2 is not allowed"),
    ("bilinear", {"scale": np.nan}, "scale=nan is not allowed"),
    ("bilinear", {"scale": 0.5}, "scale=0.5 makes images smaller, and would leave pixels out: downsample pools all "
     "of them, and poolcli.resize in Python with antialias=True averages them"),
    ("nearest", {"scale": (2, 0.99)}, "scale=(2, 0.99) makes images smaller"),
    ("nails", {"scale": 0.5}, "scale=0.5 makes images smaller"),
    ("bilinear", {"scale": 2, "size": 4}, "size=4 and scale=2 both say how large the output is: give one of them"),
    ("nails", {"scale": 1.5}, "scale=1.5 is not allowed: mode 'nails' takes whole numbers; nearest, bilinear, bicubic, "
     "lanczos take others"),
    ("nails", {"size": 4}, "mode 'nails' takes no size: the modes that do are nearest, bilinear, bicubic"),
    ("bilinear", {"lobes": 2}, "mode 'bilinear' takes no lobes: the modes that do are lanczos"),
    ("bilinear", {"border": "mirror"}, "border='mirror' is not allowed: border must be edge or reflect"),
    ("bilinear", {"fill": 3}, "border='edge' takes no fill: the border that does is constant"),
    ("resize-conv", {"border": "exclude"}, "border='exclude' is not allowed: border must be edge or reflect or wrap or "
     "constant"),
    ("subpixel", {"order": "rows"}, "order='rows' is not allowed: order must be crd or dcr"),
    ("lanczos", {"lobes": 0}, "lobes=0 is not allowed: lobes must be a whole number from 1 to 16"),
    ("transposed", {"weights": np.zeros(3)}, "the shape is (3,): it must be (F, F) or (C_in, C_out, F, F), of "
     "transposed also (C, F, F)"),
    ("resize-conv", {"weights": np.zeros((3, 3, 3))}, "the shape is (3, 3, 3): it must be (F, F) or (C_in, C_out, F"),
    ("resize-conv", {"groups": 3}, "mode 'resize-conv' takes no groups: the modes that do are transposed"),
    ("transposed", {"weights": np.zeros((2, 3, 3))}, "(2, 3, 3) are for 2 channels, and the image has 3"),
    ("transposed", {"weights": np.zeros((3, 1, 3, 3)), "groups": 2}, "groups=2 does not divide the 3 channels that"),
    ("transposed", {"weights": np.zeros((2, 1, 3, 3)), "groups": 2}, "are for 2 channels, and the image has 3"),
    ("transposed", {"weights": np.zeros((3, 3, 3)), "groups": 3}, "groups=3 is for weights (C_in, C_out / groups, F"),
    ("transposed", {"groups": 3}, "groups=3 is for weights (C_in, C_out / groups, F, F), and these are (4, 4)"),
    ("transposed", {"groups": 0}, "groups=0 is not allowed: groups must be a whole number from 1 to 2^31"),
    ("transposed", {"weights": np.zeros((2, 1, 3, 3))}, "(2, 1, 3, 3) are for 2 channels, and the image has 3"),
    ("transposed", {"weights": np.full((2, 2), np.nan)}, "the weights: holds what is no finite number"),
    ("transposed", {"weights": np.zeros((2, 2)), "kernel_size": 3}, "kernel_size 3 x 3 is not that of the weights"),
    ("nearest", {"scale": 10**400}, "is not allowed: it must be a number above 0"),
    ("unpool", {"indices": np.zeros((7, 11, 3), int)}, "the indices do not lie in their regions of S x S: size says"),
    ("transposed", {"weights": "none.npy"}, "weights='none.npy': there is no such file, and the names are bilinear"),
    ("transposed", {"weights": np.zeros((2, 2), complex)}, "the weights: they are complex128, and must be real"),
    ("transposed", {"padding": 9}, "padding leaves 0 x 6 pixels of 7 x 11: no image"),
    ("transposed", {"padding": (1, 2, 3)}, "padding must be a whole number from 0 to 2^31, or 2 or 4 of them, or same"),
    ("transposed", {"padding": "valid"}, "padding='valid' is not allowed: padding must be a whole number from 0"),
    ("transposed", {"padding": 0, "output_padding": 2}, "output_padding=2 is not allowed: it must be at most 1"),
    ("transposed", {"padding": 1, "size": (13, 22)}, "size=(13, 22) is not allowed: its height must be from 14 to 15"),
    ("transposed", {"padding": 1, "size": (15, 24)}, "size=(15, 24) is not allowed: its width must be from 22 to 23"),
    ("transposed", {"padding": 1, "output_padding": 0, "size": 23}, "its height must be from 14 to 14"),
    ("transposed", {"size": (18, 9)}, "size=(18, 9) is not allowed: its height must be from 1 to 17"),
    ("average-unpool", {"size": 16}, "size=16 is not allowed: its height must be from 1 to 15"),
    ("unpool", {"size": (16, 22), "indices": {"indices": np.zeros((7, 11, 3), int), "shape": (14, 22)}},
     "size=(16, 22) is not that of the image of the indices, 14 x 22, or larger by less than S, up to 15 x 23"),
    ("unpool", {"size": (14, 21), "indices": {"indices": np.zeros((7, 11, 3), int), "shape": (14, 22)}},
     "size=(14, 21) is not that of the image of the indices"),
    ("transposed", {"kernel_size": 0}, "kernel_size must be a whole number from 1 to 2^31, or 2 of them"),
    ("depth-to-space", {}, "depth-to-space needs a multiple of S x S = 4 channels, not 3"),
    ("depth-to-space", {"order": "rows"}, "order='rows' is not allowed: order must be crd or dcr"),
    ("subpixel", {"weights": np.zeros((3, 6, 1, 1))}, "make 6 channels: no multiple of S x S = 4"),
    ("unpool", {}, "unpool needs indices=FILE"),
    ("unpool", {"indices": np.zeros((7, 11, 3), int), "padding": 20}, "the padding leaves nothing of"),
    ("unpool", {"padding": 1, "indices": {"indices": np.zeros((7, 11, 3), int), "shape": (14, 22)}},
     "the indices know the size of their image: kernel_size and padding are for those that do not"),
    ("unpool", {"indices": np.zeros((7, 11), int)}, "the indices are of shape (7, 11), and the image is (7, 11, 3)"),
    ("unpool", {"indices": np.zeros((2, 7, 11, 3), int)}, "they are of 2 planes: k=1 makes one"),
    ("unpool", {"indices": np.full((7, 11, 3), 308)}, "indices reach 308 to 308, beyond an image of 14 x 22 pixels"),
    ("unpool", {"indices": np.full((7, 11, 3), -1)}, "14 x 22 pixels: -1 is that of a window in the padding alone"),
    ("unpool", {"indices": np.zeros((7, 11, 3))}, "the indices: they are float64, and must be whole numbers"),
    ("bicubic", {"cubic_a": 1e39}, "cubic_a must be a finite number from -3 to 3"),
    ("cubic", {}, "there is no mode 'cubic', did you mean bicubic? The modes are nearest, nails"),
]  # fmt: skip


@pytest.mark.parametrize(("mode", "values", "message"), WRONG, ids=[message for _, _, message in WRONG])
def test_wrong_values(mode, values, message):
    image = picture("uint8")
    with pytest.raises(ValueError, match=re.escape(message)):
        poolcli.upsample(image, mode, **values)


def test_wrong_pictures():
    with pytest.raises(ValueError, match="the image is empty: its width is 0"):
        poolcli.upsample(np.zeros((3, 0, 3)), "nearest")
    with pytest.raises(TypeError, match="dtype complex128 is not supported"):
        poolcli.upsample(np.zeros((3, 3), complex), "nearest")


def test_antialias_takes_no_rounding():
    image = picture("uint8")
    with pytest.raises(ValueError, match="antialias takes a mean of pixels: rounding"):
        poolcli.resize(image, 3, "nearest", antialias=True, rounding="floor")


@pytest.mark.parametrize("mode", ["nearest", *INTERPOLATORS, "nails", "transposed", "unpool"])
def test_batches_of_nothing(mode):
    values = {"indices": np.zeros((0, 3, 4, 2), int)} if mode == "unpool" else {}
    assert poolcli.upsample(np.zeros((0, 3, 4, 2)), mode, **values).shape == (0, 6, 8, 2)


def test_a_text_is_no_truth():
    image = picture("uint8")
    with pytest.raises(ValueError, match="antialias='no' is not allowed: antialias must be True or False"):
        poolcli.resize(image, 3, antialias="no")


@pytest.mark.parametrize("fill", [1e300, -1e300])
@pytest.mark.parametrize("mode", INTERPOLATORS)
@pytest.mark.parametrize("coordinates", COORDINATES)
def test_a_fill_beyond_the_dtype_is_its_limit(coordinates, mode, fill):
    image = picture("uint8")
    given = {"scale": 2, "border": "constant", "coordinates": coordinates}
    limits = [poolcli.resize(image, mode=mode, fill=f, **given) for f in (fill, np.sign(fill) * 1e30)]
    np.testing.assert_array_equal(*limits)
    assert {0, 255} & {*limits[0][-1].ravel()} or coordinates == "align-corners"


@pytest.mark.parametrize("values", [{"scale": 1}, {"scale": 2, "coordinates": "asymmetric"}, {"scale": 3}], ids=str)
@pytest.mark.parametrize("mode", INTERPOLATORS)
def test_a_pixel_on_a_pixel_is_that_pixel(mode, values):
    rng = np.random.default_rng(0)
    image = rng.normal(size=(9, 8)) * 10.0 ** rng.integers(-30, 30, (9, 8))
    s = values["scale"]
    first = s // 2 if "coordinates" not in values else 0
    np.testing.assert_array_equal(poolcli.resize(image, mode=mode, **values)[first::s, first::s], image)


def test_nan_stays_where_it_is_seen():
    image = np.zeros((9, 9), np.float32)
    image[4, 4] = np.nan
    for mode in ("nearest", *INTERPOLATORS):
        result = poolcli.upsample(image, mode)
        assert np.isnan(result[8:10, 8:10]).all()
        assert np.isfinite(result[:2]).all()
    assert poolcli.upsample(image, "bilinear", dtype="uint8").max() == 0


@pytest.mark.parametrize("order", ["crd", "dcr"])
def test_depth_to_space_is_the_inverse_of_space_to_depth(order):
    image = picture("uint16", (6, 9, 2))
    deep = poolcli.downsample(image, "space-to-depth", kernel_size=(2, 3), order=order)
    np.testing.assert_array_equal(poolcli.upsample(deep, "depth-to-space", scale=(2, 3), order=order), image)
    np.testing.assert_array_equal(
        poolcli.upsample(deep, "depth-to-space", scale=(2, 3), order=order), naive.depth_to_space(deep, (2, 3), order)
    )


@pytest.mark.parametrize(
    ("fit", "size", "expected"),
    [("stretch", (20, 20), (20, 20)), ("inside", (20, 20), (10, 20)), ("outside", (20, 20), (20, 40)),
     ("inside", 3, (2, 3)), ("outside", (1, 7), (4, 7)), ("inside", (1, 100), (1, 2)), ("inside", (100, 1), (1, 1))],
)  # fmt: skip
def test_a_size_fits_the_proportions(fit, size, expected):
    image = picture("float32", (6, 12, 3))
    small = poolcli.resize(image, size, fit=fit, antialias=True)
    assert small.shape[:2] == expected
    np.testing.assert_array_equal(small, poolcli.resize(image, expected, antialias=True))
    back = poolcli.resize_backward(np.ones_like(small), image, size, fit=fit, antialias=True)
    np.testing.assert_array_equal(back, poolcli.resize_backward(np.ones_like(small), image, expected, antialias=True))


def test_fit_is_for_a_size():
    image = picture("float32")
    with pytest.raises(ValueError, match="fit='within' is not allowed: fit must be stretch or inside or outside"):
        poolcli.resize(image, 4, fit="within")
    with pytest.raises(ValueError, match="fit='inside' is for a size, and scale=2 keeps proportions or sets them"):
        poolcli.resize(image, scale=2, fit="inside")
