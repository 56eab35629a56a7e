"""Several objectives: the first steers the search, and what no configuration beats in all of them is the front."""

from __future__ import annotations

import dataclasses
import json
import random
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest

from hpsearch.search.command.output import next_commands
from hpsearch.search.objectives import first_and_weighed, weighed_by_name
from hpsearch.search.options import RunOptions
from hpsearch.search.reproduce import recipe
from hpsearch.search.stored_problem import kept_options, options_of
from hpsearch.search.sweep.file import read_sweep
from hpsearch.search.trial import ledger
from hpsearch.spaces.errors import BadInput
from hpsearch.studies.front import front_of, objectives_of, pareto_front, weighed_of
from hpsearch.studies.objective import SECONDS, TRAIN, Objective
from hpsearch.studies.records import Failure, Phase, Study, Trial, TrialState
from hpsearch.studies.store import StudyStore

from .command import COLUMNS, CONTROL, ONE_RUNG, TINY, csv_text, done, files_below, hpsearch, refused, rows
from .told_studies import HOSTILE, URL, climbed, concluded, ended, told_study

STORES = Path(__file__).parents[1] / "data" / "stores"
ACCURACY = Objective("eval_accuracy", "maximize")
LOSS = Objective("eval_loss", "minimize")
TIME = Objective(SECONDS, "minimize")
WEIGHED = {"weighed": [TIME.to_json()]}


def trial(number: int, score: Any, seconds: Any = None, **metrics: Any) -> Trial:
    """Return a complete trial of that accuracy."""
    spent = {} if seconds is None else {TRAIN: seconds, "evaluate": 100.0 - number}
    about: dict[str, Any] = {"trial_id": number, "study_id": 1, "objective": "eval_accuracy", "fraction": 0.1}
    return Trial(number=number, state=TrialState.COMPLETE, score=score, seconds=spent, metrics=metrics, **about)


def squeezed(text: str) -> str:
    """Return a text without the breaks of its lines."""
    return " ".join(text.split())


def numbers(trials: Any) -> list[int]:
    """Return the numbers of trials."""
    return [one.number for one in trials]


# What no other beats


FRONTS = {
    "each is best in something": ([(0.9, 9.0), (0.8, 5.0), (0.7, 1.0)], [0, 1, 2]),
    "the middle one is beaten in both": ([(0.9, 4.0), (0.8, 5.0), (0.7, 1.0)], [0, 2]),
    "one beats all": ([(0.7, 3.0), (0.9, 1.0), (0.9, 2.0)], [1]),
    "as good in one and worse in the other": ([(0.9, 2.0), (0.9, 3.0), (0.8, 2.0)], [0]),
    "equals stay together": ([(0.8, 1.0), (0.9, 2.0), (0.9, 2.0), (0.8, 1.0)], [1, 2, 0, 3]),
    "equals are beaten together": ([(0.8, 2.0), (0.8, 2.0), (0.9, 1.0)], [2]),
    "one alone": ([(0.1, 9.0)], [0]),
    "none": ([], []),
}


@pytest.mark.parametrize("case", FRONTS)
def test_the_front_is_what_no_other_beats(case):
    """Higher accuracy and fewer seconds are better; the most accurate comes first, of equals the earlier one."""
    points, expected = FRONTS[case]

    found = pareto_front([trial(number, *point) for number, point in enumerate(points)], [ACCURACY, TIME])

    assert expected == numbers(found)


