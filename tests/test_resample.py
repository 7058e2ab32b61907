"""Resampling by pixels as vectors: any number of channels and taps, and nothing of what lies beside a window."""

from itertools import product

import naive
import numba
import numpy as np
import pytest
from comparison import assert_rounded
from effort import JIT
from pictures import picture

import poolcli
from poolcli import sampling
from poolcli.engine import pixels
from poolcli.engine.compile import bind
from poolcli.engine.interleave import take
from poolcli.filters import FILTERS

CHANNELS = (1, 2, 3, 4, 5, 6, 9)
SIZES = [
    ((13, 25), (2, 4)),  # 12 taps of bilinear, 36 of lanczos
    ((12, 24), (4, 6)),  # whole strides
    ((9, 11), (8, 10)),
    ((9, 1), (2, 1)),
    ((1, 9), (1, 2)),
    ((7, 6), (2, 10)),  # fewer rows, more columns
    ((6, 7), (10, 2)),
    ((6, 10), (10, 17)),
    ((5, 1), (8, 3)),
]


@pytest.mark.quick_when(lambda channels, dtype: channels == 3 or dtype in ("uint8", "float32"))
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64", "int64"] if JIT else ["uint8"])
@pytest.mark.parametrize("channels", CHANNELS)
def test_twin_of_every_number_of_channels(channels, dtype):
    for shape, size in SIZES:
        image = picture(dtype, (*shape, channels))
        for mode in ("bilinear", "lanczos") if dtype in ("uint8", "float32") else ("bicubic",):
            result = poolcli.resize(image, size, mode, antialias=True)
            exact = naive.resize(image, size, mode, antialias=True)
            assert_rounded(result, exact, 2 * float(np.abs(image.astype(np.float64)).max()))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1, 2), [[[2, 12], [6, 16]]]),
        ((1, 3), [[[1, 11], [4, 14], [7, 17]]]),
        ((1, 12), [[[v, v + 10] for v in (0, 1, 1, 2, 3, 4, 4, 5, 6, 7, 7, 8)]]),
    ],
    ids=str,
)
def test_pixels_that_can_be_read(size, expected):
    """0 ... 8 and 10 ... 18: means of neighbours, and what is a quarter or a half of a pixel away from one."""
    ramp = np.stack([np.arange(9), np.arange(10, 19)], axis=-1).astype(np.uint8)[None]
    assert poolcli.resize(ramp, size, antialias=True, border="exclude").tolist() == expected


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("size", [(3, 5), (3, 29), (12, 29), (12, 5)], ids=str)
def test_what_is_beside_a_window_is_not_seen(size, channels, value):
    n = 17
    for mode in ("bilinear", "bicubic"):
        image = picture("float32", (7, n, channels))
        how = sampling.Resampling(FILTERS[mode], (-0.5,) * (mode == "bicubic"), antialias=True)
        axis = sampling.axis(n, size[1], None, how)
        windows = axis.index[axis.first[:, None] + np.arange(axis.weights.shape[1])]
        for column, channel in ((0, channels - 1), (8, 0), (n - 1, channels // 2)):
            hit = image.copy()
            hit[:, column, channel] = value
            result = poolcli.resize(hit, size, mode, antialias=True)
            seen = (windows == column).any(axis=1)
            weighs = ((windows == column) & (axis.weights != 0)).any(axis=1)
            clean = poolcli.resize(image, size, mode, antialias=True)
            others = np.arange(channels) != channel
            np.testing.assert_array_equal(result[:, :, others], clean[:, :, others])
            np.testing.assert_array_equal(result[:, ~seen], clean[:, ~seen])
            assert not np.isfinite(result[:, weighs, channel]).any()


@pytest.mark.skipif(not JIT, reason="one thread, uncompiled")
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 3, 4, 7])
@pytest.mark.parametrize("size", [(31, 22), (53, 41), (151, 99)], ids=str)
def test_threads_and_batches_change_no_bit(size, channels, dtype):
    images = picture(dtype, (3, 90, 57, channels))
    together = poolcli.resize(images, size, "lanczos", antialias=True)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        assert poolcli.resize(images, size, "lanczos", antialias=True).tobytes() == together.tobytes()
    finally:
        numba.set_num_threads(before)
    for image, expected in zip(images, together, strict=True):
        assert poolcli.resize(image, size, "lanczos", antialias=True).tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("count", [*range(1, 10), 13])
def test_groups_of_pixels_are_added_as_pixels_are(count, channels, dtype):
    rng = np.random.default_rng(count)
    first = np.array([0, 2, 3, 7], np.int64)
    weights = rng.normal(size=(4, count)).astype(dtype)
    row = rng.normal(size=(7 + count) * channels + pixels.BEYOND).astype(dtype)
    row[(7 + count) * channels :] = np.nan
    out = np.empty((2, 4 * channels + pixels.BEYOND), dtype)
    by_groups = bind(pixels.gather_groups, pixel=channels)

    @numba.njit  # of functions that become parts of others there may be no code that Python can call
    def gather(row, first, weights, groups, out):
        pixels.gather(row, first, weights, channels, out[0])
        by_groups(row, first, weights, groups, channels, out[1])

    gather(row, first, weights, pixels.grouped(weights, channels), out)
    expected = [
        (weights[i, :, None] * row[begin * channels : (begin + count) * channels].reshape(count, channels)).sum(axis=0)
        for i, begin in enumerate(first)
    ]
    for made in out:
        np.testing.assert_allclose(made[: 4 * channels].reshape(4, channels), expected, rtol=1e-4, atol=1e-5)


def test_weights_of_groups_can_be_read():
    made = pixels.grouped(np.arange(1.0, 7)[None], 3)
    assert made.tolist() == [[[1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 0, 0, 0, 0]]]
    assert pixels.grouped(np.ones((2, 9)), 1).shape == (2, 2, 4)
    assert pixels.grouped(np.ones((2, 9)), 5).size == 0


@pytest.mark.quick_when(lambda dtype, channels: dtype in ("uint8", "float32"))
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "uint64", "float64"])
def test_pixels_are_taken_from_anywhere(dtype, channels):
    rng = np.random.default_rng(0)
    for height, width, size in product((1, 3), (1, 2, 9), (1, 5, 40)):
        image = picture(dtype, (2, height, width, channels))
        rows = rng.integers(0, height, 4)
        for low, high in ((0, width), (-1, width), (0, max(width - 1, 1))):
            columns = rng.integers(low, high, size)
            expected = image[:, rows[:, None], columns]
            expected[:, :, columns < 0] = 0
            np.testing.assert_array_equal(take(image, rows, columns), expected)


def test_pixels_that_begin_at_odd_bytes_are_taken():
    image = np.frombuffer(bytes(range(61)), np.uint8, 60, offset=1).reshape(1, 3, 5, 4)
    columns = np.array([4, 0, 0, 3, 1, -1, 2])
    expected = image[:, ::-1][:, :, columns]
    expected[:, :, 5] = 0
    np.testing.assert_array_equal(take(image, np.array([2, 1, 0]), columns), expected)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_nearest_at_fractional_scales(dtype, channels):
    image = picture(dtype, (6, 10, channels))
    for size in ((10, 17), (6, 25), (7, 10), (5, 9)):
        places = [[(2 * i + 1) * n // (2 * m) for i in range(m)] for n, m in zip((6, 10), size, strict=True)]
        np.testing.assert_array_equal(poolcli.resize(image, size, "nearest"), image[np.ix_(*places)])
