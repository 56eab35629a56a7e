"""Label columns that are almost surely not what was meant, refused with the line and the value.

What is a guess about names is settled by `--label-kind classes`, which takes every label as it stands. `labels` uses
this.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import NoReturn

from ...spaces.errors import BadInput
from .files import Table
from .several import refuse_several

#: Marks of a missing value, in small letters: what pandas takes for one (`STR_NA_VALUES`), Excel's errors, SQL dumps.
MISSING_WORDS = frozenset(
    {"na", "n/a", "n.a.", "#na", "#n/a", "#n/a n/a", "<na>", "nan", "-nan", "nat", "null", "(null)", "nil", "\\n"}
    | {"1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"}
    | {"#value!", "#ref!", "#div/0!", "#name?", "#num!", "#null!"}
)
#: Marks that may be classes, too, where others are signs as well: `+` and `-`, or `.`, `,` and `?`.
MISSING_SIGNS = frozenset({"-", "--", "---", "?", "??", ".", "..", "...", "\N{EN DASH}", "\N{EM DASH}"})
#: What Python writes for nothing; `none` and `NONE` are words, and classes of known data sets.
PYTHONS_NONE = "None"
#: Rows without a number that a column of numbers may have: more are names of which some look like numbers.
FEW = 0.1
#: A column of whole numbers with more distinct values than this holds numbers, not classes.
MANY_NUMBERS = 100
#: Names of which more are probably numbers with a sign of what they count, or a column of ids.
MANY_NAMES = 20
QUOTES = "\"'`\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}\N{LEFT SINGLE QUOTATION MARK}" + (
    "\N{RIGHT SINGLE QUOTATION MARK}\N{DOUBLE LOW-9 QUOTATION MARK}\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}"
    "\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}"
)
AS_IT_STANDS = "if it is a class: `--label-kind classes`"

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.ASCII | re.IGNORECASE)


def number_in(name: str) -> float | None:
    """Return the number that a label is, None where it is none: `1_000`, `nan` and other digits than ours are not."""
    return float(name) if _NUMBER.fullmatch(name) and abs(float(name)) != float("inf") else None


def refuse_slips(table: Table, cells: Sequence[str]) -> None:
    """Raise `BadInput` for a label that stands for none, is a number but for its form, or is another with a slip."""
    counts = Counter(cells)
    numbers = [number_in(name) for name in counts]
    if None not in numbers and (len(numbers) > MANY_NUMBERS or any(not (one or 0.0).is_integer() for one in numbers)):
        return  # numbers to predict, all of them: nothing else can be meant
    refuse_missing(table, cells)
    refuse_several(table, cells)
    _refuse_almost_numbers(table, cells, counts)
    _refuse_few_without_number(table, cells, counts)
    _refuse_ids(table, counts)
    _refuse_quoted(table, cells, counts)
    _refuse_similar(table, cells, counts)


def is_missing(name: str, others: Sequence[str] = ()) -> bool:
    """Return whether a label is a mark for a missing value, beside `others` that occur in its column."""
    if name in MISSING_SIGNS:
        return all(any(letter.isalnum() for letter in other) for other in others if other not in MISSING_SIGNS)
    return name == PYTHONS_NONE or name.lower() in MISSING_WORDS


def refuse_missing(
    table: Table, cells: Sequence[str], known: Sequence[str] = (), *, otherwise: str = f"; {AS_IT_STANDS}"
) -> None:
    """Raise `BadInput` for a mark of a missing value that is none of the `known` labels, beside cells that are none."""
    counts = Counter(cells)
    marks = {name for name in counts if name not in known and is_missing(name, list(counts))}
    if marks and len(marks) < len(counts):
        rows = sum(counts[name] for name in marks)
        _refuse(
            table,
            cells,
            marks,
            f"which marks a missing value ({rows} of {len(cells)} rows have one)",
            f"fill it in or leave the row out{otherwise}",
        )


def _refuse_quoted(table: Table, cells: Sequence[str], counts: Counter[str]) -> None:
    quoted = {name for name in counts if len(name) > 1 and name[0] == name[-1] and name[0] in "\"'"}
    if quoted:
        _refuse(table, cells, quoted, "which has quotes around it", f"take them away; {AS_IT_STANDS}")


def _refuse_almost_numbers(table: Table, cells: Sequence[str], counts: Counter[str]) -> None:
    """Refuse numbers in another form: a decimal comma, or many with a percent sign or a currency."""
    others = [name for name in counts if number_in(name) is None]
    if not others or not all(map(_almost_number, others)):
        return
    commas = {name for name in others if "," in name}
    if commas or len(others) < len(counts) or len(others) > MANY_NAMES:
        comma = "a number but for its comma" if commas else "a number but for its sign"
        hint = "write numbers as 3.5, without a unit" if not commas else "write it with a point, as 3.5"
        _refuse(table, cells, commas or set(others), comma, f"{hint}; {AS_IT_STANDS}")


def _almost_number(name: str) -> bool:
    bare = name.strip(" %$\N{EURO SIGN}\N{POUND SIGN}\N{YEN SIGN}\N{NO-BREAK SPACE}")
    return any(number_in(bare.replace(",", point)) is not None for point in (".", ""))


def _refuse_few_without_number(table: Table, cells: Sequence[str], counts: Counter[str]) -> None:
    """Refuse a few names among numbers; also many, where the numbers have fractions and so are no classes."""
    others = {name for name in counts if number_in(name) is None}
    rows = sum(counts[name] for name in others)
    fractions = any(not (number_in(name) or 0.0).is_integer() for name in counts if name not in others)
    if 0 < rows <= len(cells) * (0.5 if fractions else FEW):
        _refuse(
            table,
            cells,
            others,
            f"which is no number as the other {len(cells) - rows} of {len(cells)} are",
            f"mend it or leave the row out; {AS_IT_STANDS}",
        )


def _refuse_similar(table: Table, cells: Sequence[str], counts: Counter[str]) -> None:
    """Refuse names that only differ in what is easily mistyped; the rarer one is taken for the slip."""
    seen: dict[str, str] = {}
    for name in sorted(counts, key=lambda one: (-counts[one], one)):
        usual = seen.setdefault(likeness(name), name)
        if usual != name:
            other = table.place(cells.index(usual))
            _refuse(
                table,
                cells,
                {name},
                f"and {other} has {usual!r}, equal but for case, spaces or signs",
                "write both alike; if they are two classes: `--label-kind classes`",
            )


def likeness(name: str) -> str:
    """Return what labels share that differ in case, spaces, quotes or how a number is written alone."""
    number = number_in(name)
    if number is not None:
        return repr(number)
    plain = "".join(one for one in unicodedata.normalize("NFKC", name).casefold() if unicodedata.category(one) != "Cf")
    plain = re.sub(r"(?<!\d)\s+|\s+(?!\d)", "", plain.strip(QUOTES + " "))
    return re.sub(r"(?<=[^\W\d_])[-_]+(?=[^\W\d_])", "", plain) or name


def _refuse_ids(table: Table, counts: Counter[str]) -> None:
    """Refuse a column most of whose many labels occur once: ids, dates or texts."""
    single = [name for name, count in counts.items() if count == 1]
    numbers = all(number_in(name) is not None for name in counts)
    if not numbers and len(single) > MANY_NAMES and 2 * len(single) > len(counts):
        raise BadInput(
            f"{table.source} has {len(counts)} different labels in {counts.total()} rows, and {len(single)} of them, "
            f"such as {single[0][:60]!r}, in one row only",
            hint="is it the label column? if they are classes: `--label-kind classes`",
        )


def _refuse(table: Table, cells: Sequence[str], names: set[str], why: str, hint: str) -> NoReturn:
    row = next(row for row, name in enumerate(cells) if name in names)
    raise BadInput(f"{table.place(row)} has the label {cells[row]!r}, {why}", hint=hint)
