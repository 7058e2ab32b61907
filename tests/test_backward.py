"""Gradients against their twins, against finite differences, and on small grids whose results can be read."""

import naive
import numpy as np
import pytest
from comparison import seen
from effort import JIT
from pictures import GEOMETRIES, VARIANTS, describe, picture

import poolcli

SMOOTH = [(mode, parameters) for mode, parameters in VARIANTS if poolcli.MODES[mode].has_gradient]
IDS = [f"{mode}-{describe(parameters)}" for mode, parameters in SMOOTH]
# Of modes that select or average the shares of a window sum to 1, and no value is left out.
CONSERVING = ("max", "min", "median", "percentile", "kmax", "average", "mixed", "random", "stochastic", "blur")


def allowed(mode, parameters, geometry):
    """Return parameters for windows of this size."""
    few = parameters.get("k", 1) > np.prod(geometry.get("kernel_size", 2)) and "size" not in geometry
    return {**parameters, "k": 2} if few else parameters


def noise(shape, dtype=np.float64):
    return np.random.default_rng(4).standard_normal(shape).astype(dtype)


# All windows in one dtype; in two more those with padding and dilation, and bins.
CASES = [("float64", geometry) for geometry in GEOMETRIES]
OTHERS = ("uint8", "float32")
CASES += [(dtype, geometry) for dtype in OTHERS for geometry in (GEOMETRIES[4], GEOMETRIES[-1])]


@pytest.mark.quick_when(lambda dtype, geometry, **_: dtype == "float64" and (JIT or not geometry))
@pytest.mark.parametrize(("dtype", "geometry"), CASES, ids=[f"{dtype}-{describe(window)}" for dtype, window in CASES])
@pytest.mark.parametrize(("mode", "parameters"), SMOOTH, ids=IDS)
def test_twin(mode, parameters, dtype, geometry):
    image = picture(dtype)
    parameters = allowed(mode, parameters, geometry)
    grad = noise(poolcli.downsample(image, mode, **geometry, **parameters).shape)
    result = poolcli.downsample_backward(grad, image, mode, **geometry, **parameters)
    planes = grad.reshape(-1, *grad.shape[-3:])
    numbers = image.astype(np.float64) if dtype in ("float16", "float32") else image
    exact = naive.downsample_backward(planes, numbers, mode, **geometry, **seen(image, mode, parameters))
    narrow = np.dtype(dtype).itemsize <= 2 or dtype == "float32"
    assert result.dtype == (np.float32 if narrow else np.float64)
    np.testing.assert_allclose(result, exact, rtol=0, atol=np.abs(exact).max() * (2e-6 if narrow else 1e-12))


@pytest.mark.quick_when(lambda geometry, **_: JIT and "ceil" in geometry)
@pytest.mark.parametrize("geometry", [GEOMETRIES[k] for k in (1, 4, 5, 6)], ids=describe)
@pytest.mark.parametrize(("mode", "parameters"), SMOOTH, ids=IDS)
def test_finite_differences(mode, parameters, geometry):
    """Of distinct values, where the result is smooth: (f(x + h) - f(x - h)) / 2h."""
    parameters = allowed(mode, parameters, geometry)
    image = np.random.default_rng(2).permutation(11 * 13 * 2).reshape(11, 13, 2) / 143 - 0.7
    grad = noise(poolcli.downsample(image, mode, **geometry, **parameters).shape)
    result = poolcli.downsample_backward(grad, image, mode, **geometry, **parameters)
    step = 1e-6
    for at in np.ndindex(image.shape):
        moved = []
        for sign in (1, -1):
            other = image.copy()
            other[at] += sign * step
            moved.append(poolcli.downsample(other, mode, **geometry, **parameters))
        if poolcli.MODES[mode].selects and np.abs(moved[0] - moved[1]).max(initial=0) > 2.5 * step:
            continue  # another value was drawn
        expected = (grad * (moved[0] - moved[1])).sum() / (2 * step)
        assert abs(result[at] - expected) <= 1e-6 * max(np.abs(result).max(), 1), at


