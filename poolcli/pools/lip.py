"""Local importance pooling: each value weighs e^G, G a small network that sees the value and its eight neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli import geometry
from poolcli.engine import windows
from poolcli.engine.arithmetic import alike, exponential, tap
from poolcli.engine.compile import bind, inlined, scalar
from poolcli.engine.folds import Fold, Weighing, itself, lifted, valued
from poolcli.engine.gradients import Gradient
from poolcli.engine.network import add_gradient, gradient_of_numbers, weigh_back
from poolcli.engine.operation import Operation, Task, constants
from poolcli.engine.spread import cover, spread_evenly
from poolcli.files import is_name, located
from poolcli.geometry import Windows
from poolcli.pools.means import limits
from poolcli.stored import arrays

BOUND = 12.0  # of G, as Gao, Wang and Wu 2019 have it
_ARRAYS = ("conv.weight", "conv.bias", "logit.weight", "logit.bias")
_SHIPPED = Path(__file__).with_name("lip.npz")


@dataclass(frozen=True)
class Network:
    """G: a 3 x 3 convolution, max(x, 0), and a pointwise layer to one logit a channel, bounded by a sigmoid."""

    hidden: int
    inputs: int  # 1: every channel is an image of its own
    bound: float
    convolution: tuple[float, ...]  # (hidden, inputs, 3, 3)
    rest: tuple[float, ...]  # biases, logits (inputs, hidden), their biases

    def constants(self, maximum: float) -> Any:
        """Return all numbers as the operator takes them, for values of which `maximum` counts as 1."""
        scaled = tuple(weight / maximum for weight in self.convolution)
        return constants((*scaled, *self.rest), row=0, hidden=self.hidden, inputs=self.inputs, bound=self.bound)

    def check(self, channels: int) -> None:
        """Raise a ValueError if an image has another number of channels."""
        if self.inputs not in (1, channels):
            raise ValueError(f"the weights are for {self.inputs} channels, and the image has {channels}")


def load(weights: Any) -> Network:
    """Return the network of a path, of a mapping of arrays, or for None the shipped one, or raise a ValueError."""
    if isinstance(weights, Mapping):
        return _network(weights, "the weights")
    if weights is not None and not is_name(weights):
        raise ValueError(
            f"weights of type {type(weights).__name__} are not allowed: give a path or a mapping of arrays"
        )
    path = _SHIPPED if weights is None else located(weights)
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


number: Any = None  # bound to the float that weights are computed in
importance: Any = None  # bound to e^G of a logit

_BLOCK = 2048  # lanes whose hidden values stay in the first-level cache


@inlined
def _tap_at(taps, row, column):
    """Return which tap is the pixel in this row and column."""
    found = 0
    for k in range(len(taps)):
        if taps[k].row == row and taps[k].column == column:
            found = k
    return found


@inlined
def _importance(logit, bound):
    """Return e^G."""
    limited = min(max(logit, number(-80)), number(80)) if logit == logit else logit
    if bound > 0:
        limited = bound * (number(1) / (number(1) + exponential(-limited)) - number(0.5))
    return exponential(limited)


def weigh(lines, taps, cursor, constants, table, result):
    """Write r e^G and e^G of every pixel, G = bound (sigmoid(logit) - 1/2), or the logit itself where bound is 0.

    The constants are the row of the first pixel, hidden, inputs, bound; `numbers` are the weights of the convolution,
    (hidden, inputs, 9), its biases; those of the logits, (inputs, hidden), their biases. With one input every channel
    is an image of its own; else inputs is the number of channels, and the hidden values of a pixel are in the lane of
    its first channel.
    """
    channels = cursor.channels
    row, column = cursor.row + int(constants.row), cursor.column
    hidden, inputs, bound = int(constants.hidden), int(constants.inputs), number(constants.bound)
    convolution = constants.numbers
    bias = convolution[hidden * inputs * 9 :]
    mix = bias[hidden:]
    shift = mix[inputs * hidden :]
    block = max(_BLOCK // channels, 1) * channels
    total = np.empty(block, number)
    logits = np.empty((inputs, block), number)
    centre = _tap_at(taps, row, column)
    for begin in range(0, cursor.lanes, block):
        size = min(block, cursor.lanes - begin)
        for m in range(inputs):
            for j in range(size):
                logits[m, j] = number(shift[m])
        for h in range(hidden):
            for j in range(size):
                total[j] = number(bias[h])
            for k in range(len(taps)):
                position = 3 * (taps[k].row - row + 1) + taps[k].column - column + 1
                for m in range(inputs):
                    weight = number(convolution[(h * inputs + m) * 9 + position])
                    values = tap(lines, taps, k, cursor.lanes)[begin + m :]
                    for j in range(size - m):
                        total[j] += weight * number(values[j])
            for m in range(inputs):
                weight, out = number(mix[m * hidden + h]), logits[m]
                for j in range(size):
                    out[j] += weight * max(total[j], number(0)) if total[j] == total[j] else total[j]
        for m in range(1, inputs):
            for j in range(0, size, channels):
                logits[0, j + m] = logits[m, j]
        values, above, below = tap(lines, taps, centre, cursor.lanes)[begin:], result[0][begin:], result[1][begin:]
        logit = logits[0]
        for j in range(size):
            w = importance(logit[j], bound)
            above[j] = w * number(values[j])
            below[j] = w


@scalar
def slope_of_g(g, bound):
    """Return dG/dlogit: bound s (1 - s), s = G / bound + 1/2 the sigmoid; without a bound 1 up to 80."""
    half, one = alike(0.5, g), alike(1, g)
    s = g / bound + half
    within = one if abs(g) < 80 else one - one
    return bound * s * (one - s) if bound > 0 else within


@scalar
def weighted_mean(sums, n, constants):
    """Return sum(r e^G) / sum(e^G)."""
    return sums[0] / sums[1]


@scalar
def weighted_mean_over_n(sums, n, constants):
    """Return the same, over n."""
    return sums[0] / sums[1] / n


def _weighing(task: Task, wide: np.dtype[Any]) -> Operation:
    """Return the operation that writes r e^G and e^G of every pixel, as floats of this dtype."""
    how = {"number": wide.type, "importance": bind(_importance, number=wide.type)}
    numbers = task.parameters["weights"].constants(task.maximum)
    return Operation(weigh, task.source, wide, how, numbers, planes=2)


def lip(task: Task) -> Fold:
    """Return the pool of lip: sum(r e^G) / sum(e^G), or that over n."""
    # In float32 weights err by 1e-6: of values that cannot cancel so does the result, beside which half a unit is much.
    narrow = task.blend_dtype == np.float32 and task.source.kind == "u"
    wide = np.dtype(np.float32 if narrow else np.float64)
    prepass = _weighing(task, wide)
    plane, float64 = replace(task, source=wide), np.dtype(np.float64)
    down = lifted(plane, valued, np.float64, in_pairs=True, max_dense_stride=4)
    across = lifted(replace(task, source=float64), valued, np.float64, in_pairs=True, max_dense_stride=2).operation
    own = replace(across, source=wide, separable=(down.operation, across), prepass=prepass)
    part = replace(down, operation=replace(down.operation, prepass=prepass, max_dense_stride=1))
    by_weights = task.parameters["norm"] == "weights"
    finish, between = (weighted_mean, limits(task)) if by_weights else (weighted_mean_over_n, None)
    weighing = Weighing(partial(_weights_around, task), over_n=not by_weights)
    return Fold(task, (part,), finish, limits=between, own=own, weighing=weighing)


def _weights_around(task: Task, image: NDArray[Any], outside: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return r e^G and e^G of every value, 0 of what is outside, which the network sees as 0 too."""
    seen = np.where(outside, image.dtype.type(0), image)
    around = (geometry.sliding(n, 3, 1, (1, 1)) for n in image.shape[1:3])
    above, below = windows.pool(seen, _weighing(task, np.dtype(np.float64)), *around)
    return np.where(outside, 0, above), np.where(outside, 0, below)


