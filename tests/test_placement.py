"""Where pixels of a result lie: a ramp, whose values are the positions of its pixels, comes out as the new ones."""

import numpy as np
import pytest
from effort import EXAMPLES
from hypothesis import given
from hypothesis import strategies as st

from poolcli.commands import Step
from poolcli.placement import placement_of

HEIGHT, WIDTH = 36, 48


def inner(count):
    """Return the pixels of an axis that are not near its ends."""
    return slice(count // 3, count - count // 3)


def assert_ramps_move(step):
    for axis, n in enumerate((HEIGHT, WIDTH)):
        ramp = np.arange(n, dtype=np.float64).reshape((-1, 1) if axis == 0 else (1, -1))
        image = np.broadcast_to(ramp, (HEIGHT, WIDTH))
        made = step.apply(image)
        first, distance = placement_of(step, image.shape)[axis]
        count = made.shape[axis]
        expected = first + distance * np.arange(count)
        middle = made.take(made.shape[1 - axis] // 2, 1 - axis)[inner(count)]
        np.testing.assert_allclose(middle, expected[inner(count)], atol=1e-9)


@EXAMPLES
@given(
    kernel=st.integers(1, 6),
    stride=st.integers(1, 4),
    dilation=st.integers(1, 2),
    padding=st.sampled_from([0, 1, (0, 1), (1, 0, 0, 1), "same", "same-lower"]),
)
def test_windows_are_at_their_centres(kernel, stride, dilation, padding):
    """The formula D (F - 1) / 2 - P, with rows and columns of their own."""
    if padding not in (0, "same", "same-lower") and kernel == 1:
        padding = 0
    window = {"kernel_size": (kernel, kernel + 1), "stride": (stride, stride + 1), "dilation": dilation}
    assert_ramps_move(Step("downsample", "average", {**window, "padding": padding}))


@pytest.mark.parametrize("size", [(9, 12), (12, 16), (36, 48), (4, 6)])
def test_bins_are_at_their_centres(size):
    assert_ramps_move(Step("downsample", "average", {"size": size}))


@pytest.mark.parametrize(
    ("command", "mode", "arguments"),
    [
        ("upsample", "bilinear", {"scale": 2}),
        ("upsample", "bilinear", {"scale": (1.5, 2.25)}),
        ("upsample", "bicubic", {"size": (70, 99)}),
        ("upsample", "bilinear", {"scale": 3, "coordinates": "align-corners"}),
        ("upsample", "bilinear", {"scale": 3, "coordinates": "asymmetric"}),
        ("upsample", "transposed", {"scale": 2, "weights": "bilinear"}),
        ("upsample", "transposed", {"scale": 3, "weights": "bilinear", "kernel_size": 6, "padding": 1}),
        ("upsample", "resize-conv", {"scale": 2, "weights": "box", "kernel_size": 3, "enlarge": "bilinear"}),
        ("resize", "bilinear", {"scale": 0.5}),
        ("resize", "box", {"scale": 0.25}),
        ("resize", "lanczos", {"size": (18, 24)}),
        ("resize", "bilinear", {"size": (50, 31), "no_antialias": True}),
    ],
    ids=str,
)
def test_positions_are_those_of_the_samples(command, mode, arguments):
    assert_ramps_move(Step(command, mode, arguments))


@pytest.mark.parametrize(
    ("command", "mode", "arguments", "expected"),
    [
        ("downsample", "max", {}, (0.5, 2)),
        ("downsample", "max", {"kernel_size": 3, "stride": 2}, (1, 2)),
        ("downsample", "median", {"kernel_size": 3, "stride": 1, "padding": 1}, (0, 1)),
        ("downsample", "space-to-depth", {"kernel_size": 4}, (1.5, 4)),
        ("upsample", "nearest", {"scale": 4}, (-0.375, 0.25)),
        ("upsample", "nails", {"scale": 4}, (0, 0.25)),
        ("upsample", "unpool", {"scale": 2}, (-0.25, 0.5)),
        ("upsample", "unpool", {"scale": 2, "kernel_size": 3, "padding": 1}, (0, 0.5)),
        ("upsample", "average-unpool", {"scale": 2}, (-0.25, 0.5)),
        ("upsample", "depth-to-space", {"scale": 2}, (-0.25, 0.5)),
        ("gradient", "max", {}, (0, 1)),
    ],
    ids=str,
)
def test_positions_by_example(command, mode, arguments, expected):
    shape = (12, 12, 16) if mode == "depth-to-space" else (12, 12)
    rows, columns = placement_of(Step(command, mode, arguments), shape)
    assert rows == columns == expected
