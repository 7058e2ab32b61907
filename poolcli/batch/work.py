"""One job: an image is opened, checked, worked on and written; or measured, for rows of a table."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poolcli import nodata
from poolcli.batch.advice import Advice
from poolcli.batch.boxes import Parts, in_boxes, is_small, parts_of, seen_shape
from poolcli.batch.jobs import Job, Outcome, Row, Settings
from poolcli.batch.painting import Crew, LargeError, Painting
from poolcli.batch.source import Shared, Source
from poolcli.batch.table import joined
from poolcli.commands import Step
from poolcli.downsample import window_of
from poolcli.files import WriteError, exists, is_remote, make_folder, shown
from poolcli.images import ImageError, Info, Writing
from poolcli.images.formats import Format, is_image_folder
from poolcli.pictures import Notice, channel_names
from poolcli.placing import placement
from poolcli.reduce import columns
from poolcli.rows import imported

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poolcli.batch.levels import Pyramid
    from poolcli.images.boxes import Banded, Boxes
    from poolcli.images.structure import Said
    from poolcli.images.types import Frame
    from poolcli.stored import Take
    from poolcli.tiling import Box, Tiling

Compute = Callable[..., Any]
"""Calls a function with arguments, wherever kernels may run: one thread alone launches them."""


class StopError(Exception):
    """The batch ends before the job is done."""


class Findings:
    """What is found out while a job is done, and stays known if it fails."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.warnings = [*job.warnings]
        self.advice = Advice(job, self.warnings)
        self.before: tuple[int, ...] = ()  # shape of the first image
        self.after: tuple[int, ...] = ()
        self.indices: NDArray[Any] | None = None
        self.ignored = False  # the nodata that the file says
        self.kept: set[Said] = set()  # what the file says, and the result too

    def note_shapes(self, before: tuple[int, ...], after: tuple[int, ...]) -> None:
        """Keep the shapes of the first image."""
        if not self.before:
            self.before, self.after = before, after

    def note_kept(self, info: Info, target: _Target) -> None:
        """Keep what a result says of the places of its pixels, and of nodata."""
        kind, job = target.kind, target.job
        if info.nodata and (kind.structure or kind.marks):
            self.kept.add(("GDAL", "nodata"))
        if kind.structure and info.structure:
            self.kept |= info.structure.says
        if kind.marks and job.output:
            from poolcli.images.arrays import kept_of

            self.kept |= kept_of(info, job.output, len(target.frames), job.step.does.makes_levels)

    def warn(self, lines: Sequence[str]) -> None:
        """Add what a file says of itself."""
        self.warnings += [f"{shown(self._job.input)}: {line}" for line in lines]


@dataclass(frozen=True)
class _Target:
    """What a job writes: in which format, and of which frames."""

    job: Job
    kind: Format
    frames: Sequence[int]

    @property
    def count(self) -> int:
        """Return how many images the file will hold."""
        return len(self.frames) * self.planes

    @property
    def planes(self) -> int:
        """Return how many of them are made of each frame."""
        return max(1, self.job.step.planes)


