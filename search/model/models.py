"""Models: a hub name, a local folder, or `tiny`; with the task's labels, overrides, and a frozen encoder if asked.

Only safetensors and JSON are read, and no code of a model is run.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ...spaces.errors import BadInput
from ...spaces.inside import nested
from ..failures import causes, first_line
from ..tasks import Task
from .adapters import with_fresh
from .heads import name_outputs, outputs_of, settled
from .settings import change, setting_names

TINY = "tiny"
#: A BERT that trains from scratch on a processor in seconds.
TINY_CONFIG = {
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 256,
    "max_position_embeddings": 128,
}
#: Pieces of its vocabulary, unless the alphabet alone has more.
TINY_VOCABULARY = 2000
WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
NO_HUB = "offline, use --model tiny or a folder that save_pretrained wrote; check the name otherwise"
#: A `model.*` name of ours; all others are fields of the model's configuration.
FREEZE = "freeze_encoder"


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """Where a model comes from and what is changed in its configuration."""

    name: str  #: hub name, folder, or `tiny`
    overrides: dict[str, Any] = field(default_factory=dict)  #: e.g. {"num_hidden_layers": 2}
    freeze_encoder: bool = False
    called: str | None = None  #: its name in a study that is there already

    @property
    def short_name(self) -> str:
        """The last part of a name or folder, for study names and tables."""
        return self.called or Path(self.name).name or self.name

    def is_tiny(self) -> bool:
        """Return whether the model is the built-in one."""
        return self.name == TINY


def load_tokenizer(source: ModelSource, texts: Iterator[str]) -> Any:
    """Return the model's tokenizer, with a padding token; `texts` trains the one of `tiny`.

    Raises `BadInput` if there is no such model.
    """
    if source.is_tiny():
        return tiny_tokenizer(texts)
    from transformers import AutoTokenizer

    with explained(source.name):
        tokenizer = AutoTokenizer.from_pretrained(source.name)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.pad_token is None:
        raise BadInput(f"the tokenizer of {source.name!r} has neither a padding nor an end token")
    return tokenizer


def tiny_tokenizer(texts: Iterator[str]) -> Any:
    """Return a lower-casing WordPiece tokenizer of all characters and the most frequent words of `texts`.

    The trainers of `tokenizers` give another vocabulary in each process (ties are broken by hash order), and with it
    another model; counting words gives the same one everywhere.
    """
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from transformers import BertTokenizer

    normalize, cut = BertNormalizer(lowercase=True).normalize_str, BertPreTokenizer().pre_tokenize_str
    counts = Counter(word for text in texts for word, _ in cut(normalize(text)))
    characters = sorted({char for word in counts for char in word})
    words = sorted(
        (word for word, count in counts.items() if count > 1 and len(word) > 1), key=lambda w: (-counts[w], w)
    )
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    alphabet = [*special, *characters, *(f"##{char}" for char in characters)]
    pieces = alphabet + words[: max(0, TINY_VOCABULARY - len(alphabet))]
    return BertTokenizer(
        vocab={piece: number for number, piece in enumerate(pieces)},
        do_lower_case=True,
        model_max_length=TINY_CONFIG["max_position_embeddings"],
    )


def load_config(source: ModelSource, task: Task, tokenizer: Any, changes: Mapping[str, Any] | None = None) -> Any:
    """Return the model's configuration with the task's labels, the study's overrides and a trial's `changes`.

    Raises `BadInput` for a key the model's configuration does not have.
    """
    return with_labels(changed_config(source, tokenizer, changes), task, tokenizer)


def changed_config(source: ModelSource, tokenizer: Any, changes: Mapping[str, Any] | None = None) -> Any:
    """Return the model's configuration as `load_config` does, with the labels that the model knows."""
    from transformers import AutoConfig, BertConfig

    if source.is_tiny():
        config = BertConfig(vocab_size=len(tokenizer), **TINY_CONFIG)
    else:
        with explained(source.name):
            config = AutoConfig.from_pretrained(source.name)
    for wanted in (source.overrides, changes or {}):
        change(config, nested(wanted), source.name)
    return config


def with_labels(config: Any, task: Task, tokenizer: Any) -> Any:
    """Set the task's outputs and the padding token on `config` and return it."""
    if task.is_regression:
        config.num_labels = 1
        config.problem_type = "regression"
        config.id2label, config.label2id = {0: "score"}, {"score": 0}
    else:
        names = list(task.labels or ())
        config.num_labels = len(names)
        config.problem_type = f"{'multi' if task.is_several else 'single'}_label_classification"
        name_outputs(config, names)
    if config.pad_token_id is None:
        config.pad_token_id = tokenizer.pad_token_id
    return config


