"""One pixel is chosen for all channels: colours of the result are colours of its window."""

import naive
import numpy as np
import pytest
from commands import said
from pictures import GEOMETRIES, describe, picture

import poolcli

SELECTING = [name for name, mode in poolcli.MODES.items() if mode.finds]


def key_of(image, joint):
    """Return what pixels are chosen by, (H, W, 1), as exact whole numbers where it has them."""
    numbers = image.astype(object) if image.dtype.kind in "iu" else image.astype(np.float64)
    if joint == "luminance":
        return 299 * numbers[..., :1] + 587 * numbers[..., 1:2] + 114 * numbers[..., 2:3]
    number = {"red": 0, "green": 1, "blue": 2}.get(joint, joint)
    return numbers[..., number : number + 1]


@pytest.mark.parametrize("joint", ["luminance", "red", "blue", 1], ids=str)
@pytest.mark.parametrize("geometry", GEOMETRIES[:6], ids=describe)
@pytest.mark.parametrize("mode", ["max", "min", "median", "kmax", "majority"])
def test_the_pixel_is_that_of_the_key(mode, geometry, joint):
    image = picture("uint8")
    result, indices = poolcli.downsample(image, mode, joint=joint, return_indices=True, **geometry)
    np.testing.assert_array_equal(result, poolcli.downsample(image, mode, joint=joint, **geometry))
    assert (indices == indices[..., :1]).all()
    assert indices.flags.writeable
    assert poolcli.downsample(image, mode, return_indices=True, **geometry)[1].flags.writeable
    pixels = image.reshape(-1, 3)
    np.testing.assert_array_equal(result, pixels[indices[..., 0]])
    keys = key_of(image, joint).astype(np.int64)
    values, places = poolcli.downsample(keys, mode, return_indices=True, **geometry)
    np.testing.assert_array_equal(keys.reshape(-1)[indices[..., 0]], values[..., 0])
    np.testing.assert_array_equal(indices[..., 0], places[..., 0])
    if not poolcli.MODES[mode].planes({}):
        np.testing.assert_array_equal(naive.downsample(keys, mode, **geometry), values)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint32", "int64", "uint64", "float16", "float64"])
@pytest.mark.parametrize("mode", SELECTING)
def test_no_colour_is_made(mode, dtype):
    image = picture(dtype, (2, 9, 12, 3))
    result = poolcli.downsample(image, mode, joint="luminance", kernel_size=3)
    assert result.dtype == image.dtype
    for one, whole in zip(np.moveaxis(result, result.ndim - 4, 0), image, strict=True):
        known = {pixel.tobytes() for pixel in whole.reshape(-1, 3)}
        assert {pixel.tobytes() for pixel in one.reshape(-1, 3)} <= known


def test_pixels_that_can_be_read():
    red, green, blue, grey = [200, 0, 0], [0, 150, 0], [0, 0, 255], [90, 90, 90]
    image = np.array([[red, green], [blue, grey]], np.uint8)  # luminances 59.8, 88.05, 29.07, 90
    expected = {"luminance": grey, "red": red, "green": green, "blue": blue, 0: red, 2: blue}
    for joint, pixel in expected.items():
        assert poolcli.downsample(image, "max", joint=joint).tolist() == [[pixel]]
    assert poolcli.downsample(image, "min", joint="luminance").tolist() == [[blue]]
    assert poolcli.downsample(image, "max").tolist() == [[[200, 150, 255]]]  # a colour that is not there
    moved = np.moveaxis(image, -1, 0)
    assert poolcli.downsample(moved, "max", joint="luminance", layout="chw").tolist() == [[[90]]] * 3


def test_draws_are_those_of_the_key():
    image = picture("float32", (40, 40, 3))
    first = poolcli.downsample(image, "random", joint=0, seed=3, return_indices=True)[1]
    alone = poolcli.downsample(image[..., :1], "random", seed=3, return_indices=True)[1]
    np.testing.assert_array_equal(first[..., :1], alone)


def test_luminance_of_grey_is_itself():
    image = picture("uint16", (8, 8))
    np.testing.assert_array_equal(
        poolcli.downsample(image, "median", joint="luminance"), poolcli.downsample(image, "median")
    )


def test_the_gradient_goes_to_the_pixel():
    image, grad = picture("float64", (6, 8, 3)), np.random.default_rng(0).standard_normal((3, 4, 3))
    _, indices = poolcli.downsample(image, "max", joint="luminance", return_indices=True)
    result = poolcli.downsample_backward(grad, image, "max", indices=indices)
    assert (result.reshape(-1, 3)[indices[..., 0]] == grad).all()
    assert np.count_nonzero(result) == grad.size


def test_bad_input_is_named(tmp_path, monkeypatch):
    image = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match="mode 'average' takes no joint: the modes that do are max, min, median"):
        poolcli.downsample(image, "average", joint="red")
    with pytest.raises(
        ValueError, match="joint='purple' is not allowed: of 3 channels it must be luminance, red, green"
    ):
        poolcli.downsample(image, "max", joint="purple")
    with pytest.raises(ValueError, match=r"joint=3 is not allowed: of 3 channels it must be .* or 0 to 2"):
        poolcli.downsample(image, "max", joint=3)
    with pytest.raises(ValueError, match="joint='alpha' is not allowed: of 3 channels"):
        poolcli.downsample(image, "max", joint="alpha")
    monkeypatch.chdir(tmp_path)
    poolcli.write_image(image, "a.png")
    assert "mode 'soft' takes no --joint: the modes" in said(
        "downsample", "-m", "soft", "--joint", "red", "a.png", code=2
    )
    line = said("downsample", "-m", "max", "--joint", "purple", "a.png", code=2)
    assert "'purple' is no channel: it must be luminance, red, green, blue, alpha, or a number from 0 on" in line
    line = said("downsample", "-m", "max", "--joint", "7", "a.png", code=1)
    assert (
        line
        == "error: a.png: --joint 7 is not allowed: of 3 channels it must be luminance, red, green, blue or 0 to 2\n"
    )


def test_labels_in_colour_get_no_colours_that_are_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]], np.uint8)
    poolcli.write_image(colours[np.random.default_rng(0).integers(0, 4, (12, 12))], "labels.png")
    assert "gave" in said("downsample", "-m", "majority", "labels.png")
    assert said("downsample", "-m", "majority", "--joint", "luminance", "labels.png", "-o", "joint.png") == ""
    result, _ = poolcli.read_image("joint.png")
    assert {tuple(pixel) for pixel in result.reshape(-1, 3).tolist()} <= {tuple(one) for one in colours.tolist()}
