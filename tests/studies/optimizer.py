"""An Optuna worker for the tests: `optimizer.py URL STUDY` stops in the middle of its first trial."""

import sys
import time

import optuna

from hpsearch.studies.optuna_storage import optuna_storage


def objective(trial: optuna.Trial) -> float:
    trial.suggest_float("x", 0, 1)
    trial.report(1.0, 0)
    sys.stdout.write("reported\n")
    sys.stdout.flush()
    time.sleep(600)
    return 0.0


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.load_study(study_name=sys.argv[2], storage=optuna_storage(sys.argv[1]))
    study.optimize(objective, n_trials=1)
