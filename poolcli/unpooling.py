"""Max unpooling: every value back to where max pooling took it from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.downsample import window_of
from poolcli.engine.scatter import scatter, survey

Pair = tuple[int, int]


def unpool(
    image: NDArray[Any], strides: Pair, target: np.dtype[Any], indices: Any, size: Any, rank: int, scaled: bool
) -> NDArray[Any]:
    """Return a picture of 0 with each value at its index, the largest where several have the same."""
    places, stored, _ = _places(indices)
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
    rows_of = survey(places, (0, 0) if sure else strides, width)
    if not ((rows_of["smallest"] >= 0) & (rows_of["largest"] < height * width)).all():
        reach = f"{rows_of['smallest'].min()} to {rows_of['largest'].max()}"
        raise ValueError(f"the indices reach {reach}, beyond a picture of {height} x {width} pixels")
    if rows_of["astray"].any():  # of another width, an index means another pixel
        raise ValueError("the indices do not lie in their regions of S x S: size says how large their picture was")
    scatter(image, places, rows_of, out)
    return out


def shape_of(shape: tuple[int, ...], strides: Pair, scaled: bool, size: Any, indices: Any) -> Pair:
    """Return the size of the picture that was pooled: as given, as stored with the indices, or S times this one."""
    from poolcli.geometry import pair

    _, stored, stride = _places(indices)
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


def _places(indices: Any) -> tuple[NDArray[Any], Pair | None, Pair | None]:
    """Return indices, the size of the picture that they point into and the stride, where these are stored with them."""
    stored = stride = None
    if indices is None:
        raise ValueError("unpool needs indices: those that max returned, or a file that --save-indices wrote")
    name = "the indices"
    if isinstance(indices, (str, Path)):
        from poolcli.stored import arrays

        indices, name = arrays(Path(indices)), str(indices)
    if isinstance(indices, Mapping):
        missing = [part for part in ("indices", "shape") if part not in indices]
        if missing:
            raise ValueError(f"{name}: no array {', '.join(missing)}: --save-indices of downsample writes such files")
        shape = np.asarray(indices["shape"]).ravel()
        if shape.size != 2 or shape.dtype.kind not in "iu" or shape.min() < 1:
            raise ValueError(f"{name}: shape is not the height and width of a picture")
        found, stored = np.asarray(indices["indices"]), (int(shape[0]), int(shape[1]))
        try:
            _check_windows(indices, found, stored, name)
            if "stride" in indices and not np.size(indices.get("size", ())):
                stride = (int(indices["stride"][0]), int(indices["stride"][1]))
        except (IndexError, TypeError):
            raise ValueError(f"{name}: damaged: its windows are not as --save-indices writes them") from None
    else:
        found = np.asarray(indices)
    if found.dtype.kind not in "iu":
        raise ValueError(f"{name}: they are {found.dtype}, and must be whole numbers")
    return found, stored, stride


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
