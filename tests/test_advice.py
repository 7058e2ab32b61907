"""Wrong and doubtful use, and the one line that names the way out."""

import numpy as np
import pytest
from commands import said

import poolcli
from poolcli.images import Info, Writing
from poolcli.images.write import write_frames

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder of two pictures, and of a folder with them."""
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


def test_a_name_without_ending_may_be_meant_for_a_folder():
    assert "ending '': use .png" in said("downsample", "-m", "max", "a.png", "-o", "out", code=2)
    assert "or --format; or out/ for a folder" in said("downsample", "-m", "max", "a.png", "-o", "out", code=2)
    assert "for a folder" not in said("downsample", "-m", "max", "a.png", "-o", "out.foo", code=2)


@pytest.mark.parametrize("shape", [(3, 6, 8), (3, 6, 8, 3)])
@pytest.mark.parametrize("duration", [None, 40.0])
def test_frames_of_16_bits_are_never_dropped(shape, duration):
    values = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint16)
    line = "PNG holds several frames of 8 bits only: .tif holds these, and --frame N takes one"

    with pytest.raises(poolcli.ImageError, match=line):
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
        (["--include", "png"], "none of its 2 pictures matches --include 'png': a pattern is wanted, as '*.png'"),
        (["--include", "*.jpg"], "none of its 2 pictures matches --include '*.jpg'"),
        (["--exclude", "*.png"], "--exclude leaves out all of its pictures"),
    ],
)
def test_a_folder_without_inputs_says_why(options, why, folder):
    assert refused("downsample", "-m", "max", "in", *options) == f"in: {why}"
    (folder / "in" / "deeper").mkdir()
    line = refused("downsample", "-m", "max", "in", *options)
    assert why.split(":")[0] + ", and --recursive would descend into its folders" in line
    assert "--recursive" not in refused("downsample", "-m", "max", "in", "-r", *options)
    (folder / "empty").mkdir()
    assert refused("downsample", "-m", "max", "empty") == "empty: the folder holds no pictures"
