"""OME-NGFF: what a group says of the image that its arrays hold, versions 0.1 to 0.5 read, 0.4 and 0.5 written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from poolcli.images.types import ImageError, damaged

_USUAL = ("t", "c", "z", "y", "x")  # axes of an array, where nothing names them, the last ones first
_TYPES = {"t": "time", "time": "time", "c": "channel", "channel": "channel", "z": "space", "y": "space", "x": "space"}
_ORDER = {"time": 0, "space": 2}  # all others are between
_OWN = ("multiscales", "omero")  # what is written anew, of the attributes


class Lattice(NamedTuple):
    """Where the pixels of an array lie: at scale * index + translation."""

    scale: tuple[float, ...]
    translation: tuple[float, ...]


class Level(NamedTuple):
    """An array of an image, by its name in the group."""

    path: str
    lattice: Lattice


@dataclass(frozen=True)
class Image:
    """What a group says of an image: its axes, its largest array, and all else."""

    axes: tuple[Mapping[str, Any], ...]
    level: Level
    rest: Mapping[str, Any] = field(default_factory=dict)  # of the same entry: its name, what is common to all arrays
    omero: Mapping[str, Any] | None = None  # how channels are called and shown
    others: Mapping[str, Any] = field(default_factory=dict)  # attributes that are no part of this
    label: Mapping[str, Any] | None = None  # of what image it is labels, if it is

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the axes."""
        return tuple(str(axis["name"]) for axis in self.axes)


def image_of(attributes: Mapping[str, Any], rank: Any) -> Image | None:
    """Return what the attributes of a group say of its first image, or None where they speak of none.

    `rank` is a function of the name of an array, for old versions, which name no axes.
    """
    own = attributes.get("ome", attributes)
    entries = own.get("multiscales")
    if not entries:
        return None
    entry = dict(entries[0])
    datasets = entry.pop("datasets")
    path = str(datasets[0]["path"])
    given = entry.pop("axes", None) or _USUAL[-rank(path) :]
    axes = tuple(dict(axis) if isinstance(axis, Mapping) else axis_of(str(axis)) for axis in given)
    for name in ("version", "type", "metadata"):  # of the pyramid
        entry.pop(name, None)
    others = {name: value for name, value in attributes.items() if name not in (*_OWN, "ome")}
    if "ome" in attributes:
        others |= {"ome": {name: value for name, value in own.items() if name not in (*_OWN, "version")}}
    level = Level(path, _lattice(datasets[0].get("coordinateTransformations", []), len(axes)))
    return Image(axes, level, entry, own.get("omero"), others)


def _lattice(given: Sequence[Mapping[str, Any]], rank: int) -> Lattice:
    """Return the scale and the translation of transformations, which come in that order."""
    scale, translation = (1.0,) * rank, (0.0,) * rank
    for one in given:
        kind = one.get("type")
        if kind not in ("scale", "translation", "identity") or (kind != "identity" and kind not in one):
            raise ImageError(f"a coordinate transformation of type {kind!r} is not supported: use scale, translation")
        if kind == "identity":
            continue
        values = tuple(float(value) for value in one[kind])
        if len(values) != rank:
            raise damaged(f"a {kind} of {len(values)} numbers for {rank} axes")
        if kind == "scale":
            scale = tuple(a * b for a, b in zip(scale, values, strict=True))
            translation = tuple(a * b for a, b in zip(translation, values, strict=True))
        else:
            translation = tuple(a + b for a, b in zip(translation, values, strict=True))
    return Lattice(scale, translation)


def axis_of(name: str) -> dict[str, Any]:
    """Return what is said of an axis that has a name alone."""
    kind = _TYPES.get(name.lower())
    return {"name": name, "type": kind} if kind else {"name": name}


