"""A classifier that knows the task's labels is right before it is trained, in whatever order it has them."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import random
from pathlib import Path

import pytest
import torch
import transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from hpsearch.search.command.run import space_of
from hpsearch.search.model.heads import head_words, order_of, output_layer
from hpsearch.search.model.models import ModelSource
from hpsearch.search.options import RunOptions
from hpsearch.search.stored_problem import problem_of

from .test_models import FAMILIES, WORDS, save_tokenizer

NAMES = ("bad", "fair", "good")  # in the order of a task, which is the alphabet's
#: Beside those of `FAMILIES`: decoders with a `score`, and a head with a layer as wide as its outputs.
MORE = {
    "Llama": {
        "vocab_size": 40,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "max_position_embeddings": 64,
    },
    "ModernBert": {
        "vocab_size": 40,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "pad_token_id": 0,
        "cls_token_id": 2,
        "bos_token_id": 2,
        "eos_token_id": 3,
        "sep_token_id": 3,
    },
}
DRAWN_WIDE = {"T5": {"initializer_factor": 20.0}, "XLM": {"init_std": 0.8, "embed_init_std": 0.8}}


def save_classifier(folder: Path, family: str, names: tuple[str, ...] | None, count: int = 3) -> Path:
    """Write a classifier whose outputs have these names, drawn until it gives each of its answers often."""
    wide = {"initializer_range": 0.8, **DRAWN_WIDE.get(family, {})}
    known = {"num_labels": count} if names is None else {"id2label": dict(enumerate(names))}
    if names is not None:
        known["label2id"] = {name: number for number, name in enumerate(names)}
    config = getattr(transformers, f"{family}Config")(**{**(FAMILIES | MORE)[family], **wide, **known})
    if family == "T5":
        config.eos_token_id = 3
    config.pad_token_id = 0
    save_tokenizer(folder, padded=family not in ("GPT2", "Llama"))
    for seed in range(100):
        torch.manual_seed(seed)
        model = AutoModelForSequenceClassification.from_config(config)
        model.save_pretrained(folder)
        if min(map(len, answered(folder, count))) >= 8:
            return folder
    raise AssertionError(list(map(len, answered(folder, count))))


def answered(folder: Path, count: int) -> list[list[str]]:
    """Return for each output of a model the texts that it answers with it, all of one length: none is padded."""
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer, draw = AutoTokenizer.from_pretrained(folder), random.Random(5)
    texts = list(dict.fromkeys(" ".join(draw.choices(WORDS, k=6)) for _ in range(200)))
    with torch.inference_mode():
        answers = model(**tokenizer(texts, return_tensors="pt")).logits.argmax(-1).tolist()
    return [[text for text, answer in zip(texts, answers, strict=True) if answer == one] for one in range(count)]


def rows_it_is_right_on(folder: Path, path: Path, called: tuple[str, ...]) -> Path:
    """Write texts that the model answers differently, each with what it answers: output i is `called[i]`."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        found = zip(called, answered(folder, len(called)), strict=True)
        writer.writerows((text, name) for name, texts in found for text in texts[:30])
    return path


def problem(folder: Path, rows: Path, **options):
    """The problem that `hpsearch run --train-file ROWS --model FOLDER` searches."""
    asked = RunOptions(
        train_file=str(rows),
        text_columns="text",
        label_column="label",
        model=str(folder),
        subset=1.0,
        precision="fp32",
        **options,
    )
    return problem_of(asked, space_of(asked))


def untrained_accuracy(found) -> float:
    """Of the template of a problem, over all rows that a model learns from."""
    return found.trainer.evaluate(found.source.splits({}).full_train)["eval_accuracy"]


