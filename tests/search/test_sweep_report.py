"""What the report on a sweep says, read from its text; how it looks in a browser is `test_sweep_page`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hpsearch.search.sweep.badge import badge
from hpsearch.search.sweep.facts import SweepFacts
from hpsearch.search.sweep.matrix import Matrix
from hpsearch.search.sweep.pictures import cell_pictures, how_to_read
from hpsearch.search.sweep.report import format_of, written
from hpsearch.spaces.errors import BadInput
from hpsearch.studies.sweep_store import SweepStore
from hpsearch.studies.sweeps import RunState

from .command import done, hpsearch, refused
from .test_report import Page
from .told_sweeps import CHANGES, WORKER, begun, complete, due, ended, failed, label, nights, sweep_file, worse

CELLS = ("cola-tiny", "rte-tiny")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with SweepStore.open("sqlite:///hpsearch.db", create=True) as opened:
        yield opened


def run_of(store, night=0, cells=CELLS, **said):
    """Write a run that is complete, each cell with the same finding."""
    run = begun(store, night)
    for cell in cells:
        complete(store, run, cell, **said)
    ended(store, run)


def page_text(sweep, store) -> str:
    """Return what can be read on the page."""
    Path("page.html").write_text(written(sweep, store, "html"), encoding="utf-8")
    return Page("page.html").text


def rows_below(markdown: str, title: str) -> list[list[str]]:
    """Return the rows of the table of that title."""
    lines = markdown.split(f"{title}:\n\n")[1].splitlines()
    table = lines[2 : next((place for place, line in enumerate(lines) if not line.startswith("|")), None)]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table]


def facts_of(sweep, store) -> SweepFacts:
    return SweepFacts.of(sweep, store)


# Tasks against models


def test_the_matrix_has_score_interval_and_standing(store):
    """By hand: seeds 0.49, 0.50, 0.51 have sd 0.01, and Student's 4.3027 x 0.01 / sqrt(3) is 0.0248 to each side."""
    sweep = sweep_file()
    run = begun(store)
    complete(store, run, "cola-tiny", 0.5)
    complete(store, run, "rte-tiny", 0.7, **worse())
    ended(store, run)
    said = page_text(sweep, store)

    assert "cola (matthews_correlation) 0.5000 (0.4752 to 0.5248) → steady" in said
    assert "rte (accuracy) 0.7000 (0.6752 to 0.7248) ▼ worse" in said
    assert said.index("1 of 2 cells is worse than its own history.") < said.index("Tasks against models")
    assert "Cell rte-tiny: worse by 0.0800 (0.0600 to 0.1000)".lower() in said.lower()


def test_one_seed_has_no_interval_and_a_score_that_is_none_does_not_count(store):
    """A seed that collapsed to no number is left out of the mean, and of one seed alone nothing is promised."""
    scores = {"matthews_correlation": [0.5, None, None]}
    run_of(store, cells=CELLS[:1], measured={"winner": {"scores": scores}})

    assert "0.5000 (one seed) → steady" in page_text(sweep_file(), store)


def test_a_cell_that_failed_last_keeps_its_last_score(store):
    """The matrix shows the last score there is, says of which run it is, and that the cell failed since."""
    run_of(store)
    run = begun(store, 1)
    complete(store, run, "rte-tiny", 0.7)
    failed(store, run, "cola-tiny", "out of memory")
    ended(store, run, RunState.FAILED)

    said = page_text(sweep_file(), store)

    assert f"0.5000 (0.4752 to 0.5248), run of {label(0)}; now ✕ failed" in said
    assert f"1 of 2 cells failed in the run of {label(1)}." in said


def test_a_score_that_is_of_other_rows_says_so(store):
    """Where no report split was there, the split that the score is of stands beside the metric."""
    run_of(store, measured={"split": "selection"})

    assert "cola (matthews_correlation, selection split) 0.5000" in page_text(sweep_file(), store)


