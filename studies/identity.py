"""A study means one thing: what that is as text, as a fingerprint, and as a list of differences.

The identity is a dict the search layer writes (task, data, model, space, objective, versions); nothing here
interprets it. It is kept in `Study.spec["identity"]`, its fingerprint in `Study.identity`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from itertools import takewhile
from typing import Any

from ..spaces.errors import BadInput
from .errors import StudyChanged
from .records import Study

ABSENT = "(absent)"
ABSENT_VALUE = object()
LONGEST = 100  # characters of one value in a line of the difference
DOTS = "\N{HORIZONTAL ELLIPSIS}"


def canonical(identity: Mapping[str, Any]) -> str:
    """Return the one text of `identity`: keys sorted, floats exact (`repr`), no spaces, ASCII only.

    Two identities are the same problem exactly when these texts are equal. Raises `BadInput` for a number
    that is not finite and `TypeError` for what JSON cannot hold.
    """
    try:
        return json.dumps(
            _text_keys(identity), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
        )
    except ValueError as error:
        raise BadInput(f"a study's identity holds a number that is not finite: {identity!r:.200}") from error


def _text_keys(value: Any) -> Any:
    """Return `value` with text keys and lists, so that it reads back from the store as the same text."""
    if isinstance(value, Mapping):
        return {str(key): _text_keys(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_text_keys(item) for item in value]
    return value


def fingerprint(identity: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical text, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(identity).encode("ascii")).hexdigest()


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return what changed, one human line each: `space.learning_rate.high: 0.001 -> 0.01`.

    Empty exactly when both are the same problem. Text is shown bare, except where that would hide a
    difference or reach the terminal as something else than text.
    """
    return [f"{path}: {' -> '.join(_shown(*pair))}" for path, *pair in _changes(old, new, ())]


def ensure_same_problem(study: Study, identity: Mapping[str, Any]) -> None:
    """Raise `StudyChanged`, with the difference, where `study` was started on another problem."""
    if study.identity != fingerprint(identity):
        raise StudyChanged(study.name, difference(study.spec["identity"], identity))


def _changes(old: Any, new: Any, path: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Yield (dotted path, old JSON text, new JSON text) for each smallest part that differs."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        old, new = ({str(key): item for key, item in part.items()} for part in (old, new))
        for key in sorted(old.keys() | new.keys()):
            yield from _changes(old.get(key, ABSENT_VALUE), new.get(key, ABSENT_VALUE), (*path, key))
        return
    texts = [ABSENT if part is ABSENT_VALUE else canonical_value(part) for part in (old, new)]
    if texts[0] != texts[1]:
        yield ".".join(_bare(json.dumps(key)) for key in path), texts[0], texts[1]


def canonical_value(value: Any) -> str:
    """Return one part of an identity as canonical text."""
    return canonical({"": value})[len('{"":') : -1]


def _shown(*texts: str) -> list[str]:
    bare = [_bare(text) for text in texts]
    shown = bare if len(set(bare)) == len(bare) else list(texts)
    too_long = any(len(text) > LONGEST for text in shown)
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(*shown, strict=False)))
    start = max(0, alike - LONGEST // 4) if too_long else 0
    return [_shortened(text, start) for text in shown]


def _bare(text: str) -> str:
    """Return JSON text without its quotes where it is simple text."""
    value = json.loads(text) if text.startswith('"') else None
    simple = value and value.isprintable() and value == value.strip() and value != ABSENT
    return str(value) if simple else text


def _shortened(text: str, start: int) -> str:
    end = start + LONGEST
    return (DOTS if start else "") + text[start:end] + (DOTS if end < len(text) else "")
