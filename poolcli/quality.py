"""How near an image is to another: the peak signal-to-noise ratio, and the structural similarity.

Both compare all values of two images of one shape and dtype, in float64, and in bands of rows: what they need beside
the images does not grow with these.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from poolcli.downsample import downsample

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WINDOW = 7
"""Rows and columns of the windows of `ssim`."""

_K1, _K2 = 0.01, 0.03
_BAND = 1 << 19  # values of a band


def peak_of(image: NDArray[Any]) -> float:
    """Return the value that is white: an integer's largest; among floats 1, or the largest of the image above 1.

    >>> import numpy as np
    >>> peak_of(np.array([[3]], np.uint16)), peak_of(np.array([[0.5]])), peak_of(np.array([[0.5, 12, np.inf]]))
    (65535.0, 1.0, 12.0)
    """
    import numpy as np

    from poolcli.dtypes import maximum

    if image.dtype.kind != "f":
        return maximum(image.dtype)
    finite = image[np.isfinite(image)]
    return float(finite.max(initial=1.0))


def psnr(image: NDArray[Any], other: NDArray[Any], peak: float | None = None) -> float:
    """Return the peak signal-to-noise ratio, 10 log10(peak^2 / mean((image - other)^2)), in dB.

    Args:
        image: array (H, W) or (H, W, C) of a dtype of images.
        other: another of its shape and dtype.
        peak: the largest value that there may be; `peak_of(image)` unless given.

    Returns:
        A number, infinity for equal images.

    >>> import numpy as np
    >>> round(psnr(np.array([[0, 10]], np.uint8), np.array([[0, 20]], np.uint8)), 2)
    31.14
    """
    import numpy as np

    _check(image, other)
    total = 0.0
    for rows in _bands(image, 0):
        difference = image[rows].astype(np.float64)
        difference -= other[rows]
        difference *= difference
        total += float(difference.sum())
    white = peak_of(image) if peak is None else peak
    return math.inf if total == 0 else 10 * math.log10(white * white * image.size / total)


def mean_psnr(values: Sequence[float]) -> float:
    """Return the ratio of the mean of the squared errors: one image without any does not make it infinite.

    >>> round(mean_psnr([20.0, 40.0]), 2), mean_psnr([math.inf, math.inf])
    (22.97, inf)
    """
    if len({*values}) == 1:
        return values[0]
    mean = math.fsum(10 ** (-value / 10) for value in values) / len(values)
    return math.inf if mean == 0 else -10 * math.log10(mean)


def ssim(image: NDArray[Any], other: NDArray[Any], peak: float | None = None) -> float:
    """Return the mean structural similarity over all windows of 7 x 7 pixels that lie in the image.

    Of the means m and n, the variances v and w and the covariance c of two windows, sums over 49 values divided by 48,
    it is (2 m n + a) (2 c + b) / ((m^2 + n^2 + a) (v + w + b)) with a = (0.01 peak)^2 and b = (0.03 peak)^2.

    Args:
        image: array (H, W) or (H, W, C) of a dtype of images.
        other: another of its shape and dtype.
        peak: the largest value that there may be; `peak_of(image)` unless given.

    Returns:
        A number up to 1, the mean of all channels; NaN for an image that is smaller than a window.

    From Wang, Bovik, Sheikh and Simoncelli 2004, as scikit-image's structural_similarity.

    >>> import numpy as np
    >>> image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    >>> ssim(image, image), round(ssim(image, 63 - image), 4)
    (1.0, -0.7757)
    """
    import numpy as np

    _check(image, other)
    if min(image.shape[:2]) < WINDOW:
        return math.nan
    white = peak_of(image) if peak is None else peak
    total, count = 0.0, 0
    for rows in _bands(image, WINDOW - 1):
        similar = _similarities(image[rows], other[rows], white)
        total += float(np.sum(similar))
        count += similar.size
    return total / count


def _check(image: NDArray[Any], other: NDArray[Any]) -> None:
    """Raise a ValueError if two images cannot be compared."""
    if (image.shape, image.dtype) != (other.shape, other.dtype):
        both = f"{image.shape} of {image.dtype} and {other.shape} of {other.dtype}"
        raise ValueError(f"images {both} cannot be compared: they must be alike")


def _bands(image: NDArray[Any], more: int) -> Iterator[slice]:
    """Yield rows of an image, band by band, each with so many rows of the next."""
    height = len(image) - more
    step = max(_BAND // max(image[0].size, 1), 1) if height else 1
    for top in range(0, height, step):
        yield slice(top, min(top + step, height) + more)


def _similarities(x: NDArray[Any], y: NDArray[Any], peak: float) -> NDArray[np.float64]:
    """Return the structural similarity of every window.

    Of the variances only the sum is needed, which that of the difference and the covariance give.
    """
    m, n, apart, both = (_means(values) for values in _products(x, y))
    more = WINDOW**2 / (WINDOW**2 - 1)
    a, b = (_K1 * peak) ** 2, (_K2 * peak) ** 2
    across = m * n
    m -= n
    m *= m
    both -= across
    both *= 2 * more  # twice the covariance
    apart -= m
    apart *= more
    apart += both  # the sum of the variances
    across *= 2
    m += across  # the sum of the squared means
    for values, constant in ((across, a), (m, a), (both, b), (apart, b)):
        values += constant
    across *= both
    m *= apart
    across /= m
    return across


def _products(x: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Return x, y, (x - y)^2 and x y: exact in integers, whose averages are faster, where these hold them."""
    import numpy as np

    if x.dtype == bool:
        x, y = x.view(np.uint8), y.view(np.uint8)
    if x.dtype.kind == "f" or x.dtype.itemsize > 2:
        x, y = x.astype(np.float64), y.astype(np.float64)
        return x, y, (x - y) ** 2, x * y
    # What wraps on the way is right in the end: squares of differences fit into twice the bits without a sign.
    double = 2 * x.dtype.itemsize
    first, second = (part.astype(f"{x.dtype.kind}{double}").view(f"u{double}") for part in (x, y))
    product = (first * second).view(f"{x.dtype.kind}{double}")
    first -= second
    first *= first
    return x, y, first, product


def _means(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean of every window: of floats along one axis after the other, which takes 14 sums and not 49."""
    if values.dtype.kind == "f":
        down: NDArray[Any] = downsample(values, "average", kernel_size=(WINDOW, 1), stride=1)
        across: NDArray[np.float64] = downsample(down, "average", kernel_size=(1, WINDOW), stride=1)
        return across
    means: NDArray[np.float64] = downsample(values, "average", kernel_size=WINDOW, stride=1, dtype="float64")
    return means
