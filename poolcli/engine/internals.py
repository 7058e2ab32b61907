"""All that is private to Numba, in one place. Tried with Numba 0.61.0 and 0.68.1.

`tests/test_internals.py` names the part that another release has changed.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import compiler
from numba.core.caching import NullCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, CompileResult
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.core.runtime.nrt import rtsys
from numba.core.serialize import dumps
from numba.np.numpy_support import as_dtype
from numba.np.ufunc.parallel import _launch_threads, threading_layer

__all__ = [
    "FOR_C_ALONE",
    "FOR_PYTHON_ALONE",
    "PARALLEL_FOR",
    "NullCache",
    "address_of",
    "as_dtype",
    "compiler_lock",
    "is_compiled",
    "keep_in",
    "launch_threads",
    "packed",
    "parts_alone",
    "processor",
    "threading_layer",
    "unpacked",
]

compiler_lock = global_compiler_lock
"""Held by the thread that compiles."""

FOR_C_ALONE: dict[str, Any] = {"no_cpython_wrapper": True}
FOR_PYTHON_ALONE: dict[str, Any] = {"no_cfunc_wrapper": True, "nogil": True}
"""Options of functions that are called by their address alone, or never: code for the other callers takes time.

They run without the GIL, which a thread of a loop takes to tell what went wrong in it.
"""

PARALLEL_FOR = "numba_parallel_for"
"""The function of the threading layer, for code that is compiled: of a function for C and of what it is called with,

    function(arguments, &count, steps, data)

addresses of arguments, of how often it is called, of steps and of data, and numbers: of further counts, of arguments,
of threads.
"""


def launch_threads() -> None:
    """Start the threads, and let compiled code find what they offer."""
    _launch_threads()


class _PartLibrary(JITCodeLibrary):
    """The code of a function that becomes part of others: LLVM's, and none for the processor."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


class _PartCompiler(Compiler):
    """Compiles functions that become part of others, and that nothing else calls."""

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        """Compile a function."""
        state = self.state
        state.flags.no_compile = state.flags.no_cpython_wrapper = state.flags.no_cfunc_wrapper = True
        state.library = _PartLibrary(state.targetctx.codegen(), func.__qualname__)
        found = super().compile_extra(func)
        # By this, which is its own, others find the function; called, it raises an error.
        found = found._replace(entry_point={}.popitem)
        state.targetctx.insert_user_function(found.entry_point, found.fndesc, [found.library])
        return found


@contextmanager
def parts_alone() -> Iterator[None]:
    """While this lasts, compile what compiled functions call as parts of these, without code to run it by itself."""
    depth = 0
    whole = compiler.compile_extra

    def compile_extra(*arguments: Any, **named: Any) -> Any:
        nonlocal depth
        depth += 1
        try:
            if depth > 1:
                return whole(*arguments, **named | {"pipeline_class": _PartCompiler})
            found = whole(*arguments, **named)
        finally:
            depth -= 1
        for environment in found._find_referenced_environments():  # by which parts make exceptions
            found.library.codegen.set_env(environment.env_name, environment)
        return found

    with compiler_lock:
        compiler.compile_extra = compile_extra
        try:
            yield
        finally:
            compiler.compile_extra = whole


def is_compiled(function: Any) -> bool:
    """Return whether a function is Numba's, or plain Python, as NUMBA_DISABLE_JIT leaves it."""
    return hasattr(function, "get_compile_result")


def keep_in(function: Any, cache: NullCache) -> None:
    """Give a function a cache of its own: Numba's lies beside the source, and looks at one file's changes only."""
    function._cache = cache


def packed(result: Any) -> bytes | None:
    """Return a compiled function as bytes, or None if it holds addresses of this process."""
    return None if result.library.has_dynamic_globals else dumps(result._reduce())


def unpacked(data: bytes, context: Any) -> Any:
    """Return the compiled function of these bytes, or raise what `pickle` does."""
    rtsys.initialize(context)
    return CompileResult._rebuild(context, *pickle.loads(data))


def processor() -> tuple[Any, ...]:
    """Return the name and the features of the processor that code is compiled for."""
    codegen: Any = cpu_target.target_context.codegen()
    return tuple(codegen.magic_tuple())


def address_of(function: Any, signature: Any) -> tuple[int, object]:
    """Return where the code of a function for C is, and what keeps it alive."""
    compiled = function.get_compile_result(signature)
    library = compiled.library
    return int(library.get_pointer_to_function(compiled.fndesc.llvm_cfunc_wrapper_name)), library
