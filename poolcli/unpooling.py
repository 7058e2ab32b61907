"""Unpooling: a picture of 0 with values in the first pixel of their regions, or where max pooling took them from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.downsample import window_of
from poolcli.engine.interleave import take
from poolcli.engine.scatter import scatter, survey
from poolcli.resize import Enlargement

Pair = tuple[int, int]


def nails(image: NDArray[Any], asked: Enlargement, output: np.dtype[Any]) -> NDArray[Any]:
    """Put each value into the first pixel of its region: a bed of nails."""
    pixels = []
    for n, stride in zip(image.shape[1:3], asked.strides, strict=True):
        i = np.arange(n * stride, dtype=np.int64)
        pixels.append(np.where(i % stride == 0, i // stride, -1))
    return take(image, *pixels)


def unpool(image: NDArray[Any], asked: Enlargement, output: np.dtype[Any]) -> NDArray[Any]:
    """Put each value at its index, the largest where several have the same."""
    loaded = load(asked.values["indices"])
    height, width = _size(image.shape[1:3], asked, loaded)
    indices = _fitting(loaded.indices, image.shape, asked.rank)
    out = np.zeros((image.shape[0], height, width, image.shape[3]), image.dtype)  # first: a scale may ask too much
    size_is_known = asked.size is not None or loaded.shape is not None
    surveyed = survey(indices, (0, 0) if size_is_known else asked.strides, width)
    if not ((surveyed["smallest"] >= 0) & (surveyed["largest"] < height * width)).all():
        reach = f"{surveyed['smallest'].min()} to {surveyed['largest'].max()}"
        raise ValueError(f"the indices reach {reach}, beyond a picture of {height} x {width} pixels")
    if surveyed["astray"].any():  # of another width, an index means another pixel
        raise ValueError("the indices do not lie in their regions of S x S: size says how large their picture was")
    scatter(image, indices, surveyed, out)
    return out


def unpooled_shape(shape: tuple[int, ...], asked: Enlargement) -> tuple[int, ...]:
    """Return the shape that `unpool` makes of (H, W) or (H, W, C)."""
    return (*_size(shape, asked, load(asked.values["indices"])), *shape[2:])


def _fitting(indices: NDArray[Any], shape: tuple[int, ...], rank: int) -> NDArray[np.int64]:
    """Return indices as (N, H, W, C), or raise a ValueError if they are not of the picture, which had this rank."""
    expected = shape if rank == 4 else shape[1 : 1 + rank]
    if indices.shape != expected:
        way = (
            "they are of its colours: --expand-palette gives them"
            if indices.ndim > rank
            else "they belong to another picture"
        )
        raise ValueError(f"the indices are of shape {indices.shape}, and the picture is {expected}: {way}")
    return np.ascontiguousarray(indices, np.int64).reshape(shape)


@dataclass(frozen=True)
class Indices:
    """Where values were taken from; the size of that picture and the stride of its windows, if these are known."""

    indices: NDArray[Any]
    shape: Pair | None = None
    stride: Pair | None = None


def _size(shape: tuple[int, ...], asked: Enlargement, loaded: Indices) -> Pair:
    """Return the size of the picture that was pooled: as given, as stored with the indices, or S times this one."""
    from poolcli.geometry import pair

    stored, stride, strides = loaded.shape, loaded.stride, asked.strides
    if asked.scale is not None and stride and stride != strides:
        own = f"{stride[0]} x {stride[1]}"
        scale = f"{strides[0]} x {strides[1]}"
        raise ValueError(f"scale {scale} is not that of the indices: their windows were {own} apart")
    if asked.size is not None:
        size = pair("size", asked.size)
        if stored and size != stored:
            raise ValueError(f"size={asked.size} is not that of the picture of the indices, {stored[0]} x {stored[1]}")
        return size
    return stored or (shape[0] * strides[0], shape[1] * strides[1])


def save(
    path: Path, indices: NDArray[np.int64], shape: tuple[int, ...], window: Mapping[str, Any], overwrite: bool
) -> None:
    """Write indices with the size of the picture that was pooled, and its windows."""
    from poolcli import geometry
    from poolcli.files import place

    asked = geometry.shape(**window)
    about = {
        "shape": shape[:2],
        "kernel_size": asked.kernel_size,
        "stride": asked.stride,
        "padding": [str(one) for one in asked.padding],  # numbers, or same
        "dilation": asked.dilation,
        "ceil": asked.ceil,
        "size": asked.size or (),
    }
    arrays: Any = {name: np.array(value) for name, value in about.items()}
    place(lambda file: np.savez_compressed(file, indices=indices, **arrays), path, overwrite)


def load(indices: Any) -> Indices:
    """Return indices as they were given, or from a file with what is stored with them, or raise a ValueError."""
    if indices is None:
        raise ValueError("unpool needs indices: those that max returned, or a file that --save-indices wrote")
    name = "the indices"
    if isinstance(indices, (str, Path)):
        from poolcli.stored import arrays

        indices, name = arrays(Path(indices)), str(indices)
    loaded = _stored(indices, name) if isinstance(indices, Mapping) else Indices(np.asarray(indices))
    if loaded.indices.dtype.kind not in "iu":
        raise ValueError(f"{name}: they are {loaded.indices.dtype}, and must be whole numbers")
    return loaded


def _stored(arrays: Mapping[str, Any], name: str) -> Indices:
    """Return indices with what is stored with them."""
    missing = [part for part in ("indices", "shape") if part not in arrays]
    if missing:
        raise ValueError(f"{name}: no array {', '.join(missing)}: --save-indices of downsample writes such files")
    sides = np.asarray(arrays["shape"]).ravel()
    if sides.size != 2 or sides.dtype.kind not in "iu" or sides.min() < 1:
        raise ValueError(f"{name}: shape is not the height and width of a picture")
    indices, shape, stride = np.asarray(arrays["indices"]), (int(sides[0]), int(sides[1])), None
    try:
        _check_windows(arrays, indices, shape, name)
        if "stride" in arrays and not np.size(arrays.get("size", ())):
            stride = (int(arrays["stride"][0]), int(arrays["stride"][1]))
    except (IndexError, TypeError):
        raise ValueError(f"{name}: damaged: its windows are not as --save-indices writes them") from None
    return Indices(indices, shape, stride)


def _check_windows(stored: Mapping[str, Any], indices: NDArray[Any], shape: Pair, name: str) -> None:
    """Raise a ValueError if windows that are stored with indices do not give as many."""
    from poolcli import geometry

    if "kernel_size" not in stored:
        return
    window = {field: np.asarray(value).tolist() for field, value in window_of(stored).items()}
    window = {field: tuple(value) if isinstance(value, list) else value for field, value in window.items()}
    padding = window.get("padding", (0, 0))
    window["padding"] = padding[0] if padding[0] in ("same", "same-lower") else tuple(map(int, padding))
    if window.pop("size", None):
        return  # bins: any number of them is right
    try:
        rows, columns = geometry.windows(*shape, geometry.shape(**window))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: damaged: {error}") from None
    if indices.shape[:2] != (rows.size, columns.size):
        windows = f"{rows.size} x {columns.size} windows of a picture of {shape[0]} x {shape[1]}"
        raise ValueError(f"{name}: {indices.shape[0]} x {indices.shape[1]} indices are not those of {windows}")
