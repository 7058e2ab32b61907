"""Where the gradient of a pool flows: of the sum of the output, of one output pixel, or of what a file says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from poolcli.downsample import MODES, Mode, window_of
from poolcli.files import located

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIFFERENTIABLE: Mapping[str, Mode] = {name: mode for name, mode in MODES.items() if mode.has_gradient}

_DRAWN = 3  # channels of a picture


def gradient(image: NDArray[Any], mode: str, **arguments: Any) -> NDArray[Any]:
    """Return the gradient of a sum over what `downsample` makes of (H, W) or (H, W, C), with respect to that.

    It is the sum of all values; with `at`, a row and a column, of the values of one pixel; with `grad`, a path, of all
    values times the numbers in that file. All other arguments are those of `downsample`.

    Raises:
        ValueError: a value is not allowed, or the pixel or the numbers do not fit the output.
    """
    import numpy as np

    from poolcli.backward import downsample_backward

    row, given = MODES[mode], {**arguments}
    at, path = given.pop("at", None), given.pop("grad", None)
    planes = row.planes(given)
    shape = (*(planes,) * bool(planes), *row.output_shape(image.shape, given))
    if path is not None:
        grads = _read(path, shape)
    elif at is not None:
        grads = np.zeros(shape)
        grads[(*(slice(None),) * bool(planes), *at)] = 1
    else:
        grads = np.ones(shape)
    found: NDArray[Any] = downsample_backward(grads, image, mode, **given)
    return found


def _read(path: str, shape: tuple[int, ...]) -> NDArray[Any]:
    from poolcli.stored import arrays

    stored = [*arrays(located(path)).values()]
    if len(stored) != 1 or stored[0].shape != shape:
        found = " and ".join(str(one.shape) for one in stored)
        raise ValueError(f"{path}: holds {found or 'nothing'}, and the result is {shape}: they must be alike")
    return stored[0]


def shape_of_map(row: Mode, shape: tuple[int, ...], arguments: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the shape of the gradient, as numbers or as a picture, or raise a ValueError if a pixel is outside."""
    rows, columns = row.output_shape(shape, window_of(arguments))[:2]
    y, x = arguments.get("at", (0, 0))
    if y >= rows or x >= columns:
        raise ValueError(f"at=({y}, {x}) is outside the result, which has {rows} x {columns} pixels, the first 0,0")
    return shape if arguments.get("numbers") else (*shape[:2], _DRAWN)
