"""Results in arrays that the caller gives: the same numbers, in any memory, beside or over the input."""

import numpy as np
import pytest
from pictures import picture

import poolcli

SHAPE = (12, 14, 3)


CALLS = {
    **{f"downsample-{mode}": (poolcli.downsample, mode, {}) for mode in poolcli.MODES},
    **{f"reduce-{mode}": (poolcli.reduce, mode, {}) for mode in poolcli.REDUCTIONS},
    **{
        f"upsample-{mode}": (poolcli.upsample, mode, {})
        for mode in poolcli.UPSAMPLINGS
        if mode not in ("unpool", "subpixel", "depth-to-space")  # which need more than an image
    },
    **{
        f"resize-{mode}-{antialias}": (poolcli.resize, (5, 20), {"mode": mode, "antialias": antialias})
        for mode in ("nearest", "bilinear", "lanczos")
        for antialias in (False, True)
    },
}
BACKWARD = {
    poolcli.downsample: poolcli.downsample_backward,
    poolcli.reduce: poolcli.reduce_backward,
    poolcli.upsample: poolcli.upsample_backward,
    poolcli.resize: poolcli.resize_backward,
}


def check(function, *arguments, **given):
    """Compare what is written to arrays of several layouts with what is returned in a new one."""
    expected = function(*arguments, **given)
    shape, dtype = expected.shape, expected.dtype
    wide = np.zeros((*shape[:-1], 2 * shape[-1]), dtype)
    for out in (np.empty(shape, dtype), np.empty(shape, dtype, "F"), wide[..., ::2], np.flip(np.empty(shape, dtype))):
        assert function(*arguments, **given, out=out) is out
        np.testing.assert_array_equal(out, expected)
    assert not wide[..., 1::2].any()


@pytest.mark.parametrize("name", CALLS)
def test_the_array_is_filled_and_returned(name):
    function, how, given = CALLS[name]
    check(function, picture("float32", SHAPE), how, **given)


@pytest.mark.parametrize("name", [name for name in CALLS if "majority" not in name])
def test_a_gradient_too(name):
    function, how, given = CALLS[name]
    image = picture("float32", SHAPE)
    grad = np.ones_like(function(image, how, **given))
    check(BACKWARD[function], grad, image, how, **given)


@pytest.mark.parametrize("layout", ["hwc", "chw"])
@pytest.mark.parametrize("dtype", ["uint8", "bool", "float16", "int64"])
def test_every_layout_and_dtype(layout, dtype):
    image = picture(dtype, (2, 12, 14, 5))
    for function, rest in ((poolcli.downsample, ("max",)), (poolcli.resize, ((5, 9),)), (poolcli.reduce, ("gmp",))):
        expected = function(image, *rest, layout=layout)
        out = np.empty(expected.shape, expected.dtype)
        assert function(image, *rest, layout=layout, out=out) is out
        np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("mode", ["max", "median", "average", "lip", "blur"])
def test_the_result_may_go_where_the_input_is(mode):
    image = picture("float32", SHAPE)
    given = {"kernel_size": 5, "stride": 1, "padding": "same"}
    expected = poolcli.downsample(image, mode, **given)
    assert poolcli.downsample(image, mode, **given, out=image) is image
    np.testing.assert_array_equal(image, expected)
    both = picture("float32", (15, 14, 3))
    expected = poolcli.downsample(both[:12], mode, **given)
    poolcli.downsample(both[:12], mode, **given, out=both[3:])  # which overlap
    np.testing.assert_array_equal(both[3:], expected)


@pytest.mark.parametrize(
    ("function", "rest"),
    [
        (poolcli.downsample, ("max",)),
        (poolcli.downsample, ("soft",)),
        (poolcli.upsample, ("nearest",)),
        (poolcli.resize, ((5, 20), "bicubic")),
    ],
    ids=["max", "soft", "nearest", "bicubic"],
)
def test_kernels_write_to_it(function, rest, monkeypatch):
    """Nothing is copied where the array is as a new one would be."""
    image = picture("float32", SHAPE)
    expected = function(image, *rest)
    out = np.empty_like(expected)

    def copied(*arguments):
        raise AssertionError("the result was copied")

    monkeypatch.setattr(np, "copyto", copied)
    function(image, *rest, out=out)
    assert out.tolist() == expected.tolist()


def test_values_and_indices_go_to_a_pair():
    image = np.array([[1, 5, 2, 0], [3, 4, 8, 6]], np.uint8)
    out = np.empty((1, 2), np.uint8), np.empty((1, 2), np.int64)
    values, indices = poolcli.downsample(image, "max", return_indices=True, out=out)
    assert values is out[0]
    assert indices is out[1]
    assert (values.tolist(), indices.tolist()) == ([[5, 8]], [[1, 6]])


def test_the_gradient_of_a_parameter_is_one_number():
    image = picture("float32", SHAPE)
    grad = np.ones_like(poolcli.downsample(image, "soft"))
    out = np.empty((), np.float64)
    assert poolcli.downsample_backward(grad, image, "soft", wrt="beta", out=out) is out
    assert out == poolcli.downsample_backward(grad, image, "soft", wrt="beta")


def frozen(array):
    array.setflags(write=False)
    return array


@pytest.mark.parametrize(
    ("out", "error", "words"),
    [
        (np.empty((6, 7), np.uint8), ValueError, r"out is of shape \(6, 7\) and dtype uint8: it must be an array of "),
        (np.empty((6, 7, 3), np.float32), ValueError, r"must be an array of shape \(6, 7, 3\) and dtype uint8"),
        (np.empty((6, 21), np.uint8), ValueError, r"must be an array of shape \(6, 7, 3\)"),
        (frozen(np.empty((6, 7, 3), np.uint8)), ValueError, "out is read-only: it must be writeable"),
        ([1, 2], TypeError, "out is of type list: it must be an array of shape"),
        ("max.npy", TypeError, "out is of type str"),
    ],
    ids=["rank", "dtype", "size", "read-only", "list", "text"],
)
def test_a_wrong_array_is_told_what_is_right(out, error, words):
    with pytest.raises(error, match=words):
        poolcli.downsample(picture("uint8", SHAPE), "max", out=out)


def test_several_results_need_several_arrays():
    image = picture("uint8", SHAPE)
    with pytest.raises(TypeError, match="there are 2 results: out must be as many arrays, in a tuple"):
        poolcli.downsample(image, "max", return_indices=True, out=np.empty((6, 7, 3), np.uint8))
    grad = np.ones((6, 7, 3))
    with pytest.raises(TypeError, match="results, by name, and no out for them"):
        poolcli.downsample_backward(grad, image, "lip", wrt="weights", out=np.empty(3))


def test_a_gradient_at_given_indices_is_written_where_it_belongs(monkeypatch):
    image = picture("float32", SHAPE)
    pooled, indices = poolcli.downsample(image, "max", return_indices=True)
    expected = poolcli.downsample_backward(pooled, image, "max", indices=indices)
    monkeypatch.setattr(np, "copyto", None)  # what a copy into the caller's array would be made by
    out = np.empty_like(image)
    assert poolcli.downsample_backward(pooled, image, "max", indices=indices, out=out) is out
    np.testing.assert_array_equal(out, expected)
