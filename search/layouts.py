"""How the data of a task is laid out: its columns, where it lies, and how its benchmark wants predictions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..spaces.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column to read, and what it is called in files of another layout."""

    name: str
    aliases: tuple[str, ...] = ()
    required: bool = True
    several: bool = False  #: its name may be those of two columns, between commas
    several_labels: bool = False  #: its name may be those of any number of columns, one for each label

    def parts(self, is_there: Callable[[str], bool]) -> list[Column]:
        """Return the columns that are meant: this one, or where it is not there as a whole, those that it names.

        Raises `BadInput` for more than two.
        """
        if not (self.several or self.several_labels) or "," not in self.name or is_there(self.name):
            return [self]
        names = [name.strip() for name in self.name.split(",")]
        if self.several:
            check_text_columns(names)
        elif not any(map(is_there, names)):
            return [self]
        return [dataclasses.replace(self, name=name, several=False, several_labels=False) for name in names]


@dataclass(frozen=True, kw_only=True)
class Hub:
    """Where a task lies on the Hugging Face hub."""

    repository: str
    config: str | None = None
    validation: str = "validation"  #: the split of that name


@dataclass(frozen=True, kw_only=True)
class Files:
    """Where a task lies in its classic download."""

    folders: tuple[str, ...]  #: its folder below the data folder, most usual first
    train: tuple[str, ...] = ("train.tsv",)
    validation: tuple[str, ...] = ("dev.tsv",)
    headerless: tuple[str, ...] = ()  #: the columns of train and validation where they have no header
    aliases: tuple[tuple[str, tuple[str, ...]], ...] = ()  #: a column of the task, and its names in the files
    broken_rows: bool = False  #: the original itself has rows cut short; they are left out and counted


@dataclass(frozen=True, kw_only=True)
class Submission:
    """How the benchmark wants predictions."""

    format: str  #: "glue" (index and prediction, tab-separated) or "clue" (JSON lines)
    labels: tuple[str, ...] = ()  #: written for class 0, 1, ...; none for a regression
    limits: tuple[float, float] | None = None  #: of a regression


#: What trains a model of more labels a row than can be searched from a file.
OWN_TRAINER = (
    "a Trainer of your own is searched with more: `--script FILE.py` or `--trainer FILE.py:FUNCTION`, its model made "
    'with problem_type="multi_label_classification"'
)


def check_text_columns(names: Sequence[str]) -> None:
    """Raise `BadInput` for no or more than two text columns."""
    if len(names) not in (1, 2):
        raise BadInput(
            f"a task has one or two text columns, got {len(names)}: {', '.join(names) or 'none'}",
            hint="`--text-columns A` or `--text-columns A,B`",
        )


def check_names(texts: Sequence[str], label_column: str, group_column: str | None = None) -> None:
    """Raise `BadInput` for an empty name and for one that is there twice."""
    if group_column is not None and group_column in ("", *texts, label_column):
        raise BadInput(
            f"group column {group_column!r} must have a name of its own, beside text columns {', '.join(texts)!r} and "
            f"label column {label_column!r}",
            hint="rows with the same text stay together without it" if group_column in texts else None,
        )
    columns = (*texts, label_column)
    if "" in columns or len(set(columns)) < len(columns):
        raise BadInput(f"text columns {', '.join(texts)!r} and label column {label_column!r} must have different names")
