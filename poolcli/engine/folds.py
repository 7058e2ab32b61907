"""Pools that lift, combine and finish: sums, means, norms, extremes, and whatever is made of them.

Of the values r of a window, `lift` makes a state, one number or a few; `combine` joins two states; `finish` makes the
result of the last:

    lift(r, number, constants) -> state
    combine(state, state, constants) -> state
    finish(state, n, constants) -> number

The engine does so over windows of few values, and over parts of large ones, whose states are joined in pairs, so that
no sum drifts. `number` is the dtype of the state; `n`, a float64, is what a mean divides by; the engine rounds the
result to its dtype.

Sums that could overflow are taken relative to a reference m, the largest or smallest value of the window or its largest
magnitude: `lift(r, m, number, constants)` gives what is added up then, and `share(old, new, constants)` the factor that
makes sums relative to `new` of sums relative to `old`.

A quadratic mean, as an example of a whole pool:

>>> import numpy as np
>>> from poolcli import geometry
>>> from poolcli.engine.compile import scalar
>>> from poolcli.engine.operation import Task
>>> square = scalar(lambda r, number, constants: number(r) * number(r))
>>> root = scalar(lambda total, n, constants: np.sqrt(total / n))
>>> task = Task(np.dtype(np.uint8), np.dtype(np.float64), 4, {})
>>> quadratic_mean = Fold(task, (lifted(task, square, np.float64),), root)
>>> image = np.array([[1, 7], [5, 5]], np.uint8).reshape(1, 2, 2, 1)
>>> quadratic_mean.pool(image, *geometry.windows(2, 2, geometry.shape(2))).item()
5.0
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from poolcli.engine import blocks, regions, sliding, windows
from poolcli.engine.arithmetic import alike, maximum, minimum, saturate_cast, tap
from poolcli.engine.blocks import Block, Lifting
from poolcli.engine.compile import bind, inlined, specialise
from poolcli.engine.operation import NONE, Operation, Sliding, Task, reader
from poolcli.engine.regions import Part, States
from poolcli.geometry import Windows

# Placeholders. A dtype: of the state, and of the second state.
number: Any = None
second_number: Any = None
# How many numbers a state has.
size_of_state: Any = None
# Functions of the pool, and those that the engine chooses.
lift: Any = None
combine: Any = None
finish: Any = None
share: Any = None
scale: Any = None
prefer: Any = None
best: Any = None
of_four: Any = None
and_four: Any = None
gather: Any = None
gather_second: Any = None
refer: Any = None
limit: Any = None
get: Any = None
get_second: Any = None
put: Any = None
read: Any = None


@inlined
def _get1(state, j):
    return state[0, j]


@inlined
def _get2(state, j):
    return state[0, j], state[1, j]


@inlined
def _get3(state, j):
    return state[0, j], state[1, j], state[2, j]


@inlined
def _get_line(line, j):
    return line[j]


@inlined
def _put_line(line, j, value):
    line[j] = value


@inlined
def _put1(state, j, value):
    state[0, j] = value


@inlined
def _put2(state, j, value):
    state[0, j], state[1, j] = value


@inlined
def _get_sum1(state, j):
    return state[1, j]


@inlined
def _get_sum2(state, j):
    return state[1, j], state[2, j]


@inlined
def _put_sum1(state, j, value):
    state[1, j] = value


@inlined
def _put_sum2(state, j, value):
    state[1, j], state[2, j] = value


GET = {1: _get1, 2: _get2, 3: _get3}
_PUT = {1: _put1, 2: _put2}
_GET_SUM, _PUT_SUM = {1: _get_sum1, 2: _get_sum2}, {1: _put_sum1, 2: _put_sum2}


@inlined
def added(a, b, constants):
    """Combine sums, without leaving their dtype: uint16 + uint16 is int64 to Numba, a quarter of the lanes."""
    return alike(a + b, a)


@inlined
def valued(r, number, constants):
    """Lift a value to a number of the state's dtype."""
    return number(r)


@inlined
def _added2(a, b, constants):
    return a[0] + b[0], a[1] + b[1]


@inlined
def _scaled(total, factor):
    """Scale a sum; one that weighs nothing may be infinite."""
    return total * factor if factor != 0 else factor


@inlined
def _scaled2(sums, factor):
    return _scaled(sums[0], factor), _scaled(sums[1], factor)


