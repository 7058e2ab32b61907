"""Covariance of the channels of a map, and functions of its eigenvalues."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.engine import regions
from poolcli.engine.arithmetic import tap
from poolcli.engine.compile import bind, inlined
from poolcli.engine.operation import Operation, Task, constants
from poolcli.engine.regions import Part
from poolcli.outputs import room
from poolcli.pools.means import sum_of, sums

number: Any = None  # bound to what holds every sum: exactly, for integers of 8 bits
product: Any = None  # bound to what is added up of two values of a pixel
means: Any = None  # bound to what says the mean of each lane, if that is taken off

_LANES = 2048  # whose sums stay in the first-level cache
_FEW = 4  # channels; products of more are quicker as products of matrices
_NUMBERS = 1 << 20  # of such a product


@inlined
def plain_product(a, b, m1, m2, j):
    """Return r[j] r[j + d]."""
    return number(number(a) * number(b))


@inlined
def centred_product(a, b, m1, m2, j):
    """Return (r[j] - m[j]) (r[j + d] - m[j + d])."""
    return (number(a) - m1[j]) * (number(b) - m2[j])


@inlined
def no_means(constants, channels, size):
    """Return nothing."""
    return np.empty(0)


@inlined
def means_of_channels(constants, channels, size):
    """Return the mean of each lane's channel."""
    mean = np.empty(size)
    for j in range(size):
        mean[j] = constants.numbers[j % channels]
    return mean


def products(lines, taps, cursor, constants, table, result):
    """Write the sum of r[j] r[j + d], or of both less their means, into plane d, for d = 0 ... channels - 1.

    Lanes are interleaved channels: lane j of plane d holds channel c = j % channels times channel c + d, where there
    is one.
    """
    size = cursor.lanes
    mean = means(constants, cursor.channels, size)
    for begin in range(0, size, _LANES):
        for d in range(cursor.channels):
            lanes = min(_LANES, size - begin - d)
            total, m1, m2 = result[d][begin:], mean[begin:], mean[begin + d :]
            for j in range(min(_LANES, size - begin)):  # also where there is none
                total[j] = 0
            for k in range(len(taps)):
                a = tap(lines, taps, k, size)[begin:]
                b = a[d:]
                for j in range(lanes):
                    total[j] += product(a[j], b[j], m1, m2, j)


def second_moments(image: NDArray[Any], center: bool) -> NDArray[np.float64]:
    """Return (1/n) sum (x - m) (x - m)^T over the n pixels of each image, (N, C, C); m is their mean, or 0."""
    images, height, width, channels = image.shape
    n = height * width
    total = regions.whole(image, _sums(image)) if center else np.zeros((1, images, channels), np.int64)
    mean = sum_of(total) / n
    out = np.empty((images, channels, channels))
    for i in range(images):
        if channels > _FEW:
            _by_matrices(image[i].reshape(n, channels), mean[i] if center else None, out[i])
            out[i] /= n
        elif image.dtype.itemsize > 1:
            out[i] = _by_kernel(image[i], _centred(image.dtype, mean[i])) / n
        else:  # n^2 times the covariance is a whole number
            whole = n * _by_kernel(image[i], _exact(image.dtype, channels)).astype(object)
            out[i] = (whole - np.outer(total[0, i], total[0, i].astype(object))) / n**2
    return out


def _by_kernel(image: NDArray[Any], operation: Operation) -> NDArray[Any]:
    channels = image.shape[2]
    number = np.dtype(np.float64 if operation.target.kind == "f" else np.int64)
    # Lane j of plane d is channel j % channels times the one d after it, so lanes are pixels' channels as before.
    found = regions.whole(image[None], Part(operation, np.add, number, exact=number.kind == "i"))[:, 0]
    out = np.empty((channels, channels), found.dtype)
    for d in range(channels):
        for c in range(channels - d):
            out[c, c + d] = out[c + d, c] = found[d, c]
    return out


