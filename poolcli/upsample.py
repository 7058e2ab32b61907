"""Upsampling: the table of modes, and the function that applies one of them to an array."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from os import PathLike
from typing import TYPE_CHECKING, Any, Unpack

from poolcli.parameters import Convolution, find, resolve
from poolcli.resize import TAKES, Scale, Size, as_batch, as_given, check_fill, output_sizes, resample, scales_of
from poolcli.rows import ModeRow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from poolcli.axes import Layout


@dataclass(frozen=True)
class Upsampling(ModeRow):
    """One way to enlarge: what it makes of a value r, and the parameters it takes."""

    name: str
    formula: str
    parameters: tuple[str, ...] = ()
    selects: bool = False  # only ever returns values of the input, and 0
    unordered: bool = False  # which of two values is larger means nothing to it: indices of a palette are as good
    fractional: bool = False  # takes any scale, and sizes

    def mixes(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether weights make other channels of all channels: alpha is one more number then."""
        return mixes_channels(self.name, arguments)

    def resizes(self) -> bool:
        """Return whether a size that is asked for is one of many."""
        return self.fractional

    def output_shape(self, shape: tuple[int, ...], arguments: Mapping[str, Any]) -> tuple[int, ...]:
        """Return the shape that it makes of (H, W) or (H, W, C), or raise a ValueError."""
        return output_shape(shape, self.name, arguments)


UPSAMPLINGS: Mapping[str, Upsampling] = {
    mode.name: mode
    for mode in (
        Upsampling("nearest", "r over its whole region", TAKES["nearest"], selects=True, unordered=True,
                   fractional=True),
        Upsampling("nails", "r in the first pixel of its region, 0 elsewhere", selects=True, unordered=True),
        Upsampling("bilinear", "a sum over 2 x 2 neighbours", TAKES["bilinear"], fractional=True),
        Upsampling("bicubic", "a sum over 4 x 4 neighbours, of Keys' cubic", TAKES["bicubic"], fractional=True),
        Upsampling("lanczos", "a sum over 2 lobes x 2 lobes neighbours, of the windowed sinc", TAKES["lanczos"],
                   fractional=True),
        Upsampling("unpool", "r where max took it from, 0 elsewhere; the largest r of several", ("indices",),
                   selects=True, unordered=True),
        Upsampling("average-unpool", "r / n over its window of n pixels, added up: the adjoint of average",
                   ("kernel_size", "padding", "output_padding")),
        Upsampling("transposed", "r times the weights, added from pixel S i - padding on",
                   ("weights", "kernel_size", "padding", "output_padding", "dilation")),
        Upsampling("resize-conv", "nearest or bilinear, then a convolution with the weights",
                   ("weights", "kernel_size", "enlarge", "border")),
        Upsampling("subpixel", "a convolution to C S^2 channels, which become S x S pixels",
                   ("weights", "kernel_size", "order", "border")),
    )
}  # fmt: skip


def upsample(
    image: ArrayLike,
    mode: str,
    *,
    scale: Scale | None = None,
    size: Size | None = None,
    dtype: DTypeLike | None = None,
    layout: Layout = "hwc",
    **parameters: Unpack[Convolution],
) -> Any:
    """Enlarge a picture S times: every pixel becomes a region of S x S.

    Args:
        image: array (H, W), (H, W, C) or (N, H, W, C) of bool, (u)int8 to (u)int64, float16, float32 or float64, with
            any strides; it is not changed. NaN propagates.
        mode: a key of `poolcli.UPSAMPLINGS`, which holds the formulas.
        scale: S, one number or (down, across); 2 unless given. nearest, bilinear, bicubic and lanczos take any number
            from 1 on, the others whole ones; `resize` takes those below 1.
        size: output size in pixels instead of S; of unpool, with S, that of the picture that was pooled.
        dtype: of the output; that of the image unless given. Integers are rounded to nearest, ties to even, once, and
            saturated: bicubic, lanczos and convolutions overshoot.
        layout: where channels are, here, in arrays of indices and in the result: "hwc", last, or "chw", as PyTorch has
            them: (C, H, W) and (N, C, H, W).
        **parameters: of nearest, bilinear, bicubic and lanczos those of `resize`. `indices` of unpool: what
            `downsample` returned, with the `size` of its picture unless windows were S apart and filled it, or a path
            that `--save-indices` wrote. `weights` of transposed, resize-conv and subpixel: "box", "bilinear" (unless
            given), "gaussian", a path or an array (F, F), for every channel by itself, or (C_in, C_out, F, F); with the
            names, `kernel_size`: F, 2 S - S mod 2 of transposed, 3 of the others unless given. Those named weights that
            meet in a pixel of the output sum to 1, at its frame too. `padding`, `output_padding` and `dilation` of
            transposed, in pixels of the output; unless padding is given, the output is S times the input. `enlarge` of
            resize-conv ("nearest", "bilinear"); `order` of subpixel: channel c S^2 + s of the convolution ("crd", as
            PyTorch) or s C + c ("dcr", as TensorFlow) is phase s of channel c; `border` of both: "edge", "reflect",
            "wrap", "constant" (0).

    Returns:
        An array of the image's rank.

    Raises:
        ValueError: a value is not allowed, or weights or indices do not fit the picture.
        TypeError: the dtype is none of the above, or there is no such parameter.

    Unpooling and transposed convolution are from Zeiler, Taylor and Fergus 2011, convolution after enlargement from
    Odena, Dumoulin and Olah 2016, sub-pixel convolution from Shi et al. 2016, and its first weights, alike in all
    phases, from Aitken et al. 2017.

    >>> import numpy as np
    >>> upsample(np.array([[1, 2]], np.uint8), "nails")
    array([[1, 0, 2, 0],
           [0, 0, 0, 0]], dtype=uint8)
    >>> image = np.array([[1, 5, 2, 0], [3, 4, 8, 6]], np.uint8)
    >>> from poolcli import downsample
    >>> values, indices = downsample(image, "max", return_indices=True)
    >>> upsample(values, "unpool", indices=indices)
    array([[0, 5, 0, 0],
           [0, 0, 8, 0]], dtype=uint8)
    """
    import numpy as np

    from poolcli import axes, dtypes

    row = find(UPSAMPLINGS, mode)
    values = resolve(mode, row.parameters, parameters, _TAKES)
    check_fill(parameters, values)
    array = axes.channels_last(np.asarray(image), layout)
    indices = values.get("indices")
    if indices is not None and not isinstance(indices, (str, PathLike, Mapping)):  # files have channels last
        values["indices"] = axes.channels_last(np.asarray(indices), layout)
    source = dtypes.check(array.dtype)
    target = source if dtype is None else dtypes.check(dtype)
    batch = as_batch(array)
    strides = check_scale(mode, scale, size)
    if row.fractional:
        sizes, scales = output_sizes(batch.shape[1:3], size, 2 if scale is None and size is None else scale)
        out = resample(batch, mode, sizes, scales, False, values, target)
    else:
        more = {"size": size, "rank": array.ndim, "scaled": scale is not None} if mode == "unpool" else {}
        out = _MODES[mode](dtypes.to_working(batch), strides, dtypes.written(source, target), **values, **more)
    result = as_given(out, array, target)
    return axes.as_laid_out(result, layout, result.ndim > 2)


