"""Arithmetic that the operators share: comparisons that keep NaN, one rounding at the end, powers that vectorise."""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload

from poolcli.engine.compile import inlined, scalar
from poolcli.engine.internals import as_dtype
from poolcli.engine.vectors import fused_multiply_add


@inlined
def tap(lines, taps, k, lanes):
    """Return tap k of every window of a row of windows."""
    start = taps[k].start
    return lines[taps[k].line, start : start + lanes]


@scalar
def fill_row(row, value):
    """Set all numbers of a row: Numba takes a second to compile `row[:] = value`, for the text of its error."""
    for j in range(row.size):
        row[j] = value


@scalar
def copy_row(row, out):
    """Copy a row."""
    for j in range(row.size):
        out[j] = row[j]


@scalar
def minimum(a, b):
    """Return the smaller number, or NaN if either is NaN."""
    smaller = b if b < a else a  # one instruction, which returns `a` where either is NaN
    return b if b != b else smaller


@scalar
def maximum(a, b):
    """Return the larger number, or NaN if either is NaN."""
    larger = b if a < b else a
    return b if b != b else larger


def saturate_cast(value, out):
    """Return a float as a number of `out`'s dtype: to nearest, ties to even, saturated; NaN is 0 among integers.

    A number of that dtype stays as it is.
    """
    if out.dtype.kind == "f" or value.dtype == out.dtype:
        return out.dtype.type(value)
    limits = np.iinfo(out.dtype)
    if np.isfinite(value):
        return out.dtype.type(min(max(int(np.rint(value)), limits.min), limits.max))
    return out.dtype.type(0 if np.isnan(value) else limits.max if value > 0 else limits.min)


@overload(saturate_cast)
def _saturate_cast(value, out):
    number = out.dtype
    if isinstance(number, types.Float) or value == number:
        return lambda value, out: number(value)
    lane = as_dtype(value).type
    limits = np.iinfo(as_dtype(number))
    low, high = limits.min, limits.max
    # high + 1 is a power of two: exact in float32, where 2**31 - 1 is not.
    floor, ceiling = lane(float(low)), lane(float(high) + 1.0 if number.bitwidth < 64 else float(high))

    def implementation(value, out):
        whole = np.rint(value)
        if whole >= ceiling:
            return number(high)
        if whole <= floor:
            return number(low)
        if whole != whole:
            return number(0)
        return number(whole)

    return implementation


def multiply_add(a, b, c):
    """Return a b + c of floats of one dtype, in one step where the processor has it: rounded once then, not twice."""
    return a * b + c


@overload(multiply_add)
def _multiply_add(a, b, c):
    return lambda a, b, c: fused_multiply_add(a, b, c)  # type: ignore[call-arg]


def alike(value, other):
    """Return a number as one of another's type."""
    return type(other)(value)


@overload(alike)
def _alike(value, other):
    number = as_dtype(other).type
    return lambda value, other: number(value)


_f4, _i4 = np.float32, np.int32
_LOG2E = _f4(1.44269504)
_LN2_HIGH, _LN2_LOW = _f4(0.693359375), _f4(-2.12194440e-4)  # ln 2 in two parts: k * _LN2_HIGH is exact


@scalar
def _exp32(x):
    """Return e^x with a relative error of 9e-8; beyond -87 and 88 it stays what it is there.

    A polynomial vectorises where np.exp does not: 7 times faster.
    """
    x = min(max(x, _f4(-87.0)), _f4(88.0))
    k = np.rint(x * _LOG2E)
    r = x - k * _LN2_HIGH - k * _LN2_LOW
    p = _f4(1 / 5040) * r + _f4(1 / 720)
    p = p * r + _f4(1 / 120)
    p = p * r + _f4(1 / 24)
    p = p * r + _f4(1 / 6)
    p = p * r + _f4(1 / 2)
    p = p * r + _f4(1)
    p = p * r + _f4(1)
    return p * _i4(_i4(_i4(k) + _i4(127)) << _i4(23)).view(np.float32)


@inlined
def _exp32_or_0(x):
    e = _exp32(x)
    return e if x >= _f4(-87.0) else (x if x != x else _f4(0))


_f8, _i8 = np.float64, np.int64
_LN2_HIGH8, _LN2_LOW8 = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_ROUND8 = 6755399441055744.0  # 1.5 * 2^52: adding it leaves a number's integer in the lowest bits


# (e^r - 1 - r) / r^2 for |r| <= ln(2) / 2, within 1.1e-16: Chebyshev's polynomial of degree 9.
_E = (
    0.5000000000000001,
    0.16666666666666669,
    0.04166666666662413,
    0.008333333333330062,
    0.0013888888917213717,
    0.00019841269863053618,
    2.4801521295954376e-05,
    2.7557268459997064e-06,
    2.7620088445409746e-07,
    2.510038549551032e-08,
)


@scalar
def _exp64(x):
    """Return e^x with a relative error of 1.5e-16; 0 below -708, and beyond 709 what it is there.

    A polynomial vectorises where np.exp does not: 4 times faster.
    """
    bounded = min(max(x, -708.0), 709.0)
    shifted = bounded * 1.4426950408889634 + _ROUND8
    k = shifted - _ROUND8
    r = (bounded - k * _LN2_HIGH8) - k * _LN2_LOW8
    s = r * r
    low = (_E[0] + _E[1] * r) + s * (_E[2] + _E[3] * r)
    middle = (_E[4] + _E[5] * r) + s * (_E[6] + _E[7] * r)
    q = low + s * s * (middle + s * s * (_E[8] + _E[9] * r))
    p = 1.0 + (r + s * q)
    e = _i8(_f8(p).view(np.int64) + (_f8(shifted).view(np.int64) << _i8(52))).view(np.float64)
    return e if x >= -708.0 else (x if x != x else 0.0)


