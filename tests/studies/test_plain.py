"""What goes into JSON columns."""

from __future__ import annotations

import enum
import json
from pathlib import Path

import numpy
import pytest

from hpsearch.studies.plain import dumps, plain


class Colour(enum.StrEnum):
    RED = "red"


def test_values_become_plain():
    """NumPy scalars, paths, enums and tuples become what JSON knows; odd keys become text."""
    value = {
        "a": (numpy.float32(0.5), numpy.int64(3), numpy.bool_(True), numpy.float64(0.1)),
        1: Path("/x"),
        None: Colour.RED,
        "d": numpy.array(2.5),
    }

    assert {"a": [0.5, 3, True, 0.1], "1": "/x", "None": "red", "d": 2.5} == plain(value)
    assert [float, int, bool, float] == [type(item) for item in plain(value)["a"]]


def test_the_text_is_strict_and_readable():
    """Numbers that are not finite are null, other scripts stay readable, and no database refuses the text."""
    text = dumps({"loss": float("nan"), "up": float("inf"), "名": "\0\udcff"})

    assert '{"loss": null, "up": null, "名": "\N{REPLACEMENT CHARACTER}?"}' == text
    assert json.loads(text)["loss"] is None


@pytest.mark.parametrize("value", [object(), {1, 2}, b"x", numpy.zeros(2), lambda: 0])
def test_what_is_no_data_is_refused(value):
    """An object is refused with its type, rather than kept as a text nobody can read back."""
    with pytest.raises(TypeError, match=f"a {type(value).__name__} cannot be kept"):
        plain({"a": [value]})
