"""Files and folders of data that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path, PurePath
from typing import BinaryIO

_EXISTS = "exists; overwrite=True replaces it"

# Hidden, of this machine and process: what a killed one left behind is known by both.
_HOST = f"{zlib.crc32(platform.node().encode()):08x}"
_MARK = ".poolcli-"
_LEFT = re.compile(rf"{re.escape(_MARK)}{_HOST}-(\d+)-")
_writing: set[str] = set()  # hidden files and folders of this process


IsAlike = Callable[[Path], bool]
"""Returns whether a folder is of the kind that is to be written, and may be replaced by another."""


class WriteError(Exception):
    """What is wrong with an output, in one line, and its path; the remedy is the argument that helps."""

    def __init__(self, problem: str, path: PurePath, remedy: str | None = None) -> None:
        super().__init__(problem, path, remedy)  # all of which come back from another process
        self.path, self.remedy = path, remedy

    def __str__(self) -> str:
        return str(self.args[0])


def place(write: Callable[[BinaryIO], object], target: Path, overwrite: bool) -> None:
    """Put a file in place at once: written under a hidden name in the same folder, closed, then renamed."""
    import tempfile

    check_free(target, overwrite)
    mode = _mode_of(target)
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=_prefix(), delete=False) as file:
            temporary = file.name
            _writing.add(temporary)
            write(file)  # type: ignore[arg-type]
        os.chmod(temporary, mode)
        if overwrite:
            os.replace(temporary, target)
        else:
            _rename_new(temporary, target)
    except OSError as error:
        raise WriteError(error.strerror or str(error), target) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):  # renamed, unless something went wrong
                os.unlink(temporary)
            _writing.discard(temporary)


def place_folder(write: Callable[[Path], object], target: Path, overwrite: bool, is_alike: IsAlike) -> None:
    """Put a folder of data in place at once: written under a hidden name beside it, then renamed.

    It replaces a file, or a folder that is alike: no other kind of folder.
    """
    import tempfile

    check_free(target, overwrite)
    _check_alike(target, is_alike)
    temporary = None
    try:
        temporary = tempfile.mkdtemp(dir=target.parent, prefix=_prefix())
        _writing.add(temporary)
        write(Path(temporary))
        os.chmod(temporary, _mode_of(target, 0o777))
        if temporary not in _writing:  # given up: what was written after that is no whole
            raise WriteError("given up before it was whole", target)
        check_free(target, overwrite)
        _check_alike(target, is_alike)
        _exchange(temporary, target)
    except OSError as error:
        raise WriteError(error.strerror or str(error), target) from error
    finally:
        if temporary is not None:
            _remove(temporary)  # renamed, unless something went wrong
            _writing.discard(temporary)


def _check_alike(target: Path, is_alike: IsAlike) -> None:
    """Raise a WriteError if a folder is in the way that is not to be replaced."""
    if target.is_dir() and not is_alike(target):
        raise WriteError("is a folder of another kind, which is never replaced: another name is free", target)


def _exchange(temporary: str, target: Path) -> None:
    """Rename a folder to its name, and remove what had the name before."""
    old = None
    if os.path.lexists(target):
        # No name that `clean` knows: whoever is killed between two renames leaves it behind, and loses nothing.
        old = str(target.with_name(f"{_MARK}replaced-{os.path.basename(temporary)[-8:]}"))
        os.rename(target, old)
    try:
        os.rename(temporary, target)
    except OSError:
        if old is not None:
            os.rename(old, target)
        raise
    if old is not None:
        _remove(old)


def _remove(path: str) -> None:
    """Remove a file or a folder with all that is in it, if it is there."""
    import shutil

    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        os.unlink(path)


def forget() -> None:
    """Remove what writers that are given up have written; one that goes on after all finds its file gone."""
    for temporary in list(_writing):
        _writing.discard(temporary)
        _remove(temporary)


@cache
def clean(folder: Path) -> None:
    """Remove the hidden files and folders of processes that were killed while they wrote to a folder."""
    if os.name != "posix":  # where asking whether a process lives may end it
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            left = _LEFT.match(entry.name)
            if left and not _lives(int(left[1])):
                _remove(entry.path)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def check_free(target: Path, overwrite: bool) -> None:
    """Raise a WriteError if a file is in the way."""
    if not overwrite and os.path.lexists(target):
        raise WriteError(_EXISTS, target, "overwrite")


def _rename_new(temporary: str, target: Path) -> None:
    """Rename, and fail where the target exists by now: a link is made at once or not at all, a rename replaces."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise WriteError(_EXISTS, target, "overwrite") from None
    except OSError:  # a file system without links
        if os.path.lexists(target):
            raise WriteError(_EXISTS, target, "overwrite") from None
        os.replace(temporary, target)
    else:
        os.unlink(temporary)


def _prefix() -> str:
    """Return how the hidden names of this process begin."""
    return f"{_MARK}{_HOST}-{os.getpid()}-"


def _mode_of(target: Path, usual: int = 0o666) -> int:
    """Return the permissions of what is to be replaced, or those of a new file."""
    try:
        return target.stat().st_mode & 0o7777
    except OSError:
        umask = os.umask(0)
        os.umask(umask)
        return usual & ~umask


def shown(path: PurePath | None) -> str:
    """Return a path on one line, whatever it is made of; no path is a standard stream."""
    text = "-" if path is None else str(path)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