@scalar
def _log32(x):
    """Return ln x for normal x > 0, with a relative error of 1.1e-7: 9 times faster than np.log."""
    bits = _f4(x).view(np.int32)
    above = _i4(bits - _i4(0x3F3504F3))  # the mantissa m becomes one in [sqrt(1/2), sqrt(2))
    m = _i4(bits - _i4(above & _i4(-0x800000))).view(np.float32)
    s = (m - _f4(1)) / (m + _f4(1))
    z = s * s
    p = _f4(2 / 9) * z + _f4(2 / 7)
    p = p * z + _f4(2 / 5)
    p = p * z + _f4(2 / 3)
    k = _f4(_i4(above >> _i4(23)))
    return k * _LN2_HIGH + (k * _LN2_LOW + (p * z * s + _f4(2) * s))


def never_0(x):
    """Return e^x; in float32 e^-87 below -87."""
    return np.exp(x)


@overload(never_0)
def _never_0(x):
    return (lambda x: _exp32(x)) if x == types.float32 else (lambda x: _exp64(x))


def exponential(x):
    """Return e^x: 0 below -87 in float32 and -708 in float64, for x of at most 88 and 709."""
    return np.exp(x)


@overload(exponential)
def _exponential(x):
    return (lambda x: _exp32_or_0(x)) if x == types.float32 else (lambda x: _exp64(x))


def power(x, p):
    """Return x^p for 0 <= x and p > 0; in float32 up to e^88."""
    return x**p


@overload(power)
def _power(x, p):
    if x == types.float32:
        # A subnormal x has no logarithm here, and its power is 0 beside the 1 of the maximum.
        return lambda x, p: _exp32(p * _log32(x)) if x >= _f4(1.2e-38) else _f4(0)
    return lambda x, p: x**p


def logarithm(x):
    """Return ln x for normal x > 0."""
    return np.log(x)


@overload(logarithm)
def _logarithm(x):
    return (lambda x: _log32(x)) if x == types.float32 else (lambda x: np.log(x))


def as_float(total):
    """Return a sum as a float.

    A sum is one number, or the sums of the upper and of the lower 32 bits, or a number and what its rounding lost.
    """
    if not isinstance(total, tuple):
        return np.float64(total)
    if isinstance(total[0], np.int64):
        return np.float64(total[0]) * 4294967296.0 + np.float64(total[1])
    return _of_pair(total)


def _of_pair(total):
    whole = total[0] + total[1]
    return whole if whole == whole else total[0]  # what an infinity lost is no number


@overload(as_float)
def _as_float(total):
    parts = getattr(total, "types", None)
    if not parts:
        return lambda total: np.float64(total)
    if parts[0] == types.int64:
        return lambda total: np.float64(total[0]) * 4294967296.0 + np.float64(total[1])
    return _of_pair


def _divided(high, low, n, whole, made):
    """Return (high 2^32 + low) / n as a number of dtype `made`: exactly, to nearest, ties to even, saturated."""
    n = int(n)
    quotient, rest = divmod(int(high) * 2**32 + int(low), n)
    if np.dtype(made).kind == "f":
        return made(quotient + rest / n)
    limits = np.iinfo(made)
    quotient += 2 * rest > n or (2 * rest == n and quotient % 2 == 1)
    return made(min(max(quotient, int(limits.min)), int(limits.max)))


@overload(_divided)
def _divide(high, low, n, whole, made):
    target, number = made.instance_type, as_dtype(whole.instance_type).type
    if isinstance(target, types.Float):
        low_limit = high_limit = number(0)
    else:
        given, limits = np.iinfo(number), np.iinfo(as_dtype(target))
        low_limit, high_limit = number(max(given.min, limits.min)), number(min(given.max, limits.max))
    is_float = isinstance(target, types.Float)

    def implementation(high, low, n, whole, made):
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


def mean_of(total, n, whole, made):
    """Return a sum over n: of integers of 64 bits, in one number or two, exactly, as a number of dtype `made`.

    Only numbers and dtypes are passed: LLVM does not vectorise a loop that passes an array on through two calls.
    """
    if isinstance(total, np.int64):
        return _divided(total >> 32, total & 0xFFFFFFFF, n, whole, made)
    if isinstance(total, tuple) and isinstance(total[0], np.int64):
        return _divided(total[0], total[1], n, whole, made)
    return as_float(total) / n


@overload(mean_of)
def _mean_of(total, n, whole, made):
    parts = getattr(total, "types", (total,))
    if parts == (types.int64,):
        return lambda total, n, whole, made: _divided(
            total >> np.int64(32), total & np.int64(0xFFFFFFFF), np.int64(n), whole, made
        )
    if parts[0] == types.int64:
        return lambda total, n, whole, made: _divided(total[0], total[1], np.int64(n), whole, made)
    return lambda total, n, whole, made: as_float(total) / n


ODD = 0x9E3779B97F4A7C15
"""What a hash of several numbers multiplies one of them by."""


@inlined
def scrambled(x):
    """Return 64 bits, scrambled (splitmix64: Steele, Lea, Flood 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
