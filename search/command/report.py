"""The commands that tell what came out of studies: `report` and `compare`. No torch is imported."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from ...spaces.errors import BadInput, did_you_mean, place_hint
from ...studies.names import slug
from ...studies.store import StudyStore
from ...studies.whole_file import write_whole
from ..report.facts import Facts
from ..talk import tell
from .printing import add_row, emit, new_table, show, show_line

HTML, MARKDOWN = "html", "md"
FORMATS = (HTML, MARKDOWN)
#: Characters of a file's name that is made from those of studies.
LONGEST_NAME = 120


def report_studies(
    store_url: str, names: Sequence[str], *, output: Path | None, kind: str | None, open_it: bool = False
) -> None:
    """Write the report on a study, or on several side by side.

    A page goes to `output`, or to a file in this folder named after the studies; Markdown to `output` or stdout.
    """
    form = format_of(output, kind)
    with StudyStore.open(store_url) as store:
        studies = [Facts.of(store, name) for name in names]
    named = f"{'-and-'.join(slug(name) for name in names)[:LONGEST_NAME]}.{form}"
    write_report(written(studies, form), output, default=named if form == HTML else None, open_it=open_it)


def write_report(text: str, output: Path | None, *, default: str | None, open_it: bool) -> None:
    """Write a report to `output`, or to the file `default` in this folder; where there is neither, to stdout."""
    if output is None and default is None:
        sys.stdout.write(text)
        return
    target = output or Path(default or "")
    try:
        write_whole(target, text.encode())
    except OSError as error:
        raise BadInput(
            f"cannot write {str(target)!r}: {error.strerror}", hint=place_hint(error, "name another file with -o")
        ) from None
    tell(f"report: {target}")
    if open_it:
        webbrowser.open(target.absolute().as_uri())


def compare_studies(store_url: str, names: Sequence[str], *, as_json: bool) -> None:
    """Print what differs between studies: the problem, the winners, the scores with intervals, the cost."""
    from ..report.beside import differences, rows_beside, side, warnings

    if len(names) < 2:
        raise BadInput(f"2 studies or more are compared, got {len(names)}", hint="hpsearch compare A B")
    with StudyStore.open(store_url) as store:
        studies = [Facts.of(store, name) for name in names]
    changes = differences(studies)
    if as_json:
        emit({"differences": changes, "studies": [side(one) for one in studies]})
        return
    table = new_table("", "", *names)
    for name, texts in rows_beside(studies):
        add_row(table, name, *texts)
    show(table)
    for one in studies:
        show_line(f"{one.study.name}: {one.answer[0]}")
    for line in changes:
        show_line(f"differs: {line}")
    if not changes:
        show_line("both search the same problem" if len(studies) == 2 else "all search the same problem")
    for line in warnings(studies):
        tell(line)


def written(studies: Sequence[Facts], form: str) -> str:
    """Return the text of a report."""
    if len(studies) > 1:
        from ..report.beside import beside_markdown, beside_page

        return beside_markdown(studies) if form == MARKDOWN else beside_page(studies)
    from ..report.markdown import study_markdown
    from ..report.page import study_page

    return study_markdown(studies[0]) if form == MARKDOWN else study_page(studies[0])


def format_of(output: Path | None, kind: str | None) -> str:
    """Return what is written: what was asked for, or else what the file's ending says. Raises `BadInput`."""
    if kind is not None and kind not in FORMATS:
        raise BadInput(f"unknown --format {kind!r}", hint=did_you_mean(kind, FORMATS))
    return kind or (MARKDOWN if output is not None and output.suffix == ".md" else HTML)
