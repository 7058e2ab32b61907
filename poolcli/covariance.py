"""Covariance of the channels of a map, and functions of its eigenvalues."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.kernels import products


def covariance(
    image: NDArray[Any], center: bool, power: float, log: bool, top_k: int, matrix: bool
) -> NDArray[np.float64]:
    """Return the covariance of the channels of (N, H, W, C): (N, C, C), or upper triangles."""
    found = products.covariance(image, center)
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
