"""The dtypes of images, and exact conversion between them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from poolcli.parameters import DTYPES


def check(dtype: DTypeLike) -> np.dtype[Any]:
    """Return the dtype in native byte order, or raise a TypeError that lists the dtypes of images."""
    try:
        known = np.dtype(dtype)
    except (TypeError, ValueError, SyntaxError, OverflowError):
        raise TypeError(f"dtype {dtype!r} is not supported: use one of {', '.join(DTYPES)}") from None
    return _check(known)


@cache  # NumPy works out a dtype's name anew each time
def _check(dtype: np.dtype[Any]) -> np.dtype[Any]:
    known = dtype.newbyteorder("=")
    if known.name not in DTYPES:
        raise TypeError(f"dtype {known} is not supported: use one of {', '.join(DTYPES)}")
    return known


@cache
def maximum(dtype: np.dtype[Any]) -> float:
    """Return the value that counts as 1 where the scale of the values matters: an integer's largest."""
    return float(np.iinfo(dtype).max) if dtype.kind in "iu" else 1.0


@cache
def working(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype that kernels compute in: bool as uint8, float16 as float32."""
    return np.dtype({"bool": np.uint8, "float16": np.float32}.get(dtype.name, dtype))


@cache
def kernel_output(source: np.dtype[Any], target: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype that kernels write for a target: for float16 the float they blend in, which is rounded once."""
    return blend_dtype(source) if target == np.float16 else working(target)


@cache
def blend_dtype(*given: np.dtype[Any]) -> np.dtype[Any]:
    """Return the float that numbers are blended in: float32, or float64 where one of these dtypes holds more.

    >>> blend_dtype(np.dtype("uint16")), blend_dtype(np.dtype("uint16"), np.dtype("float64"))
    (dtype('float32'), dtype('float64'))
    """
    narrow = all(dtype.itemsize <= 2 or dtype == np.float32 for dtype in given)
    return np.dtype(np.float32 if narrow else np.float64)


def to_working(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array in its working dtype, contiguous and aligned: itself where it is so already."""
    dtype = working(check(array.dtype))
    if array.dtype == bool:
        array = array.view(np.uint8)
    return np.require(array.astype(dtype, copy=False), requirements=("C", "A"))


def saturate_cast(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the array in another dtype: to nearest, ties to even, saturated; NaN is 0 among integers.

    >>> saturate_cast(np.array([-3.0, 0.5, 1.5, 300.0, np.nan]), np.dtype(np.uint8))
    array([  0,   0,   2, 255,   0], dtype=uint8)
    """
    if array.dtype == dtype:
        return array
    if dtype.kind == "f":
        with np.errstate(over="ignore"):  # float32 beyond float16 is inf there
            return array.astype(dtype)
    low, high = (0, 1) if dtype.kind == "b" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    if array.dtype.kind == "f":
        whole = np.rint(array)
        with np.errstate(invalid="ignore"):
            out = np.where(np.isnan(array), 0, whole).astype(dtype)
        # float(high + 1) is a power of two: exact, where 2**63 - 1 is not.
        return np.where(
            whole >= float(high) + 1, np.array(high, dtype), np.where(whole <= low, np.array(low, dtype), out)
        )
    limits = np.iinfo(array.dtype)
    return array.clip(max(low, limits.min), min(high, limits.max)).astype(dtype)
