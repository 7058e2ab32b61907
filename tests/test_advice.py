"""Wrong and doubtful use, and the one line that names the way out."""

import click
import numpy as np
import pytest
from click.testing import CliRunner
from commands import said
from PIL import Image

import poolcli
from poolcli.cli import commands
from poolcli.cli.options import spelled
from poolcli.commands import COMMANDS
from poolcli.images import Info, Writing
from poolcli.images.write import write_frames

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder of two images, and of a folder with them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.png", "in/a.png", "in/b.png"):
        poolcli.write_image(GREY, name)
    return tmp_path


def refused(*arguments):
    """Return the line of a refusal before any work."""
    return said(*arguments, code=2).splitlines()[-1].removeprefix("Error: ")


@pytest.mark.parametrize(
    ("inputs", "why"),
    [
        (["a.png", "b.png"], "there are 2 inputs"),
        (["in"], "there are 2 inputs"),
        (["[ab].png"], "there are 2 inputs"),
        (["in/a*.png"], "a folder, pattern or list may hold several inputs"),
    ],
)
def test_a_folder_is_not_called_like_a_picture(inputs, why, folder):
    line = refused("downsample", "-m", "max", *inputs, "-o", "x.png")
    assert line == f"x.png: names one file, and {why}: x.png/ would be a folder"
    assert not (folder / "x.png").exists()
    said("downsample", "-m", "max", *inputs, "-o", "x.png/")
    assert (folder / "x.png" / "a.png").exists()
    said("downsample", "-m", "max", *inputs, "-o", "x.png", "--overwrite")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["max", "a.png"], "no command 'max': it is a mode, as in poolcli downsample --mode max; the commands are "),
        (["gap", "a.png"], "no command 'gap': it is a mode, as in poolcli reduce --mode gap; the commands are "),
        (["upsampel", "a.png"], "no command 'upsampel', did you mean upsample? The commands are downsample, "),
        (["downsample", "-m", "gap", "a.png"], "'gap' is no mode of this command, but of poolcli reduce --mode gap: "),
        (
            ["upsample", "-m", "max", "a.png"],
            "'max' is no mode of this command, but of poolcli downsample --mode max: ",
        ),
        (["downsample", "-m", "Max", "a.png"], "no mode 'Max', did you mean max? The modes are max, min"),
        (["downsample", "-m", "mean", "a.png"], "no mode 'mean', did you mean average? The modes are max, min"),
        (["downsample", "-m", "avg", "a.png"], "no mode 'avg', did you mean average? The modes are max, min"),
        (["upsample", "-m", "cubic", "a.png"], "no mode 'cubic', did you mean bicubic? The modes are nearest"),
        (["upsample", "-m", "linear", "a.png"], "no mode 'linear', did you mean bilinear? The modes are nearest"),
        (["downsample", "-m", "xyz", "a.png"], "no mode 'xyz': the modes are max, min"),
        (["downsample", "-m", "max", "a.png", "c.png"], "c.png: no such file or folder: -o c.png writes it"),
        (
            ["downsample", "-m", "percentile", "-q", "30", "a.png"],
            "30: no such file or folder: -q is --quiet, and --q 30 ",
        ),
    ],
)
def test_names_that_are_near_or_elsewhere_are_pointed_to(arguments, line):
    assert line in said(*arguments, code=2)


def test_a_name_without_ending_may_be_meant_for_a_folder():
    assert "ending '': use .png" in said("downsample", "-m", "max", "a.png", "-o", "out", code=2)
    assert "or --format; or out/ for a folder" in said("downsample", "-m", "max", "a.png", "-o", "out", code=2)
    assert "for a folder" not in said("downsample", "-m", "max", "a.png", "-o", "out.foo", code=2)


