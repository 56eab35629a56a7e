"""What becomes of a value on more data: how the rule is written, and what it gives."""

import pytest

from hpsearch.spaces import Choice, Float, Int, Space
from hpsearch.spaces.errors import BadInput
from hpsearch.spaces.handover import Handover
from hpsearch.spaces.parameters import parameter_from
from hpsearch.spaces.presets import PRESETS
from hpsearch.spaces.transfer import bracket, handed_over

RATE = {"low": 1e-5, "high": 1e-3, "log": True}


def space(**parameters):
    return Space(parameters)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("keep", "(log)"),
        ("bracket", "half and twice tried on all data"),
        ({"rescale": -0.5}, "grows with the data to the power -0.5"),
    ],
)
def test_a_rule_is_read_as_it_is_written(written, said):
    """What YAML says of a handover comes back from the stored form, and people read it."""
    parameter = parameter_from({**RATE, "handover": written})

    assert parameter_from(parameter.to_dict()) == parameter
    assert parameter.to_dict().get("handover", "keep") == written
    assert str(parameter).endswith(said)


def test_a_kept_value_is_not_written():
    """A space that says nothing of handovers has the identity that it had before there were any."""
    assert Float(**RATE).to_dict() == parameter_from({**RATE, "handover": "keep"}).to_dict()
    assert not any("handover" in str(PRESETS[name].to_dict()) for name in ("head", "lora"))


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("kept", "'kept'"),
        ("rescale", "'rescale'"),
        ({"rescale": "much"}, "'much'"),
        ({"rescale": 1, "bracket": 2}, "bracket"),
        (3, "3"),
        ({"rescale": float("inf")}, "inf"),
    ],
)
def test_a_rule_that_is_none_is_refused(written, shown):
    """The message shows what was given."""
    with pytest.raises(BadInput) as refusal:
        parameter_from({**RATE, "handover": written})

    assert shown in str(refusal.value)


def test_a_choice_knows_no_handover():
    """What has no order cannot be rescaled, and the key is refused."""
    with pytest.raises(BadInput, match="'handover'"):
        parameter_from({"choices": [1, 2], "handover": "keep"})


def test_values_are_rescaled_by_the_ratio_of_rows_and_stay_in_their_range():
    """Nine times the data with the power -0.5 is a third; the range is the user's word."""
    there = space(
        learning_rate=Float(**RATE, handover={"rescale": -0.5}),
        weight_decay=Float(0.01, 0.1, handover={"rescale": -1}),
        num_train_epochs=Int(1, 9, handover={"rescale": -0.5}),
        warmup_steps=Float(0.0, 0.2),
    )
    values = {"learning_rate": 3e-4, "weight_decay": 0.05, "num_train_epochs": 9, "warmup_steps": 0.1}

    found = handed_over(there, values, 9)
    assert found == {
        "learning_rate": pytest.approx(1e-4),
        "weight_decay": 0.01,
        "num_train_epochs": 3,
        "warmup_steps": 0.1,
    }
    assert there.contains(found)
    assert handed_over(there, values, 1) == values


def test_a_value_that_others_wait_for_is_kept():
    """No handover makes a configuration that the space does not have."""
    there = space(
        num_train_epochs=Int(1, 4, handover={"rescale": -1}),
        weight_decay=Float(0.0, 0.1, when={"num_train_epochs": 4}),
    )
    values = {"num_train_epochs": 4, "weight_decay": 0.1}

    assert handed_over(there, values, 4) == values


@pytest.mark.parametrize(
    ("rate", "expected"), [(1e-4, [5e-5, 2e-4]), (1e-3, [5e-4]), (1.2e-5, [1e-5, 2.4e-5]), (6e-4, [3e-4, 1e-3])]
)
def test_a_bracket_is_half_and_twice_the_value_inside_the_range(rate, expected):
    """At an end of the range there is one neighbour."""
    there = space(learning_rate=Float(**RATE, handover="bracket"), weight_decay=Choice([0.0, 0.1]))

    beside = bracket(there, {"learning_rate": rate, "weight_decay": 0.1})
    assert beside == [{"learning_rate": pytest.approx(one), "weight_decay": 0.1} for one in expected]


def test_nothing_is_tried_beside_a_value_that_is_kept():
    """Presets cost no training more than they did."""
    assert bracket(PRESETS["default"], PRESETS["default"].baseline({})) == []
    assert str(Handover()) == "kept"
