"""One job: read, operate, write."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poolcli.batch.advice import Advice
from poolcli.batch.jobs import Job, Outcome, Row, Settings, shown
from poolcli.downsample import downsample, output_shape, window_of
from poolcli.files import EXISTS, WriteError
from poolcli.images import ImageError, Info
from poolcli.images.formats import ARRAYS, Format, colour_of
from poolcli.parameters import PARAMETERS
from poolcli.reduce import arguments_of, columns, reduce, selects
from poolcli.upsample import mixes_channels, upsample
from poolcli.upsample import output_shape as upsampled_shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poolcli.images.read import Picture
    from poolcli.images.types import Frame

Say = Callable[[str], None]
Compute = Callable[..., Any]
"""Calls a function with arguments, wherever kernels may run: one thread alone launches them."""


class StopError(Exception):
    """The batch ends before the job is done."""


class Worker:
    """Does jobs, and says what became of them."""

    def __init__(
        self,
        settings: Settings,
        prepare: Callable[[], None],
        compute: Compute,
        stopped: Callable[[], bool],
        notice: Say,
    ) -> None:
        self._settings, self._prepare, self._compute = settings, prepare, compute
        self._stopped, self._notice = stopped, notice

    def do(self, job: Job) -> Outcome:
        """Do a job; whatever goes wrong with it is in the outcome."""
        begin = time.perf_counter()
        shapes: list[tuple[int, ...]] = []
        warnings: list[str] = []
        rows: tuple[Row, ...] = ()
        status, error, blamed = "written", "", None
        try:
            if job.command == "reduce":
                rows = tuple(self._reduce(job, shapes, warnings))
            else:
                status = self._write(job, shapes, warnings)
        except BrokenPipeError:
            raise
        except (ImageError, WriteError, ValueError, TypeError, OSError, MemoryError) as reason:
            status, error = "failed", _words(reason)
            blamed = reason.path if isinstance(reason, WriteError) else None
            if self._settings.debug:
                traceback.print_exc()
        if self._settings.skip_existing and error == EXISTS:  # another process was faster
            status, error = "skipped", ""
        if error == EXISTS and blamed == job.output:
            error = f"{EXISTS}, --skip-existing leaves it"
        before, after = (*shapes, (), ())[:2]
        return Outcome(job, status, before, after, time.perf_counter() - begin, error, tuple(warnings), rows, blamed)

    def _reduce(self, job: Job, shapes: list[tuple[int, ...]], warnings: list[str]) -> Iterator[Row]:
        from poolcli.images.colour import in_colour
        from poolcli.images.read import open_picture

        settings, advice = self._settings, Advice(job, warnings)
        with open_picture(sys.stdin.buffer if job.input is None else job.input, settings.reading) as picture:
            self._prepare()
            for frame in range(picture.frames) if settings.frame is None else [settings.frame]:
                if self._stopped():
                    raise StopError
                image, info = picture.read(frame)
                if not settings.layout_given:
                    advice.on_layout(image, info)
                if settings.colour:
                    image, info = in_colour(image, info, settings.colour, settings.writing.background)
                values = self._compute(measure, image, info, job, settings.linear, self._notice)
                shapes += [image.shape, values.shape] if not shapes else []
                if job.unordered and image.ndim > 2:
                    advice.on_colours(image, info, values.reshape(1, -1, image.shape[-1]))
                channels = channel_names((*image.shape, 1)[2], info)
                yield Row(frame, columns(image.shape, channels, job.mode, job.arguments), values)
            warnings += [f"{shown(job.input)}: {line}" for line in picture.warnings(None)]

    def _write(self, job: Job, shapes: list[tuple[int, ...]], warnings: list[str]) -> str:
        from poolcli.files import check_free, clean
        from poolcli.images.fitting import check_count
        from poolcli.images.read import open_picture
        from poolcli.images.write import write_frames

        settings, kind = self._settings, job.kind
        if job.output is not None:
            if settings.skip_existing and job.output.exists():
                return "skipped"
            check_free(job.output, settings.writing.overwrite)
        with open_picture(sys.stdin.buffer if job.input is None else job.input, settings.reading) as picture:
            if kind is None:
                ending = job.input.suffix if job.input else ""
                raise ImageError(
                    f"no format is written for the ending {ending!r}: --format says which, as --format png"
                )
            wanted = range(picture.frames) if settings.frame is None else [settings.frame]
            check_count(kind, len(wanted) * job.planes)
            if job.planes > 1 and not kind.streams:
                way = "combine=mean makes one; .tif, .npy hold all"
                raise ImageError(f"{job.mode} makes {job.planes} pictures of one: {way}")
            if job.indices and len(wanted) > 1:
                raise ImageError("the indices of one picture can be saved: --frame N takes one")
            if job.indices:
                make_folder(job.indices.parent)
            self._prepare()
            places: list[NDArray[Any]] = []
            results = self._results(picture, wanted, job, kind, shapes, warnings, places)
            writing = replace(settings.writing, record=str(job))
            if job.output is None:
                write_frames(results, len(wanted) * job.planes, sys.stdout.buffer, job.ending, writing)
            else:
                make_folder(job.output.parent)
                clean(job.output.parent)
                write_frames(results, len(wanted) * job.planes, job.output, job.ending or None, writing)
            warnings += [f"{shown(job.input)}: {line}" for line in picture.warnings(settings.writing)]
            if job.indices:
                from poolcli.stored import save_indices

                save_indices(job.indices, places[0], shapes[0], window_of(job.arguments), settings.writing.overwrite)
        return "written"

    def _results(
        self,
        picture: Picture,
        wanted: Sequence[int],
        job: Job,
        kind: Format,
        shapes: list[tuple[int, ...]],
        warnings: list[str],
        places: list[NDArray[Any]],
    ) -> Iterator[Frame]:
        from poolcli.images.fitting import check, check_labels

        advice = Advice(job, warnings)
        for frame in wanted:
            image, info = picture.read(frame)
            if not self._settings.layout_given:
                advice.on_layout(image, info)
            if info.alpha is None and not kind.array:  # an array says nothing, and is written as if it had
                info = replace(info, alpha=(*image.shape, 1)[2] in (2, 4))
            dtype = job.arguments.get("dtype") or image.dtype.name
            shape = shape_after(job, image.shape)
            shapes += [image.shape, shape] if not shapes else []
            if (*shape, 1)[2] != (*image.shape, 1)[2]:  # weights mix channels to others
                info = replace(info, alpha=False, palette=None, icc=None)
            _check_size(shape, self._settings.reading.max_pixels)
            if self._settings.palette_given:
                check_labels(info, kind, self._settings.writing)
            _, final = check(shape, dtype, info, kind, self._settings.writing, len(wanted) * job.planes)
            _check_memory(shape, len(wanted), kind, self._settings.reading.max_pixels)
            advice.on_palette(info, kind.name)
            advice.on_size(image.shape, shape)
            advice.on_holes(image, f"{dtype} {final}")
            result = self._compute(operate, image, info, job, self._settings.linear, self._notice)
            if job.indices:
                pool = partial(downsample, image, job.mode, return_indices=True, **job.arguments)
                places.append(self._compute(pool)[1])
            if info.palette is None and final == "uint8":
                advice.on_scaled(result, kind)
            advice.on_colours(image, info, result)
            planes = result if job.stacked else [result]
            del image, result  # before the planes are encoded
            for plane in planes:
                if self._stopped():
                    raise StopError
                yield plane, info


def _words(reason: Exception) -> str:
    if isinstance(reason, MemoryError):
        return f"out of memory: {reason}".removesuffix(": ")
    if isinstance(reason, OSError):
        return reason.strerror or str(reason)
    return str(reason)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageError(f"the folder {shown(folder)} cannot be made: {error.strerror}") from None


def _check_memory(shape: tuple[int, ...], frames: int, kind: Format, most: int) -> None:
    if not kind.streams and frames > 1 and frames * shape[0] * shape[1] > most:
        raise ImageError(
            f"{kind.name} is written from memory, and {frames} frames of {shape[0]} x {shape[1]} pixels are more than "
            f"the {most} allowed: --max-pixels allows more; .tif, .npy are written frame by frame"
        )


def _check_size(shape: tuple[int, ...], most: int) -> None:
    if shape[0] * shape[1] * max(1, (*shape, 1)[2] / 4) > most:
        raise ImageError(
            f"the result would have {shape[0]} x {shape[1]} pixels, more than the {most} allowed: "
            "--max-pixels allows more"
        )


def shape_after(job: Job, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that a job makes of one, or raise a ValueError."""
    if job.command == "upsample":
        return upsampled_shape(shape, job.mode, job.arguments)
    return output_shape(shape, job.arguments)


