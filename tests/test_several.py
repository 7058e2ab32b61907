"""Several modes in one run, and names by a template: each result is that of a run of its own."""

import io
import os

import numpy as np
import pyarrow.parquet
import pytest
from click.testing import CliRunner
from commands import said
from effort import JIT
from pictures import numbers
from PIL import Image

import poolcli
from poolcli.batch.names import fields, filled, shortened
from poolcli.cli import commands
from poolcli.commands import Step
from poolcli.images import read

pytestmark = pytest.mark.skipif(not JIT, reason="batches run alike, compiled or not")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder of two images, which is the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in" / "sub").mkdir(parents=True)
    poolcli.write_image(numbers((9, 7, 3), 0), "in/a.png")
    poolcli.write_image(numbers((6, 8, 3), 1), "in/sub/b.tif")
    return tmp_path


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def pixels(path):
    return poolcli.read_image(path)[0]


def test_each_mode_writes_a_file_of_its_own(folder):
    said("downsample", "-m", "max,average,percentile", "--q", "20", "in/a.png")
    assert names(folder / "in") == ["a.png", "a_average.png", "a_max.png", "a_percentile.png", "sub/b.tif"]
    image = pixels("in/a.png")
    for mode, parameters in (("max", {}), ("average", {}), ("percentile", {"q": 20})):
        np.testing.assert_array_equal(
            pixels(f"in/a_{mode}.png"), poolcli.downsample(image, mode, **parameters), err_msg=mode
        )


def test_modes_may_be_given_one_by_one(folder):
    said("upsample", "-m", "nearest", "-m", "bicubic", "in", "-r", "-o", "out", "-S", 3)
    assert names(folder / "out") == ["a_bicubic.png", "a_nearest.png", "sub/b_bicubic.tif", "sub/b_nearest.tif"]
    np.testing.assert_array_equal(
        pixels("out/sub/b_bicubic.tif"), poolcli.upsample(pixels("in/sub/b.tif"), "bicubic", scale=3)
    )


@pytest.mark.parametrize("stream", [False, True])
def test_an_image_is_decoded_once(folder, monkeypatch, stream):
    decoded = []
    before = read.Picture.read
    monkeypatch.setattr(read.Picture, "read", lambda self, frame=0: decoded.append(frame) or before(self, frame))
    arguments = ["downsample", "-m", "max,majority,soft,lp", "-o", "out/", "--format", "png"]
    given = (folder / "in/a.png").read_bytes() if stream else None
    result = CliRunner().invoke(commands, [*arguments, "-" if stream else "in/a.png"], input=given)
    assert result.exit_code == 0, result.output
    assert decoded == [0]
    stem = "stdin" if stream else "a"
    assert names(folder / "out") == [f"{stem}_{mode}.png" for mode in ("lp", "majority", "max", "soft")]


def test_a_palette_is_read_as_each_mode_needs_it(folder):
    labels = Image.fromarray(numbers((8, 8), 3) % 3).convert("P")
    labels.putpalette([250, 0, 0, 0, 250, 0, 0, 0, 250])
    labels.save("labels.png")
    said("downsample", "-m", "majority,average", "labels.png")
    for mode, kind in (("majority", "P"), ("average", "RGB")):
        with Image.open(f"labels_{mode}.png") as made:
            assert made.mode == kind
    for mode in ("majority", "average"):
        said("downsample", "-m", mode, "labels.png", "--name", "{stem}_alone_{mode}")
        assert (folder / f"labels_alone_{mode}.png").exists()
        np.testing.assert_array_equal(pixels(f"labels_{mode}.png"), pixels(f"labels_alone_{mode}.png"))


def test_frames_of_several_modes_are_those_of_each(folder):
    frames = np.stack([numbers((6, 6), seed) for seed in range(3)])
    poolcli.write_image(frames[0], "one.tif")
    Image.fromarray(frames[0]).save("f.tif", save_all=True, append_images=[Image.fromarray(one) for one in frames[1:]])
    said("downsample", "-m", "max,min", "f.tif")
    for mode in ("max", "min"):
        for frame in range(3):
            made = poolcli.read_image(f"f_{mode}.tif", frame=frame)[0]
            np.testing.assert_array_equal(made, poolcli.downsample(frames[frame], mode))


