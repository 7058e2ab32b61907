"""One file or many: read, operate, write, report."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path, PurePath
from threading import Thread
from typing import TYPE_CHECKING, Any

from poolcli.downsample import MODES, downsample, output_shape
from poolcli.images import ImageError, Info, Reading, Writing
from poolcli.images.formats import ENDINGS, WRITABLE, Format, endings, format_of
from poolcli.parameters import PARAMETERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poolcli.images.read import Picture
    from poolcli.images.write import Frame

Say = Callable[[str], None]


class BatchError(Exception):
    """What makes a batch impossible before any work is done."""


@dataclass(frozen=True)
class Job:
    """One file to make: plain data."""

    input: Path
    output: Path
    mode: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def blends(self) -> bool:
        """Return whether the mode makes values that the picture does not have."""
        return not MODES[self.mode].selects or self._value("combine") == "mean"

    @property
    def planes(self) -> int:
        """Return how many pictures the mode makes of one."""
        return self._value("k") if self._value("combine") == "planes" else 1

    def _value(self, name: str) -> Any:
        return self.arguments.get(name, PARAMETERS[name].default) if name in MODES[self.mode].parameters else None

    def __str__(self) -> str:
        """Return the command that does it, for the record."""
        import poolcli

        options = [
            f"--{name.replace('_', '-')} {'x'.join(map(str, value)) if isinstance(value, tuple) else value}"
            for name, value in self.arguments.items()
            if value is not None and value is not False
        ]
        return " ".join([f"poolcli {poolcli.__version__} downsample --mode {self.mode}", *options])


@dataclass(frozen=True)
class Settings:
    """How files are read and written, and what of them."""

    reading: Reading = field(default_factory=Reading)
    writing: Writing = field(default_factory=Writing)
    frame: int | None = None
    linear: bool = False


def plan(
    inputs: Sequence[Path], mode: str, arguments: Mapping[str, Any], output: Path | None, settings: Settings
) -> list[Job]:
    """Return a job for each input file, or raise a BatchError that says why no work should begin."""
    files = [file for path in inputs for file in _files(path)]
    if output is None:
        targets = [file.with_name(f"{file.stem}_{mode}{file.suffix}") for file in files]
    elif output.is_dir() or len(inputs) != 1 or inputs[0].is_dir():
        if output.exists() and not output.is_dir():
            raise BatchError(f"{shown(output)}: is a file, and the output of several pictures must be a folder")
        targets = [output / file.name for file in files]
    else:
        targets = [output]
    made = {target.resolve() for target in targets}
    # A folder that holds results of an earlier run is not an input of results.
    jobs = [
        Job(file, target, mode, arguments)
        for file, target in zip(files, targets, strict=True)
        if file in inputs or file.resolve() not in made
    ]
    _check(jobs, settings)
    return jobs


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file() and file.suffix.lower() in ENDINGS)
        if not files:
            raise BatchError(f"{shown(path)}: the folder holds no pictures")
        return files
    if not path.exists():
        raise BatchError(f"{shown(path)}: no such file or folder")
    return [path]


def _check(jobs: Iterable[Job], settings: Settings) -> None:
    outputs: dict[Path, Path] = {}
    for job in jobs:
        target = job.output.resolve()
        if target in outputs:
            raise BatchError(f"{shown(job.input)} and {shown(outputs[target])} would both write {shown(job.output)}")
        outputs[target] = job.input
        kind = format_of(job.output)
        if kind is None:
            raise BatchError(
                f"{shown(job.output)}: no format is written for the ending {job.output.suffix!r}: "
                f"use {', '.join(WRITABLE)}"
            )
        if settings.writing.quality and not kind.quality:
            takers = endings(lambda other: other.quality)
            raise BatchError(f"{shown(job.output)}: {kind.name} takes no quality: {takers} do")
        if not settings.writing.overwrite and target == job.input.resolve():
            raise BatchError(f"{shown(job.output)}: is also the input; --overwrite replaces it")


def shown(path: PurePath) -> str:
    """Return a path on one line, whatever it is made of."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(path))


@dataclass
class Report:
    """What became of the jobs."""

    written: int = 0
    failed: int = 0

    @property
    def exit_code(self) -> int:
        """Return 0 if all pictures were written, 1 if not."""
        return 1 if self.failed or not self.written else 0


