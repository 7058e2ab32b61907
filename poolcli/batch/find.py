"""The inputs: files, folders, patterns and lists, in natural order."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatch
from pathlib import Path, PurePath
from typing import Self

from poolcli import remote
from poolcli.batch.jobs import BatchError
from poolcli.files import content, is_remote, located, real, shown, what_is
from poolcli.images.formats import ENDINGS, folder_of, is_image_folder

STREAM = "-"


@dataclass(frozen=True, slots=True)
class Found:
    """An input: a folder that all its files share, and a name below it, which is mirrored below an output folder.

    Texts, not paths, which take five times the memory: a batch may have a million. No folder is standard input.
    """

    folder: str | None
    name: str

    @classmethod
    def at(cls, path: Path) -> Self:
        """Return an input that is named itself."""
        folder, name = remote.split(path) if is_remote(path) else (str(path.parent), path.name)
        return cls(sys.intern(folder), name)

    @property
    def path(self) -> Path | None:
        """Return its path; None is standard input."""
        return None if self.folder is None else located(self.folder, self.name)


@dataclass(frozen=True)
class Search:
    """How folders, patterns and lists are looked through."""

    recursive: bool = False
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    leave_out: Path | None = None  # a folder: that of the output

    def takes(self, below: PurePath, named: bool = False) -> bool:
        """Return whether a file is wanted: by the patterns given, or else because it is named, or by its ending."""

        def matches(patterns: Sequence[str]) -> bool:
            return any(fnmatch(below.name, pattern) or fnmatch(below.as_posix(), pattern) for pattern in patterns)

        wanted = matches(self.include) if self.include else named or below.suffix.lower() in ENDINGS
        return wanted and not matches(self.exclude)


def find(
    names: Sequence[str], listed: str | None, null: bool, search: Search, warn: Callable[[str], object]
) -> list[Found]:
    """Return all inputs that are named, and those that a list names, or raise a BatchError.

    Of several folders some may hold no images: that is a warning.
    """
    if listed == STREAM and STREAM in names:
        raise BatchError("standard input is an image or the list of them, not both")
    found = [file for name in names for file in _named(name, search, None if len(names) == 1 else warn)]
    if names and not found:
        raise BatchError(f"{', '.join(names)}: hold no images")
    if listed is not None:
        paths = [located(name) for name in _lines(listed, null)]
        # A file that has vanished since the list was made is that file's failure.
        found += [Found.at(path) for path in paths if search.takes(path, named=True)]
        if not found:
            raise BatchError(f"{listed}: the list names no images")
    return found


def _named(name: str, search: Search, warn: Callable[[str], object] | None) -> Iterator[Found]:
    path = located(name)
    what = "" if name == STREAM else what_is_input(path)
    if name == STREAM:
        yield Found(None, "stdin")
    elif is_image_folder(path):
        yield Found.at(path)
    elif what == "folder":
        files = _sorted(_inside(path, search))
        if not files and warn is None:
            raise BatchError(f"{shown(path)}: {_why_none(path, search)}")
        if not files and warn:
            warn(f"{shown(path)}: {_why_none(path, search)}")
        yield from files
    elif what == "file":
        yield Found.at(path)
    elif glob.has_magic(name):
        files = [Found.at(match) for match in _matching(name, search) if search.takes(match)]
        if not files:
            raise BatchError(f"{shown(path)}: the pattern matches no images")
        yield from _sorted(files)
    else:
        raise BatchError(f"{shown(path)}: no such file or folder{_near(path)}")


def what_is_input(path: Path) -> str:
    """Return what a path leads to; what may not be looked at may be a file, and its failure is its own.

    A folder that is an image is as good as a file.
    """
    try:
        return "file" if is_image_folder(path) else what_is(path)
    except PermissionError:
        return "file"


def _near(path: Path) -> str:
    """Return which file may have been meant by a name that there is not."""
    if is_remote(path):
        return ""
    try:
        names = os.listdir(path.parent)
    except OSError:
        return ""
    alike = [name for name in names if Path(name).stem == path.stem] or get_close_matches(path.name, names, 1, 0.8)
    return f", did you mean {shown(path.with_name(alike[0]))}?" if alike else ""


def _why_none(folder: Path, search: Search) -> str:
    """Return why a folder has no inputs, and what finds some."""
    pictures = len(list(_inside(folder, replace(search, include=(), exclude=()))))
    deeper = not search.recursive and _has_folders(folder)
    more = ", and --recursive would descend into its folders" if deeper else ""
    if not pictures or not (search.include or search.exclude):
        return f"the folder holds no images{more}"
    if not search.include:
        return f"--exclude leaves out all of its images{more}"
    given = " ".join(f"--include {pattern!r}" for pattern in search.include)
    bare = [pattern for pattern in search.include if f".{pattern.lstrip('.').lower()}" in ENDINGS]
    way = f": a pattern is wanted, as '*.{bare[0].lstrip('.')}'" if bare else ""
    return f"none of its {pictures} image{'s' * (pictures > 1)} matches {given}{more}{way}"


def _has_folders(folder: Path) -> bool:
    return remote.has_folders(folder) if is_remote(folder) else any(entry.is_dir() for entry in folder.iterdir())


def part(found: Sequence[Found], names: Sequence[str]) -> tuple[list[Found], list[Found]]:
    """Part images from what else a shell's pattern brought along; without an image, nothing is left out."""
    named = {located(name) for name in names}
    pictures, others = list[Found](), list[Found]()
    for file in found:
        (others if file.path in named and _is_other(file.path) else pictures).append(file)
    return (pictures, others) if pictures else (others, [])


