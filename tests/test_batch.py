"""Whole folders, as processes: what is read, written and said, and what signals, closed pipes and kills do."""

import errno
import gc
import io
import json
import os
import pty
import resource
import shutil
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from click.testing import CliRunner
from commands import without_notices
from effort import JIT
from PIL import Image

import poolcli
from poolcli import cli, files
from poolcli.batch import local

pytestmark = pytest.mark.skipif(not JIT, reason="batches run alike, compiled or not")
POOLCLI = [sys.executable, "-m", "poolcli"]
DOWNSAMPLE = [*POOLCLI, "downsample", "-m", "max"]


def run(*arguments, folder, command=DOWNSAMPLE, **options):
    result = subprocess.run(
        [*command, *map(str, arguments)], cwd=folder, capture_output=True, timeout=120, text=True, **options
    )
    return without_notices(result)


def picture(path, seed=0, size=(8, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)
    return path


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if not path.is_dir())


@pytest.fixture
def tree(tmp_path):
    """Return a folder of images with folders in it."""
    for name in ("a10.png", "a2.png", "sub/b.png", "sub/deep/c.png", "notes.txt"):
        path = tmp_path / "in" / name
        picture(path) if name.endswith("png") else path.write_text("text")
    return tmp_path


def test_a_folder_alone_and_with_its_folders(tree):
    assert run("in", "-o", "one", folder=tree).returncode == 0
    assert names(tree / "one") == ["a10.png", "a2.png"]
    assert run("in", "-r", "-o", "all", folder=tree).returncode == 0
    assert names(tree / "all") == ["a10.png", "a2.png", "sub/b.png", "sub/deep/c.png"]


def test_natural_order(tree):
    lines = run("in", "-r", "-o", "out", "--dry-run", folder=tree).stdout.splitlines()
    expected = ["a2.png", "a10.png", "sub/b.png", "sub/deep/c.png"]
    assert sorted(lines) == sorted(f"in/{name} -> out/{name}" for name in expected)
    assert lines.index("in/a2.png -> out/a2.png") < lines.index("in/a10.png -> out/a10.png")
    assert not (tree / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["in/*.png"], ["a10.png", "a2.png"]),
        (["in/**/*.png"], ["a10.png", "a2.png", "b.png", "c.png"]),
        (["in", "-r", "--include", "a*"], ["a10.png", "a2.png"]),
        (["in", "-r", "--exclude", "sub/*"], ["a10.png", "a2.png"]),
        (["in", "-r", "--include", "*.png", "--exclude", "a2.png"], ["a10.png", "sub/b.png", "sub/deep/c.png"]),
        (["in/a2.png", "in/sub/b.png"], ["a2.png", "b.png"]),
        (["in/a2.png", "--format", "tif"], ["a2.tif"]),
    ],
)
def test_what_is_taken(arguments, expected, tree):
    result = run(*arguments, "-o", "out/", folder=tree)
    assert result.returncode == 0, result.stderr
    assert names(tree / "out") == expected


@pytest.mark.parametrize("null", [False, True])
def test_lists(null, tree):
    end = "\0" if null else "\n"
    flags = ["--null"] if null else []
    listed = end.join(["in/a2.png", "in/sub/b.png", "in/gone.png", ""])
    result = run("--files-from", "-", *flags, "-o", "out", folder=tree, input=listed)
    assert result.returncode == 1
    assert "error: in/gone.png: no such file" in result.stderr
    assert names(tree / "out") == ["a2.png", "b.png"]
    (tree / "list").write_text(listed)
    assert run("--files-from", "list", *flags, "-o", "two", folder=tree).returncode == 1
    assert names(tree / "two") == ["a2.png", "b.png"]


@pytest.mark.parametrize("ending", ["png", "tif", "jpg", "npy"])
def test_45_stdin_and_stdout(ending, tree):
    data = (tree / "in/a2.png").read_bytes()
    command = [*DOWNSAMPLE, "-", "-o", "-", "--format", ending]
    result = subprocess.run(command, input=data, capture_output=True, timeout=60)
    assert (result.returncode, result.stderr) == (0, b"")
    image, info = poolcli.read_image(result.stdout)
    assert (image.shape, info.format) == ((4, 4, 3), {"tif": "TIFF", "jpg": "JPEG"}.get(ending, ending.upper()))


