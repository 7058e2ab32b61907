"""Windows of any size, down to one that is the whole map: in parts that are joined, or channel by channel.

`windows` holds an entry for each value of a window and adds them up one after the other, which is quickest for windows
of few values. Large windows are cut into bands of rows instead: each band is a row of windows of one column, which
`windows` pools, and what is left of the bands and columns is joined in pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli import dtypes
from poolcli.geometry import Windows, adaptive, singles
from poolcli.kernels import windows
from poolcli.kernels.operation import Fold, Operation, Part, Planes, Region

Grid = tuple[Windows, Windows]
"""Windows along the rows and the columns."""

_LARGE = 1 << 12  # values of a window; as many of larger ones as there may be overlap little
_LARGEST = 1 << 18  # values of a window that `windows` takes, even where many overlap
_SEVERAL = 64  # windows; so few large ones leave `windows` too little to do at once
_OVERLAP = 4  # windows that a pixel is in
_BANDS = 64  # enough for the threads of a map that has the rows
_BYTES = 1 << 24  # of what bands leave, before it is joined


def pool(image: NDArray[Any], operation: Operation, rows: Windows, columns: Windows) -> NDArray[Any]:
    """Apply an operation to (N, H, W, C) and return (planes, N, rows, columns, C)."""
    fold, target = operation.fold, operation.finished or operation.target
    if suits(operation, rows, columns, image.shape):
        if fold:
            return _folded(image, fold, target, rows, columns)[None]
        return _by_channel(image, operation, rows, columns)
    planes = windows.pool(image, operation, rows, columns)
    if not operation.finished or not fold:
        return planes
    parts = [planes, *([windows.pool(image, fold.keep.operation, rows, columns)] if fold.keep else [])]
    counts, divisors = (np.outer(*pair)[..., None] for pair in ((rows.count, columns.count),
                                                                (rows.divisor, columns.divisor)))  # fmt: skip
    return _finished(fold, parts, counts, divisors, target)[None]


def suits(operation: Operation, rows: Windows, columns: Windows, shape: tuple[int, ...]) -> bool:
    """Return whether windows are so large, or large ones so few, that they are pooled in parts."""
    taps, count = rows.most * columns.most, rows.size * columns.size
    if taps > _LARGEST:
        return True
    if operation.fold and taps >= _SEVERAL and count <= _SEVERAL:
        return True
    return taps > _LARGE and taps * count <= _OVERLAP * shape[1] * shape[2]


def pool_grids(image: NDArray[Any], operations: Sequence[Operation], grids: Sequence[Grid]) -> list[NDArray[Any]]:
    """Apply a mode to several grids of windows, by an operation each; read once where it makes no difference."""
    fold, target = operations[0].fold, operations[0].target
    large = all(suits(operation, *grid, image.shape) for operation, grid in zip(operations, grids, strict=True))
    if len(grids) == 1 or not large or not fold or fold.keep or not all(part.exact for part in fold.parts):
        return [pool(image, operation, *grid) for operation, grid in zip(operations, grids, strict=True)]
    rows, columns = (_cells([grid[axis] for grid in grids], image.shape[1 + axis]) for axis in (0, 1))
    parts = []
    for part in fold.parts:
        lines = [_row_of_windows(image, part, rows, i, columns) for i in range(rows.size)]
        parts.append((np.stack([np.stack(line, 1) for line in lines], 1), part.join))
    return [_of_cells(parts, rows, columns, grid, fold, target)[None] for grid in grids]


def _cells(windows: Sequence[Windows], n: int) -> Windows:
    """Return windows side by side of which all of the given ones are made."""
    edges = np.unique(np.concatenate([[0, n], *(part for w in windows for part in (w.first, w.first + w.count))]))
    count = np.diff(edges)
    return Windows(edges[:-1], count, count, np.ones((1, int(count.max())), np.int64))


def _of_cells(
    parts: Sequence[tuple[Planes, Any]], rows: Windows, columns: Windows, grid: Grid, fold: Fold, target: np.dtype[Any]
) -> NDArray[Any]:
    down, across = grid
    images, channels = parts[0][0].shape[3:]
    out = np.empty((images, down.size, across.size, channels), target)
    for i, j in np.ndindex(down.size, across.size):
        (top, bottom), (left, right) = (
            np.searchsorted(cells.first, (own.first[k], own.first[k] + own.count[k]))
            for cells, own, k in ((rows, down, i), (columns, across, j))
        )
        found = [_joined(_joined(cells[:, top:bottom, left:right], 1, join), 1, join) for cells, join in parts]
        count, divisor = (int(getattr(down, name)[i] * getattr(across, name)[j]) for name in ("count", "divisor"))
        out[:, i, j] = _finished(fold, found, count, divisor, target)
    return out


def _folded(image: NDArray[Any], fold: Fold, target: np.dtype[Any], rows: Windows, columns: Windows) -> NDArray[Any]:
    images, channels = len(image), image.shape[3]
    out = np.empty((images, rows.size, columns.size, channels), target)
    parts = [*fold.parts, *([fold.keep] if fold.keep else [])]
    for i in range(rows.size):
        taken = [_row_of_windows(image, part, rows, i, columns) for part in parts]
        for j in range(columns.size):
            found = [planes[j] for planes in taken]
            count = int(rows.count[i] * columns.count[j])
            divisor = int(rows.divisor[i] * columns.divisor[j])
            out[:, i, j] = _finished(fold, found, count, divisor, target)
    return out


def _finished(fold: Fold, parts: Sequence[Planes], count: Any, divisor: Any, target: np.dtype[Any]) -> NDArray[Any]:
    """Return the result of joined parts in a dtype, within its bounds if it has some."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # infinities follow IEEE
        out = dtypes.convert(fold.finish(parts[: len(fold.parts)], count, divisor, target), target)
    kept: NDArray[Any] = np.clip(out, *parts[-1]) if fold.keep else out
    return kept


