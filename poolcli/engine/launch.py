"""The parallel loop over bands, in LLVM's own code: Numba compiles a `prange` for each kind of arguments in 0.6 s.

The threads are those of Numba's threading layer. Each takes the next band that nobody has taken, until none is left: a
band that is slow, because the machine is busy, holds nobody up.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from poolcli.engine.internals import PARALLEL_FOR

_INT = ir.IntType(64)
_POINTER = ir.IntType(8).as_pointer()
_NONE = ir.Constant(_POINTER, None)
_WORKER = ir.FunctionType(ir.VoidType(), [_POINTER] * 4)
_PARALLEL_FOR = ir.FunctionType(ir.VoidType(), [_POINTER] * 5 + [_INT] * 3)

_BAND, _NEXT, _DONE, _GIVEN = range(4)
"""What threads share: address of the function, the next band, the sum of what calls have returned, what is given."""


@intrinsic
def run_bands(typing_context: Any, band: Any, threads: Any, given: Any) -> Any:
    """Call band(start, stop, *arguments) for each band of rows, on so many threads, and return the sum of the results.

    Given are rows, bands and arguments, a tuple: of one that begins with a function Numba warns. One thread is the one
    that calls.
    """

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        function, threads, given = values
        zero = ir.Constant(_INT, 0)
        parts = [context.make_helper(builder, band, value=function).c_addr, zero, zero, given]
        shared = builder.alloca(ir.LiteralStructType([part.type for part in parts]))
        for k, part in enumerate(parts):
            builder.store(part, _field(builder, shared, k))
        called = [context.get_value_type(one) for one in band.signature.args]
        worker = _worker(builder.module, shared.type, ir.FunctionType(_INT, called))
        size = builder.alloca(_INT)
        builder.store(threads, size)
        data, size = (builder.bitcast(pointer, _POINTER) for pointer in (shared, size))
        with builder.if_else(builder.icmp_signed("<=", threads, ir.Constant(_INT, 1))) as (alone, together):
            with alone:
                builder.call(worker, [_NONE, _NONE, _NONE, data])
            with together:
                run = ir.Function(builder.module, _PARALLEL_FOR, PARALLEL_FOR)
                builder.call(run, [builder.bitcast(worker, _POINTER), size, size, size, data, zero, zero, threads])
        return builder.load(_field(builder, shared, _DONE))

    return types.int64(band, types.int64, given), code


def _worker(module: Any, shared: Any, band: Any) -> Any:
    """Return the function of one thread."""
    worker = ir.Function(module, _WORKER, module.get_unique_name("poolcli.bands"))
    worker.linkage = "internal"
    entry, head, body, end = (worker.append_basic_block(name) for name in ("entry", "head", "body", "end"))
    builder = ir.IRBuilder(entry)
    data = builder.bitcast(worker.args[3], shared)
    address, given = (builder.load(_field(builder, data, k)) for k in (_BAND, _GIVEN))
    rows, bands, *arguments = (builder.extract_value(given, k) for k in range(len(band.args)))
    function = builder.bitcast(address, band.as_pointer())
    one = ir.Constant(_INT, 1)
    builder.branch(head)
    builder.position_at_end(head)
    b = builder.atomic_rmw("add", _field(builder, data, _NEXT), one, "monotonic")
    builder.cbranch(builder.icmp_signed("<", b, bands), body, end)
    builder.position_at_end(body)
    edges = [builder.sdiv(builder.mul(k, rows), bands) for k in (b, builder.add(b, one))]
    result = builder.call(function, [*edges, *arguments])
    builder.atomic_rmw("add", _field(builder, data, _DONE), result, "monotonic")
    builder.branch(head)
    builder.position_at_end(end)
    builder.ret_void()
    return worker


def _field(builder: Any, struct: Any, k: int) -> Any:
    return builder.gep(struct, [ir.Constant(ir.IntType(32), place) for place in (0, k)])