def test_45_no_picture_goes_to_a_terminal(tree):
    ours, theirs = pty.openpty()
    result = subprocess.run(
        [*DOWNSAMPLE, "in/a2.png", "-o", "-"], cwd=tree, stdout=theirs, stderr=subprocess.PIPE, timeout=60
    )
    os.close(theirs)
    os.close(ours)
    assert result.returncode == 2
    assert b"an image is not for a terminal" in result.stderr


def test_two_commands_in_a_pipe(tree):
    line = f"cat in/a2.png | {' '.join(DOWNSAMPLE)} - -o - --format png | {' '.join(DOWNSAMPLE)} - -o out.png"
    subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=tree, check=True, timeout=60)
    assert poolcli.read_image(tree / "out.png")[0].shape == (2, 2, 3)


def test_31_an_output_that_is_the_input(tree):
    picture(tree / "a.png")
    (tree / "link.png").symlink_to("a.png")
    os.link(tree / "a.png", tree / "hard.png")
    before = (tree / "a.png").read_bytes()
    for output in ("a.png", "./a.png", "in/../a.png", "link.png", "hard.png"):
        result = run("a.png", "-o", output, folder=tree)
        assert (result.returncode, result.stderr.count("\n")) == (2, 1)
        assert "is also the input; --overwrite replaces it" in result.stderr
    assert (tree / "a.png").read_bytes() == before
    assert run("a.png", "-o", "hard.png", "--overwrite", folder=tree).returncode == 0
    assert (tree / "a.png").read_bytes() == before
    assert run("a.png", "-o", "a.png", "--overwrite", folder=tree).returncode == 0
    assert poolcli.read_image(tree / "a.png")[0].shape == (4, 4, 3)


def test_31_an_output_that_is_another_input(tree):
    shutil.copytree(tree / "in", tree / "two")
    for flags in ([], ["--overwrite"]):
        result = run("in/a2.png", "two/a2.png", "in/a10.png", "-o", "two", *flags, folder=tree)
        assert result.returncode == 2
        assert "two/a2.png: is also another input, and would be replaced before it is read" in result.stderr
    result = run("in/a2.png", "two", "--exclude", "a2.png", "-o", "in", "--overwrite", folder=tree)
    assert result.returncode == 0, result.stderr
    result = run("in/a2.png", "two/a10.png", "two/a2.png", "-o", "two/", "--overwrite", folder=tree)
    assert result.returncode == 2


def test_32_two_inputs_one_output(tree):
    Image.new("RGB", (8, 8)).save(tree / "in/a2.jpg")
    result = run("in", "-o", "out", "--format", "png", folder=tree)
    assert result.returncode == 2
    assert "would both write out/a2.png" in result.stderr
    assert not (tree / "out").exists()


def test_51_what_cannot_be_written_as_it_is_read_becomes_png(tree):
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(image).save(tree / "in/b.pnm")
    (tree / "in/c.QOI").write_bytes(imagecodecs.qoi_encode(image))
    Image.fromarray(image[..., 0] > 99).save(tree / "in/d.pbm")
    (tree / "in/e.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    (tree / "in/f.jxl").write_bytes(b"\xff\x0a" + bytes(40))
    result = run("in", "-o", "out", folder=tree)
    assert result.returncode == 1
    assert sorted(line.partition(" needs")[0] for line in result.stderr.splitlines()[:2]) == [
        "error: in/e.heic: HEIC", "error: in/f.jxl: JPEG XL",
    ]  # fmt: skip
    assert result.stderr.splitlines()[2].startswith("5 written, 2 failed")
    assert names(tree / "out") == ["a10.png", "a2.png", "b.png", "c.png", "d.png"]
    for name in ("b", "c"):
        np.testing.assert_array_equal(poolcli.read_image(tree / f"out/{name}.png")[0], poolcli.downsample(image, "max"))
    assert run("in/c.QOI", folder=tree).returncode == 0
    assert (tree / "in/c_max.png").exists()
    result = run("in/c.QOI", "-o", "-", folder=tree, encoding="latin1")
    assert (result.returncode, result.stdout[1:4]) == (0, "PNG")


@pytest.mark.parametrize("flags", [["-o", "out.qoi"], ["--format", "qoi"], ["-o", "out.foo"], ["-o", "out"]])
def test_51_formats_that_are_asked_for_are_refused_before_any_work(flags, tree):
    (tree / "in/c.qoi").write_bytes(imagecodecs.qoi_encode(np.zeros((8, 8, 3), np.uint8)))
    result = run("in/c.qoi", *flags, folder=tree)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)


