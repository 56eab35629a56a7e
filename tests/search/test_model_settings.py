"""Settings inside of a model's configuration: those of a part, and those of a mapping, by dotted names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from transformers import BertForSequenceClassification, Gemma3Config, LlamaConfig, LlamaForCausalLM

from hpsearch import BadInput, Choice, Float
from hpsearch.search.model.models import ModelInit, ModelSource
from hpsearch.search.model.settings import change, setting, setting_names
from hpsearch.search.tasks import custom_task
from hpsearch.spaces.binding import check
from hpsearch.spaces.inside import MISSING, nested
from hpsearch.spaces.space import Space

from .conftest import Toy, toy_model
from .test_inside import problem_of, trial_of
from .test_models import save_tokenizer

SIZES = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


def test_a_part_has_settings_of_its_own() -> None:
    """`text_config.attention_dropout` is one of the names, can be set, and leaves the other settings as they are."""
    config = Gemma3Config()
    before = config.to_dict()
    change(config, nested({"text_config.attention_dropout": 0.25, "vision_config.hidden_size": 32}), "gemma")

    assert {"text_config.attention_dropout", "text_config.rope_parameters.*"} <= setting_names(config)
    assert [0.25, 32] == [config.text_config.attention_dropout, setting(config, "vision_config.hidden_size")]
    changed = config.to_dict()
    assert before["text_config"] | {"attention_dropout": 0.25} == changed["text_config"]
    assert MISSING is setting(config, "text_config.attention_dropout.real")


@pytest.mark.parametrize(
    ("values", "message", "hint"),
    [
        ({"text_config.atention_dropout": 0.1}, "no setting 'text_config.atention_dropout'", "'attention_dropout'"),
        ({"tex_config.attention_dropout": 0.1}, "no setting 'tex_config'", "'text_config'"),
        ({"initializer_range.x": 0.1}, "initializer_range of the model 'gemma' is 0.02, which has no names", None),
    ],
)
def test_a_setting_that_is_not_there_is_refused(values: Any, message: str, hint: str | None) -> None:
    """One sentence with the name as it was written."""
    with pytest.raises(BadInput) as refusal:
        change(Gemma3Config(), nested(values), "gemma")

    assert message in str(refusal.value)
    assert hint is None or hint in str(refusal.value.hint)


def test_a_built_in_trainers_model_has_the_value(toy: Toy) -> None:
    """`model.rope_parameters.rope_theta` reaches the rotary embedding, and the baseline is what the model has."""
    folder = toy.folder / "llama"
    rope = {"rope_type": "default", "rope_theta": 500.0}
    LlamaForCausalLM(LlamaConfig(**SIZES, rope_parameters=rope, pad_token_id=0)).save_pretrained(folder)
    save_tokenizer(folder, padded=True)
    from transformers import AutoTokenizer

    task = custom_task(["text"], "label", name="rows").with_labels(("no", "yes"))
    source = ModelSource(name=str(folder), overrides={"rope_parameters.rope_type": "linear"})
    model_init = ModelInit(source=source, task=task, tokenizer=AutoTokenizer.from_pretrained(folder))
    check(Space({"model.rope_parameters.factor": Float(1.0, 4.0)}), model=model_init.keys(), data=())
    with pytest.raises(BadInput, match="nothing the model knows"):
        check(Space({"model.rope_params.factor": 2.0}), model=model_init.keys(), data=())
    with pytest.raises(BadInput, match="holds a single value"):
        check(Space({"model.attention_dropout": {"min": 0, "max": 1}}), model=model_init.keys(), data=())
    model = model_init(nested({"rope_parameters.factor": 4.0, "attention_dropout": 0.5}))

    assert {"rope_type": "linear", "rope_theta": 500.0, "factor": 4.0} == model.config.rope_parameters
    assert 0.5 == model.config.attention_dropout
    assert 0.25 == model.model.rotary_emb.inv_freq[0].item()


def model_with(params: Mapping[str, Any] | None = None) -> BertForSequenceClassification:
    """A user's own `model_init`, whose argument has mappings in mappings."""
    model = toy_model()
    model.config.seen = dict(params or {})
    return model


def test_a_users_model_init_is_handed_mappings_in_mappings(toy: Toy) -> None:
    """`model.nested.inner.rate` is `params["nested"]["inner"]["rate"]`, and the row has the name as it was written."""
    space = {"model.nested.inner.rate": Choice([1, 2]), "model.nested.other": {"a": [1]}, "model.flat": 3}
    problem = problem_of(toy, space, trainer=toy.trainer(model_init=model_with))
    tried = trial_of(problem, {**problem.baseline(), "model.nested.inner.rate": 2})

    assert {"nested": {"inner": {"rate": 2}, "other": {"a": [1]}}, "flat": 3} == tried.call_model_init().config.seen
    assert ["model.nested.inner.rate"] == [word for one in problem.remarks for word in one.split() if "rate" in word]
