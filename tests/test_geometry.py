"""Where windows lie, against the plain twin and, where it is installed, PyTorch."""

import gc
import weakref

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import poolcli
from poolcli.geometry import low_passed, output_size, shape, sliding, windows


@given(
    n=st.integers(1, 20),
    kernel=st.integers(1, 6),
    stride=st.integers(1, 6),
    dilation=st.integers(1, 3),
    padding=st.one_of(
        st.integers(0, 6), st.tuples(st.integers(0, 6), st.integers(0, 6)), st.sampled_from(["same", "same-lower"])
    ),
    ceil=st.booleans(),
    wide=st.booleans(),
)
def test_windows_are_those_of_the_twin(n, kernel, stride, dilation, padding, ceil, wide):
    def found():
        around = {int: (0, padding), tuple: (0, 0, *np.ravel(padding)), str: padding}[type(padding)]
        given = {"padding": around, "dilation": dilation, "ceil": ceil, "wide_padding": wide}
        return windows(20, n, shape((1, kernel), stride, **given))[1]

    if not isinstance(padding, str):
        span = dilation * (kernel - 1) + 1
        before, after = padding if isinstance(padding, tuple) else (padding, padding)
        larger = span - n - before - after
        allowed = (wide or 2 * max(before, after) <= span) and (larger < stride if ceil else larger <= 0)
        taps, _ = naive.taps(n, kernel, stride, padding, dilation, ceil) if allowed else ([[]], 0)
    else:
        taps, _ = naive.taps(n, kernel, stride, padding, dilation)
    inside = [[tap for tap in window if 0 <= tap < n] for window in taps]
    if not (all(inside) or (wide and taps != [[]])):
        with pytest.raises(ValueError, match=r"more than half|smaller than the window|in the padding alone"):
            found()
        return
    axis = found()
    pairs = zip(axis.first, axis.count, strict=True)
    assert [[first + k * axis.step for k in range(count)] for first, count in pairs] == inside
    assert axis.filled.size == sum(map(bool, inside))
    assert (axis.filled is axis) == all(inside)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((7, 3, 2), 3),
        ((8, 3, 2), 3),
        ((8, 3, 2, (0, 0), 1, True), 4),
        ((9, 4, 4, (2, 2), 1, True), 3),  # a fourth window would begin in the right padding
        ((5, 2, 1, (0, 0), 3), 2),
        ((2, 3, 2, (0, 0), 1, True), 1),  # the window is larger than the axis, by less than the stride
        ((4, 7, 4, (0, 0), 1, True), 1),
        ((1, 2, 4, (1, 1), 3, True), 1),
    ],
)
def test_output_size(arguments, expected):
    assert output_size(*arguments) == expected
    assert sliding(*arguments).size == expected


def test_low_pass_weights_are_box_and_binomial():
    axis = low_passed(sliding(6, 2, 2), 6)
    assert axis.first.tolist() == [0, 1, 3]
    assert axis.weights.tolist() == [[3, 3, 1, 0], [1, 3, 3, 1], [1, 3, 3, 0]]
    assert axis.divisor.tolist() == [7, 8, 7]


@pytest.mark.parametrize("kernel_size", [2, 3, (2, 3)], ids=str)
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("ceil", [False, True])
def test_pytorch_agrees(kernel_size, stride, padding, dilation, ceil):
    torch = pytest.importorskip("torch", reason="a peer of the bench extra")
    pool = torch.nn.functional
    image = np.random.default_rng(0).normal(size=(9, 11)).astype(np.float32)
    tensor = torch.from_numpy(image)[None, None]
    settings = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
    expected, indices = pool.max_pool2d(tensor, **settings, dilation=dilation, ceil_mode=ceil, return_indices=True)
    found, where = poolcli.downsample(image, "max", **settings, dilation=dilation, ceil=ceil, return_indices=True)
    np.testing.assert_array_equal(found, expected[0, 0].numpy())
    np.testing.assert_array_equal(where, indices[0, 0].numpy())
    if dilation == 1:
        for include in (False, True):
            expected = pool.avg_pool2d(tensor, **settings, ceil_mode=ceil, count_include_pad=include)[0, 0].numpy()
            found = poolcli.downsample(image, "average", **settings, ceil=ceil, count_include_pad=include)
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    if dilation == 1 and padding == 0 and not ceil:
        expected = pool.lp_pool2d(tensor.abs(), 3.0, kernel_size, stride)[0, 0].numpy()
        np.testing.assert_allclose(
            poolcli.downsample(image, "lp", kernel_size=kernel_size, stride=stride, norm="sum"), expected, rtol=1e-5
        )


@pytest.mark.parametrize("size", [1, 3, (4, 7), (9, 11), (12, 5)], ids=str)
def test_pytorch_agrees_on_adaptive_bins(size):
    torch = pytest.importorskip("torch", reason="a peer of the bench extra")
    image = np.random.default_rng(0).normal(size=(9, 11)).astype(np.float32)
    tensor = torch.from_numpy(image)[None, None]
    pool = torch.nn.functional
    np.testing.assert_array_equal(
        poolcli.downsample(image, "max", size=size), pool.adaptive_max_pool2d(tensor, size)[0, 0]
    )
    np.testing.assert_allclose(
        poolcli.downsample(image, "average", size=size),
        pool.adaptive_avg_pool2d(tensor, size)[0, 0],
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize(("padding", "filled"), [((0, 0), 4), ((3, 0), 3)])
def test_windows_are_freed_when_nobody_has_them(padding, filled):
    """Parts of a large image have windows of their own: they must not wait for a search for garbage."""
    gc.disable()
    try:
        whole = sliding.__wrapped__(64, 2, 2, padding)
        part = whole.part(0, 4, 64)
        assert part.filled.size == filled
        known = weakref.ref(part), weakref.ref(whole)
        del part, whole
        assert [one() for one in known] == [None, None]
    finally:
        gc.enable()
