"""Pixels repeated, spread out or interleaved: what enlarges by whole numbers without arithmetic."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import get_num_threads, njit, prange, types
from numpy.typing import NDArray

from poolcli.engine.bands import Launcher
from poolcli.engine.compile import check, pointer

_integer = types.int64
_source, _bytes2 = types.Array(types.uint8, 2, "C", readonly=True), types.Array(types.uint8, 2, "C")
_integers1 = types.Array(types.int64, 1, "C")
BAND = _integer(_source, _integers1, _integers1, _integers1, _bytes2, _integer, _integer)
LAUNCH = _integer(types.FunctionType(BAND), *BAND.args[:-1])

_BANDS = 16  # for each thread

unit: Any = np.uint8  # bound to an unsigned integer as wide as the dtype that is moved


@njit(inline="always")
def _interleave(planes, out, channels, phases, size):
    for q in range(size):
        for s in range(phases):
            for c in range(channels):
                out[(q * phases + s) * channels + c] = planes[s, q * channels + c]


@njit
def merge(planes, out, channels, phases, size):
    """Write pixel q of plane s to pixel q * phases + s: LLVM vectorises this where both numbers are constants."""
    if phases == 2 and channels == 1:
        _interleave(planes, out, 1, 2, size)
    elif phases == 2 and channels == 3:
        _interleave(planes, out, 3, 2, size)
    elif phases == 2 and channels == 4:
        _interleave(planes, out, 4, 2, size)
    else:
        _interleave(planes, out, channels, phases, size)


# fmt: off
def _launch(band, image, settings, rows, columns, out, bands):
    total = settings[0] * rows.size
    done = 0
    for b in prange(bands):
        done += band(image, settings, rows, columns, out, b * total // bands, (b + 1) * total // bands)
    return done


def _band(image, settings, rows, columns, out, start, stop):
    # fmt: on
    _, height, width, channels, phases = settings
    source, target = image.view(unit), out.view(unit)
    lanes = width * channels
    planes = np.zeros((max(phases, 1), lanes), unit)
    last = -1
    for i in range(start, stop):
        y = rows[i % rows.size]
        result = target[i]
        if y < 0:
            result[:] = 0
            continue
        line = i // rows.size * height + y
        if line == last and i > start and rows[(i - 1) % rows.size] == y:
            before = target[i - 1]
            for j in range(result.size):
                result[j] = before[j]
            continue
        last = line
        row = source[line]
        if phases > 1:
            for s in range(phases):
                if columns[s] >= 0:
                    planes[s] = row
            merge(planes, result, channels, phases, width)
            continue
        for x in range(columns.size):
            for c in range(channels):
                result[x * channels + c] = row[columns[x] * channels + c] if columns[x] >= 0 else unit(0)
    return 1


def spread(image: NDArray[Any], rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[Any]:
    """Return (N, rows, columns, C): the pixels of (N, H, W, C) at these places, 0 where a place is -1."""
    images, _, width, channels = image.shape
    out = np.empty((images, len(rows), len(columns), channels), image.dtype)
    if not out.size:
        return out
    phases, rest = divmod(len(columns), width)
    x = np.arange(len(columns)) // max(phases, 1)
    regular = not rest and 1 < phases <= 16 and ((columns == x) | (columns < 0)).all()
    regular = regular and ((columns.reshape(width, -1) < 0) == (columns[:phases] < 0)).all()
    settings = np.array([*image.shape, phases if regular else 0], np.int64)
    size = image.dtype.itemsize
    band = _mover(size)
    bands = min(images * len(rows), _BANDS * get_num_threads())
    source = image.reshape(-1, width * channels).view(np.uint8)
    target = out.reshape(images * len(rows), -1).view(np.uint8)
    check(_launcher()(band, source, settings, rows, columns, target, bands), bands)
    return out


@cache
def _mover(size: int) -> Any:
    return pointer(_band, BAND, unit=np.dtype(f"u{size}").type)


@cache
def _launcher() -> Any:
    return Launcher(_launch, LAUNCH)
