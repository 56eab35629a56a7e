"""What models say of rows, in arrays: kept in a file that holds no code, and taken out row by row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.search.rows import load_rows, save_rows, take_rows


@pytest.mark.parametrize(
    "nest",
    [
        np.arange(6.0).reshape(3, 2),
        (np.zeros((3, 2)), np.ones((3, 4, 5), dtype=np.float32)),
        {"logits": np.arange(3), "deep": [np.arange(3), None]},
        None,
        np.array(["a", "b", "c"]),
    ],
)
def test_what_was_kept_is_what_is_read(nest: Any, tmp_path: Path) -> None:
    """Nests of arrays come back as they were, lists as tuples, each with its type."""
    save_rows(tmp_path / "there" / "rows.npz", predictions=nest, labels=np.arange(3))
    found = load_rows(tmp_path / "there" / "rows.npz")

    assert str(as_tuples(nest)) == str(found["predictions"])
    assert np.arange(3).tolist() == found["labels"].tolist()


def as_tuples(nest: Any) -> Any:
    """A nest with tuples for lists."""
    if isinstance(nest, dict):
        return {name: as_tuples(one) for name, one in nest.items()}
    return tuple(map(as_tuples, nest)) if isinstance(nest, list | tuple) else nest


def test_objects_are_not_kept(tmp_path: Path) -> None:
    """An array of objects would be a pickle, which runs code when it is read: nothing is written."""
    with pytest.raises(ValueError, match="not all of it is arrays"):
        save_rows(tmp_path / "rows.npz", predictions=np.array([{"a": 1}, None]))
    assert not (tmp_path / "rows.npz").exists()


def test_rows_are_taken_out_of_all_of_it() -> None:
    """The same rows of each array, repeats included."""
    taken = take_rows((np.arange(4), {"x": np.arange(8).reshape(4, 2)}), np.array([3, 3, 0]))

    assert [3, 3, 0] == taken[0].tolist()
    assert [[6, 7], [6, 7], [0, 1]] == taken[1]["x"].tolist()