def test_51_two_that_would_become_one(tree):
    (tree / "in/a2.qoi").write_bytes(imagecodecs.qoi_encode(np.zeros((8, 8, 3), np.uint8)))
    result = run("in", "-o", "out", folder=tree)
    assert result.returncode == 2
    assert "would both write out/a2.png: --exclude leaves one out" in result.stderr
    assert run("in", "-o", "out", "--exclude", "*.qoi", folder=tree).returncode == 0


def shell(line, folder):
    command = line.replace("poolcli", " ".join(POOLCLI))
    return without_notices(subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, shell=True))


@pytest.mark.parametrize(
    ("line", "made"),
    [
        ("poolcli downsample -m max in/* -o out", ["a10.png", "a2.png", "b.png", "fake.foo"]),
        ("poolcli downsample -m max in/* -o out --format tif", ["a10.tif", "a2.tif", "b.tif", "fake.tif"]),
        ("poolcli downsample -m max in/*.* -o out --fail-fast --format tif", ["a10.tif", "a2.tif", "fake.tif"]),
    ],
)
def test_54_a_pattern_of_the_shell_that_brings_others_along(line, made, tree):
    (tree / "in/nothing.log").touch()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tree / "in/fake.foo", "JPEG")
    result = shell(line, tree)
    failed = [] if "--format" in line else ["fake.foo"]
    lines = ["warning: in/notes.txt: not an image, left out", "warning: in/nothing.log: not an image, left out"]
    if failed:
        lines.append("error: in/fake.foo: no format is written for the ending '.foo': --format says which, as --format "
                     "png")  # fmt: skip
    assert sorted(result.stderr.splitlines()[:-1]) == sorted(lines)
    assert result.returncode == len(failed)
    assert names(tree / "out") == [name for name in made if name not in failed]
    assert shell(f"{line} --quiet --overwrite", tree).stderr.splitlines() == lines[2:]


def test_54_no_picture_in_a_table(tree):
    result = shell("poolcli reduce -m gmp in/a*.png in/notes.txt", tree)
    assert (result.returncode, len(result.stdout.splitlines())) == (0, 3)
    assert result.stderr == "warning: in/notes.txt: not an image, left out\n2 rows\n"


@pytest.mark.parametrize("command", ["downsample", "reduce"])
def test_54_what_is_asked_for_alone_is_refused(command, tree):
    result = shell(f"poolcli {command} -m max in/notes.txt", tree)
    assert (result.returncode, result.stderr) == (1, "error: in/notes.txt: not a supported image\n")
    (tree / "other.txt").write_text("text")
    result = shell(f"poolcli {command} -m max in/notes.txt other.txt", tree)
    assert (result.returncode, result.stderr.count("not a supported image\n")) == (1, 2)
    (tree / "list").write_text("in/a2.png\nin/notes.txt\n")
    result = shell(f"poolcli {command} -m max --files-from list", tree)
    assert result.returncode == 1
    assert "error: in/notes.txt: not a supported image\n" in result.stderr


