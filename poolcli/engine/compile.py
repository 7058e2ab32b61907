"""Compilation: one Python function, compiled once for every dtype or operator that it is bound to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any

from numba import njit
from numba.core import event, types
from numba.core.typing.templates import Signature
from numba.extending import typeof_impl

from poolcli.engine.cache import KernelCache


def pointer(function: Callable[..., Any], name: str, signature: Signature, **bound: Any) -> Any:
    """Specialise a function and return what can be passed to a kernel as an argument."""
    compiled = specialise(function, name, signature, **bound)
    return Pointer(compiled, signature) if hasattr(compiled, "get_compile_result") else compiled


def specialise(
    function: Callable[..., Any],
    name: str = "",
    signature: Signature | None = None,
    parallel: bool = False,
    **bound: Any,
) -> Any:
    """Compile a copy of `function` in which the global names in `bound` have these values.

    With a signature it is compiled at once and kept on disk under its own `name`: so the name has to tell all bound
    values apart, and the file that the function is in tells functions of one name apart.
    """
    label = "_".join(filter(None, (function.__name__, name))) if signature else name or function.__name__
    copy = FunctionType(function.__code__, {**function.__globals__, **bound}, label)
    copy.__qualname__ = label
    if signature is None:
        return njit(error_model="numpy", inline="always")(copy)
    compiled: Any = njit(parallel=parallel, error_model="numpy")(copy)
    if hasattr(compiled, "py_func"):  # NUMBA_DISABLE_JIT leaves the function as it is
        compiled._cache = KernelCache(f"{function.__module__.rpartition('.')[2]}.{label}")
        compiled.compile(signature)
        compiled.disable_compile()
    return compiled


def check(done: int, asked: int) -> None:
    """Raise a MemoryError unless all calls through pointers came to their end, where each returns 1.

    An exception inside such a call, of which kernels have no other than this, is printed and lost: the call returns 0.
    """
    if done != asked:
        raise MemoryError("a kernel found no room for its rows")


class Pointer(types.WrapperAddressProtocol):
    """A compiled function as a value: Numba takes a dispatcher too, but looks it up for 70 microseconds each time."""

    def __init__(self, function: Any, signature: Signature) -> None:
        self._signature = signature
        self.type = types.FunctionType(signature)
        compiled = function.get_compile_result(signature)
        self._library = compiled.library  # keeps the code alive
        self._address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cfunc_wrapper_name)

    def __wrapper_address__(self) -> int:
        return int(self._address)

    def signature(self) -> Signature:
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
