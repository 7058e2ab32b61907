"""The command that computes output sizes."""

from __future__ import annotations

from typing import Any

import click

from poolcli.cli import options
from poolcli.cli.running import usage_errors
from poolcli.cli.settings import given
from poolcli.cli.values import SizeOrFile

_AXES = ("height", "width")


@click.command(cls=options.Sections)
@click.argument("image", type=SizeOrFile(), metavar="HEIGHTxWIDTH|FILE")
@options.windows
@options.edges
def shape(image: int | tuple[int, int], **values: Any) -> None:
    """Compute the output size of a pool, by every convention, with the formula.

    HEIGHTxWIDTH is the height and the width of the image, or w=WIDTH,h=HEIGHT; FILE is an image that has them. With
    --ceil the size is not rounded down.

    \b
        poolcli shape -F 3 -S 2 photo.png
        poolcli shape -F 3 -S 2 -P 1 1080x1920
        poolcli shape --size 7 1080x1920
    """  # noqa: D301
    from poolcli.geometry import pair

    sizes = pair("image", image)
    values = given(values)
    with usage_errors():
        rows = _bins(sizes, values["size"]) if "size" in values else _windows(sizes, values)
    for name, results, formulas in rows:
        click.echo(f"{name:10} {results[0]} x {results[1]}")
        for axis, formula, result in zip(_AXES, formulas, results, strict=True):
            click.echo(f"{'':12}{axis:6} = {formula} = {result}")


Row = tuple[str, list[int], list[str]]

_ROUNDED: dict[str, dict[str, Any]] = {"floor": {"ceil": False}, "ceil": {"ceil": True}}
_SAME: dict[str, dict[str, Any]] = {name: {"padding": name, "ceil": False} for name in ("same", "same-lower")}


def _windows(sizes: tuple[int, int], values: dict[str, Any]) -> list[Row]:
    from poolcli import geometry

    rows: list[Row] = []
    named = isinstance(values.get("padding"), str)
    rounded = {name: changes for name, changes in _ROUNDED.items() if changes["ceil"] or not values.get("ceil")}
    for name, changes in (_SAME if named else rounded | _SAME).items():
        asked = geometry.shape(**{**values, **changes})
        windows = geometry.windows(*sizes, asked)
        formulas = [_formula(name, sizes[axis], axis, asked) for axis in (0, 1)]
        rows.append((name, [axis.size for axis in windows], formulas))
    return rows


def _formula(name: str, n: int, axis: int, asked: Any) -> str:
    from poolcli.geometry import padding_of

    kernel, stride, dilation = asked.kernel_size[axis], asked.stride[axis], asked.dilation[axis]
    before, after = padding_of(n, asked, axis)
    if name.startswith("same"):
        return f"ceil({n} / {stride}), with padding {before} before and {after} after"
    around = f"2*{before}" if before == after else f"{before} + {after}"
    return f"{name}(({n} + {around} - {dilation}*({kernel} - 1) - 1) / {stride}) + 1"


def _bins(sizes: tuple[int, int], size: int | tuple[int, int]) -> list[Row]:
    from poolcli.geometry import pair, shape, windows

    bins = list(pair("size", size))
    windows(*sizes, shape(size=size))
    formulas = [f"number of bins [floor(i {n}/{b}), ceil((i + 1) {n}/{b}))" for n, b in zip(sizes, bins, strict=True)]
    return [("adaptive", bins, formulas)]
