"""What a trained model predicts for the report split; its labels are not looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..label_sets import encoded, probabilities_of
from ..metrics import THRESHOLD, first_logits
from ..ranks.ranks import PREDICT
from .ledger import EVALUATE

if TYPE_CHECKING:
    from .training import Training


def report_predictions(trainer: Any, run: Training) -> list[Any] | None:
    """Return what the trained model predicts for each row; None where there is no report split."""
    configuration = run.configuration
    if configuration is None or (report := run.splits(configuration).report) is None:
        return None
    run.ranks.tell(PREDICT)
    trainer.compute_metrics = None
    trainer.args.train_sampling_strategy = "random"  # grouped by length, rows would come in another order
    with run.booked(EVALUATE):
        found = first_logits(trainer.predict(report).predictions)
    if is_several(trainer.model):
        chosen = 0.5 if run.scored is None else run.scored.metrics[f"eval_{THRESHOLD}"]  # a follower's are not kept
        return [int(one) for one in encoded(probabilities_of(found) >= chosen)]
    if found.ndim == 2 and found.shape[1] > 1:
        return [int(one) for one in found.argmax(axis=1)]
    return [float(one) for one in found.reshape(len(found), -1)[:, 0]]


def is_several(model: Any) -> bool:
    """Return whether a model of a task gives each row several labels."""
    return getattr(getattr(model, "config", None), "problem_type", None) == "multi_label_classification"