def named(names: Sequence[str | None], taken: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of axes; those without one get t, c, z, which are usual, in that order and the last ones first.

    >>> named((None, None, "y", "x")), named((None, "c", "y", "x"))
    (('c', 'z', 'y', 'x'), ('t', 'c', 'y', 'x'))
    """
    found: list[str] = []
    end = len(_USUAL)
    for name in reversed(names):
        if name is None:
            free = [usual for usual in _USUAL[:end] if usual not in (*names, *taken)]
            if not free:
                what = f"an OME-Zarr has the axes {', '.join(_USUAL)}, and there are {len(names)} without names"
                raise ImageError(f"{what}: a name that ends with .zarr alone has any")
            name = free[-1]
        end = _USUAL.index(name) if name in _USUAL else end
        found.insert(0, name)
    return tuple(found)


def with_axis(rest: Mapping[str, Any], place: int) -> dict[str, Any]:
    """Return what is said of an image that has got another axis, along which nothing is moved."""
    changed = []
    for one in rest.get("coordinateTransformations", ()):
        kind = one.get("type")
        values = list(one[kind]) if isinstance(one.get(kind), list) else None
        if values is not None:
            values.insert(place, 1.0 if kind == "scale" else 0.0)
        changed.append(dict(one) if values is None else {**one, kind: values})
    return {**rest, "coordinateTransformations": changed} if changed else dict(rest)


def place_of_channels(axes: Sequence[Mapping[str, Any]]) -> int:
    """Return where an axis of channels goes: behind time, before space."""
    return sum(axis.get("type") == "time" for axis in axes)


def check_axes(axes: Sequence[Mapping[str, Any]]) -> None:
    """Raise an ImageError if an OME-Zarr cannot have these axes."""
    order = [_ORDER.get(axis.get("type", ""), 1) for axis in axes]
    names = [str(axis["name"]) for axis in axes]
    way = "a name that ends with .zarr alone has any"
    if len(axes) > 5 or order.count(0) > 1 or order.count(1) > 1 or order.count(2) > 3 or len({*names}) < len(names):
        what = "at most a time, a channel and three of space"
        raise ImageError(f"an OME-Zarr has {what} for axes, not {', '.join(names)}: {way}")
    if order != sorted(order):
        raise ImageError(f"an OME-Zarr has time before channels before space, not {', '.join(names)}: {way}")


def attributes_of(image: Image, levels: Sequence[Level], zarr_format: int) -> dict[str, Any]:
    """Return the attributes of a group that holds these arrays of an image, the largest first."""
    version = "0.4" if zarr_format == 2 else "0.5"
    entry: dict[str, Any] = {**image.rest, "axes": [dict(axis) for axis in image.axes]}
    entry["datasets"] = [
        {"path": level.path, "coordinateTransformations": _transformations(level.lattice)} for level in levels
    ]
    beside = {} if image.omero is None else {"omero": dict(image.omero)}
    if image.label is not None:
        beside |= {"image-label": {"version": version, **image.label} if zarr_format == 2 else dict(image.label)}
    if zarr_format == 2:
        return {**image.others, "multiscales": [{"version": version, **entry}], **beside}
    more = image.others.get("ome", {})
    return {**image.others, "ome": {"version": version, **more, "multiscales": [entry], **beside}}


LABEL = {"source": {"image": "../../"}}
"""What labels say of their image, in the folder `labels` of that."""


def with_label(attributes: Mapping[str, Any], name: str, zarr_format: int) -> dict[str, Any]:
    """Return the attributes of a group of labels that has got one more."""
    own = attributes.get("ome", {}) if zarr_format == 3 else attributes
    names = list(dict.fromkeys([*own.get("labels", ()), name]))
    return {"ome": {"version": "0.5", **own, "labels": names}} if zarr_format == 3 else {"labels": names}


def _transformations(lattice: Lattice) -> list[dict[str, Any]]:
    scale = {"type": "scale", "scale": list(lattice.scale)}
    return [scale] + [{"type": "translation", "translation": list(lattice.translation)}] * any(lattice.translation)
