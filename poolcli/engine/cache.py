"""Where compiled kernels are kept: a folder of the user's, never beside the source."""

from __future__ import annotations

import os
import pickle
import shutil
import sys
import tempfile
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numba
import platformdirs

from poolcli.engine import internals

_PREFIX, _ENDING = "kernels-", ".nbc"
_MOST = 4  # digests that stay: of versions and environments that are used in turns


class KernelCache(internals.NullCache):
    """Numba's cache of one function for one signature: one file, whose name and folder tell all that it depends on.

    Numba's own looks at the source of one file only and would serve old code of the others, lies beside the source
    while that can be written, and sets up what compilation alone needs even to load: 0.1 s of a first call.
    """

    def __init__(self, name: str) -> None:
        self._file = folder() / f"{name}{_ENDING}"

    @property
    def cache_path(self) -> str:
        """Return the folder."""
        return str(self._file.parent)

    def load_overload(self, signature: Any, context: Any) -> Any:
        """Return what was compiled before, or None."""
        try:
            return internals.unpacked(self._file.read_bytes(), context)
        except (OSError, EOFError, pickle.UnpicklingError):  # not there, or cut off when the machine stopped
            return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep what was compiled, where it can be kept."""
        if data := internals.packed(result):
            with suppress(OSError):
                _write(self._file, data)


@cache
def root() -> Path:
    """Return the folder that is poolcli's own."""
    if named := os.environ.get("POOLCLI_CACHE_DIR"):
        return Path(named).expanduser().absolute()
    if named := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(named).absolute() / "poolcli"
    return platformdirs.user_cache_path("poolcli", appauthor=False)


@cache
def folder() -> Path:
    """Return the folder of these kernels, of this Numba, this Python and this processor."""
    made = root() / f"{_PREFIX}{digest()}"
    with suppress(OSError):
        os.utime(made)  # tells what is in use
    return made


@cache
def digest() -> str:
    """Return a checksum of all that compiled code depends on."""
    checksum = sha256(repr((numba.__version__, sys.version, internals.processor())).encode())
    package = Path(__file__).parents[1]
    for source in sorted([*package.glob("engine/*.py"), *package.glob("pools/*.py")]):
        checksum.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return checksum.hexdigest()[:16]


def is_writable() -> bool:
    """Tell whether kernels can be kept."""
    try:
        _make()
        tempfile.TemporaryFile(dir=folder()).close()
    except OSError:
        return False
    return True


def kernels() -> list[Path]:
    """Return the files of these kernels."""
    return sorted(folder().glob(f"*{_ENDING}"))


def _write(file: Path, data: bytes) -> None:
    """Write a file whole or not at all: others may read and write it at the same time."""
    _make()
    temporary = file.with_name(f"{os.urandom(8).hex()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def _make() -> None:
    """Make the folder; a new one is the time to remove what earlier versions left."""
    if folder().is_dir():
        return
    folder().mkdir(parents=True, exist_ok=True)
    digests = [path for path in root().glob(f"{_PREFIX}{'[0-9a-f]' * 16}") if path.is_dir() and not path.is_symlink()]
    digests.sort(key=_last_use, reverse=True)
    for old in digests[_MOST:]:
        shutil.rmtree(old, ignore_errors=True)


def _last_use(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # removed by another process
        return 0
