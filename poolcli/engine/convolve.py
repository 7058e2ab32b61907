"""The loop under convolutions of each channel by itself, plain and transposed: sums of shifted rows, phase by phase.

Output q S + s of an axis is the sum of the input at q stride + offset times the weight of some taps, the same for all
q. Rows are dealt out into `stride` planes, so that a tap is a contiguous slice of one of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from poolcli import dtypes
from poolcli.engine.arithmetic import copy_row, fill_row, saturate_cast
from poolcli.engine.bands import Bands
from poolcli.engine.compile import bind, inlined, scalar
from poolcli.engine.interleave import decimation, interleave_phases, load
from poolcli.engine.operation import record
from poolcli.engine.views import numbers_of
from poolcli.outputs import room
from poolcli.sampling import beyond

SETTINGS = record(
    "height", "channels", "rows", "columns", "above", "before", "down", "across", "slots", "left", "right"
)
"""Rows of the image, channels, rows and columns of the output; how many places of either axis come before the input;
strides; rows that the ring holds; the columns from `left` to `right` have a factor of 1."""

_integers2 = types.Array(types.int64, 2, "C")
_axis = (types.Array(types.int64, 1, "C"), _integers2, _integers2, types.Array(types.float64, 1, "C"))
_bands = Bands(
    types.Array(types.uint8, 2, "C", readonly=True),
    types.Array(from_dtype(SETTINGS), 1, "C"),
    *_axis,
    *_axis,
    types.Array(types.float64, 2, "C"),
    types.Array(types.float64, 1, "C"),
    types.Array(types.float64, 1, "C"),
    types.Array(types.uint8, 2, "C"),
    least=16,  # rows
)

# Placeholders: dtypes of the image, of the output, of what is added up; what deals rows out, what interleaves phases.
source: Any = None
target: Any = None
blend: Any = None
deal: Any = None
decimate: Any = None
interleave: Any = None


Factors = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class Taps:
    """Of each phase of an axis: the taps that count, -1 for none, and how far from q stride their input is."""

    tap: NDArray[np.int64]
    offset: NDArray[np.int64]
    size: int  # of the output
    stride: int = 1

    @property
    def last(self) -> int:
        """Return where the last outputs of all phases begin."""
        return (-(-self.size // len(self.tap)) - 1) * self.stride


@dataclass(frozen=True)
class Line:
    """One axis of a convolution: its taps, and the input pixel of every place that they read."""

    taps: Taps
    n: int  # of the input
    index: NDArray[np.int64]  # -1 for 0
    before: int  # places before the input
    factors: NDArray[np.float64]  # of the output; 1 from its end on, up to a whole number of phases
    even: tuple[int, int]  # the longest part in which all factors are 1: where it begins and ends

    @classmethod
    def of(cls, taps: Taps, n: int, border: str, factors: NDArray[np.float64] | None = None) -> Line:
        """Return the axis that taps make of an input of n pixels and what lies beyond; the output may have factors."""
        taps = _reaching(taps, n) if border == "constant" else taps
        low, high = min(int(taps.offset.min()), 0), max(taps.last + int(taps.offset.max()) + 1, n)
        index = beyond(np.arange(low, high, dtype=np.int64), n, border)
        factors = np.ones(taps.size) if factors is None else factors
        factors = np.append(factors, np.ones(-taps.size % len(taps.tap)))
        return cls(taps, n, index, -low, factors, _even(factors))

    def part(self, begin: int, stop: int) -> tuple[tuple[int, int], Line]:
        """Return from where to where some outputs take pixels of the input, and their axis over these pixels.

        The first of them must be one of the first phase.
        """
        taps, phases = self.taps, len(self.taps.tap)
        count, shift = -(-(stop - begin) // phases), begin // phases * taps.stride
        low = shift + int(taps.offset.min())
        high = shift + (count - 1) * taps.stride + int(taps.offset.max()) + 1
        taken = self.index[low + self.before : high + self.before]
        taken = taken[taken >= 0]
        first = int(taken.min()) if taken.size else min(max(low, 0), self.n - 1)
        last = int(taken.max()) + 1 if taken.size else first + 1
        low, high = min(low, first), max(high, last)
        index = self.index[low + self.before : high + self.before]
        index = np.where((index >= first) & (index < last), index - first, -1)
        own = replace(taps, offset=taps.offset + (shift - first), size=stop - begin)
        factors = self.factors[begin : begin + count * phases]
        left, right = (min(max(end - begin, 0), len(factors)) for end in self.even)
        return (first, last), Line(own, last - first, index, first - low, factors, (left, right))


def plain(n: int, taps: int, padding: int, dilation: int = 1) -> Taps:
    """Return the taps of a convolution, in the sense of networks: out[i] = sum of w[k] x[i + k dilation - padding]."""
    k = np.arange(taps, dtype=np.int64)
    return Taps(k[None], (k * dilation - padding)[None], n + 2 * padding - dilation * (taps - 1))


def transposed(size: int, taps: int, stride: int, padding: int, dilation: int = 1) -> Taps:
    """Return the taps of a transposed convolution: x[i] w[k] is added to out[i stride + k dilation - padding]."""
    begin = np.arange(taps, dtype=np.int64) * dilation - padding
    phase = begin % stride
    order = np.argsort(phase, kind="stable")
    counts = np.bincount(phase, minlength=stride)
    rank = np.arange(taps) - np.repeat(counts.cumsum() - counts, counts)  # of a tap among those of its phase
    tap = np.full((stride, max(int(counts.max()), 1)), -1, np.int64)
    offset = np.zeros_like(tap)
    tap[phase[order], rank] = order
    offset[phase[order], rank] = -(begin[order] // stride)
    return Taps(tap, offset, size)


def strided(n: int, taps: int, stride: int, padding: int, dilation: int = 1) -> Taps:
    """Return the taps of a convolution to n outputs: out[i] = sum of w[k] x[i stride + k dilation - padding]."""
    k = np.arange(taps, dtype=np.int64)
    return Taps(k[None], (k * dilation - padding)[None], n, stride)


def convolve(
    image: NDArray[Any],
    weights: NDArray[np.float64],
    rows: Line,
    columns: Line,
    dtype: np.dtype[Any],
    of_input: Factors | None = None,
) -> NDArray[Any]:
    """Convolve every channel of (N, H, W, C) with weights (F, F), and round once.

    There may be factors of the rows and the columns of the input too.
    """
    images, height, width, channels = image.shape
    down, across = rows.taps, columns.taps
    out = room((images, down.size, across.size, channels), dtype)
    if not out.size:
        return out
    ring = min(int(down.offset.max() - down.offset.min()) + 1, len(rows.index))
    given = of_input or (np.ones(height), np.ones(width))
    places = rows.before, columns.before, down.stride, across.stride
    settings = (height, channels, down.size, across.size, *places, ring, *columns.even)
    lines = out.reshape(images * down.size, -1).view(np.uint8)
    _bands.run(
        _convolution(image.dtype, dtype, _dealing(channels, across.stride), len(across.tap) > 1),
        len(lines),
        image.reshape(images * height, width * channels).view(np.uint8),
        np.array([settings], SETTINGS),
        *(rows.index, down.tap, down.offset, rows.factors),
        *(columns.index, across.tap, across.offset, columns.factors),
        np.ascontiguousarray(weights, np.float64),
        *given,
        lines,
    )
    return out


@cache
def _convolution(image: np.dtype[Any], out: np.dtype[Any], deal: Any, phased: bool) -> Any:
    dtypes_of = {"source": image.type, "target": out.type, "blend": dtypes.blend_dtype(image, out).type}
    return _bands.compile(_band, **dtypes_of, deal=deal, interleave=interleave_phases if phased else bind(_copy))


def _dealing(channels: int, stride: int) -> Any:
    """Return what deals rows out into as many planes as the stride is."""
    return bind(_deal_out, decimate=decimation(channels, stride)) if stride > 1 else bind(_leave)


def _even(factors: NDArray[np.float64]) -> tuple[int, int]:
    """Return the longest part of an axis in which all factors are 1: where it begins and ends."""
    other = np.concatenate([[-1], np.flatnonzero(factors != 1), [len(factors)]])
    widest = int(np.diff(other).argmax())
    return int(other[widest]) + 1, int(other[widest + 1])


def _reaching(axis: Taps, n: int) -> Taps:
    """Return the taps without those that never meet the input: a wide dilation has many, and room for all is large."""
    meets = (axis.offset < n) & (axis.offset + axis.last >= 0)
    return replace(axis, tap=np.where(meets, axis.tap, -1), offset=np.where(meets, axis.offset, 0))


@inlined
def _sum4(rows, slots, starts, w, out, size):
    a, b = rows[slots[0]][starts[0] :], rows[slots[1]][starts[1] :]
    c, d = rows[slots[2]][starts[2] :], rows[slots[3]][starts[3] :]
    w0, w1, w2, w3 = w[0], w[1], w[2], w[3]
    for j in range(size):
        out[j] = saturate_cast((w0 * a[j] + w1 * b[j]) + (w2 * c[j] + w3 * d[j]), out)


@inlined
def _sum(rows, slots, starts, w, count, total, out, size):
    for j in range(size):
        total[j] = 0
    for k in range(count):
        a, weight = rows[slots[k]][starts[k] :], w[k]
        for j in range(size):
            total[j] += weight * a[j]
    for j in range(size):
        out[j] = saturate_cast(total[j], out)


@inlined
def _frame(rows, slots, starts, w, count, total, factors, channels, out, begin, end):
    for j in range(begin, end):
        total[j] = 0
        for k in range(count):
            total[j] += w[k] * rows[slots[k]][starts[k] + j]
        out[j] = saturate_cast(total[j] * total.dtype.type(factors[j // channels]), out)


@scalar
def _multiply(row, before, channels, factor, factors):
    """Multiply a row by a factor, and pixels by their own."""
    if factor != 1:
        for j in range(row.size):
            row[j] *= row.dtype.type(factor)
    for x in range(factors.size):
        if factors[x] != 1:
            for c in range(channels):
                row[(before + x) * channels + c] *= row.dtype.type(factors[x])


def _deal_out(row, planes, channels, plane, step, pixels):
    """Deal a row out into `step` planes."""
    for s in range(step):
        decimate(row[s * channels :], planes[s * plane :], channels, step, (pixels - s + step - 1) // step)


def _leave(row, planes, channels, plane, step, pixels):
    """Deal nothing out: a row of step 1 was loaded where it belongs."""


def _copy(planes, row, phases, channels, pixels):
    """Copy the one plane that there is."""
    copy_row(planes[0], row)


# fmt: off
def _band(start, stop, image, settings, row_index, row_tap, row_offset, down_by, index, tap, offset, across_by,
          weights, given_down, given_across, out):
    # fmt: on
    about = settings[0]
    height, channels, out_rows, out_columns = about.height, about.channels, about.rows, about.columns
    above, before, slots = about.above, about.before, about.slots
    phases = len(tap)
    pixels = (out_columns + phases - 1) // phases
    size = pixels * channels
    inner, outer = (about.left + phases - 1) // phases, about.right // phases
    step = about.across
    plane = (index.size + step - 1) // step * channels
    ring = np.empty((slots, step * plane), blend)
    row = np.empty(index.size * channels if step > 1 else 0, blend)
    loaded = np.empty(slots, np.int64)
    for slot in range(slots):
        loaded[slot] = -1
    most = row_tap.shape[1] * tap.shape[1]
    slot_of, start_of, weight_of = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, blend)
    planes = np.empty((phases, size), target)
    padded = np.empty(phases * size, target)
    total = np.empty(size, blend)
    for i in range(start, stop):
        n, y = i // out_rows, i % out_rows
        q, t = y // len(row_tap), y % len(row_tap)
        for m in range(row_tap.shape[1]):
            if row_tap[t, m] >= 0:
                line = q * about.down + row_offset[t, m] + above
                slot, key = line % slots, n * row_index.size + line
                if loaded[slot] != key:
                    loaded[slot] = key
                    if row_index[line] < 0:
                        fill_row(ring[slot], blend(0))
                    else:
                        values = numbers_of(image, source)[n * height + row_index[line]]
                        loading = row if step > 1 else ring[slot]
                        load(values, index, before, channels, blend(0), loading, blend)
                        _multiply(loading, before, channels, given_down[row_index[line]], given_across)
                        deal(row, ring[slot], channels, plane, step, index.size)
        for s in range(phases):
            count = 0
            for m in range(row_tap.shape[1]):
                for k in range(tap.shape[1]):
                    if row_tap[t, m] >= 0 and tap[s, k] >= 0:
                        place = offset[s, k] + before
                        slot_of[count] = (q * about.down + row_offset[t, m] + above) % slots
                        start_of[count] = place % step * plane + place // step * channels
                        weight_of[count] = blend(weights[row_tap[t, m], tap[s, k]] * down_by[y])
                        count += 1
            if count == 4:
                _sum4(ring, slot_of, start_of, weight_of, planes[s], size)
            else:
                _sum(ring, slot_of, start_of, weight_of, count, total, planes[s], size)
            # Few columns have factors: they are done again, which leaves the loops over the others as fast as before.
            for side in range(2):
                begin, end = (max(inner, outer) * channels, size) if side else (0, inner * channels)
                _frame(ring, slot_of, start_of, weight_of, count, total, across_by[s::phases], channels, planes[s],
                       begin, end)  # fmt: skip
        result = numbers_of(out, target)[i]
        whole = phases * size == result.size
        interleave(planes, result if whole else padded, phases, channels, pixels)
        if not whole:
            for j in range(result.size):
                result[j] = padded[j]
    return 1
