"""Small windows side by side, and windows of many channels, which are folded row by row: against the naive twins."""

import naive
import numpy as np
import pytest
from comparison import assert_rounded
from effort import EXAMPLES, JIT
from hypothesis import given
from hypothesis import strategies as st

import poolcli
from poolcli.engine import blocks

SHAPE = (13, 22)
GEOMETRIES = [
    {},
    {"kernel_size": (1, 2)},
    {"kernel_size": (2, 1)},
    {"kernel_size": (2, 2), "stride": (1, 2)},  # rows in two windows each
    {"kernel_size": 3},
    {"kernel_size": (4, 3)},
    {"kernel_size": (5, 9)},  # more columns than loops are unrolled for
    {"kernel_size": 2, "padding": 1},  # windows of one, two and four at the frame
    {"kernel_size": 3, "ceil": True},
    {"kernel_size": 3, "stride": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": SHAPE},
    {"dilation": 2},
]


def picture(dtype, channels):
    """Return noise with the extremes of its dtype."""
    rng, dtype = np.random.default_rng(0), np.dtype(dtype)
    if dtype.kind == "f":
        return (rng.standard_normal((*SHAPE, channels)) * 100).astype(dtype)
    limits = np.iinfo(dtype)
    image = rng.integers(limits.min, limits.max, (*SHAPE, channels), dtype, endpoint=True)
    image[::4] = limits.max
    image[:, ::5] = limits.min
    return image


@pytest.mark.quick_when(lambda dtype, **_: dtype in ("uint8", "float32"))
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("channels", [1, 3, 9])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "float32"])
def test_twin(dtype, channels, geometry):
    image = picture(dtype, channels)
    for mode in ("average", "max", "min"):
        result = poolcli.downsample(image, mode, **geometry)
        exact = naive.downsample(image, mode, **geometry)
        if mode == "average":
            assert_rounded(result, exact, float(np.abs(image.astype(np.float64)).max()))
        else:
            np.testing.assert_array_equal(result.astype(object), exact)


@pytest.mark.parametrize(
    ("shape", "geometry", "expected"),
    [
        ((8, 8, 3), {}, True),
        ((8, 8, 2), {}, False),  # no loop is compiled for two channels
        ((8, 8, 3), {"kernel_size": 3, "stride": 2}, False),  # of few channels, windows that overlap
        ((8, 8, 8), {"kernel_size": 3, "stride": 2}, True),
        ((8, 8, 8), {"kernel_size": 3, "stride": 1}, False),
        ((8, 8, 3), {"dilation": 2}, False),
        ((8, 8, 3), {"size": 3}, False),  # bins of three columns lie two and three apart
    ],
    ids=str,
)
def test_which_windows_are_folded_row_by_row(shape, geometry, expected, monkeypatch):
    taken = []
    monkeypatch.setattr(blocks, "pool", lambda *arguments: taken.append(1) or original(*arguments))
    poolcli.downsample(np.zeros(shape, np.uint8), "average", **geometry)
    assert bool(taken) == expected


original = blocks.pool


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int8", "int16"])
def test_quarters_are_rounded_to_even(dtype):
    limits = np.iinfo(dtype)
    values = [*range(limits.min, limits.min + 5), *range(-2, 3), *range(limits.max - 4, limits.max + 1)]
    some = np.array([value for value in values if value >= limits.min], dtype)
    fours = np.stack([one.ravel() for one in np.meshgrid(some, some, some, some[::2])], 1)
    image = fours.reshape(-1, 2, 2).transpose(1, 0, 2).reshape(2, -1)  # each a window
    expected = np.rint(fours.sum(1, dtype=np.int64) / 4)
    np.testing.assert_array_equal(poolcli.downsample(image, "average")[0], expected)


