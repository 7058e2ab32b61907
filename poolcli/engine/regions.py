"""Large windows, down to one that is the whole map: in parts that are joined.

`windows` holds an entry for each value of a window and adds them up one after the other, which is quickest for windows
of few values. Large windows are cut into bands of rows instead: each band is a row of windows of one column, which
`windows` pools, and the states of bands and columns are joined in pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.engine import blocks, windows
from poolcli.engine.blocks import Lifting
from poolcli.engine.operation import Operation
from poolcli.geometry import Windows, adaptive, of_whole, singles

Grid = tuple[Windows, Windows]
"""Windows along the rows and the columns."""
States = NDArray[Any]
"""States of windows or of parts of them, (numbers, ...): a state may be more than one number."""

ROWS = 128  # of a window in a band, at most: so many sums of 8 bits fit into 16
_LARGE = 1 << 12  # values of a window; as many of larger ones as there may be overlap little
_LARGEST = 1 << 18  # values of a window that `windows` takes, even where many overlap
_SEVERAL = 64  # windows; so few large ones leave `windows` too little to do at once
_ROWS_OF_WINDOWS = 16
_OVERLAP = 4  # windows that a pixel is in
_BANDS = 64  # enough for the threads of a map that has the rows
_WIDTH = 1 << 12  # columns whose bands are pooled together
_BYTES = 1 << 24  # of what bands leave, before it is joined


@dataclass(frozen=True)
class Part:
    """What state is made of some rows of a window, column by column, and how two states are joined."""

    operation: Operation
    join: Callable[[States, States], States]
    joined: np.dtype[Any]  # of the states while they are joined
    gather: Any = None  # what makes the states, for operators that go on from there
    exact: bool = False  # whatever is joined first, the result is the same
    weighted: bool = False  # values count by the weights of their windows
    lifting: Lifting | None = None  # what makes the states, where these are one number without constants

    @property
    def planes(self) -> int:
        """Return how many numbers a state has."""
        return (self.operation.prepass or self.operation).planes


def are_large(shape: tuple[int, ...], rows: Windows, columns: Windows, divisible: bool, separable: bool) -> bool:
    """Return whether windows are so large, or large ones so few, that they do not go row by row.

    Windows of `separable` operators go one axis at a time, and few windows in parts where these are `divisible`.
    """
    shape, rows, columns = of_whole(shape, rows, columns)
    taps, count = rows.max_count * columns.max_count, rows.size * columns.size
    if separable and rows.size >= _ROWS_OF_WINDOWS:  # one axis at a time is quicker, where threads have work
        return False
    if taps > _LARGEST:
        return True
    if divisible and taps >= _SEVERAL and count <= _SEVERAL:
        return True
    return taps > _LARGE and taps * count <= _OVERLAP * shape[1] * shape[2]


def pool_grids(image: NDArray[Any], pools: Sequence[Any], grids: Sequence[Grid]) -> list[NDArray[Any]]:
    """Apply a mode to several grids of windows, by a pool each; read once where it makes no difference."""
    exact = all(getattr(pool, "exact_parts", ()) for pool in pools)
    large = exact and all(pool.suits_parts(image.shape, *grid) for pool, grid in zip(pools, grids, strict=True))
    if len(grids) == 1 or not large:
        return [pool.pool(image, *grid) for pool, grid in zip(pools, grids, strict=True)]
    rows, columns = (_cells([grid[axis] for grid in grids], image.shape[1 + axis]) for axis in (0, 1))
    parts = pools[0].exact_parts
    cells = [states(image, part, rows, columns) for part in parts]
    results = []
    for pool, (down, across) in zip(pools, grids, strict=True):
        joined = [
            _along(_along(one, 2, _within(down, rows), part.join), 3, _within(across, columns), part.join)
            for one, part in zip(cells, parts, strict=True)
        ]
        results.append(pool.finished(joined, down, across))
    return results


def _cells(windows: Sequence[Windows], n: int) -> Windows:
    """Return windows side by side of which all of the given ones are made."""
    edges = np.unique(np.concatenate([[0, n], *(part for w in windows for part in (w.first, w.first + w.count))]))
    count = np.diff(edges)
    return Windows(edges[:-1], count, count, np.ones((1, int(count.max())), np.int64))


def _within(windows: Windows, cells: Windows) -> Windows:
    """Return the windows as windows of cells."""
    first, end = (np.searchsorted(cells.first, edge) for edge in (windows.first, windows.first + windows.count))
    return replace(windows, first=first, count=end - first)


def whole(image: NDArray[Any], part: Part) -> States:
    """Return the states of whole maps (N, H, W, C): (numbers, N, C)."""
    return states(image, part, adaptive(image.shape[1], 1), adaptive(image.shape[2], 1))[:, :, 0, 0]


def states(image: NDArray[Any], part: Part, rows: Windows, columns: Windows) -> States:
    """Return the state of each window, (numbers, N, rows, columns, C).

    What is joined with what depends on the windows alone: a batch gives the bytes that its images give alone.
    """
    channels, planes = image.shape[3], part.planes
    out = np.empty((planes, len(image), rows.size, columns.size, channels), part.joined)
    height, width = _order(image.shape, part, rows, columns)
    if not width:
        return _lines(image, part, rows, height, columns)
    whole_columns = of_whole(image.shape, rows, columns)[2]
    (begin, end), (first, _) = _extent(columns), _extent(whole_columns)
    column = -(-rows.max_count // height) * channels * planes * part.joined.itemsize
    skipped = int(whole_columns.first[columns.begin] - columns.first[0]) + begin - first  # columns before these
    together = max(1, _BYTES // (column * width))
    pictures = max(1, together // rows.size)
    for n, i in product(range(0, len(image), pictures), range(0, rows.size, together)):
        some, own = image[n : n + pictures], out[:, n : n + pictures, i : i + together]
        for cut in range(begin - skipped % width, end, width):
            start, stop = max(cut, begin), min(cut + width, end)
            lines = _lines(
                some, part, rows[i : i + together], height, singles(np.ones(stop - start, np.int64)).shifted(start)
            )
            _add(own, lines, part, columns, start, stop)
    return out


def _order(shape: tuple[int, ...], part: Part, rows: Windows, columns: Windows) -> tuple[int, int]:
    """Return how many rows a band has, and how many columns are joined at once: 0 where a kernel joins all."""
    (_, _, across, channels), down, whole_columns = of_whole(shape, rows, columns)
    height = int(np.clip(down.max_count * down.size // _BANDS, 8, ROWS))
    row_fits = across * channels * part.joined.itemsize <= _BYTES
    if part.lifting and row_fits and not part.operation.prepass and rows.step == columns.step == 1:
        return -(-height // 8) * 8, 0  # eight rows a pass
    first, last = _extent(whole_columns)
    column = -(-rows.max_count // height) * channels * part.planes * part.joined.itemsize
    return height, min(last - first, max(_WIDTH, _BYTES // column) if part.exact else _WIDTH)


class Ordered:
    """The state of a whole map (H, W, C) that is seen box by box: what is joined with what is as in `whole`.

    Boxes come from top to bottom, and have whole bands but at the end; where some columns are joined at once, strips of
    as many, or of a multiple, come from left to right.
    """

    def __init__(self, part: Part, shape: tuple[int, ...]) -> None:
        rows, self._columns = adaptive(shape[0], 1), adaptive(shape[1], 1)
        self.height, self.width = _order((1, *shape), part, rows, self._columns)
        self._part, self._rows = part, shape[0]
        self._bands: list[States] = []
        self._state = np.empty((part.planes, 1, 1, 1, shape[2]), part.joined)

    def add(self, box: NDArray[Any], top: int, left: int) -> None:
        """Take the values (1, H, W, C) that begin at a row and a column of the map."""
        _, rows, columns, _ = box.shape
        first = np.arange(0, rows, self.height, dtype=np.int64)
        count = np.minimum(self.height, rows - first)
        bands = Windows(first, count, count, np.ones((1, self.height), np.int64))
        across = singles(np.ones(columns, np.int64)) if self.width else adaptive(columns, 1)
        self._bands.append(_of_bands(box, self._part, bands, across))
        if top + rows < self._rows:
            return
        lines = _joined(np.concatenate(self._bands, 2), 2, self._part.join)[:, :, None]
        self._bands = []
        if not self.width:
            self._state = lines
            return
        for start in range(0, columns, self.width):
            own = lines[:, :, :, start : start + self.width]
            _add(self._state, own, self._part, self._columns, left + start, left + start + own.shape[3])

    @property
    def column_bytes(self) -> int:
        """Return how many bytes are kept of each column until all its rows are seen."""
        return -(-self._rows // self.height) * self._state.nbytes

    @property
    def state(self) -> States:
        """Return the state of the map, (numbers, N, C)."""
        return self._state[:, :, 0, 0]


def _extent(windows: Windows) -> tuple[int, int]:
    """Return the first place of an axis that windows take, and the one after the last."""
    return int(windows.first.min()), int((windows.first + (windows.count - 1) * windows.step).max()) + 1


def _lines(image: NDArray[Any], part: Part, rows: Windows, height: int, columns: Windows) -> States:
    """Return what is left of each column of each row of windows, (planes, N, rows, W, C).

    Or of several columns together, where a kernel joins them.
    """
    bands = [_bands(rows, i, height) for i in range(rows.size)]
    ends = np.cumsum([len(first) for first, _, _ in bands])
    first, count, weights = (np.concatenate(parts) for parts in zip(*bands, strict=True))
    own = Windows(first, count, count, weights if part.weighted else np.ones((1, height), np.int64), rows.step)
    found = _of_bands(image, part, own, columns)
    each = np.split(found, ends[:-1], axis=2)
    return np.stack([_joined(one, 2, part.join) for one in each], 2)


def _of_bands(image: NDArray[Any], part: Part, bands: Windows, columns: Windows) -> States:
    """Return the states of bands, (planes, N, bands, columns, C)."""
    if part.lifting and columns.max_count > 1:
        return blocks.fold(image, part.lifting, bands, columns, part.joined)
    return windows.pool(image, part.operation, bands, columns).astype(part.joined, copy=False)


def _bands(rows: Windows, i: int, height: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return where the bands of a row of windows begin, how many rows they have, and the weights of these."""
    count = int(rows.count[i])
    begin = np.arange(0, count, height, dtype=np.int64)
    weights = np.zeros(len(begin) * height, np.int64)
    weights[:count] = rows.weights[min(i, len(rows.weights) - 1), :count]
    return rows.first[i] + begin * rows.step, np.minimum(height, count - begin), weights.reshape(-1, height)