def test_cells_of_one_task_and_model_have_columns_of_their_own(store):
    """Spaces, backends and strategies make columns, named by what differs; what is the same is not named."""
    sweep = sweep_file(strategies=["ladder", "single"], spaces=["default"], models=["tiny", "roberta-base"])
    matrix = Matrix.of(facts_of(sweep, store).cells)

    assert matrix.columns == ["tiny, ladder", "tiny, single", "roberta-base, ladder", "roberta-base, single"]
    assert matrix.cells["rte", "tiny, single"].name == "rte-tiny-single"
    assert len(matrix.cells) == 8


def test_cells_that_differ_otherwise_are_columns_by_their_names(store):
    """Two cells with one task, model and variant are both there; nothing is written over."""
    sweep = sweep_file(include=[{"task": "cola", "model": "tiny", "name": "cola-short", "trials": 3}])
    matrix = Matrix.of(facts_of(sweep, store).cells)

    assert matrix.columns == ["tiny", "cola-short"]
    assert matrix.cells["cola", "cola-short"].name == "cola-short"


def test_a_cell_that_never_ran_has_its_place(store):
    """Task and model are those of its options; of a cell that cannot be searched, those of its name."""
    sweep = sweep_file(models=["org/little-bert"], include=[{"task": "nosuch", "model": "tiny"}])
    found = [(one.task, one.model) for one in facts_of(sweep, store).cells]

    assert [("cola", "little-bert"), ("rte", "little-bert"), ("nosuch", "tiny")] == found


def test_each_model_has_its_glue_average(store):
    """By hand: CoLA 50 and RTE 70 are 60 on average, the baselines 2 less; a model with one task has none."""
    sweep = sweep_file(include=[{"task": "demo", "model": "other"}, {"task": "wnli", "model": "tiny"}])
    run = begun(store)
    for cell, score in (("cola-tiny", 0.5), ("rte-tiny", 0.7), ("wnli-tiny", 0.3)):
        complete(store, run, cell, score)
    complete(store, run, "demo-other", 0.9, measured={"model": "other"})
    ended(store, run)

    table = rows_below(written(sweep, store, "md"), "GLUE average, times 100")
    words = "average of 3 of 9 tasks: CoLA, RTE, WNLI; without SST-2, MRPC, STS-B, QQP, MNLI, QNLI"
    assert [["tiny", "50.00", "60.00", "48.00", words]] == table


# Over time


def test_a_change_is_told_with_what_else_changed_newest_first(store):
    """A drop told two runs late stands at its first run; the newest change comes first."""
    sweep = sweep_file()
    for night in range(3):
        run_of(store, night)
    run_of(store, 3, **worse(since_due=f"{due(1).isoformat(timespec='microseconds')}"))
    run_of(store, 4, cells=CELLS[:1], measured={"history": "others"}, state="new", new_history="the data changed")

    found = rows_below(written(sweep, store, "md"), "Changes that are no noise")
    assert [label(4), "cola-tiny", "• new history", "the data changed", "", "", label(4)] == found[0]
    since, cell, state, words, changes, rows, told = found[1]
    assert (label(1), "cola-tiny", "▼ worse", label(3)) == (since, cell, state, told)
    assert words == "worse by 0.0800 (0.0600 to 0.1000)"
    assert changes.replace("\\", "") == "; ".join(CHANGES)
    assert rows == "91 lost, 12 gained"


def test_pictures_break_where_a_new_history_begins_and_mark_changes(store):
    """The line has a gap there and an upright line; the triangle is at the first run after the change."""
    sweep = sweep_file()
    for night in range(3):
        run_of(store, night, score=0.5)
    run_of(store, 3, score=0.4, **worse(since_due=due(2).isoformat(timespec="microseconds")))
    run_of(store, 4, score=0.6, measured={"history": "others"}, state="new", new_history="the data changed")
    run = begun(store, 5)
    failed(store, run, "cola-tiny", "<b>no</b> memory")

    figure = cell_pictures(facts_of(sweep, store))[0].figure
    scores = next(one for one in figure.data if (one.line.color, one.mode) == ("#0072B2", "lines+markers"))
    assert list(scores.y) == [0.5, 0.5, 0.5, 0.4, None, 0.6]
    marks = {one.marker.symbol: one for one in figure.data if one.mode == "markers"}
    assert list(marks["triangle-down"].x) == ["2030-01-03 02:00"]
    assert "told in the run of 2030-01-04<br>versions.torch: 2.12.0 -&gt; 2.13.0" in scores.text[2]
    assert "failed: &lt;b&gt;no&lt;/b&gt; memory" in marks["x"].text[0]
    assert ["2030-01-05 02:00"] == [one.x0 for one in figure.layout.shapes]


