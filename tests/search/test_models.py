"""Models of many families are searched and retrained the same way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast

from hpsearch.search.cli import main
from hpsearch.search.model.models import tiny_tokenizer

SMALL = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
FAMILIES = {
    "Bert": SMALL,
    "Roberta": {**SMALL, "max_position_embeddings": 70, "pad_token_id": 0},
    "DistilBert": {"vocab_size": 40, "dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 16},
    "Albert": {**SMALL, "embedding_size": 8},
    "Electra": {**SMALL, "embedding_size": 8},
    "XLNet": {"vocab_size": 40, "d_model": 16, "n_layer": 1, "n_head": 2, "d_inner": 16},
    "XLM": {"vocab_size": 40, "emb_dim": 16, "n_layers": 1, "n_heads": 2},
    "XLMRoberta": {**SMALL, "max_position_embeddings": 70, "pad_token_id": 0},
    "GPT2": {"vocab_size": 40, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 64},
    "DebertaV2": SMALL,
    "T5": {
        "vocab_size": 40,
        "d_model": 16,
        "d_kv": 8,
        "d_ff": 16,
        "num_layers": 1,
        "num_heads": 2,
        "decoder_start_token_id": 0,
    },
}
WORDS = ["the", "a", "cat", "dog", "sees", "hears", "big", "small", "red", "old", "man", "runs"]


def save_tokenizer(folder: Path, *, padded: bool, says: int | None = 32) -> None:
    """Write a word tokenizer; without a padding token it has an end token alone, as GPT-2's.

    It `says` that the model takes so many tokens.
    """
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = {word: number for number, word in enumerate([*special, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"unk_token": "[UNK]", "eos_token": "[SEP]"} | ({} if says is None else {"model_max_length": says})
    if padded:
        names |= {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
    wrapped.model_input_names = ["input_ids", "attention_mask"]
    wrapped.save_pretrained(folder)


def save_model(folder: Path, family: str) -> Path:
    """Write a model of random weights with its tokenizer, as `from_pretrained` would find it."""
    config = getattr(transformers, f"{family}Config")(**FAMILIES[family])
    if family == "T5":
        config.eos_token_id = 3
    AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    save_tokenizer(folder, padded=family != "GPT2")
    return folder


def write_rows(path: Path) -> Path:
    """Write 60 rows, none of them twice, whose label is whether they speak of a cat."""
    lines = ["text,label"]
    for number in range(60):
        subject = ("cat", "dog")[number % 2]
        lines.append(
            f"the {WORDS[6 + number % 4]} {subject} {WORDS[4 + number % 2]} a man {number},{('yes', 'no')[number % 2]}"
        )
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_of_each_family_is_searched_and_retrained(family, toy, capfd):
    """One short trial and a retraining run through, and the folder opens with the task's label names."""
    model = save_model(toy.folder / family, family)
    data = write_rows(toy.folder / "rows.csv")
    capfd.readouterr()

    code = main(
        f"run --train-file {data} --text-columns text --label-column label --model {model} --trials 1 --subset 1"
        " --set num_train_epochs=1 --json --quiet --study one".split()
    )

    outcome = json.loads(capfd.readouterr().out)
    assert 0 == code
    assert "COMPLETE" == outcome["best"]["state"]
    pipe = transformers.pipeline("text-classification", model=outcome["model"]["folder"], device="cpu")
    assert {"yes", "no"} >= {answer["label"] for answer in pipe(["the big cat sees a man", "the old dog hears a man"])}


def test_the_tiny_tokenizer_is_the_same_in_every_process(run_python):
    """The same texts give the same vocabulary, so the same seed gives the same weights."""
    program = (
        "from hpsearch.search.model.models import tiny_tokenizer\n"
        "print(sorted(tiny_tokenizer(iter(['the cat sat', 'a cat and a dog', 'the dog'] * 3)).get_vocab().items()))"
    )
    first, second = (run_python(program, env={"PYTHONHASHSEED": seed}).stdout for seed in ("1", "2"))

    assert first == second
    assert "('cat'," in first


def test_the_tiny_tokenizer_spells_what_it_does_not_know():
    """A word that the texts lack is spelled in their characters, not lost."""
    tokenizer = tiny_tokenizer(iter(["the cat sat", "the cat sat"]))

    assert ["cat", "s", "##e", "##a", "##t"] == tokenizer.tokenize("cat seat")


def test_a_model_of_few_positions_reads_long_texts(toy, capfd):
    """Texts are cut at what the tokenizer says its model takes, also when predicting."""
    model = save_model(toy.folder / "start", "GPT2")
    data = toy.folder / "rows.csv"
    long = " ".join(["the cat sees a dog"] * 40)
    lines = (f"{long} {number},{('yes', 'no')[number % 2]}\n" for number in range(40))
    data.write_text("text,label\n" + "".join(lines))
    words = f"run --train-file {data} --text-columns text --label-column label --model {model} --trials 1 --subset 1"
    assert 0 == main(f"{words} --set num_train_epochs=1 --study long --quiet".split())

    assert 0 == main(f"predict long --file {data} --output out.tsv".split())

    assert 41 == len(Path("out.tsv").read_text().splitlines())


def test_a_frozen_encoder_trains_the_head_alone(toy, capfd):
    """After `--freeze-encoder`, the encoder of the retrained model is the one it started from."""
    model = save_model(toy.folder / "start", "Bert")
    data = write_rows(toy.folder / "rows.csv")
    code = main(
        f"run --train-file {data} --text-columns text --label-column label --model {model} --trials 1 --subset 1"
        " --freeze-encoder --space head --json --quiet --study frozen".split()
    )
    outcome = json.loads(capfd.readouterr().out)
    assert 0 == code

    before, after = (
        AutoModelForSequenceClassification.from_pretrained(folder).state_dict()
        for folder in (model, outcome["model"]["folder"])
    )
    changed = {name for name in after if name in before and not after[name].equal(before[name])}
    assert changed
    assert all(name.startswith("classifier") for name in changed)


@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "has no weights"),
        (lambda folder: (folder / "config.json").unlink(), "has no config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "cannot be read"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"x" * 100), "cannot be read"),
    ],
)
def test_a_broken_model_folder_is_one_sentence(break_it: Any, told: str, toy, capfd):
    """A folder without weights or configuration, or with broken ones, exits 2 and names the folder."""
    model = save_model(toy.folder / "start", "Bert")
    data = write_rows(toy.folder / "rows.csv")
    break_it(model)
    capfd.readouterr()

    code = main(f"run --train-file {data} --text-columns text --label-column label --model {model}".split())

    output = capfd.readouterr()
    assert 2 == code
    assert told in output.err
    assert "start" in output.err
    assert "Traceback" not in output.err
    assert not (toy.folder / "hpsearch.db").exists()


def test_an_unknown_model_setting_is_refused_with_the_nearest(toy, capfd):
    """`--model-config num_hiden_layers=1` names num_hidden_layers."""
    data = write_rows(toy.folder / "rows.csv")
    code = main(
        f"check --train-file {data} --text-columns text --label-column label --model-config num_hiden_layers=1".split()
    )

    assert 2 == code
    assert "num_hidden_layers" in capfd.readouterr().err
