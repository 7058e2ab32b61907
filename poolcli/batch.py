"""One file or many: read, operate, write, report."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from poolcli.downsample import MODES, downsample
from poolcli.images import ImageError
from poolcli.images.formats import format_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


class BatchError(Exception):
    """What makes a batch impossible before any work is done."""


@dataclass(frozen=True)
class Job:
    """One picture to make: plain data."""

    input: Path
    output: Path
    mode: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


def plan(
    inputs: Sequence[Path], mode: str, arguments: Mapping[str, Any], output: Path | None, overwrite: bool
) -> list[Job]:
    """Return a job for each input file, or raise a BatchError that says why no work should begin."""
    files = [file for path in inputs for file in _files(path)]
    if output is None:
        targets = [file.with_name(f"{file.stem}_{mode}{file.suffix}") for file in files]
    elif output.is_dir() or len(inputs) != 1 or inputs[0].is_dir():
        if output.exists() and not output.is_dir():
            raise BatchError(f"{output}: is a file, and the output of several pictures must be a folder")
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
    _check(jobs, overwrite)
    return jobs


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file() and format_of(file))
        if not files:
            raise BatchError(f"{path}: the folder holds no pictures")
        return files
    if not path.exists():
        raise BatchError(f"{path}: no such file or folder")
    return [path]


def _check(jobs: Iterable[Job], overwrite: bool) -> None:
    outputs: dict[Path, Path] = {}
    for job in jobs:
        target = job.output.resolve()
        if target in outputs:
            raise BatchError(f"{job.input} and {outputs[target]} would both write {job.output}")
        outputs[target] = job.input
        if format_of(job.output) is None:
            from poolcli.images.formats import WRITABLE

            raise BatchError(
                f"{job.output}: no format is written for the ending {job.output.suffix!r}: use {', '.join(WRITABLE)}"
            )
        if not overwrite and target == job.input.resolve():
            raise BatchError(f"{job.output}: is also the input; --overwrite replaces it")


@dataclass
class Report:
    """What became of the jobs."""

    written: int = 0
    failed: int = 0

    @property
    def exit_code(self) -> int:
        """Return 0 if all pictures were written, 1 if not."""
        return 1 if self.failed or not self.written else 0


def run(jobs: Iterable[Job], overwrite: bool, error: Callable[[str], None], notice: Callable[[str], None]) -> Report:
    """Do the jobs; a picture that fails is one line to `error` and does not stop the others."""
    from poolcli.images import read_image, write_image

    report = Report()
    gc.disable()  # until the first picture is done: the many imports before it make no garbage, and 0.1 s of searches
    # A decoder leaves Python free: Numba, whose import takes 0.15 s, is imported meanwhile.
    importing = Thread(target=import_module, args=("poolcli.kernels.windows",), daemon=True)
    importing.start()
    for job in jobs:
        try:
            if not overwrite and job.output.exists():
                raise ImageError("exists; --overwrite replaces it")
            image, info = read_image(job.input)
            importing.join()
            result = operate(image, info.alpha, job, notice)
            job.output.parent.mkdir(parents=True, exist_ok=True)
            write_image(result, job.output, overwrite=overwrite)
        except (ImageError, ValueError, TypeError, OSError, MemoryError) as reason:
            path = job.output if "--overwrite" in str(reason) else job.input
            error(f"{path}: {reason or type(reason).__name__}")
            report.failed += 1
        else:
            report.written += 1
        gc.enable()
    return report


def operate(image: NDArray[Any], alpha: bool, job: Job, notice: Callable[[str], None]) -> NDArray[Any]:
    """Pool one picture; blending modes see its colour premultiplied by alpha."""
    from poolcli.kernels.specialise import announcing

    arguments = dict(job.arguments)
    with announcing(lambda: notice(f"compiling {job.mode} for {image.dtype}, once")):
        if alpha and not MODES[job.mode].selects:
            from poolcli.images.colour import premultiplied, straight

            pooled: NDArray[Any] = straight(downsample(premultiplied(image), job.mode, **arguments), image.dtype)
        else:
            pooled = downsample(image, job.mode, **arguments)
    if pooled.ndim > image.ndim:
        raise ValueError(f"{job.mode} makes {len(pooled)} pictures of one: combine=mean makes one")
    return pooled
