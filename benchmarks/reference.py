"""The truth: float64 NumPy, by the formula. Gradients are those of the tests' naive twins."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Array = Any
Truth = Callable[[Array], Array]


@cache
def naive() -> Any:
    """Return the plain twins of all operators, which stand among the tests."""
    path = Path(__file__).parent.parent / "tests" / "naive.py"
    spec = importlib.util.spec_from_file_location("naive", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pooled(function: Callable[[Array], Array], kernel_size: int = 2, stride: int | None = None) -> Truth:
    """Return a pool: a function of the last axis, which has the values r of each window."""

    def truth(image: Array) -> Array:
        channels = image if image.ndim > 2 else image[..., None]
        windows = sliding_window_view(channels, (kernel_size, kernel_size), axis=(-3, -2))
        step = stride or kernel_size
        kept = windows[..., ::step, ::step, :, :, :]
        return function(kept.reshape(*kept.shape[:-2], kernel_size * kernel_size))

    return truth


def whole(function: Callable[[Array], Array]) -> Truth:
    """Return the same over whole maps."""
    return lambda image: function(np.moveaxis(image.reshape(*image.shape[:-3], -1, image.shape[-1]), -1, -2))


def maximum(r: Array) -> Array:
    """Return max(r)."""
    return r.max(axis=-1)


def minimum(r: Array) -> Array:
    """Return min(r)."""
    return r.min(axis=-1)


def average(r: Array) -> Array:
    """Return sum(r) / n."""
    return r.mean(axis=-1, dtype=np.float64)


def median(r: Array) -> Array:
    """Return sorted(r)[floor((n - 1) / 2)]."""
    middle = (r.shape[-1] - 1) // 2
    return np.partition(r, middle, axis=-1)[..., middle]


def majority(r: Array) -> Array:
    """Return the commonest r, the smallest of equals."""
    ordered = np.sort(r, axis=-1)
    counts: Array = sum((ordered == ordered[..., k : k + 1]).astype(np.int64) for k in range(r.shape[-1]))
    commonest = counts.argmax(axis=-1)  # the first: the smallest
    return np.take_along_axis(ordered, commonest[..., None], axis=-1)[..., 0]


def soft(r: Array) -> Array:
    """Return sum(r e^r) / sum(e^r)."""
    r = r.astype(np.float64)
    weights = np.exp(r)
    return (weights * r).sum(axis=-1) / weights.sum(axis=-1)


def gem(r: Array) -> Array:
    """Return (sum(max(r, 0)^3) / n)^(1/3)."""
    return np.cbrt((np.maximum(r.astype(np.float64), 0) ** 3).mean(axis=-1))


def power_sum(p: float) -> Callable[[Array], Array]:
    """Return (sum(|r|^p))^(1/p)."""
    return lambda r: (np.abs(r.astype(np.float64)) ** p).sum(axis=-1) ** (1 / p)


def mixed(r: Array) -> Array:
    """Return max(r) / 2 + sum(r) / 2n."""
    return (maximum(r) + average(r)) / 2


def covariance(image: Array) -> Array:
    """Return the upper triangle of X X^T / n of the centred pixels."""
    pixels = image.reshape(-1, image.shape[-1]).T.astype(np.float64)
    return np.cov(pixels, bias=True)[np.triu_indices(len(pixels))]


def pyramid(image: Array) -> Array:
    """Return the maximum of each of level x level bins, of levels 1, 2 and 4."""
    rows, columns = image.shape[:2]
    found = []
    for level in (1, 2, 4):
        for i, j in np.ndindex(level, level):
            down, across = (slice(k * n // level, -(-(k + 1) * n // level)) for k, n in ((i, rows), (j, columns)))
            found.append(image[down, across].max(axis=(0, 1)))
    return np.concatenate(found)


def resized(size: Callable[[Array], tuple[int, int]], mode: str, **given: Any) -> Truth:
    """Return resampling to a size: a matrix for each axis. `given` is what `axis` takes.

    Integers saturate.
    """

    def truth(image: Array) -> Array:
        height, width = size(image)
        down, across = axis(image.shape[0], height, mode, **given), axis(image.shape[1], width, mode, **given)
        rows = np.tensordot(down, image.astype(np.float64), (1, 0))
        out = np.moveaxis(np.tensordot(across, rows, (1, 1)), 0, 1)
        return out if image.dtype.kind == "f" else out.clip(0, np.iinfo(image.dtype).max)

    return truth


def axis(n: int, m: int, mode: str, antialias: bool = False, exclude: bool = False, cubic_a: float = -0.5,
         lobes: int = 3) -> Array:  # fmt: skip
    """Return the matrix (m, n) that resamples n pixels to m, at half-pixel centres.

    A pixel beyond the border is that on the border, or left out if `exclude` says so.
    """
    if mode == "nearest":
        return np.eye(n)[(2 * np.arange(m) + 1) * n // (2 * m)]
    shrink = min(m / n, 1.0) if antialias else 1.0
    support = {"bilinear": 1, "bicubic": 2, "lanczos": lobes}[mode] / shrink
    x = (np.arange(m)[:, None] + 0.5) * n / m - 0.5
    k = np.floor(x - support).astype(int) + np.arange(int(2 * support) + 3)
    weights = curve(mode, np.abs(k - x) * shrink, cubic_a, lobes)
    if exclude:
        weights = np.where((k >= 0) & (k < n), weights, 0)
    weights /= weights.sum(axis=1, keepdims=True)
    matrix = np.zeros((m, n))
    np.add.at(matrix, (np.broadcast_to(np.arange(m)[:, None], k.shape), k.clip(0, n - 1)), weights)
    return matrix


def curve(mode: str, x: Array, a: float, lobes: int) -> Array:
    """Return what a filter weighs at a distance."""
    if mode == "bilinear":
        return np.maximum(1 - x, 0)
    if mode == "lanczos":
        return np.where(x < lobes, np.sinc(x) * np.sinc(x / lobes), 0)
    near, far = (a + 2) * x**3 - (a + 3) * x**2 + 1, a * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def transposed(function: Truth, image: Array, grad: Array) -> Array:
    """Return the gradient of sum(grad * function(image)) of a linear function: its matrix, column after column."""
    out = np.zeros(image.shape)
    for at in np.ndindex(image.shape):
        one = np.zeros(image.shape)
        one[at] = 1
        out[at] = (np.asarray(function(one), np.float64) * grad).sum()
    return out
