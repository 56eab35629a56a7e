"""Names people give to studies, and the folders made from them.

A name is data: it goes to SQL as a bound value, to messages through `repr`, and never into a path.
"""

from __future__ import annotations

import re
import secrets
import unicodedata

from ..spaces.errors import BadInput

MAX_NAME = 100
MAX_SLUG = 40
UID = re.compile(r"[0-9a-f]{8}")


def check_study_name(name: str) -> str:
    """Return `name`, or raise `BadInput` where it is no name (empty, too long, unprintable, `.`, `..`)."""
    why = why_no_name(name)
    if why is not None:
        raise BadInput(f"{name!r:.120} is not a study name: {why}", hint="for example: --study cola-small")
    return name


def why_no_name(name: str) -> str | None:
    """Return the reason why `name` cannot name a study, or None where it can."""
    if not 1 <= len(name) <= MAX_NAME:
        return f"it has {len(name)} characters, 1 to {MAX_NAME} are allowed"
    if not name.isprintable():
        return "it holds a character that cannot be printed"
    if name != name.strip():
        return "it begins or ends with a space"
    if name in (".", ".."):
        return "it means a folder"
    return None


def new_uid() -> str:
    """Return a fresh random uid for a study: 8 hexadecimal digits."""
    return secrets.token_hex(4)


def folder_name(name: str, uid: str) -> str:
    """Return the name of a study's folder: a short ASCII form of `name`, then its uid.

    Never empty, never `..`, never with a separator; the uid keeps like-sounding studies apart, so that two
    studies never write into one folder. Raises `ValueError` for a uid that `new_uid` cannot have made.
    """
    if not UID.fullmatch(uid):
        raise ValueError(f"a study uid has 8 hexadecimal digits, got {uid!r}")
    return f"{slug(name)}-{uid}"


def slug(name: str) -> str:
    """Return `name` in at most 40 characters out of letters, digits, `.`, `_` and `-`, beginning with one of
    the first two kinds; `study` where nothing is left of it.
    """
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    short = re.sub(r"[^A-Za-z0-9._-]+", "-", ascii_only).strip("-._")[:MAX_SLUG]
    return re.sub(r"\.{2,}", ".", short).rstrip("-._") or "study"
