"""Local importance pooling: each value weighs e^G, G a small network that sees the value and its eight neighbours."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.engine.arithmetic import exponential, tap
from poolcli.engine.cursor import CHANNELS, COLUMN, LANES, ROW, TAP_COLUMN, TAP_ROW
from poolcli.engine.operation import Fold, Operation, Part, Planes, Task
from poolcli.pools import means as sums
from poolcli.pools.extremes import kept
from poolcli.stored import arrays

BOUND = 12.0  # of G, as Gao, Wang and Wu 2019 have it
_ARRAYS = ("conv.weight", "conv.bias", "logit.weight", "logit.bias")
_SHIPPED = Path(__file__).with_name("lip.npz")


@dataclass(frozen=True)
class Network:
    """G: a 3 x 3 convolution, max(x, 0), and a pointwise layer to one logit a channel, bounded by a sigmoid."""

    hidden: int
    inputs: int  # 1: every channel is a picture of its own
    bound: float
    convolution: tuple[float, ...]  # (hidden, inputs, 3, 3)
    rest: tuple[float, ...]  # biases, logits (inputs, hidden), their biases

    def parameters(self, maximum: float) -> tuple[float, ...]:
        """Return all numbers as the kernel takes them, for values of which `maximum` counts as 1."""
        scaled = tuple(weight / maximum for weight in self.convolution)
        return (self.hidden, self.inputs, self.bound, *scaled, *self.rest)

    def check(self, channels: int) -> None:
        """Raise a ValueError if a picture has another number of channels."""
        if self.inputs not in (1, channels):
            raise ValueError(f"the weights are for {self.inputs} channels, and the picture has {channels}")


def load(weights: Any) -> Network:
    """Return the network of a path, of a mapping of arrays, or for None the shipped one, or raise a ValueError."""
    if isinstance(weights, Mapping):
        return _network(weights, "the weights")
    if weights is not None and not isinstance(weights, (str, os.PathLike)):
        raise ValueError(
            f"weights of type {type(weights).__name__} are not allowed: give a path or a mapping of arrays"
        )
    path = _SHIPPED if weights is None else Path(weights)
    return _network(arrays(path), str(path))


def _network(given: Mapping[str, Any], name: str) -> Network:
    missing = [array for array in _ARRAYS if array not in given]
    if missing:
        raise ValueError(f"{name}: no array {', '.join(missing)}: there must be {', '.join(_ARRAYS)}")
    weight, bias, logit, shift = (np.asarray(given[array]) for array in _ARRAYS)
    if weight.ndim != 4 or weight.shape[2:] != (3, 3) or 0 in weight.shape:
        raise ValueError(f"{name}: conv.weight is {weight.shape}: it must be (hidden, channels or 1, 3, 3)")
    hidden, inputs = weight.shape[:2]
    for array, found, shape in (("conv.bias", bias, (hidden,)), ("logit.weight", logit, (inputs, hidden)),
                                ("logit.bias", shift, (inputs,))):  # fmt: skip
        if found.shape != shape:
            raise ValueError(f"{name}: {array} is {found.shape}: with conv.weight {weight.shape} it must be {shape}")
    bound = np.asarray(given.get("bound", BOUND))
    for array, found in (*zip(_ARRAYS, (weight, bias, logit, shift), strict=True), ("bound", bound)):
        if found.dtype.kind not in "fiu" or not np.isfinite(found).all():
            raise ValueError(f"{name}: {array} holds what is no finite number")
    if bound.size != 1 or not 0 <= float(bound.item()) <= 60:
        raise ValueError(f"{name}: bound must be one number from 0 to 60")
    numbers = [tuple(map(float, found.ravel())) for found in (weight, bias, logit, shift)]
    return Network(hidden, inputs, float(bound.item()), numbers[0], sum(numbers[1:], ()))


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