@pytest.mark.parametrize("channels", [1, 3, 9])
@pytest.mark.parametrize("geometry", [{}, {"kernel_size": 3}, {"kernel_size": 2, "padding": 1}], ids=str)
def test_nan_infinity_and_the_sign_of_zero(geometry, channels):
    rng = np.random.default_rng(1)
    image = rng.choice(np.array([0.0, -0.0, 1, -1, np.inf, -np.inf, np.nan], np.float32), (*SHAPE, channels))
    for mode in ("average", "max", "min"):
        with np.errstate(invalid="ignore"):
            exact = naive.downsample(image, mode, **geometry).astype(np.float32)
        np.testing.assert_array_equal(poolcli.downsample(image, mode, **geometry), exact)
    for value in (0.0, -0.0):
        flat = np.full((6, 6, channels), value, np.float32)
        for mode in ("average", "max"):
            assert (np.signbit(poolcli.downsample(flat, mode, **geometry)) == np.signbit(np.float32(value))).all()
    zeros = np.where(rng.random((6, 8, channels)) < 0.5, 0.0, -0.0).astype(np.float32)
    found, _ = poolcli.downsample(zeros, "max", return_indices=True, **geometry)
    assert poolcli.downsample(zeros, "max", **geometry).tobytes() == found.tobytes()  # the first in row order


@pytest.mark.skipif(not JIT, reason="one thread, uncompiled")
@pytest.mark.parametrize("geometry", [{}, {"kernel_size": 3}, {"kernel_size": 3, "stride": 2, "padding": 1}], ids=str)
@pytest.mark.parametrize("shape", [(3, 40, 61, 3), (3, 40, 61, 16)], ids=str)
def test_same_bytes_on_one_thread_and_two_and_of_any_strides(shape, geometry):
    import numba

    batch = np.random.default_rng(2).standard_normal(shape).astype(np.float32)
    strided = np.repeat(batch, 2, axis=2)[:, :, ::2]
    many = poolcli.downsample(batch, "average", **geometry)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = poolcli.downsample(batch, "average", **geometry)
    finally:
        numba.set_num_threads(before)
    assert many.tobytes() == one.tobytes() == poolcli.downsample(strided, "average", **geometry).tobytes()
    alone = np.stack([poolcli.downsample(image, "average", **geometry) for image in batch])
    assert alone.tobytes() == many.tobytes()


@given(st.integers(1, 12), st.integers(1, 24), st.integers(1, 6), st.integers(1, 9), st.sampled_from([1, 3, 8]))
@EXAMPLES
def test_any_windows_side_by_side(height, width, down, across, channels):
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (height, width, channels), np.uint8)
    window = min(down, height), min(across, width)
    for geometry in ({"kernel_size": window}, {"kernel_size": window, "ceil": True}):
        exact = naive.downsample(image, "average", **geometry)
        np.testing.assert_array_equal(
            poolcli.downsample(image, "average", **geometry), np.vectorize(round)(exact).astype(np.uint8)
        )
        np.testing.assert_array_equal(
            poolcli.downsample(image, "max", **geometry), naive.downsample(image, "max", **geometry)
        )


@pytest.mark.parametrize("channels", [1, 3, 9])
@pytest.mark.parametrize("height", [1, 7, 8, 9, 17, 150])
@pytest.mark.parametrize("width", [1, 2, 3, 65])
def test_whole_maps_and_bins(height, width, channels):
    if height * width < 64 or not (JIT or height * width < 1000):
        height, width = 64, width  # that is pooled in parts
    rng = np.random.default_rng(4)
    for dtype in ("uint8", "int16", "float32"):
        image = (rng.standard_normal((2, height, width, channels)) * 100).astype(dtype)
        wide = image.astype(np.float64)
        close = {"rtol": 1e-13, "atol": 1e-12}
        np.testing.assert_allclose(poolcli.reduce(image, "gap"), wide.mean((1, 2)), **close)
        np.testing.assert_array_equal(poolcli.reduce(image, "gmp"), image.max((1, 2)))
        bins = poolcli.downsample(image, "average", size=(2, min(width, 3)), dtype="float64")
        for i, j in np.ndindex(bins.shape[1:3]):
            rows, columns = (
                slice(k * n // b, -(-(k + 1) * n // b)) for k, n, b in ((i, height, 2), (j, width, bins.shape[2]))
            )
            np.testing.assert_allclose(bins[:, i, j], wide[:, rows, columns].mean((1, 2)), **close)


@pytest.mark.skipif(not JIT, reason="minutes, uncompiled")
def test_a_row_too_long_to_be_joined_at_once():
    row = np.random.default_rng(5).random((1, 2_200_000), np.float32)
    np.testing.assert_allclose(poolcli.reduce(row, "gap"), row.mean(dtype=np.float64), rtol=1e-12)
    assert poolcli.reduce(row, "gmp") == row.max()
