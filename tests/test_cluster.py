"""Batches on a Dask cluster, with real workers: the files, the lines and the exit codes are those of one machine."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import dask
import numpy as np
import pytest
import zarr
from commands import process
from distributed import Client, KilledWorker, LocalCluster
from effort import JIT
from PIL import Image

from poolcli import files
from poolcli.batch import cluster as cluster_module
from poolcli.batch.jobs import Job, Outcome, Settings
from poolcli.batch.work import Worker
from poolcli.commands import Step
from poolcli.files import Proofs, WriteError
from poolcli.images import ImageError

pytestmark = pytest.mark.skipif(not JIT, reason="batches run alike, compiled or not")

# What workers of these tests do, to be killed at two moments that nobody can hit from outside.
PRELOAD = """
import os
from poolcli import files
from poolcli.batch import cluster

def placed(temporary, target, rename=files._rename_new):
    if target.name == "killer.png":
        os._exit(1)
    rename(temporary, target)
    marker = target.parent / "lost"
    if target.stem == "unreported" and not marker.exists():
        marker.touch()
        os._exit(1)

def painted(piece, paint=cluster.paint):
    folder = piece.job.output.parent
    if piece.job.output.name.startswith("killed") and not (folder / "lost").exists() and piece.box.top:
        (folder / "lost").touch()
        (piece.canvas.folder / "half.partial").touch()
        os._exit(1)
    with open(folder / "boxes", "a") as file:
        file.write(f"{os.getpid()} {piece.name} {[*piece.images]} {[*piece.box]}\\n")
    return paint(piece)

