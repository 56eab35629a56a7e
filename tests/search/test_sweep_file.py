"""A sweep's file: which cells it means, and which line is wrong in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hpsearch.search.sweep.file import Sweep, read_sweep
from hpsearch.search.sweep.plan import affordable, cost_of
from hpsearch.spaces.errors import BadInput

from .command import hpsearch, refused

WHOLE = """\
name: nightly-glue
store: sqlite:///hpsearch.db
schedule: {cron: "0 2 * * *", timezone: UTC}
tasks: [sst2, {task: cola, data_dir: glue_data}]
models: [tiny, org/encoder-small]
trials: 10
subset: 0.1
seeds: 3
overrides:
  - where: {task: cola}
    trials: 4
    set: [learning_rate=1e-5]
exclude:
  - {task: sst2, model: org/encoder-small}
include:
  - {task: demo, model: tiny, minutes: 3}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the file, which is not the current one."""
    (tmp_path / "sweeps" / "glue_data").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "sweeps"


def sweep(folder: Path, text: str = WHOLE) -> Sweep:
    (folder / "sweep.yaml").write_text(text, encoding="utf-8")
    return read_sweep(folder / "sweep.yaml")


def test_cells_are_each_combination_less_the_excluded_and_with_the_included(folder):
    """Tasks by models in the order of the file; a cell is named by both."""
    cells = sweep(folder).cells

    assert ["sst2-tiny", "cola-tiny", "cola-encoder-small", "demo-tiny"] == [one.name for one in cells]
    assert [("sst2", "tiny", 10), ("cola", "tiny", 4), ("cola", "org/encoder-small", 4), ("demo", "tiny", 10)] == [
        (one.options.task, one.options.model, one.options.trials) for one in cells
    ]
    assert [None, None, None, 3] == [one.minutes for one in cells]
    assert {(0.1, 3, "full", 1, True)} == {
        (one.options.subset, one.options.seeds, one.options.confirm, one.options.finalists, one.options.no_retrain)
        for one in cells
    }


def test_lists_of_spaces_backends_and_strategies_make_cells_too(folder):
    """A list of one adds nothing to the names, a list of several does."""
    text = "name: s\ntasks: [demo]\nspaces: [default, wide.yaml]\nbackends: [optuna]\nstrategies: [ladder, single]\n"
    (folder / "wide.yaml").write_text("learning_rate: {low: 1e-5, high: 1e-3, log: true}\n", encoding="utf-8")
    cells = sweep(folder, text).cells

    assert ["demo-default-ladder", "demo-default-single", "demo-wide-ladder", "demo-wide-single"] == [
        one.name for one in cells
    ]
    assert str(folder / "wide.yaml") == cells[2].options.space


def test_places_are_meant_from_where_the_file_lies(folder):
    """The store and the data of a sweep are found from any current folder: cron has its own."""
    read = sweep(folder)

    assert f"sqlite:///{folder}/hpsearch.db" == read.store
    assert folder / "glue_data" == read.cells[1].options.data_dir
    assert "org/encoder-small" == read.cells[2].options.model


def test_a_cell_and_its_options_are_found_in_the_file(folder):
    """The line of what a complaint is about: the entry of a list, an override, or a key for all cells."""
    read = sweep(folder)
    cola = read.cells[1]

    lines = [read.where(cola, option).rsplit(" ", 1)[1] for option in (None, "data_dir", "trials", "subset", "model")]
    assert ["4", "4", "11", "7", "5"] == lines


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (("trials: 10", "trials: ten"), 6, ("`trials`", "'ten'")),
        (("models:", "model:"), 5, ("unknown key 'model'", "did you mean 'models', a list?")),
        (("subset", "subsett"), 7, ("'subsett'", "did you mean 'subset'?")),
        (("minutes: 3", "minutes: -3"), 16, ("`minutes`", "-3")),
        (("seeds: 3", "minutes: 0"), 8, ("`minutes` 0", "greater than 0")),
        (("name: nightly-glue", "name: a/b"), 1, ("'a/b'", "slash")),
        (("name: nightly-glue", f"name: {'n' * 26}"), 1, ("more than 25 characters",)),
        (("name: nightly-glue\n", "\n"), 2, ("`name` is missing",)),
        (("demo, model", "sst2, model"), 16, ("two cells are called 'sst2-tiny'", "give one of them a `name`")),
        (("set: [", "sett: ["), 12, ("unknown option 'sett'", "did you mean 'set'?")),
        (("where:", "when:"), 9, ("an override needs `where`",)),
        (("seeds: 3", "confirm: none"), 8, ("`confirm` is not for a sweep",)),
        (("seeds: 3", "from: other"), 8, ("`from` is not for a sweep",)),
        (("trials: 4", "fork: x"), 11, ("`fork` is not for a sweep",)),
        (("[sst2, {task: cola, data_dir: glue_data}]", "[]"), 4, ("`tasks` []",)),
        (('cron: "0 2 * * *"', 'cron: "0 0 30 2 *"'), 3, ("never due",)),
        (('cron: "0 2 * * *"', "cron: tonight"), 3, ("'tonight' is no cron expression",)),
        (("timezone: UTC", "timezone: Berlin"), 3, ("time zone 'Berlin'", "did you mean 'Europe/Berlin'?")),
        (("subset: 0.1", "overlap: never"), 7, ("`overlap` 'never'", "'wait', 'skip' or 'fail'")),
        (("subset: 0.1", "retention: {runs: 0}"), 7, ("`retention.runs` 0",)),
        (("subset: 0.1", "retention: {days: 3}"), 7, ("`retention.days`",)),
        (("seeds: 3", "trials: 3"), 8, ("'trials' stands twice",)),
        (("{task: sst2, model: org/encoder-small}", "{seeds: 3}"), 14, ("every cell is excluded",)),
    ],
)
def test_what_is_wrong_is_told_with_its_line(folder, change, line, words):
    """A bad file is one sentence with the line, exit code 2, and nothing is made."""
    text = (
        WHOLE.replace(*change) if "every cell" not in words[0] else "name: s\ntasks: [demo]\nexclude: [{task: demo}]\n"
    )
    assert text != WHOLE
    (folder / "sweep.yaml").write_text(text, encoding="utf-8")
    line = 3 if "every cell" in words[0] else line

    for verb in ("check", "run", "status"):
        refused(hpsearch("sweep", verb, folder / "sweep.yaml"), f"sweep.yaml, line {line}: ", *words)
    assert ["glue_data", "sweep.yaml"] == sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("content", ["", "- a\n- b\n", "name: [", "\0"])
def test_what_is_no_mapping_is_refused(folder, content):
    """An empty file, a list, broken YAML, something binary."""
    (folder / "sweep.yaml").write_text(content, encoding="utf-8")

    refused(hpsearch("sweep", "check", folder / "sweep.yaml"), "sweep.yaml")
    refused(hpsearch("sweep", "check", folder / "none.yaml"), "none.yaml")


def test_a_cell_that_cannot_be_searched_is_told_by_check_with_its_line(folder):
    """An unknown task, a vanished model folder and an unknown space, of which the other cells know nothing."""
    text = (
        "name: s\ntasks:\n  - demo\n  - nosuch\nmodels: [tiny]\nsubset: 0.5\nseeds: 2\n"
        "include:\n  - {task: demo, model: tiny, space: nowhere, name: odd}\n"
    )
    (folder / "sweep.yaml").write_text(text, encoding="utf-8")
    said = hpsearch("sweep", "check", folder / "sweep.yaml")

    assert 2 == said.code
    assert "line 4: unknown task 'nosuch'" in said.err
    assert "line 9: " in said.err
    assert "cannot be searched" in said.out
    assert "demo-tiny" in said.out
    assert ["glue_data", "sweep.yaml"] == sorted(path.name for path in folder.iterdir())


def test_check_says_what_a_run_would_cost(folder):
    """Trials, rungs and finals in full trainings; minutes only where the store knows how long one takes."""
    text = "name: s\ntasks: [demo]\ntrials: 9\nsubset: 0.1\nseeds: 2\nstrategies: [ladder]\n"
    (folder / "sweep.yaml").write_text(text, encoding="utf-8")
    plan = hpsearch("sweep", "check", folder / "sweep.yaml", "--json").json()

    (cell,) = plan["cells"]
    assert (9 * 0.1 + 3 * 0.3 + 2 * 2) == pytest.approx(cell["trainings"])
    assert (None, None, False) == (cell["minutes"], plan["minutes"], cell["done"])


@pytest.mark.parametrize(("cost", "trials"), [(None, 9), (100, 9), (5.2, 6), (1, 1)])
def test_a_cell_has_as_many_trials_as_its_cost_allows(folder, cost, trials):
    """`cost` is a bound in full trainings on what is planned; one trial is always left."""
    bound = "" if cost is None else f"cost: {cost}\n"
    text = f"name: s\ntasks: [demo]\ntrials: 9\nsubset: 0.1\nseeds: 2\nstrategies: [ladder]\n{bound}"
    cell = sweep(folder, text).cells[0]

    assert trials == affordable(cell)
    assert cost is None or trials == 1 or cost_of(cell.options, trials) <= cost


def test_a_file_that_is_a_folder_is_refused(folder):
    """No traceback for what cannot be opened."""
    with pytest.raises(BadInput, match="cannot read"):
        read_sweep(folder)


def test_install_prints_what_each_scheduler_needs(folder):
    """Lines for cron, units for systemd and a workflow for GitHub, and nothing is installed."""
    (folder / "sweep.yaml").write_text(WHOLE, encoding="utf-8")
    said = hpsearch("sweep", "install", folder / "sweep.yaml", "--print")

    assert 0 == said.code
    for line in ("0 2 * * * cd ", "OnCalendar=*-*-* 02:00:00 UTC", "- cron: ", "sweep run "):
        assert line in said.out, line
    assert ["glue_data", "sweep.yaml"] == sorted(path.name for path in folder.iterdir())


def test_a_sweep_without_a_schedule_can_be_run_and_not_installed(folder):
    """What it lacks is said, with how it is written."""
    (folder / "sweep.yaml").write_text("name: s\ntasks: [demo]\n", encoding="utf-8")

    for words in (("install", "--print"), ("serve",)):
        verb, *flags = words
        refused(hpsearch("sweep", verb, folder / "sweep.yaml", *flags), "has no schedule", "schedule: {cron:")


def test_status_and_report_of_a_sweep_that_never_ran(folder):
    """Looking makes no store; both say that nothing ran."""
    (folder / "sweep.yaml").write_text(WHOLE, encoding="utf-8")

    assert "0 runs; next due" in hpsearch("sweep", "status", folder / "sweep.yaml").out
    report = hpsearch("sweep", "report", folder / "sweep.yaml", "--format", "md")
    assert (0, True) == (report.code, "nightly-glue" in report.out)
    refused(hpsearch("sweep", "report", folder / "sweep.yaml", "--format", "pdf"), "'pdf'")
    assert ["glue_data", "sweep.yaml"] == sorted(path.name for path in folder.iterdir())


def test_a_store_is_named_by_the_file_or_by_the_environment(folder, monkeypatch):
    """A password belongs in no file that is shared: `HPSEARCH_STORE` names the store where the file does not."""
    monkeypatch.setenv("HPSEARCH_STORE", "postgresql+psycopg://team@db/hpsearch")

    assert f"sqlite:///{folder}/hpsearch.db" == sweep(folder).store
    assert "postgresql+psycopg://team@db/hpsearch" == sweep(folder, "name: s\ntasks: [demo]\n").store


def test_a_model_is_called_as_the_file_says(folder):
    """An entry's name is that of its cells, and of its column in the report."""
    text = "name: s\ntasks: [demo]\nmodels: [{model: some/path/model, name: small}]\n"
    (cell,) = sweep(folder, text).cells

    assert ("demo-small", "small", "some/path/model") == (cell.name, cell.model_name, cell.options.model)
