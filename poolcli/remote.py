"""Files that URLs name, as `s3://bucket/a.png`, by fsspec, which is imported when there is one.

Whatever goes wrong in a store is an OSError whose `strerror` is one line; a scheme that is not known, or whose package
is missing, is a ValueError.
"""

from __future__ import annotations

import errno
import logging
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Literal, cast

PATIENCE = 20.0  # seconds, for what a store says of a file; fsspec's packages try again for minutes

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_LOCAL = ("file", "local")
_WEB = ("http", "https")  # no store: nothing is written there, and a folder is a page of links
_BUCKETS = ("gcs", "gs", "s3", "s3a")
_STORES = (*_BUCKETS, "memory")  # show an object whole or not at all, and put it only where there is none, if asked to
_EXTRA = (*_WEB, *_BUCKETS)  # whose packages the extra `cloud` brings
_NO_FILE, _NO_BUCKET = "no such file", "no such bucket"


def scheme_of(name: str) -> str:
    """Return the scheme of a URL, or nothing where a name is one of this machine.

    >>> scheme_of("s3://bucket/a.png"), scheme_of("file:///a.png"), scheme_of("a.png")
    ('s3', '', '')
    """
    found = _URL.match(name)
    scheme = found[1].lower() if found else ""
    return "" if scheme in _LOCAL else scheme


def without_scheme(name: str) -> str:
    """Return the path in a URL of this machine; any other name is a path already.

    >>> without_scheme("file:///folder/a.png"), without_scheme("a.png")
    ('/folder/a.png', 'a.png')
    """
    return name.partition("://")[2] if _URL.match(name) else name


def located(name: str) -> Path:
    """Return the path of a URL, which has the attributes of a `pathlib.Path`, or raise a ValueError."""
    scheme = scheme_of(name)
    try:
        import fsspec
        from upath import UPath
    except ImportError:
        raise ValueError(_missing(scheme)) from None
    try:
        package = fsspec.get_filesystem_class(scheme).__module__.partition(".")[0]
        _quieten(package)
    except ImportError as error:
        way = f"{scheme}://: {_line(error)}"
        raise ValueError(_missing(scheme) if scheme in _EXTRA else way) from None
    except ValueError:
        what = "is no scheme that is known here"
        raise ValueError(f"{scheme}:// {what}: the extra cloud brings s3://, gs://, https:// and memory://") from None
    try:
        return cast(Path, UPath(scheme + name[len(scheme) :]))
    except ValueError as error:
        raise ValueError(f"{name}: {_line(error)}") from None


@cache
def _quieten(package: str) -> None:
    """Keep a package from logging to standard error where nobody asked for its log: what fails is an error here."""
    logging.getLogger(package).addHandler(logging.NullHandler())


def _missing(scheme: str) -> str:
    return f"{scheme}:// needs packages, and pip install 'poolcli-image[cloud]' brings them"


def split(path: Path) -> tuple[str, str]:
    """Return the folder of a path, and the name below it, to which a query belongs, whatever that holds."""
    place, mark, query = str(path).partition("?")
    if not mark or scheme_of(place) not in _WEB:
        return str(path.parent), path.name
    folder, _, name = place.rpartition("/")
    return folder, name + mark + query


def unwritable(path: Path) -> str:
    """Return why nothing can be written to where a path is, or nothing."""
    scheme = scheme_of(str(path))
    return f"{scheme}:// is read alone, and cannot be written" if scheme in _WEB else ""


def kind(path: Path) -> Literal["file", "folder", ""]:
    """Return what is there: a file, a folder or nothing."""
    if scheme_of(str(path)) in _WEB and str(path).endswith("/"):
        return "folder"
    try:
        found = _about(path)
    except FileNotFoundError as error:
        if error.strerror != _NO_FILE:
            raise
        if scheme_of(str(path)) in _BUCKETS and "/" not in _key(path).rstrip("/"):
            raise FileNotFoundError(errno.ENOENT, _NO_BUCKET, str(path)) from None
        return ""
    return "folder" if found["type"] == "directory" else "file"


