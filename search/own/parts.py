"""Parts of a task's Trainer that functions of the user's own stand for: its model, and how predictions are scored."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...spaces.errors import BadInput
from ..making.suggested import ModelValues, suggestions_of
from ..model.heads import settled_own
from ..model.models import ModelSource
from ..tasks import Task
from ..trial.trainer import accepted_sections
from .code import OwnCode, absolute
from .factory import function_from


@dataclass(frozen=True, kw_only=True)
class OwnModelInit:
    """The `model_init` of a task's Trainer whose models a user's function makes; see `models.ModelInit`."""

    make: Callable[..., Any]
    takes_values: bool  #: whether it is handed a trial's `model.*` values
    suggests: bool  #: whether it asks a trial for them, and makes a model without one, too
    source: ModelSource  #: whose tokenizer the texts go through
    task: Task
    tokenizer: Any

    def __call__(self, params: Mapping[str, Any] | None = None) -> Any:
        """Return a new model."""
        return settled_own(self.make(*self.given(params)), self.task)

    def given(self, params: Mapping[str, Any] | None) -> tuple[Any, ...]:
        """Return what the function is called with: nothing, a trial's values, or None where there is no trial."""
        if not self.takes_values:
            return ()
        return (None if self.suggests and not params else ModelValues(params or {}),)

    def keys(self) -> tuple[str, ...] | None:
        """Return the `model.*` names a space may have; None for any."""
        return None if self.takes_values else ()


def own_model_init(code: OwnCode, source: ModelSource, task: Task, tokenizer: Any) -> OwnModelInit | None:
    """Return what `--model-init` names; None where it names nothing. Raises `BadInput` for what is no such function."""
    if code.model_init is None:
        return None
    make = function_from(absolute(code.model_init))
    takes = accepted_sections(make)
    suggests = bool(suggestions_of(make))
    return OwnModelInit(make=make, takes_values=takes, suggests=suggests, source=source, task=task, tokenizer=tokenizer)


def own_metrics(code: OwnCode) -> Callable[..., Any] | None:
    """Return what `--compute-metrics` names; None where it names nothing."""
    return None if code.compute_metrics is None else function_from(absolute(code.compute_metrics))


def own_identity(code: OwnCode, model: Any) -> dict[str, Any]:
    """Return the part of a study's identity that is the user's own code: a changed metric is another problem."""
    from ..data.fingerprints import model_config_fingerprint

    found: dict[str, Any] = {}
    if code.model_init is not None:
        found["model_init"] = model_config_fingerprint(model)
    metrics = own_metrics(code)
    if metrics is not None:
        found["compute_metrics"] = source_fingerprint(metrics)
    return found


def source_fingerprint(function: Any) -> str:
    """Return a hash of a function's source; of its name where there is no source."""
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        text = getattr(function, "__qualname__", type(function).__qualname__)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_outputs(model: Any, task: Task) -> None:
    """Raise `BadInput` for a model whose number of outputs is not that of the task's labels."""
    outputs = getattr(getattr(model, "config", None), "num_labels", None)
    if outputs is not None and outputs != task.num_labels:
        raise BadInput(
            f"--model-init returns a model of {outputs} outputs, and the task {task.name!r} needs {task.num_labels}",
            hint=f"pass num_labels={task.num_labels} where the model is made",
        )
