"""Take rows out of what a model predicted: arrays in a nest of tuples, lists and dictionaries."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def take_rows(nest: Any, rows: NDArray[np.intp]) -> Any:
    """Return a nest as `transformers.EvalPrediction` holds it with these rows alone, in this order, repeats included.

    Arrays are indexed on their first axis, of whatever rank they are; None, for what was not predicted, stays None.
    Lists become tuples. Raises `ValueError` if the arrays do not all have the same number of rows, which tells what is
    no row's (one number a batch, say), and `IndexError` for a row that is not there.
    """
    lengths = {np.shape(one)[:1] for one in arrays_in(nest)}
    if len(lengths) > 1 or () in lengths:
        raise ValueError(f"the arrays have no rows in common, their first axes are {sorted(lengths)}")
    return _taken(nest, rows)


def arrays_in(nest: Any) -> Iterator[Any]:
    """Yield the arrays in a nest, in order."""
    if isinstance(nest, Mapping | tuple | list):
        for one in nest.values() if isinstance(nest, Mapping) else nest:
            yield from arrays_in(one)
    elif nest is not None:
        yield nest


def _taken(nest: Any, rows: NDArray[np.intp]) -> Any:
    if isinstance(nest, Mapping):
        return {name: _taken(one, rows) for name, one in nest.items()}
    if isinstance(nest, tuple | list):
        return tuple(_taken(one, rows) for one in nest)
    return None if nest is None else nest[rows]


def save_rows(path: Path, **nests: Any) -> None:
    """Write nests of arrays to a file, each under its name; nothing in it is code. Raises `ValueError` for others."""
    arrays: list[Any] = []
    forms = {name: _form(nest, arrays) for name, nest in nests.items()}
    if any(one.dtype.hasobject for one in arrays):
        raise ValueError("not all of it is arrays of numbers or text")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez(
            file, forms=np.array(json.dumps(forms)), **{f"array_{number}": one for number, one in enumerate(arrays)}
        )


def load_rows(path: Path) -> dict[str, Any]:
    """Return the nests in a file that `save_rows` wrote, by name. Raises `OSError` or `ValueError` if it cannot."""
    with np.load(path, allow_pickle=False) as file:
        forms = json.loads(str(file["forms"]))
        return {name: _nest(form, file) for name, form in forms.items()}


def _form(nest: Any, arrays: list[Any]) -> Any:
    if isinstance(nest, Mapping):
        return {"of": {name: _form(one, arrays) for name, one in nest.items()}}
    if isinstance(nest, tuple | list):
        return [_form(one, arrays) for one in nest]
    if nest is None:
        return None
    arrays.append(np.asarray(nest))
    return len(arrays) - 1


def _nest(form: Any, file: Any) -> Any:
    if isinstance(form, dict):
        return {name: _nest(one, file) for name, one in form["of"].items()}
    if isinstance(form, list):
        return tuple(_nest(one, file) for one in form)
    return None if form is None else file[f"array_{form}"]
