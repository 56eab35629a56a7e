"""Adapters: small layers that are trained beside the weights of a model, which stay as they are (LoRA, by `peft`).

What a space may say of them is `spaces.adapter_fields`, that it suits a model `adapter_check`. The head of a model and
whatever else its weights do not have are trained, too, and kept with the adapters.
"""

from __future__ import annotations

import json
import re
import sys
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...spaces.adapter_fields import adapter_settings
from ...spaces.errors import BadInput
from ..winner.places import last_part

#: The folder in a model folder that has the adapters alone; the model beside it has them merged into its weights.
ADAPTER = "adapter"
SETTINGS = "adapter_config.json"
#: The attribute of a model with the names of modules whose weights are new, where the one who made it knows them.
FRESH = "hpsearch_fresh"
#: A model of somebody's on the hub.
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
#: What peft calls the tasks of transformers' classes, which have them at the end of their names.
TASK_TYPES = {
    "ForSequenceClassification": "SEQ_CLS",
    "ForTokenClassification": "TOKEN_CLS",
    "ForQuestionAnswering": "QUESTION_ANS",
    "ForCausalLM": "CAUSAL_LM",
    "LMHeadModel": "CAUSAL_LM",
    "ForConditionalGeneration": "SEQ_2_SEQ_LM",
}
#: The heads that peft knows by itself, for some of these tasks.
KNOWN_HEADS = {
    "SEQ_CLS": ("classifier", "score"),
    "TOKEN_CLS": ("classifier", "score"),
    "QUESTION_ANS": ("qa_outputs",),
}


