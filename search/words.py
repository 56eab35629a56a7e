"""How trials, values and times are said, wherever it is: on the screen, on a page, in a note, in a model card."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ..studies.objective import Objective
from ..studies.records import Failure, Phase, Study, Trial, TrialState
from .trial.configuration import BATCH

#: Characters of a failure's message that a table shows; `--json` has all of it.
LONGEST_MESSAGE = 200


def baseline_of(trials: Sequence[Trial], best: Trial) -> Trial | None:
    """Return the baseline's trial on as much data as the best one had, or else its first."""
    runs = [trial for trial in trials if trial.baseline or trial.number == 0]
    alike = [trial for trial in runs if trial.state.ran_through and trial.fraction == best.fraction]
    return next(iter([*alike, *runs]), None)


def counts_line(study: Study, trials: Sequence[Trial]) -> str:
    """Return one line: what became of the trials, how those failed that did, and how many workers there were."""
    searched = [trial for trial in trials if trial.phase is Phase.SEARCH]
    states = Counter(trial.state for trial in searched)
    done = sum(count for state, count in states.items() if state.is_done)
    shown = (TrialState.COMPLETE, TrialState.INFEASIBLE, TrialState.PRUNED, TrialState.RUNNING, TrialState.WAITING)
    words = {state: f"{states[state]} {state.value.lower()}" for state in shown if states[state]}
    if TrialState.COMPLETE in words and collapsed(trials):
        words[TrialState.COMPLETE] += f" ({collapsed(trials)} collapsed: the same prediction for every row)"
    counts = ", ".join(words.values())
    failed = states[TrialState.FAILED]
    replaced = "" if done < study.trials else " and was replaced" if failed == 1 else " and were replaced"
    workers = len({trial.worker for trial in trials if trial.worker})
    again = f"{len(trials) - len(searched)} more on more data" if len(trials) > len(searched) else ""
    parts = (counts, f"{failed} failed{replaced}: {failure_words(failures(searched))}" if failed else "", again)
    by = f"run by {workers} workers" if workers > 1 else ""
    return f"{study.trials} trials: {'; '.join(part for part in (*parts, by) if part)}"


def failures(trials: Sequence[Trial]) -> dict[str, int]:
    """Return how many trials failed in each way, the most frequent first."""
    failed = [trial for trial in trials if trial.state is TrialState.FAILED]
    return dict(Counter(trial.failure.value for trial in failed if trial.failure is not None).most_common())


def collapsed(trials: Sequence[Trial]) -> int:
    """Return how many trials are complete and predict the same for every row."""
    return sum(trial.state is TrialState.COMPLETE and trial.failure is Failure.COLLAPSED for trial in trials)


def failure_words(counts: Mapping[str, int]) -> str:
    """Return `2 oom, 1 nan`."""
    return ", ".join(f"{count} {failure}" for failure, count in counts.items())


def gain_words(study: Study, baseline: Trial | None, best: Trial) -> str:
    """Return how the best trial stands beside the baseline where no report split was there to compare them on."""
    if best.failure is Failure.COLLAPSED:
        return "no trial learned anything: the best one predicts the same for every row"
    if baseline is not None and baseline.state is TrialState.FAILED:
        return f"the baseline failed: {baseline.failure}"
    if baseline is None or baseline.score is None:
        return "the baseline has no score"
    if best.first_number == baseline.first_number:
        return "no configuration beat the baseline"
    if best.fraction != baseline.fraction:
        return f"trial {best.first_number} was followed to {short(best.fraction)} of the data, the baseline was not"
    gain = ((best.score or 0.0) - baseline.score) * Objective.of(study).sign
    how = f"best is {gain:.4f} better" if gain >= 0 else f"trial {best.number} is {-gain:.4f} worse"
    return f"{how} than the baseline on the selection split"


def from_where(trial: Trial) -> str:
    """Return which study a configuration was taken from; nothing for one that was proposed here."""
    return "" if trial.prior is None else f"from {trial.prior}"


def run_again(trial: Trial) -> str:
    """Return which configuration a promotion or a final runs again, and on how much of the data; else nothing."""
    if trial.origin is None:
        return "beside the best, on all the data" if trial.phase is Phase.FINAL else ""
    which = "baseline" if trial.baseline else f"trial {trial.origin}"
    data = "all the data" if trial.fraction == 1.0 else f"{short(trial.fraction)} of the data"
    return f"{which} on {data}" + (f", seed {trial.seed}" if trial.phase is Phase.FINAL else "")


def shown_params(trial: Trial) -> dict[str, Any]:
    """Return a trial's values.

    A batch that ran in pieces, to fit into memory, has how: `64 (16 x 4)`. A value that changed during the training has
    all it was: `0.001 > 0.0008`.
    """
    params, args = dict(trial.params or {}), trial.config.get("args")
    args = args if isinstance(args, dict) else {}
    batch, piece = params.get(BATCH), args.get(BATCH)
    if isinstance(batch, int) and isinstance(piece, int) and 0 < piece < batch:
        params[BATCH] = f"{batch} ({piece} x {batch // piece})"
    changes = changes_of(trial)
    if changes:  # the weights may stem from another trial, which began with other values
        params |= {name: args[name] for name in params if name in args}
    for name in {name for values in changes for name in values if name in params}:
        params[name] = " > ".join(map(short, [params[name], *(values[name] for values in changes if name in values)]))
    return params


def changes_of(trial: Trial) -> list[dict[str, Any]]:
    """Return the values that changed during a trial's training, change by change; see `trial.schedule`."""
    written = trial.config.get("schedule")
    changes = [one.get("values") for one in written if isinstance(one, dict)] if isinstance(written, list) else []
    return [values for values in changes if isinstance(values, dict)]


def short_values(params: dict[str, Any]) -> str:
    """Return names and values in one line, numbers to three digits."""
    return ", ".join(f"{name}={short(value)}" for name, value in params.items())


def worker_place(trial: Trial) -> tuple[str, int | None]:
    """Return the host and the process id of the worker that holds a trial, or held it last."""
    host, _, process = (trial.worker or "").partition(":")
    pid = re.match(r"[0-9]+", process)
    return host.partition("#")[0], int(pid[0]) if pid else None


def short_message(message: str) -> str:
    """Return a text in one line, shortened: the message of a failure, or any other that may be long."""
    line = " ".join(message.split())
    return line if len(line) <= LONGEST_MESSAGE else f"{line[: LONGEST_MESSAGE - 3]}..."


def short(value: Any) -> str:
    """Return a value as a person would write it."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def duration(seconds: float | None) -> str:
    """Return seconds as `41s`, `3m20s` or `2h05m`."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.0f}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02d}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}m"


def size(count: int) -> str:
    """Return bytes as `512 B`, `1.5 kB` or `438.0 MB`, a kB being a thousand."""
    amount, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while amount >= 999.95 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{amount:.0f} B" if units[0] == "B" else f"{amount:.1f} {units[0]}"
