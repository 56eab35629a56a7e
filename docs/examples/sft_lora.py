"""Teach a language model to answer with trl's `SFTTrainer`, by LoRA adapters.

    python sft_lora.py
    hpsearch run --script sft_lora.py --space sft_lora.yaml --trials 10

It runs as it is, in seconds and without a network: the questions are made up, and so is the model, unless `MODEL` names
one of yours.
"""

import os
import random
from pathlib import Path

import torch
from datasets import Dataset
from peft import LoraConfig
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import SFTConfig, SFTTrainer

COLOURS = {"tomato": "red", "cherry": "red", "lemon": "yellow", "banana": "yellow", "lime": "green", "pea": "green"}
WORDS = ["<pad>", "<unk>", "<s>", "</s>", "what", "colour", "has", "a", "ripe", "?", "it", "is", "fresh", "small"]


def rows(count, seed):
    """Return questions with their answers; one answer in ten is wrong."""
    draw = random.Random(seed)
    table = []
    for _ in range(count):
        thing = draw.choice(list(COLOURS))
        colour = draw.choice(["red", "yellow", "green"]) if draw.random() < 0.1 else COLOURS[thing]
        look = draw.choice(["ripe", "fresh", "small"])
        table.append({"prompt": f"what colour has a {look} {thing} ?", "completion": f" it is {colour}"})
    return Dataset.from_list(table)


def made_up_model(folder):
    """Return the folder of a small Llama that knows nothing yet, which is made if it is not there."""
    if not Path(folder).exists():
        words = [*WORDS, *COLOURS, *sorted(set(COLOURS.values()))]
        known = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="<unk>"))
        known.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        marks = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
        sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
        config = LlamaConfig(vocab_size=len(words), bos_token_id=2, eos_token_id=3, pad_token_id=0, **sizes)
        with torch.random.fork_rng(devices=[]):  # what follows draws the same numbers, whether it was there or not
            torch.manual_seed(0)
            LlamaForCausalLM(config).save_pretrained(folder)
        PreTrainedTokenizerFast(tokenizer_object=known, **marks).save_pretrained(folder)
    return folder


def main():
    """Train, evaluate and save."""
    trainer = SFTTrainer(
        model=os.environ.get("MODEL") or made_up_model("made-up-llama"),
        args=SFTConfig(
            "sft-output",
            learning_rate=1e-3,
            num_train_epochs=2,
            per_device_train_batch_size=8,
            bf16=False,
            gradient_checkpointing=False,
            report_to=[],
        ),
        train_dataset=rows(240, seed=0),
        eval_dataset=rows(120, seed=1),
        peft_config=LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    trainer.train()
    print(trainer.evaluate())  # noqa: T201
    trainer.save_model()


if __name__ == "__main__":
    main()
