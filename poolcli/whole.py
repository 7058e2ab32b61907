"""Whole maps and their bins: which kernel answers for a mode, and how its results are joined."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli import geometry
from poolcli.geometry import Windows
from poolcli.kernels import maps, samples
from poolcli.kernels.samples import Samples
from poolcli.network import load

Values = Mapping[str, Any]


def pool(image: NDArray[Any], mode: str, levels: tuple[int, ...], maximum: float, values: Values) -> NDArray[Any]:
    """Return the pool of every bin of every level of (N, H, W, C), (N, bins, planes, C); `maximum` counts as 1."""
    images, height, width, channels = image.shape
    grids = [(geometry.adaptive(height, level), geometry.adaptive(width, level)) for level in levels]
    if mode in ("max", "min", "average", "lip"):
        return _by_cells(image, mode, grids, maximum, values).reshape(images, -1, 1, channels)
    if mode == "blur":
        return _blurred(image, grids).reshape(images, -1, 1, channels)
    if "beta" in values:
        values = {**values, "beta": values["beta"] / maximum}
    bins = [_bin(image, mode, values, rows, columns) for rows, columns in grids]
    return np.concatenate(bins, axis=1)


def _by_cells(
    image: NDArray[Any], mode: str, grids: list[tuple[Windows, Windows]], maximum: float, values: Values
) -> NDArray[Any]:
    """Read the picture once for all levels."""
    cells = maps.Cells([rows for rows, _ in grids], [columns for _, columns in grids], *image.shape[1:3])
    if mode == "lip":
        network = load(values["weights"])
        network.check(image.shape[3])
        parts = maps.weighed(cells, image, network, maximum)
    else:
        parts = (maps.total(cells, image) if mode == "average" else maps.extreme(cells, image, mode == "max"))[None]
    join: Any = {"max": np.max, "min": np.min}.get(mode, np.sum)
    found = []
    for rows, columns in grids:
        counts = np.outer(rows.count, columns.count)[:, :, None]
        bins = [cells.gather(part, rows, columns, join) for part in parts]
        if mode == "lip":
            pooled = bins[0] / bins[1] / (counts if values["norm"] == "count" else 1)
        else:
            pooled = bins[0] / counts if mode == "average" else bins[0]
        found.append(pooled.reshape(len(image), -1, image.shape[3]))
    return np.concatenate(found, axis=1)


def _blurred(image: NDArray[Any], grids: list[tuple[Windows, Windows]]) -> NDArray[np.float64]:
    found = []
    for axes in grids:
        down, across = (geometry.low_passed(axis, n) for axis, n in zip(axes, image.shape[1:3], strict=True))
        for i in range(down.size):
            rows, weights = _taps(down, i)
            lines = maps.weighted_rows(image[:, rows], weights)
            for j in range(across.size):
                columns, others = _taps(across, j)
                total = np.einsum("nwc,w->nc", lines[:, columns], others)
                found.append(total / (down.divisor[i] * across.divisor[j]))
    return np.stack(found, axis=1)


def _taps(windows: Windows, i: int) -> tuple[slice, NDArray[np.float64]]:
    count = int(windows.count[i])
    return slice(int(windows.first[i]), int(windows.first[i]) + count), windows.weights[i, :count].astype(np.float64)


def _bin(image: NDArray[Any], mode: str, values: Values, rows: Windows, columns: Windows) -> NDArray[Any]:
    """Return (N, bins, planes, C) of one level."""
    if values.get("k", 1) > rows.most * columns.most:
        raise ValueError(f"k={values['k']} is more than the {rows.most * columns.most} values of a bin")
    out = [
        [
            [_of_channel(picture, mode, values, (rows, i), (columns, j), c) for c in range(image.shape[3])]
            for i in range(rows.size)
            for j in range(columns.size)
        ]
        for picture in image
    ]
    selects = mode not in _BLENDS and values.get("combine") != "mean"
    return np.array(out, image.dtype if selects else np.float64).swapaxes(2, 3)


def _of_channel(
    picture: NDArray[Any], mode: str, values: Values, row: tuple[Windows, int], column: tuple[Windows, int], c: int
) -> list[Any]:
    """Return the planes of one channel of one bin."""
    (ys, i), (xs, j) = row, column
    part = picture[ys.first[i] : ys.first[i] + ys.count[i], xs.first[j] : xs.first[j] + xs.count[j], c]
    found = Samples(part.ravel())
    if found.largest != found.largest:
        return [found.largest] * planes(values)
    if "seed" in values:
        values = {name: value for name, value in values.items() if name != "seed"} | {
            "share": samples.share(values["seed"], i, j, c)
        }
    result = _MODES[mode](found, **values)
    return result if isinstance(result, list) else [result]


def planes(values: Values) -> int:
    """Return how many numbers a mode makes of a channel."""
    return int(values["k"]) if values.get("combine") == "planes" else 1


def _kmax(found: Samples, k: int, combine: str) -> list[Any]:
    taken = min(k, found.n)
    largest = found.ranked(found.n - taken, found.n - 1)[::-1]
    if combine == "mean":
        return [largest.astype(np.float64).mean()]
    return [*largest, *[largest[-1]] * (k - taken)]


def _lp(found: Samples, p: float = 2.0, norm: str = "size") -> float:
    return samples.norm(found, p, np.abs, norm == "mean", norm == "size")


def _gem(found: Samples, p: float) -> float:
    return samples.norm(found, p, lambda r: np.maximum(r, 0), True, False)


def _mixed(found: Samples, lam: float) -> float:
    return lam * float(found.largest) + (1 - lam) * float(found.total(np.positive)) / found.n


def _rank(found: Samples, q: float = 50) -> Any:
    rank = math.floor(q * (found.n - 1) / 100)
    return found.ranked(rank, rank)[0]


_MODES: Mapping[str, Callable[..., Any]] = {
    "median": _rank,
    "percentile": _rank,
    "kmax": _kmax,
    "majority": Samples.commonest,
    "l2": _lp,
    "lp": _lp,
    "gem": _gem,
    "mixed": _mixed,
    "soft": samples.soft,
    "random": samples.random,
    "stochastic": samples.stochastic,
}
_BLENDS = ("l2", "lp", "gem", "mixed", "soft")


def covariance(
    image: NDArray[Any], center: bool, power: float, log: bool, top_k: int, matrix: bool
) -> NDArray[np.float64]:
    """Return the covariance of the channels of (N, H, W, C): (N, C, C), or upper triangles."""
    found = maps.covariance(image, center)
    channels = image.shape[3]
    if top_k > channels:
        raise ValueError(f"top_k={top_k} is more than the {channels} eigenvalues of {channels} channels")
    if power != 1 or log or top_k:
        found = np.stack([_spectral(one, power, log, top_k or channels) for one in found])
    if matrix:
        return found
    return found.reshape(len(found), -1).take(_upper(channels), axis=1)


@lru_cache(maxsize=4)
def _upper(channels: int) -> NDArray[np.int64]:
    return np.flatnonzero(np.tri(channels, dtype=bool).T)


def _spectral(matrix: NDArray[np.float64], power: float, log: bool, top_k: int) -> NDArray[np.float64]:
    """Return U f(L) U^T of the `top_k` largest eigenvalues L."""
    if not np.isfinite(matrix).all():
        return np.full_like(matrix, np.nan)
    values, vectors = np.linalg.eigh(matrix)
    values, vectors = values[-top_k:], vectors[:, -top_k:]
    floor = len(matrix) * max(values[-1] * 2.0**-50, np.finfo(np.float64).tiny)  # below it are rounding errors
    with np.errstate(over="ignore"):
        values = np.log(np.maximum(values, floor)) if log else np.where(values > floor, np.abs(values), 0) ** power
    return np.asarray((vectors * values) @ vectors.T)
