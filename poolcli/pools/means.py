"""Means: sum(r) / n; after a low-pass, sum(w r) / sum(w); mixed with the maximum, lam max(r) + (1 - lam) sum(r) / n.

Sums are exact for integers: those of up to 32 bits are kept in one number, those of 64 bits in two words, the sums of
the upper and of the lower 32 bits. Sums of float64 are kept with what their rounding lost (Knuth's two-sum), those of
narrower floats in float64.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.engine import sliding
from poolcli.engine.arithmetic import alike, as_float, mean_of, saturate_cast, tap
from poolcli.engine.blocks import Block, Lifting
from poolcli.engine.compile import bind, inlined, scalar
from poolcli.engine.folds import Fold, Weighing, added, bounds, extreme, itself, largest, lifted, summed, valued
from poolcli.engine.gradients import Both, Even, Gradient, Selected, Total
from poolcli.engine.operation import NONE, Sliding, Task, constants
from poolcli.engine.regions import ROWS, Part, States
from poolcli.pools.extremes import maximum

number: Any = None  # bound to what holds every sum: exactly, for integers
word: Any = None  # bound to the dtype of integers of 64 bits
made: Any = None  # bound to the dtype of the result
narrow: Any = None  # bound to the dtype of integers of 8 or 16 bits
wide: Any = None  # bound to one of twice as many
middle: Any = None  # bound to the rounded mean of two of them
quarter: Any = None  # bound to the mean of four of them
total: Any = None  # bound to what adds them
blend: Any = None  # bound to a float
whole: Any = None  # bound to an integer as wide
finish: Any = None  # bound to what is made of a sum


def add_weighted(lines, taps, cursor, constants, state):
    """Write sum(w r), w the weights of the window."""
    size, total = cursor.lanes, state[0]
    for j in range(size):
        total[j] = 0
    for k in range(len(taps)):
        if taps[k].weight:
            weight = number(taps[k].weight)
            values = tap(lines, taps, k, size)
            for j in range(size):
                total[j] += weight * number(values[j])


@scalar
def words_of(r, number, constants):
    """Return the upper and the lower 32 bits of an integer of 64."""
    return np.int64(r >> word(32)), np.int64(r & word(0xFFFFFFFF))


@scalar
def add_words(a, b, constants):
    """Add the upper, and the lower, 32 bits."""
    return a[0] + b[0], a[1] + b[1]


@scalar
def pair_of(r, number, constants):
    """Return a number, of which nothing is lost."""
    return number(r), number(0)


@scalar
def add_pairs(a, b, constants):
    """Add two numbers that are known with what their rounding lost."""
    s = a[0] + b[0]
    c = s - a[0]
    return s, a[1] + b[1] + ((a[0] - (s - c)) + (b[0] - c))


@scalar
def mean(total, n, constants):
    """Return sum(r) / n."""
    return mean_of(total, n, word, made)


@scalar
def mixture(high, total, n, constants):
    """Return lam max(r) + (1 - lam) sum(r) / n."""
    return constants.lam * np.float64(high) + (1.0 - constants.lam) * (as_float(total) / n)


@scalar
def quotient(total, n, constants):
    """Return sum(w r) / sum(w)."""
    return total / alike(n, total)


@inlined
def _halve(sums, out, number, shift):
    half, one, bits = number((1 << shift) // 2 - 1), number(1), number(shift)
    for j in range(out.size):
        t = sums[j]
        out[j] = number(number(t + half) + number(number(t >> bits) & one)) >> bits


@inlined
def _middle(a, b):
    """Return ceil((a + b) / 2) in a form that LLVM turns into one instruction for 64 bytes."""
    return narrow(wide(wide(wide(a) + wide(b)) + wide(1)) >> wide(1))


@inlined
def quarter_unsigned(a, b, c, d):
    """Return (a + b + c + d) / 4 to nearest, ties to even, without leaving their dtype: 1.6 times faster for bytes.

    Three rounded means overshoot by (2 x3 + x1 + x2) / 4, with x1, x2, x3 the lowest bits of each pair's difference;
    what is left after rounding is 0 or 1.
    """
    first, second = middle(a, b), middle(c, d)
    mean = middle(first, second)
    x1, x2, x3 = a ^ b, c ^ d, first ^ second
    over = narrow(narrow(narrow(narrow(x1 & x2) | x3) & mean) | narrow(x3 & narrow(x1 | x2)))
    return narrow(mean - narrow(over & narrow(1)))


@inlined
def quarter_signed(a, b, c, d):
    """Return (a + b + c + d) / 4 to nearest, ties to even."""
    t = wide(wide(wide(a) + wide(b)) + wide(wide(c) + wide(d)))
    return narrow(wide(wide(t + wide(1)) + wide(wide(t >> wide(2)) & wide(1))) >> wide(2))


@scalar
def mean_narrow(total, n, constants):
    """Return sum(r) / n of sums of 16 bits."""
    return np.float32(total) / np.float32(n)


def average_narrow(lines, taps, cursor, constants, table, result):
    """Write sum(r) / n of 8-bit integers, whose sums fit into 16 bits: shifts where n is a power of two."""
    size = cursor.lanes
    out = result[0][:size]
    n = cursor.divisor
    if n == 4 and len(taps) == 4:
        a, b = tap(lines, taps, 0, size), tap(lines, taps, 1, size)
        c, d = tap(lines, taps, 2, size), tap(lines, taps, 3, size)
        for j in range(size):
            out[j] = quarter(a[j], b[j], c[j], d[j])
        return
    state = np.empty((1, size), number)
    total(lines, taps, cursor, constants, state)
    sums = state[0]
    if n == 2:
        _halve(sums, out, number, 1)
    elif n == 4:
        _halve(sums, out, number, 2)
    elif n == 16:
        _halve(sums, out, number, 4)
    else:
        divisor = np.float32(n)
        for j in range(size):
            out[j] = saturate_cast(np.float32(sums[j]) / divisor, out)


def sums(task: Task, taps: int = ROWS) -> Part:
    """Return the sums of windows of at most so many values: those of larger ones are joined."""
    if task.is_wide_integer:
        return lifted(task, bind(words_of, word=task.source.type), np.int64, add_words, 2, exact=True)
    if task.source == np.float64:
        return lifted(task, pair_of, np.float64, add_pairs, 2)
    exact = task.source.kind in "iu"
    dtype = replace(task, taps=taps).sum_dtype
    joined = np.dtype(np.int64 if exact else np.float64)
    return lifted(task, valued, dtype, in_pairs=True, exact=exact, joined=joined, max_dense_stride=4)


def average(task: Task) -> Fold:
    """Return the pool of average: sum(r) / n."""
    few = sums(task, task.taps)
    finish = bind(mean, word=task.source.type if task.is_wide_integer else np.int64, made=task.target.type)
    fold = Fold(task, (sums(task),), finish, few=(few,), max_dense_stride=2)
    if task.source.itemsize == 8:
        return fold
    dtype = few.operation.target  # of sums down, which are summed across
    across = Fold(replace(task, source=dtype), (few,), finish, max_dense_stride=2).operation
    own = replace(fold.operation, sliding=_sliding(task, finish))
    short = task.source.kind in "iu" and task.source.itemsize <= 2 and task.target == task.source
    four = _quarter(task.source) if short else None
    if dtype.itemsize == 2 and short:
        bound = {"number": dtype.type, "quarter": four, "total": few.gather}
        own, finish = replace(own, operator=average_narrow, bound=bound), mean_narrow
    block = Block(Lifting(task.source, dtype.type, valued, added), task.target, finish, four)
    return replace(fold, own=replace(own, separable=(few.operation, across)), block=block)


def _quarter(dtype: np.dtype[Any]) -> Any:
    """Return the mean of four integers of 8 or 16 bits."""
    dtypes = {"narrow": dtype.type, "wide": np.dtype(f"{dtype.kind}{2 * dtype.itemsize}").type}
    if dtype.kind == "i":
        return bind(quarter_signed, **dtypes)
    return bind(quarter_unsigned, middle=bind(_middle, **dtypes), narrow=dtype.type)


_TAPS_IN_FLOAT32 = 1 << 14  # of 8 bits: sums below 2^22 are off by less than the least distance from a tie


def _sliding(task: Task, finish: Any) -> Sliding | None:
    """Return how the means of windows that overlap much are found."""
    if task.target != task.source:
        return sliding.sums(task, bind(_finished, finish=finish))
    narrow = task.source.itemsize == 1 and task.taps <= _TAPS_IN_FLOAT32
    blend, whole = (np.float32, np.int32) if narrow else (np.float64, np.int64)
    return sliding.sums(task, bind(_rounded, blend=blend, whole=whole, made=task.target.type))


@scalar
def _difference(low, high):
    return alike(high - low, low)


def _finished(low, high, n, out):
    """Write what sums over n come to."""
    for j in range(out.size):
        out[j] = saturate_cast(finish(_difference(low[j], high[j]), n, NONE), out)


def _rounded(low, high, n, out):
    """Write sums over n to nearest, ties to even: times 1 / n, cheaper than a division, is wrong at ties alone."""
    share = blend(1.0 / n)
    if n % 2 or n >= 1 << 30:  # no tie
        for j in range(out.size):
            out[j] = made(whole(np.rint(blend(_difference(low[j], high[j])) * share)))
        return
    half = whole(n // 2)
    for j in range(out.size):
        total = whole(_difference(low[j], high[j]))
        mean = whole(np.rint(blend(total) * share))
        over = whole(total - whole(mean * whole(n)))
        odd = whole(mean & whole(1))
        out[j] = made(mean + odd if over == half else (mean - odd if over == -half else mean))


def mixed(task: Task) -> Fold:
    """Return the pool of mixed: lam max(r) + (1 - lam) sum(r) / n."""
    high, lam = extreme(task, largest), constants(lam=task.parameters["lam"])
    return Fold(task, (high, sums(task)), mixture, lam, limits(task), few=(high, sums(task, task.taps)))


def blur(task: Task) -> Fold:
    """Return the pool of blur: sum(w r) / sum(w), for windows that have the weights of a low-pass."""
    exact = task.source.itemsize == 1 and task.taps * 16 * 255 < 2**24
    dtype = task.blend_dtype if exact else np.float64
    part, few = (summed(task, bind(add_weighted, number=one), one, weighted=True) for one in (np.float64, dtype))
    return Fold(task, (part,), quotient, limits=limits(task), few=(few,), weighing=Weighing(_low_passed))


def _low_passed(image: NDArray[Any], outside: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return of every value what the low-pass adds up, and the sum of its weights, without what is outside."""
    made = []
    for plane in (np.where(outside, 0, image), ~outside):
        down = _one_two_one(plane.astype(np.float64), 1)
        made.append(np.where(outside, 0, _one_two_one(down, 2)))
    return made[0], made[1]


