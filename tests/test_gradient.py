"""The command that shows where gradients flow: its pictures, its numbers, its refusals."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from commands import process, said
from effort import JIT
from PIL import Image

import poolcli
from poolcli.cli import commands
from poolcli.images.diverging import drawn


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder of a photograph, a grey image and one with alpha."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    (tmp_path / "in").mkdir()
    for name, shape in (("a.png", (9, 12, 3)), ("grey.png", (8, 10)), ("alpha.png", (8, 10, 4)), ("in/b.png", (6, 6))):
        poolcli.write_image(random.integers(0, 256, shape, dtype=np.uint8), name)
    return tmp_path


def image_of(name):
    return poolcli.read_image(name)[0]


# Uncompiled draws warn that their hash wraps, in the threads of a batch.
@pytest.mark.quick_when(lambda mode: JIT or "seed" not in poolcli.MODES[mode].parameters)
@pytest.mark.parametrize("mode", [name for name, mode in poolcli.MODES.items() if mode.has_gradient])
def test_numbers_are_those_of_the_function(mode):
    assert said("gradient", "-m", mode, "-F", "3", "-S", "2", "a.png", "-o", "a.npy") == ""
    image = image_of("a.png")
    out = poolcli.downsample(image, mode, kernel_size=3, stride=2)
    expected = poolcli.downsample_backward(np.ones(out.shape), image, mode, kernel_size=3, stride=2)
    result = np.load("a.npy")
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, expected)


def test_of_one_pixel_and_of_given_numbers():
    image = image_of("a.png")
    grad = np.zeros((4, 6, 3))
    grad[1, 5] = 1
    np.save("g.npy", grad)
    expected = poolcli.downsample_backward(grad, image, "soft", beta=9)
    said("gradient", "-m", "soft", "--beta", 9, "--at", "1,5", "a.png", "-o", "at.tif")
    said("gradient", "-m", "soft", "--beta", 9, "--grad", "g.npy", "a.png", "-o", "grad.npy")
    np.testing.assert_array_equal(image_of("at.tif"), expected)
    np.testing.assert_array_equal(np.load("grad.npy"), expected)
    assert np.count_nonzero(expected.any(axis=2)) == 4


def test_colours_that_can_be_read():
    values = np.array([[0, 2, -2], [1, -1, 0]])
    assert drawn(values, None).tolist() == [
        [[255, 255, 255], [178, 24, 43], [33, 102, 172]],
        [[216, 140, 149], [144, 178, 214], [255, 255, 255]],
    ]
    grey = np.full((2, 3), 100, np.uint8)
    assert drawn(values, grey).tolist() == [
        [[40, 40, 40], [255, 70, 40], [60, 150, 255]],
        [[148, 55, 40], [50, 95, 148], [40, 40, 40]],
    ]
    assert (drawn(np.zeros((2, 2)), None) == 255).all()
    assert drawn(np.full((1, 1), np.nan), np.full((1, 1), np.nan)).shape == (1, 1, 3)


def test_the_picture_is_as_large_as_the_image_and_tells_its_range():
    assert said("gradient", "-m", "max", "a.png", "grey.png", "alpha.png", "-o", "out/") == "3 written\n"
    for name, shape in (("a.png", (9, 12, 3)), ("grey.png", (8, 10, 3)), ("alpha.png", (8, 10, 3))):
        assert image_of(f"out/{name}").shape == shape
        with Image.open(f"out/{name}") as file:
            text = file.info["Software"]
        low, high = text.split(": gradient from ")[1].split(" to ")
        assert (low, text.split(":")[0].split(" ", 2)[2]) == ("0", "gradient --mode max")
        assert 1 <= float(high) <= 3
    said("gradient", "-m", "max", "grey.png", "--plain", "-o", "plain.png")
    plain, image = image_of("plain.png"), image_of("grey.png")
    taken = poolcli.downsample_backward(np.ones((4, 5)), image, "max") > 0
    assert (plain[taken] == [178, 24, 43]).all()
    assert (plain[~taken] == 255).all()


def test_without_output_it_is_written_beside_the_image(folder):
    said("gradient", "-m", "kmax", "a.png", "--k", "2")
    assert image_of("a_kmax_gradient.png").shape == (9, 12, 3)
    said("gradient", "-m", "average", "in", "-r", "-o", "maps", "--format", "npy")
    assert np.load("maps/b.npy").tolist() == np.full((6, 6), 0.25).tolist()


def test_pipes_frames_and_lines_of_json():
    data = Path("grey.png").read_bytes()
    done = process("gradient", "-m", "soft", "-", "-o", "-", "--format", "png", input=data, text=False)
    assert done.returncode == 0
    assert done.stdout.startswith(b"\x89PNG")
    frames = [Image.fromarray(image_of("grey.png")) for _ in range(3)]
    frames[0].save("many.tif", save_all=True, append_images=frames[1:])
    result = CliRunner().invoke(commands, ["gradient", "-m", "average", "many.tif", "-o", "map.tif", "--json"])
    assert json.loads(result.stdout)["status"] == "written"
    with Image.open("map.tif") as file:
        assert file.n_frames == 3


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["-m", "max", "--at", "9,3", "a.png"], 1,
         "a.png: --at 9,3 is outside the result, which has 4 x 6 pixels, the first 0,0"),
        (["-m", "max", "--at", "9", "a.png"], 2, "'9' is no pixel: it must be Y,X as 10,12, row and column"),
        (["-m", "max", "--at", "1,1", "--grad", "g.npy", "a.png"], 2, "--at and --grad exclude each other"),
        (["-m", "max", "--grad", "none.npy", "a.png"], 1, "a.png: none.npy: no such file"),
        (["-m", "max", "--grad", "g.npy", "a.png"], 1,
         "a.png: g.npy: holds (2, 2), and the result is (4, 6, 3): they must be alike"),
        (["-m", "majority", "a.png"], 2, "'majority' is no mode of this command, but of poolcli downsample --mode"),
        (["-m", "max", "--linear", "a.png"], 2, "is that of the numbers as they are: it takes no --linear"),
        (["-m", "max", "--keep-palette", "a.png"], 2, "it takes no --keep-palette"),
        (["-m", "max", "--dtype", "uint8", "a.png"], 2, "--dtype uint8 is not allowed: numbers of a gradient are"),
        (["-m", "max", "--dtype", "float32", "a.png"], 2, "--dtype float32 is for formats that hold such numbers"),
        (["-m", "kmax", "--k", "9", "a.png"], 2, "--k 9 is more than the 4 values of a window"),
        (["-m", "max", "-F", "20", "a.png"], 1, "a.png: "),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(arguments, code, line, folder):
    np.save("g.npy", np.ones((2, 2)))
    before = set(folder.rglob("*"))
    said_line = said("gradient", *arguments, code=code).splitlines()[-1]
    assert line in said_line
    assert set(folder.rglob("*")) == before
