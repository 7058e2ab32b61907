"""Where the pixels of a result lie among those of the image that it is made of, one axis at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from poolcli.commands import Step
from poolcli.downsample import window_of
from poolcli.parameters import PARAMETERS
from poolcli.resize import Enlargement, output_grid, scales_of
from poolcli.resizing import request
from poolcli.rows import imported
from poolcli.upsample import UPSAMPLINGS


class Along(NamedTuple):
    """The centre of pixel i of a result is at `first` + `step` * i, where those of the image are at 0, 1, ..."""

    first: float
    step: float


Placement = tuple[Along, Along]
"""Of the rows, and of the columns."""


def placement_of(step: Step, shape: tuple[int, ...]) -> Placement:
    """Return where the pixels lie of what a step makes of an image (H, W) or (H, W, C).

    >>> placement_of(Step("downsample", "max", {"kernel_size": 3, "stride": 2}), (9, 9))[0]
    Along(first=1.0, step=2.0)
    >>> placement_of(Step("upsample", "nearest", {"scale": 2}), (9, 9))[0]
    Along(first=-0.25, step=0.5)
    """
    return _PLACEMENTS[step.command](step, shape)


def _pooled(step: Step, shape: tuple[int, ...]) -> Placement:
    """Return the centres of windows: the first is at D (F - 1) / 2 - P, and they are S apart; or those of bins."""
    from poolcli import geometry

    asked = geometry.shape(**window_of(step.arguments))
    if asked.size:
        rows, columns = (_stretched(n, size) for n, size in zip(shape, asked.size, strict=False))
        return rows, columns
    rows, columns = (
        Along(
            asked.dilation[axis] * (asked.kernel_size[axis] - 1) / 2 - geometry.padding_of(n, asked, axis)[0],
            float(asked.stride[axis]),
        )
        for axis, n in enumerate(shape[:2])
    )
    return rows, columns


def _stretched(n: int, size: int) -> Along:
    """Return the pixels of an axis that has the same ends as one of n."""
    return Along(n / size / 2 - 0.5, n / size)


def _enlarged(step: Step, shape: tuple[int, ...]) -> Placement:
    row, given = UPSAMPLINGS[step.mode], step.arguments
    scale, size = given.get("scale"), given.get("size")
    parameters = {name: value for name, value in given.items() if name in row.parameters}
    if row.fractional:
        grid = output_grid(shape, size, 2 if scale is None and size is None else scale)
        return _sampled(shape, grid.sizes, grid.scales, given)
    strides = scales_of(2 if scale is None else scale)
    if row.pixels:  # each is the first of its region
        return Along(0.0, 1 / strides[0]), Along(0.0, 1 / strides[1])
    if row.centres:
        asked = Enlargement(step.mode, scale, size, row.resolve(parameters), len(shape))
        rows, columns = (Along(*side) for side in imported(row.centres)(shape, asked))
        return rows, columns
    return _sampled(shape, step.shape_after(shape), (None, None), {})


def _sampled(
    shape: tuple[int, ...], sizes: tuple[int, ...], scales: tuple[float | None, float | None], given: Mapping[str, Any]
) -> Placement:
    """Return the positions that a filter is sampled at."""
    from poolcli import sampling

    coordinates = given.get("coordinates") or PARAMETERS["coordinates"].default
    sides = []
    for n, size, scale in zip(shape, sizes, scales, strict=False):
        x = sampling.positions(n, size, scale, coordinates)
        sides.append(Along(float(x[0]), float(x[-1] - x[0]) / (size - 1) if size > 1 else n / size))
    return sides[0], sides[1]


def _resized(step: Step, shape: tuple[int, ...]) -> Placement:
    given = {name: value for name, value in step.arguments.items() if name != "dtype"}
    asked = request(step.mode, given)
    grid = output_grid(shape, *asked.size)
    return _sampled(shape, grid.sizes, grid.scales, asked.parameters)


_PLACEMENTS: Mapping[str, Callable[[Step, tuple[int, ...]], Placement]] = {
    "downsample": _pooled,
    "upsample": _enlarged,
    "resize": _resized,
    "gradient": lambda step, shape: (Along(0.0, 1.0), Along(0.0, 1.0)),
}
