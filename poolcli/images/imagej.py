"""The description and the tags of ImageJ, and what they say of pages of another size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import isfinite
from sys import byteorder
from typing import Any, Literal

import tifffile

from poolcli.images.structure import IMAGEJ_METADATA, Axes, Change, Said, unit_of

_AXES = ("images", "channels", "slices", "frames", "hyperstack", "mode", "order")
_RANGE = ("min", "max")
_STACK = ("frames", "channels", "slices")
_KEPT = ("Info", "Labels", "Ranges", "LUTs", "Properties")
_X, _Y, _UNIT = 282, 283, 296
_MOST = 4e9  # that a quotient of two numbers of 32 bits holds
_ORDER: Literal["<", ">"] = "<" if byteorder == "little" else ">"

Pair = tuple[float, float]


@dataclass(frozen=True)
class ImageJ:
    """Lines of the description, in their order, tags by the names that tifffile gives them, pixels a unit."""

    lines: Mapping[str, str]
    tags: Mapping[str, Any] = field(repr=False)
    resolution: Pair | None  # across and down
    unit: int  # of that, as TIFF has it
    says: tuple[Said, ...]
    pages: int
    channels: int = 1

    @classmethod
    def of(cls, page: Any, said: tuple[Said, ...], pages: int) -> ImageJ | None:
        """Return what the first page of a file says, or None if it says nothing."""
        if not page.is_imagej:
            return None
        lines = dict(line.split("=", 1) for line in page.imagej_description.splitlines() if "=" in line)
        tags = page.tags.valueof(IMAGEJ_METADATA)
        tags = {name: tags[name] for name in _KEPT if name in tags} if isinstance(tags, dict) else {}
        resolution = _resolution(page.tags.valueof(_X)), _resolution(page.tags.valueof(_Y))
        unit = page.tags.valueof(_UNIT, 1)
        own = cls(
            lines,
            tags,
            resolution if all(resolution) else None,
            unit if unit in (1, 2, 3) else 1,
            tuple(one for one in said if one[0] == "ImageJ" and one[1] != "regions"),
            pages,
            max(_whole(lines, "channels"), 1),
        )
        return own if own._fits(page.samplesperpixel) else own._without_axes()

    def alone(self, page: int) -> ImageJ:
        """Return what is true of one page in a file of its own: the label, the colours and the range of its channel."""
        rest = self._without_axes()
        tags: dict[str, Any] = {}
        labels, luts, ranges = (_several(self.tags.get(name, ())) for name in ("Labels", "LUTs", "Ranges"))
        channel = page % self.channels if self.lines.get("order", "czt").startswith("c") else -1
        if len(labels) == self.pages:
            tags["Labels"] = [labels[page]]
        if 0 <= channel < len(luts):
            tags["LUTs"] = [luts[channel]]
        if 0 <= 2 * channel < len(ranges) - 1:
            tags["Ranges"] = tuple(ranges[2 * channel : 2 * channel + 2])
        says = rest.says + tuple(one for one in self.says if one[1] == "labels" and "Labels" in tags)
        return replace(rest, tags={**rest.tags, **tags}, says=says, pages=1)

    def changed(self, change: Change) -> ImageJ:
        """Return what is true of the pages of the output; of another number of them, their pixel size."""
        own = self if change.pages == self.pages else self._without_axes()
        lines, tags = dict(own.lines), dict(own.tags)
        if not change.keeps_dtype or not change.keeps_channels:
            lines = {name: value for name, value in lines.items() if name not in _RANGE}
            tags.pop("Ranges", None)
        if not change.keeps_channels:
            lines.pop("mode", None)
            tags.pop("LUTs", None)
        for name, (step, first) in zip(("yorigin", "xorigin"), change.lines, strict=True):
            begin = round(first + (1 - step) / 2, 12)  # the corner of the output
            if begin or name in lines:
                lines[name] = f"{(_float(lines.get(name)) - begin) / step:.12g}"
        (down, _), (across, _) = change.lines
        resolution = own.resolution and (own.resolution[0] / across, own.resolution[1] / down)
        if resolution and not all(1 / _MOST < one < _MOST for one in resolution):
            resolution = None
        return replace(own, lines=lines, tags=tags, resolution=resolution)

    def arguments(self, first: bool) -> Mapping[str, Any]:
        """Return the resolution, and of the first page the description and the tags."""
        given: dict[str, Any] = {}
        if self.resolution:
            given |= {"resolution": self.resolution, "resolutionunit": self.unit}
        if not first:
            return given
        given["description"] = "".join(f"{name}={value}\n" for name, value in self.lines.items()).encode()
        if self.tags:
            given["extratags"] = [*tifffile.tifffile.imagej_metadata_tag(dict(self.tags), _ORDER)]
        return given

    def axes(self) -> Axes:
        """Return what array the pages are the planes of: channels change fastest, unless an order says else."""
        lengths = {axis: max(_whole(self.lines, name), 1) for axis, name in zip("tcz", _STACK, strict=True)}
        order = self.lines.get("order", "czt")[:3]
        order = order if sorted(order) == ["c", "t", "z"] else "czt"
        pages = {}
        for page, place in enumerate(product(*(range(lengths[axis]) for axis in reversed(order)))):
            plane = dict(zip(reversed(order), place, strict=True))
            pages[plane["t"], plane["c"], plane["z"]] = page
        if len(pages) != self.pages:
            lengths, pages = dict.fromkeys("tcz", 1), {(0, 0, 0): 0}
        unit, spacing = unit_of(self.lines.get("unit", "")), _float(self.lines.get("spacing"))
        sizes = {"z": (spacing, unit) if spacing else (1.0, "")}
        sizes |= {
            axis: (1 / one, unit) if unit else (1.0, "")
            for axis, one in zip("xy", self.resolution or (1.0, 1.0), strict=True)
        }
        interval = _float(self.lines.get("finterval"))
        sizes["t"] = (interval, "second") if interval else (1.0, "")
        return Axes.of("ImageJ", lengths, pages, sizes)

    def _fits(self, samples: int) -> bool:
        """Return whether the axes are those of the pages: some writers count samples as channels."""
        depth, times = (max(_whole(self.lines, name), 1) for name in ("slices", "frames"))
        ways = {depth * times * self.channels, max(_whole(self.lines, "images"), 1)}
        return self.pages in ways or (samples == self.channels and self.pages == depth * times)

    def _without_axes(self) -> ImageJ:
        lines = {name: value for name, value in self.lines.items() if name not in _AXES}
        tags = {name: value for name, value in self.tags.items() if name in ("Info", "Properties")}
        says = tuple(one for one in self.says if one[1] not in ("axes", "labels"))
        return replace(self, lines=lines, tags=tags, says=says)


def _several(value: Any) -> Sequence[Any]:
    """Return the values of a tag; a single one comes alone."""
    return value if isinstance(value, (tuple, list)) else [value]


def _resolution(value: Any) -> float:
    """Return pixels a unit, 0 where there is no such number."""
    try:
        return float(value[0] / value[1])
    except (TypeError, ArithmeticError, IndexError):
        return 0.0


def _float(text: str | None) -> float:
    try:
        value = float(text or 0)
    except ValueError:
        return 0.0
    return value if isfinite(value) else 0.0


def _whole(lines: Mapping[str, str], name: str) -> int:
    return int(_float(lines.get(name)))
