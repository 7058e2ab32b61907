"""The API never ends the process: threads, forked processes and spawned ones, with each threading layer of Numba."""

import os
import subprocess
import sys

import pytest
from effort import JIT

pytestmark = pytest.mark.skipif(not JIT, reason="no loop is parallel")

WORK = """
import multiprocessing, os, sys, threading, traceback
import numpy as np
import poolcli

image = np.random.default_rng(0).integers(0, 255, (300, 200, 3), np.uint8)
largest = image.reshape(150, 2, 100, 2, 3).max((1, 3))
twice = image.repeat(2, 0).repeat(2, 1)


def work(times=10):
    for _ in range(times):
        np.testing.assert_array_equal(poolcli.downsample(image, "max"), largest)
        np.testing.assert_array_equal(poolcli.upsample(image, "nearest", scale=2), twice)
    return os.getpid()


def in_child(task):
    pid = os.fork()
    if pid == 0:
        try:
            task()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0


def threads():
    failed = []
    def watched():
        try:
            work()
        except BaseException as error:
            failed.append(error)
    running = [threading.Thread(target=watched) for _ in range(3)]
    [thread.start() for thread in running]
    [thread.join() for thread in running]
    assert not failed, failed
"""

THREADS = """
threads()
"""

FORK = """
work()
in_child(work)
in_child(threads)
work()
"""

FORK_WHILE_BUSY = """
work()
busy = threading.Thread(target=work, args=(200,))
busy.start()
for _ in range(5):
    in_child(work)
busy.join()
"""

FIRST_IN_THE_CHILD = """
in_child(work)
work()
"""

FAIL = """
from numba import types
from poolcli.engine.bands import Bands

def too_large(start, stop, values):
    values[start] = np.empty(2**50)[start]
    return 1

sys.unraisablehook = lambda lost: None
bands = Bands(types.Array(types.float64, 1, "C"))
band = bands.compile(too_large)
for _ in range(200):
    try:
        bands.run(band, 64, np.zeros(64))
    except MemoryError:
        continue
    raise AssertionError("there was room")
"""

POOL = """
if __name__ == "__main__":
    work()
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        assert os.getpid() not in pool.map(work, [3, 3, 3])
"""


CODES = {"threads": THREADS, "fork": FORK, "busy": FORK_WHILE_BUSY, "first": FIRST_IN_THE_CHILD, "fail": FAIL}


def run(layer, code, *arguments, folder):
    script = folder / "script.py"  # spawned processes import it
    script.write_text(WORK + code + "\nif __name__ == '__main__': import numba; print(numba.threading_layer())\n")
    environment = {**os.environ, "NUMBA_THREADING_LAYER": layer}
    command = [sys.executable, script, *arguments]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    if "No threading layer could be loaded" in result.stderr:
        pytest.skip(f"{layer} is not installed here")
    # Numba itself says on standard output where TBB is still at work when a process is forked.
    assert (result.returncode, result.stderr, result.stdout.splitlines()[-1:]) == (0, "", [layer])


layers = pytest.mark.parametrize("layer", ["workqueue", "omp", "tbb"])


@pytest.mark.quick_when(lambda code, layer: code in (THREADS, FORK, FAIL))
@layers
@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
def test_threads_and_forked_processes(layer, code, tmp_path):
    run(layer, code, folder=tmp_path)


@pytest.mark.quick_when(lambda method, layer: layer == "omp")
@layers
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_pools_of_processes(layer, method, tmp_path):
    run(layer, POOL, method, folder=tmp_path)
