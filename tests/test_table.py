"""The command that makes rows: what is in them, their order, their formats, and what happens to the others."""

import csv
import io
import json
import os
import pty
import subprocess
import sys

import numpy as np
import pyarrow.parquet
import pytest
from click.testing import CliRunner
from commands import process, said
from effort import JIT
from pictures import numbers
from PIL import Image

import poolcli
from poolcli.cli import commands
from poolcli.images.colour import in_colour

pytestmark = pytest.mark.skipif(not JIT, reason="tables are written alike, compiled or not")
REDUCE = [sys.executable, "-m", "poolcli", "reduce"]


def run(*arguments, folder, **options):
    return process("reduce", *arguments, folder=folder, **options)


@pytest.fixture
def folder(tmp_path):
    """Return a folder of colour images of several sizes; their natural order is that of their seeds."""
    (tmp_path / "in").mkdir()
    for seed, (name, size) in enumerate({"a2.png": (5, 7), "a10.png": (9, 4), "b.tif": (6, 6)}.items()):
        poolcli.write_image(numbers((*size, 3), seed), tmp_path / "in" / name)
    return tmp_path


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def expected(folder, mode, **parameters):
    names = ("in/a2.png", "in/a10.png", "in/b.tif")
    return {name: poolcli.reduce(poolcli.read_image(folder / name)[0], mode, **parameters) for name in names}


@pytest.mark.quick_when(lambda mode, **_: mode in ("gap", "spp"))
@pytest.mark.parametrize(
    ("arguments", "mode", "parameters", "columns"),
    [
        (["-m", "gap"], "gap", {}, ["gap_r", "gap_g", "gap_b"]),
        (["-m", "median"], "median", {}, ["median_r", "median_g", "median_b"]),
        (["-m", "covariance", "--center"], "covariance", {"center": True},
         ["cov_r_r", "cov_r_g", "cov_r_b", "cov_g_g", "cov_g_b", "cov_b_b"]),
        (["-m", "spp", "--levels", "1,2", "--pool", "min"], "spp", {"levels": (1, 2), "pool": "min"},
         [f"spp_{part}_{c}" for part in ("1x1_0_0", "2x2_0_0", "2x2_0_1", "2x2_1_0", "2x2_1_1") for c in "rgb"]),
        (["-m", "kmax"], "kmax", {}, [f"kmax_{rank}_{c}" for rank in (1, 2) for c in "rgb"]),
    ],
)  # fmt: skip
def test_a_row_for_each_input_in_natural_order(arguments, mode, parameters, columns, folder):
    result = run(*arguments, "in", folder=folder)
    assert (result.returncode, result.stderr) == (0, "3 rows\n")
    rows = rows_of(result.stdout)
    assert list(rows[0]) == ["input", "frame", *columns]
    vectors = expected(folder, mode, **parameters)
    assert [row["input"] for row in rows] == list(vectors)
    for row in rows:
        assert [float(row[column]) for column in columns] == vectors[row["input"]].tolist()


def read(path):
    """Return names, columns where the format has them, and numbers of a table."""
    if path.suffix == ".npy":
        return None, None, np.load(path)
    if path.suffix == ".npz":
        with np.load(path) as file:
            return file["input"].tolist(), file["columns"].tolist(), file["values"]
    if path.suffix == ".parquet":
        rows = pyarrow.parquet.read_table(path).to_pylist()
    elif path.suffix == ".csv":
        rows = rows_of(path.read_text())
    else:
        text = path.read_text()
        rows = json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines()]
    columns = list(rows[0])[2:]
    return [row["input"] for row in rows], columns, np.array([[float(row[name]) for name in columns] for row in rows])


