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

from poolcli.engine.arithmetic import alike
from poolcli.engine.bands import Bands
from poolcli.engine.compile import scalar
from poolcli.engine.operation import record

number: Any = None  # bound to the float of the gradient
source: Any = None  # bound to the dtype of the image

NETWORK = record("height", "width", "channels", "hidden", "inputs")
"""Of an image, and of the network."""
_PATCHES = 1 << 22  # numbers of 3 x 3 patches that are held at once
_bands = Bands(
    types.Array(types.uint8, 2, "C", readonly=True), types.Array(types.uint8, 2, "C", readonly=True),
    types.Array(types.float64, 1, "C"), types.Array(from_dtype(NETWORK), 1, "C"), types.Array(types.uint8, 2, "C"),
    least=16,
)  # fmt: skip


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
    values, grads, target = image.view(source), logits.view(number), out.view(number)
    step = channels if inputs == 1 else 1  # lanes of a pixel among hidden values
    size = width * step
    ring = np.zeros((3, hidden, size + 2 * step), number)
    loaded = np.full(3, -1)
    for i in range(start, stop):
        row = target[i]
        for dy in range(max(-1, -(i % height)), min(2, height - i % height)):
            lanes = ring[(i + dy) % 3]
            if loaded[(i + dy) % 3] != i + dy:
                loaded[(i + dy) % 3] = i + dy
                for h in range(hidden):
                    _gradient_of_hidden(values, grads[i + dy], numbers, about[0], i + dy, h, lanes[h])
            for h in range(hidden):
                for dx in range(-1, 2):
                    lane = lanes[h][(1 + dx) * step :]
                    for m in range(inputs):  # that pixel sees this one on the other side
                        weight = number(numbers[(h * inputs + m) * 9 + 3 * (1 - dy) + 1 - dx])
                        if inputs == 1:
                            for j in range(size):
                                row[j] += weight * lane[j]
                        else:
                            for x in range(width):
                                row[x * channels + m] += weight * lane[x]
    return 1


@scalar
def _gradient_of_hidden(values, grad, numbers, about, i, h, out):
    """Write the gradient of hidden value h of a row of pixels, 0 where that is clipped, between two pixels of 0."""
    height, width, channels, hidden, inputs = about.height, about.width, about.channels, about.hidden, about.inputs
    step = channels if inputs == 1 else 1
    size, each = width * step, channels // step
    total = np.empty(size, out.dtype)
    for j in range(size):
        total[j] = numbers[hidden * inputs * 9 + h]
    for ky in range(max(0, 1 - i % height), min(3, height - i % height + 1)):
        line = values[i + ky - 1]
        for kx in range(3):
            shift = (kx - 1) * step
            first, last = max(0, -shift), min(size, size - shift)
            for m in range(inputs):
                weight = alike(numbers[(h * inputs + m) * 9 + 3 * ky + kx], total[0])
                for j in range(first, last):
                    total[j] += weight * alike(line[(j + shift) * each + m], total[0])
    mix = numbers[hidden * inputs * 9 + hidden :]
    for j in range(size):
        out[step + j] = 0
    for m in range(inputs):
        weight = alike(mix[m * hidden + h], total[0])
        for j in range(size):
            out[step + j] += weight * grad[j * each + m] if total[j] > 0 else alike(0, total[0])
