"""Vectors of a few numbers, in LLVM's own code: of loops as short as the channels of a pixel it makes none.

It writes such loops out before it looks for vectors, and Numba leaves the other search for them off. What stands here
is called by functions of `pixels` and `interleave` that say the same in Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic


@intrinsic
def fused_multiply_add(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a b + c of floats of one dtype: in one step, rounded once, where the processor has it."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(arguments[0].type, [arguments[0].type] * 3)
        return builder.call(builder.module.declare_intrinsic("llvm.fmuladd", [kind.return_type], kind), arguments)

    return (a(a, a, a), code) if a == b == c else None


LANES = 4
"""Numbers of a vector: a pixel of up to four channels is one."""


class _Sum:
    """Code of a weighted sum of windows of pixels that begin `step` numbers apart."""

    def __init__(self, builder: Any, number: Any, size: int, pixels: Any, step: Any) -> None:
        self._builder, self._number, self._size = builder, number, size
        self._pixels, self._step = pixels, step
        whole = isinstance(number, ir.IntType)
        self._multiply, self._add = (builder.mul, builder.add) if whole else (builder.fmul, builder.fadd)

    def of_pixels(self, weights: Any, count: Any, group: int, begin: Any = None, total: Any = None) -> Any:
        """Return LANES sums over the pixels from the k-th on, a group at a time: few additions wait for one another."""

        def added(k: Any) -> Any:
            ks = [self._builder.add(k, ir.Constant(count.type, m)) for m in range(group)]
            parts = [self._multiply(self._spread(weights, k), self._load(self._pixel(k), LANES)) for k in ks]
            while len(parts) > 1:
                parts = [self._add(*parts[m : m + 2]) for m in range(0, len(parts), 2)]
            return parts[0]

        total = self._zero(LANES) if total is None else total
        return self._loop(group, count, begin or ir.Constant(count.type, 0), total, added)

    def of_groups(self, weights: Any, count: Any, channels: int) -> Any:
        """Return LANES sums over groups of four pixels, one vector each, whose weights are vectors too."""
        lanes = group_lanes(channels)

        def added(k: Any) -> Any:
            weight = self._builder.gep(weights, [self._builder.mul(k, ir.Constant(count.type, lanes // 4))])
            return self._multiply(self._load(weight, lanes), self._load(self._pixel(k), lanes))

        total, done = self._loop(4, count, ir.Constant(count.type, 0), self._zero(lanes), added)
        for half, kept in ((2 * channels, 2 * channels), (channels, LANES)):
            lower = [c % half for c in range(kept)]
            total = self._add(self._chosen(total, lower), self._chosen(total, [half + c for c in lower]))
        return total, done

    def store(self, vector: Any, target: Any) -> None:
        """Store a vector where a number is."""
        self._builder.store(vector, self._builder.bitcast(target, vector.type.as_pointer()), align=self._size)

    def _loop(self, group: int, count: Any, begin: Any, total: Any, added: Callable[[Any], Any]) -> tuple[Any, Any]:
        """Add to a total for all groups from `begin` on that are whole, and return it with how many pixels are done."""
        builder, entry = self._builder, self._builder.block
        head, body, end = (builder.append_basic_block(name) for name in ("sum", "sum.body", "sum.end"))
        builder.branch(head)
        builder.position_at_end(head)
        k, so_far = builder.phi(count.type), builder.phi(total.type)
        after = builder.add(k, ir.Constant(count.type, group))
        builder.cbranch(builder.icmp_signed("<=", after, count), body, end)
        builder.position_at_end(body)
        for phi, first, following in ((k, begin, after), (so_far, total, self._add(so_far, added(k)))):
            phi.add_incoming(first, entry)
            phi.add_incoming(following, body)
        builder.branch(head)
        builder.position_at_end(end)
        return so_far, k

    def _zero(self, lanes: int) -> Any:
        return ir.Constant(ir.VectorType(self._number, lanes), None)

    def _pixel(self, k: Any) -> Any:
        return self._builder.gep(self._pixels, [self._builder.mul(k, self._step)])

    def _load(self, number: Any, lanes: int) -> Any:
        pointer = ir.VectorType(self._number, lanes).as_pointer()
        return self._builder.load(self._builder.bitcast(number, pointer), align=self._size)

    def _spread(self, weights: Any, k: Any) -> Any:
        weight = self._builder.load(self._builder.gep(weights, [k]))
        one = self._builder.insert_element(self._zero(LANES), weight, ir.Constant(ir.IntType(32), 0))
        return self._chosen(one, [0] * LANES)

    def _chosen(self, vector: Any, places: list[int]) -> Any:
        mask = ir.Constant(ir.VectorType(ir.IntType(32), len(places)), places)
        return self._builder.shuffle_vector(vector, vector, mask)


def group_lanes(channels: int) -> int:
    """Return how many numbers a vector of four pixels has: a power of 2."""
    return 1 << (4 * channels - 1).bit_length()


def _from(context: Any, builder: Any, array: Any, value: Any, begin: Any) -> Any:
    """Return where a number of an array is."""
    return builder.gep(context.make_array(array)(context, builder, value).data, [begin])


@intrinsic
def write_sum_of_pixels(
    typing_context: Any, row: Any, start: Any, step: Any, weights: Any, count: Any, out: Any, to: Any
) -> Any:
    """Write LANES numbers from out[to] on: sums over k < count of weights[k] row[start + k step ...].

    All arrays are contiguous and of one dtype; nothing checks where they end.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, start, step, w, count, target, to = arguments
        pixels = _from(context, builder, row, arguments[0], start)
        total = _Sum(builder, context.get_data_type(row.dtype), row.dtype.bitwidth // 8, pixels, step)
        w = _from(context, builder, weights, w, ir.Constant(count.type, 0))
        found, done = total.of_pixels(w, count, 4)
        found, _ = total.of_pixels(w, count, 1, done, found)
        total.store(found, _from(context, builder, out, target, to))
        return context.get_dummy_value()

    index = types.int64
    return types.void(row, index, index, weights, index, out, index), code


@intrinsic(prefer_literal=True)
def write_sum_of_groups(
    typing_context: Any, row: Any, start: Any, channels: Any, weights: Any, grouped: Any, count: Any, out: Any, to: Any
) -> Any:
    """Write the same of neighbours, of a number of channels that is known, four pixels at a time.

    `grouped` are their weights, each as often as there are channels, and each four as long as `group_lanes` tells.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, start, step, w, g, count, target, to = arguments
        pixels = _from(context, builder, row, arguments[0], start)
        total = _Sum(builder, context.get_data_type(row.dtype), row.dtype.bitwidth // 8, pixels, step)
        zero = ir.Constant(count.type, 0)
        found, done = total.of_groups(_from(context, builder, grouped, g, zero), count, channels.literal_value)
        found, _ = total.of_pixels(_from(context, builder, weights, w, zero), count, 1, done, found)
        total.store(found, _from(context, builder, out, target, to))
        return context.get_dummy_value()

    if not isinstance(channels, types.IntegerLiteral):
        return None
    index = types.int64
    return types.void(row, index, channels, weights, grouped, index, out, index), code


@intrinsic
def copy_vector(typing_context: Any, row: Any, start: Any, out: Any, to: Any) -> Any:
    """Copy LANES numbers from row[start] on to out[to] on, wherever the arrays end."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        size, kind = row.dtype.bitwidth // 8, ir.VectorType(context.get_data_type(row.dtype), LANES).as_pointer()
        given = builder.bitcast(_from(context, builder, row, arguments[0], arguments[1]), kind)
        builder.store(
            builder.load(given, align=size),
            builder.bitcast(_from(context, builder, out, arguments[2], arguments[3]), kind),
            align=size,
        )
        return context.get_dummy_value()

    return types.void(row, types.int64, out, types.int64), code
