"""The command that resizes: its sizes, its filters against Pillow, and images as in the other commands."""

import numpy as np
import pytest
from click.testing import CliRunner
from commands import said
from effort import JIT
from pictures import numbers
from PIL import Image

import poolcli
from poolcli.cli import commands

pytestmark = pytest.mark.skipif(not JIT, reason="files are read and written alike, compiled or not")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with an image of 20 x 30 pixels, which is the current one."""
    monkeypatch.chdir(tmp_path)
    poolcli.write_image(numbers((20, 30, 3), 0), "a.png")
    return tmp_path


def size_of(name):
    with Image.open(name) as image:
        return image.size[::-1]


@pytest.mark.parametrize(
    ("options", "size"),
    [
        (["--size", "7x9"], (7, 9)),
        (["--size", "8"], (8, 8)),
        (["--size", "w=9,h=7"], (7, 9)),
        (["--width", 15], (10, 15)),
        (["--height", 40], (40, 60)),
        (["--height", 1], (1, 2)),
        (["--width", 12, "--height", 4], (4, 12)),
        (["--fit", "10x10"], (7, 10)),
        (["--fit", "40x300"], (40, 60)),
        (["--fit", "40x300", "--no-enlarge"], (20, 30)),
        (["--fit", "10", "--no-enlarge"], (7, 10)),
        (["--fit", "1x1"], (1, 1)),
        (["--scale", 0.5], (10, 15)),
        (["--scale", "50%"], (10, 15)),
        (["--scale", "150%"], (30, 45)),
        (["--scale", "0.5x2"], (10, 60)),
    ],
)
def test_sizes(folder, options, size):
    said("resize", "a.png", "-o", "b.png", *options)
    assert size_of("b.png") == size


@pytest.mark.parametrize("size", [(7, 9), (20, 30), (19, 13), (33, 61), (3, 90)])
@pytest.mark.parametrize(("mode", "kind"), [("box", 4), ("bilinear", 2), ("bicubic", 3), ("lanczos", 1)])
def test_filters_are_those_of_pillow(folder, mode, kind, size):
    """Of values that do not overshoot: Pillow clips between its two passes, and rounds twice."""
    image = (numbers((20, 30, 3), 1) // 4 + 96).astype(np.uint8)
    poolcli.write_image(image, "m.png")
    said("resize", "-m", mode, "--size", f"{size[0]}x{size[1]}", "m.png", "-o", "b.png")
    theirs = np.asarray(Image.fromarray(image).resize(size[::-1], kind)).astype(int)
    assert np.abs(poolcli.read_image("b.png")[0].astype(int) - theirs).max() <= 1


def test_nearest_and_few_pixels_take_no_mean(folder):
    image = poolcli.read_image("a.png")[0]
    said("resize", "-m", "nearest", "--size", "7x9", "a.png", "-o", "b.png")
    np.testing.assert_array_equal(poolcli.read_image("b.png")[0], poolcli.resize(image, (7, 9), "nearest"))
    said("resize", "-m", "bilinear", "--no-antialias", "--size", "7x9", "a.png", "-o", "c.png")
    np.testing.assert_array_equal(poolcli.read_image("c.png")[0], poolcli.resize(image, (7, 9), "bilinear"))


@pytest.mark.parametrize("linear", [False, True])
def test_colour_and_alpha_are_those_of_python(folder, linear):
    image = numbers((9, 8, 4), 2)
    poolcli.write_image(image, "r.png")
    said("resize", "--scale", "0.5", "r.png", "-o", "b.png", *["--linear"] * linear)
    expected = poolcli.resize(image, scale=0.5, antialias=True, border="exclude", alpha=True, linear=linear)
    np.testing.assert_array_equal(poolcli.read_image("b.png")[0], expected)


def test_labels_keep_their_palette(folder):
    labels = Image.fromarray(numbers((8, 8), 3) % 3).convert("P")
    labels.putpalette([250, 0, 0, 0, 250, 0, 0, 0, 250])
    labels.save("labels.png")
    said("resize", "-m", "nearest,bilinear", "--size", "4x6", "labels.png")
    for mode, kind in (("nearest", "P"), ("bilinear", "RGB")):
        with Image.open(f"labels_{mode}.png") as made:
            assert (made.mode, made.size) == (kind, (6, 4))


def test_folders_names_and_records(folder):
    (folder / "in/sub").mkdir(parents=True)
    for name in ("in/x.png", "in/sub/y.png"):
        poolcli.write_image(numbers((10, 5, 3), 4), name)
    said("resize", "in", "-r", "--fit", 4, "-o", "out", "--name", "{stem}_{fit}")
    assert sorted(str(path.relative_to(folder)) for path in folder.glob("out/**/*.png")) == [
        "out/sub/y_4.png",
        "out/x_4.png",
    ]
    assert b"resize --mode bilinear --fit 4" in (folder / "out/x_4.png").read_bytes()
    said("resize", "a.png", "--scale", "50%", "--name", "{stem}_{S}")
    assert (folder / "a_0.5.png").exists()


def test_frames_of_several_sizes_follow_their_own_proportions(folder):
    frames = [Image.new("L", size, 9) for size in ((10, 20), (30, 10))]
    frames[0].save("f.tif", save_all=True, append_images=frames[1:])
    said("resize", "--width", 5, "f.tif", "-o", "b.tif")
    sizes = [poolcli.read_image("b.tif", frame=frame)[0].shape for frame in (0, 1)]
    assert sizes == [(10, 5), (2, 5)]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ([], "say how large the output is: --size HEIGHTxWIDTH, --width N, --height N, --fit HEIGHTxWIDTH or --scale"),
        (["--size", 4, "--scale", 2], "say it once: --size HEIGHTxWIDTH"),
        (["--width", 4, "--fit", 2], "say it once: --size HEIGHTxWIDTH"),
        (["--no-enlarge", "--width", 4], "--no-enlarge is for --fit HEIGHTxWIDTH"),
        (["--scale", "0"], "'0' is no scale: it must be a number above 0 as 0.5, or 50%, or DOWNxACROSS"),
        (["--scale", "-50%"], "'-50%' is no scale"),
        (["--width", "0"], "'0' is not allowed: it must be a whole number of at least 1"),
        (["--width", 4, "-m", "box", "--lobes", 3], "mode 'box' takes no --lobes: the modes that do are lanczos"),
        (["--width", 4, "-m", "max"], "'max' is no mode of this command, but of poolcli downsample --mode max"),
        (["--width", 4, "-m", "nearest", "--linear"], "--linear is for modes that blend values, and nearest selects"),
        (["--width", 4, "--fill", 3], "--border edge takes no --fill: the border that does is constant"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line(folder, options, line):
    assert line in said("resize", "a.png", *options, code=2)
    assert sorted(path.name for path in folder.iterdir()) == ["a.png"]


def test_a_scale_that_leaves_nothing_and_proportions_that_change_are_told(folder):
    assert "makes 0 x 0 pixels of 20 x 30: no image" in said("resize", "a.png", "--scale", "1%", code=1)
    line = said("resize", "a.png", "--size", "10x10", "-o", "b.png")
    assert "--size 10x10 changes the proportions of 20 x 30 pixels by 50%: w=15,h=10 keeps them" in line
    assert said("resize", "a.png", "--size", "40x60", "-o", "c.png") == ""


def test_upsample_points_to_it(folder):
    line = said("upsample", "-m", "bicubic", "-S", "0.5", "a.png", code=2)
    assert "poolcli downsample -m average -F 2 pools all of them, poolcli resize --scale 0.5 by any filter" in line
    line = said("upsample", "-m", "bicubic", "--size", "10x15", "a.png")
    assert "upsample leaves some out: resize --size takes all of them" in line


def test_modes_show_lines_that_run(folder):
    text = CliRunner().invoke(commands, ["modes", "box"]).stdout
    assert "poolcli resize --mode box --scale 50% photo.png" in text
    assert "resize, beside nearest, bilinear, bicubic, lanczos:" in CliRunner().invoke(commands, ["modes"]).stdout


@pytest.mark.parametrize("size", [(None, None), (None, 0), (4, None, None), (None, "4")])
def test_sizes_of_which_none_is_known_are_refused(size):
    with pytest.raises(ValueError, match=r"size=.* is not allowed"):
        poolcli.resize(np.zeros((4, 4)), size)