_ADDED, _SCALED = {1: added, 2: _added2}, {1: _scaled, 2: _scaled2}


@inlined
def _in_turn(s, a, b, c, d, constants):
    return combine(combine(combine(combine(s, a, constants), b, constants), c, constants), d, constants)


@inlined
def _four_in_turn(a, b, c, d, constants):
    return combine(combine(combine(a, b, constants), c, constants), d, constants)


@inlined
def _in_pairs(s, a, b, c, d, constants):
    return combine(s, combine(combine(a, b, constants), combine(c, d, constants), constants), constants)


@inlined
def _four_in_pairs(a, b, c, d, constants):
    return combine(combine(a, b, constants), combine(c, d, constants), constants)


def _gather_lifted(lines, taps, cursor, constants, state):
    """Lift all values of each window and combine them: four taps a pass, so that most windows take one pass."""
    size = cursor.lanes
    a = tap(lines, taps, 0, size)
    k = 1
    if len(taps) >= 4:
        b, c, d = tap(lines, taps, 1, size), tap(lines, taps, 2, size), tap(lines, taps, 3, size)
        for j in range(size):
            first, second = lift(a[j], number, constants), lift(b[j], number, constants)
            third, fourth = lift(c[j], number, constants), lift(d[j], number, constants)
            put(state, j, of_four(first, second, third, fourth, constants))
        k = 4
    else:
        for j in range(size):
            put(state, j, lift(a[j], number, constants))
    while k + 4 <= len(taps):
        a, b = tap(lines, taps, k, size), tap(lines, taps, k + 1, size)
        c, d = tap(lines, taps, k + 2, size), tap(lines, taps, k + 3, size)
        for j in range(size):
            first, second = lift(a[j], number, constants), lift(b[j], number, constants)
            third, fourth = lift(c[j], number, constants), lift(d[j], number, constants)
            put(state, j, and_four(get(state, j), first, second, third, fourth, constants))
        k += 4
    while k < len(taps):
        a = tap(lines, taps, k, size)
        for j in range(size):
            put(state, j, combine(get(state, j), lift(a[j], number, constants), constants))
        k += 1


def _gathering(lift: Any, number: Any, combine: Any, get: Any, put: Any, in_pairs: bool) -> Any:
    of_four, and_four = (_four_in_pairs, _in_pairs) if in_pairs else (_four_in_turn, _in_turn)
    fours = {"of_four": bind(of_four, combine=combine), "and_four": bind(and_four, combine=combine)}
    return bind(_gather_lifted, lift=lift, number=number, combine=combine, get=get, put=put, **fours)


def _gather_relative(lines, taps, cursor, constants, state):
    """Find the reference of each window, and add up what its values are relative to that."""
    size = cursor.lanes
    refer(lines, taps, cursor, constants, state)
    a = tap(lines, taps, 0, size)
    for j in range(size):
        put(state, j, lift(a[j], state[0, j], number, constants))
    for k in range(1, len(taps)):
        a = tap(lines, taps, k, size)
        for j in range(size):
            put(state, j, combine(get(state, j), lift(a[j], state[0, j], number, constants), constants))


def _gathered(lines, taps, cursor, constants, table, result):
    """Write the state of each window."""
    gather(lines, taps, cursor, constants, result)


def _fold(lines, taps, cursor, constants, table, result):
    """Write the result of each window."""
    size, out = cursor.lanes, result[0]
    state = np.empty((size_of_state, size), number)
    gather(lines, taps, cursor, constants, state)
    n = np.float64(cursor.divisor)
    for j in range(size):
        out[j] = saturate_cast(finish(get(state, j), n, constants), out)
    limit(lines, taps, cursor, constants, out)


def _fold_two(lines, taps, cursor, constants, table, result):
    """Write the result of each window, of a state of one number and of another."""
    size, out = cursor.lanes, result[0]
    first = np.empty((1, size), number)
    second = np.empty((size_of_state, size), second_number)
    gather(lines, taps, cursor, constants, first)
    gather_second(lines, taps, cursor, constants, second)
    n = np.float64(cursor.divisor)
    for j in range(size):
        out[j] = saturate_cast(finish(first[0, j], get_second(second, j), n, constants), out)
    limit(lines, taps, cursor, constants, out)


