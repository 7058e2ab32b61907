"""Zarr arrays of version 2 and 3, and OME-Zarr images of 0.4 and 0.5: folders of chunks, read and written by boxes."""

from __future__ import annotations

import base64
import math
import os
import re
import struct
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from poolcli import nodata, remote
from poolcli.dtypes import check
from poolcli.files import exists, is_remote, located, what_is
from poolcli.images import ngff
from poolcli.images.arrays import Layout, Stored, Wanted, wanted_of
from poolcli.images.boxes import Boxes, Canvas, Ends, Outline
from poolcli.images.ome import described
from poolcli.images.structure import Structure
from poolcli.images.types import Codec, Frame, ImageError, Info, Reading, Stack, Writing, check_size, damaged

_DIMENSIONS, _NODATA, _RECORD = "_ARRAY_DIMENSIONS", "_FillValue", "poolcli"
_CELL = 1 << 20  # bytes that are decoded at once, at least
_KEPT = 1 << 26  # bytes of decoded cells
KEPT = ("OME", "axes and scale")  # by an output of the same format
_NAMED = 6  # arrays of a group
_FAST = "zarrs"  # package
_NUMBER = re.compile(r"\(os error (\d+)\)")


class Planes:
    """The images of an array, which are decoded in cells of whole chunks; those that were used last are kept."""

    def __init__(self, array: Any, layout: Layout, dtype: np.dtype[Any], folder: Path) -> None:
        self.array, self.layout, self.dtype, self._folder = array, layout, dtype, folder
        self.lengths = tuple(array.shape[axis] for axis in layout.planes)
        self.chunks = tuple(min(array.chunks[axis], array.shape[axis]) for axis in layout.planes)
        self._cell = _cell_of(array, layout, dtype.itemsize * math.prod(self.chunks))
        self._kept: OrderedDict[Any, NDArray[Any]] = OrderedDict()
        self._bytes = 0

    def read(self, frame: int, rows: Ends, columns: Ends) -> NDArray[Any]:
        """Return a box of one of the images."""
        index = tuple(int(i) for i in np.unravel_index(frame, self.lengths)) if self.lengths else ()
        block = tuple(i // chunk for i, chunk in zip(index, self.chunks, strict=True))
        inside = tuple(i % chunk for i, chunk in zip(index, self.chunks, strict=True))
        (height, width), channels = self._cell, self.layout.pick(self.array.shape)[2:]
        out = np.empty((rows[1] - rows[0], columns[1] - columns[0], *channels), self.dtype)
        for y in range(rows[0] // height, -(-rows[1] // height)):
            for x in range(columns[0] // width, -(-columns[1] // width)):
                top, left = max(y * height, rows[0]), max(x * width, columns[0])
                part = self._decoded(block, y, x)[inside]
                part = part[top - y * height : rows[1] - y * height, left - x * width : columns[1] - x * width]
                place = out[top - rows[0] : top - rows[0] + len(part), left - columns[0] :]
                place[:, : part.shape[1]] = part
        return out

    def _decoded(self, block: tuple[int, ...], y: int, x: int) -> NDArray[Any]:
        """Return a cell of the planes of some chunks."""
        key = (*block, y, x)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        height, width = self._cell
        place = self.layout.select(
            [slice(k * chunk, (k + 1) * chunk) for k, chunk in zip(block, self.chunks, strict=True)],
            (y * height, (y + 1) * height),
            (x * width, (x + 1) * width),
        )
        with remote.reading(self._folder):
            cell: NDArray[Any] = np.asarray(self.array[place]).astype(self.dtype, copy=False)
        self._kept[key] = cell
        self._bytes += cell.nbytes
        while self._bytes > _KEPT and len(self._kept) > 2:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return cell


def _cell_of(array: Any, layout: Layout, pixel: int) -> tuple[int, int]:
    """Return the rows and columns of a cell: some chunks, so that to ask for one costs less than to decode it."""
    height, width, *channels = layout.pick(array.chunks)
    times = math.ceil(math.sqrt(_CELL / max(height * width * math.prod(channels) * pixel, 1)))
    return height * times, width * times


@dataclass(frozen=True)
class Plane:
    """One image of an array."""

    planes: Planes
    frame: int
    info: Info

    @property
    def shape(self) -> tuple[int, ...]:
        """Return (H, W) or (H, W, C)."""
        return self.planes.layout.pick(self.planes.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the dtype of the values."""
        return self.planes.dtype

    @property
    def tile(self) -> tuple[int, int] | None:
        """Return the rows and columns of a chunk."""
        height, width = self.planes.layout.pick(self.planes.array.chunks)[:2]
        return height, width

    @property
    def together(self) -> int:
        """Return how many images are decoded together."""
        return math.prod(self.planes.chunks)

    def read(self, rows: Ends, columns: Ends) -> NDArray[Any]:
        """Return the pixels of these rows and columns."""
        return self.planes.read(self.frame, rows, columns)


class Zarr(Codec):
    """An array, or the largest array of an OME-Zarr image: its planes are images."""

    def __init__(self, file: BinaryIO | Path, reading: Reading) -> None:
        folder = cast(Path, file)
        with remote.reading(folder):
            array, image = open_array(folder)
        names = image.names if image else names_of(array)
        if len(names) != len(array.shape):
            raise damaged(f"{len(names)} axes are named of an array {tuple(array.shape)}")
        layout = Layout.of(names, reading)
        try:
            dtype = check(array.dtype)
        except TypeError as error:
            raise ImageError(str(error)) from None
        shape = layout.pick(array.shape)
        check_size(shape[1], shape[0], (*shape, 1)[2], reading)
        self._planes = Planes(array, layout, dtype, folder)
        self.frames = math.prod(self._planes.lengths)
        if not self.frames:
            raise ImageError(f"an array {tuple(array.shape)} holds no image")
        self.nodata = nodata_of(array.attrs, dtype)
        stack = Stack(
            tuple(layout.names[axis] for axis in layout.planes),
            self._planes.lengths,
            Stored(array, layout, image),
            [KEPT],
        )
        said = self.nodata or _filled(array.fill_value)
        self._info = Info("ZARR", self.frames, nodata=said, stack=stack, structure=_structure(image, self._planes))
        self.says = [("OME", "labels")] * bool(image and what_is(folder / "labels") == "folder") + [KEPT] * bool(image)

    def read(self, frame: int) -> Frame:
        """Return one of the planes."""
        plane = self.boxes(frame)
        return plane.read((0, plane.shape[0]), (0, plane.shape[1])), plane.info

    def boxes(self, frame: int) -> Boxes:
        """Return one of the planes to be read in parts."""
        structure = self._info.structure
        info = replace(self._info, structure=replace(structure, page=frame)) if structure else self._info
        return Plane(self._planes, frame, info)

    @classmethod
    def create(cls, folder: Path, outline: Outline, writing: Writing) -> Canvas:
        """Begin an array, or an OME-Zarr image of one array."""
        wanted = wanted_of(outline)
        level, more = _level(wanted, writing), {_RECORD: writing.record} if writing.record and not writing.strip else {}
        if wanted.image is None:
            whole = replace(level, attributes={**level.attributes, **more})
            return Sheet(create_level(folder, "", whole), wanted.layout)
        image = replace(wanted.image, others={}) if writing.strip else wanted.image
        write_multiscales(folder, image, [image.level], level.zarr_format, more)
        return Sheet(create_level(folder, image.level.path, level), wanted.layout)

    @classmethod
    def placed(cls, folder: Path) -> None:
        """Add labels to the list of those of their image."""
        if is_label(folder):
            add_label(folder)

    @classmethod
    def create_sizes(cls, folder: Path, outlines: Sequence[Outline], writing: Writing) -> Iterator[Canvas]:
        """Begin an OME-Zarr image of several arrays, the largest first."""
        all_wanted = [wanted_of(outline) for outline in outlines]
        images = [wanted.image for wanted in all_wanted if wanted.image]
        levels = [image.level._replace(path=str(number)) for number, image in enumerate(images)]
        arrays = [_level(wanted, writing) for wanted in all_wanted]
        image = replace(images[0], rest={**images[0].rest, **(outlines[0].method or {})})
        if is_label(located(outlines[0].name)):
            image = replace(image, label=ngff.LABEL)
        more = {} if writing.strip or not writing.record else {_RECORD: writing.record}
        image = replace(image, others={}) if writing.strip else image
        write_multiscales(folder, image, levels, arrays[0].zarr_format, more)
        for level, array, wanted in zip(levels, arrays, all_wanted, strict=True):
            yield Sheet(create_level(folder, level.path, array), wanted.layout)


def _structure(image: ngff.Image | None, planes: Planes) -> Structure | None:
    """Return what the pages of a TIFF say that are the planes of an image, or None if there are no words for it."""
    layout, shape = planes.layout, planes.array.shape
    if image is None or layout.channels is not None:
        return None
    sizes = zip(image.names, image.level.lattice.scale, image.axes, strict=True)
    try:
        channels = [str(channel.get("label") or "") for channel in (image.omero or {}).get("channels", ())]
    except (AttributeError, TypeError):  # names that nobody can read are not worth the image
        channels = []
    ome = described(
        layout.pick(shape),
        planes.dtype.name,
        {str(layout.names[axis]): shape[axis] for axis in layout.planes},
        {name: (scale, str(axis.get("unit", ""))) for name, scale, axis in sizes if name != "c"},
        channels,
        (KEPT,),
    )
    return Structure((ome,), layout.pick(shape), planes.dtype.name, math.prod(planes.lengths)) if ome else None


def open_array(folder: Path) -> tuple[Any, ngff.Image | None]:
    """Return an array, and what the group of an OME-Zarr image says of it, or raise an ImageError."""
    with _tried():
        node = _library().open(str(folder), mode="r")
    if hasattr(node, "shape"):
        return _fast(node, folder), None
    attributes = dict(node.attrs)
    image = ngff.image_of(attributes, lambda path: len(node[path].shape))
    if image is None:
        with _tried():
            names = sorted(name for name, _ in node.arrays()) or sorted(node.keys())
        known = ", ".join(names[:_NAMED]) + ", ..." * (len(names) > _NAMED)
        way = f": name one of them, as {folder.name}/{names[0]}" if names else ""
        raise ImageError(f"a group that is no OME-Zarr image, and holds {known or 'nothing'}{way}")
    with _tried():
        array = node[image.level.path]
    return _fast(array, folder), image


def _fast(array: Any, folder: Path) -> Any:
    """Return an array whose chunks the fast package decodes and encodes, where it is installed and knows them."""
    if is_remote(folder) or array.order != "C" or not array.dtype.isnative or not find_spec(_FAST):
        return array
    zarr = _library()
    with _tried(), zarr.config.set({"codec_pipeline.path": f"{_FAST}.ZarrsCodecPipeline"}):
        return zarr.Array(zarr.AsyncArray(array.metadata, array.store_path))


def is_label(folder: Path) -> bool:
    """Return whether a folder is one of the labels of an image: `labels/` below that has it."""
    labels = folder.parent
    return labels.name == "labels" and any(exists(labels.parent / mark) for mark in ("zarr.json", ".zgroup"))


def add_label(folder: Path) -> None:
    """Add the name of labels to those that the group of them has."""
    with _tried():
        zarr_format = _library().open_group(str(folder), mode="r").metadata.zarr_format
        group = _library().open_group(str(folder.parent), mode="a", zarr_format=zarr_format)
        group.attrs.update(ngff.with_label(dict(group.attrs), folder.name, zarr_format))


def names_of(array: Any) -> tuple[str | None, ...]:
    """Return the names of the axes of an array, None for those without."""
    given = getattr(array.metadata, "dimension_names", None) or array.attrs.get(_DIMENSIONS)
    return tuple(given) if given else (None,) * len(array.shape)


def nodata_of(attributes: Mapping[str, Any], dtype: np.dtype[Any]) -> str:
    """Return the value that means none, as attributes say it, in words; xarray writes floats in base 64."""
    value = attributes.get(_NODATA)
    if isinstance(value, str) and dtype.kind == "f":
        try:
            value = struct.unpack("<d", base64.standard_b64decode(value))[0]
        except (ValueError, struct.error):
            return value
    return "" if value is None else str(value)


def _said(value: float | None, dtype: np.dtype[Any], zarr_format: int) -> Any:
    """Return the same as attributes have it: xarray reads floats of version 3 in base 64."""
    if zarr_format == 3 and dtype.kind == "f" and value is not None:
        return base64.standard_b64encode(struct.pack("<d", value)).decode()
    return value


def _filled(value: Any) -> str:
    """Return the value of chunks that are not there, where that is no value of its own: 0 is one, and the default."""
    return "" if value is None or not value else nodata.written(value)


_opening = Lock()


def _library() -> Any:
    try:
        return import_module("zarr")
    except ImportError:
        way = "pip install 'poolcli-image[zarr]' brings it"
        raise ImageError(f"Zarr needs the package zarr: {way}") from None


@contextmanager
def _tried() -> Iterator[None]:
    """Silence what the library thinks of metadata, and name the codec that it lacks."""
    with _opening, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except ValueError as error:
            if type(error).__name__ != "UnknownCodecError":
                raise
            codec = str(error).rpartition(":")[2].strip(" '")
            raise ImageError(f"its codec {codec!r} is not supported: save it with another, as zstd or blosc") from None


@dataclass(frozen=True)
class Level:
    """An array to be made."""

    zarr_format: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None
    names: tuple[str | None, ...]
    attributes: Mapping[str, Any]
    like: Any = None  # array whose codecs and fill value it has
    same_axes: bool = True  # as that


def _level(wanted: Wanted, writing: Writing) -> Level:
    """Return the array that an output is to be, as it is stored and described."""
    outline, like = wanted.outline, wanted.stored.array if wanted.stored else None
    attributes = dict(like.attrs) if like is not None and not writing.strip else {}
    held = like is None or like.dtype == outline.dtype or nodata.read(nodata_of(attributes, like.dtype), outline.dtype)
    if held is None:
        attributes.pop(_NODATA, None)
    zarr_format = 3 if like is None else like.metadata.zarr_format
    if outline.info.nodata:
        attributes[_NODATA] = _said(nodata.read(outline.info.nodata, outline.dtype), outline.dtype, zarr_format)
    return Level(
        zarr_format, wanted.lengths, outline.dtype, wanted.chunks, wanted.shards, wanted.layout.names, attributes,
        like, like is not None and wanted.layout == wanted.stored.layout,  # type: ignore[union-attr]
    )  # fmt: skip


def create_level(folder: Path, name: str, level: Level) -> Any:
    """Make an array in a folder, or the array that has this name in the group there, and return it."""
    like, attributes = level.like, dict(level.attributes)
    named = any(name is not None for name in level.names)
    more: dict[str, Any] = {"dimension_names": level.names if named else None} if level.zarr_format == 3 else {}
    if named and (level.zarr_format == 2 or _DIMENSIONS in attributes):
        attributes[_DIMENSIONS] = ["" if name is None else name for name in level.names]
    if level.shards:
        more["shards"] = {"shape": level.shards}
    if like is not None:
        more |= _codecs(level)
        encoding = getattr(like.metadata, "chunk_key_encoding", None)
        separator = like.metadata.dimension_separator if encoding is None else encoding.separator
        more["chunk_key_encoding"] = {"name": "v2" if encoding is None else encoding.name, "separator": separator}
        if level.shards and like.shards:
            more["shards"]["index_location"] = like.metadata.codecs[0].index_location
    with _tried():
        array = _library().create_array(
            str(folder), name=name or None, shape=level.shape, dtype=level.dtype, chunks=level.chunks,
            zarr_format=level.zarr_format, attributes=attributes, **more,
        )  # fmt: skip
    # The fast package orders the chunks of a shard in its own way, and the workers of a cluster do without it.
    return array if level.shards else _fast(array, folder)


def _codecs(level: Level) -> dict[str, Any]:
    """Return the codecs and the fill value of the array that another is like, as far as dtype and axes allow."""
    like = level.like
    more: dict[str, Any] = {"compressors": like.compressors or None}
    same = like.dtype == level.dtype
    if same and level.same_axes:
        more["filters"] = like.filters or None
        if level.zarr_format == 3:
            more["serializer"] = like.serializer
    if level.zarr_format == 2:
        more["order"] = like.order
    more["fill_value"] = like.fill_value
    if not same and like.fill_value is not None:
        found = nodata.read(nodata.written(like.fill_value), level.dtype)
        more["fill_value"] = level.dtype.type(0) if found is None else found
    return more


def write_multiscales(
    folder: Path, image: ngff.Image, levels: Sequence[ngff.Level], zarr_format: int, more: Mapping[str, Any]
) -> None:
    """Make a folder the group of an OME-Zarr image that has these arrays, the largest first, with more attributes."""
    attributes = {**ngff.attributes_of(image, levels, zarr_format), **more}
    with _tried():
        _library().open_group(str(folder), mode="a", zarr_format=zarr_format).attrs.update(attributes)


class Sheet:
    """An array that takes boxes of its planes: of each chunk, or shard, all at once."""

    def __init__(self, array: Any, layout: Layout) -> None:
        self._array, self._layout = array, layout
        self._unit = array.shards or array.chunks

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what another process makes of it."""
        return _sent, (self._array.metadata, self._array.store_path, self._layout)

    @property
    def folder(self) -> Path:
        """Return the folder of the output."""
        return Path(self._array.store_path.store.root)

    @property
    def chunk(self) -> tuple[int, int]:
        """Return how many rows and columns are stored together."""
        rows, columns = self._layout.pick(self._unit)[:2]
        return rows, columns

    @property
    def groups(self) -> Iterator[Sequence[int]]:
        """Yield the images that are stored together."""
        lengths, units = ([given[axis] for axis in self._layout.planes] for given in (self._array.shape, self._unit))
        starts = [range(0, n, unit) for n, unit in zip(lengths, units, strict=True)]
        for begin in product(*starts):
            ends = [min(i + unit, n) for i, unit, n in zip(begin, units, lengths, strict=True)]
            places = product(*(range(i, end) for i, end in zip(begin, ends, strict=True)))
            yield [int(np.ravel_multi_index(place, lengths)) if place else 0 for place in places]

    def write(self, images: Sequence[int], rows: Ends, columns: Ends, values: NDArray[Any]) -> None:
        """Write a box of the images of a group."""
        write_box(self._array, self._layout, images, (rows, columns), values)

    def sweep(self) -> None:
        """Remove what writers that were killed have left behind: chunks that had not got their names."""
        for path in (self.folder / self._array.store_path.path).rglob("*.partial"):
            path.unlink(missing_ok=True)


def _sent(metadata: Any, place: Any, layout: Layout) -> Sheet:
    """Return a canvas that a worker writes to.

    The library itself writes its chunks, which get their names when they are whole: a worker that was given up may be
    killed while it writes a chunk that another has written meanwhile.
    """
    zarr = _library()
    with _tried():  # and not while another thread asks for the fast package
        return Sheet(zarr.Array(zarr.AsyncArray(metadata, place)), layout)


def write_box(array: Any, layout: Layout, images: Sequence[int], box: tuple[Ends, Ends], values: NDArray[Any]) -> None:
    """Write a box of neighbouring planes, (N, H, W) or (N, H, W, C), to an array."""
    planes = layout.planes
    ends = [
        np.unravel_index(k, [array.shape[axis] for axis in planes]) if planes else () for k in (images[0], images[-1])
    ]
    block = [slice(int(first), int(last) + 1) for first, last in zip(*ends, strict=True)]
    values = values.reshape(*(part.stop - part.start for part in block), *values.shape[1:])
    if layout.channels is not None:
        values = np.moveaxis(values, -1, layout.channels)
    try:
        array[layout.select(block, *box)] = values
    except RuntimeError as error:
        number = _NUMBER.search(str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from error
