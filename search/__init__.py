"""How it is tried: tasks and data, the Trainer of a trial, retraining, prediction and the command line.

`hpsearch.search` is this package and, because that is what people type, also the function that searches a Trainer of
theirs: the package's module is callable. See `searched.search_trainer` for what it takes.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .searched import SearchedStudy


class _CallablePackage(ModuleType):
    def __call__(self, trainer: Any, **options: Any) -> SearchedStudy:
        """Search `trainer`; see `searched.search_trainer`."""
        from .searched import search_trainer

        return search_trainer(trainer, **options)


sys.modules[__name__].__class__ = _CallablePackage
