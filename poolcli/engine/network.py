"""The way back through a small network: a pointwise layer, max(x, 0), a 3 x 3 convolution that sees 0 beyond the image.

`numbers` are the weights of the convolution, (hidden, inputs, 9), its biases, and the weights of the pointwise layer,
(inputs, hidden). With one input every channel is an image of its own; else inputs is the number of channels.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from poolcli.engine.arithmetic import alike, fill_row, logarithm
from poolcli.engine.bands import Bands
from poolcli.engine.compile import scalar
from poolcli.engine.operation import record
from poolcli.engine.views import numbers_of

number: Any = None  # bound to the float of the gradient
source: Any = None  # bound to the dtype of the image
slope: Any = None  # bound to the slope of log w, w a weight, by its logit

NETWORK = record("height", "width", "channels", "hidden", "inputs")
"""Of an image, and of the network."""
_weighing = Bands(*[types.Array(types.uint8, 2, "C")] * 4, types.float64)
_LANES = 2048  # whose hidden values stay in the second-level cache
_PATCHES = 1 << 22  # numbers of 3 x 3 patches that are held at once
_bands = Bands(
    types.Array(types.uint8, 2, "C", readonly=True), types.Array(types.uint8, 2, "C", readonly=True),
    types.Array(types.float64, 1, "C"), types.Array(from_dtype(NETWORK), 1, "C"), types.Array(types.uint8, 2, "C"),
    least=16,
)  # fmt: skip


def weigh_back(
    planes: tuple[NDArray[Any], NDArray[Any]], sent: tuple[NDArray[Any], NDArray[Any]], slope: Any, bound: float
) -> None:
    """Turn what windows send to w r and to w into what comes back to r, as far as w stays, and to the logit of w.

    `planes` are w r and w of (N, H, W, C); `sent` is changed. `slope(log w, bound)` is that of log w by the logit.
    """
    if planes[0].size:
        lines = [one.reshape(-1, one.shape[2] * one.shape[3]).view(np.uint8) for one in (*planes, *sent)]
        _weighing.run(_weigher(sent[0].dtype, slope), len(lines[0]), *lines, bound)


@cache
def _weigher(dtype: np.dtype[Any], slope: Any) -> Any:
    return _weighing.compile(_weigh_back, number=dtype.type, slope=slope)


def _weigh_back(start, stop, above, below, values, weights, bound):
    for i in range(start, stop):
        a, w = numbers_of(above, number)[i], numbers_of(below, number)[i]
        to_value, to_weight = numbers_of(values, number)[i], numbers_of(weights, number)[i]
        for j in range(a.size):
            steep = slope(logarithm(w[j]), number(bound))
            to_weight[j] = (a[j] * to_value[j] - w[j] * to_weight[j]) * steep
            to_value[j] *= w[j]
    return 1


def add_gradient(image: NDArray[Any], logits: NDArray[Any], constants: Any, out: NDArray[Any]) -> None:
    """Add to (N, H, W, C) what the gradient of the logits comes to of the values that the network sees."""
    images, height, width, channels = image.shape
    if not image.size:
        return
    about = np.array([(height, width, channels, constants.hidden, constants.inputs)], NETWORK)
    lines = [one.reshape(images * height, -1).view(np.uint8) for one in (image, logits, out)]
    _bands.run(
        _band(image.dtype, logits.dtype),
        images * height,
        lines[0],
        lines[1],
        np.array(constants.numbers),
        about,
        lines[2],
    )


def gradient_of_numbers(image: NDArray[Any], logits: NDArray[Any], constants: Any) -> list[NDArray[np.float64]]:
    """Return the gradient of the logits' with respect to the numbers of the network, in float64.

    They are those of the convolution, (hidden, inputs 9), and its biases; of the pointwise layer, (inputs, hidden), and
    its biases.
    """
    hidden, inputs = int(constants.hidden), int(constants.inputs)
    numbers = np.array(constants.numbers)
    weights = numbers[: hidden * inputs * 9].reshape(hidden, -1)
    bias = numbers[hidden * inputs * 9 :][:hidden]
    mix = numbers[hidden * (inputs * 9 + 1) :][: inputs * hidden].reshape(inputs, hidden)
    found = [np.zeros(shape) for shape in (weights.shape, hidden, mix.shape, inputs)]
    _, height, width, channels = image.shape
    step = max(1, _PATCHES // (width * channels * 9))
    for picture, sent in zip(image, logits, strict=True):
        padded = np.pad(picture, ((1, 1), (1, 1), (0, 0))).astype(np.float64)
        for y in range(0, height, step):
            rows = padded[y : y + step + 2]
            windows = np.lib.stride_tricks.sliding_window_view(rows, (3, 3), (0, 1))  # (rows, W, C, 3, 3)
            seen = windows.reshape(-1, inputs * 9)
            given = sent[y : y + step].reshape(-1, inputs).astype(np.float64)
            activation = seen @ weights.T + bias
            through = (given @ mix) * (activation > 0)
            parts = through.T @ seen, through.sum(0), given.T @ np.maximum(activation, 0), given.sum(0)
            for whole, part in zip(found, parts, strict=True):
                whole += part
    return found


@cache
def _band(image: np.dtype[Any], gradient: np.dtype[Any]) -> Any:
    return _bands.compile(_add_gradient, source=image.type, number=gradient.type)


def _add_gradient(start, stop, image, logits, numbers, about, out):
    height, width, channels = about[0].height, about[0].width, about[0].channels
    hidden, inputs = about[0].hidden, about[0].inputs
    values, grads, target = numbers_of(image, source), numbers_of(logits, number), numbers_of(out, number)
    step = channels if inputs == 1 else 1  # lanes of a pixel among hidden values
    size = width * step
    block = max(_LANES // step, 1) * step
    ring = np.zeros((3, hidden, min(block, size) + 2 * step), number)
    loaded = np.empty(3, np.int64)
    for begin in range(0, size, block):
        end = min(begin + block, size)
        fill_row(loaded, -1)
        for i in range(start, stop):
            row = target[i]
            for dy in range(max(-1, -(i % height)), min(2, height - i % height)):
                lanes = ring[(i + dy) % 3]
                if loaded[(i + dy) % 3] != i + dy:
                    loaded[(i + dy) % 3] = i + dy
                    for h in range(hidden):
                        _gradient_of_hidden(values, grads[i + dy], numbers, about[0], i + dy, h,
                                            begin - step, end + step, lanes[h])  # fmt: skip
                for h in range(hidden):
                    # The pixel on one side sees this one on the other.
                    a, b, c = lanes[h], lanes[h][step:], lanes[h][2 * step :]
                    for m in range(inputs):
                        first = (h * inputs + m) * 9 + 3 * (1 - dy)
                        w0, w1, w2 = number(numbers[first + 2]), number(numbers[first + 1]), number(numbers[first])
                        if inputs == 1:
                            part = row[begin:end]
                            for j in range(part.size):
                                part[j] += w0 * a[j] + w1 * b[j] + w2 * c[j]
                        else:
                            for x in range(end - begin):
                                row[(begin + x) * channels + m] += w0 * a[x] + w1 * b[x] + w2 * c[x]
    return 1


@scalar
def _add_weighted(line, weight, each, total):
    """Add every `each`-th number of a line, times a weight."""
    if each == 1:
        for j in range(total.size):
            total[j] += weight * alike(line[j], weight)
    else:
        for j in range(total.size):
            total[j] += weight * alike(line[j * each], weight)


@scalar
def _gradient_of_hidden(values, grad, numbers, about, i, h, begin, end, out):
    """Write the gradient of hidden value h of lanes begin to end of a row, 0 where it is clipped and beyond the row."""
    height, width, channels, hidden, inputs = about.height, about.width, about.channels, about.hidden, about.inputs
    step = channels if inputs == 1 else 1
    size, each = width * step, channels // step
    low, high = max(begin, 0), min(end, size)
    total, sent = np.empty(high - low, out.dtype), np.zeros(high - low, out.dtype)
    fill_row(total, alike(numbers[hidden * inputs * 9 + h], out[0]))
    for ky in range(max(0, 1 - i % height), min(3, height - i % height + 1)):
        line = values[i + ky - 1]
        for kx in range(3):
            shift = (kx - 1) * step
            first, last = max(low, -shift), min(high, size - shift)
            for m in range(inputs):
                weight = alike(numbers[(h * inputs + m) * 9 + 3 * ky + kx], out[0])
                if first < last:
                    _add_weighted(line[(first + shift) * each + m :], weight, each, total[first - low : last - low])
    for m in range(inputs):
        weight = alike(numbers[hidden * (inputs * 9 + 1) + m * hidden + h], out[0])
        _add_weighted(grad[low * each + m :], weight, each, sent)
    fill_row(out, alike(0, out[0]))
    inside = out[low - begin : high - begin]
    for j in range(inside.size):
        inside[j] = sent[j] if total[j] > 0 else alike(0, out[0])
