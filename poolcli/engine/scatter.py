"""Values put where indices say: the largest of several on one place, as max unpooling does."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from poolcli.engine.bands import Bands
from poolcli.engine.operation import record
from poolcli.engine.views import numbers_of

SURVEY = record("smallest", "largest", "astray")
"""Of a row of indices: the smallest, the largest, and how many lie outside their region."""
REGIONS = record("height", "channels", "down", "across", "width")
"""Rows of the indices, channels; size of a region, 0 for none; width of the image that indices point into."""
SCATTERED = record("height", "channels", "rows", "width")
"""Rows of the values, channels; rows and width of the output."""

_indices = types.Array(types.int64, 2, "C", readonly=True)
_surveys, _regions, _scattered = (types.Array(from_dtype(one), 1, "C") for one in (SURVEY, REGIONS, SCATTERED))
_surveying = Bands(_indices, _regions, _surveys)
_scattering = Bands(
    types.Array(types.uint8, 2, "C", readonly=True), _indices, _surveys, _scattered, types.Array(types.uint8, 2, "C")
)

_returning = Bands(
    types.Array(types.uint8, 2, "C", readonly=True), types.Array(types.uint8, 2, "C", readonly=True), _indices,
    _surveys, _scattered, types.Array(types.uint8, 2, "C"),
)  # fmt: skip

number: Any = None  # bound to the dtype of the image
sent: Any = None  # bound to the float of the gradient


def survey(indices: NDArray[np.int64], strides: tuple[int, int], width: int) -> NDArray[Any]:
    """Return a record of `SURVEY` for each row of (N, H, W, C).

    Regions are those of strides in an image of this width; without strides (0, 0) none is looked at.
    """
    images, height, _, channels = indices.shape
    lines = indices.reshape(images * height, indices.shape[2] * channels)
    surveyed = np.zeros(len(lines), SURVEY)
    if indices.size:
        regions = np.array([(height, channels, *strides, width)], REGIONS)
        _surveying.run(_surveyor(), len(lines), lines, regions, surveyed)
    return surveyed


def scatter(image: NDArray[Any], indices: NDArray[np.int64], surveyed: NDArray[Any], out: NDArray[Any]) -> None:
    """Put the values of (N, H, W, C) into an image of 0, at their indices row * width + column."""
    images, height, _, channels = image.shape
    rows, width = out.shape[1:3]
    if not image.size:
        return
    _scattering.run(
        _scatterer(image.dtype),
        images * rows,
        np.ascontiguousarray(image).reshape(images * height, -1).view(np.uint8),
        indices.reshape(images * height, -1),
        surveyed,
        np.array([(height, channels, rows, width)], SCATTERED),
        out.reshape(images, -1).view(np.uint8),
    )


def returned(
    grads: NDArray[Any], image: NDArray[Any], indices: NDArray[np.int64], surveyed: NDArray[Any]
) -> NDArray[Any]:
    """Return for each value of (N, H, W, C) what stands at its index in (N, rows, columns, C).

    Of several values with one index the largest has it, the first of equal ones, and the others 0.
    """
    images, height, _, channels = image.shape
    rows, width = grads.shape[1:3]
    out = np.zeros(image.shape, grads.dtype)
    if image.size:
        _returning.run(
            _returner(image.dtype, grads.dtype),
            images * rows,
            grads.reshape(images, -1).view(np.uint8),
            np.ascontiguousarray(image).reshape(images * height, -1).view(np.uint8),
            indices.reshape(images * height, -1),
            surveyed,
            np.array([(height, channels, rows, width)], SCATTERED),
            out.reshape(images * height, -1).view(np.uint8),
        )
    return out


@cache
def _surveyor() -> Any:
    return _surveying.compile(_survey)


@cache
def _scatterer(dtype: np.dtype[Any]) -> Any:
    return _scattering.compile(_scatter, number=dtype.type)


@cache
def _returner(image: np.dtype[Any], grads: np.dtype[Any]) -> Any:
    return _returning.compile(_return, number=image.type, sent=grads.type)


def _survey(start, stop, indices, regions, surveyed):
    about = regions[0]
    height, down, across, width = about.height, about.down, about.across, about.width
    left = np.arange(indices.shape[1]) // about.channels * across  # of the region of each index
    for i in range(start, stop):
        row = indices[i]
        low = high = row[0]
        for index in row:
            low, high = min(low, index), max(high, index)
        inside = 0
        for y in range(i % height * down, (i % height + 1) * down):
            for j in range(row.size):
                column = row[j] - y * width - left[j]
                inside += (column >= 0) & (column < across)
        surveyed[i].smallest, surveyed[i].largest = low, high
        surveyed[i].astray = row.size - inside if down else 0
    return 1


def _scatter(start, stop, values, indices, surveyed, scattered, out):
    """Fill some rows of the output: all values first, then the larger of those that share a place."""
    about = scattered[0]
    height, channels, rows, width = about.height, about.channels, about.rows, about.width
    source = numbers_of(values, number)
    while start < stop:  # image after image
        image = start // rows
        target = numbers_of(out[image], number)
        end = min(stop, (image + 1) * rows)
        low, high = (start - image * rows) * width, (end - image * rows) * width
        for larger in range(2):
            for i in range(image * height, (image + 1) * height):
                if surveyed[i].largest < low or surveyed[i].smallest >= high:
                    continue
                row, line = indices[i], source[i]
                for x in range(row.size // channels):
                    for c in range(channels):
                        index, value = row[x * channels + c], line[x * channels + c]
                        j = index * channels + c
                        if low <= index < high and (not larger or value > target[j] or value != value):
                            target[j] = value
        start = end
    return 1


def _return(start, stop, grads, values, indices, surveyed, scattered, out):
    """Give what some rows of the output have to the values that were put there: each to one, so bands never meet."""
    about = scattered[0]
    height, channels, rows, width = about.height, about.channels, about.rows, about.width
    source, target = numbers_of(values, number), numbers_of(out, sent)
    while start < stop:  # image after image
        image = start // rows
        end = min(stop, (image + 1) * rows)
        low, high = (start - image * rows) * width, (end - image * rows) * width
        given = numbers_of(grads, sent)[image][low * channels : high * channels]
        owners = np.full(given.size, -1)
        for i in range(image * height, (image + 1) * height):
            if surveyed[i].largest < low or surveyed[i].smallest >= high:
                continue
            row, line = indices[i], source[i]
            for j in range(row.size):
                if low <= row[j] < high:
                    place = (row[j] - low) * channels + j % channels
                    owner = owners[place]
                    if owner >= 0:
                        best = source[owner // row.size, owner % row.size]
                        if not (line[j] > best or (line[j] != line[j] and best == best)):
                            continue
                    owners[place] = i * row.size + j
        for place in range(given.size):
            if owners[place] >= 0:
                target[owners[place] // target.shape[1], owners[place] % target.shape[1]] = given[place]
        start = end
    return 1
