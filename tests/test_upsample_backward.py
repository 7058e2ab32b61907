"""Gradients of upsampling and of `resize`: adjoints of what is linear, finite differences of what is not."""

import naive
import numpy as np
import pytest
from effort import JIT
from pictures import describe

import poolcli
from poolcli.sampling import BORDERS, COORDINATES, ROUNDINGS

FILTERS = ("nearest", "bilinear", "bicubic", "lanczos")
SHAPES = [((5, 7), (10, 14)), ((5, 7), (8, 9)), ((5, 7), (3, 4)), ((8, 9), (4, 3)), ((1, 2), (3, 5)), ((4, 1), (1, 1))]


def noise(shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def assert_adjoint(function, backward, image):
    """Check <A x, y> = <x, A^T y> for some y, to 1e-12 of the largest that either sum could be."""
    out = function(image)
    for seed in range(3):
        grad = noise(out.shape, seed)
        back = backward(grad, image)
        assert (back.dtype, back.shape) == (np.float64, image.shape)
        most = np.abs(out).sum() * np.abs(grad).max() + 1
        assert abs((out * grad).sum() - (image * back).sum()) <= 1e-12 * most


@pytest.mark.quick_when(lambda mode, **_: JIT or mode == "bilinear")
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("mode", FILTERS)
def test_adjoint_of_resize(mode, shapes, antialias):
    image = noise((*shapes[0], 2), 7)
    for coordinates in COORDINATES:
        for border in BORDERS if mode != "nearest" else (None,):
            given = {"coordinates": coordinates, "antialias": antialias} | ({"border": border} if border else {})
            assert_adjoint(
                lambda x, given=given: poolcli.resize(x, shapes[1], mode, **given),
                lambda g, x, given=given: poolcli.resize_backward(g, x, shapes[1], mode, **given),
                image,
            )


@pytest.mark.parametrize("scale", [2, 3, 1.7, 0.6], ids=str)
@pytest.mark.parametrize("mode", FILTERS)
def test_twin_of_resize(mode, scale):
    """Row after row of the matrix A, of which the forward twin makes one column for each pixel."""
    image = np.zeros((4, 5, 1))
    out = poolcli.resize(image, mode=mode, scale=scale, antialias=scale < 1)
    grad = noise(out.shape)
    result = poolcli.resize_backward(grad, image, mode=mode, scale=scale, antialias=scale < 1)
    for y, x in np.ndindex(4, 5):
        one = image.copy()
        one[y, x] = 1
        column = naive.resize(one, out.shape[:2], mode, (scale, scale), antialias=scale < 1)
        assert abs(result[y, x, 0] - (column * grad).sum()) < 1e-12


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("coordinates", COORDINATES)
def test_adjoint_of_nearest(coordinates, rounding):
    for scale in (2, 1.7, 0.5):
        given = {"mode": "nearest", "scale": scale, "coordinates": coordinates, "rounding": rounding}
        assert_adjoint(
            lambda x, given=given: poolcli.resize(x, **given),
            lambda g, x, given=given: poolcli.resize_backward(g, x, **given),
            noise((5, 7, 2)),
        )


WEIGHTS = {
    "own": noise((3, 3, 4), 4),
    "depthwise": noise((3, 2, 4, 3), 3),
    "2-D": noise((3, 4), 5),
    "even": noise((2, 4), 6),
    "4-D": noise((3, 8, 3, 2), 7),
    "one": noise((3, 4, 1, 1)),
}
CONVOLVING = [
    (mode, {"weights": weights, "scale": scale})
    for mode in ("transposed", "resize-conv", "subpixel")
    for weights in (None, "box", "gaussian", "2-D", "even", "4-D", "one")
    for scale in (2, (1, 2), (3, 2))
    if mode != "subpixel" or weights != "one" or scale == 2
    if mode != "subpixel" or weights != "4-D" or scale != (3, 2)
]
LINEAR = [
    *CONVOLVING,
    *(("transposed", {"weights": weights, "padding": (1, 0), "scale": (2, 3), **more})
      for weights in (None, "2-D", "4-D") for more in ({}, {"dilation": 2}, {"dilation": 3, "output_padding": 1})),
    ("transposed", {"weights": "2-D", "scale": 5}), ("transposed", {"weights": "2-D", "padding": (1, 3), "scale": 4}),
    *(("transposed", {"weights": weights, "padding": padding})
      for weights in ("2-D", "4-D") for padding in ((0, 2, 1, 0), "same")),
    *(("transposed", {"weights": weights, "groups": groups, "padding": (0, 2, 1, 0), "scale": (2, 3)})
      for weights, groups in (("own", 1), ("depthwise", 3))),
    *(("transposed", {"weights": weights, "scale": 3, "dilation": 2, "size": (4, 9)}) for weights in (None, "4-D")),
    *(("resize-conv", {"weights": "4-D", "border": border, "enlarge": "bilinear"})
      for border in ("edge", "reflect", "wrap", "constant")),
    *(("resize-conv", {"weights": "2-D", "border": border}) for border in ("edge", "reflect", "wrap", "constant")),
    *(("subpixel", {"weights": "4-D", "border": border, "order": order})
      for border in ("reflect", "wrap", "constant") for order in ("crd", "dcr")),
    ("average-unpool", {}), ("average-unpool", {"kernel_size": 3}), ("average-unpool", {"kernel_size": (2, 5)}),
    ("average-unpool", {"kernel_size": 3, "padding": 1, "output_padding": 1}), ("average-unpool", {"scale": (3, 1)}),
    ("average-unpool", {"kernel_size": 3, "padding": (0, 2, 1, 0)}),
    ("depth-to-space", {"scale": (3, 1)}), ("depth-to-space", {"scale": (1, 3), "order": "dcr"}),
    ("nails", {}), ("nails", {"scale": (3, 1)}), ("nearest", {"scale": 3}), ("bilinear", {"scale": 1.3}),
    ("bicubic", {"border": "wrap"}), ("lanczos", {"size": (9, 20)}), ("bilinear", {"coordinates": "align-corners"}),
]  # fmt: skip


def made(parameters):
    """Return parameters with the weights that are meant."""
    weights = parameters.get("weights")
    return {**parameters, "weights": WEIGHTS.get(weights, weights)} if "weights" in parameters else parameters


@pytest.mark.parametrize("shape", [(5, 6, 3), (2, 1, 4, 3)], ids=str)
@pytest.mark.parametrize(("mode", "parameters"), LINEAR, ids=[f"{m}-{describe(p)}" for m, p in LINEAR])
def test_adjoint_of_upsample(mode, parameters, shape):
    given = made(parameters)
    assert_adjoint(
        lambda x: poolcli.upsample(x, mode, **given),
        lambda g, x: poolcli.upsample_backward(g, x, mode, **given),
        noise(shape, 9),
    )


LEARNED = [(mode, parameters) for mode, parameters in LINEAR if parameters.get("weights") in WEIGHTS]


@pytest.mark.parametrize(("mode", "parameters"), LEARNED, ids=[f"{m}-{describe(p)}" for m, p in LEARNED])
def test_gradients_of_weights(mode, parameters):
    """The result is linear in them too."""
    given, image = made(parameters), noise((2, 5, 6, 3), 9)
    weights = given.pop("weights")
    out = poolcli.upsample(image, mode, weights=weights, **given)
    grad = noise(out.shape)
    result = poolcli.upsample_backward(grad, image, mode, weights=weights, wrt="weights", **given)
    assert (result.dtype, result.shape) == (np.float64, weights.shape)
    for at in np.ndindex(weights.shape):
        one = np.zeros(weights.shape)
        one[at] = 1
        expected = (poolcli.upsample(image, mode, weights=one, **given) * grad).sum()
        assert abs(result[at] - expected) < 1e-11


def test_gradients_that_can_be_read():
    row = np.zeros((1, 3))
    grad = np.array([[1, 2, 3, 4, 5, 6]])
    scale = {"scale": (1, 2)}
    assert poolcli.upsample_backward(grad, row, "nearest", **scale).tolist() == [[3, 7, 11]]
    assert poolcli.upsample_backward(grad, row, "nails", **scale).tolist() == [[1, 3, 5]]
    assert poolcli.upsample_backward(grad, row, "average-unpool", **scale).tolist() == [[1.5, 3.5, 5.5]]
    # (1/4) 2 + (3/4) 3 + (3/4) 4 + (1/4) 5 in the middle; at the ends the pixel stands for what is beyond it too.
    assert poolcli.upsample_backward(grad, row, "bilinear", **scale).tolist() == [[3.25, 7, 10.75]]
    one = {"weights": np.array([[1, 2, 1]]), "padding": 0, "scale": (1, 2)}
    assert poolcli.upsample_backward([[1, 2, 3, 4, 5, 6, 7]], row, "transposed", **one).tolist() == [[8, 16, 24]]


def test_unpool_sends_back_to_the_values_that_were_put():
    values = np.array([[5, 7, 7, 3]], np.float32)
    indices = np.array([[0, 0, 0, 2]])
    grad = np.array([[10, 20, 30]])
    result = poolcli.upsample_backward(grad, values, "unpool", indices=indices, size=(1, 3))
    assert result.tolist() == [[0, 10, 0, 30]]  # the first of the two largest
    result = poolcli.upsample_backward(grad, [[5, np.nan, np.nan, 3]], "unpool", indices=indices, size=(1, 3))
    assert result.tolist() == [[0, 10, 0, 30]]


@pytest.mark.parametrize("geometry", [{}, {"kernel_size": 3, "stride": 1}, {"kernel_size": 3, "stride": 2}], ids=str)
def test_unpool_against_finite_differences(geometry):
    values, indices = poolcli.downsample(noise((2, 9, 8, 3)), "max", return_indices=True, **geometry)
    values = values + noise(values.shape, 3) * 1e-3  # those that share a place differ
    given = {"indices": indices, "size": (9, 8)}
    grad = noise((2, 9, 8, 3), 4)
    result = poolcli.upsample_backward(grad, values, "unpool", **given)
    for at in list(np.ndindex(values.shape))[::3]:
        moved = []
        for step in (1e-7, -1e-7):
            other = values.copy()
            other[at] += step
            moved.append((poolcli.upsample(other, "unpool", **given) * grad).sum())
        assert abs(result[at] - (moved[0] - moved[1]) / 2e-7) < 1e-6


@pytest.mark.parametrize(("dtype", "number"), [("uint8", "float32"), ("float16", "float32"), ("int32", "float64")])
@pytest.mark.parametrize("mode", [mode for mode in poolcli.UPSAMPLINGS if mode != "depth-to-space"])
def test_dtypes_and_layouts(mode, dtype, number):
    image = np.arange(2 * 4 * 5 * 3).reshape(2, 4, 5, 3).astype(dtype)
    indices = np.arange(80).reshape(8, 10)[::2, ::2, None] + np.zeros((2, 1, 1, 3), int)
    given = {"indices": indices, "size": (8, 10)} if mode == "unpool" else {}
    grad = noise((2, 8, 10, 3))
    result = poolcli.upsample_backward(grad, image, mode, **given)
    assert (result.dtype, result.shape) == (number, image.shape)
    exact = poolcli.upsample_backward(grad, image.astype(np.float64), mode, **given)
    np.testing.assert_allclose(result, exact, rtol=0, atol=np.abs(exact).max() * (1e-6 if number == "float32" else 0))
    if "indices" in given:
        given["indices"] = np.moveaxis(given["indices"], -1, 1)
    first = [np.moveaxis(one, -1, 1) for one in (grad, image)]
    np.testing.assert_array_equal(
        np.moveaxis(poolcli.upsample_backward(*first, mode, layout="chw", **given), 1, -1), result
    )
    grey = poolcli.upsample_backward(grad[0, ..., 0], image[0, ..., 0], "bilinear")
    assert grey.shape == (4, 5)


def test_threads_change_nothing():
    import numba

    image, grad = noise((2, 90, 70, 3)), noise((2, 180, 140, 3))
    for mode in ("bilinear", "transposed", "resize-conv"):
        result = poolcli.upsample_backward(grad, image, mode)
        before = numba.get_num_threads()
        numba.set_num_threads(1)
        try:
            alone = poolcli.upsample_backward(grad, image, mode)
        finally:
            numba.set_num_threads(before)
        np.testing.assert_array_equal(result, alone)


def test_bad_input_is_named():
    image = np.zeros((4, 6, 3), np.uint8)
    with pytest.raises(ValueError, match=r"grad is of shape \(4, 6, 3\), and the result of \(8, 12, 3\): they must be"):
        poolcli.upsample_backward(image, image, "bilinear")
    with pytest.raises(ValueError, match=r"grad is of shape \(2, 3\), and the result of \(3, 2\): they must be alike"):
        poolcli.resize_backward(np.ones((2, 3)), image[..., 0], (3, 2))
    with pytest.raises(
        ValueError, match="wrt='weights' is not allowed: mode 'nearest' has a gradient with respect to "
    ):
        poolcli.upsample_backward(np.ones((8, 12, 3)), image, "nearest", wrt="weights")
    with pytest.raises(ValueError, match="weights='bilinear' are not learned: give an array"):
        poolcli.upsample_backward(np.ones((8, 12, 3)), image, "transposed", wrt="weights")
    with pytest.raises(ValueError, match="there is no mode 'cubic'"):
        poolcli.upsample_backward(image, image, "cubic")
