"""Arrays with channels first: in Python and on the command line, told where it was not said; arrays in .npz files."""

import numpy as np
import pytest
from commands import said as run
from pictures import numbers

import poolcli

SHAPES = [(6, 8), (3, 6, 8), (2, 3, 6, 8)]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)


def last(array):
    return np.moveaxis(array, -3, -1) if array.ndim > 2 else array


def first(array):
    return np.moveaxis(array, -1, -3) if array.ndim > 2 else array


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    ("function", "mode", "more"),
    [
        ("downsample", "max", {}),
        ("downsample", "average", {"padding": 1, "count_include_pad": True, "dtype": "float32"}),
        ("downsample", "blur", {}),
        ("downsample", "random", {"seed": 3}),
        ("downsample", "lip", {"norm": "count"}),
        ("upsample", "nearest", {}),
        ("upsample", "nails", {}),
        ("upsample", "bilinear", {"size": (9, 7)}),
        ("resize", "bilinear", {"size": (4, 5)}),
    ],
)
def test_channels_first_are_the_same_numbers(function, mode, more, shape):
    image = numbers(shape)
    before = image.copy()
    apply = getattr(poolcli, function)
    arguments = {"mode": mode, **more}
    result = apply(image, layout="chw", **arguments)
    np.testing.assert_array_equal(result, first(apply(last(image), **arguments)))
    assert result.flags.c_contiguous
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_planes_and_indices_are_laid_out_alike(shape):
    image = numbers(shape)
    planes = poolcli.downsample(image, "kmax", layout="chw")
    np.testing.assert_array_equal(planes[0], poolcli.downsample(image, "max", layout="chw"))
    values, indices = poolcli.downsample(image, "max", layout="chw", return_indices=True)
    assert indices.shape == values.shape
    flat = (*shape[:-2], -1)
    found = np.take_along_axis(image.reshape(flat), indices.reshape(flat), -1)
    np.testing.assert_array_equal(found, values.reshape(flat))
    again = poolcli.upsample(values, "unpool", indices=indices, layout="chw")
    assert ((again == image) | (again == 0)).all()
    assert np.sort(again[again > 0]).tolist() == np.sort(values[values > 0]).tolist()
    assert again.shape == shape


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("mode", ["gap", "gmp", "flatten", "covariance", "spp"])
def test_vectors_of_channels_first(mode, shape):
    image = numbers(shape)
    np.testing.assert_array_equal(poolcli.reduce(image, mode, layout="chw"), poolcli.reduce(last(image), mode))


def test_channels_that_weights_make_come_first():
    weights = np.random.default_rng(0).random((1, 3, 3, 3))
    large = poolcli.upsample(numbers((6, 8)), "transposed", weights=weights, layout="chw")
    assert large.shape == (3, 12, 16)


@pytest.mark.parametrize("function", ["downsample", "upsample", "reduce", "resize"])
def test_a_layout_is_hwc_or_chw(function):
    mode = {"downsample": "max", "reduce": "gmp"}.get(function, "nearest")
    with pytest.raises(ValueError, match="layout='nchw' is not allowed: layout must be hwc or chw"):
        getattr(poolcli, function)(
            numbers((6, 8)), mode=mode, layout="nchw", **{"size": 3} if function == "resize" else {}
        )


@pytest.mark.parametrize("shape", [(3, 40, 60), (1, 33, 33), (64, 56, 56), (2, 3, 40, 60), (2, 64, 9, 9)], ids=str)
def test_channels_that_seem_to_come_first_are_told(shape):
    np.save("a.npy", numbers(shape))
    one = " x ".join(map(str, shape[-3:]))
    line = (
        f"warning: a.npy: {one} is taken as height, width and channels, and looks as if channels came first: "
        "--layout chw takes them so, --layout hwc says that they are last\n"
    )
    assert run("downsample", "-m", "max", "-F", 1, "a.npy", "-o", "b.npy") == line
    assert run("reduce", "-m", "gmp", "a.npy") == line
    assert run("downsample", "-m", "max", "-F", 1, "--layout", "hwc", "a.npy", "-o", "c.npy") == ""
    assert run("downsample", "-m", "max", "--layout", "chw", "a.npy", "-o", "d.npy") == ""
    np.testing.assert_array_equal(np.load("d.npy"), poolcli.downsample(np.load("a.npy"), "max", layout="chw"))


