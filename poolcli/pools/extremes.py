"""Extremes, max(r) and min(r); a NaN counts as the largest, and as the smallest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from poolcli.engine.blocks import Block
from poolcli.engine.choices import Region
from poolcli.engine.folds import Fold, extreme, itself, largest, sliding_extreme, smallest
from poolcli.engine.operation import Task


def maximum(task: Task) -> Fold:
    """Return the pool of max: max(r)."""
    return _extreme(task, largest, np.max)


def minimum(task: Task) -> Fold:
    """Return the pool of min: min(r)."""
    return _extreme(task, smallest, np.min)


def _extreme(task: Task, best: Any, of_values: Callable[[Any], Any]) -> Fold:
    def of_region(region: Region) -> list[Any]:
        return [of_values(region.values)]

    part = extreme(task, best)
    step = part.operation  # the state is the result
    own = replace(step, separable=(step, step), sliding=sliding_extreme(task, best))
    block = Block(part.lifting, task.source, itself, ordered=task.source.kind == "f") if part.lifting else None
    return Fold(task, (part,), itself, own=own, of_region=of_region, block=block)
