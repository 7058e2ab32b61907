"""What a format holds of an image: refused before anything is computed, or fitted, without loss or as allowed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from poolcli.images.colour import eight_bits, expanded, flattened, rgb
from poolcli.images.formats import Format, colour_of, endings, fit, holders
from poolcli.images.types import Frame, ImageError, Info, Writing
from poolcli.light import straight

_CHANNELS = {"grey": 1, "grey+alpha": 2, "RGB": 3, "RGBA": 4}


def check_count(kind: Format, count: int) -> None:
    """Raise an ImageError if a format holds one image and there are more."""
    if count > 1 and not kind.frames:
        way = f"frame=N takes one; {endings(lambda other: other.frames)} hold all"
        raise ImageError(f"{kind.name} holds one image, not {count}: {way}", "frame")


def check_alike(image: NDArray[Any], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise an ImageError if an image cannot lie in one array with others."""
    if (image.shape, image.dtype) != (shape, dtype):
        both = f"{shape} of {dtype} and {image.shape} of {image.dtype}"
        raise ImageError(f"frames {both} do not fit in one array: frame=N takes one, .tif holds all", "frame")


def check_labels(info: Info, kind: Format, writing: Writing) -> None:
    """Raise an ImageError if a format would blur the colours of labels."""
    lossy = kind.quality and not (kind.lossless and writing.quality is None)
    if info.palette is not None and lossy:
        holding = endings(lambda other: "palette" in other.holds)
        why = "keep_palette is for exact labels"
        raise ImageError(f"{kind.name} is lossy, and {why}: {holding} hold them", "keep_palette")


def check(
    shape: tuple[int, ...], dtype: str, info: Info, kind: Format, writing: Writing, count: int = 1
) -> tuple[str, str]:
    """Return as what an image will be written, colour and dtype, or raise an ImageError: before it is computed."""
    height, width, channels = (*shape, 1)[:3]
    shade = colour_of(channels, info.alpha, info.palette is not None)
    if info.palette is not None:
        if _keeps_palette(kind, info):
            dtype = str(info.palette.dtype)
        else:
            shade = "RGBA" if info.palette.shape[1] == 4 else "RGB"
    target = fit(kind, shade, dtype, writing.convert)
    if target is None:
        raise _refused(kind, shade, dtype, channels)
    if count > 1 and not kind.streams and target[1] != "uint8":  # Pillow drops the frames after the first
        way = ".tif holds these, and frame=N takes one"
        raise ImageError(f"{kind.name} holds several frames of 8 bits only: {way}", "frame")
    if max(height, width) > kind.side:
        others = holders(shade, dtype, max(height, width))
        raise ImageError(f"{kind.name} holds at most {kind.side} pixels a side, not {height} x {width}: {others} can")
    return target


def _refused(kind: Format, shade: str, dtype: str, channels: int) -> ImageError:
    """Return the error that says what holds an image, or how it fits: large integers are often small numbers."""
    what = f"{channels} bands" if shade == "bands" else shade
    line = f"{kind.name} cannot hold {what} of {dtype}: {holders(shade, dtype)} can"
    if fit(kind, shade, dtype, True) is None:
        return ImageError(line)
    narrow = [name for name in ("uint16", "uint8") if fit(kind, shade, name, False)]
    if dtype not in ("int32", "uint32", "int64", "uint64") or not narrow:
        return ImageError(f"{line}, or convert=True makes it fit", "convert")
    keeps = f"dtype={narrow[0]} keeps values up to {np.iinfo(narrow[0]).max}"
    return ImageError(f"{line}, or {keeps}, or convert=True scales them to 8 bits", "convert")


def _keeps_palette(kind: Format, info: Info) -> bool:
    palette = info.palette
    if palette is None or palette.dtype.name not in kind.holds.get("palette", ()):
        return False
    return kind.load().holds_palette(palette)


def fitted(image: NDArray[Any], info: Info, kind: Format, writing: Writing, count: int) -> Frame:
    """Return an image as its format holds it: converted without loss, or as far as the user allows."""
    if image.ndim not in (2, 3) or not image.size:
        raise ImageError(f"an array {image.shape} is not an image: it must be (H, W) or (H, W, C)")
    image = image.astype(image.dtype.newbyteorder("="), copy=False)
    target, dtype = check(image.shape, image.dtype.name, info, kind, writing, count)
    if info.palette is not None and not _keeps_palette(kind, info):
        image, info = expanded(image, info)
    if info.premultiplied and not kind.premultiplied:
        image, info = straight(image), replace(info, premultiplied=False)
    if _colour(image, info) in ("grey+alpha", "RGBA") and target in ("grey", "RGB"):
        image, info = _flattened(image, info, kind, writing)
    if info.palette is None and dtype != image.dtype.name:
        image = eight_bits(image)
    if image.ndim == 3 and image.shape[2] == 1 and not kind.array:
        image = image[:, :, 0]
    return _widened(image, info, target)


def _colour(image: NDArray[Any], info: Info) -> str:
    """Return the kind of colour of an image."""
    return colour_of((*image.shape, 1)[2], info.alpha, info.palette is not None)


def _flattened(image: NDArray[Any], info: Info, kind: Format, writing: Writing) -> Frame:
    """Return an image without alpha, laid over the background: over its grey where the format has no colour."""
    behind = rgb(writing.background)
    if "RGB" not in kind.holds:
        grey = ImageColor.getcolor(writing.background, "L")
        behind = (grey if isinstance(grey, int) else grey[0],) * 3
    return flattened(image, info, behind), replace(info, alpha=False, premultiplied=False)


def _widened(image: NDArray[Any], info: Info, shade: str) -> Frame:
    """Return grey three times, and alpha at its largest, where the format asks for them."""
    channels = _CHANNELS.get(shade)
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


def alike(pictures: list[Frame]) -> list[Frame]:
    """Return frames of one kind of colour: an animation is read wrongly where some have alpha and others not."""
    if len({_colour(image, info) for image, info in pictures}) == 1:
        return pictures
    colours = [expanded(image, info) for image, info in pictures]
    alpha = any(_colour(image, info) in ("grey+alpha", "RGBA") for image, info in colours)
    return [_widened(image, info, "RGBA" if alpha else "RGB") for image, info in colours]
