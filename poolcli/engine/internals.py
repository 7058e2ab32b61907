"""All that is private to Numba, in one place. Tried with Numba 0.61.0 and 0.68.1.

`tests/test_internals.py` names the part that another release has changed.
"""

from __future__ import annotations

import pickle
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.core.runtime.nrt import rtsys
from numba.core.serialize import dumps
from numba.extending import intrinsic
from numba.np.numpy_support import as_dtype
from numba.np.ufunc.parallel import threading_layer

__all__ = [
    "NullCache",
    "address_of",
    "as_dtype",
    "compiler_lock",
    "is_compiled",
    "keep_in",
    "packed",
    "processor",
    "threading_layer",
    "unpacked",
    "write_weighted_sum",
]

compiler_lock = global_compiler_lock
"""Held by the thread that compiles."""


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


LANES = 4
"""Numbers of a vector: a pixel of up to four channels is one."""


class _Vectors:
    """Code of weighted sums of vectors: of `count` of them, `step` numbers apart."""

    def __init__(self, builder: ir.IRBuilder, number: ir.Type, alignment: int) -> None:
        self._builder, self._alignment = builder, alignment
        self._type = ir.VectorType(number, LANES)
        whole = isinstance(number, ir.IntType)
        self._multiply, self._add = (builder.mul, builder.add) if whole else (builder.fmul, builder.fadd)
        self._zero = ir.Constant(self._type, [0 if whole else 0.0] * LANES)

    def sum(self, pixels: ir.Value, step: ir.Value, weights: ir.Value, count: ir.Value) -> ir.Value:
        """Return the sum: four at a time, so that few additions wait for one another, and one by one at the end."""
        where = pixels, step, weights
        total, done = self._loop(4, where, count, self._zero, ir.Constant(count.type, 0))
        return self._loop(1, where, count, total, done)[0]

    def store(self, vector: ir.Value, target: ir.Value) -> None:
        """Store a vector where a number is."""
        self._builder.store(vector, self._builder.bitcast(target, self._type.as_pointer()), align=self._alignment)

    def _loop(
        self, group: int, where: tuple[ir.Value, ...], count: ir.Value, total: ir.Value, begin: ir.Value
    ) -> tuple[ir.Value, ir.Value]:
        """Add what is left to a total, some at a time, and return it with how many are done."""
        builder, entry = self._builder, self._builder.block
        head, body, end = (builder.append_basic_block(name) for name in ("sum", "sum.body", "sum.end"))
        builder.branch(head)
        builder.position_at_end(head)
        k, so_far = builder.phi(count.type), builder.phi(self._type)
        after = builder.add(k, ir.Constant(count.type, group))
        builder.cbranch(builder.icmp_signed("<=", after, count), body, end)
        builder.position_at_end(body)
        added = [self._product(*where, builder.add(k, ir.Constant(count.type, m))) for m in range(group)]
        while len(added) > 1:
            added = [self._add(*added[m : m + 2]) for m in range(0, len(added), 2)]
        for phi, first, next_one in ((k, begin, after), (so_far, total, self._add(so_far, added[0]))):
            phi.add_incoming(first, entry)
            phi.add_incoming(next_one, body)
        builder.branch(head)
        builder.position_at_end(end)
        return so_far, k

    def _product(self, pixels: ir.Value, step: ir.Value, weights: ir.Value, k: ir.Value) -> ir.Value:
        builder, lane = self._builder, ir.IntType(32)
        at = builder.bitcast(builder.gep(pixels, [builder.mul(k, step)]), self._type.as_pointer())
        weight = builder.load(builder.gep(weights, [k]))
        one = builder.insert_element(ir.Constant(self._type, ir.Undefined), weight, ir.Constant(lane, 0))
        each = builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(lane, LANES), [0] * LANES))
        return self._multiply(each, builder.load(at, align=self._alignment))


@intrinsic
def write_weighted_sum(
    typing_context: Any, row: Any, start: Any, step: Any, weights: Any, count: Any, out: Any, to: Any
) -> Any:
    """Write LANES numbers from out[to] on: sums over k < count of weights[k] row[start + k step ...].

    All arrays are contiguous and of one dtype; nothing checks where they end. LLVM makes no vectors of this in kernels:
    it writes loops of four steps out before it looks for vectors, and Numba leaves the other search for them off.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pixels, weight, target = (
            builder.gep(context.make_array(signature.args[i])(context, builder, arguments[i]).data, [begin])
            for i, begin in ((0, arguments[1]), (3, ir.Constant(arguments[4].type, 0)), (5, arguments[6]))
        )
        vectors = _Vectors(builder, context.get_data_type(row.dtype), row.dtype.bitwidth // 8)
        vectors.store(vectors.sum(pixels, arguments[2], weight, arguments[4]), target)
        return context.get_dummy_value()

    index = types.int64
    return types.void(row, index, index, weights, index, out, index), code
