"""Metadata that OME, ImageJ, GeoTIFF and GDAL store for a TIFF as a whole; no output keeps them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

NODATA, _GDAL_METADATA, _IMAGEJ_METADATA = 42113, 42112, 50839
_GEOTIFF = {"CRS": (34735, 34736, 34737), "pixel size": (33550,), "origin": (33922, 34264)}
_CHANNEL = r"<(?:\w+:)?Channel\b"
_OME = {
    "axes": rf'Size[ZT]="(?!1")|{_CHANNEL}.*{_CHANNEL}',
    "pixel size": r'PhysicalSize[XYZ]="',
    "channel names": rf'{_CHANNEL}[^>]* Name="[^"]',
}
_IMAGEJ = {"axes": r"^(?:channels|slices|frames)=", "pixel size": r"^(?:unit|spacing)=."}


def unkept(page: Any, nodata: bool = True) -> str:
    """Return what is there, with its nodata or without, by name; what a page says of itself alone is no part of it."""
    found: dict[str, list[str]] = {}
    if page.is_ome:
        found["OME"] = _matching(page.description, _OME) or ["description"]
    if page.is_imagej:
        more = page.tags.valueof(_IMAGEJ_METADATA)
        labels = ["labels"] if isinstance(more, dict) and "Labels" in more else []
        found["ImageJ"] = _matching(page.imagej_description, _IMAGEJ) + labels
    found["GeoTIFF"] = [name for name, tags in _GEOTIFF.items() if any(tag in page.tags for tag in tags)]
    tags = {"nodata": NODATA, "metadata": _GDAL_METADATA} if nodata else {"metadata": _GDAL_METADATA}
    found["GDAL"] = [name for name, tag in tags.items() if tag in page.tags]
    return _listed([f"{kind} {_listed(names)}" for kind, names in found.items() if names])


def describes_pages(page: Any) -> bool:
    """Return whether the description of a page is that of the pages of its file, and wrong in any other."""
    return bool(page.is_ome or page.is_imagej or page.is_shaped)


def _matching(text: str, patterns: Mapping[str, str]) -> list[str]:
    return [name for name, pattern in patterns.items() if re.search(pattern, text, re.MULTILINE | re.DOTALL)]


def _listed(words: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