class Worker:
    """Does jobs, and says what became of them; large outputs that are folders a crew writes, where there is one."""

    def __init__(
        self,
        settings: Settings,
        prepare: Callable[[], object],
        compute: Compute,
        stopped: Callable[[], bool],
        notice: Notice,
        crew: Crew | None = None,
    ) -> None:
        self._settings, self._prepare, self._compute = settings, prepare, compute
        self._stopped, self._notice, self._crew = stopped, notice, crew

    def do(self, jobs: Sequence[Job], begin: Callable[[Job], object]) -> Iterator[Outcome]:
        """Do the jobs of one input, which is read once, and yield what became of each.

        `begin` is told of each before; whatever goes wrong with it is in the outcome.
        """
        several = len(jobs) > 1 or any(job.beside for job in jobs)
        with Source(jobs[0].input, several, self._settings.memory) as source:
            for job in jobs:
                begin(job)
                outcome = self._do(job, source)
                new = tuple(line for line in outcome.warnings if line not in source.told)
                source.told |= {*new}
                yield replace(outcome, warnings=new)

    def painting(self, job: Job, name: str, source: Source) -> Painting:
        """Return a painting of a job, by the name that the crew was told, to write some of its boxes."""
        picture = source.open(self._settings.reading_for(job.step))
        target, found = _target(job, self._frames(picture, job.kind)), Findings(job)
        self._prepare()
        if job.step.does.makes_levels:
            pyramid = self._pyramid(picture, target, found)
            source.enter_context(pyramid.kept)
            return pyramid.painting(name)
        return self._by_parts(self._parts(picture, target, found)[target.frames[0]], picture, target, found)

    def _do(self, job: Job, source: Source) -> Outcome:
        begin = time.perf_counter()
        found = Findings(job)
        rows: tuple[Row, ...] = ()
        status, error, blamed = "written", "", None
        try:
            if job.step.does.makes_rows:
                rows = tuple(self._rows(job, source, found))
            else:
                status = self._write(job, source, found)
        except BrokenPipeError:
            raise
        except LargeError:
            return Outcome(job, "large")
        except (ImageError, WriteError, ValueError, TypeError, OSError, MemoryError) as reason:
            status, error = "failed", _words(reason)
            blamed = reason.path if isinstance(reason, WriteError) else None
            exists = isinstance(reason, WriteError) and reason.remedy == "overwrite"
            if exists and self._settings.skip_existing:  # another process was faster
                status, error = "skipped", ""
            elif exists and blamed == job.output:
                error = f"{error}, --skip-existing leaves it"
            if self._settings.debug:
                traceback.print_exc()
        seconds, warnings = time.perf_counter() - begin, tuple(found.warnings)
        return Outcome(job, status, found.before, found.after, seconds, error, warnings, rows, blamed)

    def _rows(self, job: Job, source: Source, found: Findings) -> Iterator[Row]:
        """Yield a row for each frame, with what every step makes of it."""
        steps = (job.step, *job.beside)
        pictures = [source.open(self._settings.reading_for(step)) for step in steps]
        self._prepare()
        for frame in self._frames(pictures[0]):
            parts = []
            for picture, step in zip(pictures, steps, strict=True):
                self._go_on()
                parts.append(self._row(picture, frame, step, found))
            row = joined(parts)
            found.after = row.values.shape
            yield row
        for line in dict.fromkeys(line for picture in pictures for line in picture.warnings(None, found.ignored)):
            found.warn([line])

    def _row(self, picture: Shared, frame: int, step: Step, found: Findings) -> Row:
        from poolcli.images.colour import in_colour

        if folded := self._folded(picture, frame, step, found):
            return folded
        image, info = self._read(picture, frame, found)
        if self._settings.colour:
            image, info = in_colour(image, info, self._settings.colour, self._settings.writing.background)
        step = _resolved(step, image, info, found)
        values = self._apply(image, info, step)
        found.note_shapes(image.shape, values.shape)
        if step.ignores_order and image.ndim > 2:
            found.advice.on_colours(image, info, values.reshape(1, -1, image.shape[-1]))
        channels = channel_names((*image.shape, 1)[2], info)
        return Row(frame, columns(image.shape, channels, step.mode, step.arguments), values)

    def _folded(self, picture: Shared, frame: int, step: Step, found: Findings) -> Row | None:
        """Return the row of a map that is read in bands, or None where it is read as a whole."""
        boxes, settings = None if self._settings.colour else picture.boxes(frame), self._settings
        if boxes is None or (settings.tile is None and is_small(boxes, settings)):
            return None
        from poolcli.folding import folding_of

        image, info = seen_shape(boxes)
        fold = None if step.blends and (info.alpha or settings.linear) else folding_of(step, image.shape, image.dtype)
        if fold is None:
            return None
        if not settings.layout_given:
            found.advice.on_layout(image, info)
        for part, box in in_boxes(boxes, fold.boxes(settings.memory)):
            self._go_on()
            self._compute(imported("pictures:fold_box"), fold, part, box, step, self._notice)
        values = self._compute(fold.result)
        found.note_shapes(image.shape, values.shape)
        channels = channel_names((*image.shape, 1)[2], info)
        return Row(frame, columns(image.shape, channels, step.mode, step.arguments), values)

    def _write(self, job: Job, source: Source, found: Findings) -> str:
        """Write the file of a job, and return what became of it."""
        from poolcli.files import check_free, is_own

        settings = self._settings
        if job.output is not None:
            if settings.skip_existing and exists(job.output) and not is_own(job.output):
                return "skipped"
            check_free(job.output, settings.writing.overwrite)
        picture = source.open(settings.reading_for(job.step))
        target = _target(job, self._frames(picture, job.kind))
        if job.indices:
            make_folder(job.indices.parent)
        self._prepare()
        if job.step.does.makes_levels:
            self._build(picture, target, found)
        else:
            self._put(picture, target, found)
        found.warn(picture.warnings(settings.writing, found.ignored, found.kept))
        return "written"

    def _put(self, picture: Shared, target: _Target, found: Findings) -> None:
        """Write what a step makes of images, in parts or each at once."""
        job, parts = target.job, self._parts(picture, target, found)
        if target.kind.marks:
            own = parts.get(target.frames[0])
            crew = self._crew_of(job) if own else None
            made = self._by_parts(own, picture, target, found) if own else self._at_once(picture, target, found)
            self._paint(made, target, crew)
        elif job.indices and parts:
            self._save_indices(parts, picture, target, found)
        elif parts:
            self._encode_parts(parts, picture, target, found)
        else:
            self._encode(self._results(picture, target, found), target)
            if job.indices and (indices := found.indices) is not None:
                self._place_indices(target, found, indices.shape, lambda take: take(indices))

    def _parts(self, picture: Shared, target: _Target, found: Findings) -> dict[int, Parts]:
        """Return the parts of each frame whose result is made so."""
        if not target.kind.bands:
            return {}
        frames = target.frames[:1] if target.kind.marks else target.frames
        parts = {frame: self._parts_of(picture, frame, target, found) for frame in frames}
        return {frame: own for frame, own in parts.items() if own}

    def _parts_of(self, picture: Shared, frame: int, target: _Target, found: Findings) -> Parts | None:
        """Return the parts that the result of a frame is made in, or None where it is made at once."""
        boxes, settings = picture.boxes(frame), self._settings
        if boxes is None or (target.kind.array and settings.writing.layout == "chw" and len(boxes.shape) > 2):
            return None
        image, info = seen_shape(boxes)
        if not settings.layout_given:
            found.advice.on_layout(image, info)
        step = _resolved(target.job.step, image, info, found)
        many = len(target.frames) if self._crew and target.kind.marks and info.stack else 1
        parts = parts_of(boxes, step.given(return_indices=True) if target.job.indices else step, settings, many)
        if parts is None:
            return None
        info, final = self._fitting(image, info, target)
        # What is converted to another dtype is converted as a whole. Of indices, this is the dtype of their colours.
        if info.palette is None and final != step.dtype_after(image.dtype.name):
            return None
        found.note_shapes(image.shape, parts.tiling.shape)
        found.advice.on_size(image.shape, parts.tiling.shape)
        return parts

    def _encode_parts(
        self, parts: Mapping[int, Parts], picture: Shared, target: _Target, found: Findings, take: Take | None = None
    ) -> None:
        """Write results to their file, part by part, and hand their indices over."""
        from poolcli.images.write import write_bands

        job, writing = target.job, self._begin(target)
        images = self._banded(parts, picture, target, found, take)
        write_bands(images, target.count, job.output or sys.stdout.buffer, job.ending or None, writing)

    def _banded(
        self, parts: Mapping[int, Parts], picture: Shared, target: _Target, found: Findings, take: Take | None
    ) -> Iterator[Banded]:
        """Yield the images to be written, each in bands that are made as they are taken."""
        import numpy as np

        from poolcli.images.boxes import Banded

        for frame in target.frames:
            own = parts.get(frame)
            if own is None:
                planes, info = self._made(picture, frame, target, found)
                for plane in planes:
                    self._go_on()
                    yield Banded([plane], plane.shape, plane.dtype, info)
                continue
            info, step = self._said(own, target, found), own.tiling.step
            dtype = np.dtype(step.dtype_after(own.boxes.dtype.name))
            for rank in range(max(1, step.planes)):
                yield Banded(self._bands(own, rank, info, take), own.tiling.shape, dtype, info, own.boxes.tile)

    def _bands(self, parts: Parts, rank: int, info: Info, take: Take | None) -> Iterator[NDArray[Any]]:
        """Yield bands of an output, or of one of its planes, and hand their indices over."""
        operate, planes = imported("pictures:operate_box"), parts.tiling.step.planes

        def make(part: NDArray[Any], box: Box) -> tuple[NDArray[Any], ...]:
            self._go_on()
            made = self._compute(operate, parts.tiling, part, box, info, self._settings.linear, self._notice)
            made = made if isinstance(made, tuple) else (made,)
            return tuple(each[rank] for each in made) if planes else made

        with closing(parts.bands(make)) as bands:
            for band, *indices in bands:
                if take:
                    take(*indices)
                yield band

    def _save_indices(self, parts: Mapping[int, Parts], picture: Shared, target: _Target, found: Findings) -> None:
        """Write a result in parts, and its indices as they come; both files appear when they are whole."""
        (own,), planes = parts.values(), target.job.step.planes
        shape = (planes, *own.tiling.shape) if planes else own.tiling.shape
        encode = partial(self._encode_parts, parts, picture, target, found)
        self._place_indices(target, found, shape, encode)

    def _place_indices(
        self, target: _Target, found: Findings, shape: tuple[int, ...], fill: Callable[[Take], object]
    ) -> None:
        from poolcli.stored import about_indices, save_indices

        job, overwrite = target.job, self._settings.writing.overwrite
        assert job.indices
        about = about_indices(found.before, window_of(job.step.arguments), job.step.planes)
        save_indices(job.indices, shape, about, overwrite, fill)

    def _begin(self, target: _Target) -> Writing:
        """Make the folder of an output, free it of what was left behind there, and return how it is written."""
        from poolcli.files import clean

        if target.job.output:
            make_folder(target.job.output.parent)
            clean(target.job.output.parent)
        return replace(self._settings.writing, record=target.job.record(self._settings))

    def _said(self, parts: Parts, target: _Target, found: Findings) -> Info:
        """Return what is said of a result that is made in parts."""
        image, info = seen_shape(parts.boxes)
        info, final = self._fitting(image, info, target)
        info = replace(info, nodata=_nodata_of(parts.tiling.step, info, image, final))
        found.note_kept(info, target)
        return info

    def _paint(self, painting: Painting, target: _Target, crew: Crew | None) -> None:
        """Write a result to its folder, box by box."""
        from poolcli.images.write import write_boxes

        paint = partial(crew.paint, target.job, "", painting) if crew else painting.paint
        write_boxes(painting.outline, target.job.ending or None, self._begin(target), paint)

    def _crew_of(self, job: Job) -> Crew | None:
        """Return those who write the output of a job, or None: what a store keeps is written from one machine."""
        assert job.output
        if self._crew is None or is_remote(job.output) or not _is_shared(job.input):
            return None
        self._crew.begin()
        return self._crew

    def _by_parts(self, parts: Parts, picture: Shared, target: _Target, found: Findings) -> Painting:
        """Return how the boxes of a result are made of boxes of the input's images."""
        import numpy as np

        from poolcli.images.boxes import Outline
        from poolcli.images.fitting import check_alike, fitted
        from poolcli.images.read import read_box

        job, image, operate = target.job, seen_shape(parts.boxes)[0], imported("pictures:operate_box")
        info = self._said(parts, target, found)
        assert job.output

        def make(k: int, box: Box) -> Any:
            self._go_on()
            own = picture.boxes(target.frames[k])
            if own is None:
                raise ImageError("its frames are stored in different ways: frame=N takes one", "frame")
            check_alike(seen_shape(own)[0], image.shape, image.dtype)
            part = read_box(own, *parts.tiling.needs(box).sides)
            made = self._compute(operate, parts.tiling, part, box, info, self._settings.linear, self._notice)
            planes = made if job.step.planes else [made]
            return [fitted(each, info, target.kind, self._settings.writing, 1)[0] for each in planes]

        dtype, along = np.dtype(job.step.dtype_after(image.dtype.name)), placement(job.step, image.shape)
        shape, tile = parts.tiling.shape, parts.boxes.tile
        outline = Outline(job.output, shape, dtype, target.frames, info, along, tile, planes=target.planes)
        return Painting(outline, parts.size, make)

    def _at_once(self, picture: Shared, target: _Target, found: Findings) -> Painting:
        """Return how the images of a result are made, each as a whole."""
        from poolcli.images.boxes import Outline
        from poolcli.images.fitting import check_alike, fitted

        job = target.job
        assert job.output

        def result(k: int) -> list[Frame]:
            self._go_on()
            planes, info = self._made(picture, target.frames[k], target, found)
            return [fitted(plane, info, target.kind, self._settings.writing, 1) for plane in planes]

        first, boxes = [result(0)], picture.boxes(target.frames[0])
        image, info = first[0][0]
        shape, dtype = image.shape, image.dtype

        def make(k: int, box: Box) -> Any:
            made = [plane for plane, _ in (first.pop() if first and k == 0 else result(k))]
            for plane in made:
                check_alike(plane, shape, dtype)
            return made

        along, tile = placement(job.step, found.before), boxes.tile if boxes else None
        outline = Outline(job.output, shape, dtype, target.frames, info, along, tile, planes=target.planes)
        return Painting(outline, (shape[0], shape[1]), make)

    def _build(self, picture: Shared, target: _Target, found: Findings) -> None:
        """Write images and their smaller levels to a file."""
        from poolcli.batch.levels import build

        pyramid = self._pyramid(picture, target, found)
        crew = self._crew_of(target.job) if target.kind.marks and pyramid.is_large else None
        self._begin(target)
        build(pyramid, found.warnings.append, crew)

    def _pyramid(self, picture: Shared, target: _Target, found: Findings) -> Pyramid:
        """Return how images and their smaller levels are made."""
        from poolcli.batch.levels import Bases, Pyramid
        from poolcli.pyramid import levels_of

        settings, images = self._settings, self._bases(picture, target, found)
        image, info = seen_shape(images[0])
        job = replace(target.job, step=_resolved(target.job.step, image, info, found))
        levels = levels_of(job.step, image.shape, image.dtype)
        found.note_shapes(image.shape, levels[-1].shape if levels else image.shape)
        info, dtype = self._fitting(image, info, target)
        info = replace(info, nodata=_nodata_of(job.step, info, image, dtype))
        found.note_kept(info, target)
        operate = imported("pictures:operate_box")

        def make(tiling: Tiling, part: NDArray[Any], box: Box) -> Any:
            self._go_on()
            return (self._compute(operate, tiling, part, box, info, settings.linear, self._notice),)

        return Pyramid(job, Bases(images, target.frames, info), settings, make)

    def _bases(self, picture: Shared, target: _Target, found: Findings) -> list[Boxes]:
        """Return the images that pyramids are made of; a single one that is not too large in memory."""
        from poolcli.images.boxes import Held
        from poolcli.images.fitting import check_alike

        if len(target.frames) > 1 and not target.kind.marks:
            what = f"{target.kind.name} holds the levels of one image, and there are {len(target.frames)}"
            raise ImageError(f"{what}: --frame N takes one, and .ome.zarr holds all")
        images: list[Boxes] = []
        for frame in target.frames:
            boxes = picture.boxes(frame)
            if boxes is None or (len(target.frames) == 1 and is_small(boxes, self._settings)):
                boxes = Held(*self._read(picture, frame, found), boxes.tile if boxes else None, source=boxes)
            images.append(boxes)
            check_alike(seen_shape(boxes)[0], images[0].shape, images[0].dtype)
        return images

    def _frames(self, picture: Shared, kind: Format | None = None) -> Sequence[int]:
        """Return which images are taken, in the order of those of a format."""
        if self._settings.frame is not None:
            return [self._settings.frame]
        return picture.order() if kind and kind.marks else range(picture.frames)

    def _read(self, picture: Shared, frame: int, found: Findings) -> tuple[NDArray[Any], Info]:
        image, info = picture.read(frame)
        if not self._settings.layout_given:
            found.advice.on_layout(image, info)
        return image, info

    def _apply(self, image: NDArray[Any], info: Info, step: Step) -> Any:
        return self._compute(imported(step.does.picture), image, info, step, self._settings.linear, self._notice)

    def _go_on(self) -> None:
        if self._stopped():
            raise StopError

    def _results(self, picture: Shared, target: _Target, found: Findings) -> Iterator[Frame]:
        """Yield the images to be written, each made when the one before it was taken."""
        for frame in target.frames:
            planes, info = self._made(picture, frame, target, found)
            for plane in planes:
                self._go_on()
                yield plane, info

    def _made(
        self, picture: Shared, frame: int, target: _Target, found: Findings
    ) -> tuple[Sequence[NDArray[Any]], Info]:
        """Return what is made of a frame, once it is sure that it can be written."""
        step, advice = target.job.step, found.advice
        image, info = self._read(picture, frame, found)
        step = _resolved(step, image, info, found)
        info, dtype = self._check(image, info, target, found)
        info = replace(info, nodata=_nodata_of(step, info, image, dtype))
        found.note_kept(info, target)
        if target.job.indices:
            result, found.indices = self._apply(image, info, step.given(return_indices=True))
        elif step.does.differentiates:
            result, note = self._apply(image, info, step)
            info = replace(info, note=note)
        else:
            result = self._apply(image, info, step)
        if info.palette is None and dtype == "uint8":
            advice.on_scaled(result, target.kind)
        advice.on_colours(image, info, result)
        return (list(result) if step.planes else [result]), info

    def _check(self, image: NDArray[Any], info: Info, target: _Target, found: Findings) -> tuple[Info, str]:
        """Return what is said of the result, and the dtype in the file, or raise an ImageError: before all work."""
        step = target.job.step
        dtype, shape = step.dtype_after(image.dtype.name), step.shape_after(image.shape)
        found.note_shapes(image.shape, shape)
        info, final = self._fitting(image, info, target)
        found.advice.on_palette(info, target.kind.name)
        found.advice.on_clipped(image, dtype)
        found.advice.on_size(image.shape, shape)
        found.advice.on_holes(image, f"{dtype} {final}")
        return info, final

    def _fitting(self, image: NDArray[Any], info: Info, target: _Target) -> tuple[Info, str]:
        """Return the same, by the shape and the dtype of the image: its pixels need not be known."""
        from poolcli.images.fitting import check, check_labels

        settings, kind, step = self._settings, target.kind, target.job.step
        if info.alpha is None and not kind.array:  # an array says nothing, and is written as if it had
            info = replace(info, alpha=(*image.shape, 1)[2] in (2, 4))
        dtype = step.dtype_after(image.dtype.name)
        shape = step.shape_after(image.shape)
        if (*shape, 1)[2] != (*image.shape, 1)[2]:  # weights mix channels to others
            info = replace(info, alpha=False, palette=None, icc=None)
        _check_size(shape, settings.reading.max_pixels)
        if settings.keep_palette:
            check_labels(info, kind, settings.writing)
        _, final = check(shape, dtype, info, kind, settings.writing, target.count)
        _check_memory(shape, len(target.frames), kind, settings.reading.max_pixels)
        if info.structure and kind.structure:
            own = info.structure.alone() if len(target.frames) == 1 else info.structure
            placed = placement(step, image.shape)
            info = replace(info, structure=own.scaled(placed, shape, final, target.count))
        return info, final

    def _encode(self, results: Iterator[Frame], target: _Target) -> None:
        """Write images to their file, or to standard output."""
        from poolcli.images.write import write_frames

        job, writing = target.job, self._begin(target)
        write_frames(results, target.count, job.output or sys.stdout.buffer, job.ending or None, writing)


