"""The parts of a report on one study, in the order in which people ask: what was tried, why, where, what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import stdev
from typing import Any

from ...studies.records import Failure, Trial, TrialState
from ..reproduce import SPACE_FILE, recipe
from ..understood import understood_in
from ..verdict.pareto import front_sentence
from ..verdict.words import ledger_line
from ..words import duration, from_where, run_again, short, shown_params
from .facts import Facts

#: Trials that a table shows; a page with ten thousand is no page.
MOST_ROWS = 500
LONGEST_TEXT = 300


@dataclass(frozen=True)
class Cell:
    """A value as people read it."""

    text: str
    sort: float | None = None  #: what it is sorted by, where it is a number
    share: float | None = None  #: 0 to 1, how much of the cell is coloured
    mark: str = ""  #: words that have a look in `page.css`, such as `short worse`; others have none


@dataclass(frozen=True)
class Row:
    """Cells, the first of them the row's name."""

    cells: Sequence[Cell]
    best: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under a head."""

    title: str
    head: Sequence[str]
    rows: Sequence[Row]
    note: str = ""
    sortable: bool = False


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a report."""

    name: str
    title: str
    pictures: Sequence[str] = ()  #: names of `figures.pictures`
    small: bool = False  #: whether the pictures stand beside each other, as many as there is room for
    legend: str = ""  #: how to read the pictures; said where there are any
    tables: Sequence[Table] = ()
    texts: Sequence[str] = ()
    codes: Sequence[str] = field(default=())

    @property
    def is_empty(self) -> bool:
        """Whether it has nothing to say besides pictures."""
        return not (any(table.rows for table in self.tables) or self.texts or self.codes)


def sections(facts: Facts) -> list[Section]:
    """Return the parts that come after the answer."""
    return [
        Section(name="search", title="How the search went", pictures=("history", "ladder")),
        Section(name="learning", title="Learning curves", pictures=("curves",)),
        Section(
            name="winner", title="The winner", pictures=("gain",), tables=[values_table(facts), finals_table(facts)]
        ),
        Section(
            name="front",
            title="Pareto front",
            pictures=("front",),
            tables=[front_table(facts)],
            texts=[front_sentence(facts.front)] if facts.front and not facts.front.trials else [],
        ),
        Section(name="classes", title="Class by class", tables=class_tables(facts)),
        Section(name="data", title="The data", tables=[data_table(facts)]),
        Section(name="mattered", title="What mattered", pictures=("importance", "slices", "parallel")),
        Section(name="time", title="Where the time went", pictures=("time",), texts=ledger_texts(facts)),
        Section(name="failures", title="What went wrong", tables=[failures_table(facts)]),
        Section(name="trials", title="Trials", tables=[trials_table(facts)]),
        reproduction(facts),
    ]


def tiles(facts: Facts) -> list[tuple[str, str]]:
    """Return the few numbers to see at once."""
    found, cost = facts.verdict.get("gain"), facts.verdict.get("cost", {})
    shown: list[tuple[str, str]] = []
    if found:
        shown += [("Default", f"{found['baseline']:.4f}"), ("Winner", f"{found['winner']:.4f}")]
        shown += [("Difference", f"{found['difference']:+.4f}")]
    elif facts.best is not None and facts.best.score is not None:
        shown.append(("Best score", f"{facts.best.score:.4f}"))
    if cost.get("trainings"):
        shown.append(("Cost", f"{cost['trainings']:.1f} full trainings"))
    spent = sum(one.total_seconds for one in facts.trials)
    return [*shown, ("Time of all trials", duration(spent))] if facts.trials else shown


def about(facts: Facts) -> str:
    """Return in one sentence what was searched."""
    study, rows = facts.study, facts.notes.get("rows", {})
    on = f", {rows['train']} training rows" if "train" in rows else ""
    asked = f"{study.trials} trials on {study.backend}"
    what = f"{clipped(study.model)} on {clipped(study.task)}{on}"
    return f"{what}; {study.direction} {facts.metric}; {asked}."


# The winner


