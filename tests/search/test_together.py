"""Rows that are not torn apart: those of one text in every split that is cut, those of a group in subsets, too."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.search.data.prepared import prepare, prepared_fingerprint, split, subset_indices
from hpsearch.search.data.raw import RawData, load_task
from hpsearch.search.data.splits import at_fraction, halves
from hpsearch.search.data.together import codes_of, kept_together
from hpsearch.search.data.understanding import leaks
from hpsearch.search.tasks import custom_task
from hpsearch.search.verdict.paired_rows import paired_rows
from hpsearch.search.verdict.statistics import NoComparison, paired_difference
from hpsearch.spaces.errors import BadInput

from .command import COLUMNS, ONE_RUNG, TINY, done, hpsearch, refused
from .test_prepared import tokenizer

Rows = list[dict[str, Any]]


def write(path: Path, rows: Rows) -> Path:
    """Write rows as JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def load(folder: Path, rows: Rows, held_out: Rows | None = None, **options: Any) -> RawData:
    """Load a task on these rows."""
    texts = [name for name in ("text", "other") if name in rows[0]]
    other = None if held_out is None else write(folder / "dev.jsonl", held_out)
    task = custom_task(texts, "label", **options)
    return load_task(task, train_file=write(folder / "train.jsonl", rows), validation_file=other)


def repeated(times: int, texts: int = 60) -> Rows:
    """Texts that stand there so many times each, of two classes."""
    return [{"text": f"w{n} a", "label": "yes" if n % 3 else "no"} for n in range(texts)] * times


def sides(raw: RawData, keys: list[Any], seed: int = 0, select_on: str = "train") -> dict[Any, set[str]]:
    """Return the parts that each key has rows in; rows are told by their place in the training part."""
    numbered = RawData(
        task=raw.task,
        train=raw.train.add_column("row", list(range(len(raw.train)))),
        validation=None if raw.validation is None else raw.validation.add_column("row", [-1] * len(raw.validation)),
        fingerprint=raw.fingerprint,
    )
    found = defaultdict(set)
    parts = split(numbered, seed, select_on)
    for name in ("train", "selection", "report"):
        for row in parts[name]["row"] if name in parts else ():
            if row >= 0:
                found[keys[row]].add(name)
    return found


def shares(raw: RawData, seed: int = 0) -> dict[str, float]:
    """Return the share of the training part's rows in each part."""
    return {name: len(part) / len(raw.train) for name, part in split(raw, seed).items()}


# --- the same text


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("times", [2, 3, 10])
def test_a_text_is_on_one_side_of_every_split(tmp_path, times, seed):
    """And the parts are about as large as without."""
    raw = load(tmp_path, repeated(times))
    found = sides(raw, list(raw.train["text_a"]), seed)

    assert {1} == {len(parts) for parts in found.values()}
    assert {"train", "selection", "report"} == set().union(*found.values())
    assert 0.05 <= min(shares(raw, seed)[name] for name in ("selection", "report"))
    assert 0.17 >= max(shares(raw, seed)[name] for name in ("selection", "report"))


@pytest.mark.parametrize("select_on", ["train", "validation"])
@pytest.mark.parametrize("validation", [False, True])
def test_a_text_is_on_one_side_whatever_is_selected_on(tmp_path, select_on, validation):
    """With and without a validation part of its own."""
    held_out = [{"text": "new", "label": "yes"}, {"text": "other", "label": "no"}] if validation else None
    raw = load(tmp_path, repeated(4), held_out)

    assert {1} == {len(parts) for parts in sides(raw, list(raw.train["text_a"]), select_on=select_on).values()}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("caf\u00e9 {}", unicodedata.normalize("NFD", "caf\u00e9 {}"), True),
        ("good {}", "  good {}\n", True),
        ("good {}", "\u00a0good {}", True),
        ("good {}", "Good {}", False),
        ("so good {}", "so  good {}", False),
    ],
)
def test_the_same_text_is_so_but_for_its_code_points_and_the_space_around_it(tmp_path, one, other, same):
    """Case and space within are part of a text."""
    texts = [form.format(n) for form in (one, other) for n in range(50)]
    raw = load(tmp_path, [{"text": text, "label": n % 2} for n, text in enumerate(texts)])
    found = sides(raw, list(range(50)) * 2)

    assert same is ({1} == {len(parts) for parts in found.values()})


def test_a_pair_is_the_same_where_both_texts_are(tmp_path):
    """One premise with several hypotheses is not one text."""
    rows = [{"text": f"p{n % 4}", "other": f"h{n % 80}", "label": n % 2} for n in range(240)]
    raw = load(tmp_path, rows)
    pairs, premises = [n % 80 for n in range(240)], [n % 4 for n in range(240)]

    assert {1} == {len(parts) for parts in sides(raw, pairs).values()}
    assert 1 < min(len(parts) for parts in sides(raw, premises).values())


