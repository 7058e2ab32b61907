"""The few rows that README.md shows, from the same run as the whole table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.table import number

HEADLINES = {
    ("downsample", "max 2x2/2 uint8 RGB"): "`max`, 2 x 2, of 24 megapixels RGB",
    ("downsample", "average 2x2/2 uint8 RGB"): "`average`, 2 x 2, of the same",
    ("downsample", "median 3x3/1 uint8 RGB"): "`median`, 3 x 3 around every pixel",
    ("downsample", "soft 2x2/2 float32 RGB"): "`soft`, 2 x 2, float32",
    ("downsample", "majority 2x2/2 uint8 labels"): "`majority`, 2 x 2, of a label mask",
    ("upsample", "bicubic x2 uint8"): "`bicubic`, from 6 to 24 megapixels",
    ("resize", "bicubic /5.8 uint8, antialias"): "`resize` from 24 to 0.7 megapixels, `bicubic`",
    ("start", "average 2x2 of a small PNG"): "the command on a PNG of 512 x 512",
    ("files", "average 2x2 of a PNG into another"): "the command on a PNG of 24 megapixels",
    ("folders", "average 2x2 of a folder of JPEGs"): "the command on 300 JPEGs of 1 megapixel",
}
"""What the rows of these groups are called there."""

BEGIN = "<!-- the table of speed: written by benchmarks/headlines.py -->\n\n"
HEAD = "| work | poolcli | fastest peer | ratio |\n|---|---|---|---|\n"


def short(data: Mapping[str, Any]) -> str:
    """Return the table of a run, given as its JSON; each headline has to be in it."""
    rows = {(row["group"], row["work"]): row for row in data["rows"]}
    return HEAD + "".join(f"| {title} | {_cells(rows[key])} |\n" for key, title in HEADLINES.items())


def write(data: Mapping[str, Any], path: Path) -> None:
    """Put the table into a page, in place of that which stands there."""
    before, _, rest = path.read_text().partition(BEGIN)
    after = rest[rest.index("\n\n") :]
    path.write_text(before + BEGIN + short(data).rstrip("\n") + after)


def _cells(row: Mapping[str, Any]) -> str:
    own = row["poolcli"]["least"]
    peers = [(peer["least"], name) for name, peer in row["peers"].items() if peer["counts"]]
    if not peers:
        return f"{_time(own)} | - | -"
    least, name = min(peers)
    return f"{_time(own)} | {name}: {_time(least)} | {number(own / least)}"


def _time(milliseconds: float) -> str:
    return f"{number(milliseconds)} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f} s"