def test_gradients_that_can_be_read():
    image = np.array([[1, 5, 2, 0], [3, 4, 8, 6]], np.float32)
    grad = np.array([[2, 4]])
    assert poolcli.downsample_backward(grad, image, "max").tolist() == [[0, 2, 0, 0], [0, 0, 4, 0]]
    assert poolcli.downsample_backward(grad, image, "average").tolist() == [[0.5, 0.5, 1, 1], [0.5, 0.5, 1, 1]]
    # Lower medians are 3 and 2.
    assert poolcli.downsample_backward(grad, image, "median").tolist() == [[0, 0, 4, 0], [2, 0, 0, 0]]
    # (1/4) r / sqrt(9 + 16): the first window of l2 is 3 0 0 4, the second 0, which has none.
    corners = np.array([[3, 0, 0, 0], [0, 4, 0, 0]])
    expected = [[0.3, 0, 0, 0], [0, 0.4, 0, 0]]
    np.testing.assert_allclose(poolcli.downsample_backward(grad, corners, "l2"), expected, rtol=1e-15)
    # Windows of one row overlap in the middle, whose 5 is the largest of both.
    row = np.array([[1, 5, 2]], np.uint8)
    assert poolcli.downsample_backward([[1, 2]], row, "max", kernel_size=(1, 2), stride=1).tolist() == [[0, 3, 0]]


@pytest.mark.parametrize("mode", ["max", "min", "median", "random", "stochastic"])
def test_the_first_of_equal_values_has_all(mode):
    grad = noise((3, 4))
    expected = np.zeros((6, 8))
    expected[::2, ::2] = grad
    np.testing.assert_array_equal(poolcli.downsample_backward(grad, np.full((6, 8), 7.0), mode), expected)


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=describe)
@pytest.mark.parametrize("mode", CONSERVING)
def test_nothing_is_lost(mode, geometry):
    image = picture("float64")
    grad = noise(poolcli.downsample(image, mode, **geometry).shape)
    result = poolcli.downsample_backward(grad, image, mode, **geometry)
    assert abs(result.sum() - grad.sum()) < 1e-11


@pytest.mark.parametrize("columns", [5, 90])
@pytest.mark.parametrize(("mode", "shares"), [("average", [0.5, 0.5]), ("soft", [0.5, 0.5]), ("mixed", [0.75, 0.25])])
def test_nothing_comes_to_pixels_that_no_window_covers(mode, shares, columns):
    """They read no memory beyond the numbers of the only window, and 0 times an infinity is no part of them."""
    image = np.ones((1, columns))
    for sent in (1.0, np.inf):
        result = poolcli.downsample_backward([[sent]], image, mode, kernel_size=(1, 2), stride=(1, 89))
        assert result.tolist() == [[share * sent for share in shares] + [0] * (columns - 2)]


@pytest.mark.parametrize("layout", ["hwc", "chw"])
@pytest.mark.parametrize("order", ["crd", "dcr"])
@pytest.mark.parametrize(
    "geometry",
    [{}, {"kernel_size": (2, 3), "stride": (1, 2)}, {"dilation": 3, "stride": 2}, {"size": (1, 13)}],
    ids=describe,
)
def test_space_to_depth_sends_back_what_it_took(geometry, order, layout):
    """The adjoint: <grad, space-to-depth(x)> = <backward(grad), x>, for every x."""
    image = picture("float64", (2, 3, 11, 13) if layout == "chw" else (2, 11, 13, 3))
    given = {"order": order, "layout": layout, **geometry}
    grad = noise(poolcli.downsample(image, "space-to-depth", **given).shape)
    result = poolcli.downsample_backward(grad, image, "space-to-depth", **given)
    assert result.shape == image.shape
    for seed in range(3):
        x = np.random.default_rng(seed).normal(size=image.shape)
        taken = poolcli.downsample(x, "space-to-depth", **given)
        assert abs((grad * taken).sum() - (result * x).sum()) < 1e-10


def test_space_to_depth_backward_that_can_be_read():
    grad = [[[1, 2, 3, 4], [5, 6, 7, 8]]]
    expected = [[1, 2, 5, 6], [3, 4, 7, 8]]
    assert poolcli.downsample_backward(grad, np.zeros((2, 4)), "space-to-depth").tolist() == expected
    overlapping = {"kernel_size": (1, 2), "stride": 1}
    grad = [[[1, 2], [30, 40]]]
    assert poolcli.downsample_backward(grad, np.zeros((1, 3)), "space-to-depth", **overlapping).tolist() == [
        [1, 32, 40]
    ]
    with pytest.raises(ValueError, match="mode 'space-to-depth' takes no indices"):
        poolcli.downsample_backward(grad, np.zeros((1, 3)), "space-to-depth", indices=grad, **overlapping)


