"""Keys by which one pixel of a window is chosen with all its channels, so that no colours are put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the help of the command does without NumPy
    import numpy as np
    from numpy.typing import NDArray

LUMINANCE = "luminance"
CHANNELS = {"red": (0, (3, 4)), "green": (1, (3, 4)), "blue": (2, (3, 4)), "alpha": (-1, (2, 4))}
"""Which channel, of images of how many."""

_LUMA = (299, 587, 114)


def key(batch: NDArray[Any], source: np.dtype[Any], joint: str | int) -> tuple[NDArray[Any], float]:
    """Return what pixels of (N, H, W, C) are chosen by, (N, H, W, 1), and the value of it that counts as 1.

    Luminance is (299 R + 587 G + 114 B) / 1000, or the first channel where there are no three; of integers it is kept
    1000 times as large, so that it is exact.
    """
    import numpy as np

    from poolcli.dtypes import maximum

    count = batch.shape[3]
    if joint == LUMINANCE and count >= 3:
        whole = batch.dtype.kind in "iu" and batch.dtype.itemsize <= 4
        wide = ("int32" if batch.dtype.itemsize <= 2 else "int64") if whole else "float64"
        luma = batch[..., :3].astype(wide) @ np.array(_LUMA, wide)[:, None]
        return (luma, 1000 * maximum(source)) if whole else (luma / 1000, maximum(source))
    channel = 0 if joint == LUMINANCE else _channel(joint, count)
    return np.ascontiguousarray(batch[..., channel : channel + 1 or None]), maximum(source)


def _channel(joint: Any, count: int) -> int:
    """Return the number of a channel, or raise a ValueError if there is none of this name or number."""
    if isinstance(joint, int) and not isinstance(joint, bool) and 0 <= joint < count:
        return joint
    channel, counts = CHANNELS.get(joint, (0, ())) if isinstance(joint, str) else (0, ())
    if count in counts:
        return channel
    able = [LUMINANCE, *(name for name, (_, counts) in CHANNELS.items() if count in counts)]
    numbers = f"0 to {count - 1}" if count > 1 else "0"
    raise ValueError(f"joint={joint!r} is not allowed: of {count} channels it must be {', '.join(able)} or {numbers}")