def test_a_table_has_the_columns_of_all_modes(folder):
    result = CliRunner().invoke(commands, ["reduce", "-m", "gap,gmp,covariance", "in", "-r"])
    head, *lines = result.stdout.splitlines()
    assert head == ("input,frame,gap_r,gap_g,gap_b,gmp_r,gmp_g,gmp_b,cov_r_r,cov_r_g,cov_r_b,cov_g_g,cov_g_b,cov_b_b")
    image = pixels("in/a.png")
    vectors = [poolcli.reduce(image, mode) for mode in ("gap", "gmp", "covariance")]
    expected = [str(value) for vector in vectors for value in vector.tolist()]
    assert lines[0].split(",") == ["in/a.png", "0", *expected]
    assert "." not in lines[0].split(",")[5]  # the largest value of bytes is a byte


@pytest.mark.parametrize("kind", ["npy", "npz", "parquet"])
def test_tables_of_several_modes_hold_numbers(folder, kind):
    said("reduce", "-m", "gmp,gap", "in/a.png", "-o", f"t.{kind}")
    image = pixels("in/a.png")
    expected = np.concatenate([poolcli.reduce(image, "gmp"), poolcli.reduce(image, "gap")])
    if kind == "parquet":
        table = pyarrow.parquet.read_table("t.parquet")
        assert [str(table.schema.field(name).type) for name in ("gmp_r", "gap_r")] == ["int64", "double"]
        values = [table.column(name)[0].as_py() for name in table.column_names[2:]]
    else:
        with open(f"t.{kind}", "rb") as file:
            loaded = np.load(file)
            values = (loaded if kind == "npy" else loaded["values"])[0]
    np.testing.assert_array_equal(values, expected)


def test_what_no_mode_takes_is_told_and_what_one_takes_is_not(folder):
    assert "mode 'max' takes no --beta" in said("downsample", "-m", "max,min", "--beta", 2, "in/a.png", code=2)
    said("downsample", "-m", "max,soft", "--beta", 2, "in/a.png")
    line = said("downsample", "-m", "max,average", "--save-indices", "i.npz", "in/a.png", code=2)
    assert "mode 'average' takes no --save-indices" in line
    assert "there is no mode 'mxa', did you mean max?" in said("downsample", "-m", "min,mxa", "in/a.png", code=2)


def test_one_mode_that_fails_does_not_stop_the_others(folder):
    (folder / "in/a_max.png").write_bytes(b"mine")
    line = said("downsample", "-m", "max,min", "in/a.png", code=1)
    assert "in/a_max.png: exists; --overwrite replaces it, --skip-existing leaves it" in line
    assert (folder / "in/a_max.png").read_bytes() == b"mine"
    assert (folder / "in/a_min.png").exists()


def test_a_warning_about_an_input_is_said_once(folder):
    np.save("chw.npy", numbers((3, 40, 44), 0))
    assert said("downsample", "-m", "max,min", "chw.npy").count("looks as if channels came first") == 1


@pytest.mark.parametrize(
    ("template", "mode", "arguments", "name"),
    [
        ("{stem}_{mode}_{F}x{S}", "max", {}, "cat_max_2x2"),
        ("{stem}-{F}-{S}-{P}-{D}", "max", {"kernel_size": (3, 5), "stride": 2, "padding": 1}, "cat-3x5-2-1-1"),
        ("{P}_{stem}", "average", {"kernel_size": 3, "padding": "same"}, "same_cat"),
        ("{stem}_{P}", "max", {"padding": (1, 0, 1, 0)}, "cat_1,0,1,0"),
        ("{stem}_{P}", "max", {"padding": (1, 0)}, "cat_1x0"),
        ("{stem}_{count_include_pad}", "average", {}, "cat_False"),
        ("{mode}/{stem}_{size}", "soft", {"size": (4, 6)}, "soft/cat_4x6"),
        ("{stem}_{beta}", "soft", {}, "cat_1"),
        ("{stem}_{p:.2f}", "gem", {"p": 2.5}, "cat_2.50"),
        ("{command}{{{stem}}}", "max", {}, "downsample{cat}"),
    ],
)
def test_templates(template, mode, arguments, name):
    assert filled(template, "cat", Step("downsample", mode, arguments)) == name


def test_fields_of_upsampling_and_of_weights():
    assert fields("cat", Step("upsample", "lanczos", {"scale": (1.5, 2.0)}))["S"] == "1.5x2"
    found = fields("cat", Step("downsample", "lip", {"weights": "a/b/net.npz"}))
    assert (found["weights"], found["norm"]) == ("net", "weights")


