"""The spaces that come with hpsearch."""

import pytest

from hpsearch.spaces import PRESETS, Float, Space

# What transformers 5 recommends, written down: `tests/spaces/test_binding.py` binds to the real thing.
DEFAULTS = {
    "learning_rate": 5e-5,
    "per_device_train_batch_size": 8,
    "num_train_epochs": 3.0,
    "warmup_steps": 0,
}


@pytest.mark.parametrize("space", PRESETS.values(), ids=PRESETS.keys())
def test_a_preset_recommends_something_inside_itself(space):
    """Trial 0 of every preset is in the preset, whatever the library's defaults are."""
    assert space.contains(space.baseline({}))
    assert space.baseline({}) == space.baseline(DEFAULTS)


@pytest.mark.parametrize("space", PRESETS.values(), ids=PRESETS.keys())
def test_a_preset_survives_json(space):
    """A study stores its space; the preset may change in a later release and the study must not."""
    assert space == Space.from_dict(space.to_dict())


def test_small_is_small():
    """Ten trials are few: one range and two short lists."""
    space = PRESETS["small"]

    assert 3 == len(space.searched)
    assert 1 == sum(isinstance(parameter, Float) for parameter in space.parameters.values())
    assert 4 * 3 == sum(1 for _ in space.configurations(points=3))


def test_head_freezes_the_encoder():
    """The preset for a frozen encoder really freezes it."""
    assert PRESETS["head"].baseline({})["model.freeze_encoder"] is True


def test_default_lets_large_and_small_models_learn():
    """The learning rate reaches from below BERT's recommendation to above that for small models."""
    learning_rate = PRESETS["default"].parameters["learning_rate"]

    assert [True] * 7 == [learning_rate.contains(rate) for rate in (2e-5, 3e-5, 5e-5, 1e-4, 3e-4, 1e-6, 1e-3)]