@pytest.mark.quick_when(lambda ending: ending in ("csv", "npz"))
@pytest.mark.parametrize("ending", ["csv", "json", "jsonl", "npy", "npz", "parquet"])
def test_every_format_holds_the_same_numbers(ending, folder):
    assert run("-m", "gap", "in", "-o", f"table.{ending}", folder=folder).returncode == 0
    names, columns, values = read(folder / f"table.{ending}")
    vectors = expected(folder, "gap")
    assert names in (None, list(vectors))
    assert columns in (None, ["gap_r", "gap_g", "gap_b"])
    np.testing.assert_array_equal(values, np.stack(list(vectors.values())))
    assert sorted(path.name for path in folder.iterdir()) == ["in", f"table.{ending}"]
    result = run("-m", "gap", "in", "-o", f"table.{ending}", folder=folder)
    assert result.returncode == 2
    assert result.stderr == f"error: table.{ending}: exists; --overwrite replaces it\n"
    assert run("-m", "gmp", "in", "-o", f"table.{ending}", "--overwrite", folder=folder).returncode == 0
    np.testing.assert_array_equal(read(folder / f"table.{ending}")[2], np.stack(list(expected(folder, "gmp").values())))


@pytest.mark.parametrize("kind", ["npy", "npz", "parquet"])
def test_binary_tables_into_a_pipe(kind, folder):
    result = subprocess.run([*REDUCE, "-m", "gap", "in", "--format", kind], cwd=folder, capture_output=True, check=True)
    (folder / f"piped.{kind}").write_bytes(result.stdout)
    np.testing.assert_array_equal(read(folder / f"piped.{kind}")[2], np.stack(list(expected(folder, "gap").values())))


def test_what_fails_has_no_row_and_the_others_have(folder):
    (folder / "in/a3.png").write_bytes(b"no image")
    poolcli.write_image(numbers((4, 4)), folder / "in/c.png")
    result = run("-m", "gap", "in", "-o", "table.csv", folder=folder)
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "error: in/a3.png: not a supported image",
        "error: in/c.png: gives 1 value, gap_grey, and the rows before it have 3 values, gap_r ... gap_b: "
        "--colour rgb or --colour grey makes them alike, --format jsonl takes rows of any kind",
        "3 rows, 2 failed: not a supported image (1), gives 1 value, gap_grey, and the rows before it have 3 "
        "values, gap_r ... gap_b (1)",
    ]
    assert [row["input"] for row in rows_of((folder / "table.csv").read_text())] == [
        "in/a2.png",
        "in/a10.png",
        "in/b.tif",
    ]
    lines = run("-m", "gap", "in", "--format", "jsonl", folder=folder).stdout.splitlines()
    assert [len(json.loads(line)) for line in lines] == [5, 5, 5, 3]


