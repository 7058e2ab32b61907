"""How far a result is from the truth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Agreement(NamedTuple):
    """A way to measure a difference, and its unit."""

    unit: str
    measure: Callable[[Any, Any], float]

    def of(self, result: Any, truth: Any) -> float:
        """Return the difference, or infinity where shapes differ."""
        found, exact = (np.squeeze(as_array(one)) for one in (result, truth))
        return float(self.measure(found, exact)) if found.shape == exact.shape else float("inf")


class Result(NamedTuple):
    """A result in a form of its own, and the function that makes an array of it, which is not timed."""

    value: Any
    read: Callable[[Any], Any]


def as_array(result: Any) -> Any:
    """Return what was made, or what stands in the file that was written."""
    if isinstance(result, Result):
        return as_array(result.read(result.value))
    if isinstance(result, Path):
        return picture_in(result)
    return np.asarray(result)


def picture_in(path: Path) -> Any:
    """Return the pixels of a file, or of the first of a folder, read by others than poolcli."""
    if path.is_dir():
        return picture_in(min(path.iterdir()))
    if path.suffix == ".tif":
        import tifffile

        return tifffile.imread(path)
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L") if picture.mode == "1" else picture)


def _largest(found: Any, exact: Any) -> float:
    if exact.dtype.kind in "iu" and np.array_equal(found, exact):  # labels beyond 2^53 too
        return 0.0
    return float(np.abs(found.astype(float) - exact.astype(float)).max())


LEVELS = Agreement("levels", _largest)
RELATIVE = Agreement(
    "of the largest value", lambda found, exact: _largest(found, exact) / max(np.abs(exact).max(), 1e-30)
)
MEAN = Agreement("levels on average", lambda found, exact: np.abs(found.astype(float) - exact.astype(float)).mean())
SHARE = Agreement("% of the pixels", lambda found, exact: 100 * (found != exact).mean())
