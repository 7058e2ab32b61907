"""What a page is told: the numbers of a picture, what each result looks like, and what only the library computes."""

from __future__ import annotations

import base64
import io
import json
import math
import shlex
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli import geometry
from poolcli.backward import downsample_backward
from poolcli.commands import Step
from poolcli.comparing import Comparison, Result
from poolcli.downsample import MODES, downsample, window_of
from poolcli.dtypes import maximum
from poolcli.images import Info, write_image
from poolcli.images.colour import expanded, in_eight_bits
from poolcli.page.sources import computes
from poolcli.pictures import channel_names

SIDE = 512  # pixels of the region whose numbers are told, at most
CROP = 12  # pixels of the crop that is pooled by hand
LARGEST_CROP = 32
BYTES = 1_780_000  # of all that is told; the page has 2 MB
_CHANNELS = 4
_OVERVIEW = 160  # pixels
_WIDE = {"bool": "uint8", "float16": "float32", "int64": "float64", "uint64": "float64"}

Box = tuple[int, int, int, int]
"""First row and column, height and width."""


def content(comparison: Comparison) -> dict[str, Any]:
    """Return what the page of a comparison is told, as JSON has it: of as large a region as fits into BYTES."""
    side = SIDE
    while True:
        told = _content(comparison, side)
        size = len(json.dumps(told))
        if size <= BYTES or side <= LARGEST_CROP:
            return told
        side = max(int(side * 0.97 * math.sqrt(BYTES / size)), LARGEST_CROP)


def _content(comparison: Comparison, side: int) -> dict[str, Any]:
    image, info = expanded(comparison.image, comparison.info)
    image = image.reshape(*image.shape[:2], -1)
    top, left, height, width = _region(comparison, side)
    region = image[top : top + height, left : left + width, :_CHANNELS]
    steps = [result.step for result in comparison.results]
    y, x, rows, columns = _crop(region, _seen(comparison, (top, left, height, width)), _windows_of(comparison))
    crop = region[y : y + rows, x : x + columns]
    labels, name = _labels(steps), comparison.name.encode("utf-8", "replace").decode()
    return {
        "name": name,
        "argument": _argument(comparison, name),
        "height": image.shape[0],
        "width": image.shape[1],
        "dtype": image.dtype.name,
        "black": comparison.ends[0],
        "peak": comparison.ends[1],
        "maximum": maximum(image.dtype),
        "alpha": bool(info.alpha),
        "otherWindows": any(step.arguments.get(name) for step in steps for name in ("size", "ceil")),
        "channels": list(channel_names(image.shape[2], info))[:_CHANNELS],
        "upsample": comparison.upsample,
        "region": {"y": top, "x": left, "height": height, "width": width},
        "numbers": packed(region),
        "overview": _overview(comparison, region.shape),
        "crop": {"y": y, "x": x, "height": rows, "width": columns},
        "results": [
            _result(result, label, comparison, (top, left, height, width), crop)
            for result, label in zip(comparison.results, labels, strict=True)
        ],
    }


def _result(result: Result, label: str, comparison: Comparison, box: Box, crop: NDArray[Any]) -> dict[str, Any]:
    top, left, height, width = box
    part = result.enlarged[top : top + height, left : left + width]
    told = {
        "mode": result.step.mode,
        "label": label,
        "formula": result.step.row.formula,
        "command": result.command,
        "height": result.image.shape[0],
        "width": result.image.shape[1],
        "psnr": _finite(result.psnr),
        "ssim": _finite(result.ssim),
        "seconds": _finite(result.seconds),
        "layer": layer_of(result.step, crop.shape),
        **_picture(part, comparison.info, comparison.ends),
    }
    return told | ({} if computes(result.step.mode) else {"exported": exported(crop, result.step)})


def packed(array: NDArray[Any]) -> dict[str, Any]:
    """Return an array as the page unpacks it: little-endian numbers, deflated, in base64.

    Integers are the differences from the pixel before, modulo 2^bits, which are small and deflate well.
    """
    array = array.astype(_WIDE.get(array.dtype.name, array.dtype), copy=False)
    differs = array.dtype.kind in "iu"
    if differs:
        array = np.diff(array, axis=1, prepend=array.dtype.type(0))
    data = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    text = base64.b64encode(zlib.compress(data, 9)).decode()
    return {"dtype": array.dtype.name, "shape": array.shape, "differences": differs, "data": text}


