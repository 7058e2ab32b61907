"""Nodata: the value that means none, where an image has it, and how many other values a window must have."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

from poolcli.parameters import Parameter

if TYPE_CHECKING:  # the help of the commands does without NumPy
    import numpy as np
    from numpy.typing import NDArray

    from poolcli.rows import ModeRow

SHARE = Parameter("valid", float, None, "", 0, 1)


@dataclass(frozen=True, eq=False)
class Nodata:
    """Which values of an image are outside every window, and what becomes of windows that have too few others."""

    outside: NDArray[np.bool_]  # of (N, H, W, C)
    value: Any  # of the image's dtype
    share: float  # of the values of a window that must be left; one at least is
    source: np.dtype[Any]
    target: np.dtype[Any]
    divides_by_all: bool = False  # a mean divides by what is outside too, as by padding

    @classmethod
    def of(cls, batch: NDArray[Any], ignore: Any, valid: Any, source: np.dtype[Any], target: np.dtype[Any]) -> Nodata:
        """Return where (N, H, W, C) of a working dtype is nodata, or raise a ValueError if a dtype cannot hold it."""
        import numpy as np

        value, share = held(ignore, source, "the image"), 0.0 if valid is None else float(valid)
        held(ignore, target, "the output")
        outside = np.isnan(batch) if value != value else batch == value.astype(batch.dtype)
        return cls(outside, value, share, source, target)

    @property
    def is_there(self) -> bool:
        """Return whether any value is nodata."""
        return bool(self.outside.any())


def held(ignore: Any, dtype: np.dtype[Any], whose: str) -> Any:
    """Return a number in a dtype that holds it exactly, or raise a ValueError."""
    import numpy as np

    if isinstance(ignore, (bool, np.bool_)) or not isinstance(ignore, (Real, np.number)):
        raise ValueError(f"ignore={ignore!r} is not allowed: ignore must be a number, or nan")
    given: Any = ignore.item() if isinstance(ignore, np.generic) else ignore
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            near = np.array(_as_float(given)).astype(dtype)[()]
        if float(near) == given or given != given:  # as float32 0.1 would equal its nearest
            return near
        way = f"the nearest that it holds is {float(near)!r}"
    else:
        low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        if given == given and low <= given <= high and given == int(given):
            return np.array(int(given)).astype(dtype)[()]
        way = f"it holds whole numbers from {low} to {high}"
    more = "" if whose == "the image" else "; another dtype=DTYPE may hold it"
    raise ValueError(f"ignore={given!r} is no number that {dtype}, the dtype of {whose}, holds: {way}{more}")


def _as_float(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:  # a whole number of many digits
        return math.inf if number > 0 else -math.inf


def without(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that do not say which values mean none."""
    return {name: value for name, value in arguments.items() if name not in ("ignore", "valid")}


def check_ignore(row: ModeRow, arguments: Mapping[str, Any]) -> None:
    """Raise a ValueError if a mode cannot leave values out, or the arguments that ask for it are not allowed."""
    ignore, valid = arguments.get("ignore"), SHARE.check(arguments.get("valid"))
    if ignore is None:
        if valid is not None:
            raise ValueError(f"valid={valid:g} is the share of values that are not ignored: give ignore=VALUE with it")
        return
    if not row.can_ignore(arguments):
        raise ValueError(f"mode {row.name!r} takes no ignore: it needs every value of the image")
    if arguments.get("joint") is not None:
        joint = f"joint={arguments['joint']!r} takes all channels of a pixel"
        raise ValueError(f"{joint}, and ignore={ignore!r} leaves out single values: give one of them")


def written(value: Any) -> str:
    """Return a value as GDAL writes it.

    >>> written(-9999.0), written(0.5), written(float("nan"))
    ('-9999', '0.5', 'nan')
    """
    number = value.item() if hasattr(value, "item") else value
    if isinstance(number, float) and math.isfinite(number) and number.is_integer() and abs(number) < 1e15:
        number = int(number)
    return repr(number)


def read(text: str, dtype: np.dtype[Any]) -> int | float | None:
    """Return the value that a file says, as numbers of its dtype may have it, or None where none has.

    >>> import numpy as np
    >>> [read(text, np.dtype(np.int16)) for text in ("-9999", "nan", "none")], read("-9999", np.dtype(np.uint8))
    ([-9999, None, None], None)
    """
    number: int | float
    try:
        number = int(text) if text.strip().lstrip("+-").isdigit() else float(text)
        if dtype.kind == "f":  # GDAL writes fewer digits than some numbers have
            number = float(dtype.type(number))
        found: int | float = held(number, dtype, "the image").item()
    except (ValueError, OverflowError):
        return None
    return found
