"""Every reduction against its twin, its defining properties, and small maps whose vectors can be read."""

from fractions import Fraction

import naive
import numpy as np
import pytest
from comparison import seen, selects
from effort import EXAMPLES, JIT
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pictures import VARIANTS, describe, picture

import poolcli
from poolcli.dtypes import DTYPES

LOCAL = [(mode, parameters) for mode, parameters in VARIANTS if "count_include_pad" not in parameters]
GLOBAL = [
    ("gap", {}),
    ("gmp", {}),
    ("flatten", {}),
    ("flatten", {"order": "columns"}),
    ("spp", {}),
    ("spp", {"levels": (3, 1)}),
    *(("spp", {"levels": (1, 2), "pool": mode, **parameters}) for mode, parameters in LOCAL),
]
COVARIANCES = [
    {},
    {"center": True},
    {"matrix": True},
    {"power": 0.5},
    {"power": 2.0, "center": True, "matrix": True},
    {"log": True},
    {"top_k": 2},
    {"top_k": 1, "log": True, "center": True},
]
MAPS = [(7, 11, 3), (1, 1, 3), (5, 1, 1), (1, 6, 2), (9, 8, 5), (4, 4, 40)]
# Every dtype on two maps, and two of them on all.
KINDS = [
    (dtype, shape)
    for dtype in (DTYPES if JIT else ("uint8", "float32"))
    for shape in (MAPS if dtype in ("uint8", "float32") else MAPS[::4])
]


POOLS = {"gap": "average", "gmp": "max", "flatten": "max", "spp": "max"}  # or modes that keep values as it does