@pytest.mark.parametrize("shape", [(3, 6, 8), (3, 6, 8, 3)])
@pytest.mark.parametrize("duration", [None, 40.0])
def test_frames_of_16_bits_are_never_dropped(shape, duration):
    values = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint16)
    line = "PNG holds several frames of 8 bits only: .tif holds these, and --frame N takes one"
    with pytest.raises(poolcli.ImageError, match=line.replace("--frame N", "frame=N")):
        write_frames([(frame, Info(duration=duration)) for frame in values], 3, "c.png", None, Writing())
    write_frames([(frame, Info()) for frame in values], 3, "c.tif", None, Writing())
    assert said("downsample", "-m", "max", "c.tif", "-o", "c.png", "--dtype", "uint16", code=1) == (
        f"error: c.tif: {line}\n"
    )
    assert said("downsample", "-m", "max", "c.tif", "-o", "c.png", "--dtype", "uint8") == ""


def test_an_archive_of_one_array_becomes_an_array():
    np.savez("one.npz", GREY)
    assert said("downsample", "-m", "max", "one.npz") == ""
    np.testing.assert_array_equal(np.load("one_max.npy"), poolcli.downsample(GREY, "max"))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--include", "png"], "none of its 2 images matches --include 'png': a pattern is wanted, as '*.png'"),
        (["--include", "*.jpg"], "none of its 2 images matches --include '*.jpg'"),
        (["--exclude", "*.png"], "--exclude leaves out all of its images"),
    ],
)
def test_a_folder_without_inputs_says_why(options, why, folder):
    assert refused("downsample", "-m", "max", "in", *options) == f"in: {why}"
    (folder / "in" / "deeper").mkdir()
    line = refused("downsample", "-m", "max", "in", *options)
    assert why.split(":")[0] + ", and --recursive would descend into its folders" in line
    assert "--recursive" not in refused("downsample", "-m", "max", "in", "-r", *options)
    (folder / "empty").mkdir()
    assert refused("downsample", "-m", "max", "empty") == "empty: the folder holds no images"


@pytest.mark.parametrize(
    ("values", "output", "way"),
    [
        (np.int32([[0, 8], [8, 8]]), "c.png", "--dtype uint8 or uint16 keeps them"),
        (np.uint16([[0, 8], [8, 8]]), "c.jpg", "--dtype uint8 keeps them"),
        (np.int64([[0, 8], [300, 8]]), "c.png", "--dtype uint16 keeps them"),
        (np.int64([[0, 8], [70000, 8]]), "c.png", ".tif, .npy hold them"),
        (np.int32([[0, 2**31 - 1], [0, 8]]), "c.png", ""),
        (np.int32([[8, 8], [8, 8]]), "c.png", ""),
    ],
)
def test_scaling_that_leaves_one_value_is_told(values, output, way):
    np.save("a.npy", values)
    what = f"warning: a.npy: --convert scaled {values.dtype} to 8 bits, and all values became 0: {way}\n"
    assert said("upsample", "-m", "nails", "-S", "1", "--convert", "a.npy", "-o", output) == (what if way else "")


@pytest.mark.parametrize(
    ("dtype", "output", "way"),
    [
        ("int64", "c.png", "or --dtype uint16 keeps values up to 65535, or --convert scales them to 8 bits"),
        ("uint32", "c.bmp", "or --dtype uint8 keeps values up to 255, or --convert scales them to 8 bits"),
        ("float32", "c.png", "or --convert makes it fit"),
    ],
)
def test_large_integers_are_told_of_smaller_ones(dtype, output, way):
    np.save("a.npy", GREY.astype(dtype))
    line = said("upsample", "-m", "nails", "a.npy", "-o", output, code=1)
    assert f"cannot hold grey of {dtype}: " in line
    assert line.endswith(f" can, {way}\n")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["downsample", "-m", "percentile", "--q", "101"], "Invalid value for '--q': 101 is not allowed: it must be a "
         "finite number from 0 to 100"),
        (["downsample", "-m", "kmax", "--k", "5"], "--k 5 is more than the 4 values of a window"),
        (["downsample", "-m", "lp", "--norm", "half"], "--norm half is not allowed: it must be size or mean or sum"),
        (["upsample", "-m", "bilinear", "-S", "h=0.25,w=2"], "--scale 0.25x2 makes images smaller, and would leave "
         "pixels out: poolcli downsample -m average -F 4 pools all of them, poolcli resize --scale 0.25x2 by any "
         "filter"),
        (["reduce", "-m", "spp", "--levels", "1,0"], "Invalid value for '--levels': 1,0 is not allowed: it must be "
         "whole numbers from 1 to 1024"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else None,
)  # fmt: skip
def test_options_are_called_as_the_command_line_calls_them(arguments, line):
    assert refused(*arguments, "a.png") == line


