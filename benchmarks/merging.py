"""Groups that are run again, put into the files that have the results of all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from benchmarks.running import GROUPS
from benchmarks.table import MISSED

_TITLE = re.compile(r"^## (.+)\n\n", re.MULTILINE)


def merged_json(all_groups: Mapping[str, Any], again: Mapping[str, Any]) -> dict[str, Any]:
    """Return the results of all groups, with those of the groups that were run again in their place.

    A ValueError says what differs between the two runs but the date and what was left out.
    """
    about = {*all_groups} - {"date", "left_out", "rows"}
    if other := [name for name in sorted(about) if all_groups[name] != again[name]]:
        raise ValueError(f"{', '.join(other)} of this run are others than those of the file: run all groups")
    groups = {row["group"] for row in again["rows"]}
    rows = [row for row in all_groups["rows"] if row["group"] not in groups] + [*again["rows"]]
    return {**all_groups, "rows": sorted(rows, key=lambda row: GROUPS.index(row["group"]))}


def merged_markdown(all_groups: str, again: str) -> str:
    """Return the page of all groups, with the tables of those that were run again, and how these were made."""
    (head, old), (head_again, new) = _sections(all_groups), _sections(again)
    groups = [name for name in new if name != MISSED]
    missed = [
        *(line for line in old.pop(MISSED, "").splitlines() if line.partition(",")[0][2:] not in groups),
        *new.pop(MISSED, "").splitlines(),
    ]
    tables = {**old, **new}
    made = head_again.split("\n\n")[1]
    parts = [part for part in head.split("\n\n") if not part.startswith(tuple(f"Again {name}: " for name in groups))]
    parts[2:2] = [f"Again {name}: {made[0].lower()}{made[1:]}" for name in groups]
    page = ["\n\n".join(parts), *(f"## {name}\n\n{tables[name]}" for name in sorted(tables, key=GROUPS.index))]
    if missed:
        lines = sorted(missed, key=lambda line: GROUPS.index(line.partition(",")[0][2:]))
        page.append("\n".join([f"## {MISSED}\n", *lines]))
    return "\n\n".join(page) + "\n"


def _sections(page: str) -> tuple[str, dict[str, str]]:
    head, *rest = _TITLE.split(page)
    return head.strip(), dict(zip(rest[::2], (body.strip() for body in rest[1::2]), strict=True))
