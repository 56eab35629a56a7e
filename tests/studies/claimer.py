"""A worker process for the tests: `claimer.py URL MODE STUDY_ID` writes the numbers of its trials.

Modes: `all` claims and finishes trials until none is left, failing every fifth of its own; `hold` claims one
and sleeps; `upgrade` makes the store (STUDY_ID is not looked at).
"""

import sys
import time

from hpsearch.studies.records import Failure, TrialState
from hpsearch.studies.store import StudyStore
from hpsearch.studies.worker import worker_name


def run_all(store: StudyStore, study_id: int) -> None:
    mine = 0
    while (trial := store.claim(study_id, worker=worker_name(), lease_s=60)) is not None:
        mine += 1
        store.record(trial.trial_id, params={"number": trial.number}, worker=trial.worker)
        if mine % 5 == 0:
            store.finish(trial.trial_id, TrialState.FAILED, failure=Failure.CODE)
        else:
            store.finish(trial.trial_id, TrialState.COMPLETE, score=float(trial.number))
        sys.stdout.write(f"{trial.number}\n")


def run_hold(store: StudyStore, study_id: int) -> None:
    trial = store.claim(study_id, worker=worker_name(), lease_s=60)
    sys.stdout.write(f"{trial and trial.number}\n")
    sys.stdout.flush()
    time.sleep(600)


def main(url: str, mode: str, study_id: int) -> None:
    with StudyStore.open(url, create=mode == "upgrade") as store:
        if mode != "upgrade":
            {"all": run_all, "hold": run_hold}[mode](store, study_id)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