def test_the_picture_has_the_interval_of_each_run(store):
    """A band along a history, from the lowest ends and back along the highest; nothing across a new one."""
    for night, history in enumerate(("a", "a", "b", "b")):
        run_of(store, night, score=0.5 + night / 100, measured={"history": history})

    band = next(one for one in cell_pictures(facts_of(sweep_file(), store))[0].figure.data if one.fill == "toself")
    low_then_high = [0.475, 0.485, 0.535, 0.525, None, 0.495, 0.505, 0.555, 0.545, None]
    assert low_then_high == [one and round(one, 3) for one in band.y]


def test_many_cells_are_not_drawn_all(store, monkeypatch):
    """A page of a thousand pictures would not open: the first are drawn, and the page says so."""
    monkeypatch.setattr("hpsearch.search.sweep.pictures.MOST_CELLS", 1)
    run_of(store)
    facts = facts_of(sweep_file(), store)

    assert ["cola-tiny"] == [one.title for one in cell_pictures(facts)]
    assert "The first 1 cells of the file are drawn; the tables have all." in how_to_read(facts)


def test_runs_are_told_with_their_cost_newest_first(store):
    """By hand: two cells of 4.5 trainings and 5 minutes; a run that did not take place says why."""
    run_of(store)
    why = "the run of 2030-01-01 of sweep 'nightly' is not over (host:1)"
    store.skip("nightly", due(1), label=label(1), state=RunState.SKIPPED, message=why, worker=WORKER)
    run = begun(store, 2)
    complete(store, run, "rte-tiny")
    ended(store, run, RunState.WAITING)
    run_of(store, 3)
    text = written(sweep_file(), store, "md")

    found = rows_below(text, "Runs")
    assert [label(night) for night in (3, 2, 1, 0)] == [row[0] for row in found]
    assert found[0] == [label(3), f"{label(3)} 02:00", "complete", "2 done", "9.0", "10m00s", ""]
    assert found[1][2:] == ["superseded", "1 done", "4.5", "5m00s", "unfinished when a later run began"]
    assert found[2][2:] == ["skipped", "", "", "", why]
    assert "1 run did not take place: another one was not over." in text


def test_noise_is_told_with_what_may_explain_it_and_steadiness_is_not(store):
    """What differs since the night before is said where it may matter: not beside a cell that is steady."""
    sweep = sweep_file()
    run = begun(store)
    complete(store, run, "cola-tiny", state="noisy", words="noisy: cannot tell (needs 6 more seeds)", changes=CHANGES)
    complete(store, run, "rte-tiny", changes=["versions.numpy: 1 -> 2"])
    ended(store, run)
    said = page_text(sweep, store)

    assert "noisy: cannot tell (needs 6 more seeds) versions.torch: 2.12.0 -> 2.13.0; winner.learning_rate" in said
    assert "numpy" not in said


def test_cells_that_the_file_has_no_longer_are_kept_apart(store):
    """Their last score is told; they are in no matrix and no badge."""
    run_of(store, cells=(*CELLS, "sst2-tiny"))
    sweep = sweep_file()

    assert [["sst2-tiny", label(0), "accuracy 0.5000 (0.4752 to 0.5248)"]] == rows_below(
        written(sweep, store, "md"), "Cells that the file has no longer"
    )
    assert "sst2" not in " ".join(Matrix.of(facts_of(sweep, store).cells).tasks)
    assert "2 steady" == badge(facts_of(sweep, store))["message"]


