"""One run of one trial in one tracker, by transformers' own callback for that tracker.

The callbacks are made for one training in one process: they keep the tracker's run in a global, name it after the
Trainer's folder, log every default, and leave it open where a training ends by an exception. So each is given a run
that was opened here, in place of the tracker's module; `tracking` opens and closes it.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from transformers.integrations import MLflowCallback, TensorBoardCallback, TrackioCallback, WandbCallback
from transformers.integrations.integration_utils import WandbLogModel

from ...studies.records import Study, TrialState
from ..paths import StudyPaths
from ..quiet import chatter_to
from .trackers import trackers_of

PROJECT = "hpsearch"
#: Tags of a run in MLflow by which it is found again: the study's, the trial's and the attempt's.
UID, TRIAL, ATTEMPT = "hpsearch.study", "hpsearch.trial", "hpsearch.attempt"


@dataclass(frozen=True, kw_only=True)
class About:
    """What a tracker is told of a trial."""

    study: Study
    number: int
    attempt: int
    phase: str
    goes_on: bool  #: whether it waited at a rung, and its run is there already
    called: str | None = None  #: by the user; else it has the name of the study and the trial's number
    params: Mapping[str, Any]  #: the resolved configuration, by name
    configuration: Mapping[str, Any]  #: all of it, as the trial's row has it

    @property
    def name(self) -> str:
        """What the run is called."""
        return self.called or f"{self.study.name}/{self.number}"

    @property
    def key(self) -> str:
        """A name of letters and digits that no other attempt has."""
        return f"{self.study.uid}-{self.number}-{self.attempt}"

    def arguments(self) -> Any:
        """Return what a callback takes for the Trainer's arguments: it logs them as the parameters of the run."""
        return SimpleNamespace(
            to_dict=lambda: dict(self.params),
            to_json_string=lambda: json.dumps(self.configuration, indent=2),
            run_name=self.name,
            output_dir=self.study.folder,
            project=PROJECT,
            trackio_space_id=None,
            trackio_bucket_id=None,
            hub_private_repo=None,
        )


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a trial ended, or why it runs no longer."""

    state: str  #: as in the trial's row, or `INTERRUPTED`, or `WAITING` at a rung
    failure: str | None = None
    message: str | None = None
    score: float | None = None

    @property
    def is_good(self) -> bool:
        """Whether the trial came to its end."""
        return self.state in (TrialState.COMPLETE, TrialState.INFEASIBLE)

    def words(self) -> dict[str, str]:
        """Return what is known, as text."""
        found = {"state": self.state.lower(), "failure": self.failure, "message": self.message}
        return {name: value for name, value in found.items() if value}


class TrackerRun:
    """A run that is open in a tracker; `callback` is transformers'."""

    callback: Any

    def __init__(self, about: About) -> None:
        raise NotImplementedError

    def close(self, ending: Ending) -> None:
        """Say how the trial ended, and close the run."""
        raise NotImplementedError


class TensorBoardRun(TrackerRun):
    """Event files in `tensorboard/NUMBER` of the study's folder, with the values for the page HPARAMS."""

    def __init__(self, about: About) -> None:
        from torch.utils.tensorboard import SummaryWriter
        from torch.utils.tensorboard.summary import hparams

        attempt = "" if about.attempt == 1 else f"-{about.attempt}"
        folder = Path(about.study.folder) / "tensorboard" / f"{about.number}{attempt}"
        if not about.goes_on:
            shutil.rmtree(folder, ignore_errors=True)  # what an interrupted search left of this attempt
        self.writer = SummaryWriter(log_dir=str(folder))
        self.callback = TensorBoardCallback(tb_writer=self.writer)
        values = {name: value if isinstance(value, int | float) else str(value) for name, value in about.params.items()}
        experiment, start, self.last = hparams(values, {f"eval/{about.study.objective.removeprefix('eval_')}": 0.0})
        for summary in (experiment, start):
            self.writer.file_writer.add_summary(summary)

    def close(self, ending: Ending) -> None:
        """Write the state as a text, and the status that the page HPARAMS shows."""
        from tensorboard.plugins.hparams.api_pb2 import STATUS_FAILURE
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

        if not ending.is_good:  # torch knows successes alone, and tensorboard's own function needs tensorflow
            about = self.last.value[0].metadata.plugin_data
            end = HParamsPluginData.FromString(about.content)
            end.session_end_info.status = STATUS_FAILURE
            about.content = end.SerializeToString()
        for name, value in ending.words().items():
            self.writer.add_text(name, value)
        if ending.score is not None:
            self.writer.add_scalar("score", ending.score)
        self.writer.file_writer.add_summary(self.last)
        self.writer.close()


