"""Where windows lie: sizes, strides, padding, dilation and adaptive bins, one axis at a time."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Literal, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from poolcli.parameters import SAME, flag

Pair = tuple[int, int]
Size = int | Pair
Sides = tuple[int, int, int, int]
Padding = Size | Sides | Literal["same", "same-lower"]


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows along one axis: window i takes input first[i] + k * step for k = 0 ... count[i] - 1.

    Padding is outside: `first` and `count` hold positions inside the input only, and a window in the padding alone has
    a count of 0. `divisor` is what a mean divides by, the count with padding. `weights[i, k]` is the weight of tap k, a
    single row where all windows share it.
    """

    first: NDArray[np.int64]
    count: NDArray[np.int64]
    divisor: NDArray[np.int64]
    weights: NDArray[np.int64]
    step: int = 1
    whole: Windows | None = None  # those of the whole axis, of which these are some
    extent: int = 0  # of that axis
    begin: int = 0  # which of them is the first

    @property
    def size(self) -> int:
        """Return how many windows there are."""
        return len(self.first)

    @cached_property
    def max_count(self) -> int:
        """Return how many taps the fullest window has."""
        return int(self.count.max(initial=0))

    @property
    def filled(self) -> Windows:
        """Return the windows that hold a pixel: these, if all do."""
        return self if (self.whole or self).are_filled else self._filled

    @cached_property
    def are_filled(self) -> bool:
        """Return whether all windows hold a pixel."""
        return bool(self.count.min(initial=1) > 0)

    @cached_property
    def _filled(self) -> Windows:
        if self.whole is None:
            return self[np.flatnonzero(self.count)]
        before, own = (int(np.count_nonzero(count)) for count in (self.whole.count[: self.begin], self.count))
        return replace(self.whole.filled.part(before, before + own, self.extent), first=self.first[self.count > 0])

    def __getitem__(self, which: slice | NDArray[np.int64]) -> Windows:
        """Return some of the windows."""
        weights = self.weights if len(self.weights) == 1 else self.weights[which]
        skipped = which.indices(self.size)[0] if isinstance(which, slice) else 0
        return replace(
            self,
            first=self.first[which],
            count=self.count[which],
            divisor=self.divisor[which],
            weights=weights,
            begin=self.begin + skipped,
        )

    def part(self, begin: int, stop: int, extent: int) -> Windows:
        """Return some neighbouring windows of an axis, which know those of the whole axis.

        What floats come to depends on the order in which they are joined: whatever chooses a loop by the windows of an
        image asks `of_whole` for them, so that a box of the image has the bytes of the whole.
        """
        own = self[begin:stop]
        return own if self.whole is not None else replace(own, whole=self, extent=extent)

    def span(self, i: int) -> slice:
        """Return the values that a window takes."""
        first = int(self.first[i])
        return slice(first, first + (int(self.count[i]) - 1) * self.step + 1, self.step)

    def shifted(self, distance: int) -> Windows:
        """Return the windows of an axis that begins elsewhere."""
        return replace(self, first=self.first + distance)

    @lru_cache(maxsize=64)  # noqa: B019
    def without_padding(self) -> Windows:
        """Return the same windows with a mean over the input only."""
        return replace(self, divisor=self.count)


@dataclass(frozen=True)
class Shape:
    """Window, stride, padding and dilation of both axes, or the number of adaptive bins; all checked."""

    kernel_size: Pair
    stride: Pair
    padding: tuple[Pair | str, Pair | str]  # of each axis before and after, or how it follows from the size
    wide_padding: bool  # windows may lie in it alone
    dilation: Pair
    ceil: bool
    size: Pair | None

    @property
    def taps(self) -> int:
        """Return the most values that a window holds; 1 for bins, which depend on the image."""
        return 1 if self.size else self.kernel_size[0] * self.kernel_size[1]


class Given(TypedDict, total=False):
    """What says where windows lie, beside their size and their distance."""

    padding: Padding
    wide_padding: bool
    dilation: Size
    ceil: bool
    size: Size | None


def shape(kernel_size: Size | None = None, stride: Size | None = None, **given: Unpack[Given]) -> Shape:
    """Return the shape of the windows, or raise a ValueError that names the value and what is allowed."""
    size, padding, dilation = given.get("size"), given.get("padding", 0), given.get("dilation", 1)
    kernel = pair("kernel_size", 2 if kernel_size is None else kernel_size)
    paddings, steps = sides("padding", padding), pair("dilation", dilation)
    ceil, wide = (flag(name, given.get(name, False)) for name in ("ceil", "wide_padding"))
    if size is not None:
        others = {"kernel_size": kernel_size, "stride": stride, "padding": padding or None, "ceil": ceil or None}
        others |= {"dilation": None if steps == (1, 1) else dilation, "wide_padding": wide or None}
        for name, value in others.items():
            if value is not None:
                raise ValueError(f"size={size} sets the windows, and {name}={value} cannot be given with it")
        size = pair("size", size)
    for name, around, taps, step in zip(("height", "width"), paddings, kernel, steps, strict=True):
        span = step * (taps - 1) + 1
        if not isinstance(around, str) and 2 * max(around) > span and not wide:
            what = f"padding {max(around)} is more than half of the window, whose {name} is {span}"
            raise ValueError(f"{what}: wide_padding=True allows it")
    return Shape(kernel, kernel if stride is None else pair("stride", stride), paddings, wide, steps, ceil, size)


