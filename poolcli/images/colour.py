"""Colour: what has to happen to it before numbers are blended."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.dtypes import convert


def premultiplied(image: NDArray[Any]) -> NDArray[np.float32]:
    """Return colour times alpha / maximum, and alpha as it is, the last channel; in float32.

    Blending these, and dividing alpha out again, weighs each colour by how much of it is seen.
    """
    out = image.astype(np.float32)
    out[..., :-1] *= out[..., -1:] / np.float32(np.iinfo(image.dtype).max)
    return out


def straight(image: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return colour and alpha as they were before `premultiplied`, rounded once; colour is 0 where alpha is."""
    alpha = image[..., -1:]
    out = image.copy()
    np.divide(image[..., :-1] * np.float32(np.iinfo(dtype).max), alpha, out=out[..., :-1], where=alpha > 0)
    return convert(out, dtype)