# Odd sweeps


def nothing(store):
    pass


def skipped(store):
    store.skip("nightly", due(0), label=label(0), state=RunState.SKIPPED, message="busy", worker=WORKER)


def one_run(store):
    run_of(store, state="new")


def running(store):
    complete(store, run := begun(store), "cola-tiny")
    store.begin_cell(run.run_id, "rte-tiny", "nightly/rte")


def waiting(store):
    complete(store, run := begun(store), "cola-tiny")
    ended(store, run, RunState.WAITING)


def all_failed(store):
    run = begun(store)
    for cell in CELLS:
        failed(store, run, cell, "no such data")
    ended(store, run, RunState.FAILED)


def other_cells(store):
    run_of(store, cells=["sst2-tiny"])


def worse_and_failed(store):
    run = begun(store)
    complete(store, run, "cola-tiny", **worse())
    failed(store, run, "rte-tiny", "no such data")
    ended(store, run, RunState.FAILED)


def refused_run(store):
    run_of(store)
    why = "the run of 2030-01-01 is not over"
    store.skip("nightly", due(1), label=label(1), state=RunState.FAILED, message=why, worker=WORKER)


ODD = {
    nothing: ("No run yet: `hpsearch sweep run nightly.yaml` begins one.", "no run yet", "lightgrey"),
    skipped: ("The run of 2030-01-01 did not take place: busy", "no run yet", "lightgrey"),
    one_run: ("In the last run: 2 new.", "2 new", "brightgreen"),
    running: ("The run of 2030-01-01 is not over: 1 of 2 cells done.", "running, 1 of 2", "lightgrey"),
    waiting: ("The run of 2030-01-01 is not over: 1 of 2 cells done.", "waiting, 1 of 2", "lightgrey"),
    all_failed: ("All 2 cells failed in the run of 2030-01-01.", "2 failed of 2", "orange"),
    other_cells: ("No cell of nightly.yaml was run in the run of 2030-01-01.", "nothing measured", "lightgrey"),
    worse_and_failed: ("1 of 2 cells is worse than its own history.", "1 worse, 1 failed of 2", "red"),
    refused_run: ("The run of 2030-01-02 did not take place: the run of 2030-01-01", "2 steady", "brightgreen"),
}


@pytest.mark.parametrize("made", ODD, ids=lambda made: made.__name__)
def test_odd_sweeps_are_told_in_words(store, made):
    """No form fails for a sweep without a run, one that is not over, or one in which all failed; each says so."""
    expected, message, colour = ODD[made]
    made(store)
    sweep = sweep_file()

    assert expected.lower() in page_text(sweep, store).lower()
    assert expected.replace("`", "\\`") in written(sweep, store, "md")
    assert any(expected in line for line in json.loads(written(sweep, store, "json"))["answer"])
    shown = {"schemaVersion": 1, "label": "nightly", "message": message, "color": colour}
    assert shown == json.loads(written(sweep, store, "badge"))


def test_no_store_yet_is_no_run_yet(tmp_path, monkeypatch):
    """Whoever looks before the first run is told how to begin; looking makes no database."""
    monkeypatch.chdir(tmp_path)
    sweep_file()
    said = done("sweep", "report", "nightly.yaml", "--format", "md")

    assert "No run yet" in said.out
    assert ["nightly.yaml"] == [one.name for one in tmp_path.iterdir()]


# Forms


