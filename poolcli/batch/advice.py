"""What is no error, and may not be what was meant: a line for a file, and what to do instead."""

from __future__ import annotations

from operator import ne
from typing import TYPE_CHECKING, Any

from poolcli.batch.jobs import Job
from poolcli.files import shown
from poolcli.images.formats import ARRAYS, Format, fit, holders

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poolcli.images import Info


_MANY = 0.01  # of the values


class Advice:
    """The lines about one file: each kind of them once, whatever the number of its frames."""

    def __init__(self, job: Job, lines: list[str]) -> None:
        self._job, self._lines, self._told = job, lines, set[str]()
        self._palette: NDArray[Any] | None = None  # of the frame before

    def on_layout(self, image: NDArray[Any], info: Info) -> None:
        """Say that an array, whose axes nobody named, looks as if channels came first."""
        if info.format in ARRAYS and info.stack is None and _channels_first(image.shape):
            what = "{} x {} x {} is taken as height, width and channels, and looks as if channels came first"
            ways = "--layout chw takes them so, --layout hwc says that they are last"
            self._tell("layout", f"{what.format(*image.shape)}: {ways}")

    def on_palette(self, info: Info, kind: str) -> None:
        """Say that indices of several palettes lie in one array, which holds none of them."""
        if info.palette is None or kind not in ARRAYS:
            return
        before, self._palette = self._palette, info.palette[:, :3]
        if before is not None and any(map(ne, before.tolist(), self._palette.tolist())):
            self._tell(
                "palette",
                "its frames have palettes of their own, and an index is another colour in each: "
                "--expand-palette writes colours",
            )

    def on_size(self, before: tuple[int, ...], after: tuple[int, ...]) -> None:
        """Say that a size goes the wrong way, or that its sides may be the other's."""
        step, (height, width), (rows, columns) = self._job.step, before[:2], after[:2]
        if "size" not in step.arguments or not step.row.resizes():
            return
        what = f"--size makes {rows} x {columns} of {height} x {width} pixels, and"
        if not step.does.any_size and not step.does.enlarges and (rows > height or columns > width):
            self._tell("size", f"{what} downsample repeats them: upsample --size enlarges")
        if step.does.enlarges and (rows < height or columns < width):
            self._tell("size", f"{what} upsample leaves some out: resize --size takes all of them")
        change = _stretch(height, width, rows, columns)
        if change > 0.1 + 1e-9:
            way = f"w={max(1, round(rows * width / height))},h={rows} keeps them"
            if _stretch(height, width, columns, rows) < change:
                way = f"w={rows},h={columns} is the other way round"
            what = f"--size {rows}x{columns} changes the proportions of {height} x {width} pixels by {change:.0%}"
            self._tell("proportions", f"{what}: {way}")

    def on_holes(self, image: NDArray[Any], dtypes: str) -> None:
        """Say what becomes of NaN and infinity among integers."""
        import numpy as np

        if "holes" in self._told or image.dtype.kind != "f" or "int" not in dtypes:
            return
        if not np.isfinite(image).all():
            self._tell("holes", "NaN becomes 0 and infinity the largest value among integers")

    def on_clipped(self, image: NDArray[Any], dtype: str) -> None:
        """Say that many values are beyond the limits of a dtype that was asked for, or between two of its numbers."""
        import numpy as np

        if "dtype" not in self._job.step.arguments or "int" not in dtype or dtype == image.dtype.name:
            return
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        outside = ((image < low) | (image > high)) & np.isfinite(image)
        beyond = np.count_nonzero(outside) / max(image.size, 1)
        if beyond >= _MANY:
            what = f"--dtype {dtype} holds {low} to {high}, and {beyond:.0%} of the values are beyond"
            self._tell("clipped", f"{what}: they become its limits, nothing is rescaled")
        elif image.dtype.kind == "f" and 0 <= image.min() < image.max() <= 1:
            self._tell("clipped", f"--dtype {dtype} makes 0 or 1 of values from 0 to 1: nothing is rescaled")

    def on_scaled(self, result: NDArray[Any], kind: Format) -> None:
        """Say that integers, scaled to 8 bits, became one value."""
        import numpy as np

        from poolcli.images.colour import eight_bits

        if result.dtype.kind not in "iu" or result.dtype.itemsize == 1:
            return
        ends = np.array([result.min(), result.max()], result.dtype)
        low, high = eight_bits(ends).tolist()
        if ends[0] == ends[1] or low != high:
            return
        shade = "RGB" if result.ndim > 2 else "grey"
        keeping = [name for name in ("uint8", "uint16") if ends[0] >= 0 and ends[1] <= np.iinfo(name).max]
        keeping = [name for name in keeping if fit(kind, shade, name, False)]
        way = (
            f"--dtype {' or '.join(keeping)} keeps them"
            if keeping
            else f"{holders(shade, result.dtype.name)} hold them"
        )
        self._tell("scaled", f"--convert scaled {result.dtype} to 8 bits, and all values became {low}: {way}")

    def on_colours(self, image: NDArray[Any], info: Info, result: NDArray[Any]) -> None:
        """Say that channels were pooled one by one, where that made colours that an image of labels lacks."""
        step = self._job.step
        if step.blends or step.mixes or step.does.enlarges or "colours" in self._told or image.ndim < 3:
            return
        from poolcli.images.colour import distinct, lacking

        palette = info.colours is not None
        if not palette and (not step.ignores_order or info.format in ARRAYS):
            return
        known = distinct(image)  # a palette lists more than an image has
        if known is None:
            return
        way = "--keep-palette takes indices" if palette else "save labels as a grey image, or with a palette"
        wrong = lacking(result.astype(image.dtype, copy=False), known)  # of another dtype that was asked for
        if wrong:
            verb = "lets each channel vote for itself" if step.ignores_order else "takes each channel by itself"
            count = f"{wrong} of {result.size // result.shape[-1]}"
            self._tell("colours", f"{step.mode} {verb}, and gave {count} pixels colours that the image lacks: {way}")

    def _tell(self, kind: str, line: str) -> None:
        if kind in self._told:
            return
        self._told.add(kind)
        self._lines.append(f"{shown(self._job.input)}: {line}")


def _stretch(height: int, width: int, rows: int, columns: int) -> float:
    """Return by how much one side grows more than the other, 0 where rounding to whole pixels explains it."""
    down, across = rows * width, columns * height
    if abs(down - across) <= max(height, width) / 2:
        return 0.0
    return max(down, across) / min(down, across) - 1


def _channels_first(shape: tuple[int, ...]) -> bool:
    """Return whether a shape is more usual of channels before two sides of an image.

    >>> [_channels_first(shape) for shape in ((3, 40, 60), (64, 56, 56), (28, 28, 64), (512, 7, 7), (56, 56, 56))]
    [True, True, False, False, False]
    """
    if len(shape) != 3:
        return False
    first, rows, columns = shape
    return (first in (1, 3, 4) and min(rows, columns) > 32) or (rows == columns > 8 and first != rows)
