"""A report as Markdown, for a pull request: the same parts without the pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..markdown import code, text
from .facts import Facts
from .sections import Section, Table, about, sections

#: Rows of a table: people read a comment, not a database.
MOST_ROWS = 20
#: Characters of a sentence of ours, which has names from data in it.
LONGEST = 2000


def study_markdown(facts: Facts) -> str:
    """Return the report on one study."""
    return markdown(title=facts.study.name, sentence=about(facts), answer=facts.answer, parts=sections(facts))


def markdown(*, title: str, sentence: str, answer: Sequence[str], parts: Sequence[Section]) -> str:
    """Return a text whose parts without anything to say are left out."""
    first, *more = answer
    lines = [
        f"## {text(title, LONGEST)}",
        "",
        text(sentence, LONGEST),
        "",
        f"**{text(first, LONGEST)}**",
        "",
        *(f"- {text(one, LONGEST)}" for one in more),
    ]
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
        yield from ("", text(paragraph, LONGEST))
    for lines in part.codes:
        yield from ("", code(lines, ""))


def table(one: Table) -> Iterator[str]:
    """Yield the lines of a table."""
    yield from ("", f"{text(one.title)}:", "")
    yield f"| {' | '.join(map(text, one.head))} |"
    yield f"|{'|'.join(['---'] * len(one.head))}|"
    for row in one.rows[:MOST_ROWS]:
        mark = "**" if row.best else ""
        yield f"| {' | '.join(f'{mark}{text(cell.text, LONGEST)}{mark}' if cell.text else '' for cell in row.cells)} |"
    if len(one.rows) > MOST_ROWS:
        yield from ("", f"{len(one.rows) - MOST_ROWS} more rows are left out.")
    if one.note:
        yield from ("", text(one.note, LONGEST))
