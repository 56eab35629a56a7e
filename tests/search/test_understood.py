"""What was understood of the data: made once, kept with the study, and said wherever somebody may look."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hpsearch.search.data.prepared import prepare
from hpsearch.search.data.raw import load_task
from hpsearch.search.data.understanding import understanding
from hpsearch.search.tasks import custom_task
from hpsearch.search.understood import Tokens, Understood, understood_in
from hpsearch.search.verdict.statistics import detectable_difference

from .command import COLUMNS, ONE_RUNG, TINY, done, hpsearch
from .test_prepared import tokenizer

TOKENS = Tokens(median=9, most=14, cut=0, rows=90, max_length=128)


def record(*counts: int, **changes: Any) -> Understood:
    """A task of classes a, b, c, ... with so many rows each, a tenth of them in the report split."""
    names = [chr(ord("a") + number % 26) * (1 + number // 26) for number in range(len(counts))]
    given: dict[str, Any] = {
        "kind": "classes",
        "classes": tuple(zip(names, counts, strict=True)),
        "report": tuple(count // 10 for count in counts),
        "rows": {"train": 90, "report": 10},
        "tokens": TOKENS,
    }
    return Understood(**{**given, **changes})


def understood(folder: Path, rows: list[tuple[str, Any]], *, max_length: int = 16, **options: Any) -> Understood:
    """Load and prepare rows of text and label, and return what was understood."""
    file = folder / "train.jsonl"
    file.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows))
    raw = load_task(custom_task(["text"], "label", **options), train_file=file)
    how = {"max_length": max_length, "seed": 0, "select_on": "train"}
    words = tokenizer()
    return understanding(raw, prepare(raw, words, cache=folder / "cache", **how), words, rows={"train": 1}, **how)


# --- the record


@pytest.mark.parametrize(
    "one",
    [record(5, 7), record(*range(1, 40)), record(), record(9, 1, positive_label="b", remarks=("read",), repeated=3)],
)
def test_a_record_comes_back_from_json(one):
    """It is kept with the study, and read by another process."""
    assert one == understood_in({"understood": json.loads(json.dumps(one.to_json()))})


@pytest.mark.parametrize("notes", [{}, {"understood": None}, {"understood": {"kind": "classes"}}, {"understood": [1]}])
def test_what_another_program_wrote_is_none(notes):
    """Nor has a Trainer of the user's own one."""
    assert understood_in(notes) is None


def test_few_classes_are_told_and_of_many_the_first_and_the_last():
    """With their rows."""
    assert "3 classes: a 5, b 7, c 8" == record(5, 7, 8).words()["labels"]
    assert "40 classes: a 3, b 3, c 3, d 3, e 3, ..., mm 3, nn 3" == record(*[3] * 40).words()["labels"]


def test_the_name_of_a_class_may_be_long():
    """Its beginning is told."""
    assert len(record(1, 2, classes=(("x" * 999, 1), ("y", 2))).words()["labels"]) < 80


def test_the_largest_class_is_what_accuracy_is_to_beat():
    """Its name, and the accuracy of who always says it."""
    assert "b, 75.0% of the rows: the accuracy of always saying it" == record(25, 75).words()["largest class"]
    assert 0.75 == record(25, 75).to_json()["largest_share"]


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (record(10, 90, positive_label="a"), "a, the rarer class (--positive-label NAME)"),
        (record(50, 50, positive_label="b"), "b, the second of two equal ones (--positive-label NAME)"),
        (record(10, 90, positive_label="b", positive_said=True), "b"),
        (record(1, 2, 3), "all classes, their mean"),
    ],
)
def test_it_is_said_what_f1_is_of(one, words):
    """And how to say another class, where it was taken for granted."""
    assert words == one.words()["F1 is of"]


def test_a_few_lines_hold_all_of_it():
    """At the start of a search."""
    lines = record(10, 90, positive_label="a", repeated=3, contradicted=1).sentences()

    assert len(lines) <= 3
    for words in (
        "2 classes: a 10, b 90",
        "F1 is of: a",
        "train 90",
        "9 (median)",
        "3 rows",
        "1 text has several labels",
    ):
        assert words in " ".join(lines)


# --- imbalance


@pytest.mark.parametrize(
    ("counts", "objective", "said", "words"),
    [
        (
            (5, 95),
            "eval_matthews_correlation",
            False,
            "the objective is matthews_correlation: 95.0% of the rows are 'b'",
        ),
        ((5, 95), "eval_accuracy", True, "95.0% of the rows are 'b'"),
        ((1, 2, 97), "eval_matthews_correlation", False, "97.0% of the rows are 'c'"),
        ((5, 95), "eval_f1", True, None),
        ((5, 95), "eval_matthews_correlation", True, None),
        ((11, 89), "eval_accuracy", False, None),
    ],
)
def test_an_objective_that_says_little_is_told(counts, objective, said, words):
    """Before anything is spent; who chose another knows."""
    told = record(*counts).imbalance(objective, said=said)

    assert words is told is None or words in told


@pytest.mark.parametrize("counts", [(3000, 7000), (500, 9500), (5000, 5000)])
def test_the_least_gain_is_that_over_the_largest_class(counts):
    """A default has at least the accuracy of who always says it; the rows are those of the report split."""
    rate = max(0.8, max(counts) / sum(counts))
    least = detectable_difference(rate, 1000)

    assert f"{100 * least:.1f} points of accuracy, over a default at {rate:.1%}" in record(*counts).least_gain(
        "eval_accuracy"
    )


