"""A report as Markdown, for a pull request: the same parts without the pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .facts import Facts
from .sections import Section, Table, about, sections

#: Rows of a table: people read a comment, not a database.
MOST_ROWS = 20
SPECIAL = "\\`*_{}[]<>#|~!$@&"


def study_markdown(facts: Facts) -> str:
    """Return the report on one study."""
    return markdown(title=facts.study.name, sentence=about(facts), answer=facts.answer, parts=sections(facts))


def markdown(*, title: str, sentence: str, answer: Sequence[str], parts: Sequence[Section]) -> str:
    """Return a text whose parts without anything to say are left out."""
    first, *more = answer
    lines = [f"## {text(title)}", "", text(sentence), "", f"**{text(first)}**", "", *(f"- {text(one)}" for one in more)]
    for part in parts:
        if not part.is_empty:
            lines += ["", f"### {text(part.title)}", *(line for line in section(part))]
    return "\n".join([*lines, ""])


def section(part: Section) -> Iterator[str]:
    """Yield the lines of a part."""
    for one in part.tables:
        if one.rows:
            yield from table(one)
    for paragraph in part.texts:
        yield from ("", text(paragraph))
    for code in part.codes:
        fence = "`" * max(3, longest_run(code, "`") + 1)
        yield from ("", fence, code.rstrip("\n"), fence)


def table(one: Table) -> Iterator[str]:
    """Yield the lines of a table."""
    yield from ("", f"{text(one.title)}:", "")
    yield f"| {' | '.join(map(text, one.head))} |"
    yield f"|{'|'.join(['---'] * len(one.head))}|"
    for row in one.rows[:MOST_ROWS]:
        mark = "**" if row.best else ""
        yield f"| {' | '.join(f'{mark}{text(cell.text)}{mark}' if cell.text else '' for cell in row.cells)} |"
    if len(one.rows) > MOST_ROWS:
        yield from ("", f"{len(one.rows) - MOST_ROWS} more rows are left out.")
    if one.note:
        yield from ("", text(one.note))


def text(value: str) -> str:
    """Return a text that Markdown shows as it is, in one line."""
    line = " ".join(value.split())
    return "".join(f"\\{one}" if one in SPECIAL else one for one in line)


def longest_run(value: str, character: str) -> int:
    """Return how often a character comes in a row, at most."""
    longest = run = 0
    for one in value:
        run = run + 1 if one == character else 0
        longest = max(longest, run)
    return longest
