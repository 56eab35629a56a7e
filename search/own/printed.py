"""What a user's code prints, taken line by line: there are better places for it than the screen of a search."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable

LOG = logging.getLogger("hpsearch.script")


class Printed(io.TextIOBase):
    """Takes what a script prints, line by line."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self.take, self.last, self.begun = take, "", ""

    def write(self, text: str) -> int:
        """Take whole lines."""
        *lines, self.begun = (self.begun + text.replace("\r", "\n")).split("\n")
        for line in filter(str.strip, lines):
            self.last = line.strip()
            self.take(line)
        return len(text)
