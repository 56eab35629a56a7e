"""A cell against its own history: which nights count, what is found, and what changed when its scores did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...studies.identity import difference
from ...studies.sweep_store import Measured
from .alarm import Finding, Night, State, examine, rows_changed

#: Of what has changed, lines that are kept with a finding.
MOST_CHANGES = 40


def judge(earlier: Sequence[Measured], measured: Mapping[str, Any], *, cells: int) -> dict[str, Any]:
    """Return how a new measurement of a cell stands against the earlier ones, as JSON.

    That is what `Finding.to_dict` has, and: `nights`, how many measurements were compared; `new_history`, why the
    earlier ones do not count, if there are any; `changes`, what is different since the change, or since the last night;
    `rows`, how many rows of the report split got better and worse, for the whole time since.
    """
    segment = present(earlier, measured["history"])
    past = [one.cell.measured or {} for one in segment]
    nights = [night(one) for one in [*past, measured]]
    found = examine(nights, direction=measured["direction"], rows=measured["rows"], cells=cells)
    first = len(past) if found.since is None else found.since
    return {
        **found.to_dict(),
        "words": words(found, segment),
        "since_due": None if found.since is None or found.since >= len(segment) else segment[found.since].due_at,
        "nights": len(nights),
        "new_history": None if segment or not earlier else why_new(earlier[-1], measured),
        "changes": changes(past[first - 1], measured if first == len(past) else past[first]) if first else [],
        "rows": changed_rows(past[:first], [*past[first:], measured]) if found.state is not State.NEW else None,
    }


def present(earlier: Sequence[Measured], history: str) -> list[Measured]:
    """Return the measurements that a new one of this history is compared with.

    Other data or another metric begin a new history; a change that was told is the level that later ones start from.
    """
    segment: list[Measured] = []
    for one in earlier:
        if one.cell.history != history:
            segment = []
            continue
        segment.append(one)
        finding = one.cell.finding or {}
        if finding.get("state") in (State.BETTER, State.WORSE) and isinstance(finding.get("since"), int):
            kept = finding["nights"] - finding["since"]
            segment = segment[-kept:]
    return segment


def night(measured: Mapping[str, Any]) -> Night:
    """Return a measurement as the statistics want it: the winner's score for each seed."""
    winner = measured["winner"]
    scores = winner["scores"].get(measured["metric"]) or []
    return Night(
        scores={seed: value for seed, value in zip(winner["seeds"], scores, strict=False) if value is not None}
    )


def words(found: Finding, segment: Sequence[Measured]) -> str:
    """Return the finding in one sentence, with the date of the run since when it is so in place of its number."""
    if found.since is None:
        return found.words
    when = f"the run of {segment[found.since].label}" if found.since < len(segment) else "this run"
    return found.words.replace(f"since run {found.since}", f"since {when}")


def why_new(last: Measured, measured: Mapping[str, Any]) -> str:
    """Return why an earlier measurement cannot be compared with a new one."""
    before = last.cell.measured or {}
    if before.get("metric") != measured["metric"]:
        return f"the metric changed: {before.get('metric')} -> {measured['metric']}"
    return "the data changed"


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return what a score may depend on and is different, one line each, and the winner's values where they are."""
    lines = difference(before.get("environment") or {}, after.get("environment") or {})
    old, new = ({"winner": side["winner"].get("params") or {}} for side in (before, after))
    return [*lines, *difference(old, new)][:MOST_CHANGES]


def changed_rows(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return how many rows are wrong more or less often than before; None where that was not kept."""
    sides = [[one["winner"].get("errors") for one in part] for part in (before, after)]
    if not sides[0] or any(not errors for part in sides for errors in part):
        return None
    if len({len(errors) for part in sides for errors in part}) != 1:
        return None
    means = [[sum(row) / len(part) for row in zip(*part, strict=True)] for part in sides]
    found = rows_changed(means[0], means[1])
    return {"lost": found.lost, "gained": found.gained, "p": found.p}
