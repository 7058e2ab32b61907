"""Upsampling: the table of modes, and the function that applies one of them to an array."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

from poolcli.files import is_name
from poolcli.filters import FILTERS, Filter
from poolcli.lazy import takes_dask
from poolcli.outputs import takes_out
from poolcli.parameters import Convolution, find, resolve
from poolcli.resize import EITHER, Enlargement, Scale, Size, as_batch, as_given, check_fill, scales_of
from poolcli.rows import ModeRow, imported, takes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from poolcli.axes import Layout
    from poolcli.light import Alpha


@dataclass(frozen=True)
class Upsampling(ModeRow):
    """One way to enlarge: what it makes of a value r, the function that does so, the parameters it takes.

    Functions are named as module:function of poolcli, and imported when they are called: the table and its help do
    without NumPy. `function(batch, asked, dtype)` makes (N, rows, columns, C) of (N, H, W, C), what is asked is a
    `resize.Enlargement`; `shape(shape, asked)` tells what shape it makes of (H, W) or (H, W, C).
    `pieces(shape, asked)` tells how boxes of the output are made, a `convolutions.Pieces`, or None where they are not.
    `backward(grads, batch, asked)` makes the gradient with respect to the batch of that with respect to the result, and
    the functions of `learns` that with respect to a parameter.
    """

    name: str
    formula: str
    function: str
    backward: str
    shape: str = "resize:whole_times"
    parameters: tuple[str, ...] = ()
    selects: bool = False  # only ever returns values of the input, and 0
    unordered: bool = False  # which of two values is larger means nothing to it: indices of a palette are as good
    fractional: bool = False  # takes any scale, or a size instead
    unfolds: bool = False  # it needs S x S channels for each of the output
    takes_size: bool = False
    lines: str = "resize:region_lines"  # function that tells where its output lies in the image, but of filters
    pixels: str = ""  # function that tells which pixels are copied, for strides: of what copies by no filter
    pieces: str = ""
    learns: Mapping[str, str] = field(default_factory=dict)

    def copies(self) -> bool:
        """Return whether each of its values is that of one pixel: none is filled in."""
        return self.selects and (self.fractional or self.unfolds)

    def output_shape(self, shape: tuple[int, ...], arguments: Mapping[str, Any]) -> tuple[int, ...]:
        """Return the shape that `upsample` makes of (H, W) or (H, W, C), or raise its ValueError."""
        scale, size = arguments.get("scale"), arguments.get("size")
        self.check_scale(scale, size)
        given = {name: value for name, value in arguments.items() if name in self.parameters}
        asked = Enlargement(self.name, scale, size, self.resolve(given), len(shape))
        return imported(self.shape)(shape, asked)  # type: ignore[no-any-return]

    def mixes(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether weights know channels by their numbers: alpha is one more number then."""
        if "weights" not in self.parameters:
            return False
        from poolcli.weights import shape_of

        return len(shape_of(arguments.get("weights"), arguments.get("kernel_size"), (1, 1))) > 2

    def resizes(self) -> bool:
        """Return whether a size that is asked for is one of many."""
        return self.fractional

    def resolve(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of all parameters, those given and defaults, or raise a ValueError or a TypeError."""
        values: dict[str, Any] = resolve(self.name, self.parameters, given, takes(UPSAMPLINGS))
        return values

    def check_scale(self, scale: Scale | None, size: Size | None) -> None:
        """Raise a ValueError if the mode does not take these."""
        if size is not None and not self.takes_size:
            sized = ", ".join(name for name, row in UPSAMPLINGS.items() if row.takes_size)
            raise ValueError(f"mode {self.name!r} takes no size: the modes that do are {sized}")
        if size is not None and scale is not None and self.fractional:
            raise ValueError(EITHER.format(size, scale))
        scales = scales_of(2 if scale is None else scale)
        if min(scales) < 1:
            ways = "downsample pools all of them, and poolcli.resize in Python with antialias=True averages them"
            raise ValueError(f"scale={scale} makes images smaller, and would leave pixels out: {ways}")
        if not self.fractional and any(s % 1 for s in scales):
            others = ", ".join(name for name, row in UPSAMPLINGS.items() if row.fractional)
            raise ValueError(
                f"scale={scale} is not allowed: mode {self.name!r} takes whole numbers; {others} take others"
            )


def _interpolation(row: Filter) -> Upsampling:
    return Upsampling(
        row.name, row.formula, "resize:interpolate", "resize:interpolate_backward", "resize:interpolated_shape",
        row.parameters, selects=row.copies, unordered=row.copies, fractional=True, takes_size=True,
    )  # fmt: skip


UPSAMPLINGS: Mapping[str, Upsampling] = {
    mode.name: mode
    for mode in (
        *(_interpolation(row) for row in FILTERS.values() if row.copies),
        Upsampling("nails", "r in the first pixel of its region, 0 elsewhere", "unpooling:nails",
                   "unpooling:nails_backward", selects=True, unordered=True, pixels="unpooling:nail_pixels"),
        *(_interpolation(row) for row in FILTERS.values() if not row.copies),
        Upsampling("unpool", "r where max took it from, 0 elsewhere; the largest r of several", "unpooling:unpool",
                   "unpooling:unpool_backward", "unpooling:unpooled_shape", ("indices", "kernel_size", "padding"),
                   selects=True, unordered=True, takes_size=True, lines="unpooling:unpooled_lines"),
        Upsampling("average-unpool", "r / n over its window of n pixels, added up: the adjoint of average",
                   "transposed:average_unpool", "transposed:average_unpool_backward",
                   "transposed:average_unpool_shape", ("kernel_size", "padding", "output_padding"),
                   takes_size=True, lines="transposed:average_unpool_lines",
                   pieces="transposed:average_unpool_pieces"),
        Upsampling("transposed", "r times the weights, added from pixel S i - padding on",
                   "transposed:transposed", "transposed:transposed_backward", "transposed:transposed_shape",
                   ("weights", "kernel_size", "padding", "output_padding", "dilation", "groups"), takes_size=True,
                   learns={"weights": "transposed:transposed_weights_backward"}, lines="transposed:transposed_lines",
                   pieces="transposed:transposed_pieces"),
        Upsampling("resize-conv", "nearest or bilinear, then a convolution with the weights",
                   "convolutions:resize_conv", "convolutions:resize_conv_backward", "convolutions:resize_conv_shape",
                   ("weights", "kernel_size", "enlarge", "border"),
                   learns={"weights": "convolutions:resize_conv_weights_backward"},
                   pieces="convolutions:resize_conv_pieces"),
        Upsampling("subpixel", "a convolution to C S^2 channels, which become S x S pixels",
                   "convolutions:subpixel", "convolutions:subpixel_backward", "convolutions:subpixel_shape",
                   ("weights", "kernel_size", "order", "border"),
                   learns={"weights": "convolutions:subpixel_weights_backward"},
                   pieces="convolutions:subpixel_pieces"),
        Upsampling("depth-to-space", "channel c S^2 + s in pixel s of a region of S x S",
                   "convolutions:unfold", "convolutions:unfold_backward", "convolutions:unfolded_shape", ("order",),
                   selects=True, unfolds=True, pieces="convolutions:unfold_pieces"),
    )
}  # fmt: skip


@takes_dask
@takes_out
def upsample(
    image: ArrayLike,
    mode: str,
    *,
    scale: Scale | None = None,
    size: Size | None = None,
    dtype: DTypeLike | None = None,
    layout: Layout = "hwc",
    alpha: Alpha = False,
    linear: bool = False,
    out: NDArray[Any] | None = None,
    **parameters: Unpack[Convolution],
) -> Any:
    """Enlarge an image S times: every pixel becomes a region of S x S.

    Args:
        image: array (H, W), (H, W, C) or (N, H, W, C) of bool, (u)int8 to (u)int64, float16, float32 or float64, with
            any strides; it is not changed. NaN propagates. A Dask array gives a lazy one of the same values, but with
            unpool and with weights (C_in, C_out, F, F).
        mode: a key of `poolcli.UPSAMPLINGS`, which holds the formulas.
        scale: S, one number or (down, across); 2 unless given. nearest, bilinear, bicubic and lanczos take any number
            from 1 on, the others whole ones; `resize` takes those below 1.
        size: output size in pixels instead of S. Beside S, of unpool that of the image that was pooled; of indices that
            come with the size of their image it may be larger by less than S, and 0 follows. Of transposed and
            average-unpool, beside S: with numbers of padding, it says what output_padding is, else what is cut off.
        dtype: of the output; that of the image unless given. Integers are rounded to nearest, ties to even, once, and
            saturated: bicubic, lanczos and convolutions overshoot.
        layout: where channels are, here, in arrays of indices and in the result: "hwc", last, or "chw", as PyTorch has
            them: (C, H, W) and (N, C, H, W).
        alpha: whether the last channel is alpha: modes that blend weigh colour by it, as the command line does for
            files; "premultiplied" where colour has been multiplied by it already. Modes that select take it for a
            channel as any other.
        linear: blend in linear light: uint8 and uint16 are sRGB. Floats are linear already.
        out: array for the result, of its shape and dtype, with any strides, which is filled and returned; new unless
            given. It may be an input, and costs a copy then.
        **parameters: of nearest, bilinear, bicubic and lanczos those of `resize`. `indices` of unpool: what
            `downsample` returned, or a path that `--save-indices` wrote, which knows the size of its image; else that
            is `size`, or what windows of `kernel_size` with `padding` cover, (n - 1) S + F less the padding, or S
            times this one. `weights` of transposed, resize-conv and subpixel: "box", "bilinear" (unless
            given), "gaussian", a path or an array (F, F), for every channel by itself, or (C_in, C_out, F, F); of
            transposed also (C, F, F), of each channel its own, and with `groups` (C_in, C_out / groups, F, F), group
            after group as in PyTorch. With the names, `kernel_size`: F, 2 S - S mod 2 of transposed, 3 of the others
            unless given. Those named weights that meet in a pixel of the output sum to 1, at its frame too. `padding`,
            `output_padding` and `dilation` of transposed, in pixels of the output. `padding` is what is cut off, one
            number, (height, width), (top, bottom, left, right), or "same" or "same-lower" for S times the input, of an
            odd number one pixel more after or before; "same-lower" if neither padding nor output_padding is given.
            `enlarge` of resize-conv ("nearest", "bilinear"); `order` of subpixel and depth-to-space: channel c S^2 + s
            ("crd", as PyTorch) or s C + c ("dcr", as TensorFlow) is phase s of channel c; `border` of resize-conv and
            subpixel: "edge", "reflect", "wrap", "constant" (0).

    Returns:
        An array of the image's rank.

    Raises:
        ValueError: a value is not allowed, or weights or indices do not fit the image.
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
    from poolcli import axes, dtypes

    row, array, asked = asked_of(image, mode, scale, size, layout, parameters)
    if (alpha or linear) and row.blends(parameters):
        from poolcli.light import Blend, Light

        again = partial(upsample, mode=mode, scale=scale, size=size, **parameters)
        return Blend.of(row, parameters, again).seen(image, Light(alpha, linear), layout, dtype)
    source = dtypes.check(array.dtype)
    target = source if dtype is None else dtypes.check(dtype)
    batch = dtypes.to_working(as_batch(array))
    out = imported(row.function)(batch, asked, dtypes.kernel_output(source, target))
    result = as_given(out, array, target)
    return axes.as_laid_out(result, layout, result.ndim > 2)


def asked_of(
    image: ArrayLike, mode: str, scale: Scale | None, size: Size | None, layout: Layout, given: Mapping[str, Any]
) -> tuple[Upsampling, NDArray[Any], Enlargement]:
    """Return the row of a mode, the array with channels last, and what is asked of it; or raise an error."""
    import numpy as np

    from poolcli import axes

    row = find(UPSAMPLINGS, mode)
    values = row.resolve(given)
    check_fill(given, values)
    array = axes.channels_last(axes.as_array(image), layout)
    indices = values.get("indices")
    if indices is not None and not (is_name(indices) or isinstance(indices, Mapping)):  # files have channels last
        values["indices"] = axes.channels_last(np.asarray(indices), layout)
    row.check_scale(scale, size)
    return row, array, Enlargement(mode, scale, size, values, array.ndim)