def test_each_objective_has_its_direction():
    """The same numbers have another front where the other end of one is better."""
    trials = [trial(0, 0.9, eval_loss=0.5), trial(1, 0.8, eval_loss=0.3), trial(2, 0.7, eval_loss=0.7)]

    assert [0, 1] == numbers(pareto_front(trials, [ACCURACY, LOSS]))
    assert [0, 2] == numbers(pareto_front(trials, [ACCURACY, Objective("eval_loss", "maximize")]))
    assert [2, 1] == numbers(pareto_front(trials, [Objective("eval_accuracy", "minimize"), LOSS]))
    assert [1, 0] == numbers(pareto_front(trials, [LOSS, ACCURACY]))


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), True, "0.3"])
def test_who_lacks_a_number_is_not_on_the_front(value):
    """Neither does such a trial beat another one; the best of all it has does not count."""
    lacking = trial(0, 0.99, 1.0, **({} if value is None else {"eval_loss": value}))
    whole = trial(1, 0.5, 2.0, eval_loss=0.7)

    assert [1] == numbers(pareto_front([lacking, whole], [ACCURACY, TIME, LOSS]))
    assert [0] == numbers(pareto_front([lacking, whole], [ACCURACY, TIME]))


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_front_that_optuna_finds(seed):
    """Of many trials with many ties, in two and in three objectives."""
    draw = random.Random(seed)
    objectives = [ACCURACY, TIME, LOSS][: 2 + seed % 2]
    trials = [trial(n, draw.randrange(9), draw.randrange(9), eval_loss=draw.randrange(9)) for n in range(80)]
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    theirs = optuna.create_study(directions=[one.direction for one in objectives])
    for one in trials:
        theirs.add_trial(optuna.trial.create_trial(values=[each.value(one) for each in objectives]))

    assert sorted(numbers(pareto_front(trials, objectives))) == sorted(numbers(theirs.best_trials))


def test_seconds_are_those_of_the_training():
    """Evaluations, checkpoints and a check for a signal are not among them; `eval_seconds` is a metric."""
    one = dataclasses.replace(
        trial(0, 0.5, 3.0, eval_seconds=7.0), seconds={"train": 3.0, "evaluate": 40.0, "check": 50.0, "setup": 60.0}
    )

    assert ledger.TRAIN == TRAIN
    assert (3.0, 7.0) == (TIME.value(one), Objective("eval_seconds", "minimize").value(one))


# Which trials are compared


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StudyStore]:
    """A store in the current folder."""
    monkeypatch.chdir(tmp_path)
    with StudyStore.open(URL, create=True) as opened:
        yield opened


def front_in(store: StudyStore, study: Study) -> Any:
    """Return the front of a study in a store."""
    return front_of(study, store.trials(study.study_id))


def test_the_front_is_of_the_search_at_one_share_of_the_data(store):
    """Not of what failed, was pruned or collapsed, nor of the finals; what was tried on less data is not compared."""
    study = told_study(store, limits=WEIGHED, trials=7)
    ended(store, study, 0.99, seconds={"train": 0.1}, fraction=0.05)
    ended(store, study, 0.6, seconds={"train": 1.0})
    ended(store, study, 0.95, seconds={"train": 0.1}, failure=Failure.COLLAPSED)
    ended(store, study, 0.95, seconds={"train": 0.1}, state=TrialState.PRUNED)
    ended(store, study, state=TrialState.FAILED, failure=Failure.OOM, seconds={"train": 0.1})
    ended(store, study, 0.7, seconds={"train": 5.0})
    ended(store, study, 0.65, seconds={"train": 6.0})
    ended(store, study, 0.9, seconds={"evaluate": 1.0})
    final = climbed(store, study, 5, 0.97, seconds={"train": 0.2})

    front = front_in(store, study)

    assert final.phase is Phase.FINAL
    assert (0.1, [1, 5, 6], [5, 1]) == (front.fraction, numbers(front.compared), numbers(front.trials))
    assert (ACCURACY, TIME) == tuple(front.objectives)


def test_a_study_of_one_objective_has_no_front(store):
    """Nothing is shown of it anywhere: not in a table, not in JSON, not on a page."""
    study = concluded(store)

    assert front_in(store, study) is None
    assert (ACCURACY,) == objectives_of(study)
    assert "front" not in done("best", "told", "--json").json()
    assert [] == done("show", "told", "--json").json()["weighed"]
    for said in (done("best", "told"), done("show", "told"), done("report", "told", "--format", "md")):
        assert "Pareto" not in said.out
        assert "weighed" not in said.out
    done("report", "told", "-o", "page.html")
    assert "Pareto" not in Path("page.html").read_text()


