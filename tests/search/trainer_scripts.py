"""The scripts in `trainers`: what is searched in each, and how one trains alone, without hpsearch."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from safetensors import safe_open
from transformers import set_seed

from hpsearch import Choice

FOLDER = Path(__file__).parent / "trainers"
#: The seed of whoever does not choose one: that of `TrainingArguments`.
SEED = 42
RATES = MappingProxyType({"learning_rate": (0.002, 0.02)})
BATCHES = MappingProxyType({"per_device_train_batch_size": (4, 16)})


@dataclass(frozen=True, kw_only=True)
class Script:
    """A script that makes a Trainer, and how it is searched: one name, and two values that are not the script's."""

    name: str
    objective: str = "eval_loss"
    direction: str = "minimize"
    values: Mapping[str, tuple[Any, Any]] = field(default_factory=lambda: RATES)
    needs: tuple[str, ...] = ()  #: libraries besides those that hpsearch needs itself

    @property
    def path(self) -> Path:
        """Where it lies."""
        return FOLDER / f"{self.name}.py"

    @property
    def build_trainer(self) -> Callable[..., Any]:
        """Its function that makes the Trainer."""
        return module_of(self.name).build_trainer

    def space(self, *, backwards: bool = False) -> dict[str, Choice]:
        """What is searched; a grid tries the values in this order, or in the other one."""
        step = -1 if backwards else 1
        return {name: Choice(list(values[::step])) for name, values in self.values.items()}


#: What `build_trainer` of each is about, its docstring says.
SCRIPTS = (
    Script(name="own_class"),
    Script(name="own_signature"),
    Script(name="own_arguments", values={"focus": (0.0, 2.0)}),
    Script(name="changed_arguments"),
    Script(name="set_after", objective="eval_brier"),
    Script(name="open_file"),
    Script(name="distilled"),
    Script(name="layer_rates"),
    Script(name="own_optimizer", values=BATCHES),
    Script(name="optimizer_class", values=BATCHES),
    Script(name="spans", objective="eval_precision", direction="maximize"),
    Script(name="tokens"),
    Script(name="seq2seq", objective="eval_overlap", direction="maximize"),
    Script(name="eval_sets", objective="eval_outdoors_loss"),
    Script(name="rich_metrics", objective="eval_doubt"),
    Script(name="ia3", needs=("peft",)),
    Script(name="prompts", needs=("peft",)),
    Script(name="st_triplets", needs=("sentence_transformers",)),
    Script(
        name="st_objects",
        objective="eval_judged_spearman_cosine",
        direction="maximize",
        needs=("sentence_transformers",),
    ),
    Script(
        name="st_evaluator",
        objective="eval_judged_spearman_cosine",
        direction="maximize",
        needs=("sentence_transformers",),
    ),
    Script(name="st_softmax", needs=("sentence_transformers",)),
    Script(name="st_softmax_init", needs=("sentence_transformers",)),
    Script(name="st_many", objective="eval_things_loss", needs=("sentence_transformers",)),
    Script(name="st_cross", needs=("sentence_transformers",)),
    Script(name="st_sparse", needs=("sentence_transformers",)),
    Script(name="trl_sft_lora", needs=("trl", "peft")),
    Script(name="trl_sft_full", needs=("trl",)),
    Script(name="trl_dpo", needs=("trl",)),
    Script(name="trl_reward", needs=("trl",)),
    Script(name="trl_grpo", objective="eval_reward", direction="maximize", needs=("trl",)),
    Script(name="trl_kto", needs=("trl", "peft")),
    Script(
        name="setfit_texts",
        objective="accuracy",
        direction="maximize",
        values={"body_learning_rate": (1e-5, 1e-2)},
        needs=("setfit",),
    ),
)


def module_of(name: str) -> ModuleType:
    """A script as a module, whose folder is on the path; imported once."""
    known = sys.modules.get(f"trainers_{name}")
    if known is not None:
        return known
    spec = spec_from_file_location(f"trainers_{name}", FOLDER / f"{name}.py")
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What a training came to."""

    metrics: dict[str, Any]
    weights: dict[str, str]  #: a hash of each tensor that its Trainer saves, by its name
    trained: bool  #: whether any weight of the model is another one than at first


def alone(script: Script, folder: Path) -> Ended:
    """Train as the script does, without a look before the end; what is saved goes to `folder`."""
    set_seed(SEED)
    trainer = script.build_trainer()
    trainer.args.eval_strategy = trainer.args.save_strategy = "no"
    before = model_hash(trainer)
    trainer.train()
    trained = model_hash(trainer) != before
    metrics = trainer.evaluate()
    save = getattr(trainer, "save_model", None) or trainer.model.save_pretrained  # SetFit's has none
    save(str(folder))
    return Ended(metrics=metrics, weights=tensors(folder), trained=trained)


def model_hash(trainer: Any) -> str:
    """A hash of all weights of a Trainer's model."""
    model = getattr(trainer.model, "model_body", trainer.model)  # SetFit's is no module, and has one
    whole = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        whole.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return whole.hexdigest()


def tensors(folder: Path) -> dict[str, str]:
    """A hash of each tensor in the files of a folder, by file and name, and one of the head that SetFit saves."""
    found = {}
    for path in sorted(folder.rglob("*.safetensors")):
        with safe_open(path, framework="np") as file:
            for name in file.keys():  # noqa: SIM118 - it is no dictionary
                found[f"{path.relative_to(folder)}:{name}"] = hashlib.sha256(
                    file.get_tensor(name).tobytes()
                ).hexdigest()
    for path in sorted(folder.rglob("model_head.pkl")):
        found[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
