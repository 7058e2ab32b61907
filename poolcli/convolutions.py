"""Convolutions that enlarge: transposed, after an enlargement, and to sub-pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli import dtypes, geometry
from poolcli.engine import convolve as kernel
from poolcli.engine.interleave import take
from poolcli.parameters import PARAMETERS
from poolcli.resize import resample
from poolcli.sampling import beyond

Pair = tuple[int, int]
Array = NDArray[Any]

NAMES = PARAMETERS["weights"].choices_in["transposed"]


def transposed(
    image: Array,
    strides: Pair,
    target: np.dtype[Any],
    weights: Any,
    kernel_size: Any,
    padding: Any,
    output_padding: Any,
    dilation: Any,
) -> Array:
    """Add every value times the weights to the output, S pixels apart."""
    dilations = geometry.pair("dilation", dilation or 1)
    found = load(weights, kernel_size, _window(strides), strides, dilations)
    places = _places(found.shape[-2:], strides, padding, output_padding, dilation)
    rows, columns = _axes(image.shape[1:3], places)
    if _named(weights):
        profiles = _profiles(weights, found.shape, strides, dilations)
        met = [_met(*axis) for axis in zip(profiles, image.shape[1:3], places, strict=True)]
        return kernel.convolve(image, found, rows, columns, "constant", target, (1 / met[0], 1 / met[1]))
    if found.ndim == 2:
        return kernel.convolve(image, found, rows, columns, "constant", target)
    _check_channels(found, image)
    out: Array = np.zeros((len(image), rows.size, columns.size, found.shape[1]), dtypes.lane(image.dtype, target))
    values = image.astype(out.dtype, copy=False)
    for ky in range(found.shape[2]):
        for kx in range(found.shape[3]):
            _add(out, values @ found[:, :, ky, kx].astype(out.dtype), places, (ky, kx))
    return dtypes.convert(out, target)


def _met(profile: NDArray[np.float64], n: int, place: tuple[int, int, int, int, int]) -> NDArray[np.float64]:
    """Return of every pixel of an axis the sum of the weights that meet it, less than 1 at the frame; 1 for none."""
    _, stride, padding, _, dilation = place
    met = np.zeros(kernel.transposed_size(n, *place))
    for k, weight in enumerate(profile):
        begin = k * dilation - padding
        first = begin % stride if begin < 0 else begin
        met[first : max(begin + (n - 1) * stride + 1, 0) : stride] += weight
    return np.where((met == 0) | (np.abs(met - 1) < 1e-12), 1, met)


def _add(out: Array, part: Array, places: list[tuple[int, int, int, int, int]], tap: Pair) -> None:
    """Add a picture to every S-th pixel of another, as far as it lies inside."""
    to, of = [], []
    for (_, stride, padding, _, dilation), k, n, size in zip(places, tap, part.shape[1:3], out.shape[1:3], strict=True):
        begin = k * dilation - padding
        first = max(0, -(begin // stride))
        last = min(n, -((begin - size) // stride))
        of.append(slice(first, max(last, first)))
        to.append(slice(begin + first * stride, begin + max(last, first) * stride, stride))
    rows, columns = of
    if rows.stop > rows.start and columns.stop > columns.start:
        out[:, to[0], to[1]] += part[:, rows, columns]


def shape_of(mode: str, shape: tuple[int, ...], strides: Pair, values: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the shape that a mode makes of (H, W) or (H, W, C)."""
    if mode in ("resize-conv", "subpixel"):
        window = weights_shape(values["weights"], values["kernel_size"], (3, 3))
        phases = strides[0] * strides[1] if mode == "subpixel" else 1
        channels = shape[2:] if len(window) == 2 else _channels_made(window[1] // phases, shape)
        return (shape[0] * strides[0], shape[1] * strides[1], *channels)
    if mode == "average-unpool":
        size = geometry.pair("kernel_size", values["kernel_size"] or strides)
        places, channels = _places(size, strides, values["padding"], values["output_padding"], 1), shape[2:]
    else:
        window = weights_shape(values["weights"], values["kernel_size"], _window(strides))
        given = (values["padding"], values["output_padding"], values["dilation"])
        places = _places(window[-2:], strides, *given)
        channels = shape[2:] if len(window) == 2 else _channels_made(window[1], shape)
    return (*_sizes(shape[:2], places), *channels)


def _window(strides: Pair) -> Pair:
    """Return F of a transposed convolution unless given: windows that overlap by half."""
    return 2 * strides[0] - strides[0] % 2, 2 * strides[1] - strides[1] % 2


def _channels_made(count: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axis of channels: one channel of a grey picture has none."""
    return () if count == 1 and len(shape) == 2 else (count,)


def _places(
    sizes: tuple[int, ...], strides: Pair, padding: Any, output_padding: Any, dilation: Any
) -> list[tuple[int, int, int, int, int]]:
    """Return F, S, padding, output padding, dilation of both axes; unless given, the output is S times the input."""
    dilations = geometry.pair("dilation", dilation or 1)
    spans = [d * (f - 1) + 1 for d, f in zip(dilations, sizes, strict=True)]
    if padding is None and output_padding is None:
        paddings = [max(-(-(span - s) // 2), 0) for span, s in zip(spans, strides, strict=True)]
        extras = [s - span + 2 * p for span, s, p in zip(spans, strides, paddings, strict=True)]
    else:
        paddings = list(geometry.pair("padding", 0 if padding is None else padding, 0))
        extras = list(geometry.pair("output_padding", 0 if output_padding is None else output_padding, 0))
        for extra, stride, d in zip(extras, strides, dilations, strict=True):
            if extra >= max(stride, d):
                most = max(stride, d) - 1
                raise ValueError(
                    f"output_padding={extra} is not allowed: it must be at most {most}, below S or dilation"
                )
    return list(zip(sizes, strides, paddings, extras, dilations, strict=True))


def _sizes(shape: tuple[int, ...], places: list[tuple[int, int, int, int, int]]) -> Pair:
    rows, columns = (kernel.transposed_size(n, *place) for n, place in zip(shape, places, strict=True))
    if min(rows, columns) < 1:
        left = f"{max(rows, 0)} x {max(columns, 0)}"
        raise ValueError(f"padding leaves {left} pixels of {shape[0]} x {shape[1]}: no picture")
    return rows, columns


def _axes(shape: tuple[int, ...], places: list[tuple[int, int, int, int, int]]) -> tuple[kernel.Taps, kernel.Taps]:
    _sizes(shape, places)
    rows, columns = (kernel.transposed(n, *place) for n, place in zip(shape, places, strict=True))
    return rows, columns


def average_unpool(
    image: Array, strides: Pair, target: np.dtype[Any], kernel_size: Any, padding: Any, output_padding: Any
) -> Array:
    """Spread every value over its window."""
    size = geometry.pair("kernel_size", kernel_size or strides)
    weights = np.ones(size)
    places = _places(size, strides, padding, output_padding, 1)
    rows, columns = _axes(image.shape[1:3], places)
    # How many pixels of each window lie inside, as `average` counts them.
    counts = []
    for axis, n, (f, s, p, _, _) in zip((rows, columns), image.shape[1:3], places, strict=True):
        begin = np.arange(n) * s - p
        counts.append(np.minimum(begin + f, axis.size) - np.maximum(begin, 0))
    lane = dtypes.lane(image.dtype, target)
    shares = image / np.maximum(np.outer(*counts), 1)[:, :, None].astype(lane)
    return kernel.convolve(shares.astype(lane), weights, rows, columns, "constant", target)


def resize_conv(
    image: Array, strides: Pair, target: np.dtype[Any], weights: Any, kernel_size: Any, enlarge: str, border: str
) -> Array:
    """Enlarge, then convolve in the grid of the output."""
    sizes = (image.shape[1] * strides[0], image.shape[2] * strides[1])
    values = {"coordinates": "half-pixel", "rounding": "half-up"}
    wide = image.dtype if enlarge == "nearest" else dtypes.lane(image.dtype, target)
    large = resample(image, enlarge, sizes, (None, None), False, values, wide)
    return _convolved(large, load(weights, kernel_size, (3, 3)), border, target)


def subpixel(
    image: Array, strides: Pair, target: np.dtype[Any], weights: Any, kernel_size: Any, order: str, border: str
) -> Array:
    """Convolve to S x S pictures, whose pixels become those of the output."""
    found = load(weights, kernel_size, (3, 3))
    convolved = _convolved(image, found, border, target)
    if found.ndim == 2:  # all phases are alike
        return take(convolved, *(np.repeat(np.arange(n), s) for n, s in zip(image.shape[1:3], strides, strict=True)))
    if found.shape[1] % (strides[0] * strides[1]):
        raise ValueError(
            f"weights {found.shape} make {found.shape[1]} channels: no multiple of S x S = {strides[0] * strides[1]}"
        )
    return depth_to_space(convolved, strides, order)


def depth_to_space(image: Array, strides: Pair, order: str) -> Array:
    """Return the channels of (N, H, W, C) as pixels: c S^2 + s ("crd") or s C + c ("dcr") is phase s of channel c."""
    images, height, width, channels = image.shape
    down, across = strides
    count = channels // (down * across)
    if order == "crd":
        parts = image.reshape(images, height, width, count, down, across).transpose(0, 1, 4, 2, 5, 3)
    else:
        parts = image.reshape(images, height, width, down, across, count).transpose(0, 1, 3, 2, 4, 5)
    return np.ascontiguousarray(parts).reshape(images, height * down, width * across, count)


def _convolved(image: Array, weights: Array, border: str, target: np.dtype[Any]) -> Array:
    """Convolve to the same size."""
    height, width = image.shape[1:3]
    before = [(f - 1) // 2 for f in weights.shape[-2:]]
    if weights.ndim == 2:
        sizes = zip((height, width), weights.shape, before, strict=True)
        rows, columns = (replace(kernel.plain(n, f, p), size=n) for n, f, p in sizes)
        return kernel.convolve(image, weights, rows, columns, border, target)
    _check_channels(weights, image)
    lane = dtypes.lane(image.dtype, target)
    places = [beyond(np.arange(-p, n + f - 1 - p), n, border)
              for n, f, p in zip((height, width), weights.shape[-2:], before, strict=True)]  # fmt: skip
    padded: Array = take(image, *places).astype(lane, copy=False)
    out: Array = np.zeros((*image.shape[:3], weights.shape[1]), lane)
    for ky in range(weights.shape[2]):
        for kx in range(weights.shape[3]):
            out += padded[:, ky : ky + height, kx : kx + width] @ weights[:, :, ky, kx].astype(lane)
    return dtypes.convert(out, target)


def _check_channels(weights: Array, image: Array) -> None:
    if weights.shape[0] != image.shape[3]:
        raise ValueError(
            f"weights {weights.shape} are for {weights.shape[0]} channels, and the picture has {image.shape[3]}"
        )


def weights_shape(weights: Any, kernel_size: Any, default: Pair) -> tuple[int, ...]:
    """Return the shape of weights, or raise a ValueError; those by name are not made, which may need much room."""
    if _named(weights):
        return default if kernel_size is None else geometry.pair("kernel_size", kernel_size)
    return load(weights, kernel_size, default).shape


def load(
    weights: Any, kernel_size: Any, default: Pair, strides: Pair = (1, 1), dilations: Pair = (1, 1)
) -> NDArray[np.float64]:
    """Return weights (F, F) or (C_in, C_out, F, F), by name, from a file or as given.

    Of those by name the ones that meet in a pixel sum to 1: where an axis is enlarged, every S-th.
    """
    if _named(weights):
        return np.outer(*_profiles(weights, weights_shape(weights, kernel_size, default), strides, dilations))
    name = "the weights"
    if isinstance(weights, (str, Path)):
        from poolcli.stored import arrays

        name = str(weights)
        if not name or not Path(name).exists():
            raise ValueError(f"weights={name!r}: there is no such file, and the names are {', '.join(NAMES)}")
        found = arrays(Path(name))
        if len(found) != 1 and "weight" not in found:
            raise ValueError(
                f"{name}: holds the arrays {', '.join(found) or 'none'}: there must be one, or one called weight"
            )
        weights = found.get("weight", next(iter(found.values())))
    array = np.asarray(weights)
    if array.ndim not in (2, 4) or 0 in array.shape:
        raise ValueError(f"{name}: the shape is {array.shape}: it must be (F, F) or (C_in, C_out, F, F)")
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


def _named(weights: Any) -> bool:
    return weights is None or (isinstance(weights, str) and weights in NAMES)


def _profiles(name: str | None, sizes: tuple[int, ...], strides: Pair, dilations: Pair) -> list[NDArray[np.float64]]:
    return [_profile(name or "bilinear", *axis) for axis in zip(sizes, strides, dilations, strict=True)]


def _profile(name: str, taps: int, stride: int, dilation: int) -> NDArray[np.float64]:
    """Return the weights of one axis; those of each phase sum to 1."""
    x = np.abs(np.arange(taps) - (taps - 1) / 2)
    if name == "box":
        profile = np.ones(taps)
    elif name == "bilinear":
        profile = 1 - x / ((taps + 1) // 2)
    else:
        profile = np.exp(-0.5 * (x / (taps / 6)) ** 2)
    phase = np.arange(taps) * dilation % stride
    return np.asarray(profile / np.bincount(phase, profile)[phase])
