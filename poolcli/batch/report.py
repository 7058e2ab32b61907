"""What became of a batch, in one line and one exit code."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from poolcli.batch.jobs import Outcome

_CLAUSE = re.compile("[:;] ")  # what follows has been said with the file


@dataclass
class Report:
    """Counts of what was written, skipped and failed, and why."""

    total: int
    counted: str = ""  # what is counted of what is made, where that is no files
    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        self.counts[outcome.status] += 1
        self.rows += outcome.added
        if outcome.error:
            self.reasons[_CLAUSE.split(outcome.error)[0]] += 1

    @property
    def exit_code(self) -> int:
        """Return 0 if all was done, 1 if not."""
        return 1 if self.counts["failed"] or sum(self.counts.values()) < self.total else 0

    def __str__(self) -> str:
        """Return one sentence: 3 written, 1 skipped, 2 failed: empty file (2)."""
        rows = f"{self.rows} {self.counted}{'s' * (self.rows != 1)}"
        made = rows if self.counted else f"{self.counts['written']} written"
        parts = [made]
        parts += [f"{self.counts[status]} {status}" for status in ("skipped", "failed") if self.counts[status]]
        left = self.total - sum(self.counts.values())
        parts += [f"{left} not begun"] if left else []
        reasons = ", ".join(f"{reason} ({number})" for reason, number in self.reasons.most_common(5))
        return ", ".join(parts) + (f": {reasons}" if reasons else "")
