"""Compilation: one Python function, compiled once for every dtype or function that it is bound to.

A kernel is written with placeholders: module globals that are None, as `source` or `lift`. `specialise` compiles a copy
of it in which they have values. Its name, and so its file in the cache, is made of all that is bound.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from types import FunctionType
from typing import Any, TypeVar

from numba import njit, types
from numba.core import event
from numba.extending import typeof_impl

from poolcli.engine import internals
from poolcli.engine.cache import KernelCache

Compiled = TypeVar("Compiled", bound=Callable[..., Any])
_NAME = 100  # characters of a name that tell people what it is; a checksum tells it from all others


def scalar(function: Compiled) -> Compiled:
    """Compile a function of a few numbers, or of rows, that kernels call: it becomes part of each of them."""
    compiled: Any = njit(error_model="numpy")(function)
    return compiled  # type: ignore[no-any-return]


def inlined(function: Compiled) -> Compiled:
    """Compile a function into the body of its caller, where what is constant there must be so here."""
    compiled: Any = njit(error_model="numpy", inline="always")(function)
    return compiled  # type: ignore[no-any-return]


def plain(function: Any) -> Callable[..., Any]:
    """Return the Python function that was compiled."""
    python: Callable[..., Any] = getattr(function, "py_func", function)
    return python


def bind(function: Callable[..., Any], **bound: Any) -> Any:
    """Return a copy of `function` for kernels to call, in which the placeholders named in `bound` have values.

    Bound alike it is the same function: kernels that call it are the same too.
    """
    return _bind(plain(function), tuple(sorted(bound.items())))


@cache
def _bind(function: Callable[..., Any], bound: tuple[tuple[str, Any], ...]) -> Any:
    return inlined(_copy(function, dict(bound), None))


def specialise(function: Callable[..., Any], signature: Any, **bound: Any) -> Any:
    """Compile `function` for a signature, with placeholders bound, or load it from the disk."""
    return _compiled(function, signature, bound, internals.FOR_PYTHON_ALONE)


def _compiled(function: Callable[..., Any], signature: Any, bound: dict[str, Any], options: dict[str, Any]) -> Any:
    copy = _copy(function, bound, (signature, options))
    compiled: Any = njit(error_model="numpy", **options)(copy)
    if compiled is not copy:  # NUMBA_DISABLE_JIT leaves the function as it is
        internals.keep_in(compiled, KernelCache(f"{function.__module__.rpartition('.')[2]}.{copy.__name__}"))
        with _no_collection(), internals.parts_alone():
            compiled.compile(signature)
        compiled.disable_compile()
    return compiled


@contextmanager
def _no_collection() -> Iterator[None]:
    """Let the garbage collector wait: Numba makes so many objects that it takes a tenth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def pointer(function: Callable[..., Any], signature: Any, **bound: Any) -> Any:
    """Specialise a function and return what can be passed to a kernel as an argument."""
    compiled = _compiled(function, signature, bound, internals.FOR_C_ALONE)
    return Pointer(compiled, signature) if internals.is_compiled(compiled) else compiled


def _copy(function: Callable[..., Any], bound: dict[str, Any], compiled_for: Any) -> Callable[..., Any]:
    given = {name: value for name, value in bound.items() if name in function.__globals__}
    if len(given) < len(bound):
        raise NameError(f"{function.__name__} has no placeholder {', '.join(bound.keys() - given.keys())}")
    label = "_".join([function.__name__, *(_label(value) for _, value in sorted(bound.items()))])
    exact = repr(
        [_described(function), [(name, _described(value)) for name, value in sorted(bound.items())], compiled_for]
    )
    name = f"{label[:_NAME]}_{sha256(exact.encode()).hexdigest()[:8]}"
    copy: Any = FunctionType(function.__code__, {**function.__globals__, **bound}, name)
    copy.__qualname__, copy.label = name, label
    copy.__module__ = function.__module__
    return copy  # type: ignore[no-any-return]


def _label(value: Any) -> str:
    """Return a word for what is bound."""
    python = plain(value)
    return str(getattr(python, "label", getattr(python, "__name__", python)))


def _described(value: Any) -> str:
    """Return a text that tells a bound value from others: a dtype, a number, or a function with what it is bound to."""
    python = plain(value)
    if not isinstance(python, FunctionType):
        return repr(value)
    code = python.__code__  # two functions may have one name, as lambdas have
    constants = [constant for constant in code.co_consts if not hasattr(constant, "co_code")]
    return repr((python.__module__, python.__qualname__, code.co_code.hex(), code.co_names, constants))


def check(done: int, asked: int) -> None:
    """Raise a MemoryError unless all calls through pointers came to their end, where each returns 1.

    An exception inside such a call, of which kernels have no other than this, is printed and lost: the call returns 0.
    """
    if done != asked:
        raise MemoryError("a kernel found no room for its rows")


class Pointer(types.WrapperAddressProtocol):
    """A compiled function as a value: Numba takes a dispatcher too, but looks it up for 70 microseconds each time."""

    def __init__(self, function: Any, signature: Any) -> None:
        self._signature = signature
        self.type = types.FunctionType(signature)
        self._address, self._code = internals.address_of(function, signature)

    def __wrapper_address__(self) -> int:
        return self._address

    def signature(self) -> Any:
        """Return the signature of the function."""
        return self._signature


@typeof_impl.register(Pointer)
def _type_of(pointer: Pointer, context: object) -> types.FunctionType:
    return pointer.type  # made once: Numba would make it at every call


class _Announcer(event.Listener):
    def __init__(self, announce: Callable[[], None]) -> None:
        self.announce: Callable[[], None] | None = announce

    def on_start(self, event: event.Event) -> None:
        if self.announce:
            self.announce()
            self.announce = None

    def on_end(self, event: event.Event) -> None:
        pass


@contextmanager
def announcing(announce: Callable[[], None]) -> Iterator[None]:
    """Call `announce` once if anything is compiled, rather than loaded from the cache, inside the block."""
    with event.install_listener("numba:compile", _Announcer(announce)):
        yield
