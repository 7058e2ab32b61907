"""The same numbers as PyTorch and Pillow, where these are installed (the extra bench) and do the same thing."""

import numpy as np
import pytest
from effort import JIT
from pictures import picture
from PIL import Image

import poolcli

pytestmark = pytest.mark.skipif(not JIT, reason="the same numbers, compiled or not: once is enough")
IMAGE = np.random.default_rng(0).normal(size=(12, 17, 3)).astype(np.float32)


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed: the extra bench brings it")


def first(image):
    """Return channels first, as PyTorch has them."""
    return np.ascontiguousarray(np.moveaxis(np.atleast_3d(image), -1, 0))[None]


def last(tensor):
    return np.moveaxis(tensor.numpy()[0], 0, -1)


SIZES = [(24, 34), (30, 20), (7, 9), (1, 1), (12, 17)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_torch_interpolation(mode, align, size, torch):
    expected = torch.nn.functional.interpolate(torch.tensor(first(IMAGE)), size, mode=mode, align_corners=align)
    values = {"coordinates": "align-corners" if align else "half-pixel"} | (
        {"cubic_a": -0.75} if mode == "bicubic" else {}
    )
    np.testing.assert_allclose(poolcli.upsample(IMAGE, mode, size=size, **values), last(expected), atol=1e-5)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_torch_antialias(mode, size, torch):
    expected = torch.nn.functional.interpolate(torch.tensor(first(IMAGE)), size, mode=mode, antialias=True)
    # With antialias PyTorch has Pillow's slope, and leaves out what lies beyond the image. With align_corners too,
    # 2.13 gives a mirrored image another result than the mirrored one, which nothing here can agree with.
    result = poolcli.resize(IMAGE, size, mode, antialias=True, border="exclude")
    np.testing.assert_allclose(result, last(expected), atol=1e-5)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_torch_nearest(size, torch):
    tensor = torch.tensor(first(IMAGE))
    floor = torch.nn.functional.interpolate(tensor, size, mode="nearest")
    result = poolcli.upsample(IMAGE, "nearest", size=size, coordinates="asymmetric", rounding="floor")
    np.testing.assert_array_equal(result, last(floor))
    exact = torch.nn.functional.interpolate(tensor, size, mode="nearest-exact")
    np.testing.assert_array_equal(poolcli.upsample(IMAGE, "nearest", size=size), last(exact))


@pytest.mark.parametrize("scale", [2, 3, 1.5])
def test_torch_scales(scale, torch):
    tensor = torch.tensor(first(IMAGE))
    for mode in ("bilinear", "bicubic"):
        expected = torch.nn.functional.interpolate(
            tensor, scale_factor=scale, mode=mode, recompute_scale_factor=False, align_corners=False
        )
        values = {"cubic_a": -0.75} if mode == "bicubic" else {}
        np.testing.assert_allclose(poolcli.upsample(IMAGE, mode, scale=scale, **values), last(expected), atol=1e-5)


@pytest.mark.parametrize("geometry", [(2, 2, 0), (3, 2, 1), (3, 3, 0)], ids=str)
def test_torch_unpooling(geometry, torch):
    f, s, p = geometry
    tensor = torch.tensor(first(IMAGE))
    pooled, places = torch.nn.functional.max_pool2d(tensor, f, s, p, return_indices=True)
    values, indices = poolcli.downsample(IMAGE, "max", kernel_size=f, stride=s, padding=p, return_indices=True)
    np.testing.assert_array_equal(values, last(pooled))
    np.testing.assert_array_equal(indices, last(places))
    if f <= s:  # PyTorch leaves open which of several wins
        expected = torch.nn.functional.max_unpool2d(pooled, places, f, s, p, output_size=tensor.shape)
        result = poolcli.upsample(values, "unpool", scale=s, indices=indices, size=IMAGE.shape[:2])
        np.testing.assert_array_equal(result, last(expected))


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("case", [(4, 2, 1, 0, 1), (3, 2, 1, 1, 1), (3, 3, 0, 2, 2), (5, 1, 2, 0, 1)], ids=str)
def test_torch_transposed_convolution(case, full, torch):
    f, s, p, extra, dilation = case
    weights = np.random.default_rng(1).normal(size=(3, 4, f, f) if full else (f, f)).astype(np.float32)
    kernels = weights if full else np.broadcast_to(weights, (3, 1, f, f)).copy()
    expected = torch.nn.functional.conv_transpose2d(
        torch.tensor(first(IMAGE)), torch.tensor(kernels), stride=s, padding=p, output_padding=extra,
        groups=1 if full else 3, dilation=dilation,
    )  # fmt: skip
    values = {"padding": p, "output_padding": extra, "dilation": dilation}
    result = poolcli.upsample(IMAGE, "transposed", scale=s, weights=weights, **values)
    np.testing.assert_allclose(result, last(expected), atol=1e-5 * np.abs(last(expected)).max())


def test_torch_subpixel(torch):
    weights = np.random.default_rng(1).normal(size=(3, 8, 3, 3)).astype(np.float32)
    kernels = torch.tensor(np.swapaxes(weights, 0, 1).copy())
    convolved = torch.nn.functional.conv2d(torch.tensor(first(IMAGE)), kernels, padding=1)
    expected = last(torch.nn.functional.pixel_shuffle(convolved, 2))
    result = poolcli.upsample(IMAGE, "subpixel", weights=weights, border="constant")
    np.testing.assert_allclose(result, expected, atol=1e-5 * np.abs(expected).max())


FILTERS = {
    "nearest": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@pytest.mark.parametrize("size", [(48, 60), (31, 33), (9, 11), (100, 20)], ids=str)
@pytest.mark.parametrize("mode", list(FILTERS))
def test_pillow(mode, size):
    """To one grey level, without overshoot: Pillow rounds and clips between its passes."""
    y, x = np.mgrid[0:24, 0:30]
    smooth = 128 + 60 * np.sin(x[..., None] / (3 + np.arange(3))) * np.cos(y[..., None] / 5)
    image = np.rint(smooth).astype(np.uint8)
    expected = np.asarray(Image.fromarray(image).resize(size[::-1], FILTERS[mode])).astype(int)
    values = {} if mode == "nearest" else {"border": "exclude"}
    assert np.abs(poolcli.resize(image, size, mode, antialias=True, **values) - expected).max() <= 1


def test_opencv():
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed: the extra bench brings it")
    image = picture("uint8", (20, 30, 3))
    cubic = cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC).astype(int)
    assert np.abs(poolcli.upsample(image, "bicubic", cubic_a=-0.75) - cubic).max() <= 1
    linear = cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR).astype(int)
    assert np.abs(poolcli.upsample(image, "bilinear") - linear).max() <= 1


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "uint32", "float32"])
@pytest.mark.parametrize(
    ("mode", "method"), [("majority", "mode"), ("average", "mean"), ("max", "max"), ("min", "min")]
)
def test_levels_of_a_pyramid_are_those_of_tensorstore(mode, method, dtype):
    """Value by value; but of averages of floats, whose sums are of 32 bits there."""
    tensorstore = pytest.importorskip("tensorstore", reason="TensorStore is not installed: the extra test brings it")
    image = picture(dtype, (301, 467), 1)
    if mode == "majority":
        image = (image.astype(np.float64) % 5).astype(dtype)
    base = tensorstore.array(image)
    for number, level in enumerate(poolcli.pyramid(image, mode, until=8)[1:], 1):
        expected = tensorstore.downsample(base, [2**number] * 2, method).read().result()
        if mode == "average" and dtype == "float32":
            np.testing.assert_allclose(level, expected, 1e-5, 1e-5 * np.abs(image).max())
        else:
            np.testing.assert_array_equal(level, expected)
