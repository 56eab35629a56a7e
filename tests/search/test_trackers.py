"""Trackers: one run a trial, with its configuration, closed on every way out, and never the end of a trial.

TensorBoard and MLflow are the real ones, on files.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import mlflow
import pytest
from transformers import TrainerCallback

import hpsearch
from hpsearch.search.trackers import tracking
from hpsearch.search.trackers.trackers import check_trackers, trackers_of
from hpsearch.studies.records import Phase, Study, Trial, TrialState
from hpsearch.studies.store import StudyStore

from .command import COLUMNS, MAIN, TINY, Said, done, files_below, refused, write_word_data
from .command import hpsearch as command

# MLflow declares its tables in a way that SQLAlchemy 2.1 calls deprecated, and so is not ours to change.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")

BOTH = ("--report-to", "tensorboard,mlflow")
FILES = ("--train-file", "train.csv", "--validation-file", "valid.csv")
SPACE = "learning_rate: {low: 0.001, high: 0.01, log: true, default: 0.002}\n"
STATUS = {TrialState.COMPLETE: "FINISHED", TrialState.PRUNED: "KILLED", TrialState.FAILED: "FAILED"}


@pytest.fixture(scope="module", autouse=True)
def alone() -> Iterator[None]:
    """No tracker of the machine's own is told, and MLflow tells nobody that it is used."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID"):
            patch.delenv(name, raising=False)
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        yield


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was said once in another test is said again."""
    monkeypatch.setattr(tracking, "_said", set())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A current folder with data of which one word tells the label."""
    folder = tmp_path_factory.mktemp("trackers")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HPSEARCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        write_word_data(folder)
        (folder / "space.yaml").write_text(SPACE)
        yield folder


def run(*words: object) -> Said:
    """Search the data beside."""
    fixed = ("--set", "per_device_train_batch_size=8", "--set", "num_train_epochs=1", "--space", "space.yaml")
    return done("run", *FILES, *COLUMNS, "--model", "tiny", *fixed, "--precision", "fp32", "--quiet", "--json", *words)


@pytest.fixture(scope="module")
def climbed(place: Path) -> Said:
    """A search with finals, told to both."""
    return run("--subset", "0.1", "--trials", "3", "--study", "climb <b>", *BOTH)


def found(name: str, store: str = "sqlite:///hpsearch.db") -> tuple[Study, list[Trial]]:
    """Return a study and its trials."""
    with StudyStore.open(store) as opened:
        study = opened.study(name)
        return study, opened.trials(study.study_id)


def mlflow_runs(study: Study) -> dict[str, Any]:
    """Return the runs in the study's own MLflow by name; there must be one of each name."""
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{study.folder}/mlflow.db")
    experiment = client.get_experiment_by_name(study.name)
    runs = client.search_runs([experiment.experiment_id])
    names = Counter(one.info.run_name for one in runs)
    assert {1} == set(names.values()), names
    return {one.info.run_name: one for one in runs}


def events(study: Study, folder: str) -> Any:
    """Return what TensorBoard reads of one run, which must be one file."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    where = Path(study.folder) / "tensorboard" / folder
    assert 1 == len(list(where.iterdir()))
    reader = EventAccumulator(str(where))
    reader.Reload()
    return reader


def text(reader: Any, tag: str) -> str:
    """Return a text in a run of TensorBoard."""
    return reader.Tensors(f"{tag}/text_summary")[0].tensor_proto.string_val[0].decode()


def flat(config: dict[str, Any]) -> dict[str, Any]:
    """Return all of a row's configuration by the names that a run may have."""
    sections = {f"{part}.{name}": value for part in ("model", "data") for name, value in config[part].items()}
    return {**config["args"], **sections, "fraction": config["fraction"], "seed": config["seed"]}


def test_each_trial_is_one_run_with_its_configuration(climbed: Said) -> None:
    """Promotions and finals as well: one run each, named study/number, its parameters those of the row, its metrics
    those that the Trainer logged.
    """
    study, trials = found("climb <b>")
    runs = mlflow_runs(study)

    assert {Phase.SEARCH, Phase.FINAL} <= {one.phase for one in trials}
    assert {f"climb <b>/{one.number}" for one in trials} == set(runs)
    assert {str(one.number) for one in trials} == set(os.listdir(Path(study.folder) / "tensorboard"))
    for trial in trials:
        told = runs[f"climb <b>/{trial.number}"]
        own = flat(trial.config)
        assert {name: str(own[name]) for name in told.data.params} == told.data.params
        assert {*(trial.params or {}), "fraction", "seed"} <= set(told.data.params)
        assert len(told.data.params) < 30, "transformers' defaults are noise"
        assert STATUS[trial.state] == told.info.status
        assert trial.state.value.lower() == told.data.tags["state"]
        assert trial.score == told.data.metrics["score"]
        assert trial.curve[-1]["metrics"]["eval_accuracy"] == told.data.metrics["eval_accuracy"]
        assert {"loss", "train_loss"} <= set(told.data.metrics)


