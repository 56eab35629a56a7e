"""Runs of a sweep with real cells: each a process, a search and a measurement on the report split."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import time_machine
import torch
from transformers import BertConfig, BertModel

from hpsearch.search.errors import Interrupted
from hpsearch.search.model.models import TINY_CONFIG, tiny_tokenizer
from hpsearch.search.sweep.alarm import CYCLE
from hpsearch.search.sweep.file import read_sweep
from hpsearch.search.sweep.runner import due_of, run_sweep
from hpsearch.spaces.errors import HpsearchError
from hpsearch.studies.records import Phase, Study, Trial
from hpsearch.studies.store import StudyStore
from hpsearch.studies.sweep_store import SweepStore
from hpsearch.studies.sweeps import RunState, SweepCell
from hpsearch.studies.worker import worker_name

from .command import MAIN, hpsearch, refused, rows, write_word_data

#: One cell whose trainings take a second each.
FILE = """\
name: toy
store: sqlite:///hpsearch.db
tasks:
  - &data {train_file: train.csv, validation_file: valid.csv, text_columns: text, label_column: label, name: words}
models: [tiny]
spaces: [space.yaml]
trials: 3
subset: 0.5
seeds: 2
strategies: [single]
precision: fp32
"""
SPACE = "learning_rate: {low: 1e-3, high: 1e-2, log: true, default: 2e-3}\nnum_train_epochs: 4\n"
NIGHT = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
#: Posts what it gets to the address it is given: what somebody would write for their chat.
POST = "import sys, urllib.request as u; u.urlopen(u.Request(sys.argv[1], sys.stdin.buffer.read()))"


#: A second cell, with a model that is not there.
WITH_GONE = FILE.replace("models: [tiny]", "models: [tiny, {model: gone/model, name: gone}]")


def write_files(folder: Path, text: str = FILE) -> Path:
    write_word_data(folder)
    (folder / "space.yaml").write_text(SPACE, encoding="utf-8")
    (folder / "sweep.yaml").write_text(text, encoding="utf-8")
    return folder / "sweep.yaml"


def run_night(file: Path, night: int = 0, **options: Any) -> Any:
    """Run a sweep as on one of several nights."""
    sweep = read_sweep(file)
    with SweepStore.open(sweep.store, create=True) as store:
        return run_sweep(sweep, store, due=NIGHT + timedelta(days=night), **options)


def study_of(file: Path, cell: SweepCell) -> tuple[Study, list[Trial]]:
    with StudyStore.open(read_sweep(file).store) as store:
        study = store.study(cell.study)
        return study, store.trials(study.study_id)


class Receiver:
    """An HTTP server of this machine that keeps what it is sent."""

    def __init__(self) -> None:
        received: list[Any] = []
        self.received = received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """Somebody who is told."""
    one = Receiver()
    yield one
    one.server.shutdown()
    one.server.server_close()


class Nights:
    """A sweep that ran on four nights: before the last the default of one cell and the tokenizer of another break."""

    def __init__(self, folder: Path, receiver: Receiver) -> None:
        notify = json.dumps([sys.executable, "-c", POST, receiver.url])
        text = (
            FILE.replace("[tiny]", "[tiny, encoder]").replace("seeds: 2", "seeds: 3")
            + f"notify: {notify}\nretention: {{runs: 3}}\n"
        )
        self.file = write_files(folder, text)
        tokenizer = write_encoder(folder / "encoder")
        self.ended = [run_night(self.file, night) for night in range(3)]
        self.quiet = list(receiver.received)
        lowered = "overrides: [{where: {model: tiny}, set: [learning_rate=1e-9]}]\n"
        self.file.write_text(text + lowered, encoding="utf-8")
        break_tokenizer(tokenizer)
        self.ended.append(run_night(self.file, 3))

    def of(self, cell: str) -> list[SweepCell]:
        """Return a cell on each night."""
        return [next(one for one in night.cells if one.cell == cell) for night in self.ended]

    @property
    def cells(self) -> list[SweepCell]:
        """The cell with the built-in model on each night."""
        return self.of("words-tiny")


def write_encoder(folder: Path) -> Path:
    """Write a small model that knows the words of the data; return the file with its words."""
    words = [text for text, _ in rows(360)]
    tokenizer = tiny_tokenizer(iter(words))
    config = BertConfig(**TINY_CONFIG, vocab_size=len(tokenizer))
    torch.manual_seed(1)
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder / "tokenizer.json"


def break_tokenizer(file: Path) -> None:
    """Let a tokenizer know no word any more, as a bad release of one would."""
    content = json.loads(file.read_text(encoding="utf-8"))
    pieces = content["model"]["vocab"]
    content["model"]["vocab"] = {piece if number < 5 else f"~{piece}~": number for piece, number in pieces.items()}
    file.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Nights:
    """The four nights, run once for all tests of them."""
    return Nights(tmp_path_factory.mktemp("nights"), receiver)


def test_each_night_is_an_ordinary_study(nights):
    """It is called sweep/date/cell, and has the asked trials and the finals of winner and baseline over the seeds."""
    assert ["toy/2026-03-01/words-tiny", "toy/2026-03-02/words-tiny"] == [one.study for one in nights.cells[:2]]
    _, trials = study_of(nights.file, nights.cells[1])
    assert 3 == sum(one.phase is Phase.SEARCH for one in trials)
    assert {(45, True), (46, True), (47, True)} <= {
        (one.seed, one.baseline) for one in trials if one.phase is Phase.FINAL
    }


def test_seeds_take_turns_and_come_again(nights):
    """Each night has a block of its own, so that five nights know fifteen seeds, and then the first block is next."""
    seeds = [one.measured["winner"]["seeds"] for one in nights.cells]

    assert [[42, 43, 44], [45, 46, 47], [48, 49, 50], [51, 52, 53]] == seeds
    assert all(one.measured["baseline"]["seeds"] == found for one, found in zip(nights.cells, seeds, strict=True))
    assert CYCLE == 5


def test_a_measurement_has_scores_errors_and_what_they_may_depend_on(nights):
    """The report split has 60 rows; versions, machine and what was searched are written down."""
    measured = nights.cells[0].measured

    assert ("accuracy", "maximize", "report", 60) == tuple(
        measured[name] for name in ("metric", "direction", "split", "rows")
    )
    assert 60 == len(measured["winner"]["errors"])
    mean = sum(measured["winner"]["scores"]["accuracy"]) / 3
    assert mean == pytest.approx(1 - sum(measured["winner"]["errors"]) / 60, abs=1e-4)
    assert {"accuracy", "f1", "matthews_correlation"} == set(measured["winner"]["scores"])
    assert {"torch", "transformers", "python"} <= set(measured["environment"]["versions"])
    assert measured["environment"]["machine"]["processor"]


def test_nights_without_a_change_wake_nobody(nights):
    """The first is new, the others are steady or noisy, and no command is called."""
    assert "new" == nights.cells[0].finding["state"]
    assert not {"worse", "better"} & {one.finding["state"] for one in nights.cells[:3]}
    assert [] == nights.quiet


def test_a_planted_regression_is_found_and_named(nights, receiver):
    """A default that learns nothing is `worse` on its first night; the finding says what changed in the file."""
    finding = nights.cells[3].finding

    assert ("worse", 3) == (finding["state"], finding["since"])
    assert finding["difference"] < -0.2
    assert any("learning_rate" in line and "1e-09" in line for line in finding["changes"]), finding["changes"]
    assert finding["rows"]["lost"] > finding["rows"]["gained"]
    assert finding["rows"]["p"] < 0.01
    (told,) = receiver.received
    assert (["worse"], "toy", "2026-03-04") == (told["reasons"], told["sweep"], told["run"])
    assert ["worse", "worse"] == [one["state"] for one in told["cells"]]


def test_a_regression_is_exit_code_4(nights):
    """For schedulers: the run of that night, asked for again, is not run again and says the same."""
    scheduled = nights.file.with_name("scheduled.yaml")
    text = nights.file.read_text(encoding="utf-8")
    scheduled.write_text(text + 'schedule: {cron: "0 2 * * *"}\n', encoding="utf-8")
    with time_machine.travel(NIGHT + timedelta(days=3, minutes=30), tick=False):
        said = hpsearch("sweep", "run", scheduled)

    assert (4, "") == (said.code, said.err)
    assert "worse" in said.out
    assert "next due 2026-03-05 02:00 UTC" in said.out


def test_a_broken_tokenizer_is_found_and_named(nights):
    """Nothing in the file has changed: the finding says that the same texts have become other tokens."""
    finding = nights.of("words-encoder")[3].finding

    assert ("worse", 3) == (finding["state"], finding["since"])
    named = [line.partition(":")[0] for line in finding["changes"]]
    assert "tokenised" in named
    assert not any(name.startswith(("versions", "machine", "study")) for name in named), named


def test_a_run_begins_with_the_winner_of_the_one_before(nights):
    """After the baseline, marked with whose it was, and at most one in three trials."""
    before = nights.cells[0].measured["winner"]
    _, trials = study_of(nights.file, nights.cells[1])
    marked = [one for one in trials if one.prior is not None]

    if before["trial"] == 0:
        assert [] == marked
    else:
        assert [(1, nights.cells[0].study, before["params"])] == [(one.number, one.prior, one.params) for one in marked]


def test_studies_of_old_runs_are_deleted_and_scores_kept(nights):
    """`retention: {runs: 3}`: the first night's study and its folder are gone, its scores are in the history."""
    store = read_sweep(nights.file).store
    with StudyStore.open(store) as studies, SweepStore.open(store) as sweeps:
        names = {one.study.name for one in studies.studies()}
        folders = [Path(one.study.folder) for one in studies.studies()]
        kept = [*nights.cells[1:], *nights.of("words-encoder")[1:]]
        assert {one.study for one in kept} == names
        assert 4 == len(sweeps.measured("toy", "words-tiny"))
    assert set(folders) == set((nights.file.parent / "hpsearch-output").iterdir())


