"""Values by their rank in the sorted window: median, percentile, the k largest; and majority, the longest run of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from poolcli.engine import selection
from poolcli.engine.arithmetic import fill_row, maximum, minimum, saturate_cast, tap
from poolcli.engine.choices import Choice
from poolcli.engine.compile import bind, inlined, scalar
from poolcli.engine.gradients import Gradient, Selected
from poolcli.engine.operation import Task, constants
from poolcli.engine.ranks import ranked, read

limit: Any = None  # bound to what keeps a mean of 64 bits between its values
counter: Any = None  # bound to a number as wide as the values: loops have as many lanes then


@scalar
def rank_of_percentile(plane, n, constants):
    """Return floor(q / 100 (n - 1))."""
    return int(constants.q * (n - 1) / 100)


@scalar
def rank_of_largest(plane, n, constants):
    """Return the rank of the largest value, of the next, ...; where there are fewer, that of the smallest again."""
    return max(n - 1 - plane, 0)


@inlined
def _least(a, b):
    """Return the smaller number; of NaN and a number either: one instruction, where `minimum` takes three."""
    return a if a < b else b


@inlined
def _most(a, b):
    return a if a > b else b


@inlined
def _middle_of_three(a, b, c):
    return _most(_least(a, b), _least(_most(a, b), c))


@scalar
def _middle_of_four(lines, taps, out):
    """Write the median of windows of four."""
    if len(taps) != 4:
        return False
    size = out.size
    a, b = tap(lines, taps, 0, size), tap(lines, taps, 1, size)
    c, d = tap(lines, taps, 2, size), tap(lines, taps, 3, size)
    for j in range(size):
        low, high = _least(a[j], b[j]), _most(a[j], b[j])
        other_low, other_high = _least(c[j], d[j]), _most(c[j], d[j])
        middle = _least(_most(low, other_low), _least(high, other_high))
        odd = (a[j] != a[j]) | (b[j] != b[j]) | (c[j] != c[j]) | (d[j] != d[j])
        out[j] = (a[j] + b[j]) + (c[j] + d[j]) if odd else middle  # a sum of all is NaN
    return True


@scalar
def _middle_of_nine(lines, taps, out):
    """Write the median of windows of nine: of the columns' lows the largest, their middles' middle, the least of highs.

    All in registers: a quarter of the time that the network takes, whose wires go through the cache (Smith 1996).
    """
    if len(taps) != 9:
        return False
    size = out.size
    a, b, c = tap(lines, taps, 0, size), tap(lines, taps, 1, size), tap(lines, taps, 2, size)
    d, e, f = tap(lines, taps, 3, size), tap(lines, taps, 4, size), tap(lines, taps, 5, size)
    g, h, i = tap(lines, taps, 6, size), tap(lines, taps, 7, size), tap(lines, taps, 8, size)
    for j in range(size):
        low_a, high_a = _least(a[j], b[j]), _most(a[j], b[j])
        low_d, high_d = _least(d[j], e[j]), _most(d[j], e[j])
        low_g, high_g = _least(g[j], h[j]), _most(g[j], h[j])
        low = _most(_most(_least(low_a, c[j]), _least(low_d, f[j])), _least(low_g, i[j]))
        high = _least(_least(_most(high_a, c[j]), _most(high_d, f[j])), _most(high_g, i[j]))
        middle_a, middle_d = _most(low_a, _least(high_a, c[j])), _most(low_d, _least(high_d, f[j]))
        middle = _middle_of_three(middle_a, middle_d, _most(low_g, _least(high_g, i[j])))
        odd = (a[j] != a[j]) | (b[j] != b[j]) | (c[j] != c[j]) | (d[j] != d[j]) | (e[j] != e[j])
        odd = odd | (f[j] != f[j]) | (g[j] != g[j]) | (h[j] != h[j]) | (i[j] != i[j])
        if odd:  # a sum of all is NaN
            out[j] = (a[j] + b[j]) + (c[j] + d[j]) + (e[j] + f[j]) + (g[j] + h[j]) + i[j]
        else:
            out[j] = _middle_of_three(low, middle, high)
    return True


_IN_REGISTERS: dict[int, Any] = {4: _middle_of_four, 9: _middle_of_nine}


def percentile(task: Task) -> Choice:
    """Return the pool of percentile, sorted(r)[floor(q / 100 (n - 1))], or of median, which has no q: of q = 50."""
    q = constants(q=task.parameters.get("q", 50))
    shortcut = _IN_REGISTERS.get(task.taps) if q.q == 50 else None
    dense = 3 if shortcut and task.source.itemsize == 1 else 1
    return ranked(task, rank_of_percentile, q, shortcut=shortcut, max_dense_stride=dense)


def kmax(task: Task) -> Choice:
    """Return the pool of kmax: the k largest values, falling, or their mean."""
    k = task.parameters["k"]
    if k > task.taps:
        raise ValueError(f"k={k} is more than the {task.taps} values of a window")
    if task.parameters["combine"] == "planes":
        return ranked(task, rank_of_largest, planes=k)
    reading = bind(_mean_of_largest, limit=_limited if task.stays_within else _unlimited)
    ranks = range(task.taps - k, task.taps)
    return read(
        task,
        reading,
        lambda region: selection.mean_of_largest(region.values, k, task.target),
        lambda counts: counts.mean_of_largest(k, task.target),
        ranks,
        constants(k=k),
    )


def kmax_gradient(task: Task) -> Gradient:
    """Return the gradient of kmax: to each of the k largest values that of its plane, or 1/k of that of the mean."""
    planes = {**task.parameters, "combine": "planes"}
    return Selected(kmax(replace(task, parameters=planes)), mean=task.parameters["combine"] == "mean")


def _mean_of_largest(block, constants, out):
    """Write the mean of the k largest, or of all where there are fewer."""
    n = len(block)
    k = min(int(constants.k), n)
    total = np.zeros(out.size)
    for p in range(n - k, n):
        wire = block[p]
        for j in range(out.size):
            total[j] += np.float64(wire[j])
    for j in range(out.size):
        out[j] = saturate_cast(total[j] / np.float64(k), out)
    limit(block[n - k], block[n - 1], out)


@inlined
def _unlimited(low, high, out):
    """Leave results as they are."""


@inlined
def _limited(low, high, out):
    """Keep each result between two others."""
    for j in range(out.size):
        result = low[j] if out[j] < low[j] else out[j]
        out[j] = high[j] if result > high[j] else result


def majority(task: Task) -> Choice:
    """Return the pool of majority: the commonest value, the smallest of equally common ones."""
    counter = np.promote_types(f"u{task.source.itemsize}", np.min_scalar_type(task.taps))
    reading = bind(_longest_run, counter=counter.type)
    shortcut = _commonest_of_four if task.taps == 4 else None
    return read(
        task,
        reading,
        lambda region: selection.commonest(region.values),
        lambda counts: counts.commonest(),
        shortcut=shortcut,
    )


@scalar
def _commonest_of_four(lines, taps, out):
    """Write the majority of windows of four: a pair of neighbours in order, the first that there is, or the smallest.

    All in registers: a third of the time of the network.
    """
    if len(taps) != 4:
        return False
    size = out.size
    a, b = tap(lines, taps, 0, size), tap(lines, taps, 1, size)
    c, d = tap(lines, taps, 2, size), tap(lines, taps, 3, size)
    for j in range(size):
        low, high = minimum(a[j], b[j]), maximum(a[j], b[j])
        other_low, other_high = minimum(c[j], d[j]), maximum(c[j], d[j])
        first, last = minimum(low, other_low), maximum(high, other_high)
        middle, other = maximum(low, other_low), minimum(high, other_high)
        second, third = minimum(middle, other), maximum(middle, other)
        found = third if third == last else first
        found = second if second == third else found
        out[j] = first if first == second else found
    return True


def _longest_run(block, constants, out):
    """Write the value of the longest run of the sorted window."""
    run, longest = np.empty(out.size, counter), np.empty(out.size, counter)
    fill_row(run, counter(1))
    fill_row(longest, counter(1))
    wire = block[0]
    for j in range(out.size):
        out[j] = wire[j]
    for k in range(1, len(block)):
        before, wire = block[k - 1], block[k]
        for j in range(out.size):
            length = counter(run[j] + counter(1)) if wire[j] == before[j] else counter(1)
            longer = length > longest[j]
            run[j] = length
            longest[j] = length if longer else longest[j]
            out[j] = wire[j] if longer else out[j]
