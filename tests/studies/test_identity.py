"""A study's identity: one text, one fingerprint, and a difference people can read."""

from __future__ import annotations

import random

import pytest

from hpsearch.spaces.errors import BadInput
from hpsearch.studies.identity import StudyChanged, canonical, difference, ensure_same_problem, fingerprint
from hpsearch.studies.store import StudyStore

from .making import make_study

IDENTITY = {
    "direction": "maximize",
    "space": {"learning_rate": {"low": 1e-5, "high": 0.001, "log": True}, "batch": {"choices": [8, 16]}},
    "data": {"fingerprint": "ab12", "rows": 855},
}


def changed(path: str, value: object) -> dict:
    """Return IDENTITY with the value at the dotted path replaced, or dropped where it is `...`."""
    *parents, last = path.split(".")
    copy = part = {**IDENTITY}
    for name in parents:
        part[name] = part = {**part[name]}
    part.pop(last, None)
    return copy if value is ... else (part.update({last: value}) or copy)


DIFFERENCES = [
    ("direction", "minimize", "direction: maximize -> minimize"),
    ("space.learning_rate.high", 0.01, "space.learning_rate.high: 0.001 -> 0.01"),
    ("space.learning_rate.low", 1.0000000000000003e-05, "low: 1e-05 -> 1.0000000000000003e-05"),
    ("space.learning_rate.log", 1, "space.learning_rate.log: true -> 1"),
    ("space.batch.choices", [8, 32], "space.batch.choices: [8,16] -> [8,32]"),
    ("space.batch.choices", (8.0, 16), "space.batch.choices: [8,16] -> [8.0,16]"),
    ("space.warmup", {"low": 0}, 'space.warmup: (absent) -> {"low":0}'),
    ("space.batch", ..., 'space.batch: {"choices":[8,16]} -> (absent)'),
    ("data.rows", "855", 'data.rows: 855 -> "855"'),
    ("data.rows", None, "data.rows: 855 -> null"),
    ("data.fingerprint", "ab12 ", 'data.fingerprint: ab12 -> "ab12 "'),
    ("data.fingerprint", "\x1b[31m", r'data.fingerprint: ab12 -> "\u001b[31m"'),
    ("data.fingerprint", "(absent)", 'data.fingerprint: ab12 -> "(absent)"'),
    ("data.x\x07y", 1, r'data."x\u0007y": (absent) -> 1'),
]


@pytest.mark.parametrize(("path", "value", "line"), DIFFERENCES)
def test_a_difference_is_one_line(path, value, line):
    """B5: what changed is named with its old and its new value, exactly, and safe to print."""
    (found,) = difference(IDENTITY, changed(path, value))

    assert found.endswith(line)
    assert found.isprintable()


def test_long_values_show_where_they_differ():
    """Two long lists are cut around their first difference."""
    old, new = ({"choices": [f"value {n}" for n in range(1000)]} for _ in range(2))
    new["choices"][700] = "another"

    (line,) = difference(old, new)

    assert len(line) < 250
    assert '"value 700"' in line
    assert '"another"' in line


def test_order_and_container_do_not_matter():
    """The same problem written in another order, or with a tuple, has the same fingerprint."""
    same = {
        "data": {"rows": 855, "fingerprint": "ab12"},
        "space": {
            "batch": {"choices": (8, 16)},
            "learning_rate": {"log": True, "high": 1e-3, "low": 0.00001},
        },
        "direction": "maximize",
    }

    assert canonical(IDENTITY) == canonical(same)
    assert (fingerprint(IDENTITY), []) == (fingerprint(same), difference(IDENTITY, same))
    assert 64 == len(fingerprint(same))


def test_a_difference_is_empty_exactly_for_equal_fingerprints():
    """Over many random pairs the list of differences and the fingerprints agree."""
    chance = random.Random(7)
    leaves = [0, 1, 1.0, True, None, "", "1", "(absent)", [1], [1.0], {}, -0.0, 0.0]

    def some(depth: int) -> object:
        if depth == 0 or chance.random() < 0.4:
            return chance.choice(leaves)
        return {chance.choice("ab"): some(depth - 1) for _ in range(2)}

    pairs = [({"x": some(3)}, {"x": some(3)}) for _ in range(3000)]

    agree = [(difference(*pair) == []) == (fingerprint(pair[0]) == fingerprint(pair[1])) for pair in pairs]
    assert all(agree)
    assert any(difference(*pair) == [] for pair in pairs)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_without_a_text_are_refused(number):
    """An identity is exact text: what has none cannot be in it."""
    with pytest.raises(BadInput, match="not finite"):
        fingerprint({"low": number})


def test_a_changed_problem_is_refused_with_the_difference(sqlite_url):
    """B5: resuming with another direction or space shows what changed and what to do, exit code 2."""
    with StudyStore.open(sqlite_url, create=True) as store:
        study = make_study(store, spec={"identity": IDENTITY})
    ensure_same_problem(study, IDENTITY)

    with pytest.raises(StudyChanged, match="'cola' was started on another problem") as caught:
        ensure_same_problem(study, changed("direction", "minimize"))

    assert (2, ["direction: maximize -> minimize"]) == (caught.value.exit_code, caught.value.changes)
    assert "\n  direction: maximize -> minimize" in str(caught.value)
    assert "--fork NAME" in caught.value.hint