def test_where_nothing_can_be_compared_it_is_said(store):
    """A metric that no trial has leaves the front empty; a table or a page that says nothing would be a riddle."""
    study = told_study(store, limits={"weighed": [{"name": "eval_wer", "direction": "minimize"}]})
    ended(store, study, 0.6)

    said = [done("best", "told").out, done("report", "told", "--format", "md").out]

    words = "Pareto front in accuracy and wer: no trial of the search is complete, not collapsed, and has a number"
    assert all(words in one for one in said)
    assert {"compared": 0, "trials": [], "fraction": None}.items() <= done("best", "told", "--json").json()[
        "front"
    ].items()


@pytest.mark.parametrize("weighed", [5, "seconds", [5], [{}], [{"name": "x", "direction": "up"}], {"name": 1}, None])
def test_what_another_program_wrote_is_not_weighed(weighed):
    """A row that holds something else reads as one of a study of one objective."""
    assert () == weighed_of(SimpleNamespace(objective="eval_accuracy", limits={"weighed": weighed}))


def test_hostile_names_are_shown_as_text(store):
    """Names of metrics come from data: no control character reaches a terminal, and no tag a page."""
    weighed = [{"name": name, "direction": "minimize"} for name in HOSTILE]
    study = told_study(store, limits={"weighed": weighed})
    ended(store, study, 0.6, metrics=dict.fromkeys(HOSTILE, 0.5))

    said = [done("best", "told").out, done("show", "told").out, done("report", "told", "--format", "md").out]
    done("report", "told", "-o", "page.html")

    assert not CONTROL & set("".join(said))
    assert all("robot (minimize)" in one for one in (squeezed(said[1]), said[2]))
    page = Path("page.html").read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; (minimize)" in page
    assert [] == re.findall(r"<script>alert|<img src=x", page)


# How they are named


def test_names_are_read_once():
    """One name, a list of them, or none; a metric may have its prefix."""
    assert (None, ()) == first_and_weighed(None) == first_and_weighed([])
    assert ("accuracy", ()) == first_and_weighed("accuracy") == first_and_weighed(["accuracy"])
    assert ("eval_f1", ("seconds", "eval_seconds")) == first_and_weighed(("eval_f1", "seconds", "eval_seconds"))


def test_by_its_name_alone_an_error_is_minimized():
    """Where a function of the user's own returns a number, losses and errors are better when lower."""
    names = ["accuracy", "loss", "far_loss", "mse", "eval_far_mae", "seconds", "eval_seconds"]
    lower = ["eval_loss", "eval_far_loss", "eval_mse", "eval_far_mae", "seconds", "eval_seconds"]

    found = weighed_by_name(names)

    assert lower == [one.name for one in found if one.direction == "minimize"]
    assert names[:4] == [one.typed for one in found[:4]]
    assert ["seconds", "eval_seconds"] == [one.typed for one in found[-2:]]


def test_which_way_a_metric_of_ones_own_is_better_can_be_said():
    """Only its author knows what is `odd`; what is typed again for a study says it, too."""
    found = weighed_by_name(["odd:minimize", "f1:macro", "quality:maximize", "loss:minimize"])

    assert [
        ("eval_odd", "minimize"),
        ("eval_f1:macro", "maximize"),
        ("eval_quality", "maximize"),
        ("eval_loss", "minimize"),
    ] == [(one.name, one.direction) for one in found]
    assert ["odd:minimize", "f1:macro", "quality:maximize", "loss"] == [one.argument for one in found]
    assert ["odd", "f1:macro", "quality", "loss"] == [one.typed for one in found]


@pytest.mark.parametrize("asked", ["loss:maximize", "eval_far_loss:maximize", "seconds:maximize"])
def test_nothing_that_is_lost_is_maximized(asked):
    """A typing error, told before anything is trained."""
    with pytest.raises(BadInput, match="clash"):
        weighed_by_name([asked])


def test_the_first_objective_has_an_option_for_its_direction():
    """One way to say one thing, and the hint says it."""
    with pytest.raises(BadInput) as caught:
        first_and_weighed(["wer:minimize", "f1"])

    assert "--objective wer --direction minimize" == caught.value.hint


