"""The command that compares: results enlarged to the pixel, figures, sheets, means over folders, refusals."""

import csv
import io
import json
import math
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import naive
import numpy as np
import pytest
from click.testing import CliRunner
from commands import process, said
from effort import EXAMPLES, JIT
from hypothesis import assume, given
from hypothesis import strategies as st
from pictures import numbers
from PIL import Image

import poolcli
from poolcli.cli import commands
from poolcli.commands import Step
from poolcli.comparing import Manner, compare, ends_of, enlarge
from poolcli.images import Info
from poolcli.images.sheet import Panel, Row, picture_of, sheet, wrapped
from poolcli.light import Light
from poolcli.placing import placement
from poolcli.quality import mean_psnr, peak_of, psnr, ssim
from poolcli.rows import imported

SAMPLES = Path(__file__).parent.parent / "sample_images"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder of some images."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for seed, (name, shape) in enumerate({"a.png": (20, 26, 3), "in/b.png": (16, 18), "in/c.png": (14, 15, 3)}.items()):
        poolcli.write_image(numbers(shape, seed), name)
    return tmp_path


def compared(image, *steps, info=Info(), **manner):  # noqa: B008
    """Return the results of steps, which are a mode and its arguments."""
    made = [Step("downsample", mode, arguments) for mode, arguments in steps]
    return compare(np.asarray(image), info, made, Manner(**manner)).results


def enlarged(image, **arguments):
    (result,) = compared(np.asarray(image, np.uint8), ("max", arguments), upsample=arguments.pop("upsample", "nearest"))
    return result.enlarged.tolist()


def test_every_pixel_becomes_the_result_of_its_window():
    image = [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [20, 21, 22, 23, 24]]
    assert enlarged(image) == [[7, 7, 9, 9, 9]] * 3  # what no window holds is what is nearest
    assert enlarged(image, kernel_size=(1, 3)) == [[3, 3, 3, 3, 3], [8, 8, 8, 8, 8], [22, 22, 22, 22, 22]]
    assert enlarged([image[0]], kernel_size=(1, 3), ceil=True) == [[3, 3, 3, 5, 5]]
    assert enlarged([image[0]], size=(1, 2)) == [[3, 3, 5, 5, 5]]


def test_windows_that_overlap_or_begin_in_the_padding_lie_at_their_middle():
    row = [[1, 2, 3, 4, 5, 6, 7]]
    assert enlarged(row, kernel_size=(1, 3), stride=(1, 2)) == [[3, 3, 5, 5, 7, 7, 7]]
    assert enlarged(row, kernel_size=(1, 3), stride=(1, 1)) == [[3, 3, 4, 5, 6, 7, 7]]
    assert enlarged(row, kernel_size=(1, 2), stride=(1, 2), padding=(0, 1)) == [[1, 3, 3, 5, 5, 7, 7]]
    assert enlarged(row, kernel_size=(1, 2), stride=(1, 4)) == [[2, 2, 2, 6, 6, 6, 6]]


