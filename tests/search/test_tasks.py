"""Tasks and their objectives; reading their data is in test_raw."""

from __future__ import annotations

import json

import pytest

from hpsearch.search.tasks import TASKS, Task, custom_task, task_named, task_objective
from hpsearch.spaces.errors import BadInput
from hpsearch.studies.objective import Objective

ENTAILED = ("entailment", "not_entailment")
#: Columns, number of labels and metrics as in Wang et al., GLUE, tables 1 and 5.
EXPECTED = {
    "demo": (("sentence",), ("unacceptable", "acceptable"), ("accuracy", "f1", "matthews_correlation")),
    "cola": (("sentence",), ("unacceptable", "acceptable"), ("matthews_correlation",)),
    "mnli": (("premise", "hypothesis"), ("entailment", "neutral", "contradiction"), ("accuracy",)),
    "mnli-mm": (("premise", "hypothesis"), ("entailment", "neutral", "contradiction"), ("accuracy",)),
    "mrpc": (("sentence1", "sentence2"), ("not_equivalent", "equivalent"), ("accuracy", "f1")),
    "qnli": (("question", "sentence"), ENTAILED, ("accuracy",)),
    "qqp": (("question1", "question2"), ("not_duplicate", "duplicate"), ("accuracy", "f1")),
    "rte": (("sentence1", "sentence2"), ENTAILED, ("accuracy",)),
    "sst2": (("sentence",), ("negative", "positive"), ("accuracy",)),
    "stsb": (("sentence1", "sentence2"), (), ("pearson", "spearmanr")),
    "wnli": (("sentence1", "sentence2"), ("not_entailment", "entailment"), ("accuracy",)),
    "afqmc": (("sentence1", "sentence2"), ("0", "1"), ("accuracy",)),
}
HEAVY = ("torch", "transformers", "datasets", "evaluate", "sklearn", "scipy", "pandas", "pyarrow", "numpy")


def test_built_in_tasks_have_the_columns_labels_and_metrics_of_their_benchmark():
    """`demo`, the ten GLUE tasks and `afqmc` are there, each as its benchmark defines it."""
    actual = {name: (task.text_columns, task.labels, task.metrics) for name, task in TASKS.items()}

    assert EXPECTED == actual


@pytest.mark.parametrize("name", TASKS)
def test_the_objective_of_a_task_is_one_of_its_metrics(name):
    """A2: the default objective is one named metric with its direction."""
    task = task_named(name)

    assert task.objective == task_objective(task, task.metrics[0]).name


@pytest.mark.parametrize("name", TASKS)
def test_a_task_survives_json(name):
    """A model folder keeps its task as JSON and gets the same one back."""
    task = task_named(name)

    assert task == Task.from_dict(json.loads(json.dumps(task.to_dict())))


@pytest.mark.parametrize("values", [{}, {"name": "x"}, {**TASKS["cola"].to_dict(), "hub": 3}, {"colour": "red"}])
def test_what_is_no_task_is_refused(values):
    """A damaged record of a task is bad input, not a traceback."""
    with pytest.raises(BadInput, match="no task"):
        Task.from_dict(values)


def test_listing_tasks_imports_nothing_heavy(run_python):
    """`hpsearch tasks` answers at once: no numeric or learning library is loaded for it."""
    done = run_python(f"import sys, hpsearch.search.tasks; print([m for m in {HEAVY} if m in sys.modules])")

    assert "[]" == done.stdout.strip()


def test_an_unknown_task_names_the_nearest():
    """A misspelt task name is refused with the one that was meant."""
    with pytest.raises(BadInput, match="unknown task 'afqcm'") as refused:
        task_named("afqcm")

    assert "did you mean 'afqmc'?" == refused.value.hint


@pytest.mark.parametrize(("name", "outputs"), [("stsb", 1), ("mnli", 3), ("cola", 2)])
def test_the_number_of_outputs_follows_from_the_labels(name, outputs):
    """A regression has one output, a classification one for each label."""
    task = task_named(name)

    assert (outputs, outputs == 1) == (task.num_labels, task.is_regression)


def test_a_custom_task_has_no_labels_before_its_data_was_read():
    """Until then it is optimised by its loss, and nobody can know the number of outputs."""
    task = custom_task(["text"], "target")

    assert (None, (), "eval_loss") == (task.labels, task.metrics, task.objective)
    with pytest.raises(ValueError, match="known only after"):
        _ = task.num_labels


@pytest.mark.parametrize(
    ("labels", "metrics"),
    [
        (("no", "yes"), ("accuracy", "f1", "matthews_correlation")),
        ((), ("pearson", "spearmanr", "mse", "mae")),
    ],
)
def test_a_custom_task_gets_the_metrics_of_its_kind(labels, metrics):
    """Classes are scored by accuracy, F1 and Matthews, numbers by correlations and errors."""
    task = custom_task(["text"], "target").with_labels(labels)

    assert (labels, metrics, f"eval_{metrics[0]}") == (task.labels, task.metrics, task.objective)


