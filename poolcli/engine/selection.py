"""Ranks and counts of the values of a region of any size, without a copy of it: digit by digit (radix selection).

Every value has a key, an unsigned number of the same width that sorts as the value does. Keys are counted by their
highest 16 bits; those with the digit that holds the wanted rank are counted by the next 16, and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from poolcli.dtypes import saturate_cast
from poolcli.engine.bands import Bands
from poolcli.engine.compile import bind, specialise

_DIGIT = 16  # bits
_PARTS = 8  # that count for themselves, in parallel
_COLLECTED = 1 << 20  # keys that are looked at together, to find the commonest
_ROOM = 1 << 15  # keys in a table of those that there are; half of it at most is used
_BLOCK = 1 << 15  # values that are added at once

unit: Any = None  # bound to the unsigned integer as wide as the values


# fmt: off
def _key(bits, flip, sign):
    """Return the key of a value: its bits, the sign turned over; of negative floats all bits."""
    if flip:  # a float; -0.0 is 0.0
        return sign if bits == sign else (unit(~bits) if bits & sign else unit(bits | sign))
    return unit(bits ^ sign)


key: Any = None


def _count(start, stop, values, flip, sign, shift, mask, prefix, counts):
    """Count, part by part, the digit at `shift` of the keys that begin with this prefix."""
    rows, parts = values.shape[0], counts.shape[0]
    digit = unit(counts.shape[1] - 1)
    for part in range(start, stop):
        count = counts[part]
        for y in range(part * rows // parts, (part + 1) * rows // parts):
            for x in range(values.shape[1]):
                k = key(values[y, x], flip, sign)
                if k & mask == prefix:
                    count[(k >> shift) & digit] += 1
    return 1


def _collect(values, flip, sign, low, high, out):
    """Write the keys from `low` to `high`, as many as there is room for, and return how many there are."""
    # fmt: on
    found = 0
    for y in range(values.shape[0]):
        for x in range(values.shape[1]):
            k = key(values[y, x], flip, sign)
            if low <= k <= high:
                if found < out.size:
                    out[found] = k
                found += 1
    return found


def _tally(start, stop, values, flip, sign, keys, counts, full):
    """Count, part by part, how often each key is there, in tables of their own, until one of them is full."""
    rows, parts, room = values.shape[0], counts.shape[0], counts.shape[1]
    for part in range(start, stop):
        table, count = keys[part], counts[part]
        used, before, slot = 0, unit(0), -1
        for y in range(part * rows // parts, (part + 1) * rows // parts):
            if full[part]:
                break
            for x in range(values.shape[1]):
                k = key(values[y, x], flip, sign)
                if slot < 0 or k != before:  # labels come in runs
                    hashed = np.uint64(k) * np.uint64(0x9E3779B97F4A7C15)
                    slot = np.int64(hashed >> np.uint64(40)) & (room - 1)
                    while count[slot] and table[slot] != k:
                        slot = (slot + 1) & (room - 1)
                    if not count[slot]:
                        table[slot] = k
                        used += 1
                    before = k
                count[slot] += 1
            full[part] = 2 * used + values.shape[1] > room
    return 1


def _find_nan(start, stop, values, found):
    """Say, part by part, whether a value is no number."""
    rows, parts = values.shape[0], found.shape[0]
    for part in range(start, stop):
        count = 0
        for y in range(part * rows // parts, (part + 1) * rows // parts):
            for x in range(values.shape[1]):
                count += values[y, x] != values[y, x]
        found[part] = count > 0
    return 1


@cache
def _finding(dtype: np.dtype[Any]) -> Callable[..., None]:
    values = types.Array(from_dtype(dtype), 2, "A", readonly=True)
    return _in_parts(_find_nan, values, types.Array(types.boolean, 1, "C"))


def _in_parts(function: Callable[..., int], *arguments: Any, **bound: Any) -> Callable[..., None]:
    """Return a loop over parts, as many as the last of the arguments has, of these types."""
    bands = Bands(*arguments)
    band = cache(lambda: bands.compile(function, **bound))
    return lambda *given: bands.run(band(), len(given[-1]), *given)


def holds_nan(values: NDArray[Any]) -> bool:
    """Return whether one of (rows, columns) is no number: in parallel, and at once of integers."""
    found = np.zeros(min(_PARTS, len(values)), bool)
    if values.dtype.kind == "f":
        _finding(values.dtype)(values, found)
    return bool(found.any())


@cache
def _functions(size: int) -> tuple[Any, Any, Any]:
    number = np.dtype(f"u{size}").type
    n = types.uint8 if size == 1 else getattr(types, f"uint{8 * size}")
    values, flag = types.Array(n, 2, "A", readonly=True), types.boolean
    bound = {"unit": number, "key": bind(_key, unit=number)}
    table, counts = types.Array(n, 2, "C"), types.Array(types.int64, 2, "C")
    collecting = types.int64(values, flag, n, n, n, types.Array(n, 1, "C"))
    return (
        _in_parts(_count, values, flag, n, n, n, n, counts, **bound),
        specialise(_collect, collecting, **bound),
        _in_parts(_tally, values, flag, n, table, counts, types.Array(flag, 1, "C"), **bound),
    )


class _Keys:
    """The keys of a region's values."""

    def __init__(self, values: NDArray[Any]) -> None:
        size = values.dtype.itemsize
        self.dtype, self.n, self.bits = values.dtype, values.size, 8 * size
        self._number = np.dtype(f"u{size}").type
        self._values = values.view(self._number)
        self._flip = values.dtype.kind == "f"
        self._sign = self._number(0 if values.dtype.kind == "u" else 1 << (self.bits - 1))

    def counts(self, prefix: int, level: int) -> NDArray[np.int64]:
        """Return how many keys with this prefix, of `level` digits, have each next digit."""
        width = min(_DIGIT, self.bits)
        shift = self.bits - width * (level + 1)
        mask = ((1 << (width * level)) - 1) << (self.bits - width * level)
        parts = min(max(self.n >> width, 1), _PARTS)  # no more of them than values, to clear and to add up
        counts = np.zeros((parts, 1 << width), np.int64)
        number = self._number
        with np.errstate(over="ignore"):
            whole = number(prefix << (shift + width)) if level else number(0)
        _functions(self.bits // 8)[0](
            self._values, self._flip, self._sign, number(shift), number(mask), whole, counts
        )
        found: NDArray[np.int64] = counts.sum(axis=0)
        return found

    @property
    def levels(self) -> int:
        """Return how many digits a key has."""
        return max(self.bits // _DIGIT, 1)

    def range_of(self, prefix: int, level: int) -> tuple[int, int]:
        """Return the first and the last key with a prefix of `level` digits."""
        rest = self.bits - min(_DIGIT, self.bits) * level
        return prefix << rest, ((prefix + 1) << rest) - 1

    def collect(self, low: int, high: int, room: int) -> NDArray[Any]:
        """Return the keys from one to another, of which there are at most as many as there is room for."""
        out = np.empty(room, self._number)
        number = self._number
        found = _functions(self.bits // 8)[1](self._values, self._flip, self._sign, number(low), number(high), out)
        return out[:found]

    def commonest_of_few(self) -> int | None:
        """Return the commonest key, the smallest of several, or None where the keys are too many for a table."""
        parts = min(_PARTS, len(self._values))
        tables, counts = np.empty((parts, _ROOM), self._number), np.zeros((parts, _ROOM), np.int64)
        full = np.zeros(parts, bool)
        _functions(self.bits // 8)[2](self._values, self._flip, self._sign, tables, counts, full)
        if full.any():
            return None
        keys, inverse = np.unique(tables[counts > 0], return_inverse=True)
        together = np.bincount(inverse.ravel(), counts[counts > 0])
        return int(keys[together.argmax()])

    def value(self, key: Any) -> Any:
        """Return the value of a key."""
        return _value(key, self.dtype)


class Counts:
    """How often each value of 8 or 16 bits is there, of values that come in parts; what counts say is that of all."""

    def __init__(self, dtype: np.dtype[Any], counts: NDArray[np.int64]) -> None:
        self.dtype, self._counts = dtype, counts

    @staticmethod
    def of(values: NDArray[Any]) -> NDArray[np.int64]:
        """Return how often each key is there in (rows, columns): counts of several parts are added."""
        return _Keys(values).counts(0, 0)

    @property
    def n(self) -> int:
        """Return how many values there are."""
        return int(self._counts.sum())

    def of_ranks(self, ranks: Sequence[int]) -> list[Any]:
        """Return the values of ranks."""
        below = self._counts.cumsum()
        return [self._value(int(np.searchsorted(below, rank, side="right"))) for rank in ranks]

    def commonest(self) -> Any:
        """Return the value that is there most often, the smallest of several."""
        return self._value(int(self._counts.argmax()))

    def mean_of_largest(self, k: int, target: np.dtype[Any]) -> Any:
        """Return the mean of the k largest values, or of all where there are fewer."""
        taken = min(k, self.n)
        above = self._counts[::-1].cumsum()[::-1]  # how many there are of each and of larger ones
        own = np.clip(taken - (above - self._counts), 0, self._counts)  # how many of each are taken
        keys = np.flatnonzero(own)
        values = np.array([self._value(key) for key in keys.tolist()])
        mean = np.float64((own[keys] * values.astype(np.int64)).sum() / taken)
        return saturate_cast(np.array([mean]), target)[0] if target == self.dtype else mean

    def _value(self, key: int) -> Any:
        return _value(key, self.dtype)


def _value(key: Any, dtype: np.dtype[Any]) -> Any:
    """Return the value of a key."""
    number = np.dtype(f"u{dtype.itemsize}").type
    sign = number(0 if dtype.kind == "u" else 1 << (8 * dtype.itemsize - 1))
    bits = number(key)
    bits = number(~bits) if dtype.kind == "f" and not bits & sign else bits ^ sign
    return np.array([bits], number).view(dtype)[0]


def ranked(values: NDArray[Any], rank: int) -> Any:
    """Return the value of a rank, 0 for the smallest, of all (rows, columns)."""
    keys = _Keys(values)
    return keys.value(_ranked(keys, rank))


def _ranked(keys: _Keys, rank: int) -> int:
    prefix = 0
    for level in range(keys.levels):
        below = keys.counts(prefix, level).cumsum()
        digit = int(np.searchsorted(below, rank, side="right"))
        rank -= int(below[digit - 1]) if digit else 0
        prefix = prefix << min(_DIGIT, keys.bits) | digit
    return prefix


def of_ranks(values: NDArray[Any], ranks: Sequence[int]) -> list[Any]:
    """Return the values of several ranks: of the largest, all are collected that are above the smallest of them."""
    keys = _Keys(values)
    lowest = min(ranks)
    last = _ranked(keys, lowest)
    if max(ranks) == lowest:
        return [keys.value(last)] * len(ranks)
    wanted = keys.n - lowest
    above = sorted(keys.collect(last + 1, (1 << keys.bits) - 1, wanted).tolist()) if last + 1 < 1 << keys.bits else []
    sorted_keys = [last] * (wanted - len(above)) + above
    return [keys.value(sorted_keys[rank - lowest]) for rank in ranks]


def mean_of_largest(values: NDArray[Any], k: int, target: np.dtype[Any]) -> Any:
    """Return the mean of the k largest values, or of all where there are fewer."""
    taken = min(k, values.size)
    last = ranked(values, values.size - taken)
    step = max(1, _BLOCK // values.shape[1])
    blocks = [values[begin : begin + step] for begin in range(0, len(values), step)]
    above = [block[block > last].astype(np.float64) for block in blocks]
    rest = taken - sum(map(len, above))
    total = sum(float(one.sum()) for one in above) + rest * float(last)
    mean = np.float64(total / taken)
    return min(max(saturate_cast(np.array([mean]), target)[0], last), values.max()) if target == values.dtype else mean


def commonest(values: NDArray[Any]) -> Any:
    """Return the value that is there most often, the smallest of several."""
    keys = _Keys(values)
    if keys.levels > 1 and (found := keys.commonest_of_few()) is not None:
        return keys.value(found)
    best = (0, 0)  # how often, and the key, negative
    waiting = [(0, 0)]  # prefixes and their levels, the largest first
    while waiting:
        prefix, level = waiting.pop()
        counts = keys.counts(prefix, level)
        first = prefix << min(_DIGIT, keys.bits)
        if level + 1 == keys.levels:
            digit = int(counts.argmax())
            best = max(best, (int(counts[digit]), -(first | digit)))
            continue
        deeper = []
        for begin, end in _groups(counts):
            together = int(counts[begin:end].sum())
            if together < best[0]:
                continue
            if together > _COLLECTED:
                deeper.append((first | begin, level + 1))
                continue
            low, _ = keys.range_of(first | begin, level + 1)
            _, high = keys.range_of(first | (end - 1), level + 1)
            best = max(best, _longest_run(keys.collect(low, high, together)))
        waiting += reversed(deeper)
    return keys.value(-best[1])


def _groups(counts: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return spans of digits that few enough keys have to be looked at together; one that more have stands alone."""
    groups = []
    begin = total = 0
    for digit in np.flatnonzero(counts).tolist():
        if total and total + counts[digit] > _COLLECTED:
            groups.append((begin, digit))
            begin, total = digit, 0
        begin = begin if total else digit
        total += int(counts[digit])
    return [*groups, (begin, len(counts))] if total else groups


def _longest_run(keys: NDArray[Any]) -> tuple[int, int]:
    """Return how often the commonest key is there, and the smallest such key, negative: the larger pair is wanted."""
    keys.sort()
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    lengths = np.diff(np.append(starts, len(keys)))
    longest = int(lengths.argmax())
    return int(lengths[longest]), -int(keys[starts[longest]])
