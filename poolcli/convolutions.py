"""Convolutions that enlarge: transposed, after an enlargement, and to sub-pixels.

Every mode is a function of an image (N, H, W, C), of what is asked, and of the dtype to write; and one of the shape
that this gives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli import dtypes, geometry, weights
from poolcli.engine import convolve as engine
from poolcli.engine.interleave import take
from poolcli.filters import FILTERS
from poolcli.parameters import PARAMETERS
from poolcli.resize import Enlargement, Grid, resample
from poolcli.sampling import beyond

Pair = tuple[int, int]
Shape = tuple[int, ...]
Array = NDArray[Any]

_WINDOW = (3, 3)  # of a convolution to the same size, unless given


@dataclass(frozen=True)
class Side:
    """One axis of a transposed convolution."""

    taps: int
    stride: int
    padding: int
    output_padding: int
    dilation: int

    def size(self, n: int) -> int:
        """Return the output size of an axis of n."""
        return engine.transposed_size(n, self.taps, self.stride, self.padding, self.output_padding, self.dilation)

    def axis(self, n: int) -> engine.Taps:
        """Return the taps of an axis of n."""
        return engine.transposed(n, self.taps, self.stride, self.padding, self.output_padding, self.dilation)

    def begin(self, tap: int) -> int:
        """Return the output pixel that a tap of the first pixel is added to; it may lie outside."""
        return tap * self.dilation - self.padding


def transposed(image: Array, asked: Enlargement, output: np.dtype[Any]) -> Array:
    """Add every value times the weights to the output, S pixels apart."""
    given, strides, dilations = asked.values["weights"], asked.strides, _dilations(asked)
    loaded = weights.load(given, asked.values["kernel_size"], _window(strides), strides, dilations)
    sides = _sides(loaded.shape[-2:], asked)
    _sizes(image.shape[1:3], sides)
    if loaded.ndim == 4:
        return _transposed_across_channels(image, loaded, sides, output)
    rows, columns = (side.axis(n) for side, n in zip(sides, image.shape[1:3], strict=True))
    factors = None
    if weights.is_named(given):
        profiles = weights.profiles(given, loaded.shape, strides, dilations)
        down, across = (_met(*axis) for axis in zip(profiles, image.shape[1:3], sides, strict=True))
        factors = 1 / down, 1 / across
    return engine.convolve(image, loaded, rows, columns, "constant", output, factors)


def transposed_shape(shape: Shape, asked: Enlargement) -> Shape:
    """Return the shape that `transposed` makes of (H, W) or (H, W, C)."""
    window = weights.shape_of(asked.values["weights"], asked.values["kernel_size"], _window(asked.strides))
    return (*_sizes(shape[:2], _sides(window[-2:], asked)), *_channels(shape, window))


def _transposed_across_channels(image: Array, loaded: Array, sides: list[Side], output: np.dtype[Any]) -> Array:
    """Return the same for weights that make channels of all channels."""
    _check_channels(loaded, image)
    blend_dtype = dtypes.blend_dtype(image.dtype, output)
    out: Array = np.zeros((len(image), *_sizes(image.shape[1:3], sides), loaded.shape[1]), blend_dtype)
    values = image.astype(blend_dtype, copy=False)
    for ky, kx in np.ndindex(loaded.shape[2:]):
        _add(out, values @ loaded[:, :, ky, kx].astype(blend_dtype), sides, (ky, kx))
    return dtypes.saturate_cast(out, output)


def _add(out: Array, part: Array, sides: list[Side], tap: Pair) -> None:
    """Add an image to every S-th pixel of another, as far as it lies inside."""
    to, of = [], []
    for side, k, n, size in zip(sides, tap, part.shape[1:3], out.shape[1:3], strict=True):
        begin, stride = side.begin(k), side.stride
        first = max(0, -(begin // stride))
        last = max(min(n, -((begin - size) // stride)), first)
        of.append(slice(first, last))
        to.append(slice(begin + first * stride, begin + last * stride, stride))
    rows, columns = of
    if rows.stop > rows.start and columns.stop > columns.start:
        out[:, to[0], to[1]] += part[:, rows, columns]


def _met(profile: NDArray[np.float64], n: int, side: Side) -> NDArray[np.float64]:
    """Return of every pixel of an axis the sum of the weights that meet it, less than 1 at the frame; 1 for none."""
    met = np.zeros(side.size(n))
    for k, weight in enumerate(profile):
        begin = side.begin(k)
        first = begin % side.stride if begin < 0 else begin
        met[first : max(begin + (n - 1) * side.stride + 1, 0) : side.stride] += weight
    return np.where((met == 0) | (np.abs(met - 1) < 1e-12), 1, met)


def average_unpool(image: Array, asked: Enlargement, output: np.dtype[Any]) -> Array:
    """Spread every value over its window."""
    sides = _pooled_sides(asked)
    _sizes(image.shape[1:3], sides)
    rows, columns = (side.axis(n) for side, n in zip(sides, image.shape[1:3], strict=True))
    # How many pixels of each window lie inside, as `average` counts them.
    counts = []
    for axis, n, side in zip((rows, columns), image.shape[1:3], sides, strict=True):
        begin = np.arange(n) * side.stride - side.padding
        counts.append(np.minimum(begin + side.taps, axis.size) - np.maximum(begin, 0))
    blend_dtype = dtypes.blend_dtype(image.dtype, output)
    shares = image / np.maximum(np.outer(*counts), 1)[:, :, None].astype(blend_dtype)
    ones = np.ones((sides[0].taps, sides[1].taps))
    return engine.convolve(shares.astype(blend_dtype), ones, rows, columns, "constant", output)


def average_unpool_shape(shape: Shape, asked: Enlargement) -> Shape:
    """Return the shape that `average_unpool` makes of (H, W) or (H, W, C)."""
    return (*_sizes(shape[:2], _pooled_sides(asked)), *shape[2:])


def _pooled_sides(asked: Enlargement) -> list[Side]:
    return _sides(geometry.pair("kernel_size", asked.values["kernel_size"] or asked.strides), asked)


def _window(strides: Pair) -> Pair:
    """Return F of a transposed convolution unless given: windows that overlap by half."""
    return 2 * strides[0] - strides[0] % 2, 2 * strides[1] - strides[1] % 2


def _dilations(asked: Enlargement) -> Pair:
    return geometry.pair("dilation", asked.values.get("dilation") or 1)


def _sides(sizes: Shape, asked: Enlargement) -> list[Side]:
    """Return both axes for windows of these sizes; unless padding is given, the output is S times the input."""
    padding, output_padding = asked.values["padding"], asked.values["output_padding"]
    strides, dilations = asked.strides, _dilations(asked)
    spans = [d * (f - 1) + 1 for d, f in zip(dilations, sizes, strict=True)]
    if padding is None and output_padding is None:
        paddings = [max(-(-(span - s) // 2), 0) for span, s in zip(spans, strides, strict=True)]
        extras = [s - span + 2 * p for span, s, p in zip(spans, strides, paddings, strict=True)]
    else:
        paddings = list(geometry.pair("padding", 0 if padding is None else padding, 0))
        extras = list(geometry.pair("output_padding", 0 if output_padding is None else output_padding, 0))
        for extra, stride, dilation in zip(extras, strides, dilations, strict=True):
            most = max(stride, dilation) - 1
            if extra > most:
                raise ValueError(
                    f"output_padding={extra} is not allowed: it must be at most {most}, below S or dilation"
                )
    return [Side(*side) for side in zip(sizes, strides, paddings, extras, dilations, strict=True)]


def _sizes(shape: Shape, sides: list[Side]) -> Pair:
    """Return the size of the output, or raise a ValueError if there is none."""
    rows, columns = (side.size(n) for side, n in zip(sides, shape, strict=True))
    if min(rows, columns) < 1:
        left = f"{max(rows, 0)} x {max(columns, 0)}"
        raise ValueError(f"padding leaves {left} pixels of {shape[0]} x {shape[1]}: no image")
    return rows, columns


def resize_conv(image: Array, asked: Enlargement, output: np.dtype[Any]) -> Array:
    """Enlarge, then convolve in the grid of the output."""
    down, across = asked.strides
    row = FILTERS[asked.values["enlarge"]]
    grid = Grid((image.shape[1] * down, image.shape[2] * across))
    usual = {name: PARAMETERS[name].default for name in row.parameters}
    large = resample(image, row, grid, usual, dtypes.blend_dtype(image.dtype, output))
    return _convolved(large, _loaded(asked), asked.values["border"], output)


def resize_conv_shape(shape: Shape, asked: Enlargement) -> Shape:
    """Return the shape that `resize_conv` makes of (H, W) or (H, W, C)."""
    return _same_size_shape(shape, asked, 1)


def subpixel(image: Array, asked: Enlargement, output: np.dtype[Any]) -> Array:
    """Convolve to S x S images, whose pixels become those of the output."""
    loaded, strides = _loaded(asked), asked.strides
    convolved = _convolved(image, loaded, asked.values["border"], output)
    if loaded.ndim == 2:  # all phases are alike
        return take(convolved, *(np.repeat(np.arange(n), s) for n, s in zip(image.shape[1:3], strides, strict=True)))
    phases = strides[0] * strides[1]
    if loaded.shape[1] % phases:
        raise ValueError(f"weights {loaded.shape} make {loaded.shape[1]} channels: no multiple of S x S = {phases}")
    return depth_to_space(convolved, strides, asked.values["order"])


def subpixel_shape(shape: Shape, asked: Enlargement) -> Shape:
    """Return the shape that `subpixel` makes of (H, W) or (H, W, C)."""
    return _same_size_shape(shape, asked, asked.strides[0] * asked.strides[1])


def _same_size_shape(shape: Shape, asked: Enlargement, phases: int) -> Shape:
    window = weights.shape_of(asked.values["weights"], asked.values["kernel_size"], _WINDOW)
    down, across = asked.strides
    return (shape[0] * down, shape[1] * across, *_channels(shape, window, phases))


def _channels(shape: Shape, window: Shape, phases: int = 1) -> Shape:
    """Return the axis of channels that weights make; one channel of a grey image has none."""
    if len(window) == 2:
        return shape[2:]
    count = window[1] // phases
    return () if count == 1 and len(shape) == 2 else (count,)


def depth_to_space(image: Array, strides: Pair, order: str) -> Array:
    """Return the channels of (N, H, W, C) as pixels: c S^2 + s ("crd") or s C + c ("dcr") is phase s of channel c."""
    images, height, width, channels = image.shape
    down, across = strides
    count = channels // (down * across)
    if order == "crd":
        parts = image.reshape(images, height, width, count, down, across).transpose(0, 1, 4, 2, 5, 3)
    else:
        parts = image.reshape(images, height, width, down, across, count).transpose(0, 1, 3, 2, 4, 5)
    return np.ascontiguousarray(parts).reshape(images, height * down, width * across, count)


def _loaded(asked: Enlargement) -> NDArray[np.float64]:
    return weights.load(asked.values["weights"], asked.values["kernel_size"], _WINDOW)


def _convolved(image: Array, loaded: Array, border: str, output: np.dtype[Any]) -> Array:
    """Convolve to the same size."""
    sides = [(n, f, (f - 1) // 2) for n, f in zip(image.shape[1:3], loaded.shape[-2:], strict=True)]
    if loaded.ndim == 2:
        rows, columns = (replace(engine.plain(n, f, before), size=n) for n, f, before in sides)
        return engine.convolve(image, loaded, rows, columns, border, output)
    _check_channels(loaded, image)
    blend_dtype = dtypes.blend_dtype(image.dtype, output)
    around = (beyond(np.arange(-before, n + f - 1 - before), n, border) for n, f, before in sides)
    padded: Array = take(image, *around).astype(blend_dtype, copy=False)
    height, width = image.shape[1:3]
    out: Array = np.zeros((*image.shape[:3], loaded.shape[1]), blend_dtype)
    for ky, kx in np.ndindex(loaded.shape[2:]):
        out += padded[:, ky : ky + height, kx : kx + width] @ loaded[:, :, ky, kx].astype(blend_dtype)
    return dtypes.saturate_cast(out, output)


def _check_channels(loaded: Array, image: Array) -> None:
    if loaded.shape[0] != image.shape[3]:
        raise ValueError(
            f"weights {loaded.shape} are for {loaded.shape[0]} channels, and the image has {image.shape[3]}"
        )
