"""The four kinds of parameters: what they accept, refuse, and how they are written."""

import math

import numpy as np
import pytest
from transformers import SchedulerType

from hpsearch.spaces import Choice, Constant, Float, Int
from hpsearch.spaces.errors import BadInput
from hpsearch.spaces.parameters import parameter_from

REFUSED = [
    (lambda: Float(1.0, 1.0), "low=1.0, high=1.0"),
    (lambda: Float(2.0, 1.0), "low=2.0, high=1.0"),
    (lambda: Float(0.0, 1.0, log=True), "low=0.0"),
    (lambda: Float(-1.0, 1.0, log=True), "low=-1.0"),
    (lambda: Float(True, 2.0), "low=True"),
    (lambda: Float(0.0, math.nan), "high=nan"),
    (lambda: Float(-math.inf, 0.0), "low=-inf"),
    (lambda: Float(0.0, 10**400), "high=1"),
    (lambda: Float("1e-5", 1.0), "low='1e-5'"),
    (lambda: Float(0.0, 1.0, default=2.0), "default=2.0"),
    (lambda: Float(0.0, 1.0, default=True), "default=True"),
    (lambda: Float(0.0, 1.0, prior=2.0), "prior=2.0"),
    (lambda: Float(0.0, 1.0, default=0.5, prior="much"), "prior='much'"),
    (lambda: Float(0.0, 1.0, log="no"), "log='no'"),
    (lambda: Float(0.0, 1.0, step=0.3), "low=0.0, high=1.0, step=0.3"),
    (lambda: Float(0.0, 1.0, step=2.0), "low=0.0, high=1.0, step=2.0"),
    (lambda: Float(0.0, 1.0, step=0.0), "step=0.0"),
    (lambda: Float(0.0, 1.0, step=-0.1), "step=-0.1"),
    (lambda: Float(0.0, 1.0, step=1e-300), "step=1e-300"),
    (lambda: Float(0.0, 1.0, step=True), "step=True"),
    (lambda: Float(0.0, 1.0, step=math.nan), "step=nan"),
    (lambda: Float(0.1, 1.0, step=0.1, log=True), "step=0.1"),
    (lambda: Float(0.0, 1.0, step=0.5, default=0.3), "default=0.3"),
    (lambda: Int(4, 1), "low=4, high=1"),
    (lambda: Int(0, 8, log=True), "low=0"),
    (lambda: Int(1.0, 4), "low=1.0"),
    (lambda: Int(1, 2**60), "2**53"),
    (lambda: Int(1, 8, step=2), "low=1, high=8, step=2"),
    (lambda: Int(1, 8, step=0), "step=0"),
    (lambda: Int(2, 8, step=2, log=True), "step=2"),
    (lambda: Int(1, 8, default=9), "default=9"),
    (lambda: Int(1, 9, step=2, default=4), "default=4"),
    (lambda: Int(1, 9, step=2, prior=4), "prior=4"),
    (lambda: Choice([]), "[]"),
    (lambda: Choice("abc"), "'abc'"),
    (lambda: Choice({1, 2}), "{1, 2}"),
    (lambda: Choice([1, 2, 1]), "1 and 1"),
    (lambda: Choice([True, 1]), "True and 1"),
    (lambda: Choice([1, 1.0]), "1 and 1.0"),
    (lambda: Choice([1, [2]]), "[2]"),
    (lambda: Choice([math.nan]), "nan"),
    (lambda: Choice([1, 2], default=3), "default=3"),
    (lambda: Choice([1, 2], prior=3), "prior=3"),
    (lambda: Constant([1, 2]), "[1, 2]"),
    (lambda: Constant(math.inf), "inf"),
    (lambda: Constant(1, when="optim"), "'optim'"),
    (lambda: Constant(1, when={"optim": []}), "[]"),
    (lambda: Constant(1, when={"optim": {"a": 1}}), "{'a': 1}"),
]


@pytest.mark.parametrize(("make", "shown"), REFUSED)
def test_what_cannot_be_searched_is_refused_with_its_values(make, shown):
    """A parameter that makes no sense is never made, and the message shows the values that clash."""
    with pytest.raises(BadInput) as refusal:
        make()

    assert shown in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("parameter", "inside", "outside"),
    [
        (Float(1e-5, 1e-3, log=True), [1e-5, 1e-3, 1e-4, np.float64(1e-4)], [1e-6, 2e-3, "1e-4", None, True]),
        (Float(0, 2), [0, 1, 2, 0.5], [-1, 3, math.nan, math.inf, False]),
        (Float(0, 0.3, step=0.1), [0, 0.1, 0.3, 0.1 + 0.2 - 1e-16, 0.1 + 1e-10], [0.05, 0.1001, 0.4, True, "0.1"]),
        (Float(0, 2.1, step=0.7), [3 * 0.7, 2.1], [2.1 + 1e-9, -1e-12]),
        (Int(1, 9, step=2), [1, 3, 9, np.int64(5)], [2, 11, 3.0, "3", True, None]),
        (Choice([8, 16]), [8, 16, 8.0], [9, "8", None, [8]]),
        (Choice([True, "a", None]), [True, "a", None], [1, 1.0, False, "b"]),
        (Constant(0), [0, 0.0], [False, None, 1]),
    ],
    ids=str,
)
def test_contains(parameter, inside, outside):
    """Ends are inside; a float is no whole number, text is no number, and true is not 1."""
    assert [True] * len(inside) == [parameter.contains(value) for value in inside]
    assert [False] * len(outside) == [parameter.contains(value) for value in outside]


