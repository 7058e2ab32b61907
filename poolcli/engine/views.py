"""Rows of bytes as numbers of a dtype, in LLVM's own code: Numba takes 0.1 s to compile a view, for each dtype anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import config
from numba.extending import intrinsic


@intrinsic
def _viewed(typing_context: Any, array: Any, dtype: Any) -> Any:
    number = getattr(dtype, "instance_type", None) or dtype.dtype
    result = array.copy(dtype=number)

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        given = context.make_array(array)(context, builder, values[0])
        made = context.make_array(result)(context, builder)
        old, new = (context.get_abi_sizeof(context.get_data_type(one.dtype)) for one in (array, result))
        last = array.ndim - 1

        def numbers(bytes_or_numbers: Any) -> Any:
            """Return how many new numbers are as long as so many old ones."""
            together = builder.mul(bytes_or_numbers, ir.Constant(bytes_or_numbers.type, old))
            return builder.udiv(together, ir.Constant(together.type, new))

        made.meminfo, made.parent = given.meminfo, given.parent
        made.itemsize, made.nitems = ir.Constant(given.itemsize.type, new), numbers(given.nitems)
        made.data = builder.bitcast(given.data, made.data.type)
        row = numbers(builder.extract_value(given.shape, last))
        made.shape = builder.insert_value(given.shape, row, last)
        made.strides = builder.insert_value(given.strides, made.itemsize, last)
        if context.enable_nrt:
            context.nrt.incref(builder, result, made._getvalue())
        return made._getvalue()

    return (result(array, dtype), code) if isinstance(array, types.Array) and array.layout == "C" else None


def _plainly_viewed(array: Any, dtype: Any) -> Any:
    return array.view(dtype)


numbers_of: Callable[..., Any] = _plainly_viewed if config.DISABLE_JIT else _viewed  # type: ignore[attr-defined]
"""Return a C-contiguous array of bytes as one of numbers of a dtype: whole ones, which nothing checks."""
