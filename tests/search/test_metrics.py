"""Metrics against scikit-learn, scipy and the definitions of GLUE."""

from __future__ import annotations

import pickle
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk
from transformers import EvalPrediction

from hpsearch.search.metrics import compute_metrics, scores, task_metric
from hpsearch.search.tasks import TASKS, custom_task

CUSTOM = custom_task(["text"], "target")
BINARY = CUSTOM.with_labels(("no", "yes"))
MANY = CUSTOM.with_labels(("a", "b", "c", "d"))
NUMBERS = CUSTOM.with_labels(())


def classes(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true class ids that agree more often than by chance."""
    draw = np.random.default_rng(seed)
    true = draw.integers(0, count, 200)
    return np.where(draw.random(200) < 0.6, true, draw.integers(0, count, 200)), true


@pytest.mark.parametrize("seed", range(5))
def test_binary_metrics_are_those_of_scikit_learn(seed):
    """F1 is that of class 1, as GLUE has it for MRPC and QQP."""
    predicted, true = classes(2, seed)

    expected = {
        "accuracy": sk.accuracy_score(true, predicted),
        "f1": sk.f1_score(true, predicted, pos_label=1),
        "matthews_correlation": sk.matthews_corrcoef(true, predicted),
    }
    assert expected == pytest.approx(scores(BINARY, predicted, true), abs=1e-12)


@pytest.mark.parametrize(("counts", "positive"), [((30, 170), 0), ((170, 30), 1)])
def test_f1_is_that_of_the_positive_class(counts, positive):
    """The rarer one of the user's own two, whichever comes first in the alphabet."""
    predicted, true = classes(2, 0)
    task = CUSTOM.with_labels(("no", "yes"), counts)

    assert pytest.approx(sk.f1_score(true, predicted, pos_label=positive)) == scores(task, predicted, true)["f1"]


@pytest.mark.parametrize("seed", range(5))
def test_metrics_of_many_classes_are_those_of_scikit_learn(seed):
    """F1 is the mean over the classes, Matthews the form for more than two."""
    predicted, true = classes(4, seed)

    expected = {
        "accuracy": sk.accuracy_score(true, predicted),
        "f1": sk.f1_score(true, predicted, average="macro"),
        "matthews_correlation": sk.matthews_corrcoef(true, predicted),
    }
    assert expected == pytest.approx(scores(MANY, predicted, true), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_metrics_of_numbers_are_those_of_scipy(seed):
    """Pearson, Spearman and the two errors."""
    draw = np.random.default_rng(seed)
    true = draw.uniform(0, 5, 100)
    predicted = true + draw.normal(0, 1, 100)

    expected = {
        "pearson": stats.pearsonr(predicted, true).statistic,
        "spearmanr": stats.spearmanr(predicted, true).statistic,
        "mse": float(np.mean((predicted - true) ** 2)),
        "mae": float(np.mean(np.abs(predicted - true))),
    }
    assert expected == pytest.approx(scores(NUMBERS, predicted, true), abs=1e-12)


def test_f1_of_many_classes_is_a_mean_also_where_two_occur():
    """Which F1 is meant depends on the task, never on the rows that happen to be scored."""
    predicted, true = [0, 1, 1, 0], [0, 1, 0, 0]

    assert pytest.approx(sk.f1_score(true, predicted, average="macro")) == scores(MANY, predicted, true)["f1"]


def test_metrics_follow_their_definitions():
    """Counted by hand: 3 true and 1 false positives, 2 false and 4 true negatives."""
    predicted = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    true = [1, 1, 1, 0, 1, 1, 0, 0, 0, 0]

    expected = {
        "accuracy": 0.7,
        "f1": 2 * 3 / (2 * 3 + 1 + 2),
        "matthews_correlation": (3 * 4 - 1 * 2) / sqrt((3 + 1) * (3 + 2) * (4 + 1) * (4 + 2)),
    }
    assert expected == pytest.approx(scores(BINARY, predicted, true))


@pytest.mark.parametrize("constant", [0, 1])
def test_a_constant_prediction_of_classes_has_no_correlation(constant):
    """Matthews is 0, not NaN and no warning, when one class is predicted throughout."""
    true = [0, 1, 1, 0, 1]

    assert 0.0 == scores(TASKS["cola"], [constant] * 5, true)["matthews_correlation"]


@pytest.mark.parametrize("predicted", [[2.5] * 4, [2.5, 2.5, 2.5, 2.5 + 1e-16]])
def test_a_constant_prediction_of_numbers_has_no_correlation(predicted):
    """Pearson and Spearman are 0, not NaN and no warning, when one number is predicted throughout."""
    assert {"pearson": 0.0, "spearmanr": 0.0} == scores(TASKS["stsb"], predicted, [0.0, 1.0, 2.0, 5.0])


@pytest.mark.parametrize("true", [[1, 1, 1], [0, 0, 0]])
def test_one_true_class_is_scored_without_a_warning(true):
    """A selection part of one class gives numbers, not warnings."""
    actual = scores(BINARY, true, true)

    assert (1.0, 0.0) == (actual["accuracy"], actual["matthews_correlation"])


@pytest.mark.parametrize("task", [BINARY, MANY, TASKS["stsb"]])
def test_a_diverged_model_has_no_score(task):
    """Logits that are no numbers give NaN for every metric: their argmax would look like a prediction."""
    logits = np.full((4, task.num_labels), np.nan)

    actual = compute_metrics(task)(EvalPrediction(predictions=logits, label_ids=np.zeros(4)))

    assert set(task.metrics) == set(actual)
    assert np.isnan(list(actual.values())).all()


def test_the_largest_logit_is_the_prediction():
    """Classification takes the argmax of the logits."""
    logits = np.array([[0.1, 2.0, -1.0], [3.0, 2.0, 1.0], [0.0, 0.1, 0.2]])

    actual = compute_metrics(TASKS["mnli"])(EvalPrediction(predictions=logits, label_ids=np.array([1, 0, 1])))

    assert {"accuracy": pytest.approx(2 / 3)} == actual


def test_the_first_of_several_outputs_are_the_logits():
    """T5 and its kin give a tuple that begins with the logits."""
    logits = (np.array([[0.0, 1.0], [1.0, 0.0]]), np.zeros((2, 5, 8)))

    actual = compute_metrics(TASKS["sst2"])(EvalPrediction(predictions=logits, label_ids=np.array([1, 0])))

    assert {"accuracy": 1.0} == actual


def test_one_output_is_a_number():
    """A regression's outputs of shape (rows, 1) are compared with labels of shape (rows,)."""
    output = EvalPrediction(
        predictions=np.array([[1.0], [2.0], [4.0]], dtype=np.float32),
        label_ids=np.array([1, 2, 4], dtype=np.float32),
    )

    assert {"pearson": pytest.approx(1.0), "spearmanr": pytest.approx(1.0)} == compute_metrics(TASKS["stsb"])(output)


@pytest.mark.parametrize("task", [BINARY, MANY, NUMBERS, TASKS["cola"]])
def test_the_metric_object_and_the_function_agree(task):
    """The subclass of `evaluate.Metric` gives what `scores` gives, call after call."""
    predicted, true = classes(max(2, task.num_labels), 1)

    for _ in range(2):
        actual = task_metric(task).compute(predictions=predicted, references=true)
        assert scores(task, predicted, true) == pytest.approx(actual)


def test_what_the_trainer_gets_can_be_pickled():
    """A worker on another machine can be sent the function, also after it was used."""
    output = EvalPrediction(predictions=np.eye(2), label_ids=np.array([0, 1]))
    function = compute_metrics(BINARY)
    function(output)

    assert function(output) == pickle.loads(pickle.dumps(function))(output)  # noqa: S301


def test_metrics_need_no_hub_and_leave_no_file(run_python, tmp_path: Path):
    """Offline and with caches that cannot be made, metrics are computed and nothing is written."""
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, so that no folder can be made below it")
    program = (
        "import numpy as np\n"
        "from transformers import EvalPrediction\n"
        "from hpsearch.search.metrics import compute_metrics\n"
        "from hpsearch.search.tasks import TASKS\n"
        "output = EvalPrediction(predictions=np.eye(2), label_ids=np.array([0, 1]))\n"
        "print(compute_metrics(TASKS['mrpc'])(output))"
    )

    done = run_python(program, env={"HF_HUB_OFFLINE": "1", "HF_METRICS_CACHE": str(blocked / "metrics")}, cwd=tmp_path)

    assert "{'accuracy': 1.0, 'f1': 1.0}" == done.stdout.strip()
    assert ["blocked"] == [path.name for path in tmp_path.iterdir()]


def test_metrics_leave_the_random_numbers_alone():
    """Scoring between two steps of a training does not change the numbers it draws."""
    np.random.seed(3)
    expected = np.random.random(2)
    np.random.seed(3)
    first = np.random.random()
    task_metric(BINARY).compute(predictions=[0, 1], references=[0, 1])

    assert list(expected) == [first, np.random.random()]


def test_the_module_does_not_load_torch(run_python):
    """Only making a metric loads `evaluate`, which loads torch."""
    assert "False" == run_python("import sys, hpsearch.search.metrics; print('torch' in sys.modules)").stdout.strip()