def test_no_checkpoint_is_left(nights):
    """A sweep runs for years: of a complete cell there are rows, and a log on the disk."""
    left = [path for path in (nights.file.parent / "hpsearch-output").rglob("*") if path.is_file()]

    assert {"log.txt"} == {path.name for path in left}


def test_status_shows_the_last_run(nights):
    """What the terminal says of a sweep: each cell's score, and what changed."""
    said = hpsearch("sweep", "status", nights.file)

    assert 0 == said.code
    assert "2026-03-04" in said.out
    assert "worse" in said.out
    (status,) = hpsearch("sweep", "status", nights.file, "--json").json()
    assert ("toy", 4, "COMPLETE", None) == (
        status["sweep"],
        status["runs"],
        status["last"]["state"],
        status["next_due"],
    )


def test_check_knows_from_history_how_long_a_run_takes(nights):
    """Minutes are those of full trainings that the store has seen."""
    plan = hpsearch("sweep", "check", nights.file, "--json").json()
    measured = nights.cells[3].measured

    assert plan["cells"][0]["minutes"] == pytest.approx(
        plan["cells"][0]["trainings"] * measured["seconds"] / measured["trainings"] / 60, rel=0.01
    )


# Misfortunes


def test_a_failing_cell_does_not_stop_the_others_and_can_be_run_again(tmp_path, monkeypatch):
    """Exit code 1, the sentence with its line; once the file is mended the same run goes on with that cell alone."""
    monkeypatch.chdir(tmp_path)
    file = write_files(tmp_path, WITH_GONE)
    first = hpsearch("sweep", "run", file)
    with SweepStore.open(read_sweep(file).store) as store:
        (run,) = store.runs("toy")
        states = {one.cell: one.state for one in store.cells(run.run_id)}
        message = next(one.failure_message for one in store.cells(run.run_id) if one.cell == "words-gone")

    assert (1, RunState.FAILED) == (first.code, run.state)
    assert {"words-tiny": RunState.COMPLETE, "words-gone": RunState.FAILED} == states
    assert "gone/model" in message

    file.write_text(WITH_GONE.replace("gone/model", "tiny"), encoding="utf-8")
    ended = run_night_again(file, run.due_at)
    assert (RunState.COMPLETE, []) == (ended.run.state, list(ended.left))
    assert 1 == sum(one.cell == "words-tiny" for one in ended.cells)