@pytest.mark.quick_when(lambda dtype, **_: dtype in ("uint8", "float32"))
@pytest.mark.parametrize(("dtype", "shape"), KINDS, ids=str)
@pytest.mark.parametrize(("mode", "parameters"), LOCAL + GLOBAL, ids=[f"{m}-{describe(p)}" for m, p in LOCAL + GLOBAL])
def test_twin(mode, parameters, dtype, shape):
    image = picture(dtype, shape)
    if parameters.get("k", 1) > -(-shape[0] // max(parameters.get("levels", (1,)))) * -(-shape[1] // 2):
        parameters = {**parameters, "k": 1}
    result = poolcli.reduce(image, mode, **parameters)
    exact = naive.reduce(image, mode, **seen(image, mode, parameters))
    assert result.shape == (len(exact),)
    if selects(parameters.get("pool", POOLS.get(mode, mode)), parameters):
        assert result.dtype == image.dtype
        np.testing.assert_array_equal(result.astype(object), np.array(exact, object))
    else:
        assert result.dtype == np.float64
        scale = float(np.abs(image.astype(np.float64)).max())
        narrow = "lip" in (mode, parameters.get("pool")) and dtype not in (
            "float64",
            "int64",
            "uint64",
            "int32",
            "uint32",
        )
        near = 1e-5 if narrow else 1e-12  # weights in float32
        np.testing.assert_allclose(result, np.array(exact, np.float64), rtol=near, atol=near * scale)


@pytest.mark.quick_when(lambda dtype, **_: dtype in ("uint8", "float32"))
@pytest.mark.parametrize(("dtype", "shape"), KINDS, ids=str)
@pytest.mark.parametrize("parameters", COVARIANCES, ids=describe)
def test_covariance_is_that_of_its_twin(parameters, dtype, shape):
    image = picture(dtype, shape)
    if dtype == "float16":  # values that it holds anyway, of which the twin takes the products
        image = image.astype(np.float16)
    parameters = {**parameters, "top_k": min(parameters.get("top_k", 0), shape[2])}
    result = poolcli.reduce(image, "covariance", **parameters)
    exact = np.array(naive.reduce(image, "covariance", **parameters), np.float64)
    assert result.dtype == np.float64
    assert result.shape == exact.shape
    if parameters["top_k"] and shape[:2] == (1, 1) and parameters.get("center"):
        # A matrix of zeros has no first eigenvector, but a first eigenvalue.
        result, exact = (
            np.trace(pool(image, "covariance", **parameters, matrix=True)) for pool in (poolcli.reduce, naive.reduce)
        )
    np.testing.assert_allclose(result, exact, rtol=1e-9, atol=1e-9 * max(np.abs(exact).max(), 1e-300))


IMAGE = np.array([[[1, 8], [3, 6]], [[5, 4], [9, 2]]], np.uint8)


@pytest.mark.parametrize(
    ("mode", "parameters", "expected"),
    [
        ("gap", {}, [4.5, 5]),
        ("gmp", {}, [9, 8]),
        ("median", {}, [3, 4]),
        ("kmax", {"k": 2}, [9, 8, 5, 6]),
        ("kmax", {"k": 2, "combine": "mean"}, [7, 7]),
        ("l2", {"norm": "sum"}, [116**0.5, 120**0.5]),
        ("flatten", {}, [1, 3, 5, 9, 8, 6, 4, 2]),
        ("flatten", {"order": "columns"}, [1, 5, 3, 9, 8, 4, 6, 2]),
        ("spp", {"levels": (1, 2)}, [9, 8, 1, 8, 3, 6, 5, 4, 9, 2]),
        ("covariance", {}, [29, 16, 30]),
        ("covariance", {"center": True}, [8.75, -6.5, 5]),
        ("covariance", {"center": True, "matrix": True}, [[8.75, -6.5], [-6.5, 5]]),
    ],
)
def test_numbers_that_can_be_read(mode, parameters, expected):
    np.testing.assert_allclose(poolcli.reduce(IMAGE, mode, **parameters), expected, rtol=1e-15)


@pytest.mark.parametrize("shape", [(1, 1), (5, 7, 3), (2, 3, 4, 2)], ids=str)
@pytest.mark.parametrize("mode", list(poolcli.REDUCTIONS))
def test_every_mode_takes_every_rank(mode, shape):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    result = poolcli.reduce(image, mode, **({"k": 1} if mode == "kmax" else {}))
    assert result.ndim == (2 if len(shape) == 4 else 1)
    for part, vector in zip(image if len(shape) == 4 else [image], np.atleast_2d(result), strict=True):
        np.testing.assert_array_equal(poolcli.reduce(part, mode, **({"k": 1} if mode == "kmax" else {})), vector)
    assert not np.shares_memory(result, image)


@pytest.mark.parametrize("shape", [(64, 56, 56), (512, 7, 7)], ids=str)
def test_feature_maps(shape):
    maps = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    image = maps.transpose(1, 2, 0)
    exact = maps.astype(np.float64).reshape(shape[0], -1)
    np.testing.assert_allclose(poolcli.reduce(image, "gap"), exact.mean(axis=1), rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(poolcli.reduce(image, "gmp"), maps.max(axis=(1, 2)))
    expected = np.cov(exact, bias=True)
    result = poolcli.reduce(image, "covariance", center=True, matrix=True)
    np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("mode", ["gap", "gmp", "covariance", "spp"])
def test_vectors_have_one_length_whatever_the_size(mode):
    lengths = {len(poolcli.reduce(picture("uint8", shape), mode)) for shape in ((5, 7, 3), (40, 31, 3), (1, 1, 3))}
    assert len(lengths) == 1


@given(arrays.arrays(np.float64, (4, 5, 3), elements=st.floats(-100, 100)))
@EXAMPLES
def test_the_root_of_a_covariance_squared_is_the_covariance(image):
    root = poolcli.reduce(image, "covariance", power=0.5, matrix=True)
    whole = poolcli.reduce(image, "covariance", matrix=True)
    np.testing.assert_allclose(root @ root, whole, rtol=1e-9, atol=1e-9 * max(1e-9, np.abs(whole).max()))


@given(arrays.arrays(np.int16, arrays.array_shapes(min_dims=3, max_dims=3, max_side=9)))
@EXAMPLES
def test_the_first_level_of_a_pyramid_is_the_global_pool(image):
    np.testing.assert_array_equal(poolcli.reduce(image, "spp", levels=1), poolcli.reduce(image, "gmp"))
    np.testing.assert_array_equal(
        poolcli.reduce(image, "spp", levels=(1,), pool="average"), poolcli.reduce(image, "gap")
    )


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=3, max_dims=3, max_side=9)), st.integers(1, 5))
@EXAMPLES
def test_a_pyramid_is_the_adaptive_pools_of_its_levels(image, level):
    expected = poolcli.downsample(image, "max", size=level).ravel()
    np.testing.assert_array_equal(poolcli.reduce(image, "spp", levels=level), expected)


