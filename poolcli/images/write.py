"""Arrays to files, whole or not at all, and only into formats that hold them."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from poolcli.files import PlaceError, place
from poolcli.images import ImageError, Info, Writing, colour, gif, metadata
from poolcli.images.formats import WRITABLE, Format, colour_of, endings, fit, format_of, holders

Frame = tuple[NDArray[Any], Info]

_MOMENT = 100  # milliseconds


def write_frames(
    frames: Iterable[Frame],
    count: int,
    target: str | os.PathLike[str] | BinaryIO,
    ending: str | None,
    writing: Writing,
) -> None:
    """Write one picture or more to a file; formats that stream take each before the next is made."""
    name = f"x.{ending.lstrip('.')}" if ending else target if isinstance(target, (str, os.PathLike)) else ""
    kind = known(PurePath(name))
    check_count(kind, count)
    fitted = (_fitted(array, info, kind, writing, count) for array, info in frames)
    content: bytes | memoryview = b"" if kind.streams else _encode(fitted, count, kind, writing)

    def put(file: BinaryIO) -> None:
        if kind.streams:
            _stream(file, fitted, count, kind, writing)
        else:
            file.write(content)

    if isinstance(target, (str, os.PathLike)):
        place(put, Path(target), writing.overwrite)
        return
    if kind.streams:  # they seek and read again
        buffer = io.BytesIO()
        put(buffer)
        content = buffer.getbuffer()
    try:
        target.write(content)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise PlaceError(error.strerror or str(error), PurePath("standard output")) from error


def known(path: PurePath) -> Format:
    """Return the format that a name's ending tells, or raise an ImageError that lists the endings."""
    kind = format_of(path)
    if kind is None:
        raise ImageError(f"no format is written for the ending {path.suffix!r}: use {', '.join(WRITABLE)}")
    return kind


def check_count(kind: Format, count: int) -> None:
    """Raise an ImageError if a format holds one picture and there are more."""
    if count > 1 and not kind.frames:
        several = endings(lambda other: other.frames)
        raise ImageError(f"{kind.name} holds one picture, not {count}: --frame N takes one; {several} hold all")


def check(
    shape: tuple[int, ...], dtype: str, info: Info, kind: Format, writing: Writing, count: int = 1
) -> tuple[str, str]:
    """Return as what a picture will be written, colour and dtype, or raise an ImageError: before it is computed."""
    height, width, channels = (*shape, 1)[:3]
    shade = colour_of(channels, info.alpha, info.palette is not None)
    if info.palette is not None and not _keeps(kind, info):
        shade = "RGBA" if info.palette.shape[1] == 4 else "RGB"
    if shade == "palette":
        dtype = str(info.palette.dtype)  # type: ignore[union-attr]
    target = fit(kind, shade, dtype, writing.convert)
    if target is None:
        others = holders(shade, dtype)
        shade = f"{channels} bands" if shade == "bands" else shade
        way = _smaller(kind, shade, dtype) if fit(kind, shade, dtype, True) else ""
        raise ImageError(f"{kind.name} cannot hold {shade} of {dtype}: {others} can{way}")
    if count > 1 and not kind.streams and target[1] != "uint8":  # Pillow drops the frames after the first
        raise ImageError(f"{kind.name} holds several frames of 8 bits only: .tif holds these, and --frame N takes one")
    if max(height, width) > kind.side:
        others = holders(shade, dtype, max(height, width))
        raise ImageError(f"{kind.name} holds at most {kind.side} pixels a side, not {height} x {width}: {others} can")
    return target


def _smaller(kind: Format, shade: str, dtype: str) -> str:
    """Return the ways to make values fit: large integers are often small numbers."""
    narrow = [name for name in ("uint16", "uint8") if fit(kind, shade, name, False)]
    if dtype not in ("int32", "uint32", "int64", "uint64") or not narrow:
        return ", or --convert makes it fit"
    most = np.iinfo(narrow[0]).max
    return f", or --dtype {narrow[0]} keeps values up to {most}, or --convert scales them to 8 bits"


def check_labels(info: Info, kind: Format, writing: Writing) -> None:
    """Raise an ImageError if a format would blur the colours of labels."""
    lossy = kind.quality and not (kind.name == "WEBP" and writing.quality is None)
    if info.palette is not None and lossy:
        holding = endings(lambda other: "palette" in other.holds)
        raise ImageError(f"{kind.name} is lossy, and --keep-palette is for exact labels: {holding} hold them")