@pytest.mark.parametrize(
    "asked",
    [["f1", "wer", "wer:minimize"], 5, [5], ["accuracy", ""], [" "], ["f1", "eval_f1"], ["f1", "seconds", "seconds"]],
)
def test_what_is_no_list_of_names_is_refused(asked):
    """Neither numbers nor blanks are names, and none stands there twice."""
    with pytest.raises(BadInput):
        first_and_weighed(asked)


# Rows of before


@pytest.mark.parametrize("file", ["0001.db", "0002.db", "0003.db"])
def test_old_rows_read_as_options(file):
    """The options of stores of released schemas, whose objective is a text, are those of one objective."""
    with closing(sqlite3.connect(f"file:{STORES / file}?mode=ro", uri=True)) as database:
        ((text,),) = database.execute("SELECT spec FROM hpsearch_studies WHERE name = 'old'")
    kept = json.loads(text)["notes"]["options"]

    assert isinstance(kept["objective"], str)
    assert [kept["objective"]] == options_of(SimpleNamespace(name="old"), kept).objective


@pytest.mark.parametrize("said", [None, "f1"])
def test_the_row_keeps_the_first_as_a_text(said):
    """An earlier release reads the options of a new study; those of an old one, None among them, are read by this."""
    asked = [] if said is None else [said, "seconds"]
    kept = kept_options(RunOptions(objective=asked))

    assert said == kept["objective"]
    assert ([] if said is None else [said]) == options_of(SimpleNamespace(name="old"), kept).objective
    del kept["objective"]
    assert [] == options_of(SimpleNamespace(name="old"), kept).objective


# On the command line

