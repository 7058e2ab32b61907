"""Means: plain, weighted, and mixed with the maximum.

Sums are exact for integers: those of up to 32 bits are kept in one number, those of 64 bits in two words, the sums of
the upper and of the lower 32 bits. Sums of float64 are kept with what their rounding lost (Knuth's two-sum), those of
narrower floats in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload
from numba.np.numpy_support import as_dtype
from numpy.typing import NDArray

from poolcli.engine.arithmetic import settle, tap
from poolcli.engine.cursor import DIVISOR, LANES, WEIGHT
from poolcli.engine.operation import Fold, Operation, Part, Planes, Task
from poolcli.pools.extremes import extreme_part, keep_any, keeper, kept, largest

number: Any = np.float64  # bound to what holds every sum: exactly, for integers
lane: Any = np.float64  # bound to the float that a sum is divided in
word: Any = np.uint64  # bound to the dtype of integers of 64 bits
keep: Any = keep_any  # bound to keep_within where a result of 64 bits must stay between the values of its window


@njit(inline="always")
def _four(number, a, b, c, d):
    """Add without leaving the type: uint16 + uint16 is int64 to Numba, a quarter of the lanes."""
    return number(number(number(a) + number(b)) + number(number(c) + number(d)))


@njit
def add(ring, taps, number, total):
    """Write the sum of each window."""
    size = total.size
    a = tap(ring, taps, 0, size)
    k = 1
    if len(taps) >= 4:
        b, c, d = tap(ring, taps, 1, size), tap(ring, taps, 2, size), tap(ring, taps, 3, size)
        for j in range(size):
            total[j] = _four(number, a[j], b[j], c[j], d[j])
        k = 4
    else:
        for j in range(size):
            total[j] = a[j]
    while k + 4 <= len(taps):
        a, b = tap(ring, taps, k, size), tap(ring, taps, k + 1, size)
        c, d = tap(ring, taps, k + 2, size), tap(ring, taps, k + 3, size)
        for j in range(size):
            total[j] = number(total[j] + _four(number, a[j], b[j], c[j], d[j]))
        k += 4
    while k < len(taps):
        a = tap(ring, taps, k, size)
        for j in range(size):
            total[j] = number(total[j] + number(a[j]))
        k += 1


def average(ring, taps, place, parameters, table, result):
    """Write sum(r) / n."""
    size = place[LANES]
    out = result[0][:size]
    sums = np.empty(size, number)
    add(ring, taps, number, sums)
    n = lane(place[DIVISOR])
    for j in range(size):
        out[j] = settle(lane(sums[j]) / n, out)


def undivided(ring, taps, place, parameters, table, result):
    """Write sum(r)."""
    add(ring, taps, number, result[0][: place[LANES]])


@njit(inline="always")
def _halve(sums, out, number, shift):
    half, one, bits = number((1 << shift) // 2 - 1), number(1), number(shift)
    for j in range(out.size):
        t = sums[j]
        out[j] = number(number(t + half) + number(number(t >> bits) & one)) >> bits


@njit(inline="always")
def _middle(a, b):
    """Return ceil((a + b) / 2) in a form that LLVM turns into one instruction for 64 bytes."""
    return np.uint8(np.uint16(np.uint16(np.uint16(a) + np.uint16(b)) + np.uint16(1)) >> np.uint16(1))


@njit(inline="always")
def quarter_unsigned(a, b, c, d):
    """Return (a + b + c + d) / 4 to nearest, ties to even, without leaving 8 bits: 1.6 times faster than in 16.

    Three rounded means overshoot by (2 x3 + x1 + x2) / 4, with x1, x2, x3 the lowest bits of each pair's difference;
    what is left after rounding is 0 or 1.
    """
    first, second = _middle(a, b), _middle(c, d)
    mean = _middle(first, second)
    x1, x2, x3 = a ^ b, c ^ d, first ^ second
    over = np.uint8(np.uint8(np.uint8(np.uint8(x1 & x2) | x3) & mean) | np.uint8(x3 & np.uint8(x1 | x2)))
    return np.uint8(mean - np.uint8(over & np.uint8(1)))


@njit(inline="always")
def quarter_signed(a, b, c, d):
    """Return (a + b + c + d) / 4 to nearest, ties to even."""
    t = _four(np.int16, a, b, c, d)
    return np.int16(np.int16(t + np.int16(1)) + np.int16(np.int16(t >> np.int16(2)) & np.int16(1))) >> np.int16(2)


quarter: Any = quarter_unsigned  # bound to one of these


def average_narrow(ring, taps, place, parameters, table, result):
    """Write sum(r) / n of 8-bit integers, whose sums fit into 16 bits: shifts where n is a power of two."""
    size = place[LANES]
    out = result[0][:size]
    n = place[DIVISOR]
    if n == 4 and len(taps) == 4:
        a, b = tap(ring, taps, 0, size), tap(ring, taps, 1, size)
        c, d = tap(ring, taps, 2, size), tap(ring, taps, 3, size)
        for j in range(size):
            out[j] = quarter(a[j], b[j], c[j], d[j])
        return
    sums = np.empty(size, number)
    add(ring, taps, number, sums)
    if n == 2:
        _halve(sums, out, number, 1)
    elif n == 4:
        _halve(sums, out, number, 2)
    elif n == 16:
        _halve(sums, out, number, 4)
    else:
        divisor = np.float32(n)
        for j in range(size):
            out[j] = settle(np.float32(sums[j]) / divisor, out)


def weighted(ring, taps, place, parameters, table, result):
    """Write sum(w r) / sum(w)."""
    size = place[LANES]
    out = result[0][:size]
    total = np.zeros(size, number)
    for k in range(len(taps)):
        if taps[k, WEIGHT]:
            weight = number(taps[k, WEIGHT])
            values = tap(ring, taps, k, size)
            for j in range(size):
                total[j] += weight * number(values[j])
    n = number(place[DIVISOR])
    for j in range(size):
        out[j] = settle(total[j] / n, out)
    keep(ring, taps, out)


def weighted_sum(ring, taps, place, parameters, table, result):
    """Write sum(w r)."""
    total = result[0][: place[LANES]]
    for j in range(total.size):
        total[j] = 0
    for k in range(len(taps)):
        weight = np.float64(taps[k, WEIGHT])
        values = tap(ring, taps, k, total.size)
        for j in range(total.size):
            total[j] += weight * np.float64(values[j])


@njit
def _add_words(ring, taps, word, high, low):
    """Write the sums of the upper and of the lower 32 bits."""
    bits, mask = word(32), word(0xFFFFFFFF)
    for j in range(high.size):
        high[j] = 0
        low[j] = 0
    for k in range(len(taps)):
        values = tap(ring, taps, k, high.size)
        for j in range(high.size):
            high[j] += np.int64(values[j] >> bits)
            low[j] += np.int64(values[j] & mask)


@njit
def _add_pairs(ring, taps, total, lost):
    """Write the sums as they are rounded, and what the rounding lost."""
    for j in range(total.size):
        total[j] = 0
        lost[j] = 0
    for k in range(len(taps)):
        values = tap(ring, taps, k, total.size)
        for j in range(total.size):
            a, b = total[j], values[j]
            s = a + b
            c = s - a
            total[j] = s
            lost[j] += (a - (s - c)) + (b - c)


@njit(inline="always")
def _of_pair(total, lost):
    """Return the sum of both; what an infinity lost is no number."""
    whole = total + lost
    return whole if whole == whole else total


def _mean_of_words(high, low, n, word, out):
    """Return (high 2^32 + low) / n as a number of `out`'s dtype: exactly, to nearest, ties to even, saturated."""
    n = int(n)
    quotient, rest = divmod(int(high) * 2**32 + int(low), n)
    if out.dtype.kind == "f":
        return out.dtype.type(quotient + rest / n)
    limits = np.iinfo(out.dtype)
    quotient += 2 * rest > n or (2 * rest == n and quotient % 2 == 1)
    return out.dtype.type(min(max(quotient, int(limits.min)), int(limits.max)))


