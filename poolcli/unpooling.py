"""Unpooling: an image of 0 with values in the first pixel of their regions, or where max pooling took them from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.engine.interleave import take
from poolcli.engine.scatter import returned, scatter, survey
from poolcli.geometry import padding_of, pair, sides
from poolcli.geometry import shape as shape_of_windows
from poolcli.resize import Enlargement
from poolcli.stored import Indices, load_indices

Pair = tuple[int, int]


def nails(image: NDArray[Any], asked: Enlargement, output: np.dtype[Any]) -> NDArray[Any]:
    """Put each value into the first pixel of its region: a bed of nails."""
    return take(image, *nail_pixels(image.shape[1:3], asked.strides))


def nail_pixels(shape: tuple[int, ...], strides: Pair) -> list[NDArray[np.int64]]:
    """Return along both axes of (H, W) which pixel stands in each of the output, -1 for none."""
    pixels = []
    for n, stride in zip(shape[:2], strides, strict=True):
        i = np.arange(n * stride, dtype=np.int64)
        pixels.append(np.where(i % stride == 0, i // stride, -1))
    return pixels


def nails_backward(grads: NDArray[Any], image: NDArray[Any], asked: Enlargement) -> NDArray[Any]:
    """Return the gradient with respect to the image: that of the first pixels of regions."""
    down, across = asked.strides
    return np.ascontiguousarray(grads[:, ::down, ::across])


def unpool(image: NDArray[Any], asked: Enlargement, output: np.dtype[Any]) -> NDArray[Any]:
    """Put each value at its index, the largest where several have the same."""
    loaded = load_indices(asked.values["indices"])
    pooled, size = _sizes(image.shape[1:3], asked, loaded)
    indices = _fitting(loaded.indices, image.shape, asked.rank)
    out = np.zeros((image.shape[0], *pooled, image.shape[3]), image.dtype)  # first: a scale may ask too much
    scatter(image, indices, _surveyed(indices, loaded, asked, pooled), out)
    after = [(0, m - n) for m, n in zip(size, pooled, strict=True)]
    return np.pad(out, ((0, 0), *after, (0, 0))) if size != pooled else out


def unpool_backward(grads: NDArray[Any], image: NDArray[Any], asked: Enlargement) -> NDArray[Any]:
    """Return the gradient with respect to the image: what stands at the index of a value, where it was put there."""
    loaded = load_indices(asked.values["indices"])
    height, width = _sizes(image.shape[1:3], asked, loaded)[0]
    inside = np.ascontiguousarray(grads[:, :height, :width])
    indices = _fitting(loaded.indices, image.shape, asked.rank)
    return returned(inside, image, indices, _surveyed(indices, loaded, asked, (height, width)))


def _surveyed(indices: NDArray[np.int64], loaded: Indices, asked: Enlargement, size: tuple[int, ...]) -> NDArray[Any]:
    """Return what `survey` does, or raise a ValueError if indices do not lie in an image of this size."""
    height, width = size
    told = (loaded.shape, asked.size, asked.values["kernel_size"], asked.values["padding"])
    size_is_known = any(value is not None for value in told)
    surveyed = survey(indices, (0, 0) if size_is_known else asked.strides, width)
    if not ((surveyed["smallest"] >= 0) & (surveyed["largest"] < height * width)).all():
        reach = f"{surveyed['smallest'].min()} to {surveyed['largest'].max()}"
        why = ": -1 is that of a window in the padding alone" if surveyed["smallest"].min() == -1 else ""
        raise ValueError(f"the indices reach {reach}, beyond an image of {height} x {width} pixels{why}")
    if surveyed["astray"].any():  # of another width, an index means another pixel
        raise ValueError("the indices do not lie in their regions of S x S: size says how large their image was")
    return surveyed


def unpooled_shape(shape: tuple[int, ...], asked: Enlargement) -> tuple[int, ...]:
    """Return the shape that `unpool` makes of (H, W) or (H, W, C)."""
    return (*_sizes(shape[:2], asked, load_indices(asked.values["indices"]))[1], *shape[2:])


def _fitting(indices: NDArray[Any], shape: tuple[int, ...], rank: int) -> NDArray[np.int64]:
    """Return indices as (N, H, W, C), or raise a ValueError if they are not of the image, which had this rank."""
    expected = shape if rank == 4 else shape[1 : 1 + rank]
    if indices.shape != expected:
        way = "they belong to another image"
        if indices.shape[1:] == expected:
            way = f"they are of {len(indices)} planes: k=1 makes one"
        elif indices.ndim > rank:
            way = "they are of its colours: --expand-palette gives them"
        raise ValueError(f"the indices are of shape {indices.shape}, and the image is {expected}: {way}")
    return np.ascontiguousarray(indices, np.int64).reshape(shape)


def _sizes(shape: tuple[int, ...], asked: Enlargement, loaded: Indices) -> tuple[Pair, Pair]:
    """Return the size of the image that was pooled, as it is known, as given, or S times this one.

    And that of the output, which is larger where a size is given beside the stored one.
    """
    stored, stride, strides = _known(shape, asked, loaded), loaded.stride, asked.strides
    if asked.scale is not None and stride and stride != strides:
        own = f"{stride[0]} x {stride[1]}"
        scale = f"{strides[0]} x {strides[1]}"
        raise ValueError(f"scale {scale} is not that of the indices: their windows were {own} apart")
    if asked.size is None:
        pooled = stored or (shape[0] * strides[0], shape[1] * strides[1])
        return pooled, pooled
    size = pair("size", asked.size)
    most = [n + s - 1 for n, s in zip(stored or size, stride or strides, strict=True)]
    if stored and not (stored[0] <= size[0] <= most[0] and stored[1] <= size[1] <= most[1]):
        own = f"that of the image of the indices, {stored[0]} x {stored[1]}"
        raise ValueError(f"size={asked.size} is not {own}, or larger by less than S, up to {most[0]} x {most[1]}")
    return stored or size, size


def _known(shape: tuple[int, ...], asked: Enlargement, loaded: Indices) -> Pair | None:
    """Return the size of the image that was pooled to this shape, if it is stored or its windows are given."""
    window, padding = asked.values["kernel_size"], asked.values["padding"]
    if window is None and padding is None:
        return loaded.shape
    if loaded.shape:
        raise ValueError("the indices know the size of their image: kernel_size and padding are for those that do not")
    strides, around = asked.strides, sides("padding", padding or 0)
    window = strides if window is None else pair("kernel_size", window)
    height, width = (
        n * s if isinstance(side, str) else (n - 1) * s + f - sum(side)
        for n, s, f, side in zip(shape, strides, window, around, strict=True)
    )
    if min(height, width) < 1:
        raise ValueError(f"the padding leaves nothing of an image of {shape[0]} x {shape[1]} windows")
    return height, width


def centres(shape: tuple[int, ...], asked: Enlargement) -> list[tuple[float, float]]:
    """Return of both axes where pixel 0 of the output lies among the image's, and how far pixel 1 is from it.

    The window of pixel i of the image is around (F - 1) / 2 + S i - padding.
    """
    strides = asked.strides
    window = shape_of_windows(asked.values["kernel_size"] or strides, strides, padding=asked.values["padding"] or 0)
    before = [padding_of(stride, window, axis)[0] for axis, stride in enumerate(strides)]
    return [
        ((around - (taps - 1) / 2) / stride, 1 / stride)
        for around, taps, stride in zip(before, window.kernel_size, strides, strict=True)
    ]
