"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from functools import cache
from pathlib import Path, PurePath
from typing import BinaryIO

_EXISTS = "exists; overwrite=True replaces it"

# Hidden, of this machine and process: what a killed one left behind is known by both.
_HOST = f"{zlib.crc32(platform.node().encode()):08x}"
_MARK = ".poolcli-"
_LEFT = re.compile(rf"{re.escape(_MARK)}{_HOST}-(\d+)-")
_writing: set[str] = set()  # hidden files of this process
_proofs: ContextVar[Proofs | None] = ContextVar("proofs", default=None)


class WriteError(Exception):
    """What is wrong with an output, in one line, and its path; the remedy is the argument that helps."""

    def __init__(self, problem: str, path: PurePath, remedy: str | None = None) -> None:
        super().__init__(problem, path, remedy)  # all of which come back from another process
        self.path, self.remedy = path, remedy

    def __str__(self) -> str:
        return str(self.args[0])


class Proofs:
    """Which files a batch has written, told by hidden files beside them that last until their jobs are reported.

    A machine may be lost after it wrote a file and before it said so. Another does the job again, and may replace that
    file, but no other: it is known by its size and the time of its last change.
    """

    def __init__(self, batch: str) -> None:
        self._batch = batch
        self.made: list[Path] = []
        self.folders: set[Path] = set()  # that were written to

    @staticmethod
    def new() -> str:
        """Return the name of a batch: that of its hidden files begins with it, and with this machine and process."""
        return f"{_MARK}{_HOST}-{os.getpid()}-{os.urandom(6).hex()}"

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Keep proofs of what is written inside the block."""
        before = _proofs.set(self)
        try:
            yield
        finally:
            _proofs.reset(before)

    def add(self, temporary: str, target: Path) -> None:
        """Write how a file, which will be put in place, is known."""
        proof = self._beside(target)
        with open(proof, "a") as file:  # of two machines that do one job each has a line
            file.write(f"{_known_by(temporary)}\n")
        self.made.append(proof)

    def have(self, target: Path) -> bool:
        """Return whether the batch wrote a file."""
        try:
            return _known_by(target) in self._beside(target).read_text().splitlines()
        except OSError:
            return False

    def _beside(self, target: Path) -> Path:
        return target.with_name(f"{self._batch}-{zlib.crc32(os.fsencode(target.name)):08x}")

    @staticmethod
    def forget(batch: str, folders: Iterable[Path]) -> None:
        """Remove all proofs of a batch from folders, and the hidden files of processes that were killed there."""
        for folder in folders:
            clean(folder)
            for proof in folder.glob(f"{batch}-*"):
                proof.unlink(missing_ok=True)


def _known_by(path: str | Path) -> str:
    status = os.lstat(path)
    return f"{status.st_size} {status.st_mtime_ns}"


def is_own(target: Path) -> bool:
    """Return whether a file was written by the batch whose job is done, when it was done before."""
    proofs = _proofs.get()
    return proofs is not None and proofs.have(target)


def place(write: Callable[[BinaryIO], object], target: Path, overwrite: bool) -> None:
    """Put a file in place at once: written under a hidden name in the same folder, closed, then renamed."""
    import tempfile

    check_free(target, overwrite)
    mode = _mode_of(target)
    temporary = None
    try:
        prefix = f"{_MARK}{_HOST}-{os.getpid()}-"
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=prefix, delete=False) as file:
            temporary = file.name
            _writing.add(temporary)
            write(file)  # type: ignore[arg-type]
        os.chmod(temporary, mode)
        if proofs := _proofs.get():
            proofs.folders.add(target.parent)
        if overwrite:
            os.replace(temporary, target)
        else:
            if proofs:
                proofs.add(temporary, target)
            _rename_new(temporary, target)
    except OSError as error:
        raise WriteError(error.strerror or str(error), target) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):  # renamed, unless something went wrong
                os.unlink(temporary)
            _writing.discard(temporary)


def forget() -> None:
    """Remove the hidden files of writers that are given up; one that goes on after all finds its file gone."""
    for temporary in list(_writing):
        with contextlib.suppress(OSError):
            os.unlink(temporary)


@cache
def clean(folder: Path) -> None:
    """Remove the hidden files of processes that were killed while they wrote to a folder."""
    if os.name != "posix":  # where asking whether a process lives may end it
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            left = _LEFT.match(entry.name)
            if left and not _lives(int(left[1])):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


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
    if not overwrite and os.path.lexists(target) and not is_own(target):
        raise WriteError(_EXISTS, target, "overwrite")


def _rename_new(temporary: str, target: Path) -> None:
    """Rename, and fail where the target exists by now: a link is made at once or not at all, a rename replaces."""
    try:
        os.link(temporary, target)
    except OSError as error:  # it exists, or the file system has no links
        if isinstance(error, FileExistsError) or os.path.lexists(target):
            check_free(target, overwrite=False)
        os.replace(temporary, target)
    else:
        os.unlink(temporary)


def _mode_of(target: Path) -> int:
    """Return the permissions of the file to be replaced, or those of a new file."""
    try:
        return target.stat().st_mode & 0o7777
    except OSError:
        umask = os.umask(0)
        os.umask(umask)
        return 0o666 & ~umask


def shown(path: PurePath | None) -> str:
    """Return a path on one line, whatever it is made of; no path is a standard stream."""
    text = "-" if path is None else str(path)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