def adapted(model: Any, values: Mapping[str, Any], **how: Any) -> Any:
    """Return `model` with new adapters, changed in place; `values` are the `peft.*` values of a configuration.

    Their weights come from torch's generator. Raises `BadInput` for a model that has adapters already, or whose head
    cannot be told apart, and what peft raises for a model or values that do not go together.
    """
    import peft

    if is_adapted(model):
        raise BadInput(
            "the model_init returns a model that has adapters already",
            hint="let it return the plain model, or leave the names that begin with peft. out of the space",
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by names that it will drop
        warnings.filterwarnings("ignore", message="fan_in_fan_out")  # peft puts right what suits another layer
        return peft.get_peft_model(model, adapter_config(model, values), **how)


def adapter_config(model: Any, values: Mapping[str, Any]) -> Any:
    """Return the `LoraConfig` for a model: with its task, and with its head among what is trained."""
    import peft

    settings, task = adapter_settings(values), task_type(model)
    wanted = settings.pop("modules_to_save", None) or []
    if "modules_to_save" not in values or wanted:
        wanted = [*dict.fromkeys([*wanted, *new_modules(model, told=bool(wanted))])]
    saved = [name for name in wanted if name not in KNOWN_HEADS.get(task or "", ())]
    return peft.LoraConfig(**settings, task_type=task, modules_to_save=saved or None)


def is_adapted(model: Any) -> bool:
    """Return whether a model has adapters of peft; nothing is imported for that."""
    known = sys.modules.get("peft")
    return known is not None and isinstance(model, known.PeftModel | known.PeftMixedModel)


def task_type(model: Any) -> str | None:
    """Return what peft calls the task of a class of transformers; None for others, which it takes as they are."""
    kind = type(model)
    if not kind.__module__.startswith("transformers."):
        return None
    return next((task for end, task in TASK_TYPES.items() if kind.__name__.endswith(end)), None)


def new_modules(model: Any, *, told: bool = False) -> list[str]:
    """Return the names of the modules that have not been pretrained: the head, and what the weights lacked.

    A layer that turns states into words is part of what was pretrained. Raises `BadInput` where head and encoder cannot
    be told apart, unless the user has `told`.
    """
    head = head_of(model)
    if head is None and not told:
        raise BadInput(
            f"the head of {type(model).__name__} cannot be told from its encoder, and only adapters would be trained",
            hint="name it with peft.modules_to_save in the space; null for none",
        )
    return outermost([*(head or []), *getattr(model, FRESH, ())])


def head_of(model: Any) -> list[str] | None:
    """Return the names of the modules outside the encoder; None where the two cannot be told apart."""
    from transformers import PreTrainedModel

    if not isinstance(model, PreTrainedModel):
        return None
    encoder = getattr(model, model.base_model_prefix, None)
    if encoder is None or encoder is model:
        return None
    words = model.get_output_embeddings()
    children = [(name, child) for name, child in model.named_children() if child is not encoder]
    return [
        name
        for name, child in children
        if any(True for _ in child.parameters()) and all(one is not words for one in child.modules())
    ]


def outermost(names: Iterable[str]) -> list[str]:
    """Return the names without those of modules inside another one of them."""
    known = dict.fromkeys(names)
    return [name for name in known if not any(name.startswith(f"{other}.") for other in known)]


def with_fresh(model: Any, info: Mapping[str, Any]) -> Any:
    """Return `model`, which knows from now on the modules that loading found no weights for, or others' shapes."""
    keys = [*info.get("missing_keys", ()), *(key for key, *_ in info.get("mismatched_keys", ()))]
    setattr(model, FRESH, sorted({key.rpartition(".")[0] for key in keys} - {""}))
    return model


def save_model(trainer: Any, folder: Path, *, ours: bool) -> dict[str, Any]:
    """Write a trained model and its tokenizer to `folder`; return what `hpsearch.json` says of adapters.

    Adapters that are `ours`, made for the names of a space, are merged into the weights, so that the folder opens as
    any other model does, and are kept by themselves in the folder `adapter`. Those that a user's own code makes are
    written as the Trainer's class writes them, and peft opens the folder; where their model is nowhere else, because a
    program made it, they are merged, too. What cannot be merged (prompts) is never.
    """
    model, found = trainer.model, {}
    if is_adapted(model):
        trained, parameters = model.get_nb_trainable_parameters()
        merged = can_be_merged(model) and (ours or not opens_again(base_of(model)))
        about = {"trained_parameters": trained, "parameters": parameters, "merged": merged, "kind": kind_of(model)}
        if merged:
            about["base_model"] = save_adapter(model, folder / ADAPTER)
            trainer.model = model.merge_and_unload()
        else:
            base = base_of(model)
            about["base_model"] = None if base is None else without_place(base)
        found = {"adapter": about}
    trainer.save_model(str(folder))
    if found and not found["adapter"]["merged"]:
        (folder / "README.md").unlink(missing_ok=True)  # peft's, with nothing in it but blanks to fill in
    (folder / "training_args.bin").unlink(missing_ok=True)  # a pickle; hpsearch.json says the same in text
    return found


def kind_of(model: Any) -> str:
    """Return what people call the adapters of a model."""
    active = model.active_adapter
    kind = str(getattr(model.peft_config[active].peft_type, "value", "")) if isinstance(active, str) else ""
    return {"LORA": "LoRA"}.get(kind, kind.replace("_", " ").lower() or "several")


def base_of(model: Any) -> str | None:
    """Return the name or folder of the model that adapters were made for; None where it was made by a program."""
    active = model.active_adapter
    return (model.peft_config[active].base_model_name_or_path or None) if isinstance(active, str) else None


def opens_again(base: str | None) -> bool:
    """Return whether a model's name is that of a folder that is here, or may be one on the hub."""
    return base is not None and (Path(base).is_dir() or bool(HUB_NAME.fullmatch(base)))


def can_be_merged(model: Any) -> bool:
    """Return whether the adapters of a model can become part of its weights without a loss."""
    config = model.peft_config[model.active_adapter] if isinstance(model.active_adapter, str) else None
    if config is None or getattr(config, "is_prompt_learning", False):
        return False
    few_bits = any(getattr(model, name, False) for name in ("is_quantized", "is_loaded_in_8bit", "is_loaded_in_4bit"))
    return not few_bits and hasattr(model.base_model, "merge_and_unload")


def save_adapter(model: Any, folder: Path) -> str | None:
    """Write the adapters alone; return the name of their model, which has no path of this machine in it."""
    model.save_pretrained(str(folder))
    return without_places_in(folder)


def without_places_in(folder: Path) -> str | None:
    """Take paths of this machine out of the settings of adapters in a folder; return the name of their model."""
    (folder / "README.md").unlink(missing_ok=True)  # of another model card, with the path of the model
    written = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    base = written["base_model_name_or_path"]
    written["base_model_name_or_path"] = name = without_place(base) if base else None
    for key in ("modules_to_save", "target_modules"):  # sets, whose order differs from process to process
        if isinstance(written.get(key), list):
            written[key] = sorted(set(written[key]))
    (folder / SETTINGS).write_text(json.dumps(written, indent=2, sort_keys=True), encoding="utf-8")
    return name


def without_place(name: str) -> str:
    """Return a model's name on the hub as it is, and of a folder the last part."""
    return Path(name).expanduser().resolve().name if Path(name).expanduser().is_dir() else last_part(name)
