"""Where the channels of arrays are: last in all of this package, first where a caller has them so."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Layout = Literal["hwc", "chw"]


def channels_last(array: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """Return (C, H, W) as (H, W, C) and (N, C, H, W) as (N, H, W, C) if they are laid out so; others as they are.

    >>> channels_last(np.zeros((3, 40, 60)), "chw").shape, channels_last(np.zeros((40, 60)), "chw").shape
    ((40, 60, 3), (40, 60))
    """
    if layout not in ("hwc", "chw"):
        raise ValueError(f"layout={layout!r} is not allowed: layout must be hwc or chw")
    return np.moveaxis(array, -3, -1) if layout == "chw" and array.ndim in (3, 4) else array


def as_laid_out(array: NDArray[Any], layout: Layout, channels: bool) -> NDArray[Any]:
    """Return a result, which has channels or not, with them where those of the caller are."""
    return np.ascontiguousarray(np.moveaxis(array, -1, -3)) if layout == "chw" and channels else array
