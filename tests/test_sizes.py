"""Heights and widths on the command line: how they are written, and what is told of those that may be swapped."""

import numpy as np
import pytest
from click.testing import CliRunner
from commands import said as run

import poolcli
from poolcli.cli import commands


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder with an image of 40 x 60 pixels."""
    monkeypatch.chdir(tmp_path)
    poolcli.write_image(np.random.default_rng(0).integers(0, 256, (40, 60), dtype=np.uint8), "a.png")


@pytest.mark.parametrize("size", ["h=4,w=6", "w=6,h=4", "W=6, H=4", "4x6", "4X6"])
@pytest.mark.parametrize(
    ("option", "mode", "name"),
    [
        ("-F", "max", "kernel_size"),
        ("-S", "max", "stride"),
        ("--size", "max", "size"),
        ("--scale", "nearest", "scale"),
        ("--size", "nearest", "size"),
        ("-F", "transposed", "kernel_size"),
    ],
)
def test_a_height_and_a_width_in_every_spelling(option, mode, name, size):
    command = "downsample" if mode == "max" else "upsample"
    assert "error" not in run(command, "-m", mode, option, size, "a.png", "-o", "b.png")
    image, _ = poolcli.read_image("a.png")
    expected = getattr(poolcli, command)(image, mode, **{name: (4, 6)})
    np.testing.assert_array_equal(poolcli.read_image("b.png")[0], expected)


def test_padding_dilation_and_the_argument_of_shape():
    window = ["-F", "5", "-P", "w=1,h=2", "-D", "h=1,w=3"]
    named = CliRunner().invoke(commands, ["shape", *window, "w=60,h=40"])
    plain = CliRunner().invoke(commands, ["shape", "-F", "5", "-P", "2x1", "-D", "1x3", "40x60"])
    assert (named.exit_code, named.output) == (0, plain.output)


@pytest.mark.parametrize("sides", ["1,0,2,1", " 1, 0, 2, 1 "])
def test_padding_of_each_side(sides):
    run("downsample", "-m", "average", "-F", "4", "-S", "2", "-P", sides, "a.png", "-o", "b.png")
    image, _ = poolcli.read_image("a.png")
    padded = {"kernel_size": 4, "stride": 2, "padding": (1, 0, 2, 1)}
    np.testing.assert_array_equal(poolcli.read_image("b.png")[0], poolcli.downsample(image, "average", **padded))
    lines = CliRunner().invoke(commands, ["shape", "-F", "4", "-S", "2", "-P", sides, "7x10"]).output.splitlines()
    assert lines[:3] == [
        "floor      3 x 5",
        "            height = floor((7 + 1 + 0 - 1*(4 - 1) - 1) / 2) + 1 = 3",
        "            width  = floor((10 + 2 + 1 - 1*(4 - 1) - 1) / 2) + 1 = 5",
    ]


def test_shape_of_a_window_larger_than_the_image():
    line = run("shape", "-F", "5", "-S", "3", "4x9", code=2)
    assert "the image is smaller than the window: its height is 4, the window's 5: --ceil allows it" in line
    lines = CliRunner().invoke(commands, ["shape", "-F", "5", "-S", "3", "--ceil", "4x9"]).output.splitlines()
    assert [line for line in lines if "=" not in line] == ["ceil       1 x 3", "same       2 x 3", "same-lower 2 x 3"]


@pytest.mark.parametrize("command", ["downsample", "shape"])
@pytest.mark.parametrize("sides", ["1,2,3", "1,2,3,4,5", "1,2,3,", "-1,0,0,0", "1x2x3x4", "w=1,h=2,3,4"])
def test_what_is_no_padding_is_told_what_is(command, sides):
    own = ("-m", "max", "a.png") if command == "downsample" else ("9x9",)
    line = run(command, "-P", sides, *own, code=2)
    assert f"{sides!r} is no size: it must be N, HEIGHTxWIDTH as 480x640, or w=640,h=480" in line
    assert "at least 0, or TOP,BOTTOM,LEFT,RIGHT, or same, or same-lower" in line


@pytest.mark.parametrize("size", ["w=6", "w=6,w=4", "w=6,h=", "h=4,w=6,h=4", "6*4", "1x2x3", "²", "w=6;h=4", "x", ""])
def test_what_is_no_size_is_told_what_is(size):
    line = run("downsample", "-m", "max", "--size", size, "a.png", code=2)
    allowed = "it must be N, HEIGHTxWIDTH as 480x640, or w=640,h=480, whole numbers of at least 1"
    assert f"{size!r} is no size" in line
    assert allowed.removeprefix("it") in line
    assert (size == "6*4") == ("did you mean 6x4, height first?" in line)
    line = run("upsample", "-m", "nearest", "-S", size, "a.png", code=2)
    assert f"{size!r} is no scale: it must be a number from 1 to 2^31, or HEIGHTxWIDTH as 2x3, or w=3,h=2" in line


@pytest.mark.parametrize("command", ["downsample", "upsample", "shape"])
def test_help_says_which_comes_first(command):
    text = CliRunner().invoke(commands, [command, "--help"]).output
    assert "HEIGHTxWIDTH" in text
    assert "HxW" not in text


CHANGES = "changes the proportions of 40 x 60 pixels by"
ENLARGES = "--size makes 64 x 48 of 40 x 60 pixels, and downsample repeats them: upsample --size enlarges"
SHRINKS = "--size makes 64 x 48 of 40 x 60 pixels, and upsample leaves some out: resize --size takes all of them"
SWAPPED = f"--size 64x48 {CHANGES} 100%: w=64,h=48 is the other way round"


@pytest.mark.parametrize(
    ("command", "size", "lines"),
    [
        ("downsample", "64x48", [ENLARGES, SWAPPED]),
        ("downsample", "20x30", []),
        ("downsample", "20x33", []),
        ("downsample", "3x5", []),
        ("downsample", "1", []),
        ("downsample", "8", [f"--size 8x8 {CHANGES} 50%: w=12,h=8 keeps them"]),
        ("downsample", "20x34", [f"--size 20x34 {CHANGES} 13%: w=30,h=20 keeps them"]),
        ("downsample", "40x60", []),
        ("upsample", "64x48", [SHRINKS, SWAPPED]),
        ("upsample", "80x120", []),
        ("upsample", "60x60", [f"--size 60x60 {CHANGES} 50%: w=90,h=60 keeps them"]),
    ],
)
def test_a_size_that_may_not_be_meant(command, size, lines):
    mode = "max" if command == "downsample" else "nearest"
    said = run(command, "-m", mode, "--size", size, "a.png", "-o", "b.png").splitlines()
    assert said == [f"warning: a.png: {line}" for line in lines]
    assert run(command, "-m", mode, "--size", size, "a.png", "-o", "c.png", "--quiet") == ""


def test_a_size_is_told_once_for_all_frames():
    np.save("batch.npy", np.zeros((3, 4, 6, 1), np.uint8))
    assert run("downsample", "-m", "max", "--size", "4x3", "batch.npy").count("\n") == 1
    assert run("downsample", "-m", "max", "-F", "4x1", "batch.npy", "-o", "c.npy") == ""
