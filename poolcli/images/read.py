"""Files to arrays: what a file is, its first bytes tell, and the class of its format reads it."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from poolcli.files import fetched, is_name, is_remote, located
from poolcli.images.formats import FORMATS, HEAD, folder_of, is_image_folder, sniff
from poolcli.images.types import Codec, Frame, ImageError, NoPictureError, Reading, Source, Writing, damaged
from poolcli.remote import RemoteError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poolcli.images.boxes import Boxes
    from poolcli.images.structure import Said

_TRUNCATED = re.compile("truncated|failed to read|not enough image data", re.IGNORECASE)
"""What codecs say of files that end too early."""


@contextmanager
def open_picture(source: Source, reading: Reading) -> Iterator[Picture]:
    """Open a file, or a folder that holds an image, and check what it claims to hold; nothing is decoded yet."""
    folder = _folder(source) if is_name(source) else None
    if folder is not None:
        with _damage("its metadata cannot be read"):
            picture = Picture(_reader_of_folder(folder, reading))
        yield picture
        return
    with _opened(source) as file:
        with _damage("its header cannot be read"):
            picture = Picture(_reader(file, reading))
        yield picture


class Picture:
    """An open file of one or more images."""

    def __init__(self, reader: Codec) -> None:
        self._reader = reader
        self.frames = reader.frames

    def warnings(self, writing: Writing | None, ignored: bool = False, kept: Collection[Said] = ()) -> list[str]:
        """Return what is odd about the file, as far as it has been read, and what is lost where it is written.

        Its nodata may have been ignored, and the output may keep some of what the file says.
        """
        reader, lost = self._reader, []
        unkept = [said for said in reader.says if said not in kept]
        if unkept and writing:
            from poolcli.images.structure import listed

            lost.append(f"the output does not keep its {listed(unkept)}")
        if reader.nodata and not ignored:
            lost.append(f"its nodata, {reader.nodata}, counts as any other value")
        if not lost or (writing and writing.strip):
            return [*reader.warnings]
        return [*reader.warnings, "; ".join(lost)]

    def read(self, frame: int = 0) -> Frame:
        """Decode one of the images; the first is 0."""
        if not 0 <= frame < self.frames:
            last = f"{self.frames}, 0 to {self.frames - 1}" if self.frames > 1 else "one, 0"
            raise ImageError(f"there is no frame {frame}: the file holds {last}", "frame")
        with _damage("its compressed pixels cannot be unpacked"):
            return self._reader.read(frame)

    def order(self) -> Sequence[int]:
        """Return the images in the order of the planes of the array that the file says they are, or as they come."""
        return self._reader.order()

    def boxes(self, frame: int = 0) -> Boxes | None:
        """Return one of the images to be read in parts, or None where it is read as a whole."""
        with _damage("its header cannot be read"):
            return self._reader.boxes(frame) if 0 <= frame < self.frames else None


def read_box(boxes: Boxes, rows: tuple[int, int], columns: tuple[int, int]) -> NDArray[Any]:
    """Decode a part of an image."""
    with _damage("its compressed pixels cannot be unpacked"):
        return boxes.read(rows, columns)


def is_picture(path: Path) -> bool:
    """Return whether a file begins as an image does: one that is damaged, or cannot be opened, may be one."""
    try:
        with open_picture(path, Reading()):
            return True
    except NoPictureError:
        return False
    except ImageError:
        return True


def _folder(source: str | os.PathLike[str]) -> Path | None:
    """Return the path of a folder that holds an image, or None where a name is that of a file."""
    try:
        path = located(source)
    except ValueError:  # told where it is opened
        return None
    return path if is_image_folder(path) else None


def _reader_of_folder(folder: Path, reading: Reading) -> Codec:
    kind = folder_of(folder)
    if kind is None:
        marks = next(known.marks for known in FORMATS if folder.suffix.lower() in known.endings)
        raise NoPictureError(f"a folder without {', '.join(marks)} is no image")
    return kind.load()(folder, reading)


def _reader(file: BinaryIO, reading: Reading) -> Codec:
    file.seek(0)
    head = file.read(HEAD)
    file.seek(0)
    if not head:
        raise NoPictureError("empty file")
    kind = sniff(head)
    if kind is None:
        raise NoPictureError("not a supported image")
    try:
        return kind.load()(file, reading)
    except NoPictureError as error:
        if kind.weak or b"\0" not in head:  # a text may begin as an image does
            raise
        raise damaged("its header cannot be read") from error


@contextmanager
def _opened(source: Source) -> Iterator[BinaryIO]:
    if isinstance(source, (bytes, bytearray, memoryview)):
        yield io.BytesIO(source)
    elif is_name(source):
        with _file(source) as file:
            yield file
    elif not hasattr(source, "read"):
        raise TypeError(f"{type(source).__name__} is no source of an image: give a path, bytes or an open file")
    else:
        file = cast(BinaryIO, source)
        yield file if file.seekable() else io.BytesIO(file.read())


@contextmanager
def _file(name: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file by its name; what a URL names is fetched first."""
    with ExitStack() as stack:
        try:
            path = located(name)
        except ValueError as error:
            raise ImageError(str(error)) from None
        try:
            if is_remote(path):
                found = stack.enter_context(fetched(path))
                file: BinaryIO = io.BytesIO(found) if isinstance(found, bytes) else open(found, "rb")  # noqa: SIM115
            else:
                if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe might never end
                    raise ImageError("not a file")
                file = open(path, "rb")  # noqa: SIM115
        except FileNotFoundError as error:
            raise ImageError(str(error.strerror) if is_remote(path) else "no such file") from None
        except OSError as error:
            raise ImageError(error.strerror or str(error)) from None
        except ValueError as error:  # a NUL in the name
            raise ImageError(f"no file has such a name: {error}") from None
        yield stack.enter_context(file)


@contextmanager
def _damage(what: str) -> Iterator[None]:
    """Make whatever a decoder raises one line, the same for all: its own words, the cause, tell of its inside."""
    try:
        yield
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError(f"out of memory: {error}".removesuffix(": ")) from None
    except RemoteError as error:
        raise ImageError(error.strerror or str(error)) from None
    except Exception as error:
        raise damaged("truncated" if _TRUNCATED.search(str(error)) else what) from error
