"""A name is a name: no path, no SQL, no markup and no terminal escape gets anywhere through one.

Which names there are is `tests/studies/test_names.py`; this is what the commands do with them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from .command import COLUMNS, CONTROL, TINY, csv_text, done, files_below, hpsearch, refused, rows

RUN = ("run", "--train-file", "data.csv", *COLUMNS, *TINY, "--trials", "1", "--no-retrain")
NAMES = [
    "../escape",
    "/etc/passwd",
    "C:\\Windows\\x",
    "x'; drop table hpsearch_trials; --",
    'a "quoted" %s {name} name',
    "$(touch pwned); `touch pwned`",
    "[red]x[/red]",
    "[/]",
    "--yes",
    "=cmd|' /C calc'!A0",
    "\N{PARTY POPPER} 学習",
]
NO_NAMES = ["\x1b[31mred", "a\nb", "a\x00b", "\N{RIGHT-TO-LEFT OVERRIDE}evil", "\x9b31m", "..", "", " x", "x" * 101]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A current folder with a data file, and a study named `neighbour` that nothing may happen to."""
    folder = tmp_path_factory.mktemp("names") / "a" / "b"
    folder.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HPSEARCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        Path("data.csv").write_text(csv_text(rows()))
        done(*RUN, "--study", "neighbour")
        yield folder


def named(command: str, name: str, *options: str) -> tuple[str, ...]:
    """Return a command on a study, whatever its name begins with."""
    return (command, *options, "--", name)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_harmless_everywhere(name, place, tmp_path):
    """It is run, shown, exported and deleted under exactly that name; its files lie in its own folder."""
    everything, neighbour = files_below(place.parents[1]), done("trials", "neighbour", "--json").out

    said = done(*RUN, f"--study={name}")

    assert name in said.out
    assert [name, "neighbour"] == sorted(
        (one["study"] for one in done("studies", "--json").json()), key="neighbour".__eq__
    )
    for command in ("show", "trials", "best"):
        assert name in done(*named(command, name)).out
    assert name == done(*named("show", name, "--json")).json()["study"]
    assert name == done(*named("best", name, "--json")).json()["study"]
    assert name in done("compare", "--", name, "neighbour").out
    done(*named("export", name, "-o", str(tmp_path / "x.csv")))
    with (tmp_path / "x.csv").open(newline="") as file:
        assert [name] == [row["study"].removeprefix("'") for row in csv.DictReader(file)]
    own = set(files_below(place.parents[1])) - set(everything)
    folder = Path(done(*named("show", name, "--json")).json()["folder"])
    assert place / "hpsearch-output" == folder.parent
    assert [] == [path for path in own if not (place.parents[1] / path).is_relative_to(folder)]

    done(*named("delete", name, "--yes"))

    assert everything == files_below(place.parents[1])
    assert neighbour == done("trials", "neighbour", "--json").out
    refused(hpsearch(*named("show", name)), code=3)


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_is_no_name_is_refused(name, place):
    """One sentence without control characters, for a study and for a fork; nothing is made."""
    everything = files_below(place.parents[1])

    refused(hpsearch(*RUN, f"--study={name}"), "is not a study name")
    refused(hpsearch(*RUN, "--study", "neighbour", f"--fork={name}"), "is not a study name")
    refused(hpsearch(*named("show", name)), code=3)
    refused(hpsearch(*named("delete", name, "--yes")), code=3)

    assert everything == files_below(place.parents[1])


def test_what_comes_from_data_is_text_too(place, tmp_path):
    """Labels, a file's name and an output folder with escapes and markup reach the screen without an effect."""
    labels = ("[red]no[/red]", "\x1b[31myes")
    data = tmp_path / "\x1b[31m[b]data.csv"
    data.write_text(csv_text(rows(labels=labels)))
    own = ("--train-file", str(data), *COLUMNS, *TINY)

    said = [
        done("check", *own, "--study", "odd"),
        done("run", *own, "--trials", "1", "--study", "odd", "--output-dir", str(tmp_path / "\x1b[31mout")),
        *(done(command, "odd") for command in ("show", "trials", "best")),
        done("predict", "odd", "--file", str(data), "--output", str(tmp_path / "\x1b[31m.tsv")),
        done("delete", "odd", "--yes"),
    ]

    assert [] == [one for one in said if CONTROL & set(one.out + one.err)]
    refused(hpsearch("run", *own, "--trials", "1"), "is not a study name", "--study")