def test_33_existing_outputs(tree):
    (tree / "out").mkdir()
    (tree / "out/a2.png").write_bytes(b"old")
    result = run("in", "-o", "out", folder=tree)
    assert result.returncode == 1
    assert "error: out/a2.png: exists; --overwrite replaces it, --skip-existing leaves it" in result.stderr
    assert result.stderr.splitlines()[-1] == "1 written, 1 failed: exists (1)"
    result = run("in", "-o", "out", "--skip-existing", folder=tree)
    assert (result.returncode, result.stderr) == (0, "0 written, 2 skipped\n")
    assert (tree / "out/a2.png").read_bytes() == b"old"
    assert run("in", "-o", "out", "--overwrite", "--quiet", folder=tree).stderr == ""
    assert poolcli.read_image(tree / "out/a2.png")[0].shape == (4, 4, 3)
    assert run("in", "-o", "out", "--overwrite", "--skip-existing", folder=tree).returncode == 2


def test_numba_is_not_imported_where_nothing_is_to_be_done(tree):
    assert run("in", "-o", "out", folder=tree).returncode == 0
    code = "import sys; from poolcli.cli import run; run(sys.argv[1:]); print('numba' in sys.modules)"
    for flag in ("--skip-existing", "--quiet"):
        again = run(
            "downsample", "-m", "max", "in", "-o", "out", flag, folder=tree, command=[sys.executable, "-c", code]
        )
        assert again.stdout == "False\n"


def test_34_an_output_folder_inside_the_input(tree):
    for flag in ("--overwrite", "--skip-existing", "--overwrite"):
        assert run("in", "-r", "-o", "in/out", flag, folder=tree).returncode == 0
        assert names(tree / "in/out") == ["a10.png", "a2.png", "sub/b.png", "sub/deep/c.png"]


def test_34_a_pattern_around_its_output(tree):
    for _ in range(2):
        result = run("in/**/*.png", "-o", "in/out", "--overwrite", folder=tree)
        assert result.returncode == 0, result.stderr
        assert names(tree / "in/out") == ["a10.png", "a2.png", "b.png", "c.png"]
    assert run("in/out/*.png", "-o", "in/out", "--overwrite", folder=tree).returncode == 0
    assert poolcli.read_image(tree / "in/out/a2.png")[0].shape == (2, 2, 3)


def test_the_format_of_a_file_without_an_ending(tree):
    assert run("in/a2.png", "-o", "res", "--format", "tif", folder=tree).returncode == 0
    assert poolcli.read_image(tree / "res")[1].format == "TIFF"
    result = run("in/a2.png", "-o", "res.png", "--format", "tif", folder=tree)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "res.png: names another format than --format tif" in result.stderr


def test_lists_are_filtered_and_read_once(tree):
    listed = "in/a2.png\nin/a10.png\n"
    assert run("--files-from", "-", "--exclude", "a10*", "-o", "out", folder=tree, input=listed).returncode == 0
    assert names(tree / "out") == ["a2.png"]
    result = run("-", "--files-from", "-", "-o", "out", folder=tree, input=listed)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize("line", ["modes", "downsample -m max in -o out --json"])
