"""The command that compiles ahead."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from poolcli.cli import options
from poolcli.commands import COMMANDS
from poolcli.comparing import ENLARGING
from poolcli.downsample import MODES, downsample
from poolcli.files import shown
from poolcli.parameters import DTYPES
from poolcli.quality import ssim
from poolcli.reduce import REDUCTIONS, reduce
from poolcli.resizing import RESIZINGS, resized
from poolcli.upsample import UPSAMPLINGS, upsample

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MODES = dict.fromkeys(name for command in COMMANDS.values() for name in command.modes)
_PHOTOS = ("uint8", "uint16", "float32")
_WINDOWS: tuple[Mapping[str, Any], ...] = (
    {"kernel_size": 5},
    {},
    {"kernel_size": 3},
    {"kernel_size": 3, "stride": 2},
    {"kernel_size": 3, "stride": 1},
    {"kernel_size": 3, "stride": 1, "padding": 1},
    {"kernel_size": 4, "stride": 3, "padding": 2},
    {"kernel_size": 9, "stride": 1},
    {"kernel_size": 9},
    {"kernel_size": 31, "stride": 1},
    {"size": 1},
    {"size": (3, 5)},
    {"dtype": "float32"},
)
"""Arguments that take each way through the loops: few and many values, windows far apart and dense, cut and uneven."""


@click.command(cls=options.Sections)
@click.option(
    "-m",
    "--mode",
    "modes",
    multiple=True,
    type=click.Choice([*_MODES]),
    metavar="MODE",
    help="Compile this one; may be repeated.  [default: all]",
)
@click.option("--dtype", "dtypes", multiple=True, type=click.Choice(DTYPES), metavar="DTYPE",
              help=f"Of images; may be repeated.  [default: {', '.join(_PHOTOS)}]")  # fmt: skip
def warmup(modes: tuple[str, ...], dtypes: tuple[str, ...]) -> None:
    """Compile ahead what the modes need, and tell where it is kept.

    POOLCLI_CACHE_DIR names the folder. All modes take some minutes.

    \b
        poolcli warmup
        poolcli warmup -m max -m bicubic --dtype uint8
    """  # noqa: D301
    from tqdm import tqdm

    from poolcli.engine import cache

    if not cache.is_writable():
        raise click.ClickException(
            f"the cache folder {shown(cache.root())} cannot be written: POOLCLI_CACHE_DIR names another"
        )
    before = len(cache.kernels())
    work = [(mode, dtype) for mode in modes or _MODES for dtype in dtypes or _PHOTOS]
    with tqdm(work, unit="mode", file=sys.stderr, dynamic_ncols=True, leave=False, disable=None) as bar:
        for mode, dtype in bar:
            bar.set_description(f"{mode} for {dtype}")
            _compile(mode, dtype)
    count = len(cache.kernels())
    if not count:
        raise click.ClickException(
            f"nothing was compiled and kept in {shown(cache.folder())}: is NUMBA_DISABLE_JIT set?"
        )
    names = f"{', '.join(dict.fromkeys(modes)) or 'every mode'} for {', '.join(dict.fromkeys(dtypes or _PHOTOS))}"
    made = count - before
    how = f"is ready: compiled {made} kernel{'s' * (made != 1)}" if made > 0 else "was ready before"
    click.echo(f"{names} {how}; kernels are kept in {shown(cache.folder())}")


def _compile(mode: str, dtype: str) -> None:
    import numpy as np

    for channels in (3, 1, 4, 2):  # of which some have loops of their own
        # Whole maps of this size are pooled in parts, by rank digit by digit.
        picture = np.ones((66, 68, channels), dtype)
        for apply in _calls(mode, picture):
            apply()


def _calls(mode: str, picture: NDArray[Any]) -> Iterator[Callable[[], Any]]:
    """Yield what has to be called once for a mode to be compiled in all that it is."""
    if mode in MODES:
        for window in _WINDOWS:
            if not MODES[mode].stacks or not {"size", "padding"} & {*window}:  # it takes whole windows alone
                yield partial(downsample, picture, mode, **window)
        if MODES[mode].finds:
            yield partial(downsample, picture, mode, return_indices=True)
        yield from (partial(upsample, picture, ENLARGING[0]), partial(ssim, picture, picture))  # for `compare`
    if mode in REDUCTIONS:
        yield partial(reduce, picture, mode)
    if mode in RESIZINGS:
        for scale in (0.5, 0.3):
            yield partial(resized, picture, mode, scale=scale)
    if mode not in UPSAMPLINGS or UPSAMPLINGS[mode].unfolds:  # which is a transposition
        return
    if "indices" in UPSAMPLINGS[mode].parameters:
        finder = next(row.name for row in MODES.values() if row.finds)
        indices = downsample(picture, finder, return_indices=True)[1]
        yield partial(upsample, picture[: len(indices), : len(indices[0])], mode, indices=indices)
    else:
        for scale in (2, 3, 1.5) if UPSAMPLINGS[mode].fractional else (2, 3):
            yield partial(upsample, picture, mode, scale=scale)