FILES = ("--train-file", "data.csv", *COLUMNS, *TINY, *ONE_RUNG, "--no-retrain", "--quiet", "--precision", "fp32")
SEARCH = ("run", *FILES, "--trials", "3", "--study", "mine")
THREE = ("--objective", "accuracy", "--objective", "seconds", "--objective", "eval_loss")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A current folder with a study `mine` of three objectives."""
    folder = tmp_path_factory.mktemp("weighed")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HPSEARCH_CACHE", str(folder / "cache"))
        Path("data.csv").write_text(csv_text(rows()))
        done(*SEARCH, *THREE)
        yield folder


def test_best_has_the_front_of_a_real_search(searched):
    """Each trial on it has its numbers from its row; no trial beats one of them, and each other is beaten."""
    trials = {one["number"]: one for one in done("trials", "mine", "--json").json()}
    best = done("best", "mine", "--json").json()
    front = best["front"]

    assert [{"name": "eval_accuracy", "direction": "maximize"}, TIME.to_json(), LOSS.to_json()] == front["objectives"]
    assert (1.0, 3) == (front["fraction"], front["compared"])
    costs = {
        number: (-one["score"], one["seconds_by_kind"]["train"], one["metrics"]["eval_loss"])
        for number, one in trials.items()
    }
    on_it = [one["trial"] for one in front["trials"]]
    for number, mine in costs.items():
        beaten = any(
            all(a <= b for a, b in zip(other, mine, strict=True)) and other != mine for other in costs.values()
        )
        assert beaten is (number not in on_it)
    for one in front["trials"]:
        assert costs[one["trial"]] == tuple(one["values"][name] * sign for name, sign in SIGNS.items())
        assert trials[one["trial"]]["params"] == one["params"]
    assert front["trials"][0]["values"]["eval_accuracy"] == best["score"]


SIGNS = {"eval_accuracy": -1, "seconds": 1, "eval_loss": 1}
DIGITS = {"eval_accuracy": 4, "seconds": 2, "eval_loss": 4}


def test_people_see_the_front_below_the_best(searched):
    """A line a trial under the names and directions of the objectives, and on which share of the data."""
    best = done("best", "mine", "--json").json()
    front, said = best["front"]["trials"], done("best", "mine").out
    plain = squeezed(said)

    assert f"Pareto front in accuracy, seconds and loss: {len(front)} of 3 trials on all the data" in plain
    assert said.index("checkpoint") < said.index("Pareto front")
    assert "accuracy (maximize) seconds (minimize) loss (minimize) values" in plain
    for one in front:
        mark = " *" if one["trial"] == best["number"] else ""
        values = [f"{one['values'][name]:.{digits}f}" for name, digits in DIGITS.items()]
        assert f"{one['trial']}{mark} {' '.join(values)} " in plain
    assert "weighed against seconds (minimize), loss (minimize)" in squeezed(done("show", "mine").out)


def test_a_report_shows_it_too(searched):
    """On the page, in Markdown, and beside another study, which is compared as ever."""
    front = done("best", "mine", "--json").json()["front"]["trials"]
    done("report", "mine", "-o", "page.html")
    page, told = Path("page.html").read_text(), done("report", "mine", "--format", "md").out

    assert 'id="figure-front"' in page
    assert "accuracy (maximize)" in page
    assert told.index("### The winner") < told.index("### Pareto front") < told.index("### Trials")
    part = told.split("### Pareto front")[1].split("###")[0]
    assert "trials on all the data, beaten by no other" in part
    assert "| trial | accuracy (maximize) | seconds (minimize) | loss (minimize) |" in part
    assert len(front) == sum(line.strip("|* ")[:1].isdigit() for line in part.splitlines())
    for form in ("md", "html"):
        done("report", "mine", "mine", "-o", f"beside.{form}")
    assert "Pareto" not in Path("beside.md").read_text()
    assert ["seconds", "eval_loss"] == [one["name"] for one in done("show", "mine", "--json").json()["weighed"]]


def test_the_command_that_reproduces_names_them_all(searched):
    """In the order that was typed, the first first."""
    with StudyStore.open(URL) as store:
        command = recipe(store.study("mine")).command or ""

    assert "--objective accuracy --objective seconds --objective loss" in command


def test_the_front_travels_with_the_study(searched):
    """An exported study has the same front where it is imported."""
    done("export", "mine", "-o", "mine.json")
    done("import", "mine.json", "--store", "sqlite:///elsewhere.db")

    here, there = (done("best", "mine", "--json", *more).json() for more in ((), ("--store", "sqlite:///elsewhere.db")))
    assert here["front"] == there["front"]


def test_what_to_type_next_is_where_the_front_is(searched):
    """Whoever asked for several objectives is told, at the end of the search, which command shows the front."""
    with StudyStore.open(URL) as store:
        study = store.study("mine")

    assert "\n  hpsearch best mine" in next_commands(study, URL, None)
    assert "hpsearch best" not in next_commands(dataclasses.replace(study, limits={}), URL, None)


def test_a_later_run_weighs_something_else(searched):
    """The study is the same problem, and its trials stay; the first objective is another problem, and refused."""
    before = done("trials", "mine", "--json").json()
    Path("mine.yaml").write_text("objective: [accuracy, f1]\n")

    done(*SEARCH, "--objective", "accuracy")
    assert "front" not in done("best", "mine", "--json").json()
    done(*SEARCH, "--config", "mine.yaml")
    names = [one["name"] for one in done("best", "mine", "--json").json()["front"]["objectives"]]
    assert ["eval_accuracy", "eval_f1"] == names
    refused(
        hpsearch(*SEARCH, "--objective", "loss", "--objective", "accuracy"), "objective: eval_accuracy -> eval_loss"
    )
    done(*SEARCH, *THREE)

    assert before == done("trials", "mine", "--json").json()


def test_a_default_objective_is_named_before_what_is_weighed(store):
    """A study whose first objective nobody typed, as every study of before, gets it typed out beside others."""
    options = {"notes": {"options": {"subset": 0.2}}, "identity": {"space": {}}}
    weighed = told_study(store, "weighed", spec=options, limits=WEIGHED)
    by_itself = told_study(store, "itself", spec=options)

    assert "--objective accuracy --objective seconds" in (recipe(weighed).command or "")
    assert "--objective" not in (recipe(by_itself).command or "")


@pytest.mark.parametrize(("text", "expected"), [("accuracy", None), ("[accuracy, seconds]", "seconds (minimize)")])
def test_a_file_has_a_text_or_a_list(searched, text, expected):
    """Both are read, `check` says what is weighed, and a flag takes the place of the whole list."""
    Path("asked.yaml").write_text(f"objective: {text}\n")
    said = done("check", *FILES, "--config", "asked.yaml", "--json").json()["summary"]
    flagged = done("check", *FILES, "--config", "asked.yaml", "--objective", "f1", "--json").json()["summary"]

    assert ("eval_accuracy (maximize)", expected) == (said["objective"], said.get("weighed against"))
    assert ("eval_f1 (maximize)", None) == (flagged["objective"], flagged.get("weighed against"))


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("seconds", ("'seconds' cannot be the first", "of no evaluation", "--objective METRIC --objective seconds")),
        ("seconds accuracy", ("'seconds' cannot be the first",)),
        ("accuracy eval_accuracy", ("'eval_accuracy' is named twice",)),
        ("accuracy seconds seconds", ("'seconds' is named twice",)),
        ("accuracy lss", ("'lss'", "did you mean 'loss'?")),
        ("accuracy second", ("'second'", "did you mean 'seconds'?")),
        ("accuracy runtime", ("'runtime' is no metric", "seconds")),
        ("acuracy seconds", ("'acuracy'", "did you mean 'accuracy'?")),
    ],
)
def test_what_cannot_be_weighed_is_refused(tmp_path, monkeypatch, names, words):
    """One sentence and exit code 2 before anything is trained, and nothing is left behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))
    Path("data.csv").write_text(csv_text(rows()))
    flags = [word for name in names.split() for word in ("--objective", name)]

    refused(hpsearch(*SEARCH, *flags), *words)

    assert ["data.csv"] == [one for one in files_below(tmp_path) if not one.startswith("cache")]