WIDE = [(mode, parameters) for mode, parameters in SMOOTH if poolcli.MODES[mode].nothing is not None]


@pytest.mark.quick_when(lambda **_: JIT)
@pytest.mark.parametrize(("mode", "parameters"), WIDE, ids=[f"{m}-{describe(p)}" for m, p in WIDE])
def test_twin_with_wide_padding(mode, parameters):
    """What is sent to windows that lie in the padding alone goes nowhere."""
    image, geometry = picture("float64"), {"kernel_size": (2, 3), "stride": (1, 2), "padding": (3, 0, 1, 7)}
    grad = noise((9, 9, 3))
    result = poolcli.downsample_backward(grad, image, mode, wide_padding=True, **geometry, **parameters)
    exact = naive.downsample_backward(grad[None], image, mode, **geometry, **seen(image, mode, parameters))
    np.testing.assert_allclose(result, exact, rtol=0, atol=np.abs(exact).max() * 1e-12)
    if poolcli.MODES[mode].selects:
        wide = {"wide_padding": True, **geometry}
        indices = poolcli.downsample(image, mode, return_indices=True, **wide)[1]
        np.testing.assert_array_equal(poolcli.downsample_backward(grad, image, mode, indices=indices, **wide), result)


def test_the_conserving_are_those_that_select_or_average():
    others = {"l2", "lp", "gem", "soft", "lip", "space-to-depth"}  # the last is tried by itself
    assert {*CONSERVING} == {name for name, mode in poolcli.MODES.items() if mode.has_gradient} - others


@pytest.mark.parametrize(("mode", "parameters"), SMOOTH, ids=IDS)
def test_large_windows(mode, parameters):
    image = noise((70, 80, 2))
    grad = noise(poolcli.downsample(image, mode, size=1, **parameters).shape)
    result = poolcli.downsample_backward(grad, image, mode, size=1, **parameters)
    exact = naive.downsample_backward(grad.reshape(-1, 1, 1, 2), image, mode, size=1, **seen(image, mode, parameters))
    np.testing.assert_allclose(result, exact, rtol=0, atol=np.abs(exact).max() * 1e-12)


@pytest.mark.parametrize(("mode", "parameters"), [("kmax", {}), ("soft", {}), ("random", {}), ("max", {})])
@pytest.mark.parametrize("shape", [(6, 8), (6, 8, 3), (2, 6, 8, 3)], ids=str)
def test_ranks_and_layouts(shape, mode, parameters):
    image = noise(shape)
    grad = noise(poolcli.downsample(image, mode).shape)
    result = poolcli.downsample_backward(grad, image, mode)
    assert result.shape == image.shape
    if len(shape) == 2:
        return
    moved, first = np.moveaxis(image, -1, -3), np.moveaxis(grad, -1, -3)
    other = poolcli.downsample_backward(first, moved, mode, layout="chw")
    np.testing.assert_array_equal(np.moveaxis(other, -3, -1), result)


@pytest.mark.quick_when(lambda **_: JIT)
def test_threads_and_batches_change_nothing():
    import numba

    image = noise((3, 90, 70, 3))
    for mode in ("soft", "max", "average"):
        geometry = {"kernel_size": 5, "stride": 2}
        grad = noise(poolcli.downsample(image, mode, **geometry).shape)
        result = poolcli.downsample_backward(grad, image, mode, **geometry)
        before = numba.get_num_threads()
        numba.set_num_threads(1)
        try:
            alone = [poolcli.downsample_backward(g, one, mode, **geometry) for g, one in zip(grad, image, strict=True)]
        finally:
            numba.set_num_threads(before)
        np.testing.assert_array_equal(result, np.stack(alone))


