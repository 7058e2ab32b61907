"""Numbers that can be trusted at any size: modes that blend against their true values, and one result by all ways."""

import resource
import subprocess
import sys
from fractions import Fraction

import exact
import numpy as np
import pytest
from effort import JIT

import poolcli
from poolcli.engine.arithmetic import _exp64
from poolcli.engine.compile import plain

NAMES = [" ".join([mode, *(f"{key}={value}" for key, value in values.items())]) for mode, values in exact.MODES]
# Windows of few values, of more than are added in float32, and such that are pooled in parts.
SIZES = [(1, 2), (2, 2), (3, 3), (7, 9), (46, 46), (66, 80), (1, 700), (700, 1)] if JIT else [(2, 2), (3, 9)]


# Of each kernel one case is quick: other powers and weights run in the same kernels, other dtypes in their like.
QUICK = ["average", "l2 norm=mean", "gem", "mixed lam=0.3", "soft", "kmax k=3 combine=mean", "blur", "lip"]


@pytest.mark.quick_when(lambda case, dtype: dtype == "float32" and NAMES[case] in QUICK)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint64", "int64", "float32", "float64"])
@pytest.mark.parametrize("case", range(len(NAMES)), ids=NAMES.__getitem__)
def test_no_window_errs_by_more_than_a_rounding(case, dtype):
    rng, (mode, parameters) = np.random.default_rng(1), exact.MODES[case]
    for size in SIZES:
        for kind in exact.CONTENTS:
            share = exact.worst(mode, parameters, dtype, size, kind, rng)
            assert share <= 1, f"{size} of {kind}: {share:.3f} of what is allowed"


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="NumPy has no wider float here to compare with")
def test_the_exponential_errs_by_no_more_than_a_rounding():
    rng, exponential = np.random.default_rng(4), plain(_exp64)
    x = np.concatenate([rng.uniform(-708, 709, 4000), rng.uniform(-1, 1, 4000), np.arange(-40, 40) * np.log(2) / 2])
    found, true = np.array([exponential(value) for value in x]), np.exp(x.astype(np.longdouble))
    assert np.abs(found / true - 1).max() < 2e-16
    assert [exponential(value) for value in (0.0, -0.0, -709.0, -np.inf)] == [1, 1, 0, 0]
    assert np.isnan(exponential(np.nan))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", exact.DTYPES)
@pytest.mark.parametrize(("mode", "parameters"), exact.MODES, ids=NAMES)
def test_no_random_window_errs_by_more_than_a_rounding(mode, parameters, dtype):
    rng = np.random.default_rng(2)
    for _ in range(6):
        size, kind = exact.sides(4096, rng), str(rng.choice(exact.CONTENTS))
        share = exact.worst(mode, parameters, dtype, size, kind, rng)
        assert share <= 1, f"{size} of {kind}: {share:.3f} of what is allowed"


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
@pytest.mark.parametrize(("mode", "parameters"), [("average", {}), ("l2", {}), ("gem", {}), ("soft", {}), ("blur", {})])
def test_the_largest_window_errs_by_no_more_than_a_rounding(mode, parameters, dtype):
    for kind in ("noise", "dark with hot pixels"):
        assert exact.worst(mode, parameters, dtype, (4096, 4096), kind, np.random.default_rng(3)) <= 1


@pytest.mark.quick_when(lambda dtype, value: dtype == "uint8")
@pytest.mark.parametrize(
    ("dtype", "value"),
    [("uint8", 200), ("uint16", 40961), ("float32", 0.1), ("float64", 0.1), ("uint64", 2**64 - 2), ("int64", -(2**63))],
)
def test_flat_pictures_of_any_size_stay_flat(dtype, value):
    flat = np.full((300, 301), value, dtype)
    windows = ({"size": 1}, {"kernel_size": 46}, {"kernel_size": 3}) if JIT else ({"kernel_size": 300},)
    for mode, row in poolcli.MODES.items():
        if row.stacks:
            continue
        values = {"norm": "mean"} if "norm" in row.parameters and mode != "lip" else {}
        values |= {"k": 1} if mode == "kmax" else {}
        expected = np.iinfo(np.int64).max if value < 0 and mode in ("l2", "lp") else max(flat.flat[0], 0 * flat.flat[0])
        expected = expected if mode in ("l2", "lp", "gem") else flat.flat[0]  # of abs(r), or max(r, 0)
        for window in windows:
            result = poolcli.downsample(flat, mode, **window, **values)
            assert (result == expected).all(), (mode, window, result.ravel()[:3])


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        ("uint64", [2**64 - 2] * 4, 2**64 - 2),
        ("uint64", [2**64 - 1, 2**64 - 2, 2**64 - 4, 2**64 - 5], 2**64 - 3),
        ("uint64", [0, 1, 2**63, 2**63 + 2], 2**62 + 1),  # a quarter of 3 is rounded up
        ("uint64", [1, 0, 0, 1], 0),  # ties to even
        ("int64", [-(2**63)] * 4, -(2**63)),
        ("int64", [-(2**63), 2**63 - 1, -3, 0], -1),
        ("int64", [2**53 + 1, 2**53 + 1, 2**53 + 1, 2**53 + 1], 2**53 + 1),
        ("float64", [1e16, 1, -1e16, 1], 0.5),
    ],
)
def test_averages_of_64_bits_are_exact(dtype, values, expected):
    image = np.array(values, dtype).reshape(2, 2)
    assert poolcli.downsample(image, "average")[0, 0] == expected
    repeated = np.tile(image, (40, 40))  # in parts
    assert poolcli.downsample(repeated, "average", size=1)[0, 0] == expected
    assert poolcli.reduce(repeated, "gap")[0] == float(sum(map(Fraction, values)) / 4)


