"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hpsearch.studies.whole_file import write_whole

TO_STDOUT = """
from pathlib import Path
from hpsearch.studies.whole_file import write_whole
write_whole(Path("/dev/stdout"), b"through")
"""


def test_a_file_is_replaced_at_once(tmp_path):
    """Who reads the old one goes on reading it; nothing is left beside the new one."""
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        write_whole(path, b"new")

        assert (b"old", b"new") == (reader.read(), path.read_bytes())
    assert ["x"] == os.listdir(tmp_path)


def test_what_cannot_be_written_leaves_what_was_there(tmp_path):
    """A folder of that name, or no folder at all."""
    (tmp_path / "x").mkdir()
    for path in (tmp_path / "x", tmp_path / "nowhere" / "x"):
        with pytest.raises(OSError, match="directory"):
            write_whole(path, b"new")

    assert ["x"] == os.listdir(tmp_path)


def test_a_link_is_written_through(tmp_path):
    """It still points where it did."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)

    write_whole(link, b"new")

    assert (True, b"new") == (link.is_symlink(), target.read_bytes())


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="this system has no /dev/stdout")
def test_a_device_is_written_to_and_never_replaced():
    """`-o /dev/stdout` is a pipe's beginning, not the name of a file to be made."""
    before = os.lstat("/dev/stdout")

    said = subprocess.run([sys.executable, "-c", TO_STDOUT], capture_output=True, check=True)

    assert b"through" == said.stdout
    assert before.st_ino == os.lstat("/dev/stdout").st_ino
