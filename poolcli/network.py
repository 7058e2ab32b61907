"""The small network of local importance pooling: its weights, from a file, from arrays, or as shipped."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

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