def run(jobs: Iterable[Job], settings: Settings, error: Say, warning: Say, notice: Say) -> Report:
    """Do the jobs; a file that fails is one line to `error` and does not stop the others."""
    report = Report()
    gc.disable()  # until the first picture is done: the many imports before it make no garbage, and 0.1 s of searches
    # A decoder leaves Python free: Numba, whose import takes 0.15 s, is imported meanwhile.
    importing = Thread(target=import_module, args=("poolcli.kernels.windows",), daemon=True)
    importing.start()
    for job in jobs:
        try:
            _do(job, settings, importing.join, warning, notice)
        except (ImageError, ValueError, TypeError, OSError, MemoryError) as reason:
            path = job.output if "--overwrite" in str(reason) else job.input
            error(f"{shown(path)}: {reason or 'out of memory'}")
            report.failed += 1
        else:
            report.written += 1
        gc.enable()
    return report


def _do(job: Job, settings: Settings, ready: Callable[[], None], warning: Say, notice: Say) -> None:
    from poolcli.images.place import check_free
    from poolcli.images.read import open_picture
    from poolcli.images.write import check_count, known, write_frames

    check_free(job.output, settings.writing.overwrite)
    with open_picture(job.input, settings.reading) as picture:
        wanted = range(picture.frames) if settings.frame is None else [settings.frame]
        count = len(wanted) * job.planes
        kind = known(job.output)
        check_count(kind, count)
        if job.planes > 1 and not kind.streams:
            raise ImageError(
                f"{job.mode} makes {job.planes} pictures of one: combine=mean makes one; .tif, .npy hold all"
            )
        job.output.parent.mkdir(parents=True, exist_ok=True)
        results = _results(picture, wanted, job, settings, ready, warning, notice)
        write_frames(results, count, job.output, None, replace(settings.writing, record=str(job)))


def _results(
    picture: Picture,
    wanted: Sequence[int],
    job: Job,
    settings: Settings,
    ready: Callable[[], None],
    warning: Say,
    notice: Say,
) -> Iterator[Frame]:
    from poolcli.images.write import check, known

    warned = False
    for frame in wanted:
        image, info = picture.read(frame)
        ready()
        dtype = job.arguments.get("dtype") or image.dtype.name
        shape = output_shape(image.shape, **job.arguments)
        _, final = check(shape, dtype, info, known(job.output), settings.writing)
        _check_memory(shape, len(wanted), known(job.output), settings.reading.max_pixels)
        if image.dtype.kind == "f" and "int" in min(dtype, final, key=len) and not warned:
            warned = _warn_of_holes(image, job.input, warning)
        result = operate(image, info, job, settings.linear, notice)
        planes = result if result.ndim > image.ndim else [result]
        del image  # before its result is encoded
        yield from ((plane, info) for plane in planes)


def _check_memory(shape: tuple[int, ...], frames: int, kind: Format, most: int) -> None:
    if not kind.streams and frames > 1 and frames * shape[0] * shape[1] > most:
        raise ImageError(
            f"{kind.name} is written from memory, and {frames} frames of {shape[1]} x {shape[0]} pixels are more than "
            f"the {most} allowed: --max-pixels allows more; .tif, .npy are written frame by frame"
        )


def _warn_of_holes(image: NDArray[Any], path: Path, warning: Say) -> bool:
    """Say what becomes of NaN and infinity among integers."""
    import numpy as np

    if np.isfinite(image).all():
        return False
    warning(f"{shown(path)}: NaN becomes 0 and infinity the largest value, as integers have neither")
    return True


def operate(image: NDArray[Any], info: Info, job: Job, linear: bool, notice: Say) -> NDArray[Any]:
    """Pool one picture; blending modes see its colour multiplied by alpha, and in linear light if asked."""
    from poolcli.images.colour import blendable, viewable
    from poolcli.kernels.specialise import announcing

    arguments = dict(job.arguments)
    with announcing(lambda: notice(f"compiling {job.mode} for {image.dtype}, once")):
        values = blendable(image, info, linear) if job.blends else image
        if values is image:
            pooled: NDArray[Any] = downsample(image, job.mode, **arguments)
            return pooled
        from poolcli.dtypes import check, convert, maximum

        target = check(arguments.pop("dtype", None) or image.dtype)
        if "beta" in MODES[job.mode].parameters:  # which is meant for fractions of the dtype's maximum
            arguments["beta"] = arguments.get("beta", PARAMETERS["beta"].default) / maximum(image.dtype)
        blended = downsample(values, job.mode, **arguments)
        if info.alpha and "norm" in MODES[job.mode].parameters:  # alpha is a share, never a sum
            blended[..., -1:] = downsample(values[..., -1:], job.mode, **{**arguments, "norm": "mean"})
        return convert(viewable(blended, info, linear, image.dtype), target)
