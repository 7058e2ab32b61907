"""Pyramids as files: levels are kept in a hidden folder beside the output until all are there, for `--resume`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poolcli.batch.boxes import Made, Make, Parts, size_of_parts
from poolcli.batch.jobs import Job, Settings
from poolcli.files import WriteError, shown
from poolcli.images import ImageError, Info, Reading, Writing
from poolcli.pyramid import Making, levels_of, makings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from poolcli.images.boxes import Boxes

TILE = (256, 256)
"""Tiles of files whose image has none."""

_PLAN = "plan.json"


@dataclass(frozen=True)
class Memory:
    """An image that is in memory, by boxes."""

    image: NDArray[Any]
    info: Info
    tile: tuple[int, int] | None = None
    together: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Return (H, W) or (H, W, C)."""
        return self.image.shape

    @property
    def dtype(self) -> Any:
        """Return the dtype of the values."""
        return self.image.dtype

    def read(self, rows: tuple[int, int], columns: tuple[int, int]) -> NDArray[Any]:
        """Return the pixels of these rows and columns."""
        return self.image[slice(*rows), slice(*columns)]


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


def build(
    job: Job, boxes: Boxes, info: Info, settings: Settings, make: Callable[..., Made], warn: Callable[[str], object]
) -> None:
    """Write an image and its levels to the file of a job."""
    from poolcli.images.boxes import Banded
    from poolcli.images.write import write_levels

    assert job.output
    levels = levels_of(job.step, boxes.shape, boxes.dtype, job.step.blends and (bool(info.alpha) or settings.linear))
    if not levels:
        warn(f"{shown(job.input)}: is as small as --until N asks: there are no smaller levels")
    with Kept(job.output, _plan(job, settings), settings.resume, warn) as kept:
        kept.begin()
        try:
            for making in makings(levels, boxes.shape, boxes.dtype):
                if not kept.has(making.name):
                    source = boxes if making.source == "0" else kept.boxes(making.source)
                    kept.put(making.name, _parts(source, making, settings), partial(make, making.tiling), making.dtype)
            made = [boxes, *(kept.boxes(str(number)) for number in range(1, len(levels) + 1))]
            infos = [info, *(replace(info, exif=None, xmp=None, dpi=None, structure=None) for _ in levels)]
            banded = [
                Banded(_bands(each, settings.memory), each.shape, each.dtype, said, boxes.tile or TILE)
                for each, said in zip(made, infos, strict=True)
            ]
            writing = replace(settings.writing, record=job.record(settings))
            write_levels(banded, job.output, job.ending or None, writing)
        except WriteError as error:
            raise WriteError(f"{error}: --resume goes on with what is done", job.output, error.remedy) from error
        kept.remove()


def _plan(job: Job, settings: Settings) -> dict[str, Any]:
    """Return what levels depend on: those of another plan are of no use."""
    state = os.stat(job.input) if job.input else None
    read = [str(job.input and job.input.resolve()), *((state.st_size, state.st_mtime_ns) if state else ())]
    return {"input": read, "command": job.record(settings)}


def _parts(source: Boxes, making: Making, settings: Settings) -> Parts:
    """Return the parts that an array is made in."""
    tiling = making.tiling
    pixel = 8 if "sums" in making.name + making.source else max(source.dtype.itemsize, 4)
    size = settings.tile or size_of_parts(source.shape, tiling.shape, pixel, settings.memory)
    return Parts(source, tiling, size)


def _bands(boxes: Boxes, memory: int) -> Iterator[NDArray[Any]]:
    """Yield an image in bands of its rows."""
    from poolcli.images.read import read_box

    height, width = boxes.shape[:2]
    (rows, _) = size_of_parts(boxes.shape, boxes.shape, max(boxes.dtype.itemsize, 4), memory)
    for top in range(0, height, rows):
        yield read_box(boxes, (top, min(top + rows, height)), (0, width))