def test_numbers_to_predict_keep_their_texts_together(tmp_path):
    """Whatever number each row with the text has."""
    raw = load(tmp_path, [{"text": f"t{n % 100}", "label": n / 7} for n in range(300)])

    assert {1} == {len(parts) for parts in sides(raw, list(raw.train["text_a"])).values()}


def test_only_rows_move_that_have_their_like_on_the_other_side(tmp_path):
    """A few repeated texts leave all others where they are; where none is torn the prepared data keeps its name."""
    texts = [f"t{n}" for n in range(400)]
    rows = [{"text": text, "label": n % 2} for n, text in enumerate(texts)]
    alone = load(tmp_path, rows)
    again = [{**row, "text": rows[n - 200]["text"]} if 200 <= n < 210 else row for n, row in enumerate(rows)]
    raw = load(tmp_path, again)
    before, after = (sides(one, list(range(400))) for one in (alone, raw))
    moved = {row for row in range(400) if before[row] != after[row]}

    assert moved <= {*range(10), *range(200, 210)}
    assert all(after[row] == after[row + 200] for row in range(10))


@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from("abc")), min_size=40, max_size=120).filter(
        lambda rows: all(len({text for text, one in rows if one == name}) > 6 for name in {one for _, one in rows})
    )
)
@settings(max_examples=40, deadline=None)
def test_any_repeated_texts_are_split_without_loss(tmp_path_factory, rows):
    """Nothing is lost or torn, and every class of several texts is in each part that is cut."""
    if len({label for _, label in rows}) < 2:
        return
    raw = load(tmp_path_factory.mktemp("any"), [{"text": f"t{text}", "label": label} for text, label in rows])
    found = sides(raw, [text for text, _ in rows])
    parts = {name: Counter(part["label"]) for name, part in split(raw, 0).items()}

    assert {1} == {len(one) for one in found.values()}
    assert len(rows) == sum(parts[name].total() for name in ("train", "selection", "report"))
    assert set(raw.train["label"]) == set(parts["train"])
    assert set(raw.train["label"]) == set(parts["report"])


def test_rows_of_too_few_texts_are_refused(tmp_path):
    """Two texts cannot be in three parts; nor can one class be told that has one text."""
    with pytest.raises(BadInput, match="40 rows have 2 different texts, too few for 3 parts"):
        split(load(tmp_path, repeated(20, texts=2)), 0)
    one_each = [{"text": label, "label": label} for label in "abc"] * 20
    with pytest.raises(BadInput, match="all rows of a class have the same text"):
        split(load(tmp_path, one_each), 0)


def test_a_cut_that_tears_nothing_is_as_it_was_drawn():
    """Bit for bit."""
    out = np.arange(30) % 7 == 0

    assert out is kept_together(out, np.arange(30), np.zeros(30), 0)


# --- groups


def of_users(users: int = 30, each: int = 10, *, pure: bool = False) -> Rows:
    """Rows of users, of two classes; a `pure` user has one of them."""
    return [
        {"text": f"w{n} u{user}", "user": f"u{user}", "label": "yes" if (user if pure else n + user) % 2 else "no"}
        for user in range(users)
        for n in range(each)
    ]


@pytest.mark.parametrize("seed", [0, 5])
@pytest.mark.parametrize("rows", [of_users(), of_users(pure=True), of_users(40, 1) + of_users(9, 25), of_users(4, 50)])
def test_a_group_is_on_one_side_of_every_split(tmp_path, rows, seed):
    """Of users alike and of few or large ones; each part has both classes."""
    raw = load(tmp_path, rows, group_column="user")
    found = sides(raw, [row["user"] for row in rows], seed)

    assert {1} == {len(parts) for parts in found.values()}
    assert all({0, 1} == set(part["label"]) for part in split(raw, seed).values())
    assert 0.03 < min(shares(raw, seed).values())
    assert 0.3 > max(shares(raw, seed)[name] for name in ("selection", "report"))


def test_a_text_of_two_groups_joins_them(tmp_path):
    """Neither group nor text is torn."""
    rows = of_users(40, 5)
    for user in range(0, 40, 2):
        rows[5 * user]["text"] = rows[5 * user + 5]["text"] = f"both {user}"
    raw = load(tmp_path, rows, group_column="user")

    assert {1} == {len(parts) for parts in sides(raw, [row["user"] for row in rows]).values()}
    assert {1} == {len(parts) for parts in sides(raw, [row["text"] for row in rows]).values()}


