"""Which way a metric is better: one table, asked by everybody (A2, A3)."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from hpsearch.spaces.errors import BadInput
from hpsearch.studies.objective import DIRECTIONS, MAXIMIZE, METRICS, MINIMIZE, NOT_METRICS, Objective, direction_of


@pytest.mark.parametrize("prefix", ["", "eval_"])
@pytest.mark.parametrize("name", METRICS)
def test_a_known_metric_has_one_direction(name, prefix):
    """It need not be given, and the other one is refused."""
    right, wrong = METRICS[name], next(one for one in DIRECTIONS if one != METRICS[name])

    assert right == Objective.named(prefix + name).direction == Objective.named(prefix + name, right).direction
    with pytest.raises(BadInput, match="clash"):
        Objective.named(prefix + name, wrong)


@pytest.mark.parametrize(
    "name",
    [
        "f1_macro",
        "rouge1",
        "rougeL",
        "bleu4",
        "macro_avg_f1-score",
        "sts-dev_spearman_cosine",
        "cosine_ap",
        "ndcg@10",
        "accuracy@1",
        "reward",
        "rewards/margins",
        "mean_token_accuracy",
        "top_5_accuracy",
        "neg_mean_squared_error",
        "negative_mse",
        "neg_log_loss",
        "neg_rmse",
        "squad_em",
        "val_auc",
        "MCC",
        "valid/Accuracy",
        "balanced_accuracy_score",
        "r2_score",
        "true_positive_rate",
    ],
)
def test_a_name_with_a_known_metric_in_it_is_maximized(name):
    """As libraries write them; an error that is negated is a score (scikit-learn, sentence-transformers)."""
    assert direction_of(name) == MAXIMIZE


@pytest.mark.parametrize(
    "name",
    [
        "val_mae",
        "far_loss",
        "mean_squared_error",
        "word_error_rate",
        "error_rate",
        "perplexity_mean",
        "accuracy_loss",
        "f1_error",
        "nll_loss",
        "negative_log_likelihood",
        "latency_ms",
        "peak_memory_mb",
        "false_positive_rate",
        "focalloss",
        "kl",
        "WER",
        "test/RMSE",
        "train_time",
    ],
)
def test_a_name_with_a_known_error_in_it_is_minimized(name):
    """What ends in a loss or an error is one, of whatever it is."""
    assert direction_of(name) == MINIMIZE


@pytest.mark.parametrize(
    "name",
    [
        "score",
        "my_score",
        "objective",
        "distinctness",
        "quality",
        "accuracy_over_time",
        "accuracy_drop",
        "f1_std",
        "cosine_f1_threshold",
        "rewards/rejected",
        "precision_negative_ratio",
        "negative_recall",
        "num_tokens",
        "entropy",
        "wer_reduction",
        "delta_mse",
        "eval_",
        "1_minus_accuracy",
        "inv_perplexity",
    ],
)
def test_a_name_that_tells_nothing_is_asked_for_a_direction(name):
    """A guess would search for the worst model, with exit code 0."""
    with pytest.raises(BadInput, match="better when it is higher or when it is lower") as asked:
        Objective.named(name)

    assert 2 == asked.value.exit_code
    assert [MAXIMIZE, MINIMIZE] == [Objective.named(name, one).direction for one in DIRECTIONS]


@pytest.mark.parametrize("name", [*NOT_METRICS, "eval_runtime"])
def test_a_timing_is_no_objective(name):
    """A3: it would choose the quickest model."""
    with pytest.raises(BadInput, match="is no metric"):
        Objective.named(name, MINIMIZE)


def test_a_misspelt_direction_names_the_nearest():
    """Two words are directions."""
    with pytest.raises(BadInput, match="unknown direction 'maximise'") as refused:
        Objective.named("f1", "maximise")

    assert "did you mean 'maximize'?" == refused.value.hint


@pytest.mark.parametrize(("direction", "best"), [(MAXIMIZE, 3.0), (MINIMIZE, 1.0)])
def test_better_and_best_go_by_the_direction(direction, best):
    """Of equals the first one; neither is better than the other."""
    objective, values = Objective("eval_x", direction), [2.0, 1.0, 3.0, 1.0, 3.0]
    items = list(enumerate(values))

    assert (values.index(best), best) == objective.best(items, lambda one: one[1])
    assert all(objective.better(best, value) for value in values if value != best)
    assert not objective.better(best, best)


def test_an_objective_is_never_changed():
    """It is part of what a study is."""
    with pytest.raises(FrozenInstanceError):
        Objective("eval_x", MAXIMIZE).direction = MINIMIZE  # type: ignore[misc]
