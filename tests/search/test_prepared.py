"""Data prepared once: splits, tokens, the cache that processes share, and nested subsets."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from hpsearch.search.data.prepared import (
    Prepared,
    check_subset,
    prepare,
    prepared_fingerprint,
    split,
    subset_indices,
)
from hpsearch.search.data.raw import RawData, load_task
from hpsearch.search.tasks import custom_task
from hpsearch.spaces.errors import BadInput, HpsearchError

WORDS = [f"w{number}" for number in range(20)]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


def tokenizer(*, words: list[str] = WORDS, special: bool = True) -> PreTrainedTokenizerFast:
    """A word tokenizer, with BERT's special tokens around a text or, as GPT-2's, without."""
    inner = Tokenizer(models.WordLevel({w: n for n, w in enumerate([*SPECIAL, *words])}, unk_token=SPECIAL[1]))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    if special:
        inner.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
        )
    wrapped = PreTrainedTokenizerFast(tokenizer_object=inner, unk_token=SPECIAL[1], pad_token=SPECIAL[0])
    wrapped.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
    return wrapped


def rows(labels: list[Any]) -> list[dict[str, Any]]:
    """Rows of different lengths; each text is another one."""
    return [
        {"text": " ".join([WORDS[n % 20]] * (1 + n % 7)) + f" n{n}", "pair": "w1", "label": v}
        for n, v in enumerate(labels)
    ]


def load(folder: Path, labels: list[Any], validation: list[Any] | None = None, *, pair: bool = False) -> RawData:
    """Load a custom task with these labels from files."""
    files = {"train": labels, "validation": validation}
    for name, values in files.items():
        if values:
            (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(values)))
    return load_task(
        custom_task(["text", "pair"] if pair else ["text"], "label"),
        train_file=folder / "train.jsonl",
        validation_file=folder / "validation.jsonl" if validation else None,
    )


def prepared(folder: Path, raw: RawData, **changes: Any) -> Prepared:
    """Prepare with this module's tokenizer."""
    given = {"tokenizer": tokenizer(), "max_length": 16, "seed": 0, "cache": folder / "cache"}
    return prepare(raw, **{**given, **changes})


def texts(raw: RawData, seed: int = 0) -> dict[str, list[str]]:
    """The texts of each part; each text occurs once in a file."""
    return {name: list(part["text_a"]) for name, part in split(raw, seed).items()}


# --- splits


def test_the_parts_share_no_row_and_lose_none(tmp_path):
    """Without a validation part, train, selection and report are cut from the training part."""
    raw = load(tmp_path, ["no", "yes"] * 150)
    parts = texts(raw)

    assert (243, 27, 30) == tuple(len(parts[name]) for name in ("train", "selection", "report"))
    assert set(raw.train["text_a"]) == {text for part in parts.values() for text in part}
    assert 300 == len({*parts["train"], *parts["selection"], *parts["report"]})


def test_the_validation_part_is_the_report(tmp_path):
    """Where there is one, it is looked at once; the selection part is always cut from train."""
    raw = load(tmp_path, ["no", "yes"] * 100, ["yes", "no", "no"])
    parts = texts(raw)

    assert list(raw.validation["text_a"]) == parts["report"]
    assert (180, 20) == (len(parts["train"]), len(parts["selection"]))


def test_the_full_training_part_is_train_and_selection_in_their_first_order(tmp_path):
    """A retraining sees what the search saw and nothing of the report."""
    raw = load(tmp_path, ["no", "yes"] * 60)
    parts = texts(raw)
    kept = {*parts["train"], *parts["selection"]}

    assert [text for text in raw.train["text_a"] if text in kept] == parts["full_train"]


def test_cuts_are_stratified(tmp_path):
    """Each part has the classes in the shares of the whole, within one row."""
    raw = load(tmp_path, (["a"] * 6 + ["b"] * 3 + ["c"]) * 50)
    parts = {name: Counter(part["label"]) for name, part in split(raw, 0).items()}

    for name, size in (("report", 50), ("selection", 45)):
        for label, share in enumerate((0.6, 0.3, 0.1)):
            assert abs(parts[name][label] - share * size) <= 1


