"""Local pools: the table of modes, and the function that applies one of them to an array."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from math import inf, nan
from typing import TYPE_CHECKING, Any, Unpack

from poolcli.lazy import takes_dask
from poolcli.nodata import check_ignore
from poolcli.outputs import takes_out
from poolcli.parameters import Parameters, find, flag, resolve
from poolcli.resize import as_batch
from poolcli.rows import ModeRow, imported, takes

if TYPE_CHECKING:  # the table and its help do without NumPy, which takes longer to import than Python to start
    import numpy as np
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from poolcli.axes import Layout
    from poolcli.geometry import Given, Padding, Shape, Windows
    from poolcli.light import Alpha
    from poolcli.nodata import Nodata

Size = int | tuple[int, int]


@dataclass(frozen=True)
class Mode(ModeRow):
    """One local pool: its formula over the n values r of a window, the parameters it takes, its kernel."""

    name: str
    formula: str
    kernel: str  # module:function of poolcli.pools that makes the pool of a task
    parameters: tuple[str, ...] = ()
    selects: bool = False
    unordered: bool = False
    low_pass: bool = False  # its windows are those of the low-passed image
    gradient: str = ""  # as the kernel; of those that select it is that of the value that was taken
    learns: Mapping[str, str] = field(default_factory=dict)  # parameters that have a gradient, and that, as `gradient`
    mean: Mapping[str, Any] = field(default_factory=dict)  # arguments that make it a mean, where it may be a sum
    nothing: float | None = None  # what it makes of no value, if there is such
    stacks: bool = False  # each value of a window becomes a channel
    composes: str = ""  # pools of pools are pools: of "values", or of "sums" alone
    halo: int = 0  # pixels around a window that its result depends on

    @property
    def channelwise(self) -> bool:
        """Return whether channels are pooled alike, wherever they stand: draws and networks know their numbers."""
        return not self.stacks and not {"seed", "weights"} & {*self.parameters}

    @property
    def finds(self) -> bool:
        """Return whether it looks for a value of each window, and can say where that stood."""
        return self.selects and not self.stacks

    @property
    def has_gradient(self) -> bool:
        """Return whether the result changes with the values: not where these are names."""
        return bool(self.gradient) or (self.selects and not self.unordered)

    def with_respect_to(self, name: str) -> Mode:
        """Return the mode with the gradient in a parameter, or itself for that in the image."""
        return replace(self, gradient=self.learns[name]) if name in self.learns else self

    def blends(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether it makes values that the image does not have."""
        return not self.selects or self.value("combine", arguments) == "mean"

    def is_relative(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether its result depends on which value counts as 1: exponentials and networks do."""
        return bool({"beta", "weights"} & {*self.parameters})

    def mixes(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether it makes other channels of all channels: alpha is one more number then."""
        return self.stacks

    def can_ignore(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether values can be left out of its windows."""
        return not self.stacks

    def planes(self, arguments: Mapping[str, Any]) -> int:
        """Return how many images it makes of one, along a leading axis; 0 is one, without such an axis."""
        return int(self.value("k", arguments)) if self.value("combine", arguments) == "planes" else 0

    def as_mean(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the arguments that make it a mean, where it may be a sum instead."""
        return self.mean

    def of_nothing(self, values: Mapping[str, Any]) -> float | None:
        """Return what it makes of padding alone: a sum of nothing is 0, and so is its mean over the padding."""
        is_sum = values.get("count_include_pad") or values.get("norm") == "sum"
        return 0.0 if is_sum and self.nothing is not None else self.nothing

    def windows(self, height: int, width: int, shape: Shape) -> tuple[Windows, Windows]:
        """Return the windows along rows and columns, or raise a ValueError if they do not fit."""
        from poolcli import geometry

        grid = geometry.windows(height, width, shape)
        if self.nothing is None and any(side.filled is not side for side in grid):
            able = ", ".join(name for name, row in MODES.items() if row.nothing is not None)
            what = f"mode {self.name!r} takes a value of each window, and one would lie in the padding alone"
            raise ValueError(f"{what}: the modes that have a result of nothing are {able}")
        if self.stacks and any(side.count.min() < side.max_count for side in grid):
            what = f"mode {self.name!r} takes windows of one size, all of them whole"
            raise ValueError(f"{what}: padding, ceil or size would make some smaller than others")
        return grid

    def grid(self, height: int, width: int, shape: Shape, values: Mapping[str, Any]) -> tuple[Windows, Windows]:
        """Return the same, divided by what these parameters count."""
        rows, columns = self.windows(height, width, shape)
        if values.get("count_include_pad"):
            return rows, columns
        return rows.without_padding(), columns.without_padding()

    def output_shape(self, shape: tuple[int, ...], arguments: Mapping[str, Any]) -> tuple[int, ...]:
        """Return the shape that it makes of (H, W) or (H, W, C), or raise a ValueError."""
        from poolcli import geometry

        rows, columns = self.windows(shape[0], shape[1], geometry.shape(**window_of(arguments)))
        if self.stacks:
            return rows.size, columns.size, (*shape, 1)[2] * rows.max_count * columns.max_count
        return (rows.size, columns.size, *shape[2:])


MODES: Mapping[str, Mode] = {
    mode.name: mode
    for mode in (
        Mode("max", "max(r)", "extremes:maximum", selects=True, nothing=-inf, composes="values"),
        Mode("min", "min(r)", "extremes:minimum", selects=True, nothing=inf, composes="values"),
        Mode("median", "sorted(r)[floor((n - 1) / 2)]", "rank:percentile", selects=True),
        Mode("percentile", "sorted(r)[floor(q/100 (n - 1))]", "rank:percentile", ("q",), selects=True),
        Mode("kmax", "the k largest r, falling; or their mean", "rank:kmax", ("k", "combine"), selects=True,
             gradient="rank:kmax_gradient"),
        Mode("majority", "the commonest r, the smallest of equals", "rank:majority", selects=True, unordered=True),
        Mode("average", "sum(r) / n", "means:average", ("count_include_pad",),
             gradient="means:average_gradient", nothing=nan, composes="sums"),
        Mode("l2", "(1/n) sqrt(sum(r^2))", "norms:l2", ("norm", "count_include_pad"),
             gradient="norms:l2_gradient", mean={"norm": "mean"}, nothing=nan),
        Mode("lp", "(1/n) (sum(|r|^p))^(1/p)", "norms:lp", ("p", "norm", "count_include_pad"),
             gradient="norms:lp_gradient", learns={"p": "norms:lp_gradient_of_p"}, mean={"norm": "mean"},
             nothing=nan),
        Mode("gem", "(sum(max(r, 0)^p) / n)^(1/p)", "norms:gem", ("p",),
             gradient="norms:gem_gradient", learns={"p": "norms:gem_gradient_of_p"}, nothing=nan),
        Mode("mixed", "lam max(r) + (1 - lam) sum(r) / n", "means:mixed", ("lam",),
             gradient="means:mixed_gradient", learns={"lam": "means:mixed_gradient_of_lam"}, nothing=nan),
        Mode("soft", "sum(r e^(beta r)) / sum(e^(beta r))", "softmax:soft", ("beta",),
             gradient="softmax:soft_gradient", learns={"beta": "softmax:soft_gradient_of_beta"},
             nothing=nan),
        Mode("random", "one r, drawn with probability e^(beta r) / sum(e^(beta r))", "softmax:random",
             ("beta", "seed"), selects=True),
        Mode("stochastic", "one r, drawn with probability max(r, 0) / sum(max(r, 0))", "softmax:stochastic",
             ("seed",), selects=True),
        Mode("lip", "sum(r e^G(r)) / sum(e^G(r)), G a small network", "lip:lip", ("weights", "norm"),
             gradient="lip:lip_gradient", learns={"weights": "lip:lip_gradient_of_weights"}, mean={"norm": "weights"},
             nothing=nan, halo=1),
        Mode("blur", "sum(r) / n after the low-pass (1 2 1)/4 along both axes", "means:blur",
             gradient="means:average_gradient", low_pass=True, nothing=nan),
        Mode("space-to-depth", "every r, in row order: F x F channels of one", "rearrange:space_to_depth", ("order",),
             selects=True, gradient="rearrange:space_to_depth_gradient", stacks=True),
    )
}  # fmt: skip

PYRAMIDS: Mapping[str, Mode] = {name: row for name, row in MODES.items() if not row.stacks}
"""Those that pyramids are made by, and whose results are compared: with as many channels as the image."""


@takes_dask
@takes_out
def downsample(
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
    dtype: DTypeLike | None = None,
    layout: Layout = "hwc",
    alpha: Alpha = False,
    linear: bool = False,
    return_indices: bool = False,
    joint: str | int | None = None,
    ignore: float | None = None,
    valid: float | None = None,
    out: NDArray[Any] | tuple[NDArray[Any], NDArray[Any]] | None = None,
    **parameters: Unpack[Parameters],
) -> Any:
    """Pool an image: reduce every window of F x F values, S apart, to one.

    The output has floor((n + before + after - dilation (F - 1) - 1) / S) + 1 values along an axis of n, before and
    after its padding, which lies outside every window: it never adds a value. Modes that blend are at most half a unit
    of the output's dtype and 1e-6 of the value (1e-12 where values have 64 bits) away from the true result, whatever
    the size of the window.

    Args:
        image: array (H, W), (H, W, C) or (N, H, W, C) of bool, (u)int8 to (u)int64, float16, float32 or float64, with
            any strides; it is not changed. NaN propagates in every mode. A Dask array gives a lazy one of the same
            values, unless `return_indices`, `ignore` or `valid` is given.
        mode: name of the pool, a key of `poolcli.MODES`, which holds the formulas.
        kernel_size: F, in pixels, one number or (height, width); 2 unless given.
        stride: S, the distance between windows in pixels; F unless given.
        padding: pixels around the image, one number, (height, width) or (top, bottom, left, right), at most half a
            window each; or "same" for ceil(n / S) windows, with the odd pixel of padding after the image, "same-lower"
            with the odd one before it.
        wide_padding: allow more than half a window, as ONNX and TensorFlow do. Of a window that lies in the padding
            alone max is minus infinity and min infinity, of integers the smallest and the largest of the dtype; a mean
            is NaN, among integers 0, and a sum or what counts the padding is 0; other modes that select raise.
        dilation: distance between the values of a window, in pixels.
        ceil: round the output size up, where that adds a window that begins inside the image or its left padding. A
            window may be larger than the image then, by less than S.
        size: output size instead of F and S: window i of b is [floor(i n / b), ceil((i + 1) n / b)).
        dtype: of the output; that of the image unless given. Integers are rounded to nearest, ties to even, once,
            and saturated.
        layout: where channels are, here and in the results: "hwc", last, or "chw", as PyTorch has them: (C, H, W) and
            (N, C, H, W).
        alpha: whether the last channel is alpha: modes that blend weigh colour by it, as the command line does for
            files; "premultiplied" where colour has been multiplied by it already. Modes that select take it for a
            channel as any other.
        linear: blend in linear light: uint8 and uint16 are sRGB. Floats are linear already.
        return_indices: with a mode that selects, return also where each value was found: row * W + column, the first
            in row order of equal ones. These are max, min, median, percentile, kmax, majority, random, stochastic.
        joint: with a mode that selects, choose one pixel of each window, by this key, and take all its channels, so
            that no colour is made: "luminance" ((299 R + 587 G + 114 B) / 1000), "red", "green", "blue", "alpha", or
            the number of a channel.
        ignore: value that means none, NaN or a number that the image's dtype holds. Values that equal it are outside
            every window, as padding is, each channel by itself; a window of nothing else gives it again, so that the
            output's dtype must hold it too. It cannot be given with `joint`, nor with `alpha` where colour is blended.
        valid: share of the values that a window has in the image, 0 to 1, that must be left where others are ignored: a
            window with less gives `ignore`. One value is enough unless given.
        out: array for the result, of its shape and dtype, with any strides, which is filled and returned; new unless
            given. It may be an input, and costs a copy then. With `return_indices` it is a pair of arrays.
        **parameters: of the mode: `q` of percentile (0 to 100), `k` and `combine` ("planes", "mean") of kmax,
            `count_include_pad` of average, l2 and lp, `p` (above 0) of lp and gem, `norm` ("size", "mean", "sum") of l2
            and lp, `lam` (0 to 1) of mixed, `beta` of soft and random, `seed` of random and stochastic, `weights` (path
            or mapping of arrays) and `norm` ("weights", "count": divided by n too) of lip, `order` of space-to-depth:
            value s of a window of channel c is channel c F^2 + s ("crd", as PyTorch's PixelUnshuffle) or s C + c
            ("dcr", as TensorFlow and ONNX).

    Returns:
        An array of the image's rank; with "kmax" and combine="planes" one with a leading axis of k; with
        "space-to-depth" one of F^2 times as many channels; with
        `return_indices` the pair of the array and an int64 array of the same shape, -1 where a window holds no
        pixel, or too few that are not ignored.

    Raises:
        ValueError: a value is not allowed, or a window does not fit into the image.
        TypeError: the dtype is none of the above, or there is no such parameter.

    The definitions are those of the papers: soft pooling from Stergiou, Poppe and Kalliatakis 2021, GeM from
    Radenovic, Tolias and Chum 2018, stochastic from Zeiler and Fergus 2013, mixed from Yu et al. 2014, blur from Zhang
    2019, local importance from Gao, Wang and Wu 2019. Sizes and ceil follow PyTorch and ONNX.

    >>> import numpy as np
    >>> image = np.array([[1, 5, 2, 0], [3, 4, 8, 6]], np.uint8)
    >>> downsample(image, "max")
    array([[5, 8]], dtype=uint8)
    >>> downsample(image, "average", dtype="float32")
    array([[3.25, 4.  ]], dtype=float32)
    >>> downsample(image, "percentile", kernel_size=(2, 4), q=100)
    array([[8]], dtype=uint8)
    """
    from poolcli import dtypes, geometry

    row = find(MODES, mode)
    values = resolve(mode, row.parameters, parameters, takes(MODES))
    for option, wanted in (("return_indices", flag("return_indices", return_indices)), ("joint", joint is not None)):
        if wanted:
            check_indices(row, values, option)
    check_ignore(row, {"ignore": ignore, "valid": valid, "joint": joint})
    given: Given = {"padding": padding, "wide_padding": wide_padding, "dilation": dilation, "ceil": ceil, "size": size}
    if (alpha or linear) and row.blends(parameters):
        from poolcli.light import Blend, Light

        again = partial(downsample, mode=mode, kernel_size=kernel_size, stride=stride, **given, **parameters)
        again = partial(again, ignore=ignore, valid=valid)
        return Blend.of(row, parameters, again).seen(image, Light(alpha, linear, ignore), layout, dtype)
    asked = Asked.of(image, row, values, layout, joint is None)
    target = asked.source if dtype is None else dtypes.check(dtype)
    nodata = None if ignore is None else asked.nodata(ignore, valid, target)
    grid = asked.grid(geometry.shape(kernel_size, stride, **given))
    return asked.made(grid, target, joint, return_indices, nodata)


def _with_empty(planes: NDArray[Any], grid: tuple[Windows, Windows], nothing: Any) -> NDArray[Any]:
    """Return (planes, N, rows, columns, C) of windows that hold a pixel, with what the others come to among them."""
    import numpy as np

    rows, columns = grid
    if planes.shape[2:4] == (rows.size, columns.size):
        return planes
    out = np.full((*planes.shape[:2], rows.size, columns.size, planes.shape[4]), nothing, planes.dtype)
    out[:, :, np.flatnonzero(rows.count)[:, None], np.flatnonzero(columns.count)] = planes
    return out


@dataclass(frozen=True)
class Asked:
    """What is asked of a mode: its arguments, and the image as a batch."""

    row: Mode
    values: dict[str, Any]
    array: NDArray[Any]  # with channels last
    laid_out: Callable[[NDArray[Any]], NDArray[Any]]  # returns what is made of it with channels where they were
    batch: NDArray[Any]
    source: np.dtype[Any]

    @classmethod
    def of(cls, image: ArrayLike, row: Mode, values: dict[str, Any], layout: Layout, each: bool = True) -> Asked:
        """Return what is asked, of each channel by itself or of all together, or raise an error for other arrays."""
        from poolcli import axes, dtypes

        array, laid_out = axes.taken(axes.as_array(image), layout, row.channelwise and each)
        source = dtypes.check(array.dtype)
        return cls(row, values, array, laid_out, dtypes.to_working(as_batch(array)), source)

    def grid(self, shape: Shape) -> tuple[Windows, Windows]:
        """Return the windows along rows and columns, or raise a ValueError if they do not fit."""
        _, height, width, _ = self.batch.shape
        return self.row.grid(height, width, shape, self.values)

    def made(
        self,
        grid: tuple[Windows, Windows],
        target: np.dtype[Any],
        joint: str | int | None = None,
        with_indices: bool = False,
        nodata: Nodata | None = None,
    ) -> Any:
        """Return what the mode makes of these windows, as it was given; and where the values stood, if asked."""
        from poolcli import dtypes

        filled = grid[0].filled, grid[1].filled
        nothing = None if filled == grid else self.of_nothing(target) if nodata is None else nodata.value
        if with_indices or joint is not None:
            if nodata is None:
                found, indices = selected(self.batch, self.row, self.values, filled, self.source, joint)
            else:
                found, indices = selected_around(self.batch, self.row, self.values, filled, nodata)
            made = self.as_given(_with_empty(dtypes.saturate_cast(found, target), grid, nothing))
            return (made, self.as_given(_with_empty(indices, grid, -1))) if with_indices else made
        if nodata is None:
            (planes,) = pooled(self.batch, self.row, self.values, [filled], self.source, target)
        else:
            (planes,) = pooled_around(self.batch, self.row, self.values, [filled], nodata)
        return self.as_given(_with_empty(planes, grid, nothing))

    def of_nothing(self, target: np.dtype[Any]) -> NDArray[Any]:
        """Return what the mode makes of padding alone, (1,): of those that select, it is a number of the image's."""
        import numpy as np

        from poolcli import dtypes

        number = np.full(1, self.row.of_nothing(self.values), np.float64)
        if self.row.selects:
            number = dtypes.to_working(dtypes.saturate_cast(number, self.source))
        return dtypes.saturate_cast(number, target)

    def nodata(self, ignore: Any, valid: float | None, target: np.dtype[Any]) -> Nodata:
        """Return where the image is nodata, or raise a ValueError if a dtype cannot hold that."""
        from poolcli.nodata import Nodata

        found = Nodata.of(self.batch, ignore, valid, self.source, target)
        return replace(found, divides_by_all=bool(self.values.get("count_include_pad")))

    def as_given(self, planes: NDArray[Any]) -> NDArray[Any]:
        """Return (planes, N, rows, columns, C) in the rank and the layout of the image, or planes as channels."""
        images, channels = self.array.shape[: self.array.ndim == 4], self.array.shape[2:][-1:]
        if self.row.stacks:
            from poolcli.axes import planes_to_channels

            planes = planes_to_channels(planes, self.values["order"])
            channels = planes.shape[4:]
        shaped = planes.reshape(len(planes), *images, *planes.shape[2:4], *channels)
        return self.laid_out(shaped if self.row.planes(self.values) else shaped[0])


def pooled(
    batch: NDArray[Any],
    mode: Mode,
    values: dict[str, Any],
    grids: Sequence[tuple[Windows, Windows]],
    source: np.dtype[Any],
    target: np.dtype[Any],
) -> list[NDArray[Any]]:
    """Pool (N, H, W, C) of a working dtype and return, for each grid, (planes, N, rows, columns, C) of the target."""
    import numpy as np

    from poolcli import dtypes
    from poolcli.engine.regions import pool_grids

    if not all(side.size for grid in grids for side in grid):  # padding alone
        images, _, _, channels = batch.shape
        return [np.empty((1, images, rows.size, columns.size, channels), target) for rows, columns in grids]
    grids = [low_passed(batch, mode, grid) for grid in grids]
    pools = _pools(batch, mode, values, grids, source, target)
    return [dtypes.saturate_cast(planes, target) for planes in pool_grids(batch, pools, grids)]


def pooled_around(
    batch: NDArray[Any],
    mode: Mode,
    values: dict[str, Any],
    grids: Sequence[tuple[Windows, Windows]],
    nodata: Nodata,
) -> list[NDArray[Any]]:
    """Pool (N, H, W, C) as `pooled` does, without the values that are nodata."""
    from poolcli import dtypes
    from poolcli.engine.around import pool

    source, target = nodata.source, nodata.target
    if not nodata.is_there:
        return pooled(batch, mode, values, grids, source, target)
    seen = [low_passed(batch, mode, grid) for grid in grids]
    pools = _pools(batch, mode, values, seen, source, target)
    planes = [pool(batch, *each, nodata, nodata.value) for each in zip(pools, grids, seen, strict=True)]
    return [dtypes.saturate_cast(one, target) for one in planes]


def _pools(
    batch: NDArray[Any],
    mode: Mode,
    values: dict[str, Any],
    grids: Sequence[tuple[Windows, Windows]],
    source: np.dtype[Any],
    target: np.dtype[Any],
) -> list[Any]:
    """Return the pool of each grid."""
    from poolcli import dtypes

    values = with_network(values, batch.shape[3])
    output = dtypes.kernel_output(source, target) if mode.blends(values) else batch.dtype
    return [
        made(mode.kernel, output, batch.dtype, _taps(batch, grid), dtypes.maximum(source), **values) for grid in grids
    ]


def _taps(batch: NDArray[Any], grid: tuple[Windows, Windows]) -> int:
    """Return how many values the fullest window of the whole image has."""
    from poolcli.geometry import of_whole

    _, rows, columns = of_whole(batch.shape, *grid)
    return rows.max_count * columns.max_count


def with_network(values: dict[str, Any], channels: int) -> dict[str, Any]:
    """Return parameters with the network in the place of its weights, or raise a ValueError if it does not fit."""
    if "weights" not in values:
        return values
    from poolcli.pools.lip import load

    network = load(values["weights"])
    network.check(channels)
    return {**values, "weights": network}


def low_passed(batch: NDArray[Any], mode: Mode, grid: tuple[Windows, Windows]) -> tuple[Windows, Windows]:
    """Return the windows of (N, H, W, C), with all pixels and weights of the low-pass if a mode has one."""
    from poolcli import geometry

    if not mode.low_pass:
        return grid
    rows, columns = (geometry.low_passed(side, n) for side, n in zip(grid, batch.shape[1:3], strict=True))
    return rows, columns


def selected(
    batch: NDArray[Any],
    mode: Mode,
    values: dict[str, Any],
    grid: tuple[Windows, Windows],
    source: np.dtype[Any],
    joint: str | int | None = None,
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return what a selecting mode takes of (N, H, W, C), (planes, N, rows, columns, C), and where it stood."""
    import numpy as np

    from poolcli import dtypes
    from poolcli.engine.winners import located, pick

    seen, largest = batch, dtypes.maximum(source)
    if joint is not None:
        from poolcli.joint import key

        seen, largest = key(batch, source, joint)
    pool = made(mode.kernel, seen.dtype, seen.dtype, _taps(batch, grid), largest, **values)
    indices = located(pool).pool(seen, *grid)
    if joint is not None:
        indices = np.repeat(indices, batch.shape[3], axis=4)
    return pick(batch, indices), indices


def selected_around(
    batch: NDArray[Any], mode: Mode, values: dict[str, Any], grid: tuple[Windows, Windows], nodata: Nodata
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return what `selected` does, without the values that are nodata: that, and -1, where too few others are."""
    import numpy as np

    from poolcli.engine.around import pool
    from poolcli.engine.winners import located, pick

    if not nodata.is_there:
        return selected(batch, mode, values, grid, nodata.source)
    (own,) = _pools(batch, mode, values, [grid], nodata.source, nodata.source)
    indices = pool(batch, located(own), grid, grid, nodata, -1)
    found = pick(batch, np.maximum(indices, 0))
    found[indices < 0] = nodata.value
    return found, indices


_WINDOW = ("kernel_size", "stride", "padding", "wide_padding", "dilation", "ceil", "size")


def window_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the arguments that say where windows lie."""
    return {name: value for name, value in arguments.items() if name in _WINDOW}


def check_indices(mode: Mode, values: Mapping[str, Any], option: str) -> None:
    """Raise a ValueError if a mode takes no value of a window, and an option asks where it stood."""
    if not mode.finds:
        able = [name for name, row in MODES.items() if row.finds]
        raise ValueError(f"mode {mode.name!r} takes no {option}: the modes that do are {', '.join(able)}")
    if mode.blends(values):
        raise ValueError(f"combine={values['combine']!r} takes no {option}: combine=planes does")


@lru_cache(maxsize=64)
def made(
    function: str, target: np.dtype[Any], source: np.dtype[Any], taps: int, maximum: float, **parameters: Any
) -> Any:
    """Return the pool, or the gradient, that a function of a family makes of a task."""
    from poolcli.engine.operation import Task

    return imported(f"pools.{function}")(Task(source, target, taps, parameters, maximum))