@overload(_mean_of_words)
def _divide_words(high, low, n, word, out):
    whole, made = as_dtype(word).type, out.dtype
    if isinstance(made, types.Float):
        low_limit = high_limit = whole(0)
    else:
        given, limits = np.iinfo(whole), np.iinfo(as_dtype(made))
        low_limit, high_limit = whole(max(given.min, limits.min)), whole(min(given.max, limits.max))
    is_float = isinstance(made, types.Float)

    def implementation(high, low, n, word, out):
        above = high // n
        left = np.uint64(high - above * n) * np.uint64(2**32) + np.uint64(low)
        below, rest = left // np.uint64(n), left % np.uint64(n)
        quotient = whole(whole(above) * whole(2**32)) + whole(below)
        if is_float:
            return made(np.float64(quotient) + np.float64(rest) / np.float64(n))
        twice = rest + rest
        if twice > np.uint64(n) or (twice == np.uint64(n) and quotient & whole(1) == whole(1)):
            quotient = whole(quotient + whole(1))
        return made(min(max(quotient, low_limit), high_limit))

    return implementation


def average_words(ring, taps, place, parameters, table, result):
    """Write sum(r) / n of integers of 64 bits."""
    size = place[LANES]
    out = result[0][:size]
    high, low = np.empty(size, np.int64), np.empty(size, np.int64)
    _add_words(ring, taps, word, high, low)
    n = place[DIVISOR]
    for j in range(size):
        out[j] = _mean_of_words(high[j], low[j], n, word(0), out)


