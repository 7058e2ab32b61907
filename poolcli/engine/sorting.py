"""Large windows of which there are many: each is sorted by itself, byte after byte, and read."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from poolcli import geometry
from poolcli.engine.bands import Bands
from poolcli.engine.operation import Operation, reader, record
from poolcli.engine.ordinals import functions_of_keys, sort_keys
from poolcli.engine.views import numbers_of
from poolcli.geometry import Windows

unit: Any = None  # bound to the unsigned integer as wide as the values
source: Any = None  # bound to dtypes
target: Any = None
read_keys: Any = None  # bound to functions of keys
bits_of: Any = None
reading: Any = None  # bound to what is made of a sorted window
read: Any = None

SETTINGS = record("height", "channels", "rows", "columns", "planes", "most")
"""Rows and channels of an image, its rows of windows and their columns, results of a window, values of one at most."""

_integers = types.Array(types.int64, 2, "C", readonly=True)
_bands = Bands(
    types.Array(types.uint8, 2, "C", readonly=True), _integers, _integers,
    types.Array(from_dtype(SETTINGS), 1, "C"), types.Array(types.float64, 1, "C"), types.Array(types.uint8, 2, "C"),
)  # fmt: skip
_LEAST = 1024  # windows: fewer are done before this is compiled
_MOST = 1 << 16  # values of a window: ranks of larger ones are found sooner, digit by digit


def suits(image: NDArray[Any], rows: Windows, columns: Windows) -> bool:
    """Return whether there are many windows, none too large, all without gaps and none empty."""
    _, *sides = geometry.of_whole(image.shape, rows, columns)
    many = sides[0].size * sides[1].size * image.shape[0] * image.shape[3] >= _LEAST
    dense = all(side.step == 1 and side.count.min(initial=1) > 0 for side in sides)
    return many and dense and sides[0].max_count * sides[1].max_count <= _MOST and image.dtype.kind != "b"


def pool(image: NDArray[Any], operation: Operation, reading: Any, rows: Windows, columns: Windows) -> NDArray[Any]:
    """Return (planes, N, rows, columns, C) of (N, H, W, C): what `reading(block, constants, result)` makes.

    It gets the sorted values of a window, (n, 1), and writes its results, (planes, 1).
    """
    images, height, _, channels = image.shape
    out = np.empty((images, rows.size, operation.planes, columns.size, channels), operation.target)
    most = rows.max_count * columns.max_count
    settings = np.array([(height, channels, rows.size, columns.size, operation.planes, most)], SETTINGS)
    _bands.run(
        _compiled(operation.source, operation.target, reading, operation.constants._fields),
        images * rows.size,
        image.reshape(images * height, -1).view(np.uint8),
        np.stack([rows.first, rows.count], 1),
        np.stack([columns.first, columns.count], 1),
        settings,
        operation.parameters,
        out.reshape(images * rows.size, -1).view(np.uint8),
    )
    return np.ascontiguousarray(out.transpose(2, 0, 1, 3, 4))


@cache
def _compiled(source: np.dtype[Any], target: np.dtype[Any], reading: Any, names: tuple[str, ...]) -> Any:
    bound = {"source": source.type, "target": target.type, "reading": reading, "read": reader(names)}
    return _bands.compile(_band, **bound, **functions_of_keys(source))


def _band(start, stop, image, rows, columns, settings, parameters, out):
    about = settings[0]
    channels, constants = about.channels, read(parameters)
    lines, results = numbers_of(image, unit), numbers_of(out, target)
    keys, order = np.empty((2, about.most), unit), np.empty((2, about.most), np.int32)
    digits = np.empty(256, np.int32)
    bits, made = np.empty((about.most, 1), unit), np.empty((about.planes, 1), target)
    for i in range(start, stop):
        top = i // about.rows * about.height + rows[i % about.rows, 0]
        for j in range(len(columns)):
            left, width = columns[j, 0], columns[j, 1]
            size = rows[i % about.rows, 1] * width
            for c in range(channels):
                known = read_keys(lines, top, left, width, channels, c, keys[0][:size])
                last = sort_keys(keys[:, :size], order[:, :size], digits)
                for k in range(size):
                    bits[k, 0] = bits_of(keys[last, k if known == size else size - 1])
                reading(numbers_of(bits[:size], source), constants, made)
                for p in range(about.planes):
                    results[i, (p * about.columns + j) * channels + c] = made[p, 0]
    return 1
