"""Spaces: names, conditions, configurations, and what is refused."""

import copy
import json
import pickle

import pytest

from hpsearch.spaces import Choice, Constant, Float, Int, Space
from hpsearch.spaces.errors import BadInput

OPTIM = Choice(["adamw_torch", "adafactor", "sgd"])


def conditional() -> Space:
    """A space with a chain of conditions: `nesterov` needs `momentum`'s parent."""
    return Space(
        {
            "optim": OPTIM,
            "adam_beta2": Float(0.9, 0.999, when={"optim": "adamw_torch"}),
            "max_grad_norm": Constant(1.0, when={"optim": ["sgd", "adamw_torch"]}),
            "model.layers": Int(1, 4, when={"optim": "sgd"}),
            "model.dropout": Choice([0.1, 0.2], when={"model.layers": [3, 4]}),
            "weight_decay": 0.01,
        },
        name="conditional",
    )


def test_a_parent_comes_before_its_children_and_else_the_order_is_by_name():
    """The order depends on what is in a space alone, so one read back from any store is searched alike."""
    forward = conditional()
    backward = Space(dict(reversed(forward.parameters.items())))

    assert (
        "optim",
        "weight_decay",
        "adam_beta2",
        "max_grad_norm",
        "model.layers",
        "model.dropout",
    ) == forward.names
    assert forward.names == backward.names
    assert forward == backward
    assert hash(forward) == hash(backward)


def test_searched_leaves_constants_out():
    """What is fixed is not searched, conditional or not."""
    assert ("optim", "adam_beta2", "model.layers", "model.dropout") == conditional().searched


def test_active_follows_chains_of_conditions():
    """A child of an inactive parent is inactive, whatever its parent's value would be."""
    space = conditional()

    assert ("optim", "weight_decay", "adam_beta2", "max_grad_norm") == space.active(
        {"optim": "adamw_torch", "model.layers": 3}
    )
    assert ("optim", "weight_decay") == space.active({"optim": "adafactor"})
    assert space.names == (
        "optim",
        "weight_decay",
        "adam_beta2",
        *space.active({"optim": "sgd", "model.layers": 4})[2:],
    )


def test_resolve_keeps_what_counts_and_adds_constants():
    """Values of inactive parameters never reach a trial; constants always do, under their conditions."""
    values = {"optim": "adafactor", "adam_beta2": 0.95, "model.layers": 2}

    assert {"optim": "adafactor", "weight_decay": 0.01} == conditional().resolve(values)
    assert {
        "optim": "sgd",
        "weight_decay": 0.01,
        "max_grad_norm": 1.0,
        "model.layers": 2,
    } == conditional().resolve(values | {"optim": "sgd"})


def test_resolve_gives_each_value_its_one_form():
    """The same configuration is the same JSON, so that a repeated trial is recognised."""
    space = Space({"a": Float(0, 2), "b": Choice([8, 16]), "c": 1.0})

    assert "{'a': 1.0, 'b': 16, 'c': 1.0}" == repr(space.resolve({"a": 1, "b": 16.0, "c": 1}))


@pytest.mark.parametrize(
    ("values", "message", "hint"),
    [
        ({}, "optim counts here and has no value", "adafactor"),
        ({"optim": "adamw_torch"}, "adam_beta2 counts here", "0.9 .. 0.999"),
        ({"optim": "adamw_torch", "adam_beta2": 0.5}, "adam_beta2=0.5", "0.9 .. 0.999"),
        ({"optim": "sgd", "model.layers": 2.0}, "model.layers=2.0", "1 .. 4"),
        ({"optim": "adafactor", "weight_decay": 0.02}, "weight_decay=0.02", "always 0.01"),
        ({"optim": "adafactor", "weight_decy": 0.01}, "'weight_decy'", "did you mean 'weight_decay'?"),
    ],
)
def test_resolve_refuses_what_is_missing_outside_or_unknown(values, message, hint):
    """A configuration is exactly in the space or not at all: nothing is cast, clipped or ignored."""
    with pytest.raises(BadInput) as refusal:
        conditional().resolve(values)

    assert message in str(refusal.value)
    assert hint in refusal.value.hint
    assert not conditional().contains(values)


def test_baseline_prefers_own_defaults_then_given_ones_then_the_middle():
    """The recommended configuration is always inside the space, and its children follow its parents."""
    space = Space(
        {
            "learning_rate": Float(1e-5, 1e-3, log=True, default=2e-5),
            "per_device_train_batch_size": Choice([16, 32]),
            "num_train_epochs": Int(4, 8),
            "warmup_steps": Float(0.0, 0.2),
            "optim": OPTIM,
            "adam_beta1": Float(0.8, 0.9, when={"optim": "sgd"}),
            "adam_beta2": Float(0.9, 0.999, when={"optim": "adamw_torch"}),
        }
    )
    defaults = {
        "learning_rate": 5e-5,
        "per_device_train_batch_size": 8,
        "num_train_epochs": 3.0,
        "adam_beta2": 0.99,
    }

    expected = {
        "learning_rate": 2e-5,
        "num_train_epochs": 4,
        "optim": "adamw_torch",
        "per_device_train_batch_size": 16,
        "warmup_steps": 0.1,
        "adam_beta2": 0.99,
    }
    assert expected == space.baseline(defaults)
    assert space.contains(space.baseline({"optim": "sgd"}))
    assert "adam_beta1" in space.baseline({"optim": "sgd"})