def values_table(facts: Facts) -> Table:
    """Return the winner's values beside the default's."""
    best, baseline = facts.best, facts.baseline
    columns = [one for one in (baseline, best) if one is not None]
    if best is None or not columns:
        return Table(title="", head=(), rows=())
    values = [shown_params(one) for one in columns]
    names = list(dict.fromkeys(name for one in values for name in one))
    rows = [Row([Cell(name), *(Cell(clipped(short(one.get(name, "-")))) for one in values)]) for name in names]
    rows += [Row([Cell("trial"), *(Cell(str(one.number)) for one in columns)])]
    rows += [Row([Cell("share of the data"), *(Cell(short(one.fraction)) for one in columns)])]
    rows += [Row([Cell(f"{facts.metric}, selection split"), *(Cell(score_text(one)) for one in columns)])]
    return Table(title="Configuration", head=("", *("default", "winner")[-len(columns) :]), rows=rows)


def finals_table(facts: Facts) -> Table:
    """Return what was compared on all the data, over its seeds."""
    rows = [
        Row(
            [
                Cell("default" if one["baseline"] else f"configuration of trial {one['configuration']}"),
                Cell(f"{one['mean']:.4f}", one["mean"]),
                Cell(f"{stdev(one['scores']):.4f}" if len(one["scores"]) > 1 else "-"),
                Cell(str(len(one["scores"]))),
                Cell("yes" if one["tied"] else "no"),
            ],
            best=place == 0,
        )
        for place, one in enumerate(facts.verdict.get("finalists") or [])
    ]
    looks = facts.verdict.get("looks", {})
    chosen_by, reported = (looks.get(split, 0) for split in ("selection", "report"))
    return Table(
        title="Finalists on all the data, selection split",
        head=("configuration", f"mean {facts.metric}", "sd", "seeds", "tied with the best"),
        rows=rows,
        note=f"Models were scored {chosen_by} times on the selection split and {reported} times on the report split.",
    )


def front_table(facts: Facts) -> Table:
    """Return the configurations that no other beats in all of several objectives; the winner's is marked."""
    front, names = facts.front, facts.parameters
    if front is None:
        return Table(title="", head=(), rows=())
    winner = None if facts.best is None else facts.best.first_number
    rows = [
        Row(
            [
                Cell(str(one.number), one.number),
                *(Cell(each.text(one), each.value(one)) for each in front.objectives),
                *(value_cell(shown_params(one).get(name)) for name in names),
                Cell("baseline" if one.baseline else from_where(one)),
            ],
            best=one.number == winner,
        )
        for one in front.trials[:MOST_ROWS]
    ]
    head = ("trial", *(one.words for one in front.objectives), *names, "what")
    left = len(front.trials) - len(rows)
    note = f"The first {len(rows)} of {len(front.trials)}; `hpsearch best --json` has all of them." if left else ""
    return Table(title=front_sentence(front), head=head, rows=rows, note=note, sortable=True)


def class_tables(facts: Facts) -> list[Table]:
    """Return scores by class and the confusion matrix of the winner on the report split."""
    found = facts.verdict.get("classes")
    if not found:
        return []
    names = [clipped(str(one)) for one in found["labels"]]
    scores = [
        Row([Cell(name), *(Cell(f"{found[part][place]:.3f}") for part in ("precision", "recall", "f1")),
             Cell(str(found["rows"][place]))])
        for place, name in enumerate(names)
    ]  # fmt: skip
    matrix = [
        Row([Cell(name), *(Cell(str(count), count, count / max(1, sum(counts))) for count in counts)])
        for name, counts in zip(names, found["matrix"], strict=True)
    ]
    where = "of the winner, report split"
    return [
        Table(title=f"Scores {where}", head=("class", "precision", "recall", "F1", "rows"), rows=scores),
        Table(title=f"Confusion matrix {where}", head=("true class", *(f"said {name}" for name in names)), rows=matrix),
    ]


def data_table(facts: Facts) -> Table:
    """Return what was understood of the data before the search; nothing of a Trainer of the user's own."""
    found = understood_in(facts.notes)
    if found is None:
        return Table(title="", head=(), rows=())
    rows = ", ".join(f"{name} {count}" for name, count in found.rows.items())
    told = {**found.words(), "rows": rows, "read": "; ".join(found.remarks)}
    return Table(
        title="What was understood of it",
        head=("", ""),
        rows=[Row([Cell(name), Cell(clipped(words))]) for name, words in told.items() if words],
    )


