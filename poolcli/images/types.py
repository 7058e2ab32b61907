"""What readers and writers share: what an image is, how it is read and written, and what goes wrong with it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

if TYPE_CHECKING:  # Pillow and NumPy are imported when the first image is read
    from numpy.typing import NDArray

    from poolcli.images.boxes import Banded, Boxes, Canvas, Outline
    from poolcli.images.structure import Said, Structure

Source = str | os.PathLike[str] | bytes | BinaryIO
Frame = tuple["NDArray[Any]", "Info"]
"""An image, (H, W) or (H, W, C), and what else its file says."""

MAX_PIXELS = 500_000_000


class ImageError(Exception):
    """An image that cannot be read or written, and why, in one line; the remedy is the argument that helps."""

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy


def damaged(what: str) -> ImageError:
    """Return the error of a file that is damaged, or of a kind that is not known."""
    return ImageError(f"damaged or unsupported: {what}")


class NoPictureError(ImageError):
    """A file that is of no format at all."""


@dataclass(frozen=True)
class Stack:
    """The array whose planes the images of a file are: the names and lengths of the axes before rows and columns."""

    names: tuple[str | None, ...]
    lengths: tuple[int, ...]
    stored: Any = field(default=None, repr=False)  # what an output of the same format takes over
    says: Sequence[Said] = ()  # that such an output says too


@dataclass(frozen=True)
class Info:
    """What a file says of its image beside the pixels; `write_image` carries it over."""

    format: str = ""
    frames: int = 1  # in the file
    alpha: bool | None = None  # the last channel is alpha; None: it is if there are 2 or 4
    premultiplied: bool = False  # colour has been multiplied by alpha already
    palette: NDArray[Any] | None = field(default=None, repr=False)  # (n, 3 or 4) uint8; the image holds indices
    colours: NDArray[Any] | None = field(default=None, repr=False)  # the palette, where indices were expanded
    icc: bytes | None = field(default=None, repr=False)
    exif: bytes | None = field(default=None, repr=False)  # without orientation, size and thumbnail
    xmp: bytes | None = field(default=None, repr=False)
    dpi: tuple[float, float] | None = None  # across, down
    duration: float | None = None  # of the frame, in milliseconds
    loop: int | None = None  # times that an animation runs, 0 for ever
    nodata: str = ""  # the value that means none
    structure: Structure | None = field(default=None, repr=False)  # what a TIFF says of the places of its pixels
    note: str = ""  # what is to be said of a result, beside the record
    stack: Stack | None = None  # the array that the image is a plane of


@dataclass(frozen=True)
class Reading:
    """How images are read."""

    max_pixels: int = MAX_PIXELS
    keep_palette: bool = False
    layout: Literal["hwc", "chw"] = "hwc"
    convert: bool = False
    layout_given: bool = False  # or that is what is usual


@dataclass(frozen=True)
class Writing:
    """How images are written."""

    overwrite: bool = False
    convert: bool = False
    background: str = "white"
    quality: int | None = None
    compression: Literal["fast", "default", "max"] = "default"
    strip: bool = False
    record: str = ""
    layout: Literal["hwc", "chw"] = "hwc"

    def __post_init__(self) -> None:
        """Raise a ValueError for what no format understands."""
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise ValueError(f"quality={self.quality} is not allowed: it must be 1 to 100")
        if self.compression not in ("fast", "default", "max"):
            raise ValueError(f"compression={self.compression!r} is not allowed: it must be fast, default or max")


class Codec:
    """A format: an object is an open file of it, and the class writes files.

    A format is a subclass, in a file of its own, and a row of the table in `images/formats.py`. One that is only read
    has no `encode`. One of folders has `create` instead, and is given the path of the folder.
    """

    frames: int = 1
    warnings: Sequence[str] = ()  # what is odd about the file, known when all is read
    says: Sequence[Said] = ()  # what it says beside its images, which is lost unless an output keeps it
    nodata: str = ""  # the value that means none, which modes take for a value unless it is ignored

    def __init__(self, file: BinaryIO | Path, reading: Reading) -> None:
        """Read the headers, and check what they claim by `check_size`; nothing is decoded yet."""
        raise NotImplementedError

    def read(self, frame: int) -> Frame:
        """Return one of the images."""
        raise NotImplementedError

    def boxes(self, frame: int) -> Boxes | None:
        """Return one of the images to be read in parts, or None where it is read as a whole."""
        return None

    def order(self) -> Sequence[int]:
        """Return the images in the order of the planes of the array that the file says they are, or as they come."""
        return range(self.frames)

    @classmethod
    def encode_bands(cls, file: BinaryIO, images: Iterator[Banded], count: int, writing: Writing) -> None:
        """Write images band by band, each before the next is begun, if the format's row says that it is written so."""
        raise NotImplementedError

    @classmethod
    def encode_levels(cls, file: BinaryIO, levels: Iterator[Banded], count: int, writing: Writing) -> None:
        """Write an image and its smaller levels, band by band, if the format's row says that it holds them."""
        raise NotImplementedError

    @classmethod
    def encode(cls, file: BinaryIO, frames: Iterator[Frame], count: int, writing: Writing) -> None:
        """Write images, which are as the format's row says that it holds them, to a file in memory or a stream."""
        raise NotImplementedError

    @classmethod
    def placed(cls, folder: Path) -> None:
        """Tell others of an output that is a folder, and has got its name."""

    @classmethod
    def create_sizes(cls, folder: Path, outlines: Sequence[Outline], writing: Writing) -> Iterator[Canvas]:
        """Begin an output of several sizes in an empty folder, if the format's row says that it is one."""
        raise NotImplementedError

    @classmethod
    def create(cls, folder: Path, outline: Outline, writing: Writing) -> Canvas:
        """Begin an output in an empty folder, if the format's row says that it is one."""
        raise NotImplementedError

    @classmethod
    def holds_palette(cls, palette: NDArray[Any]) -> bool:
        """Return whether a palette, (n, 3 or 4), can be written, if the format's row says that palettes can be."""
        return True


def check_size(width: int, height: int, channels: int, reading: Reading) -> None:
    """Raise an ImageError if an image says that it has more pixels than allowed; four channels count as one."""
    if width < 1 or height < 1:
        raise ImageError(f"{height} x {width} pixels are not an image")
    if width * height * max(1, channels / 4) > reading.max_pixels:
        of = f" of {channels} channels" if channels > 4 else ""
        allowed = f"more than the {reading.max_pixels} allowed: max_pixels allows more"
        raise ImageError(f"{height} x {width} pixels{of} are {allowed}", "max_pixels")


@dataclass(frozen=True)
class Density:
    """How many pixels are believed of a small file."""

    undoubted: int  # pixels of an image, in however few bytes
    per_byte: int
    together: int = MAX_PIXELS  # pixels of all frames, likewise: 500 megapixels of most take 10 s
    together_per_byte: int = 500

    def check(self, width: int, height: int, frames: int, size: int, reading: Reading) -> None:
        """Raise an ImageError if a file of so many bytes claims more: to decode it takes long, and all for nothing."""
        more = max(1, reading.max_pixels / MAX_PIXELS)
        image = more * max(self.undoubted, self.per_byte * size)
        animation = max(min(reading.max_pixels, more * self.together), more * self.together_per_byte * size)
        if width * height > image or (frames > 1 and frames * width * height > animation):
            what = f"{frames} frames of {height} x {width}" if frames > 1 else f"{height} x {width}"
            way = "max_pixels allows more"
            raise ImageError(f"{what} pixels in a file of {size} bytes are not believed: {way}", "max_pixels")
