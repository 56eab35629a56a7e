"""What the README tells people to type exists, with these words and flags; and each command shows how it is used."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from hpsearch.search.commands import app

README = Path(__file__).parents[2] / "README.md"
GROUP: Any = typer.main.get_command(app)


def commands() -> list[str]:
    """Every command line of hpsearch in the README, in a block or in a sentence."""
    text = README.read_text(encoding="utf-8")
    blocks = re.findall(r"```bash\n(.*?)```", text, flags=re.S)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    spoken = re.findall(r"`(hpsearch [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.S))
    found = [part for line in lines for part in re.findall(r"(?:^|/|\s|&& )(hpsearch .*)$", line)]
    return sorted({*found, *(" ".join(one.split()) for one in spoken)})


def parse(words: list[str]) -> Any:
    """Return the command that these words call, or raise what the command line would."""
    context = GROUP.make_context("hpsearch", list(words))
    group, rest = GROUP, [*context._protected_args, *context.args]
    while hasattr(group, "resolve_command"):
        name, command, rest = group.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)
        group, rest = command, [*getattr(context, "_protected_args", []), *context.args]
    return group


@pytest.mark.parametrize("line", commands())
def test_a_command_in_the_readme_is_understood(line):
    """Its name and its flags exist, and its arguments are as many as it takes."""
    words = ["1" if word == "N" else word for word in shlex.split(line, comments=True)[1:]]
    if words == ["--install-completion"]:
        return  # it would be done at once
    assert parse(words) is not None


def test_the_readme_has_commands():
    """The search above finds them."""
    assert len(commands()) > 20
    assert any(line.startswith("hpsearch report") for line in commands())


def all_commands() -> dict[str, Any]:
    """Return every command by the words that call it."""
    found: dict[str, Any] = {}
    for name, command in GROUP.commands.items():
        below = getattr(command, "commands", None)
        found |= {f"{name} {inner}": one for inner, one in below.items()} if below else {name: command}
    return found


@pytest.mark.parametrize("name", all_commands())
def test_help_ends_with_an_example_that_works(name):
    """Each command's help has an example, which calls this command and is understood."""
    command = all_commands()[name]
    example = re.fullmatch(r"Example: (hpsearch .*)", command.epilog or "")

    assert example, f"`hpsearch {name} --help` has no example"
    assert parse(shlex.split(example[1])[1:]) is command
