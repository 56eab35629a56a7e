"""The states of every generator of random numbers that a training draws from: Python's, numpy's, torch's, CUDA's."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class GeneratorStates:
    """What the next numbers depend on."""

    python: Any
    numpy: Any
    torch: torch.Tensor
    cuda: list[torch.Tensor]  #: one a device; none where CUDA was not used yet

    @classmethod
    def now(cls) -> GeneratorStates:
        """Return the states of this moment."""
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() and torch.cuda.is_initialized() else []
        return cls(random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda)

    def are_now(self) -> bool:
        """Return whether nothing was drawn since."""
        now = GeneratorStates.now()
        return (
            self.python == now.python
            and all(np.array_equal(*pair) for pair in zip(self.numpy, now.numpy, strict=True))
            and torch.equal(self.torch, now.torch)
            and all(torch.equal(*pair) for pair in zip(self.cuda, now.cuda, strict=False))
        )

    def restore(self) -> None:
        """Let the next numbers be those that came after this moment."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)
        torch.set_rng_state(self.torch)
        if self.cuda:
            torch.cuda.set_rng_state_all(self.cuda)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let what is drawn after the block be what would have been drawn without it."""
    before = GeneratorStates.now()
    try:
        yield
    finally:
        before.restore()
