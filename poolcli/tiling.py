"""Boxes of an output: which box of the image each needs, and what it comes to, in the bytes of the whole.

A picture that does not fit into memory is read, computed and written box by box. What a step makes of a box is what it
makes of the whole image there: where windows lie, which loop pools them, what is drawn and which weights a filter has
follow from the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from poolcli.commands import Step
from poolcli.downsample import MODES, Asked, check_indices, window_of
from poolcli.filters import FILTERS
from poolcli.light import Blend, Light
from poolcli.nodata import check_ignore
from poolcli.parameters import resolve
from poolcli.resize import Enlargement, Resampler, as_batch, as_given, asked_of, output_grid
from poolcli.resizing import Request, request
from poolcli.rows import imported, takes
from poolcli.upsample import UPSAMPLINGS, Upsampling

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from poolcli.convolutions import Pieces, Unfolding
    from poolcli.geometry import Windows
    from poolcli.light import Alpha


class Box(NamedTuple):
    """Neighbouring pixels: rows from top to bottom, columns from left to right, without the last."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        """Return how many rows and columns it has."""
        return self.bottom - self.top, self.right - self.left

    @property
    def sides(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return its ends along both axes."""
        return (self.top, self.bottom), (self.left, self.right)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Return where its pixels are in an array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


class Tiling(Protocol):
    """A step that is computed by boxes of its output."""

    @property
    def step(self) -> Step:
        """Return the step."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the output."""

    @property
    def blend(self) -> Blend | None:
        """Return what alpha and linear light have to know of it, if it blends."""

    def needs(self, box: Box) -> Box:
        """Return the box of the image that a box of the output is made of."""

    def make(self, image: NDArray[Any], box: Box, dtype: DTypeLike | None = None, **more: Any) -> Any:
        """Return a box of the output, made of that of the image, with these arguments in the place of others."""


def tiling_of(step: Step, shape: tuple[int, ...]) -> Tiling | None:
    """Return how a step is computed by boxes of an image (H, W) or (H, W, C), or None if it is not."""
    made = _TILINGS.get(step.command)
    return made(step, shape) if made else None


def tile(
    tiling: Tiling, image: NDArray[Any], box: Box, dtype: DTypeLike | None, alpha: Alpha = False, linear: bool = False
) -> Any:
    """Return a box of the output of a step, made of the box of the image that it needs, in the bytes of the whole.

    >>> import numpy as np
    >>> image = np.arange(48, dtype=np.uint8).reshape(6, 8)
    >>> averages = tiling_of(Step("downsample", "average", {"kernel_size": 3, "stride": 1}), image.shape)
    >>> box = Box(2, 4, 1, 3)
    >>> averages.needs(box)
    Box(top=2, bottom=6, left=1, right=5)
    >>> tile(averages, image[2:6, 1:5], box, None)
    array([[26, 27],
           [34, 35]], dtype=uint8)
    """
    if tiling.blend is None or not (alpha or linear):
        return tiling.make(image, box, dtype)
    light = Light(alpha, linear, tiling.step.arguments.get("ignore"))
    blend = Blend(_without_layout(tiling, box), tiling.blend.relative, tiling.blend.mean, mixes=tiling.blend.mixes)
    return blend.seen(image, light, "hwc", dtype)


def _without_layout(tiling: Tiling, box: Box) -> Callable[..., Any]:
    def made(image: Any, dtype: DTypeLike | None, layout: str = "hwc", **more: Any) -> Any:
        return tiling.make(image, box, dtype, **more)

    return made


@dataclass(frozen=True)
class _Pooling:
    """A local pool by boxes."""

    step: Step
    image: tuple[int, ...]
    shape: tuple[int, ...]
    grid: tuple[Windows, Windows]  # of the whole
    reach: tuple[Windows, Windows]  # all that these take in
    blend: Blend | None

    @classmethod
    def of(cls, step: Step, shape: tuple[int, ...]) -> _Pooling | None:
        """Return a pool of an image of this shape, or raise a ValueError if its windows do not fit."""
        from poolcli import geometry

        row, arguments = MODES[step.mode], {**step.arguments}
        check_ignore(row, arguments)
        grid = row.grid(shape[0], shape[1], geometry.shape(**window_of(arguments)), _parameters(step))
        reach = grid
        if row.low_pass:
            reach = geometry.low_passed(grid[0], shape[0]), geometry.low_passed(grid[1], shape[1])
        blend = Blend.of(row, arguments, partial(len)) if row.blends(arguments) else None
        return cls(step, shape, step.shape_after(shape), grid, reach, blend)

    def needs(self, box: Box) -> Box:
        """Return the box of the image that a box of the output is made of: a pixel at least."""
        halo = MODES[self.step.mode].halo
        ends = [
            _taken(side[begin:stop], n, halo)
            for side, (begin, stop), n in zip(self.reach, box.sides, self.image[:2], strict=True)
        ]
        return Box(*ends[0], *ends[1])

    def make(self, image: NDArray[Any], box: Box, dtype: DTypeLike | None = None, **more: Any) -> Any:
        """Return a box of the output."""
        from poolcli import dtypes

        row, given = MODES[self.step.mode], {**self.step.arguments, **more}
        joint, ignore, with_indices = given.get("joint"), given.get("ignore"), bool(given.get("return_indices"))
        values = _parameters(self.step, **more)
        for option, wanted in (("return_indices", with_indices), ("joint", joint is not None)):
            if wanted:
                check_indices(row, values, option)
        asked = Asked.of(image, row, values, "hwc", joint is None)
        target = asked.source if dtype is None else dtypes.check(dtype)
        needs = self.needs(box)
        rows, columns = (
            _part(side, begin, stop, n, first)
            for side, (begin, stop), (first, _), n in zip(
                self.grid, box.sides, needs.sides, self.image[:2], strict=True
            )
        )
        nodata = None if ignore is None else asked.nodata(ignore, given.get("valid"), target)
        made = asked.made((rows, columns), target, joint, with_indices, nodata)
        return (made[0], self._of_whole(made[1], needs)) if with_indices else made

    def _of_whole(self, indices: NDArray[Any], own: Box) -> NDArray[Any]:
        """Return indices of the pixels of a box, those of the whole image; -1 stays."""
        import numpy as np

        y, x = np.divmod(indices, own.size[1])
        return np.where(indices < 0, indices, (y + own.top) * self.image[1] + x + own.left)