# What went wrong, and all the trials


def failures_table(facts: Facts) -> Table:
    """Return failures by class."""
    meaning = {Failure.COLLAPSED.value: "complete, but the same prediction for every row"}
    rows = [
        Row([Cell(kind), Cell(str(count), count), Cell(meaning.get(kind) or clipped(message))])
        for kind, count, message in facts.failures
    ]
    return Table(title="By class, with the message of the first", head=("class", "trials", "message"), rows=rows)


def trials_table(facts: Facts) -> Table:
    """Return the trials, the latest rung first and there the best first."""
    shown = sorted(facts.trials, key=lambda one: rank(one, facts))[:MOST_ROWS]
    names = facts.parameters
    rows = [
        Row(
            [
                Cell(str(one.number), one.number),
                Cell(state_text(one)),
                Cell(short(one.fraction), one.fraction),
                Cell(score_text(one), one.score),
                Cell(duration(one.total_seconds), one.total_seconds),
                *(value_cell(shown_params(one).get(name)) for name in names),
                Cell(run_again(one) or ("baseline" if one.baseline else from_where(one))),
            ],
            best=facts.best is not None and one.number == facts.best.number,
        )
        for one in shown
    ]
    left = len(facts.trials) - len(shown)
    note = f"The best {len(shown)} of {len(facts.trials)}; `hpsearch export` writes all of them." if left else ""
    return Table(
        title="Trials",
        head=("trial", "state", "data", facts.metric, "time", *names, "what"),
        rows=rows,
        note=note,
        sortable=True,
    )


def rank(trial: Trial, facts: Facts) -> tuple[float, float, int]:
    """Return what trials are sorted by."""
    score = trial.score if trial.state is not TrialState.FAILED else None
    signed = -(score or 0.0) if facts.maximize else score or 0.0
    return (-(trial.fraction or 0.0) if score is not None else 1.0, signed, trial.number)


def state_text(trial: Trial) -> str:
    """Return how a trial ended, or how far it is."""
    if trial.failure is not None:
        return trial.failure.value if trial.state is TrialState.COMPLETE else f"failed: {trial.failure.value}"
    if trial.state is TrialState.RUNNING and trial.progress is not None:
        return f"running {trial.progress:.0%}"
    return trial.state.value.lower()


def score_text(trial: Trial) -> str:
    """Return a trial's score."""
    return "-" if trial.score is None else f"{trial.score:.4f}"


def value_cell(value: Any) -> Cell:
    """Return the value of a hyperparameter."""
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    return Cell("-" if value is None else clipped(short(value)), number)


# How to do it again


def ledger_texts(facts: Facts) -> list[str]:
    """Return where the time went in one line."""
    return [ledger_line(facts.verdict)] if facts.verdict.get("cost") else []


def reproduction(facts: Facts) -> Section:
    """Return the command, the versions, and what the study is known by."""
    made, identity, study = recipe(facts.study), facts.identity, facts.study
    texts = [] if made.command else ["This study was searched from Python: run the same program again."]
    codes = [made.command] if made.command else []
    if made.space is not None:
        texts.append(f"The space is a file, {SPACE_FILE}:")
        codes.insert(0, made.space)
    known: dict[str, Any] = {
        **{f"{name} of the search": value for name, value in identity.get("versions", {}).items()},
        "seed": identity.get("seed"),
        "precision": identity.get("precision"),
        "device": facts.best.device if facts.best is not None else None,
        "data": fingerprint_text(identity.get("data")),
        "model": fingerprint_text(identity.get("model")),
        "identity": study.identity,
    }
    rows = [Row([Cell(name), Cell(clipped(str(value)))]) for name, value in known.items() if value not in (None, "")]
    return Section(
        name="again",
        title="How to reproduce it",
        texts=texts,
        codes=codes,
        tables=[Table(title="What it ran with", head=("", ""), rows=rows)],
    )


def fingerprint_text(value: Any) -> str:
    """Return what data or a model is known by."""
    if isinstance(value, Mapping):
        return str(value.get("fingerprint") or value.get("name") or dict(value))
    return "" if value is None else str(value)


def clipped(text: str) -> str:
    """Return a text that fits into a cell."""
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