@pytest.mark.parametrize("inputs", [1, 3])
@pytest.mark.parametrize("bound", [0, 3])
def test_networks_of_any_shape(bound, inputs):
    random = np.random.default_rng(3).standard_normal
    shapes = ((4, inputs, 3, 3), (4,), (inputs, 4), (inputs,))
    weights = {name: random(shape) / 2 for name, shape in zip(naive.NETWORK, shapes, strict=True)}
    weights["bound"] = np.array(bound)
    image = noise((7, 8, 3))
    grad = noise((1, 3, 4, 3))
    for geometry in ({}, {"kernel_size": 3, "stride": 2, "padding": (0, 1)}):
        result = poolcli.downsample_backward(grad[0], image, "lip", weights=weights, **geometry)
        exact = naive.downsample_backward(grad, image, "lip", weights=weights, **geometry)
        np.testing.assert_allclose(result, exact, rtol=0, atol=1e-12 * np.abs(exact).max())


@pytest.mark.parametrize("layout", ["hwc", "chw"])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=describe)
@pytest.mark.parametrize("mode", ["max", "kmax", "random"])
def test_indices_that_are_known_give_the_same(mode, geometry, layout):
    image = picture("float64", (2, 3, 11, 13) if layout == "chw" else (2, 11, 13, 3))
    values, indices = poolcli.downsample(image, mode, return_indices=True, layout=layout, **geometry)
    grad = noise(values.shape)
    result = poolcli.downsample_backward(grad, image, mode, indices=indices, layout=layout, **geometry)
    np.testing.assert_array_equal(result, poolcli.downsample_backward(grad, image, mode, layout=layout, **geometry))


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=describe)
@pytest.mark.parametrize("mode", ["max", "kmax", "mixed"])
def test_many_channels_and_few_give_the_same(mode, geometry):
    """The 18 channels of 2 images are taken at once, and 3 by 3."""
    image = picture("float32", (2, 11, 13, 18))
    channels = [slice(c, c + 3) for c in range(0, 18, 3)]
    known = poolcli.MODES[mode].selects
    values, indices = poolcli.downsample(image, mode, return_indices=True, **geometry) if known else (None, None)
    grad = noise((poolcli.downsample(image, mode, **geometry) if values is None else values).shape)
    whole = poolcli.downsample_backward(grad, image, mode, indices=indices, **geometry)
    parts = [
        poolcli.downsample_backward(
            grad[..., c], image[..., c], mode, indices=None if indices is None else indices[..., c], **geometry
        )
        for c in channels
    ]
    np.testing.assert_array_equal(whole, np.concatenate(parts, -1))


@pytest.mark.parametrize("channels", [1, 16])
def test_indices_that_are_wrong_are_named_in_any_number_of_channels(channels):
    image = noise((6, 8, channels))
    grad, indices = np.ones((3, 4, channels)), poolcli.downsample(image, "max", return_indices=True)[1]
    for wrong in (indices + 24, indices - 9, np.full(grad.shape, 48), np.full(grad.shape, -1)):
        with pytest.raises(ValueError, match="the indices do not lie in their windows"):
            poolcli.downsample_backward(grad, image, "max", indices=wrong)


def test_indices_that_are_wrong_are_named():
    image = noise((6, 8))
    grad, indices = np.ones((3, 4)), poolcli.downsample(image, "max", return_indices=True)[1]
    with pytest.raises(ValueError, match=r"indices are of shape \(6, 8\), and the result of \(3, 4\): they must be"):
        poolcli.downsample_backward(grad, image, "max", indices=image)
    for wrong in (indices + 24, indices - 9, np.full((3, 4), 48)):
        with pytest.raises(ValueError, match="the indices do not lie in their windows"):
            poolcli.downsample_backward(grad, image, "max", indices=wrong)
    with pytest.raises(ValueError, match="mode 'average' takes no indices: the modes that do are max, min"):
        poolcli.downsample_backward(grad, image, "average", indices=indices)


LEARNED = [
    ("gem", "p", 3, {}), ("gem", "p", 2.5, {}), ("gem", "p", 0.7, {}), ("lp", "p", 3, {}),
    ("lp", "p", 1.7, {"norm": "mean"}), ("lp", "p", 2, {"norm": "sum"}), ("lp", "p", 2, {"count_include_pad": True}),
    ("mixed", "lam", 0.3, {}), ("soft", "beta", 1, {}), ("soft", "beta", 0, {}), ("soft", "beta", -2, {}),
]  # fmt: skip


