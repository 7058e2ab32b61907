"""What the reductions make of whole maps: vectors of (N, H, W, C), and what each of their numbers is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli import dtypes, geometry
from poolcli.backward import sent_back
from poolcli.downsample import MODES, pooled, pooled_around
from poolcli.nodata import Nodata


def binned(batch: NDArray[Any], values: Mapping[str, Any], target: np.dtype[Any] | None) -> NDArray[Any]:
    """Return the pool of every bin of every level, (N, length): level after level, bins in row order."""
    mode = MODES[values["pool"]]
    target = target or (np.dtype(np.float64) if mode.blends(values) else batch.dtype)
    height, width = batch.shape[1:3]
    levels = values.get("levels", (1,))
    grids = [(geometry.adaptive(height, level), geometry.adaptive(width, level)) for level in levels]
    own = {name: value for name, value in values.items() if name in mode.parameters}
    working = dtypes.to_working(batch)
    if values.get("ignore") is not None:
        nodata = Nodata.of(working, values["ignore"], values["valid"], batch.dtype, target)
        found = pooled_around(working, mode, own, grids, nodata)
    else:
        found = pooled(working, mode, own, grids, batch.dtype, target)
    return np.concatenate([planes.transpose(1, 2, 3, 0, 4).reshape(len(batch), -1) for planes in found], axis=1)


def binned_columns(
    mode: str, shape: tuple[int, ...], channels: Sequence[str], values: Mapping[str, Any]
) -> Iterator[str]:
    """Yield mode_channel; where there are levels and ranks, mode_bins_row_column_rank_channel."""
    count = MODES[values["pool"]].planes(values)
    ranks = [f"_{rank + 1}" for rank in range(count)] or [""]
    levels = values.get("levels", ())
    bins = [f"_{n}x{n}_{i}_{j}" for n in levels for i in range(n) for j in range(n)] or [""]
    yield from (f"{mode}{part}{rank}_{channel}" for part in bins for rank in ranks for channel in channels)


def binned_shape(shape: tuple[int, ...], values: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the shape of what `binned` makes of one map (H, W, C)."""
    bins = sum(level * level for level in values.get("levels", (1,)))
    return (bins * (MODES[values["pool"]].planes(values) or 1) * shape[2],)


def binned_backward(grads: NDArray[Any], batch: NDArray[Any], values: Mapping[str, Any], wrt: str) -> Any:
    """Return the gradient with respect to (N, H, W, C), or a parameter, of what `binned` makes of it."""
    mode = MODES[values["pool"]].with_respect_to(wrt)
    images, height, width, channels = batch.shape
    own = {name: value for name, value in values.items() if name in mode.parameters}
    planes, begin = mode.planes(own) or 1, 0
    working, found = dtypes.to_working(batch), []
    for level in values.get("levels", (1,)):
        end = begin + level * level * planes * channels
        part = grads[:, begin:end].reshape(images, level, level, planes, channels).transpose(3, 0, 1, 2, 4)
        grid = geometry.adaptive(height, level), geometry.adaptive(width, level)
        found.append(sent_back(np.ascontiguousarray(part), working, mode, own, grid, batch.dtype))
        begin = end
    return _added(found)


def _added(parts: list[Any]) -> Any:
    """Return the sum of numbers or arrays, or of mappings of them, name by name."""
    first, *others = parts
    if isinstance(first, Mapping):
        return {name: _added([part[name] for part in parts]) for name in first}
    return sum(others, first)


def flattened(batch: NDArray[Any], values: Mapping[str, Any], target: np.dtype[Any] | None) -> NDArray[Any]:
    """Return all values, channel after channel, (N, length)."""
    axes = (0, 3, 1, 2) if values["order"] == "rows" else (0, 3, 2, 1)
    return batch.transpose(axes).reshape(len(batch), -1)


def flattened_shape(shape: tuple[int, ...], values: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the shape of what `flattened` makes of one map (H, W, C)."""
    return (shape[0] * shape[1] * shape[2],)


def flattened_backward(grads: NDArray[Any], batch: NDArray[Any], values: Mapping[str, Any], wrt: str) -> NDArray[Any]:
    """Return the gradient with respect to (N, H, W, C) of all its values."""
    images, height, width, channels = batch.shape
    if values["order"] == "rows":
        return grads.reshape(images, channels, height, width).transpose(0, 2, 3, 1)
    return grads.reshape(images, channels, width, height).transpose(0, 3, 2, 1)


def flattened_columns(
    mode: str, shape: tuple[int, ...], channels: Sequence[str], values: Mapping[str, Any]
) -> Iterator[str]:
    """Yield mode_channel_row_column."""
    height, width = shape[:2]
    pixels = [(y, x) for y in range(height) for x in range(width)]
    if values["order"] == "columns":
        pixels = [(y, x) for x in range(width) for y in range(height)]
    yield from (f"{mode}_{channel}_{y}_{x}" for channel in channels for y, x in pixels)


def covariance(batch: NDArray[Any], values: Mapping[str, Any], target: np.dtype[Any] | None) -> NDArray[Any]:
    """Return the covariance of channels: (N, C, C), or (N, length) of the upper triangle."""
    from poolcli.pools.covariance import covariance

    return covariance(dtypes.to_working(batch), **values)


def covariance_shape(shape: tuple[int, ...], values: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the shape of what `covariance` makes of one map (H, W, C)."""
    channels = shape[2]
    return (channels, channels) if values["matrix"] else (channels * (channels + 1) // 2,)


def covariance_backward(grads: NDArray[Any], batch: NDArray[Any], values: Mapping[str, Any], wrt: str) -> NDArray[Any]:
    """Return the gradient with respect to (N, H, W, C) of the covariance of its channels."""
    from poolcli.pools.covariance import covariance_gradient

    return covariance_gradient(grads, dtypes.to_working(batch), values)


def covariance_columns(
    mode: str, shape: tuple[int, ...], channels: Sequence[str], values: Mapping[str, Any]
) -> Iterator[str]:
    """Yield cov_channel_channel."""
    for i, first in enumerate(channels):
        yield from (f"cov_{first}_{second}" for second in channels[0 if values["matrix"] else i :])
