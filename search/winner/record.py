"""What a model folder says of itself for programs, in `hpsearch.json`; what it tells people is `card`.

The folder may be published as it is, so nothing here says where anything lies on this machine.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...spaces.errors import BadInput
from ...studies.records import Trial
from ..metrics import THRESHOLD
from ..trial.configuration import Configuration
from .places import without_places

if TYPE_CHECKING:
    from ..study_run import StudyRun

#: The file in a model folder that says where the model comes from.
RECORD = "hpsearch.json"


def model_record(
    run: StudyRun,
    configuration: Configuration,
    trial: Trial,
    metrics: dict[str, float],
    seconds: dict[str, float],
) -> dict[str, Any]:
    """Return what `hpsearch.json` says."""
    identity = run.study.spec["identity"]
    return {
        "study": run.study.name,
        "trial": trial.number,
        "objective": run.study.objective,
        "direction": run.study.direction,
        "search_score": trial.score,
        "search_fraction": trial.fraction,
        "params": without_places(trial.params),
        "configuration": without_places(configuration.to_dict()),
        "task": run.study.spec["notes"].get("task"),
        "data": json.dumps(identity["data"]) if isinstance(identity["data"], dict) else identity["data"],
        "max_length": run.problem.max_length,
        **({THRESHOLD: trial.metrics[f"eval_{THRESHOLD}"]} if f"eval_{THRESHOLD}" in trial.metrics else {}),
        "versions": identity["versions"],
        "metrics": metrics,
        "seconds": seconds,
    }


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Write what `hpsearch.json` says into a model folder."""
    (folder / RECORD).write_text(json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False), encoding="utf-8")


def read_record(folder: Path) -> dict[str, Any]:
    """Return what `hpsearch.json` in a model folder says. Raises `BadInput` if the folder is not one of ours."""
    if not folder.is_dir():
        raise BadInput(
            f"there is no model folder {str(folder)!r}",
            hint="`hpsearch show STUDY` names the folder of its model",
        )
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(f"{str(folder)!r} has no {RECORD}: it is no model of hpsearch") from None
    except ValueError as error:
        raise BadInput(f"{str(folder / RECORD)!r} is not valid JSON: {error}") from None
    if not isinstance(record, dict):
        raise BadInput(f"{str(folder / RECORD)!r} holds no record of a model")
    return record
