"""Pyramids: an image at ever smaller sizes, each level a local pool of the image or of the level before it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Unpack

from poolcli.commands import Step
from poolcli.downsample import PYRAMIDS, Mode
from poolcli.nodata import check_ignore
from poolcli.parameters import Parameters, find, resolve
from poolcli.rows import takes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from poolcli.axes import Layout
    from poolcli.downsample import Size
    from poolcli.geometry import Windows
    from poolcli.light import Alpha, Blend
    from poolcli.placing import Placement
    from poolcli.tiling import Box, Tiling

Pair = tuple[int, int]

UNTIL = 512
"""Pixels: the longer side of the last level, at most."""

STARTS = ("base", "previous")
_OWN = ("kernel_size", "stride", "depth", "until", "start")
_NODATA = ("ignore", "valid")
_DEPTH = 32  # levels: the last would shrink 2^32 pixels to one
_FIRST = 2  # the first level of which sums are kept: those of level 1 would take twice the memory of the image


@dataclass(frozen=True)
class Level:
    """A smaller level: its shape, the windows of the base that its pixels stand for, and what it is made of."""

    shape: tuple[int, ...]
    kernel_size: Pair  # of the base
    stride: Pair
    source: int  # the number of the level it is made of; 0 is the base
    step: Step  # that makes it of that
    sums: bool = False  # or of sums, which are kept beside the levels

    @property
    def placement(self) -> Placement:
        """Return where its pixels lie in the base."""
        rows, columns = ((float(s), (f - 1) / 2) for s, f in zip(self.stride, self.kernel_size, strict=True))
        return rows, columns


class Making(NamedTuple):
    """An array to be made of another one: a level, or sums."""

    name: str
    source: str
    tiling: Tiling
    dtype: np.dtype[Any]


def levels_of(step: Step, shape: tuple[int, ...], dtype: np.dtype[Any], blends_colour: bool = False) -> list[Level]:
    """Return the smaller levels of an image (H, W) or (H, W, C), or raise a ValueError.

    A level is made of the one before where that gives what windows of the base give: of max and min; of average, where
    sums are kept. Others are made of the base, or all as `start` tells.

    >>> import numpy as np
    >>> step = Step("pyramid", "max", {"until": 100})
    >>> [(level.shape, level.kernel_size, level.source) for level in levels_of(step, (301, 200), np.dtype(np.uint8))]
    [((151, 100), (2, 2), 0), ((76, 50), (4, 4), 1)]
    """
    from poolcli import geometry

    row, arguments = PYRAMIDS[step.mode], step.arguments
    depth, until = checked(step)
    asked = geometry.shape(arguments.get("kernel_size"), arguments.get("stride"))
    kernel, stride = asked.kernel_size, asked.stride
    own = {name: value for name, value in arguments.items() if name not in _OWN}
    start = arguments.get("start") or _start(row, asked, dtype, blends_colour, {*arguments} & {*_NODATA})
    levels: list[Level] = []
    last, windows, strides = shape, kernel, stride
    while len(levels) < depth if depth is not None else max(last[:2]) > until:
        from_base = start != "previous" or not levels
        size, apart = (windows, strides) if from_base else (kernel, stride)
        pool = Step("downsample", step.mode, {"kernel_size": size, "stride": apart, "ceil": True, **own})
        after = pool.shape_after(shape if from_base else last)
        if after[:2] == last[:2]:
            break
        kept = start == "sums" and len(levels) + 1 >= _FIRST
        levels.append(Level(after, windows, strides, 0 if from_base else len(levels), pool, kept))
        last = after
        windows = _zipped(lambda f, wide, far: wide + (f - 1) * far, kernel, windows, strides)
        strides = _zipped(operator.mul, strides, stride)
    return levels


def _zipped(function: Callable[..., int], *pairs: Pair) -> Pair:
    """Return what a function makes of the heights, and of the widths."""
    height, width = (function(*sizes) for sizes in zip(*pairs, strict=True))
    return height, width


def _start(row: Mode, asked: Any, dtype: np.dtype[Any], blends_colour: bool, nodata: set[str]) -> str:
    """Return what the levels of a mode are made of, where nothing else is asked for."""
    if "valid" in nodata:
        return "base"
    if row.composes == "values" and all(f >= s for f, s in zip(asked.kernel_size, asked.stride, strict=True)):
        return "previous"
    exact = dtype.kind == "f" or (dtype.kind in "iu" and dtype.itemsize < 8)
    if row.composes == "sums" and asked.kernel_size == asked.stride and exact and not (blends_colour or nodata):
        return "sums"
    return "base"


def checked(step: Step) -> tuple[int | None, int]:
    """Return how many levels are asked for, or none, and how large the last may be; or raise a ValueError."""
    from poolcli import geometry

    row, arguments = find(PYRAMIDS, step.mode), step.arguments
    depth, until, start = (arguments.get(name) for name in ("depth", "until", "start"))
    if depth is not None and until is not None:
        raise ValueError(f"depth={depth} says how many levels there are, and until={until} cannot be given with it")
    for name, value, most in (("depth", depth, _DEPTH), ("until", until, 2**31)):
        if value is not None and not (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most):
            raise ValueError(f"{name}={value!r} is not allowed: {name} must be a whole number from 1 to {most}")
    if start not in (None, *STARTS):
        raise ValueError(f"start={start!r} is not allowed: start must be {' or '.join(STARTS)}")
    stride = geometry.shape(arguments.get("kernel_size"), arguments.get("stride")).stride
    if max(stride) < 2:
        raise ValueError("stride=1 makes no smaller levels: stride must be 2 or more along an axis at least")
    parameters = {name: value for name, value in arguments.items() if name not in (*_OWN, *_NODATA)}
    values = resolve(step.mode, row.parameters, parameters, takes(PYRAMIDS))
    if row.planes(values):
        raise ValueError(f"mode {step.mode!r} makes {row.planes(values)} images of one: combine=mean makes one")
    check_ignore(row, arguments)
    return depth, UNTIL if until is None else until


def makings(levels: list[Level], shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[Making]:
    """Yield what has to be made of an image, one after the other: each of what was made before, or of the base, "0"."""
    sums = ""
    for number, level in enumerate(levels, 1):
        source = str(level.source)
        if level.sums:
            before, sums = sums, f"{number}.sums"
            wide = _dtype_of_sums(level, dtype)
            if before:
                yield Making(sums, before, _Added(level, levels[number - 2], wide), wide)
            else:
                yield Making(sums, source, _Sums(level, shape, _tiling(level.step, shape), wide), wide)
            yield Making(str(number), sums, _Means(level, shape, dtype), dtype)
        else:
            before_it = levels[level.source - 1].shape if level.source else shape
            yield Making(str(number), source, _tiling(level.step, before_it), dtype)


def _dtype_of_sums(level: Level, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the smallest dtype that holds the sum of any window of a level: float64 beyond 32 bits.

    >>> import numpy as np
    >>> bytes, words = np.dtype(np.uint8), np.dtype(np.int16)
    >>> levels = levels_of(Step("pyramid", "average", {"depth": 10}), (4096, 4096), bytes)
    >>> [_dtype_of_sums(level, bytes).name for level in levels[3:5]], _dtype_of_sums(levels[9], words).name
    (['uint16', 'uint32'], 'float64')
    """
    import numpy as np

    if dtype.kind != "f":
        extreme = int(np.iinfo(dtype).min or np.iinfo(dtype).max)
        found: np.dtype[Any] = np.min_scalar_type(extreme * level.kernel_size[0] * level.kernel_size[1])
        if found.itemsize <= 4:
            return found
    return np.dtype(np.float64)


