"""Local importance pooling: each value weighs e^G, G a small network that sees the value and its eight neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.kernels import sums
from poolcli.kernels.extremes import kept
from poolcli.kernels.numbers import exponential, tap
from poolcli.kernels.operation import Fold, Operation, Part, Planes, Task
from poolcli.kernels.place import CHANNELS, COLUMN, LANES, ROW, TAP_COLUMN, TAP_ROW

lane: Any = np.float32  # bound to the float that weights are computed in

_BLOCK = 2048  # lanes whose hidden values stay in the first-level cache
_HEADER = 4  # entries of the parameters before the weights


def weigh(ring, taps, place, parameters, table, result):
    """Write r e^G and e^G of every pixel, G = bound (sigmoid(logit) - 1/2), or the logit itself where bound is 0.

    The parameters are the row of the first pixel, hidden, inputs, bound; the weights of the convolution,
    (hidden, inputs, 9), its biases; those of the logits, (inputs, hidden), their biases. With one input every channel
    is a picture of its own; else inputs is the number of channels, and the hidden values of a pixel are in the lane of
    its first channel.
    """
    channels = place[CHANNELS]
    row, column = place[ROW] + int(parameters[0]), place[COLUMN]
    hidden, inputs, bound = int(parameters[1]), int(parameters[2]), lane(parameters[3])
    convolution = parameters[_HEADER:]
    bias = convolution[hidden * inputs * 9 :]
    mix = bias[hidden:]
    shift = mix[inputs * hidden :]
    block = max(_BLOCK // channels, 1) * channels
    total = np.empty(block, lane)
    logits = np.empty((inputs, block), lane)
    centre = 0
    for k in range(len(taps)):
        if taps[k, TAP_ROW] == row and taps[k, TAP_COLUMN] == column:
            centre = k
    for begin in range(0, place[LANES], block):
        size = min(block, place[LANES] - begin)
        for m in range(inputs):
            for j in range(size):
                logits[m, j] = lane(shift[m])
        for h in range(hidden):
            for j in range(size):
                total[j] = lane(bias[h])
            for k in range(len(taps)):
                position = 3 * (taps[k, TAP_ROW] - row + 1) + taps[k, TAP_COLUMN] - column + 1
                for m in range(inputs):
                    weight = lane(convolution[(h * inputs + m) * 9 + position])
                    values = tap(ring, taps, k, place[LANES])[begin + m :]
                    for j in range(size - m):
                        total[j] += weight * lane(values[j])
            for m in range(inputs):
                weight, out = lane(mix[m * hidden + h]), logits[m]
                for j in range(size):
                    out[j] += weight * max(total[j], lane(0)) if total[j] == total[j] else total[j]
        for m in range(1, inputs):
            for j in range(0, size, channels):
                logits[0, j + m] = logits[m, j]
        values, above, below = tap(ring, taps, centre, place[LANES])[begin:], result[0][begin:], result[1][begin:]
        logit = logits[0]
        for j in range(size):
            limited = min(max(logit[j], lane(-80)), lane(80)) if logit[j] == logit[j] else logit[j]
            if bound > 0:
                limited = bound * (lane(1) / (lane(1) + exponential(-limited)) - lane(0.5))
            w = exponential(limited)
            above[j] = w * lane(values[j])
            below[j] = w


def lip(task: Task) -> Operation:
    """Return the operation that sums r e^G and e^G: their quotient is the pool."""
    network = task.parameters["weights"]
    number = np.dtype(np.float64)
    # In float32 weights err by 1e-6: of values that cannot cancel so does the result, beside which half a unit is much.
    wide = np.dtype(np.float32 if task.lane == np.float32 and task.source.kind == "u" else np.float64)
    parameters = network.parameters(task.maximum)
    first = Operation(weigh, task.source, wide, {"lane": wide.type}, parameters, planes=2)
    down = Operation(sums.undivided, wide, number, {"number": np.float64}, slide=4)
    across = Operation(sums.undivided, number, number, {"number": np.float64}, slide=2)
    whole = replace(across, source=wide, axes=(down, across), first=first)
    part = Part(replace(down, first=first, slide=1), np.add, number)

    def finish(parts: Sequence[Planes], count: Any, divisor: Any, target: np.dtype[Any]) -> NDArray[Any]:
        found: NDArray[Any] = parts[0][0] / parts[0][1]
        return found / count if task.parameters["norm"] == "count" else found

    between = kept(task) if task.parameters["norm"] == "weights" else None
    return replace(whole, finished=task.target, fold=Fold((part,), finish, between))