def operate(image: NDArray[Any], info: Info, job: Job, linear: bool, notice: Say) -> NDArray[Any]:
    """Pool or enlarge a picture; modes that blend see colour multiplied by alpha, and in linear light if asked."""
    from poolcli.dtypes import check, convert
    from poolcli.engine.compile import announcing
    from poolcli.images.colour import blendable, viewable

    arguments = dict(job.arguments)
    with announcing(lambda: notice(_compiling(job.mode, image.dtype.name))):
        apply = upsample if job.command == "upsample" else downsample
        mixed = job.command == "upsample" and mixes_channels(job.mode, job.arguments)
        target = check(arguments.get("dtype") or image.dtype)
        values = blendable(image, info, linear, target) if job.blends and not mixed else image
        if values is image:
            made: NDArray[Any] = apply(image, job.mode, **arguments)
            return made
        arguments.pop("dtype", None)
        takes = job.row.parameters
        scale = _scale(takes, image) if job.command == "downsample" else 1.0
        values = values if scale == 1 else values / scale
        blended = apply(values, job.mode, **arguments)
        if info.alpha and "norm" in takes:  # alpha is a share, never a sum
            blended[..., -1:] = apply(values, job.mode, **arguments | _share(job.mode))[..., -1:]
        blended = blended if scale == 1 else scale * blended
        return convert(viewable(blended, info, linear, image.dtype), target)