def test_the_json_has_all_that_the_page_tells(store):
    """For scripts: each seed's score of each run, findings, changes, failures, the matrix, averages and costs."""
    sweep = sweep_file(tasks=["cola", "sst2", "mrpc"], models=["tiny", "roberta-base"])
    nights(store, sweep, 12)
    told = json.loads(written(sweep, store, "json"))

    assert {"answer", "badge", "matrix", "glue", "cells", "changes", "failures", "runs", "retired"} <= told.keys()
    cell = told["cells"][0]
    assert ("cola-tiny", "cola", "tiny", "steady") == tuple(cell[name] for name in ("cell", "task", "model", "state"))
    assert [label(11), label(10)] == [one["run"] for one in cell["runs"][:2]]
    newest = cell["runs"][0]
    assert newest["score"] == pytest.approx(sum(newest["winner"]["matthews_correlation"]) / 3)
    assert newest["finding"]["words"] == newest["words"]
    assert {"worse", "better", "new history"} == {one["state"] for one in told["changes"]}
    assert 9.0 * 3 == pytest.approx(told["runs"][-1]["trainings"])
    assert told["glue"]["tiny"]["words"].startswith("average of 3 of 9 tasks: CoLA, SST-2, MRPC")


@pytest.mark.parametrize(
    ("output", "kind", "form"),
    [
        (None, None, "html"),
        ("a.html", None, "html"),
        ("a.md", None, "md"),
        ("a.JSON", None, "json"),
        ("a", None, "html"),
        ("a.html", "badge", "badge"),
    ],
)
def test_the_form_is_asked_for_or_told_by_the_ending(output, kind, form):
    """`--format` wins; without it the file's ending says it, and without a file it is a page."""
    assert form == format_of(output and Path(output), kind)


def test_an_unknown_form_is_refused_with_the_nearest(store):
    """A format or an ending that is none is refused before anything is written."""
    sweep_file()
    refused(hpsearch("sweep", "report", "nightly.yaml", "--format", "jsn"), "'jsn'", "json")
    refused(hpsearch("sweep", "report", "nightly.yaml", "-o", "page.htm"), "'page.htm'", "html")
    with pytest.raises(BadInput):
        format_of(Path("page.pdf"), None)

    assert not Path("page.htm").exists()


def test_the_command_writes_each_form(store):
    """A page into a file named after the sweep's; all else to stdout or where `-o` says."""
    run_of(store)
    sweep_file()
    done("sweep", "report", "nightly.yaml")
    assert "<title>nightly</title>" in Path("nightly.html").read_text(encoding="utf-8")
    assert "2 steady" == done("sweep", "report", "nightly.yaml", "--format", "badge").json()["message"]
    done("sweep", "report", "nightly.yaml", "-o", "sweep.json")
    assert "nightly" == json.loads(Path("sweep.json").read_text(encoding="utf-8"))["sweep"]


def test_names_and_messages_are_text_in_markdown(store):
    """Nothing that data says becomes markup, and a message of 10 kB is cut."""
    sweep = sweep_file(include=[{"task": "cola", "model": "tiny", "name": "<img src=x> | **b**"}])
    run = begun(store)
    failed(store, run, "cola-tiny", "\u202e<script>alert(1)</script>")
    failed(store, run, "rte-tiny", "x" * 10_000)
    failed(store, run, "<img src=x> | **b**", "[link](http://x.org)")
    ended(store, run, RunState.FAILED)
    text = written(sweep, store, "md")

    assert [] == re.findall(r"(?<!\\)[<>]", text)
    assert "\\<script\\>alert" in text
    assert "\\*\\*b\\*\\*" in text
    assert "\\[link\\](" in text
    assert "\u202e" not in text
    assert max(map(len, text.splitlines())) < 1000


def test_the_report_needs_no_torch(store, run_python):
    """A page is written in a second on a machine that only looks."""
    run_of(store)
    sweep = sweep_file()
    program = (
        "import sys\n"
        "from hpsearch.search.sweep.file import read_sweep\n"
        "from hpsearch.search.sweep.report import written\n"
        "from hpsearch.studies.sweep_store import SweepStore\n"
        f"sweep = read_sweep({str(sweep.path)!r})\n"
        "with SweepStore.open(sweep.store) as store:\n"
        "    for form in ('html', 'md', 'json', 'badge'):\n"
        "        written(sweep, store, form)\n"
        "print([name for name in ('torch', 'transformers', 'datasets', 'optuna', 'ray') if name in sys.modules])"
    )

    assert "[]" == run_python(program).stdout.splitlines()[-1]