def test_averages_of_64_bits_saturate_in_narrower_ones():
    image = np.array([[2**63, 2**63], [0, 0]], np.uint64)
    assert poolcli.downsample(image, "average", dtype="uint8")[0, 0] == 255
    assert poolcli.downsample(np.array([[-300, -301]]), "average", kernel_size=(1, 2), dtype="int8")[0, 0] == -128
    assert poolcli.downsample(image, "average", dtype="float32")[0, 0] == 2.0**62


def test_sums_over_padding_divide_by_all():
    image = np.full((4, 4), 2**62, np.uint64)
    result = poolcli.downsample(image, "average", kernel_size=3, stride=2, padding=1, count_include_pad=True)
    assert result[0, 0] == round(Fraction(4 * 2**62, 9))


EXTREME = [
    # mode, parameters, window, result
    ("soft", {}, [1, -np.inf, 1, 1], 1),  # what is infinitely small weighs nothing
    ("soft", {}, [-np.inf] * 4, -np.inf),
    ("soft", {}, [np.inf, 1, 2, 3], np.inf),
    ("soft", {"beta": -1}, [np.inf, 2, 2, 2], 2),
    ("soft", {"beta": 0}, [np.inf, 1, 2, 3], np.inf),
    ("soft", {"beta": 1e300}, [1, 3, 2, 1], 3),
    ("soft", {"beta": -1e300}, [1, 3, 2, 1], 1),
    ("soft", {}, [1e37, -1e37, 3e37, 2e37], 3e37),
    ("soft", {}, [3e38, 3e38, -3e38, 3e38], 3e38),
    ("l2", {}, [3e38] * 4, 1.5e38),
    ("lp", {}, [1e37] * 4, 1e37 * 4 ** (1 / 3) / 4),
    ("gem", {}, [3e38, 0, 0, 0], 3e38 * 0.25 ** (1 / 3)),
    ("lip", {}, [3e38] * 4, 3e38),
    ("lip", {}, [1e37] * 4, 1e37),
    ("random", {"beta": 1e300}, [1, 3, 2, 1], 3),
]


