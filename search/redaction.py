"""Words of other people's code with their secrets taken out, before they are shown or kept.

Store URLs, whose form is known, are `studies.url`.
"""

from __future__ import annotations

import os
import re

HIDDEN = "***"
#: Of a variable of the environment whose value is a secret.
SECRET_NAMES = re.compile(r"TOKEN|SECRET|PASSW|API_?KEY|ACCESS_?KEY|CREDENTIAL", re.IGNORECASE)
SHORTEST = 8  #: characters of a secret in the environment: a shorter one may be a word of the sentence
#: What a secret looks like, and the part of it that may stay.
PATTERNS = (
    (re.compile(r"\b(hf_|sk-|gh[pousr]_|github_pat_|xox[abprs]-|AKIA|AIza|glpat-)[A-Za-z0-9_\-]{8,}"), r"\1"),
    (re.compile(r"(\w+://[^\s/:@]*:)[^\s/@]+(?=@)"), r"\1"),  # a password in a URL, which may have no user
    (re.compile(r"(\w+://)[^\s/:@]+(?=@)"), r"\1"),  # a token in place of both
    (re.compile(r"(\bbearer\s+)[A-Za-z0-9._~+/=\-]{8,}", re.IGNORECASE), r"\1"),
    (
        re.compile(
            r"(\b\w*(?:password|passwd|secret|(?:api|access)_?key|(?:hf|hub|auth|api|access)_?token)[\"']?\s*[=:]\s*[\"']?"
            r"|\btoken=[\"']?)[^\s\"',;&)}\]]{4,}",  # but not `pad_token: [PAD]`
            re.IGNORECASE,
        ),
        r"\1",
    ),
)


def redacted(text: str) -> str:
    """Return `text` with `***` for tokens, passwords in URLs, and values of variables such as `HF_TOKEN`."""
    for name, value in os.environ.items():
        if len(value) >= SHORTEST and SECRET_NAMES.search(name):
            text = text.replace(value, HIDDEN)
    for pattern, kept in PATTERNS:
        text = pattern.sub(kept + HIDDEN, text)
    return text