def test_tensorboard_has_curve_configuration_and_end(climbed: Said) -> None:
    """Each run has the learning curve at its steps, the whole configuration as text, and the status of the trial."""
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    study, trials = found("climb <b>")
    for trial in trials:
        reader = events(study, str(trial.number))
        steps = [one.value for one in reader.Scalars("eval/accuracy")]
        assert [point["metrics"]["eval_accuracy"] for point in trial.curve] == pytest.approx(steps)
        assert trial.config == json.loads(text(reader, "args"))
        assert trial.state.value.lower() == text(reader, "state")
        start, end = (
            HParamsPluginData.FromString(reader.SummaryMetadata(f"_hparams_/session_{name}_info").plugin_data.content)
            for name in ("start", "end")
        )
        rate = start.session_start_info.hparams["learning_rate"].number_value
        assert trial.params["learning_rate"] == pytest.approx(rate)
        assert (1 if trial.state is TrialState.COMPLETE else 2) == end.session_end_info.status


def test_nothing_is_written_elsewhere_nor_to_stdout(place: Path, climbed: Said) -> None:
    """stdout is JSON alone, and all files are in the study's folder."""
    assert "climb <b>" == climbed.json()["study"]
    assert {"cache", "hpsearch-output", "hpsearch.db", "space.yaml", "train.csv", "valid.csv"} >= {
        name for name in os.listdir(place) if not name.startswith("hpsearch.db-")
    }
    assert "INFO" not in climbed.err


def test_it_is_no_part_of_the_problem(place: Path, climbed: Said) -> None:
    """The same search without trackers, or with one, goes on; what they are told is what the last command said."""
    study = found("climb <b>")[0]
    assert ("tensorboard", "mlflow") == trackers_of(study)
    run("--subset", "0.1", "--trials", "4", "--study", "climb <b>", "--report-to", "tensorboard")
    study, trials = found("climb <b>")
    added = [one for one in trials if f"{study.name}/{one.number}" not in mlflow_runs(study)]

    assert added
    assert {str(one.number) for one in trials} == set(os.listdir(Path(study.folder) / "tensorboard"))
    assert "reports to" in done("show", "climb <b>").out


def test_two_workers_tell_of_each_trial_once(place: Path) -> None:
    """Worker processes use one MLflow database, and no run is doubled or lost."""
    run(*TINY[2:], "--trials", "4", "--jobs", "2", "--strategy", "single", "--confirm", "none", "--no-retrain",
        "--study", "pair", *BOTH)  # fmt: skip
    study, trials = found("pair")

    assert {f"pair/{one.number}" for one in trials} == set(mlflow_runs(study))
    assert {"FINISHED"} == {one.info.status for one in mlflow_runs(study).values()}
    assert {str(one.number) for one in trials} == set(os.listdir(Path(study.folder) / "tensorboard"))


class Fails(TrainerCallback):
    """Ends a training at its second step, each as told."""

    def __init__(self, *errors: Any) -> None:
        self.errors = errors  # the copies that trials get share it

    def __deepcopy__(self, memo: Any) -> Fails:
        return self

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.error, self.errors = (self.errors or [None])[0], self.errors[1:]

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == 2 and self.error is not None:
            raise self.error


def test_every_way_out_closes_the_run(toy: Any) -> None:
    """Complete, failed by code, out of memory, Ctrl-C: each is closed with how it ended; an attempt that was
    interrupted begins anew, and is one run in the end.
    """
    failing = Fails(None, KeyError("boom"), MemoryError("no room"), None, KeyboardInterrupt())
    given = {"trials": 4, "report_to": ["tensorboard", "mlflow"], "study": "ends", "max_failures": 9}
    trainer = toy.trainer(callbacks=[failing])
    with pytest.raises(KeyboardInterrupt):
        toy.search(trainer, **given)
    study, trials = found("ends", toy.store)
    runs = mlflow_runs(study)
    waiting = next(one for one in trials if one.state is TrialState.WAITING)
    assert "interrupted" == runs[f"ends/{waiting.number}"].data.tags["state"]
    assert "KILLED" == runs[f"ends/{waiting.number}"].info.status
    assert "interrupted" == text(events(study, str(waiting.number)), "state")

    toy.search(trainer, **given)
    study, trials = found("ends", toy.store)
    runs = mlflow_runs(study)
    assert {f"ends/{one.number}" for one in trials} == set(runs)
    assert {"code", "oom"} <= {one.failure for one in trials}
    for trial in trials:
        told = runs[f"ends/{trial.number}"]
        assert (STATUS[trial.state], trial.failure) == (told.info.status, told.data.tags.get("failure"))
        assert trial.failure_message == told.data.tags.get("message")
        assert trial.state.value.lower() == text(events(study, str(trial.number)), "state")