@dataclass(frozen=True)
class LipGradient:
    """The gradient of lip: e^G / sum(e^G) of each value, and through G, (r - out) e^G / sum(e^G) dG/dr."""

    task: Task

    def back(self, grads: NDArray[Any], image: NDArray[Any], rows: Windows, columns: Windows) -> NDArray[Any]:
        """Return the gradient with respect to the image."""
        values, logits = self.parts(grads, image, rows, columns)
        add_gradient(image, logits, self.task.parameters["weights"].constants(self.task.maximum), values)
        return values

    def parts(
        self, grads: NDArray[Any], image: NDArray[Any], rows: Windows, columns: Windows
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the gradient with respect to the values as they weigh now, and that with respect to the logits."""
        network, task = self.task.parameters["weights"], self.task
        _, height, width, _ = image.shape
        around = (geometry.sliding(n, 3, 1, (1, 1)) for n in (height, width))
        above, below = windows.pool(image, _weighing(task, task.target), *around)
        # What each window sends to e^G r, and to e^G.
        sums = [self._summed(plane, rows, columns) for plane in (above, below)]
        sent = grads[0] / sums[1]
        if task.parameters["norm"] != "weights":
            sent /= np.outer(rows.divisor, columns.divisor)[..., None].astype(sent.dtype)
        out = sums[0] / sums[1]
        covers = cover(rows, height), cover(columns, width)
        values = spread_evenly(np.ascontiguousarray(sent, task.target), image.shape, *covers)
        weights = spread_evenly(np.ascontiguousarray(sent * out, task.target), image.shape, *covers)
        weigh_back((above, below), (values, weights), slope_of_g, network.bound)
        return values, weights

    def _summed(self, plane: NDArray[Any], rows: Windows, columns: Windows) -> NDArray[Any]:
        """Return the sums of windows, (N, rows, columns, C)."""
        task = replace(self.task, source=plane.dtype, target=np.dtype(np.float64))
        part = lifted(task, valued, np.float64, in_pairs=True, max_dense_stride=4)
        sums: NDArray[Any] = Fold(task, (part,), itself).pool(plane, rows, columns)[0]
        return sums


def lip_gradient(task: Task) -> Gradient:
    """Return the gradient of lip."""
    return LipGradient(task)


@dataclass(frozen=True)
class LipGradientOfWeights:
    """The gradient of lip with respect to the weights of G: a mapping of arrays, as they are given."""

    task: Task

    def back(
        self, grads: NDArray[Any], image: NDArray[Any], rows: Windows, columns: Windows
    ) -> dict[str, NDArray[np.float64]]:
        """Return the gradient with respect to the weights."""
        network = self.task.parameters["weights"]
        _, logits = LipGradient(self.task).parts(grads, image, rows, columns)
        found = gradient_of_numbers(image, logits, network.constants(self.task.maximum))
        hidden, inputs = network.hidden, network.inputs
        shapes = (hidden, inputs, 3, 3), (hidden,), (inputs, hidden), (inputs,)
        scaled = (found[0] / self.task.maximum, *found[1:])
        return {name: one.reshape(shape) for name, one, shape in zip(_ARRAYS, scaled, shapes, strict=True)}


def lip_gradient_of_weights(task: Task) -> Gradient:
    """Return the gradient of lip in its weights."""
    return LipGradientOfWeights(task)