def run_night_again(file: Path, due_at: str, **options: Any) -> Any:
    sweep = read_sweep(file)
    with SweepStore.open(sweep.store) as store:
        return run_sweep(sweep, store, due=datetime.fromisoformat(due_at), **options)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_was_killed_goes_on(tmp_path, how):
    """In the middle of a cell: no process is left, done cells are not done again, the study goes on where it was."""
    two = FILE.replace("models: [tiny]", "models: [tiny, {model: tiny, freeze_encoder: true, name: frozen}]")
    file = write_files(tmp_path, two)
    command = [sys.executable, "-c", MAIN, "sweep", "run", str(file)]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with StudyStore.open(wait_for_store(file)) as store:
        trained = wait_for(lambda: finished_trials(store, "words-frozen"))
        os.kill(process.pid, how)
        process.communicate(timeout=120)
        wait_for(lambda: not children_of_sweeps())

    assert (-9 if how == signal.SIGKILL else Interrupted.exit_code) == process.returncode
    said = hpsearch("sweep", "run", file)

    assert 0 == said.code, said.err
    assert "[1/2]" not in said.err  # the first cell was complete
    with SweepStore.open(read_sweep(file).store) as sweeps:
        (run,) = sweeps.runs("toy")
        cells = sweeps.cells(run.run_id)
    assert (RunState.COMPLETE, {RunState.COMPLETE}) == (run.state, {one.state for one in cells})
    _, trials = study_of(file, cells[1])
    again = {one.number: one.finished_at for one in trials}
    assert {number: again[number] for number in trained} == trained


def wait_for_store(file: Path) -> str:
    url = read_sweep(file).store
    wait_for(lambda: hpsearch("sweep", "status", file, "--json").json()[0]["runs"])
    return url