@pytest.mark.parametrize(
    ("parameter", "value", "clipped"),
    [
        (Float(1e-6, 1e-3), 1.0, 1e-3),
        (Float(1e-6, 1e-3), 0, 1e-6),
        (Float(1e-6, 1e-3), 5e-5, 5e-5),
        (Float(1e-5, 1e-3, log=True), None, pytest.approx(1e-4)),
        (Float(0, 1), "auto", 0.5),
        (Float(0, 0.5, step=0.1), 0.1 + 0.2, 0.3),
        (Float(0, 0.5, step=0.1), 0.26, 0.3),
        (Float(0, 0.5, step=0.1), 7, 0.5),
        (Float(1, 2, step=0.5), None, 1.5),
        (Int(1, 9, step=4), 6, 5),
        (Int(1, 9, step=4), 8, 9),
        (Int(1, 9), -3, 1),
        (Int(1, 100, log=True), None, 10),
        (Int(2, 4), None, 3),
        (Choice([8, 16]), 16, 16),
        (Choice([8, 16]), 10, 8),
        (Choice([8, 16], default=16), 10, 16),
        (Choice([0.1, None]), None, None),
        (Constant("x"), "y", "x"),
    ],
    ids=str,
)
def test_clip_returns_the_nearest_value_inside(parameter, value, clipped):
    """What a library recommends is moved into the range; what is no number becomes the middle."""
    assert clipped == parameter.clip(value)
    assert parameter.contains(parameter.clip(value))


@pytest.mark.parametrize(
    ("parameter", "points", "values"),
    [
        (Float(0, 1), 5, [0.0, 0.25, 0.5, 0.75, 1.0]),
        (Float(1e-6, 1e-3, log=True), 4, pytest.approx([1e-6, 1e-5, 1e-4, 1e-3])),
        (Float(0, 1), 1, [0.5]),
        (Float(0, 0.4, step=0.1), 5, [0.0, 0.1, 0.2, 0.3, 0.4]),
        (Float(0, 1, step=0.1), 3, [0.0, 0.5, 1.0]),
        (Int(1, 4), 4, [1, 2, 3, 4]),
        (Int(1, 1000, log=True), 4, [1, 10, 100, 1000]),
        (Int(0, 100, step=10), 3, [0, 50, 100]),
        (Int(0, 100), 1, [50]),
        (Choice([1, 2, 3]), 1, [1, 2, 3]),
    ],
    ids=str,
)
def test_grid_goes_from_end_to_end(parameter, points, values):
    """A grid is even in value, or in ratio on a log range; of a Choice nothing is left out."""
    assert values == parameter.grid(points)


@pytest.mark.parametrize("parameter", [Float(1e-5, 1e-3, log=True), Float(-0.3, 0.7), Int(3, 96, step=3)], ids=str)
@pytest.mark.parametrize("points", [2, 3, 7])
def test_the_ends_of_a_grid_are_the_ends_of_the_range(parameter, points):
    """To the last bit: a logarithm and back does not move the ends."""
    values = parameter.grid(points)

    assert parameter.ends == (values[0], values[-1])
    assert points == len(values)


@pytest.mark.parametrize(
    "ends", [(0, 0.9, 0.1), (0, 2.1, 0.7), (1e-5, 1e-4, 1e-5), (-3.3, 4.4, 1.1), (1e6, 1e6 + 1, 0.25)]
)
def test_the_values_of_a_stepped_float_are_the_decimal_ones(ends):
    """What people write is what they get, however doubles add up; it can be indexed, and is never built."""
    low, high, step = ends
    parameter = Float(low, high, step=step)
    count = round((high - low) / step) + 1

    assert [round(low + step * index, 9) for index in range(count)] == list(parameter.values)
    assert (low, high) == (parameter.values[0], parameter.values[-1])
    assert list(parameter.values)[1:3] == parameter.values[1:3]
    assert list(parameter.values) == [parameter.exact(low + step * index) for index in range(count - 1)] + [high]
    assert 10**15 + 1 == len(Float(0, 1, step=1e-15).values)


