"""Palettes: labels stay labels where the order of values means nothing, and what is made of channels is told."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from commands import said as run
from PIL import Image

import poolcli
from poolcli.cli import commands
from poolcli.images.colour import distinct, indexed, lacking
from poolcli.images.pillow import palette_of

SAMPLES = Path(__file__).parent.parent / "sample_images"
COLOURS = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [9, 9, 200]], np.uint8)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)


def labels(seed=0, shape=(8, 10)):
    return np.random.default_rng(seed).integers(0, len(COLOURS), shape, dtype=np.uint8)


def picture(indices, colours=COLOURS):
    image = Image.fromarray(indices, "P")
    image.putpalette(colours.tobytes())
    return image


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def mode_of(path):
    with Image.open(path) as image:
        return image.mode


def test_majority_of_a_palette_keeps_labels():
    assert run("downsample", "--mode", "majority", SAMPLES / "labels.png", "-o", "small.png") == ""
    with Image.open(SAMPLES / "labels.png") as before, Image.open("small.png") as after:
        assert after.mode == "P"
        assert after.getpalette() == before.getpalette()
        np.testing.assert_array_equal(np.asarray(after), poolcli.downsample(np.asarray(before), "majority"))
        assert {*np.unique(after)} <= {*np.unique(before)}


def test_max_of_a_palette_says_what_it_made():
    assert run("downsample", "--mode", "max", SAMPLES / "labels.png", "-o", "small.png") == (
        f"warning: {SAMPLES / 'labels.png'}: max takes each channel by itself, and gave 2165 of 60000 pixels colours "
        "that the image lacks: --keep-palette takes indices\n"
    )
    assert run("downsample", "--mode", "max", "-q", SAMPLES / "labels.png", "-o", "quiet.png") == ""
    assert run("downsample", "--mode", "max", "--keep-palette", SAMPLES / "labels.png", "-o", "indices.png") == ""
    assert mode_of("indices.png") == "P"


def test_max_that_makes_no_other_colour_says_nothing():
    picture(np.repeat(np.repeat(labels(), 2, 0), 2, 1)).save("a.png")
    assert run("downsample", "--mode", "max", "a.png") == ""
    assert mode_of("a_max.png") == "RGB"


@pytest.mark.parametrize("arguments", [["-m", "average"], ["-m", "kmax", "--combine", "mean"]], ids=" ".join)
def test_means_expand_without_a_word(arguments):
    picture(labels()).save("a.png")
    assert run("downsample", *arguments, "a.png", "-o", "b.png") == ""
    assert mode_of("b.png") == "RGB"


def test_majority_of_colours_is_told_for_labels_and_not_for_photographs():
    picture(labels()).convert("RGB").save("rgb.png")
    line = run("downsample", "--mode", "majority", "rgb.png")
    assert line.startswith("warning: rgb.png: majority lets each channel vote for itself, and gave ")
    assert line.endswith(" of 20 pixels colours that the image lacks: save labels as a grey image, or with a palette\n")
    assert run("downsample", "--mode", "max", "rgb.png") == ""
    opaque = picture(labels()).convert("RGBA")
    opaque.save("rgba.png")
    assert run("downsample", "--mode", "majority", "rgba.png") == line.replace("rgb.png", "rgba.png")
    np.save("bands.npy", np.asarray(opaque))
    assert run("downsample", "--mode", "majority", "bands.npy") == ""
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    poolcli.write_image(noise, "photo.png")
    assert run("downsample", "--mode", "majority", "photo.png") == ""


def test_expanding_is_asked_for_and_told():
    picture(labels()).save("a.png")
    assert "colours that the image lacks: --keep-palette" in run(
        "downsample", "-m", "majority", "--expand-palette", "a.png"
    )
    assert mode_of("a_majority.png") == "RGB"
    assert run("downsample", "-m", "majority", "--dtype", "uint16", "a.png", "-o", "b.tif").count("\n") == 1
    assert poolcli.read_image("b.tif")[0].dtype == np.uint16
    both = run("downsample", "-m", "majority", "--dtype", "uint16", "--keep-palette", "a.png", "-o", "c.tif", code=2)
    assert "--dtype is for values, and --keep-palette keeps indices" in both


@pytest.mark.parametrize("mode", ["nearest", "nails"])
def test_the_way_up_keeps_indices(mode):
    picture(labels()).save("a.png")
    assert run("upsample", "-m", mode, "a.png", "-o", "large.png") == ""
    assert mode_of("large.png") == "P"
    np.testing.assert_array_equal(pixels("large.png"), poolcli.upsample(labels(), mode))
    assert run("upsample", "-m", mode, "--expand-palette", "a.png", "-o", "rgb.png") == ""
    np.testing.assert_array_equal(pixels("rgb.png"), poolcli.upsample(COLOURS[labels()], mode))


def test_unpool_of_indices():
    picture(labels()).save("a.png")
    run("downsample", "-m", "max", "--keep-palette", "--save-indices", "i.npz", "a.png")
    assert run("upsample", "-m", "unpool", "--indices", "i.npz", "a_max.png", "-o", "b.png") == ""
    values, indices = poolcli.downsample(labels(), "max", return_indices=True)
    np.testing.assert_array_equal(pixels("b.png"), poolcli.upsample(values, "unpool", indices=indices))


def test_unpool_of_colours_that_became_a_palette():
    picture(labels()).save("a.png")
    run("downsample", "-m", "max", "-q", "--save-indices", "i.npz", "a.png", "-o", "a.gif")
    line = run("upsample", "-m", "unpool", "--indices", "i.npz", "a.gif", "-o", "b.png", code=1)
    assert line.endswith(", and the image is (4, 5): they are of its colours: --expand-palette gives them\n")
    assert run("upsample", "-m", "unpool", "--indices", "i.npz", "--expand-palette", "a.gif", "-o", "b.png") == ""


def test_a_format_without_palettes_gets_the_colours_of_the_result():
    picture(labels()).save("a.png")
    assert run("downsample", "-m", "majority", "a.png", "-o", "b.webp") == ""
    expected = COLOURS[poolcli.downsample(labels(), "majority")]
    np.testing.assert_array_equal(poolcli.read_image("b.webp")[0], expected)


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("downsample", ["-m", "majority"]),
        ("downsample", ["-m", "max", "--keep-palette"]),
        ("upsample", ["-m", "nails"]),
    ],
)
def test_an_array_gets_the_labels(command, arguments):
    picture(labels()).save("a.png")
    assert run(command, *arguments, "a.png", "-o", "a.npy") == ""
    np.testing.assert_array_equal(np.load("a.npy"), getattr(poolcli, command)(labels(), arguments[1]))
    assert np.load("a.npy").dtype == np.uint8
    assert run(command, *arguments[:2], "-q", "--expand-palette", "a.png", "-o", "rgb.npy") == ""
    assert np.load("rgb.npy").shape[2] == 3


@pytest.mark.parametrize("alike", [True, False], ids=["one palette", "a palette each"])
def test_an_array_of_labels_of_several_palettes_is_told(alike):
    for colours in (COLOURS, COLOURS if alike else COLOURS[::-1]):
        colormap = np.pad(colours.T * np.uint16(257), ((0, 0), (0, 252)))
        tifffile.imwrite("a.tif", labels(), photometric="palette", colormap=colormap, append=True)
    line = run("downsample", "-m", "majority", "a.tif", "-o", "a.npy")
    assert line == ("" if alike else "warning: a.tif: its frames have palettes of their own, and an index is another "
                    "colour in each: --expand-palette writes colours\n")  # fmt: skip


@pytest.mark.parametrize(
    ("output", "lossy"),
    [
        ("b.jpg", ""),
        ("b.jpg", "JPEG"),
        ("b.avif", "AVIF"),
        ("b.webp --quality 90", "WEBP"),
        ("b.webp", ""),
        ("b.bmp", ""),
    ],
)
def test_labels_that_are_asked_for_never_become_lossy(output, lossy):
    picture(labels()).save("a.png")
    keep = ["--keep-palette"] if lossy or output != "b.jpg" else []
    line = run("downsample", "-m", "majority", *keep, "a.png", "-o", *output.split(), code=1 if lossy else 0)
    told = f"error: a.png: {lossy} is lossy, and --keep-palette is for exact labels: .png, .tif, .gif, .npy hold them\n"
    assert line == (told if lossy else "")
    assert run("downsample", "-m", "majority", "--keep-palette", SAMPLES / "coffee.png", "-o", "photo.jpg", "-q") == ""


def test_a_colour_that_the_palette_lists_and_no_pixel_has_is_told():
    red_and_green = np.tile(np.array([1, 2], np.uint8), (4, 4))
    picture(red_and_green, np.vstack([COLOURS, [[255, 255, 0]]]).astype(np.uint8)).save("a.png")
    line = run("downsample", "-m", "max", "a.png")
    assert line.startswith("warning: a.png: max takes each channel by itself, and gave 8 of 8 pixels colours that the ")
    assert poolcli.read_image("a_max.png")[0][0, 0].tolist() == [255, 255, 0]


def test_pages_of_a_tiff_keep_their_palette():
    pages = np.stack([labels(0), labels(1)])
    colormap = np.zeros((3, 256), np.uint16)
    colormap[:, :4] = COLOURS.T * np.uint16(257)
    tifffile.imwrite("a.tif", pages, photometric="palette", colormap=colormap)
    assert run("downsample", "-m", "majority", "a.tif", "-o", "b.tif") == ""
    for frame in range(2):
        small, info = poolcli.read_image("b.tif", frame=frame, keep_palette=True)
        np.testing.assert_array_equal(small, poolcli.downsample(pages[frame], "majority"))
        assert info.palette is not None
    assert run("downsample", "-m", "max", "a.tif", "-o", "c.tif").count("\n") == 1  # of both pages


@pytest.mark.parametrize("alike", [True, False], ids=["one palette", "a palette each"])
def test_frames_of_a_gif_are_labels(alike):
    frames = [labels(seed) for seed in range(3)]
    turned = [COLOURS, COLOURS if alike else COLOURS[::-1].copy(), COLOURS]
    first, *others = [picture(frame, colours) for frame, colours in zip(frames, turned, strict=True)]
    first.save("a.gif", save_all=True, append_images=others, duration=50, optimize=False)
    assert run("downsample", "-m", "majority", "a.gif", "-o", "b.gif") == ""
    for i, (frame, colours) in enumerate(zip(frames, turned, strict=True)):
        code = [COLOURS.tolist().index(colour) for colour in colours.tolist()]
        expected = COLOURS[poolcli.downsample(np.array(code, np.uint8)[frame], "majority")]
        np.testing.assert_array_equal(poolcli.read_image("b.gif", frame=i)[0], expected)


@pytest.mark.parametrize(
    ("arguments", "column"),
    [
        (["-m", "majority"], "majority_index"),
        (["-m", "majority", "--expand-palette"], "majority_r"),
        (["-m", "spp", "--pool", "majority"], "spp_1x1_0_0_index"),
        (["-m", "max"], "max_r"),
    ],
)
def test_a_row_of_labels_is_an_index(arguments, column):
    picture(labels()).save("a.png")
    result = CliRunner().invoke(commands, ["reduce", *arguments, "a.png"])
    assert result.stdout.replace("\n", ",").split(",")[2] == column


def test_indices_are_never_averaged():
    picture(labels()).save("a.png")
    assert "would blend the indices" in run("reduce", "-m", "gap", "--keep-palette", "a.png", code=2)


def test_colours_as_numbers():
    image = COLOURS[labels()]
    assert lacking(image, COLOURS) == 0
    assert lacking(image, COLOURS[1:]) == (labels() == 0).sum()
    found = distinct(image)
    assert len(found) == 4
    assert lacking(image, found) == 0
    assert distinct(image, 3) is None
    assert distinct(image.astype(np.float32)) is None
    for base in (None, COLOURS, COLOURS[2:]):
        indices, info = indexed(image, poolcli.images.Info("GIF"), base)
        np.testing.assert_array_equal(info.palette[indices], image)


@pytest.mark.parametrize(
    ("ending", "clear"), [("png", None), ("png", 2), ("png", bytes([0, 9, 255, 7])), ("gif", 2), ("bmp", None)]
)
def test_palettes_are_known_before_pixels_are_decoded(ending, clear):
    image = picture(labels())
    if clear is not None:
        image.info["transparency"] = clear
    image.save(f"a.{ending}")
    with Image.open(f"a.{ending}") as lazy, Image.open(f"a.{ending}") as opened:
        early = palette_of(lazy)
        expected = np.asarray(opened.convert("RGB" if clear is None else "RGBA"))
        np.testing.assert_array_equal(early[pixels(f"a.{ending}")], expected)