def finished_trials(store: StudyStore, cell: str) -> dict[int, str | None]:
    """Return the trials of a cell's study that have ended, with when."""
    for one in store.studies():
        if one.study.name.endswith(cell):
            return {
                trial.number: trial.finished_at for trial in store.trials(one.study.study_id) if trial.state.is_finished
            }
    return {}


def children_of_sweeps() -> list[int]:
    """Return the processes of cells that run on this machine for this test's user."""
    import psutil

    mine = {os.getpid()} | {one.pid for one in psutil.Process().children(recursive=True)}
    return [
        one.pid
        for one in psutil.process_iter(["cmdline", "ppid"])
        if "hpsearch.search.sweep.cell_process" in (one.info["cmdline"] or []) and one.info["ppid"] in (1, *mine)
    ]


def wait_for(answer: Any, seconds: float = 180) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := answer()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)
    return found


@pytest.mark.parametrize("overlap", ["wait", "skip", "fail"])
def test_a_run_that_comes_due_while_another_runs(tmp_path, overlap):
    """As the file says it waits, is skipped and noted, or fails and is noted; the running one is left alone."""
    file = write_files(tmp_path, FILE + f"overlap: {overlap}\n")
    sweep, said = read_sweep(file), []
    with SweepStore.open(sweep.store, create=True) as store:
        running = store.claim("toy", NIGHT, label="a", longer_label="b", worker=worker_name(), spec={}).run
        stop = threading.Event()
        threading.Timer(3, stop.set).start()
        if overlap == "fail":
            with pytest.raises(HpsearchError, match="is not over"):
                run_sweep(sweep, store, due=NIGHT + timedelta(days=1), stop=stop, say=said.append)
        else:
            assert run_sweep(sweep, store, due=NIGHT + timedelta(days=1), stop=stop, say=said.append).run is None
        states = [one.state for one in store.runs("toy")]
        assert running.run_id == store.busy("toy").run_id
        stop.set()

    noted = {"wait": [], "skip": [RunState.SKIPPED], "fail": [RunState.FAILED]}[overlap]
    assert [RunState.RUNNING, *noted] == states
    assert overlap == "fail" or {"wait": "waiting for it", "skip": "is skipped"}[overlap] in said[0]


def test_max_minutes_leaves_the_rest_for_the_next_time(tmp_path):
    """The time is over before the first cell: nothing is begun, and the run waits."""
    file = write_files(tmp_path)
    ended = run_night(file, max_minutes=1e-9)

    assert (RunState.WAITING, ["words-tiny"], []) == (ended.run.state, list(ended.left), list(ended.cells))
    with SweepStore.open(read_sweep(file).store) as store:
        assert NIGHT == due_of(ended.sweep, store, now=NIGHT + timedelta(days=5))


def test_other_data_begin_a_new_history(tmp_path):
    """A changed validation file: the scores of before are not compared, and the finding says why."""
    file = write_files(tmp_path, FILE.replace("trials: 3", "trials: 1"))
    run_night(file, 0)
    lines = (tmp_path / "valid.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "valid.csv").write_text("".join(lines[:-4]), encoding="utf-8")
    ended = run_night(file, 1)

    (cell,) = ended.cells
    assert ("new", "the data changed", 1) == tuple(cell.finding[name] for name in ("state", "new_history", "nights"))


def test_only_names_cells(tmp_path):
    """A pattern that no cell matches is refused with the nearest name."""
    file = write_files(tmp_path)

    refused(hpsearch("sweep", "run", file, "--only", "wordz-tiny"), "'wordz-tiny'", "'words-tiny'")
    refused(hpsearch("sweep", "run", file, "--max-minutes", "-1"), "--max-minutes", "-1")
    assert not (tmp_path / "hpsearch.db").exists()


def test_a_store_of_another_release_is_refused(tmp_path):
    """An upgrade in between: one sentence with what to do, and nothing is lost."""
    import sqlite3
    from contextlib import closing

    file = write_files(tmp_path)
    with SweepStore.open(read_sweep(file).store, create=True):
        pass
    with closing(sqlite3.connect(tmp_path / "hpsearch.db")) as database:
        database.execute("UPDATE hpsearch_alembic_version SET version_num = '9999'")
        database.commit()

    refused(hpsearch("sweep", "run", file), "schema '9999'")


def test_a_notify_command_that_fails_is_said_and_breaks_nothing(tmp_path):
    """The run is what it was."""
    file = write_files(
        tmp_path,
        "name: toy\ninclude:\n  - {task: nosuch, name: broken}\nnotify: [sh, -c, 'echo no network >&2; exit 7']\n",
    )
    said = hpsearch("sweep", "run", file)

    assert 1 == said.code
    assert "exit code 7: no network" in said.err