def measure(image: NDArray[Any], info: Info, job: Job, linear: bool, notice: Say) -> NDArray[Any]:
    """Reduce one picture; modes that blend see it as they do in `operate`."""
    from poolcli.dtypes import check, convert
    from poolcli.engine.compile import announcing
    from poolcli.images.colour import blendable, viewable

    arguments = dict(job.arguments)
    row, parameters = arguments_of(job.mode, arguments)
    pool = parameters.get("pool", row.pool)
    with announcing(lambda: notice(_compiling(job.mode, image.dtype.name))):
        exact = check("float64")
        values = image if selects(job.mode, parameters) else blendable(image, info, linear, exact)
        if values is image or not pool:
            vector: NDArray[Any] = reduce(values, job.mode, **arguments).ravel()
            return vector
        target = check(arguments.pop("dtype", None) or exact)
        scale = _scale(parameters, image)
        values = values if scale == 1 else values / scale
        bins = reduce(values, job.mode, **arguments).reshape(-1, (*image.shape, 1)[2])
        if info.alpha and "norm" in parameters:
            bins[:, -1] = reduce(values, job.mode, **arguments | _share(pool)).reshape(bins.shape)[:, -1]
        bins = scale * bins
        return convert(viewable(bins, info, linear, image.dtype), target).ravel()


def _compiling(mode: str, dtype: str) -> str:
    """Say that a mode is compiled, and whether that is kept."""
    from poolcli.engine import cache

    if cache.is_writable():
        return f"compiling {mode} for {dtype}, once"
    way = f"the cache folder {shown(cache.root())} cannot be written, POOLCLI_CACHE_DIR names another"
    return f"compiling {mode} for {dtype} in every run: {way}"


def _share(mode: str) -> dict[str, str]:
    """Return the norm that gives a mean."""
    return {"norm": "mean" if "mean" in PARAMETERS["norm"].of(mode).choices else "weights"}


def _scale(takes: Container[str], image: NDArray[Any]) -> float:
    """Return what counts as 1 where a mode depends on the scale of the values: they are floats of the dtype's here."""
    from poolcli.dtypes import maximum

    return maximum(image.dtype) if "beta" in takes or "weights" in takes else 1.0


def channel_names(count: int, info: Info) -> tuple[str, ...]:
    """Return r, g, b, a or grey where a picture has colour, and numbers where it has bands.

    >>> channel_names(4, Info("PNG", alpha=True)), channel_names(3, Info("NPY"))
    (('r', 'g', 'b', 'a'), ('0', '1', '2'))
    """
    shade = "bands" if info.format in ARRAYS else colour_of(count, info.alpha, info.palette is not None)
    names = {"grey": ("grey",), "grey+alpha": ("grey", "a"), "RGB": ("r", "g", "b"), "RGBA": ("r", "g", "b", "a")}
    return ("index",) if shade == "palette" else names.get(shade, tuple(map(str, range(count))))
