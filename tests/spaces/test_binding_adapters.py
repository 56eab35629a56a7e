"""`peft.NAME` is a field of peft's `LoraConfig`, and every value can be had there as it is."""

from __future__ import annotations

import dataclasses
import importlib.util

import peft
import pytest

from hpsearch.spaces import PRESETS, Choice, Constant, Float, Int, Space
from hpsearch.spaces.adapter_fields import NAMES, RESERVED, USUAL, adapter_defaults, adapter_settings
from hpsearch.spaces.binding import check, split
from hpsearch.spaces.errors import BadInput

#: What a space may have; a release of peft that adds a field is to be looked at.
SEARCHABLE = {
    "bias",
    "ensure_weight_tying",
    "exclude_modules",
    "fan_in_fan_out",
    "init_lora_weights",
    "layers_pattern",
    "layers_to_transform",
    "lora_alpha",
    "lora_bias",
    "lora_dropout",
    "modules_to_save",
    "r",
    "target_modules",
    "target_parameters",
    "use_dora",
    "use_rslora",
}
GOOD = {"r": 4, "lora_dropout": 0.1, "bias": "none", "init_lora_weights": True, "layers_to_transform": 1}


def refusal_of(parameters):
    """Return the error that checking such a space raises."""
    with pytest.raises(BadInput) as refusal:
        check(Space(parameters), model=(), data=())
    return refusal.value


def is_known(name):
    """Whether a space may have `peft.NAME` with some value."""
    for value in (4, 0.5, True, "none", "query"):
        try:
            check(Space({f"peft.{name}": value}), model=(), data=())
        except BadInput:
            continue
        return True
    return False


def test_every_plain_field_of_lora_config_can_be_searched():
    """What a space can hold and an adapter can use is allowed, under the name that peft has for it."""
    assert SEARCHABLE == {part.name for part in dataclasses.fields(peft.LoraConfig) if is_known(part.name)}


def test_what_is_known_of_fields_is_of_fields_that_there_are():
    """A release of peft that renames one of them shows here."""
    fields = {part.name for part in dataclasses.fields(peft.LoraConfig)}

    assert set() == {*RESERVED, *NAMES, *USUAL} - fields


@pytest.mark.parametrize(("name", "value"), GOOD.items())
def test_a_value_arrives_as_it_is(name, value):
    """`LoraConfig` is given what the space says."""
    space = Space({f"peft.{name}": value})
    check(space, model=(), data=())

    built = peft.LoraConfig(**adapter_settings(split(space.baseline({})).peft), target_modules=["query"])

    assert value == getattr(built, name)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("query", ["query"]),
        ("query, value,key", ["query", "value", "key"]),
        ("all-linear", "all-linear"),
        (None, None),
    ],
)
def test_several_modules_are_text_with_commas(text, found):
    """One name, several, all linear layers, or what peft takes for the model."""
    space = Space({"peft.target_modules": Constant(text)})
    check(space, model=(), data=())

    assert {"target_modules": found} == adapter_settings(split(space.baseline({})).peft)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("peft.lora_apha", "did you mean 'lora_alpha'?"),
        ("peft.rank", "known: bias"),
        ("peft.target_module", "did you mean 'target_modules'?"),
    ],
)
def test_an_unknown_field_is_refused_with_the_nearest(name, hint):
    """A misspelt name is never silently ignored."""
    error = refusal_of({name: 1})

    assert "no field of peft's LoraConfig" in str(error)
    assert hint in error.hint


@pytest.mark.parametrize("name", ["lora_alpha", "lora_dropout", "r", "target_modules"])
def test_a_field_without_its_prefix_is_known(name):
    """Who leaves `peft.` out is told so."""
    assert f"did you mean 'peft.{name}'?" == refusal_of({name: 1}).hint


@pytest.mark.parametrize(
    ("name", "parameter", "sentence"),
    [
        ("r", 0, "peft.r must be at least 1, got 0"),
        ("r", Int(0, 8), "peft.r must be at least 1, got 0"),
        ("r", Float(1, 8), "peft.r takes a whole number, not 1.0"),
        ("r", "8", "peft.r takes a whole number, not '8'"),
        ("lora_alpha", 0, "peft.lora_alpha must be above 0, got 0"),
        ("lora_dropout", Float(0.0, 1.0), "peft.lora_dropout must be at least 0 and below 1, got 1.0"),
        ("bias", Choice(["none", "some"]), "peft.bias takes 'none' or 'all' or 'lora_only', not 'some'"),
        ("use_rslora", "yes", "peft.use_rslora takes true or false, not 'yes'"),
        ("target_modules", 3, "peft.target_modules takes text or null, not 3"),
        ("target_modules", "query,,value", "peft.target_modules must be a name, or names with commas between"),
        ("init_lora_weights", "eva", "peft.init_lora_weights must be a start that needs nothing but the model"),
        ("peft_type", "IA3", "peft.peft_type cannot be in a space: the adapters are those of LoRA"),
        ("rank_pattern", "x", "peft.rank_pattern cannot be in a space: it takes what no space can hold"),
        ("inference_mode", True, "peft.inference_mode cannot be in a space"),
    ],
)
def test_a_value_that_no_adapter_can_have_is_refused(name, parameter, sentence):
    """Type and sense of a value are known before anything is trained."""
    assert sentence in str(refusal_of({f"peft.{name}": parameter}))


def test_the_nearest_of_a_few_words_is_named():
    """A field that takes one of a few words names the nearest."""
    assert "did you mean 'lora_only'?" == refusal_of({"peft.bias": "lora_onli"}).hint


def test_without_peft_the_extra_is_named(monkeypatch):
    """peft is optional: a space that needs it says how to get it; others never ask for it."""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "peft" else found(name, *more))

    error = refusal_of({"peft.r": 8})
    check(PRESETS["default"], model=(), data=())

    assert "not installed" in str(error)
    assert "pip install 'hpsearch[peft]'" == error.hint


def test_the_preset_for_adapters_recommends_all_of_them():
    """Trial 0 of `lora` has adapters, with a larger learning rate than that of a full fine-tuning."""
    lora, full = (split(PRESETS[name].baseline({})) for name in ("lora", "default"))

    assert {"r": 8, "lora_alpha": 16, "lora_dropout": 0.1, "target_modules": "all-linear"} == lora.peft
    assert full.peft == {}
    assert 10 == round(lora.args["learning_rate"] / full.args["learning_rate"])


def test_the_defaults_are_those_of_peft():
    """What a space leaves out is what peft would take; what depends on the model is left to it."""
    usual, found = peft.LoraConfig(), adapter_defaults()

    assert found == {name: getattr(usual, name) for name in found}
    assert {"r", "lora_alpha", "lora_dropout", "bias"} <= found.keys()
    assert "target_modules" not in found
