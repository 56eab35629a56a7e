"""Study names, and the folders made from them."""

from __future__ import annotations

import pytest

from hpsearch.spaces.errors import BadInput
from hpsearch.studies.names import check_study_name, folder_name, new_uid

GOOD = [
    "cola",
    "x" * 100,
    "nightly/2026-03-01/cola",
    "Größe 学習",
    "-x",
    "'; DROP TABLE t; --",
    "a..b",
    "...",
]
BAD = {
    "": "0 characters",
    "x" * 101: "101 characters",
    "a\nb": "cannot be printed",
    "\x1b[31mred": "cannot be printed",
    "a\x00": "cannot be printed",
    "abc\N{RIGHT-TO-LEFT OVERRIDE}fed": "cannot be printed",
    " cola": "a space",
    "cola ": "a space",
    ".": "folder",
    "..": "folder",
}
FOLDERS = {
    "cola": "cola-0123abcd",
    "nightly/2026-03-01/cola": "nightly-2026-03-01-cola-0123abcd",
    "../../etc/passwd": "etc-passwd-0123abcd",
    "...": "study-0123abcd",
    "学習": "study-0123abcd",
    "Größe (1)": "Groe-1-0123abcd",
    "a....b": "a.b-0123abcd",
    "-rf": "rf-0123abcd",
    "x" * 100: "x" * 40 + "-0123abcd",
    f"{'x' * 39}- y": "x" * 39 + "-0123abcd",
}


@pytest.mark.parametrize("name", GOOD)
def test_a_name_is_any_printable_text(name):
    """A name is data: quotes, slashes and other scripts are welcome."""
    assert name == check_study_name(name)


@pytest.mark.parametrize(("name", "why"), BAD.items())
def test_what_is_no_name_is_refused(name, why):
    """One printable sentence with the name and the reason."""
    with pytest.raises(BadInput, match=why) as caught:
        check_study_name(name)

    assert str(caught.value).isprintable()


@pytest.mark.parametrize(("name", "folder"), FOLDERS.items())
def test_a_folder_is_a_safe_short_slug(name, folder):
    """No separator, no dots alone, no option, at most 40 characters and the uid."""
    assert folder == folder_name(name, "0123abcd")


def test_uids_are_fresh():
    """Two studies never share a folder, and a uid that is none makes no folder."""
    assert 1000 == len({folder_name("cola", new_uid()) for _ in range(1000)})
    with pytest.raises(ValueError, match="8 hexadecimal digits"):
        folder_name("cola", "../../..")
