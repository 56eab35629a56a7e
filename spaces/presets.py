"""The spaces that come with hpsearch: `default`, `small`, `head` and `lora`.

Where a range is published its source is named; where it is ours the reason is given. How a preset is found by
name is in `loading.py`.

Sources:

- BERT: Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers for Language
  Understanding", appendix A.3: batch size 16 or 32, learning rate 5e-5, 3e-5 or 2e-5, 2 to 4 epochs.
- Small BERT: Turc et al. 2019, "Well-Read Students Learn Better", as given in the README of
  github.com/google-research/bert: batch size 8 to 128, learning rate 3e-4, 1e-4, 5e-5 or 3e-5, 4 epochs.
- Mosbach et al. 2021, "On the Stability of Fine-tuning BERT": failed runs are avoided by small learning rates
  with warm-up over the first tenth of the steps, and by training for longer.
- Liu & Wang 2021, "An Empirical Study on Hyperparameter Optimization for Fine-Tuning Pre-trained Language
  Models": on a small budget a search often fails to beat a grid search; a better chosen space helps.
- LoRA: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models": section 7 (which weights, which rank)
  and appendix D (RoBERTa on GLUE: rank 8, alpha 8 or 16, learning rate 2e-4 to 5e-4, at least 10 epochs; GPT-2:
  dropout of 0 or 0.1 on the adapters).
- Biderman et al. 2024, "LoRA Learns Less and Forgets Less": adapters want a learning rate an order of magnitude above
  that of full fine-tuning, all linear layers as targets, and an alpha of twice the rank.
"""

from __future__ import annotations

from .parameters import Choice, Constant, Float, Int
from .space import Space

_WARMUP = 0.1  # Mosbach et al.; below 1 it is the share of all steps
#: A rate that was found on a tenth of the data is halved for all of it. Bjorck et al. 2024 measure this power of the
#: tokens in pre-training; on recorded fine-tunings it beats keeping the rate, see `handover`.
RATE_HANDOVER = {"rescale": -0.32}
_WEIGHT_DECAY = 0.01  # what BERT was pre-trained with; transformers' own default is none

_DEFAULT = Space(
    {
        # From below what BERT uses to above what small BERT uses: large and tiny models find theirs inside.
        "learning_rate": Float(1e-6, 1e-3, log=True, default=5e-5, handover=RATE_HANDOVER),
        "per_device_train_batch_size": Choice([8, 16, 32], default=16),  # BERT's, and small BERT's smallest
        "num_train_epochs": Int(2, 5, default=3),  # BERT's, and one more because Mosbach et al. train longer
        "weight_decay": Float(0.0, 0.1, default=_WEIGHT_DECAY),
        "warmup_steps": Float(0.0, 0.2, default=_WARMUP),
    },
    name="default",
)

_SMALL = Space(
    {
        # Ten trials cover one range well and several badly (Liu & Wang: choose the space to suit the budget).
        # The learning rate matters most and keeps a range, without the decade in which little is learned.
        "learning_rate": Float(1e-5, 1e-3, log=True, default=5e-5, handover=RATE_HANDOVER),
        "per_device_train_batch_size": Choice([16, 32], default=16),  # BERT's
        "num_train_epochs": Choice([3, 5], default=3),
        "weight_decay": Constant(_WEIGHT_DECAY),
        "warmup_steps": Constant(_WARMUP),
    },
    name="small",
)

_HEAD = Space(
    {
        # Ours: only a new, randomly initialised head is trained, on features that stay as they are. Nothing
        # that was pre-trained can be spoilt, so steps may be far larger than BERT's, and an epoch is cheap.
        "model.freeze_encoder": Constant(True),
        "learning_rate": Float(1e-4, 1e-1, log=True, default=1e-3),
        "per_device_train_batch_size": Choice([16, 32, 64], default=32),
        "num_train_epochs": Int(3, 12, step=3, default=6),
        "weight_decay": Float(1e-5, 1e-1, log=True, default=_WEIGHT_DECAY),
        "warmup_steps": Constant(_WARMUP),
    },
    name="head",
)

_LORA = Space(
    {
        # Hu et al.: on a budget of parameters many matrices with a small rank beat few with a large one. The name
        # suits a model of any family, where names of layers would not.
        "peft.target_modules": Constant("all-linear"),
        "peft.r": Choice([4, 8, 16, 32], default=8),  # Hu et al. find little above 8, Biderman et al. some
        # Hu et al.: to tune alpha is to tune the learning rate, so it stays as it is while the rank changes.
        "peft.lora_alpha": Constant(16),
        "peft.lora_dropout": Float(0.0, 0.2, default=0.1),
        # What Hu et al. take for GLUE, which is ten times BERT's, and a decade to either side.
        "learning_rate": Float(5e-5, 5e-3, log=True, default=5e-4),
        "per_device_train_batch_size": Choice([16, 32], default=16),  # Hu et al.
        # Adapters need more epochs: Hu et al. take ten and more, ours are fewer to keep a search cheap.
        "num_train_epochs": Int(3, 9, step=2, default=5),
        "weight_decay": Constant(_WEIGHT_DECAY),
        "warmup_steps": Constant(_WARMUP),
    },
    name="lora",
)


PRESETS: dict[str, Space] = {space.name: space for space in (_DEFAULT, _SMALL, _HEAD, _LORA)}
"""`default` for tens of trials, `small` for at most ten, `head` for a frozen encoder, `lora` for adapters on one."""


def set_by_user(space: Space) -> list[str]:
    """Return the names that the user has fixed: the constants, but for those of the preset that the space began as."""
    preset = PRESETS.get(space.name)
    known = {} if preset is None else preset.parameters
    return [name for name in space.names if name not in space.searched and known.get(name) != space.parameters[name]]
