"""Several labels a row in a file: columns of 0 and 1, lists, or text with a separator where that is said."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from sklearn.metrics import f1_score

from hpsearch.search.data.prepared import split
from hpsearch.search.data.raw import RawData, load_task
from hpsearch.search.data.several import is_list
from hpsearch.search.label_sets import best_threshold, decoded, encoded, names_in, strata
from hpsearch.search.metrics import score
from hpsearch.search.tasks import Task, custom_task
from hpsearch.search.winner.submission import read_examples
from hpsearch.spaces.errors import BadInput

from .command import TINY, done, hpsearch, refused

TABLE = "text,toxic,insult,threat\n" + "".join(
    f"a{row},0,1,0\nb{row},1,0,0\nc{row},0,0,1\nd{row},1,1,0\n" for row in range(10)
)
SETS = [["insult"], ["toxic"], ["threat"], ["toxic", "insult"]] * 10


def load(folder: Path, labels: list[Any], validation: list[Any] | None = None, **options: Any) -> RawData:
    """Load a task of these labels, which keep their types."""
    files = []
    for name, column in (("t", labels), ("v", validation)):
        lines = (json.dumps({"text": f"text {row}", "label": one}) + "\n" for row, one in enumerate(column or ()))
        (folder / f"{name}.jsonl").write_text("".join(lines))
        files.append(folder / f"{name}.jsonl")
    task = custom_task(["text"], "label", **options)
    return load_task(task, train_file=files[0], validation_file=files[1] if validation else None)


def told(folder: Path, *labels: list[Any], **options: Any) -> str:
    """Return why labels are refused, with the hint; empty if they are not."""
    try:
        load(folder, *labels, **options)
    except BadInput as error:
        return f"{error} | {error.hint}"
    return ""


def sets_of(raw: RawData) -> list[set[str]]:
    """Return the names of each row's labels."""
    return [set(names_in(code, raw.task.labels or ())) for code in raw.train["label"][:]]


def write_tables() -> None:
    """Write a table with a column for each label in every kind of file."""
    header, *rows = [line.split(",") for line in TABLE.splitlines()]
    table = datasets.Dataset.from_list([dict(zip(header, row, strict=True)) for row in rows])
    Path("t.csv").write_text(TABLE)
    Path("t.tsv").write_text(TABLE.replace(",", "\t"))
    bools = [{k: v if k == "text" else v == "1" for k, v in row.items()} for row in table]
    Path("t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in bools))
    datasets.Dataset.from_list(
        [{k: v if k == "text" else float(v) for k, v in row.items()} for row in table]
    ).to_parquet("t.parquet")


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
@pytest.mark.parametrize("named", [["toxic,insult,threat"], ["toxic, insult ,threat"], ["toxic", "insult", "threat"]])
def test_columns_of_0_and_1_are_labels(tmp_path, monkeypatch, suffix, named):
    """In one word or in several, as texts, numbers or true and false; in the order that they are named in."""
    monkeypatch.chdir(tmp_path)
    write_tables()

    task = custom_task(["text"], ",".join(named), label_columns=named if len(named) > 1 else ())
    raw = load_task(task, train_file=f"t.{suffix}")

    assert (("toxic", "insult", "threat"), True) == (raw.task.labels, raw.task.is_several)
    assert [set(names) for names in SETS] == sets_of(raw)
    assert ("f1_micro", "f1_macro", "subset_accuracy") == raw.task.metrics
    assert raw.task == Task.from_dict(json.loads(json.dumps(raw.task.to_dict())))


@pytest.mark.parametrize(
    ("labels", "options"),
    [
        ([["insult"], ["toxic"], [" threat"], ["toxic", "insult", "toxic"]], {}),
        (["insult", "toxic", "threat", "toxic|insult"], {"label_kind": "several"}),
        (["insult", "toxic", "threat", "toxic; insult"], {"label_kind": "several"}),
        (["insult", "toxic", "threat", "toxic, insult"], {"label_kind": "several"}),
        (["['insult']", "['toxic']", '["threat"]', '["toxic", "insult"]'], {"label_kind": "several"}),
    ],
)
def test_lists_and_divided_cells_are_labels(tmp_path, labels, options):
    """Lists as they are, also as text, and text that a separator divides where it is said; sorted by name."""
    raw = load(tmp_path, labels * 10, **options)

    assert ("insult", "threat", "toxic") == raw.task.labels
    assert [set(names) for names in SETS] == sets_of(raw)


@pytest.mark.parametrize("empty", ["", "[]"])
def test_a_row_may_have_no_label(tmp_path, empty):
    """An empty cell, or an empty list, is a row without any."""
    raw = load(tmp_path, ["a|b", "a", empty, "b"] * 10, label_kind="several")

    assert set() == sets_of(raw)[2]


def test_lists_of_class_numbers_are_their_names(tmp_path):
    """In Parquet and in a folder that `datasets` has saved, in the order that they were declared in."""
    names = datasets.List(datasets.ClassLabel(names=["toxic", "insult"]))
    features = datasets.Features({"text": datasets.Value("string"), "label": names})
    data = datasets.Dataset.from_dict({"text": ["a", "b", "c"] * 5, "label": [[0], [0, 1], []] * 5}, features)
    data.to_parquet(tmp_path / "t.parquet")
    data.save_to_disk(tmp_path / "saved")

    for source in ("t.parquet", "saved"):
        raw = load_task(custom_task(["text"], "label"), train_file=tmp_path / source)
        assert ("toxic", "insult") == raw.task.labels
        assert [{"toxic"}, {"toxic", "insult"}, set()] == sets_of(raw)[:3]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("e,1,2,0", "line 42 has '2' in label column 'insult', which is neither 0 nor 1"),
        ("e,1,,0", "line 42 has '' in label column 'insult'"),
        ("e,-1,0,0", "line 42 has '-1' in label column 'toxic'"),
        ("e,0,0,NA", "line 42 has 'NA' in label column 'threat'"),
        ("e,0,0.5,0", "line 42 has '0.5'"),
        ("e,yes,0,0", "line 42 has 'yes'"),
    ],
)
def test_what_is_neither_0_nor_1_is_refused(tmp_path, row, why):
    """With line, value and column."""
    (tmp_path / "t.csv").write_text(f"{TABLE}{row}\n")

    with pytest.raises(BadInput) as error:
        load_task(custom_task(["text"], "toxic,insult,threat"), train_file=tmp_path / "t.csv")

    assert why in str(error.value)