@pytest.mark.parametrize("mode", [mode for mode in poolcli.REDUCTIONS if mode not in ("flatten", "spp", "covariance")])
def test_nan_makes_its_channel_nan(mode):
    image = np.random.default_rng(0).random((6, 7, 3)).astype(np.float32)
    image[2, 3, 1] = np.nan
    result = poolcli.reduce(image, mode).reshape(-1, 3)
    assert np.isnan(result[:, 1]).all()
    assert np.isfinite(result[:, [0, 2]]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("y", "x"), [(0, 0), (69, 69), (35, 1)])
def test_a_nan_anywhere_in_a_large_map(y, x, dtype):
    image = np.random.default_rng(0).standard_normal((70, 70, 2)).astype(dtype)
    image[3, 3], image[4, 4] = np.inf, -np.inf  # which are numbers
    image[y, x, 1] = np.nan
    for mode in ("median", "percentile", "majority", "kmax"):
        result = poolcli.reduce(image, mode, **({"k": 2} if mode == "kmax" else {})).reshape(-1, 2)
        assert not np.isnan(result[:, 0]).any(), mode
        assert np.isnan(result[:, 1]).all(), mode


@pytest.mark.parametrize("parameters", COVARIANCES, ids=describe)
def test_nan_in_a_covariance(parameters):
    image = np.random.default_rng(0).random((6, 7, 3))
    image[2, 3, 1] = np.nan
    result = poolcli.reduce(image, "covariance", **{**parameters, "matrix": True})
    assert np.isnan(result[1]).all()
    spectral = {"power", "log", "top_k"} & set(parameters)
    assert np.isnan(result[0, 0]) == bool(spectral)


def test_means_of_large_pictures_are_exact():
    rng = np.random.default_rng(0)
    whole = rng.integers(0, 256, (2000, 1500, 2) if JIT else (200, 150, 2), np.uint8)
    exact = [Fraction(int(whole[..., c].sum(dtype=np.int64)), whole[..., c].size) for c in (0, 1)]
    np.testing.assert_array_equal(poolcli.reduce(whole, "gap"), [float(value) for value in exact])
    # A float32 sum of these would be wrong in the third digit.
    deep = (rng.random((2000, 1500, 1)) + 1e4).astype(np.float32)
    mean = Fraction(0)
    for row in deep[..., 0]:
        mean += sum(map(Fraction, row[:20].tolist()))
    part = np.ascontiguousarray(deep[:, :20])
    error = abs(Fraction(float(poolcli.reduce(part, "gap")[0])) - mean / part.size)
    assert error / (mean / part.size) < Fraction(1, 10**12)


@pytest.mark.parametrize("dtype", ["uint32", "int32"])
def test_sums_of_32_bits_are_exact(dtype):
    image = picture(dtype, (300, 200, 1))
    exact = Fraction(sum(image.ravel().tolist()), image.size)
    assert poolcli.reduce(image, "gap")[0] == float(exact)


@pytest.mark.skipif(not JIT, reason="minutes, uncompiled")
def test_sums_of_32_bits_are_exact_beyond_53():
    image = np.full((3000, 2001, 1), 2**32 - 1, np.uint32)
    image[::7, ::5] -= 12345
    exact = Fraction(int(image.sum(dtype=np.uint64)), image.size)
    assert exact * image.size > 2**53
    assert poolcli.reduce(image, "gap")[0] == float(exact)


