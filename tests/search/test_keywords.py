"""A keyword that `hpsearch.search` does not have: what is said of it, as a `TypeError` and as bad input at once."""

from __future__ import annotations

import inspect

import optuna
import pytest
from transformers import Trainer

import hpsearch
from hpsearch import BadInput
from hpsearch.search.keywords import ELSEWHERE
from hpsearch.search.searched import known_keywords

#: What people type, and what the sentence must name.
TYPED = {
    "n_trials": "`trials`",
    "num_samples": "`trials`",
    "hp_space": "`space`",
    "compute_objective": "`objective`",
    "study_name": "`study`",
    "storage": "`store`",
    "load_if_exists": "the same call again",
    "directions": "`direction`",
    "n_jobs": "`jobs`",
    "catch": "`max_failures`",
    "resources_per_trial": "`cpus_per_trial` and `gpus_per_trial`",
    "scheduler": "`pruner`",
    "search_alg": "`sampler`",
    "local_dir": "`output_dir`",
    "metric": "`objective`",
    "mode": "`direction`",
    "time_budget_s": "`timeout`",
    "model_init": "your Trainer",
    "from_": "`from_study`",
    # misspelt ones of ours
    "trails": "did you mean 'trials'?",
    "max_failure": "did you mean 'max_failures'?",
    "job": "did you mean 'jobs'?",
    "finalist": "did you mean 'finalists'?",
    "fork_from": "did you mean 'fork'?",
    "zzz": "known: ",
}


@pytest.mark.parametrize(("typed", "said"), TYPED.items())
def test_an_unknown_keyword_is_told_what_it_is_called_here(typed, said):
    """The sentence alone has it, for Python shows no hint; nothing is looked at before, not even the Trainer."""
    with pytest.raises(TypeError) as refusal:
        hpsearch.search(None, **{typed: 3})

    assert isinstance(refusal.value, BadInput)
    assert 2 == refusal.value.exit_code
    assert str(refusal.value).startswith(f"hpsearch.search has no option {typed!r}: ")
    assert said in str(refusal.value)
    assert "Workers" not in str(refusal.value)


def test_the_keywords_of_stock_and_optuna_are_ours_or_in_the_table():
    """Each of the installed releases, but for what only says what to do with the study's functions."""
    theirs = (Trainer.hyperparameter_search, optuna.create_study, optuna.Study.optimize)
    names = {name for one in theirs for name in inspect.signature(one).parameters}

    assert {"func", "kwargs", "self", "callbacks"} >= names - known_keywords() - ELSEWHERE.keys()


def test_no_keyword_of_ours_is_called_one_of_theirs():
    """Nor does advice name an option that there is not."""
    known = known_keywords()
    named = {word for text in ELSEWHERE.values() for word in text.split("`")[1::2] if "hpsearch." not in word}

    assert set() == known & ELSEWHERE.keys()
    assert {"prior", "maximize", "minimize"} >= {word.partition("=")[0] for word in named} - known
