"""Tasks: a data set, its text columns, label column and label names, and one objective.

Nothing here reads data or imports anything heavy, so that `hpsearch tasks` answers at once. `data.raw` reads the
data of a task, `metrics` computes its metrics, `submission` writes its predictions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..spaces.errors import BadInput, did_you_mean
from ..studies.objective import NOT_METRICS, Objective
from .layouts import Column, Files, Hub, Submission, check_names, check_text_columns

LOSS = "loss"
CLASSIFICATION_METRICS = ("accuracy", "f1", "matthews_correlation")
REGRESSION_METRICS = ("pearson", "spearmanr", "mse", "mae")
#: Of several labels a row: F1 over all labels together, the mean of the F1 of each, and rows that are all right.
SEVERAL_METRICS = ("f1_micro", "f1_macro", "subset_accuracy")
#: Every metric a task may name.
METRICS = (*CLASSIFICATION_METRICS, *REGRESSION_METRICS, *SEVERAL_METRICS)
#: What the labels of the user's own data may be said to be.
CLASSES, NUMBERS, SEVERAL = "classes", "numbers", "several"
LABEL_KINDS = (CLASSES, NUMBERS, SEVERAL)
#: From this share of the largest class on, accuracy says little: who always says that class has nearly all of it.
IMBALANCED = 0.9
#: The objective then: 0 for whoever always says the same, one number for any number of classes, and none of them has to
#: be called the positive one, as for F1 (Chicco & Jurman, BMC Genomics 2020).
IMBALANCED_OBJECTIVE = "matthews_correlation"


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is learnt, from which columns, and how it is scored.

    `labels` holds the class names in the order of their ids: None before the data was read, empty for a
    regression.
    """

    name: str
    text_columns: tuple[str, ...]
    label_column: str
    labels: tuple[str, ...] | None
    metrics: tuple[str, ...]
    objective: str  #: key of the metric that is optimized unless somebody names another
    generated: bool = False  #: made by a grammar of ours, needs no files
    hub: Hub | None = None
    files: Files | None = None
    submission: Submission | None = None
    label_columns: tuple[str, ...] = ()  #: of several labels a row, where each has a column of 0 and 1
    label_kind: str | None = None  #: one of `LABEL_KINDS`, where the user says so, or there are several a row
    positive_label: str | None = None  #: of two classes the one that F1 is of
    positive_said: bool = True  #: whether that was said, and not taken for granted from the rows
    group_column: str | None = None  #: rows with the same value there stay together in splits and subsets

    @property
    def positive_id(self) -> int:
        """The class that F1 is of, where there are two: class 1 unless it is said."""
        return 1 if self.positive_label is None else (self.labels or ()).index(self.positive_label)

    @property
    def is_several(self) -> bool:
        """Whether a row has any number of labels, each of which is given or not."""
        return self.label_kind == SEVERAL

    @property
    def is_own(self) -> bool:
        """Whether it is on the user's own data, not a built-in one."""
        return not (self.generated or self.hub or self.files)

    @property
    def is_regression(self) -> bool:
        """Whether a number is predicted; False too while the labels are not known."""
        return self.labels == ()

    @property
    def num_labels(self) -> int:
        """How many outputs a model for this task has. Raises `ValueError` while the labels are not known."""
        if self.labels is None:
            raise ValueError(f"the labels of task {self.name!r} are known only after its data was read")
        return len(self.labels) or 1

    @property
    def columns(self) -> tuple[Column, ...]:
        """The text columns, the label column, then that of the groups, each with its names in the task's files."""
        aliases = dict(self.files.aliases) if self.files else {}
        texts = [Column(name=name, aliases=aliases.get(name, ()), several=self.is_own) for name in self.text_columns]
        groups = [] if self.group_column is None else [Column(name=self.group_column)]
        return (*texts, *self.label_parts, *groups)

    @property
    def label_parts(self) -> tuple[Column, ...]:
        """The label column, or that of each label where there are several."""
        if self.label_columns:
            return tuple(Column(name=name) for name in self.label_columns)
        aliases = dict(self.files.aliases) if self.files else {}
        return (Column(name=self.label_column, aliases=aliases.get(self.label_column, ()), several_labels=self.is_own),)

    def with_text_columns(self, names: Sequence[str]) -> Task:
        """Return this task with the text columns that its data has. Raises `BadInput` as `custom_task` does."""
        check_text_columns(names)
        check_names(names, self.label_column, self.group_column)
        return dataclasses.replace(self, text_columns=tuple(names))

    def with_labels(self, labels: Sequence[str], counts: Sequence[int] = ()) -> Task:
        """Return this task with its labels filled in; one without metrics gets those of its kind.

        `counts` are the rows of each class in the training part. They say which of two classes F1 is of, the rarer one
        unless it is said, and whether accuracy can be the objective. Raises `BadInput` for a positive label that is
        none of two.
        """
        known = dataclasses.replace(self, labels=tuple(labels))
        if known.metrics:
            return known
        if known.is_several:
            if known.positive_label is not None:
                raise BadInput(f"positive label {known.positive_label!r}: F1 is of all labels where a row has several")
            return dataclasses.replace(known, metrics=SEVERAL_METRICS, objective=f"eval_{SEVERAL_METRICS[0]}")
        metrics = REGRESSION_METRICS if known.is_regression else CLASSIFICATION_METRICS
        first = IMBALANCED_OBJECTIVE if counts and max(counts) >= IMBALANCED * sum(counts) else metrics[0]
        positive = _positive_label(known, counts)
        return dataclasses.replace(
            known,
            metrics=metrics,
            objective=f"eval_{first}",
            positive_label=positive,
            positive_said=self.positive_label is not None,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return this task as plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Task:
        """Rebuild a task from `to_dict`, also after a trip through JSON. Raises `BadInput` if it is none."""
        parts = {"hub": Hub, "files": Files, "submission": Submission}
        try:
            given = {name: _tupled(value) for name, value in values.items()}
            for name, part in parts.items():
                given[name] = given.get(name) and part(**_tupled_values(given[name]))
            return cls(**given)
        except (TypeError, AttributeError) as error:
            raise BadInput(f"this is no task written by hpsearch: {error}") from None


def _positive_label(task: Task, counts: Sequence[int]) -> str | None:
    """Return the class that F1 is of: the one that was said, else the rarer of two, and of equals the second."""
    said, labels = task.positive_label, task.labels or ()
    if said is None:
        if len(labels) != 2:
            return None
        return labels[0] if counts and counts[0] < counts[1] else labels[1]
    if said not in labels:
        what = "predicts numbers" if not labels else "has no label of that name"
        raise BadInput(
            f"positive label {said!r}: task {task.name!r} {what}", hint=did_you_mean(said, labels) if labels else None
        )
    if len(labels) > 2:
        raise BadInput(
            f"positive label {said!r}: task {task.name!r} has {len(labels)} classes, and F1 is the mean over all",
            hint="leave it out",
        )
    return said


def _tupled(value: Any) -> Any:
    return tuple(map(_tupled, value)) if isinstance(value, list | tuple) else value


def _tupled_values(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _tupled(value) for name, value in values.items()}


def _classification(name: str, texts: str, labels: str, metrics: str = "accuracy", **rest: Any) -> Task:
    """Declare a built-in classification task; its first metric is the objective."""
    names, classes = tuple(metrics.split()), tuple(labels.split())
    return Task(
        name=name,
        text_columns=tuple(texts.split()),
        label_column="label",
        labels=classes,
        positive_label=classes[1] if "f1" in names else None,  # as in GLUE
        metrics=names,
        objective=f"eval_{names[0]}",
        **rest,
    )


def _files(folder: str, *, train: str = "train.tsv", validation: str = "dev.tsv", **rest: Any) -> Files:
    return Files(
        folders=(folder, f"glue_data/{folder}"),
        train=tuple(train.split()),
        validation=tuple(validation.split()),
        **rest,
    )


def _glue(config: str, validation: str = "validation") -> Hub:
    return Hub(repository="nyu-mll/glue", config=config, validation=validation)


def _mnli(name: str, part: str) -> Task:
    aliases = (("premise", ("sentence1",)), ("hypothesis", ("sentence2",)), ("label", ("gold_label",)))
    return _classification(
        name,
        "premise hypothesis",
        "entailment neutral contradiction",
        hub=_glue("mnli", f"validation_{part}"),
        files=_files(
            "MNLI",
            train="train.tsv train.jsonl",
            validation=f"dev_{part}.tsv dev_{part}.jsonl",
            aliases=aliases,
        ),
        submission=Submission(format="glue", labels=("entailment", "neutral", "contradiction")),
    )


_NUMBERED = Submission(format="glue", labels=("0", "1"))
_ENTAILED = Submission(format="glue", labels=("entailment", "not_entailment"))
_PARAPHRASES = (("sentence1", ("#1 String",)), ("sentence2", ("#2 String",)), ("label", ("Quality",)))

_BUILT_IN = (
    _classification("demo", "sentence", "unacceptable acceptable", "accuracy f1 matthews_correlation", generated=True),
    _classification(
        "cola",
        "sentence",
        "unacceptable acceptable",
        "matthews_correlation",
        hub=_glue("cola"),
        files=_files("CoLA", headerless=("source", "label", "mark", "sentence")),
        submission=_NUMBERED,
    ),
    _mnli("mnli", "matched"),
    _mnli("mnli-mm", "mismatched"),
    _classification(
        "mrpc",
        "sentence1 sentence2",
        "not_equivalent equivalent",
        "accuracy f1",
        hub=_glue("mrpc"),
        files=_files("MRPC", aliases=_PARAPHRASES),
        submission=_NUMBERED,
    ),
    _classification(
        "qnli",
        "question sentence",
        "entailment not_entailment",
        hub=_glue("qnli"),
        files=_files("QNLI"),
        submission=_ENTAILED,
    ),
    _classification(
        "qqp",
        "question1 question2",
        "not_duplicate duplicate",
        "accuracy f1",
        hub=_glue("qqp"),
        files=_files("QQP", aliases=(("label", ("is_duplicate",)),), broken_rows=True),
        submission=_NUMBERED,
    ),
    _classification(
        "rte",
        "sentence1 sentence2",
        "entailment not_entailment",
        hub=_glue("rte"),
        files=_files("RTE"),
        submission=_ENTAILED,
    ),
    _classification(
        "sst2",
        "sentence",
        "negative positive",
        hub=_glue("sst2"),
        files=_files("SST-2"),
        submission=_NUMBERED,
    ),
    Task(
        name="stsb",
        text_columns=("sentence1", "sentence2"),
        label_column="label",
        labels=(),
        metrics=("pearson", "spearmanr"),
        objective="eval_pearson",
        hub=_glue("stsb"),
        files=_files("STS-B", aliases=(("label", ("score",)),)),
        submission=Submission(format="glue", limits=(0.0, 5.0)),
    ),
    _classification(
        "wnli",
        "sentence1 sentence2",
        "not_entailment entailment",
        hub=_glue("wnli"),
        files=_files("WNLI"),
        submission=_NUMBERED,
    ),
    _classification(
        "afqmc",
        "sentence1 sentence2",
        "0 1",
        hub=Hub(repository="clue/clue", config="afqmc"),
        files=Files(folders=("AFQMC", "afqmc_public"), train=("train.json",), validation=("dev.json",)),
        submission=Submission(format="clue", labels=("0", "1")),
    ),
)
TASKS: dict[str, Task] = {task.name: task for task in _BUILT_IN}


def task_named(name: str) -> Task:
    """Return the built-in task of that name. Raises `BadInput` with the nearest name."""
    try:
        return TASKS[name]
    except KeyError:
        raise BadInput(f"unknown task {name!r}", hint=did_you_mean(name, TASKS)) from None


def custom_task(
    text_columns: Sequence[str],
    label_column: str,
    *,
    name: str = "custom",
    label_columns: Sequence[str] = (),
    label_kind: str | None = None,
    positive_label: str | None = None,
    group_column: str | None = None,
) -> Task:
    """Declare a task on the user's own columns; its labels, and with them its metrics, come from the data.

    A text column whose name has a comma is that column where there is one, or else those between the commas.
    Several `label_columns` hold 0 and 1, as those that a label column names between commas do.
    `label_kind` (`classes`, `numbers` or `several`) takes the labels as they stand, `positive_label` is the class that
    F1 is of, rows with the same value in `group_column` stay together.
    Raises `BadInput` for no or more than two text columns, an empty name, a column named twice, or an unknown kind.
    """
    if label_kind is not None and label_kind not in LABEL_KINDS:
        raise BadInput(f"unknown kind of labels {label_kind!r}", hint=did_you_mean(label_kind, LABEL_KINDS))
    texts = tuple(text_columns)
    check_text_columns(texts)
    check_names(texts, label_column, group_column)
    if label_columns:
        check_names((*texts, *label_columns[1:]), label_columns[0], group_column)
    return Task(
        name=name,
        text_columns=texts,
        label_column=label_column,
        label_columns=tuple(label_columns),
        labels=None,
        metrics=(),
        objective=f"eval_{LOSS}",
        label_kind=label_kind,
        positive_label=positive_label,
        group_column=group_column,
    )


def task_objective(task: Task, metric: str, direction: str | None = None, *, beside: Sequence[str] = ()) -> Objective:
    """Return the objective that a metric of a task is, `accuracy` or `eval_accuracy`.

    One named metric, never a sum of them (pains A2), and never a timing (A3). Before the labels of a task are
    known every metric is accepted. Raises `BadInput` for another name, and for a direction that clashes with
    the metric; what else might have been meant is `beside`.
    """
    name = metric.removeprefix("eval_")
    known = (*(task.metrics or METRICS), LOSS)
    if name in NOT_METRICS:
        raise BadInput(f"{metric!r} is no metric: it does not say how good a model is", hint=_known((*known, *beside)))
    if name not in known:
        raise BadInput(f"task {task.name!r} has no metric {metric!r}", hint=did_you_mean(name, (*known, *beside)))
    return Objective.named(metric, direction)


def _known(names: Sequence[str]) -> str:
    return f"known: {', '.join(names)}"
