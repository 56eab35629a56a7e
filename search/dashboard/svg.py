"""The few shapes that the dashboard's pictures are made of. Text comes from data: it is escaped here."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape

from ..talk import printable


def svg(width: float, height: float, parts: Iterable[str]) -> str:
    """Return a whole picture on white."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" font-family="sans-serif"><rect width="100%" height="100%" fill="#ffffff"/>'
        f"{''.join(parts)}</svg>"
    )


def text(x: float, y: float, words: object, *, size: int = 12, anchor: str = "start", colour: str = "#222222") -> str:
    """Return words at a place; `anchor` says which end of them is there: start, middle or end."""
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}"'
    return f"<text {place}>{escape(printable(str(words)))}</text>"


def line(x1: float, y1: float, x2: float, y2: float, *, colour: str = "#dddddd", width: float = 1) -> str:
    """Return a straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width:g}"/>'


def path(
    points: Iterable[tuple[float, float]], *, colour: str, width: float, dashed: bool, opacity: float, title: str
) -> str:
    """Return a line through points, with a dot at each."""
    places = [(f"{x:.1f}", f"{y:.1f}") for x, y in points]
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="2.5" fill="{colour}"/>' for x, y in places)
    dashes = ' stroke-dasharray="5 4"' if dashed else ""
    through = " ".join(f"{x},{y}" for x, y in places)
    drawn = f'<polyline points="{through}" fill="none" stroke="{colour}" stroke-width="{width:g}"{dashes}/>'
    return f'<g opacity="{opacity:g}"><title>{escape(printable(title))}</title>{drawn}{dots}</g>'


def shortened(words: object, longest: int) -> str:
    """Return words in one line, cut where they are too long for their place."""
    whole = " ".join(str(words).split())
    return whole if len(whole) <= longest else f"{whole[: longest - 3]}..."