@pytest.mark.parametrize(
    ("texts", "label"),
    [([], "y"), (["a", "b", "c"], "y"), (["a", "a"], "y"), (["y"], "y"), ([""], "y"), (["a"], "")],
)
def test_impossible_columns_are_refused(texts, label):
    """A task has one or two text columns, all columns named, none named twice."""
    with pytest.raises(BadInput):
        custom_task(texts, label)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("accuracy", ("eval_accuracy", "maximize")),
        ("eval_f1", ("eval_f1", "maximize")),
        ("loss", ("eval_loss", "minimize")),
        ("eval_loss", ("eval_loss", "minimize")),
    ],
)
def test_an_objective_may_be_written_with_or_without_eval(metric, expected):
    """A2: a metric has one direction, which need not be given."""
    assert Objective(*expected) == task_objective(TASKS["mrpc"], metric)


@pytest.mark.parametrize(("metric", "direction"), [("accuracy", "minimize"), ("eval_loss", "maximize")])
def test_a_metric_and_a_direction_that_clash_are_refused(metric, direction):
    """A2: `accuracy` and `minimize` never start a search."""
    with pytest.raises(BadInput, match="clash") as refused:
        task_objective(TASKS["sst2"], metric, direction)

    assert 2 == refused.value.exit_code


@pytest.mark.parametrize(
    "metric",
    ["eval_runtime", "eval_samples_per_second", "steps_per_second", "eval_model_preparation_time", "epoch"],
)
def test_a_timing_is_no_objective(metric):
    """A3: what says how long it took is no metric, whatever the Trainer reports beside the metrics."""
    with pytest.raises(BadInput, match="is no metric"):
        task_objective(TASKS["sst2"], metric)


@pytest.mark.parametrize("metric", ["sum", "accuracy+f1", "objective", "matthews_correlation", ""])
def test_only_a_metric_of_the_task_is_an_objective(metric):
    """A2: no sum, and no metric that this task does not compute."""
    with pytest.raises(BadInput, match="has no metric"):
        task_objective(TASKS["mrpc"], metric)


def test_a_misspelt_metric_names_the_nearest():
    """`acuracy` is refused with `accuracy`."""
    with pytest.raises(BadInput) as refused:
        task_objective(TASKS["mrpc"], "acuracy")

    assert "did you mean 'accuracy'?" == refused.value.hint


def test_an_unknown_direction_is_refused():
    """A direction is `maximize` or `minimize`."""
    with pytest.raises(BadInput, match="unknown direction 'up'"):
        task_objective(TASKS["mrpc"], "f1", "up")


def test_every_metric_may_be_asked_for_before_the_labels_are_known():
    """A custom task cannot know yet whether it predicts classes or numbers."""
    task = custom_task(["text"], "target")

    assert ["eval_f1", "eval_pearson", "eval_mse"] == [task_objective(task, m).name for m in ("f1", "pearson", "mse")]


@pytest.mark.parametrize(
    ("labels", "counts", "positive"),
    [
        (("fraud", "legit"), (3, 97), "fraud"),
        (("legit", "scam"), (60, 40), "scam"),
        (("no", "yes"), (50, 50), "yes"),
        (("a", "b", "c"), (1, 2, 3), None),
        ((), (), None),
    ],
)
def test_f1_is_of_the_rarer_of_two_classes(labels, counts, positive):
    """Not of the one that comes second in the alphabet; of more classes it is a mean, and numbers have none."""
    assert positive == custom_task(["text"], "label").with_labels(labels, counts).positive_label


def test_f1_is_of_the_class_that_is_said():
    """The rarer one is a guess."""
    task = custom_task(["text"], "label", positive_label="legit").with_labels(("fraud", "legit"), (3, 97))

    assert ("legit", 1) == (task.positive_label, task.positive_id)


@pytest.mark.parametrize(
    ("labels", "words"),
    [(("no", "yes"), "no label of that name"), (("a", "b", "ye"), "no label of that name"), ((), "predicts numbers")],
)
def test_a_positive_label_has_to_be_one(labels, words):
    """One that is no label is refused, as is one of numbers."""
    with pytest.raises(BadInput, match=words):
        custom_task(["text"], "label", positive_label="yess").with_labels(labels, [1] * len(labels))


def test_f1_of_several_classes_has_no_positive_one():
    """It is the mean of the F1 of each."""
    with pytest.raises(BadInput, match="3 classes, and F1 is the mean over all"):
        custom_task(["text"], "label", positive_label="a").with_labels(("a", "b", "c"), (1, 2, 3))


@pytest.mark.parametrize("name", ["mrpc", "qqp"])
def test_built_in_tasks_keep_the_class_that_glue_scores(name):
    """F1 of MRPC and QQP is that of the paraphrases, which are the second class."""
    assert 1 == TASKS[name].positive_id


@pytest.mark.parametrize(
    ("counts", "objective"),
    [((90, 10), "eval_matthews_correlation"), ((89, 11), "eval_accuracy"), ((1, 95, 4), "eval_matthews_correlation")],
)
def test_accuracy_is_no_objective_where_one_class_is_nearly_all(counts, objective):
    """From 90 % on, who always says the same class has nearly all of it."""
    labels = [f"c{n}" for n in range(len(counts))]

    assert objective == custom_task(["text"], "label").with_labels(labels, counts).objective
