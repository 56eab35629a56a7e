"""How many tokens a model can read: as many as it has positions for, where it counts them.

The table of positions in the model itself is looked at: configurations call its size by many names, and have one also
where there is no table (T5, DeBERTa, Llama: positions relative to one another, or turned into angles, have no end).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

#: What tables of positions are called, learnt or computed.
TABLES = (
    "position_embeddings",
    "char_position_embeddings",
    "position_embedding",
    "positions_embed",
    "embed_positions",
    "wpe",
    "pos_encoding",
)
#: What their size is called in a configuration, by transformers' own name for all models.
SIZE = "max_position_embeddings"
#: What it may be called in a space: some models have names of their own for it.
SIZES = (SIZE, "n_positions", "max_seq_len")
#: Models that make theirs anew for each text, and what its size is called.
MADE_ANEW = {"mpt": "max_seq_len"}


def most_tokens(model: Any) -> int | None:
    """Return how many tokens a model can read, special ones included; None where nothing bounds them."""
    tables, config = list(_tables(model)), getattr(model, "config", None)
    size = getattr(config, MADE_ANEW.get(getattr(config, "model_type", ""), SIZE if tables else ""), None)
    return min([*tables, *([size] if isinstance(size, int) else [])], default=None)


def _tables(model: Any) -> Iterator[int]:
    """Yield how many tokens each table of positions has a row for."""
    for name, module in model.named_modules():
        weight: Any = getattr(module, "weight", None)
        if name.rpartition(".")[2] in TABLES and getattr(weight, "ndim", 0) == 2:
            yield len(weight) - _set_apart(module)
    for name, buffer in model.named_buffers():
        if name.rpartition(".")[2] in TABLES and buffer.dim() == 2:
            yield len(buffer)


def _set_apart(table: Any) -> int:
    """Return the rows before that of the first token: RoBERTa's are up to the padding's, BART's two."""
    offset, padding = getattr(table, "offset", 0), getattr(table, "padding_idx", None)
    return int(offset) if padding is None else int(padding) + 1
