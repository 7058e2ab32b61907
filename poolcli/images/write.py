"""Arrays to files, whole or not at all, and only into formats that hold them."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path, PurePath
from typing import BinaryIO

from poolcli.files import WriteError, is_name, located, place, place_folder
from poolcli.images.boxes import Banded, Canvas, Outline
from poolcli.images.fitting import check_alike, check_count, fitted
from poolcli.images.formats import WRITABLE, Format, folder_of, format_of
from poolcli.images.types import Frame, ImageError, Writing

_PIECE = 1 << 20  # bytes that are sent at once


def write_frames(
    frames: Iterable[Frame],
    count: int,
    target: str | os.PathLike[str] | BinaryIO,
    ending: str | None,
    writing: Writing,
) -> None:
    """Write one image or more to a file; formats that stream take each before the next is made."""
    path = located(target) if is_name(target) else None
    kind = _known(PurePath(f"x.{ending.lstrip('.')}") if ending else path or PurePath())
    check_count(kind, count)
    pictures = (fitted(image, info, kind, writing, count) for image, info in frames)
    if kind.marks:
        if path is None:
            raise ImageError(f"{kind.name} is a folder, and no stream takes one: a path does")
        _write_whole(pictures, count, path, ending, writing)
        return

    def encode(file: BinaryIO) -> None:
        first = next(pictures)
        said = ": ".join(part for part in (writing.record, first[1].note) if part)
        kind.load().encode(file, chain([first], pictures), count, replace(writing, record=said))

    if path and kind.streams:
        place(encode, path, writing.overwrite)
        return
    encoded = io.BytesIO()  # encoders that write to full disks hang, or leave halves; those that stream read again
    encode(encoded)
    if path:
        place(lambda file: file.write(encoded.getbuffer()), path, writing.overwrite)
    else:
        _send([encoded.getbuffer()], target)  # type: ignore[arg-type]


def _write_whole(pictures: Iterator[Frame], count: int, path: Path, ending: str | None, writing: Writing) -> None:
    """Write images to a folder, each at once."""
    first = next(pictures)
    shape, dtype = first[0].shape, first[0].dtype
    outline = Outline(path, shape, dtype, range(count), first[1], ((1.0, 0.0), (1.0, 0.0)))

    def paint(canvas: Canvas) -> None:
        for k, (image, _) in enumerate(chain([first], pictures)):
            check_alike(image, shape, dtype)
            canvas.write([k], (0, shape[0]), (0, shape[1]), image[None])

    write_boxes(outline, ending, writing, paint)


def write_boxes(outline: Outline, ending: str | None, writing: Writing, paint: Callable[[Canvas], object]) -> None:
    """Write an output to a folder: a function writes all its boxes."""
    path = located(outline.name)
    kind = _known(PurePath(f"x.{ending.lstrip('.')}") if ending else path)

    def create(folder: Path) -> None:
        paint(kind.load().create(folder, outline, writing))

    place_folder(create, path, writing.overwrite, lambda folder: folder_of(folder) is kind, kind.marks)
    kind.load().placed(path)


def write_sizes(
    outlines: Sequence[Outline], ending: str | None, writing: Writing, paint: Callable[[int, Canvas], object]
) -> None:
    """Write an output of several sizes to a folder: a function writes all boxes of each, by its number."""
    path = located(outlines[0].name)
    kind = _known(PurePath(f"x.{ending.lstrip('.')}") if ending else path)

    def create(folder: Path) -> None:
        for number, canvas in enumerate(kind.load().create_sizes(folder, outlines, writing)):
            paint(number, canvas)

    place_folder(create, path, writing.overwrite, lambda folder: folder_of(folder) is kind, kind.marks)
    kind.load().placed(path)


def write_levels(levels: Sequence[Banded], path: Path, ending: str | None, writing: Writing) -> None:
    """Write an image and its smaller levels to a file, each in bands of rows."""
    kind = _known(PurePath(f"x.{ending.lstrip('.')}") if ending else path)

    def encode(file: BinaryIO) -> None:
        fitting = (_fitted(level, kind, writing, 1) for level in levels)
        kind.load().encode_levels(file, fitting, len(levels), writing)

    place(encode, path, writing.overwrite)


def write_bands(
    images: Iterator[Banded], count: int, target: Path | BinaryIO, ending: str | None, writing: Writing
) -> None:
    """Write one image or more to a file in bands of rows, each before the next is made.

    What is sent to a file that is open, and may be a pipe, lies in a temporary one until it is whole.
    """
    path = located(target) if is_name(target) else None
    kind = _known(PurePath(f"x.{ending.lstrip('.')}") if ending else path or PurePath())
    check_count(kind, count)

    def encode(file: BinaryIO) -> None:
        kind.load().encode_bands(file, (_fitted(image, kind, writing, count) for image in images), count, writing)

    if path:
        place(encode, path, writing.overwrite)
        return
    with tempfile.NamedTemporaryFile() as file:  # tifffile asks for a name
        encode(file)  # type: ignore[arg-type]
        file.seek(0)
        _send(iter(lambda: file.read(_PIECE), b""), target)  # type: ignore[arg-type]


def _fitted(image: Banded, kind: Format, writing: Writing, count: int) -> Banded:
    """Return an image as its format holds it, band by band."""
    bands = iter(image.bands)
    band = next(bands)
    first, info = fitted(band, image.info, kind, writing, count)
    others = (fitted(other, image.info, kind, writing, count)[0] for other in bands)
    shape = (image.shape[0], *first.shape[1:])
    source = image.source if first is band else None
    return Banded(chain([first], others), shape, first.dtype, info, image.tile, source)


def _known(path: PurePath) -> Format:
    """Return the format that a name's ending tells, or raise an ImageError that lists the endings."""
    kind = format_of(path)
    if kind is None:
        known = ", ".join(WRITABLE)
        raise ImageError(f"no format is written for the ending {path.suffix!r}: use {known}", "format")
    return kind


def _send(pieces: Iterable[bytes | memoryview], target: BinaryIO) -> None:
    """Write to a file that is open, whose reader may have gone."""
    try:
        for piece in pieces:
            target.write(piece)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise WriteError(error.strerror or str(error), PurePath("standard output")) from error
