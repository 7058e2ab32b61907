"""An input that several jobs read: it is opened once, and each of its frames is decoded once."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from poolcli.batch.jobs import MEMORY
from poolcli.files import fetched, is_remote
from poolcli.images import Reading, Writing
from poolcli.images.formats import is_image_folder

if TYPE_CHECKING:
    from poolcli.images.boxes import Boxes
    from poolcli.images.read import Picture
    from poolcli.images.structure import Said
    from poolcli.images.types import Frame

_KEPT = 1 << 28  # bytes of frames that are kept for the jobs to come; a single frame is kept whatever its size


class Source(ExitStack):
    """A file, or standard input where there is no path, for one job or for several."""

    def __init__(self, path: Path | None, several: bool = False, memory: int = MEMORY) -> None:
        super().__init__()
        self._path, self.several, self._memory = path, several, memory
        self._fetched: bytes | Path | None = None  # what a URL names
        self._stream: bytes | None = None
        self._pictures: dict[Reading, Shared] = {}
        self._frames: dict[tuple[bool, int], Frame] = {}
        self._bytes = 0
        self.told = set[str]()

    def open(self, reading: Reading) -> Shared:
        """Return the image, opened; or raise an ImageError."""
        from poolcli.images.read import open_picture

        if reading not in self._pictures:
            picture = self.enter_context(open_picture(self._file, reading))
            self._pictures[reading] = Shared(picture, self, reading)
        return self._pictures[reading]

    @property
    def _file(self) -> Path | BinaryIO | bytes:
        if self._path is not None and is_remote(self._path) and not is_image_folder(self._path):
            if self._fetched is None:
                self._fetched = self.enter_context(fetched(self._path, self._memory))
            return self._fetched
        if self._path is not None:
            return self._path
        if not self.several:
            return sys.stdin.buffer
        if self._stream is None:
            self._stream = sys.stdin.buffer.read()
        return self._stream

    def found(self, reading: Reading, frame: int) -> Frame | None:
        """Return a frame that was decoded before; without a palette it is the same with its indices and without."""
        kept = self._frames.get((reading.keep_palette, frame))
        other = self._frames.get((not reading.keep_palette, frame))
        if kept is None and other is not None and other[1].palette is None and other[1].colours is None:
            return other
        return kept

    def keep(self, reading: Reading, frame: int, made: Frame, alone: bool) -> None:
        """Keep a decoded frame, while there is room."""
        if self.several and (alone or self._bytes + made[0].nbytes <= _KEPT):
            self._bytes += made[0].nbytes
            self._frames[reading.keep_palette, frame] = made


class Shared:
    """An open image whose frames may have been decoded for another job."""

    def __init__(self, picture: Picture, source: Source, reading: Reading) -> None:
        self._picture, self._source, self._reading = picture, source, reading
        self.frames = picture.frames

    def warnings(self, writing: Writing | None, ignored: bool = False, kept: Collection[Said] = ()) -> list[str]:
        """Return what is odd about the file, and what is lost where it is written."""
        return self._picture.warnings(writing, ignored, kept)

    def order(self) -> Sequence[int]:
        """Return the images in the order of the planes of the array that the file says they are, or as they come."""
        return self._picture.order()

    def boxes(self, frame: int = 0) -> Boxes | None:
        """Return one of the images to be read in parts, or None where it is read as a whole."""
        return self._picture.boxes(frame)

    def read(self, frame: int = 0) -> Frame:
        """Return one of the images; the first is 0."""
        found = self._source.found(self._reading, frame)
        if found is None:
            found = self._picture.read(frame)
            self._source.keep(self._reading, frame, found, self.frames == 1)
        return found
