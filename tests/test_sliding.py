"""Windows that overlap much: the values of their twins, whatever the window, the stride, the padding and the tile."""

import naive
import numpy as np
import pytest
from effort import EXAMPLES, JIT
from hypothesis import given
from hypothesis import strategies as st
from pictures import describe, picture

import poolcli
from poolcli.engine import counts, ordinals, ranks, regions, sliding, sorting

BUMP = np.array(
    [
        [0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 9, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 5],
    ],
    np.uint8,
)


@pytest.fixture(params=["whole rows", "small tiles"])
def tiles(request, monkeypatch):
    """Lay windows out in whole rows, and in tiles as small as they can be."""
    if request.param == "small tiles":
        for module, name in ((sliding, "_TILE_BYTES"), (sliding, "_HALOES"), (counts, "_NUMBERS"), (counts, "_ROWS")):
            monkeypatch.setattr(module, name, 1)
    sliding.plan.cache_clear()
    yield
    sliding.plan.cache_clear()


@st.composite
def cases(draw, most=24):
    """Draw the shape of an image and windows in it of more than 16 values, as large as the image, and at its border."""
    shape = draw(st.integers(5, most)), draw(st.integers(5, most)), draw(st.integers(1, 4))
    kernel = draw(st.integers(2, shape[0])), draw(st.integers(2, shape[1]))
    kernel = kernel if kernel[0] * kernel[1] > 16 else (5, 5)
    stride = draw(st.integers(1, kernel[0])), draw(st.integers(1, kernel[1]))
    padding = tuple(draw(st.integers(0, side // 2)) for side in (kernel[0], kernel[0], kernel[1], kernel[1]))
    return shape, {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil": draw(st.booleans())}


def used(module, monkeypatch):
    """Return a list that grows with every result of the function `pool` of a module."""
    calls, pool = [], module.pool

    def watched(*arguments):
        result = pool(*arguments)
        calls.extend([] if result is None else [1])
        return result

    monkeypatch.setattr(module, "pool", watched)
    return calls


@pytest.mark.usefixtures("tiles")
@pytest.mark.quick_when(lambda dtype, **_: not JIT or dtype in ("uint8", "float32"))
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint64", "float16", "float32", "float64"] if JIT else ["uint8"])
@pytest.mark.parametrize("mode", ["max", "min"])
def test_extremes_are_those_of_the_twin(mode, dtype):
    @EXAMPLES
    @given(cases(24 if JIT else 8), st.integers(0, 2**32 - 1))
    def check(case, seed):
        shape, geometry = case
        image = picture(dtype, shape, seed)
        exact = naive.downsample(image, mode, **geometry)
        np.testing.assert_array_equal(poolcli.downsample(image, mode, **geometry).astype(object), exact)

    check()


@pytest.mark.usefixtures("tiles")
@pytest.mark.quick_when(lambda dtype, **_: not JIT or dtype in ("uint8", "int16"))
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "bool"] if JIT else ["int8"])
@pytest.mark.parametrize("parameters", [{}, {"count_include_pad": True}], ids=str)
def test_averages_of_integers_are_exact_with_ties_to_even(parameters, dtype):
    @EXAMPLES
    @given(cases(24 if JIT else 8), st.integers(0, 2**32 - 1))
    def check(case, seed):
        shape, geometry = case
        image = picture(dtype, shape, seed)
        exact = naive.downsample(image.astype(int), "average", **geometry, **parameters)
        result = poolcli.downsample(image, "average", **geometry, **parameters)
        np.testing.assert_array_equal(result, np.vectorize(round)(exact))

    check()


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16"])
def test_averages_at_and_next_to_ties(dtype):
    """Windows of 6 x 6 hold all sums around the middle between two numbers, next to the ends of the dtype too."""
    limits = np.iinfo(dtype)
    for low in (limits.min, -2, -1, 0, 1, limits.max - 1):
        if low < limits.min:
            continue
        ones = np.array([np.arange(36) < count for count in range(37)]).reshape(37, 6, 6)
        image = (low + ones).astype(dtype).transpose(1, 0, 2).reshape(6, -1)
        result = poolcli.downsample(np.vstack([image, image]), "average", kernel_size=6, stride=(1, 6))
        expected = [low + (count > 18 or (count == 18 and low % 2 == 1)) for count in range(37)]
        assert result.tolist() == [expected] * 7


@pytest.mark.skipif(not JIT, reason="slow")
@pytest.mark.parametrize("size", [(257, 3), (255, 256), (400, 50)], ids=str)
def test_averages_of_so_many_values_that_sums_are_wider(size):
    image = np.full((size[0] + 20, size[1] + 20), 255, np.uint8)
    image[::2, 3] = 254
    result = poolcli.downsample(image, "average", kernel_size=size, stride=1, dtype="float64")
    views = np.lib.stride_tricks.sliding_window_view(image, size)
    np.testing.assert_allclose(result, views.mean((-1, -2)), rtol=1e-14)
    rounded = poolcli.downsample(image, "average", kernel_size=size, stride=1)
    np.testing.assert_array_equal(rounded, np.rint(views.sum((-1, -2)) / np.float64(size[0] * size[1])))


@pytest.fixture
def counted(monkeypatch):
    """Count the values of all windows, however small, and return the list of the calls."""
    monkeypatch.setattr(ranks, "_OF_BYTES", (1, 0))
    return used(counts, monkeypatch)


@pytest.mark.usefixtures("tiles")
@pytest.mark.quick_when(lambda dtype, **_: dtype == "uint8")
@pytest.mark.parametrize("dtype", ["uint8", "int8", "bool"])
@pytest.mark.parametrize(("mode", "parameters"), [("median", {}), ("percentile", {"q": 90}), ("percentile", {"q": 0})])
def test_ranks_of_counted_values_are_those_of_the_twin(mode, parameters, dtype, counted):
    @EXAMPLES
    @given(cases(24 if JIT else 7), st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 40]))
    def check(case, seed, narrower):
        shape, geometry = case
        image = picture(dtype, shape, seed)
        image = image if dtype == "bool" else (image // narrower).astype(dtype)
        exact = naive.downsample(image, mode, **geometry, **parameters)
        result = poolcli.downsample(image, mode, **geometry, **parameters)
        np.testing.assert_array_equal(result.astype(object), exact)

    check()
    assert counted


def test_medians_that_can_be_read(counted):
    image = np.array([[9, 9, 9, 0, 0, 0], [9, 9, 200, 0, 0, 0], [9, 9, 9, 255, 0, 0]], np.uint8)
    result = poolcli.downsample(image, "median", kernel_size=3, stride=1, padding=1)
    assert result.tolist() == [[9, 9, 9, 0, 0, 0]] * 3  # the edge stays, the dots go
    assert counted


@pytest.mark.parametrize("side", [160, 1], ids=["one tile", "small tiles"])
@pytest.mark.quick_when(lambda dtype, **_: dtype in (("float32", "uint16") if JIT else ("float32",)))
@pytest.mark.parametrize("dtype", ["uint16", "int16", "uint32", "int64", "uint64", "float16", "float32", "float64"])
@pytest.mark.parametrize(("mode", "parameters"), [("median", {}), ("percentile", {"q": 87.5})], ids=["median", "q"])
def test_ranks_of_places_are_those_of_the_twin(mode, parameters, dtype, side, monkeypatch):
    monkeypatch.setattr(ranks, "_OF_WIDER", (1, 0))
    monkeypatch.setattr(ordinals, "_SIDE", side)
    calls = used(ordinals, monkeypatch)

    @EXAMPLES
    @given(cases(24 if JIT else 8), st.integers(0, 2**32 - 1))
    def check(case, seed):
        shape, geometry = case
        image = picture(dtype, shape, seed)
        if np.dtype(dtype).kind == "f":
            image[::5, ::3], image[2::7, 1::4], image[seed % shape[0], 0] = -0.0, np.inf, np.nan
        exact = naive.downsample(image, mode, **geometry, **parameters)
        result = poolcli.downsample(image, mode, **geometry, **parameters)
        np.testing.assert_array_equal(result, np.array(exact.tolist(), image.dtype))

    check()
    assert calls


SORTED = [("median", {}), ("percentile", {"q": 90}), ("majority", {}), ("kmax", {"k": 3, "combine": "mean"}),
          ("kmax", {"k": 3})]  # fmt: skip


@pytest.mark.quick_when(lambda mode, dtype, **_: (mode, dtype) in (("majority", "uint8"), ("median", "float32")))
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint64", "float32", "float64"] if JIT else ["uint8", "float32"])
@pytest.mark.parametrize(("mode", "parameters"), SORTED, ids=[f"{m}-{describe(p)}" for m, p in SORTED])
def test_many_large_windows_are_those_of_the_twin(mode, parameters, dtype, monkeypatch):
    monkeypatch.setattr(regions, "_LARGE", 4)
    monkeypatch.setattr(sorting, "_LEAST", 1)
    calls, image = used(sorting, monkeypatch), (picture(dtype, (23, 19, 2)) / 9).astype(dtype)
    if dtype == "float32":
        image[::5, ::3], image[2, 3, 0] = -0.0, np.inf
        image[20, 11, 1] = 0 if parameters == {"k": 3} else np.nan  # of which the twin makes no planes
    for geometry in ({"kernel_size": 4}, {"kernel_size": (5, 3), "stride": 4, "padding": (2, 1), "ceil": True}):
        calls.clear()
        exact = naive.downsample(image, mode, **geometry, **parameters)
        exact = np.array(exact.tolist(), object)
        exact = np.moveaxis(exact, -1, 0) if exact.ndim > 3 else exact
        result = poolcli.downsample(image, mode, **geometry, **parameters)
        if parameters.get("combine"):
            np.testing.assert_allclose(
                result.astype(float), exact.astype(float), rtol=1e-6, atol=0.5 * (dtype[0] != "f")
            )
        else:
            np.testing.assert_array_equal(result, exact.astype(dtype))
        assert calls


@pytest.mark.skipif(not JIT, reason="slow")
@pytest.mark.parametrize("size", [(300, 4), (256, 257)], ids=str)
def test_ranks_of_so_many_values_that_counts_are_wider(size, counted):
    rng = np.random.default_rng(0)
    image = rng.choice([3, 4, 200], (size[0] + 3, size[1] + 5), p=[0.49, 0.02, 0.49]).astype(np.uint8)
    image[:, 2] = 3
    views = np.sort(np.lib.stride_tricks.sliding_window_view(image, size).reshape(4, 6, -1), -1)
    for q in (0, 49.5, 50, 100):
        result = counts.pool(
            image[None, :, :, None],
            *poolcli.geometry.windows(*image.shape, poolcli.geometry.shape(size, 1)),
            lambda n, q=q: int(q / 100 * (n - 1)),
        )
        np.testing.assert_array_equal(result[0, 0, :, :, 0], views[..., int(q / 100 * (size[0] * size[1] - 1))])


@pytest.mark.parametrize(
    ("module", "dtype", "wide", "others"),
    [
        (counts, "uint8", {"kernel_size": 12, "stride": 1}, {"kernel_size": 10, "stride": 3}),
        (ordinals, "uint16", {"kernel_size": 11, "stride": 1}, {"kernel_size": 13, "stride": 1, "dilation": 2}),
    ],
    ids=["bytes are counted", "wider values are sorted once"],
)
def test_ranks_of_wide_windows_are_found_by_what_is_fastest(module, dtype, wide, others, monkeypatch):
    calls, image = used(module, monkeypatch), picture(dtype, (60, 64, 1))
    for window in (wide, {"kernel_size": 33, "stride": 9, "padding": 16}):
        calls.clear()
        poolcli.downsample(image, "median", **window)
        assert calls, window
    calls.clear()
    for window in ({"kernel_size": 9, "stride": 1}, others):
        poolcli.downsample(image, "median", **window)
    poolcli.downsample(image.astype("int16" if module is counts else "int8"), "median", kernel_size=12, stride=1)
    assert not calls


@pytest.mark.usefixtures("tiles")
@pytest.mark.parametrize("mode", ["max", "min"])
def test_what_is_no_number_reaches_its_windows_alone(mode):
    image = picture("float32", (40, 50, 2) if JIT else (9, 10, 1))
    image[::7, ::9] = np.inf
    image[3::7, ::9] = -np.inf
    image[5, 6, 0] = np.nan
    for size, stride in (((5, 6), 1), ((7, 9), (2, 3))):
        result = poolcli.downsample(image, mode, kernel_size=size, stride=stride, padding=2)
        exact = naive.downsample(image, mode, kernel_size=size, stride=stride, padding=2)
        np.testing.assert_array_equal(result, exact.astype(np.float32))


def test_pixels_that_can_be_read():
    assert poolcli.downsample(BUMP, "max", kernel_size=5, stride=1).tolist() == [[9, 9, 9], [9, 9, 9]]
    nine, five = [0, 9, 9, 9, 9, 9, 0], [0, 9, 9, 9, 9, 9, 5]
    padded = poolcli.downsample(BUMP, "max", kernel_size=5, stride=1, padding=2)
    assert padded.tolist() == [[0] * 7, nine, nine, five, five, five]


SLIDING = [{"kernel_size": 5, "stride": 1}, {"kernel_size": (20, 44), "stride": 1}, {"kernel_size": 9, "stride": 3}]
LITTLE = [{"kernel_size": (9, 2), "stride": (9, 1), "padding": (4, 1)}, {"size": (4, 11)}]  # 10 x 4, side by side
OTHERS = [
    {"kernel_size": 4, "stride": 1},  # of 16 values
    {"kernel_size": (30, 1), "stride": 1},  # one axis alone
    {"kernel_size": 5, "stride": 6},
    {"kernel_size": 5, "stride": 1, "dilation": 2},
    {"size": 7},
]


@pytest.mark.parametrize(
    ("mode", "windows", "slide"),
    [
        ("max", [*SLIDING, *LITTLE], True),
        ("average", SLIDING, True),
        ("max", OTHERS, False),
        ("average", [*OTHERS, *LITTLE], False),
    ],
)
def test_windows_that_slide_and_those_that_do_not(mode, windows, slide, monkeypatch):
    calls = used(sliding, monkeypatch)
    for window in windows:
        calls.clear()
        poolcli.downsample(picture("uint8", (40, 44, 2)), mode, **window)
        assert bool(calls) == slide, window


def test_windows_that_would_keep_too_much_do_not_slide(monkeypatch):
    calls, image = used(sliding, monkeypatch), picture("uint8", (40, 44, 2))
    expected = poolcli.downsample(image, "max", kernel_size=5, stride=1)
    assert calls
    monkeypatch.setattr(sliding, "_LARGEST", 400)
    calls.clear()
    np.testing.assert_array_equal(poolcli.downsample(image, "max", kernel_size=5, stride=1), expected)
    assert not calls


@pytest.mark.parametrize(
    ("mode", "dtype"),
    [("max", "float32"), ("min", "uint8"), ("average", "uint16"), ("median", "uint8"), ("median", "float32")],
)
def test_same_bytes_on_one_thread_and_many_and_in_a_batch(mode, dtype):
    import numba

    batch = picture(dtype, (3, 70, 90, 2) if JIT else (2, 9, 10, 1))
    before = numba.get_num_threads()
    for size, stride in ((13, 1), ((17, 5), (2, 3))) if JIT else ((5, 1),):
        many = poolcli.downsample(batch, mode, kernel_size=size, stride=stride)
        try:
            numba.set_num_threads(1)
            one = poolcli.downsample(batch, mode, kernel_size=size, stride=stride)
        finally:
            numba.set_num_threads(before)
        alone = [poolcli.downsample(image, mode, kernel_size=size, stride=stride) for image in batch]
        assert many.tobytes() == one.tobytes() == np.stack(alone).tobytes()
