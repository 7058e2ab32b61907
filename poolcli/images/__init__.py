"""Pictures in files: reading, writing, colour. This package alone imports Pillow and the codecs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # Pillow and NumPy are imported when the first picture is read
    import os

    from numpy.typing import NDArray


class ImageError(Exception):
    """A picture that cannot be read or written, and why, in one line."""


@dataclass(frozen=True)
class Info:
    """What a file says of its picture beside the pixels."""

    format: str = ""
    alpha: bool = False


def read_image(path: str | os.PathLike[str]) -> tuple[NDArray[Any], Info]:
    """Read a picture: (H, W) if grey, (H, W, C) if not, in the file's own dtype, upright, palettes expanded.

    Args:
        path: of the file; its content tells the format, not its name.

    Returns:
        The array, uint8 or as deep as the file, and what else the file says.

    Raises:
        ImageError: the file is no picture, is damaged, or holds what an array of this kind cannot.

    >>> image, info = read_image("sample_images/coffee.png")
    >>> image.shape, image.dtype.name, info.format
    ((400, 600, 3), 'uint8', 'PNG')
    """
    from poolcli.images.read import read

    return read(path)


def write_image(array: NDArray[Any], path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a picture whole or not at all: it is encoded first, and takes its name last.

    Args:
        array: (H, W) grey, or (H, W, C) of 2 (grey and alpha), 3 (RGB) or 4 (RGBA) channels; uint8, or uint16 and
            float32 where the format holds them.
        path: of the file; its ending tells the format.
        overwrite: replace a file that is there.

    Raises:
        ImageError: the format is not known or cannot hold the array, the file exists, the folder cannot be written.
    """
    from poolcli.images.write import write

    write(array, path, overwrite)