@pytest.fixture(autouse=True)
def _somewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("family", [*FAMILIES, *MORE])
def test_names_in_another_order_are_put_in_the_tasks(family, tmp_path):
    """A classifier of each family that is right on all rows is so before training, however its labels are ordered."""
    names = ("good", "bad", "fair")
    folder = save_classifier(tmp_path / "model", family, names)
    found = problem(folder, rows_it_is_right_on(folder, tmp_path / "rows.csv", names))

    assert 1.0 == untrained_accuracy(found)
    assert NAMES == tuple(found.trainer.model.config.id2label.values())
    assert any("in another order (good, bad, fair)" in remark for remark in found.remarks)


@pytest.mark.parametrize("names", [*itertools.permutations(NAMES)][1:])
def test_every_order_is_understood(names, tmp_path):
    """Reversed, turned by one, or two exchanged."""
    folder = save_classifier(tmp_path / "model", "Bert", names)
    found = problem(folder, rows_it_is_right_on(folder, tmp_path / "rows.csv", names))

    assert 1.0 == untrained_accuracy(found)


@pytest.mark.parametrize(
    ("called", "names", "told"),
    [
        (NAMES, NAMES, "the model knows the labels of the task: its head is kept"),
        (NAMES, ("GOOD", "Bad ", "Fair"), "in another order"),
        (NAMES, None, "have no names: its head is kept, its outputs are 0 is 'bad', 1 is 'fair', 2 is 'good'"),
        (("0", "1", "2"), None, "the model knows the labels of the task"),
        (("LABEL_2", "LABEL_0", "LABEL_1"), ("LABEL_2", "LABEL_0", "LABEL_1"), "in another order"),
        (("1", "2", "3"), ("3 stars", "1 star", "2 stars"), "in another order"),
        (("neg", "neu", "pos"), ("POSITIVE", "NEGATIVE", "NEUTRAL"), "neg is 'NEGATIVE'"),
        (("0", "1", "2"), NAMES, "the labels are numbers: the model's head is kept, 0 is 'bad'"),
    ],
)
def test_what_is_understood_of_names_is_said(called, names, told, tmp_path):
    """Names are compared as people do, LABEL_0 is no name, and numbers are positions: each is right, and said."""
    folder = save_classifier(tmp_path / "model", "Bert", names)
    order = order_of(names, called) if names is not None else None
    rows = rows_it_is_right_on(
        folder, tmp_path / "rows.csv", called if order is None else tuple(called[at] for at in order)
    )
    found = problem(folder, rows)

    assert 1.0 == untrained_accuracy(found)
    assert any(told in remark for remark in found.remarks), found.remarks


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("happy", "sad", "angry"), "other labels (happy, sad, angry) than the task (bad, fair, good)"),
        (("bad", "fair", "good", "best"), "4 outputs (bad, fair, good, best) and the task needs 3"),
    ],
)
@pytest.mark.parametrize("family", ["Bert", "Roberta", "GPT2"])
def test_a_head_of_other_labels_is_drawn_anew(family, names, told, tmp_path):
    """It is of another task: it comes from the trial's seed, the rest of the model stays, and that is said."""
    folder = save_classifier(tmp_path / "model", family, names, len(names))
    rows = rows_it_is_right_on(folder, tmp_path / "rows.csv", (*NAMES, NAMES[-1])[: len(names)])
    found = problem(folder, rows)
    made = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        made.append(found.trainer.model_init())

    name, layer = output_layer(made[0], 3)
    first, again, other = (model.get_submodule(name).weight for model in made)
    kept = AutoModelForSequenceClassification.from_pretrained(folder).state_dict()
    assert first.equal(again)
    assert not first.equal(other)
    assert len(names) != 3 or not layer.weight.equal(kept[f"{name}.weight"])
    assert all(value.equal(kept[key]) for key, value in made[0].state_dict().items() if not key.startswith(f"{name}."))
    assert name in made[0].hpsearch_fresh
    assert any(told in remark and "drawn anew" in remark for remark in found.remarks), found.remarks


