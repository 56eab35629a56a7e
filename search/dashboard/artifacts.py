"""The files that the dashboard offers with a study, made when they are asked for and kept nowhere."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, NoReturn

from optuna.artifacts.exceptions import ArtifactNotFound

from ...studies.records import Study
from .facts import Facts
from .pictures import confusion_matrix, has_curves, learning_curves


@dataclass(frozen=True)
class Artifact:
    """One kind of file."""

    number: int  #: in its id
    filename: str
    mimetype: str
    is_there: Callable[[Facts], bool]
    make: Callable[[Facts], str]  #: where it is there


def _classes(facts: Facts) -> dict[str, Any]:
    return (facts.study.verdict or {}).get("classes") or {}


def _matrix(facts: Facts) -> str:
    return confusion_matrix(_classes(facts)["labels"], _classes(facts)["matrix"])


def _report(facts: Facts) -> str:
    from ..report.facts import Facts as ReportFacts
    from ..report.page import study_page

    return study_page(ReportFacts(study=facts.study, trials=facts.trials, models=facts.models, best=facts.best))


SVG = "image/svg+xml"
CURVES = Artifact(0, "learning-curves.svg", SVG, has_curves, learning_curves)
MATRIX = Artifact(1, "confusion-matrix.svg", SVG, lambda facts: bool(_classes(facts)), _matrix)
REPORT = Artifact(2, "report.html", "text/html; charset=utf-8", lambda facts: bool(facts.trials), _report)
ARTIFACTS = {one.number: one for one in (CURVES, MATRIX, REPORT)}


def artifact_id(artifact: Artifact, study: Study) -> str:
    """Return the id of a study's file: hexadecimal digits and dashes, as optuna-dashboard wants them."""
    return f"{study.uid}-{artifact.number}"


def address(artifact: Artifact, study: Study, key: int) -> str:
    """Return where the dashboard serves the file of the study that it calls `key`."""
    return f"/artifacts/{key}/{artifact_id(artifact, study)}"


def artifacts(facts: Facts) -> dict[str, str]:
    """Return the files that a study has, as Optuna writes them into its attributes."""
    found = {artifact_id(one, facts.study): one for one in ARTIFACTS.values() if one.is_there(facts)}
    return {f"artifacts:{key}": json.dumps(_about(key, one)) for key, one in found.items()}


def _about(key: str, artifact: Artifact) -> dict[str, str | None]:
    return {"artifact_id": key, "filename": artifact.filename, "mimetype": artifact.mimetype, "encoding": None}


class MadeArtifacts:
    """Optuna's `ArtifactStore` that makes each file when it is read."""

    def __init__(self, facts_of: Callable[[str], Facts | None]) -> None:
        self._facts_of = facts_of  #: what is known of the study with a uid

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Return the file of that id. Raises `ArtifactNotFound`."""
        uid, _, number = artifact_id.partition("-")
        kind = ARTIFACTS.get(int(number)) if number.isdecimal() else None
        facts = self._facts_of(uid)
        if kind is None or facts is None or not kind.is_there(facts):
            raise ArtifactNotFound(artifact_id)
        return io.BytesIO(kind.make(facts).encode())

    def write(self, artifact_id: str, content_body: BinaryIO) -> NoReturn:
        """Refuse."""
        raise PermissionError("nothing is written here")

    def remove(self, artifact_id: str) -> NoReturn:
        """Refuse."""
        raise PermissionError("nothing is removed here")