def windows(height: int, width: int, shape: Shape) -> tuple[Windows, Windows]:
    """Return the windows along the rows and the columns of an image, or raise a ValueError if they do not fit.

    >>> rows, columns = windows(4, 6, shape((2, 3)))
    >>> rows.first.tolist(), columns.first.tolist(), columns.count.tolist()
    ([0, 2], [0, 3], [3, 3])
    """
    for name, n in (("height", height), ("width", width)):
        if n < 1:
            raise ValueError(f"the image is empty: its {name} is {n}")
    if shape.size:
        return adaptive(height, shape.size[0]), adaptive(width, shape.size[1])
    return _axis("height", height, shape, 0), _axis("width", width, shape, 1)


def pair(name: str, value: Size, least: int = 1) -> Pair:
    """Return a (height, width) pair of whole numbers of at least `least`, or raise a ValueError.

    >>> pair("stride", 2), pair("stride", (2, 3))
    ((2, 2), (2, 3))
    """
    numbers = _whole(value)
    if len(numbers) not in (1, 2) or not _are_within(numbers, least):
        raise ValueError(
            f"{name}={value!r} is not allowed: it must be a whole number from {least} to 2^31, or two of them"
        )
    return numbers[0], numbers[-1]


def sides(name: str, value: Padding) -> tuple[Pair | str, Pair | str]:
    """Return the padding (top, bottom) and (left, right), or a word for each axis, or raise a ValueError.

    >>> sides("padding", 1), sides("padding", (1, 2)), sides("padding", (1, 2, 3, 4))
    (((1, 1), (1, 1)), ((1, 1), (2, 2)), ((1, 2), (3, 4)))
    """
    if isinstance(value, str) and value in SAME:
        return value, value
    numbers = _whole(value)
    if len(numbers) not in (1, 2, 4) or not _are_within(numbers, 0):
        several = "two of them (height, width) or four (top, bottom, left, right)"
        raise ValueError(
            f"{name}={value!r} is not allowed: it must be a whole number from 0 to 2^31, {several}, {' or '.join(SAME)}"
        )
    if len(numbers) == 4:
        return (numbers[0], numbers[1]), (numbers[2], numbers[3])
    return (numbers[0], numbers[0]), (numbers[-1], numbers[-1])


def _whole(value: object) -> tuple[int, ...]:
    """Return one whole number or several, or none where they are no whole numbers."""
    if isinstance(value, bool):
        return ()
    try:
        return tuple(operator.index(number) for number in (value if isinstance(value, (tuple, list)) else (value,)))
    except TypeError:
        return ()


def _are_within(numbers: tuple[int, ...], least: int) -> bool:
    return bool(numbers) and least <= min(numbers) and max(numbers) <= 2**31


_MOST = 2**27
"""Windows along an axis with wide padding, which alone could ask for any number: a gigabyte to say where they are."""


def _axis(name: str, n: int, shape: Shape, axis: int) -> Windows:
    kernel, stride, dilation = shape.kernel_size[axis], shape.stride[axis], shape.dilation[axis]
    around = padding_of(n, shape, axis)
    span = dilation * (kernel - 1) + 1
    count = output_size(n, kernel, stride, around, dilation, shape.ceil)
    if count < 1:
        padded = f" with padding {_shown(around)}" if sum(around) else ""
        way = ": ceil=True allows it" if n + sum(around) + stride > span and not shape.ceil else ""
        raise ValueError(f"the image is smaller than the window: its {name} is {n}{padded}, the window's {span}{way}")
    if shape.wide_padding and count > _MOST:
        raise ValueError(
            f"padding {_shown(around)} makes {count} windows along the {name}: at most {_MOST} are allowed"
        )
    windows = sliding(n, kernel, stride, around, dilation, shape.ceil)
    if windows.count.min() < 1 and not shape.wide_padding:
        what = f"{name} is {n}, dilation {dilation}, padding {_shown(around)}"
        raise ValueError(f"a window would lie in the padding alone: {what}: wide_padding=True allows it")
    return windows


def _shown(around: Pair) -> str:
    return str(around[0]) if around[0] == around[1] else f"{around[0]} and {around[1]}"


def padding_of(n: int, shape: Shape, axis: int) -> Pair:
    """Return the padding before and after an axis of n."""
    around = shape.padding[axis]
    if isinstance(around, str):
        return same_padding(n, shape.kernel_size[axis], shape.stride[axis], shape.dilation[axis], around == SAME[1])
    return around


