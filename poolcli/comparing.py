"""What `compare` shows: an image, and what several steps make of it, enlarged back and measured."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from poolcli.commands import Step
from poolcli.filters import FILTERS
from poolcli.pictures import Notice, announcing, operate
from poolcli.placing import Placement, placement
from poolcli.quality import peak_of, psnr, ssim
from poolcli.resize import Resampler, as_batch, as_given, asked_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poolcli.images import Info
    from poolcli.light import Light

COMMAND = "downsample"
"""The command whose results are compared."""

_CALLS, _ENOUGH = 5, 0.01
"""Calls that are timed at most, and the seconds after which there is no other."""

ENLARGING = tuple(FILTERS)
"""Modes that enlarge results: those that sample at any place."""


@dataclass(frozen=True)
class Result:
    """What a step makes of an image, and how near that is to the image."""

    step: Step
    command: str  # the command line that makes it
    image: NDArray[Any]  # (rows, columns[, C]), of the dtype of the original
    enlarged: NDArray[Any]  # as large as the original
    psnr: float  # dB, against the original
    ssim: float
    seconds: float


@dataclass(frozen=True)
class Comparison:
    """An image and the results of several steps."""

    name: str  # of the image's file
    image: NDArray[Any]  # (H, W[, C])
    info: Info
    peak: float  # the value that is white
    upsample: str  # the mode that enlarges the results
    results: Sequence[Result]
    zoom: tuple[int, int, int, int] | None = None  # row, column, height and width of what is looked at

    @property
    def ends(self) -> tuple[float, float]:
        """Return the values that are shown black and white."""
        return ends_of(self.image, self.info, self.peak)


@dataclass(frozen=True)
class Manner:
    """How results are made and compared."""

    upsample: str = ENLARGING[0]
    linear: bool = False
    keep_palette: bool | None = None  # or what is usual for the mode
    background: str = "white"  # behind what is not opaque
    notice: Notice = print


def ends_of(image: NDArray[Any], info: Info, peak: float) -> tuple[float, float]:
    """Return the values that are shown black and white: 0, or the smallest below it, and the peak.

    White is the largest value of wide integers, as labels and counts, that are all below a sixteenth of the peak.

    >>> import numpy as np
    >>> from poolcli.images import Info
    >>> ends_of(np.array([[3, 7]], np.int32), Info("PNG"), 2.0**31 - 1)
    (0.0, 7.0)
    """
    import numpy as np

    if image.dtype.kind not in "iuf" or image.dtype == np.uint8:
        return 0.0, peak
    black = float(np.min(image, where=np.isfinite(image), initial=0))
    largest = float(image.max(initial=0)) if image.dtype.kind in "iu" and not info.alpha else peak
    return black, largest if 0 < largest < peak / 16 else peak


def compare(image: NDArray[Any], info: Info, steps: Sequence[Step], manner: Manner, name: str = "") -> Comparison:
    """Return an image (H, W) or (H, W, C), and what each step makes of it; an image of indices as its colours."""
    subject = Subject.of(image, info, manner)
    return subject.comparison([subject.result(step) for step in steps], name)


@dataclass(frozen=True, eq=False)
class Subject:
    """An image that results are compared with.

    Colour is compared as it is seen: laid over the background where it is not opaque, so that the colour of pixels that
    nobody sees does not count.
    """

    image: NDArray[Any]
    info: Info
    peak: float
    manner: Manner
    indices: tuple[NDArray[Any], Info] | None  # of its palette
    seen: NDArray[Any]  # what is compared

    @classmethod
    def of(cls, image: NDArray[Any], info: Info, manner: Manner) -> Subject:
        """Return what is to be known of an image; indices of a palette become colours, as they are seen."""
        from poolcli.images.colour import expanded
        from poolcli.light import straight

        indices = None if info.palette is None else (image, info)
        image, info = expanded(image, info)
        if info.alpha and info.premultiplied:
            image, info = straight(image), replace(info, premultiplied=False)
        return cls(image, info, peak_of(image), manner, indices, seen(image, info, manner.background))

    def result(self, step: Step) -> Result:
        """Return what a step makes of the image, the time of a call that compiles nothing, and how near it is."""
        from poolcli.images.colour import expanded

        step = Step(COMMAND, step.mode, step.arguments)
        image, info = self._given_to(step)
        make = partial(operate, image, info, step, self.manner.linear, self.manner.notice)
        make()  # which may compile
        made, seconds = _timed(make)
        made, _ = expanded(made, info)
        with announcing(f"{self.manner.upsample} and ssim", self.image, self.manner.notice):
            enlarged = enlarge(made, self.image.shape, placement(step, image.shape), self.manner.upsample, self._light)
            other = seen(enlarged, self.info, self.manner.background)
            figures = psnr(self.seen, other, self.peak), ssim(self.seen, other, self.peak)
        return Result(step, line_of(step), made, enlarged, *figures, seconds)

    def comparison(self, results: Sequence[Result], name: str) -> Comparison:
        """Return the image with the results."""
        return Comparison(name, self.image, self.info, self.peak, self.manner.upsample, results)

    def _given_to(self, step: Step) -> tuple[NDArray[Any], Info]:
        """Return the image as a step takes it: indices of a palette, or colours."""
        kept = self.manner.keep_palette
        keeps = step.takes_indices if kept is None else kept
        return self.indices if keeps and self.indices else (self.image, self.info)

    @property
    def _light(self) -> Light:
        from poolcli.light import Light

        return Light(bool(self.info.alpha) and self.image.ndim > 2, self.manner.linear)


def _timed(make: Callable[[], NDArray[Any]]) -> tuple[NDArray[Any], float]:
    """Return what a function makes, and the seconds of a call: the shortest of several where they are short."""
    best, spent = math.inf, 0.0
    for _ in range(_CALLS):
        begin = time.perf_counter()
        made = make()
        seconds = time.perf_counter() - begin
        best, spent = min(best, seconds), spent + seconds
        if spent > _ENOUGH:
            break
    return made, best


def seen(image: NDArray[Any], info: Info, background: str) -> NDArray[Any]:
    """Return an image laid over a background where it has alpha."""
    if not info.alpha or image.ndim < 3:
        return image
    from poolcli.images.colour import flattened, rgb

    return flattened(image, info, rgb(background))


def enlarge(image: NDArray[Any], shape: tuple[int, ...], placed: Placement, mode: str, light: Light) -> NDArray[Any]:
    """Return what was made of an image (H, W) or (H, W, C), by a filter, with each pixel where it was taken from.

    Pixels of the image that no window holds, as at its end, become those that are nearest.
    """
    import numpy as np

    from poolcli.light import Blend

    places = [
        (np.arange(n, dtype=np.float64) - first) / step for n, (step, first) in zip(shape[:2], placed, strict=True)
    ]
    sample = partial(_sampled, places=places, mode=mode)
    if FILTERS[mode].copies or not light:
        return sample(image)
    found: NDArray[Any] = Blend(sample).seen(image, light, "hwc", None)
    return found


def _sampled(
    image: NDArray[Any], places: Sequence[NDArray[Any]], mode: str, dtype: Any = None, layout: str = "hwc"
) -> NDArray[Any]:
    """Return (H, W) or (H, W, C) at these places along its rows and columns, in its dtype."""
    from poolcli import dtypes

    batch, target = dtypes.to_working(as_batch(image)), image.dtype
    sampler = Resampler.at(places, batch.shape[1:3], *asked_of(mode, False, {}))
    return as_given(sampler.apply(batch, dtypes.kernel_output(target, target)), image, target)


def line_of(step: Step, more: Mapping[str, Any] | None = None, name: str = "") -> str:
    """Return the line for a shell that does a step, with more options, to a file.

    >>> line_of(Step("downsample", "gem", {"kernel_size": (2, 3), "p": 4.0}), {"linear": True}, "my photo.png")
    "poolcli downsample --mode gem --kernel-size 2x3 --p 4.0 --linear 'my photo.png'"
    """
    words = ["poolcli", step.command, "--mode", step.mode, *step.words(more or {}), *([name] if name else [])]
    return shlex.join(words)