@pytest.mark.quick_when(lambda dtype, **_: dtype == "float32")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("mode", "parameters", "values", "expected"), EXTREME, ids=str)
def test_extremes(mode, parameters, values, expected, dtype):
    image = np.array(values, dtype).reshape(2, 2)
    np.testing.assert_allclose(poolcli.downsample(image, mode, **parameters)[0, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(poolcli.reduce(image, mode, **parameters)[0], expected, rtol=1e-6)


@pytest.mark.quick_when(lambda mode: not JIT or mode in ("average", "mixed"))
@pytest.mark.parametrize("mode", ["average", "l2", "soft", "blur", "lip", "mixed"])
def test_ties_near_the_end_of_a_dtype(mode):
    for low, dtype in ((32766, "int16"), (-32768, "int16"), (65534, "uint16"), (126, "int8"), (254, "uint8")):
        image = np.array([[low, low + 1], [low, low + 1]]).astype(dtype)
        values = {"beta": 0} if mode == "soft" else {"norm": "mean"} if mode == "l2" else {}
        result = int(poolcli.downsample(image, mode, **values)[0, 0])
        true = exact.window(image, 0, 0, mode, (2, 2), **({"lam": 0.5} if mode == "mixed" else {}), **values)
        assert abs(result - true) <= 0.5 + 1e-6 * abs(true)
        if true == low + 0.5:  # to even
            assert result % 2 == 0


def same_by_all_ways(image, mode, levels, **values):
    """Check that whole maps and bins are local pools, to the byte."""
    selects = poolcli.MODES[mode].selects and values.get("combine") != "mean"
    for made in (None, image.dtype) if not selects else (None,):
        dtype = made or (image.dtype if selects else np.dtype(np.float64))
        whole = poolcli.downsample(image, mode, size=1, dtype=dtype, **values)
        assert poolcli.reduce(image, mode, dtype=made, **values).tobytes() == whole.tobytes()
        bins = [poolcli.downsample(image, mode, size=level, dtype=dtype, **values) for level in levels]
        if values.get("combine", "mean") == "planes":
            bins = [np.moveaxis(one, 0, 2) for one in bins]
        flat = np.concatenate([one.reshape(-1) for one in bins])
        pyramid = poolcli.reduce(image, "spp", pool=mode, levels=levels, dtype=made, **values)
        assert pyramid.tobytes() == flat.tobytes(), (mode, dtype)


@pytest.mark.quick_when(lambda dtype, mode: dtype == "uint8" or mode in ("average", "soft", "gem"))
@pytest.mark.parametrize("dtype", ["uint8", "float32"] if JIT else ["uint8"])
@pytest.mark.parametrize("mode", [mode for mode in poolcli.MODES if mode in poolcli.REDUCTIONS])
def test_whole_maps_and_bins_are_local_pools(mode, dtype):
    rng = np.random.default_rng(0)
    for shape in ((7, 9, 2), (70, 66, 3), (131, 150, 1)) if JIT else ((7, 9, 2),):
        image = exact.content("noise", dtype, shape, rng)
        values = {"k": 3, "combine": "planes"} if mode == "kmax" else {}
        same_by_all_ways(image, mode, (1, 2), **values)


@pytest.mark.parametrize("mode", ["average", "gem", "soft", "blur"])
def test_a_batch_gives_the_bytes_of_its_pictures(mode):
    batch = exact.content("noise", "float32", (5, 30, 1500 if JIT else 20, 3), np.random.default_rng(7))
    for shape in (batch.shape, (5, 30 * batch.shape[2], 1, 3)):
        many = batch.reshape(shape)
        alone = [poolcli.reduce(one, mode) for one in many]
        assert poolcli.reduce(many, mode).tobytes() == np.stack(alone).tobytes()
        bins = [poolcli.downsample(one, mode, size=(3, 1), dtype="float64") for one in many]
        assert poolcli.downsample(many, mode, size=(3, 1), dtype="float64").tobytes() == np.stack(bins).tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", exact.DTYPES)
@pytest.mark.parametrize("mode", [mode for mode in poolcli.MODES if mode in poolcli.REDUCTIONS])
def test_whole_maps_and_bins_are_local_pools_in_every_dtype(mode, dtype):
    rng = np.random.default_rng(0)
    for shape in ((1, 1, 1), (16, 20, 2), (300, 257, 2), (40, 33, 65)):
        image = exact.content("noise", dtype, shape, rng)
        for values in [{"norm": "mean"}, {"norm": "sum"}] if mode in ("l2", "lp") else [{}]:
            same_by_all_ways(image, mode, (1, 4, 5), **values | ({"k": 1} if mode == "kmax" else {}))


@pytest.mark.skipif(not JIT, reason="minutes, uncompiled")
@pytest.mark.quick_when(lambda dtype, **_: dtype in ("uint8", "float32", "int64"))
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64", "int64"])
@pytest.mark.parametrize("content", ["noise", "few", "one"])
def test_ranks_of_large_windows(content, dtype):
    rng = np.random.default_rng(4)
    image = exact.content("noise", dtype, (300, 210, 2), rng)
    if content == "few":
        image = rng.choice(image.ravel()[:5], image.shape, p=[0.3, 0.3, 0.2, 0.1, 0.1])
    if content == "one":
        image[5:] = image[0, 0]
    values = image.reshape(-1, 2)
    ordered = np.sort(values, axis=0)
    n = len(ordered)

    def pooled(mode, **parameters):
        return poolcli.downsample(image, mode, size=1, **parameters).reshape(-1, 2)

    np.testing.assert_array_equal(pooled("median")[0], ordered[(n - 1) // 2])
    for q in (0, 12.5, 99.999, 100):
        np.testing.assert_array_equal(pooled("percentile", q=q)[0], ordered[int(q / 100 * (n - 1))])
    for k in (1, 7, n // 2, n):
        np.testing.assert_array_equal(pooled("kmax", k=k), ordered[::-1][:k])
    for c in (0, 1):
        there, counts = np.unique(values[:, c], return_counts=True)
        assert pooled("majority")[0, c] == there[counts.argmax()]
    found, indices = poolcli.downsample(image, "max", size=1, return_indices=True)
    np.testing.assert_array_equal(indices.ravel(), values.argmax(axis=0))
    np.testing.assert_array_equal(found.ravel(), ordered[-1])


@pytest.mark.skipif(not JIT, reason="minutes, uncompiled")
def test_the_commonest_of_very_many_values():
    rng = np.random.default_rng(5)
    image = rng.random((1500, 1000))
    image[::3, ::7] = 0.25
    image[1::3, ::7] = -0.25  # as often: the smaller wins
    assert poolcli.reduce(image, "majority")[0] == -0.25
    image[0, 0] = image[2, 2] = np.nan
    assert np.isnan(poolcli.reduce(image, "majority")[0])


@pytest.mark.skipif(not JIT, reason="minutes, uncompiled")
def test_windows_with_gaps_are_pooled_in_parts_too():
    image = exact.content("noise", "float32", (500, 300, 2), np.random.default_rng(6))
    for mode in ("max", "average", "gem", "soft", "median", "stochastic"):
        spread = poolcli.downsample(image, mode, kernel_size=(120, 90), dilation=(3, 2), stride=1000, dtype="float64")
        dense = np.ascontiguousarray(image[:358:3, :179:2])
        np.testing.assert_array_equal(spread, poolcli.downsample(dense, mode, size=1, dtype="float64"), err_msg=mode)


def test_draws_of_the_first_window_follow_their_probabilities():
    import numba

    image = np.array([[1, 3], [0, 0]], np.uint8)
    seeds = 10_000 if JIT else 300
    before = numba.get_num_threads()
    numba.set_num_threads(1)  # of which a window takes one, and to wake the others takes longest
    try:
        for draw in (
            lambda seed: poolcli.downsample(image, "stochastic", seed=seed)[0, 0],
            lambda seed: poolcli.reduce(image, "stochastic", seed=seed)[0],
        ):
            threes = sum(int(draw(seed)) == 3 for seed in range(seeds))
            assert chi_square([threes, seeds - threes], [0.75, 0.25]) < 15.1  # a chance of 1 in 10,000
    finally:
        numba.set_num_threads(before)


def test_draws_of_seed_0_follow_their_probabilities_over_windows_and_channels():
    window = np.array([[1, 3], [4, 2]], np.uint8)
    image = np.tile(window, (60, 60) if JIT else (8, 8))[:, :, None].repeat(5, axis=2)
    drawn = poolcli.downsample(image, "stochastic")
    for part in (drawn, drawn[:1], drawn[:, :1], drawn[:, :, :1], drawn[np.arange(5), 0, np.arange(5)]):
        counts = [int((part == value).sum()) for value in (1, 2, 3, 4)]
        assert chi_square(counts, [0.1, 0.2, 0.3, 0.4]) < 21.1  # a chance of 1 in 10,000
    assert len({poolcli.reduce(image, "random", seed=seed)[0].item() for seed in range(20)}) > 1


def chi_square(counts, shares):
    expected = np.array(shares) * sum(counts)
    return float(((np.array(counts) - expected) ** 2 / expected).sum())


@pytest.mark.parametrize(
    ("mode", "parameters", "image", "possible"),
    [
        ("random", {"beta": 1000}, np.array([[0, 255], [255, 255]], np.uint8), {255}),
        ("random", {"beta": -1000}, np.array([[0, 255], [255, 255]], np.uint8), {0}),
        ("random", {}, np.array([[-np.inf, 2], [2, 2]]), {2}),
        ("stochastic", {}, np.array([[1, 2], [3, np.inf]]), {np.inf}),
        ("stochastic", {}, np.array([[0, -1], [5, 0]], np.float32), {5}),
    ],
    ids=str,
)
def test_what_has_no_probability_is_never_drawn(mode, parameters, image, possible):
    large = np.tile(image, (40, 40))
    for seed in range(100 if JIT else 20):
        assert float(poolcli.downsample(image, mode, seed=seed, **parameters)[0, 0]) in possible
        assert float(poolcli.reduce(image, mode, seed=seed, **parameters)[0]) in possible
    for seed in range(20):
        assert float(poolcli.reduce(large, mode, seed=seed, **parameters)[0]) in possible


MEMORY = """
import resource, sys, numpy as np, poolcli
rng, mode, dtype = np.random.default_rng(0), *sys.argv[1:]
image = rng.random((4000, 3000), np.float32) if dtype == "float32" else rng.integers(0, 60000, (4000, 3000), dtype)
poolcli.downsample(image[:80, :80].copy(), mode, size=1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
poolcli.downsample(image, mode, size=1)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.skipif(not JIT, reason="minutes, uncompiled")
@pytest.mark.skipif(not hasattr(resource, "RUSAGE_SELF"), reason="no measure of memory")
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
@pytest.mark.parametrize("mode", ["median", "majority", "soft", "random"])
def test_whole_maps_take_little_memory(mode, dtype):
    """Of 12 million values; an entry of 40 bytes for each would be 480 MB."""
    result = subprocess.run([sys.executable, "-c", MEMORY, mode, dtype], capture_output=True, text=True, check=True)
    assert float(result.stdout) < 64
