"""What a training changes in a model that need be no module: its modules, and what is fitted beside them.

SetFit's model has an encoder and a classifier of scikit-learn. To whoever asks for weights, they are one model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

#: Bytes of a hash that a floating point number holds exactly.
BYTES = 6
#: How deep objects in objects are looked into.
DEPTH = 4


class Parts:
    """The modules of a model, and one number that is another one whenever something else in it changes."""

    def __init__(self, model: Any) -> None:
        own = {"": model} if isinstance(model, nn.Module) else dict(getattr(model, "__dict__", {}))
        self.modules = {name: one for name, one in own.items() if isinstance(one, nn.Module)}
        self.fitted = {name: one for name, one in own.items() if name not in self.modules and hasattr(one, "fit")}
        if not (self.modules or self.fitted):
            self.fitted = {"": model}
        self.mark = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        self.take_note()

    def take_note(self) -> None:
        """Look at what is no module."""
        found = hashlib.blake2b(digest_size=BYTES)
        for name, one in sorted(self.fitted.items()):
            found.update(name.encode())
            for piece in pieces(one):
                found.update(piece)
        with torch.no_grad():
            self.mark.fill_(int.from_bytes(found.digest()))

    def named_parameters(self) -> Iterator[tuple[str, Any]]:
        """Yield the parameters of the modules, and the number."""
        for part, module in self.modules.items():
            yield from module.named_parameters(prefix=part)
        yield "fitted", self.mark

    def parameters(self) -> Iterator[Any]:
        """Yield them without their names."""
        return (one for _, one in self.named_parameters())

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the modules, and the number."""
        self.take_note()
        found = {
            f"{part}.{name}": one for part, module in self.modules.items() for name, one in module.state_dict().items()
        }
        return {**found, "fitted": self.mark}

    @property
    def config(self) -> Settings:
        """What the classifiers beside the modules were made with."""
        found = [one.get_params(deep=False) for one in self.fitted.values() if hasattr(one, "get_params")]
        return Settings(found)


class Settings:
    """Settings of several parts, as a model's configuration gives its own."""

    def __init__(self, parts: Iterable[Mapping[str, Any]]) -> None:
        self.values = {name: value for part in parts for name, value in part.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return them; of several parts the last one counts."""
        return dict(self.values)


def pieces(value: Any, depth: int = DEPTH) -> Iterator[bytes]:
    """Yield what an object is made of, as bytes that are the same for the same numbers, whoever made them."""
    yield type(value).__qualname__.encode()
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray) and value.dtype != object:
        yield np.ascontiguousarray(value).tobytes()
    elif value is None or isinstance(value, bool | int | float | str | bytes | np.generic):
        yield repr(value).encode()
    elif depth and isinstance(value, Mapping):
        yield from (piece for pair in value.items() for one in pair for piece in pieces(one, depth - 1))
    elif depth and isinstance(value, list | tuple | np.ndarray):
        yield from (piece for one in value for piece in pieces(one, depth - 1))
    elif depth and hasattr(value, "__dict__") and not callable(value):
        yield from pieces(dict(sorted(vars(value).items())), depth - 1)