def _add(out: States, lines: States, part: Part, columns: Windows, start: int, stop: int) -> None:
    """Join the columns from `start` to `stop` to what windows have of those before."""
    step = columns.step
    low = np.maximum(0, -((columns.first - start) // step))  # the first tap that is not before `start`
    high = np.maximum(low, np.minimum(columns.count, -((columns.first - stop) // step)))
    own = replace(columns, first=columns.first + low * step - start, count=high - low)
    met = np.flatnonzero(own.count)
    some = _along(lines, 3, own[met], part.join, _weights(columns, low, met) if part.weighted else None)
    old = low[met] > 0
    if old.any():
        some[:, :, :, old] = part.join(out[:, :, :, met[old]], some[:, :, :, old])
    out[:, :, :, met] = some


def _weights(columns: Windows, low: NDArray[np.int64], met: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the weights of windows from their tap `low` on."""
    of = columns.weights[met] if len(columns.weights) > 1 else columns.weights.repeat(len(met), 0)
    taps = np.minimum(low[met, None] + np.arange(of.shape[1]), of.shape[1] - 1)
    return np.take_along_axis(of, taps, 1)


def _along(planes: States, axis: int, own: Windows, join: Any, weights: NDArray[np.int64] | None = None) -> States:
    """Join what each window takes along an axis: those of one count together."""
    shape = list(planes.shape)
    shape[axis] = own.size
    out = np.empty(shape, planes.dtype)
    before: Any = (slice(None),) * axis
    size = planes.nbytes // planes.shape[axis]
    for count in np.unique(own.count).tolist():
        alike = np.flatnonzero(own.count == count)
        for some in np.array_split(alike, -(-len(alike) * count * size // _BYTES)):
            taps = own.first[some, None] + np.arange(count) * own.step
            values = planes[(*before, taps)]
            if weights is not None:
                values = values * weights[some, :count, None]
            out[(*before, some)] = _joined(values, axis + 1, join)
    return out


def _joined(planes: States, axis: int, join: Callable[[States, States], States]) -> States:
    """Join all along an axis, in pairs."""
    n = planes.shape[axis]
    while n > 1:
        half = (n + 1) // 2
        pairs = join(_part(planes, axis, 0, n - half), _part(planes, axis, half, n))
        planes = np.concatenate([pairs, _part(planes, axis, n - half, half)], axis)
        n = half
    return _part(planes, axis, 0, 1).squeeze(axis)


def _part(planes: States, axis: int, begin: int, end: int) -> States:
    return planes[(slice(None),) * axis + (slice(begin, end),)]