@pytest.mark.parametrize(
    "shape", [(8, 28, 28, 64), (40, 60, 3), (512, 7, 7), (4, 5, 6, 3), (40, 60), (3, 32, 40)], ids=str
)
def test_channels_that_seem_to_come_last_are_not(shape):
    np.save("a.npy", numbers(shape))
    assert run("downsample", "-m", "max", "-F", 1, "a.npy") == ""


def test_the_line_comes_with_the_error_that_it_explains():
    np.save("a.npy", numbers((3, 40, 60)))
    assert (
        run("downsample", "-m", "max", "-F", 4, "a.npy", code=1)
        .splitlines()[0]
        .startswith("warning: a.npy: 3 x 40 x 60")
    )


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(6, 8), (6, 8, 3), (3, 6, 8, 2)], ids=str)
def test_an_array_in_an_npz(shape, order, save):
    array = np.asarray(numbers(shape, dtype=np.float32), order=order)
    save("a.npz", array)
    assert run("downsample", "-m", "max", "a.npz", "-o", "b.npy") == ""
    np.testing.assert_array_equal(np.load("b.npy"), poolcli.downsample(array, "max"))
    if len(shape) == 4:
        np.testing.assert_array_equal(poolcli.read_image("a.npz", frame=1)[0], array[1])


def test_pictures_as_pytorch_saves_them():
    array = numbers((2, 3, 40, 60))
    np.savez("a.npz", images=array)
    assert run("reduce", "-m", "gmp", "--layout", "chw", "a.npz", "-o", "b.npy") == ""
    np.testing.assert_array_equal(np.load("b.npy"), array.max(axis=(2, 3)))
    frame, _ = poolcli.read_image("a.npz", frame=1, layout="chw")
    np.testing.assert_array_equal(frame, last(array[1]))


def test_an_npz_that_is_not_one_array():
    np.savez("two.npz", left=numbers((6, 8)), right=numbers((6, 8)))
    line = "error: two.npz: holds 2 arrays (left, right): one is read, and numpy.save writes one as .npy\n"
    assert run("reduce", "-m", "gmp", "two.npz", code=1) == line
    np.savez("none.npz")
    assert "a zip file without arrays is not a supported image" in run("reduce", "-m", "gmp", "none.npz", code=1)
    np.savez("objects.npz", np.array([[{}]]))
    assert "holds Python objects, which are never loaded" in run("reduce", "-m", "gmp", "objects.npz", code=1)
    np.savez("flat.npz", np.zeros(9))
    line = run("reduce", "-m", "gmp", "--layout", "chw", "flat.npz", code=1)
    assert "an array (9,) is not an image: it must be (H, W), (C, H, W) or (N, C, H, W)" in line


def spoil(name, at):
    with open(name, "r+b") as file:
        file.seek(at)
        file.write(bytes(100))


@pytest.mark.parametrize("order", ["C", "F"])
def test_sizes_are_checked_before_anything_is_decompressed(order):
    np.savez_compressed("a.npz", np.asarray(numbers((4, 100, 300, 1)), order=order))
    spoil("a.npz", 50_000)
    assert "damaged or unsupported" in run("reduce", "-m", "gmp", "a.npz", code=1)
    line = run("reduce", "-m", "gmp", "--max-pixels", 1000, "a.npz", code=1)
    assert "pixels are more than the 1000 allowed: --max-pixels allows more" in line
    line = run("reduce", "-m", "gmp", "--max-pixels", 50_000, "a.npz", code=1)
    assert ("are more than the 50000" in line) == (order == "F")  # whose frames are interleaved


def test_a_header_without_end_is_not_read():
    with open("a.npy", "wb") as file:
        file.write(b"\x93NUMPY\2\0" + (2**31).to_bytes(4, "little") + b" " * 100)
    line = "error: a.npy: the header of an array has 2147483648 bytes, more than the 10000 allowed\n"
    assert run("reduce", "-m", "gmp", "a.npy", code=1) == line