def average_pairs(ring, taps, place, parameters, table, result):
    """Write sum(r) / n of float64."""
    size = place[LANES]
    out = result[0][:size]
    total, lost = np.empty(size), np.empty(size)
    _add_pairs(ring, taps, total, lost)
    n = np.float64(place[DIVISOR])
    for j in range(size):
        out[j] = settle(_of_pair(total[j], lost[j]) / n, out)


def words(ring, taps, place, parameters, table, result):
    """Write the sums of the upper and of the lower 32 bits into two planes."""
    size = place[LANES]
    _add_words(ring, taps, word, result[0][:size], result[1][:size])


def pairs(ring, taps, place, parameters, table, result):
    """Write the sums and what their rounding lost into two planes."""
    size = place[LANES]
    _add_pairs(ring, taps, result[0][:size], result[1][:size])


@njit(inline="always")
def total_of_numbers(ring, taps, number, total):
    """Write the sum of each window as a float64."""
    sums = np.empty(total.size, number)
    add(ring, taps, number, sums)
    for j in range(total.size):
        total[j] = sums[j]


@njit(inline="always")
def total_of_words(ring, taps, number, total):
    """Write the same of integers of 64 bits."""
    high, low = np.empty(total.size, np.int64), np.empty(total.size, np.int64)
    _add_words(ring, taps, number, high, low)
    for j in range(total.size):
        total[j] = np.float64(high[j]) * 4294967296.0 + np.float64(low[j])


@njit(inline="always")
def total_of_pairs(ring, taps, number, total):
    """Write the same of float64."""
    lost = np.empty(total.size)
    _add_pairs(ring, taps, total, lost)
    for j in range(total.size):
        total[j] = _of_pair(total[j], lost[j])


add_up: Any = total_of_numbers  # bound to one of these


def mixed(ring, taps, place, parameters, table, result):
    """Write lam max(r) + (1 - lam) sum(r) / n, lam the first parameter."""
    size = place[LANES]
    out = result[0][:size]
    high = np.empty(size, ring.dtype)
    largest(ring, taps, high)
    total = np.empty(size)
    add_up(ring, taps, number, total)
    lam, n = parameters[0], np.float64(len(taps))
    for j in range(size):
        out[j] = settle(lam * np.float64(high[j]) + (1.0 - lam) * (total[j] / n), out)
    keep(ring, taps, out)


def mean(task: Task) -> Operation:
    """Return the operation of average."""
    fold = Fold((total(task),), _quotient)
    if task.is_wide_integer:
        return task.operation(average_words, bound={"word": task.source.type}, fold=fold, slide=2)
    if task.source == np.float64:
        return task.operation(average_pairs, fold=fold, slide=2)
    sums = np.dtype(task.total)
    down = Operation(undivided, task.source, sums, bound={"number": task.total}, slide=4)
    across = Operation(average, sums, task.target, bound={"number": task.total, "lane": np.float64}, slide=2)
    if sums.itemsize == 2 and task.target == task.source:
        quarter = quarter_unsigned if task.source.kind == "u" else quarter_signed
        bound = {"number": task.total, "quarter": quarter}
        return task.operation(average_narrow, bound=bound, axes=(down, across), slide=2, fold=fold)
    return replace(across, source=task.source, axes=(down, across), fold=fold)