def size(path: Path) -> int | None:
    """Return the bytes of a file, or None where they are not told before it is read."""
    about = _about(path)
    if about["type"] == "directory":
        raise IsADirectoryError(errno.EISDIR, "not a file", str(path))
    return about.get("size")


def stamp(path: Path) -> str:
    """Return what changes when a file does."""
    return str(sorted(_about(path).items()))


def read(path: Path) -> bytes:
    """Return the content of a file."""
    with _in_words(path):
        return bytes(_system(path).cat_file(_key(path)))


def download(path: Path, target: str) -> None:
    """Copy a file to one of this machine."""
    with _in_words(path):
        _system(path).get_file(_key(path), target)


def upload(source: str, target: Path, overwrite: bool, hidden: str) -> None:
    """Copy a file of this machine, which appears whole or not at all.

    A store that shows what it has of an object gets it under the hidden name first.
    """
    if reason := unwritable(target):
        raise OSError(errno.EROFS, reason, str(target))
    with _in_words(target):
        if scheme_of(str(target)) in _STORES:
            _put(source, target, overwrite)
        else:
            _put_hidden(source, target, overwrite, hidden)


def upload_folder(source: Path, target: Path, overwrite: bool, last: Sequence[str]) -> None:
    """Copy a folder of this machine; what says that it is an image, files of these names in it, comes last."""
    if reason := unwritable(target):
        raise OSError(errno.EROFS, reason, str(target))
    with _in_words(target):
        system, key = _system(target), _key(target).rstrip("/")
        if system.exists(key):
            if not overwrite:
                raise FileExistsError(key)
            system.rm(key, recursive=True)
        names = [path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()]
        for name in sorted(names, key=lambda name: (name in last, name)):
            if scheme_of(str(target)) not in _BUCKETS:
                system.makedirs(f"{key}/{name}".rpartition("/")[0], exist_ok=True)
            system.put_file(str(source / name), f"{key}/{name}")


