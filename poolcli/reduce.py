"""Global pools: the table of reductions, and the function that makes a vector of a whole map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

from poolcli.downsample import MODES, pooled
from poolcli.parameters import PARAMETERS, Parameters, find, resolve

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from poolcli.axes import Layout


@dataclass(frozen=True)
class Reduction:
    """One global pool: its formula over the n values r of a map, and the parameters it takes."""

    name: str
    formula: str
    parameters: tuple[str, ...] = ()
    pool: str = ""  # the local mode that it applies, to the whole map
    same_length: bool = True  # whatever the size of the map


REDUCTIONS: Mapping[str, Reduction] = {
    reduction.name: reduction
    for reduction in (
        Reduction("gap", "sum(r) / n, of each channel", pool="average"),
        Reduction("gmp", "max(r), of each channel", pool="max"),
        Reduction(
            "covariance",
            "X X^T / n = U L U^T, X the channels by n pixels; U L^power U^T; U log(L) U^T",
            ("center", "power", "log", "top_k", "matrix"),
        ),
        Reduction("spp", "the pool of each of level x level bins, level after level", ("levels", "pool")),
        Reduction("flatten", "all r, channel after channel", ("order",), same_length=False),
        *(
            Reduction(
                mode.name,
                mode.formula,
                tuple(name for name in mode.parameters if name != "count_include_pad"),
                pool=mode.name,
            )
            for mode in MODES.values()
        ),
    )
}


def reduce(
    image: ArrayLike,
    mode: str,
    *,
    dtype: DTypeLike | None = None,
    layout: Layout = "hwc",
    **parameters: Unpack[Parameters],
) -> Any:
    """Reduce a whole picture or feature map to a vector, of one length whatever its height and width.

    The local pools take the whole map as one window: the result is that of `downsample` with `size=1`, and the bins of
    spp are those of `downsample` with `size=level`. Sums of integers are exact.

    Args:
        image: array (H, W), (H, W, C) or (N, H, W, C) of bool, (u)int8 to (u)int64, float16, float32 or float64, with
            any strides; it is not changed. NaN propagates in every mode.
        mode: a key of `poolcli.REDUCTIONS`, which holds the formulas: gap, gmp, covariance, spp, flatten, or a mode of
            `downsample`.
        dtype: of the output. Unless given, modes that select values of the map (gmp, flatten, median, ...) keep its
            dtype, and all others give float64.
        layout: where channels are: "hwc", last, or "chw", as PyTorch has them: (C, H, W) and (N, C, H, W).
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

    from poolcli import axes, dtypes

    row, values = arguments_of(mode, parameters)
    array = axes.channels_last(np.asarray(image), layout)
    source = dtypes.check(array.dtype)
    target = None if dtype is None else dtypes.check(dtype)
    if array.ndim not in (2, 3, 4):
        raise ValueError(f"an array of rank {array.ndim} is no map: it must be (H, W), (H, W, C) or (N, H, W, C)")
    batch = array[None] if array.ndim < 4 else array
    batch = batch[..., None] if array.ndim == 2 else batch
    if 0 in batch.shape[1:]:
        raise ValueError(f"the map is empty: its shape is {array.shape}")
    if not len(batch):  # no map, but of a known length
        return reduce(np.zeros((1, *array.shape[1:]), source), mode, dtype=dtype, **parameters)[:0]
    if mode == "flatten":
        order = (0, 3, 1, 2) if values["order"] == "rows" else (0, 3, 2, 1)
        result = batch.astype(source, copy=False).transpose(order).reshape(len(batch), -1)
    elif mode == "covariance":
        from poolcli.pools.covariance import covariance

        result = covariance(dtypes.to_working(batch), **values)
    else:
        levels = values.pop("levels", (1,))
        pool = values.pop("pool", row.pool)
        made = source if selects(mode, {"pool": pool, **values}) else np.dtype(np.float64)
        result = _pooled(dtypes.to_working(batch), pool, levels, values, source, target or made)
    out = result if target is None else dtypes.convert(result, target)
    out = out.copy() if np.shares_memory(out, array) else out
    return out if array.ndim == 4 else out[0]