def _resolved(step: Step, image: NDArray[Any], info: Info, found: Findings) -> Step:
    """Return a step with the nodata of the file, where that is asked for; without any where the file has none."""
    if "ignore" not in step.arguments:
        found.ignored = step.copies
        return step
    own = nodata.read(info.nodata, image.dtype)
    given = step.arguments["ignore"]
    if given == "auto":
        step = step.given(ignore=own) if own is not None else replace(step, arguments=nodata.without(step.arguments))
    value = step.arguments.get("ignore")
    found.ignored = bool(own is not None and (value == own or (value != value and own != own)))
    return step


def _nodata_of(step: Step, info: Info, image: NDArray[Any], dtype: str) -> str:
    """Return what the output is said to have for nodata, if it has the numbers of the result."""
    if dtype != step.dtype_after(image.dtype.name):
        return ""
    if step.copies:
        return info.nodata if dtype == image.dtype.name else ""
    ignore = step.arguments.get("ignore")
    return "" if ignore is None else nodata.written(ignore)


def _is_shared(path: Path | None) -> bool:
    """Return whether several machines read parts of a file alike: of a store, chunks alone."""
    return path is not None and (not is_remote(path) or is_image_folder(path))


def _target(job: Job, frames: Sequence[int]) -> _Target:
    """Return what a job writes of these frames, or raise an ImageError if its format cannot hold them."""
    from poolcli.images.fitting import check_count

    if job.kind is None:
        ending = job.input.suffix if job.input else ""
        raise ImageError(f"no format is written for the ending {ending!r}: --format says which, as --format png")
    target = _Target(job, job.kind, frames)
    check_count(target.kind, target.count)
    if job.step.planes > 1 and not target.kind.streams:
        way = "combine=mean makes one; .tif, .npy, .zarr hold all"
        raise ImageError(f"{job.step.mode} makes {job.step.planes} images of one: {way}")
    if job.indices and len(frames) > 1:
        raise ImageError("the indices of one image can be saved: --frame N takes one")
    return target


def _words(reason: Exception) -> str:
    """Return in one line what went wrong."""
    if isinstance(reason, MemoryError):
        return f"out of memory: {reason}".removesuffix(": ")
    if isinstance(reason, OSError):
        return reason.strerror or str(reason)
    return str(reason)


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in this thread: what launches kernels, where no thread of its own does."""
    return function(*arguments)


def _check_memory(shape: tuple[int, ...], frames: int, kind: Format, most: int) -> None:
    """Raise an ImageError if frames that are kept until all are there are too many pixels."""
    if not kind.streams and frames > 1 and frames * shape[0] * shape[1] > most:
        raise ImageError(
            f"{kind.name} is written from memory, and {frames} frames of {shape[0]} x {shape[1]} pixels are more than "
            f"the {most} allowed: --max-pixels allows more; .tif, .npy are written frame by frame"
        )


def _check_size(shape: tuple[int, ...], most: int) -> None:
    """Raise an ImageError if a result is larger than an image may be."""
    if shape[0] * shape[1] * max(1, (*shape, 1)[2] / 4) > most:
        raise ImageError(
            f"the result would have {shape[0]} x {shape[1]} pixels, more than the {most} allowed: "
            "--max-pixels allows more"
        )
