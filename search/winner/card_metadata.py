"""The part of a model card that the hub reads: task, data set, metrics and the `model-index`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..tasks import METRICS, Task
from .card_facts import Facts, is_known

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

PIPELINE = "text-classification"
TAGS = ("hpsearch", "hyperparameter-search")
#: What the hub calls a metric, where that is another name than ours.
METRIC_IDS = {"pearson": "pearsonr"}


def metadata(facts: Facts) -> ModelCardData:
    """Return what is known, and nothing else: a licence never is."""
    from huggingface_hub import ModelCardData

    names = [METRIC_IDS.get(name, name) for name in facts.metrics if name in METRICS]
    results = evaluation_results(facts)
    found: dict[str, Any] = {
        "language": facts.language,
        "library_name": facts.library,
        "pipeline_tag": PIPELINE if classifies_text(facts) else None,
        "base_model": facts.base_model,
        "datasets": [facts.data_set.repository] if facts.data_set else None,
        "metrics": names or None,
        "tags": [*TAGS, *more_tags(facts)],
        "model_name": facts.study.name if results else None,
        "eval_results": results or None,
    }
    return ModelCardData(**{name: value for name, value in found.items() if value is not None})


def more_tags(facts: Facts) -> list[str]:
    """Return what a model of this kind is looked for by."""
    is_regression = facts.task is not None and facts.task.is_regression
    return [
        *([str(facts.adapter.get("kind", "LoRA")).lower()] if facts.adapter else []),
        *(["regression"] if is_regression else []),
    ]


def classifies_text(facts: Facts) -> bool:
    """Return whether the pipeline `text-classification` opens the model; it is also that for regressions."""
    own = (facts.architecture or "").endswith("ForSequenceClassification")
    return is_known(facts.architecture) and (facts.task is not None or own)


def evaluation_results(facts: Facts) -> list[EvalResult]:
    """Return the metrics on the report split; none for a score of rows that the configuration was chosen by."""
    from huggingface_hub import EvalResult

    task = facts.task
    if task is None or not facts.on_report:
        return []
    data = facts.data_set
    return [
        EvalResult(
            task_type=PIPELINE,
            task_name="Text regression" if task.is_regression else "Text classification",
            dataset_type=data.repository if data else "demo" if task.generated else "custom",
            dataset_name=task.name,
            dataset_config=data.config if data else None,
            dataset_split=split_name(facts, task),
            metric_type=METRIC_IDS.get(name, name),
            metric_name=f"f1 ({f1_of(task)})" if name == "f1" and f1_of(task) else name,
            metric_value=value,
        )
        for name, value in facts.metrics.items()
        if math.isfinite(value) and (name in METRICS or f"eval_{name}" == facts.study.objective)
    ]


def f1_of(task: Task) -> str:
    """Return what F1 is of, where its name does not say so: a class of the user's own two, or all of more."""
    if task.num_labels > 2:
        return "macro"
    return task.positive_label or "" if task.is_own else ""


def split_name(facts: Facts, task: Task) -> str:
    """Return which rows the report split has."""
    if not facts.is_validation:
        return "held out of train"
    return task.hub.validation if task.hub else "validation"
