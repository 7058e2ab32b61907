"""Compiled kernels are kept in a folder of the user's, and only while they are what the sources say."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from effort import JIT

import poolcli
from poolcli.engine import cache

compiled_only = pytest.mark.skipif(not JIT, reason="nothing is compiled")

TINY = """
import numba.core.event as event
from numba import types
from poolcli.engine import cache
from poolcli.engine.compile import specialise
factor = None
def double(x):
    return factor * x
with event.install_recorder("numba:compile") as compiled:
    assert specialise(double, types.int64(types.int64), factor=2)(21) == 42
print(bool(compiled.buffer), cache.folder())
"""


def run(folder, code=TINY, package=None, **environment):
    """Return whether a process compiled, and where it keeps what it compiles."""
    path = {"PYTHONPATH": os.pathsep.join(filter(None, [str(package or ""), os.environ.get("PYTHONPATH")]))}
    settings = {"POOLCLI_CACHE_DIR": str(folder), **path, **environment}
    command = [sys.executable, "-c", code]
    result = subprocess.run(
        command, cwd=package, env=os.environ | settings, capture_output=True, text=True, timeout=100
    )
    assert (result.returncode, result.stderr) == (0, "")
    compiled, kept = result.stdout.rstrip("\n").split(" ", 1)
    return compiled == "True", Path(kept)


@pytest.fixture
def package(tmp_path):
    """Return a folder with a copy of the package, without anything compiled."""
    shutil.copytree(Path(poolcli.__file__).parent, tmp_path / "copy/poolcli", ignore=shutil.ignore_patterns("__*__"))
    return tmp_path / "copy"


def test_the_environment_names_the_folder(monkeypatch, tmp_path):
    root = cache.root.__wrapped__
    for name in ("POOLCLI_CACHE_DIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path in root().parents
    assert root().name == "poolcli"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "numba"))
    assert root() == tmp_path / "numba" / "poolcli"
    monkeypatch.setenv("POOLCLI_CACHE_DIR", "~/own")
    assert root() == tmp_path / "own"
    monkeypatch.setenv("POOLCLI_CACHE_DIR", "")
    assert root() == tmp_path / "numba" / "poolcli"


@compiled_only
def test_nothing_is_kept_beside_the_source(package, tmp_path):
    before = sorted(package.rglob("*.*"))
    assert run(tmp_path / "cache", package=package, PYTHONDONTWRITEBYTECODE="1")[0]
    assert sorted(package.rglob("*.*")) == before
    (kept,) = (tmp_path / "cache").rglob("*.*")
    assert re.fullmatch(r"__main__\.double_2_[0-9a-f]{8}\.nbc", kept.name)
    assert not run(tmp_path / "cache", package=package)[0]


@pytest.mark.quick_when(lambda file: file == "pools/norms.py")
@compiled_only
@pytest.mark.parametrize("file", ["engine/arithmetic.py", "pools/norms.py"])
def test_another_file_of_kernels_that_changes_makes_all_compile_anew(file, package, tmp_path):
    _, before = run(tmp_path / "cache", package=package)
    with (package / "poolcli" / file).open("a") as source:
        source.write("\nother = 1\n")
    compiled, after = run(tmp_path / "cache", package=package)
    assert compiled
    assert before != after


@compiled_only
def test_another_processor_has_its_own_folder(tmp_path):
    _, before = run(tmp_path)
    compiled, after = run(tmp_path, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
    assert compiled
    assert before != after


@compiled_only
def test_what_is_cut_off_is_compiled_anew(tmp_path):
    _, folder = run(tmp_path)
    (kernel,) = folder.iterdir()
    whole = kernel.read_bytes()
    for size in (0, len(whole) // 2):
        kernel.write_bytes(whole[:size])
        assert run(tmp_path)[0]
        assert not run(tmp_path)[0]


@compiled_only
def test_old_digests_are_removed_and_nothing_else(tmp_path):
    outside = tmp_path / "outside"
    root = tmp_path / "cache"
    names = [f"kernels-{i:016x}" for i in range(8)]
    for i, name in enumerate([*names, "kernels-mine", "other-0123456789abcdef"]):
        (root / name).mkdir(parents=True)
        (root / name / "a.nbc").touch()
        os.utime(root / name, (i, i))
    outside.mkdir()
    (outside / "precious").touch()
    (root / f"kernels-{'f' * 16}").symlink_to(outside)
    (root / f"kernels-{'e' * 16}").touch()
    _, folder = run(root)
    # The three that were used last stay: two environments that are used in turns do not take each other's away.
    links_and_files = {f"kernels-{'f' * 16}", f"kernels-{'e' * 16}"}
    left = {folder.name, *names[5:], "kernels-mine", "other-0123456789abcdef", *links_and_files}
    assert {path.name for path in root.iterdir()} == left
    assert (outside / "precious").exists()


@compiled_only
def test_a_folder_removed_under_a_process_is_made_again(tmp_path):
    code = TINY + "import shutil; shutil.rmtree(cache.folder())\n"
    code += "specialise(double, types.int64(types.int64), factor=3)\n"
    _, folder = run(tmp_path, code)
    (kept,) = folder.iterdir()
    assert kept.name.startswith("__main__.double_3_")


@compiled_only
def test_a_full_disk_compiles_in_every_run(tmp_path):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
    limit += "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    for _ in range(2):
        compiled, folder = run(tmp_path, limit + TINY, PYTHONDONTWRITEBYTECODE="1")
        assert compiled
        assert list(folder.iterdir()) == []