def _finish_all(state, second, n, parameters, out):
    """Write the results of states."""
    constants = read(parameters)
    for j in range(out.size):
        out[j] = saturate_cast(finish(get(state, j), n[j], constants), out)


def _finish_all_of_two(state, second, n, parameters, out):
    constants = read(parameters)
    for j in range(out.size):
        out[j] = saturate_cast(finish(state[0, j], get_second(second, j), n[j], constants), out)


def _join_all(a, b, parameters, out):
    """Combine states."""
    constants = read(parameters)
    for j in range(a.shape[1]):
        put(out, j, combine(get(a, j), get(b, j), constants))


def _join_all_relative(a, b, parameters, out):
    """Combine states whose sums are relative to references: to the reference of both first."""
    constants = read(parameters)
    for j in range(a.shape[1]):
        m = prefer(a[0, j], b[0, j])
        out[0, j] = m
        first = scale(get(a, j), share(a[0, j], m, constants))
        put(out, j, combine(first, scale(get(b, j), share(b[0, j], m, constants)), constants))


@inlined
def itself(r, number, constants):
    """Lift a value to itself, in its own dtype."""
    return r


@inlined
def larger(a, b, constants):
    """Combine values to the larger."""
    return maximum(a, b)


@inlined
def smaller(a, b, constants):
    """Combine values to the smaller."""
    return minimum(a, b)


largest = _gathering(itself, None, larger, _get_line, _put_line, in_pairs=True)
smallest = _gathering(itself, None, smaller, _get_line, _put_line, in_pairs=True)
_JOIN = {largest: np.maximum, smallest: np.minimum}
_BETTER = {largest: larger, smallest: smaller}
_PREFER = {largest: maximum, smallest: minimum}


def sliding_extreme(task: Task, best: Any) -> Sliding:
    """Return how the extremes of windows that overlap much are found."""
    limits = np.finfo(task.source) if task.source.kind == "f" else np.iinfo(task.source)
    least, most = (-np.inf, np.inf) if task.source.kind == "f" else (limits.min, limits.max)
    return sliding.extremes(_PREFER[best], task.source, least if best is largest else most)


def _gather_line(lines, taps, cursor, constants, state):
    """Write states of one number."""
    best(lines, taps, cursor, constants, state[0][: cursor.lanes])


def _refer_to_best(lines, taps, cursor, constants, state):
    """Find the largest, or smallest, value of each window, as a number of the state's dtype."""
    size = cursor.lanes
    values = np.empty(size, lines.dtype)
    best(lines, taps, cursor, constants, values)
    for j in range(size):
        state[0, j] = number(values[j])


@inlined
def _twice(r, number, constants):
    a = lift(r, number, constants)
    return a, a


@inlined
def _extremes(a, b, constants):
    return minimum(a[0], b[0]), maximum(a[1], b[1])


@inlined
def anywhere(lines, taps, cursor, constants, out):
    """Leave results as they are."""


def _limit(lines, taps, cursor, constants, out):
    """Keep each result between the smallest and the largest of the lifted values of its window."""
    size = cursor.lanes
    state = np.empty((2, size), number)
    gather(lines, taps, cursor, constants, state)
    for j in range(size):
        result = state[0, j] if out[j] < state[0, j] else out[j]
        out[j] = state[1, j] if result > state[1, j] else result


def _part(task: Task, gather: Any, number: Any, numbers: int, join: Any, **settings: Any) -> Part:
    constants = settings.pop("constants", NONE)
    dense = settings.pop("max_dense_stride", 1)
    made = np.dtype(number)
    operation = Operation(
        _gathered, task.source, made, {"gather": gather}, constants, planes=numbers, max_dense_stride=dense
    )
    return Part(operation, join, settings.pop("joined", made), gather=gather, **settings)


def summed(task: Task, gather: Any, number: Any, numbers: int = 1, **settings: Any) -> Part:
    """Return states that `gather` makes of windows, and that are added up."""
    return _part(task, gather, number, numbers, np.add, **settings)