@pytest.mark.parametrize("geometry", [{}, {"kernel_size": 3, "stride": 2, "padding": 1}, {"size": 1}], ids=describe)
@pytest.mark.parametrize(("mode", "name", "value", "parameters"), LEARNED, ids=str)
def test_gradients_of_parameters(mode, name, value, parameters, geometry):
    image = noise((9, 11, 2))
    if "size" in geometry:
        parameters = {other: one for other, one in parameters.items() if other != "count_include_pad"}
    grad = noise(poolcli.downsample(image, mode, **geometry).shape)
    result = poolcli.downsample_backward(grad, image, mode, wrt=name, **{name: value}, **geometry, **parameters)
    steps = 1e-5, -1e-5
    moved = [poolcli.downsample(image, mode, **{name: value + step}, **geometry, **parameters) for step in steps]
    expected = (grad * (moved[0] - moved[1])).sum() / 2e-5
    assert abs(result - expected) <= 1e-6 * max(abs(expected), 1)


def test_gradients_of_parameters_see_integers_as_shares():
    image = picture("uint8")
    grad = np.ones(poolcli.downsample(image, "soft").shape)
    result = poolcli.downsample_backward(grad, image, "soft", wrt="beta", beta=3)
    floats = poolcli.downsample_backward(grad * 255, image / 255, "soft", wrt="beta", beta=3)
    np.testing.assert_allclose(result, floats, rtol=1e-6)


def test_gradients_of_parameters_of_reductions():
    maps = noise((2, 6, 7, 3))
    for mode, parameters in (("gem", {}), ("spp", {"pool": "gem", "levels": (1, 2)})):
        given = noise(poolcli.reduce(maps, mode, **parameters).shape)
        found = poolcli.reduce_backward(given, maps, mode, wrt="p", **parameters)
        moved = [poolcli.reduce(maps, mode, p=p, **parameters) for p in (3 + 1e-5, 3 - 1e-5)]
        assert abs(found - (given * (moved[0] - moved[1])).sum() / 2e-5) < 1e-6


@pytest.mark.quick_when(lambda **_: JIT)
@pytest.mark.parametrize("inputs", [1, 3])
def test_gradients_of_networks(inputs):
    random = np.random.default_rng(3).standard_normal
    shapes = ((4, inputs, 3, 3), (4,), (inputs, 4), (inputs,))
    weights = {name: random(shape) / 2 for name, shape in zip(naive.NETWORK, shapes, strict=True)}
    image, grad = noise((2, 7, 8, 3)), noise((2, 3, 4, 3))
    result = poolcli.downsample_backward(grad, image, "lip", weights=weights, wrt="weights")
    assert {name: one.shape for name, one in result.items()} == dict(zip(naive.NETWORK, shapes, strict=True))
    bins = poolcli.reduce_backward(
        noise((2, 15)), image, "spp", pool="lip", levels=(1, 2), weights=weights, wrt="weights"
    )
    for name, at in [(one, at) for one, array in weights.items() for at in np.ndindex(array.shape)]:
        moved = []
        for step in (1e-5, -1e-5):
            other = {**weights, name: weights[name].copy()}
            other[name][at] += step
            pooled = poolcli.downsample(image, "lip", weights=other)
            reduced = poolcli.reduce(image, "spp", pool="lip", levels=(1, 2), weights=other)
            moved.append(((grad * pooled).sum(), (noise((2, 15)) * reduced).sum()))
        expected = (np.array(moved[0]) - moved[1]) / 2e-5
        np.testing.assert_allclose((result[name][at], bins[name][at]), expected, rtol=1e-6, atol=1e-6)


REDUCING = [
    ("gap", {}), ("gmp", {}), ("flatten", {}), ("flatten", {"order": "columns"}), ("median", {}), ("gem", {}),
    ("spp", {}), ("spp", {"pool": "soft", "levels": (1, 3)}), ("spp", {"pool": "kmax", "levels": 2}), ("lip", {}),
    ("covariance", {}), ("covariance", {"center": True}), ("covariance", {"matrix": True}),
    ("covariance", {"center": True, "power": 0.5}), ("covariance", {"power": 2.5, "matrix": True}),
    ("covariance", {"log": True, "center": True, "matrix": True}), ("covariance", {"power": 0.5, "top_k": 2}),
    ("covariance", {"log": True, "top_k": 2}), ("covariance", {"top_k": 1, "center": True}),
]  # fmt: skip