def test_a_full_standard_output_is_one_line(line, tree):
    with open("/dev/full", "w") as full:
        result = subprocess.run([*POOLCLI, *line.split()], cwd=tree, stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr


def test_arrays_with_alpha_are_pooled_as_they_are_written(tree):
    array = np.zeros((2, 2, 4), np.uint8)
    array[..., 0], array[..., 3] = 200, [[255, 255], [0, 0]]
    np.save(tree / "v.npy", array)
    command = [*POOLCLI, "downsample", "-m", "average", "--linear"]
    assert run("v.npy", "-o", "v.png", folder=tree, command=command).returncode == 0
    assert poolcli.read_image(tree / "v.png")[0].tolist() == [[[200, 0, 0, 128]]]


def test_35_links_are_not_followed_and_dots_do_not_leave(tree):
    picture(tree / "outside/x.png")
    (tree / "in/loop").symlink_to(".")
    (tree / "in/away").symlink_to("../outside")
    (tree / "in/file.png").symlink_to("../outside/x.png")
    (tree / "list").write_text("in/../outside/x.png\n")
    assert run("in", "-r", "-o", "out", folder=tree).returncode == 0
    assert names(tree / "out") == ["a10.png", "a2.png", "sub/b.png", "sub/deep/c.png"]
    assert run("--files-from", "list", "-o", "out", folder=tree).returncode == 0
    assert names(tree / "out")[-1] == "x.png"
    assert names(tree / "outside") == ["x.png"]


def test_36_destinations(tree):
    picture(tree / "a.png")
    (tree / "victim.png").write_bytes(b"victim")
    (tree / "link.png").symlink_to("victim.png")
    (tree / "folder.png").mkdir()
    assert run("a.png", "-o", "link.png", folder=tree).returncode == 1
    assert run("a.png", "-o", "link.png", "--overwrite", folder=tree).returncode == 0
    assert not (tree / "link.png").is_symlink()
    assert (tree / "victim.png").read_bytes() == b"victim"
    assert run("a.png", "-o", "new/folders/b.png", folder=tree).returncode == 0
    assert run("a.png", "-o", "folder.png", folder=tree).returncode == 0
    assert names(tree / "folder.png") == ["a.png"]
    result = run("a.png", "-o", "a.png/b.png", folder=tree)
    assert (result.returncode, result.stderr) == (1, "error: a.png: the folder a.png cannot be made: File exists\n")


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_40_the_same_pixels_on_any_number_of_threads(threads, layer, tree):
    for i in range(20):
        picture(tree / f"many/{i}.png", i, (64, 48))
    environment = {**os.environ, "NUMBA_THREADING_LAYER": layer}
    result = run("many", "-o", "out", "--jobs", threads, folder=tree, env=environment)
    assert (result.returncode, result.stderr) == (0, "20 written\n")
    for i in range(20):
        expected = poolcli.downsample(poolcli.read_image(tree / f"many/{i}.png")[0], "max")
        np.testing.assert_array_equal(poolcli.read_image(tree / f"out/{i}.png")[0], expected)


def started(folder, count, *flags):
    """Start a batch of so many images, and return it once some are written."""
    one = picture(folder / "many/0.png", size=(1000, 1000))
    for i in range(1, count):
        os.link(one, folder / f"many/{i}.png")
    process = subprocess.Popen(
        [*DOWNSAMPLE, "many", "-o", "out", *flags],
        cwd=folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(list(folder.glob("out/[0-9]*.png"))) < 3:
        time.sleep(0.002)
    assert process.poll() is None, process.stderr.read()
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_41_42_signals_end_a_batch_in_order(number, code, tmp_path):
    process = started(tmp_path, 400)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == code
    (counts,) = [line for line in said.splitlines() if not line.startswith("compiling")]
    assert "not begun" in counts
    done = names(tmp_path / "out")
    assert 3 <= len(done) < 400
    assert all(poolcli.read_image(tmp_path / "out" / name)[0].shape == (500, 500, 3) for name in done)


def test_41_a_second_signal_ends_at_once(tmp_path):
    # A reader of standard input that never ends is what a batch would wait for.
    with subprocess.Popen([*DOWNSAMPLE, "-", "-o", "out.png"], cwd=tmp_path, stdin=subprocess.PIPE) as process:
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=5) == 130


STUCK = """
import sys, threading
from poolcli.images import read, write
def never(*arguments): threading.Event().wait()
where, *arguments = sys.argv[1:]
if where == "decoder":
    open_reader = read._reader
    def reader(file, reading):
        return never() if file.name.endswith("stuck.png") else open_reader(file, reading)
    read._reader = reader
else:
    from poolcli import files as place
    rename = place._rename_new
    place._rename_new = lambda temporary, target: never() if target.name == "stuck.png" else rename(temporary, target)
from poolcli.cli import main
main(arguments)
"""


def stuck(folder, where, *arguments, **options):
    picture(folder / "many/stuck.png")
    for i in range(6):
        picture(folder / f"many/{i}.png", i)
    return subprocess.Popen(
        [sys.executable, "-c", STUCK, where, *arguments], cwd=folder, stderr=subprocess.PIPE, text=True, **options
    )


@pytest.mark.quick_when(lambda where, **_: where == "decoder")
@pytest.mark.parametrize(
    ("where", "number", "code"), [("decoder", signal.SIGTERM, 143), ("rename", signal.SIGINT, 130)]
)
def test_50_one_signal_ends_a_batch_that_is_stuck(where, number, code, tmp_path):
    process = stuck(tmp_path, where, "downsample", "-m", "max", "many", "-o", "out")
    done = {f"out/{i}.png" for i in range(6)}
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not all((tmp_path / name).exists() for name in done):
        time.sleep(0.01)
    time.sleep(0.5)
    assert process.poll() is None
    begin = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert time.monotonic() - begin < 5
    assert process.returncode == code
    reason = "not finished 3 s after the signal to stop"
    assert said == f"error: many/stuck.png: {reason}\n6 written, 1 failed: {reason} (1)\n"
    assert {f"out/{name}" for name in names(tmp_path / "out")} == done  # no hidden file


@pytest.mark.slow
def test_50_one_signal_ends_a_table_that_is_stuck(tmp_path):
    process = stuck(tmp_path, "decoder", "reduce", "-m", "gmp", "many", stdout=subprocess.PIPE)
    time.sleep(3)
    process.send_signal(signal.SIGTERM)
    rows, said = process.communicate(timeout=5)
    assert process.returncode == 143
    assert rows.splitlines()[0] == "input,frame,gmp_r,gmp_g,gmp_b"
    assert len(rows.splitlines()) == 7
    assert "error: many/stuck.png: not finished" in said


@pytest.mark.slow
def test_50_one_signal_ends_a_command_whose_pipe_nobody_reads(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((1000, 1000), np.uint8))
    command = [*DOWNSAMPLE, "a.npy", "-F", "1", "-o", "-", "--format", "npy"]
    ours, theirs = os.pipe()
    process = subprocess.Popen(command, cwd=tmp_path, stdout=theirs, stderr=subprocess.DEVNULL)
    os.read(ours, 1)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=5) == 143
    os.close(ours)
    os.close(theirs)


