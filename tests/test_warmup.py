"""Compiling ahead: what it makes ready, and what it tells."""

import os
import pty
import subprocess
import sys
import termios

import pytest
from effort import JIT

pytestmark = pytest.mark.skipif(not JIT, reason="nothing is compiled")

CALLS = """
import sys
import numba.core.event as event, numpy as np, poolcli
image = np.ones((120, 100, 3), sys.argv[1])
with event.install_recorder("numba:compile") as compiled:
    for mode in sys.argv[2].split():
        for shape in ((120, 100, 3), (120, 100), (2, 60, 70, 5)):
            image = np.ones(shape, sys.argv[1])
            if mode in poolcli.MODES:
                for kernel_size, stride, padding in ((2, 2, 0), (3, 1, 1), (3, 2, 0), (5, 5, 0), (31, 1, 0), (4, 3, 2)):
                    poolcli.downsample(image, mode, kernel_size=kernel_size, stride=stride, padding=padding)
                poolcli.downsample(image, mode, size=(7, 9))
            if mode in poolcli.REDUCTIONS:
                poolcli.reduce(image, mode)
            if mode in poolcli.UPSAMPLINGS and mode not in ("unpool", "depth-to-space"):
                for scale in (2, 3, 5):
                    poolcli.upsample(image, mode, scale=scale)
            if mode in ("nearest", "bilinear", "bicubic", "lanczos"):
                poolcli.upsample(image, mode, size=(150, 170))
    if "unpool" in sys.argv[2]:
        values, indices = poolcli.downsample(image, "max", return_indices=True)
        poolcli.upsample(values, "unpool", indices=indices)
print(len(compiled.buffer))
"""


def warmup(folder, *arguments, **options):
    command = [sys.executable, "-m", "poolcli", "warmup", *arguments]
    environment = {**os.environ, "POOLCLI_CACHE_DIR": str(folder)}
    return subprocess.run(command, env=environment, text=True, timeout=500, **options)


@pytest.mark.parametrize(
    ("modes", "dtype"),
    [
        ("nearest", "uint8"),
        pytest.param("max median average soft lip gap unpool bicubic transposed", "uint8", marks=pytest.mark.slow),
        pytest.param("gem stochastic spp majority lanczos subpixel", "float32", marks=pytest.mark.slow),
    ],
)
def test_what_was_compiled_ahead_is_not_compiled_again(modes, dtype, tmp_path):
    options = [word for mode in modes.split() for word in ("-m", mode)]
    result = warmup(tmp_path, *options, "--dtype", dtype, capture_output=True)
    (folder,) = tmp_path.iterdir()
    count = len(list(folder.iterdir()))
    assert (result.returncode, result.stderr) == (0, "")
    asked, kept = f"{', '.join(modes.split())} for {dtype}", f"kernels are kept in {folder}"
    assert result.stdout == f"{asked} is ready: compiled {count} kernels; {kept}\n"
    again = warmup(tmp_path, *options, "--dtype", dtype, capture_output=True)
    assert again.stdout == f"{asked} was ready before; {kept}\n"
    command = [sys.executable, "-c", CALLS, dtype, modes]
    environment = {**os.environ, "POOLCLI_CACHE_DIR": str(tmp_path)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert (result.stderr, result.stdout) == ("", "0\n")


def test_a_terminal_sees_a_bar():
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (25, 80))
    environment = os.environ.get("POOLCLI_CACHE_DIR", "")
    command = [sys.executable, "-m", "poolcli", "warmup", "-m", "nearest", "--dtype", "uint8"]
    result = subprocess.run(command, stderr=theirs, stdout=subprocess.PIPE, text=True, timeout=100)
    assert (result.returncode, result.stdout.count("\n")) == (0, 1)
    assert environment in result.stdout
    assert b"nearest for uint8" in os.read(ours, 10_000)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    result = warmup(tmp_path / "file", "-m", "max", capture_output=True)
    way = "POOLCLI_CACHE_DIR names another"
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"error: the cache folder {tmp_path / 'file'} cannot be written: {way}\n"


@pytest.mark.parametrize("arguments", [["-m", "maximum"], ["--dtype", "int7"], ["photo.png"]])
def test_wrong_usage(arguments, tmp_path):
    result = warmup(tmp_path, *arguments, capture_output=True)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