def _row_of_windows(image: NDArray[Any], part: Part, rows: Windows, i: int, columns: Windows) -> list[Planes]:
    """Return what is left of each window in a row of windows, (planes, N, C)."""
    bands = _bands(rows, i)
    planes = part.operation.planes
    pixel = bands.size * len(image) * image.shape[3] * planes * part.number.itemsize
    left: list[list[Planes]] = [[] for _ in range(columns.size)]
    begin, end = int(columns.first.min()), int((columns.first + (columns.count - 1) * columns.step).max()) + 1
    for start in range(begin, end, max(1, _BYTES // pixel)):
        stop = min(end, start + max(1, _BYTES // pixel))
        across = singles(np.ones(stop - start, np.int64)).moved(start)
        lines = windows.pool(image, part.operation, bands, across).astype(part.number, copy=False)
        lines = _joined(lines, 2, part.join)
        for j, (taken, weights) in enumerate(_taken(columns, start, stop)):
            if taken.stop > taken.start:
                values = lines[:, :, taken] * weights[:, None] if part.weighted else lines[:, :, taken]
                left[j].append(_joined(values, 2, part.join))
    return [_joined(np.stack(found, 1), 1, part.join) for found in left]


def whole(image: NDArray[Any], part: Part) -> Planes:
    """Return what is left of whole maps (N, H, W, C), (planes, N, C)."""
    return _row_of_windows(image, part, adaptive(image.shape[1], 1), 0, adaptive(image.shape[2], 1))[0]


def _bands(rows: Windows, i: int) -> Windows:
    """Return windows of some rows each of one window."""
    count = int(rows.count[i])
    height = int(np.clip(count // _BANDS, 8, Part.ROWS))
    begin = np.arange(0, count, height, dtype=np.int64)
    sizes = np.minimum(height, count - begin)
    weights = rows.weights[min(i, len(rows.weights) - 1)]
    padded = np.zeros(len(begin) * height, np.int64)
    padded[:count] = weights[:count]
    spread = padded.reshape(len(begin), height)
    return Windows(rows.first[i] + begin * rows.step, sizes, sizes, spread if (weights != 1).any() else spread[:1] | 1,
                   rows.step)  # fmt: skip


def _taken(columns: Windows, start: int, stop: int) -> Iterator[tuple[slice, NDArray[np.int64]]]:
    """Yield, for every window, which of the columns from `start` to `stop` are its own, and their weights."""
    step = columns.step
    for j, (first, count) in enumerate(zip(columns.first.tolist(), columns.count.tolist(), strict=True)):
        low = max(0, -((first - start) // step))  # the first tap that is not before `start`
        high = max(low, min(count, -((first - stop) // step)))
        weights = columns.weights[min(j, len(columns.weights) - 1), low:high]
        yield slice(first + low * step - start, first + high * step - start, step), weights


def _joined(planes: Planes, axis: int, join: Callable[[Planes, Planes], Planes]) -> Planes:
    """Join all along an axis, in pairs."""
    n = planes.shape[axis]
    while n > 1:
        half = (n + 1) // 2
        pairs = join(_part(planes, axis, 0, n - half), _part(planes, axis, half, n))
        planes = np.concatenate([pairs, _part(planes, axis, n - half, half)], axis)
        n = half
    return _part(planes, axis, 0, 1).squeeze(axis)


def _part(planes: Planes, axis: int, begin: int, end: int) -> Planes:
    return planes[(slice(None),) * axis + (slice(begin, end),)]


def _by_channel(image: NDArray[Any], operation: Operation, rows: Windows, columns: Windows) -> NDArray[Any]:
    assert operation.region is not None
    images, _, width, channels = image.shape
    out = np.empty((operation.planes, images, rows.size, columns.size, channels), operation.target)
    for n, i, j, c in np.ndindex(images, rows.size, columns.size, channels):
        ys, xs = _span(rows, i), _span(columns, j)
        first, step = (ys.start, xs.start), (rows.step, columns.step)
        found = operation.region(Region(image[n, ys, xs, c], (i, j, c), first, step, width))
        out[:, n, i, j, c] = dtypes.convert(np.array(found), operation.target)
    return out


def _span(windows: Windows, i: int) -> slice:
    first = int(windows.first[i])
    return slice(first, first + (int(windows.count[i]) - 1) * windows.step + 1, windows.step)
