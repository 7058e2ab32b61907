"""Gradients: what each value of an image adds to a sum of results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack

from poolcli.downsample import MODES, Asked, Mode, Size, check_indices, low_passed, made, with_network
from poolcli.outputs import room, takes_out
from poolcli.parameters import Convolution, Parameters, find, resolve
from poolcli.reduce import arguments_of, maps_of
from poolcli.resize import Fit, Scale, Sides, as_batch, output_grid, resample_backward
from poolcli.resize import asked_of as filter_of
from poolcli.rows import imported, takes
from poolcli.upsample import asked_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from poolcli.axes import Layout
    from poolcli.engine.gradients import Gradient
    from poolcli.geometry import Given, Padding, Windows


@takes_out
def downsample_backward(
    grad: ArrayLike,
    image: ArrayLike,
    mode: str,
    *,
    kernel_size: Size | None = None,
    stride: Size | None = None,
    padding: Padding = 0,
    wide_padding: bool = False,
    dilation: Size = 1,
    ceil: bool = False,
    size: Size | None = None,
    layout: Layout = "hwc",
    wrt: str = "image",
    indices: ArrayLike | None = None,
    out: NDArray[Any] | None = None,
    **parameters: Unpack[Parameters],
) -> Any:
    """Return the gradient of sum(grad * downsample(image, mode, ...)) with respect to the numbers of the image.

    Modes that select send the gradient of a window to the value that was taken, the first in row order of equal ones.
    Modes that blend send to each value its share: average 1/n, soft e^(beta r) (1 + beta (r - out)) / sum(e^(beta r)),
    gem (r / out)^(p - 1) / n. Results are the same on any number of threads.

    Args:
        grad: array of the shape that `downsample` returns, of any dtype: the gradient with respect to its result.
        image: array (H, W), (H, W, C) or (N, H, W, C), as for `downsample`.
        mode: a key of `poolcli.MODES`, but "majority", which has no gradient.
        kernel_size: F, in pixels, one number or (height, width); 2 unless given. This and the next six arguments say
            where windows lie, as they do for `downsample`.
        stride: S, the distance between windows in pixels; F unless given.
        padding: pixels around the image, one number, (height, width) or (top, bottom, left, right); or "same",
            "same-lower".
        wide_padding: allow more than half a window.
        dilation: distance between the values of a window, in pixels.
        ceil: round the output size up.
        size: output size instead of F and S.
        layout: where channels are, in `grad`, `image` and the result: "hwc" or "chw".
        wrt: with respect to what: "image"; or "p" of gem and lp, "lam" of mixed, "beta" of soft, "weights" of lip.
        indices: of modes that select, what `downsample` gave with `return_indices`; they are found again unless given.
        out: array for the result, of its shape and dtype, with any strides, which is filled and returned; new unless
            given. It may be an input, and costs a copy then.
        **parameters: of the mode.

    Returns:
        An array of the image's shape: float32, or float64 where the image has integers of 32 or 64 bits, or float64.
        With respect to a parameter a float64, or a mapping of arrays of float64, as the weights are.

    Raises:
        ValueError: a value is not allowed, `grad` has another shape, or the mode has no gradient.
        TypeError: the dtype is not supported, or there is no such parameter.

    Soft pooling's gradient is from Stergiou, Poppe and Kalliatakis 2021.

    >>> import numpy as np
    >>> image = np.array([[1, 5, 2, 0], [3, 4, 8, 6]], np.uint8)
    >>> downsample_backward([[1, 2]], image, "max")
    array([[0., 1., 0., 0.],
           [0., 0., 2., 0.]], dtype=float32)
    >>> downsample_backward([[1, 2]], image, "average")
    array([[0.25, 0.25, 0.5 , 0.5 ],
           [0.25, 0.25, 0.5 , 0.5 ]], dtype=float32)
    """
    import numpy as np

    from poolcli import dtypes, geometry

    row = find(MODES, mode)
    values = resolve(mode, row.parameters, parameters, takes(MODES))
    check_gradient(row)
    _check_wrt(mode, wrt, row.learns)
    asked = Asked.of(image, row, values, layout)
    given: Given = {"padding": padding, "wide_padding": wide_padding, "dilation": dilation, "ceil": ceil, "size": size}
    grid = asked.grid(geometry.shape(kernel_size, stride, **given))
    filled = grid[0].filled, grid[1].filled
    grads = _planes(grad, asked, grid, layout, dtypes.blend_dtype(asked.source))
    if indices is not None:
        check_indices(row, values, "indices")
        places = _planes(indices, asked, grid, layout, np.dtype(np.int64), "indices")
        found = _at(places, grads, asked.batch.shape, filled)
    else:
        found = sent_back(grads, asked.batch, row.with_respect_to(wrt), values, filled, asked.source)
    return asked.laid_out(found.reshape(asked.array.shape)) if wrt == "image" else found


@takes_out
def reduce_backward(
    grad: ArrayLike,
    image: ArrayLike,
    mode: str,
    *,
    layout: Layout = "hwc",
    wrt: str = "image",
    out: NDArray[Any] | None = None,
    **parameters: Unpack[Parameters],
) -> Any:
    """Return the gradient of sum(grad * reduce(image, mode, ...)) with respect to the numbers of the image.

    The local pools send it as `downsample_backward` does, with the whole map as the window. Covariance R = X X^T / n
    sends 2 G X / n, G the gradient of R made symmetric; with f of its eigenvalues G is U (K * (U^T G' U)) U^T,
    K_ij = (f(l_i) - f(l_j)) / (l_i - l_j), or f'(l_i) where they coincide, and G' the gradient of U f(L) U^T.

    Args:
        grad: array of the shape that `reduce` returns: the gradient with respect to its result.
        image: array (H, W), (H, W, C) or (N, H, W, C), as for `reduce`.
        mode: a key of `poolcli.REDUCTIONS`, but "majority", which has no gradient.
        layout: where channels are, in `image` and the result: "hwc" or "chw".
        wrt: with respect to what: "image", or a parameter as for `downsample_backward`.
        out: array for the result, of its shape and dtype, with any strides, which is filled and returned; new unless
            given. It may be an input, and costs a copy then.
        **parameters: of the mode.

    Returns:
        As of `downsample_backward`.

    Raises:
        ValueError: a value is not allowed, `grad` has another shape, or the mode has no gradient.
        TypeError: the dtype is not supported, or there is no such parameter.

    The gradients of covariances are from Ionescu, Vantzos and Sminchisescu 2015, and Li et al. 2017.

    >>> import numpy as np
    >>> image = np.array([[1, 5], [3, 4]], np.float32)
    >>> reduce_backward([2], image, "gap")
    array([[0.5, 0.5],
           [0.5, 0.5]], dtype=float32)
    """
    import numpy as np

    from poolcli import axes, dtypes

    row, values = arguments_of(mode, parameters)
    if applied := row.applied(values):
        check_gradient(applied)
    _check_wrt(mode, wrt, row.learns(values))
    array, batch = maps_of(image, layout)
    number = dtypes.blend_dtype(array.dtype)
    given = np.asarray(grad)
    each = imported(row.shape)(batch.shape[1:], values)
    _check_shape(given, (*array.shape[: array.ndim == 4], *each))
    grads = given.reshape(len(batch), *each).astype(number, copy=False)
    found = imported(row.backward)(grads, batch, values, wrt)
    return axes.as_laid_out(found.reshape(array.shape), layout, array.ndim > 2) if wrt == "image" else found


@takes_out
def upsample_backward(
    grad: ArrayLike,
    image: ArrayLike,
    mode: str,
    *,
    scale: Scale | None = None,
    size: Size | None = None,
    layout: Layout = "hwc",
    wrt: str = "image",
    out: NDArray[Any] | None = None,
    **parameters: Unpack[Convolution],
) -> Any:
    """Return the gradient of sum(grad * upsample(image, mode, ...)) with respect to the numbers of the image.

    All modes but unpool are linear, out = A image: this is the adjoint, A^T grad. unpool gives each value what stands
    at its index, or 0 where a larger one has the same index.

    Args:
        grad: array of the shape that `upsample` returns, of any dtype: the gradient with respect to its result.
        image: array (H, W), (H, W, C) or (N, H, W, C), as for `upsample`.
        mode: a key of `poolcli.UPSAMPLINGS`.
        scale: S, as for `upsample`.
        size: output size in pixels, as for `upsample`.
        layout: where channels are, in all arrays: "hwc" or "chw".
        wrt: with respect to what: "image", or "weights" of transposed, resize-conv and subpixel, of numbers.
        out: array for the result, of its shape and dtype, with any strides, which is filled and returned; new unless
            given. It may be an input, and costs a copy then.
        **parameters: of the mode.

    Returns:
        An array of the image's shape: float32, or float64 where the image has integers of 32 or 64 bits, or float64.
        With respect to weights one of their shape, float64.

    Raises:
        ValueError: a value is not allowed, or `grad` has another shape.
        TypeError: the dtype is not supported, or there is no such parameter.

    >>> upsample_backward([[1, 2, 3, 4]], [[0.5, 0.5]], "nearest", scale=(1, 2))
    array([[3., 7.]])
    """
    from poolcli import dtypes, weights

    row, array, asked = asked_of(image, mode, scale, size, layout, parameters)
    given = asked.values.get("weights")
    _check_wrt(mode, wrt, row.learns)
    if wrt != "image" and weights.is_named(given):
        raise ValueError(f"weights={given or weights.NAMES[0]!r} are not learned: give an array of numbers")
    batch = as_batch(array)
    shape = imported(row.shape)(array.shape[array.ndim == 4 :], asked)
    grads = _laid_in(grad, (*array.shape[: array.ndim == 4], *shape), batch, layout)
    if wrt != "image":
        return imported(row.learns[wrt])(grads, dtypes.to_working(batch), asked)
    return _laid_out(imported(row.backward)(grads, dtypes.to_working(batch), asked), array, layout)


@takes_out
def resize_backward(
    grad: ArrayLike,
    image: ArrayLike,
    size: Size | Sides | None = None,
    mode: str = "bilinear",
    *,
    scale: Scale | None = None,
    fit: Fit = "stretch",
    antialias: bool = False,
    layout: Layout = "hwc",
    out: NDArray[Any] | None = None,
    **parameters: Unpack[Parameters],
) -> Any:
    """Return the gradient of sum(grad * resize(image, ...)) with respect to the numbers of the image: the adjoint.

    Args:
        grad: array of the shape that `resize` returns, of any dtype: the gradient with respect to its result.
        image: array (H, W), (H, W, C) or (N, H, W, C), as for `resize`.
        size: of the output, in pixels.
        mode: the filter, as for `resize`.
        scale: output over input size, instead of the size.
        fit: what became of the proportions, as for `resize`.
        antialias: whether the filter was stretched where the image shrinks.
        layout: where channels are, in all arrays: "hwc" or "chw".
        out: array for the result, of its shape and dtype, with any strides, which is filled and returned; new unless
            given. It may be an input, and costs a copy then.
        **parameters: of the mode.

    Returns:
        An array of the image's shape: float32, or float64 where the image has integers of 32 or 64 bits, or float64.

    Raises:
        ValueError: a value is not allowed, or `grad` has another shape.
        TypeError: the dtype is not supported, or there is no such parameter.

    >>> resize_backward([[1, 2]], [[0.5, 0.5, 0.5, 0.5]], (1, 2), antialias=True)
    array([[0.5  , 0.625, 0.875, 1.   ]])
    """
    from poolcli import axes

    row, values = filter_of(mode, antialias, parameters)
    array = axes.channels_last(axes.as_array(image), layout)
    batch = as_batch(array)
    grid = output_grid(batch.shape[1:3], size, scale, fit)
    grads = _laid_in(grad, (*array.shape[: array.ndim == 4], *grid.sizes, *array.shape[2:][-1:]), batch, layout)
    return _laid_out(resample_backward(grads, batch.shape, row, grid, values, antialias), array, layout)


def _laid_in(grad: ArrayLike, shape: tuple[int, ...], batch: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """Return gradients of this shape, channels last, as (N, rows, columns, C), or raise an error if they are not."""
    import numpy as np

    from poolcli import axes, dtypes

    number = dtypes.blend_dtype(dtypes.check(batch.dtype))
    given = np.asarray(grad)
    _check_shape(given, axes.as_laid_out(np.broadcast_to(number.type(0), shape), layout, len(shape) > 2).shape)
    last = np.ascontiguousarray(axes.channels_last(given, layout), number)
    sizes = shape[-3:-1] if len(shape) > 2 else shape
    return last.reshape(len(batch), *sizes, shape[-1] if len(shape) > 2 else 1)


def _laid_out(found: NDArray[Any], array: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """Return a gradient in the shape of an array, which has channels last, and in the layout of the caller."""
    from poolcli import axes

    return axes.as_laid_out(found.reshape(array.shape), layout, array.ndim > 2)


def check_gradient(row: Mode) -> None:
    """Raise a ValueError if a mode has no gradient."""
    if not row.has_gradient:
        able = ", ".join(name for name, mode in MODES.items() if mode.has_gradient)
        raise ValueError(f"mode {row.name!r} has no gradient: the modes that have one are {able}")


def _check_wrt(mode: str, wrt: str, learns: Mapping[str, str]) -> None:
    """Raise a ValueError if a mode has no gradient with respect to this."""
    able = ("image", *learns)
    if wrt not in able:
        others = " or ".join(map(repr, able))
        raise ValueError(f"wrt={wrt!r} is not allowed: mode {mode!r} has a gradient with respect to {others}")


def _check_shape(given: NDArray[Any], expected: tuple[int, ...], name: str = "grad") -> None:
    if given.shape != expected:
        verb = "are" if name.endswith("s") else "is"
        raise ValueError(f"{name} {verb} of shape {given.shape}, and the result of {expected}: they must be alike")


def _at(
    indices: NDArray[Any], grads: NDArray[Any], shape: tuple[int, ...], grid: tuple[Windows, Windows]
) -> NDArray[Any]:
    """Return (N, H, W, C) of this shape with gradients at their indices, or raise a ValueError for others."""
    from poolcli.engine.send import send

    out = room(shape, grads.dtype)
    if send(grads, indices, grid, out) != indices.size:
        raise ValueError("the indices do not lie in their windows: they are those of another image or other windows")
    return out


def _planes(
    grad: ArrayLike,
    asked: Asked,
    grid: tuple[Windows, Windows],
    layout: Layout,
    number: np.dtype[Any],
    name: str = "grad",
) -> NDArray[Any]:
    """Return gradients of windows that hold a pixel, (planes, N, rows, columns, C), or raise a ValueError.

    They are given of all windows.
    """
    import numpy as np

    from poolcli import axes

    given = np.asarray(grad)
    planes, stacks = asked.row.planes(asked.values), asked.row.stacks
    sizes = [side.size for side in grid]
    count = grid[0].max_count * grid[1].max_count if stacks else planes or 1
    empty = np.broadcast_to(number.type(0), (count, len(asked.batch), *sizes, asked.batch.shape[3]))
    _check_shape(given, asked.as_given(empty).shape, name)
    if stacks:
        last = np.ascontiguousarray(axes.channels_last(given, layout), number)
        return axes.channels_to_planes(last.reshape(len(asked.batch), *sizes, -1), asked.values["order"], count)
    each = [axes.taken(one, layout, asked.row.channelwise)[0] for one in (given if planes else [given])]
    every = np.ascontiguousarray(np.stack(each) if planes else each[0], number).reshape(empty.shape)
    if all(side.filled is side for side in grid):
        return every
    rows, columns = (np.flatnonzero(side.count) for side in grid)
    return np.ascontiguousarray(every[:, :, rows[:, None], columns])


def sent_back(
    grads: NDArray[Any],
    batch: NDArray[Any],
    row: Mode,
    values: dict[str, Any],
    grid: tuple[Windows, Windows],
    source: np.dtype[Any],
) -> Any:
    """Return the gradient with respect to (N, H, W, C), or a parameter, given that of the results."""
    from poolcli.dtypes import maximum
    from poolcli.engine.gradients import Selected

    rows, columns = low_passed(batch, row, grid)
    taps, own = rows.max_count * columns.max_count, with_network(values, batch.shape[3])
    gradient: Gradient
    if row.gradient:
        gradient = made(row.gradient, grads.dtype, batch.dtype, taps, maximum(source), **own)
    else:
        gradient = Selected(made(row.kernel, batch.dtype, batch.dtype, taps, maximum(source), **own))
    return gradient.back(grads, batch, rows, columns)
