"""The flags of a command that takes all options of a search: `run` and `check`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from ..options import RunOptions, as_signature, resolve

Json = Annotated[bool, typer.Option("--json", help="print JSON")]


def takes_run_options(command: Callable[[RunOptions, bool], None]) -> Callable[..., None]:
    """Return `command` with the flags of `RunOptions` and `--json` for its signature."""

    def with_flags(**given: Any) -> None:
        as_json = bool(given.pop("as_json"))
        command(resolve(given), as_json)

    with_flags.__name__, with_flags.__doc__ = command.__name__, command.__doc__
    json_flag = inspect.Parameter("as_json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Json)
    signature = as_signature(RunOptions)
    with_flags.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), json_flag]
    )
    return with_flags