def _put(source: str, target: Path, overwrite: bool) -> None:
    """Put an object at once; unless it may be replaced the store itself sees to it that there is none."""
    system, key = _system(target), _key(target)
    if overwrite:
        system.put_file(source, key)
        return
    try:
        system.put_file(source, key, mode="create")
    except (NotImplementedError, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.ENOSYS:
            raise
        if system.exists(key):  # a store that knows no condition
            raise FileExistsError(key) from None
        system.put_file(source, key)


def _put_hidden(source: str, target: Path, overwrite: bool, hidden: str) -> None:
    """Put a file under another name in the folder that it goes to, which is made, and move it."""
    system, key = _system(target), _key(target)
    folder = key.rpartition("/")[0]
    temporary = f"{folder}/{hidden}"
    system.makedirs(folder, exist_ok=True)
    try:
        system.put_file(source, temporary)
        if system.exists(key):
            if not overwrite:
                raise FileExistsError(key)
            system.rm_file(key)
        system.mv(temporary, key)
    finally:
        with suppress(Exception):  # moved, unless something went wrong
            system.rm_file(temporary)


def below(folder: Path, deep: bool) -> Iterator[str]:
    """Yield the names of the files below a folder, in its folders too if deep.

    Keys that are no path below it, as those with `..` or an empty part, are left out.
    """
    with _in_words(folder):
        system, root = _system(folder), _key(folder).rstrip("/")
        place = f"{root}/" if scheme_of(root) in _WEB else root  # a page without the slash is another page
        if deep:
            found: Mapping[str, Any] = system.find(place, detail=True)
        else:
            found = {entry["name"]: entry for entry in system.ls(place, detail=True)}
    for name, about in found.items():
        below = name[len(root) + 1 :]
        if about["type"] == "file" and not {"", ".", ".."} & {*below.split("/")}:
            yield below


def has_folders(folder: Path) -> bool:
    """Return whether there are folders in a folder."""
    with _in_words(folder):
        return any(about["type"] == "directory" for about in _system(folder).ls(_key(folder), detail=True))


def matching(pattern: Path) -> list[Path]:
    """Return the files that a pattern matches, but hidden ones, unless it begins with a dot where they do."""
    with _in_words(pattern):
        system = _system(pattern)
        found = system.glob(_key(pattern), detail=True)
    fixed = len(PurePosixPath(re.split(r"[*?[]", str(pattern))[0].rpartition("/")[0]).parts)
    paths = [located(_url(pattern, name)) for name, about in found.items() if about["type"] == "file"]
    if "/." in str(pattern):
        return paths
    return [path for path in paths if not any(one.startswith(".") for one in PurePosixPath(str(path)).parts[fixed:])]


def _url(like: Path, key: str) -> str:
    return key if _URL.match(key) else f"{scheme_of(str(like))}://{key}"


def _system(path: Any) -> Any:
    return path.fs


def _key(path: Any) -> str:
    return str(path.path)


def _about(path: Path) -> Mapping[str, Any]:
    """Return what a store says of a file, soon: signing in is part of it."""
    begin = time.monotonic()
    with _in_words(path):
        system = _system(path)
        if not system.async_impl:
            return cast(Mapping[str, Any], system.info(_key(path)))
        from fsspec.asyn import sync

        left = PATIENCE - (time.monotonic() - begin)
        return cast(Mapping[str, Any], sync(system.loop, system._info, _key(path), timeout=max(left, 1)))


class RemoteError(OSError):
    """What goes wrong in a store while the parts of a file are read."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Make what a store raises a RemoteError, where a path is a URL."""
    try:
        yield
    except (MemoryError, ValueError, KeyError, TypeError):  # said of what was read
        raise
    except Exception as error:
        if not hasattr(path, "protocol"):
            raise
        raise RemoteError(*_words(error), str(path)) from error


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """Make whatever a store raises an OSError of one line."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise OSError(*_words(error), str(path)) from error


def _words(error: Exception) -> tuple[int, str]:
    """Return the number of an error, and what is said of it: by its class, its status, its text."""
    names, said = {kind.__name__ for kind in type(error).__mro__}, _line(error)
    status = getattr(error, "status", None) or getattr(error, "code", None)
    if isinstance(error, FileNotFoundError):
        cause = error.__cause__  # of a page, whatever went wrong
        if isinstance(cause, Exception) and getattr(cause, "status", None) != 404:
            number, said_of_cause = _words(cause)
            if number in (errno.EACCES, errno.ETIMEDOUT, errno.EHOSTUNREACH) or hasattr(cause, "status"):
                return number, said_of_cause
        return errno.ENOENT, _NO_BUCKET if "bucket" in said and "not exist" in said else _NO_FILE
    if isinstance(error, FileExistsError) or "pre-condition" in said:
        return errno.EEXIST, "exists"
    if names & {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "GoogleAuthError"}:
        return errno.EACCES, f"no credentials: {said}"
    if isinstance(error, PermissionError) or status in (401, 403) or said.startswith("Forbidden"):
        return errno.EACCES, f"access is refused: {said}"
    if isinstance(error, TimeoutError) or any("Timeout" in name for name in names):
        return errno.ETIMEDOUT, "cannot be reached: no answer in time"
    if isinstance(error, ConnectionError) or any("Connect" in name for name in names):
        return errno.EHOSTUNREACH, f"cannot be reached: {said}"
    if isinstance(error, OSError) and error.strerror:
        return error.errno or errno.EIO, error.strerror.splitlines()[0]
    return errno.EIO, said


def _line(error: Exception) -> str:
    """Return the first line of what an error says, or else its name."""
    status = getattr(error, "status", None)
    said = f"{status} {getattr(error, 'message', '')}" if status else str(error)
    return next((line for line in said.splitlines() if line.strip()), type(error).__name__).strip()
