"""Transposed convolution, and its special case of equal weights, average unpooling, with their gradients.

Every mode is a function of an image (N, H, W, C), of what is asked, and of the dtype to write; one of the shape that
this gives; and one of the gradient with respect to its result, which returns that with respect to the image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli import dtypes, geometry, weights
from poolcli.convolutions import channels_of, check_channels, products
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

    def axis(self, n: int) -> engine.Taps:
        """Return the taps of an axis of n."""
        return engine.transposed(self.size(n), self.taps, self.stride, self.padding[0], self.dilation)

    def back(self, n: int) -> engine.Taps:
        """Return the taps of the way back to an axis of n."""
        return engine.strided(n, self.taps, self.stride, self.padding[0], self.dilation)

    def begin(self, tap: int) -> int:
        """Return the output pixel that a tap of the first pixel is added to; it may lie outside."""
        return tap * self.dilation - self.padding[0]


@dataclass(frozen=True)
class _Asked:
    """What a transposed convolution does: its weights, its sides, and the factors of named weights at the frame."""

    weights: NDArray[np.float64]
    sides: list[Side]
    factors: engine.Factors | None

    @classmethod
    def of(cls, shape: Shape, asked: Enlargement) -> _Asked:
        """Return what is asked of an image (H, W), or raise a ValueError."""
        given, strides, dilations = asked.values["weights"], asked.strides, _dilations(asked)
        loaded = weights.load(given, asked.values["kernel_size"], _window(strides), strides, dilations)
        sides = _sides(shape, loaded.shape[-2:], asked)
        if not weights.is_named(given):
            return cls(loaded, sides, None)
        profiles = weights.profiles(given, loaded.shape, strides, dilations)
        down, across = (_met(*axis) for axis in zip(profiles, shape, sides, strict=True))
        return cls(loaded, sides, (1 / down, 1 / across))


def transposed(image: Array, asked: Enlargement, output: np.dtype[Any]) -> Array:
    """Add every value times the weights to the output, S pixels apart."""
    what = _Asked.of(image.shape[1:3], asked)
    if what.weights.ndim == 4:
        return _transposed_across_channels(image, what.weights, what.sides, output)
    rows, columns = (side.axis(n) for side, n in zip(what.sides, image.shape[1:3], strict=True))
    return engine.convolve(image, what.weights, rows, columns, "constant", output, what.factors)


def transposed_shape(shape: Shape, asked: Enlargement) -> Shape:
    """Return the shape that `transposed` makes of (H, W) or (H, W, C)."""
    window = weights.shape_of(asked.values["weights"], asked.values["kernel_size"], _window(asked.strides))
    return (*_sizes(shape[:2], _sides(shape[:2], window[-2:], asked)), *channels_of(shape, window))


def transposed_backward(grads: Array, image: Array, asked: Enlargement) -> Array:
    """Return the gradient with respect to the image: the convolution with the weights, S pixels apart."""
    what = _Asked.of(image.shape[1:3], asked)
    if what.weights.ndim == 2:
        rows, columns = (side.back(n) for side, n in zip(what.sides, image.shape[1:3], strict=True))
        return engine.convolve(grads, what.weights, rows, columns, "constant", grads.dtype, of_input=what.factors)
    out: Array = np.zeros(image.shape, grads.dtype)
    for ky, kx in np.ndindex(what.weights.shape[2:]):
        of, to = _meeting(image.shape, grads.shape, what.sides, (ky, kx))
        out[of] += grads[to] @ what.weights[:, :, ky, kx].T.astype(grads.dtype)
    return out


def transposed_weights_backward(grads: Array, image: Array, asked: Enlargement) -> Array:
    """Return the gradient with respect to the weights: of each tap the sum of values times what they are added to."""
    what = _Asked.of(image.shape[1:3], asked)
    out = np.zeros(what.weights.shape)
    for ky, kx in np.ndindex(out.shape[-2:]):
        of, to = _meeting(image.shape, grads.shape, what.sides, (ky, kx))
        out[..., ky, kx] = products(image[of], grads[to], out.ndim == 4)
    return out


def _transposed_across_channels(image: Array, loaded: Array, sides: list[Side], output: np.dtype[Any]) -> Array:
    """Return the same for weights that make channels of all channels."""
    check_channels(loaded, image)
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
    sides = _pooled_sides(image.shape[1:3], asked)
    rows, columns = (side.axis(n) for side, n in zip(sides, image.shape[1:3], strict=True))
    blend_dtype = dtypes.blend_dtype(image.dtype, output)
    shares = image / _counts(image.shape[1:3], sides).astype(blend_dtype)
    ones = np.ones((sides[0].taps, sides[1].taps))
    return engine.convolve(shares.astype(blend_dtype), ones, rows, columns, "constant", output)


def average_unpool_backward(grads: Array, image: Array, asked: Enlargement) -> Array:
    """Return the gradient with respect to the image: the mean of each window."""
    sides = _pooled_sides(image.shape[1:3], asked)
    rows, columns = (side.back(n) for side, n in zip(sides, image.shape[1:3], strict=True))
    ones = np.ones((sides[0].taps, sides[1].taps))
    sums = engine.convolve(grads, ones, rows, columns, "constant", grads.dtype)
    sums /= _counts(image.shape[1:3], sides).astype(grads.dtype)
    return sums


def _counts(shape: Shape, sides: list[Side]) -> NDArray[np.int64]:
    """Return how many pixels of each window lie inside, as `average` counts them, (H, W, 1), or raise a ValueError."""
    counts = []
    for size, n, side in zip(_sizes(shape, sides), shape, sides, strict=True):
        begin = np.arange(n) * side.stride - side.padding[0]
        counts.append(np.minimum(begin + side.taps, size) - np.maximum(begin, 0))
    found: NDArray[np.int64] = np.maximum(np.outer(*counts), 1)[:, :, None]
    return found


def average_unpool_shape(shape: Shape, asked: Enlargement) -> Shape:
    """Return the shape that `average_unpool` makes of (H, W) or (H, W, C)."""
    return (*_sizes(shape[:2], _pooled_sides(shape[:2], asked)), *shape[2:])


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
