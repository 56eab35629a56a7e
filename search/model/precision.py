"""Which number format a study trains in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...spaces.errors import BadInput, did_you_mean

PRECISIONS = ("auto", "fp32", "bf16", "fp16")
#: Flags of /proc/cpuinfo that say a processor multiplies bf16 natively.
BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})


def resolve_precision(name: str) -> tuple[str, str]:
    """Return (precision, why) for a name of `PRECISIONS`; `auto` is bf16 where the hardware has it.

    Raises `BadInput` for an unknown name, or one that this machine cannot run.
    """
    if name not in PRECISIONS:
        raise BadInput(f"unknown precision {name!r}", hint=did_you_mean(name, PRECISIONS))
    gpu, bf16 = _hardware()
    if name == "auto":
        where = "this GPU" if gpu else "this processor"
        return ("bf16", f"{where} has it") if bf16 else ("fp32", f"{where} has no bf16")
    if name == "fp16" and not gpu:
        raise BadInput("precision 'fp16' needs a GPU and there is none", hint="use --precision auto")
    if name == "bf16" and gpu and not bf16:
        raise BadInput("precision 'bf16' is not supported by this GPU", hint="use --precision fp16 or auto")
    return name, "as asked"


def precision_arguments(precision: str) -> dict[str, Any]:
    """Return the fields of `TrainingArguments` for a resolved precision on this machine."""
    gpu, _ = _hardware()
    return {"bf16": precision == "bf16", "fp16": precision == "fp16", "use_cpu": not gpu}


def _hardware() -> tuple[bool, bool]:
    """Return (there is a GPU, bf16 is native)."""
    import torch

    if torch.cuda.is_available():
        return True, torch.cuda.is_bf16_supported(including_emulation=False)
    return False, bool(BF16_FLAGS & _cpu_flags())


def _cpu_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()  # not Linux: no flag to read, so fp32
    named = [line.partition(":") for line in lines]
    return {flag for key, _, value in named if key.strip() in {"flags", "Features"} for flag in value.split()}
