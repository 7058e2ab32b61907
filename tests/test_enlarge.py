"""The command that enlarges, as processes: files in and out, indices and weights in files, one line for bad input."""

import numpy as np
import pytest
from commands import process
from effort import JIT
from pictures import numbers
from PIL import Image
from safetensors.numpy import save_file

import poolcli

pytestmark = pytest.mark.skipif(not JIT, reason="files are read and written alike, compiled or not")


def run(*arguments, folder, command="upsample", **options):
    return process(command, *arguments, folder=folder, **options)


@pytest.fixture
def folder(tmp_path):
    poolcli.write_image(numbers((6, 8, 3)), tmp_path / "a.png")
    return tmp_path


def read(path, **options):
    return poolcli.read_image(path, **options)[0]


@pytest.mark.parametrize(
    ("arguments", "mode", "parameters"),
    [
        (["-m", "nearest"], "nearest", {}),
        (["-m", "bicubic", "-S", "3"], "bicubic", {"scale": 3}),
        (["-m", "bicubic", "--cubic-a", "-0.75"], "bicubic", {"cubic_a": -0.75}),
        (["-m", "lanczos", "-S", "1.5x2", "--lobes", "2"], "lanczos", {"scale": (1.5, 2), "lobes": 2}),
        (["-m", "bilinear", "--size", "9x13", "--coordinates", "align-corners"], "bilinear",
         {"size": (9, 13), "coordinates": "align-corners"}),
        (["-m", "bilinear", "--border", "constant", "--fill", "255"], "bilinear", {"border": "constant", "fill": 255}),
        (["-m", "nails", "-S", "2x3"], "nails", {"scale": (2, 3)}),
        (["-m", "transposed", "--weights", "gaussian", "-F", "5", "-P", "1x2"], "transposed",
         {"weights": "gaussian", "kernel_size": 5, "padding": (1, 2)}),
        (["-m", "average-unpool", "-S", "3"], "average-unpool", {"scale": 3}),
        (["-m", "resize-conv", "--enlarge", "bilinear", "--weights", "box"], "resize-conv",
         {"enlarge": "bilinear", "weights": "box"}),
        (["-m", "subpixel", "-F", "1x3"], "subpixel", {"kernel_size": (1, 3)}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)  # fmt: skip
def test_every_option_reaches_the_function(arguments, mode, parameters, folder):
    result = run(*arguments, "a.png", folder=folder)
    assert (result.returncode, result.stderr) == (0, "")
    expected = poolcli.upsample(read(folder / "a.png"), mode, **parameters)
    np.testing.assert_array_equal(read(folder / f"a_{mode}.png"), expected)
    assert f"upsample --mode {mode}" in Image.open(folder / f"a_{mode}.png").text["Software"]


def test_down_and_up_again_with_indices(folder):
    assert run("-m", "max", "--save-indices", "i.npz", "a.png", folder=folder, command="downsample").returncode == 0
    assert run("-m", "unpool", "--indices", "i.npz", "a_max.png", folder=folder).returncode == 0
    values, indices = poolcli.downsample(read(folder / "a.png"), "max", return_indices=True)
    expected = poolcli.upsample(values, "unpool", indices=indices)
    np.testing.assert_array_equal(read(folder / "a_max_unpool.png"), expected)
    with np.load(folder / "i.npz") as stored:
        assert stored["shape"].tolist() == [6, 8]
        assert [stored[name].tolist() for name in ("kernel_size", "stride", "padding")] == [[2, 2], [2, 2], [0] * 4]
    again = run("-m", "max", "--save-indices", "i.npz", "a.png", folder=folder, command="downsample")
    assert (again.returncode, again.stderr) == (2, "error: i.npz: exists; --overwrite replaces it\n")


@pytest.mark.parametrize("padding", ["1,0,0,1", "1", "1x0", "same"])
def test_indices_of_padded_windows_fit_their_image(folder, padding):
    window = ["-F", "3", "-S", "2", "-P", padding]
    saved = run("-m", "max", "--save-indices", "i.npz", *window, "a.png", folder=folder, command="downsample")
    assert (saved.returncode, saved.stderr) == (0, "")
    again = run("-m", "unpool", "--indices", "i.npz", "a_max.png", folder=folder)
    assert (again.returncode, again.stderr) == (0, "")


def test_indices_of_several_planes_are_saved_together(folder):
    saved = run("-m", "kmax", "--save-indices", "i.npz", "a.png", "-o", "k.npy", folder=folder, command="downsample")
    assert (saved.returncode, saved.stderr.count("error")) == (0, 0)
    values, indices = poolcli.downsample(read(folder / "a.png"), "kmax", return_indices=True)
    with np.load(folder / "i.npz") as stored:
        np.testing.assert_array_equal(stored["indices"], indices)
    result = run("-m", "unpool", "--indices", "i.npz", "k.npy", "--frame", "0", folder=folder)
    assert result.returncode == 1
    assert result.stderr.endswith("they are of 2 planes: k=1 makes one\n")
    np.testing.assert_array_equal(np.load(folder / "k.npy"), values)


@pytest.mark.quick_when(lambda window: "same" in window or "--size" in window)
@pytest.mark.parametrize(
    "window",
    [["-F", "3", "-S", "1", "-P", "1"], ["-F", "3", "-S", "2", "-P", "same"], ["-F", "3", "-S", "2", "--ceil"],
     ["--size", "2x5"], ["-D", "2"]],
    ids=" ".join,
)  # fmt: skip
def test_indices_of_any_windows(window, folder):
    saved = run("-m", "max", *window, "--save-indices", "i.npz", "a.png", folder=folder, command="downsample")
    assert saved.returncode == 0
    assert run("-m", "unpool", "--indices", "i.npz", "a_max.png", folder=folder).returncode == 0
    image = read(folder / "a.png")
    result = read(folder / "a_max_unpool.png")
    assert result.shape == image.shape
    assert ((result == image) | (result == 0)).all()
    assert set(read(folder / "a_max.png").ravel()) - {0} == set(result.ravel()) - {0}


@pytest.mark.quick_when(lambda shape, ending: len(shape) == 2 or ending == "npy")
@pytest.mark.parametrize("ending", ["npy", "npz", "safetensors"])
@pytest.mark.parametrize("shape", [(3, 3), (3, 1, 3, 3)], ids=str)
def test_weights_in_files(shape, ending, folder):
    weights = np.random.default_rng(0).random(shape).astype(np.float32) / 9
    if ending == "npy":
        np.save(folder / "w.npy", weights)
    elif ending == "npz":
        np.savez(folder / "w.npz", weight=weights)
    else:
        save_file({"weight": weights}, folder / "w.safetensors")
    for mode in ("transposed", "resize-conv"):
        result = run("-m", mode, "--weights", f"w.{ending}", "a.png", "-o", f"{mode}.png", folder=folder)
        assert (result.returncode, result.stderr) == (0, "")
        expected = poolcli.upsample(read(folder / "a.png"), mode, weights=weights)
        np.testing.assert_array_equal(read(folder / f"{mode}.png"), np.squeeze(expected))
    absolute = run("-m", "transposed", "--weights", folder / f"w.{ending}", "a.png", "-o", "b.png", folder=folder)
    assert absolute.returncode == 0
    assert f"--weights w.{ending}" in Image.open(folder / "b.png").text["Software"]


@pytest.mark.quick_when(lambda ending, mode: ending == "tif" and mode == "subpixel")
@pytest.mark.parametrize("mode", ["transposed", "resize-conv", "subpixel"])
@pytest.mark.parametrize("ending", ["tif", "npy"])
def test_weights_that_make_channels_of_grey(ending, mode, tmp_path):
    image = numbers((6, 8), dtype=np.float32)
    np.save(tmp_path / "grey.npy", image)
    weights = np.random.default_rng(0).random((1, 12 if mode == "subpixel" else 3, 3, 3))
    np.save(tmp_path / "w.npy", weights)
    assert run("-m", mode, "--weights", "w.npy", "grey.npy", "-o", f"o.{ending}", folder=tmp_path).returncode == 0
    expected = poolcli.upsample(image, mode, weights=weights)
    assert expected.shape == (12, 16, 3)
    np.testing.assert_array_equal(read(tmp_path / f"o.{ending}"), expected)


@pytest.mark.parametrize("mode", ["transposed", "resize-conv"])
def test_channels_that_weights_make_are_no_alpha(mode, folder):
    np.save(folder / "w.npy", np.full((3, 4, 2, 2), 1 / 3))
    result = run("-m", mode, "--weights", "w.npy", "a.png", "-o", "o.png", folder=folder)
    assert result.returncode == 1
    assert "PNG cannot hold 4 bands" in result.stderr
    rgba = numbers((6, 8, 4))
    poolcli.write_image(rgba, folder / "rgba.png")
    weights = np.random.default_rng(0).random((4, 4, 2, 2)) / 4
    np.save(folder / "w.npy", weights)
    assert run("-m", mode, "--weights", "w.npy", "rgba.png", "-o", "o.png", folder=folder).returncode == 0
    np.testing.assert_array_equal(read(folder / "o.png"), poolcli.upsample(rgba, mode, weights=weights))


def test_labels_keep_their_palette(tmp_path):
    image = Image.fromarray(np.array([[1, 2], [0, 1]], np.uint8), "P")
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    image.save(tmp_path / "labels.png")
    assert run("-m", "nearest", "--keep-palette", "labels.png", folder=tmp_path).returncode == 0
    large = Image.open(tmp_path / "labels_nearest.png")
    assert large.mode == "P"
    assert np.asarray(large).tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [0, 0, 1, 1], [0, 0, 1, 1]]
    result = run("-m", "bilinear", "--keep-palette", "labels.png", folder=tmp_path)
    assert result.returncode == 2
    assert "would blend the indices of a palette: --keep-palette is for nearest, nails, unpool" in result.stderr


def test_colour_counts_as_much_as_it_is_seen(tmp_path):
    pixels = np.array([[[0, 0, 0, 255], [255, 255, 255, 0]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "half.png")
    assert run("-m", "bilinear", "-S", "1x2", "half.png", folder=tmp_path).returncode == 0
    assert read(tmp_path / "half_bilinear.png")[0, :, :3].max() == 0
    assert read(tmp_path / "half_bilinear.png")[0, :, 3].tolist() == [255, 191, 64, 0]
    Image.fromarray(np.array([[0, 255]], np.uint8)).save(tmp_path / "edge.png")
    assert run("-m", "bilinear", "-S", "1x2", "--linear", "edge.png", folder=tmp_path).returncode == 0
    assert read(tmp_path / "edge_bilinear.png")[0].tolist() == [0, 137, 225, 255]


def test_a_folder_and_frames(tmp_path):
    (tmp_path / "in").mkdir()
    np.save(tmp_path / "in/batch.npy", numbers((3, 4, 5, 3)))
    poolcli.write_image(numbers((4, 5, 3), dtype=np.uint16), tmp_path / "in/deep.tif")
    assert run("-m", "lanczos", "in", "-o", "out", folder=tmp_path).returncode == 0
    expected = poolcli.upsample(np.load(tmp_path / "in/batch.npy"), "lanczos")
    np.testing.assert_array_equal(np.load(tmp_path / "out/batch.npy"), expected)
    expected = poolcli.upsample(read(tmp_path / "in/deep.tif"), "lanczos")
    np.testing.assert_array_equal(read(tmp_path / "out/deep.tif"), expected)


BAD = [
    (["-m", "nearest", "-S", "1e300"], 2, "'1e300' is no scale: it must be a number from 1 to 2^31"),
    (["-m", "transposed", "-S", "100000"], 1, "a.png: the result would have 600000 x 800000 pixels, more than"),
    (["-m", "transposed", "--output-padding", "2"], 2, "--output-padding 2 is not allowed: it must be at most 1"),
    (["-m", "bilinear", "-S", "0"], 2, "'0' is no scale: it must be a number from 1 to 2^31"),
    (["-m", "bilinear", "-S", "-2"], 2, "'-2' is no scale"),
    (["-m", "bilinear", "-S", "0.5"], 2, "--scale 0.5 makes images smaller, and would leave pixels out: poolcli "
     "downsample -m average -F 2 pools all of them, poolcli resize --scale 0.5 by any filter"),
    (["-m", "nearest", "-S", "w=2,h=0.5"], 2, "--scale 0.5x2 makes images smaller"),
    (["-m", "bilinear", "-S", "1e9"], 1, "a.png: the result would have 6000000000 x 8000000000 pixels, more than the "
     "500000000 allowed: --max-pixels allows more"),
    (["-m", "nails", "-S", "5000"], 1, "the result would have 30000 x 40000 pixels"),
    (["-m", "nails", "-S", "1.5"], 2, "--scale 1.5 is not allowed: mode 'nails' takes whole numbers"),
    (["-m", "nails", "--size", "9"], 2, "mode 'nails' takes no --size"),
    (["-m", "transposed", "-P", "1", "--size", "9x15"], 1, "--size 9x15 is not allowed: its height must be from 12"),
    (["-m", "transposed", "-P", "9,9,0,0"], 1, "padding leaves 0 x 18 pixels of 6 x 8: no image"),
    (["-m", "unpool"], 2, "unpool needs --indices FILE"),
    (["-m", "unpool", "--indices", "other.npz"], 1, "indices are of shape (2, 2), and the image is (6, 8, 3)"),
    (["-m", "unpool", "--indices", "odd.npz"], 2, "odd.npz: 2 x 2 indices are not those of 3 x 3 windows of an "
     "image of 6 x 6"),
    (["-m", "unpool", "--indices", "right.npz", "-S", "3"], 2, "scale 3 x 3 is not that of the indices: their windows "
     "were 2 x 2 apart"),
    (["-m", "transposed", "--weights", ""], 2, "--weights '': there is no such file, and the names are bilinear, box"),
    (["-m", "unpool", "--indices", "none.npz"], 2, "none.npz: no such file"),
    (["-m", "unpool", "--indices", "w.npy"], 2, "w.npy: no array indices, shape: --save-indices of downsample writes"),
    (["-m", "transposed", "--weights", "w.npy"], 2, "w.npy: the shape is (3,): it must be (F, F) or"),
    (["-m", "transposed", "--weights", "two.npy"], 1, "weights (2, 1, 3, 3) are for 2 channels, and the image has 3"),
    (["-m", "bicubic", "--lobes", "3"], 2, "mode 'bicubic' takes no --lobes: the modes that do are lanczos"),
    (["-m", "bicubic", "--fill", "9"], 2, "--border edge takes no --fill: the border that does is constant"),
    (["-m", "lanczos", "--lobes", "99"], 2, "it must be a whole number from 1 to 16"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "code", "message"), BAD, ids=[" ".join(arguments) for arguments, _, _ in BAD])
def test_bad_input_is_one_line(arguments, code, message, folder):
    np.savez(folder / "other.npz", indices=np.zeros((2, 2), int), shape=np.array([4, 4]))
    window = {"kernel_size": (2, 2), "stride": (2, 2), "padding": ("0", "0")}
    np.savez(folder / "odd.npz", indices=np.zeros((2, 2), int), shape=np.array([6, 6]), **window)
    np.savez(folder / "right.npz", indices=np.zeros((3, 3), int), shape=np.array([6, 6]), **window)
    np.save(folder / "w.npy", np.zeros(3))
    np.save(folder / "two.npy", np.zeros((2, 1, 3, 3)))
    before = sorted(folder.iterdir())
    result = run(*arguments, "a.png", folder=folder)
    assert (result.returncode, result.stdout) == (code, "")
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert sorted(folder.iterdir()) == before


def test_indices_in_a_folder_that_is_made_or_cannot_be(folder):
    saved = ["-m", "max", "a.png", "-o", "s.png", "--save-indices"]
    assert run(*saved, "new/i.npz", folder=folder, command="downsample").returncode == 0
    assert (folder / "new/i.npz").exists()
    (folder / "s.png").unlink()
    (folder / "file").write_text("")
    result = run(*saved, "file/i.npz", folder=folder, command="downsample")
    assert (result.returncode, result.stderr) == (1, "error: a.png: the folder file cannot be made: File exists\n")
    assert not (folder / "s.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "average", "--save-indices", "i.npz", "a.png"], "mode 'average' takes no --save-indices"),
        (["-m", "kmax", "--combine", "mean", "--save-indices", "i.npz", "a.png"], "--combine planes does"),
        (["-m", "max", "--save-indices", "i.npz", "a.png", "b.png", "-o", "out"], "i.npz: holds the indices of one"),
        (["-m", "max", "--save-indices", "i.csv", "a.png"], "i.csv: indices are written as .npz"),
    ],
)
def test_indices_of_what_has_none(arguments, message, folder):
    poolcli.write_image(numbers((6, 8, 3)), folder / "b.png")
    result = run(*arguments, folder=folder, command="downsample")
    assert result.returncode == 2
    assert message in result.stderr
