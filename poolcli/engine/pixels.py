"""Windows of pixels across a row, added up wherever they begin: four numbers of a pixel at a time, as a vector."""

from __future__ import annotations

from numba.extending import overload

from poolcli.engine.compile import scalar
from poolcli.engine.internals import LANES, write_weighted_sum

BEYOND = LANES - 1
"""Numbers that a row has room for after its last pixel: a vector may reach so far beyond it."""


def sum_pixels(row, start, step, weights, count, out, to):
    """Write four numbers from out[to] on: sums of weights times four numbers each of a row, a step apart."""
    for c in range(LANES):
        total = weights.dtype.type(0)
        for k in range(count):
            total += weights[k] * row[start + k * step + c]
        out[to + c] = total


@overload(sum_pixels)
def _sum_pixels(row, start, step, weights, count, out, to):
    return lambda row, start, step, weights, count, out, to: write_weighted_sum(
        row, start, step, weights, count, out, to
    )


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