def lifted(
    task: Task,
    lift: Any,
    number: Any,
    combine: Any = added,
    numbers: int = 1,
    constants: Any = NONE,
    in_pairs: bool = False,
    **settings: Any,
) -> Part:
    """Return states of values that are lifted and combined: one after the other, or `in_pairs`."""
    bound = {"combine": combine, "get": GET[numbers], "put": _PUT[numbers]}
    gather = _gathering(lift, number, in_pairs=in_pairs, **bound)
    if numbers == 1 and constants is NONE:
        settings["lifting"] = Lifting(task.source, number, lift, combine)
    joiner = np.add if combine is added else _Joiner(_join_all, constants, numbers, tuple(bound.items()))
    return _part(task, gather, number, numbers, joiner, constants=constants, **settings)


def relative(
    task: Task, lift: Any, share: Any, number: Any, reference: Any, sums: int = 1, constants: Any = NONE
) -> Part:
    """Return states (m, sums relative to m), m the reference of a window.

    The reference is `largest` or `smallest`, a value of the window, or the `Largest` of its values, lifted.
    """
    bound = {"combine": _ADDED[sums], "get": _GET_SUM[sums], "put": _PUT_SUM[sums]}
    if isinstance(reference, Largest):
        prefer, refer = maximum, _gathering(reference.lift, number, larger, _get1, _put1, in_pairs=False)
    else:
        prefer, refer = _PREFER[reference], bind(_refer_to_best, best=reference, number=number)
    gather = bind(_gather_relative, lift=lift, number=number, refer=refer, **bound)
    how = {**bound, "prefer": prefer, "share": share, "scale": _SCALED[sums]}
    joiner = _Joiner(_join_all_relative, constants, 1 + sums, tuple(how.items()))
    return _part(task, gather, number, 1 + sums, joiner, constants=constants, joined=np.dtype(np.float64))


@dataclass(frozen=True)
class Largest:
    """A reference: the largest of the lifted values of a window."""

    lift: Any


def extreme(task: Task, best: Any) -> Part:
    """Return the largest, or the smallest, value of windows as a state."""
    gather = bind(_gather_line, best=best)
    lifting = Lifting(task.source, task.source.type, itself, _BETTER[best])
    return _part(task, gather, task.source, 1, _JOIN[best], exact=True, max_dense_stride=4, lifting=lifting)


def bounds(task: Task, lift: Any, constants: Any = NONE) -> Part:
    """Return the smallest and the largest of the lifted values of windows: `lift` keeps their dtype."""
    twice = bind(_twice, lift=lift)
    return lifted(task, twice, task.source.type, _extremes, 2, constants)


class _Joiner:
    """Joins states, compiled for its pool when the first are joined."""

    def __init__(self, function: Any, constants: Any, numbers: int, bound: tuple[tuple[str, Any], ...]) -> None:
        self._function, self._constants, self._numbers, self._bound = function, constants, numbers, bound

    def __call__(self, a: States, b: States) -> States:
        """Return the states of both."""
        first, second = (np.ascontiguousarray(one).reshape(self._numbers, -1) for one in np.broadcast_arrays(a, b))
        out = np.empty_like(first)
        compiled = _joining(self._function, first.dtype, self._constants._fields, self._bound)
        compiled(first, second, np.array(self._constants, np.float64), out)
        return out.reshape(a.shape)


@cache
def _joining(function: Any, dtype: np.dtype[Any], names: tuple[str, ...], bound: tuple[tuple[str, Any], ...]) -> Any:
    states = _array(dtype, 2)
    signature = types.void(states, states, _array(np.dtype(np.float64), 1), states)
    return specialise(function, signature, read=reader(names), **dict(bound))


def _array(dtype: np.dtype[Any], rank: int) -> Any:
    return types.Array(from_dtype(dtype), rank, "C")


@cache
def _finishing(
    states: tuple[tuple[np.dtype[Any], int], ...], target: np.dtype[Any], finish: Any, names: tuple[str, ...]
) -> Any:
    arrays = [_array(dtype, 2) for dtype, _ in states]
    floats = _array(np.dtype(np.float64), 1)
    signature = types.void(arrays[0], arrays[-1], floats, floats, _array(target, 1))
    bound = {"finish": finish, "read": reader(names)}
    if len(states) == 1:
        return specialise(_finish_all, signature, get=GET[states[0][1]], **bound)
    return specialise(_finish_all_of_two, signature, get_second=GET[states[1][1]], **bound)