def total(task: Task) -> Part:
    """Return how the sums of parts of a window are taken and joined."""
    if task.is_wide_integer:
        operation = Operation(words, task.source, np.dtype(np.int64), {"word": task.source.type}, planes=2)
        return Part(operation, np.add, np.dtype(np.int64), exact=True)
    if task.source == np.float64:
        return Part(Operation(pairs, task.source, task.source, planes=2), _join_pairs, task.source)
    part = replace(task, taps=Part.ROWS)
    operation = Operation(undivided, task.source, np.dtype(part.total), bound={"number": part.total}, slide=4)
    exact = task.source.kind in "iu"
    return Part(operation, np.add, np.dtype(np.int64 if exact else np.float64), exact)


def _join_pairs(a: Planes, b: Planes) -> Planes:
    with np.errstate(invalid="ignore"):
        s = a[0] + b[0]
        c = s - a[0]
        return np.stack([s, a[1] + b[1] + ((a[0] - (s - c)) + (b[0] - c))])


def _quotient(parts: Sequence[Planes], count: Any, divisor: Any, target: np.dtype[Any]) -> NDArray[Any]:
    """Return sums over a number: exactly, for integers."""
    (planes,) = parts
    if planes.dtype == np.float64:
        found: NDArray[Any] = sum_of(planes) / divisor
        return found
    numbers = planes[0] if len(planes) == 1 else planes[0].astype(object) * 2**32 + planes[1].astype(object)
    quotient: Any = numbers // divisor
    rest: Any = numbers % divisor
    if target.kind == "f":
        return np.asarray(quotient.astype(np.float64) + rest.astype(np.float64) / divisor)
    whole = quotient + ((2 * rest > divisor) | ((2 * rest == divisor) & (quotient % 2 == 1)))
    limits = np.iinfo(target)
    return np.asarray(np.clip(whole, int(limits.min), int(limits.max)), target)


def sum_of(planes: Planes) -> NDArray[np.float64]:
    """Return sums that are kept in one or two planes, as one float64 each."""
    first: NDArray[np.float64] = planes[0].astype(np.float64)
    if len(planes) == 1:
        return first
    whole: NDArray[np.float64] = first * (1 if planes.dtype == np.float64 else 2.0**32) + planes[1]
    return np.where(np.isnan(whole), first, whole)


def blend(task: Task) -> Operation:
    """Return the operation of mixed."""
    lam = task.parameters["lam"]

    def finish(parts: Sequence[Planes], count: Any, divisor: Any, target: np.dtype[Any]) -> NDArray[Any]:
        highs, sums = parts
        found: NDArray[Any] = lam * highs[0].astype(np.float64) + (1 - lam) * (sum_of(sums) / count)
        return found

    bound: dict[str, Any] = {"number": task.total, "add_up": total_of_numbers, "keep": keeper(task)}
    if task.source.itemsize == 8:
        bound |= {"number": task.source.type, "add_up": total_of_words if task.is_wide_integer else total_of_pairs}
    fold = Fold((extreme_part(task, True), total(task)), finish, kept(task))
    return task.operation(mixed, bound=bound, parameters=(lam,), fold=fold)


def low_pass(task: Task) -> Operation:
    """Return the operation of blur."""
    exact = task.source.itemsize == 1 and task.taps * 16 * 255 < 2**24
    operation = Operation(weighted_sum, task.source, np.dtype(np.float64))
    part = Part(operation, np.add, np.dtype(np.float64), weighted=True)
    fold = Fold((part,), lambda parts, count, divisor, target: parts[0][0] / divisor, kept(task))
    bound = {"number": task.lane if exact else np.float64, "keep": keeper(task)}
    return task.operation(weighted, bound=bound, fold=fold)
