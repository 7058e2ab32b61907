"""TIFF, in every dtype and number of bands, by tifffile; the rare kinds that it leaves packed, by Pillow."""

from __future__ import annotations

import ctypes
import math
import os
import struct
import sys
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import chain, product
from threading import Lock
from typing import Any, BinaryIO

import imagecodecs  # noqa: F401  tifffile looks for it where a file is compressed
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin, _imaging

from poolcli.images.boxes import Banded, Boxes, Coloured, Plain, Turned, banded
from poolcli.images.colour import expanded, full_range
from poolcli.images.geotiff import GdalMetadata, GeoTiff
from poolcli.images.heap import give_back
from poolcli.images.imagej import ImageJ
from poolcli.images.metadata import DESCRIPTIVE, clean, dpi_of, loaded, octets, orientation_of, upright, upright_xmp
from poolcli.images.ome import Ome
from poolcli.images.pillow import MODERN, Pillow
from poolcli.images.structure import NODATA, Part, Structure, axes_of, describes_pages, said_of
from poolcli.images.types import Codec, Frame, ImageError, Info, Reading, Writing, check_size, damaged

_ICC, _XMP, _EXIF, _GPS = 34675, 700, 34665, 34853
_DESCRIPTION, _ORIENTATION = 270, 274
_RESERVED = {_EXIF: 34664, _GPS: 34854}  # tifffile writes no directories: free tags that sort alike hold their place
Pair = tuple[int, int]
_PHOTOMETRIC = tifffile.PHOTOMETRIC
_GREYS = (_PHOTOMETRIC.MINISBLACK, _PHOTOMETRIC.MINISWHITE)
_DENSE = (33003, 33004, 33005, 34712, 50002)  # compression by JPEG 2000 and JPEG XL
_FAX = (2, 3, 4)
_OLD_JPEG, _JPEG, _JPEG_FILE = 6, 7, 513
_PARTS = 1 << 16  # strips and tiles that need not all be there
_BUFFER = 1 << 24  # bytes read at once
_DECODED = 1 << 23  # bytes of pixels that are decoded together
_SEGMENT = 1 << 26  # bytes of a strip or a tile that is decoded for a part of it
_STRIP = 1 << 18  # bytes of a strip, before it is compressed
_JPEGS = (6, 7, 34892, 33007)
_BIG = 2**32 - 2**25  # bytes; beyond, offsets need 64 bits
_USUAL, _MOST = {"level": 1}, {"level": 9}  # compression that is written
_DEFLATED = (8, 32946)  # compression, by its two numbers
_BYTE_ORDER = "<" if sys.byteorder == "little" else ">"  # that is written


