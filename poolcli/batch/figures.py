"""The figures of comparisons: means over images, as a table for people or for programs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from poolcli.batch.jobs import Outcome
from poolcli.batch.names import fields
from poolcli.commands import Step
from poolcli.quality import mean_psnr

FIGURES = ("psnr", "ssim", "seconds")
"""Of each step, one after the other, in the rows of outcomes."""

Line = dict[str, Any]


class Figures:
    """The means of the figures of each step over all images."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps, self._images = steps, list[Any]()

    def take(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Keep the rows of outcomes, and yield the outcomes without them."""
        for outcome in outcomes:
            self._images += [row.values.reshape(-1, len(FIGURES)).tolist() for row in outcome.rows]
            yield replace(outcome, rows=(), added=len(outcome.rows))

    def lines(self) -> list[Line]:
        """Return a line for each step, in their order; none without an image.

        The PSNR is that of the mean of the squared errors. Images without a figure are left out of its mean.
        """
        each = zip(self._steps, zip(*self._images, strict=True), strict=True) if self._images else ()
        return [{"mode": step.mode} | window_of(step) | _means(figures) for step, figures in each]


def _means(figures: Sequence[Sequence[float]]) -> Line:
    psnr, ssim, seconds = ([one for one in own if not math.isnan(one)] for own in zip(*figures, strict=True))
    ratio = mean_psnr(psnr) if psnr else math.nan
    return {"psnr": ratio, "ssim": _mean(ssim), "seconds": round(_mean(seconds), 6), "pictures": len(figures)}


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def window_of(step: Step) -> dict[str, str]:
    """Return F and S of a step, or its size.

    >>> window_of(Step("downsample", "max", {"kernel_size": (2, 3), "stride": 2}))
    {'F': '2x3', 'S': '2'}
    """
    known = fields("", step)
    return {name: str(known[name]) for name in ("F", "S", "size") if name in known}


def as_csv(lines: Sequence[Line]) -> str:
    """Return the table with commas."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*lines[0]], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def as_json(lines: Sequence[Line]) -> str:
    """Return a list of objects; JSON has no NaN and no infinity: they are null."""
    finite = [
        {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in line.items()}
        for line in lines
    ]
    return "[\n" + ",\n".join(json.dumps(line) for line in finite) + "\n]\n"


def as_table(lines: Sequence[Line]) -> str:
    """Return the table for people."""
    from tabulate import tabulate

    shown = [{name: shown_figure(name, value) for name, value in line.items()} for line in lines]
    align = ["left", *["right"] * (len(lines[0]) - 1)]
    return f"{tabulate(shown, headers='keys', disable_numparse=True, colalign=align)}\n"


def shown_figure(name: str, value: Any) -> str:
    """Return a figure with as many digits as people read.

    >>> shown_figure("psnr", 31.4159), shown_figure("seconds", 0.0001234)
    ('31.42', '0.00012')
    """
    if name in ("psnr", "ssim"):
        return f"{value:.{2 if name == 'psnr' else 4}f}"
    return f"{float(f'{value:.2g}'):.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


WRITERS: Mapping[str, Callable[[Sequence[Line]], str]] = {"csv": as_csv, "json": as_json, "table": as_table}
