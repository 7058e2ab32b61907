"""The base class of rows in the tables of modes: other code asks a row, and never compares the name of a mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from poolcli.parameters import PARAMETERS


class ModeRow:
    """A mode: its formula over values r, and what it makes of an image by the arguments that are given."""

    name: str
    formula: str
    parameters: tuple[str, ...]
    selects: bool  # only ever returns values of the input
    unordered: bool  # which of two values is larger means nothing to it: indices of a palette are as good

    def value(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Return an argument or its default, or None where the mode takes no such parameter."""
        if name not in self.parameters:
            return None
        return arguments.get(name, PARAMETERS[name].of(self.name).default)

    def accepted(self, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """Return which parameters it takes, beside these arguments."""
        return self.parameters

    def blends(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether it makes values that the image does not have."""
        return not self.selects

    def ignores_order(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether which of two values is larger means nothing to it."""
        return self.unordered

    def is_relative(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether its result depends on which value counts as 1."""
        return False

    def mixes(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether it makes other channels of all channels: alpha is one more number then."""
        return False

    def copies(self) -> bool:
        """Return whether each of its values is that of one pixel, wherever this lies, and whatever the others are."""
        return False

    def can_ignore(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether values can be left out of its windows."""
        return False

    def planes(self, arguments: Mapping[str, Any]) -> int:
        """Return how many images it makes of one, along a leading axis; 0 is one, without such an axis."""
        return 0

    def as_mean(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the arguments that make it a mean, where it may be a sum instead."""
        return {}

    def resizes(self) -> bool:
        """Return whether a size that is asked for is one of many."""
        return True

    def output_shape(self, shape: tuple[int, ...], arguments: Mapping[str, Any]) -> tuple[int, ...]:
        """Return the shape that it makes of (H, W) or (H, W, C), or raise a ValueError."""
        raise NotImplementedError


def takes(modes: Mapping[str, ModeRow]) -> dict[str, tuple[str, ...]]:
    """Return which parameters each mode of a table takes."""
    return {name: row.parameters for name, row in modes.items()}


@cache
def imported(name: str) -> Callable[..., Any]:
    """Return the function that a table names, module:function of this package: tables do without its imports."""
    module, function = name.split(":")
    found: Callable[..., Any] = getattr(import_module(f"poolcli.{module}"), function)
    return found
