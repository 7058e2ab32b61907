"""Where an output pixel lies among the input's, and how much each of them counts: one axis at a time, in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from poolcli.filters import Filter

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Resampling:
    """How an axis is resampled: filter and its parameters, where output pixels lie, what lies beyond the ends."""

    filter: Filter
    parameters: tuple[float, ...] = ()  # of the filter, in its order
    coordinates: str = "half-pixel"
    border: str = "edge"
    antialias: bool = False  # stretch the filter where the image shrinks


@dataclass(frozen=True, eq=False)
class Axis:
    """The taps of every output pixel: those at index[first[i] + k], k = 0, 1, ..., with weights[i, k].

    `index` maps the axis with its border to the input, -1 for the constant outside. With `phases` = S, output q S + s
    begins at first[s] + q, and has weights[s].
    """

    first: Integers
    weights: Floats
    index: Integers
    before: int = 0  # positions of the index that come before the input
    phases: int = 0


@dataclass(frozen=True)
class Cut:
    """Some outputs of an axis, from `begin` to `stop`, and the pixels that are given of an axis of `extent`."""

    begin: int
    stop: int
    first: int
    last: int
    extent: int

    def of(self, axis: Axis, phased: bool = False) -> Axis:
        """Return the taps of these outputs over these pixels; `phased` outputs have the weights of the first ones."""
        weights = axis.weights[self.begin : self.stop].copy()
        if phased:
            weights[: axis.phases] = axis.weights[: len(weights)][: axis.phases]
        low, high = _reach(axis, self.begin, self.stop)
        low, high = min(low, self.first), max(high, self.last)
        index = axis.index[low + axis.before : high + axis.before]
        first = axis.first[self.begin : self.stop] - axis.before - low
        index = np.where(index < 0, index, index - self.first)
        return Axis(first, weights, index, self.first - low, axis.phases if phased else 0)

    def copies(self, pixels: Integers) -> Integers:
        """Return which of these pixels the outputs are copies of, -1 for none."""
        own = pixels[self.begin : self.stop]
        return np.where(own < 0, own, own - self.first)


def cut_of(axis: Axis, begin: int, stop: int, extent: int) -> Cut:
    """Return some outputs of an axis and the pixels that they need: whole phases, where it has them."""
    phases = max(axis.phases, 1)
    begin, stop = begin // phases * phases, -(-stop // phases) * phases
    low, high = _reach(axis, begin, stop)
    return _cut(begin, stop, axis.index[low + axis.before : high + axis.before], extent)


def cut_of_copies(pixels: Integers, begin: int, stop: int, extent: int) -> Cut:
    """Return some outputs, which are copies of these pixels or, where one is -1, of none, and the pixels they need."""
    return _cut(begin, stop, pixels[begin:stop], extent)


def _cut(begin: int, stop: int, pixels: Integers, extent: int) -> Cut:
    inside = pixels[pixels >= 0]
    first, last = (int(inside.min()), int(inside.max()) + 1) if inside.size else (0, 1)
    return Cut(begin, stop, first, last, extent)


def _reach(axis: Axis, begin: int, stop: int) -> tuple[int, int]:
    """Return from where to where the taps of some outputs reach, beyond the ends of the axis too."""
    first = axis.first[begin:stop] - axis.before
    return int(first.min()), int(first.max()) + axis.weights.shape[1]


@lru_cache(maxsize=64)  # images in a folder are often of one size
def axis(n: int, size: int, scale: float | None, resampling: Resampling) -> Axis:
    """Return the taps of an output axis; without a scale, that of the sizes."""
    stretch = (size / n if scale is None else scale) if resampling.antialias else 1.0
    return taps(n, positions(n, size, scale, resampling.coordinates), resampling, stretch)


def taps(n: int, x: Floats, resampling: Resampling, scale: float = 1.0) -> Axis:
    """Return the taps at positions x; below a scale of 1 the filter is stretched, so that it is a low-pass."""
    scale = min(scale, 1.0)
    reach = resampling.filter.reach(*resampling.parameters) / scale
    first = np.floor(x - reach).astype(np.int64) + 1
    count = max(2 * int(np.ceil(reach)), 1)
    pixel = first[:, None] + np.arange(count)
    weights = resampling.filter.weights((pixel - x[:, None]) * scale, *resampling.parameters)
    if resampling.border == "exclude":
        weights = np.where((pixel >= 0) & (pixel < n), weights, 0.0)
    weights = weights / weights.sum(axis=1, keepdims=True)
    low, high = min(int(first.min()), 0), max(int(first.max()) + count, n)
    index = beyond(np.arange(low, high, dtype=np.int64), n, resampling.border)
    return _by_phase(Axis(first - low, weights, index, -low), n)


@lru_cache(maxsize=64)
def adjoint(n: int, size: int, scale: float | None, resampling: Resampling) -> Axis:
    """Return of every pixel of an axis of n the outputs that it counts in, with its weights in them."""
    return transposed(axis(n, size, scale, resampling), n, resampling.border == "wrap")


def transposed(axis: Axis, n: int, wraps: bool = False) -> Axis:
    """Return the taps of the transposed matrix: of each of n pixels, over the outputs; where it wraps, in a circle."""
    size, count = axis.weights.shape
    output = np.repeat(np.arange(size), count)
    place = (axis.first[:, None] + np.arange(count)).ravel()
    pixel, weights = axis.index[place], axis.weights.ravel()
    if wraps:  # the pixel after the last is the first, whose output comes a whole turn later
        output = output - (place - axis.before) // n * size
    counts = (pixel >= 0) & (weights != 0)
    output, pixel, weights = output[counts], pixel[counts], weights[counts]
    first, last = np.full(n, np.iinfo(np.int64).max), np.full(n, np.iinfo(np.int64).min)
    np.minimum.at(first, pixel, output)
    np.maximum.at(last, pixel, output)
    first = np.where(first > last, 0, first)  # a pixel that no output sees
    most = int((last - first).max(initial=0)) + 1
    spread = np.zeros((n, most))
    np.add.at(spread, (pixel, output - first[pixel]), weights)
    low, high = min(int(first.min()), 0), max(int(first.max()) + most, size)
    index = beyond(np.arange(low, high, dtype=np.int64), size, "wrap" if wraps else "constant")
    return _by_phase(Axis(first - low, spread, index, -low), size)


def copied(pixel: Integers, n: int) -> Axis:
    """Return the taps of outputs that are copies of these pixels of an axis of n."""
    return Axis(pixel, np.ones((len(pixel), 1)), np.arange(n, dtype=np.int64))


def _by_phase(axis: Axis, n: int) -> Axis:
    """Return the same axis with a row of weights for each phase, where it has phases."""
    size = len(axis.first)
    if size % n or size // n > 16:
        return axis
    phases = size // n
    q, s = np.divmod(np.arange(size), phases)
    alike = (axis.first == axis.first[s] + q).all() and np.abs(axis.weights - axis.weights[s]).max() < 1e-12
    return replace(axis, phases=phases) if alike else axis


def positions(n: int, size: int, scale: float | None, coordinates: str) -> Floats:
    """Return where the pixels of an output axis lie on an input axis of n, whose pixels are at 0 ... n - 1."""
    return COORDINATES[coordinates](np.arange(size, dtype=np.float64), n, size, scale)


def line(n: int, size: int, scale: float | None, coordinates: str, rounding: str | None = None) -> tuple[float, float]:
    """Return (step, first) of an output axis: pixel k lies at step k + first of an axis of n.

    With a rounding, outputs are copies of pixels, and lie where these do in the mean. Halves that are rounded from
    half-pixel coordinates go to either side: there an output stands for its area.

    >>> line(3, 6, None, "half-pixel"), line(4, 7, None, "align-corners")
    ((0.5, -0.25), (0.5, 0.0))
    >>> line(3, 6, 2.0, "asymmetric", "floor"), line(6, 3, None, "half-pixel", "half-up")
    ((0.5, -0.25), (2.0, 0.5))
    """
    x = positions(n, size, scale, coordinates)
    step, first = n / size if scale is None else 1 / scale, float(x[0])
    if size > 1:
        step = float(x[-1] - x[0]) / (size - 1)
    if rounding is not None and not (rounding.startswith("half") and "half-pixel" in coordinates):
        first += float(np.mean(ROUNDINGS[rounding](x) - x))
    return step, first


def _asymmetric(i: Floats, n: int, size: int, scale: float | None) -> Floats:
    """Return i / scale; without one the product comes first: what is exactly between two pixels stays so."""
    return np.asarray(i * n / size if scale is None else i / scale)


def _half_pixel(i: Floats, n: int, size: int, scale: float | None) -> Floats:
    return _asymmetric(i + 0.5, n, size, scale) - 0.5


def _half_pixel_symmetric(i: Floats, n: int, size: int, scale: float | None) -> Floats:
    shift = 0.0 if scale is None else n / 2 * (1 - size / (n * scale))
    return shift + _asymmetric(i + 0.5, n, size, scale) - 0.5


def _pytorch_half_pixel(i: Floats, n: int, size: int, scale: float | None) -> Floats:
    return np.zeros(1) if size == 1 else _half_pixel(i, n, size, scale)


def _align_corners(i: Floats, n: int, size: int, scale: float | None) -> Floats:
    last = (size if scale is None else n * scale) - 1  # as ONNX: a scale that leaves a rest is used as given
    return np.zeros(1) if size == 1 else np.asarray(i * (n - 1) / last)


COORDINATES: Mapping[str, Callable[[Floats, int, int, float | None], Floats]] = {
    "half-pixel": _half_pixel,
    "align-corners": _align_corners,
    "asymmetric": _asymmetric,
    "half-pixel-symmetric": _half_pixel_symmetric,
    "pytorch-half-pixel": _pytorch_half_pixel,
}
"""Where the pixels i of an output axis of `size` lie on an input axis of n."""


def nearest(n: int, size: int, scale: float | None, coordinates: str, rounding: str) -> Integers:
    """Return the input pixel of each output pixel; without a scale, in whole numbers: exact at any size."""
    if scale is None and (coordinates, rounding) == ("half-pixel", "half-up"):
        return (2 * np.arange(size, dtype=np.int64) + 1) * n // (2 * size)
    return copied_at(n, positions(n, size, scale, coordinates), rounding)


def copied_at(n: int, x: Floats, rounding: str) -> Integers:
    """Return the pixel of an axis of n that is nearest to each position."""
    return np.clip(ROUNDINGS[rounding](x), 0, n - 1).astype(np.int64)


ROUNDINGS: Mapping[str, Callable[[Floats], Floats]] = {
    "half-up": lambda x: np.floor(x + 0.5),
    "half-down": lambda x: np.ceil(x - 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}
"""Which of two pixels is nearest."""


def beyond(pixel: Integers, n: int, border: str) -> Integers:
    """Return the input pixel that stands for each one of the axis, which goes on to both sides; -1 for none."""
    return BORDERS[border](pixel, n)


def _edge(pixel: Integers, n: int) -> Integers:
    return pixel.clip(0, n - 1)


def _reflect(pixel: Integers, n: int) -> Integers:
    period = max(2 * (n - 1), 1)
    back = pixel % period
    return np.minimum(back, period - back)


BORDERS: Mapping[str, Callable[[Integers, int], Integers]] = {
    "edge": _edge,
    "reflect": _reflect,
    "wrap": lambda pixel, n: pixel % n,
    "constant": lambda pixel, n: np.where((pixel >= 0) & (pixel < n), pixel, -1),
    "exclude": _edge,  # which has weights of 0
}
"""What lies beyond the image."""