def test_42_what_nohup_ignores_stays_ignored(tmp_path):
    for i in range(60):
        picture(tmp_path / f"many/{i}.png", i, (300, 300))
    process = subprocess.Popen(
        [*DOWNSAMPLE, "many", "-o", "out"], cwd=tmp_path, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )  # fmt: skip
    while process.poll() is None and not list(tmp_path.glob("out/[0-9]*.png")):
        time.sleep(0.002)
    assert process.poll() is None, "ended before the signal"
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(names(tmp_path / "out")) == 60


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells what waits for its parent")
def test_hidden_files_of_a_process_that_ended_are_removed(tmp_path):
    """Also while its parent has not asked how it ended, as that of a worker; not those of one that lives."""
    mark = "from poolcli import files; print(f'{files._MARK}{files._HOST}', flush=True)"
    ended = subprocess.Popen([sys.executable, "-c", mark], stdout=subprocess.PIPE, text=True)
    name = ended.stdout.read().strip()  # which ends when it does
    left, own = tmp_path / f"{name}-{ended.pid}-a", tmp_path / f"{name}-{os.getpid()}-b"
    for path in (left, own):
        path.touch()
    while Path(f"/proc/{ended.pid}/stat").read_text().split()[2] != "Z":
        time.sleep(0.01)
    files.clean(tmp_path)
    assert (left.exists(), own.exists()) == (False, True)
    ended.communicate()


def test_43_a_killed_batch_is_completed_by_the_next(tmp_path):
    process = started(tmp_path, 200)
    process.kill()
    process.communicate()
    stale = tmp_path / "out" / f"{files._MARK}{files._HOST}-{process.pid}-abc"
    stale.write_bytes(b"half")
    foreign = tmp_path / "out" / f"{files._MARK}{files._HOST}-{os.getpid()}-abc"
    foreign.write_bytes(b"in use")
    assert run("many", "-o", "out", "--skip-existing", folder=tmp_path).returncode == 0
    assert names(tmp_path / "out") == sorted([foreign.name, *(f"{i}.png" for i in range(200))])


