"""What the scripts beside this file share: a small language, a tokenizer for it, and tiny models, kept in folders.

The folders are below `TOY_MODELS`, else in the machine's place for temporary files. Making one disturbs no seed.
"""

import os
import random
import tempfile
from contextlib import suppress
from pathlib import Path

import datasets
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

INDOORS = ["kettle", "ladle", "saucer", "whisk", "grater", "oven"]
OUTDOORS = ["spade", "hedge", "trellis", "rake", "beehive", "pond"]
THINGS = [*INDOORS, *OUTDOORS]
LOOKS = ["rusty", "quiet", "crooked", "shiny", "borrowed", "heavy"]
DOES = ["waits", "leans", "glows", "rattles", "stands", "drips"]
WHERE = ["here", "nearby", "below", "yonder", "alone", "again"]
OTHER = ["the", "a", "is", "and", "what", "who", "no", "yes", "?", "."]
MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<s>", "</s>"]
WORDS = [*MARKS, *OTHER, *THINGS, *LOOKS, *DOES, *WHERE]

#: The sizes of every encoder here.
SIZES = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
#: What every training here is told: a processor is enough, and nobody has to hear of it.
HERE = {"use_cpu": True, "report_to": "none", "disable_tqdm": True}


def bert(**more) -> BertConfig:
    """The configuration of a BERT with one small layer and the words above."""
    return BertConfig(vocab_size=len(WORDS), max_position_embeddings=64, **SIZES, **more)


def tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer that knows the words above, and marks a text as BERT does."""
    return _tokenizer("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]", cls_token="[CLS]", sep_token="[SEP]")


def _tokenizer(single: str, pair: str, **special: str) -> PreTrainedTokenizerFast:
    known = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    known.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    marks = [(mark, place) for place, mark in enumerate(MARKS)]
    known.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=marks)
    return PreTrainedTokenizerFast(
        tokenizer_object=known,
        pad_token="[PAD]",
        unk_token="[UNK]",
        mask_token="[MASK]",
        model_max_length=64,
        **special,
    )


def sentence(draw: random.Random, thing: str | None = None, look: str | None = None) -> str:
    """A sentence such as `the rusty kettle waits nearby`; what is outdoors does other things elsewhere."""
    thing, look = thing or draw.choice(THINGS), look or draw.choice(LOOKS)
    half = slice(3, None) if thing in OUTDOORS else slice(3)
    return f"the {look} {thing} {draw.choice(DOES[half])} {draw.choice(WHERE[half])}"


def labelled(count: int, seed: int) -> datasets.Dataset:
    """Sentences, and whether what they speak of stands outdoors; one in eight is labelled wrongly."""
    draw = random.Random(seed)
    things = [draw.choice(THINGS) for _ in range(count)]
    labels = [int(thing in OUTDOORS) ^ (draw.random() < 0.125) for thing in things]
    return datasets.Dataset.from_dict({"text": [sentence(draw, thing) for thing in things], "label": labels})


def tokenized(rows: datasets.Dataset, **more) -> datasets.Dataset:
    """Rows with their column `text` in pieces."""
    pieces = tokenizer()
    return rows.map(lambda batch: pieces(batch["text"], **more), batched=True, remove_columns=["text"])


def data() -> dict:
    """What a Trainer of a classifier is given besides its model and its arguments."""
    return {
        "train_dataset": tokenized(labelled(160, 0)),
        "eval_dataset": tokenized(labelled(40, 1)),
        "processing_class": tokenizer(),
    }


def triplets(count: int, seed: int) -> datasets.Dataset:
    """Two sentences about one thing, and a third about another."""
    draw = random.Random(seed)
    pairs = [draw.sample(THINGS, 2) for _ in range(count)]
    return datasets.Dataset.from_dict(
        {
            "anchor": [sentence(draw, thing) for thing, _ in pairs],
            "positive": [sentence(draw, thing) for thing, _ in pairs],
            "negative": [sentence(draw, other) for _, other in pairs],
        }
    )


def judged(count: int, seed: int) -> datasets.Dataset:
    """Two sentences, and how near they are to each other: 1 if of one thing, 0.5 if of one place, else 0."""
    draw = random.Random(seed)
    rows = {"sentence1": [], "sentence2": [], "score": []}
    for _ in range(count):
        one = draw.choice(THINGS)
        two = draw.choice([one, draw.choice(THINGS)])
        rows["sentence1"].append(sentence(draw, one))
        rows["sentence2"].append(sentence(draw, two))
        rows["score"].append(1.0 if one == two else 0.5 * ((one in INDOORS) == (two in INDOORS)))
    return datasets.Dataset.from_dict(rows)


def kept(name: str, make) -> str:
    """The folder `name`, which `make(folder)` fills unless it was done before."""
    root = Path(os.environ.get("TOY_MODELS") or Path(tempfile.gettempdir(), "toy-models"))
    if not (root / name).exists():
        root.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=root))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            make(fresh)
        with suppress(OSError):  # another process was faster
            fresh.rename(root / name)
    return str(root / name)


def encoder() -> str:
    """A folder with a BERT and its tokenizer."""
    return kept("encoder", lambda folder: _save(folder, BertModel(bert()), tokenizer()))


def masked() -> str:
    """A folder with a BERT that guesses words, and its tokenizer."""
    return kept("masked", lambda folder: _save(folder, BertForMaskedLM(bert()), tokenizer()))


def llama() -> str:
    """A folder with a Llama and its tokenizer, which has a chat template."""
    return kept("llama", lambda folder: _save(folder, LlamaForCausalLM(llama_config()), writer()))


def llama_config() -> LlamaConfig:
    """The configuration of a Llama with one small layer and the words above."""
    marks = {"bos_token_id": MARKS.index("<s>"), "eos_token_id": MARKS.index("</s>"), "pad_token_id": 0}
    return LlamaConfig(vocab_size=len(WORDS), num_key_value_heads=2, max_position_embeddings=64, **SIZES, **marks)


def writer() -> PreTrainedTokenizerFast:
    """A tokenizer that knows the words above, as models that write have it."""
    found = _tokenizer("<s> $A", "<s> $A $B", bos_token="<s>", eos_token="</s>")
    found.chat_template = "{% for one in messages %}{{ one['role'] }} {{ one['content'] }} </s> {% endfor %}"
    return found


def _save(folder: Path, model, pieces: PreTrainedTokenizerFast) -> None:
    model.save_pretrained(folder)
    pieces.save_pretrained(folder)
