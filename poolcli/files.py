"""Files by their names, of this machine or URLs: what is there, and how they are read, and written whole or not at all.

A path is a `pathlib.Path`, or for a URL what `poolcli.remote` makes of it, which has the same attributes.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from functools import cache
from pathlib import Path, PurePath
from typing import Any, BinaryIO, Literal, TypeGuard, cast

from poolcli import remote

_IN_MEMORY = 1 << 28  # bytes of a file behind a URL, before one of this machine holds them
_EXISTS = "exists; overwrite=True replaces it"

# Hidden, of this machine and process: what a killed one left behind is known by both.
_HOST = f"{zlib.crc32(platform.node().encode()):08x}"
_MARK = ".poolcli-"
_LEFT = re.compile(rf"{re.escape(_MARK)}{_HOST}-(\d+)-")
_writing: set[str] = set()  # hidden files and folders of this process
_proofs: ContextVar[Proofs | None] = ContextVar("proofs", default=None)

IsAlike = Callable[[Path], bool]
"""Returns whether a folder is of the kind that is to be written, and may be replaced by another."""


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
    return _known(os.lstat(path))


def _known(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns}"


def may_be_done_again() -> bool:
    """Return whether this is a job of many machines, of which one may have been lost while it did the same."""
    return _proofs.get() is not None


def is_own(target: Path) -> bool:
    """Return whether a file was written by the batch whose job is done, when it was done before."""
    proofs = _proofs.get()
    return proofs is not None and proofs.have(target)


def is_name(source: Any) -> TypeGuard[str | os.PathLike[str]]:
    """Return whether something is the name of a file: a text, a path or that of a URL."""
    return isinstance(source, (str, os.PathLike)) or is_remote(source)


def located(name: str | os.PathLike[str], *below: str) -> Path:
    """Return the path of a name, or of one below it: of this machine or a URL; or raise a ValueError.

    >>> located("folder", "a.png").name, located("folder") / "a.png" == located("folder", "a.png")
    ('a.png', True)
    """
    if not isinstance(name, str):
        path = cast(Path, name) if is_remote(name) else Path(name)
        return path.joinpath(*below)
    if is_url(name):
        first = name if name.endswith("/") or not any(below) else f"{name}/"
        return remote.located(first + "/".join(part for part in below if part))
    return Path(remote.without_scheme(name), *below)


def is_url(name: str) -> bool:
    """Return whether a text is the URL of a file that is not of this machine."""
    return bool(remote.scheme_of(name))


def is_remote(path: object) -> bool:
    """Return whether a path is that of a URL."""
    return hasattr(path, "protocol") and hasattr(path, "joinpath")


def what_is(path: Path) -> Literal["file", "folder", ""]:
    """Return what a path leads to: a file, a folder or nothing; a broken link counts as a file."""
    if is_remote(path):
        return remote.kind(path)
    return "folder" if os.path.isdir(path) else "file" if os.path.lexists(path) else ""


def exists(path: Path) -> bool:
    """Return whether there is a file or a folder; a broken link is none."""
    return bool(remote.kind(path)) if is_remote(path) else path.exists()


def stamp(path: Path) -> str:
    """Return what changes when a file does."""
    return remote.stamp(path) if is_remote(path) else _known(path.stat())


def real(path: Path) -> str:
    """Return the one name of a path, without links."""
    return str(path).rstrip("/") if is_remote(path) else os.path.realpath(path)


@contextlib.contextmanager
def fetched(path: Path, most: int = _IN_MEMORY) -> Iterator[bytes | Path]:
    """Give a file as it can be opened: if a URL names it, its bytes, or above so many a file that holds them."""
    if not is_remote(path):
        yield path
        return
    size = remote.size(path)
    if size is not None and size <= most:
        yield remote.read(path)
        return
    with _hidden(None) as file:
        file.close()
        remote.download(path, file.name)
        yield Path(file.name)


def content(path: Path) -> bytes:
    """Return the bytes of a file."""
    return remote.read(path) if is_remote(path) else path.read_bytes()


def place(write: Callable[[BinaryIO], object], target: Path, overwrite: bool) -> None:
    """Put a file in place at once: written under a hidden name in the same folder, closed, then renamed.

    What a URL names is written to a file of this machine, and sent when it is whole.
    """
    check_free(target, overwrite)
    mode = 0 if is_remote(target) else _mode_of(target)
    try:
        with _hidden(*(None, target.suffix) if is_remote(target) else (target.parent,)) as file:
            write(file)
            file.close()
            if is_remote(target):
                remote.upload(file.name, target, overwrite, f"{_mark()}{target.name}")
                return
            os.chmod(file.name, mode)
            if proofs := _proofs.get():
                proofs.folders.add(target.parent)
            if overwrite:
                os.replace(file.name, target)
            else:
                if proofs:
                    proofs.add(file.name, target)
                _rename_new(file.name, target)
    except FileExistsError as error:
        raise WriteError(_EXISTS, target, "overwrite") from error
    except OSError as error:
        raise WriteError(error.strerror or str(error), target) from error


def deliver(write: Callable[[BinaryIO], object], target: Path, overwrite: bool) -> None:
    """Put a file in place, in a folder that is made, and freed of what killed processes left there."""
    make_folder(target.parent)
    clean(target.parent)
    place(write, target, overwrite)


@contextlib.contextmanager
def _hidden(folder: Path | None, suffix: str = "") -> Iterator[BinaryIO]:
    """Open a new file under a hidden name, which is gone at the end; no folder is that of temporary files."""
    import tempfile

    if folder is None:
        clean(Path(tempfile.gettempdir()))
    with tempfile.NamedTemporaryFile(dir=folder, prefix=_mark(), suffix=suffix, delete=False) as file:
        _writing.add(file.name)
        try:
            yield file  # type: ignore[misc]
        finally:
            with contextlib.suppress(OSError):
                file.close()
            with contextlib.suppress(OSError):  # renamed, unless something went wrong
                os.unlink(file.name)
            _writing.discard(file.name)


def _mark() -> str:
    """Return how hidden names of this process begin."""
    return f"{_MARK}{_HOST}-{os.getpid()}-"


def place_folder(
    write: Callable[[Path], object], target: Path, overwrite: bool, is_alike: IsAlike, last: Sequence[str] = ()
) -> None:
    """Put a folder of data in place at once: written under a hidden name beside it, then renamed.

    It replaces a file, or a folder that is alike: no other kind of folder. What a URL names is written to a folder of
    this machine, and sent when it is whole; files of the names that come last say that it is there.
    """
    import tempfile

    check_free(target, overwrite)
    if is_remote(target) and not overwrite and what_is(target):
        raise WriteError(_EXISTS, target, "overwrite")
    _check_alike(target, is_alike)
    temporary = None
    try:
        temporary = tempfile.mkdtemp(dir=None if is_remote(target) else target.parent, prefix=_mark())
        _writing.add(temporary)
        write(Path(temporary))
        if is_remote(target):
            remote.upload_folder(Path(temporary), target, overwrite, last)
            return
        os.chmod(temporary, _mode_of(target, 0o777))
        if temporary not in _writing:  # given up: what was written after that is no whole
            raise WriteError("given up before it was whole", target)
        check_free(target, overwrite)
        _check_alike(target, is_alike)
        if proofs := _proofs.get():
            proofs.folders.add(target.parent)
            proofs.add(temporary, target)
        _exchange(temporary, target)
    except OSError as error:
        raise WriteError(error.strerror or str(error), target) from error
    finally:
        if temporary is not None:
            _remove(temporary)  # renamed, unless something went wrong
            _writing.discard(temporary)


def _check_alike(target: Path, is_alike: IsAlike) -> None:
    """Raise a WriteError if a folder is in the way that is not to be replaced."""
    if what_is(target) == "folder" and not is_alike(target):
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
    """Remove what killed processes left in a folder: once, however often this is called."""
    remove_left(folder)


def remove_left(folder: Path) -> bool:
    """Remove the hidden files and folders of processes that were killed while they wrote to a folder.

    Return whether there are others, of processes that live.
    """
    if os.name != "posix" or is_remote(folder):  # where asking whether a process lives may end it, or none is known
        return False
    kept = False
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            left = _LEFT.match(entry.name)
            if left and _lives(int(left[1])):
                kept = True
            elif left:
                _remove(entry.path)
    return kept


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    with contextlib.suppress(OSError, IndexError):  # one that ended may wait for its parent to ask how
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def check_free(target: Path, overwrite: bool) -> None:
    """Raise a WriteError if a file is in the way, or none can be written there."""
    if not is_remote(target):
        taken = not overwrite and os.path.lexists(target) and not is_own(target)
    elif reason := remote.unwritable(target):
        raise WriteError(reason, target)
    else:
        try:
            taken = not overwrite and what_is(target) == "file"
        except OSError as error:
            raise WriteError(error.strerror or str(error), target) from error
    if taken:
        raise WriteError(_EXISTS, target, "overwrite")


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are not there, or raise an OSError that names it.

    What a URL names is made with its files.
    """
    if is_remote(folder):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"the folder {shown(folder)} cannot be made: {error.strerror}"
        raise OSError(error.errno, what, str(folder)) from None


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
