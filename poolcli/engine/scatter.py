"""Values put where indices say, the largest of several on one place: max unpooling."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import get_num_threads, prange, types
from numpy.typing import NDArray

from poolcli.engine.bands import Launcher
from poolcli.engine.compile import check, pointer

_integer = types.int64
_source, _bytes2 = types.Array(types.uint8, 2, "C", readonly=True), types.Array(types.uint8, 2, "C")
_indices, _about = types.Array(types.int64, 2, "C", readonly=True), types.Array(types.int64, 2, "C")
BAND = _integer(_source, _indices, _about, types.Array(types.int64, 1, "C"), _bytes2, _integer, _integer)
LAUNCH = _integer(types.FunctionType(BAND), *BAND.args[:-1])

_BANDS = 16  # for each thread

number: Any = np.uint8  # bound to the dtype of the picture


# fmt: off
def _launch(band, values, places, about, settings, out, bands):
    total = settings[0]
    done = 0
    for b in prange(bands):
        done += band(values, places, about, settings, out, b * total // bands, (b + 1) * total // bands)
    return done


def _survey(values, places, about, settings, out, start, stop):
    """Of each row of indices, find the smallest and the largest, and how many lie outside their region."""
    # fmt: on
    _, height, channels, _, down, across, width = settings
    left = np.arange(places.shape[1]) // channels * across  # of the region of each index
    for i in range(start, stop):
        row = places[i]
        low = high = row[0]
        for place in row:
            low, high = min(low, place), max(high, place)
        inside = 0
        for y in range(i % height * down, (i % height + 1) * down):
            for j in range(row.size):
                column = row[j] - y * width - left[j]
                inside += (column >= 0) & (column < across)
        about[i, 0], about[i, 1], about[i, 2] = low, high, row.size - inside if down else 0
    return 1


# fmt: off
def _scatter(values, places, about, settings, out, start, stop):
    """Fill some rows of the output: all values first, then the larger of those that share a place."""
    # fmt: on
    _, height, channels, rows, _, _, width = settings
    source = values.view(number)
    while start < stop:  # picture after picture
        image = start // rows
        target = out[image].view(number)
        end = min(stop, (image + 1) * rows)
        low, high = (start - image * rows) * width, (end - image * rows) * width
        for larger in range(2):
            for i in range(image * height, (image + 1) * height):
                if about[i, 1] < low or about[i, 0] >= high:
                    continue
                row, line = places[i], source[i]
                for x in range(row.size // channels):
                    for c in range(channels):
                        place, value = row[x * channels + c], line[x * channels + c]
                        j = place * channels + c
                        if low <= place < high and (not larger or value > target[j] or value != value):
                            target[j] = value
        start = end
    return 1


def survey(places: NDArray[np.int64], strides: tuple[int, int], width: int) -> NDArray[np.int64]:
    """Return (N H, 3): smallest and largest index of each row of (N, H, W, C), and how many leave their region.

    Regions are those of strides in a picture of this width; without strides (0, 0) none is looked at.
    """
    images, height, _, channels = places.shape
    lines = places.reshape(images * height, places.shape[2] * channels)
    about = np.zeros((len(lines), 3), np.int64)
    settings = np.array([len(lines), height, channels, 0, *strides, width], np.int64)
    bands = min(len(lines), _BANDS * get_num_threads())
    nothing = np.empty((1, 1), np.uint8)
    if places.size:
        check(_launcher()(_surveyor(), nothing, lines, about, settings, nothing, bands), bands)
    return about


def scatter(image: NDArray[Any], places: NDArray[np.int64], about: NDArray[np.int64], out: NDArray[Any]) -> None:
    """Put the values of (N, H, W, C) into a picture of 0, at their places row * width + column."""
    images, height, _, channels = image.shape
    rows, width = out.shape[1:3]
    if not image.size:
        return
    settings = np.array([images * rows, height, channels, rows, 0, 0, width], np.int64)
    bands = min(images * rows, _BANDS * get_num_threads())
    values = np.ascontiguousarray(image).reshape(images * height, -1).view(np.uint8)
    target = out.reshape(images, -1).view(np.uint8)
    lines = places.reshape(images * height, -1)
    check(_launcher()(_scatterer(image.dtype), values, lines, about, settings, target, bands), bands)


@cache
def _surveyor() -> Any:
    return pointer(_survey, BAND)


@cache
def _scatterer(dtype: np.dtype[Any]) -> Any:
    return pointer(_scatter, BAND, number=dtype.type)


@cache
def _launcher() -> Any:
    return Launcher(_launch, LAUNCH)