def test_what_every_group_says_does_not_join_them_all(tmp_path):
    """Then the groups are kept together, and what is torn is counted."""
    rows = of_users()
    for user in range(30):
        rows[10 * user]["text"] = "ok"
    raw = load(tmp_path, rows, group_column="user")
    found = sides(raw, [row["user"] for row in rows])
    about = leaks(raw)

    assert {1} == {len(parts) for parts in found.values()}
    assert (30, 10, 1) == (about.groups, about.largest, about.torn)
    assert "1 text is in several of them" in about.words["groups"]


@pytest.mark.parametrize(("groups", "words"), [(1, "1 group in column 'user'"), (2, "2 groups in column 'user'")])
def test_fewer_groups_than_parts_are_refused(tmp_path, groups, words):
    """In one sentence."""
    with pytest.raises(BadInput, match=f"{words}, too few for 3 parts"):
        split(load(tmp_path, of_users(groups, 30), group_column="user"), 0)


def test_classes_of_one_group_each_cannot_be_held_out(tmp_path):
    """There is nothing of a class left to learn from, or nothing to score."""
    rows = [{"text": f"t{n}", "user": n % 3, "label": f"of {n % 3}"} for n in range(90)]
    with pytest.raises(BadInput, match="all rows of a class have the same group in column 'user'"):
        split(load(tmp_path, rows, group_column="user"), 0)


@pytest.mark.parametrize(
    ("change", "column", "words"),
    [
        ({}, "usr", ("no column 'usr'", "did you mean 'user'?")),
        ({"user": None}, "user", ("group column 'user' has 1 empty cell", "train.jsonl, line 3")),
        ({"user": ["a"]}, "user", ("the group in", "line 3", "a list")),
        ({}, "text", ("must have a name of its own",)),
        ({}, "label", ("must have a name of its own",)),
    ],
)
def test_a_column_that_is_none_of_groups_is_refused(tmp_path, change, column, words):
    """Absent, with holes, with lists, or another column of the task."""
    rows = [{**row, **change} if n == 2 else row for n, row in enumerate(of_users())]
    file = write(tmp_path / "train.jsonl", rows)
    said = hpsearch("check", "--train-file", file, *COLUMNS, "--group-column", column)

    refused(said, *words)


@pytest.mark.parametrize(
    "options", [("--task", "demo", "--group-column", "user"), ("--trainer", "x.py:make", "--group-column", "user")]
)
def test_groups_are_of_ones_own_data(options):
    """A built-in task has none, and a Trainer its own data."""
    refused(hpsearch("check", *options), "--group-column")


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("rows", [of_users(), of_users(pure=True), of_users(40, 1) + of_users(9, 25)])
def test_a_subset_has_whole_groups(tmp_path, rows, fraction):
    """As many rows as asked or less than a group more, of all classes; a smaller one lies inside a larger one."""
    raw = load(tmp_path, rows, group_column="user")
    train = prepare(raw, tokenizer(), max_length=16, seed=0, cache=tmp_path / "cache").train
    part, more = (at_fraction(train, one, 7) for one in (fraction, 0.6))
    whole, taken = (Counter(data["hpsearch_group"]) for data in (train, part))

    assert all(whole[group] == count for group, count in taken.items())
    assert fraction * len(train) <= len(part) + 0.5 < fraction * len(train) + max(whole.values()) + 1
    assert {0, 1} == set(part["labels"])
    assert set(taken) <= set(more["hpsearch_group"])


