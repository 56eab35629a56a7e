"""What is known of a retrained model, gathered for its card: `card_metadata` and `card` say it.

A study made in Python has no task and no options: what is not known is None, and the card leaves it out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ...studies.objective import NOT_METRICS
from ...studies.records import Model, Study, Trial
from ..data.files import SUFFIXES
from ..model.models import TINY
from ..tasks import Task

if TYPE_CHECKING:
    from ..study_run import StudyRun

#: Languages of the data sets that tasks are made of; nothing is known of anybody else's.
LANGUAGES = {"nyu-mll/glue": "en", "clue/clue": "zh"}


class DataSet(NamedTuple):
    """A data set on the hub."""

    repository: str
    config: str | None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that a model card is made of."""

    study: Study
    trials: Sequence[Trial]
    models: Sequence[Model]  #: of the study, all but the one in this folder
    trial: Trial  #: whose configuration the model has
    record: Mapping[str, Any]  #: what `hpsearch.json` says
    architecture: str | None  #: the class of a model of transformers
    library: str | None  #: what opens the folder
    is_validation: bool  #: whether the report split is the data set's own validation part

    @classmethod
    def of(cls, run: StudyRun, trial: Trial, record: Mapping[str, Any], folder: Path) -> Facts:
        """Gather them; the study is read again, for its verdict may be younger than the run."""
        raw = getattr(run.problem.source, "raw", None)
        study = run.store.study(run.study.name)
        return cls(
            study=study,
            trials=run.store.trials(study.study_id),
            models=[one for one in run.store.models(study.study_id) if Path(one.folder) != folder],
            trial=trial,
            record=record,
            architecture=architecture_in(folder),
            library=library_of(folder),
            is_validation=raw is not None and raw.validation is not None,
        )

    @property
    def task(self) -> Task | None:
        """The task, where the study has one."""
        written = self.record.get("task")
        return Task.from_dict(written) if written else None

    @property
    def adapter(self) -> Mapping[str, Any]:
        """What is known of the adapters that were trained; nothing where all weights were, or the head alone."""
        return dict(self.record.get("adapter") or {})

    @property
    def options(self) -> Mapping[str, Any]:
        """The options that made the problem, none for a study made in Python."""
        return dict(self.study.spec["notes"].get("options") or {})

    @property
    def base_model(self) -> str | None:
        """The name of the model on the hub that this one began as; None for `tiny` and for a folder."""
        if self.options.get("trainer") or self.options.get("script") or self.options.get("model_init"):
            return None  # the user's own function knows
        name = str(self.options.get("model", TINY))
        local = name == TINY or Path(name).is_absolute() or name.startswith((".", "~")) or not is_hub_name(name)
        return None if local else name

    @property
    def data_set(self) -> DataSet | None:
        """The data set on the hub; None for a corpus of ours and for files of the user's."""
        hub, given = self.task.hub if self.task else None, str(self.options.get("train_file") or "")
        if hub is not None:
            return DataSet(hub.repository, hub.config)
        name, _, config = given.partition(":")
        if Path(given).is_absolute() or Path(given).suffix.lower() in SUFFIXES or not is_hub_name(name):
            return None
        return DataSet(name, config or None)

    @property
    def language(self) -> str | None:
        """The language of the data, where that is known."""
        if self.task is not None and self.task.generated:
            return "en"
        return LANGUAGES.get(self.data_set.repository) if self.data_set else None

    @property
    def on_report(self) -> bool:
        """Whether the metrics are those of rows that nothing was chosen by."""
        return self.record.get("evaluated_on") == "report"

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics without `eval_`, the objective first; what is no metric is left out."""
        objective = str(self.record["objective"])
        written = dict(self.record["metrics"])
        ordered = {objective: written.pop(objective, None), **written}
        names = {name: name.removeprefix("eval_") for name in ordered}
        return {
            names[name]: float(value)
            for name, value in ordered.items()
            if value is not None and not re.search(rf"(^|_)({'|'.join(NOT_METRICS)})$", names[name])
        }


def is_hub_name(name: str) -> bool:
    """Return whether the hub's rules allow a repository of that name."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return True


def architecture_in(folder: Path) -> str | None:
    """Return the class of the model in a folder; None where transformers would not open it."""
    try:
        written = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return str(written["architectures"][0])
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


#: Files by which a folder is known to be a library's.
LIBRARY_FILES = {
    "config_setfit.json": "setfit",
    "modules.json": "sentence-transformers",
    "adapter_config.json": "peft",
}


def library_of(folder: Path) -> str | None:
    """Return the library that opens a model folder; None where that is not known."""
    known = (library for name, library in LIBRARY_FILES.items() if (folder / name).is_file())
    return next(known, "transformers" if architecture_in(folder) else None)


def is_known(architecture: str | None) -> bool:
    """Return whether transformers itself has the class of a model, so that anybody can open it."""
    import transformers

    return architecture is not None and architecture.isidentifier() and hasattr(transformers, architecture)