def test_names_of_parameters_elsewhere_stay():
    command = commands.get_command(None, "downsample")
    with click.Context(command):
        assert spelled("kernel_size=(3, 5) and ceil=True: size=4") == "--kernel-size 3x5 and --ceil: --size 4"
        for line in ("in/q=3.png: gone", "w=640,h=480", "antialias=True", "my_file.png", "a_kernel_size"):
            assert spelled(line) == line


def test_options_of_a_file_that_fails_are_spelled_too():
    assert "--combine mean makes one; .tif" in said("downsample", "-m", "kmax", "a.png", "-o", "c.png", code=1)


def test_the_sum_of_a_batch_is_short():
    poolcli.write_image(np.zeros((4, 4, 3), np.uint8), "in/c.png")
    lines = said("reduce", "-m", "max", "in", code=1).splitlines()
    assert lines[-1] == "2 rows, 1 failed: gives 3 values, max_r ... max_b, and the rows before it have 1 value, " \
        "max_grey (1)"  # fmt: skip
    assert said("reduce", "-m", "max", "in", "--colour", "grey") == "3 rows\n"
    assert said("downsample", "-m", "max", "in", "-o", "out") == "3 written\n"
    again = said("downsample", "-m", "max", "in", "-o", "out", code=1).splitlines()
    assert again[0].endswith(".png: exists; --overwrite replaces it, --skip-existing leaves it")
    assert again[-1] == "0 written, 3 failed: exists (3)"


@pytest.mark.parametrize("option", ["--colour grey", "--colour gray", "--color grey", "--color gray"])
def test_both_spellings_are_taken(option):
    assert said("reduce", "-m", "max", "a.png", *option.split()) == ""


def test_one_spelling_is_shown():
    result = CliRunner().invoke(commands, ["reduce", "--help"])
    assert "--colour" in result.output
    assert "--color " not in result.output
    assert "gray" not in result.output
    assert said("reduce", "-m", "covariance", "--centre", "a.png") == ""
    assert "'blue' is not allowed: it must be rgb or grey" in refused("reduce", "-m", "max", "--color", "blue", "a.png")


def test_indices_of_another_picture():
    said("downsample", "-m", "max", "a.png", "--save-indices", "i.npz")
    line = said("upsample", "-m", "unpool", "--indices", "i.npz", "a.png", "-o", "c.png", code=1)
    assert line.endswith(", and the image is (6, 8): they belong to another image\n")


def test_cmyk_without_a_profile():
    Image.new("CMYK", (4, 4)).save("c.tif")
    way = "--convert uses an approximate formula"
    assert said("downsample", "-m", "max", "c.tif", "-o", "d.tif", code=1) == (
        f"error: c.tif: CMYK has no colour profile, so its exact colours are not known: {way}\n"
    )


def test_one_mode_is_explained():
    def explained(mode):
        result = CliRunner().invoke(commands, ["modes", mode])
        assert result.exit_code == 0, result.output
        return result.stdout

    assert explained("soft") == (
        "soft  sum(r e^(beta r)) / sum(e^(beta r))\n\nparameters:\n"
        "  --beta  sharpness: multiplies the values before the exponential: a finite number, 1 unless given\n\n"
        "commands:\n  poolcli downsample --mode soft --beta 1 photo.png\n"
        "  poolcli reduce --mode soft --beta 1 photo.png\n  poolcli gradient --mode soft --beta 1 photo.png\n"
        "  poolcli pyramid --mode soft --beta 1 photo.png\n"
        "  poolcli compare --mode soft --beta 1 photo.png\n"
    )
    assert "poolcli upsample --mode bicubic --cubic-a -0.5 photo.png" in explained("bicubic")
    assert "parameters" not in explained("gmp")
    for name in {name for command in COMMANDS.values() for name in command.modes}:
        assert explained(name).startswith(f"{name} ")
    assert "there is no mode 'sfot', did you mean soft? The modes are" in said("modes", "sfot", code=2)