def _by_matrices(pixels: NDArray[Any], mean: NDArray[np.float64] | None, out: NDArray[np.float64]) -> None:
    step = max(_NUMBERS // pixels.shape[1], 64)
    for begin in range(0, len(pixels), step):
        part = pixels[begin : begin + step]
        block = part.astype(np.float64) if mean is None else part - mean
        if begin:
            out += block.T @ block
        else:
            np.matmul(block.T, block, out=out)


def _exact(source: np.dtype[Any], channels: int) -> Operation:
    """Return the operation for bands of integers of 8 bits."""
    target = np.dtype(f"{source.kind}4")
    how = {"product": bind(plain_product, number=target.type), "means": no_means}
    return Operation(products, source, target, how, planes=channels)


def _centred(source: np.dtype[Any], mean: NDArray[np.float64]) -> Operation:
    """Return the operation for other numbers, less the mean of each channel."""
    how = {"product": bind(centred_product, number=np.float64), "means": means_of_channels}
    return Operation(products, source, np.dtype(np.float64), how, constants(tuple(mean)), planes=len(mean))


def covariance(
    image: NDArray[Any], center: bool, power: float, log: bool, top_k: int, matrix: bool
) -> NDArray[np.float64]:
    """Return the covariance of the channels of (N, H, W, C): (N, C, C), or upper triangles."""
    found = second_moments(image, center)
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


def _spectrum(matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return the eigenvalues, rising, their vectors, and the value below which they are rounding errors."""
    values, vectors = np.linalg.eigh(matrix)
    return values, vectors, len(matrix) * max(float(values[-1]) * 2.0**-50, float(np.finfo(np.float64).tiny))


def _spectral(matrix: NDArray[np.float64], power: float, log: bool, top_k: int) -> NDArray[np.float64]:
    """Return U f(L) U^T of the `top_k` largest eigenvalues L."""
    if not np.isfinite(matrix).all():
        return np.full_like(matrix, np.nan)
    values, vectors, floor = _spectrum(matrix)
    values, vectors = values[-top_k:], vectors[:, -top_k:]
    with np.errstate(over="ignore"):
        values = np.log(np.maximum(values, floor)) if log else np.where(values > floor, np.abs(values), 0) ** power
    return np.asarray((vectors * values) @ vectors.T)


def covariance_gradient(grads: NDArray[Any], image: NDArray[Any], asked: Mapping[str, Any]) -> NDArray[Any]:
    """Return the gradient with respect to (N, H, W, C) of (N, C, C), or of upper triangles: 2 G (X - m) / n."""
    channels, n = image.shape[3], image.shape[1] * image.shape[2]
    center, top_k = asked["center"], asked["top_k"] or image.shape[3]
    found = second_moments(image, center)
    mean = sum_of(regions.whole(image, _sums(image))) / n if center else np.zeros((len(image), channels))
    out = room(image.shape, grads.dtype)
    step = max(_NUMBERS // channels, 64)
    for i in range(len(image)):
        g = np.zeros((channels, channels))
        if asked["matrix"]:
            g[:] = grads[i]
        else:
            g[np.triu_indices(channels)] = grads[i]
        g = (g + g.T) / 2
        if asked["power"] != 1 or asked["log"] or top_k < channels:
            g = _spectral_gradient(g, found[i], asked["power"], asked["log"], top_k)
        pixels, result = image[i].reshape(n, channels), out[i].reshape(n, channels)
        for begin in range(0, n, step):
            result[begin : begin + step] = (pixels[begin : begin + step] - mean[i]) @ (2 / n * g)
    return out


def _sums(image: NDArray[Any]) -> Part:
    return sums(Task(image.dtype, np.dtype(np.float64), image.shape[1] * image.shape[2], {}))


def _spectral_gradient(
    g: NDArray[np.float64], matrix: NDArray[np.float64], power: float, log: bool, top_k: int
) -> NDArray[np.float64]:
    """Return U (K * (U^T G U)) U^T, K the divided differences of f; it does not change with eigenvalues that are 0."""
    if not np.isfinite(matrix).all():
        return np.full_like(matrix, np.nan)
    values, vectors, floor = _spectrum(matrix)
    live = values > floor
    kept = np.arange(len(values)) >= len(values) - top_k
    smallest = np.log(floor) if log else 0.0
    bounded = np.maximum(values, floor)
    results = np.where(kept, np.where(live, np.log(bounded) if log else bounded**power, smallest), 0)
    # Between two that f changes: from their ratio e^t, which stays exact where they coincide.
    high, low = np.maximum.outer(bounded, bounded), np.minimum.outer(bounded, bounded)
    t = np.log1p((high - low) / low)
    grown = np.where(t == 0, 1, np.expm1(t))
    between = (
        np.where(t == 0, 1, t) / grown / low
        if log
        else (low ** (power - 1) * np.where(t == 0, power, np.expm1(power * t) / grown))
    )
    # Between one that f changes and one that it does not, or drops.
    distance = np.subtract.outer(values, values)
    apart = distance != 0
    across = np.where(apart, np.subtract.outer(results, results) / np.where(apart, distance, 1), 0)
    changed = live & kept
    k = np.where(np.logical_and.outer(changed, changed), between, across)
    return np.asarray(vectors @ (k * (vectors.T @ g @ vectors)) @ vectors.T)
