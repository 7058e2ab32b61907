"""Images in files: reading, writing, colour. This package alone imports Pillow and the codecs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from poolcli.files import WriteError, is_name, located, shown
from poolcli.images.types import MAX_PIXELS, ImageError, Info, Reading, Source, Writing

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["MAX_PIXELS", "ImageError", "Info", "Reading", "Writing", "read_image", "write_image"]


def read_image(
    source: Source,
    *,
    frame: int | None = None,
    keep_palette: bool = False,
    max_pixels: int = MAX_PIXELS,
    layout: Literal["hwc", "chw"] = "hwc",
    convert: bool = False,
) -> tuple[NDArray[Any], Info]:
    """Read an image: (H, W) if grey, (H, W, C) if not, in the file's own dtype, upright, palettes expanded.

    Args:
        source: path or URL, bytes, or file open for reading bytes; its content tells the format, not its name.
        frame: which image of several, the first is 0.
        keep_palette: give the indices of an image that has a palette, which is in the info then.
        max_pixels: refuse images that say that they have more, before they are decoded; and small files that say that
            they have many, of which that is not believed.
        layout: of `.npy` and `.npz` arrays: "hwc", or "chw" for (C, H, W) and (N, C, H, W).
        convert: turn CMYK without a profile into RGB by formula, rather than refuse it.

    Returns:
        The array, as deep as the file (1-bit and 2- and 4-bit grey as uint8 up to 255), and what else the file says.

    Raises:
        ImageError: there is no such file, it is not an image, is damaged, is too large, holds several frames and
            `frame` is not given, or holds what an array cannot without loss.

    >>> image, info = read_image("sample_images/coffee.png")
    >>> image.shape, image.dtype.name, info.format
    ((400, 600, 3), 'uint8', 'PNG')
    """
    from poolcli.images.read import open_picture

    try:
        with open_picture(source, Reading(max_pixels, keep_palette, layout, convert)) as picture:
            if frame is None and picture.frames > 1:
                what = f"holds {picture.frames} frames"
                raise ImageError(f"{what}: frame takes one of them, 0 to {picture.frames - 1}", "frame")
            return picture.read(frame or 0)
    except ImageError as error:
        if not is_name(source):
            raise
        raise type(error)(f"{_shown(source)}: {error}", error.remedy) from error


def _shown(source: str | os.PathLike[str]) -> str:
    try:
        return shown(located(source))
    except ValueError:  # of a scheme that is not known
        return str(source)


def write_image(
    array: ArrayLike,
    target: str | os.PathLike[str] | BinaryIO,
    info: Info | None = None,
    *,
    format: str | None = None,  # noqa: A002
    overwrite: bool = False,
    convert: bool = False,
    background: str = "white",
    quality: int | None = None,
    compression: Literal["fast", "default", "max"] = "default",
    strip: bool = False,
    layout: Literal["hwc", "chw"] = "hwc",
) -> None:
    """Write an image whole or not at all: it is encoded first, and takes its name last.

    Args:
        array: (H, W) grey, or (H, W, C): 2 channels are grey and alpha, 3 RGB, 4 RGBA, unless `info` says otherwise.
        target: path or URL, or file open for writing bytes, with `format`.
        info: of the file it comes from: profile, EXIF, XMP, resolution and palette are written where the format can. A
            TIFF gets what a TIFF says of axes, places and pixel sizes, if the array has the size of the image.
        format: the ending of the format, as "png"; that of the target's name unless given.
        overwrite: replace a file that is there.
        convert: scale to 8 bits and lay RGBA over the background, where the format holds nothing better.
        background: a colour by name or as #rrggbb.
        quality: 1 to 100, of JPEG (95 unless given), WebP (lossless unless given) and AVIF (90).
        compression: "fast", "default" or "max" effort, of PNG, TIFF and WebP.
        strip: write nothing but the pixels.
        layout: of `.npy` arrays: "hwc", or "chw" for (C, H, W) and (N, C, H, W).

    Raises:
        ImageError: the format is not known or cannot hold the array, the file exists, the folder cannot be written.
        ValueError: a quality, compression or background that there is not.

    >>> import io, numpy as np
    >>> file = io.BytesIO()
    >>> write_image(np.zeros((2, 3, 3), np.uint16), file, format="png")
    >>> read_image(file.getvalue())[0].dtype.name
    'uint16'
    """
    from poolcli.axes import as_array
    from poolcli.images.write import write_frames

    writing = Writing(overwrite, convert, background, quality, compression, strip, "", layout)
    try:
        write_frames([(as_array(array), info or Info())], 1, target, format, writing)
    except WriteError as error:
        raise ImageError(f"{shown(error.path)}: {error}", error.remedy) from error