def test_a_subset_of_groups_is_seeded_and_has_rare_classes_first():
    """Two groups with each class are in the smallest subset that has room for them."""
    groups = [n // 5 for n in range(500)]
    labels = ["rare" if group in (30, 71) and n % 5 == 0 else "big" for n, group in enumerate(groups)]
    first, again, other = (subset_indices(labels, 0.04, seed, groups=groups) for seed in (1, 1, 2))

    assert first == again != other
    assert {30, 71} <= {groups[row] for row in first}
    assert 20 == len(first)


def test_groups_are_part_of_what_was_prepared(tmp_path):
    """Other groups make other data; other names of the same groups do not."""
    rows = of_users()
    renamed = [{**row, "user": row["user"].upper()} for row in rows]
    others = [{**row, "user": n % 25} for n, row in enumerate(rows)]
    names = [
        prepared_fingerprint(load(tmp_path, one, **how), tokenizer(), max_length=16, seed=0)
        for one, how in (
            (rows, {"group_column": "user"}),
            (renamed, {"group_column": "user"}),
            (others, {"group_column": "user"}),
            (rows, {}),
        )
    ]

    assert names[0] == names[1]
    assert 3 == len(set(names))


def test_codes_are_numbers_in_their_first_order():
    """So that names do not matter."""
    assert [0, 1, 0, 2] == codes_of(["b", "a", "b", "c"]).tolist()


def compared(labels: np.ndarray, right: np.ndarray, wrong: np.ndarray, groups: Any) -> Any:
    """Compare two models by their accuracy."""
    return paired_difference(
        [right], [wrong], labels, lambda said, are: float((said == are).mean()), seed=0, groups=groups
    )


def test_the_interval_is_that_of_groups():
    """Rows of a group that are right together are no more evidence than one: here each says the same ten times."""
    draw = np.random.default_rng(0)
    once = draw.integers(0, 2, (3, 60))
    labels, better, worse = (np.repeat(one, 10) for one in once)
    groups = np.repeat(np.arange(60), 10)
    by_groups, by_rows = (compared(labels, better, worse, how) for how in (groups, None))
    alone = compared(*once, None)

    assert pytest.approx(alone.standard_error) == by_groups.standard_error
    assert pytest.approx(alone.interval.high) == by_groups.interval.high
    assert by_rows.standard_error < 0.4 * by_groups.standard_error


def test_groups_of_one_row_are_rows():
    """In whatever order."""
    draw = np.random.default_rng(1)
    labels, better, worse = draw.integers(0, 2, (3, 80))

    assert compared(labels, better, worse, None).interval == compared(labels, better, worse, list(range(80))).interval


def test_a_user_s_own_metric_is_compared_by_groups():
    """The same ten times makes the interval no narrower."""
    draw = np.random.default_rng(2)
    better, worse = np.repeat(draw.normal(size=(2, 40)), 10, axis=1)
    scores = [[lambda rows, side=side: float(side[rows].mean())] for side in (better, worse)]
    by_groups, by_rows = (paired_rows(*scores, 400, seed=0, groups=how) for how in (np.repeat(np.arange(40), 10), None))
    exact = float((better - worse)[::10].std(ddof=1) / np.sqrt(40))

    assert pytest.approx(exact, rel=0.15) == by_groups.standard_error
    assert by_rows.standard_error < 0.5 * exact


def test_one_group_says_nothing_of_another():
    """There is no interval then."""
    labels, better, worse = np.random.default_rng(1).integers(0, 2, (3, 20))
    with pytest.raises(NoComparison, match="one group"):
        compared(labels, better, worse, [3] * 20)


# --- the halves of an evaluation set


def chat(text: str) -> list[dict[str, str]]:
    """A conversation, as trl takes it."""
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize(
    "columns",
    [
        {
            "sentence": [f" t{n % 30} " if n % 2 else f"t{n % 30}" for n in range(90)],
            "label": [n % 2 for n in range(90)],
        },
        {"input_ids": [[n % 30, 7] for n in range(90)], "labels": [n % 30 / 7 for n in range(90)], "id": [*"abc"] * 30},
        {"messages": [chat(f"t{n % 30}") for n in range(90)]},
        {"chosen_input_ids": [[n % 30] for n in range(90)], "rejected_input_ids": [[n % 3] for n in range(90)]},
    ],
)
def test_a_text_is_in_one_half_of_an_evaluation_set(columns):
    """Of texts, tokens, conversations and pairs of tokens."""
    rows = Dataset.from_dict({**columns, "row": list(range(90))})
    selection, report = halves(rows, 3)
    texts = [{row % 30 for row in half["row"]} for half in (selection, report)]

    assert set() == texts[0] & texts[1]
    assert list(range(90)) == sorted([*selection["row"], *report["row"]])
    assert 36 <= len(report) <= 54


@pytest.mark.parametrize(
    "columns",
    [
        {"text": ["the same"] * 40},
        {"text": ["a", "b"] * 20, "label": ["a", "b"] * 20},
        {"number": list(range(40))},
        {"text": [*map(str, range(40))]},
    ],
)
def test_halves_are_as_they_are_drawn_where_nothing_can_be_kept_together(columns):
    """One text in all rows or in all of a class, no text at all, or each another one."""
    rows = Dataset.from_dict({**columns, "row": list(range(40))})
    _, report = halves(rows, 3)

    assert subset_indices(columns.get("label", 40), 0.5, 3) == list(report["row"])


# --- the command line


def test_a_search_with_groups_is_a_study_of_its_own(tmp_path, monkeypatch):
    """It trains on whole groups, compares by groups, and goes on with the same option only."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "users.jsonl", of_users(24, 5))
    command = ("run", "--train-file", "users.jsonl", *COLUMNS, *TINY, "--trials", 2, "--study", "s", "--no-retrain")
    said = done(*command, *ONE_RUNG, "--group-column", "user")
    shown = done("show", "s", "--json").json()
    without = hpsearch(*command, *ONE_RUNG)

    assert "groups: 24 in column 'user'" in said.err
    assert 24 == shown["understood"]["leaks"]["groups"]
    refused(without, "study 's'")
