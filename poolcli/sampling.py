"""Where an output pixel lies among the input's, and how much each of them counts: one axis at a time, in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

COORDINATES = ("half-pixel", "align-corners", "asymmetric", "half-pixel-symmetric", "pytorch-half-pixel")
BORDERS = ("edge", "reflect", "wrap", "constant", "exclude")
ROUNDINGS = ("half-up", "half-down", "floor", "ceil")


@dataclass(frozen=True, eq=False)
class Axis:
    """The taps of every output pixel: those at index[first[i] + k], k = 0, 1, ..., with weights[i, k].

    `index` maps the axis with its border to the input, -1 for the constant outside. With `phases` = S, output q S + s
    begins at first[s] + q, and has weights[s].
    """

    first: NDArray[np.int64]
    weights: Floats
    index: NDArray[np.int64]
    before: int = 0  # places of the index that come before the input
    phases: int = 0


@dataclass(frozen=True)
class Kernel:
    """An interpolation filter: its values, and how far from 0 they reach."""

    name: str
    support: float
    values: Callable[[Floats], Floats]


def kernel(mode: str, cubic_a: float = -0.5, lobes: int = 3) -> Kernel:
    """Return the filter of a mode."""
    return {
        "nearest": Kernel("nearest", 0.5, _box),
        "bilinear": Kernel("bilinear", 1, _triangle),
        "bicubic": Kernel("bicubic", 2, lambda x: _cubic(x, cubic_a)),
        "lanczos": Kernel("lanczos", lobes, lambda x: _lanczos(x, lobes)),
    }[mode]


def _box(x: Floats) -> Floats:
    x = np.round(x, 9)  # where a box ends on a pixel, rounding must not say on which side
    return np.where((x > -0.5) & (x <= 0.5), 1.0, 0.0)


def _triangle(x: Floats) -> Floats:
    return np.asarray(np.maximum(1 - np.abs(x), 0.0))


def _cubic(x: Floats, a: float) -> Floats:
    """Return Keys' cubic convolution kernel (1981)."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def _lanczos(x: Floats, lobes: int) -> Floats:
    values = np.where(np.abs(x) < lobes, np.sinc(x) * np.sinc(x / lobes), 0.0)
    return np.where(x == np.rint(x), x == 0, values)  # sin(pi) is 1e-16: a pixel on a pixel is that, to the bit


def positions(n: int, size: int, scale: float | None, coordinates: str) -> Floats:
    """Return where the pixels of an output axis lie on an input axis of n, whose pixels are at 0 ... n - 1."""
    i = np.arange(size, dtype=np.float64)
    # Without a scale the product comes first: what is exactly between two pixels stays so.
    multiply, divide = (n, size) if scale is None else (1, scale)
    if coordinates == "align-corners":
        last = (size if scale is None else n * scale) - 1  # as ONNX: a scale that leaves a rest is used as given
        return i * (n - 1) / last if size > 1 else np.zeros(1)
    if coordinates == "asymmetric":
        return i * multiply / divide
    if coordinates == "pytorch-half-pixel" and size == 1:
        return np.zeros(1)
    symmetric = coordinates == "half-pixel-symmetric" and scale is not None
    shift = n / 2 * (1 - size / (n * divide)) if symmetric else 0.0
    return np.asarray(shift + (i + 0.5) * multiply / divide - 0.5)


def nearest(n: int, size: int, scale: float | None, coordinates: str, rounding: str) -> NDArray[np.int64]:
    """Return the input pixel of each output pixel; without a scale, in whole numbers: exact at any size."""
    if scale is None and coordinates == "half-pixel" and rounding == "half-up":
        return (2 * np.arange(size, dtype=np.int64) + 1) * n // (2 * size)
    x = positions(n, size, scale, coordinates)
    rounded = {
        "half-up": lambda: np.floor(x + 0.5),
        "half-down": lambda: np.ceil(x - 0.5),
        "floor": lambda: np.floor(x),
        "ceil": lambda: np.ceil(x),
    }[rounding]()
    return np.clip(rounded, 0, n - 1).astype(np.int64)


@lru_cache(maxsize=64)
def _axis(n: int, size: int, scale: float | None, coordinates: str, border: str, antialias: bool, *filter: Any) -> Axis:  # noqa: A002
    stretch = (size / n if scale is None else scale) if antialias else 1.0
    return taps(n, positions(n, size, scale, coordinates), kernel(*filter), border, stretch)


def axis(
    n: int, size: int, scale: float | None, coordinates: str, border: str, antialias: bool, mode: str,
    cubic_a: float = -0.5, lobes: int = 3,
) -> Axis:  # fmt: skip
    """Return the taps of an output axis; without a scale, that of the sizes."""
    return _axis(n, size, scale, coordinates, border, antialias, mode, cubic_a, lobes)


def taps(n: int, x: Floats, kernel: Kernel, border: str, scale: float = 1.0) -> Axis:
    """Return the taps at positions x; below a scale of 1 the filter is stretched, so that it is a low-pass."""
    scale = min(scale, 1.0)
    reach = kernel.support / scale
    first = np.floor(x - reach).astype(np.int64) + 1
    count = max(2 * int(np.ceil(reach)), 1)
    place = first[:, None] + np.arange(count)
    weights = kernel.values((place - x[:, None]) * scale)
    if border == "exclude":
        weights = np.where((place >= 0) & (place < n), weights, 0.0)
    weights = weights / weights.sum(axis=1, keepdims=True)
    low, high = min(int(first.min()), 0), max(int(first.max()) + count, n)
    index = beyond(np.arange(low, high, dtype=np.int64), n, border)
    return _by_phase(Axis(first - low, weights, index, -low), n)


def beyond(place: NDArray[np.int64], n: int, border: str) -> NDArray[np.int64]:
    """Return the input pixel that stands for each place on the axis."""
    if border == "wrap":
        return place % n
    if border == "constant":
        return np.where((place >= 0) & (place < n), place, -1)
    if border == "reflect" and n > 1:
        period = 2 * (n - 1)
        back = place % period
        return np.minimum(back, period - back)
    return place.clip(0, n - 1)


def _by_phase(axis: Axis, n: int) -> Axis:
    """Return the same axis with a row of weights for each phase, where it has phases."""
    size = len(axis.first)
    if size % n or size // n > 16:
        return axis
    phases = size // n
    q, s = np.divmod(np.arange(size), phases)
    alike = (axis.first == axis.first[s] + q).all() and np.abs(axis.weights - axis.weights[s]).max() < 1e-12
    return replace(axis, phases=phases) if alike else axis
