"""hpsearch: `trainer.hyperparameter_search`, done right.

    from hpsearch import Float, Space
    import hpsearch

    study = hpsearch.search(trainer, space=Space({"learning_rate": Float(1e-5, 1e-3, log=True)}), trials=10)

Nothing heavy is imported before it is used.
"""

from __future__ import annotations

import importlib
from typing import Any

from .search.making.watch import watch_from_import_on

#: Public name -> module that defines it; `search` is the package itself, which can be called.
PUBLIC = {
    "Choice": ".spaces.parameters",
    "Constant": ".spaces.parameters",
    "Float": ".spaces.parameters",
    "Int": ".spaces.parameters",
    "Space": ".spaces.space",
    "BadInput": ".spaces.errors",
    "HpsearchError": ".spaces.errors",
    "StudyStore": ".studies.store",
    "searchable": ".search.stock.searchable",
    "watching": ".search.making.watch",
}

__all__ = [*PUBLIC, "search"]

watch_from_import_on()


def __getattr__(name: str) -> Any:
    if name == "search":
        return importlib.import_module(".search", __name__)
    if name in PUBLIC:
        return getattr(importlib.import_module(PUBLIC[name], __name__), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("hpsearch")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