def _keeps(kind: Format, info: Info) -> bool:
    palette = info.palette
    if palette is None or palette.dtype.name not in kind.holds.get("palette", ()):
        return False
    if palette.shape[1] == 4 and kind.name == "GIF":  # knows one clear colour
        return sorted(palette[:, 3].tolist())[:2] in ([0], [0, 255])
    return kind.name != "TIFF" or palette.shape[1] == 3  # its palettes know no transparency


def _fitted(image: NDArray[Any], info: Info, kind: Format, writing: Writing, count: int) -> Frame:
    """Return a picture as its format holds it: converted without loss, or as far as the user allows."""
    if image.ndim not in (2, 3) or not image.size:
        raise ImageError(f"an array {image.shape} is no picture: it must be (H, W) or (H, W, C)")
    image = image.astype(image.dtype.newbyteorder("="), copy=False)
    target = check(image.shape, image.dtype.name, info, kind, writing, count)
    if info.palette is not None and not _keeps(kind, info):
        image, info = colour.expanded(image, info)
    if info.premultiplied and kind.name != "TIFF":
        image, info = colour.straight(image), replace(info, premultiplied=False)
    if kind.name == "NPY":
        return image, info
    shade = colour_of((*image.shape, 1)[2], info.alpha, info.palette is not None)
    if shade in ("grey+alpha", "RGBA") and target[0] in ("grey", "RGB"):
        image, info = _flattened(image, info, kind, writing)
    if info.palette is None and target[1] != image.dtype.name:
        image = colour.eight_bits(image)
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    return _widened(image, info, target[0])


def _flattened(image: NDArray[Any], info: Info, kind: Format, writing: Writing) -> Frame:
    """Return a picture without alpha, laid over the background: over its grey where the format has no colour."""
    behind = ImageColor.getrgb(writing.background)[:3]
    if "RGB" not in kind.holds:
        grey = ImageColor.getcolor(writing.background, "L")
        behind = (grey if isinstance(grey, int) else grey[0],) * 3
    return colour.flattened(image, info, behind), replace(info, alpha=False, premultiplied=False)


def _widened(image: NDArray[Any], info: Info, shade: str) -> Frame:
    """Return grey three times, and alpha at its largest, where the format asks for them."""
    channels = {"grey": 1, "grey+alpha": 2, "RGB": 3, "RGBA": 4}.get(shade)
    present = image.shape[2] if image.ndim == 3 else 1
    if channels is None or channels == present:
        return np.ascontiguousarray(image), info
    image = image.reshape(*image.shape[:2], present)
    if present < 3 <= channels:
        alpha = image[..., 1:]
        image = np.concatenate([image[..., :1]] * 3 + [alpha], axis=2)
        info = replace(info, icc=None)  # that of grey
    if image.shape[2] == channels - 1:
        opaque = np.full((*image.shape[:2], 1), np.iinfo(image.dtype).max, image.dtype)
        image, info = np.concatenate([image, opaque], axis=2), replace(info, alpha=True)
    return np.ascontiguousarray(image), info


def _stream(file: BinaryIO, frames: Iterator[Frame], count: int, kind: Format, writing: Writing) -> None:
    if kind.name == "NPY":
        from poolcli.images.npy import write_npy

        write_npy(file, (image for image, _ in frames), count, writing.layout)
    else:
        from poolcli.images.tiff import write_tiff

        write_tiff(file, frames, count, writing)


def _encode(frames: Iterator[Frame], count: int, kind: Format, writing: Writing) -> bytes:
    """Return the bytes of a file: encoders that write to full disks hang, or leave halves."""
    if kind.name == "PNG" and count == 1:
        from poolcli.images import png

        image, info = next(frames)
        if info.palette is None:
            return png.encode(image, info, writing)
        frames = iter([(image, info)])
    if kind.name == "JPEG":
        from poolcli.images import jpeg

        image, info = next(frames)
        return jpeg.encode(image, writing.quality or 95, {} if writing.strip else _described(kind, info, writing))
    pictures = _alike(list(frames))
    buffer = io.BytesIO()
    first, *others = [_picture(image, info, kind, writing) for image, info in pictures]
    options = _options(kind, first, pictures[0][1], writing)
    if others:
        if {picture.size for picture in others} != {first.size}:
            raise ImageError(f"{kind.name} holds frames of one size only: --frame N takes one, .tif holds all")
        options |= {**_animation(kind, pictures), "append_images": others}
    try:
        first.save(buffer, {"PGM": "PPM", "PFM": "PPM"}.get(kind.name, kind.name), **options)
    except Exception as error:  # encoders raise what they like
        raise ImageError(f"cannot be encoded as {kind.name}: {error}".splitlines()[0]) from error
    if others:
        _check_frames(buffer, kind, pictures)
        if kind.name == "WEBP" and first.mode == "RGBA":
            _mark_alpha(buffer)
    return buffer.getvalue()