def test_names_that_contradict_each_other_are_said(tmp_path):
    """Where id2label and label2id differ, nobody knows which output is which."""
    folder = save_classifier(tmp_path / "model", "Bert", NAMES)
    rows = rows_it_is_right_on(folder, tmp_path / "rows.csv", NAMES)
    config = transformers.AutoConfig.from_pretrained(folder)
    config.label2id = {"good": 0, "fair": 1, "bad": 2}
    config.save_pretrained(folder)

    assert any("contradict each other: its head is drawn anew" in one for one in problem(folder, rows).remarks)


def test_a_model_without_a_head_is_nothing_to_speak_of(tmp_path):
    """A pretrained encoder's head is new, as everybody expects."""
    folder = save_classifier(tmp_path / "model", "Bert", NAMES)
    rows = rows_it_is_right_on(folder, tmp_path / "rows.csv", NAMES)
    AutoModelForSequenceClassification.from_pretrained(folder).bert.save_pretrained(folder)

    assert "" == head_words(problem(folder, rows).trainer.model)
    assert not any("its head" in remark for remark in problem(folder, rows).remarks)


def test_a_function_of_the_users_own_is_understood_too(tmp_path, monkeypatch):
    """What `--model-init` returns has its rows in the task's order, and its outputs the task's names."""
    names = ("good", "bad", "fair")
    folder = save_classifier(tmp_path / "model", "Bert", names)
    rows = rows_it_is_right_on(folder, tmp_path / "rows.csv", names)
    (tmp_path / "mine.py").write_text(
        "from transformers import AutoModelForSequenceClassification as Auto\n"
        f"def model_init():\n    return Auto.from_pretrained({str(folder)!r})\n"
    )
    found = problem(folder, rows, model_init=f"{tmp_path / 'mine.py'}:model_init")

    assert 1.0 == untrained_accuracy(found)
    assert NAMES == tuple(found.trainer.model.config.id2label.values())
    assert any("in another order" in remark for remark in found.remarks)


@pytest.mark.parametrize(
    ("wanted", "names", "order"),
    [
        (["a", "b"], ["b", "a"], [1, 0]),
        (["Not equivalent", "equivalent"], ["equivalent", "not_equivalent"], [1, 0]),
        (["no", "yes"], ["Yes", "NO"], [1, 0]),
        (["-1", "1"], ["1", "-1"], [1, 0]),
        (["C", "C++"], ["c++", "c"], [1, 0]),
        (["ﬁne", "Straße"], ["STRASSE", "ﬁNE"], [1, 0]),
        (["0", "1"], ["class 1", "class 0"], [1, 0]),
        (["1.0", "2.0"], ["2", "1"], [1, 0]),
        (["ent", "neu", "contra"], ["CONTRADICTION", "ENTAILMENT", "NEUTRAL"], [1, 2, 0]),
        (["a", "b"], ["a", "c"], None),
        (["a", "b"], ["a", "b", "c"], None),
        (["grade 1", "grade 2"], ["type 2", "type 1"], None),
        (["no", "non"], ["not", "none"], None),
        (["-1", "0"], ["1", "0"], None),
        (["+", "-"], ["neg", "pos"], None),
    ],
)
def test_names_are_compared_as_people_compare_them(wanted, names, order):
    """Case, spaces and separators count for nothing, signs and other letters do; a beginning must be one name's."""
    assert order == order_of(wanted, names)


def test_a_layer_as_wide_as_the_outputs_is_not_taken_for_them(tmp_path):
    """In a head of two layers of one width the outputs' is found by its name; without one, by nothing."""
    config = transformers.RobertaConfig(**FAMILIES["Roberta"], num_labels=16)
    model = AutoModelForSequenceClassification.from_config(config)

    assert "classifier.out_proj" == output_layer(model, 16)[0]
    assert output_layer(torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)), 3) is None


def test_a_source_is_a_plain_record():
    """What a study keeps of a model says nothing of its head: the same options give the same study."""
    assert {"name", "overrides", "freeze_encoder", "called"} == {
        one.name for one in dataclasses.fields(ModelSource(name="tiny"))
    }
