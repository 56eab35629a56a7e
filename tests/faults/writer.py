"""A worker whose trials take no time: `writer.py URL` claims trials, lets Optuna run them, and finishes them."""

import random
import sys

import optuna

from hpsearch.studies.claimed_storage import ClaimedStorage
from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.patience import Patience
from hpsearch.studies.records import TrialState
from hpsearch.studies.store import StudyStore
from hpsearch.studies.worker import worker_name


def main(url: str) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna_storage(url)
    with StudyStore.open(url) as store:
        study = store.study("cola")
        while (trial := store.claim(study.study_id, worker=worker_name(), lease_s=60)) is not None:

            def objective(running, trial=trial):
                params = {"x": running.suggest_float("x", 0, 1)}
                store.reserve(trial.trial_id, params, worker=trial.worker)
                running.report(params["x"] / 2, 50)
                score = params["x"] + random.random()
                store.finish(trial.trial_id, TrialState.COMPLETE, score=score, worker=trial.worker)
                return score

            mine = ClaimedStorage(storage, trial.optuna_trial_id, Patience())
            sampler = optuna.samplers.RandomSampler()
            optuna.load_study(study_name=study.name, storage=mine, sampler=sampler).optimize(objective, n_trials=1)


main(sys.argv[1])