def test_covariance_of_values_far_from_0_keeps_its_digits():
    noise = np.random.default_rng(0).standard_normal((50, 60, 2))
    far = noise + 1e7
    near = poolcli.reduce(noise, "covariance", center=True)
    np.testing.assert_allclose(poolcli.reduce(far, "covariance", center=True), near, rtol=1e-7)


def test_draws_of_what_is_infinite_are_those_of_a_pool():
    image = np.array([[1, -np.inf, 3.0]])
    for beta, expected in ((-1, -np.inf), (0, None)):
        drawn = poolcli.reduce(image, "random", beta=beta)[0]
        assert drawn == poolcli.downsample(image, "random", size=1, beta=beta)[0, 0]
        assert expected is None or drawn == expected


def test_vectors_are_in_the_byte_order_of_the_machine():
    for mode in ("flatten", "median", "gap"):
        assert poolcli.reduce(np.ones((3, 3), ">f4"), mode).dtype.isnative


def test_dtype_of_the_result():
    assert poolcli.reduce(IMAGE, "gap", dtype="uint8").tolist() == [4, 5]
    assert poolcli.reduce(IMAGE > 4, "gmp").dtype == bool
    assert poolcli.reduce(IMAGE.astype(np.float16), "median").dtype == np.float16
    assert poolcli.reduce(IMAGE, "flatten", dtype="float32").dtype == np.float32


@pytest.mark.parametrize(
    ("mode", "parameters", "message"),
    [
        ("gop", {}, r"there is no mode 'gop', did you mean gmp\? The modes are gap, gmp"),
        ("gap", {"p": 2}, "mode 'gap' takes no p: the modes that do are lp, gem"),
        ("spp", {"levels": (1, 0)}, r"levels=\(1, 0\) is not allowed: levels must be whole numbers from 1 to 1024"),
        ("spp", {"levels": 10**9}, "levels must be whole numbers from 1 to 1024"),
        ("spp", {"levels": ()}, "levels must be whole numbers"),
        ("spp", {"pool": "gap"}, "pool='gap' is not allowed: pool must be one of max, min"),
        ("spp", {"pool": ["max"]}, r"pool=\['max'\] is not allowed: pool must be one of max, min"),
        ("spp", {"q": 3}, "mode 'spp' takes no q"),
        ("kmax", {"k": 5}, "k=5 is more than the 4 values"),
        ("covariance", {"top_k": 3}, "top_k=3 is more than the 2 eigenvalues"),
        ("covariance", {"power": 0}, "power=0 is not allowed: power must be a finite number above 0"),
        ("covariance", {"power": 0.5, "log": True}, "power=0.5 and log=True exclude each other"),
        ("flatten", {"order": "up"}, "order must be rows or columns"),
    ],
)
def test_wrong_values(mode, parameters, message):
    with pytest.raises(ValueError, match=message):
        poolcli.reduce(IMAGE, mode, **parameters)


@pytest.mark.parametrize("shape", [(0, 3, 3), (3, 0, 3), (3, 3, 0)], ids=str)
def test_empty_maps(shape):
    with pytest.raises(ValueError, match="the map is empty"):
        poolcli.reduce(np.zeros(shape), "gap")


@pytest.mark.parametrize("mode", list(poolcli.REDUCTIONS))
def test_a_batch_of_no_maps(mode):
    expected = poolcli.reduce(np.zeros((1, 4, 5, 3), np.uint8), mode)
    result = poolcli.reduce(np.zeros((0, 4, 5, 3), np.uint8), mode)
    assert (result.shape, result.dtype) == ((0, *expected.shape[1:]), expected.dtype)


def test_no_map():
    with pytest.raises(ValueError, match="an array of rank 1 is no map"):
        poolcli.reduce(np.zeros(3), "gap")
    with pytest.raises(TypeError, match="dtype complex128 is not supported"):
        poolcli.reduce(np.zeros((3, 3), complex), "gap")