class MLflowRun(TrackerRun):
    """A run in the experiment of the study's name; in `mlflow.db` of the study's folder unless MLflow is told where."""

    def __init__(self, about: About) -> None:
        self.client, experiment = mlflow_experiment(about.study)
        found = self.earlier(about, experiment)
        if found is None:
            tags = {UID: about.study.uid, TRIAL: str(about.number), ATTEMPT: str(about.attempt)}
            made = self.client.create_run(experiment, run_name=about.name, tags={**tags, "phase": about.phase})
            found = made.info.run_id
        self.run_id = found
        self.callback = MLflowCallback()
        self.callback._ml_flow = SimpleNamespace(
            __version__=self.callback._ml_flow.__version__,
            is_tracking_uri_set=lambda: True,
            get_tracking_uri=lambda: self.client.tracking_uri,
            active_run=lambda: SimpleNamespace(info=SimpleNamespace(run_id=found)),
            log_params=self.log_params,
            log_metrics=self.log_metrics,
            set_tags=self.set_tags,
            **dict.fromkeys(("set_experiment", "start_run", "end_run"), lambda *args, **named: None),
        )

    def earlier(self, about: About, experiment: str) -> str | None:
        """Return the run to go on with, if one is there; those that nobody goes on with are closed or removed.

        A killed worker leaves one open. An attempt that was interrupted begins anew.
        """
        mine = f"tags.`{UID}` = '{about.study.uid}' and tags.`{TRIAL}` = '{about.number}'"
        going_on = None
        for run in self.client.search_runs([experiment], mine):
            if run.data.tags.get(ATTEMPT) != str(about.attempt):
                if run.info.status == "RUNNING":
                    self.client.set_terminated(run.info.run_id, "KILLED")
            elif about.goes_on:
                going_on = run.info.run_id
                self.client.update_run(going_on, status="RUNNING")
            else:
                self.client.delete_run(run.info.run_id)
        return going_on

    def log_params(self, params: Mapping[str, Any], **how: Any) -> None:
        """Log parameters; those of a run that goes on are there already, and may have changed on the way."""
        from mlflow.entities import Param

        known = self.client.get_run(self.run_id).data.params
        new = [Param(name, str(value)) for name, value in params.items() if name not in known]
        self.client.log_batch(self.run_id, params=new)

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0, **how: Any) -> None:
        """Log metrics at once, so that none is lost."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self.client.log_batch(self.run_id, [Metric(name, value, now, step) for name, value in metrics.items()])

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags."""
        for name, value in tags.items():
            self.client.set_tag(self.run_id, name, value)

    def close(self, ending: Ending) -> None:
        """Tag the run with how the trial ended, and end it."""
        self.set_tags(ending.words())
        if ending.score is not None:
            self.log_metrics({"score": ending.score})
        statuses: dict[str, str] = {TrialState.FAILED: "FAILED", TrialState.WAITING: "SCHEDULED"}
        status = "FINISHED" if ending.is_good else statuses.get(ending.state, "KILLED")
        self.client.set_terminated(self.run_id, status)


def mlflow_experiment(study: Study) -> tuple[Any, str]:
    """Return a client of MLflow and the id of the study's experiment, which is made if it is not there."""
    # Unless somebody says otherwise, a server that is away is not waited for, and no address goes to stdout.
    for name, value in (("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2"), ("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")):
        os.environ.setdefault(name, value)
    import mlflow
    from mlflow.exceptions import MlflowException

    own = f"sqlite:///{Path(study.folder) / 'mlflow.db'}"
    local = not mlflow.is_tracking_uri_set()
    client = mlflow.MlflowClient(tracking_uri=own if local else mlflow.get_tracking_uri())
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or study.name
    found = client.get_experiment_by_name(name)
    if found is None:
        artifacts = (Path(study.folder) / "mlflow").as_uri() if local else None
        try:
            return client, client.create_experiment(name, artifact_location=artifacts)
        except MlflowException:  # another worker was quicker
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return client, found.experiment_id


class WandbRun(TrackerRun):
    """A run of Weights & Biases in the project `hpsearch`, or WANDB_PROJECT; the study is its group."""

    def __init__(self, about: About) -> None:
        import wandb

        self.run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or PROJECT,
            group=about.study.name,
            name=about.name,
            id=about.key,  # an attempt that begins anew replaces what it left
            resume="allow" if about.goes_on else None,
            job_type=about.phase,
            dir=about.study.folder,
            reinit="create_new",  # somebody's own run goes on
            settings=wandb.Settings(silent=True, console="off"),  # what is on the screen is no result of a trial
        )
        self.callback = WandbCallback()
        self.callback._log_model = WandbLogModel.FALSE  # the study keeps the models
        self.callback._wandb = SimpleNamespace(
            run=self.run,
            config=self.run.config,
            log=self.run.log,
            define_metric=self.run.define_metric,
            watch=lambda *args, **named: None,
        )

    def close(self, ending: Ending) -> None:
        """Put into the summary how the trial ended, and end the run."""
        self.run.summary.update(ending.words() | ({} if ending.score is None else {"score": ending.score}))
        self.run.finish(exit_code=int(ending.state in (TrialState.FAILED, "INTERRUPTED")))


class TrackioRun(TrackerRun):
    """A run of Trackio in the project `hpsearch`; the study is its group."""

    def __init__(self, about: About) -> None:
        import trackio

        current = trackio.context_vars.current_run
        before = current.get()
        current.set(None)  # somebody's own run goes on: `init` would finish it
        try:
            self.run = trackio.init(
                project=os.environ.get("TRACKIO_PROJECT") or PROJECT,
                name=about.name,
                group=about.study.name,
                config=dict(about.params),
                resume="allow" if about.goes_on else "never",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )
        finally:
            current.set(before)
        self.callback = TrackioCallback()
        self.callback._trackio = SimpleNamespace(log=self.run.log)
        self.callback._initialized = True  # the parameters are in `config`

    def close(self, ending: Ending) -> None:
        """Log how the trial ended, and end the run."""
        self.run.log(ending.words() | ({} if ending.score is None else {"score": ending.score}))
        self.run.finish()


RUNS: dict[str, type[TrackerRun]] = {
    "tensorboard": TensorBoardRun,
    "mlflow": MLflowRun,
    "wandb": WandbRun,
    "trackio": TrackioRun,
}


def prepare(study: Study) -> None:
    """Make what the trackers of a study need once, before several workers want it at the same time."""
    if "mlflow" not in trackers_of(study):
        return
    import mlflow  # noqa: F401 - it makes its logger, which has to be there to be led to the study's log

    paths = StudyPaths(Path(study.folder))
    paths.folder.mkdir(parents=True, exist_ok=True)
    with chatter_to(paths.log):
        mlflow_experiment(study)
