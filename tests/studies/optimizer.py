"""A worker that claims a trial and lets Optuna run it, and is killed in the middle: `optimizer.py URL STUDY`."""

import sys
import time

import optuna

from hpsearch.studies.claimed_storage import ClaimedStorage
from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.patience import Patience
from hpsearch.studies.store import StudyStore
from hpsearch.studies.worker import worker_name


def never_ends(trial):
    trial.suggest_float("x", 0, 1)
    trial.report(1.0, 0)
    sys.stdout.write("reported\n")
    sys.stdout.flush()
    time.sleep(600)


optuna.logging.set_verbosity(optuna.logging.ERROR)
url, name = sys.argv[1:]
with StudyStore.open(url) as store:
    trial = store.claim(store.study(name).study_id, worker=worker_name(), lease_s=60)
storage = ClaimedStorage(optuna_storage(url), trial.optuna_trial_id, Patience())
optuna.load_study(study_name=name, storage=storage).optimize(never_ends, n_trials=1)