def test_a_cut_of_numbers_is_spread_over_their_range(tmp_path):
    """A regression is stratified by bins: the report's mean is near that of all."""
    raw = load(tmp_path, [number / 10 for number in range(500)])
    report = split(raw, 0)["report"]["label"]

    assert [5] * 10 == [sum(low <= value < low + 5 for value in report) for low in range(0, 50, 5)]


def test_the_selection_has_two_rows_of_each_class_that_can_give_them(tmp_path):
    """Classes of four rows give two, of two give one, of one none: the training part always keeps a row."""
    raw = load(tmp_path, ["big"] * 200 + ["four"] * 4 + ["two"] * 2 + ["one"], ["big"])
    parts = {name: Counter(part["label"]) for name, part in split(raw, 0).items()}
    four, one, two = (raw.task.labels.index(name) for name in ("four", "one", "two"))

    assert (2, 1, 0) == tuple(parts["selection"][label] for label in (four, two, one))
    assert (2, 1, 1) == tuple(parts["train"][label] for label in (four, two, one))


def test_cuts_have_a_largest_size(tmp_path):
    """At most 2,000 rows for the report and 1,000 for the selection: more would make each look dearer."""
    parts = texts(load(tmp_path, ["no", "yes"] * 15_000))

    assert (2000, 1000) == (len(parts["report"]), len(parts["selection"]))


@given(st.lists(st.sampled_from("abcde"), min_size=12, max_size=60).filter(lambda labels: len(set(labels)) > 1))
@settings(max_examples=30, deadline=None)
def test_any_classes_are_split_without_loss(tmp_path_factory, labels):
    """However rare some classes are, no row is lost or doubled, and every class stays in train."""
    raw = load(tmp_path_factory.mktemp("any"), labels)
    parts = texts(raw)

    assert sorted(raw.train["text_a"]) == sorted(parts["train"] + parts["selection"] + parts["report"])
    assert set(raw.train["label"]) == set(split(raw, 0)["train"]["label"])


def test_the_seed_decides_the_cut(tmp_path):
    """The same seed cuts the same rows, another one others."""
    raw = load(tmp_path, ["no", "yes"] * 100)

    assert texts(raw, 1) == texts(raw, 1)
    assert texts(raw, 1)["selection"] != texts(raw, 2)["selection"]


def test_too_few_rows_to_split_are_refused(tmp_path):
    """Three rows cannot be a training, a selection and a report part."""
    with pytest.raises(BadInput, match="too few to hold some out"):
        prepared(tmp_path, load(tmp_path, ["no", "yes", "no"]))


# --- tokens


def test_rows_are_tokenised_without_padding(tmp_path):
    """Every row has its own length, and the column `length` says it."""
    raw = load(tmp_path, ["no", "yes"] * 20)
    data = prepared(tmp_path, raw).full_train

    assert {"input_ids", "attention_mask", "token_type_ids", "labels", "length"} == set(data.column_names)
    assert len(set(data["length"])) > 3
    assert [len(ids) for ids in data["input_ids"]] == list(data["length"])
    assert all(set(mask) == {1} for mask in data["attention_mask"])
    assert list(split(raw, 0)["full_train"]["label"]) == list(data["labels"])


def test_both_texts_of_a_pair_are_encoded(tmp_path):
    """The second text follows the first, with its own token type."""
    row = prepared(tmp_path, load(tmp_path, ["no", "yes"] * 20, pair=True)).full_train[0]

    assert [2, 4, 1, 3, 5, 3] == row["input_ids"]
    assert [0, 0, 0, 0, 1, 1] == row["token_type_ids"]


