"""The GLUE average against tables that were published, and against sums done by hand."""

from __future__ import annotations

import pytest

from hpsearch.search.sweep.glue import GLUE, glue_average
from hpsearch.search.tasks import TASKS

PAIRS = {"mrpc": ("f1", "accuracy"), "stsb": ("pearson", "spearmanr"), "qqp": ("f1", "accuracy")}
ALONE = ("sst2", "mnli", "mnli-mm", "qnli", "rte", "wnli")
#: Rows of the leaderboard: BERT (24 layers, 2018), and people (Nangia & Bowman, ACL 2019), with their overall scores.
SCORES = ("cola", "sst2", "mrpc", "stsb", "qqp", "mnli", "mnli-mm", "qnli", "rte", "wnli")
BERT = dict(
    zip(SCORES, (60.5, 94.9, (89.3, 85.4), (87.6, 86.5), (72.1, 89.3), 86.7, 85.9, 92.7, 70.1, 65.1), strict=True)
)
PEOPLE = dict(
    zip(SCORES, (66.4, 97.8, (86.3, 80.8), (92.7, 92.6), (59.5, 80.4), 92.0, 92.8, 91.2, 93.6, 95.9), strict=True)
)


def scores(row):
    """Return a row of a table as scores from 0 to 1."""
    found = {task: {"accuracy": row[task] / 100} for task in ALONE if task in row}
    found |= {task: {m: v / 100 for m, v in zip(PAIRS[task], row[task], strict=True)} for task in PAIRS if task in row}
    return found | ({"cola": {"matthews_correlation": row["cola"] / 100}} if "cola" in row else {})


@pytest.mark.parametrize(("row", "published"), [(BERT, 80.5), (PEOPLE, 87.1)], ids=["BERT", "people"])
def test_it_is_the_score_of_the_leaderboard(row, published):
    """Nine tasks, MNLI's halves as one, two metrics as their mean: the overall score that GLUE's leaderboard shows."""
    found = glue_average(scores(row))

    assert round(found.average, 1) == published
    assert found.words.startswith("average of 9 of 9 tasks: CoLA, SST-2, MRPC, ")
    assert [] == found.missing


def test_wnli_can_be_left_out():
    """By hand, of BERT's row: (724.7 - 65.1) / 8 without WNLI, 724.7 / 9 with it."""
    found = glue_average(scores(BERT))

    assert found.without_wnli == pytest.approx(82.45)
    assert found.average == pytest.approx(80.5222, abs=1e-4)


def test_tasks_that_are_not_there_are_named():
    """An average of some tasks says of which, and those that GLUE does not know count for nothing."""
    found = glue_average({"cola": {"matthews_correlation": 0.5, "accuracy": 0.9}, "rte": {"accuracy": 0.7}, "demo": {}})

    assert found.average == found.without_wnli == pytest.approx(60.0)
    assert found.scores == pytest.approx({"CoLA": 50.0, "RTE": 70.0})
    assert found.words == ("average of 2 of 9 tasks: CoLA, RTE; without SST-2, MRPC, STS-B, QQP, MNLI, QNLI, WNLI")


def test_what_lacks_of_a_task_is_named():
    """MNLI without its second half, and MRPC without F1, count with what is there, and the words say so."""
    found = glue_average({"mnli": {"accuracy": 0.8}, "mrpc": {"accuracy": 0.7}})

    assert found.scores == pytest.approx({"MRPC": 70.0, "MNLI": 80.0})
    assert "average of 2 of 9 tasks: MRPC (no f1), MNLI (no mnli-mm); without" in found.words


def test_nothing_has_no_average():
    """No task of GLUE, no number; WNLI alone has none without WNLI."""
    assert glue_average({"demo": {"accuracy": 0.9}}).average is None
    assert glue_average({}).words.startswith("average of 0 of 9 tasks: none; without CoLA")
    alone = glue_average({"wnli": {"accuracy": 0.5}})
    assert (50.0, None) == (alone.average, alone.without_wnli)


def test_every_part_is_a_task_and_a_metric_of_ours():
    """A misspelt one would silently count for nothing."""
    for parts in GLUE.values():
        for task, metrics in parts.items():
            assert set(metrics) <= set(TASKS[task].metrics)
