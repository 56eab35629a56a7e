"""What hpsearch knows of the fields of `TrainingArguments`, beyond their types.

Which of them no space may set, what became of names of transformers 4, and which numbers no training can use.
The types come from transformers itself; `binding.py` puts both to use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

_SCORED = "every trial is evaluated and scored in the same way, which hpsearch sees to"
_KEPT = "hpsearch decides what is saved, and where"
_TOLD = "hpsearch reports for all trials"
_DEVICE = "how devices are used belongs to the whole study"
_PRECISION = "precision belongs to the whole study (--precision)"
_BATCHES = "how batches are put together belongs to the whole study"
_HUB = "a trial is never uploaded"

RESERVED: Mapping[str, str] = {
    "accelerator_config": _DEVICE,
    "auto_find_batch_size": "it would train with another batch size than the one recorded",
    "batch_eval_metrics": _SCORED,
    "bf16*": _PRECISION,
    "data_seed": "the seed belongs to the study (--seed)",
    "ddp_*": _DEVICE,
    "debug": _TOLD,
    "deepspeed": _DEVICE,
    "disable_tqdm": _TOLD,
    "do_*": "hpsearch decides what is run",
    "enable_jit_checkpoint": _KEPT,
    "eval_*": _SCORED,
    "fp16*": _PRECISION,
    "fsdp*": _DEVICE,
    "full_determinism": "it belongs to the whole study",
    "greater_is_better": _SCORED,
    "hub_*": _HUB,
    "ignore_data_skip": _KEPT,
    "include_for_metrics": _SCORED,
    "include_num_input_tokens_seen": _TOLD,
    "label_names": _SCORED,
    "length_column_name": _BATCHES,
    "load_best_model_at_end": _SCORED,
    "local_rank": _DEVICE,
    "log_*": _TOLD,
    "logging_*": _TOLD,
    "max_steps": "a number of steps that suits a subset does not suit all the data; search num_train_epochs",
    "metric_for_best_model": _SCORED,
    "output_dir": _KEPT,
    "parallelism_config": _DEVICE,
    "prediction_loss_only": _SCORED,
    "project": _TOLD,
    "push_to_hub": _HUB,
    "remove_unused_columns": _BATCHES,
    "report_to": _TOLD,
    "restore_callback_states_from_checkpoint": _KEPT,
    "resume_from_checkpoint": _KEPT,
    "run_name": _TOLD,
    "save_*": _KEPT,
    "seed": "the seed belongs to the study (--seed)",
    "skip_memory_metrics": _TOLD,
    "tf32": _PRECISION,
    "trackio_*": _TOLD,
    "train_sampling_strategy": _BATCHES,
    "use_cpu": _DEVICE,
}
"""Fields (or patterns of them) that no space may set, and why."""

SUCCESSORS: Mapping[str, str] = {
    "adafactor": "optim: adafactor",
    "batch_size": "per_device_train_batch_size",
    "dispatch_batches": "accelerator_config, which belongs to the whole study",
    "dropout": "model.NAME, with the name the model's configuration has for it",
    "epochs": "num_train_epochs",
    "evaluate_during_training": "eval_strategy, which hpsearch sets",
    "evaluation_strategy": "eval_strategy, which hpsearch sets",
    "fp16_backend": "nothing: --precision chooses, for the whole study",
    "fp16_opt_level": "nothing: --precision chooses, for the whole study",
    "fsdp_min_num_params": "fsdp_config, which belongs to the whole study",
    "fsdp_transformer_layer_cls_to_wrap": "fsdp_config, which belongs to the whole study",
    "group_by_length": "train_sampling_strategy, which belongs to the whole study",
    "half_precision_backend": "nothing: --precision chooses, for the whole study",
    "include_inputs_for_metrics": "include_for_metrics, which hpsearch sets",
    "include_tokens_per_second": "include_num_input_tokens_seen, which hpsearch sets",
    "jit_mode_eval": "nothing",
    "logging_dir": "nothing: hpsearch decides where logs go",
    "lr": "learning_rate",
    "mp_parameters": "nothing",
    "no_cuda": "use_cpu, which belongs to the whole study",
    "num_epochs": "num_train_epochs",
    "overwrite_output_dir": "nothing: hpsearch decides what is saved",
    "past_index": "nothing",
    "per_gpu_eval_batch_size": "per_device_eval_batch_size",
    "per_gpu_train_batch_size": "per_device_train_batch_size",
    "push_to_hub_model_id": "hub_model_id; a trial is never uploaded",
    "push_to_hub_organization": "hub_model_id; a trial is never uploaded",
    "push_to_hub_token": "hub_token; a trial is never uploaded",
    "ray_scope": "nothing: hpsearch decides how trials are compared",
    "save_safetensors": "nothing: safetensors are all there is",
    "sharded_ddp": "fsdp, which belongs to the whole study",
    "split_batches": "accelerator_config, which belongs to the whole study",
    "torchdynamo": "torch_compile_backend",
    "tpu_metrics_debug": "debug, which belongs to the whole study",
    "tpu_num_cores": "nothing",
    "train_batch_size": "per_device_train_batch_size",
    "use_ipex": "nothing",
    "use_legacy_prediction_loop": "nothing",
    "use_mps_device": "nothing: an Apple GPU is used where there is one",
    "warmup_proportion": "warmup_steps; a value below 1 is the share of all steps",
    "warmup_ratio": "warmup_steps; a value below 1 is the share of all steps",
    "xpu_backend": "ddp_backend, which belongs to the whole study",
}
"""Names of transformers 4, or from elsewhere, and what version 5 has instead."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What the numbers of a field have in common, beyond their type."""

    holds: Callable[[float], bool]
    says: str


SHARE = Limit(holds=lambda value: 0 <= value < 1, says="must be at least 0 and below 1")
POSITIVE = Limit(holds=lambda value: value > 0, says="must be above 0")
COUNT = Limit(holds=lambda value: value >= 1, says="must be at least 1")
_NOT_NEGATIVE = Limit(holds=lambda value: value >= 0, says="must be at least 0")

LIMITS: Mapping[str, Limit] = {
    "adam_beta1": SHARE,
    "adam_beta2": SHARE,
    "adam_epsilon": _NOT_NEGATIVE,
    "gradient_accumulation_steps": COUNT,
    "label_smoothing_factor": SHARE,
    "learning_rate": _NOT_NEGATIVE,
    "max_grad_norm": _NOT_NEGATIVE,
    "num_train_epochs": POSITIVE,
    "per_device_eval_batch_size": COUNT,
    "per_device_train_batch_size": COUNT,
    "warmup_steps": Limit(
        holds=SHARE.holds,
        says="must be a share of all steps, at least 0 and below 1: a number of steps that suits a subset "
        "does not suit all the data",
    ),
    "weight_decay": _NOT_NEGATIVE,
}
"""Fields whose numbers no training can use outside some limits, so that none is wasted on them."""


def why_reserved(name: str) -> str | None:
    """Return why no space may set the field `name`, or None when it may."""
    return next((reason for pattern, reason in RESERVED.items() if fnmatchcase(name, pattern)), None)


def why_unusable(name: str, value: object) -> str | None:
    """Return why no training can use `value` for the field `name`, or None when nothing speaks against it."""
    limit = LIMITS.get(name)
    if limit is None or not isinstance(value, int | float) or limit.holds(value):
        return None
    return limit.says