@dataclass(frozen=True, kw_only=True)
class ModelInit:
    """The `model_init` of a built-in Trainer: called with a trial's `model.*` values, gives a new model."""

    source: ModelSource
    task: Task
    tokenizer: Any

    def __call__(self, params: Mapping[str, Any] | None = None) -> Any:
        """Return a model; weights that the source lacks (the head) come from torch's seeded generator.

        A head that the source has is treated as `heads` says.
        """
        from transformers import AutoModelForSequenceClassification

        values = dict(params or {})
        freeze = values.pop(FREEZE, self.source.freeze_encoder)
        config = changed_config(self.source, self.tokenizer, values)
        before = outputs_of(config)
        with_labels(config, self.task, self.tokenizer)
        with explained(self.source.name):
            if self.source.is_tiny():
                model = AutoModelForSequenceClassification.from_config(config)
            else:
                model, info = AutoModelForSequenceClassification.from_pretrained(
                    self.source.name, config=config, ignore_mismatched_sizes=True, output_loading_info=True
                )
                settled(with_fresh(model, info), info, before, self.task)
        return frozen(model) if freeze else model

    def keys(self) -> set[str]:
        """Return the `model.*` names a space may have, with `NAME.*` for any name inside."""
        return setting_names(load_config(self.source, self.task, self.tokenizer)) | {FREEZE}


def frozen(model: Any) -> Any:
    """Freeze all of `model` but its head and return it. Raises `BadInput` if the two cannot be told apart."""
    encoder = getattr(model, model.base_model_prefix, None)
    if encoder is None or encoder is model:
        raise BadInput(f"{type(model).__name__} has no encoder apart from its head", hint="leave --freeze-encoder out")
    for parameter in encoder.parameters():
        parameter.requires_grad = False
    return model


def check_model(source: ModelSource) -> None:
    """Raise `BadInput` for a folder that holds no model, before anything is made of it."""
    folder = Path(source.name).expanduser()
    if source.is_tiny() or not (folder.exists() or source.name.startswith((".", "/", "~"))):
        return
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise BadInput(f"the model folder {source.name!r} {what}", hint="--model takes a folder, a hub name, or tiny")
    if not (folder / "config.json").is_file():
        raise BadInput(f"the model folder {source.name!r} has no config.json")
    if not any((folder / name).is_file() for name in WEIGHTS):
        raise BadInput(f"the model folder {source.name!r} has no weights", hint=f"expected {WEIGHTS[0]}")


def model_fingerprint(source: ModelSource, tokenizer: Any) -> str:
    """Return what identifies a model's starting point: its weights' hash for a folder, its name and revision else."""
    folder = Path(source.name).expanduser()
    if source.is_tiny():
        return "tiny-" + _digest([json.dumps(TINY_CONFIG, sort_keys=True).encode(), _vocabulary(tokenizer)])
    if folder.is_dir():
        names = sorted(path for path in folder.iterdir() if path.suffix in {".safetensors", ".bin"})
        return "folder-" + _digest([(folder / "config.json").read_bytes(), *_file_digests(names)])
    return f"hub-{source.name}@{_revision(source.name)}"


def _revision(name: str) -> str:
    from transformers import AutoConfig

    with explained(name):
        return str(getattr(AutoConfig.from_pretrained(name), "_commit_hash", None))


def _vocabulary(tokenizer: Any) -> bytes:
    return json.dumps(sorted(tokenizer.get_vocab().items())).encode()


def _file_digests(paths: Sequence[Path]) -> list[bytes]:
    digests = []
    for path in paths:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").digest())
    return digests


def _digest(parts: Sequence[bytes]) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part).digest())
    return whole.hexdigest()[:16]


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Turn what transformers and safetensors raise about a missing or broken model into one sentence."""
    try:
        yield
    except (BadInput, MemoryError):
        raise
    except Exception as error:
        if "out of memory" in str(error).lower():
            raise
        reason = first_line(error)[:200]
        if name == TINY:  # which nothing else was said of
            hint = "check --model-config, and names that begin with model. in the space"
            raise BadInput(f"the model {name!r} cannot be built: {reason}", hint=hint) from error
        if Path(name).expanduser().is_dir():
            raise BadInput(f"the model folder {name!r} cannot be read: {reason}") from error
        raise not_fetched(name, error) or BadInput(f"the model {name!r} cannot be loaded: {reason}") from error


def not_fetched(name: str, error: BaseException) -> BadInput | None:
    """Return what to say of a model that the hub did not give; None where an error is of something else."""
    from huggingface_hub import errors

    reason = f"{first_line(error)[:200]}"
    said = f"the model {name!r} is no folder, not in the hub's cache, and cannot be fetched: {reason}"
    near = f"did you mean {TINY!r}?" if get_close_matches(name, [TINY]) else None
    for one in causes(error):
        if isinstance(one, errors.GatedRepoError):
            return BadInput(said, hint="ask for access on the model's page, and log in with `hf auth login`")
        if isinstance(one, errors.RepositoryNotFoundError | errors.HFValidationError):
            return BadInput(said, hint=near or "check the name; for a private model, log in with `hf auth login`")
        if isinstance(one, errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled):
            return BadInput(said, hint=near or NO_HUB)
    return None
