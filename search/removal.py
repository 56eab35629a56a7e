"""Taking a study away: its rows, Optuna's rows, and the folder that was made for it."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..studies.records import Study
from ..studies.store import StudyStore


def remove(store: StudyStore, study: Study) -> None:
    """Delete a study and its folder; a folder that was not made for it stays."""
    store.delete_study(study.study_id)
    folder = Path(study.folder)
    if folder.name.endswith(study.uid):
        shutil.rmtree(folder, ignore_errors=True)