def test_two_processes_on_one_folder(tmp_path):
    for i in range(60):
        picture(tmp_path / f"many/{i}.png", i, (300, 300))
    both = [
        subprocess.Popen([*DOWNSAMPLE, "many", "-o", "out", "--skip-existing"], cwd=tmp_path, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in both:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert names(tmp_path / "out") == sorted(f"{i}.png" for i in range(60))


def test_44_stdout_closed_early(tree):
    for i in range(300):
        picture(tree / f"many/{i}.png")
    line = f"{' '.join(DOWNSAMPLE)} many -o out --json | head -1"
    result = subprocess.run(["bash", "-c", line], cwd=tree, capture_output=True, text=True, timeout=120)
    assert json.loads(result.stdout)["status"] == "written"
    assert result.stderr == ""


def test_44_stdout_closed_early_ends_the_process_at_once(monkeypatch):
    """Threads that are at work when Python ends in order can end it by `std::terminate`."""

    class Closed(io.TextIOWrapper):
        def write(self, text):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(sys, "stdout", Closed(io.BytesIO()))
    assert cli.run(["modes"]) == 1


def test_46_out_of_memory(tmp_path):
    np.lib.format.open_memmap(tmp_path / "big.npy", "w+", np.float64, (20_000, 20_000)).flush()
    picture(tmp_path / "small.png")
    limit = 2 << 30
    result = run(
        "big.npy", "small.png", "-o", "out", "--memory", "9G", folder=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )  # fmt: skip
    assert result.returncode == 1
    assert "error: big.npy: out of memory: Unable to allocate 2.98 GiB" in result.stderr
    assert names(tmp_path / "out") == ["small.png"]


@pytest.mark.parametrize(
    "name", ["POOLCLI_CACHE_DIR", *(pytest.param(name, marks=pytest.mark.slow) for name in ("NUMBA_CACHE_DIR", "HOME"))]
)
def test_47_no_place_for_a_cache(name, tree):
    blocked = tree / "file"
    blocked.write_text("a file where the folder should be")
    elsewhere = ("POOLCLI_CACHE_DIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
    environment = {key: value for key, value in os.environ.items() if key not in elsewhere} | {name: str(blocked)}
    command = [*POOLCLI, "upsample", "-m", "nails"]
    result = run("in/a2.png", "-o", "out.png", folder=tree, command=command, env=environment)
    assert result.returncode == 0
    assert result.stderr.startswith(f"compiling nails for uint8 in every run: the cache folder {blocked}")
    assert result.stderr.endswith(" cannot be written, POOLCLI_CACHE_DIR names another\n")
    assert result.stderr.count("\n") == 1
    assert (tree / "out.png").exists()


def test_47_two_first_runs_at_once(tree):
    environment = {**os.environ, "POOLCLI_CACHE_DIR": str(tree / "cache")}
    both = [
        subprocess.Popen(
            [*POOLCLI, "upsample", "-m", "nails", "in/a2.png", "-o", f"out{i}.png"], cwd=tree, env=environment
        )
        for i in range(2)
    ]
    assert [process.wait(timeout=200) for process in both] == [0, 0]
    assert (tree / "out0.png").read_bytes() == (tree / "out1.png").read_bytes()


@pytest.mark.parametrize("arguments", [["empty"], ["none*.png"], ["--files-from", "nothing"], []])
def test_48_nothing_done_is_no_success(arguments, tree):
    (tree / "empty").mkdir()
    (tree / "nothing").touch()
    result = run(*arguments, "-o", "out", folder=tree)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)


def test_48_all_failed(tree):
    (tree / "in/a2.png").write_bytes(b"")
    (tree / "in/a10.png").write_bytes(b"")
    result = run("in", "-o", "out", folder=tree)
    assert (result.returncode, result.stderr.splitlines()[-1]) == (1, "0 written, 2 failed: empty file (2)")


def test_fail_fast(tree):
    for i in range(50):
        picture(tree / f"many/{i + 1}.png")
    (tree / "many/0.png").touch()
    result = run("many", "-o", "out", "--fail-fast", "--jobs", 1, folder=tree)
    assert result.returncode == 1
    assert "error: many/0.png: empty file" in result.stderr
    assert "not begun" in result.stderr
    assert not (tree / "out").exists()


def test_json(tree):
    (tree / "in/a10.png").write_bytes(b"")
    result = run("in", "-o", "out", "--json", folder=tree)
    bad, good = sorted(map(json.loads, result.stdout.splitlines()), key=lambda line: line["input"])
    assert good.pop("seconds") > 0
    assert good == {"input": "in/a2.png", "output": "out/a2.png", "status": "written", "mode": "max",
                    "before": [8, 8, 3], "after": [4, 4, 3], "error": None}  # fmt: skip
    assert (bad["status"], bad["error"]) == ("failed", "empty file")


def test_progress_is_for_terminals(tree):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    subprocess.run([*DOWNSAMPLE, "in", "-o", "out"], cwd=tree, stderr=theirs, check=True, timeout=60)
    said = os.read(ours, 100_000).decode()
    assert "file/s" in said
    assert "2 written" in said
    subprocess.run([*DOWNSAMPLE, "in", "-o", "two", "--quiet"], cwd=tree, stderr=theirs, check=True, timeout=60)
    os.write(theirs, b"end")
    assert os.read(ours, 100_000).decode() == "end"
    assert run("in", "-o", "three", folder=tree).stderr == "2 written\n"


def test_shape(tmp_path):
    result = run("shape", "-F", 3, "-S", 2, "-P", 1, "7x10", folder=tmp_path, command=POOLCLI)
    assert result.stdout == (
        "floor      4 x 5\n"
        "            height = floor((7 + 2*1 - 1*(3 - 1) - 1) / 2) + 1 = 4\n"
        "            width  = floor((10 + 2*1 - 1*(3 - 1) - 1) / 2) + 1 = 5\n"
        "ceil       4 x 6\n"
        "            height = ceil((7 + 2*1 - 1*(3 - 1) - 1) / 2) + 1 = 4\n"
        "            width  = ceil((10 + 2*1 - 1*(3 - 1) - 1) / 2) + 1 = 6\n"
        "same       4 x 5\n"
        "            height = ceil(7 / 2), with padding 1 before and 1 after = 4\n"
        "            width  = ceil(10 / 2), with padding 0 before and 1 after = 5\n"
        "same-lower 4 x 5\n"
        "            height = ceil(7 / 2), with padding 1 before and 1 after = 4\n"
        "            width  = ceil(10 / 2), with padding 1 before and 0 after = 5\n"
    )
    assert "number of bins [floor(i 7/3), ceil((i + 1) 7/3)) = 3" in run(
        "shape", "--size", "3", "7x10", folder=tmp_path, command=POOLCLI
    ).stdout  # fmt: skip


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell, tmp_path):
    assert "_POOLCLI_COMPLETE" in run("completion", shell, folder=tmp_path, command=POOLCLI).stdout
    environment = {**os.environ, "_POOLCLI_COMPLETE": "bash_complete", "COMP_WORDS": "poolcli do", "COMP_CWORD": "1"}
    assert "downsample" in run(folder=tmp_path, command=POOLCLI, env=environment).stdout


def test_garbage_is_searched_for_while_a_long_job_is_at_work(tmp_path, monkeypatch):
    """None is while modules are imported; a large image that is the first job takes minutes after that."""
    seen, do = [], local.Worker.do

    def slowly(self, *given):
        seen.append(gc.isenabled())
        time.sleep(4 * local._LOOK)
        seen.append(gc.isenabled())
        yield from do(self, *given)

    monkeypatch.setattr(local, "_IMPORTS", local._LOOK)
    monkeypatch.setattr(local.Worker, "do", slowly)
    result = CliRunner().invoke(cli.commands, ["downsample", "-m", "max", str(picture(tmp_path / "a.png")), "-q"])
    assert (result.exit_code, seen) == (0, [False, True])
