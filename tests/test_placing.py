"""Where output pixels lie: a ramp that counts rows, or columns, is read where its mean is."""

import numpy as np
import pytest
from effort import EXAMPLES
from hypothesis import given
from hypothesis import strategies as st

import poolcli
from poolcli.commands import Step
from poolcli.placing import SAME, placement


def ramps(height, width):
    """Return an image whose channels say in which row and in which column a pixel lies."""
    return np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), -1).astype(np.float64)


def lines(step, shape, count):
    """Return the rows and columns where the first output pixels lie, so many each."""
    return [first + step * np.arange(n) for (step, first), n in zip(placement(step, shape), count[:2], strict=True)]


def assert_lies(out, step, shape, reach):
    """Check that an output of ramps is what it is said to be, but for pixels that the edges of the image reach."""
    rows, columns = lines(step, shape, out.shape)
    inside = [(at >= reach) & (at <= n - 1 - reach) for at, n in zip((rows, columns), shape, strict=True)]
    assert all(own.any() for own in inside)
    expected = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1)
    np.testing.assert_allclose(out[np.ix_(*inside)], expected[np.ix_(*inside)], atol=1e-9)


@EXAMPLES
@given(
    kernel_size=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    dilation=st.integers(1, 2),
    padding=st.sampled_from([0, "half", "same", "same-lower"]),
    ceil=st.booleans(),
)
def test_windows(kernel_size, stride, dilation, padding, ceil):
    padding = tuple(f // 2 for f in kernel_size) if padding == "half" else padding
    arguments = {"kernel_size": kernel_size, "stride": stride, "dilation": dilation, "padding": padding, "ceil": ceil}
    step = Step("downsample", "average", arguments)
    assert_lies(step.apply(ramps(31, 29)), step, (31, 29), 5)


@EXAMPLES
@given(
    mode=st.sampled_from(["bilinear", "bicubic"]),
    size=st.tuples(st.integers(4, 50), st.integers(4, 50)),
    coordinates=st.sampled_from(["half-pixel", "align-corners", "asymmetric", "pytorch-half-pixel"]),
)
def test_samples(mode, size, coordinates):
    step = Step("resize", mode, {"size": size, "coordinates": coordinates, "no_antialias": True})
    assert_lies(step.apply(ramps(21, 20)), step, (21, 20), 2.5)


@pytest.mark.parametrize(
    ("mode", "arguments"),
    [
        ("bilinear", {"scale": 3}),
        ("bicubic", {"scale": (2.5, 1.5), "coordinates": "half-pixel-symmetric"}),
        ("lanczos", {"size": (50, 60)}),
        ("transposed", {"scale": 2}),
        ("transposed", {"scale": 3, "padding": 0}),
        ("transposed", {"scale": (2, 3), "padding": (1, 0), "output_padding": 1}),
    ],
)
def test_enlargements(mode, arguments):
    step = Step("upsample", mode, arguments)
    out = step.apply(ramps(20, 21))
    rows, columns = lines(step, (20, 21), out.shape)
    middle = np.s_[out.shape[0] // 3 : out.shape[0] // 2, out.shape[1] // 3 : out.shape[1] // 2]
    expected = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1)
    np.testing.assert_allclose(out[middle], expected[middle], atol=0.05 if mode == "lanczos" else 1e-9)


@pytest.mark.parametrize(
    ("command", "mode", "arguments", "shape", "rows"),
    [
        ("downsample", "max", {"size": (2, 3)}, (8, 9), (4.0, 1.5)),
        ("downsample", "blur", {"kernel_size": 2}, (8, 9), (2.0, 0.5)),
        ("downsample", "max", {"kernel_size": 3, "stride": 2, "padding": "same"}, (8, 9), (2.0, 1.0)),
        ("downsample", "max", {"kernel_size": 3, "stride": 2, "padding": "same-lower"}, (8, 9), (2.0, 0.0)),
        ("upsample", "nearest", {"scale": 2}, (8, 9), (0.5, -0.25)),
        ("upsample", "nearest", {"scale": 4, "coordinates": "asymmetric", "rounding": "floor"}, (8, 9), (0.25, -0.375)),
        ("upsample", "nails", {"scale": 2}, (8, 9), (0.5, -0.25)),
        ("upsample", "average-unpool", {"kernel_size": 3, "scale": 2, "padding": 1}, (8, 9), (0.5, 0.0)),
        ("upsample", "unpool", {"indices": np.arange(4).reshape(2, 2), "scale": 2}, (2, 2), (0.5, -0.25)),
        ("upsample", "depth-to-space", {"scale": 2}, (8, 9, 4), (0.5, -0.25)),
        ("resize", "nearest", {"scale": 0.5}, (8, 9), (2.0, 0.5)),
        ("resize", "box", {"size": (4, 3)}, (10, 9), (2.5, 0.75)),
        ("resize", "bilinear", {"size": (1, 1), "coordinates": "align-corners"}, (10, 9), (10.0, 0.0)),
        ("resize", "bilinear", {"scale": 0.3}, (8, 9), (1 / 0.3, 0.5 / 0.3 - 0.5)),
        ("gradient", "max", {}, (8, 9), (1.0, 0.0)),
    ],
)
def test_lines_that_can_be_read(command, mode, arguments, shape, rows):
    assert placement(Step(command, mode, arguments), shape)[0] == pytest.approx(rows, abs=1e-12)


def test_indices_in_a_file_know_their_windows(tmp_path):
    from poolcli.stored import about_indices, save_indices

    window = {"kernel_size": 3, "stride": 2, "padding": 1}
    _, indices = poolcli.downsample(np.zeros((9, 9)), "max", return_indices=True, **window)
    save_indices(tmp_path / "i.npz", indices.shape, about_indices((9, 9), window, 0), False, lambda take: take(indices))
    arguments = {"indices": tmp_path / "i.npz"}
    assert placement(Step("upsample", "unpool", arguments), (5, 5)) == ((0.5, 0.0), (0.5, 0.0))
    assert placement(Step("gradient", "max"), (5, 5)) == SAME