def _is_other(path: Path | None) -> bool:
    if path is None or path.suffix.lower() in ENDINGS:
        return False
    from poolcli.images.read import is_picture

    return not is_picture(path)


def _matching(pattern: str, search: Search) -> Iterator[Path]:
    """Yield the files that a pattern matches, without those of an output folder below what it names."""
    path = located(pattern)
    if is_remote(path):
        out = search.leave_out and f"{real(search.leave_out)}/"
        inside = out and pattern.startswith(out)
        yield from (path for path in remote.matching(path) if not out or inside or not str(path).startswith(out))
        return
    parts = path.parts
    root = Path(*parts[: next(i for i, part in enumerate(parts) if glob.has_magic(part))])
    leave_out = search.leave_out and Path(real(search.leave_out))
    if leave_out and Path(os.path.realpath(root)).is_relative_to(leave_out):
        leave_out = None
    for name in glob.iglob(remote.without_scheme(pattern), recursive=True):
        path = Path(name)
        if (path.is_file() or is_image_folder(path)) and not (
            leave_out and Path(os.path.realpath(path)).is_relative_to(leave_out)
        ):
            yield path


def _inside(folder: Path, search: Search) -> Iterator[Found]:
    """Yield the images of a folder, but hidden ones, links, and what the output folder holds."""
    leave_out = real(search.leave_out) if search.leave_out else None
    if leave_out == real(folder):  # images are replaced where they are
        leave_out = None
    if is_remote(folder):
        yield from _inside_remote(folder, search, leave_out)
        return
    for top, folders, files in os.walk(folder):
        if leave_out:
            folders[:] = [name for name in folders if os.path.realpath(os.path.join(top, name)) != leave_out]
        images = [name for name in folders if folder_of(Path(top, name))]
        folders[:] = [name for name in folders if search.recursive and not name.startswith(".") and name not in images]
        prefix = os.path.relpath(top, folder) if top != str(folder) else ""
        for name in (*files, *images):
            below = os.path.join(prefix, name)
            hidden = name.startswith(".") and not search.include
            if not hidden and search.takes(PurePath(below)) and not os.path.islink(os.path.join(top, name)):
                yield Found(str(folder), below)


def _inside_remote(folder: Path, search: Search, leave_out: str | None) -> Iterator[Found]:
    """Yield the images of a folder behind a URL, but hidden ones, and what the output folder holds."""
    for below in remote.below(folder, search.recursive):
        parts = below.split("/")
        hidden = any(part.startswith(".") for part in parts[:-1]) or (parts[-1].startswith(".") and not search.include)
        ours = leave_out and str(located(str(folder), below)).startswith(f"{leave_out}/")
        if not hidden and not ours and search.takes(PurePath(below)):
            yield Found(str(folder), below)


def _sorted(files: Iterable[Found]) -> list[Found]:
    files = list(files)
    if len(files) < 2:
        return files
    from natsort import natsorted, ns

    return natsorted(files, key=lambda found: os.path.join(found.folder or "", found.name), alg=ns.PATH)


def _lines(listed: str, null: bool) -> list[str]:
    try:
        names = sys.stdin.buffer.read() if listed == STREAM else content(located(listed))
    except OSError as error:
        raise BatchError(f"{listed}: {error.strerror or error}") from None
    if not null and b"\0" in names:
        raise BatchError(f"{listed}: its names end with NUL, as of find -print0: --null reads them so")
    lines = names.split(b"\0") if null else names.splitlines()
    return [os.fsdecode(line) for line in lines if line]
