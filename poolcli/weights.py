"""Weights of convolutions: by name, from a file or as given."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli import geometry
from poolcli.files import is_name, is_remote, located
from poolcli.parameters import PARAMETERS

Pair = tuple[int, int]
Floats = NDArray[np.float64]

NAMES = PARAMETERS["weights"].choices_in["transposed"]


def is_named(weights: Any) -> bool:
    """Return whether weights are given by name; the first of the names, unless given."""
    return weights is None or (isinstance(weights, str) and weights in NAMES)


def shape_of(weights: Any, kernel_size: Any, default: Pair) -> tuple[int, ...]:
    """Return the shape of weights, or raise a ValueError; those by name are not made, which may need much room."""
    if is_named(weights):
        return default if kernel_size is None else geometry.pair("kernel_size", kernel_size)
    return load(weights, kernel_size, default).shape


def load(weights: Any, kernel_size: Any, default: Pair, strides: Pair = (1, 1), dilations: Pair = (1, 1)) -> Floats:
    """Return weights (F, F), (C, F, F) or (C_in, C_out, F, F), by name, from a file or as given.

    Of those by name the ones that meet in a pixel sum to 1: where an axis is enlarged, every S-th.
    """
    if is_named(weights):
        return np.outer(*profiles(weights, shape_of(weights, kernel_size, default), strides, dilations))
    name = "the weights"
    if is_name(weights):
        name, weights = str(weights), read(str(weights))
    array = np.asarray(weights)
    if array.ndim not in (2, 3, 4) or 0 in array.shape:
        allowed = "(F, F) or (C_in, C_out, F, F), of transposed also (C, F, F)"
        raise ValueError(f"{name}: the shape is {array.shape}: it must be {allowed}")
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name}: they are {array.dtype}, and must be real numbers")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: holds what is no finite number")
    if kernel_size is not None:
        rows, columns = geometry.pair("kernel_size", kernel_size)
        if (rows, columns) != array.shape[-2:]:
            own = f"{array.shape[-2]} x {array.shape[-1]}"
            raise ValueError(f"kernel_size {rows} x {columns} is not that of the weights, {own}")
    return array.astype(np.float64)


def read(name: str) -> NDArray[Any]:
    """Return the weights in a file: its only array, or the one called weight."""
    from poolcli.stored import arrays

    path = located(name)
    if not name or not (is_remote(path) or path.exists()):
        raise ValueError(f"weights={name!r}: there is no such file, and the names are {', '.join(NAMES)}")
    stored = arrays(path)
    if len(stored) != 1 and "weight" not in stored:
        raise ValueError(
            f"{name}: holds the arrays {', '.join(stored) or 'none'}: there must be one, or one called weight"
        )
    return stored.get("weight", next(iter(stored.values())))


def profiles(name: str | None, sizes: tuple[int, ...], strides: Pair, dilations: Pair) -> list[Floats]:
    """Return the weights of a name along both axes; those of each phase sum to 1."""
    return [_profile(CURVES[name or NAMES[0]], *axis) for axis in zip(sizes, strides, dilations, strict=True)]


def _profile(curve: Any, taps: int, stride: int, dilation: int) -> Floats:
    profile = curve(np.abs(np.arange(taps) - (taps - 1) / 2), taps)
    phase = np.arange(taps) * dilation % stride
    return np.asarray(profile / np.bincount(phase, profile)[phase])


CURVES = {
    "bilinear": lambda x, taps: 1 - x / ((taps + 1) // 2),
    "box": lambda x, taps: np.ones(taps),
    "gaussian": lambda x, taps: np.exp(-0.5 * (x / (taps / 6)) ** 2),
}
"""Of each name the weight of a tap that is x away from the middle of all."""