class Weighing(NamedTuple):
    """A mean whose weights depend on the neighbours of a value: sum(r w) / sum(w), or that over n."""

    planes: Callable[[NDArray[Any], NDArray[np.bool_]], tuple[NDArray[Any], NDArray[Any]]]
    """Of an image and of what is outside, returns r w and w of every value, both 0 of those outside."""
    over_n: bool = False


@dataclass(frozen=True)
class Fold:
    """A pool that lifts, combines and finishes."""

    task: Task
    parts: tuple[Part, ...]  # one state, or one of one number and another
    finish: Any
    constants: Any = NONE
    limits: Part | None = None  # the smallest and the largest value, where the result must lie between
    few: tuple[Part, ...] = ()  # the parts for windows of few values, which may need narrower states
    own: Operation | None = None  # what is faster over windows of few values than lifting one after the other
    max_dense_stride: int = 1
    of_region: Any = None  # of pools that select: what finds the value in the region of a large window
    weighing: Weighing | None = None  # of pools whose weights depend on the neighbours of a value: how, around nodata
    block: Block | None = None  # how small windows are folded where they lie side by side, without constants

    @cached_property
    def operation(self) -> Operation:
        """Return how rows of windows of few values are pooled."""
        if self.own:
            return self.own
        limit = bind(_limit, gather=self.limits.gather, number=self.task.source.type) if self.limits else anywhere
        first, last = (self.few or self.parts)[0], (self.few or self.parts)[-1]
        bound = {"finish": self.finish, "limit": limit, "gather": first.gather}
        dtype, numbers = last.operation.target.type, last.operation.planes
        if first is last:
            operator: Any = _fold
            bound |= {"number": dtype, "size_of_state": numbers, "get": GET[numbers]}
        else:
            operator = _fold_two
            bound |= {"number": first.operation.target.type, "gather_second": last.gather}
            bound |= {"second_number": dtype, "size_of_state": numbers, "get_second": GET[numbers]}
        task, dense = self.task, self.max_dense_stride
        return Operation(operator, task.source, task.target, bound, self.constants, max_dense_stride=dense)

    @property
    def exact_parts(self) -> tuple[Part, ...]:
        """Return the parts, if whatever is joined first makes no difference to the result."""
        return () if self.limits or not all(part.exact for part in self.parts) else self.parts

    def pool(self, image: NDArray[Any], rows: Windows, columns: Windows) -> NDArray[Any]:
        """Return (1, N, rows, columns, C) of (N, H, W, C)."""
        large = self.suits_parts(image.shape, rows, columns)
        if not large and self.block and blocks.suits(self.block, image.shape, rows, columns):
            return blocks.pool(image, self.block, rows, columns)
        if not large and not self.operation.prepass:
            return windows.pool(image, self.operation, rows, columns)
        parts = [*self.parts, *([self.limits] if self.limits else [])]
        if large:
            states = [regions.states(image, part, rows, columns) for part in parts]
        else:
            operations = [self.operation, *(part.operation for part in parts[1:])]
            states = [windows.pool(image, operation, rows, columns) for operation in operations]
        return self.finished(states, rows, columns)

    def suits_parts(self, shape: tuple[int, ...], rows: Windows, columns: Windows) -> bool:
        """Return whether windows are so large, or large ones so few, that they are pooled in parts."""
        return regions.are_large(shape, rows, columns, divisible=True, separable=bool(self.operation.separable))

    def finished(self, states: Sequence[States], rows: Windows, columns: Windows) -> NDArray[Any]:
        """Return the results (1, N, rows, columns, C) of states."""
        shape = states[0].shape[1:]
        own = [np.ascontiguousarray(one).reshape(len(one), -1) for one in states]
        n = np.broadcast_to(np.outer(rows.divisor, columns.divisor)[..., None], shape).astype(np.float64).ravel()
        out = np.empty(n.size, self.task.target)
        kinds = tuple((one.dtype, len(one)) for one in own[: len(self.parts)])
        finish = _finishing(kinds, self.task.target, self.finish, self.constants._fields)
        finish(own[0], own[len(self.parts) - 1], n, np.array(self.constants, np.float64), out)
        if self.limits:
            low, high = own[-1]
            # np.clip takes 0.0 for -0.0, or not, by where in the array a number is.
            np.copyto(out, low, where=out < low)
            np.copyto(out, high, where=out > high)
        return out.reshape(1, *shape)
