"""Why a target is missed, and what was tried: of a work, or of all of a group that have no reason of their own."""

from __future__ import annotations

from collections.abc import Mapping

UNKNOWN = "not known yet."

REASONS: Mapping[tuple[str, str], str] = {}
