"""The command, run as people run it: processes, exit codes, what they say, and the files they leave."""

import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import naive
import numpy as np
import pytest
from commands import process as run
from effort import JIT
from PIL import Image

import poolcli
from poolcli.commands import Step
from poolcli.images import Info, Reading
from poolcli.images.read import open_picture
from poolcli.pictures import operate

SAMPLES = Path(__file__).parent.parent / "sample_images"


@pytest.fixture
def photo(tmp_path):
    """Return a small RGB image in an empty folder."""
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)).save(path)
    return path


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_an_unknown_command_is_told_the_commands():
    result = run("downsampel")
    hint = "error: there is no command 'downsampel', did you mean downsample? The commands are"
    expected = (
        f"{hint} downsample, upsample, resize, pyramid, reduce, gradient, compare, modes, shape, warmup, completion\n"
    )
    assert (result.returncode, result.stderr) == (2, expected)


def test_writes_beside_the_input(photo):
    result = run("downsample", "--mode", "max", photo)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    expected = naive.downsample(pixels(photo), "max").astype(np.uint8)
    np.testing.assert_array_equal(pixels(photo.with_name("photo_max.png")), expected)


def test_window_and_parameters_reach_the_kernel(photo, tmp_path):
    out = tmp_path / "out.png"
    result = run(
        "downsample", "-m", "percentile", "--q", 25, "-F", "3x2", "-S", 2, "-P", "1x0", "--ceil", photo, "-o", out
    )
    assert result.returncode == 0, result.stderr
    expected = naive.downsample(
        pixels(photo), "percentile", kernel_size=(3, 2), stride=2, padding=(1, 0), ceil=True, q=25
    )
    np.testing.assert_array_equal(pixels(out), expected.astype(np.uint8))


@pytest.mark.quick_when(lambda **_: JIT)
def test_a_real_photograph(tmp_path):
    out = tmp_path / "coffee.png"
    assert run("downsample", "--mode", "average", SAMPLES / "coffee.png", "-o", out).returncode == 0
    image = pixels(SAMPLES / "coffee.png").astype(int)
    total = image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]
    np.testing.assert_array_equal(pixels(out), np.rint(total / 4))


@pytest.mark.quick_when(lambda **_: JIT)
@pytest.mark.parametrize(
    ("name", "mode", "shape", "dtype"),
    [
        ("camera.png", "median", (256, 256), np.uint8),
        ("labels.png", "majority", (200, 300, 3), np.uint8),
        ("horse.png", "max", (164, 200, 4), np.uint8),
        ("retina_16bit.png", "average", (176, 176), np.uint16),
        ("hubble_log.tif", "soft", (109, 125), np.float32),
        ("retina.jpg", "min", (705, 705, 3), np.uint8),
    ],
)
def test_kinds_of_pictures(name, mode, shape, dtype, tmp_path):
    out = tmp_path / name
    result = run("downsample", "--mode", mode, SAMPLES / name, "-o", out)
    assert result.returncode == 0, result.stderr
    written, _ = poolcli.read_image(out)
    assert written.shape == shape
    assert written.dtype == dtype