@given(
    sides=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    kernel=st.integers(1, 6),
    stride=st.integers(1, 7),
    padding=st.integers(0, 3),
    ceil=st.booleans(),
)
@EXAMPLES
def test_every_pixel_becomes_the_window_whose_middle_is_nearest(sides, kernel, stride, padding, ceil):
    padding = min(padding, kernel // 2)
    assume(min(sides) + 2 * padding >= kernel)
    geometry = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil": ceil}
    step = Step("downsample", "max", geometry)
    small = np.arange(math.prod(step.shape_after(sides)), dtype=np.uint16).reshape(step.shape_after(sides))
    rows, columns = (naive.covering(n, **geometry) for n in sides)
    large = enlarge(small, sides, placement(step, sides), "nearest", Light())
    np.testing.assert_array_equal(large, small[np.ix_(rows, columns)])


def test_interpolation_knows_where_windows_lie():
    ramp = np.tile(np.arange(0, 130, 10, np.uint8), (2, 1))  # 13 columns: one more than windows hold
    (result,) = compared(ramp, ("average", {"kernel_size": (1, 4)}), upsample="bilinear")
    assert result.image.tolist() == [[15, 55, 95]] * 2
    assert result.enlarged.tolist() == [[15, 15, 20, 30, 40, 50, 60, 70, 80, 90, 95, 95, 95]] * 2


@pytest.mark.parametrize("upsample", ["nearest", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_whole_multiples_are_enlarged_as_by_upsample(upsample, dtype):
    image = numbers((12, 18, 3), 3, dtype)
    (result,) = compared(image, ("average", {"kernel_size": (2, 3)}), upsample=upsample)
    expected = poolcli.upsample(poolcli.downsample(image, "average", kernel_size=(2, 3)), upsample, scale=(2, 3))
    np.testing.assert_array_equal(result.enlarged, expected)
    assert result.enlarged.dtype == image.dtype
    assert (result.psnr, result.ssim) == (psnr(image, expected), ssim(image, expected))


def test_alpha_is_compared_as_it_is_seen():
    image = np.zeros((8, 8, 4), np.uint8)
    image[..., :3] = numbers((8, 8, 3))  # which nobody sees
    image[:4, :, 3] = 255
    image[:4, :, :3] = 90
    (result,) = compared(image, ("average", {}), info=Info(alpha=True))
    assert (result.psnr, result.ssim) == (math.inf, 1)
    assert result.image[0, 0].tolist() == [90, 90, 90, 255]
    (result,) = compared(image, ("max", {"kernel_size": 8}), info=Info(alpha=True), background="black")
    top = np.zeros((8, 8, 3))
    top[:4] = 90
    assert result.psnr == pytest.approx(10 * math.log10(255**2 / np.mean((top - result.enlarged[0, 0, :3]) ** 2)))


def test_linear_light_and_colour_weighed_by_alpha():
    board = (np.indices((8, 8)).sum(axis=0) % 2 * 255).astype(np.uint8)
    assert [compared(board, ("average", {}), linear=linear)[0].image[0, 0] for linear in (True, False)] == [188, 128]
    image = np.zeros((2, 4, 4), np.uint8)
    image[:, :2] = 200, 100, 0, 255
    (result,) = compared(image, ("average", {}), info=Info(alpha=True), upsample="bilinear")
    assert result.enlarged[0].tolist() == [[200, 100, 0, 255], [200, 100, 0, 191], [200, 100, 0, 64], [0, 0, 0, 0]]


def test_palettes_are_pooled_as_by_downsample():
    indices = np.array([[0, 1], [1, 2]], np.uint8)
    palette = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    info = Info(palette=palette)
    majority, average = compared(indices, ("majority", {}), ("average", {}), info=info)
    assert majority.enlarged.tolist() == [[[0, 255, 0]] * 2] * 2
    assert average.image.tolist() == [[[64, 128, 64]]]
    (median,) = compared(indices, ("median", {}), info=info, keep_palette=True)
    assert median.image.tolist() == [[[0, 255, 0]]]
    (median,) = compared(indices, ("median", {}), info=info)
    assert median.image.tolist() == [[[0, 0, 0]]]


def rows_of(*arguments, code=0):
    result = CliRunner().invoke(commands, ["compare", *arguments])
    assert result.exit_code == code, result.output
    return list(csv.DictReader(io.StringIO(result.stdout)))


def test_a_table_of_figures_without_an_output():
    rows = rows_of("a.png", "-m", "max,median", "-F", "2", "-F", "4x3", "-S", "2")
    assert [(row["mode"], row["F"], row["S"]) for row in rows] == [
        ("max", "2", "2"), ("median", "2", "2"), ("max", "4x3", "2"), ("median", "4x3", "2")
    ]  # fmt: skip
    image, _ = poolcli.read_image("a.png")
    expected = np.repeat(np.repeat(poolcli.downsample(image, "max"), 2, 0), 2, 1)
    assert float(rows[0]["psnr"]) == pytest.approx(psnr(image, expected))
    assert float(rows[0]["ssim"]) == pytest.approx(ssim(image, expected))
    assert all(0 < float(row["seconds"]) < 10 for row in rows)
    assert {row["pictures"] for row in rows} == {"1"}
    assert [row["size"] for row in rows_of("a.png", "-m", "max", "--size", "5x6")] == ["5x6"]


def test_means_over_a_folder():
    rows = rows_of("in", "-m", "min,average")
    each = [rows_of(f"in/{name}.png", "-m", "min,average") for name in "bc"]
    assert [row["pictures"] for row in rows] == ["2", "2"]
    for row, *own in zip(rows, *each, strict=True):
        assert float(row["psnr"]) == pytest.approx(mean_psnr([float(one["psnr"]) for one in own]))
        assert float(row["ssim"]) == pytest.approx(np.mean([float(one["ssim"]) for one in own]))


def test_a_picture_that_is_kept_whole_makes_no_mean_infinite():
    poolcli.write_image(np.full((8, 8), 7, np.uint8), "in/flat.png")
    (flat,) = rows_of("in/flat.png", "-m", "max")
    assert (flat["psnr"], flat["ssim"]) == ("inf", "1.0")
    (row,) = rows_of("in", "-m", "max")
    assert math.isfinite(float(row["psnr"]))
    said("compare", "in/flat.png", "-m", "max", "-o", "flat.json")
    assert json.loads(Path("flat.json").read_text())[0]["psnr"] is None


def test_files_of_figures_and_what_fails():
    Path("in/bad.png").write_bytes(b"no image")
    lines = said("compare", "in", "-m", "max", "-o", "out/figures.csv", code=1).splitlines()
    assert lines == ["error: in/bad.png: not a supported image", "2 pictures, 1 failed: not a supported image (1)"]
    (row,) = csv.DictReader(Path("out/figures.csv").read_text().splitlines())
    assert (row["mode"], row["pictures"]) == ("max", "2")
    line = said("compare", "in/b.png", "-o", "out/figures.csv", code=2).splitlines()[-1]
    assert line == "Error: out/figures.csv: exists; --overwrite replaces it"
    assert said("compare", "in/b.png", "-m", "min", "-o", "out/figures.csv", "--overwrite") == ""
    assert said("compare", "in/bad.png", "-o", "none.csv", code=1) == "error: in/bad.png: not a supported image\n"
    assert not Path("none.csv").exists()


def test_frames_are_pictures_of_a_table_and_one_is_shown():
    frames = [Image.fromarray(numbers((12, 10), seed)) for seed in range(3)]
    frames[0].save("many.tif", save_all=True, append_images=frames[1:])
    assert [row["pictures"] for row in rows_of("many.tif", "-m", "max")] == ["3"]
    line = said("compare", "many.tif", "-m", "max", "-o", "sheet.png", code=1)
    assert (
        line == "error: many.tif: holds 3 frames, and one is shown: --frame N takes one, and .csv has means over all\n"
    )
    assert said("compare", "many.tif", "-m", "max", "-o", "sheet.png", "--frame", "1") == ""
    (row,) = rows_of("many.tif", "-m", "max", "--frame", "1")
    image = numbers((12, 10), 1)
    assert float(row["psnr"]) == pytest.approx(psnr(image, poolcli.downsample(image, "max").repeat(2, 0).repeat(2, 1)))


def pixels(name):
    with Image.open(name) as file:
        return np.asarray(file)


def test_a_sheet_shows_the_image_and_the_results():
    assert said("compare", "a.png", "-m", "max,average", "-o", "sheet.png", "--side", "104") == ""
    image, _ = poolcli.read_image("a.png")
    drawn = pixels("sheet.png")
    for part in (image, *(poolcli.downsample(image, mode).repeat(2, 0).repeat(2, 1) for mode in ("max", "average"))):
        assert is_in(part.repeat(4, 0).repeat(4, 1), drawn)
    assert (drawn[[0, -1]] == 255).all()  # the margin
    assert (drawn[:, [0, -1]] == 255).all()


def is_in(part, drawn):
    """Return whether a picture is a part of another, from one of the places where its first pixel is."""
    height, width = part.shape[:2]
    for y, x in np.argwhere((drawn[: 1 - height, : 1 - width] == part[0, 0]).all(axis=2)):
        if (drawn[y : y + height, x : x + width] == part).all():
            return True
    return False


def test_a_detail_and_a_row_for_each_window():
    options = ("-m", "max", "-F", "2", "-F", "5", "--zoom", "3,4,10x6", "--side", "20")
    assert said("compare", "a.png", *options, "-o", "sheet.png") == ""
    image, _ = poolcli.read_image("a.png")
    drawn, box = pixels("sheet.png"), (slice(3, 13), slice(4, 10))
    for kernel in (2, 5):
        large = poolcli.downsample(image, "max", kernel_size=kernel).repeat(kernel, 0).repeat(kernel, 1)
        large = np.pad(large, ((0, 0), (0, 26 - large.shape[1]), (0, 0)), "edge")
        assert is_in(large[box].repeat(2, 0).repeat(2, 1), drawn)
    line = said("compare", "a.png", "--zoom", "11,0,10x6", "-o", "b.png", code=1)
    what = "--zoom 11,0,10x6 reaches beyond the image, which has 20 x 26 pixels: the first is 0,0"
    assert line == f"error: a.png: {what}\n"


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp"])
def test_formats_of_sheets(ending):
    poolcli.write_image(numbers((20, 30, 4), 5, np.uint16) * 257, "deep.png")
    said("compare", "deep.png", "-m", "max", "-o", f"sheet.{ending}")
    with Image.open(f"sheet.{ending}") as file:
        assert file.size[0] > 2 * 480


@pytest.mark.parametrize(
    ("image", "info", "expected"),
    [
        (np.array([[0, 65535], [32896, 257]], np.uint16), Info(), [[[0] * 3, [255] * 3], [[128] * 3, [1] * 3]]),
        (np.array([[0.0, 5.0], [10.0, np.nan]]), Info(), [[[0] * 3, [128] * 3], [[255] * 3, [0] * 3]]),
        (np.array([[[200, 100, 0, 0]]], np.uint8), Info(alpha=True), [[[255] * 3]]),
        (np.array([[[1, 2, 3, 4, 5]]], np.uint8), Info(), [[[1, 2, 3]]]),
        (np.array([[[7, 2]]], np.uint8), Info(), [[[7, 7, 7]]]),
        (np.array([[True, False]]), Info(), [[[255] * 3, [0] * 3]]),
        (np.array([[0, 1, 2]], np.int32), Info(), [[[0] * 3, [128] * 3, [255] * 3]]),  # labels
        (np.array([[-10, 0, 10]], np.int16), Info(), [[[0] * 3, [128] * 3, [255] * 3]]),
        (np.array([[0, 4096]], np.uint16), Info(), [[[0] * 3, [16] * 3]]),
        (np.array([[0, 4095]], np.uint16), Info(), [[[0] * 3, [255] * 3]]),  # of a camera of 12 bits
    ],
)
def test_pictures_of_any_dtype_are_shown(image, info, expected):
    side, ends = max(image.shape[:2]), ends_of(image, info, peak_of(image))
    assert picture_of(image, info, ends, side, "white").tolist() == expected
    assert picture_of(image, info, ends, 3 * side, "white").shape[:2] == tuple(3 * n for n in image.shape[:2])


def test_labels_are_wrapped_and_inside_the_sheet():
    assert wrapped("PSNR 28.36 dB, SSIM 0.8731", 15, 1000) == ["PSNR 28.36 dB, SSIM 0.8731"]
    assert wrapped("PSNR 28.36 dB, SSIM 0.8731", 15, 120) == ["PSNR 28.36 dB,", "SSIM 0.8731"]
    assert "".join(wrapped("a" * 90, 15, 120)) == "a" * 90
    assert len(wrapped("a" * 90, 15, 120)) > 5
    small, tall = np.zeros((4, 4, 3), np.uint8), np.zeros((90, 4, 3), np.uint8)
    panels = [Panel(small, "m" * 60, ("note " * 30, "10 ms")), Panel(tall, "max", ("PSNR",))]
    drawn = sheet("title " * 60, ["a note"], [Row("F 2", panels), Row("F 4", panels[:1])])
    inside = drawn[19:-19, 19:-19]
    assert (drawn == 255).sum() - (inside == 255).sum() == drawn.size - inside.size
    assert (inside != 255).any()
    two = sheet("", [], [Row("", panels), Row("", panels[::-1])])
    assert (two[:, 20:190] != 255).any()
    assert (two[:, 190:205] == 255).all()  # between the columns
    assert (two[:, 205:] != 255).any()


@pytest.fixture
def page(monkeypatch):
    """Let there be a page that is the names and the lines of what it shows."""

    def document(comparison):
        return "\n".join([comparison.name, comparison.upsample, *(result.command for result in comparison.results)])

    module = ModuleType("poolcli.page")
    module.__spec__, module.document = ModuleSpec("poolcli.page", None), document
    monkeypatch.setitem(sys.modules, "poolcli.page", module)
    imported.cache_clear()
    yield
    imported.cache_clear()


def test_a_page_gets_the_comparison(page):
    said("compare", "in/b.png", "-m", "max,soft", "--beta", "2", "--linear", "-o", "page.html")
    assert Path("page.html").read_text().splitlines() == [
        "b.png",
        "nearest",
        "poolcli downsample --mode max in/b.png",
        "poolcli downsample --mode soft --beta 2.0 --linear in/b.png",
    ]


def test_a_small_picture_has_no_ssim_and_one_warning():
    poolcli.write_image(numbers((6, 9)), "small.png")
    line = said("compare", "small.png", "-m", "max,min", "-o", "figures.csv")
    assert line == "warning: small.png: has 6 x 9 pixels, and SSIM windows of 7 x 7: it is nan\n"
    assert [row["ssim"] for row in csv.DictReader(Path("figures.csv").read_text().splitlines())] == ["nan", "nan"]


def test_images_without_figures_are_left_out_of_means():
    image = np.linspace(0, 1, 100).reshape(10, 10)
    poolcli.write_image(image, "in/whole.npy")
    image[3, 4] = np.nan
    poolcli.write_image(image, "in/holes.npy")
    lines = said("compare", "in/holes.npy", "in/whole.npy", "-m", "max", "-o", "both.json").splitlines()
    assert lines == ["warning: in/holes.npy: holds NaN or infinity, and so do its figures", "2 pictures"]
    said("compare", "in/whole.npy", "-m", "max", "-o", "one.json")
    both, one = (json.loads(Path(name).read_text())[0] for name in ("both.json", "one.json"))
    assert (both["psnr"], both["ssim"]) == (one["psnr"], one["ssim"])
    assert both["pictures"] == 2


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["a.png", "-m", "max,mean"], "there is no mode 'mean', did you mean average? The modes are max, min"),
        (["a.png", "-m", "space-to-depth"], "is no mode of this command, but of poolcli downsample --mode space-to"),
        (["a.png", "-m", "kmax"], "mode 'kmax' makes 2 images of one, and one is compared: --combine mean makes one"),
        (["a.png", "-F", "2,4"], "'2,4' is no size, did you mean -F 2 -F 4? It must be N, HEIGHTxWIDTH"),
        (["a.png", "--size", "4", "-F", "2"], "--size 4 sets the windows, and --kernel-size 2 cannot be given with it"),
        (["a.png", "-o", "b.xyz"], "b.xyz: nothing is written for the ending '.xyz': .png, .jpg"),
        (["a.png", "-o", "b"], "b: nothing is written for a name without an ending: .png, .jpg"),
        (["a.png", "-o", "b.pgm"], "hold a sheet, .csv, .json the figures"),
        (["a.png", "-o", "b.zarr"], "hold a sheet, .csv, .json the figures"),
        (["a.png", "-o", "a.png"], "a.png: exists; --overwrite replaces it"),
        (["a.png", "-o", "a.png", "--overwrite"], "a.png: is also the output"),
        (["in", "-o", "sheet.png"], "sheet.png: shows one image, and there are 2: .csv and .json have means over all"),
        (["a.png", "sheet.png"], "sheet.png: no such file or folder: -o sheet.png writes it"),
        (["a.png", "--zoom", "1,2,3x0", "-o", "b.png"], "'1,2,3x0' is no detail: it must be Y,X,HEIGHTxWIDTH as"),
        (["a.png", "--zoom", "1,2,3x3"], "--zoom is for a sheet or a page, --side for a sheet: -o FILE.png writes one"),
        (["a.png", "--upsample", "cubic"], "'cubic' is not allowed, did you mean bicubic? It must be nearest,"),
        (["a.png", "-m", "max", "--linear"], "--linear is for modes that blend values, and max selects them"),
        (["a.png", "-m", "max", "--beta", "3"], "mode 'max' takes no --beta: the modes that do are soft, random"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line(arguments, line, folder):
    before = set(folder.rglob("*"))
    assert line in said("compare", *arguments, code=2).splitlines()[-1]
    assert set(folder.rglob("*")) == before


def test_a_line_makes_each_result():
    (result,) = compared(numbers((6, 6)), ("soft", {"kernel_size": (2, 3), "beta": 4.0}))
    assert result.command == "poolcli downsample --mode soft --kernel-size 2x3 --beta 4.0"


@pytest.mark.quick_when(lambda **_: JIT)
def test_pipes_and_a_real_photograph():
    photo = (SAMPLES / "chelsea.png").read_bytes()
    done = process("compare", "-m", "average,lip", "-", input=photo, text=False)
    assert done.returncode == 0
    average, lip = csv.DictReader(io.StringIO(done.stdout.decode()))
    assert float(average["psnr"]) == pytest.approx(32.55, abs=0.01)
    assert float(lip["psnr"]) == pytest.approx(32.33, abs=0.01)
