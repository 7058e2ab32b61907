"""Alpha and linear light in Python: the numbers of the command line, and what may be given for an array."""

import numpy as np
import pytest
from commands import said
from effort import JIT
from pictures import numbers
from PIL import Image

import poolcli

JITTED = pytest.mark.skipif(not JIT, reason="files are read alike, compiled or not")
RGBA = np.array([[[200, 100, 0, 255], [0, 0, 80, 51]], [[40, 0, 0, 0], [100, 100, 100, 102]]], np.uint8)


def test_colour_is_weighed_by_alpha():
    # (200 x 255 + 0 x 51 + 40 x 0 + 100 x 102) / 408 = 150, likewise 87.5 and 35; alpha 408 / 4 = 102
    assert poolcli.downsample(RGBA, "average", alpha=True).tolist() == [[[150, 88, 35, 102]]]
    exact = poolcli.downsample(RGBA, "average", alpha=True, dtype="float32")
    np.testing.assert_allclose(exact, [[[150, 87.5, 35, 102]]], rtol=1e-6)
    np.testing.assert_allclose(poolcli.reduce(RGBA, "gap", alpha=True), [150, 87.5, 35, 102], rtol=1e-12)
    assert poolcli.resize(RGBA, (1, 1), antialias=True, alpha=True).tolist() == [[[150, 88, 35, 102]]]


def test_light_adds_up():
    checks = np.array([[0, 255], [255, 0]], np.uint8)
    assert poolcli.downsample(checks, "average", linear=True).tolist() == [[188]]  # 255 (1.055 / 2^(1/2.4) - 0.055)
    assert poolcli.downsample(checks, "max", linear=True).tolist() == [[255]]
    assert poolcli.upsample(checks, "bilinear", scale=(1, 3), linear=True)[0, 2:4].tolist() == [156, 213]
    np.testing.assert_allclose(
        poolcli.reduce(checks, "gap", linear=True), [255 * (1.055 * 0.5 ** (1 / 2.4) - 0.055)], rtol=1e-12
    )


def test_colour_that_was_multiplied_stays_so():
    straight = RGBA.astype(np.float64)
    multiplied = straight.copy()
    multiplied[..., :3] *= straight[..., 3:] / 255
    found = poolcli.downsample(multiplied, "average", alpha="premultiplied")
    np.testing.assert_allclose(found, multiplied.mean((0, 1), keepdims=True), rtol=1e-12)


CASES = [
    ("average", {}), ("l2", {"norm": "sum"}), ("soft", {"beta": 3}), ("gem", {}), ("kmax", {"combine": "mean"}),
    ("max", {}), ("median", {}), ("majority", {}), ("blur", {}),
]  # fmt: skip


@JITTED
@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(("mode", "parameters"), CASES, ids=[mode for mode, _ in CASES])
def test_files_and_arrays_give_the_same(tmp_path, monkeypatch, mode, parameters, dtype, linear):
    monkeypatch.chdir(tmp_path)
    image = numbers((6, 8, 4), 0, dtype)
    poolcli.write_image(image, "a.png")
    options = [word for name, value in parameters.items() for word in (f"--{name}", value)]
    blends = mode not in ("max", "median", "majority")
    options += ["--linear"] if linear and blends else []
    said("downsample", "-m", mode, "a.png", "-o", "b.png", "-F", 3, "-S", 2, *options)
    made = poolcli.downsample(image, mode, kernel_size=3, stride=2, alpha=True, linear=linear, **parameters)
    np.testing.assert_array_equal(poolcli.read_image("b.png")[0], made)
    said("reduce", "-m", mode, "a.png", "-o", "b.npy", *options)
    vector = poolcli.reduce(image, mode, alpha=True, linear=linear, **parameters)
    np.testing.assert_array_equal(np.load("b.npy")[0], vector)


@JITTED
@pytest.mark.parametrize("mode", ["bicubic", "nearest", "transposed"])
def test_files_and_arrays_are_enlarged_alike(tmp_path, monkeypatch, mode):
    monkeypatch.chdir(tmp_path)
    image = numbers((6, 8, 4), 0)
    poolcli.write_image(image, "a.png")
    options = () if mode == "nearest" else ("--linear",)
    said("upsample", "-m", mode, "a.png", "-o", "b.png", *options)
    made = poolcli.upsample(image, mode, alpha=True, linear=True)
    np.testing.assert_array_equal(poolcli.read_image("b.png")[0], made)


