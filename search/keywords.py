"""What stock `hyperparameter_search`, Optuna and Ray Tune call an option, for those who type it here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..spaces.errors import BadInput, did_you_mean

TOTAL = "it is called `trials` here, a total that the same call again goes on to"
PER_TRIAL = "say `cpus_per_trial` and `gpus_per_trial`, with `backend='ray'`"
OF_TRAINER = "it belongs to your Trainer, which is made with it"
AGAIN = "it is not needed: the same call again goes on with the study"
ONE_NAME = "it is called `study` here"
KEPT = "it is called `output_dir` here"
METRIC = "name the metric with `objective`, and which way is better with `direction`"
REPLACED = "it is not needed: a failed trial is kept as such and replaced, and `max_failures` in a row end the search"

STOCK = "or call `hpsearch.searchable(trainer).hyperparameter_search`, which takes stock's own"

#: Theirs, and what to do here.
ELSEWHERE: Mapping[str, str] = {
    # transformers.Trainer.hyperparameter_search
    "n_trials": TOTAL,
    "hp_space": f"pass it as `space`, {STOCK}",
    "compute_objective": f"pass it as `objective`, {STOCK}",
    "model_init": OF_TRAINER,
    "args": OF_TRAINER,
    "compute_metrics": OF_TRAINER,
    "train_dataset": OF_TRAINER,
    "eval_dataset": OF_TRAINER,
    # optuna.create_study, Study.optimize
    "study_name": ONE_NAME,
    "storage": "it is called `store` here",
    "load_if_exists": AGAIN,
    "directions": "it is called `direction` here, and may be a list",
    "n_jobs": "it is called `jobs` here",
    "catch": REPLACED,
    "gc_after_trial": "it is not needed: what a trial held is freed after it",
    "show_progress_bar": "progress is shown unless `quiet=True`",
    "enqueue_trial": "the baseline is always tried; say `prior` in the space, or `from_study` for another study's best",
    # ray.tune.run, Tuner, TuneConfig
    "num_samples": TOTAL,
    "param_space": "it is called `space` here",
    "resources_per_trial": PER_TRIAL,
    "scheduler": "it is called `pruner` here",
    "search_alg": "it is called `sampler` here",
    "progress_reporter": "a line a trial is told in any case; `quiet=True` tells the result alone",
    "stop": "`pruner`, `timeout` and `trial_timeout` end trials here",
    "local_dir": KEPT,
    "storage_path": KEPT,
    "metric": METRIC,
    "mode": "it is called `direction` here: `maximize` or `minimize`",
    "max_concurrent_trials": "it is called `max_concurrent` here, with `backend='ray'`",
    "time_budget_s": "it is called `timeout` here, in seconds",
    "keep_checkpoints_num": "it is called `keep` here",
    "points_to_evaluate": "the baseline is always tried; say `prior` in the space for more",
    "resume": AGAIN,
    "fail_fast": REPLACED,
    "name": ONE_NAME,
    "verbose": "progress is shown unless `quiet=True`",
    # a word that Python keeps for itself
    "from_": "it is called `from_study` in Python",
}


class UnknownKeyword(BadInput, TypeError):
    """A function has no such keyword: bad input, and a `TypeError` as for any function of Python's."""


def advice(name: str, known: Collection[str]) -> str:
    """Return what an option that is none of ours is called here, or the nearest of the `known` ones."""
    return ELSEWHERE.get(name) or did_you_mean(name, known)


def check_keywords(given: Mapping[str, Any], known: Collection[str]) -> None:
    """Raise `UnknownKeyword` for the first keyword of `hpsearch.search` that is none.

    Python shows of an error no more than its sentence: that has the advice.
    """
    for name in given:
        if name not in known:
            raise UnknownKeyword(f"hpsearch.search has no option {name!r}: {advice(name, known)}")