@pytest.mark.quick_when(lambda shape, mode, **_: JIT or (len(shape) == 3 and mode != "lip"))
@pytest.mark.parametrize("shape", [(6, 7, 3), (2, 5, 6, 3)], ids=str)
@pytest.mark.parametrize(("mode", "parameters"), REDUCING, ids=[f"{m}-{describe(p)}" for m, p in REDUCING])
def test_gradients_of_reductions(mode, parameters, shape):
    image = noise(shape)
    grad = noise(poolcli.reduce(image, mode, **parameters).shape)
    result = poolcli.reduce_backward(grad, image, mode, **parameters)
    step = 1e-6
    expected = np.empty(shape)
    for at in np.ndindex(shape):
        moved = []
        for sign in (1, -1):
            other = image.copy()
            other[at] += sign * step
            moved.append(poolcli.reduce(other, mode, **parameters))
        expected[at] = (grad * (moved[0] - moved[1])).sum() / (2 * step)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def test_gradients_of_covariances_stay_finite_where_eigenvalues_coincide():
    """The covariance is 1/2 on the diagonal: f'(1/2) = sqrt(1/2) in both eigenvectors, times 2 G X / n."""
    image = np.array([[[1, 0], [0, 1]], [[-1, 0], [0, -1]]], np.float64)
    result = poolcli.reduce_backward(np.ones((2, 2)), image, "covariance", power=0.5, matrix=True)
    expected = np.sqrt(0.5) * 2 / 4 * (image @ np.ones((2, 2)))
    np.testing.assert_allclose(result, expected, rtol=1e-14)
    flat = poolcli.reduce_backward(np.ones(6), np.full((5, 5, 3), 0.5), "covariance", log=True)
    assert np.isfinite(flat).all()


def test_gradients_of_reductions_are_laid_out_as_the_image():
    image = noise((2, 3, 6, 7), np.float32)
    grad = noise((2, 6))
    result = poolcli.reduce_backward(grad, image, "covariance", layout="chw")
    other = poolcli.reduce_backward(grad, np.moveaxis(image, 1, -1), "covariance")
    assert result.dtype == np.float32
    np.testing.assert_array_equal(np.moveaxis(result, 1, -1), other)
    with pytest.raises(ValueError, match=r"grad is of shape \(6,\), and the result of \(2, 6\): they must be alike"):
        poolcli.reduce_backward(np.ones(6), image, "covariance", layout="chw")
    with pytest.raises(ValueError, match="mode 'majority' has no gradient"):
        poolcli.reduce_backward(np.ones((2, 3)), image, "majority", layout="chw")


def test_a_batch_of_no_images_has_no_gradient():
    none = np.zeros((0, 6, 8, 3))
    for mode in ("max", "average", "soft", "mixed", "lip"):
        assert poolcli.downsample_backward(poolcli.downsample(none, mode), none, mode).shape == none.shape
        assert poolcli.reduce_backward(poolcli.reduce(none, mode), none, mode).shape == none.shape


def test_bad_input_is_named():
    image = np.zeros((4, 6, 3), np.uint8)
    with pytest.raises(ValueError, match=r"grad is of shape \(2, 2\), and the result of \(2, 3, 3\): they must be"):
        poolcli.downsample_backward(np.ones((2, 2)), image, "max")
    with pytest.raises(ValueError, match="mode 'majority' has no gradient: the modes that have one are max, min"):
        poolcli.downsample_backward(np.ones((2, 3, 3)), image, "majority")
    with pytest.raises(
        ValueError, match="wrt='p' is not allowed: mode 'soft' has a gradient with respect to 'image' or 'beta'"
    ):
        poolcli.downsample_backward(np.ones((2, 3, 3)), image, "soft", wrt="p")
    with pytest.raises(ValueError, match="wrt='power' is not allowed: mode 'covariance' has a gradient"):
        poolcli.reduce_backward(np.ones(6), image, "covariance", wrt="power")
    with pytest.raises(ValueError, match="mode 'max' takes no p"):
        poolcli.downsample_backward(np.ones((2, 3, 3)), image, "max", p=2)
