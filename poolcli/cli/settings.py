"""From the values of shared options to settings of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from poolcli.batch.jobs import MEMORY, Settings
from poolcli.commands import Step
from poolcli.downsample import window_of
from poolcli.images import Reading, Writing


def settings_of(values: dict[str, Any]) -> tuple[Settings, dict[str, Any]]:
    """Take the values of `files` out of a command's: as settings of jobs, and as what makes the batch; dtype stays."""
    taken = {name: values.pop(name) for name in _SETTINGS if name in values}
    batch = dict.fromkeys(_BATCH) | {name: values.pop(name) for name in _BATCH if name in values}
    if taken["overwrite"] and batch["skip_existing"]:
        raise click.UsageError("--overwrite and --skip-existing exclude each other")
    batch["overwrite"] = taken["overwrite"]
    layout = taken["layout"]
    taken["layout"] = layout or "hwc"
    return Settings(
        Reading(**{name: taken[name] for name in _READING}, layout_given=layout is not None),
        Writing(**{name: taken[name] for name in _WRITING if name in taken}),
        frame=taken["frame"],
        linear=taken["linear"],
        skip_existing=bool(batch["skip_existing"]),
        fail_fast=bool(batch["fail_fast"]),
        debug=bool(batch["debug"]),
        colour=taken.get("colour") or "",
        layout_given=layout is not None,
        keep_palette=taken["keep_palette"],
        memory=taken.get("memory") or MEMORY,
        resume=bool(taken.get("resume")),
        tile=taken.get("tile"),
    ), batch


_READING = ("max_pixels", "layout", "convert")
_WRITING = ("overwrite", "convert", "background", "quality", "compression", "strip", "layout")
_BATCH = (
    "output", "name", "format", "skip_existing", "recursive", "include", "exclude", "files_from", "null", "jobs",
    "scheduler", "dry_run", "fail_fast", "quiet", "json", "debug",
)  # fmt: skip
_SETTINGS = (*_WRITING, "max_pixels", "keep_palette", "frame", "linear", "colour", "memory", "tile", "resume")


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given, without those that were not."""
    return {name: value for name, value in values.items() if value is not None and value is not False}


def check_linear(steps: Sequence[Step], settings: Settings) -> None:
    """Raise a ValueError if linear light is asked for, and nothing is blended."""
    if settings.linear and not any(step.blends for step in steps):
        modes = " and ".join(step.mode for step in steps)
        verb = "select" if len(steps) > 1 else "selects"
        raise ValueError(f"--linear is for modes that blend values, and {modes} {verb} them")


def check_palette(step: Step, settings: Settings) -> None:
    """Raise a ValueError if indices of palettes are asked for, and would be blended or made values."""
    if not settings.reading_for(step).keep_palette:
        return
    if step.blends:
        selecting = ", ".join(name for name, row in step.does.modes.items() if row.selects)
        raise ValueError(f"mode {step.mode!r} would blend the indices of a palette: --keep-palette is for {selecting}")
    if "dtype" in step.arguments:
        raise ValueError("--dtype is for values, and --keep-palette keeps indices: give one of them")


def check_window(parameters: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
    """Raise a ValueError if windows are not allowed, or hold fewer values than are asked for."""
    from poolcli.geometry import shape

    taps = shape(**window_of(arguments)).taps
    if "size" not in arguments and parameters.get("k", 0) > taps:
        raise ValueError(f"k={parameters['k']} is more than the {taps} values of a window")
