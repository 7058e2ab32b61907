"""OME-XML, the description of the first page of an OME-TIFF, and what it says of pages of another size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf, prod
from typing import Any
from xml.etree import ElementTree

from poolcli.images.structure import Axes, Change, Said, unit_of

_TYPES = {name: name for name in ("int8", "int16", "int32", "uint8", "uint16", "uint32")}
_TYPES |= {"float32": "float", "float64": "double"}
_SYMBOLS = {
    "nanometer": "nm", "micrometer": "\N{MICRO SIGN}m", "millimeter": "mm", "centimeter": "cm", "meter": "m",
    "kilometer": "km", "picometer": "pm", "angstrom": "\N{LATIN CAPITAL LETTER A WITH RING ABOVE}",
    "inch": "in", "foot": "ft", "yard": "yd", "mile": "mi",
    "nanosecond": "ns", "microsecond": "\N{MICRO SIGN}s", "millisecond": "ms", "second": "s", "minute": "min",
    "hour": "h", "day": "d",
}  # fmt: skip
_PLANES = ("SizeZ", "SizeC", "SizeT")
_DEEPEST = 100  # elements in elements: they are written by recursion

Plane = dict[str, int]
"""The numbers of a page along the axes Z, C and T; those of channels count groups of samples."""


@dataclass(frozen=True)
class Ome:
    """An OME-XML of one image whose planes are the pages of a file."""

    text: str
    says: tuple[Said, ...]
    page: int | None = None  # the only one that is left
    steps: tuple[float, float] = (1.0, 1.0)  # down and across
    shape: tuple[int, ...] = ()  # of the output
    dtype: str = ""  # of the output, if it is another

    @classmethod
    def of(cls, page: Any, said: tuple[Said, ...], pages: int) -> Ome | None:
        """Return what the first page of a file says, or None if it is not about its pages, one by one."""
        found = _read(page.description) if page.is_ome else None
        size = page.imagelength, page.imagewidth, page.samplesperpixel
        if found is None or (found.planes, found.size) != (pages, size):
            return None
        dtype = "uint8" if page.dtype == bool else ""  # single bits are read as bytes
        kept = tuple(own for own in said if own[0] == "OME" and own[1] != "regions")
        return cls(page.description, kept, dtype=dtype)

    def alone(self, page: int) -> Ome:
        """Return what is true of one page in a file of its own."""
        return replace(self, page=page, says=tuple(said for said in self.says if said[1] != "axes"))

    def changed(self, change: Change) -> Ome | None:
        """Return what is true of the pages of the output, if there are as many, of as many channels."""
        pages = _known(self.text).planes if self.page is None else 1
        if change.pages != pages or not change.keeps_channels or change.dtype not in _TYPES:
            return None
        down, across = (own * step for own, (step, _) in zip(self.steps, change.lines, strict=True))
        dtype = self.dtype if change.keeps_dtype else change.dtype
        return replace(self, steps=(down, across), shape=change.after, dtype=dtype)

    def arguments(self, first: bool) -> Mapping[str, Any]:
        """Return the description of the first page."""
        return {"description": self._described()} if first else {}

    def axes(self) -> Axes:
        """Return what array the pages are the planes of."""
        return _axes(self.text)

    def _described(self) -> bytes:
        root = ElementTree.fromstring(self.text)
        root.attrib.pop("UUID", None)
        for parent in list(root.iter()):
            for child in [*_named(parent, "ROI"), *_named(parent, "ROIRef"), *_named(parent, "UUID")]:
                parent.remove(child)
        pixels = _pixels(root)
        assert pixels is not None
        self._resize(pixels)
        if self.page is not None:
            _take(pixels, self.page)
        return _serialized(root)

    def _resize(self, pixels: ElementTree.Element) -> None:
        for axis, size, step in zip("YX", self.shape, self.steps, strict=False):
            pixels.set(f"Size{axis}", str(size))
            length = _number(pixels.get(f"PhysicalSize{axis}"))
            if length and step != 1:
                pixels.set(f"PhysicalSize{axis}", f"{length * step:.15g}")
        pixels.attrib.pop("BigEndian", None)
        if "Interleaved" in pixels.attrib:
            pixels.set("Interleaved", "true")
        if self.dtype:
            pixels.set("Type" if "Type" in pixels.attrib else "PixelType", _TYPES[self.dtype])
            pixels.attrib.pop("SignificantBits", None)


def described(
    shape: tuple[int, int],
    dtype: str,
    lengths: Mapping[str, int],
    sizes: Mapping[str, tuple[float, str]],
    channels: Sequence[str],
    says: tuple[Said, ...],
) -> Ome | None:
    """Return what pages of this shape say that are the planes of an array, the last axis of which changes fastest.

    None is what OME has no words for: another dtype, other axes than t, c and z, or in another order.
    """
    import tifffile

    names = "".join(lengths)
    if dtype not in _TYPES or names not in ("", "t", "c", "z", "tc", "tz", "cz", "tcz"):
        return None
    more: dict[str, Any] = {}
    if any(channels) and len(channels) == lengths.get("c", 1):
        more["Channel"] = {"Name": [*channels]}
    for axis, (size, unit) in sizes.items():
        name = "TimeIncrement" if axis == "t" else f"PhysicalSize{axis.upper()}"
        if unit in _SYMBOLS or size != 1:
            more |= {name: size, f"{name}Unit": _SYMBOLS.get(unit, "s" if axis == "t" else "pixel")}
    found = tifffile.OmeXml()
    planes = prod(lengths.values())
    found.addimage(dtype, (*lengths.values(), *shape), (planes, 1, 1, *shape, 1), axes=f"{names.upper()}YX", **more)
    return Ome(found.tostring(), says)


@dataclass(frozen=True)
class _Known:
    """What an OME-XML says of the size of its pages, (H, W, samples), and how many there are."""

    size: tuple[int, ...]
    planes: int


@lru_cache(maxsize=8)
def _known(text: str) -> _Known:
    root = ElementTree.fromstring(text)
    pixels = _pixels(root)
    if pixels is None or _depth(root) > _DEEPEST:
        raise ValueError("no image, or several, or one too deep")
    depth, channels, times = (int(pixels.attrib[name]) for name in _PLANES)
    samples = _samples(pixels)
    size = int(pixels.attrib["SizeY"]), int(pixels.attrib["SizeX"]), samples
    _plane_of(pixels, 0)
    return _Known(size, depth * times * (channels // samples))


@lru_cache(maxsize=8)
def _axes(text: str) -> Axes:
    pixels = _pixels(ElementTree.fromstring(text))
    assert pixels is not None
    lengths = {axis.lower(): size for axis, size in _sizes(pixels).items()}
    planes = _planes(pixels, _known(text).planes)
    pages = {(plane["T"], plane["C"], plane["Z"]): page for page, plane in enumerate(planes)}
    sizes = {axis.lower(): _size(pixels, f"PhysicalSize{axis}", "\N{MICRO SIGN}m") for axis in "ZYX"}
    sizes["t"] = _size(pixels, "TimeIncrement", "s")
    return Axes.of("OME", lengths, pages, sizes)


def _read(text: str) -> _Known | None:
    """Return the same, or None where a text is damaged or not about one image."""
    try:
        return _known(text)
    except (ElementTree.ParseError, ValueError, KeyError, ArithmeticError):
        return None


def _pixels(root: ElementTree.Element) -> ElementTree.Element | None:
    """Return the element of the pixels of the only image."""
    found = [pixels for image in _named(root, "Image") for pixels in _named(image, "Pixels")]
    return found[0] if len(found) == 1 else None


def _depth(root: ElementTree.Element) -> int:
    """Return how many levels of elements there are."""
    level, depth = [root], 0
    while level:
        level, depth = [child for element in level for child in element], depth + 1
    return depth


def _samples(pixels: ElementTree.Element) -> int:
    """Return how many channels a page has, or raise a ValueError if pages differ."""
    counts = {int(channel.get("SamplesPerPixel", "1")) for channel in _named(pixels, "Channel")} or {1}
    if len(counts) > 1 or min(counts) < 1:
        raise ValueError("pages of several kinds")
    return counts.pop()


def _plane_of(pixels: ElementTree.Element, page: int) -> Plane:
    """Return which plane a page is: elements say where runs of planes begin, or all come in their order."""
    sizes = _sizes(pixels)
    runs = (first + page - begin for begin, stop, first in _runs(pixels, sizes) if begin <= page < stop)
    return _placed(next(runs, page), sizes)


def _planes(pixels: ElementTree.Element, pages: int) -> list[Plane]:
    """Return the same of all pages."""
    sizes, numbers = _sizes(pixels), dict[int, int]()
    for begin, stop, first in _runs(pixels, sizes):
        for page in range(begin, int(min(stop, pages))):
            numbers.setdefault(page, first + page - begin)
    return [_placed(numbers.get(page, page), sizes) for page in range(pages)]


def _sizes(pixels: ElementTree.Element) -> Plane:
    """Return how many planes there are along each axis, the one first that changes fastest."""
    order = pixels.get("DimensionOrder", "XYZCT")[2:]
    sizes = {axis: int(pixels.attrib[f"Size{axis}"]) for axis in order}
    sizes["C"] //= _samples(pixels)
    return sizes


def _runs(pixels: ElementTree.Element, sizes: Plane) -> Iterator[tuple[int, float, int]]:
    """Yield from which page to which a run of planes goes, and the number of its first plane."""
    for data in _named(pixels, "TiffData"):
        begin = int(data.get("IFD", "0"))
        count = data.get("PlaneCount", data.get("NumPlanes", "1" if "IFD" in data.attrib else ""))
        first = {axis: int(data.get(f"First{axis}", "0")) for axis in sizes}
        first["C"] //= _samples(pixels)
        yield begin, begin + int(count) if count else inf, _numbered(first, sizes)


def _placed(number: int, sizes: Plane) -> Plane:
    """Return the plane of a number in their order."""
    plane = {}
    for axis, size in sizes.items():
        number, plane[axis] = divmod(number, size)
    return plane


def _numbered(plane: Plane, sizes: Mapping[str, int]) -> int:
    """Return the number of a plane in their order, in which the first axis changes fastest."""
    number, stride = 0, 1
    for axis, size in sizes.items():
        number, stride = number + plane[axis] * stride, stride * size
    return number


def _take(pixels: ElementTree.Element, page: int) -> None:
    """Leave one page alone: its channel, and what is said of its plane."""
    plane, samples = _plane_of(pixels, page), _samples(pixels)
    for name in _PLANES:
        pixels.set(name, str(samples if name == "SizeC" else 1))
    for number, channel in enumerate(_named(pixels, "Channel")):
        if number != plane["C"]:
            pixels.remove(channel)
    for own in _named(pixels, "Plane"):
        if any(int(own.get(f"The{axis}", "0")) != at * (samples if axis == "C" else 1) for axis, at in plane.items()):
            pixels.remove(own)
        else:
            own.attrib |= {f"The{axis}": "0" for axis in plane}
    for number, data in enumerate(_named(pixels, "TiffData")):
        if number:
            pixels.remove(data)
        else:
            data.attrib = {"IFD": "0", "PlaneCount": "1"}


def _named(parent: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    """Return the children of this name, of whichever version of the schema."""
    return [child for child in parent if _local(child) == name]


def _local(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _size(pixels: ElementTree.Element, name: str, usual: str) -> tuple[float, str]:
    """Return how far it is from one pixel to the next, 1 unless that is said, and the unit."""
    size = _number(pixels.get(name))
    return (size, unit_of(pixels.get(f"{name}Unit", usual))) if size else (1.0, "")


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def _serialized(root: ElementTree.Element) -> bytes:
    """Return a text whose own namespace needs no prefix: some readers know elements without any."""
    own = root.tag.rpartition("}")[0]
    if own:
        for element in _of(root, own):
            element.tag = _local(element)
        root.set("xmlns", own.lstrip("{"))
    return b'<?xml version="1.0" encoding="UTF-8"?>' + ElementTree.tostring(root, "unicode").encode()


def _of(root: ElementTree.Element, namespace: str) -> Iterator[ElementTree.Element]:
    yield from (element for element in root.iter() if str(element.tag).startswith(f"{namespace}}}"))
