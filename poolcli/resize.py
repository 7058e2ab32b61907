"""The general separable resampler: any size, larger or smaller, by one of four filters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Unpack

from poolcli.parameters import Parameters, find, flag, resolve

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from poolcli.axes import Layout

Size = int | tuple[int, int]
Scale = float | tuple[float, float]

_COMMON = ("coordinates", "border", "fill")
TAKES = {
    "nearest": ("coordinates", "rounding"),
    "bilinear": _COMMON,
    "bicubic": ("cubic_a", *_COMMON),
    "lanczos": ("lobes", *_COMMON),
}


def resize(
    image: ArrayLike,
    size: Size | None = None,
    mode: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear",
    *,
    scale: Scale | None = None,
    antialias: bool = False,
    dtype: DTypeLike | None = None,
    layout: Layout = "hwc",
    **parameters: Unpack[Parameters],
) -> Any:
    """Resample a picture to any size: out(i) = sum(w(k - x(i)) r(k)) / sum(w(k - x(i))) along both axes.

    Args:
        image: array (H, W), (H, W, C) or (N, H, W, C) of bool, (u)int8 to (u)int64, float16, float32 or float64, with
            any strides; it is not changed.
        size: of the output, in pixels, one number or (height, width).
        mode: the filter w: "nearest", "bilinear" (2 taps an axis), "bicubic" (4) or "lanczos" (2 lobes).
        scale: output over input size, one number or (down, across), instead of the size, which is its whole part.
        antialias: stretch the filter where the picture shrinks, so that every pixel counts; with "nearest" a mean.
        dtype: of the output; that of the image unless given. Integers are rounded to nearest, ties to even, once, and
            saturated.
        layout: where channels are: "hwc", last, or "chw", as PyTorch has them: (C, H, W) and (N, C, H, W).
        **parameters: `cubic_a` of bicubic (-0.5: Keys, GDAL, Pillow; -0.75: PyTorch, OpenCV), `lobes` of lanczos (3),
            `coordinates`, where the output's pixels i lie: "half-pixel" ((i + 1/2) / scale - 1/2), "align-corners" (as
            ONNX: the last corners differ for a scale that leaves a rest), "asymmetric" (i / scale),
            "half-pixel-symmetric", "pytorch-half-pixel"; `border`, what lies beyond the picture: "edge", "reflect",
            "wrap", "constant" (`fill`), "exclude" (nothing: the other weights count more);
            `rounding` of nearest: "half-up", "half-down", "floor", "ceil".

    Returns:
        An array of the image's rank.

    Raises:
        ValueError: a value is not allowed, or the output would be empty.
        TypeError: the dtype is none of the above, or there is no such parameter.

    Cubic convolution is from Keys 1981, Lanczos' windowed sinc from Duchon 1979; coordinates are those of ONNX.

    >>> import numpy as np
    >>> resize(np.array([[0, 8]], np.uint8), (1, 4))
    array([[0, 2, 6, 8]], dtype=uint8)
    >>> resize(np.arange(10)[None], (1, 3), "nearest")
    array([[1, 5, 8]])
    """
    import numpy as np

    from poolcli import axes, dtypes

    values = resolve(mode, find(TAKES, mode), parameters, TAKES)
    check_fill(parameters, values)
    antialias = flag("antialias", antialias)
    if antialias and "rounding" in parameters:
        raise ValueError(
            "antialias takes a mean of pixels: rounding, which says which of two is nearest, is without it"
        )
    array = axes.channels_last(np.asarray(image), layout)
    source = dtypes.check(array.dtype)
    target = source if dtype is None else dtypes.check(dtype)
    batch = as_batch(array)
    sizes, scales = output_sizes(batch.shape[1:3], size, scale)
    result = as_given(resample(batch, mode, sizes, scales, antialias, values, target), array, target)
    return axes.as_laid_out(result, layout, result.ndim > 2)


def resample(
    batch: NDArray[Any],
    mode: str,
    sizes: tuple[int, int],
    scales: tuple[float | None, float | None],
    antialias: bool,
    values: dict[str, Any],
    target: np.dtype[Any],
) -> NDArray[Any]:
    """Return (N, rows, columns, C); a scale of None is that of the sizes."""
    from poolcli import dtypes, sampling

    sides = list(zip(batch.shape[1:3], sizes, scales, strict=True))
    picture = dtypes.to_working(batch)
    if mode == "nearest" and not antialias:
        from poolcli.engine.interleave import take

        places = [sampling.nearest(*one, values["coordinates"], values["rounding"]) for one in sides]
        return take(picture, *places)
    from poolcli.engine import resample as kernel

    border, fill = values.get("border", "edge"), values.get("fill", 0.0)
    filter_values = (values.get("cubic_a", -0.5), values.get("lobes", 3))
    rows, columns = (
        sampling.axis(n, m, s, values["coordinates"], border, antialias, mode, *filter_values) for n, m, s in sides
    )
    return kernel.resample(picture, rows, columns, dtypes.written(picture.dtype, target), fill)


def as_batch(array: NDArray[Any]) -> NDArray[Any]:
    """Return (N, H, W, C) of a picture of rank 2 to 4, or raise a ValueError."""
    if array.ndim not in (2, 3, 4):
        raise ValueError(f"an array of rank {array.ndim} is no picture: it must be (H, W), (H, W, C) or (N, H, W, C)")
    batch = array.reshape(*(1,) * (array.ndim < 4), *array.shape, *(1,) * (array.ndim == 2))
    for name, n in zip(("height", "width"), batch.shape[1:3], strict=True):
        if n < 1:
            raise ValueError(f"the picture is empty: its {name} is {n}")
    return batch


def as_given(batch: NDArray[Any], array: NDArray[Any], target: np.dtype[Any]) -> NDArray[Any]:
    """Return a batch in the rank of an array."""
    from poolcli import dtypes

    out = dtypes.convert(batch, target)
    grey = array.ndim == 2 and out.shape[3] == 1
    return out.reshape(*array.shape[: array.ndim == 4], *out.shape[1:3], *out.shape[3:][: not grey])


def output_sizes(
    shape: tuple[int, ...], size: Size | None, scale: Scale | None
) -> tuple[tuple[int, int], tuple[float | None, float | None]]:
    """Return the output size, and the scales if they were given, or raise a ValueError."""
    from poolcli.geometry import pair

    if (size is None) == (scale is None):
        raise ValueError("size or scale says how large the output is: give one of them")
    if size is not None:
        return pair("size", size), (None, None)
    scales = scales_of(scale)
    sizes = [math.floor(n * s + 1e-9) for n, s in zip(shape[:2], scales, strict=True)]
    if min(sizes) < 1:
        raise ValueError(f"scale={scale} makes {sizes[0]} x {sizes[1]} pixels of {shape[0]} x {shape[1]}: no picture")
    return (sizes[0], sizes[1]), scales


def check_fill(given: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Raise a ValueError if there is a value for a border that is not constant."""
    if "fill" in given and values.get("border") != "constant":
        raise ValueError(f"border={values['border']!r} takes no fill: the border that does is constant")


def scales_of(scale: Any) -> tuple[float, float]:
    """Return the scales down and across, or raise a ValueError."""
    given = scale if isinstance(scale, (tuple, list)) else (scale,)
    try:
        numbers = tuple(float(number) for number in given)
    except (TypeError, ValueError, OverflowError):
        numbers = ()
    right = len(numbers) in (1, 2) and all(0 < number <= 2**31 for number in numbers)
    if not right or any(isinstance(number, (str, bytes, bool)) for number in given):
        raise ValueError(f"scale={scale!r} is not allowed: it must be a number above 0, at most 2^31, or two of them")
    return numbers[0], numbers[-1]
