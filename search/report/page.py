"""A report as one HTML file that needs nothing else: style, script, plotly and the data are inside."""

from __future__ import annotations

import base64
import functools
import gzip
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from ...studies.clock import utc_now
from .facts import Facts
from .figures import Picture, pictures
from .front import front_pictures
from .sections import Cell, Section, Table, about, sections, tiles

HERE = Path(__file__).parent
#: Of a picture that says nothing else.
LOOK = {
    "margin": {"t": 40, "b": 60, "l": 60, "r": 20},
    "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
}
#: What is not text in a script that holds JSON.
UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def study_page(facts: Facts) -> str:
    """Return the page about one study."""
    return page(
        title=facts.study.name,
        sentence=about(facts),
        answer=facts.answer,
        numbers=tiles(facts),
        parts=sections(facts),
        drawn=[*pictures(facts), *front_pictures(facts)],
    )


def page(
    *,
    title: str,
    sentence: str,
    answer: Sequence[str],
    numbers: Sequence[tuple[str, str]],
    parts: Sequence[Section],
    drawn: Sequence[Picture],
) -> str:
    """Return a page; parts without anything to say are left out."""
    known = {one.name: drawn_json(one) for one in drawn}
    shown = [
        {
            "id": part.name,
            "title": part.title,
            "small": part.small,
            "legend": part.legend,
            "figures": [known[name] for name in part.pictures if name in known],
            "tables": [table_of(one) for one in part.tables],
            "texts": part.texts,
            "codes": part.codes,
        }
        for part in parts
        if not part.is_empty or any(name in known for name in part.pictures)
    ]
    return template().render(
        title=title,
        about=sentence,
        answer=answer,
        tiles=numbers,
        sections=shown,
        figures=bool(known),
        style=Markup(read("page.css")),  # noqa: S704 - ours
        script=Markup(read("page.js")),  # noqa: S704 - ours
        plotly=packed_plotly() if known else "",
        version=version("hpsearch"),
        written=f"{utc_now():%Y-%m-%d %H:%M} UTC",
    )


@functools.cache
def template() -> jinja2.Template:
    """Return the template, which escapes all it is given."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    return made.get_template("page.html.jinja")


@functools.cache
def read(name: str) -> str:
    """Return one of our own files."""
    return (HERE / name).read_text(encoding="utf-8")


@functools.cache
def packed_plotly() -> str:
    """Return plotly's program, which the page holds so that it works without a network: gzip, as base64."""
    from plotly.offline import get_plotlyjs

    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()


def drawn_json(one: Picture) -> dict[str, Any]:
    """Return a picture for the template; plotly's default look is left out, for the page has its own."""
    written = json.loads(one.figure.to_json())
    layout = {**LOOK, "xaxis": {}, "yaxis": {}, **written["layout"]}
    layout.pop("template", None)
    for name in [name for name in layout if name.startswith(("xaxis", "yaxis"))]:
        layout[name] = {"automargin": True, "exponentformat": "e", **layout[name]}
    for note in layout.get("annotations", []):
        note["font"] = {"size": 12}  # in the page's colour
    written["layout"] = layout
    text = json.dumps(written, separators=(",", ":"), allow_nan=False)
    return {
        "id": f"figure-{one.name}",
        "title": one.title,
        "caption": one.caption,
        "wide": one.is_wide,
        "json": Markup(in_script(text)),  # noqa: S704 - escaped
    }


def in_script(text: str) -> str:
    """Return JSON that nothing can end a script element with."""
    for character, written in UNSAFE.items():
        text = text.replace(character, written)
    return text


def table_of(one: Table) -> Mapping[str, Any]:
    """Return a table for the template."""
    rows = [
        {
            "mark": "best" if row.best else "",
            "cells": [{"text": cell.text, "attributes": attributes(cell)} for cell in row.cells],
        }
        for row in one.rows
    ]
    return {"title": one.title, "head": one.head, "rows": rows, "note": one.note, "sortable": one.sortable}


def attributes(cell: Cell) -> Markup:
    """Return what an element says of its cell besides the text."""
    if cell.share is not None:
        return Markup(' class="share" style="background: rgba(86, 150, 210, {})"').format(f"{0.6 * cell.share:.2f}")
    if cell.mark:
        return Markup(' class="{}"').format(escape(cell.mark))
    if cell.sort is not None:
        return Markup(' class="number" data-sort="{}"').format(escape(f"{cell.sort:.12g}"))
    return Markup("")