_TAKES = {mode.name: mode.parameters for mode in UPSAMPLINGS.values()}


def check_scale(mode: str, scale: Scale | None, size: Size | None) -> tuple[int, int]:
    """Return the scales as whole numbers, 2 unless given, or raise a ValueError if a mode does not take them."""
    row = find(UPSAMPLINGS, mode)
    if size is not None and not row.fractional and mode != "unpool":
        sized = [name for name, other in UPSAMPLINGS.items() if other.fractional or name == "unpool"]
        raise ValueError(f"mode {mode!r} takes no size: the modes that do are {', '.join(sized)}")
    if size is not None and scale is not None and row.fractional:
        raise ValueError("size or scale says how large the output is: give one of them")
    scales = scales_of(2 if scale is None else scale)
    if min(scales) < 1:
        ways = "downsample pools all of them, and poolcli.resize in Python with antialias=True averages them"
        raise ValueError(f"scale={scale} makes pictures smaller, and would leave pixels out: {ways}")
    if not row.fractional and any(s % 1 for s in scales):
        fractional = ", ".join(name for name, other in UPSAMPLINGS.items() if other.fractional)
        raise ValueError(f"scale={scale} is not allowed: mode {mode!r} takes whole numbers; {fractional} take others")
    return int(scales[0]), int(scales[1])


def _nails(image: NDArray[Any], strides: tuple[int, int], target: np.dtype[Any]) -> NDArray[Any]:
    import numpy as np

    from poolcli.engine.phases import spread

    places = []
    for n, stride in zip(image.shape[1:3], strides, strict=True):
        i = np.arange(n * stride, dtype=np.int64)
        places.append(np.where(i % stride == 0, i // stride, -1))
    return spread(image, *places)


def _later(module: str, name: str) -> Callable[..., Any]:
    """Return a function that is imported when it is called: the table and its help do without NumPy."""
    return lambda *arguments, **values: getattr(import_module(f"poolcli.{module}"), name)(*arguments, **values)


_MODES: Mapping[str, Callable[..., Any]] = {
    "nails": _nails,
    "unpool": _later("unpooling", "unpool"),
    "average-unpool": _later("convolutions", "average_unpool"),
    "transposed": _later("convolutions", "transposed"),
    "resize-conv": _later("convolutions", "resize_conv"),
    "subpixel": _later("convolutions", "subpixel"),
}


def output_shape(shape: tuple[int, ...], mode: str, arguments: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the shape that `upsample` makes of (H, W) or (H, W, C), or raise its ValueError."""
    row = find(UPSAMPLINGS, mode)
    scale, size = arguments.get("scale"), arguments.get("size")
    strides = check_scale(mode, scale, size)
    if row.fractional:
        sizes, _ = output_sizes(shape[:2], size, 2 if scale is None and size is None else scale)
        return (*sizes, *shape[2:])
    given = {name: value for name, value in arguments.items() if name in row.parameters}
    if mode == "unpool":
        from poolcli.unpooling import shape_of

        return (*shape_of(shape, strides, scale is not None, size, given.get("indices")), *shape[2:])
    if mode != "nails":
        from poolcli import convolutions

        values = resolve(mode, row.parameters, given, _TAKES)
        return convolutions.shape_of(mode, shape, strides, values)
    return (shape[0] * strides[0], shape[1] * strides[1], *shape[2:])


def mixes_channels(mode: str, arguments: Mapping[str, Any]) -> bool:
    """Return whether weights make channels of all channels: alpha is one more number then."""
    if "weights" not in find(UPSAMPLINGS, mode).parameters:
        return False
    from poolcli.convolutions import weights_shape

    return len(weights_shape(arguments.get("weights"), arguments.get("kernel_size"), (1, 1))) == 4
