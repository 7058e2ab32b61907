"""The modes of the command that resizes: filters, stretched where an image shrinks, and how its sizes are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from poolcli.filters import FILTERS
from poolcli.resize import Fit, Scale, Sides, Size, output_grid, resize
from poolcli.rows import ModeRow

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Resizing(ModeRow):
    """One mode: its filter, or one pixel without any."""

    name: str
    formula: str
    filter: str
    parameters: tuple[str, ...]
    selects: bool = False
    unordered: bool = False

    def copies(self) -> bool:
        """Return whether each of its values is that of one pixel."""
        return self.selects

    def output_shape(self, shape: tuple[int, ...], arguments: Mapping[str, Any]) -> tuple[int, ...]:
        """Return the shape that it makes of (H, W) or (H, W, C), or raise a ValueError."""
        size, scale, fit = _asked(arguments)
        return (*output_grid(shape, size, scale, fit).sizes, *shape[2:])


RESIZINGS: Mapping[str, Resizing] = {
    row.name: row
    for row in (
        Resizing("nearest", "the nearest r", "nearest", FILTERS["nearest"].parameters, selects=True, unordered=True),
        Resizing("box", "the mean of the area of a pixel", "nearest", ()),
        *(
            Resizing(row.name, row.formula, row.name, row.parameters)
            for row in FILTERS.values()
            if not row.copies
        ),
    )
}  # fmt: skip


def resized(image: NDArray[Any], mode: str, **arguments: Any) -> Any:
    """Return an image of the size that these options ask for: size, width, height, fit with no_enlarge, or scale.

    Unless no_antialias is given, filters are stretched where the image shrinks, and what lies beyond it has no weight,
    as in Pillow and PyTorch.
    """
    asked = request(mode, arguments)
    size, scale, fit = asked.size
    return resize(image, size, asked.filter, scale=scale, fit=fit, antialias=asked.antialias, **asked.parameters)


@dataclass(frozen=True)
class Request:
    """What `resize` is asked for: size, scale and fit, the filter, whether it is stretched, and all else."""

    size: tuple[Size | Sides | None, Scale | None, Fit]
    filter: str
    antialias: bool
    parameters: dict[str, Any]


def request(mode: str, arguments: Mapping[str, Any]) -> Request:
    """Return what these options ask of `resize`."""
    row = RESIZINGS[mode]
    others = {name: value for name, value in arguments.items() if name not in _SIZES}
    smooth = not others.pop("no_antialias", False)
    antialias = not row.selects and (smooth or not row.parameters)
    if antialias and "border" in row.parameters:
        others.setdefault("border", "exclude")
    return Request(_asked(arguments), row.filter, antialias, others)


_SIZES = ("size", "width", "height", "fit", "no_enlarge", "scale")


def _asked(arguments: Mapping[str, Any]) -> tuple[Size | Sides | None, Scale | None, Fit]:
    """Return size, scale and fit as `resize` takes them, or raise a ValueError if they say nothing or too much."""
    size, fit, scale = (arguments.get(name) for name in ("size", "fit", "scale"))
    sides = arguments.get("height"), arguments.get("width")
    ways = [way for way in (size, fit, scale) if way is not None] + [sides] * (sides != (None, None))
    if len(ways) != 1:
        what = "say how large the output is" if not ways else "say it once"
        raise ValueError(f"{what}: --size HEIGHTxWIDTH, --width N, --height N, --fit HEIGHTxWIDTH or --scale X")
    if arguments.get("no_enlarge") and fit is None:
        raise ValueError("--no-enlarge is for --fit HEIGHTxWIDTH")
    if fit is not None:
        return fit, None, "shrink" if arguments.get("no_enlarge") else "inside"
    if scale is not None:
        return None, scale, "stretch"
    return sides if size is None else size, None, "stretch"
