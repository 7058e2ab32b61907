"""Convolutions that enlarge: after an enlargement, and to sub-pixels, with their gradients.

Every mode is a function of an image (N, H, W, C), of what is asked, and of the dtype to write; one of the shape that
this gives; one of how it is made by boxes; and two of the gradient with respect to its result, which return that with
respect to image and weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli import dtypes, weights
from poolcli.engine import convolve as engine
from poolcli.engine.interleave import take
from poolcli.filters import FILTERS, Filter
from poolcli.parameters import PARAMETERS
from poolcli.resize import Enlargement, Grid, Resampler, resample, resample_backward
from poolcli.sampling import beyond

Pair = tuple[int, int]
Shape = tuple[int, ...]
Array = NDArray[Any]
Ends = tuple[int, int]
Sides = tuple[Ends, Ends]
"""From where to where a box takes rows and columns."""
Lines = tuple[engine.Line, engine.Line]

_WINDOW = (3, 3)  # unless given


@dataclass(frozen=True)
class Pieces:
    """A convolution that enlarges, by boxes of its output.

    `apply(image, sides, lines, dtype)` makes the output that two lines tell, of what these sides of the image hold.
    """

    lines: Lines
    apply: Callable[[Array, Sides, Lines, np.dtype[Any]], Array]
    times: Pair = (1, 1)  # rows and columns of the output for each that is convolved
    enlarging: Resampler | None = None  # which makes what is convolved of the image

    def needs(self, sides: Sides) -> Sides:
        """Return from where to where a box of the output needs the image."""
        taken, _, _ = self._of(sides)
        return taken if self.enlarging is None else self.enlarging.needs(taken)

    def make(self, image: Array, sides: Sides, output: np.dtype[Any]) -> Array:
        """Return a box of the output, made of that of (N, H, W, C) that it needs."""
        taken, lines, more = self._of(sides)
        if self.enlarging is not None:
            large = self.enlarging.make(image, taken, dtypes.blend_dtype(image.dtype, output))
            image = np.ascontiguousarray(large)
        made = self.apply(image, taken, lines, output)
        (top, bottom), (left, right) = (
            (skip, skip + end - begin) for skip, (begin, end) in zip(more, sides, strict=True)
        )
        return np.ascontiguousarray(made[:, top:bottom, left:right])

    def whole(self, image: Array, output: np.dtype[Any]) -> Array:
        """Return all that is made of (N, H, W, C)."""
        if self.enlarging is not None:
            image = self.enlarging.apply(image, dtypes.blend_dtype(image.dtype, output))
        height, width = image.shape[1:3]
        return self.apply(image, ((0, height), (0, width)), self.lines, output)

    def _of(self, sides: Sides) -> tuple[Sides, Lines, Pair]:
        """Return what a box takes of what is convolved, its lines, and how many rows and columns come before it."""
        taken, lines, more = [], [], []
        for line, (begin, stop), times in zip(self.lines, sides, self.times, strict=True):
            phases = len(line.taps.tap)
            first = begin // times // phases * phases
            ends, own = line.part(first, -(-stop // times))
            taken.append(ends)
            lines.append(own)
            more.append(begin - first * times)
        return (taken[0], taken[1]), (lines[0], lines[1]), (more[0], more[1])


def convolve(weights: Array, image: Array, sides: Sides, lines: Lines, output: np.dtype[Any]) -> Array:
    """Convolve every channel with the same weights."""
    return engine.convolve(image, weights, *lines, output)


def resize_conv(image: Array, asked: Enlargement, output: np.dtype[Any]) -> Array:
    """Enlarge, then convolve in the grid of the output."""
    if pieces := resize_conv_pieces(image.shape[1:], asked):
        return pieces.whole(image, output)
    large = resample(image, *_enlarging(image, asked), dtypes.blend_dtype(image.dtype, output))
    return _convolved(large, _loaded(asked), asked.values["border"], output)


def resize_conv_pieces(shape: Shape, asked: Enlargement) -> Pieces | None:
    """Return how the same is made by boxes of (H, W) or (H, W, C); None if weights make channels of all channels."""
    loaded = _loaded(asked)
    if loaded.ndim > 2:
        return None
    row, grid, values = _enlargement((1, *shape), asked.strides, asked.values["enlarge"])
    enlarging = Resampler.of(shape[:2], row, grid, values, False)
    return Pieces(_lines(grid.sizes, loaded, asked.values["border"]), partial(convolve, loaded), enlarging=enlarging)


def resize_conv_backward(grads: Array, image: Array, asked: Enlargement) -> Array:
    """Return the gradient with respect to the image."""
    row, grid, values = _enlarging(image, asked)
    shape = (len(image), *grid.sizes, image.shape[3])
    large = _convolved_backward(grads, shape, _loaded(asked), asked.values["border"])
    return resample_backward(large, image.shape, row, grid, values)


def resize_conv_weights_backward(grads: Array, image: Array, asked: Enlargement) -> Array:
    """Return the gradient with respect to the weights."""
    large = resample(image, *_enlarging(image, asked), grads.dtype)
    return _taps_backward(grads, large, _loaded(asked), asked.values["border"])


def _enlarging(image: Array, asked: Enlargement) -> tuple[Filter, Grid, dict[str, Any]]:
    """Return how an image is enlarged before it is convolved."""
    return _enlargement(image.shape, asked.strides, asked.values["enlarge"])


def _enlargement(shape: Shape, strides: Pair, name: str) -> tuple[Filter, Grid, dict[str, Any]]:
    row = FILTERS[name]
    usual = {name: PARAMETERS[name].default for name in row.parameters}
    return row, Grid((shape[1] * strides[0], shape[2] * strides[1])), usual


def resize_conv_shape(shape: Shape, asked: Enlargement) -> Shape:
    """Return the shape that `resize_conv` makes of (H, W) or (H, W, C)."""
    return _same_size_shape(shape, asked, 1)


def subpixel(image: Array, asked: Enlargement, output: np.dtype[Any]) -> Array:
    """Convolve to S x S images, whose pixels become those of the output."""
    if pieces := subpixel_pieces(image.shape[1:], asked):
        return pieces.whole(image, output)
    loaded, strides = _loaded(asked), asked.strides
    convolved = _convolved(image, loaded, asked.values["border"], output)
    phases = strides[0] * strides[1]
    if loaded.shape[1] % phases:
        raise ValueError(f"weights {loaded.shape} make {loaded.shape[1]} channels: no multiple of S x S = {phases}")
    return depth_to_space(convolved, strides, asked.values["order"])


def subpixel_pieces(shape: Shape, asked: Enlargement) -> Pieces | None:
    """Return how the same is made by boxes of (H, W) or (H, W, C); None if weights make channels of all channels."""
    loaded, strides = _loaded(asked), asked.strides
    if loaded.ndim > 2:
        return None
    return Pieces(_lines(shape[:2], loaded, asked.values["border"]), partial(_repeated, loaded, strides), strides)


def _repeated(weights: Array, strides: Pair, image: Array, sides: Sides, lines: Lines, output: np.dtype[Any]) -> Array:
    """Convolve to S x S images that are alike."""
    convolved = engine.convolve(image, weights, *lines, output)
    return take(convolved, *(np.repeat(np.arange(n), s) for n, s in zip(convolved.shape[1:3], strides, strict=True)))


def subpixel_backward(grads: Array, image: Array, asked: Enlargement) -> Array:
    """Return the gradient with respect to the image."""
    loaded = _loaded(asked)
    return _convolved_backward(_of_phases(grads, image, loaded, asked), image.shape, loaded, asked.values["border"])


def subpixel_weights_backward(grads: Array, image: Array, asked: Enlargement) -> Array:
    """Return the gradient with respect to the weights."""
    loaded = _loaded(asked)
    return _taps_backward(_of_phases(grads, image, loaded, asked), image, loaded, asked.values["border"])


def _of_phases(grads: Array, image: Array, loaded: Array, asked: Enlargement) -> Array:
    """Return the gradient with respect to what was convolved: S x S pixels are channels, or copies of one."""
    if loaded.ndim == 4:
        return space_to_depth(grads, asked.strides, asked.values["order"])
    return resample_backward(grads, image.shape, *_enlargement(image.shape, asked.strides, "nearest"))


def unfold(image: Array, asked: Enlargement, output: np.dtype[Any]) -> Array:
    """Return channels as the pixels of regions."""
    unfolded_shape(image.shape[1:], asked)
    return depth_to_space(image, asked.strides, asked.values["order"])


@dataclass(frozen=True)
class Unfolding:
    """Channels that become pixels, by boxes of the output."""

    strides: Pair
    order: str

    def needs(self, sides: Sides) -> Sides:
        """Return from where to where a box of the output needs the image."""
        rows, columns = ((begin // s, -(-stop // s)) for (begin, stop), s in zip(sides, self.strides, strict=True))
        return rows, columns

    def make(self, image: Array, sides: Sides, output: np.dtype[Any]) -> Array:
        """Return a box of the output, made of that of (N, H, W, C) that it needs."""
        made = depth_to_space(image, self.strides, self.order)
        (top, bottom), (left, right) = (
            (begin % s, begin % s + stop - begin) for (begin, stop), s in zip(sides, self.strides, strict=True)
        )
        return np.ascontiguousarray(made[:, top:bottom, left:right])


def unfold_pieces(shape: Shape, asked: Enlargement) -> Unfolding:
    """Return how the same is made by boxes of (H, W, C)."""
    unfolded_shape(shape, asked)
    return Unfolding(asked.strides, asked.values["order"])


def unfold_backward(grads: Array, image: Array, asked: Enlargement) -> Array:
    """Return the gradient with respect to the image."""
    return space_to_depth(grads, asked.strides, asked.values["order"])


def unfolded_shape(shape: Shape, asked: Enlargement) -> Shape:
    """Return the shape that `unfold` makes of (H, W, C), or raise a ValueError."""
    (down, across), channels = asked.strides, (*shape, 1)[2]
    if channels % (down * across):
        raise ValueError(f"depth-to-space needs a multiple of S x S = {down * across} channels, not {channels}")
    return (shape[0] * down, shape[1] * across, *(channels // (down * across) for _ in shape[2:]))


def subpixel_shape(shape: Shape, asked: Enlargement) -> Shape:
    """Return the shape that `subpixel` makes of (H, W) or (H, W, C)."""
    return _same_size_shape(shape, asked, asked.strides[0] * asked.strides[1])


def _same_size_shape(shape: Shape, asked: Enlargement, phases: int) -> Shape:
    window = weights.shape_of(asked.values["weights"], asked.values["kernel_size"], _WINDOW)
    _check_rank(window)
    down, across = asked.strides
    return (shape[0] * down, shape[1] * across, *channels_of(shape, window, phases))


def channels_of(shape: Shape, window: Shape, phases: int = 1) -> Shape:
    """Return the axis of channels that weights make; one channel of a grey image has none."""
    if len(window) < 4:
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


def space_to_depth(image: Array, strides: Pair, order: str) -> Array:
    """Return pixels of (N, H, W, C) as channels: those that `depth_to_space` made them of."""
    images, height, width, channels = image.shape
    down, across = strides
    parts = image.reshape(images, height // down, down, width // across, across, channels)
    axes = (0, 1, 3, 5, 2, 4) if order == "crd" else (0, 1, 3, 2, 4, 5)
    return np.ascontiguousarray(parts.transpose(axes)).reshape(images, height // down, width // across, -1)


def _loaded(asked: Enlargement) -> NDArray[np.float64]:
    loaded = weights.load(asked.values["weights"], asked.values["kernel_size"], _WINDOW)
    _check_rank(loaded.shape)
    return loaded


def _check_rank(window: Shape) -> None:
    if len(window) == 3:
        raise ValueError(f"the weights: the shape is {window}: it must be (F, F) or (C_in, C_out, F, F)")


def _lines(shape: Shape, loaded: Array, border: str) -> Lines:
    """Return both axes of the convolution of (H, W) with weights (F, F) to the same size."""
    taps = [replace(engine.plain(n, f, (f - 1) // 2), size=n) for n, f in zip(shape, loaded.shape, strict=True)]
    rows, columns = (engine.Line.of(own, n, border) for own, n in zip(taps, shape, strict=True))
    return rows, columns


def _convolved(image: Array, loaded: Array, border: str, output: np.dtype[Any]) -> Array:
    """Convolve to the same size, with weights that make channels of all channels."""
    check_channels(loaded, image.shape[3])
    blend_dtype = dtypes.blend_dtype(image.dtype, output)
    padded = take(image, *_around(image.shape, loaded, border)).astype(blend_dtype, copy=False)
    height, width = image.shape[1:3]
    out: Array = np.zeros((*image.shape[:3], loaded.shape[1]), blend_dtype)
    for ky, kx in np.ndindex(loaded.shape[2:]):
        out += padded[:, ky : ky + height, kx : kx + width] @ loaded[:, :, ky, kx].astype(blend_dtype)
    return dtypes.saturate_cast(out, output)


def _around(shape: Shape, loaded: Array, border: str) -> list[NDArray[np.int64]]:
    """Return the rows and columns of an image with those beyond it that windows see, -1 for 0."""
    sides = zip(shape[1:3], loaded.shape[-2:], strict=True)
    return [beyond(np.arange(n + f - 1) - (f - 1) // 2, n, border) for n, f in sides]


def _convolved_backward(grads: Array, shape: Shape, loaded: Array, border: str) -> Array:
    """Return the gradient with respect to (N, H, W, C) of its convolution to the same size."""
    height, width = shape[1:3]
    if loaded.ndim == 2:
        rows, columns = (
            engine.Line.of(engine.transposed(n + f - 1, f, 1, 0), n, "constant")
            for n, f in zip(shape[1:3], loaded.shape, strict=True)
        )
        padded = engine.convolve(grads, loaded, rows, columns, grads.dtype)
    else:
        window = loaded.shape[2:]
        padded = np.zeros((shape[0], height + window[0] - 1, width + window[1] - 1, shape[3]), grads.dtype)
        for ky, kx in np.ndindex(window):
            padded[:, ky : ky + height, kx : kx + width] += grads @ loaded[:, :, ky, kx].T.astype(grads.dtype)
    for axis, (index, f) in enumerate(zip(_around(shape, loaded, border), loaded.shape[-2:], strict=True), 1):
        padded = _folded(padded, axis, index, (f - 1) // 2, shape[axis])
    return np.ascontiguousarray(padded)


def _folded(padded: Array, axis: int, index: NDArray[np.int64], before: int, n: int) -> Array:
    """Return the inside of an axis, to which pixels that stand for others beyond it are added."""
    moved = np.moveaxis(padded, axis, 0)
    inside = moved[before : before + n]
    for place in (*range(before), *range(before + n, len(index))):
        if index[place] >= 0:
            inside[index[place]] += moved[place]
    return np.moveaxis(inside, 0, axis)


def _taps_backward(grads: Array, image: Array, loaded: Array, border: str) -> Array:
    """Return the gradient with respect to the weights of a convolution to the same size."""
    height, width = image.shape[1:3]
    padded = take(image, *_around(image.shape, loaded, border))
    out = np.zeros(loaded.shape)
    for ky, kx in np.ndindex(loaded.shape[-2:]):
        out[..., ky, kx] = products(padded[:, ky : ky + height, kx : kx + width], grads, loaded.ndim == 4)
    return out


def products(image: Array, grads: Array, across_channels: bool) -> Array:
    """Return the sum of values (N, H, W, C) times gradients over all pixels: of each pair of channels, or of all."""
    if not across_channels:
        return np.asarray(np.multiply(image, grads, dtype=grads.dtype).sum(dtype=np.float64))
    return np.asarray((image.swapaxes(2, 3).astype(grads.dtype) @ grads).sum((0, 1), dtype=np.float64))


def check_channels(loaded: Array, channels: int) -> None:
    """Raise a ValueError if weights are for another number of channels."""
    if loaded.shape[0] != channels:
        raise ValueError(f"weights {loaded.shape} are for {loaded.shape[0]} channels, and the image has {channels}")
