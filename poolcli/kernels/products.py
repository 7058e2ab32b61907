"""Sums of products of channels: what a covariance is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.kernels.numbers import tap
from poolcli.kernels.operation import Operation
from poolcli.kernels.place import CHANNELS, LANES

number: Any = np.float64  # bound to what holds every sum: exactly, for integers of 8 bits

_BLOCK = 2048  # lanes whose sums stay in the first-level cache


def products(ring, taps, place, parameters, table, result):
    """Write the sum of r[j] r[j + d] into plane d, for d = 0 ... channels - 1.

    Lanes are interleaved channels: lane j of plane d holds channel c = j % channels times channel c + d, where there
    is one.
    """
    size = place[LANES]
    for begin in range(0, size, _BLOCK):
        for d in range(place[CHANNELS]):
            lanes = min(_BLOCK, size - begin - d)
            total = result[d][begin:]
            for j in range(lanes):
                total[j] = 0
            for k in range(len(taps)):
                a = tap(ring, taps, k, size)[begin:]
                b = a[d:]
                for j in range(lanes):
                    total[j] += number(number(a[j]) * number(b[j]))


def centred_products(ring, taps, place, parameters, table, result):
    """Write the same of r less the parameter of its channel."""
    size, channels = place[LANES], place[CHANNELS]
    centre = np.empty(size)
    for j in range(size):
        centre[j] = parameters[j % channels]
    for begin in range(0, size, _BLOCK):
        for d in range(channels):
            lanes = min(_BLOCK, size - begin - d)
            total, m1, m2 = result[d][begin:], centre[begin:], centre[begin + d :]
            for j in range(lanes):
                total[j] = 0
            for k in range(len(taps)):
                a = tap(ring, taps, k, size)[begin:]
                b = a[d:]
                for j in range(lanes):
                    total[j] += (np.float64(a[j]) - m1[j]) * (np.float64(b[j]) - m2[j])


def exact(source: np.dtype[Any], channels: int) -> Operation:
    """Return the operation for bands of integers of 8 bits."""
    target = np.dtype(f"{source.kind}4")
    return Operation(products, source, target, {"number": target.type}, planes=channels)


def centred(source: np.dtype[Any], mean: NDArray[np.float64]) -> Operation:
    """Return the operation for other numbers, less the mean of each channel."""
    return Operation(centred_products, source, np.dtype(np.float64), parameters=tuple(mean), planes=len(mean))
