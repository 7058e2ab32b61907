"""Max unpooling: every value back to where max pooling took it from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.engine.scatter import scatter, survey
from poolcli.stored import load_indices

Pair = tuple[int, int]


def unpool(
    image: NDArray[Any], strides: Pair, target: np.dtype[Any], indices: Any, size: Any, rank: int, scaled: bool
) -> NDArray[Any]:
    """Return a picture of 0 with each value at its index, the largest where several have the same."""
    places, stored, _ = load_indices(indices)
    height, width = shape_of(image.shape[1:3], strides, scaled, size, indices)
    images, rows, columns, channels = image.shape
    expected = {2: (rows, columns), 3: (rows, columns, channels), 4: image.shape}[rank]
    if places.shape != expected:
        way = (
            "they are of its colours: --expand-palette gives them"
            if places.ndim > rank
            else "they belong to another picture"
        )
        raise ValueError(f"the indices are of shape {places.shape}, and the picture is {expected}: {way}")
    places = np.ascontiguousarray(places, np.int64).reshape(image.shape)
    out = np.zeros((images, height, width, channels), image.dtype)  # before all else: a scale may ask for too much
    sure = size is not None or stored is not None
    about = survey(places, (0, 0) if sure else strides, width)
    if not ((about[:, 0] >= 0) & (about[:, 1] < height * width)).all():
        reach = f"{about[:, 0].min()} to {about[:, 1].max()}"
        raise ValueError(f"the indices reach {reach}, beyond a picture of {height} x {width} pixels")
    if about[:, 2].any():  # of another width, an index means another pixel
        raise ValueError("the indices do not lie in their regions of S x S: size says how large their picture was")
    scatter(image, places, about, out)
    return out


def shape_of(shape: tuple[int, ...], strides: Pair, scaled: bool, size: Any, indices: Any) -> Pair:
    """Return the size of the picture that was pooled: as given, as stored with the indices, or S times this one."""
    from poolcli.geometry import pair

    _, stored, stride = load_indices(indices)
    if scaled and stride and stride != strides:
        own = f"{stride[0]} x {stride[1]}"
        asked = f"{strides[0]} x {strides[1]}"
        raise ValueError(f"scale {asked} is not that of the indices: their windows were {own} apart")
    if size is not None:
        found = pair("size", size)
        if stored and found != stored:
            raise ValueError(f"size={size} is not that of the picture of the indices, {stored[0]} x {stored[1]}")
        return found
    return stored or (shape[0] * strides[0], shape[1] * strides[1])