@pytest.mark.parametrize(
    ("columns", "options", "why"),
    [
        ("toxic,obscene", {}, "has no column 'obscene'"),
        ("toxic,toxic", {}, "names a column twice"),
        ("toxic,text", {}, "names a column twice, or a text column"),
        ("one,two", {}, "has no column 'one,two'"),
        ("toxic,insult", {"label_kind": "classes"}, "has several labels a row, and --label-kind classes is for one"),
        ("toxic,insult", {"positive_label": "toxic"}, "F1 is of all labels where a row has several"),
    ],
)
def test_columns_that_cannot_be_meant_are_refused(tmp_path, columns, options, why):
    """Missing, named twice, the text itself, or with options that are for one label a row."""
    (tmp_path / "t.csv").write_text(TABLE)

    with pytest.raises(BadInput) as error:
        load_task(custom_task(["text"], columns, **options), train_file=tmp_path / "t.csv")

    assert why in str(error.value)


@pytest.mark.parametrize(
    ("labels", "options", "why"),
    [
        ([["a", "b"], ["a"], ["b"], ["A"]], {}, "line 4 has the label 'A', and"),
        ([["a", "b"], ["a"], ["b", "n/a"]], {}, "line 3 has the label 'n/a', which marks a missing value"),
        ([["a", "b"], ["a"], ["b", "'c'"]], {}, "line 3 has the label \"'c'\", which has quotes around it"),
        ([["a", "b"], ["a"], ["b", ""]], {}, "line 3 has an empty label among its labels"),
        ([["a", "b"], ["a"], None], {}, "line 3 has None where its labels should be"),
        ([["a", "b"], ["a"], {"b": 1}], {}, "line 3 has {'b': 1} where"),
        ([["a", ["b"]], ["a"]], {}, "the label in"),
        ([[0, 1], [1, 0], [1, 1]], {}, "all rows have 2 of 0 and 1"),
        (["[1 0 1]", "[0 0 1]"], {"label_kind": "several"}, "a list that cannot be read"),
        ([0, 1, 1], {"label_kind": "several"}, "no row of"),
        ([["a"], ["a"]], {}, "of labels 'a' alone"),
        ([[], []], {}, "of labels none"),
        ([["a", "b"], ["a"]], {}, "the label 'a' is that of all 2 rows"),
        ([[str(one), "0"] for one in range(1, 70)] * 2 + [["1"]], {}, "has 70 labels"),
    ],
)
def test_slips_among_several_labels_are_refused(tmp_path, labels, options, why):
    """As those of one label a row are, with line and value, and what no model can learn."""
    said = told(tmp_path, labels, **options)

    assert why in said
    assert "if it is a class" not in said or "-kind several" in said