def test_blending_weighs_colour_by_alpha(tmp_path):
    image = np.array([[[0, 0, 0, 255], [255, 255, 255, 0]]], np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    assert run("downsample", "--mode", "average", "-F", "1x2", tmp_path / "a.png").returncode == 0
    assert pixels(tmp_path / "a_average.png").tolist() == [[[0, 0, 0, 128]]]


def test_a_checkerboard_in_linear_light(tmp_path):
    board = (np.indices((8, 8)).sum(axis=0) % 2 * 255).astype(np.uint8)
    for image in (board, np.stack([board] * 3, axis=2)):
        poolcli.write_image(image, tmp_path / "a.png", overwrite=True)
        for option, values in (("--linear", {188}), ("--overwrite", {127, 128})):
            assert run("downsample", "-m", "average", option, "--overwrite", tmp_path / "a.png").returncode == 0
            assert set(pixels(tmp_path / "a_average.png").ravel().tolist()) <= values


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_linear_light_and_back_is_the_same_value(dtype):
    values = np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(-1, 16)
    rgba = np.stack([values, values, values, np.full_like(values, np.iinfo(dtype).max)], axis=2)
    for image, info in ((values, Info()), (rgba, Info(alpha=True)), (rgba, Info(alpha=True, premultiplied=True))):
        step = Step("downsample", "average", {"kernel_size": 1})
        np.testing.assert_array_equal(operate(image, info, step, True, print), image)


@pytest.mark.parametrize("mode", ["soft", "average", "gem", "mixed", "lp"])
def test_opaque_alpha_changes_nothing(mode):
    image = np.random.default_rng(0).integers(0, 256, (8, 10, 4), dtype=np.uint8)
    image[..., 3] = 255
    pooled = operate(image, Info(alpha=True), Step("downsample", mode), False, print)
    alone = poolcli.downsample(image[..., :3], mode)
    assert np.abs(pooled[..., :3].astype(int) - alone).max() <= (mode in ("lp", "gem"))


def test_labels_keep_their_palette_and_indices(tmp_path):
    out = tmp_path / "labels.png"
    assert run("downsample", "-m", "majority", "--keep-palette", SAMPLES / "labels.png", "-o", out).returncode == 0
    with Image.open(SAMPLES / "labels.png") as before, Image.open(out) as after:
        assert (before.mode, after.mode) == ("P", "P")
        assert after.getpalette()[:9] == before.getpalette()[:9]
        np.testing.assert_array_equal(np.asarray(after), poolcli.downsample(np.asarray(before), "majority"))


def test_frames_go_through_one_by_one(tmp_path):
    frames = [np.random.default_rng(i).integers(0, 256, (6, 8, 3), dtype=np.uint8) for i in range(3)]
    pictures = [Image.fromarray(frame) for frame in frames]
    for ending, options in (("tif", {}), ("png", {"duration": [40, 50, 60]}), ("webp", {"lossless": True})):
        path = tmp_path / f"a.{ending}"
        pictures[0].save(path, save_all=True, append_images=pictures[1:], **options)
        assert run("downsample", "-m", "max", path).returncode == 0
        with open_picture(tmp_path / f"a_max.{ending}", Reading()) as picture:
            assert picture.frames == 3
            for i, frame in enumerate(frames):
                image, info = picture.read(i)
                np.testing.assert_array_equal(image, poolcli.downsample(frame, "max"))
                assert ending != "png" or info.duration == 40 + 10 * i


def test_gifs_of_few_colours_are_exact_and_others_refused(tmp_path):
    few = [Image.new("RGB", (6, 4), (80 * i, 10, 200)) for i in range(3)]
    few[0].save(tmp_path / "few.gif", save_all=True, append_images=few[1:], duration=50)
    assert run("downsample", "-m", "average", tmp_path / "few.gif").returncode == 0
    assert poolcli.read_image(tmp_path / "few_average.gif", frame=2)[0].tolist() == [[[160, 10, 200]] * 3] * 2
    result = run("downsample", "-m", "max", SAMPLES / "coffee.png", "-o", tmp_path / "many.gif")
    assert "GIF holds 256 colours, and the image has" in result.stderr
    assert not (tmp_path / "many.gif").exists()
    assert (
        run("downsample", "-m", "max", SAMPLES / "coffee.png", "-o", tmp_path / "many.gif", "--convert").returncode == 0
    )


def test_folder_into_folder_and_again(photo, tmp_path):
    Image.open(photo).save(tmp_path / "second.png")
    out = tmp_path / "small"
    assert run("downsample", "--mode", "min", tmp_path, "-o", out).returncode == 0
    assert sorted(path.name for path in out.iterdir()) == ["photo.png", "second.png"]
    again = run("downsample", "--mode", "min", tmp_path, "-o", out)
    assert again.returncode == 1
    assert (
        f"error: {out / 'photo.png'}: exists; --overwrite replaces it, --skip-existing leaves it"
        in again.stderr.splitlines()
    )
    assert run("downsample", "--mode", "min", tmp_path, "-o", out, "--overwrite").returncode == 0


def test_results_beside_inputs_are_not_inputs_again(photo, tmp_path):
    for _ in range(2):
        assert run("downsample", "--mode", "max", tmp_path, "--overwrite").returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.png", "photo_max.png"]


def test_a_bad_file_does_not_stop_the_others(photo, tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "half.png").write_bytes(photo.read_bytes()[: photo.stat().st_size // 2])
    result = run("downsample", "--mode", "max", tmp_path, "-o", tmp_path / "out")
    assert result.returncode == 1
    *lines, summary = result.stderr.splitlines()
    assert summary.startswith("1 written, 3 failed: ")
    assert "empty file (1)" in summary
    assert sorted(line.split(": ")[0:3:2] for line in lines) == [
        ["error", "damaged or unsupported"],
        ["error", "empty file"],
        ["error", "not a supported image"],
    ]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["photo.png"]


def test_what_a_format_cannot_hold_is_refused(tmp_path):
    Image.new("RGBA", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "a.jpg").write_bytes(b"old")
    result = run("downsample", "--mode", "max", tmp_path / "a.png", "-o", tmp_path / "a.jpg", "--overwrite")
    assert result.returncode == 1
    assert "JPEG cannot hold RGBA of uint8: .png, .tif, .webp, .gif, .tga" in result.stderr
    assert (tmp_path / "a.jpg").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2


def test_permissions_are_those_of_a_new_or_the_replaced_file(photo, tmp_path):
    out = tmp_path / "out.png"
    before = os.umask(0o022)
    try:
        run("downsample", "--mode", "max", photo, "-o", out)
        assert out.stat().st_mode & 0o777 == 0o644
        out.chmod(0o600)
        run("downsample", "--mode", "max", photo, "-o", out, "--overwrite")
        assert out.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)


USAGE = [
    (["--mode", "maxx", "photo.png"], "there is no mode 'maxx', did you mean max? The modes are max, min"),
    (["photo.png"], "-m MODE says what is made of the images: max, min"),
    (["--mode", "max"], "Missing argument 'INPUT...'"),
    (
        ["--mode", "max", "-F", "0", "photo.png"],
        "'0' is no size: it must be N, HEIGHTxWIDTH as 480x640, or w=640,h=480, whole numbers of at least 1",
    ),
    (["--mode", "max", "-S", "2x0", "photo.png"], "'2x0' is no size"),
    (["--mode", "max", "-F", "2x", "photo.png"], "'2x' is no size"),
    (["--mode", "max", "-P", "all", "photo.png"], "or same, or same-lower"),
    (
        ["--mode", "max", "-P", "2", "photo.png"],
        "padding 2 is more than half of the window, whose height is 2: --wide-padding allows it",
    ),
    (
        ["--mode", "max", "--size", "4", "-F", "2", "photo.png"],
        "--size 4 sets the windows, and --kernel-size 2 cannot be given with it",
    ),
    (
        ["--mode", "space-to-depth", "--order", "rows", "photo.png"],
        "--order rows is not allowed: it must be crd or dcr",
    ),
    (["--mode", "space-to-depth", "--joint", "red", "photo.png"], "mode 'space-to-depth' takes no --joint"),
    (["--mode", "max", "--p", "3", "photo.png"], "mode 'max' takes no --p: the modes that do are lp, gem"),
    (
        ["--mode", "percentile", "--q", "101", "photo.png"],
        "Invalid value for '--q': 101 is not allowed: it must be a finite number from 0 to 100",
    ),
    (["--mode", "kmax", "--k", "5", "photo.png"], "--k 5 is more than the 4 values of a window"),
    (
        ["--mode", "lp", "--norm", "half", "photo.png"],
        "--norm half is not allowed: it must be size or mean or sum",
    ),
    (["--mode", "max", "absent.png"], "absent.png: no such file or folder"),
    (["--mode", "max", "photo.png", "-o", "photo.png"], "photo.png: is also the input; --overwrite replaces it"),
    (["--mode", "max", "photo.png", "-o", "out.foo"], "out.foo: no format is written for the ending '.foo': use .png"),
    (["--mode", "max", "photo.png", "twin/photo.png", "-o", "out"], "would both write"),
    (["--mode", "max", "photo.png", "twin/photo.png", "-o", "twin/photo.png"], "is a file, and the output of several"),
    (["--mode", "max", "empty"], "empty: the folder holds no images"),
    (
        ["--mode", "max", "--colour", "photo.png"],
        "there is no option --colour of poolcli downsample: poolcli reduce has it",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), USAGE, ids=[message[:40] for _, message in USAGE])
def test_wrong_usage_is_one_line_and_exit_code_2(arguments, message, photo, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "twin").mkdir()
    (tmp_path / "twin" / "photo.png").write_bytes(photo.read_bytes())
    before = sorted(tmp_path.rglob("*"))
    result = run("downsample", *arguments, folder=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_window_larger_than_the_picture_gives_both_sizes(photo):
    result = run("downsample", "--mode", "max", "-F", 10, photo)
    assert result.returncode == 1
    what = "the image is smaller than the window: its height is 9, the window's 10: --ceil allows it"
    assert result.stderr == f"error: {photo}: {what}\n"
    assert run("downsample", "--mode", "max", "-F", 10, "--ceil", photo).returncode == 0


def test_space_to_depth_is_written_as_an_array(photo):
    result = run("downsample", "--mode", "space-to-depth", photo)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "PNG cannot hold 12 bands of uint8: .tif, .npy can" in result.stderr
    for ending, order in ((".npy", "crd"), (".tif", "dcr")):
        out = photo.with_suffix(ending)
        assert run("downsample", "--mode", "space-to-depth", "--order", order, photo, "-o", out).stderr == ""
        expected = poolcli.downsample(pixels(photo), "space-to-depth", order=order)
        np.testing.assert_array_equal(poolcli.read_image(out)[0], expected)


def test_planes_do_not_fit_into_one_picture(photo):
    result = run("downsample", "--mode", "kmax", photo)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "kmax makes 2 images of one: --combine mean makes one; .tif, .npy hold all" in result.stderr
    assert run("downsample", "--mode", "kmax", photo, "-o", photo.with_suffix(".npy")).returncode == 0
    np.testing.assert_array_equal(np.load(photo.with_suffix(".npy")), poolcli.downsample(pixels(photo), "kmax"))
    assert run("downsample", "--mode", "kmax", "--combine", "mean", photo).returncode == 0


@pytest.mark.parametrize(
    ("line", "imported"),
    [
        ("--help", []),
        ("--version", []),
        ("modes", []),
        ("downsample --help", []),
        ("upsample --help", []),
        ("reduce --help", []),
        ("compare --help", []),
        ("completion bash", []),
        ("downsample --mode nonsense a.png", []),
        ("downsample --mode max absent.png", ["numpy"]),
        ("shape 7x10", ["numpy"]),
    ],
)
def test_numba_is_not_imported_before_the_first_picture_and_numpy_not_for_help(line, imported):
    code = (
        "import sys; from poolcli.cli import run; run(sys.argv[1:]);"
        "print([name for name in ('numpy', 'numba', 'PIL') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code, *line.split()], capture_output=True, text=True)
    assert result.stdout.splitlines()[-1] == str(imported)


@pytest.mark.skipif(not JIT, reason="nothing is loaded from a cache")
@pytest.mark.quick_when(lambda mode: mode == "average")
@pytest.mark.parametrize("mode", ["max", "average", "median", "soft"])
def test_kernels_from_the_cache_need_little_of_numba(mode):
    """NumPy's methods of arrays inside a kernel would import SciPy, where it is installed: 0.2 s of every command."""
    code = (
        "import sys, numpy as np, poolcli; poolcli.downsample(np.zeros((4, 4), np.uint8), sys.argv[1]);"
        "print([name for name in ('numba.np.arraymath', 'scipy.linalg') if name in sys.modules])"
    )
    for _ in range(2):
        result = subprocess.run([sys.executable, "-c", code, mode], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


@pytest.mark.parametrize(
    ("command", "table"),
    [("downsample", poolcli.MODES), ("reduce", poolcli.REDUCTIONS), ("upsample", poolcli.UPSAMPLINGS)],
)
def test_help_and_modes_name_every_mode_and_parameter(command, table):
    help_text, modes = run(command, "--help").stdout, run("modes").stdout
    help_text = re.sub(r"-\n +", "-", help_text)  # lines may end in the middle of a name
    for mode in table.values():
        assert re.search(rf"^  {mode.name} +{re.escape(mode.formula)}$", modes, re.MULTILINE)
        assert re.search(rf"\b{mode.name}\b", help_text.partition("[required]")[0])
        for name in mode.parameters:
            assert f"--{name.replace('_', '-')} " in help_text


@pytest.mark.skipif(not JIT, reason="nothing is compiled")
@pytest.mark.parametrize(
    ("terminal", "flags", "told"),
    [
        pytest.param(True, [], ["compiling nails for uint8, once"], marks=pytest.mark.slow),
        (False, [], ["compiling nails for uint8, once"]),
        pytest.param(True, ["--quiet"], [], marks=pytest.mark.slow),
    ],
)
def test_compilation_is_told_once(terminal, flags, told, photo, tmp_path):
    shutil.copy(photo, photo.with_name("other.png"))
    command = [sys.executable, "-m", "poolcli", "upsample", "-m", "nails", photo, photo.with_name("other.png")]
    environment = {**os.environ, "POOLCLI_CACHE_DIR": str(tmp_path / "cache")}
    ours, theirs = pty.openpty() if terminal else os.pipe()
    for _ in range(2):
        subprocess.run([*command, "--overwrite", *flags], env=environment, stderr=theirs, check=True, timeout=100)
    os.write(theirs, b"end")
    said = os.read(ours, 10_000).decode()
    assert re.findall(r"compiling [ -~]*", said) == told
    os.close(ours)
    os.close(theirs)


def test_debug_shows_where_an_error_comes_from(tmp_path):
    (tmp_path / "a.png").touch()
    result = run("downsample", "-m", "max", tmp_path / "a.png", "--debug")
    assert result.returncode == 1
    assert result.stderr.startswith("Traceback")
    assert result.stderr.splitlines()[-1] == f"error: {tmp_path / 'a.png'}: empty file"


def test_help_has_sections():
    lines = run("downsample", "--help").stdout.splitlines()
    titles = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert titles == ["Options:", "Windows:", "Files and folders:", "Images:", "Parameters of modes:"]
    first = [line.split()[0].rstrip(",") for line in lines if re.match(r"  -", line)]
    assert first[:8] == ["-m", "-F", "-S", "--size", "-o", "--overwrite", "-r", "-h"]


@pytest.mark.parametrize(
    "command", ["downsample", "upsample", "resize", "pyramid", "reduce", "gradient", "compare", "shape"]
)
def test_help_fits_on_two_screens(command):
    text = run(command, "--help", env={**os.environ, "COLUMNS": "80"}).stdout
    assert len(text.splitlines()) <= 2 * 52
    assert max(map(len, text.splitlines())) <= 88  # examples are not wrapped
    assert re.search(r"[<>]=", text) is None  # ranges are told where they are wrong


@pytest.mark.parametrize(
    ("command", "option", "text"),
    [
        (
            "downsample",
            "--norm",
            "nothing (sum) (l2, lp; default size). Divide by the sum of the weights (weights), or",
        ),
        (
            "upsample",
            "--border",
            "constant, exclude (bilinear, bicubic, lanczos; default edge). Or edge, reflect, wrap",
        ),
        (
            "upsample",
            "--weights",
            "NAME|FILE Weights of the convolution: bilinear, box, gaussian, or a file (transposed",
        ),
        ("downsample", "--weights", "FILE File with the weights of the network (lip)."),
        ("upsample", "--order", "as in ONNX: crd, dcr (subpixel, depth-to-space; default crd)"),
        ("reduce", "--order", "rows, columns (flatten; default rows)"),
        ("downsample", "--seed", "Number that the draws depend on (random, stochastic; default 0)"),
    ],
)
def test_an_option_says_what_it_means_to_each_mode_of_the_command(command, option, text):
    lines = " ".join(run(command, "--help").stdout.split()).split(f" {option} ")[-1]
    assert text in lines[:330]


def test_shape_takes_the_size_of_an_image(tmp_path):
    Image.new("L", (13, 7)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no image")
    by_file = run("shape", "-F", "3", "a.png", folder=tmp_path)
    assert by_file.stdout == run("shape", "-F", "3", "7x13").stdout
    assert run("shape", "b.png", folder=tmp_path).stderr.strip().endswith("b.png: not a supported image")
    assert run("shape", "c.png", folder=tmp_path).stderr.strip().endswith("c.png: no such file")
    assert (
        "'7y9' is no size, did you mean 7x9, height first? It must be N, HEIGHTxWIDTH"
        in run("shape", "7y9", folder=tmp_path).stderr
    )


def test_a_word_that_is_near_is_named():
    line = run("downsample", "-m", "max", "--dtype", "unit8", "a.png").stderr
    assert "'unit8' is not allowed, did you mean uint8? It must be bool, uint8" in line