def test_a_file_that_holds_no_names_is_refused(searched):
    """A number is no name of a metric."""
    Path("wrong.yaml").write_text("objective: [accuracy, 5]\n")

    refused(hpsearch("check", *FILES, "--config", "wrong.yaml"), "objective.1 in 'wrong.yaml' is 5")


# In Python, and in a sweep


def test_a_trainer_weighs_what_its_evaluation_returns(toy):
    """The first of a list steers: it is the score; the others have their directions from their names."""
    study = toy.search(toy.trainer(), objective=["loss", "seconds", "accuracy"])

    with StudyStore.open(toy.store) as store:
        front = front_in(store, store.study("study"))
    assert ("eval_loss", min(one.score for one in study.trials)) == (study.best.objective, study.best.score)
    assert (LOSS, TIME, ACCURACY) == tuple(front.objectives)
    assert 2 == len(front.compared)
    assert study.best.score == front.trials[0].score
    assert study.front == front.trials
    assert [] == toy.search(toy.trainer(), objective="loss").front


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        (["accuracy", "acuracy"], ("'acuracy'", "accuracy")),
        (["accuracy", "eval_los:minimize"], ("'eval_los'", "eval_loss")),
        (["accuracy", "second"], ("'second'", "'seconds'")),
        (["seconds"], ("'seconds' cannot be the first",)),
        (["loss", "eval_loss"], ("named twice",)),
    ],
)
def test_a_trainer_is_asked_before_the_first_trial(toy, objective, words):
    """What its evaluation does not return is refused with the nearest name, and no store is made."""
    with pytest.raises(BadInput) as refusal:
        toy.search(toy.trainer(), objective=objective)

    said = f"{refusal.value} {refusal.value.hint}"
    assert [] == [word for word in words if word not in said]
    assert not (toy.folder / "store.db").exists()


def test_a_sweep_takes_a_text_or_a_list(tmp_path):
    """For all cells or for some; a cell's process gets what the file says."""
    where = "overrides:\n  - where: {task: cola}\n    objective: matthews_correlation\n"
    text = f"name: s\ntasks: [sst2, cola]\nmodels: [tiny]\nobjective: [accuracy, seconds]\n{where}"
    (tmp_path / "sweep.yaml").write_text(text, encoding="utf-8")

    cells = read_sweep(tmp_path / "sweep.yaml").cells

    sent = [json.loads(json.dumps(dataclasses.asdict(one.options), default=str)) for one in cells]
    assert [["accuracy", "seconds"], ["matthews_correlation"]] == [RunOptions(**one).objective for one in sent]