def test_a_validation_label_that_the_training_part_lacks_is_refused(tmp_path):
    """With its line; it could only ever be wrong."""
    assert "v.jsonl, line 2 has the unknown label 'c'" in told(tmp_path, [["a"], ["b"], []] * 5, [["a"], ["c"]])


def test_a_column_with_commas_in_its_name_is_that_column(tmp_path):
    """A name is taken as a whole where the file has it."""
    (tmp_path / "t.csv").write_text('text,"toxic,insult",toxic\n' + "a,0,1\nb,1,0\n" * 10)

    assert ("0", "1") == load_task(custom_task(["text"], "toxic,insult"), train_file=tmp_path / "t.csv").task.labels


@pytest.mark.parametrize(
    "labels",
    [
        ["['toxic', 'insult']", "['toxic']", "[]"],
        ['["a"]', '["b"]', '["a", "b"]'],
        ["{'a', 'b'}", "{'a'}", "{'b'}"],
        ["[1 0 1]", "[0 0 1]", "[1 1 1]"],
        ['c("a", "b")', 'c("a")', 'c("b")'],
        ["[toxic, insult]", "[toxic]", "[insult]"],
        ["toxic|insult", "toxic", "insult"],
        ["toxic; insult", "insult; threat", "threat; toxic"],
        ["toxic, insult", "toxic", "insult"],
        ["a|b", "b|c", "a|c", "a|b|c"],
        ["joy/anger", "joy", "anger"],
        ["joy anger", "joy", "anger", "anger joy"],
        ["2,14,27", "2", "14", "27"],
        ["a\nb", "a", "b"],
    ],
    ids=str,
)
def test_several_labels_in_a_cell_are_not_guessed(tmp_path, labels):
    """Lists that became text, and what separators join: no combination becomes a class without a word."""
    first = next(row for row, one in enumerate(labels) if is_list(one) or any(mark in one for mark in "|;,/ \n"))
    said = told(tmp_path, labels * 10)

    assert f"line {first + 1} has the label {labels[first]!r}" in said
    assert "`--label-kind several`" in said
    assert "`--label-kind classes`" in said
    assert "" == told(tmp_path, labels * 10, label_kind="classes")


@pytest.mark.parametrize(
    "labels",
    [
        ["New York, NY", "Albany, NY", "Boston, MA"],
        ["sports;football", "sports;tennis", "sports"],
        ["very good", "good", "bad"],
        ["hip-hop/rap", "rock", "jazz"],
        ["[NEG]", "[POS]", "[NEU]"],
        ["(other)", "spam", "ham"],
        ["R&B", "rock", "soul"],
        ["C++", "C", "C#"],
        [".", ",", "?"],
        ["yes", "no", "yes/no?"],
    ],
    ids=str,
)
def test_names_with_such_signs_are_classes(tmp_path, labels):
    """Places, grades, genres and signs are names."""
    assert "" == told(tmp_path, labels * 10)


def test_a_set_of_labels_is_a_number():
    """And back, up to as many labels as are allowed."""
    flags = np.random.default_rng(0).random((50, 62)) < 0.3

    assert np.array_equal(flags, decoded(encoded(flags), 62))
    assert ["a", "c"] == names_in(5, ["a", "b", "c"])


def test_splits_keep_the_share_of_rare_labels(tmp_path):
    """A row counts for its rarest label, so that a label of few rows is in every split."""
    draw = random.Random(0)
    labels = [[name for name, share in (("common", 0.5), ("some", 0.2), ("rare", 0.02)) if draw.random() < share]
              for _ in range(1000)]  # fmt: skip
    raw = load(tmp_path, labels)
    codes = np.array(raw.train["label"][:])
    assert {0, 1, 2, 3} == set(strata(codes, 3))
    assert 1 == strata(encoded([[1, 0], [1, 1], [1, 0]]), 2)[1]

    parts = split(raw, seed=1)

    whole = decoded(codes, 3).mean(axis=0)
    for name in ("selection", "report"):
        share = decoded(parts[name]["label"][:], 3).mean(axis=0)
        assert np.abs(share - whole).max() < 0.08
        assert share.min() > 0