def test_names_by_a_template(folder):
    said("downsample", "-m", "max,soft", "in", "-r", "-o", "out", "--name", "{mode}/{stem}_{F}", "-F", 3)
    assert names(folder / "out") == ["max/a_3.png", "max/sub/b_3.tif", "soft/a_3.png", "soft/sub/b_3.tif"]
    said("downsample", "-m", "max", "in/a.png", "--name", "{stem}.small", "--format", "webp")
    assert (folder / "in/a.small.webp").exists()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--name", "{stm}"], "--name '{stm}': there is no field {stm}: max has {stem}, {mode}, {command}, {F}, {S}"),
        (["--name", "{stem.x}"], "there is no field {stem.x}"),
        (["--name", "{}"], "there is no field {}"),
        (["--name", "{stem"], "--name '{stem': expected '}' before end of string: max has {stem}"),
        (["--name", "{F:q}"], "Unknown format code 'q'"),
        (["--name", "../{stem}"], "'../a' is no name of a file beside or below others"),
        (["--name", "/{stem}"], "'/a' is no name of a file beside or below others"),
        (["--name", ""], "'' is no name of a file"),
        (["--name", "{stem}"], "max and min would both write in/a.png: a field of --name, as {mode}, tells them apart"),
        (["--name", "{stem}_{count-include-pad}"], "{stem}, {mode}, {command}, {F}, {S}, {P}, {D}"),
        (["--name", "{stem}x"], "max and min would both write in/ax.png: a field of --name, as {mode}, tells them"),
        (["--name", "{stem}.jpg"], "the ending is added: --name '{stem}' --format jpg asks for one"),
        (["--name", "{stem}x", "-o", "x.png"], "x.png: names one file, and 2 modes write a file each: x.png/ would be"),
        (["--name", "{stem}x", "-o", "-"], "--name is for files beside the inputs and in folders, and standard output"),
        (["-o", "-"], "standard output holds one image: -o FOLDER takes several"),
    ],
)  # fmt: skip
def test_bad_names_are_told_before_any_work(folder, arguments, line):
    assert line in said("downsample", "-m", "max,min", "in/a.png", *arguments, code=2)
    assert names(folder) == ["in/a.png", "in/sub/b.tif"]


def test_a_name_for_one_file_is_not_for_a_template(folder):
    line = said("downsample", "-m", "max", "in/a.png", "--name", "{stem}x", "-o", "x.png", code=2)
    assert "--name is for files beside the inputs and in folders, and x.png names one file" in line


@pytest.mark.parametrize("letter", ["a", "ä", "\udcff"])
def test_names_that_become_too_long_are_shortened_and_told(folder, letter):
    width = len(os.fsencode(letter))
    stem = letter * (251 // width)
    image = io.BytesIO()
    Image.fromarray(numbers((4, 4), 0)).save(image, "png")
    (folder / f"{stem}.png").write_bytes(image.getvalue())
    line = said("downsample", "-m", "max", f"{stem}.png")
    made = [name for name in os.listdir(folder) if name not in ("in", f"{stem}.png")]
    assert len(made) == 1
    assert 250 <= len(os.fsencode(made[0])) <= 255 or letter == "\udcff"
    assert made[0].endswith(".png")
    assert "~" in made[0]
    assert "its name is too long for what is added, and the output is " in line


def test_shortened_names_differ():
    long = "x" * 300
    assert len(shortened(long, ".png")) == 255
    assert shortened(long, ".png") != shortened(long + "y", ".png")
    assert shortened("x" * 251, ".png") == "x" * 251 + ".png"


def test_the_record_is_the_command(folder):
    """All options that change pixels are in it, as the command takes them."""
    said("downsample", "-m", "average", "in/a.png", "-o", "b.png", "--linear", "-P", "1,0,1,0", "-F", "2x3")
    said("downsample", "-m", "max", "in/a.png", "-o", "c.jpg", "--convert", "--background", "black", "--frame", 0)
    for name, record in (
        (
            "b.png",
            f"poolcli {poolcli.__version__} downsample --mode average --padding 1,0,1,0 --kernel-size 2x3 --linear",
        ),
        ("c.jpg", f"poolcli {poolcli.__version__} downsample --mode max --convert --background #000000 --frame 0"),
    ):
        assert record.replace("#000000", "black").encode() in (folder / name).read_bytes().replace(b"#000000", b"black")


def test_a_row_of_several_modes_says_its_length(folder):
    result = CliRunner().invoke(commands, ["reduce", "-m", "gap,gmp", "in/a.png", "--json", "-o", "t.csv"])
    assert '"after": [6]' in result.stdout


def test_folders_that_are_empty_or_hidden_are_passed_over(folder):
    (folder / "none").mkdir()
    (folder / "in/.hidden").mkdir()
    for name in ("in/.hidden/x.png", "in/._a.png"):
        (folder / name).write_bytes((folder / "in/a.png").read_bytes())
    warning = "warning: none: the folder holds no images"
    assert said("downsample", "-m", "max", "in", "none", "-r", "-o", "out").splitlines()[0] == warning
    assert names(folder / "out") == ["a.png", "sub/b.tif"]
    assert "none: the folder holds no images" in said("downsample", "-m", "max", "none", code=2)
    said("downsample", "-m", "max", "in/.hidden", "-o", "other")  # which is named
    assert names(folder / "other") == ["x.png"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["downsample", "max", "in/a.png", "-m", "min"], "max: no such file or folder: it is a mode, -m max"),
        (["downsample", "-m", "max", "in/a.png", "x*.png", "-o", "o"], "x*.png: the pattern matches no images"),
        (["downsample", "-m", "max", "in/a.png", "no.png", "-o", "o"], "no.png: no such file or folder"),
        (["downsample", "-m", "max", "in/a.png", "./in/a.png", "-o", "o"], "in/a.png: is given twice"),
        (["reduce", "-m", "gap", "in/a.png", "no.png"], "no.png: no such file or folder"),
        (["reduce", "-m", "gap", "in/a.png", "-o", "t.csv", "--format", "npy"], "t.csv: names another format than"),
    ],
)
def test_what_a_stranger_met(folder, arguments, line):
    text = said(*arguments, code=2)
    assert line in text
    assert "writes it" not in text


