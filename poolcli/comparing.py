"""What `compare` shows: an image, and what several steps make of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from poolcli.commands import Step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poolcli.images import Info


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
