"""Interpolation filters: the table, and what each weighs a pixel by, x pixels away.

A new filter is one function and one row: `resize`, `upsample`, the command line and its help read the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:  # the table and its help do without NumPy
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]

_COMMON = ("coordinates", "border", "fill")


@dataclass(frozen=True, eq=False)
class Filter:
    """One filter: what it makes of a value, its weights w(x, parameters of its own), and how far from 0 they reach."""

    name: str
    formula: str
    weights: Callable[..., Floats]
    support: float | Callable[..., float]  # a number, or a function of the parameters of its own
    own: tuple[str, ...] = ()
    copies: bool = False  # takes one pixel, unless it is stretched

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return what its mode takes."""
        return ("coordinates", "rounding") if self.copies else (*self.own, *_COMMON)

    def reach(self, *own: float) -> float:
        """Return how far from 0 there are weights."""
        return self.support(*own) if callable(self.support) else self.support


def box(x: Floats) -> Floats:
    """Return 1 in (-1/2, 1/2]."""
    import numpy as np

    x = np.round(x, 9)  # where a box ends on a pixel, rounding must not say on which side
    return np.where((x > -0.5) & (x <= 0.5), 1.0, 0.0)


def triangle(x: Floats) -> Floats:
    """Return 1 - |x|."""
    import numpy as np

    return np.asarray(np.maximum(1 - np.abs(x), 0.0))


def cubic(x: Floats, cubic_a: float) -> Floats:
    """Return Keys' cubic convolution kernel (1981)."""
    import numpy as np

    x = np.abs(x)
    near = ((cubic_a + 2) * x - (cubic_a + 3)) * x * x + 1
    far = ((cubic_a * x - 5 * cubic_a) * x + 8 * cubic_a) * x - 4 * cubic_a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def windowed_sinc(x: Floats, lobes: int) -> Floats:
    """Return sinc(x) sinc(x / lobes) (Duchon 1979)."""
    import numpy as np

    values = np.where(np.abs(x) < lobes, np.sinc(x) * np.sinc(x / lobes), 0.0)
    return np.where(x == np.rint(x), x == 0, values)  # sin(pi) is 1e-16: a pixel on a pixel is that, to the bit


FILTERS: Mapping[str, Filter] = {
    row.name: row
    for row in (
        Filter("nearest", "r over its whole region", box, 0.5, copies=True),
        Filter("bilinear", "a sum over 2 x 2 neighbours", triangle, 1),
        Filter("bicubic", "a sum over 4 x 4 neighbours, of Keys' cubic", cubic, 2, ("cubic_a",)),
        Filter("lanczos", "a sum over 2 lobes x 2 lobes neighbours, of the windowed sinc", windowed_sinc,
               lambda lobes: lobes, ("lobes",)),
    )
}  # fmt: skip