def _tiling(step: Step, shape: tuple[int, ...]) -> Tiling:
    from poolcli.tiling import tiling_of

    tiling = tiling_of(step, shape)
    assert tiling is not None  # all local pools have one
    return tiling


def _counts(level: Level, shape: tuple[int, ...]) -> tuple[Windows, Windows]:
    from poolcli import geometry

    return geometry.windows(shape[0], shape[1], geometry.shape(level.kernel_size, level.stride, ceil=True))


def _taken(level: Level, shape: tuple[int, ...], box: Box, ndim: int) -> NDArray[Any]:
    """Return how many pixels of the base each pixel of a box stands for."""
    import numpy as np

    rows, columns = (
        side.count[begin:stop] for side, (begin, stop) in zip(_counts(level, shape), box.sides, strict=True)
    )
    counts: NDArray[Any] = np.multiply.outer(rows, columns)
    return counts[..., None] if ndim > 2 else counts


@dataclass(frozen=True)
class _OfLevel:
    """What is made for a level: its pixels are those of the level."""

    level: Level
    blend: ClassVar[Blend | None] = None

    @property
    def step(self) -> Step:
        """Return the step of the level."""
        return self.level.step

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the level."""
        return self.level.shape


@dataclass(frozen=True)
class _Sums(_OfLevel):
    """Sums of the windows of the base, exact ones of integers."""

    base: tuple[int, ...]
    averages: Tiling
    dtype: np.dtype[Any]

    def needs(self, box: Box) -> Box:
        """Return the box of the base."""
        return self.averages.needs(box)

    def make(self, image: NDArray[Any], box: Box, dtype: DTypeLike | None = None, **more: Any) -> Any:
        """Return a box of the sums."""
        import numpy as np

        sums = self.averages.make(image, box, np.float64)
        sums *= _taken(self.level, self.base, box, sums.ndim)
        return sums if image.dtype.kind == "f" else np.rint(sums, sums).astype(self.dtype)


@dataclass(frozen=True)
class _Added(_OfLevel):
    """Sums of the sums of the level before."""

    before: Level
    dtype: np.dtype[Any]

    @property
    def _times(self) -> Pair:
        (rows, columns), (fewer_rows, fewer_columns) = self.level.stride, self.before.stride
        return rows // fewer_rows, columns // fewer_columns

    def needs(self, box: Box) -> Box:
        """Return the box of the sums before."""
        from poolcli.tiling import Box

        (rows, columns), (height, width) = self._times, self.before.shape[:2]
        return Box(box.top * rows, min(box.bottom * rows, height), box.left * columns, min(box.right * columns, width))

    def make(self, image: NDArray[Any], box: Box, dtype: DTypeLike | None = None, **more: Any) -> Any:
        """Return a box of the sums."""
        import numpy as np

        for axis, times in enumerate(self._times):
            image = np.add.reduceat(image, np.arange(0, image.shape[axis], times), axis, self.dtype)
        return image


@dataclass(frozen=True)
class _Means(_OfLevel):
    """Means of sums, as values of the image."""

    base: tuple[int, ...]
    dtype: np.dtype[Any]

    def needs(self, box: Box) -> Box:
        """Return the same box of the sums."""
        return box

    def make(self, image: NDArray[Any], box: Box, dtype: DTypeLike | None = None, **more: Any) -> Any:
        """Return a box of the level."""
        from poolcli.dtypes import saturate_cast

        return saturate_cast(image / _taken(self.level, self.base, box, image.ndim), self.dtype)


def shape_of_base(row: Mode, shape: tuple[int, ...], arguments: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the shape of the largest level: that of the image."""
    return shape