class Segments:
    """A page whose strips or tiles are decoded as boxes touch them; those of some rows of tiles are kept."""

    together = 1

    def __init__(self, page: Any, info: Info, tile: Pair | None) -> None:
        self._page, self.info, self.tile = page, info, tile
        self._planes = page.samplesperpixel if page.planarconfig == 2 else 1
        self._size = tile or (min(page.rowsperstrip, page.imagelength), page.imagewidth)
        self._across = -(-page.imagewidth // self._size[1])
        self._down = -(-page.imagelength // self._size[0])
        self._kept: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._most = 2 * self._across * self._planes + 2
        samples = page.samplesperpixel
        self.shape = (page.imagelength, page.imagewidth, samples)[: 2 + (samples > 1)]
        self.dtype = np.dtype(np.uint8 if page.dtype == bool else page.dtype)
        page.parent.filehandle.set_lock(True)

    def encoded(self, written: Mapping[str, Any]) -> Iterator[bytes | None] | None:
        """Return the tiles as they are stored, or None if a page that is written with these arguments has others."""
        page, parts = self._page, math.prod(self._page.chunked)
        predictor = (3 if page.dtype.kind == "f" else 2) if written.get("predictor") else 1
        alike = (
            self.tile == written.get("tile")
            and page.compression in _DEFLATED
            and written.get("compressionargs") == _USUAL
            and page.predictor == predictor
            and page.photometric in (_PHOTOMETRIC.MINISBLACK, _PHOTOMETRIC.RGB, _PHOTOMETRIC.PALETTE)
            and (page.planarconfig == 1 or page.samplesperpixel == 1)
            and page.bitspersample == 8 * page.dtype.itemsize
            and page.fillorder == 1
            and page.parent.byteorder == _BYTE_ORDER
            and len(page.databytecounts) == parts
            and all(page.databytecounts)
        )
        return map(self._data, range(parts)) if alike else None

    def read(self, rows: Pair, columns: Pair) -> NDArray[Any]:
        """Return the pixels of these rows and columns."""
        height, width = self._size
        samples = self._page.samplesperpixel
        out = np.empty((rows[1] - rows[0], columns[1] - columns[0], samples), self._page.dtype)
        across = range(columns[0] // width, -(-columns[1] // width))
        touched = [*product(range(rows[0] // height, -(-rows[1] // height)), across, range(self._planes))]
        for (y, x, p), part in zip(touched, self._decoded(touched), strict=True):
            top, left = y * height, x * width
            bottom, right = min(top + len(part), rows[1]), min(left + part.shape[1], columns[1])
            own = part[max(rows[0] - top, 0) : bottom - top, max(columns[0] - left, 0) : right - left]
            begin = max(top - rows[0], 0), max(left - columns[0], 0)
            into = out[begin[0] : begin[0] + len(own), begin[1] : begin[1] + own.shape[1]]
            into[..., p : p + own.shape[2]] = own
        return _values(out if samples > 1 else out[..., 0], self._page)

    def _decoded(self, touched: list[tuple[int, int, int]]) -> Iterator[NDArray[Any]]:
        """Yield strips or tiles, (H, W, samples), without what lies beyond the image: some by several threads."""
        size = math.prod(self._size) * self._page.samplesperpixel // self._planes * self._page.dtype.itemsize
        most = max(4 * (os.cpu_count() or 1), _DECODED // size)
        indices = [(p * self._down + y) * self._across + x for y, x, p in touched]
        for first in range(0, len(indices), most):
            yield from self._some(indices[first : first + most])

    def _some(self, indices: list[int]) -> Iterator[NDArray[Any]]:
        found = {index: self._kept.pop(index) for index in indices if index in self._kept}
        missing = [index for index in indices if index not in found]
        found |= zip(missing, _threads().map(self._segment, missing, map(self._data, missing)), strict=True)
        for index in indices:
            self._kept[index] = part = found.pop(index)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
            yield part

    def _data(self, index: int) -> bytes | None:
        """Return the bytes of a strip or tile, or None where it has none."""
        page = self._page
        handle = page.parent.filehandle
        with handle.lock:
            handle.seek(page.dataoffsets[index])
            return handle.read(page.databytecounts[index]) if page.databytecounts[index] else None

    def _segment(self, index: int, data: bytes | None) -> NDArray[Any]:
        """Return a strip or tile of these bytes."""
        page, tables = self._page, {}
        if page.compression in _JPEGS:
            tables = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader}
        values, _, (_, height, width, samples) = page.decode(data, index, **tables)
        if values is None:
            return np.full((height, width, samples), page.nodata, page.dtype)
        part: NDArray[Any] = values.reshape(values.shape[-3:])[:height, :width]
        return part


@cache
def _threads() -> ThreadPoolExecutor:
    """Return the threads that decode strips and tiles."""
    give_back()
    return ThreadPoolExecutor(os.cpu_count() or 1, "segments")


class Tiff(Codec):
    """The pages of a TIFF file, without the smaller copies and masks of others."""

    def __init__(self, file: BinaryIO, reading: Reading) -> None:
        self._file, self._reading = file, reading
        self._tiff = _opened(file)
        self._pages = []
        page: Any
        seen: dict[int, int] = {}  # pages by their offsets: tifffile follows directories in a circle for ever
        for i, page in enumerate(self._tiff.pages):
            if page.offset in seen:
                back = f"page {i - 1} of the file is followed by page {seen[page.offset]} again"
                self.warnings = (f"the page directories form a cycle: {back}; each page is read once",)
                break
            seen[page.offset] = i
            _check_page(page, reading)
            if i == 0 or not page.subfiletype & 5:  # 1: a smaller copy, 4: a mask
                self._pages.append(i)
        self.frames = len(self._pages)
        if not self.frames:
            raise damaged("no page can be read")
        page = self._tiff.pages[0]
        self.says, self.nodata = said_of(page), _nodata(page)
        self._behind = _planes_behind(page) if self.frames == 1 else 1
        if self._behind > 1:
            self.frames, self._pages = self._behind, [0] * self._behind
        whole = self._behind > 1 or self._pages == [*range(self.frames)]
        count = self.frames if whole else 0  # some pages are left out, and others count
        of_pages = (self._part(kind, page, self.says, count) for kind in (Ome, ImageJ))
        self._parts = [part for part in of_pages if part]

    def read(self, frame: int) -> Frame:
        """Return one of the pages."""
        page: Any = self._tiff.pages[self._pages[frame]]
        if self._behind > 1:
            plane = self.boxes(frame)
            assert plane is not None
            return plane.read((0, plane.shape[0]), (0, plane.shape[1])), plane.info
        if _is_packed(page):
            self._file.seek(0)
            image, info = PackedTiff(self._file, self._reading).read(self._pages[frame])
            return image, replace(info, structure=self._structure(page, frame))
        if page.photometric not in (*_GREYS, _PHOTOMETRIC.RGB, _PHOTOMETRIC.PALETTE, _PHOTOMETRIC.YCBCR):
            raise ImageError(f"TIFF of {_name(page.photometric)} values is not supported: convert it to RGB")
        if page.compression != 1 and page.compression not in tifffile.TIFF.DECOMPRESSORS:
            raise ImageError(
                f"TIFF of compression {_name(page.compression)} is not supported: save it with LZW or deflate"
            )
        image = _channels_last(page)
        info = self._info(page, frame)
        if page.photometric in (*_GREYS, _PHOTOMETRIC.RGB):
            image = _values(image, page)
        elif page.photometric == _PHOTOMETRIC.PALETTE and page.colormap is not None:
            image, info = _coloured(image, info, page)
        image = upright(image, _orientation_of(page))
        if info.palette is not None and not self._reading.keep_palette:
            return expanded(image, info)
        return image, info

    def boxes(self, frame: int) -> Boxes | None:
        """Return a page to be read in parts, if it is of plain values, and its parts are small."""
        page: Any = self._tiff.pages[self._pages[frame]]
        of_indices = page.photometric == _PHOTOMETRIC.PALETTE
        if of_indices and (page.colormap is None or page.samplesperpixel > 1):
            return None
        boxes, orientation = self._stored(page, frame), _orientation_of(page)
        if boxes is None or (orientation >= 5 and boxes.tile is None):  # a row of it would be a column of all strips
            return None
        boxes = boxes if orientation == 1 else Turned(boxes, orientation)
        return Coloured(boxes) if of_indices and not self._reading.keep_palette else boxes

    def order(self) -> Sequence[int]:
        """Return the pages in the order of the planes of the array that they make."""
        axes = axes_of(self._parts)
        return axes.order if axes and len(axes.order) == self.frames else range(self.frames)

    def _stored(self, page: Any, frame: int) -> Boxes | None:
        """Return the values of a page, as they are stored, in parts."""
        plain = page.photometric in (*_GREYS, _PHOTOMETRIC.RGB, _PHOTOMETRIC.PALETTE) and page.imagedepth == 1
        known = page.compression == 1 or page.compression in tifffile.TIFF.DECOMPRESSORS
        if not plain or _is_packed(page) or not known or page.dtype is None:
            return None
        info = self._info(page, frame)
        if page.photometric == _PHOTOMETRIC.PALETTE:
            info = _named(info, page)
        tile = (page.tilelength, page.tilewidth) if page.is_tiled else None
        several = page.planarconfig == 2 and page.samplesperpixel > 1
        natural = page.photometric != _PHOTOMETRIC.MINISWHITE and page.dtype != bool
        if page.is_contiguous and natural and not several and not page.is_tiled:
            samples = page.samplesperpixel
            shape = (page.imagelength, page.imagewidth, samples)[: 2 + (samples > 1)]
            stored = page.dtype.newbyteorder(page.parent.byteorder)
            before = frame * math.prod(shape) * stored.itemsize if self._behind > 1 else 0
            return Plain(self._file, page.dataoffsets[0] + before, shape, stored, page.dtype, info)
        if math.prod(page.chunks) * page.dtype.itemsize > _SEGMENT:
            return None
        return Segments(page, info, tile)

    def _info(self, page: Any, frame: int) -> Info:
        base = 3 if page.photometric in (_PHOTOMETRIC.RGB, _PHOTOMETRIC.YCBCR) else 1
        extra = page.extrasamples[0] if page.samplesperpixel == base + 1 and page.extrasamples else 0
        dpi = {"dpi": page.get_resolution(unit=2)} if page.tags.valueof(296, 2) != 1 and 282 in page.tags else {}
        return Info(
            "TIFF",
            self.frames,
            alpha=extra in (1, 2),
            premultiplied=extra == 1,
            icc=octets(page.tags.valueof(_ICC)),
            xmp=upright_xmp(page.tags.valueof(_XMP)),
            exif=self._exif() if frame == 0 else None,
            dpi=dpi_of(dpi),
            nodata=_nodata(page) or self.nodata,
            structure=self._structure(page, frame),
        )

    def _structure(self, page: Any, frame: int) -> Structure | None:
        """Return what is said of a page; of one that is turned to be upright, nothing."""
        own = [part for kind in (GeoTiff, GdalMetadata) if (part := self._part(kind, page))]
        if not own + self._parts or _orientation_of(page) != 1:
            return None
        samples = page.samplesperpixel
        shape = (page.imagelength, page.imagewidth, samples)[: 2 + (samples > 1)]
        dtype = "uint8" if page.dtype == bool else str(page.dtype)
        return Structure((*own, *self._parts), shape, dtype, self.frames, frame)

    @staticmethod
    def _part(kind: Any, page: Any, *more: Any) -> Part | None:
        """Return what a page says in one way; what nobody can read is not worth the image."""
        try:
            found: Part | None = kind.of(page, *more)
        except Exception:
            return None
        return found

    def _exif(self) -> bytes | None:
        exif = Image.Exif()
        self._file.seek(0)
        try:
            exif.load_from_fp(self._file)
            if describes_pages(self._tiff.pages[0]):
                exif.pop(_DESCRIPTION, None)
            return clean(exif)
        except Exception:  # a directory that Pillow cannot read is not worth the image
            return None

    @classmethod
    def holds_palette(cls, palette: NDArray[Any]) -> bool:
        """Return whether no colour is transparent."""
        return len(palette[0]) == 3

    @classmethod
    def encode(cls, file: BinaryIO, frames: Iterator[Frame], count: int, writing: Writing) -> None:
        """Write images as pages, each before the next is made; BigTIFF where they need it."""
        first = next(frames)
        with tifffile.TiffWriter(file, bigtiff=first[0].nbytes * count > _BIG) as tiff:
            for i, (image, info) in enumerate(chain([first], frames)):
                tiff.write(**_page(image, info, writing, i == 0, count))
        if first[1].exif and not writing.strip:
            _append_exif(file, first[1].exif)

    @classmethod
    def encode_bands(cls, file: BinaryIO, images: Iterator[Banded], count: int, writing: Writing) -> None:
        """Write images as pages of tiles or strips, each before the next is begun; BigTIFF where they need it."""
        first = next(images)
        with tifffile.TiffWriter(file, bigtiff=first.nbytes * count > _BIG) as tiff:
            for i, image in enumerate(chain([first], images)):
                tiff.write(**_banded_page(image, writing, i == 0, count))
        if first.info.exif and not writing.strip:
            _append_exif(file, first.info.exif)

    @classmethod
    def encode_levels(cls, file: BinaryIO, levels: Iterator[Banded], count: int, writing: Writing) -> None:
        """Write an image as a page of tiles, and its smaller levels as pages below that one."""
        base = next(levels)
        with tifffile.TiffWriter(file, bigtiff=2 * base.nbytes > _BIG) as tiff:
            tiff.write(**_banded_page(base, writing, True), subifds=count - 1)
            for level in levels:
                tiff.write(**_banded_page(level, replace(writing, record=""), False), subfiletype=1)
        if base.info.exif and not writing.strip:
            _append_exif(file, base.info.exif)


_setting = Lock()


def _silence() -> None:
    """Take away the handler by which Pillow's libtiff prints what it thinks of damaged files: an error says it."""
    with suppress(OSError, AttributeError):  # where libraries do not show what they are linked with
        library = ctypes.CDLL(_imaging.__file__)
        library.TIFFSetErrorHandler.argtypes = [ctypes.c_void_p]
        library.TIFFSetErrorHandler.restype = ctypes.c_void_p
        library.TIFFSetErrorHandler(None)


_silence()


class PackedTiff(Pillow):
    """Pages of luma and chroma, ink, CIELAB and old JPEG; files whose header has the number 42 the wrong way round."""

    name = "TIFF"

    def _seek(self, frame: int) -> None:
        image: Any = self._image
        image.seek(frame)
        if image.tile and image.mode == "YCbCr":  # not compressed: Pillow would take it for that of JPEG
            with _setting:
                TiffImagePlugin.READ_LIBTIFF = True  # which knows coefficients, black, white and subsampling
                try:
                    image._setup()
                finally:
                    TiffImagePlugin.READ_LIBTIFF = False


def _opened(file: BinaryIO) -> tifffile.TiffFile:
    try:
        return tifffile.TiffFile(file)
    except IndexError:  # it looks for the second page that a tag of microscopes promises
        file.seek(0)
        return tifffile.TiffFile(file, is_lsm=False)


def _orientation_of(page: Any) -> int:
    return orientation_of({_ORIENTATION: page.tags.valueof(_ORIENTATION, 1)})


def _nodata(page: Any) -> str:
    return str(page.tags.valueof(NODATA, "")).strip("\0 ")


def _planes_behind(page: Any) -> int:
    """Return how many planes lie one after the other where a page says that the first is.

    ImageJ writes one directory for all planes of a stack that is larger than 4 GB.
    """
    if not page.is_imagej or page.photometric != _PHOTOMETRIC.MINISBLACK or not page.is_contiguous:
        return 1
    try:
        count = int((page.parent.imagej_metadata or {}).get("images", 1))
    except (TypeError, ValueError):
        return 1
    free = page.parent.filehandle.size - page.dataoffsets[0]
    return count if 1 < count <= free // max(sum(page.databytecounts), 1) else 1


def _check_page(page: Any, reading: Reading) -> None:
    """Raise an ImageError if a page claims too much, with what its tiles have beyond its edges."""
    if not isinstance(page.imagewidth, int) or not isinstance(page.imagelength, int):
        raise damaged(f"its size is no number: {page.imagelength!r} x {page.imagewidth!r}")
    height = max(page.imagelength, page.tilelength) * page.imagedepth
    check_size(max(page.imagewidth, page.tilewidth), height, page.samplesperpixel, reading)
    if page.compression in _DENSE:
        MODERN.check(page.imagewidth, height, 1, page.parent.filehandle.size, reading)
    if page.compression in _FAX and page.imagelength > 8 * sum(page.databytecounts):  # a row takes at least a bit
        raise damaged("truncated")
    parts = math.prod(page.chunked)
    if parts > max(len(page.dataoffsets), _PARTS):
        raise damaged(f"of its {parts} tiles and strips there are {len(page.dataoffsets)}")


def _is_packed(page: Any) -> bool:
    """Return whether a page is of a kind that libtiff reads, and tifffile leaves as it is."""
    if page.photometric == _PHOTOMETRIC.CIELAB:
        return bool(page.bitspersample == 8 and page.samplesperpixel == 3)
    if page.compression == _OLD_JPEG:
        return _JPEG_FILE not in page.tags  # whose tables are in tags of their own
    of_ink = page.photometric == _PHOTOMETRIC.SEPARATED
    return bool(of_ink or (page.photometric == _PHOTOMETRIC.YCBCR and page.compression != _JPEG))


def _name(value: Any) -> str:
    """Return the name of a photometric interpretation or a compression, or the number of one that is not known."""
    return str(getattr(value, "name", value if isinstance(value, int) else "that is no number"))


def _channels_last(page: Any) -> NDArray[Any]:
    """Return the values of a page, (H, W) or (H, W, C)."""
    values: NDArray[Any] = page.asarray(
        squeeze=False, buffersize=_BUFFER
    )  # separate planes, depth, height, width, interleaved samples
    planes, depth, height, width, samples = values.shape
    if depth > 1:
        raise ImageError(f"a volume of {depth} slices in one page is not an image")
    if planes > 1:
        return np.ascontiguousarray(np.moveaxis(values[:, 0, :, :, 0], 0, -1))
    return values.reshape((height, width) if samples == 1 else (height, width, samples))


def _values(image: NDArray[Any], page: Any) -> NDArray[Any]:
    """Return grey or colours of a page with black as 0, of 8 bits at least; indices as they are."""
    if page.photometric == _PHOTOMETRIC.PALETTE:
        return image.view(np.uint8) if image.dtype == bool else image
    return _scaled(_dark_first(image, page) if page.photometric in _GREYS else image, page)


def _dark_first(image: NDArray[Any], page: Any) -> NDArray[Any]:
    """Return grey with black as 0."""
    if page.photometric != _PHOTOMETRIC.MINISWHITE:
        return image
    if image.dtype == bool:
        image = image.view(np.uint8)
    if image.dtype.kind != "u":
        what = f"TIFF whose white is the smallest {image.dtype} is not supported"
        raise ImageError(f"{what}, as its black has no number: save it with black as the smallest")
    inverted: NDArray[Any] = image.dtype.type(2**page.bitspersample - 1) - image
    if image.ndim == 3:  # alpha is alpha
        inverted[..., 1:] = image[..., 1:]
    return inverted


def _scaled(image: NDArray[Any], page: Any) -> NDArray[Any]:
    """Return fewer than 8 bits as 8: the largest value is 255. Odd depths above 8 bits keep their numbers."""
    if image.dtype == bool:
        image = image.view(np.uint8)
    bits = page.bitspersample
    # Channels of 5, 6 and 5 bits are scaled by tifffile.
    return full_range(image, bits) if image.dtype == np.uint8 and isinstance(bits, int) else image


def _coloured(image: NDArray[Any], info: Info, page: Any) -> Frame:
    """Return indices and their palette; or colours, where not all that is stored beside the indices is opaque."""
    image = image.view(np.uint8) if image.dtype == bool else image
    named = _named(info, page)
    if image.ndim == 2:
        return image, named
    indices, more = image[..., 0], _scaled(image[..., 1:], page)
    if info.alpha and (more == np.iinfo(more.dtype).max).all():
        return np.ascontiguousarray(indices), named
    colours, named = expanded(indices, named)
    wide = np.uint16 if np.uint16 in (colours.dtype, more.dtype) else np.uint8
    parts = [part * wide(257) if part.dtype != wide else part for part in (colours, more)]
    return np.concatenate(parts, axis=2), replace(named, alpha=info.alpha, premultiplied=info.premultiplied)


def _named(info: Info, page: Any) -> Info:
    """Return what is said of a page of indices."""
    return replace(info, palette=_palette(page.colormap), alpha=False, premultiplied=False)


def _palette(colormap: NDArray[np.uint16]) -> NDArray[Any]:
    """Return (n, 3) colours, of 8 bits where no value needs more."""
    colours = np.ascontiguousarray(colormap.T)
    if not (colours % 257).any() or not (colours % 256).any():
        return (colours >> 8).astype(np.uint8)
    return colours.astype(np.uint8) if colours.max() < 256 else colours


def _page(image: NDArray[Any], info: Info, writing: Writing, first: bool, count: int = 1) -> dict[str, Any]:
    """Return the arguments that write one page of so many."""
    page: dict[str, Any] = {"data": image, "metadata": None, "description": "", "software": False, "contiguous": False}
    channels = image.shape[2] if image.ndim == 3 else 1
    alpha = info.alpha if info.alpha is not None else channels in (2, 4)
    if info.palette is not None:
        wide = info.palette.dtype == np.uint16
        colormap = np.zeros((3, 1 << 8 * image.dtype.itemsize), np.uint16)
        colormap[:, : len(info.palette)] = info.palette[:, :3].T * np.uint16(1 if wide else 257)
        page |= {"photometric": "palette", "colormap": colormap}
    elif channels == 3 or (channels == 4 and alpha):
        page["photometric"] = "rgb"
    else:
        page["photometric"] = "minisblack"
    if channels > 1:
        page["planarconfig"] = "contig"
        extra = channels - (3 if page["photometric"] == "rgb" else 1)
        kind = "assocalpha" if info.premultiplied else "unassalpha" if alpha else "unspecified"
        page["extrasamples"] = [kind] + ["unspecified"] * (extra - 1) if extra else None
    if writing.compression != "fast":
        page |= {"compression": "zlib", "compressionargs": _MOST if writing.compression == "max" else _USUAL}
        if info.palette is None and image.dtype != np.float16 and image.dtype.itemsize <= 4:
            page["predictor"] = True
    if not writing.strip:
        page |= _described(info, writing, first)
        structure = info.structure and info.structure.written(image.shape, image.dtype.name, count)
        if structure:
            more = structure.arguments(first)
            page |= {**more, "extratags": page["extratags"] + more["extratags"]}
            # ImageJ reads the pages of a stack that is not compressed as one run of bytes.
            page["contiguous"] = not first and "compression" not in page and ("ImageJ", "axes") in structure.says
    return page


def _banded_page(image: Banded, writing: Writing, first: bool, count: int = 1) -> dict[str, Any]:
    """Return the arguments that write one page of so many in bands, or in tiles as a file has them."""
    give_back()
    page = _page(np.broadcast_to(np.zeros((), image.dtype), image.shape), image.info, writing, first, count)
    width, pixel = image.shape[1], math.prod(image.shape[2:]) * image.dtype.itemsize
    rows = image.tile[0] if image.tile else max(1, _STRIP // (width * pixel))
    parts = banded(image.bands, rows)
    if image.tile:
        across = image.tile[1]
        parts = (band[:, left : left + across] for band in parts for left in range(0, width, across))
    page |= {"data": parts, "shape": image.shape, "dtype": image.dtype, "contiguous": False}
    page |= {"tile": image.tile} if image.tile else {"rowsperstrip": rows}
    if isinstance(image.source, Segments) and (encoded := image.source.encoded(page)):
        page["data"] = encoded
    return page | {"maxworkers": os.cpu_count() or 1, "buffersize": _BUFFER}


def _described(info: Info, writing: Writing, first: bool) -> dict[str, Any]:
    exif = loaded(info.exif)
    tags: list[tuple[int, int, int, Any, bool]] = []
    page: dict[str, Any] = {}
    for tag in DESCRIPTIVE:
        value = exif.get(tag)
        if isinstance(value, str) and value:
            data = value.encode()
            if tag == _DESCRIPTION:  # which has an argument of its own, and would be written twice
                page["description"] = data
                continue
            tags.append((int(tag), 2, len(data) + 1, data + b"\0", True))
    if info.nodata:
        tags.append((NODATA, 2, len(info.nodata) + 1, info.nodata.encode() + b"\0", True))
    if info.xmp:
        tags.append((_XMP, 1, len(info.xmp), info.xmp, True))
    if first:
        tags += [(_RESERVED[tag], 4, 1, 0, True) for tag, _ in _directories(exif)]
    page["extratags"] = tags
    if writing.record:
        page["software"] = writing.record
    if info.icc:
        page["iccprofile"] = info.icc
    if info.dpi:
        page |= {"resolution": info.dpi, "resolutionunit": "inch"}
    return page


def _directories(exif: Image.Exif) -> list[tuple[int, dict[int, Any]]]:
    return [(tag, exif.get_ifd(tag)) for tag in (_EXIF, _GPS) if exif.get_ifd(tag)]


def _append_exif(file: BinaryIO, exif: bytes) -> None:
    """Append the directories of EXIF and GPS, which tifffile does not write, and point the first page to them."""
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        if tiff.is_bigtiff:
            return
        for tag, values in _directories(loaded(exif)):
            offset = file.seek(0, 2)
            offset += file.write(b"\0" * (offset % 2))
            directory = TiffImagePlugin.ImageFileDirectory_v2(
                prefix=b"II" if tiff.byteorder == "<" else b"MM", group=tag
            )
            for key, value in values.items():
                directory[key] = value
            file.write(directory.tobytes(offset))
            entry = tiff.pages[0].tags[_RESERVED[tag]]  # type: ignore[union-attr]
            file.seek(entry.offset)
            file.write(struct.pack(f"{tiff.byteorder}HHII", tag, 4, 1, offset))