def test_size_counts_distinct_configurations():
    """What does not count makes no difference between two configurations."""
    space = Space(
        {
            "optim": OPTIM,
            "layers": Int(1, 4, when={"optim": "sgd"}),
            "dropout": Choice([0.1, 0.2], when={"layers": [3, 4]}),
            "epochs": Int(1, 1_000_001, step=10),
            "fixed": 3,
        }
    )

    assert (2 + 1 + 1 + 2 + 2) * 100_001 == space.size()
    assert None is conditional().size()
    assert 1 == Space({"a": 1}).size()


def test_configurations_of_an_endless_space_need_points():
    """A range of floats is listed only when it is said how finely."""
    with pytest.raises(BadInput) as refusal:
        conditional().configurations()

    assert "adam_beta2" in str(refusal.value)
    assert [0.9, 0.999] == [c["adam_beta2"] for c in conditional().configurations(2) if "adam_beta2" in c]
    assert all(conditional().contains(values) for values in conditional().configurations(3))


def test_grid_keeps_the_values_that_conditions_wait_for():
    """A thinned range does not put a conditional parameter out of reach."""
    space = Space({"layers": Int(1, 100), "dropout": Choice([0.1, 0.2], when={"layers": 7})})

    assert {"layers": [1, 100, 7], "dropout": [0.1, 0.2]} == space.grid(2)
    assert 2 == sum("dropout" in values for values in space.configurations(2))


def test_a_grid_needs_a_point():
    """No points are no grid."""
    with pytest.raises(BadInput, match="points=0"):
        conditional().grid(0)


REFUSED = [
    ({}, "{}", None),
    ([1], "[1]", None),
    ({"learning_rate": {"low": 1, "high": 0}}, "learning_rate: a range needs low < high, got low=1.0", None),
    ({"learning rate": 1}, "'learning rate'", None),
    ({True: 1}, "True", None),
    ({"a/b": 1}, "'a/b'", None),
    ({"": 1}, "''", None),
    ({"a": Constant(1, when={"b": 1})}, "'b', which is not in the space", None),
    ({"optim": OPTIM, "a": Constant(1, when={"optin": "sgd"})}, "'optin'", "did you mean 'optim'?"),
    ({"optim": OPTIM, "a": Constant(1, when={"optim": "adam"})}, "optim='adam'", "adafactor"),
    ({"lr": Float(0, 1), "a": Constant(1, when={"lr": 0.5})}, "single value of lr", None),
    ({"n": Int(1, 9, step=2), "a": Constant(1, when={"n": 2})}, "n=2", None),
    ({"a": Constant(1, when={"a": 1})}, "circle: a -> a", None),
    (
        {"a": Choice([1], when={"b": 1}), "b": Choice([1], when={"c": 1}), "c": Choice([1], when={"a": 1})},
        "circle",
        None,
    ),
    (
        {"o": OPTIM, "a": Choice([1], when={"o": "sgd"}), "b": Choice([1], when={"a": 1, "o": "adafactor"})},
        "b can never be active",
        None,
    ),
]


@pytest.mark.parametrize(("parameters", "message", "hint"), REFUSED)
def test_what_cannot_be_a_space_is_refused(parameters, message, hint):
    """A wrong space is one sentence that names the parameter, before anything is searched."""
    with pytest.raises(BadInput) as refusal:
        Space(parameters)

    assert message in str(refusal.value)
    assert hint is None or hint in refusal.value.hint
    assert 2 == refusal.value.exit_code


@pytest.mark.parametrize("name", ["seed", "data_seed", "model.seed"])
@pytest.mark.parametrize("parameter", [Int(1, 40), 17])
def test_d6_a_seed_is_never_searched(name, parameter):
    """D6: a seed in a space is refused, with the reason: its luck would be picked, not the configuration."""
    with pytest.raises(BadInput) as refusal:
        Space({"learning_rate": 1e-4, name: parameter})

    assert f"{name} cannot be in a space" in str(refusal.value)
    assert "luckiest seed" in str(refusal.value)
    assert "--seed" in refusal.value.hint


def test_a_space_never_changes():
    """Neither the space nor the mapping it was made from can change what is searched."""
    given = {"a": Choice([1, 2])}
    space = Space(given)
    given["b"] = Constant(1)

    assert ("a",) == space.names
    with pytest.raises(TypeError):
        space.parameters["b"] = Constant(1)
    with pytest.raises(AttributeError):
        space.name = "other"


def test_json_pickle_copy_and_repr_give_an_equal_space():
    """A space travels to a worker and into SQL and back unchanged."""
    space = conditional()
    through_json = Space.from_dict(json.loads(json.dumps(space.to_dict())))

    assert space == through_json == copy.deepcopy(space)
    assert space == pickle.loads(pickle.dumps(space))  # noqa: S301 - what was just written
    assert space.to_dict() == through_json.to_dict()
    assert space == eval(repr(space), {"Space": Space})  # noqa: S307 - what was just written


def test_true_and_one_are_different_spaces():
    """Identity is by what is written in JSON, where true and 1 differ though they are equal in Python."""
    assert Space({"a": Choice([True])}) != Space({"a": Choice([1])})


@pytest.mark.parametrize("written", [{}, {"name": "x"}, [1], {"name": 3, "parameters": {"a": 1}}])
def test_from_dict_refuses_what_to_dict_never_wrote(written):
    """A damaged row is an error with a sentence, not a KeyError."""
    with pytest.raises(BadInput):
        Space.from_dict(written)


def test_str_is_a_table_for_people():
    """`hpsearch spaces` prints one line a parameter, and how much there is to search."""
    space = Space({"a": Choice([8, 16]), "bcd": Float(0, 1, when={"a": 8})}, name="mine")

    assert "mine: 2 searched, no end of configurations\n  a    8 | 16\n  bcd  0.0 .. 1.0, when a is 8" == str(space)