@pytest.mark.parametrize("mode", ["average", "soft", "max"])
def test_batches_and_layouts(mode):
    batch = np.stack([numbers((6, 8, 4), seed) for seed in range(3)])
    made = poolcli.downsample(batch, mode, alpha=True, linear=True)
    vectors = poolcli.reduce(batch, mode, alpha=True, linear=True)
    for n, image in enumerate(batch):
        np.testing.assert_array_equal(made[n], poolcli.downsample(image, mode, alpha=True, linear=True))
        np.testing.assert_array_equal(vectors[n], poolcli.reduce(image, mode, alpha=True, linear=True))
    first = np.moveaxis(batch, -1, 1)
    other = poolcli.downsample(first, mode, alpha=True, linear=True, layout="chw")
    np.testing.assert_array_equal(other, np.moveaxis(made, -1, 1))
    np.testing.assert_array_equal(poolcli.reduce(first, mode, alpha=True, linear=True, layout="chw"), vectors)


def test_covariance_sees_colour_as_much_of_it_as_is_seen():
    multiplied = RGBA.astype(np.float64)
    multiplied[..., :3] *= multiplied[..., 3:] / 255
    np.testing.assert_allclose(
        poolcli.reduce(RGBA, "covariance", alpha=True), poolcli.reduce(multiplied, "covariance"), rtol=1e-12
    )


@pytest.mark.parametrize(
    ("arguments", "image", "message"),
    [
        ({"alpha": "yes"}, RGBA, "alpha='yes' is not allowed: alpha must be True, False or premultiplied"),
        ({"linear": "yes"}, RGBA, "linear='yes' is not allowed: linear must be True or False"),
        ({"alpha": True}, RGBA[..., 0], r"an array \(2, 2\) has no channel of alpha beside others"),
        ({"alpha": True}, RGBA[..., :3], "three channels are red, green and blue, without alpha"),
        ({"alpha": True}, RGBA[..., :1], r"an array \(2, 2, 1\) has no channel of alpha beside others"),
        ({"linear": True}, RGBA.astype(np.int32), "linear light is defined for uint8 and uint16, not for int32"),
    ],
)  # fmt: skip
def test_bad_light_is_told(arguments, image, message):
    for function, mode in ((poolcli.downsample, "average"), (poolcli.reduce, "gap"), (poolcli.upsample, "bilinear")):
        with pytest.raises(ValueError, match=message):
            function(image, mode, **arguments)
    with pytest.raises(ValueError, match=message):
        poolcli.resize(image, (4, 4), **arguments)


class Broken:
    """What refuses to become an array, as a tensor that needs its gradient does."""

    def __array__(self, *arguments, **keywords):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")


FUNCTIONS = {
    "downsample": lambda image: poolcli.downsample(image, "average"),
    "reduce": lambda image: poolcli.reduce(image, "gap"),
    "upsample": lambda image: poolcli.upsample(image, "nearest"),
    "resize": lambda image: poolcli.resize(image, 2),
    "backward": lambda image: poolcli.downsample_backward([[1.0]], image, "average"),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_what_is_no_array_is_one_or_is_refused_with_a_reason(function):
    values = np.array([[1, 2], [3, 4]], np.uint8)
    expected = function(values)
    picture = Image.fromarray(values)
    for alike in (picture, np.ma.masked_array(values), memoryview(values)):
        np.testing.assert_array_equal(function(alike), expected)
    np.testing.assert_array_equal(function(values.tolist()), function(values.astype(np.int64)))
    palette = Image.fromarray(values).convert("P")
    for wrong, message in [
        (palette, r"with a palette are indices: give image.convert\('RGB'\), or np.asarray\(image\) for the indices"),
        (np.ma.masked_equal(values, 3), r"the mask of an array would be ignored: give image.filled\(VALUE\)"),
        (Broken(), "no array can be made of Broken: Can't call numpy.* Use tensor.detach"),
        ([[1, 2], [3]], "no array can be made of list: "),
        ([["a", "b"]], "dtype <U1 is not supported"),
        (None, "dtype object is not supported"),
    ]:
        with pytest.raises(TypeError, match=message):
            function(wrong)
