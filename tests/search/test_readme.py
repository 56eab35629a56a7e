"""What README and docs tell people to type exists, with these words and flags; each command shows how it is used."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from .command import GROUP, all_commands

HERE = Path(__file__).parents[2]
PAGES = [HERE / "README.md", *sorted(HERE.glob("docs/*.md"))]


def commands() -> list[str]:
    """Every command line of hpsearch in README and docs, in a block or in a sentence."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
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
def test_a_command_that_people_are_told_is_understood(line):
    """Its name and its flags exist, and its arguments are as many as it takes."""
    words = ["1" if word == "N" else word for word in shlex.split(line, comments=True)[1:]]
    if words == ["--install-completion"]:
        return  # it would be done at once
    assert parse(words) is not None


def test_there_are_commands():
    """The search above finds them."""
    assert len(commands()) > 20
    assert any(line.startswith("hpsearch report") for line in commands())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_leads_somewhere(page):
    """Each file that a page links to or shows is there."""
    text = page.read_text(encoding="utf-8")
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]

    assert [] == [link for link in links if not (page.parent / link).exists()]


def test_the_options_are_all_there():
    """The page of options names each flag of `run`, and none that there is not."""
    table = (HERE / "docs" / "options.md").read_text(encoding="utf-8").partition("\n## ")[0]
    told = set(re.findall(r"--[a-z][a-z-]+", table))
    flags = {opt for one in GROUP.commands["run"].params for opt in one.opts if opt.startswith("--")}

    assert (set(), set()) == (flags - told - {"--help"}, told - flags)


def test_every_command_is_told():
    """What nobody can find is not finished: README or a page that it links to has each command."""
    text = re.sub(r"\s+", " ", " ".join(page.read_text(encoding="utf-8") for page in PAGES))

    assert [] == [name for name in all_commands() if f"hpsearch {name}" not in text and f"`{name}`" not in text]


@pytest.mark.parametrize("name", all_commands())
def test_help_ends_with_an_example_that_works(name):
    """Each command's help has an example, which calls this command and is understood."""
    command = all_commands()[name]
    example = re.fullmatch(r"Example: (hpsearch .*)", command.epilog or "")

    assert example, f"`hpsearch {name} --help` has no example"
    assert parse(shlex.split(example[1])[1:]) is command
