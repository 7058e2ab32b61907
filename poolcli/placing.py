"""Where the pixels of an output lie in the image: pixel sizes and origins of files follow from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from poolcli.commands import Step
from poolcli.downsample import window_of
from poolcli.filters import FILTERS
from poolcli.resize import Enlargement, Grid, output_grid
from poolcli.resizing import request
from poolcli.rows import imported
from poolcli.upsample import UPSAMPLINGS

Line = tuple[float, float]
Placement = tuple[Line, Line]
"""Of the rows and of the columns (step, first): the centre of output pixel k is step k + first, in pixels of the image.

The centre of the image's pixel i is i: the pixel is the area from i - 1/2 to i + 1/2.
"""

SAME: Placement = ((1.0, 0.0), (1.0, 0.0))
"""Of an output whose pixels are those of the image."""


def placement(step: Step, shape: tuple[int, ...]) -> Placement:
    """Return where the pixels of the output of a step lie in an image (H, W) or (H, W, C), or raise a ValueError.

    A window lies where its middle is, whatever padding or the end of the image cuts off. Bins count as equally wide.
    Copies by half-pixel coordinates stand for areas: the corners of such an output are those of the image.

    >>> placement(Step("downsample", "max", {"kernel_size": 2}), (8, 8))
    ((2.0, 0.5), (2.0, 0.5))
    >>> placement(Step("downsample", "max", {"kernel_size": 3, "stride": 2, "padding": (1, 0)}), (9, 9))
    ((2.0, 0.0), (2.0, 1.0))
    >>> placement(Step("upsample", "bilinear", {"scale": 4}), (8, 8))[0]
    (0.25, -0.375)
    >>> placement(Step("resize", "bicubic", {"size": (4, 5), "coordinates": "align-corners"}), (10, 9))
    ((3.0, 0.0), (2.0, 0.0))
    """
    found = _PLACEMENTS.get(step.command)
    return found(step, shape) if found else SAME


def _pooled(step: Step, shape: tuple[int, ...]) -> Placement:
    from poolcli import geometry

    asked = geometry.shape(**window_of(step.arguments))
    return geometry.line(shape[0], asked, 0), geometry.line(shape[1], asked, 1)


def _enlarged(step: Step, shape: tuple[int, ...]) -> Placement:
    row, given = UPSAMPLINGS[step.mode], {**step.arguments}
    scale, size = given.pop("scale", None), given.pop("size", None)
    given.pop("dtype", None)
    asked = Enlargement(step.mode, scale, size, row.resolve(given), len(shape))
    if step.mode in FILTERS:
        return _sampled(shape, asked.grid(shape), asked.values, FILTERS[step.mode].copies)
    found: Placement = imported(row.lines)(shape, asked)
    return found


def _resized(step: Step, shape: tuple[int, ...]) -> Placement:
    asked = request(step.mode, {name: value for name, value in step.arguments.items() if name != "dtype"})
    row = FILTERS[asked.filter]
    values = {"coordinates": "half-pixel", "rounding": "half-up", **asked.parameters}
    return _sampled(shape, output_grid(shape, *asked.size), values, row.copies and not asked.antialias)


def _sampled(shape: tuple[int, ...], grid: Grid, values: Mapping[str, Any], copies: bool) -> Placement:
    from poolcli import sampling

    rounding = values["rounding"] if copies else None
    rows, columns = (
        sampling.line(*side, values["coordinates"], rounding)
        for side in zip(shape[:2], grid.sizes, grid.scales, strict=True)
    )
    return rows, columns


_PLACEMENTS: Mapping[str, Callable[[Step, tuple[int, ...]], Placement]] = {
    "downsample": _pooled,
    "upsample": _enlarged,
    "resize": _resized,
}
