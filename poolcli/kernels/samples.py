"""The modes over a whole region: from a histogram where values are few, in blocks of values where they are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCK = 1 << 15  # values; what is made of them stays in the cache


class Samples:
    """All values of one channel of a region, in row order."""

    def __init__(self, values: NDArray[Any]) -> None:
        self.values, self.n = values, len(values)

    @cached_property
    def _histogram(self) -> tuple[NDArray[Any], NDArray[np.int64]] | None:
        """Return the values that there are, rising, and how often each is, for integers of 8 and 16 bits."""
        if self.values.dtype.kind not in "iu" or self.values.dtype.itemsize > 2:
            return None
        lowest = int(np.iinfo(self.values.dtype).min)
        counts = np.bincount(self.values.astype(np.int32) - lowest if lowest else self.values)
        there = np.flatnonzero(counts)
        return (there + lowest).astype(self.values.dtype), counts[there]

    @cached_property
    def largest(self) -> Any:
        """Return the largest value."""
        return self.values.max()

    @cached_property
    def smallest(self) -> Any:
        """Return the smallest value."""
        return self.values.min()

    def ranked(self, first: int, last: int) -> NDArray[Any]:
        """Return the values of ranks `first` to `last` of all, rising."""
        if self._histogram is None:
            ranks = np.arange(first, last + 1)
            return np.partition(self.values, ranks)[ranks]
        values, counts = self._histogram
        return values[np.searchsorted(counts.cumsum(), np.arange(first, last + 1), side="right")]

    def commonest(self) -> Any:
        """Return the value that is there most often, the smallest of several."""
        values, counts = self._histogram or np.unique(self.values, return_counts=True)
        return values[counts.argmax()]

    def total(self, function: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Any:
        """Return the sum of a function of the values."""
        return sum((function(values) * counts).sum() for values, counts in self._blocks())

    def _blocks(self) -> Iterator[tuple[NDArray[np.float64], Any]]:
        if self._histogram is not None:
            yield self._histogram[0].astype(np.float64), self._histogram[1]
            return
        for begin in range(0, self.n, _BLOCK):
            yield self.values[begin : begin + _BLOCK].astype(np.float64), 1

    def draw(self, weigh: Callable[[NDArray[np.float64]], NDArray[np.float64]], share: float) -> Any:
        """Return the value at which the running sum of the weights exceeds this share of their total."""
        left = share * self.total(weigh)
        for begin in range(0, self.n, _BLOCK):
            block = self.values[begin : begin + _BLOCK]
            running = weigh(block.astype(np.float64)).cumsum()
            if left < running[-1]:
                return block[np.searchsorted(running, left, side="right")]
            left -= running[-1]
        return self.largest


def soft(samples: Samples, beta: float) -> float:
    """Return sum(r e^(beta r)) / sum(e^(beta r))."""
    reference, weigh = _boltzmann(samples, beta)
    above = samples.total(lambda r: (r - reference) * weigh(r))
    return reference + float(above / samples.total(weigh))


def random(samples: Samples, beta: float, share: float) -> Any:
    """Return one r, drawn with probability e^(beta r) / sum(e^(beta r))."""
    return samples.draw(_boltzmann(samples, beta)[1], share)


def _boltzmann(samples: Samples, beta: float) -> tuple[float, Callable[..., Any]]:
    reference = float(samples.largest if beta >= 0 else samples.smallest)
    if beta == 0:
        return reference, np.ones_like
    return reference, lambda r: np.where(r == reference, 1, np.exp(beta * (r - reference)))


def stochastic(samples: Samples, share: float) -> Any:
    """Return one r, drawn with probability max(r, 0) / sum(max(r, 0))."""
    largest = float(samples.largest)
    return samples.draw(np.ones_like if largest <= 0 else lambda r: np.maximum(r, 0) / largest, share)


def norm(samples: Samples, p: float, lift: Callable[..., Any], inside: bool, outside: bool) -> float:
    """Return (sum lift(r)^p)^(1/p), the sum or the root divided by n."""
    largest = max(float(lift(float(samples.largest))), float(lift(float(samples.smallest))))
    if largest == 0 or not np.isfinite(largest):
        return largest
    total = samples.total(lambda r: (lift(r) / largest) ** p)
    return largest * float((total / samples.n if inside else total) ** (1 / p)) / (samples.n if outside else 1)


def share(seed: int, row: int, column: int, channel: int) -> float:
    """Return a number in [0, 1), the same for the same place and seed, as local pools draw it."""
    key = _mix(_mix(seed) + row)
    return (_mix(key ^ _mix(column * 0x9E3779B97F4A7C15 + channel)) >> 40) / 2**24


def _mix(x: int) -> int:
    """Scramble 64 bits (splitmix64: Steele, Lea, Flood 2014)."""
    x &= 2**64 - 1
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & 2**64 - 1
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & 2**64 - 1
    return x ^ (x >> 31)
