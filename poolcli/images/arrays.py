"""Arrays of more axes than an image has: which of them its rows and columns are, and how an output is laid out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

from poolcli.images import ngff
from poolcli.images.boxes import Ends, Outline
from poolcli.images.structure import Axes, Said
from poolcli.images.types import ImageError, Info, Reading

_OME = ".ome.zarr"
_MADE = "k"  # the axis of planes that are made of one image
_CHUNK = 1024  # rows and columns, of what comes from no tiles


@dataclass(frozen=True)
class Layout:
    """What the axes of an array are: rows and columns side by side, channels behind them or none, planes before."""

    names: tuple[str | None, ...]
    rows: int
    channels: int | None = None  # an axis

    @classmethod
    def of(cls, names: Sequence[str | None], reading: Reading) -> Layout:
        """Return what axes with these names are, or raise an ImageError."""
        known = [None if name is None else name.lower() for name in names]
        rank, shown = len(names), ", ".join("?" if name is None else name for name in names)
        if rank < 2:
            raise ImageError(f"an array of {rank} axes is not an image: it must have rows and columns")
        if "y" not in known or "x" not in known:
            behind = rank > 2 and reading.layout_given and reading.layout == "hwc"
            return cls(tuple(names), rank - 3, rank - 1) if behind else cls(tuple(names), rank - 2)
        rows = known.index("y")
        if known[rows + 1 : rows + 2] != ["x"] or rank > rows + 3:
            raise ImageError(f"axes {shown} are not supported: x must follow y, and one axis at most may follow both")
        return cls(tuple(names), rows, rank - 1 if rank > rows + 2 else None)

    @property
    def planes(self) -> tuple[int, ...]:
        """Return the axes along which images lie."""
        return tuple(k for k in range(len(self.names)) if k not in (self.rows, self.rows + 1, self.channels))

    def pick(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """Return what the axes of an image have of a value for each axis: rows, columns, channels."""
        own = (self.rows, self.rows + 1) if self.channels is None else (self.rows, self.rows + 1, self.channels)
        return tuple(values[axis] for axis in own)

    def select(self, block: Sequence[slice], rows: Ends, columns: Ends) -> tuple[slice, ...]:
        """Return the place of a box of some planes."""
        place = [slice(None)] * len(self.names)
        for axis, part in zip(self.planes, block, strict=True):
            place[axis] = part
        place[self.rows], place[self.rows + 1] = slice(*rows), slice(*columns)
        return tuple(place)


@dataclass(frozen=True)
class Stored:
    """What an output takes over from the array that it is made of: how that is stored, and what is said of it."""

    array: Any
    layout: Layout
    image: ngff.Image | None


@dataclass(frozen=True)
class _Axis:
    """One axis of an output."""

    name: str | None
    length: int
    chunk: int
    shard: int = 0  # without shards
    scale: float = 1.0
    translation: float = 0.0
    said: Mapping[str, Any] | None = None  # by OME

    def moved(self, step: float, first: float) -> _Axis:
        """Return the axis of pixels of which number i is where pixel step i + first of this one is."""
        return replace(self, scale=self.scale * step, translation=self.translation + self.scale * first)

    def clipped(self) -> _Axis:
        """Return the axis with no chunk, and no shard, that is larger than it needs."""
        chunk = min(self.chunk, self.length)
        return replace(self, chunk=chunk, shard=min(self.shard, math.ceil(self.length / chunk) * chunk))


@dataclass(frozen=True)
class Wanted:
    """The array that an output is to be, and the image that a group says that it is, if it says so."""

    outline: Outline
    layout: Layout
    lengths: tuple[int, ...]
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None
    image: ngff.Image | None
    stored: Stored | None = field(default=None, repr=False)  # what it is made of


def kept_of(info: Info, name: PurePath, planes: int, is_pyramid: bool) -> set[Said]:
    """Return what an array of so many planes, with this name, keeps of what a file says of its images."""
    if info.stack:
        return {*info.stack.says}
    axes = _axes_of(info)
    return axes.says(planes, is_pyramid or _is_ome(name)) if axes else set()


def _is_ome(name: PurePath) -> bool:
    return name.name.lower().endswith(_OME)


def wanted_of(outline: Outline) -> Wanted:
    """Return the array that the outline of an output asks for, or raise an ImageError."""
    stack = outline.info.stack
    stored = stack.stored if stack and isinstance(stack.stored, Stored) else None
    image = stored.image if stored else None
    is_ome = bool(image or outline.method) or _is_ome(outline.name)
    if is_ome and outline.planes > 1:
        what = f"an OME-Zarr has no axis for {outline.planes} images that are made of one"
        raise ImageError(f"{what}: combine=mean makes one; .tif, .npy hold all")
    axes = [*_made(outline, stored), *_planes(outline, stored), *_sides(outline, stored)]
    channels = _channels(outline, stored, is_ome)
    if is_ome:
        names = ngff.named([axis.name for axis in axes], ["c"] * (channels is not None))
        axes = [
            replace(axis, name=name, said=axis.said or ngff.axis_of(name))
            for axis, name in zip(axes, names, strict=True)
        ]
    place = ngff.place_of_channels([axis.said or {} for axis in axes]) if is_ome else len(axes)
    if channels is not None:
        axes.insert(place, channels)
    axes = [axis.clipped() for axis in axes]
    rows = len(axes) - 2 - (channels is not None and not is_ome)
    shards = tuple(axis.shard for axis in axes)
    return Wanted(
        outline,
        Layout(tuple(axis.name for axis in axes), rows, None if channels is None else place),
        tuple(axis.length for axis in axes),
        tuple(axis.chunk for axis in axes),
        shards if all(shards) else None,
        _image(outline, image, axes) if is_ome else None,
        stored,
    )


def _of(stored: Stored, axis: int, length: int) -> _Axis:
    """Return an axis of the array that an output is made of, with another length."""
    array, image = stored.array, stored.image
    shard = array.shards[axis] if array.shards else 0
    known = _Axis(stored.layout.names[axis], length, array.chunks[axis], shard)
    if image is None:
        return known
    scale, translation = image.level.lattice
    return replace(known, scale=scale[axis], translation=translation[axis], said=image.axes[axis])


def _made(outline: Outline, stored: Stored | None) -> list[_Axis]:
    """Return the axis of the planes that are made of a frame, if there are several: stored together, as made."""
    count, names = outline.planes, stored.layout.names if stored else ()
    name = None if _MADE in names or (names and not any(names)) else _MADE
    return [_Axis(name, count, count, count if stored and stored.array.shards else 0)] * (count > 1)


def _planes(outline: Outline, stored: Stored | None) -> list[_Axis]:
    """Return the axes along which the images of an output lie: of a single one they have a length of 1."""
    count, stack = len(outline.frames), outline.info.stack
    if stored is None or stack is None:
        axes = _axes_of(outline.info)
        if axes and axes.names and count == len(axes.order):
            return [_measured(axes, name, n, 1) for name, n in zip(axes.names, axes.lengths, strict=True)]
        return [_Axis(None, count, 1)] * (count > 1)
    own = [_of(stored, axis, n) for axis, n in zip(stored.layout.planes, stack.lengths, strict=True)]
    if count == math.prod(stack.lengths):
        return own
    index: list[int] = []
    rest = outline.frames[0]
    for n in reversed(stack.lengths):
        rest, i = divmod(rest, n)
        index.insert(0, i)
    return [replace(axis, length=1).moved(1, i) for axis, i in zip(own, index, strict=True)]


def _axes_of(info: Info) -> Axes | None:
    """Return what a TIFF says of the axes of its pages; of each page alone, where both have channels."""
    structure = info.structure
    axes = structure.axes if structure else None
    return replace(axes, names=()) if axes and structure and "c" in axes.names and len(structure.shape) > 2 else axes


def _measured(axes: Axes | None, name: str, length: int, chunk: int) -> _Axis:
    """Return an axis of what is made of the pages of a TIFF."""
    size, unit = axes.sizes.get(name, (1.0, "")) if axes else (1.0, "")
    said = ngff.axis_of(name) | ({"unit": unit} if unit else {})
    return _Axis(name, length, chunk, scale=size, said=said)


def _sides(outline: Outline, stored: Stored | None) -> list[_Axis]:
    """Return the axes of rows and columns."""
    sides, axes = [], None if stored else _axes_of(outline.info)
    for k, name in enumerate("yx"):
        usual, length = outline.tile[k] if outline.tile else _CHUNK, outline.shape[k]
        axis = _of(stored, stored.layout.rows + k, length) if stored else _measured(axes, name, length, usual)
        sides.append(axis.moved(*outline.along[k]))
    return sides


def _channels(outline: Outline, stored: Stored | None, is_ome: bool) -> _Axis | None:
    """Return the axis of the channels of an image, if it has any."""
    if len(outline.shape) < 3:
        return None
    count = outline.shape[2]
    if stored and stored.layout.channels is not None:
        known = _of(stored, stored.layout.channels, count)
        return replace(
            known, said=known.said or ngff.axis_of(known.name or "c"), name=known.name or ("c" if is_ome else None)
        )
    nameless = stored is not None and not is_ome and not any(stored.layout.names)
    chunk = 1 if is_ome else count
    shard = chunk if stored and stored.array.shards else 0
    return _Axis(None if nameless else "c", count, chunk, shard, said=ngff.axis_of("c"))


def _image(outline: Outline, image: ngff.Image | None, axes: Sequence[_Axis]) -> ngff.Image:
    """Return what a group says of an output that has these axes, or raise an ImageError."""
    said = tuple(axis.said or {} for axis in axes)
    ngff.check_axes(said)
    lattice = ngff.Lattice(tuple(axis.scale for axis in axes), tuple(axis.translation for axis in axes))
    level = ngff.Level("0", lattice)
    if image is None:
        return ngff.Image(said, level, {"name": outline.name.name.removesuffix(_OME)})
    counts = [axis.length for axis in axes if (axis.said or {}).get("type") == "channel"] or [1]
    omero = image.omero if image.omero and len(image.omero.get("channels", ())) == counts[0] else None
    added = [k for k, axis in enumerate(axes) if axis.said not in image.axes]
    rest = ngff.with_axis(image.rest, added[0]) if added else image.rest
    return replace(image, axes=said, level=level, rest=rest, omero=omero)
