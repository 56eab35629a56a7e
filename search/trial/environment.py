"""What a trial's result depends on besides its configuration and data: the first weights, threads, libraries.

And what its training takes: the parameters of its model, and the memory of its GPU.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import torch
from transformers import PreTrainedModel, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ...studies.objective import MEMORY, PARAMETERS
from ..errors import NothingTrained
from ..model.adapters import is_adapted

LIBRARIES = ("accelerate", "torch", "transformers")
BYTES = 8  #: of the hash of weights


class EnvironmentCallback(TrainerCallback):
    """Takes note of the weights that a training begins with, and of what it runs on; knows if it changed them."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self.watched: list[Any] = []  #: the weights that should change
        self.before: Any = None  #: sums of them, before the first step
        self.trained: bool | None = None  #: whether any changed; None before the end

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Look, before the first step."""
        if torch.cuda.is_initialized():
            torch.cuda.reset_peak_memory_stats()
        model = kwargs["model"]
        self.watched = list(trained_parameters(model, kwargs.get("optimizer")))
        self.before, self.trained = sums_of(self.watched), None
        self.found = {
            "weights": weights_hash(model),
            PARAMETERS: parameters_of(model),
            "threads": torch.get_num_threads(),
            "processes": args.world_size,
            "versions": {name: version(name) for name in (*LIBRARIES, *(["peft"] if is_adapted(model) else []))},
        }

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Look whether the training has changed anything; at its end it may go back to weights of its beginning."""
        if not self.trained and state.global_step:
            self.trained = sums_of(self.watched) != self.before

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Let go of the model; see how much memory was taken at most, with the evaluations on the way."""
        self.watched = []
        if args.device.type == "cuda":
            self.found[MEMORY] = torch.cuda.max_memory_allocated(args.device)

    def check_trained(self) -> None:
        """Raise `NothingTrained` if the training that has ended changed no weight of the model."""
        if self.trained is False:
            raise NothingTrained(
                "the training changed no weight of the model",
                hint="does the optimizer have this model's parameters, and a learning rate above 0?",
            )


def parameters_of(model: Any) -> int:
    """Return how many parameters a model has, trained or not, adapters included."""
    if isinstance(model, PreTrainedModel):
        return int(model.num_parameters())  # which knows how many there are in packed weights
    return sum(one.numel() for one in model.parameters())


def trained_parameters(model: Any, optimizer: Any) -> Iterator[Any]:
    """Yield the parameters of the model that are to be trained; where it has none, those that an optimizer has.

    Of the model, whatever the optimizer has: it is the model that is evaluated.
    """
    own = [one for one in model.parameters() if one.requires_grad]
    yield from own or (one for group in getattr(optimizer, "param_groups", ()) for one in group["params"])


def sums_of(parameters: list[Any]) -> list[list[float]]:
    """Return the sum of each parameter, and that of its squares."""
    with torch.no_grad():
        exact = (one.detach().double() for one in parameters)
        sums = [torch.stack([one.sum(), one.square().sum()]).cpu() for one in exact]
    return torch.stack(sums).tolist() if sums else []


def weights_hash(model: Any) -> str:
    """Return a hash of a model's parameters and buffers, names and values, as 16 hexadecimal digits."""
    found = hashlib.blake2b(digest_size=BYTES)
    for name, tensor in model.state_dict().items():
        found.update(name.encode())
        found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return found.hexdigest()
