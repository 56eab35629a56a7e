"""Texts are cut at what a model has positions for: that many tokens are read, and one more is not."""

from __future__ import annotations

import pytest
import torch
import transformers
from transformers import AutoModelForSequenceClassification

from hpsearch.search.cli import main
from hpsearch.search.model.positions import most_tokens
from hpsearch.spaces.errors import BadInput

from .test_heads import problem
from .test_models import save_tokenizer

BERT = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 24,
    "pad_token_id": 1,
    "eos_token_id": 3,
}
BART = {
    "vocab_size": 40,
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
    "max_position_embeddings": 24,
    "eos_token_id": 3,
}
GPT = {"vocab_size": 40, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 24, "pad_token_id": 1}
T5 = {"vocab_size": 40, "d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
#: Each configuration says 24, where it says something.
BOUNDED = {
    "Bert": (BERT, 24),
    "Roberta": (BERT, 22),
    "XLMRoberta": ({**BERT, "pad_token_id": 4}, 19),
    "MPNet": (BERT, 22),
    "IBert": ({**BERT, "quant_mode": False}, 22),
    "Nystromformer": (BERT, 24),
    "RoFormer": (BERT, 24),
    "DistilBert": (
        {
            "vocab_size": 40,
            "dim": 16,
            "n_layers": 1,
            "n_heads": 2,
            "hidden_dim": 16,
            "max_position_embeddings": 24,
            "pad_token_id": 1,
        },
        24,
    ),
    "Bart": (BART, 24),
    "OPT": (
        {
            "vocab_size": 40,
            "hidden_size": 16,
            "ffn_dim": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "word_embed_proj_dim": 16,
            "max_position_embeddings": 24,
        },
        24,
    ),
    "GPT2": (GPT, 24),
    "GPTJ": ({**GPT, "rotary_dim": 4}, 24),
    "Mpt": ({"vocab_size": 40, "d_model": 16, "n_layers": 1, "n_heads": 2, "max_seq_len": 24, "pad_token_id": 1}, 24),
    "XLM": ({"vocab_size": 40, "emb_dim": 16, "n_layers": 1, "n_heads": 2, "max_position_embeddings": 24}, 24),
}
UNBOUNDED = {
    "Llama": BERT,
    "ModernBert": {**BERT, "cls_token_id": 2, "bos_token_id": 2, "sep_token_id": 3},
    "DebertaV2": {**BERT, "position_biased_input": False, "relative_attention": True},
    "T5": {**T5, "n_positions": 24, "eos_token_id": 3, "decoder_start_token_id": 0},
    "Bloom": {"vocab_size": 40, "hidden_size": 16, "n_layer": 1, "n_head": 2, "pad_token_id": 1},
    "XLNet": {"vocab_size": 40, "d_model": 16, "n_layer": 1, "n_head": 2, "d_inner": 16},
}


def made(family: str, values: dict):
    """A classifier of random weights."""
    config = getattr(transformers, f"{family}Config")(**values)
    return AutoModelForSequenceClassification.from_config(config).eval()


def reads(model, tokens: int) -> bool:
    """Whether a model can read so many."""
    ids = torch.full((1, tokens), 7)
    ids[0, -1] = 3
    try:
        with torch.inference_mode():
            model(input_ids=ids, attention_mask=torch.ones_like(ids))
    except (IndexError, RuntimeError, ValueError):
        return False
    return True


@pytest.mark.parametrize("family", BOUNDED)
def test_exactly_so_many_tokens_are_read(family):
    """The bound works, and one token more does not, whatever the architecture calls it and sets apart."""
    values, most = BOUNDED[family]
    model = made(family, values)

    assert most == most_tokens(model)
    assert reads(model, most)
    assert not reads(model, most + 1)


@pytest.mark.parametrize("family", UNBOUNDED)
def test_where_positions_have_no_end_nothing_is_bounded(family):
    """A number in the configuration alone bounds nothing: a longer text is read."""
    model = made(family, UNBOUNDED[family])

    assert most_tokens(model) is None
    assert reads(model, 60)


@pytest.fixture
def long_texts(tmp_path, monkeypatch):
    """A file of texts of 62 tokens and more."""
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    path, words = tmp_path / "rows.csv", " ".join(["the cat sees a dog"] * 12)
    path.write_text("text,label\n" + "".join(f"{words} {one},{('no', 'yes')[one % 2]}\n" for one in range(40)))
    return path


def saved(folder, family: str, says: int | None):
    """A model folder whose tokenizer says that the model takes so many tokens, or says nothing."""
    made(family, BOUNDED[family][0] if family in BOUNDED else UNBOUNDED[family]).save_pretrained(folder)
    save_tokenizer(folder, padded=True, says=says)
    return folder


@pytest.mark.parametrize(
    ("family", "says", "cut"),
    [("Bert", None, 24), ("Roberta", None, 22), ("GPT2", 512, 24), ("Bert", 16, 16), ("DebertaV2", None, None)],
)
def test_texts_are_cut_at_what_the_model_and_its_tokenizer_take(family, says, cut, long_texts, tmp_path):
    """Whatever its tokenizer says, no text is longer than the model can read, and where it is cut is said."""
    found = problem(saved(tmp_path / "model", family, says), long_texts)
    rows = found.source.splits({}).full_train

    assert (cut or 63) == max(rows["length"])
    assert (cut or 128) == found.max_length
    assert (cut is not None) == any(f"texts are cut at {cut} tokens" in remark for remark in found.remarks)
    assert found.trainer.evaluate(rows)["eval_loss"] > 0


@pytest.mark.parametrize("words", ["--set data.max_length=23", "--space longer.yaml"])
def test_more_than_that_is_refused(words, long_texts, tmp_path, capfd):
    """`check` names the number of the model, before anything is trained, and for the end of a range."""
    folder = saved(tmp_path / "model", "Roberta", None)
    (tmp_path / "longer.yaml").write_text("data.max_length: {type: int, low: 8, high: 23}\n")
    data = f"--train-file {long_texts} --text-columns text --label-column label --model {folder} --subset 1"
    capfd.readouterr()

    assert 2 == main(f"check {data} {words}".split())
    told = capfd.readouterr().err
    assert "data.max_length=23 is more than the 22 tokens that the model has positions for" in told
    assert "at most 22" in told
    assert 0 == main(f"check {data} --set data.max_length=22".split())


def test_a_relative_model_may_read_more_than_its_tokenizer_says(long_texts, tmp_path):
    """What bounds a text is the model."""
    folder = saved(tmp_path / "model", "DebertaV2", 16)
    found = problem(folder, long_texts, set=("data.max_length=60",))

    assert 60 == max(found.source.splits({"max_length": 60}).full_train["length"])


def test_the_smallest_model_of_a_space_bounds_them(long_texts, tmp_path):
    """Where the number of positions is searched itself, every model reads every text."""
    folder = saved(tmp_path / "model", "Bert", None)
    (tmp_path / "both.yaml").write_text(
        "model.max_position_embeddings: {choices: [24, 20]}\ndata.max_length: {choices: [16, 24]}\n"
    )
    with pytest.raises(BadInput, match=r"data\.max_length=24 is more than the 20 tokens"):
        problem(folder, long_texts, space="both.yaml")
