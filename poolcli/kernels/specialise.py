"""Compilation: one Python function, compiled once for every dtype or operator that it is bound to."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

from numba import njit
from numba.core import caching, event, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.runtime.nrt import rtsys
from numba.core.typing.templates import Signature
from numba.extending import typeof_impl


@cache
def _digest() -> str:
    """Return a checksum of all kernels: Numba's cache looks at one file only and would serve old code of the others."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return f"{zlib.crc32(b''.join(source.read_bytes() for source in sources)):08x}"


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

    With a signature it is compiled at once and kept on disk under its own `name`: bound values are no part of Numba's
    cache key, and two processes that compile two variants at the same time must not write the same file. So the name
    has to tell all bound values apart.
    """
    label = f"{function.__name__}_{name}_{_digest()}" if signature else name or function.__name__
    copy = FunctionType(function.__code__, {**function.__globals__, **bound}, label)
    copy.__qualname__ = label
    if signature is None:
        return njit(error_model="numpy", inline="always")(copy)
    try:
        with _light_loading():
            return njit(signature, parallel=parallel, cache=True, error_model="numpy")(copy)
    except (RuntimeError, OSError):  # no folder for the cache can be written
        return njit(signature, parallel=parallel, error_model="numpy")(copy)


def check(done: int, asked: int) -> None:
    """Raise a MemoryError unless all calls through pointers came to their end, where each returns 1.

    An exception inside such a call, of which kernels have no other than this, is printed and lost: the call returns 0.
    """
    if done != asked:
        raise MemoryError("a kernel found no room for its rows")


@contextmanager
def _light_loading() -> Iterator[None]:
    """Load from the cache without setting up what compilation alone needs, and does itself: 0.1 s of a first call."""

    def load_overload(cache: Any, signature: Any, context: Any) -> Any:
        rtsys.initialize(context)
        with cache._guard_against_spurious_io_errors():
            return cache._load_overload(signature, context)

    with global_compiler_lock:
        full = caching.Cache.load_overload
        caching.Cache.load_overload = load_overload  # type: ignore[method-assign]
        try:
            yield
        finally:
            caching.Cache.load_overload = full  # type: ignore[method-assign]


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
