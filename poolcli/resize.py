"""The general separable resampler: any size, larger or smaller, by one of the filters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Unpack

from poolcli.filters import FILTERS, Filter
from poolcli.lazy import takes_dask
from poolcli.outputs import takes_out
from poolcli.parameters import Parameters, find, flag, resolve

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from poolcli.axes import Layout
    from poolcli.light import Alpha
    from poolcli.sampling import Axis, Cut, Resampling

Size = int | tuple[int, int]
Scale = float | tuple[float, float]

Pair = tuple[int, int]
Sides = tuple[int | None, int | None]
Fit = Literal["stretch", "inside", "outside", "shrink"]
_FITS = ("stretch", "inside", "outside", "shrink")

EITHER = "size={} and scale={} both say how large the output is: give one of them"

_TAKES = {row.name: row.parameters for row in FILTERS.values()}


@takes_dask
@takes_out
def resize(
    image: ArrayLike,
    size: Size | Sides | None = None,
    mode: str = "bilinear",
    *,
    scale: Scale | None = None,
    fit: Fit = "stretch",
    antialias: bool = False,
    dtype: DTypeLike | None = None,
    layout: Layout = "hwc",
    alpha: Alpha = False,
    linear: bool = False,
    out: NDArray[Any] | None = None,
    **parameters: Unpack[Parameters],
) -> Any:
    """Resample an image to any size: out(i) = sum(w(k - x(i)) r(k)) / sum(w(k - x(i))) along both axes.

    Args:
        image: array (H, W), (H, W, C) or (N, H, W, C) of bool, (u)int8 to (u)int64, float16, float32 or float64, with
            any strides; it is not changed. A Dask array gives a lazy one of the same values.
        size: of the output, in pixels, one number or (height, width), of which one may be None: it follows the other.
        mode: the filter w: "nearest", "bilinear" (2 taps an axis), "bicubic" (4) or "lanczos" (2 lobes).
        scale: output over input size, one number or (down, across), instead of the size, which is its whole part.
        fit: what becomes of the proportions where a size is given: "stretch" gives this size, "inside" the largest with
            the image's proportions that is in it, "outside" the smallest that holds it; "shrink" is "inside", but never
            larger than the image.
        antialias: stretch the filter where the image shrinks, so that every pixel counts; with "nearest" a mean.
        dtype: of the output; that of the image unless given. Integers are rounded to nearest, ties to even, once, and
            saturated.
        layout: where channels are: "hwc", last, or "chw", as PyTorch has them: (C, H, W) and (N, C, H, W).
        alpha: whether the last channel is alpha: modes that blend weigh colour by it, as the command line does for
            files; "premultiplied" where colour has been multiplied by it already. Modes that select take it for a
            channel as any other.
        linear: blend in linear light: uint8 and uint16 are sRGB. Floats are linear already.
        out: array for the result, of its shape and dtype, with any strides, which is filled and returned; new unless
            given. It may be an input, and costs a copy then.
        **parameters: `cubic_a` of bicubic (-0.5: Keys, GDAL, Pillow; -0.75: PyTorch, OpenCV), `lobes` of lanczos (3),
            `coordinates`, where the output's pixels i lie: "half-pixel" ((i + 1/2) / scale - 1/2), "align-corners" (as
            ONNX: the last corners differ for a scale that leaves a rest), "asymmetric" (i / scale),
            "half-pixel-symmetric", "pytorch-half-pixel"; `border`, what lies beyond the image: "edge", "reflect",
            "wrap", "constant" (`fill`), "exclude" (nothing: the other weights count more);
            `rounding` of nearest: "half-up", "half-down", "floor", "ceil".

    Returns:
        An array of the image's rank.

    Raises:
        ValueError: a value is not allowed, or the output would be empty.
        TypeError: the dtype is none of the above, or there is no such parameter.

    Cubic convolution is from Keys 1981, Lanczos' windowed sinc from Duchon 1979; coordinates are those of ONNX.

    >>> import numpy as np
    >>> resize(np.array([[0, 8]], np.uint8), (1, 4))
    array([[0, 2, 6, 8]], dtype=uint8)
    >>> resize(np.arange(10)[None], (1, 3), "nearest")
    array([[1, 5, 8]])
    """
    from poolcli import axes, dtypes

    row, values = asked_of(mode, antialias, parameters)
    if (alpha or linear) and (antialias or not row.copies):
        from poolcli.light import Blend, Light

        again = partial(resize, size=size, mode=mode, scale=scale, fit=fit, antialias=antialias, **parameters)
        return Blend(again).seen(image, Light(alpha, linear), layout, dtype)
    array = axes.channels_last(axes.as_array(image), layout)
    source = dtypes.check(array.dtype)
    target = source if dtype is None else dtypes.check(dtype)
    batch = as_batch(array)
    grid = output_grid(batch.shape[1:3], size, scale, fit)
    out = resample(dtypes.to_working(batch), row, grid, values, dtypes.kernel_output(source, target), antialias)
    result = as_given(out, array, target)
    return axes.as_laid_out(result, layout, result.ndim > 2)


def asked_of(mode: str, antialias: bool, given: Mapping[str, Any]) -> tuple[Filter, dict[str, Any]]:
    """Return the row of a filter and its parameters, or raise an error."""
    row = find(FILTERS, mode)
    values: dict[str, Any] = resolve(mode, row.parameters, given, _TAKES)
    check_fill(given, values)
    if flag("antialias", antialias) and "rounding" in given:
        raise ValueError(
            "antialias takes a mean of pixels: rounding, which says which of two is nearest, is without it"
        )
    return row, values


@dataclass(frozen=True)
class Grid:
    """The pixels of an output: how many down and across, and the scales, if it was these that were given."""

    sizes: Pair
    scales: tuple[float | None, float | None] = (None, None)


def resample(
    batch: NDArray[Any],
    row: Filter,
    grid: Grid,
    values: Mapping[str, Any],
    output: np.dtype[Any],
    antialias: bool = False,
) -> NDArray[Any]:
    """Filter (N, H, W, C) of a working dtype and return (N, rows, columns, C), of the `output` dtype if it blends."""
    return Resampler.of(batch.shape[1:3], row, grid, values, antialias).apply(batch, output)


@dataclass(frozen=True)
class Resampler:
    """How the pixels of an output are made of those of an image: as copies of some, or filtered along both axes."""

    pixels: list[NDArray[np.int64]]  # along each axis, if they are copies
    axes: list[Axis]
    shape: tuple[int, ...]  # (H, W) of the image
    fill: float

    @classmethod
    def of(
        cls, shape: tuple[int, ...], row: Filter, grid: Grid, values: Mapping[str, Any], antialias: bool
    ) -> Resampler:
        """Return how an image (H, W) is resampled."""
        from poolcli import sampling

        sides = list(zip(shape, grid.sizes, grid.scales, strict=True))
        if row.copies and not antialias:
            near = [sampling.nearest(*side, values["coordinates"], values["rounding"]) for side in sides]
            return cls(near, [], shape, 0.0)
        how = _how(row, values, antialias)
        return cls([], [sampling.axis(*side, how) for side in sides], shape, values.get("fill", 0.0))

    @classmethod
    def at(
        cls, places: Sequence[NDArray[np.float64]], shape: tuple[int, ...], row: Filter, values: Mapping[str, Any]
    ) -> Resampler:
        """Return how an image (H, W) is sampled at places along its rows and columns, of which the first is 0."""
        from poolcli import sampling

        sides = list(zip(shape, places, strict=True))
        if row.copies:
            return cls([sampling.copied_at(n, x, values["rounding"]) for n, x in sides], [], shape, 0.0)
        how = _how(row, values, False)
        return cls([], [sampling.taps(n, x, how) for n, x in sides], shape, values.get("fill", 0.0))

    def cuts(self, box: Sequence[Pair]) -> tuple[Cut, Cut]:
        """Return which pixels of the image a box of the output needs, from one to another along each axis."""
        from poolcli import sampling

        sides = list(zip(box, self.shape, strict=True))
        if self.pixels:
            rows, columns = (sampling.cut_of_copies(own, *s, n) for own, (s, n) in zip(self.pixels, sides, strict=True))
        else:
            rows, columns = (sampling.cut_of(own, *s, n) for own, (s, n) in zip(self.axes, sides, strict=True))
        return rows, columns

    def needs(self, box: Sequence[Pair]) -> tuple[Pair, Pair]:
        """Return from where to where a box of the output needs rows and columns of the image."""
        rows, columns = self.cuts(box)
        return (rows.first, rows.last), (columns.first, columns.last)

    def make(self, batch: NDArray[Any], box: Sequence[Pair], output: np.dtype[Any]) -> NDArray[Any]:
        """Return a box of the output, made of that of (N, H, W, C) that it needs."""
        cuts = self.cuts(box)
        made = self.apply(batch, output, cuts)
        rows, columns = (slice(begin - cut.begin, end - cut.begin) for cut, (begin, end) in zip(cuts, box, strict=True))
        return made[:, rows, columns]

    def apply(self, batch: NDArray[Any], output: np.dtype[Any], cuts: tuple[Cut, Cut] | None = None) -> NDArray[Any]:
        """Return what it makes of (N, H, W, C), or of the box of it that cuts need."""
        if self.pixels:
            from poolcli.engine.interleave import take

            own = [cut.copies(side) for cut, side in zip(cuts, self.pixels, strict=True)] if cuts else self.pixels
            return take(batch, *own)
        from poolcli.engine.resample import resample

        rows, columns = self.axes
        return resample(batch, rows, columns, output, self.fill, cuts)


def resample_backward(
    grads: NDArray[Any],
    shape: tuple[int, ...],
    row: Filter,
    grid: Grid,
    values: Mapping[str, Any],
    antialias: bool = False,
) -> NDArray[Any]:
    """Return the gradient with respect to (N, H, W, C) of this shape: sums over outputs that see a pixel."""
    from poolcli import sampling
    from poolcli.engine import resample as engine

    sides = list(zip(shape[1:3], grid.sizes, grid.scales, strict=True))
    if row.copies and not antialias:
        near = [(sampling.nearest(*side, values["coordinates"], values["rounding"]), side[0]) for side in sides]
        rows, columns = (sampling.transposed(sampling.copied(pixel, n), n) for pixel, n in near)
    else:
        how = _how(row, values, antialias)
        rows, columns = (sampling.adjoint(*side, how) for side in sides)
    return engine.resample(grads, rows, columns, grads.dtype, 0.0)


def _how(row: Filter, values: Mapping[str, Any], antialias: bool) -> Resampling:
    from poolcli.sampling import Resampling

    own = tuple(values[name] for name in row.own)
    return Resampling(row, own, values["coordinates"], values.get("border", "edge"), antialias)


@dataclass(frozen=True)
class Enlargement:
    """What is asked of a mode of `upsample`: scale or size of the output, and its parameters. Without both S is 2.

    `rank` is that of the image, before it became a batch.
    """

    mode: str
    scale: Scale | None
    size: Size | None
    values: Mapping[str, Any]
    rank: int

    @property
    def strides(self) -> Pair:
        """Return S down and across, of modes that take whole numbers."""
        down, across = scales_of(2 if self.scale is None else self.scale)
        return int(down), int(across)

    def grid(self, shape: tuple[int, ...]) -> Grid:
        """Return the grid of the output, of modes that take any scale, or a size instead."""
        return output_grid(shape, self.size, 2 if self.scale is None and self.size is None else self.scale)


def interpolate(batch: NDArray[Any], asked: Enlargement, output: np.dtype[Any]) -> NDArray[Any]:
    """Enlarge (N, H, W, C) by the filter that has the name of the mode."""
    return resample(batch, FILTERS[asked.mode], asked.grid(batch.shape[1:3]), asked.values, output)


def interpolate_backward(grads: NDArray[Any], batch: NDArray[Any], asked: Enlargement) -> NDArray[Any]:
    """Return the gradient with respect to (N, H, W, C)."""
    return resample_backward(grads, batch.shape, FILTERS[asked.mode], asked.grid(batch.shape[1:3]), asked.values)


def interpolated_shape(shape: tuple[int, ...], asked: Enlargement) -> tuple[int, ...]:
    """Return the shape that `interpolate` makes of (H, W) or (H, W, C)."""
    return (*asked.grid(shape).sizes, *shape[2:])


def whole_times(shape: tuple[int, ...], asked: Enlargement) -> tuple[int, ...]:
    """Return the shape of (H, W) or (H, W, C) S times as large."""
    down, across = asked.strides
    return (shape[0] * down, shape[1] * across, *shape[2:])


def region_lines(shape: tuple[int, ...], asked: Enlargement) -> tuple[tuple[float, float], ...]:
    """Return where an output S times as large lies: (step, first) of both axes, pixel k is at step k + first."""
    return tuple((1 / stride, (1 / stride - 1) / 2) for stride in asked.strides)


def as_batch(array: NDArray[Any]) -> NDArray[Any]:
    """Return (N, H, W, C) of an image of rank 2 to 4, or raise a ValueError."""
    if array.ndim not in (2, 3, 4):
        raise ValueError(f"an array of rank {array.ndim} is not an image: it must be (H, W), (H, W, C) or (N, H, W, C)")
    batch = array.reshape(*(1,) * (array.ndim < 4), *array.shape, *(1,) * (array.ndim == 2))
    for name, n in zip(("height", "width"), batch.shape[1:3], strict=True):
        if n < 1:
            raise ValueError(f"the image is empty: its {name} is {n}")
    return batch


def as_given(batch: NDArray[Any], array: NDArray[Any], target: np.dtype[Any]) -> NDArray[Any]:
    """Return a batch in the rank of an array."""
    from poolcli import dtypes

    out = dtypes.saturate_cast(batch, target)
    grey = array.ndim == 2 and out.shape[3] == 1
    return out.reshape(*array.shape[: array.ndim == 4], *out.shape[1:3], *out.shape[3:][: not grey])


def output_grid(shape: tuple[int, ...], size: Size | Sides | None, scale: Scale | None, fit: Fit = "stretch") -> Grid:
    """Return the grid of an output, or raise a ValueError."""
    if fit not in _FITS:
        raise ValueError(f"fit={fit!r} is not allowed: fit must be {' or '.join(_FITS)}")

    if (size is None) == (scale is None):
        raise ValueError(EITHER.format(size, scale))
    if size is not None:
        return Grid(_fitting(shape, size, fit))
    if fit != "stretch":
        raise ValueError(f"fit={fit!r} is for a size, and scale={scale} keeps proportions or sets them")
    scales = scales_of(scale)
    rows, columns = (math.floor(n * s + 1e-9) for n, s in zip(shape[:2], scales, strict=True))
    if min(rows, columns) < 1:
        raise ValueError(f"scale={scale} makes {rows} x {columns} pixels of {shape[0]} x {shape[1]}: no image")
    return Grid((rows, columns), scales)


def _fitting(shape: tuple[int, ...], size: Size | Sides, fit: Fit) -> Pair:
    """Return the size that is meant for an image of this shape: a side that is None follows the other."""
    from poolcli.geometry import pair

    given = size if isinstance(size, tuple) else (size, size)
    sides = [side for side in given if side is not None]
    if len(given) != 2 or not sides:
        return pair("size", size)  # type: ignore[arg-type]  # which tells what is allowed
    sizes = pair("size", (sides[0], sides[-1]))
    if fit == "stretch" and len(sides) == 2:
        return sizes
    factors = [m / n for m, n, side in zip(sizes, shape, given, strict=False) if side is not None]
    factor = max(factors) if fit == "outside" else min(*factors, 1) if fit == "shrink" else min(factors)
    rows, columns = (max(math.floor(n * factor + 0.5), 1) for n in shape[:2])
    return rows, columns


def check_fill(given: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Raise a ValueError if there is a value for a border that is not constant."""
    if "fill" in given and values.get("border") != "constant":
        raise ValueError(f"border={values['border']!r} takes no fill: the border that does is constant")


def scales_of(scale: Any) -> tuple[float, float]:
    """Return the scales down and across, or raise a ValueError."""
    given = scale if isinstance(scale, (tuple, list)) else (scale,)
    try:
        numbers = tuple(float(number) for number in given)
    except (TypeError, ValueError, OverflowError):
        numbers = ()
    right = len(numbers) in (1, 2) and all(0 < number <= 2**31 for number in numbers)
    if not right or any(isinstance(number, (str, bytes, bool)) for number in given):
        raise ValueError(f"scale={scale!r} is not allowed: it must be a number above 0, at most 2^31, or two of them")
    return numbers[0], numbers[-1]