def _alike(pictures: list[Frame]) -> list[Frame]:
    """Return frames of one kind of colour: an animation is read wrongly where some have alpha and others not."""
    kinds = {colour_of((*image.shape, 1)[2], info.alpha, info.palette is not None) for image, info in pictures}
    if len(kinds) == 1:
        return pictures
    expanded = [colour.expanded(image, info) for image, info in pictures]
    alpha = any(colour_of((*image.shape, 1)[2], info.alpha) in ("grey+alpha", "RGBA") for image, info in expanded)
    return [_widened(image, info, "RGBA" if alpha else "RGB") for image, info in expanded]


def _mark_alpha(buffer: io.BytesIO) -> None:
    """Say in the header that frames have alpha: libwebp looks at the last one only, and readers believe it."""
    buffer.seek(0)
    head = buffer.read(21)
    if head[12:16] == b"VP8X":
        buffer.seek(20)
        buffer.write(bytes([head[20] | 0x10]))


def _check_frames(buffer: io.BytesIO, kind: Format, pictures: list[Frame]) -> None:
    """Raise an ImageError if pages were merged because they are alike: only in time is that no loss."""
    if all(info.duration is None for _, info in pictures):
        with Image.open(buffer) as made:
            frames = getattr(made, "n_frames", 1)
        if frames != len(pictures):
            raise ImageError(f"{kind.name} merges pages that are alike, {len(pictures)} to {frames}: .tif holds all")


def _picture(image: NDArray[Any], info: Info, kind: Format, writing: Writing) -> Image.Image:
    picture = Image.fromarray(image)
    if info.palette is not None:
        picture.putpalette(info.palette[:, :3].tobytes())
        if info.palette.shape[1] == 4:
            alpha = info.palette[:, 3]
            picture.info["transparency"] = int(alpha.argmin()) if kind.name == "GIF" else alpha.tobytes()
    elif kind.name == "GIF" and picture.mode != "L":
        picture = gif.few_colours(image, writing)
    return picture


def _animation(kind: Format, pictures: list[Frame]) -> dict[str, Any]:
    """Return times and repetitions; pages that have none are shown for a moment each, for ever."""
    durations, loop = [info.duration for _, info in pictures], pictures[0][1].loop
    timed = any(duration is not None for duration in durations)
    options: dict[str, Any] = {"save_all": True, "duration": [round(duration or 0) for duration in durations]}
    if not timed:
        options |= {"duration": _MOMENT, "loop": 0}
    elif loop is not None or kind.name != "GIF":  # which alone says that it runs once by saying nothing
        options["loop"] = 1 if loop is None else loop
    if kind.name == "GIF":
        options["disposal"] = 2  # a frame that is clear somewhere does not show the one before
    return options


def _options(kind: Format, picture: Image.Image, info: Info, writing: Writing) -> dict[str, Any]:
    """Return what Pillow's writer of a format is told."""
    options: dict[str, Any] = {}
    if kind.name == "WEBP":
        effort = {"fast": 0, "default": 4, "max": 6}[writing.compression]
        options = {
            "lossless": writing.quality is None,
            "quality": writing.quality or 80,
            "method": effort,
            "exact": True,
        }
    elif kind.name == "AVIF":
        options = {"quality": writing.quality or 90, "subsampling": "4:4:4"}
    elif kind.name == "ICO":
        options = {"sizes": [picture.size]}
    elif kind.name == "GIF":
        options = {"optimize": False}
    elif kind.name == "PNG" and "transparency" in picture.info:
        options = {"transparency": picture.info["transparency"]}
    return options if writing.strip else options | _described(kind, info, writing)


def _described(kind: Format, info: Info, writing: Writing) -> dict[str, Any]:
    """Return profile, EXIF, XMP, resolution and record, where a format has a place for them."""
    options: dict[str, Any] = {}
    if kind.name in ("JPEG", "WEBP", "AVIF", "PNG"):
        exif = metadata.with_software(info.exif, writing.record) if kind.name in ("WEBP", "AVIF") else info.exif
        options = {"icc_profile": info.icc, "exif": exif}
        if kind.name == "PNG":
            from poolcli.images import png

            options["pnginfo"] = png.text(info, writing)
        else:
            options["xmp"] = info.xmp
    if kind.name in ("JPEG", "PNG", "BMP"):
        options["dpi"] = info.dpi
    if kind.name in ("JPEG", "GIF", "JPEG2000"):
        options["comment"] = writing.record
    return {name: value for name, value in options.items() if value}
