"""Signed numbers as a picture: red above 0, blue below, 0 is white, or the image itself, dimmed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.images.colour import eight_bits

_ON_WHITE = np.array([[178, 24, 43], [33, 102, 172]], np.float32)
_ON_IMAGE = np.array([[255, 70, 40], [60, 150, 255]], np.float32)
_DIM = 0.4  # of the image under the colours


def drawn(values: NDArray[Any], image: NDArray[Any] | None) -> NDArray[np.uint8]:
    """Return (H, W, 3) uint8 of numbers (H, W): full colour at the largest magnitude, over an image (H, W, C)."""
    numbers = np.nan_to_num(values.astype(np.float32), posinf=0, neginf=0)
    largest = np.abs(numbers).max(initial=0)
    share = (numbers / largest if largest > 0 else numbers)[..., None]
    above, below = _ON_WHITE if image is None else _ON_IMAGE
    behind = np.float32(255) if image is None else _dimmed(image)
    strength = np.abs(share)
    picture = behind * (1 - strength) + np.where(share < 0, below, above) * strength
    rounded: NDArray[np.uint8] = np.rint(picture).astype(np.uint8)
    return rounded


def _dimmed(image: NDArray[Any]) -> NDArray[np.float32]:
    """Return an image in grey, darker: floats from their smallest to their largest value."""
    if image.dtype.kind == "f":
        finite = image[np.isfinite(image)]
        low, high = finite.min(initial=np.inf), finite.max(initial=-np.inf)
        image = np.nan_to_num((image - low) / (high - low)) if high > low else np.zeros(image.shape)
    grey = eight_bits(image).reshape(*image.shape[:2], -1).mean(axis=2, dtype=np.float32)
    return np.asarray(_DIM * grey[..., None], np.float32)
