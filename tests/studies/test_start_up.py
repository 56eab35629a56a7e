"""Listing studies is fast because it imports little."""

from __future__ import annotations

import subprocess
import sys

from hpsearch.studies.store import StudyStore

from .making import completed, make_study

HEAVY = ("torch", "transformers", "datasets", "optuna", "alembic", "numpy", "pandas", "pyarrow")
LIST = f"""
import sys
from hpsearch.studies import export, identity, optuna_storage, optuna_tables, worker
from hpsearch.studies.schema import schema_status
from hpsearch.studies.store import StudyStore
schema_status(sys.argv[1])
with StudyStore.open(sys.argv[1]) as store:
    study = store.studies()[0].study
    store.best(study.study_id), store.trials(study.study_id)
print([name for name in {HEAVY} if name in sys.modules])
"""


def test_looking_at_a_store_imports_nothing_heavy(sqlite_url):
    """Neither torch nor Optuna nor Alembic is imported by reading a store."""
    with StudyStore.open(sqlite_url, create=True) as store:
        completed(store, make_study(store))

    said = subprocess.run([sys.executable, "-c", LIST, sqlite_url], capture_output=True, text=True, check=True)

    assert ("[]\n", "") == (said.stdout, said.stderr)