def test_a_list_with_nul_is_told(folder):
    result = CliRunner().invoke(
        commands, ["downsample", "-m", "max", "--files-from", "-", "-o", "o"], input=b"in/a.png\0"
    )
    assert "its names end with NUL, as of find -print0: --null reads them so" in result.output


def test_a_dry_run_tells_what_exists(folder):
    said("downsample", "-m", "max", "in/a.png")
    for options, shown in (
        ([], "in/a.png -> in/a_max.png (exists)\nin/a.png -> in/a_min.png\n"),
        (["--skip-existing"], "in/a.png -> in/a_min.png\n"),
        (["--overwrite"], "in/a.png -> in/a_max.png\nin/a.png -> in/a_min.png\n"),
    ):
        result = CliRunner().invoke(commands, ["downsample", "-m", "max,min", "in/a.png", "--dry-run", *options])
        assert result.stdout == shown


def test_python_names_what_cannot_be_read_or_written(tmp_path):
    path = tmp_path / "a.png"
    poolcli.write_image(Image.fromarray(numbers((4, 4), 0)), path)
    poolcli.write_image([[1, 2]], tmp_path / "b.npy")
    with pytest.raises(poolcli.ImageError, match=r"a\.png: exists; overwrite=True replaces it"):
        poolcli.write_image(numbers((4, 4), 0), path)
    with pytest.raises(TypeError, match="int is no source of an image: give a path, bytes or an open file"):
        poolcli.read_image(5)
    with pytest.raises(TypeError, match="the mask of an array would be ignored"):
        poolcli.write_image(np.ma.masked_equal(numbers((4, 4), 0), numbers((4, 4), 0)[0, 0]), tmp_path / "c.png")


def test_values_beyond_a_dtype_are_told(folder):
    poolcli.write_image(np.arange(64, dtype=np.uint16).reshape(8, 8) * 16, "deep.tif")
    line = said("downsample", "-m", "max", "deep.tif", "--dtype", "uint8", "-o", "a.tif")
    assert "--dtype uint8 holds 0 to 255, and 75% of the values are beyond: they become its limits, nothing is" in line
    assert said("downsample", "-m", "max", "deep.tif", "--dtype", "int32", "-o", "b.tif") == ""
    poolcli.write_image(np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8), "unit.tif")
    line = said("downsample", "-m", "max", "unit.tif", "--dtype", "uint16", "-o", "c.tif")
    assert "--dtype uint16 makes 0 or 1 of values from 0 to 1: nothing is rescaled" in line


def test_linear_light_is_for_modes_that_blend(folder):
    line = said("downsample", "-m", "max", "in/a.png", "--linear", code=2)
    assert "--linear is for modes that blend values, and max selects them" in line
    assert "max and min select them" in said("reduce", "-m", "max,min", "in/a.png", "--linear", code=2)
    said("downsample", "-m", "max,average", "in/a.png", "--linear")
