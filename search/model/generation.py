"""How a model generates text in the evaluations of a `Seq2SeqTrainer`."""

from __future__ import annotations

from typing import Any

from transformers import GenerationConfig, Seq2SeqTrainer


def with_generation(model: Any, given: Any) -> Any:
    """Return a new model with the `generation_config` that `TrainingArguments` give, where they give one.

    `Seq2SeqTrainer` gives it to the model that its constructor makes, and forgets it for each that `train` makes.
    """
    if given is None:
        return model
    if isinstance(given, dict):
        given = GenerationConfig.from_dict(given)
    model.generation_config = Seq2SeqTrainer.load_generation_config(given)
    return model