def _pooled(
    batch: NDArray[Any],
    pool: str,
    levels: Sequence[int],
    values: dict[str, Any],
    source: np.dtype[Any],
    target: np.dtype[Any],
) -> NDArray[Any]:
    """Return the pool of every bin of every level of (N, H, W, C), (N, length)."""
    import numpy as np

    from poolcli import geometry

    height, width = batch.shape[1:3]
    grids = [(geometry.adaptive(height, level), geometry.adaptive(width, level)) for level in levels]
    found = pooled(batch, MODES[pool], values, grids, source, target)
    return np.concatenate([planes.transpose(1, 2, 3, 0, 4).reshape(len(batch), -1) for planes in found], axis=1)


def arguments_of(mode: str, given: Mapping[str, Any]) -> tuple[Reduction, dict[str, Any]]:
    """Return the row of a mode and all its parameters: those given, checked, and the defaults of the others."""
    given = {name: value for name, value in given.items() if name != "dtype"}
    row = find(REDUCTIONS, mode)
    takes, pool = row.parameters, ""
    if mode == "spp":
        pool = given.get("pool", PARAMETERS["pool"].default)
        if not isinstance(pool, str) or pool not in MODES:
            raise ValueError(f"pool={pool!r} is not allowed: pool must be one of {', '.join(MODES)}")
        takes += REDUCTIONS[pool].parameters
    modes = {name: other.parameters for name, other in REDUCTIONS.items()} | {mode: takes}
    values = resolve(mode, takes, given, modes, pool)
    if values.get("log") and values["power"] != 1:
        raise ValueError(f"power={values['power']:g} and log exclude each other: give one of them")
    return row, values


def selects(mode: str, values: Mapping[str, Any]) -> bool:
    """Return whether a mode with these parameters only ever returns values of the map."""
    pool = values.get("pool", REDUCTIONS[mode].pool)
    return mode == "flatten" or bool(pool and MODES[pool].selects and values.get("combine") != "mean")


def unordered(mode: str, given: Mapping[str, Any]) -> bool:
    """Return whether which of two values is larger means nothing to a mode with these parameters."""
    pool = (mode == "spp" and given.get("pool")) or REDUCTIONS[mode].pool
    return pool in MODES and MODES[pool].unordered


def columns(shape: tuple[int, ...], channels: Sequence[str], mode: str, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what each number is that `reduce` makes of a map (H, W) or (H, W, C) with these names of channels.

    >>> columns((4, 4, 2), "rg", "spp", {"levels": (1, 2)})[:4]
    ('spp_1x1_0_0_r', 'spp_1x1_0_0_g', 'spp_2x2_0_0_r', 'spp_2x2_0_0_g')
    >>> columns((4, 4, 2), "rg", "covariance", {})
    ('cov_r_r', 'cov_r_g', 'cov_g_g')
    """
    _, values = arguments_of(mode, given)
    height, width = shape[:2]
    if mode == "flatten":
        pixels = [(y, x) for y in range(height) for x in range(width)]
        if values["order"] == "columns":
            pixels = [(y, x) for x in range(width) for y in range(height)]
        return tuple(f"flatten_{c}_{y}_{x}" for c in channels for y, x in pixels)
    if mode == "covariance":
        whole = values["matrix"]
        return tuple(f"cov_{a}_{b}" for i, a in enumerate(channels) for b in channels[0 if whole else i :])
    ranks = [f"_{rank + 1}" for rank in range(values["k"])] if values.get("combine") == "planes" else [""]
    levels = values.get("levels", ())
    bins = [f"_{n}x{n}_{i}_{j}" for n in levels for i in range(n) for j in range(n)] or [""]
    return tuple(f"{mode}{part}{rank}_{channel}" for part in bins for rank in ranks for channel in channels)
