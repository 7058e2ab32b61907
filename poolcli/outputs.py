"""Arrays that callers give for results, as `out`: new memory costs a fifth of the time of the fastest pools.

A kernel asks `room` for the memory of its result, and gets the array of the caller where that can be: of this size and
dtype, contiguous, and no part of an input. Everywhere else the result is copied into it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from math import prod
from typing import TYPE_CHECKING, Any, ParamSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

P = ParamSpec("P")

_offered: ContextVar[NDArray[Any] | None] = ContextVar("offered", default=None)


def takes_out(function: Callable[P, Any]) -> Callable[P, Any]:
    """Let a function fill the array that is given as `out`, which it declares and need not know of."""

    @wraps(function)
    def with_out(*args: P.args, **given: P.kwargs) -> Any:
        out: Any = given.get("out")
        if out is None:
            return function(*args, **given)
        inputs = [*args, *(value for name, value in given.items() if name != "out")]
        with _offering(out[0] if isinstance(out, (tuple, list)) and out else out, inputs):
            result = function(*args, **given)
        return _filled(out, result)

    return with_out


def room(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return memory for a result, not filled: that of the caller's array, or new."""
    import numpy as np

    given = _offered.get()
    if given is None or given.dtype != dtype or not _alike(given.shape, shape):
        return np.empty(shape, dtype)
    _offered.set(None)  # an array holds one result
    return given.reshape(shape)


def _alike(given: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Return whether one shape is the other but for axes of 1, and for leading axes that are counted as one."""
    own, other = ([n for n in sizes if n != 1] for sizes in (given, shape))
    return prod(own) == prod(other) and own[len(own) - len(other) + 1 :] == other[1:]


@contextmanager
def _offering(out: Any, inputs: list[Any]) -> Iterator[None]:
    """Offer an array to kernels if they may write to it while they read the inputs."""
    import numpy as np

    apart = isinstance(out, np.ndarray) and out.flags.carray and all(_is_apart(out, one) for one in inputs)
    before = _offered.set(out if apart else None)
    try:
        yield
    finally:
        _offered.reset(before)


def _is_apart(out: NDArray[Any], argument: Any) -> bool:
    """Return whether an argument surely shares no memory with an array."""
    import numpy as np

    if isinstance(argument, np.ndarray):
        return not np.may_share_memory(out, argument)
    if isinstance(argument, Mapping):
        return all(_is_apart(out, value) for value in argument.values())
    if isinstance(argument, (tuple, list)):
        return all(_is_apart(out, value) for value in argument)
    return argument is None or isinstance(argument, (str, bool, int, float, np.generic, np.dtype, type))


def _filled(out: Any, result: Any) -> Any:
    """Return an array, or as many as there are results, filled with them; or raise an error that says what is right."""
    import numpy as np

    if isinstance(result, tuple):
        if not isinstance(out, (tuple, list)) or len(out) != len(result):
            raise TypeError(f"there are {len(result)} results: out must be as many arrays, in a tuple")
        return tuple(_filled(*both) for both in zip(out, result, strict=True))
    if isinstance(result, Mapping):
        raise TypeError(f"there are {len(result)} results, by name, and no out for them")
    made = np.asarray(result)
    right = f"it must be an array of shape {made.shape} and dtype {made.dtype}"
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out is of type {type(out).__name__}: {right}")
    if out.shape != made.shape or out.dtype != made.dtype:
        raise ValueError(f"out is of shape {out.shape} and dtype {out.dtype}: {right}")
    if not out.flags.writeable:
        raise ValueError("out is read-only: it must be writeable")
    if made.ctypes.data != out.ctypes.data or made.strides != out.strides:
        np.copyto(out, made)
    return out
