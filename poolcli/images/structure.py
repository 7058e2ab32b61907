"""What a TIFF says of its pages as a whole: the axes, places and names of OME, ImageJ, GeoTIFF and GDAL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Protocol
from unicodedata import normalize

Lines = tuple[tuple[float, float], tuple[float, float]]
"""(step, first) of rows and columns: the centre of output pixel k is pixel step k + first of the image."""

Said = tuple[str, str]
"""Whose word it is, and what it tells: ("OME", "axes")."""

SAME: Lines = ((1.0, 0.0), (1.0, 0.0))

NODATA, GDAL_METADATA, IMAGEJ_METADATA = 42113, 42112, 50839
_GEOTIFF = {"CRS": (34735, 34736, 34737), "pixel size": (33550,), "origin": (33922, 34264), "RPC": (50844,)}
_CHANNEL = r"<(?:\w+:)?Channel\b"
_OME = {
    "axes": rf'\bSize[ZT]="(?!1")|{_CHANNEL}.*{_CHANNEL}',
    "pixel size": r'PhysicalSize[XYZ]="',
    "channel names": rf'{_CHANNEL}[^>]* Name="[^"]',
    "regions": r"<(?:\w+:)?ROI\b",
}
_UNITS = {
    "nm": "nanometer", "um": "micrometer", "micron": "micrometer", "microns": "micrometer", "mm": "millimeter",
    "cm": "centimeter", "m": "meter", "km": "kilometer", "pm": "picometer",
    "\N{LATIN CAPITAL LETTER A WITH RING ABOVE}": "angstrom",
    "inch": "inch", "in": "inch", "ft": "foot", "yd": "yard", "mi": "mile",
    "ns": "nanosecond", "us": "microsecond", "ms": "millisecond", "s": "second", "sec": "second", "min": "minute",
    "h": "hour", "d": "day",
}  # fmt: skip
_IMAGEJ = {"axes": r"^(?:channels|slices|frames)=", "pixel size": r"^(?:unit|spacing)=."}


@dataclass(frozen=True)
class Change:
    """What becomes of the pages of a file: where their pixels lie, their shapes before and after, their dtype."""

    lines: Lines
    before: tuple[int, ...]
    after: tuple[int, ...]
    dtype: str
    keeps_dtype: bool
    pages: int

    @property
    def keeps_channels(self) -> bool:
        """Return whether there are as many channels as before."""
        return (*self.before, 1)[2] == (*self.after, 1)[2]


@dataclass(frozen=True)
class Axes:
    """The array that the pages of a file are the planes of, as one of these formats says."""

    word: str  # whose it is
    names: tuple[str, ...]  # of its axes before rows and columns: some of t, c, z, in this order
    lengths: tuple[int, ...]
    order: tuple[int, ...]  # the page of each plane
    sizes: Mapping[str, tuple[float, str]]  # of t, z, y and x: from one pixel to the next, and the unit

    @classmethod
    def of(
        cls,
        word: str,
        lengths: Mapping[str, int],
        pages: Mapping[tuple[int, int, int], int],
        sizes: Mapping[str, tuple[float, str]],
    ) -> Axes:
        """Return the array of these lengths of t, c and z, whose planes are these pages; or one without any."""
        names = tuple(name for name in "tcz" if lengths[name] > 1)
        places = [*product(range(lengths["t"]), range(lengths["c"]), range(lengths["z"]))]
        if sorted(pages) != places:
            return cls(word, (), (), (0,), sizes)
        return cls(word, names, tuple(lengths[name] for name in names), tuple(pages[one] for one in places), sizes)

    def says(self, planes: int, scales: bool) -> set[Said]:
        """Return what is kept by an array of so many planes that says where its pixels lie, or does not."""
        kept = {(self.word, "axes")} if self.names and planes == len(self.order) else set()
        return kept | ({(self.word, "pixel size")} if scales else set())


class Part(Protocol):
    """What one of these formats says."""

    @property
    def says(self) -> tuple[Said, ...]:
        """Return what it tells, by name."""

    def alone(self, page: int) -> Part:
        """Return what is true of one of its pages in a file of its own."""

    def changed(self, change: Change) -> Part | None:
        """Return what is true of the pages after a change, or None if nothing is."""

    def arguments(self, first: bool) -> Mapping[str, Any]:
        """Return what `tifffile.TiffWriter.write` is to be given for it, for the first page or another."""

    def axes(self) -> Axes | None:
        """Return what array the pages are the planes of, or None if it does not say so."""


@dataclass(frozen=True)
class Structure:
    """What is said of a page, and of all pages of its file."""

    parts: tuple[Part, ...]
    shape: tuple[int, ...]  # of the page
    dtype: str
    pages: int = 1
    page: int = 0

    @property
    def says(self) -> frozenset[Said]:
        """Return what it tells, by name."""
        return frozenset(said for part in self.parts for said in part.says)

    @property
    def axes(self) -> Axes | None:
        """Return what array the pages are the planes of, if one of its parts says so."""
        return axes_of(self.parts)

    def alone(self) -> Structure:
        """Return what is true of the page in a file of its own."""
        if self.pages == 1:
            return self
        return replace(self, parts=tuple(part.alone(self.page) for part in self.parts), pages=1, page=0)

    def scaled(self, lines: Lines, shape: tuple[int, ...], dtype: str, pages: int) -> Structure:
        """Return what is true of the page of an output: where its pixels lie, its shape and dtype, and how many."""
        change = Change(lines, self.shape, shape, dtype, dtype == self.dtype, pages)
        parts = (part.changed(change) for part in self.parts)
        return replace(self, parts=tuple(part for part in parts if part), shape=shape, dtype=dtype, pages=pages)

    def written(self, shape: tuple[int, ...], dtype: str, pages: int) -> Structure | None:
        """Return what is true of an array in a file of so many pages, or None if it is of another size."""
        if shape[:2] != self.shape[:2]:
            return None
        own = self.alone() if pages == 1 else self
        return own.scaled(SAME, shape, dtype, pages)

    def arguments(self, first: bool) -> dict[str, Any]:
        """Return what `tifffile.TiffWriter.write` is to be given, for the first page or another."""
        given: dict[str, Any] = {"extratags": []}
        for part in self.parts:
            own = part.arguments(first)
            given |= {**own, "extratags": given["extratags"] + own.get("extratags", [])}
        return given


def said_of(page: Any) -> tuple[Said, ...]:
    """Return what the first page says of its file, by name; what it says of itself alone is no part of it."""
    found: list[Said] = []
    if page.is_ome:
        found += [("OME", name) for name in _matching(page.description, _OME) or ["description"]]
    if page.is_imagej:
        more = page.tags.valueof(IMAGEJ_METADATA)
        more = more if isinstance(more, dict) else {}
        found += [("ImageJ", name) for name in _matching(page.imagej_description, _IMAGEJ)]
        tags = {"labels": {"Labels"}, "regions": {"ROI", "Overlays"}}
        found += [("ImageJ", name) for name, own in tags.items() if own & {*more}]
    found += [("GeoTIFF", name) for name, tags in _GEOTIFF.items() if any(tag in page.tags for tag in tags)]
    found += [("GDAL", name) for name, tag in (("nodata", NODATA), ("metadata", GDAL_METADATA)) if tag in page.tags]
    return tuple(found)


def listed(said: Iterable[Said]) -> str:
    """Return these names as words.

    >>> listed([("OME", "axes"), ("OME", "pixel size"), ("GDAL", "nodata")])
    'OME axes and pixel size and GDAL nodata'
    """
    kinds: dict[str, list[str]] = {}
    for kind, name in said:
        kinds.setdefault(kind, []).append(name)
    return _joined([f"{kind} {_joined(names)}" for kind, names in kinds.items()])


def axes_of(parts: Iterable[Part]) -> Axes | None:
    """Return what array pages are the planes of, as the first of these parts says that does."""
    return next((axes for part in parts if (axes := part.axes())), None)


def unit_of(name: str) -> str:
    """Return the name that UDUNITS has for a unit, or none where that is not known.

    >>> unit_of("\N{MICRO SIGN}m"), unit_of("micron"), unit_of("nm"), unit_of("pixel")
    ('micrometer', 'micrometer', 'nanometer', '')
    """
    name = normalize("NFC", name.replace("\\u00B5", "u")).strip()
    name = name.replace("\N{MICRO SIGN}", "u").replace("\N{GREEK SMALL LETTER MU}", "u")
    return _UNITS.get(name, name if name in _UNITS.values() else "")


def describes_pages(page: Any) -> bool:
    """Return whether the description of a page is that of the pages of its file, and wrong in any other."""
    return bool(page.is_ome or page.is_imagej or page.is_shaped)


def _matching(text: str, patterns: Mapping[str, str]) -> list[str]:
    return [name for name, pattern in patterns.items() if re.search(pattern, text, re.MULTILINE | re.DOTALL)]


def _joined(words: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