if files._rename_new.__name__ != "placed":  # this is read twice
    files._rename_new = placed
    cluster.paint = painted
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Return a cluster of two processes, which gives up a job that ends two workers."""
    preload = tmp_path_factory.mktemp("cluster") / "preload.py"
    preload.write_text(PRELOAD)
    values = {
        "distributed.scheduler.allowed-failures": 1,
        "distributed.worker.preload": [str(preload)],
        "distributed.deploy.lost-worker-timeout": "10 minutes",  # else a busy machine loses one that starts again
    }
    with (
        dask.config.set(values),
        LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0") as made,
    ):
        yield made


@pytest.fixture
def scheduler(cluster):
    """Return its address, once both workers are there."""
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
    return cluster.scheduler_address


def picture(path, seed=0, size=(24, 20)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)
    return path


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}  # hidden ones too


DOWNSAMPLE = ("downsample", "-m", "max")


def test_a_folder_comes_out_as_on_one_machine_though_a_worker_is_killed(scheduler, tmp_path):
    for i in range(200):
        picture(tmp_path / f"in/{i}.png", i)
    assert process(*DOWNSAMPLE, "in", "-o", "one", folder=tmp_path).returncode == 0
    with Client(scheduler, set_as_default=False) as client:
        victim = min(client.run(os.getpid).values())
    command = [sys.executable, "-m", "poolcli", *DOWNSAMPLE, "in", "-o", "two", "--scheduler", scheduler]
    running = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while running.poll() is None and time.monotonic() < deadline and len(list(tmp_path.glob("two/[0-9]*.png"))) < 10:
        time.sleep(0.002)
    assert running.poll() is None
    os.kill(victim, signal.SIGKILL)
    _, said = running.communicate(timeout=60)
    assert (running.returncode, said.splitlines()[-1]) == (0, "200 written")
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


def test_what_a_lost_worker_wrote_and_did_not_report_is_no_obstacle(scheduler, tmp_path):
    for name in ("a", "unreported"):
        picture(tmp_path / f"in/{name}.png")
    result = process(*DOWNSAMPLE, "in", "-o", "out", "--scheduler", scheduler, folder=tmp_path)
    assert (result.returncode, result.stderr) == (0, "2 written\n")
    assert sorted(contents(tmp_path / "out")) == ["a.png", "lost", "unreported.png"]
    result = process(*DOWNSAMPLE, "in/a.png", "-o", "out", "--scheduler", scheduler, folder=tmp_path)
    exists = "error: out/a.png: exists; --overwrite replaces it, --skip-existing leaves it\n"
    assert (result.returncode, result.stderr) == (1, exists)


@pytest.mark.parametrize("ending", ["tif", "ome.zarr"])
def test_pyramids_come_out_as_on_one_machine_though_a_worker_is_lost(scheduler, tmp_path, ending):
    for i, name in enumerate(("a", "b", "unreported")):
        picture(tmp_path / f"in/{name}.png", i, (90, 70))
    step = ("pyramid", "-m", "max", "--until", "20", "in", "--format", ending, "-q")
    assert process(*step, "-o", "here", folder=tmp_path).returncode == 0
    result = process(*step, "-o", "there", "--scheduler", scheduler, folder=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "there/lost").exists() == (ending == "tif"), "folders are placed by another rename"
    (tmp_path / "there/lost").unlink(missing_ok=True)
    assert files_of(tmp_path / "here") == files_of(tmp_path / "there")


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stored(path, shape, **options):
    array = zarr.create_array(path, shape=shape, dtype=np.uint8, **options)
    array[...] = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    return path


LARGE = {
    "chunks": (
        ("downsample", "-m", "kmax", "--k", 2, "-F", 3, "-S", 2),
        "killed.zarr",
        {"chunks": (1, 32, 32)},
        2 * 5 * 5,
    ),
    "shards": (("upsample", "-m", "bicubic"), "killed.zarr", {"chunks": (2, 32, 32), "shards": (2, 96, 64)}, 6 * 9),
    "pyramid": (
        ("pyramid", "-m", "max", "--until", 99),
        "killed.ome.zarr",
        {"chunks": (1, 64, 64)},
        26 + 2 * (25 + 9 + 4),
    ),
    "sums": (("pyramid", "-m", "average", "--until", 40), "killed.ome.zarr", {"chunks": (2, 64, 64)}, None),
}


@pytest.mark.parametrize("case", LARGE)
def test_a_large_zarr_is_written_by_all_workers_though_one_is_killed(scheduler, tmp_path, case):
    step, name, options, count = LARGE[case]
    stored(tmp_path / "a.zarr", (2, 270, 266), dimension_names=["z", "y", "x"], **options)
    made = []
    for folder, more in (("here", ()), ("there", ("--scheduler", scheduler))):
        (tmp_path / folder).mkdir()
        command = (*step, "a.zarr", "-o", f"{folder}/{name}", "--memory", "16K", "--json", *more)
        result = process(*command, folder=tmp_path)
        made.append((result.returncode, result.stderr, untimed(result.stdout.replace(folder, ""))))
    assert made[0] == made[1]
    assert made[0][0] == 0
    assert files_of(tmp_path / "there" / name) == files_of(tmp_path / "here" / name)
    assert sorted(os.listdir(tmp_path / "there")) == ["boxes", name, "lost"]
    lines = (tmp_path / "there/boxes").read_text().splitlines()
    assert len({line.split()[0] for line in lines}) >= 2, "processes, each of which wrote some"
    assert count is None or len({line.partition(" ")[2] for line in lines}) == count


def test_what_goes_wrong_with_a_box_takes_the_line_that_it_takes_on_one_machine(scheduler, tmp_path):
    stored(tmp_path / "a.zarr", (300, 270), chunks=(32, 32))
    for chunk in ("3/4", "7/1"):
        (tmp_path / f"a.zarr/c/{chunk}").write_bytes(b"no zstd at all")
    for step in (("downsample", "-m", "max"), ("pyramid", "-m", "max", "--until", 99)):
        said = []
        for more in ((), ("--scheduler", scheduler)):
            result = process(*step, "a.zarr", "-o", "out/b.zarr", "--memory", "16K", *more, folder=tmp_path)
            said.append((result.returncode, result.stderr))
        reason = "damaged or unsupported: its compressed pixels cannot be unpacked"
        assert said == [(1, f"error: a.zarr: {reason}\n")] * 2
        assert not [path for path in (tmp_path / "out").iterdir() if path.name != "boxes"]


def test_large_and_small_outputs_of_several_modes(scheduler, tmp_path):
    stored(tmp_path / "in/large.zarr", (270, 266), chunks=(64, 64))
    picture(tmp_path / "in/small.png", size=(20, 16))
    for folder, more in (("here", ()), ("there", ("--scheduler", scheduler))):
        command = (*DOWNSAMPLE, "-m", "min", "in", "-o", folder, "--format", "zarr", "--memory", "16K", *more)
        result = process(*command, folder=tmp_path)
        assert (result.returncode, result.stderr.splitlines()[-1]) == (0, "4 written")
    (tmp_path / "there/boxes").unlink()
    assert sorted(os.listdir(tmp_path / "there")) == [
        "large_max.zarr", "large_min.zarr", "small_max.zarr", "small_min.zarr",
    ]  # fmt: skip
    assert files_of(tmp_path / "there") == files_of(tmp_path / "here")


def test_what_goes_to_a_store_is_written_by_the_worker_that_opened_it(tmp_path):
    source = stored(tmp_path / "a.zarr", (70, 66), chunks=(16, 16))
    able = Worker(
        Settings(memory=1 << 12), lambda: None, cluster_module.call, lambda: False, print, cluster_module._Others()
    )
    for output, status in ((tmp_path / "b.zarr", "large"), (files.located("memory://cluster/b.zarr"), "written")):
        (outcome,) = able.do([Job(source, output, Step("downsample", "max"))], lambda job: None)
        assert (outcome.status, outcome.error, files.exists(output)) == (status, "", status == "written")
    assert os.listdir(tmp_path) == ["a.zarr"]


def test_a_signal_ends_a_large_output_and_leaves_nothing(scheduler, tmp_path):
    stored(tmp_path / "a.zarr", (1600, 1600), chunks=(32, 32))
    command = [*DOWNSAMPLE, "a.zarr", "-o", "out/b.zarr", "--memory", "16K", "--scheduler", scheduler]
    running = subprocess.Popen(
        [sys.executable, "-m", "poolcli", *command], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    boxes, deadline = tmp_path / "out/boxes", time.monotonic() + 60
    while running.poll() is None and time.monotonic() < deadline and not boxes.exists():
        time.sleep(0.002)
    assert running.poll() is None
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=10)
    assert (running.returncode, said) == (130, "0 written, 1 not begun\n")
    while len(os.listdir(tmp_path / "out")) > 1 and time.monotonic() < deadline:
        time.sleep(0.01)  # until a worker, which was writing, finds nobody waiting for that
    assert os.listdir(tmp_path / "out") == ["boxes"]
    assert len(boxes.read_text().splitlines()) < 25 * 25, "boxes of 32 x 32 chunks"


class Answers:
    """An executor whose futures are what is asked for: of each box, one answer after the other."""

    def __init__(self, **answers):
        self.answers, self.asked = answers, []

    def submit(self, function, box):
        self.asked.append(box)
        answers, future = self.answers.get(box, []), Future()
        answer = answers.pop(0) if answers else None
        if isinstance(answer, KilledWorker):
            future.set_exception(answer)
        else:
            future.set_result(answer)
        return future


def ask(boxes, executor):
    cluster_module._Boxes(cluster_module._Workers(executor, None, lambda: 2, lambda: None), iter(boxes)).run()
    return executor.asked


def test_boxes_that_end_workers_are_written_again_alone():
    killed = KilledWorker("paint", None, 1)
    assert ask("abcd", Answers(b=[killed])) == ["a", "b", "c", "d", "b"]
    with pytest.raises(ImageError, match="it ended every worker that began it, as one does that has no memory left"):
        ask("abcd", Answers(b=[killed, killed]))


def test_of_boxes_that_fail_the_first_is_told():
    with pytest.raises(ImageError, match="the first"):
        ask("abcd", Answers(a=[ImageError("the first")], b=[ImageError("the second")]))
    executor = Answers(b=[OSError(28, "No space left on device")])
    with pytest.raises(OSError, match="No space left"):
        ask("abcdefgh", executor)
    assert len(executor.asked) < 6, "none is handed out after that"


def test_a_job_that_ends_its_workers_fails_and_those_beside_it_do_not(scheduler, tmp_path):
    for name in ("a", "b", "c", "killer"):
        picture(tmp_path / f"in/{name}.png")
    result = process(*DOWNSAMPLE, "in", "-o", "out", "--scheduler", scheduler, folder=tmp_path)
    reason = "it ended every worker that began it, as one does that has no memory left"
    assert result.stderr == f"error: in/killer.png: {reason}\n3 written, 1 failed: {reason} (1)\n"
    assert result.returncode == 1
    assert sorted(contents(tmp_path / "out")) == ["a.png", "b.png", "c.png"]


def test_tables_have_their_order(scheduler, tmp_path):
    for i in range(30):
        picture(tmp_path / f"in/{i}.png", i)
    command = ("reduce", "-m", "flatten", "in")
    here, there = (process(*command, *more, folder=tmp_path) for more in ((), ("--scheduler", scheduler)))
    assert (there.returncode, there.stdout, there.stderr) == (0, here.stdout, here.stderr)


def test_files_are_told_as_they_were_given(scheduler, tmp_path):
    picture(tmp_path / "in/a.png")
    (tmp_path / "in/b.png").write_bytes(b"")
    (tmp_path / "file").touch()
    np.save(tmp_path / "chw.npy", np.zeros((3, 40, 40), np.uint8))
    lines = [
        (*DOWNSAMPLE, "in", "chw.npy", "-o", "out", "--json"),
        (*DOWNSAMPLE, "in/a.png", "-o", "file/a.png"),
        (*DOWNSAMPLE, tmp_path / "in/b.png", "-o", "b.png"),
    ]
    results = []
    for more in ((), ("--scheduler", scheduler)):
        said = [process(*line, *more, folder=tmp_path) for line in lines]
        made = sorted(tmp_path.glob("out/*"))
        results.append((
            [(one.returncode, sorted(one.stderr.splitlines()), untimed(one.stdout)) for one in said],
            {path.name: path.read_bytes() for path in made},
        ))  # fmt: skip
        for path in made:
            path.unlink()
    assert results[0] == results[1]
    assert sorted(results[0][1]) == ["a.png", "chw.npy"]


def untimed(text):
    lines = [json.loads(line) for line in text.splitlines()]
    return sorted(({**line, "seconds": 0} for line in lines), key=str)


def test_the_first_failure_ends_a_batch(scheduler, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/0.png").touch()
    for i in range(1, 60):
        picture(tmp_path / f"in/{i}.png", i)
    result = process(*DOWNSAMPLE, "in", "-o", "out", "--fail-fast", "--scheduler", scheduler, folder=tmp_path)
    assert result.returncode == 1
    assert "error: in/0.png: empty file" in result.stderr
    assert "not begun" in result.stderr


def test_a_signal_ends_a_batch_in_order(scheduler, tmp_path):
    one = picture(tmp_path / "in/0.png", size=(1500, 1500))
    for i in range(1, 100):
        os.link(one, tmp_path / f"in/{i}.png")
    command = [sys.executable, "-m", "poolcli", *DOWNSAMPLE, "in", "-o", "out", "--scheduler", scheduler]
    running = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while running.poll() is None and time.monotonic() < deadline and len(list(tmp_path.glob("out/[0-9]*.png"))) < 3:
        time.sleep(0.002)
    assert running.poll() is None
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=10)
    assert running.returncode == 130
    counts = said.splitlines()[-1]
    assert "not begun" in counts
    done = contents(tmp_path / "out")
    assert 3 <= len(done) < 100
    assert counts.startswith(f"{len(done)} written")
    assert len({*done.values()}) == 1


def test_kernels_run_on_the_threads_of_the_worker(scheduler, tmp_path):
    for i in range(20):
        picture(tmp_path / f"in/{i}.png")
    assert process(*DOWNSAMPLE, "in", "-o", "out", "--scheduler", scheduler, folder=tmp_path).returncode == 0

    def threads():
        import numba

        from poolcli.batch.cluster import _kernels

        return _kernels().submit(numba.get_num_threads).result()

    with Client(scheduler, set_as_default=False) as client:
        assert set(client.run(threads).values()) == {1}


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (("a.png", "--scheduler", "tcp://127.0.0.1:1"), "no Dask scheduler answers at tcp://127.0.0.1:1: dask"),
        (("a.png", "--scheduler", "here"), "no Dask scheduler answers at here"),
        (("-", "-o", "b.png", "--scheduler", "tcp://127.0.0.1:1"), "--scheduler is for files, and - is a stream"),
        (("a.png", "-o", "-", "--format", "png", "--scheduler", "tcp://127.0.0.1:1"), "--scheduler is for files"),
        (("a.png", "--jobs", "2", "--scheduler", "tcp://127.0.0.1:1"), "--jobs is for threads of this machine"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_told_before_any_work(more, line, tmp_path):
    picture(tmp_path / "a.png")
    begin = time.monotonic()
    result = process(*DOWNSAMPLE, *more, folder=tmp_path, stdin=subprocess.DEVNULL)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert result.stderr.startswith(f"error: {line}")
    assert time.monotonic() - begin < 10


def test_without_the_extra_one_line_names_it(tmp_path):
    picture(tmp_path / "a.png")
    code = "import sys; sys.modules['distributed'] = None; from poolcli.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, *DOWNSAMPLE, "a.png", "--scheduler", "tcp://127.0.0.1:1"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    expected = "error: --scheduler needs the package distributed: pip install 'poolcli-image[dask]' brings it\n"
    assert (result.returncode, result.stderr) == (2, expected)


def test_jobs_and_lines_name_files_for_another_folder_and_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.npy").touch()
    step = Step("upsample", "transposed", {"weights": "w.npy", "scale": 2})
    job = Job(Path("in/a.png"), tmp_path / "b.png", step, beside=(Step("upsample", "transposed", {"weights": "box"}),))
    other = job.absolute()
    assert (other.input, other.output) == (tmp_path / "in/a.png", tmp_path / "b.png")
    assert other.step.arguments == {"weights": str(tmp_path / "w.npy"), "scale": 2}
    assert other.beside == job.beside
    lines = (f"{tmp_path}/in/a.png: odd", f"{tmp_path}/in/a.png.bak, {tmp_path}/w.npy, {tmp_path}/b.png and {tmp_path}")
    outcome = Outcome(other, "failed", error=f"{tmp_path}/w.npy: damaged", warnings=lines, blamed=other.input).of(job)
    assert outcome == Outcome(
        job, "failed", error="w.npy: damaged", blamed=Path("in/a.png"),
        warnings=("in/a.png: odd", f"{tmp_path}/in/a.png.bak, w.npy, {tmp_path}/b.png and {tmp_path}"),
    )  # fmt: skip


def test_a_batch_replaces_what_it_wrote_itself_and_nothing_else(tmp_path):
    target, batch = tmp_path / "a.txt", Proofs.new()

    def write(text, batch):
        with Proofs(batch).kept():
            files.place(lambda file: file.write(text), target, overwrite=False)

    write(b"first", batch)
    write(b"again", batch)
    assert target.read_bytes() == b"again"
    with pytest.raises(WriteError, match="exists"):
        write(b"other", Proofs.new())
    target.unlink()
    target.write_bytes(b"a file of somebody else")
    with pytest.raises(WriteError, match="exists"):
        write(b"again", batch)
    with pytest.raises(WriteError, match="exists"):
        files.place(lambda file: file.write(b"outside"), target, overwrite=False)
    Proofs.forget(batch, [tmp_path])
    assert contents(tmp_path) == {"a.txt": b"a file of somebody else"}


def test_of_two_machines_that_do_one_job_both_may_be_last(tmp_path):
    target, batch = tmp_path / "a.txt", Proofs.new()

    def write(number):
        for _ in range(50):
            with Proofs(batch).kept():
                files.place(lambda file: file.write(b"%d" % number * 9), target, overwrite=False)

    with ThreadPoolExecutor(2) as threads:
        [*threads.map(write, (1, 2))]
    assert target.read_bytes() in (b"1" * 9, b"2" * 9)
