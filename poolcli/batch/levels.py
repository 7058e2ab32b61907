"""Pyramids as files: levels are kept until all are there, for `--resume`.

They are in a hidden folder beside the output; or, of one in a store, in the cache folder of this machine.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import cached_property, partial
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poolcli.batch.boxes import Made, Make, Parts, in_bands, size_of_parts
from poolcli.batch.jobs import Job, Settings
from poolcli.batch.painting import Crew, Painting
from poolcli.files import WriteError, is_remote, make_folder, may_be_done_again, real, shown, stamp
from poolcli.images import ImageError, Info, Reading, Writing
from poolcli.placing import SAME
from poolcli.pyramid import Level, Making, levels_of, makings

if TYPE_CHECKING:
    import numpy as np

    from poolcli.images.boxes import Boxes, Canvas, Outline
    from poolcli.tiling import Box

TILE = (256, 256)
"""Tiles of files whose image has none."""

_PLAN = "plan.json"
_ARRAYS = (".npy", ".zarr")  # that are kept: what one machine makes, and what several do


class Kept(ExitStack):
    """Arrays of an output that is not yet written: those that are there are whole."""

    def __init__(self, output: Path) -> None:
        super().__init__()
        self._folder = _folder_of(output)

    def begin(self, plan: dict[str, Any], resume: bool, warn: Callable[[str], object]) -> None:
        """Make the folder, or go on with one of the same plan, or raise an ImageError."""
        from poolcli.files import place

        text, begun = json.dumps(plan), self._begun()
        if begun is not None and begun != text and resume:
            what = f"{shown(self._folder)} was begun by another command, or of another image"
            raise ImageError(f"{what}: without --resume it begins anew")
        if begun is not None and not resume:
            warn(f"levels of a run that was ended are made again: --resume goes on with those in {shown(self._folder)}")
            shutil.rmtree(self._folder)
        make_folder(self._folder)
        place(lambda file: file.write(text.encode()), self._folder / _PLAN, True)

    def _begun(self) -> str | None:
        try:
            return (self._folder / _PLAN).read_text()
        except FileNotFoundError:
            return None

    def path(self, name: str, ending: str) -> Path:
        """Return the path of an array."""
        return self._folder / f"{name}{ending}"

    def has(self, name: str) -> bool:
        """Return whether an array is there."""
        return any(self.path(name, ending).exists() for ending in _ARRAYS)

    def put(self, name: str, parts: Parts, make: Make, dtype: np.dtype[Any]) -> None:
        """Keep an array that is made in parts."""
        from poolcli.images.boxes import Banded
        from poolcli.images.write import write_bands

        with closing(parts.bands(make)) as made:
            banded = Banded((band for (band,) in made), parts.tiling.shape, dtype, Info())
            write_bands(iter([banded]), 1, self.path(name, ".npy"), None, Writing(overwrite=True))

    def boxes(self, name: str) -> Boxes:
        """Return an array, to be read by boxes."""
        from poolcli.images.read import open_picture

        path = next(path for ending in _ARRAYS if (path := self.path(name, ending)).exists())
        boxes = self.enter_context(open_picture(path, Reading(max_pixels=1 << 62))).boxes()
        assert boxes is not None
        return boxes

    def remove(self) -> None:
        """Remove all."""
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)


@dataclass(frozen=True)
class Bases:
    """The images of a file that pyramids are made of, all alike; and what is said of their results."""

    images: Sequence[Boxes]
    frames: Sequence[int]
    info: Info


@dataclass(frozen=True)
class Pyramid:
    """Images and their smaller levels: arrays that are kept, as "0-2" of image 0, and the levels of an output, "2"."""

    job: Job
    bases: Bases
    settings: Settings
    make: Callable[..., Made]

    @cached_property
    def kept(self) -> Kept:
        """Return where arrays are kept."""
        assert self.job.output
        return Kept(self.job.output)

    @property
    def base(self) -> Boxes:
        """Return the first image: the others are alike."""
        return self.bases.images[0]

    @property
    def is_large(self) -> bool:
        """Return whether all images are read in parts, and take more than the memory that is allowed."""
        from poolcli.images.boxes import Held

        images, base, settings = self.bases.images, self.base, self.settings
        taken = len(images) * prod(base.shape) * base.dtype.itemsize
        return (settings.tile is not None or taken > settings.memory) and not any(isinstance(i, Held) for i in images)

    @cached_property
    def levels(self) -> Sequence[Level]:
        """Return the smaller levels."""
        step, base = self.job.step, self.base
        blends_colour = step.blends and (bool(self.bases.info.alpha) or self.settings.linear)
        return levels_of(step, base.shape, base.dtype, blends_colour)

    @property
    def makings(self) -> Iterator[tuple[int, Making]]:
        """Yield what is to be kept, one after the other, with the number of its image."""
        for image in range(len(self.bases.images)):
            yield from ((image, making) for making in makings([*self.levels], self.base.shape, self.base.dtype))

    @cached_property
    def outlines(self) -> Sequence[Outline]:
        """Return the levels of an output that is a folder, the image itself first."""
        from poolcli.images.boxes import Outline

        job, base, bases, method = self.job, self.base, self.bases, _method(self.job, self.levels)
        assert job.output
        shapes = [base.shape, *(level.shape for level in self.levels)]
        places = [SAME, *(level.placement for level in self.levels)]
        return [
            Outline(job.output, shape, base.dtype, bases.frames, bases.info, place, base.tile, method=method)
            for shape, place in zip(shapes, places, strict=True)
        ]

    def parts(self, image: int, making: Making) -> Parts:
        """Return the parts that an array is made in."""
        source = self.bases.images[image] if making.source == "0" else self.kept.boxes(f"{image}-{making.source}")
        return _parts(source, making, self.settings)

    def painting(self, name: str) -> Painting:
        """Return what is kept, or written, under a name."""
        image, dash, made = name.partition("-")
        if not dash:
            return self._level(int(name))
        return self._array(int(image), next(each for _, each in self.makings if each.name == made))

    def _array(self, image: int, making: Making) -> Painting:
        from poolcli.images.boxes import Outline
        from poolcli.images.read import read_box

        parts, path = self.parts(image, making), self.kept.path(f"{image}-{making.name}", ".zarr")
        outline = Outline(path, making.tiling.shape, making.dtype, [0], Info(), SAME, self.base.tile)

        def make(_: int, box: Box) -> Any:
            return self.make(making.tiling, read_box(parts.boxes, *making.tiling.needs(box).sides), box)

        return Painting(outline, parts.size, make)

    def _level(self, number: int) -> Painting:
        from poolcli.images.read import read_box

        own, outline = self.bases.images, self.outlines[number]
        images = [self.kept.boxes(f"{image}-{number}") for image in range(len(own))] if number else own
        size = size_of_parts(outline.shape, outline.shape, max(self.base.dtype.itemsize, 4), self.settings.memory)
        return Painting(outline, size, lambda image, box: [read_box(images[image], *box.sides)])


def build(pyramid: Pyramid, warn: Callable[[str], object], crew: Crew | None = None) -> None:
    """Write images and their levels to the file of a job; or have a crew write them, level by level."""
    job, kept, settings = pyramid.job, pyramid.kept, pyramid.settings
    assert job.output
    if not pyramid.levels:
        warn(f"{shown(job.input)}: is as small as --until N asks: there are no smaller levels")
    with kept:
        kept.begin(_plan(job, settings), settings.resume or may_be_done_again(), warn)
        try:
            for image, making in pyramid.makings:
                name = f"{image}-{making.name}"
                if kept.has(name):
                    continue
                if crew:
                    _share(pyramid, name, crew)
                else:
                    kept.put(name, pyramid.parts(image, making), partial(pyramid.make, making.tiling), making.dtype)
            if job.kind and job.kind.marks:
                _write_folder(pyramid, crew)
            else:
                _write_file(pyramid)
        except WriteError as error:
            raise WriteError(f"{error}: --resume goes on with what is done", job.output, error.remedy) from error
        except (ImageError, ValueError, TypeError):  # as it will in the next run
            kept.remove()
            raise
        kept.remove()


def _share(pyramid: Pyramid, name: str, crew: Crew) -> None:
    """Keep an array that a crew writes."""
    from poolcli.images.write import write_boxes

    painting = pyramid.painting(name)
    write_boxes(painting.outline, None, Writing(overwrite=True), partial(crew.paint, pyramid.job, name, painting))


def _write_file(pyramid: Pyramid) -> None:
    """Write an image and its levels to a file."""
    from poolcli.images.boxes import Banded, Held
    from poolcli.images.write import write_levels

    job, settings, levels, (image,) = pyramid.job, pyramid.settings, pyramid.levels, pyramid.bases.images
    info = pyramid.bases.info
    made = [image, *(pyramid.kept.boxes(f"0-{number}") for number in range(1, len(levels) + 1))]
    infos = [info, *(replace(info, exif=None, xmp=None, dpi=None, structure=None) for _ in levels)]
    banded = [
        Banded(in_bands(each, settings), each.shape, each.dtype, said, image.tile or TILE)
        for each, said in zip(made, infos, strict=True)
    ]
    banded[0] = banded[0]._replace(source=image.source if isinstance(image, Held) else image)
    writing = replace(settings.writing, record=job.record(settings))
    assert job.output
    write_levels(banded, job.output, job.ending or None, writing)


def _write_folder(pyramid: Pyramid, crew: Crew | None) -> None:
    """Write images and their levels to a folder."""
    from poolcli.images.write import write_sizes

    def paint(number: int, canvas: Canvas) -> None:
        painting = pyramid.painting(str(number))
        if crew:
            crew.paint(pyramid.job, str(number), painting, canvas)
        else:
            painting.paint(canvas)

    writing = replace(pyramid.settings.writing, record=pyramid.job.record(pyramid.settings))
    write_sizes(pyramid.outlines, pyramid.job.ending or None, writing, paint)


def _method(job: Job, levels: Sequence[Level]) -> dict[str, Any]:
    """Return how levels were made."""
    import poolcli

    sums, sources = any(level.sums for level in levels), [level.source for level in levels]
    made_of = "sums of the base" if sums else "the base" if not any(sources) else "the level before"
    about = {"method": "poolcli pyramid", "version": poolcli.__version__, "levels are made of": made_of}
    return {"type": job.step.mode, "metadata": about}


def _plan(job: Job, settings: Settings) -> dict[str, Any]:
    """Return what levels depend on: those of another plan are of no use."""
    known = [real(job.input), stamp(job.input)] if job.input else []
    return {"input": known, "command": job.record(settings)}


def _folder_of(output: Path) -> Path:
    """Return where levels of an output are kept."""
    if not is_remote(output):
        return output.with_name(f".{output.name}.levels")
    from poolcli.engine import cache

    url = real(output)
    return cache.root() / "levels" / f"{sha256(url.encode()).hexdigest()[:16]}-{output.name}"


def _parts(source: Boxes, making: Making, settings: Settings) -> Parts:
    """Return the parts that an array is made in."""
    tiling = making.tiling
    pixel = max(source.dtype.itemsize, making.dtype.itemsize, 4)
    size = settings.tile or size_of_parts(source.shape, tiling.shape, pixel, settings.memory)
    return Parts(source, tiling, size)
