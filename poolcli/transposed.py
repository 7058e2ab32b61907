"""Transposed convolution, and its special case of equal weights, average unpooling, with their gradients.

Every mode is a function of an image (N, H, W, C), of what is asked, and of the dtype to write; one of the shape that
this gives; one of how it is made by boxes; and one of the gradient with respect to its result, which returns that with
respect to the image.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli import dtypes, geometry, weights
from poolcli.convolutions import Lines, Pieces, Sides, channels_of, check_channels, convolve, products
from poolcli.engine import convolve as engine
from poolcli.parameters import SAME
from poolcli.resize import Enlargement

Pair = tuple[int, int]
Shape = tuple[int, ...]
Array = NDArray[Any]


@dataclass(frozen=True)
class Side:
    """One axis of a transposed convolution."""

    taps: int
    stride: int
    dilation: int
    padding: Pair  # what is cut off before and after
    output_padding: int

    def size(self, n: int) -> int:
        """Return the output size of an axis of n."""
        whole = (n - 1) * self.stride + self.dilation * (self.taps - 1) + 1
        return whole - sum(self.padding) + self.output_padding

    def axis(self, n: int, factors: NDArray[np.float64] | None = None) -> engine.Line:
        """Return the axis of the output of n pixels, which may have factors."""
        taps = engine.transposed(self.size(n), self.taps, self.stride, self.padding[0], self.dilation)
        return engine.Line.of(taps, n, "constant", factors)

    def back(self, n: int) -> engine.Line:
        """Return the axis of the way back to n pixels."""
        taps = engine.strided(n, self.taps, self.stride, self.padding[0], self.dilation)
        return engine.Line.of(taps, self.size(n), "constant")

    @property
    def line(self) -> tuple[float, float]:
        """Return (step, first): output pixel k is at step k + first of the input, whose pixels are in mid-window."""
        return 1 / self.stride, (self.padding[0] - self.dilation * (self.taps - 1) / 2) / self.stride

    def begin(self, tap: int) -> int:
        """Return the output pixel that a tap of the first pixel is added to; it may lie outside."""
        return tap * self.dilation - self.padding[0]


@dataclass(frozen=True)
class _Asked:
    """What a transposed convolution does: its weights, its sides, and the factors of named weights at the frame.

    The weights are those of each group of channels, (F, F) or (C_in, C_out, F, F).
    """

    weights: list[NDArray[np.float64]]
    sides: list[Side]
    factors: engine.Factors | None
    shape: Shape  # of the weights as they were given

    @classmethod
    def of(cls, shape: Shape, asked: Enlargement) -> _Asked:
        """Return what is asked of (N, H, W, C), or raise a ValueError."""
        given, strides, dilations = asked.values["weights"], asked.strides, _dilations(asked)
        loaded = weights.load(given, asked.values["kernel_size"], _window(strides), strides, dilations)
        groups, sides = _groups(loaded.shape, asked), _sides(shape[1:3], loaded.shape[-2:], asked)
        if weights.is_named(given):
            profiles = weights.profiles(given, loaded.shape, strides, dilations)
            down, across = (_met(*axis) for axis in zip(profiles, shape[1:3], sides, strict=True))
            return cls([loaded], sides, (1 / down, 1 / across), loaded.shape)
        if loaded.ndim > 2:
            check_channels(loaded, shape[3])
        parts = np.split(loaded, groups) if groups > 1 else [loaded]
        alone = math.prod(parts[0].shape) == math.prod(loaded.shape[-2:])  # a channel that is made of one
        return cls([part.reshape(part.shape[-2:]) if alone else part for part in parts], sides, None, loaded.shape)

    def lines(self, shape: Shape) -> Lines:
        """Return both axes of the output of (N, H, W, C)."""
        (rows, columns), (down, across) = self.sides, self.factors or (None, None)
        return rows.axis(shape[1], down), columns.axis(shape[2], across)

    @property
    def across_channels(self) -> bool:
        """Return whether weights make channels of all channels."""
        return any(own.ndim > 2 for own in self.weights)

    def convolved(self, image: Array, sides: Sides, lines: Lines, output: np.dtype[Any]) -> Array:
        """Convolve every channel by itself."""
        return _together([convolve(own, some, sides, lines, output) for own, some in self.parts(image)])

    def parts(self, *arrays: Array) -> Iterator[tuple[Array, ...]]:
        """Yield the weights of each group, and what (N, H, W, C) have of its channels."""
        if len(self.weights) == 1:
            yield self.weights[0], *arrays
            return
        split = (np.split(array, len(self.weights), axis=3) for array in arrays)
        for own, *some in zip(self.weights, *split, strict=True):
            yield own, *map(np.ascontiguousarray, some)


def transposed(image: Array, asked: Enlargement, output: np.dtype[Any]) -> Array:
    """Add every value times the weights to the output, S pixels apart."""
    what = _Asked.of(image.shape, asked)
    if what.across_channels:
        parts = what.parts(image)
        return _together([_transposed_across_channels(some, own, what.sides, output) for own, some in parts])
    return Pieces(what.lines(image.shape), what.convolved).whole(image, output)


def transposed_pieces(shape: Shape, asked: Enlargement) -> Pieces | None:
    """Return how the same is made by boxes of (H, W) or (H, W, C); None if weights make channels of all channels."""
    batch = (1, *shape, 1)[:4]
    what = _Asked.of(batch, asked)
    return None if what.across_channels else Pieces(what.lines(batch), what.convolved)


def _together(parts: list[Array], axis: int = -1) -> Array:
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis)


def transposed_shape(shape: Shape, asked: Enlargement) -> Shape:
    """Return the shape that `transposed` makes of (H, W) or (H, W, C)."""
    window = weights.shape_of(asked.values["weights"], asked.values["kernel_size"], _window(asked.strides))
    groups = _groups(window, asked)
    if len(window) == 4:
        window = (window[0], window[1] * groups, *window[2:])
    return (*_sizes(shape[:2], _sides(shape[:2], window[-2:], asked)), *channels_of(shape, window))


def transposed_lines(shape: Shape, asked: Enlargement) -> tuple[tuple[float, float], ...]:
    """Return where the output lies in (H, W), `Side.line` of both axes."""
    window = weights.shape_of(asked.values["weights"], asked.values["kernel_size"], _window(asked.strides))
    return tuple(side.line for side in _sides(shape[:2], window[-2:], asked))


def _groups(window: Shape, asked: Enlargement) -> int:
    """Return how many groups of channels there are for weights of this shape, or raise a ValueError."""
    groups: int = asked.values["groups"]
    if len(window) < 4:
        if groups > 1:
            raise ValueError(f"groups={groups} is for weights (C_in, C_out / groups, F, F), and these are {window}")
        return window[0] if len(window) == 3 else 1
    if window[0] % groups:
        raise ValueError(f"groups={groups} does not divide the {window[0]} channels that weights {window} are for")
    return groups


def transposed_backward(grads: Array, image: Array, asked: Enlargement) -> Array:
    """Return the gradient with respect to the image: the convolution with the weights, S pixels apart."""
    what = _Asked.of(image.shape, asked)
    rows, columns = (side.back(n) for side, n in zip(what.sides, image.shape[1:3], strict=True))
    return _together([
        engine.convolve(sent, own, rows, columns, grads.dtype, what.factors)
        if own.ndim == 2
        else _back_across_channels(sent, (*image.shape[:3], len(own)), own, what.sides)
        for own, sent in what.parts(grads)
    ])  # fmt: skip


def _back_across_channels(grads: Array, shape: Shape, loaded: Array, sides: list[Side]) -> Array:
    """Return the same of weights that make channels of all channels."""
    out: Array = np.zeros(shape, grads.dtype)
    for ky, kx in np.ndindex(loaded.shape[2:]):
        of, to = _meeting(shape, grads.shape, sides, (ky, kx))
        out[of] += grads[to] @ loaded[:, :, ky, kx].T.astype(grads.dtype)
    return out


def transposed_weights_backward(grads: Array, image: Array, asked: Enlargement) -> Array:
    """Return the gradient with respect to the weights: of each tap the sum of values times what they are added to."""
    what = _Asked.of(image.shape, asked)
    parts = []
    for own, sent, some in what.parts(grads, image):
        out = np.zeros(own.shape)
        for ky, kx in np.ndindex(own.shape[-2:]):
            of, to = _meeting(some.shape, sent.shape, what.sides, (ky, kx))
            out[..., ky, kx] = products(some[of], sent[to], own.ndim == 4)
        parts.append(out)
    return _together(parts, 0).reshape(what.shape)


def _transposed_across_channels(image: Array, loaded: Array, sides: list[Side], output: np.dtype[Any]) -> Array:
    """Return the same for weights that make channels of all channels."""
    blend_dtype = dtypes.blend_dtype(image.dtype, output)
    out: Array = np.zeros((len(image), *_sizes(image.shape[1:3], sides), loaded.shape[1]), blend_dtype)
    values = image.astype(blend_dtype, copy=False)
    for ky, kx in np.ndindex(loaded.shape[2:]):
        of, to = _meeting(image.shape, out.shape, sides, (ky, kx))
        out[to] += values[of] @ loaded[:, :, ky, kx].astype(blend_dtype)
    return dtypes.saturate_cast(out, output)


def _meeting(image: Shape, output: Shape, sides: list[Side], tap: Pair) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the pixels of an image that a tap adds to the output, as far as they lie inside, and where."""
    of, to = [slice(None)], [slice(None)]
    for side, k, n, size in zip(sides, tap, image[1:3], output[1:3], strict=True):
        begin, stride = side.begin(k), side.stride
        first = max(0, -(begin // stride))
        last = max(min(n, -((begin - size) // stride)), first)
        of.append(slice(first, last))
        to.append(slice(max(begin + first * stride, 0), max(begin + last * stride, 0), stride))
    return tuple(of), tuple(to)


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
    return average_unpool_pieces(image.shape[1:], asked).whole(image, output)


def average_unpool_pieces(shape: Shape, asked: Enlargement) -> Pieces:
    """Return how the same is made by boxes of (H, W) or (H, W, C)."""
    sides = _pooled_sides(shape[:2], asked)
    rows, columns = (side.axis(n) for side, n in zip(sides, shape[:2], strict=True))
    ones = np.ones((sides[0].taps, sides[1].taps))
    return Pieces((rows, columns), partial(_spread, ones, _counts(shape[:2], sides)))


def _spread(ones: Array, counts: Array, image: Array, sides: Sides, lines: Lines, output: np.dtype[Any]) -> Array:
    """Spread values over their windows, which have so many pixels inside."""
    down, across = (ends if n > 1 else (0, 1) for ends, n in zip(sides, counts.shape[:2], strict=True))
    blend_dtype = dtypes.blend_dtype(image.dtype, output)
    shares = image / counts[slice(*down), slice(*across)].astype(blend_dtype)
    return convolve(ones, shares.astype(blend_dtype, copy=False), sides, lines, output)


def average_unpool_backward(grads: Array, image: Array, asked: Enlargement) -> Array:
    """Return the gradient with respect to the image: the mean of each window."""
    sides = _pooled_sides(image.shape[1:3], asked)
    rows, columns = (side.back(n) for side, n in zip(sides, image.shape[1:3], strict=True))
    ones = np.ones((sides[0].taps, sides[1].taps))
    sums = engine.convolve(grads, ones, rows, columns, grads.dtype)
    sums /= _counts(image.shape[1:3], sides).astype(grads.dtype)
    return sums


def _counts(shape: Shape, sides: list[Side]) -> NDArray[np.int64]:
    """Return how many pixels of each window lie inside, as `average` counts them, (H, W, 1), or raise a ValueError.

    An axis along which all are alike has one.
    """
    counts = []
    for size, n, side in zip(_sizes(shape, sides), shape, sides, strict=True):
        begin = np.arange(n) * side.stride - side.padding[0]
        inside = np.minimum(begin + side.taps, size) - np.maximum(begin, 0)
        counts.append(inside[:1] if (inside == inside[0]).all() else inside)
    found: NDArray[np.int64] = np.maximum(np.outer(*counts), 1)[:, :, None]
    return found


def average_unpool_shape(shape: Shape, asked: Enlargement) -> Shape:
    """Return the shape that `average_unpool` makes of (H, W) or (H, W, C)."""
    return (*_sizes(shape[:2], _pooled_sides(shape[:2], asked)), *shape[2:])


def average_unpool_lines(shape: Shape, asked: Enlargement) -> tuple[tuple[float, float], ...]:
    """Return where the output lies in (H, W), `Side.line` of both axes."""
    return tuple(side.line for side in _pooled_sides(shape[:2], asked))


def _pooled_sides(shape: Shape, asked: Enlargement) -> list[Side]:
    return _sides(shape, geometry.pair("kernel_size", asked.values["kernel_size"] or asked.strides), asked)


def _window(strides: Pair) -> Pair:
    """Return F of a transposed convolution unless given: windows that overlap by half."""
    return 2 * strides[0] - strides[0] % 2, 2 * strides[1] - strides[1] % 2


def _dilations(asked: Enlargement) -> Pair:
    return geometry.pair("dilation", asked.values.get("dilation") or 1)


def _sides(shape: Shape, window: Shape, asked: Enlargement) -> list[Side]:
    """Return both axes of (H, W) for weights of this size, or raise a ValueError if there is no such output."""
    padding, output_padding = asked.values["padding"], asked.values["output_padding"]
    if padding is None:
        padding = SAME[1] if output_padding is None or asked.size is not None else 0
    extras = geometry.pair("output_padding", 0 if output_padding is None else output_padding, 0)
    around = geometry.sides("padding", padding)
    sizes = (None, None) if asked.size is None else geometry.pair("size", asked.size)
    sides = []
    for k, (stride, dilation) in enumerate(zip(asked.strides, _dilations(asked), strict=True)):
        most = max(stride, dilation) - 1
        if extras[k] > most:
            raise ValueError(
                f"output_padding={extras[k]} is not allowed: it must be at most {most}, below S or dilation"
            )
        whole, size = Side(window[k], stride, dilation, (0, 0), extras[k]), sizes[k]
        low, high = _range(whole, shape[k], around[k], most if output_padding is None else 0)
        if size is not None and not low <= size <= high:
            name = ("height", "width")[k]
            raise ValueError(f"size={asked.size} is not allowed: its {name} must be from {low} to {high}")
        sides.append(_cut(whole, shape[k], around[k], size))
    _sizes(shape, sides)
    return sides


def _range(side: Side, n: int, around: Pair | str, extra: int) -> Pair:
    """Return the smallest and the largest size of the output, with at most so many pixels more after it."""
    whole = side.size(n)
    return (1, whole + extra) if isinstance(around, str) else (whole - sum(around), whole - sum(around) + extra)


def _cut(side: Side, n: int, around: Pair | str, size: int | None) -> Side:
    """Return an axis with this padding; a word cuts off all but the size, which is S n unless given."""
    whole = side.size(n)
    if isinstance(around, str):
        size = n * side.stride if size is None else size
        less = max(whole - size, 0) // 2
        more = max(whole - size, 0) - less
        around = (more, less) if around == SAME[1] else (less, more)
    extra = 0 if size is None else size - (whole - sum(around))
    return replace(side, padding=around, output_padding=side.output_padding + extra)


def _sizes(shape: Shape, sides: list[Side]) -> Pair:
    """Return the size of the output, or raise a ValueError if there is none."""
    rows, columns = (side.size(n) for side, n in zip(sides, shape, strict=True))
    if min(rows, columns) < 1:
        left = f"{max(rows, 0)} x {max(columns, 0)}"
        raise ValueError(f"padding leaves {left} pixels of {shape[0]} x {shape[1]}: no image")
    return rows, columns
