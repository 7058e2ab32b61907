"""Whole maps: sums, extremes and products of all pixels, as local pools of bands of rows whose results are joined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.geometry import Windows, adaptive, singles
from poolcli.kernels import extremes, importance, products, sums
from poolcli.kernels.operation import Operation, Task
from poolcli.kernels.windows import pool

_BAND = 128  # rows: sums of 8 bits fit into 16
_BANDS = 64  # enough for the threads of a map that has the rows
_FEW = 4  # channels; products of more are quicker as products of matrices
_BLOCK = 1 << 20  # numbers of such a product


class Cells:
    """The pixels of (N, H, W, C) cut along the edges of bins, so that each bin is a rectangle of whole cells."""

    def __init__(self, rows: list[Windows], columns: list[Windows], height: int, width: int) -> None:
        self._rows, self._columns = _edges(rows, height), _edges(columns, width)
        self._bands = _bands(self._rows)

    def join(self, image: NDArray[Any], operation: Operation, ufunc: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return what `operation` makes of each cell, (planes, N, rows, columns, C)."""
        bands = pool(image, operation, self._bands, singles(np.ones(image.shape[2], np.int64)))
        across = ufunc.reduceat(bands.astype(dtype, copy=False), self._columns[:-1], axis=3)
        starts = np.searchsorted(self._bands.first, self._rows[:-1])
        cells: NDArray[Any] = ufunc.reduceat(across, starts, axis=2)
        return cells

    def gather(self, cells: NDArray[Any], rows: Windows, columns: Windows, join: Callable[..., Any]) -> NDArray[Any]:
        """Return bins (N, rows, columns, C) from the cells that they are made of."""
        out = np.empty((len(cells), rows.size, columns.size, cells.shape[3]), cells.dtype)
        for i, ys in enumerate(_spans(rows, self._rows)):
            for j, xs in enumerate(_spans(columns, self._columns)):
                out[:, i, j] = join(cells[:, ys, xs], axis=(1, 2))
        return out


def _edges(windows: list[Windows], n: int) -> NDArray[np.int64]:
    return np.unique(np.concatenate([[0, n], *(part for w in windows for part in (w.first, w.first + w.count))]))


def _spans(windows: Windows, edges: NDArray[np.int64]) -> list[slice]:
    first, end = np.searchsorted(edges, windows.first), np.searchsorted(edges, windows.first + windows.count)
    return [slice(*span) for span in zip(first.tolist(), end.tolist(), strict=True)]


def _bands(edges: NDArray[np.int64]) -> Windows:
    """Return windows of some rows each, none across an edge."""
    rows = int(np.clip(edges[-1] // _BANDS, 8, _BAND))
    parts = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    first = np.concatenate([np.arange(start, stop, rows) for start, stop in parts])
    count = np.diff(np.append(first, edges[-1]))
    return Windows(first, count, count, np.ones((1, int(count.max())), np.int64))


def extreme(cells: Cells, image: NDArray[Any], largest: bool) -> NDArray[Any]:
    """Return the largest or smallest value of each cell."""
    choose, ufunc = (extremes.maximum, np.maximum) if largest else (extremes.minimum, np.minimum)
    found: NDArray[Any] = cells.join(image, choose(Task(image.dtype, image.dtype, 1, {})), ufunc, image.dtype)[0]
    return found


def total(cells: Cells, image: NDArray[Any]) -> NDArray[Any]:
    """Return the sum of each cell: exactly, for integers of up to 32 bits."""
    down = sums.mean(Task(image.dtype, np.dtype(np.float64), _BAND, {})).axes[0]  # type: ignore[index]
    exact = image.dtype.kind in "iu" and image.dtype.itemsize <= 4  # of bands, in float64 too
    wide = np.dtype(np.int64 if exact else np.float64)
    found: NDArray[Any] = cells.join(image, down, np.add, wide)[0]
    return found


def weighed(cells: Cells, image: NDArray[Any], network: Any, maximum: float) -> NDArray[Any]:
    """Return the sums of r e^G and of e^G of each cell, with a leading axis of these two."""
    operation = importance.lip(Task(image.dtype, np.dtype(np.float64), 1, {"weights": network}, maximum))
    return cells.join(image, operation, np.add, np.dtype(np.float64))


def covariance(image: NDArray[Any], center: bool) -> NDArray[np.float64]:
    """Return (1/n) sum (x - m) (x - m)^T over the n pixels of each picture, (N, C, C); m is their mean, or 0."""
    images, height, width, channels = image.shape
    n = height * width
    whole = Cells([adaptive(height, 1)], [adaptive(width, 1)], height, width)
    sums = total(whole, image)[:, 0, 0] if center else np.zeros((images, channels), np.int64)
    out = np.empty((images, channels, channels))
    for i in range(images):
        if channels > _FEW:
            _by_matrices(image[i].reshape(n, channels), sums[i] / n if center else None, out[i])
            out[i] /= n
        elif image.dtype.itemsize > 1:
            out[i] = _by_kernel(image[i], products.centred(image.dtype, sums[i] / n)) / n
        else:  # n^2 times the covariance is a whole number
            exact = n * _by_kernel(image[i], products.exact(image.dtype, channels)).astype(object)
            out[i] = (exact - np.outer(sums[i], sums[i].astype(object))) / n**2
    return out


def _by_kernel(image: NDArray[Any], operation: Operation) -> NDArray[Any]:
    height, width, channels = image.shape
    bands = pool(image[None], operation, _bands(np.array([0, height])), singles(np.ones(width, np.int64)))
    sums = bands.sum(axis=(1, 2, 3), dtype=np.float64 if bands.dtype.kind == "f" else np.int64)
    out = np.empty((channels, channels), sums.dtype)
    for d in range(channels):
        for c in range(channels - d):
            out[c, c + d] = out[c + d, c] = sums[d, c]
    return out


def _by_matrices(pixels: NDArray[Any], mean: NDArray[np.float64] | None, out: NDArray[np.float64]) -> None:
    step = max(_BLOCK // pixels.shape[1], 64)
    for begin in range(0, len(pixels), step):
        part = pixels[begin : begin + step]
        block = part.astype(np.float64) if mean is None else part - mean
        if begin:
            out += block.T @ block
        else:
            np.matmul(block.T, block, out=out)


def weighted_rows(image: NDArray[Any], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of the rows of (N, H, W, C), each times its weight, (N, W, C), without a copy in float64."""
    out = np.zeros((len(image), *image.shape[2:]))
    for row, weight in enumerate(weights):
        out += weight * image[:, row]
    return out