def pyramid(
    image: ArrayLike,
    mode: str,
    *,
    kernel_size: Size | None = None,
    stride: Size | None = None,
    depth: int | None = None,
    until: int | None = None,
    start: str | None = None,
    layout: Layout = "hwc",
    alpha: Alpha = False,
    linear: bool = False,
    ignore: float | None = None,
    valid: float | None = None,
    **parameters: Unpack[Parameters],
) -> list[NDArray[Any]]:
    """Return an image and its smaller levels, each made by a local pool.

    Level k has ceil(n / S^k) values along an axis of n where F is S: the last window is smaller where n is odd, and no
    pixel is lost. Its values are what the pool makes of windows of the image itself, F^k wide where F is S, and
    1 + (F - 1)(S^k - 1)/(S - 1) wide in general.

    Args:
        image: array (H, W) or (H, W, C) of a dtype that `downsample` takes.
        mode: name of the pool, as `downsample` has it; all but space-to-depth, and kmax with combine="mean" alone.
        kernel_size: F, the window from one level to the next, one number or (height, width); 2 unless given.
        stride: S, how many times smaller each level is than the one before; F unless given.
        depth: how many smaller levels to make, 1 to 32; there are fewer where the last is a single pixel.
        until: the longer side of the last level, at most; 512 unless `depth` is given.
        start: "base" makes every level of the image, "previous" of the level before it, of rounded values. Unless
            given, max and min are made of the level before, which gives the same, average of exact sums that are
            carried from level to level, and all other modes, whose results do not compose, of the image.
        layout: where channels are: "hwc" or "chw".
        alpha: whether the last channel is alpha; "premultiplied" as for `downsample`.
        linear: blend in linear light.
        ignore: value that means none, as for `downsample`; averages are made of the image then.
        valid: share of the values of a window of the image that must be left.
        **parameters: of the mode.

    Returns:
        The levels, the image itself first, all of its dtype.

    Raises:
        ValueError: a value is not allowed, or no level would be smaller.
        TypeError: the dtype is not one of an image.

    Majority and mean pyramids are those of Neuroglancer and TensorStore: each level from the base, odd ends kept.

    >>> import numpy as np
    >>> labels = np.array([[1, 1, 2], [1, 3, 2], [4, 4, 4]], np.uint8)
    >>> [level.tolist() for level in pyramid(labels, "majority", until=1)]
    [[[1, 1, 2], [1, 3, 2], [4, 4, 4]], [[1, 2], [4, 4]], [[1]]]
    """
    from poolcli import axes, dtypes
    from poolcli.tiling import Box, tile

    given: dict[str, Any] = {
        "kernel_size": kernel_size,
        "stride": stride,
        "depth": depth,
        "until": until,
        "start": start,
    }
    given |= {"ignore": ignore, "valid": valid, **parameters}
    step = Step("pyramid", mode, {name: value for name, value in given.items() if value is not None})
    array = axes.channels_last(axes.as_array(image), layout)
    dtype = dtypes.check(array.dtype)
    if array.ndim not in (2, 3):
        raise ValueError(f"an array {array.shape} is not an image: a pyramid is made of (H, W) or (H, W, C)")
    checked(step)
    blends_colour = bool(alpha or linear) and step.blends
    levels = levels_of(step, array.shape, dtype, blends_colour)
    made = {"0": array}
    for making in makings(levels, array.shape, dtype):
        height, width = making.tiling.shape[:2]
        made[making.name] = tile(making.tiling, made[making.source], Box(0, height, 0, width), None, alpha, linear)
    return [axes.as_laid_out(made[str(number)], layout, array.ndim > 2) for number in range(len(levels) + 1)]
