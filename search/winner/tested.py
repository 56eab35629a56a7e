"""The score of a search's model on the user's test file, kept in the model folder: in its record and on its card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...studies.records import Trial
from .card import write_card
from .file_scores import FileScores
from .record import read_record, write_record

if TYPE_CHECKING:
    from ..study_run import StudyRun

#: Where the record has it.
TEST = "test"


def keep_scores(folder: Path, run: StudyRun, trial: Trial, scores: FileScores) -> None:
    """Write how the model in `folder`, that of `trial`, scores on a test file into its record and card."""
    record = {**read_record(folder), TEST: scores.to_json()}
    write_record(folder, record)
    write_card(folder, run, trial, record)
