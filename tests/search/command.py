"""The command line, run in this process: a tiny study on files that the tests write, and what a command said."""

from __future__ import annotations

import contextlib
import io
import json
import random
from pathlib import Path
from typing import Any, NamedTuple

import typer

from hpsearch.search.cli import main
from hpsearch.search.command.app import app

#: A search of a data file that takes a second: the built-in model, one epoch, all of the few rows.
TINY = ("--model", "tiny", "--set", "num_train_epochs=1", "--set", "per_device_train_batch_size=8", "--subset", "1")
#: Each configuration once and the best one retrained, for tests of anything but the rungs and the finals.
ONE_RUNG = ("--strategy", "single", "--confirm", "none")
COLUMNS = ("--text-columns", "text", "--label-column", "label")
#: The control characters that no message may hold: they move the cursor, change colours or set the window's title.
CONTROL = frozenset(map(chr, (*range(10), *range(11, 32), *range(127, 160))))
#: The program `hpsearch`, in which Ctrl-C is not ignored, as it is in what a shell starts in the background.
MAIN = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from hpsearch.search.cli import entry; entry()"
)


class Said(NamedTuple):
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Return what stdout holds: JSON and nothing else. Fails if the command did."""
        assert self.code == 0, self.err
        return json.loads(self.out)


#: What all commands are below.
GROUP: Any = typer.main.get_command(app)


def all_commands() -> dict[str, Any]:
    """Return every command by the words that call it."""
    found: dict[str, Any] = {}
    for name, command in GROUP.commands.items():
        below = getattr(command, "commands", None)
        found |= {f"{name} {inner}": one for inner, one in below.items()} if below else {name: command}
    return found


def hpsearch(*argv: object) -> Said:
    """Run a command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(word) for word in argv])
    return Said(code, out.getvalue(), err.getvalue())


def done(*argv: object) -> Said:
    """Run a command line that must succeed."""
    said = hpsearch(*argv)
    assert said.code == 0, said.err
    return said


def refused(said: Said, *words: str, code: int = 2) -> None:
    """Check a refusal: the exit code, one sentence that has `words`, nothing on stdout and no traceback.

    `words` may be in the hint, which is a line of its own; lines of progress may stand before both.
    """
    assert (code, "") == (said.code, said.out), said.err
    sentences = [line for line in said.err.splitlines() if line.startswith("hpsearch: ")]
    assert 1 == len(sentences), said.err
    assert "Traceback" not in said.err
    assert not CONTROL & set(said.err)
    assert [] == [word for word in words if word not in said.err], said.err


def rows(count: int = 80, labels: tuple[str, ...] = ("no", "yes")) -> list[tuple[str, str]]:
    """Return short texts of which one word tells the label, which takes turns; some texts are there twice."""
    draw = random.Random(1)
    words = {label: [f"{label}{piece}" for piece in "abcd"] for label in labels}
    found = []
    for row in range(count):
        label = labels[row % len(labels)]
        text = [draw.choice(words[label]), *draw.choices(["cat", "dog", "house", "tree"], k=3)]
        draw.shuffle(text)
        found.append((" ".join(text), label))
    return found


def distinct(table: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the rows with a word or two more where a text was there before."""
    found: dict[str, str] = {}
    for text, label in table:
        while text in found:
            text += " tree"
        found[text] = label
    return list(found.items())


def csv_text(table: list[tuple[str, str]]) -> str:
    """Return rows of text and label as CSV with a header."""
    return "".join(f"{text},{label}\n" for text, label in [("text", "label"), *table])


def files_below(folder: Path) -> list[str]:
    """Return every file and folder below `folder`."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def write_word_data(folder: Path, table: list[tuple[str, str]] | None = None) -> None:
    """Write `train.csv` of 300 rows and `valid.csv` of 60, in which one word tells the label."""
    table = table or rows(360)
    (folder / "train.csv").write_text(csv_text(table[:300]), encoding="utf-8")
    (folder / "valid.csv").write_text(csv_text(table[300:]), encoding="utf-8")
