"""Whether a model's loss is divided by the number of items in a step, which transformers takes for granted.

Where several processes share a batch, Trainer multiplies each one's loss by their number, because a loss that was
divided by the items of all of them is too small by that. Many models take any keyword, this number among them, and
return the mean over their own rows all the same (BERT's heads for classification): their loss, and every gradient,
would come out twice as large with two processes, and mean another configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch


def divides_by_items(compute_loss: Callable[..., Any], model: Any, inputs: Mapping[str, Any], items: Any) -> bool:
    """Return whether twice as many items would make the loss another one; nothing is learned, no noise is drawn.

    Args:
        compute_loss: as in `transformers.Trainer`.
        model: not wrapped, so that its process can do this by itself.
        inputs: of a batch.
        items: how many there are in the step.
    """
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            one, other = (compute_loss(model, dict(inputs), num_items_in_batch=count) for count in (items, 2 * items))
    finally:
        model.train(was_training)
    return bool(one != other)