def test_rows_are_cut_at_the_maximum_length(tmp_path):
    """Special tokens count, and stay."""
    data = prepared(tmp_path, load(tmp_path, ["no", "yes"] * 20), max_length=5).full_train

    assert 5 == max(data["length"])
    assert {3} == {ids[-1] for ids in data["input_ids"]}


def test_a_maximum_length_without_room_for_text_is_refused(tmp_path):
    """Two special tokens leave no room in two."""
    with pytest.raises(BadInput, match="max_length=2 leaves no room for text"):
        prepared(tmp_path, load(tmp_path, ["no", "yes"] * 20), max_length=2)


def test_a_row_of_no_tokens_gets_one(tmp_path):
    """GPT-2 adds no special tokens; a batch of empty texts would have nothing to compute."""
    (tmp_path / "a.jsonl").write_text(
        "".join(json.dumps({"text": f"w1 w{n % 20}" if n % 2 else "", "label": n % 2}) + "\n" for n in range(40))
    )
    raw = load_task(custom_task(["text"], "label"), train_file=tmp_path / "a.jsonl")
    data = prepared(tmp_path, raw, tokenizer=tokenizer(special=False)).full_train

    assert {1, 2} == set(data["length"])
    assert {"input_ids": [1], "attention_mask": [1], "token_type_ids": [0]} == {
        name: data[0][name] for name in ("input_ids", "attention_mask", "token_type_ids")
    }


def test_numbers_to_predict_are_single_precision(tmp_path):
    """Labels of a regression come as the models' own type, classes as whole numbers."""
    assert "float32" == prepared(tmp_path, load(tmp_path, [n / 4 for n in range(60)])).train.features["labels"].dtype
    assert "int64" == prepared(tmp_path, load(tmp_path, ["no", "yes"] * 20)).train.features["labels"].dtype


# --- the cache