WRITTEN = [
    ({"low": 1e-5, "high": 1e-3, "log": True}, Float(1e-5, 1e-3, log=True)),
    (
        {"low": "1e-5", "high": "0.1", "log": True, "default": "5e-5"},
        Float(1e-5, 0.1, log=True, default=5e-5),
    ),
    ({"low": 1, "high": 4}, Float(1.0, 4.0)),
    ({"low": 0, "high": "0.3", "step": "1e-1"}, Float(0.0, 0.3, step=0.1)),
    ({"type": "int", "low": 1, "high": 4}, Int(1, 4)),
    ({"type": "int", "low": "2", "high": 8, "step": "2"}, Int(2, 8, step=2)),
    ({"choices": [8, 16, 32], "default": 16}, Choice([8, 16, 32], default=16)),
    ({"choices": ["8"]}, Choice(["8"])),
    (0.01, Constant(0.01)),
    (None, Constant(None)),
    ("cosine", Constant("cosine")),
    ({"value": 0.01, "when": {"optim": "sgd"}}, Constant(0.01, when={"optim": "sgd"})),
    ({"low": 0.9, "high": 1, "when": {"optim": ["a", "b"]}}, Float(0.9, 1, when={"optim": ["a", "b"]})),
    (Int(1, 2), Int(1, 2)),
]


@pytest.mark.parametrize(("written", "parameter"), WRITTEN)
def test_written_form(written, parameter):
    """Every form of the README is read, and numbers that YAML 1.1 took for text where only numbers fit."""
    assert parameter == parameter_from(written)
    assert parameter == parameter_from(parameter.to_dict())


@pytest.mark.parametrize(
    ("written", "message", "hint"),
    [
        ({"low": 1, "hihg": 4}, "'hihg'", "did you mean 'high'?"),
        ({"low": 1, "high": 4, "steps": 2, "type": "int"}, "'steps'", "did you mean 'step'?"),
        ({"low": 1, "high": 4, "step": 2}, "step=2", "high=3.0 can be reached"),
        ({"low": 1}, "needs `high`", None),
        ({"choice": [1]}, "'choice'", "choices: ["),
        ({"type": "choice"}, "needs `choices`", None),
        ({"type": "integer", "low": 1, "high": 2}, "'integer'", "did you mean 'int'?"),
        ({"type": [1]}, "[1]", "known: "),
        ({"choices": [1], "low": 0}, "'low'", None),
        ({1: 2}, "{1: 2}", None),
        ({}, "{}", "low: "),
        ([8, 16], "[8, 16]", "choices: ["),
        (b"x", "b'x'", None),
        ({"low": "nan", "high": 1}, "low=nan", None),
        ({"low": "small", "high": 1}, "low='small'", None),
        ({"low": 0, "high": 1, "log": "true"}, "log='true'", None),
    ],
)
def test_a_wrong_written_form_is_refused_with_the_nearest_key(written, message, hint):
    """Nothing that is written is ignored: an unknown key is an error with the nearest valid one."""
    with pytest.raises(BadInput) as refusal:
        parameter_from(written)

    assert message in str(refusal.value)
    assert hint is None or hint in refusal.value.hint


def test_one_line_for_people():
    """`str` of a parameter is one line, with its condition."""
    assert "1e-05 .. 0.001 (log), default 5e-05" == str(Float(1e-5, 1e-3, log=True, default=5e-5))
    assert "8 .. 64, step 8" == str(Int(8, 64, step=8))
    assert "0.0 .. 0.3, step 0.1" == str(Float(0, 0.3, step=0.1))
    assert "a | null | true, default a" == str(Choice(["a", None, True], default="a"))
    assert "always 1, when optim is a or b and k is 2" == str(Constant(1, when={"optim": ["a", "b"], "k": 2}))


def test_a_text_never_reaches_the_terminal_raw():
    """Escape sequences in a choice are shown, not obeyed."""
    assert "\x1b" not in str(Choice(["\x1b[2J", "a"]))


def test_members_of_enumerations_and_numpy_numbers_become_plain_values():
    """What is stored is plain JSON, wherever a value came from."""
    choice = Choice([SchedulerType.LINEAR, np.int64(3), np.float64(0.5)])

    assert [str, int, float] == [type(value) for value in choice.values]
    assert ["linear", 3, 0.5] == choice.to_dict()["choices"]


def test_exact_values_have_one_form():
    """The same value is the same JSON, whether it came as 1 or 1.0."""
    assert "1.0" == repr(Float(0, 2).exact(1))
    assert "3" == repr(Int(1, 5).exact(np.int64(3)))
    assert "16" == repr(Choice([8, 16]).exact(16.0))


def test_parameters_are_frozen_and_hashable():
    """A parameter can be a key, and cannot be changed behind a study's back."""
    parameter = Float(0, 1, when={"optim": "sgd"})

    with pytest.raises(AttributeError):
        parameter.low = 5.0
    assert 1 == len({parameter, Float(0, 1, when={"optim": "sgd"})})
