"""Moments as the store keeps them: UTC, ISO text of one fixed width, so that text order is time order.

Text rather than a database type: SQLite has none, MariaDB's drops the zone, and every one of them reads
alike.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the present moment, with its zone (UTC)."""
    return datetime.now(UTC)


def utc_text(moment: datetime) -> str:
    """Return `moment` as the store writes it, `2026-03-01T09:30:00.000000+00:00` (always 32 characters).

    A moment without a zone is refused with `ValueError`: nobody could say which moment it was.
    """
    if moment.tzinfo is None:
        raise ValueError(f"a stored moment needs a time zone, got {moment!r}")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
