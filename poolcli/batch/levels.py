"""Pyramids as files: levels are kept in a hidden folder beside the output until all are there, for `--resume`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poolcli.batch.boxes import Made, Make, Parts, in_bands, size_of_parts
from poolcli.batch.jobs import Job, Settings
from poolcli.files import WriteError, is_remote, may_be_done_again, real, shown
from poolcli.images import ImageError, Info, Reading, Writing
from poolcli.placing import SAME
from poolcli.pyramid import Level, Making, levels_of, makings

if TYPE_CHECKING:
    import numpy as np

    from poolcli.images.boxes import Boxes

TILE = (256, 256)
"""Tiles of files whose image has none."""

_PLAN = "plan.json"


class Kept(ExitStack):
    """Arrays in a hidden folder beside an output: those that are there are whole."""

    def __init__(self, output: Path, plan: dict[str, Any], resume: bool, warn: Callable[[str], object]) -> None:
        super().__init__()
        self._folder = output.with_name(f".{output.name}.levels")
        self._plan = json.dumps(plan)
        begun = self._begun()
        if begun is not None and begun != self._plan and resume:
            what = f"{shown(self._folder)} was begun by another command, or of another image"
            raise ImageError(f"{what}: without --resume it begins anew")
        if begun is not None and not resume:
            warn(f"levels of a run that was ended are made again: --resume goes on with those in {shown(self._folder)}")
            shutil.rmtree(self._folder)

    def _begun(self) -> str | None:
        try:
            return (self._folder / _PLAN).read_text()
        except FileNotFoundError:
            return None

    def begin(self) -> None:
        """Make the folder, where it is not there."""
        from poolcli.files import place

        self._folder.mkdir(exist_ok=True)
        place(lambda file: file.write(self._plan.encode()), self._folder / _PLAN, True)

    def has(self, name: str) -> bool:
        """Return whether an array is there."""
        return self._path(name).exists()

    def put(self, name: str, parts: Parts, make: Make, dtype: np.dtype[Any]) -> None:
        """Keep an array that is made in parts."""
        from poolcli.images.boxes import Banded
        from poolcli.images.write import write_bands

        with closing(parts.bands(make)) as made:
            banded = Banded((band for (band,) in made), parts.tiling.shape, dtype, Info())
            write_bands(iter([banded]), 1, self._path(name), None, Writing(overwrite=True))

    def boxes(self, name: str) -> Boxes:
        """Return an array, to be read by boxes."""
        from poolcli.images.read import open_picture

        boxes = self.enter_context(open_picture(self._path(name), Reading(max_pixels=1 << 62))).boxes()
        assert boxes is not None
        return boxes

    def remove(self) -> None:
        """Remove all."""
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.npy"


@dataclass(frozen=True)
class Bases:
    """The images of a file that pyramids are made of, all alike; and what is said of their results."""

    images: Sequence[Boxes]
    frames: Sequence[int]
    info: Info


def build(job: Job, bases: Bases, settings: Settings, make: Callable[..., Made], warn: Callable[[str], object]) -> None:
    """Write images and their levels to the file of a job."""
    assert job.output
    if is_remote(job.output):
        raise ImageError("levels are kept beside the output until all are there: a pyramid is written to this machine")
    base, info = bases.images[0], bases.info
    levels = levels_of(job.step, base.shape, base.dtype, job.step.blends and (bool(info.alpha) or settings.linear))
    if not levels:
        warn(f"{shown(job.input)}: is as small as --until N asks: there are no smaller levels")
    with Kept(job.output, _plan(job, settings), settings.resume or may_be_done_again(), warn) as kept:
        kept.begin()
        try:
            for number, image in enumerate(bases.images):
                for making in makings(levels, base.shape, base.dtype):
                    name = f"{number}-{making.name}"
                    if not kept.has(name):
                        source = image if making.source == "0" else kept.boxes(f"{number}-{making.source}")
                        parts = _parts(source, making, settings)
                        kept.put(name, parts, partial(make, making.tiling), making.dtype)
            (_write_folder if job.kind and job.kind.marks else _write_file)(job, bases, levels, kept, settings)
        except WriteError as error:
            raise WriteError(f"{error}: --resume goes on with what is done", job.output, error.remedy) from error
        except (ImageError, ValueError, TypeError):  # as it will in the next run
            kept.remove()
            raise
        kept.remove()


def _write_file(job: Job, bases: Bases, levels: Sequence[Level], kept: Kept, settings: Settings) -> None:
    """Write an image and its levels to a file."""
    from poolcli.images.boxes import Banded
    from poolcli.images.write import write_levels

    (image,), info = bases.images, bases.info
    made = [image, *(kept.boxes(f"0-{number}") for number in range(1, len(levels) + 1))]
    infos = [info, *(replace(info, exif=None, xmp=None, dpi=None, structure=None) for _ in levels)]
    banded = [
        Banded(in_bands(each, settings), each.shape, each.dtype, said, image.tile or TILE)
        for each, said in zip(made, infos, strict=True)
    ]
    writing = replace(settings.writing, record=job.record(settings))
    assert job.output
    write_levels(banded, job.output, job.ending or None, writing)


def _write_folder(job: Job, bases: Bases, levels: Sequence[Level], kept: Kept, settings: Settings) -> None:
    """Write images and their levels to a folder."""
    from poolcli.batch.painting import Painting
    from poolcli.images.boxes import Canvas, Outline
    from poolcli.images.read import read_box
    from poolcli.images.write import write_sizes

    assert job.output
    base = bases.images[0]
    shapes = [base.shape, *(level.shape for level in levels)]
    places = [SAME, *(level.placement for level in levels)]
    outlines = [
        Outline(job.output, shape, base.dtype, bases.frames, bases.info, place, base.tile, method=_method(job, levels))
        for shape, place in zip(shapes, places, strict=True)
    ]

    def paint(number: int, canvas: Canvas) -> None:
        images = [kept.boxes(f"{k}-{number}") for k in range(len(bases.images))] if number else bases.images
        shape, pixel = shapes[number], max(base.dtype.itemsize, 4)
        size = size_of_parts(shape, shape, pixel, settings.memory)
        Painting(outlines[number], size, lambda k, box: read_box(images[k], *box.sides)).paint(canvas)

    writing = replace(settings.writing, record=job.record(settings))
    write_sizes(outlines, job.ending or None, writing, paint)


def _method(job: Job, levels: Sequence[Level]) -> dict[str, Any]:
    """Return how levels were made."""
    import poolcli

    sums, sources = any(level.sums for level in levels), [level.source for level in levels]
    made_of = "sums of the base" if sums else "the base" if not any(sources) else "the level before"
    about = {"method": "poolcli pyramid", "version": poolcli.__version__, "levels are made of": made_of}
    return {"type": job.step.mode, "metadata": about}


def _plan(job: Job, settings: Settings) -> dict[str, Any]:
    """Return what levels depend on: those of another plan are of no use."""
    known: tuple[int, ...] = ()
    if job.input and not is_remote(job.input):
        state = os.stat(job.input)
        known = state.st_size, state.st_mtime_ns
    return {"input": [str(job.input and real(job.input)), *known], "command": job.record(settings)}


def _parts(source: Boxes, making: Making, settings: Settings) -> Parts:
    """Return the parts that an array is made in."""
    tiling = making.tiling
    pixel = max(source.dtype.itemsize, making.dtype.itemsize, 4)
    size = settings.tile or size_of_parts(source.shape, tiling.shape, pixel, settings.memory)
    return Parts(source, tiling, size)