def test_pruned_and_timed_out_trials_are_closed(toy: Any) -> None:
    """A pruner's decision and the time that a trial may take end a run, too."""

    class Slow(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            threading.Event().wait(0.4)

    study = toy.search(toy.trainer(), trials=5, pruner="asha", sampler="random", study="pruned", report_to="mlflow")
    record, trials = found("pruned", toy.store)
    assert TrialState.PRUNED in {one.state for one in study.trials}
    assert [STATUS[one.state] for one in trials] == [
        mlflow_runs(record)[f"pruned/{one.number}"].info.status for one in trials
    ]
    with contextlib.suppress(hpsearch.HpsearchError):
        toy.search(
            toy.trainer(callbacks=[Slow()]),
            trials=1,
            max_failures=1,
            trial_timeout=0.5,
            study="slow",
            report_to="mlflow",
        )
    record, trials = found("slow", toy.store)
    assert "timeout" == mlflow_runs(record)["slow/0"].data.tags["failure"]


def test_a_population_goes_on_in_its_runs(toy: Any) -> None:
    """Trials that wait for each other at rungs are one run each, from the first step to the last."""
    toy.search(toy.trainer(), trials=4, pruner="pbt", study="pbt", report_to=("tensorboard", "mlflow"))
    study, trials = found("pbt", toy.store)
    runs = mlflow_runs(study)

    assert {f"pbt/{one.number}" for one in trials} == set(runs)
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{study.folder}/mlflow.db")
    for trial in trials:
        told = runs[f"pbt/{trial.number}"]
        assert "FINISHED" == told.info.status
        assert 4 == len(client.get_metric_history(told.info.run_id, "eval_loss"))


def test_somebodys_own_run_goes_on(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search inside a run of the program's own leaves that alone, and obeys where MLflow was told to write."""
    uri = f"sqlite:///{toy.folder}/own.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with mlflow.start_run(run_name="mine") as mine:
        toy.search(toy.trainer(), report_to="mlflow", study="inside")
        assert mine.info.run_id == mlflow.active_run().info.run_id
    client = mlflow.MlflowClient(tracking_uri=uri)
    ids = [one.experiment_id for one in client.search_experiments()]

    assert {"mine", "inside/0", "inside/1"} == {one.info.run_name for one in client.search_runs(ids)}
    assert {} == client.get_run(mine.info.run_id).data.params
    assert not (Path(found("inside", toy.store)[0].folder) / "mlflow.db").exists()


def test_the_trainers_own_reports_are_not_doubled(toy: Any) -> None:
    """With `report_to`, the integrations in the Trainer's arguments are left out; the Trainer stays as it was."""
    trainer = toy.trainer(args={"report_to": ["tensorboard"]})
    toy.search(trainer, report_to="tensorboard", study="once")
    folder = Path(found("once", toy.store)[0].folder)

    assert 2 == sum("tfevents" in name for name in files_below(folder))
    assert ["tensorboard"] == trainer.args.report_to


def test_a_tracker_that_fails_ends_no_trial(toy: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A server that is away and a folder that cannot be written are each told once, and every trial is complete."""
    (toy.folder / "out").mkdir()
    with pytest.MonkeyPatch.context() as patch, broken_server() as address:
        patch.setenv("MLFLOW_TRACKING_URI", address)
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        patch.setattr("torch.utils.tensorboard.SummaryWriter", no_room)
        study = toy.search(toy.trainer(), report_to=["mlflow", "tensorboard"], study="away", trials=3, quiet=False)

    assert [TrialState.COMPLETE] * 3 == [one.state for one in study.trials]
    said = capsys.readouterr().err
    assert 1 == said.count("the tracker mlflow fails")
    assert 1 == said.count("the tracker tensorboard fails, and the trials go on without it: OSError: no room")
    assert 3 <= Path(found("away", toy.store)[0].folder, "log.txt").read_text().count("tracker tensorboard fails")


def no_room(*args: Any, **named: Any) -> None:
    """Fail as on a full disk."""
    raise OSError("no room")


@contextlib.contextmanager
def broken_server() -> Iterator[str]:
    """Serve errors, and yield the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(500)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_what_is_no_tracker_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown name, and one whose package is not installed, before anything is written."""
    before = files_below(place)
    words = ("run", *FILES, *COLUMNS, *TINY, "--study", "none")
    refused(command(*words, "--report-to", "mlflw"), "mlflow")
    refused(command(*words, "--report-to", "<script>alert(1)</script>"), "unknown tracker")
    monkeypatch.setattr("hpsearch.search.trackers.trackers.find_spec", lambda name: None)
    refused(command(*words, "--report-to", "tensorboard"), "pip install tensorboard")

    assert before == files_below(place)


def test_wandb_switched_offline_leaves_stdout_alone(place: Path) -> None:
    """`WANDB_MODE=offline`, of which transformers tells on stdout, is obeyed without a word there."""
    said = subprocess.run(
        [sys.executable, "-c", MAIN, "check", *FILES, *COLUMNS, *TINY, "--json"],
        env={**os.environ, "WANDB_MODE": "offline"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert {"summary", "understood", "identity"} == set(json.loads(said.stdout))


def test_names_may_be_given_one_by_one_or_together() -> None:
    """As text with commas, as several, each once."""
    assert ("mlflow", "tensorboard") == check_trackers(["mlflow, tensorboard", "mlflow"])
    assert () == check_trackers([])
    assert () == check_trackers("")
