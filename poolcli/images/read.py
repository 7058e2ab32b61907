"""Files to arrays: what a file is, its first bytes tell, and which library holds it exactly."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from numpy.typing import NDArray

from poolcli.images import ImageError, Info, Reading, Writing

if TYPE_CHECKING:
    from poolcli.images import Source

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_NPY = b"\x93NUMPY"
_ZIP = (b"PK\3\4", b"PK\5\6")
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
_JXL = (b"\xff\x0a", b"\0\0\0\x0cJXL ")


class NoPictureError(ImageError):
    """A file that is of no format at all."""


class Reader(Protocol):
    """An open file of one kind."""

    frames: int
    warnings: Sequence[str] = ()  # what is odd about the file, known when all is read
    unkept: str = ""  # what it says beside its pictures that no output does
    nodata: str = ""  # the value that means none, which modes take for a value

    def read(self, frame: int) -> tuple[NDArray[Any], Info]:
        """Return one of the pictures."""


class Picture:
    """An open file of one or more pictures."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.frames = reader.frames

    def warnings(self, writing: Writing | None) -> list[str]:
        """Return what is odd about the file, as far as it has been read, and what is lost where it is written."""
        reader, lost = self._reader, []
        if reader.unkept and writing:
            lost.append(f"the output does not keep its {reader.unkept}")
        if reader.nodata:
            lost.append(f"its nodata, {reader.nodata}, counts as any other value")
        if not lost or (writing and writing.strip):
            return [*reader.warnings]
        return [*reader.warnings, "; ".join(lost)]

    def read(self, frame: int = 0) -> tuple[NDArray[Any], Info]:
        """Decode one of the pictures; the first is 0."""
        if not 0 <= frame < self.frames:
            last = f"{self.frames}, 0 to {self.frames - 1}" if self.frames > 1 else "one, 0"
            raise ImageError(f"there is no frame {frame}: the file holds {last}")
        with _damage():
            return self._reader.read(frame)


@contextmanager
def open_picture(source: Source, reading: Reading) -> Iterator[Picture]:
    """Open a file, and check from its headers what it claims to hold; nothing is decoded yet."""
    with _opened(source) as file:
        with _damage():
            picture = Picture(_reader(file, reading))
        yield picture


def is_picture(path: Path) -> bool:
    """Return whether a file begins as a picture does: one that is damaged, or cannot be opened, may be one."""
    try:
        with open_picture(path, Reading()):
            return True
    except NoPictureError:
        return False
    except ImageError:
        return True


def _reader(file: BinaryIO, reading: Reading) -> Reader:
    file.seek(0)
    head = file.read(64)
    file.seek(0)
    if not head:
        raise NoPictureError("empty file")
    if head.startswith(_NPY):
        from poolcli.images.npy import NpyReader

        return NpyReader(file, reading)
    if head.startswith(_ZIP):
        from poolcli.images.npy import npz_reader

        return npz_reader(file, reading)
    if head.startswith(_TIFF):
        from poolcli.images.tiff import TiffReader

        return TiffReader(file, reading)
    from poolcli.images.pillow import PillowReader

    if head[4:12] in {b"ftyp" + brand for brand in _HEIC} or (head[4:12] == b"ftypmif1" and b"avif" not in head):
        return PillowReader(file, reading, "HEIF")
    if head.startswith(_JXL):
        return PillowReader(file, reading, "JXL")
    return PillowReader(file, reading)


@contextmanager
def _opened(source: Source) -> Iterator[BinaryIO]:
    if isinstance(source, (bytes, bytearray, memoryview)):
        yield io.BytesIO(source)
    elif isinstance(source, (str, os.PathLike)):
        try:
            if not stat.S_ISREG(os.stat(source).st_mode):  # a pipe might never end
                raise ImageError("not a file")
            file = open(source, "rb")  # noqa: SIM115
        except FileNotFoundError:
            raise ImageError("no such file") from None
        except OSError as error:
            raise ImageError(error.strerror or str(error)) from None
        except ValueError as error:  # a NUL in the name
            raise ImageError(f"no file has such a name: {error}") from None
        with file:
            yield file
    else:
        yield source if source.seekable() else io.BytesIO(source.read())


@contextmanager
def _damage() -> Iterator[None]:
    """Make whatever a decoder raises one line: they raise SyntaxError, IndexError, struct.error and more."""
    try:
        yield
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError(f"out of memory: {error}".removesuffix(": ")) from None
    except Exception as error:
        reason = str(error).strip().partition("\n")[0][:200] or type(error).__name__
        raise ImageError(f"damaged or unsupported: {reason}") from error


def check_size(width: int, height: int, channels: int, reading: Reading) -> None:
    """Raise an ImageError if a picture says that it has more pixels than allowed; four channels count as one."""
    if width < 1 or height < 1:
        raise ImageError(f"{height} x {width} pixels are no picture")
    if width * height * max(1, channels / 4) > reading.max_pixels:
        of = f" of {channels} channels" if channels > 4 else ""
        raise ImageError(
            f"{height} x {width} pixels{of} are more than the {reading.max_pixels} allowed: --max-pixels allows more"
        )