def _one_two_one(plane: NDArray[Any], axis: int) -> NDArray[Any]:
    """Return (1 2 1) along an axis, with nothing beyond its ends."""
    lines = np.moveaxis(plane, axis, 0)
    out = 2 * lines
    out[1:] += lines[:-1]
    out[:-1] += lines[1:]
    return np.moveaxis(out, 0, axis)


def average_gradient(task: Task) -> Gradient:
    """Return the gradient of average, and of blur: d/dr = w / sum(w)."""
    return Even()


def mixed_gradient(task: Task) -> Gradient:
    """Return the gradient of mixed: d/dr = (1 - lam) / n, and lam more for the first of the largest values."""
    lam = task.parameters["lam"]
    return Both(Even(1 - lam), Selected(maximum(task), lam))


def mixed_gradient_of_lam(task: Task) -> Gradient:
    """Return the gradient of mixed in lam: max(r) - sum(r) / n."""
    return Total(Both(Even(-1), Selected(maximum(task))), weighed=True)


def limits(task: Task) -> Part | None:
    """Return what a mean must lie between, where rounding could put it elsewhere."""
    return bounds(task, itself) if task.stays_within else None


def sum_of(states: States) -> NDArray[np.float64]:
    """Return sums that are kept in one or two numbers as one float64 each."""
    first: NDArray[np.float64] = states[0].astype(np.float64)
    if len(states) == 1:
        return first
    whole: NDArray[np.float64] = first * (1 if states.dtype == np.float64 else 2.0**32) + states[1]
    return np.where(np.isnan(whole), first, whole)