def _picture(image: NDArray[Any], info: Info, ends: tuple[float, float]) -> dict[str, Any]:
    """Return an image as a PNG, with rows and columns that equal those before left out, and where the others begin."""
    image = _eight_bits(*expanded(image, info), ends)
    rows, columns = _changes(image), _changes(image.swapaxes(0, 1))
    return {"picture": _url(image[rows][:, columns]), "rows": rows.tolist(), "columns": columns.tolist()}


def _changes(image: NDArray[Any]) -> NDArray[np.int64]:
    """Return the numbers of the rows that differ from the row before, the first among them."""
    flat = image.reshape(len(image), -1)
    return np.flatnonzero(np.concatenate(([True], (flat[1:] != flat[:-1]).any(axis=1))))


def _eight_bits(image: NDArray[Any], info: Info, ends: tuple[float, float]) -> NDArray[np.uint8]:
    """Return what is shown of an image: grey, RGB, or either with alpha, from the value of black to that of white."""
    image = image.reshape(*image.shape[:2], -1)
    count = image.shape[2]
    if not (count in (1, 3) or (count in (2, 4) and info.alpha is not False)):
        image = image[..., : 3 if count > 3 else 1]
    return in_eight_bits(image, ends)


def _url(image: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    write_image(image, file, format="png", compression="max", strip=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _overview(comparison: Comparison, shape: tuple[int, ...]) -> str | None:
    """Return the whole picture, small, unless the region is all of it."""
    image, info = expanded(comparison.image, comparison.info)
    if image.shape[:2] == shape[:2]:
        return None
    scale = max(1, max(image.shape[:2]) / _OVERVIEW)
    size = tuple(max(1, round(n / scale)) for n in image.shape[:2])
    small = downsample(image, "average", size=size)
    return _url(_eight_bits(small, info, comparison.ends))


def _region(comparison: Comparison, side: int) -> Box:
    """Return the box whose numbers are told: in the middle, or around the middle of what is looked at.

    It begins a multiple of S from the first pixel, as the crop does, so that both have windows of the whole.
    """
    y, x, rows, columns = comparison.zoom or (0, 0, *comparison.image.shape[:2])
    sizes = [min(side, n) for n in comparison.image.shape[:2]]
    firsts = [
        min(max(first + (length - size) // 2, 0), n - size)
        for first, length, size, n in zip((y, x), (rows, columns), sizes, comparison.image.shape[:2], strict=True)
    ]
    down, across = _begun(firsts, _windows_of(comparison).stride)
    return down, across, sizes[0], sizes[1]


def _windows_of(comparison: Comparison) -> geometry.Shape:
    """Return the windows of the first result."""
    return geometry.shape(**window_of(comparison.results[0].step.arguments if comparison.results else {}))


def _begun(firsts: Sequence[int], stride: tuple[int, int]) -> tuple[int, int]:
    """Return the last positions up to these at which a window begins."""
    (y, x), (down, across) = firsts, stride
    return y - y % down, x - x % across


def _seen(comparison: Comparison, region: Box) -> Box:
    """Return the box of a region that is looked at."""
    y, x, rows, columns = comparison.zoom or (0, 0, *comparison.image.shape[:2])
    top, left = max(y - region[0], 0), max(x - region[1], 0)
    return top, left, min(y + rows - region[0], region[2]) - top, min(x + columns - region[1], region[3]) - left


def _crop(region: NDArray[Any], seen: Box, shape: geometry.Shape) -> Box:
    """Return where the crop lies: around the window of what is looked at whose maximum and average differ most."""
    span = max(d * (f - 1) + 1 for f, d in zip(shape.kernel_size, shape.dilation, strict=True))
    side = min(max(CROP, span + 2 * max(shape.stride)), LARGEST_CROP)
    top, left, height, width = seen
    whole = np.nan_to_num(region[..., :3].astype(np.float64)).mean(axis=2)
    grey = whole[top : top + height, left : left + width]
    kernel = tuple(min(f, n) for f, n in zip(shape.kernel_size, grey.shape, strict=True))
    window: dict[str, Any] = {"kernel_size": kernel, "stride": shape.stride}
    apart = downsample(grey, "max", **window) - downsample(grey, "average", **window)
    found = np.unravel_index(int(apart.argmax()), apart.shape)
    sizes = [min(side, n) for n in whole.shape]
    firsts = []
    for begin, at, stride, size, n in zip((top, left), found, shape.stride, sizes, whole.shape, strict=True):
        first = begin + int(at) * stride - stride * (size // (2 * stride))
        firsts.append(min(max(first, 0), n - size))
    down, across = _begun(firsts, shape.stride)
    return down, across, sizes[0], sizes[1]


def layer_of(step: Step, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return a step as the page has it: window, stride, padding and dilation of both axes, and parameters."""
    window = geometry.shape(**window_of(step.arguments))
    padding = [side for axis in (0, 1) for side in geometry.padding_of(shape[axis], window, axis)]
    plain = {name: step.arguments[name] for name in step.row.parameters if name in step.arguments}
    return {
        "mode": step.mode,
        "F": window.kernel_size,
        "S": window.stride,
        "P": padding,
        "D": window.dilation,
        "parameters": {name: value for name, value in plain.items() if isinstance(value, (bool, int, float, str))},
    }


def exported(crop: NDArray[Any], step: Step) -> dict[str, Any] | None:
    """Return what a mode makes of a crop, before rounding, and the gradient of each pixel of that; None if it cannot.

    The gradients are (rows, columns, H, W, C): of output pixel (row, column), in each channel by itself.
    """
    row, scale = MODES[step.mode], maximum(crop.dtype)
    arguments = {name: value for name, value in step.arguments.items() if name in row.parameters}
    arguments |= window_of(step.arguments)
    numbers = crop / scale
    try:
        values = downsample(numbers, step.mode, **arguments)
    except ValueError:  # the window is larger than the crop
        return None
    if values.ndim != 3 or values.shape[2] != crop.shape[2]:
        return None
    told = {"values": packed(values * scale)}
    if row.has_gradient:
        rows, columns, channels = values.shape
        each = np.zeros((rows * columns, rows, columns, channels))
        each.reshape(rows * columns, rows * columns, channels)[np.diag_indices(rows * columns)] = 1
        images = np.broadcast_to(numbers, (rows * columns, *crop.shape))
        slopes = downsample_backward(each, images, step.mode, **arguments)
        told["slopes"] = packed(slopes.reshape(rows, columns, *crop.shape))
    return told


def _labels(steps: Sequence[Step]) -> list[str]:
    """Return a name for each step: its mode and parameters, and its window where several have different ones."""
    windows = [geometry.shape(**window_of(step.arguments)) for step in steps]
    labels = []
    for step, window in zip(steps, windows, strict=True):
        parts = [f"{name} {step.arguments[name]}" for name in step.row.parameters if name in step.arguments]
        if len(set(windows)) > 1:
            sizes = zip(("F", "S"), (window.kernel_size, window.stride), strict=True)
            parts += [f"size {_pair(window.size)}"] if window.size else [f"{name} {_pair(n)}" for name, n in sizes]
        labels.append(f"{step.mode} ({', '.join(parts)})" if parts else step.mode)
    return labels


def _pair(numbers: tuple[int, int]) -> str:
    return str(numbers[0]) if numbers[0] == numbers[1] else f"{numbers[0]}x{numbers[1]}"


def _argument(comparison: Comparison, name: str) -> str:
    """Return the picture's file as commands name it."""
    words = [shlex.split(result.command)[-1:] for result in comparison.results[:1]]
    named = [word for last in words for word in last if word.endswith(name)]
    return shlex.quote((named or [name])[0])


def _finite(number: float) -> float | str | None:
    """Return a number as JSON has it: infinity as a word, none for NaN."""
    if math.isnan(number):
        return None
    return number if math.isfinite(number) else "infinity"