@lru_cache(maxsize=8)  # boxes below each other have their columns in common, and what is planned of these
def _part(side: Windows, begin: int, stop: int, extent: int, first: int) -> Windows:
    """Return some windows of an axis, as those of a box that begins at its pixel `first`."""
    return side.part(begin, stop, extent).shifted(-first)


def _parameters(step: Step, **more: Any) -> dict[str, Any]:
    """Return the parameters of a local pool, those given and defaults."""
    others = ("dtype", "joint", "ignore", "valid", "return_indices", *window_of(step.arguments))
    given = {name: value for name, value in {**step.arguments, **more}.items() if name not in others}
    values: dict[str, Any] = resolve(step.mode, MODES[step.mode].parameters, given, takes(MODES))
    return values


def _taken(windows: Windows, n: int, halo: int) -> tuple[int, int]:
    """Return from where to where windows take pixels of an axis of n, and so many around."""
    from numpy import flatnonzero

    own = windows[flatnonzero(windows.count > 0)]
    if not own.size:
        return 0, 1
    last = int((own.first + (own.count - 1) * own.step).max())
    return max(int(own.first.min()) - halo, 0), min(last + 1 + halo, n)


@dataclass(frozen=True)
class _Resizing:
    """A step whose output is resampled, copied, convolved, or made of channels, by boxes."""

    step: Step
    shape: tuple[int, ...]
    pieces: Resampler | Pieces | Unfolding
    blend: Blend | None

    def needs(self, box: Box) -> Box:
        """Return the box of the image that a box of the output is made of: a pixel at least."""
        rows, columns = self.pieces.needs(box.sides)
        return Box(*rows, *columns)

    def make(self, image: NDArray[Any], box: Box, dtype: DTypeLike | None = None, **more: Any) -> Any:
        """Return a box of the output."""
        from poolcli import dtypes

        source = dtypes.check(image.dtype)
        target = source if dtype is None else dtypes.check(dtype)
        batch = dtypes.to_working(as_batch(image))
        return as_given(self.pieces.make(batch, box.sides, dtypes.kernel_output(source, target)), image, target)


def _enlarging(step: Step, shape: tuple[int, ...]) -> _Resizing | None:
    """Return an enlargement; None of those that take indices, or make channels of all channels."""
    row, given = UPSAMPLINGS[step.mode], {**step.arguments}
    scale, size = given.pop("scale", None), given.pop("size", None)
    given.pop("dtype", None)
    asked = Enlargement(step.mode, scale, size, row.resolve(given), len(shape))
    pieces: Resampler | Pieces | Unfolding | None
    if row.pixels:
        pieces = Resampler(imported(row.pixels)(shape, asked.strides), [], shape[:2], 0.0)
    elif step.mode in FILTERS:
        pieces = Resampler.of(shape[:2], FILTERS[step.mode], asked.grid(shape), asked.values, False)
    else:
        pieces = imported(row.pieces)(shape, asked) if row.pieces else None
    return _Resizing(step, step.shape_after(shape), pieces, _mean(row, step.arguments)) if pieces else None


def _mean(row: Upsampling, arguments: Mapping[str, Any]) -> Blend | None:
    return Blend.of(row, arguments, partial(len)) if row.blends(arguments) else None


def _resizing(step: Step, shape: tuple[int, ...]) -> _Resizing:
    """Return a resampling to any size."""
    given = {name: value for name, value in step.arguments.items() if name != "dtype"}
    return resampling_of(step, request(step.mode, given), shape)


def resampling_of(step: Step, asked: Request, shape: tuple[int, ...]) -> _Resizing:
    """Return the resampling that is asked of `resize`, of an image of this shape."""
    row, values = asked_of(asked.filter, asked.antialias, asked.parameters)
    grid = output_grid(shape, *asked.size)
    resampler = Resampler.of(shape[:2], row, grid, values, asked.antialias)
    blend = Blend(partial(len)) if asked.antialias or not row.copies else None
    return _Resizing(step, (*grid.sizes, *shape[2:]), resampler, blend)


_TILINGS: Mapping[str, Callable[[Step, tuple[int, ...]], Tiling | None]] = {
    "downsample": _Pooling.of,
    "upsample": _enlarging,
    "resize": _resizing,
}