def test_the_threshold_is_that_of_the_best_f1():
    """One for all labels; 0.5 where too few are set to say, and where no other is better."""
    flags = np.zeros((40, 2), dtype=bool)
    flags[:15, 0] = True
    told_ = np.where(flags, 0.32, 0.18)

    assert 0.2 <= best_threshold(told_, flags) <= 0.3
    assert 0.5 == best_threshold(np.where(flags, 0.9, 0.1), flags)
    assert 0.5 == best_threshold(told_[10:], flags[10:])


@pytest.mark.parametrize(
    ("metric", "expected"), [("f1_micro", 0.05), ("f1_macro", 0.05), ("subset_accuracy", 0.5), ("loss", 0.05)]
)
def test_the_threshold_is_chosen_by_the_objective(metric, expected):
    """Where nothing was learnt, F1 is best where all labels are given, and rows are all right where none is."""
    flags = np.random.default_rng(0).random((100, 2)) < 0.3

    assert expected == best_threshold(np.full((100, 2), 0.3), flags, metric)


def test_metrics_are_those_of_scikit_learn():
    """F1 over all labels, the mean of each label's, and rows that are all right."""
    task = custom_task(["text"], "label", label_kind="several").with_labels(["a", "b", "c"])
    draw = np.random.default_rng(1)
    told_, true = draw.random((60, 3)) < 0.4, draw.random((60, 3)) < 0.4

    found = {name: score(task, name, encoded(told_), encoded(true)) for name in task.metrics}

    assert {
        "f1_micro": f1_score(true, told_, average="micro"),
        "f1_macro": f1_score(true, told_, average="macro"),
        "subset_accuracy": float((told_ == true).all(axis=1).mean()),
    } == found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("text,toxic,insult,threat\na,1,0,1\nb,0,0,0\n", [5, 0]),
        ("text\na\nb\n", None),
        ("text,toxic,insult,threat\na,-1,-1,-1\nb,-1,-1,-1\n", None),
        ("text,toxic,insult\na,1,0\n", "has no column 'threat'"),
        ("text,toxic,insult,threat\na,1,0,1\nb,-1,-1,-1\n", "line 3 has '-1' in label column 'toxic'"),
    ],
)
def test_a_test_file_may_have_all_of_the_columns_or_none(tmp_path, text, expected):
    """Some are refused, and so is a row that is marked as having none."""
    (tmp_path / "train.csv").write_text(TABLE)
    (tmp_path / "t.csv").write_text(text)
    task = load_task(custom_task(["text"], "toxic,insult,threat"), train_file=tmp_path / "train.csv").task

    if isinstance(expected, str):
        with pytest.raises(BadInput, match=expected):
            read_examples(task, tmp_path / "t.csv")
    else:
        assert expected == read_examples(task, tmp_path / "t.csv").labels


def word_rows(count: int) -> list[tuple[str, list[str]]]:
    """Return texts in which a word tells each label that they have."""
    draw = random.Random(3)
    found = []
    for _ in range(count):
        names = [name for name in ("red", "round", "rare") if draw.random() < (0.15 if name == "rare" else 0.4)]
        words = [f"{name}word" for name in names] + draw.choices(["cat", "dog", "house", "tree"], k=3)
        draw.shuffle(words)
        found.append((" ".join(words), names))
    return found


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A folder with a search of lists of labels, and its outcome."""
    place = tmp_path_factory.mktemp("searched")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("HPSEARCH_CACHE", str(place / "cache"))
        for name, count in (("data", 300), ("test", 40)):
            lines = (json.dumps({"text": text, "tags": names}) + "\n" for text, names in word_rows(count))
            Path(f"{name}.jsonl").write_text("".join(lines))
        options = ("--train-file", "data.jsonl", "--text-columns", "text", "--label-column", "tags", "--study", "tags")
        more = (
            "--set",
            "num_train_epochs=6",
            "--set",
            "learning_rate=1e-3",
            "--trials",
            1,
            "--test-file",
            "test.jsonl",
        )
        return place, done("run", *options, *TINY[:2], *TINY[4:], *more, "--json").json()


@pytest.fixture
def place(searched: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """That folder, as the current one."""
    monkeypatch.chdir(searched[0])
    monkeypatch.setenv("HPSEARCH_CACHE", str(searched[0] / "cache"))
    return searched[0]


def test_a_search_of_several_labels_learns_them(searched, place):
    """From understood to the model's folder: its configuration, the threshold of its selection split, and its card."""
    outcome = searched[1]
    folder = Path(outcome["model"]["folder"])
    config, record = (json.loads((folder / name).read_text()) for name in ("config.json", "hpsearch.json"))
    model = outcome["model"]

    assert ("several", ["rare", "red", "round"]) == (
        outcome["understood"]["kind"],
        [name for name, _ in outcome["understood"]["classes"]],
    )
    assert "multi_label_classification" == config["problem_type"]
    assert {"0": "rare", "1": "red", "2": "round"} == config["id2label"]
    assert outcome["best"]["metrics"]["eval_threshold"] == record["threshold"]
    assert "eval_f1_micro" == outcome["best"]["objective"]
    assert model["metrics"]["eval_f1_micro"] > 0.8
    assert "report" == model["spec"]["evaluated_on"]
    assert outcome["test"]["metrics"]["f1_micro"]["score"] > 0.8
    assert f"from a probability of {record['threshold']:g} on" in (folder / "README.md").read_text()


