"""What a batch says while it runs: data on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from poolcli.batch.jobs import Outcome


class Console:
    """Errors, warnings and notices on stderr, around a progress bar where that is a terminal; JSON on stdout."""

    def __init__(self, total: int, quiet: bool, as_json: bool) -> None:
        self._quiet, self._json, self._failed = quiet, as_json, 0
        self._noticed = set[str]()
        self._bar: Any = None
        if sys.stderr.isatty() and not quiet and total > 1:
            from tqdm import tqdm

            self._bar = tqdm(total=total, unit="file", file=sys.stderr, dynamic_ncols=True, leave=False)

    def tell(self, outcome: Outcome) -> None:
        """Say what became of a job."""
        for line in outcome.warnings if not self._quiet else ():
            self._say(f"warning: {line}")
        if outcome.error:
            self._failed += 1
            self._say(f"error: {outcome.line}")
        if self._json:
            click.echo(json.dumps(_as_data(outcome)))
        if self._bar is not None:
            if self._failed:
                self._bar.set_postfix(failed=self._failed, refresh=False)
            self._bar.update()

    def notice(self, line: str) -> None:
        """Say once why it takes longer."""
        if line not in self._noticed and not self._quiet:
            self._noticed.add(line)
            self._say(line)

    def end(self, summary: str) -> None:
        """Remove the bar, and sum up."""
        if self._bar is not None:
            self._bar.close()
        if summary and not self._quiet:
            click.echo(summary, err=True)

    def _say(self, line: str) -> None:
        if self._bar is not None:
            self._bar.write(line, file=sys.stderr)
        else:
            click.echo(line, err=True)


def _as_data(outcome: Outcome) -> dict[str, Any]:
    job = outcome.job
    made = {"rows": outcome.added} if job.step.does.makes_rows else {"output": str(job.output or "-")}
    return {
        "input": str(job.input or "-"),
        **made,
        "status": outcome.status,
        "mode": ",".join(step.mode for step in (job.step, *job.beside)),
        "before": outcome.before,
        "after": outcome.after,
        "seconds": round(outcome.seconds, 6),
        "error": outcome.error or None,
    }
