"""The tags of GeoTIFF and GDAL: a page of other pixels keeps its place on the earth.

Raster coordinates (x, y) are 0 at the corner of the first pixel, or at its centre where the keys say that pixels are
points. If output pixel k has its centre at step k + first of the image, its raster coordinate u is at step u + begin,
where begin is first for points, and first + (1 - step) / 2 for areas.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from poolcli.images.structure import GDAL_METADATA, Change, Said

_SCALE, _TIE_POINTS, _MATRIX = 33550, 33922, 34264
_KEYS, _DOUBLES, _TEXTS = 34735, 34736, 34737
_RASTER_TYPE, _POINT = 1025, 2
_ASCII, _SHORT, _DOUBLE = 2, 3, 12

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class GeoTiff:
    """Keys of a coordinate system, and what places the pixels in it."""

    keys: Mapping[int, Any]  # tags of the coordinate system
    scale: Numbers = ()  # x, y and z of a pixel
    points: Numbers = ()  # (x, y, z) of the raster and of the world, one after the other
    matrix: Numbers = ()  # of 4 rows, from the raster to the world

    @classmethod
    def of(cls, page: Any) -> GeoTiff | None:
        """Return what a page says, as far as it is sound, or None if there is nothing."""
        scale, points, matrix = (_numbers(page, tag) for tag in (_SCALE, _TIE_POINTS, _MATRIX))
        keys = {tag: _together(page.tags.valueof(tag)) for tag in (_KEYS, _DOUBLES, _TEXTS) if tag in page.tags}
        if isinstance(keys.get(_TEXTS), str):
            keys[_TEXTS] = _octets(keys[_TEXTS], page.tags[_TEXTS].count)
        if not all(_is_sound(tag, value) for tag, value in keys.items()):
            keys = {}
        own = cls(
            keys,
            scale if len(scale) == 3 else (),
            points if len(points) % 6 == 0 else (),
            matrix if len(matrix) == 16 else (),
        )
        return own if keys or own.scale or own.points or own.matrix else None

    @property
    def says(self) -> tuple[Said, ...]:
        """Return what it tells, by name."""
        there = {"CRS": self.keys, "pixel size": self.scale, "origin": self.points or self.matrix}
        return tuple(("GeoTIFF", name) for name, values in there.items() if values)

    def alone(self, page: int) -> GeoTiff:
        """Return itself: it is of a single page."""
        return self

    def changed(self, change: Change) -> GeoTiff:
        """Return what places the pixels of the output where they belong."""
        (down, top), (across, left) = change.lines
        if not self._counts_points():
            top, left = (round(first + (1 - step) / 2, 12) for step, first in change.lines)
        scale = (self.scale[0] * across, self.scale[1] * down, self.scale[2]) if self.scale else ()
        matrix = []
        for row in range(0, len(self.matrix), 4):
            x, y, z, begin = self.matrix[row : row + 4]
            matrix += [x * across, y * down, z, begin + x * left + y * top]
        points = _moved(self.points, self.scale, (across, left), (down, top))
        return replace(self, scale=scale, matrix=tuple(matrix), points=points)

    def axes(self) -> None:
        """Return None: pages are no planes of an array."""

    def arguments(self, first: bool) -> Mapping[str, Any]:
        """Return the tags."""
        types = {_KEYS: _SHORT, _DOUBLES: _DOUBLE, _TEXTS: _ASCII}
        tags = [_tag(tag, types[tag], value) for tag, value in self.keys.items()]
        places = ((_SCALE, self.scale), (_TIE_POINTS, self.points), (_MATRIX, self.matrix))
        tags += [_tag(tag, _DOUBLE, values) for tag, values in places if values]
        return {"extratags": tags}

    def _counts_points(self) -> bool:
        """Return whether pixels are points, and raster coordinates count from their centres."""
        keys = self.keys.get(_KEYS, ())
        entries = (keys[i : i + 4] for i in range(4, len(keys) - 3, 4))
        return any(key == _RASTER_TYPE and value == _POINT for key, _, _, value in entries)


def _moved(points: Numbers, scale: Numbers, x: tuple[float, float], y: tuple[float, float]) -> Numbers:
    """Return tie points of the output; a single one beside a scale stays where it is in the raster.

    >>> _moved((0, 0, 0, 100.0, 200.0, 0), (10.0, 10.0, 0), (2.0, 0.5), (2.0, 0.5))
    (0, 0, 0, 105.0, 195.0, 0)
    >>> _moved((1, 5, 0, 100.0, 200.0, 0), (), (2.0, 0.0), (2.0, 1.0))
    (0.5, 2.0, 0, 100.0, 200.0, 0)
    """
    (across, left), (down, top) = x, y
    if len(points) == 6 and scale:
        column, row, depth, east, north, up = points
        east += (across * column + left - column) * scale[0]
        north -= (down * row + top - row) * scale[1]
        return column, row, depth, east, north, up
    moved: list[float] = []
    for i in range(0, len(points), 6):
        column, row, *others = points[i : i + 6]
        moved += [(column - left) / across, (row - top) / down, *others]
    return tuple(moved)


@dataclass(frozen=True)
class GdalMetadata:
    """Items of GDAL of the image and of its bands; statistics, which are those of other pixels, are left out."""

    text: str

    @classmethod
    def of(cls, page: Any) -> GdalMetadata | None:
        """Return what a page says, or None if there is nothing."""
        text = page.tags.valueof(GDAL_METADATA)
        return cls(text.strip("\0")) if isinstance(text, str) else None

    @property
    def says(self) -> tuple[Said, ...]:
        """Return what it tells, by name."""
        return (("GDAL", "metadata"),)

    def alone(self, page: int) -> GdalMetadata:
        """Return itself: it is of a single page."""
        return self

    def changed(self, change: Change) -> GdalMetadata:
        """Return what is true of the output: nothing of single bands if there are others."""
        untrue = r'name="STATISTICS_' if change.keeps_channels else r'(?:name="STATISTICS_|sample=")'
        return replace(self, text=re.sub(rf"\s*<Item\b[^>]*\b{untrue}[^>]*>[^<]*</Item>", "", self.text))

    def axes(self) -> None:
        """Return None: pages are no planes of an array."""

    def arguments(self, first: bool) -> Mapping[str, Any]:
        """Return the tag."""
        return {"extratags": [_tag(GDAL_METADATA, _ASCII, self.text.encode())]}


def _tag(tag: int, kind: int, value: Any) -> tuple[int, int, int, Any, bool]:
    """Return a tag as tifffile takes it."""
    if kind == _ASCII:
        value += b"\0"
    return tag, kind, len(value), value, True


def _numbers(page: Any, tag: int) -> Numbers:
    value = _together(page.tags.valueof(tag, ()))
    is_right = isinstance(value, tuple) and all(isinstance(number, (int, float)) for number in value)
    return tuple(map(float, value)) if is_right else ()


def _together(value: Any) -> Any:
    """Return the values of a tag; a single number comes without its tuple."""
    return (value,) if isinstance(value, (int, float)) else value


def _octets(text: str, count: int) -> bytes:
    """Return the bytes that a text was read from, so many with the 0 at their end: keys count them."""
    data, narrow = text.encode(), text.encode("cp1252", "replace")  # tifffile reads what is no UTF-8 so
    return narrow if len(data) + 1 != count == len(narrow) + 1 else data


def _is_sound(tag: int, value: Any) -> bool:
    """Return whether the value of a key's tag is of its type."""
    if tag == _TEXTS:
        return isinstance(value, bytes)
    if not isinstance(value, tuple):
        return False
    if tag == _KEYS:
        return all(isinstance(number, int) and 0 <= number < 1 << 16 for number in value)
    return all(isinstance(number, (int, float)) for number in value)