def test_predictions_are_names_and_probabilities(searched, place):
    """Lists in JSON lines, joined in CSV, the same ones; those of `transformers.pipeline` at the threshold."""
    from transformers import pipeline

    for suffix in ("jsonl", "csv"):
        done("predict", "tags", "--file", "test.jsonl", "--output", f"out.{suffix}")
    lists = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    with Path("out.csv").open(newline="") as file:
        joined = list(csv.DictReader(file))
    threshold = json.loads((Path(searched[1]["model"]["folder"]) / "hpsearch.json").read_text())["threshold"]
    opened = pipeline("text-classification", model=searched[1]["model"]["folder"], top_k=None)
    text = json.loads(Path("test.jsonl").read_text().splitlines()[0])["text"]

    assert ["|".join(row["prediction"]) for row in lists] == [row["prediction"] for row in joined]
    assert any(len(row["prediction"]) > 1 for row in lists)
    assert {"rare", "red", "round"} == lists[0]["scores"].keys()
    assert lists[0]["scores"]["red"] == pytest.approx(float(joined[0]["score red"]))
    found = {one["label"]: one["score"] for one in opened(text)[0]}
    assert lists[0]["prediction"] == [name for name in ("rare", "red", "round") if found[name] >= threshold]


def test_it_is_retrained_and_replayed_from_its_row(searched, place):
    """A replay is the same to the last bit, a retraining keeps the threshold, and another worker finds the problem."""
    assert 0 == hpsearch("replay", "tags", "--trial", 0, "--quiet").code

    model = done("retrain", "tags", "--output-dir", "again", "--json").json()["model"]

    record = json.loads(Path("again/hpsearch.json").read_text())
    assert record["threshold"] == model["metrics"]["eval_threshold"] == searched[1]["best"]["metrics"]["eval_threshold"]
    done("worker", "tags", "--quiet")


def test_a_list_of_label_columns_may_be_in_a_file_of_options(tmp_path, monkeypatch):
    """And one column in a list is that column."""
    monkeypatch.chdir(tmp_path)
    write_tables()
    for labels, count in (("[toxic, threat]", 2), ("'toxic,insult,threat'", 3), ("[toxic]", 0)):
        Path("o.yaml").write_text(f"train_file: t.csv\ntext_columns: text\nlabel_column: {labels}\n")
        said = done("check", "--config", "o.yaml", *TINY, "--json").json()
        assert (f"{count} labels, any number a row" in said["summary"]["labels"]) == (count > 0)


def test_labels_of_cells_that_nobody_said_are_refused_by_the_command(tmp_path, monkeypatch):
    """And nothing is left behind."""
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("text,label\n" + "".join(f"x{n},a|b\ny{n},a\nz{n},b\n" for n in range(10)))
    options = ("--train-file", "t.csv", "--text-columns", "text", "--label-column", "label", *TINY)

    for command in ("check", "run"):
        refused(hpsearch(command, *options), "line 2 has the label 'a|b'", "--label-kind several")
    assert not Path("hpsearch.db").exists()
    done("check", *options, "--label-kind", "several")
