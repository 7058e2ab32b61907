"""GIF: images of few colours."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from poolcli.images.colour import indexed
from poolcli.images.pillow import Pillow
from poolcli.images.types import Density, Frame, ImageError, Info, Reading, Writing, check_size

_MOST = 256  # colours


class Gif(Pillow):
    """Images and animations, each frame drawn over those before it."""

    name = "GIF"
    density = Density(100_000_000, 300)  # graphics have up to 200 pixels in a byte, 300 megapixels take 8 s and 1.6 GB
    keeps = frozenset(("comment",))

    def __init__(self, file: BinaryIO, reading: Reading) -> None:
        # Pillow makes room for a frame, and for what is behind it, before it says how large they are.
        width, height = _extent(file)
        check_size(width, height, 1, reading)
        self.density.check(width, height, 1, file.seek(0, io.SEEK_END), reading)
        super().__init__(file, reading)

    def read(self, frame: int) -> Frame:
        """Return one of the images."""
        pixels, info = super().read(frame)
        if self._reading.keep_palette and info.palette is None:
            pixels, info = indexed(pixels, info, self._palette)
        return pixels, info

    @classmethod
    def holds_palette(cls, palette: NDArray[Any]) -> bool:
        """Return whether at most one colour is clear, and no other half transparent."""
        return palette.shape[1] == 3 or sorted(palette[:, 3].tolist())[:2] in ([0], [0, 255])

    @classmethod
    def _picture(cls, image: NDArray[Any], info: Info, writing: Writing) -> Image.Image:
        if info.palette is None and image.ndim == 3:
            return few_colours(image, writing)
        picture = super()._picture(image, info, writing)
        if info.palette is not None and info.palette.shape[1] == 4:
            picture.info["transparency"] = int(info.palette[:, 3].argmin())
        return picture

    @classmethod
    def _options(cls, picture: Image.Image, writing: Writing) -> dict[str, Any]:
        return {"optimize": False}

    @classmethod
    def _times(cls, infos: Sequence[Info]) -> dict[str, Any]:
        times = super()._times(infos) | {"disposal": 2}  # a frame that is clear somewhere shows not the one before
        if any(info.duration is not None for info in infos) and infos[0].loop is None:
            del times["loop"]  # that it runs once, it says by saying nothing
        return times


def _extent(file: BinaryIO) -> tuple[int, int]:
    """Return the width and the height that the screen and all frames take."""
    file.seek(0)
    _, width, height, flags = struct.unpack("<6sHHB2x", file.read(13))
    _skip_colours(file, flags)
    while (kind := file.read(1)) not in (b";", b""):
        if kind == b"!":
            file.seek(1, io.SEEK_CUR)
            _skip_blocks(file)
        elif kind == b"," and len(frame := file.read(9)) == 9:
            left, top, across, down, flags = struct.unpack("<HHHHB", frame)
            width, height = max(width, left + across), max(height, top + down)
            _skip_colours(file, flags)
            file.seek(1, io.SEEK_CUR)
            _skip_blocks(file)
    return width, height


def _skip_colours(file: BinaryIO, flags: int) -> None:
    file.seek(6 << (flags & 7) if flags & 128 else 0, io.SEEK_CUR)


def _skip_blocks(file: BinaryIO) -> None:
    while length := int.from_bytes(file.read(1)):
        file.seek(length, io.SEEK_CUR)


def few_colours(image: NDArray[np.uint8], writing: Writing) -> Image.Image:
    """Return RGB or RGBA as an image with a palette: exact where 256 colours are enough, else if the user allows.

    Index 0 is kept for what is clear wherever there is alpha, also where nothing is: so frames of an animation agree.
    """
    clear = _clear(image, writing)
    most = _MOST - (clear is not None)
    packed = image[..., :3].astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colours, indices = np.unique(packed if clear is None else packed[~clear], return_inverse=True)
    if len(colours) > most:
        if not writing.convert:
            way = "convert=True chooses the nearest; .png, .webp, .tif hold all"
            raise ImageError(f"GIF holds {most} colours, and the image has {len(colours)}: {way}", "convert")
        near = Image.fromarray(np.ascontiguousarray(image[..., :3])).quantize(most, dither=Image.Dither.NONE)
        indices = np.asarray(near).ravel() if clear is None else np.asarray(near)[~clear]
        shades = np.array(near.getpalette(), np.uint8).reshape(-1, 3)
    else:
        shades = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1).astype(np.uint8)
    if clear is None:
        return _with_palette(indices.reshape(image.shape[:2]).astype(np.uint8), shades)
    whole = np.zeros(image.shape[:2], np.uint8)
    whole[~clear] = indices.ravel() + 1
    out = _with_palette(whole, np.vstack([np.zeros((1, 3), np.uint8), shades[:most]]))
    out.info["transparency"] = 0
    return out


def _clear(image: NDArray[np.uint8], writing: Writing) -> NDArray[np.bool_] | None:
    """Return where an image is clear; None if it has no alpha."""
    if image.shape[2] == 3:
        return None
    alpha = image[..., 3]
    if not writing.convert and not np.isin(alpha, (0, 255)).all():
        way = "convert=True makes them clear or not; .png, .webp can"
        raise ImageError(f"GIF knows no half transparent colours: {way}", "convert")
    return alpha < 128


def _with_palette(indices: NDArray[np.uint8], shades: NDArray[np.uint8]) -> Image.Image:
    out = Image.fromarray(indices)
    out.putpalette(shades.tobytes())
    return out
