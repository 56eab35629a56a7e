"""How it is tried: tasks and data, the Trainer of a trial, retraining, prediction and the command line.

The road of one trial: `command.app` is what was typed, `command.run` what it means; `task_problem` or
`trainer_problem` make a `Problem` of it, from `data`, `model`, what the user brings (`own`) and who takes each value
(`consumers`); `study_run` opens its study; `workers`, here or elsewhere, each run the `loop`: it claims a row,
`sampling` says what is tried, `trial` trains it and writes down how it ended (in several processes: `ranks`). `ladder`
says who is followed to more data, `verdict` what came out, `winner` what becomes of it. Who looks at it all: `command`,
`report`, `dashboard`, `trackers`; who does it every night: `sweep`.

`hpsearch.search` is this package and, because that is what people type, also the function that searches a Trainer of
theirs: the package's module is callable. See `searched.search_trainer` for what it takes; in the words of transformers'
own search, that is `stock.searchable`.
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