@pytest.fixture
def mixed(tmp_path, monkeypatch):
    """Return a folder of grey and colour, with alpha and without, of several depths."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    alpha = poolcli.images.Info("PNG", alpha=True)
    poolcli.write_image(numbers((5, 7)), "in/a.png")
    poolcli.write_image(numbers((6, 4, 3)), "in/b.png")
    poolcli.write_image(numbers((6, 4, 4)), "in/c.png", alpha)
    poolcli.write_image(numbers((3, 4, 2)), "in/d.png", alpha)
    poolcli.write_image(numbers((3, 4, 3)).astype(np.uint16) * 257, "in/e.tif")
    return tmp_path


def over(image, background):
    alpha = image[..., -1:] / np.float32(255)
    return np.rint(image[..., :-1] * alpha + np.array(background, np.float32) * (1 - alpha)).astype(np.uint8)


@pytest.mark.parametrize(
    ("colour", "background"), [("rgb", "white"), ("grey", "white"), ("rgb", "black"), ("rgb", "red")]
)
def test_grey_and_colour_in_one_table(colour, background, mixed):
    behind = {"white": [255] * 3, "black": [0] * 3, "red": [255, 0, 0]}[background]
    arguments = ["reduce", "-m", "gap", "--colour", colour, "--background", background, "in", "-o", "t.csv"]
    assert said(*arguments) == "5 rows\n"
    rows = rows_of((mixed / "t.csv").read_text())
    assert list(rows[0])[2:] == (["gap_r", "gap_g", "gap_b"] if colour == "rgb" else ["gap_grey"])
    pictures = [numbers((5, 7))[..., None], numbers((6, 4, 3)), over(numbers((6, 4, 4)), behind),
                over(numbers((3, 4, 2)), behind), numbers((3, 4, 3)).astype(np.uint16) * 257]  # fmt: skip
    for row, image in zip(rows, pictures, strict=True):
        image = np.broadcast_to(image, (*image.shape[:2], 3))
        means = image.mean(axis=(0, 1))
        if colour == "grey":
            means = [np.rint(image @ [299.0, 587.0, 114.0] / 1000).mean()]
        np.testing.assert_allclose([float(value) for value in list(row.values())[2:]], means, rtol=1e-12)


def test_grey_of_colour_is_that_of_pillow_but_for_rounding():
    image = numbers((40, 50, 3))
    grey, info = in_colour(image, poolcli.images.Info("PNG", alpha=False), "grey", "white")
    difference = np.asarray(Image.fromarray(image).convert("L")).astype(int) - grey
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 0.01
    alike = np.full((2, 2, 3), 2**16 - 1, np.uint16)
    np.testing.assert_array_equal(in_colour(alike, info, "grey", "white")[0], alike[..., 0])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint64", "float32"])
def test_alpha_that_hides_nothing_is_left_out_exactly(dtype):
    image = numbers((4, 5, 4)).astype(dtype)
    image[..., :3] *= np.iinfo(dtype).max // 255 if "int" in dtype else 1
    image[..., 3] = np.iinfo(dtype).max if "int" in dtype else 1
    made, _ = in_colour(image, poolcli.images.Info("TIFF", alpha=True), "rgb", "white")
    np.testing.assert_array_equal(made, image[..., :3])


def test_colour_is_named_only_where_it_helps(mixed):
    run_in = CliRunner().invoke
    result = run_in(commands, ["reduce", "-m", "flatten", "in/b.png", "in/e.tif", "-o", "t.csv"])
    assert "--colour" not in result.stderr
    result = run_in(commands, ["reduce", "-m", "covariance", "in/b.png", "in/c.png", "-o", "t.csv", "--overwrite"])
    assert "--colour rgb or --colour grey makes them alike" in result.stderr
    labels = Image.fromarray(numbers((4, 4)) % 2, "P")
    labels.putpalette([0, 0, 0, 9, 9, 9])
    labels.save("labels.png")
    result = run_in(commands, ["reduce", "-m", "majority", "in/b.png", "labels.png", "-o", "t.csv", "--overwrite"])
    assert "--colour rgb or --colour grey makes them alike" in result.stderr
    result = run_in(commands, ["reduce", "-m", "majority", "--colour", "rgb", "in/b.png", "labels.png"])
    assert result.exit_code == 0
    np.save("maps.npy", numbers((9, 9, 5)))
    result = run_in(commands, ["reduce", "-m", "gap", "--colour", "rgb", "maps.npy"])
    assert "has 5 channels: --colour rgb takes grey and RGB, with or without alpha" in result.stderr
    result = run_in(commands, ["reduce", "-m", "max", "--colour", "rgb", "--keep-palette", "in"])
    assert "--colour is for colours, and --keep-palette takes indices: give one of them" in result.stderr
    for arguments in (["--colour", "grey", "in/a.png"], ["--colour", "rgb", "in/b.png"]):
        with_option, without = (run_in(commands, ["reduce", "-m", "gap", *rest]) for rest in (arguments, arguments[2:]))
        assert with_option.output == without.output


def test_no_table_where_nothing_is_right(folder):
    result = run("-m", "gap", "in/none.png", "-o", "table.csv", folder=folder)
    assert result.returncode != 0
    assert result.stderr.count("\n") == 1
    assert not (folder / "table.csv").exists()


def test_frames_are_rows(tmp_path):
    np.save(tmp_path / "batch.npy", numbers((4, 5, 6, 3)))
    rows = rows_of(run("-m", "gmp", "batch.npy", folder=tmp_path).stdout)
    assert [row["frame"] for row in rows] == ["0", "1", "2", "3"]
    assert list(rows[0])[2:] == ["gmp_0", "gmp_1", "gmp_2"]
    assert [int(row["gmp_1"]) for row in rows] == np.load(tmp_path / "batch.npy")[..., 1].max(axis=(1, 2)).tolist()
    one = rows_of(run("-m", "gmp", "batch.npy", "--frame", 2, folder=tmp_path).stdout)
    assert one == rows[2:3]


@pytest.mark.parametrize("shape", [(64, 56, 56), (512, 7, 7)], ids=str)
def test_feature_maps_channels_first(shape, tmp_path):
    maps = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    np.save(tmp_path / "maps.npy", maps)
    rows = rows_of(run("-m", "gap", "maps.npy", "--layout", "chw", folder=tmp_path).stdout)
    values = [float(rows[0][f"gap_{c}"]) for c in range(shape[0])]
    np.testing.assert_allclose(values, maps.mean(axis=(1, 2), dtype=np.float64), rtol=1e-12, atol=1e-15)


def test_colour_counts_as_much_as_it_is_seen(tmp_path):
    pixels = np.zeros((1, 2, 4), np.uint8)
    pixels[0] = [(0, 0, 0, 255), (255, 255, 255, 0)]
    Image.fromarray(pixels).save(tmp_path / "half.png")
    (row,) = rows_of(run("-m", "gap", "half.png", folder=tmp_path).stdout)
    assert [float(row[f"gap_{c}"]) for c in "rgba"] == [0, 0, 0, 127.5]
    checkerboard = np.indices((8, 8)).sum(axis=0) % 2 * 255
    Image.fromarray(checkerboard.astype(np.uint8)).save(tmp_path / "board.png")
    (row,) = rows_of(run("-m", "gap", "--linear", "board.png", folder=tmp_path).stdout)
    assert round(float(row["gap_grey"])) == 188


def test_the_commonest_label(tmp_path):
    image = Image.fromarray(np.array([[1, 1, 2], [0, 1, 2]], np.uint8), "P")
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    image.save(tmp_path / "labels.png")
    (row,) = rows_of(run("-m", "majority", "--keep-palette", "labels.png", folder=tmp_path).stdout)
    assert row["majority_index"] == "1"
    result = run("-m", "gap", "--keep-palette", "labels.png", folder=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")


def test_nan_in_json_is_null(tmp_path):
    np.save(tmp_path / "hole.npy", np.array([[1.0, np.nan]]))
    assert json.loads(run("-m", "gap", "hole.npy", "--format", "json", folder=tmp_path).stdout)[0]["gap_0"] is None


def test_names_that_are_no_text(folder):
    name = os.fsdecode(b"in/\xff\n.png")
    os.rename(folder / "in/a2.png", os.path.join(folder, name))
    result = subprocess.run([*REDUCE, "-m", "gap", "in"], cwd=folder, capture_output=True, check=True)
    assert b'"in/\xff\n.png",0,' in result.stdout
    for kind in ("json", "npz", "parquet"):
        assert run("-m", "gap", "in", "-o", f"t.{kind}", folder=folder).returncode == 0


def test_a_pipe_that_is_closed_early(folder):
    (folder / "many").mkdir()
    for i in range(300):
        poolcli.write_image(numbers((64, 64, 3), i), folder / f"many/x{i}.png")
    command = f"{' '.join(REDUCE)} -m flatten many | head -c 100 > /dev/null; echo ${{PIPESTATUS[0]}} >&2"
    result = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=120)
    assert result.stderr.splitlines() == ["1"]


def test_a_table_for_people(folder):
    parent, child = pty.openpty()
    process = subprocess.Popen([*REDUCE, "-q", "-m", "gap", "in"], cwd=folder, stdout=child, stderr=child)
    os.close(child)
    text = b""
    try:
        while part := os.read(parent, 4096):
            text += part
    except OSError:  # the other end is closed
        pass
    assert process.wait() == 0
    lines = text.decode().splitlines()
    assert lines[0].split() == ["input", "gap_r", "gap_g", "gap_b"]
    assert [line.split()[0] for line in lines[2:]] == ["in/a2.png", "in/a10.png", "in/b.tif"]


def test_folders_are_made(folder):
    assert run("-m", "gap", "in", "-o", "new/deep/table.csv", folder=folder).returncode == 0
    assert len(rows_of((folder / "new/deep/table.csv").read_text())) == 3
    (folder / "file").write_text("")
    result = run("-m", "gap", "in", "-o", "file/table.csv", folder=folder)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == ("error: file/table.csv: the folder file cannot be made: File exists")


def test_standard_input(folder):
    with open(folder / "in/a2.png", "rb") as file:
        result = run("-m", "gmp", "-", folder=folder, stdin=file)
    assert rows_of(result.stdout)[0]["input"] == "-"


def test_means_of_pictures_with_alpha_are_as_exact_as_others(tmp_path):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (9, 7, 4), dtype=np.uint8)
    alike = np.full((4, 4, 4), 200, np.uint8)
    alike[..., 3] = 128
    for name, array in (("a.png", image), ("b.png", alike)):
        poolcli.write_image(array, tmp_path / name, poolcli.images.Info("PNG", alpha=True))
    assert run("-m", "gap", "a.png", "b.png", "-o", "o.npy", folder=tmp_path).returncode == 0
    first, second = np.load(tmp_path / "o.npy")
    alpha = image[..., 3:].astype(np.float64)
    np.testing.assert_allclose(first[:3], (image[..., :3] * alpha).sum((0, 1)) / alpha.sum(), rtol=1e-15)
    np.testing.assert_array_equal(second, [200, 200, 200, 128])


def test_a_full_disk_leaves_nothing(folder):
    command = f"ulimit -f 1; {' '.join(REDUCE)} -m flatten in/x.png -o table.csv"
    poolcli.write_image(numbers((64, 64, 3)), folder / "in/x.png")
    result = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=120)
    assert result.returncode == 1
    assert result.stderr == "error: table.csv: File too large\n"
    assert sorted(path.name for path in folder.iterdir()) == ["in"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "gap", "--levels", "2", "in"], "mode 'gap' takes no --levels: the modes that do are spp"),
        (["-m", "spp", "--levels", "1,x", "in"], "it must be whole numbers from 1 to 1024"),
        (["-m", "spp", "--pool", "gap", "in"], "--pool gap is not allowed"),
        (["-m", "gap", "in", "-o", "table.txt"], "no table is written for the ending '.txt': use .csv, .json"),
        (["-m", "gap"], "Missing argument 'INPUT...'"),
        (["-m", "gap", "in/a2.png", "-o", "in/a2.png", "--format", "csv", "--overwrite"], "is also the output"),
        (["-m", "covariance", "--log", "--power", "0.5", "in"], "--power 0.5 and --log exclude each other"),
    ],
)
def test_wrong_usage_is_found_first(arguments, message, folder, monkeypatch):
    monkeypatch.chdir(folder)
    from poolcli.cli import run as run_command

    runner = CliRunner()
    result = runner.invoke(commands, ["reduce", *arguments])
    assert result.exit_code == 2
    assert message in " ".join(result.output.replace("│", " ").split())
    assert run_command(["reduce", *arguments]) == 2


def test_lines_of_json_tell_of_rows(folder):
    result = run("-m", "gap,gmp", "in", "--json", "-o", "t.csv", folder=folder)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(line["input"], line["rows"], line["mode"]) for line in lines] == [
        ("in/a2.png", 1, "gap,gmp"), ("in/a10.png", 1, "gap,gmp"), ("in/b.tif", 1, "gap,gmp")
    ]  # fmt: skip
    assert result.stderr == "3 rows\n"
    assert "output" not in lines[0]
    refused = run("-m", "gap", "in", "--json", folder=folder)
    assert refused.returncode == 2
    assert "--json and the table cannot both go to standard output: -o FILE takes the table" in refused.stderr
