"""What a report says, read from its text; how it looks in a browser is `test_report_page`."""

from __future__ import annotations

import re
import shlex
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hpsearch.search.markdown import text
from hpsearch.search.report.facts import Facts
from hpsearch.search.report.seen_by_optuna import importances
from hpsearch.search.reproduce import recipe
from hpsearch.spaces.presets import PRESETS
from hpsearch.studies.records import Failure, TrialState
from hpsearch.studies.store import StudyStore

from .command import done, hpsearch, refused
from .told_studies import HOSTILE, URL, concluded, ended, told_study


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with StudyStore.open(URL, create=True) as opened:
        yield opened


class Page(HTMLParser):
    """The text of a page outside its scripts, its headings, and the elements it has."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.words, self.tags, self.inside = [], [], ""
        self.feed(Path(path).read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside not in ("script", "style"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def page_of(*names: str) -> Page:
    done("report", *names, "-o", "page.html")
    return Page("page.html")


def headings(markdown: str) -> list[str]:
    return re.findall(r"^### (.*)$", markdown, flags=re.M)


def test_the_answer_comes_first_and_every_part_has_its_numbers(store):
    """Winner against default with its interval, the cost, classes, failures, trials, and how to do it again."""
    concluded(store)
    said = page_of("told").text

    assert said.index("better than the defaults: default 0.7800, winner 0.8800") < said.index("How the search went")
    assert "95% interval +0.0500 to +0.1500" in said
    assert "2.8 full trainings" in said
    assert "said no said yes no 90 10 yes 14 86" in said
    assert "oom 1 out of memory at <b>batch</b> 64" in said
    assert "collapsed 1 complete, but the same prediction for every row" in said
    assert "Models were scored 48 times on the selection split and 2 times on the report split." in said
    assert "run the same program again" in said
    for part in ("Learning curves", "The winner", "What mattered", "Where the time went", "Trials"):
        assert part in said


def test_markdown_says_the_same_to_stdout(store):
    """For a pull request: the parts of the page without the pictures, and nothing else on stdout."""
    concluded(store)
    said = done("report", "told", "--format", "md")

    assert said.out.startswith("## told\n")
    assert "**better than the defaults: default 0.7800, winner 0.8800" in said.out
    assert headings(said.out) == [
        "The winner",
        "Class by class",
        "Where the time went",
        "What went wrong",
        "Trials",
        "How to reproduce it",
    ]
    assert "| **11** | **complete** | **1** | **0.9000** |" in said.out
    assert said.err == ""
    done("report", "told", "-o", "told.md")
    assert Path("told.md").read_text() == said.out


STATES = [
    ([], "No trial has started yet: 10 were asked for."),
    ([{"state": TrialState.FAILED, "failure": Failure.NAN}] * 3, "All 3 trials that ran failed: there is no winner."),
    ([{"state": TrialState.PRUNED, "score": 0.5}] * 2, "Every trial that ended was stopped early (2 pruned)"),
    ([{"score": 0.7}], "trial 0 is the best: accuracy 0.7000 on the selection split. 1 of 10 trials have ended."),
    ([{"score": 0.5, "failure": Failure.COLLAPSED}] * 2, "No trial learned anything"),
]


@pytest.mark.parametrize(("trials", "expected"), STATES, ids=["empty", "failed", "pruned", "one", "collapsed"])
def test_a_study_without_a_winner_says_so(store, trials, expected):
    """No view of an odd study crashes, and each says what is the matter."""
    study = told_study(store)
    for values in trials:
        ended(store, study, **values)

    assert expected in page_of("told").text
    assert text(expected) in done("report", "told", "--format", "md").out
    for command in ("show", "trials", "studies", "compare told"):
        assert hpsearch(*command.split(), *([] if command == "studies" else ["told"])).code == 0


def test_a_running_study_says_how_far_it_is(store):
    """A report may be written at any time."""
    study = told_study(store)
    ended(store, study, 0.6)
    store.claim(study.study_id, worker="host:2", lease_s=60)

    assert "1 of 10 trials have ended, 1 running" in page_of("told").text


@pytest.mark.parametrize("name", HOSTILE)
def test_names_from_data_are_text_everywhere(store, name):
    """Whatever a study, a model, a task or a label is called, it is read, and starts nothing."""
    printable = name.isprintable()
    study = concluded(store, name if printable else "named", model=name, task=name)
    told = {**(study.verdict or {})}
    told["classes"] = {**told["classes"], "labels": [name, name * 200]}
    store.conclude(study.study_id, told)
    page = page_of(study.name)

    assert page.tags.count("script") == 2 + page.tags.count("figure")
    assert "img" not in page.tags
    assert " ".join(name.split()) in page.text
    marked = done("report", study.name, "--format", "md").out
    assert "<script" not in marked.replace("\\<script", "")
    for command in ("show", "trials", "best"):
        done(command, study.name)
    done("compare", study.name, study.name)


def test_a_name_of_ten_thousand_characters_fills_no_page(store):
    """It is shown in part, and the rest of the page is as ever."""
    study = concluded(store, model="m" * 10_000, task="t" * 10_000)
    told = {**(study.verdict or {})}
    store.conclude(study.study_id, {**told, "classes": {**told["classes"], "labels": ["l" * 10_000, "k" * 10_000]}})

    assert len(page_of("told").text) < 9000
    assert len(done("report", "told", "--format", "md").out) < 9000
    assert len(done("studies").out) < 9000


def test_two_studies_stand_side_by_side(store):
    """The answers of both, what differs in the problem, and no word on scores that cannot be compared."""
    concluded(store, "one")
    study = concluded(store, "two")
    identity = {**study.spec["identity"], "fraction": 0.3, "data": "d2"}
    concluded(store, "three", spec={**study.spec, "identity": identity})

    same = page_of("one", "two").text
    assert "one and two" in same
    assert "They search the same problem." in same
    other = done("report", "one", "two", "three", "--format", "md").out
    assert "three: fraction: 0.1 -\\> 0.3" in other
    assert "the data differ" in other
    said = done("compare", "one", "two", "three")
    assert "differs: three: fraction: 0.1 -> 0.3" in said.out
    assert "+0.1000 (+0.0500 to +0.1500)" in said.out
    refused(hpsearch("compare", "one"), "2 studies or more are compared, got 1")


def test_importance_is_that_of_optuna_and_says_when_trials_are_few(store):
    """A score that is a function of one hyperparameter has it first; with ten trials the page calls it a hint."""
    study = told_study(store, trials=40)
    for number in range(12):
        ended(store, study, 0.5 + number / 100)
    found = importances(Facts.of(store, "told"))

    assert max(found, key=lambda name: found[name]) == "learning_rate"
    assert sum(found.values()) == pytest.approx(1)
    assert "With 12 trials this is a hint at best" in page_of("told").text
    for number in range(20):
        ended(store, study, 0.62 + number / 100)
    assert "a hint at best" not in page_of("told").text


def test_a_page_with_thousands_of_trials_shows_the_best(store):
    """The table has the best five hundred, and says where the others are."""
    study = told_study(store, trials=520)
    for number in range(520):
        ended(store, study, number / 1000)
    page = page_of("told")

    assert "The best 500 of 520; `hpsearch export` writes all of them." in page.text
    assert page.tags.count("tr") < 560
    assert Path("page.html").stat().st_size < 6_000_000


def test_the_command_that_reproduces_is_the_one_that_was_typed(tmp_path, monkeypatch):
    """What a report prints makes the same study elsewhere, to its identity; a space of one's own is written out."""
    monkeypatch.chdir(tmp_path)
    Path("train.csv").write_text("text,label\n" + "".join(f"word {n},{'ab'[n % 2]}\n" for n in range(60)))
    Path("my.yaml").write_text("learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}\n")
    problem = ["--train-file", "train.csv", "--text-columns", "text", "--label-column", "label", "--subset", "1.0"]
    given = [*problem, "--space", "my.yaml", "--set", "num_train_epochs=1", "--sampler", "random", "--seed", "3"]
    done(
        "run",
        *given,
        "--trials",
        "1",
        "--study",
        "mine",
        "--strategy",
        "single",
        "--no-retrain",
        "--keep",
        "2",
        "--quiet",
    )
    with StudyStore.open(URL) as store:
        made = recipe(store.study("mine"))
        identity = store.study("mine").identity

    words = shlex.split(made.command or "")
    assert words[words.index("--keep") + 1] == "2"
    Path("space.yaml").write_text(made.space or "")
    done(*words[1:], "--store", "sqlite:///other.db", "--no-retrain", "--quiet")
    with StudyStore.open("sqlite:///other.db") as store:
        assert store.study("mine").identity == identity