def line(n: int, shape: Shape, axis: int) -> tuple[float, float]:
    """Return (step, first) of an axis of n: the middle of window k is at step k + first; bins count as equally wide.

    >>> line(9, shape(3, 2, padding=1), 0), line(9, shape(size=2), 0)
    ((2.0, 0.0), (4.5, 1.75))
    """
    if shape.size:
        step = n / shape.size[axis]
        return step, (step - 1) / 2
    middle = shape.dilation[axis] * (shape.kernel_size[axis] - 1) / 2
    return float(shape.stride[axis]), middle - padding_of(n, shape, axis)[0]


def output_size(n: int, kernel: int, stride: int, padding: Pair = (0, 0), dilation: int = 1, ceil: bool = False) -> int:
    """Return floor((n + padding - dilation (kernel - 1) - 1) / stride) + 1, or with the ceiling.

    With the ceiling a last window that would begin beyond the input and its left padding is dropped, as PyTorch and
    ONNX do. Without it there is none where the window is larger than the input.

    >>> output_size(7, 3, 2)
    3
    >>> output_size(2, 3, 2), output_size(2, 3, 2, ceil=True)
    (0, 1)
    >>> output_size(9, 4, 4, (2, 2), ceil=True)
    3
    """
    free = n + sum(padding) - dilation * (kernel - 1) - 1
    if not ceil:
        return free // stride + 1
    size = -(-free // stride) + 1
    return size - 1 if (size - 1) * stride >= n + padding[0] else size


def same_padding(n: int, kernel: int, stride: int, dilation: int = 1, lower: bool = False) -> Pair:
    """Return the padding before and after that makes ceil(n / stride) windows; the odd one goes after, or before.

    >>> same_padding(5, 2, 2), same_padding(5, 2, 2, lower=True)
    ((0, 1), (1, 0))
    """
    total = max((-(-n // stride) - 1) * stride + dilation * (kernel - 1) + 1 - n, 0)
    small, large = total // 2, total - total // 2
    return (large, small) if lower else (small, large)


@lru_cache(maxsize=64)  # images in a folder are often of one size
def sliding(n: int, kernel: int, stride: int, padding: Pair = (0, 0), dilation: int = 1, ceil: bool = False) -> Windows:
    """Return the windows of `kernel` taps, `stride` apart, along an axis of n."""
    start = np.arange(output_size(n, kernel, stride, padding, dilation, ceil), dtype=np.int64) * stride - padding[0]
    before = np.maximum(-(start // dilation), 0)  # taps that the left edge cuts off: ceil(-start / dilation)
    inside = np.maximum(np.minimum(kernel, -((start - n) // dilation)), before)
    padded = np.minimum(kernel, -((start - n - padding[1]) // dilation))
    return Windows(start + before * dilation, inside - before, padded, _ones(inside - before), dilation)


@lru_cache(maxsize=64)
def adaptive(n: int, bins: int) -> Windows:
    """Return the windows [floor(i n / bins), ceil((i + 1) n / bins)): any number of bins, no pixel left out."""
    i = np.arange(bins, dtype=np.int64)
    first = i * n // bins
    count = -(-(i + 1) * n // bins) - first
    return Windows(first, count, count, _ones(count))


def singles(divisor: NDArray[np.int64]) -> Windows:
    """Return windows of one tap each, all along the axis, with these divisors."""
    count = np.ones_like(divisor)
    return Windows(np.arange(len(divisor)), count, divisor, _ones(count))


def of_whole(shape: tuple[int, ...], rows: Windows, columns: Windows) -> tuple[tuple[int, ...], Windows, Windows]:
    """Return the shape (N, H, W, C) and the windows of the whole image of which these are some."""
    images, height, width, channels = shape
    height, width = (n if own.whole is None else own.extent for n, own in ((height, rows), (width, columns)))
    return (images, height, width, channels), rows.whole or rows, columns.whole or columns


@lru_cache(maxsize=64)
def low_passed(windows: Windows, n: int) -> Windows:
    """Return the windows of a mean of the axis after the binomial low-pass (1 2 1) / 4, as weights of its own taps.

    Taps outside the axis are left out, so the weights at the border sum to less; `divisor` is their sum.
    """
    if windows.whole is not None:
        begin, origin = windows.begin, int(windows.whole.first[windows.begin] - windows.first[0])
        return (
            low_passed(windows.whole, windows.extent).part(begin, begin + windows.size, windows.extent).shifted(-origin)
        )
    span = (windows.count - 1) * windows.step + 3
    first = windows.first - 1
    position = np.arange(span.max())
    offset = position[None, :] - 1
    weights = np.zeros((windows.size, len(position)), np.int64)
    for shift, weight in ((-1, 1), (0, 2), (1, 1)):
        tap, rest = np.divmod(offset + shift, windows.step)
        weights += weight * ((rest == 0) & (tap >= 0) & (tap < windows.count[:, None]))
    left = np.maximum(-first, 0)
    count = np.minimum(first + span, n) - first - left
    inside = left[:, None] + position[None, :]
    weights = np.where(
        position < count[:, None], np.take_along_axis(weights, np.minimum(inside, len(position) - 1), 1), 0
    )
    return replace(windows, first=first + left, count=count, divisor=weights.sum(1), weights=weights, step=1)


def _ones(count: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.ones((1, int(count.max(initial=1))), np.int64)
