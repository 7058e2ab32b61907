"""Windows of pixels of a row, added up wherever they begin: the numbers of a pixel, or of four, are one vector."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from poolcli.engine.compile import scalar
from poolcli.engine.vectors import LANES, group_lanes, write_sum_of_groups, write_sum_of_pixels

BEYOND = 4 * LANES - 1
"""Numbers that a row has room for after its last pixel: a vector may reach so far beyond it."""

pixel: Any = None  # placeholder: the channels of a pixel


def sum_pixels(row, start, step, weights, count, out, to):
    """Write four numbers from out[to] on: sums of weights times four numbers each of a row, a step apart."""
    for c in range(LANES):
        total = weights.dtype.type(0)
        for k in range(count):
            total += weights[k] * row[start + k * step + c]
        out[to + c] = total


@overload(sum_pixels)
def _sum_pixels(row, start, step, weights, count, out, to):
    return lambda row, start, step, weights, count, out, to: write_sum_of_pixels(  # type: ignore[call-arg]
        row, start, step, weights, count, out, to
    )


def sum_groups(row, start, channels, weights, grouped, count, out, to):
    """Write the same of neighbours, four pixels at a time, which have their weights from `grouped`."""
    total = np.zeros(LANES, weights.dtype)
    whole = count // 4
    products = grouped[:whole, : 4 * channels] * row[start : start + whole * 4 * channels].reshape(whole, 4 * channels)
    total[:channels] = products.reshape(whole * 4, channels).sum(axis=0)
    for k in range(4 * whole, count):
        total += weights[k] * row[start + k * channels :][:LANES]
    out[to : to + LANES] = total


@overload(sum_groups, prefer_literal=True)
def _sum_groups(row, start, channels, weights, grouped, count, out, to):
    return lambda row, start, channels, weights, grouped, count, out, to: write_sum_of_groups(  # type: ignore[call-arg]
        row, start, channels, weights, grouped, count, out, to
    )


def grouped(weights: NDArray[Any], channels: int) -> NDArray[Any]:
    """Return (outputs, groups, numbers): the weights of every four pixels, one for each number; none of many channels.

    What is left of a window after its last four pixels is in no group.
    """
    if channels > LANES:
        return np.zeros((len(weights), 0, 0), weights.dtype)
    groups = weights.shape[1] // 4
    out = np.zeros((len(weights), groups, group_lanes(channels)), weights.dtype)
    each = weights[:, : 4 * groups].reshape(len(weights), groups, 4)
    out[:, :, : 4 * channels] = np.repeat(each, channels, axis=2)
    return out


@scalar
def gather(row, first, weights, channels, out):
    """Write the weighted sum of each window of pixels, from the left: what is beyond a pixel is written over.

    A count of taps that is known here takes half the time of one that is not.
    """
    count = weights.shape[1]
    if channels <= LANES and count == 2:
        for i in range(first.size):
            sum_pixels(row, first[i] * channels, channels, weights[i], 2, out, i * channels)
    elif channels <= LANES and count == 4:
        for i in range(first.size):
            sum_pixels(row, first[i] * channels, channels, weights[i], 4, out, i * channels)
    elif channels <= LANES and count == 6:
        for i in range(first.size):
            sum_pixels(row, first[i] * channels, channels, weights[i], 6, out, i * channels)
    else:
        for i in range(first.size):
            for c in range(0, channels, LANES):
                sum_pixels(row, first[i] * channels + c, channels, weights[i], count, out, i * channels + c)


def gather_groups(row, first, weights, groups, channels, out):
    """Write the same of wide windows of pixels that have as many channels as `pixel` says."""
    for i in range(first.size):
        sum_groups(row, first[i] * pixel, pixel, weights[i], groups[i], weights.shape[1], out, i * pixel)


def gather_pixels(row, first, weights, groups, channels, out):
    """Write the same of pixels of any number of channels."""
    gather(row, first, weights, channels, out)