def test_a_preset_with_a_fixed_value_is_named(store):
    """`--set` comes back as it was typed, and a preset by its name."""
    fixed = {**PRESETS["small"].to_dict()["parameters"], "num_train_epochs": {"type": "constant", "value": 2}}
    spec = {"identity": {"space": fixed, "direction": "maximize"}, "notes": {"options": {"subset": 0.2, "seed": None}}}
    told_study(store, spec=spec)

    made = recipe(store.study("told"))
    assert made.space is None
    assert "--subset 0.2 --space small --set num_train_epochs=2" in (made.command or "")


def test_bad_input_writes_nothing(store):
    """An unknown study, format or folder is one sentence, and no file is left."""
    concluded(store)
    refused(hpsearch("report", "none"), "none", code=3)
    refused(hpsearch("report", "told", "--format", "pdf"), "unknown --format 'pdf'", "html")
    refused(hpsearch("report", "told", "-o", "nowhere/page.html"), "nowhere/page.html", "-o")
    assert [one.name for one in Path().iterdir() if one.suffix not in (".db", ".db-wal", ".db-shm")] == []


def test_a_report_needs_no_torch(store):
    """Looking is quick: neither torch nor transformers is imported for it."""
    import subprocess

    concluded(store)
    program = (
        "import sys; from hpsearch.search.cli import main; code = main(['report', 'told']);"
        "print(code, sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout == "0 []\n", said.stderr
    assert Path("told.html").is_file()