def test_prepared_data_is_opened_again(tmp_path):
    """A second call opens the same folder, from disk and not in memory, and writes nothing."""
    raw = load(tmp_path, ["no", "yes"] * 20)
    first = prepared(tmp_path, raw)
    before = {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")}
    second = prepared(tmp_path, raw)

    assert (first.fingerprint, first.folder) == (second.fingerprint, second.folder)
    assert before == {path: path.stat().st_mtime_ns for path in second.folder.rglob("*")}
    assert all(str(first.folder) in file["filename"] for file in second.train.cache_files)
    assert len(second.train.cache_files) > 0


def test_the_fingerprint_knows_all_that_decides_the_tokens(tmp_path):
    """E4: data, vocabulary, special tokens, length and seed make other prepared data; nothing else does."""
    raw, other = load(tmp_path, ["no", "yes"] * 20), load(tmp_path, ["yes", "no"] * 20)
    used, left = tokenizer(), tokenizer()
    used(["w1 w2"], truncation=True, max_length=3, padding=True)  # leaves its mark in a tokenizer's own JSON
    left.truncation_side = "left"
    same = prepared_fingerprint(raw, tokenizer(), max_length=16, seed=0)
    different = [
        prepared_fingerprint(other, tokenizer(), max_length=16, seed=0),
        prepared_fingerprint(raw, tokenizer(words=WORDS[::-1]), max_length=16, seed=0),
        prepared_fingerprint(raw, tokenizer(special=False), max_length=16, seed=0),
        prepared_fingerprint(raw, left, max_length=16, seed=0),
        prepared_fingerprint(raw, tokenizer(), max_length=17, seed=0),
        prepared_fingerprint(raw, tokenizer(), max_length=16, seed=1),
    ]

    assert same == prepared_fingerprint(raw, used, max_length=16, seed=0)
    assert 7 == len({same, *different})


def test_what_a_killed_process_left_is_cleared_away(tmp_path):
    """Half a folder is never opened, and goes when the data is made again."""
    raw = load(tmp_path, ["no", "yes"] * 20)
    fingerprint = prepared_fingerprint(raw, tokenizer(), max_length=16, seed=0)
    left = tmp_path / "cache" / "prepared" / f".{fingerprint}-killed" / "train"
    left.mkdir(parents=True)
    done = prepared(tmp_path, raw)

    assert {fingerprint, f"{fingerprint}.lock"} == {path.name for path in done.folder.parent.iterdir()}


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    """A file where the cache should be is one sentence, not a traceback."""
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(HpsearchError, match="cannot write the prepared data"):
        prepared(tmp_path, load(tmp_path, ["no", "yes"] * 20))


COLD = """
import hashlib, json, sys
from pathlib import Path
from transformers import PreTrainedTokenizerFast
from hpsearch.search.data.prepared import prepare
from hpsearch.search.data.raw import load_task
from hpsearch.search.tasks import custom_task

class Counting(PreTrainedTokenizerFast):
    calls = 0
    def __call__(self, *args, **kwargs):
        Counting.calls += 1
        return super().__call__(*args, **kwargs)

folder = Path(sys.argv[1])
words = Counting.from_pretrained(folder / "tokenizer")
raw = load_task(custom_task(["text"], "label"), train_file=folder / "train.jsonl")
print("ready", flush=True)
sys.stdin.readline()
data = prepare(raw, words, max_length=16, seed=0, cache=folder / "cache")
parts = [part[:] for part in (data.train, data.selection, data.report, data.full_train)]
print(json.dumps([Counting.calls, hashlib.sha256(json.dumps(parts).encode()).hexdigest()]))
"""


def test_eight_cold_processes_tokenise_once(tmp_path):
    """E4: 8 processes started together on a cold cache: one of them tokenises, all 8 read identical rows."""
    load(tmp_path, ["no", "yes"] * 500)
    tokenizer().save_pretrained(tmp_path / "tokenizer")
    command = [sys.executable, "-c", COLD, str(tmp_path)]
    pipes: dict[str, Any] = {
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "text": True,
        "cwd": tmp_path,
    }
    workers = [subprocess.Popen(command, **pipes) for _ in range(8)]
    assert ["ready\n"] * 8 == [worker.stdout.readline() for worker in workers]
    for worker in workers:  # all have imported what they need: now they meet at the lock
        worker.stdin.write("go\n")
        worker.stdin.flush()
    results = [json.loads(worker.communicate(timeout=120)[0]) for worker in workers]

    assert 1 == sum(calls > 0 for calls, _ in results)
    assert 1 == len({content for _, content in results})


# --- subsets


@given(
    st.lists(st.sampled_from("aaaaaabbbc"), min_size=1, max_size=300),
    st.floats(0.01, 1),
    st.floats(0.01, 1),
    st.integers(0, 2**40),
)
@settings(max_examples=100, deadline=None)
def test_subsets_are_nested_and_of_the_asked_size(labels, one, other, seed):
    """The smaller of two subsets lies inside the larger, each has its share of the rows, in their order."""
    small, large = (subset_indices(labels, share, seed) for share in sorted((one, other)))

    assert set(small) <= set(large)
    assert sorted(set(large)) == large
    assert [max(1, round(share * len(labels))) for share in sorted((one, other))] == [len(small), len(large)]


@given(st.tuples(*[st.integers(20, 400)] * 3), st.sampled_from([1 / 9, 0.1, 1 / 3, 0.5]), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_subsets_are_stratified(sizes, fraction, seed):
    """Each class has its share of the subset, within two rows."""
    labels = [name for name, size in zip("abc", sizes, strict=True) for _ in range(size)]
    chosen = Counter(labels[row] for row in subset_indices(labels, fraction, seed))

    assert all(abs(chosen[name] - fraction * size) <= 2 for name, size in zip("abc", sizes, strict=True))


def test_a_subset_keeps_two_rows_of_a_rare_class():
    """A class of ten among a thousand has two rows in a tenth, not one or none."""
    labels = ["big"] * 990 + ["rare"] * 10

    assert {"big": 98, "rare": 2} == Counter(labels[row] for row in subset_indices(labels, 0.1, 0))


def test_a_subset_of_numbers_is_spread_over_their_range():
    """A regression is stratified by bins of equal count."""
    values = [number / 7 for number in range(1000)]
    chosen = [values[row] for row in subset_indices(values, 0.1, 3, regression=True)]

    assert [10] * 10 == [sum(low <= value * 7 < low + 100 for value in chosen) for low in range(0, 1000, 100)]


def test_rows_without_labels_have_nested_random_subsets():
    """Any data set with a length has subsets."""
    small, large = subset_indices(900, 1 / 9, 5), subset_indices(900, 1 / 3, 5)

    assert (100, 300, True) == (len(small), len(large), set(small) <= set(large))
    assert small != list(range(100))


@pytest.mark.parametrize("labels", [["a", "b"] * 20, 40, [n / 3 for n in range(40)]])
def test_the_whole_set_is_a_subset_of_itself(labels):
    """A fraction of 1 is every row in its order."""
    assert list(range(40)) == subset_indices(labels, 1.0, 0, regression=isinstance(labels, list) and labels[0] == 0.0)


def test_subsets_are_the_same_in_every_process_and_release(run_python):
    """E4: the rows depend on nothing but labels, fraction and seed; these were written down once."""
    program = (
        "from hpsearch.search.data.prepared import subset_indices as of\n"
        "print(of(list('aab') * 10, 0.3, 7), of(30, 0.2, 7))"
    )
    outputs = {run_python(program, env={"PYTHONHASHSEED": seed}).stdout.strip() for seed in ("1", "2")}

    assert {RECORDED} == outputs


RECORDED = "[0, 1, 3, 5, 7, 8, 14, 16, 25] [1, 2, 5, 9, 11, 17]"


@pytest.mark.parametrize("seed", [1, 2])
def test_another_seed_is_another_subset(seed):
    """The seed decides which rows, not how many."""
    labels = ["a", "b"] * 100

    assert subset_indices(labels, 0.1, 0) != subset_indices(labels, 0.1, seed)


def test_a_subset_smaller_than_a_batch_is_refused():
    """The hint says which subset is large enough."""
    with pytest.raises(BadInput, match="has 10 rows, fewer than a batch of 16") as refused:
        check_subset(["a", "b"] * 50, 100, 0.1, 16)

    assert "at least --subset 0.16" == refused.value.hint


def test_a_subset_with_fewer_than_two_rows_a_class_is_refused():
    """Twenty rows cannot show eleven classes twice."""
    with pytest.raises(BadInput, match="20 rows, fewer than two for each of 11 classes") as refused:
        check_subset([number % 11 for number in range(200)], 200, 0.1, 8)

    assert "at least --subset 0.11" == refused.value.hint


@pytest.mark.parametrize(
    ("labels", "rows", "fraction", "batch"),
    [
        (["a", "b"] * 80, 160, 0.1, 16),
        ([number % 10 for number in range(200)], 200, 0.1, 16),
        (["a", "b", "c"], 3, 1.0, 64),
        ([number / 3 for number in range(200)], 200, 0.1, 16),
        (None, 200, 0.1, 16),
    ],
)
def test_other_subsets_are_accepted(labels, rows, fraction, batch):
    """Just enough rows, all the rows, numbers to predict, and rows without labels."""
    check_subset(labels, rows, fraction, batch)


def test_an_accepted_subset_has_two_rows_of_every_class():
    """What the check lets through, the subset keeps, also where one class is nearly all."""
    labels = ["big"] * 971 + [f"rare{number // 3}" for number in range(29)]
    check_subset(labels, 1000, 0.1, 16)
    chosen = Counter(labels[row] for row in subset_indices(labels, 0.1, 0))

    assert {2} == {min(2, count) for count in chosen.values()}
    assert set(labels) == set(chosen)
