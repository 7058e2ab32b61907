"""Global pools: the table of reductions, and the function that makes a vector of a whole map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

from poolcli.downsample import MODES, Mode
from poolcli.lazy import takes_dask
from poolcli.nodata import check_ignore, without
from poolcli.outputs import takes_out
from poolcli.parameters import Parameters, find, resolve
from poolcli.rows import ModeRow, imported, takes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from poolcli.axes import Layout
    from poolcli.light import Alpha


@dataclass(frozen=True)
class Reduction(ModeRow):
    """One global pool: its formula over the n values r of a map, the parameters it takes, its functions."""

    name: str
    formula: str
    parameters: tuple[str, ...] = ()
    pool: str = ""  # the local mode that it applies to the whole map; or the parameter of this name says which
    function: str = "maps:binned"  # module:function that makes vectors of maps
    columns: str = "maps:binned_columns"  # and the one that says what each number is
    shape: str = "maps:binned_shape"  # and the one of their shape
    backward: str = "maps:binned_backward"  # and the one of their gradient
    selects: bool = False  # of itself: where a local mode is applied, that says whether
    unordered: bool = False
    mixed: bool = False  # its numbers are no channel's

    def applied(self, arguments: Mapping[str, Any]) -> Mode | None:
        """Return the local mode that it applies, if it applies one."""
        return MODES.get(self.value("pool", arguments) or self.pool)

    def accepted(self, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """Return which parameters it takes: those of the mode of its bins too."""
        pool = self.value("pool", arguments)
        return (*self.parameters, *(REDUCTIONS[pool].parameters if pool in REDUCTIONS else ()))

    def learns(self, arguments: Mapping[str, Any]) -> Mapping[str, str]:
        """Return the parameters that have a gradient."""
        mode = self.applied(arguments)
        return mode.learns if mode else {}

    def blends(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether it makes values that the image does not have."""
        mode = self.applied(arguments)
        return mode.blends(arguments) if mode else not self.selects

    def ignores_order(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether which of two values is larger means nothing to it."""
        mode = self.applied(arguments)
        return mode.unordered if mode else self.unordered

    def is_relative(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether its result depends on which value counts as 1."""
        mode = self.applied(arguments)
        return mode is not None and mode.is_relative(arguments)

    def mixes(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether its numbers are of several channels each."""
        return self.mixed

    def can_ignore(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether values can be left out of the map."""
        return self.applied(arguments) is not None

    def as_mean(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the arguments that make it a mean, where it may be a sum instead."""
        mode = self.applied(arguments)
        return mode.mean if mode else {}


REDUCTIONS: Mapping[str, Reduction] = {
    reduction.name: reduction
    for reduction in (
        Reduction("gap", "sum(r) / n, of each channel", pool="average"),
        Reduction("gmp", "max(r), of each channel", pool="max"),
        Reduction("covariance", "X X^T / n = U L U^T, X the channels by n pixels; U L^power U^T; U log(L) U^T",
                  ("center", "power", "log", "top_k", "matrix"),
                  function="maps:covariance", columns="maps:covariance_columns",
                  shape="maps:covariance_shape", backward="maps:covariance_backward", mixed=True),
        Reduction("spp", "the pool of each of level x level bins, level after level", ("levels", "pool")),
        Reduction("flatten", "all r, channel after channel", ("order",),
                  function="maps:flattened", columns="maps:flattened_columns",
                  shape="maps:flattened_shape", backward="maps:flattened_backward", selects=True),
        *(
            Reduction(mode.name, mode.formula, pool=mode.name,
                      parameters=tuple(name for name in mode.parameters if name != "count_include_pad"))
            for mode in MODES.values()
            if not mode.stacks  # of a whole map it is flatten
        ),
    )
}  # fmt: skip


@takes_dask
@takes_out
def reduce(
    image: ArrayLike,
    mode: str,
    *,
    dtype: DTypeLike | None = None,
    layout: Layout = "hwc",
    alpha: Alpha = False,
    linear: bool = False,
    ignore: float | None = None,
    valid: float | None = None,
    out: NDArray[Any] | None = None,
    **parameters: Unpack[Parameters],
) -> Any:
    """Reduce a whole image or feature map to a vector, of one length whatever its height and width.

    The local pools take the whole map as one window: the result is that of `downsample` with `size=1`, and the bins of
    spp are those of `downsample` with `size=level`. Sums of integers are exact.

    Args:
        image: array (H, W), (H, W, C) or (N, H, W, C) of bool, (u)int8 to (u)int64, float16, float32 or float64, with
            any strides; it is not changed. NaN propagates in every mode. A Dask array gives a lazy one of the same
            values: chunk by chunk for extremes, for averages of integers and for ranks of integers of 8 and 16 bits,
            else by one task for each map, which gets all of it.
        mode: a key of `poolcli.REDUCTIONS`, which holds the formulas: gap, gmp, covariance, spp, flatten, or a mode of
            `downsample`.
        dtype: of the output. Unless given, modes that select values of the map (gmp, flatten, median, ...) keep its
            dtype, and all others give float64.
        layout: where channels are: "hwc", last, or "chw", as PyTorch has them: (C, H, W) and (N, C, H, W).
        alpha: whether the last channel is alpha: modes that blend weigh colour by it, as the command line does for
            files; "premultiplied" where colour has been multiplied by it already. Modes that select take it for a
            channel as any other.
        linear: blend in linear light: uint8 and uint16 are sRGB. Floats are linear already.
        ignore: value that means none, NaN or a number that the image's dtype holds. Values that equal it are outside
            every window, as padding is, each channel by itself; a window of nothing else gives it again, so that the
            output's dtype must hold it too. It cannot be given with `alpha` where colour is blended, nor to covariance
            and flatten.
        valid: share of the values of a map or a bin, 0 to 1, that must be left where others are ignored: one with less
            gives `ignore`. One value is enough unless given.
        out: array for the result, of its shape and dtype, with any strides, which is filled and returned; new unless
            given. It may be an input, and costs a copy then.
        **parameters: of the mode: `levels` of spp (whole numbers; (1, 2, 4) unless given) and `pool`, the mode of its
            bins, with the parameters of that; `order` of flatten ("rows", "columns"); `center`, `power` (above 0),
            `log`, `top_k` (0 for all) and `matrix` of covariance; those of the modes of `downsample`.

    Returns:
        A vector, or (N, length) of a batch. gap, gmp and the local pools give a number a channel, spp one a channel for
        each bin: level after level, bins in row order, their channels together. covariance gives the upper triangle row
        by row, C (C + 1) / 2 numbers; with `matrix` (C, C), or (N, C, C). flatten gives all, rows of the first channel
        first.

    Raises:
        ValueError: a value is not allowed, or the map is empty.
        TypeError: the dtype is none of the above, or there is no such parameter.

    Global average pooling is from Lin, Chen and Yan 2013, spatial pyramids from He et al. 2014, and covariance pooling
    with powers and logarithms of eigenvalues from Li et al. 2017 and Ionescu, Vantzos and Sminchisescu 2015.
    Eigenvalues below C 2^-50 of the largest are rounding: `power` takes them as 0, `log` as that.

    >>> import numpy as np
    >>> image = np.array([[[1, 8], [3, 6]], [[5, 4], [9, 2]]], np.uint8)
    >>> reduce(image, "gap"), reduce(image, "gmp")
    (array([4.5, 5. ]), array([9, 8], dtype=uint8))
    >>> reduce(image, "covariance", center=True)
    array([ 8.75, -6.5 ,  5.  ])
    >>> reduce(image, "spp", levels=(1, 2), pool="min")
    array([1, 2, 1, 8, 3, 6, 5, 4, 9, 2], dtype=uint8)
    """
    import numpy as np

    from poolcli import dtypes

    row, values = arguments_of(mode, parameters)
    ignored: dict[str, Any] = {} if ignore is None and valid is None else {"ignore": ignore, "valid": valid}
    check_ignore(row, {**parameters, **ignored})
    if (alpha or linear) and row.blends(parameters):
        from poolcli.light import Blend, Light

        again = partial(reduce, mode=mode, **ignored, **parameters)
        return Blend.of(row, parameters, again, vector=True).seen(image, Light(alpha, linear, ignore), layout, dtype)
    array, batch = maps_of(image, layout)
    source = dtypes.check(array.dtype)
    target = None if dtype is None else dtypes.check(dtype)
    if not len(batch):  # no map, but of a known length
        return reduce(np.zeros((1, *array.shape[1:]), source), mode, dtype=dtype, **parameters)[:0]
    result = imported(row.function)(batch.astype(source, copy=False), values | ignored, target)
    out = result if target is None else dtypes.saturate_cast(result, target)
    out = out.copy() if np.shares_memory(out, array) else out
    return out if array.ndim == 4 else out[0]


def maps_of(image: ArrayLike, layout: Layout) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return an array with channels last, and that as (N, H, W, C), or raise an error if it is not of maps."""
    from poolcli import axes, dtypes

    array = axes.channels_last(axes.as_array(image), layout)
    dtypes.check(array.dtype)
    if array.ndim not in (2, 3, 4):
        raise ValueError(f"an array of rank {array.ndim} is no map: it must be (H, W), (H, W, C) or (N, H, W, C)")
    batch = array[None] if array.ndim < 4 else array
    batch = batch[..., None] if array.ndim == 2 else batch
    if 0 in batch.shape[1:]:
        raise ValueError(f"the map is empty: its shape is {array.shape}")
    return array, batch


def arguments_of(mode: str, given: Mapping[str, Any]) -> tuple[Reduction, dict[str, Any]]:
    """Return the row of a mode and all its parameters: those given, checked, and the defaults of the others."""
    given = {name: value for name, value in given.items() if name != "dtype"}
    row = find(REDUCTIONS, mode)
    pool = row.value("pool", given) or ""
    pools = [name for name in MODES if name in REDUCTIONS]
    if "pool" in row.parameters and pool not in pools:
        raise ValueError(f"pool={pool!r} is not allowed: pool must be one of {', '.join(pools)}")
    own = row.accepted(given)
    values = resolve(mode, own, given, takes(REDUCTIONS) | {mode: own}, pool)
    if values.get("log") and values["power"] != 1:
        raise ValueError(f"power={values['power']:g} and log=True exclude each other: give one of them")
    return row, values | ({"pool": row.pool} if row.pool else {})


def columns(shape: tuple[int, ...], channels: Sequence[str], mode: str, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what each number is that `reduce` makes of a map (H, W) or (H, W, C) with these names of channels.

    >>> columns((4, 4, 2), "rg", "spp", {"levels": (1, 2)})[:4]
    ('spp_1x1_0_0_r', 'spp_1x1_0_0_g', 'spp_2x2_0_0_r', 'spp_2x2_0_0_g')
    >>> columns((4, 4, 2), "rg", "covariance", {})
    ('cov_r_r', 'cov_r_g', 'cov_g_g')
    """
    row, values = arguments_of(mode, without(given))
    return tuple(imported(row.columns)(mode, shape, channels, values))