@pytest.mark.parametrize("counts", [(900, 19100), (4000, 96000), (9000, 3000, 988000)])
def test_of_a_rare_class_its_own_rows_count(counts):
    """However many rows the others have: what is to be found is the rarest class."""
    rows, name = min((count // 10, "ab"[place]) for place, count in enumerate(counts[:-1]))
    told = record(*counts).least_gain("eval_matthews_correlation")

    assert f"{100 * detectable_difference(0.5, rows):.1f} points of the recall of {name}" in told
    assert f"{rows} rows" in told


@pytest.mark.parametrize("rare", [3, 40, 80])
def test_a_few_rows_of_a_class_show_no_gain(rare):
    """That is told before anything is spent."""
    assert "none of the recall of a" in record(rare, 2000).least_gain("eval_f1")


def test_without_a_report_split_no_gain_is_told():
    """Nor for numbers."""
    assert ("", "") == (record(5, 5, report=()).least_gain("eval_accuracy"), record(report=()).least_gain("eval_mse"))


# --- from data


def test_tokens_are_counted_before_they_are_cut(tmp_path):
    """Special ones included; a row of just as many as there is room for is not cut."""
    rows = [
        ("w1 " * (count - 1) + f"w{number % 20}", "no" if number % 2 else "yes")
        for number, count in enumerate([3] * 20 + [14] * 20 + [30] * 20)
    ]
    found = understood(tmp_path, rows).tokens

    assert 0 < found.cut < 20  # some of them are in the report split
    assert (32, 16, False) == (found.most, found.max_length, found.sampled)
    assert f"{found.cut} of {found.rows} rows are cut at 16" in found.words


def test_texts_that_are_there_twice_are_counted(tmp_path):
    """Rows that repeat an earlier one, and texts whose labels contradict each other."""
    rows = [(f"w{number % 8}", "no" if number < 20 else "yes") for number in range(40)]
    found = understood(tmp_path, rows)

    assert (32, 8) == (found.repeated, found.contradicted)


def test_numbers_are_told_by_their_range(tmp_path):
    """And no class is."""
    found = understood(tmp_path, [(f"w{n}", n / 4) for n in range(40)])

    assert "numbers to predict, from 0 to 9.75" == found.words()["labels"]
    assert {"labels", "tokens a row", "repeated texts"} == set(found.words())


@pytest.mark.parametrize(("said", "label"), [(None, "fraud"), ("legit", "legit")])
def test_the_class_that_f1_is_of_is_in_it(tmp_path, said, label):
    """The rarer one, or the one that was said."""
    rows = [(f"w{n}", "fraud" if n % 5 == 0 else "legit") for n in range(50)]
    found = understood(tmp_path, rows, positive_label=said)

    assert (label, said is not None) == (found.positive_label, found.positive_said)
    assert (("fraud", 10), ("legit", 40)) == found.classes
    assert sum(found.report) > 0


# --- on the command line


@pytest.fixture
def fraud(toy) -> tuple[object, ...]:
    """Options of a search of twenty rows of which one in twenty is another."""
    lines = [f"text number {n},{'fraud' if n % 20 == 0 else 'legit'}\n" for n in range(200)]
    Path("data.csv").write_text("text,label\n" + "".join(lines))
    return ("--train-file", "data.csv", *COLUMNS, *TINY)


def test_check_says_what_was_understood(fraud):
    """In its table and its JSON, with the objective that was taken and why."""
    said = done("check", *fraud)
    found = done("check", *fraud, "--json").json()

    assert "2 classes: fraud 10, legit 190" in said.out
    assert "the objective is matthews_correlation: 95.0% of the rows are 'legit'" in said.err
    assert "eval_matthews_correlation (maximize)" == found["summary"]["objective"]
    assert [["fraud", 10], ["legit", 190]] == found["understood"]["classes"]
    assert "recall of fraud" in found["summary"]["gain that shows"]


def test_a_study_keeps_and_shows_it(fraud):
    """At the start of `run`, unless that is quiet, in `show`, in the report, and in their JSON."""
    said = done("run", *fraud, *ONE_RUNG, "--study", "mine", "--trials", "1", "--no-retrain")
    quiet = done("run", *fraud, *ONE_RUNG, "--study", "mine", "--trials", "1", "--no-retrain", "--quiet", "--json")
    report = done("report", "mine", "--format", "md").out

    assert "labels: 2 classes: fraud 10, legit 190" in said.err.partition("trials done")[0]
    assert "" == quiet.err
    found = done("show", "mine", "--json").json()["understood"]
    assert "fraud" == found["positive_label"]
    assert found == quiet.json()["understood"]
    assert "2 classes: fraud 10, legit 190" in done("show", "mine").out
    assert "### The data" in report
    assert "fraud 10, legit 190" in report


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--positive-label", "frad"), "did you mean 'fraud'?"),
        (("--label-kind", "numbers"), "which is no number"),
        (("--label-kind", "several"), "no row of data.csv has several labels"),
    ],
)
def test_a_label_option_that_does_not_fit_is_refused(fraud, words, message):
    """In one sentence, before anything is trained."""
    said = hpsearch("check", *fraud, *words)

    assert (2, True) == (said.code, message in said.err)


@pytest.mark.parametrize("option", ["--positive-label", "--label-kind"])
def test_label_options_are_for_data_of_ones_own(toy, option):
    """A built-in task has its labels, and its benchmark says what F1 is of."""
    said = hpsearch("check", "--task", "mrpc", option, "classes")

    assert (2, True) == (said.code, f"{option} needs --train-file" in said.err)


def test_another_positive_label_is_another_problem_for_f1_alone(fraud):
    """The study's identity knows it where F1 is the objective."""

    def task(*words: str) -> dict[str, Any]:
        return done("check", *fraud, "--json", *words).json()["identity"]["task"]

    assert task() == task("--positive-label", "legit")
    assert "legit" == task("--positive-label", "legit", "--objective", "f1")["positive_label"]
